#ifndef AUDITD_DRAIN_H
#define AUDITD_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "recfile.h"
#include "spoolfile.h"
#include "store.h"

/*
 * Moving what is in one spool into the store.  A drain is ahead of the store's
 * last commit until drain_committed() or drain_rolled_back() settles it.
 */
struct drain_state {
	uint64_t	pos;		/* drained up to here */
	uint64_t	seq;		/* of the last whole event */
	bool		broken;
};

struct drain {
	struct spoolfile *file;		/* borrowed */
	struct drain_state now, done;	/* done: committed */
	struct buf	 event;		/* fragments of an unfinished event */
	uint64_t	 event_time;
	unsigned int	 event_kind;
	struct recfile	 recording;	/* of its session, once it has one */
	bool		 fragments;	/* there is an unfinished event */
	bool		 stored;	/* ... and they are in the store */
	bool		 reload;	/* ... and only the store has */
	char		 reason[128];	/* why it is broken */
};

/* Start where the store says.  -1: the store failed. */
int	drain_init(struct drain *, struct spoolfile *, struct store *);
void	drain_clear(struct drain *);

/*
 * Store up to about `max` events, and add their number to *rows.  What is wrong
 * in the spool makes it broken, with a gap event, and is no failure: -1 is for
 * the store's.
 */
int	drain_some(struct drain *, struct store *, unsigned int max,
	    unsigned int *rows);
/*
 * No one writes it any more and all is drained: an event that was never
 * finished becomes a gap.  -1: the store failed.
 */
int	drain_finish(struct drain *, struct store *);

/* It has moved since the last commit. */
bool	drain_dirty(const struct drain *);
/* To be called before the commit: the position into the same transaction. */
int	drain_save(struct drain *, struct store *);
/* After the commit: publish what is in the store. */
void	drain_committed(struct drain *);
void	drain_rolled_back(struct drain *);

/* The header as it says now, unchecked; -1 when it cannot be read. */
int	drain_peek(const struct drain *, uint64_t *head, uint64_t *want);

#endif
