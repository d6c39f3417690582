/*
 * gatewayd's workers, seen from policyd's parent.
 *
 * Runs in the parent.  A worker reads every byte of its client and of its
 * backend, so its messages are not trusted: the permit table holds all that it
 * may say, a session that it names must be its own, and a worker that breaks a
 * rule loses its channel and its life.  Who a worker is comes from gatewayd's
 * master alone (D7).
 */
#include "workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auditlink.h"
#include "cancel.h"
#include "catalogs.h"
#include "children.h"
#include "estimates.h"
#include "log.h"
#include "attempts.h"
#include "reload.h"
#include "requests.h"
#include "sessions.h"

#define RETURN_TIME	3000	/* ms for a worker to come with a new channel */
#define MASTER_TIME	10000	/* ms for gatewayd's master to come (back) */

TAILQ_HEAD(worker_list, worker);

struct workers {
	struct worker_list	 list;
	struct ipc		*master;
	uint32_t		 master_pid;
	struct ev_timer		*timer;		/* no master */
};

static void	worker_free(struct worker *, const char *reason);

/* A worker that lies does not stay. */
static int
worker_foul(struct worker *w, const char *what)
{
	log_warnx("event=worker_foul worker=%u pid=%u message=%s", w->number,
	    w->pid, what);
	workers_kill(w, "it broke the protocol");
	return -1;
}

/* --- what a worker says ------------------------------------------------------- */

static int
on_login(void *ctx, const void *msg, int *fds)
{
	struct worker	*w = ctx;

	(void)fds;
	if (attempts_start(w, msg) == -1)
		return worker_foul(w, "login");
	return 0;
}

static int
on_login_abort(void *ctx, const void *msg, int *fds)
{
	struct worker			*w = ctx;
	const struct ipc_login_abort	*m = msg;

	(void)fds;
	attempts_abort(w, m->attempt);
	return 0;
}

static int
on_sasl_ask(void *ctx, const void *msg, int *fds)
{
	struct worker			*w = ctx;
	const struct ipc_sasl_ask	*m = msg;
	struct session			*s = sessions_of(w, m->session);
	struct ipc_sasl_failed		 re;

	(void)fds;
	if (s == NULL)
		return worker_foul(w, "sasl_ask");
	if (s->state != SESSION_OPEN || s->pid != 0)
		return 0;	/* it is being ended, or long since ready */
	if (ipc_send(children_keeper(w->p), IPC_sasl_ask, m, NULL, 0) == 0)
		return 0;
	re.session = m->session;
	re.reason = slice_str("the keeper is not available");
	ipc_send(w->ipc, IPC_sasl_failed, &re, NULL, 0);
	return 0;
}

static int
on_session_ready(void *ctx, const void *msg, int *fds)
{
	struct worker				*w = ctx;
	const struct ipc_session_ready		*m = msg;
	struct session				*s;

	(void)fds;
	s = sessions_of(w, m->session);
	if (s == NULL || sessions_ready(s, m) == -1)
		return worker_foul(w, "session_ready");
	return 0;
}

static int
on_session_end(void *ctx, const void *msg, int *fds)
{
	struct worker			*w = ctx;
	const struct ipc_session_end	*m = msg;
	struct session			*s = sessions_of(w, m->session);

	(void)fds;
	/* One that this side has closed already is no foul. */
	if (s != NULL)
		sessions_ended(s, m->reason);
	else if (sessions_find(w->p, m->session) != NULL)
		return worker_foul(w, "session_end");
	return 0;
}

static int
on_cancel_request(void *ctx, const void *msg, int *fds)
{
	struct worker	*w = ctx;

	(void)fds;
	cancel_request(w, msg);
	return 0;
}

static int
on_cancel_held(void *ctx, const void *msg, int *fds)
{
	struct worker			*w = ctx;
	const struct ipc_cancel_held	*m = msg;
	struct session			*s = sessions_of(w, m->session);

	(void)fds;
	if (s != NULL)
		cancel_held(s, m);
	else if (sessions_find(w->p, m->session) != NULL)
		return worker_foul(w, "cancel_held");
	return 0;
}

static int
on_generation_taken(void *ctx, const void *msg, int *fds)
{
	struct worker				*w = ctx;
	const struct ipc_generation_taken	*m = msg;

	(void)fds;
	w->taken = m->generation;
	reload_poke(w->p);
	return 0;
}

static int
on_catalog_stale(void *ctx, const void *msg, int *fds)
{
	struct worker			*w = ctx;
	const struct ipc_catalog_stale	*m = msg;
	struct session			*s = sessions_of(w, m->session);

	(void)fds;
	if (s != NULL)
		catalogs_want(w->p, s->database, true);
	else if (sessions_find(w->p, m->session) != NULL)
		return worker_foul(w, "catalog_stale");
	return 0;
}

static int
on_hold_ask(void *ctx, const void *msg, int *fds)
{
	struct worker			*w = ctx;
	const struct ipc_hold_ask	*m = msg;
	struct session			*s = sessions_of(w, m->session);

	(void)fds;
	if (s != NULL && s->state == SESSION_READY)
		requests_ask(s, m);
	else if (s == NULL && sessions_find(w->p, m->session) != NULL)
		return worker_foul(w, "hold_ask");
	return 0;
}

static int
on_estimate_ask(void *ctx, const void *msg, int *fds)
{
	struct worker				*w = ctx;
	const struct ipc_estimate_ask		*m = msg;
	struct session				*s = sessions_of(w, m->session);

	(void)fds;
	if (s != NULL && s->state == SESSION_READY)
		estimates_ask(s, m);
	else if (s == NULL && sessions_find(w->p, m->session) != NULL)
		return worker_foul(w, "estimate_ask");
	return 0;
}

static int
on_hold_withdraw(void *ctx, const void *msg, int *fds)
{
	struct worker				*w = ctx;
	const struct ipc_hold_withdraw		*m = msg;
	struct session				*s;

	(void)fds;
	s = sessions_of(w, m->session);
	if (s != NULL)
		requests_withdraw(s, m);
	else if (sessions_find(w->p, m->session) != NULL)
		return worker_foul(w, "hold_withdraw");
	return 0;
}

static const struct ipc_permit permits[] = {
	{ IPC_login, ~0u, on_login },
	{ IPC_login_abort, ~0u, on_login_abort },
	{ IPC_sasl_ask, ~0u, on_sasl_ask },
	{ IPC_session_ready, ~0u, on_session_ready },
	{ IPC_session_end, ~0u, on_session_end },
	{ IPC_cancel_request, ~0u, on_cancel_request },
	{ IPC_cancel_held, ~0u, on_cancel_held },
	{ IPC_generation_taken, ~0u, on_generation_taken },
	{ IPC_catalog_stale, ~0u, on_catalog_stale },
	{ IPC_hold_ask, ~0u, on_hold_ask },
	{ IPC_hold_withdraw, ~0u, on_hold_withdraw },
	{ IPC_estimate_ask, ~0u, on_estimate_ask },
};

/* --- channels --------------------------------------------------------------------- */

static void
on_worker_closed(void *ctx, const char *reason)
{
	struct worker	*w = ctx;

	log_debug("event=worker_channel_closed worker=%u reason=\"%s\"",
	    w->number, reason);
	ipc_free(&w->ipc);
	attempts_worker_lost(w);
	/* The master tells if it died, or attaches it anew. */
	ev_timer_set(w->timer, RETURN_TIME);
	reload_poke(w->p);
}

static void
on_worker_timer(void *ctx)
{
	struct worker	*w = ctx;

	if (w->ipc != NULL)
		return;
	if (w->p->workers->master == NULL) {
		/* on_no_master() decides about all of them. */
		return;
	}
	workers_kill(w, "its channel is closed");
}

static struct worker *
worker_find(struct parent *p, uint32_t master, uint32_t number)
{
	struct worker	*w;

	TAILQ_FOREACH(w, &p->workers->list, entry)
		if (w->master == master && w->number == number)
			return w;
	return NULL;
}

static void
worker_free(struct worker *w, const char *reason)
{
	attempts_worker_lost(w);
	cancel_worker_gone(w);
	sessions_worker_gone(w, reason);
	TAILQ_REMOVE(&w->p->workers->list, w, entry);
	ipc_free(&w->ipc);
	ev_timer_free(&w->timer);
	free(w);
}

void
workers_kill(struct worker *w, const char *reason)
{
	struct ipc_worker_kill	m;

	log_warnx("event=worker_kill worker=%u pid=%u reason=\"%s\"",
	    w->number, w->pid, reason);
	m.worker = w->number;
	m.reason = slice_str(reason);
	if (w->master == w->p->workers->master_pid)
		ipc_send(w->p->workers->master, IPC_worker_kill, &m, NULL, 0);
}

/* --- what the master says ------------------------------------------------------ */

void
workers_hello(struct parent *p, struct ipc *master, uint32_t pid)
{
	struct workers	*ws = p->workers;
	struct worker	*w;

	log_info("event=master_hello pid=%u", pid);
	ws->master = master;
	ws->master_pid = pid;
	ev_timer_stop(ws->timer);
	TAILQ_FOREACH(w, &ws->list, entry)
		w->fresh = false;
}

int
workers_attach(struct parent *p, const struct ipc_worker_attach *m, int fd)
{
	struct workers	*ws = p->workers;
	struct worker	*w = worker_find(p, ws->master_pid, m->worker);

	if (w == NULL) {
		w = calloc(1, sizeof(*w));
		if (w == NULL)
			goto fail;
		w->p = p;
		w->master = ws->master_pid;
		w->number = m->worker;
		w->timer = ev_timer_new(p->loop, on_worker_timer, w);
		TAILQ_INSERT_TAIL(&ws->list, w, entry);
	} else {
		ipc_free(&w->ipc);
		attempts_worker_lost(w);
	}
	w->pid = m->pid;
	w->shared = m->shared != 0;
	w->fresh = true;
	w->asked = false;
	ev_timer_stop(w->timer);
	w->ipc = ipc_new(p->loop, fd, ROLE_PARENT, ROLE_WORKER, permits,
	    sizeof(permits) / sizeof(permits[0]), on_worker_closed, w);
	if (w->ipc == NULL) {
		ev_timer_set(w->timer, RETURN_TIME);
		return 0;
	}
	log_debug("event=worker_attach worker=%u pid=%u", w->number, w->pid);
	sessions_worker_attached(w);
	return 0;
fail:
	close(fd);
	return -1;
}

void
workers_attach_done(struct parent *p)
{
	struct worker	*w, *next;

	for (w = TAILQ_FIRST(&p->workers->list); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (!w->fresh)
			worker_free(w, w->master == p->workers->master_pid ?
			    "worker gone" : "gateway gone");
	}
	sessions_orphans(p, p->workers->master_pid);
}

void
workers_gone(struct parent *p, const struct ipc_worker_gone *m)
{
	struct worker			*w;
	struct event_process_died	 ev;

	w = worker_find(p, p->workers->master_pid, m->worker);
	if (w == NULL)
		return;
	log_debug("event=worker_gone worker=%u status=%u", m->worker,
	    m->status);
	if (m->status != 0) {
		ev.process = slice_str("gatewayd-worker");
		ev.status = m->status;
		auditlink_event(p, EVENT_process_died, &ev);
	}
	worker_free(w, m->status == 0 ? "worker gone" : "worker died");
	reload_poke(p);
}

bool
workers_have_master(struct parent *p)
{
	return p->workers->master != NULL;
}

void
workers_master_lost(struct parent *p, struct ipc *master)
{
	if (p->workers->master != master)
		return;		/* it was replaced */
	log_warnx("event=master_lost pid=%u", p->workers->master_pid);
	p->workers->master = NULL;
	ev_timer_set(p->workers->timer, MASTER_TIME);
}

/* No master for long: what has no channel is dead for all we can know. */
static void
on_no_master(void *ctx)
{
	struct parent	*p = ctx;
	struct worker	*w, *next;

	for (w = TAILQ_FIRST(&p->workers->list); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (w->ipc == NULL)
			worker_free(w, "gateway gone");
	}
	sessions_orphans(p, 0);
	ev_timer_set(p->workers->timer, MASTER_TIME);
}

void
workers_init(struct parent *p)
{
	p->workers = calloc(1, sizeof(*p->workers));
	if (p->workers == NULL)
		fatal("step=workers");
	TAILQ_INIT(&p->workers->list);
	p->workers->timer = ev_timer_new(p->loop, on_no_master, p);
	ev_timer_set(p->workers->timer, MASTER_TIME);
}

/* --- generations --------------------------------------------------------------- */

void
workers_generation(struct parent *p, uint64_t generation)
{
	struct ipc_generation_new	 m = { generation };
	struct worker			*w;

	TAILQ_FOREACH(w, &p->workers->list, entry)
		w->asked = ipc_send(w->ipc, IPC_generation_new, &m, NULL,
		    0) == 0;
}

bool
workers_taken(struct parent *p, uint64_t generation)
{
	struct worker	*w;

	TAILQ_FOREACH(w, &p->workers->list, entry)
		if (w->asked && w->ipc != NULL && w->taken < generation)
			return false;
	return true;
}

void
workers_late(struct parent *p, uint64_t generation)
{
	struct worker	*w;

	TAILQ_FOREACH(w, &p->workers->list, entry)
		if (w->asked && w->taken < generation)
			workers_kill(w, "it did not take the new policy");
}
