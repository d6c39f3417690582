/*
 * A bump allocator for the engine: everything that belongs to one judgement,
 * or to one snapshot, is freed at once.  A failed allocation is NULL, which
 * its callers turn into a refusal.
 */
#include "arena.h"

#include <stdlib.h>
#include <string.h>

struct arena_chunk {
	struct arena_chunk	*next;
	size_t			 size;	/* keeps the payload 16-aligned */
};

void
arena_init(struct arena *a, size_t chunk)
{
	memset(a, 0, sizeof(*a));
	a->chunk = chunk;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct arena_chunk	*c;
	size_t			 size;
	void			*p;

	if (n > (size_t)1 << 40)
		return NULL;
	n = (n + 15) & ~(size_t)15;
	if (n > a->left) {
		size = n > a->chunk ? n : a->chunk;
		if ((c = malloc(sizeof(*c) + size)) == NULL)
			return NULL;
		c->size = size;
		c->next = a->chunks;
		a->chunks = c;
		a->p = (char *)(c + 1);
		a->left = size;
	}
	p = a->p;
	a->p += n;
	a->left -= n;
	return p;
}

char *
arena_strndup(struct arena *a, const char *s, size_t n)
{
	char	*p = arena_alloc(a, n + 1);

	if (p == NULL)
		return NULL;
	if (n > 0)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

void
arena_clear(struct arena *a)
{
	struct arena_chunk	*c, *next;

	for (c = a->chunks; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	arena_init(a, a->chunk);
}
