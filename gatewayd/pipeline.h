#ifndef POSTERN_PIPELINE_H
#define POSTERN_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "names.h"
#include "verdicts.h"

/*
 * What was forwarded and is not answered yet, in order: the server answers in
 * this order and no other, so the head is what an answer belongs to.  After an
 * error the server skips to the next Sync; entries stay until its
 * ReadyForQuery and are then undone, newest first.
 */
#define NONCE_LEN	32
/* A Query drops the unnamed statement and portal, and may drop one of each. */
#define CHANGES_MAX	4

/* A statement whose answer or effect is capped (capped.h), while it runs. */
struct cap_run {
	struct stmt	*portal;	/* E */
	char		*name;		/* of the portal; "" for a Query */
	uint32_t	 asked;		/* rows that the client wants; 0: all */
	uint64_t	 passed;	/* rows that it got */
	uint64_t	 rows, bytes;	/* of the portal, with those before */
	uint32_t	 batch;		/* rows that the server was asked for */
	unsigned int	 batches;
	bool		 over;		/* a row was withheld: no more pass */
	bool		 synced;	/* Q: our Sync is sent */
	bool		 tagged;	/* Q: its tag is there, and withheld */
};

struct pipe_entry {
	struct pipe_entry *next;
	uint8_t		 type;		/* Q P B D E C S F */
	/* The recorded event (intent, or prepare of a denied Parse); 0: none. */
	uint64_t	 stmt;
	struct verdict	*verdict;
	/* A poisoned message: the server's error will hold the nonce, and is
	 * replaced by this one. */
	bool		 denied;
	char		 nonce[NONCE_LEN + 1];
	char		 deny_sqlstate[6];
	char		*deny_message, *deny_hint;
	/* Answer so far. */
	bool		 answered;	/* done, or failed */
	bool		 failed;
	bool		 copying;	/* the server said CopyInResponse */
	bool		 unnamed;	/* P: of the unnamed statement */
	uint64_t	 started;	/* us, CLOCK_MONOTONIC */
	uint64_t	 first;		/* us: its answer began, or 0 */
	uint64_t	 client_us;	/* it waited for the client to read */
	uint64_t	 rows, bytes;
	uint64_t	 copied;	/* bytes of CopyData to the server */
	bool		 commits, rolls_back;	/* tags of its commands */
	const char	*transaction;	/* how it stood at ReadyForQuery */
	char		 tag[64];
	char		 sqlstate[6];
	char		*error;		/* as the client saw it */
	struct cap_run	*cap;		/* NULL: nothing is counted */
	/* Changes of names that are confirmed or undone with it. */
	struct names	*names[CHANGES_MAX];
	struct name_change change[CHANGES_MAX];
	uint64_t	 segment;	/* S: the one that it ends */
	/* Where answers are looked through: what is known of the columns (Q),
	 * or the statement that knows (D, E); what was found. */
	struct columns	*columns;
	struct stmt	*subject;
	struct content_found found;
};

struct pipeline {
	struct pipe_entry *first, **last;	/* waiting for answers */
	uint8_t		 last_type;	/* of the newest; 0: none */
	size_t		 n;
	struct pipe_entry *done, **done_last;	/* outcomes due at ReadyForQuery */
	size_t		 ndone;
	bool		 skipping;	/* an error: up to the next Sync */
	uint64_t	 segment;	/* Syncs forwarded so far */
	bool		 executed;	/* an Execute since the last Sync */
	struct pipe_entry *exclusive;	/* Q or COPY: nothing may follow yet */
};

/* CLOCK_MONOTONIC in us, into an entry's `started`. */
void			 clock_start(uint64_t *);
void			 pipe_init(struct pipeline *);
/* Frees all entries; changes are dropped, not undone. */
void			 pipe_clear(struct pipeline *);
/* NULL when memory is out.  Refers to the verdict. */
struct pipe_entry	*pipe_push(struct pipeline *, uint8_t type,
			    struct verdict *);
/* Record a change with the entry, at most CHANGES_MAX; -1 as names_set(). */
int			 pipe_change(struct pipeline *, struct pipe_entry *,
			    struct names *, const char *name, struct stmt *);
/*
 * The head, a Query, came to nothing before anything of it ran: it has destroyed
 * the unnamed statement, its change 0, and no portal.
 */
void			 pipe_unrun(struct pipeline *);
/* The head is answered: confirms its changes, and moves it to `done` if it has
 * an outcome to record, else frees it. */
void			 pipe_pop(struct pipeline *);
/* Mark the head failed: what follows up to a Sync is skipped. */
void			 pipe_fail(struct pipeline *, const char *sqlstate,
			    const char *message);
/*
 * ReadyForQuery: ends the head segment.  0: it belongs to the head (Q or F), or
 * to a Sync with only skipped entries before it; -1: the server said it out of
 * turn, or memory is out.  What was skipped is undone and, as `done`, unanswered.
 */
int			 pipe_ready(struct pipeline *, uint64_t *segment_r);
/* After an error, with no Sync under way: the server will skip what comes. */
bool			 pipe_skips(const struct pipeline *);
/* ReadyForQuery: with its status, how the transactions of the outcomes stand. */
void			 pipe_transaction(struct pipeline *, uint8_t status);
/* Take the next outcome; the caller frees it with pipe_entry_free(). */
struct pipe_entry	*pipe_outcome(struct pipeline *);
void			 pipe_entry_free(struct pipe_entry **);

#endif
