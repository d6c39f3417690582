/*
 * RETURNING of a table with masks.  The table that is written cannot be
 * replaced by one that masks, but what is returned of it can: a list of plain
 * columns is written anew, with the masks in it.
 *
 * Runs in the engine.  Only where the list holds nothing else than columns of
 * that table, and nothing else is in scope; all other forms are walked, and
 * refused where they use a masked column (writes.c).  What is written here is
 * parsed and compared with what the server will get (rewrite.c).
 */
#include "analysis.h"

#include <string.h>

#include "mask.h"
#include "sqlnames.h"

#define LIST_MAX	(256 * 1024)

/* alias."column", or what masks it, and the name that it has. */
static int
add_column(struct buf *b, const struct protect_rel *p, size_t i,
    const char *alias, const char *name)
{
	const struct cat_col	*col = &p->rel->cols[i];

	if (b->len > 0 && buf_add(b, ", ", 2) == -1)
		return -1;
	if (p->mask[i] != NULL) {
		if (mask_column(b, col, p->mask[i], alias) == -1)
			return -1;
	} else if (mask_ident(b, alias) == -1 || buf_add_u8(b, '.') == -1 ||
	    mask_ident(b, col->name) == -1)
		return -1;
	return buf_add(b, " AS ", 4) == -1 ? -1 : mask_ident(b, name);
}

/* Its field behind the alias, if there is one; NULL: something else. */
static const PgQuery__Node *
field(const PgQuery__ColumnRef *c, const char *alias)
{
	if (c->n_fields == 1)
		return c->fields[0];
	if (c->n_fields != 2 ||
	    c->fields[0]->node_case != PG_QUERY__NODE__NODE_STRING ||
	    strcmp(node_string(c->fields[0]), alias) != 0)
		return NULL;
	return c->fields[1];
}

/* False: not a plain column of it, or no room. */
static bool
add_item(struct buf *b, const struct protect_rel *p, const char *alias,
    const PgQuery__Node *n)
{
	const PgQuery__ResTarget	*rt;
	const PgQuery__Node		*f;
	const char			*name;
	size_t				 i;

	if (n->node_case != PG_QUERY__NODE__NODE_RES_TARGET)
		return false;
	rt = n->res_target;
	if (rt->n_indirection > 0 || rt->val == NULL ||
	    rt->val->node_case != PG_QUERY__NODE__NODE_COLUMN_REF ||
	    (f = field(rt->val->column_ref, alias)) == NULL)
		return false;
	if (f->node_case == PG_QUERY__NODE__NODE_A_STAR) {
		for (i = 0; i < p->rel->ncols; i++)
			if (add_column(b, p, i, alias,
			    p->rel->cols[i].name) == -1)
				return false;
		return true;
	}
	if (f->node_case != PG_QUERY__NODE__NODE_STRING)
		return false;
	name = node_string(f);
	for (i = 0; i < p->rel->ncols; i++)
		if (strcmp(p->rel->cols[i].name, name) == 0)
			return add_column(b, p, i, alias, rt->name != NULL &&
			    *rt->name != '\0' ? rt->name : name) == 0;
	return false;
}

bool
returning_masked(struct analysis *a, const struct ref *target,
    PgQuery__Node *const *v, size_t n)
{
	struct splice			 s = { .kind = SPLICE_RETURNING };
	const struct protect_rel	*p = NULL;
	const char			*alias;
	struct buf			 b;
	bool				 plain = true;
	size_t				 i;

	if (a->scene->protect != NULL && target->rel != NULL)
		p = protect_find(a->scene->protect, target->rel);
	if (p == NULL || p->nmasked == 0 || p->taint != TAINT_NONE ||
	    target->rv == NULL)
		return false;
	alias = target->rv->alias != NULL ? target->rv->alias->aliasname :
	    target->rv->relname;
	buf_init(&b, LIST_MAX);
	for (i = 0; plain && i < n; i++)
		plain = add_item(&b, p, alias, v[i]);
	if (plain) {
		s.stmt = a->whole;
		s.location = v[0]->res_target->location;
		s.prot = p;
		s.list = arena_strndup(a->arena, (char *)buf_head(&b), b.len);
		if (s.list == NULL)
			a->nomem = true;
		else
			analysis_edit(a, &s);
	}
	buf_clear(&b);
	return plain;
}
