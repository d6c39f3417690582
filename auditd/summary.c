/*
 * auditctl sessions and report: sums over events, by session and by subject.  A
 * session may lie in several segments, so each segment is summed by session and
 * the sums are added up in a database in memory.
 */
#include "summary.h"

#include <stdio.h>
#include <string.h>

#define F(name)	"json_extract(e.body, '$." name "')"

/* What one segment says of each session; "" stands for refused logins. */
static const char per_session[] =
"SELECT iif(e.kind = 'login_refused', '', e.session) AS s,"
" iif(e.kind = 'login_refused', " F("subject") ", '') AS refused_subject,"
" min(iif(e.kind = 'session_open', e.time, NULL)),"
" max(iif(e.kind = 'session_close', e.time, NULL)),"
" max(iif(e.kind IN ('session_close', 'end'), " F("reason") ", NULL)),"
" sum(e.kind = 'intent'),"
" sum(e.kind IN ('intent', 'prepare') AND " F("action") " = 'deny'),"
" sum(e.kind = 'outcome' AND " F("status") " = 'error'),"
" sum(iif(e.kind = 'outcome', " F("rows") ", 0)),"
" sum(iif(e.kind = 'outcome', " F("bytes") ", 0)),"
" sum(e.kind = 'login_refused'),"
" sum(e.kind = 'intent' AND coalesce(" F("approval") ", 0) > 0) "
"FROM events e WHERE (e.session <> '' OR e.kind = 'login_refused')";

#define NSUMS	12

static const char tables[] =
"CREATE TABLE sums (session TEXT, subject TEXT, profile TEXT, database TEXT,"
" opened INTEGER, closed INTEGER, reason TEXT, statements INTEGER,"
" denied INTEGER, errors INTEGER, rows INTEGER, bytes INTEGER,"
" refused_logins INTEGER, approved INTEGER, PRIMARY KEY (session, subject)) WITHOUT ROWID";

static const char add[] =
"INSERT INTO sums VALUES (?1, ?13, ?14, ?15, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
" ?11, ?12) ON CONFLICT DO UPDATE SET"
" opened = coalesce(opened, excluded.opened),"
" closed = coalesce(excluded.closed, closed),"
" reason = coalesce(excluded.reason, reason),"
" statements = statements + excluded.statements,"
" denied = denied + excluded.denied, errors = errors + excluded.errors,"
" rows = rows + excluded.rows, bytes = bytes + excluded.bytes,"
" refused_logins = refused_logins + excluded.refused_logins,"
" approved = approved + excluded.approved";

#define ISO(us)								\
	"strftime('%Y-%m-%dT%H:%M:%SZ', " us " / 1000000, 'unixepoch')"

static const char sessions[] =
"SELECT json_object('session', session, 'subject', subject, 'profile', profile,"
" 'database', database, 'opened', " ISO("opened") ", 'closed', " ISO("closed")
", 'statements', statements, 'denied', denied, 'errors', errors, 'rows', rows,"
" 'bytes', bytes, 'reason', reason) FROM sums WHERE session <> '' "
"ORDER BY opened, session";

static const char subjects[] =
"SELECT json_object('subject', subject, 'sessions', sum(session <> ''),"
" 'statements', sum(statements), 'denied', sum(denied),"
" 'approved', sum(approved), 'errors', sum(errors),"
" 'rows', sum(rows), 'bytes', sum(bytes),"
" 'refused_logins', sum(refused_logins)) FROM sums GROUP BY subject "
"ORDER BY sum(statements) DESC, subject";

struct summary {
	struct reader	*reader;
	sqlite3		*db;
	sqlite3_stmt	*add;
};

static bool
add_row(void *ctx, sqlite3_stmt *st)
{
	struct summary *s = ctx;
	const char *session = (const char *)sqlite3_column_text(st, 0);
	const struct reader_who *w = reader_who(s->reader,
	    session == NULL ? "" : session);
	const char *refused = (const char *)sqlite3_column_text(st, 1);
	int i;

	for (i = 0; i < NSUMS; i++)
		sqlite3_bind_value(s->add, i + 1, sqlite3_column_value(st, i));
	sqlite3_bind_text(s->add, 13, w->subject[0] == '\0' &&
	    refused != NULL ? refused : w->subject, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(s->add, 14, w->profile, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(s->add, 15, w->database, -1, SQLITE_TRANSIENT);
	sqlite3_step(s->add);
	sqlite3_reset(s->add);
	return true;
}

static int
summary(struct reader *r, const struct filter *f, const char *select,
    const char *columns, const struct report_options *o)
{
	struct summary s = { .reader = r };
	struct report *t = report_new(columns, o);
	sqlite3_stmt *st = NULL;
	int rc = SQLITE_ERROR;

	if (t == NULL)
		return 2;
	if (sqlite3_open(":memory:", &s.db) == SQLITE_OK &&
	    sqlite3_exec(s.db, tables, NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(s.db, add, -1, &s.add, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(s.db, select, -1, &st, NULL) == SQLITE_OK &&
	    reader_each(r, f, per_session, " GROUP BY 1, 2", add_row, &s) == 0)
		while ((rc = sqlite3_step(st)) == SQLITE_ROW)
			report_row(t,
			    (const char *)sqlite3_column_text(st, 0));
	if (rc != SQLITE_DONE && s.db != NULL &&
	    sqlite3_errcode(s.db) != SQLITE_OK)
		fprintf(stderr, "auditctl: %s\n", sqlite3_errmsg(s.db));
	sqlite3_finalize(st);
	sqlite3_finalize(s.add);
	sqlite3_close(s.db);
	return report_end(&t, rc == SQLITE_DONE) == 0 ? 0 : 2;
}

int
summary_sessions(struct reader *r, const struct filter *f, bool json)
{
	return summary(r, f, sessions, "session,subject,profile,database,"
	    "opened,closed,statements,denied,errors,rows,reason",
	    &(struct report_options){ .json = json, .no_bars = true });
}

int
summary_report(struct reader *r, const struct filter *f,
    const struct report_options *o)
{
	return summary(r, f, subjects, "subject,sessions,statements,denied,"
	    "approved,errors,rows,bytes,refused_logins", o);
}
