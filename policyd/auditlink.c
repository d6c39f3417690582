/*
 * The parent's link to auditd.
 *
 * Runs in the parent.  auditd is trusted to keep the record, not to be there:
 * when it is away events stay in the parent's spool (a file that outlives both
 * processes), logins are refused, spools to be closed are remembered, and the
 * connection is tried anew after 100 to 500 ms.
 */
#include "auditlink.h"

#include <sys/queue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "crypto.h"
#include "log.h"
#include "requests.h"
#include "attempts.h"
#include "sessions.h"
#include "spool.h"

#define PROTOCOL_VERSION	1
#define DELAY_FIRST		100
#define DELAY_MAX		500
#define TICK			20	/* ms, while something waits */
#define CLOSE_AGAIN		5000	/* ms for auditd to confirm a close */
#define EARLY_MAX		4096	/* events before there is a spool */
#define OWN_SPOOL		0	/* spool_open id of the parent's own */

struct closing {
	TAILQ_ENTRY(closing)	 entry;
	char			 session[LEN_SESSION + 1];
	uint64_t		 sent;		/* boot ms; 0: not yet */
};
TAILQ_HEAD(closing_list, closing);

struct early {
	STAILQ_ENTRY(early)	 entry;
	enum event_kind		 kind;
	struct buf		 bytes;
};
STAILQ_HEAD(early_list, early);

struct auditlink {
	struct ipc		*ipc;
	bool			 asking;	/* the spawner is */
	uint64_t		 delay;
	struct ev_timer		*retry, *tick, *again;
	struct spool		*spool;
	char			 name[LEN_SESSION + 1];	/* of our spool */
	struct ev_io		*ack;
	bool			 waiting;	/* somebody waits for a commit */
	struct early_list	 early;
	unsigned int		 nearly;
	struct closing_list	 closing;
	bool			 said_absent;
};

static void	link_lost(struct parent *);

/* --- our own spool ------------------------------------------------------------ */

static void
link_tick(struct auditlink *a)
{
	if (!ev_timer_pending(a->tick))
		ev_timer_set(a->tick, TICK);
}

static void
own_drop(struct parent *p)
{
	struct auditlink	*a = p->audit;

	sessions_spool_over(p, a->name);
	ev_io_free(&a->ack);
	spool_close(&a->spool);
	a->name[0] = '\0';
	attempts_record_lost(p);
}

static void
own_ask(struct parent *p)
{
	struct auditlink	*a = p->audit;
	struct ipc_spool_open	 m;
	uint8_t			 rnd[4];
	char			 path[LEN_PATH];

	if (a->name[0] == '\0') {
		random_bytes(rnd, sizeof(rnd));
		memcpy(a->name, "policyd-", 8);
		hex_encode(rnd, sizeof(rnd), a->name + 8);
		/* The next parent will close it. */
		sessions_path(p, a->name, ".own", path, sizeof(path));
		sessions_mark(path);
	}
	m.id = OWN_SPOOL;
	m.session = slice_str(a->name);
	m.owner = ROLE_PARENT;
	ipc_send(a->ipc, IPC_spool_open, &m, NULL, 0);
}

static void
on_ack(void *ctx, int what)
{
	struct parent	*p = ctx;

	(void)what;
	spool_acked(p->audit->spool);
	attempts_committed(p);
	requests_committed(p);
}

/* Events from before there was a spool. */
static void
early_replay(struct auditlink *a)
{
	struct early	*e;
	union {
#define M_MEMBER(name, writer)	struct event_##name name;
		EVENT_KINDS(M_MEMBER)
#undef M_MEMBER
	}		 ev;

	while ((e = STAILQ_FIRST(&a->early)) != NULL) {
		STAILQ_REMOVE_HEAD(&a->early, entry);
		if (msg_decode(event_desc(e->kind), buf_head(&e->bytes),
		    e->bytes.len, &ev) == 0)
			spool_append(a->spool, e->kind, &ev);
		buf_clear(&e->bytes);
		free(e);
	}
	a->nearly = 0;
}

static void
early_add(struct auditlink *a, enum event_kind kind, const void *msg)
{
	struct early	*e;

	if (a->nearly == EARLY_MAX || (e = calloc(1, sizeof(*e))) == NULL) {
		log_warnx("event=not_recorded kind=%s error=\"the audit "
		    "service is not available\"", event_desc(kind)->name);
		return;
	}
	e->kind = kind;
	buf_init(&e->bytes, LEN_CLAIMS + 64 * 1024);
	if (msg_encode(event_desc(kind), msg, &e->bytes) == -1) {
		log_warnx("event=not_recorded kind=%s error=\"cannot be "
		    "encoded\"", event_desc(kind)->name);
		buf_clear(&e->bytes);
		free(e);
		return;
	}
	STAILQ_INSERT_TAIL(&a->early, e, entry);
	a->nearly++;
}

uint64_t
auditlink_event(struct parent *p, enum event_kind kind, const void *msg)
{
	struct auditlink	*a = p->audit;
	uint64_t		 pos;

	if (a->spool == NULL) {
		early_add(a, kind, msg);
		return 0;
	}
	pos = spool_append(a->spool, kind, msg);
	if (pos == 0)
		log_warnx("event=not_recorded kind=%s error=\"the spool does "
		    "not take it\"", event_desc(kind)->name);
	else if (!spool_idle(a->spool))
		link_tick(a);
	return pos;
}

bool
auditlink_committed(struct parent *p, uint64_t pos)
{
	struct auditlink	*a = p->audit;

	if (a->spool != NULL && pos != 0 && spool_committed(a->spool, pos))
		return true;
	a->waiting = true;
	link_tick(a);
	return false;
}

/* --- spools to be closed ---------------------------------------------------- */

static void
closing_send(struct parent *p, struct closing *c)
{
	struct ipc_spool_close	m;

	m.session = slice_str(c->session);
	if (ipc_send(p->audit->ipc, IPC_spool_close, &m, NULL, 0) == 0)
		c->sent = now_boot_ms();
}

static struct closing *
closing_find(struct auditlink *a, struct slice session)
{
	struct closing	*c;

	TAILQ_FOREACH(c, &a->closing, entry)
		if (slice_eq(session, c->session))
			return c;
	return NULL;
}

/* Not confirmed for long: say it again. */
static void
on_again(void *ctx)
{
	struct parent	*p = ctx;
	struct closing	*c;
	uint64_t	 now = now_boot_ms();

	TAILQ_FOREACH(c, &p->audit->closing, entry)
		if (p->audit->ipc != NULL &&
		    (c->sent == 0 || now - c->sent >= CLOSE_AGAIN))
			closing_send(p, c);
	if (!TAILQ_EMPTY(&p->audit->closing))
		ev_timer_set(p->audit->again, CLOSE_AGAIN);
}

void
auditlink_spool_close(struct parent *p, const char *session)
{
	struct auditlink	*a = p->audit;
	struct closing		*c;

	if (closing_find(a, slice_str(session)) != NULL)
		return;
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		log_warn("event=spool_close session=%s", session);
		return;		/* the file is there for the next parent */
	}
	snprintf(c->session, sizeof(c->session), "%s", session);
	TAILQ_INSERT_TAIL(&a->closing, c, entry);
	if (a->ipc != NULL)
		closing_send(p, c);
	if (!ev_timer_pending(a->again))
		ev_timer_set(a->again, CLOSE_AGAIN);
}

/* --- what auditd says --------------------------------------------------------- */

static int
on_spool_opened(void *ctx, const void *msg, int *fds)
{
	struct parent			*p = ctx;
	struct auditlink		*a = p->audit;
	const struct ipc_spool_opened	*m = msg;
	int				 i;

	if (m->id != OWN_SPOOL) {
		attempts_spool(p, m, fds);
		return 0;
	}
	if (a->spool != NULL || !slice_eq(m->session, a->name))
		return -1;
	a->spool = spool_open(fds[0], fds[1], fds[2], fds[3]);
	for (i = 0; i < 4; i++)
		fds[i] = -1;
	if (a->spool == NULL) {
		log_warnx("event=own_spool error=\"not a spool\"");
		return -1;
	}
	a->ack = ev_io_new(p->loop, spool_ack_fd(a->spool), EV_IN, on_ack, p);
	early_replay(a);
	link_tick(a);
	log_info("event=audit_ready spool=%s", a->name);
	return 0;
}

static int
on_spool_failed(void *ctx, const void *msg, int *fds)
{
	struct parent			*p = ctx;
	const struct ipc_spool_failed	*m = msg;

	(void)fds;
	if (m->id != OWN_SPOOL) {
		attempts_spool_failed(p, m);
		return 0;
	}
	log_warnx("event=own_spool reason=%s",
	    log_esc(m->reason.p, m->reason.len));
	return -1;
}

static int
on_spool_closed(void *ctx, const void *msg, int *fds)
{
	struct parent			*p = ctx;
	const struct ipc_spool_closed	*m = msg;
	struct closing			*c = closing_find(p->audit,
					    m->session);
	char				 path[LEN_PATH];

	(void)fds;
	if (c == NULL)
		return 0;	/* told before, and told again */
	sessions_path(p, c->session, ".closed", path, sizeof(path));
	if (unlink(path) == -1 && errno != ENOENT)
		log_warn("event=mark path=%s", path);
	TAILQ_REMOVE(&p->audit->closing, c, entry);
	free(c);
	return 0;
}

static int
on_spool_broken(void *ctx, const void *msg, int *fds)
{
	struct parent			*p = ctx;
	const struct ipc_spool_broken	*m = msg;

	(void)fds;
	log_warnx("event=spool_broken session=%s reason=%s",
	    log_esc(m->session.p, m->session.len),
	    log_esc(m->reason.p, m->reason.len));
	if (slice_eq(m->session, p->audit->name)) {
		/* Ours: begin another one. */
		own_drop(p);
		own_ask(p);
	} else
		sessions_spool_broken(p, m->session);
	return 0;
}

static const struct ipc_permit permits[] = {
	{ IPC_spool_opened, ~0u, on_spool_opened },
	{ IPC_spool_failed, ~0u, on_spool_failed },
	{ IPC_spool_closed, ~0u, on_spool_closed },
	{ IPC_spool_broken, ~0u, on_spool_broken },
};

/* --- the connection ------------------------------------------------------------ */

static void
on_link_closed(void *ctx, const char *reason)
{
	struct parent	*p = ctx;

	log_warnx("event=audit_lost reason=\"%s\"", reason);
	link_lost(p);
}

static void
link_retry(struct auditlink *a)
{
	a->delay = a->delay == 0 ? DELAY_FIRST :
	    a->delay * 2 > DELAY_MAX ? DELAY_MAX : a->delay * 2;
	ev_timer_set(a->retry, a->delay);
}

static void
link_lost(struct parent *p)
{
	struct auditlink	*a = p->audit;
	struct closing		*c;

	ipc_free(&a->ipc);
	/* What was not confirmed is sent again. */
	TAILQ_FOREACH(c, &a->closing, entry)
		c->sent = 0;
	attempts_audit_lost(p);
	link_retry(a);
}

static void
link_ask(struct parent *p)
{
	struct ipc_audit_connect	m;

	m.path = slice_str(p->policy->runtime.auditd);
	if (!p->audit->asking &&
	    ipc_send(p->spawner, IPC_audit_connect, &m, NULL, 0) == 0)
		p->audit->asking = true;
}

void
auditlink_socket(struct parent *p, int fd)
{
	struct auditlink	*a = p->audit;
	struct ipc_audit_hello	 m = { PROTOCOL_VERSION };
	struct closing		*c;

	a->asking = false;
	a->said_absent = false;
	ipc_free(&a->ipc);
	a->ipc = ipc_new(p->loop, fd, ROLE_PARENT, ROLE_AUDITD, permits,
	    sizeof(permits) / sizeof(permits[0]), on_link_closed, p);
	if (a->ipc == NULL) {
		link_retry(a);
		return;
	}
	a->delay = 0;
	log_info("event=audit_connected");
	ipc_send(a->ipc, IPC_audit_hello, &m, NULL, 0);
	if (a->spool != NULL && spool_broken(a->spool))
		own_drop(p);
	if (a->spool == NULL)
		own_ask(p);
	TAILQ_FOREACH(c, &a->closing, entry)
		if (c->sent == 0)
			closing_send(p, c);
	link_tick(a);
}

void
auditlink_absent(struct parent *p, struct slice reason)
{
	p->audit->asking = false;
	if (!p->audit->said_absent)
		log_warnx("event=audit_absent reason=%s",
		    log_esc(reason.p, reason.len));
	p->audit->said_absent = true;
	link_retry(p->audit);
}

int
auditlink_spool_open(struct parent *p, uint32_t id, const char *session)
{
	struct ipc_spool_open	m;

	m.id = id;
	m.session = slice_str(session);
	m.owner = ROLE_WORKER;
	return ipc_send(p->audit->ipc, IPC_spool_open, &m, NULL, 0);
}

static void
on_retry(void *ctx)
{
	link_ask(ctx);
}

static void
on_tick(void *ctx)
{
	struct parent		*p = ctx;
	struct auditlink	*a = p->audit;
	bool			 more = false;

	if (a->spool != NULL) {
		spool_pump(a->spool);
		more = !spool_idle(a->spool);
	}
	if (a->waiting) {
		/* Whoever waits still says so again. */
		a->waiting = false;
		attempts_committed(p);
		requests_committed(p);
		more = more || a->waiting;
	}
	if (more)
		link_tick(a);
}

bool
auditlink_connected(struct parent *p)
{
	return p->audit->ipc != NULL;
}

bool
auditlink_ready(struct parent *p)
{
	return p->audit->ipc != NULL && p->audit->spool != NULL &&
	    spool_alive(p->audit->spool, now_boot_ms());
}

void
auditlink_init(struct parent *p)
{
	struct auditlink	*a = calloc(1, sizeof(*a));

	if (a == NULL)
		fatal("step=auditlink");
	TAILQ_INIT(&a->closing);
	STAILQ_INIT(&a->early);
	p->audit = a;
	a->retry = ev_timer_new(p->loop, on_retry, p);
	a->tick = ev_timer_new(p->loop, on_tick, p);
	a->again = ev_timer_new(p->loop, on_again, p);
	link_ask(p);
}

void
auditlink_stop(struct parent *p)
{
	struct auditlink	*a = p->audit;

	if (a->spool != NULL)
		spool_pump(a->spool);
	if (a->ipc != NULL)
		ipc_flush(a->ipc, 200);
}
