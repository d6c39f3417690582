/*
 * Verdicts: kinds, rules, proofs of reading only, hostile texts.
 */
#include <check.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "shop.h"

struct expect {
	const char	*profile;
	const char	*text;
	const char	*want;		/* "allow", "mask", or the rule that denies */
	const char	*kind;
};

static const struct expect table[] = {
	/* kinds, under a profile that allows all */
	{ "dba", "SELECT 1", "allow", "select" },
	{ "dba", "VALUES (1), (2)", "allow", "values" },
	{ "dba", "TABLE orders", "allow", "select" },
	{ "dba", "SELECT 1 INTO t", "allow", "select_into" },
	{ "dba", "CREATE TABLE t AS SELECT 1", "allow", "select_into" },
	{ "dba", "INSERT INTO orders DEFAULT VALUES", "allow", "insert" },
	{ "dba", "UPDATE orders SET status = 'x'", "allow", "update" },
	{ "dba", "DELETE FROM orders", "allow", "delete" },
	{ "dba", "MERGE INTO orders o USING app.notes n ON o.id = n.id "
	    "WHEN MATCHED THEN DELETE", "allow", "merge" },
	{ "dba", "EXPLAIN ANALYZE SELECT 1", "allow", "explain" },
	{ "dba", "COPY orders TO STDOUT", "allow", "copy_to" },
	{ "dba", "COPY orders FROM STDIN", "allow", "copy_from" },
	{ "dba", "COPY orders TO PROGRAM 'cat'", "allow", "copy_program" },
	{ "dba", "COPY orders FROM '/etc/passwd'", "allow", "copy_file" },
	{ "dba", "DROP TABLE orders", "allow", "drop_table" },
	{ "dba", "ALTER TABLE orders ADD x int", "allow", "alter_table" },
	{ "dba", "CREATE INDEX ON orders (id)", "allow", "create_index" },
	{ "dba", "COMMENT ON TABLE orders IS 'x'", "allow", "comment" },
	{ "dba", "GRANT SELECT ON orders TO x", "allow", "grant" },
	{ "dba", "REVOKE SELECT ON orders FROM x", "allow", "revoke" },
	{ "dba", "GRANT a TO b", "allow", "grant" },
	{ "dba", "ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM x",
	    "allow", "revoke" },
	{ "dba", "CREATE ROLE x", "allow", "role" },
	{ "dba", "ALTER ROLE x RENAME TO y", "allow", "role" },
	{ "dba", "DROP OWNED BY x", "allow", "drop_owned" },
	{ "dba", "SET search_path = x", "allow", "set" },
	{ "dba", "RESET ALL", "allow", "reset" },
	{ "dba", "SET ROLE x", "allow", "set_role" },
	{ "dba", "RESET ROLE", "allow", "set_role" },
	{ "dba", "SET SESSION AUTHORIZATION x", "allow", "set_role" },
	{ "dba", "SHOW search_path", "allow", "show" },
	{ "dba", "DISCARD ALL", "allow", "discard" },
	{ "dba", "PREPARE p AS SELECT 1", "allow", "prepare" },
	{ "dba", "EXECUTE p", "allow", "execute" },
	{ "dba", "DEALLOCATE p", "allow", "deallocate" },
	{ "dba", "DECLARE c CURSOR FOR SELECT 1", "allow", "declare" },
	{ "dba", "FETCH ALL FROM c", "allow", "fetch" },
	{ "dba", "CLOSE c", "allow", "close" },
	{ "dba", "LISTEN x", "allow", "listen" },
	{ "dba", "NOTIFY x", "allow", "notify" },
	{ "dba", "LOCK orders", "allow", "lock" },
	{ "dba", "VACUUM orders", "allow", "vacuum" },
	{ "dba", "ANALYZE orders", "allow", "analyze" },
	{ "dba", "CLUSTER orders", "allow", "cluster" },
	{ "dba", "REINDEX TABLE orders", "allow", "reindex" },
	{ "dba", "REFRESH MATERIALIZED VIEW m", "allow", "refresh" },
	{ "dba", "CHECKPOINT", "allow", "checkpoint" },
	{ "dba", "DO $$ BEGIN END $$", "allow", "do" },
	{ "dba", "CALL p()", "allow", "call" },
	{ "dba", "LOAD 'x'", "allow", "load" },
	{ "dba", "ALTER SYSTEM SET x = 1", "allow", "system" },
	{ "dba", "TRUNCATE orders", "allow", "truncate" },
	{ "dba", "BEGIN", "allow", "begin" },
	{ "dba", "COMMIT", "allow", "commit" },
	{ "dba", "ROLLBACK TO SAVEPOINT s", "allow", "rollback" },
	{ "dba", "RELEASE s", "allow", "savepoint" },
	{ "dba", "PREPARE TRANSACTION 'x'", "allow", "two_phase" },
	{ "dba", "", "allow", "empty" },
	{ "dba", " ; -- nothing", "allow", "empty" },
	{ "dba", "CREATE PUBLICATION p", "allow", "create_publication" },
	/* what changes how texts are read is refused to all */
	{ "dba", "SET standard_conforming_strings = off", "(masks)", "set" },
	{ "dba", "SET standard_conforming_strings = on", "allow", "set" },
	{ "dba", "SET client_encoding = 'SJIS'", "(masks)", "set" },
	{ "dba", "SET NAMES 'utf8'", "allow", "set" },
	{ "dba", "SELECT set_config('standard_conforming_strings', 'off', "
	    "false)", "(masks)", "select" },
	{ "dba", "SELECT set_config('work_mem', '1MB', false)", "allow",
	    "select" },
	/* the password of a session's role is nobody's to change */
	{ "dba", "ALTER ROLE CURRENT_USER PASSWORD 'x'", "(masks)", "role" },
	{ "dba", "ALTER USER SESSION_USER ENCRYPTED PASSWORD ''",
	    "(masks)", "role" },
	{ "dba", "ALTER USER app_dba CREATEDB PASSWORD 'x'", "(masks)",
	    "role" },
	{ "dba", "ALTER ROLE \"pst_a_b\" PASSWORD 'x'", "(masks)", "role" },
	{ "dba", "DO $$ BEGIN ALTER ROLE app_dba PASSWORD 'x'; END $$",
	    "(masks)", "do" },
	{ "dba", "ALTER ROLE app_dba CONNECTION LIMIT 3", "allow", "role" },
	{ "dba", "ALTER ROLE \"App_dba\" PASSWORD 'x'", "allow", "role" },
	/* pg_dump's */
	{ "dba", "SELECT set_config(name, 'view', false) FROM pg_settings",
	    "allow", "select" },
	{ "writer", "SELECT set_config(lower('x'), 'view', false)",
	    "(default)", "select" },
	{ "analyst", "SELECT set_config(name, 'view', false) FROM pg_settings",
	    "(masks)", "select" },
	/* what does not parse */
	{ "writer", "SELEC 1", "(parser)", NULL },
	{ "writer", "SELECT 'abc", "(parser)", NULL },
	/* is the server's affair where all is allowed, but under masks */
	{ "dba", "SELEC 1", "allow", "other" },
	{ "dba", "SELECT 'abc", "allow", "other" },
	{ "analyst", "SELEC 1", "(parser)", NULL },
	{ "dba", "ALTER ROLE app_dba PassWord 'x'; SELEC 1", "(parser)", NULL },
	{ "masked", "SELECT 'abc", "(parser)", NULL },
	/* rules */
	{ "writer", "SELECT * FROM orders", "allow", "select" },
	{ "writer", "SELECT * FROM customers", "no-secrets", "select" },
	{ "writer", "SELECT * FROM orders, public.customers", "no-secrets",
	    "select" },
	{ "writer", "SELECT * FROM orders WHERE EXISTS (SELECT FROM "
	    "customers)", "no-secrets", "select" },
	{ "writer", "WITH customers AS (SELECT 1) SELECT * FROM customers",
	    "allow", "select" },
	{ "writer", "WITH x AS (SELECT * FROM customers) SELECT 1",
	    "no-secrets", "select" },
	{ "writer", "WITH customers AS (SELECT * FROM customers) SELECT 1",
	    "no-secrets", "select" },
	{ "writer", "WITH RECURSIVE customers AS (SELECT 1 UNION SELECT * "
	    "FROM customers) SELECT * FROM customers", "allow", "select" },
	{ "writer", "SELECT * FROM nowhere", "no-secrets", "select" },
	{ "writer", "SELECT * FROM app.nowhere", "allow", "select" },
	{ "writer", "INSERT INTO orders(id) VALUES (1)", "allow", "insert" },
	{ "writer", "INSERT INTO app.notes VALUES (1)", "allow", "insert" },
	{ "writer", "INSERT INTO other.notes VALUES (1)", "(default)",
	    "insert" },
	{ "writer", "INSERT INTO orders SELECT * FROM customers",
	    "no-secrets", "insert" },
	{ "writer", "INSERT INTO notes VALUES (1)", "(default)", "insert" },
	{ "writer", "WITH d AS (DELETE FROM other.notes RETURNING 1) "
	    "SELECT * FROM d", "(default)", "select" },
	{ "writer", "WITH d AS (DELETE FROM orders RETURNING 1) "
	    "SELECT * FROM d", "allow", "select" },
	{ "writer", "WITH d AS (DELETE FROM other.notes) INSERT INTO orders "
	    "DEFAULT VALUES", "(default)", "insert" },
	{ "writer", "EXPLAIN ANALYZE DELETE FROM other.notes", "(default)",
	    "explain" },
	{ "writer", "COPY (DELETE FROM other.notes RETURNING 1) TO STDOUT",
	    "(default)", "copy_to" },
	{ "writer", "PREPARE x AS SELECT 1", "(default)", "prepare" },
	{ "writer", "DROP TABLE orders", "(default)", "drop_table" },
	{ "writer", "BEGIN; SELECT 1; COMMIT", "allow", "begin" },
	{ "writer", "SELECT 1; DROP TABLE orders", "(default)", "select" },
	{ "writer", "COMMIT PREPARED 'x'", "(default)", "two_phase" },
	{ "writer", "SELECT set_config('role', 'x', true)", "(default)",
	    "select" },
	/* words that look worse than they are */
	{ "bot", "SELECT 1 AS delete", "allow", "select" },
	{ "bot", "SELECT 'DROP TABLE orders; --'", "allow", "select" },
	{ "bot", "SELECT 1 /* ; DROP TABLE orders */", "allow", "select" },
	{ "bot", "SELECT $a$; DELETE FROM orders$a$", "allow", "select" },
	{ "bot", "SELECT \"id\" FROM \"orders\"", "allow", "select" },
	/* the bot's rules */
	{ "bot", "DROP TABLE orders", "nothing-structural",
	    "drop_table" },
	{ "bot", "SELECT 1; DROP TABLE orders", "nothing-structural",
	    "select" },
	{ "bot", "TRUNCATE orders", "nothing-structural", "truncate" },
	{ "bot", "DO $$ BEGIN END $$", "nothing-structural", "do" },
	{ "bot", "SET work_mem = '1GB'", "nothing-structural", "set" },
	{ "bot", "DELETE FROM orders", "(default)", "delete" },
	{ "bot", "UPDATE orders SET status = 'x' WHERE id = 1", "allow",
	    "update" },
	{ "bot", "INSERT INTO orders (id) VALUES (1) RETURNING id", "allow",
	    "insert" },
	{ "bot", "INSERT INTO customers (id) VALUES (1)", "(default)",
	    "insert" },
};

START_TEST(verdicts)
{
	const struct expect	*e = &table[_i];
	const struct verdict	*v = shop_judge(e->profile, e->text);
	static const char	*const actions[] = { "deny", "allow", "mask" };
	const char		*got = v->action == VERDICT_DENY ? v->rule :
				    actions[v->action];

	ck_assert_msg(strcmp(got, e->want) == 0, "%s: %s: %s, not %s (%s)",
	    e->profile, e->text, got, e->want, v->message);
	if (e->kind != NULL)
		ck_assert_str_eq(kind_name(v->kind), e->kind);
	if (v->action == VERDICT_DENY) {
		ck_assert_str_ne(v->message, "");
		ck_assert_uint_eq(strlen(v->sqlstate), 5);
	}
}
END_TEST

START_TEST(messages)
{
	const struct verdict	*v = shop_judge("bot", "DROP TABLE orders");

	ck_assert_str_eq(v->sqlstate, "42501");
	ck_assert_str_eq(v->message, "refused by rule \"nothing-structural\": "
	    "Not by agents.");
	ck_assert_str_eq(v->hint, "Open a pull request.");
	ck_assert_int_gt(v->rule_line, 0);
	v = shop_judge("bot", "DELETE FROM orders");
	ck_assert_str_eq(v->message, "statement refused: no rule of profile "
	    "\"bot\" allows delete");
	v = shop_judge("bot", "SELECT FROM WHERE");
	ck_assert_str_eq(v->sqlstate, "42601");
	ck_assert_ptr_nonnull(strstr(v->message, "syntax error"));
}
END_TEST

static const struct {
	const char	*profile, *text;
	uint32_t	 set, clear;
} flags[] = {
	/* Not understood: it may be anything. */
	{ "dba", "SELEC 1", VERDICT_UNREAD | VERDICT_DDL | VERDICT_STATEMENTS |
	    VERDICT_PORTALS, VERDICT_READONLY },
	{ "dba", "SELECT 1", 0, VERDICT_UNREAD },
	{ "dba", "SELECT * FROM orders", VERDICT_READONLY | VERDICT_CACHEABLE,
	    VERDICT_DDL | VERDICT_PROTECTED },
	{ "dba", "SELECT count(*), now() FROM orders", VERDICT_READONLY, 0 },
	{ "dba", "SHOW work_mem", VERDICT_READONLY, 0 },
	{ "dba", "VALUES (1)", VERDICT_READONLY, 0 },
	{ "dba", "EXPLAIN SELECT 1", VERDICT_READONLY, 0 },
	{ "dba", "EXPLAIN ANALYZE SELECT 1", 0, VERDICT_READONLY },
	{ "dba", "SELECT * FROM orders FOR UPDATE", 0, VERDICT_READONLY },
	{ "dba", "SELECT nextval('s')", 0, VERDICT_READONLY },
	{ "dba", "SELECT pg_advisory_lock(1)", 0, VERDICT_READONLY },
	{ "dba", "SELECT leak()", 0, VERDICT_READONLY },
	{ "dba", "SELECT o.leak FROM orders o", 0, VERDICT_READONLY },
	{ "dba", "SELECT lower('x')", 0, VERDICT_READONLY },
	{ "dba", "SELECT pg_catalog.lower('x')", VERDICT_READONLY, 0 },
	{ "dba", "SELECT 1 === 2", 0, VERDICT_READONLY },
	{ "dba", "SELECT random()", 0, VERDICT_READONLY },
	{ "dba", "SELECT * FROM customer_names", 0, VERDICT_READONLY },
	{ "dba", "SELECT * FROM guarded", 0, VERDICT_READONLY },
	{ "dba", "SELECT * FROM nowhere", VERDICT_CACHEABLE,
	    VERDICT_READONLY },
	{ "dba", "WITH d AS (DELETE FROM orders RETURNING 1) SELECT 1", 0,
	    VERDICT_READONLY },
	{ "dba", "BEGIN", 0, VERDICT_READONLY },
	{ "dba", "COMMIT", 0, VERDICT_READONLY },
	{ "dba", "SELECT 1; COMMIT", 0, VERDICT_READONLY },
	{ "dba", "EXECUTE p", 0, VERDICT_CACHEABLE | VERDICT_READONLY },
	{ "dba", "FETCH c", 0, VERDICT_CACHEABLE | VERDICT_READONLY },
	{ "dba", "EXPLAIN EXECUTE p", 0, VERDICT_CACHEABLE },
	{ "dba", "CREATE TABLE x (a int)", VERDICT_DDL, VERDICT_READONLY },
	{ "dba", "SELECT 1; DROP TABLE x", VERDICT_DDL, VERDICT_READONLY },
	{ "dba", "INSERT INTO orders VALUES (1)", VERDICT_CACHEABLE,
	    VERDICT_READONLY | VERDICT_DDL },
	{ "writer", "SELECT * FROM nowhere", 0, VERDICT_CACHEABLE },
	{ "bot", "SELECT * FROM customers", VERDICT_PROTECTED |
	    VERDICT_READONLY | VERDICT_CACHEABLE, VERDICT_DDL },
	{ "bot", "SELECT * FROM orders", VERDICT_READONLY,
	    VERDICT_PROTECTED },
	{ "bot", "SELECT * FROM nowhere", 0, VERDICT_CACHEABLE },
	/* Time and place are asked for where a rule looks at them. */
	{ "shift", "INSERT INTO orders VALUES (1)", VERDICT_MOMENT,
	    VERDICT_CACHEABLE | VERDICT_SESSION },
	{ "shift", "UPDATE orders SET id = 1", VERDICT_SESSION |
	    VERDICT_CACHEABLE, VERDICT_MOMENT },
	{ "shift", "SELECT 1", VERDICT_CACHEABLE, VERDICT_MOMENT |
	    VERDICT_SESSION },
};

START_TEST(flag)
{
	const struct verdict	*v = shop_judge(flags[_i].profile,
				    flags[_i].text);

	ck_assert_msg((v->flags & flags[_i].set) == flags[_i].set,
	    "%s: flags %x lack some of %x (%s)", flags[_i].text, v->flags,
	    flags[_i].set, v->message);
	ck_assert_msg((v->flags & flags[_i].clear) == 0,
	    "%s: flags %x have some of %x", flags[_i].text, v->flags,
	    flags[_i].clear);
}
END_TEST

/* `n` times a piece between two ends. */
static char *
repeat(const char *head, const char *piece, size_t n, const char *tail)
{
	size_t	 k = strlen(piece), h = strlen(head), i;
	char	*p = malloc(h + n * k + strlen(tail) + 1);

	ck_assert_ptr_nonnull(p);
	memcpy(p, head, h);
	for (i = 0; i < n; i++)
		memcpy(p + h + i * k, piece, k);
	strcpy(p + h + n * k, tail);
	return p;
}

static const struct {
	const char	*head, *piece, *tail;
	size_t		 n;
	bool		 allowed;
} chains[] = {
	{ "SELECT 1", "+1", "", 2900, true },
	{ "SELECT 1", "+1", "", 3100, false },
	{ "SELECT 1", "+1", "", 100000, false },
	{ "SELECT 1", "::int", "", 100000, false },
	{ "SELECT 1", " UNION ALL SELECT 1, 2", "", 100000, false },
	{ "SELECT 1 FROM a", " JOIN a ON true", "", 100000, false },
	{ "SELECT ", "NOT ", "true", 100000, false },
	{ "SELECT ", "- ", "1", 100000, false },
	{ "SELECT ", "(", "1", 100000, false },
	{ "SELECT ", "/*", "", 40, false },
	{ "SELECT 1 ", "+", " 1", 100, false },
	{ "", "SELECT 1;", "", 2000, false },
	{ "", "SELECT 1;", "", 900, true },
	{ "SELECT 1 WHERE 1=1", " OR 1=2", "", 20000, true },
	{ "INSERT INTO app.notes VALUES (-1, 'x'::text)",
	    ", (-1, 'y'::text)", "", 20000, true },
	{ "SELECT ", "CASE WHEN 1=1 THEN ", "1", 100000, false },
};

START_TEST(hostile)
{
	char			*p = repeat(chains[_i].head, chains[_i].piece,
				    chains[_i].n, chains[_i].tail);
	const struct verdict	*v = shop_judge("writer", p);

	ck_assert_msg((v->action == VERDICT_ALLOW) == chains[_i].allowed,
	    "%s x %zu: %s", chains[_i].piece, chains[_i].n, v->message);
	/* Where all is allowed it is not parsed either. */
	v = shop_judge("dba", p);
	ck_assert_int_eq(v->action, VERDICT_ALLOW);
	ck_assert_int_eq((v->flags & VERDICT_UNREAD) == 0, chains[_i].allowed);
	free(p);
}
END_TEST

START_TEST(bytes)
{
	const struct verdict	*v;

	v = shop_judge_bytes("dba", JUDGE_QUERY, "SELECT 1\0; DROP TABLE x",
	    23);
	ck_assert_int_eq(v->action, VERDICT_DENY);
	v = shop_judge_bytes("writer", JUDGE_QUERY, "SELECT '\xff'", 10);
	ck_assert_int_eq(v->action, VERDICT_DENY);
	v = shop_judge_bytes("dba", JUDGE_QUERY, "SELECT '\xc3\xa9'", 11);
	ck_assert_int_eq(v->action, VERDICT_ALLOW);
	/* Not NUL-terminated: only the eight bytes are the text. */
	v = shop_judge_bytes("bot", JUDGE_QUERY, "SELECT 1; DROP TABLE x", 8);
	ck_assert_int_eq(v->action, VERDICT_ALLOW);
}
END_TEST

/* What a rule holds, in whatever dress; and what would run it unseen. */
START_TEST(held)
{
	static const char	*const holds[] = {
		"UPDATE orders SET status = 'x'",
		"EXPLAIN ANALYZE UPDATE orders SET status = 'x'",
		("WITH w AS (UPDATE orders SET status = 'x' RETURNING id) "
		"SELECT * FROM w"),
		"SELECT 1; UPDATE public.orders SET status = 'x'",
		"UPDATE orders SET status = 'x'; SELECT 1",
		"COPY (UPDATE orders SET status = 'x' RETURNING id) TO STDOUT",
	};
	static const char	*const refused[] = {
		"EXECUTE p", "EXPLAIN ANALYZE EXECUTE p",
		"CREATE TABLE t AS EXECUTE p", "SELECT 1; EXECUTE p",
		"PREPARE p AS UPDATE orders SET status = 'x'",
	};
	const struct verdict	*v;
	size_t			 i;

	for (i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
		v = shop_judge("held", holds[i]);
		ck_assert_msg(v->action != VERDICT_DENY &&
		    (v->flags & VERDICT_HOLD) != 0, "%s", holds[i]);
		ck_assert_str_eq(v->rule, "looked-at");
	}
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		v = shop_judge("held", refused[i]);
		ck_assert_msg(v->action == VERDICT_DENY, "%s", refused[i]);
		ck_assert_str_eq(v->sqlstate, "42501");
	}
	v = shop_judge("held", "PREPARE p AS SELECT 1");
	ck_assert_int_eq(v->action, VERDICT_ALLOW);
	v = shop_judge("dba", "EXECUTE p");
	ck_assert_int_eq(v->action, VERDICT_ALLOW);
}
END_TEST

START_TEST(fastpath)
{
	const struct verdict	*v;

	v = shop_judge_bytes("dba", JUDGE_FUNCTION, "", 0);
	ck_assert_int_eq(v->action, VERDICT_ALLOW);
	ck_assert_int_eq(v->flags & (VERDICT_READONLY | VERDICT_CACHEABLE),
	    0);
	ck_assert_str_eq(kind_name(v->kind), "fastpath");
	v = shop_judge_bytes("bot", JUDGE_FUNCTION, "", 0);
	ck_assert_str_eq(v->rule, "nothing-structural");
	/* Nobody could read what it does. */
	v = shop_judge_bytes("held", JUDGE_FUNCTION, "", 0);
	ck_assert_int_eq(v->action, VERDICT_DENY);
	ck_assert_str_eq(v->rule, "numbers");
	v = shop_judge_bytes("analyst", JUDGE_FUNCTION, "", 0);
	ck_assert_str_eq(v->rule, "(masks)");
}
END_TEST

static const struct {
	const char	*profile, *call;
	const char	*want;		/* "allow", or the rule that denies */
	const char	*sqlstate, *name;
} numbers[] = {
	{ "dba", "957 1", "allow", NULL, "pg_catalog.lo_creat" },
	{ "dba", "2078 3", "allow", NULL, "pg_catalog.set_config" },
	{ "dba", "16501 0", "allow", NULL, "public.tune" },
	{ "dba", "4294967295 0", "allow", NULL, "" },
	/* A profile where reading is allowed, and calls by number are not. */
	{ "writer", "957 1", "(default)", "42501", "pg_catalog.lo_creat" },
	{ "writer", "99 1", "(default)", "42501", "" },
	{ "bot", "957 1", "nothing-structural", "42501",
	    "pg_catalog.lo_creat" },
	{ "analyst", "957 1", "(masks)", "42501", "pg_catalog.lo_creat" },
	{ "held", "957 1", "numbers", "42501", "pg_catalog.lo_creat" },
	/* What the same call in SQL is refused for. */
	{ "pinned", "957 1", "allow", NULL, "pg_catalog.lo_creat" },
	{ "pinned", "2078 3", "(settings)", "42501",
	    "pg_catalog.set_config" },
	{ "pinned", "16500 1", "(settings)", "42501", "public.tenant" },
	{ "pinned", "99 1", "(default)", "42883", "" },
	{ "pinned", "957 101", "(default)", "42883", "" },
	{ "pinned", "957", "(default)", "42883", "" },
	{ "pinned", "957 ", "allow", NULL, "pg_catalog.lo_creat" },
	{ "pinned", "957 1 ", "(default)", "42883", "" },
	{ "pinned", "x 1", "(default)", "42883", "" },
};

START_TEST(number)
{
	const struct verdict	*v = shop_judge_bytes(numbers[_i].profile,
				    JUDGE_FUNCTION, numbers[_i].call,
				    strlen(numbers[_i].call));

	ck_assert_msg(strcmp(v->action == VERDICT_DENY ? v->rule : "allow",
	    numbers[_i].want) == 0, "%s %s: %s (%s)", numbers[_i].profile,
	    numbers[_i].call, v->rule, v->message);
	if (numbers[_i].sqlstate != NULL)
		ck_assert_str_eq(v->sqlstate, numbers[_i].sqlstate);
	ck_assert_str_eq(v->name, numbers[_i].name);
	ck_assert_str_eq(kind_name(v->kind), "fastpath");
	ck_assert_int_eq(v->flags & (VERDICT_READONLY | VERDICT_CACHEABLE),
	    0);
}
END_TEST

START_TEST(json)
{
	struct buf	 b;

	buf_init(&b, 65536);
	ck_assert_int_eq(verdict_json(shop_judge("writer", "INSERT INTO "
	    "orders SELECT id FROM app.notes"), &b), 0);
	buf_add_u8(&b, 0);
	ck_assert_str_eq((char *)buf_head(&b), "{\"action\":\"allow\","
	    "\"rule\":\"writes\",\"line\":45,\"kind\":\"insert\",\"kinds\":"
	    "[\"insert\"],\"reads\":[\"app.notes\"],\"writes\":"
	    "[\"public.orders\"],\"masked\":[],\"tags\":\"\","
	    "\"observed\":\"\",\"score\":0,\"hold\":false,"
	    "\"cacheable\":true,"
	    "\"readonly\":false,\"per_session\":false,"
	    "\"per_moment\":false,\"protected\":false}");
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("judge");
	TCase	*t = tcase_create("judge");
	SRunner	*r;
	int	 failed;

	tcase_add_loop_test(t, verdicts, 0,
	    (int)(sizeof(table) / sizeof(table[0])));
	tcase_add_loop_test(t, flag, 0,
	    (int)(sizeof(flags) / sizeof(flags[0])));
	tcase_add_loop_test(t, hostile, 0,
	    (int)(sizeof(chains) / sizeof(chains[0])));
	tcase_add_test(t, messages);
	tcase_add_test(t, bytes);
	tcase_add_test(t, held);
	tcase_add_test(t, fastpath);
	tcase_add_loop_test(t, number, 0,
	    (int)(sizeof(numbers) / sizeof(numbers[0])));
	tcase_add_test(t, json);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
