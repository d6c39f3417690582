#ifndef POSTERN_WORKER_H
#define POSTERN_WORKER_H

#include <stdint.h>

#include "gwconf.h"

/*
 * The worker's main: runs in the child that the master forked, as `user` in
 * `chroot` already, and never returns.  It accepts from `listen` (one listener:
 * in isolation `session` one client and then no more, in `shared` up to
 * conf->per_worker), tells the master how busy it is, and waits for its
 * channel to policyd's parent as a worker_channel message on `master`.
 */
void	worker_main(const struct gw_conf *, const struct gw_listen *listen,
	    int master, uint32_t worker) __attribute__((noreturn));

#endif
