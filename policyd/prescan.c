/*
 * The look over a text before PostgreSQL's own parser sees it.
 *
 * Runs in the engine; the text is whatever a client sent.  The parser kills
 * its process on a long chain of operators, casts, UNIONs or JOINs (4,400
 * terms overflow 8 MiB of stack), is quadratic in nested comments and in runs
 * of operator characters, stops at a NUL and takes invalid UTF-8: all that is
 * refused here, in one linear pass.  Where this lexer and PostgreSQL's differ
 * the harm is bounded: the verdict comes from the real parse, and an engine
 * that dies costs its session one refused statement.
 *
 * standard_conforming_strings is taken to be on; the judge refuses to let a
 * session change it.
 */
#include "prescan.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "sqllex.h"

static const char *
check_bytes(const char *text, size_t len)
{
	const uint8_t	*p = (const uint8_t *)text, *end = p + len;
	uint32_t	 c;
	int		 more, i;

	while (p < end) {
		if (*p == 0)
			return "the text holds a NUL byte";
		if (*p < 0x80) {
			p++;
			continue;
		}
		more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
		if (*p < 0xc2 || *p > 0xf4 || end - p <= more)
			return "the text is not valid UTF-8";
		c = *p & (0x3fu >> more);
		for (i = 1; i <= more; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return "the text is not valid UTF-8";
			c = c << 6 | (p[i] & 0x3fu);
		}
		if ((more == 2 && c < 0x800) || (c >= 0xd800 && c <= 0xdfff) ||
		    (more == 3 && (c < 0x10000 || c > 0x10ffff)))
			return "the text is not valid UTF-8";
		p += more + 1;
	}
	return NULL;
}

/*
 * How deep a parse tree may become: for every open bracket (and CASE) the
 * terms of the expression so far and the set operations and joins so far.  A
 * comma ends an expression, not a UNION.
 */
struct depth {
	uint16_t	 terms[PRESCAN_NESTING + 1];
	uint16_t	 arms[PRESCAN_NESTING + 1];
	unsigned int	 n;
	unsigned int	 sum;
};

static void
depth_reset(struct depth *d)
{
	d->sum -= d->terms[d->n];
	d->terms[d->n] = 0;
}

static void
depth_pop(struct depth *d)
{
	if (d->n == 0)
		return;
	d->sum -= d->terms[d->n] + d->arms[d->n];
	d->n--;
}

static const char *
depth_push(struct depth *d)
{
	if (d->n == PRESCAN_NESTING)
		return "brackets are nested too deeply";
	d->n++;
	d->terms[d->n] = d->arms[d->n] = 0;
	return NULL;
}

enum word_class { WORD_PLAIN, WORD_TERM, WORD_ARM, WORD_RESET, WORD_CASE,
	WORD_END };

static enum word_class
word_class(const char *p, size_t n)
{
	static const struct {
		const char	*word;
		enum word_class	 class;
	} words[] = {
		{ "not", WORD_TERM }, { "is", WORD_TERM },
		{ "isnull", WORD_TERM }, { "notnull", WORD_TERM },
		{ "like", WORD_TERM }, { "ilike", WORD_TERM },
		{ "similar", WORD_TERM }, { "between", WORD_TERM },
		{ "in", WORD_TERM }, { "collate", WORD_TERM },
		{ "at", WORD_TERM }, { "operator", WORD_TERM },
		{ "union", WORD_ARM }, { "except", WORD_ARM },
		{ "intersect", WORD_ARM }, { "join", WORD_ARM },
		{ "and", WORD_RESET }, { "or", WORD_RESET },
		{ "when", WORD_RESET }, { "then", WORD_RESET },
		{ "else", WORD_RESET }, { "case", WORD_CASE },
		{ "end", WORD_END },
	};
	size_t	 i;

	if (n < 2 || n > 9)
		return WORD_PLAIN;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((words[i].word[0] | 0x20) == (*p | 0x20) &&
		    strncasecmp(words[i].word, p, n) == 0 &&
		    words[i].word[n] == '\0')
			return words[i].class;
	return WORD_PLAIN;
}

static const char *
on_word(struct depth *d, const char *p, size_t n)
{
	switch (word_class(p, n)) {
	case WORD_TERM:
		d->terms[d->n]++;
		d->sum++;
		break;
	case WORD_ARM:
		depth_reset(d);
		d->arms[d->n]++;
		d->sum++;
		break;
	case WORD_RESET:
		depth_reset(d);
		break;
	case WORD_CASE:
		return depth_push(d);
	case WORD_END:
		depth_pop(d);
		break;
	case WORD_PLAIN:
		break;
	}
	return NULL;
}

static const char *
on_punct(struct depth *d, char c, unsigned int *statements)
{
	switch (c) {
	case '(':
	case '[':
		return depth_push(d);
	case ')':
	case ']':
		depth_pop(d);
		break;
	case ',':
		depth_reset(d);
		break;
	case ';':
		/* CREATE FUNCTION ... BEGIN ATOMIC has them inside; fine. */
		d->n = d->sum = 0;
		d->terms[0] = d->arms[0] = 0;
		if (++*statements >= PRESCAN_STATEMENTS)
			return "too many statements in one text";
		break;
	}
	return NULL;
}

const char *
prescan(const char *text, size_t len)
{
	struct depth	 d;
	struct lex	 l;
	enum lex_kind	 k;
	const char	*why;
	unsigned int	 statements = 0;

	if (len > PRESCAN_BYTES)
		return "the text is too long";
	if ((why = check_bytes(text, len)) != NULL)
		return why;
	d.n = d.sum = 0;
	d.terms[0] = d.arms[0] = 0;
	memset(&l, 0, sizeof(l));
	l.text = l.pos = text;
	l.end = text + len;
	while ((k = lex_next(&l)) != LEX_END) {
		why = NULL;
		if (k == LEX_BAD)
			return l.error;
		else if (k == LEX_WORD)
			why = on_word(&d, l.start, (size_t)(l.pos - l.start));
		else if (k == LEX_OPERATOR) {
			d.terms[d.n]++;
			d.sum++;
		} else if (k == LEX_PUNCT)
			why = on_punct(&d, *l.start, &statements);
		if (why != NULL)
			return why;
		if (d.sum > PRESCAN_CHAIN)
			return "an expression or a chain of joins is too long";
	}
	return NULL;
}
