/*
 * Long work of auditctl, interrupted in the middle: what it has written is
 * whole as far as it goes, what it asked others for is done or is not, and the
 * same work can be done again.  And what it shows on a terminal.
 *
 * A pipe that is not read, a daemon that stands still and a lock that is taken
 * hold it in mid-work; a signal that was there before it began is taken at the
 * first look.
 */
#include "e2e.h"

#include <sys/ioctl.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUT_MAX	(4 * 1024 * 1024)

struct work {
	pid_t	 pid;
	int	 out, err;	/* to be read from */
	char	*text;		/* all of out */
	char	 said[8192];	/* all of err */
	int	 code;
};

enum how { PLAIN, TERMINAL, SIGNALLED };

/* auditctl with these arguments; its standard error may be a terminal. */
static struct work start(enum how, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

static struct work
start(enum how how, const char *fmt, ...)
{
	struct work w = { 0 };
	char args[1024], cmd[2048];
	int out[2], err[2];
	sigset_t set;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(args, sizeof(args), fmt, ap);
	va_end(ap);
	snprintf(cmd, sizeof(cmd), "cd %s && exec %s/auditctl -f %s %s",
	    e2e_env("STACK_DIR"), e2e_env("POSTERN_BIN"),
	    e2e_env("AUDITD_FILE"), args);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	/* As small as can be: it is full at once. */
	fcntl(out[1], F_SETPIPE_SZ, 4096);
	if (how == TERMINAL)
		ck_assert_int_eq(openpty(&err[0], &err[1], NULL, NULL, NULL),
		    0);
	else
		ck_assert_int_eq(pipe2(err, O_CLOEXEC), 0);
	ck_assert_int_ge(w.pid = fork(), 0);
	if (w.pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		sigemptyset(&set);
		sigaddset(&set, SIGINT);
		if (how == SIGNALLED) {
			sigprocmask(SIG_BLOCK, &set, NULL);
			raise(SIGINT);
		}
		execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	w.out = out[0];
	w.err = err[0];
	return w;
}

/* It has more to write than the pipe takes, and nobody reads: mid-work. */
static void
wait_full(struct work *w)
{
	int n = 0;

	ck_assert_msg(E2E_UNTIL(60000, ioctl(w->out, FIONREAD, &n) == 0 &&
	    n > 0), "it writes nothing");
}

/* Read all that it says, and how it ends. */
static void
finish(struct work *w)
{
	size_t n = 0, m = 0;
	ssize_t r;
	int status;

	ck_assert_ptr_nonnull(w->text = malloc(OUT_MAX));
	while ((r = read(w->out, w->text + n, OUT_MAX - 1 - n)) > 0)
		n += (size_t)r;
	w->text[n] = '\0';
	/* A terminal whose other end is gone gives EIO. */
	while ((r = read(w->err, w->said + m, sizeof(w->said) - 1 - m)) > 0)
		m += (size_t)r;
	w->said[m] = '\0';
	ck_assert_int_eq(waitpid(w->pid, &status, 0), w->pid);
	ck_assert_msg(WIFEXITED(status), "ended by signal %d",
	    WTERMSIG(status));
	w->code = WEXITSTATUS(status);
	close(w->out);
	close(w->err);
}

static void
ended(struct work *w, int code, const char *says)
{
	ck_assert_msg(w->code == code, "exit code %d: %s", w->code, w->said);
	ck_assert_msg(strstr(w->said, says) != NULL, "it says: %s", w->said);
}

static void
done(struct work *w)
{
	free(w->text);
	w->text = NULL;
}

/* Work, from the beginning to its end. */
static int
ctl(const char *args)
{
	struct work w = start(PLAIN, "%s", args);

	finish(&w);
	done(&w);
	return w.code;
}

/* A session with some 50 kB to say; its id (allocated) when it is over. */
static char *
talkative(const char *profile, const char *subject)
{
	PGconn *c = e2e_session(profile, subject);
	int i;

	for (i = 0; i < 60; i++)
		PQclear(PQexec(c, "SELECT repeat('what has to be said ', 20), "
		    "'and here is said in so many words, that it takes room'"));
	PQfinish(c);
	ck_assert(E2E_UNTIL(20000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = '%s' AND closed IS NOT NULL", subject) == 1));
	return e2e_audit("SELECT session FROM sessions WHERE subject = '%s'",
	    subject);
}

/* How many lines, all of them whole: events from 1 on. */
static long
whole_lines(const char *text)
{
	const char *p = text, *end;
	char head[40];
	long n = 0;

	for (; *p != '\0'; p = end + 1) {
		snprintf(head, sizeof(head), "{\"id\":%ld,", ++n);
		end = strchr(p, '\n');
		ck_assert_msg(end != NULL, "the last line is cut off: %s", p);
		ck_assert_msg(strncmp(p, head, strlen(head)) == 0,
		    "line %ld is %.60s", n, p);
		ck_assert_msg(end[-1] == '}', "line %ld is cut off", n);
	}
	return n;
}

START_TEST(export)
{
	char *id = talkative("taped", "interrupted-export"), says[64];
	struct work w = start(PLAIN, "export");
	long n, all = e2e_audit_n("SELECT max(id) FROM events");

	wait_full(&w);
	ck_assert_int_eq(kill(w.pid, SIGINT), 0);
	finish(&w);
	n = whole_lines(w.text);
	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, all);
	snprintf(says, sizeof(says), "interrupted after event %ld\n", n);
	ended(&w, 2, says);
	done(&w);
	/* From there on. */
	w = start(PLAIN, "export");
	finish(&w);
	ck_assert_int_eq(w.code, 0);
	ck_assert_int_ge(whole_lines(w.text), all);
	done(&w);
	free(id);
}
END_TEST

/* One line, rewritten in its place and taken away, if it takes long. */
START_TEST(terminal)
{
	struct work w = start(TERMINAL, "export");

	wait_full(&w);
	e2e_pause(400);
	finish(&w);
	ended(&w, 0, "\rexport: ");
	ck_assert_msg(strstr(w.said, " events, ") != NULL &&
	    strstr(w.said, "%, ") != NULL, "%s", w.said);
	ck_assert_msg(strlen(w.said) > 70 &&
	    strcmp(w.said + strlen(w.said) - 3, "  \r") == 0,
	    "the line stays: %s", w.said);
	done(&w);
	/* And nothing of it in a file. */
	w = start(PLAIN, "export");
	wait_full(&w);
	e2e_pause(400);
	finish(&w);
	ended(&w, 0, "");
	ck_assert_str_eq(w.said, "");
	done(&w);
}
END_TEST

/* Not one event is looked at after it, and nothing is called good by it. */
START_TEST(verify)
{
	struct work w;

	ck_assert_int_eq(e2e_sh("mkdir %s/many && %s/bin/bench_record "
	    "%s/many 20000 > /dev/null", e2e_env("STACK_DIR"),
	    getenv("POSTERN_BUILD"), e2e_env("STACK_DIR")), 0);
	w = start(SIGNALLED, "-d many/audit.db verify");
	finish(&w);
	ended(&w, 2, "interrupted; events 1 to 16384 are good\n");
	ck_assert_str_eq(w.text, "");
	done(&w);
	ck_assert_int_eq(ctl("-d many/audit.db verify"), 0);
}
END_TEST

/* auditd stands still with the first of three requests; no second follows. */
START_TEST(prune)
{
	char *id[3], path[64], subject[32];
	pid_t auditd = e2e_process("auditd");
	struct work w;
	int i, removed = 0;

	for (i = 0; i < 3; i++) {
		snprintf(subject, sizeof(subject), "interrupted-prune-%d", i);
		id[i] = talkative("small", subject);
	}
	/* Their second is over when all three are due. */
	ck_assert(E2E_UNTIL(20000, ({
		w = start(PLAIN, "prune --dry-run");
		finish(&w);
		i = strstr(w.text, id[2]) != NULL;
		done(&w);
		i;
	})));
	ck_assert_int_eq(kill(auditd, SIGSTOP), 0);
	w = start(PLAIN, "prune");
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)w.pid);
	ck_assert_msg(E2E_UNTIL(60000, e2e_sh("ls -l %s 2>/dev/null | "
	    "grep -q socket:", path) == 0), "it does not ask auditd");
	ck_assert_int_eq(kill(w.pid, SIGINT), 0);
	ck_assert_int_eq(kill(auditd, SIGCONT), 0);
	finish(&w);
	ended(&w, 2, "interrupted");
	for (i = 0; i < 3; i++)
		removed += strstr(w.text, id[i]) != NULL;
	done(&w);
	ck_assert_int_eq(removed, 1);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind = "
	    "'prune'"), 1);
	ck_assert_int_eq(ctl("verify"), 0);
	ck_assert_int_eq(ctl("prune"), 0);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind = "
	    "'prune'"), 3);
	ck_assert_int_eq(ctl("verify"), 0);
	for (i = 0; i < 3; i++)
		free(id[i]);
}
END_TEST

/* Half a page or script has not the line that ends it. */
START_TEST(replay)
{
	char *id = talkative("taped", "interrupted-replay");
	struct work w = start(SIGNALLED, "replay --html half.html %s", id);

	finish(&w);
	ended(&w, 2, "interrupted\n");
	ck_assert_int_ne(e2e_sh("grep -q 'End of the session' %s/half.html",
	    e2e_env("STACK_DIR")), 0);
	done(&w);
	w = start(SIGNALLED, "replay --sql half.sql %s", id);
	finish(&w);
	ended(&w, 2, "interrupted\n");
	ck_assert_int_ne(e2e_sh("grep -q 'End of the session' %s/half.sql",
	    e2e_env("STACK_DIR")), 0);
	done(&w);
	w = start(PLAIN, "replay %s", id);
	wait_full(&w);
	ck_assert_int_eq(kill(w.pid, SIGINT), 0);
	finish(&w);
	ck_assert_ptr_null(strstr(w.text, "  closed: "));
	ck_assert_msg(w.text[strlen(w.text) - 1] == '\n', "cut off");
	done(&w);
	w = start(PLAIN, "replay --sql whole.sql %s", id);
	finish(&w);
	ended(&w, 0, "");
	ck_assert_int_eq(e2e_sh("grep -q 'End of the session' %s/whole.sql",
	    e2e_env("STACK_DIR")), 0);
	done(&w);
	free(id);
}
END_TEST

static bool
waits_for_lock(PGconn *d)
{
	char *v = e2e_value(d, "SELECT count(*) FROM pg_stat_activity WHERE "
	    "wait_event_type = 'Lock' AND query LIKE 'INSERT INTO interrupted%'");
	bool yes = strcmp(v, "1") == 0;

	free(v);
	return yes;
}

/* What runs in the other database is cancelled: it does not come to its end. */
START_TEST(against)
{
	PGconn *d = e2e_direct(), *lock = e2e_direct(), *c;
	char *id, *v;
	struct work w;

	free(e2e_value(d, "CREATE TABLE interrupted (n int)"));
	free(e2e_value(d, "GRANT ALL ON interrupted TO PUBLIC"));
	c = e2e_session("large", "interrupted-against");
	free(e2e_value(c, "INSERT INTO interrupted VALUES (1)"));
	PQfinish(c);
	ck_assert(E2E_UNTIL(20000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = 'interrupted-against' AND closed IS NOT NULL") ==
	    1));
	id = e2e_audit("SELECT session FROM sessions WHERE subject = "
	    "'interrupted-against'");
	free(e2e_value(d, "DELETE FROM interrupted"));
	free(e2e_value(lock, "BEGIN"));
	free(e2e_value(lock, "LOCK TABLE interrupted"));
	w = start(PLAIN, "replay --against '%s dbname=shop' %s",
	    e2e_env("DIRECT_DSN"), id);
	ck_assert_msg(E2E_UNTIL(60000, waits_for_lock(d)), "it does not wait");
	ck_assert_int_eq(kill(w.pid, SIGINT), 0);
	finish(&w);
	ended(&w, 2, "interrupted\n");
	done(&w);
	ck_assert_msg(E2E_UNTIL(20000, !waits_for_lock(d)),
	    "its statement waits still");
	free(e2e_value(lock, "ROLLBACK"));
	v = e2e_value(d, "SELECT count(*) FROM interrupted");
	ck_assert_str_eq(v, "0");
	free(v);
	free(e2e_value(d, "DROP TABLE interrupted"));
	free(id);
	PQfinish(lock);
	PQfinish(d);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("interrupted");
	TCase *t = tcase_create("interrupted");

	tcase_add_test(t, export);
	tcase_add_test(t, terminal);
	tcase_add_test(t, verify);
	tcase_add_test(t, prune);
	tcase_add_test(t, replay);
	tcase_add_test(t, against);
	suite_add_tcase(s, t);
	return e2e_main(s);
}
