/*
 * Is the store what auditd wrote?  Run by auditctl verify on a file that is not
 * trusted at all: somebody may have edited it with sqlite3 or a hex editor.
 * Every event is read in order and hashed again; what SQLite's own indexes and
 * the triggers say is checked last.  Stops at the first thing that is wrong and
 * says what it is.
 */
#include "verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "chain.h"
#include "schema.h"

#define COLUMNS	"SELECT id, time, session, seq, kind, body, prev, hash " \
		"FROM events NOT INDEXED "

struct verify {
	sqlite3			*db;
	struct sha256		*sha;
	struct verify_result	*res;
};

/* A row, valid until the statement moves on. */
struct row {
	struct chain_event	 e;
	const uint8_t		*hash;
	bool			 whole;	/* every column has its type */
};

static enum verify_code
found(struct verify *v, int64_t bad, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static enum verify_code
found(struct verify *v, int64_t bad, const char *fmt, ...)
{
	va_list ap;

	v->res->bad = bad;
	va_start(ap, fmt);
	vsnprintf(v->res->problem, sizeof(v->res->problem), fmt, ap);
	va_end(ap);
	return VERIFY_BAD;
}

static enum verify_code
cannot(struct verify *v)
{
	snprintf(v->res->problem, sizeof(v->res->problem), "%s",
	    sqlite3_errmsg(v->db));
	return VERIFY_CANNOT;
}

/* SQLite stopped in the middle: the file is damaged, or busy. */
static enum verify_code
stopped(struct verify *v, int rc)
{
	if ((rc & 0xff) != SQLITE_CORRUPT && (rc & 0xff) != SQLITE_NOTADB)
		return cannot(v);
	return found(v, v->res->events + 1, "event %" PRId64
	    " cannot be read: the file is damaged", v->res->events + 1);
}

static bool
column(sqlite3_stmt *st, int i, int type, const void **p, size_t *len)
{
	*p = sqlite3_column_blob(st, i);
	*len = (size_t)sqlite3_column_bytes(st, i);
	if (*p == NULL)
		*p = "";
	return sqlite3_column_type(st, i) == type;
}

static void
get_row(sqlite3_stmt *st, struct row *r)
{
	const void *prev, *hash;
	size_t prev_len, hash_len;
	/* Types first: reading a value may convert it. */
	bool whole = sqlite3_column_type(st, 1) == SQLITE_INTEGER &&
	    sqlite3_column_type(st, 3) == SQLITE_INTEGER;

	memset(r, 0, sizeof(*r));
	r->e.id = sqlite3_column_int64(st, 0);
	r->e.time = sqlite3_column_int64(st, 1);
	whole &= sqlite3_column_type(st, 2) == SQLITE_TEXT;
	column(st, 2, SQLITE_TEXT, &r->e.session, &r->e.session_len);
	r->e.seq = sqlite3_column_int64(st, 3);
	whole &= sqlite3_column_type(st, 4) == SQLITE_TEXT;
	column(st, 4, SQLITE_TEXT, &r->e.kind, &r->e.kind_len);
	whole &= sqlite3_column_type(st, 5) == SQLITE_TEXT;
	column(st, 5, SQLITE_TEXT, &r->e.body, &r->e.body_len);
	whole &= column(st, 6, SQLITE_BLOB, &prev, &prev_len) &&
	    prev_len == SHA256_LEN;
	whole &= column(st, 7, SQLITE_BLOB, &hash, &hash_len) &&
	    hash_len == SHA256_LEN;
	r->e.prev = prev;
	r->hash = hash;
	r->whole = whole;
}

/* Would this row's contents be right as the event `id` after `prev`? */
static bool
fits(struct verify *v, const struct row *r, int64_t id, const uint8_t *prev,
    const uint8_t *hash)
{
	struct chain_event e = r->e;
	uint8_t h[SHA256_LEN];

	if (!r->whole)
		return false;
	e.id = id;
	e.prev = prev;
	chain_hash(v->sha, &e, h);
	return memcmp(h, hash, SHA256_LEN) == 0;
}

/*
 * Event `id` is not what it was.  Is what belongs here in another row?  Then
 * the two were swapped: with their hashes, or without.
 */
static enum verify_code
altered(struct verify *v, int64_t id, const uint8_t hash[SHA256_LEN])
{
	sqlite3_stmt *st;
	struct row r;
	int64_t other = 0;

	if (sqlite3_prepare_v2(v->db, COLUMNS "ORDER BY id", -1, &st,
	    NULL) != SQLITE_OK)
		return cannot(v);
	while (other == 0 && sqlite3_step(st) == SQLITE_ROW) {
		get_row(st, &r);
		if (r.e.id != id && r.whole &&
		    (fits(v, &r, id, v->res->head, r.hash) ||
		    fits(v, &r, id, v->res->head, hash)))
			other = r.e.id;
	}
	sqlite3_finalize(st);
	if (other != 0)
		return found(v, id, "event %" PRId64 " is swapped with event "
		    "%" PRId64, id, other);
	return found(v, id, "event %" PRId64 " is altered", id);
}

static enum verify_code
check_row(struct verify *v, sqlite3_stmt *st)
{
	int64_t next = v->res->events + 1;
	uint8_t hash[SHA256_LEN] = { 0 };
	struct row r;

	get_row(st, &r);
	if (r.e.id < next)
		return found(v, r.e.id, "event %" PRId64 " is out of order",
		    r.e.id);
	if (r.e.id == next + 1)
		return found(v, next, "event %" PRId64 " is missing", next);
	if (r.e.id > next)
		return found(v, next, "events %" PRId64 " to %" PRId64
		    " are missing", next, r.e.id - 1);
	if (r.whole)
		memcpy(hash, r.hash, SHA256_LEN);
	if (!r.whole || !fits(v, &r, next, r.e.prev, r.hash))
		return altered(v, next, hash);
	if (memcmp(r.e.prev, v->res->head, SHA256_LEN) != 0)
		return found(v, next, "event %" PRId64 " does not follow the "
		    "one before it: one of the two is altered", next);
	memcpy(v->res->head, hash, SHA256_LEN);
	v->res->events = next;
	return VERIFY_OK;
}

static enum verify_code
check_chain(struct verify *v)
{
	enum verify_code code = VERIFY_OK;
	sqlite3_stmt *st;
	int rc = SQLITE_DONE;

	if ((rc = sqlite3_prepare_v2(v->db, COLUMNS "ORDER BY id", -1, &st,
	    NULL)) != SQLITE_OK)
		return stopped(v, rc);
	while (code == VERIFY_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
		code = check_row(v, st);
	if (code == VERIFY_OK && rc != SQLITE_DONE)
		code = stopped(v, rc);
	sqlite3_finalize(st);
	return code;
}

/* The head is kept a second time, so a tail that was cut off is missed. */
static enum verify_code
check_head(struct verify *v)
{
	enum verify_code code = VERIFY_OK;
	int64_t id = 0, last = v->res->events;
	bool same = last == 0;
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(v->db, "SELECT (SELECT value FROM meta WHERE "
	    "key = 'head'), (SELECT value FROM meta WHERE key = 'head_hash')",
	    -1, &st, NULL) != SQLITE_OK)
		return cannot(v);
	if (sqlite3_step(st) == SQLITE_ROW) {
		id = sqlite3_column_int64(st, 0);
		if (sqlite3_column_bytes(st, 1) == SHA256_LEN)
			same = memcmp(sqlite3_column_blob(st, 1),
			    v->res->head, SHA256_LEN) == 0;
	}
	if (id > last)
		code = found(v, last + 1, "events %" PRId64 " to %" PRId64
		    " are missing at the end", last + 1, id);
	else if (id != last || !same)
		code = found(v, last, "event %" PRId64 " is not the last that "
		    "auditd committed", last);
	sqlite3_finalize(st);
	return code;
}

static enum verify_code
check_triggers(struct verify *v)
{
	const struct schema_trigger *t;
	enum verify_code code = VERIFY_OK;
	const char *sql;
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(v->db, "SELECT sql FROM sqlite_master WHERE "
	    "type = 'trigger' AND name = ?", -1, &st, NULL) != SQLITE_OK)
		return cannot(v);
	for (t = schema_triggers; t->name != NULL && code == VERIFY_OK; t++) {
		sqlite3_bind_text(st, 1, t->name, -1, SQLITE_STATIC);
		sql = sqlite3_step(st) == SQLITE_ROW ?
		    (const char *)sqlite3_column_text(st, 0) : NULL;
		if (sql == NULL || strcmp(sql, t->sql) != 0)
			code = found(v, 0, "the events are good, but trigger "
			    "%s, which keeps them so, is missing or changed",
			    t->name);
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	return code;
}

static enum verify_code
check_integrity(struct verify *v)
{
	enum verify_code code = VERIFY_OK;
	const char *text;
	sqlite3_stmt *st;
	int rc;

	if (sqlite3_prepare_v2(v->db, "PRAGMA integrity_check(1)", -1, &st,
	    NULL) != SQLITE_OK)
		return cannot(v);
	if ((rc = sqlite3_step(st)) != SQLITE_ROW)
		code = stopped(v, rc);
	else {
		text = (const char *)sqlite3_column_text(st, 0);
		if (text == NULL || strcmp(text, "ok") != 0)
			code = found(v, 0, "the events are good, but the file "
			    "is damaged elsewhere: %s",
			    text == NULL ? "?" : text);
	}
	sqlite3_finalize(st);
	return code;
}

static enum verify_code
check_version(struct verify *v)
{
	sqlite3_stmt *st;
	int id = 0, version = 0, rc;

	rc = sqlite3_prepare_v2(v->db, "SELECT application_id, user_version "
	    "FROM pragma_application_id, pragma_user_version", -1, &st, NULL);
	if (rc != SQLITE_OK)
		return (rc & 0xff) == SQLITE_CORRUPT ? stopped(v, rc) :
		    cannot(v);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		id = sqlite3_column_int(st, 0);
		version = sqlite3_column_int(st, 1);
	}
	sqlite3_finalize(st);
	if (rc != SQLITE_ROW)
		return stopped(v, rc);
	if (id == SCHEMA_APPLICATION && version == SCHEMA_VERSION)
		return VERIFY_OK;
	snprintf(v->res->problem, sizeof(v->res->problem),
	    "this is no store, or one of another version");
	return VERIFY_CANNOT;
}

enum verify_code
verify_store(const char *path, struct verify_result *res)
{
	static enum verify_code (*const checks[])(struct verify *) = {
		check_version, check_chain, check_head, check_triggers,
		check_integrity
	};
	struct verify v = { .res = res };
	enum verify_code code = VERIFY_OK;
	size_t i;

	memset(res, 0, sizeof(*res));
	if (sqlite3_open_v2(path, &v.db, SQLITE_OPEN_READONLY, NULL) !=
	    SQLITE_OK || sqlite3_busy_timeout(v.db, 5000) != SQLITE_OK ||
	    /* One snapshot for all that follows. */
	    sqlite3_exec(v.db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
		code = cannot(&v);
		sqlite3_close(v.db);
		return code;
	}
	v.sha = sha256_new();
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]) &&
	    code == VERIFY_OK; i++)
		code = checks[i](&v);
	sha256_free(&v.sha);
	sqlite3_close(v.db);
	return code;
}
