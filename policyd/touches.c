/*
 * What a statement touches, for the record.
 *
 * Runs in the engine on the tree of a client's text.  The columns are those of
 * facts.c: in doubt one too many.  Nothing is decided by them here; out of
 * memory, or of room, says so in the list.
 */
#include "touches.h"

#include <stdio.h>
#include <string.h>

#include "facts.h"
#include "touched.h"

#define MORE	"; more"

/* The end of the list is kept free for it. */
#define ROOM(v)	(sizeof((v)->touched) - (sizeof(MORE) - 1))

static void
add_more(struct verdict *v)
{
	size_t	 n = strlen(v->touched);

	if (n >= 4 && strcmp(v->touched + n - 4, "more") == 0)
		return;
	/* There is room: ROOM kept it. */
	snprintf(v->touched + n, sizeof(v->touched) - n, "%s",
	    n == 0 ? &MORE[2] : MORE);
}

static bool
is_full(const struct verdict *v)
{
	size_t	 n = strlen(v->touched);

	return (n == 4 && strcmp(v->touched, "more") == 0) ||
	    (n > 6 && strcmp(v->touched + n - 6, MORE) == 0);
}

/* The columns in parentheses; false: no room. */
static bool
add_columns(struct verdict *v, const struct cat_rel *rel, const uint8_t *cols,
    uint8_t how)
{
	size_t	 i, marked = 0, n = strlen(v->touched);
	bool	 first = true;

	for (i = 0; i < rel->ncols; i++)
		marked += (cols[i] & how) != 0;
	if (marked == 0)
		return true;
	if (n + 4 > ROOM(v))
		return false;
	strcpy(v->touched + n, "(");
	for (i = 0; i < rel->ncols && marked < rel->ncols; i++) {
		if ((cols[i] & how) == 0)
			continue;
		if (strlen(v->touched) + 3 > ROOM(v))
			return false;
		if (!first)
			strcat(v->touched, ", ");
		first = false;
		if (touched_column(v->touched, ROOM(v),
		    rel->cols[i].name) == -1)
			return false;
	}
	if (strlen(v->touched) + 3 > ROOM(v))
		return false;
	strcat(v->touched, marked == rel->ncols ? "*)" : ")");
	return true;
}

static void
add_item(struct verdict *v, const char *access, const struct ref *r,
    const uint8_t *cols, uint8_t how)
{
	size_t		 n = strlen(v->touched), whole;
	const char	*schema = NULL, *name;

	if (is_full(v))
		return;
	if (r->rel != NULL) {
		schema = r->rel->schema;
		name = r->rel->name;
	} else if (r->rv != NULL) {
		schema = r->rv->schemaname;
		name = r->rv->relname;
	} else
		name = r->name;
	if (name == NULL || name[0] == '\0')
		return;
	if (n + 16 < ROOM(v)) {
		sprintf(v->touched + n, "%s%s ", n > 0 ? "; " : "", access);
		if (touched_relation(v->touched, ROOM(v), schema, name) == 0) {
			whole = strlen(v->touched);
			if (r->rel == NULL || cols == NULL ||
			    add_columns(v, r->rel, cols, how))
				return;
			v->touched[whole] = '\0';
			add_more(v);
			return;
		}
	}
	v->touched[n] = '\0';
	add_more(v);
}

static bool
same(const struct ref *a, const struct ref *b)
{
	if (a->rel != NULL || b->rel != NULL)
		return a->rel == b->rel;
	if (a->rv == NULL || b->rv == NULL)
		return a->rv == b->rv && a->name != NULL && b->name != NULL &&
		    strcmp(a->name, b->name) == 0;
	return strcmp(a->rv->relname, b->rv->relname) == 0 &&
	    strcmp(a->rv->schemaname, b->rv->schemaname) == 0;
}

/* All references to the relation of ref i, as one item for each access. */
static void
note_relation(struct verdict *v, const struct analysis *a,
    const struct facts *f, size_t i)
{
	const struct ref	*r = &a->refs[i];
	uint8_t			*cols = f->nomem ? NULL : f->cols[i].cols;
	bool			 reads = false, writes = false;
	size_t			 k, c;

	for (k = i; k < a->nrefs; k++) {
		if (!same(r, &a->refs[k]))
			continue;
		if (a->refs[k].write)
			writes = true;
		else
			reads = true;
		if (cols == NULL || f->cols[k].cols == NULL)
			continue;
		for (c = 0; c < r->rel->ncols; c++)
			cols[c] |= f->cols[k].cols[c];
	}
	for (c = 0; cols != NULL && c < r->rel->ncols; c++)
		reads = reads || (cols[c] & FACT_READ) != 0;
	if (reads)
		add_item(v, "read", r, cols, FACT_READ);
	if (writes)
		add_item(v, "write", r, cols, FACT_WRITTEN);
}

void
touches_note(struct judgement *j, const struct analysis *a,
    const PgQuery__Node *stmt)
{
	struct facts	 f;
	size_t		 i, k;

	if (a->nrefs == 0)
		return;
	facts_collect(&f, a, stmt, LOOK_COLUMNS);
	for (i = 0; i < a->nrefs; i++) {
		for (k = 0; k < i && !same(&a->refs[k], &a->refs[i]); k++)
			continue;
		if (k == i)
			note_relation(j->out, a, &f, i);
	}
}
