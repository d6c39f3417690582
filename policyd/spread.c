/*
 * From the columns that the policy names to all that shows them: generated
 * columns, children and parents, views, rules, policies, sequences.
 *
 * Runs in the engine, once for a profile and a snapshot, which is not trusted:
 * what cannot be followed is tainted, and any use of it refused.
 */
#include "protect_impl.h"

#include <string.h>

#include "sqlnames.h"

static int
taint(struct protect *pr, const struct cat_rel *rel, enum taint why,
    const struct cat_rel *source)
{
	struct protect_rel	*p = protect_make(pr, rel);

	if (p == NULL)
		return -1;
	if (p->taint == TAINT_NONE) {
		p->taint = why;
		p->source = source;
	}
	return 0;
}

/* Columns computed from masked ones; they cannot be computed from a mask. */
static int
generated(struct protect *pr)
{
	const struct cat_dep	*d;
	struct protect_rel	*p;
	size_t			 i, k, n;
	int			 changed = 0;

	d = catalog_deps(pr->cat, &n);
	for (i = 0; i < n; i++) {
		if (d[i].why != 'g' ||
		    (p = pr->rels[d[i].rel->index]) == NULL ||
		    !protect_attnum(p, d[i].attnum))
			continue;
		for (k = 0; k < p->rel->ncols; k++)
			if (p->rel->cols[k].attnum == d[i].target &&
			    p->mask[k] == NULL) {
				protect_mask(p, k, &protect_derived,
				    PATH_GENERATED, NULL);
				changed = 1;
			}
	}
	return changed;
}

static bool
same_mask(const struct mask_rule *a, const struct mask_rule *b)
{
	return a->kind == b->kind && a->keep_domain == b->keep_domain &&
	    a->first == b->first && a->last == b->last &&
	    a->width == b->width && a->to == b->to &&
	    mask_writes(a, "insert") == mask_writes(b, "insert") &&
	    mask_writes(a, "update") == mask_writes(b, "update");
}

/*
 * Rows of a child are read through its parents, and rows of a parent's table
 * are its children's: a column is masked in both, by name.  Where the policy
 * has two different masks for it, it is NULL in both.
 */
static int
share(struct protect *pr, const struct cat_rel *from, const struct cat_rel *to)
{
	struct protect_rel	*a = pr->rels[from->index], *b;
	size_t			 i, k;
	int			 changed = 0;

	for (i = 0; a != NULL && i < from->ncols; i++) {
		if (a->mask[i] == NULL)
			continue;
		for (k = 0; k < to->ncols; k++)
			if (strcmp(from->cols[i].name, to->cols[k].name) == 0)
				break;
		if (k == to->ncols)
			continue;
		if ((b = protect_make(pr, to)) == NULL)
			return -1;
		if (b->mask[k] == NULL)
			protect_mask(b, k, a->mask[i], PATH_INHERITED, from);
		else if (!same_mask(b->mask[k], a->mask[i]) &&
		    b->mask[k] != &protect_derived)
			protect_mask(b, k, &protect_derived, PATH_INHERITED,
			    from);
		else
			continue;
		changed = 1;
	}
	return changed;
}

int
spread_columns(struct protect *pr)
{
	const struct cat_dep	*d;
	bool			 changed = true;
	size_t			 i, n;
	int			 down, up;

	d = catalog_deps(pr->cat, &n);
	while (changed) {
		changed = generated(pr) == 1;
		for (i = 0; i < n; i++) {
			if (d[i].why != 'i')
				continue;
			down = share(pr, d[i].on, d[i].rel);
			up = share(pr, d[i].rel, d[i].on);
			if (down == -1 || up == -1)
				return -1;
			changed |= down == 1 || up == 1;
		}
	}
	return 0;
}

/*
 * A view, rule, policy or sequence over `on`, which is in the table: is what
 * it belongs to protected by that?  1: something changed.
 */
static int
spread_one(struct protect *pr, const struct cat_dep *d,
    const struct protect_rel *on)
{
	struct protect_rel	*p = pr->rels[d->rel->index];
	bool			 is_new = p == NULL;
	enum taint		 why = on->taint;

	if (p != NULL && p->taint != TAINT_NONE)
		return 0;
	/* What a materialized view shows of it is masked there: matviews.c. */
	if (why == TAINT_NONE && protect_attnum(on, d->attnum) &&
	    (p == NULL || !p->traced))
		why = d->rel == d->on ? TAINT_POLICY : TAINT_SHOWS;
	if (why == TAINT_NONE && d->why == 's')
		return 0;
	if (why != TAINT_NONE) {
		pr->sequences |= d->rel->kind == 'S';
		return taint(pr, d->rel, why, on->taint != TAINT_NONE ?
		    on->source : on->rel) == -1 ? -1 : 1;
	}
	return protect_make(pr, d->rel) == NULL ? -1 : is_new;
}

/* Reading a parent reads its children: what they compute or fetch, too. */
static int
spread_up(struct protect *pr, const struct cat_dep *d)
{
	const struct protect_rel	*child = pr->rels[d->rel->index];
	const struct protect_rel	*p = pr->rels[d->on->index];

	if (child == NULL || (child->taint != TAINT_CALLS &&
	    child->taint != TAINT_FOREIGN) ||
	    (p != NULL && p->taint != TAINT_NONE))
		return 0;
	return taint(pr, d->on, child->taint, child->source) == -1 ? -1 : 1;
}

/* Transitively. */
static int
spread_reads(struct protect *pr)
{
	const struct cat_dep		*deps;
	const struct protect_rel	*on;
	bool				 changed = true;
	size_t				 i, n;
	int				 r;

	deps = catalog_deps(pr->cat, &n);
	while (changed) {
		changed = false;
		for (i = 0; i < n; i++) {
			r = 0;
			on = pr->rels[deps[i].on->index];
			switch (deps[i].why) {
			case 'i':
				r = spread_up(pr, &deps[i]);
				break;
			case 'v':
			case 'p':
			case 's':
				if (on != NULL)
					r = spread_one(pr, &deps[i], on);
				break;
			}
			if (r == -1)
				return -1;
			changed |= r == 1;
		}
	}
	return 0;
}

/* What is tainted by itself. */
static int
taint_own(struct protect *pr)
{
	const struct cat_rel	*rel;
	const struct cat_dep	*d;
	size_t			 i, n;

	for (i = 0; i < pr->n; i++) {
		rel = catalog_rel(pr->cat, i);
		/* What it shows lies elsewhere, perhaps in here. */
		if (rel->kind == 'f' && !rel->system &&
		    taint(pr, rel, TAINT_FOREIGN, rel) == -1)
			return -1;
		/* A reference can be replaced, a sequence's value not. */
		if (pr->rels[i] != NULL && rel->kind == 'S' &&
		    taint(pr, rel, TAINT_SHOWS, rel) == -1)
			return -1;
		if (rel->read_calls && !rel->system &&
		    taint(pr, rel, TAINT_CALLS, rel) == -1)
			return -1;
	}
	/* A view of what is not for profiles with masks: pg_stats; or not all
	 * of it: pg_class. */
	d = catalog_deps(pr->cat, &n);
	for (i = 0; i < n; i++)
		if (d[i].why == 'v' && !d[i].rel->system &&
		    strcmp(d[i].on->schema, "pg_catalog") == 0 &&
		    (!sqlname_catalog(d[i].on->name) ||
		    sqlname_raw_catalog(d[i].on->name)) &&
		    taint(pr, d[i].rel, TAINT_SHOWS, d[i].on) == -1)
			return -1;
	return 0;
}

int
spread_taints(struct protect *pr)
{
	return taint_own(pr) == -1 || spread_reads(pr) == -1 ? -1 : 0;
}
