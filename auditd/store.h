#ifndef AUDITD_STORE_H
#define AUDITD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "codec.h"
#include "crypto.h"

/*
 * The append-only store: a SQLite database (schema.h) in WAL mode, with one
 * writer, auditd.  Every change belongs to a transaction that the first change
 * opens and store_commit() ends.  When a call fails with -1 the transaction is
 * void: the caller must store_rollback() and may try the same again later.
 * store_error() says why, in words without untrusted bytes.
 */
struct store;

/*
 * Open or make the store.  `full`: a commit is on disk when it returns.  NULL
 * with a message in err.
 */
struct store	*store_open(const char *path, bool full, char *err,
		    size_t errlen);
/* Rolls back what is not committed. */
void		 store_close(struct store **);
const char	*store_error(const struct store *);

/*
 * Append an event of kind `desc`, `msg` being the decoded struct.  `time` in
 * us.  Does the JSON, the chain and the insert.
 */
int		 store_event(struct store *, const struct msg_desc *desc,
		    const void *msg, struct slice session, uint64_t time,
		    uint64_t seq);

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
/*
 * What was found at the end of the store when it was opened: the id that the
 * last commit had reached, when the event of that id is not there; else 0.
 */
int64_t		 store_lost(const struct store *);

#endif
