/*
 * The machine loses its power, or auditd is killed, at a random call that
 * changes a file, with sessions at work: what was called committed is in the
 * store, and the store proves itself (postern-audit(5)), recordings included.
 * In `normal` a power cut may take what was called committed: the store is
 * whole all the same, and verify names the first recording that lacks bytes.
 *
 * POSTERN_POWERCUTS says how often (4), POSTERN_SEED where chance begins.
 */
#include "recorder.h"

#include <sys/wait.h>

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "fixture.h"
#include "log.h"
#include "powercut.h"
#include "recfile.h"
#include "segments.h"
#include "verify.h"
#include "tests/unit/tmpname.h"

#define WRITERS		4
#define CALLS		1500	/* the cut is before so many */
#define TEXT_MAX	6000
#define CHUNK_MAX	3000

static struct recorder_limits limits = {
	.spool_size = SPOOL_MIN, .sign_ms = 50,
	.segment_size = 400 * 1024, .segment_age = 86400000
};

struct end {
	const char	*what;
	bool		 full, cut;	/* durability; the kernel dies, too */
};

static char		 base[100], work[128], disk[128];
static unsigned int	 seed;
static int		 chunks_lost;

/* --- the one that dies -------------------------------------------------- */

struct sys {
	struct fixture	 fx;
	struct ev_loop	*loop;
	struct ev_timer	*until;
	struct recorder	*rec;
};

static void
on_named(void *ctx, const char *name, const char *reason)
{
	(void)ctx, (void)name, (void)reason;
}

static void
on_closed(void *ctx, const char *name)
{
	(void)ctx, (void)name;
}

static void
on_until(void *ctx)
{
	ev_stop(ctx);
}

static void
sys_up(struct sys *s, const char *path, bool full)
{
	char err[256];

	memset(s, 0, sizeof(*s));
	snprintf(s->fx.db, sizeof(s->fx.db), "%s/audit.db", path);
	snprintf(s->fx.spools, sizeof(s->fx.spools), "%s/spool", path);
	if (spooldir_open(&s->fx.dir, s->fx.spools, full, true, err,
	    sizeof(err)) == -1)
		ck_abort_msg("spooldir: %s", err);
	s->fx.opts.full = full;
	s->fx.opts.every = 100;
	s->fx.store = store_open(s->fx.db, &s->fx.opts, err, sizeof(err));
	if (s->fx.store == NULL)
		ck_abort_msg("store: %s", err);
	s->loop = ev_loop_new();
	s->until = ev_timer_new(s->loop, on_until, s->loop);
	s->rec = recorder_new(s->loop, &s->fx.dir, s->fx.store, &limits,
	    on_named, on_closed, NULL);
	if (recorder_start(s->rec, err, sizeof(err)) == -1)
		ck_abort_msg("recorder: %s", err);
}

static void
sys_down(struct sys *s)
{
	recorder_free(&s->rec);
	ev_timer_free(&s->until);
	ev_loop_free(&s->loop);
	store_close(&s->fx.store);
	spooldir_close(&s->fx.dir);
}

static void
sys_run(struct sys *s, uint64_t ms)
{
	ev_timer_set(s->until, ms);
	ev_run(s->loop);
}

static void
session_name(char *out, int k)
{
	snprintf(out, 33, "%032d", k + 1);
}

/* What a client saw answered: told to who survives, one word each. */
struct seen {
	int		 writer;
	uint64_t	 stmt;
};

/* A statement and its answer: the position of the latter. */
static uint64_t
put_both(struct spool *w, uint64_t stmt, unsigned int *r)
{
	char data[CHUNK_MAX];
	struct event_chunk e = { .stmt = stmt, .size = CHUNK_MAX };

	put_intent(w, stmt, (size_t)rand_r(r) % TEXT_MAX);
	memset(data, 'a' + (int)(stmt % 26), sizeof(data));
	e.data = slice_of(data, 1 + (size_t)rand_r(r) % sizeof(data));
	return spool_append(w, EVENT_chunk, &e);
}

/*
 * Sessions at work until the cut.  Each has one statement under way, and goes
 * on when its record is committed, as a worker does.
 */
static _Noreturn void
live(int out, const struct end *end, unsigned int r)
{
	struct spool *w[WRITERS];
	uint64_t pos[WRITERS] = { 0 }, stmt[WRITERS] = { 0 };
	struct seen seen;
	struct sys s;
	char name[40], err[256];
	int fds[4], k;

	/* Before that, setting up is its subject too. */
	powercut_arm(work, disk, (long)(r % CALLS), r, !end->cut);
	sys_up(&s, work, end->full);
	for (k = 0; k < WRITERS; k++) {
		session_name(name, k);
		if (recorder_open(s.rec, name, ROLE_WORKER, &s, fds, err,
		    sizeof(err)) == -1)
			ck_abort_msg("%s", err);
		if ((w[k] = spool_open(fds[0], fds[1], fds[2], fds[3])) ==
		    NULL)
			ck_abort_msg("spool");
	}
	for (;;) {
		for (k = 0; k < WRITERS; k++) {
			spool_acked(w[k]);
			if (pos[k] != 0 && !spool_committed(w[k], pos[k]))
				continue;
			seen.writer = k;
			seen.stmt = stmt[k];
			if (pos[k] != 0 && write(out, &seen, sizeof(seen)) !=
			    (ssize_t)sizeof(seen))
				_exit(1);
			pos[k] = put_both(w[k], ++stmt[k], &r);
			spool_pump(w[k]);
			/* In `full`, ask to be told. */
			spool_committed(w[k], pos[k]);
		}
		sys_run(&s, end->full ? 1 : 5);
	}
}

/* --- and what is found then --------------------------------------------- */

static bool
recorded(const char *path, const struct seen *seen, const char *kind)
{
	struct segments all;
	sqlite3_stmt *st;
	char name[40];
	bool found = false;
	sqlite3 *db;
	size_t i;

	session_name(name, seen->writer);
	ck_assert_int_eq(segments_find(path, &all), 0);
	for (i = 0; i < all.n && !found; i++) {
		ck_assert_int_eq(sqlite3_open(all.v[i].path, &db), SQLITE_OK);
		ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM "
		    "events WHERE session = ? AND stmt = ? AND kind = ?", -1,
		    &st, NULL), SQLITE_OK);
		sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 2, (int64_t)seen->stmt);
		sqlite3_bind_text(st, 3, kind, -1, SQLITE_STATIC);
		found = sqlite3_step(st) == SQLITE_ROW &&
		    sqlite3_column_int(st, 0) == 1;
		sqlite3_finalize(st);
		sqlite3_close(db);
	}
	segments_clear(&all);
	return found;
}

/* Is the chunk of this row where it says?  Columns as in lost(). */
static bool
chunk_there(const char *dir, sqlite3_stmt *st)
{
	uint8_t data[CHUNK_MAX], digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1] = "";
	int fd = recfile_open(dir, (const char *)sqlite3_column_text(st, 0));
	size_t n = (size_t)sqlite3_column_int64(st, 2);

	ck_assert_uint_le(n, sizeof(data));
	if (fd != -1 && recfile_read(fd, (uint64_t)sqlite3_column_int64(st, 1),
	    data, n) == 0) {
		sha256_once(data, n, digest);
		hex_encode(digest, sizeof(digest), hex);
	}
	if (fd != -1)
		close(fd);
	return strcmp(hex, (const char *)sqlite3_column_text(st, 3)) == 0;
}

/* How many chunks are not there. */
static int
lost(const char *path)
{
	struct segments all;
	sqlite3_stmt *st;
	char *dir = recdir_path(path);
	sqlite3 *db;
	size_t i;
	int n = 0;

	ck_assert_int_eq(segments_find(path, &all), 0);
	for (i = 0; i < all.n; i++) {
		ck_assert_int_eq(sqlite3_open(all.v[i].path, &db), SQLITE_OK);
		ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT session, "
		    "json_extract(body, '$.offset'), json_extract(body, "
		    "'$.stored'), json_extract(body, '$.sha256') FROM events "
		    "WHERE kind = 'answer'", -1, &st, NULL), SQLITE_OK);
		while (sqlite3_step(st) == SQLITE_ROW)
			n += chunk_there(dir, st) ? 0 : 1;
		sqlite3_finalize(st);
		sqlite3_close(db);
	}
	segments_clear(&all);
	free(dir);
	return n;
}

/* A machine that is up again: auditd starts, and drains what there is. */
static void
recover(const char *path, bool full)
{
	struct sys s;

	sys_up(&s, path, full);
	sys_run(&s, 60);
	ck_assert_int_eq(recorder_stop(s.rec, "test", 10000), 0);
	sys_down(&s);
}

/* The chain holds; what recordings lack is said, and nothing else is. */
static void
look_proof(const char *db, const struct end *end, unsigned int r)
{
	struct verify_options none = { 0 };
	struct verify_result res;
	enum verify_code code = verify_store(db, &none, &res);
	int n = end->full || !end->cut ? 0 : lost(db);

	chunks_lost += n;
	if (n == 0)
		ck_assert_msg(code == VERIFY_OK, "seed %u: %s", r,
		    res.problem);
	else
		ck_assert_msg(code == VERIFY_BAD && strstr(res.problem,
		    "the recording of session") != NULL, "seed %u: %d chunks "
		    "are lost, and verify says: %d, %s", r, n, code,
		    res.problem);
}

static void
look(const char *path, const struct end *end, const struct seen *last,
    unsigned int r)
{
	char db[160];
	struct seen one;
	int k;

	recover(path, end->full);
	snprintf(db, sizeof(db), "%s/audit.db", path);
	look_proof(db, end, r);
	if (end->cut && !end->full)
		return;
	/* A writer's events come in order: each up to the last. */
	for (k = 0; k < WRITERS; k++)
		for (one = last[k]; one.stmt > 0; one.stmt--)
			ck_assert_msg(recorded(db, &one, "intent") &&
			    recorded(db, &one, "answer"), "seed %u: statement "
			    "%d of session %d was answered, and is not in the "
			    "record", r, (int)one.stmt, k);
}

/* One life; how many answers were seen. */
static long
once(const struct end *end, unsigned int r)
{
	struct seen seen, last[WRITERS] = { { 0, 0 } };
	char cmd[600];
	int p[2], status;
	long n = 0;
	pid_t pid;

	snprintf(cmd, sizeof(cmd), "rm -rf %s %s && mkdir %s", work, disk,
	    work);
	ck_assert_int_eq(system(cmd), 0);
	ck_assert_int_eq(pipe(p), 0);
	if ((pid = fork()) == 0) {
		close(p[0]);
		live(p[1], end, r);
	}
	close(p[1]);
	while (read(p[0], &seen, sizeof(seen)) == (ssize_t)sizeof(seen)) {
		seen.writer %= WRITERS;
		last[seen.writer] = seen;
		n++;
	}
	close(p[0]);
	waitpid(pid, &status, 0);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "seed %u: ended with %d", r, status);
	look(end->cut ? disk : work, end, last, r);
	return n;
}

static void
many(const struct end *end)
{
	const char *s = getenv("POSTERN_POWERCUTS");
	int i, n = s == NULL ? 4 : atoi(s);
	long answers = 0;

	for (i = 0; i < n; i++)
		answers += once(end, seed + (unsigned int)i * 7919u);
	printf("%s: %d times, %ld answers, %d pieces of recordings lost, "
	    "seed %u\n", end->what, n, answers, chunks_lost, seed);
	ck_assert_int_gt(answers, 0);
}

START_TEST(power_cut)
{
	many(&(struct end){ "power cut", true, true });
}
END_TEST

START_TEST(power_cut_normal)
{
	many(&(struct end){ "power cut in normal", false, true });
}
END_TEST

START_TEST(killed)
{
	many(&(struct end){ "killed", false, false });
}
END_TEST

int
main(void)
{
	const char *from = getenv("POSTERN_SEED");
	Suite *s = suite_create("powercut");
	TCase *t = tcase_create("power"), *k = tcase_create("killed");
	SRunner *r;
	char cmd[128];
	int failed;

	seed = from != NULL ? (unsigned int)strtoul(from, NULL, 10) :
	    (unsigned int)time(NULL) ^ (unsigned int)getpid();
	TMPNAME(base, "test-powercut");
	if (mkdtemp(base) == NULL)
		return EXIT_FAILURE;
	snprintf(work, sizeof(work), "%s/work", base);
	snprintf(disk, sizeof(disk), "%s/disk", base);
	log_init("test", 1, LOG_L_FATAL);
	tcase_set_timeout(t, 3600);
	tcase_add_test(t, power_cut);
	tcase_add_test(t, power_cut_normal);
	suite_add_tcase(s, t);
	tcase_set_timeout(k, 3600);
	tcase_add_test(k, killed);
	suite_add_tcase(s, k);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	if (failed == 0) {
		snprintf(cmd, sizeof(cmd), "rm -rf %s", base);
		failed = system(cmd) != 0;
	}
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
