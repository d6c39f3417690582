/*
 * auditctl report --by relation: who touched what, summed over the segments in
 * a database in memory.  Of a statement whose outcome is in the segment after
 * its intent's, the rows are not counted.
 */
#include "summary.h"

#include <stdio.h>

#define F(row, name)	"json_extract(" row ".body, '$." name "')"

static const char per_session[] =
"SELECT e.session, t.relation, count(*), sum(t.reads), sum(t.writes),"
" sum(" F("e", "action") " = 'deny'),"
" sum(coalesce(" F("e", "approval") ", 0) > 0),"
" sum(coalesce(" F("o", "rows") ", 0)) "
"FROM (SELECT event, relation, max(access = 'read') AS reads,"
"  max(access = 'write') AS writes FROM touched WHERE relation <> ''"
"  GROUP BY relation, event) t "
"JOIN events e ON e.id = t.event AND (e.kind = 'intent' OR"
" " F("e", "action") " = 'deny') "
"LEFT JOIN events o ON o.session = e.session AND o.stmt = e.stmt"
" AND o.kind = 'outcome' WHERE 1";

#define NSUMS	8

static const char table[] =
"CREATE TABLE sums (subject TEXT, relation TEXT, statements INTEGER,"
" reads INTEGER, writes INTEGER, denied INTEGER, approved INTEGER,"
" rows INTEGER)";

static const char result[] =
"SELECT json_object('subject', subject, 'relation', relation,"
" 'statements', sum(statements), 'reads', sum(reads), 'writes', sum(writes),"
" 'denied', sum(denied), 'approved', sum(approved), 'rows', sum(rows)) "
"FROM sums GROUP BY subject, relation "
"ORDER BY sum(statements) DESC, subject, relation";

struct sums {
	struct reader	*reader;
	sqlite3_stmt	*add;
};

static bool
add_row(void *ctx, sqlite3_stmt *st)
{
	struct sums *s = ctx;
	const char *session = (const char *)sqlite3_column_text(st, 0);
	const struct reader_who *w = reader_who(s->reader,
	    session == NULL ? "" : session);
	int i;

	sqlite3_bind_text(s->add, 1, w->subject, -1, SQLITE_TRANSIENT);
	for (i = 1; i < NSUMS; i++)
		sqlite3_bind_value(s->add, i + 1, sqlite3_column_value(st, i));
	sqlite3_step(s->add);
	sqlite3_reset(s->add);
	return true;
}

int
summary_relations(struct reader *r, const struct filter *f,
    const struct report_options *o)
{
	struct sums s = { .reader = r };
	struct report *t = report_new("subject,relation,statements,"
	    "reads,writes,denied,approved,rows", o);
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int rc = SQLITE_ERROR;

	if (t == NULL)
		return 2;
	if (sqlite3_open(":memory:", &db) == SQLITE_OK &&
	    sqlite3_exec(db, table, NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, "INSERT INTO sums VALUES (?, ?, ?, ?, ?, "
	    "?, ?, ?)", -1, &s.add, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, result, -1, &st, NULL) == SQLITE_OK &&
	    reader_each(r, f, per_session, " GROUP BY 1, 2", add_row, &s) == 0)
		while ((rc = sqlite3_step(st)) == SQLITE_ROW)
			report_row(t,
			    (const char *)sqlite3_column_text(st, 0));
	if (rc != SQLITE_DONE && db != NULL && sqlite3_errcode(db) != SQLITE_OK)
		fprintf(stderr, "auditctl: %s\n", sqlite3_errmsg(db));
	sqlite3_finalize(st);
	sqlite3_finalize(s.add);
	sqlite3_close(db);
	return report_end(&t, rc == SQLITE_DONE) == 0 ? 0 : 2;
}
