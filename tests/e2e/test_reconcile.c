/*
 * auditctl reconcile against the logs of a real server, in all three formats:
 * agreement after statements of every kind, and then what is in one only.
 */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const formats[] = { "pg.log", "pg.csv", "pg.json" };

/* The server again, with a collector that writes all three. */
static void
restart_server(void)
{
	PGconn *d = e2e_direct();
	const char *dir = e2e_env("STACK_DIR");

	free(e2e_value(d, "ALTER SYSTEM SET logging_collector = on"));
	free(e2e_value(d, "ALTER SYSTEM SET log_destination = 'stderr, csvlog, "
	    "jsonlog'"));
	free(e2e_value(d, "ALTER SYSTEM SET log_filename = 'pg'"));
	free(e2e_value(d, "ALTER SYSTEM SET log_directory = 'audited'"));
	PQfinish(d);
	ck_assert_int_eq(e2e_sh("cd %s/pg/data && bin=$(dirname $(cut -d' ' "
	    "-f1 postmaster.opts)) && u=$(stat -c %%u .) && if [ $u != $(id "
	    "-u) ]; then as=\"setpriv --reuid $u --regid $(stat -c %%g .) "
	    "--clear-groups\"; fi; $as $bin/pg_ctl -s -w -m fast -D . -l "
	    "../log restart </dev/null >/dev/null 2>&1", dir), 0);
	/* policyd finds it again. */
	ck_assert(E2E_UNTIL(30000, ({
		char *token = e2e_token("rec-wait", "dba");
		PGconn *c = e2e_try("dba", token, false);
		bool ok = PQstatus(c) == CONNECTION_OK;

		PQfinish(c);
		free(token);
		ok;
	})));
}

static void
bind_one(PGconn *c, const char *sql, const char *value)
{
	PGresult *r = PQexecParams(c, sql, 1, NULL, &value, NULL, NULL, 0);

	PQclear(r);
}

static void
run(PGconn *c, const char *sql)
{
	PQclear(PQexec(c, sql));
}

/* As many kinds of statements as differ on the way. */
static void
work(const char *sub)
{
	PGconn *c = e2e_session("nightly-bot", sub);

	run(c, "SELECT name FROM tickets WHERE id = 1");
	run(c, "SELECT\n\t'a;b',\n\n  \"id\" FROM orders\n LIMIT 1\n");
	run(c, "SELECT email FROM customers WHERE id = 5");	/* masked */
	run(c, "DROP TABLE customers");				/* refused */
	run(c, "SELECT no_such FROM orders");			/* an error */
	run(c, "SELEC");
	run(c, "UPDATE orders SET status = 'r' WHERE id = 1; SELECT 2");
	run(c, "");
	run(c, "BEGIN");
	run(c, "SELECT 1, 'comma, \"quote\" \\ tab\t'");
	run(c, "COMMIT");
	bind_one(c, "SELECT $1::text, email FROM customers LIMIT 1", "x");
	bind_one(c, "DELETE FROM orders WHERE id = $1", "7");
	PQclear(PQprepare(c, "a: b", "SELECT $1::int", 1, NULL));
	PQclear(PQexecPrepared(c, "a: b", 1, (const char *[]){ "3" }, NULL,
	    NULL, 0));
	PQclear(PQprepare(c, "p", "SELECT $1::int + 1", 1, NULL));
	PQclear(PQexecPrepared(c, "p", 1, (const char *[]){ "3" }, NULL,
	    NULL, 0));
	PQclear(PQexecPrepared(c, "p", 1, (const char *[]){ "x" }, NULL,
	    NULL, 0));
	PQfinish(c);
	c = e2e_session("analyst", sub);		/* a fixed role */
	run(c, "SELECT city FROM customers LIMIT 2");
	PQfinish(c);
}

/* All that was sent has come to rest: sessions closed, the log written. */
static void
take_logs(const char *sub)
{
	PGconn *d = e2e_direct();

	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = '%s' AND closed IS NULL", sub) == 0));
	/* A line after all of them, so that the log is known to be whole. */
	free(e2e_value(d, "SELECT 'log-mark'"));
	PQfinish(d);
	ck_assert(E2E_UNTIL(10000, e2e_sh("cd %s/pg/data/audited && grep -q "
	    "log-mark pg && grep -q log-mark pg.csv && grep -q log-mark "
	    "pg.json && cp pg ../../../pg.log && cp pg.csv pg.json ../../..",
	    e2e_env("STACK_DIR")) == 0));
}

static int
reconcile(const char *file, const char *options)
{
	return e2e_sh("cd %s && %s/auditctl -d %s reconcile %s %s > rec.out "
	    "2>&1", e2e_env("STACK_DIR"), e2e_env("POSTERN_BIN"),
	    e2e_env("AUDIT_DB"), options, file);
}

static void
said(const char *what, int times)
{
	int rc = e2e_sh("cd %s && test $(grep -c -e '%s' rec.out) = %d",
	    e2e_env("STACK_DIR"), what, times);

	if (rc != 0)
		e2e_sh("cat %s/rec.out", e2e_env("STACK_DIR"));
	ck_assert_msg(rc == 0, "\"%s\" is not said %d times", what, times);
}

START_TEST(agrees_and_differs)
{
	PGconn *d;
	char *role;
	size_t i;

	restart_server();
	work("rec-agree");
	take_logs("rec-agree");
	for (i = 0; i < 3; i++) {
		/* A name of a statement with ": " is what a log in text cannot
		 * tell from the text. */
		ck_assert_int_eq(reconcile(formats[i], ""), 1);
		said("only in the log", 1);
		said("only in the log.*b: SELECT $1::int", 1);
		said("only in the record", 1);
		said("2 differences", 1);
	}

	/* As somebody would who has a session's role and no gateway. */
	role = e2e_audit("SELECT json_extract(body, '$.role') FROM events "
	    "WHERE kind = 'session_open' AND json_extract(body, '$.profile') "
	    "= 'analyst' ORDER BY id DESC LIMIT 1");
	d = e2e_direct();
	run(d, "CREATE ROLE pst_elsewhere LOGIN");
	run(d, "SET SESSION AUTHORIZATION pst_elsewhere");
	PQfinish(d);
	ck_assert_int_eq(e2e_sh("cd %s && cp pg.log more.log && printf '%%s "
	    "UTC [77] pst_stranger@shop LOG:  statement: SELECT 1\\n\\tFROM "
	    "unseen\\n' '2099-01-01 00:00:00.000' >> more.log && printf '%%s "
	    "UTC [78] %s@shop LOG:  execute <unnamed>: SELECT unseen_too\\n' "
	    "'2099-01-01 00:00:00.000' >> more.log", e2e_env("STACK_DIR"),
	    role), 0);
	ck_assert_int_eq(reconcile("more.log", "--json --since 2098-12-31"),
	    1);
	said("\"only\":\"log\".*\"pid\":77.*SELECT 1\\\\nFROM unseen", 1);
	said("\"only\":\"log\".*\"pid\":78.*SELECT unseen_too", 1);
	said("\"only\"", 2);
	/* A refusal's stand-in is known by its exact form only. */
	ck_assert_int_eq(e2e_sh("cd %s && sed 's/ -- refused by postern$/, "
	    "1&/' pg.log > forged.log", e2e_env("STACK_DIR")), 0);
	ck_assert_int_eq(reconcile("forged.log", ""), 1);
	said("only in the log.*pst_deny_.*, 1", 2);
	free(role);

	/* One line taken out of the log: the record has it still. */
	ck_assert_int_eq(e2e_sh("cd %s && grep -v 'SELECT city FROM' pg.log "
	    "> less.log && grep -v 'name FROM tickets' less.log > less2.log",
	    e2e_env("STACK_DIR")), 0);
	ck_assert_int_eq(reconcile("less2.log", ""), 1);
	said("only in the record.*SELECT city", 0);
	ck_assert_int_eq(reconcile("/dev/null", ""), 2);
	ck_assert_int_eq(reconcile("/etc/passwd", ""), 2);
	ck_assert_int_eq(e2e_sh("cd %s && sed 's/ UTC / CET /' pg.log > "
	    "cet.log", e2e_env("STACK_DIR")), 0);
	ck_assert_int_eq(reconcile("cet.log", ""), 2);
	said("not in UTC", 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("reconcile");
	TCase *t = tcase_create("reconcile");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, agrees_and_differs);
	suite_add_tcase(s, t);
	return e2e_main(s);
}
