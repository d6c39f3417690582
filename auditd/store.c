/*
 * The store, the only module of auditd that knows SQLite.  Runs in auditd.
 * What is stored comes from spools and may be anything; it is only ever bound
 * to parameters.  Any failure of SQLite voids the transaction and is returned;
 * nothing is retried here, and nothing is acknowledged to anyone before
 * store_commit() has returned 0.
 */
#include "store.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "chain.h"
#include "json.h"
#include "schema.h"

/* A reader's lock is waited for this long; longer, and clients would notice. */
#define BUSY_MS		100
/* Pages in the WAL before it is copied back: fewer, larger checkpoints. */
#define CHECKPOINT	"2000"

/* Statements, prepared once: name, SQL. */
#define STORE_SQL(M)							\
	M(BEGIN, "BEGIN IMMEDIATE")					\
	M(COMMIT, "COMMIT")						\
	M(EVENT, "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)")	\
	M(META, "INSERT OR REPLACE INTO meta "				\
	    "VALUES ('head', ?), ('head_hash', ?)")			\
	M(SPOOL_LOAD, "SELECT position, seq, broken FROM spools "	\
	    "WHERE name = ?")						\
	M(SPOOL_SAVE, "INSERT OR REPLACE INTO spools "		\
	    "VALUES (?, ?, ?, ?)")					\
	M(SPOOL_DROP, "DELETE FROM spools WHERE name = ?")		\
	M(PARTIAL_ADD, "INSERT INTO partial VALUES (?, ?, ?, ?, ?)")	\
	M(PARTIAL_LOAD, "SELECT time, kind, data FROM partial "		\
	    "WHERE name = ? ORDER BY position")				\
	M(PARTIAL_DROP, "DELETE FROM partial WHERE name = ?")		\
	M(LAST, "SELECT id, hash FROM events ORDER BY id DESC LIMIT 1")	\
	M(HEAD, "SELECT value FROM meta WHERE key = 'head'")

#define M_ENUM(name, sql)	SQL_##name,
enum store_sql { STORE_SQL(M_ENUM) NSQL };
#undef M_ENUM
#define M_TEXT(name, sql)	[SQL_##name] = sql,
static const char *const store_sql[NSQL] = { STORE_SQL(M_TEXT) };
#undef M_TEXT

struct store {
	sqlite3		*db;
	sqlite3_stmt	*st[NSQL];
	struct sha256	*sha;
	struct buf	 body;		/* scratch */
	bool		 open;		/* a transaction */
	bool		 events;	/* it has events: meta must follow */
	int64_t		 id, done_id;	/* last event; last committed event */
	uint8_t		 hash[SHA256_LEN], done_hash[SHA256_LEN];
	int64_t		 lost;
	char		 error[256];
};

/* --- SQLite, shortened -------------------------------------------------- */

static int
failed(struct store *s, const char *what)
{
	snprintf(s->error, sizeof(s->error), "%s: %s", what,
	    sqlite3_errmsg(s->db));
	return -1;
}

/* Run a statement that returns no rows, and make it ready for the next use. */
static int
run(struct store *s, enum store_sql n)
{
	int rc = sqlite3_step(s->st[n]);

	if (rc != SQLITE_DONE)
		failed(s, store_sql[n]);
	sqlite3_reset(s->st[n]);
	return rc == SQLITE_DONE ? 0 : -1;
}

static void
bind_text(sqlite3_stmt *st, int at, const void *p, size_t len)
{
	sqlite3_bind_text(st, at, p == NULL ? "" : p, (int)len, SQLITE_STATIC);
}

static void
bind_name(sqlite3_stmt *st, const char *name)
{
	bind_text(st, 1, name, strlen(name));
}

static int
begin(struct store *s)
{
	if (s->open)
		return 0;
	if (run(s, SQL_BEGIN) == -1)
		return -1;
	s->open = true;
	return 0;
}

/* --- opening ------------------------------------------------------------ */

static int
query_int(struct store *s, const char *sql, int *out)
{
	sqlite3_stmt *st;
	int rc = -1;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return failed(s, sql);
	if (sqlite3_step(st) == SQLITE_ROW) {
		*out = sqlite3_column_int(st, 0);
		rc = 0;
	} else
		failed(s, sql);
	sqlite3_finalize(st);
	return rc;
}

static int
execute(struct store *s, const char *sql, const char *what)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return failed(s, what);
	return 0;
}

static int
make_schema(struct store *s)
{
	char pragma[128];
	size_t i;

	snprintf(pragma, sizeof(pragma), "PRAGMA application_id = %d;"
	    "PRAGMA user_version = %d", SCHEMA_APPLICATION, SCHEMA_VERSION);
	if (execute(s, "BEGIN IMMEDIATE", "BEGIN") == -1)
		return -1;
	for (i = 0; schema_sql[i] != NULL; i++)
		if (execute(s, schema_sql[i], "schema") == -1)
			return -1;
	if (execute(s, pragma, "schema version") == -1)
		return -1;
	return execute(s, "COMMIT", "COMMIT");
}

static int
check_schema(struct store *s)
{
	int version, application, tables;

	if (query_int(s, "PRAGMA user_version", &version) == -1 ||
	    query_int(s, "PRAGMA application_id", &application) == -1 ||
	    query_int(s, "SELECT count(*) FROM sqlite_master", &tables) == -1)
		return -1;
	if (version == 0 && application == 0 && tables == 0)
		return make_schema(s);
	if (application != SCHEMA_APPLICATION) {
		snprintf(s->error, sizeof(s->error), "is not a store of ours");
		return -1;
	}
	if (version != SCHEMA_VERSION) {
		snprintf(s->error, sizeof(s->error),
		    "has schema version %d, need %d", version, SCHEMA_VERSION);
		return -1;
	}
	return 0;
}

/* Find the end of the chain; is it where the last commit left it? */
static int
load_head(struct store *s)
{
	sqlite3_stmt *st = s->st[SQL_LAST];
	int64_t head = 0;
	int rc;

	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		s->id = sqlite3_column_int64(st, 0);
		if (sqlite3_column_bytes(st, 1) == SHA256_LEN)
			memcpy(s->hash, sqlite3_column_blob(st, 1), SHA256_LEN);
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		failed(s, store_sql[SQL_LAST]);
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return -1;
	st = s->st[SQL_HEAD];
	if (sqlite3_step(st) == SQLITE_ROW)
		head = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	if (head > s->id) {
		/* Do not give a removed event's id to another. */
		s->lost = head;
		s->id = head;
	}
	s->done_id = s->id;
	memcpy(s->done_hash, s->hash, SHA256_LEN);
	return 0;
}

/* A new store's name, and its WAL's, must outlive a power failure too. */
static int
sync_directory(struct store *s, const char *path)
{
	char *copy = strdup(path);
	int fd = -1, rc = -1;

	if (copy != NULL)
		fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1) {
		rc = fsync(fd);
		close(fd);
	}
	free(copy);
	if (rc == -1)
		snprintf(s->error, sizeof(s->error),
		    "cannot sync its directory");
	return rc;
}

static int
store_setup(struct store *s, const char *path, bool full)
{
	size_t i;

	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	/* The triggers are for others; this connection only ever appends. */
	if (sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0,
	    NULL) != SQLITE_OK)
		return failed(s, "triggers");
	if (execute(s, "PRAGMA page_size = 8192", "page_size") == -1 ||
	    execute(s, "PRAGMA journal_mode = WAL", "journal_mode") == -1 ||
	    execute(s, full ? "PRAGMA synchronous = FULL" :
	    "PRAGMA synchronous = NORMAL", "synchronous") == -1 ||
	    execute(s, "PRAGMA wal_autocheckpoint = " CHECKPOINT ";"
	    "PRAGMA journal_size_limit = 67108864", "settings") == -1 ||
	    check_schema(s) == -1)
		return -1;
	for (i = 0; i < NSQL; i++)
		if (sqlite3_prepare_v3(s->db, store_sql[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL) != SQLITE_OK)
			return failed(s, store_sql[i]);
	if (load_head(s) == -1)
		return -1;
	return full ? sync_directory(s, path) : 0;
}

struct store *
store_open(const char *path, bool full, char *err, size_t errlen)
{
	struct store *s;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	s->sha = sha256_new();
	buf_init(&s->body, JSON_BODY_MAX);
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		snprintf(s->error, sizeof(s->error), "cannot open: %s",
		    s->db == NULL ? "out of memory" : sqlite3_errmsg(s->db));
	} else if (store_setup(s, path, full) == 0)
		return s;
	snprintf(err, errlen, "%s", s->error);
	store_close(&s);
	return NULL;
}

void
store_close(struct store **sp)
{
	struct store *s = *sp;
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < NSQL; i++)
		sqlite3_finalize(s->st[i]);
	sqlite3_close(s->db);
	sha256_free(&s->sha);
	buf_clear(&s->body);
	free(s);
	*sp = NULL;
}

const char *
store_error(const struct store *s)
{
	return s->error;
}

/* --- events ------------------------------------------------------------- */

static int
insert(struct store *s, const struct chain_event *e,
    const uint8_t hash[SHA256_LEN])
{
	sqlite3_stmt *st = s->st[SQL_EVENT];

	sqlite3_bind_int64(st, 1, e->id);
	sqlite3_bind_int64(st, 2, e->time);
	bind_text(st, 3, e->session, e->session_len);
	sqlite3_bind_int64(st, 4, e->seq);
	bind_text(st, 5, e->kind, e->kind_len);
	bind_text(st, 6, e->body, e->body_len);
	sqlite3_bind_blob(st, 7, e->prev, SHA256_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(st, 8, hash, SHA256_LEN, SQLITE_STATIC);
	return run(s, SQL_EVENT);
}

int
store_event(struct store *s, const struct msg_desc *desc, const void *msg,
    struct slice session, uint64_t time, uint64_t seq)
{
	struct chain_event e = { 0 };
	uint8_t hash[SHA256_LEN];

	s->body.off = s->body.len = 0;
	if (json_event(&s->body, desc, msg) == -1) {
		snprintf(s->error, sizeof(s->error), "out of memory");
		return -1;
	}
	if (begin(s) == -1)
		return -1;
	e.id = s->id + 1;
	e.time = (int64_t)time;
	e.seq = (int64_t)seq;
	e.session = session.p;
	e.session_len = session.len;
	e.kind = desc->name;
	e.kind_len = strlen(desc->name);
	e.body = buf_head(&s->body);
	e.body_len = s->body.len;
	e.prev = s->hash;
	chain_hash(s->sha, &e, hash);
	if (insert(s, &e, hash) == -1)
		return -1;
	s->id = e.id;
	memcpy(s->hash, hash, SHA256_LEN);
	s->events = true;
	s->body.off = s->body.len = 0;
	buf_shrink(&s->body, 1024 * 1024);
	return 0;
}

/* --- spools ------------------------------------------------------------- */

int
store_spool_load(struct store *s, const char *name, struct store_spool *out)
{
	sqlite3_stmt *st = s->st[SQL_SPOOL_LOAD];
	int rc;

	memset(out, 0, sizeof(*out));
	bind_name(st, name);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		out->position = (uint64_t)sqlite3_column_int64(st, 0);
		out->seq = (uint64_t)sqlite3_column_int64(st, 1);
		out->broken = sqlite3_column_int(st, 2) != 0;
	} else if (rc != SQLITE_DONE)
		failed(s, store_sql[SQL_SPOOL_LOAD]);
	sqlite3_reset(st);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

int
store_spool_save(struct store *s, const char *name,
    const struct store_spool *sp)
{
	sqlite3_stmt *st = s->st[SQL_SPOOL_SAVE];

	if (begin(s) == -1)
		return -1;
	bind_name(st, name);
	sqlite3_bind_int64(st, 2, (int64_t)sp->position);
	sqlite3_bind_int64(st, 3, (int64_t)sp->seq);
	sqlite3_bind_int(st, 4, sp->broken);
	return run(s, SQL_SPOOL_SAVE);
}

int
store_spool_drop(struct store *s, const char *name)
{
	if (store_partial_drop(s, name) == -1)
		return -1;
	bind_name(s->st[SQL_SPOOL_DROP], name);
	return run(s, SQL_SPOOL_DROP);
}

int
store_partial_add(struct store *s, const char *name, uint64_t position,
    uint64_t time, unsigned int kind, const void *p, size_t len)
{
	sqlite3_stmt *st = s->st[SQL_PARTIAL_ADD];

	if (begin(s) == -1)
		return -1;
	bind_name(st, name);
	sqlite3_bind_int64(st, 2, (int64_t)position);
	sqlite3_bind_int64(st, 3, (int64_t)time);
	sqlite3_bind_int64(st, 4, kind);
	sqlite3_bind_blob(st, 5, p, (int)len, SQLITE_STATIC);
	return run(s, SQL_PARTIAL_ADD);
}

int
store_partial_load(struct store *s, const char *name, struct buf *data,
    uint64_t *time, unsigned int *kind)
{
	sqlite3_stmt *st = s->st[SQL_PARTIAL_LOAD];
	bool first = true;
	int rc;

	bind_name(st, name);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (first) {
			*time = (uint64_t)sqlite3_column_int64(st, 0);
			*kind = (unsigned int)sqlite3_column_int(st, 1);
			first = false;
		}
		if (buf_add(data, sqlite3_column_blob(st, 2),
		    (size_t)sqlite3_column_bytes(st, 2)) == -1) {
			snprintf(s->error, sizeof(s->error),
			    "fragments do not fit in memory");
			break;
		}
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		failed(s, store_sql[SQL_PARTIAL_LOAD]);
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : -1;
}

int
store_partial_drop(struct store *s, const char *name)
{
	if (begin(s) == -1)
		return -1;
	bind_name(s->st[SQL_PARTIAL_DROP], name);
	return run(s, SQL_PARTIAL_DROP);
}

/* --- transactions ------------------------------------------------------- */

int
store_commit(struct store *s)
{
	sqlite3_stmt *st = s->st[SQL_META];

	if (!s->open)
		return 0;
	if (s->events) {
		sqlite3_bind_int64(st, 1, s->id);
		sqlite3_bind_blob(st, 2, s->hash, SHA256_LEN, SQLITE_STATIC);
		if (run(s, SQL_META) == -1)
			return -1;
	}
	if (run(s, SQL_COMMIT) == -1)
		return -1;
	s->open = s->events = false;
	s->done_id = s->id;
	memcpy(s->done_hash, s->hash, SHA256_LEN);
	return 0;
}

void
store_rollback(struct store *s)
{
	/* SQLite may have rolled back by itself, so failure means nothing. */
	sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	s->open = s->events = false;
	s->id = s->done_id;
	memcpy(s->hash, s->done_hash, SHA256_LEN);
}

int64_t
store_head(const struct store *s, uint8_t hash[SHA256_LEN])
{
	memcpy(hash, s->done_hash, SHA256_LEN);
	return s->done_id;
}

int64_t
store_lost(const struct store *s)
{
	return s->lost;
}
