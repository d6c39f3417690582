/*
 * auditctl replay: one session from the store, statement after statement.  This
 * part reads: first what belongs to statements and came later (how they ended,
 * how long they waited for people), which is small, then the statements, one at
 * a time.  Events of one statement may lie in several segments.
 */
#include "replay_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grow.h"

#define F(name)	"json_extract(e.body, '$." name "')"
#define ISO	"strftime('%Y-%m-%dT%H:%M:%SZ', e.time / 1000000, 'unixepoch')"

static char *
column_dup(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);
	char *copy = strdup(s == NULL ? "" : s);

	if (copy == NULL)
		abort();
	return copy;
}

/* --- what belongs to statements ------------------------------------------ */

enum { C_TIME, C_STMT, C_KIND, C_SUBJECT, C_PROFILE, C_DATABASE, C_ROLE, C_PEER,
	C_ISO, C_STATUS, C_TAG, C_ROWS, C_DURATION, C_SQLSTATE, C_ERROR,
	C_REQUEST, C_REASON, C_LITERALS, C_MASKED };

static const char circumstances[] =
"SELECT e.time, e.stmt, e.kind, " F("subject") ", " F("profile") ","
" " F("database") ", " F("role") ", " F("peer") ", " ISO ", " F("status") ","
" " F("tag") ", " F("rows") ", " F("duration_us") ", " F("sqlstate") ","
" " F("error") ", " F("request") ", " F("reason") ","
" " F("literals") ", " F("masked") " "
"FROM events e WHERE e.kind IN ('session_open', 'session_close', 'end',"
" 'outcome', 'approval_request', 'approval_end', 'intent', 'prepare')";

static void
put(char **at, sqlite3_stmt *st, int column)
{
	free(*at);
	*at = column_dup(st, column);
}

static void
add_open(struct replay_session *s, sqlite3_stmt *st)
{
	put(&s->subject, st, C_SUBJECT);
	put(&s->profile, st, C_PROFILE);
	put(&s->database, st, C_DATABASE);
	put(&s->role, st, C_ROLE);
	put(&s->peer, st, C_PEER);
	put(&s->opened, st, C_ISO);
	put(&s->literals, st, C_LITERALS);
	s->start = sqlite3_column_int64(st, C_TIME);
}

static void
add_outcome(struct replay_session *s, sqlite3_stmt *st)
{
	struct replay_outcome *o;

	s->outcomes = grow(s->outcomes, s->noutcomes, sizeof(*o));
	o = &s->outcomes[s->noutcomes++];
	o->time = sqlite3_column_int64(st, C_TIME);
	o->stmt = sqlite3_column_int64(st, C_STMT);
	o->rows = sqlite3_column_int64(st, C_ROWS);
	o->duration_us = sqlite3_column_int64(st, C_DURATION);
	o->status = column_dup(st, C_STATUS);
	o->tag = column_dup(st, C_TAG);
	o->sqlstate = column_dup(st, C_SQLSTATE);
	o->error = column_dup(st, C_ERROR);
	o->masked = column_dup(st, C_MASKED);
}

static void
add_hold(struct replay_session *s, sqlite3_stmt *st, bool over)
{
	int64_t request = sqlite3_column_int64(st, C_REQUEST);
	int64_t now = sqlite3_column_int64(st, C_TIME);
	size_t i;

	for (i = 0; i < s->nholds && s->holds[i].request != request; i++)
		;
	if (i == s->nholds) {
		s->holds = grow(s->holds, i, sizeof(*s->holds));
		s->holds[i] = (struct replay_hold){ .request = request };
		s->nholds++;
	}
	if (over)
		s->holds[i].until = now;
	else
		s->holds[i].since = now;
}

static bool
add_circumstance(void *ctx, sqlite3_stmt *st)
{
	struct replay_session *s = ctx;
	const char *kind = (const char *)sqlite3_column_text(st, C_KIND);
	int64_t now = sqlite3_column_int64(st, C_TIME);

	/* A store without the beginning of the session counts from here. */
	if (s->start == 0)
		s->start = now;
	s->end = now;
	if (strcmp(kind, "session_open") == 0)
		add_open(s, st);
	else if (strcmp(kind, "outcome") == 0)
		add_outcome(s, st);
	else if (strcmp(kind, "approval_request") == 0)
		add_hold(s, st, false);
	else if (strcmp(kind, "approval_end") == 0)
		add_hold(s, st, true);
	else if (strcmp(kind, "session_close") == 0 ||
	    (strcmp(kind, "end") == 0 && s->reason[0] == '\0')) {
		put(&s->closed, st, C_ISO);
		put(&s->reason, st, C_REASON);
	}
	return true;
}

static int
by_stmt(const void *a, const void *b)
{
	const struct replay_outcome *x = a, *y = b;

	return x->stmt < y->stmt ? -1 : x->stmt > y->stmt;
}

/* --- statements ---------------------------------------------------------- */

enum { S_ID, S_TIME, S_STMT, S_FORM, S_ACTION, S_RULE, S_SQLSTATE, S_PARAMS,
	S_TEXT, S_HASH, S_APPROVAL, S_SENT, S_MASKED };

/* A refused Parse is a statement too, although nothing will execute it. */
static const char statements[] =
"SELECT e.id, e.time, e.stmt, coalesce(" F("form") ", e.kind), " F("action") ","
" " F("rule") ", " F("sqlstate") ", " F("params") ","
" stmt_text(e.session, e.body), lower(hex(substr(e.hash, 1, 8))),"
" " F("approval") ", stmt_sent(e.session, e.body), " F("masked") " "
"FROM events e WHERE (e.kind = 'intent' OR (e.kind = 'prepare' AND"
" " F("action") " = 'deny'))";

struct each {
	const struct replay_session *session;
	replay_each_fn	*fn;
	void		*ctx;
};

static const char *
text(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);

	return s == NULL ? "" : s;
}

static bool
each_row(void *ctx, sqlite3_stmt *st)
{
	struct each *e = ctx;
	const struct replay_session *s = e->session;
	int64_t approval = sqlite3_column_int64(st, S_APPROVAL);
	struct replay_outcome key = {
		.stmt = sqlite3_column_int64(st, S_STMT)
	};
	struct replay_statement r = {
		.id = sqlite3_column_int64(st, S_ID),
		.time = sqlite3_column_int64(st, S_TIME),
		.offset = sqlite3_column_int64(st, S_TIME) - s->start,
		.stmt = key.stmt,
		.form = text(st, S_FORM),
		.action = text(st, S_ACTION),
		.rule = text(st, S_RULE),
		.sqlstate = text(st, S_SQLSTATE),
		.params = text(st, S_PARAMS),
		.hash = text(st, S_HASH)
	};
	size_t i;

	/* Two clocks of one machine, and one that was set back. */
	if (r.offset < 0)
		r.offset = 0;
	if ((r.text = (const char *)sqlite3_column_text(st, S_TEXT)) != NULL)
		r.text_len = (size_t)sqlite3_column_bytes(st, S_TEXT);
	r.sent = text(st, S_SENT);
	r.sent_len = (size_t)sqlite3_column_bytes(st, S_SENT);
	r.masked = text(st, S_MASKED);
	if (s->noutcomes > 0)
		r.outcome = bsearch(&key, s->outcomes, s->noutcomes,
		    sizeof(key), by_stmt);
	if (r.outcome != NULL && r.outcome->masked[0] != '\0')
		r.masked = r.outcome->masked;
	for (i = 0; approval != 0 && i < s->nholds; i++)
		if (s->holds[i].request == approval)
			r.hold = &s->holds[i];
	return e->fn(e->ctx, &r);
}

int
replay_each(struct reader *r, const struct replay_session *s,
    replay_each_fn *fn, void *ctx)
{
	struct filter f = { .session = s->id };
	struct each e = { s, fn, ctx };

	return reader_each(r, &f, statements, " ORDER BY e.id", each_row, &e);
}

int
replay_one(struct reader *r, const struct replay_session *s, int64_t event,
    replay_each_fn *fn, void *ctx)
{
	struct filter f = { .session = s->id, .first = event, .last = event };
	struct each e = { s, fn, ctx };

	return reader_each(r, &f, statements, "", each_row, &e);
}

const char *
replay_status(const struct replay_statement *r)
{
	if (r->outcome != NULL)
		return r->outcome->status;
	return strcmp(r->action, "deny") == 0 ? "denied" : "unknown";
}

/* --- files ----------------------------------------------------------------- */

/* Statements have secrets in them, and names of files may be others'. */
FILE *
replay_create(const char *path)
{
	FILE *fp;
	int fd;

	if (strcmp(path, "-") == 0)
		return stdout;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1 || (fp = fdopen(fd, "w")) == NULL) {
		fprintf(stderr, "auditctl: %s: %s\n", path, strerror(errno));
		return NULL;
	}
	return fp;
}

int
replay_close(FILE *fp, const char *path)
{
	bool bad = ferror(fp) != 0;

	if (fflush(fp) != 0 || (fp != stdout && fclose(fp) != 0))
		bad = true;
	if (bad)
		fprintf(stderr, "auditctl: %s: cannot be written whole\n",
		    path);
	return bad ? -1 : 0;
}

/* --- the command --------------------------------------------------------- */

void
replay_unload(struct replay_session *s)
{
	char **texts[] = { &s->subject, &s->profile, &s->database, &s->role,
	    &s->peer, &s->opened, &s->closed, &s->reason, &s->literals };
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(*texts[i]);
	for (i = 0; i < s->noutcomes; i++) {
		free(s->outcomes[i].status);
		free(s->outcomes[i].tag);
		free(s->outcomes[i].sqlstate);
		free(s->outcomes[i].error);
		free(s->outcomes[i].masked);
	}
	free(s->outcomes);
	free(s->holds);
	recording_free(&s->recording);
}

static bool
session_init(struct replay_session *s)
{
	char **texts[] = { &s->subject, &s->profile, &s->database, &s->role,
	    &s->peer, &s->opened, &s->closed, &s->reason, &s->literals };
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if ((*texts[i] = strdup("")) == NULL)
			return false;
	return true;
}

int
replay_load(struct reader *r, const char *session, struct replay_session *s)
{
	struct filter f = { .session = session };

	memset(s, 0, sizeof(*s));
	s->id = session;
	if (!session_init(s) || reader_each(r, &f, circumstances,
	    " ORDER BY e.id", add_circumstance, s) == -1)
		return -1;
	if (s->start == 0) {
		fprintf(stderr, "auditctl: there is no such session\n");
		return -1;
	}
	if (s->noutcomes > 0)
		qsort(s->outcomes, s->noutcomes, sizeof(s->outcomes[0]),
		    by_stmt);
	s->recording = recording_open(r, reader_store(r), session);
	return 0;
}

int
replay(struct reader *r, const char *session, const struct replay_options *o)
{
	struct replay_session s;
	int code = 2;

	if (replay_load(r, session, &s) == 0)
		code = o->sql != NULL ? replay_sql(r, &s, o) :
		    o->html != NULL ? replay_html(r, &s, o) :
		    replay_term(r, &s, o);
	replay_unload(&s);
	return code;
}
