/*
 * Keys by discovery: an identity provider on loopback (a small HTTP server
 * here: a real one comes with the tests of identity) is asked once, not
 * believed when it speaks for another issuer or redirects, and not needed once
 * its keys are known.
 */
#include "e2e.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	pid_t	 pid;
	int	 port;
	_Atomic int *asked;	/* requests, shared with the server */
	char	 jwks[64 * 1024];
} idp;

static void
reply(int fd, const char *status, const char *extra, const char *body)
{
	char head[512];
	int n;

	n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\n%sContent-Type: "
	    "application/json\r\nContent-Length: %zu\r\nConnection: close"
	    "\r\n\r\n", status, extra, strlen(body));
	if (write(fd, head, (size_t)n) == -1 ||
	    write(fd, body, strlen(body)) == -1)
		return;
}

static void
document(int fd, const char *issuer, const char *keys)
{
	char body[512];

	snprintf(body, sizeof body, "{\"issuer\":\"http://127.0.0.1:%d/%s\","
	    "\"jwks_uri\":\"http://127.0.0.1:%d/%s\"}", idp.port, issuer,
	    idp.port, keys);
	reply(fd, "200 OK", "", body);
}

static void
serve_one(int fd)
{
	char req[4096] = "";
	ssize_t n = read(fd, req, sizeof req - 1);

	++*idp.asked;
	if (n <= 0)
		return;
	if (strncmp(req, "GET /good/.well-known/openid-configuration ",
	    43) == 0)
		document(fd, "good", "jwks");
	else if (strncmp(req, "GET /liar/.well-known/openid-configuration ",
	    43) == 0)
		document(fd, "good", "jwks");
	else if (strncmp(req, "GET /moved/.well-known/openid-configuration ",
	    44) == 0)
		reply(fd, "302 Found",
		    "Location: /good/.well-known/openid-configuration\r\n", "");
	else if (strncmp(req, "GET /jwks ", 10) == 0)
		reply(fd, "200 OK", "", idp.jwks);
	else
		reply(fd, "404 Not Found", "", "{}");
}

static void
idp_start(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof sin;
	char path[512];
	FILE *f;
	int s, c;

	snprintf(path, sizeof path, "%s/jwks.json", e2e_env("KEYS_DIR"));
	ck_assert_ptr_nonnull(f = fopen(path, "r"));
	idp.jwks[fread(idp.jwks, 1, sizeof idp.jwks - 1, f)] = '\0';
	fclose(f);
	idp.asked = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	s = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&sin, sizeof sin), 0);
	ck_assert_int_eq(listen(s, 64), 0);
	ck_assert_int_eq(getsockname(s, (struct sockaddr *)&sin, &len), 0);
	idp.port = ntohs(sin.sin_port);
	if ((idp.pid = fork()) == 0)
		for (;;) {
			if ((c = accept(s, NULL, NULL)) == -1)
				_exit(1);
			serve_one(c);
			close(c);
		}
	close(s);
}

static void
idp_stop(void)
{
	if (idp.pid <= 0)
		return;
	kill(idp.pid, SIGKILL);
	waitpid(idp.pid, NULL, 0);
	idp.pid = 0;
}

/* The three issuers may all open `dba`: only their keys stand in the way. */
static void
policy(void)
{
	char sed[4096];
	int n = 0;
	const char *const keys[] = { "good", "liar", "moved" };
	size_t i;

	n = snprintf(sed, sizeof sed, "s|^issuers:$|issuers:");
	for (i = 0; i < 3; i++)
		n += snprintf(sed + n, sizeof sed - (size_t)n, "\\n  %s: "
		    "{issuer: \"http://127.0.0.1:%d/%s\", audience: disc, "
		    "allow_http_loopback: true}", keys[i], idp.port, keys[i]);
	snprintf(sed + n, sizeof sed - (size_t)n, "|; "
	    "s|{issuer: corp, groups: \\[dba\\]}|&\\n      - {issuer: good}"
	    "\\n      - {issuer: liar}\\n      - {issuer: moved}|");
	ck_assert_int_eq(e2e_sh("sed '%s' %s > %s/disc.new && cat %s/disc.new "
	    "> %s", sed, e2e_env("POLICY_FILE"), e2e_env("STACK_DIR"),
	    e2e_env("STACK_DIR"), e2e_env("POLICY_FILE")), 0);
	ck_assert_int_eq(e2e_sh("grep -q 'issuer: moved' %s",
	    e2e_env("POLICY_FILE")), 0);
	kill(e2e_process("policyd"), SIGHUP);
	ck_assert_msg(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM "
	    "events WHERE kind = 'policy_reload' AND json_extract(body, "
	    "'$.accepted') = 1") >= 1), "the policy was not taken");
}

/* Does a token of this issuer open a session? */
static bool
opens(const char *issuer)
{
	char *token = e2e_stack("token --dir %s --sub disc-%s --iss "
	    "http://127.0.0.1:%d/%s --aud disc", e2e_env("STACK_DIR"), issuer,
	    idp.port, issuer);
	PGconn *c = e2e_try("dba", token, false);
	bool ok = PQstatus(c) == CONNECTION_OK;

	PQfinish(c);
	free(token);
	return ok;
}

static void
verifier_dies(void)
{
	pid_t old = e2e_process("verifier"), now = 0;

	kill(old, SIGKILL);
	ck_assert(E2E_UNTIL(5000, (now = e2e_process("verifier")) != 0 &&
	    now != old));
	/* Until then a login is told to try again. */
	ck_assert(E2E_UNTIL(5000, e2e_sh("%s/policyctl -s %s --json status | "
	    "grep -q '\"process\":\"verifier\",\"pid\":%d,\"state\":\"ready\"'",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), (int)now) == 0));
}

START_TEST(discovery)
{
	int i, asked;

	idp_start();
	policy();
	ck_assert(opens("good"));
	asked = *idp.asked;
	for (i = 0; i < 5; i++)
		ck_assert(opens("good"));
	ck_assert_int_eq(*idp.asked, asked);

	/* Speaks for another issuer; sends elsewhere. */
	ck_assert(!opens("liar"));
	ck_assert(!opens("moved"));
	/* A known failure is not asked for again with each token. */
	asked = *idp.asked;
	for (i = 0; i < 8; i++)
		ck_assert(!opens("moved"));
	ck_assert_int_lt(*idp.asked, asked + 4);

	/* A verifier that dies asks nobody sooner for it. */
	asked = *idp.asked;
	for (i = 0; i < 3; i++) {
		verifier_dies();
		ck_assert(opens("good"));
	}
	ck_assert_int_eq(*idp.asked, asked);

	/* The provider is down: what is known stays good, whoever dies. */
	idp_stop();
	ck_assert(opens("good"));
	verifier_dies();
	ck_assert(opens("good"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("discovery");
	TCase *c = tcase_create("discovery");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, discovery);
	tcase_add_unchecked_fixture(c, NULL, idp_stop);
	suite_add_tcase(s, c);
	return e2e_main(s);
}
