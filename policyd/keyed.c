/*
 * Whether UPDATE and DELETE pin one row: their WHERE says, among conditions
 * that must all hold, that every column of some unique key equals a constant
 * or a parameter.  That is no proof of harmlessness; it tells the statement
 * that somebody meant for one row from the one that forgot its WHERE, and no
 * tautology passes for it.
 *
 * Runs in the engine on the tree of a client's text.  What is not understood
 * is not keyed.
 */
#include "keyed.h"

#include <string.h>

#include "sqlnames.h"

struct pins {
	const struct analysis	*a;
	const struct cat_rel	*rel;
	const char		*alias;
	bool			 alone;		/* no other relation in scope */
	uint8_t			*pinned;	/* by column */
};

void
keyed_unit(struct fact_unit *u, enum kind k)
{
	switch (k) {
	case KIND_UPDATE:
	case KIND_COPY_FROM:
		u->keyed = KEYED_UNKNOWN;
		break;
	case KIND_DELETE:
		u->keyed = KEYED_UNKNOWN;
		u->deletes = true;
		break;
	case KIND_INSERT:
		u->keyed = KEYED_YES;
		break;
	case KIND_MERGE:
		u->keyed = KEYED_NO;
		break;
	case KIND_TRUNCATE:
		u->keyed = KEYED_NO;
		u->deletes = true;
		break;
	default:
		u->deletes = kind_is(k, "drop");
		break;
	}
	/* New rows are as many as the client sends. */
	if (k == KIND_COPY_FROM)
		u->keyed = KEYED_YES;
}

static bool
builtin_type(const PgQuery__TypeName *t)
{
	const char	*name;

	if (t == NULL || t->n_names == 0 || t->n_names > 2 || t->pct_type ||
	    t->n_array_bounds > 0)
		return false;
	if (t->n_names == 2 &&
	    strcmp(node_string(t->names[0]), "pg_catalog") != 0)
		return false;
	name = node_string(t->names[t->n_names - 1]);
	/* Many a number is the same double. */
	return sqlname_type(name) && strcmp(name, "float4") != 0 &&
	    strcmp(name, "float8") != 0;
}

/*
 * One value for the whole statement?  A key of arbitrary precision is not
 * compared with what may be a double, which many numbers equal.
 */
static bool
is_value(const PgQuery__Node *n, bool exact)
{
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_A_CONST:
		return true;
	case PG_QUERY__NODE__NODE_PARAM_REF:
		return !exact;
	case PG_QUERY__NODE__NODE_TYPE_CAST:
		return n->type_cast->arg != NULL &&
		    builtin_type(n->type_cast->type_name) &&
		    is_value(n->type_cast->arg, exact);
	default:
		return false;
	}
}

/* The column of the target that this names; ncols when it is none. */
static size_t
pin_column(const struct pins *p, const PgQuery__Node *n)
{
	const PgQuery__ColumnRef	*c;
	const char			*name;
	size_t				 i;

	if (n->node_case != PG_QUERY__NODE__NODE_COLUMN_REF)
		return p->rel->ncols;
	c = n->column_ref;
	if (c->n_fields == 0 || c->n_fields > 2 ||
	    (c->n_fields == 1 && !p->alone) || (c->n_fields == 2 &&
	    strcmp(node_string(c->fields[0]), p->alias) != 0))
		return p->rel->ncols;
	name = node_string(c->fields[c->n_fields - 1]);
	for (i = 0; i < p->rel->ncols; i++)
		if (strcmp(p->rel->cols[i].name, name) == 0)
			break;
	return i;
}

static bool
is_equal(const struct pins *p, const PgQuery__AExpr *e)
{
	if (e->kind != PG_QUERY__A__EXPR__KIND__AEXPR_OP || e->n_name == 0 ||
	    strcmp(node_string(e->name[e->n_name - 1]), "=") != 0 ||
	    e->lexpr == NULL || e->rexpr == NULL)
		return false;
	if (e->n_name == 2)
		return strcmp(node_string(e->name[0]), "pg_catalog") == 0;
	/* pg_catalog's own comes first, unless the path says otherwise. */
	return e->n_name == 1 && (!p->a->scene->path.catalog_listed ||
	    !catalog_has_operator(p->a->scene->cat, "=", NULL));
}

static void
pin(struct pins *p, const PgQuery__Node *col, const PgQuery__Node *val)
{
	size_t	 i = pin_column(p, col);

	if (i < p->rel->ncols && is_value(val,
	    strncmp(p->rel->cols[i].type_name, "numeric", 7) == 0))
		p->pinned[i] = 1;
}

static void
conjuncts(struct pins *p, const PgQuery__Node *n)
{
	size_t	 i;

	if (n->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR &&
	    n->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR) {
		for (i = 0; i < n->bool_expr->n_args; i++)
			conjuncts(p, n->bool_expr->args[i]);
		return;
	}
	if (n->node_case != PG_QUERY__NODE__NODE_A_EXPR ||
	    !is_equal(p, n->a_expr))
		return;
	pin(p, n->a_expr->lexpr, n->a_expr->rexpr);
	pin(p, n->a_expr->rexpr, n->a_expr->lexpr);
}

static bool
has_key(const struct pins *p)
{
	const struct cat_uniq	*u;
	size_t			 i, k, n;

	for (u = p->rel->keys; u != NULL; u = u->next) {
		for (i = n = 0; i < u->n; i++)
			for (k = 0; k < p->rel->ncols; k++)
				if (p->rel->cols[k].attnum == u->attnums[i] &&
				    p->pinned[k])
					n++;
		if (u->n > 0 && n == u->n)
			return true;
	}
	return false;
}

/* A key of a table says nothing about the tables that inherit from it. */
static bool
has_children(const struct catalog *cat, const struct cat_rel *rel)
{
	const struct cat_dep	*d;
	size_t			 i, n;

	d = catalog_deps(cat, &n);
	for (i = 0; rel->kind == 'r' && i < n; i++)
		if (d[i].why == 'i' && d[i].on == rel)
			return true;
	return false;
}

static enum fact_keyed
where_keyed(const struct analysis *a, const PgQuery__RangeVar *rv,
    const struct cat_rel *rel, const PgQuery__Node *where, bool alone)
{
	struct pins	 p = { a, rel, rv->relname, alone, NULL };

	if (where == NULL)
		return KEYED_NO;
	if (where->node_case == PG_QUERY__NODE__NODE_CURRENT_OF_EXPR)
		return KEYED_YES;
	if (a->scene->cat == NULL || rel == NULL)
		return KEYED_UNKNOWN;
	if (rv->alias != NULL)
		p.alias = rv->alias->aliasname;
	if ((p.pinned = arena_alloc(a->arena, rel->ncols + 1)) == NULL)
		return KEYED_UNKNOWN;
	memset(p.pinned, 0, rel->ncols + 1);
	conjuncts(&p, where);
	return has_key(&p) && !(rv->inh && has_children(a->scene->cat, rel)) ?
	    KEYED_YES : KEYED_NO;
}

static struct fact_unit *
unit_of(struct facts *f, const struct analysis *a,
    const PgQuery__RangeVar *rv, const struct cat_rel **rel)
{
	size_t	 i;

	for (i = 0; rv != NULL && i < a->nunits; i++)
		if (a->units[i].w0 < a->units[i].w1 &&
		    a->refs[a->units[i].w0].rv == rv) {
			*rel = a->refs[a->units[i].w0].rel;
			return &f->units[i];
		}
	return NULL;
}

static void
merge(struct fact_unit *u, const PgQuery__MergeStmt *s)
{
	size_t	 i;

	for (i = 0; i < s->n_merge_when_clauses; i++)
		if (s->merge_when_clauses[i]->merge_when_clause->
		    command_type == PG_QUERY__CMD_TYPE__CMD_DELETE)
			u->deletes = true;
}

void
keyed_message(struct facts *f, const struct analysis *a,
    const ProtobufCMessage *m)
{
	const PgQuery__UpdateStmt	*up;
	const PgQuery__DeleteStmt	*del;
	const PgQuery__MergeStmt	*mg;
	const PgQuery__InsertStmt	*in;
	const struct cat_rel		*rel;
	struct fact_unit		*u;

	if (m->descriptor == &pg_query__update_stmt__descriptor) {
		up = (const PgQuery__UpdateStmt *)m;
		if ((u = unit_of(f, a, up->relation, &rel)) != NULL)
			u->keyed = where_keyed(a, up->relation, rel,
			    up->where_clause, up->n_from_clause == 0);
	} else if (m->descriptor == &pg_query__delete_stmt__descriptor) {
		del = (const PgQuery__DeleteStmt *)m;
		if ((u = unit_of(f, a, del->relation, &rel)) != NULL)
			u->keyed = where_keyed(a, del->relation, rel,
			    del->where_clause, del->n_using_clause == 0);
	} else if (m->descriptor == &pg_query__merge_stmt__descriptor) {
		mg = (const PgQuery__MergeStmt *)m;
		if ((u = unit_of(f, a, mg->relation, &rel)) != NULL)
			merge(u, mg);
	} else if (m->descriptor == &pg_query__insert_stmt__descriptor) {
		in = (const PgQuery__InsertStmt *)m;
		/* Rows from a query are as many as it finds. */
		if (in->select_stmt != NULL &&
		    (in->select_stmt->node_case !=
		    PG_QUERY__NODE__NODE_SELECT_STMT ||
		    in->select_stmt->select_stmt->n_values_lists == 0) &&
		    (u = unit_of(f, a, in->relation, &rel)) != NULL)
			u->keyed = KEYED_NO;
	}
}
