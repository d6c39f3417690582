/*
 * extended: Parse, Bind and Execute (PostgreSQL 55.2.3).  Runs in the worker;
 * no byte of a client is trusted.  A statement is judged at its Parse and, by
 * the policy then in force, at each Bind and Execute; what waits makes all that
 * is behind it wait.
 */
#include "front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bound.h"
#include "capped.h"
#include "deny.h"

static int
send_parse(struct session *s, struct pipe_entry *e, const struct front_msg *m,
    const char *name, struct pg_reader *types)
{
	const struct verdict *v = s->front.verdict;
	size_t at;

	switch (v->action) {
	case VERDICT_DENY:
		return deny_by_verdict(e, v) == -1 ? -1 :
		    deny_parse(&s->db.out, e, name);
	case VERDICT_MASK:
		if (pg_begin(&s->db.out, 'P', &at) == -1 ||
		    buf_add_cstr(&s->db.out, name) == -1 ||
		    buf_add(&s->db.out, v->rewritten, v->rewritten_len + 1) ==
		    -1 || buf_add(&s->db.out, types->p, types->left) == -1)
			return -1;
		return pg_end(&s->db.out, at);
	case VERDICT_ALLOW:
		break;
	}
	return front_forward(s, m);
}

/*
 * A Parse that needs approval is not sent before its Bind is approved, if that
 * follows at once: the server's time-outs run from the Parse on.  Looks for the
 * Bind of statement `name` behind the message at the head.  FRONT_WAIT: the
 * client has not said yet what follows.
 */
static enum front_result
front_peek_bind(struct session *s, const char *name, const uint8_t **params,
    size_t *nparams)
{
	const uint8_t *p = buf_head(&s->client.in);
	size_t left = s->client.in.len, n = (size_t)pg_be32(p + 1) + 1;
	struct pg_reader r;

	*params = NULL;
	for (;;) {
		p += n;
		left -= n;
		if (left < 5 || left < (n = (size_t)pg_be32(p + 1) + 1))
			break;
		if (n < 5 || !pg_client_body_ok(p[0], p + 5, n - 5) ||
		    strchr("BDC", p[0]) == NULL)
			return FRONT_DONE;
		if (p[0] != 'B')
			continue;
		pg_read(&r, p + 5, n - 5);
		pg_str(&r);
		if (strcmp(pg_str(&r), name) == 0) {
			*params = r.p;
			*nparams = r.left;
		}
		return FRONT_DONE;
	}
	/* More than is read ahead: it waits at the Bind then. */
	return s->client.in.len < STREAM_HIGH ? FRONT_WAIT : FRONT_DONE;
}

/*
 * A Parse whose Bind follows waits with it.  What the estimate for that Bind
 * has made of it is not what the statement is judged by in the end.
 */
static enum front_result
front_approve_parse(struct session *s, const char *name,
    const struct est_text *parse)
{
	struct verdict *v = s->front.verdict;
	struct est_text t = *parse;

	if (v->action == VERDICT_DENY ||
	    (v->flags & (VERDICT_HOLD | VERDICT_ESTIMATE)) == 0)
		return FRONT_DONE;
	if (front_peek_bind(s, name, &t.params, &t.nparams) == FRONT_WAIT)
		return FRONT_WAIT;
	if (t.params == NULL)
		return FRONT_DONE;
	if ((v->flags & VERDICT_ESTIMATE) != 0) {
		verdict_unref(&s->front.untold);
		s->front.untold = verdict_ref(v);
	}
	if (front_estimate(s, &t) == FRONT_WAIT)
		return FRONT_WAIT;
	return front_approve(s, t.text, t.len, t.params, t.nparams);
}

/* The statement that it makes is to be estimated again at each Bind. */
static void
front_untell(struct session *s)
{
	struct verdict *told = s->front.verdict;

	if (!s->front.told || s->front.untold == NULL ||
	    told->action == VERDICT_DENY)
		return;
	s->front.verdict = s->front.untold;
	s->front.untold = NULL;
	s->front.told = false;
	verdict_unref(&told);
}

enum front_result
front_parse(struct session *s, const struct front_msg *m)
{
	struct pipe_entry *e;
	struct pg_reader r;
	struct stmt *st;
	const char *name, *text;
	struct est_text t = { 0 };
	int rc;

	pg_read(&r, m->body, m->len);
	name = pg_str(&r);
	text = pg_str(&r);
	t.types = r.p;
	t.ntypes = r.left;
	if (front_judge(s, JUDGE_PARSE, (const uint8_t *)text, strlen(text)) ==
	    FRONT_WAIT)
		return FRONT_WAIT;
	if (s->front.step == FRONT_JUDGED) {
		t.text = (const uint8_t *)text;
		t.len = strlen(text);
		if (front_approve_parse(s, name, &t) == FRONT_WAIT)
			return FRONT_WAIT;
		front_untell(s);
		s->front.stmt = ++s->statement_count;
		if (front_recorded(s, record_prepare(s, s->front.stmt, name,
		    (const uint8_t *)text, strlen(text), s->front.verdict)) ==
		    FRONT_WAIT)
			return FRONT_WAIT;
	}
	st = stmt_new(s->front.stmt, (const uint8_t *)text, strlen(text),
	    s->front.verdict, &s->statement_bytes);
	if (st == NULL || (e = front_push(s, 'P')) == NULL) {
		stmt_unref(&st);
		return front_no_memory(s);
	}
	st->pos = s->front.pos;
	e->unnamed = *name == '\0';
	rc = stmt_types(st, t.types, t.ntypes) == -1 ? -1 :
	    pipe_change(&s->pipe, e, s->statements, name, st);
	stmt_unref(&st);
	if (rc == -1 || send_parse(s, e, m, name, &r) == -1)
		return front_no_memory(s);
	front_gate(s);
	return FRONT_DONE;
}

/*
 * The verdict in force for a statement that was prepared, perhaps under another
 * policy, into front.verdict.
 */
static int
stmt_renew(struct session *s, struct stmt *st)
{
	struct verdict *v = s->front.verdict;

	if (v == st->verdict)
		return 0;
	/* By the estimate of one Bind: the next has another. */
	if (s->front.told && (v->action == VERDICT_DENY ||
	    verdict_same_text(v, st->verdict)))
		return 0;
	if (!s->front.told && (v->action == VERDICT_DENY ||
	    verdict_same_effect(v, st->verdict))) {
		verdict_unref(&st->verdict);
		st->verdict = verdict_ref(v);
		return 0;
	}
	/* What the server has prepared is no longer what may run. */
	s->front.verdict = verdict_deny(v->generation, "42501", v->rule,
	    "statement refused: the policy has changed since it was prepared",
	    "Prepare the statement again.");
	if (s->front.verdict != NULL)
		s->front.verdict->epoch = v->epoch;
	verdict_unref(&v);
	return s->front.verdict == NULL ? -1 : 0;
}

static enum front_result
front_judge_stmt(struct session *s, struct stmt *st)
{
	/* The name may stand for something else than when it was asked. */
	if (s->front.subject != st) {
		judge_abandon(s);
		s->front.subject = stmt_ref(st);
	}
	if (s->front.step == FRONT_NEW &&
	    st->verdict->generation == atomic_load(&s->page->generation) &&
	    st->verdict->epoch == atomic_load(&s->page->epoch) &&
	    (st->verdict->flags & VERDICT_MOMENT) == 0) {
		if (!judge_may_pass(s))
			return FRONT_WAIT;
		verdict_unref(&s->front.verdict);
		s->front.verdict = verdict_ref(st->verdict);
		s->front.step = FRONT_JUDGED;
		return FRONT_DONE;
	}
	do {
		if (!judge_may_pass(s) || !judge_text(s, JUDGE_PARSE,
		    st->text, st->len))
			return FRONT_WAIT;
		if (front_current(s))
			break;
		s->front.subject = stmt_ref(st);
	} while (true);
	if (s->front.step == FRONT_JUDGED && stmt_renew(s, st) == -1)
		return front_no_memory(s);
	return FRONT_DONE;
}

static enum front_result
front_missing_statement(struct session *s, const char *portal,
    const char *name)
{
	char missing[128];
	struct pipe_entry *e;

	snprintf(missing, sizeof(missing), *name == '\0' ?
	    "unnamed prepared statement does not exist" :
	    "prepared statement \"%.63s\" does not exist", name);
	if ((e = pipe_push(&s->pipe, 'B', NULL)) == NULL ||
	    deny_by(e, "26000", missing, NULL) == -1 ||
	    deny_bind(&s->db.out, e, portal) == -1)
		return front_no_memory(s);
	return FRONT_DONE;
}

static int
send_bind(struct session *s, struct pipe_entry *e, const struct front_msg *m,
    const char *portal)
{
	const struct verdict *v = s->front.verdict;

	if (v->action == VERDICT_DENY)
		return deny_by_verdict(e, v) == -1 ? -1 :
		    deny_bind(&s->db.out, e, portal);
	return front_forward(s, m);
}

/*
 * What a portal stands for: an approval and parameters are its own.  NULL: out
 * of memory.
 */
static struct stmt *
portal_new(struct session *s, struct stmt *st, const struct pg_reader *params)
{
	struct stmt *portal = NULL;
	struct buf json;
	bool capped = verdict_capped(s->front.verdict);

	buf_init(&json, BOUND_ALL);
	if (bound_json(&json, &s->redact, params->p, params->left) == 0)
		portal = s->front.approval == 0 && json.len == 0 && !capped &&
		    !s->front.told ? stmt_ref(st) : stmt_bind(st, buf_head(&json), json.len);
	buf_clear(&json);
	if (portal != NULL && capped)
		portal->counted = true;
	if (portal != NULL && s->front.approval != 0) {
		portal->approval = s->front.approval;
		portal->approved = verdict_ref(s->front.verdict);
		portal->held_us = s->front.held_us;
	}
	if (portal != NULL && s->front.told) {
		if ((portal->est = malloc(sizeof(*portal->est))) == NULL)
			stmt_unref(&portal);
		else
			*portal->est = s->est;
	}
	return portal;
}

/* A refusal by a person, or of these values, is recorded here, since no Execute
 * will be. */
static enum front_result
front_approve_bind(struct session *s, struct stmt *st,
    const struct pg_reader *params)
{
	struct buf json;
	uint64_t pos = 0;

	if (s->front.step == FRONT_RECORDED ||
	    (s->front.verdict->action == VERDICT_DENY && !s->front.told))
		return FRONT_DONE;
	if (front_approve(s, st->text, st->len, params->p, params->left) ==
	    FRONT_WAIT)
		return FRONT_WAIT;
	if (s->front.verdict->action != VERDICT_DENY)
		return FRONT_DONE;
	s->front.stmt = ++s->statement_count;
	buf_init(&json, BOUND_ALL);
	if (bound_json(&json, &s->redact, params->p, params->left) == 0)
		pos = record_intent(s, s->front.stmt, st->number, "bind", NULL,
		    0, s->front.verdict, slice_of(buf_head(&json), json.len));
	buf_clear(&json);
	return front_recorded(s, pos);
}

static int
bind_push(struct session *s, const struct front_msg *m, const char *portal,
    struct stmt *st, const struct pg_reader *params)
{
	struct pipe_entry *e = pipe_push(&s->pipe, 'B', s->front.verdict);
	struct stmt *bound = portal_new(s, st, params);
	int rc = -1;

	if (e != NULL && bound != NULL) {
		if (s->front.step == FRONT_RECORDED)
			e->stmt = s->front.stmt;
		rc = pipe_change(&s->pipe, e, s->portals, portal, bound);
	}
	stmt_unref(&bound);
	return rc == -1 ? -1 : send_bind(s, e, m, portal);
}

/*
 * Bind plans, and planning runs immutable functions: it is judged and waits
 * for the record of its Parse like an execution.
 */
enum front_result
front_bind(struct session *s, const struct front_msg *m)
{
	struct pg_reader r;
	struct stmt *st;
	const char *portal, *name;
	struct est_text t;

	pg_read(&r, m->body, m->len);
	portal = pg_str(&r);
	name = pg_str(&r);
	switch (names_get(s->statements, name, s->pipe.segment, &st)) {
	case NAME_UNSURE:
		return FRONT_WAIT;
	case NAME_NONE:
		return front_missing_statement(s, portal, name);
	case NAME_KNOWN:
		if (st->by_sql)
			return front_missing_statement(s, portal, name);
		break;
	}
	t = (struct est_text){ st->text, st->types, r.p, st->len,
	    st->types_len, r.left };
	if (front_judge_stmt(s, st) == FRONT_WAIT ||
	    front_estimate(s, &t) == FRONT_WAIT ||
	    front_approve_bind(s, st, &r) == FRONT_WAIT)
		return FRONT_WAIT;
	if (s->front.step == FRONT_JUDGED)
		s->front.pos = st->pos;
	if (!front_clear(s))
		return FRONT_WAIT;
	if (bind_push(s, m, portal, st, &r) == -1)
		return front_no_memory(s);
	/* Used. */
	if (s->front.approval != 0)
		hold_over(s, "");
	front_gate(s);
	return FRONT_DONE;
}

static enum front_result
front_missing_portal(struct session *s, const char *portal)
{
	char missing[128];
	struct pipe_entry *e;

	snprintf(missing, sizeof(missing), "portal \"%.63s\" does not exist",
	    portal);
	if ((e = pipe_push(&s->pipe, 'E', NULL)) == NULL ||
	    deny_by(e, "34000", missing, NULL) == -1 ||
	    deny_execute(&s->db.out, e) == -1)
		return front_no_memory(s);
	return FRONT_DONE;
}

static int
send_execute(struct session *s, struct pipe_entry *e,
    const struct front_msg *m, struct stmt *portal)
{
	const struct verdict *v = s->front.verdict;

	if (v->action == VERDICT_DENY)
		return deny_by_verdict(e, v) == -1 ? -1 :
		    deny_execute(&s->db.out, e);
	if (verdict_capped(v))
		return capped_execute(s, e, m->body, m->len, portal);
	if ((v->flags & VERDICT_COPY_IN) != 0)
		s->pipe.exclusive = e;
	return front_forward(s, m);
}

/*
 * Its Bind was approved, or is counted; has the policy been another one since,
 * or is it for others to approve by now?
 */
static int
front_approved(struct session *s, const struct stmt *portal)
{
	struct verdict *v = s->front.verdict;
	bool hold = (v->flags & VERDICT_HOLD) != 0;

	if (v->action == VERDICT_DENY)
		return 0;
	if (hold && portal->approval != 0 &&
	    portal->approved->generation == v->generation &&
	    strcmp(portal->approved->rule, v->rule) == 0) {
		s->front.approval = portal->approval;
		s->front.held_us = portal->held_us;
		hold = false;
	}
	if (!hold && (portal->counted || !verdict_capped(v)))
		return 0;
	s->front.verdict = verdict_deny(v->generation, "42501", v->rule,
	    hold ?
	    "statement refused: the policy has changed since it was approved" :
	    "statement refused: the policy has changed since it was bound",
	    "Bind it again.");
	if (s->front.verdict != NULL)
		s->front.verdict->epoch = v->epoch;
	verdict_unref(&v);
	return s->front.verdict == NULL ? -1 : 0;
}

/* What it is judged by was found out at its Bind, or never (then it counts as
 * large: another policy was in force). */
static enum front_result
front_bound_estimate(struct session *s, const struct stmt *portal)
{
	static const struct est none = { .state = EST_KNOWN };
	const struct verdict *v = s->front.verdict;

	if (v->action == VERDICT_DENY || (v->flags & VERDICT_ESTIMATE) == 0)
		return FRONT_DONE;
	estimate_again(s, portal->est != NULL ? portal->est : &none,
	    portal->text, portal->len);
	return FRONT_WAIT;
}

enum front_result
front_execute(struct session *s, const struct front_msg *m)
{
	struct pipe_entry *e;
	struct pg_reader r;
	struct stmt *st;
	const char *portal;

	pg_read(&r, m->body, m->len);
	portal = pg_str(&r);
	switch (names_get(s->portals, portal, s->pipe.segment, &st)) {
	case NAME_UNSURE:
		return FRONT_WAIT;
	case NAME_NONE:
		return front_missing_portal(s, portal);
	case NAME_KNOWN:
		if (st->by_sql)
			return front_missing_portal(s, portal);
		break;
	}
	if (front_renew(s) == FRONT_WAIT ||
	    front_judge_stmt(s, st) == FRONT_WAIT ||
	    front_bound_estimate(s, st) == FRONT_WAIT)
		return FRONT_WAIT;
	if (s->front.step == FRONT_JUDGED) {
		if (front_approved(s, st) == -1)
			return front_no_memory(s);
		if (front_uses(s) == FRONT_WAIT)
			return FRONT_WAIT;
		s->front.stmt = ++s->statement_count;
		if (front_recorded(s, record_intent(s, s->front.stmt,
		    st->number, "execute", NULL, 0, s->front.verdict,
		    slice_of(st->params, st->params_len))) == FRONT_WAIT)
			return FRONT_WAIT;
	}
	if (!front_clear(s))
		return FRONT_WAIT;
	if ((e = front_push(s, 'E')) == NULL)
		return front_no_memory(s);
	if (s->content != CONTENT_OFF)
		e->subject = stmt_ref(st);
	if (front_names(s, e, st->text, st->len) == -1 ||
	    send_execute(s, e, m, st) == -1)
		return front_no_memory(s);
	front_gate(s);
	return FRONT_DONE;
}
