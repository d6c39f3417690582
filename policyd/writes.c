/*
 * What a profile with masks may write, and where: nothing that could put a
 * mask into a table as data, and nothing whose errors, tags or effects depend
 * on protected values.
 *
 * Runs in the engine, at the end of a statement's walk (analysis.masked_use
 * says whether a masked column is read anywhere in it).
 */
#include "analysis.h"

#include <string.h>

/* Is this column (0: any) of the relation masked, or the relation not whole? */
static bool
masked_column(const struct scene *s, const struct cat_rel *rel,
    uint32_t attnum)
{
	const struct protect_rel	*p = protect_find(s->protect, rel);

	return p != NULL && (p->taint != TAINT_NONE ||
	    protect_attnum(p, attnum));
}

/* What a write runs on the relation, or on a partition or child of it. */
static const char *
write_runs(const struct scene *s, const struct cat_rel *rel, int depth)
{
	const struct cat_dep	*deps;
	const char		*why = NULL;
	size_t			 i, n;

	if (rel->rules || rel->triggers)
		return "it has rules or triggers";
	if (rel->rowsecurity)
		return "it has row security";
	if (rel->write_calls)
		return "a default, a check or an index of it calls a function "
		    "or an operator that is not known to be harmless";
	if (depth > 32)
		return "its partitions are nested too deep";
	deps = catalog_deps(s->cat, &n);
	for (i = 0; why == NULL && i < n; i++)
		if (deps[i].why == 'i' && deps[i].on == rel)
			why = write_runs(s, deps[i].rel, depth + 1);
	return why;
}

/* Does one check, index or generated column read masked and other columns? */
static bool
mixes(const struct scene *s, const struct cat_rel *rel,
    const struct cat_dep *d)
{
	const struct cat_dep	*deps;
	size_t			 i, n;

	if (d->attnum == 0)
		return true;
	deps = catalog_deps(s->cat, &n);
	for (i = 0; i < n; i++)
		if (deps[i].why == d->why && deps[i].rel == rel &&
		    deps[i].target == d->target &&
		    (deps[i].attnum == 0 ||
		    !masked_column(s, rel, deps[i].attnum)))
			return true;
	return false;
}

/* What of the relation, or of its children, depends on masked columns? */
static const char *
write_reads(const struct scene *s, const struct cat_rel *rel, enum kind k,
    int depth)
{
	const struct cat_dep	*d;
	const char		*why = NULL;
	size_t			 i, n;

	if (depth > 32)
		return "its partitions are nested too deep";
	d = catalog_deps(s->cat, &n);
	for (i = 0; why == NULL && i < n; i++) {
		if (d[i].on != rel)
			continue;
		if (d[i].why == 'i') {
			/* A row that moves to another partition is new there. */
			why = write_reads(s, d[i].rel, rel->kind == 'p' ?
			    KIND_INSERT : k, depth + 1);
			continue;
		}
		if (d[i].rel != rel || !masked_column(s, rel, d[i].attnum))
			continue;
		if (k == KIND_INSERT && d[i].why == 'u')
			why = "a unique index has a masked column";
		else if (k == KIND_INSERT && (d[i].why == 'w' ||
		    d[i].why == 'g'))
			why = "a check, an index or a generated column reads "
			    "a masked column";
		else if ((d[i].why == 'w' || d[i].why == 'g') &&
		    mixes(s, rel, &d[i]))
			why = "a check, an index or a generated column reads "
			    "a masked column beside others";
	}
	return why;
}

/* Does the index that `d` is of have a column of this name, too? */
static bool
index_has(const struct scene *s, const struct cat_dep *d, const char *name)
{
	const struct cat_col	*col = catalog_col(d->rel, name);
	const struct cat_dep	*deps;
	size_t			 i, n;

	deps = catalog_deps(s->cat, &n);
	for (i = 0; col != NULL && i < n; i++)
		if (deps[i].why == d->why && deps[i].rel == d->rel &&
		    deps[i].target == d->target &&
		    deps[i].attnum == col->attnum)
			return true;
	return false;
}

/*
 * A new value in an index that has a masked column as well: whether it is
 * there already, or too wide together, is an error that tells.
 */
static bool
index_tells(const struct scene *s, const struct cat_rel *rel,
    const char *name, int depth)
{
	const struct cat_dep	*d;
	size_t			 i, n;

	d = catalog_deps(s->cat, &n);
	for (i = 0; i < n; i++) {
		if (d[i].on != rel)
			continue;
		if (d[i].why == 'i') {
			if (depth > 32 ||
			    index_tells(s, d[i].rel, name, depth + 1))
				return true;
		} else if ((d[i].why == 'u' || d[i].why == 'x') &&
		    d[i].attnum != 0 &&
		    masked_column(s, rel, d[i].attnum) &&
		    index_has(s, &d[i], name))
			return true;
	}
	return false;
}

static const char	*foreign_keys(const struct scene *,
			    const struct cat_rel *, enum kind);

/*
 * What the actions of foreign keys (ON UPDATE, ON DELETE) could do beyond the
 * relation: which of them a key has is not known here, so any of them.
 * `column` 0: whichever key; `seen` has one place for each relation.
 */
static const char *
cascades(const struct scene *s, const struct cat_rel *rel, uint32_t column,
    enum kind k, bool *seen)
{
	const struct cat_dep	*d;
	const struct cat_col	*c;
	const char		*why = NULL;
	size_t			 i, j, n;

	if (seen[rel->index])
		return NULL;
	seen[rel->index] = column == 0;
	d = catalog_deps(s->cat, &n);
	for (i = 0; why == NULL && i < n; i++) {
		if (d[i].why != 'f' || d[i].on != rel ||
		    (column != 0 && d[i].attnum != column))
			continue;
		for (j = 0; j < d[i].rel->ncols; j++) {
			c = &d[i].rel->cols[j];
			if (c->attnum == d[i].target &&
			    index_tells(s, d[i].rel, c->name, 0))
				why = "a foreign key to it could change a "
				    "column that an index has beside a masked "
				    "one";
		}
		if (why == NULL)
			why = write_reads(s, d[i].rel, KIND_UPDATE, 0);
		if (why == NULL && k == KIND_DELETE)
			why = foreign_keys(s, d[i].rel, KIND_DELETE);
		if (why == NULL)
			why = cascades(s, d[i].rel, 0, k, seen);
	}
	return why;
}

static const char *
cascades_from(struct analysis *a, const struct cat_rel *rel, uint32_t column,
    enum kind k)
{
	size_t	 n = catalog_nrels(a->scene->cat);
	bool	*seen = arena_alloc(a->arena, (n + 1) * sizeof(*seen));

	if (seen == NULL) {
		a->nomem = true;
		return NULL;
	}
	memset(seen, 0, (n + 1) * sizeof(*seen));
	return cascades(a->scene, rel, column, k, seen);
}

void
writes_set(struct analysis *a, const struct cat_rel *rel,
    PgQuery__Node *const *v, size_t n)
{
	const struct cat_col	*col;
	const char		*name, *why;
	size_t			 i;

	for (i = 0; i < n; i++) {
		if (v[i]->node_case != PG_QUERY__NODE__NODE_RES_TARGET)
			continue;
		name = v[i]->res_target->name;
		col = catalog_col(rel, name);
		if (col != NULL && (why = cascades_from(a, rel, col->attnum,
		    KIND_UPDATE)) != NULL)
			analysis_refuse(a, "42501", "column %s of %s.%s "
			    "cannot be written in a profile with masks: %s",
			    name, rel->schema, rel->name, why);
		if (index_tells(a->scene, rel, name, 0))
			analysis_refuse(a, "42501", "column %s of %s.%s "
			    "cannot be written in a profile with masks: an "
			    "index has it beside a masked column", name,
			    rel->schema, rel->name);
	}
}

/* What foreign keys look at, and do. */
static const char *
foreign_keys(const struct scene *s, const struct cat_rel *rel, enum kind k)
{
	const struct cat_dep	*d;
	const char		*why;
	bool			 removes = k != KIND_INSERT &&
				    k != KIND_COPY_FROM;
	size_t			 i, n;

	d = catalog_deps(s->cat, &n);
	for (i = 0; i < n; i++) {
		if (d[i].why != 'f')
			continue;
		/* A masked column is not written: an UPDATE looks at none. */
		if (d[i].rel == rel && (k == KIND_UPDATE ?
		    masked_column(s, d[i].on, d[i].attnum) &&
		    !masked_column(s, rel, d[i].target) :
		    k != KIND_DELETE && (masked_column(s, d[i].on,
		    d[i].attnum) || masked_column(s, rel, d[i].target))))
			return "a foreign key checks protected columns";
		if (d[i].on != rel || !removes)
			continue;
		if (k != KIND_UPDATE && (masked_column(s, rel, d[i].attnum) ||
		    masked_column(s, d[i].rel, d[i].target)))
			return "a foreign key to it has protected columns";
		if (k == KIND_UPDATE && masked_column(s, d[i].rel,
		    d[i].target) && !masked_column(s, rel, d[i].attnum))
			return "a foreign key to it has protected columns";
		/* ON DELETE CASCADE and its kin write there. */
		if ((why = write_runs(s, d[i].rel, 0)) != NULL)
			return "a table with a foreign key to it has rules, "
			    "triggers, row security or calls functions";
	}
	return NULL;
}

static void
check_target(struct analysis *a, const struct ref *r, enum kind k)
{
	const struct scene		*s = a->scene;
	const struct protect_rel	*p;
	const char			*why = NULL;

	if (r->rel == NULL)
		return;
	p = protect_find(s->protect, r->rel);
	if (r->rel->system || (r->rel->kind != 'r' && r->rel->kind != 'p'))
		why = "it is not a plain table";
	else if (p != NULL && k != KIND_UPDATE && k != KIND_DELETE &&
	    k != KIND_INSERT)
		why = "it is protected";
	else if (p != NULL && k == KIND_INSERT && protect_tokens(p))
		/* Of a default, if of nothing else. */
		why = "the new row would show the token of its values";
	else if (p != NULL && r->rv != NULL && !r->rv->inh)
		why = "ONLY and a protected table";
	if (why == NULL)
		why = write_runs(s, r->rel, 0);
	if (why == NULL && p != NULL)
		why = write_reads(s, r->rel, k, 0);
	if (why == NULL)
		why = foreign_keys(s, r->rel, k);
	if (why == NULL && (k == KIND_DELETE || k == KIND_MERGE))
		why = cascades_from(a, r->rel, 0, KIND_DELETE);
	/* A masked column that is set is new there, as by an INSERT, and what
	 * it was is gone. */
	if (why == NULL && p != NULL && k == KIND_UPDATE && a->masked_set) {
		why = write_reads(s, r->rel, KIND_INSERT, 0);
		if (why == NULL)
			why = foreign_keys(s, r->rel, KIND_INSERT);
		if (why == NULL)
			why = foreign_keys(s, r->rel, KIND_DELETE);
	}
	if (why != NULL)
		analysis_refuse(a, "42501", "writing %s.%s is not available "
		    "in a profile with masks: %s", r->rel->schema,
		    r->rel->name, why);
}

void
writes_check(struct analysis *a)
{
	size_t	 i, j;

	if (a->nprotected > 0 && a->masked_returned != NULL)
		analysis_refuse(a, "42501", "RETURNING cannot show %s in a "
		    "profile with masks: it is masked; list the columns that "
		    "are not, or SELECT the row again", a->masked_returned);
	if (a->nprotected > 0 && a->masked_use != NULL)
		analysis_refuse(a, "42501", "a statement that writes cannot "
		    "use %s in a profile with masks: it is masked, and its "
		    "mask would decide or be written as data", a->masked_use);
	for (i = 0; i < a->nunits; i++)
		for (j = a->units[i].w0; j < a->units[i].w1; j++)
			if (a->refs[j].write) {
				check_target(a, &a->refs[j],
				    a->units[i].kind);
				if (a->upsert)
					check_target(a, &a->refs[j],
					    KIND_UPDATE);
			}
}
