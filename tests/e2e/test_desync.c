/*
 * The gateway's idea of a session against the server's: names that are undone,
 * cut, given by SQL; verdicts that belong to another message; long pipelines
 * and large messages.  Each of these once went wrong.
 */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

static uint8_t body[256 * 1024];
static size_t len;

static void
add(const void *p, size_t n)
{
	ck_assert_uint_le(len + n, sizeof body);
	memcpy(body + len, p, n);
	len += n;
}

static void
add_str(const char *s)
{
	add(s, strlen(s) + 1);
}

static void
parse(struct raw *r, const char *name, const char *sql)
{
	len = 0;
	add_str(name);
	add_str(sql);
	add("\0\0", 2);
	ck_assert(raw_msg(r, 'P', body, len));
}

static void
bind(struct raw *r, const char *portal, const char *name)
{
	len = 0;
	add_str(portal);
	add_str(name);
	add("\0\0\0\0\0\0", 6);
	ck_assert(raw_msg(r, 'B', body, len));
}

static void
execute(struct raw *r, const char *portal)
{
	len = 0;
	add_str(portal);
	add("\0\0\0\0", 4);
	ck_assert(raw_msg(r, 'E', body, len));
}

static void
sync_(struct raw *r)
{
	ck_assert(raw_msg(r, 'S', NULL, 0));
}

/*
 * Read up to ReadyForQuery: the first value of the last row into `value`, ""
 * when there was none.
 */
static void
answer(struct raw *r, char *value, size_t size)
{
	const uint8_t *p;
	size_t n, v;
	int type;

	*value = '\0';
	while ((type = raw_read(r, 10000, &p, &n)) != 'Z') {
		ck_assert_msg(type > 0, "no answer (%d)", type);
		if (type != 'D')
			continue;
		v = (size_t)p[4] << 8 | p[5];
		if (v >= size)
			v = size - 1;
		memcpy(value, p + 6, v);
		value[v] = '\0';
	}
}

/* The text that the record gives to the last execution of this subject. */
static void
check_recorded(const char *sub, const char *text)
{
	ck_assert_msg(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM "
	    "statements WHERE subject = '%s' AND form = 'execute' AND "
	    "text = '%s'", sub, text) == 1), "not recorded as %s", text);
}

START_TEST(undone_under_a_newer_name)
{
	struct raw *r = raw_session("dba", "desync-undo", false);
	char v[64];

	parse(r, "", "SELECT 'P0'");
	parse(r, "sl", "SELECT pg_sleep(0.5)");
	sync_(r);
	answer(r, v, sizeof v);
	bind(r, "", "sl");
	execute(r, "");
	execute(r, "nope");
	parse(r, "", "SELECT 'A'");
	sync_(r);
	parse(r, "", "SELECT 'B'");
	sync_(r);
	answer(r, v, sizeof v);
	answer(r, v, sizeof v);
	bind(r, "", "");
	execute(r, "");
	sync_(r);
	answer(r, v, sizeof v);
	ck_assert_str_eq(v, "B");
	check_recorded("desync-undo", "SELECT ''B''");
	raw_free(&r);
}
END_TEST

START_TEST(names_are_63_bytes)
{
	struct raw *r = raw_session("dba", "desync-long", false);
	char x[80], y[80], v[64], close_y[90];

	memset(x, 'n', 63);
	memset(y, 'n', 63);
	strcpy(x + 63, "x");
	strcpy(y + 63, "y");
	parse(r, x, "SELECT 'one'");
	sync_(r);
	answer(r, v, sizeof v);
	snprintf(close_y, sizeof close_y, "S%s", y);
	raw_msg(r, 'C', close_y, strlen(close_y) + 1);
	parse(r, y, "SELECT 'two'");
	sync_(r);
	answer(r, v, sizeof v);
	bind(r, "", x);
	execute(r, "");
	sync_(r);
	answer(r, v, sizeof v);
	ck_assert_str_eq(v, "two");
	check_recorded("desync-long", "SELECT ''two''");
	raw_free(&r);
}
END_TEST

START_TEST(names_given_by_sql)
{
	struct raw *r = raw_session("dba", "desync-sql", false);
	char v[64];

	parse(r, "s1", "SELECT 'one'");
	sync_(r);
	answer(r, v, sizeof v);
	raw_query(r, "DEALLOCATE s1");
	answer(r, v, sizeof v);
	raw_query(r, "PREPARE s1 AS SELECT 'two'");
	answer(r, v, sizeof v);
	bind(r, "", "s1");
	execute(r, "");
	sync_(r);
	answer(r, v, sizeof v);
	/* Not run under a name whose text the gateway does not know. */
	ck_assert_str_eq(v, "");
	ck_assert_str_eq(raw_sqlstate(r), "26000");
	raw_free(&r);
}
END_TEST

/* More than the engine reads, and no trouble to the server. */
static void
unread_query(struct raw *r, const char *sql, char *value, size_t size)
{
	char text[1024] = "";
	int i;

	for (i = 0; i < 40; i++)
		strcat(text, "/*");
	for (i = 0; i < 40; i++)
		strcat(text, "*/");
	strcat(text, sql);
	raw_query(r, text);
	answer(r, value, size);
}

/*
 * What the engine does not understand passes where everything is allowed.  A
 * text that did nothing takes no names away; one that ran, if only in part, may
 * have changed any.
 */
START_TEST(names_after_unread_text)
{
	static const char *const again[] = {
		"DEALLOCATE s1; PREPARE s1 AS SELECT 'two'",
		"DEALLOCATE s1; PREPARE s1 AS SELECT 'two'; SELECT 1 / 0",
	};
	struct raw *r = raw_session("dba", "desync-unread", false);
	char v[64];

	parse(r, "s1", "SELECT 'one'");
	sync_(r);
	answer(r, v, sizeof v);
	raw_query(r, "SELEC 1");
	answer(r, v, sizeof v);
	ck_assert_str_eq(raw_sqlstate(r), "42601");
	unread_query(r, "SELECT nothing", v, sizeof v);
	ck_assert_str_eq(raw_sqlstate(r), "42703");
	bind(r, "", "s1");
	execute(r, "");
	sync_(r);
	answer(r, v, sizeof v);
	ck_assert_str_eq(v, "one");
	unread_query(r, again[_i], v, sizeof v);
	bind(r, "", "s1");
	execute(r, "");
	sync_(r);
	answer(r, v, sizeof v);
	ck_assert_str_eq(v, "");
	ck_assert_str_eq(raw_sqlstate(r), "26000");
	raw_free(&r);
}
END_TEST

/* A server's own words, with where in the text; nothing of Postern's. */
START_TEST(syntax_error_is_the_servers)
{
	PGconn *c = e2e_session("dba", "desync-syntax");
	PGresult *res = PQexec(c, "SELECT 'h\xc3\xa9' FRM x");

	ck_assert_str_eq(PQresultErrorField(res, PG_DIAG_SQLSTATE), "42601");
	ck_assert_str_eq(PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY),
	    "syntax error at or near \"x\"");
	ck_assert_str_eq(PQresultErrorField(res, PG_DIAG_STATEMENT_POSITION),
	    "17");
	ck_assert_ptr_null(PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL));
	PQclear(res);
	PQfinish(c);
}
END_TEST

static long
epoch(void)
{
	char cmd[1024], line[64] = "";
	FILE *f;

	snprintf(cmd, sizeof cmd, "%s/policyctl -s %s status | "
	    "sed -n 's/^epoch: *//p'", e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK"));
	ck_assert_ptr_nonnull(f = popen(cmd, "r"));
	ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
	pclose(f);
	return strtol(line, NULL, 10);
}

/*
 * A verdict that is asked for when its portal expires must not be that of the
 * next message: the unmasked cards would come.
 */
START_TEST(verdict_of_another_message)
{
	static char slow[100 * 1024];
	struct raw *r = raw_session("analyst", "desync-verdict", false);
	PGconn *ddl = e2e_session("dba", "desync-ddl");
	long before;
	char v[128];
	size_t n;
	int i;

	n = (size_t)snprintf(slow, sizeof slow, "SELECT 1 WHERE 1 IN (0");
	for (i = 0; i < 15000; i++)
		n += (size_t)snprintf(slow + n, sizeof slow - n, ",%d", i);
	snprintf(slow + n, sizeof slow - n, ")");
	raw_query(r, "BEGIN");
	answer(r, v, sizeof v);
	parse(r, "slow", slow);
	bind(r, "p", "slow");
	parse(r, "c", "COMMIT");
	bind(r, "pc", "c");
	sync_(r);
	answer(r, v, sizeof v);
	before = epoch();
	free(e2e_value(ddl, "CREATE TABLE desync_t (a int)"));
	ck_assert(E2E_UNTIL(20000, epoch() != before));
	execute(r, "pc");
	sync_(r);
	execute(r, "p");
	sync_(r);
	raw_query(r, "SELECT email || '' FROM customers LIMIT 1");
	answer(r, v, sizeof v);
	answer(r, v, sizeof v);
	answer(r, v, sizeof v);
	ck_assert_msg(strncmp(v, "***", 3) == 0, "unmasked: %s", v);
	raw_free(&r);
	free(e2e_value(ddl, "DROP TABLE desync_t"));
	PQfinish(ddl);
}
END_TEST

/* The second byte of a GBK character may be a backslash. */
START_TEST(encoding_at_startup)
{
	char *token = e2e_token("desync-gbk", "analysts");
	PGconn *c;

	setenv("PGCLIENTENCODING", "GBK", 1);
	c = e2e_try("analyst", token, false);
	unsetenv("PGCLIENTENCODING");
	ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
	ck_assert_ptr_nonnull(strstr(PQerrorMessage(c), "client_encoding"));
	PQfinish(c);
	free(token);
}
END_TEST

/* The last record of a large message lies in OpenSSL, and the socket is quiet. */
START_TEST(large_messages_over_tls)
{
	static char sql[200 * 1024];
	struct raw *r = raw_session("dba", "desync-large", _i != 0);
	static const size_t sizes[] = { 131000, 132000, 133000, 147456 };
	char v[64];
	size_t i;

	for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		memset(sql, ' ', sizes[i]);
		memcpy(sql, "SELECT 5", 8);
		sql[sizes[i]] = '\0';
		raw_query(r, sql);
		answer(r, v, sizeof v);
		ck_assert_str_eq(v, "5");
	}
	for (i = 134700; i < 137000; i += 300) {
		snprintf(sql, sizeof sql, "DO $$BEGIN RAISE NOTICE '%%', "
		    "repeat('x', %zu); END$$", i);
		raw_query(r, sql);
		answer(r, v, sizeof v);
	}
	raw_free(&r);
}
END_TEST

START_TEST(long_pipeline_behind_an_error)
{
	struct raw *r = raw_session("dba", "desync-skip", false);
	char v[64];
	int i;

	parse(r, "", "SELEC");
	for (i = 0; i < 12000; i++)
		bind(r, "", "");
	sync_(r);
	answer(r, v, sizeof v);
	/* A Query in a segment that is skipped is skipped too. */
	parse(r, "", "SELEC");
	raw_query(r, "SELECT 1");
	parse(r, "", "SELECT 2");
	sync_(r);
	answer(r, v, sizeof v);
	ck_assert_str_eq(v, "");
	raw_query(r, "SELECT 3");
	answer(r, v, sizeof v);
	ck_assert_str_eq(v, "3");
	raw_free(&r);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("desync");
	TCase *c = tcase_create("desync");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, undone_under_a_newer_name);
	tcase_add_test(c, names_are_63_bytes);
	tcase_add_test(c, names_given_by_sql);
	tcase_add_loop_test(c, names_after_unread_text, 0, 2);
	tcase_add_test(c, syntax_error_is_the_servers);
	tcase_add_test(c, verdict_of_another_message);
	tcase_add_test(c, encoding_at_startup);
	tcase_add_loop_test(c, large_messages_over_tls, 0, 2);
	tcase_add_test(c, long_pipeline_behind_an_error);
	suite_add_tcase(s, c);
	return e2e_main(s);
}
