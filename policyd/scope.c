/*
 * The walk through SELECT, INSERT, UPDATE, DELETE and MERGE: which relations
 * they name under the scoping rules of SQL, and what of them a profile with
 * masks cannot take.
 *
 * Runs in the engine; recursion is as deep as the parse tree, which prescan.c
 * bounds, on a large stack.  What is not known here is refused.
 */
#include "analysis.h"

#include <string.h>

#include "sqlnames.h"

static void
on_child(void *ctx, const ProtobufCMessage *m)
{
	scope_walk(ctx, m);
}

static void
walk_node(struct analysis *a, const PgQuery__Node *n)
{
	if (n != NULL)
		scope_walk(a, &n->base);
}

static void
walk_list(struct analysis *a, PgQuery__Node *const *v, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		walk_node(a, v[i]);
}

static void
walk_predicate(struct analysis *a, PgQuery__Node *const *v, size_t n)
{
	bool	 saved = a->pred;

	a->pred = true;
	walk_list(a, v, n);
	a->pred = saved;
}

static void
walk_condition(struct analysis *a, PgQuery__Node *n)
{
	if (n != NULL)
		walk_predicate(a, &n, 1);
}

/* --- FROM -------------------------------------------------------------- */

static struct from_item *
add_item(struct analysis *a, const char *name, const PgQuery__Alias *alias)
{
	struct from_item	*it = arena_alloc(a->arena, sizeof(*it));

	if (it == NULL) {
		a->nomem = true;
		return NULL;
	}
	memset(it, 0, sizeof(*it));
	it->alias = alias != NULL ? alias->aliasname : name;
	it->renamed = alias != NULL && alias->n_colnames > 0;
	it->next = a->level->items;
	a->level->items = it;
	return it;
}

static bool
is_cte(const struct analysis *a, const PgQuery__RangeVar *rv)
{
	const struct cte	*c;

	if (rv->schemaname != NULL && rv->schemaname[0] != '\0')
		return false;
	for (c = a->ctes; c != NULL; c = c->next)
		if (strcmp(c->name, rv->relname) == 0)
			return true;
	return false;
}

/* A table that is written is not replaced; what it masks may not be read. */
static const struct protect_rel *
target_masks(const struct analysis *a, const struct cat_rel *rel)
{
	const struct protect_rel	*p = NULL;

	if (a->scene->protect != NULL && rel != NULL)
		p = protect_find(a->scene->protect, rel);
	return p != NULL && p->nmasked > 0 ? p : NULL;
}

static struct from_item *
add_relation(struct analysis *a, const PgQuery__RangeVar *rv, bool write)
{
	struct from_item	*it;
	struct ref		*r;
	size_t			 i;

	if (!write && is_cte(a, rv))
		return add_item(a, rv->relname, rv->alias);
	i = analysis_ref(a, rv, NULL, NULL, write);
	it = add_item(a, rv->relname, rv->alias);
	if (it == NULL || i >= a->nrefs)
		return it;
	r = &a->refs[i];
	it->rel = r->rel;
	it->rv = rv->alias == NULL ? rv : NULL;
	it->prot = write ? target_masks(a, r->rel) : r->prot;
	if (r->rel != NULL && strcmp(r->rel->schema, "pg_catalog") == 0 &&
	    sqlname_raw_catalog(r->rel->name)) {
		a->raw_catalog = it->raw = true;
		a->raw_whole |= it->renamed;
	}
	return it;
}

static const char *
function_alias(const PgQuery__RangeFunction *f)
{
	const PgQuery__Node	*n;

	if (f->n_functions == 0 ||
	    f->functions[0]->node_case != PG_QUERY__NODE__NODE_LIST ||
	    f->functions[0]->list->n_items == 0)
		return NULL;
	n = f->functions[0]->list->items[0];
	if (n->node_case != PG_QUERY__NODE__NODE_FUNC_CALL ||
	    n->func_call->n_funcname == 0)
		return NULL;
	return node_string(n->func_call->funcname[n->func_call->n_funcname -
	    1]);
}

static void	collect(struct analysis *, const PgQuery__Node *);

static void
collect_join(struct analysis *a, const PgQuery__JoinExpr *j)
{
	const struct from_item	*before = a->level->items, *it;
	struct from_item	*own;
	bool			 raw = false, joined = false;

	if (j->larg != NULL)
		collect(a, j->larg);
	if (j->rarg != NULL)
		collect(a, j->rarg);
	for (it = a->level->items; it != before; it = it->next) {
		raw |= it->raw;
		joined |= it->joined || it->prot != NULL;
	}
	if (j->alias != NULL && (own = add_item(a, NULL, j->alias)) != NULL) {
		own->raw = raw;
		own->joined = joined;
		a->raw_whole |= raw && own->renamed;
	}
	if (j->join_using_alias != NULL)
		add_item(a, NULL, j->join_using_alias);
}

static void
collect_sample(struct analysis *a, const PgQuery__RangeTableSample *s)
{
	const struct from_item	*it;

	if (s->relation == NULL)
		return;
	collect(a, s->relation);
	it = a->level->items;
	if (a->scene->masked && (it == NULL || it->rel == NULL ||
	    it->prot != NULL || it->rel->system))
		analysis_refuse(a, "42501", "TABLESAMPLE on this relation is "
		    "not available in a profile with masks");
}

/* What FROM brings into scope. */
static void
collect(struct analysis *a, const PgQuery__Node *n)
{
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_RANGE_VAR:
		add_relation(a, n->range_var, false);
		break;
	case PG_QUERY__NODE__NODE_JOIN_EXPR:
		collect_join(a, n->join_expr);
		break;
	case PG_QUERY__NODE__NODE_RANGE_SUBSELECT:
		add_item(a, NULL, n->range_subselect->alias);
		break;
	case PG_QUERY__NODE__NODE_RANGE_FUNCTION:
		add_item(a, function_alias(n->range_function),
		    n->range_function->alias);
		break;
	case PG_QUERY__NODE__NODE_RANGE_TABLE_SAMPLE:
		collect_sample(a, n->range_table_sample);
		break;
	case PG_QUERY__NODE__NODE_RANGE_TABLE_FUNC:
		add_item(a, "xmltable", n->range_table_func->alias);
		break;
	default:
		break;
	}
}

/* Could some other item of this level have a column of this name? */
static bool
shared_name(const struct analysis *a, const struct from_item *own,
    const char *name)
{
	const struct from_item	*it;

	for (it = a->level->items; it != NULL; it = it->next)
		if (it != own && (it->rel == NULL || it->renamed ||
		    catalog_col(it->rel, name) != NULL))
			return true;
	return false;
}

/* NATURAL joins on every name that both sides have. */
static void
natural(struct analysis *a)
{
	const struct from_item	*it;
	size_t			 i;

	if (!a->scene->masked)
		return;
	for (it = a->level->items; it != NULL; it = it->next) {
		a->raw_whole |= it->raw;
		if (it->prot == NULL)
			continue;
		for (i = 0; i < it->rel->ncols; i++) {
			if (it->prot->mask[i] == NULL || (!it->renamed &&
			    !shared_name(a, it, it->rel->cols[i].name)))
				continue;
			a->masked_use = it->rel->cols[i].name;
			if (!a->scene->profile->predicates_masked)
				analysis_refuse(a, "42501", "NATURAL JOIN "
				    "with %s could compare the masked column "
				    "%s; write JOIN ... ON", it->rel->name,
				    it->rel->cols[i].name);
		}
	}
}

static void	walk_from(struct analysis *, const PgQuery__Node *);

static void
walk_join(struct analysis *a, const PgQuery__JoinExpr *j)
{
	size_t	 i;

	if (j->larg != NULL)
		walk_from(a, j->larg);
	if (j->rarg != NULL)
		walk_from(a, j->rarg);
	if (j->is_natural)
		natural(a);
	if (j->is_natural || j->n_using_clause > 0)
		names_operator_word(a, "=");
	for (i = 0; i < j->n_using_clause; i++)
		names_using(a, node_string(j->using_clause[i]));
	walk_condition(a, j->quals);
}

/* The expressions in FROM; its relations are in scope already. */
static void
walk_from(struct analysis *a, const PgQuery__Node *n)
{
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_RANGE_VAR:
		break;
	case PG_QUERY__NODE__NODE_JOIN_EXPR:
		walk_join(a, n->join_expr);
		break;
	case PG_QUERY__NODE__NODE_RANGE_TABLE_SAMPLE:
		/* The sampling method is a function, of whoever made it. */
		if (n->range_table_sample->n_method != 1 ||
		    (strcmp(node_string(n->range_table_sample->method[0]),
		    "system") != 0 &&
		    strcmp(node_string(n->range_table_sample->method[0]),
		    "bernoulli") != 0)) {
			a->unproven = true;
			if (a->scene->masked)
				analysis_refuse(a, "42501", "this sampling "
				    "method is not available in a profile "
				    "with masks");
		}
		walk_list(a, n->range_table_sample->args,
		    n->range_table_sample->n_args);
		walk_node(a, n->range_table_sample->repeatable);
		break;
	default:
		walk_node(a, n);
		break;
	}
}

static void
enter_from(struct analysis *a, PgQuery__Node *const *v, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		collect(a, v[i]);
	for (i = 0; i < n; i++)
		walk_from(a, v[i]);
}

/* --- WITH -------------------------------------------------------------- */

static void
add_cte(struct analysis *a, const char *name)
{
	const struct cat_rel	*r;
	struct cte		*c;

	if (a->scene->protect != NULL)
		for (r = catalog_named(a->scene->cat, name); r != NULL;
		    r = catalog_next_named(r))
			if (protect_find(a->scene->protect, r) != NULL)
				analysis_refuse(a, "42501", "WITH %s hides "
				    "the protected relation %s.%s; choose "
				    "another name", name, r->schema, name);
	if ((c = arena_alloc(a->arena, sizeof(*c))) == NULL) {
		a->nomem = true;
		return;
	}
	c->name = name;
	c->next = a->ctes;
	a->ctes = c;
}

static void
walk_with(struct analysis *a, const PgQuery__WithClause *w)
{
	const PgQuery__CommonTableExpr	*c;
	struct level			*level = a->level;
	size_t				 i;

	for (i = 0; w->recursive && i < w->n_ctes; i++)
		add_cte(a, w->ctes[i]->common_table_expr->ctename);
	for (i = 0; i < w->n_ctes; i++) {
		c = w->ctes[i]->common_table_expr;
		walk_node(a, c->ctequery);
		if (c->cycle_clause != NULL) {
			walk_node(a, c->cycle_clause->cycle_mark_value);
			walk_node(a, c->cycle_clause->cycle_mark_default);
		}
		if (!w->recursive)
			add_cte(a, c->ctename);
	}
	a->level = level;
}

/* --- statements -------------------------------------------------------- */

struct saved {
	struct level	*level;
	struct cte	*ctes;
	bool		 pred, sort, utility;
};

static struct saved
enter(struct analysis *a, const PgQuery__WithClause *w)
{
	struct saved	 s = { a->level, a->ctes, a->pred, a->sort,
	    a->utility };

	a->pred = a->sort = a->utility = false;
	if (w != NULL)
		walk_with(a, w);
	return s;
}

static void
leave(struct analysis *a, struct saved s)
{
	a->level = s.level;
	a->ctes = s.ctes;
	a->pred = s.pred;
	a->sort = s.sort;
	a->utility = s.utility;
}

/* GROUP BY, DISTINCT ON, ORDER BY: what is shown may be compared as shown. */
static void
walk_shown(struct analysis *a, const PgQuery__SelectStmt *s,
    PgQuery__Node *const *v, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++) {
		if (v[i]->node_case == PG_QUERY__NODE__NODE_GROUPING_SET)
			walk_shown(a, s, v[i]->grouping_set->content,
			    v[i]->grouping_set->n_content);
		else if (v[i]->node_case != PG_QUERY__NODE__NODE__NOT_SET &&
		    targets_have(s, v[i]))
			walk_node(a, v[i]);
		else
			walk_predicate(a, &v[i], 1);
	}
}

static void
walk_sort(struct analysis *a, const PgQuery__SelectStmt *s)
{
	a->sort = true;
	walk_shown(a, s, s->sort_clause, s->n_sort_clause);
	a->sort = false;
	walk_node(a, s->limit_offset);
	walk_node(a, s->limit_count);
}

static void
walk_select_core(struct analysis *a, const PgQuery__SelectStmt *s, bool pred)
{
	enter_from(a, s->from_clause, s->n_from_clause);
	a->pred = pred;
	walk_list(a, s->target_list, s->n_target_list);
	a->pred = false;
	walk_list(a, s->values_lists, s->n_values_lists);
	/* Plain DISTINCT is a list of one empty node. */
	walk_shown(a, s, s->distinct_clause, s->n_distinct_clause);
	walk_condition(a, s->where_clause);
	walk_shown(a, s, s->group_clause, s->n_group_clause);
	targets_check_groups(a, s);
	walk_condition(a, s->having_clause);
	walk_list(a, s->window_clause, s->n_window_clause);
	walk_sort(a, s);
}

void
scope_select(struct analysis *a, const PgQuery__SelectStmt *s)
{
	struct level	 l = { NULL, NULL, s };
	struct saved	 saved;
	bool		 pred = a->sub_pred;

	a->sub_pred = false;
	saved = enter(a, s->with_clause);
	if (s->into_clause != NULL) {
		/* Only the outermost may have one; the server says so. */
		if (s->into_clause->rel != NULL)
			analysis_ref(a, s->into_clause->rel, NULL, NULL, true);
		analysis_unit(a, KIND_SELECT_INTO, 0, a->nrefs);
		a->unproven = true;
	}
	if (s->op == PG_QUERY__SET_OPERATION__SETOP_NONE ||
	    s->larg == NULL || s->rarg == NULL) {
		l.up = a->level;
		a->level = &l;
		walk_select_core(a, s, pred);
	} else {
		a->sub_pred = pred;
		scope_select(a, s->larg);
		a->sub_pred = pred;
		scope_select(a, s->rarg);
		a->sub_pred = false;
		walk_sort(a, s);
	}
	/* FOR UPDATE OF names aliases, not relations. */
	if (s->n_locking_clause > 0)
		a->locking = true;
	leave(a, saved);
}

static size_t
dml_target(struct analysis *a, const PgQuery__RangeVar *rv, enum kind kind)
{
	size_t	 first = a->nrefs;

	a->dml = true;
	if (rv != NULL)
		add_relation(a, rv, true);
	analysis_unit(a, kind, first, a->nrefs);
	return first;
}

/* The columns that are written: no masked one, unless the policy says so. */
static void
written(struct analysis *a, const struct protect_rel *p,
    PgQuery__Node *const *v, size_t n, const char *what)
{
	const char	*name;
	size_t		 i;

	for (i = 0; p != NULL && i < n; i++) {
		if (v[i]->node_case != PG_QUERY__NODE__NODE_RES_TARGET) {
			a->masked_use = "this";
			continue;
		}
		name = v[i]->res_target->name;
		if (protect_unwritten(p, name, what))
			a->masked_use = name;
		else if (protect_column(p, name) &&
		    strcmp(what, "update") == 0)
			a->masked_set = true;
	}
}

/* INSERT without a list of columns. */
static void
written_all(struct analysis *a, const struct protect_rel *p)
{
	size_t	 i;

	for (i = 0; i < p->rel->ncols; i++)
		if (protect_unwritten(p, p->rel->cols[i].name, "insert"))
			a->masked_use = "every column";
}

/* Not within another one, whose mask would go on from there. */
static bool
is_whole(const struct analysis *a, const ProtobufCMessage *stmt)
{
	const PgQuery__Node	*n = a->whole;

	if (n == NULL)
		return false;
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_INSERT_STMT:
		return stmt == &n->insert_stmt->base;
	case PG_QUERY__NODE__NODE_UPDATE_STMT:
		return stmt == &n->update_stmt->base;
	case PG_QUERY__NODE__NODE_DELETE_STMT:
		return stmt == &n->delete_stmt->base;
	default:
		return false;
	}
}

/* `alone`: only the target is in scope. */
static void
walk_returning(struct analysis *a, const ProtobufCMessage *stmt,
    size_t target, bool alone, PgQuery__Node *const *v, size_t n)
{
	const char	*before = a->masked_use;

	if (n > 0 && alone && target < a->nrefs && is_whole(a, stmt) &&
	    returning_masked(a, &a->refs[target], v, n))
		return;
	walk_list(a, v, n);
	if (before == NULL)
		a->masked_returned = a->masked_use;
}

static void
on_conflict(struct analysis *a, const struct cat_rel *rel,
    const struct protect_rel *p, const PgQuery__OnConflictClause *c)
{
	size_t	 i;

	if (c->action == PG_QUERY__ON_CONFLICT_ACTION__ONCONFLICT_UPDATE)
		a->upsert = true;
	written(a, p, c->target_list, c->n_target_list, "update");
	if (a->scene->protect != NULL && rel != NULL)
		writes_set(a, rel, c->target_list, c->n_target_list);
	for (i = 0; p != NULL && c->infer != NULL &&
	    i < c->infer->n_index_elems; i++)
		if (c->infer->index_elems[i]->node_case !=
		    PG_QUERY__NODE__NODE_INDEX_ELEM ||
		    protect_column(p,
		    c->infer->index_elems[i]->index_elem->name))
			a->masked_use = "ON CONFLICT over it";
}

static void
walk_insert(struct analysis *a, const PgQuery__InsertStmt *s)
{
	struct level		 l = { NULL, NULL, NULL };
	struct saved		 saved = enter(a, s->with_clause);
	struct from_item	*it;
	const struct protect_rel *prot = NULL;
	size_t			 target;

	/* The source does not see the target. */
	walk_node(a, s->select_stmt);
	l.up = a->level;
	a->level = &l;
	target = dml_target(a, s->relation, KIND_INSERT);
	if (target < a->nrefs)
		prot = target_masks(a, a->refs[target].rel);
	if ((it = add_item(a, "excluded", NULL)) != NULL &&
	    target < a->nrefs) {
		it->rel = a->refs[target].rel;
		it->prot = prot;
	}
	if (prot != NULL && s->n_cols == 0)
		written_all(a, prot);
	written(a, prot, s->cols, s->n_cols, "insert");
	if (s->on_conflict_clause != NULL)
		on_conflict(a, target < a->nrefs ? a->refs[target].rel : NULL,
		    prot, s->on_conflict_clause);
	walk_list(a, s->cols, s->n_cols);
	if (s->on_conflict_clause != NULL)
		sqltree_children(&s->on_conflict_clause->base, on_child, a);
	walk_returning(a, &s->base, target, true,
	    s->returning_list, s->n_returning_list);
	leave(a, saved);
}

static void
walk_update(struct analysis *a, const PgQuery__UpdateStmt *s)
{
	struct level	 l = { NULL, NULL, NULL };
	struct saved	 saved = enter(a, s->with_clause);
	size_t		 target;

	l.up = a->level;
	a->level = &l;
	target = dml_target(a, s->relation, KIND_UPDATE);
	if (target < a->nrefs) {
		written(a, target_masks(a, a->refs[target].rel),
		    s->target_list, s->n_target_list, "update");
		if (a->scene->protect != NULL && a->refs[target].rel != NULL)
			writes_set(a, a->refs[target].rel, s->target_list,
			    s->n_target_list);
	}
	enter_from(a, s->from_clause, s->n_from_clause);
	walk_list(a, s->target_list, s->n_target_list);
	walk_condition(a, s->where_clause);
	walk_returning(a, &s->base, target, s->n_from_clause == 0,
	    s->returning_list, s->n_returning_list);
	leave(a, saved);
}

static void
walk_delete(struct analysis *a, const PgQuery__DeleteStmt *s)
{
	struct level	 l = { NULL, NULL, NULL };
	struct saved	 saved = enter(a, s->with_clause);
	size_t		 target;

	l.up = a->level;
	a->level = &l;
	target = dml_target(a, s->relation, KIND_DELETE);
	enter_from(a, s->using_clause, s->n_using_clause);
	walk_condition(a, s->where_clause);
	walk_returning(a, &s->base, target, s->n_using_clause == 0,
	    s->returning_list, s->n_returning_list);
	leave(a, saved);
}

static void
walk_merge(struct analysis *a, const PgQuery__MergeStmt *s)
{
	struct level	 l = { NULL, NULL, NULL };
	struct saved	 saved = enter(a, s->with_clause);

	l.up = a->level;
	a->level = &l;
	dml_target(a, s->relation, KIND_MERGE);
	if (s->source_relation != NULL) {
		collect(a, s->source_relation);
		walk_from(a, s->source_relation);
	}
	walk_condition(a, s->join_condition);
	walk_list(a, s->merge_when_clauses, s->n_merge_when_clauses);
	leave(a, saved);
}

bool
scope_statement(struct analysis *a, const PgQuery__Node *n)
{
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_SELECT_STMT:
		scope_select(a, n->select_stmt);
		return true;
	case PG_QUERY__NODE__NODE_INSERT_STMT:
		walk_insert(a, n->insert_stmt);
		return true;
	case PG_QUERY__NODE__NODE_UPDATE_STMT:
		walk_update(a, n->update_stmt);
		return true;
	case PG_QUERY__NODE__NODE_DELETE_STMT:
		walk_delete(a, n->delete_stmt);
		return true;
	case PG_QUERY__NODE__NODE_MERGE_STMT:
		walk_merge(a, n->merge_stmt);
		return true;
	default:
		return false;
	}
}
