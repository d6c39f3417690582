/*
 * The record under attack: a store that is edited, and writers of spools that
 * lie (D8).
 */
#include "e2e.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/spool.h"

/* --- the store --------------------------------------------------------------- */

static void
copy_store(const char *name, const char *sql)
{
	/* Triggers guard against mistakes; an attacker drops them. */
	ck_assert_int_eq(e2e_sh("cd %s && rm -f %s.db && sqlite3 '%s' "
	    "'.timeout 10000' \".backup %s.db\" && sqlite3 %s.db \"%s\"",
	    e2e_env("STACK_DIR"), name, e2e_env("AUDIT_DB"), name, name,
	    sql), 0);
}

static int
verify(const char *name)
{
	return e2e_sh("%s/auditctl -d %s/%s.db verify > %s/verify.out 2>&1",
	    e2e_env("POSTERN_BIN"), e2e_env("STACK_DIR"), name,
	    e2e_env("STACK_DIR"));
}

static void
check_found(const char *name, int event)
{
	char path[600], number[16];

	ck_assert_msg(verify(name) == 1, "%s: not found", name);
	snprintf(path, sizeof path, "%s/verify.out", e2e_env("STACK_DIR"));
	snprintf(number, sizeof number, "%d", event);
	ck_assert_msg(e2e_file_has(path, number), "%s: event %d not named",
	    name, event);
}

#define NO_TRIGGERS	"DROP TRIGGER events_no_update; " \
			"DROP TRIGGER events_no_delete; "

static void
some_events(void)
{
	PGconn *c = e2e_session("dba", "audit-events");
	int i;

	for (i = 0; i < 10; i++)
		free(e2e_value(c, "SELECT 'audit-needle-one'"));
	PQfinish(c);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = 'audit-events' AND closed IS NOT NULL") >= 1));
}

START_TEST(whole)
{
	some_events();
	ck_assert_int_eq(e2e_sh("%s/auditctl -f %s verify",
	    e2e_env("POSTERN_BIN"), e2e_env("AUDITD_FILE")), 0);
	copy_store("whole", "SELECT 1");
	ck_assert_int_eq(verify("whole"), 0);
}
END_TEST

START_TEST(store_refuses)
{
	copy_store("refuses", "SELECT 1");
	ck_assert_int_ne(e2e_sh("sqlite3 %s/refuses.db \"UPDATE events SET "
	    "body = '' WHERE id = 2\" 2>/dev/null", e2e_env("STACK_DIR")), 0);
	ck_assert_int_ne(e2e_sh("sqlite3 %s/refuses.db 'DELETE FROM events "
	    "WHERE id = 2' 2>/dev/null", e2e_env("STACK_DIR")), 0);
}
END_TEST

START_TEST(one_byte)
{
	some_events();
	copy_store("byte", "SELECT 1");
	/* One byte in one place, as with a hex editor. */
	ck_assert_int_eq(e2e_sh("cd %s && at=$(grep -abo audit-needle-one "
	    "byte.db | head -1 | cut -d: -f1) && printf X | dd of=byte.db "
	    "bs=1 seek=$((at + 3)) conv=notrunc status=none",
	    e2e_env("STACK_DIR")), 0);
	/* The copy's first event with those bytes, wherever its page is. */
	ck_assert_msg(verify("byte") == 1, "not found");
	ck_assert_int_eq(e2e_sh("cd %s && id=$(sqlite3 byte.db \"SELECT "
	    "min(id) FROM events WHERE CAST(body AS TEXT) LIKE "
	    "'%%audXt-needle-one%%'\") && [ -n \"$id\" ] && grep -qw \"$id\" "
	    "verify.out", e2e_env("STACK_DIR")), 0);
}
END_TEST

START_TEST(row_removed)
{
	copy_store("removed", NO_TRIGGERS "DELETE FROM events WHERE id = 5");
	check_found("removed", 5);
}
END_TEST

START_TEST(first_row_removed)
{
	copy_store("first", NO_TRIGGERS "DELETE FROM events WHERE id = 1");
	check_found("first", 1);
}
END_TEST

START_TEST(rows_swapped)
{
	copy_store("swapped", NO_TRIGGERS "UPDATE events SET id = -1 WHERE "
	    "id = 4; UPDATE events SET id = 4 WHERE id = 6; UPDATE events SET "
	    "id = 6 WHERE id = -1");
	check_found("swapped", 4);
}
END_TEST

START_TEST(row_altered)
{
	copy_store("altered", NO_TRIGGERS "UPDATE events SET time = time + 1 "
	    "WHERE id = 3");
	check_found("altered", 3);
}
END_TEST

START_TEST(prints_log)
{
	some_events();
	ck_assert_int_eq(e2e_sh("%s/auditctl -f %s log --subject audit-events "
	    "--json | grep -q audit-needle-one", e2e_env("POSTERN_BIN"),
	    e2e_env("AUDITD_FILE")), 0);
}
END_TEST

static int
auditctl(const char *command)
{
	return e2e_sh("cd %s && %s/auditctl -f %s %s", e2e_env("STACK_DIR"),
	    e2e_env("POSTERN_BIN"), e2e_env("AUDITD_FILE"), command);
}

/*
 * A session that goes on while its segment is sealed: one record, signed and
 * anchored, and the prepared text is found from the other side of the border.
 */
START_TEST(sealed_meanwhile)
{
	PGconn *c = e2e_session("dba", "audit-sealed");
	char *session, cmd[256];
	PGresult *r;

	PQclear(PQprepare(c, "p", "SELECT 'audit-needle-two'", 0, NULL));
	r = PQexecPrepared(c, "p", 0, NULL, NULL, NULL, 0);
	ck_assert_int_eq(PQresultStatus(r), PGRES_TUPLES_OK);
	PQclear(r);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM statements "
	    "WHERE subject = 'audit-sealed' AND status = 'ok'") == 1));
	session = e2e_audit("SELECT session FROM sessions WHERE subject = "
	    "'audit-sealed'");
	ck_assert_int_eq(auditctl("seal >/dev/null"), 0);
	r = PQexecPrepared(c, "p", 0, NULL, NULL, NULL, 0);
	ck_assert_int_eq(PQresultStatus(r), PGRES_TUPLES_OK);
	PQclear(r);
	PQfinish(c);
	/* The new segment knows the end of the session and not its beginning. */
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE session = '%s' AND kind = 'session_close'", session) == 1));
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM sessions WHERE "
	    "session = '%s'", session), 0);
	snprintf(cmd, sizeof cmd, "replay %s > sealed.out && test $(grep -c "
	    "\"| SELECT 'audit-needle-two'\" sealed.out) = 2 && test $(grep -c "
	    "'> SELECT 1' sealed.out) = 2", session);
	ck_assert_int_eq(auditctl(cmd), 0);
	snprintf(cmd, sizeof cmd, "test $(%s/auditctl -f %s log --subject "
	    "audit-sealed --text 'NEEDLE-two' --kind intent | wc -l) = 2",
	    e2e_env("POSTERN_BIN"), e2e_env("AUDITD_FILE"));
	ck_assert_int_eq(e2e_sh("%s", cmd), 0);
	/* What `attach` prints gives sqlite3 the whole session. */
	ck_assert_int_eq(auditctl("attach > attach.sql"), 0);
	ck_assert_int_eq(e2e_sh("cd %s && echo \"SELECT statements FROM "
	    "sessions WHERE session = '%s'\" | cat attach.sql - | sqlite3 "
	    ":memory: | grep -qx 2", e2e_env("STACK_DIR"), session), 0);
	/* Sealing signed it; the line is an anchor from now on. */
	ck_assert(E2E_UNTIL(5000, auditctl("checkpoint > anchor 2>/dev/null ||"
	    " grep -hao 'postern-checkpoint 1 [^\"]*' audit/audit-1.db | tail "
	    "-1 > anchor; test -s anchor") == 0));
	ck_assert_int_eq(e2e_sh("cd %s && %s/auditctl -f %s verify --key '%s' "
	    "--anchor anchor", e2e_env("STACK_DIR"), e2e_env("POSTERN_BIN"),
	    e2e_env("AUDITD_FILE"), e2e_env("AUDIT_KEY")), 0);
	/* Who asked for it is in the old one. */
	snprintf(cmd, sizeof cmd, "log --kind seal | grep -q 'asked by uid %d'",
	    (int)getuid());
	ck_assert_int_eq(auditctl(cmd), 0);
	free(session);
}
END_TEST

/* --- replay -------------------------------------------------------------- */

/* The whole id of the one session of this subject, once it is closed. */
static char *
closed_session(const char *subject)
{
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = '%s' AND closed IS NOT NULL", subject) == 1));
	return e2e_audit("SELECT session FROM sessions WHERE subject = '%s'",
	    subject);
}

static int
replay(const char *session, const char *more)
{
	char cmd[512];

	snprintf(cmd, sizeof cmd, "replay %s %s", session, more);
	return auditctl(cmd);
}

/* Across lines. */
static bool
in_stack_file(const char *name, const char *text)
{
	static char all[64 * 1024];
	char path[600];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", e2e_env("STACK_DIR"), name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	n = fread(all, 1, sizeof all - 1, f);
	fclose(f);
	all[n] = '\0';
	return strstr(all, text) != NULL;
}

#define HOSTILE	"\n\\! touch pwned\n\\.\n\\q :DBNAME ' \" \\' $q$ \033[2J" \
		"\xe2\x80\xae\xc3\x83\r\\! touch pwned\n;-- *"

/* An agent's session: reads, writes with parameters, is refused, and lies. */
static char *
agent_session(const char *subject)
{
	static const char *const v[] = { "it's \\ \n\xc3\xa9", "5" };
	PGconn *c = e2e_session("nightly-bot", subject);
	PGresult *r;

	free(e2e_value(c, "SELECT 'replay-one'"));
	r = PQexecParams(c, "UPDATE orders SET status = $1 WHERE id = $2", 2,
	    NULL, v, NULL, NULL, 0);
	ck_assert_str_eq(PQcmdStatus(r), "UPDATE 1");
	PQclear(r);
	e2e_refused(c, "DELETE FROM orders WHERE id = 7", "42501");
	free(e2e_value(c, "SELECT 'replay-two' /*" HOSTILE "*/"));
	PQfinish(c);
	return closed_session(subject);
}

START_TEST(replays)
{
	static const char *const wanted[] = {
		": audit-replay as nightly-bot on shop, role ",
		" allow by reads\n    | SELECT 'replay-one'\n    -> SELECT 1, ",
		"    $1 = \"it's \\\\ \\n\xc3\xa9\"\n    $2 = \"5\"\n"
		"    -> UPDATE 1, ",
		" deny by no-deletes\n    | DELETE FROM orders WHERE id = 7\n"
		"    -> denied 42501",
		"    | \\! touch pwned\n", "\\x1b[2J\\u{202e}",
		"  closed: "
	};
	char *session = agent_session("audit-replay");
	size_t i;

	ck_assert_int_eq(replay(session, "> replay.out"), 0);
	for (i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		ck_assert_msg(in_stack_file("replay.out", wanted[i]), "%s",
		    wanted[i]);
	ck_assert(!in_stack_file("replay.out", "\033"));
	ck_assert(!in_stack_file("replay.out", "\xe2\x80\xae"));
	/* Nor do the commands that show events. */
	ck_assert_int_eq(e2e_sh("cd %s && a=\"%s/auditctl -f %s\" && ($a log "
	    "--session %s; $a sessions; for i in $($a log --session %s --kind "
	    "intent | cut -d' ' -f1); do $a show $i; done) > shown.out",
	    e2e_env("STACK_DIR"), e2e_env("POSTERN_BIN"),
	    e2e_env("AUDITD_FILE"), session, session), 0);
	ck_assert(in_stack_file("shown.out", "\\u001b[2J\\u{202e}"));
	ck_assert(!in_stack_file("shown.out", "\033"));
	ck_assert(!in_stack_file("shown.out", "\xe2\x80\xae"));
	/* A copy of the file says the same. */
	copy_store("replayed", "SELECT 1");
	ck_assert_int_eq(e2e_sh("cd %s && %s/auditctl -d replayed.db replay "
	    "--speed 0 %s | cmp - replay.out", e2e_env("STACK_DIR"),
	    e2e_env("POSTERN_BIN"), session), 0);
	ck_assert_int_eq(replay(session, "--from 99999 > replay.out"), 0);
	ck_assert(!in_stack_file("replay.out", "statement 1"));
	/* Two Enters are two statements. */
	ck_assert_int_eq(e2e_sh("cd %s && printf '\\n\\n' | %s/auditctl -f %s "
	    "replay --step %s > replay.out && test $(grep -c '^+.*statement' "
	    "replay.out) = 2", e2e_env("STACK_DIR"), e2e_env("POSTERN_BIN"),
	    e2e_env("AUDITD_FILE"), session), 0);
	ck_assert_int_eq(replay("nobody", "2>/dev/null"), 2);
	ck_assert_int_eq(replay(session, "--speed x 2>/dev/null"), 2);
	ck_assert_int_eq(replay(session, "--sql - --step 2>/dev/null"), 2);
	free(session);
}
END_TEST

/* The same tags, the same values, and nothing else. */
START_TEST(replays_sql)
{
	char *session = agent_session("audit-replay-sql");
	PGconn *c = e2e_direct();
	char *status;

	ck_assert_int_eq(e2e_sh("cd %s && rm -f pwned replay.sql",
	    e2e_env("STACK_DIR")), 0);
	free(e2e_value(c, "UPDATE orders SET status = 'before' WHERE id = 5"));
	ck_assert_int_eq(replay(session, "--sql replay.sql"), 0);
	/* It has no byte that anything could take for something else. */
	ck_assert_int_eq(e2e_sh("cd %s && ! LC_ALL=C grep -q '[^ -~]' "
	    "replay.sql && tail -1 replay.sql | grep -q '^-- End'",
	    e2e_env("STACK_DIR")), 0);
	ck_assert_int_eq(e2e_sh("cd %s && (echo 'BEGIN;'; cat replay.sql; "
	    "echo \"SELECT status FROM orders WHERE id = 5; ROLLBACK;\") | "
	    "psql -XAt '%s' > replay.out 2>&1", e2e_env("STACK_DIR"),
	    e2e_env("DIRECT_DSN")), 0);
	ck_assert_int_eq(e2e_sh("cd %s && printf '%%s\\n' BEGIN replay-one "
	    "PREPARE 'UPDATE 1' DEALLOCATE replay-two \"it's \\\\ \" "
	    "'\xc3\xa9' ROLLBACK | diff - replay.out", e2e_env("STACK_DIR")),
	    0);
	ck_assert_int_ne(e2e_sh("test -e %s/pwned", e2e_env("STACK_DIR")), 0);
	status = e2e_value(c, "SELECT status FROM orders WHERE id = 5");
	ck_assert_str_eq(status, "before");
	free(status);
	PQfinish(c);
	/* Nothing is overwritten. */
	ck_assert_int_eq(replay(session, "--sql replay.sql 2>/dev/null"), 2);
	free(session);
}
END_TEST

/*
 * The server gets the very text, whatever it holds and in whatever state psql
 * is; what was not executed, or cannot be again, is a comment.
 */
START_TEST(replays_hostile)
{
	static const char exact[] = "SELECT 'seen-' || md5(current_query()) /*"
	    HOSTILE "*/; SELECT 'seen-too'";
	static const char *const zero[] = { "\0\1" };
	static const int two = 2, binary = 1;
	PGconn *c = e2e_session("dba", "audit-hostile");
	char *session, *sum;
	PGresult *r;

	PQsendQuery(c, exact);
	r = PQgetResult(c);
	ck_assert_int_eq(PQresultStatus(r), PGRES_TUPLES_OK);
	sum = strdup(PQgetvalue(r, 0, 0));
	PQclear(r);
	while ((r = PQgetResult(c)) != NULL)
		PQclear(r);
	/* A failed transaction, out of which only ROLLBACK leads. */
	free(e2e_value(c, "BEGIN"));
	e2e_refused(c, "SELECT 'seen-' || 1/0", "22012");
	free(e2e_value(c, "ROLLBACK;"));
	free(e2e_value(c, "CREATE TEMP TABLE h (a text)"));
	r = PQexec(c, "COPY h FROM STDIN");
	ck_assert_int_eq(PQresultStatus(r), PGRES_COPY_IN);
	PQclear(r);
	ck_assert_int_eq(PQputCopyEnd(c, NULL), 1);
	while ((r = PQgetResult(c)) != NULL)
		PQclear(r);
	r = PQexecParams(c, "SELECT 'seen-' || length($1::bytea)", 1, NULL,
	    zero, &two, &binary, 0);
	ck_assert_int_eq(PQresultStatus(r), PGRES_TUPLES_OK);
	PQclear(r);
	free(e2e_value(c, "SELECT 'seen-' || count(*) FROM h"));
	PQfinish(c);
	session = closed_session("audit-hostile");
	ck_assert_int_eq(e2e_sh("cd %s && rm -f pwned hostile.sql",
	    e2e_env("STACK_DIR")), 0);
	ck_assert_int_eq(replay(session, "--sql hostile.sql"), 0);
	ck_assert_int_eq(e2e_sh("cd %s && PGOPTIONS='-c "
	    "standard_conforming_strings=off' psql -XAt '%s' < hostile.sql "
	    "2>&1 | grep seen- > hostile.out", e2e_env("STACK_DIR"),
	    e2e_env("DIRECT_DSN")), 0);
	ck_assert_int_eq(e2e_sh("cd %s && printf '%%s\\n' '%s' seen-too seen-0 "
	    "| diff - hostile.out", e2e_env("STACK_DIR"), sum), 0);
	ck_assert_int_ne(e2e_sh("test -e %s/pwned", e2e_env("STACK_DIR")), 0);
	ck_assert(in_stack_file("hostile.sql", "-- not replayed: the data that "
	    "COPY got are not in the record\n--   COPY h FROM STDIN\n"));
	ck_assert(in_stack_file("hostile.sql", "-- not replayed: parameter 1 "
	    "was sent in binary"));
	free(session);
	free(sum);
}
END_TEST

/* sqlite3 runs every example of postern-audit(5). */
START_TEST(examples)
{
	ck_assert_int_eq(e2e_sh("cd %s && sed -n '/^.Sh EXAMPLES/,/^.Sh SEE/p' "
	    "'%s/man/postern-audit.5' | sed -n '/^.Bd/,/^.Ed/{/^[.]/!p}' > "
	    "examples.sql && test $(grep -c ';$' examples.sql) -ge 8 && "
	    "sqlite3 -readonly -bail -cmd '.timeout 10000' '%s' < "
	    "examples.sql > examples.out && test -s examples.out",
	    e2e_env("STACK_DIR"), getenv("POSTERN_SRC"),
	    e2e_env("AUDIT_DB")), 0);
}
END_TEST

/* Each command prints something, as text and as JSON. */
START_TEST(tools)
{
	static const char *const commands[] = {
		"log --limit 3", "tail -n 2", "sessions --profile dba",
		"report --since 1h", "show 2", "export --limit 5",
		"log --verdict allow", "log --tag SELECT", "checkpoint",
		"export --format csv --kind session_open --database shop",
		"log --since 2020-01-01 --until 2099-12-31T23:59 --json"
	};
	char cmd[256];
	size_t i;

	some_events();
	for (i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		snprintf(cmd, sizeof cmd, "%s > tool.out && test -s tool.out",
		    commands[i]);
		ck_assert_msg(auditctl(cmd) == 0, "%s", commands[i]);
	}
	ck_assert_int_ne(auditctl("log --text '(' 2>/dev/null"), 0);
	ck_assert_int_ne(auditctl("log --since never 2>/dev/null"), 0);
	ck_assert_int_ne(auditctl("show 999999999 2>/dev/null"), 0);
}
END_TEST

/* For other programs: nothing in a text ends its field. */
START_TEST(exported)
{
	static const char sql[] = "SELECT 'a|b=c cs1=d' AS \"x\\y\",\n 7";
	static const char *const formats[] = { "cef", "ocsf" };
	PGconn *c = e2e_session("dba", "export=er");
	char path[512], cmd[1024];
	FILE *f;
	size_t i;

	PQclear(PQexec(c, sql));
	PQfinish(c);
	c = e2e_session("nightly-bot", "export-bot");
	e2e_refused(c, "DROP TABLE orders", "42501");
	PQfinish(c);
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject LIKE 'export%%' AND closed IS NOT NULL") == 2));
	snprintf(path, sizeof path, "%s/exported.sql", e2e_env("STACK_DIR"));
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	fputs(sql, f);
	fclose(f);
	for (i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		snprintf(cmd, sizeof cmd, "export --format %s | python3 "
		    "%s/tests/e2e/export.py %s %s", formats[i],
		    getenv("POSTERN_SRC"), formats[i], path);
		ck_assert_msg(auditctl(cmd) == 0, "%s", formats[i]);
	}
	ck_assert_int_ne(auditctl("export --format xml 2>/dev/null"), 0);
}
END_TEST

/* --- hostile spools ---------------------------------------------------------- */

enum attack { TRUNCATE, EMPTY, PUNCH, GROW, GARBLE, HEAD_FAR, HEAD_BACK, SIZE,
	MAGIC, LENGTH };

static const char *const attack_names[] = { "truncate", "empty", "punch",
	"grow", "garble", "head far", "head back", "size", "magic", "length" };

/* A record in the ring whose length is a lie, and the head beyond it. */
static void
append_lie(struct spool_header *h, uint32_t len)
{
	uint64_t head = h->head;
	struct spool_record r = { .len = len, .crc = 12345, .seq = 999,
	    .kind = EVENT_intent };
	uint8_t *ring = (uint8_t *)h + SPOOL_HEADER, *p = (uint8_t *)&r;
	size_t i;

	for (i = 0; i < sizeof r; i++)
		ring[(head + i) % h->size] = p[i];
	h->head = head + ((sizeof r + len + 7) & ~7ull);
}

static void
attack_spool(const char *path, enum attack a)
{
	struct stat st;
	struct spool_header *h;
	int fd = open(path, O_RDWR);

	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(fstat(fd, &st), 0);
	h = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	ck_assert_ptr_ne(h, MAP_FAILED);
	ck_assert_int_eq(h->magic, SPOOL_MAGIC);
	switch (a) {
	case TRUNCATE:
		ck_assert_int_eq(ftruncate(fd, SPOOL_HEADER + 100), 0);
		break;
	case EMPTY:
		ck_assert_int_eq(ftruncate(fd, 0), 0);
		break;
	case PUNCH:
		ck_assert_int_eq(fallocate(fd, FALLOC_FL_PUNCH_HOLE |
		    FALLOC_FL_KEEP_SIZE, 0, st.st_size), 0);
		break;
	case GROW:
		ck_assert_int_eq(ftruncate(fd, st.st_size * 4), 0);
		h->size *= 4;
		break;
	case GARBLE:
		memset((uint8_t *)h + SPOOL_HEADER, 0xa5, h->size);
		h->head += 256;
		break;
	case HEAD_FAR:
		h->head += 1ull << 40;
		break;
	case HEAD_BACK:
		h->head = 8;
		break;
	case SIZE:
		h->size = 3;
		break;
	case MAGIC:
		h->magic = 0;
		break;
	case LENGTH:
		append_lie(h, 0x7ffffff0);
		break;
	}
	munmap(h, (size_t)st.st_size);
	close(fd);
}

static bool
gap_within(int ms, const char *session)
{
	return E2E_UNTIL(ms, e2e_audit_n("SELECT count(*) FROM events WHERE "
	    "kind = 'gap' AND json_extract(body, '$.session') = '%s'",
	    session) == 1);
}

START_TEST(hostile_spool)
{
	enum attack a = (enum attack)_i;
	char sub[32], path[600], *session;
	pid_t auditd = e2e_process("auditd"), worker;
	PGconn *c, *witness;
	long long end;
	bool over = false;

	snprintf(sub, sizeof sub, "hostile-%d-%d", _i, (int)getpid());
	witness = e2e_session("dba", "hostile-witness");
	c = e2e_session("dba", sub);
	free(e2e_value(c, "SELECT 1"));
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM statements "
	    "WHERE subject = '%s' AND status = 'ok'", sub) == 1));
	session = e2e_audit("SELECT session FROM sessions WHERE subject = "
	    "'%s'", sub);
	snprintf(path, sizeof path, "%s/%s.spool", e2e_env("SPOOL_DIR"),
	    session);
	/* An honest worker would soon write over what it did not say: it stands
	 * still while auditd looks, which it does by itself now and then. */
	worker = e2e_worker_of(c);
	ck_assert_int_gt(worker, 0);
	kill(worker, SIGSTOP);
	attack_spool(path, a);
	gap_within(1500, session);
	kill(worker, SIGCONT);
	/* What nothing was appended to is found at the next record. */
	for (end = e2e_now() + 15000; !over && e2e_now() < end; ) {
		PGresult *r;

		if (PQsendQuery(c, "SELECT 2") == 0) {
			over = true;
			break;
		}
		if (!E2E_UNTIL(5000, PQconsumeInput(c) == 0 ||
		    PQisBusy(c) == 0)) {
			over = PQstatus(c) != CONNECTION_OK;
			break;
		}
		while ((r = PQgetResult(c)) != NULL)
			PQclear(r);
		over = PQstatus(c) != CONNECTION_OK;
		e2e_pause(50);
	}
	ck_assert_msg(over, "%s: the session goes on", attack_names[a]);
	PQfinish(c);
	ck_assert_msg(gap_within(5000, session), "%s: no gap event",
	    attack_names[a]);
	ck_assert_int_eq(e2e_process("auditd"), auditd);
	/* The neighbour is not concerned. */
	free(e2e_value(witness, "SELECT 3"));
	PQfinish(witness);
	free(session);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("audit");
	TCase *tc = tcase_create("audit");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, whole);
	tcase_add_test(tc, store_refuses);
	tcase_add_test(tc, one_byte);
	tcase_add_test(tc, row_removed);
	tcase_add_test(tc, first_row_removed);
	tcase_add_test(tc, rows_swapped);
	tcase_add_test(tc, row_altered);
	tcase_add_test(tc, prints_log);
	tcase_add_loop_test(tc, hostile_spool, 0, LENGTH + 1);
	tcase_add_test(tc, replays);
	tcase_add_test(tc, replays_sql);
	tcase_add_test(tc, replays_hostile);
	tcase_add_test(tc, examples);
	tcase_add_test(tc, tools);
	tcase_add_test(tc, exported);
	tcase_add_test(tc, whole);
	/* A copy of one file is a whole store no more after this. */
	tcase_add_test(tc, sealed_meanwhile);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
