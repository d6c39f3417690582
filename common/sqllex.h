#ifndef POSTERN_SQLLEX_H
#define POSTERN_SQLLEX_H

/*
 * The tokens of an SQL text, in one pass over it.
 */
#define LEX_COMMENTS	32	/* nested */
#define LEX_OPERATORS	64	/* characters in a run */

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

#endif
