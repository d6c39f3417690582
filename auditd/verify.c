/*
 * Is the store what auditd wrote?  Run by auditctl verify on files that are not
 * trusted at all: somebody may have edited them with sqlite3 or a hex editor,
 * or arranged them.  Every event is read in order and hashed again; segments
 * must follow each other like events; what SQLite's own indexes and the schema
 * say is checked last.  Stops at the first thing that is wrong and says what it
 * is.
 */
#include "verify_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recfile.h"
#include "segments.h"

#define COLUMNS	"SELECT id, time, session, seq, stmt, kind, body, prev, hash " \
		"FROM events NOT INDEXED "
#define PROGRESS	16384	/* events between two looks */

enum verify_code
verify_found(struct verify *v, int64_t bad, const char *fmt, ...)
{
	va_list ap;

	v->res->bad = bad;
	va_start(ap, fmt);
	vsnprintf(v->res->problem, sizeof(v->res->problem), fmt, ap);
	va_end(ap);
	return VERIFY_BAD;
}

enum verify_code
verify_cannot(struct verify *v)
{
	snprintf(v->res->problem, sizeof(v->res->problem), "%s",
	    sqlite3_errmsg(v->db));
	return VERIFY_CANNOT;
}

enum verify_code
verify_stopped(struct verify *v, int rc)
{
	if ((rc & 0xff) != SQLITE_CORRUPT && (rc & 0xff) != SQLITE_NOTADB &&
	    (rc & 0xff) != SQLITE_ERROR)
		return verify_cannot(v);
	return verify_found(v, v->res->events + 1, "event %" PRId64
	    " cannot be read: the file is damaged", v->res->events + 1);
}

/* --- events ------------------------------------------------------------- */

/* A text or blob of the row; false when it is of another type.  The type comes
 * first: reading a value may convert it. */
static bool
column(sqlite3_stmt *st, int i, int type, const void **p, size_t *len)
{
	bool same = sqlite3_column_type(st, i) == type;

	*p = sqlite3_column_blob(st, i);
	*len = (size_t)sqlite3_column_bytes(st, i);
	if (*p == NULL)
		*p = "";
	return same;
}

static bool
integer(sqlite3_stmt *st, int i, int64_t *n)
{
	bool same = sqlite3_column_type(st, i) == SQLITE_INTEGER;

	*n = sqlite3_column_int64(st, i);
	return same;
}

static void
get_row(sqlite3_stmt *st, struct row *r)
{
	const void *prev, *hash;
	size_t prev_len, hash_len;
	bool whole;

	r->e.id = sqlite3_column_int64(st, 0);
	whole = integer(st, 1, &r->e.time);
	whole &= column(st, 2, SQLITE_TEXT, &r->e.session, &r->e.session_len);
	whole &= integer(st, 3, &r->e.seq);
	whole &= integer(st, 4, &r->e.stmt);
	whole &= column(st, 5, SQLITE_TEXT, &r->e.kind, &r->e.kind_len);
	whole &= column(st, 6, SQLITE_TEXT, &r->e.body, &r->e.body_len);
	whole &= column(st, 7, SQLITE_BLOB, &prev, &prev_len) &&
	    prev_len == SHA256_LEN;
	whole &= column(st, 8, SQLITE_BLOB, &hash, &hash_len) &&
	    hash_len == SHA256_LEN;
	r->e.prev = prev;
	r->hash = hash;
	/* Longer names have no hash (chain.h), and so no place. */
	r->whole = whole && r->e.session_len <= CHAIN_NAMES_MAX &&
	    r->e.kind_len <= CHAIN_NAMES_MAX - r->e.session_len;
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
		return verify_cannot(v);
	while (other == 0 && sqlite3_step(st) == SQLITE_ROW) {
		get_row(st, &r);
		if (r.e.id != id && r.whole &&
		    (fits(v, &r, id, v->res->head, r.hash) ||
		    fits(v, &r, id, v->res->head, hash)))
			other = r.e.id;
	}
	sqlite3_finalize(st);
	if (other != 0)
		return verify_found(v, id, "event %" PRId64 " is swapped "
		    "with event %" PRId64, id, other);
	return verify_found(v, id, "event %" PRId64 " is altered", id);
}

static enum verify_code
check_place(struct verify *v, const struct row *r, int64_t next)
{
	if (r->e.id < next)
		return verify_found(v, r->e.id, "event %" PRId64
		    " is out of order", r->e.id);
	if (r->e.id == next + 1)
		return verify_found(v, next, "event %" PRId64 " is missing",
		    next);
	if (r->e.id > next)
		return verify_found(v, next, "events %" PRId64 " to %" PRId64
		    " are missing", next, r->e.id - 1);
	return VERIFY_OK;
}

/* The first event of a segment says which store it is, and which segment. */
static enum verify_code
check_segment(struct verify *v, const struct row *r)
{
	int64_t id = r->e.id;

	if (r->e.kind_len != strlen("segment") ||
	    memcmp(r->e.kind, "segment", r->e.kind_len) != 0)
		return verify_found(v, id, "event %" PRId64 " begins a file "
		    "and no segment", id);
	if (v->id[0] == '\0')
		snprintf(v->id, sizeof(v->id), "%.*s", STORE_ID_LEN,
		    verify_body(v, r, "$.store"));
	if (strcmp(v->id, verify_body(v, r, "$.store")) != 0 ||
	    strcmp(v->id, v->store) != 0 || v->from != id)
		return verify_found(v, id, "event %" PRId64 " begins a "
		    "segment of another store", id);
	return VERIFY_OK;
}

static enum verify_code
check_row(struct verify *v, sqlite3_stmt *st, bool first)
{
	int64_t next = v->res->events + 1;
	uint8_t hash[SHA256_LEN] = { 0 };
	enum verify_code code;
	struct row r;

	get_row(st, &r);
	if ((code = check_place(v, &r, next)) != VERIFY_OK)
		return code;
	if (r.whole)
		memcpy(hash, r.hash, SHA256_LEN);
	if (!r.whole || !fits(v, &r, next, r.e.prev, r.hash))
		return altered(v, next, hash);
	/* What a lone segment follows is not here to be compared. */
	if ((!v->alone || !first) &&
	    memcmp(r.e.prev, v->res->head, SHA256_LEN) != 0)
		return verify_found(v, next, "event %" PRId64 " does not "
		    "follow the one before it: one of the two is altered",
		    next);
	if (first && (code = check_segment(v, &r)) != VERIFY_OK)
		return code;
	if ((code = verify_sign_row(v, &r)) != VERIFY_OK ||
	    (code = verify_touched_row(v, &r)) != VERIFY_OK)
		return code;
	verify_rec_row(v, &r);
	memcpy(v->res->head, hash, SHA256_LEN);
	v->res->events = next;
	return VERIFY_OK;
}

static enum verify_code
check_chain(struct verify *v)
{
	enum verify_code code = VERIFY_OK;
	sqlite3_stmt *st;
	bool first = true;
	int rc = SQLITE_DONE;

	if ((rc = sqlite3_prepare_v2(v->db, COLUMNS "ORDER BY id", -1, &st,
	    NULL)) != SQLITE_OK)
		return verify_stopped(v, rc);
	code = verify_touched_begin(v);
	while (code == VERIFY_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		code = check_row(v, st, first);
		first = false;
		if (code == VERIFY_OK && v->opts->progress != NULL &&
		    v->res->events % PROGRESS == 0 &&
		    v->opts->progress(v->res->events, v->last)) {
			snprintf(v->res->problem, sizeof(v->res->problem),
			    "interrupted; events %" PRId64 " to %" PRId64
			    " are good", v->res->first, v->res->events);
			code = VERIFY_CANNOT;
		}
	}
	if (code == VERIFY_OK && rc != SQLITE_DONE)
		code = verify_stopped(v, rc);
	sqlite3_finalize(st);
	return verify_touched_end(v, code);
}

/* --- segments ----------------------------------------------------------- */

static enum verify_code
check_file(struct verify *v, const struct segment *s)
{
	enum verify_code code = verify_file_open(v, s->path);
	int64_t next = v->res->events + 1;

	if (code == VERIFY_OK && s->from != 0 && v->from != s->from)
		code = verify_found(v, s->from, "segment %" PRId64 " is not "
		    "what its name says: it begins with event %" PRId64,
		    s->from, v->from);
	if (code == VERIFY_OK && v->from > next)
		code = verify_found(v, next, next == v->from - 1 ?
		    "event %" PRId64 " is missing" : "events %" PRId64 " to %"
		    PRId64 " are missing", next, v->from - 1);
	if (code == VERIFY_OK && (code = check_chain(v)) == VERIFY_OK)
		code = verify_file_rest(v);
	if (code == VERIFY_OK)
		v->res->segments++;
	verify_file_close(v);
	return code;
}

/* The store's name and its files agree, and there is something after a seal. */
static enum verify_code
check_list(struct verify *v, const struct segments *all)
{
	int64_t last = v->res->events;

	if (!all->alone && all->link != all->v[all->n - 1].from) {
		if (all->link > all->v[all->n - 1].from)
			return verify_found(v, last + 1, "events from %" PRId64
			    " on are missing: the store is a link to a "
			    "segment that is not there", last + 1);
		return verify_found(v, 0, "the events are good, but the store "
		    "is not a link to its last segment");
	}
	if (v->sealed && !v->alone)
		return verify_found(v, last + 1, "events from %" PRId64 " on "
		    "are missing: the last segment is sealed, and none "
		    "follows", last + 1);
	return verify_sign_end(v);
}

/* A segment named by itself begins where its name says; a store, with 1. */
static void
begin(struct verify *v, const struct segments *all)
{
	v->alone = all->alone && all->v[0].from > 0;
	v->res->first = v->alone ? all->v[0].from : 1;
	v->res->events = v->res->first - 1;
}

static enum verify_code
walk(struct verify *v, const char *path)
{
	enum verify_code code = VERIFY_OK;
	struct segments all;
	size_t done = 0;
	bool again;

	do {
		if (segments_find(path, &all) == -1 || all.n == 0) {
			snprintf(v->res->problem, sizeof(v->res->problem),
			    "%s", strerror(errno == 0 ? ENOENT : errno));
			return VERIFY_CANNOT;
		}
		if (done == 0)
			begin(v, &all);
		/* If it was sealed while we read, there is one more by now. */
		again = done < all.n;
		for (; code == VERIFY_OK && done < all.n; done++)
			code = check_file(v, &all.v[done]);
		again = again && code == VERIFY_OK && v->sealed && !all.alone;
		if (code == VERIFY_OK && !again)
			code = check_list(v, &all);
		if (code == VERIFY_OK && !again)
			code = verify_rec_end(v);
		segments_clear(&all);
	} while (again);
	return code;
}

enum verify_code
verify_store(const char *path, const struct verify_options *opts,
    struct verify_result *res)
{
	struct verify v = { .opts = opts, .res = res, .rec_fd = -1 };
	enum verify_code code;

	memset(res, 0, sizeof(*res));
	errno = 0;
	v.sha = sha256_new();
	if (opts->anchors != NULL)
		anchors_sort(opts->anchors);
	if (!opts->no_recordings &&
	    (v.recordings = recdir_path(path)) == NULL)
		abort();
	code = walk(&v, path);
	verify_rec_clear(&v);
	sha256_free(&v.sha);
	return code;
}
