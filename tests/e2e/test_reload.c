/*
 * SIGHUP and SIGTERM under load, and the control tools: a bad file changes
 * nothing, a good one is in force for every statement after it.
 */
#include "e2e.h"

#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

static bool
updates_are(PGconn *c, bool allowed)
{
	PGresult *r = PQexec(c, "UPDATE orders SET status = 'r' WHERE id = 50");
	bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;

	ck_assert_msg(ok || strcmp(e2e_sqlstate(r), "42501") == 0, "%s",
	    PQresultErrorMessage(r));
	PQclear(r);
	return ok == allowed;
}

static void
edit_policy(const char *sed)
{
	ck_assert_int_eq(e2e_sh("cp %s %s/policy.new && sed -i '%s' "
	    "%s/policy.new && cat %s/policy.new > %s", e2e_env("POLICY_FILE"),
	    e2e_env("STACK_DIR"), sed, e2e_env("STACK_DIR"),
	    e2e_env("STACK_DIR"), e2e_env("POLICY_FILE")), 0);
}

/* Is there, soon, an event of this kind with these members? */
static bool happened(const char *kind, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

static bool
happened(const char *kind, const char *fmt, ...)
{
	char where[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(where, sizeof where, fmt, ap);
	va_end(ap);
	/* The members as columns; what a kind has not is NULL. */
	return E2E_UNTIL(20000, e2e_audit_n("WITH e AS (SELECT "
	    "json_extract(body, '$.verb') AS verb, "
	    "json_extract(body, '$.uid') AS uid, "
	    "json_extract(body, '$.args') AS args, "
	    "json_extract(body, '$.pid') AS pid, "
	    "json_extract(body, '$.reason') AS reason, "
	    "json_extract(body, '$.accepted') AS accepted, "
	    "json_extract(body, '$.old_sha256') AS old_sha256, "
	    "json_extract(body, '$.new_sha256') AS new_sha256, "
	    "json_extract(body, '$.conf_sha256') AS conf_sha256, "
	    "json_extract(body, '$.error') AS error "
	    "FROM events WHERE kind = '%s') "
	    "SELECT count(*) FROM e WHERE %s", kind, where) >= 1);
}

static void
hup(const char *what)
{
	kill(e2e_process(what), SIGHUP);
}

START_TEST(policy_reload)
{
	struct load *l = load_start("reload");
	PGconn *c = e2e_session("nightly-bot", "reload-bot");

	ck_assert(updates_are(c, true));
	edit_policy("s/kind: \\[insert, update, copy_from\\]/kind: [insert]/");
	hup("policyd");
	ck_assert_msg(E2E_UNTIL(5000, updates_are(c, false)),
	    "the new policy is not in force");
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'policy_reload' AND json_extract(body, '$.accepted') "
	    "= 1") >= 1));

	/* A file that is wrong is refused whole. */
	edit_policy("s/^masks:/maskz:/");
	hup("policyd");
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'policy_reload' AND json_extract(body, '$.accepted') "
	    "= 0") == 1));
	ck_assert_int_eq(e2e_sh("grep -q 'policy.yaml:[0-9]*:[0-9]*: .*maskz' "
	    "%s/policyd.log", e2e_env("STACK_DIR")), 0);
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s status --json | grep -q "
	    "maskz", e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK")), 0);
	ck_assert(updates_are(c, false));
	ck_assert_int_ne(e2e_sh("%s/policyd -n -f %s 2>/dev/null",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICY_FILE")), 0);

	edit_policy("s/^maskz:/masks:/; s/kind: \\[insert\\]/kind: "
	    "[insert, update, copy_from]/");
	hup("policyd");
	ck_assert(E2E_UNTIL(5000, updates_are(c, true)));
	ck_assert(load_moves(l, 5000));
	ck_assert_int_eq(load_lost(l), 0);
	ck_assert(load_stop(l));
	load_check(l);
	load_free(&l);
	PQfinish(c);
}
END_TEST

START_TEST(prepared_verdicts_are_void)
{
	PGconn *c = e2e_session("nightly-bot", "reload-prepared");
	PGresult *r = PQprepare(c, "p", "UPDATE orders SET status = 'q' WHERE "
	    "id = 51", 0, NULL);

	ck_assert_int_eq(PQresultStatus(r), PGRES_COMMAND_OK);
	PQclear(r);
	r = PQexecPrepared(c, "p", 0, NULL, NULL, NULL, 0);
	ck_assert_msg(PQresultStatus(r) == PGRES_COMMAND_OK, "%s",
	    PQresultErrorMessage(r));
	PQclear(r);
	edit_policy("s/kind: \\[insert, update, copy_from\\]/kind: [insert]/");
	hup("policyd");
	ck_assert(E2E_UNTIL(5000, updates_are(c, false)));
	r = PQexecPrepared(c, "p", 0, NULL, NULL, NULL, 0);
	ck_assert_str_eq(e2e_sqlstate(r), "42501");
	PQclear(r);
	edit_policy("s/kind: \\[insert\\]/kind: [insert, update, copy_from]/");
	hup("policyd");
	ck_assert(E2E_UNTIL(5000, updates_are(c, true)));
	PQfinish(c);
}
END_TEST

/* One step of it: is it still under way? */
static bool
connecting(PGconn *c, PostgresPollingStatusType *st)
{
	struct pollfd p = { .fd = PQsocket(c), .events =
	    *st == PGRES_POLLING_READING ? POLLIN : POLLOUT };

	if (*st == PGRES_POLLING_OK || *st == PGRES_POLLING_FAILED)
		return false;
	if (poll(&p, 1, 0) == 1)
		*st = PQconnectPoll(c);
	return *st != PGRES_POLLING_OK && *st != PGRES_POLLING_FAILED;
}

/* A login that outlasts the reload's patience is judged by the new policy. */
START_TEST(login_meanwhile)
{
	const char *keys[] = { "host", "port", "dbname", "user", "password",
	    "sslmode", "sslrootcert", NULL };
	char *token = e2e_token("reload-login", "ai-agents");
	const char *values[] = { e2e_env("GW_HOST"), e2e_env("GW_PORT"),
	    e2e_env("GW_DB"), "nightly-bot", token, "verify-full",
	    e2e_env("GW_CA"), NULL };
	pid_t slow = e2e_process(_i == 0 ? "verifier" : "keeper");
	PostgresPollingStatusType st = PGRES_POLLING_WRITING;
	PGconn *c;

	kill(slow, SIGSTOP);
	c = PQconnectStartParams(keys, values, 0);
	ck_assert_ptr_nonnull(c);
	ck_assert(E2E_UNTIL(10000, !connecting(c, &st) || e2e_sh("%s/policyctl -s %s "
	    "--json status | grep -q '\"logins\":1'", e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK")) == 0));
	/* Time for the verifier's answer, where it is the keeper that is slow. */
	e2e_pause(300);
	edit_policy("s/kind: \\[insert, update, copy_from\\]/kind: [insert]/");
	hup("policyd");
	/* It may be over before it is seen; what follows holds all the same. */
	(void)E2E_UNTIL(5000, e2e_sh("%s/policyctl -s %s --json status | "
	    "grep -q '\"state\":\"offered\"'", e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK")) == 0);
	kill(slow, SIGCONT);
	ck_assert(E2E_UNTIL(15000, !connecting(c, &st)));
	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	ck_assert(updates_are(c, false));
	edit_policy("s/kind: \\[insert\\]/kind: [insert, update, copy_from]/");
	hup("policyd");
	ck_assert(E2E_UNTIL(5000, updates_are(c, true)));
	PQfinish(c);
	free(token);
}
END_TEST

START_TEST(other_daemons_reload)
{
	struct load *l = load_start("hup");

	hup("gatewayd");
	hup("auditd");
	ck_assert(load_moves(l, 5000));
	PQfinish(e2e_session("dba", "hup-new"));
	ck_assert_int_eq(e2e_sh("cp %s %s/gw.good && echo 'nonsense: 1' >> %s",
	    e2e_env("GATEWAYD_FILE"), e2e_env("STACK_DIR"),
	    e2e_env("GATEWAYD_FILE")), 0);
	hup("gatewayd");
	ck_assert(E2E_UNTIL(5000, e2e_sh("grep -q 'gatewayd.yaml:[0-9]*:"
	    "[0-9]*: .*nonsense' %s/gatewayd.log", e2e_env("STACK_DIR"))
	    == 0));
	PQfinish(e2e_session("dba", "hup-new"));
	ck_assert_int_eq(e2e_sh("cat %s/gw.good > %s", e2e_env("STACK_DIR"),
	    e2e_env("GATEWAYD_FILE")), 0);
	hup("gatewayd");
	ck_assert(load_moves(l, 5000));
	ck_assert_int_eq(load_lost(l), 0);
	ck_assert(load_stop(l));
	load_check(l);
	load_free(&l);
}
END_TEST

START_TEST(checks_and_prints)
{
	static const char *const files[][2] = { { "gatewayd", "GATEWAYD_FILE" },
	    { "policyd", "POLICY_FILE" }, { "auditd", "AUDITD_FILE" } };
	size_t i;

	for (i = 0; i < 3; i++) {
		const char *bin = e2e_env("POSTERN_BIN");
		const char *dir = e2e_env("STACK_DIR");
		const char *file = e2e_env(files[i][1]);

		ck_assert_int_eq(e2e_sh("%s/%s -n -f %s", bin, files[i][0],
		    file), 0);
		/* What -nv prints is a file with the same meaning. */
		ck_assert_int_eq(e2e_sh("cd %s && %s/%s -nv -f %s > nv1 && "
		    "%s/%s -nv -f nv1 > nv2 && cmp nv1 nv2", dir, bin,
		    files[i][0], file, bin, files[i][0]), 0);
	}
}
END_TEST

START_TEST(control_tools)
{
	const char *bin = e2e_env("POSTERN_BIN"), *dir = e2e_env("STACK_DIR");
	PGconn *c = e2e_session("nightly-bot", "ctl-victim");
	char *session;
	PGresult *r;

	ck_assert_int_eq(e2e_sh("%s/gatewayctl -s %s status > %s/ctl.out", bin,
	    e2e_env("GATEWAYD_SOCK"), dir), 0);
	ck_assert_int_eq(e2e_sh("%s/gatewayctl -s %s --json sessions | "
	    "grep -q ctl-victim", bin, e2e_env("GATEWAYD_SOCK")), 0);
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s status > %s/ctl.out", bin,
	    e2e_env("POLICYD_SOCK"), dir), 0);
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s --json explain --profile "
	    "nightly-bot --database shop --sql 'DROP TABLE orders' | grep -q "
	    "nothing-structural", bin, e2e_env("POLICYD_SOCK")), 0);
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s --json explain --profile "
	    "nightly-bot --database shop --sql 'SELECT email FROM customers' | "
	    "grep -q customers.email", bin, e2e_env("POLICYD_SOCK")), 0);
	ck_assert_int_eq(e2e_sh("%s/auditctl -s %s status > %s/ctl.out", bin,
	    e2e_env("AUDITD_SOCK"), dir), 0);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = 'ctl-victim'") == 1));
	session = e2e_audit("SELECT session FROM sessions WHERE subject = "
	    "'ctl-victim'");
	ck_assert_int_eq(e2e_sh("%s/gatewayctl -s %s kill %s > /dev/null", bin,
	    e2e_env("GATEWAYD_SOCK"), session), 0);
	r = PQexec(c, "SELECT 1");
	ck_assert_int_eq(PQresultStatus(r), PGRES_FATAL_ERROR);
	ck_assert_msg(strcmp(e2e_sqlstate(r), "57P01") == 0 ||
	    PQstatus(c) == CONNECTION_BAD, "%s", PQresultErrorMessage(r));
	PQclear(r);
	PQfinish(c);
	/* Who did it is in the record. */
	ck_assert(happened("control", "verb = 'kill' AND uid = %d AND "
	    "args LIKE '%%%s%%'", (int)getuid(), session));
	ck_assert(happened("control", "verb = 'sessions' AND uid = %d",
	    (int)getuid()));
	ck_assert(happened("control", "verb = 'explain' AND uid = %d AND "
	    "args LIKE '%%DROP TABLE%%'", (int)getuid()));
	free(session);
}
END_TEST

/* --- what the record says of it ------------------------------------------- */

/* The SHA-256 of a file, in hex (allocated). */
static char *
digest(const char *file)
{
	char cmd[600], out[65] = "";
	FILE *fp;

	snprintf(cmd, sizeof cmd, "sha256sum < %s", file);
	ck_assert_ptr_nonnull(fp = popen(cmd, "r"));
	ck_assert_ptr_nonnull(fgets(out, sizeof out, fp));
	pclose(fp);
	return strdup(out);
}

/* One that is good, one that is not, and the first again. */
static void
reloads(const char *daemon, const char *file, const char *kind)
{
	const char *dir = e2e_env("STACK_DIR");
	char *first = digest(file), *second;

	ck_assert_int_eq(e2e_sh("cp %s %s/first && echo '# more' >> %s", file,
	    dir, file), 0);
	second = digest(file);
	hup(daemon);
	ck_assert_msg(happened(kind, "accepted = 1 AND old_sha256 = '%s' AND "
	    "new_sha256 = '%s'", first, second), "%s", kind);
	ck_assert_int_eq(e2e_sh("echo 'nonsense: 1' >> %s", file), 0);
	hup(daemon);
	ck_assert_msg(happened(kind, "accepted = 0 AND old_sha256 = '%s' AND "
	    "new_sha256 = '' AND error LIKE '%%nonsense%%'", second), "%s",
	    kind);
	ck_assert_int_eq(e2e_sh("cat %s/first > %s", dir, file), 0);
	hup(daemon);
	ck_assert_msg(happened(kind, "accepted = 1 AND old_sha256 = '%s' AND "
	    "new_sha256 = '%s'", second, first), "%s", kind);
	free(first);
	free(second);
}

START_TEST(recorded)
{
	const char *dir = e2e_env("STACK_DIR");
	char *conf = digest(e2e_env("GATEWAYD_FILE"));
	int pid = (int)e2e_process("gatewayd");

	reloads("gatewayd", e2e_env("GATEWAYD_FILE"), "gateway_reload");
	reloads("auditd", e2e_env("AUDITD_FILE"), "audit_reload");
	ck_assert(happened("gateway_start", "pid = %d", pid));
	free(e2e_stack("stop --dir %s gatewayd", dir));
	ck_assert(happened("gateway_stop", "pid = %d AND reason = 'stopped'",
	    pid));
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE "
	    "kind = 'gateway_stop'"), 1);
	free(e2e_stack("start --dir %s gatewayd", dir));
	pid = (int)e2e_process("gatewayd");
	ck_assert(happened("gateway_start", "pid = %d AND conf_sha256 = '%s'",
	    pid, conf));
	free(e2e_stack("kill --dir %s gatewayd", dir));
	ck_assert(happened("gateway_stop", "pid = %d AND reason <> 'stopped'",
	    pid));
	free(e2e_stack("start --dir %s gatewayd", dir));
	ck_assert(happened("gateway_start", "pid = %d",
	    (int)e2e_process("gatewayd")));
	/* The same one, to another policyd. */
	pid = (int)e2e_process("gatewayd");
	free(e2e_stack("stop --dir %s policyd", dir));
	free(e2e_stack("start --dir %s policyd", dir));
	ck_assert(E2E_UNTIL(20000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'gateway_start' AND json_extract(body, '$.pid') = "
	    "%d", pid) == 2));
	ck_assert_int_eq(e2e_sh("%s/auditctl -f %s verify > /dev/null",
	    e2e_env("POSTERN_BIN"), e2e_env("AUDITD_FILE")), 0);
	free(conf);
}
END_TEST

/* gatewayd -TERM: nobody new, an end with 57P01 for those who stay. */
START_TEST(drain)
{
	PGconn *c = e2e_session("dba", "drain");
	pid_t pid = e2e_process("gatewayd"), worker = e2e_worker_of(c);
	char *token = e2e_token("drain-new", "dba");
	PGconn *late;
	PGresult *r;

	kill(pid, SIGTERM);
	ck_assert(E2E_UNTIL(3000, ({
		late = e2e_try("dba", token, false);
		bool refused = PQstatus(late) != CONNECTION_OK;

		PQfinish(late);
		refused;
	})));
	ck_assert_msg(E2E_UNTIL(15000, !e2e_alive(pid)), "does not stop");
	ck_assert(E2E_UNTIL(2000, !e2e_alive(worker)));
	r = PQexec(c, "SELECT 1");
	ck_assert_int_eq(PQresultStatus(r), PGRES_FATAL_ERROR);
	PQclear(r);
	PQfinish(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = 'drain' AND closed IS NOT NULL") == 1));
	free(e2e_stack("start --dir %s gatewayd", e2e_env("STACK_DIR")));
	ck_assert(E2E_UNTIL(5000, ({
		late = e2e_try("dba", token, false);
		bool in = PQstatus(late) == CONNECTION_OK;

		PQfinish(late);
		in;
	})));
	free(token);
}
END_TEST

/* --- all of it or nothing ------------------------------------------------------ */

#define WHOLE_SESSIONS	8
static const char *const whole_texts[2] = {
	"UPDATE orders SET status = 'w' WHERE id = 52",
	"INSERT INTO orders (customer_id, amount, status) SELECT customer_id, "
	    "amount, status FROM orders WHERE id = -1"
};

/* Of the two exactly one is allowed, which the policies take in turns. */
static int
whole_allowed(PGconn *c, int which)
{
	PGresult *r = PQexec(c, whole_texts[which]);
	bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;

	ck_assert_msg(ok || strcmp(e2e_sqlstate(r), "42501") == 0, "%s",
	    PQresultErrorMessage(r));
	PQclear(r);
	return ok;
}

/* The generation that policyctl status says is in force everywhere; 0: a reload
 * is under way. */
static long
acknowledged(void)
{
	char cmd[1024];
	FILE *f;
	long n = 0;

	snprintf(cmd, sizeof cmd, "%s/policyctl -s %s --json status | grep "
	    "'\"state\": *\"idle\"' | "
	    "sed 's/.*\"generation\": *\\([0-9]*\\),\"epoch.*/\\1/'",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"));
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	if (fscanf(f, "%ld", &n) != 1)
		n = 0;
	pclose(f);
	return n;
}

/* One that asks all the time, and is killed at the end. */
static pid_t
whole_asker(void)
{
	PGconn *c;
	pid_t pid = fork();
	int i;

	ck_assert_int_ne(pid, -1);
	if (pid != 0)
		return pid;
	c = e2e_session("nightly-bot", "whole-asker");
	for (i = 0;; i = 1 - i)
		whole_allowed(c, i);
}

/*
 * Once status says it, it holds for each session's next statement; and every
 * statement was judged by one policy, and not by parts of two.
 */
START_TEST(whole)
{
	static const char *const kinds[2] = { "[update, copy_from]",
	    "[insert, copy_from]" };
	struct load *l = load_start("whole");
	PGconn *c[WHOLE_SESSIONS];
	pid_t asker = whole_asker();
	long before, now = 0;
	int i, round;

	for (i = 0; i < WHOLE_SESSIONS; i++)
		c[i] = i % 2 == 0 ? e2e_session("nightly-bot", "whole") :
		    e2e_session_shared("nightly-bot", "whole");
	edit_policy("s/kind: \\[insert, update, copy_from\\]/kind: [update, "
	    "copy_from]/");
	for (round = 0; round < 8; round++) {
		if (round > 0)
			edit_policy(round % 2 == 1 ?
			    "s/kind: \\[update, copy_from\\]/kind: [insert, "
			    "copy_from]/" :
			    "s/kind: \\[insert, copy_from\\]/kind: [update, "
			    "copy_from]/");
		before = acknowledged();
		hup("policyd");
		ck_assert_msg(E2E_UNTIL(20000, (now = acknowledged()) >
		    before), "round %d: %ld", round, now);
		for (i = 0; i < WHOLE_SESSIONS; i++) {
			ck_assert_msg(whole_allowed(c[i], round % 2) &&
			    !whole_allowed(c[i], 1 - round % 2),
			    "round %d: session %d is not judged by %s", round,
			    i, kinds[round % 2]);
		}
	}
	kill(asker, SIGKILL);
	waitpid(asker, NULL, 0);
	edit_policy("s/kind: \\[insert, copy_from\\]/kind: [insert, update, "
	    "copy_from]/");
	hup("policyd");
	ck_assert(E2E_UNTIL(20000, acknowledged() > now));
	for (i = 0; i < WHOLE_SESSIONS; i++)
		PQfinish(c[i]);
	ck_assert(load_moves(l, 20000));
	ck_assert_int_eq(load_lost(l), 0);
	ck_assert(load_stop(l));
	load_free(&l);
	/* Each generation says one thing of each of the two. */
#define ASKED	"FROM events WHERE kind = 'intent' AND "		\
	"json_extract(body, '$.kind') IN ('update', 'insert') AND session "	\
	"IN (SELECT session FROM events WHERE kind = 'session_open' AND "	\
	"json_extract(body, '$.subject') LIKE 'whole%%') "
	ck_assert(E2E_UNTIL(20000, e2e_audit_n("SELECT count(*) " ASKED) >=
	    2 * 8 * WHOLE_SESSIONS));
	ck_assert_int_ge(e2e_audit_n("SELECT count(DISTINCT json_extract(body, "
	    "'$.generation')) " ASKED), 8);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM (SELECT "
	    "json_extract(body, '$.generation') AS g, count(DISTINCT "
	    "json_extract(body, '$.kind') || json_extract(body, '$.action')) "
	    "AS n, count(DISTINCT json_extract(body, '$.kind')) AS k "
	    ASKED "GROUP BY g) WHERE n <> k"), 0);
	/* Both of them by the first policy alone, and the last. */
	ck_assert_int_eq(e2e_audit_n("WITH t AS (SELECT json_extract(body, "
	    "'$.generation') AS g, count(DISTINCT CASE json_extract(body, "
	    "'$.action') WHEN 'allow' THEN json_extract(body, '$.kind') END) "
	    "AS n " ASKED "GROUP BY 1) SELECT count(*) FROM t WHERE n <> 1 AND "
	    "g NOT IN ((SELECT min(g) FROM t), (SELECT max(g) FROM t))"), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("reload");
	TCase *tc = tcase_create("reload");

	tcase_set_timeout(tc, 90);
	tcase_add_test(tc, checks_and_prints);
	tcase_add_test(tc, control_tools);
	tcase_add_test(tc, policy_reload);
	tcase_add_test(tc, prepared_verdicts_are_void);
	tcase_add_test(tc, whole);
	tcase_add_loop_test(tc, login_meanwhile, 0, 2);
	tcase_add_test(tc, other_daemons_reload);
	tcase_add_test(tc, recorded);
	tcase_add_test(tc, drain);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
