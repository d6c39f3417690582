/*
 * Logins that must fail, and what is said about them: one sentence to a client
 * with a bad token, a clear one to who is known, the reason to the log and the
 * record, the token to nobody.
 */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

/* `words`: what somebody is told whose token is good. */
static void
check_refused(const char *what, const char *user, const char *token,
    const char *words)
{
	long before = e2e_audit_n("SELECT count(*) FROM events WHERE kind = "
	    "'login_refused'");
	static char first[1024];
	PGconn *c = e2e_try(user, token, false);
	struct raw *r;

	ck_assert_msg(PQstatus(c) == CONNECTION_BAD, "%s: let in", what);
	/* The same words whatever was wrong with a token. */
	if (first[0] == '\0')
		snprintf(first, sizeof first, "%s", PQerrorMessage(c));
	ck_assert_msg(strstr(PQerrorMessage(c), "FATAL") != NULL, "%s: %s",
	    what, PQerrorMessage(c));
	if (words != NULL)
		ck_assert_msg(strstr(PQerrorMessage(c), words) != NULL,
		    "%s: %s not %s", what, PQerrorMessage(c), words);
	else
		ck_assert_msg(strcmp(first, PQerrorMessage(c)) == 0,
		    "%s: %s not %s", what, PQerrorMessage(c), first);
	PQfinish(c);

	r = raw_tls(false);
	ck_assert(raw_startup(r, user, e2e_env("GW_DB")));
	ck_assert(raw_until(r, 'R', 10000));
	ck_assert(raw_msg(r, 'p', token, strlen(token) + 1));
	ck_assert_ptr_nonnull(raw_ending(r, 10000));
	ck_assert_msg(strcmp(raw_sqlstate(r), "28000") == 0, "%s: SQLSTATE %s",
	    what, raw_sqlstate(r));
	raw_free(&r);
	ck_assert_msg(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'login_refused' AND json_extract(body, '$.reason') "
	    "<> ''") >= before + 2), "%s: not in the record", what);
}

static bool
written_somewhere(const char *secret)
{
	const char *claims = strchr(secret, '.');
	char cut[64];

	/* The signature is enough, and no part of another token. */
	snprintf(cut, sizeof cut, "%s", secret + strlen(secret) - 40);
	/* What was decoded may be recorded, the token's own text may not. */
	if (claims != NULL && strlen(claims) > 60 &&
	    e2e_sh("grep -rqsF -e '%.40s' %s/ %s/*.log", claims + 1,
	    e2e_env("STACK_BASE"), e2e_env("STACK_DIR")) == 0)
		return true;
	return e2e_sh("grep -rqsF -e '%s' %s/", cut, e2e_env("STACK_BASE")) == 0
	    || e2e_sh("grep -qsF -e '%s' %s/*.log", cut,
	    e2e_env("STACK_DIR")) == 0;
}

START_TEST(bad_tokens)
{
	const char *dir = e2e_env("STACK_DIR");
	const char *keys = e2e_env("KEYS_DIR");
	struct { const char *what; char *token; } t[16];
	const char *none = "your token opens no access profile of this name";
	size_t n = 0, i, good_from, good_to;
	char *good = e2e_token("login-good", "ai-agents"), *p;

#define ADD(w, ...) do {						\
	t[n].what = (w);						\
	t[n++].token = e2e_stack(__VA_ARGS__);				\
} while (0)
	ADD("expired", "token --dir %s --sub login-expired --group ai-agents "
	    "--ttl -7200", dir);
	ADD("not yet valid", "token --dir %s --sub login-nbf --group ai-agents "
	    "--nbf 7200 --ttl 9000", dir);
	ADD("too long a life", "token --dir %s --sub login-long --group "
	    "ai-agents --ttl 86400", dir);
	ADD("foreign issuer", "token --dir %s --sub login-iss --group ai-agents "
	    "--iss https://evil.example", dir);
	ADD("wrong audience", "token --dir %s --sub login-aud --group ai-agents "
	    "--aud somebody-else", dir);
	ADD("foreign key", "token --dir %s --sub login-key --group ai-agents "
	    "--key %s/foreign.pem", dir, keys);
	ADD("unknown kid", "token --dir %s --sub login-kid --group ai-agents "
	    "--kid nobody", dir);
	good_from = n;
	ADD("no such group", "token --dir %s --sub login-group --group cooks",
	    dir);
	ADD("another profile's group", "token --dir %s --sub login-dba "
	    "--group dba", dir);
	ADD("no group", "token --dir %s --sub login-none", dir);
	good_to = n;
#undef ADD
	t[n].what = "cut";
	t[n++].token = strndup(good, strlen(good) - 20);
	t[n].what = "forged";
	t[n].token = strdup(good);
	p = strchr(t[n].token, '.') + 10;
	*p = *p == 'a' ? 'b' : 'a';
	n++;
	t[n].what = "garbage";
	t[n++].token = strdup("this is no token at all, but it is a secret too "
	    "and it must not be written down");
	for (i = 0; i < n; i++)
		check_refused(t[i].what, "nightly-bot", t[i].token,
		    i >= good_from && i < good_to ? none : NULL);
	check_refused("no such profile", "nobody", good, none);
	for (i = 0; i < n; i++) {
		ck_assert_msg(!written_somewhere(t[i].token),
		    "%s: the token is written down", t[i].what);
		free(t[i].token);
	}
	ck_assert(!written_somewhere(good));
	free(good);
	/* The reasons are told apart where they may be. */
	ck_assert_int_ge(e2e_audit_n("SELECT count(DISTINCT json_extract(body, "
	    "'$.reason')) FROM events WHERE kind = 'login_refused'"), 5);
	ck_assert_int_eq(e2e_sh("grep -qi refused %s/policyd.log", dir), 0);
}
END_TEST

START_TEST(good_tokens_leave_no_trace)
{
	char *token = e2e_token("login-trace", "ai-agents");
	PGconn *c = e2e_try("nightly-bot", token, false);

	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	free(e2e_value(c, "SELECT 1"));
	PQfinish(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = 'login-trace' AND closed IS NOT NULL") == 1));
	ck_assert(!written_somewhere(token));
	/* Nor would a core file hold it: there is none. */
	ck_assert_int_ne(e2e_sh("ls %s/core* >/dev/null 2>&1",
	    e2e_env("STACK_DIR")), 0);
	free(token);
}
END_TEST

START_TEST(other_algorithms)
{
	char *token = e2e_stack("token --dir %s --sub login-ec --group "
	    "ai-agents --alg ES256", e2e_env("STACK_DIR"));
	PGconn *c = e2e_try("nightly-bot", token, false);

	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	PQfinish(c);
	free(token);
}
END_TEST

START_TEST(no_token_in_clear)
{
	struct raw *r = raw_tcp(false);

	/* Without TLS there is no question for a token, only a refusal. */
	ck_assert(raw_startup(r, "nightly-bot", e2e_env("GW_DB")));
	ck_assert_ptr_nonnull(raw_ending(r, 10000));
	ck_assert_str_ne(raw_sqlstate(r), "");
	raw_free(&r);
}
END_TEST

START_TEST(unix_socket)
{
	char *token = e2e_token("login-unix", "ai-agents");
	const char *keys[] = { "host", "port", "dbname", "user", "password",
	    NULL };
	const char *values[] = { e2e_env("GW_SOCKET_DIR"), e2e_env("GW_PORT"),
	    "shop", "nightly-bot", token, NULL };
	PGconn *c = PQconnectdbParams(keys, values, 0);
	char *v;

	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	v = e2e_value(c, "SELECT 1");
	ck_assert_str_eq(v, "1");
	free(v);
	PQfinish(c);
	free(token);
}
END_TEST

START_TEST(unknown_database)
{
	char *token = e2e_token("login-db", "ai-agents");
	struct raw *r = raw_tls(false);

	ck_assert(raw_startup(r, "nightly-bot", "postgres"));
	ck_assert(raw_until(r, 'R', 10000));
	ck_assert(raw_msg(r, 'p', token, strlen(token) + 1));
	ck_assert_ptr_nonnull(raw_ending(r, 10000));
	ck_assert_str_eq(raw_sqlstate(r), "28000");
	raw_free(&r);
	free(token);
}
END_TEST

static PGconn *
asking(const char *keyword, const char *value, const char *token)
{
	const char *keys[] = { "host", "port", "dbname", "user", "password",
	    "sslmode", keyword, NULL };
	const char *values[] = { "127.0.0.1", e2e_env("GW_PORT"), "shop",
	    "dba", token, "require", value, NULL };

	return PQconnectdbParams(keys, values, 0);
}

/* A walsender speaks another grammar: nobody gets one, however it is asked for;
 * who asks for none has an ordinary session. */
START_TEST(replication)
{
	static const char *const bad[] = { "database", "true", "on", "yes",
	    "1", "DATABASE", "t", "", "nonsense" };
	static const char *const good[] = { "false", "off", "no", "0" };
	char *token = e2e_token("login-replication", "dba"), *v;
	struct raw *r;
	PGconn *c;
	size_t i;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char more[64] = "replication";

		r = raw_tls(false);
		/* Name NUL value NUL. */
		strcpy(more + 12, bad[i]);
		ck_assert(raw_startup_as(r, 0x30000, "dba", "shop", more,
		    12 + strlen(bad[i]) + 1));
		ck_assert_ptr_nonnull(raw_ending(r, 10000));
		ck_assert_msg(strcmp(raw_sqlstate(r), "0A000") == 0, "%s: %s",
		    bad[i], raw_sqlstate(r));
		ck_assert_str_eq(raw_message(r), "replication connections do "
		    "not pass through Postern");
		raw_free(&r);
	}
	for (i = 0; i < sizeof good / sizeof good[0]; i++) {
		c = asking("replication", good[i], token);
		ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s: %s", good[i],
		    PQerrorMessage(c));
		v = e2e_value(c, "SELECT backend_type FROM pg_stat_activity "
		    "WHERE pid = pg_backend_pid()");
		ck_assert_str_eq(v, "client backend");
		free(v);
		PQfinish(c);
	}
	/* Nor as a setting. */
	c = asking("options", "-c replication=database", token);
	ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
	ck_assert_ptr_nonnull(strstr(PQerrorMessage(c), "no setting"));
	PQfinish(c);
	free(token);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("login");
	TCase *tc = tcase_create("login");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, bad_tokens);
	tcase_add_test(tc, good_tokens_leave_no_trace);
	tcase_add_test(tc, other_algorithms);
	tcase_add_test(tc, no_token_in_clear);
	tcase_add_test(tc, unix_socket);
	tcase_add_test(tc, unknown_database);
	tcase_add_test(tc, replication);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
