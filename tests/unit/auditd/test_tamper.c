/*
 * Ways to tamper with a store, each done to a fresh copy of the same one, and
 * what verify says of it: a table.  An attacker here may write every file and
 * does not leave traces by mistake: triggers are put back, heads corrected,
 * hashes computed anew.  What he has not is auditd's key, and what was kept
 * elsewhere.
 *
 * The store has three segments and a checkpoint at least every ten events:
 *
 *	1 segment  2-9  10 checkpoint  11-14  15 seal  16 checkpoint
 *	17 segment  18-25  26 checkpoint  27-30  31 seal  32 checkpoint
 *	33 segment  34-41  42 checkpoint  43-46  47 checkpoint
 */
#include "verify.h"

#include <check.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "chain.h"
#include "event_kinds.h"
#include "fixture.h"
#include "sign.h"

static struct fixture	 fx;
static struct sign_key	*key, *other;
static uint8_t		 keys[1][SIGN_KEY_LEN];
static struct anchors	 anchors;
static char		 whole[128], older[128], foreign[128];

/* --- the store ---------------------------------------------------------- */

static void
shell(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

static void
shell(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	ck_assert_msg(system(cmd) == 0, "%s", cmd);
}

static void
put_some(uint64_t stmt)
{
	struct event_outcome m = { .status = slice_str("ok"),
	    .tag = slice_str("SELECT 1"), .rows = 1 };
	struct event_intent t = { .stmt = stmt + 3,
	    .action = slice_str("allow"), .text = slice_str("SELECT 1"),
	    .touched = slice_str("read public.a(b, c); write public.d") };
	uint64_t i;

	for (i = 0; i < 12; i++) {
		m.stmt = stmt + i;
		ck_assert_int_eq(i == 3 ? store_event(fx.store,
		    event_desc(EVENT_intent), &t, slice_str("s1"),
		    1700000000000000 + m.stmt, m.stmt) : store_event(fx.store,
		    event_desc(EVENT_outcome), &m, slice_str("s1"),
		    1700000000000000 + m.stmt, m.stmt), 0);
	}
	ck_assert_int_eq(store_commit(fx.store), 0);
}

static const char *
file_of(int segment)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/audit-%d.db", fx.path, segment);
	return path;
}

/* Keep the newest checkpoint of a segment as somebody elsewhere would. */
static void
anchor(int segment)
{
	struct checkpoint *v = realloc(anchors.v, (anchors.n + 1) *
	    sizeof(*v));
	sqlite3_stmt *st;
	sqlite3 *db;

	ck_assert_ptr_nonnull(v);
	anchors.v = v;
	ck_assert_int_eq(sqlite3_open(file_of(segment), &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT json_extract(body, "
	    "'$.line') FROM events WHERE kind = 'checkpoint' ORDER BY id DESC "
	    "LIMIT 1", -1, &st, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
	ck_assert_int_eq(checkpoint_parse((const char *)
	    sqlite3_column_text(st, 0), &v[anchors.n++]), 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
}

static void
make_store(void)
{
	put_some(1);
	ck_assert_int_eq(store_seal(fx.store, "test"), 0);
	put_some(101);
	ck_assert_int_eq(store_seal(fx.store, "test"), 0);
	put_some(201);
	ck_assert_int_eq(store_checkpoint(fx.store, "stop"), 0);
	ck_assert_int_eq(store_commit(fx.store), 0);
	store_close(&fx.store);
}

static struct sign_key *
make_key(void)
{
	char secret[SIGN_PEM_MAX], public[SIGN_PEM_MAX];

	sign_generate(secret, public);
	return sign_key_parse(secret, strlen(secret));
}

static void
setup_all(void)
{
	key = make_key();
	other = make_key();
	sign_public(key, keys[0]);
	/* A store of somebody else with the same shape. */
	fixture_up(&fx);
	fx.opts.every = 10;
	fx.opts.key = key;
	fixture_reopen(&fx);
	shell("rm -f %s/audit*", fx.path);
	fixture_reopen(&fx);
	make_store();
	snprintf(foreign, sizeof(foreign), "%s.foreign", fx.path);
	snprintf(whole, sizeof(whole), "%s.whole", fx.path);
	snprintf(older, sizeof(older), "%s.older", fx.path);
	shell("cp -af %s %s; rm -f %s/audit*", fx.path, foreign, fx.path);
	spooldir_close(&fx.dir);
	fixture_reopen(&fx);
	put_some(1);
	ck_assert_int_eq(store_seal(fx.store, "test"), 0);
	anchor(1);
	put_some(101);
	ck_assert_int_eq(store_seal(fx.store, "test"), 0);
	anchor(17);
	store_close(&fx.store);
	shell("cp -af %s %s", fx.path, older);
	fixture_reopen(&fx);
	put_some(201);
	ck_assert_int_eq(store_checkpoint(fx.store, "stop"), 0);
	ck_assert_int_eq(store_commit(fx.store), 0);
	anchor(33);
	store_close(&fx.store);
	shell("cp -af %s %s", fx.path, whole);
}

static void
teardown_all(void)
{
	shell("rm -rf %s %s %s %s", fx.path, whole, older, foreign);
	spooldir_close(&fx.dir);
	anchors_clear(&anchors);
	sign_key_free(&key);
	sign_key_free(&other);
}

/* --- an attacker's tools ------------------------------------------------ */

static sqlite3 *
attack(int segment)
{
	sqlite3 *db;

	chmod(file_of(segment), 0600);
	ck_assert_int_eq(sqlite3_open(file_of(segment), &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER,
	    0, NULL), SQLITE_OK);
	return db;
}

static void
attack_sql(int segment, const char *sql)
{
	sqlite3 *db = attack(segment);
	char *err = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &err) != SQLITE_OK)
		ck_abort_msg("%s: %s", sql, err);
	sqlite3_close(db);
}

/* Hash all events of a segment anew, and correct its head; the last hash. */
static void
rehash(int segment, uint8_t prev[SHA256_LEN])
{
	sqlite3 *db = attack(segment);
	struct sha256 *sha = sha256_new();
	sqlite3_stmt *rd, *wr;
	int64_t last = 0;

	ck_assert_int_eq(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), 0);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT id, time, session, "
	    "seq, stmt, kind, body FROM events ORDER BY id", -1, &rd, NULL),
	    SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "UPDATE events SET prev = ?, "
	    "hash = ? WHERE id = ?", -1, &wr, NULL), SQLITE_OK);
	while (sqlite3_step(rd) == SQLITE_ROW) {
		struct chain_event e = {
			.id = last = sqlite3_column_int64(rd, 0),
			.time = sqlite3_column_int64(rd, 1),
			.session = sqlite3_column_text(rd, 2),
			.session_len = (size_t)sqlite3_column_bytes(rd, 2),
			.seq = sqlite3_column_int64(rd, 3),
			.stmt = sqlite3_column_int64(rd, 4),
			.kind = sqlite3_column_text(rd, 5),
			.kind_len = (size_t)sqlite3_column_bytes(rd, 5),
			.body = sqlite3_column_text(rd, 6),
			.body_len = (size_t)sqlite3_column_bytes(rd, 6),
			.prev = prev
		};
		uint8_t hash[SHA256_LEN];

		chain_hash(sha, &e, hash);
		sqlite3_bind_blob(wr, 1, prev, SHA256_LEN, SQLITE_TRANSIENT);
		sqlite3_bind_blob(wr, 2, hash, SHA256_LEN, SQLITE_TRANSIENT);
		sqlite3_bind_int64(wr, 3, e.id);
		ck_assert_int_eq(sqlite3_step(wr), SQLITE_DONE);
		sqlite3_reset(wr);
		memcpy(prev, hash, SHA256_LEN);
	}
	sqlite3_finalize(rd);
	sqlite3_finalize(wr);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "UPDATE meta SET value = "
	    "CASE key WHEN 'head' THEN ?1 ELSE ?2 END WHERE key IN ('head', "
	    "'head_hash')", -1, &wr, NULL), SQLITE_OK);
	sqlite3_bind_int64(wr, 1, last);
	sqlite3_bind_blob(wr, 2, prev, SHA256_LEN, SQLITE_STATIC);
	ck_assert_int_eq(sqlite3_step(wr), SQLITE_DONE);
	sqlite3_finalize(wr);
	ck_assert_int_eq(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), 0);
	sqlite3_close(db);
	sha256_free(&sha);
}

/* The hash of the event `id` as it is now. */
static void
hash_of(int segment, int id, uint8_t hash[SHA256_LEN])
{
	sqlite3 *db = attack(segment);
	sqlite3_stmt *st;

	memset(hash, 0, SHA256_LEN);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT hash FROM events "
	    "WHERE id = ?", -1, &st, NULL), SQLITE_OK);
	sqlite3_bind_int(st, 1, id);
	if (sqlite3_step(st) == SQLITE_ROW)
		memcpy(hash, sqlite3_column_blob(st, 0), SHA256_LEN);
	sqlite3_finalize(st);
	sqlite3_close(db);
}

static void
rehash_from(int segment)
{
	static const int all[] = { 1, 17, 33 };
	uint8_t prev[SHA256_LEN] = { 0 };
	size_t i;

	for (i = 0; i < 3; i++) {
		if (all[i] < segment)
			hash_of(all[i], all[i] + 15, prev);
		else
			rehash(all[i], prev);
	}
}

/* Sign checkpoint `id` again for the event before it, with this key. */
static void
resign(int segment, int id, const struct sign_key *k)
{
	sqlite3 *db = attack(segment);
	char line[CHECKPOINT_LINE];
	struct checkpoint c;
	sqlite3_stmt *st;

	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT json_extract(body, "
	    "'$.line') FROM events WHERE id = ?", -1, &st, NULL), SQLITE_OK);
	sqlite3_bind_int(st, 1, id);
	ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
	ck_assert_int_eq(checkpoint_parse((const char *)
	    sqlite3_column_text(st, 0), &c), 0);
	sqlite3_finalize(st);
	hash_of(segment, id - 1, c.hash);
	checkpoint_sign(&c, k);
	checkpoint_format(&c, line);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "UPDATE events SET body = "
	    "json_set(body, '$.line', ?) WHERE id = ?", -1, &st, NULL),
	    SQLITE_OK);
	sqlite3_bind_text(st, 1, line, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 2, id);
	ck_assert_int_eq(sqlite3_step(st), SQLITE_DONE);
	sqlite3_finalize(st);
	sqlite3_close(db);
}

static void
hex_edit(int segment, const char *find, size_t at, char c)
{
	static char file[1024 * 1024];
	ssize_t n;
	char *p;
	int fd;

	chmod(file_of(segment), 0600);
	ck_assert_int_ne(fd = open(file_of(segment), O_RDWR), -1);
	ck_assert_int_gt(n = pread(fd, file, sizeof(file), 0), 0);
	p = memmem(file, (size_t)n, find, strlen(find));
	ck_assert_ptr_nonnull(p);
	p += at;
	ck_assert_int_ne(*p, c);
	ck_assert_int_eq(pwrite(fd, &c, 1, p - file), 1);
	close(fd);
}

/* --- attacks that need more than one statement -------------------------- */

static void
rehashed(void)
{
	attack_sql(33, "UPDATE events SET body = replace(body, 'SELECT', "
	    "'DELETE') WHERE id = 36");
	rehash_from(33);
}

static void
rehashed_sealed(void)
{
	attack_sql(17, "UPDATE events SET time = time + 1 WHERE id = 20");
	rehash_from(17);
}

static void
resigned(void)
{
	rehashed();
	resign(33, 42, other);
	rehash_from(33);
	resign(33, 47, other);
	rehash_from(33);
}

static void
bad_signature(void)
{
	attack_sql(33, "UPDATE events SET body = replace(body, substr(body, "
	    "instr(body, 'sig=') + 4, 4), '0000') WHERE id = 42");
	rehash_from(33);
}

/* A checkpoint that was good in another place. */
static void
replayed(void)
{
	attack_sql(33, "UPDATE events SET body = (SELECT body FROM events "
	    "WHERE id = 42) WHERE id = 47");
	rehash_from(33);
}

static void
promise_broken(void)
{
	attack_sql(33, "UPDATE events SET kind = 'gap' WHERE id IN (42, 47);"
	    "UPDATE events SET body = '{}' WHERE id = 36");
	rehash_from(33);
}

static void
none_signed(void)
{
	static const int all[] = { 1, 17, 33 };
	size_t i;

	for (i = 0; i < 3; i++)
		attack_sql(all[i], "UPDATE events SET kind = 'gap' WHERE "
		    "kind = 'checkpoint'");
	rehash_from(1);
}

static void
all_anew(void)
{
	shell("rm -f %s/audit*; cp -a %s/audit* %s", fx.path, foreign,
	    fx.path);
}

static void
store_renamed(void)
{
	attack_sql(33, "UPDATE events SET body = json_set(body, '$.store', "
	    "'00000000000000000000000000000000') WHERE id = 33; UPDATE meta "
	    "SET value = '00000000000000000000000000000000' WHERE key = "
	    "'store'");
	rehash_from(33);
}

static void
inserted(void)
{
	attack_sql(33, "UPDATE events SET id = -id - 1 WHERE id >= 40; UPDATE "
	    "events SET id = -id WHERE id < 0; INSERT INTO events SELECT 40, "
	    "time, session, seq, stmt, kind, body, prev, hash FROM events "
	    "WHERE id = 39; UPDATE meta SET value = 48 WHERE key = 'head'");
}

static void
inserted_rehashed(void)
{
	inserted();
	rehash_from(33);
}

static void
tail_cut(int last)
{
	uint8_t hash[SHA256_LEN];
	char sql[128];

	snprintf(sql, sizeof(sql), "DELETE FROM events WHERE id > %d", last);
	attack_sql(33, sql);
	hash_of(17, 32, hash);
	rehash(33, hash);
}

static void
tail_cut_44(void)
{
	tail_cut(44);
}

static void
tail_cut_42(void)
{
	tail_cut(42);
}

static void
rolled_back(void)
{
	shell("rm -f %s/audit*; cp -a %s/audit* %s", fx.path, older, fx.path);
}

static void
rolled_back_segment(void)
{
	shell("cp -af %s/audit-33.db %s", older, fx.path);
}

static void
swapped_segments(void)
{
	shell("cd %s && mv audit-1.db x && mv audit-17.db audit-1.db && "
	    "mv x audit-17.db", fx.path);
}

static void
first_segment_gone(void)
{
	shell("rm -f %s/audit-1.db", fx.path);
}

static void
middle_segment_gone(void)
{
	shell("rm -f %s/audit-17.db", fx.path);
}

static void
last_segment_gone(void)
{
	shell("rm -f %s/audit-33.db", fx.path);
}

static void
last_segment_gone_relinked(void)
{
	shell("cd %s && rm -f audit-33.db && ln -sf audit-17.db audit.db",
	    fx.path);
}

static void
relinked(void)
{
	shell("cd %s && ln -sf audit-17.db audit.db", fx.path);
}

static void
link_is_a_file(void)
{
	shell("cd %s && rm audit.db && cp audit-33.db audit.db", fx.path);
}

static void
foreign_segment(void)
{
	shell("cp -af %s/audit-17.db %s", foreign, fx.path);
}

static void
foreign_last_segment(void)
{
	shell("cp -af %s/audit-33.db %s", foreign, fx.path);
}

static void
unsealed(void)
{
	uint8_t hash[SHA256_LEN];

	/* Seal and checkpoint of the second go, the third starts earlier. */
	attack_sql(17, "DELETE FROM events WHERE id > 30; DELETE FROM meta "
	    "WHERE key = 'sealed'");
	hash_of(1, 16, hash);
	rehash(17, hash);
}

static void
hex_in_body(void)
{
	hex_edit(17, "\"stmt\":105,\"status\"", 7, '2');
}

static void
hex_in_kind(void)
{
	/* The row has its kind right before its body. */
	hex_edit(33, "outcome{\"stmt\":205,", 0, 'O');
}

static void
half_a_file(void)
{
	shell("cd %s && chmod u+w audit-17.db && truncate -s 8192 audit-17.db",
	    fx.path);
}

static void
garbage(void)
{
	shell("cd %s && chmod u+w audit-17.db && head -c 16384 /dev/zero | "
	    "tr '\\0' j | dd of=audit-17.db bs=1 seek=4096 conv=notrunc "
	    "status=none", fx.path);
}

static void
long_kind(void)
{
	attack_sql(33, "UPDATE events SET kind = hex(zeroblob(300)), hash = "
	    "zeroblob(32) WHERE id = 35");
}

static void
loose_types(void)
{
	attack_sql(33, "PRAGMA writable_schema = 1; UPDATE sqlite_master SET "
	    "sql = replace(sql, ' NOT NULL', '') WHERE name = 'events'");
	attack_sql(33, "UPDATE events SET body = cast(body AS BLOB) WHERE "
	    "id = 38");
}

/* --- the table ---------------------------------------------------------- */

enum { KEY = 1, ANCHOR = 2 };

static const struct tamper {
	const char	*name;
	int		 segment;	/* that `sql` changes */
	const char	*sql;
	void		(*run)(void);	/* instead of sql */
	int		 with;		/* what verify is given */
	int64_t		 bad;
	const char	*problem;	/* how the sentence goes on */
} tampers[] = {
	{ "body", 33, "UPDATE events SET body = replace(body, 'SELECT', "
	    "'DELETE') WHERE id = 40", NULL, 0, 40, "event 40 is altered" },
	{ "body, sealed", 1, "UPDATE events SET body = '{}' WHERE id = 3",
	    NULL, 0, 3, "event 3 is altered" },
	{ "white space", 33, "UPDATE events SET body = body || ' ' WHERE "
	    "id = 34", NULL, 0, 34, "event 34 is altered" },
	{ "time", 17, "UPDATE events SET time = time + 1 WHERE id = 19", NULL,
	    0, 19, "event 19 is altered" },
	{ "session", 17, "UPDATE events SET session = 's2' WHERE id = 19",
	    NULL, 0, 19, "event 19 is altered" },
	{ "seq", 17, "UPDATE events SET seq = 1 WHERE id = 19", NULL, 0, 19,
	    "event 19 is altered" },
	{ "stmt", 17, "UPDATE events SET stmt = 1 WHERE id = 19", NULL, 0, 19,
	    "event 19 is altered" },
	{ "kind", 17, "UPDATE events SET kind = 'end' WHERE id = 19", NULL, 0,
	    19, "event 19 is altered" },
	{ "prev", 17, "UPDATE events SET prev = zeroblob(32) WHERE id = 19",
	    NULL, 0, 19, "event 19 is altered" },
	{ "hash", 17, "UPDATE events SET hash = zeroblob(32) WHERE id = 19",
	    NULL, 0, 19, "event 19 is altered" },
	{ "short hash", 17, "UPDATE events SET hash = x'00' WHERE id = 19",
	    NULL, 0, 19, "event 19 is altered" },
	{ "type", 0, NULL, loose_types, 0, 38, "event 38 is altered" },
	{ "kind too long", 0, NULL, long_kind, 0, 35, "event 35 is altered" },
	{ "deleted", 33, "DELETE FROM events WHERE id = 40", NULL, 0, 40,
	    "event 40 is missing" },
	{ "several deleted", 17, "DELETE FROM events WHERE id IN (20, 21, 22)",
	    NULL, 0, 20, "events 20 to 22 are missing" },
	{ "deleted and closed up", 33, "DELETE FROM events WHERE id = 40; "
	    "UPDATE events SET id = id - 1 WHERE id > 40; UPDATE meta SET "
	    "value = 46 WHERE key = 'head'", NULL, 0, 40,
	    "event 40 is altered" },
	{ "very first deleted", 1, "DELETE FROM events WHERE id = 1", NULL, 0,
	    1, "event 1 is missing" },
	{ "first of a segment deleted", 17, "DELETE FROM events WHERE "
	    "id = 17", NULL, 0, 17, "event 17 is missing" },
	{ "last of a sealed segment deleted", 17, "DELETE FROM events WHERE "
	    "id = 32", NULL, 0, 32,
	    "events 32 to 32 are missing at the end" },
	{ "tail deleted", 33, "DELETE FROM events WHERE id > 44", NULL, 0, 45,
	    "events 45 to 47 are missing at the end" },
	{ "tail deleted, head corrected", 0, NULL, tail_cut_44, ANCHOR, 45,
	    "events 45 to 46 are missing at the end: they were anchored" },
	{ "tail cut at a checkpoint", 0, NULL, tail_cut_42, KEY | ANCHOR, 43,
	    "events 43 to 46 are missing at the end: they were anchored" },
	{ "rolled back to an older copy", 0, NULL, rolled_back, KEY | ANCHOR,
	    34, "events 34 to 46 are missing at the end: they were" },
	{ "one segment rolled back", 0, NULL, rolled_back_segment, ANCHOR, 34,
	    "events 34 to 46 are missing at the end: they were" },
	{ "inserted", 0, NULL, inserted, 0, 40,
	    "event 40 is swapped with event 41" },
	{ "inserted, hashed anew", 0, NULL, inserted_rehashed, KEY, 42,
	    "event 42 should be the checkpoint" },
	{ "swapped", 33, "UPDATE events SET id = -1 WHERE id = 35; UPDATE "
	    "events SET id = 35 WHERE id = 39; UPDATE events SET id = 39 "
	    "WHERE id = -1", NULL, 0, 35, "event 35 is swapped with event 39" },
	{ "contents swapped", 33, "CREATE TEMP TABLE t AS SELECT * FROM "
	    "events; UPDATE events SET (time, seq, stmt, body) = (SELECT "
	    "time, seq, stmt, body FROM t WHERE t.id = 74 - events.id) WHERE "
	    "id IN (35, 39)", NULL, 0, 35,
	    "event 35 is swapped with event 39" },
	{ "reordered, hashes kept", 33, "UPDATE events SET id = -id WHERE id "
	    "BETWEEN 34 AND 36; UPDATE events SET id = 70 + id WHERE id < 0",
	    NULL, 0, 34, "event 34 is swapped with event 36" },
	{ "altered, hashed anew", 0, NULL, rehashed, 0, 42,
	    "checkpoint 42 is not about the event before it" },
	{ "the same in a sealed segment", 0, NULL, rehashed_sealed, KEY, 26,
	    "checkpoint 26 is not about the event before it" },
	{ "re-signed with another key", 0, NULL, resigned, KEY, 42,
	    "checkpoint 42 is signed with another key" },
	{ "re-signed, no key but an anchor", 0, NULL, resigned, ANCHOR, 46,
	    "event 46 is not the one that was anchored" },
	{ "signature altered", 0, NULL, bad_signature, 0, 42,
	    "checkpoint 42 has a bad signature" },
	{ "an older checkpoint again", 0, NULL, replayed, 0, 47,
	    "checkpoint 47 is not about the event before it" },
	{ "no more checkpoints", 0, NULL, promise_broken, KEY, 42,
	    "event 42 should be the checkpoint that the one before, 32," },
	{ "no checkpoint at all", 0, NULL, none_signed, KEY, 1,
	    "nothing is signed" },
	{ "another store", 0, NULL, all_anew, KEY | ANCHOR, 1,
	    "no anchor is of this store" },
	{ "called another store", 0, NULL, store_renamed, 0, 33,
	    "event 33 begins a segment of another store" },
	{ "segments swapped", 0, NULL, swapped_segments, 0, 1,
	    "segment 1 is not what its name says: it begins with event 17" },
	{ "first segment gone", 0, NULL, first_segment_gone, 0, 1,
	    "events 1 to 16 are missing" },
	{ "middle segment gone", 0, NULL, middle_segment_gone, 0, 17,
	    "events 17 to 32 are missing" },
	{ "last segment gone", 0, NULL, last_segment_gone, 0, 33,
	    "events from 33 on are missing" },
	{ "last segment gone, link set back", 0, NULL,
	    last_segment_gone_relinked, 0, 33, "events from 33 on are missing: "
	    "the last segment is sealed" },
	{ "link set back", 0, NULL, relinked, 0, 0, "the events are good, but "
	    "the store is not a link to its last segment" },
	{ "link made a file", 0, NULL, link_is_a_file, 0, 1,
	    "events 1 to 32 are missing" },
	{ "segment of another store", 0, NULL, foreign_segment, 0, 17,
	    "event 17 does not follow the one before it" },
	{ "last segment of another store", 0, NULL, foreign_last_segment, 0,
	    33, "event 33 does not follow the one before it" },
	{ "seal removed", 0, NULL, unsealed, 0, 31,
	    "events 31 to 32 are missing" },
	{ "one byte of a body", 0, NULL, hex_in_body, 0, 22,
	    "event 22 is altered" },
	{ "one byte of a kind", 0, NULL, hex_in_kind, 0, 38,
	    "event 38 is altered" },
	{ "half a file", 0, NULL, half_a_file, 0, 17,
	    "event 17 cannot be read: the file is damaged" },
	{ "garbage", 0, NULL, garbage, 0, 17,
	    "event 17 cannot be read: the file is damaged" },
	{ "head alone", 33, "UPDATE meta SET value = 44 WHERE key = 'head'",
	    NULL, 0, 47, "event 47 is not the last that auditd committed" },
	{ "trigger dropped", 33, "DROP TRIGGER events_no_delete", NULL, 0, 0,
	    "the events are good, but trigger events_no_delete of the store "
	    "is missing or changed" },
	{ "trigger emptied", 17, "DROP TRIGGER events_no_update; CREATE "
	    "TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT 1; "
	    "END", NULL, 0, 0, "the events are good, but trigger "
	    "events_no_update of the store is missing or changed" },
	{ "view that hides", 33, "DROP VIEW sessions; CREATE VIEW sessions AS "
	    "SELECT 1 AS session", NULL, 0, 0, "the events are good, but view "
	    "sessions of the store is missing or changed" },
	{ "a trigger more", 33, "CREATE TRIGGER mine AFTER INSERT ON events "
	    "BEGIN DELETE FROM meta; END", NULL, 0, 0, "the events are good, "
	    "but trigger mine of the store is not auditd's" },
	{ "a relation hidden", 33, "DELETE FROM touched "
	    "WHERE event = 37 AND relation = 'public.d'", NULL, 0, 37,
	    "the table touched is not what event 37 says" },
	{ "all relations hidden", 17, "DELETE FROM "
	    "touched", NULL, 0, 21, "the table touched is not what event 21 "
	    "says" },
	{ "a relation renamed", 33, "UPDATE touched SET "
	    "relation = 'public.x' WHERE item = 1", NULL, 0, 37, "the table "
	    "touched is not what event 37 says" },
	{ "a column hidden", 33, "UPDATE touched SET "
	    "columns = 'b' WHERE item = 1", NULL, 0, 37, "the table touched "
	    "is not what event 37 says" },
	{ "a relation foisted", 33, "INSERT INTO touched VALUES (38, 1, "
	    "'read', 'public.a', '')", NULL, 0, 38, "the table touched is not "
	    "what event 38 says" },
	{ "a relation after the end", 33, "INSERT INTO touched VALUES (999, "
	    "1, 'read', 'public.a', '')", NULL, 0, 999, "the table touched is "
	    "not what event 999 says" },
	{ "index dropped", 33, "DROP INDEX events_session", NULL, 0, 0,
	    "the events are good, but index events_session" }
};
#define NTAMPERS ((int)(sizeof(tampers) / sizeof(tampers[0])))

static enum verify_code
verify(int with, struct verify_result *res)
{
	struct verify_options o = { 0 };

	if ((with & KEY) != 0) {
		o.keys = (const uint8_t (*)[SIGN_KEY_LEN])keys;
		o.nkeys = 1;
	}
	if ((with & ANCHOR) != 0)
		o.anchors = &anchors;
	return verify_store(fx.db, &o, res);
}

static void
fresh(void)
{
	shell("rm -rf %s && cp -a %s %s", fx.path, whole, fx.path);
}

START_TEST(untouched)
{
	struct verify_result res;
	int with;

	fresh();
	for (with = 0; with < 4; with++) {
		ck_assert_msg(verify(with, &res) == VERIFY_OK, "%s",
		    res.problem);
		ck_assert_int_eq(res.events, 47);
		ck_assert_int_eq(res.segments, 3);
		ck_assert_int_eq(res.signed_event, 46);
	}
}
END_TEST

/* A segment named by itself stands for itself. */
START_TEST(one_segment)
{
	struct verify_options o = { 0 };
	struct verify_result res;

	fresh();
	ck_assert_msg(verify_store(file_of(17), &o, &res) == VERIFY_OK, "%s",
	    res.problem);
	ck_assert_int_eq(res.first, 17);
	ck_assert_int_eq(res.events, 32);
	attack_sql(17, "UPDATE events SET seq = 7 WHERE id = 30");
	ck_assert_int_eq(verify_store(file_of(17), &o, &res), VERIFY_BAD);
	ck_assert_int_eq(res.bad, 30);
}
END_TEST

START_TEST(tampered)
{
	const struct tamper *t = &tampers[_i];
	struct verify_result res;
	enum verify_code code;

	fresh();
	if (t->run != NULL)
		t->run();
	else
		attack_sql(t->segment, t->sql);
	code = verify(t->with, &res);
	ck_assert_msg(code == VERIFY_BAD, "%s: code %d, %s", t->name,
	    (int)code, res.problem);
	ck_assert_msg(strncmp(res.problem, t->problem,
	    strlen(t->problem)) == 0, "%s: %s", t->name, res.problem);
	ck_assert_msg(res.bad == t->bad, "%s: event %lld", t->name,
	    (long long)res.bad);
}
END_TEST

/* auditd itself does not go on as if nothing had happened. */
START_TEST(auditd_refuses)
{
	char err[256];
	struct store *s;

	fresh();
	last_segment_gone();
	s = store_open(fx.db, &fx.opts, err, sizeof(err));
	ck_assert_ptr_null(s);
	ck_assert_ptr_nonnull(strstr(err, "events are lost"));
	fresh();
	attack_sql(33, "DELETE FROM events WHERE id > 44");
	ck_assert_ptr_nonnull(s = store_open(fx.db, &fx.opts, err,
	    sizeof(err)));
	ck_assert_int_eq(store_lost(s), 47);
	store_close(&s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tamper");
	TCase *t = tcase_create("tamper");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, setup_all, teardown_all);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, untouched);
	tcase_add_test(t, one_segment);
	tcase_add_loop_test(t, tampered, 0, NTAMPERS);
	tcase_add_test(t, auditd_refuses);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
