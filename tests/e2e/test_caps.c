/*
 * `caps:` against a real server: an answer ends at its cap, and of what touches
 * more rows than it may nothing stays, by whatever way it was sent; what is
 * within is as without caps.
 */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

static PGconn *super;

static PGconn *
session(const char *profile)
{
	return e2e_session(profile, "caps");
}

/* Ten rows, v = 0 in each. */
static void
setup(void)
{
	super = e2e_direct();
	free(e2e_value(super, "SET client_min_messages = error"));
	free(e2e_value(super, "DROP TABLE IF EXISTS capped, capped_ref"));
	free(e2e_value(super, "CREATE TABLE capped (id int PRIMARY KEY, v int, "
	    "ref int)"));
	free(e2e_value(super, "CREATE TABLE capped_ref (id int PRIMARY KEY)"));
	free(e2e_value(super, "ALTER TABLE capped ADD FOREIGN KEY (ref) "
	    "REFERENCES capped_ref DEFERRABLE INITIALLY DEFERRED"));
	free(e2e_value(super, "INSERT INTO capped SELECT i, 0 FROM "
	    "generate_series(1, 10) i"));
	free(e2e_value(super, "GRANT ALL ON capped, capped_ref TO app_dba"));
}

static void
teardown(void)
{
	free(e2e_value(super, "DROP TABLE IF EXISTS capped, capped_ref"));
	PQfinish(super);
}

static void
check_value(PGconn *c, const char *sql, const char *want)
{
	char *v = e2e_value(c, sql);

	ck_assert_msg(strcmp(v, want) == 0, "%s: %s", sql, v);
	free(v);
}

/* By either protocol. */
static PGresult *
run(PGconn *c, const char *sql, bool extended)
{
	return extended ? PQexecParams(c, sql, 0, NULL, NULL, NULL, NULL, 0) :
	    PQexec(c, sql);
}

static void
over(PGconn *c, const char *sql, bool extended, const char *why)
{
	PGresult *r = run(c, sql, extended);

	ck_assert_msg(strcmp(e2e_sqlstate(r), "54000") == 0, "%s: %s %s", sql,
	    PQcmdStatus(r), PQresultErrorMessage(r));
	ck_assert_msg(strstr(PQresultErrorMessage(r), why) != NULL, "%s: %s",
	    sql, PQresultErrorMessage(r));
	PQclear(r);
}

static void
within(PGconn *c, const char *sql, bool extended, const char *tag, int rows)
{
	PGresult *r = run(c, sql, extended);

	ck_assert_msg(*e2e_sqlstate(r) == '\0', "%s: %s", sql,
	    PQresultErrorMessage(r));
	ck_assert_str_eq(PQcmdStatus(r), tag);
	ck_assert_int_eq(PQntuples(r), rows);
	PQclear(r);
}

static void
answers_by(bool ext)
{
	PGconn *c = session("capped"), *w = session("wide");
	PGresult *r;
	int n = 0;

	within(c, "SELECT generate_series(1, 10)", ext, "SELECT 10", 10);
	within(c, "SELECT 1 WHERE false", ext, "SELECT 0", 0);
	within(c, "SHOW search_path", ext, "SHOW", 1);
	within(c, "CREATE TEMP TABLE t AS SELECT generate_series(1, 100)", ext,
	    "SELECT 100", 0);
	over(c, "SELECT generate_series(1, 11)", ext, "more than 10 rows");
	over(c, "SELECT generate_series(1, 10000000)", ext,
	    "more than 10 rows");
	over(c, "TABLE t", ext, "more than 10 rows");
	check_value(c, "SELECT 7", "7");
	/* Not one row over it reaches the client. */
	ck_assert_int_eq(ext ? PQsendQueryParams(c, "TABLE t", 0, NULL, NULL,
	    NULL, NULL, 0) : PQsendQuery(c, "TABLE t"), 1);
	ck_assert_int_eq(PQsetSingleRowMode(c), 1);
	while ((r = PQgetResult(c)) != NULL) {
		n += PQntuples(r);
		PQclear(r);
	}
	ck_assert_int_eq(n, 10);
	/* More than one portion, and the tag of all. */
	within(w, "SELECT generate_series(1, 2500)", ext, "SELECT 2500", 2500);
	within(w, "SELECT generate_series(1, 2000)", ext, "SELECT 2000", 2000);
	within(w, "SELECT repeat('x', 100000)", ext, "SELECT 1", 1);
	over(w, "SELECT repeat('x', 110000)", ext, "more than 102400 bytes");
	over(w, "SELECT repeat('x', 60000) FROM generate_series(1, 100000)",
	    ext, "more than 102400 bytes");
	check_value(w, "SELECT 7", "7");
	PQfinish(c);
	PQfinish(w);
}

START_TEST(answers)
{
	answers_by(_i == 1);
}
END_TEST

static PGresult *
in_transaction(PGconn *c, const char *sql, bool tx,
    PGTransactionStatusType *status)
{
	PGresult *r;

	if (tx)
		free(e2e_value(c, "BEGIN"));
	r = PQexec(c, sql);
	*status = PQtransactionStatus(c);
	if (tx)
		free(e2e_value(c, "ROLLBACK"));
	return r;
}

/* The server's own errors, the state of the transaction, what is sent. */
START_TEST(alike)
{
	static const char *const texts[] = { "SELECT 1/0", "SELECT nothing",
	    "SELEC", "SELECT id, v::text AS t FROM capped ORDER BY id",
	    "INSERT INTO capped VALUES (1, 1)", "VALUES (1, 'a'), (2, NULL)",
	    "UPDATE capped SET ref = 99 WHERE id = 1",
	    "UPDATE capped SET v = v WHERE id = 1 RETURNING *", "",
	    "SELECT 'a', pg_backend_pid() > 0 -- no more" };
	PGconn *c = session("capped"), *d = session("dba");
	PGTransactionStatusType ta, tb;
	PGresult *a, *b;
	size_t i;
	bool tx;

	for (i = 0; i < 2 * sizeof(texts) / sizeof(texts[0]); i++) {
		tx = i % 2 == 1;
		a = in_transaction(c, texts[i / 2], tx, &ta);
		b = in_transaction(d, texts[i / 2], tx, &tb);
		ck_assert_msg(PQresultStatus(a) == PQresultStatus(b) &&
		    strcmp(PQcmdStatus(a), PQcmdStatus(b)) == 0 &&
		    strcmp(e2e_sqlstate(a), e2e_sqlstate(b)) == 0 &&
		    PQntuples(a) == PQntuples(b) &&
		    PQnfields(a) == PQnfields(b) && ta == tb, "%s: %s %s",
		    texts[i / 2], PQcmdStatus(a), PQresultErrorMessage(a));
		PQclear(a);
		PQclear(b);
	}
	PQfinish(c);
	PQfinish(d);
}
END_TEST

#define KEPT	"SELECT sum(v) FROM capped"

static void
effects_by(bool ext)
{
	PGconn *c = session("capped");
	PGresult *r;

	within(c, "UPDATE capped SET v = 1 WHERE id <= 5", ext, "UPDATE 5", 0);
	check_value(super, KEPT, "5");
	over(c, "UPDATE capped SET v = 2 WHERE id <= 6", ext,
	    "it touches 6 rows, and may touch 5");
	over(c, "UPDATE capped SET v = 2 WHERE id <= 6 RETURNING id", ext,
	    "it touches 6 rows");
	over(c, "DELETE FROM capped", ext, "it touches 10 rows");
	over(c, "INSERT INTO capped SELECT i, 0 FROM generate_series(11, 16) i",
	    ext, "it touches 6 rows");
	over(c, "INSERT INTO capped SELECT i, 0 FROM generate_series(1, 6) i "
	    "ON CONFLICT (id) DO UPDATE SET v = 9", ext, "it touches 6 rows");
	over(c, "MERGE INTO capped c USING generate_series(1, 6) i ON c.id = i "
	    "WHEN MATCHED THEN DELETE", ext, "it touches 6 rows");
	check_value(super, KEPT, "5");
	check_value(super, "SELECT count(*) FROM capped", "10");
	/* In a transaction: it has failed then, with all that was before. */
	free(e2e_value(c, "BEGIN"));
	within(c, "UPDATE capped SET v = 3 WHERE id = 1", ext, "UPDATE 1", 0);
	over(c, "UPDATE capped SET v = 3", ext, "it touches 10 rows");
	ck_assert_int_eq(PQtransactionStatus(c), PQTRANS_INERROR);
	r = PQexec(c, "COMMIT");
	ck_assert_str_eq(PQcmdStatus(r), "ROLLBACK");
	PQclear(r);
	check_value(super, KEPT, "5");
	/* A savepoint brings it back. */
	free(e2e_value(c, "BEGIN"));
	within(c, "UPDATE capped SET v = 3 WHERE id = 1", ext, "UPDATE 1", 0);
	free(e2e_value(c, "SAVEPOINT s"));
	over(c, "UPDATE capped SET v = 3", ext, "it touches 10 rows");
	free(e2e_value(c, "ROLLBACK TO s"));
	free(e2e_value(c, "COMMIT"));
	check_value(super, KEPT, "7");
	free(e2e_value(super, "UPDATE capped SET v = 0"));
	PQfinish(c);
}

START_TEST(effects)
{
	effects_by(_i == 1);
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM "
	    "statements WHERE sqlstate = '54000' AND status = 'denied' AND "
	    "text LIKE 'DELETE FROM capped'") >= 1));
}
END_TEST

/* Several in one transaction, by one Sync. */
START_TEST(pipelined)
{
	PGconn *c = session("capped");
	PGresult *r;
	char states[256] = "";
	int i, nulls = 0;

	ck_assert_int_eq(PQenterPipelineMode(c), 1);
	for (i = 0; i < 2; i++) {
		PQsendQueryParams(c, "UPDATE capped SET v = 5 WHERE id = 1", 0,
		    NULL, NULL, NULL, NULL, 0);
		PQsendQueryParams(c, i == 0 ? "UPDATE capped SET v = 5" :
		    "SELECT 1", 0, NULL, NULL, NULL, NULL, 0);
		PQsendQueryParams(c, "UPDATE capped SET v = 6 WHERE id = 2", 0,
		    NULL, NULL, NULL, NULL, 0);
		PQpipelineSync(c);
	}
	while (nulls < 2) {
		if ((r = PQgetResult(c)) == NULL) {
			nulls++;
			continue;
		}
		nulls = 0;
		snprintf(states + strlen(states), sizeof(states) -
		    strlen(states), "%s%s ", e2e_sqlstate(r),
		    PQresultStatus(r) == PGRES_PIPELINE_ABORTED ? "skipped" :
		    PQresultStatus(r) == PGRES_PIPELINE_SYNC ? "sync" :
		    PQcmdStatus(r));
		PQclear(r);
	}
	ck_assert_str_eq(states, "UPDATE 1 54000 skipped sync UPDATE 1 "
	    "SELECT 1 UPDATE 1 sync ");
	check_value(super, KEPT, "11");
	free(e2e_value(super, "UPDATE capped SET v = 0"));
	PQfinish(c);
}
END_TEST

static int
portions(struct raw *r, const char *sql, uint8_t max, int times, int *rows)
{
	const uint8_t	*body;
	uint8_t		 parse[256], execute[5] = { 0, 0, 0, 0, max };
	size_t		 len = strlen(sql);
	int		 t, done = 0;

	memset(parse, 0, sizeof(parse));
	memcpy(parse + 1, sql, len);
	raw_msg(r, 'P', parse, len + 4);
	raw_msg(r, 'B', "\0\0\0\0\0\0\0\0", 8);
	while (times-- > 0)
		raw_msg(r, 'E', execute, 5);
	raw_msg(r, 'S', NULL, 0);
	*rows = 0;
	while ((t = raw_read(r, 10000, &body, &len)) > 0 && t != 'Z') {
		*rows += t == 'D';
		done += t == 's' || t == 'C';
	}
	ck_assert_int_eq(t, 'Z');
	return done;
}

/* A portal in portions: its answers are counted together. */
START_TEST(portals)
{
	struct raw *r = raw_session("capped", "caps-raw", false);
	int rows;

	ck_assert_int_eq(portions(r, "SELECT generate_series(1, 10)", 4, 3,
	    &rows), 3);
	ck_assert_int_eq(rows, 10);
	ck_assert_str_eq(raw_sqlstate(r), "");
	ck_assert_int_eq(portions(r, "SELECT generate_series(1, 11)", 4, 3,
	    &rows), 2);
	ck_assert_int_eq(rows, 10);
	raw_free(&r);
	r = raw_session("capped", "caps-raw", false);
	/* All rows are touched at the first, and the Sync would commit it. */
	ck_assert_int_eq(portions(r, "UPDATE capped SET v = 1 RETURNING id",
	    1, 1, &rows), 0);
	check_value(super, KEPT, "0");
	ck_assert_int_eq(portions(r, "UPDATE capped SET v = 1 WHERE id < 4 "
	    "RETURNING id", 5, 1, &rows), 1);
	ck_assert_int_eq(rows, 3);
	check_value(super, KEPT, "3");
	free(e2e_value(super, "UPDATE capped SET v = 0"));
	raw_free(&r);
}
END_TEST

/* What a refusal does to the client's own statements: nothing. */
START_TEST(unnamed)
{
	PGconn *c = session("capped");
	PGresult *r = PQprepare(c, "", "SELECT generate_series(1, $1::int)", 0,
	    NULL);
	const char *v = "11";
	int i;

	ck_assert_int_eq(PQresultStatus(r), PGRES_COMMAND_OK);
	PQclear(r);
	for (i = 0; i < 2; i++) {
		r = PQexecPrepared(c, "", 1, &v, NULL, NULL, 0);
		ck_assert_str_eq(e2e_sqlstate(r), "54000");
		PQclear(r);
	}
	v = "10";
	r = PQexecPrepared(c, "", 1, &v, NULL, NULL, 0);
	ck_assert_int_eq(PQntuples(r), 10);
	PQclear(r);
	PQfinish(c);
}
END_TEST

/* What cannot be counted, or not undone. */
START_TEST(uncountable)
{
	static const char *const texts[] = { "SELECT 1; SELECT 2",
	    "BEGIN; UPDATE capped SET v = 1; COMMIT",
	    "COPY capped TO STDOUT", "COPY (SELECT 1) TO STDOUT",
	    "COPY capped FROM STDIN", "DECLARE c CURSOR FOR SELECT 1",
	    "PREPARE p AS SELECT 1", "PREPARE p AS UPDATE capped SET v = 1",
	    "EXECUTE p", "EXPLAIN ANALYZE EXECUTE p", "TRUNCATE capped",
	    "DO $$ BEGIN UPDATE capped SET v = 1; END $$", "CALL p()",
	    "WITH d AS (DELETE FROM capped RETURNING 1) SELECT 1",
	    ("WITH d AS (DELETE FROM capped RETURNING 1) "
	    "UPDATE capped SET v = 1 WHERE id = 0"),
	    "EXPLAIN ANALYZE DELETE FROM capped",
	    "SELECT 1; not sql" };
	PGconn *c = session("capped");
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		e2e_refused(c, texts[i], strstr(texts[i], "not sql") ?
		    "42601" : "42501");
	free(e2e_value(c, "EXPLAIN DELETE FROM capped"));
	check_value(super, "SELECT count(*) + sum(v) FROM capped", "10");
	PQfinish(c);
}
END_TEST

static bool
known(PGconn *c)
{
	PGresult *r = PQexec(c, "SELECT 1 FROM capped WHERE false");
	bool is = PQresultStatus(r) == PGRES_TUPLES_OK;

	PQclear(r);
	return is;
}

/* Of rules: with masks, and the lowest of all that apply. */
START_TEST(by_rule)
{
	PGconn *c = session("ruled");
	int ext;

	/* With masks, what is new to the catalogue is refused for a while. */
	ck_assert(E2E_UNTIL(60000, known(c)));
	for (ext = 0; ext < 2; ext++) {
		within(c, "SELECT email FROM customers LIMIT 3", ext,
		    "SELECT 3", 3);
		over(c, "SELECT email FROM customers LIMIT 4", ext,
		    "more than 3 rows");
		within(c, "SELECT id FROM orders LIMIT 1000", ext,
		    "SELECT 1000", 1000);
		over(c, "SELECT id FROM orders LIMIT 1001", ext,
		    "more than 1000 rows");
		over(c, "DELETE FROM capped WHERE id < 3", ext,
		    "it touches 2 rows, and may touch 1");
		within(c, "UPDATE capped SET v = 0", ext, "UPDATE 10", 0);
	}
	/* Whatever of several ways to say it. */
	e2e_refused(c, "WITH d AS (DELETE FROM capped RETURNING 1) SELECT "
	    "count(*) FROM d", "42501");
	e2e_refused(c, "EXECUTE p", "42501");
	check_value(super, "SELECT count(*) FROM capped", "10");
	PQfinish(c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("caps");
	TCase *tc = tcase_create("caps");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, answers, 0, 2);
	tcase_add_test(tc, alike);
	tcase_add_loop_test(tc, effects, 0, 2);
	tcase_add_test(tc, pipelined);
	tcase_add_test(tc, portals);
	tcase_add_test(tc, unnamed);
	tcase_add_test(tc, uncountable);
	tcase_add_test(tc, by_rule);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
