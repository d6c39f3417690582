/*
 * The store's promises and its views.  What verify finds when somebody broke
 * them is in test_tamper.c.
 */
#include "verify.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "event_kinds.h"
#include "fixture.h"

static struct fixture	 fx;

/* Ten events, and the store closed, so that all is in one file. */
static void
setup(void)
{
	struct event_session_open open = {
		.session = slice_str("s1"),
		.subject = slice_str("agent"),
		.profile = slice_str("bot"),
		.database = slice_str("shop"),
		.peer = slice_str("127.0.0.1")
	};
	struct event_prepare p = {
		.stmt = 1, .action = slice_str("allow"),
		.rule = slice_str("reads"), .kind = slice_str("select"),
		.text = slice_str("SELECT $1")
	};
	struct event_prepare refused = {
		.stmt = 2, .action = slice_str("deny"),
		.sqlstate = slice_str("42501"), .text = slice_str("DROP x")
	};
	struct event_intent run = {
		.stmt = 3, .prepared = 1, .form = slice_str("execute"),
		.action = slice_str("allow")
	};
	struct event_outcome done = {
		.stmt = 3, .status = slice_str("ok"),
		.tag = slice_str("SELECT 7"), .rows = 7, .bytes = 70,
		.duration_us = 5
	};
	struct event_intent lost = {
		.stmt = 4, .form = slice_str("query"),
		.action = slice_str("mask"), .text = slice_str("SELECT 2"),
		.sent = slice_str("SELECT 2 -- sent"),
		.masked = slice_str("customers.email"),
		.touched = slice_str("read public.customers(email); more"),
		.params = slice_str("[\"7\"]")
	};
	struct event_end end = { .reason = slice_str("client") };
	struct event_session_close close = {
		.session = slice_str("s1"), .reason = slice_str("client")
	};
	struct slice s1 = slice_str("s1");
	uint64_t i;

	fixture_up(&fx);
#define PUT(kind, m, n) ck_assert_int_eq(store_event(fx.store,		\
	event_desc(EVENT_##kind), &m, s1, 1700000000000000 + n, n), 0)
	PUT(session_open, open, 1);
	PUT(prepare, p, 1);
	PUT(prepare, refused, 2);
	PUT(intent, run, 3);
	PUT(outcome, done, 4);
	PUT(intent, lost, 5);
	ck_assert_int_eq(store_commit(fx.store), 0);
	PUT(end, end, 6);
	PUT(session_close, close, 2);
	for (i = 0; i < 2; i++) {
		done.stmt = 90 + i;
		PUT(outcome, done, i);
	}
	ck_assert_int_eq(store_commit(fx.store), 0);
	store_close(&fx.store);
}

static void
teardown(void)
{
	fixture_down(&fx);
}

static void
expect(enum verify_code code, int64_t bad, const char *problem)
{
	struct verify_options none = { 0 };
	struct verify_result res;

	ck_assert_int_eq(verify_store(fx.db, &none, &res), code);
	ck_assert_str_eq(res.problem, problem);
	ck_assert_int_eq(res.bad, bad);
}

START_TEST(good)
{
	struct verify_options none = { 0 };
	struct verify_result res;

	ck_assert_int_eq(verify_store(fx.db, &none, &res), VERIFY_OK);
	ck_assert_int_eq(res.events, 11);
	ck_assert_int_eq(fixture_int(&fx, "SELECT value = (SELECT hash FROM "
	    "events WHERE id = 11) FROM meta WHERE key = 'head_hash'"), 1);
}
END_TEST

START_TEST(empty)
{
	fixture_down(&fx);
	fixture_up(&fx);
	store_close(&fx.store);
	expect(VERIFY_OK, 0, "");
}
END_TEST

START_TEST(no_store)
{
	char cmd[160];

	snprintf(cmd, sizeof(cmd), "rm %s/*.db", fx.path);
	fixture_exec(&fx, "PRAGMA user_version = 99");
	expect(VERIFY_CANNOT, 0, "this is a store of schema version 99; the "
	    "auditctl of that version reads it");
	ck_assert_int_eq(system(cmd), 0);
	expect(VERIFY_CANNOT, 0, "No such file or directory");
}
END_TEST

/* auditd's own connection appends; every other may not even that. */
START_TEST(append_only)
{
	static const char *const sql[] = {
		"UPDATE events SET body = '{}' WHERE id = 3",
		"DELETE FROM events",
		("INSERT OR REPLACE INTO events SELECT 3, time, session, seq, "
		"stmt, kind, '{}', prev, hash FROM events WHERE id = 3"),
		"UPDATE events SET id = 99 WHERE id = 11",
		"UPDATE touched SET relation = 'x'",
		"DELETE FROM touched"
	};
	sqlite3 *db;
	size_t i;

	ck_assert_int_eq(sqlite3_open(fx.db, &db), SQLITE_OK);
	for (i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
		ck_assert_int_eq(sqlite3_exec(db, sql[i], NULL, NULL, NULL),
		    SQLITE_CONSTRAINT);
		ck_assert_ptr_nonnull(strstr(sqlite3_errmsg(db),
		    "audit events are"));
	}
	sqlite3_close(db);
	expect(VERIFY_OK, 0, "");
}
END_TEST

/* What follows the form becomes rows, up to what does not. */
START_TEST(touched)
{
	struct event_intent m = { .stmt = 95, .touched =
	    slice_str("write q.\"a\"\"b\"; read \xff; nonsense; read z") };

	ck_assert_str_eq(fixture_text(&fx, "SELECT group_concat(event || '|' "
	    "|| item || '|' || access || '|' || relation || '|' || columns, "
	    "';') FROM touched"), "7|1|read|public.customers|email;7|2|more||");
	fixture_reopen(&fx);
	ck_assert_int_eq(store_event(fx.store, event_desc(EVENT_intent), &m,
	    slice_str("s1"), 1700000000000000, 1), 0);
	ck_assert_int_eq(store_commit(fx.store), 0);
	store_close(&fx.store);
	ck_assert_str_eq(fixture_text(&fx, "SELECT group_concat(item || '|' "
	    "|| access || '|' || relation, ';') FROM touched WHERE event > 7"),
	    "1|write|q.\"a\"\"b\";2|read|\xef\xbf\xbd");
	expect(VERIFY_OK, 0, "");
}
END_TEST

START_TEST(views)
{
	ck_assert_str_eq(fixture_text(&fx, "SELECT group_concat(stmt || '|' "
	    "|| subject || '|' || profile || '|' || database || '|' || text "
	    "|| '|' || action || '|' || rule || '|' || kind || '|' || "
	    "coalesce(tag, '-') || '|' || coalesce(rows, '-') || '|' || "
	    "status || '|' || sqlstate || '|' || masked || '|' || started, "
	    "char(10)) FROM (SELECT * FROM statements ORDER BY id)"),
	    "2|agent|bot|shop|DROP x|deny|||-|-|denied|42501||"
	    "2023-11-14T22:13:20.000002Z\n"
	    "3|agent|bot|shop|SELECT $1|allow|reads|select|SELECT 7|7|ok|||"
	    "2023-11-14T22:13:20.000003Z\n"
	    "4|agent|bot|shop|SELECT 2|mask|||-|-|unknown||customers.email|"
	    "2023-11-14T22:13:20.000005Z");
	ck_assert_str_eq(fixture_text(&fx, "SELECT session || '|' || subject "
	    "|| '|' || opened || '|' || closed || '|' || reason || '|' || "
	    "statements || '|' || denied FROM sessions"),
	    "s1|agent|2023-11-14T22:13:20.000001Z|2023-11-14T22:13:20.000002Z|"
	    "client|2|1");
}
END_TEST

/* One session's statements are found without reading the others'. */
START_TEST(view_plan)
{
	static const char *const sql[] = {
		"EXPLAIN QUERY PLAN SELECT * FROM statements WHERE "
		"session = 's1'",
		"EXPLAIN QUERY PLAN SELECT * FROM sessions WHERE "
		"session = 's1'"
	};
	sqlite3_stmt *st;
	sqlite3 *db;
	size_t i;
	int rows;

	ck_assert_int_eq(sqlite3_open(fx.db, &db), SQLITE_OK);
	for (i = 0; i < 2; i++) {
		rows = 0;
		ck_assert_int_eq(sqlite3_prepare_v2(db, sql[i], -1, &st,
		    NULL), SQLITE_OK);
		while (sqlite3_step(st) == SQLITE_ROW) {
			const char *s = (const char *)sqlite3_column_text(st,
			    3);

			ck_assert_msg(strncmp(s, "SCAN", 4) != 0, "%s", s);
			rows++;
		}
		ck_assert_int_gt(rows, 2);
		sqlite3_finalize(st);
	}
	sqlite3_close(db);
}
END_TEST

int
main(void)
{
	const TTest *tests[] = { good, empty, no_store, append_only,
	    touched, views, view_plan };
	Suite *s = suite_create("verify");
	TCase *t = tcase_create("verify");
	SRunner *r;
	size_t i;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
