#ifndef GATEWAYD_ANSWERS_H
#define GATEWAYD_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool.h"
#include "stream.h"

/*
 * Where a profile has `record: {answers: all}`: every message to the client,
 * as it gets it, goes into the spool in compressed chunks first, and to the
 * client when they are committed.  What is over a limit is passed and not
 * recorded, whole messages of it, and a `cut` event says how much that was.
 */
struct answers;

/* Most bytes of one statement's answer, and of the session's.  NULL: no
 * memory. */
struct answers	*answers_new(uint64_t max_bytes, uint64_t max_session_bytes);
void		 answers_free(struct answers **);

/* A message of `size` bytes begins that answers `stmt` (0: none). */
void		 answers_message(struct answers *, struct spool *,
		    uint64_t stmt, uint8_t type, uint64_t size);
/* Bytes of it.  -1: no memory, or no room in the spool's queue. */
int		 answers_bytes(struct answers *, struct spool *, const void *,
		    size_t);
/* Bytes for the client, to be given to it by answers_release().  -1 likewise. */
int		 answers_put(struct answers *, const void *, size_t);
/* All that was recorded so far becomes chunks in the spool; -1 likewise. */
int		 answers_flush(struct answers *, struct spool *);
/*
 * Give the client what is committed.  False: it is not yet, and the spool's ack
 * will tell; or answers_failed().
 */
bool		 answers_release(struct answers *, struct spool *,
		    struct stream *client);
bool		 answers_failed(const struct answers *);
/* Something waits to be released; false for NULL. */
bool		 answers_waiting(const struct answers *);
/* The session ends: what was cut of its last answer is said. */
void		 answers_end(struct answers *, struct spool *);

#endif
