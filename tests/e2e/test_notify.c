/*
 * Who is told of what waits: a web server of the test's own and a command hear
 * of it, signed, in order, and once more when they did not; and no statement
 * waits for them.  tests/e2e/notify.yaml has the rules; the hooks are written
 * into the stack's policy here, when the server's port is known.
 */
#include "e2e.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

/* --- the server ------------------------------------------------------------- */

enum { ANSWER_OK, ANSWER_500, ANSWER_REDIRECT, ANSWER_NEVER };

struct got {
	char	path[64];
	char	signature[256];
	char	body[16384];
};

/* Between the test and its server. */
struct shared {
	volatile int	answer;
	volatile int	fail;		/* so many 500 before the answer */
	volatile int	n;		/* requests that came */
	struct got	got[64];
};

static struct shared	*sh;
static pid_t		 server;
static int		 port;

/* Headers and as much as Content-Length says; false: it hung up. */
static bool
read_request(int fd, char *buf, size_t size)
{
	size_t n = 0, head, want;
	char *end, *len;
	ssize_t r;

	while (n < size - 1) {
		if ((r = read(fd, buf + n, size - 1 - n)) <= 0)
			return false;
		n += (size_t)r;
		buf[n] = '\0';
		if ((end = strstr(buf, "\r\n\r\n")) == NULL)
			continue;
		head = (size_t)(end + 4 - buf);
		len = strcasestr(buf, "\r\nContent-Length:");
		want = len == NULL || len > end ? 0 : strtoul(len + 17, NULL,
		    10);
		if (n >= head + want)
			return true;
	}
	return false;
}

static void
note(const char *buf)
{
	struct got *g = &sh->got[sh->n];
	const char *s = strcasestr(buf, "\r\nX-Postern-Signature: ");

	sscanf(buf, "POST %63s", g->path);
	if (s != NULL)
		sscanf(s + 23, "%255[^\r]", g->signature);
	snprintf(g->body, sizeof(g->body), "%s", strstr(buf, "\r\n\r\n") + 4);
	if (sh->n < 63)
		sh->n++;
}

static void
serve_one(int fd)
{
	static const char *const answers[] = {
	    "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
	    "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n"
		"\r\n",
	    "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0"
		"\r\nConnection: close\r\n\r\n" };
	static char buf[32768];
	const char *a;

	if (!read_request(fd, buf, sizeof(buf)))
		return;
	note(buf);
	if (sh->fail > 0) {
		sh->fail--;
		a = answers[ANSWER_500];
	} else if (sh->answer == ANSWER_NEVER) {
		/* Until it hangs up. */
		while (read(fd, buf, sizeof(buf)) > 0)
			;
		return;
	} else
		a = answers[sh->answer];
	if (write(fd, a, strlen(a)) == -1)
		return;
}

/* On `port`, or on any when it is 0. */
static void
server_start(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), c, on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	a.sin_port = htons((uint16_t)port);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	port = ntohs(a.sin_port);
	server = fork();
	ck_assert_int_ge(server, 0);
	if (server > 0) {
		close(fd);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((c = accept(fd, NULL, NULL)) != -1) {
		/* One that is never answered holds up no other. */
		if (sh->answer != ANSWER_NEVER) {
			serve_one(c);
		} else if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve_one(c);
			_exit(0);
		}
		close(c);
	}
	_exit(1);
}

static void
server_stop(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

/* --- the policy --------------------------------------------------------------- */

static void
reload(const char *hooks)
{
	long before = e2e_audit_n("SELECT count(*) FROM events WHERE kind = "
	    "'policy_reload'");
	const char *policy = e2e_env("POLICY_FILE");

	ck_assert_int_eq(e2e_sh("sed -i '/^notify:/,$d' '%s' && cat >> '%s' "
	    "<<'END'\n%sEND\n", policy, policy, hooks), 0);
	kill(e2e_process("policyd"), SIGHUP);
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'policy_reload'") > before));
	ck_assert_str_eq(e2e_audit("SELECT json_extract(body, '$.accepted') "
	    "|| coalesce(json_extract(body, '$.error'), '') FROM events WHERE "
	    "kind = 'policy_reload' ORDER BY id DESC LIMIT 1"), "1");
}

static void
web_hook(const char *more)
{
	char text[1024];

	snprintf(text, sizeof(text), "notify:\n  - {webhook: \"http://"
	    "127.0.0.1:%d/hook?a=b\", secret_file: %s/webhook, "
	    "allow_http_loopback: true%s}\n", port, e2e_env("SECRETS_DIR"),
	    more);
	reload(text);
}

static void
setup(void)
{
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(sh, MAP_FAILED);
	port = 0;
	server_start();
}

static void
teardown(void)
{
	server_stop();
}

/* --- requests ------------------------------------------------------------------- */

static void
send_update(PGconn *c, const char *what)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "UPDATE orders SET status = 'n-%s' WHERE "
	    "id <= 3", what);
	ck_assert_int_eq(PQsendQuery(c, sql), 1);
	ck_assert_int_ne(PQflush(c), -1);
}

static long
request_by(const char *sub)
{
	long n = 0;

	ck_assert_msg(E2E_UNTIL(10000, (n = e2e_audit_n("SELECT "
	    "coalesce(max(json_extract(body, '$.request')), 0) FROM events "
	    "WHERE kind = 'approval_request' AND json_extract(body, "
	    "'$.subject') = '%s'", sub)) != 0), "no request by %s", sub);
	return n;
}

static void
decide(const char *verb, long n, const char *more)
{
	char *token = e2e_token("boss", "approvers");

	ck_assert_int_eq(e2e_sh("printf %%s '%s' | %s/policyctl -s %s %s "
	    "--token-file - %s %ld", token, e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK"), verb, more, n), 0);
	free(token);
}

static void
finish(PGconn *c)
{
	PGresult *r;

	while ((r = PQgetResult(c)) != NULL)
		PQclear(r);
	PQfinish(c);
}

/* What of the body of the i-th is this?  By the member's whole text. */
static bool
says(int i, const char *text)
{
	return strstr(sh->got[i].body, text) != NULL;
}

static void
says_all(int i, const char *const *texts)
{
	for (; *texts != NULL; texts++)
		ck_assert_msg(says(i, *texts), "%d: no %s in %s", i, *texts,
		    sh->got[i].body);
}

/* By the secret as it is on disk, over the bytes as they came. */
static void
check_signature(const struct got *g)
{
	char path[512], secret[128] = "", text[20000], hex[65], want[256];
	unsigned char mac[32];
	unsigned int len = sizeof(mac), i;
	long long t;
	FILE *f;

	snprintf(path, sizeof(path), "%s/webhook", e2e_env("SECRETS_DIR"));
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(secret, sizeof(secret), f));
	fclose(f);
	secret[strcspn(secret, "\n")] = '\0';
	ck_assert_int_eq(sscanf(g->signature, "t=%lld,v1=", &t), 1);
	ck_assert_int_le(llabs(t - (long long)time(NULL)), 120);
	snprintf(text, sizeof(text), "%lld.%s", t, g->body);
	ck_assert_ptr_nonnull(HMAC(EVP_sha256(), secret,
	    (int)strlen(secret), (unsigned char *)text, strlen(text), mac,
	    &len));
	for (i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
	snprintf(want, sizeof(want), "t=%lld,v1=%s", t, hex);
	ck_assert_str_eq(g->signature, want);
}

static long
status_number(const char *name)
{
	char cmd[1024], line[64] = "";
	FILE *f;

	snprintf(cmd, sizeof(cmd), "%s/policyctl -s %s --json status | "
	    "sed -n 's/.*\"notify\":{[^}]*\"%s\":\\([0-9]*\\).*/\\1/p'",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), name);
	ck_assert_ptr_nonnull(f = popen(cmd, "r"));
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	pclose(f);
	return line[0] == '\0' ? -1 : strtol(line, NULL, 10);
}

/* --- tests -------------------------------------------------------------------------- */

/* Each step, signed, in order; parameters are not in it. */
START_TEST(delivered)
{
	static const char sql[] = "UPDATE orders SET status = $1 WHERE id = "
	    "$2::int";
	const char *v[] = { "secret-value", "5" };
	const char *const open[] = { "\"event\":\"request\"",
	    "\"subject\":\"notify-d\"", "\"issuer\":\"corp\"",
	    "\"profile\":\"reviewed\"", "\"database\":\"shop\"",
	    "\"rule\":\"reviewed-updates\"", "\"kind\":\"update\"",
	    "\"groups\":[\"approvers\"]", "\"minimum\":1", "\"until\":",
	    "\"in_transaction\":false", "UPDATE orders SET status = $1", NULL };
	const char *const decided[] = { "\"event\":\"decision\"",
	    "\"decision\":\"approve\"", "\"approver\":\"boss\"",
	    "\"reason\":\"go on\"", NULL };
	const char *const end[] = { "\"event\":\"end\"",
	    "\"result\":\"approved\"", NULL };
	PGconn *c;
	int i;

	web_hook("");
	c = e2e_session("reviewed", "notify-d");
	ck_assert_int_eq(PQsendQueryParams(c, sql, 2, NULL, v, NULL, NULL, 0),
	    1);
	ck_assert(E2E_UNTIL(10000, sh->n == 1));
	says_all(0, open);
	decide("approve", request_by("notify-d"), "--reason 'go on'");
	ck_assert(E2E_UNTIL(10000, sh->n == 3));
	says_all(1, decided);
	says_all(2, end);
	for (i = 0; i < 3; i++) {
		ck_assert_str_eq(sh->got[i].path, "/hook?a=b");
		check_signature(&sh->got[i]);
		ck_assert(!says(i, "secret-value"));
	}
	finish(c);
	ck_assert(E2E_UNTIL(5000, status_number("queued") == 0));
	ck_assert_int_ge(status_number("delivered"), 3);
}
END_TEST

START_TEST(parameters_where_asked_for)
{
	const char *v[] = { "shown-value" };
	PGconn *c;

	web_hook(", parameters: true");
	c = e2e_session("reviewed", "notify-p");
	ck_assert_int_eq(PQsendQueryParams(c, "UPDATE orders SET status = $1 "
	    "WHERE id = 1", 1, NULL, v, NULL, NULL, 0), 1);
	ck_assert(E2E_UNTIL(10000, sh->n == 1));
	ck_assert_msg(says(0, "\"parameters\":[\"shown-value\"]"), "%s",
	    sh->got[0].body);
	decide("deny", request_by("notify-p"), "");
	ck_assert(E2E_UNTIL(10000, sh->n == 3));
	ck_assert(!says(1, "shown-value") && !says(2, "shown-value"));
	finish(c);
}
END_TEST

/* The same event, by its id; what is behind it waits for it. */
START_TEST(again_after_500)
{
	char id[64] = "", other[64] = "";
	PGconn *c;

	web_hook("");
	sh->fail = 2;
	c = e2e_session("reviewed", "notify-5");
	send_update(c, "5");
	ck_assert(E2E_UNTIL(10000, sh->n >= 1));
	decide("deny", request_by("notify-5"), "");
	ck_assert(E2E_UNTIL(20000, sh->n == 5));
	ck_assert(says(0, "\"event\":\"request\"") &&
	    says(1, "\"event\":\"request\"") &&
	    says(2, "\"event\":\"request\"") &&
	    says(3, "\"event\":\"decision\"") &&
	    says(4, "\"event\":\"end\""));
	ck_assert_int_eq(sscanf(strstr(sh->got[0].body, "\"id\":"),
	    "\"id\":\"%32[0-9a-f]", id), 1);
	ck_assert_int_eq(sscanf(strstr(sh->got[2].body, "\"id\":"),
	    "\"id\":\"%32[0-9a-f]", other), 1);
	ck_assert_str_eq(id, other);
	finish(c);
}
END_TEST

START_TEST(again_after_refused)
{
	PGconn *c;

	web_hook("");
	server_stop();
	c = e2e_session("reviewed", "notify-r");
	send_update(c, "r");
	request_by("notify-r");
	/* It has been tried, in vain. */
	ck_assert(E2E_UNTIL(10000, e2e_sh("%s/policyctl -s %s --json status | "
	    "grep -q '\"notify\":{[^}]*\"error\"'", e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK")) == 0));
	ck_assert_int_eq(sh->n, 0);
	ck_assert_int_eq(status_number("queued"), 1);
	server_start();
	ck_assert(E2E_UNTIL(20000, sh->n == 1));
	PQfinish(c);
	ck_assert(E2E_UNTIL(20000, sh->n == 2 &&
	    says(1, "\"result\":\"withdrawn\"")));
}
END_TEST

/* Nothing goes where a server points; it is given up and said so. */
START_TEST(redirect)
{
	PGconn *c;
	long n;

	web_hook("");
	sh->answer = ANSWER_REDIRECT;
	c = e2e_session("reviewed", "notify-x");
	send_update(c, "x");
	n = request_by("notify-x");
	ck_assert_msg(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM "
	    "events WHERE kind = 'notify_failed' AND json_extract(body, "
	    "'$.request') = %ld AND json_extract(body, '$.hook') = "
	    "'notify[0]' AND json_extract(body, '$.event') = 'request' AND "
	    "json_extract(body, '$.attempts') = 1 AND json_extract(body, "
	    "'$.reason') = 'HTTP status 302'", n) == 1), "no notify_failed");
	ck_assert_int_eq(sh->n, 1);
	ck_assert_str_eq(sh->got[0].path, "/hook?a=b");
	ck_assert_int_ge(status_number("failed"), 1);
	PQfinish(c);
}
END_TEST

/* A server that never answers delays nobody's statement, nor its approval. */
START_TEST(slow_server)
{
	PGconn *c, *d;
	char *v;

	web_hook("");
	sh->answer = ANSWER_NEVER;
	c = e2e_session("reviewed", "notify-s");
	send_update(c, "s");
	ck_assert(E2E_UNTIL(10000, sh->n == 1));
	/* The message is in flight from here to the end of the test. */
	decide("approve", request_by("notify-s"), "");
	finish(c);
	d = e2e_session("dba", "notify-s2");
	v = e2e_value(d, "SELECT count(*) FROM orders WHERE status = 'n-s'");
	ck_assert_str_eq(v, "3");
	free(v);
	PQfinish(d);
	ck_assert_int_eq(sh->n, 1);
}
END_TEST

/* A command: JSON on its standard input, nothing else from us. */
START_TEST(command)
{
	const char *dir = e2e_env("STACK_DIR");
	char text[2048];
	PGconn *c;

	ck_assert_int_eq(e2e_sh("mkdir -m 1777 -p '%s/hook' && chmod 1777 "
	    "'%s/hook' && cat > '%s/hook/run' <<'END'\n"
	    "#!/bin/sh\n"
	    "fds=$(ls -l /proc/$$/fd | grep -cE 'socket:|anon_inode:')\n"
	    "d=$(dirname \"$0\")\n"
	    "{ cat; echo; echo \"arg=$1\"; env | sort; echo \"fds=$fds\"; "
	    "echo \"group=$(ps -o pgid= -p $$ | "
	    "tr -d ' ') self=$$\"; } > \"$d/out.$$\" 2>&1\n"
	    "mv \"$d/out.$$\" \"$d/done.$$\"\n"
	    "END\n chmod 755 '%s/hook/run'", dir, dir, dir, dir), 0);
	snprintf(text, sizeof(text), "notify:\n  - {command: [\"%s/hook/run\", "
	    "\"a b; exit\"]}\n", dir);
	reload(text);
	c = e2e_session("reviewed", "notify-c");
	send_update(c, "c");
	ck_assert(E2E_UNTIL(10000, e2e_sh("grep -q '^{.*\"event\":"
	    "\"request\".*\"subject\":\"notify-c\".*}$' '%s'/hook/done.* "
	    "2>/dev/null", dir) == 0));
	ck_assert_int_eq(e2e_sh("grep -qx 'arg=a b; exit' '%s'/hook/done.*",
	    dir), 0);
	/* PATH, and what a shell makes itself. */
	ck_assert_int_eq(e2e_sh("grep -hE '^[A-Z_]+=' '%s'/hook/done.* | "
	    "grep -vqE '^(PATH|PWD|OLDPWD|SHLVL|_)='", dir), 1);
	/* The notifier has sockets and an epoll set; it does not. */
	ck_assert_int_eq(e2e_sh("grep -qx 'fds=0' '%s'/hook/done.*", dir), 0);
	ck_assert_int_eq(e2e_sh("sed -n 's/^group=\\([0-9]*\\) self=/\\1 /p' "
	    "'%s'/hook/done.* | { read -r a b; [ \"$a\" = \"$b\" ]; }", dir),
	    0);
	PQfinish(c);
}
END_TEST

/* It dies in mid-delivery: told again, and nothing else notices. */
START_TEST(notifier_killed)
{
	pid_t engine, parent, notifier;
	PGconn *c, *d;

	web_hook("");
	sh->answer = ANSWER_NEVER;
	parent = e2e_process("parent");
	engine = e2e_process("engine");
	d = e2e_session("dba", "notify-k2");
	c = e2e_session("reviewed", "notify-k");
	send_update(c, "k");
	ck_assert(E2E_UNTIL(10000, sh->n == 1));
	notifier = e2e_process("notifier");
	ck_assert_int_gt(notifier, 0);
	sh->answer = ANSWER_OK;
	kill(notifier, SIGKILL);
	ck_assert(E2E_UNTIL(20000, sh->n == 2));
	ck_assert_str_eq(sh->got[0].body, sh->got[1].body);
	ck_assert_int_ne(e2e_process("notifier"), notifier);
	ck_assert_int_eq(e2e_process("parent"), parent);
	ck_assert_int_eq(e2e_process("engine"), engine);
	free(e2e_value(d, "SELECT 1"));
	decide("approve", request_by("notify-k"), "");
	ck_assert(E2E_UNTIL(10000, sh->n == 4));
	finish(c);
	PQfinish(d);
}
END_TEST

/* The parent dies: what still waits is told of again, and says so. */
START_TEST(parent_killed)
{
	pid_t parent = e2e_process("parent");
	PGconn *c;

	web_hook("");
	c = e2e_session("reviewed", "notify-q");
	send_update(c, "q");
	ck_assert(E2E_UNTIL(10000, sh->n == 1));
	ck_assert(!says(0, "\"again\":true"));
	kill(parent, SIGKILL);
	ck_assert(E2E_UNTIL(20000, sh->n >= 2));
	ck_assert(says(1, "\"again\":true") && says(1, "notify-q"));
	PQfinish(c);
}
END_TEST

/* A secret that others may read, or a short one: the policy is refused. */
START_TEST(bad_secret)
{
	const char *policy = e2e_env("POLICY_FILE");
	const char *secrets = e2e_env("SECRETS_DIR");
	long before;
	size_t i;

	ck_assert_int_eq(e2e_sh("cp -p '%s/webhook' '%s/webhook2'", secrets,
	    secrets), 0);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(i == 0 ? e2e_sh("chmod 644 '%s/webhook2'",
		    secrets) : e2e_sh("chmod 600 '%s/webhook2' && echo short "
		    "> '%s/webhook2'", secrets, secrets), 0);
		before = e2e_audit_n("SELECT count(*) FROM events WHERE kind "
		    "= 'policy_reload'");
		ck_assert_int_eq(e2e_sh("sed -i '/^notify:/,$d' '%s' && echo "
		    "'notify: [{webhook: \"https://localhost:1/\", "
		    "secret_file: %s/webhook2}]' >> '%s'", policy, secrets,
		    policy), 0);
		kill(e2e_process("policyd"), SIGHUP);
		ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM "
		    "events WHERE kind = 'policy_reload'") > before));
		ck_assert_int_eq(e2e_audit_n("SELECT json_extract(body, "
		    "'$.error') LIKE '%%notify[0].secret_file%%%s%%' "
		    "FROM events WHERE kind = 'policy_reload' ORDER BY id "
		    "DESC LIMIT 1", i == 0 ? "group or others" : "shorter"),
		    1);
	}
	ck_assert_int_eq(e2e_sh("rm '%s/webhook2'", secrets), 0);
	web_hook("");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("notify");
	TCase *t = tcase_create("notify");

	tcase_set_timeout(t, 90);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, delivered);
	tcase_add_test(t, parameters_where_asked_for);
	tcase_add_test(t, again_after_500);
	tcase_add_test(t, again_after_refused);
	tcase_add_test(t, redirect);
	tcase_add_test(t, slow_server);
	tcase_add_test(t, command);
	tcase_add_test(t, notifier_killed);
	tcase_add_test(t, parent_killed);
	tcase_add_test(t, bad_secret);
	suite_add_tcase(s, t);
	return e2e_main(s);
}
