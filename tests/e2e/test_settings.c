/*
 * `settings:` of a profile against a real server: what is pinned stays what it
 * is, whatever a session tries; what may be changed is.  And calls by number,
 * which are judged as the same calls in SQL.
 */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PGconn *
session(const char *profile)
{
	char *token = e2e_token("settings", profile);
	PGconn *c = e2e_try(profile, token, false);

	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s: %s", profile,
	    PQerrorMessage(c));
	free(token);
	return c;
}

static PGconn *
with_options(const char *profile, const char *options)
{
	char *token = e2e_token("settings", profile);
	const char *keys[] = { "host", "port", "dbname", "user", "password",
	    "sslmode", "options", NULL };
	const char *values[] = { "127.0.0.1", e2e_env("GW_PORT"), "shop",
	    profile, token, "require", options, NULL };
	PGconn *c = PQconnectdbParams(keys, values, 0);

	free(token);
	return c;
}

static void
check_value(PGconn *c, const char *sql, const char *want)
{
	char *v = e2e_value(c, sql);

	ck_assert_msg(strcmp(v, want) == 0, "%s: %s", sql, v);
	free(v);
}

#define ALL	"SELECT concat_ws('|', current_setting('search_path'), "	\
		"current_setting('statement_timeout'), "			\
		"current_setting('app.tenant'), current_setting('timezone'))"
#define PINNED	"public, pg_temp|70s|acme|UTC"

static const char *const profiles[] = { "pinned", "minted" };

/* Refused or not: nothing that is said here changes what is pinned. */
static const char *const attempts[] = {
	"SET search_path = pg_catalog",
	"SET SESSION statement_timeout = 0",
	"SET LOCAL statement_timeout = 0",
	"SET app.tenant = 'other'",
	"SET TIME ZONE 'Asia/Tokyo'",
	"SET SCHEMA 'pg_catalog'",
	"BEGIN; SET LOCAL search_path = pg_catalog",
	"ROLLBACK",
	"RESET search_path",
	"RESET statement_timeout",
	"RESET app.tenant",
	"RESET ALL",
	"DISCARD ALL",
	"SET search_path TO DEFAULT",
	"SET app.tenant TO DEFAULT",
	"SELECT set_config('search_path', 'pg_catalog', false)",
	"SELECT pg_catalog.set_config(E'app\\x2etenant', 'other', false)",
	"SELECT set_config(name, 'pg_catalog', false) FROM "
	    "pg_settings WHERE name = 'search_path'",
	"UPDATE pg_settings SET setting = 'pg_catalog' "
	    "WHERE name = 'search_path'",
	"CREATE TEMP VIEW mine AS SELECT * FROM pg_settings",
	"UPDATE mine SET setting = 'pg_catalog' WHERE name = 'search_path'",
	"CREATE TEMP TABLE t (a int)",
	"CREATE RULE r AS ON INSERT TO t DO ALSO SELECT "
	    "set_config('search_path', 'pg_catalog', false)",
	"INSERT INTO t VALUES (1)",
	"DO $$ BEGIN SET search_path = pg_catalog; END $$",
	"DO $$ BEGIN EXECUTE 'SET search_path = pg_catalog'; END $$",
	"DO $$ BEGIN PERFORM set_config('app.tenant', 'x', false); END $$",
	"CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS "
	    "$$ SELECT set_config('search_path', 'pg_catalog', false) $$",
	"SELECT pg_temp.f()",
	"CREATE FUNCTION pg_temp.g(text, text) RETURNS text LANGUAGE sql AS "
	    "$$ SELECT set_config($1, $2, false) $$",
	"SELECT pg_temp.g('search_path', 'pg_catalog')",
	"CREATE AGGREGATE pg_temp.evil (text, bool) (sfunc = set_config, "
	    "stype = text, initcond = 'search_path')",
	"SELECT pg_temp.evil('pg_catalog', false)",
	"ALTER ROLE CURRENT_USER SET search_path = pg_catalog",
	"ALTER ROLE CURRENT_USER SET statement_timeout = 0",
	"ALTER DATABASE shop SET search_path = pg_catalog",
	"PREPARE p (text, text) AS SELECT set_config($1, $2, false)",
	"EXECUTE p ('search_path', 'pg_catalog')",
	"SELECT settings_tenant('other')",
	"SELECT settings_any('search_path', 'pg_catalog')",
	"SELECT settings_atomic()",
	"CALL settings_call()",
	"SET ROLE app_reader",
	"RESET ROLE",
	"SET search_path = 'x' WITH WHAT NOBODY KNOWS",
};

static void
make_functions(void)
{
	PGconn *d = e2e_direct();

	free(e2e_value(d, "CREATE OR REPLACE FUNCTION settings_tenant(text) "
	    "RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN "
	    "set_config('app.tenant', $1, false); END $$; "
	    "CREATE OR REPLACE FUNCTION settings_any(text, text) RETURNS text "
	    "LANGUAGE sql AS $$ SELECT set_config($1, $2, false) $$; "
	    "CREATE OR REPLACE FUNCTION settings_atomic() RETURNS text "
	    "LANGUAGE sql BEGIN ATOMIC SELECT set_config('app.tenant', 'x', "
	    "false); END; "
	    "CREATE OR REPLACE PROCEDURE settings_call() LANGUAGE plpgsql AS "
	    "$$ BEGIN SET search_path = pg_catalog; END $$; "
	    "CREATE OR REPLACE FUNCTION settings_harmless() RETURNS int "
	    "LANGUAGE sql AS $$ SELECT 41 + 1 $$"));
	PQfinish(d);
}

static bool
refused(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);
	bool is = strcmp(e2e_sqlstate(r), "42501") == 0;

	PQclear(r);
	return is;
}

START_TEST(pinned)
{
	PGconn *c, *again;
	char *v;
	size_t i;

	make_functions();
	c = session(profiles[_i]);
	check_value(c, ALL, PINNED);
	/* The catalogue has them by now. */
	ck_assert(E2E_UNTIL(20000, refused(c, "CALL settings_call()")));
	PQfinish(c);
	c = session(profiles[_i]);
	for (i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
		PQclear(PQexec(c, attempts[i]));
		if (PQtransactionStatus(c) != PQTRANS_IDLE)
			PQclear(PQexec(c, "ROLLBACK"));
		v = e2e_value(c, ALL);
		ck_assert_msg(strcmp(v, PINNED) == 0, "%s: %s", attempts[i],
		    v);
		free(v);
	}
	check_value(c, "SELECT settings_harmless()", "42");
	/* Nor for those who come later. */
	again = session(profiles[_i]);
	check_value(again, ALL, PINNED);
	PQfinish(again);
	e2e_refused(c, "SET search_path = pg_catalog", "42501");
	ck_assert_ptr_nonnull(strstr(PQerrorMessage(c), "setting "
	    "\"search_path\" is pinned by \"settings\" of profile"));
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM "
	    "statements WHERE text = 'SET search_path = pg_catalog' AND "
	    "action = 'deny' AND rule = '(settings)'") > 0));
	PQfinish(c);
}
END_TEST

/* By Parse, Bind and Execute it is the same. */
START_TEST(extended)
{
	PGconn *c = session("pinned");
	const char *values[] = { "search_path", "pg_catalog" };
	PGresult *r;

	r = PQexecParams(c, "SELECT set_config($1, $2, false)", 2, NULL,
	    values, NULL, NULL, 0);
	ck_assert_str_eq(e2e_sqlstate(r), "42501");
	PQclear(r);
	r = PQprepare(c, "s", "SET search_path = pg_catalog", 0, NULL);
	ck_assert_str_eq(e2e_sqlstate(r), "42501");
	PQclear(r);
	check_value(c, ALL, PINNED);
	PQfinish(c);
}
END_TEST

START_TEST(read_only)
{
	static const char *const tries[] = { "BEGIN READ WRITE",
	    "START TRANSACTION READ WRITE", "SET TRANSACTION READ WRITE",
	    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
	    "SET transaction_read_only = off", "RESET transaction_read_only",
	    "SET default_transaction_read_only = off",
	    "SELECT set_config('transaction_read_only', 'off', true)",
	    "RESET default_transaction_read_only", "RESET ALL", "DISCARD ALL" };
	PGconn *c = session("readonly");
	size_t i;

	for (i = 0; i < sizeof tries / sizeof tries[0]; i++) {
		if (i > 1)
			PQclear(PQexec(c, "BEGIN"));
		PQclear(PQexec(c, tries[i]));
		PQclear(PQexec(c, "CREATE TABLE settings_written (a int)"));
		PQclear(PQexec(c, "COMMIT"));
		PQclear(PQexec(c, "ROLLBACK"));
		check_value(c, "SELECT to_regclass('settings_written')", "");
		check_value(c, "SHOW default_transaction_read_only", "on");
	}
	/* What drivers say anyway. */
	free(e2e_value(c, "BEGIN READ ONLY; COMMIT"));
	free(e2e_value(c, "BEGIN ISOLATION LEVEL SERIALIZABLE; COMMIT"));
	PQfinish(c);
}
END_TEST

START_TEST(listed)
{
	PGconn *c = session("listed");

	check_value(c, "SHOW work_mem", "5MB");
	free(e2e_value(c, "SET work_mem = '6MB'"));
	check_value(c, "SHOW work_mem", "6MB");
	free(e2e_value(c, "SET enable_seqscan = off"));
	check_value(c, "SHOW enable_seqscan", "off");
	free(e2e_value(c, "SET TIME ZONE 'Asia/Tokyo'"));
	check_value(c, "SHOW timezone", "Asia/Tokyo");
	e2e_refused(c, "SET lock_timeout = 0", "42501");
	check_value(c, "SHOW lock_timeout", "3s");
	e2e_refused(c, "SET search_path = pg_catalog", "42501");
	ck_assert_ptr_nonnull(strstr(PQerrorMessage(c), "setting "
	    "\"search_path\" is not in \"settings.allow\" of profile "
	    "\"listed\""));
	e2e_refused(c, "SELECT set_config('my.own', 'x', false)", "42501");
	free(e2e_value(c, "RESET search_path"));
	PQfinish(c);
	/* A text that is not understood could set anything. */
	c = session("listed");
	e2e_refused(c, "SELEC 1", "42601");
	PQfinish(c);
}
END_TEST

START_TEST(startup)
{
	static const struct {
		const char *profile, *options, *error;
	} bad[] = {
		{ "listed", "-c lock_timeout=0", "is pinned" },
		{ "listed", "-c search_path=x", "\"search_path\" is not" },
		{ "listed", "-c role=app_reader", "\"role\" is not" },
		{ "listed", "-c user=postgres", "no setting" },
		{ "listed", "-c work_mem=6MB -c Lock_Timeout=0", "is pinned" },
		{ "pinned", "-c search_path=x", "is pinned" },
		{ "pinned", "-c app.tenant=x", "is pinned" },
		{ "dba", "-c search_path=x", "\"search_path\" is not" },
		{ "masked", "-c work_mem=6MB", "\"work_mem\" is not" },
	};
	PGconn *c;
	size_t i;

	c = with_options("listed", "-c work_mem=7MB -c enable_seqscan=off");
	check_value(c, "SHOW work_mem", "7MB");
	check_value(c, "SHOW enable_seqscan", "off");
	free(e2e_value(c, "RESET work_mem"));
	check_value(c, "SHOW work_mem", "7MB");
	PQfinish(c);
	/* What drivers send unasked; the client is told what holds. */
	c = with_options("pinned", "-c timezone=Asia/Tokyo");
	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	ck_assert_str_eq(PQparameterStatus(c, "TimeZone"), "UTC");
	check_value(c, ALL, PINNED);
	PQfinish(c);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		c = with_options(bad[i].profile, bad[i].options);
		ck_assert_msg(PQstatus(c) == CONNECTION_BAD &&
		    strstr(PQerrorMessage(c), bad[i].error) != NULL,
		    "%s: %s: %s", bad[i].profile, bad[i].options,
		    PQerrorMessage(c));
		PQfinish(c);
	}
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'login_refused' AND CAST(body AS TEXT) LIKE '%%is pinned by%%'") >=
	    4));
}
END_TEST

/* --- calls by number -------------------------------------------------------- */

/* The OID of a function by what it is declared as. */
static Oid
number(const char *signature)
{
	PGconn *d = e2e_direct();
	char sql[256], *v;
	Oid oid;

	snprintf(sql, sizeof sql, "SELECT '%s'::regprocedure::oid", signature);
	v = e2e_value(d, sql);
	oid = (Oid)strtoul(v, NULL, 10);
	free(v);
	PQfinish(d);
	return oid;
}

/* The SQLSTATE of a call with one argument, "" when it went well. */
static const char *
call(PGconn *c, Oid oid, int arg, int *out)
{
	static char state[6];
	PQArgBlock a = { .len = 4, .isint = 1, .u = { .integer = arg } };
	int len;
	PGresult *r = PQfn(c, (int)oid, out, &len, 1, &a, 1);

	snprintf(state, sizeof state, "%s", e2e_sqlstate(r));
	PQclear(r);
	return state;
}

START_TEST(numbers)
{
	PGconn *c = session("numbers"), *d = session("dba"), *m;
	Oid creat = number("lo_creat(int)"), unlink_ = number("lo_unlink(oid)");
	Oid abs_ = number("abs(int)"), id, own;
	int lo = 0, again;

	/* A rule names the functions that may be called so. */
	ck_assert_str_eq(call(c, creat, 0x60000, &lo), "");
	ck_assert_int_gt(lo, 0);
	ck_assert_str_eq(call(c, unlink_, lo, &again), "42501");
	ck_assert_ptr_nonnull(strstr(PQerrorMessage(c), "\"no-unlink\""));
	/* Denied in mid-transaction, as any statement. */
	free(e2e_value(c, "BEGIN"));
	ck_assert_str_eq(call(c, abs_, -7, &again), "42501");
	ck_assert_int_eq(PQtransactionStatus(c), PQTRANS_INERROR);
	ck_assert_str_eq(call(c, creat, 0x60000, &again), "25P02");
	free(e2e_value(c, "ROLLBACK"));
	ck_assert_str_eq(call(c, 99999999, 1, &again), "42501");
	/* libpq's own functions for large objects go this way. */
	id = lo_creat(c, 0x60000);
	ck_assert(id != InvalidOid);
	free(e2e_value(c, "BEGIN"));
	again = lo_open(c, id, 0x60000);
	ck_assert_int_ge(again, 0);
	/* lowrite() and loread() are named without the underscore. */
	ck_assert_int_eq(lo_write(c, again, "seven", 5), 5);
	ck_assert_int_eq(lo_lseek(c, again, 0, 0), 0);
	free(e2e_value(c, "COMMIT"));
	ck_assert_int_eq(lo_unlink(c, id), -1);
	/* Everything, where everything is allowed: what there is not, too. */
	ck_assert_str_eq(call(d, abs_, -7, &again), "");
	ck_assert_int_eq(again, 7);
	ck_assert_str_eq(call(d, 99999999, 1, &again), "42883");
	ck_assert_int_eq(lo_unlink(d, id), 1);
	ck_assert_str_eq(call(d, unlink_, lo, &again), "");
	/* One that was made a moment ago. */
	free(e2e_value(d, "CREATE OR REPLACE FUNCTION numbered(int) RETURNS "
	    "int LANGUAGE sql AS 'SELECT $1 + 1'"));
	own = number("numbered(int)");
	ck_assert(E2E_UNTIL(20000, *call(c, own, 6, &again) == '\0'));
	ck_assert_int_eq(again, 7);
	/* Masks say no by themselves. */
	m = session("masked");
	ck_assert_str_eq(call(m, creat, 0x60000, &again), "42501");
	ck_assert_ptr_nonnull(strstr(PQerrorMessage(m), "masks"));
	free(e2e_value(m, "SELECT 1"));
	PQfinish(m);
	/* A setting by number is a setting. */
	m = session("pinned");
	{
		PQArgBlock a[3] = { { .len = 11, .u = { .ptr = (int *)
		    (void *)(char[]){ "search_path" } } },
		    { .len = 1, .u = { .ptr = (int *)(void *)(char[]){
		    "x" } } }, { .len = 1, .u = { .ptr = (int *)(void *)
		    (char[]){ "\0" } } } };
		int len, buf[64];
		PGresult *r = PQfn(m, (int)number("set_config(text, text, "
		    "boolean)"), buf, &len, 0, a, 3);

		ck_assert_str_eq(e2e_sqlstate(r), "42501");
		ck_assert_ptr_nonnull(strstr(PQerrorMessage(m),
		    "\"settings\" of profile"));
		PQclear(r);
		check_value(m, ALL, PINNED);
	}
	PQfinish(m);
	PQfinish(c);
	PQfinish(d);
	/* The record says what was called, and with what. */
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM "
	    "statements WHERE form = 'function' AND kind = 'fastpath' AND "
	    "action = 'allow' AND text = 'pg_catalog.abs (%u)' AND status = "
	    "'ok'", abs_) == 1));
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind = "
	    "'intent' AND json_extract(body, '$.form') = 'function' AND "
	    "CAST(body AS TEXT) LIKE '%%hex%%fffffff9%%'"), 2);
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM "
	    "statements WHERE form = 'function' AND action = 'deny' AND text = "
	    "'pg_catalog.lo_unlink (%u)' AND rule = 'no-unlink' AND status = "
	    "'denied'", unlink_) == 2));
}
END_TEST

/* A rule that holds: no number can wait; the session goes on. */
START_TEST(numbers_held)
{
	PGconn *c = session("held");
	Oid sleep_ = number("pg_sleep(double precision)");
	Oid abs_ = number("abs(int)");
	int out;

	ck_assert_str_eq(call(c, sleep_, 0, &out), "42501");
	ck_assert_ptr_nonnull(strstr(PQerrorMessage(c), "cannot wait"));
	ck_assert_str_eq(call(c, abs_, -3, &out), "");
	ck_assert_int_eq(out, 3);
	check_value(c, "SELECT 7", "7");
	PQfinish(c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("settings");
	TCase *tc = tcase_create("settings");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, pinned, 0, 2);
	tcase_add_test(tc, extended);
	tcase_add_test(tc, read_only);
	tcase_add_test(tc, listed);
	tcase_add_test(tc, startup);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, numbers_held);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
