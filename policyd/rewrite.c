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
#include "prescan.h"

struct compare {
	const struct splice	*v;
	size_t			 n, seen;
};

static int
by_location(const void *a, const void *b)
{
	const struct splice	*x = a, *y = b;

	return (x->rv->location > y->rv->location) -
	    (x->rv->location < y->rv->location);
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

static int
on_pair(void *ctx, const PgQuery__Node *a, const PgQuery__Node *b)
{
	struct compare			*c = ctx;
	const PgQuery__RangeSubselect	*s;
	size_t				 i;

	if (a->node_case != PG_QUERY__NODE__NODE_RANGE_VAR)
		return -1;
	for (i = 0; i < c->n && c->v[i].rv != a->range_var; i++)
		continue;
	if (i == c->n)
		return -1;
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

static int
emit(struct buf *b, const struct splice *s, bool table)
{
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
		if (l.start - text == v[i].rv->location) {
			table = prev != NULL && prev_len == 5 &&
			    strncasecmp(prev, "table", 5) == 0;
			if (!table)
				prev = l.start;
			if (skip_name(&l, v[i].rv, k) == -1 ||
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
