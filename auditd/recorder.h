#ifndef AUDITD_RECORDER_H
#define AUDITD_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ev.h"
#include "event_kinds.h"
#include "spoolfile.h"
#include "store.h"

/*
 * All the spools of one directory, drained into one store: batches, group
 * commit, sleeping and waking, the heartbeat.
 */
struct recorder;

/* A spool is broken, and its session must end.  From the loop. */
typedef void	recorder_broken(void *ctx, const char *name,
		    const char *reason);

/* The spool's files are gone.  From the loop. */
typedef void	recorder_closed(void *ctx, const char *name);

/* What may change while it runs. */
struct recorder_limits {
	uint64_t	spool_size;	/* ring of new spools */
	uint64_t	sign_ms;	/* between two checkpoints */
	uint64_t	segment_size;	/* bytes */
	uint64_t	segment_age;	/* ms */
};

/*
 * Borrows all it is given, and copies the limits.  Nothing happens before
 * recorder_start().
 */
struct recorder	*recorder_new(struct ev_loop *, struct spooldir *,
		    struct store *, const struct recorder_limits *,
		    recorder_broken *,
		    recorder_closed *, void *ctx);
void		 recorder_free(struct recorder **);
/*
 * Open the spools that are there, note the start and begin to drain.  -1 with
 * a message.
 */
int		 recorder_start(struct recorder *, char *err, size_t errlen);
/*
 * For the end: drain what is there for at most `ms`, note the stop.  -1 when
 * the store failed; what is in the spools stays there.
 */
int		 recorder_stop(struct recorder *, const char *reason,
		    uint64_t ms);
void		 recorder_limits(struct recorder *,
		    const struct recorder_limits *);
/* An event of auditd's own, committed.  -1: the store failed. */
int		 recorder_note(struct recorder *, enum event_kind,
		    const void *);
/* Seal the segment now.  -1: the store failed. */
int		 recorder_seal(struct recorder *, const char *reason);
/*
 * Remove the recording of a session that is over, and record that first; the
 * event is signed at once.  *bytes is what it had, 0 when there is none (then
 * nothing is recorded).  -1: it is open still, or the store failed.
 */
int		 recorder_prune(struct recorder *, const char *session,
		    const char *reason, uint32_t uid, uint64_t *bytes);

/*
 * Make the spool, or give the one of this name and owner again.  `client`
 * stands for who asked, until recorder_client_gone().  0 with the descriptors
 * for the writer, -1 with a message.
 */
int		 recorder_open(struct recorder *, const char *name,
		    enum ipc_role owner, const void *client, int fds[4],
		    char *err, size_t errlen);
/*
 * Drain it to its end and remove it; recorder_closed follows, sometime.  False:
 * there is none of this name.
 */
bool		 recorder_close(struct recorder *, const char *name);
void		 recorder_client_gone(struct recorder *, const void *client);

struct recorder_status {
	int64_t		events;		/* id of the last committed event */
	uint8_t		hash[SHA256_LEN];
	int64_t		signed_event;	/* the last checkpoint, or 0 */
	int64_t		segment;	/* first event of the segment */
	unsigned int	spools, broken, closing, awake;
	uint64_t	drained;	/* bytes since the start */
	uint64_t	commits;
	bool		healthy;	/* the last commit succeeded */
	const char	*error;		/* when not */
};
void		 recorder_status(const struct recorder *,
		    struct recorder_status *);

struct recorder_spool {
	const char	*name, *owner, *state;
	uint64_t	position, waiting, seq;
};
/* The i-th spool, from 0; false when there are fewer. */
bool		 recorder_spool(const struct recorder *, size_t i,
		    struct recorder_spool *);

#endif
