#ifndef POSTERN_DIAL_H
#define POSTERN_DIAL_H

#include <stddef.h>
#include <stdint.h>

#include "ev.h"

/*
 * Connect to a PostgreSQL server without blocking: a host name (all of its
 * addresses, in order), an address, or a directory with its Unix socket.
 */
struct dial;

#define DIAL_MS		10000	/* for all of it */

/* A connected, non-blocking, close-on-exec descriptor, now the callee's; or
 * -1 and why.  The dial is gone by then. */
typedef void	dial_done(void *ctx, int fd, const char *reason);

/* -1 when memory is out; `done` may not be called from in here. */
int	dial_start(struct ev_loop *, const char *host, uint16_t port,
	    uint64_t ms, dial_done *, void *ctx, struct dial **);
/* No call follows. */
void	dial_cancel(struct dial **);

#endif
