/*
 * Minted roles: what they are, that they go with their sessions whatever dies,
 * that nothing which a session leaves behind serves the next one, that no
 * process but the keeper knows a password, and that sessions end in time.
 * mint.yaml is the policy.
 */
#include "e2e.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "raw.h"

#define ROLES	"rolname LIKE 'pst\\_' || '%s' || '\\_%%'"

static const char *
instance(void)
{
	static char id[32];
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/instance", e2e_env("STATE_DIR"));
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	ck_assert_ptr_nonnull(fgets(id, sizeof id, f));
	id[strcspn(id, "\n")] = '\0';
	fclose(f);
	return id;
}

static char *
direct_value(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One value, as the superuser. */
static char *
direct_value(const char *fmt, ...)
{
	char sql[4096], *v;
	PGconn *d = e2e_direct();
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sql, sizeof sql, fmt, ap);
	va_end(ap);
	v = e2e_value(d, sql);
	PQfinish(d);
	return v;
}

static long
direct_n(const char *sql)
{
	char *v = direct_value("%s", sql);
	long n = atol(v);

	free(v);
	return n;
}

/* Roles of this installation with a mark, and backends of such roles. */
static long
minted_left(void)
{
	char sql[1024];

	snprintf(sql, sizeof sql, "SELECT (SELECT count(*) FROM pg_roles "
	    "WHERE " ROLES " AND shobj_description(oid, 'pg_authid') LIKE "
	    "'postern instance=%s %%') + (SELECT count(*) FROM "
	    "pg_stat_activity WHERE usename LIKE 'pst\\_%%' OR (usesysid IS "
	    "NOT NULL AND usename IS NULL))", instance(), instance());
	return direct_n(sql);
}

static void
sweep(void)
{
	ck_assert(E2E_UNTIL(e2e_patience(10000), e2e_sh("%s/policyctl -s %s sweep "
	    ">/dev/null 2>&1", e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK")) == 0));
}

static void
none_left(const char *after)
{
	sweep();
	ck_assert_msg(E2E_UNTIL(e2e_patience(15000), minted_left() == 0),
	    "%ld roles or backends left after %s", minted_left(), after);
}

/* Every role that is not minted, its rights and memberships: one digest. */
static char *
others(void)
{
	return direct_value("SELECT md5(string_agg(t, ';' ORDER BY t)) FROM ("
	    "SELECT r.rolname || r.rolsuper || r.rolcreaterole || "
	    "r.rolcanlogin || r.rolconnlimit || coalesce(r.rolvaliduntil::text, "
	    "'') || coalesce(r.rolpassword, '') || coalesce("
	    "shobj_description(r.oid, 'pg_authid'), '') AS t "
	    "FROM pg_authid r WHERE NOT coalesce(shobj_description(r.oid, "
	    "'pg_authid') LIKE 'postern instance=%s %%', false) "
	    "UNION ALL SELECT m.roleid::regrole || '-' || m.member::regrole "
	    "FROM pg_auth_members m JOIN pg_roles a ON a.oid = m.roleid "
	    "JOIN pg_roles b ON b.oid = m.member WHERE a.rolname NOT LIKE "
	    "'pst\\_%%' AND b.rolname NOT LIKE 'pst\\_%%' "
	    "UNION ALL SELECT relname || coalesce(relacl::text, '') || "
	    "relowner FROM pg_class WHERE relnamespace = "
	    "'public'::regnamespace) AS x", instance());
}

/* --- what a minted role is ---------------------------------------------------------- */

START_TEST(role_is_bound)
{
	PGconn *c = e2e_session("nightly-bot", "mint-bound");
	char *role = e2e_value(c, "SELECT current_user"), *v;
	char want[128];

	snprintf(want, sizeof want, "pst_%s_", instance());
	ck_assert_msg(strncmp(role, want, strlen(want)) == 0, "%s", role);
	/* No second login, from the moment that there was the first. */
	ck_assert(E2E_UNTIL(e2e_patience(3000), ({
		v = direct_value("SELECT rolcanlogin FROM pg_roles WHERE "
		    "rolname = '%s'", role);
		bool off = strcmp(v, "f") == 0;

		free(v);
		off;
	})));
	v = direct_value("SELECT a.rolconnlimit || '|' || a.rolsuper || "
	    "a.rolcreaterole || a.rolcreatedb || a.rolbypassrls || "
	    "a.rolreplication || '|' || (a.rolvaliduntil BETWEEN now() + interval '50 minutes' "
	    "AND now() + interval '61 minutes') || '|' || (rolconfig @> ARRAY["
	    "'statement_timeout=60s', 'search_path=public, pg_temp', "
	    "'log_statement=all']) || '|' || pg_has_role(a.oid, "
	    "'app_reader', 'member') || '|' || pg_has_role('postern_broker', "
	    "a.oid, 'member') || '|' || has_table_privilege(a.oid, 'orders', "
	    "'insert, update') || '|' || has_table_privilege(a.oid, 'orders', "
	    "'delete') || '|' || (a.rolpassword LIKE "
	    "'SCRAM-SHA-256$4096:%%') FROM pg_authid a JOIN pg_roles r ON "
	    "r.oid = a.oid WHERE a.rolname = '%s'", role);
	ck_assert_str_eq(v, "1|falsefalsefalsefalsefalse|true|true|true|true|"
	    "true|false|true");
	free(v);
	v = direct_value("SELECT rolsuper FROM pg_roles WHERE rolname = "
	    "'postern_broker'");
	ck_assert_str_eq(v, "f");
	free(v);
	/* What the server writes down is not the session's to stop (D5). */
	e2e_refused(c, "SET log_statement = 'none'", "42501");
	free(e2e_value(c, "UPDATE orders SET status = 'm' WHERE id = 3"));
	PQfinish(c);
	ck_assert(E2E_UNTIL(e2e_patience(5000), minted_left() == 0));
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events e "
	    "JOIN sessions s ON s.subject = 'mint-bound' WHERE e.kind IN "
	    "('mint', 'drop') AND json_extract(e.body, '$.session') = "
	    "s.session AND json_extract(e.body, '$.role') = '%s'", role) ==
	    2));
	free(role);
}
END_TEST

static void
refused_login(const char *profile, const char *reason)
{
	char *token = e2e_token("mint-refused", profile);
	PGconn *c = e2e_try(profile, token, false);

	ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
	ck_assert_msg(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'login_refused' AND json_extract(body, '$.user') = "
	    "'%s' AND json_extract(body, '$.reason') LIKE '%%%s%%'", profile,
	    reason) >= 1), "%s: no reason like %s", profile, reason);
	PQfinish(c);
	free(token);
}

/* A GRANT that only warns gave nothing: no session with half its rights. */
START_TEST(a_warning_is_a_failure)
{
	free(direct_value("REVOKE GRANT OPTION FOR DELETE ON customers FROM "
	    "postern_broker"));
	refused_login("hollow", "no privileges were granted");
	refused_login("peeping", "can log in");
	ck_assert(E2E_UNTIL(e2e_patience(5000), minted_left() == 0));
}
END_TEST

START_TEST(columns_only)
{
	PGconn *c = e2e_session("maker", "mint-columns");
	char *v;

	v = e2e_value(c, "SELECT has_column_privilege('tickets', 'body', "
	    "'update') || '|' || has_column_privilege('tickets', "
	    "'customer_id', 'update')");
	ck_assert_str_eq(v, "true|false");
	free(v);
	PQfinish(c);
}
END_TEST

/* --- whatever dies ---------------------------------------------------------------------- */

enum victim { NOBODY, CLIENT, WORKER, POLICYD, PARENT, KEEPER, STACK,
	NVICTIMS };

static void
start_again(void)
{
	static const char *const names[] = { "auditd", "policyd", "gatewayd" };
	size_t i;

	for (i = 0; i < 3; i++)
		if (e2e_process(names[i]) == 0)
			free(e2e_stack("start --dir %s %s",
			    e2e_env("STACK_DIR"), names[i]));
}

static PGconn *
patient_session(const char *sub)
{
	char *token = e2e_token(sub, "ai-agents");
	PGconn *c = NULL;

	ck_assert_msg(E2E_UNTIL(e2e_patience(30000), ({
		PQfinish(c);
		c = e2e_try("nightly-bot", token, false);
		PQstatus(c) == CONNECTION_OK;
	})), "%s", PQerrorMessage(c));
	free(token);
	return c;
}

/* A client of its own, dead by kill -9 in mid-statement. */
static void
kill_client(void)
{
	pid_t pid;
	char c;
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_ne(pid = fork(), -1);
	if (pid == 0) {
		PGconn *mine = patient_session("mint-kill");

		PQsendQuery(mine, "SELECT pg_sleep(60)");
		if (PQflush(mine) == 0 && write(p[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(p[1]);
	ck_assert_int_eq(read(p[0], &c, 1), 1);
	close(p[0]);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static void
kill_it(enum victim v, PGconn *c)
{
	pid_t pid;

	switch (v) {
	case CLIENT:
		kill_client();
		break;
	case WORKER:
		if ((pid = e2e_worker_of(c)) > 0)
			kill(pid, SIGKILL);
		break;
	case POLICYD:
		free(e2e_stack("kill --dir %s policyd", e2e_env("STACK_DIR")));
		break;
	case PARENT:
	case KEEPER:
		pid = e2e_process(v == PARENT ? "parent" : "keeper");
		if (pid > 0)
			kill(pid, SIGKILL);
		break;
	case STACK:
		free(e2e_stack("kill --dir %s gatewayd policyd auditd",
		    e2e_env("STACK_DIR")));
		break;
	default:
		break;
	}
}

START_TEST(whatever_dies)
{
	const char *n = getenv("MINT_SESSIONS");
	long count = n == NULL ? 40 : atol(n), i, kills = 0;
	char *before, *after, decoy[128], sql[1024];
	PGconn *d = e2e_direct();

	/* Ours by name, and not by mark: theirs. */
	snprintf(decoy, sizeof decoy, "pst_%s_%032d", instance(), 7);
	snprintf(sql, sizeof sql, "CREATE ROLE %s; CREATE ROLE "
	    "pst_zzzzzzzzzz_00000000000000000000000000000001; COMMENT ON ROLE "
	    "pst_zzzzzzzzzz_00000000000000000000000000000001 IS 'postern "
	    "instance=zzzzzzzzzz session=00000000000000000000000000000001 "
	    "until=none owner='; CREATE ROLE pst_me", decoy);
	free(e2e_value(d, sql));
	before = others();
	for (i = 0; i < count; i++) {
		/* A tenth of them, in turn; more often when they are few. */
		enum victim v = i % (count >= 200 ? 10 : 3) != 2 ? NOBODY :
		    (enum victim)(1 + kills++ % (NVICTIMS - 1));
		PGconn *c = patient_session("mint-kill");

		if (v != NOBODY)
			PQsendQuery(c, "SELECT count(*) FROM orders a, "
			    "generate_series(1, 20) g");
		else
			free(e2e_value(c, "SELECT 1"));
		kill_it(v, c);
		if (v == POLICYD || v == STACK)
			start_again();
		PQfinish(c);
	}
	none_left("the kills");
	after = others();
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	snprintf(sql, sizeof sql, "DROP ROLE %s, pst_me, "
	    "pst_zzzzzzzzzz_00000000000000000000000000000001", decoy);
	free(e2e_value(d, sql));
	PQfinish(d);
	/* Nobody was told that a session was stuck. */
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s --json status | grep -q "
	    "'\"leftovers\": *\\[\\]'", e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK")), 0);
	printf("%ld sessions, %ld of them killed in turn\n", count, kills);
}
END_TEST

/* --- what is left behind ------------------------------------------------------------------ */

START_TEST(left_behind)
{
	PGconn *c = e2e_session("maker", "mint-litter"), *d = e2e_direct();
	PGconn *next;
	char *role = e2e_value(c, "SELECT current_user"), *v;

	free(e2e_value(c, "CREATE FUNCTION litter() RETURNS text LANGUAGE sql "
	    "SECURITY DEFINER AS 'SELECT current_user::text'"));
	free(e2e_value(c, "CREATE TABLE litter_t (secret text)"));
	free(e2e_value(c, "CREATE VIEW litter_v AS SELECT current_user::text "
	    "AS me, * FROM litter_t"));
	free(e2e_value(c, "GRANT SELECT ON litter_v TO PUBLIC"));
	free(e2e_value(c, "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO "
	    "PUBLIC"));
	free(e2e_value(c, "SELECT lo_create(4711)"));
	PQfinish(c);
	ck_assert(E2E_UNTIL(e2e_patience(5000), minted_left() == 0));

	v = e2e_value(d, "SELECT proowner::regrole || '|' || prosecdef FROM "
	    "pg_proc WHERE proname = 'litter'");
	ck_assert_str_eq(v, "postern_orphans|false");
	free(v);
	v = e2e_value(d, "SELECT string_agg(DISTINCT relowner::regrole::text, "
	    "',') || '|' || (SELECT count(*) FROM pg_default_acl) || '|' || "
	    "(SELECT lomowner::regrole FROM pg_largeobject_metadata WHERE oid "
	    "= 4711) FROM pg_class WHERE relname LIKE 'litter%'");
	ck_assert_str_eq(v, "postern_orphans|0|postern_orphans");
	free(v);
	/* All told, in one event. */
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'leftover' AND json_extract(body, '$.role') = '%s' "
	    "AND json_extract(body, '$.what') = 'objects' AND body LIKE "
	    "'%%function%%litter()%%' AND body LIKE '%%table%%litter_t%%' AND "
	    "body LIKE '%%litter_v%%' AND body LIKE '%%large object 4711%%' "
	    "AND body LIKE '%%default privileges%%'", role) == 1));
	/* And nothing of it is the next one's. */
	next = e2e_session("maker", "mint-litter-next");
	v = e2e_value(next, "SELECT (litter() = current_user) || '|' || "
	    "(SELECT count(*) FROM pg_class WHERE relname LIKE 'litter%' AND "
	    "pg_has_role(relowner, 'usage'))");
	ck_assert_str_eq(v, "true|0");
	free(v);
	e2e_refused(next, "SELECT * FROM litter_t", "42501");
	e2e_refused(next, "SELECT * FROM litter_v", "42501");
	e2e_refused(next, "DROP FUNCTION litter()", "42501");
	PQfinish(next);
	free(e2e_value(d, "DROP OWNED BY postern_orphans"));
	free(e2e_value(d, "GRANT CREATE ON SCHEMA public TO "
	    "postern_orphans"));
	PQfinish(d);
	free(role);
}
END_TEST

static PGconn *
other_database(void)
{
	char dsn[1024];
	PGconn *c;

	snprintf(dsn, sizeof dsn, "%s dbname=postgres",
	    e2e_env("DIRECT_DSN"));
	c = PQconnectdb(dsn);
	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	return c;
}

/* In another database, from another hand: the broker cannot take it away. */
START_TEST(stuck_elsewhere)
{
	PGconn *c = e2e_session("nightly-bot", "mint-stuck");
	PGconn *o = other_database();
	char *role = e2e_value(c, "SELECT current_user"), sql[512], *v;

	snprintf(sql, sizeof sql, "CREATE TABLE elsewhere (i int); GRANT "
	    "SELECT ON elsewhere TO %s", role);
	free(e2e_value(o, sql));
	PQfinish(c);
	ck_assert_msg(E2E_UNTIL(e2e_patience(10000), e2e_audit_n("SELECT count(*) "
	    "FROM events WHERE kind = 'leftover' AND json_extract(body, "
	    "'$.role') = '%s' AND json_extract(body, '$.what') = 'role'",
	    role) == 1), "%s is not told", role);
	ck_assert_int_ge(e2e_audit_n("SELECT count(*) FROM events WHERE kind = "
	    "'leftover' AND json_extract(body, '$.role') = '%s' AND body LIKE "
	    "'%%elsewhere%%'", role), 1);
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s --json status | grep -q "
	    "%s", e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), role), 0);
	snprintf(sql, sizeof sql, "SELECT rolcanlogin FROM pg_roles WHERE "
	    "rolname = '%s'", role);
	v = e2e_value(o, sql);
	ck_assert_str_eq(v, "f");
	free(v);
	/* Again: still there, told no second time. */
	sweep();
	e2e_pause(500);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind = "
	    "'leftover' AND json_extract(body, '$.role') = '%s' AND "
	    "json_extract(body, '$.what') = 'role'", role), 1);
	free(e2e_value(o, "DROP TABLE elsewhere"));
	PQfinish(o);
	none_left("the admin's help");
	ck_assert(E2E_UNTIL(5000, e2e_sh("%s/policyctl -s %s --json status | "
	    "grep -q %s", e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"),
	    role) != 0));
	free(role);
}
END_TEST

/* --- deadlines -------------------------------------------------------------------------------- */

static bool
backend_there(int pid)
{
	char sql[128];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE "
	    "pid = %d", pid);
	return direct_n(sql) > 0;
}

/* The worker does nothing at all, and the backend goes. */
static void
stopped_worker(const char *profile)
{
	PGconn *c = e2e_session(profile, "mint-stopped");
	pid_t worker = e2e_worker_of(c);
	int pid = PQbackendPID(c);

	ck_assert_int_gt(worker, 0);
	PQsendQuery(c, "SELECT pg_sleep(60)");
	ck_assert(backend_there(pid));
	e2e_pause(300);
	ck_assert_int_eq(kill(worker, SIGSTOP), 0);
	/* Three seconds of life, and one for the end. */
	ck_assert_msg(E2E_UNTIL(e2e_patience(4000), !backend_there(pid)),
	    "%s: the backend lives on", profile);
	kill(worker, SIGCONT);
	PQfinish(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events e "
	    "JOIN sessions s ON s.subject = 'mint-stopped' AND s.profile = "
	    "'%s' WHERE e.kind = 'deadline' AND json_extract(e.body, "
	    "'$.session') = s.session AND json_extract(e.body, '$.limit') = "
	    "'ttl'", profile) == 1));
}

START_TEST(stopped_worker_minted)
{
	stopped_worker("brief");
	none_left("a stopped worker");
}
END_TEST

START_TEST(stopped_worker_fixed)
{
	stopped_worker("brief-fixed");
}
END_TEST

/* Ends with 57P01 and the sentence; whole messages until then. */
static void
ends_in_time(struct raw *r, long long start, const char *sentence)
{
	const char *state = raw_ending(r, e2e_patience(8000));
	long long took = e2e_now() - start;

	ck_assert_ptr_nonnull(state);
	ck_assert_str_eq(state, "57P01");
	ck_assert_msg(strstr(raw_message(r), sentence) != NULL, "%s",
	    raw_message(r));
	ck_assert_msg(took < e2e_patience(4500), "%lld ms", took);
}

START_TEST(deadline_in_mid_result)
{
	long long start = e2e_now();
	struct raw *r = raw_session("brief", "mint-result", false);

	ck_assert(raw_query(r, "SELECT repeat('x', 100000), o.id FROM "
	    "orders AS o, customers"));
	ends_in_time(r, start, "time limit");
	raw_free(&r);
	none_left("a long result");
}
END_TEST

START_TEST(deadline_in_mid_copy)
{
	long long start = e2e_now();
	struct raw *r = raw_session("brief-fixed", "mint-copy", false);
	const char *row = "999999999\t1\tx\n";
	const uint8_t *body;
	bool alive = true;
	size_t len;

	ck_assert(raw_query(r, "COPY tickets FROM STDIN"));
	ck_assert(raw_until(r, 'G', 5000));
	while (alive && e2e_now() - start < e2e_patience(6000)) {
		alive = raw_msg(r, 'd', row, strlen(row));
		if (alive && raw_read(r, 20, &body, &len) != -1)
			break;
	}
	ck_assert_str_eq(raw_sqlstate(r), "57P01");
	ck_assert(strstr(raw_message(r), "time limit") != NULL);
	ck_assert_msg(e2e_now() - start < e2e_patience(4500), "%lld ms",
	    e2e_now() - start);
	raw_free(&r);
	/* It was not finished, so nothing of it is there. */
	ck_assert_int_eq(direct_n("SELECT count(*) FROM tickets WHERE id = "
	    "999999999"), 0);
}
END_TEST

/* The token's life is the shorter one. */
START_TEST(deadline_of_the_token)
{
	long long start = e2e_now();
	char *token = e2e_stack("token --dir %s --sub mint-token --group "
	    "brief-token --ttl 3", e2e_env("STACK_DIR"));
	PGconn *c = e2e_try("brief-token", token, false);
	PGresult *r;

	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	ck_assert_int_eq(PQsendQuery(c, "SELECT pg_sleep(60)"), 1);
	r = PQgetResult(c);
	ck_assert_str_eq(e2e_sqlstate(r), "57P01");
	ck_assert(strstr(PQresultErrorMessage(r), "token") != NULL);
	ck_assert_msg(e2e_now() - start < e2e_patience(4500), "%lld ms",
	    e2e_now() - start);
	PQclear(r);
	PQfinish(c);
	free(token);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'deadline' AND json_extract(body, '$.limit') = "
	    "'token'") == 1));
	none_left("a token's end");
}
END_TEST

static void
killed(const char *profile)
{
	PGconn *c = e2e_session(profile, "mint-killed");
	int pid = PQbackendPID(c);
	char *session;
	PGresult *r;

	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = 'mint-killed' AND profile = '%s'", profile) ==
	    1));
	session = e2e_audit("SELECT session FROM sessions WHERE subject = "
	    "'mint-killed' AND profile = '%s'", profile);
	ck_assert_int_eq(PQsendQuery(c, "SELECT pg_sleep(60)"), 1);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM statements "
	    "WHERE session = '%s'", session) == 1));
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s kill %s",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), session), 0);
	r = PQgetResult(c);
	ck_assert_msg(strcmp(e2e_sqlstate(r), "57P01") == 0, "%s: %s",
	    profile, PQresultErrorMessage(r));
	ck_assert(strstr(PQresultErrorMessage(r), "administrator") != NULL);
	PQclear(r);
	/* The statement does not run on behind the closed door. */
	ck_assert(E2E_UNTIL(e2e_patience(1000), !backend_there(pid)));
	PQfinish(c);
	free(session);
}

START_TEST(kill_ends_the_backend)
{
	killed("nightly-bot");
	killed("dba");
	none_left("policyctl kill");
}
END_TEST

/* --- who knows a password ------------------------------------------------------------------------ */

struct hunt {
	const char	*secret;	/* looked for ... */
	const char	*verifier;	/* ... or what this was made of */
	char		 found[64];	/* the latter */
};

/* Is it the password that the server's verifier was made of?  RFC 5802. */
static bool
made_of(const char *verifier, const char *word, size_t len)
{
	unsigned char salt[64], salted[32], key[32], stored[32], want[64];
	unsigned int n = 32;
	const char *s = strchr(verifier, ':') + 1, *k = strchr(s, '$') + 1;
	char b64[128];
	size_t size = 0;

	snprintf(b64, sizeof b64, "%.*s", (int)(k - 1 - s), s);
	EVP_DecodeBlock(salt, (unsigned char *)b64, (int)strlen(b64));
	snprintf(b64, sizeof b64, "%.*s", (int)strcspn(k, ":"), k);
	EVP_DecodeBlock(want, (unsigned char *)b64, (int)strlen(b64));
	PKCS5_PBKDF2_HMAC(word, (int)len, salt, 16, 4096, EVP_sha256(), 32,
	    salted);
	ck_assert_ptr_nonnull(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL,
	    salted, 32, (const unsigned char *)"Client Key", 10, key, 32,
	    &size));
	EVP_Digest(key, 32, stored, &n, EVP_sha256(), NULL);
	return memcmp(stored, want, 32) == 0;
}

/* Words of 48 hex digits are what minted passwords look like. */
static bool
hunt_words(struct hunt *h, const char *p, size_t len)
{
	size_t i, n = 0;

	for (i = 0; i <= len; i++) {
		if (i < len && isxdigit((unsigned char)p[i]) &&
		    !isupper((unsigned char)p[i])) {
			n++;
			continue;
		}
		if (n == 48 && made_of(h->verifier, p + i - n, n)) {
			snprintf(h->found, sizeof h->found, "%.48s",
			    p + i - n);
			return true;
		}
		n = 0;
	}
	return false;
}

static bool
hunt_bytes(struct hunt *h, const char *p, size_t len)
{
	return h->secret != NULL ?
	    memmem(p, len, h->secret, strlen(h->secret)) != NULL :
	    hunt_words(h, p, len);
}

/* Is it in the memory of that process?  -1: that may not be read. */
static int
hunt_process(struct hunt *h, pid_t pid)
{
	static char piece[1 << 20];
	char path[64], line[512], perms[8];
	unsigned long from, to, at;
	FILE *maps, *mem;
	int found = 0;
	size_t n, want;

	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	maps = fopen(path, "r");
	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	mem = fopen(path, "r");
	if (maps == NULL || mem == NULL) {
		if (maps != NULL)
			fclose(maps);
		if (mem != NULL)
			fclose(mem);
		return e2e_alive(pid) ? -1 : 0;
	}
	setvbuf(mem, NULL, _IONBF, 0);
	while (!found && fgets(line, sizeof line, maps) != NULL) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) != 3 ||
		    perms[0] != 'r' || strstr(line, "[v") != NULL)
			continue;
		for (at = from; !found && at < to; at += want - 128) {
			want = to - at < sizeof piece ? to - at : sizeof piece;
			if (fseek(mem, (long)at, SEEK_SET) != 0 ||
			    (n = fread(piece, 1, want, mem)) == 0)
				break;
			found = hunt_bytes(h, piece, n);
			if (want <= 128 || at + want >= to)
				break;
		}
	}
	fclose(maps);
	fclose(mem);
	return found;
}

static pid_t
session_of(pid_t pid, pid_t *ppid)
{
	char path[64], stat[1024], *p;
	int parent = 0, session = 0;
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if ((f = fopen(path, "r")) != NULL) {
		n = fread(stat, 1, sizeof stat - 1, f);
		fclose(f);
	}
	stat[n] = '\0';
	if ((p = strrchr(stat, ')')) != NULL)
		sscanf(p + 1, " %*c %d %*d %d", &parent, &session);
	*ppid = parent;
	return session;
}

/*
 * How many processes of the stack, but the keeper and its own children, have
 * it?  -1: memory cannot be read here.
 */
static int
hunt_others(struct hunt *h, int *looked_r)
{
	pid_t keeper = e2e_process("keeper"), pid, ppid, session;
	DIR *d = opendir("/proc");
	struct dirent *e;
	int found = 0, one;

	*looked_r = 0;
	while (found != -1 && (e = readdir(d)) != NULL) {
		if ((pid = atoi(e->d_name)) <= 0)
			continue;
		session = session_of(pid, &ppid);
		if (session == 0 || pid == keeper || ppid == keeper ||
		    (session != e2e_process("policyd") &&
		    session != e2e_process("gatewayd") &&
		    session != e2e_process("auditd")))
			continue;
		one = hunt_process(h, pid);
		if (one == -1) {
			found = -1;
		} else {
			ck_assert_msg(one == 0, "process %d knows it",
			    (int)pid);
			++*looked_r;
		}
	}
	closedir(d);
	return found;
}

static char *
broker_password(void)
{
	char path[512], *line = NULL;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/postern_broker",
	    e2e_env("SECRETS_DIR"));
	f = fopen(path, "r");
	ck_assert_msg(f != NULL && getline(&line, &size, f) > 0, "%s", path);
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static pid_t
postmaster(void)
{
	char path[512];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/postmaster.pid", e2e_env("PG_DATA"));
	f = fopen(path, "r");
	ck_assert_msg(f != NULL && fscanf(f, "%d", &pid) == 1, "%s", path);
	fclose(f);
	return pid;
}

START_TEST(only_the_keeper_knows)
{
	struct hunt broker = { .secret = broker_password() }, minted = { 0 };
	PGconn *warm = e2e_session("nightly-bot", "mint-warm");
	PGconn *d = e2e_direct();
	pid_t pg, child;
	char *token, *verifier = NULL, sql[512];
	int looked, status;

	if (geteuid() != 0 || getenv("POSTERN_SLOW") != NULL) {
		printf("only_the_keeper_knows: SKIPPED, for root only: no "
		    "process may read another's memory here; and not where "
		    "sanitizers map terabytes of it\n");
		PQfinish(warm);
		PQfinish(d);
		return;
	}
	/* A login that waits for the server while its role is there. */
	token = e2e_token("mint-memory", "ai-agents");
	pg = postmaster();
	snprintf(sql, sizeof sql, "SELECT rolpassword FROM pg_authid WHERE "
	    ROLES " AND rolcanlogin", instance());
	ck_assert_int_eq(kill(pg, SIGSTOP), 0);
	if ((child = fork()) == 0) {
		PGconn *c = e2e_try("nightly-bot", token, false);

		_exit(PQstatus(c) == CONNECTION_OK ? 0 : 1);
	}
	if (!E2E_UNTIL(e2e_patience(8000), ({
		free(verifier);
		verifier = e2e_value(d, sql);
		*verifier != '\0';
	}))) {
		kill(pg, SIGCONT);
		ck_abort_msg("no role was minted");
	}
	minted.verifier = verifier;
	status = hunt_process(&minted, e2e_process("keeper"));
	if (status == 1) {
		/* Found where it has to be: now as it is. */
		minted.secret = minted.found;
		hunt_others(&minted, &looked);
	}
	kill(pg, SIGCONT);
	ck_assert_int_eq(status, 1);
	ck_assert_int_gt(looked, 8);
	ck_assert_int_gt(e2e_process("notifier"), 0);
	ck_assert_int_eq(hunt_process(&broker, e2e_process("keeper")), 1);
	ck_assert_int_eq(hunt_others(&broker, &looked), 0);
	printf("%d processes know neither password\n", looked);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	/* Used once, and wiped. */
	ck_assert_int_eq(hunt_process(&minted, e2e_process("keeper")), 0);
	PQfinish(warm);
	PQfinish(d);
	free(token);
	free(verifier);
}
END_TEST

/* --- a database that is away ------------------------------------------------------------------- */

START_TEST(database_away)
{
	PGconn *c;
	char *token = e2e_token("mint-away", "ai-agents");

	none_left("what was before");
	free(e2e_stack("stop --dir %s postgres", e2e_env("STACK_DIR")));
	c = e2e_try("nightly-bot", token, false);
	ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
	ck_assert_msg(strstr(PQerrorMessage(c), "cannot be reached") != NULL,
	    "%s", PQerrorMessage(c));
	PQfinish(c);
	free(e2e_stack("start --dir %s postgres", e2e_env("STACK_DIR")));
	c = patient_session("mint-back");
	free(e2e_value(c, "SELECT 1"));
	PQfinish(c);
	none_left("a server's restart");
	free(token);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mint");
	TCase *tc = tcase_create("mint"), *slow = tcase_create("kills");

	tcase_add_test(tc, role_is_bound);
	tcase_add_test(tc, a_warning_is_a_failure);
	tcase_add_test(tc, columns_only);
	tcase_add_test(tc, left_behind);
	tcase_add_test(tc, stuck_elsewhere);
	tcase_add_test(tc, stopped_worker_minted);
	tcase_add_test(tc, stopped_worker_fixed);
	tcase_add_test(tc, deadline_in_mid_result);
	tcase_add_test(tc, deadline_in_mid_copy);
	tcase_add_test(tc, deadline_of_the_token);
	tcase_add_test(tc, kill_ends_the_backend);
	tcase_add_test(tc, only_the_keeper_knows);
	tcase_add_test(tc, database_away);
	suite_add_tcase(s, tc);
	tcase_set_timeout(slow, 3000);
	tcase_add_test(slow, whatever_dies);
	suite_add_tcase(s, slow);
	return e2e_main(s);
}
