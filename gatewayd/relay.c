/*
 * relay: the server's bytes, on their way to the client.  Runs in the worker.
 * The server is trusted to be PostgreSQL and in nothing else: its lengths are
 * capped.  Rows and COPY data are passed as they come, a few bytes at a time if
 * need be, or whole where they are looked through; all else is backend.c's, and
 * taken whole.  Nothing goes to the client before its statement's intent is
 * committed, nor before it is recorded itself where the profile wants that.
 */
#include "backend.h"

#include "capped.h"
#include "log.h"

/* Outcomes of one pipeline segment kept for its ReadyForQuery. */
#define DONE_MAX	1000

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
