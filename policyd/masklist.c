/*
 * What is protected, with which mask, and by which path: for policyctl masks.
 *
 * Runs in the engine.  Names are the database's and may be anything; they go
 * out as JSON strings.
 */
#include "masklist.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "analysis.h"
#include "mask.h"

struct list {
	json_t	*rows;
	size_t	 size, max;	/* in JSON */
	bool	 cut;
};

static json_t *
full_name(const struct cat_rel *rel, const char *column)
{
	json_t	*s = column == NULL ?
		    json_sprintf("%s.%s", rel->schema, rel->name) :
		    json_sprintf("%s.%s.%s", rel->schema, rel->name, column);

	/* Not UTF-8. */
	return s != NULL ? s : json_string("?");
}

static const char *
path_word(enum path_how how)
{
	switch (how) {
	case PATH_COLUMNS:
		return "columns";
	case PATH_TYPES:
		return "types";
	case PATH_TAGS:
		return "tagged";
	case PATH_GENERATED:
		return "generated from masked columns";
	case PATH_INHERITED:
		return "inheritance";
	case PATH_MATVIEW:
		return "materialized view";
	default:
		return "?";
	}
}

static const char *
taint_words(const struct protect_rel *p)
{
	switch (p->taint) {
	case TAINT_SHOWS:
		return p->rel->kind == 'v' ?
		    "view: its query is masked in turn, or refused" :
		    p->rel->kind == 'S' ?
		    "refused: the sequence of a masked column" :
		    "refused: what it shows cannot be followed";
	case TAINT_POLICY:
		return "refused: row security decides by masked columns";
	case TAINT_CALLS:
		return "refused: reading it calls what is not known to be "
		    "harmless";
	default:
		return "refused: a foreign table is read";
	}
}

static void
add_row(struct list *l, json_t *what, const char *mask, const char *by,
    const struct cat_rel *from)
{
	json_t	*row = json_object();
	size_t	 size;

	json_object_set_new(row, "name", what);
	json_object_set_new(row, "mask", json_string(mask));
	json_object_set_new(row, "by", json_string(by));
	if (from != NULL)
		json_object_set_new(row, "from", full_name(from, NULL));
	size = json_dumpb(row, NULL, 0, JSON_COMPACT) + 1;
	if (l->size + size > l->max) {
		l->cut = true;
		json_decref(row);
		return;
	}
	l->size += size;
	json_array_append_new(l->rows, row);
}

static void
add_relation(struct list *l, const struct protect_rel *p)
{
	const struct cat_rel	*rel = p->rel;
	char			 mask[128];
	size_t			 i;

	for (i = 0; i < rel->ncols; i++) {
		if (p->mask[i] == NULL)
			continue;
		mask_describe(&rel->cols[i], p->mask[i], mask, sizeof(mask));
		add_row(l, full_name(rel, rel->cols[i].name), mask,
		    path_word(p->path[i].how), p->path[i].from);
	}
	if (p->taint != TAINT_NONE)
		add_row(l, full_name(rel, NULL), "-", taint_words(p),
		    p->source != rel ? p->source : NULL);
}

char *
masklist_json(const char *profile, const char *database,
    const struct scene *sc, size_t max)
{
	struct list			 l = { json_array(), 512, max, false };
	const struct protect_rel	*p;
	json_t				*o = json_object();
	size_t				 i;
	char				*text;

	json_object_set_new(o, "profile", json_string(profile));
	json_object_set_new(o, "database", json_string(database));
	if (sc == NULL || sc->protect == NULL)
		json_object_set_new(o, "error", json_string("the catalogue of "
		    "this database is not read yet"));
	for (i = 0; sc != NULL && sc->protect != NULL &&
	    i < catalog_nrels(sc->cat); i++) {
		p = protect_find(sc->protect, catalog_rel(sc->cat, i));
		if (p != NULL)
			add_relation(&l, p);
	}
	if (l.cut)
		json_object_set_new(o, "cut", json_true());
	json_object_set_new(o, "rows", l.rows);
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}
