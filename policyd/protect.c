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
#include "protect_impl.h"
#include "sqlnames.h"

/* What a column is masked by that is computed from a masked one. */
const struct mask_rule protect_derived = { .kind = MASK_NULL };

static const struct mask_rule token_absent = { .kind = MASK_TOKEN_ABSENT };
static const struct mask_rule token_computed = { .kind = MASK_TOKEN_COMPUTED };

static bool
fits_any(const struct conf_strings *globs, const char *s)
{
	size_t	 i;

	for (i = 0; i < globs->n; i++)
		if (glob_match(globs->v[i], s, strlen(s)))
			return true;
	return false;
}

static bool
fits_type(const struct catalog *cat, const struct conf_strings *globs,
    uint32_t type)
{
	const char	*name;
	size_t		 i;

	for (i = 0; (name = catalog_holds(cat, type, i)) != NULL; i++)
		if (fits_any(globs, name))
			return true;
	return false;
}

static bool
fits_tag(const struct cat_rel *rel, const struct conf_strings *globs,
    uint32_t attnum)
{
	const struct cat_word	*w;

	for (w = rel->words; w != NULL; w = w->next)
		if ((w->attnum == 0 || w->attnum == attnum) &&
		    fits_any(globs, w->word))
			return true;
	return false;
}

static const struct mask_rule *
rule_for(const struct protect *pr, const struct cat_rel *rel,
    const struct cat_col *col, const char *path)
{
	const struct profile	*p = pr->profile;
	size_t			 i, j;

	for (i = 0; i < p->nmasks; i++)
		for (j = 0; j < p->masks[i]->nrules; j++) {
			const struct mask_rule *r = &p->masks[i]->rules[j];

			if ((r->columns.n == 0 ||
			    fits_any(&r->columns, path)) &&
			    (r->types.n == 0 ||
			    fits_type(pr->cat, &r->types, col->type)) &&
			    (r->tags.n == 0 ||
			    fits_tag(rel, &r->tags, col->attnum)))
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
	p->path = calloc(rel->ncols + 1, sizeof(*p->path));
	if (p->mask == NULL || p->path == NULL) {
		free(p->mask);
		free(p->path);
		free(p);
		return NULL;
	}
	rels[rel->index] = p;
	return p;
}

struct protect_rel *
protect_make(struct protect *pr, const struct cat_rel *rel)
{
	return rel_make_in(pr->rels, rel);
}

void
protect_mask(struct protect_rel *p, size_t column, const struct mask_rule *r,
    enum path_how how, const struct cat_rel *from)
{
	if (p->mask[column] == NULL)
		p->nmasked++;
	p->mask[column] = r;
	p->path[column].how = how;
	p->path[column].from = from;
}

/*
 * What is computed may be computed from what a client writes elsewhere, and so
 * give the token of any value: only what a table stores has one.
 */
static const struct mask_rule *
token_rule(const struct protect *pr, const struct cat_rel *rel,
    const struct cat_col *col, const struct mask_rule *r)
{
	if (r == NULL || r->kind != MASK_TOKEN)
		return r;
	if (!catalog_tokens(pr->cat))
		return &token_absent;
	return (rel->kind == 'r' || rel->kind == 'p') && !col->generated ? r :
	    &token_computed;
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
		if ((r = rule_for(pr, rel, &rel->cols[i], path)) == NULL)
			continue;
		if ((p = protect_make(pr, rel)) == NULL)
			return -1;
		protect_mask(p, i, token_rule(pr, rel, &rel->cols[i], r),
		    r->columns.n > 0 ? PATH_COLUMNS :
		    r->tags.n > 0 ? PATH_TAGS : PATH_TYPES, NULL);
	}
	return 0;
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

bool
protect_tokens(const struct protect_rel *p)
{
	size_t	 i;

	for (i = 0; i < p->rel->ncols; i++)
		if (p->mask[i] != NULL && p->mask[i]->kind == MASK_TOKEN)
			return true;
	return false;
}

bool
protect_unwritten(const struct protect_rel *p, const char *column,
    const char *what)
{
	size_t	 i;

	for (i = 0; i < p->rel->ncols; i++)
		if (p->mask[i] != NULL &&
		    strcmp(p->rel->cols[i].name, column) == 0 &&
		    !mask_writes(p->mask[i], what))
			return true;
	return false;
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
	if (spread_columns(pr) == -1 || matviews_trace(pr) == -1 ||
	    spread_taints(pr) == -1)
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
		free(v[i]->path);
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
	if (mask_select(&b, p->rel, p->mask, NULL) == 0)
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
			p->mask[i] = &protect_derived;
			p->nmasked++;
		}
	return write_table(p);
}

bool
protect_attnum(const struct protect_rel *p, uint32_t attnum)
{
	size_t	 i;

	for (i = 0; i < p->rel->ncols; i++)
		if (p->mask[i] != NULL &&
		    (attnum == 0 || p->rel->cols[i].attnum == attnum))
			return true;
	return false;
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
	p->mask[column] = &protect_derived;
	p->nmasked++;
}

/* A view may have columns that the policy names, besides those that come from
 * masked ones: they are masked once more. */
const struct protect_rel *
protect_view_done(const struct protect *pr, struct protect_rel *p,
    struct buf *sql)
{
	const struct protect_rel	*own = pr->rels[p->rel->index];
	const struct protect_rel	*done = NULL;
	struct buf			 b;
	size_t				 i;

	if (own == NULL || own->nmasked == 0)
		return keep_sql(p, sql, false);
	for (i = 0; i < p->rel->ncols; i++)
		if (own->mask[i] != NULL)
			protect_view_column(p, i);
	buf_init(&b, 1024 * 1024);
	if (buf_add_u8(sql, 0) == 0 && mask_select(&b, p->rel, own->mask,
	    (const char *)buf_head(sql)) == 0)
		done = keep_sql(p, &b, false);
	buf_clear(&b);
	return done;
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
