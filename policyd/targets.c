/*
 * The select list beside GROUP BY, DISTINCT ON and ORDER BY: what is shown
 * masked may be grouped and ordered by its mask, and a column that a primary
 * key would have let through a grouping is refused with a sentence, because a
 * derived table has no key.
 *
 * Runs in the engine on the tree of a client's text.  Too much found costs a
 * refusal, too little shows nothing: the server sees masks only.
 */
#include "analysis.h"

#include <string.h>

static const char *
last_field(const PgQuery__Node *n)
{
	const PgQuery__ColumnRef	*c;

	if (n == NULL || n->node_case != PG_QUERY__NODE__NODE_COLUMN_REF ||
	    n->column_ref->n_fields == 0)
		return NULL;
	c = n->column_ref;
	if (c->fields[c->n_fields - 1]->node_case ==
	    PG_QUERY__NODE__NODE_A_STAR)
		return "*";
	return node_string(c->fields[c->n_fields - 1]);
}

bool
targets_have(const PgQuery__SelectStmt *s, const PgQuery__Node *n)
{
	const PgQuery__Node	*val;
	const char		*name, *other;
	size_t			 i;

	if (n->node_case == PG_QUERY__NODE__NODE_SORT_BY)
		n = n->sort_by->node;
	name = last_field(n);
	for (i = 0; n != NULL && i < s->n_target_list; i++) {
		val = s->target_list[i]->res_target->val;
		if (val == NULL)
			continue;
		other = last_field(val);
		if (name != NULL && other != NULL &&
		    (strcmp(other, "*") == 0 || strcmp(name, other) == 0))
			return true;
		if (sqltree_equal(&n->base, &val->base, NULL, NULL))
			return true;
	}
	return false;
}

/* Is the select list's i-th column in GROUP BY: by name, place or as it is? */
static bool
grouped(const PgQuery__SelectStmt *s, size_t i)
{
	const PgQuery__ResTarget	*rt = s->target_list[i]->res_target;
	const PgQuery__Node		*g;
	const char			*name = last_field(rt->val), *other;
	size_t				 k;

	for (k = 0; k < s->n_group_clause; k++) {
		g = s->group_clause[k];
		if (g->node_case == PG_QUERY__NODE__NODE_A_CONST) {
			if (g->a_const->val_case !=
			    PG_QUERY__A__CONST__VAL_IVAL ||
			    g->a_const->ival->ival == (int32_t)(i + 1))
				return true;
			continue;
		}
		other = last_field(g);
		if (other == NULL)
			return true;	/* ROLLUP, (a, b): not looked into */
		if (strcmp(name, other) == 0 ||
		    (rt->name != NULL && strcmp(rt->name, other) == 0))
			return true;
	}
	return false;
}

/* Certainly a column of a masked relation of this level? */
static bool
of_masked(const struct analysis *a, const PgQuery__ColumnRef *c,
    const char *name)
{
	const struct from_item	*it;
	const char		*alias = NULL;
	bool			 found = false;

	if (c->n_fields > 1)
		alias = node_string(c->fields[c->n_fields - 2]);
	for (it = a->level->items; it != NULL; it = it->next) {
		if (it->rel == NULL || it->renamed)
			return false;
		if ((alias != NULL && strcmp(it->alias, alias) != 0) ||
		    catalog_col(it->rel, name) == NULL)
			continue;
		if (it->prot == NULL)
			return false;
		found = true;
	}
	return found;
}

void
targets_check_groups(struct analysis *a, const PgQuery__SelectStmt *s)
{
	const PgQuery__Node	*val;
	const char		*name;
	size_t			 i;

	if (!a->scene->masked || s->n_group_clause == 0)
		return;
	for (i = 0; i < s->n_target_list; i++) {
		val = s->target_list[i]->res_target->val;
		name = last_field(val);
		if (name != NULL && strcmp(name, "*") != 0 &&
		    of_masked(a, val->column_ref, name) && !grouped(s, i))
			analysis_refuse(a, "42803", "column %s must be in "
			    "GROUP BY: beside masks a primary key does not "
			    "stand for the other columns; list every selected "
			    "column in GROUP BY", name);
	}
}
