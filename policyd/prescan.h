#ifndef POSTERN_PRESCAN_H
#define POSTERN_PRESCAN_H

#include <stddef.h>

/*
 * What may be shown to the real parser: it is recursive and in places
 * quadratic, so a text is looked over here first, in linear time (notes on
 * libpg_query's limits are in prescan.c; those of the lexer in sqllex.h).
 */
#define PRESCAN_BYTES		(8u * 1024 * 1024)
#define PRESCAN_STATEMENTS	1000
#define PRESCAN_CHAIN		3000	/* terms, arms of a UNION */
#define PRESCAN_NESTING		2000	/* parentheses, brackets, CASE */

/*
 * NULL when the text may be parsed, else a constant sentence that says why
 * not.
 */
const char	*prescan(const char *text, size_t len);

#endif
