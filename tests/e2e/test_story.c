/*
 * The main job through a real server: what the sample's profiles may see and
 * do, what a refusal leaves behind, and what the audit store says about it.
 */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct truth {
	char	*email, *card, *phone;
};

static struct truth
truth_of(int id)
{
	PGconn *c = e2e_direct();
	struct truth t;
	char sql[128];

	snprintf(sql, sizeof sql, "SELECT email FROM customers WHERE id = %d",
	    id);
	t.email = e2e_value(c, sql);
	snprintf(sql, sizeof sql, "SELECT card FROM customers WHERE id = %d",
	    id);
	t.card = e2e_value(c, sql);
	snprintf(sql, sizeof sql, "SELECT phone FROM customers WHERE id = %d",
	    id);
	t.phone = e2e_value(c, sql);
	PQfinish(c);
	return t;
}

static void
check_clean(const struct truth *t, const char *text, const char *sql)
{
	char local[128];

	snprintf(local, sizeof local, "%.*s", (int)strcspn(t->email, "@"),
	    t->email);
	ck_assert_msg(strstr(text, t->email) == NULL &&
	    strstr(text, local) == NULL && strstr(text, t->card) == NULL &&
	    strstr(text, t->phone) == NULL, "%s shows %s", sql, text);
}

/* Reads of customer 4711 that must succeed, masked. */
static const char *const masked_reads[] = {
	"SELECT * FROM customers WHERE id = 4711",
	"SELECT email, card, phone FROM customers WHERE id = 4711",
	"SELECT c.email AS a, c.card AS b, c.phone AS c FROM customers c "
	    "WHERE c.id = 4711",
	"SELECT c FROM customers c WHERE id = 4711",
	"SELECT upper(email), 'x' || card, left(phone, 20) FROM customers "
	    "WHERE id = 4711",
	"SELECT s.a, s.b FROM (SELECT id, email AS a, card AS b FROM customers)"
	    " AS s WHERE s.id = 4711",
	"WITH w AS (SELECT id, email, card, phone FROM customers) "
	    "SELECT * FROM w WHERE id = 4711",
	"SELECT (SELECT email FROM customers WHERE id = 4711)",
	"SELECT o.id, c.email, c.card FROM orders o JOIN customers c "
	    "ON c.id = o.customer_id WHERE c.id = 4711 LIMIT 3",
	"SELECT email FROM public.customers WHERE id = 4711",
	"SELECT email FROM customers WHERE id = 4711 UNION ALL "
	    "SELECT card FROM customers WHERE id = 4711",
	"SELECT min(email), max(card), string_agg(phone, ',') FROM customers "
	    "WHERE id = 4711",
	"SELECT to_json(c) FROM customers AS c WHERE id = 4711",
	NULL
};

START_TEST(reads_are_masked)
{
	struct truth t = truth_of(4711);
	PGconn *c = e2e_session("nightly-bot", "story-reads");
	PGresult *r;
	size_t i;
	int row, col;

	for (i = 0; masked_reads[i] != NULL; i++) {
		r = PQexec(c, masked_reads[i]);
		ck_assert_msg(PQresultStatus(r) == PGRES_TUPLES_OK, "%s: %s",
		    masked_reads[i], PQresultErrorMessage(r));
		ck_assert_int_gt(PQntuples(r), 0);
		for (row = 0; row < PQntuples(r); row++)
			for (col = 0; col < PQnfields(r); col++)
				check_clean(&t, PQgetvalue(r, row, col),
				    masked_reads[i]);
		PQclear(r);
	}
	PQfinish(c);
}
END_TEST

/* Whatever becomes of these, no raw value may show. */
static const char *const attempts[] = {
	"SELECT id FROM customers WHERE email LIKE 'a%' LIMIT 1",
	"SELECT id FROM customers ORDER BY card LIMIT 1",
	"SELECT customer_email(4711)",
	"SELECT * FROM customer_orders WHERE id = 4711",
	"SELECT email::int FROM customers WHERE id = 4711",
	"SELECT query_to_xml('SELECT email FROM customers WHERE id = 4711', "
	    "true, false, '')",
	"SELECT ctid, email FROM customers WHERE id = 4711",
	"TABLE customers",
	"EXPLAIN SELECT * FROM customers WHERE email = 'x'",
	"SELECT most_common_vals FROM pg_stats WHERE tablename = 'customers'",
	"DO $$ BEGIN RAISE NOTICE '%', (SELECT email FROM customers "
	    "WHERE id = 4711); END $$",
	"CREATE TEMP TABLE t AS SELECT * FROM customers",
	"SELECT * INTO TEMP t FROM customers",
	"INSERT INTO orders (id, customer_id, amount, status) SELECT 990000, "
	    "id, 1, email FROM customers WHERE id = 4711",
	"UPDATE orders SET status = c.email FROM customers c "
	    "WHERE c.id = customer_id AND orders.id = 1 RETURNING status",
	"DECLARE x CURSOR WITH HOLD FOR SELECT email FROM customers",
	"PREPARE p AS SELECT email FROM customers WHERE id = 4711",
	"EXECUTE p",
	"SELECT current_query()",
	NULL
};

START_TEST(attempts_show_nothing)
{
	struct truth t = truth_of(4711);
	PGconn *c = e2e_session("nightly-bot", "story-attempts");
	PGresult *r;
	size_t i;
	int row, col;

	for (i = 0; attempts[i] != NULL; i++) {
		r = PQexec(c, attempts[i]);
		check_clean(&t, PQresultErrorMessage(r), attempts[i]);
		for (row = 0; row < PQntuples(r); row++)
			for (col = 0; col < PQnfields(r); col++)
				check_clean(&t, PQgetvalue(r, row, col),
				    attempts[i]);
		PQclear(r);
		ck_assert_int_eq(PQstatus(c), CONNECTION_OK);
	}
	PQfinish(c);
}
END_TEST

START_TEST(denied_session_goes_on)
{
	PGconn *c = e2e_session("nightly-bot", "story-drop");
	PGresult *r = PQexec(c, "DROP TABLE orders");
	char *v;

	ck_assert_str_eq(e2e_sqlstate(r), "42501");
	ck_assert_ptr_nonnull(strstr(PQresultErrorMessage(r),
	    "nothing-structural"));
	ck_assert_ptr_nonnull(PQresultErrorField(r, PG_DIAG_MESSAGE_HINT));
	PQclear(r);
	v = e2e_value(c, "SELECT count(*) FROM orders WHERE id <= 10");
	ck_assert_str_eq(v, "10");
	free(v);
	ck_assert_int_eq(PQtransactionStatus(c), PQTRANS_IDLE);
	PQfinish(c);
}
END_TEST

START_TEST(denied_in_transaction)
{
	PGconn *c = e2e_session("nightly-bot", "story-begin");
	PGresult *r;
	char *v;

	free(e2e_value(c, "BEGIN"));
	free(e2e_value(c, "SAVEPOINT s"));
	e2e_refused(c, "DROP TABLE orders", "42501");
	ck_assert_int_eq(PQtransactionStatus(c), PQTRANS_INERROR);
	e2e_refused(c, "SELECT 1", "25P02");
	e2e_refused(c, "DROP TABLE orders", "25P02");
	free(e2e_value(c, "ROLLBACK TO s"));
	v = e2e_value(c, "SELECT 1");
	ck_assert_str_eq(v, "1");
	free(v);
	e2e_refused(c, "DELETE FROM orders", "42501");
	r = PQexec(c, "COMMIT");
	ck_assert_str_eq(PQcmdStatus(r), "ROLLBACK");
	PQclear(r);
	ck_assert_int_eq(PQtransactionStatus(c), PQTRANS_IDLE);
	/* Several statements in one text: none of them runs. */
	e2e_refused(c, "UPDATE orders SET status = 'x' WHERE id = 2; "
	    "DROP TABLE orders", "42501");
	v = e2e_value(c, "SELECT count(*) FROM orders WHERE status = 'x'");
	ck_assert_str_eq(v, "0");
	free(v);
	PQfinish(c);
}
END_TEST

START_TEST(writes_where_allowed)
{
	PGconn *c = e2e_session("nightly-bot", "story-writes");
	PGconn *a = e2e_session("analyst", "story-analyst");
	PGresult *r;

	r = PQexec(c, "UPDATE orders SET status = 'sent' WHERE id = 3");
	ck_assert_msg(PQresultStatus(r) == PGRES_COMMAND_OK, "%s",
	    PQresultErrorMessage(r));
	ck_assert_str_eq(PQcmdTuples(r), "1");
	PQclear(r);
	r = PQexec(c, "INSERT INTO orders (id, customer_id, amount) VALUES "
	    "(910001, 1, 5), (910002, 2, 6)");
	ck_assert_msg(PQresultStatus(r) == PGRES_COMMAND_OK, "%s",
	    PQresultErrorMessage(r));
	ck_assert_str_eq(PQcmdTuples(r), "2");
	PQclear(r);
	e2e_refused(c, "UPDATE customers SET city = 'x' WHERE id = 1", "42501");
	e2e_refused(c, "UPDATE tickets SET body = '' WHERE id = 1", "42501");
	e2e_refused(a, "UPDATE orders SET status = 'x' WHERE id = 1", "42501");
	e2e_refused(a, "INSERT INTO orders VALUES (1, 1, 1)", "42501");
	PQfinish(c);
	PQfinish(a);
}
END_TEST

START_TEST(dba_sees_everything)
{
	struct truth t = truth_of(4711);
	PGconn *c = e2e_session("dba", "story-dba");
	char *v = e2e_value(c, "SELECT email FROM customers WHERE id = 4711");

	ck_assert_str_eq(v, t.email);
	free(v);
	free(e2e_value(c, "CREATE TABLE e2e_dba (a int)"));
	free(e2e_value(c, "DROP TABLE e2e_dba"));
	PQfinish(c);
}
END_TEST

START_TEST(audit_shows_all)
{
	PGconn *c = e2e_session("nightly-bot", "story-audit");
	char *v;

	free(e2e_value(c, "SELECT email FROM customers WHERE id <= 7"));
	free(e2e_value(c, "UPDATE orders SET status = 'sent' WHERE id = 4"));
	e2e_refused(c, "DROP TABLE orders", "42501");
	e2e_refused(c, "SELECT * FROM no_such_table", "42P01");
	PQfinish(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = 'story-audit' AND closed IS NOT NULL") == 1));
	v = e2e_audit("SELECT profile || '|' || database || '|' || "
	    "substr(role, 1, 4) || '|' || application FROM sessions WHERE subject = 'story-audit'");
	ck_assert_str_eq(v, "nightly-bot|shop|pst_|e2e");
	free(v);
	/* The catalogue may change while an intent is committed: that one is
	 * void, is recorded as such, and the statement judged again. */
	v = e2e_audit("SELECT group_concat(action || '|' || rule || '|' || "
	    "kind || '|' || coalesce(tag, '') || '|' || coalesce(rows, '') || "
	    "'|' || status || '|' || sqlstate, ';') FROM (SELECT * FROM "
	    "statements WHERE subject = 'story-audit' AND status <> 'voided' "
	    "ORDER BY id LIMIT 3)");
	ck_assert_str_eq(v, "mask|reads|select|SELECT 7|7|ok|;"
	    "allow|order-work|update|UPDATE 1|1|ok|;"
	    "deny|nothing-structural|drop_table||0|denied|42501");
	free(v);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = 'story-audit' AND text = 'SELECT email FROM customers "
	    "WHERE id <= 7' AND masked LIKE '%%customers.email%%' AND bytes > "
	    "0 AND duration_us > 0"), 1);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = 'story-audit' AND status = 'unknown'"), 0);
}
END_TEST

START_TEST(psql_describes)
{
	char *token = e2e_token("story-psql", "ai-agents");
	PGconn *c = e2e_session("dba", "story-psql");
	/* What psql 15 asks for is no column of 17's pg_database. */
	const char *list = PQserverVersion(c) < 170000 ? "-c '\\l'" : "";
	int rc;

	PQfinish(c);
	/* psql's own questions must pass under a masked profile. */
	setenv("PGPASSWORD", token, 1);
	rc = e2e_sh("psql -X -v ON_ERROR_STOP=1 'host=%s port=%s dbname=%s "
	    "user=nightly-bot sslmode=verify-full sslrootcert=%s' "
	    "-c '\\dt' -c '\\d orders' -c '\\d customers' %s "
	    "-c 'SELECT 1 AS delete' > %s/psql.out 2>&1", e2e_env("GW_HOST"),
	    e2e_env("GW_PORT"), e2e_env("GW_DB"), e2e_env("GW_CA"), list,
	    e2e_env("STACK_DIR"));
	if (rc != 0)
		e2e_sh("cat %s/psql.out", e2e_env("STACK_DIR"));
	ck_assert_int_eq(rc, 0);
	free(token);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("story");
	TCase *tc = tcase_create("story");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, reads_are_masked);
	tcase_add_test(tc, attempts_show_nothing);
	tcase_add_test(tc, denied_session_goes_on);
	tcase_add_test(tc, denied_in_transaction);
	tcase_add_test(tc, writes_where_allowed);
	tcase_add_test(tc, dba_sees_everything);
	tcase_add_test(tc, audit_shows_all);
	tcase_add_test(tc, psql_describes);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
