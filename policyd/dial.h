#ifndef POSTERN_DIAL_H
#define POSTERN_DIAL_H

#include <stdbool.h>
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
/*
 * The addresses of a host, for who connects himself: "a,b,...", or NULL and
 * why.  Gone by then, as above.  dial_needs_lookup(): is it a name at all?
 */
typedef void	dial_found(void *ctx, const char *addrs, const char *reason);
bool	dial_needs_lookup(const char *host);
int	dial_lookup(struct ev_loop *, const char *host, uint64_t ms,
	    dial_found *, void *ctx, struct dial **);
/* No call follows. */
void	dial_cancel(struct dial **);

#endif
