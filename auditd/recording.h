#ifndef AUDITD_RECORDING_H
#define AUDITD_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reader.h"

/*
 * The recorded answers of one session: a stream of the protocol's messages to
 * the client, of which the chain says whose they are.  What does not fit its
 * digest is not shown.
 */
struct recording;

/* Never NULL; without recorded answers it is empty.  Messages go to standard
 * error. */
struct recording *recording_open(struct reader *, const char *store,
		    const char *session);
void		 recording_free(struct recording **);
/* There is something, or was. */
bool		 recording_any(const struct recording *);
/* Why it is gone ("" when it is not): it was pruned. */
const char	*recording_pruned(const struct recording *);
/* The event whose chunk is missing or altered; 0: all are good. */
int64_t		 recording_damaged(const struct recording *);

struct recorded_message {
	uint8_t		 type;
	const uint8_t	*body;		/* valid during the call */
	size_t		 len;
};
/*
 * The messages that answer `stmt`, in order; before the first row that has no
 * RowDescription of its own, the last one before it.  False of the callback
 * ends it.  The number of messages.
 */
typedef bool	 recorded_fn(void *ctx, const struct recorded_message *);
size_t		 recording_each(struct recording *, int64_t stmt,
		    recorded_fn *, void *ctx);

/* What was left out of the answer to `stmt`. */
struct recorded_cut {
	int64_t		 stmt, messages, bytes;
	char		 limit[32];
};
const struct recorded_cut *recording_cut(const struct recording *,
		    int64_t stmt);

#endif
