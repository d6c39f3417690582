/*
 * function: FunctionCall (PostgreSQL 55.2.4), which names a function by its
 * number.  Runs in the worker; no byte of a client is trusted.  The engine has
 * a catalogue and says which function it is and whether it may be called; what
 * it calls and with which arguments is recorded like any statement.
 */
#include "front.h"

#include <stdio.h>
#include <string.h>

#include "bound.h"
#include "deny.h"

/* "OID arguments"; the body is well-formed. */
static size_t
call_number(const struct front_msg *m, char *out, size_t size)
{
	struct pg_reader r;
	uint32_t oid;
	unsigned int n;

	pg_read(&r, m->body, m->len);
	oid = pg_u32(&r);
	for (n = pg_u16(&r); n > 0; n--)
		pg_u16(&r);
	return (size_t)snprintf(out, size, "%u %u", oid, pg_u16(&r));
}

/* Name and number, for the record; the arguments follow as parameters. */
static uint64_t
call_intent(struct session *s, const struct front_msg *m)
{
	const struct verdict *v = s->front.verdict;
	char text[LEN_FUNCTION + 32];
	struct buf json;
	uint64_t pos = 0;
	int n;

	n = snprintf(text, sizeof(text), "%s%s(%u)", v->name,
	    *v->name != '\0' ? " " : "function ", pg_be32(m->body));
	buf_init(&json, BOUND_ALL);
	/* Behind the number it is laid out as a Bind behind its names. */
	if (bound_json(&json, &s->redact, m->body + 4, m->len - 4) == 0)
		pos = record_intent(s, s->front.stmt, 0, "function",
		    (const uint8_t *)text, (size_t)n, v,
		    slice_of(buf_head(&json), json.len));
	buf_clear(&json);
	return pos;
}

enum front_result
front_function(struct session *s, const struct front_msg *m)
{
	const struct verdict *v;
	struct pipe_entry *e;
	char number[32];
	size_t n = call_number(m, number, sizeof(number));

	if (front_judge(s, JUDGE_FUNCTION, (const uint8_t *)number, n) ==
	    FRONT_WAIT)
		return FRONT_WAIT;
	if (s->front.step == FRONT_JUDGED) {
		s->front.stmt = ++s->statement_count;
		if (front_recorded(s, call_intent(s, m)) == FRONT_WAIT)
			return FRONT_WAIT;
	}
	if (!front_clear(s))
		return FRONT_WAIT;
	v = s->front.verdict;
	if ((e = front_push(s, 'F')) == NULL)
		return front_no_memory(s);
	if (v->action == VERDICT_ALLOW) {
		if (front_forward(s, m) == -1)
			return front_no_memory(s);
	} else if (deny_by_verdict(e, v) == -1 ||
	    deny_function(&s->db.out, e) == -1)
		return front_no_memory(s);
	s->pipe.exclusive = e;
	front_gate(s);
	return FRONT_DONE;
}
