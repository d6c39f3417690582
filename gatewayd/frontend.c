/*
 * frontend: the messages of the client, once the session is open.  Runs in the
 * worker; no byte of a client is trusted.  Messages are taken whole and in
 * order; one that has to wait (verdict, audit, policyd, the server) makes those
 * behind it wait.  A malformed one ends the session.
 */
#include "front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capped.h"
#include "deny.h"
#include "log.h"

/* Messages without an answer yet; far more than any driver pipelines. */
#define PIPE_MAX	10000

static enum front_result
front_broken(struct session *s, const char *what)
{
	log_info("session=%s error=\"protocol violation\" what=\"%s\"", s->id,
	    what);
	session_fatal(s, "08P01", what, NULL, "protocol violation");
	return FRONT_WAIT;
}

enum front_result
front_no_memory(struct session *s)
{
	session_fatal(s, "53200", "out of memory", NULL, "out of memory");
	return FRONT_WAIT;
}

/* The message is dealt with. */
static void
front_reset(struct session *s)
{
	verdict_unref(&s->front.verdict);
	verdict_unref(&s->front.untold);
	stmt_unref(&s->front.subject);
	s->front.told = false;
	s->front.approval = 0;
	s->front.held_us = 0;
	s->front.step = FRONT_NEW;
}

int
front_forward(struct session *s, const struct front_msg *m)
{
	return pg_add(&s->db.out, m->type, m->body, m->len);
}

/* --- judged and recorded ------------------------------------------------------ */

bool
front_current(struct session *s)
{
	const struct verdict *v = s->front.verdict;

	if (v->generation == atomic_load(&s->page->generation) &&
	    v->epoch == atomic_load(&s->page->epoch))
		return true;
	judge_abandon(s);
	return false;
}

bool
front_clear(struct session *s)
{
	const struct verdict *v = s->front.verdict;

	/* Whoever calls has waited for it; nobody may forget to. */
	if (v->action != VERDICT_DENY && (v->flags & VERDICT_HOLD) != 0 &&
	    s->front.approval == 0) {
		session_fatal(s, "58000", "a statement that needs approval "
		    "came this far without", NULL, "unapproved statement");
		return false;
	}
	if (v->action != VERDICT_DENY && (v->flags & VERDICT_ESTIMATE) != 0) {
		session_fatal(s, "58000", "a statement that needs an estimate "
		    "came this far without", NULL, "unestimated statement");
		return false;
	}
	/* A refusal and a proven read have no effect to be recorded before. */
	if (v->action == VERDICT_DENY || (v->flags & VERDICT_READONLY) != 0)
		return true;
	return spool_committed(s->spool, s->front.pos);
}

void
front_gate(struct session *s)
{
	if (s->front.pos > s->answer_gate)
		s->answer_gate = s->front.pos;
	front_reset(s);
}

enum front_result
front_judge(struct session *s, enum judge_form form, const uint8_t *text,
    size_t len)
{
	do {
		if (!judge_may_pass(s) || !judge_text(s, form, text, len))
			return FRONT_WAIT;
	} while (!front_current(s));
	return FRONT_DONE;
}

enum front_result
front_estimate(struct session *s, const struct est_text *t)
{
	const struct verdict *v = s->front.verdict;

	if (v->action == VERDICT_DENY || (v->flags & VERDICT_ESTIMATE) == 0)
		return FRONT_DONE;
	estimate_ready(s, t);
	return FRONT_WAIT;
}

enum front_result
front_approve(struct session *s, const uint8_t *text, size_t len,
    const uint8_t *params, size_t nparams)
{
	const struct verdict *v = s->front.verdict;

	if (v->action == VERDICT_DENY || (v->flags & VERDICT_HOLD) == 0 ||
	    s->front.approval != 0)
		return FRONT_DONE;
	switch (hold_ready(s, text, len, params, nparams,
	    &s->front.approval)) {
	case HOLD_WAIT:
		return FRONT_WAIT;
	case HOLD_FAILED:
		return front_no_memory(s);
	case HOLD_NO:
		s->front.held_us = s->hold.held_us;
		return FRONT_DONE;
	case HOLD_GO:
		s->front.held_us = s->hold.held_us;
		break;
	}
	/* It may have waited past the hours in which its rule holds. */
	if ((v->flags & VERDICT_MOMENT) != 0 && !s->hold.rejudged) {
		s->hold.rejudged = true;
		judge_abandon(s);
		session_retry(s);
		return FRONT_WAIT;
	}
	return FRONT_DONE;
}

enum front_result
front_recorded(struct session *s, uint64_t pos)
{
	if (pos == 0) {
		session_fatal(s, "58030", "the statement cannot be recorded",
		    NULL, "audit spool refused a record");
		return FRONT_WAIT;
	}
	s->front.pos = pos;
	s->front.step = FRONT_RECORDED;
	return FRONT_DONE;
}

struct pipe_entry *
front_push(struct session *s, uint8_t type)
{
	const struct verdict *v = s->front.verdict;
	struct pipe_entry *e = pipe_push(&s->pipe, type, s->front.verdict);

	if (e == NULL)
		return NULL;
	e->stmt = s->front.stmt;
	if (v->action != VERDICT_DENY && (v->flags & VERDICT_PROTECTED) != 0)
		s->protected_tx = true;
	return e;
}

/* The name stands for what SQL gave it, judged as it was; NULL: no memory. */
static struct stmt *
front_given(struct session *s, const uint8_t *text, size_t len)
{
	const struct verdict *v = s->front.verdict;
	struct stmt *st = stmt_new(s->front.stmt, text, len,
	    s->front.verdict, &s->statement_bytes);

	if (st != NULL) {
		st->by_sql = true;
		st->lasts = (v->flags & VERDICT_LASTS) != 0;
	}
	return st;
}

static int
front_name(struct session *s, struct pipe_entry *e, struct names *names,
    const uint8_t *text, size_t len)
{
	const struct verdict *v = s->front.verdict;
	struct stmt *st = NULL;
	int rc;

	if (v->name[0] == '\0') {
		names_clear(names);
		return 0;
	}
	if ((v->flags & VERDICT_GIVES) != 0 &&
	    (st = front_given(s, text, len)) == NULL)
		return -1;
	rc = pipe_change(&s->pipe, e, names, v->name, st);
	stmt_unref(&st);
	return rc;
}

int
front_names(struct session *s, struct pipe_entry *e, const uint8_t *text,
    size_t len)
{
	const struct verdict *v = s->front.verdict;

	if (v->action == VERDICT_DENY)
		return 0;
	/* Nothing is sent behind a Query: back_unread() sees to it. */
	if (e->type == 'Q' && (v->flags & VERDICT_UNREAD) != 0)
		return 0;
	/* EXECUTE and FETCH change nothing. */
	if ((v->flags & VERDICT_USES) != 0 &&
	    (v->flags & VERDICT_GIVES) == 0)
		return 0;
	if ((v->flags & VERDICT_STATEMENTS) != 0 &&
	    front_name(s, e, s->statements, text, len) == -1)
		return -1;
	return (v->flags & VERDICT_PORTALS) != 0 ?
	    front_name(s, e, s->portals, text, len) : 0;
}

/* In place of the verdict; -1: out of memory. */
static int
front_refuse(struct session *s, const char *sqlstate, const char *message,
    const char *hint)
{
	struct verdict *v = s->front.verdict, *deny;

	if ((deny = verdict_deny(v->generation, sqlstate, "(masks)", message,
	    hint)) == NULL)
		return -1;
	deny->epoch = v->epoch;
	verdict_unref(&s->front.verdict);
	s->front.verdict = deny;
	return 0;
}

/*
 * Judge again what an EXECUTE or FETCH names; the message itself comes after
 * that.
 */
enum front_result
front_renew(struct session *s)
{
	struct stmt *st = s->front.used;
	struct verdict *v;

	if (st == NULL)
		return FRONT_DONE;
	if (front_judge(s, st->by_sql ? JUDGE_QUERY : JUDGE_PARSE, st->text,
	    st->len) == FRONT_WAIT)
		return FRONT_WAIT;
	v = s->front.verdict;
	if (v->action != VERDICT_DENY && verdict_same_effect(v, st->verdict)) {
		verdict_unref(&st->verdict);
		st->verdict = verdict_ref(v);
	} else
		st->stale = true;
	verdict_unref(&s->front.verdict);
	s->front.step = FRONT_NEW;
	stmt_unref(&s->front.used);
	return FRONT_DONE;
}

enum front_result
front_uses(struct session *s)
{
	const struct verdict *v = s->front.verdict;
	bool cursor = (v->flags & VERDICT_PORTALS) != 0;
	char text[160];
	struct stmt *st;

	if (v->action == VERDICT_DENY || (v->flags & VERDICT_USES) == 0)
		return FRONT_DONE;
	switch (names_get(cursor ? s->portals : s->statements, v->name,
	    s->pipe.segment, &st)) {
	case NAME_UNSURE:
		return FRONT_WAIT;
	case NAME_NONE:
		snprintf(text, sizeof(text), "%s \"%.63s\" does not exist",
		    cursor ? "cursor" : "prepared statement", v->name);
		return front_refuse(s, cursor ? "34000" : "26000", text,
		    NULL) == -1 ? front_no_memory(s) : FRONT_DONE;
	case NAME_KNOWN:
		break;
	}
	if (st->stale) {
		snprintf(text, sizeof(text), "statement refused: the policy "
		    "has changed since \"%.63s\" was %s", v->name,
		    cursor ? "declared" : "prepared");
		return front_refuse(s, "42501", text, cursor ?
		    "Declare it again." : "DEALLOCATE it and prepare it "
		    "again.") == -1 ? front_no_memory(s) : FRONT_DONE;
	}
	if (st->verdict->generation == v->generation &&
	    st->verdict->epoch == v->epoch)
		return FRONT_DONE;
	verdict_unref(&s->front.verdict);
	s->front.step = FRONT_NEW;
	s->front.used = stmt_ref(st);
	session_retry(s);
	return FRONT_WAIT;
}

/* --- the messages --------------------------------------------------------------- */

static int
send_query(struct session *s, struct pipe_entry *e, const struct front_msg *m)
{
	const struct verdict *v = s->front.verdict;

	switch (v->action) {
	case VERDICT_DENY:
		return deny_by_verdict(e, v) == -1 ? -1 :
		    deny_query(&s->db.out, e);
	case VERDICT_MASK:
		if (verdict_capped(v))
			return capped_query(s, e, v->rewritten,
			    v->rewritten_len);
		return pg_add(&s->db.out, 'Q', v->rewritten,
		    v->rewritten_len + 1);
	case VERDICT_ALLOW:
		break;
	}
	if (verdict_capped(v))
		return capped_query(s, e, m->body, m->len - 1);
	return front_forward(s, m);
}

static enum front_result
front_query(struct session *s, const struct front_msg *m)
{
	const struct est_text t = { .text = m->body, .len = m->len - 1 };
	struct pipe_entry *e;

	if (front_renew(s) == FRONT_WAIT || front_judge(s, JUDGE_QUERY,
	    m->body, m->len - 1) == FRONT_WAIT ||
	    front_estimate(s, &t) == FRONT_WAIT)
		return FRONT_WAIT;
	if (s->front.step == FRONT_JUDGED) {
		if (front_uses(s) == FRONT_WAIT ||
		    front_approve(s, m->body, m->len - 1, NULL, 0) ==
		    FRONT_WAIT)
			return FRONT_WAIT;
		s->front.stmt = ++s->statement_count;
		if (front_recorded(s, record_intent(s, s->front.stmt, 0,
		    "query", m->body, m->len - 1, s->front.verdict,
		    slice_of(NULL, 0))) == FRONT_WAIT)
			return FRONT_WAIT;
	}
	if (!front_clear(s))
		return FRONT_WAIT;
	if ((e = front_push(s, 'Q')) == NULL ||
	    /* A simple Query destroys the unnamed statement and portal. */
	    pipe_change(&s->pipe, e, s->statements, "", NULL) == -1 ||
	    pipe_change(&s->pipe, e, s->portals, "", NULL) == -1 ||
	    front_names(s, e, m->body, m->len - 1) == -1 ||
	    send_query(s, e, m) == -1)
		return front_no_memory(s);
	s->pipe.exclusive = e;
	if (s->front.approval != 0)
		hold_over(s, "");
	front_gate(s);
	return FRONT_DONE;
}

static enum front_result
front_simple(struct session *s, const struct front_msg *m)
{
	struct pipe_entry *e;
	struct stmt *st;

	if ((e = pipe_push(&s->pipe, m->type, NULL)) == NULL)
		return front_no_memory(s);
	if (m->type == 'D' && s->content != CONTENT_OFF &&
	    names_get(m->body[0] == 'S' ? s->statements : s->portals,
	    (const char *)m->body + 1, s->pipe.segment, &st) == NAME_KNOWN)
		e->subject = stmt_ref(st);
	if (m->type == 'C' && pipe_change(&s->pipe, e, m->body[0] == 'S' ?
	    s->statements : s->portals, (const char *)m->body + 1, NULL) == -1)
		return front_no_memory(s);
	return front_forward(s, m) == -1 ? front_no_memory(s) : FRONT_DONE;
}

/*
 * While a Query, a FunctionCall or a COPY FROM STDIN is under way, what else
 * the client sends means something only once the server has answered
 * (PostgreSQL ignores Flush and Sync during COPY, and CopyData outside it).
 * FRONT_DONE: go on with it as usual when *pass is set, else it is consumed.
 */
static enum front_result
front_exclusive(struct session *s, const struct front_msg *m, bool *pass)
{
	struct pipe_entry *e = s->pipe.exclusive;

	*pass = e == NULL;
	if (*pass)
		return FRONT_DONE;
	if (!e->copying) {
		*pass = m->type == 'S' && s->pipe.skipping;
		return *pass ? FRONT_DONE : FRONT_WAIT;
	}
	switch (m->type) {
	case 'c':
	case 'f':
		e->copying = false;
		/* The answer to an Execute comes with the next Sync. */
		if (e->type == 'E')
			s->pipe.exclusive = NULL;
		/* FALLTHROUGH */
	case 'd':
		if (m->type == 'd')
			e->copied += m->len;
		return front_forward(s, m) == -1 ? front_no_memory(s) :
		    FRONT_DONE;
	case 'H':
	case 'S':
		return FRONT_DONE;
	case 'X':
		*pass = true;
		return FRONT_DONE;
	default:
		break;
	}
	return front_broken(s, "unexpected message during COPY FROM STDIN");
}

static enum front_result
front_message(struct session *s, const struct front_msg *m)
{
	enum front_result r;
	bool pass;

	/* The server reads on to the next Sync and does nothing. */
	if (pipe_skips(&s->pipe) && m->type != 'S' && m->type != 'X')
		return FRONT_DONE;
	r = front_exclusive(s, m, &pass);
	if (!pass)
		return r;
	switch (m->type) {
	case 'Q':
		return front_query(s, m);
	case 'P':
		return front_parse(s, m);
	case 'B':
		return front_bind(s, m);
	case 'E':
		return front_execute(s, m);
	case 'F':
		return front_function(s, m);
	case 'C':
	case 'D':
	case 'S':
		return front_simple(s, m);
	case 'H':
		return front_forward(s, m) == -1 ? front_no_memory(s) :
		    FRONT_DONE;
	case 'd':
	case 'c':
	case 'f':
		/* The rest of a COPY that has failed: the server drops it. */
		return FRONT_DONE;
	case 'X':
		/* What was begun gets its outcome first. */
		if (s->pipe.last_type == 'S')
			return FRONT_WAIT;
		front_forward(s, m);
		stream_flush(&s->db);
		session_drop(s, "client ended the session");
		return FRONT_WAIT;
	default:
		break;
	}
	return front_broken(s, "unexpected message type");
}

void
frontend_process(struct session *s)
{
	struct front_msg m;
	const uint8_t *p;
	uint32_t len;

	while (s->state == SESSION_OPEN && !s->cancel_hold &&
	    s->client.in.len >= 5 && s->db.out.len < STREAM_HIGH &&
	    s->pipe.n < PIPE_MAX) {
		p = buf_head(&s->client.in);
		len = pg_be32(p + 1);
		if (p[0] == 'p' || strchr("QPBEDCFHSXdcf", p[0]) == NULL ||
		    p[0] == '\0') {
			front_broken(s, "invalid message type");
			return;
		}
		if (len < 4 || len > INT32_MAX) {
			front_broken(s, "invalid message length");
			return;
		}
		if (len > s->w->conf->message) {
			session_fatal(s, "54000", "message is longer than the "
			    "gateway takes", NULL, "message over the limit");
			return;
		}
		if (s->client.in.len < (size_t)len + 1)
			return;
		m.type = p[0];
		m.body = p + 5;
		m.len = len - 4;
		if (!pg_client_body_ok(m.type, m.body, m.len)) {
			front_broken(s, "malformed message");
			return;
		}
		if (front_message(s, &m) == FRONT_WAIT)
			return;
		/* A verdict is of one message, and never of the next. */
		if (s->front.step != FRONT_NEW)
			judge_abandon(s);
		stmt_unref(&s->front.used);
		hold_message_done(s, m.type);
		estimate_message_done(s, m.type);
		if (m.type == 'Q' || m.type == 'E' || m.type == 'F')
			ev_timer_stop(s->idle_timer);
		buf_drain(&s->client.in, (size_t)len + 1);
	}
}
