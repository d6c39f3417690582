/*
 * Cancel requests on their way from one worker to another's server.
 *
 * Runs in the parent.  A request is anybody's bytes: the key is compared in
 * constant time, and a session whose key was missed too often in a second is
 * not asked again within it.  That is counted by session, not by address nor
 * over all: so no number of addresses guesses faster, and who guesses at one
 * session keeps no other from being cancelled.
 * Each step has a time limit, after which the session goes on.
 */
#include "cancel.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auditlink.h"
#include "children.h"
#include "crypto.h"
#include "log.h"
#include "workers.h"

#define HOLD_TIME	2000	/* ms for the worker */
#define SEND_TIME	5000	/* ms for the keeper */
#define MISSES_MAX	20	/* of a session's key, in a second */

#define ASKERS_MAX	16	/* of one session, at a time */

/* Connections that brought a request, and are closed when it is over. */
struct asker {
	struct worker		*w;		/* NULL: gone */
	uint32_t		 attempt;
};

struct cancel {
	TAILQ_ENTRY(cancel)	 entry;
	struct parent		*p;
	struct session		*s;
	uint32_t		 id;
	bool			 sent;		/* the keeper has it */
	struct asker		 askers[ASKERS_MAX];
	size_t			 naskers;
	struct ev_timer		*timer;
};
TAILQ_HEAD(cancel_list, cancel);

struct cancels {
	struct cancel_list	 list;
	uint32_t		 next_id;
};

void
cancel_init(struct parent *p)
{
	p->cancels = calloc(1, sizeof(*p->cancels));
	if (p->cancels == NULL)
		fatal("step=cancels");
	TAILQ_INIT(&p->cancels->list);
	p->cancels->next_id = 1;
}

static void
cancel_answer(struct worker *w, uint32_t attempt)
{
	struct ipc_cancel_answered	m = { .attempt = attempt };

	if (w != NULL)
		ipc_send(w->ipc, IPC_cancel_answered, &m, NULL, 0);
}

static void
cancel_free(struct cancel *c)
{
	size_t	i;

	for (i = 0; i < c->naskers; i++)
		cancel_answer(c->askers[i].w, c->askers[i].attempt);
	TAILQ_REMOVE(&c->p->cancels->list, c, entry);
	ev_timer_free(&c->timer);
	free(c);
}

/* Record it, let the session go on. */
static void
cancel_over(struct cancel *c, const char *result)
{
	struct event_cancel	ev;
	struct ipc_cancel_over	m;

	ev.session = slice_str(c->s->id);
	ev.peer = slice_str("");
	ev.result = slice_str(result);
	auditlink_event(c->p, EVENT_cancel, &ev);
	log_debug("event=cancel session=%s result=%s", c->s->id, result);
	m.session = slice_str(c->s->id);
	m.id = c->id;
	if (c->s->w != NULL)
		ipc_send(c->s->w->ipc, IPC_cancel_over, &m, NULL, 0);
	cancel_free(c);
}

static void
on_cancel_timer(void *ctx)
{
	struct cancel	*c = ctx;

	cancel_over(c, c->sent ? "timeout" : "not held");
}

/* Is it this session's key? */
static bool
key_fits(struct session *s, struct slice key, uint64_t now)
{
	if (now - s->missed_since >= 1000) {
		s->missed_since = now;
		s->missed = 0;
	}
	if (s->missed >= MISSES_MAX)
		return false;
	if (s->client_keylen == key.len && key.len > 0 &&
	    ct_differ(s->client_key, key.p, key.len) == 0)
		return true;
	s->missed++;
	return false;
}

/* Servers of two databases may have the same number. */
static struct session *
find_key(struct parent *p, const struct ipc_cancel_request *m)
{
	struct session	*s;
	uint64_t	 now = now_boot_ms();

	TAILQ_FOREACH(s, sessions_all(p), entry)
		if (s->state == SESSION_READY && s->pid == m->pid &&
		    key_fits(s, m->key, now))
			return s;
	return NULL;
}

/* This session's, made if there is none; NULL: none, and none is wanted. */
static struct cancel *
cancel_of(struct session *s)
{
	struct cancels	*cs = s->p->cancels;
	struct cancel	*c;

	TAILQ_FOREACH(c, &cs->list, entry)
		if (c->s == s)
			return c;
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->p = s->p;
	c->s = s;
	c->id = cs->next_id++;
	c->timer = ev_timer_new(s->p->loop, on_cancel_timer, c);
	TAILQ_INSERT_TAIL(&cs->list, c, entry);
	return c;
}

static void
cancel_start(struct cancel *c)
{
	struct ipc_cancel_hold	m;

	m.session = slice_str(c->s->id);
	m.id = c->id;
	if (c->s->w == NULL ||
	    ipc_send(c->s->w->ipc, IPC_cancel_hold, &m, NULL, 0) == -1) {
		cancel_over(c, "not held");
		return;
	}
	ev_timer_set(c->timer, HOLD_TIME);
}

void
cancel_request(struct worker *w, const struct ipc_cancel_request *m)
{
	struct cancel	*c = NULL;
	struct session	*s;

	if ((s = find_key(w->p, m)) != NULL)
		c = cancel_of(s);
	if (c == NULL || c->naskers == ASKERS_MAX) {
		cancel_answer(w, m->attempt);
		return;
	}
	c->askers[c->naskers].w = w;
	c->askers[c->naskers++].attempt = m->attempt;
	/* Of one that is under way it is one more. */
	if (c->naskers == 1)
		cancel_start(c);
}

void
cancel_worker_gone(struct worker *w)
{
	struct cancel	*c;
	size_t		 i;

	TAILQ_FOREACH(c, &w->p->cancels->list, entry)
		for (i = 0; i < c->naskers; i++)
			if (c->askers[i].w == w)
				c->askers[i].w = NULL;
}

static struct cancel *
cancel_find(struct parent *p, uint32_t id)
{
	struct cancel	*c;

	TAILQ_FOREACH(c, &p->cancels->list, entry)
		if (c->id == id)
			return c;
	return NULL;
}

void
cancel_held(struct session *s, const struct ipc_cancel_held *m)
{
	struct cancel			*c = cancel_find(s->p, m->id);
	struct ipc_cancel_backend	 re;

	if (c == NULL || c->s != s || c->sent)
		return;		/* too late: it was told to go on */
	if (!m->active) {
		cancel_over(c, "idle");
		return;
	}
	re.id = c->id;
	re.database = slice_str(s->database);
	re.pid = s->pid;
	re.key = slice_of(s->key, s->keylen);
	if (ipc_send(children_keeper(s->p), IPC_cancel_backend, &re, NULL,
	    0) == -1) {
		cancel_over(c, "failed");
		return;
	}
	c->sent = true;
	ev_timer_set(c->timer, SEND_TIME);
}

void
cancel_sent(struct parent *p, const struct ipc_cancel_sent *m)
{
	struct cancel	*c = cancel_find(p, m->id);

	if (c != NULL && c->sent)
		cancel_over(c, m->ok ? "sent" : "failed");
}

void
cancel_session_gone(struct session *s)
{
	struct cancel	*c, *next;

	for (c = TAILQ_FIRST(&s->p->cancels->list); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->s == s)
			cancel_free(c);
	}
}

void
cancel_keeper_lost(struct parent *p)
{
	struct cancel	*c, *next;

	for (c = TAILQ_FIRST(&p->cancels->list); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->sent)
			cancel_over(c, "failed");
	}
}
