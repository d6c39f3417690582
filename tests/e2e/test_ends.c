/*
 * How sessions end: for every reason and in the middle of everything within a
 * second, by 57P01 and a sentence; at the smallest of grant, ttl and token;
 * and what the record says of a login from its token to its dropped role.
 * ends.yaml has the profiles, each with all three limits.
 */
#include "e2e.h"
#include "held.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "raw.h"

static long long
wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* policyctl or gatewayctl, as ops-root; what it said stays in tool.out. */
static void
tool(const char *name, const char *args)
{
	ck_assert_msg(e2e_sh("%s/%s -s %s %s >%s/tool.out 2>&1",
	    e2e_env("POSTERN_BIN"), name, e2e_env(name[0] == 'g' ?
	    "GATEWAYD_SOCK" : "POLICYD_SOCK"), args, e2e_env("STACK_DIR")) ==
	    0, "%s %s", name, args);
}

static long
grant(const char *sub, const char *profile, int seconds)
{
	char cmd[512], path[512];
	long n = 0;
	FILE *f;

	snprintf(cmd, sizeof cmd, "grant --subject %s --profile %s --for %ds "
	    "--reason tested", sub, profile, seconds);
	tool("policyctl", cmd);
	snprintf(path, sizeof path, "%s/tool.out", e2e_env("STACK_DIR"));
	ck_assert_ptr_nonnull(f = fopen(path, "r"));
	ck_assert_int_eq(fscanf(f, "grant %ld", &n), 1);
	fclose(f);
	return n;
}

/* --- clients that are in the middle of something ------------------------------ */

static const struct activity {
	const char	*name, *sql;
	bool		 copies_in;
} activities[] = {
	{ "a statement that runs", "SELECT pg_sleep(60)", false },
	{ "a long answer", "SELECT repeat('x', 10000), o.id FROM orders AS o, "
	    "customers AS c", false },
	{ "COPY out", "COPY (SELECT repeat('x', 10000), o.id FROM orders AS o, "
	    "customers AS c) TO STDOUT", false },
	{ "COPY in", "COPY orders FROM STDIN", true }
};
#define NACTIVITIES	(sizeof activities / sizeof activities[0])

struct client {
	pid_t	 pid;
	int	 out;		/* "R" once it is at it, then its end */
};

/* Until its end: when that was, SQLSTATE, sentence. */
static void
client_run(const struct activity *a, const char *profile, const char *token,
    int out)
{
	const char *row = "99999999\t1\t1\tx\t2026-01-01\n", *state;
	struct raw *r = raw_tls(false);
	const uint8_t *body;
	char line[768];
	size_t len;
	int n, t = -1;

	if (!raw_startup(r, profile, "shop") || !raw_until(r, 'R', 20000) ||
	    !raw_msg(r, 'p', token, strlen(token) + 1) ||
	    !raw_until(r, 'Z', 20000) || !raw_query(r, a->sql) ||
	    (a->copies_in && !raw_until(r, 'G', 10000)) ||
	    (!a->copies_in && a != activities && raw_read(r, 20000, &body,
	    &len) <= 0) || write(out, "R", 1) != 1)
		_exit(1);
	while (a->copies_in && t == -1) {
		if (!raw_msg(r, 'd', row, strlen(row)))
			break;
		t = raw_read(r, 10, &body, &len);
	}
	state = t > 0 ? raw_sqlstate(r) : raw_ending(r, 60000);
	n = snprintf(line, sizeof line, "%lld %s %s", wall_ms(),
	    state == NULL || *state == '\0' ? "none" : state, raw_message(r));
	_exit(write(out, line, (size_t)n) == n ? 0 : 1);
}

static struct client
client_start(const struct activity *a, const char *profile, const char *token)
{
	struct client c;
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_ne(c.pid = fork(), -1);
	if (c.pid == 0) {
		close(p[0]);
		client_run(a, profile, token, p[1]);
	}
	close(p[1]);
	c.out = p[0];
	return c;
}

static void
client_ready(struct client *c, const char *name)
{
	struct pollfd p = { .fd = c->out, .events = POLLIN };
	char ready = 0;

	ck_assert_msg(poll(&p, 1, 30000) == 1 && read(c->out, &ready, 1) == 1 &&
	    ready == 'R', "%s did not begin", name);
}

/* It ended so, and at most a second after `when`. */
static void
client_over(struct client *c, const char *name, long long when,
    const char *sentence, long limit)
{
	struct pollfd p = { .fd = c->out, .events = POLLIN };
	char line[768] = "", state[8] = "";
	long long at = 0;

	ck_assert_msg(poll(&p, 1, 20000) == 1 &&
	    read(c->out, line, sizeof line - 1) > 0, "%s lives on", name);
	ck_assert_int_eq(sscanf(line, "%lld %7s", &at, state), 2);
	printf("%-22s %5lld ms  %s\n", name, at - when, strchr(line, ' ') + 1);
	ck_assert_msg(strcmp(state, "57P01") == 0 && strstr(line, sentence) !=
	    NULL, "%s: %s", name, line);
	ck_assert_msg(at - when <= limit, "%s: %lld ms", name, at - when);
	close(c->out);
	ck_assert_int_eq(waitpid(c->pid, NULL, 0), c->pid);
}

/* Of sessions; other backends of these roles there are none. */
static bool
backends_gone(PGconn *d)
{
	char *v = e2e_value(d, "SELECT count(*) FROM pg_stat_activity WHERE "
	    "usename LIKE 'pst\\_%' OR usename = 'app_dba'");
	bool gone = strcmp(v, "0") == 0;

	free(v);
	return gone;
}

/* --- the reasons ---------------------------------------------------------------- */

enum cause { REVOKED, KILLED, REMOVED, GRANT_OVER, TTL, TOKEN };

static const struct reason {
	enum cause	 cause;
	const char	*profile, *sentence, *limit;
	int		 grant, token;	/* seconds */
} reasons[] = {
	{ REVOKED, "minted", "the grant of this session was revoked by "
	    "ops-root: enough", NULL, 600, 600 },
	{ REVOKED, "fixed", "revoked by ops-root: enough", NULL, 600, 600 },
	{ KILLED, "minted", "terminated by administrator", NULL, 600, 600 },
	{ KILLED, "fixed", "terminated by administrator", NULL, 600, 600 },
	{ GRANT_OVER, "minted", "the grant of this session has expired",
	    "grant", 6, 600 },
	{ GRANT_OVER, "fixed", "the grant of this session has expired",
	    "grant", 6, 600 },
	{ TTL, "minted-brief", "session time limit reached", "ttl", 600, 600 },
	{ TTL, "fixed-brief", "session time limit reached", "ttl", 600, 600 },
	{ TOKEN, "minted", "the token of this session has expired", "token",
	    600, 6 },
	{ TOKEN, "fixed", "the token of this session has expired", "token",
	    600, 6 },
	/* The last ones: these profiles are gone then. */
	{ REMOVED, "minted", "no longer has this session's profile", NULL, 600,
	    600 },
	{ REMOVED, "fixed", "no longer has this session's profile", NULL, 600,
	    600 }
};
#define NREASONS	(sizeof reasons / sizeof reasons[0])

static void
act(const struct reason *r, const char *sub, long request)
{
	char cmd[256], *id;
	size_t i;

	switch (r->cause) {
	case REVOKED:
		snprintf(cmd, sizeof cmd, "revoke --reason enough %ld",
		    request);
		tool("policyctl", cmd);
		break;
	case KILLED:
		for (i = 0; i < NACTIVITIES; i++) {
			id = e2e_audit("SELECT session FROM sessions WHERE "
			    "subject = '%s' LIMIT 1 OFFSET %zu", sub, i);
			snprintf(cmd, sizeof cmd, "kill %s", id);
			tool("gatewayctl", cmd);
			free(id);
		}
		break;
	case REMOVED:
		ck_assert_int_eq(e2e_sh("sed -i 's/^  %s:$/  %s-no-more:/' %s",
		    r->profile, r->profile, e2e_env("POLICY_FILE")), 0);
		kill(e2e_process("policyd"), SIGHUP);
		break;
	default:
		break;
	}
}

#define OF_SUB	"FROM events o WHERE o.kind = 'session_open' AND "	\
	"json_extract(o.body, '$.subject') = '%s' AND "

/*
 * The record has the smallest of the three as each session's end, names it
 * where it was what ended it, and no session closed more than a second later.
 */
static void
smallest_counts(const struct reason *r, const char *sub, long request,
    long limit)
{
	const char *ttl = strstr(r->profile, "-brief") != NULL ? "3" : "3600";

	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = '%s' AND closed IS NOT NULL", sub) ==
	    (long)NACTIVITIES));
	/* No limit is passed, and one of them is the end. */
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) " OF_SUB
	    "abs(json_extract(o.body, '$.ends') - min("
	    "o.time + %s * 1000000, json_extract(o.body, '$.token_expires') * "
	    "1000000, (SELECT json_extract(g.body, '$.ends') FROM events g "
	    "WHERE g.kind = 'grant' AND json_extract(g.body, '$.request') = "
	    "%ld))) < %ld000", sub, ttl, request, limit), (long)NACTIVITIES);
	if (r->limit == NULL)
		return;
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) " OF_SUB "EXISTS ("
	    "SELECT 1 FROM events d WHERE d.kind = 'deadline' AND "
	    "json_extract(d.body, '$.session') = json_extract(o.body, "
	    "'$.session') AND json_extract(d.body, '$.limit') = '%s' AND "
	    "json_extract(d.body, '$.role') = json_extract(o.body, '$.role')) "
	    "AND EXISTS (SELECT 1 FROM events c WHERE c.kind = 'session_close' "
	    "AND json_extract(c.body, '$.session') = json_extract(o.body, "
	    "'$.session') AND c.time - json_extract(o.body, '$.ends') BETWEEN "
	    "0 AND %ld000)", sub, r->limit, limit), (long)NACTIVITIES);
}

START_TEST(in_the_middle)
{
	const struct reason *r = &reasons[_i];
	struct client c[NACTIVITIES];
	PGconn *d = e2e_direct();
	long request, limit = e2e_patience(1000);
	long long when;
	char sub[32], *token;
	size_t i;

	snprintf(sub, sizeof sub, "ends-%d", _i);
	request = grant(sub, r->profile, r->grant);
	token = e2e_stack("token --dir %s --sub %s --group oncall --ttl %d",
	    e2e_env("STACK_DIR"), sub, r->token);
	for (i = 0; i < NACTIVITIES; i++)
		c[i] = client_start(&activities[i], r->profile, token);
	for (i = 0; i < NACTIVITIES; i++)
		client_ready(&c[i], activities[i].name);
	free(token);
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = '%s'", sub) == (long)NACTIVITIES));
	ck_assert(!backends_gone(d));
	act(r, sub, request);
	when = wall_ms();
	for (i = 0; i < NACTIVITIES; i++) {
		if (r->limit != NULL)
			when = e2e_audit_n("SELECT max(json_extract(o.body, "
			    "'$.ends')) " OF_SUB "true", sub) / 1000;
		client_over(&c[i], activities[i].name, when, r->sentence,
		    limit);
	}
	/* They are gone as well, and nothing of the COPY is there. */
	ck_assert_msg(E2E_UNTIL(limit, backends_gone(d)),
	    "statements run on");
	ck_assert_int_eq(rows("x"), 0);
	PQfinish(d);
	smallest_counts(r, sub, request, limit);
}
END_TEST

/* --- what the record says ----------------------------------------------------------- */

static void
sha256_hex(const char *text, char hex[65])
{
	unsigned char md[32];
	unsigned int n = sizeof md, i;

	ck_assert_int_eq(EVP_Digest(text, strlen(text), md, &n, EVP_sha256(),
	    NULL), 1);
	for (i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", md[i]);
}

/* This kind has one event with this field so; it is policyd's own. */
static void
says(const char *kind, const char *session, const char *field,
    const char *value)
{
	char *v;

	ck_assert_msg(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM "
	    "events WHERE kind = '%s' AND json_extract(body, '$.session') = "
	    "'%s'", kind, session) == 1), "no %s", kind);
	v = e2e_audit("SELECT json_extract(body, '$.%s') FROM events WHERE "
	    "kind = '%s' AND json_extract(body, '$.session') = '%s'", field,
	    kind, session);
	ck_assert_msg(value == NULL ? *v != '\0' : strcmp(v, value) == 0,
	    "%s.%s is %s", kind, field, v);
	free(v);
}

START_TEST(recorded)
{
	const char *keys[] = { "host", "port", "dbname", "user", "password",
	    "sslmode", "sslrootcert", "application_name", NULL };
	char *token, jti[65], *id, *v, *role;
	long request = grant("told --actor robot", "minted", 600);
	PGconn *c;

	token = e2e_stack("token --dir %s --sub told --group oncall --claim "
	    "'{\"jti\":\"once-7\",\"act\":{\"sub\":\"robot\"}}'",
	    e2e_env("STACK_DIR"));
	const char *values[] = { e2e_env("GW_HOST"), e2e_env("GW_PORT"),
	    e2e_env("GW_DB"), "minted", token, "verify-full",
	    e2e_env("GW_CA"), "the test", NULL };
	c = PQconnectdbParams(keys, values, 0);
	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	role = e2e_value(c, "SELECT current_user");
	PQfinish(c);
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = 'told' AND closed IS NOT NULL") == 1));
	id = e2e_audit("SELECT session FROM sessions WHERE subject = 'told'");
	sha256_hex("once-7", jti);
	says("session_open", id, "issuer", "corp");
	says("session_open", id, "subject", "told");
	says("session_open", id, "profile", "minted");
	says("session_open", id, "jti", jti);
	says("session_open", id, "act", "{\"sub\":\"robot\"}");
	says("session_open", id, "application", "the test");
	says("session_open", id, "tls_version", "TLSv1.3");
	says("session_open", id, "role", role);
	v = e2e_audit("SELECT json_extract(body, '$.peer') LIKE '127.0.0.1:%%' "
	    "AND json_extract(body, '$.grant') = %ld FROM events WHERE kind = "
	    "'session_open' AND json_extract(body, '$.session') = '%s'",
	    request, id);
	ck_assert_str_eq(v, "1");
	free(v);
	says("mint", id, "role", role);
	says("mint", id, "database", "shop");
	says("drop", id, "role", role);
	says("session_close", id, "reason", NULL);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind = "
	    "'grant' AND json_extract(body, '$.request') = %ld AND "
	    "json_extract(body, '$.subject') = 'told' AND json_extract(body, "
	    "'$.issuer') = 'corp' AND json_extract(body, '$.profile') = "
	    "'minted' AND json_extract(body, '$.reason') = 'tested' AND "
	    "json_extract(body, '$.approvers') = '[\"ops-root\"]'", request),
	    1);
	free(token);
	/* For somebody else's doing: act; and a refusal of it, with all. */
	token = e2e_stack("token --dir %s --sub told --group nobody --claim "
	    "'{\"jti\":\"once-8\",\"act\":{\"sub\":\"robot\"}}'",
	    e2e_env("STACK_DIR"));
	values[4] = token;
	c = PQconnectdbParams(keys, values, 0);
	ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
	PQfinish(c);
	sha256_hex("once-8", jti);
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'login_refused' AND json_extract(body, '$.subject') "
	    "= 'told' AND json_extract(body, '$.issuer') = 'corp' AND "
	    "json_extract(body, '$.user') = 'minted' AND json_extract(body, "
	    "'$.database') = 'shop' AND json_extract(body, '$.jti') = '%s' AND "
	    "json_extract(body, '$.act') LIKE '%%robot%%' AND "
	    "json_extract(body, '$.application') = 'the test' AND "
	    "json_extract(body, '$.tls_version') = 'TLSv1.3' AND "
	    "json_extract(body, '$.peer') LIKE '127.0.0.1:%%' AND "
	    "json_extract(body, '$.reason') = 'the claims do not match the "
	    "profile' AND json_extract(body, '$.sqlstate') = '28000'", jti) ==
	    1));
	free(token);
	free(role);
	free(id);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ends");
	TCase *tc = tcase_create("ends");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, recorded);
	tcase_add_loop_test(tc, in_the_middle, 0, (int)NREASONS);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
