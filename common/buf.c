/*
 * buf: the growable byte buffer that every reader and writer of messages uses.
 * Runs in all processes.  Lengths come from peers, so growth is capped by the
 * buffer's owner and every sum is checked; failure appends nothing.
 */
#include "buf.h"

#include <stdlib.h>
#include <string.h>

#define BUF_FIRST	512

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void
buf_clear(struct buf *b)
{
	free(b->base);
	b->base = NULL;
	b->off = b->len = b->cap = 0;
}

void
buf_wipe(struct buf *b)
{
	if (b->base != NULL)
		explicit_bzero(b->base, b->cap);
	buf_clear(b);
}

/*
 * Allocations are replaced and wiped rather than realloc()ed: a buffer may hold
 * a token, and realloc() would leave a copy behind.
 */
static int
buf_grow(struct buf *b, size_t need)
{
	uint8_t *p;
	size_t cap;

	cap = b->cap == 0 ? BUF_FIRST : b->cap;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	if ((p = malloc(cap)) == NULL)
		return -1;
	if (b->len > 0)
		memcpy(p, b->base + b->off, b->len);
	if (b->base != NULL)
		explicit_bzero(b->base, b->cap);
	free(b->base);
	b->base = p;
	b->off = 0;
	b->cap = cap;
	return 0;
}

uint8_t *
buf_reserve(struct buf *b, size_t n)
{
	if (n > b->max || b->len > b->max - n)
		return NULL;
	if (b->base != NULL && n <= b->cap - b->off - b->len)
		return b->base + b->off + b->len;
	if (b->base != NULL && b->len + n <= b->cap && b->off >= b->len) {
		memcpy(b->base, b->base + b->off, b->len);
		b->off = 0;
	} else if (buf_grow(b, b->len + n) == -1)
		return NULL;
	return b->base + b->off + b->len;
}

void
buf_commit(struct buf *b, size_t n)
{
	b->len += n;
}

int
buf_add(struct buf *b, const void *p, size_t n)
{
	uint8_t *dst;

	if (n == 0)
		return 0;
	if ((dst = buf_reserve(b, n)) == NULL)
		return -1;
	memcpy(dst, p, n);
	b->len += n;
	return 0;
}

int
buf_add_u8(struct buf *b, uint8_t v)
{
	return buf_add(b, &v, 1);
}

int
buf_add_be16(struct buf *b, uint16_t v)
{
	uint8_t p[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	return buf_add(b, p, sizeof(p));
}

int
buf_add_be32(struct buf *b, uint32_t v)
{
	uint8_t p[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16),
	    (uint8_t)(v >> 8), (uint8_t)v };

	return buf_add(b, p, sizeof(p));
}

int
buf_add_cstr(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s) + 1);
}

void
buf_drain(struct buf *b, size_t n)
{
	b->off += n;
	b->len -= n;
	if (b->len == 0)
		b->off = 0;
}

void
buf_shrink(struct buf *b, size_t keep)
{
	if (b->len == 0 && b->cap > keep)
		buf_clear(b);
}
