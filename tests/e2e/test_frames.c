/*
 * The gateway's reading of the stream and the server's are one: random
 * conversations, cut into other portions on both sides of it, give the messages
 * that the server gives directly; and whatever lengths and orders a client makes
 * up, what is hidden in its data never runs.  POSTERN_SEED chooses others;
 * POSTERN_FRAMES says how many.
 */
#include "e2e.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rechunk.h"
#include "talk.h"
#include "talkgen.h"

/* A statement that must not run, as data: see hidden(). */
#define HIDDEN	"INSERT INTO hidden.ran VALUES (2)"

#define DEFAULT	16
/* Conversations of a pair of sessions, before the next pair. */
#define A_PAIR	8

static uint64_t seed;

/* --- conversations ----------------------------------------------------------- */

/* Sizes about which buffers and records begin and end. */
static unsigned int
size(struct dice *d)
{
	static const unsigned int near[] = { 10, 1000, 4090, 8192, 16384,
	    32768, 65536, 131072, 200000 };
	unsigned int n = near[dice(d, sizeof near / sizeof near[0])];

	return n - 9 + dice(d, 20);
}

static void
large_step(struct dice *d, struct talk *t)
{
	unsigned int n = size(d), i, rows;
	char *pad = malloc(n + 1);

	ck_assert_ptr_nonnull(pad);
	memset(pad, ' ', n);
	pad[n] = '\0';
	switch (dice(d, 6)) {
	case 0:
		talk_query(t, "SELECT repeat('x', %u), g FROM "
		    "generate_series(1, %u) g", n, 1 + dice(d, 3));
		break;
	case 1:
		talk_query(t, "SELECT 'padded' %s", pad);
		break;
	case 2:
		memset(pad, 'v', n);
		talk_parse(t, "", "SELECT length($1::text)");
		talk_bind(t, "", "", 1, pad, n);
		talk_execute(t, "", 0);
		break;
	case 3:
		talk_query(t, "COPY (SELECT repeat('y', %u) FROM "
		    "generate_series(1, 3)) TO STDOUT", n);
		break;
	case 4:
		talk_query(t, "DO $$BEGIN RAISE NOTICE '%%', repeat('z', %u); "
		    "END$$", n);
		break;
	default:
		/* Rows and messages need not end together. */
		talk_query(t, "COPY log (n) FROM STDIN");
		rows = 1 + dice(d, 5000);
		for (i = 0; i < rows * 2; i += n) {
			unsigned int j;

			n = 1 + dice(d, 3000);
			if (n > rows * 2 - i)
				n = rows * 2 - i;
			pad = realloc(pad, n + 1);
			ck_assert_ptr_nonnull(pad);
			for (j = 0; j < n; j++)
				pad[j] = "5\n"[(i + j) % 2];
			talk_copy_data(t, pad, n);
		}
		talk_copy_done(t);
		break;
	}
	free(pad);
	if (dice_percent(d, 50))
		talk_sync(t);
}

static void
converse(struct dice *d, struct talk *t)
{
	unsigned int steps = 1 + dice(d, 40), i, large = dice(d, 25);

	gen_prepare(d, t);
	for (i = 0; i < steps; i++)
		if (dice_percent(d, large))
			large_step(d, t);
		else
			gen_step(d, t, (int)i);
	gen_probe(t);
	talk_end(t);
}

/* --- the same in other portions ------------------------------------------------ */

/* Lead the gateway to the server by way of the relay, in clear, so that the
 * portions are those of the messages. */
static void
detour(int port)
{
	static const char reloads[] = "SELECT count(*) FROM events WHERE "
	    "kind = 'policy_reload' AND json_extract(body, '$.accepted') = 1";
	long before = e2e_audit_n("%s", reloads);

	ck_assert_int_eq(e2e_sh("sed -e 's/port: [0-9]*$/port: %d/' -e "
	    "'s/tls: {mode: verify-full.*/tls: {mode: disable}/' %s > %s/new "
	    "&& cat %s/new > %s", port, e2e_env("POLICY_FILE"),
	    e2e_env("STACK_DIR"), e2e_env("STACK_DIR"),
	    e2e_env("POLICY_FILE")), 0);
	kill(e2e_process("policyd"), SIGHUP);
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("%s", reloads) > before));
}

static char *
in_portions(struct raw *r, const struct talk *t, struct dice *d, int ms)
{
	unsigned int largest = rechunk_size(d), drawn = 0, n;
	size_t at;

	for (at = 0; at < t->len; at += n) {
		n = rechunk_next(d, largest, &drawn,
		    (unsigned int)(t->len - at));
		if (!raw_pour(r, t->data + at, n))
			break;
	}
	return talk_hear(r, ms);
}

/* A session directly and one through, for some conversations. */
struct pair {
	struct raw	*direct, *through;
	long		 number;
};

static void
pair_close(struct pair *p)
{
	if (p->direct == NULL)
		return;
	raw_vanish(&p->direct);
	raw_vanish(&p->through);
}

static void
pair_next(struct pair *p, bool ended)
{
	if (p->number++ % A_PAIR != 0 && !ended)
		return;
	pair_close(p);
	p->direct = raw_direct("e2e_direct");
	p->through = raw_session("dba", "frames", p->number / A_PAIR % 2);
}

START_TEST(other_portions)
{
	long n = talk_number("POSTERN_FRAMES", DEFAULT), i;
	struct pair p = { 0 };

	talk_let_in("e2e_direct");
	detour(rechunk_start(atoi(e2e_env("PG_PORT")), seed));
	for (i = 0; i < n; i++) {
		struct talk t = { 0 };
		struct dice d;
		char *a, *b;

		pair_next(&p, false);
		dice_seed(&d, seed + (uint64_t)i);
		converse(&d, &t);
		a = talk_hold(p.direct, &t, 30000);
		b = in_portions(p.through, &t, &d, 30000);
		talk_same(a, b, "conversation %llu",
		    (unsigned long long)seed + (uint64_t)i);
		talk_free(&t);
	}
	pair_close(&p);
}
END_TEST

/* --- whatever a client makes up -------------------------------------------------- */

/*
 * A whole Query of HIDDEN, or the same by the extended protocol: what a server
 * would run that takes data for messages.
 */
static void
hidden(struct dice *d, struct talk *t)
{
	if (dice_percent(d, 20))
		talk_copy_done(t);
	if (dice_percent(d, 20))
		talk_sync(t);
	if (dice_percent(d, 60))
		talk_query(t, HIDDEN);
	else {
		talk_parse(t, "", HIDDEN);
		talk_bind(t, "", "", 0, NULL, 0);
		talk_execute(t, "", 0);
		talk_sync(t);
	}
}

/* Data that holds it, after some bytes or none. */
static void
payload(struct dice *d, struct talk *p)
{
	unsigned int n = dice(d, 3) * dice(d, 40);
	int i;

	while (n-- > 0)
		talk_add(p, "\n", 1);
	for (i = 1 + (int)dice(d, 3); i > 0; i--)
		hidden(d, p);
}

/* Data of every kind that there is. */
static void
carrier(struct dice *d, struct talk *t)
{
	struct talk p = { 0 };

	payload(d, &p);
	switch (dice(d, 7)) {
	case 0:
		talk_parse(t, "", "SELECT length($1::bytea::text)");
		talk_bind(t, "", "", 1 + (int)dice(d, 2), p.data, p.len);
		talk_execute(t, "", 0);
		break;
	case 1:
		talk_query(t, "COPY log (n) FROM STDIN");
		talk_copy_data(t, p.data, p.len);
		talk_copy_done(t);
		break;
	case 2:
		/* Of no COPY. */
		talk_copy_data(t, p.data, p.len);
		break;
	case 3:
		/* Of one that has failed, and one that nobody judged so. */
		talk_query(t, "COPY once (n) FROM STDIN; SELECT 1 / 0");
		talk_copy_data(t, "1\n1\n", 4);
		talk_copy_done(t);
		talk_copy_data(t, p.data, p.len);
		talk_copy_done(t);
		break;
	case 4:
		talk_msg(t, "QPBEDCFf"[dice(d, 8)], p.data, p.len);
		break;
	case 5:
		talk_parse(t, "", "COPY log (n) FROM STDIN");
		talk_bind(t, "", "", 0, NULL, 0);
		talk_execute(t, "", 0);
		talk_copy_data(t, p.data, p.len);
		if (dice_percent(d, 50))
			talk_copy_done(t);
		talk_sync(t);
		break;
	default:
		talk_query(t, "COPY hidden.ran FROM STDIN");
		talk_copy_data(t, p.data, p.len);
		talk_copy_done(t);
		break;
	}
	if (dice_percent(d, 40))
		talk_sync(t);
	talk_free(&p);
}

/* Where messages begin; the length of a list that ends with t->len. */
static size_t
starts(const struct talk *t, size_t *at, size_t max)
{
	size_t n = 0, i = 0;

	while (i < t->len && n < max - 1) {
		at[n++] = i;
		i += 1 + ((size_t)t->data[i + 1] << 24 |
		    (size_t)t->data[i + 2] << 16 |
		    (size_t)t->data[i + 3] << 8 | t->data[i + 4]);
	}
	at[n] = t->len;
	return n;
}

/* A length that is none, or another's: up to what is hidden, or anywhere. */
static void
lie(struct dice *d, uint8_t *p)
{
	static const uint32_t lengths[] = { 0, 1, 3, 4, 5, 0x7fffffff,
	    0x80000000, 0xffffffff, 0x01000001, 16 * 1024 * 1024 + 1 };
	uint32_t v;

	memcpy(&v, p + 1, 4);
	v = ntohl(v);
	if (dice_percent(d, 40))
		v = lengths[dice(d, sizeof lengths / sizeof lengths[0])];
	else if (dice_percent(d, 70))
		v -= dice(d, v < 300 ? v + 1 : 300);
	else
		v += dice(d, 300);
	v = htonl(v);
	memcpy(p + 1, &v, 4);
}

/* Messages in another order, twice, or not at all. */
static void
shuffle(struct dice *d, struct talk *t)
{
	static size_t at[4096];
	size_t n = starts(t, at, 4096), i, j;
	struct talk out = { 0 };

	for (i = 0; i < n; i++) {
		j = dice_percent(d, 85) ? i : dice(d, (unsigned int)n);
		if (dice_percent(d, 4))
			continue;
		talk_add(&out, t->data + at[j], at[j + 1] - at[j]);
	}
	talk_free(t);
	*t = out;
}

static void
spoil(struct dice *d, struct talk *t)
{
	static size_t at[4096];
	size_t n = starts(t, at, 4096);
	int i;

	for (i = (int)dice(d, 3); i > 0 && n > 0; i--) {
		uint8_t *p = t->data + at[dice(d, (unsigned int)n)];

		switch (dice(d, 4)) {
		case 0:
			*p = (uint8_t)"QPBEDCSHFdcfp~Z\0"[dice(d, 16)];
			break;
		case 1:
			t->data[dice(d, (unsigned int)t->len)] ^=
			    (uint8_t)(1 << dice(d, 8));
			break;
		default:
			lie(d, p);
			break;
		}
	}
	if (dice_percent(d, 15))
		t->len = dice(d, (unsigned int)t->len);
}

static void
make_hostile(struct dice *d, struct talk *t)
{
	int i;

	gen_prepare(d, t);
	for (i = 2 + (int)dice(d, 6); i > 0; i--)
		if (dice_percent(d, 60))
			carrier(d, t);
		else
			gen_step(d, t, i);
	if (dice_percent(d, 50))
		shuffle(d, t);
	if (dice_percent(d, 60))
		spoil(d, t);
	talk_end(t);
}

/*
 * Send it, and take what comes until there is nothing more.  The end of the
 * connection and a server that waits for the rest of a message are answers too.
 */
static void
play(struct raw **r, const struct talk *t, struct dice *d)
{
	free(in_portions(*r, t, d, 300));
	raw_vanish(r);
}

static void
check_nothing_ran(void)
{
	PGconn *c = e2e_direct();
	char *v;

	/* Sessions whose clients are gone come to their end first. */
	ck_assert(E2E_UNTIL(20000, ({
		bool none;

		v = e2e_value(c, "SELECT count(*) FROM pg_stat_activity WHERE "
		    "usename = 'app_dba'");
		none = strcmp(v, "0") == 0;
		free(v);
		none;
	})));
	v = e2e_value(c, "SELECT count(*) FROM hidden.ran");
	ck_assert_str_eq(v, "0");
	free(v);
	PQfinish(c);
}

START_TEST(hostile_messages)
{
	long n = talk_number("POSTERN_FRAMES", DEFAULT), i;
	pid_t daemon = e2e_process("gatewayd");
	struct raw *r;

	detour(rechunk_start(atoi(e2e_env("PG_PORT")), seed));
	for (i = 0; i < n; i++) {
		struct talk t = { 0 };
		struct dice d;

		dice_seed(&d, seed + 700000 + (uint64_t)i);
		make_hostile(&d, &t);
		r = raw_session("dba", "frames-hostile", i % 2);
		play(&r, &t, &d);
		talk_free(&t);
	}
	check_nothing_ran();
	ck_assert_int_eq(e2e_process("gatewayd"), daemon);
	ck_assert_int_ne(e2e_sh("grep -q event=worker_crash %s/gatewayd.log",
	    e2e_env("STACK_DIR")), 0);
	/* What is hidden is a statement that would run. */
	ck_assert_int_ne(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = 'frames-hostile'"), 0);
	r = raw_session("dba", "frames", false);
	raw_free(&r);
}
END_TEST

/*
 * What is no part of a COPY ends the session at once, where a server looks at
 * the data before it first: the same up to there.  Cuts both texts.
 */
static bool
ended(char *direct, char *through)
{
	static const char end[] = "E FATAL 08P01 unexpected message during "
	    "COPY FROM STDIN\nEND\n";
	size_t n = strlen(through), m = sizeof end - 1;

	if (n < m || strcmp(through + n - m, end) != 0)
		return false;
	through[n - m] = '\0';
	if (strlen(direct) > n - m)
		direct[n - m] = '\0';
	return true;
}

/*
 * Messages that are whole but come in no order: the server's answers are the
 * same.
 */
START_TEST(strange_orders)
{
	long n = talk_number("POSTERN_FRAMES", DEFAULT) * 2, i;
	struct pair p = { 0 };
	bool over = false;

	talk_let_in("e2e_direct");
	detour(rechunk_start(atoi(e2e_env("PG_PORT")), seed));
	for (i = 0; i < n; i++) {
		struct talk t = { 0 };
		struct dice d;
		char *a, *b;
		int k;

		pair_next(&p, over);
		dice_seed(&d, seed + 300000 + (uint64_t)i);
		gen_prepare(&d, &t);
		for (k = 3 + (int)dice(&d, 20); k > 0; k--)
			gen_step(&d, &t, k);
		shuffle(&d, &t);
		gen_probe(&t);
		talk_end(&t);
		a = talk_hold(p.direct, &t, 10000);
		b = in_portions(p.through, &t, &d, 10000);
		over = ended(a, b);
		talk_same(a, b, "order %llu", (unsigned long long)seed +
		    (uint64_t)i);
		talk_free(&t);
	}
	pair_close(&p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("frames");
	TCase *tc = tcase_create("frames");

	seed = (uint64_t)talk_number("POSTERN_SEED", 1) * 1000000;
	tcase_set_timeout(tc, 3600);
	tcase_add_test(tc, other_portions);
	tcase_add_test(tc, strange_orders);
	tcase_add_test(tc, hostile_messages);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
