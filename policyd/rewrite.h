#ifndef POSTERN_REWRITE_H
#define POSTERN_REWRITE_H

#include <stddef.h>

#include "protect.h"
#include "sqltree.h"

/* A reference and what it is to become. */
struct splice {
	const PgQuery__RangeVar		*rv;	/* in the tree of the text */
	const struct protect_rel	*prot;
};

/*
 * Replace the references (sorted here by their place in the text) by derived
 * tables that mask, parse the result and compare it with the tree that it must
 * give.  0 and *out (NUL-terminated, to free()); -1 with a constant sentence
 * when that cannot be done or does not compare equal.
 */
int	rewrite_text(const struct sqltree *, const char *text, size_t len,
	    struct splice *, size_t n, char **out, size_t *out_len,
	    const char **why);

#endif
