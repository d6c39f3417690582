/*
 * A server that is not PostgreSQL, or is possessed: each thing that it says out
 * of turn ends its own session with an error of Postern's, nothing behind it
 * reaches the client, no password is handed to it, and nobody else notices.
 * What a server may say at any time passes as it came.
 */
#include "e2e.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "raw.h"

#define PIECES	10

/* A message, bytes as they are (type 0), or the end ('!'). */
struct piece {
	char		 type;
	const char	*body;
	size_t		 len;
};

struct scene {
	const char	*what;
	struct piece	 say[PIECES];
	const char	*sqlstate;	/* NULL: all of it comes through */
};

#define MSG(t, b)	{ t, b, sizeof(b) - 1 }
#define RAW(b)		{ 0, b, sizeof(b) - 1 }
#define END		MSG('!', "")
#define OK		MSG('R', "\0\0\0\0")
#define KEY		MSG('K', "\0\0\1\1\1\2\3\4")
#define READY		MSG('Z', "I")
#define COLUMNS		MSG('T', "\0\1a\0\0\0\0\0\0\0\0\0\0\31\377\377" \
			"\377\377\377\377\0\0")
#define ROW		MSG('D', "\0\1\0\0\0\1x")
#define DONE		MSG('C', "SELECT 1\0")

/* In the place of an answer to the SSLRequest. */
static const struct scene hello[] = {
	{ "no TLS", { RAW("N") }, "08006" },
	/* CVE-2021-23222: taken for something that came encrypted. */
	{ "a byte behind the S", { RAW("SR\0\0\0\10\0\0\0\0") }, "08006" },
	{ "an error", { MSG('E', "SFATAL\0C53300\0Mno\0\0") }, "08006" },
	{ "nonsense", { RAW("HTTP/1.0 400 no\r\n\r\n") }, "08006" },
	{ "nothing", { END }, "08006" },
};

/* In the place of an answer to the startup packet. */
static const struct scene login[] = {
	{ "an error before the protocol, as a failed fork gives it",
	    { RAW("Ecould not fork new process for connection: no\n\0") },
	    "08006" },
	{ "an error", { MSG('E', "SFATAL\0VFATAL\0C53300\0Mno\0\0") },
	    "08006" },
	{ "length 3", { RAW("R\0\0\0\3") }, "08006" },
	{ "length 2 GiB", { RAW("R\177\377\377\377") }, "08006" },
	{ "length -1", { RAW("N\377\377\377\377") }, "08006" },
	{ "a message that does not exist", { MSG('~', "x"), OK, KEY, READY },
	    "08006" },
	{ "a row", { ROW, OK, KEY, READY }, "08006" },
	{ "half an R", { MSG('R', "\0\0"), OK, KEY, READY }, "08006" },
	{ "wants the password", { MSG('R', "\0\0\0\3") }, "08006" },
	{ "wants it as MD5", { MSG('R', "\0\0\0\5salt") }, "08006" },
	{ "wants Kerberos", { MSG('R', "\0\0\0\7") }, "08006" },
	{ "no mechanism that exists",
	    { MSG('R', "\0\0\0\12PLAIN\0OAUTHBEARER\0\0") }, "08006" },
	{ "no end of the mechanisms", { MSG('R', "\0\0\0\12SCRAM-SHA-256") },
	    "08006" },
	{ "goes on with what was not begun", { MSG('R', "\0\0\0\13r=a") },
	    "08006" },
	{ "ready too soon", { READY }, "08006" },
	{ "ready without a key", { OK, READY }, "08006" },
	{ "a short key", { OK, MSG('K', "\0\0\1\1"), READY }, "08006" },
	{ "an encoding that hides what a text means",
	    { OK, MSG('S', "client_encoding\0SJIS\0"), KEY, READY }, "0A000" },
	{ "strings with escapes",
	    { OK, MSG('S', "standard_conforming_strings\0off\0"), KEY, READY },
	    "0A000" },
	{ "half a parameter", { OK, MSG('S', "TimeZone"), KEY, READY },
	    "0A000" },
	{ "nothing", { END }, "08006" },
};

/* In the place of an answer to a query. */
static const struct scene answer[] = {
	{ "what may come at any time",
	    { MSG('N', "SNOTICE\0C00000\0Mn\0\0"), MSG('A', "\0\0\0\7ch\0x\0"),
	    MSG('S', "TimeZone\0UTC\0"), COLUMNS, MSG('A', "\0\0\0\7ch\0y\0"),
	    ROW, MSG('S', "TimeZone\0CET\0"), DONE,
	    MSG('N', "SNOTICE\0C00000\0Mn\0\0"), READY }, NULL },
	{ "an error with fields that nobody knows",
	    { MSG('E', "SERROR\0VERROR\0C42P01\0Mno\0Zz\0?what\0\0"), READY },
	    NULL },
	{ "an error without SQLSTATE", { MSG('E', "SERROR\0Mno\0\0"), READY },
	    NULL },
	{ "an error without anything", { MSG('E', "\0"), READY }, NULL },
	{ "no rows of no columns", { MSG('T', "\0\0"), MSG('D', "\0\0"), DONE,
	    MSG('I', ""), READY }, NULL },
	{ "its own end", { MSG('E', "SFATAL\0VFATAL\0C57P01\0Mno\0\0"),
	    END }, "57P01" },
	{ "length 3", { RAW("C\0\0\0\3"), ROW, READY }, "08P01" },
	{ "length 0 of a row", { RAW("D\0\0\0\0"), ROW, READY }, "08P01" },
	{ "length -1", { RAW("T\377\377\377\377"), ROW, READY }, "08P01" },
	{ "length 2 GiB", { RAW("E\177\377\377\377"), ROW, READY }, "08P01" },
	{ "a message that does not exist", { MSG('~', "x"), ROW, READY },
	    "08P01" },
	{ "a client's message", { MSG('Q', "SELECT 1\0"), ROW, READY },
	    "08P01" },
	/* Else it would get from the client what the client has. */
	{ "wants the client's password", { MSG('R', "\0\0\0\3"), READY },
	    "08P01" },
	{ "another key", { KEY, ROW, READY }, "08P01" },
	{ "other versions", { MSG('v', "\0\3\0\0\0\0\0\0"), ROW, READY },
	    "08P01" },
	{ "a copy both ways", { MSG('W', "\0\0\0"), ROW, READY }, "08P01" },
	{ "an answer to Parse", { MSG('1', ""), ROW, READY }, "08P01" },
	{ "an answer to Bind", { MSG('2', ""), ROW, READY }, "08P01" },
	{ "an answer to Close", { MSG('3', ""), ROW, READY }, "08P01" },
	{ "an answer to Describe", { MSG('n', ""), ROW, READY }, "08P01" },
	{ "half a column", { MSG('T', "\0\1a"), ROW, READY }, "08P01" },
	{ "more columns than it says", { MSG('T', "\0\0a"), ROW, READY },
	    "08P01" },
	{ "a tag without end", { MSG('C', "SELECT 1"), ROW, READY }, "08P01" },
	{ "an error without end", { MSG('E', "SERROR\0Mno"), ROW, READY },
	    "08P01" },
	{ "ready, of two letters", { DONE, MSG('Z', "II"), ROW, READY },
	    "08P01" },
	{ "ready twice", { DONE, READY, READY, ROW, READY }, "08P01" },
	{ "an encoding that hides what a text means",
	    { MSG('S', "client_encoding\0GBK\0"), ROW, READY }, "0A000" },
	{ "strings with escapes",
	    { MSG('S', "standard_conforming_strings\0off\0"), ROW, READY },
	    "0A000" },
	/* Nothing can be said in the middle of it. */
	{ "half a row, then nothing", { RAW("D\0\0\1\0\0\1"), END }, "" },
};

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* Between the test and its server. */
struct shared {
	volatile int	 of;		/* which list: h, l, a */
	volatile int	 scene;
	volatile long	 after;		/* bytes that came behind the startup */
};

static struct shared	*sh;
static pid_t		 server;
static PGconn		*bystander;

/* --- the server ------------------------------------------------------------------ */

static bool
get(int fd, void *buf, size_t len)
{
	size_t n = 0;
	ssize_t r;

	while (n < len) {
		if ((r = read(fd, (char *)buf + n, len - n)) <= 0)
			return false;
		n += (size_t)r;
	}
	return true;
}

static void
say(int fd, const struct piece *p)
{
	uint8_t head[5] = { (uint8_t)p->type };
	uint32_t be = htonl((uint32_t)p->len + 4);

	memcpy(head + 1, &be, 4);
	if (p->type == '!')
		shutdown(fd, SHUT_WR);
	else if (p->type != 0)
		send(fd, head, 5, MSG_NOSIGNAL | MSG_MORE);
	send(fd, p->body, p->len, MSG_NOSIGNAL);
}

/* Then what comes is counted, until the other side has enough. */
static void
play(int fd, const struct scene *s)
{
	char buf[4096];
	size_t i;
	ssize_t n;

	for (i = 0; i < PIECES && s->say[i].body != NULL; i++)
		say(fd, &s->say[i]);
	while ((n = read(fd, buf, sizeof buf)) > 0)
		sh->after += n;
}

/* Startup packets up to one that is none of the requests. */
static void
serve_one(int fd)
{
	static const struct piece greeting[] = { OK,
	    MSG('S', "client_encoding\0UTF8\0"),
	    MSG('S', "server_version\0" "15.9\0"),
	    MSG('S', "standard_conforming_strings\0on\0"), KEY, READY };
	static char buf[10000];
	uint32_t len, code;
	size_t i;

	for (;;) {
		if (!get(fd, &len, 4) || (len = ntohl(len)) < 8 ||
		    len > sizeof buf || !get(fd, buf, len - 4))
			return;
		memcpy(&code, buf, 4);
		if (ntohl(code) != 80877103)
			break;
		if (sh->of == 'h') {
			play(fd, &hello[sh->scene]);
			return;
		}
		send(fd, "N", 1, MSG_NOSIGNAL);
	}
	/* "user" NUL name NUL */
	if (strcmp(buf + 9, "app_dba") != 0)
		return;
	if (sh->of == 'l') {
		play(fd, &login[sh->scene]);
		return;
	}
	for (i = 0; i < N(greeting); i++)
		say(fd, &greeting[i]);
	if (!get(fd, buf, 5) || buf[0] != 'Q')
		return;
	memcpy(&len, buf + 1, 4);
	if (get(fd, buf, ntohl(len) - 4))
		play(fd, &answer[sh->scene]);
}

static void
serve(int fd)
{
	int c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if ((c = accept(fd, NULL, NULL)) == -1)
			continue;
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve_one(c);
			_exit(0);
		}
		close(c);
	}
}

static void
setup(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(sh, MAP_FAILED);
	sin.sin_port = htons((uint16_t)atoi(e2e_env("GW_OAUTH_PORT")));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof sin), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	if ((server = fork()) == 0)
		serve(fd);
	ck_assert_int_gt(server, 0);
	close(fd);
	/* In the very worker that meets the liar. */
	bystander = e2e_session_shared("dba", "server-bystander");
}

static void
teardown(void)
{
	char *v = e2e_value(bystander, "SELECT 7");

	ck_assert_str_eq(v, "7");
	free(v);
	PQfinish(bystander);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	munmap(sh, sizeof *sh);
}

/* --- the client -------------------------------------------------------------------- */

static struct raw *
login_to(const char *database, bool shared, const char *token)
{
	struct raw *r = raw_tls(shared);

	ck_assert(raw_startup(r, "dba", database));
	ck_assert(raw_until(r, 'R', 10000));
	ck_assert(raw_msg(r, 'p', token, strlen(token) + 1));
	return r;
}

static void
refused(const struct scene *s, int of, size_t i, const char *database,
    bool shared, const char *token)
{
	struct raw *r;
	const char *state;

	sh->of = of;
	sh->scene = (int)i;
	sh->after = 0;
	r = login_to(database, shared, token);
	state = raw_ending(r, 10000);
	ck_assert_msg(state != NULL, "%s: it goes on", s->what);
	ck_assert_msg(strcmp(state, s->sqlstate) == 0, "%s: SQLSTATE %s",
	    s->what, state);
	/* Nothing was handed to it: no password, no proof. */
	ck_assert_msg(sh->after == 0, "%s: %ld bytes", s->what, sh->after);
	raw_vanish(&r);
}

START_TEST(not_let_in)
{
	char *token = e2e_token("server-login", "dba");
	size_t i;

	for (i = 0; i < N(hello); i++)
		refused(&hello[i], 'h', i, "liar_tls", _i != 0, token);
	for (i = 0; i < N(login); i++)
		refused(&login[i], 'l', i, "liar", _i != 0, token);
	free(token);
}
END_TEST

/* Exactly what was said comes out. */
static void
check_passed(const struct scene *s, struct raw *r)
{
	const uint8_t *p;
	size_t i, len;

	for (i = 0; i < PIECES && s->say[i].body != NULL; i++) {
		ck_assert_msg(raw_read(r, 10000, &p, &len) == s->say[i].type,
		    "%s: message %zu", s->what, i);
		ck_assert_msg(len == s->say[i].len && memcmp(p,
		    s->say[i].body, len) == 0, "%s: message %zu", s->what, i);
	}
}

/* The end, by this error, and no row before it. */
static void
check_ended(const struct scene *s, struct raw *r)
{
	const uint8_t *p;
	size_t len;
	int type;

	while ((type = raw_read(r, 10000, &p, &len)) > 0)
		ck_assert_msg(type != 'D' && type != 'R' && type != 'W' &&
		    type != 'K', "%s: a message of type %c",
		    s->what, type);
	ck_assert_msg(type == 0, "%s: it goes on", s->what);
	ck_assert_msg(strcmp(raw_sqlstate(r), s->sqlstate) == 0,
	    "%s: SQLSTATE %s", s->what, raw_sqlstate(r));
}

START_TEST(answers)
{
	char *token = e2e_token("server-answer", "dba");
	struct raw *r;
	size_t i;

	for (i = 0; i < N(answer); i++) {
		sh->of = 'a';
		sh->scene = (int)i;
		r = login_to("liar", _i != 0, token);
		ck_assert_msg(raw_until(r, 'Z', 20000), "%s: no session: %s",
		    answer[i].what, raw_message(r));
		ck_assert(raw_query(r, "SELECT 1"));
		if (answer[i].sqlstate == NULL)
			check_passed(&answer[i], r);
		else
			check_ended(&answer[i], r);
		raw_vanish(&r);
	}
	free(token);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("server");
	TCase *tc = tcase_create("server");

	tcase_set_timeout(tc, 240);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, not_let_in, 0, 2);
	tcase_add_loop_test(tc, answers, 0, 2);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
