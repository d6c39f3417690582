/*
 * The page for approvers (policyctl serve): what it shows and does for somebody
 * who is logged in, and what it refuses.  tests/e2e/hold.yaml has the rules.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e2e.h"
#include "ev.h"
#include "held.h"
#include "ipc.h"
#include "page.h"
#include "unixsock.h"

static void
up(void)
{
	page_up("--listen 127.0.0.1:0");
}

static const char *
path_to(long n)
{
	static char path[64];

	snprintf(path, sizeof(path), "/request/%ld", n);
	return path;
}

static void
ran(PGconn *c)
{
	PGresult *r = answer(c);

	ck_assert_msg(strcmp(PQcmdStatus(r), "UPDATE 3") == 0, "%s",
	    PQresultErrorMessage(r));
	PQclear(r);
}

START_TEST(approves)
{
	PGconn *c = bot("page-a");
	long n;

	/* Nobody is logged in. */
	ck_assert_int_eq(page_get("anon", "/"), 303);
	ck_assert(page_header("Location: /login"));
	ck_assert(page_header("Content-Security-Policy: default-src 'none'"));
	ck_assert(page_header("X-Frame-Options: DENY"));
	ck_assert(page_header("Cache-Control: no-store"));
	page_login("boss", "approvers");
	ck_assert(page_header("Set-Cookie: __Host-postern="));
	ck_assert(page_header("Secure; HttpOnly; SameSite=Strict; Max-Age="));
	/* Mark-up in a text is text. */
	ck_assert_int_eq(PQsendQuery(c, "UPDATE orders SET status = 'held-a' "
	    "WHERE id <= 3 /* <script>\xe2\x80\xae */"), 1);
	n = wait_request("page-a");
	ck_assert_int_eq(page_get("boss", "/"), 200);
	ck_assert(page_said("page-a") && page_said(path_to(n)));
	ck_assert(page_said("&lt;script&gt;\\u{202e}"));
	ck_assert(!page_said("<script"));
	ck_assert_int_eq(page_get("boss", path_to(n)), 200);
	ck_assert(page_said("public.orders") && page_said("reviewed-updates"));
	ck_assert(!answered(c));
	ck_assert_int_eq(page_decide("boss", n, "approve"), 303);
	ran(c);
	/* By him, and by nobody else, once. */
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'approval_decision' AND json_extract(body, "
	    "'$.request') = %ld AND json_extract(body, '$.approver') = 'boss' "
	    "AND json_extract(body, '$.reason') = 'a b<c'", n) == 1));
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'control' AND body LIKE '%%show%%' AND body LIKE "
	    "'%%\\\"by\\\":\\\"boss\\\"%%'") >= 1));
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'control' AND body LIKE '%%eyJ%%'"), 0);
	/* The same form again; and another's. */
	ck_assert_int_eq(page_get("boss", "/"), 200);
	ck_assert(page_said("approved"));
	ck_assert_int_eq(page_ask("boss", path_to(n), "-H 'Origin: %s' -d "
	    "csrf=%s -d decision=approve", page_url, page_csrf()), 409);
	ck_assert(page_said("is approved"));
	page_login("boss2", "approvers");
	ck_assert_int_eq(page_get("boss2", path_to(n)), 200);
	ck_assert(page_said("You cannot decide about it: it is approved"));
	ck_assert_int_eq(rows("held-a"), 3);
	PQfinish(c);
}
END_TEST

START_TEST(denies)
{
	PGconn *c = bot("page-d");

	page_login("boss", "approvers");
	send_update(c, "d");
	ck_assert_int_eq(page_decide("boss", wait_request("page-d"), "deny"),
	    303);
	answer_is(c, "42501", "a b<c");
	/* Logged out is logged out, on the server's side too. */
	ck_assert_int_eq(page_get("boss", "/"), 200);
	ck_assert_int_eq(e2e_sh("cp %s/page.%d.boss %s/page.%d.thief",
	    e2e_env("STACK_DIR"), (int)getpid(), e2e_env("STACK_DIR"),
	    (int)getpid()), 0);
	ck_assert_int_eq(page_get("thief", "/"), 200);
	ck_assert_int_eq(page_ask("boss", "/logout", "-H 'Origin: %s' -d "
	    "csrf=%s", page_url, page_csrf()), 303);
	ck_assert_int_eq(page_get("thief", "/"), 303);
	PQfinish(c);
}
END_TEST

/* A form of the page with something wrong about it. */
static void
form(long n, int status, const char *csrf, const char *args)
{
	int got = page_ask("boss", path_to(n), "-d decision=approve %s%s %s",
	    csrf == NULL ? "" : "-d csrf=", csrf == NULL ? "" : csrf, args);

	ck_assert_msg(got == status, "%s %s: %d", csrf == NULL ? "-" : csrf,
	    args, got);
}

START_TEST(forms)
{
	PGconn *c = bot("page-f");
	char csrf[128], other[128], origin[128], args[512];
	long n;

	page_login("boss", "approvers");
	page_login("boss2", "approvers");
	send_update(c, "f");
	n = wait_request("page-f");
	ck_assert_int_eq(page_get("boss2", path_to(n)), 200);
	snprintf(other, sizeof(other), "%s", page_csrf());
	ck_assert_int_eq(page_get("boss", path_to(n)), 200);
	snprintf(csrf, sizeof(csrf), "%s", page_csrf());
	ck_assert_str_ne(csrf, other);
	snprintf(origin, sizeof(origin), "-H 'Origin: %s'", page_url);
	/* The token of the form. */
	form(n, 403, NULL, origin);
	form(n, 403, "", origin);
	form(n, 403, other, origin);
	ck_assert(page_said("not of your login"));
	/* Whence it came. */
	form(n, 403, csrf, "");
	form(n, 403, csrf, "-H 'Origin: null'");
	form(n, 403, csrf, "-H 'Origin: https://evil.example'");
	snprintf(args, sizeof(args), "%s -H 'Origin: https://evil.example'",
	    origin);
	form(n, 403, csrf, args);
	snprintf(args, sizeof(args), "%s -H 'Sec-Fetch-Site: cross-site'",
	    origin);
	form(n, 403, csrf, args);
	ck_assert(page_said("not one of ours"));
	/* For whom it is. */
	snprintf(args, sizeof(args), "%s -H 'Host: evil.example'", origin);
	form(n, 421, csrf, args);
	ck_assert(page_said("only."));
	snprintf(args, sizeof(args), "%s -H 'Host: localhost'", origin);
	form(n, 421, csrf, args);
	ck_assert_int_eq(page_ask("boss", "/", "-H 'Host: evil.example'"),
	    421);
	/* What is in it. */
	snprintf(args, sizeof(args), "%s -d decision=deny", origin);
	form(n, 400, csrf, args);
	snprintf(args, sizeof(args), "%s -d more=1", origin);
	form(n, 400, csrf, args);
	snprintf(args, sizeof(args), "%s -H 'Content-Type: text/plain'",
	    origin);
	form(n, 400, csrf, args);
	snprintf(args, sizeof(args), "%s -d reason=$(printf %%0600d 1)",
	    origin);
	form(n, 400, csrf, args);
	snprintf(args, sizeof(args), "%s -d reason=%%00", origin);
	form(n, 400, csrf, args);
	ck_assert_int_eq(page_ask("boss", path_to(n), "%s -d csrf=%s -d "
	    "decision=yes", origin, csrf), 403);
	/* How much. */
	ck_assert_int_eq(e2e_sh("head -c 300000 /dev/zero | tr '\\0' a "
	    ">%s/page.large", e2e_env("STACK_DIR")), 0);
	snprintf(args, sizeof(args), "%s --data-urlencode reason@%s/page.large", origin,
	    e2e_env("STACK_DIR"));
	form(n, 413, csrf, args);
	snprintf(args, sizeof(args), "%s --data-urlencode reason@%s/page.large -H "
	    "'Transfer-Encoding: chunked'", origin, e2e_env("STACK_DIR"));
	form(n, 413, csrf, args);
	ck_assert_int_eq(page_ask("boss", "/", "-H \"X: $(printf %%040000d "
	    "1)\""), 431);
	/* Other methods, other places. */
	ck_assert_int_eq(page_ask("boss", path_to(n), "-X DELETE"), 405);
	ck_assert_int_eq(page_get("boss", "/request/0"), 404);
	ck_assert_int_eq(page_get("boss", "/request/99999999999"), 404);
	ck_assert_int_eq(page_get("boss", "/request/1x"), 404);
	ck_assert_int_eq(page_ask("boss", "/../etc/passwd", "--path-as-is"),
	    404);
	ck_assert_int_eq(page_get("boss", path_to(n + 1000)), 404);
	/* By nobody; by a made-up cookie. */
	ck_assert_int_eq(page_ask("anon", path_to(n), "%s -d csrf=%s -d "
	    "decision=approve", origin, csrf), 403);
	ck_assert(page_said("login has expired"));
	ck_assert_int_eq(page_ask("anon2", path_to(n), "%s -d csrf=%s -d "
	    "decision=approve -b __Host-postern=%064d", origin, csrf, 1),
	    403);
	/* The form of the login has its own. */
	ck_assert_int_eq(page_ask("anon", "/login", "%s -d token=x", origin),
	    403);
	/* After all that it waits, and the right form is taken. */
	ck_assert(!answered(c));
	ck_assert_int_eq(open_request("page-f"), n);
	form(n, 303, csrf, origin);
	ran(c);
	PQfinish(c);
}
END_TEST

/* The session ends with the token. */
START_TEST(expired)
{
	PGconn *c = bot("page-e");
	char *token = e2e_stack("token --dir %s --sub brief --group approvers "
	    "--ttl 4", e2e_env("STACK_DIR"));
	char csrf[128];
	long n;

	send_update(c, "e");
	n = wait_request("page-e");
	ck_assert_int_eq(page_login_by("brief", token), 303);
	ck_assert_int_eq(page_get("brief", path_to(n)), 200);
	snprintf(csrf, sizeof(csrf), "%s", page_csrf());
	/* curl would forget the cookie by itself. */
	ck_assert_int_eq(e2e_sh("sed -i 's/\tTRUE\t[0-9]*\t__Host/"
	    "\tTRUE\t0\t__Host/' %s/page.%d.brief", e2e_env("STACK_DIR"),
	    (int)getpid()), 0);
	ck_assert(E2E_UNTIL(10000, page_get("brief", "/") == 303));
	ck_assert_int_eq(page_ask("brief", path_to(n), "-H 'Origin: %s' -d "
	    "csrf=%s -d decision=approve", page_url, csrf), 403);
	ck_assert(page_said("login has expired"));
	ck_assert_int_eq(page_login_by("brief", token), 403);
	ck_assert(!answered(c));
	ck_assert_int_eq(open_request("page-e"), n);
	free(token);
	PQfinish(c);
}
END_TEST

/* Who sees what. */
START_TEST(people)
{
	PGconn *c, *d = careful("page-w");
	char *token;
	long n, m;

	ck_assert_int_eq(page_login_by("nobody", "garbage"), 403);
	ck_assert(page_said("the token is refused"));
	token = e2e_token("nobody", "analysts");
	ck_assert_int_eq(page_login_by("nobody", token), 403);
	ck_assert(page_said("no group that approves"));
	free(token);
	ck_assert_int_eq(page_get("nobody", "/"), 303);
	token = e2e_stack("token --dir %s --sub agent --group approvers "
	    "--claim '{\"act\":{\"sub\":\"boss\"}}'", e2e_env("STACK_DIR"));
	ck_assert_int_eq(page_login_by("agent", token), 403);
	ck_assert(page_said("acts for another"));
	free(token);
	/* His own, though he is in the group. */
	c = bot("page-o");
	send_update(c, "o");
	n = wait_request("page-o");
	page_login("page-o", "approvers");
	ck_assert_int_eq(page_get("page-o", path_to(n)), 200);
	ck_assert(page_said("your own") && !page_said(">Approve<"));
	ck_assert_int_eq(page_decide("page-o", n, "approve"), 409);
	/* What is another group's is not there. */
	page_login("owner", "owners");
	ck_assert_int_eq(page_get("owner", "/"), 200);
	ck_assert(!page_said("page-o"));
	ck_assert_int_eq(page_get("owner", path_to(n)), 404);
	send_update(d, "w");
	m = wait_request("page-w");
	ck_assert_int_eq(page_decide("owner", m, "approve"), 303);
	ck_assert_int_eq(page_decide("owner", m, "approve"), 409);
	ck_assert(page_said("decided by you already"));
	ck_assert_int_eq(page_decide("page-o", m, "approve"), 303);
	ran(d);
	ck_assert(!answered(c));
	PQfinish(c);
	PQfinish(d);
}
END_TEST

/* --- what the page itself may do ----------------------------------------------------- */

struct asked {
	struct ev_loop	*loop;
	int		 code, rows;
};

static int
on_row(void *ctx, const void *msg, int *fds)
{
	struct asked *a = ctx;

	(void)msg;
	(void)fds;
	a->rows++;
	return 0;
}

static int
on_end(void *ctx, const void *msg, int *fds)
{
	struct asked *a = ctx;

	(void)fds;
	a->code = (int)((const struct ipc_ctl_end *)msg)->code;
	ev_stop(a->loop);
	return 0;
}

static void
on_closed(void *ctx, const char *reason)
{
	ck_abort_msg("%s %p", reason, ctx);
}

static const struct ipc_permit permits[] = {
	{ IPC_ctl_row, ~0u, on_row },
	{ IPC_ctl_end, ~0u, on_end }
};

static struct asked
ask(struct ipc *ipc, struct asked *a, const char *verb, const char *args)
{
	struct ipc_ctl_request m = { .id = 1, .verb = slice_str(verb),
	    .args = slice_str(args) };

	a->rows = 0;
	a->code = -1;
	ck_assert_int_eq(ipc_send(ipc, IPC_ctl_request, &m, NULL, 0), 0);
	ev_run(a->loop);
	return *a;
}

/* Taken over, it has its connection and no more: nothing without a token. */
START_TEST(powerless)
{
	static const char *const verbs[] = { "status", "sessions", "kill",
	    "sweep", "explain", "masks", "access", "grants", "leases",
	    "grant", "revoke", "page", "requests", "show", "decide",
	    "whoami" };
	PGconn *c = bot("page-t");
	struct asked a = { ev_loop_new(), 0, 0 };
	struct ipc *ipc;
	char args[256], cmd[256];
	size_t i;
	long n;

	send_update(c, "t");
	n = wait_request("page-t");
	ipc = ipc_new(a.loop, unix_connect(e2e_env("POLICYD_SOCK")), ROLE_CTL,
	    ROLE_PARENT, permits, sizeof(permits) / sizeof(permits[0]),
	    on_closed, &a);
	ck_assert_ptr_nonnull(ipc);
	snprintf(args, sizeof(args), "{\"request\":%ld,\"approve\":true,"
	    "\"subject\":\"x\",\"profile\":\"nightly-bot\","
	    "\"database\":\"shop\",\"sql\":\"SELECT 1\"}", n);
	ck_assert_int_eq(ask(ipc, &a, "status", "{}").code, 0);
	ck_assert_int_eq(ask(ipc, &a, "page", "{}").code, 0);
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		ask(ipc, &a, verbs[i], args);
		ck_assert_msg(a.code == 1 && a.rows == 0, "%s: %d",
		    verbs[i], a.code);
	}
	ipc_free(&ipc);
	ev_loop_free(&a.loop);
	ck_assert(!answered(c));
	/* Another user's process, if we are root. */
	if (geteuid() != 0)
		printf("SKIPPED: the page's user: not root\n");
	else {
		snprintf(cmd, sizeof(cmd), "test \"$(ps -o user:32= %d)\" = "
		    "_policyd_page", (int)page_process());
		ck_assert_int_eq(e2e_sh("%s", cmd), 0);
	}
	PQfinish(c);
}
END_TEST

/* policyd dies and comes back: who is logged in goes on. */
START_TEST(policyd_dies)
{
	PGconn *c = bot("page-k");
	pid_t parent = e2e_process("parent");
	long n;

	page_login("boss", "approvers");
	send_update(c, "k");
	n = wait_request("page-k");
	kill(parent, SIGKILL);
	ck_assert(E2E_UNTIL(10000, e2e_process("parent") != 0 &&
	    e2e_process("parent") != parent));
	ck_assert(E2E_UNTIL(10000, page_get("boss", path_to(n)) == 200));
	ck_assert(E2E_UNTIL(10000, page_decide("boss", n, "approve") == 303));
	ran(c);
	PQfinish(c);
}
END_TEST

/* Behind a proxy: a Unix socket, of one user. */
START_TEST(unix_socket)
{
	char args[512], via[256];
	int status;

	snprintf(via, sizeof(via), "--unix-socket %s/page.%d.sock",
	    e2e_env("STACK_DIR"), (int)getpid());
	page_down();
	snprintf(args, sizeof(args), "--unix %s --origin "
	    "https://approve.example", via + strlen("--unix-socket "));
	page_up(args);
	ck_assert_str_eq(page_url, "https://approve.example");
	snprintf(page_url, sizeof(page_url), "http://localhost");
	ck_assert_int_eq(page_ask("anon", "/login", "%s", via), 421);
	ck_assert_int_eq(page_ask("anon", "/login", "%s -H 'Host: "
	    "approve.example'", via), 200);
	page_down();
	if (geteuid() != 0) {
		printf("SKIPPED: another user's socket: not root\n");
		up();
		return;
	}
	snprintf(args, sizeof(args), "--unix %s --peer nobody --origin "
	    "https://approve.example", via + strlen("--unix-socket "));
	page_up(args);
	snprintf(page_url, sizeof(page_url), "http://localhost");
	status = page_ask("anon", "/login", "%s -H 'Host: approve.example'",
	    via);
	ck_assert_int_eq(status, 403);
	ck_assert(page_said("another user"));
}
END_TEST

/* --- by an issuer ------------------------------------------------------------------------ */

static pid_t	issuer_pid;
static char	conf[600];

/* An issuer, and a policy for policyctl that names it. */
static void
issuer_up(const char *mode)
{
	char path[512], url[128] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/issuer.%d", e2e_env("STACK_DIR"),
	    (int)getpid());
	unlink(path);
	ck_assert_int_ne(issuer_pid = fork(), -1);
	if (issuer_pid == 0) {
		execlp("python3", "python3", "tests/e2e/issuer.py", path,
		    e2e_env("STACK_DIR"), mode, (char *)NULL);
		_exit(127);
	}
	ck_assert(E2E_UNTIL(10000, (f = fopen(path, "r")) != NULL &&
	    (page_line(f, url, sizeof(url)), fclose(f), url[0] != '\0')));
	snprintf(conf, sizeof(conf), "%s.yaml", path);
	ck_assert_int_eq(e2e_sh("sed 's|^    issuer: .*|    issuer: %s\\n"
	    "    allow_http_loopback: true|' %s >%s", url,
	    e2e_env("POLICY_FILE"), conf), 0);
}

static void
issuer_down(void)
{
	kill(issuer_pid, SIGTERM);
}

#define LOGIN	"--issuer corp --client-id 'the page' --resource urn:postern"

static void
up_with(const char *mode)
{
	char args[1024];

	issuer_up(mode);
	page_down();
	snprintf(args, sizeof(args), "--listen 127.0.0.1:0 -f %s " LOGIN,
	    conf);
	page_up(args);
}

START_TEST(code_flow)
{
	PGconn *c = bot("page-c");

	up_with("good");
	ck_assert_int_eq(page_get("boss", "/login"), 200);
	ck_assert(page_said("Log in with corp"));
	/* As the browser goes: to the issuer, and back. */
	ck_assert_int_eq(page_ask("boss", "/oidc", "-L"), 200);
	ck_assert(page_said("You are logged in."));
	ck_assert_int_eq(page_get("boss", "/"), 200);
	send_update(c, "c");
	ck_assert_int_eq(page_decide("boss", wait_request("page-c"),
	    "approve"), 303);
	ran(c);
	/* The issuer's answer again, and somebody else's. */
	ck_assert_int_eq(page_get("other", "/callback?code=c%%26de&state="
	    "0000000000000000000000000000000000000000000000000000000000000000"), 403);
	ck_assert(page_said("not to a login that was begun here"));
	ck_assert_int_eq(page_get("other", "/"), 303);
	issuer_down();
	PQfinish(c);
}
END_TEST

START_TEST(code_flow_refused)
{
	static const char *const modes[][2] = {
	    { "nonce", "the nonce does not fit" },
	    { "state", "not to a login that was begun here" },
	    { "denied", "did not log you in" } };

	up_with(modes[_i][0]);
	ck_assert_int_eq(page_ask("boss", "/oidc", "-L"), 403);
	ck_assert_msg(page_said(modes[_i][1]), "%s", modes[_i][0]);
	ck_assert_int_eq(page_get("boss", "/"), 303);
	issuer_down();
}
END_TEST

static int
by_device(long n)
{
	return e2e_sh("%s/policyctl -f %s -s %s approve %ld --device " LOGIN
	    " 2>%s/device.err", e2e_env("POSTERN_BIN"), conf,
	    e2e_env("POLICYD_SOCK"), n, e2e_env("STACK_DIR"));
}

static bool
device_said(const char *text)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/device.err", e2e_env("STACK_DIR"));
	return e2e_file_has(path, text);
}

START_TEST(device_flow)
{
	PGconn *c = bot("page-v");
	long n;

	send_update(c, "v");
	n = wait_request("page-v");
	issuer_up("denied");
	ck_assert_int_eq(by_device(n), 1);
	ck_assert(device_said("the issuer refuses: access_denied"));
	issuer_down();
	ck_assert(!answered(c));
	issuer_up("good");
	ck_assert_int_eq(by_device(n), 0);
	ck_assert(device_said("/enter") && device_said("enter ABCD-EFGH"));
	ran(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'approval_decision' AND json_extract(body, "
	    "'$.request') = %ld AND json_extract(body, '$.approver') = "
	    "'boss'", n) == 1));
	issuer_down();
	PQfinish(c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("page");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, up, page_down);
	tcase_add_test(tc, approves);
	tcase_add_test(tc, denies);
	tcase_add_test(tc, forms);
	tcase_add_test(tc, expired);
	tcase_add_test(tc, people);
	tcase_add_test(tc, powerless);
	tcase_add_test(tc, policyd_dies);
	tcase_add_test(tc, unix_socket);
	tcase_add_test(tc, code_flow);
	tcase_add_loop_test(tc, code_flow_refused, 0, 3);
	tcase_add_test(tc, device_flow);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
