/*
 * What the record has of a statement beside its text: what it touched, how long
 * who took, what was copied, what became of its transaction, the settings that
 * it changed and what others notified.
 */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `column` of the last statement of the subject with this text. */
static void
is(const char *subject, const char *text, const char *column, const char *want)
{
	char *v = NULL;

	ck_assert_msg(E2E_UNTIL(10000, ({
		free(v);
		v = e2e_audit("SELECT coalesce(%s, 'NULL') FROM statements "
		    "WHERE subject = '%s' AND text LIKE '%s' ORDER BY id DESC "
		    "LIMIT 1", column, subject, text);
		strcmp(v, want) == 0;
	})), "%s of \"%s\" is \"%s\", not \"%s\"", column, text, v, want);
	free(v);
}

static void
touched(const char *subject, const char *text, const char *want)
{
	is(subject, text, "touched", want);
}

static void
run(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);

	PQclear(r);
}

START_TEST(relations)
{
	PGconn *c = e2e_session("dba", "rec-rel");
	char *v;

	run(c, "CREATE TABLE rec_a (id int PRIMARY KEY, name text, \"Odd "
	    "one\" int)");
	free(e2e_value(c, "SELECT count(*) FROM rec_a"));
	/* The catalogue is read again after DDL. */
	ck_assert(E2E_UNTIL(10000, ({
		free(e2e_value(c, "SELECT name FROM rec_a"));
		e2e_pause(100);
		e2e_audit_n("SELECT count(*) FROM statements WHERE subject = "
		    "'rec-rel' AND touched = 'read public.rec_a(name)'") > 0;
	})));
	run(c, "SELECT \"Odd one\" FROM public.rec_a r WHERE r.id = 1");
	touched("rec-rel", "SELECT \"Odd one\"%", "read public.rec_a(id, "
	    "\"Odd one\")");
	run(c, "SELECT * FROM rec_a, orders WHERE false");
	touched("rec-rel", "SELECT * FROM rec_a, orders%", "read "
	    "public.rec_a(*); read public.orders(*)");
	run(c, "UPDATE rec_a SET name = 'x' WHERE id = 3");
	touched("rec-rel", "UPDATE rec_a%", "read public.rec_a(id); write "
	    "public.rec_a(name)");
	run(c, "INSERT INTO rec_a (id) SELECT id FROM orders WHERE id < 0");
	/* A name counts for each relation that has such a column. */
	touched("rec-rel", "INSERT INTO rec_a%", "read public.orders(id); "
	    "read public.rec_a(id); write public.rec_a(id)");
	run(c, "DELETE FROM rec_a");
	touched("rec-rel", "DELETE FROM rec_a%", "write public.rec_a");
	run(c, "SELECT 1 FROM rec_nowhere");
	touched("rec-rel", "SELECT 1 FROM rec_nowhere%", "read rec_nowhere");
	run(c, "SELECT 1 AS rec_nothing");
	touched("rec-rel", "SELECT 1 AS rec_nothing%", "");
	v = e2e_audit("SELECT group_concat(access || ' ' || relation || ' ' "
	    "|| columns, '; ') FROM touched JOIN statements s ON s.id = event "
	    "WHERE subject = 'rec-rel' AND text LIKE 'UPDATE%%'");
	ck_assert_str_eq(v, "read public.rec_a id; write public.rec_a name");
	free(v);
	/* Prepared: each execution. */
	PQclear(PQprepare(c, "p", "SELECT name FROM rec_a WHERE id = $1", 1,
	    NULL));
	PQclear(PQexecPrepared(c, "p", 1, (const char *[]){ "7" }, NULL, NULL,
	    0));
	touched("rec-rel", "SELECT name FROM rec_a WHERE id = $1", "read "
	    "public.rec_a(id, name)");
	is("rec-rel", "SELECT name FROM rec_a WHERE id = $1", "params",
	    "[\"7\"]");
	run(c, "DROP TABLE rec_a");
	PQfinish(c);
}
END_TEST

/* Refused ones, too, and what auditctl makes of it. */
START_TEST(asked)
{
	PGconn *c = e2e_session("nightly-bot", "rec-asked");
	const char *dir = e2e_env("STACK_DIR"), *bin = e2e_env("POSTERN_BIN"),
	    *db = e2e_env("AUDIT_DB");

	free(e2e_value(c, "SELECT name FROM customers LIMIT 1"));
	free(e2e_value(c, "SELECT id FROM tickets LIMIT 1"));
	e2e_refused(c, "DELETE FROM customers", "42501");
	PQfinish(c);
	touched("rec-asked", "DELETE FROM customers", "write public.customers");
	ck_assert_int_eq(e2e_sh("cd %s && %s/auditctl -d %s log --subject "
	    "rec-asked --relation public.customers --json > rel.out && "
	    "test $(wc -l < rel.out) = 2 && ! grep -q tickets rel.out",
	    dir, bin, db), 0);
	ck_assert_int_eq(e2e_sh("cd %s && %s/auditctl -d %s report --by "
	    "relation --subject rec-asked --json > by.out && test $(wc -l < "
	    "by.out) = 2 && grep -q '\"relation\": *\"public.customers\", *"
	    "\"statements\": *2, *\"reads\": *1, *\"writes\": *1, *"
	    "\"denied\": *1' by.out", dir, bin, db), 0);
}
END_TEST

/* Bars for who looks, a page for who does not; names are only ever text. */
START_TEST(reported)
{
	const char *name = "rec<b>&\xe2\x80\xaex", *dir = e2e_env("STACK_DIR"),
	    *bin = e2e_env("POSTERN_BIN"), *db = e2e_env("AUDIT_DB");
	/* A shell is between. */
	PGconn *c = e2e_session("nightly-bot", "'rec<b>&\xe2\x80\xaex'");

	free(e2e_value(c, "SELECT name FROM customers LIMIT 1"));
	free(e2e_value(c, "SELECT name FROM customers LIMIT 2"));
	e2e_refused(c, "DELETE FROM customers", "42501");
	PQfinish(c);
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = '%s' AND closed IS NOT NULL", name) == 1));
	ck_assert_int_eq(e2e_sh("cd %s && script -qec \"%s/auditctl -d %s "
	    "report --subject '%s'\" /dev/null > bars.out && grep -Fq "
	    "'statements (! refused)' bars.out && grep -q 'rec<b>&.* "
	    "#\\{27\\}!\\{13\\} 3' bars.out", dir, bin, db, name), 0);
	/* None where nobody looks. */
	ck_assert_int_eq(e2e_sh("cd %s && %s/auditctl -d %s report > bars.out "
	    "&& ! grep -q '##' bars.out", dir, bin, db), 0);
	ck_assert_int_eq(e2e_sh("cd %s && rm -f report.html && %s/auditctl -d "
	    "%s report --by relation --subject '%s' --html report.html && "
	    "grep -Fq '<td>rec&lt;b&gt;&amp;\\u{202e}x</td><td>"
	    "public.customers</td><td class=\"n\">3</td>' report.html && "
	    "grep -q 'class=\"denied\" x=\"160\" width=\"80\"' report.html && "
	    "grep -q 'id=\"end\"' report.html", dir, bin, db, name), 0);
	/* What is there is not written over. */
	ck_assert_int_eq(e2e_sh("cd %s && %s/auditctl -d %s report --html "
	    "report.html 2>/dev/null", dir, bin, db), 2);
}
END_TEST

START_TEST(transactions)
{
	PGconn *c = e2e_session("dba", "rec-tx");

	run(c, "SELECT 'alone'");
	run(c, "SELECT 1 / 0");
	run(c, "BEGIN");
	run(c, "SELECT 'stays'");
	run(c, "COMMIT");
	run(c, "BEGIN");
	run(c, "SELECT 'goes'");
	run(c, "ROLLBACK");
	run(c, "BEGIN");
	run(c, "SELECT 'fails'");
	run(c, "SELECT 2 / 0");
	run(c, "COMMIT");
	run(c, "SELECT 'both'; COMMIT; SELECT 3 / 0");
	run(c, "BEGIN");
	run(c, "SELECT 'lost'");
	PQfinish(c);
	is("rec-tx", "SELECT ''alone''", "ended", "committed");
	is("rec-tx", "SELECT 1 / 0", "ended", "rolled back");
	is("rec-tx", "SELECT ''stays''", "ended", "committed");
	is("rec-tx", "SELECT ''goes''", "ended", "rolled back");
	is("rec-tx", "SELECT ''fails''", "ended", "rolled back");
	is("rec-tx", "SELECT 2 / 0", "ended", "rolled back");
	is("rec-tx", "SELECT ''both''%", "ended", "partly");
	is("rec-tx", "SELECT ''lost''", "ended", "unknown");
}
END_TEST

START_TEST(copies_and_times)
{
	PGconn *c = e2e_session("dba", "rec-copy");

	run(c, "CREATE TABLE rec_copy (t text)");
	PQclear(PQexec(c, "COPY rec_copy FROM STDIN"));
	ck_assert_int_eq(PQputCopyData(c, "12345\n67890\n", 12), 1);
	ck_assert_int_eq(PQputCopyEnd(c, NULL), 1);
	while (PQgetResult(c) != NULL)
		;
	is("rec-copy", "COPY rec_copy%", "copied", "12");
	is("rec-copy", "COPY rec_copy%", "rows", "2");
	run(c, "SELECT pg_sleep(0.2)");
	is("rec-copy", "SELECT pg_sleep%", "first_us BETWEEN 200000 AND "
	    "duration_us", "1");
	is("rec-copy", "SELECT pg_sleep%", "client_us", "0");
	run(c, "DROP TABLE rec_copy");
	PQfinish(c);
}
END_TEST

/* The client does not read: that time is its own. */
START_TEST(slow_client)
{
	PGconn *c = e2e_session("dba", "rec-slow");
	PGresult *r;

	ck_assert_int_eq(PQsendQuery(c, "SELECT repeat('x', 1000) FROM "
	    "generate_series(1, 60000)"), 1);
	e2e_pause(500);
	while ((r = PQgetResult(c)) != NULL)
		PQclear(r);
	is("rec-slow", "SELECT repeat%", "client_us BETWEEN 100000 AND "
	    "duration_us", "1");
	PQfinish(c);
}
END_TEST

START_TEST(settings_and_notifications)
{
	PGconn *c = e2e_session("dba", "rec-set");

	run(c, "SET application_name = 'rec-app'");
	run(c, "LISTEN rec_channel");
	run(c, "NOTIFY rec_channel, 'twelve bytes'");
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM events "
	    "JOIN sessions USING (session) WHERE subject = 'rec-set' AND kind "
	    "= 'setting' AND json_extract(body, '$.name') = "
	    "'application_name' AND json_extract(body, '$.value') = "
	    "'rec-app'") == 1));
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM events "
	    "JOIN sessions USING (session) WHERE subject = 'rec-set' AND kind "
	    "= 'notification' AND json_extract(body, '$.channel') = "
	    "'rec_channel' AND json_extract(body, '$.length') = 12") == 1));
	PQfinish(c);
}
END_TEST

START_TEST(proven)
{
	ck_assert_int_eq(e2e_sh("%s/auditctl -f %s verify", e2e_env(
	    "POSTERN_BIN"), e2e_env("AUDITD_FILE")), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("recorded");
	TCase *t = tcase_create("recorded");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, relations);
	tcase_add_test(t, asked);
	tcase_add_test(t, reported);
	tcase_add_test(t, transactions);
	tcase_add_test(t, copies_and_times);
	tcase_add_test(t, slow_client);
	tcase_add_test(t, settings_and_notifications);
	tcase_add_test(t, proven);
	suite_add_tcase(s, t);
	return e2e_main(s);
}
