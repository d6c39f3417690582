#ifndef AUDITD_PRUNE_H
#define AUDITD_PRUNE_H

#include <stddef.h>
#include <stdint.h>

#include "ipc_msgs.h"
#include "store.h"

/* What auditctl asks for. */
struct prune_request {
	char	session[LEN_SESSION + 1];
	char	reason[256];
};

/* -1: it is not that. */
int	prune_parse(const void *json, size_t len, struct prune_request *);
/*
 * Record that the recording of a session, which nobody writes, is removed, sign
 * that, and remove it.  *bytes is its size; 0: there is none, and nothing was
 * recorded.  -1: the store failed, or the file could not be removed.
 */
int	prune_recording(struct store *, const char *session,
	    const char *reason, uint32_t uid, uint64_t *bytes);

#endif
