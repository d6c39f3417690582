/*
 * The walk through expressions, and the list of what may stand in a statement
 * of a profile with masks.
 *
 * Runs in the engine; every node of a tree passes scope_walk(), so that
 * nothing is overlooked: what has no case of its own is walked generically.
 */
#include "analysis.h"

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

/* What may stand in a statement of a profile with masks. */
static bool
node_listed(PgQuery__Node__NodeCase c)
{
	switch (c) {
	case PG_QUERY__NODE__NODE__NOT_SET:
	case PG_QUERY__NODE__NODE_ALIAS:
	case PG_QUERY__NODE__NODE_RANGE_VAR:
	case PG_QUERY__NODE__NODE_SUB_LINK:
	case PG_QUERY__NODE__NODE_NAMED_ARG_EXPR:
	case PG_QUERY__NODE__NODE_BOOL_EXPR:
	case PG_QUERY__NODE__NODE_CASE_EXPR:
	case PG_QUERY__NODE__NODE_CASE_WHEN:
	case PG_QUERY__NODE__NODE_ROW_EXPR:
	case PG_QUERY__NODE__NODE_COALESCE_EXPR:
	case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
	case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
	case PG_QUERY__NODE__NODE_XML_EXPR:
	case PG_QUERY__NODE__NODE_NULL_TEST:
	case PG_QUERY__NODE__NODE_BOOLEAN_TEST:
	case PG_QUERY__NODE__NODE_SET_TO_DEFAULT:
	case PG_QUERY__NODE__NODE_JOIN_EXPR:
	case PG_QUERY__NODE__NODE_INSERT_STMT:
	case PG_QUERY__NODE__NODE_UPDATE_STMT:
	case PG_QUERY__NODE__NODE_DELETE_STMT:
	case PG_QUERY__NODE__NODE_MERGE_STMT:
	case PG_QUERY__NODE__NODE_SELECT_STMT:
	case PG_QUERY__NODE__NODE_A_EXPR:
	case PG_QUERY__NODE__NODE_COLUMN_REF:
	case PG_QUERY__NODE__NODE_PARAM_REF:
	case PG_QUERY__NODE__NODE_FUNC_CALL:
	case PG_QUERY__NODE__NODE_A_STAR:
	case PG_QUERY__NODE__NODE_A_INDICES:
	case PG_QUERY__NODE__NODE_A_INDIRECTION:
	case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
	case PG_QUERY__NODE__NODE_RES_TARGET:
	case PG_QUERY__NODE__NODE_MULTI_ASSIGN_REF:
	case PG_QUERY__NODE__NODE_TYPE_CAST:
	case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
	case PG_QUERY__NODE__NODE_SORT_BY:
	case PG_QUERY__NODE__NODE_WINDOW_DEF:
	case PG_QUERY__NODE__NODE_RANGE_SUBSELECT:
	case PG_QUERY__NODE__NODE_RANGE_FUNCTION:
	case PG_QUERY__NODE__NODE_TYPE_NAME:
	case PG_QUERY__NODE__NODE_COLUMN_DEF:
	case PG_QUERY__NODE__NODE_GROUPING_SET:
	case PG_QUERY__NODE__NODE_GROUPING_FUNC:
	case PG_QUERY__NODE__NODE_LOCKING_CLAUSE:
	case PG_QUERY__NODE__NODE_WITH_CLAUSE:
	case PG_QUERY__NODE__NODE_COMMON_TABLE_EXPR:
	case PG_QUERY__NODE__NODE_INFER_CLAUSE:
	case PG_QUERY__NODE__NODE_INDEX_ELEM:
	case PG_QUERY__NODE__NODE_ON_CONFLICT_CLAUSE:
	case PG_QUERY__NODE__NODE_MERGE_WHEN_CLAUSE:
	case PG_QUERY__NODE__NODE_INTEGER:
	case PG_QUERY__NODE__NODE_FLOAT:
	case PG_QUERY__NODE__NODE_BOOLEAN:
	case PG_QUERY__NODE__NODE_STRING:
	case PG_QUERY__NODE__NODE_BIT_STRING:
	case PG_QUERY__NODE__NODE_LIST:
	case PG_QUERY__NODE__NODE_A_CONST:
		return true;
	default:
		return false;
	}
}

static void
walk_sublink(struct analysis *a, const PgQuery__SubLink *s)
{
	if (s->n_oper_name > 0)
		names_operator(a, s->oper_name, s->n_oper_name);
	else if (s->testexpr != NULL)
		names_operator_word(a, "=");
	walk_node(a, s->testexpr);
	a->sub_pred = a->pred && s->sub_link_type !=
	    PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK;
	walk_node(a, s->subselect);
	a->sub_pred = false;
}

/* Whether it is NULL is no secret that a mask keeps: policy.yaml(5). */
static void
walk_null_test(struct analysis *a, const PgQuery__NullTest *t)
{
	bool	 saved = a->pred;

	if (t->arg != NULL &&
	    t->arg->node_case == PG_QUERY__NODE__NODE_COLUMN_REF)
		a->pred = false;
	walk_node(a, t->arg);
	a->pred = saved;
}

static void
walk_indirection(struct analysis *a, const PgQuery__AIndirection *in)
{
	size_t	 i;

	walk_node(a, in->arg);
	for (i = 0; i < in->n_indirection; i++) {
		if (in->indirection[i]->node_case ==
		    PG_QUERY__NODE__NODE_STRING)
			names_field(a, node_string(in->indirection[i]));
		else
			walk_node(a, in->indirection[i]);
	}
}

/* true: the children have been seen to, or need not be. */
static bool
walk_special(struct analysis *a, const PgQuery__Node *n)
{
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_SUB_LINK:
		walk_sublink(a, n->sub_link);
		return true;
	case PG_QUERY__NODE__NODE_COLUMN_REF:
		names_column(a, n->column_ref);
		return true;
	case PG_QUERY__NODE__NODE_A_INDIRECTION:
		walk_indirection(a, n->a_indirection);
		return true;
	case PG_QUERY__NODE__NODE_NULL_TEST:
		walk_null_test(a, n->null_test);
		return true;
	case PG_QUERY__NODE__NODE_A_CONST:
	case PG_QUERY__NODE__NODE_PARAM_REF:
	case PG_QUERY__NODE__NODE_LOCKING_CLAUSE:
		return true;
	case PG_QUERY__NODE__NODE_FUNC_CALL:
		names_function(a, n->func_call);
		return false;
	case PG_QUERY__NODE__NODE_A_EXPR:
		names_expr(a, n->a_expr);
		return false;
	case PG_QUERY__NODE__NODE_CASE_EXPR:
		if (n->case_expr->arg != NULL)
			names_operator_word(a, "=");
		return false;
	case PG_QUERY__NODE__NODE_SORT_BY:
		names_operator(a, n->sort_by->use_op, n->sort_by->n_use_op);
		return false;
	case PG_QUERY__NODE__NODE_XML_EXPR:
	case PG_QUERY__NODE__NODE_XML_SERIALIZE:
	case PG_QUERY__NODE__NODE_RANGE_TABLE_FUNC:
		a->unproven = true;
		return false;
	default:
		return false;
	}
}

void
scope_walk(struct analysis *a, const ProtobufCMessage *m)
{
	const PgQuery__Node	*n;

	if (m->descriptor == &pg_query__node__descriptor) {
		n = (const PgQuery__Node *)m;
		if (a->scene->masked && !node_listed(n->node_case))
			analysis_refuse(a, "42501", "this statement uses "
			    "something that is not handled yet in a profile "
			    "with masks");
		if (n->node_case == PG_QUERY__NODE__NODE__NOT_SET ||
		    scope_statement(a, n) || walk_special(a, n))
			return;
		m = sqltree_member(n);
	}
	if (m->descriptor == &pg_query__select_stmt__descriptor) {
		scope_select(a, (const PgQuery__SelectStmt *)m);
		return;
	}
	if (m->descriptor == &pg_query__range_var__descriptor) {
		analysis_ref(a, (const PgQuery__RangeVar *)m, NULL, NULL,
		    a->utility);
		return;
	}
	if (m->descriptor == &pg_query__type_name__descriptor)
		names_type(a, (const PgQuery__TypeName *)m);
	sqltree_children(m, on_child, a);
}
