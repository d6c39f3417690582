/*
 * From one segment of the store to the next.  Runs in auditd.  The steps, each
 * of which may be the last one before a crash:
 *
 *	1. the last events (seal, checkpoint) and meta.sealed, one transaction
 *	2. the next segment under another name: schema, the spools' positions,
 *	   its first event, which continues the chain; on disk
 *	3. its name
 *	4. the store's link to it
 *	5. the old segment's WAL is folded in, and its file made read-only
 *
 * After 1 nothing is appended to the old segment, so its positions stand for
 * what the new one begins with, and 2 to 5 can be done again by the next start:
 * a half-made file of step 2 is thrown away, what has a name is whole.
 */
#include "store_impl.h"

#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ev.h"
#include "event_kinds.h"
#include "seal.h"
#include "segments.h"

void	(*seal_step)(int);

static void
step(int n)
{
	if (seal_step != NULL)
		seal_step(n);
}

/* --- step 5 ------------------------------------------------------------- */

/*
 * Best effort: a reader may hold it, and then the next start does it.  Without
 * a WAL a segment can be copied, and read where nothing can be written.
 */
static void
tidy(sqlite3 *db, const char *path)
{
	sqlite3_stmt *st;
	bool done = false;

	if (sqlite3_prepare_v2(db, "PRAGMA journal_mode = DELETE", -1, &st,
	    NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		done = strcmp((const char *)sqlite3_column_text(st, 0),
		    "delete") == 0;
	sqlite3_finalize(st);
	if (done)
		chmod(path, 0400);
}

/* A segment that a crash left with its WAL. */
static void
tidy_file(const char *path)
{
	struct stat st;
	sqlite3 *db;

	if (stat(path, &st) == -1 || (st.st_mode & S_IWUSR) == 0)
		return;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) ==
	    SQLITE_OK)
		tidy(db, path);
	sqlite3_close(db);
}

/* --- step 2 ------------------------------------------------------------- */

/* The working state of the segment before, as it was when it was sealed. */
static int
copy_state(struct store *n, const char *old)
{
	sqlite3_stmt *st;
	int rc;

	if (sqlite3_prepare_v2(n->db, "ATTACH ? AS old", -1, &st, NULL) !=
	    SQLITE_OK)
		return store_failed(n, "ATTACH");
	sqlite3_bind_text(st, 1, old, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	sqlite3_finalize(st);
	if (rc != SQLITE_DONE)
		return store_failed(n, "ATTACH");
	return store_exec(n, "INSERT INTO spools SELECT * FROM old.spools;"
	    "INSERT INTO partial SELECT * FROM old.partial", "state");
}

static int
fill(struct store *n, const char *old, int64_t previous)
{
	struct event_segment m = {
		.store = slice_str(n->id_text),
		.from = (uint64_t)n->from,
		.previous = (uint64_t)previous
	};
	uint64_t now = now_wall_us();

	if (old != NULL && copy_state(n, old) == -1)
		return -1;
	if (store_begin(n) == -1 ||
	    store_meta_text(n, "store", n->id_text) == -1 ||
	    store_meta_int(n, "from", n->from) == -1 ||
	    store_meta_int(n, "since", (int64_t)now) == -1 ||
	    store_meta_int(n, "signed", n->signed_id) == -1 ||
	    store_meta_int(n, "due", n->due) == -1)
		return -1;
	if (store_event(n, event_desc(EVENT_segment), &m, slice_str(""), now,
	    0) == -1)
		return -1;
	return store_commit(n);
}

/* A whole segment in the file `tmp`, which is closed and on disk. */
static int
make_segment(struct store *s, const char *tmp, const char *old)
{
	struct store n = *s;
	int rc;

	n.db = NULL;
	memset(n.st, 0, sizeof(n.st));
	n.open = n.events = n.sealed = false;
	n.from = s->id + 1;
	unlink(tmp);
	rc = store_file_open(&n, tmp, true);
	if (rc == 0)
		rc = fill(&n, old, s->from);
	store_file_close(&n);
	/* Scratch may have moved; whatever else n learned is in its file. */
	s->body = n.body;
	s->touched = n.touched;
	if (rc == -1)
		memcpy(s->error, n.error, sizeof(s->error));
	return rc;
}

/* --- the steps ---------------------------------------------------------- */

/* Close the old segment and write the one that is there now. */
static int
change_over(struct store *s, const char *path, const char *old)
{
	struct store saved = *s;

	s->db = NULL;
	memset(s->st, 0, sizeof(s->st));
	if (store_file_open(s, path, false) == -1) {
		memcpy(saved.error, s->error, sizeof(saved.error));
		*s = saved;
		return -1;
	}
	if (saved.db == NULL)
		return 0;
	memcpy(&saved.error, s->error, sizeof(saved.error));
	step(5);
	tidy(saved.db, old);
	store_file_close(&saved);
	return 0;
}

/* A half-made one of an earlier try may be there, or a whole one. */
static int
next_path(struct store *s, const char *path, const char *old)
{
	char *tmp;
	int rc = -1;

	if (asprintf(&tmp, "%s.new", path) == -1)
		return store_failed_errno(s, "segment");
	if (access(path, F_OK) == 0)
		rc = 0;
	else if (make_segment(s, tmp, old) == 0) {
		step(3);
		if (rename(tmp, path) == 0 && segment_sync_dir(path) == 0)
			rc = 0;
		else
			store_failed_errno(s, "segment");
	}
	free(tmp);
	return rc;
}

int
store_next(struct store *s)
{
	char *path = segment_path(s->path, s->id + 1);
	char *old = s->db == NULL ? NULL : segment_path(s->path, s->from);
	int rc = -1;

	step(2);
	if (path == NULL || (old == NULL && s->db != NULL))
		store_failed_errno(s, "segment");
	else if (next_path(s, path, old) == 0) {
		step(4);
		if (segment_link(s->path, s->id + 1) == -1)
			store_failed_errno(s, "link");
		else
			rc = change_over(s, path, old);
	}
	free(path);
	free(old);
	return rc;
}

int
store_seal(struct store *s, const char *reason)
{
	struct event_seal m = {
		.reason = slice_str(reason),
		.from = (uint64_t)s->from
	};

	if (store_commit(s) == -1)
		return -1;
	step(1);
	/* In `normal` too: the next segment will be on disk, and needs this. */
	if (store_exec(s, "PRAGMA synchronous = FULL", "synchronous") == -1 ||
	    store_event(s, event_desc(EVENT_seal), &m, slice_str(""),
	    now_wall_us(), 0) == -1 ||
	    store_checkpoint(s, "seal") == -1 ||
	    store_meta_int(s, "sealed", 1) == -1 ||
	    store_commit(s) == -1)
		return -1;
	s->sealed = true;
	return store_next(s);
}

/* --- opening ------------------------------------------------------------ */

static int
refuse(struct store *s, const char *why)
{
	snprintf(s->error, sizeof(s->error), "%s", why);
	return -1;
}

/* The name is a file: of an earlier version, or somebody put it there. */
static int
find_file(struct store *s)
{
	if (store_file_open(s, s->path, false) == -1)
		return -1;
	snprintf(s->error, sizeof(s->error), "is a file, and should be a link "
	    "to the last segment: rename it to end in -%" PRId64 ".db and "
	    "start again", s->from);
	return -1;
}

static int
find_last(struct store *s, const struct segments *all)
{
	const struct segment *last = &all->v[all->n - 1];

	if (store_file_open(s, last->path, false) == -1)
		return -1;
	if (s->from != last->from)
		return refuse(s, "has a last segment whose name is not the "
		    "number of its first event");
	if (all->n > 1)
		tidy_file(all->v[all->n - 2].path);
	if (all->link != last->from &&
	    segment_link(s->path, last->from) == -1)
		return store_failed_errno(s, "link");
	return 0;
}

int
store_find(struct store *s)
{
	struct segments all;
	uint8_t id[STORE_ID_LEN / 2];
	int rc;

	if (segments_find(s->path, &all) == -1)
		return store_failed_errno(s, "cannot look for its segments");
	if (all.alone)
		rc = find_file(s);
	else if (all.link == -1)
		rc = refuse(s, "is a link to something that is no segment");
	else if (all.link > 0 && (all.n == 0 ||
	    all.link > all.v[all.n - 1].from))
		rc = refuse(s, "is a link to a segment that is not there: "
		    "events are lost; put it back, or move the store elsewhere");
	else if (all.n > 0)
		rc = find_last(s, &all);
	else {
		random_bytes(id, sizeof(id));
		hex_encode(id, sizeof(id), s->id_text);
		rc = store_next(s);
	}
	segments_clear(&all);
	return rc;
}
