/*
 * The store that cannot be written: no room, read only, damaged, taken.
 * Nothing passes meanwhile, auditd says what is wrong, and goes on by itself
 * when it is not so any more.  A limit on the size of its files stands for a
 * disk that is full: every write that makes a file longer fails, as there.
 */
#include "e2e.h"

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

START_TEST(no_room)
{
	PGconn *c = e2e_session("dba", "store-full");
	PGconn *d = e2e_direct(), *other;
	char *token, *v;
	pid_t pid = e2e_process("auditd");
	PGresult *r;

	free(e2e_value(c, "CREATE TABLE store_full (n int)"));
	/* The WAL is longer than this by now, the log is not. */
	file_limit(pid, "65536");
	ck_assert_int_eq(PQsendQuery(c, "INSERT INTO store_full VALUES (1)"),
	    1);
	ck_assert_msg(E2E_UNTIL(10000, recording("stopped")),
	    "auditctl status does not say that it stopped");
	ck_assert(logged("recording=stopped"));
	/* A new session has nowhere to write. */
	token = e2e_token("store-full-new", "dba");
	other = e2e_try("dba", token, false);
	ck_assert_int_eq(PQstatus(other), CONNECTION_BAD);
	ck_assert_msg(strstr(PQerrorMessage(other), "audit") != NULL, "%s",
	    PQerrorMessage(other));
	PQfinish(other);
	free(token);
	v = e2e_value(d, "SELECT count(*) FROM store_full");
	ck_assert_str_eq(v, "0");
	free(v);
	ck_assert_msg(!answered(c), "answered without a record");

	file_limit(pid, "unlimited");
	ck_assert_msg(E2E_UNTIL(20000, answered(c)), "it does not go on");
	r = PQgetResult(c);
	ck_assert_str_eq(PQcmdTuples(r), "1");
	PQclear(r);
	ck_assert_ptr_null(PQgetResult(c));
	ck_assert(E2E_UNTIL(5000, recording("on")));
	v = e2e_value(d, "SELECT count(*) FROM store_full");
	ck_assert_str_eq(v, "1");
	free(v);
	free(e2e_value(c, "DROP TABLE store_full"));
	PQfinish(c);
	PQfinish(d);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM "
	    "statements WHERE subject = 'store-full' AND text LIKE 'INSERT%%' "
	    "AND status = 'ok'") == 1));
	ck_assert_int_eq(verify(), 0);
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

int
main(void)
{
	Suite *s = suite_create("store");
	TCase *t = tcase_create("store");

	tcase_add_test(t, no_room);
	tcase_add_test(t, second);
	tcase_add_test(t, read_only);
	tcase_add_test(t, damaged);
	suite_add_tcase(s, t);
	return e2e_main(s);
}
