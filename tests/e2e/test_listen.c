/*
 * Where clients come from: by the word of a load balancer (PROXY protocol,
 * version 2), and by Unix sockets; and hosts that are gone.
 */
#include "e2e.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "raw.h"

#define PG_ALPN		"postgresql"
#define SSLREQUEST	"\0\0\0\10\4\322\26\57"
#define SIG		"\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0a"
/* 192.0.2.7:12345 and 2001:db8::7, port 65535. */
#define TCP4		SIG "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x01" \
			"\x30\x39\x15\x38"
#define TCP6		SIG "\x21\x21\x00\x24" \
			"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07" \
			"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
			"\xff\xff\x15\x38"
#define LOCAL		SIG "\x20\x00\x00\x00"
#define LEN(s)		(sizeof(s) - 1)

static const char *const proxied[] = { "GW_OAUTH_PORT", "GW_CERT_PORT" };
static const char *const plain[] = { "GW_PORT", "GW_SHARED_PORT" };

/* TLS, startup, token: is it let in? */
static bool
logs_in(struct raw *r, const char *user, const char *token)
{
	return raw_handshake(r, PG_ALPN, 0, NULL, NULL) &&
	    raw_startup(r, user, "shop") && raw_until(r, 'R', 5000) &&
	    raw_msg(r, 'p', token, strlen(token) + 1) &&
	    raw_until(r, 'Z', 10000);
}

static bool
comes_in(const char *port, const char *from, const void *header, size_t len,
    const char *user, const char *token)
{
	struct raw *r = raw_to(port, from);
	bool in = raw_send(r, header, len) && logs_in(r, user, token);

	raw_vanish(&r);
	return in;
}

/* By the end of the connection, and without an answer. */
static void
check_ends(struct raw **r, const char *what)
{
	int answer = raw_byte(*r, 20000);

	ck_assert_msg(answer == -2, "%s: %d", what, answer);
	raw_vanish(r);
}

static long
opened(const char *sub, const char *peer)
{
	return e2e_audit_n("SELECT count(*) FROM sessions WHERE subject = '%s' "
	    "AND peer LIKE '%s'", sub, peer);
}

START_TEST(addresses)
{
	char *token = e2e_token(_i ? "listen-b" : "listen-a", "dba");
	const char *sub = _i ? "listen-b" : "listen-a", *port = proxied[_i];
	static const char more[] = SIG "\x21\x11\x00\x13\xc0\x00\x02\x08"
	    "\xc0\x00\x02\x01\x00\x01\x15\x38\x04\x00\x00\xee\x00\x01z";
	struct raw *r;
	size_t i;

	ck_assert(comes_in(port, NULL, TCP4, LEN(TCP4), "dba", token));
	ck_assert(comes_in(port, NULL, TCP6, LEN(TCP6), "dba", token));
	ck_assert(comes_in(port, NULL, more, LEN(more), "dba", token));
	/* Byte by byte, and with the request for TLS behind it at once. */
	r = raw_to(port, NULL);
	for (i = 0; i < LEN(TCP4); i++) {
		ck_assert(raw_send(r, &TCP4[i], 1));
		if (i % 7 == 0)
			e2e_pause(5);
	}
	ck_assert(logs_in(r, "dba", token));
	raw_vanish(&r);
	r = raw_to(port, NULL);
	ck_assert(raw_send(r, TCP4 SSLREQUEST, LEN(TCP4) + 8));
	ck_assert_int_eq(raw_byte(r, 10000), 'S');
	ck_assert(logs_in(r, "dba", token));
	raw_vanish(&r);
	/* The load balancer itself, to see if somebody is there. */
	ck_assert(comes_in(port, NULL, LOCAL, LEN(LOCAL), "dba", token));
	r = raw_to(port, NULL);
	ck_assert(raw_send(r, LOCAL, LEN(LOCAL)));
	raw_vanish(&r);
	ck_assert(E2E_UNTIL(10000, opened(sub, "192.0.2.7:12345") == 3 &&
	    opened(sub, "[2001:db8::7]:65535") == 1 &&
	    opened(sub, "192.0.2.8:1") == 1 &&
	    opened(sub, "%%127.0.0.1%%") == 1));
	free(token);
}
END_TEST

START_TEST(strangers)
{
	char *token = e2e_token("listen-stranger", "dba");
	struct raw *r;
	size_t i;

	/* Not a load balancer's address: whatever it says. */
	for (i = 0; i < 2; i++) {
		r = raw_to(proxied[i], "127.0.0.6");
		raw_send(r, TCP4, LEN(TCP4));
		check_ends(&r, "a stranger with a header");
		r = raw_to(proxied[i], "127.0.0.6");
		check_ends(&r, "a stranger");
	}
	ck_assert(comes_in(proxied[0], "127.0.0.33", TCP4, LEN(TCP4), "dba",
	    token));
	/* A load balancer that says nothing of the kind. */
	for (i = 0; i < 2; i++) {
		r = raw_to(proxied[i], NULL);
		raw_send(r, SSLREQUEST, 8);
		check_ends(&r, "no header, but SSLRequest");
		r = raw_to(proxied[i], NULL);
		ck_assert(!raw_handshake(r, PG_ALPN, 0, NULL, NULL));
		raw_vanish(&r);
		r = raw_to(proxied[i], NULL);
		raw_startup(r, "dba", "shop");
		check_ends(&r, "no header, but startup");
	}
	/* Where no header is known it is nothing. */
	for (i = 0; i < 2; i++) {
		r = raw_to(plain[i], NULL);
		raw_send(r, TCP4, LEN(TCP4));
		check_ends(&r, "a header on another listener");
		r = raw_to(plain[i], NULL);
		ck_assert(raw_handshake(r, PG_ALPN, 0, NULL, NULL));
		raw_send(r, TCP4, LEN(TCP4));
		check_ends(&r, "a header inside TLS");
	}
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM sessions WHERE "
	    "subject = 'listen-stranger'"), 1);
	free(token);
}
END_TEST

/* Logins that limits.login has ended, as far as the log goes. */
static int
timed_out(void)
{
	char line[1024];
	int n = 0;
	FILE *f;

	snprintf(line, sizeof line, "%s/gatewayd.log", e2e_env("STACK_DIR"));
	ck_assert_ptr_nonnull(f = fopen(line, "r"));
	while (fgets(line, sizeof line, f) != NULL)
		n += strstr(line, "login took too long") != NULL;
	fclose(f);
	return n;
}

START_TEST(hostile)
{
	static const struct {
		const char *what, *bytes;
		size_t len;
	} bad[] = {
#define B(what, s)	{ what, s, LEN(s) }
		B("version 1", "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n"),
		B("UNSPEC", SIG "\x21\x00\x00\x00"),
		B("UDP", SIG "\x21\x12\x00\x0c" "aaaabbbbccdd"),
		B("Unix", SIG "\x21\x31\x00\x0c" "aaaabbbbccdd"),
		B("version 3", SIG "\x31\x11\x00\x0c" "aaaabbbbccdd"),
		B("command 2", SIG "\x22\x11\x00\x0c" "aaaabbbbccdd"),
		B("short", SIG "\x21\x11\x00\x0b" "aaaabbbbccd"),
		B("field too long", SIG "\x21\x11\x00\x0f" "aaaabbbbccdd"
		    "\x04\x00\x01"),
		B("too long", SIG "\x21\x11\xff\xff"),
		B("one byte wrong", "\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0d"),
		B("twice", TCP4 TCP4),
		B("NULs", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	};
	struct raw *r;
	size_t i;
	int before;

	before = timed_out();
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		r = raw_to(proxied[_i], NULL);
		raw_send(r, bad[i].bytes, bad[i].len);
		check_ends(&r, bad[i].what);
	}
	ck_assert_int_eq(timed_out(), before);
	/* Half of one, for as long as a login may take and no longer. */
	r = raw_to(proxied[_i], NULL);
	ck_assert(raw_send(r, TCP4, 20));
	check_ends(&r, "half a header");
	r = raw_to(proxied[_i], NULL);
	check_ends(&r, "nothing at all");
	ck_assert(E2E_UNTIL(10000, timed_out() == before + 2));
}
END_TEST

/* How many the gateway has closed. */
static size_t
ended(struct raw **r, size_t n)
{
	size_t i, over = 0;

	for (i = 0; i < n; i++)
		over += raw_byte(r[i], 0) == -2;
	return over;
}

/* The policy's networks and the places before login are by that address. */
START_TEST(counts)
{
	char *token = e2e_token("listen-near", "near");
	char *dba = e2e_token("listen-count", "dba");
	static const char other[] = SIG "\x21\x11\x00\x0c\xc6\x33\x64\x07"
	    "\xc0\x00\x02\x01\x30\x39\x15\x38";
	struct raw *r[12], *late;
	size_t i;

	ck_assert(comes_in(proxied[_i], NULL, TCP4, LEN(TCP4), "near", token));
	ck_assert(!comes_in(proxied[_i], NULL, TCP6, LEN(TCP6), "near",
	    token));
	ck_assert(!comes_in(proxied[_i], NULL, LOCAL, LEN(LOCAL), "near",
	    token));
	ck_assert(!comes_in(plain[_i], NULL, "", 0, "near", token));
	/* Five of one address may wait; the load balancer's others do not
	 * notice. */
	for (i = 0; i < 12; i++) {
		r[i] = raw_to(proxied[_i], NULL);
		ck_assert(raw_send(r[i], other, LEN(other)));
	}
	ck_assert(comes_in(proxied[_i], NULL, TCP4, LEN(TCP4), "dba", dba));
	ck_assert(E2E_UNTIL(10000, ended(r, 12) >= 7));
	late = raw_to(proxied[_i], NULL);
	ck_assert(raw_send(late, TCP6, LEN(TCP6)));
	ck_assert(logs_in(late, "dba", dba));
	raw_vanish(&late);
	for (i = 0; i < 12; i++)
		raw_vanish(&r[i]);
	ck_assert(E2E_UNTIL(10000, e2e_sh("grep -q 'peer=198.51.100.7:12345 "
	    "via=.*127.0.0.1' %s/gatewayd.log", e2e_env("STACK_DIR")) == 0));
	free(token);
	free(dba);
}
END_TEST

/* --- Unix sockets ------------------------------------------------------------ */

static PGconn *
by_socket(const char *user, const char *token)
{
	const char *keys[] = { "host", "port", "dbname", "user", "password",
	    NULL };
	const char *values[] = { e2e_env("GW_SOCKET_DIR"), e2e_env("GW_PORT"),
	    "shop", user, token, NULL };

	return PQconnectdbParams(keys, values, 0);
}

static const char *
socket_path(void)
{
	static char path[108];

	snprintf(path, sizeof path, "%s/.s.PGSQL.%s",
	    e2e_env("GW_SOCKET_DIR"), e2e_env("GW_PORT"));
	return path;
}

/* As libpq finds it; a token is asked for as anywhere, and who it is by the
 * kernel's word is in the record. */
START_TEST(unix_peers)
{
	char *token = e2e_token("listen-unix", "dba"), who[128];
	PGconn *c = by_socket("dba", token);
	struct stat st;

	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	snprintf(who, sizeof who, "unix:uid=%u,gid=%u,pid=%d", getuid(),
	    getgid(), getpid());
	ck_assert(E2E_UNTIL(10000, opened("listen-unix", who) == 1));
	PQfinish(c);
	c = by_socket("dba", "no token");
	ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
	ck_assert_ptr_nonnull(strstr(PQerrorMessage(c), "authentication"));
	PQfinish(c);
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'login_refused' AND json_extract(body, '$.peer') = "
	    "'%s'", who) == 1));
	/* It is of no network, and so not of this profile's. */
	free(token);
	token = e2e_token("listen-unix", "near");
	c = by_socket("near", token);
	ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
	PQfinish(c);
	free(token);
	ck_assert_int_eq(stat(socket_path(), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0660);
}
END_TEST

static int
connect_unix(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", socket_path());
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, sizeof sun), 0);
	return fd;
}

/* How many the gateway has closed; what it said before that was N, or nothing. */
static int
closed(int *fds, int n)
{
	int i, over = 0;
	ssize_t got;
	char b;

	for (i = 0; i < n; i++) {
		while ((got = recv(fds[i], &b, 1, MSG_DONTWAIT)) == 1)
			ck_assert_int_eq(b, 'N');
		over += got == 0;
	}
	return over;
}

/* There is no TLS there, and one user takes the places of himself alone. */
START_TEST(unix_places)
{
	char *token = e2e_token("listen-places", "dba");
	int fds[12], i;

	/* Those over the number may be closed before they say a word. */
	for (i = 0; i < 12; i++) {
		fds[i] = connect_unix();
		send(fds[i], SSLREQUEST, 8, MSG_NOSIGNAL);
	}
	ck_assert(E2E_UNTIL(10000, closed(fds, 12) >= 7));
	ck_assert(comes_in(plain[0], NULL, "", 0, "dba", token));
	for (i = 0; i < 12; i++)
		close(fds[i]);
	free(token);
}
END_TEST

/* --- hosts that are gone ------------------------------------------------------- */

/* Clock ticks until the gateway asks if the host of this connection is there;
 * -1: it will not, or has something else to do. */
static long
asks_in(int fd, const char *port)
{
	struct sockaddr_in me;
	socklen_t len = sizeof me;
	unsigned int local, remote, timer;
	unsigned long when;
	char line[512];
	long found = -1;
	FILE *f = fopen("/proc/net/tcp", "r");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&me, &len), 0);
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, " %*d: %*x:%x %*x:%x %*x %*x:%*x %x:%lx",
		    &local, &remote, &timer, &when) == 4 &&
		    local == (unsigned int)atoi(e2e_env(port)) &&
		    remote == ntohs(me.sin_port) && timer == 2)
			found = (long)when;
	fclose(f);
	return found;
}

/* limits.keepalive is two seconds here, and two hours by the kernel's default. */
START_TEST(gone)
{
	const char *sub = _i ? "listen-gone-b" : "listen-gone-a";
	char *token = e2e_token(sub, "dba");
	struct raw *r = raw_to(plain[_i], NULL);
	int on = 1;
	long n;

	ck_assert(logs_in(r, "dba", token));
	free(token);
	ck_assert(E2E_UNTIL(10000, (n = asks_in(raw_fd(r), plain[_i])) >= 0 &&
	    n <= 2 * sysconf(_SC_CLK_TCK)));
	/* It answers, and so the session stays. */
	e2e_pause(3000);
	ck_assert(raw_query(r, "SELECT 7"));
	ck_assert(raw_until(r, 'Z', 10000));
	if (setsockopt(raw_fd(r), IPPROTO_TCP, TCP_REPAIR, &on,
	    sizeof on) == -1) {
		printf("SKIPPED: only root can have a host vanish\n");
		raw_free(&r);
		return;
	}
	/* Closed so the socket is gone and nobody is told. */
	raw_vanish(&r);
	ck_assert(E2E_UNTIL(20000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = '%s' AND closed IS NOT NULL", sub) == 1));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("listen");
	TCase *tc = tcase_create("listen");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, addresses, 0, 2);
	tcase_add_test(tc, strangers);
	tcase_add_loop_test(tc, hostile, 0, 2);
	tcase_add_loop_test(tc, counts, 0, 2);
	tcase_add_test(tc, unix_peers);
	tcase_add_test(tc, unix_places);
	tcase_add_loop_test(tc, gone, 0, 2);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
