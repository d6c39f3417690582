/*
 * Recordings of answers: what clients got, all of it or so much and a word
 * about the rest, committed before they get it; replayed on the terminal, as a
 * page, against another database; removed when their time is over
 * (tests/e2e/taped.yaml).
 */
#include "e2e.h"
#include "held.h"

#include <sys/stat.h>

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIDI	"\xe2\x80\xae"

static int
ctl(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* auditctl, in the stack's directory; more of a shell's line may follow. */
static int
ctl(const char *fmt, ...)
{
	char cmd[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return e2e_sh("cd %s && %s/auditctl -f %s %s", e2e_env("STACK_DIR"),
	    e2e_env("POSTERN_BIN"), e2e_env("AUDITD_FILE"), cmd);
}

/* Across lines, too. */
static bool
in_file(const char *name, const char *text)
{
	char path[512], *all;
	struct stat st;
	bool found;
	FILE *fp;

	snprintf(path, sizeof(path), "%s/%s", e2e_env("STACK_DIR"), name);
	if ((fp = fopen(path, "r")) == NULL)
		return false;
	ck_assert_int_eq(fstat(fileno(fp), &st), 0);
	all = calloc(1, (size_t)st.st_size + 1);
	ck_assert_ptr_nonnull(all);
	ck_assert_uint_eq(fread(all, 1, (size_t)st.st_size, fp),
	    (size_t)st.st_size);
	fclose(fp);
	found = strstr(all, text) != NULL;
	free(all);
	return found;
}

/* How often a pattern is in a file of the stack's directory. */
static long
lines(const char *name, const char *pattern)
{
	char *n, cmd[512], out[512];
	FILE *fp;

	snprintf(cmd, sizeof(cmd), "cd %s && grep -c -e '%s' %s",
	    e2e_env("STACK_DIR"), pattern, name);
	ck_assert_ptr_nonnull(fp = popen(cmd, "r"));
	n = fgets(out, sizeof(out), fp);
	pclose(fp);
	return n == NULL ? -1 : atol(n);
}

/* Run it, whatever comes. */
static void
run(PGconn *c, const char *sql)
{
	PQclear(PQexec(c, sql));
}

/* End the session; its id (allocated), when the record has its end. */
static char *
closed(PGconn *c, const char *subject)
{
	PQfinish(c);
	ck_assert_msg(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM "
	    "sessions WHERE subject = '%s' AND closed IS NOT NULL",
	    subject) >= 1), "%s is not closed", subject);
	return e2e_audit("SELECT session FROM sessions WHERE subject = '%s'",
	    subject);
}

static long
events(const char *session, const char *kind, const char *more)
{
	return e2e_audit_n("SELECT count(*) FROM events WHERE session = '%s' "
	    "AND kind = '%s' %s", session, kind, more);
}

static bool
has_file(const char *session)
{
	return e2e_sh("test -f $(dirname $(readlink -f %s))/audit-recordings/"
	    "%s", e2e_env("AUDIT_DB"), session) == 0;
}

/* --- replayed ------------------------------------------------------------------ */

/* psql says the same again, line by line, and no protected value is in it. */
START_TEST(terminal)
{
	static const char *const queries = "-c 'SELECT id, name, email, card, "
	    "NULL AS nothing FROM customers WHERE id < 20 ORDER BY id' "
	    "-c \"SELECT 1 AS a; SELECT 2.5 AS number, 'x' AS \\\"a name\\\" "
	    "LIMIT 0\" -c 'COPY (SELECT id FROM orders ORDER BY id LIMIT 3) TO "
	    "STDOUT' -c 'DROP TABLE customers' -c 'SELECT 1/0' "
	    "-c 'CREATE TEMP TABLE t ()'";
	PGconn *d = e2e_direct();
	char *token = e2e_token("taped-term", "taped"), *id, *email;

	e2e_sh("cd %s && PGPASSWORD=%s psql -X 'host=%s port=%s dbname=shop "
	    "user=taped sslmode=verify-full sslrootcert=%s' %s 2>&1 | "
	    "grep -v '^$' > psql.out", e2e_env("STACK_DIR"), token,
	    e2e_env("GW_HOST"), e2e_env("GW_PORT"), e2e_env("GW_CA"), queries);
	free(token);
	id = closed(NULL, "taped-term");
	ck_assert_int_eq(ctl("replay %s > term.out", id), 0);
	ck_assert_int_eq(e2e_sh("cd %s && sed -n 's/^    > //p' term.out | "
	    "diff psql.out -", e2e_env("STACK_DIR")), 0);
	ck_assert(in_file("term.out", " deny by no-drops\n"));
	ck_assert(in_file("term.out", "masked: public.customers.email"));
	email = e2e_value(d, "SELECT email FROM customers WHERE id = 4");
	ck_assert(!in_file("term.out", email));
	ck_assert(in_file("term.out", "***@"));
	/* A script writes what it wrote before: answers are none of it. */
	ck_assert_int_eq(ctl("replay --sql - %s > term.sql", id), 0);
	ck_assert(!in_file("term.sql", "***@"));
	ck_assert_int_eq(ctl("replay --from 99999 %s > term.out", id), 0);
	ck_assert(!in_file("term.out", "    > "));
	free(email);
	free(id);
	PQfinish(d);
}
END_TEST

/* By parameters, in parts of one pipeline, in binary. */
START_TEST(extended)
{
	PGconn *c = e2e_session("taped", "taped-ext");
	const char *value = "3";
	char *id;

	PQclear(PQexecParams(c, "SELECT id AS key, status FROM orders WHERE "
	    "id < $1 ORDER BY id", 1, NULL, &value, NULL, NULL, 0));
	PQclear(PQexecParams(c, "SELECT 4711 AS n, 'text' AS t", 0, NULL,
	    NULL, NULL, NULL, 1));
	ck_assert_int_eq(PQenterPipelineMode(c), 1);
	PQsendQueryParams(c, "SELECT 'first' AS p", 0, NULL, NULL, NULL, NULL,
	    0);
	PQsendQueryParams(c, "SELECT 'second' AS q", 0, NULL, NULL, NULL, NULL,
	    0);
	PQpipelineSync(c);
	while (PQresultStatus(PQgetResult(c)) != PGRES_PIPELINE_SYNC)
		;
	id = closed(c, "taped-ext");
	ck_assert_int_eq(ctl("replay %s > ext.out", id), 0);
	ck_assert(in_file("ext.out", "    $1 = \"3\"\n    >  key | status \n"
	    "    > -----+--------\n    >    1 | paid\n    >    2 | sent\n"
	    "    > (2 rows)\n"));
	ck_assert(in_file("ext.out", "    >   n   |  t   \n    > ------+------\n"
	    "    >  4711 | text\n"));
	ck_assert(in_file("ext.out", "| SELECT 'first' AS p\n    >    p   \n"
	    "    > -------\n    >  first\n"));
	ck_assert(in_file("ext.out", "| SELECT 'second' AS q\n    >    q    \n"
	    "    > --------\n    >  second\n"));
	free(id);
}
END_TEST

START_TEST(page)
{
	PGconn *c = e2e_session("taped", "taped-page");
	char *id;
	long n;

	run(c, "SELECT id, email FROM customers WHERE id < 3");
	run(c, "SELECT '<script>alert(1)</script>' AS \"<b>\", "
	    "'" BIDI "\033[31m' AS hostile, NULL AS n");
	run(c, "DROP TABLE customers");
	ck_assert_int_eq(PQsendQuery(c, "DELETE FROM orders WHERE id = -1"),
	    1);
	n = wait_request("taped-page");
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	PQclear(answer(c));
	id = closed(c, "taped-page");
	ck_assert_int_eq(e2e_sh("rm -f %s/page.html", e2e_env("STACK_DIR")),
	    0);
	ck_assert_int_eq(ctl("replay --html page.html %s", id), 0);
	ck_assert(in_file("page.html", "<td class=\"masked text\">***@"));
	ck_assert(in_file("page.html", "&lt;script&gt;alert(1)&lt;/script&gt;"));
	ck_assert(in_file("page.html", "\\u{202e}\\x1b[31m"));
	ck_assert(in_file("page.html", "class=\"null text\">NULL"));
	ck_assert(in_file("page.html", "<section id=\"s"));
	ck_assert_int_eq(lines("page.html", "<rect class=\"wait\""), 1);
	ck_assert_int_eq(lines("page.html", "<rect class=\"denied\""), 1);
	ck_assert(in_file("page.html", "End of the session."));
	/* Nothing of it is loaded or run. */
	ck_assert(in_file("page.html", "default-src 'none'; style-src 'sha256-"));
	ck_assert_int_eq(lines("page.html", "<script\\|src=\\|url(\\|http:\\|"
	    "https:\\|<link\\|<iframe\\|<form\\| on[a-z]*=\\| style="), 0);
	ck_assert(!in_file("page.html", BIDI));
	ck_assert(!in_file("page.html", "\033"));
	/* It is not written over, and nobody else reads it. */
	ck_assert_int_eq(ctl("replay --html page.html %s 2>/dev/null", id), 2);
	ck_assert_int_eq(e2e_sh("test $(stat -c %%a %s/page.html) = 600",
	    e2e_env("STACK_DIR")), 0);
	ck_assert_int_eq(ctl("replay --html - --sql - %s 2>/dev/null", id), 2);
	free(id);
}
END_TEST

/* --- against ------------------------------------------------------------------ */

static void
superuser(const char *database, const char *sql)
{
	ck_assert_int_eq(e2e_sh("psql -Xq '%s dbname=%s' -c \"%s\"",
	    e2e_env("DIRECT_DSN"), database, sql), 0);
}

/* Restored once: what tests commit before that is theirs alone. */
static void
copy_database(const char *as)
{
	char sql[128];

	if (e2e_sh("psql -Xq '%s dbname=restored' -c 'SELECT' >/dev/null 2>&1",
	    e2e_env("DIRECT_DSN")) != 0) {
		superuser("shop", "CREATE DATABASE restored");
		ck_assert_int_eq(e2e_sh("cd %s && (pg_dump -d '%s' "
		    "--exclude-table-data=tickets | psql -Xq "
		    "-d '%s dbname=restored') > copy.out 2>&1",
		    e2e_env("STACK_DIR"), e2e_env("DIRECT_DSN"),
		    e2e_env("DIRECT_DSN")), 0);
	}
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE restored", as);
	superuser("shop", sql);
}

static int
against(const char *database, const char *sessions)
{
	return ctl("replay --against '%s dbname=%s' %s > against.out",
	    e2e_env("DIRECT_DSN"), database, sessions);
}

START_TEST(another_database)
{
	const char *value = "21";
	char *id;
	PGconn *c;

	copy_database("copy_a");
	copy_database("copy_b");
	c = e2e_session("again", "taped-again");
	run(c, "SELECT id, name, email FROM customers WHERE id < 10");
	run(c, "BEGIN; UPDATE orders SET status = 'again' WHERE id < 4");
	run(c, "SELECT * FROM orders WHERE id < 10 ORDER BY id");
	run(c, "SELECT 1/0");
	run(c, "SELECT 'skipped over'");
	run(c, "ROLLBACK");
	PQclear(PQexecParams(c, "SELECT name FROM customers WHERE id = "
	    "$1::int + 1", 1, NULL, &value, NULL, NULL, 1));
	run(c, "SELECT count(*), min(status) FROM orders");
	run(c, "SELECT id, phone FROM customers WHERE id < 10");
	id = closed(c, "taped-again");
	ck_assert_int_eq(against("copy_a", id), 0);
	ck_assert(in_file("against.out", "9 statements: 9 the same, 0 the same "
	    "rows in another order, 0 differ; 0 not run\n"));

	/* One changed row: exactly the statement that shows it. */
	superuser("copy_b", "UPDATE customers SET name = 'Somebody Else' "
	    "WHERE id = 22");
	ck_assert_int_eq(against("copy_b", id), 1);
	ck_assert_int_eq(lines("against.out", "^differs: "), 1);
	ck_assert(in_file("against.out", "\n    | SELECT name FROM customers "
	    "WHERE id = $1::int + 1\n    row 1, column name: it was '"));
	ck_assert(in_file("against.out", "it is 'Somebody Else'\n"));
	ck_assert(in_file("against.out", ", 1 differ; 0 not run\n"));

	ck_assert_int_eq(ctl("replay --against 'dbname=x host=/nowhere' %s "
	    "2>/dev/null", id), 2);
	free(id);
}
END_TEST

/* One waits for what the other gives back later; so it is the second time. */
START_TEST(across_sessions)
{
	PGconn *a, *b;
	char *ida, *idb, ids[128];

	copy_database("copy_c");
	a = e2e_session("again", "taped-one");
	b = e2e_session("again", "taped-two");
	run(a, "BEGIN");
	run(a, "UPDATE orders SET amount = 1 WHERE id = 7");
	ck_assert_int_eq(PQsendQuery(b, "UPDATE orders SET amount = amount + 1 "
	    "WHERE id = 7 RETURNING amount"), 1);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'intent' AND json_extract(body, '$.text') LIKE "
	    "'%%amount + 1%%'") == 1));
	run(a, "UPDATE orders SET amount = amount + 10 WHERE id = 7");
	run(a, "COMMIT");
	while (PQgetResult(b) != NULL)
		;
	run(a, "SELECT amount FROM orders WHERE id = 7");
	run(b, "SELECT amount FROM orders WHERE id = 7");
	ida = closed(a, "taped-one");
	idb = closed(b, "taped-two");
	snprintf(ids, sizeof(ids), "%s %s", idb, ida);
	ck_assert_int_eq(against("copy_c", ids), 0);
	ck_assert(in_file("against.out", "7 statements: 7 the same, "));
	free(ida);
	free(idb);
}
END_TEST

/* --- limits ---------------------------------------------------------------------- */

START_TEST(cut)
{
	PGconn *c = e2e_session("small", "taped-cut");
	char *id;
	int i;

	run(c, "SELECT id FROM orders ORDER BY id LIMIT 2000");
	run(c, "SELECT 'short' AS answer");
	for (i = 0; i < 20; i++)
		run(c, "SELECT repeat('x', 3900)");
	id = closed(c, "taped-cut");
	/* More than one limit, each said where it was met. */
	ck_assert_int_eq(events(id, "cut", "AND stmt = 1 AND "
	    "json_extract(body, '$.limit') = 'max_bytes'"), 1);
	ck_assert_int_eq(events(id, "cut", "AND stmt = 2"), 0);
	ck_assert_int_ge(events(id, "cut", "AND json_extract(body, '$.limit') "
	    "= 'max_session_bytes'"), 2);
	ck_assert_int_le(e2e_audit_n("SELECT sum(json_extract(body, "
	    "'$.size')) FROM events WHERE session = '%s' AND kind = "
	    "'answer'", id), 64 * 1024);
	/* All rows are accounted for. */
	ck_assert_int_eq(ctl("replay %s > cut.out", id), 0);
	ck_assert_int_eq(e2e_sh("cd %s && n=$(sed -n 's/^    > (\\(.*\\) "
	    "rows)/\\1/p' cut.out | head -1) && m=$(sed -n 's/.*over "
	    "max_bytes: \\([0-9]*\\) .*/\\1/p' cut.out) && test $n -gt 100 && "
	    "test $((n + m)) = 2000", e2e_env("STACK_DIR")), 0);
	ck_assert(in_file("cut.out", "    >  short\n"));
	ck_assert(in_file("cut.out", "(not recorded, over max_session_bytes: "));
	free(id);
}
END_TEST

START_TEST(off)
{
	PGconn *c = e2e_session("untaped", "taped-off");
	char *id;

	run(c, "SELECT 1");
	id = closed(c, "taped-off");
	ck_assert_int_eq(events(id, "answer", ""), 0);
	ck_assert_int_eq(events(id, "session_open", "AND json_extract(body, "
	    "'$.answers') = 'none'"), 1);
	ck_assert(!has_file(id));
	free(id);
}
END_TEST

/* --- committed first ---------------------------------------------------------- */

#define ROWS	60000
#define STREAM	"SELECT i, md5(i::text) || md5((-i)::text) FROM " \
		"generate_series(1, 60000) i"

static void
stream_begin(PGconn *c)
{
	ck_assert_int_eq(PQsendQuery(c, STREAM), 1);
	ck_assert_int_eq(PQsetSingleRowMode(c), 1);
}

/* Rows until there are none for a while, the last, or the connection's end. */
static int
stream_read(PGconn *c, int quiet_ms, bool *over)
{
	struct pollfd p = { .fd = PQsocket(c), .events = POLLIN };
	PGresult *r;
	int n = 0;

	*over = false;
	for (;;) {
		while (PQisBusy(c) == 0) {
			if ((r = PQgetResult(c)) == NULL) {
				*over = true;
				return n;
			}
			n += PQresultStatus(r) == PGRES_SINGLE_TUPLE;
			PQclear(r);
		}
		if (poll(&p, 1, quiet_ms) == 0)
			return n;
		if (PQconsumeInput(c) == 0) {
			*over = true;
			return n;
		}
	}
}

/* Nobody takes what is recorded: the client gets no more than that. */
START_TEST(stops_with_auditd)
{
	PGconn *c = e2e_session("large", "taped-stop");
	pid_t auditd = e2e_process("auditd");
	char *id, want[64];
	bool over;
	int n;

	free(e2e_value(c, "SELECT 1"));
	stream_begin(c);
	/* The first row: its intent is committed. */
	while (PQisBusy(c) != 0)
		ck_assert_int_eq(PQconsumeInput(c), 1);
	ck_assert_int_eq(kill(auditd, SIGSTOP), 0);
	n = stream_read(c, 3000, &over);
	kill(auditd, SIGCONT);
	ck_assert_msg(!over && n < ROWS, "%d rows while auditd stood still",
	    n);
	n += stream_read(c, 20000, &over);
	ck_assert(over);
	ck_assert_int_eq(n, ROWS);
	id = closed(c, "taped-stop");
	ck_assert_int_eq(ctl("replay %s > stop.out", id), 0);
	snprintf(want, sizeof(want), "    > (%d rows)\n", ROWS);
	ck_assert(in_file("stop.out", want));
	free(id);
}
END_TEST

/* kill -9 of the worker, then of auditd: what was seen is there. */
START_TEST(killed)
{
	static const char *const victims[] = { "worker", "auditd" };
	char *id, subject[64];
	PGconn *c;
	bool over;
	size_t i;
	int n;

	for (i = 0; i < 2; i++) {
		snprintf(subject, sizeof(subject), "taped-kill-%s",
		    victims[i]);
		c = e2e_session("large", subject);
		stream_begin(c);
		for (n = 0; n < 5000; n++)
			PQclear(PQgetResult(c));
		if (i == 0)
			kill(e2e_worker_of(c), SIGKILL);
		else {
			free(e2e_stack("kill --dir %s auditd",
			    e2e_env("STACK_DIR")));
			free(e2e_stack("start --dir %s auditd",
			    e2e_env("STACK_DIR")));
		}
		n += stream_read(c, 20000, &over);
		ck_assert(over);
		if (i == 1)
			ck_assert_int_eq(n, ROWS);
		id = closed(c, subject);
		ck_assert_int_eq(ctl("replay %s > kill.out", id), 0);
		ck_assert_int_eq(e2e_sh("cd %s && test $(sed -n 's/^    > "
		    "(\\(.*\\) rows)/\\1/p' kill.out) -ge %d",
		    e2e_env("STACK_DIR"), n), 0);
		free(id);
	}
	ck_assert_int_eq(ctl("verify > /dev/null"), 0);
}
END_TEST

/* --- kept and removed ------------------------------------------------------------ */

START_TEST(prunes)
{
	PGconn *open = e2e_session("small", "taped-open");
	PGconn *c = e2e_session("small", "taped-prune");
	PGconn *k = e2e_session("taped", "taped-kept");
	char *id, *kept, *living;

	run(open, "SELECT 1");
	run(c, "SELECT 'pruned' AS answer");
	run(k, "SELECT 'kept' AS answer");
	id = closed(c, "taped-prune");
	kept = closed(k, "taped-kept");
	living = e2e_audit("SELECT session FROM sessions WHERE subject = "
	    "'taped-open'");
	ck_assert(has_file(id));
	/* Its second is over in a moment. */
	ck_assert(E2E_UNTIL(10000, ctl("prune --dry-run > prune.out") == 0 &&
	    in_file("prune.out", id)));
	ck_assert(has_file(id));
	ck_assert_int_eq(ctl("prune > prune.out"), 0);
	ck_assert(in_file("prune.out", id));
	ck_assert(!in_file("prune.out", kept));
	ck_assert(!in_file("prune.out", living));
	ck_assert(!has_file(id));
	ck_assert(has_file(kept));
	ck_assert_int_eq(events(id, "answer", ""), 1);
	ck_assert_int_eq(events(id, "prune", "AND json_extract(body, "
	    "'$.reason') LIKE 'kept for 1 seconds%'"), 1);
	ck_assert_int_eq(ctl("verify > verify.out"), 0);
	ck_assert(in_file("verify.out", "recordings pruned\n"));
	ck_assert_int_eq(ctl("replay %s > prune.out", id), 0);
	ck_assert(in_file("prune.out", "its answers were removed from the "
	    "record: kept for 1 seconds"));
	ck_assert(in_file("prune.out", "| SELECT 'pruned' AS answer\n    -> "
	    "SELECT 1"));
	/* Not one that is open; by hand one whose time is not over. */
	ck_assert_int_eq(ctl("prune %s 2>/dev/null", living), 1);
	ck_assert_int_eq(ctl("prune %s >/dev/null", kept), 0);
	ck_assert(!has_file(kept));
	ck_assert_int_eq(ctl("prune %s 2>/dev/null", kept), 1);
	ck_assert_int_eq(ctl("verify > /dev/null"), 0);
	PQfinish(open);
	free(id);
	free(kept);
	free(living);
}
END_TEST

/* In a copy, so that the store stays good. */
START_TEST(tampered)
{
	PGconn *c = e2e_session("taped", "taped-tamper");
	char *id, *event;

	run(c, "SELECT 'tampered with' AS answer");
	id = closed(c, "taped-tamper");
	event = e2e_audit("SELECT id FROM events WHERE session = '%s' AND "
	    "kind = 'answer'", id);
	ck_assert_int_eq(e2e_sh("cd %s && rm -rf t && mkdir t && sqlite3 "
	    "-readonly %s '.backup t/audit.db' && cp -r $(dirname $(readlink "
	    "-f %s))/audit-recordings t/", e2e_env("STACK_DIR"),
	    e2e_env("AUDIT_DB"), e2e_env("AUDIT_DB")), 0);
	ck_assert_int_eq(ctl("-d t/audit.db verify > tamper.out"), 0);
	ck_assert_int_eq(e2e_sh("cd %s/t/audit-recordings && printf X | dd "
	    "of=%s bs=1 seek=20 conv=notrunc 2>/dev/null",
	    e2e_env("STACK_DIR"), id), 0);
	ck_assert_int_eq(ctl("-d t/audit.db verify > tamper.out"), 1);
	ck_assert(in_file("tamper.out", "is altered: event "));
	ck_assert(in_file("tamper.out", event));
	ck_assert_int_eq(ctl("-d t/audit.db replay %s > tamper.out "
	    "2>tamper.err", id), 1);
	ck_assert(!in_file("tamper.out", "    > "));
	ck_assert(in_file("tamper.err", "missing or altered from event "));
	ck_assert_int_eq(e2e_sh("rm -rf %s/t/audit-recordings",
	    e2e_env("STACK_DIR")), 0);
	ck_assert_int_eq(ctl("-d t/audit.db verify > tamper.out"), 1);
	ck_assert(in_file("tamper.out", "is missing: event "));
	ck_assert_int_eq(ctl("-d t/audit.db verify --no-recordings >/dev/null"),
	    0);
	free(id);
	free(event);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("taped");
	TCase *tc = tcase_create("taped");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, terminal);
	tcase_add_test(tc, extended);
	tcase_add_test(tc, page);
	tcase_add_test(tc, another_database);
	tcase_add_test(tc, across_sessions);
	tcase_add_test(tc, cut);
	tcase_add_test(tc, off);
	tcase_add_test(tc, stops_with_auditd);
	tcase_add_test(tc, killed);
	tcase_add_test(tc, prunes);
	tcase_add_test(tc, tampered);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
