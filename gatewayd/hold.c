/*
 * hold: a statement that waits for a person.  Runs in the worker.  The client's
 * message stays at the head of its input, so that what is behind it waits too,
 * and nothing of it has gone to the server; policyd keeps the request, decides
 * who may answer it, and answers (PROTOCOL, "Held statements").
 *
 * If policyd goes away the request is asked again when it is back.  A cancel
 * request, or the end of the session, takes it back.
 */
#include "hold.h"

#include <stdio.h>
#include <string.h>

#include "crypto.h"
#include "log.h"
#include "session.h"

/* Often enough for a driver's time-out on its socket (JDBC's socketTimeout). */
#define NOTICE_MS	10000

/* --- what the client hears ------------------------------------------------- */

static void
hold_notice(struct session *s)
{
	struct hold *h = &s->hold;

	/* All answers were passed before it was asked: no message is cut. */
	if (s->passing == 0 && s->client.out.len < STREAM_HIGH)
		pg_add_error(&s->client.out, 'N', "NOTICE", "00000",
		    h->message, NULL, h->hint);
	ev_timer_set(h->notice, NOTICE_MS);
}

static void
on_notice(void *ctx)
{
	struct session *s = ctx;

	if (s->state != SESSION_OPEN || s->hold.state != HOLD_OPEN)
		return;
	hold_notice(s);
	session_event(s, EVT_WAKE, NULL);
}

/* --- asking ------------------------------------------------------------------ */

static int
hold_digest(const uint8_t *text, size_t len, const uint8_t *params,
    size_t nparams, uint8_t digest[SHA256_LEN])
{
	struct sha256 *sha = sha256_new();
	uint64_t n = len;

	if (sha == NULL)
		return -1;
	sha256_add(sha, &n, sizeof(n));
	sha256_add(sha, text, len);
	sha256_add(sha, params, nparams);
	sha256_end(sha, digest);
	sha256_free(&sha);
	return 0;
}

static void
hold_withdraw(struct session *s, const char *reason)
{
	struct ipc_hold_withdraw m = { .session = slice_str(s->id),
	    .id = s->hold.id, .reason = slice_str(reason) };

	if (s->hold.state == HOLD_ASKED || s->hold.state == HOLD_OPEN)
		ipc_send(s->w->parent, IPC_hold_withdraw, &m, NULL, 0);
}

static void
hold_reset(struct hold *h)
{
	h->state = HOLD_IDLE;
	h->flushed = false;
	if (h->notice != NULL)
		ev_timer_stop(h->notice);
}

void
hold_over(struct session *s, const char *reason)
{
	hold_withdraw(s, reason);
	hold_reset(&s->hold);
}

void
hold_message_done(struct session *s, uint8_t type)
{
	struct hold *h = &s->hold;

	/* Skipped before it was asked for: the next one flushes anew. */
	h->flushed = false;
	/* An approval of a Parse is for the Bind in its segment. */
	if (h->state != HOLD_IDLE && (h->state != HOLD_GRANTED ||
	    type == 'S' || type == 'Q'))
		hold_over(s, "no longer asked for");
}

void
hold_free(struct session *s)
{
	ev_timer_free(&s->hold.notice);
}

/*
 * The server has answered all that went before.  In the middle of a segment it
 * does so when it is told to.
 */
static bool
hold_quiet(struct session *s)
{
	struct hold *h = &s->hold;
	uint8_t last = s->pipe.last_type;

	if (s->pipe.n == 0)
		return s->passing == 0;
	if (!h->flushed && last != 'S' && last != 'Q' && last != 'F') {
		h->flushed = true;
		if (pg_add(&s->db.out, 'H', "", 0) == -1)
			h->flushed = false;
	}
	return false;
}

static void
hold_begin(struct session *s, const uint8_t digest[SHA256_LEN])
{
	struct hold *h = &s->hold;

	if (h->notice == NULL)
		h->notice = ev_timer_new(s->w->loop, on_notice, s);
	h->id++;
	h->number = 0;
	h->state = HOLD_ASKED;
	h->sent = false;
	h->held_us = 0;
	clock_start(&h->began);
	memcpy(h->digest, digest, sizeof(h->digest));
	/* Waiting is not idleness; the session's deadline stands. */
	ev_timer_stop(s->idle_timer);
}

static void
hold_ask(struct session *s, const uint8_t *text, size_t len,
    const uint8_t *params, size_t nparams)
{
	const struct verdict *v = s->front.verdict;
	struct ipc_hold_ask m = {
		.session = slice_str(s->id),
		.id = s->hold.id,
		.ask = ++s->hold.ask,
		.generation = v->generation,
		.rule = slice_str(v->rule),
		.kind = slice_str(v->kind),
		/* A transaction that began in this segment has no
		 * ReadyForQuery yet. */
		.in_transaction = s->tx_status == 'T' || s->pipe.executed,
		.estimate = !s->front.told ? ESTIMATE_UNASKED :
		    s->est.ok ? ESTIMATE_TOLD : ESTIMATE_UNTOLD,
		.est_rows = s->est.rows,
		.est_cost = s->est.cost,
		.text = slice_of(text, len),
		.params = slice_of(params, nparams),
	};

	s->hold.state = HOLD_ASKED;
	s->hold.rejudged = false;
	snprintf(s->hold.rule, sizeof(s->hold.rule), "%s", v->rule);
	s->hold.generation = v->generation;
	s->hold.epoch = v->epoch;
	s->hold.sent = ipc_send(s->w->parent, IPC_hold_ask, &m, NULL, 0) == 0;
	/* Its page may still be fresh while its channel is not there yet. */
	if (!s->hold.sent)
		session_retry(s);
}

/* --- the verdict -------------------------------------------------------------- */

/* The statement is refused after all. */
static enum hold_result
hold_refuse(struct session *s, const char *sqlstate, const char *message,
    const char *hint)
{
	struct verdict *v = s->front.verdict;

	/* A cancelled statement was not refused by a rule. */
	s->front.verdict = verdict_deny(v->generation, sqlstate,
	    strcmp(sqlstate, "57014") == 0 ? "" : v->rule, message, hint);
	if (s->front.verdict != NULL)
		s->front.verdict->epoch = v->epoch;
	verdict_unref(&v);
	hold_reset(&s->hold);
	return s->front.verdict == NULL ? HOLD_FAILED : HOLD_NO;
}

enum hold_result
hold_ready(struct session *s, const uint8_t *text, size_t len,
    const uint8_t *params, size_t nparams, uint32_t *number_r)
{
	struct hold *h = &s->hold;
	const struct verdict *v = s->front.verdict;
	uint8_t digest[SHA256_LEN];

	if (len > LEN_HOLD || nparams > LEN_HOLD)
		return hold_refuse(s, "54000", "statement refused: it needs "
		    "approval, and is too long for a person to read",
		    "Send less at once.");
	if (hold_digest(text, len, params, nparams, digest) == -1)
		return HOLD_FAILED;
	if (h->state != HOLD_IDLE && h->state != HOLD_DENIED &&
	    memcmp(digest, h->digest, sizeof(digest)) != 0)
		hold_over(s, "another statement came");
	/* Judged again, and now it is for others to approve. */
	if (h->state == HOLD_GRANTED && strcmp(h->rule, v->rule) != 0)
		hold_over(s, "another rule holds it now");
	if (h->state == HOLD_IDLE) {
		if (!hold_quiet(s))
			return HOLD_WAIT;
		hold_begin(s, digest);
	}
	if (h->state == HOLD_DENIED)
		return hold_refuse(s, h->sqlstate, h->message, h->hint);
	if (!h->sent || h->generation != v->generation ||
	    h->epoch != v->epoch)
		hold_ask(s, text, len, params, nparams);
	if (h->state != HOLD_GRANTED)
		return HOLD_WAIT;
	*number_r = h->number;
	return HOLD_GO;
}

/* --- events -------------------------------------------------------------------- */

void
hold_on_answer(struct session *s, const struct ipc_hold_answer *m)
{
	struct hold *h = &s->hold;
	bool news = h->state == HOLD_ASKED && h->number != m->number;

	/* An answer to an older question was given by another policy. */
	if (m->id != h->id || m->ask != h->ask ||
	    (h->state != HOLD_ASKED && h->state != HOLD_OPEN))
		return;
	if (m->answer > HOLD_REFUSED ||
	    (m->number == 0 && m->answer != HOLD_REFUSED) ||
	    slice_copy(m->sqlstate, h->sqlstate, sizeof(h->sqlstate)) == -1 ||
	    slice_copy(m->message, h->message, sizeof(h->message)) == -1 ||
	    slice_copy(m->hint, h->hint, sizeof(h->hint)) == -1) {
		session_fatal(s, "58000", "the policy service gave an "
		    "incoherent answer", NULL, "incoherent hold_answer");
		return;
	}
	h->number = m->number;
	if (m->answer == HOLD_WAITING) {
		h->state = HOLD_OPEN;
		if (news)
			hold_notice(s);
		else
			ev_timer_set(h->notice, NOTICE_MS);
	} else {
		h->state = m->answer == HOLD_APPROVED ? HOLD_GRANTED :
		    HOLD_DENIED;
		ev_timer_stop(h->notice);
		clock_start(&h->held_us);
		h->held_us -= h->began;
	}
	session_event(s, EVT_WAKE, NULL);
}

void
hold_on_parent(struct session *s)
{
	if (s->hold.state == HOLD_ASKED || s->hold.state == HOLD_OPEN)
		s->hold.sent = false;
}

bool
hold_on_cancel(struct session *s)
{
	struct hold *h = &s->hold;

	if (h->state == HOLD_IDLE || h->state == HOLD_DENIED)
		return false;
	hold_withdraw(s, "cancelled by the client");
	/* Approved, and waiting for its record: it does not go out. */
	if (s->front.approval != 0)
		judge_abandon(s);
	ev_timer_stop(h->notice);
	h->state = HOLD_DENIED;
	snprintf(h->sqlstate, sizeof(h->sqlstate), "57014");
	snprintf(h->message, sizeof(h->message),
	    "canceling statement due to user request");
	h->hint[0] = '\0';
	session_event(s, EVT_WAKE, NULL);
	return true;
}
