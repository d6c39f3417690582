/*
 * Draining: honest writers, hostile ones, and crashes of auditd between any two
 * steps.
 */
#include "drain.h"

#include <check.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

static struct fixture	 fx;
static struct spoolfile	 file;
static struct drain	 drain;
static struct spool	*writer;
static int		 raw = -1;	/* the spool, for a hostile writer */

static void
setup_owner(enum ipc_role owner)
{
	char err[256], path[160];

	fixture_up(&fx);
	if (spoolfile_create(&fx.dir, "s1", owner, 7, SPOOL_MIN, &file, err,
	    sizeof(err)) == -1)
		ck_abort_msg("%s", err);
	ck_assert_int_eq(drain_init(&drain, &file, fx.store), 0);
	writer = fixture_writer(&fx, &file);
	snprintf(path, sizeof(path), "%s/s1.spool", fx.spools);
	ck_assert_int_ne(raw = open(path, O_RDWR), -1);
}

static void
setup(void)
{
	setup_owner(ROLE_WORKER);
}

static void
teardown(void)
{
	close(raw);
	spool_close(&writer);
	drain_clear(&drain);
	spoolfile_close(&file);
	fixture_down(&fx);
}

/* One turn with its commit. */
static void
turn(void)
{
	unsigned int rows = 0;

	ck_assert_int_eq(drain_some(&drain, fx.store, 1000, &rows), 0);
	if (drain_dirty(&drain))
		ck_assert_int_eq(drain_save(&drain, fx.store), 0);
	ck_assert_int_eq(store_commit(fx.store), 0);
	drain_committed(&drain);
}

/* auditd is killed and comes back: all that was in memory is gone. */
static void
restart(void)
{
	char err[256];
	struct store_spool known;

	drain_clear(&drain);
	spoolfile_close(&file);
	fixture_reopen(&fx);
	ck_assert_int_ge(store_spool_load(fx.store, "s1", &known), 0);
	if (spoolfile_open(&fx.dir, "s1", known.position, &file, err,
	    sizeof(err)) == -1)
		ck_abort_msg("%s", err);
	ck_assert_int_eq(drain_init(&drain, &file, fx.store), 0);
}

static int64_t
count(const char *kind)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM events WHERE "
	    "kind = '%s'", kind);
	return fixture_int(&fx, sql);
}

static void
expect_broken(const char *reason)
{
	uint64_t pos = drain.done.pos;

	turn();
	ck_assert(drain.done.broken);
	ck_assert_str_eq(drain.reason, reason);
	ck_assert(spool_broken(writer));
	ck_assert_int_eq(count("gap"), 1);
	ck_assert_str_eq(fixture_text(&fx,
	    "SELECT session FROM events WHERE kind = 'gap'"), "s1");
	ck_assert_uint_ge(drain.done.pos, pos);
	/* Once, and never again, also after a restart. */
	turn();
	restart();
	turn();
	ck_assert(drain.done.broken);
	ck_assert_int_eq(count("gap"), 1);
}

static void
poke(off_t at, const void *p, size_t n)
{
	ck_assert_int_eq(pwrite(raw, p, n, at), (ssize_t)n);
}

/* --- honest ------------------------------------------------------------- */

START_TEST(round_trip)
{
	uint64_t pos, i;

	for (i = 1; i <= 10; i++)
		pos = put_outcome(writer, i);
	turn();
	ck_assert_uint_eq(drain.done.pos, pos);
	ck_assert_uint_eq(atomic_load(&file.pos->drained), pos);
	ck_assert_int_eq(count("outcome"), 10);
	ck_assert_int_eq(fixture_int(&fx, "SELECT count(*) FROM events WHERE "
	    "session = 's1' AND seq = json_extract(body, '$.stmt') AND "
	    "id = seq + 1"), 10);
	ck_assert_str_eq(fixture_text(&fx, "SELECT body FROM events WHERE "
	    "id = 2"), "{\"stmt\":1,\"status\":\"ok\",\"tag\":\"SELECT 1\","
	    "\"rows\":1,\"bytes\":0,\"duration_us\":0,\"sqlstate\":\"\","
	    "\"error\":\"\",\"masked\":\"\",\"first_us\":0,"
	    "\"client_us\":0,\"copied\":0,\"transaction\":\"\"}");
}
END_TEST

/* Many times around the ring, with records across its end. */
START_TEST(wraps)
{
	uint64_t i;

	for (i = 1; i <= 3000; i++) {
		ck_assert_uint_ne(put_intent(writer, i, i * 37 % 5000), 0);
		if (i % 7 == 0) {
			turn();
			spool_pump(writer);
		}
	}
	for (i = 0; i < 100 && !spool_idle(writer); i++) {
		turn();
		spool_pump(writer);
	}
	turn();
	ck_assert(!drain.done.broken);
	ck_assert_int_eq(count("intent"), 3000);
	ck_assert_int_eq(fixture_int(&fx, "SELECT sum(length("
	    "json_extract(body, '$.text')) != json_extract(body, '$.stmt') "
	    "* 37 % 5000) FROM events"), 0);
}
END_TEST

/* An event larger than the ring, with auditd killed at every turn. */
START_TEST(large_event_and_crashes)
{
	const size_t n = 1024 * 1024;
	int turns = 0;

	ck_assert_uint_ne(put_outcome(writer, 1), 0);
	ck_assert_uint_ne(put_intent(writer, 2, n), 0);
	ck_assert_uint_ne(put_outcome(writer, 3), 0);
	while (count("outcome") < 2 && turns++ < 100) {
		turn();
		restart();
		spool_pump(writer);
	}
	ck_assert(!drain.done.broken);
	ck_assert_int_eq(count("intent"), 1);
	ck_assert_int_eq(fixture_int(&fx, "SELECT length(json_extract(body, "
	    "'$.text')) FROM events WHERE kind = 'intent'"), (int64_t)n);
	ck_assert_int_eq(fixture_int(&fx, "SELECT count(*) FROM partial"), 0);
	ck_assert_int_eq(fixture_int(&fx, "SELECT max(seq) FROM events"), 3);
}
END_TEST

START_TEST(crash_before_commit)
{
	unsigned int rows = 0;

	put_outcome(writer, 1);
	ck_assert_int_eq(drain_some(&drain, fx.store, 100, &rows), 0);
	ck_assert_int_eq(drain_save(&drain, fx.store), 0);
	restart();
	turn();
	turn();
	ck_assert_int_eq(count("outcome"), 1);
}
END_TEST

START_TEST(crash_between_commit_and_publish)
{
	unsigned int rows = 0;
	uint64_t pos = put_outcome(writer, 1);

	ck_assert_int_eq(drain_some(&drain, fx.store, 100, &rows), 0);
	ck_assert_int_eq(drain_save(&drain, fx.store), 0);
	ck_assert_int_eq(store_commit(fx.store), 0);
	ck_assert_uint_eq(atomic_load(&file.pos->drained), 0);
	restart();
	ck_assert_uint_eq(atomic_load(&file.pos->drained), pos);
	turn();
	ck_assert_int_eq(count("outcome"), 1);
	put_outcome(writer, 2);
	turn();
	ck_assert_int_eq(count("outcome"), 2);
}
END_TEST

START_TEST(rollback)
{
	unsigned int rows = 0;

	put_outcome(writer, 1);
	put_intent(writer, 2, 100000);
	ck_assert_int_eq(drain_some(&drain, fx.store, 100, &rows), 0);
	store_rollback(fx.store);
	drain_rolled_back(&drain);
	ck_assert(!drain_dirty(&drain));
	turn();
	ck_assert(!drain.done.broken);
	ck_assert_int_eq(count("outcome"), 1);
	ck_assert_int_eq(count("intent"), 1);
}
END_TEST

/* In the middle of a large event, after some of it was committed. */
START_TEST(rollback_of_fragments)
{
	unsigned int rows = 0;

	put_intent(writer, 1, 600000);
	turn();
	spool_pump(writer);
	ck_assert(drain.fragments);
	ck_assert_int_eq(drain_some(&drain, fx.store, 100, &rows), 0);
	store_rollback(fx.store);
	drain_rolled_back(&drain);
	while (count("intent") == 0 && !drain.done.broken) {
		turn();
		spool_pump(writer);
	}
	ck_assert_str_eq(drain.reason, "");
	ck_assert_int_eq(fixture_int(&fx, "SELECT length(json_extract(body, "
	    "'$.text')) FROM events WHERE kind = 'intent'"), 600000);
}
END_TEST

START_TEST(store_fails)
{
	unsigned int rows = 0;
	void *lock = fixture_lock(&fx);

	put_outcome(writer, 1);
	ck_assert_int_eq(drain_some(&drain, fx.store, 100, &rows), -1);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "locked"));
	store_rollback(fx.store);
	drain_rolled_back(&drain);
	ck_assert_uint_eq(atomic_load(&file.pos->drained), 0);
	fixture_unlock(lock);
	turn();
	ck_assert_int_eq(count("outcome"), 1);
	ck_assert_int_eq(fixture_int(&fx, "SELECT max(id) FROM events"), 2);
}
END_TEST

START_TEST(ends_within_event)
{
	put_intent(writer, 1, 600000);
	turn();
	ck_assert(drain.fragments);
	ck_assert_int_eq(drain_finish(&drain, fx.store), 0);
	ck_assert(drain_dirty(&drain));
	ck_assert_int_eq(drain_save(&drain, fx.store), 0);
	ck_assert_int_eq(store_commit(fx.store), 0);
	drain_committed(&drain);
	ck_assert_int_eq(count("gap"), 1);
	ck_assert_int_eq(fixture_int(&fx, "SELECT count(*) FROM partial"), 0);
}
END_TEST

/* --- hostile: the file -------------------------------------------------- */

START_TEST(truncated)
{
	put_outcome(writer, 1);
	turn();
	ck_assert_int_eq(ftruncate(raw, 100), 0);
	expect_broken("file size changed");
}
END_TEST

START_TEST(truncated_to_nothing)
{
	ck_assert_int_eq(ftruncate(raw, 0), 0);
	expect_broken("file size changed");
}
END_TEST

START_TEST(grown)
{
	ck_assert_int_eq(ftruncate(raw, SPOOL_HEADER + SPOOL_MIN + 1), 0);
	expect_broken("file size changed");
}
END_TEST

START_TEST(punched)
{
	put_outcome(writer, 1);
	turn();
	put_outcome(writer, 2);
	if (fallocate(raw, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    SPOOL_HEADER, SPOOL_MIN) == -1)
		return;	/* not on this file system */
	expect_broken("checksum does not match");
}
END_TEST

START_TEST(header_punched)
{
	if (fallocate(raw, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	    SPOOL_HEADER) == -1)
		return;
	expect_broken("header changed");
}
END_TEST

START_TEST(size_field)
{
	uint64_t size = SPOOL_MIN * 2;

	poke(offsetof(struct spool_header, size), &size, sizeof(size));
	expect_broken("header changed");
}
END_TEST

/* The number is a writer's own trouble: only wakes get lost. */
START_TEST(number_field)
{
	uint32_t number = 0xffffffff;

	poke(offsetof(struct spool_header, number), &number, sizeof(number));
	put_outcome(writer, 1);
	turn();
	ck_assert(!drain.done.broken);
	ck_assert_int_eq(count("outcome"), 1);
}
END_TEST

/* --- hostile: the head -------------------------------------------------- */

static void
lie(uint64_t head)
{
	poke(offsetof(struct spool_header, head), &head, sizeof(head));
}

START_TEST(head_beyond)
{
	lie(SPOOL_MIN + 8);
	expect_broken("head is beyond the ring");
}
END_TEST

START_TEST(head_huge)
{
	lie(UINT64_MAX - 7);
	expect_broken("head is beyond the ring");
}
END_TEST

START_TEST(head_backwards)
{
	put_outcome(writer, 1);
	turn();
	lie(0);
	expect_broken("head went backwards");
}
END_TEST

START_TEST(head_unaligned)
{
	lie(13);
	expect_broken("head is not aligned");
}
END_TEST

START_TEST(head_into_nothing)
{
	put_outcome(writer, 1);
	turn();
	lie(drain.done.pos + 4096);
	expect_broken("checksum does not match");
}
END_TEST

START_TEST(head_within_header)
{
	lie(16);
	expect_broken("head within a record");
}
END_TEST

START_TEST(head_within_payload)
{
	put_outcome(writer, 1);
	lie(40);
	expect_broken("record ends after the head");
}
END_TEST

/* --- hostile: records --------------------------------------------------- */

/* A record of our making at `at`; returns where the next one goes. */
static uint64_t
forge(uint64_t at, struct spool_record *r, const void *payload)
{
	r->crc = spool_crc(r, payload);
	poke((off_t)(SPOOL_HEADER + at), r, sizeof(*r));
	poke((off_t)(SPOOL_HEADER + at + sizeof(*r)), payload, r->len);
	at += (sizeof(*r) + r->len + 7) & ~7ULL;
	lie(at);
	return at;
}

static struct buf bytes;

/* A good record of an `end` event. */
static struct spool_record
good(void)
{
	struct spool_record r = { .seq = 1, .time = 1, .kind = EVENT_end };
	struct event_end m = { .reason = slice_str("client") };

	buf_clear(&bytes);
	buf_init(&bytes, 65536);
	ck_assert_int_eq(msg_encode(event_desc(EVENT_end), &m, &bytes), 0);
	r.len = (uint32_t)bytes.len;
	return r;
}

START_TEST(forged_well)
{
	struct spool_record r = good();

	forge(0, &r, buf_head(&bytes));
	turn();
	ck_assert(!drain.done.broken);
	ck_assert_int_eq(count("end"), 1);
}
END_TEST

START_TEST(garbled)
{
	struct spool_record r = good();

	forge(0, &r, buf_head(&bytes));
	poke(SPOOL_HEADER + (off_t)sizeof(r) + 5, "X", 1);
	expect_broken("checksum does not match");
}
END_TEST

START_TEST(long_record)
{
	struct spool_record r = good();

	forge(0, &r, buf_head(&bytes));
	r.len = SPOOL_FRAGMENT + 1;
	poke(SPOOL_HEADER, &r, sizeof(r));
	expect_broken("record is too long");
}
END_TEST

START_TEST(huge_record)
{
	struct spool_record r = good();

	forge(0, &r, buf_head(&bytes));
	r.len = UINT32_MAX;
	poke(SPOOL_HEADER, &r, sizeof(r));
	expect_broken("record is too long");
}
END_TEST

START_TEST(seq_jump)
{
	struct spool_record r = good();
	uint64_t at = forge(0, &r, buf_head(&bytes));

	r.seq = 3;
	forge(at, &r, buf_head(&bytes));
	expect_broken("sequence is not contiguous");
	ck_assert_int_eq(count("end"), 1);
}
END_TEST

START_TEST(seq_repeated)
{
	struct spool_record r = good();
	uint64_t at = forge(0, &r, buf_head(&bytes));

	forge(at, &r, buf_head(&bytes));
	expect_broken("sequence is not contiguous");
}
END_TEST

START_TEST(zero_field)
{
	struct spool_record r = good();

	r.zero = 1;
	forge(0, &r, buf_head(&bytes));
	expect_broken("malformed record");
}
END_TEST

START_TEST(unknown_flag)
{
	struct spool_record r = good();

	r.flags = 0x8000;
	forge(0, &r, buf_head(&bytes));
	expect_broken("malformed record");
}
END_TEST

START_TEST(negative_time)
{
	struct spool_record r = good();

	r.time = UINT64_MAX;
	forge(0, &r, buf_head(&bytes));
	expect_broken("malformed record");
}
END_TEST

START_TEST(unknown_kind)
{
	struct spool_record r = good();

	r.kind = EVENT_NKINDS;
	forge(0, &r, buf_head(&bytes));
	expect_broken("kind of event that is not its writer's");
}
END_TEST

/* Identity events are policyd's, and auditd's own are auditd's. */
START_TEST(foreign_kind)
{
	static const enum event_kind foreign[] = { EVENT_session_open,
	    EVENT_policy_start, EVENT_audit_stop, EVENT_gap };
	struct spool_record r = good();

	r.kind = (uint16_t)foreign[_i];
	forge(0, &r, buf_head(&bytes));
	expect_broken("kind of event that is not its writer's");
}
END_TEST

START_TEST(trailing_byte)
{
	struct spool_record r = good();

	buf_add_u8(&bytes, 0);
	r.len++;
	forge(0, &r, buf_head(&bytes));
	expect_broken("malformed event");
}
END_TEST

START_TEST(short_event)
{
	struct spool_record r = good();

	r.len--;
	forge(0, &r, buf_head(&bytes));
	expect_broken("malformed event");
}
END_TEST

START_TEST(empty_fragments)
{
	struct spool_record r = good();

	r.len = 0;
	r.flags = SPOOL_MORE;
	forge(0, &r, "");
	expect_broken("malformed record");
}
END_TEST

START_TEST(mixed_fragments)
{
	struct spool_record r = good();
	uint64_t at;

	r.flags = SPOOL_MORE;
	r.len = 8;
	at = forge(0, &r, buf_head(&bytes));
	r.kind = EVENT_outcome;
	forge(at, &r, buf_head(&bytes));
	expect_broken("fragments of different kinds");
	ck_assert_int_eq(fixture_int(&fx, "SELECT count(*) FROM partial"), 0);
}
END_TEST

/* A stream of fragments without an end does not fill the memory. */
START_TEST(endless_fragments)
{
	static uint8_t junk[SPOOL_FRAGMENT];
	struct spool_record r = { .len = 1000, .seq = 1, .kind = EVENT_end,
	    .flags = SPOOL_MORE };
	uint64_t at = 0;
	int i;

	for (i = 0; i < 4; i++)
		at = forge(at, &r, junk);
	expect_broken("event is too large");
}
END_TEST

START_TEST(parent_kinds)
{
	struct event_session_open open = { .session = slice_str("abc") };
	struct event_policy_stop stop = { .reason = slice_str("x") };

	teardown();
	setup_owner(ROLE_PARENT);
	ck_assert_uint_ne(spool_append(writer, EVENT_session_open, &open), 0);
	ck_assert_uint_ne(spool_append(writer, EVENT_policy_stop, &stop), 0);
	turn();
	ck_assert(!drain.done.broken);
	ck_assert_str_eq(fixture_text(&fx, "SELECT session FROM events "
	    "WHERE kind = 'session_open'"), "abc");
	ck_assert_str_eq(fixture_text(&fx, "SELECT session FROM events "
	    "WHERE kind = 'policy_stop'"), "");
	put_outcome(writer, 1);
	expect_broken("kind of event that is not its writer's");
}
END_TEST

/* --- files -------------------------------------------------------------- */

START_TEST(position_lost)
{
	char path[160];

	put_outcome(writer, 1);
	turn();
	put_outcome(writer, 2);
	snprintf(path, sizeof(path), "%s/s1.pos", fx.spools);
	ck_assert_int_eq(unlink(path), 0);
	restart();
	turn();
	ck_assert_int_eq(count("outcome"), 2);
	ck_assert_int_eq(file.owner, ROLE_WORKER);
}
END_TEST

START_TEST(names)
{
	ck_assert(spool_name_valid("policyd-12ab"));
	ck_assert(spool_name_valid("0123456789abcdef0123456789abcdef"));
	ck_assert(!spool_name_valid("0123456789abcdef0123456789abcdef0"));
	ck_assert(!spool_name_valid(""));
	ck_assert(!spool_name_valid("../x"));
	ck_assert(!spool_name_valid("A"));
	ck_assert(!spool_name_valid("a.b"));
}
END_TEST

START_TEST(never_written_over)
{
	struct spoolfile other;
	char err[256];

	ck_assert_int_eq(spoolfile_create(&fx.dir, "s1", ROLE_WORKER, 1,
	    SPOOL_MIN, &other, err, sizeof(err)), -1);
	ck_assert_str_eq(err, "spool s1 exists");
}
END_TEST

START_TEST(locked)
{
	struct spooldir second;
	char err[256];

	ck_assert_int_eq(spooldir_open(&second, fx.spools, false, true, err,
	    sizeof(err)), -1);
	ck_assert_ptr_nonnull(strstr(err, "in use by another auditd"));
}
END_TEST

int
main(void)
{
	const TTest *tests[] = { round_trip, wraps,
	    large_event_and_crashes, crash_before_commit,
	    crash_between_commit_and_publish, rollback, rollback_of_fragments,
	    store_fails, ends_within_event, truncated, truncated_to_nothing,
	    grown, punched, header_punched, size_field, number_field,
	    head_beyond, head_huge, head_backwards, head_unaligned,
	    head_into_nothing, head_within_header, head_within_payload,
	    forged_well, garbled, long_record, huge_record, seq_jump,
	    seq_repeated, zero_field, unknown_flag, negative_time,
	    unknown_kind, trailing_byte, short_event, empty_fragments,
	    mixed_fragments, endless_fragments, parent_kinds, position_lost,
	    names, never_written_over, locked };
	Suite *s = suite_create("drain");
	TCase *t = tcase_create("drain");
	SRunner *r;
	size_t i;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, foreign_kind, 0, 4);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	buf_clear(&bytes);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
