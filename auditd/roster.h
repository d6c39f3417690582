#ifndef AUDITD_ROSTER_H
#define AUDITD_ROSTER_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drain.h"
#include "spoolfile.h"

/*
 * The spools that the recorder has, by number, and which of them are awake.
 */
struct entry {
	TAILQ_ENTRY(entry) link;	/* awake ones */
	struct spoolfile file;
	struct drain	 drain;
	const void	*client;
	uint64_t	 acked;		/* the want that was answered last */
	unsigned int	 empty;		/* rounds without anything new */
	bool		 awake;
	bool		 closing;
	bool		 told;		/* of being broken */
	bool		 gone;		/* files removed, row not yet */
};

TAILQ_HEAD(entry_list, entry);

struct roster {
	struct entry	**slots;	/* by number */
	size_t		 nslots;
	struct entry_list hot;		/* awake */
	unsigned int	 nspools, nhot;
};

void		 roster_init(struct roster *);
/* NULL when there is none of this name. */
struct entry	*roster_find(const struct roster *, const char *name);
/*
 * A free slot: the one of the wanted number, or any when that is taken or out
 * of reason.  -1: memory is out.
 */
int		 roster_slot(struct roster *, uint32_t want, uint32_t *number);
uint32_t	 roster_free_number(const struct roster *);
/* The i-th of those that are there, from 0; NULL: there are fewer. */
struct entry	*roster_nth(const struct roster *, size_t i);
/* Tell all writers that recording works. */
void		 roster_beat(const struct roster *, uint64_t now);
void		 roster_count(const struct roster *, unsigned int *broken,
		    unsigned int *closing);
/*
 * Spools of earlier policyds end once a new one has opened its own: close all
 * that have no client, but this.  True if there was one.
 */
bool		 roster_close_orphans(struct roster *, const struct entry *but);
/* Nobody stands behind its spools any more; as above if another has one. */
bool		 roster_client_gone(struct roster *, const void *client);

/* Look at it every round from now on, and tell its writer so. */
void		 entry_wake(struct roster *, struct entry *);
/* Look at it no more, unless something came in this moment. */
void		 entry_sleep(struct roster *, struct entry *);
/* Close its files and free it; the slot is the caller's to clear. */
void		 entry_free(struct roster *, struct entry *);
/* Tell the writer that what it waits for is there (or will never be). */
void		 entry_ack(struct entry *, uint64_t want);
/* Is there something to drain?  Answers a want that was reached, too. */
bool		 entry_pending(struct entry *);

#endif
