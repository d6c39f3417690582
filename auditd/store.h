#ifndef AUDITD_STORE_H
#define AUDITD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "codec.h"
#include "crypto.h"
#include "sign.h"

/*
 * The append-only store: SQLite databases (schema.h) in WAL mode, of which one
 * is written, the last segment (segments.h), with one writer, auditd.  Every
 * change belongs to a transaction that the first change opens and
 * store_commit() ends.  When a call fails with -1 the transaction is void: the
 * caller must store_rollback() and may try the same again later.
 * store_error() says why, in words without untrusted bytes.
 */
struct store;

struct store_options {
	bool			 full;	/* a commit is on disk on return */
	const struct sign_key	*key;	/* borrowed; NULL: no checkpoints */
	int64_t			 every;	/* events to the next checkpoint */
};

/* Open or make the store.  NULL with a message in err. */
struct store	*store_open(const char *path, const struct store_options *,
		    char *err, size_t errlen);
/* Rolls back what is not committed. */
void		 store_close(struct store **);
const char	*store_error(const struct store *);
/* Set it to errno's words: what belongs to the store failed beside it. */
void		 store_blame(struct store *, const char *what);
/* Its recordings' directory (recfile.h). */
const char	*store_recordings(const struct store *);

/*
 * Append an event of kind `desc`, `msg` being the decoded struct.  `time` in
 * us.  Does the JSON, the chain and the insert.
 */
int		 store_event(struct store *, const struct msg_desc *desc,
		    const void *msg, struct slice session, uint64_t time,
		    uint64_t seq);

/*
 * Append a signed checkpoint over all events so far, if there is a key and
 * something that none covers.  store_event() does so by itself when `every`
 * events passed since the last one.
 */
int		 store_checkpoint(struct store *, const char *reason);
/*
 * Commit, seal the segment and go on with a new one.  If it fails half way the
 * store takes nothing more until the new one could be made, which each next
 * call tries again.
 */
int		 store_seal(struct store *, const char *reason);
/* Of the segment that is written: its size in bytes (0: could not be told),
 * the time of its first event in us, and how many events it has. */
void		 store_extent(struct store *, uint64_t *size, uint64_t *since,
		    uint64_t *events);

/* How far a spool has been drained: survives in the same transaction. */
struct store_spool {
	uint64_t	position;	/* drained up to here */
	uint64_t	seq;		/* of the last event */
	bool		broken;
};
/* 1 and *out when the store knows it, 0 (and *out zeroed) when not, -1. */
int		 store_spool_load(struct store *, const char *name,
		    struct store_spool *out);
int		 store_spool_save(struct store *, const char *name,
		    const struct store_spool *);
/* Forget it and its partial event: only after its files are gone. */
int		 store_spool_drop(struct store *, const char *name);

/*
 * Fragments of an event whose last one has not come yet.  `position` orders
 * them.
 */
int		 store_partial_add(struct store *, const char *name,
		    uint64_t position, uint64_t time, unsigned int kind,
		    const void *, size_t);
/* Append all to `data`; *time and *kind are the first one's.  -1 also when
 * they do not fit. */
int		 store_partial_load(struct store *, const char *name,
		    struct buf *data, uint64_t *time, unsigned int *kind);
int		 store_partial_drop(struct store *, const char *name);

/* Commit; 0 when there was nothing to commit. */
int		 store_commit(struct store *);
void		 store_rollback(struct store *);

/* Committed and not yet committed events; id of the last one. */
int64_t		 store_head(const struct store *, uint8_t hash[SHA256_LEN]);
/* The last checkpoint's event, and the first event of the segment. */
int64_t		 store_signed(const struct store *);
int64_t		 store_segment(const struct store *);
/*
 * What was found at the end of the store when it was opened: the id that the
 * last commit had reached, when the event of that id is not there; else 0.
 */
int64_t		 store_lost(const struct store *);

#endif
