#ifndef POSTERN_PRESCAN_H
#define POSTERN_PRESCAN_H

#include <stddef.h>

/*
 * PostgreSQL's lexical structure, linear in time, and what may be shown to the
 * real parser: it is recursive and in places quadratic, so a text is looked
 * over here first (notes on libpg_query's limits are in prescan.c).
 */
#define PRESCAN_BYTES		(8u * 1024 * 1024)
#define PRESCAN_COMMENTS	32	/* nested */
#define PRESCAN_OPERATOR	64	/* characters in a run */
#define PRESCAN_STATEMENTS	1000
#define PRESCAN_CHAIN		3000	/* terms, arms of a UNION */
#define PRESCAN_NESTING		2000	/* parentheses, brackets, CASE */

enum lex_kind {
	LEX_END,
	LEX_WORD,	/* identifier or keyword, unquoted */
	LEX_QUOTED,	/* "identifier" */
	LEX_UQUOTED,	/* U&"identifier" */
	LEX_STRING,	/* any kind of string constant */
	LEX_NUMBER,	/* and $1 */
	LEX_OPERATOR,	/* a run of operator characters; `::` too */
	LEX_PUNCT,	/* one of ( ) [ ] , ; . : */
	LEX_BAD		/* unterminated, or over a limit: see error */
};

/* Set text, end and pos; the rest is zero. */
struct lex {
	const char	*text, *end;	/* whole text */
	const char	*pos;		/* where to go on */
	const char	*start;		/* the token: [start, pos) */
	const char	*error;		/* LEX_BAD: a constant sentence */
};

/* Skips white space and comments and takes one token. */
enum lex_kind	 lex_next(struct lex *);

/*
 * NULL when the text may be parsed, else a constant sentence that says why
 * not.
 */
const char	*prescan(const char *text, size_t len);

#endif
