/*
 * From one segment to the next: nothing is lost and nothing doubled, whatever
 * step of it is the last one before a crash; names, working state, what is
 * refused.
 */
#include "seal.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "event_kinds.h"
#include "fixture.h"
#include "segments.h"
#include "sign.h"
#include "verify.h"

#define STEPS	5

static struct fixture	 fx;
static struct sign_key	*key;
static uint8_t		 keys[1][SIGN_KEY_LEN];
static int		 die_at;

static void
setup(void)
{
	char secret[SIGN_PEM_MAX], public[SIGN_PEM_MAX];

	sign_generate(secret, public);
	ck_assert_ptr_nonnull(key = sign_key_parse(secret, strlen(secret)));
	sign_public(key, keys[0]);
	fixture_up(&fx);
	fx.opts.key = key;
	fx.opts.every = 100;
	fixture_reopen(&fx);
}

static void
teardown(void)
{
	seal_step = NULL;
	fixture_down(&fx);
	sign_key_free(&key);
}

static void
put(uint64_t stmt)
{
	struct event_outcome m = { .stmt = stmt, .status = slice_str("ok") };

	ck_assert_int_eq(store_event(fx.store, event_desc(EVENT_outcome), &m,
	    slice_str("s1"), 1700000000000000 + stmt, stmt), 0);
}

/* Events 1 to n of a spool and how far it got, in one transaction. */
static void
put_batch(uint64_t from, uint64_t to)
{
	struct store_spool sp = { .position = to * 8, .seq = to };
	uint64_t i;

	for (i = from; i <= to; i++)
		put(i);
	ck_assert_int_eq(store_spool_save(fx.store, "s1", &sp), 0);
	ck_assert_int_eq(store_commit(fx.store), 0);
}

static void
verify_all(struct verify_result *res)
{
	struct verify_options o = {
		.keys = (const uint8_t (*)[SIGN_KEY_LEN])keys, .nkeys = 1
	};

	ck_assert_msg(verify_store(fx.db, &o, res) == VERIFY_OK, "%s",
	    res->problem);
}

/* The numbers of all outcomes, over all segments: 1 to n, each once. */
static void
check_outcomes(int64_t n)
{
	struct segments all;
	sqlite3_stmt *st;
	sqlite3 *db;
	int64_t want = 1;
	size_t i;

	ck_assert_int_eq(segments_find(fx.db, &all), 0);
	for (i = 0; i < all.n; i++) {
		ck_assert_int_eq(sqlite3_open_v2(all.v[i].path, &db,
		    SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
		ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT stmt FROM "
		    "events WHERE kind = 'outcome' ORDER BY id", -1, &st,
		    NULL), SQLITE_OK);
		while (sqlite3_step(st) == SQLITE_ROW)
			ck_assert_int_eq(sqlite3_column_int64(st, 0), want++);
		sqlite3_finalize(st);
		sqlite3_close(db);
	}
	segments_clear(&all);
	ck_assert_int_eq(want, n + 1);
}

static void
on_step(int step)
{
	if (step == die_at)
		kill(getpid(), SIGKILL);
}

/* In a child that is killed before `step`: what `work` does. */
static void
killed(int step, void (*work)(void))
{
	int status;
	pid_t pid;

	/* The lock belongs to who opened it: the child opens its own. */
	store_close(&fx.store);
	spooldir_close(&fx.dir);
	if ((pid = fork()) == 0) {
		fixture_open(&fx);
		die_at = step;
		seal_step = on_step;
		work();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	fixture_open(&fx);
}

START_TEST(goes_on)
{
	struct verify_result res;
	struct store_spool sp;
	struct stat st;
	char path[160];

	put_batch(1, 10);
	ck_assert_int_eq(store_partial_add(fx.store, "s1", 8, 99, 3, "half",
	    4), 0);
	ck_assert_int_eq(store_seal(fx.store, "test"), 0);
	put_batch(11, 20);
	/* Working memory went along. */
	ck_assert_int_eq(store_spool_load(fx.store, "s1", &sp), 1);
	ck_assert_uint_eq(sp.seq, 20);
	ck_assert_int_eq(fixture_int(&fx, "SELECT count(*) FROM partial"), 1);
	check_outcomes(20);
	verify_all(&res);
	ck_assert_int_eq(res.segments, 2);
	/* 1 segment, 10 outcomes, seal, checkpoint: the next begins with 14. */
	ck_assert_int_eq(store_segment(fx.store), 14);
	snprintf(path, sizeof(path), "%s/audit-1.db", fx.path);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0400);
	snprintf(path, sizeof(path), "%s/audit-1.db-wal", fx.path);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

static void
seal_twice(void)
{
	put_batch(11, 20);
	store_seal(fx.store, "test");
}

START_TEST(killed_sealing)
{
	struct verify_result res;
	struct store_spool sp;

	put_batch(1, 10);
	ck_assert_int_eq(store_seal(fx.store, "test"), 0);
	killed(_i, seal_twice);
	ck_assert_int_eq(store_spool_load(fx.store, "s1", &sp), 1);
	ck_assert_uint_eq(sp.seq, 20);
	ck_assert_uint_eq(sp.position, 160);
	put_batch(21, 30);
	check_outcomes(30);
	verify_all(&res);
	/* Before step 2 nothing is sealed. */
	ck_assert_int_eq(res.segments, _i == 1 ? 2 : 3);
}
END_TEST

/* The very first segment, too. */
START_TEST(killed_at_first)
{
	struct verify_result res;
	char cmd[160];
	int status;
	pid_t pid;

	store_close(&fx.store);
	spooldir_close(&fx.dir);
	snprintf(cmd, sizeof(cmd), "rm -f %s/audit*", fx.path);
	ck_assert_int_eq(system(cmd), 0);
	if ((pid = fork()) == 0) {
		die_at = _i;
		seal_step = on_step;
		fixture_open(&fx);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	fixture_open(&fx);
	put_batch(1, 5);
	ck_assert_int_eq(store_checkpoint(fx.store, "test"), 0);
	ck_assert_int_eq(store_commit(fx.store), 0);
	check_outcomes(5);
	verify_all(&res);
	ck_assert_int_eq(res.segments, 1);
}
END_TEST

/* A reader holds the old segment: it is sealed, and reads on. */
START_TEST(reader_holds)
{
	struct verify_result res;
	sqlite3_stmt *st;
	sqlite3 *db;

	put_batch(1, 10);
	ck_assert_int_eq(sqlite3_open_v2(fx.db, &db, SQLITE_OPEN_READONLY,
	    NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT * FROM events", -1,
	    &st, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
	ck_assert_int_eq(store_seal(fx.store, "test"), 0);
	put_batch(11, 20);
	ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
	sqlite3_finalize(st);
	sqlite3_close(db);
	check_outcomes(20);
	verify_all(&res);
	ck_assert_int_eq(res.segments, 2);
}
END_TEST

/*
 * The next segment cannot be made: nothing more is taken, until it can.  A
 * directory in the place of the half-made file stands for a disk that is full.
 */
START_TEST(cannot_go_on)
{
	struct event_outcome m = { .stmt = 11, .status = slice_str("ok") };
	struct verify_result res;
	char path[160];

	put_batch(1, 10);
	snprintf(path, sizeof(path), "%s/audit-14.db.new", fx.path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(store_seal(fx.store, "test"), -1);
	store_rollback(fx.store);
	ck_assert_int_eq(store_event(fx.store, event_desc(EVENT_outcome), &m,
	    slice_str("s1"), 1, 1), -1);
	store_rollback(fx.store);
	ck_assert_int_eq(store_commit(fx.store), -1);
	/* auditd is started again, and it still cannot. */
	fixture_reopen(&fx);
	ck_assert_int_eq(store_commit(fx.store), -1);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(store_commit(fx.store), 0);
	put_batch(11, 20);
	check_outcomes(20);
	verify_all(&res);
	ck_assert_int_eq(res.segments, 2);
}
END_TEST

/* Checkpoints come in time, whatever the batches are. */
START_TEST(checkpoints)
{
	struct verify_result res;
	uint64_t i;

	for (i = 0; i < 1000; i += 250)
		put_batch(i + 1, i + 250);
	verify_all(&res);
	ck_assert_int_eq(fixture_int(&fx, "SELECT max(id - before) <= 100 "
	    "FROM (SELECT id, lag(id, 1, 0) OVER (ORDER BY id) AS before FROM "
	    "events WHERE kind = 'checkpoint')"), 1);
	/* What is rolled back is signed again. */
	put(1001);
	ck_assert_int_eq(store_checkpoint(fx.store, "test"), 0);
	store_rollback(fx.store);
	put_batch(1001, 1003);
	ck_assert_int_eq(store_checkpoint(fx.store, "test"), 0);
	/* Nothing new: no other one. */
	ck_assert_int_eq(store_checkpoint(fx.store, "test"), 0);
	ck_assert_int_eq(store_commit(fx.store), 0);
	verify_all(&res);
	ck_assert_int_eq(res.signed_event, res.events - 1);
}
END_TEST

/* A promise holds for the auditd that comes after, too. */
START_TEST(promise_kept)
{
	struct verify_result res;

	put_batch(1, 100);
	fx.opts.every = 100000;
	fixture_reopen(&fx);
	put_batch(101, 300);
	verify_all(&res);
}
END_TEST

START_TEST(second_auditd)
{
	char err[256];

	ck_assert_ptr_null(store_open(fx.db, &fx.opts, err, sizeof(err)));
	ck_assert_str_eq(err, "is written by another auditd");
}
END_TEST

static void
refused(const char *cmd, const char *why)
{
	char line[512], err[512];

	store_close(&fx.store);
	snprintf(line, sizeof(line), "cd %s && %s", fx.path, cmd);
	ck_assert_int_eq(system(line), 0);
	ck_assert_ptr_null(store_open(fx.db, &fx.opts, err, sizeof(err)));
	ck_assert_msg(strstr(err, why) != NULL, "%s", err);
}

START_TEST(refuses_old)
{
	refused("rm -f audit* && sqlite3 audit.db 'PRAGMA application_id = "
	    "1347638350; PRAGMA user_version = 1; CREATE TABLE events (id)'",
	    "is a store of schema version 1 and this auditd writes version 3: "
	    "move it elsewhere");
}
END_TEST

START_TEST(refuses_file)
{
	refused("cp audit-1.db x && rm audit* && mv x audit.db",
	    "rename it to end in -1.db");
}
END_TEST

START_TEST(refuses_other)
{
	refused("rm audit* && sqlite3 audit.db 'CREATE TABLE t (a)'",
	    "is not a store of ours");
	ck_assert_int_eq(access(fx.db, F_OK), 0);
}
END_TEST

START_TEST(refuses_link)
{
	refused("ln -sf /etc/passwd audit.db",
	    "is a link to something that is no segment");
}
END_TEST

START_TEST(link_is_made_again)
{
	struct verify_result res;
	char path[160];

	put_batch(1, 10);
	ck_assert_int_eq(store_checkpoint(fx.store, "test"), 0);
	ck_assert_int_eq(store_commit(fx.store), 0);
	ck_assert_int_eq(unlink(fx.db), 0);
	fixture_reopen(&fx);
	ck_assert_int_gt(readlink(fx.db, path, sizeof(path)), 0);
	verify_all(&res);
}
END_TEST

START_TEST(lines)
{
	struct checkpoint c = { .event = 7, .time = 1700000000000000,
	    .every = 100 }, d;
	char line[CHECKPOINT_LINE], other[2 * CHECKPOINT_LINE];
	char *p;

	memcpy(c.store, "00112233445566778899aabbccddeeff", 33);
	memset(c.hash, 0xa5, sizeof(c.hash));
	checkpoint_sign(&c, key);
	checkpoint_format(&c, line);
	ck_assert_int_eq(checkpoint_parse(line, &d), 0);
	ck_assert(checkpoint_good(&d));
	/* As a log host keeps it. */
	snprintf(other, sizeof(other), "Nov 24 08:00:00 gw audit[7]: %s\n",
	    line);
	ck_assert_int_eq(checkpoint_parse(other, &d), 0);
	/* One spelling: no other character anywhere. */
	for (p = line; *p != '\0'; p++) {
		char was = *p;

		*p = was == '0' ? '1' : '0';
		ck_assert_msg(checkpoint_parse(line, &d) == -1 ||
		    !checkpoint_good(&d), "at %td", p - line);
		*p = was;
	}
	snprintf(other, sizeof(other), "%s 1", line);
	ck_assert_int_eq(checkpoint_parse(other, &d), -1);
	p = strstr(line, "event=7");
	*p = '\0';
	snprintf(other, sizeof(other), "%sevent=07%s", line, p + 7);
	ck_assert_int_eq(checkpoint_parse(other, &d), -1);
	*p = 'e';
	for (p = line + strlen(line) - 1; p > line; p--) {
		*p = '\0';
		ck_assert_int_eq(checkpoint_parse(line, &d), -1);
	}
}
END_TEST

int
main(void)
{
	const TTest *tests[] = { goes_on, reader_holds, cannot_go_on,
	    checkpoints, promise_kept, second_auditd, refuses_old,
	    refuses_file, refuses_other, refuses_link, link_is_made_again,
	    lines };
	Suite *s = suite_create("seal");
	TCase *t = tcase_create("seal");
	SRunner *r;
	size_t i;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, killed_sealing, 1, STEPS + 1);
	/* The first has nothing to seal and nothing to close. */
	tcase_add_loop_test(t, killed_at_first, 2, STEPS);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
