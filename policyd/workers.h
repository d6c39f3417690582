#ifndef POSTERN_WORKERS_H
#define POSTERN_WORKERS_H

#include <sys/queue.h>

#include "parent.h"

/*
 * gatewayd's workers as its master presents them: a channel each, keyed by
 * (master's pid, worker's number).
 */
struct worker {
	TAILQ_ENTRY(worker)	 entry;
	struct parent		*p;
	uint32_t		 master;	/* pid of gatewayd's master */
	uint32_t		 number, pid;
	bool			 shared;
	struct ipc		*ipc;		/* NULL: lost, maybe to return */
	bool			 fresh;		/* attached since the hello */
	uint64_t		 taken;		/* generation it confirmed */
	bool			 asked;		/* to confirm one */
	struct ev_timer		*timer;		/* for its return */
};

void	workers_init(struct parent *);

/* What the master says. */
void	workers_hello(struct parent *, struct ipc *master, uint32_t pid);
int	workers_attach(struct parent *, const struct ipc_worker_attach *,
	    int fd);
void	workers_attach_done(struct parent *);
void	workers_gone(struct parent *, const struct ipc_worker_gone *);
/* The master's connection closed. */
void	workers_master_lost(struct parent *, struct ipc *master);
bool	workers_have_master(struct parent *);

/* Ask the master for SIGKILL. */
void	workers_kill(struct worker *, const char *reason);
/*
 * Tell all of a new generation.  workers_taken(): all that were told have
 * confirmed it; workers_late() kills those who have not.
 */
void	workers_generation(struct parent *, uint64_t generation);
bool	workers_taken(struct parent *, uint64_t generation);
void	workers_late(struct parent *, uint64_t generation);

#endif
