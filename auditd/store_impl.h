#ifndef AUDITD_STORE_IMPL_H
#define AUDITD_STORE_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "checkpoint.h"
#include "store.h"

/*
 * The store's inside, for its three files: store.c (events and transactions),
 * store_file.c (opening one segment), seal.c (from one segment to the next).
 */

#define STORE_PAGE	8192

/* Statements, prepared once for each segment: name, SQL. */
#define STORE_SQL(M)							\
	M(BEGIN, "BEGIN IMMEDIATE")					\
	M(COMMIT, "COMMIT")						\
	M(EVENT, "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)") \
	M(TOUCHED, "INSERT INTO touched VALUES (?, ?, ?, ?, ?)")	\
	M(META, "INSERT OR REPLACE INTO meta "				\
	    "VALUES ('head', ?), ('head_hash', ?)")			\
	M(META_SET, "INSERT OR REPLACE INTO meta VALUES (?, ?)")	\
	M(SPOOL_LOAD, "SELECT position, seq, broken FROM spools "	\
	    "WHERE name = ?")						\
	M(SPOOL_SAVE, "INSERT OR REPLACE INTO spools "			\
	    "VALUES (?, ?, ?, ?)")					\
	M(SPOOL_DROP, "DELETE FROM spools WHERE name = ?")		\
	M(PARTIAL_ADD, "INSERT INTO partial VALUES (?, ?, ?, ?, ?)")	\
	M(PARTIAL_LOAD, "SELECT time, kind, data FROM partial "		\
	    "WHERE name = ? ORDER BY position")				\
	M(PARTIAL_DROP, "DELETE FROM partial WHERE name = ?")		\
	M(LAST, "SELECT id, hash FROM events ORDER BY id DESC LIMIT 1")	\
	M(HEAD, "SELECT value FROM meta WHERE key = ?")			\
	M(PAGES, "SELECT page_count FROM pragma_page_count")

#define M_ENUM(name, sql)	SQL_##name,
enum store_sql { STORE_SQL(M_ENUM) NSQL };
#undef M_ENUM
extern const char *const store_sql[NSQL];

struct store {
	char		*path;		/* the store's name, the link's */
	struct store_options opts;
	char		*recordings;	/* their directory */
	int		 lock;		/* one auditd a store */
	/* --- the segment that is written --- */
	sqlite3		*db;
	sqlite3_stmt	*st[NSQL];
	int64_t		 from;		/* its first event */
	int64_t		 since;		/* its first event's time, us */
	bool		 sealed;	/* the next one must be made first */
	/* --- */
	char		 id_text[STORE_ID_LEN + 1];
	struct sha256	*sha;
	struct buf	 body, touched;	/* scratch */
	bool		 open;		/* a transaction */
	bool		 events;	/* it has events: meta must follow */
	int64_t		 id, done_id;	/* last event; last committed event */
	uint8_t		 hash[SHA256_LEN], done_hash[SHA256_LEN];
	int64_t		 signed_id, done_signed; /* the last checkpoint */
	int64_t		 due, done_due;	/* the next is this one at the latest */
	int64_t		 lost;
	char		 error[256];
};

/* Set the error to SQLite's; -1. */
int	store_failed(struct store *, const char *what);
/* ... to errno's; -1. */
int	store_failed_errno(struct store *, const char *what);
/* Run a statement that returns no rows, and make it ready for the next use. */
int	store_run(struct store *, enum store_sql);
int	store_exec(struct store *, const char *sql, const char *what);
int	store_begin(struct store *);
/* A text or integer of meta within the transaction. */
int	store_meta_text(struct store *, const char *key, const char *value);
int	store_meta_int(struct store *, const char *key, int64_t value);

/*
 * store_file.c: open the segment in `path`, which is made when it is not there
 * and `create`; then meta and events are empty.  Leaves all but the segment's
 * members and the head alone.
 */
int	store_file_open(struct store *, const char *path, bool create);
void	store_file_close(struct store *);

/* seal.c: find the segment to write, and finish what a crash interrupted. */
int	store_find(struct store *);
/* Make the segment that follows this sealed one, and go on with it. */
int	store_next(struct store *);

#endif
