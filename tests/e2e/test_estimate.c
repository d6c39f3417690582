/*
 * rows_over and cost_over against a real server: the small passes, the large is
 * refused or waits, by whatever way it is sent; and what cannot be estimated is
 * large.  tests/e2e/estimate.yaml has the rules.
 */
#include "e2e.h"
#include "held.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UP_TO	"UPDATE orders SET status = 'est' WHERE id <= $1"

static PGconn *super;

static void
setup(void)
{
	super = e2e_direct();
	free(e2e_value(super, "UPDATE orders SET status = 'none' WHERE "
	    "status = 'est'"));
}

static void
teardown(void)
{
	PQfinish(super);
}

static void
touched(long want)
{
	char *v = e2e_value(super, "SELECT count(*) FROM orders WHERE "
	    "status = 'est'");

	ck_assert_int_eq(strtol(v, NULL, 10), want);
	free(v);
}

static void
is(PGresult *r, const char *what, const char *sqlstate, const char *said)
{
	ck_assert_ptr_nonnull(r);
	ck_assert_msg(strcmp(e2e_sqlstate(r), sqlstate) == 0, "%s: %s %s",
	    what, PQcmdStatus(r), PQresultErrorMessage(r));
	ck_assert_msg(strstr(*sqlstate == '\0' ? PQcmdStatus(r) :
	    PQresultErrorMessage(r), said) != NULL, "%s: %s %s", what,
	    PQcmdStatus(r), PQresultErrorMessage(r));
	PQclear(r);
}

/* In binary, as an int4 that the Parse says it is, or as text. */
static PGresult *
up_to(PGconn *c, const char *name, unsigned int n, bool binary)
{
	char bytes[4] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8),
	    (char)n };
	char text[16];
	const char *values[] = { binary ? bytes : text };
	const int lengths[] = { 4 }, formats[] = { binary };
	const Oid types[] = { 23 };

	snprintf(text, sizeof(text), "%u", n);
	if (name != NULL)
		return PQexecPrepared(c, name, 1, values, lengths, formats, 0);
	return PQexecParams(c, UP_TO, 1, binary ? types : NULL, values,
	    lengths, formats, 0);
}

START_TEST(simple)
{
	PGconn *c = e2e_session("sized", "est-simple");

	is(PQexec(c, "UPDATE orders SET status = 'est' WHERE id <= 3"), "s",
	    "", "UPDATE 3");
	is(PQexec(c, "UPDATE orders SET status = 'est'"), "l", "42501",
	    "Too much at once.");
	is(PQexec(c, "SELECT count(*) FROM orders a, orders b, orders c"),
	    "cost", "42501", "costly");
	is(PQexec(c, "SELECT count(*) FROM orders"), "cheap", "", "SELECT 1");
	is(PQexec(c, "WITH u AS (UPDATE orders SET status = 'est' RETURNING "
	    "1) SELECT count(*) FROM u"), "cte", "42501", "Too much");
	touched(3);
	/* What it was judged by is in the record. */
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'mark' AND json_extract(body, '$.tags') LIKE "
	    "'%%rows:______, cost:%%'") >= 1));
	PQfinish(c);
}
END_TEST

START_TEST(transactions)
{
	PGconn *c = e2e_session("sized", "est-tx");

	is(PQexec(c, "BEGIN"), "begin", "", "BEGIN");
	is(PQexec(c, "UPDATE orders SET status = 'est' WHERE id <= 3"), "s",
	    "", "UPDATE 3");
	is(PQexec(c, "SAVEPOINT a"), "savepoint", "", "SAVEPOINT");
	is(PQexec(c, "UPDATE orders SET status = 'est'"), "l", "42501",
	    "Too much");
	is(PQexec(c, "SELECT 1"), "after", "25P02", "aborted");
	is(PQexec(c, "ROLLBACK TO a"), "back", "", "ROLLBACK");
	is(up_to(c, NULL, 4, true), "again", "", "UPDATE 4");
	is(PQexec(c, "COMMIT"), "commit", "", "COMMIT");
	touched(4);
	PQfinish(c);
}
END_TEST

START_TEST(parameters)
{
	PGconn *c = e2e_session("sized", "est-params");
	int b;

	for (b = 0; b < 2; b++) {
		is(up_to(c, NULL, 3, b == 1), "small", "", "UPDATE 3");
		is(up_to(c, NULL, 100000, b == 1), "large", "42501", "Too");
		is(up_to(c, NULL, 4, b == 1), "small again", "", "UPDATE 4");
	}
	/* Prepared once: each Bind has an estimate of its own. */
	is(PQprepare(c, "p", UP_TO, 0, NULL), "prepare", "", "");
	is(up_to(c, "p", 5, false), "small", "", "UPDATE 5");
	is(up_to(c, "p", 100000, false), "large", "42501", "Too much");
	is(up_to(c, "p", 6, false), "small again", "", "UPDATE 6");
	touched(6);
	/* A refused Bind is on record, and by what. */
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'intent' AND json_extract(body, '$.form') = 'bind' "
	    "AND json_extract(body, '$.rule') = 'large'") >= 1));
	/* SQL does not say what it runs. */
	is(PQexec(c, "EXECUTE p(100000)"), "execute", "42501", "EXECUTE");
	touched(6);
	PQfinish(c);
}
END_TEST

START_TEST(pipelined)
{
	static const char *const values[] = { "3", "100000", "4" };
	static const char *const want[] = { "", "42501" };
	PGconn *c = e2e_session("sized", "est-pipe");
	PGresult *r;
	int i;

	ck_assert_int_eq(PQenterPipelineMode(c), 1);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(PQsendQueryParams(c, UP_TO, 1, NULL,
		    &values[i], NULL, NULL, 0), 1);
	ck_assert_int_eq(PQpipelineSync(c), 1);
	for (i = 0; i < 2; i++) {
		is(PQgetResult(c), "in turn", want[i], i == 0 ? "UPDATE 3" :
		    "Too much");
		ck_assert_ptr_null(PQgetResult(c));
	}
	r = PQgetResult(c);
	ck_assert_int_eq(PQresultStatus(r), PGRES_PIPELINE_ABORTED);
	PQclear(r);
	ck_assert_ptr_null(PQgetResult(c));
	r = PQgetResult(c);
	ck_assert_int_eq(PQresultStatus(r), PGRES_PIPELINE_SYNC);
	PQclear(r);
	ck_assert_int_eq(PQexitPipelineMode(c), 1);
	touched(0);
	is(up_to(c, NULL, 2, false), "after", "", "UPDATE 2");
	PQfinish(c);
}
END_TEST

/* A person sees the rows; its Parse does not wait at the server, whose
 * statement_timeout (3s here) runs from it. */
START_TEST(held)
{
	static const char *const values[] = { "2000" };
	PGconn *c = e2e_session("asked", "est-held");
	int ext;
	long n;

	is(PQexec(c, "UPDATE orders SET status = 'est' WHERE id <= 3"),
	    "small", "", "UPDATE 3");
	for (ext = 0; ext < 2; ext++) {
		ck_assert_int_eq(ext ? PQsendQueryParams(c, UP_TO, 1, NULL,
		    values, NULL, NULL, 0) : PQsendQuery(c, "UPDATE orders "
		    "SET status = 'est' WHERE id <= 2000"), 1);
		ck_assert_int_ne(PQflush(c), -1);
		n = wait_request("est-held");
		ck_assert_int_eq(e2e_sh("%s/policyctl -s %s show %ld | grep "
		    "-q '^estimated_rows: [12][0-9][0-9][0-9]$'",
		    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), n), 0);
		if (ext)
			e2e_pause(4000);
		ck_assert(!answered(c));
		ck_assert_int_eq(decide("approve", n, "boss", "approvers",
		    ""), 0);
		is(answer(c), "approved", "", "UPDATE 2000");
	}
	touched(2000);
	PQfinish(c);
}
END_TEST

START_TEST(fails_closed)
{
	PGconn *c = e2e_session("lost", "est-lost");
	PGconn *s = e2e_session("sized", "est-locked");

	/* Its role, and so its twin, may not. */
	is(PQexec(c, "UPDATE orders SET status = 'est' WHERE id = 1"),
	    "may not", "42501", "\"large\"");
	is(PQexec(c, "UPDATE nowhere SET a = 1"), "unknown", "42501",
	    "\"large\"");
	/* The planner waits for a lock, and not for long. */
	free(e2e_value(super, "BEGIN"));
	free(e2e_value(super, "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE"));
	is(PQexec(s, "UPDATE orders SET status = 'est' WHERE id = 1"),
	    "locked", "42501", "Too much");
	free(e2e_value(super, "ROLLBACK"));
	is(PQexec(s, "UPDATE orders SET status = 'est' WHERE id = 1"),
	    "free", "", "UPDATE 1");
	/* Estimates over masked relations would tell of them. */
	is(PQexec(s, "SELECT count(*) FROM customers"), "masked", "42501",
	    "costly");
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'mark' AND json_extract(body, '$.tags') LIKE "
	    "'%%rows:unknown%%'") >= 3));
	PQfinish(c);
	PQfinish(s);
}
END_TEST

static bool
works(PGconn *c)
{
	PGresult *r = PQexec(c, "UPDATE orders SET status = 'est' WHERE "
	    "id = 1");
	bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;

	ck_assert_msg(ok || strcmp(e2e_sqlstate(r), "42501") == 0, "%s",
	    PQresultErrorMessage(r));
	PQclear(r);
	return ok;
}

static long
roles_now(void)
{
	char *v = e2e_value(super, "SELECT count(*) FROM pg_roles WHERE "
	    "rolname LIKE 'pst\\_%%'");
	long n = strtol(v, NULL, 10);

	free(v);
	return n;
}

/* The keeper's death: refused until it is back, and no role is left over. */
START_TEST(keeper_dies)
{
	PGconn *c = e2e_session("sized", "est-keeper");

	ck_assert(works(c));
	kill(e2e_process("keeper"), SIGKILL);
	ck_assert(E2E_UNTIL(30000, works(c)));
	/* This session's, and its twin's. */
	ck_assert(E2E_UNTIL(30000, e2e_sh("%s/policyctl -s %s sweep >/dev/null "
	    "2>&1", e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK")) == 0 &&
	    roles_now() == 2));
	/* A reload makes another. */
	e2e_reload();
	ck_assert(E2E_UNTIL(30000, works(c)));
	ck_assert(E2E_UNTIL(30000, roles_now() == 2));
	PQfinish(c);
}
END_TEST

static int
explains(const char *more, const char *want)
{
	return e2e_sh("%s/policyctl -s %s --json explain --profile sized "
	    "--database shop %s --sql \"UPDATE orders SET status = 'est'\" | "
	    "grep -q '%s'", e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"),
	    more, want);
}

START_TEST(explained)
{
	ck_assert_int_eq(explains("", "\"per_estimate\":true"), 0);
	ck_assert_int_eq(explains("--estimate", "\"rule\":\"large\""), 0);
	ck_assert_int_eq(explains("--estimate",
	    "\"rows\":[0-9]\\{6\\},"), 0);
	ck_assert_int_eq(explains("--rows 1000", "\"action\":\"allow\""), 0);
	ck_assert_int_eq(explains("--rows 1001", "\"rule\":\"large\""), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("estimate");
	TCase *tc = tcase_create("estimate");

	tcase_set_timeout(tc, 240);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, simple);
	tcase_add_test(tc, transactions);
	tcase_add_test(tc, parameters);
	tcase_add_test(tc, pipelined);
	tcase_add_test(tc, held);
	tcase_add_test(tc, fails_closed);
	tcase_add_test(tc, keeper_dies);
	tcase_add_test(tc, explained);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
