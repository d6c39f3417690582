/*
 * record: a session's audit events.  Runs in the worker, writes to the
 * session's own spool (spool.h) and nowhere else.
 */
#include "session.h"

#include <string.h>

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

/*
 * The text as the record may have it, in `b` if it is another.  What has no
 * room without its values (it is longer with symbols) is left out.
 */
static struct slice
record_text(const struct session *s, struct buf *b, const void *text,
    size_t len)
{
	static const char none[] = "/* not recorded */";

	buf_init(b, LEN_TEXT);
	if (s->redact.literals == RECORD_KEEP || len == 0)
		return slice_of(text, len);
	if (redact_text(b, &s->redact, text, len) == -1)
		return slice_str(none);
	return slice_of(buf_head(b), b->len);
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
		.masked = slice_str(v->masked),
		.generation = v->generation,
		.touched = slice_str(v->touched != NULL ? v->touched : ""),
	};
	struct buf t, sent;
	uint64_t pos;

	/* The server cuts names at NAMEDATALEN anyway. */
	if (e.name.len > LEN_REASON)
		e.name.len = LEN_REASON;
	if (!record_mark(s, stmt, v))
		return 0;
	e.text = record_text(s, &t, text, len);
	e.sent = record_text(s, &sent, v->rewritten, v->rewritten_len);
	pos = spool_append(s->spool, EVENT_prepare, &e);
	buf_clear(&t);
	buf_clear(&sent);
	return pos;
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
		.masked = slice_str(v->masked),
		.generation = v->generation,
		.approval = s->front.approval,
		.params = params,
		.touched = slice_str(v->touched != NULL ? v->touched : ""),
		.held_us = s->front.held_us,
	};
	struct buf t, sent;
	uint64_t pos;

	if (!record_mark(s, stmt, v))
		return 0;
	e.text = record_text(s, &t, text, len);
	e.sent = record_text(s, &sent, v->rewritten,
	    prepared == 0 ? v->rewritten_len : 0);
	pos = spool_append(s->spool, EVENT_intent, &e);
	buf_clear(&t);
	buf_clear(&sent);
	return pos;
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

/* The server's sentences do, and the parser's; those of rules and masks name
 * what the policy and the catalogue name. */
static bool
quotes_values(const struct pipe_entry *e)
{
	return !e->denied || e->verdict == NULL ||
	    strcmp(e->verdict->rule, "(parser)") == 0;
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
		.client_us = e->client_us,
		.copied = e->copied,
		.transaction = slice_str(e->transaction),
	};

	record_content(s, e->stmt, &e->found);
	clock_start(&o.duration_us);
	o.duration_us -= e->started;
	if (e->first != 0)
		o.first_us = e->first - e->started;
	/* A Parse that went well has no outcome of its own. */
	if (e->type == 'P' && e->answered && !e->failed)
		return;
	if (o.error.len > LEN_REASON)
		o.error.len = LEN_REASON;
	if (quotes_values(e) && (s->redact.literals != RECORD_KEEP ||
	    s->redact.parameters != RECORD_KEEP))
		o.error.len = 0;
	if (spool_append(s->spool, EVENT_outcome, &o) == 0)
		log_warnx("session=%s error=\"outcome not recorded\"", s->id);
}

bool
record_setting(struct session *s, const char *name, const char *value)
{
	struct event_setting e = {
		.name = slice_str(name),
		/* SET has its value as a literal. */
		.value = slice_str(s->redact.literals == RECORD_KEEP ? value :
		    ""),
	};

	if (e.name.len > LEN_NAME)
		e.name.len = LEN_NAME;
	if (e.value.len > LEN_REASON)
		e.value.len = LEN_REASON;
	return spool_append(s->spool, EVENT_setting, &e) != 0;
}

bool
record_notification(struct session *s, uint32_t pid, const char *channel,
    size_t payload)
{
	struct event_notification e = {
		.channel = slice_str(channel),
		.pid = pid,
		.length = (uint32_t)payload,
	};

	if (e.channel.len > LEN_NAME)
		e.channel.len = LEN_NAME;
	return spool_append(s->spool, EVENT_notification, &e) != 0;
}

void
record_content(struct session *s, uint64_t stmt, const struct content_found *f)
{
	char found[200];
	struct event_content e = { .stmt = stmt,
	    .action = slice_str(s->content == CONTENT_MASK ? "mask" :
	    "report") };

	content_describe(f, found, sizeof(found));
	if (found[0] == '\0')
		return;
	e.found = slice_str(found);
	if (spool_append(s->spool, EVENT_content, &e) == 0)
		log_warnx("session=%s error=\"content not recorded\"", s->id);
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
