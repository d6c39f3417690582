/*
 * The extended protocol, pipelines, COPY and cancel through the gateway, with
 * refusals where the client least expects them: what follows is what would
 * follow any error of a server.
 */
#include "e2e.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

static PGresult *
run_params(PGconn *c, const char *sql, const char *value)
{
	const char *values[] = { value };

	return PQexecParams(c, sql, 1, NULL, values, NULL, NULL, 0);
}

/* Of each execution its own: a statement is prepared once, a portal is bound
 * and executed in parts. */
START_TEST(parameters_recorded)
{
	static const char first[] = "from-first", second[] = "\0\xff";
	const char *a[] = { "ext-param-one", NULL }, *b[] = { first, second };
	const int lengths[] = { 0, 2 }, formats[] = { 0, 1 };
	PGconn *c = e2e_session("dba", "ext-params");
	PGresult *r;

	PQclear(PQprepare(c, "par", "SELECT $1::text, $2::bytea", 0, NULL));
	r = PQexecPrepared(c, "par", 2, a, NULL, NULL, 0);
	ck_assert_int_eq(PQresultStatus(r), PGRES_TUPLES_OK);
	PQclear(r);
	r = PQexecPrepared(c, "par", 2, b, lengths, formats, 0);
	ck_assert_int_eq(PQresultStatus(r), PGRES_TUPLES_OK);
	PQclear(r);
	free(e2e_value(c, "SELECT 'ext-no-params'"));
	PQfinish(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = 'ext-params' AND closed IS NOT NULL") == 1));
	/* In order, and none without parameters. */
	ck_assert_int_eq(e2e_audit_n("SELECT (SELECT group_concat(p, ' ') FROM "
	    "(SELECT json_extract(body, '$.params') AS p FROM events WHERE "
	    "kind = 'intent' AND session = (SELECT session FROM sessions WHERE "
	    "subject = 'ext-params') ORDER BY id)) = '[\"ext-param-one\",null] "
	    "[\"from-first\",{\"hex\":\"00ff\"}] '"), 1);
}
END_TEST

START_TEST(prepared)
{
	PGconn *c = e2e_session("nightly-bot", "ext-prepared");
	const char *values[] = { "4711" };
	PGresult *r;
	int i;

	r = PQprepare(c, "p1", "SELECT id, email FROM customers WHERE id = $1",
	    0, NULL);
	ck_assert_msg(PQresultStatus(r) == PGRES_COMMAND_OK, "%s",
	    PQresultErrorMessage(r));
	PQclear(r);
	for (i = 0; i < 20; i++) {
		r = PQexecPrepared(c, "p1", 1, values, NULL, NULL, i % 2);
		ck_assert_msg(PQresultStatus(r) == PGRES_TUPLES_OK, "%s",
		    PQresultErrorMessage(r));
		ck_assert_int_eq(PQntuples(r), 1);
		ck_assert_ptr_null(strstr(PQgetvalue(r, 0, 1), "4711@"));
		PQclear(r);
	}
	r = PQdescribePrepared(c, "p1");
	ck_assert_int_eq(PQresultStatus(r), PGRES_COMMAND_OK);
	ck_assert_int_eq(PQnparams(r), 1);
	ck_assert_int_eq(PQnfields(r), 2);
	PQclear(r);
	/* A refused Parse leaves nothing under its name, and nothing else. */
	r = PQprepare(c, "p2", "DROP TABLE orders", 0, NULL);
	ck_assert_str_eq(e2e_sqlstate(r), "42501");
	PQclear(r);
	r = PQexecPrepared(c, "p2", 0, NULL, NULL, NULL, 0);
	ck_assert_str_eq(e2e_sqlstate(r), "26000");
	PQclear(r);
	r = PQexecPrepared(c, "p1", 1, values, NULL, NULL, 0);
	ck_assert_int_eq(PQresultStatus(r), PGRES_TUPLES_OK);
	PQclear(r);
	r = run_params(c, "UPDATE orders SET status = 'sent' WHERE id = $1",
	    "11");
	ck_assert_msg(PQresultStatus(r) == PGRES_COMMAND_OK, "%s",
	    PQresultErrorMessage(r));
	PQclear(r);
	r = run_params(c, "DELETE FROM orders WHERE id = $1", "11");
	ck_assert_str_eq(e2e_sqlstate(r), "42501");
	PQclear(r);
	r = run_params(c, "SELECT id FROM customers WHERE email = $1", "x");
	ck_assert_str_eq(e2e_sqlstate(r), "42501");
	PQclear(r);
	PQfinish(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM statements "
	    "WHERE subject = 'ext-prepared' AND form = 'execute' AND status = "
	    "'ok' AND text LIKE 'SELECT id, email%%'") >= 21));
}
END_TEST

START_TEST(pipeline_with_refusal)
{
	PGconn *c = e2e_session("nightly-bot", "ext-pipe");
	PGresult *r;
	int got_ok = 0, got_denied = 0, got_aborted = 0, syncs = 0;
	char *v;

	ck_assert_int_eq(PQenterPipelineMode(c), 1);
	PQsendQueryParams(c, "UPDATE orders SET status = 'pipe' WHERE id = 21",
	    0, NULL, NULL, NULL, NULL, 0);
	PQsendQueryParams(c, "DROP TABLE orders", 0, NULL, NULL, NULL, NULL, 0);
	PQsendQueryParams(c, "UPDATE orders SET status = 'pipe' WHERE id = 22",
	    0, NULL, NULL, NULL, NULL, 0);
	ck_assert_int_eq(PQpipelineSync(c), 1);
	PQsendQueryParams(c, "SELECT 42", 0, NULL, NULL, NULL, NULL, 0);
	ck_assert_int_eq(PQpipelineSync(c), 1);
	while (syncs < 2) {
		r = PQgetResult(c);
		if (r == NULL)
			continue;
		switch (PQresultStatus(r)) {
		case PGRES_COMMAND_OK:
			got_ok++;
			break;
		case PGRES_TUPLES_OK:
			ck_assert_str_eq(PQgetvalue(r, 0, 0), "42");
			ck_assert_int_eq(syncs, 1);
			break;
		case PGRES_FATAL_ERROR:
			ck_assert_str_eq(e2e_sqlstate(r), "42501");
			got_denied++;
			break;
		case PGRES_PIPELINE_ABORTED:
			got_aborted++;
			break;
		case PGRES_PIPELINE_SYNC:
			syncs++;
			break;
		default:
			ck_abort_msg("%s", PQresultErrorMessage(r));
		}
		PQclear(r);
		ck_assert_int_eq(PQstatus(c), CONNECTION_OK);
	}
	ck_assert_int_eq(got_ok, 1);
	ck_assert_int_eq(got_denied, 1);
	ck_assert_int_eq(got_aborted, 1);
	ck_assert_int_eq(PQexitPipelineMode(c), 1);
	/* The segment was one transaction, and it did not happen. */
	v = e2e_value(c, "SELECT count(*) FROM orders WHERE status = 'pipe'");
	ck_assert_str_eq(v, "0");
	free(v);
	PQfinish(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM statements "
	    "WHERE subject = 'ext-pipe' AND status IN ('denied')") == 1));
}
END_TEST

START_TEST(long_pipeline)
{
	PGconn *c = e2e_session("nightly-bot", "ext-long");
	PGresult *r;
	char sql[64];
	int i, rows = 0, syncs = 0, flushed = 0;

	ck_assert_int_eq(PQenterPipelineMode(c), 1);
	ck_assert_int_eq(PQsetnonblocking(c, 1), 0);
	for (i = 0; i < 500; i++) {
		snprintf(sql, sizeof sql, "SELECT %d, repeat('x', 2000)", i);
		ck_assert_int_eq(PQsendQueryParams(c, sql, 0, NULL, NULL, NULL,
		    NULL, 0), 1);
		if (i % 50 == 49)
			ck_assert_int_eq(PQpipelineSync(c), 1);
	}
	while (syncs < 10) {
		if (!flushed)
			flushed = PQflush(c) == 0;
		ck_assert_int_eq(PQconsumeInput(c), 1);
		if (PQisBusy(c)) {
			struct pollfd p = { PQsocket(c),
			    (short)(POLLIN | (flushed ? 0 : POLLOUT)), 0 };

			poll(&p, 1, 1000);
			continue;
		}
		r = PQgetResult(c);
		if (r == NULL)
			continue;
		if (PQresultStatus(r) == PGRES_TUPLES_OK) {
			ck_assert_int_eq(atoi(PQgetvalue(r, 0, 0)), rows);
			rows++;
		} else {
			ck_assert_int_eq(PQresultStatus(r),
			    PGRES_PIPELINE_SYNC);
			syncs++;
		}
		PQclear(r);
	}
	ck_assert_int_eq(rows, 500);
	PQfinish(c);
}
END_TEST

START_TEST(copy_out_and_in)
{
	PGconn *c = e2e_session("nightly-bot", "ext-copy");
	PGresult *r;
	char *buf, *v;
	int n, rows = 0;

	r = PQexec(c, "COPY (SELECT id, email FROM customers WHERE id <= 1000)"
	    " TO STDOUT");
	ck_assert_msg(PQresultStatus(r) == PGRES_COPY_OUT, "%s",
	    PQresultErrorMessage(r));
	PQclear(r);
	while ((n = PQgetCopyData(c, &buf, 0)) > 0) {
		rows++;
		if (rows == 3)	/* "3 barbara.field3@..." in truth */
			ck_assert_ptr_null(strstr(buf, "field3"));
		PQfreemem(buf);
	}
	ck_assert_int_eq(n, -1);
	ck_assert_int_eq(rows, 1000);
	r = PQgetResult(c);
	ck_assert_str_eq(PQcmdStatus(r), "COPY 1000");
	PQclear(r);
	ck_assert_ptr_null(PQgetResult(c));

	r = PQexec(c, "COPY orders (id, customer_id, amount) FROM STDIN");
	ck_assert_msg(PQresultStatus(r) == PGRES_COPY_IN, "%s",
	    PQresultErrorMessage(r));
	PQclear(r);
	for (rows = 0; rows < 5000; rows++) {
		char line[64];

		n = snprintf(line, sizeof line, "%d\t1\t1.50\n", 920000 + rows);
		ck_assert_int_eq(PQputCopyData(c, line, n), 1);
	}
	ck_assert_int_eq(PQputCopyEnd(c, NULL), 1);
	r = PQgetResult(c);
	ck_assert_msg(PQresultStatus(r) == PGRES_COMMAND_OK, "%s",
	    PQresultErrorMessage(r));
	ck_assert_str_eq(PQcmdStatus(r), "COPY 5000");
	PQclear(r);
	ck_assert_ptr_null(PQgetResult(c));

	/* The client gives up in the middle. */
	r = PQexec(c, "COPY orders (id, customer_id, amount) FROM STDIN");
	ck_assert_int_eq(PQresultStatus(r), PGRES_COPY_IN);
	PQclear(r);
	PQputCopyData(c, "930000\t1\t1\n", 11);
	PQputCopyEnd(c, "changed my mind");
	r = PQgetResult(c);
	ck_assert_str_eq(e2e_sqlstate(r), "57014");
	PQclear(r);
	while ((r = PQgetResult(c)) != NULL)
		PQclear(r);

	e2e_refused(c, "COPY customers FROM STDIN", "42501");
	e2e_refused(c, "COPY orders TO PROGRAM 'cat'", "42501");
	e2e_refused(c, "COPY orders FROM '/etc/passwd'", "42501");
	v = e2e_value(c, "SELECT count(*) FROM orders WHERE id >= 920000 "
	    "AND id < 930000");
	ck_assert_str_eq(v, "5000");
	free(v);
	PQfinish(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM statements "
	    "WHERE subject = 'ext-copy' AND tag IN ('COPY 1000', 'COPY 5000')")
	    == 2));
}
END_TEST

START_TEST(cancel)
{
	PGconn *c = e2e_session("dba", "ext-cancel");
	PGcancel *k = PQgetCancel(c);
	char err[256], *v;
	PGresult *r;
	int i;

	ck_assert_int_eq(PQsendQuery(c, "SELECT pg_sleep(30)"), 1);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM statements "
	    "WHERE subject = 'ext-cancel'") == 1));
	/* libpq 15 cancels in clear; the gateway must take that too. */
	long long start = e2e_now();

	ck_assert_msg(PQcancel(k, err, sizeof err) == 1, "%s", err);
	r = PQgetResult(c);
	ck_assert_str_eq(e2e_sqlstate(r), "57014");
	PQclear(r);
	while ((r = PQgetResult(c)) != NULL)
		PQclear(r);
	ck_assert_int_lt(e2e_now() - start, 5000);
	/* It never hits the next statement. */
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(PQsendQuery(c, "SELECT pg_sleep(0.002)"), 1);
		PQcancel(k, err, sizeof err);
		while ((r = PQgetResult(c)) != NULL)
			PQclear(r);
		v = e2e_value(c, "SELECT count(*) FROM "
		    "generate_series(1, 20000)");
		ck_assert_str_eq(v, "20000");
		free(v);
	}
	PQfreeCancel(k);
	PQfinish(c);
}
END_TEST

START_TEST(a_wrong_cancel_key_does_nothing)
{
	PGconn *c = e2e_session("dba", "ext-wrongkey");
	uint8_t m[16] = { 0, 0, 0, 16, 4, 210, 22, 46 };
	int pid = PQbackendPID(c), i;
	struct raw *r;
	PGresult *res;

	ck_assert_int_eq(PQsendQuery(c, "SELECT pg_sleep(1), 'done'"), 1);
	for (i = 0; i < 4; i++)
		m[8 + i] = (uint8_t)(pid >> (24 - 8 * i));
	r = raw_tcp(false);
	raw_send(r, m, sizeof m);
	ck_assert_ptr_nonnull(raw_ending(r, 5000));
	raw_free(&r);
	res = PQgetResult(c);
	ck_assert_msg(PQresultStatus(res) == PGRES_TUPLES_OK, "%s",
	    PQresultErrorMessage(res));
	PQclear(res);
	PQfinish(c);
}
END_TEST

/* A cancel request that is nobody's, or a wrong key for this session. */
static void
guess(uint32_t pid)
{
	uint8_t m[16] = { 0, 0, 0, 16, 4, 210, 22, 46, pid >> 24,
	    (pid >> 16) & 255, (pid >> 8) & 255, pid & 255 };
	struct raw *r = raw_tcp(true);

	raw_send(r, m, sizeof m);
	ck_assert_ptr_nonnull(raw_ending(r, 10000));
	raw_vanish(&r);
}

static bool
runs(PGconn *watch, int pid)
{
	char *v, sql[128];
	bool is;

	snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity "
	    "WHERE pid = %d AND state = 'active'", pid);
	v = e2e_value(watch, sql);
	is = strcmp(v, "1") == 0;
	free(v);
	return is;
}

/* Does the right key end this session's statement? */
static bool
cancels(PGconn *watch, PGconn *c, const char *sql)
{
	PGcancel *k = PQgetCancel(c);
	char err[256];
	PGresult *r;
	bool hit;

	ck_assert_int_eq(PQsendQuery(c, sql), 1);
	ck_assert(E2E_UNTIL(10000, runs(watch, PQbackendPID(c))));
	ck_assert_msg(PQcancel(k, err, sizeof err) == 1, "%s", err);
	PQfreeCancel(k);
	r = PQgetResult(c);
	hit = strcmp(e2e_sqlstate(r), "57014") == 0;
	ck_assert(hit || PQresultStatus(r) == PGRES_TUPLES_OK);
	PQclear(r);
	while ((r = PQgetResult(c)) != NULL)
		PQclear(r);
	return hit;
}

/* Who guesses at one session's key gets few tries, and hinders no other's. */
START_TEST(guesses_are_few)
{
	PGconn *a = e2e_session("dba", "ext-guessed"), *watch = e2e_direct();
	PGconn *b = e2e_session("dba", "ext-spared");
	bool deaf = false;
	int i, rounds;

	/* As many as are seen by this session within one second. */
	for (rounds = 0; rounds < 20 && !deaf; rounds++) {
		for (i = 0; i < 150; i++)
			guess((uint32_t)PQbackendPID(a));
		deaf = !cancels(watch, a, "SELECT pg_sleep(1)");
	}
	ck_assert(deaf);
	for (i = 0; i < 150; i++)
		guess((uint32_t)PQbackendPID(a));
	ck_assert(cancels(watch, b, "SELECT pg_sleep(30)"));
	ck_assert(E2E_UNTIL(20000, cancels(watch, a, "SELECT pg_sleep(2)")));
	PQfinish(a);
	PQfinish(b);
	PQfinish(watch);
}
END_TEST

START_TEST(notices_and_notifications)
{
	PGconn *a = e2e_session("dba", "ext-listen");
	PGconn *b = e2e_session("dba", "ext-notify");
	PGnotify *n = NULL;

	free(e2e_value(a, "LISTEN e2e"));
	free(e2e_value(b, "NOTIFY e2e, 'hello'"));
	ck_assert(E2E_UNTIL(5000, PQconsumeInput(a) == 1 &&
	    (n = PQnotifies(a)) != NULL));
	ck_assert_str_eq(n->extra, "hello");
	PQfreemem(n);
	/* The backend's own pid, as drivers compare it. */
	char *v = e2e_value(a, "SELECT pg_backend_pid()");

	ck_assert_int_eq(atoi(v), PQbackendPID(a));
	free(v);
	PQfinish(a);
	PQfinish(b);
}
END_TEST

START_TEST(portals)
{
	struct raw *r = raw_session("dba", "ext-portal-raw", false);
	const uint8_t *body;
	size_t len;
	int t, rows = 0, suspended = 0;

	/* Parse, Bind, Execute of 10 rows at a time, Sync. */
	raw_msg(r, 'P', "\0SELECT generate_series(1, 25)\0\0", 33);
	raw_msg(r, 'B', "\0\0\0\0\0\0\0\0", 8);
	raw_msg(r, 'E', "\0\0\0\0\12", 5);
	raw_msg(r, 'E', "\0\0\0\0\12", 5);
	raw_msg(r, 'E', "\0\0\0\0\12", 5);
	raw_msg(r, 'S', NULL, 0);
	while ((t = raw_read(r, 5000, &body, &len)) > 0 && t != 'Z') {
		rows += t == 'D';
		suspended += t == 's';
	}
	ck_assert_int_eq(t, 'Z');
	ck_assert_int_eq(rows, 25);
	ck_assert_int_eq(suspended, 2);
	/* Close of what is not there succeeds. */
	raw_msg(r, 'C', "Snothing\0", 9);
	raw_msg(r, 'S', NULL, 0);
	t = raw_read(r, 5000, &body, &len);
	ck_assert_int_eq(t, '3');
	ck_assert(raw_until(r, 'Z', 5000));
	raw_free(&r);
}
END_TEST

START_TEST(prepared_in_refused_segment)
{
	struct raw *r = raw_session("nightly-bot", "ext-segment", false);
	const uint8_t *body;
	size_t len;
	char types[64];
	int t, n = 0;

	/* Parse good, Bind, Execute, Parse refused, Bind, Execute, Sync: an
	 * error once, what follows is skipped, one ReadyForQuery. */
	raw_msg(r, 'P', "\0SELECT 1\0\0", 12);
	raw_msg(r, 'B', "\0\0\0\0\0\0\0\0", 8);
	raw_msg(r, 'E', "\0\0\0\0\0", 5);
	raw_msg(r, 'P', "\0DROP TABLE orders\0\0", 21);
	raw_msg(r, 'B', "\0\0\0\0\0\0\0\0", 8);
	raw_msg(r, 'E', "\0\0\0\0\0", 5);
	raw_msg(r, 'S', NULL, 0);
	while ((t = raw_read(r, 5000, &body, &len)) > 0) {
		if (n < 60 && t != 'N')
			types[n++] = (char)t;
		if (t == 'Z')
			break;
	}
	types[n] = '\0';
	ck_assert_str_eq(types, "12DCEZ");
	ck_assert_str_eq(raw_sqlstate(r), "42501");
	raw_query(r, "SELECT 2");
	ck_assert(raw_until(r, 'Z', 5000));
	ck_assert_str_eq(raw_sqlstate(r), "");
	raw_free(&r);
}
END_TEST

/* --- the small print ---------------------------------------------------------- */

struct said {
	char		 type;
	const char	*body;
	size_t		 len;
};

#define M(t, b)		{ t, b, sizeof(b) - 1 }
#define SYNC		M('S', "")
#define EXECUTE		M('E', "\0\0\0\0\0")
#define BIND		M('B', "\0\0\0\0\0\0\0\0")
/* Two parameters, "1" and "2" or four bytes of zero; no formats yet. */
#define TWO		"\0\2\0\0\0\0011\0\0\0\0012"
#define ZEROS		"\0\2\0\0\0\4\0\0\0\0\0\0\0\4\0\0\0\0"

/*
 * One session goes through all of these.  What a server answers, in types, up
 * to the ReadyForQuery that is awaited (a transaction's state is the message
 * behind Z), and its error.
 */
static const struct {
	const char	*what;
	struct said	 say[10];
	const char	*types, *state;
} small[] = {
	{ "an empty query", { M('Q', "\0") }, "IZ", "" },
	{ "of blanks and comments", { M('Q', " ; -- x\n /* y */\0") }, "IZ",
	    "" },
	{ "an empty statement", { M('P', "\0\0\0\0"), BIND, EXECUTE, SYNC },
	    "12IZ", "" },
	{ "Close of what is not there", { M('C', "Sx\0"), M('C', "Px\0"),
	    SYNC }, "33Z", "" },
	{ "Sync alone", { SYNC }, "Z", "" },
	{ "an unnamed statement lives", { M('P', "\0SELECT 1\0\0\0"), SYNC },
	    "1Z", "" },
	{ "behind Sync", { BIND, EXECUTE, SYNC }, "2DCZ", "" },
	{ "until a Query", { M('Q', "SELECT 2\0") }, "TDCZ", "" },
	{ "and no longer", { BIND, EXECUTE, SYNC }, "EZ", "26000" },
	{ "an unnamed portal lives", { M('Q', "BEGIN\0"),
	    M('P', "\0SELECT 1\0\0\0"), BIND, SYNC }, "CZ12Z", "" },
	{ "in the transaction", { EXECUTE, SYNC }, "DCZ", "" },
	{ "until a Query", { BIND, SYNC, M('Q', "SELECT 2\0") }, "2ZTDCZ",
	    "" },
	{ "and no longer", { EXECUTE, SYNC }, "EZ", "34000" },
	{ "the end of it", { M('Q', "ROLLBACK\0") }, "CZ", "" },
	{ "two parameters", { M('P', "x\0SELECT $1::int, $2::int\0\0\0"), SYNC },
	    "1Z", "" },
	{ "no format", { M('B', "\0x\0\0\0" TWO "\0\0"), EXECUTE, SYNC },
	    "2DCZ", "" },
	{ "one for all", { M('B', "\0x\0\0\1\0\1" ZEROS "\0\1\0\1"),
	    EXECUTE, SYNC }, "2DCZ", "" },
	{ "one for each", { M('B', "\0x\0\0\2\0\0\0\0" TWO
	    "\0\2\0\1\0\0"), EXECUTE, SYNC }, "2DCZ", "" },
	{ "one too many", { M('B', "\0x\0\0\3\0\0\0\0\0\0" TWO "\0\0"),
	    EXECUTE, SYNC }, "EZ", "08P01" },
	{ "of the results", { M('B', "\0x\0\0\0" TWO "\0\3\0\0\0\0\0\0"),
	    EXECUTE, SYNC }, "EZ", "08P01" },
	{ "no such format", { M('B', "\0x\0\0\1\0\7" TWO "\0\0"), EXECUTE,
	    SYNC }, "EZ", "22023" },
	{ "a parameter too few", { M('B', "\0x\0\0\0\0\1\0\0\0\0011\0\0"),
	    EXECUTE, SYNC }, "EZ", "08P01" },
	{ "a table", { M('Q', "CREATE TEMP TABLE small (a int)\0") }, "CZ",
	    "" },
	/* The Sync behind Execute does not count: the server is in COPY. */
	{ "COPY in", { M('P', "\0COPY small FROM STDIN\0\0\0"), BIND, EXECUTE,
	    SYNC, M('d', "1\n"), M('H', ""), M('c', ""), SYNC }, "12GCZ", "" },
	{ "COPY in that is given up", { M('P', "\0COPY small FROM STDIN\0\0\0"),
	    BIND, EXECUTE, M('d', "1\n"), M('f', "no\0"), SYNC }, "12GEZ",
	    "57014" },
	{ "COPY data where there is no COPY", { M('d', "1\n"), M('c', ""),
	    M('f', "no\0"), M('Q', "SELECT count(*) FROM small\0") }, "TDCZ",
	    "" },
	{ "COPY out", { M('P', "\0COPY small TO STDOUT\0\0\0"), BIND, EXECUTE,
	    SYNC }, "12HdcCZ", "" },
};

START_TEST(small_print)
{
	struct raw *r = raw_session("dba", "ext-small", _i != 0);
	const uint8_t *body;
	size_t len, i, k, ready;
	char types[64];
	const char *p;
	int t, n;

	for (i = 0; i < sizeof small / sizeof small[0]; i++) {
		for (k = 0; k < 10 && small[i].say[k].type != 0; k++)
			ck_assert(raw_msg(r, small[i].say[k].type,
			    small[i].say[k].body, small[i].say[k].len));
		for (ready = 0, p = small[i].types; *p != '\0'; p++)
			ready += *p == 'Z';
		for (n = 0; ready > 0 && n < 60; n++) {
			t = raw_read(r, 10000, &body, &len);
			ck_assert_msg(t > 0, "%s: %.*s, then %d",
			    small[i].what, n, types, t);
			types[n] = (char)t;
			ready -= t == 'Z';
		}
		types[n] = '\0';
		ck_assert_msg(strcmp(types, small[i].types) == 0,
		    "%s: %s not %s (%s)", small[i].what, types, small[i].types,
		    raw_message(r));
		ck_assert_msg(strcmp(raw_sqlstate(r), small[i].state) == 0,
		    "%s: SQLSTATE %s", small[i].what, raw_sqlstate(r));
		/* Which forgets the error and keeps what is unnamed. */
		ck_assert(raw_msg(r, 'S', NULL, 0));
		ck_assert(raw_until(r, 'Z', 10000));
	}
	/* Anything else in COPY: a server ends the connection as well, as it
	 * has lost its place. */
	ck_assert(raw_query(r, "COPY small FROM STDIN"));
	ck_assert(raw_until(r, 'G', 10000));
	raw_msg(r, 'd', "1\n", 2);
	raw_query(r, "DROP TABLE small");
	ck_assert_str_eq(raw_ending(r, 10000), "08P01");
	raw_free(&r);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("extended");
	TCase *tc = tcase_create("extended");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, prepared);
	tcase_add_test(tc, parameters_recorded);
	tcase_add_test(tc, pipeline_with_refusal);
	tcase_add_test(tc, long_pipeline);
	tcase_add_test(tc, copy_out_and_in);
	tcase_add_test(tc, cancel);
	tcase_add_test(tc, a_wrong_cancel_key_does_nothing);
	tcase_add_test(tc, guesses_are_few);
	tcase_add_test(tc, notices_and_notifications);
	tcase_add_test(tc, portals);
	tcase_add_test(tc, prepared_in_refused_segment);
	tcase_add_loop_test(tc, small_print, 0, 2);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
