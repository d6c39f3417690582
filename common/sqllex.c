/*
 * PostgreSQL's lexical structure (chapter 4.1 of its manual), linear in time.
 *
 * Runs in policyd's engine and parent and in gatewayd's workers; the text is
 * whatever a client sent.  standard_conforming_strings is taken to be on, and
 * the encoding to be one in which no byte of a character looks like a quote;
 * who works on a text where either may be otherwise has to see to it.
 */
#include "sqllex.h"

#include <stdbool.h>
#include <string.h>

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' ||
	    c == '\v';
}

static bool
is_word_start(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	    c >= 0x80;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_word(unsigned char c)
{
	return is_word_start(c) || is_digit((char)c) || c == '$';
}

static bool
is_operator(char c)
{
	return c != '\0' && strchr("~!@#^&|`?+-*/%<>=", c) != NULL;
}

static enum lex_kind
bad(struct lex *l, const char *why)
{
	l->error = why;
	l->pos = l->end;
	return LEX_BAD;
}

/* At a comment: past it.  -1 when it does not end or is too deep. */
static int
skip_block(struct lex *l)
{
	const char	*p = l->pos;
	unsigned int	 depth = 0;

	while (p + 1 < l->end) {
		if (p[0] == '/' && p[1] == '*') {
			if (++depth > LEX_COMMENTS) {
				bad(l, "comments are nested too deeply");
				return -1;
			}
			p += 2;
		} else if (p[0] == '*' && p[1] == '/') {
			p += 2;
			if (--depth == 0) {
				l->pos = p;
				return 0;
			}
		} else
			p++;
	}
	bad(l, "a comment does not end");
	return -1;
}

static int
skip_blank(struct lex *l)
{
	for (;;) {
		while (l->pos < l->end && is_space(*l->pos))
			l->pos++;
		if (l->end - l->pos < 2)
			return 0;
		if (l->pos[0] == '-' && l->pos[1] == '-') {
			while (l->pos < l->end && *l->pos != '\n' &&
			    *l->pos != '\r')
				l->pos++;
		} else if (l->pos[0] == '/' && l->pos[1] == '*') {
			if (skip_block(l) == -1)
				return -1;
		} else
			return 0;
	}
}

/* pos is behind the opening quote. */
static enum lex_kind
quoted(struct lex *l, char quote, bool escapes, enum lex_kind kind)
{
	const char	*p = l->pos;

	for (; p < l->end; p++) {
		if (escapes && *p == '\\' && p + 1 < l->end)
			p++;
		else if (*p == quote) {
			if (p + 1 < l->end && p[1] == quote) {
				p++;
				continue;
			}
			l->pos = p + 1;
			return kind;
		}
	}
	return bad(l, "a quoted string or name does not end");
}

static enum lex_kind
dollar(struct lex *l)
{
	const char	*tag = l->start, *p = tag + 1;
	size_t		 n;

	if (p < l->end && is_digit(*p)) {
		while (p < l->end && is_digit(*p))
			p++;
		l->pos = p;
		return LEX_NUMBER;	/* $1 */
	}
	if (p < l->end && is_word_start((unsigned char)*p))
		while (p < l->end && is_word((unsigned char)*p) && *p != '$')
			p++;
	if (p >= l->end || *p != '$') {
		l->pos = tag + 1;
		return LEX_PUNCT;	/* the parser will not take it */
	}
	p++;
	n = (size_t)(p - tag);
	p = memmem(p, (size_t)(l->end - p), tag, n);
	if (p == NULL)
		return bad(l, "a dollar-quoted string does not end");
	l->pos = p + n;
	return LEX_STRING;
}

static enum lex_kind
word(struct lex *l)
{
	const char	*p = l->start;
	size_t		 left = (size_t)(l->end - p);
	char		 c = p[0];

	if (left > 1 && p[1] == '\'' && strchr("eEbBxXnN", c) != NULL) {
		l->pos = p + 2;
		return quoted(l, '\'', c == 'e' || c == 'E', LEX_STRING);
	}
	if (left > 2 && (c == 'u' || c == 'U') && p[1] == '&' &&
	    (p[2] == '\'' || p[2] == '"')) {
		l->pos = p + 3;
		return quoted(l, p[2], false,
		    p[2] == '"' ? LEX_UQUOTED : LEX_STRING);
	}
	while (p < l->end && is_word((unsigned char)*p))
		p++;
	l->pos = p;
	return LEX_WORD;
}

static enum lex_kind
number(struct lex *l)
{
	const char	*p = l->start;

	while (p < l->end && (is_digit(*p) || *p == '.' ||
	    ((*p == 'e' || *p == 'E') && p + 1 < l->end &&
	    (is_digit(p[1]) || ((p[1] == '+' || p[1] == '-') &&
	    p + 2 < l->end && is_digit(p[2])))) ||
	    ((*p == '+' || *p == '-') && (p[-1] == 'e' || p[-1] == 'E'))))
		p++;
	l->pos = p;
	return LEX_NUMBER;
}

static enum lex_kind
operator(struct lex *l)
{
	const char	*p = l->start;

	while (p < l->end && is_operator(*p)) {
		if (p + 1 < l->end && p > l->start &&
		    ((p[0] == '-' && p[1] == '-') ||
		    (p[0] == '/' && p[1] == '*')))
			break;
		p++;
	}
	if (p - l->start > LEX_OPERATORS)
		return bad(l, "an operator is too long");
	l->pos = p;
	return LEX_OPERATOR;
}

enum lex_kind
lex_next(struct lex *l)
{
	unsigned char	 c;

	if (skip_blank(l) == -1)
		return LEX_BAD;
	l->start = l->pos;
	if (l->pos == l->end)
		return LEX_END;
	c = (unsigned char)*l->pos;
	if (is_word_start(c))
		return word(l);
	if (is_digit((char)c) || (c == '.' && l->end - l->pos > 1 &&
	    is_digit(l->pos[1])))
		return number(l);
	if (c == '\'' || c == '"') {
		l->pos++;
		return quoted(l, (char)c, false,
		    c == '"' ? LEX_QUOTED : LEX_STRING);
	}
	if (c == '$')
		return dollar(l);
	if (is_operator((char)c))
		return operator(l);
	l->pos++;
	if (c == ':' && l->pos < l->end && *l->pos == ':') {
		l->pos++;
		return LEX_OPERATOR;
	}
	return LEX_PUNCT;
}
