#ifndef POSTERN_CHILD_H
#define POSTERN_CHILD_H

#include <sys/queue.h>

#include "parent.h"

/*
 * One child, between children.c, which makes it, watches it and ends it, and
 * childmsgs.c, which hears what it says.
 */
#define CHILD_STATES(M)							\
	M(DOWN, "down")							\
	M(STARTING, "starting")						\
	M(READY, "ready")						\
	M(FAILED, "failed")	/* it cannot work with the policy */

#define M_ENUM(id, name)	CHILD_##id,
enum child_state { CHILD_STATES(M_ENUM) CHILD_NSTATES };
#undef M_ENUM
struct child {
	TAILQ_ENTRY(child)	 entry;
	struct parent		*p;
	enum ipc_role		 role;
	char			 profile[LEN_KEY + 1];	/* engines */
	uint32_t		 id;		/* of this run, for the spawner */
	uint32_t		 last_id;	/* of the run before */
	uint32_t		 pid;
	struct ipc		*ipc;
	enum child_state	 state;
	uint64_t		 started, delay;
	unsigned int		 restarts;
	struct ev_timer		*timer;
	/* What it said last. */
	uint64_t		 generation;	/* of the config it took */
	uint64_t		 refused;	/* ... or did not take */
	uint64_t		 judging;	/* engine_ready */
	uint64_t		 epoch;
	/* It owes engine_ready for a catalogue. */
	uint64_t		 behind;	/* boot ms since when; 0: no */
	uint64_t		 patience;	/* ms until it is ended for that */
	char			 error[LEN_REASON + 1];
};

/* What a child of this role may say; the context of the handlers is it. */
const struct ipc_permit	*child_permits(enum ipc_role, size_t *n);
const char		*child_role(enum ipc_role);

/* An engine: send it the catalogues of its profile. */
void	child_give_catalogs(struct child *);
/* It judges by this epoch, and the parent has none that is newer. */
void	child_caught_up(struct child *);

#endif
