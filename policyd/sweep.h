#ifndef POSTERN_SWEEP_H
#define POSTERN_SWEEP_H

#include "codec.h"
#include "dbpool.h"
#include "roles.h"

/*
 * Looking for roles of dead sessions at one server.
 */
typedef void	sweep_stale(void *ctx, struct dbpool *, const char *role);
/* There is no role of this instance at all. */
typedef void	sweep_clean(void *ctx, struct dbpool *);

/*
 * `stale` is called for each role of this instance's, by name and comment,
 * whose session is not in `live` (copied; LEN_SESSION bytes each) and not
 * busy().  -1: out of memory, and nothing will be told.
 */
int	sweep_start(struct dbpool *, const char *instance, struct slice live,
	    roles_busy *, void *busy_ctx, sweep_stale *, sweep_clean *,
	    void *ctx);

#endif
