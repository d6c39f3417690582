/*
 * Rewriting a statement so that it sees protected tables masked: the text is
 * changed at the references only, then read again, and what comes out must be
 * the old tree with exactly those references replaced.
 *
 * Runs in the engine on a text that has passed prescan() and the parser.  Any
 * doubt is a failure, and the statement is refused.
 */
#include "rewrite.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ipc_msgs.h"
#include "mask.h"
#include "sqllex.h"

struct compare {
	const struct splice	*v;
	size_t			 n, seen;
};

static int
by_location(const void *a, const void *b)
{
	const struct splice	*x = a, *y = b;

	return (x->location > y->location) - (x->location < y->location);
}

static int
alias_equal(const PgQuery__RangeVar *rv, const PgQuery__RangeSubselect *s)
{
	if (s->alias == NULL)
		return 0;
	if (rv->alias != NULL)
		return sqltree_equal(&rv->alias->base, &s->alias->base, NULL,
		    NULL);
	return strcmp(rv->relname, s->alias->aliasname) == 0 &&
	    s->alias->n_colnames == 0;
}

/* The same column without its schema? */
static int
column_equal(const PgQuery__ColumnRef *a, const PgQuery__Node *b)
{
	size_t	 i;

	if (b->node_case != PG_QUERY__NODE__NODE_COLUMN_REF ||
	    b->column_ref->n_fields + 1 != a->n_fields)
		return 0;
	for (i = 1; i < a->n_fields; i++)
		if (!sqltree_equal(&a->fields[i]->base,
		    &b->column_ref->fields[i - 1]->base, NULL, NULL))
			return 0;
	return 1;
}

/* CAST(NULL AS pg_catalog.int8)? */
static int
is_null(const PgQuery__Node *b)
{
	const PgQuery__TypeCast	*c;

	if (b->node_case != PG_QUERY__NODE__NODE_TYPE_CAST)
		return 0;
	c = b->type_cast;
	return c->arg->node_case == PG_QUERY__NODE__NODE_A_CONST &&
	    c->arg->a_const->isnull && c->type_name->n_names == 2 &&
	    strcmp(node_string(c->type_name->names[0]), "pg_catalog") == 0 &&
	    strcmp(node_string(c->type_name->names[1]), "int8") == 0 &&
	    c->type_name->n_typmods == 0 && c->type_name->n_array_bounds == 0;
}

/* The i-th column that COPY of the relation writes; NULL behind the last. */
static const char *
copy_column(const struct splice *s, size_t i)
{
	const struct cat_rel	*rel = s->prot->rel;
	size_t			 k;

	if (s->copy->n_attlist > 0)
		return i < s->copy->n_attlist ?
		    node_string(s->copy->attlist[i]) : NULL;
	/* Generated columns are not copied. */
	for (k = 0; k < rel->ncols; k++)
		if (!rel->cols[k].generated && i-- == 0)
			return rel->cols[k].name;
	return NULL;
}

/* The same COPY, of a query that gives those columns of the derived table? */
static int
copy_equal(const struct splice *s, const PgQuery__Node *b)
{
	const PgQuery__CopyStmt		*x = s->copy, *y;
	const PgQuery__SelectStmt	*q;
	const PgQuery__Node		*v;
	const char			*name;
	size_t				 i;

	if (b->node_case != PG_QUERY__NODE__NODE_COPY_STMT)
		return 0;
	y = b->copy_stmt;
	if (y->relation != NULL || y->n_attlist != 0 || y->is_from ||
	    y->is_program || y->where_clause != NULL ||
	    strcmp(y->filename, "") != 0 || y->n_options != x->n_options ||
	    y->query == NULL ||
	    y->query->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
		return 0;
	for (i = 0; i < x->n_options; i++)
		if (!sqltree_equal(&x->options[i]->base,
		    &y->options[i]->base, NULL, NULL))
			return 0;
	q = y->query->select_stmt;
	if (q->n_from_clause != 1 || q->where_clause != NULL ||
	    q->with_clause != NULL || q->larg != NULL ||
	    q->n_sort_clause != 0 || q->n_group_clause != 0 ||
	    q->from_clause[0]->node_case !=
	    PG_QUERY__NODE__NODE_RANGE_SUBSELECT ||
	    !sqltree_equal(&s->prot->subquery->base,
	    &q->from_clause[0]->range_subselect->subquery->base, NULL, NULL))
		return 0;
	for (i = 0; i < q->n_target_list; i++) {
		v = q->target_list[i]->res_target->val;
		name = copy_column(s, i);
		if (name == NULL ||
		    v->node_case != PG_QUERY__NODE__NODE_COLUMN_REF ||
		    v->column_ref->n_fields != 1 ||
		    strcmp(node_string(v->column_ref->fields[0]), name) != 0)
			return 0;
	}
	return copy_column(s, i) == NULL;
}

static int	on_pair(void *, const PgQuery__Node *, const PgQuery__Node *);

/* The same statement, but for what it returns: that is the target list of q? */
static int
same_but(struct compare *c, const PgQuery__Node *a, const PgQuery__Node *b,
    const PgQuery__SelectStmt *q)
{
	PgQuery__InsertStmt	 i;
	PgQuery__UpdateStmt	 u;
	PgQuery__DeleteStmt	 d;

	switch (a->node_case) {
	case PG_QUERY__NODE__NODE_INSERT_STMT:
		i = *a->insert_stmt;
		i.returning_list = q->target_list;
		i.n_returning_list = q->n_target_list;
		return sqltree_equal(&i.base, &b->insert_stmt->base, on_pair,
		    c);
	case PG_QUERY__NODE__NODE_UPDATE_STMT:
		u = *a->update_stmt;
		u.returning_list = q->target_list;
		u.n_returning_list = q->n_target_list;
		return sqltree_equal(&u.base, &b->update_stmt->base, on_pair,
		    c);
	default:
		d = *a->delete_stmt;
		d.returning_list = q->target_list;
		d.n_returning_list = q->n_target_list;
		return sqltree_equal(&d.base, &b->delete_stmt->base, on_pair,
		    c);
	}
}

static int
returning_equal(struct compare *c, const struct splice *s,
    const PgQuery__Node *a, const PgQuery__Node *b)
{
	struct sqltree			 t;
	struct sql_error		 err;
	const PgQuery__SelectStmt	*q;
	struct buf			 text;
	int				 rc = 0;

	if (a->node_case != b->node_case)
		return 0;
	buf_init(&text, LEN_TEXT);
	if (buf_add(&text, "SELECT ", 7) == 0 &&
	    buf_add(&text, s->list, strlen(s->list) + 1) == 0 &&
	    sqltree_parse(&t, (char *)buf_head(&text), &err) == 0) {
		if (t.root->n_stmts == 1 &&
		    t.root->stmts[0]->stmt->node_case ==
		    PG_QUERY__NODE__NODE_SELECT_STMT) {
			q = t.root->stmts[0]->stmt->select_stmt;
			rc = q->n_from_clause == 0 && q->larg == NULL &&
			    same_but(c, a, b, q);
		}
		sqltree_free(&t);
	}
	buf_clear(&text);
	return rc;
}

static int
on_pair(void *ctx, const PgQuery__Node *a, const PgQuery__Node *b)
{
	struct compare			*c = ctx;
	const PgQuery__RangeSubselect	*s;
	size_t				 i;

	switch (a->node_case) {
	case PG_QUERY__NODE__NODE_RANGE_VAR:
		for (i = 0; i < c->n && c->v[i].rv != a->range_var; i++)
			continue;
		break;
	case PG_QUERY__NODE__NODE_COLUMN_REF:
		for (i = 0; i < c->n && c->v[i].column != a->column_ref; i++)
			continue;
		break;
	case PG_QUERY__NODE__NODE_COPY_STMT:
		for (i = 0; i < c->n && c->v[i].copy != a->copy_stmt; i++)
			continue;
		break;
	case PG_QUERY__NODE__NODE_FUNC_CALL:
		for (i = 0; i < c->n && c->v[i].call != a->func_call; i++)
			continue;
		break;
	case PG_QUERY__NODE__NODE_INSERT_STMT:
	case PG_QUERY__NODE__NODE_UPDATE_STMT:
	case PG_QUERY__NODE__NODE_DELETE_STMT:
		for (i = 0; i < c->n && c->v[i].stmt != a; i++)
			continue;
		if (i < c->n)
			c->seen++;
		return i == c->n ? -1 : returning_equal(c, &c->v[i], a, b);
	default:
		return -1;
	}
	if (i == c->n)
		return -1;
	if (c->v[i].kind != SPLICE_RELATION) {
		if ((c->v[i].kind == SPLICE_COPY ? copy_equal(&c->v[i], b) :
		    c->v[i].kind == SPLICE_SCHEMA ?
		    column_equal(a->column_ref, b) : is_null(b)) == 0)
			return 0;
		c->seen++;
		return 1;
	}
	if (b->node_case != PG_QUERY__NODE__NODE_RANGE_SUBSELECT)
		return 0;
	s = b->range_subselect;
	if (s->lateral || s->subquery == NULL ||
	    !alias_equal(a->range_var, s) ||
	    !sqltree_equal(&c->v[i].prot->subquery->base, &s->subquery->base,
	    NULL, NULL))
		return 0;
	c->seen++;
	return 1;
}

/* Behind the name that starts at the current token: name or schema.name. */
static int
skip_name(struct lex *l, const PgQuery__RangeVar *rv, enum lex_kind first)
{
	struct lex	 ahead;
	enum lex_kind	 k = first;

	if (rv->schemaname != NULL && rv->schemaname[0] != '\0') {
		if (k != LEX_WORD && k != LEX_QUOTED)
			return -1;
		if (lex_next(l) != LEX_PUNCT || *l->start != '.')
			return -1;
		k = lex_next(l);
	}
	/* U&"..." could have UESCAPE behind it. */
	if (k != LEX_WORD && k != LEX_QUOTED)
		return -1;
	/* "table *" is the old way to say: with its children. */
	ahead = *l;
	if (lex_next(&ahead) == LEX_OPERATOR && *ahead.start == '*' &&
	    ahead.pos == ahead.start + 1)
		*l = ahead;
	return 0;
}

/* Behind the "." that follows the first name. */
static int
skip_schema(struct lex *l, enum lex_kind first)
{
	return (first != LEX_WORD && first != LEX_QUOTED) ||
	    lex_next(l) != LEX_PUNCT || *l->start != '.' ? -1 : 0;
}

/* Behind the ")" that closes the "(" which comes next. */
static int
skip_parentheses(struct lex *l)
{
	enum lex_kind	 k;
	unsigned int	 depth;

	if (lex_next(l) != LEX_PUNCT || *l->start != '(')
		return -1;
	for (depth = 1; depth > 0;) {
		k = lex_next(l);
		if (k == LEX_END || k == LEX_BAD)
			return -1;
		if (k == LEX_PUNCT && *l->start == '(')
			depth++;
		else if (k == LEX_PUNCT && *l->start == ')')
			depth--;
	}
	return 0;
}

/* Behind the ")" of name(...) or schema.name(...). */
static int
skip_call(struct lex *l, const PgQuery__FuncCall *f, enum lex_kind first)
{
	enum lex_kind	 k = first;
	size_t		 i;

	for (i = 0; i < f->n_funcname; i++) {
		if (i > 0 && (lex_next(l) != LEX_PUNCT || *l->start != '.'))
			return -1;
		if (i > 0)
			k = lex_next(l);
		if (k != LEX_WORD && k != LEX_QUOTED)
			return -1;
	}
	return skip_parentheses(l);
}

/* Behind the last name that RETURNING lists: plain columns and stars. */
static int
skip_returning(struct lex *l)
{
	struct lex	 ahead;
	enum lex_kind	 k;

	for (ahead = *l; (k = lex_next(&ahead)) != LEX_END; *l = ahead) {
		if (k == LEX_BAD || (k == LEX_PUNCT && *ahead.start == '('))
			return -1;
		if (k == LEX_PUNCT && *ahead.start != ',' &&
		    *ahead.start != '.')
			break;
	}
	return 0;
}

static int
skip(struct lex *l, const struct splice *s, enum lex_kind first)
{
	switch (s->kind) {
	case SPLICE_RETURNING:
		return skip_returning(l);
	case SPLICE_SCHEMA:
		return skip_schema(l, first);
	case SPLICE_NULL:
		return skip_call(l, s->call, first);
	case SPLICE_COPY:
		if (skip_name(l, s->rv, first) == -1)
			return -1;
		return s->copy->n_attlist > 0 ? skip_parentheses(l) : 0;
	default:
		return skip_name(l, s->rv, first);
	}
}

static int
emit_copy(struct buf *b, const struct splice *s)
{
	const char	*name;
	size_t		 i;

	if (buf_add(b, "(SELECT ", 8) == -1)
		return -1;
	for (i = 0; (name = copy_column(s, i)) != NULL; i++)
		if ((i > 0 && buf_add(b, ", ", 2) == -1) ||
		    mask_ident(b, name) == -1)
			return -1;
	return buf_add(b, " FROM ", 6) == -1 ||
	    buf_add(b, s->prot->sql, strlen(s->prot->sql)) == -1 ||
	    buf_add(b, " AS pst)", 8) == -1 ? -1 : 0;
}

static int
emit(struct buf *b, const struct splice *s, bool table)
{
	if (s->kind == SPLICE_SCHEMA)
		return 0;
	if (s->kind == SPLICE_COPY)
		return emit_copy(b, s);
	if (s->kind == SPLICE_RETURNING)
		return buf_add(b, s->list, strlen(s->list));
	if (s->kind == SPLICE_NULL)
		return buf_add(b, "CAST(NULL AS pg_catalog.int8)", 29);
	if (table && buf_add(b, "SELECT * FROM ", 14) == -1)
		return -1;
	if (buf_add(b, s->prot->sql, strlen(s->prot->sql)) == -1)
		return -1;
	if (s->rv->alias != NULL)
		return 0;
	return buf_add(b, " AS ", 4) == -1 ||
	    mask_ident(b, s->rv->relname) == -1 ? -1 : 0;
}

/* 0: all done; -1: a reference is not where it should be, or no room. */
static int
splice_all(const char *text, size_t len, const struct splice *v, size_t n,
    struct buf *b)
{
	struct lex	 l;
	const char	*done = text, *prev = NULL;
	size_t		 prev_len = 0, i = 0;
	enum lex_kind	 k;
	bool		 table;

	memset(&l, 0, sizeof(l));
	l.text = l.pos = text;
	l.end = text + len;
	while (i < n && (k = lex_next(&l)) != LEX_END) {
		if (k == LEX_BAD)
			return -1;
		if (l.start - text == v[i].location) {
			table = v[i].kind == SPLICE_RELATION &&
			    prev != NULL && prev_len == 5 &&
			    strncasecmp(prev, "table", 5) == 0;
			if (!table)
				prev = l.start;
			if (skip(&l, &v[i], k) == -1 ||
			    buf_add(b, done, (size_t)(prev - done)) == -1 ||
			    emit(b, &v[i], table) == -1)
				return -1;
			done = l.pos;
			prev = NULL;
			i++;
			continue;
		}
		prev = k == LEX_WORD ? l.start : NULL;
		prev_len = (size_t)(l.pos - l.start);
	}
	if (i < n)
		return -1;
	return buf_add(b, done, (size_t)(text + len - done));
}

int
rewrite_text(const struct sqltree *t, const char *text, size_t len,
    struct splice *v, size_t n, char **out, size_t *out_len, const char **why)
{
	struct compare		 c = { v, n, 0 };
	struct sqltree		 again;
	struct sql_error	 err;
	struct buf		 b;
	int			 rc = -1;

	buf_init(&b, LEN_TEXT);
	qsort(v, n, sizeof(*v), by_location);
	*why = "the reference to a protected table could not be replaced";
	if (splice_all(text, len, v, n, &b) == -1 || buf_add_u8(&b, 0) == -1)
		goto out;
	*why = "the rewritten statement does not parse";
	if (sqltree_parse(&again, (char *)buf_head(&b), &err) == -1)
		goto out;
	*why = "the rewritten statement is not what was meant";
	if (sqltree_equal(&t->root->base, &again.root->base, on_pair, &c) &&
	    c.seen == n)
		rc = 0;
	sqltree_free(&again);
	if (rc == 0) {
		*out_len = b.len - 1;
		*out = malloc(b.len);
		if (*out == NULL)
			rc = -1;
		else
			memcpy(*out, buf_head(&b), b.len);
	}
out:
	buf_clear(&b);
	return rc;
}
