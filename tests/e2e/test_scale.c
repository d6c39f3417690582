/*
 * Many sessions, large answers, clients that do not read, and ends in the
 * middle of an answer: memory stays flat, and nothing is left behind.
 */
#include "e2e.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

#define MANY	200

/* How much an answer is; less where a sanitizer makes every byte dear. */
static int
megabytes(void)
{
	return getenv("POSTERN_SLOW") != NULL ? 128 : 1024;
}

static void
many_sessions(bool shared)
{
	static PGconn *c[MANY];
	char *token = e2e_token(shared ? "many-shared" : "many-session",
	    "ai-agents"), *v;
	int i, round;

	for (i = 0; i < MANY; i++) {
		c[i] = e2e_try("nightly-bot", token, shared);
		ck_assert_msg(PQstatus(c[i]) == CONNECTION_OK, "%d: %s", i,
		    PQerrorMessage(c[i]));
	}
	for (round = 0; round < 3; round++) {
		for (i = 0; i < MANY; i++)
			ck_assert_int_eq(PQsendQuery(c[i], "SELECT email FROM "
			    "customers WHERE id = 4711"), 1);
		for (i = 0; i < MANY; i++) {
			PGresult *r = PQgetResult(c[i]);

			ck_assert_msg(PQresultStatus(r) == PGRES_TUPLES_OK,
			    "%d: %s", i, PQresultErrorMessage(r));
			PQclear(r);
			while ((r = PQgetResult(c[i])) != NULL)
				PQclear(r);
		}
	}
	v = e2e_value(c[0], "SELECT 1");
	free(v);
	for (i = 0; i < MANY; i++)
		PQfinish(c[i]);
	ck_assert(E2E_UNTIL(20000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = '%s' AND closed IS NOT NULL", shared ?
	    "many-shared" : "many-session") == MANY));
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = '%s' AND status = 'ok' AND rows = 1", shared ?
	    "many-shared" : "many-session"), 3 * MANY + 1);
	free(token);
}

START_TEST(many_in_session)
{
	many_sessions(false);
}
END_TEST

START_TEST(many_in_shared)
{
	many_sessions(true);
}
END_TEST

static void
big_answer(bool shared)
{
	PGconn *c = shared ? e2e_session_shared("dba", "big") :
	    e2e_session("dba", "big");
	pid_t worker = e2e_worker_of(c);
	long before, now, most = 0;
	char sql[128];
	PGresult *r;
	long long bytes = 0, want = (long long)megabytes() * 1000000;
	int n = 0;

	ck_assert_int_gt(worker, 0);
	snprintf(sql, sizeof sql, "SELECT repeat('x', 1000000) FROM "
	    "generate_series(1, %d)", megabytes());
	/* Once small, so that what is needed anyway is there. */
	free(e2e_value(c, "SELECT repeat('x', 1000000)"));
	before = e2e_private_kb(worker);
	ck_assert_int_eq(PQsendQuery(c, sql), 1);
	ck_assert_int_eq(PQsetSingleRowMode(c), 1);
	while ((r = PQgetResult(c)) != NULL) {
		if (PQresultStatus(r) == PGRES_SINGLE_TUPLE)
			bytes += PQgetlength(r, 0, 0);
		else
			ck_assert_msg(PQresultStatus(r) == PGRES_TUPLES_OK,
			    "%s", PQresultErrorMessage(r));
		PQclear(r);
		if (n++ % 64 == 0 && (now = e2e_private_kb(worker)) > most)
			most = now;
	}
	ck_assert(bytes == want);
	ck_assert_msg(most - before < e2e_growth(1024), "%ld kB more",
	    most - before);
	PQfinish(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM statements "
	    "WHERE subject = 'big' AND rows = %d AND bytes > %lld",
	    megabytes(), want) >= 1));
}

START_TEST(big_answer_session)
{
	big_answer(false);
}
END_TEST

START_TEST(big_answer_shared)
{
	big_answer(true);
}
END_TEST

static bool
backend_waits(PGconn *d, const char *marker)
{
	char sql[256], *v;
	bool yes;

	snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE "
	    "query LIKE '%%%s%%' AND wait_event = 'ClientWrite' AND pid <> "
	    "pg_backend_pid()", marker);
	v = e2e_value(d, sql);
	yes = strcmp(v, "1") == 0;
	free(v);
	return yes;
}

static bool
backend_gone(PGconn *d, const char *marker)
{
	char sql[256], *v;
	bool yes;

	snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE "
	    "query LIKE '%%%s%%' AND pid <> pg_backend_pid()", marker);
	v = e2e_value(d, sql);
	yes = strcmp(v, "0") == 0;
	free(v);
	return yes;
}

static int
open_files(pid_t pid)
{
	char path[64];
	DIR *d;
	int n = 0;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	d = opendir(path);
	if (d == NULL)
		return -1;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* The client asks for much and never reads: the backend waits, and the
 * gateway holds no more than its buffers.  Then it vanishes. */
static void
never_reads(bool shared)
{
	const char *sub = shared ? "deaf-shared" : "deaf-session";
	PGconn *d = e2e_direct();
	PGconn *probe = e2e_session_shared("dba", "deaf-probe");
	pid_t worker = shared ? e2e_worker_of(probe) : 0;
	char sql[160];
	struct raw *r;
	long before, after;
	int files;

	free(e2e_value(probe, "SELECT 1"));
	before = worker > 0 ? e2e_private_kb(worker) : 0;
	files = worker > 0 ? open_files(worker) : 0;
	r = raw_session("dba", sub, shared);
	snprintf(sql, sizeof sql, "SELECT repeat('y', 100000), '%s' FROM "
	    "generate_series(1, 10000)", sub);
	raw_query(r, sql);
	ck_assert_msg(E2E_UNTIL(10000, backend_waits(d, sub)),
	    "the backend does not wait");
	e2e_pause(500);
	ck_assert(backend_waits(d, sub));
	if (worker > 0) {
		after = e2e_private_kb(worker);
		ck_assert_msg(after - before < e2e_growth(2048), "%ld kB more",
		    after - before);
	}
	/* Others in the same worker are served meanwhile. */
	free(e2e_value(probe, "SELECT 2"));
	raw_vanish(&r);
	ck_assert_msg(E2E_UNTIL(10000, backend_gone(d, sub)),
	    "the backend is still there");
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = '%s' AND closed IS NOT NULL", sub) == 1));
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = '%s' AND status = 'lost'", sub), 1);
	if (worker > 0)
		ck_assert_msg(E2E_UNTIL(5000, open_files(worker) <= files),
		    "%d descriptors, %d before", open_files(worker), files);
	PQfinish(probe);
	PQfinish(d);
}

START_TEST(never_reads_session)
{
	never_reads(false);
}
END_TEST

START_TEST(never_reads_shared)
{
	never_reads(true);
}
END_TEST

/* A client that sends much and never lets the server finish. */
START_TEST(server_does_not_read)
{
	PGconn *c = e2e_session("dba", "slow-server");
	pid_t worker = e2e_worker_of(c);
	PGconn *d = e2e_direct();
	const int size = 50000;
	char *chunk = malloc((size_t)size), *v;
	PGresult *r;
	long before, most = 0, now;
	int i, backend = PQbackendPID(c);

	ck_assert_ptr_nonnull(chunk);
	memset(chunk, 'z', (size_t)size - 1);
	chunk[size - 1] = '\n';
	free(e2e_value(c, "CREATE TEMP TABLE s (a text)"));
	r = PQexec(c, "COPY s FROM STDIN");
	ck_assert_int_eq(PQresultStatus(r), PGRES_COPY_IN);
	PQclear(r);
	before = e2e_private_kb(worker);
	ck_assert_int_eq(kill(backend, SIGSTOP), 0);
	ck_assert_int_eq(PQsetnonblocking(c, 1), 0);
	for (i = 0; i < 800; i++) {
		PQputCopyData(c, chunk, size);
		if (i % 10 == 0 && (now = e2e_private_kb(worker)) > most)
			most = now;
	}
	e2e_pause(500);
	if ((now = e2e_private_kb(worker)) > most)
		most = now;
	kill(backend, SIGCONT);
	ck_assert_msg(most - before < e2e_growth(2048), "%ld kB more",
	    most - before);
	ck_assert(E2E_UNTIL(20000, PQflush(c) == 0));
	ck_assert_int_eq(PQsetnonblocking(c, 0), 0);
	ck_assert_int_eq(PQputCopyEnd(c, NULL), 1);
	r = PQgetResult(c);
	ck_assert_str_eq(PQcmdStatus(r), "COPY 800");
	PQclear(r);
	while ((r = PQgetResult(c)) != NULL)
		PQclear(r);
	v = e2e_value(c, "SELECT count(*) FROM s");
	free(v);
	free(chunk);
	PQfinish(c);
	PQfinish(d);
}
END_TEST

/* A client that is gone in the middle of what it sends. */
START_TEST(copy_in_vanishes)
{
	struct raw *r = raw_session("dba", "copy-gone", false);
	PGconn *d = e2e_direct();
	char *v;
	int i;

	raw_query(r, "CREATE TEMP TABLE copygone (a text)");
	ck_assert(raw_until(r, 'Z', 5000));
	raw_query(r, "COPY copygone FROM STDIN");
	ck_assert(raw_until(r, 'G', 5000));
	for (i = 0; i < 1000; i++)
		raw_msg(r, 'd', "some line of text\n", 18);
	raw_vanish(&r);
	ck_assert_msg(E2E_UNTIL(10000, ({
		v = e2e_value(d, "SELECT count(*) FROM pg_stat_activity "
		    "WHERE query LIKE 'COPY copygone%'");
		bool none = strcmp(v, "0") == 0;

		free(v);
		none;
	})), "the backend is still there");
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM statements "
	    "WHERE subject = 'copy-gone' AND text LIKE 'COPY%%' AND status = "
	    "'lost'") == 1));
	PQfinish(d);
}
END_TEST

START_TEST(backend_vanishes)
{
	PGconn *c = e2e_session("dba", "backend-gone");
	PGconn *witness = e2e_session("dba", "backend-witness");
	PGconn *d = e2e_direct();
	pid_t worker = e2e_worker_of(c);
	char sql[128];
	PGresult *r;
	int rows = 0;

	ck_assert_int_eq(PQsendQuery(c, "SELECT repeat('w', 10000) FROM "
	    "generate_series(1, 200000)"), 1);
	ck_assert_int_eq(PQsetSingleRowMode(c), 1);
	while (rows < 100 && (r = PQgetResult(c)) != NULL) {
		ck_assert_int_eq(PQresultStatus(r), PGRES_SINGLE_TUPLE);
		PQclear(r);
		rows++;
	}
	snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)",
	    PQbackendPID(c));
	free(e2e_value(d, sql));
	while ((r = PQgetResult(c)) != NULL) {
		if (PQresultStatus(r) == PGRES_FATAL_ERROR &&
		    PQresultErrorField(r, PG_DIAG_SQLSTATE) != NULL)
			ck_assert_str_eq(e2e_sqlstate(r), "57P01");
		PQclear(r);
	}
	ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
	PQfinish(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = 'backend-gone' AND closed IS NOT NULL") == 1));
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = 'backend-gone' AND status IN ('lost', 'error')"), 1);
	ck_assert_msg(E2E_UNTIL(5000, !e2e_alive(worker)), "the worker stays");
	free(e2e_value(witness, "SELECT 1"));
	PQfinish(witness);
	PQfinish(d);
}
END_TEST

/* The server itself dies and comes back. */
START_TEST(server_restarts)
{
	PGconn *c = e2e_session("dba", "server-gone");
	char *token = e2e_token("server-back", "dba");
	PGconn *again;
	PGresult *r;

	free(e2e_value(c, "SELECT 1"));
	free(e2e_stack("stop --dir %s postgres", e2e_env("STACK_DIR")));
	r = PQexec(c, "SELECT 1");
	ck_assert_int_eq(PQresultStatus(r), PGRES_FATAL_ERROR);
	PQclear(r);
	ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
	PQfinish(c);
	/* No database: a clean refusal, not a hang. */
	again = e2e_try("dba", token, false);
	ck_assert_int_eq(PQstatus(again), CONNECTION_BAD);
	PQfinish(again);
	free(e2e_stack("start --dir %s postgres", e2e_env("STACK_DIR")));
	ck_assert(E2E_UNTIL(15000, ({
		again = e2e_try("dba", token, false);
		bool in = PQstatus(again) == CONNECTION_OK;

		PQfinish(again);
		in;
	})));
	free(token);
}
END_TEST

/* What is left when all have gone: no session, no backend, no spool. */
START_TEST(nothing_is_left)
{
	PGconn *d = e2e_direct();
	char *v;

	ck_assert(E2E_UNTIL(10000, ({
		v = e2e_value(d, "SELECT count(*) FROM pg_stat_activity WHERE "
		    "usename LIKE 'app\\_%'");
		bool none = strcmp(v, "0") == 0;

		free(v);
		none;
	})));
	ck_assert_msg(E2E_UNTIL(10000, e2e_sh("[ $(ls %s | grep -c '[.]spool$')"
	    " -le 1 ]", e2e_env("SPOOL_DIR")) == 0), "spools are left");
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM sessions WHERE "
	    "closed IS NULL"), 0);
	PQfinish(d);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("scale");
	TCase *tc = tcase_create("scale");

	tcase_set_timeout(tc, 180);
	tcase_add_test(tc, many_in_session);
	tcase_add_test(tc, many_in_shared);
	tcase_add_test(tc, big_answer_session);
	tcase_add_test(tc, big_answer_shared);
	tcase_add_test(tc, never_reads_session);
	tcase_add_test(tc, never_reads_shared);
	tcase_add_test(tc, server_does_not_read);
	tcase_add_test(tc, copy_in_vanishes);
	tcase_add_test(tc, backend_vanishes);
	tcase_add_test(tc, nothing_is_left);
	tcase_add_test(tc, server_restarts);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
