/*
 * The store: events, checkpoints, the spools' positions, transactions.  Runs in
 * auditd.  What is stored comes from spools and may be anything; it is only
 * ever bound to parameters.  Any failure of SQLite voids the transaction and is
 * returned; nothing is retried here, and nothing is acknowledged to anyone
 * before store_commit() has returned 0.
 */
#include "store_impl.h"

#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "ev.h"
#include "event_kinds.h"
#include "json.h"
#include "recfile.h"
#include "touched.h"

/* --- SQLite, shortened -------------------------------------------------- */

int
store_failed(struct store *s, const char *what)
{
	snprintf(s->error, sizeof(s->error), "%s: %s", what,
	    sqlite3_errmsg(s->db));
	return -1;
}

int
store_failed_errno(struct store *s, const char *what)
{
	snprintf(s->error, sizeof(s->error), "%s: %s", what, strerror(errno));
	return -1;
}

int
store_run(struct store *s, enum store_sql n)
{
	int rc = sqlite3_step(s->st[n]);

	if (rc != SQLITE_DONE)
		store_failed(s, store_sql[n]);
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

int
store_begin(struct store *s)
{
	if (s->open)
		return 0;
	if (s->sealed && store_next(s) == -1)
		return -1;
	if (store_run(s, SQL_BEGIN) == -1)
		return -1;
	s->open = true;
	return 0;
}

int
store_meta_text(struct store *s, const char *key, const char *value)
{
	bind_name(s->st[SQL_META_SET], key);
	bind_text(s->st[SQL_META_SET], 2, value, strlen(value));
	return store_run(s, SQL_META_SET);
}

int
store_meta_int(struct store *s, const char *key, int64_t value)
{
	bind_name(s->st[SQL_META_SET], key);
	sqlite3_bind_int64(s->st[SQL_META_SET], 2, value);
	return store_run(s, SQL_META_SET);
}

/* --- opening ------------------------------------------------------------ */

/* Two writers would each continue the chain from what it remembers. */
static int
lock_store(struct store *s)
{
	char *path;

	if (asprintf(&path, "%s.lock", s->path) == -1)
		return store_failed_errno(s, "lock");
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(path);
	if (s->lock == -1)
		return store_failed_errno(s, "cannot make its lock");
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return store_failed_errno(s, "cannot lock it");
	snprintf(s->error, sizeof(s->error), "is written by another auditd");
	return -1;
}

struct store *
store_open(const char *path, const struct store_options *opts, char *err,
    size_t errlen)
{
	struct store *s;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	s->lock = -1;
	s->opts = *opts;
	s->sha = sha256_new();
	buf_init(&s->body, JSON_BODY_MAX);
	buf_init(&s->touched, 8 * LEN_TOUCHED);
	if ((s->path = strdup(path)) == NULL ||
	    (s->recordings = recdir_path(path)) == NULL)
		store_failed_errno(s, "store");
	else if (lock_store(s) == 0 && store_find(s) == 0)
		return s;
	snprintf(err, errlen, "%s", s->error);
	store_close(&s);
	return NULL;
}

void
store_close(struct store **sp)
{
	struct store *s = *sp;

	if (s == NULL)
		return;
	store_file_close(s);
	if (s->lock != -1)
		close(s->lock);
	sha256_free(&s->sha);
	buf_clear(&s->body);
	buf_clear(&s->touched);
	free(s->recordings);
	free(s->path);
	free(s);
	*sp = NULL;
}

const char *
store_error(const struct store *s)
{
	return s->error;
}

void
store_blame(struct store *s, const char *what)
{
	store_failed_errno(s, what);
}

const char *
store_recordings(const struct store *s)
{
	return s->recordings;
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
	sqlite3_bind_int64(st, 5, e->stmt);
	bind_text(st, 6, e->kind, e->kind_len);
	bind_text(st, 7, e->body, e->body_len);
	sqlite3_bind_blob(st, 8, e->prev, SHA256_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(st, 9, hash, SHA256_LEN, SQLITE_STATIC);
	return store_run(s, SQL_EVENT);
}

/* A row for each relation that the body names (touched.h). */
static int
insert_touched(struct store *s, const struct chain_event *e)
{
	sqlite3_stmt *st = s->st[SQL_TOUCHED];
	const char *p, *end;
	struct touch t;
	int item = 0;

	s->touched.off = s->touched.len = 0;
	if (json_member(&s->touched, e->body, e->body_len, "touched") != 1)
		return 0;
	p = (const char *)buf_head(&s->touched);
	end = p + s->touched.len;
	while (touched_next(&p, end, &t) == 1) {
		sqlite3_bind_int64(st, 1, e->id);
		sqlite3_bind_int(st, 2, ++item);
		bind_text(st, 3, t.access, t.access_len);
		bind_text(st, 4, t.relation, t.relation_len);
		bind_text(st, 5, t.columns, t.columns_len);
		if (store_run(s, SQL_TOUCHED) == -1)
			return -1;
	}
	return 0;
}

/* The number of the statement that an event is about: its first field. */
static int64_t
event_stmt(const struct msg_desc *desc, const void *msg)
{
	const struct field *f = desc->fields;
	uint64_t n;

	if (f->type != FIELD_U64 || strcmp(f->name, "stmt") != 0)
		return 0;
	memcpy(&n, (const char *)msg + f->offset, sizeof(n));
	return (int64_t)n;
}

static int
append(struct store *s, const struct msg_desc *desc, const void *msg,
    struct slice session, uint64_t time, uint64_t seq)
{
	struct chain_event e = { 0 };
	uint8_t hash[SHA256_LEN];

	s->body.off = s->body.len = 0;
	if (json_event(&s->body, desc, msg) == -1) {
		snprintf(s->error, sizeof(s->error), "out of memory");
		return -1;
	}
	if (store_begin(s) == -1)
		return -1;
	e.id = s->id + 1;
	e.time = (int64_t)time;
	e.seq = (int64_t)seq;
	e.stmt = event_stmt(desc, msg);
	e.session = session.p;
	e.session_len = session.len;
	e.kind = desc->name;
	e.kind_len = strlen(desc->name);
	e.body = buf_head(&s->body);
	e.body_len = s->body.len;
	e.prev = s->hash;
	chain_hash(s->sha, &e, hash);
	if (insert(s, &e, hash) == -1 || insert_touched(s, &e) == -1)
		return -1;
	s->id = e.id;
	memcpy(s->hash, hash, SHA256_LEN);
	s->events = true;
	s->body.off = s->body.len = 0;
	buf_shrink(&s->body, 1024 * 1024);
	return 0;
}

int
store_checkpoint(struct store *s, const char *reason)
{
	char line[CHECKPOINT_LINE];
	struct checkpoint c = {
		.event = s->id,
		.time = (int64_t)now_wall_us(),
		.every = s->opts.every
	};
	struct event_checkpoint m = { .reason = slice_str(reason) };

	if (s->opts.key == NULL || s->id == s->signed_id)
		return 0;
	/* The segment may have to be made yet, and that makes an event. */
	if (store_begin(s) == -1)
		return -1;
	c.event = s->id;
	memcpy(c.store, s->id_text, sizeof(c.store));
	memcpy(c.hash, s->hash, SHA256_LEN);
	checkpoint_sign(&c, s->opts.key);
	checkpoint_format(&c, line);
	m.line = slice_str(line);
	if (append(s, event_desc(EVENT_checkpoint), &m, slice_str(""),
	    (uint64_t)c.time, 0) == -1)
		return -1;
	s->signed_id = s->id;
	s->due = s->id + s->opts.every;
	if (store_meta_int(s, "signed", s->signed_id) == -1)
		return -1;
	return store_meta_int(s, "due", s->due);
}

int
store_event(struct store *s, const struct msg_desc *desc, const void *msg,
    struct slice session, uint64_t time, uint64_t seq)
{
	if (append(s, desc, msg, session, time, seq) == -1)
		return -1;
	/* The last checkpoint promised when the next one comes. */
	if (s->opts.key != NULL && ((s->due != 0 && s->id + 1 >= s->due) ||
	    s->id + 1 >= s->signed_id + s->opts.every))
		return store_checkpoint(s, "events");
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
		store_failed(s, store_sql[SQL_SPOOL_LOAD]);
	sqlite3_reset(st);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

int
store_spool_save(struct store *s, const char *name,
    const struct store_spool *sp)
{
	sqlite3_stmt *st = s->st[SQL_SPOOL_SAVE];

	if (store_begin(s) == -1)
		return -1;
	bind_name(st, name);
	sqlite3_bind_int64(st, 2, (int64_t)sp->position);
	sqlite3_bind_int64(st, 3, (int64_t)sp->seq);
	sqlite3_bind_int(st, 4, sp->broken);
	return store_run(s, SQL_SPOOL_SAVE);
}

int
store_spool_drop(struct store *s, const char *name)
{
	if (store_partial_drop(s, name) == -1)
		return -1;
	bind_name(s->st[SQL_SPOOL_DROP], name);
	return store_run(s, SQL_SPOOL_DROP);
}

int
store_partial_add(struct store *s, const char *name, uint64_t position,
    uint64_t time, unsigned int kind, const void *p, size_t len)
{
	sqlite3_stmt *st = s->st[SQL_PARTIAL_ADD];

	if (store_begin(s) == -1)
		return -1;
	bind_name(st, name);
	sqlite3_bind_int64(st, 2, (int64_t)position);
	sqlite3_bind_int64(st, 3, (int64_t)time);
	sqlite3_bind_int64(st, 4, kind);
	sqlite3_bind_blob(st, 5, p, (int)len, SQLITE_STATIC);
	return store_run(s, SQL_PARTIAL_ADD);
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
		store_failed(s, store_sql[SQL_PARTIAL_LOAD]);
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : -1;
}

int
store_partial_drop(struct store *s, const char *name)
{
	if (store_begin(s) == -1)
		return -1;
	bind_name(s->st[SQL_PARTIAL_DROP], name);
	return store_run(s, SQL_PARTIAL_DROP);
}

/* --- transactions ------------------------------------------------------- */

int
store_commit(struct store *s)
{
	sqlite3_stmt *st = s->st[SQL_META];

	if (!s->open)
		return s->sealed ? store_next(s) : 0;
	if (s->events) {
		sqlite3_bind_int64(st, 1, s->id);
		sqlite3_bind_blob(st, 2, s->hash, SHA256_LEN, SQLITE_STATIC);
		if (store_run(s, SQL_META) == -1)
			return -1;
	}
	if (store_run(s, SQL_COMMIT) == -1)
		return -1;
	s->open = s->events = false;
	s->done_id = s->id;
	s->done_signed = s->signed_id;
	s->done_due = s->due;
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
	s->signed_id = s->done_signed;
	s->due = s->done_due;
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

void
store_extent(struct store *s, uint64_t *size, uint64_t *since,
    uint64_t *events)
{
	sqlite3_stmt *st = s->st[SQL_PAGES];

	*size = 0;
	if (sqlite3_step(st) == SQLITE_ROW)
		*size = (uint64_t)sqlite3_column_int64(st, 0) * STORE_PAGE;
	sqlite3_reset(st);
	*since = (uint64_t)s->since;
	*events = (uint64_t)(s->done_id - s->from + 1);
}

int64_t
store_signed(const struct store *s)
{
	return s->done_signed;
}

int64_t
store_segment(const struct store *s)
{
	return s->from;
}
