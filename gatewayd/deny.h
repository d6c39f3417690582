#ifndef POSTERN_DENY_H
#define POSTERN_DENY_H

#include "buf.h"
#include "pipeline.h"

/*
 * Mark an entry as denied, with a fresh nonce: the server's error that holds it
 * is replaced by this one (backend.c).  The hint may be NULL.  -1: out of memory.
 */
int	deny_by(struct pipe_entry *, const char *sqlstate,
	    const char *message, const char *hint);
/* The same with the verdict's words. */
int	deny_by_verdict(struct pipe_entry *, const struct verdict *);

/*
 * Append the message that must fail and holds the entry's nonce (for a
 * FunctionCall the OID becomes the nonce).  -1: no room.
 */
int	deny_query(struct buf *, struct pipe_entry *);
int	deny_parse(struct buf *, struct pipe_entry *, const char *name);
int	deny_bind(struct buf *, struct pipe_entry *, const char *portal);
int	deny_execute(struct buf *, struct pipe_entry *);
int	deny_function(struct buf *, struct pipe_entry *);

#endif
