/*
 * Identity from end to end: every forged token of cases.c is refused for its
 * reason while a session goes on and the verifier lives; tokens that count
 * once; keys that rotate; what a profile's limits say, and to whom.
 *
 * The cases and their results are printed as one table, which also stays in
 * identity-cases.txt of the build directory.
 */
#include "e2e.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "cases.h"
#include "raw.h"

#define PER_ADDR	20	/* under the limit of failures a minute */

static size_t ncases;

/* Profiles, each with one limit, for the group analysts. */
static const char profiles[] =
    "  p-hours:\n"
    "    databases: [shop]\n"
    "    match: [{issuer: corp, groups: [analysts]}]\n"
    "    hours: [{days: @DAY@, from: '00:00', to: '24:00', zone: UTC}]\n"
    "    backend_role: {user: app_analyst, password_file: @PW@}\n"
    "    rules: [{name: all, when: {}, then: allow}]\n"
    "  p-net:\n"
    "    databases: [shop]\n"
    "    match: [{issuer: corp, groups: [analysts]}]\n"
    "    networks: [127.0.9.0/24]\n"
    "    backend_role: {user: app_analyst, password_file: @PW@}\n"
    "    rules: [{name: all, when: {}, then: allow}]\n"
    "  p-few:\n"
    "    databases: [shop]\n"
    "    match: [{issuer: corp, groups: [analysts]}]\n"
    "    session: {concurrent: 1, concurrent_total: 2, idle: 1s}\n"
    "    backend_role: {user: app_analyst, password_file: @PW@}\n"
    "    rules: [{name: all, when: {}, then: allow}]\n";

static void
put(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", e2e_env("STACK_DIR"), name);
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	fputs(text, f);
	fclose(f);
}

/* The issuers that are forged for, and the profiles above. */
static void
set_up(void)
{
	static const char *const days[] = { "sun", "mon", "tue", "wed", "thu",
	    "fri", "sat" };
	char *issuers, dir[512], file[512], secrets[512];
	time_t now = time(NULL);

	snprintf(dir, sizeof dir, "%s", e2e_env("STACK_DIR"));
	snprintf(file, sizeof file, "%s", e2e_env("POLICY_FILE"));
	snprintf(secrets, sizeof secrets, "%s", e2e_env("SECRETS_DIR"));
	ncases = cases_make(e2e_env("KEYS_DIR"));
	issuers = cases_policy(e2e_env("KEYS_DIR"));
	put("issuers.add", issuers);
	put("profiles.add", profiles);
	/* Any day but today's and its neighbours. */
	ck_assert_int_eq(e2e_sh("sed -i 's|@DAY@|%s|; s|@PW@|%s/app_analyst|' "
	    "%s/profiles.add && sed -e '/^issuers:$/r %s/issuers.add' "
	    "-e '/^profiles:$/r %s/profiles.add' -e 's|{issuer: corp, groups: "
	    "\\[ai-agents\\]}|&\\n      - {issuer: forge-a}\\n      - "
	    "{issuer: forge-b}|' %s > %s/policy.new && cat %s/policy.new > %s",
	    days[(gmtime(&now)->tm_wday + 3) % 7], secrets, dir, dir, dir,
	    file, dir, dir, file), 0);
	free(issuers);
	e2e_reload();
}

struct outcome {
	bool	 in;
	char	 sqlstate[6], message[256], peer[64];
	long	 after;		/* the newest event before it */
};

/* Log in with exactly these bytes, from this address. */
static struct outcome
enter(const char *user, const void *token, size_t len, const char *from)
{
	struct sockaddr_in sin;
	socklen_t sl = sizeof sin;
	struct outcome o = { 0 };
	char *msg = malloc(len + 1);
	struct raw *r;
	const uint8_t *body;
	size_t n;
	int t;

	o.after = e2e_audit_n("SELECT max(id) FROM events");
	r = raw_tls_to("GW_PORT", from);
	getsockname(raw_fd(r), (struct sockaddr *)&sin, &sl);
	snprintf(o.peer, sizeof o.peer, "%s:%u", from, ntohs(sin.sin_port));
	memcpy(msg, token, len);
	msg[len] = '\0';
	ck_assert(raw_startup(r, user, e2e_env("GW_DB")));
	ck_assert(raw_until(r, 'R', 10000));
	ck_assert(raw_msg(r, 'p', msg, len + 1));
	free(msg);
	while ((t = raw_read(r, 20000, &body, &n)) > 0 && t != 'Z')
		;
	o.in = t == 'Z';
	snprintf(o.sqlstate, sizeof o.sqlstate, "%s", raw_sqlstate(r));
	snprintf(o.message, sizeof o.message, "%s", raw_message(r));
	raw_free(&r);
	return o;
}

static struct outcome
enter_str(const char *user, const char *token, const char *from)
{
	return enter(user, token, strlen(token), from);
}

/* The reason in the record; a port may have been used before. */
static char *
recorded(const struct outcome *o)
{
	char where[256];

	snprintf(where, sizeof where, "FROM events WHERE id > %ld AND kind = "
	    "'login_refused' AND json_extract(body, '$.peer') = '%s'",
	    o->after, o->peer);
	if (!E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) %s", where) == 1))
		return strdup("NOT RECORDED");
	return e2e_audit("SELECT json_extract(body, '$.reason') %s", where);
}

/* The table, on standard output and in the build directory. */
static FILE *
table(const char *mode)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/identity-cases.txt",
	    getenv("POSTERN_BUILD"));
	if ((f = fopen(path, mode)) == NULL)
		f = fopen("/dev/null", mode);
	return f;
}

static void
line(FILE *f, const char *name, const char *result, const char *why)
{
	printf("%-40s %-9s %s\n", name, result, why);
	fprintf(f, "%-40s %-9s %s\n", name, result, why);
}

START_TEST(forged)
{
	PGconn *witness = e2e_session("analyst", "witness");
	char *pid = e2e_value(witness, "SELECT pg_backend_pid()"), *p;
	pid_t verifier = e2e_process("verifier");
	char from[32], result[16], *why;
	const struct forged *c;
	struct outcome o;
	size_t i, wrong = 0;
	FILE *f = table("w");

	line(f, "CASE", "RESULT", "REASON IN THE RECORD");
	for (i = 0; i < ncases; i++) {
		c = cases_at(i);
		snprintf(from, sizeof from, "127.0.1.%zu", 1 + i / PER_ADDR);
		o = enter("nightly-bot", c->token, c->len, from);
		why = o.in ? strdup("-") : recorded(&o);
		snprintf(result, sizeof result, "%s",
		    o.in ? "let in" : o.sqlstate);
		line(f, c->name, result, why);
		if (o.in != c->good || (!c->good &&
		    (strcmp(o.sqlstate, "28000") != 0 ||
		    strcmp(o.message, "authentication failed") != 0 ||
		    strstr(why, c->why) == NULL))) {
			line(f, "  WRONG, expected:", c->good ? "let in" :
			    "28000", c->why);
			wrong++;
		}
		free(why);
		/* Nobody else notices. */
		p = e2e_value(witness, "SELECT pg_backend_pid()");
		ck_assert_str_eq(p, pid);
		free(p);
		ck_assert_msg(e2e_alive(verifier), "%s: it killed the "
		    "verifier", c->name);
	}
	fclose(f);
	ck_assert_uint_eq(wrong, 0);
	ck_assert_int_eq(e2e_process("verifier"), verifier);
	free(pid);
	PQfinish(witness);
}
END_TEST

/* Should one still end the verifier: another is there, and nobody noticed. */
START_TEST(verifier_replaced)
{
	PGconn *witness = e2e_session("analyst", "witness-2");
	char *pid = e2e_value(witness, "SELECT pg_backend_pid()"), *p, *token;
	struct outcome o = { 0 };
	char took[64];
	FILE *f = table("a");
	long long start, usual;
	int i;

	for (i = 0; i < 3; i++) {
		token = cases_token(false);
		start = e2e_now();
		ck_assert(enter_str("nightly-bot", token, "127.0.2.1").in);
		usual = e2e_now() - start;
		kill(e2e_process("verifier"), SIGABRT);
		start = e2e_now();
		ck_assert(E2E_UNTIL(20000, (o = enter_str("nightly-bot", token,
		    "127.0.2.1")).in || strcmp(o.sqlstate, "57P03") != 0));
		ck_assert_msg(o.in, "%s %s", o.sqlstate, o.message);
		snprintf(took, sizeof took, "%lld ms for a login, %lld when "
		    "nothing died", e2e_now() - start, usual);
		line(f, "verifier killed, session unharmed", "let in", took);
		p = e2e_value(witness, "SELECT pg_backend_pid()");
		ck_assert_str_eq(p, pid);
		free(p);
		free(token);
	}
	fclose(f);
	free(pid);
	PQfinish(witness);
}
END_TEST

START_TEST(counts_once)
{
	char *token = cases_once("e2e-once"), *why;
	struct outcome o = enter_str("nightly-bot", token, "127.0.3.1");

	ck_assert_msg(o.in, "%s", o.message);
	o = enter_str("nightly-bot", token, "127.0.3.1");
	ck_assert_str_eq(o.sqlstate, "28000");
	ck_assert_str_eq(o.message, "authentication failed");
	why = recorded(&o);
	ck_assert_str_eq(why, "the token was used already (jti)");
	free(why);
	/* Nor when policyd's parent was killed in between. */
	kill(e2e_process("parent"), SIGKILL);
	ck_assert(E2E_UNTIL(20000, (o = enter_str("nightly-bot", token,
	    "127.0.3.2")).in || strcmp(o.sqlstate, "28000") == 0));
	why = recorded(&o);
	ck_assert_str_eq(why, "the token was used already (jti)");
	free(why);
	free(token);
	/* One whose login fails for another reason is still good. */
	token = cases_once("e2e-twice");
	o = enter_str("nobody", token, "127.0.3.2");
	ck_assert(!o.in);
	/* The new parent may not have all of its helpers yet. */
	ck_assert(E2E_UNTIL(20000, enter_str("nightly-bot", token,
	    "127.0.3.2").in));
	ck_assert_int_ge(e2e_audit_n("SELECT count(*) FROM events WHERE kind = "
	    "'session_open' AND length(json_extract(body, '$.jti')) = 64 AND "
	    "json_extract(body, '$.tls_version') LIKE 'TLSv1._'"), 2);
	free(token);
}
END_TEST

START_TEST(rotation)
{
	const char *dir = e2e_env("KEYS_DIR");
	char *old = cases_token(false), *new = cases_token(true);

	ck_assert(enter_str("nightly-bot", old, "127.0.4.1").in);
	ck_assert(!enter_str("nightly-bot", new, "127.0.4.1").in);
	cases_rotate(dir, SET_BOTH);
	ck_assert(enter_str("nightly-bot", new, "127.0.4.1").in);
	ck_assert(enter_str("nightly-bot", old, "127.0.4.1").in);
	/* Withdrawn: a file is read when a key is missing, or by a reload. */
	cases_rotate(dir, SET_NEW);
	e2e_reload();
	ck_assert(enter_str("nightly-bot", new, "127.0.4.1").in);
	ck_assert(!enter_str("nightly-bot", old, "127.0.4.1").in);
	cases_rotate(dir, SET_OLD);
	e2e_reload();
	free(old);
	free(new);
}
END_TEST

static void
told(const struct outcome *o, const char *sqlstate, const char *message,
    const char *reason)
{
	char *why = recorded(o);

	ck_assert_str_eq(o->sqlstate, sqlstate);
	ck_assert_str_eq(o->message, message);
	ck_assert_str_eq(why, reason);
	free(why);
}

START_TEST(limits)
{
	char *token = e2e_token("limits", "analysts");
	char *other = e2e_token("limits-2", "analysts");
	char *third = e2e_token("limits-3", "analysts");
	struct outcome o;
	PGconn *a, *b;

	o = enter_str("p-hours", token, "127.0.5.1");
	told(&o, "28000", "this access profile may not be used at this time",
	    "outside the hours of the profile");
	o = enter_str("p-net", token, "127.0.5.1");
	told(&o, "28000", "this access profile may not be used from your "
	    "address", "the profile may not be used from this address");
	ck_assert(enter_str("p-net", token, "127.0.9.7").in);
	o = enter_str("dba", token, "127.0.5.1");
	told(&o, "28000", "your token opens no access profile of this name "
	    "for this database", "the claims do not match the profile");

	a = e2e_try("p-few", token, false);
	ck_assert_msg(PQstatus(a) == CONNECTION_OK, "%s", PQerrorMessage(a));
	o = enter_str("p-few", token, "127.0.5.1");
	told(&o, "53300", "too many sessions of this subject in this profile",
	    "concurrent sessions");
	b = e2e_try("p-few", other, false);
	ck_assert_msg(PQstatus(b) == CONNECTION_OK, "%s", PQerrorMessage(b));
	o = enter_str("p-few", third, "127.0.5.1");
	told(&o, "53300", "too many sessions in this profile",
	    "concurrent sessions of all");
	/* Idle for a second: 57P05, and there is room again. */
	ck_assert(E2E_UNTIL(20000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE profile = 'p-few' AND closed IS NULL") == 0));
	PQclear(PQexec(a, "SELECT 1"));
	ck_assert_msg(strstr(PQerrorMessage(a), "idle-session timeout") !=
	    NULL, "%s", PQerrorMessage(a));
	ck_assert(enter_str("p-few", third, "127.0.5.1").in);
	PQfinish(a);
	PQfinish(b);
	free(token);
	free(other);
	free(third);
}
END_TEST

/* The administrator asks the same. */
START_TEST(explained)
{
	put("claims.json", "{\"sub\": \"ada\", \"groups\": [\"analysts\"]}");
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s access --claims "
	    "%s/claims.json --issuer corp --database shop --address 127.0.9.1 "
	    "> %s/explained", e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"),
	    e2e_env("STACK_DIR"), e2e_env("STACK_DIR")), 0);
	ck_assert_int_eq(e2e_sh("cd %s && tr '\\n' ' ' < explained | grep -q "
	    "'profile: p-hours opens: no why: outside the hours.*"
	    "profile: p-net opens: yes.*profile: nightly-bot opens: no.*"
	    "none of its groups.*profile: analyst opens: yes'",
	    e2e_env("STACK_DIR")), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("identity");
	TCase *c = tcase_create("identity");

	tcase_set_timeout(c, 400);
	tcase_add_unchecked_fixture(c, set_up, NULL);
	tcase_add_test(c, forged);
	tcase_add_test(c, verifier_replaced);
	tcase_add_test(c, counts_once);
	tcase_add_test(c, rotation);
	tcase_add_test(c, limits);
	tcase_add_test(c, explained);
	suite_add_tcase(s, c);
	return e2e_main(s);
}
