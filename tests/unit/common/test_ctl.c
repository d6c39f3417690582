/*
 * ctl: a call against a stub daemon in a child process; its code, its rows,
 * what happens when it is not there or goes away; and the printing of rows.
 */
#include "ctl.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ev.h"
#include "ipc.h"
#include "log.h"
#include "unixsock.h"
#include "tests/unit/tmpname.h"

static char	dir[100];
static char	sock[128], out[128], errfile[128];

/* --- the stub --------------------------------------------------------------- */

static struct ipc	*stub_ipc;
static struct ev_loop	*stub_loop;

/* The verb says what to do; the arguments come back as the first row. */
static int
stub_request(void *ctx, const void *msg, int *fds)
{
	const struct ipc_ctl_request	*m = msg;
	struct ipc_ctl_row		 row = { .id = m->id };
	struct ipc_ctl_end		 end = { .id = m->id };

	(void)ctx;
	(void)fds;
	row.json = m->args;
	ipc_send(stub_ipc, IPC_ctl_row, &row, NULL, 0);
	row.json = slice_str("{\"b\":\"x\\u001b[1m\",\"a\":2}");
	ipc_send(stub_ipc, IPC_ctl_row, &row, NULL, 0);
	if (slice_eq(m->verb, "vanish"))
		_exit(0);
	if (slice_eq(m->verb, "fail")) {
		end.code = 3;
		end.message = slice_str("no such\nsession");
	}
	ipc_send(stub_ipc, IPC_ctl_end, &end, NULL, 0);
	return 0;
}

static void
stub_closed(void *ctx, const char *reason)
{
	(void)ctx;
	(void)reason;
	_exit(0);
}

static const struct ipc_permit stub_permits[] = {
	{ IPC_ctl_request, ~0u, stub_request }
};

static void
stub_accept(void *ctx, int what)
{
	int	 fd = unix_accept(*(int *)ctx);

	(void)what;
	if (fd != -1)
		stub_ipc = ipc_new(stub_loop, fd, ROLE_AUDITD, ROLE_CTL,
		    stub_permits, 1, stub_closed, NULL);
}

static pid_t
stub(void)
{
	pid_t	 pid;
	int	 fd;

	fd = unix_listen(sock, (uid_t)-1);
	ck_assert_int_ne(fd, -1);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		alarm(20);
		stub_loop = ev_loop_new();
		ev_io_new(stub_loop, fd, EV_IN, stub_accept, &fd);
		ev_run(stub_loop);
		_exit(0);
	}
	close(fd);
	return pid;
}

/* --- calls -------------------------------------------------------------------- */

static char	rows[1024];

static void
keep_row(void *ctx, const char *json)
{
	ck_assert_ptr_eq(ctx, rows);
	strncat(rows, json, sizeof(rows) - strlen(rows) - 1);
	strncat(rows, "\n", sizeof(rows) - strlen(rows) - 1);
}

/* What it says on standard error ends in errfile. */
static int
call(const char *verb)
{
	int	 saved = dup(STDERR_FILENO), code;

	rows[0] = '\0';
	fflush(NULL);
	ck_assert_ptr_nonnull(freopen(errfile, "w", stderr));
	code = ctl_call(sock, ROLE_AUDITD, verb, "{\"a\":1}", keep_row, rows);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	return code;
}

static const char *
slurp(const char *path)
{
	static char	 text[4096];
	FILE		*fp = fopen(path, "r");
	size_t		 n;

	ck_assert_ptr_nonnull(fp);
	n = fread(text, 1, sizeof(text) - 1, fp);
	text[n] = '\0';
	fclose(fp);
	return text;
}

START_TEST(test_call)
{
	pid_t	 pid = stub();

	ck_assert_int_eq(call("log"), 0);
	ck_assert_str_eq(rows,
	    "{\"a\":1}\n{\"b\":\"x\\u001b[1m\",\"a\":2}\n");
	ck_assert_str_eq(slurp(errfile), "");
	waitpid(pid, NULL, 0);
}
END_TEST

START_TEST(test_code)
{
	pid_t	 pid = stub();

	ck_assert_int_eq(call("fail"), 3);
	ck_assert_ptr_nonnull(strstr(slurp(errfile), "no such?session\n"));
	waitpid(pid, NULL, 0);
}
END_TEST

START_TEST(test_vanish)
{
	pid_t	 pid = stub();

	ck_assert_int_eq(call("vanish"), 2);
	ck_assert_ptr_nonnull(strstr(slurp(errfile), sock));
	waitpid(pid, NULL, 0);
}
END_TEST

START_TEST(test_absent)
{
	unlink(sock);
	ck_assert_int_eq(call("log"), 2);
	ck_assert_ptr_nonnull(strstr(slurp(errfile),
	    "No such file or directory"));
}
END_TEST

/* --- tables --------------------------------------------------------------------- */

static const char *
table(const char *columns, bool json, const char *const *r, size_t n)
{
	int			 saved = dup(STDOUT_FILENO);
	struct ctl_table	*t;
	size_t			 i;

	fflush(NULL);
	ck_assert_ptr_nonnull(freopen(out, "w", stdout));
	t = ctl_table_new(columns, json);
	for (i = 0; i < n; i++)
		ctl_table_row(t, r[i]);
	ctl_table_end(&t);
	ck_assert_ptr_null(t);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	return slurp(out);
}

START_TEST(test_table)
{
	static const char *const r[] = {
	    "{\"id\":\"caf\xc3\xa9\",\"n\":12,\"text\":\"a\\nb\\u001b[0m\\\\\"}",
	    "{\"id\":\"x\",\"n\":null,\"text\":\"\"}",
	    "{\"id\":\"longer\",\"n\":[1,{\"k\":true}],\"text\":\"\\u009b\"}" };

	ck_assert_str_eq(table("id,n,text", false, r, 3),
	    "id      n               text\n"
	    "caf\xc3\xa9    12              a\\nb\\x1b[0m\\\\\n"
	    "x       -               -\n"
	    "longer  [1,{\"k\":true}]  \\u009b\n");
	ck_assert_str_eq(table("id", false, NULL, 0), "id\n");
	ck_assert_str_eq(table("id", true, r + 1, 1),
	    "{\"id\":\"x\",\"n\":null,\"text\":\"\"}\n");
}
END_TEST

/* More rows than are held back. */
START_TEST(test_many)
{
	static const char	*r[2500];
	const char		*text;
	size_t			 i;

	for (i = 0; i < 2500; i++)
		r[i] = "{\"a\":1}";
	text = table("a", false, r, 2500);
	ck_assert_int_eq(strncmp(text, "a\n1\n1\n", 6), 0);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("ctl");
	TCase	*tc = tcase_create("ctl");
	SRunner	*sr;
	int	 failed;

	TMPNAME(dir, "test_ctl");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(sock, sizeof(sock), "%s/sock", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	snprintf(errfile, sizeof(errfile), "%s/err", dir);
	tcase_add_test(tc, test_call);
	tcase_add_test(tc, test_code);
	tcase_add_test(tc, test_vanish);
	tcase_add_test(tc, test_absent);
	tcase_add_test(tc, test_table);
	tcase_add_test(tc, test_many);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_fork_status(sr, CK_NOFORK);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	unlink(sock);
	unlink(out);
	unlink(errfile);
	rmdir(dir);
	return failed == 0 ? 0 : 1;
}
