#ifndef POSTERN_SPAWN_H
#define POSTERN_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

#include "gwconf.h"

/*
 * Fork a worker for `listen`, one of conf's.  Returns its pid and in *link the
 * master's end of its channel, or -1 with errno.  The child never returns.
 */
pid_t	spawn_worker(struct gw_conf *conf, struct gw_listen *listen,
	    uint32_t number, int *link);

#endif
