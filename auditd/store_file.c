/*
 * Opening one segment of the store: SQLite's settings, the schema, the end of
 * the chain.  Runs in auditd.  A file that is not as auditd left it is refused
 * with a sentence that says what to do.
 */
#include "store_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "schema.h"
#include "segments.h"

/* A reader's lock is waited for this long; longer, and clients would notice. */
#define BUSY_MS		100
/* Pages in the WAL before it is copied back: fewer, larger checkpoints. */
#define CHECKPOINT	"2000"

#define M_TEXT(name, sql)	[SQL_##name] = sql,
const char *const store_sql[NSQL] = { STORE_SQL(M_TEXT) };
#undef M_TEXT

int
store_exec(struct store *s, const char *sql, const char *what)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return store_failed(s, what);
	return 0;
}

static int
query_int(struct store *s, const char *sql, int *out)
{
	sqlite3_stmt *st;
	int rc = -1;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_failed(s, sql);
	if (sqlite3_step(st) == SQLITE_ROW) {
		*out = sqlite3_column_int(st, 0);
		rc = 0;
	} else
		store_failed(s, sql);
	sqlite3_finalize(st);
	return rc;
}

static int
make_schema(struct store *s)
{
	char pragma[128];
	size_t i;

	snprintf(pragma, sizeof(pragma), "PRAGMA application_id = %d;"
	    "PRAGMA user_version = %d", SCHEMA_APPLICATION, SCHEMA_VERSION);
	if (store_exec(s, "BEGIN IMMEDIATE", "BEGIN") == -1)
		return -1;
	for (i = 0; schema_sql[i] != NULL; i++)
		if (store_exec(s, schema_sql[i], "schema") == -1)
			return -1;
	if (store_exec(s, pragma, "schema version") == -1)
		return -1;
	return store_exec(s, "COMMIT", "COMMIT");
}

static int
check_schema(struct store *s, bool create)
{
	int version, application, tables;

	if (query_int(s, "PRAGMA user_version", &version) == -1 ||
	    query_int(s, "PRAGMA application_id", &application) == -1 ||
	    query_int(s, "SELECT count(*) FROM sqlite_master", &tables) == -1)
		return -1;
	if (create && version == 0 && application == 0 && tables == 0)
		return make_schema(s);
	if (application != SCHEMA_APPLICATION) {
		snprintf(s->error, sizeof(s->error), "is not a store of ours");
		return -1;
	}
	if (version != SCHEMA_VERSION) {
		snprintf(s->error, sizeof(s->error), "is a store of schema "
		    "version %d and this auditd writes version %d: move it "
		    "elsewhere and keep it with the auditctl that reads it; a "
		    "new one will be made", version, SCHEMA_VERSION);
		return -1;
	}
	return 0;
}

/* A value of meta; 0 and "" when it is not there. */
static int
load_meta(struct store *s, const char *key, int64_t *n, char *text,
    size_t size)
{
	sqlite3_stmt *st = s->st[SQL_HEAD];
	int rc;

	*n = 0;
	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		*n = sqlite3_column_int64(st, 0);
		if (text != NULL && sqlite3_column_text(st, 0) != NULL)
			snprintf(text, size, "%s",
			    (const char *)sqlite3_column_text(st, 0));
	} else if (rc != SQLITE_DONE)
		store_failed(s, store_sql[SQL_HEAD]);
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

/* Find the end of the chain; is it where the last commit left it? */
static int
load_head(struct store *s)
{
	sqlite3_stmt *st = s->st[SQL_LAST];
	int64_t head, sealed;
	int rc;

	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		s->id = sqlite3_column_int64(st, 0);
		if (sqlite3_column_bytes(st, 1) == SHA256_LEN)
			memcpy(s->hash, sqlite3_column_blob(st, 1), SHA256_LEN);
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		store_failed(s, store_sql[SQL_LAST]);
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return -1;
	if (load_meta(s, "head", &head, NULL, 0) == -1 ||
	    load_meta(s, "from", &s->from, NULL, 0) == -1 ||
	    load_meta(s, "since", &s->since, NULL, 0) == -1 ||
	    load_meta(s, "sealed", &sealed, NULL, 0) == -1 ||
	    load_meta(s, "signed", &s->signed_id, NULL, 0) == -1 ||
	    load_meta(s, "due", &s->due, NULL, 0) == -1 ||
	    load_meta(s, "store", &(int64_t){ 0 }, s->id_text,
	    sizeof(s->id_text)) == -1)
		return -1;
	s->sealed = sealed != 0;
	if (head > s->id) {
		/* Do not give a removed event's id to another. */
		s->lost = head;
		s->id = head;
	}
	s->done_id = s->id;
	s->done_signed = s->signed_id;
	s->done_due = s->due;
	memcpy(s->done_hash, s->hash, SHA256_LEN);
	return 0;
}

static int
file_setup(struct store *s, bool create)
{
	size_t i;

	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	/* The triggers are for others; this connection only ever appends. */
	if (sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0,
	    NULL) != SQLITE_OK)
		return store_failed(s, "triggers");
	/*
	 * A new segment is made in a file without a WAL, since it is given its
	 * name later; until then every commit is on disk.
	 */
	if (store_exec(s, "PRAGMA page_size = 8192", "page_size") == -1 ||
	    check_schema(s, create) == -1 || (!create &&
	    store_exec(s, "PRAGMA journal_mode = WAL", "journal_mode") == -1) ||
	    store_exec(s, create || s->opts.full ? "PRAGMA synchronous = FULL" :
	    "PRAGMA synchronous = NORMAL", "synchronous") == -1 ||
	    store_exec(s, "PRAGMA wal_autocheckpoint = " CHECKPOINT ";"
	    "PRAGMA journal_size_limit = 67108864", "settings") == -1)
		return -1;
	for (i = 0; i < NSQL; i++)
		if (sqlite3_prepare_v3(s->db, store_sql[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL) != SQLITE_OK)
			return store_failed(s, store_sql[i]);
	return create ? 0 : load_head(s);
}

int
store_file_open(struct store *s, const char *path, bool create)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
	    (create ? SQLITE_OPEN_CREATE : 0);

	/* SQLite would open it for reading, and make a WAL of its mode. */
	if (!create && access(path, W_OK) == -1)
		return store_failed_errno(s, "cannot be written");
	if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK)
		snprintf(s->error, sizeof(s->error), "cannot open: %s",
		    s->db == NULL ? "out of memory" : sqlite3_errmsg(s->db));
	else if (file_setup(s, create) == 0) {
		/* The WAL's name must outlive a power failure, too. */
		if (create || !s->opts.full || segment_sync_dir(path) == 0)
			return 0;
		store_failed_errno(s, "cannot sync its directory");
	}
	store_file_close(s);
	return -1;
}

void
store_file_close(struct store *s)
{
	size_t i;

	for (i = 0; i < NSQL; i++) {
		sqlite3_finalize(s->st[i]);
		s->st[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
	s->open = s->events = false;
}
