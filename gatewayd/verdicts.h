#ifndef POSTERN_VERDICTS_H
#define POSTERN_VERDICTS_H

#include <stddef.h>
#include <stdint.h>

#include "ipc_msgs.h"

/*
 * Verdicts as the engine gave them, shared by reference count, and the cache
 * of those that hold for every later use of the same text (D12).  A cache
 * belongs to one profile and database; it never outlives a generation or an
 * epoch.  The full text is compared.
 */
struct verdict {
	unsigned int	 refs;
	uint64_t	 generation, epoch;
	enum verdict_action action;
	uint32_t	 flags;		/* VERDICT_* */
	char		*rule, *kind, *sqlstate, *message, *hint, *masked;
	char		*name;		/* VERDICT_STATEMENTS, VERDICT_PORTALS */
	char		*tags, *observed, *touched;	/* NULL: none */
	uint64_t	 cap_rows, cap_bytes, cap_affected;	/* 0: none */
	uint8_t		*rewritten;	/* mask: NUL-terminated */
	size_t		 rewritten_len;	/* without the NUL */
};

/* A copy of the message with one reference; NULL: out of memory, or an
 * incoherent verdict (unknown action, rewritten text with NUL or missing). */
struct verdict	*verdict_new(const struct ipc_verdict *);
/* A denial of our own making. */
struct verdict	*verdict_deny(uint64_t generation, const char *sqlstate,
		    const char *rule, const char *message, const char *hint);
struct verdict	*verdict_ref(struct verdict *);
void		 verdict_unref(struct verdict **);
/* Is anything of it to be counted (capped.h)? */
int		 verdict_capped(const struct verdict *);
/* Would both have the server prepare the same? */
int		 verdict_same_text(const struct verdict *,
		    const struct verdict *);
/* Would both have the same bytes sent to the server? */
int		 verdict_same_effect(const struct verdict *,
		    const struct verdict *);

struct verdict_cache;

struct verdict_cache *verdict_cache_new(void);
void		 verdict_cache_free(struct verdict_cache **);
/* Borrowed; NULL when there is none of this generation and epoch. */
struct verdict	*verdict_cache_get(struct verdict_cache *, const uint8_t *text,
		    size_t len, uint64_t generation, uint64_t epoch);
/* Keeps a reference if the verdict is cacheable and the text not too long. */
void		 verdict_cache_put(struct verdict_cache *, const uint8_t *text,
		    size_t len, struct verdict *);

#endif
