/*
 * judge: gets a verdict for a statement, from the cache or from the session's
 * engine.  Runs in the worker.  The engine may die, be stopped, or be taken
 * over: without a coherent verdict of the generation in force nothing passes.
 */
#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

/* Longer texts are not cached, and so not kept. */
#define ASKED_MAX	(16 * 1024)

/* A statement whose judging killed this many engines is refused. */
#define JUDGE_TRIES	2

static int	on_verdict(void *, const void *, int *);
static int	on_guard(void *, const void *, int *);
static void	on_engine_closed(void *, const char *);

static const struct ipc_permit engine_permits[] = {
	{ IPC_verdict, ~0u, on_verdict },
	{ IPC_guard, ~0u, on_guard },
};

void
judge_connect(struct session *s, int fd)
{
	ipc_free(&s->engine);
	s->guard_known = false;
	s->engine = ipc_new(s->w->loop, fd, ROLE_WORKER, ROLE_ENGINE,
	    engine_permits, sizeof(engine_permits) / sizeof(engine_permits[0]),
	    on_engine_closed, s);
	/* What the old engine had is asked again. */
	if (s->front.step == FRONT_JUDGING)
		s->front.step = FRONT_NEW;
}

static void
on_engine_closed(void *ctx, const char *reason)
{
	struct session *s = ctx;

	log_debug("session=%s engine=away reason=\"%s\"", s->id, reason);
	ipc_free(&s->engine);
	s->guard_known = false;
	if (s->front.step != FRONT_JUDGING)
		return;
	if (++s->front.judge_tries < JUDGE_TRIES) {
		s->front.step = FRONT_NEW;
		return;
	}
	s->front.judge_tries = 0;
	s->front.verdict = verdict_deny(
	    atomic_load(&s->page->generation), "54001", "",
	    "statement refused: the policy engine failed on it", NULL);
	if (s->front.verdict == NULL) {
		session_drop(s, "out of memory");
		return;
	}
	s->front.verdict->epoch = atomic_load(&s->page->epoch);
	s->front.step = FRONT_JUDGED;
	session_event(s, EVT_WAKE, NULL);
}

static int
on_guard(void *ctx, const void *vm, int *fds)
{
	struct session *s = ctx;
	const struct ipc_guard *m = vm;
	uint8_t *copy;

	(void)fds;
	if (m->pairs.len % 8 != 0 ||
	    (copy = malloc((size_t)m->pairs.len + 1)) == NULL)
		return -1;
	if (m->pairs.len > 0)
		memcpy(copy, m->pairs.p, m->pairs.len);
	free(s->guard);
	s->guard = copy;
	s->guard_len = m->pairs.len;
	s->guard_known = true;
	session_event(s, EVT_WAKE, NULL);
	return 0;
}

static int
on_verdict(void *ctx, const void *vm, int *fds)
{
	struct session *s = ctx;
	const struct ipc_verdict *m = vm;
	struct verdict *v;

	(void)fds;
	/* Of a message that was given up meanwhile. */
	if (m->seq < s->front.judge_seq)
		return 0;
	/* Only a profile with masks may have its text changed (D2). */
	if (s->front.step != FRONT_JUDGING || m->seq != s->front.judge_seq ||
	    (m->action == VERDICT_MASK && !s->masked) ||
	    ((m->flags & VERDICT_UNREAD) != 0 && s->masked) ||
	    ((m->flags & VERDICT_ESTIMATE) != 0 && s->front.told) ||
	    (v = verdict_new(m)) == NULL) {
		session_fatal(s, "58000", "the policy engine gave an "
		    "incoherent verdict", NULL, "incoherent verdict");
		return 0;
	}
	s->front.judge_tries = 0;
	if (v->generation != atomic_load(&s->page->generation) ||
	    s->front.judge_epoch != atomic_load(&s->page->epoch)) {
		/* A reload is under way: ask again when it is settled. */
		verdict_unref(&v);
		s->front.step = FRONT_NEW;
		session_retry(s);
		return 0;
	}
	/* The epoch that counts here is the page's when it was asked. */
	v->epoch = s->front.judge_epoch;
	/* Other sessions of this worker look into the same cache (D12). */
	if (s->front.asked != NULL && ((v->flags & VERDICT_SESSION) == 0 ||
	    !s->w->listen->shared))
		verdict_cache_put(s->cache, s->front.asked,
		    s->front.asked_len, v);
	s->front.verdict = v;
	s->front.step = FRONT_JUDGED;
	session_event(s, EVT_WAKE, NULL);
	return 0;
}

void
judge_abandon(struct session *s)
{
	struct pipe_entry unsent = { .stmt = s->front.stmt };

	if (s->front.step == FRONT_RECORDED) {
		clock_start(&unsent.started);
		record_outcome(s, &unsent, "voided");
	}
	/* A verdict that is still to come is not for what comes now. */
	if (s->front.step == FRONT_JUDGING)
		s->front.judge_seq++;
	s->front.judge_tries = 0;
	s->front.approval = 0;
	s->front.held_us = 0;
	s->front.step = FRONT_NEW;
	s->front.told = false;
	verdict_unref(&s->front.untold);
	verdict_unref(&s->front.verdict);
	stmt_unref(&s->front.subject);
}

static void
judge_keep(struct session *s, enum judge_form form, const uint8_t *text,
    size_t len)
{
	free(s->front.asked);
	s->front.asked = NULL;
	s->front.asked_len = len;
	/* Those of calls by number are not texts. */
	if (form != JUDGE_FUNCTION && len > 0 && len <= ASKED_MAX &&
	    (s->front.asked = malloc(len)) != NULL)
		memcpy(s->front.asked, text, len);
}

/*
 * Was it in a transaction when the answer before this ended?  Not known when
 * something that may begin or end one is still under way.
 */
static uint8_t
judge_transaction(const struct session *s)
{
	const struct pipe_entry *e;

	for (e = s->pipe.first; e != NULL; e = e->next)
		if (strchr("PBDCS", e->type) == NULL)
			return 0;
	return s->tx_status;
}

bool
judge_may_pass(struct session *s)
{
	uint64_t now = now_boot_ms();

	if (spool_broken(s->spool)) {
		session_fatal(s, "58030", "the audit record of this session "
		    "is broken", NULL, "audit spool broken");
		return false;
	}
	if (!spool_alive(s->spool, now) ||
	    atomic_load(&s->page->heartbeat) + HEARTBEAT_STALE < now) {
		session_retry(s);
		return false;
	}
	return true;
}

static bool
judge_from_cache(struct session *s, const uint8_t *text, size_t len)
{
	struct verdict *v;

	v = verdict_cache_get(s->cache, text, len,
	    atomic_load(&s->page->generation), atomic_load(&s->page->epoch));
	if (v == NULL)
		return false;
	s->front.verdict = verdict_ref(v);
	s->front.step = FRONT_JUDGED;
	return true;
}

/* The engine may be away: then it is asked for a verdict anew later. */
static void
judge_send(struct session *s, struct ipc_judge *m)
{
	if (s->engine == NULL || (s->masked && !s->guard_known))
		return;
	m->transaction = judge_transaction(s);
	m->seq = ++s->front.judge_seq;
	s->front.judge_epoch = atomic_load(&s->page->epoch);
	s->front.step = FRONT_JUDGING;
	judge_keep(s, (enum judge_form)m->form, m->text.p, m->text.len);
	if (ipc_send(s->engine, IPC_judge, m, NULL, 0) == -1)
		log_debug("session=%s error=\"engine does not take it\"",
		    s->id);
}

bool
judge_text(struct session *s, enum judge_form form, const uint8_t *text,
    size_t len)
{
	struct ipc_judge m = { .form = (uint8_t)form,
	    .text = slice_of(text, len) };

	switch (s->front.step) {
	case FRONT_JUDGED:
	case FRONT_RECORDED:
		return true;
	case FRONT_JUDGING:
		return false;
	case FRONT_NEW:
		break;
	}
	verdict_unref(&s->front.verdict);
	s->front.told = false;
	if (form != JUDGE_FUNCTION && judge_from_cache(s, text, len))
		return true;
	judge_send(s, &m);
	return false;
}

void
judge_told(struct session *s, const uint8_t *text, size_t len,
    enum estimate_told told, uint64_t rows, uint64_t cost)
{
	struct ipc_judge m = { .form = JUDGE_QUERY,
	    .estimate = (uint8_t)told, .est_rows = rows, .est_cost = cost,
	    .text = slice_of(text, len) };

	verdict_unref(&s->front.verdict);
	s->front.step = FRONT_NEW;
	s->front.told = true;
	judge_send(s, &m);
}
