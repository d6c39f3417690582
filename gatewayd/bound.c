/*
 * bound: what a Bind gave for its parameters, as the record has it.  Runs in
 * the worker, once for each Bind that has any, and does no I/O.  The values are
 * a client's and may be anything: they become JSON that is well-formed whatever
 * they hold, and of a size that is known beforehand.
 */
#include "bound.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "pgmsg.h"

/* The largest element, and what ends the array. */
#define ELEMENT_MAX	(6 * BOUND_VALUE + 64)
#define END_MAX		64

static const char digits[] = "0123456789abcdef";

/* Length of the UTF-8 sequence at p (Unicode 15, table 3-7); 0: none. */
static size_t
utf8_len(const uint8_t *p, size_t left)
{
	uint8_t lo = 0x80, hi = 0xbf;
	size_t i, n;

	if (p[0] < 0x80)
		return 1;
	n = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 :
	    p[0] < 0xf5 ? 4 : 0;
	if (p[0] == 0xe0)
		lo = 0xa0;	/* overlong */
	else if (p[0] == 0xed)
		hi = 0x9f;	/* surrogates */
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;	/* beyond U+10FFFF */
	if (n == 0 || n > left || p[1] < lo || p[1] > hi)
		return 0;
	for (i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* A NUL would hide what is behind it. */
static bool
is_text(const uint8_t *p, size_t len)
{
	size_t at, n;

	for (at = 0; at < len; at += n)
		if (p[at] == '\0' || (n = utf8_len(p + at, len - at)) == 0)
			return false;
	return true;
}

static uint8_t *
put(uint8_t *o, const char *s)
{
	size_t n = strlen(s);

	memcpy(o, s, n);
	return o + n;
}

static uint8_t *
put_string(uint8_t *o, const uint8_t *p, size_t len)
{
	size_t i;

	*o++ = '"';
	for (i = 0; i < len; i++) {
		if (p[i] == '"' || p[i] == '\\') {
			*o++ = '\\';
			*o++ = p[i];
		} else if (p[i] < 0x20 || p[i] == 0x7f) {
			o = put(o, "\\u00");
			*o++ = (uint8_t)digits[p[i] >> 4];
			*o++ = (uint8_t)digits[p[i] & 15];
		} else
			*o++ = p[i];
	}
	*o++ = '"';
	return o;
}

static uint8_t *
put_hex(uint8_t *o, const uint8_t *p, size_t len)
{
	size_t i;

	*o++ = '"';
	for (i = 0; i < len; i++) {
		*o++ = (uint8_t)digits[p[i] >> 4];
		*o++ = (uint8_t)digits[p[i] & 15];
	}
	*o++ = '"';
	return o;
}

static uint8_t *
put_redacted(uint8_t *o, const struct redact *r, const uint8_t *p, size_t len)
{
	char hash[REDACT_HASH], text[REDACT_HASH + 48];

	if (r->parameters == RECORD_HASH) {
		redact_hash(r, p, len, hash);
		snprintf(text, sizeof(text), "{\"hash\":\"%s\",\"length\":%zu}",
		    hash, len);
	} else
		snprintf(text, sizeof(text), "{\"length\":%zu}", len);
	return put(o, text);
}

static uint8_t *
put_value(uint8_t *o, const uint8_t *p, size_t len, bool binary)
{
	char end[32];
	size_t n = len;
	bool hex = binary || !is_text(p, len);

	if (n > BOUND_VALUE) {
		n = BOUND_VALUE;
		/* No character is cut in two. */
		while (!hex && (p[n] & 0xc0) == 0x80)
			n--;
	}
	if (!hex && n == len)
		return put_string(o, p, len);
	o = put(o, hex ? "{\"hex\":" : "{\"text\":");
	o = hex ? put_hex(o, p, n) : put_string(o, p, n);
	if (n == len)
		return put(o, "}");
	snprintf(end, sizeof(end), ",\"length\":%zu}", len);
	return put(o, end);
}

static bool
is_binary(const uint8_t *formats, unsigned int nformats, unsigned int i)
{
	if (nformats == 1)
		i = 0;
	return i < nformats && (formats[2 * i] | formats[2 * i + 1]) != 0;
}

int
bound_json(struct buf *out, const struct redact *redact, const uint8_t *bytes,
    size_t len)
{
	const uint8_t *formats;
	struct pg_reader r;
	unsigned int nformats, n, i;
	char more[END_MAX];
	uint8_t *base, *o;
	uint32_t size;

	pg_read(&r, bytes, len);
	nformats = pg_u16(&r);
	formats = r.p;
	for (i = 0; i < nformats; i++)
		pg_u16(&r);
	if ((n = pg_u16(&r)) == 0)
		return r.bad ? -1 : 0;
	for (i = 0; i < n && !r.bad; i++) {
		if (out->len > BOUND_ALL - ELEMENT_MAX - END_MAX)
			break;
		size = pg_u32(&r);
		if (r.bad || (size != UINT32_MAX && size > r.left))
			return -1;
		if ((base = o = buf_reserve(out, 6 * (size_t)(size ==
		    UINT32_MAX || size > BOUND_VALUE ? BOUND_VALUE : size) +
		    64)) == NULL)
			return -1;
		*o++ = i == 0 ? '[' : ',';
		if (size == UINT32_MAX)
			o = put(o, "null");
		else {
			if (redact->parameters != RECORD_KEEP)
				o = put_redacted(o, redact, r.p, size);
			else
				o = put_value(o, r.p, size, is_binary(formats,
				    nformats, i));
			r.p += size;
			r.left -= size;
		}
		buf_commit(out, (size_t)(o - base));
	}
	if (r.bad)
		return -1;
	more[0] = '\0';
	if (i < n)
		snprintf(more, sizeof(more), ",{\"omitted\":%u}", n - i);
	return buf_add(out, more, strlen(more)) == -1 ? -1 :
	    buf_add_u8(out, ']');
}
