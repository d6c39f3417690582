/*
 * A storm of cancel requests: many sessions, each of whose statements carries
 * its number, and requests for them at any moment.  What is cancelled is what
 * was meant, and who guesses a key cancels nothing.  STORM_SESSIONS and
 * STORM_SECONDS say how large and how long.
 */
#include "e2e.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"
#include "talk.h"

#define CANCELLERS	6
#define GUESSERS	2
#define KEPT		64	/* requests remembered of a session */

/* How a session and those who cancel it deal with each other. */
enum manner {
	PATIENT,	/* no statement while a request is under way */
	HASTY,		/* statements without a pause */
	SPARED,		/* nobody cancels it; keys are guessed */
	MANNERS
};

struct request {
	long long	 from, to;	/* us; to 0: under way */
};

struct session {
	pthread_t	 thread;
	pthread_mutex_t	 lock;
	pthread_cond_t	 calm;
	PGconn		*c;
	PGcancel	*key;
	enum manner	 manner;
	int		 number;
	struct dice	 dice;
	long		 statement;	/* that runs; 0: none */
	long		 last;		/* number of the last one begun */
	int		 flying;	/* requests under way */
	long		 meant;		/* the last that a request was sent for */
	struct request	 kept[KEPT];
	unsigned int	 nkept;
	long		 cancelled;
	char		 wrong[512];	/* the first thing that was; "" */
};

static struct session *sessions;
static long nsessions;
static atomic_bool over;
static atomic_long requests, guesses, hits;

static long long
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static void
pause_us(unsigned int us)
{
	struct timespec ts = { us / 1000000, (us % 1000000) * 1000L };

	nanosleep(&ts, NULL);
}

/* --- sessions ---------------------------------------------------------------- */

static void
wrong(struct session *s, const char *what, const char *more)
{
	if (s->wrong[0] == '\0')
		snprintf(s->wrong, sizeof s->wrong,
		    "session %d, statement %ld: %s %s", s->number, s->last,
		    what, more);
}

/* Was a request under way at some moment of these? */
static bool
overlaps(const struct session *s, long long from, long long to)
{
	unsigned int i;

	for (i = 0; i < KEPT && i < s->nkept; i++)
		if (s->kept[i].from <= to &&
		    (s->kept[i].to == 0 || s->kept[i].to >= from))
			return true;
	return false;
}

static void
check_cancelled(struct session *s, long long from, long long to)
{
	pthread_mutex_lock(&s->lock);
	s->cancelled++;
	atomic_fetch_add(&hits, 1);
	switch (s->manner) {
	case PATIENT:
		if (s->meant != s->last)
			wrong(s, "cancelled, and nobody meant it", "");
		break;
	case HASTY:
		if (!overlaps(s, from, to))
			wrong(s, "cancelled, with no request under way", "");
		break;
	default:
		wrong(s, "cancelled by a guess", "");
		break;
	}
	pthread_mutex_unlock(&s->lock);
}

/* Its result is its own. */
static void
run(struct session *s)
{
	char sql[160], number[32];
	long long from = now_us();
	/* About as long as a request takes: what is late hits the next. */
	unsigned int sleep = dice_percent(&s->dice, s->manner == PATIENT ?
	    90 : 50) ? dice(&s->dice, 500) : dice(&s->dice, 8000);
	PGresult *r;

	snprintf(number, sizeof number, "%ld", s->last);
	snprintf(sql, sizeof sql, "SELECT %s AS storm_%d FROM pg_sleep(%u / "
	    "10000.0)", number, s->number, sleep);
	r = dice_percent(&s->dice, 50) ? PQexec(s->c, sql) :
	    PQexecParams(s->c, sql, 0, NULL, NULL, NULL, NULL, 0);
	if (PQresultStatus(r) == PGRES_TUPLES_OK) {
		if (strcmp(PQgetvalue(r, 0, 0), number) != 0)
			wrong(s, "another's answer:", PQgetvalue(r, 0, 0));
	} else if (strcmp(e2e_sqlstate(r), "57014") == 0)
		check_cancelled(s, from, now_us());
	else
		wrong(s, "failed:", PQresultErrorMessage(r));
	PQclear(r);
}

static void *
session_main(void *arg)
{
	struct session *s = arg;

	while (!atomic_load(&over) && s->wrong[0] == '\0') {
		pthread_mutex_lock(&s->lock);
		while (s->manner == PATIENT && s->flying > 0)
			pthread_cond_wait(&s->calm, &s->lock);
		s->statement = ++s->last;
		pthread_mutex_unlock(&s->lock);
		run(s);
		pthread_mutex_lock(&s->lock);
		s->statement = 0;
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

/* --- requests ------------------------------------------------------------------ */

static void
cancel(struct session *s)
{
	struct request *q;
	char error[256];

	pthread_mutex_lock(&s->lock);
	if (s->manner == SPARED || s->statement == 0) {
		pthread_mutex_unlock(&s->lock);
		return;
	}
	s->meant = s->statement;
	s->flying++;
	q = &s->kept[s->nkept++ % KEPT];
	q->to = 0;
	q->from = now_us();
	pthread_mutex_unlock(&s->lock);
	if (PQcancel(s->key, error, sizeof error) != 1)
		wrong(s, "no cancel request:", error);
	pthread_mutex_lock(&s->lock);
	q->to = now_us();
	if (--s->flying == 0)
		pthread_cond_signal(&s->calm);
	pthread_mutex_unlock(&s->lock);
	atomic_fetch_add(&requests, 1);
}

static void *
canceller_main(void *arg)
{
	struct dice d;

	dice_seed(&d, (uint64_t)(uintptr_t)arg + 77);
	while (!atomic_load(&over)) {
		cancel(&sessions[dice(&d, (unsigned int)nsessions)]);
		pause_us(dice(&d, 4000));
	}
	return NULL;
}

/* The number of a session's server is no secret; its key is. */
static void *
guesser_main(void *arg)
{
	uint8_t m[16] = { 0, 0, 0, 16, 4, 210, 22, 46 };
	struct dice d;

	dice_seed(&d, (uint64_t)(uintptr_t)arg + 99);
	while (!atomic_load(&over)) {
		const struct session *s = &sessions[dice(&d,
		    (unsigned int)nsessions)];
		uint32_t pid = htonl((uint32_t)PQbackendPID(s->c));
		uint32_t guess = (uint32_t)dice(&d, 65536) << 16 |
		    dice(&d, 65536);
		struct raw *r = raw_to("GW_PORT", "127.0.0.7");

		memcpy(m + 8, &pid, 4);
		memcpy(m + 12, &guess, 4);
		raw_send(r, m, sizeof m);
		raw_ending(r, 10000);
		raw_vanish(&r);
		atomic_fetch_add(&guesses, 1);
		pause_us(dice(&d, 8000));
	}
	return NULL;
}

/* --- the storm ------------------------------------------------------------------ */

static void
start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	ck_assert_int_eq(pthread_create(t, NULL, fn, arg), 0);
}

static void
open_sessions(void)
{
	char *token = e2e_token("storm", "dba");
	long i;

	nsessions = talk_number("STORM_SESSIONS", 18);
	sessions = calloc((size_t)nsessions, sizeof *sessions);
	ck_assert_ptr_nonnull(sessions);
	for (i = 0; i < nsessions; i++) {
		struct session *s = &sessions[i];

		s->number = (int)i;
		s->manner = (enum manner)(i % MANNERS);
		dice_seed(&s->dice, (uint64_t)i);
		pthread_mutex_init(&s->lock, NULL);
		pthread_cond_init(&s->calm, NULL);
		/* i / MANNERS: of each manner both kinds. */
		s->c = e2e_try("dba", token, i / MANNERS % 2);
		ck_assert_msg(PQstatus(s->c) == CONNECTION_OK, "%ld: %s", i,
		    PQerrorMessage(s->c));
		s->key = PQgetCancel(s->c);
	}
	free(token);
}

/* What the server cancelled is what the clients saw cancelled. */
static void
check_log(long cancelled)
{
	char cmd[1024];
	long logged = 0;
	FILE *f;

	snprintf(cmd, sizeof cmd, "grep -A 3 'canceling statement due to user "
	    "request' '%s' | grep -c 'STATEMENT:.*storm_'", e2e_env("PG_LOG"));
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%ld", &logged), 1);
	pclose(f);
	ck_assert_msg(logged == cancelled, "the server cancelled %ld, the "
	    "clients saw %ld", logged, cancelled);
}

START_TEST(storm)
{
	pthread_t helper[CANCELLERS + GUESSERS];
	long i, statements = 0, cancelled = 0;

	open_sessions();
	for (i = 0; i < nsessions; i++)
		start(&sessions[i].thread, session_main, &sessions[i]);
	for (i = 0; i < CANCELLERS + GUESSERS; i++)
		start(&helper[i], i < CANCELLERS ? canceller_main :
		    guesser_main, (void *)(uintptr_t)i);
	e2e_pause((int)talk_number("STORM_SECONDS", 3) * 1000);
	/* Until it was one. */
	E2E_UNTIL(60000, atomic_load(&hits) >= nsessions &&
	    atomic_load(&guesses) > 10);
	atomic_store(&over, true);
	for (i = 0; i < CANCELLERS + GUESSERS; i++)
		pthread_join(helper[i], NULL);
	for (i = 0; i < nsessions; i++)
		pthread_join(sessions[i].thread, NULL);
	for (i = 0; i < nsessions; i++) {
		struct session *s = &sessions[i];

		ck_assert_msg(s->wrong[0] == '\0', "%s", s->wrong);
		statements += s->last;
		cancelled += s->cancelled;
		PQfreeCancel(s->key);
		PQfinish(s->c);
	}
	printf("%ld statements of %ld sessions, %ld requests, %ld cancelled; "
	    "%ld guesses\n", statements, nsessions, atomic_load(&requests),
	    cancelled, atomic_load(&guesses));
	ck_assert_int_ge(cancelled, nsessions);
	ck_assert_int_gt(atomic_load(&guesses), 10);
	check_log(cancelled);
	free(sessions);
}
END_TEST

/*
 * The connection of a request is there until policyd has dealt with it: who
 * waits for its end never has a later statement cancelled.
 */
START_TEST(ends_when_done)
{
	static const uint8_t m[16] = { 0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1,
	    1, 2, 3, 4 };
	struct raw *r = raw_to("GW_PORT", NULL);
	struct pollfd end = { raw_fd(r), POLLIN, 0 };
	pid_t parent = e2e_process("parent");

	ck_assert_int_gt(parent, 0);
	kill(parent, SIGSTOP);
	raw_send(r, m, sizeof m);
	/* Long enough for a worker that does not wait. */
	if (poll(&end, 1, 1000) != 0) {
		kill(parent, SIGCONT);
		ck_abort_msg("closed, and nobody has seen the request");
	}
	kill(parent, SIGCONT);
	ck_assert_int_eq(poll(&end, 1, 10000), 1);
	raw_vanish(&r);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("storm");
	TCase *tc = tcase_create("storm");

	tcase_set_timeout(tc, 600);
	tcase_add_test(tc, ends_when_done);
	tcase_add_test(tc, storm);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
