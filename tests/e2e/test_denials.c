/*
 * A refusal looks like the error of a server: pipelines of depth 1 to 20 with a
 * refused statement in each place, in a transaction and not, go through the
 * gateway, and with a statement that the server itself refuses to the server.
 * Messages, their order, transaction states, the statements and portals that
 * are left, and what was written are the same.  POSTERN_SEED chooses others;
 * POSTERN_DENIALS says how many times over, POSTERN_FROM with which to begin,
 * POSTERN_SHOW=1 shows the client's messages.
 */
#include "e2e.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "talk.h"
#include "talkgen.h"

#define DEPTH_MAX	20
/* Conversations of a pair of sessions, before the next pair. */
#define A_PAIR		21

static uint32_t hidden_f;	/* OID of hidden.f() */

/* Refused by the gateway's rules; by the server, there is one way. */
static const char *
bad_text(struct dice *d, bool through)
{
	static const char *const texts[] = {
		"SELECT n FROM hidden.ran",
		"INSERT INTO hidden.ran VALUES (1)",
		"SELECT hidden.f()",
		"DROP TABLE hidden.ran",
		"UPDATE hidden.ran SET n = 1",
		"TRUNCATE hidden.ran",
		"COPY hidden.ran FROM STDIN",
		("WITH x AS (INSERT INTO hidden.ran VALUES (1) RETURNING n) "
		    "SELECT n FROM x"),
	};
	unsigned int i = dice(d, sizeof texts / sizeof texts[0]);

	return through ? texts[i] : texts[0];
}

/* One step that holds one refused message, and what its sender says after it
 * because it cannot know. */
static void
bad_step(struct dice *d, struct talk *t, bool through)
{
	const char *s = gen_name(d, 's'), *p = gen_name(d, 'p');
	const char *bad = bad_text(d, through);

	switch (dice(d, 6)) {
	case 0:
		talk_query(t, "%s", bad);
		break;
	case 1:
		/* Of several statements none runs (PROTOCOL, 5). */
		talk_query(t, "%s%s", through ? "INSERT INTO log VALUES (99); "
		    : "", bad);
		break;
	case 2:
		talk_function(t, hidden_f, 0, NULL);
		break;
	case 3:
		if (through)
			bad = "COPY hidden.ran FROM STDIN";
		if (dice_percent(d, 50))
			talk_query(t, "%s", bad);
		else {
			talk_parse(t, "", "%s", bad);
			talk_bind(t, "", "", 0, NULL, 0);
			talk_execute(t, "", 0);
		}
		talk_copy_data(t, "1\n", 2);
		talk_copy_done(t);
		break;
	default:
		if (dice_percent(d, 70))
			talk_close(t, 'S', s);
		talk_parse(t, s, "%s", bad);
		if (dice_percent(d, 30))
			talk_describe(t, 'S', s);
		talk_bind(t, p, s, 0, NULL, 0);
		talk_execute(t, p, dice(d, 2));
		if (dice_percent(d, 30))
			talk_execute(t, p, 0);
		break;
	}
	if (dice_percent(d, 40))
		talk_sync(t);
}

/* `depth` steps, of which that at `place` is refused. */
static void
converse(struct talk *t, uint64_t seed, unsigned int depth, unsigned int place,
    bool transaction, bool through)
{
	struct dice d;
	unsigned int i;

	dice_seed(&d, seed);
	gen_prepare(&d, t);
	if (transaction)
		talk_query(t, "BEGIN");
	if (dice_percent(&d, 30))
		talk_query(t, "SAVEPOINT a");
	for (i = 1; i <= depth; i++)
		if (i == place)
			bad_step(&d, t, through);
		else
			gen_step(&d, t, (int)i);
	gen_probe(t);
	talk_end(t);
}

struct pair {
	struct raw	*direct, *through;
};

static void
pair_open(struct pair *p, bool shared)
{
	p->direct = raw_direct("e2e_direct");
	p->through = raw_session("dba", "denials", shared);
}

static void
pair_close(struct pair *p)
{
	raw_free(&p->direct);
	raw_free(&p->through);
}

static void
one(struct pair *p, uint64_t seed, unsigned int depth, unsigned int place,
    bool transaction)
{
	struct talk a = { 0 }, b = { 0 };

	converse(&a, seed, depth, place, transaction, false);
	converse(&b, seed, depth, place, transaction, true);
	if (talk_number("POSTERN_SHOW", 0) != 0)
		printf("-- seed %llu\n", (unsigned long long)seed);
	talk_same(talk_hold(p->direct, &a, 20000),
	    talk_hold(p->through, &b, 20000), "seed %llu depth %u place %u%s",
	    (unsigned long long)seed, depth, place, transaction ?
	    " in a transaction" : "");
	talk_free(&a);
	talk_free(&b);
}

static void
setup(void)
{
	PGconn *c = e2e_direct();
	char *v = e2e_value(c, "SELECT 'hidden.f()'::regprocedure::oid");

	hidden_f = (uint32_t)strtoul(v, NULL, 10);
	free(v);
	PQfinish(c);
	talk_let_in("e2e_direct");
}

/* Nothing of what was refused has run. */
static void
check_nothing_ran(void)
{
	PGconn *c = e2e_direct();
	char *v = e2e_value(c, "SELECT count(*) FROM hidden.ran");

	ck_assert_str_eq(v, "0");
	free(v);
	PQfinish(c);
}

START_TEST(every_place)
{
	uint64_t seed = (uint64_t)talk_number("POSTERN_SEED", 1) * 1000000;
	unsigned int depth, place, n = 0;
	struct pair p = { NULL, NULL };
	long again = talk_number("POSTERN_DENIALS", 1);
	unsigned int from = (unsigned int)talk_number("POSTERN_FROM", 0);
	int transaction;

	for (; again > 0; again--)
		for (depth = 1; depth <= DEPTH_MAX; depth++)
			for (place = 1; place <= depth; place++)
				for (transaction = 0; transaction < 2;
				    transaction++, n++) {
					if (n < from)
						continue;
					if (n % A_PAIR == 0 || n == from) {
						pair_close(&p);
						pair_open(&p, n / A_PAIR % 2);
					}
					one(&p, seed + n, depth, place,
					    transaction);
				}
	pair_close(&p);
	check_nothing_ran();
	printf("%u conversations, the same\n", n);
}
END_TEST

/* --- refused since they were prepared ------------------------------------------- */

#define PAIRS_MAX	160
#define WATCHED		"SELECT trap(n) FROM watched"

/* A statement and a portal of what will be refused; in a transaction perhaps,
 * and perhaps that has failed. */
static void
before(struct talk *t, uint64_t seed)
{
	struct dice d;

	dice_seed(&d, seed);
	if (dice_percent(&d, 80))
		talk_query(t, "BEGIN");
	talk_parse(t, "watched", "%s", WATCHED);
	talk_bind(t, "watched", "watched", 0, NULL, 0);
	if (dice_percent(&d, 50))
		talk_execute(t, "watched", 1);
	if (dice_percent(&d, 30))
		talk_query(t, "SAVEPOINT a");
	gen_prepare(&d, t);
	if (dice_percent(&d, 25))
		talk_query(t, "SELECT 1 / 0");
	if (dice_percent(&d, 20))
		talk_query(t, "ROLLBACK TO a");
	/* See forget_dead(). */
	talk_close(t, 'P', "");
	talk_end(t);
}

/* A Bind or an Execute that is refused, in this place. */
static void
after(struct talk *t, uint64_t seed)
{
	struct dice d;
	unsigned int depth, place, i;
	bool execute;

	dice_seed(&d, seed + 1000);
	depth = 1 + dice(&d, 8);
	/* The portal may be gone after an end of its transaction, which a
	 * refusal does not ask about: first. */
	execute = dice_percent(&d, 40);
	place = execute ? 1 : 1 + dice(&d, depth);
	for (i = 1; i <= depth; i++) {
		if (i != place) {
			gen_step(&d, t, (int)i);
			continue;
		}
		/* The server learns of the REVOKE with a lock. */
		talk_query(t, "SELECT n FROM fresh");
		if (execute)
			talk_execute(t, "watched", dice(&d, 2));
		else {
			const char *p = gen_name(&d, 'p');

			talk_close(t, 'P', p);
			talk_bind(t, p, "watched", 0, NULL, 0);
			talk_execute(t, p, 0);
			/* See forget_dead(). */
			talk_sync(t);
			talk_close(t, 'P', p);
		}
		if (dice_percent(&d, 40))
			talk_sync(t);
	}
	gen_probe(t);
	talk_end(t);
}

static bool
is_refused(struct raw *r)
{
	raw_query(r, "SELECT n FROM watched");
	ck_assert(raw_until(r, 'Z', 10000));
	return strcmp(raw_sqlstate(r), "42501") == 0;
}

static void
refuse(void)
{
	const char *file = e2e_env("POLICY_FILE");
	struct raw *r = raw_session("dba", "denials", false);
	PGconn *c = e2e_direct();

	ck_assert(!is_refused(r));
	free(e2e_value(c, "INSERT INTO armed VALUES (1)"));
	free(e2e_value(c, "REVOKE SELECT ON watched FROM e2e_direct"));
	PQfinish(c);
	ck_assert_int_eq(e2e_sh("sed 's/later.watched/public.watched/' %s > "
	    "%s/new && cat %s/new > %s", file, e2e_env("STACK_DIR"),
	    e2e_env("STACK_DIR"), file), 0);
	kill(e2e_process("policyd"), SIGHUP);
	ck_assert(E2E_UNTIL(10000, is_refused(r)));
	raw_free(&r);
}

START_TEST(refused_since)
{
	uint64_t seed = (uint64_t)talk_number("POSTERN_SEED", 1) * 1000000 +
	    500000;
	struct pair p[PAIRS_MAX];
	struct talk t = { 0 };
	unsigned int i, n = (unsigned int)talk_number("POSTERN_DENIALS", 1) * 16;

	if (n > PAIRS_MAX)
		n = PAIRS_MAX;
	for (i = 0; i < n; i++) {
		pair_open(&p[i], i % 2);
		before(&t, seed + i);
		talk_same(talk_hold(p[i].direct, &t, 20000),
		    talk_hold(p[i].through, &t, 20000), "before, seed %llu",
		    (unsigned long long)(seed + i));
		talk_free(&t);
	}
	refuse();
	for (i = 0; i < n; i++) {
		after(&t, seed + i);
		if (talk_number("POSTERN_SHOW", 0) != 0)
			printf("-- seed %llu\n", (unsigned long long)seed + i);
		talk_same(talk_hold(p[i].direct, &t, 20000),
		    talk_hold(p[i].through, &t, 20000), "after, seed %llu",
		    (unsigned long long)(seed + i));
		talk_free(&t);
		pair_close(&p[i]);
	}
	check_nothing_ran();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("denials");
	TCase *tc = tcase_create("denials");

	tcase_set_timeout(tc, 600);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, every_place);
	suite_add_tcase(s, tc);
	tc = tcase_create("since");
	tcase_set_timeout(tc, 600);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, refused_since);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
