/*
 * Events as JSON.  Runs in auditd, on fields that a worker may have filled with
 * anything, and in auditctl.  Written straight into the caller's buffer, one
 * reservation for each piece of input, because it runs once per statement of
 * every session.  It fails only when the buffer is at its limit.
 */
#include "json.h"

#include <stdio.h>
#include <string.h>

#define PIECE	1024	/* bytes of input for which room is made at once */

static const char hexdigits[] = "0123456789abcdef";

/*
 * Length of the UTF-8 sequence at p (Unicode 15, table 3-7), 0 when it is
 * none.
 */
static size_t
utf8_len(const uint8_t *p, size_t left)
{
	uint8_t lo = 0x80, hi = 0xbf;
	size_t i, n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	if (n > left || p[1] < lo || p[1] > hi)
		return 0;
	for (i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static uint8_t *
put_escape(uint8_t *o, uint8_t c)
{
	*o++ = '\\';
	switch (c) {
	case '"':
	case '\\':
		*o++ = c;
		break;
	case '\n':
		*o++ = 'n';
		break;
	case '\r':
		*o++ = 'r';
		break;
	case '\t':
		*o++ = 't';
		break;
	default:
		memcpy(o, "u00", 3);
		o += 3;
		*o++ = (uint8_t)hexdigits[c >> 4];
		*o++ = (uint8_t)hexdigits[c & 15];
		break;
	}
	return o;
}

/*
 * Escape the character at *p into o, which has six bytes of room; return the
 * new o and advance *p.
 */
static uint8_t *
put_char(uint8_t *o, const uint8_t **p, size_t left, bool *bad)
{
	const uint8_t *s = *p;
	size_t n;

	if (*s != 0 && *s < 0x80) {
		*p += 1;
		if (*s < 0x20 || *s == 0x7f || *s == '"' || *s == '\\')
			return put_escape(o, *s);
		*o++ = *s;
		return o;
	}
	n = utf8_len(s, left);
	if (*s == 0 || n == 0) {
		*bad = true;
		*p += 1;
		memcpy(o, "\xef\xbf\xbd", 3);
		return o + 3;
	}
	*p += n;
	if (n == 2 && s[0] == 0xc2 && s[1] < 0xa0)
		return put_escape(o, s[1]);
	memcpy(o, s, n);
	return o + n;
}

int
json_string(struct buf *b, const void *text, size_t len, bool *lossy)
{
	const uint8_t *p = text, *end = p + len, *stop;
	uint8_t *o, *base;
	bool bad = false;

	if (buf_add_u8(b, '"') == -1)
		return -1;
	while (p < end) {
		stop = (size_t)(end - p) > PIECE ? p + PIECE : end;
		/* The last character may begin in this piece and end after. */
		base = o = buf_reserve(b, 6 * (size_t)(stop - p) + 8);
		if (o == NULL)
			return -1;
		while (p < stop)
			o = put_char(o, &p, (size_t)(end - p), &bad);
		buf_commit(b, (size_t)(o - base));
	}
	if (bad && lossy != NULL)
		*lossy = true;
	return buf_add_u8(b, '"');
}

int
json_literal(struct buf *b, const char *text)
{
	return buf_add(b, text, strlen(text));
}

int
json_uint(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	return buf_add(b, digits + i, sizeof(digits) - i);
}

int
json_int(struct buf *b, int64_t v)
{
	if (v >= 0)
		return json_uint(b, (uint64_t)v);
	if (buf_add_u8(b, '-') == -1)
		return -1;
	return json_uint(b, 0 - (uint64_t)v);
}

static int
json_hex(struct buf *b, const uint8_t *p, size_t len)
{
	uint8_t *o = buf_reserve(b, 2 * len + 2);
	size_t i;

	if (o == NULL)
		return -1;
	*o++ = '"';
	for (i = 0; i < len; i++) {
		*o++ = (uint8_t)hexdigits[p[i] >> 4];
		*o++ = (uint8_t)hexdigits[p[i] & 15];
	}
	*o = '"';
	buf_commit(b, 2 * len + 2);
	return 0;
}

static int
json_name(struct buf *b, const char *name, const char *suffix)
{
	if (buf_add_u8(b, '"') == -1 || json_literal(b, name) == -1 ||
	    json_literal(b, suffix) == -1)
		return -1;
	return json_literal(b, "\":");
}

static int
json_field(struct buf *b, const struct field *f, const void *at)
{
	const struct slice *s = at;
	bool lossy = false;
	uint32_t u32;
	uint64_t u64;

	switch (f->type) {
	case FIELD_U8:
		return json_uint(b, *(const uint8_t *)at);
	case FIELD_U32:
		memcpy(&u32, at, sizeof(u32));
		return json_uint(b, u32);
	case FIELD_U64:
		memcpy(&u64, at, sizeof(u64));
		return json_uint(b, u64);
	case FIELD_STR:
	case FIELD_BYTES:
		break;
	}
	if (json_string(b, s->p, s->len, &lossy) == -1)
		return -1;
	if (!lossy)
		return 0;
	if (buf_add_u8(b, ',') == -1 || json_name(b, f->name, "_hex") == -1)
		return -1;
	return json_hex(b, s->p, s->len);
}

int
json_event(struct buf *b, const struct msg_desc *desc, const void *msg)
{
	size_t i;

	if (buf_add_u8(b, '{') == -1)
		return -1;
	for (i = 0; i < desc->nfields; i++) {
		const struct field *f = &desc->fields[i];

		if (i != 0 && buf_add_u8(b, ',') == -1)
			return -1;
		if (json_name(b, f->name, "") == -1 ||
		    json_field(b, f, (const char *)msg + f->offset) == -1)
			return -1;
	}
	return buf_add_u8(b, '}');
}

/* --- reading again ------------------------------------------------------ */

static int
hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ?
	    c - 'a' + 10 : -1;
}

/* What put_escape() makes, back again; NULL: it is none of that. */
static const uint8_t *
take_escape(struct buf *out, const uint8_t *p, const uint8_t *end)
{
	static const char from[] = "\"\\nrt", to[] = "\"\\\n\r\t";
	const char *e;
	int hi, lo;

	if (p == end)
		return NULL;
	if (*p != 'u') {
		if (*p == 0 || (e = strchr(from, *p)) == NULL)
			return NULL;
		return buf_add_u8(out, (uint8_t)to[e - from]) == -1 ? NULL :
		    p + 1;
	}
	if (end - p < 5 || p[1] != '0' || p[2] != '0' ||
	    (hi = hex_digit(p[3])) == -1 || (lo = hex_digit(p[4])) == -1)
		return NULL;
	/* C1 controls are two bytes. */
	if (hi >= 8 && buf_add_u8(out, 0xc2) == -1)
		return NULL;
	return buf_add_u8(out, (uint8_t)(hi << 4 | lo)) == -1 ? NULL : p + 5;
}

int
json_member(struct buf *out, const void *body, size_t len, const char *name)
{
	const uint8_t *p, *end = (const uint8_t *)body + len, *stop;
	char key[80];
	int n = snprintf(key, sizeof(key), ",\"%s\":\"", name);

	/* Within a string the quotes would be escaped. */
	if (n < 0 || (size_t)n >= sizeof(key) ||
	    (p = memmem(body, len, key, (size_t)n)) == NULL)
		return 0;
	p += n;
	while (p < end && *p != '"') {
		for (stop = p; stop < end && *stop != '"' && *stop != '\\';)
			stop++;
		if (buf_add(out, p, (size_t)(stop - p)) == -1)
			return -1;
		p = stop;
		if (p < end && *p == '\\' &&
		    (p = take_escape(out, p + 1, end)) == NULL)
			return -1;
	}
	return p < end ? 1 : 0;
}
