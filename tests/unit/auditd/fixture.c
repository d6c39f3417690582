/*
 * What the tests of auditd share: a directory, a store, a writer.
 */
#include "fixture.h"
#include "tests/unit/tmpname.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

void
fixture_open(struct fixture *f)
{
	char err[256];

	if (spooldir_open(&f->dir, f->spools, false, true, err,
	    sizeof(err)) == -1)
		ck_abort_msg("spooldir: %s", err);
	f->store = store_open(f->db, &f->opts, err, sizeof(err));
	if (f->store == NULL)
		ck_abort_msg("store: %s", err);
}

void
fixture_up(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->opts.every = 1000;
	TMPNAME(f->path, "test-auditd");
	ck_assert_ptr_nonnull(mkdtemp(f->path));
	snprintf(f->db, sizeof(f->db), "%s/audit.db", f->path);
	snprintf(f->spools, sizeof(f->spools), "%s/spool", f->path);
	fixture_open(f);
}

void
fixture_reopen(struct fixture *f)
{
	store_close(&f->store);
	spooldir_close(&f->dir);
	fixture_open(f);
}

void
fixture_down(struct fixture *f)
{
	char cmd[128];

	store_close(&f->store);
	spooldir_close(&f->dir);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", f->path);
	ck_assert_int_eq(system(cmd), 0);
}

struct spool *
fixture_writer(struct fixture *f, struct spoolfile *sf)
{
	struct spool *s;
	int fds[4];

	ck_assert_int_eq(spoolfile_fds(&f->dir, sf, fds), 0);
	s = spool_open(fds[0], fds[1], fds[2], fds[3]);
	ck_assert_ptr_nonnull(s);
	return s;
}

static void
query(struct fixture *f, const char *sql, int64_t *n, char *text, size_t size)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	int rc;

	ck_assert_int_eq(sqlite3_open(f->db, &db), SQLITE_OK);
	rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
	if (rc != SQLITE_OK)
		ck_abort_msg("%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_step(st) == SQLITE_ROW) {
		if (n != NULL)
			*n = sqlite3_column_int64(st, 0);
		if (text != NULL && sqlite3_column_text(st, 0) != NULL)
			snprintf(text, size, "%s",
			    (const char *)sqlite3_column_text(st, 0));
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
}

int64_t
fixture_int(struct fixture *f, const char *sql)
{
	int64_t n = -1;

	query(f, sql, &n, NULL, 0);
	return n;
}

const char *
fixture_text(struct fixture *f, const char *sql)
{
	static char text[4096];

	text[0] = '\0';
	query(f, sql, NULL, text, sizeof(text));
	return text;
}

void
fixture_exec(struct fixture *f, const char *sql)
{
	sqlite3 *db;
	char *err = NULL;

	ck_assert_int_eq(sqlite3_open(f->db, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &err) != SQLITE_OK)
		ck_abort_msg("%s: %s", sql, err);
	sqlite3_close(db);
}

void *
fixture_lock(struct fixture *f)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(f->db, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	return db;
}

void
fixture_unlock(void *lock)
{
	sqlite3_close(lock);
}

uint64_t
put_outcome(struct spool *s, uint64_t stmt)
{
	struct event_outcome m = {
		.stmt = stmt,
		.status = slice_str("ok"),
		.tag = slice_str("SELECT 1"),
		.rows = 1
	};

	return spool_append(s, EVENT_outcome, &m);
}

uint64_t
put_intent(struct spool *s, uint64_t stmt, size_t n)
{
	struct event_intent m = {
		.stmt = stmt,
		.form = slice_str("query"),
		.action = slice_str("allow"),
		.rule = slice_str("reads")
	};
	uint64_t pos;
	char *text;

	ck_assert_ptr_nonnull(text = malloc(n + 1));
	memset(text, 'x', n);
	m.text = slice_of(text, n);
	pos = spool_append(s, EVENT_intent, &m);
	free(text);
	return pos;
}
