#ifndef POSTERN_UNMINT_H
#define POSTERN_UNMINT_H

#include "dbpool.h"
#include "ipc_msgs.h"
#include "rolesql.h"

/*
 * Ending a session at its database without asking its worker: its backend is
 * terminated, and a minted role dropped with all that it left.
 */

/* Of one role: dropped, objects that were left, or that it is stuck. */
typedef void	unmint_news(void *ctx, enum role_news, const char *database,
		    const char *role, const char *detail);
/* The job is over, whatever came of it. */
typedef void	unmint_done(void *ctx, const char *role);

/*
 * Drop the role if it is there and its comment says that it is this
 * instance's.  -1: out of memory, and nothing will be told.
 */
int	unmint_start(struct dbpool *, const char *instance, const char *role,
	    unmint_news *, unmint_done *, void *ctx);

#endif
