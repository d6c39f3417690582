/*
 * gatewayd's master in trouble: a second one beside it, and no descriptors
 * left.
 */
#include "e2e.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "raw.h"

static int
lines_with(const char *file, const char *text)
{
	char cmd[1024];
	int n = -1;
	FILE *f;

	snprintf(cmd, sizeof cmd, "grep -c '%s' %s/%s", text,
	    e2e_env("STACK_DIR"), file);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

/* --- two of them -------------------------------------------------------------- */

static int
free_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof sin;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	close(fd);
	return ntohs(sin.sin_port);
}

/* A gatewayd of the same configuration but for its addresses; its log's name. */
static pid_t
second_start(int port)
{
	char bin[600], conf[600], log[600];
	const char *dir = e2e_env("STACK_DIR");
	pid_t pid;
	int fd;

	ck_assert_int_eq(e2e_sh("sed -e 's/%s/%d/' -e 's/:%s/:%d/' -e "
	    "'s/gatewayd\\.sock/second.sock/' %s > %s/second.yaml",
	    e2e_env("GW_PORT"), port, e2e_env("GW_SHARED_PORT"), free_port(),
	    e2e_env("GATEWAYD_FILE"), dir), 0);
	snprintf(bin, sizeof bin, "%s/gatewayd", e2e_env("POSTERN_BIN"));
	snprintf(conf, sizeof conf, "%s/second.yaml", dir);
	snprintf(log, sizeof log, "%s/second.log", dir);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execl(bin, "gatewayd", "-d", "-f", conf, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static bool
second_lets_in(int port, const char *token)
{
	char number[16];
	const char *keys[] = { "host", "port", "dbname", "user", "password",
	    "sslmode", "sslrootcert", "connect_timeout", NULL };
	const char *values[] = { e2e_env("GW_HOST"), number, e2e_env("GW_DB"),
	    "dba", token, "verify-full", e2e_env("GW_CA"), "10", NULL };
	PGconn *c;
	bool in;

	snprintf(number, sizeof number, "%d", port);
	c = PQconnectdbParams(keys, values, 0);
	in = PQstatus(c) == CONNECTION_OK;
	PQfinish(c);
	return in;
}

START_TEST(second_waits)
{
	char path[600], *token = e2e_token("master-second", "dba");
	PGconn *c = e2e_session("dba", "master-first");
	int port = free_port(), status;
	pid_t pid = second_start(port);

	snprintf(path, sizeof path, "%s/second.log", e2e_env("STACK_DIR"));
	ck_assert_msg(E2E_UNTIL(10000, e2e_file_has(path,
	    "event=policyd_refused")), "the second was not refused");
	/* It tries again, and the first's sessions do not notice. */
	e2e_pause(1500);
	free(e2e_value(c, "SELECT 1"));
	PQfinish(e2e_session("dba", "master-first"));
	PQfinish(e2e_session_shared("dba", "master-first"));
	ck_assert_int_eq(lines_with("second.log", "event=policyd_refused"), 1);
	ck_assert_int_eq(lines_with("second.log", "event=policyd_lost"), 0);
	ck_assert_int_eq(lines_with("policyd.log", "event=master_refused"), 1);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM sessions WHERE "
	    "subject = 'master-first' AND closed IS NOT NULL AND "
	    "reason LIKE '%%gateway%%'"), 0);

	/* The first is gone: the second's turn. */
	free(e2e_stack("kill --dir %s gatewayd", e2e_env("STACK_DIR")));
	ck_assert_msg(E2E_UNTIL(20000, second_lets_in(port, token)),
	    "the second does not take over");
	ck_assert(E2E_UNTIL(5000, e2e_file_has(path,
	    "event=policyd_connected")));
	PQfinish(c);

	kill(pid, SIGTERM);
	ck_assert(E2E_UNTIL(15000, waitpid(pid, &status, WNOHANG) == pid));
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	free(e2e_stack("start --dir %s gatewayd", e2e_env("STACK_DIR")));
	ck_assert(E2E_UNTIL(20000, ({
		PGconn *again = e2e_try("dba", token, false);
		bool in = PQstatus(again) == CONNECTION_OK;

		PQfinish(again);
		in;
	})));
	free(token);
}
END_TEST

/* --- no descriptors ------------------------------------------------------------ */

#define SPARE	4	/* workers.spare of the stack */

/* The limit that leaves the process `room` more; -1: only root may look. */
static int
limit_for(pid_t pid, int room)
{
	char path[64];
	int n;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	if (access(path, R_OK | X_OK) == -1)
		return -1;
	for (n = 0; room >= 0; n++) {
		snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, n);
		if (readlink(path, (char[1]){ 0 }, 1) == -1)
			room--;
	}
	return n - 1;
}

/* Of the first listener: nobody but the spare workers is there. */
static bool
only_spare(void)
{
	return e2e_sh("%s/gatewayctl -s %s --json status | grep 'listen.*"
	    "\"session\".*true' | grep -q '\"idle\":%d,\"busy\":0,'",
	    e2e_env("POSTERN_BIN"), e2e_env("GATEWAYD_SOCK"), SPARE) == 0;
}

/* With no descriptor left the master can neither fork nor be asked. */
static void
out_of_fds(rlim_t limit)
{
	const char *dir = e2e_env("STACK_DIR");
	pid_t master = e2e_process("gatewayd");
	struct raw *r[SPARE];
	PGconn *c[SPARE];
	struct rlimit none, old;
	char path[600];
	int i, lines;

	snprintf(path, sizeof path, "%s/fds.out", dir);
	ck_assert_int_eq(prlimit(master, RLIMIT_NOFILE, NULL, &old), 0);
	none = old;
	none.rlim_cur = limit;
	ck_assert_int_eq(prlimit(master, RLIMIT_NOFILE, &none, NULL), 0);
	lines = lines_with("gatewayd.log", "_failed");
	/* No more than there are spare workers: what is forked stays spare. */
	for (i = 0; i < SPARE; i++)
		r[i] = raw_tcp(false);
	ck_assert_int_eq(e2e_sh("%s/gatewayctl -s %s --json status > %s 2>&1 "
	    "</dev/null &", e2e_env("POSTERN_BIN"), e2e_env("GATEWAYD_SOCK"),
	    path), 0);
	ck_assert_msg(E2E_UNTIL(10000, lines_with("gatewayd.log", "_failed") >
	    lines), "limit %d: nothing failed", (int)limit);
	e2e_pause(500);
	/* It waits, and does not spin. */
	ck_assert_int_lt(lines_with("gatewayd.log", "_failed") - lines, 200);
	ck_assert_int_eq(prlimit(master, RLIMIT_NOFILE, &old, NULL), 0);
	for (i = 0; i < SPARE; i++)
		raw_free(&r[i]);
	for (i = 0; i < SPARE; i++)
		c[i] = e2e_session("dba", "master-fds");
	for (i = 0; i < SPARE; i++) {
		free(e2e_value(c[i], "SELECT 1"));
		PQfinish(c[i]);
	}
	ck_assert_msg(E2E_UNTIL(10000, e2e_file_has(path, "running")),
	    "the control socket does not come back");
	ck_assert_int_eq(e2e_process("gatewayd"), master);
}

START_TEST(no_descriptors)
{
	int limit, room;

	out_of_fds(4);
	for (room = 1; room < 6; room++) {
		ck_assert(E2E_UNTIL(10000, only_spare()));
		limit = limit_for(e2e_process("gatewayd"), room);
		if (limit == -1) {
			printf("SKIPPED: a part that only root can do\n");
			return;
		}
		out_of_fds((rlim_t)limit);
	}
}
END_TEST

/* A login of its own process, which ends with 0 when it was let in. */
static pid_t
login_start(const char *token)
{
	PGconn *c;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	c = e2e_try("dba", token, false);
	if (PQstatus(c) != CONNECTION_OK)
		fprintf(stderr, "%s", PQerrorMessage(c));
	_exit(PQstatus(c) == CONNECTION_OK ? 0 : 1);
}

/* policyd is back, and the master cannot give its workers new channels. */
START_TEST(policyd_restarts)
{
	pid_t master = e2e_process("gatewayd");
	PGconn *c = e2e_session("dba", "master-channel");
	char *token = e2e_token("master-channel", "dba");
	struct rlimit none, old;
	int limit, lines, status;
	pid_t login;

	limit = limit_for(master, 1);
	if (limit == -1) {
		printf("SKIPPED: only root can do this\n");
		PQfinish(c);
		free(token);
		return;
	}
	ck_assert(E2E_UNTIL(10000, e2e_sh("%s/gatewayctl -s %s --json status | "
	    "grep 'listen.*\"session\".*true' | grep -q '\"idle\":%d,'",
	    e2e_env("POSTERN_BIN"), e2e_env("GATEWAYD_SOCK"), SPARE) == 0));
	lines = lines_with("gatewayd.log", "event=policyd_connected");
	ck_assert_int_eq(prlimit(master, RLIMIT_NOFILE, NULL, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)limit_for(master, 1);
	ck_assert_int_eq(prlimit(master, RLIMIT_NOFILE, &none, NULL), 0);
	free(e2e_stack("kill --dir %s policyd", e2e_env("STACK_DIR")));
	free(e2e_stack("start --dir %s policyd", e2e_env("STACK_DIR")));
	ck_assert(E2E_UNTIL(15000, lines_with("gatewayd.log",
	    "event=policyd_connected") > lines));
	ck_assert(E2E_UNTIL(10000, lines_with("gatewayd.log",
	    "event=worker_attach_failed") > 0));
	/* Who comes now waits for his worker's channel. */
	login = login_start(token);
	e2e_pause(500);
	ck_assert_int_eq(prlimit(master, RLIMIT_NOFILE, &old, NULL), 0);
	ck_assert_int_eq(waitpid(login, &status, 0), login);
	ck_assert_int_eq(status, 0);
	free(token);
	/* Nobody took the session's worker for dead. */
	free(e2e_value(c, "SELECT 1"));
	PQfinish(c);
	PQfinish(e2e_session("dba", "master-channel"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master");
	TCase *tc = tcase_create("master");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, no_descriptors);
	tcase_add_test(tc, policyd_restarts);
	tcase_add_test(tc, second_waits);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
