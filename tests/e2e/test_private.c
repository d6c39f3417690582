/*
 * What the record has of the values in statements: nothing, or hashes, where
 * the profile says so (tests/e2e/private.yaml).
 */
#include "e2e.h"
#include "held.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET	"s3kr1t"

/* In any file that a daemon of the stack keeps; PostgreSQL's are not its. */
static bool
is_kept(const char *text)
{
	return e2e_sh("cd %s && grep -rlaF -e %s audit spool state *.log",
	    e2e_env("STACK_DIR"), text) == 0;
}

static void
run(PGconn *c, const char *sql, const char *sqlstate)
{
	PGresult *r = PQexec(c, sql);

	ck_assert_msg(strcmp(e2e_sqlstate(r), sqlstate) == 0, "%s: %s", sql,
	    PQresultErrorMessage(r));
	PQclear(r);
}

static void
run_params(PGconn *c, const char *sql, const char *value)
{
	PGresult *r = PQexecParams(c, sql, 1, NULL, &value, NULL, NULL, 0);

	ck_assert_int_eq(PQresultStatus(r), PGRES_TUPLES_OK);
	PQclear(r);
}

static void
is_closed(const char *subject)
{
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = '%s' AND closed IS NOT NULL", subject) == 1));
}

START_TEST(nothing)
{
	PGconn *c = e2e_session("quiet", "private-a");

	/* What passes, is rewritten, fails, is refused, is not understood. */
	run(c, "SELECT '" SECRET "', $$" SECRET "$$ /* " SECRET " */", "");
	run(c, "SELECT email FROM customers WHERE name = '" SECRET "'", "");
	run(c, "SELECT '" SECRET "'::int", "22P02");
	run(c, "DELETE FROM orders WHERE status = '" SECRET "'", "42501");
	run(c, "SELEC '" SECRET "'", "42601");
	run(c, "SELECT '" SECRET, "54000");
	run(c, "SELECT 1 '" SECRET "'", "42601");
	run_params(c, "SELECT $1::text || '" SECRET "'", SECRET);
	PQfinish(c);
	is_closed("private-a");
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = 'private-a' AND text LIKE 'SELECT $1, $2 %%'"), 1);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = 'private-a' AND text LIKE '%%WHERE name = $1' AND "
	    "sent LIKE '%%WHERE %%$%%'"), 1);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = 'private-a' AND sqlstate = '22P02' AND error = ''"), 1);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = 'private-a' AND sqlstate = '42501' AND error LIKE "
	    "'%%no-deletes%%'"), 1);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'intent' AND json_extract(body, '$.params') = '[{\"length\":6}]'"
	    " AND session = (SELECT session FROM sessions WHERE subject = "
	    "'private-a')"), 1);
	ck_assert(!is_kept(SECRET));
}
END_TEST

/* People see what they decide about; nothing of it stays. */
START_TEST(held)
{
	PGconn *c = e2e_session("quiet", "private-h");
	long n;

	ck_assert_int_eq(PQsendQuery(c, "UPDATE orders SET status = "
	    "'" SECRET "' WHERE id = 1"), 1);
	n = wait_request("private-h");
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s show %ld | grep -q "
	    SECRET, e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), n), 0);
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	PQclear(answer(c));
	PQfinish(c);
	is_closed("private-h");
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'approval_request' AND json_extract(body, '$.text') = "
	    "'UPDATE orders SET status = $1 WHERE id = $2'"), 1);
	ck_assert(E2E_UNTIL(5000, !is_kept(SECRET)));
}
END_TEST

/* NULL: not yet, policyd was restarted. */
static PGconn *
opened(const char *profile, const char *subject)
{
	char *token = e2e_token(subject, profile);
	PGconn *c = e2e_try(profile, token, false);

	free(token);
	if (PQstatus(c) == CONNECTION_OK)
		return c;
	PQfinish(c);
	return NULL;
}

/* The hash of a value that was sent as a parameter. */
static char *
hash_of(const char *subject)
{
	return e2e_audit("SELECT json_extract(json_extract(body, '$.params'), "
	    "'$[0].hash') FROM events WHERE kind = 'intent' AND "
	    "json_extract(body, '$.params') <> '' AND session = (SELECT "
	    "session FROM sessions WHERE subject = '%s')", subject);
}

START_TEST(hashes)
{
	PGconn *c = e2e_session("hashed", "private-x");
	char *x, *y, *z;

	run_params(c, "SELECT $1::text", "anna");
	run(c, "SELECT 'anna'", "");
	run(c, "PREPARE p(text) AS SELECT 'anna', $1", "");
	run(c, "EXECUTE p('anna')", "");
	PQfinish(c);
	is_closed("private-x");
	x = hash_of("private-x");
	ck_assert_uint_eq(strlen(x), 16);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = 'private-x' AND text = 'SELECT $1 /* %s */'", x), 1);

	/* The same in another session, of another policyd. */
	free(e2e_stack("kill --dir %s policyd", e2e_env("STACK_DIR")));
	free(e2e_stack("start --dir %s policyd", e2e_env("STACK_DIR")));
	ck_assert(E2E_UNTIL(15000, (c = opened("hashed", "private-y")) !=
	    NULL));
	run_params(c, "SELECT $1::text", "anna");
	PQfinish(c);
	is_closed("private-y");
	y = hash_of("private-y");
	ck_assert_str_eq(x, y);

	/* Another in another profile, which keeps its literals. */
	c = e2e_session("other", "private-z");
	run_params(c, "SELECT $1::text || 'kept'", "anna");
	PQfinish(c);
	is_closed("private-z");
	z = hash_of("private-z");
	ck_assert_uint_eq(strlen(z), 16);
	ck_assert_str_ne(x, z);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = 'private-z' AND text LIKE '%%''kept''%%'"), 1);
	ck_assert(!is_kept("anna"));
	free(x);
	free(y);
	free(z);
}
END_TEST

/* A script for psql has none of what was changed. */
START_TEST(replayed)
{
	PGconn *c = e2e_session("quiet", "private-r");
	char *id;

	run(c, "SELECT 'x'", "");
	run(c, "SELECT name FROM customers", "");
	PQfinish(c);
	is_closed("private-r");
	id = e2e_audit("SELECT session FROM sessions WHERE subject = "
	    "'private-r'");
	ck_assert_int_eq(e2e_sh("cd %s && %s/auditctl -f %s replay --sql "
	    "private.sql %s && grep -q 'not replayed: its values were not to "
	    "be recorded' private.sql && grep -q \"^SELECT E'SELECT name\" "
	    "private.sql && ! grep -q \"^SELECT E'SELECT .1\" private.sql",
	    e2e_env("STACK_DIR"), e2e_env("POSTERN_BIN"),
	    e2e_env("AUDITD_FILE"), id), 0);
	free(id);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("private");
	TCase *tc = tcase_create("private");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, nothing);
	tcase_add_test(tc, held);
	tcase_add_test(tc, hashes);
	tcase_add_test(tc, replayed);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
