#ifndef POSTERN_CAPPED_H
#define POSTERN_CAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session.h"

/*
 * Statements whose verdict has caps (D14): what goes over one must not be kept
 * by the server.  It cannot be at the CommandComplete of a Query, which comes
 * after its commit; so a Query is sent as Parse, Bind, Describe, Execute and
 * Flush, and its Sync only once the caps are known to hold.  Else a Parse that
 * fails is sent, whose error takes the transaction back and becomes ours.
 * Rows over a cap are never passed on.
 */

/* Send the text, without its NUL, as one.  -1: no memory. */
int	capped_query(struct session *, struct pipe_entry *, const uint8_t *text,
	    size_t len);
/* The body of an Execute of this portal.  Nothing is sent behind it before it
 * is answered. */
int	capped_execute(struct session *, struct pipe_entry *,
	    const uint8_t *body, size_t len, struct stmt *portal);

/* --- the server's answers; the entry has a cap_run ------------------------- */

/* A DataRow of so many bytes.  May it go to the client? */
bool	capped_row(struct pipe_entry *, uint64_t bytes);

enum capped_next {
	CAPPED_FAILED,		/* no memory */
	CAPPED_MORE,		/* not yet: say nothing to the client */
	CAPPED_DONE		/* within the caps: pass it, or keep a Query's tag */
};
/* PortalSuspended. */
enum capped_next capped_suspended(struct session *, struct pipe_entry *);
/* CommandComplete.  The tag is made whole where it says only the last part. */
enum capped_next capped_complete(struct session *, struct pipe_entry *,
	    char *tag, size_t size);
/* ErrorResponse: after it a Query needs its Sync.  -1: no memory. */
int	capped_error(struct session *, struct pipe_entry *);

#endif
