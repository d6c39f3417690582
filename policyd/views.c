/*
 * A view that shows protected columns becomes its own SELECT, judged and
 * rewritten as if the client had written it: all that it computes, it computes
 * from masks.
 *
 * Runs in the engine.  The text is the database's, of whoever made the view,
 * and is trusted no more than a client's: what would be refused there is
 * refused here, with the view's name.  It runs with the session's own rights
 * on what is below, which are never more than the view's owner gave away.
 */
#include "analysis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "prescan.h"

#define VIEWS_DEPTH	16
#define VIEWS_TEXT	(256 * 1024)

/* Does the expression name a column that some masked relation has masked? */
struct names {
	const struct analysis	*b;
	bool			 found;
};

static void
on_node(void *ctx, const ProtobufCMessage *m)
{
	struct names			*n = ctx;
	const PgQuery__ColumnRef	*c;
	const char			*name;
	size_t				 i;

	if (n->found)
		return;
	if (m->descriptor == &pg_query__column_ref__descriptor) {
		c = (const PgQuery__ColumnRef *)m;
		name = c->n_fields > 0 ?
		    node_string(c->fields[c->n_fields - 1]) : "";
		/* A star, a whole row: no name of a column, so it counts. */
		for (i = 0; i < n->b->nrefs; i++)
			if (n->b->refs[i].prot != NULL && (*name == '\0' ||
			    c->n_fields == 1 ||
			    protect_column(n->b->refs[i].prot, name)))
				n->found = true;
		return;
	}
	sqltree_children(m, on_node, ctx);
}

/* Notes which columns come from masked ones; false: not the view's columns. */
static bool
trace_columns(const struct analysis *b, const PgQuery__SelectStmt *s,
    struct protect_rel *p, bool first)
{
	const PgQuery__ResTarget	*rt;
	struct names			 n = { b, false };
	const char			*name;
	size_t				 i;

	if (s->larg != NULL && s->rarg != NULL)
		return trace_columns(b, s->larg, p, first) &&
		    trace_columns(b, s->rarg, p, false);
	if (s->n_target_list != p->rel->ncols)
		return false;
	for (i = 0; i < s->n_target_list; i++) {
		rt = s->target_list[i]->res_target;
		if (rt->val == NULL)
			return false;
		name = rt->name != NULL ? rt->name : "";
		if (*name == '\0' && rt->val->node_case ==
		    PG_QUERY__NODE__NODE_COLUMN_REF)
			name = node_string(rt->val->column_ref->fields[
			    rt->val->column_ref->n_fields - 1]);
		if (first && *name != '\0' &&
		    strcmp(name, p->rel->cols[i].name) != 0)
			return false;
		n.found = false;
		on_node(&n, &rt->val->base);
		if (n.found)
			protect_view_column(p, i);
	}
	return true;
}

/* "(SELECT ...)" with everything below masked. */
static int
write_view(struct analysis *a, const struct analysis *b,
    const struct sqltree *t, const char *text, size_t len, struct buf *out)
{
	struct splice	*v;
	const char	*why;
	char		*sql = NULL;
	size_t		 i, n = 0, sql_len = 0;
	int		 rc;

	v = arena_alloc(a->arena, (b->nrefs + b->nedits + 1) * sizeof(*v));
	if (v == NULL)
		return -1;
	for (i = 0; i < b->nrefs; i++)
		if (b->refs[i].prot != NULL)
			v[n++] = (struct splice){ .kind = SPLICE_RELATION,
			    .location = b->refs[i].rv->location,
			    .rv = b->refs[i].rv, .prot = b->refs[i].prot };
	for (i = 0; i < b->nedits; i++)
		v[n++] = b->edits[i];
	/* Nothing to mask: then it is not what it is taken for. */
	if (n == 0 || rewrite_text(t, text, len, v, n, &sql, &sql_len,
	    &why) == -1)
		return -1;
	rc = buf_add(out, "(", 1) == -1 || buf_add(out, sql, sql_len) == -1 ||
	    buf_add(out, ")", 1) == -1 ? -1 : 0;
	free(sql);
	return rc;
}

static const struct protect_rel *
expand(struct analysis *a, const struct cat_rel *rel, const char *text,
    size_t len)
{
	const struct protect_rel	*p = NULL;
	const PgQuery__Node		*stmt;
	struct protect_rel		*view;
	struct analysis			 b;
	struct sqltree			 t;
	struct sql_error		 err;
	struct buf			 sql;

	if (sqltree_parse(&t, text, &err) == -1)
		return NULL;
	memset(&b, 0, sizeof(b));
	b.scene = a->scene;
	b.arena = a->arena;
	b.depth = a->depth + 1;
	buf_init(&sql, VIEWS_TEXT);
	stmt = t.root->n_stmts == 1 ? t.root->stmts[0]->stmt : NULL;
	if (stmt == NULL ||
	    stmt->node_case != PG_QUERY__NODE__NODE_SELECT_STMT ||
	    stmt->select_stmt->into_clause != NULL)
		goto out;
	analysis_statement(&b, stmt);
	a->unproven |= b.unproven || b.unresolved;
	a->locking |= b.locking;
	a->wanted |= b.wanted;
	if (b.refused) {
		analysis_refuse(a, b.sqlstate, "view %s.%s: %s", rel->schema,
		    rel->name, b.message);
		goto out;
	}
	if (b.dml || (view = protect_view(a->scene->protect, rel)) == NULL ||
	    !trace_columns(&b, stmt->select_stmt, view, true) ||
	    write_view(a, &b, &t, text, len, &sql) == -1)
		goto out;
	p = protect_view_done(a->scene->protect, view, &sql);
out:
	buf_clear(&sql);
	sqltree_free(&t);
	return p;
}

const struct protect_rel *
views_masked(struct analysis *a, const struct cat_rel *rel)
{
	const struct protect_rel	*p;
	const char			*d = rel->definition;
	size_t				 n = strlen(d);
	char				*text;

	if ((p = protect_view_known(a->scene->protect, rel)) != NULL)
		return p;
	while (n > 0 && (d[n - 1] == ';' || d[n - 1] == ' ' ||
	    d[n - 1] == '\n'))
		n--;
	if (a->depth >= VIEWS_DEPTH || prescan(d, n) != NULL ||
	    (text = arena_strndup(a->arena, d, n)) == NULL)
		return NULL;
	return expand(a, rel, text, n);
}
