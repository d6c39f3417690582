/*
 * What a statement is: its kind and the kinds of what it holds inside, and the
 * relations that it names.
 *
 * Runs in the engine on the tree of a client's text.  A statement of a type
 * that is not known is `other`, which no sensible policy allows.
 */
#include "analysis.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "setscan.h"
#include "sqlnames.h"
#include "utility.h"

void
analysis_refuse(struct analysis *a, const char *sqlstate, const char *fmt, ...)
{
	va_list	 ap;

	if (a->refused)
		return;
	a->refused = true;
	a->sqlstate = sqlstate;
	va_start(ap, fmt);
	vsnprintf(a->message, sizeof(a->message), fmt, ap);
	va_end(ap);
}

void *
analysis_grow(struct analysis *a, void *v, size_t n, size_t *cap, size_t size)
{
	void	*p;

	if (n < *cap)
		return v;
	p = arena_alloc(a->arena, (*cap == 0 ? 8 : *cap * 2) * size);
	if (p == NULL) {
		a->nomem = true;
		return NULL;
	}
	if (n > 0)
		memcpy(p, v, n * size);
	*cap = *cap == 0 ? 8 : *cap * 2;
	return p;
}

void
analysis_edit(struct analysis *a, const struct splice *s)
{
	struct splice	*v;

	v = analysis_grow(a, a->edits, a->nedits, &a->capedits, sizeof(*v));
	if (v == NULL)
		return;
	a->edits = v;
	v[a->nedits++] = *s;
}

void
analysis_unit(struct analysis *a, enum kind kind, size_t w0, size_t w1)
{
	struct unit	*v;

	v = analysis_grow(a, a->units, a->nunits, &a->capunits, sizeof(*v));
	if (v == NULL)
		return;
	a->units = v;
	v[a->nunits].kind = kind;
	v[a->nunits].w0 = w0;
	v[a->nunits].w1 = w1;
	a->nunits++;
}

/* --- relations --------------------------------------------------------- */

static const struct cat_rel *
resolve_plain(struct analysis *a, const char *name)
{
	const struct scene	*s = a->scene;
	const struct cat_rel	*r, *found = NULL;
	size_t			 i;

	if (!s->path.catalog_listed &&
	    (r = catalog_find(s->cat, "pg_catalog", name)) != NULL)
		return r;
	if (s->path.pinned || !s->masked) {
		for (i = 0; i < s->path.n; i++)
			if ((r = catalog_find(s->cat, s->path.schemas[i],
			    name)) != NULL)
				return r;
		return NULL;
	}
	/* The search_path is not pinned: only a name that is one anywhere. */
	for (r = catalog_named(s->cat, name); r != NULL;
	    r = catalog_next_named(r)) {
		if (r->system)
			continue;
		if (found != NULL) {
			analysis_refuse(a, "42501", "relation %s is in more "
			    "than one schema; write the schema", name);
			return NULL;
		}
		found = r;
	}
	return found;
}

static const char *
join_name(struct analysis *a, const char *schema, const char *name)
{
	size_t	 n = strlen(schema) + strlen(name) + 2;
	char	*p = arena_alloc(a->arena, n);

	if (p == NULL) {
		a->nomem = true;
		return NULL;
	}
	snprintf(p, n, "%s.%s", schema, name);
	return p;
}

static void
refuse_tainted(struct analysis *a, const struct protect_rel *p)
{
	const struct cat_rel	*r = p->rel, *s = p->source;

	switch (p->taint) {
	case TAINT_SHOWS:
		analysis_refuse(a, "42501", "%s.%s shows protected columns of "
		    "%s.%s; reading them through it is not handled yet",
		    r->schema, r->name, s->schema, s->name);
		break;
	case TAINT_POLICY:
		analysis_refuse(a, "42501", "%s.%s is not available in a "
		    "profile with masks: row security of %s.%s decides by "
		    "masked columns", r->schema, r->name, s->schema, s->name);
		break;
	case TAINT_FOREIGN:
		analysis_refuse(a, "42501", "%s.%s is not available in a "
		    "profile with masks: what the foreign table %s.%s shows "
		    "lies elsewhere", r->schema, r->name, s->schema, s->name);
		break;
	default:
		analysis_refuse(a, "42501", "%s.%s is not available in a "
		    "profile with masks: reading %s.%s calls a function or an "
		    "operator that is not known to be harmless", r->schema,
		    r->name, s->schema, s->name);
		break;
	}
}

/* What a profile with masks says to a relation. */
static void
check_relation(struct analysis *a, struct ref *r, const char *schema,
    const char *name)
{
	const struct protect_rel	*p;
	const char			*dot = schema[0] != '\0' ? "." : "";

	if (r->rel == NULL) {
		a->wanted = true;
		analysis_refuse(a, "42P01", "relation %s%s%s is not known",
		    schema, dot, name);
		return;
	}
	if (r->rel->system) {
		if (strcmp(r->rel->schema, "pg_catalog") == 0 &&
		    !sqlname_catalog(r->rel->name))
			analysis_refuse(a, "42501", "%s is not available in a "
			    "profile with masks", r->rel->name);
		return;
	}
	if (r->rel->cast_calls)
		analysis_refuse(a, "42501", "%s.%s has a column of a type with "
		    "a cast that calls a function; it is not available in a "
		    "profile with masks", r->rel->schema, r->rel->name);
	if ((p = protect_find(a->scene->protect, r->rel)) == NULL)
		return;
	a->nprotected++;
	if (p->taint == TAINT_SHOWS && r->rel->kind == 'v' && r->rv != NULL &&
	    r->rv->inh && !r->write && r->rel->definition != NULL) {
		r->prot = views_masked(a, r->rel);
		if (r->prot != NULL || a->refused)
			return;
	}
	if (p->taint != TAINT_NONE) {
		refuse_tainted(a, p);
		return;
	}
	if (r->rv == NULL || p->nmasked == 0 || r->write)
		return;
	if (!r->rv->inh)
		analysis_refuse(a, "42501", "ONLY on the protected table "
		    "%s.%s is not handled yet", r->rel->schema, r->rel->name);
	r->prot = protect_masked(a->scene->protect, r->rel);
	if (r->prot == NULL)
		analysis_refuse(a, "42501", "the masks of %s.%s cannot be "
		    "written as SQL", r->rel->schema, r->rel->name);
}

size_t
analysis_ref(struct analysis *a, const PgQuery__RangeVar *rv,
    const char *schema, const char *name, bool write)
{
	const struct scene	*s = a->scene;
	struct ref		*v, *r;

	v = analysis_grow(a, a->refs, a->nrefs, &a->caprefs, sizeof(*v));
	if (v == NULL)
		return a->nrefs;
	a->refs = v;
	r = &v[a->nrefs];
	memset(r, 0, sizeof(*r));
	r->rv = rv;
	r->write = write;
	if (rv != NULL) {
		schema = rv->schemaname;
		name = rv->relname;
		if (s->masked && rv->catalogname != NULL &&
		    rv->catalogname[0] != '\0')
			analysis_refuse(a, "42501", "a name with a database "
			    "in it is not available in a profile with masks");
	}
	if (schema == NULL)
		schema = "";
	if (s->cat != NULL)
		r->rel = schema[0] != '\0' ? catalog_find(s->cat, schema,
		    name) : resolve_plain(a, name);
	if (r->rel == NULL)
		a->unresolved = true;
	if (s->relations) {
		if (r->rel != NULL)
			r->name = join_name(a, r->rel->schema, r->rel->name);
		else if (schema[0] != '\0')
			r->name = join_name(a, schema, name);
	}
	if (s->masked)
		check_relation(a, r, schema, name);
	return a->nrefs++;
}

/* What only the whole statement can tell. */
/*
 * pg_class and pg_attribute without their columns that tell sizes or values,
 * where one of them is asked for: those are NULL then.
 */
static bool
hide_raw(struct analysis *a)
{
	struct ref	*r;
	size_t		 i;
	bool		 all = true;

	for (i = 0; i < a->nrefs; i++) {
		r = &a->refs[i];
		if (r->rel == NULL || !r->rel->system ||
		    !sqlname_raw_catalog(r->rel->name))
			continue;
		if (r->rv != NULL && r->rv->inh && !r->write)
			r->prot = protect_catalog(a->scene->protect, r->rel);
		all &= r->prot != NULL;
	}
	if (!all)
		analysis_refuse(a, "42501", "pg_class and pg_attribute can "
		    "not be read whole here in a profile with masks");
	return all;
}

static void
finish_masked(struct analysis *a)
{
	bool	 hidden = false;

	if (a->dml)
		writes_check(a);
	if (a->raw_catalog && (a->raw_column != NULL || a->raw_whole))
		hidden = hide_raw(a);
	if (a->nprotected == 0 && !hidden)
		return;
	if (a->explain && a->nprotected > 0)
		analysis_refuse(a, "42501", "EXPLAIN of a statement over a "
		    "protected relation is not available: its plan and its "
		    "estimates come from the protected values");
	if (a->system_column != NULL)
		analysis_refuse(a, "42501", "the system column %s is not "
		    "available beside a protected relation",
		    a->system_column);
	if (a->three_part)
		analysis_refuse(a, "42501", "a column's name with a schema in "
		    "it is not handled yet beside a protected relation; use "
		    "an alias");
	if (a->reg_cast != NULL && a->nprotected > 0)
		analysis_refuse(a, "42501", "a cast to %s is not available "
		    "beside a protected relation", a->reg_cast);
}

void
analysis_statement(struct analysis *a, const PgQuery__Node *stmt)
{
	a->whole = stmt;
	utility_statement(a, stmt);
	a->kind = utility_kind(stmt);
	if (a->scene->masked && a->scene->protect != NULL)
		finish_masked(a);
	setscan(a, stmt);
	if (a->nomem)
		analysis_refuse(a, "53200", "out of memory");
}

void
analysis_clear(struct analysis *a)
{
	while (a->ncodes > 0)
		sqltree_free(&a->codes[--a->ncodes]);
}

/* --- proof of reading only --------------------------------------------- */

static bool
ref_harmless(const struct ref *r)
{
	if (r->rel == NULL || r->write)
		return false;
	if (r->rel->system)
		return true;
	/* A view may call anything, and so may a policy. */
	return !r->rel->rowsecurity && !r->rel->read_calls &&
	    (r->rel->kind == 'r' ||
	    r->rel->kind == 'p' || r->rel->kind == 'm' ||
	    r->rel->kind == 'S');
}

bool
analysis_readonly(const struct analysis *a)
{
	size_t	 i;

	if (a->unproven || a->dml || a->locking || a->unresolved ||
	    a->explain_analyze || a->nunits == 0)
		return false;
	if (a->scene->cat != NULL && catalog_hidden_casts(a->scene->cat))
		return false;
	for (i = 0; i < a->nunits; i++)
		switch (a->units[i].kind) {
		case KIND_SELECT:
		case KIND_VALUES:
		case KIND_SHOW:
		case KIND_EXPLAIN:
		case KIND_EMPTY:
			break;
		default:
			return false;
		}
	for (i = 0; i < a->nrefs; i++)
		if (!ref_harmless(&a->refs[i]))
			return false;
	return true;
}
