/*
 * Reads the segments of a store one after the other, each through its own
 * connection, and knows what crosses their borders: whose session it is, and
 * what was prepared, may have been said in an earlier one.  Run by auditctl.
 * The contents are not trusted further than to be printed by who escapes them.
 */
#include "reader.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"
#include "segments.h"

#define BUSY_MS	5000

struct part {
	int64_t		 from;
	char		*path;
	sqlite3		*db;
	sqlite3_stmt	*who, *text, *sent;
};

struct reader {
	char		*store;
	struct part	*parts;
	size_t		 n;
	struct reader_who *whos;	/* sorted by session */
	size_t		 nwhos;
	char		*pattern;	/* that `regex` is made of */
	regex_t		 regex;
};

static int
complain(const char *what, const char *why)
{
	fprintf(stderr, "auditctl: %s: %s\n", what, why);
	return -1;
}

/* --- functions for SQL -------------------------------------------------- */

/* regexp(pattern, text) */
static void
sql_regexp(sqlite3_context *c, int n, sqlite3_value **v)
{
	struct reader *r = sqlite3_user_data(c);
	const char *pattern = (const char *)sqlite3_value_text(v[0]);
	const char *text = (const char *)sqlite3_value_text(v[1]);

	(void)n;
	if (pattern == NULL || text == NULL)
		return;
	if (r->pattern == NULL) {
		if (regcomp(&r->regex, pattern, REG_EXTENDED | REG_ICASE |
		    REG_NOSUB) != 0 || (r->pattern = strdup(pattern)) == NULL) {
			sqlite3_result_error(c, "bad regular expression", -1);
			return;
		}
	}
	sqlite3_result_int(c, regexec(&r->regex, text, 0, NULL, 0) == 0);
}

static void
stmt_field(sqlite3_context *c, sqlite3_value **v, bool sent)
{
	struct reader *r = sqlite3_user_data(c);
	bool found = false;
	sqlite3_stmt *st;
	size_t i;

	for (i = 0; i < r->n && !found; i++) {
		st = sent ? r->parts[i].sent : r->parts[i].text;
		sqlite3_bind_value(st, 1, v[0]);
		sqlite3_bind_value(st, 2, v[1]);
		if (sqlite3_step(st) == SQLITE_ROW &&
		    sqlite3_column_type(st, 0) != SQLITE_NULL) {
			sqlite3_result_value(c, sqlite3_column_value(st, 0));
			found = true;
		}
		sqlite3_reset(st);
	}
}

/* stmt_text(session, body): the statement, also when it was prepared. */
static void
sql_stmt_text(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	stmt_field(c, v, false);
}

/* stmt_sent(session, body): what the database got instead, likewise. */
static void
sql_stmt_sent(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	stmt_field(c, v, true);
}

/* --- segments ----------------------------------------------------------- */

static int
part_prepare(struct reader *r, struct part *p)
{
	static const char who[] =
	    "SELECT json_extract(body, '$.subject'),"
	    " json_extract(body, '$.profile'),"
	    " json_extract(body, '$.database') FROM events WHERE session = ?"
	    " AND stmt = 0 AND kind = 'session_open' LIMIT 1";
#define PREPARED(field)							\
	    "SELECT iif(coalesce(json_extract(?2, '$.prepared'), 0) = 0,"	\
	    " json_extract(?2, '$." field "'), (SELECT json_extract(p.body,"	\
	    " '$." field "') FROM events p WHERE p.session = ?1 AND"		\
	    " p.stmt = json_extract(?2, '$.prepared') AND p.kind = 'prepare'))"

	if (sqlite3_prepare_v2(p->db, who, -1, &p->who, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(p->db, PREPARED("text"), -1, &p->text, NULL) !=
	    SQLITE_OK || sqlite3_prepare_v2(p->db, PREPARED("sent"), -1,
	    &p->sent, NULL) != SQLITE_OK)
		return complain(p->path, sqlite3_errmsg(p->db));
	sqlite3_create_function(p->db, "regexp", 2, SQLITE_UTF8, r,
	    sql_regexp, NULL, NULL);
	sqlite3_create_function(p->db, "stmt_text", 2, SQLITE_UTF8, r,
	    sql_stmt_text, NULL, NULL);
	sqlite3_create_function(p->db, "stmt_sent", 2, SQLITE_UTF8, r,
	    sql_stmt_sent, NULL, NULL);
	return 0;
}

static int
part_version(struct part *p)
{
	int version = 0, application = 0;
	sqlite3_stmt *st;
	char why[160];

	if (sqlite3_prepare_v2(p->db, "SELECT application_id, user_version "
	    "FROM pragma_application_id, pragma_user_version", -1, &st,
	    NULL) != SQLITE_OK)
		return complain(p->path, sqlite3_errmsg(p->db));
	if (sqlite3_step(st) == SQLITE_ROW) {
		application = sqlite3_column_int(st, 0);
		version = sqlite3_column_int(st, 1);
	}
	sqlite3_finalize(st);
	if (application != SCHEMA_APPLICATION)
		return complain(p->path, "is no store");
	if (version == SCHEMA_VERSION)
		return 0;
	snprintf(why, sizeof(why), "is a store of schema version %d; the "
	    "auditctl of that version reads it", version);
	return complain(p->path, why);
}

static int
part_open(struct reader *r, const struct segment *s)
{
	struct part *p = realloc(r->parts, (r->n + 1) * sizeof(*p));

	if (p == NULL)
		return complain(s->path, "out of memory");
	r->parts = p;
	p += r->n++;
	memset(p, 0, sizeof(*p));
	p->from = s->from;
	if ((p->path = strdup(s->path)) == NULL)
		return complain(s->path, "out of memory");
	if (sqlite3_open_v2(p->path, &p->db, SQLITE_OPEN_READONLY |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return complain(p->path, p->db == NULL ? "out of memory" :
		    sqlite3_errmsg(p->db));
	sqlite3_busy_timeout(p->db, BUSY_MS);
	return part_version(p) == -1 ? -1 : part_prepare(r, p);
}

static void
part_close(struct part *p)
{
	sqlite3_finalize(p->who);
	sqlite3_finalize(p->text);
	sqlite3_finalize(p->sent);
	sqlite3_close(p->db);
	free(p->path);
}

int
reader_refresh(struct reader *r)
{
	struct segments all;
	int rc = 0;

	if (segments_find(r->store, &all) == -1)
		return complain(r->store, strerror(errno));
	if (all.n == 0)
		rc = complain(r->store, strerror(ENOENT));
	while (rc == 0 && r->n < all.n)
		rc = part_open(r, &all.v[r->n]);
	segments_clear(&all);
	return rc;
}

struct reader *
reader_open(const char *store)
{
	struct reader *r;

	if ((r = calloc(1, sizeof(*r))) == NULL ||
	    (r->store = strdup(store)) == NULL)
		complain(store, "out of memory");
	else if (reader_refresh(r) == 0)
		return r;
	reader_close(&r);
	return NULL;
}

void
reader_close(struct reader **rp)
{
	struct reader *r = *rp;
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < r->n; i++)
		part_close(&r->parts[i]);
	for (i = 0; i < r->nwhos; i++) {
		free(r->whos[i].session);
		free(r->whos[i].subject);
		free(r->whos[i].profile);
		free(r->whos[i].database);
	}
	if (r->pattern != NULL)
		regfree(&r->regex);
	free(r->pattern);
	free(r->whos);
	free(r->parts);
	free(r->store);
	free(r);
	*rp = NULL;
}

const char *
reader_store(const struct reader *r)
{
	return r->store;
}

int64_t
reader_last(struct reader *r)
{
	struct part *p = &r->parts[r->n - 1];
	sqlite3_stmt *st;
	int64_t id = 0;

	if (sqlite3_prepare_v2(p->db, "SELECT max(id) FROM events", -1, &st,
	    NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		id = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return id;
}

/* --- whose session ------------------------------------------------------ */

static char *
column_dup(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);
	char *copy = strdup(s == NULL ? "" : s);

	if (copy == NULL)
		abort();
	return copy;
}

static void
find_who(struct reader *r, struct reader_who *w)
{
	sqlite3_stmt *st;
	size_t i;

	for (i = 0; i < r->n && w->subject == NULL; i++) {
		st = r->parts[i].who;
		sqlite3_bind_text(st, 1, w->session, -1, SQLITE_STATIC);
		if (sqlite3_step(st) == SQLITE_ROW) {
			w->subject = column_dup(st, 0);
			w->profile = column_dup(st, 1);
			w->database = column_dup(st, 2);
		}
		sqlite3_reset(st);
	}
}

const struct reader_who *
reader_who(struct reader *r, const char *session)
{
	static const struct reader_who nobody = { "", "", "", "" };
	size_t lo = 0, hi = r->nwhos, mid;
	struct reader_who *w, found = { 0 };
	int cmp;

	if (session[0] == '\0')
		return &nobody;
	while (lo < hi) {
		mid = (lo + hi) / 2;
		if ((cmp = strcmp(session, r->whos[mid].session)) == 0)
			return &r->whos[mid];
		if (cmp < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	if ((found.session = strdup(session)) == NULL)
		abort();
	find_who(r, &found);
	if (found.subject == NULL) {
		/* It may be opened yet, when we follow. */
		free(found.session);
		return &nobody;
	}
	if ((w = realloc(r->whos, (r->nwhos + 1) * sizeof(*w))) == NULL)
		abort();
	r->whos = w;
	memmove(w + lo + 1, w + lo, (r->nwhos++ - lo) * sizeof(*w));
	w[lo] = found;
	return &w[lo];
}

/* --- the sessions that a filter is about -------------------------------- */

/* What of one segment is the filter's, into temp tables of all of them. */
static int
choose_from(struct reader *r, const struct filter *f, const struct part *p)
{
	static const char sql[] =
	    "SELECT kind, session, id FROM events INDEXED BY events_subject "
	    "WHERE kind IN ('session_open', 'login_refused')"
	    " AND (?1 IS NULL OR json_extract(body, '$.subject') = ?1)"
	    " AND (?2 IS NULL OR json_extract(body, '$.profile') = ?2 OR"
	    "  (kind = 'login_refused' AND json_extract(body, '$.user') = ?2))"
	    " AND (?3 IS NULL OR json_extract(body, '$.database') = ?3)";
	static const char by_subject[] =
	    "SELECT kind, session, id FROM events INDEXED BY events_subject "
	    "WHERE kind IN ('session_open', 'login_refused')"
	    " AND json_extract(body, '$.subject') = ?1"
	    " AND (?2 IS NULL OR json_extract(body, '$.profile') = ?2 OR"
	    "  (kind = 'login_refused' AND json_extract(body, '$.user') = ?2))"
	    " AND (?3 IS NULL OR json_extract(body, '$.database') = ?3)";
	sqlite3_stmt *st, *add;
	bool open;
	size_t i;

	if (sqlite3_prepare_v2(p->db, f->subject == NULL ? sql : by_subject,
	    -1, &st, NULL) != SQLITE_OK)
		return complain(p->path, sqlite3_errmsg(p->db));
	sqlite3_bind_text(st, 1, f->subject, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, f->profile, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 3, f->database, -1, SQLITE_STATIC);
	while (sqlite3_step(st) == SQLITE_ROW) {
		open = strcmp((const char *)sqlite3_column_text(st, 0),
		    "session_open") == 0;
		for (i = 0; i < r->n; i++) {
			if (sqlite3_prepare_v2(r->parts[i].db, open ?
			    "INSERT OR IGNORE INTO temp.chosen VALUES (?)" :
			    "INSERT OR IGNORE INTO temp.refused VALUES (?)",
			    -1, &add, NULL) == SQLITE_OK)
				sqlite3_bind_value(add, 1,
				    sqlite3_column_value(st, open ? 1 : 2));
			sqlite3_step(add);
			sqlite3_finalize(add);
		}
	}
	sqlite3_finalize(st);
	return 0;
}

static int
choose(struct reader *r, const struct filter *f)
{
	static const char tables[] =
	    "CREATE TEMP TABLE IF NOT EXISTS chosen (session TEXT PRIMARY KEY)"
	    " WITHOUT ROWID;"
	    "CREATE TEMP TABLE IF NOT EXISTS refused (id INTEGER PRIMARY KEY);"
	    "DELETE FROM temp.chosen; DELETE FROM temp.refused";
	size_t i;

	if (!filter_by_session(f))
		return 0;
	for (i = 0; i < r->n; i++)
		if (sqlite3_exec(r->parts[i].db, tables, NULL, NULL, NULL) !=
		    SQLITE_OK)
			return complain(r->parts[i].path,
			    sqlite3_errmsg(r->parts[i].db));
	for (i = 0; i < r->n; i++)
		if (choose_from(r, f, &r->parts[i]) == -1)
			return -1;
	return 0;
}

/* --- events ------------------------------------------------------------- */

static void
bind_opt(sqlite3_stmt *st, int at, const char *s)
{
	if (s != NULL)
		sqlite3_bind_text(st, at, s, -1, SQLITE_STATIC);
}

static sqlite3_stmt *
prepare(const struct part *p, const struct filter *f, const char *select,
    const char *tail)
{
	sqlite3_stmt *st = NULL;
	struct buf b;

	buf_init(&b, 64 * 1024);
	if (buf_add(&b, select, strlen(select)) == -1 ||
	    filter_where(f, &b) == -1 || buf_add_cstr(&b, tail) == -1)
		complain(p->path, "out of memory");
	else if (sqlite3_prepare_v2(p->db, (const char *)buf_head(&b), -1, &st,
	    NULL) != SQLITE_OK)
		complain(p->path, sqlite3_errmsg(p->db));
	buf_clear(&b);
	if (st == NULL)
		return NULL;
	bind_opt(st, FP_SESSION, f->session);
	bind_opt(st, FP_KIND, f->kind);
	bind_opt(st, FP_VERDICT, f->verdict);
	bind_opt(st, FP_TAG, f->tag);
	bind_opt(st, FP_TEXT, f->text);
	bind_opt(st, FP_RELATION, f->relation);
	sqlite3_bind_int64(st, FP_SINCE, f->since);
	sqlite3_bind_int64(st, FP_UNTIL, f->until);
	sqlite3_bind_int64(st, FP_FIRST, f->first);
	sqlite3_bind_int64(st, FP_LAST, f->last);
	return st;
}

/* 1: go on, 0: the callback had enough, -1. */
static int
each_of_part(const struct part *p, const struct filter *f, const char *select,
    const char *tail, reader_row *row, void *ctx)
{
	sqlite3_stmt *st = prepare(p, f, select, tail);
	bool more = true;
	int rc = SQLITE_DONE;

	if (st == NULL)
		return -1;
	while (more && (rc = sqlite3_step(st)) == SQLITE_ROW)
		more = row(ctx, st);
	if (more && rc != SQLITE_DONE)
		complain(p->path, sqlite3_errmsg(p->db));
	sqlite3_finalize(st);
	return !more ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

/* By its number alone: can segment i hold what is asked for? */
static bool
can_hold(const struct reader *r, size_t i, const struct filter *f)
{
	if (f->first != 0 && i + 1 < r->n && r->parts[i + 1].from <= f->first)
		return false;
	return f->last == 0 || r->parts[i].from <= f->last;
}

int
reader_each(struct reader *r, const struct filter *f, const char *select,
    const char *tail, reader_row *row, void *ctx)
{
	int rc = choose(r, f) == -1 ? -1 : 1;
	size_t i;

	for (i = 0; i < r->n && rc == 1; i++)
		if (can_hold(r, i, f))
			rc = each_of_part(&r->parts[i], f, select, tail, row,
			    ctx);
	return rc == -1 ? -1 : 0;
}

struct count {
	int64_t		 id;
	uint64_t	 left;
};

static bool
count_row(void *ctx, sqlite3_stmt *st)
{
	struct count *c = ctx;

	c->id = sqlite3_column_int64(st, 0);
	return --c->left > 0;
}

int
reader_last_n(struct reader *r, struct filter *f, uint64_t n)
{
	struct count c = { 0, n };
	int rc = choose(r, f) == -1 ? -1 : 1;
	size_t i;

	for (i = r->n; i > 0 && rc == 1; i--)
		if (can_hold(r, i - 1, f))
			rc = each_of_part(&r->parts[i - 1], f,
			    "SELECT e.id FROM events e WHERE 1",
			    " ORDER BY e.id DESC", count_row, &c);
	if (rc == -1)
		return -1;
	if (c.id != 0 && c.id > f->first)
		f->first = c.id;
	return 0;
}
