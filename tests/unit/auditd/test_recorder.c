/*
 * The recorder on a real loop: waking, group commit, acknowledgements, the
 * heartbeat, leftovers, closing.
 */
#include "recorder.h"

#include <check.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "log.h"

static struct fixture	 fx;
static struct ev_loop	*loop;
static struct ev_timer	*until;
static struct recorder	*rec;
static struct recorder_limits limits = {
	.spool_size = SPOOL_MIN, .sign_ms = 60000,
	.segment_size = 1 << 30, .segment_age = 86400000
};
static char		 broken[64], closed[64];

static void
on_broken(void *ctx, const char *name, const char *reason)
{
	(void)ctx;
	snprintf(broken, sizeof(broken), "%s: %s", name, reason);
}

static void
on_closed(void *ctx, const char *name)
{
	(void)ctx;
	snprintf(closed, sizeof(closed), "%s", name);
}

static void
on_until(void *ctx)
{
	ev_stop(ctx);
}

/* Let the loop run for a while. */
static void
run(uint64_t ms)
{
	ev_timer_set(until, ms);
	ev_run(loop);
}

static void
up(bool full)
{
	char err[256];

	fx.dir.full = full;
	broken[0] = closed[0] = '\0';
	loop = ev_loop_new();
	until = ev_timer_new(loop, on_until, loop);
	rec = recorder_new(loop, &fx.dir, fx.store, &limits, on_broken,
	    on_closed, NULL);
	ck_assert_ptr_nonnull(rec);
	if (recorder_start(rec, err, sizeof(err)) == -1)
		ck_abort_msg("%s", err);
}

static void
down(void)
{
	recorder_free(&rec);
	ev_timer_free(&until);
	ev_loop_free(&loop);
}

static void
setup(void)
{
	fixture_up(&fx);
	up(false);
}

static void
teardown(void)
{
	down();
	fixture_down(&fx);
}

static struct spool *
open_spool(const char *name, enum ipc_role owner, const void *client)
{
	struct spool *s;
	char err[256];
	int fds[4];

	if (recorder_open(rec, name, owner, client, fds, err,
	    sizeof(err)) == -1)
		ck_abort_msg("%s", err);
	s = spool_open(fds[0], fds[1], fds[2], fds[3]);
	ck_assert_ptr_nonnull(s);
	return s;
}

static bool
acked(struct spool *s)
{
	struct pollfd p = { .fd = spool_ack_fd(s), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static int64_t
count(const char *kind)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM events WHERE "
	    "kind = '%s'", kind);
	return fixture_int(&fx, sql);
}

static bool
there(const char *file)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", fx.spools, file);
	return access(path, F_OK) == 0;
}

START_TEST(wakes)
{
	struct spool *s = open_spool("s1", ROLE_WORKER, &fx);
	struct recorder_status st;

	run(250);
	recorder_status(rec, &st);
	ck_assert_uint_eq(st.spools, 1);
	ck_assert_uint_eq(st.awake, 0);
	put_intent(s, 1, 1);
	run(60);
	ck_assert_int_eq(count("intent"), 1);
	ck_assert(spool_alive(s, now_boot_ms()));
	spool_close(&s);
}
END_TEST

/* A segment that is large is sealed between two beats, under a writer. */
START_TEST(seals)
{
	struct recorder_limits small = limits;
	struct spool *s = open_spool("s1", ROLE_WORKER, &fx);
	struct recorder_status st;

	put_intent(s, 1, 1);
	run(60);
	recorder_status(rec, &st);
	ck_assert_int_eq(st.segment, 1);
	small.segment_size = 1;
	recorder_limits(rec, &small);
	run(400);
	recorder_limits(rec, &limits);
	recorder_status(rec, &st);
	ck_assert_int_gt(st.segment, 1);
	put_intent(s, 2, 1);
	run(60);
	/* The second only: the first is in the segment before. */
	ck_assert_int_eq(count("intent"), 1);
	ck_assert_int_eq(fixture_int(&fx, "SELECT seq FROM spools"), 2);
	ck_assert(spool_alive(s, now_boot_ms()));
	spool_close(&s);
}
END_TEST

/* What is new is signed when its time has come, and nothing else is. */
START_TEST(signs)
{
	char secret[SIGN_PEM_MAX], public[SIGN_PEM_MAX];
	struct sign_key *key;
	struct spool *s;

	down();
	sign_generate(secret, public);
	key = sign_key_parse(secret, strlen(secret));
	fx.opts.key = key;
	fixture_reopen(&fx);
	limits.sign_ms = 1;
	up(false);
	s = open_spool("s1", ROLE_WORKER, &fx);
	put_intent(s, 1, 1);
	run(600);
	ck_assert_int_eq(fixture_int(&fx, "SELECT count(*) FROM events WHERE "
	    "kind = 'checkpoint' AND body LIKE '%\"interval\"%'"), 1);
	ck_assert_int_eq(fixture_int(&fx, "SELECT kind = 'checkpoint' FROM "
	    "events ORDER BY id DESC LIMIT 1"), 1);
	spool_close(&s);
	limits.sign_ms = 60000;
	store_close(&fx.store);
	sign_key_free(&key);
	fx.opts.key = NULL;
	spooldir_close(&fx.dir);
	fixture_open(&fx);
}
END_TEST

/* In `full` the writer is told when it is on disk, and not before. */
START_TEST(group_commit)
{
	struct spool *s, *t;
	uint64_t p, q;

	down();
	up(true);
	s = open_spool("s1", ROLE_WORKER, &fx);
	t = open_spool("s2", ROLE_WORKER, &fx);
	run(150);
	p = put_intent(s, 1, 1);
	q = put_intent(t, 1, 1);
	ck_assert(!spool_committed(s, p));
	ck_assert(!spool_committed(t, q));
	ck_assert(!acked(s));
	run(150);
	ck_assert(acked(s));
	ck_assert(acked(t));
	spool_acked(s);
	ck_assert(!acked(s));
	ck_assert(spool_committed(s, p));
	ck_assert(spool_committed(t, q));
	/* Once for each want. */
	run(600);
	ck_assert(!acked(s));
	spool_close(&s);
	spool_close(&t);
}
END_TEST

/* More than the ring holds moves on by itself, through the ack FIFO. */
START_TEST(backpressure)
{
	struct spool *s = open_spool("s1", ROLE_WORKER, &fx);
	int i;

	for (i = 1; i <= 50; i++)
		put_intent(s, (uint64_t)i, 20000);
	ck_assert(!spool_idle(s));
	for (i = 0; i < 200 && !spool_idle(s); i++) {
		run(5);
		if (acked(s))
			spool_acked(s);
	}
	ck_assert(spool_idle(s));
	run(100);
	ck_assert_int_eq(count("intent"), 50);
	spool_close(&s);
}
END_TEST

/* A wake that was lost costs half a second, not the record. */
START_TEST(slow_scan)
{
	struct spool *s = open_spool("s1", ROLE_WORKER, &fx);
	uint32_t junk[8];

	run(250);
	put_intent(s, 1, 1);
	while (read(fx.dir.wake, junk, sizeof(junk)) > 0)
		;
	run(700);
	ck_assert_int_eq(count("intent"), 1);
	spool_close(&s);
}
END_TEST

/* A byte that somebody put before it spoils a wake, and all are looked at. */
START_TEST(stray_byte)
{
	struct spool *s = open_spool("s1", ROLE_WORKER, &fx);
	uint64_t since;
	unsigned int i, slow = 0;

	run(250);
	for (i = 1; i <= 20; i++) {
		ck_assert_int_eq(write(fx.dir.wake, "x", 1), 1);
		since = now_boot_ms();
		put_intent(s, i, 1);
		while (count("intent") < i && now_boot_ms() - since < 1000)
			run(5);
		slow += now_boot_ms() - since > 200;
		run(150);
	}
	/* Left to the beats, all would be; one may be the machine's. */
	ck_assert_uint_lt(slow, 10);
	spool_close(&s);
}
END_TEST

/* Anything in the wake FIFO does no harm. */
START_TEST(junk_wakes)
{
	struct spool *s = open_spool("s1", ROLE_WORKER, &fx);
	static const uint8_t junk[] = "\xff\xff\xff\xff\xff\xff\xff\x7fxyz";

	run(250);
	ck_assert_int_eq(write(fx.dir.wake, junk, sizeof(junk)),
	    sizeof(junk));
	put_intent(s, 1, 1);
	run(700);
	ck_assert_int_eq(count("intent"), 1);
	spool_close(&s);
}
END_TEST

/* No commit, no heartbeat; when the store is back, all is recorded. */
START_TEST(store_away)
{
	struct spool *s = open_spool("s1", ROLE_WORKER, &fx);
	struct recorder_status st;
	void *lock;

	run(150);
	lock = fixture_lock(&fx);
	put_intent(s, 1, 1);
	run(2600);
	ck_assert(!spool_alive(s, now_boot_ms()));
	ck_assert(!spool_broken(s));
	recorder_status(rec, &st);
	ck_assert(!st.healthy);
	fixture_unlock(lock);
	run(1500);
	ck_assert(spool_alive(s, now_boot_ms()));
	ck_assert_int_eq(count("intent"), 1);
	recorder_status(rec, &st);
	ck_assert(st.healthy);
	spool_close(&s);
}
END_TEST

/* kill -9 of auditd: what is in the files is drained by the next one. */
START_TEST(leftovers)
{
	struct spool *s = open_spool("s1", ROLE_WORKER, &fx);
	uint64_t pos;
	char err[256];
	int fds[4], i;

	put_intent(s, 1, 1);
	run(150);
	put_intent(s, 2, 1);
	down();
	fixture_reopen(&fx);
	pos = put_intent(s, 3, 1);
	up(false);
	run(150);
	ck_assert_int_eq(count("intent"), 3);
	ck_assert_int_eq(fixture_int(&fx, "SELECT json_extract(body, "
	    "'$.leftover') FROM events WHERE kind = 'audit_start' ORDER BY "
	    "id DESC"), 1);
	/* The writer from before goes on, and the parent gets it again. */
	ck_assert(spool_alive(s, now_boot_ms()));
	put_intent(s, 4, 1);
	run(150);
	ck_assert_int_eq(count("intent"), 4);
	ck_assert(spool_committed(s, pos));
	ck_assert_int_eq(recorder_open(rec, "s1", ROLE_WORKER, &fx, fds, err,
	    sizeof(err)), 0);
	for (i = 0; i < 4; i++)
		close(fds[i]);
	ck_assert_int_eq(recorder_open(rec, "s1", ROLE_PARENT, &fx, fds, err,
	    sizeof(err)), -1);
	ck_assert_str_eq(err, "the spool has another owner");
	spool_close(&s);
}
END_TEST

START_TEST(closing)
{
	struct spool *s = open_spool("s1", ROLE_WORKER, &fx);

	put_intent(s, 1, 1);
	spool_close(&s);
	ck_assert(recorder_close(rec, "s1"));
	ck_assert(recorder_close(rec, "s1"));
	ck_assert(!recorder_close(rec, "unknown"));
	ck_assert_str_eq(closed, "");
	run(150);
	ck_assert_int_eq(count("intent"), 1);
	ck_assert_str_eq(closed, "s1");
	ck_assert(!there("s1.spool"));
	ck_assert(!there("s1.pos"));
	ck_assert(!there("s1.ack"));
	ck_assert_int_eq(fixture_int(&fx, "SELECT count(*) FROM spools"), 0);
	/* The name may come again and begins anew. */
	s = open_spool("s1", ROLE_WORKER, &fx);
	put_intent(s, 1, 1);
	run(150);
	ck_assert_int_eq(count("intent"), 2);
	ck_assert_int_eq(count("gap"), 0);
	spool_close(&s);
}
END_TEST

/* Killed between removing the files and forgetting the row. */
START_TEST(stale_row)
{
	struct spool *s;

	fixture_exec(&fx, "INSERT INTO spools VALUES ('s1', 4096, 9, 1)");
	s = open_spool("s1", ROLE_WORKER, &fx);
	put_intent(s, 1, 1);
	run(150);
	ck_assert(!spool_broken(s));
	ck_assert_int_eq(count("intent"), 1);
	spool_close(&s);
}
END_TEST

START_TEST(breaks)
{
	struct spool *s = open_spool("s1", ROLE_WORKER, &fx);
	struct spool *t = open_spool("s2", ROLE_WORKER, &fx);
	struct event_policy_stop stop = { .reason = slice_str("x") };

	run(150);
	ck_assert_uint_ne(spool_append(s, EVENT_policy_stop, &stop), 0);
	put_intent(t, 1, 1);
	run(150);
	ck_assert_str_eq(broken, "s1: kind of event that is not its writer's");
	ck_assert(spool_broken(s));
	ck_assert(acked(s));
	ck_assert(!spool_broken(t));
	ck_assert_int_eq(count("intent"), 1);
	recorder_close(rec, "s1");
	run(150);
	ck_assert(!there("s1.spool"));
	ck_assert_int_eq(count("gap"), 1);
	spool_close(&s);
	spool_close(&t);
}
END_TEST

/* The spool of a policyd that died ends when the next one opens its own. */
START_TEST(orphans)
{
	struct event_policy_stop stop = { .reason = slice_str("x") };
	struct spool *a = open_spool("policyd-1", ROLE_PARENT, "first");
	struct spool *b;

	spool_append(a, EVENT_policy_stop, &stop);
	b = open_spool("policyd-2", ROLE_PARENT, "second");
	run(150);
	ck_assert(there("policyd-1.spool"));
	recorder_client_gone(rec, "first");
	run(150);
	ck_assert(!there("policyd-1.spool"));
	ck_assert_int_eq(count("policy_stop"), 1);
	ck_assert(there("policyd-2.spool"));
	recorder_client_gone(rec, "second");
	run(150);
	ck_assert(there("policyd-2.spool"));
	spool_close(&a);
	spool_close(&b);
}
END_TEST

START_TEST(many)
{
	static struct spool *s[200];
	char name[32];
	size_t i;

	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "s%zu", i);
		s[i] = open_spool(name, ROLE_WORKER, &fx);
	}
	run(250);
	for (i = 0; i < 200; i++)
		put_intent(s[i], i, 1);
	for (i = 0; i < 100 && count("intent") < 200; i++)
		run(100);
	ck_assert_int_eq(count("intent"), 200);
	for (i = 0; i < 200; i++)
		spool_close(&s[i]);
}
END_TEST

START_TEST(stops)
{
	struct spool *s = open_spool("s1", ROLE_WORKER, &fx);

	run(150);
	put_intent(s, 1, 1);
	ck_assert_int_eq(recorder_stop(rec, "signal", 1000), 0);
	ck_assert_int_eq(count("intent"), 1);
	ck_assert_str_eq(fixture_text(&fx, "SELECT kind FROM events ORDER BY "
	    "id DESC"), "audit_stop");
	spool_close(&s);
}
END_TEST

int
main(void)
{
	const TTest *tests[] = { wakes, seals, signs, group_commit, backpressure, slow_scan,
	    stray_byte, junk_wakes, store_away, leftovers, closing, stale_row,
	    breaks, orphans, many, stops };
	Suite *s = suite_create("recorder");
	TCase *t = tcase_create("recorder");
	SRunner *r;
	size_t i;
	int failed;

	log_init("test", 1, LOG_L_FATAL);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
