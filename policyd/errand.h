#ifndef POSTERN_ERRAND_H
#define POSTERN_ERRAND_H

#include "dbpool.h"

/*
 * One statement on one of a pool's connections.  `done` is told once, from the
 * loop; without a connection the result is not ok and broken.  -1: out of
 * memory, and nothing will be told.
 */
int	errand_start(struct dbpool *, bool urgent, const char *sql,
	    dbconn_done *, void *ctx);

#endif
