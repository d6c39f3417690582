/*
 * record: a session's audit events.  Runs in the worker, writes to the
 * session's own spool (spool.h) and nowhere else.
 */
#include "session.h"

#include "bound.h"
#include "log.h"

static const char *
action_name(const struct verdict *v)
{
	switch (v->action) {
	case VERDICT_ALLOW:
		return "allow";
	case VERDICT_MASK:
		return "mask";
	case VERDICT_DENY:
		break;
	}
	return "deny";
}

/* Before the event that they belong to; false: it cannot be recorded. */
static bool
record_mark(struct session *s, uint64_t stmt, const struct verdict *v)
{
	struct event_mark e = {
		.stmt = stmt,
		.tags = slice_str(v->tags != NULL ? v->tags : ""),
		.observed = slice_str(v->observed != NULL ? v->observed : ""),
	};

	if (v->tags == NULL && v->observed == NULL)
		return true;
	return spool_append(s->spool, EVENT_mark, &e) != 0;
}

uint64_t
record_prepare(struct session *s, uint64_t stmt, const char *name,
    const uint8_t *text, size_t len, const struct verdict *v)
{
	struct event_prepare e = {
		.stmt = stmt,
		.name = slice_str(name),
		.action = slice_str(action_name(v)),
		.rule = slice_str(v->rule),
		.kind = slice_str(v->kind),
		.sqlstate = slice_str(v->sqlstate),
		.text = slice_of(text, len),
		.sent = slice_of(v->rewritten, v->rewritten_len),
		.masked = slice_str(v->masked),
		.generation = v->generation,
	};

	/* The server cuts names at NAMEDATALEN anyway. */
	if (e.name.len > LEN_REASON)
		e.name.len = LEN_REASON;
	if (!record_mark(s, stmt, v))
		return 0;
	return spool_append(s->spool, EVENT_prepare, &e);
}

_Static_assert(BOUND_ALL <= LEN_PARAMS, "what bound_json() makes is recorded");

uint64_t
record_intent(struct session *s, uint64_t stmt, uint64_t prepared,
    const char *form, const uint8_t *text, size_t len, const struct verdict *v,
    struct slice params)
{
	struct event_intent e = {
		.stmt = stmt,
		.prepared = prepared,
		.form = slice_str(form),
		.action = slice_str(action_name(v)),
		.rule = slice_str(v->rule),
		.kind = slice_str(v->kind),
		.sqlstate = slice_str(v->sqlstate),
		.text = slice_of(text, len),
		.masked = slice_str(v->masked),
		.generation = v->generation,
		.approval = s->front.approval,
		.params = params,
	};

	if (!record_mark(s, stmt, v))
		return 0;
	if (prepared == 0)
		e.sent = slice_of(v->rewritten, v->rewritten_len);
	return spool_append(s->spool, EVENT_intent, &e);
}

static const char *
outcome_status(const struct pipe_entry *e)
{
	if (e->denied && e->failed)
		return "denied";
	if (e->failed)
		return "error";
	return e->answered ? "ok" : "skipped";
}

void
record_outcome(struct session *s, const struct pipe_entry *e,
    const char *status)
{
	struct event_outcome o = {
		.stmt = e->stmt,
		.status = slice_str(status == NULL ? outcome_status(e) :
		    status),
		.tag = slice_str(e->tag),
		.rows = e->rows,
		.bytes = e->bytes,
		.sqlstate = slice_str(e->sqlstate),
		.error = slice_str(e->error),
		.masked = slice_str(e->verdict == NULL ? "" :
		    e->verdict->masked),
	};

	clock_start(&o.duration_us);
	o.duration_us -= e->started;
	/* A Parse that went well has no outcome of its own. */
	if (e->type == 'P' && e->answered && !e->failed)
		return;
	if (o.error.len > LEN_REASON)
		o.error.len = LEN_REASON;
	if (spool_append(s->spool, EVENT_outcome, &o) == 0)
		log_warnx("session=%s error=\"outcome not recorded\"", s->id);
}

void
record_end(struct session *s)
{
	struct event_end e = {
		.reason = slice_str(s->reason),
		.client_bytes = s->client.bytes_in,
		.server_bytes = s->db.bytes_in,
	};

	if (spool_append(s->spool, EVENT_end, &e) == 0)
		log_warnx("session=%s error=\"end not recorded\"", s->id);
}
