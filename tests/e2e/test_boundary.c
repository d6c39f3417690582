/*
 * What a process that was taken over cannot do: code that runs as an engine
 * reads no secret and reaches no other process (D1), an engine that lies harms
 * its own profile (D2), the network is touched where it has to be (D3), and the
 * control sockets are for the administrator (D6).
 */
#include "e2e.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"
#include "raw.h"

static bool
only_root(void)
{
	if (geteuid() == 0)
		return true;
	printf("SKIPPED: this can only be shown as root, with a user for each "
	    "process\n");
	return false;
}

/* --- the processes of the stack ---------------------------------------------- */

struct process {
	pid_t	pid;
	char	title[64];
};

static pid_t
parent_of(pid_t pid)
{
	char path[64], line[512], *p;
	int ppid = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	if (fgets(line, sizeof line, f) != NULL &&
	    (p = strrchr(line, ')')) != NULL)
		sscanf(p + 1, " %*c %d", &ppid);
	fclose(f);
	return ppid;
}

static void
title_of(pid_t pid, char *title, size_t size)
{
	char path[64];
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	*title = '\0';
	if ((f = fopen(path, "r")) == NULL)
		return;
	n = fread(title, 1, size - 1, f);
	title[n] = '\0';
	fclose(f);
}

/* The three daemons and all their descendants. */
static size_t
processes(struct process *list, size_t max)
{
	const pid_t top[] = { e2e_process("gatewayd"), e2e_process("policyd"),
	    e2e_process("auditd") };
	struct dirent *e;
	size_t n = 0, i;
	DIR *d = opendir("/proc");
	pid_t pid, p;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL && n < max) {
		if ((pid = atoi(e->d_name)) <= 0)
			continue;
		for (p = pid; p > 1; p = parent_of(p))
			for (i = 0; i < 3; i++)
				if (p == top[i])
					goto ours;
		continue;
ours:
		list[n].pid = pid;
		title_of(pid, list[n].title, sizeof list[n].title);
		n++;
	}
	closedir(d);
	return n;
}

/* --- D1: code in an engine ---------------------------------------------------- */

/* What the probe got at, for the test to read. */
struct findings {
	int	tried;
	char	text[2048];
};

static void
found(struct findings *f, const char *what, const char *which)
{
	size_t n = strlen(f->text);

	snprintf(f->text + n, sizeof f->text - n, "%s %s; ", what, which);
}

static void
probe_files(struct findings *f, const char *dir)
{
	char path[1024];
	struct dirent *e;
	DIR *d;
	int fd;

	/* The names are no secret: it is told them. */
	if ((d = opendir(dir)) != NULL)
		found(f, "listed", dir);
	for (; d != NULL && (e = readdir(d)) != NULL; ) {
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (e->d_type != DT_REG)
			continue;
		f->tried++;
		if ((fd = open(path, O_RDONLY)) != -1)
			found(f, "opened", path);
		close(fd);
	}
	if (d != NULL)
		closedir(d);
}

static void
probe_process(struct findings *f, const struct process *p)
{
	char path[64], byte;
	struct iovec to = { &byte, 1 }, from = { (void *)(uintptr_t)0x400000,
	    1 };
	int fd;

	f->tried++;
	snprintf(path, sizeof path, "/proc/%d/mem", (int)p->pid);
	if ((fd = open(path, O_RDONLY)) != -1)
		found(f, "opened the memory of", p->title);
	snprintf(path, sizeof path, "/proc/%d/maps", (int)p->pid);
	if ((fd = open(path, O_RDONLY)) != -1 && read(fd, &byte, 1) == 1)
		found(f, "read the map of", p->title);
	snprintf(path, sizeof path, "/proc/%d/environ", (int)p->pid);
	if ((fd = open(path, O_RDONLY)) != -1 && read(fd, &byte, 1) == 1)
		found(f, "read the environment of", p->title);
	snprintf(path, sizeof path, "/proc/%d/fd", (int)p->pid);
	if (opendir(path) != NULL)
		found(f, "listed the descriptors of", p->title);
	if (process_vm_readv(p->pid, &to, 1, &from, 1, 0) != -1 ||
	    errno != EPERM)
		found(f, "process_vm_readv of", p->title);
	if (ptrace(PTRACE_SEIZE, p->pid, NULL, NULL) != -1)
		found(f, "traced", p->title);
	/* Other engines are its own kind, and hold no secret. */
	if (strncmp(p->title, "policyd: engine", 15) != 0 &&
	    kill(p->pid, 0) != -1)
		found(f, "could signal", p->title);
}

/* As the engine, and with the file system that its chroot takes away. */
static void
become(const char *user)
{
	struct passwd *pw = getpwnam(user);

	if (pw == NULL || setgroups(0, NULL) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		_exit(3);
}

static void
probe(struct findings *f, const char *user, const char *const *files,
    size_t nfiles, const struct process *p, size_t n)
{
	const char *secrets = e2e_env("SECRETS_DIR");
	size_t i;
	int fd;

	become(user);
	probe_files(f, secrets);
	for (i = 0; i < nfiles; i++) {
		f->tried++;
		if ((fd = open(files[i], O_RDONLY)) != -1)
			found(f, "opened", files[i]);
	}
	for (i = 0; i < n; i++)
		probe_process(f, &p[i]);
	_exit(0);
}

static struct findings *
findings_new(void)
{
	struct findings *f = mmap(NULL, sizeof *f, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(f, MAP_FAILED);
	return f;
}

static void
wait_for(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the probe ended with %d", status);
}

START_TEST(code_in_an_engine)
{
	static struct process list[128];
	static char name[8][600];
	static const char *const secrets[] = { "app_bot", "app_dba",
	    "app_analyst", "postern_broker", "webhook" };
	const char *files[8];
	struct findings *f = findings_new();
	PGconn *c;
	size_t n, i, nfiles = 0;
	pid_t pid;

	if (!only_root())
		return;
	c = e2e_session("dba", "boundary");
	free(e2e_value(c, "SELECT 1"));
	for (i = 0; i < 5; i++)
		snprintf(name[nfiles++], sizeof name[0], "%s/%s",
		    e2e_env("SECRETS_DIR"), secrets[i]);
	snprintf(name[nfiles++], sizeof name[0], "%s", e2e_env("AUDIT_DB"));
	snprintf(name[nfiles++], sizeof name[0], "%s/policy.accepted",
	    e2e_env("STATE_DIR"));
	for (i = 0; i < nfiles; i++) {
		/* What is not there proves nothing. */
		ck_assert_msg(access(name[i], F_OK) == 0, "%s", name[i]);
		files[i] = name[i];
	}
	n = processes(list, 128);
	ck_assert_uint_gt(n, 10);
	pid = fork();
	if (pid == 0)
		probe(f, "_policyd_engine", files, nfiles, list, n);
	wait_for(pid);
	ck_assert_int_ge(f->tried, (int)(n + nfiles));
	ck_assert_msg(f->text[0] == '\0', "as the engine: %s", f->text);
	/* A worker, who meets the network, can do no more. */
	pid = fork();
	if (pid == 0) {
		/* Workers may signal each other; each holds one session. */
		for (i = 0; i < n; )
			if (strncmp(list[i].title, "gatewayd: worker", 16) ==
			    0)
				list[i] = list[--n];
			else
				i++;
		probe(f, "_gatewayd", files, nfiles, list, n);
	}
	wait_for(pid);
	ck_assert_msg(f->text[0] == '\0', "as a worker: %s", f->text);
	PQfinish(c);
}
END_TEST

/* A line of /proc/PID/status, without its name; empty: there is none. */
static const char *
status_line(pid_t pid, const char *key)
{
	static char line[256];
	char path[64];
	size_t n = strlen(key);
	bool found = false;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		return "";
	while (!found && fgets(line, sizeof line, f) != NULL)
		found = strncmp(line, key, n) == 0 && line[n] == ':';
	fclose(f);
	if (!found)
		return "";
	line[strcspn(line, "\n")] = '\0';
	return line + n + 1 + strspn(line + n + 1, "\t ");
}

/* Gone, or as good as: a worker of the test before this one. */
static bool
ended(pid_t pid)
{
	const char *state = status_line(pid, "State");

	return *state == '\0' || *state == 'Z' || *state == 'X';
}

static const struct kind {
	const char *title, *user;
	bool jailed;
} kinds[] = {
    { "policyd: parent", "_policyd", false },
    { "policyd: verifier", "_policyd_verifier", false },
    { "policyd: engine", "_policyd_engine", true },
    { "policyd: keeper", "_policyd_keeper", false },
    { "policyd: notifier", "_policyd_notifier", false },
    { "gatewayd: worker", "_gatewayd", true } };
#define NKINDS	(sizeof kinds / sizeof kinds[0])

/* What every process of the stack must be; NULL, or what it is not. */
static const char *
any_fault(pid_t pid)
{
	char path[64];
	struct stat st;

	if (strcmp(status_line(pid, "NoNewPrivs"), "1") != 0)
		return "may get new privileges";
	if (e2e_sh("grep -qE 'Max core file size +0 +0' /proc/%d/limits",
	    (int)pid) != 0)
		return "may dump core";
	/* A process that is not dumpable is root's in /proc. */
	snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
	return stat(path, &st) == 0 && st.st_uid == 0 ? NULL : "is dumpable";
}

static const char *
kind_fault(pid_t pid, const struct kind *k)
{
	char path[64], root[600] = "";
	const char *caps;
	struct passwd *pw = getpwnam(k->user);
	unsigned int uid[4];
	size_t i;

	if (pw == NULL || sscanf(status_line(pid, "Uid"), "%u %u %u %u",
	    &uid[0], &uid[1], &uid[2], &uid[3]) != 4)
		return "has no user";
	for (i = 0; i < 4; i++)
		if (uid[i] != pw->pw_uid)
			return "has another user";
	if (*status_line(pid, "Groups") != '\0')
		return "has groups";
	caps = status_line(pid, "CapEff");
	if (*caps == '\0' || strspn(caps, "0") != strlen(caps))
		return "has capabilities";
	if (!k->jailed)
		return NULL;
	snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
	if (readlink(path, root, sizeof root - 1) <= 1)
		return "has no root directory of its own";
	return e2e_sh("[ -z \"$(ls -A '%s')\" ]", root) == 0 ? NULL :
	    "has a root directory with something in it";
}

/* Who may do what: the real processes are what the probe pretended to be. */
START_TEST(users_and_limits)
{
	static struct process list[128];
	const char *fault;
	size_t n, i, k, seen = 0;

	if (!only_root())
		return;
	n = processes(list, 128);
	for (i = 0; i < n; i++) {
		fault = any_fault(list[i].pid);
		for (k = 0; k < NKINDS; k++)
			if (strncmp(list[i].title, kinds[k].title,
			    strlen(kinds[k].title)) == 0) {
				seen |= 1u << k;
				if (fault == NULL)
					fault = kind_fault(list[i].pid,
					    &kinds[k]);
			}
		ck_assert_msg(fault == NULL || ended(list[i].pid), "%s %s",
		    list[i].title, fault);
	}
	ck_assert_uint_eq(seen, (1u << NKINDS) - 1);
}
END_TEST

/* --- D2: an engine that lies --------------------------------------------------- */

static pid_t
liar_start(void)
{
	char bin[600], log[600];
	int fd;
	pid_t pid;

	snprintf(bin, sizeof bin, "%s/bin/policyd_liar",
	    getenv("POSTERN_BUILD"));
	snprintf(log, sizeof log, "%s/liar.log", e2e_env("STACK_DIR"));
	free(e2e_stack("stop --dir %s policyd", e2e_env("STACK_DIR")));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		setsid();
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execl(bin, "policyd", "-d", "-f", e2e_env("POLICY_FILE"),
		    (char *)NULL);
		_exit(127);
	}
	return pid;
}

static PGconn *
session_soon(const char *profile, const char *group)
{
	char *token = e2e_token("boundary-liar", group);
	PGconn *c = NULL;

	ck_assert_msg(E2E_UNTIL(20000, ({
		PQfinish(c);
		c = e2e_try(profile, token, false);
		PQstatus(c) == CONNECTION_OK;
	})), "%s", PQerrorMessage(c));
	free(token);
	return c;
}

/* The session ends with 58000, and the server has not seen the text. */
static void
ends_session(const char *profile, const char *group, const char *sql,
    const char *marker)
{
	const char *state;
	struct raw *r;

	PQfinish(session_soon(profile, group));
	/* raw_session() keeps one token for a subject. */
	r = raw_session(profile, profile, false);
	ck_assert(raw_query(r, sql));
	state = raw_ending(r, 10000);
	ck_assert_msg(state != NULL && strcmp(state, "58000") == 0,
	    "%s: %s: SQLSTATE %s", profile, sql, state);
	raw_free(&r);
	ck_assert_msg(!e2e_file_has(e2e_env("PG_LOG"), marker), "%s: %s",
	    profile, sql);
	ck_assert(!e2e_file_has(e2e_env("PG_LOG"), "text of the liar"));
}

START_TEST(lying_engine)
{
	PGconn *bot, *analyst, *dba;
	pid_t pid = liar_start();
	int status;
	char *v;

	/* No masks: no text but the client's is sent. */
	ends_session("dba", "dba", "SELECT 'lie:other-text m1'", "m1'");
	ends_session("dba", "dba", "SELECT 'lie:text-with-allow m2'", "m2'");
	ends_session("dba", "dba", "SELECT 'lie:nonsense m3'", "m3'");
	ends_session("nightly-bot", "ai-agents", "SELECT 'lie:no-text m4'",
	    "m4'");
	ends_session("nightly-bot", "ai-agents",
	    "SELECT 'lie:text-with-allow m5'", "m5'");

	/* `allow` sends what the client sent, byte for byte. */
	dba = session_soon("dba", "dba");
	v = e2e_value(dba, "SELECT  'lie:allow'  ,/* as it is */ 1");
	ck_assert_str_eq(v, "lie:allow");
	free(v);
	ck_assert(e2e_file_has(e2e_env("PG_LOG"),
	    "SELECT  'lie:allow'  ,/* as it is */ 1"));

	/* One profile's engine says yes to all: so far it reaches. */
	bot = session_soon("nightly-bot", "ai-agents");
	analyst = session_soon("analyst", "analysts");
	e2e_refused(bot, "DELETE FROM orders WHERE id = -1", "42501");
	free(e2e_value(bot, "SELECT 'lie:evil'"));
	/* The role is its bound. */
	e2e_refused(bot, "DROP TABLE orders", "42501");
	ck_assert(e2e_file_has(e2e_env("PG_LOG"), "must be owner of table "
	    "orders"));
	/* The others have engines of their own. */
	v = e2e_value(analyst, "SELECT email FROM customers WHERE id = 1");
	ck_assert_ptr_nonnull(strchr(v, '*'));
	free(v);
	e2e_refused(analyst, "UPDATE orders SET status = 'x' WHERE id = -1",
	    "42501");
	free(e2e_value(dba, "SELECT 1"));
	PQfinish(bot);
	PQfinish(analyst);
	PQfinish(dba);
	kill(pid, SIGTERM);
	ck_assert(E2E_UNTIL(15000, waitpid(pid, &status, WNOHANG) == pid));
	free(e2e_stack("start --dir %s policyd", e2e_env("STACK_DIR")));
	PQfinish(session_soon("dba", "dba"));
}
END_TEST

/* --- D3: sockets ------------------------------------------------------------------ */

static char *
read_all(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "r");

	if (f == NULL || getdelim(&text, &size, '\0', f) == -1) {
		free(text);
		text = strdup("");
	}
	if (f != NULL)
		fclose(f);
	return text;
}

/* The socket's line in a table of /proc/net, by its inode. */
static bool
in_table(const char *table, const char *inode, char *line, size_t size)
{
	char path[64], *text, *row, *save = NULL, word[32];
	bool is = false;

	snprintf(path, sizeof path, "/proc/net/%s", table);
	text = read_all(path);
	snprintf(word, sizeof word, " %s ", inode);
	for (row = strtok_r(text, "\n", &save); row != NULL && !is;
	    row = strtok_r(NULL, "\n", &save)) {
		snprintf(line, size, "%s ", row);
		is = strstr(line, word) != NULL;
	}
	free(text);
	return is;
}

static bool
may_use_network(const char *title)
{
	return strncmp(title, "gatewayd: worker", 16) == 0 ||
	    strcmp(title, "policyd: verifier") == 0 ||
	    strcmp(title, "policyd: keeper") == 0 ||
	    strcmp(title, "policyd: notifier") == 0;
}

/* Any socket that is neither Unix nor, in the master, listening. */
static void
check_socket(const struct process *p, const char *link, const char *inode)
{
	char line[512], path[300], now[64] = "";

	if (in_table("unix", inode, line, sizeof line))
		return;
	if (strcmp(p->title, "gatewayd: master") == 0 &&
	    (in_table("tcp", inode, line, sizeof line) ||
	    in_table("tcp6", inode, line, sizeof line)) &&
	    strstr(line, " 0A ") != NULL)
		return;
	/* It may have been closed before it was looked for. */
	snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)p->pid, link);
	if (readlink(path, now, sizeof now - 1) == -1 ||
	    strstr(now, inode) == NULL)
		return;
	ck_abort_msg("%s (%d) has a socket: %s", p->title, (int)p->pid, now);
}

static size_t
check_sockets(const struct process *p)
{
	char path[300], link[64];
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)p->pid);
	if ((d = opendir(path)) == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		memset(link, 0, sizeof link);
		if (readlinkat(dirfd(d), e->d_name, link, sizeof link - 1) ==
		    -1 || strncmp(link, "socket:[", 8) != 0)
			continue;
		link[strcspn(link, "]")] = '\0';
		n++;
		if (!may_use_network(p->title))
			check_socket(p, e->d_name, link + 8);
	}
	closedir(d);
	return n;
}

START_TEST(sockets)
{
	static struct process list[256];
	struct load *l;
	size_t n, i, seen = 0;
	int round;

	if (!only_root())
		return;
	l = load_start("sockets");
	for (round = 0; round < 20; round++) {
		/* Logins and cancel requests too. */
		PQfinish(e2e_session("dba", "boundary-sockets"));
		n = processes(list, 256);
		ck_assert_uint_gt(n, 10);
		for (i = 0; i < n; i++)
			seen += check_sockets(&list[i]);
	}
	ck_assert_uint_gt(seen, 100);
	ck_assert(load_stop(l));
	load_check(l);
	load_free(&l);
}
END_TEST

/* --- D6: control sockets ------------------------------------------------------ */

START_TEST(control_sockets)
{
	static const char *const socks[][2] = { { "gatewayctl",
	    "GATEWAYD_SOCK" }, { "policyctl", "POLICYD_SOCK" },
	    { "auditctl", "AUDITD_SOCK" } };
	static const char *const users[] = { "_gatewayd", "_policyd_engine",
	    "_policyd_verifier", "_policyd_notifier", "nobody" };
	struct stat st;
	size_t i, k;

	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(stat(e2e_env(socks[i][1]), &st), 0);
		ck_assert_int_eq(st.st_mode & 07777, 0600);
	}
	if (!only_root())
		return;
	for (i = 0; i < 3; i++) {
		const char *path = e2e_env(socks[i][1]);

		for (k = 0; k < 10; k++) {
			/* Refused by the mode, then by who asks. */
			if (k == 5)
				ck_assert_int_eq(chmod(path, 0666), 0);
			ck_assert_msg(e2e_sh("cd / && setpriv --reuid %s "
			    "--regid nogroup --clear-groups %s/%s -s %s "
			    "--json status > %s/ctl.out 2>&1", users[k % 5],
			    e2e_env("POSTERN_BIN"), socks[i][0], path,
			    e2e_env("STACK_DIR")) == 2, "%s: %s as %s",
			    path, socks[i][0], users[k % 5]);
			ck_assert_int_ne(e2e_sh("grep -q '{' %s/ctl.out",
			    e2e_env("STACK_DIR")), 0);
		}
		ck_assert_int_eq(chmod(path, 0600), 0);
		ck_assert_int_eq(e2e_sh("%s/%s -s %s status > /dev/null",
		    e2e_env("POSTERN_BIN"), socks[i][0], path), 0);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("boundary");
	TCase *tc = tcase_create("boundary");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, code_in_an_engine);
	tcase_add_test(tc, users_and_limits);
	tcase_add_test(tc, sockets);
	tcase_add_test(tc, control_sockets);
	tcase_add_test(tc, lying_engine);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
