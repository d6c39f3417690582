/*
 * `settings:` of a profile: what SQL and a startup packet may change, and the
 * ways to change it that do not say SET.
 */
#include <check.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "bodyscan.h"
#include "settings.h"
#include "shop.h"

/* "pinned" pins search_path, work_mem, app.tenant and read only transactions;
 * "closed" pins statement_timeout and lets lock_timeout and some more be set. */
static const struct {
	const char	*profile, *text;
	bool		 good;
} table[] = {
	/* plainly */
	{ "pinned", "SET search_path = x", false },
	{ "pinned", "SET SESSION search_path TO x", false },
	{ "pinned", "SET LOCAL search_path = x", false },
	{ "pinned", "SET \"Search_Path\" = x", false },
	{ "pinned", "SET U&\"search\\005fpath\" = x", false },
	{ "pinned", "SET SCHEMA 'x'", false },
	{ "pinned", "SET search_path = public", true },
	{ "pinned", "SET search_path = \"Public\"", false },
	{ "pinned", "SET search_path = public, x", false },
	{ "pinned", "SET search_path = ''", false },
	{ "pinned", "SET app.tenant = 'b'", false },
	{ "pinned", "SET APP.Tenant = 'b'", false },
	{ "pinned", "SET app.other = 'b'", true },
	{ "pinned", "SET statement_timeout = 0", true },
	{ "pinned", "SELECT 1; SET work_mem = 1", false },
	/* The server's older name for work_mem. */
	{ "pinned", "SET sort_mem = '1GB'", false },
	{ "pinned", "SELECT set_config('sort_mem', '1GB', false)", false },
	/* To what it was at the start is no change. */
	{ "pinned", "RESET search_path", true },
	{ "pinned", "SET search_path TO DEFAULT", true },
	{ "pinned", "RESET ALL", true },
	{ "pinned", "DISCARD ALL", true },
	/* by function */
	{ "pinned", "SELECT set_config('search_path', 'x', false)", false },
	{ "pinned", "SELECT pg_catalog.set_config('search_path', 'x', true)",
	    false },
	{ "pinned", "SELECT \"set_config\"(E'search\\x5fpath', 'x', true)",
	    false },
	{ "pinned", "SELECT set_config('app.other', 'x', true)", true },
	{ "pinned", "SELECT set_config('search_' || 'path', 'x', true)",
	    false },
	{ "pinned", "SELECT set_config($1, $2, false)", false },
	{ "pinned", "SELECT set_config(name, '', false) FROM pg_settings",
	    false },
	{ "pinned", "SELECT * FROM set_config('search_path', 'x', true)",
	    false },
	{ "pinned", "PREPARE p AS SELECT set_config($1, $2, false)", false },
	{ "pinned", "WITH s AS (SELECT set_config('work_mem', '1', true)) "
	    "INSERT INTO orders SELECT 1 FROM s", false },
	{ "pinned", "EXPLAIN ANALYZE SELECT set_config('work_mem','1',false)",
	    false },
	{ "pinned", "COPY (SELECT set_config('work_mem','1',false)) TO STDOUT",
	    false },
	{ "pinned", "DECLARE c CURSOR FOR SELECT set_config('work_mem','1',"
	    "false)", false },
	{ "pinned", "CREATE TABLE t (a text DEFAULT "
	    "set_config('search_path', 'x', false))", false },
	{ "pinned", "CREATE VIEW v AS SELECT "
	    "set_config('search_path', 'x', false)", false },
	{ "pinned", "CREATE RULE r AS ON UPDATE TO orders DO ALSO SELECT "
	    "set_config('search_path', 'x', false)", false },
	{ "pinned", "CREATE AGGREGATE evil (text, bool) (sfunc = set_config, "
	    "stype = text, initcond = 'search_path')", false },
	{ "pinned", "CREATE AGGREGATE fine (int) (sfunc = int4pl, "
	    "stype = int)", true },
	/* a view with a rule that calls it */
	{ "pinned", "UPDATE pg_settings SET setting = 'x' WHERE name = "
	    "'search_path'", false },
	{ "pinned", "UPDATE pg_catalog.pg_settings SET setting = 'x'", false },
	{ "pinned", "WITH u AS (UPDATE pg_settings SET setting = 'x' "
	    "RETURNING 1) SELECT 1", false },
	{ "pinned", "CREATE RULE r AS ON UPDATE TO orders DO ALSO UPDATE "
	    "pg_settings SET setting = 'x'", false },
	{ "pinned", "SELECT setting FROM pg_settings", true },
	{ "pinned", "CREATE TEMP VIEW v AS TABLE pg_settings", false },
	{ "pinned", "CREATE VIEW v AS SELECT 1 WHERE EXISTS (SELECT FROM "
	    "pg_catalog.pg_settings)", false },
	{ "pinned", "CREATE VIEW v AS SELECT * FROM orders", true },
	{ "writer", "UPDATE pg_settings SET setting = 'x'", false },
	{ "dba", "UPDATE pg_settings SET setting = 'x'", true },
	/* roles, databases, functions, the server */
	{ "pinned", "ALTER ROLE x SET search_path = y", false },
	{ "pinned", "ALTER ROLE ALL IN DATABASE shop SET search_path = y",
	    false },
	{ "pinned", "ALTER DATABASE shop SET search_path = y", false },
	{ "pinned", "ALTER SYSTEM SET search_path = y", false },
	{ "pinned", "ALTER ROLE x SET lock_timeout = 5", true },
	{ "pinned", "ALTER ROLE x RESET search_path", true },
	{ "pinned", "ALTER FUNCTION leak() SET search_path = y", false },
	{ "pinned", "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET "
	    "search_path = y AS 'SELECT 1'", false },
	{ "pinned", "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET "
	    "lock_timeout = 5 AS 'SELECT 1'", true },
	/* their bodies */
	{ "pinned", "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS "
	    "'SELECT set_config(''search_path'', ''x'', false)'", false },
	{ "pinned", "CREATE FUNCTION f(text, text) RETURNS text LANGUAGE sql "
	    "AS 'SELECT set_config($1, $2, false)'", false },
	{ "pinned", "CREATE FUNCTION f() RETURNS text LANGUAGE sql BEGIN "
	    "ATOMIC SELECT set_config('search_path', 'x', false); END",
	    false },
	{ "pinned", "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS "
	    "$$ BEGIN /* */ SET LOCAL search_path = x; END $$", false },
	{ "pinned", "CREATE PROCEDURE f() LANGUAGE plpgsql AS $$ BEGIN "
	    "EXECUTE 'SET search_' || 'path = x'; END $$", false },
	{ "pinned", "CREATE FUNCTION f() RETURNS text LANGUAGE internal AS "
	    "'set_config_by_name'", false },
	{ "pinned", "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS "
	    "$$ BEGIN UPDATE orders SET status = 'x'; PERFORM lower('x'); "
	    "SET lock_timeout = 5; END $$", true },
	{ "pinned", "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS "
	    "$$ BEGIN PERFORM tenant('x'); END $$", false },
	{ "pinned", "DO $$ BEGIN SET search_path = x; END $$", false },
	{ "pinned", "DO $$ BEGIN PERFORM set_config('work_mem', '1', true); "
	    "END $$", false },
	{ "pinned", "DO $$ BEGIN EXECUTE 'SET search_path = x'; END $$",
	    false },
	{ "pinned", "DO LANGUAGE plperl 'spi_exec_query(1)'", false },
	{ "pinned", "DO $$ BEGIN PERFORM 1; END $$", true },
	/* those that are there already */
	{ "pinned", "SELECT tenant('x')", false },
	{ "pinned", "SELECT public.tune()", false },
	{ "pinned", "SELECT o.tune FROM orders o", false },
	{ "pinned", "CALL tenant('x')", false },
	{ "pinned", "SELECT leak()", true },
	/* transactions */
	{ "pinned", "BEGIN", true },
	{ "pinned", "BEGIN READ ONLY", true },
	{ "pinned", "BEGIN READ WRITE", false },
	{ "pinned", "START TRANSACTION ISOLATION LEVEL SERIALIZABLE", true },
	{ "pinned", "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, "
	    "READ WRITE", false },
	{ "pinned", "SET TRANSACTION READ WRITE", false },
	{ "pinned", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", true },
	{ "pinned", "SET transaction_read_only = off", false },
	{ "pinned", "RESET transaction_read_only", false },
	{ "pinned", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
	    false },
	{ "pinned", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
	    true },
	/* Not understood: it could be anything. */
	{ "pinned", "SET search_path WITH NEWER SYNTAX", false },
	/* The list. */
	{ "closed", "SET lock_timeout = 1", true },
	{ "closed", "SET enable_seqscan = off", true },
	{ "closed", "SET idle_session_timeout = 0", true },
	{ "closed", "SET statement_timeout = 0", false },
	{ "closed", "SET work_mem = 1", false },
	{ "closed", "SET sort_mem = 1", false },
	{ "closed", "SET my.own = 1", false },
	{ "closed", "RESET work_mem", true },
	{ "closed", "SET TIME ZONE 'UTC'", true },
	{ "closed", "SET application_name = 'x'", true },
	{ "closed", "SET NAMES 'utf8'", true },
	{ "closed", "SET ROLE x", true },
	{ "closed", "BEGIN READ WRITE", true },
	{ "closed", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
	    false },
	{ "closed", "ALTER ROLE x SET work_mem = 1", false },
	{ "closed", "SELECT set_config($1, '1', false)", false },
	{ "closed", "SELECT set_config('lock_timeout', '1', false)", true },
	{ "closed", "SELECT tenant('x')", false },
	/* No limit, no refusal. */
	{ "dba", "SELECT tune()", true },
	{ "dba", "SET search_path = x", true },
};

START_TEST(statements)
{
	const struct verdict	*v = shop_judge(table[_i].profile,
				    table[_i].text);

	ck_assert_msg((v->action != VERDICT_DENY) == table[_i].good,
	    "%s: %s: %s (%s)", table[_i].profile, table[_i].text, v->rule,
	    v->message);
}
END_TEST

START_TEST(sentences)
{
	const struct verdict	*v;

	v = shop_judge("pinned", "SET Search_Path = x");
	ck_assert_str_eq(v->rule, "(settings)");
	ck_assert_str_eq(v->sqlstate, "42501");
	ck_assert_str_eq(v->message, "statement refused: setting "
	    "\"search_path\" is pinned by \"settings\" of profile \"pinned\"");
	v = shop_judge("closed", "SET work_mem = 1");
	ck_assert_str_eq(v->rule, "(settings)");
	ck_assert_str_eq(v->message, "statement refused: setting "
	    "\"work_mem\" is not in \"settings.allow\" of profile \"closed\"");
	v = shop_judge("pinned", "SELECT tenant('x')");
	ck_assert_str_eq(v->message, "statement refused: setting "
	    "\"app.tenant\" is pinned by \"settings\" of profile \"pinned\"; "
	    "function public.tenant() changes it");
	/* With masks it is the same sentence, not that of the masks. */
	v = shop_judge("analyst", "SET search_path = x");
	ck_assert_str_eq(v->rule, "(settings)");
	v = shop_judge("analyst", "SET work_mem = '1GB'");
	ck_assert_str_eq(v->rule, "(masks)");
}
END_TEST

static const struct {
	const char	*profile, *params;
	size_t		 len;
	bool		 good;
} startups[] = {
#define P(profile, s, good)	{ profile, s "\0", sizeof(s), good }
	P("dba", "application_name\0x", true),
	P("dba", "DateStyle\0x\0TIMEZONE\0UTC\0client_encoding\0UTF8", true),
	P("dba", "work_mem\0" "1", false),
	P("dba", "search_path\0x", false),
	P("closed", "lock_timeout\0" "1", true),
	P("closed", "enable_seqscan\0off\0IntervalStyle\0x", true),
	P("closed", "statement_timeout\0" "0", false),
	P("closed", "application_name\0x\0statement_timeout\0" "0", false),
	P("closed", "work_mem\0" "1", false),
	P("closed", "role\0postgres", false),
	P("closed", "transaction_read_only\0off", false),
	P("pinned", "search_path\0x", false),
	P("pinned", "timezone\0x", true),
	/* malformed */
	{ "dba", "timezone", 8, false },
	{ "dba", "timezone\0", 9, false },
	{ "dba", "timezone\0UTC", 12, false },
	{ "dba", "\0UTC\0", 5, false },
	{ "dba", "", 0, true },
};

START_TEST(startup)
{
	const struct profile	*p = policy_profile(shop_policy(),
				    startups[_i].profile);
	char			 why[256] = "";

	ck_assert_msg(settings_params(p, (const uint8_t *)startups[_i].params,
	    startups[_i].len, why, sizeof(why)) == startups[_i].good,
	    "%d: %s", _i, why);
	if (!startups[_i].good)
		ck_assert_str_ne(why, "");
}
END_TEST

START_TEST(startup_everywhere)
{
	struct conf_strings	 all = { (char *[]){ (char *)(uintptr_t)"*" },
				    1 };
	struct profile		 p = { .key = (char *)(uintptr_t)"p",
				    .settings_allow = all,
				    .settings_closed = true };
	static const char *const never[] = { "user", "Database", "options",
	    "replication", "role", "session_authorization", "is_superuser",
	    "_pq_.x", "standard_conforming_strings" };
	uint8_t			 b[64];
	char			 why[256];
	size_t			 i, n;

	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		n = (size_t)snprintf((char *)b, sizeof(b), "%s%cx", never[i],
		    '\0') + 1;
		ck_assert_msg(!settings_params(&p, b, n, why, sizeof(why)),
		    "%s", never[i]);
	}
	ck_assert(settings_params(&p, (const uint8_t *)"work_mem\0x", 11, why,
	    sizeof(why)));
	ck_assert(settings_params_have((const uint8_t *)"a\0b\0Sort_Mem\0x",
	    15, "work_mem"));
	ck_assert(!settings_params_have((const uint8_t *)"a\0work_mem", 11,
	    "work_mem"));
	/* Masks have a list of their own. */
	p.nmasks = 1;
	ck_assert(!settings_params(&p, (const uint8_t *)"work_mem\0x", 11, why,
	    sizeof(why)));
	ck_assert(settings_params(&p, (const uint8_t *)"lock_timeout\0" "1",
	    15, why, sizeof(why)));
}
END_TEST

/* --- bodies ------------------------------------------------------------------ */

static char	found[512];

static void
on_found(void *ctx, enum body_what what, const char *name)
{
	size_t	 n = strlen(found);

	(void)ctx;
	if (what == BODY_CALLS)
		return;
	snprintf(found + n, sizeof(found) - n, "%s%s", n > 0 ? " " : "",
	    what == BODY_RUNS ? "!" : name != NULL ? name : "*");
}

static const struct {
	const char	*text, *want;
} bodies[] = {
	{ "", "" },
	{ "SELECT 1", "" },
	{ "SET a = 1", "a" },
	{ "set session A.B to 1", "a.b" },
	{ "SET LOCAL \"A b\" = 1", "A b" },
	{ "UPDATE t SET a = 1", "" },
	{ "INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1", "" },
	{ "BEGIN SET a = 1; IF x THEN SET b = 1; ELSE SET c = 1; END IF; "
	    "LOOP SET d = 1; END LOOP; <<l>> SET e = 1; END", "a b c d e" },
	{ "SELECT 1;-- x\n/* y */ SET a = 1", "a" },
	{ "SELECT set_config('A.b', 'x', true)", "a.b" },
	{ "SELECT pg_catalog.\"set_config\" ( 'a' , x, true)", "a" },
	{ "SELECT set_config('a' || b, 'x', true)", "*" },
	{ "SELECT set_config(E'a', 'x', true)", "*" },
	{ "SELECT set_config($1, 'x', true)", "*" },
	{ "x := set_config", "*" },
	{ "SELECT set_config(", "*" },
	{ "SET TIME ZONE 1", "timezone" },
	{ "SET SCHEMA 'x'", "search_path" },
	{ "SET TRANSACTION READ WRITE", "transaction_isolation "
	    "transaction_read_only transaction_deferrable" },
	{ "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
	    "default_transaction_isolation default_transaction_read_only "
	    "default_transaction_deferrable" },
	{ "RESET transaction_read_only; RESET a", "transaction_read_only" },
	{ "SET", "*" },
	{ "SET 1", "*" },
	{ "UPDATE pg_settings SET setting = 1", "*" },
	{ "SELECT * FROM pg_settings", "" },
	{ "EXECUTE 'x'", "!" },
	{ "GRANT EXECUTE ON FUNCTION f() TO x", "" },
	{ "DO $x$ x $x$", "!" },
	{ "CREATE OR REPLACE FUNCTION f() x", "!" },
	{ "CREATE TEMP TABLE t ()", "" },
	{ "CREATE TEMP VIEW t", "!" },
	{ "SELECT U&\"set!005fconfig\" UESCAPE '!' ('a', 'b', true)", "*" },
	{ "SELECT 'unterminated", "*" },
	{ "SELECT 'SET a = 1; set_config()'", "" },
};

START_TEST(body)
{
	found[0] = '\0';
	bodyscan(bodies[_i].text, strlen(bodies[_i].text), on_found, NULL);
	ck_assert_msg(strcmp(found, bodies[_i].want) == 0, "%s: %s",
	    bodies[_i].text, found);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("settings");
	TCase	*t = tcase_create("settings");
	SRunner	*r;
	int	 failed;

	tcase_add_loop_test(t, statements, 0,
	    sizeof(table) / sizeof(table[0]));
	tcase_add_test(t, sentences);
	tcase_add_loop_test(t, startup, 0,
	    sizeof(startups) / sizeof(startups[0]));
	tcase_add_test(t, startup_everywhere);
	tcase_add_loop_test(t, body, 0, sizeof(bodies) / sizeof(bodies[0]));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
