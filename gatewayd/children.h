#ifndef POSTERN_CHILDREN_H
#define POSTERN_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ev.h"
#include "gwconf.h"

/*
 * The workers: forks them ahead of their clients, replaces those that took one,
 * reaps them, throttles listeners whose workers crash.
 */
struct children;

struct children_hooks {
	/* Forked; `ctx` as given to children_new(). */
	void	(*born)(void *ctx, uint32_t worker, pid_t pid, bool shared);
	/* Reaped; `status` as waitpid() gives it. */
	void	(*gone)(void *ctx, uint32_t worker, int status);
	/* After children_drain(): the last one is reaped. */
	void	(*empty)(void *ctx);
};

/* A worker counts as one of the first four. */
struct children_count {
	uint64_t	idle;		/* session: waits for a client */
	uint64_t	busy;		/* session: has one */
	uint64_t	shared;		/* of a shared listener */
	uint64_t	draining;	/* old configuration, or stopping */
	uint64_t	sessions;	/* as workers say */
	uint64_t	crashes;	/* abnormal ends since the start */
	uint64_t	delay;		/* ms that a crash delays a fork */
};

typedef void	children_cb(void *ctx, uint32_t worker, pid_t pid, bool shared);

/*
 * `hooks` is not copied.  One per process: it reaps every child and handles
 * SIGCHLD.
 */
struct children	*children_new(struct ev_loop *, const struct children_hooks *,
		    void *ctx);
/* Forgets them; does not kill. */
void		 children_free(struct children **);
/*
 * Fork by this configuration from now on (not copied; the one of before is not
 * used any more when this returns).  Idle workers of the one of before end, the
 * others with their last session.
 */
void		 children_configure(struct children *, struct gw_conf *);
/* No forks any more; each worker ends with its last session. */
void		 children_drain(struct children *);
void		 children_kill_all(struct children *);
/* SIGKILL one by its number.  -1: no such worker. */
int		 children_kill(struct children *, uint32_t worker);
/* Pass a channel to policyd on; takes fd.  -1: no such worker. */
int		 children_channel(struct children *, uint32_t worker, int fd);
/* It could not be made now: remember the worker until it has got one. */
void		 children_owe(struct children *, uint32_t worker);
/* Each that is owed one (`cb` may be NULL); how many are so after that. */
size_t		 children_each_owed(struct children *, children_cb *,
		    void *ctx);
void		 children_each(struct children *, children_cb *, void *ctx);
size_t		 children_live(const struct children *);
/* `address` NULL: of all listeners, and of those that are no more. */
void		 children_count(const struct children *, const char *address,
		    struct children_count *);

#endif
