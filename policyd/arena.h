#ifndef POSTERN_ARENA_H
#define POSTERN_ARENA_H

#include <stddef.h>

/*
 * Memory that is given back all at once: parse trees and snapshots consist of
 * thousands of small pieces with one life.
 */
struct arena_chunk;
struct arena {
	struct arena_chunk	*chunks;
	char			*p;	/* next free byte of the newest chunk */
	size_t			 left;
	size_t			 chunk;	/* usual size of a chunk */
};

void	 arena_init(struct arena *, size_t chunk);
/* Aligned for anything, not zeroed; NULL when memory is out. */
void	*arena_alloc(struct arena *, size_t);
char	*arena_strndup(struct arena *, const char *, size_t);
/* Everything is freed; the arena is empty and can be used again. */
void	 arena_clear(struct arena *);

#endif
