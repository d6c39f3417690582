/*
 * auditctl log: events for people, one line each, or as JSON lines.  Reads the
 * store, while auditd writes it or not.  Clients chose most of the texts in it:
 * whatever could drive a terminal is escaped.  The JSON of the bodies was
 * escaped when it was stored, and is passed as it is.
 */
#include "showlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "buf.h"
#include "json.h"

#define TEXT_SHOWN	160	/* bytes of a statement on a line */

#define F(name)	"json_extract(e.body, '$." name "')"

static const char query[] =
"SELECT * FROM (SELECT e.id AS id,"
" strftime('%Y-%m-%dT%H:%M:%S', e.time / 1000000, 'unixepoch')"
"  || printf('.%06dZ', e.time % 1000000) AS time,"
" e.session, e.seq, e.kind, e.body,"
" coalesce((SELECT json_extract(o.body, '$.subject') FROM events o"
"  WHERE o.session = e.session AND o.kind = 'session_open' LIMIT 1),"
"  json_extract(e.body, '$.subject')) AS subject,"
" CASE"
"  WHEN e.kind IN ('intent', 'prepare') THEN printf('%s%s%s: %s',"
"   " F("action") ", iif(" F("rule") " = '', '', ' by '), " F("rule") ","
"   iif(" F("text") " = '' AND " F("prepared") " > 0,"
"    'statement ' || " F("prepared") ", " F("text") "))"
"  WHEN e.kind = 'outcome' THEN printf('%s %s rows=%d time=%.3fms%s%s %s',"
"   " F("status") ", " F("tag") ", " F("rows") ","
"   " F("duration_us") " / 1000.0,"
"   iif(" F("sqlstate") " = '', '', ' sqlstate='), " F("sqlstate") ","
"   " F("error") ")"
"  WHEN e.kind = 'session_open' THEN printf('%s on %s as %s from %s',"
"   " F("profile") ", " F("database") ", " F("role") ", " F("peer") ")"
"  WHEN " F("reason") " IS NOT NULL THEN " F("reason")
"  ELSE e.body END AS line "
"FROM events e "
"WHERE (?1 IS NULL OR e.session = ?1)"
" AND (?2 IS NULL OR " F("subject") " = ?2 OR e.session IN"
"  (SELECT o.session FROM events o WHERE o.kind = 'session_open'"
"   AND json_extract(o.body, '$.subject') = ?2))"
"ORDER BY e.id DESC LIMIT ?3) ORDER BY id";

enum { Q_ID, Q_TIME, Q_SESSION, Q_SEQ, Q_KIND, Q_BODY, Q_SUBJECT, Q_LINE };

static const char *
text(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);

	return s == NULL ? "" : s;
}

/* Escaped as in JSON, without the quotes, cut at `max` bytes. */
static void
print_plain(struct buf *b, const char *s, size_t max)
{
	size_t len = strlen(s);
	bool cut = len > max;

	if (cut)
		len = max - 3;
	/* Not within a character. */
	while (cut && len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
		len--;
	buf_drain(b, b->len);
	if (json_string(b, s, len, NULL) == 0)
		fwrite(buf_head(b) + 1, 1, b->len - 2, stdout);
	if (cut)
		fputs("...", stdout);
}

static void
print_line(sqlite3_stmt *st, struct buf *b)
{
	printf("%.23sZ %-8.8s %-12s ", text(st, Q_TIME),
	    text(st, Q_SESSION)[0] == '\0' ? "-" : text(st, Q_SESSION),
	    text(st, Q_KIND));
	print_plain(b, text(st, Q_SUBJECT)[0] == '\0' ? "-" :
	    text(st, Q_SUBJECT), 64);
	putchar(' ');
	print_plain(b, text(st, Q_LINE), TEXT_SHOWN);
	putchar('\n');
}

static void
print_string(struct buf *b, const char *name, const char *s)
{
	buf_drain(b, b->len);
	if (json_string(b, s, strlen(s), NULL) == 0)
		printf(",\"%s\":%.*s", name, (int)b->len,
		    (const char *)buf_head(b));
}

static void
print_json(sqlite3_stmt *st, struct buf *b)
{
	printf("{\"id\":%s", text(st, Q_ID));
	print_string(b, "time", text(st, Q_TIME));
	print_string(b, "session", text(st, Q_SESSION));
	printf(",\"seq\":%s", text(st, Q_SEQ));
	print_string(b, "kind", text(st, Q_KIND));
	print_string(b, "subject", text(st, Q_SUBJECT));
	printf(",\"body\":%s}\n", text(st, Q_BODY));
}

int
showlog(const char *path, const struct showlog *opts)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	struct buf b;
	int rc;

	buf_init(&b, JSON_BODY_MAX);
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(db, 5000);
		rc = sqlite3_prepare_v2(db, query, -1, &st, NULL);
	}
	if (rc == SQLITE_OK) {
		if (opts->session != NULL)
			sqlite3_bind_text(st, 1, opts->session, -1,
			    SQLITE_STATIC);
		if (opts->subject != NULL)
			sqlite3_bind_text(st, 2, opts->subject, -1,
			    SQLITE_STATIC);
		sqlite3_bind_int64(st, 3, opts->limit == 0 ? -1 :
		    (sqlite3_int64)opts->limit);
		while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
			if (opts->json)
				print_json(st, &b);
			else
				print_line(st, &b);
		}
	}
	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		fprintf(stderr, "auditctl: %s: %s\n", path, db == NULL ?
		    "out of memory" : sqlite3_errmsg(db));
	sqlite3_finalize(st);
	sqlite3_close(db);
	buf_clear(&b);
	return rc == SQLITE_DONE ? 0 : 2;
}
