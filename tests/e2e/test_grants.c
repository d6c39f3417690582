/*
 * Profiles that people have to open: logins that wait, grants, and their ends,
 * whatever dies in between.  tests/e2e/grants.yaml has the profiles.
 */
#include "e2e.h"
#include "held.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what people do -------------------------------------------------------- */

/* policyctl, as ops-root; its exit code.  tool_said(): what it printed. */
static int
tool(const char *args)
{
	return e2e_sh("%s/policyctl -s %s %s >%s/tool.out 2>&1",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), args,
	    e2e_env("STACK_DIR"));
}

static bool
tool_said(const char *text)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/tool.out", e2e_env("STACK_DIR"));
	return e2e_file_has(path, text);
}

static long
grant(const char *sub, const char *profile, const char *more)
{
	char args[512], path[512];
	long n = 0;
	FILE *f;

	snprintf(args, sizeof(args), "grant --subject %s --profile %s "
	    "--reason tested %s", sub, profile, more);
	ck_assert_int_eq(tool(args), 0);
	snprintf(path, sizeof(path), "%s/tool.out", e2e_env("STACK_DIR"));
	ck_assert_ptr_nonnull(f = fopen(path, "r"));
	if (fscanf(f, "grant %ld", &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

static long
grants_of(const char *sub)
{
	ck_assert_int_eq(tool("--json grants"), 0);
	return e2e_sh("grep -c '\"subject\":\"%s\"' %s/tool.out >/dev/null",
	    sub, e2e_env("STACK_DIR")) == 0;
}

static long
events(const char *kind, long request)
{
	return e2e_audit_n("SELECT count(*) FROM events WHERE kind = '%s' AND "
	    "json_extract(body, '$.request') = %ld", kind, request);
}

/* --- a client that waits ----------------------------------------------------- */

struct login {
	PGconn *c;
	PostgresPollingStatusType state;
	char notices[4096];
};

static void
on_notice(void *ctx, const PGresult *r)
{
	struct login *l = ctx;
	size_t n = strlen(l->notices);

	snprintf(l->notices + n, sizeof(l->notices) - n, "%s",
	    PQresultErrorMessage(r));
}

static void
ask_by(struct login *l, const char *profile, const char *token, bool shared)
{
	const char *keys[] = { "host", "port", "dbname", "user", "password",
	    "sslmode", "sslrootcert", NULL };
	const char *values[] = { e2e_env("GW_HOST"),
	    e2e_env(shared ? "GW_SHARED_PORT" : "GW_PORT"), e2e_env("GW_DB"),
	    profile, token, "verify-full", e2e_env("GW_CA"), NULL };

	memset(l, 0, sizeof(*l));
	l->c = PQconnectStartParams(keys, values, 0);
	ck_assert_ptr_nonnull(l->c);
	PQsetNoticeReceiver(l->c, on_notice, l);
	l->state = PGRES_POLLING_WRITING;
}

static void
ask(struct login *l, const char *profile, const char *sub)
{
	char *token = e2e_token(sub, "oncall");

	ask_by(l, profile, token, false);
	free(token);
}

/* Let it move for a moment; true: it is in, or was refused. */
static bool
settled(struct login *l)
{
	struct pollfd p = { .fd = PQsocket(l->c) };

	if (l->state == PGRES_POLLING_OK || l->state == PGRES_POLLING_FAILED)
		return true;
	p.events = l->state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
	if (poll(&p, 1, 20) > 0)
		l->state = PQconnectPoll(l->c);
	return l->state == PGRES_POLLING_OK ||
	    l->state == PGRES_POLLING_FAILED;
}

/* It waits, and has been told so: the number of its request. */
static long
waits(struct login *l)
{
	const char *at;

	ck_assert_msg(E2E_UNTIL(15000, (settled(l), l->notices[0] != '\0') ||
	    PQstatus(l->c) == CONNECTION_BAD), "no notice");
	ck_assert_msg(!settled(l), "it does not wait: %s",
	    PQerrorMessage(l->c));
	at = strstr(l->notices, "request ");
	ck_assert_ptr_nonnull(at);
	return strtol(at + 8, NULL, 10);
}

static void
gets_in(struct login *l)
{
	ck_assert_msg(E2E_UNTIL(15000, settled(l)) &&
	    l->state == PGRES_POLLING_OK, "%s", PQerrorMessage(l->c));
	lives(l->c);
}

static void
is_refused(struct login *l, const char *text)
{
	ck_assert_msg(E2E_UNTIL(15000, settled(l)) &&
	    l->state == PGRES_POLLING_FAILED, "it got in, or waits");
	ck_assert_msg(strstr(PQerrorMessage(l->c), text) != NULL, "%s",
	    PQerrorMessage(l->c));
	PQfinish(l->c);
}

/* Its session ends with 57P01 and the sentence, at most so late. */
static void
ends(PGconn *c, int ms, const char *text)
{
	struct pollfd p = { .fd = PQsocket(c), .events = POLLIN };
	PGresult *r;

	ck_assert_msg(poll(&p, 1, ms) == 1, "it lives on");
	r = PQexec(c, "SELECT 1");
	ck_assert_msg(strstr(PQerrorMessage(c), text) != NULL, "%s",
	    PQerrorMessage(c));
	PQclear(r);
	PQfinish(c);
}

/* --- a grant's life ------------------------------------------------------------ */

START_TEST(asked_and_let_in)
{
	struct login l, m;
	char cmd[64];
	long n;

	ask(&l, "breakglass", "ada");
	n = waits(&l);
	ck_assert_msg(strstr(l.notices, "waits for approval by group "
	    "approvers until") != NULL && strstr(l.notices, "breakglass") !=
	    NULL, "%s", l.notices);
	ck_assert_int_eq(open_request("ada"), n);
	snprintf(cmd, sizeof(cmd), "show %ld", n);
	ck_assert_int_eq(tool(cmd), 0);
	ck_assert(tool_said("kind: login") && tool_said("subject: ada") &&
	    tool_said("application") && !tool_said("params"));
	ck_assert_int_eq(grants_of("ada"), 0);
	ck_assert_int_eq(decide("approve", n, "boss", "approvers",
	    "--reason please"), 0);
	gets_in(&l);
	ck_assert_int_eq(grants_of("ada"), 1);
	/* The next one needs nobody, and is under the same grant. */
	ask(&m, "breakglass", "ada");
	gets_in(&m);
	ck_assert_str_eq(m.notices, "");
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'session_open' AND json_extract(body, '$.grant') = "
	    "%ld", n) == 2));
	/* Another profile and another subject do. */
	ck_assert_int_eq(decide("revoke", n, "nobody", "analysts", ""), 1);
	ck_assert(decide_said("not yours to revoke"));
	ck_assert_int_eq(decide("revoke", n, "boss", "approvers",
	    "--reason 'that is enough'"), 0);
	ends(l.c, e2e_patience(1000), "the grant of this session was revoked by "
	    "boss: that is enough");
	ends(m.c, e2e_patience(1000), "revoked by boss");
	ck_assert_int_eq(grants_of("ada"), 0);
	ck_assert_int_eq(decide("revoke", n, "boss", "approvers", ""), 1);
	ask(&l, "breakglass", "ada");
	ck_assert_int_ne(waits(&l), n);
	PQfinish(l.c);
	/* Every step, with both. */
	ck_assert(E2E_UNTIL(5000, events("grant_end", n) == 1));
	ck_assert_int_eq(events("approval_request", n), 1);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'approval_decision' AND json_extract(body, '$.request') = %ld "
	    "AND json_extract(body, '$.subject') = 'ada' AND "
	    "json_extract(body, '$.approver') = 'boss' AND "
	    "json_extract(body, '$.reason') = 'please'", n), 1);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'grant' AND json_extract(body, '$.request') = %ld AND "
	    "json_extract(body, '$.subject') = 'ada' AND json_extract(body, "
	    "'$.approvers') = '[\"boss\"]' AND json_extract(body, "
	    "'$.profile') = 'breakglass'", n), 1);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'grant_end' AND json_extract(body, '$.request') = %ld AND "
	    "json_extract(body, '$.result') = 'revoked' AND "
	    "json_extract(body, '$.revoker') = 'boss' AND json_extract(body, "
	    "'$.subject') = 'ada'", n), 1);
	/* What the tools were told, and no token. */
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'control' AND json_extract(body, '$.verb') = 'revoke' AND "
	    "json_extract(body, '$.code') = 1"), 2);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'control' AND json_extract(body, '$.verb') = 'revoke' AND "
	    "json_extract(body, '$.code') = 0"), 1);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'control' AND body LIKE '%%eyJ%%'"), 0);
}
END_TEST

START_TEST(refused)
{
	struct login l;
	long n, before;

	ask(&l, "breakglass", "bob");
	n = waits(&l);
	ck_assert_int_eq(decide("deny", n, "boss", "approvers",
	    "--reason 'not on a Friday'"), 0);
	is_refused(&l, "login refused by boss (request ");
	/* Whoever tries again and again pages nobody. */
	before = e2e_audit_n("SELECT count(*) FROM events WHERE kind = "
	    "'approval_request'");
	ask(&l, "breakglass", "bob");
	is_refused(&l, "not on a Friday");
	ck_assert_int_eq(open_request("bob"), 0);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'approval_request'"), before);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'login_refused' AND json_extract(body, '$.sqlstate') "
	    "= '42501' AND json_extract(body, '$.subject') = 'bob'") == 2));
	ck_assert_int_eq(events("grant", n), 0);
}
END_TEST

START_TEST(nobody_in_time)
{
	struct login l;
	long n;

	ask(&l, "hasty", "cay");
	n = waits(&l);
	is_refused(&l, "login refused: nobody approved request");
	ck_assert_int_ne(decide("approve", n, "boss", "approvers", ""), 0);
	ck_assert(decide_said("expired"));
	/* That was nobody's no: it may be asked for again. */
	ask(&l, "hasty", "cay");
	ck_assert_int_ne(waits(&l), n);
	PQfinish(l.c);
}
END_TEST

/* Two people, and neither is whose it is. */
START_TEST(two_keys)
{
	struct login l;
	long n;

	ask(&l, "two-keys", "dan");
	n = waits(&l);
	ck_assert_ptr_nonnull(strstr(l.notices, "(2 people)"));
	ck_assert_int_ne(decide("approve", n, "dan", "approvers", ""), 0);
	ck_assert(decide_said("another person must decide"));
	ck_assert_int_ne(decide("approve", n, "eve", "oncall", ""), 0);
	ck_assert(decide_said("none of its groups"));
	/* `grant` is one of the two, and says how many it lacks. */
	ck_assert_int_eq(grant("dan", "two-keys", ""), 0);
	ck_assert(tool_said("waits for 1 more"));
	ck_assert_int_eq(open_request("dan"), n);
	ck_assert(!settled(&l));
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	gets_in(&l);
	PQfinish(l.c);
}
END_TEST

/* Who acts for somebody is part of what is asked, and approves nothing. */
START_TEST(actor)
{
	char *token = e2e_stack("token --dir %s --sub fay --group oncall "
	    "--claim '{\"act\":{\"sub\":\"robot\",\"act\":{\"sub\":\"ci\"}}}'",
	    e2e_env("STACK_DIR"));
	struct login l, m;
	char cmd[64];
	long n;

	ask_by(&l, "breakglass", token, false);
	n = waits(&l);
	ck_assert_int_eq(tool("requests"), 0);
	ck_assert(tool_said("(acting: robot, ci)"));
	ck_assert_int_ne(decide("approve", n, "robot", "approvers", ""), 0);
	ck_assert(decide_said("for whom you act"));
	ck_assert_int_ne(decide("approve", n, "ci", "approvers", ""), 0);
	ck_assert_int_ne(decide("approve", n, "fay", "approvers", ""), 0);
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	gets_in(&l);
	/* It is the robot's, not hers. */
	ask(&m, "breakglass", "fay");
	ck_assert_int_ne(waits(&m), n);
	PQfinish(m.c);
	PQfinish(l.c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind IN ('approval_request', 'approval_decision', 'grant') "
	    "AND json_extract(body, '$.request') = %ld AND json_extract(body, "
	    "'$.act') LIKE '%%robot%%'", n) == 3));
	snprintf(cmd, sizeof(cmd), "revoke %ld", n);
	ck_assert_int_eq(tool(cmd), 0);
	/* Given beforehand, for the same robot. */
	ck_assert_int_gt(grant("fay", "breakglass", "--actor other"), 0);
	ask_by(&l, "breakglass", token, false);
	ck_assert_int_gt(waits(&l), n);
	PQfinish(l.c);
	free(token);
}
END_TEST

/* Who cannot wait comes back; ten may wait at once. */
START_TEST(comes_back)
{
	struct login l, many[11];
	long n;
	int i;

	ask(&l, "breakglass", "gus");
	n = waits(&l);
	PQfinish(l.c);
	ck_assert_int_eq(open_request("gus"), n);
	for (i = 0; i < 10; i++) {
		ask(&many[i], "breakglass", "gus");
		ck_assert_int_eq(waits(&many[i]), n);
	}
	ask(&many[10], "breakglass", "gus");
	is_refused(&many[10], "too many logins wait for this grant");
	for (i = 1; i < 10; i++)
		PQfinish(many[i].c);
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	gets_in(&many[0]);
	PQfinish(many[0].c);
	ask(&l, "breakglass", "gus");
	gets_in(&l);
	PQfinish(l.c);
}
END_TEST

/* In a worker that serves others too. */
START_TEST(shared_worker)
{
	char *token = e2e_token("hal", "oncall");
	struct login l;
	PGconn *c = e2e_session_shared("dba", "dba-hal");
	long n;

	ask_by(&l, "breakglass", token, true);
	n = waits(&l);
	lives(c);
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	gets_in(&l);
	lives(c);
	PQfinish(l.c);
	PQfinish(c);
	free(token);
}
END_TEST

START_TEST(given_beforehand)
{
	struct login l;
	long n;

	ck_assert_int_eq(tool("grant --subject ian --profile breakglass"), 3);
	ck_assert_int_eq(tool("grant --subject ian --profile dba --reason x"),
	    1);
	ck_assert(tool_said("no such profile that needs a grant"));
	ck_assert_int_eq(tool("grant --subject ian --profile breakglass "
	    "--reason x --for 2h"), 1);
	ck_assert(tool_said("from 1 to 3600 seconds"));
	ck_assert_int_eq(tool("grant --subject ian --profile breakglass "
	    "--reason x --issuer elsewhere"), 1);
	ck_assert_int_eq(tool("grant --subject ops-root --profile breakglass "
	    "--reason x"), 1);
	ck_assert(tool_said("another person must decide"));
	ck_assert_int_eq(open_request("ops-root"), 0);
	n = grant("ian", "breakglass", "--for 3s");
	ck_assert_int_gt(n, 0);
	ask(&l, "breakglass", "ian");
	gets_in(&l);
	ck_assert_str_eq(l.notices, "");
	/* The smallest of the three limits: the grant's. */
	ends(l.c, e2e_patience(4000), "the grant of this session has expired");
	ck_assert(E2E_UNTIL(5000, events("grant_end", n) == 1));
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events e JOIN "
	    "sessions s ON s.subject = 'ian' AND s.session = "
	    "json_extract(e.body, '$.session') WHERE e.kind = 'deadline' AND "
	    "json_extract(e.body, '$.limit') = 'grant'"), 1);
	ask(&l, "breakglass", "ian");
	ck_assert_int_gt(waits(&l), n);
	PQfinish(l.c);
}
END_TEST

/* The profile's time, and the token's, where they are the smallest. */
START_TEST(other_limits)
{
	struct login l;
	char *token;

	ck_assert_int_gt(grant("joy", "short-ttl", ""), 0);
	ask(&l, "short-ttl", "joy");
	gets_in(&l);
	ends(l.c, e2e_patience(3000), "session time limit reached");
	/* Its leeway does not count: what is left of it does. */
	ck_assert_int_gt(grant("joy", "with-token", ""), 0);
	token = e2e_stack("token --dir %s --sub joy --group oncall --ttl 3",
	    e2e_env("STACK_DIR"));
	ask_by(&l, "with-token", token, false);
	gets_in(&l);
	ends(l.c, e2e_patience(4000), "the token of this session has expired");
	free(token);
}
END_TEST

/* --- kill -9 of policyd's parent --------------------------------------------------- */

static void
kill_parent(void)
{
	pid_t parent = e2e_process("parent");

	ck_assert_int_gt(parent, 0);
	kill(parent, SIGKILL);
	ck_assert(E2E_UNTIL(15000, e2e_process("parent") != 0 &&
	    e2e_process("parent") != parent));
	ck_assert(E2E_UNTIL(15000, tool("status") == 0 &&
	    tool_said("gatewayd: yes") && tool_said("auditd: yes")));
}

/* policyd's other processes may still be on their way: until it waits. */
static long
waits_again(struct login *l, const char *profile, const char *sub)
{
	long long end = e2e_now() + 20000;

	for (;;) {
		ask(l, profile, sub);
		ck_assert(E2E_UNTIL(15000, settled(l) ||
		    l->notices[0] != '\0'));
		if (l->notices[0] != '\0' || e2e_now() > end ||
		    strstr(PQerrorMessage(l->c), "Try again") == NULL)
			return waits(l);
		PQfinish(l->c);
		e2e_pause(100);
	}
}

static bool
ready(const char *profile, const char *sub, struct login *l)
{
	ask(l, profile, sub);
	return E2E_UNTIL(15000, settled(l)) && l->state == PGRES_POLLING_OK;
}

START_TEST(killed_at_each_step)
{
	struct login l, m;
	char cmd[64];
	long n;

	/* While it waits: the client is told, and finds its request. */
	ask(&l, "two-keys", "kim");
	n = waits(&l);
	kill_parent();
	is_refused(&l, "the policy service is not available");
	ck_assert_int_eq(open_request("kim"), n);
	/* After the first of two approvals. */
	ck_assert(E2E_UNTIL(15000, decide("approve", n, "boss", "approvers",
	    "") == 0));
	kill_parent();
	/* Its verifier may still be on its way. */
	ck_assert_msg(E2E_UNTIL(15000, decide("approve", n, "boss",
	    "approvers", "") != 0 && decide_said("decided by you already")),
	    "forgotten");
	ck_assert_int_eq(waits_again(&l, "two-keys", "kim"), n);
	ck_assert_int_eq(decide("approve", n, "owner", "approvers", ""), 0);
	gets_in(&l);
	/* With a session open: it lives, and so does the grant. */
	kill_parent();
	lives(l.c);
	ck_assert_int_eq(grants_of("kim"), 1);
	ck_assert(E2E_UNTIL(15000, ready("two-keys", "kim", &m)));
	PQfinish(m.c);
	/* It is revoked, and that stays so. */
	snprintf(cmd, sizeof(cmd), "revoke --reason over %ld", n);
	ck_assert_int_eq(tool(cmd), 0);
	kill_parent();
	ends(l.c, e2e_patience(2000), "revoked by ops-root: over");
	ck_assert_int_eq(grants_of("kim"), 0);
	ck_assert(E2E_UNTIL(10000, events("grant_end", n) >= 1));
	ck_assert_int_eq(events("grant", n), 1);
	ck_assert_int_gt(waits_again(&m, "two-keys", "kim"), n);
	PQfinish(m.c);
}
END_TEST

/* Approved, and dead before anybody came; expired while it was dead. */
START_TEST(killed_with_a_grant)
{
	struct login l;
	pid_t parent, spawner = e2e_process("policyd");
	long n;

	n = grant("leo", "breakglass", "");
	kill_parent();
	ck_assert_int_eq(grants_of("leo"), 1);
	ck_assert(E2E_UNTIL(15000, ready("breakglass", "leo", &l)));
	PQfinish(l.c);

	ck_assert_int_gt(grant("mia", "breakglass", "--for 3s"), 0);
	ck_assert(E2E_UNTIL(2500, ready("breakglass", "mia", &l)));
	kill(spawner, SIGSTOP);
	parent = e2e_process("parent");
	kill(parent, SIGKILL);
	e2e_pause(3500);
	kill(spawner, SIGCONT);
	ends(l.c, e2e_patience(15000), "grant of this session");
	ck_assert(E2E_UNTIL(15000, tool("status") == 0));
	ck_assert_int_eq(grants_of("mia"), 0);
	(void)n;
}
END_TEST

/* Revoked on disk, and dead before any session was told. */
START_TEST(killed_in_the_revocation)
{
	struct login l;
	pid_t parent, spawner = e2e_process("policyd");
	long n;

	n = grant("ned", "breakglass", "");
	ck_assert(E2E_UNTIL(15000, ready("breakglass", "ned", &l)));
	kill(spawner, SIGSTOP);
	parent = e2e_process("parent");
	kill(parent, SIGKILL);
	e2e_pause(100);
	ck_assert_int_eq(e2e_sh("sed -i 's/\"state\":\"approved\"/"
	    "\"state\":\"revoked\"/' %s/state/requests/%ld.json",
	    e2e_env("STACK_DIR"), n), 0);
	kill(spawner, SIGCONT);
	ends(l.c, e2e_patience(15000), "the grant of this session is over");
	ck_assert(E2E_UNTIL(10000, events("grant_end", n) == 1));
	ck_assert_int_ne(e2e_sh("test -e %s/state/requests/%ld.json",
	    e2e_env("STACK_DIR"), n), 0);
}
END_TEST

/* --- reloads ------------------------------------------------------------------------ */

static void
reload(const char *edit)
{
	ck_assert_int_eq(e2e_sh("sed -i '%s' %s", edit,
	    e2e_env("POLICY_FILE")), 0);
	e2e_reload();
}

START_TEST(reloaded)
{
	struct login l, m;
	long n;

	ck_assert(E2E_UNTIL(15000, ready("plain", "oda", &m)));
	ask(&l, "breakglass", "oda");
	n = waits(&l);
	reload("$a # one");
	ck_assert(!settled(&l));
	ck_assert_int_eq(open_request("oda"), n);
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	gets_in(&l);
	reload("$a # two");
	lives(l.c);
	lives(m.c);
	PQfinish(l.c);
	/* A profile that needs one from now on. */
	reload("/^  plain:/a \\    requires: {grant: true}");
	ends(m.c, e2e_patience(2000), "the access policy now asks for a grant");
	ask(&l, "plain", "oda");
	n = waits(&l);
	/* And none any more: who waits is let in. */
	reload("/requires: {grant: true}$/d");
	gets_in(&l);
	PQfinish(l.c);
	ck_assert_int_eq(open_request("oda"), 0);
	ck_assert(E2E_UNTIL(5000, events("approval_end", n) == 1));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("grants");
	TCase *tc = tcase_create("grants");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, asked_and_let_in);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, nobody_in_time);
	tcase_add_test(tc, two_keys);
	tcase_add_test(tc, actor);
	tcase_add_test(tc, comes_back);
	tcase_add_test(tc, shared_worker);
	tcase_add_test(tc, given_beforehand);
	tcase_add_test(tc, other_limits);
	tcase_add_test(tc, killed_at_each_step);
	tcase_add_test(tc, killed_with_a_grant);
	tcase_add_test(tc, killed_in_the_revocation);
	tcase_add_test(tc, reloaded);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
