#ifndef POSTERN_WORKERCTX_H
#define POSTERN_WORKERCTX_H

#include <stdint.h>

#include "ev.h"
#include "gwconf.h"
#include "ipc.h"
#include "verdicts.h"

/* What a worker's sessions share: one static root in worker.c, passed down. */
struct session;
struct profile_cache;

struct worker {
	const struct gw_conf	*conf;
	const struct gw_listen	*listen;
	uint32_t		 number;
	struct ev_loop		*loop;
	int			 listen_fd;	/* -1: takes no more */
	struct ev_io		*accept_io;
	struct ev_timer		*breath;	/* no accept until it fires */
	struct ev_timer		*queue;		/* no worker_full until then */
	struct ipc		*master;
	struct ipc		*parent;	/* NULL: policyd is away */
	struct session		*sessions;
	uint64_t		 room;		/* for so many (shared) */
	uint32_t		 nsessions;
	uint32_t		 reported;	/* to the master */
	uint32_t		 attempts;
	bool			 draining;
	struct profile_cache	*caches;
	struct ev_timer		*reap;		/* frees sessions that are over */
};

/* The cache for this profile and database; NULL when memory is out. */
struct verdict_cache	*worker_cache(struct worker *, const char *profile,
			    const char *database);
/* A session came or went over: accept, report, free, or end the process. */
void			 worker_changed(struct worker *);

#endif
