/*
 * Materialized views over masked columns.  Their rows are there already, made
 * from the values themselves, so their query cannot be rewritten as a view's
 * is.  Where it is simple enough to see that masked columns decide nothing in
 * it, neither which rows there are nor their order, and are only shown, the
 * materialized view is a table of its own with masked columns; any other is
 * left to be tainted.
 *
 * Runs in the engine.  The text is the database's, of whoever made the view.
 */
#include "protect_impl.h"

#include <string.h>

#include "arena.h"
#include "prescan.h"
#include "sqlnames.h"

#define ITEMS_MAX	64

struct item {
	const char			*alias;
	const struct cat_rel		*rel;
	const struct protect_rel	*prot;	/* masked, or NULL */
};

struct trace {
	struct protect			*pr;
	struct item			 items[ITEMS_MAX];
	size_t				 n;
	/* of an expression */
	bool				 masked, call, sub;
	const struct mask_rule		*rule;
	const struct cat_rel		*from;
};

static void
name_use(struct trace *t, const struct item *it, const char *name)
{
	size_t	 i;

	/* A row, and what tells its place or width. */
	if (name == NULL || sqlname_system_column(name)) {
		t->masked = true;
		return;
	}
	for (i = 0; i < it->rel->ncols; i++)
		if (it->prot->mask[i] != NULL &&
		    strcmp(it->rel->cols[i].name, name) == 0) {
			t->masked = true;
			t->rule = it->prot->mask[i];
			t->from = it->rel;
		}
}

/* Could the column be a masked one, or a row that has one? */
static void
column_use(struct trace *t, const PgQuery__ColumnRef *c)
{
	const PgQuery__Node	*last = c->fields[c->n_fields - 1];
	const char		*alias = NULL, *name = NULL;
	bool			 found = false;
	size_t			 i;

	if (c->n_fields > 1)
		alias = node_string(c->fields[c->n_fields - 2]);
	if (last->node_case == PG_QUERY__NODE__NODE_STRING)
		name = node_string(last);
	for (i = 0; i < t->n; i++) {
		if (alias != NULL && strcmp(alias, t->items[i].alias) != 0)
			continue;
		found = true;
		if (t->items[i].prot == NULL)
			continue;
		name_use(t, &t->items[i], name != NULL && alias == NULL &&
		    strcmp(name, t->items[i].alias) == 0 ? NULL : name);
	}
	if (!found)
		t->masked = t->sub = true;
}

static void
on_node(void *ctx, const ProtobufCMessage *m)
{
	struct trace	*t = ctx;

	if (m->descriptor == &pg_query__column_ref__descriptor) {
		column_use(t, (const PgQuery__ColumnRef *)m);
		return;
	}
	t->call |= m->descriptor == &pg_query__func_call__descriptor ||
	    m->descriptor == &pg_query__a__indirection__descriptor;
	t->sub |= m->descriptor == &pg_query__sub_link__descriptor ||
	    m->descriptor == &pg_query__select_stmt__descriptor;
	sqltree_children(m, on_node, ctx);
}

static void
look(struct trace *t, const PgQuery__Node *n)
{
	t->masked = t->call = t->sub = false;
	t->rule = &protect_derived;
	t->from = NULL;
	if (n != NULL)
		on_node(t, &n->base);
}

/* A table, or a join of tables that masked columns decide nothing about. */
static bool
from_ok(struct trace *t, const PgQuery__Node *n)
{
	const PgQuery__JoinExpr		*j;
	const PgQuery__RangeVar		*rv;
	const struct protect_rel	*p;
	struct item			*it;

	if (n->node_case == PG_QUERY__NODE__NODE_JOIN_EXPR) {
		j = n->join_expr;
		return !j->is_natural && j->n_using_clause == 0 &&
		    j->alias == NULL && from_ok(t, j->larg) &&
		    from_ok(t, j->rarg);
	}
	if (n->node_case != PG_QUERY__NODE__NODE_RANGE_VAR ||
	    t->n == ITEMS_MAX)
		return false;
	rv = n->range_var;
	if (rv->alias != NULL && rv->alias->n_colnames > 0)
		return false;
	it = &t->items[t->n++];
	it->alias = rv->alias != NULL ? rv->alias->aliasname : rv->relname;
	it->rel = catalog_find(t->pr->cat, rv->schemaname, rv->relname);
	if (it->rel == NULL)
		return false;
	p = t->pr->rels[it->rel->index];
	it->prot = p != NULL && p->nmasked > 0 ? p : NULL;
	return it->prot == NULL || it->rel->kind == 'r' ||
	    it->rel->kind == 'p' || p->traced;
}

/* What decides about rows. */
static bool
quals_ok(struct trace *t, const PgQuery__Node *n)
{
	const PgQuery__JoinExpr	*j;

	if (n->node_case != PG_QUERY__NODE__NODE_JOIN_EXPR)
		return true;
	j = n->join_expr;
	look(t, j->quals);
	return !t->masked && !t->sub && quals_ok(t, j->larg) &&
	    quals_ok(t, j->rarg);
}

static bool
plain_select(const PgQuery__SelectStmt *s)
{
	return s->op == PG_QUERY__SET_OPERATION__SETOP_NONE &&
	    s->with_clause == NULL && s->n_distinct_clause == 0 &&
	    s->n_group_clause == 0 && s->having_clause == NULL &&
	    s->n_window_clause == 0 && s->n_sort_clause == 0 &&
	    s->limit_offset == NULL && s->limit_count == NULL &&
	    s->n_locking_clause == 0 && s->n_values_lists == 0 &&
	    s->into_clause == NULL;
}

static bool
select_ok(struct trace *t, const PgQuery__SelectStmt *s)
{
	size_t	 i;

	if (!plain_select(s))
		return false;
	for (i = 0; i < s->n_from_clause; i++)
		if (!from_ok(t, s->from_clause[i]))
			return false;
	for (i = 0; i < s->n_from_clause; i++)
		if (!quals_ok(t, s->from_clause[i]))
			return false;
	look(t, s->where_clause);
	return !t->masked && !t->sub;
}

static bool
is_column(const PgQuery__Node *n)
{
	while (n->node_case == PG_QUERY__NODE__NODE_TYPE_CAST)
		n = n->type_cast->arg;
	return n->node_case == PG_QUERY__NODE__NODE_COLUMN_REF;
}

/* A column as it is has its mask; what is computed from masked ones, NULL: and
 * no function may make rows of it. */
static int
mask_targets(struct trace *t, const PgQuery__SelectStmt *s,
    const struct cat_rel *rel)
{
	struct protect_rel	*p;
	const PgQuery__Node	*val;
	size_t			 i;

	if (s->n_target_list != rel->ncols)
		return 0;
	for (i = 0; i < rel->ncols; i++) {
		val = s->target_list[i]->res_target->val;
		if (val == NULL)
			return 0;
		look(t, val);
		if (t->sub || (t->masked && t->call))
			return 0;
	}
	if ((p = protect_make(t->pr, rel)) == NULL)
		return -1;
	for (i = 0; i < rel->ncols; i++) {
		val = s->target_list[i]->res_target->val;
		look(t, val);
		if (t->masked && p->mask[i] == NULL)
			protect_mask(p, i, is_column(val) ? t->rule :
			    &protect_derived, PATH_MATVIEW, t->from);
	}
	p->traced = true;
	return 1;
}

static int
trace_text(struct protect *pr, const struct cat_rel *rel, const char *text)
{
	const PgQuery__Node	*stmt;
	struct sqltree		 tree;
	struct sql_error	 err;
	struct trace		 t;
	int			 rc = 0;

	if (sqltree_parse(&tree, text, &err) == -1)
		return 0;
	memset(&t, 0, sizeof(t));
	t.pr = pr;
	stmt = tree.root->n_stmts == 1 ? tree.root->stmts[0]->stmt : NULL;
	if (stmt != NULL &&
	    stmt->node_case == PG_QUERY__NODE__NODE_SELECT_STMT &&
	    select_ok(&t, stmt->select_stmt))
		rc = mask_targets(&t, stmt->select_stmt, rel);
	sqltree_free(&tree);
	return rc;
}

/* Does it read a masked column at all? */
static bool
reads_masked(const struct protect *pr, const struct cat_rel *rel)
{
	const struct cat_dep		*d;
	const struct protect_rel	*p;
	size_t				 i, n;

	d = catalog_deps(pr->cat, &n);
	for (i = 0; i < n; i++)
		if (d[i].why == 'v' && d[i].rel == rel &&
		    (p = pr->rels[d[i].on->index]) != NULL &&
		    protect_attnum(p, d[i].attnum))
			return true;
	return false;
}

static int
trace(struct protect *pr, const struct cat_rel *rel)
{
	const struct protect_rel	*p = pr->rels[rel->index];
	const char			*d = rel->definition;
	struct arena			 arena;
	char				*text;
	size_t				 n;
	int				 rc = 0;

	if (rel->kind != 'm' || d == NULL || (p != NULL && p->traced) ||
	    !reads_masked(pr, rel))
		return 0;
	n = strlen(d);
	while (n > 0 && (d[n - 1] == ';' || d[n - 1] == ' ' ||
	    d[n - 1] == '\n'))
		n--;
	if (prescan(d, n) != NULL)
		return 0;
	arena_init(&arena, 8 * 1024);
	if ((text = arena_strndup(&arena, d, n)) == NULL)
		rc = -1;
	else
		rc = trace_text(pr, rel, text);
	arena_clear(&arena);
	return rc;
}

int
matviews_trace(struct protect *pr)
{
	bool	 changed = true;
	size_t	 i;
	int	 rc;

	/* Some are filled from others. */
	while (changed) {
		changed = false;
		for (i = 0; i < pr->n; i++) {
			if ((rc = trace(pr, catalog_rel(pr->cat, i))) == -1)
				return -1;
			changed |= rc == 1;
		}
	}
	return 0;
}
