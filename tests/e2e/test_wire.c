/*
 * Malformed messages: each ends its own session, with 08P01 where one can
 * still be sent, and nothing else notices.
 */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

/* Every type that a client may send, and some that it may not. */
static const char types[] = "QPBEDCSHFdcfXp" "RKTZ1!\n";
/* The length word, which counts itself. */
static const uint32_t lengths[] = { 0, 3, 0x7fffffff, 0xffffffff };

static pid_t fixed_gatewayd, fixed_policyd, fixed_auditd;
static PGconn *bystander;

static void
setup(void)
{
	fixed_gatewayd = e2e_process("gatewayd");
	fixed_policyd = e2e_process("policyd");
	fixed_auditd = e2e_process("auditd");
	bystander = e2e_session("dba", "wire-bystander");
}

static void
teardown(void)
{
	char *v = e2e_value(bystander, "SELECT 7");

	/* The neighbour and the daemons are as they were. */
	ck_assert_str_eq(v, "7");
	free(v);
	ck_assert_int_eq(e2e_process("gatewayd"), fixed_gatewayd);
	ck_assert_int_eq(e2e_process("policyd"), fixed_policyd);
	ck_assert_int_eq(e2e_process("auditd"), fixed_auditd);
	PQfinish(bystander);
}

/* The session ends within moments, by 08P01 (or 54000: too large) if at all. */
static void
check_ends(struct raw **r, const char *what)
{
	const char *state = raw_ending(*r, 10000);

	ck_assert_msg(state != NULL, "%s: the session goes on", what);
	ck_assert_msg(*state == '\0' || strcmp(state, "08P01") == 0 ||
	    strcmp(state, "54000") == 0, "%s: SQLSTATE %s", what, state);
	raw_free(r);
}

static void
bad_lengths(bool shared)
{
	char what[64];
	const char *t;
	size_t i;

	for (t = types; *t != '\0'; t++) {
		for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
			struct raw *r = raw_session("dba", "wire", shared);

			snprintf(what, sizeof what, "type %02x length %x", *t,
			    lengths[i]);
			raw_liar(r, *t, lengths[i], "abcdefgh", 8);
			check_ends(&r, what);
		}
	}
}

START_TEST(lengths_session)
{
	bad_lengths(false);
}
END_TEST

START_TEST(lengths_shared)
{
	bad_lengths(true);
}
END_TEST

/* Well-framed, but not what its type must hold. */
START_TEST(bad_bodies)
{
	static const struct {
		const char *what;
		char type;
		const char *body;
		size_t len;
	} bad[] = {
		{ "query without NUL", 'Q', "SELECT 1", 8 },
		{ "query with bytes after NUL", 'Q', "SELECT 1\0x", 10 },
		{ "empty query message", 'Q', "", 0 },
		{ "parse without text", 'P', "name\0", 5 },
		{ "parse, half a count", 'P', "\0SELECT 1\0\0", 11 },
		{ "parse, more types than there are", 'P',
		    "\0SELECT 1\0\0\5\0\0", 14 },
		{ "parse, bytes after the end", 'P', "\0SELECT 1\0\0\0zz",
		    14 },
		{ "bind, nothing", 'B', "", 0 },
		{ "bind, a value longer than the message", 'B',
		    "\0\0\0\0\0\1\0\0\377\377xx\0\0", 14 },
		{ "bind, a negative length", 'B',
		    "\0\0\0\0\0\1\377\377\377\376\0\0", 12 },
		{ "bind, a wrong number of formats", 'B',
		    "\0\0\0\5\0\0", 6 },
		{ "execute without count", 'E', "\0", 1 },
		{ "describe of nothing", 'D', "", 0 },
		{ "describe of a strange thing", 'D', "Zx\0", 3 },
		{ "close of a strange thing", 'C', "Zx\0", 3 },
		{ "sync with a body", 'S', "x", 1 },
		{ "flush with a body", 'H', "x", 1 },
		{ "function call, short", 'F', "\0\0", 2 },
		{ "password in the middle", 'p', "secret\0", 7 },
		{ "unknown type", '~', "xxxx", 4 },
		{ "a server's message", 'T', "xxxx", 4 },
	};
	size_t i;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct raw *r = raw_session("dba", "wire-body", false);

		raw_msg(r, bad[i].type, bad[i].body, bad[i].len);
		check_ends(&r, bad[i].what);
	}
}
END_TEST

/* Half a message, then silence: it waits without growing, and the end of the
 * client is the end of the session. */
START_TEST(half_messages)
{
	struct raw *r = raw_session("dba", "wire-half", false);
	long n;

	raw_liar(r, 'Q', 1000000, "SELECT", 6);
	e2e_pause(300);
	raw_vanish(&r);
	ck_assert(E2E_UNTIL(10000, (n = e2e_audit_n("SELECT count(*) FROM "
	    "sessions WHERE subject = 'wire-half' AND closed IS NOT NULL"))
	    == 1));
}
END_TEST

/* Half a message, then silence: the session ends by itself. */
START_TEST(half_and_silence)
{
	struct raw *r = raw_session("dba", "wire-silence", _i != 0);

	raw_liar(r, 'Q', 1000000, "SELECT", 6);
	ck_assert_str_eq(raw_ending(r, 20000), "08P01");
	raw_free(&r);
}
END_TEST

/* A large message is announced and never comes: memory is not taken for it. */
START_TEST(memory_is_flat)
{
	char *token = e2e_token("wire-memory", "dba");
	PGconn *c = e2e_try("dba", token, false);
	struct raw *r;
	pid_t worker, shared;
	long before, after;
	PGconn *s = e2e_session_shared("dba", "wire-memory");
	int i;

	worker = e2e_worker_of(c);
	shared = e2e_worker_of(s);
	ck_assert_int_gt(worker, 0);
	ck_assert_int_gt(shared, 0);
	before = e2e_private_kb(shared);
	for (i = 0; i < 20; i++) {
		r = raw_session("dba", "wire-memory", true);
		raw_liar(r, 'Q', 8 * 1024 * 1024, "SELECT", 6);
		e2e_pause(20);
		raw_vanish(&r);
	}
	after = e2e_private_kb(shared);
	ck_assert_msg(after - before < e2e_growth(4096), "%ld kB more",
	    after - before);
	PQfinish(c);
	PQfinish(s);
	free(token);
}
END_TEST

START_TEST(before_startup)
{
	static const struct {
		const char *what;
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "length 0", "\0\0\0\0\0\3\0\0", 8 },
		{ "length 3", "\0\0\0\3\0\3\0\0", 8 },
		{ "length 7", "\0\0\0\7\0\3\0", 7 },
		{ "huge", "\177\377\377\377\0\3\0\0", 8 },
		{ "-1", "\377\377\377\377\0\3\0\0", 8 },
		{ "version 2", "\0\0\0\10\0\2\0\0", 8 },
		{ "version 9", "\0\0\0\11\0\11\0\0\0", 9 },
		{ "no user", "\0\0\0\11\0\3\0\0\0", 9 },
		{ "no final NUL", "\0\0\0\16\0\3\0\0user\0x", 14 },
		{ "http", "GET / HTTP/1.1\r\n\r\n", 18 },
		{ "a cancel that is short", "\0\0\0\14\4\322\26\56\0\0\0\0",
		    12 },
		{ "SSLRequest twice, then again",
		    "\0\0\0\10\4\322\26\57\0\0\0\10\4\322\26\57", 16 },
	};
	size_t i;
	int tls;

	for (tls = 0; tls < 2; tls++) {
		for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
			struct raw *r = tls ? raw_tls(false) : raw_tcp(false);

			raw_send(r, bad[i].bytes, bad[i].len);
			if (i == 11)
				raw_send(r, bad[i].bytes, bad[i].len);
			ck_assert_msg(raw_ending(r, 10000) != NULL,
			    "%s%s: goes on", tls ? "inside TLS, " : "",
			    bad[i].what);
			raw_vanish(&r);
		}
	}
}
END_TEST

START_TEST(bad_passwords)
{
	static const uint32_t lens[] = { 0, 3, 0x7fffffff, 0xffffffff, 200000 };
	size_t i;

	for (i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		struct raw *r = raw_tls(false);

		ck_assert(raw_startup(r, "dba", "shop"));
		ck_assert(raw_until(r, 'R', 10000));
		raw_liar(r, 'p', lens[i], "abcd", 4);
		ck_assert_ptr_nonnull(raw_ending(r, 10000));
		raw_vanish(&r);
	}
	for (i = 0; i < 4; i++) {
		struct raw *r = raw_tls(false);

		ck_assert(raw_startup(r, "dba", "shop"));
		ck_assert(raw_until(r, 'R', 10000));
		/* A query instead of the password. */
		raw_query(r, "SELECT 1");
		ck_assert_ptr_nonnull(raw_ending(r, 10000));
		raw_vanish(&r);
	}
}
END_TEST

/* Byte by byte and all at once are the same conversation. */
START_TEST(chunks)
{
	struct raw *r = raw_session("dba", "wire-chunks", false);
	static const char m[] = "Q\0\0\0\15SELECT 1\0";
	char two[2 * (sizeof m - 1)];
	size_t i;

	for (i = 0; i < sizeof m - 1; i++)
		ck_assert(raw_send(r, m + i, 1));
	ck_assert(raw_until(r, 'Z', 5000));
	memcpy(two, m, sizeof m - 1);
	memcpy(two + sizeof m - 1, m, sizeof m - 1);
	ck_assert(raw_send(r, two, sizeof two));
	ck_assert(raw_until(r, 'Z', 5000));
	ck_assert(raw_until(r, 'Z', 5000));
	raw_free(&r);
}
END_TEST

START_TEST(copy_in_disturbed)
{
	struct raw *r = raw_session("dba", "wire-copy", false);

	raw_query(r, "CREATE TEMP TABLE t (a int)");
	ck_assert(raw_until(r, 'Z', 5000));
	raw_query(r, "COPY t FROM STDIN");
	ck_assert(raw_until(r, 'G', 5000));
	raw_msg(r, 'H', NULL, 0);
	raw_msg(r, 'S', NULL, 0);
	raw_msg(r, 'd', "1\n", 2);
	raw_msg(r, 'd', "x\n", 2);
	raw_msg(r, 'c', NULL, 0);
	ck_assert(raw_until(r, 'Z', 5000));
	ck_assert_str_eq(raw_sqlstate(r), "22P02");
	/* What comes after the error is dropped. */
	raw_msg(r, 'd', "1\n", 2);
	raw_msg(r, 'c', NULL, 0);
	raw_query(r, "SELECT 1");
	ck_assert(raw_until(r, 'Z', 5000));
	ck_assert_str_eq(raw_sqlstate(r), "");
	raw_free(&r);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("wire");
	TCase *tc = tcase_create("wire");

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, lengths_session);
	tcase_add_test(tc, lengths_shared);
	tcase_add_test(tc, bad_bodies);
	tcase_add_test(tc, half_messages);
	tcase_add_loop_test(tc, half_and_silence, 0, 2);
	tcase_add_test(tc, memory_is_flat);
	tcase_add_test(tc, before_startup);
	tcase_add_test(tc, bad_passwords);
	tcase_add_test(tc, chunks);
	tcase_add_test(tc, copy_in_disturbed);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
