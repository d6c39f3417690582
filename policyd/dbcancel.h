#ifndef POSTERN_DBCANCEL_H
#define POSTERN_DBCANCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "codec.h"
#include "ev.h"
#include "policy.h"

/* The server has closed the connection (sent), or it could not be reached. */
typedef void	dbcancel_done(void *ctx, uint32_t id, bool sent);

/*
 * Send a CancelRequest (PostgreSQL 55.2.8) for the backend with this pid and
 * key (4 to 256 bytes).  -1, and no call, when it cannot be tried.
 */
int	dbcancel_start(struct ev_loop *, const struct database *, uint32_t pid,
	    struct slice key, dbcancel_done *, void *ctx, uint32_t id);

#endif
