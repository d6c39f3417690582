/*
 * auditctl forward: every event reaches the receiver, however often that, or
 * the forwarder, is killed, and in however many segments they lie.
 */
#include "e2e.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

static char to[300], listen_args[1200];
static pid_t receiver, forwarder;

/* A command in the background, in the stack's directory. */
static pid_t start(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static pid_t
start(const char *fmt, ...)
{
	char what[4096], cmd[5000];
	va_list ap;
	pid_t pid;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	snprintf(cmd, sizeof cmd, "cd %s && exec %s", e2e_env("STACK_DIR"),
	    what);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", cmd, NULL);
		_exit(127);
	}
	return pid;
}

static int
end(pid_t *pid, int sig)
{
	int status = 0;

	if (*pid == 0)
		return 0;
	kill(*pid, sig);
	waitpid(*pid, &status, 0);
	*pid = 0;
	return status;
}

/* env(1) becomes what it runs. */
static void
start_receiver(const char *environment)
{
	receiver = start("env %s python3 %s/tests/e2e/receiver.py got %s "
	    "2>>receiver.err", environment, getenv("POSTERN_SRC"),
	    listen_args);
}

static void
start_forwarder(void)
{
	char db[600], ca[600];

	snprintf(db, sizeof db, "%s", e2e_env("AUDIT_DB"));
	snprintf(ca, sizeof ca, "%s", e2e_env("GW_CA"));
	forwarder = start("%s/auditctl -d %s forward --to %s --ca %s --cursor "
	    "cursor 2>>forward.err", e2e_env("POSTERN_BIN"), db, to, ca);
}

/* Everything that is in the store now, once. */
static int
forward_once(const char *options)
{
	char db[600], ca[600];

	snprintf(db, sizeof db, "%s", e2e_env("AUDIT_DB"));
	snprintf(ca, sizeof ca, "%s", e2e_env("GW_CA"));
	return e2e_sh("cd %s && timeout 60 %s/auditctl -d %s forward --to %s "
	    "--ca %s --cursor cursor --once %s 2>>forward.err",
	    e2e_env("STACK_DIR"), e2e_env("POSTERN_BIN"), db, to, ca,
	    options);
}

/* A free port of loopback, as far as one can know. */
static int
free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int s = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(s, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(getsockname(s, (struct sockaddr *)&a, &n), 0);
	close(s);
	return ntohs(a.sin_port);
}

static void
fresh(bool tls)
{
	const char *dir = e2e_env("STACK_DIR");
	int port = free_port();
	char tls_dir[500];

	ck_assert_int_eq(e2e_sh("cd %s && rm -f cursor cursor.lock got "
	    "forward.err receiver.err", dir), 0);
	if (tls) {
		snprintf(to, sizeof to, "tls:127.0.0.1:%d", port);
		snprintf(tls_dir, sizeof tls_dir, "%s", e2e_env("GW_CA"));
		*strrchr(tls_dir, '/') = '\0';
		snprintf(listen_args, sizeof listen_args, "tls %d "
		    "%s/server.pem %s/server.key", port, tls_dir, tls_dir);
	} else {
		snprintf(to, sizeof to, "unix:%s/log.sock", dir);
		snprintf(listen_args, sizeof listen_args, "unix log.sock");
	}
}

/* The last event of now is confirmed. */
static bool
cursor_at(long event)
{
	return e2e_sh("cd %s && test -f cursor && test $(sed "
	    "'s/.*event=//' cursor) -ge %ld", e2e_env("STACK_DIR"), event) ==
	    0;
}

static void
all_came(void)
{
	long last = e2e_audit_n("SELECT max(id) FROM events");

	ck_assert_msg(E2E_UNTIL(60000, cursor_at(last)),
	    "the cursor does not come to %ld", last);
	/* All segments as one, as auditctl attach makes them. */
	ck_assert_int_eq(e2e_sh("cd %s && rm -f all.db && sqlite3 all.db "
	    "'CREATE TABLE events (id INTEGER PRIMARY KEY, kind, session, "
	    "body)' && for f in $(dirname $(readlink -f %s))/audit-*.db; do "
	    "sqlite3 all.db \"ATTACH 'file:$f?mode=ro' AS s; INSERT INTO "
	    "events SELECT id, kind, session, body FROM s.events WHERE id <= "
	    "%ld\" || exit 1; done && python3 %s/tests/e2e/received.py got "
	    "all.db", e2e_env("STACK_DIR"), e2e_env("AUDIT_DB"), last,
	    getenv("POSTERN_SRC")), 0);
}

static void
seal(void)
{
	ck_assert_int_eq(e2e_sh("%s/auditctl -s %s seal >/dev/null",
	    e2e_env("POSTERN_BIN"), e2e_env("AUDITD_SOCK")), 0);
}

/* Bytes that were received so far. */
static long
got_size(void)
{
	struct stat st;
	char path[600];

	snprintf(path, sizeof path, "%s/got", e2e_env("STACK_DIR"));
	return stat(path, &st) == -1 ? 0 : (long)st.st_size;
}

/* Receiver and forwarder killed again and again, under load. */
static void
killed(bool tls, const char *tag)
{
	struct load *l;
	long was;
	int i;

	fresh(tls);
	l = load_start(tag);
	start_receiver("");
	start_forwarder();
	for (i = 0; i < 5; i++) {
		/* Killed while something comes, not before. */
		was = got_size();
		ck_assert(E2E_UNTIL(60000, got_size() > was + i * 7000));
		if (i % 3 != 2) {
			end(&receiver, SIGKILL);
			start_receiver(i % 4 == 1 ? "SLOW=0.0005" : "");
		}
		if (i % 3 != 0) {
			end(&forwarder, SIGKILL);
			start_forwarder();
		}
		if (i % 2 == 1)
			seal();
	}
	ck_assert(load_stop(l));
	load_free(&l);
	end(&receiver, SIGKILL);
	start_receiver("");
	all_came();
	/* Asked to end, it ends well. */
	ck_assert_int_eq(end(&forwarder, SIGTERM), 0);
	end(&receiver, SIGKILL);
}

START_TEST(over_tls)
{
	killed(true, "fwdtls");
}
END_TEST

START_TEST(local_socket)
{
	killed(false, "fwdunix");
}
END_TEST

/* What one who may be anybody is sent, and what is not taken for delivered. */
START_TEST(not_confirmed)
{
	const char *dir = e2e_env("STACK_DIR");

	fresh(true);
	/* Read, and the connection closed without the word for it. */
	start_receiver("RUDE=1");
	start_forwarder();
	ck_assert(E2E_UNTIL(60000, e2e_sh("grep -q 'not confirmed' "
	    "%s/forward.err", dir) == 0));
	ck_assert_int_ne(e2e_sh("test -f %s/cursor", dir), 0);
	/* One forwarder a cursor. */
	ck_assert_int_eq(forward_once(""), 2);
	ck_assert_int_eq(e2e_sh("grep -q \"another forwarder\" "
	    "%s/forward.err", dir), 0);
	end(&receiver, SIGKILL);
	start_receiver("");
	all_came();
	end(&forwarder, SIGTERM);
	/* Somebody with another certificate is told nothing. */
	ck_assert_int_eq(e2e_sh("cd %s && rm -f got cursor && openssl req -x509 "
	    "-newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext "
	    "subjectAltName=IP:127.0.0.1 -keyout other.key -out other.pem "
	    "2>/dev/null", dir), 0);
	end(&receiver, SIGKILL);
	snprintf(listen_args, sizeof listen_args, "tls %s other.pem "
	    "other.key", strrchr(to, ':') + 1);
	start_receiver("");
	start_forwarder();
	ck_assert(E2E_UNTIL(60000, e2e_sh("grep -q 'self-signed' "
	    "%s/forward.err", dir) == 0));
	end(&forwarder, SIGTERM);
	end(&receiver, SIGKILL);
	ck_assert_int_eq(e2e_sh("test -s %s/got", dir), 1);
}
END_TEST

START_TEST(cursors)
{
	const char *dir = e2e_env("STACK_DIR");
	PGconn *c = e2e_session("dba", "fwd-long");
	char sql[12000];

	memset(sql, 'x', sizeof sql);
	memcpy(sql, "SELECT '", 8);
	memcpy(sql + sizeof sql - 2, "'", 2);
	free(e2e_value(c, sql));
	PQfinish(c);
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE length(body) > 11000") > 0));
	fresh(false);
	start_receiver("");
	ck_assert(E2E_UNTIL(60000, e2e_sh("test -S %s/log.sock", dir) == 0));
	/* What has no room is cut, and says so. */
	ck_assert_int_eq(forward_once("--max 4000"), 0);
	all_came();
	ck_assert_int_eq(e2e_sh("cd %s && grep -q ' length=\"1[0-9]*\"' got && "
	    "test $(awk '{ if (length($0) > n) n = length($0) } END { print n "
	    "}' got) -le 4000", dir), 0);
	/* Not anew, and not about another store. */
	ck_assert_int_eq(e2e_sh("cd %s && cp got before", dir), 0);
	ck_assert_int_eq(e2e_sh("cd %s && sed 's/store=./store=0/; "
	    "s/store=00/store=01/' cursor > other && mv cursor mine && mv "
	    "other cursor", dir), 0);
	ck_assert_int_eq(forward_once(""), 2);
	ck_assert_int_eq(e2e_sh("cd %s && echo rubbish > cursor", dir), 0);
	ck_assert_int_eq(forward_once(""), 2);
	ck_assert_int_eq(e2e_sh("cd %s && sed 's/event=.*/event=99999999/' "
	    "mine > cursor", dir), 0);
	ck_assert_int_eq(forward_once(""), 2);
	ck_assert_int_eq(e2e_sh("cd %s && grep -q 'its end was removed' "
	    "forward.err && grep -q 'is no cursor' forward.err && grep -q "
	    "'another store' forward.err && cmp got before", dir), 0);
	end(&receiver, SIGKILL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("forward");
	TCase *t = tcase_create("forward");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, over_tls);
	tcase_add_test(t, local_socket);
	tcase_add_test(t, not_confirmed);
	tcase_add_test(t, cursors);
	suite_add_tcase(s, t);
	return e2e_main(s);
}
