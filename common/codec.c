/*
 * codec: encode and decode by table.  Runs in all processes; the bytes it
 * decodes come from a peer, a spool or a snapshot and are trusted in nothing.
 * It allocates only in the output buffer, and fails without side effects.
 */
#include "codec.h"

#include <stdlib.h>
#include <string.h>

static void
put_le(uint8_t *p, uint64_t v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t
get_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static size_t
field_width(enum field_type t)
{
	switch (t) {
	case FIELD_U8:
		return 1;
	case FIELD_U32:
		return 4;
	case FIELD_U64:
		return 8;
	case FIELD_STR:
	case FIELD_BYTES:
		break;
	}
	return 4;		/* of the length */
}

static int
slice_allowed(const struct field *f, const struct slice *s)
{
	if (s->len > f->max)
		return 0;
	return f->type == FIELD_BYTES || s->len == 0 ||
	    memchr(s->p, '\0', s->len) == NULL;
}

/* The encoded size, or 0 when a field does not fit its table. */
static size_t
encoded_size(const struct msg_desc *d, const uint8_t *msg)
{
	const struct field *f;
	struct slice s;
	size_t i, n = 0;

	for (i = 0; i < d->nfields; i++) {
		f = &d->fields[i];
		n += field_width(f->type);
		if (f->type != FIELD_STR && f->type != FIELD_BYTES)
			continue;
		memcpy(&s, msg + f->offset, sizeof(s));
		if (!slice_allowed(f, &s))
			return 0;
		n += s.len;
	}
	return n;
}

int
msg_encode(const struct msg_desc *d, const void *vmsg, struct buf *out)
{
	const uint8_t *msg = vmsg;
	const struct field *f;
	struct slice s;
	uint8_t *p;
	uint32_t v32;
	uint64_t v64;
	size_t i, n;

	if ((n = encoded_size(d, msg)) == 0)
		return -1;
	if ((p = buf_reserve(out, n)) == NULL)
		return -1;
	buf_commit(out, n);
	for (i = 0; i < d->nfields; i++) {
		f = &d->fields[i];
		switch (f->type) {
		case FIELD_U8:
			*p++ = msg[f->offset];
			break;
		case FIELD_U32:
			memcpy(&v32, msg + f->offset, sizeof(v32));
			put_le(p, v32, 4);
			p += 4;
			break;
		case FIELD_U64:
			memcpy(&v64, msg + f->offset, sizeof(v64));
			put_le(p, v64, 8);
			p += 8;
			break;
		case FIELD_STR:
		case FIELD_BYTES:
			memcpy(&s, msg + f->offset, sizeof(s));
			put_le(p, s.len, 4);
			p += 4;
			if (s.len > 0)
				memcpy(p, s.p, s.len);
			p += s.len;
			break;
		}
	}
	return 0;
}

static int
decode_slice(const struct field *f, const uint8_t **p, size_t *left,
    uint8_t *dst)
{
	struct slice s;

	s.len = (uint32_t)get_le(*p, 4);
	*p += 4;
	*left -= 4;
	if (s.len > *left)
		return -1;
	s.p = *p;
	if (!slice_allowed(f, &s))
		return -1;
	*p += s.len;
	*left -= s.len;
	memcpy(dst, &s, sizeof(s));
	return 0;
}

int
msg_decode(const struct msg_desc *d, const uint8_t *p, size_t left, void *vmsg)
{
	uint8_t *msg = vmsg;
	const struct field *f;
	uint32_t v32;
	uint64_t v64;
	size_t i, w;

	memset(msg, 0, d->size);
	for (i = 0; i < d->nfields; i++) {
		f = &d->fields[i];
		w = field_width(f->type);
		if (w > left)
			return -1;
		if (f->type == FIELD_STR || f->type == FIELD_BYTES) {
			if (decode_slice(f, &p, &left, msg + f->offset) == -1)
				return -1;
			continue;
		}
		v64 = get_le(p, w);
		if (f->type == FIELD_U8)
			msg[f->offset] = (uint8_t)v64;
		else if (f->type == FIELD_U32) {
			v32 = (uint32_t)v64;
			memcpy(msg + f->offset, &v32, sizeof(v32));
		} else
			memcpy(msg + f->offset, &v64, sizeof(v64));
		p += w;
		left -= w;
	}
	return left == 0 ? 0 : -1;
}

struct slice
slice_str(const char *s)
{
	return slice_of(s, s == NULL ? 0 : strlen(s));
}

struct slice
slice_of(const void *p, size_t n)
{
	struct slice s;

	/* Over 4 GiB is over every maximum: let the encoder refuse it. */
	s.p = p;
	s.len = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
	return s;
}

int
slice_eq(struct slice s, const char *str)
{
	size_t n = strlen(str);

	return s.len == n && (n == 0 || memcmp(s.p, str, n) == 0);
}

char *
slice_dup(struct slice s)
{
	char *p;

	if (s.len > 0 && memchr(s.p, '\0', s.len) != NULL)
		return NULL;
	if ((p = malloc((size_t)s.len + 1)) == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return p;
}

int
slice_copy(struct slice s, char *dst, size_t size)
{
	if (s.len >= size || (s.len > 0 && memchr(s.p, '\0', s.len) != NULL))
		return -1;
	if (s.len > 0)
		memcpy(dst, s.p, s.len);
	dst[s.len] = '\0';
	return 0;
}
