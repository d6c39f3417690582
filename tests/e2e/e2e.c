/*
 * Helpers of the end-to-end tests: see e2e.h.  Runs in the test programs only;
 * what it reads comes from the stack that the test itself brought up.  Any
 * failure is a failed test.
 */
#include "e2e.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int
e2e_main(Suite *suite)
{
	SRunner *sr = srunner_create(suite);
	int failed;

	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	srunner_set_fork_status(sr, CK_FORK);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

const char *
e2e_env(const char *name)
{
	/* Callers keep what they got: a value that changes gets a new place. */
	static struct { char name[32]; char *value; } known[64];
	char path[512], line[1024], *v = NULL;
	size_t n = strlen(name), i;
	const char *dir = getenv("STACK");
	FILE *f;

	ck_assert_msg(dir != NULL, "STACK is not set");
	snprintf(path, sizeof path, "%s/env", dir);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof line, f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, name, n) != 0 || line[n] != '=')
			continue;
		v = line + n + 1;
		if (*v == '"') {
			v++;
			v[strcspn(v, "\"")] = '\0';
		}
		break;
	}
	fclose(f);
	ck_assert_msg(v != NULL, "%s is not in %s", name, path);
	for (i = 0; known[i].value != NULL; i++)
		if (strcmp(known[i].name, name) == 0)
			break;
	ck_assert_uint_lt(i, 63);
	if (known[i].value == NULL || strcmp(known[i].value, v) != 0) {
		snprintf(known[i].name, sizeof known[i].name, "%s", name);
		known[i].value = strdup(v);
	}
	return known[i].value;
}

static char *
run_line(const char *cmd)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	FILE *f = popen(cmd, "r");

	ck_assert_ptr_nonnull(f);
	n = getline(&line, &size, f);
	if (n > 0 && line[n - 1] == '\n')
		line[n - 1] = '\0';
	ck_assert_msg(pclose(f) == 0, "failed: %s", cmd);
	if (n < 0) {
		free(line);
		line = strdup("");
	}
	return line;
}

char *
e2e_stack(const char *fmt, ...)
{
	char args[2048], cmd[4096];
	const char *src = getenv("POSTERN_SRC");
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(args, sizeof args, fmt, ap);
	va_end(ap);
	snprintf(cmd, sizeof cmd, "%s/tests/stack %s", src ? src : ".", args);
	return run_line(cmd);
}

char *
e2e_token(const char *sub, const char *group)
{
	return e2e_stack("token --dir %s --sub %s --group %s",
	    e2e_env("STACK_DIR"), sub, group);
}

PGconn *
e2e_try(const char *user, const char *token, bool shared)
{
	const char *keys[] = { "host", "port", "dbname", "user", "password",
	    "sslmode", "sslrootcert", "application_name", "connect_timeout",
	    NULL };
	const char *values[] = { e2e_env("GW_HOST"),
	    e2e_env(shared ? "GW_SHARED_PORT" : "GW_PORT"), e2e_env("GW_DB"),
	    user, token, "verify-full", e2e_env("GW_CA"), "e2e", "30", NULL };

	return PQconnectdbParams(keys, values, 0);
}

static const char *
group_of(const char *profile)
{
	if (strcmp(profile, "nightly-bot") == 0)
		return "ai-agents";
	if (strcmp(profile, "analyst") == 0)
		return "analysts";
	return profile;
}

static PGconn *
session(const char *profile, const char *sub, bool shared)
{
	char *token = e2e_token(sub, group_of(profile));
	PGconn *c = e2e_try(profile, token, shared);

	free(token);
	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s: %s", profile,
	    PQerrorMessage(c));
	return c;
}

PGconn *
e2e_session(const char *profile, const char *sub)
{
	return session(profile, sub, false);
}

PGconn *
e2e_session_shared(const char *profile, const char *sub)
{
	return session(profile, sub, true);
}

PGconn *
e2e_direct(void)
{
	PGconn *c = PQconnectdb(e2e_env("DIRECT_DSN"));

	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	return c;
}

const char *
e2e_sqlstate(const PGresult *r)
{
	const char *s = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	return s != NULL ? s : "";
}

char *
e2e_value(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);
	ExecStatusType st = PQresultStatus(r);
	char *v = NULL;

	ck_assert_msg(st == PGRES_TUPLES_OK || st == PGRES_COMMAND_OK,
	    "%s: %s", sql, PQresultErrorMessage(r));
	if (st == PGRES_TUPLES_OK && PQntuples(r) > 0)
		v = strdup(PQgetvalue(r, 0, 0));
	PQclear(r);
	return v != NULL ? v : strdup("");
}

void
e2e_refused(PGconn *c, const char *sql, const char *sqlstate)
{
	PGresult *r = PQexec(c, sql);

	ck_assert_msg(PQresultStatus(r) == PGRES_FATAL_ERROR,
	    "was not refused: %s", sql);
	ck_assert_msg(strcmp(e2e_sqlstate(r), sqlstate) == 0,
	    "%s: SQLSTATE %s, not %s: %s", sql, e2e_sqlstate(r), sqlstate,
	    PQresultErrorMessage(r));
	PQclear(r);
}

static char *
audit_value(const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	char *v = NULL;
	int rc;

	ck_assert_msg(sqlite3_open_v2(e2e_env("AUDIT_DB"), &db,
	    SQLITE_OPEN_READONLY, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_busy_timeout(db, 10000);
	ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK,
	    "%s: %s", sql, sqlite3_errmsg(db));
	rc = sqlite3_step(st);
	ck_assert_msg(rc == SQLITE_ROW || rc == SQLITE_DONE, "%s: %s", sql,
	    sqlite3_errmsg(db));
	if (rc == SQLITE_ROW && sqlite3_column_text(st, 0) != NULL)
		v = strdup((const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	sqlite3_close(db);
	return v != NULL ? v : strdup("");
}

char *
e2e_audit(const char *fmt, ...)
{
	char sql[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sql, sizeof sql, fmt, ap);
	va_end(ap);
	return audit_value(sql);
}

long
e2e_audit_n(const char *fmt, ...)
{
	char sql[4096], *v;
	va_list ap;
	long n;

	va_start(ap, fmt);
	vsnprintf(sql, sizeof sql, fmt, ap);
	va_end(ap);
	v = audit_value(sql);
	n = atol(v);
	free(v);
	return n;
}

bool
e2e_file_has(const char *path, const char *text)
{
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *f = fopen(path, "r");

	if (f == NULL)
		return false;
	while (!found && getline(&line, &size, f) > 0)
		found = strstr(line, text) != NULL;
	free(line);
	fclose(f);
	return found;
}

int
e2e_sh(const char *fmt, ...)
{
	char cmd[4096];
	va_list ap;
	int rc;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof cmd, fmt, ap);
	va_end(ap);
	rc = system(cmd);
	return rc == -1 || !WIFEXITED(rc) ? -1 : WEXITSTATUS(rc);
}

long long
e2e_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

void
e2e_pause(int ms)
{
	struct timespec ts = { ms / 1000, (ms % 1000) * 1000000L };

	nanosleep(&ts, NULL);
}

/* --- processes ------------------------------------------------------------ */

static size_t
read_proc(pid_t pid, const char *name, char *out, size_t size)
{
	char path[64];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	f = fopen(path, "r");
	if (f != NULL) {
		n = fread(out, 1, size - 1, f);
		fclose(f);
	}
	out[n] = '\0';
	return n;
}

static pid_t
parent_of(pid_t pid)
{
	char stat[512], *p;
	int ppid = 0;

	read_proc(pid, "stat", stat, sizeof stat);
	p = strrchr(stat, ')');
	if (p != NULL)
		sscanf(p + 1, " %*c %d", &ppid);
	return ppid;
}

/* The first child (or grandchild) of `top` whose command line has the word. */
static pid_t
child_named(pid_t top, const char *word)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	char cmd[512];
	size_t n, i;
	pid_t found = 0;

	ck_assert_ptr_nonnull(d);
	while (found == 0 && (e = readdir(d)) != NULL) {
		pid_t pid = atoi(e->d_name);

		if (pid <= 0 || (parent_of(pid) != top &&
		    parent_of(parent_of(pid)) != top))
			continue;
		n = read_proc(pid, "cmdline", cmd, sizeof cmd);
		for (i = 0; i + 1 < n; i++)
			if (cmd[i] == '\0')
				cmd[i] = ' ';
		if (strstr(cmd, word) != NULL)
			found = pid;
	}
	closedir(d);
	return found;
}

pid_t
e2e_process(const char *what)
{
	pid_t pid;

	if (strcmp(what, "gatewayd") == 0)
		pid = atoi(e2e_env("GATEWAYD_PID"));
	else if (strcmp(what, "auditd") == 0)
		pid = atoi(e2e_env("AUDITD_PID"));
	else if (strcmp(what, "policyd") == 0)
		pid = atoi(e2e_env("POLICYD_PID"));
	else
		return child_named(atoi(e2e_env("POLICYD_PID")), what);
	return e2e_alive(pid) ? pid : 0;
}

pid_t
e2e_worker_of(PGconn *c)
{
	struct sockaddr_in me;
	socklen_t len = sizeof me;
	char cmd[1024], *number;
	pid_t found;

	/* What a worker has open only root may see; its title and the log
	 * anybody who could start it. */
	if (getsockname(PQsocket(c), (struct sockaddr *)&me, &len) != 0)
		return 0;
	snprintf(cmd, sizeof cmd, "sed -n 's/.*event=session_open.*"
	    "peer=\"127.0.0.1:%u\" worker=\\([0-9]*\\).*/worker \\1 /p' "
	    "%s/policyd.log | tail -1", ntohs(me.sin_port),
	    e2e_env("STACK_DIR"));
	number = run_line(cmd);
	found = *number == '\0' ? 0 :
	    child_named(atoi(e2e_env("GATEWAYD_PID")), number);
	free(number);
	return found;
}

long
e2e_private_kb(pid_t pid)
{
	char text[4096], *p;
	long kb = 0, n;

	read_proc(pid, "smaps_rollup", text, sizeof text);
	for (p = text; (p = strstr(p, "Private_")) != NULL; p++)
		if (sscanf(p, "Private_%*[a-zA-Z]: %ld kB", &n) == 1)
			kb += n;
	return kb;
}

int
e2e_patience(int ms)
{
	double load;

	if (getenv("POSTERN_SLOW") != NULL)
		ms *= 4;
	if (getloadavg(&load, 1) == 1 &&
	    load > (double)sysconf(_SC_NPROCESSORS_ONLN))
		ms *= 8;
	return ms;
}

long
e2e_growth(long kb)
{
	return getenv("POSTERN_SLOW") != NULL ? kb + 24 * 1024 : kb;
}

bool
e2e_alive(pid_t pid)
{
	char stat[512], *p;

	if (pid <= 0 || read_proc(pid, "stat", stat, sizeof stat) == 0)
		return false;
	p = strrchr(stat, ')');
	return p != NULL && p[2] != 'Z';
}

void
e2e_reload(void)
{
	long n = e2e_audit_n("SELECT count(*) FROM events WHERE kind = "
	    "'policy_reload' AND json_extract(body, '$.accepted') = 1");

	kill(e2e_process("policyd"), SIGHUP);
	ck_assert_msg(E2E_UNTIL(20000, e2e_audit_n("SELECT count(*) FROM "
	    "events WHERE kind = 'policy_reload' AND json_extract(body, "
	    "'$.accepted') = 1") > n), "the policy was not taken");
}
