/*
 * The store that cannot be written: no room, read only, damaged, taken.
 * Nothing passes meanwhile, auditd says what is wrong, and goes on by itself
 * when it is not so any more.  A limit on the size of its files stands for a
 * disk that is full: every write that makes a file longer fails, as there.  For
 * one that is broken auditd is linked with calls that fail (failing.c).
 */
#include "e2e.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Does auditctl status say so? */
static bool
recording(const char *state)
{
	return e2e_sh("%s/auditctl -s %s status --json 2>/dev/null | "
	    "grep -q '\"recording\": *\"%s\"'", e2e_env("POSTERN_BIN"),
	    e2e_env("AUDITD_SOCK"), state) == 0;
}

static bool
logged(const char *text)
{
	char path[1024];

	snprintf(path, sizeof path, "%s/auditd.log", e2e_env("STACK_DIR"));
	return e2e_file_has(path, text);
}

static int
verify(void)
{
	return e2e_sh("%s/auditctl -f %s verify --key %s >%s/verify.out 2>&1",
	    e2e_env("POSTERN_BIN"), e2e_env("AUDITD_FILE"),
	    e2e_env("AUDIT_KEY"), e2e_env("STACK_DIR"));
}

/* As its own user: root may lack the right to change another's limits. */
static void
file_limit(pid_t pid, const char *soft)
{
	ck_assert_int_eq(e2e_sh("u=$(ps -o uid= -p %d | tr -d ' '); "
	    "[ \"$u\" = \"$(id -u)\" ] || as=\"setpriv --reuid $u --regid "
	    "$(ps -o gid= -p %d | tr -d ' ') --clear-groups\"; "
	    "$as prlimit --pid %d --fsize=%s:", (int)pid, (int)pid, (int)pid,
	    soft), 0);
}

static bool
answered(PGconn *c)
{
	ck_assert_msg(PQconsumeInput(c) == 1, "%s", PQerrorMessage(c));
	return !PQisBusy(c);
}

/* Nobody new gets in, and the reason names the record. */
static void
no_login(void)
{
	char *token = e2e_token("store-new", "dba");
	PGconn *other = e2e_try("dba", token, false);

	ck_assert_int_eq(PQstatus(other), CONNECTION_BAD);
	ck_assert_msg(strstr(PQerrorMessage(other), "audit") != NULL, "%s",
	    PQerrorMessage(other));
	PQfinish(other);
	free(token);
}

static int
rows(PGconn *direct)
{
	char *v = e2e_value(direct, "SELECT count(*) FROM store_full");
	int n = atoi(v);

	free(v);
	return n;
}

/*
 * A statement of c, while `spoil` has the store fail until `mend`: it is not
 * executed, and is when the store can be written again.
 */
static void
waits(PGconn *c, PGconn *direct, void (*spoil)(void), void (*mend)(void),
    const char *why)
{
	int before = rows(direct);
	PGresult *r;

	spoil();
	ck_assert_int_eq(PQsendQuery(c, "INSERT INTO store_full VALUES (1)"),
	    1);
	ck_assert_msg(E2E_UNTIL(20000, recording("stopped")),
	    "auditctl status does not say that it stopped");
	ck_assert_msg(E2E_UNTIL(10000, e2e_sh("%s/auditctl -s %s status --json 2>&1 | "
	    "grep -q '%s'", e2e_env("POSTERN_BIN"), e2e_env("AUDITD_SOCK"),
	    why) == 0), "auditctl status does not say why: %s", why);
	no_login();
	ck_assert_int_eq(rows(direct), before);
	ck_assert_msg(!answered(c), "answered without a record");
	mend();
	ck_assert_msg(E2E_UNTIL(60000, answered(c)), "it does not go on");
	r = PQgetResult(c);
	ck_assert_msg(strcmp(PQcmdTuples(r), "1") == 0, "%s",
	    PQresultErrorMessage(r));
	PQclear(r);
	ck_assert_ptr_null(PQgetResult(c));
	ck_assert(E2E_UNTIL(20000, recording("on")));
	ck_assert_int_eq(rows(direct), before + 1);
}

/* All that was inserted by this subject is in the record. */
static void
has_inserts(const char *subject, int n)
{
	ck_assert(E2E_UNTIL(20000, e2e_audit_n("SELECT count(*) FROM "
	    "statements WHERE subject = '%s' AND text LIKE 'INSERT%%' "
	    "AND status = 'ok'", subject) == n));
	ck_assert_int_eq(verify(), 0);
}

/* The WAL is longer than this by now, the log is not. */
static void
fill_disk(void)
{
	file_limit(e2e_process("auditd"), "65536");
}

static void
free_disk(void)
{
	file_limit(e2e_process("auditd"), "unlimited");
}

START_TEST(no_room)
{
	PGconn *c = e2e_session("dba", "store-full");
	PGconn *d = e2e_direct();

	free(e2e_value(c, "CREATE TABLE store_full (n int)"));
	waits(c, d, fill_disk, free_disk, "disk is full\\|disk I/O error");
	ck_assert(logged("recording=stopped"));
	free(e2e_value(c, "DROP TABLE store_full"));
	PQfinish(c);
	PQfinish(d);
	has_inserts("store-full", 1);
}
END_TEST

/* An auditd on another socket, beside or instead of the stack's, must end. */
static void
must_not_start(const char *why)
{
	int rc = e2e_sh("sed 's/auditd\\.sock/other.sock/' %s > %s/other.yaml && "
	    "timeout 20 %s/auditd -d -f %s/other.yaml >%s/start.out 2>&1",
	    e2e_env("AUDITD_FILE"), e2e_env("STACK_DIR"),
	    e2e_env("POSTERN_BIN"), e2e_env("STACK_DIR"),
	    e2e_env("STACK_DIR"));
	char path[1024];

	snprintf(path, sizeof path, "%s/start.out", e2e_env("STACK_DIR"));
	ck_assert_msg(rc != 0 && rc != 124, "it started (%d)", rc);
	ck_assert_msg(e2e_sh("grep -qE '%s' %s", why, path) == 0,
	    "it does not say \"%s\": see %s", why, path);
}

static void
stop_auditd(void)
{
	free(e2e_stack("stop --dir %s auditd", e2e_env("STACK_DIR")));
}

/* The old session and a new one work again, when policyd has come back to it. */
static void
start_auditd(PGconn *c)
{
	char *token = e2e_token("store-after", "dba");
	PGconn *other = NULL;

	free(e2e_stack("start --dir %s auditd", e2e_env("STACK_DIR")));
	free(e2e_value(c, "SELECT 1"));
	ck_assert(E2E_UNTIL(10000, ({
		PQfinish(other);
		other = e2e_try("dba", token, false);
		PQstatus(other) == CONNECTION_OK;
	})));
	free(e2e_value(other, "SELECT 1"));
	PQfinish(other);
	free(token);
	ck_assert_int_eq(verify(), 0);
}

START_TEST(second)
{
	PGconn *c = e2e_session("dba", "store-second");

	must_not_start("another auditd");
	free(e2e_value(c, "SELECT 1"));
	PQfinish(c);
}
END_TEST

START_TEST(read_only)
{
	PGconn *c = e2e_session("dba", "store-read-only");

	stop_auditd();
	ck_assert_int_eq(e2e_sh("chmod 0400 $(readlink -f %s)",
	    e2e_env("AUDIT_DB")), 0);
	must_not_start("cannot be written: Permission denied");
	ck_assert_int_eq(e2e_sh("chmod 0600 $(readlink -f %s)",
	    e2e_env("AUDIT_DB")), 0);
	start_auditd(c);
	PQfinish(c);
}
END_TEST

START_TEST(damaged)
{
	PGconn *c = e2e_session("dba", "store-damaged");
	const char *dir = e2e_env("STACK_DIR");

	stop_auditd();
	ck_assert_int_eq(e2e_sh("f=$(readlink -f %s) && cp -p $f %s/whole.db &&"
	    " dd if=/dev/urandom of=$f bs=512 seek=1 count=100 conv=notrunc "
	    "status=none", e2e_env("AUDIT_DB"), dir), 0);
	must_not_start("malformed|not a database");
	ck_assert_int_eq(e2e_sh("cp -p %s/whole.db $(readlink -f %s)", dir,
	    e2e_env("AUDIT_DB")), 0);
	start_auditd(c);
	PQfinish(c);
}
END_TEST

/* --- a disk that fails (tests/e2e/failing.c) --------------------------------- */

static void
disk(const char *word)
{
	ck_assert_int_eq(e2e_sh("cd $(dirname %s) && printf %s > failing.new && "
	    "chmod 0644 failing.new && mv failing.new failing",
	    e2e_env("AUDIT_DB"), word), 0);
}

static void
writes_fail(void)
{
	disk("write");
}

static void
syncs_fail(void)
{
	disk("sync");
}

static void
disk_is_good(void)
{
	disk("none");
}

static pid_t
failing_start(void)
{
	char bin[600], log[600];
	int fd;
	pid_t pid;

	snprintf(bin, sizeof bin, "%s/bin/auditd_failing",
	    getenv("POSTERN_BUILD"));
	snprintf(log, sizeof log, "%s/failing.log", e2e_env("STACK_DIR"));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		setsid();
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execl(bin, "auditd", "-d", "-f", e2e_env("AUDITD_FILE"),
		    (char *)NULL);
		_exit(127);
	}
	return pid;
}

START_TEST(io_error)
{
	PGconn *c = e2e_session("dba", "store-eio");
	PGconn *d = e2e_direct();
	int status;
	pid_t pid;

	free(e2e_value(c, "CREATE TABLE store_full (n int)"));
	stop_auditd();
	pid = failing_start();
	free(e2e_value(c, "INSERT INTO store_full VALUES (0)"));
	waits(c, d, writes_fail, disk_is_good, "disk I/O error");
	waits(c, d, syncs_fail, disk_is_good, "disk I/O error");
	/* It does not matter which comes first, nor how often. */
	waits(c, d, writes_fail, disk_is_good, "disk I/O error");
	free(e2e_value(c, "DROP TABLE store_full"));
	ck_assert_int_eq(kill(pid, SIGTERM), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "ended with %d", status);
	ck_assert_int_eq(e2e_sh("rm $(dirname %s)/failing; grep -q "
	    "'recording=stopped' %s/failing.log", e2e_env("AUDIT_DB"),
	    e2e_env("STACK_DIR")), 0);
	start_auditd(c);
	PQfinish(c);
	PQfinish(d);
	has_inserts("store-eio", 4);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store");
	TCase *t = tcase_create("store");

	tcase_add_test(t, no_room);
	tcase_add_test(t, second);
	tcase_add_test(t, read_only);
	tcase_add_test(t, damaged);
	tcase_add_test(t, io_error);
	suite_add_tcase(s, t);
	return e2e_main(s);
}
