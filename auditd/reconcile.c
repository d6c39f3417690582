/*
 * auditctl reconcile: is what the server says it executed what the record says
 * was sent to it?  A worker that was taken over can send what it likes and
 * record none of it (SECURITY); the server's own log has it.
 *
 * Run by auditctl.  Both sides are put into a database in memory and compared
 * as bags: for each role and text, how often.  A statement that was recorded
 * and had an answer must be in the log; one that failed or was skipped may be
 * there or not, as a text that the server cannot parse is not logged.
 */
#include "reconcile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "json.h"
#include "serverlog.h"

#define F(row, name)	"json_extract(" row ".body, '$." name "')"

static const char tables[] =
"CREATE TABLE roles (role TEXT, session TEXT PRIMARY KEY, kept INTEGER);"
"CREATE INDEX roles_role ON roles (role);"
"CREATE TABLE logged (time INTEGER, pid INTEGER, role TEXT, text TEXT);"
"CREATE TABLE recorded (event INTEGER, time INTEGER, role TEXT, text TEXT,"
" must INTEGER);";

/* Of whose statements can something be said?  Where values are not recorded
 * only numbers can be compared. */
static const char prepare_sql[] =
"CREATE TABLE heard AS SELECT DISTINCT role FROM logged;"
"UPDATE logged SET text = '' WHERE role IN"
" (SELECT role FROM roles WHERE NOT kept);"
"UPDATE recorded SET text = '' WHERE role IN"
" (SELECT role FROM roles WHERE NOT kept);"
"DELETE FROM recorded WHERE role NOT LIKE 'pst\\_%' ESCAPE '\\' AND role NOT IN"
" (SELECT role FROM heard);"
"CREATE INDEX logged_text ON logged (role, text);"
"CREATE INDEX recorded_text ON recorded (role, text);";

static const char result_sql[] =
/* 'L': in the log only; those past the number that the record has. */
"SELECT 'L', time, pid, role, text FROM (SELECT time, pid, role, text,"
"  row_number() OVER (PARTITION BY role, text ORDER BY time) AS n"
"  FROM logged) l WHERE n > (SELECT count(*) FROM recorded r"
"   WHERE r.role = l.role AND r.text = l.text) "
"UNION ALL "
"SELECT 'R', time, event, role, text FROM (SELECT time, event, role, text,"
"  row_number() OVER (PARTITION BY role, text ORDER BY time) AS n"
"  FROM recorded WHERE must) r WHERE n > (SELECT count(*) FROM logged l"
"   WHERE r.role = l.role AND r.text = l.text) "
"ORDER BY 2";

struct rec {
	sqlite3		*db;
	sqlite3_stmt	*role, *logged, *recorded, *is_role;
	int64_t		 first, last;	/* of the log, us */
	const struct filter *filter;
	uint64_t	 nlogged;
};

static int
step(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	sqlite3_reset(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

/* --- the record --------------------------------------------------------- */

static bool
on_session(void *ctx, sqlite3_stmt *st)
{
	struct rec *c = ctx;
	int i;

	for (i = 0; i < 3; i++)
		sqlite3_bind_value(c->role, i + 1, sqlite3_column_value(st,
		    i));
	return step(c->role) == 0;
}

/* id, time, session, text, status */
static bool
on_intent(void *ctx, sqlite3_stmt *st)
{
	struct rec *c = ctx;
	int64_t time = sqlite3_column_int64(st, 1);
	const char *status = (const char *)sqlite3_column_text(st, 4);

	sqlite3_bind_value(c->recorded, 1, sqlite3_column_value(st, 0));
	sqlite3_bind_int64(c->recorded, 2, time);
	sqlite3_bind_value(c->recorded, 3, sqlite3_column_value(st, 2));
	sqlite3_bind_value(c->recorded, 4, sqlite3_column_value(st, 3));
	sqlite3_bind_int(c->recorded, 5, status != NULL && strcmp(status,
	    "ok") == 0 && time >= c->first && time <= c->last);
	return step(c->recorded) == 0;
}

static int
read_roles(struct rec *c, struct reader *r)
{
	static const char sessions[] =
	    "SELECT " F("e", "role") ", e.session, coalesce(" F("e",
	    "literals") ", 'keep') = 'keep' FROM events e "
	    "WHERE e.kind = 'session_open'";
	struct filter none = { 0 };

	return reader_each(r, &none, sessions, "", on_session, c);
}

static int
read_record(struct rec *c, struct reader *r)
{
	static const char intents[] =
	    "SELECT e.id, e.time, e.session, coalesce(nullif(" F("e", "sent")
	    ", ''), nullif(" F("p", "sent") ", ''), stmt_text(e.session, "
	    "e.body)), " F("o", "status") " FROM events e "
	    "LEFT JOIN events p ON p.session = e.session AND p.stmt = "
	    F("e", "prepared") " AND p.kind = 'prepare' "
	    "LEFT JOIN events o ON o.session = e.session AND o.stmt = e.stmt "
	    "AND o.kind = 'outcome' "
	    "WHERE e.kind = 'intent' AND " F("e", "action") " <> 'deny' AND "
	    F("e", "form") " <> 'function'";

	return reader_each(r, c->filter, intents, "", on_intent, c);
}

/* --- the log ------------------------------------------------------------ */

/* What stands for a refused Query: `SELECT "pst_deny_NONCE" -- ...`. */
static bool
is_refusal(const char *text)
{
	static const char head[] = "SELECT \"pst_deny_",
	    tail[] = "\" -- refused by postern";
	size_t n;

	if (strncmp(text, head, sizeof(head) - 1) != 0)
		return false;
	text += sizeof(head) - 1;
	n = strspn(text, "0123456789abcdef");
	return n == 32 && strcmp(text + n, tail) == 0;
}

/* A role of ours, by its name or because the record has it. */
static bool
ours(struct rec *c, const char *role)
{
	bool found;

	if (strncmp(role, "pst_", 4) == 0)
		return true;
	sqlite3_bind_text(c->is_role, 1, role, -1, SQLITE_STATIC);
	found = sqlite3_step(c->is_role) == SQLITE_ROW;
	sqlite3_reset(c->is_role);
	return found;
}

static int
on_line(void *ctx, const struct serverlog_line *l)
{
	struct rec *c = ctx;

	if (c->first == 0 || l->time < c->first)
		c->first = l->time;
	/* To the millisecond: what came after it in that one is before it. */
	if (l->time + 999 > c->last)
		c->last = l->time + 999;
	if (l->text == NULL || is_refusal(l->text) || !ours(c, l->user) ||
	    (c->filter->since != 0 && l->time < c->filter->since) ||
	    (c->filter->until != 0 && l->time >= c->filter->until))
		return 1;
	c->nlogged++;
	sqlite3_bind_int64(c->logged, 1, l->time);
	sqlite3_bind_int64(c->logged, 2, l->pid);
	sqlite3_bind_text(c->logged, 3, l->user, -1, SQLITE_STATIC);
	sqlite3_bind_text(c->logged, 4, l->text, -1, SQLITE_STATIC);
	return step(c->logged) == 0;
}

static int
read_log(struct rec *c, const char *path)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char err[256] = "cannot be opened";
	int rc = -1;

	if (f != NULL)
		rc = serverlog_read(f, on_line, c, err, sizeof(err));
	if (rc == -1)
		fprintf(stderr, "auditctl: %s: %s\n", path, err);
	if (f != NULL && f != stdin)
		fclose(f);
	return rc;
}

/* --- what differs ------------------------------------------------------- */

static void
print_json(sqlite3_stmt *st)
{
	bool log = sqlite3_column_text(st, 0)[0] == 'L';
	const char *role = (const char *)sqlite3_column_text(st, 3);
	const char *text = (const char *)sqlite3_column_text(st, 4);
	struct buf b;

	buf_init(&b, JSON_BODY_MAX);
	json_literal(&b, log ? "{\"only\":\"log\",\"time\":" :
	    "{\"only\":\"record\",\"time\":");
	json_int(&b, sqlite3_column_int64(st, 1));
	json_literal(&b, log ? ",\"pid\":" : ",\"event\":");
	json_int(&b, sqlite3_column_int64(st, 2));
	json_literal(&b, ",\"role\":");
	json_string(&b, role, strlen(role), NULL);
	json_literal(&b, ",\"text\":");
	json_string(&b, text, strlen(text), NULL);
	json_literal(&b, "}\n");
	fwrite(buf_head(&b), 1, b.len, stdout);
	buf_clear(&b);
}

static void
print_line(sqlite3_stmt *st)
{
	bool log = sqlite3_column_text(st, 0)[0] == 'L';
	time_t t = (time_t)(sqlite3_column_int64(st, 1) / 1000000);
	const char *text = (const char *)sqlite3_column_text(st, 4);
	char when[32];
	struct tm tm;
	struct buf b;

	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	printf("%s %s %" PRId64 " %s: ", log ? "only in the log: " :
	    "only in the record:", log ? "pid" : "event",
	    (int64_t)sqlite3_column_int64(st, 2), when);
	buf_init(&b, JSON_BODY_MAX);
	json_string(&b, sqlite3_column_text(st, 3),
	    (size_t)sqlite3_column_bytes(st, 3), NULL);
	json_literal(&b, " ");
	if (text[0] == '\0')
		json_literal(&b, "(values are not recorded: by number)");
	else
		json_string(&b, text, strlen(text), NULL);
	json_literal(&b, "\n");
	fwrite(buf_head(&b), 1, b.len, stdout);
	buf_clear(&b);
}

static int
compare(struct rec *c, bool json)
{
	sqlite3_stmt *st;
	uint64_t found = 0;
	int rc;

	if (sqlite3_exec(c->db, prepare_sql, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(c->db, result_sql, -1, &st, NULL) != SQLITE_OK)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (json)
			print_json(st);
		else
			print_line(st);
		found++;
	}
	sqlite3_finalize(st);
	if (rc != SQLITE_DONE)
		return -1;
	if (!json)
		printf("%" PRIu64 " statements in the log, %" PRIu64
		    " differences\n", c->nlogged, found);
	return found > 0;
}

static int
prepare_all(struct rec *c)
{
	static const struct { size_t at; const char *sql; } all[] = {
		{ offsetof(struct rec, role),
		    "INSERT OR IGNORE INTO roles VALUES (?, ?, ?)" },
		{ offsetof(struct rec, logged),
		    "INSERT INTO logged VALUES (?, ?, ?, ?)" },
		{ offsetof(struct rec, recorded),
		    "INSERT INTO recorded SELECT ?1, ?2, role, ?4, ?5 "
		    "FROM roles WHERE session = ?3" },
		{ offsetof(struct rec, is_role),
		    "SELECT 1 FROM roles WHERE role = ?" }
	};
	size_t i;

	if (sqlite3_open(":memory:", &c->db) != SQLITE_OK ||
	    sqlite3_exec(c->db, tables, NULL, NULL, NULL) != SQLITE_OK)
		return -1;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (sqlite3_prepare_v2(c->db, all[i].sql, -1, (sqlite3_stmt **)
		    (void *)((char *)c + all[i].at), NULL) != SQLITE_OK)
			return -1;
	return 0;
}

int
reconcile(struct reader *r, const char *path, const struct filter *f,
    bool json)
{
	struct rec c = { .filter = f };
	int rc = -1;
	bool told = false;

	if (prepare_all(&c) == 0) {
		/* The log says what time the record is asked for; which roles
		 * are ours the record says. */
		told = read_roles(&c, r) == -1 || read_log(&c, path) == -1 ||
		    read_record(&c, r) == -1;
		if (!told)
			rc = compare(&c, json);
	}
	if (rc == -1 && !told)
		fprintf(stderr, "auditctl: %s\n", c.db == NULL ?
		    "out of memory" : sqlite3_errmsg(c.db));
	sqlite3_finalize(c.role);
	sqlite3_finalize(c.logged);
	sqlite3_finalize(c.recorded);
	sqlite3_finalize(c.is_role);
	sqlite3_close(c.db);
	return rc == -1 ? 2 : rc;
}
