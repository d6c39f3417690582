/*
 * backend: the messages of the server, once the session is open, but for rows
 * and COPY data (relay.c).  Runs in the worker.  The server is trusted to be
 * PostgreSQL and in nothing else: it must answer in turn.
 */
#include "backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capped.h"
#include "log.h"

enum back_result
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

void
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

void
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

enum back_result
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
