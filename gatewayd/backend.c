/*
 * backend: the messages of the server, once the session is open.  Runs in the
 * worker.  The server is trusted to be PostgreSQL and in nothing else: it must
 * answer in turn, and its lengths are capped.  Rows and COPY data are passed
 * as they come, a few bytes at a time if need be; all else is taken whole.
 * Nothing goes to the client before its statement's intent is committed.
 */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capped.h"
#include "log.h"

/* Outcomes of one pipeline segment kept for its ReadyForQuery. */
#define DONE_MAX	1000

enum back_result {
	BACK_PASS,	/* to the client as it is */
	BACK_SKIP,	/* not to the client; `out` may hold something else */
	BACK_STOP	/* the session is over */
};

struct back_msg {
	uint8_t		 type;
	const uint8_t	*body;
	size_t		 len;
	struct buf	*out;
};

static enum back_result
back_broken(struct session *s, const char *what)
{
	log_warnx("session=%s error=\"database broke the protocol\" "
	    "what=\"%s\"", s->id, what);
	session_fatal(s, "08P01", "the database broke the protocol", NULL,
	    "backend protocol violation");
	return BACK_STOP;
}

static enum back_result
back_withhold(struct session *s)
{
	session_fatal(s, "42501", "the answer was withheld: it would show a "
	    "protected column", NULL, "answer withheld by the guard");
	return BACK_STOP;
}

static enum back_result
back_unrecorded(struct session *s)
{
	session_fatal(s, "58030", "what the database says cannot be recorded",
	    NULL, "audit spool refused a record");
	return BACK_STOP;
}

static bool
guarded(const struct session *s, uint32_t table, uint32_t column)
{
	const uint8_t *p = s->guard, *end = s->guard + s->guard_len;

	/* Little-endian pairs, as the message has them. */
	for (; p != end; p += 8)
		if (((uint32_t)p[0] | (uint32_t)p[1] << 8 |
		    (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24) == table &&
		    ((uint32_t)p[4] | (uint32_t)p[5] << 8 |
		    (uint32_t)p[6] << 16 | (uint32_t)p[7] << 24) == column)
			return true;
	return false;
}

/* A protected column keeps its (OID, number) only when it is not masked. */
static enum back_result
back_row_description(struct session *s, const struct back_msg *m)
{
	struct pg_reader r;
	uint32_t table;
	uint16_t n, column;

	pg_read(&r, m->body, m->len);
	n = pg_u16(&r);
	while (n-- > 0 && !r.bad) {
		pg_str(&r);
		table = pg_u32(&r);
		column = pg_u16(&r);
		pg_u32(&r);		/* type, size, modifier, format */
		pg_u16(&r);
		pg_u32(&r);
		pg_u16(&r);
		if (!r.bad && table != 0 && s->masked &&
		    guarded(s, table, column))
			return back_withhold(s);
	}
	return pg_done(&r) ? BACK_PASS :
	    back_broken(s, "malformed RowDescription");
}

/* "INSERT 0 5" and "SELECT 5": the last word is the number of rows. */
static void
entry_tag(struct pipe_entry *e, const char *tag)
{
	const char *p = strrchr(tag, ' ');

	snprintf(e->tag, sizeof(e->tag), "%s", tag);
	e->commits = e->commits || strcmp(tag, "COMMIT") == 0;
	e->rolls_back = e->rolls_back || strcmp(tag, "ROLLBACK") == 0;
	if (p != NULL && p[1] >= '0' && p[1] <= '9')
		e->rows += strtoull(p + 1, NULL, 10);
}

/* The same of one that is counted. */
static enum back_result
back_capped(struct session *s, const struct back_msg *m, struct pipe_entry *e)
{
	char tag[sizeof(e->tag)] = "";
	enum capped_next next;
	struct pg_reader r;

	if (e->denied)
		return back_broken(s, "completion out of turn");
	pg_read(&r, m->body, m->len);
	if (m->type == 'C')
		snprintf(tag, sizeof(tag), "%s", pg_str(&r));
	if (!pg_done(&r) || m->type == 'I')
		return back_broken(s, "malformed CommandComplete");
	next = m->type == 's' ? capped_suspended(s, e) :
	    capped_complete(s, e, tag, sizeof(tag));
	if (next == CAPPED_FAILED)
		return back_broken(s, "out of memory");
	if (next == CAPPED_MORE)
		return BACK_SKIP;
	if (m->type == 'C')
		entry_tag(e, tag);
	/* A Query's comes with its ReadyForQuery, if it commits. */
	if (e->type == 'Q')
		return BACK_SKIP;
	pipe_pop(&s->pipe);
	if (m->type == 's')
		return BACK_PASS;
	return pg_add(m->out, 'C', tag, strlen(tag) + 1) == -1 ?
	    back_broken(s, "out of memory") : BACK_SKIP;
}

/* A command is complete: CommandComplete, EmptyQuery, PortalSuspended. */
static enum back_result
back_complete(struct session *s, const struct back_msg *m)
{
	struct pipe_entry *e = s->pipe.first;
	struct pg_reader r;
	const char *tag;

	if (e == NULL || (e->type != 'Q' && e->type != 'E'))
		return back_broken(s, "completion out of turn");
	if (e->cap != NULL)
		return back_capped(s, m, e);
	pg_read(&r, m->body, m->len);
	if (m->type == 'C') {
		tag = pg_str(&r);
		if (!pg_done(&r))
			return back_broken(s, "malformed CommandComplete");
		entry_tag(e, tag);
	}
	e->copying = false;
	/* In a failed transaction nothing is complete but its end. */
	if (m->type == 'C')
		s->tx_failed = false;
	if (e->type == 'E')
		pipe_pop(&s->pipe);
	return BACK_PASS;
}

/* ParseComplete, BindComplete, CloseComplete, and what answers Describe. */
static enum back_result
back_answer(struct session *s, uint8_t to)
{
	struct pipe_entry *e = s->pipe.first;

	/* The parts of a Query that was sent as more than one message. */
	if (e != NULL && e->type == 'Q' && e->cap != NULL)
		return BACK_SKIP;
	if (e == NULL || e->type != to || s->pipe.skipping)
		return back_broken(s, "answer out of turn");
	pipe_pop(&s->pipe);
	return BACK_PASS;
}

/*
 * A text that was passed without being understood: did the server understand
 * it?  One that fails before any command of it is complete has done nothing
 * that outlives it.
 */
static bool
entry_ran(const struct pipe_entry *e)
{
	return (e->verdict->flags & VERDICT_UNREAD) == 0 || !e->failed ||
	    e->tag[0] != '\0';
}

/* Such a text, run: it may have given or taken any name. */
static void
back_unread(struct session *s)
{
	const struct pipe_entry *e = s->pipe.first;

	if (e == NULL || e->type != 'Q' || e->verdict == NULL || e->denied ||
	    (e->verdict->flags & VERDICT_UNREAD) == 0 || !entry_ran(e))
		return;
	names_clear(s->statements);
	names_clear(s->portals);
}

static void
back_outcomes(struct session *s)
{
	struct pipe_entry *e;
	bool ddl = false;
	struct ipc_catalog_stale stale = { .session = slice_str(s->id) };

	while ((e = pipe_outcome(&s->pipe)) != NULL) {
		if (e->verdict != NULL && e->answered &&
		    (e->verdict->flags & VERDICT_DDL) != 0 && !e->denied &&
		    entry_ran(e))
			ddl = true;
		record_outcome(s, e, NULL);
		pipe_entry_free(&e);
	}
	if (ddl)
		ipc_send(s->w->parent, IPC_catalog_stale, &stale, NULL, 0);
}

/*
 * A Query for which the server made no portal: an empty one, ours that names no
 * column, or whatever it was, in a transaction that had failed.  Of others that
 * fail the portal may be there still, and hold nothing: to execute it crashes a
 * server (seen with 15), so that the name has to be forgotten.
 */
static bool
back_unrun(const struct session *s)
{
	const struct pipe_entry *e = s->pipe.first;

	if (e == NULL || e->type != 'Q' || e->tag[0] != '\0' || e->cap != NULL)
		return false;
	return !e->failed || e->denied ||
	    (s->tx_failed && strcmp(e->sqlstate, "25P02") == 0);
}

static enum back_result
back_ready(struct session *s, const struct back_msg *m)
{
	struct pipe_entry *e = s->pipe.first;
	enum back_result r = BACK_PASS;
	uint64_t segment;

	back_unread(s);
	if (back_unrun(s))
		pipe_unrun(&s->pipe);
	if (e != NULL && e->cap != NULL && e->cap->tagged) {
		if (pg_add(m->out, 'C', e->tag, strlen(e->tag) + 1) == -1 ||
		    pg_add(m->out, 'Z', m->body, m->len) == -1)
			return back_broken(s, "out of memory");
		r = BACK_SKIP;
	}
	if (m->len != 1 || pipe_ready(&s->pipe, &segment) == -1)
		return back_broken(s, "ReadyForQuery out of turn");
	s->tx_status = m->body[0];
	s->tx_failed = s->tx_status == 'E';
	pipe_transaction(&s->pipe, s->tx_status);
	/* In a failed transaction portals are there still, and those from
	 * before a savepoint can be used again after ROLLBACK TO. */
	if (s->tx_status == 'I') {
		s->protected_tx = false;
		names_expire(s->portals, segment + 1);
	}
	back_outcomes(s);
	if (s->idle > 0 && s->pipe.n == 0)
		ev_timer_set(s->idle_timer, s->idle);
	return r;
}

/* The statement that an error or a notice belongs to. */
static const struct verdict *
back_verdict(const struct session *s)
{
	return s->pipe.first == NULL ? NULL : s->pipe.first->verdict;
}

static bool
hides(const struct session *s)
{
	const struct verdict *v = back_verdict(s);

	if (!s->masked || s->pipe.first == NULL)
		return false;	/* the server's own word */
	/* A commit speaks for all that the transaction did. */
	if (v == NULL || strcmp(v->kind, "commit") == 0)
		return s->protected_tx;
	return (v->flags & VERDICT_PROTECTED) != 0;
}

static void
commit_failed(struct session *s, const struct pg_error *err)
{
	struct pipe_entry *e;

	/* D10: the commit at Sync failed, after their CommandComplete. */
	for (e = s->pipe.done; e != NULL; e = e->next) {
		if (e->failed)
			continue;
		e->failed = true;
		snprintf(e->sqlstate, sizeof(e->sqlstate), "%s",
		    err->sqlstate);
		e->error = strndup(err->message, LEN_REASON);
	}
}

/*
 * A server looks for statement and portal first, which are missing in what was
 * sent, and then at the transaction; had they been there, it would have said
 * this.
 */
static bool
failed_before(const struct session *s, const struct pipe_entry *e)
{
	return s->tx_failed && e->verdict != NULL &&
	    (e->type == 'B' || e->type == 'E');
}

static enum back_result
back_denied(struct session *s, const struct back_msg *m, struct pipe_entry *e)
{
	static const char failed[] = "current transaction is aborted, "
	    "commands ignored until end of transaction block";
	const char *rule = e->verdict == NULL ? "" : e->verdict->rule;
	char detail[256] = "";

	if (*rule != '\0')
		snprintf(detail, sizeof(detail), "Postern refused it by the "
		    "rule \"%s\".", rule);
	if (failed_before(s, e)) {
		pipe_fail(&s->pipe, "25P02", failed);
		return pg_add_error(m->out, 'E', "ERROR", "25P02", failed,
		    NULL, NULL) == -1 ? back_broken(s, "out of memory") :
		    BACK_SKIP;
	}
	pipe_fail(&s->pipe, e->deny_sqlstate, e->deny_message);
	if (pg_add_error(m->out, 'E', "ERROR", e->deny_sqlstate,
	    e->deny_message, detail, e->deny_hint) == -1)
		return back_broken(s, "out of memory");
	return BACK_SKIP;
}

static enum back_result
back_error(struct session *s, const struct back_msg *m)
{
	static const char hidden[] = "error in a statement that touches "
	    "protected data; its text is withheld";
	struct pipe_entry *e = s->pipe.first;
	struct pg_error err;

	if (pg_error_read(m->body, m->len, &err) == -1)
		return back_broken(s, "malformed ErrorResponse");
	if (err.fatal)
		snprintf(s->reason, sizeof(s->reason), "database: %.100s",
		    err.message);
	else if (e == NULL)
		return back_broken(s, "error out of turn");
	else if (e->denied && !e->failed &&
	    strstr(err.message, e->nonce) != NULL)
		return back_denied(s, m, e);
	if (e != NULL && e->type == 'S')
		commit_failed(s, &err);
	if (e != NULL && e->cap != NULL && capped_error(s, e) == -1)
		return back_broken(s, "out of memory");
	if (!hides(s)) {
		pipe_fail(&s->pipe, err.sqlstate, err.message);
		return BACK_PASS;
	}
	pipe_fail(&s->pipe, err.sqlstate, hidden);
	if (pg_add_error(m->out, 'E', err.severity, err.sqlstate, hidden, NULL,
	    NULL) == -1)
		return back_broken(s, "out of memory");
	return BACK_SKIP;
}

static enum back_result
back_notice(struct session *s, const struct back_msg *m)
{
	struct pg_error n;

	if (pg_error_read(m->body, m->len, &n) == -1)
		return back_broken(s, "malformed NoticeResponse");
	if (!hides(s))
		return BACK_PASS;
	if (pg_add_error(m->out, 'N', n.severity, n.sqlstate,
	    "notice of a statement that touches protected data; its text is "
	    "withheld", NULL, NULL) == -1)
		return back_broken(s, "out of memory");
	return BACK_SKIP;
}

const char *
parameter_unsafe(const uint8_t *body, size_t len)
{
	/* One byte a character, or UTF-8. */
	static const char *const safe[] = { "UTF8", "SQL_ASCII", "LATIN",
	    "ISO_8859_", "WIN", "KOI8" };
	struct pg_reader r;
	const char *name, *value;
	size_t i;

	pg_read(&r, body, len);
	name = pg_str(&r);
	value = pg_str(&r);
	if (!pg_done(&r))
		return "the database sent a malformed ParameterStatus";
	if (strcmp(name, "standard_conforming_strings") == 0 &&
	    strcmp(value, "on") != 0)
		return "standard_conforming_strings must stay on";
	if (strcmp(name, "client_encoding") != 0)
		return NULL;
	for (i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
		if (strncmp(value, safe[i], strlen(safe[i])) == 0)
			return NULL;
	return "this client_encoding does not pass through Postern";
}

static enum back_result
back_parameter(struct session *s, const struct back_msg *m)
{
	const char *why = parameter_unsafe(m->body, m->len);
	const char *name, *value;
	struct pg_reader r;

	if (why != NULL) {
		session_fatal(s, "0A000", why, NULL, why);
		return BACK_STOP;
	}
	pg_read(&r, m->body, m->len);
	name = pg_str(&r);
	value = pg_str(&r);
	return record_setting(s, name, value) ? BACK_PASS : back_unrecorded(s);
}

static enum back_result
back_notification(struct session *s, const struct back_msg *m)
{
	const char *channel, *payload;
	struct pg_reader r;
	uint32_t pid;

	pg_read(&r, m->body, m->len);
	pid = pg_u32(&r);
	channel = pg_str(&r);
	payload = pg_str(&r);
	if (!pg_done(&r))
		return back_broken(s, "malformed NotificationResponse");
	return record_notification(s, pid, channel, strlen(payload)) ?
	    BACK_PASS : back_unrecorded(s);
}

static enum back_result
back_copy_in(struct session *s)
{
	struct pipe_entry *e = s->pipe.first;

	/* The engine must have seen it coming: else order is not known. */
	if (e == NULL || e != s->pipe.exclusive)
		return back_broken(s, "CopyInResponse out of turn");
	e->copying = true;
	return BACK_PASS;
}

/* --- content ----------------------------------------------------------- */

/* Whoever made the statement, at whose name its columns are kept. */
static struct stmt *
described(const struct pipe_entry *e)
{
	struct stmt *st = e->subject;

	return st != NULL && st->base != NULL ? st->base : st;
}

static void
back_described(const struct session *s, struct pipe_entry *e,
    const struct back_msg *m)
{
	struct columns **c = &e->columns;

	if (s->content == CONTENT_OFF)
		return;
	if (e->type == 'D') {
		if (e->subject == NULL)
			return;
		c = &described(e)->columns;
	}
	columns_unref(c);
	*c = columns_new(m->body, m->len);
}

/* Look through the message at `body`, which is in the session's own buffer. */
static void
back_content(struct session *s, uint8_t type, uint8_t *body, size_t len)
{
	struct pipe_entry *e = s->pipe.first;
	struct content_found found, *to = &found;
	const struct columns *c = NULL;

	if (s->content == CONTENT_OFF)
		return;
	if (e != NULL && type != 'A')
		to = &e->found;
	else
		memset(&found, 0, sizeof(found));
	if (e != NULL)
		c = e->columns != NULL || e->subject == NULL ? e->columns :
		    described(e)->columns;
	if (type == 'D')
		answer_row(body, len, c, s->content, to);
	else if (answer_text(body, len, s->content, to) > 0 && to == &found)
		record_content(s, 0, to);
}

static enum back_result
back_whole(struct session *s, const struct back_msg *m)
{
	struct pipe_entry *e = s->pipe.first;

	if (strchr("ENA", m->type) != NULL)
		back_content(s, m->type, buf_head(&s->db.in) +
		    (m->body - buf_head(&s->db.in)), m->len);
	switch (m->type) {
	case 'C':
	case 'I':
	case 's':
		return back_complete(s, m);
	case 'Z':
		return back_ready(s, m);
	case '1':
		return back_answer(s, 'P');
	case '2':
		return back_answer(s, 'B');
	case '3':
		return back_answer(s, 'C');
	case 'n':
		return back_answer(s, 'D');
	case 'T':
		if (back_row_description(s, m) != BACK_PASS)
			return BACK_STOP;
		if (e != NULL)
			back_described(s, e, m);
		return e != NULL && e->type == 'Q' ? BACK_PASS :
		    back_answer(s, 'D');
	case 'A':
		return back_notification(s, m);
	case 't':
	case 'H':
	case 'c':
	case 'V':
		return BACK_PASS;
	case 'G':
		return back_copy_in(s);
	case 'E':
		return back_error(s, m);
	case 'N':
		return back_notice(s, m);
	case 'S':
		return back_parameter(s, m);
	default:
		break;
	}
	return back_broken(s, "unexpected message type");
}

/* Rows and COPY data: counted, and let through without being looked at. */
static void
back_stream(struct session *s, uint8_t type, uint32_t len)
{
	struct pipe_entry *e = s->pipe.first;

	s->passing = (size_t)len + 1;
	s->withheld = e != NULL && e->cap != NULL && type == 'D' &&
	    !capped_row(e, (uint64_t)len + 1);
	if (e == NULL || s->withheld)
		return;
	e->bytes += (uint64_t)len + 1;
}

/* What is no part of an answer says nothing of when it began. */
static void
back_begins(struct session *s, uint8_t type)
{
	struct pipe_entry *e = s->pipe.first;

	if (e != NULL && e->stmt != 0 && e->first == 0 && type != 'A' &&
	    type != 'S')
		clock_start(&e->first);
}

/* Is the row (or COPY data) there whole?  Then it is looked through. */
static bool
back_row(struct session *s, const uint8_t *p, size_t left, uint8_t type,
    enum back_result *r)
{
	size_t len = pg_be32(p + 1);

	if (len > ROW_MAX) {
		session_fatal(s, "54000", "a row is longer than the gateway "
		    "can look through", NULL, "row over the limit");
		*r = BACK_STOP;
		return false;
	}
	if (left < len + 1)
		return false;
	back_content(s, type, buf_head(&s->db.in) +
	    (p + 5 - buf_head(&s->db.in)), len - 4);
	return true;
}

/*
 * Look at the bytes at `p`, `left` of them.  Returns how many are dealt with
 * as *r says; 0: *r is BACK_STOP, or there are not enough.
 */
static size_t
back_step(struct session *s, const uint8_t *p, size_t left,
    struct back_msg *m, enum back_result *r)
{
	uint32_t len;
	size_t n;

	*r = BACK_PASS;
	if (s->passing > 0) {
		n = left < s->passing ? left : s->passing;
		s->passing -= n;
		if (s->withheld)
			*r = BACK_SKIP;
		return n;
	}
	if (left < 5)
		return 0;
	m->type = p[0];
	len = pg_be32(p + 1);
	if (len < 4 || len > INT32_MAX) {
		*r = back_broken(s, "invalid message length");
		return 0;
	}
	back_begins(s, m->type);
	if ((m->type == 'D' || m->type == 'd') && s->content != CONTENT_OFF &&
	    !back_row(s, p, left, m->type, r))
		return 0;
	if (m->type == 'D' || m->type == 'd') {
		back_stream(s, m->type, len);
		return back_step(s, p, left, m, r);
	}
	if (len > WHOLE_MAX) {
		*r = back_broken(s, "message over the limit");
		return 0;
	}
	if (left < (size_t)len + 1)
		return 0;
	m->body = p + 5;
	m->len = len - 4;
	*r = back_whole(s, m);
	return (size_t)len + 1;
}

/* The client takes bytes again: the head's answer had to wait for that. */
static void
back_clock(struct session *s)
{
	struct pipe_entry *e = s->pipe.first;
	uint64_t now;

	if (s->client_slow == 0)
		return;
	clock_start(&now);
	if (e != NULL)
		e->client_us += now - s->client_slow;
	s->client_slow = 0;
}

static int
back_put(struct session *s, const void *p, size_t n)
{
	return s->answers != NULL ? answers_put(s->answers, p, n) :
	    stream_put(&s->client, p, n);
}

/* What is about to be passed or said is recorded as of this statement. */
static int
back_record(struct session *s, uint64_t stmt, bool begins, const void *vp,
    size_t n)
{
	const uint8_t *p = vp;

	if (n == 0)
		return 0;
	if (begins)
		answers_message(s->answers, s->spool, stmt, p[0], n < 5 ? n :
		    (uint64_t)pg_be32(p + 1) + 1);
	return answers_bytes(s->answers, s->spool, p, n);
}

void
backend_process(struct session *s)
{
	struct back_msg m;
	struct buf out;
	enum back_result r = BACK_PASS;
	const uint8_t *p = buf_head(&s->db.in);
	size_t run = 0, at = 0, n, total = s->db.in.len;
	uint64_t stmt = 0;
	bool begins = false;

	if (s->answers != NULL && !answers_release(s->answers, s->spool,
	    &s->client)) {
		if (answers_failed(s->answers))
			session_drop(s, "its answers cannot be recorded");
		return;
	}
	if (total == 0)
		return;
	if (s->client.out.len >= STREAM_HIGH && s->killing == NULL) {
		if (s->client_slow == 0)
			clock_start(&s->client_slow);
		return;
	}
	if (s->answer_gate != 0 && !spool_committed(s->spool, s->answer_gate))
		return;
	s->answer_gate = 0;
	back_clock(s);
	buf_init(&out, WHOLE_MAX);
	m.out = &out;
	/* Bytes from `run` to `at` go to the client in one piece. */
	while (at < total && (s->killing == NULL || s->passing > 0)) {
		if (s->answers != NULL) {
			begins = s->passing == 0;
			stmt = s->pipe.first == NULL ? 0 :
			    s->pipe.first->stmt;
		}
		n = back_step(s, p + at, total - at, &m, &r);
		if (r == BACK_STOP)
			goto done;
		if (n == 0)
			break;
		if (s->answers != NULL && back_record(s, stmt, begins,
		    r == BACK_SKIP ? buf_head(&out) : p + at,
		    r == BACK_SKIP ? out.len : n) == -1)
			goto no_memory;
		if (r == BACK_SKIP) {
			if (back_put(s, p + run, at - run) == -1 ||
			    back_put(s, buf_head(&out), out.len) == -1)
				goto no_memory;
			buf_drain(&out, out.len);
			run = at + n;
		}
		at += n;
	}
	if (back_put(s, p + run, at - run) == -1)
		goto no_memory;
	buf_drain(&s->db.in, at);
	if (s->answers != NULL && (answers_flush(s->answers, s->spool) == -1 ||
	    (!answers_release(s->answers, s->spool, &s->client) &&
	    answers_failed(s->answers))))
		goto no_record;
	buf_shrink(&s->db.in, 0);
	if (s->pipe.ndone > DONE_MAX)
		back_outcomes(s);
done:
	buf_clear(&out);
	return;
no_record:
	buf_clear(&out);
	session_drop(s, "its answers cannot be recorded");
	return;
no_memory:
	buf_clear(&out);
	session_drop(s, "out of memory");
}
