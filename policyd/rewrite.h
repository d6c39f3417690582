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
	SPLICE_NULL		/* a call of a function: NULL::int8 */
};

struct splice {
	enum splice_kind		 kind;
	int				 location;
	/* of the tree of the text, by kind */
	const PgQuery__RangeVar		*rv;
	const PgQuery__ColumnRef	*column;
	const PgQuery__FuncCall		*call;
	const PgQuery__CopyStmt		*copy;
	const struct protect_rel	*prot;	/* of the first two */
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
