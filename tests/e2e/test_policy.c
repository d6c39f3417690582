/*
 * Texts that are meant to hurt the parser: each has a clear answer, its session
 * and all others go on, and it is in the record.  And what an administrator
 * makes of a record: policyctl diff and learn.
 */
#include "e2e.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

/* prefix, then n times the unit, then suffix. */
struct hostile {
	const char	*name, *prefix, *unit;
	size_t		 n;
	const char	*suffix;
	const char	*why;		/* part of the message */
};

static const char deep[] = "an expression or a chain of joins is too long";
static const char nested[] = "brackets are nested too deeply";
static const char encoding[] = "the text is not valid UTF-8";
static const char endless[] = "does not end";

/* All are refused with 54000 before the parser has seen them. */
static const struct hostile texts[] = {
	{ "sum", "SELECT 1", "+1", 4400, "", deep },
	{ "long sum", "SELECT 1", "+1", 1000000, "", deep },
	{ "casts", "SELECT 1", "::int", 100000, "", deep },
	{ "unions", "SELECT 1", " UNION ALL SELECT 1", 20000, "", deep },
	{ "joins", "SELECT 1 FROM orders", " JOIN orders USING (id)", 20000,
	    "", deep },
	{ "signs", "SELECT ", "- ", 100000, "1", deep },
	{ "nots", "SELECT ", "NOT ", 100000, "true", deep },
	{ "parentheses", "SELECT ", "(", 100000, "1", nested },
	{ "arrays", "SELECT ", "ARRAY[", 100000, "1", nested },
	{ "cases", "SELECT ", "CASE WHEN true THEN ", 50000, "1", nested },
	{ "selects", "SELECT ", "(SELECT ", 50000, "1", nested },
	{ "comments", "", "/*", 64000, "", "comments are nested too deeply" },
	{ "operators", "SELECT 1 ", "+", 131072, " 1",
	    "an operator is too long" },
	{ "ats", "SELECT 1 ", "@", 131072, " 1", "an operator is too long" },
	{ "statements", "", "SELECT 1;", 100000, "",
	    "too many statements in one text" },
	{ "nothings", "", ";", 100000, "", "too many statements in one text" },
	{ "no UTF-8", "SELECT '", "\xff", 1, "'", encoding },
	{ "overlong", "SELECT '", "\xc0\xaf", 1, "'", encoding },
	{ "surrogate", "SELECT '", "\xed\xa0\x80", 1, "'", encoding },
	{ "cut", "SELECT 1 -- ", "\xe2\x82", 1, "", encoding },
	{ "string", "SELECT '", "a", 1000000, "", endless },
	{ "name", "SELECT \"", "a", 1000000, "", endless },
	{ "dollars", "SELECT $x$", "$y$", 100000, "", endless },
	{ "comment", "SELECT 1 /*", "*", 1000000, "", endless },
	{ "9 MiB", "SELECT '", "a", 9 * 1024 * 1024, "'",
	    "the text is too long" }
};
#define NTEXTS	(sizeof(texts) / sizeof(texts[0]))

/* These are work for the parser: it does it, or its process ends. */
static const struct hostile works[] = {
	{ "list", "SELECT 1 WHERE 1 IN (1", ",1", 1000000, ")", NULL },
	{ "rows", "VALUES (1)", ",(1)", 1000000, "", NULL },
	{ "terms", "SELECT true", " AND true", 200000, "", NULL },
	{ "columns", "SELECT 1", ",1", 1000000, "", NULL }
};

static PGconn *other, *near;

static void
setup(void)
{
	other = e2e_session("dba", "policy-other");
	near = e2e_session("nightly-bot", "policy-near");
}

static void
teardown(void)
{
	PQfinish(other);
	PQfinish(near);
}

static char *
build(const struct hostile *h)
{
	size_t	 p = strlen(h->prefix), u = strlen(h->unit), i;
	char	*s = malloc(p + u * h->n + strlen(h->suffix) + 1), *at = s;

	ck_assert_ptr_nonnull(s);
	memcpy(at, h->prefix, p);
	for (i = 0, at += p; i < h->n; i++, at += u)
		memcpy(at, h->unit, u);
	strcpy(at, h->suffix);
	return s;
}

static void
check_works(PGconn *c, const char *who, const char *after)
{
	PGresult	*r = PQexec(c, "SELECT 7");

	ck_assert_msg(PQresultStatus(r) == PGRES_TUPLES_OK &&
	    strcmp(PQgetvalue(r, 0, 0), "7") == 0, "%s after %s: %s", who,
	    after, PQerrorMessage(c));
	PQclear(r);
}

/* The last of the results; the others are dropped. */
static PGresult *
last_result(PGconn *c)
{
	PGresult	*r, *last = NULL;

	while ((r = PQgetResult(c)) != NULL) {
		PQclear(last);
		last = r;
	}
	return last;
}

/* Send it; while it is looked at another session works. */
static PGresult *
ask(PGconn *c, const char *name, const char *sql, bool parse)
{
	int	 sent = parse ? PQsendPrepare(c, "", sql, 0, NULL) :
		    PQsendQuery(c, sql);

	ck_assert_msg(sent == 1, "%s: %s", name, PQerrorMessage(c));
	check_works(other, "another profile's session", name);
	return last_result(c);
}

static void
refused(PGconn *c, const struct hostile *h, bool parse)
{
	char		*sql = build(h);
	long long	 begun = e2e_now();
	PGresult	*r = ask(c, h->name, sql, parse);

	ck_assert_msg(strcmp(e2e_sqlstate(r), "54000") == 0 &&
	    strstr(PQresultErrorMessage(r), h->why) != NULL, "%s: %s", h->name,
	    PQresultErrorMessage(r));
	printf("%s, %zu bytes%s: %lld ms\n", h->name, strlen(sql),
	    parse ? ", prepared" : "", e2e_now() - begun);
	PQclear(r);
	free(sql);
	check_works(c, "its session", h->name);
}

/* No engine dies of them. */
START_TEST(hostile_texts)
{
	PGconn	*c = e2e_session("nightly-bot", "policy-hostile");
	pid_t	 policyd = e2e_process("policyd");
	size_t	 i;
	long	 n;

	for (i = 0; i < NTEXTS; i++) {
		refused(c, &texts[i], false);
		refused(c, &texts[i], true);
	}
	check_works(near, "a session of the same engine", "all");
	PQfinish(c);
	ck_assert_int_eq(e2e_process("policyd"), policyd);
	ck_assert_int_eq(e2e_sh("grep -q 'child=engine.*profile=nightly-bot' "
	    "%s/policyd.log", e2e_env("STACK_DIR")), 1);
	/* Each is in the record, refused by the parser's look. */
	ck_assert_msg(E2E_UNTIL(10000, (n = e2e_audit_n("SELECT count(*) FROM "
	    "events e WHERE e.session IN (SELECT session FROM events WHERE "
	    "kind = 'session_open' AND json_extract(body, '$.subject') = "
	    "'policy-hostile') AND e.kind IN ('intent', 'prepare') AND "
	    "json_extract(e.body, '$.action') = 'deny' AND "
	    "json_extract(e.body, '$.rule') = '(parser)' AND "
	    "json_extract(e.body, '$.sqlstate') = '54000'")) ==
	    2 * (long)NTEXTS), "%ld of %zu are in the record", n, 2 * NTEXTS);
}
END_TEST

/* What no client library would send. */
START_TEST(hostile_messages)
{
	static const char	 nul[] = "SELECT 1\0; DROP TABLE orders";
	char			*part = calloc(1, 1024 * 1024);
	struct raw		*r;
	const char		*state;

	ck_assert_ptr_nonnull(part);
	r = raw_session("nightly-bot", "policy-nul", false);
	raw_msg(r, 'Q', nul, sizeof(nul));
	state = raw_ending(r, 10000);
	ck_assert_msg(state != NULL && strcmp(state, "08P01") == 0, "NUL: %s",
	    state);
	raw_free(&r);
	/* It says 64 MiB, and begins to send them. */
	r = raw_session("nightly-bot", "policy-64m", false);
	memset(part, ' ', 1024 * 1024);
	raw_liar(r, 'Q', 64u * 1024 * 1024, part, 1024 * 1024);
	state = raw_ending(r, 10000);
	ck_assert_msg(state != NULL && strcmp(state, "54000") == 0,
	    "64 MiB: %s", state);
	raw_free(&r);
	free(part);
	check_works(other, "another session", "messages");
	check_works(near, "a session of the same engine", "messages");
}
END_TEST

/* So many lines of policyd's log say this. */
static int
logged(const char *what)
{
	char	 cmd[1024];
	FILE	*f;
	int	 n = -1;

	snprintf(cmd, sizeof cmd, "grep -c '%s' %s/policyd.log", what,
	    e2e_env("STACK_DIR"));
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

/* Too much work is an answer or a refusal, and one engine at most. */
START_TEST(hostile_work)
{
	int		 dead, late;
	PGconn		*c = e2e_session("nightly-bot", "policy-work");
	PGresult	*r;
	char		*sql;
	size_t		 i;
	long long	 begun;

	for (i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		sql = build(&works[i]);
		begun = e2e_now();
		dead = logged("child_exit child=engine");
		late = logged("child_late child=engine");
		r = ask(c, works[i].name, sql, false);
		ck_assert_msg(PQresultStatus(r) == PGRES_TUPLES_OK ||
		    strncmp(e2e_sqlstate(r), "54", 2) == 0, "%s: %s",
		    works[i].name, PQresultErrorMessage(r));
		printf("%s, %zu bytes: %s, %lld ms\n", works[i].name,
		    strlen(sql), e2e_sqlstate(r), e2e_now() - begun);
		/* 54001: its engine's last words, and no other's.  (Where the
		 * machine is so slow that policyd took the engine for dead,
		 * there were none.) */
		if (strcmp(e2e_sqlstate(r), "54001") != 0)
			ck_assert_int_eq(logged("child_exit child=engine"),
			    dead);
		else if (logged("child_late child=engine") == late) {
			ck_assert(E2E_UNTIL(20000,
			    logged("child_exit child=engine") > dead));
			ck_assert_int_eq(logged("child_exit child=engine"),
			    dead + 1);
		}
		PQclear(r);
		free(sql);
		check_works(c, "its session", works[i].name);
		check_works(near, "a session of the same engine",
		    works[i].name);
	}
	PQfinish(c);
}
END_TEST

/* The engine of this profile; 0: there is none now. */
static pid_t
engine_of(const char *profile)
{
	char	 cmd[1024];
	FILE	*f;
	int	 pid = 0;

	snprintf(cmd, sizeof cmd, "%s/policyctl -s %s --json status | tr '{' "
	    "'\\n' | grep '\"profile\": *\"%s\"' | "
	    "sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/'",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), profile);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	pclose(f);
	return pid;
}

/* Whose statement an engine dies of (here: with) hears of it at most; a fresh
 * one serves the next. */
START_TEST(engine_is_replaced)
{
	pid_t		 engine = engine_of("nightly-bot"), fresh = 0;
	long long	 begun;

	ck_assert_int_gt(engine, 0);
	ck_assert_int_eq(kill(engine, SIGKILL), 0);
	begun = e2e_now();
	check_works(near, "a session of the profile", "its engine's death");
	check_works(other, "another session", "an engine's death");
	printf("a statement after an engine's death: %lld ms\n",
	    e2e_now() - begun);
	ck_assert(E2E_UNTIL(5000, (fresh = engine_of("nightly-bot")) > 0));
	ck_assert_int_ne(fresh, engine);
}
END_TEST

/* From a real record: what another policy would say, and an allow-list. */
START_TEST(record_tools)
{
	static const char	 cases[] = "version: 1\ndatabases:\n  shop:\n"
	    "    relations:\n      public.orders: {columns: {id: bigint, "
	    "customer_id: bigint, amount: numeric, status: text, placed_at: "
	    "timestamp with time zone}, keys: [[id]]}\n";
	PGconn		*c = e2e_session("nightly-bot", "policy-tools");
	const char	*bin = e2e_env("POSTERN_BIN");
	const char	*policy = e2e_env("POLICY_FILE");
	const char	*dir = e2e_env("STACK_DIR");
	const char	*p = "7";
	char		 path[512];
	FILE		*f;

	free(e2e_value(c, "SELECT amount FROM orders WHERE id = 3"));
	PQclear(PQexecParams(c, "SELECT status FROM orders WHERE id = $1", 1,
	    NULL, &p, NULL, NULL, 0));
	e2e_refused(c, "DROP TABLE orders", "42501");
	PQfinish(c);
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'end' AND session IN (SELECT session FROM events "
	    "WHERE kind = 'session_open' AND json_extract(body, '$.subject') "
	    "= 'policy-tools')") == 1));
	snprintf(path, sizeof path, "%s/cases.yaml", dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(cases, f);
	fclose(f);
	ck_assert_int_eq(e2e_sh("cd %s && %s/auditctl -d %s export --subject "
	    "policy-tools > record && grep -c '\"kind\":\"intent\"' record | "
	    "grep -qx 3", dir, bin, e2e_env("AUDIT_DB")), 0);
	/* Names in a profile with masks are known by a description only. */
	ck_assert_int_eq(e2e_sh("cd %s && %s/policyctl diff --databases "
	    "cases.yaml %s %s record > same && grep -q '^3 statements, 3 "
	    "different: 0 would' same", dir, bin, policy, policy), 0);
	ck_assert_int_eq(e2e_sh("cd %s && sed 's/{name: reads, when: {kind: "
	    "read}, then: allow}/{name: reads, when: {kind: read}, then: "
	    "deny}/' %s > other.yaml && %s/policyctl diff --databases "
	    "cases.yaml %s other.yaml < record > differs", dir, policy, bin,
	    policy), 1);
	ck_assert_int_eq(e2e_sh("grep -q '^3 statements, 3 different: 2 "
	    "would' %s/differs", dir), 0);
	/* With the catalogue itself all is as it was judged. */
	ck_assert_int_eq(e2e_sh("cd %s && %s/policyctl -s %s catalog "
	    "--database shop > shop.catalog && printf 'version: 1\n"
	    "databases:\n  shop: {snapshot: shop.catalog}\n' > exact.yaml && "
	    "printf 'policy: %s\ncases:\n- {database: shop, profile: "
	    "nightly-bot, sql: SELECT email FROM customers, expect: mask}\n' "
	    ">> exact.yaml && %s/policyctl test exact.yaml", dir, bin,
	    e2e_env("POLICYD_SOCK"), policy, bin), 0);
	ck_assert_int_eq(e2e_sh("cd %s && %s/policyctl diff --databases "
	    "exact.yaml %s other.yaml record > differs; grep -q '^3 "
	    "statements, 3 different: 2 would' differs", dir, bin, policy), 0);
	ck_assert_int_eq(e2e_sh("cd %s && %s/policyctl -s %s catalog "
	    "--database other > none 2> why || grep -q 'no such database' why",
	    dir, bin, e2e_env("POLICYD_SOCK")), 0);
	ck_assert_int_eq(e2e_sh("cd %s && head -c 100000 shop.catalog > cut && "
	    "sed 's/shop.catalog/cut/' exact.yaml > cut.yaml && ! %s/policyctl "
	    "diff --databases cut.yaml %s %s record > none 2> why && "
	    "grep -q 'cut.yaml:3:20: databases.shop.snapshot: ' why", dir, bin,
	    policy, policy), 0);
	/* It is a policy, beside the files that the other one names. */
	ck_assert_int_eq(e2e_sh("cd %s && %s/policyctl -f %s learn --profile "
	    "nightly-bot --databases cases.yaml record > learned.yaml && "
	    "%s/policyd -n -f learned.yaml && grep -q 'name: learned-select' "
	    "learned.yaml", dir, bin, policy, bin), 0);
	ck_assert_int_eq(e2e_sh("cd %s && %s/policyctl diff --databases "
	    "cases.yaml %s learned.yaml record > after; grep -q '^3 "
	    "statements, 3 different: 1 would' after", dir, bin, policy), 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("policy");
	TCase *tc = tcase_create("hostile");

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, record_tools);
	tcase_add_test(tc, hostile_texts);
	tcase_add_test(tc, hostile_messages);
	tcase_add_test(tc, hostile_work);
	tcase_add_test(tc, engine_is_replaced);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return e2e_main(suite());
}
