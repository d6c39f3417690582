#ifndef POSTERN_REWRITE_H
#define POSTERN_REWRITE_H

#include <stddef.h>

#include "protect.h"
#include "sqltree.h"

/* A place in the text and what it is to become. */
enum splice_kind {
	SPLICE_RELATION,	/* a reference: the derived table of `prot` */
	SPLICE_COPY,		/* COPY relation (columns) TO: (SELECT ...) */
	SPLICE_SCHEMA,		/* schema.table.column: table.column */
	SPLICE_NULL,		/* a call of a function: NULL::int8 */
	SPLICE_RETURNING	/* what RETURNING lists, to its end: `list` */
};

struct splice {
	enum splice_kind		 kind;
	int				 location;
	/* of the tree of the text, by kind */
	const PgQuery__RangeVar		*rv;
	const PgQuery__ColumnRef	*column;
	const PgQuery__FuncCall		*call;
	const PgQuery__CopyStmt		*copy;
	const PgQuery__Node		*stmt;	/* INSERT, UPDATE, DELETE */
	const char			*list;	/* of RETURNING */
	const struct protect_rel	*prot;	/* not of the next two */
};

/*
 * Make the changes (sorted here by their place in the text), parse the result
 * and compare it with the tree that it must give.  0 and *out (NUL-terminated, to free()); -1 with a constant sentence
 * when that cannot be done or does not compare equal.
 */
int	rewrite_text(const struct sqltree *, const char *text, size_t len,
	    struct splice *, size_t n, char **out, size_t *out_len,
	    const char **why);

#endif
