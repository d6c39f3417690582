#ifndef POSTERN_BUF_H
#define POSTERN_BUF_H

#include <stddef.h>
#include <stdint.h>

/*
 * A growable byte buffer with a hard cap: bytes are appended at the end and
 * consumed at the front.  The owner of the struct owns the memory; a zeroed
 * struct with `max` set is an empty buffer.
 */
struct buf {
	uint8_t	*base;		/* allocation, or NULL */
	size_t	 off;		/* first unread byte */
	size_t	 len;		/* unread bytes */
	size_t	 cap;		/* size of the allocation */
	size_t	 max;		/* cap may not grow over this; 0: no room */
};

void	 buf_init(struct buf *, size_t max);
/* Release the memory; the struct is an empty buffer again. */
void	 buf_clear(struct buf *);
/* The same, and overwrite what was in it: for secrets. */
void	 buf_wipe(struct buf *);
/*
 * Make room for n more bytes and return where they go (contiguous), or NULL
 * when that would pass `max` or memory is out.  Nothing is appended until
 * buf_commit().
 */
uint8_t	*buf_reserve(struct buf *, size_t n);
void	 buf_commit(struct buf *, size_t n);
/* Append; -1 when there is no room, and then nothing was appended. */
int	 buf_add(struct buf *, const void *, size_t n);
int	 buf_add_u8(struct buf *, uint8_t);
/* Network byte order, as PostgreSQL's messages use. */
int	 buf_add_be16(struct buf *, uint16_t);
int	 buf_add_be32(struct buf *, uint32_t);
/* The string and its NUL. */
int	 buf_add_cstr(struct buf *, const char *);
/* Drop n bytes at the front; n <= len.  An emptied buffer starts over. */
void	 buf_drain(struct buf *, size_t n);
/* Give memory back when the buffer is empty and larger than `keep` bytes. */
void	 buf_shrink(struct buf *, size_t keep);

static inline uint8_t *
buf_head(const struct buf *b)
{
	return b->base == NULL ? NULL : b->base + b->off;
}

static inline size_t
buf_room(const struct buf *b)
{
	return b->len < b->max ? b->max - b->len : 0;
}

#endif
