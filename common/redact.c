/*
 * redact: statements for the record, without the values in them.
 *
 * Runs in gatewayd's workers and in policyd's parent, in linear time.  The text
 * is whatever a client sent, and may have been refused by everybody else: what
 * is not understood here is left out.  The server may read it with
 * standard_conforming_strings off, or in another encoding; both would move the
 * end of a plain string behind a backslash and a quote, so such a string is the
 * last that is looked at.
 */
#include "redact.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "crypto.h"
#include "sqllex.h"
#include "visible.h"

#define PARAMETER_MAX	65535	/* PostgreSQL 55.7, Bind */
/* HMACs of one text: some 10 ms. */
#define HASHES		10000

static const char rest[] = "/* the rest is not recorded */";

#define REDACT_M_NAME(id, name)	name,
static const char *const mode_names[] = { REDACT_MODES(REDACT_M_NAME) };
#undef REDACT_M_NAME

const char *
redact_mode_name(unsigned int mode)
{
	return mode < RECORD_NMODES ? mode_names[mode] : "?";
}

void
redact_hash(const struct redact *r, const void *value, size_t len,
    char out[REDACT_HASH])
{
	uint8_t mac[SHA256_LEN];

	hmac_sha256(r->key, sizeof(r->key), value, len, mac);
	hex_encode(mac, (REDACT_HASH - 1) / 2, out);
}

static bool
is_parameter(const struct lex *l)
{
	return *l->start == '$';
}

/* The digits behind the dollar; over the maximum: the maximum. */
static unsigned int
parameter(const struct lex *l)
{
	const char *p;
	unsigned int n = 0;

	for (p = l->start + 1; p < l->pos && n < PARAMETER_MAX; p++)
		n = n * 10 + (unsigned int)(*p - '0');
	return n < PARAMETER_MAX ? n : PARAMETER_MAX;
}

static unsigned int
highest_parameter(struct lex l)
{
	enum lex_kind k;
	unsigned int n, max = 0;

	while ((k = lex_next(&l)) != LEX_END && k != LEX_BAD)
		if (k == LEX_NUMBER && is_parameter(&l) &&
		    (n = parameter(&l)) > max)
			max = n;
	return max;
}

/* A string whose end is where others may not see it. */
static bool
is_ambiguous(const struct lex *l)
{
	const uint8_t *p = (const uint8_t *)l->start;
	const uint8_t *end = (const uint8_t *)l->pos;
	bool escapes = *p == 'e' || *p == 'E';
	uint32_t c;
	size_t n;

	if (*p == '$')
		return false;
	for (; p < end; p += n) {
		if ((n = visible_char(p, (size_t)(end - p), &c)) == 0)
			return true;
		if (!escapes && c == '\\' && p + 1 < end && p[1] == '\'')
			return true;
	}
	return false;
}

/* Newer servers know 0x1f and 1_000; whatever is stuck to a number is of it. */
static void
take_all(struct lex *l)
{
	while (l->pos < l->end && (strchr("abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.", *l->pos) != NULL ||
	    (unsigned char)*l->pos >= 0x80) && *l->pos != '\0')
		l->pos++;
}

/* Between the quotes of a plain string; of others the whole. */
static void
add_hash(struct buf *out, const struct redact *r, const struct lex *l)
{
	const char *p = l->start;
	size_t n = (size_t)(l->pos - p);
	char hash[REDACT_HASH], text[REDACT_HASH + 8];

	if (n >= 2 && *p == '\'') {
		p++;
		n -= 2;
	}
	redact_hash(r, p, n, hash);
	snprintf(text, sizeof(text), " /* %s */", hash);
	buf_add(out, text, strlen(text));
}

static int
add_token(struct buf *out, const struct lex *l)
{
	return buf_add(out, l->start, (size_t)(l->pos - l->start));
}

/* What stands between two tokens: a comment becomes one space. */
static int
add_blank(struct buf *out, const char *from, const char *to)
{
	const char *p;

	for (p = from; p < to; p++)
		if (strchr(" \t\n\r\f\v", *p) == NULL || *p == '\0')
			return buf_add_u8(out, ' ');
	return buf_add(out, from, (size_t)(to - from));
}

int
redact_text(struct buf *out, const struct redact *r, const void *text,
    size_t len)
{
	struct lex l = { .text = text, .pos = text,
	    .end = (const char *)text + len };
	unsigned int symbol = highest_parameter(l), hashes = 0;
	const char *before = l.pos;
	enum lex_kind k;
	char name[16];

	if (r->literals == RECORD_KEEP)
		return buf_add(out, text, len);
	for (; (k = lex_next(&l)) != LEX_END; before = l.pos) {
		if (k == LEX_BAD)
			return buf_add(out, rest, sizeof(rest) - 1);
		if (add_blank(out, before, l.start) == -1)
			return -1;
		if (k != LEX_STRING && k != LEX_NUMBER) {
			if (add_token(out, &l) == -1)
				return -1;
			continue;
		}
		if (k == LEX_NUMBER && is_parameter(&l)) {
			if (add_token(out, &l) == -1)
				return -1;
			continue;
		}
		if (is_ambiguous(&l))
			return buf_add(out, rest, sizeof(rest) - 1);
		if (k == LEX_NUMBER)
			take_all(&l);
		snprintf(name, sizeof(name), "$%u", ++symbol);
		if (buf_add(out, name, strlen(name)) == -1)
			return -1;
		if (r->literals == RECORD_HASH && hashes++ < HASHES)
			add_hash(out, r, &l);
	}
	return add_blank(out, before, l.end);
}
