#ifndef POSTERN_HELPER_H
#define POSTERN_HELPER_H

#include <stddef.h>
#include <stdint.h>

#include "ev.h"

/*
 * A short-lived child for work that blocks (name look-up, libpq): it gets one
 * end of a stream socket, answers with some bytes and at most one descriptor,
 * and exits.
 */
struct helper;

/* Runs in the child with its end of the socket; the child exits after it. */
typedef void	helper_work(int fd, void *arg);
/*
 * The child has exited, or was killed at the time limit (then what == NULL).
 * `fd` is -1 or now the callee's.  The helper is gone by then.
 */
typedef void	helper_done(void *ctx, const uint8_t *what, size_t len, int fd);

/* -1 when there can be no child now; `max` caps the answer's bytes. */
int	helper_start(struct ev_loop *, helper_work *, void *arg, uint64_t ms,
	    size_t max, helper_done *, void *ctx, struct helper **);
/* Kill it; no call follows. */
void	helper_cancel(struct helper **);
/* In the child: send all, with a descriptor unless it is -1.  -1 on error. */
int	helper_reply(int sock, const void *, size_t, int fd);

#endif
