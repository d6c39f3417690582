/*
 * Statements that wait for a person: shown, approved, refused, taken back, and
 * never run otherwise.  tests/e2e/hold.yaml has the rules.
 */
#include "e2e.h"
#include "held.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(approved)
{
	PGconn *c = bot("hold-a");
	PGresult *r;
	long n;

	send_update(c, "a");
	n = wait_request("hold-a");
	ck_assert(E2E_UNTIL(5000, (answered(c), held_notices[0] != '\0')));
	ck_assert_msg(strstr(held_notices, "waits for approval by group approvers")
	    != NULL && strstr(held_notices, "reviewed-updates") != NULL &&
	    strstr(held_notices, "A colleague looks at it.") != NULL, "%s",
	    held_notices);
	ck_assert_int_eq(rows("held-a"), 0);
	/* What the approver sees. */
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s show %ld | grep -q "
	    "\"text: UPDATE orders SET status = 'held-a' WHERE id <= 3\"",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), n), 0);
	/* And what an engine finds in it, now. */
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s --json show %ld | grep -q "
	    "'\"found\":{.*\"writes\":\\[\"public.orders\"\\].*\"score\":'",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), n), 0);
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	r = answer(c);
	ck_assert_str_eq(PQcmdStatus(r), "UPDATE 3");
	PQclear(r);
	ck_assert_int_eq(rows("held-a"), 3);
	ck_assert_int_ne(decide("approve", n, "boss2", "approvers", ""), 0);
	ck_assert(decide_said("is approved"));
	/* Every step, and the statement points at it. */
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'intent' AND json_extract(body, '$.approval') = %ld "
	    "AND json_extract(body, '$.held_us') > 0 "
	    "AND json_extract(body, '$.action') = 'allow'", n) == 1));
	recorded_as(n, "hold-a", "+boss", "approved");
	/* One use: the same text again waits again. */
	send_update(c, "a");
	ck_assert_int_ne(wait_request("hold-a"), n);
	PQfinish(c);
}
END_TEST

START_TEST(refused)
{
	PGconn *c = bot("hold-r");
	long n;

	send_update(c, "r");
	n = wait_request("hold-r");
	ck_assert_int_eq(decide("deny", n, "boss", "approvers",
	    "--reason 'not on a Friday'"), 0);
	answer_is(c, "42501", "not on a Friday");
	lives(c);
	ck_assert_int_eq(rows("held-r"), 0);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM "
	    "statements WHERE subject = 'hold-r' AND status = 'denied'") ==
	    1));
	recorded_as(n, "hold-r", "-boss", "denied");
	PQfinish(c);
}
END_TEST

START_TEST(not_his_to_decide)
{
	PGconn *c = bot("hold-s");
	long n;

	send_update(c, "s");
	n = wait_request("hold-s");
	ck_assert_int_ne(decide("approve", n, "hold-s", "approvers", ""), 0);
	ck_assert(decide_said("another person"));
	ck_assert_int_ne(decide("approve", n, "nobody", "analysts", ""), 0);
	ck_assert(decide_said("none of its groups"));
	ck_assert_int_ne(e2e_sh("echo garbage | %s/policyctl -s %s approve "
	    "--token-file - %ld 2>/dev/null", e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK"), n), 0);
	ck_assert_int_ne(decide("approve", n + 1000, "boss", "approvers",
	    ""), 0);
	ck_assert(!answered(c));
	ck_assert_int_eq(rows("held-s"), 0);
	/* No token is on record. */
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'control' AND body LIKE '%%eyJ%%'"), 0);
	PQfinish(c);
	ck_assert_msg(E2E_UNTIL(5000, open_request("hold-s") == 0),
	    "still open after its client has gone");
	recorded_as(n, "hold-s", "", "withdrawn");
}
END_TEST

START_TEST(cancelled)
{
	PGconn *c = bot("hold-c");
	PGcancel *cancel = PQgetCancel(c);
	char err[256];
	long n;

	send_update(c, "c");
	n = wait_request("hold-c");
	ck_assert_int_eq(PQcancel(cancel, err, sizeof(err)), 1);
	answer_is(c, "57014", "canceling statement due to user request");
	lives(c);
	ck_assert_int_eq(open_request("hold-c"), 0);
	ck_assert_int_eq(rows("held-c"), 0);
	recorded_as(n, "hold-c", "", "withdrawn");
	PQfreeCancel(cancel);
	PQfinish(c);
}
END_TEST

/* Update one row of this number. */
static void
send_one(PGconn *c, int id, const char *more)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "UPDATE orders SET status = 'held-l%d' "
	    "WHERE id = %d%s", id, id, more);
	ck_assert_int_eq(PQsendQuery(c, sql), 1);
	ck_assert_int_ne(PQflush(c), -1);
}

static void
updated(PGconn *c)
{
	PGresult *r = answer(c);

	ck_assert_msg(strcmp(PQcmdStatus(r), "UPDATE 1") == 0, "%s",
	    PQresultErrorMessage(r));
	PQclear(r);
}

static int
lease_left(long n)
{
	int i;

	for (i = 0; i < 10; i++)
		if (e2e_sh("%s/policyctl -s %s --json leases | grep -q "
		    "'\"lease\":%ld,.*\"left\":%d,'", e2e_env("POSTERN_BIN"),
		    e2e_env("POLICYD_SOCK"), n, i) == 0)
			return i;
	return -1;
}

static int
revoked(long n)
{
	return e2e_sh("%s/policyctl -s %s revoke %ld 2>/dev/null",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), n);
}

/* What is similar passes, so often, for so long, and until it is revoked. */
START_TEST(similar)
{
	PGconn *c = bot("hold-sim"), *d = bot("hold-sin");
	long n, m;

	send_one(c, 11, "");
	n = wait_request("hold-sim");
	ck_assert_int_ne(decide("approve", n, "boss", "approvers",
	    "--similar 20m"), 0);
	ck_assert(decide_said("for 1 to 600 seconds"));
	ck_assert_int_ne(decide("approve", n, "hold-sim", "approvers",
	    "--similar 5m"), 0);
	ck_assert_int_eq(lease_left(n), -1);
	ck_assert_int_eq(decide("approve", n, "boss", "approvers",
	    "--similar 5m --count 2"), 0);
	updated(c);
	ck_assert_int_eq(lease_left(n), 2);
	/* Other constants: it runs at once, and the record says why. */
	held_notices[0] = '\0';
	send_one(c, 12, "");
	updated(c);
	ck_assert_str_eq(held_notices, "");
	ck_assert_int_eq(lease_left(n), 1);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'approval_decision' AND json_extract(body, "
	    "'$.reason') = 'similar to request %ld' AND json_extract(body, "
	    "'$.approver') = 'boss' AND json_extract(body, '$.subject') = "
	    "'hold-sim'", n) == 1));
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'lease' AND json_extract(body, '$.request') = %ld AND "
	    "json_extract(body, '$.uses') = 2", n), 1);
	/* Another text, and another subject, wait. */
	send_one(c, 13, " OR id = 14");
	m = wait_request("hold-sim");
	ck_assert_int_eq(decide("deny", m, "boss", "approvers", ""), 0);
	answer_is(c, "42501", "refused by boss");
	send_one(d, 13, "");
	m = wait_request("hold-sin");
	ck_assert_int_eq(decide("deny", m, "boss", "approvers", ""), 0);
	answer_is(d, "42501", "refused by boss");
	/* The last use; then it is over. */
	send_one(c, 15, "");
	updated(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'lease_end' AND json_extract(body, '$.request') = "
	    "%ld AND json_extract(body, '$.result') = 'used' AND "
	    "json_extract(body, '$.used') = 2", n) == 1));
	send_one(c, 16, "");
	n = wait_request("hold-sim");
	ck_assert_int_eq(decide("approve", n, "boss", "approvers",
	    "--similar 5m"), 0);
	updated(c);
	/* Revoked. */
	ck_assert_int_ne(decide("revoke", n, "nobody", "analysts", ""), 0);
	ck_assert_int_eq(revoked(n), 0);
	ck_assert_int_ne(revoked(n), 0);
	send_one(c, 17, "");
	n = wait_request("hold-sim");
	/* Its time is up. */
	ck_assert_int_eq(decide("approve", n, "boss", "approvers",
	    "--similar 1s"), 0);
	updated(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'lease_end' AND json_extract(body, '$.request') = "
	    "%ld AND json_extract(body, '$.result') = 'ended'", n) == 1));
	send_one(c, 18, "");
	wait_request("hold-sim");
	PQfinish(c);
	PQfinish(d);
}
END_TEST

/* Held and taken back, again and again: not for ever. */
START_TEST(storm)
{
	PGconn *c = bot("hold-storm");
	PGcancel *cancel = PQgetCancel(c);
	PGresult *r;
	char err[256];
	int i;

	for (i = 0; i < 30; i++) {
		send_update(c, "storm");
		held_notices[0] = '\0';
		ck_assert(E2E_UNTIL(10000, (answered(c),
		    held_notices[0] != '\0')));
		ck_assert_int_eq(PQcancel(cancel, err, sizeof(err)), 1);
		answer_is(c, "57014", NULL);
	}
	send_update(c, "storm");
	answer_is(c, "53400", "too many requests for approval were taken "
	    "back");
	ck_assert_int_eq(open_request("hold-storm"), 0);
	lives(c);
	PQfreeCancel(cancel);
	PQfinish(c);
	/* It is not somebody else's. */
	c = bot("hold-calm");
	send_update(c, "calm");
	ck_assert_int_eq(decide("approve", wait_request("hold-calm"), "boss",
	    "approvers", ""), 0);
	r = answer(c);
	ck_assert_str_eq(PQcmdStatus(r), "UPDATE 3");
	PQclear(r);
	PQfinish(c);
}
END_TEST

/* Two of two groups, five seconds, and not inside a transaction. */
START_TEST(minimum_and_expiry)
{
	PGconn *c = careful("hold-m");
	PGresult *r;
	long n;

	send_update(c, "m");
	n = wait_request("hold-m");
	ck_assert_int_ne(decide("approve", n, "boss", "approvers",
	    "--similar 1m"), 0);
	ck_assert(decide_said("lets nobody approve what is similar"));
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	ck_assert_int_ne(decide("approve", n, "boss", "approvers", ""), 0);
	ck_assert(!answered(c));
	ck_assert_int_eq(decide("approve", n, "owner", "owners", ""), 0);
	r = answer(c);
	ck_assert_str_eq(PQcmdStatus(r), "UPDATE 3");
	PQclear(r);
	recorded_as(n, "hold-m", "+boss +owner", "approved");

	send_update(c, "late");
	n = wait_request("hold-m");
	answer_is(c, "42501", "nobody approved request");
	ck_assert_int_eq(rows("held-late"), 0);
	recorded_as(n, "hold-m", "", "expired");

	PQclear(PQexec(c, "BEGIN"));
	send_update(c, "tx");
	answer_is(c, "42501", "inside a transaction");
	ck_assert_int_eq(PQtransactionStatus(c), PQTRANS_INERROR);
	PQclear(PQexec(c, "ROLLBACK"));
	lives(c);
	PQfinish(c);
}
END_TEST

/* Parameters are part of what is approved; and nothing is run by EXECUTE. */
START_TEST(parameters)
{
	static const char sql[] = "UPDATE orders SET status = $1 WHERE id = "
	    "$2::int";
	const char *v[] = { "held-p", "5" }, *w[] = { "held-q", "6" };
	PGconn *c = bot("hold-p"), *d;
	PGresult *r;
	long n;

	ck_assert_int_eq(PQsendQueryParams(c, sql, 2, NULL, v, NULL, NULL,
	    0), 1);
	n = wait_request("hold-p");
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s --json show %ld | grep -q "
	    "'\"params\":\\[\"held-p\",\"5\"\\]'", e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK"), n), 0);
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	r = answer(c);
	ck_assert_str_eq(PQcmdStatus(r), "UPDATE 1");
	PQclear(r);

	/* Prepared once, bound twice: twice asked, with other values. */
	r = PQprepare(c, "st", sql, 0, NULL);
	ck_assert_int_eq(PQresultStatus(r), PGRES_COMMAND_OK);
	PQclear(r);
	ck_assert_int_eq(PQsendQueryPrepared(c, "st", 2, v, NULL, NULL, 0),
	    1);
	n = wait_request("hold-p");
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	r = answer(c);
	ck_assert_str_eq(PQcmdStatus(r), "UPDATE 1");
	PQclear(r);
	ck_assert_int_eq(PQsendQueryPrepared(c, "st", 2, w, NULL, NULL, 0),
	    1);
	n = wait_request("hold-p");
	ck_assert_int_eq(decide("deny", n, "boss", "approvers", ""), 0);
	answer_is(c, "42501", "refused by boss");
	ck_assert_int_eq(rows("held-q"), 0);
	recorded_as(n, "hold-p", "-boss", "denied");
	lives(c);
	PQfinish(c);

	d = careful("hold-x");
	e2e_refused(d, "PREPARE p AS UPDATE orders SET status = 'held-x' "
	    "WHERE id = 1", "42501");
	r = PQprepare(d, "st", "UPDATE orders SET status = 'held-x' WHERE id "
	    "= 1", 0, NULL);
	ck_assert_int_eq(PQresultStatus(r), PGRES_COMMAND_OK);
	PQclear(r);
	e2e_refused(d, "EXECUTE st", "42501");
	ck_assert_int_eq(rows("held-x"), 0);
	lives(d);
	PQfinish(d);
}
END_TEST

/* What is behind it in the pipeline waits, and what is before it is answered. */
START_TEST(pipeline)
{
	const char *v[] = { "held-l" };
	PGconn *c = bot("hold-l");
	PGresult *r;
	long n;

	ck_assert_int_eq(PQenterPipelineMode(c), 1);
	PQsendQueryParams(c, "SELECT 1", 0, NULL, NULL, NULL, NULL, 0);
	PQsendQueryParams(c, "UPDATE orders SET status = $1 WHERE id = 9", 1,
	    NULL, v, NULL, NULL, 0);
	PQsendQueryParams(c, "SELECT status FROM orders WHERE id = 9", 0, NULL,
	    NULL, NULL, NULL, 0);
	ck_assert_int_eq(PQpipelineSync(c), 1);
	n = wait_request("hold-l");
	r = PQgetResult(c);
	ck_assert_int_eq(PQresultStatus(r), PGRES_TUPLES_OK);
	PQclear(r);
	ck_assert_ptr_null(PQgetResult(c));
	ck_assert(!answered(c));
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	r = PQgetResult(c);
	ck_assert_str_eq(PQcmdStatus(r), "UPDATE 1");
	PQclear(r);
	ck_assert_ptr_null(PQgetResult(c));
	r = PQgetResult(c);
	ck_assert_str_eq(PQgetvalue(r, 0, 0), "held-l");
	PQclear(r);
	ck_assert_ptr_null(PQgetResult(c));
	r = PQgetResult(c);
	ck_assert_int_eq(PQresultStatus(r), PGRES_PIPELINE_SYNC);
	PQclear(r);
	PQfinish(c);
}
END_TEST

/* An approval is of one policy: after a reload it is asked anew. */
START_TEST(reloaded)
{
	PGconn *c = bot("hold-g");
	PGresult *r;
	long n, m = 0;

	send_update(c, "g");
	n = wait_request("hold-g");
	held_reload("one");
	ck_assert_msg(E2E_UNTIL(10000, (m = open_request("hold-g")) != 0 &&
	    m != n), "it was not asked anew");
	ck_assert_int_ne(decide("approve", n, "boss", "approvers", ""), 0);
	ck_assert(!answered(c));
	ck_assert_int_eq(decide("approve", m, "boss", "approvers", ""), 0);
	r = answer(c);
	ck_assert_str_eq(PQcmdStatus(r), "UPDATE 3");
	PQclear(r);
	recorded_as(n, "hold-g", "", "withdrawn");
	recorded_as(m, "hold-g", "+boss", "approved");
	PQfinish(c);
}
END_TEST

/* The parent dies: who waits goes on waiting, under the same number. */
START_TEST(parent_killed)
{
	PGconn *c = bot("hold-k");
	pid_t parent = e2e_process("parent");
	PGresult *r;
	long n;

	send_update(c, "k");
	n = wait_request("hold-k");
	kill(parent, SIGKILL);
	ck_assert(E2E_UNTIL(10000, e2e_process("parent") != 0 &&
	    e2e_process("parent") != parent));
	ck_assert(E2E_UNTIL(10000, open_request("hold-k") == n));
	ck_assert(E2E_UNTIL(10000, decide("approve", n, "boss", "approvers",
	    "") == 0));
	r = answer(c);
	ck_assert_str_eq(PQcmdStatus(r), "UPDATE 3");
	PQclear(r);
	PQfinish(c);
}
END_TEST

/* The worker dies: taken back, and nothing has run. */
START_TEST(worker_killed)
{
	PGconn *c = bot("hold-w");
	long n;

	send_update(c, "w");
	n = wait_request("hold-w");
	kill(e2e_worker_of(c), SIGKILL);
	ck_assert(E2E_UNTIL(10000, open_request("hold-w") == 0));
	ck_assert_int_ne(decide("approve", n, "boss", "approvers", ""), 0);
	ck_assert_int_eq(rows("held-w"), 0);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'approval_end' AND json_extract(body, '$.result') = "
	    "'withdrawn' AND json_extract(body, '$.request') = %ld", n) ==
	    1));
	PQfinish(c);
}
END_TEST

/* A local user may decide where policy.yaml names him, as it does here. */
START_TEST(by_unix_user)
{
	PGconn *c = bot("hold-u");
	long n;

	send_update(c, "u");
	n = wait_request("hold-u");
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s approve %ld",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), n), 0);
	PQclear(answer(c));
	ck_assert_int_eq(rows("held-u"), 3);
	PQfinish(c);
}
END_TEST

/* Rules look at where the client is, and explain where it would be. */
START_TEST(from_here)
{
	static const char explain[] = "%s/policyctl -s %s explain --profile "
	    "nightly-bot --database shop --sql 'VALUES (1)' --address %s | "
	    "grep -q 'rule: %s$'";
	PGconn *c = bot("hold-here");

	free(e2e_value(c, "SELECT 1"));
	e2e_refused(c, "VALUES (1)", "42501");
	PQfinish(c);
	ck_assert_int_eq(e2e_sh(explain, e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK"), "127.1.2.3", "from-here"), 0);
	ck_assert_int_eq(e2e_sh(explain, e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK"), "192.0.2.1", "from-elsewhere"), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("hold");
	TCase *t = tcase_create("hold");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, approved);
	tcase_add_test(t, refused);
	tcase_add_test(t, not_his_to_decide);
	tcase_add_test(t, cancelled);
	tcase_add_test(t, storm);
	tcase_add_test(t, similar);
	tcase_add_test(t, minimum_and_expiry);
	tcase_add_test(t, parameters);
	tcase_add_test(t, pipeline);
	tcase_add_test(t, reloaded);
	tcase_add_test(t, parent_killed);
	tcase_add_test(t, worker_killed);
	tcase_add_test(t, by_unix_user);
	tcase_add_test(t, from_here);
	suite_add_tcase(s, t);
	return e2e_main(s);
}
