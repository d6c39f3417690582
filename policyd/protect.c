/*
 * Masks over a catalogue snapshot: compiled once for a profile, a database and
 * an epoch, looked up for every relation of every statement.
 *
 * Runs in the engine.  The snapshot is not trusted: a relation whose derived
 * table does not parse to exactly what was meant is not usable (NULL), and the
 * statement is refused.
 */
#include "protect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mask.h"
#include "sqlnames.h"

struct protect {
	const struct profile	*profile;
	const struct catalog	*cat;
	struct protect_rel	**rels;		/* by index of the relation */
	struct protect_rel	**shown;	/* views, catalogues: replaced */
	size_t			 n;
	bool			 sequences;
};

/* What a column is masked by that is computed from a masked one. */
static const struct mask_rule derived = { .kind = MASK_NULL };

static const struct mask_rule *
rule_for(const struct profile *p, const char *path, size_t len)
{
	size_t	 i, j, k;

	for (i = 0; i < p->nmasks; i++)
		for (j = 0; j < p->masks[i]->nrules; j++) {
			const struct mask_rule *r = &p->masks[i]->rules[j];

			for (k = 0; k < r->columns.n; k++)
				if (glob_match(r->columns.v[k], path, len))
					return r;
		}
	return NULL;
}

static struct protect_rel *
rel_make_in(struct protect_rel **rels, const struct cat_rel *rel)
{
	struct protect_rel	*p = rels[rel->index];

	if (p != NULL)
		return p;
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	p->rel = rel;
	p->mask = calloc(rel->ncols + 1, sizeof(*p->mask));
	if (p->mask == NULL) {
		free(p);
		return NULL;
	}
	rels[rel->index] = p;
	return p;
}

static struct protect_rel *
rel_make(struct protect *pr, const struct cat_rel *rel)
{
	return rel_make_in(pr->rels, rel);
}

/* A file name of at most 4 * 63 bytes and dots. */
static int
match_columns(struct protect *pr, const char *database,
    const struct cat_rel *rel)
{
	const struct mask_rule	*r;
	struct protect_rel	*p;
	char			 path[512];
	size_t			 i;
	int			 len;

	for (i = 0; i < rel->ncols; i++) {
		len = snprintf(path, sizeof(path), "%s.%s.%s.%s", database,
		    rel->schema, rel->name, rel->cols[i].name);
		if (len < 0 || (size_t)len >= sizeof(path))
			return -1;
		if ((r = rule_for(pr->profile, path, (size_t)len)) == NULL)
			continue;
		if ((p = rel_make(pr, rel)) == NULL)
			return -1;
		p->mask[i] = r;
		p->nmasked++;
	}
	return 0;
}

static int
taint(struct protect *pr, const struct cat_rel *rel, enum taint why,
    const struct cat_rel *source)
{
	struct protect_rel	*p = rel_make(pr, rel);

	if (p == NULL)
		return -1;
	if (p->taint == TAINT_NONE) {
		p->taint = why;
		p->source = source;
	}
	return 0;
}

static bool
attnum_masked(const struct protect_rel *p, uint32_t attnum)
{
	size_t	 i;

	for (i = 0; i < p->rel->ncols; i++)
		if (p->mask[i] != NULL &&
		    (attnum == 0 || p->rel->cols[i].attnum == attnum))
			return true;
	return false;
}

/* Columns computed from masked ones; they cannot be computed from another. */
static void
match_generated(struct protect *pr)
{
	const struct cat_dep	*d;
	struct protect_rel	*p;
	size_t			 i, k, n;

	d = catalog_deps(pr->cat, &n);
	for (i = 0; i < n; i++) {
		if (d[i].why != 'g' ||
		    (p = pr->rels[d[i].rel->index]) == NULL ||
		    !attnum_masked(p, d[i].attnum))
			continue;
		for (k = 0; k < p->rel->ncols; k++)
			if (p->rel->cols[k].attnum == d[i].target &&
			    p->mask[k] == NULL) {
				p->mask[k] = &derived;
				p->nmasked++;
			}
	}
}

bool
protect_column(const struct protect_rel *p, const char *column)
{
	size_t	 i;

	for (i = 0; i < p->rel->ncols; i++)
		if (p->mask[i] != NULL &&
		    strcmp(p->rel->cols[i].name, column) == 0)
			return true;
	return false;
}

/* Does `rel` mask all that `by` masks, by name? */
static bool
covers(const struct protect *pr, const struct cat_rel *rel,
    const struct protect_rel *by)
{
	const struct protect_rel	*p = pr->rels[rel->index];
	size_t				 i;

	if (p == NULL)
		return false;
	for (i = 0; i < by->rel->ncols; i++)
		if (by->mask[i] != NULL &&
		    !protect_column(p, by->rel->cols[i].name))
			return false;
	return true;
}

/*
 * Rows of a child are read through its parents, and rows of a parent's table
 * are its children's: both ways, each relation must mask what the other does.
 * `seen` holds a mark for each relation.
 */
static int
inherit(struct protect *pr, const struct protect_rel *from,
    const struct cat_rel *at, bool down, uint8_t *seen)
{
	const struct cat_dep	*deps;
	const struct cat_rel	*next;
	size_t			 i, n;

	deps = catalog_deps(pr->cat, &n);
	for (i = 0; i < n; i++) {
		if (deps[i].why != 'i' ||
		    (down ? deps[i].on : deps[i].rel) != at)
			continue;
		next = down ? deps[i].rel : deps[i].on;
		if (seen[next->index])
			continue;
		seen[next->index] = 1;
		if (!covers(pr, next, from) &&
		    taint(pr, next, TAINT_SHOWS, from->rel) == -1)
			return -1;
		if (inherit(pr, from, next, down, seen) == -1)
			return -1;
	}
	return 0;
}

static int
spread_inheritance(struct protect *pr)
{
	uint8_t	*seen;
	size_t	 i;
	int	 down, rc = 0;

	if ((seen = malloc(pr->n + 1)) == NULL)
		return -1;
	for (i = 0; i < pr->n && rc == 0; i++) {
		if (pr->rels[i] == NULL || pr->rels[i]->nmasked == 0)
			continue;
		for (down = 0; down < 2 && rc == 0; down++) {
			memset(seen, 0, pr->n + 1);
			rc = inherit(pr, pr->rels[i], pr->rels[i]->rel,
			    down == 1, seen);
		}
	}
	free(seen);
	return rc;
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
	if (why == TAINT_NONE && attnum_masked(on, d->attnum))
		why = d->rel == d->on ? TAINT_POLICY : TAINT_SHOWS;
	if (why == TAINT_NONE && d->why == 's')
		return 0;
	if (why != TAINT_NONE) {
		pr->sequences |= d->rel->kind == 'S';
		return taint(pr, d->rel, why, on->taint != TAINT_NONE ?
		    on->source : on->rel) == -1 ? -1 : 1;
	}
	return rel_make(pr, d->rel) == NULL ? -1 : is_new;
}

/* Reading a parent reads its children: what they compute, too. */
static int
spread_up(struct protect *pr, const struct cat_dep *d)
{
	const struct protect_rel	*child = pr->rels[d->rel->index];
	const struct protect_rel	*p = pr->rels[d->on->index];

	if (child == NULL || child->taint != TAINT_CALLS ||
	    (p != NULL && p->taint != TAINT_NONE))
		return 0;
	return taint(pr, d->on, TAINT_CALLS, child->source) == -1 ? -1 : 1;
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
		/* Only a plain table's reference can be replaced. */
		if (pr->rels[i] != NULL && rel->kind != 'r' &&
		    rel->kind != 'p' &&
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

struct protect *
protect_new(const struct profile *profile, const char *database,
    const struct catalog *cat)
{
	const struct cat_rel	*rel;
	struct protect		*pr;
	size_t			 i;

	if ((pr = calloc(1, sizeof(*pr))) == NULL)
		return NULL;
	pr->profile = profile;
	pr->cat = cat;
	pr->n = catalog_nrels(cat);
	pr->rels = calloc(pr->n + 1, sizeof(*pr->rels));
	pr->shown = calloc(pr->n + 1, sizeof(*pr->shown));
	if (pr->rels == NULL || pr->shown == NULL)
		goto fail;
	for (i = 0; i < pr->n; i++) {
		rel = catalog_rel(cat, i);
		if (!rel->system && match_columns(pr, database, rel) == -1)
			goto fail;
	}
	match_generated(pr);
	if (taint_own(pr) == -1 || spread_inheritance(pr) == -1 ||
	    spread_reads(pr) == -1)
		goto fail;
	return pr;
fail:
	protect_free(&pr);
	return NULL;
}

static void
free_rels(struct protect_rel **v, size_t n)
{
	size_t	 i;

	for (i = 0; v != NULL && i < n; i++) {
		if (v[i] == NULL)
			continue;
		if (v[i]->subquery != NULL)
			sqltree_free(&v[i]->tree);
		free(v[i]->sql);
		free(v[i]->mask);
		free(v[i]);
	}
	free(v);
}

void
protect_free(struct protect **prp)
{
	struct protect	*pr = *prp;

	if (pr == NULL)
		return;
	free_rels(pr->rels, pr->n);
	free_rels(pr->shown, pr->n);
	free(pr);
	*prp = NULL;
}

const struct protect_rel *
protect_find(const struct protect *pr, const struct cat_rel *rel)
{
	return pr->rels[rel->index];
}

/* The one SELECT that was meant, and no more? */
static const PgQuery__Node *
check_tree(const struct sqltree *t, const struct cat_rel *rel)
{
	const PgQuery__SelectStmt	*s;
	const PgQuery__RangeVar		*rv;
	const PgQuery__Node		*sub;
	size_t				 i;

	if (t->root->n_stmts != 1 || t->root->stmts[0]->stmt->node_case !=
	    PG_QUERY__NODE__NODE_SELECT_STMT)
		return NULL;
	s = t->root->stmts[0]->stmt->select_stmt;
	if (s->n_from_clause != 1 || s->from_clause[0]->node_case !=
	    PG_QUERY__NODE__NODE_RANGE_SUBSELECT)
		return NULL;
	sub = s->from_clause[0]->range_subselect->subquery;
	s = sub->select_stmt;
	if (s->n_target_list != rel->ncols || s->n_from_clause != 1 ||
	    s->where_clause != NULL || s->with_clause != NULL ||
	    s->larg != NULL || s->from_clause[0]->node_case !=
	    PG_QUERY__NODE__NODE_RANGE_VAR)
		return NULL;
	rv = s->from_clause[0]->range_var;
	if (strcmp(rv->relname, rel->name) != 0 ||
	    strcmp(rv->schemaname, rel->schema) != 0)
		return NULL;
	for (i = 0; i < rel->ncols; i++) {
		const PgQuery__ResTarget *rt = s->target_list[i]->res_target;

		if (rt->val->node_case != PG_QUERY__NODE__NODE_TYPE_CAST &&
		    rt->val->node_case != PG_QUERY__NODE__NODE_COLUMN_REF)
			return NULL;
	}
	return sub;
}

/* From "(SELECT ...)" in the buffer; NULL: not usable, or no memory. */
static const struct protect_rel *
keep_sql(struct protect_rel *p, struct buf *sql, bool table)
{
	static const char	 head[] = "SELECT * FROM ", tail[] = " AS x";
	const PgQuery__Node	*from;
	struct sql_error	 err;
	struct buf		 b;
	int			 rc;

	buf_init(&b, 1024 * 1024);
	rc = buf_add(&b, head, strlen(head));
	if (rc == 0)
		rc = buf_add(&b, buf_head(sql), sql->len);
	if (rc == 0)
		rc = buf_add(&b, tail, strlen(tail) + 1);
	if (rc == 0)
		rc = sqltree_parse(&p->tree, (char *)buf_head(&b), &err);
	buf_clear(&b);
	if (rc == -1)
		return NULL;
	if (table)
		p->subquery = check_tree(&p->tree, p->rel);
	else if (p->tree.root->n_stmts == 1) {
		/* The text was compared with its tree before: rewrite.c. */
		from = p->tree.root->stmts[0]->stmt->select_stmt->
		    from_clause[0];
		if (from->node_case ==
		    PG_QUERY__NODE__NODE_RANGE_SUBSELECT)
			p->subquery = from->range_subselect->subquery;
	}
	free(p->sql);
	p->sql = p->subquery == NULL ? NULL :
	    strndup((char *)buf_head(sql), sql->len);
	if (p->sql == NULL) {
		sqltree_free(&p->tree);
		p->subquery = NULL;
		return NULL;
	}
	return p;
}

static const struct protect_rel *
write_table(struct protect_rel *p)
{
	const struct protect_rel	*done = NULL;
	struct buf			 b;

	buf_init(&b, 1024 * 1024);
	if (mask_select(&b, p->rel, p->mask) == 0)
		done = keep_sql(p, &b, true);
	buf_clear(&b);
	return done;
}

const struct protect_rel *
protect_masked(struct protect *pr, const struct cat_rel *rel)
{
	struct protect_rel	*p = pr->rels[rel->index];

	if (p == NULL || p->nmasked == 0 || p->taint != TAINT_NONE)
		return NULL;
	return p->subquery != NULL ? p : write_table(p);
}

const struct protect_rel *
protect_catalog(struct protect *pr, const struct cat_rel *rel)
{
	struct protect_rel	*p = rel_make_in(pr->shown, rel);
	size_t			 i;

	if (p == NULL || p->subquery != NULL)
		return p;
	for (i = 0, p->nmasked = 0; i < rel->ncols; i++)
		if (sqlname_raw_column(rel->cols[i].name)) {
			p->mask[i] = &derived;
			p->nmasked++;
		}
	return write_table(p);
}

bool
protect_attnum(const struct protect_rel *p, uint32_t attnum)
{
	return attnum_masked(p, attnum);
}

const struct protect_rel *
protect_view_known(const struct protect *pr, const struct cat_rel *rel)
{
	const struct protect_rel	*p = pr->shown[rel->index];

	return p != NULL && p->subquery != NULL ? p : NULL;
}

struct protect_rel *
protect_view(struct protect *pr, const struct cat_rel *rel)
{
	return rel_make_in(pr->shown, rel);
}

void
protect_view_column(struct protect_rel *p, size_t column)
{
	if (p->mask[column] != NULL)
		return;
	p->mask[column] = &derived;
	p->nmasked++;
}

const struct protect_rel *
protect_view_done(struct protect_rel *p, struct buf *sql)
{
	return keep_sql(p, sql, false);
}

bool
protect_sequences(const struct protect *pr)
{
	return pr->sequences;
}

static int
add_le32(struct buf *b, uint32_t v)
{
	uint8_t	 p[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
		    (uint8_t)(v >> 24) };

	return buf_add(b, p, sizeof(p));
}

int
protect_guard(const struct protect *pr, struct buf *b)
{
	const struct protect_rel	*p;
	size_t				 i, j;

	for (i = 0; i < pr->n; i++) {
		if ((p = pr->rels[i]) == NULL)
			continue;
		for (j = 0; j < p->rel->ncols; j++) {
			if (p->mask[j] == NULL && p->taint == TAINT_NONE)
				continue;
			if (buf_room(b) < 8)
				return -1;
			if (add_le32(b, p->rel->oid) == -1 ||
			    add_le32(b, p->rel->cols[j].attnum) == -1)
				return -1;
		}
	}
	return 0;
}
