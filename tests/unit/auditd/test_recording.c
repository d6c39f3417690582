/*
 * Recordings: from the spool into files and the chain, through crashes; what
 * verify says when somebody touched them; and how they are removed.
 */
#include "drain.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "prune.h"
#include "recfile.h"
#include "sign.h"
#include "verify.h"

static struct fixture	 fx;
static struct spoolfile	 file;
static struct drain	 drain;
static struct spool	*writer;
static struct sign_key	*key;
static char		 dir[160];

static void
open_spool(const char *name)
{
	char err[256];

	if (spoolfile_create(&fx.dir, name, ROLE_WORKER, 7, SPOOL_MIN, &file,
	    err, sizeof(err)) == -1)
		ck_abort_msg("%s", err);
	ck_assert_int_eq(drain_init(&drain, &file, fx.store), 0);
	writer = fixture_writer(&fx, &file);
}

static void
close_spool(void)
{
	spool_close(&writer);
	drain_clear(&drain);
	spoolfile_close(&file);
}

static void
setup(void)
{
	char secret[SIGN_PEM_MAX], public[SIGN_PEM_MAX];

	fixture_up(&fx);
	sign_generate(secret, public);
	key = sign_key_parse(secret, strlen(secret));
	fx.opts.key = key;
	fixture_reopen(&fx);
	snprintf(dir, sizeof(dir), "%s/audit-recordings", fx.path);
	open_spool("s1");
}

static void
teardown(void)
{
	close_spool();
	fixture_down(&fx);
	sign_key_free(&key);
}

static void
put_chunk(uint64_t stmt, const char *data)
{
	struct event_chunk e = { .stmt = stmt, .size = strlen(data),
	    .data = slice_str(data) };

	ck_assert_uint_gt(spool_append(writer, EVENT_chunk, &e), 0);
}

static void
drain_now(void)
{
	unsigned int rows = 0;

	ck_assert_int_eq(drain_some(&drain, fx.store, 1000, &rows), 0);
	ck_assert_int_eq(drain_save(&drain, fx.store), 0);
}

static void
commit(void)
{
	ck_assert_int_eq(store_commit(fx.store), 0);
	drain_committed(&drain);
}

/* What the file of a session has. */
static const char *
contents(const char *session)
{
	static char text[256];
	int fd = recfile_open(dir, session);
	ssize_t n;

	if (fd == -1)
		return NULL;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

static enum verify_code
verify(struct verify_result *res)
{
	struct verify_options opts = { 0 };

	return verify_store(fx.db, &opts, res);
}

static void
is_good(int64_t answers, int64_t pruned)
{
	struct verify_result res;

	ck_assert_msg(verify(&res) == VERIFY_OK, "%s", res.problem);
	ck_assert_int_eq(res.answers, answers);
	ck_assert_int_eq(res.pruned, pruned);
}

/* It names the n-th answer event of the store, and says so. */
static void
is_bad(int n, const char *what)
{
	struct verify_result res;
	char sql[128];

	ck_assert_int_eq(verify(&res), VERIFY_BAD);
	ck_assert_msg(strstr(res.problem, what) != NULL, "%s", res.problem);
	snprintf(sql, sizeof(sql), "SELECT id FROM events WHERE kind = "
	    "'answer' ORDER BY id LIMIT 1 OFFSET %d", n - 1);
	ck_assert_int_eq(res.bad, fixture_int(&fx, sql));
}

/* Two sessions of two chunks each. */
static void
two_sessions(void)
{
	put_chunk(1, "one");
	put_chunk(2, "two");
	drain_now();
	commit();
	close_spool();
	open_spool("s2");
	put_chunk(1, "uno");
	put_chunk(2, "due");
	drain_now();
	commit();
}

static void
edit(const char *session, off_t at, const char *bytes)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, session);
	ck_assert_int_ne(fd = open(path, O_WRONLY), -1);
	ck_assert_int_eq(pwrite(fd, bytes, strlen(bytes), at),
	    (ssize_t)strlen(bytes));
	close(fd);
}

static void
move(const char *from, const char *to)
{
	char a[256], b[256];

	snprintf(a, sizeof(a), "%s/%s", dir, from);
	snprintf(b, sizeof(b), "%s/%s", dir, to);
	ck_assert_int_eq(rename(a, b), 0);
}

START_TEST(chunks_are_put_aside)
{
	put_chunk(5, "hello");
	put_chunk(6, "world");
	drain_now();
	commit();
	ck_assert_str_eq(contents("s1"), "helloworld");
	ck_assert_int_eq(fixture_int(&fx, "SELECT count(*) FROM events WHERE "
	    "kind = 'chunk' OR body LIKE '%hello%'"), 0);
	ck_assert_int_eq(fixture_int(&fx, "SELECT count(*) FROM events WHERE "
	    "kind = 'answer' AND session = 's1' AND stmt = 6 AND seq = 2 AND "
	    "json_extract(body, '$.offset') = 5 AND "
	    "json_extract(body, '$.stored') = 5"), 1);
	ck_assert_str_eq(fixture_text(&fx, "SELECT json_extract(body, "
	    "'$.sha256') FROM events WHERE kind = 'answer' AND stmt = 5"),
	    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	is_good(2, 0);
}
END_TEST

START_TEST(nobody_else_reads_them)
{
	struct stat st;
	char path[256];

	put_chunk(1, "x");
	drain_now();
	commit();
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	snprintf(path, sizeof(path), "%s/s1", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
}
END_TEST

/* What a failed commit left is no part of it. */
START_TEST(rolled_back)
{
	put_chunk(1, "one");
	drain_now();
	commit();
	put_chunk(2, "two");
	drain_now();
	store_rollback(fx.store);
	drain_rolled_back(&drain);
	ck_assert_str_eq(contents("s1"), "one");
	drain_now();
	commit();
	ck_assert_str_eq(contents("s1"), "onetwo");
	is_good(2, 0);
}
END_TEST

/* ... nor what a crash left: it stays, and nothing speaks of it. */
START_TEST(crashed)
{
	struct store_spool known;
	char err[256];

	put_chunk(1, "one");
	drain_now();
	commit();
	put_chunk(2, "two");
	drain_now();
	drain_clear(&drain);
	spoolfile_close(&file);
	fixture_reopen(&fx);
	ck_assert_int_eq(store_spool_load(fx.store, "s1", &known), 1);
	ck_assert_int_eq(spoolfile_open(&fx.dir, "s1", known.position, &file,
	    err, sizeof(err)), 0);
	ck_assert_int_eq(drain_init(&drain, &file, fx.store), 0);
	drain_now();
	commit();
	ck_assert_str_eq(contents("s1"), "onetwotwo");
	is_good(2, 0);
}
END_TEST

START_TEST(cannot_be_written)
{
	unsigned int rows = 0;

	/* A file where the directory should be: as good as a full disk. */
	ck_assert_int_eq(close(open(dir, O_CREAT | O_WRONLY, 0600)), 0);
	put_chunk(1, "one");
	ck_assert_int_eq(drain_some(&drain, fx.store, 1000, &rows), -1);
	ck_assert_ptr_nonnull(strstr(store_error(fx.store), "recording: "));
	store_rollback(fx.store);
	drain_rolled_back(&drain);
	ck_assert_int_eq(unlink(dir), 0);
	drain_now();
	commit();
	is_good(1, 0);
}
END_TEST

START_TEST(edited)
{
	two_sessions();
	is_good(4, 0);
	edit("s1", 4, "W");
	is_bad(2, "altered");
	/* The first bad event, wherever it is. */
	edit("s2", 0, "U");
	edit("s1", 4, "w");
	is_bad(3, "session s2 is altered");
}
END_TEST

START_TEST(missing)
{
	two_sessions();
	move("s2", "elsewhere");
	is_bad(3, "session s2 is missing");
}
END_TEST

START_TEST(cut_off)
{
	char path[256];

	two_sessions();
	snprintf(path, sizeof(path), "%s/s2", dir);
	ck_assert_int_eq(truncate(path, 5), 0);
	is_bad(4, "altered");
}
END_TEST

START_TEST(swapped)
{
	two_sessions();
	move("s1", "tmp");
	move("s2", "s1");
	move("tmp", "s2");
	is_bad(1, "altered");
}
END_TEST

/* A FIFO or a link in its place stops nobody, and is no recording. */
START_TEST(replaced)
{
	char path[256];

	two_sessions();
	snprintf(path, sizeof(path), "%s/s1", dir);
	move("s1", "away");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	is_bad(1, "altered");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("away", path), 0);
	is_bad(1, "missing");
}
END_TEST

START_TEST(not_looked_at)
{
	struct verify_options opts = { .no_recordings = true };
	struct verify_result res;

	two_sessions();
	move("s2", "elsewhere");
	ck_assert_int_eq(verify_store(fx.db, &opts, &res), VERIFY_OK);
	ck_assert_int_eq(res.answers, 0);
}
END_TEST

START_TEST(pruned)
{
	uint64_t bytes;

	two_sessions();
	ck_assert_int_eq(prune_recording(fx.store, "s1", "old", 12, &bytes),
	    0);
	ck_assert_uint_eq(bytes, 6);
	ck_assert_ptr_null(contents("s1"));
	is_good(4, 1);
	/* It is signed. */
	ck_assert_int_eq(fixture_int(&fx, "SELECT count(*) FROM events p JOIN "
	    "events c ON c.id = p.id + 1 WHERE p.kind = 'prune' AND p.session "
	    "= 's1' AND json_extract(p.body, '$.uid') = 12 AND "
	    "json_extract(p.body, '$.bytes') = 6 AND c.kind = 'checkpoint'"),
	    1);
	/* Once. */
	ck_assert_int_eq(prune_recording(fx.store, "s1", "old", 12, &bytes),
	    0);
	ck_assert_uint_eq(bytes, 0);
	is_good(4, 1);
	/* It says nothing of the other. */
	move("s2", "elsewhere");
	is_bad(3, "session s2 is missing");
}
END_TEST

/* A character more than a session has. */
#define LONG	"0123456789abcdef0123456789abcdef0"

START_TEST(requests)
{
	static const char *const bad[] = { "", "{", "[]",
	    "{\"session\":\"s1\"}", "{\"session\":\"../x\",\"reason\":\"r\"}",
	    "{\"session\":\"\",\"reason\":\"r\"}",
	    "{\"session\":\"" LONG "\",\"reason\":\"r\"}",
	    "{\"session\":1,\"reason\":\"r\"}" };
	const char *good = "{\"session\":\"s1\",\"reason\":\"r\"}";
	struct prune_request q;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(prune_parse(bad[i], strlen(bad[i]), &q) == -1,
		    "%s", bad[i]);
	ck_assert_int_eq(prune_parse(good, strlen(good), &q), 0);
	ck_assert_str_eq(q.session, "s1");
	ck_assert_str_eq(q.reason, "r");
}
END_TEST

START_TEST(directories)
{
	static const struct {
		const char *store, *dir;
	} cases[] = {
		{ "/a/audit.db", "/a/audit-recordings" },
		{ "/a/audit-81.db", "/a/audit-recordings" },
		{ "audit-x.db", "audit-x-recordings" },
		{ "/a-1/copy", "/a-1/copy-recordings" }
	};
	size_t i;
	char *path;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		path = recdir_path(cases[i].store);
		ck_assert_str_eq(path, cases[i].dir);
		free(path);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("recording");
	TCase *t = tcase_create("recording");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, chunks_are_put_aside);
	tcase_add_test(t, nobody_else_reads_them);
	tcase_add_test(t, rolled_back);
	tcase_add_test(t, crashed);
	tcase_add_test(t, cannot_be_written);
	tcase_add_test(t, edited);
	tcase_add_test(t, missing);
	tcase_add_test(t, cut_off);
	tcase_add_test(t, swapped);
	tcase_add_test(t, replaced);
	tcase_add_test(t, not_looked_at);
	tcase_add_test(t, pruned);
	tcase_add_test(t, requests);
	tcase_add_test(t, directories);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
