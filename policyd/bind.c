/*
 * A Bind, read for libpq.  The keeper runs it.  The bytes are a client's,
 * passed on by a worker, and neither is trusted: every length is looked at, and
 * what does not end where it should is refused whole.
 */
#include "bind.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	const uint8_t	*p;
	size_t		 left;
	bool		 bad;
};

static uint32_t
get(struct reader *r, size_t bytes)
{
	uint32_t v = 0;
	size_t i;

	if (r->left < bytes) {
		r->bad = true;
		return 0;
	}
	for (i = 0; i < bytes; i++)
		v = v << 8 | r->p[i];
	r->p += bytes;
	r->left -= bytes;
	return v;
}

/* A NUL behind each: libpq takes text up to there. */
static int
read_value(struct bind *b, size_t i, struct reader *r, char **at)
{
	uint32_t size = get(r, 4);

	if (r->bad)
		return -1;
	if (size == UINT32_MAX)
		return 0;
	if (size > r->left ||
	    (b->formats[i] == 0 && memchr(r->p, '\0', size) != NULL))
		return -1;
	memcpy(*at, r->p, size);
	b->values[i] = *at;
	b->lengths[i] = (int)size;
	*at += size;
	*(*at)++ = '\0';
	r->p += size;
	r->left -= size;
	return 0;
}

static int
read_types(struct bind *b, struct slice types)
{
	struct reader r = { types.p, types.len, false };
	size_t i, n;

	if (types.len == 0)
		return 0;
	n = get(&r, 2);
	for (i = 0; i < n && !r.bad; i++)
		if (i < b->n)
			b->types[i] = get(&r, 4);
		else
			get(&r, 4);
	return r.bad || r.left > 0 ? -1 : 0;
}

int
bind_read(struct bind *b, struct slice types, struct slice params)
{
	struct reader r = { params.p, params.len, false };
	const uint8_t *formats;
	size_t nformats, i;
	char *at;

	memset(b, 0, sizeof(*b));
	if (params.len == 0)
		return 0;
	nformats = get(&r, 2);
	formats = r.p;
	for (i = 0; i < nformats && !r.bad; i++)
		if (get(&r, 2) > 1)
			return -1;
	b->n = get(&r, 2);
	if (r.bad || b->n > r.left / 4 || (nformats > 1 && nformats != b->n))
		return -1;
	b->types = calloc(b->n + 1, sizeof(*b->types));
	b->values = calloc(b->n + 1, sizeof(*b->values));
	b->lengths = calloc(b->n + 1, sizeof(*b->lengths));
	b->formats = calloc(b->n + 1, sizeof(*b->formats));
	b->bytes = calloc(1, r.left + b->n + 1);
	if (b->types == NULL || b->values == NULL || b->lengths == NULL ||
	    b->formats == NULL || (at = b->bytes) == NULL)
		return -1;
	for (i = 0; i < b->n; i++) {
		if (nformats > 0)
			b->formats[i] =
			    formats[2 * (nformats == 1 ? 0 : i) + 1];
		if (read_value(b, i, &r, &at) == -1)
			return -1;
	}
	/* The formats of the answer are the client's own affair. */
	return read_types(b, types);
}

void
bind_clear(struct bind *b)
{
	size_t i;

	for (i = 0; b->values != NULL && i < b->n; i++)
		if (b->values[i] != NULL)
			explicit_bzero((char *)(uintptr_t)b->values[i],
			    (size_t)b->lengths[i]);
	free(b->types);
	free(b->values);
	free(b->lengths);
	free(b->formats);
	free(b->bytes);
	memset(b, 0, sizeof(*b));
}
