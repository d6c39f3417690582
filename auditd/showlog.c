/*
 * auditctl log, tail, show and export: events, one line each, or as JSON lines
 * or CSV.  Clients chose most of the texts in them: whatever could drive a
 * terminal is escaped.  The JSON of the bodies was escaped when it was stored,
 * and is passed as it is.
 */
#include "showlog.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "json.h"
#include "progress.h"
#include "visible.h"

#define TEXT_SHOWN	160	/* bytes of a statement on a line */
#define FOLLOW_MS	200

#define F(name)	"json_extract(e.body, '$." name "')"

static const char query[] =
"SELECT e.id, strftime('%Y-%m-%dT%H:%M:%S', e.time / 1000000, 'unixepoch')"
"  || printf('.%06dZ', e.time % 1000000),"
" e.session, e.seq, e.stmt, e.kind, e.body, " F("subject") ","
" CASE"
"  WHEN e.kind IN ('intent', 'prepare') THEN printf('%s%s%s: %s',"
"   " F("action") ", iif(" F("rule") " = '', '', ' by '), " F("rule") ","
"   coalesce(stmt_text(e.session, e.body), 'statement ' || "
"   " F("prepared") "))"
"  WHEN e.kind = 'outcome' THEN printf('%s %s rows=%d time=%.3fms%s%s %s',"
"   " F("status") ", " F("tag") ", " F("rows") ","
"   " F("duration_us") " / 1000.0,"
"   iif(" F("sqlstate") " = '', '', ' sqlstate='), " F("sqlstate") ","
"   " F("error") ")"
"  WHEN e.kind = 'session_open' THEN printf('%s on %s as %s from %s',"
"   " F("profile") ", " F("database") ", " F("role") ", " F("peer") ")"
"  WHEN e.kind = 'checkpoint' THEN " F("line")
"  WHEN " F("reason") " IS NOT NULL THEN " F("reason")
"  ELSE e.body END "
"FROM events e WHERE 1";

/* For who wants no line, which costs most. */
static const char plain[] =
"SELECT e.id, strftime('%Y-%m-%dT%H:%M:%S', e.time / 1000000, 'unixepoch')"
"  || printf('.%06dZ', e.time % 1000000),"
" e.session, e.seq, e.stmt, e.kind, e.body, " F("subject") " "
"FROM events e WHERE 1";

enum { Q_ID, Q_TIME, Q_SESSION, Q_SEQ, Q_STMT, Q_KIND, Q_BODY, Q_SUBJECT,
	Q_LINE };

struct output {
	struct reader	*reader;
	struct buf	 b;
	bool		 json, interruptible;
	int64_t		 last;		/* id that was printed last */
	int64_t		 total;		/* for progress */
};

static const char *
text(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);

	return s == NULL ? "" : s;
}

/* Of the session, or else what the event says itself. */
static const char *
subject(struct output *o, sqlite3_stmt *st)
{
	const struct reader_who *w = reader_who(o->reader,
	    text(st, Q_SESSION));

	return w->subject[0] != '\0' ? w->subject : text(st, Q_SUBJECT);
}

/* Escaped as in JSON, without the quotes, cut at `max` bytes; and what changes
 * how the rest of a line is seen is made visible. */
static void
print_plain(struct buf *b, const char *s, size_t max)
{
	size_t len = strlen(s);
	bool cut = len > max;
	struct buf seen;

	if (cut)
		len = max - 3;
	/* Not within a character. */
	while (cut && len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
		len--;
	buf_drain(b, b->len);
	buf_init(&seen, 16 * 1024 * 1024);
	if (json_string(b, s, len, NULL) == 0 && visible_text(&seen,
	    buf_head(b) + 1, b->len - 2, false) == 0)
		fwrite(buf_head(&seen), 1, seen.len, stdout);
	buf_clear(&seen);
	if (cut)
		fputs("...", stdout);
}

static void
print_line(struct output *o, sqlite3_stmt *st)
{
	const char *who = subject(o, st);

	printf("%s %.23sZ %-8.8s %-12s ", text(st, Q_ID), text(st, Q_TIME),
	    text(st, Q_SESSION)[0] == '\0' ? "-" : text(st, Q_SESSION),
	    text(st, Q_KIND));
	print_plain(&o->b, who[0] == '\0' ? "-" : who, 64);
	putchar(' ');
	print_plain(&o->b, text(st, Q_LINE), TEXT_SHOWN);
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
print_json(struct output *o, sqlite3_stmt *st)
{
	const struct reader_who *w = reader_who(o->reader,
	    text(st, Q_SESSION));

	printf("{\"id\":%s", text(st, Q_ID));
	print_string(&o->b, "time", text(st, Q_TIME));
	print_string(&o->b, "session", text(st, Q_SESSION));
	printf(",\"seq\":%s,\"stmt\":%s", text(st, Q_SEQ), text(st, Q_STMT));
	print_string(&o->b, "kind", text(st, Q_KIND));
	print_string(&o->b, "subject", subject(o, st));
	print_string(&o->b, "profile", w->profile);
	print_string(&o->b, "database", w->database);
	printf(",\"body\":%s}\n", text(st, Q_BODY));
}

static bool
print_row(void *ctx, sqlite3_stmt *st)
{
	struct output *o = ctx;

	o->last = sqlite3_column_int64(st, Q_ID);
	if (o->json)
		print_json(o, st);
	else
		print_line(o, st);
	/* Whoever reads it has gone. */
	if (ferror(stdout))
		return false;
	return !o->interruptible || !progress(o->last, o->total);
}

static int
print_events(struct output *o, const struct filter *f)
{
	buf_init(&o->b, JSON_BODY_MAX);
	if (reader_each(o->reader, f, o->json ? plain : query,
	    " ORDER BY e.id", print_row, o) == -1)
		return 2;
	return fflush(stdout) == 0 ? 0 : 2;
}

int
showlog(struct reader *r, struct filter *f, uint64_t limit, bool json)
{
	struct output o = { .reader = r, .json = json };
	int code;

	if (limit != 0 && reader_last_n(r, f, limit) == -1)
		return 2;
	code = print_events(&o, f);
	buf_clear(&o.b);
	return code;
}

int
showlog_follow(struct reader *r, struct filter *f, uint64_t limit, bool json)
{
	struct timespec pause = { 0, FOLLOW_MS * 1000000L };
	struct output o = { .reader = r, .json = json,
	    .interruptible = true };
	int64_t seen = reader_last(r), now;
	int code;

	progress_init("tail");
	if (limit != 0 && reader_last_n(r, f, limit) == -1)
		return 2;
	f->last = seen;
	code = limit == 0 ? 0 : print_events(&o, f);
	while (code == 0 && !progress_interrupted()) {
		nanosleep(&pause, NULL);
		if (reader_refresh(r) == -1)
			code = 2;
		else if ((now = reader_last(r)) > seen) {
			f->first = seen + 1;
			f->last = seen = now;
			code = print_events(&o, f);
		}
	}
	buf_clear(&o.b);
	return code;
}

/* --- one event ---------------------------------------------------------- */

/* Members of the body, one a line; values are JSON already. */
static bool
print_member(void *ctx, sqlite3_stmt *st)
{
	struct output *o = ctx;

	printf("  %-13s ", text(st, 0));
	print_plain(&o->b, text(st, 1), 1024 * 1024);
	putchar('\n');
	return true;
}

static bool
print_whole(void *ctx, sqlite3_stmt *st)
{
	struct output *o = ctx;
	struct filter one = { .first = sqlite3_column_int64(st, Q_ID) };

	one.last = one.first;
	o->last = one.first;
	printf("event %s: %s\n  %-13s %s\n", text(st, Q_ID), text(st, Q_KIND),
	    "time", text(st, Q_TIME));
	if (text(st, Q_SESSION)[0] != '\0')
		printf("  %-13s %s\n", "session", text(st, Q_SESSION));
	printf("  %-13s %s\n  %-13s ", "seq", text(st, Q_SEQ), "subject");
	print_plain(&o->b, subject(o, st), 256);
	putchar('\n');
	return reader_each(o->reader, &one, "SELECT j.key, j.value FROM "
	    "events e, json_each(e.body) j WHERE 1", "", print_member, o) == 0;
}

static bool
remember(void *ctx, sqlite3_stmt *st)
{
	char **session = ctx;

	*session = strdup(text(st, 0));
	return false;
}

int
showlog_event(struct reader *r, int64_t id, bool json)
{
	struct output o = { .reader = r, .json = json };
	struct filter f = { .first = id, .last = id };
	char *session = NULL, related[128];
	int code = 0;

	buf_init(&o.b, JSON_BODY_MAX);
	if (reader_each(r, &f, json ? plain : query, "", json ? print_row :
	    print_whole, &o) == -1)
		code = 2;
	if (code == 0 && o.last != id) {
		fprintf(stderr, "auditctl: there is no event %" PRId64 "\n",
		    id);
		code = 2;
	}
	/* The statement it is part of: its other events, a line each. */
	snprintf(related, sizeof(related), "SELECT e.session || ' ' || e.stmt "
	    "FROM events e WHERE e.stmt > 0");
	if (code == 0 && !json && reader_each(r, &f, related, "", remember,
	    &session) == 0 && session != NULL) {
		char *stmt = strchr(session, ' ');

		*stmt++ = '\0';
		memset(&f, 0, sizeof(f));
		f.session = session;
		snprintf(related, sizeof(related), " AND e.stmt = %lld AND "
		    "e.id <> %lld ORDER BY e.id", atoll(stmt), (long long)id);
		puts("of the same statement:");
		if (reader_each(r, &f, query, related, print_row, &o) == -1)
			code = 2;
	}
	free(session);
	buf_clear(&o.b);
	return fflush(stdout) == 0 ? code : 2;
}
