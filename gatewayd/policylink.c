/*
 * The connection of gatewayd's master to policyd's parent.
 *
 * Runs in the master.  policyd decides about workers, so it is believed when
 * it says worker_kill; everything else that it may send are answers to
 * requests of ours.  A lost connection is made again, at first after 100 ms,
 * and every live worker is attached anew with a fresh pair of sockets: both
 * ends of the pairs of before are dead to policyd (D7).  Nothing here blocks;
 * policyd being away, or having another gatewayd already, is logged once.
 */
#include "policylink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc.h"
#include "log.h"
#include "unixsock.h"

#define LINK_VERSION	1
#define RETRY_FIRST	100	/* ms */
#define RETRY_LAST	500
/* A connection that lived so long was one. */
#define RETRY_QUIET	1000
#define LAST_WORDS	100

struct request {
	struct request	*next;
	uint32_t	 id;
	policylink_row	*row;
	policylink_end	*end;
	void		*ctx;
};

struct policylink {
	struct ev_loop			*loop;
	const char			*path;
	const struct policylink_hooks	*hooks;
	void				*ctx;
	struct ipc			*ipc;
	struct ev_timer			*retry;
	uint64_t			 delay;
	uint64_t			 since;	/* boot ms of connecting */
	bool				 away;		/* logged */
	bool				 welcome;	/* it is up */
	bool				 refused;	/* logged */
	struct request			*requests;
	uint32_t			 last_id;
};

/* The request, taken out of the list if `take`; NULL: forgotten. */
static struct request *
request_find(struct policylink *l, uint32_t id, bool take)
{
	struct request	**rp, *r;

	for (rp = &l->requests; (r = *rp) != NULL; rp = &r->next) {
		if (r->id != id)
			continue;
		if (take)
			*rp = r->next;
		return r;
	}
	return NULL;
}

static int
on_kill(void *ctx, const void *msg, int *fds)
{
	const struct ipc_worker_kill	*m = msg;
	struct policylink		*l = ctx;

	(void)fds;
	l->hooks->kill(l->ctx, m->worker, m->reason);
	return 0;
}

static int
on_refused(void *ctx, const void *msg, int *fds)
{
	const struct ipc_master_refused	*m = msg;
	struct policylink		*l = ctx;

	(void)fds;
	if (!l->refused)
		log_warnx("event=policyd_refused reason=%s",
		    log_esc(m->reason.p, m->reason.len));
	l->refused = true;
	return 0;
}

static int
on_welcome(void *ctx, const void *msg, int *fds)
{
	struct policylink		*l = ctx;

	(void)msg;
	(void)fds;
	if (l->welcome)
		return -1;
	l->welcome = true;
	l->away = l->refused = false;
	log_info("event=policyd_connected socket=%s", l->path);
	l->hooks->up(l->ctx);
	return 0;
}

static int
on_row(void *ctx, const void *msg, int *fds)
{
	const struct ipc_ctl_row	*m = msg;
	struct policylink		*l = ctx;
	struct request			*r;

	(void)fds;
	if ((r = request_find(l, m->id, false)) != NULL)
		r->row(r->ctx, m->json);
	return 0;
}

static int
on_end(void *ctx, const void *msg, int *fds)
{
	const struct ipc_ctl_end	*m = msg;
	struct policylink		*l = ctx;
	struct request			*r;

	(void)fds;
	if ((r = request_find(l, m->id, true)) != NULL) {
		r->end(r->ctx, m->code, m->message);
		free(r);
	}
	return 0;
}

static const struct ipc_permit permits[] = {
	{ IPC_worker_kill, ~0u, on_kill },
	{ IPC_master_welcome, ~0u, on_welcome },
	{ IPC_master_refused, ~0u, on_refused },
	{ IPC_ctl_row, ~0u, on_row },
	{ IPC_ctl_end, ~0u, on_end }
};

static void
retry_later(struct policylink *l)
{
	ev_timer_set(l->retry, l->delay);
	l->delay *= 2;
	if (l->delay > RETRY_LAST)
		l->delay = RETRY_LAST;
}

static void
on_closed(void *ctx, const char *reason)
{
	struct policylink	*l = ctx;
	struct request		*r;

	if (l->welcome)
		log_warnx("event=policyd_lost reason=%s", log_esc(reason,
		    strlen(reason)));
	ipc_free(&l->ipc);
	l->welcome = false;
	if (now_boot_ms() - l->since > RETRY_QUIET)
		l->delay = RETRY_FIRST;
	while ((r = l->requests) != NULL) {
		l->requests = r->next;
		r->end(r->ctx, 2, slice_str("policyd is not connected"));
		free(r);
	}
	retry_later(l);
}

static void
on_retry(void *ctx)
{
	struct policylink	*l = ctx;
	struct ipc_master_hello	 m;
	int			 fd;

	if ((fd = unix_connect(l->path)) == -1 ||
	    (l->ipc = ipc_new(l->loop, fd, ROLE_MASTER, ROLE_PARENT, permits,
	    sizeof(permits) / sizeof(permits[0]), on_closed, l)) == NULL) {
		if (!l->away)
			log_warn("event=policyd_away socket=%s", l->path);
		l->away = true;
		retry_later(l);
		return;
	}
	l->since = now_boot_ms();
	m.version = LINK_VERSION;
	m.pid = (uint32_t)getpid();
	ipc_send(l->ipc, IPC_master_hello, &m, NULL, 0);
}

struct policylink *
policylink_new(struct ev_loop *loop, const char *path,
    const struct policylink_hooks *hooks, void *ctx)
{
	struct policylink	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return NULL;
	l->loop = loop;
	l->path = path;
	l->hooks = hooks;
	l->ctx = ctx;
	l->delay = RETRY_FIRST;
	l->retry = ev_timer_new(loop, on_retry, l);
	ev_timer_set(l->retry, 0);
	return l;
}

void
policylink_free(struct policylink **lp)
{
	struct policylink	*l = *lp;
	struct request		*r;

	if (l == NULL)
		return;
	if (l->ipc != NULL)
		ipc_flush(l->ipc, LAST_WORDS);
	ipc_free(&l->ipc);
	while ((r = l->requests) != NULL) {
		l->requests = r->next;
		free(r);
	}
	ev_timer_free(&l->retry);
	free(l);
	*lp = NULL;
}

bool
policylink_is_up(const struct policylink *l)
{
	return l->welcome;
}

int
policylink_attach(struct policylink *l, uint32_t worker, pid_t pid,
    bool shared)
{
	struct ipc_worker_attach	m;
	int				pair[2];

	if (!l->welcome)
		return -1;
	if (unix_pair(pair) == -1) {
		log_warn("event=worker_attach_failed worker=%u", worker);
		return -1;
	}
	memset(&m, 0, sizeof(m));
	m.worker = worker;
	m.pid = (uint32_t)pid;
	m.shared = shared;
	if (ipc_send(l->ipc, IPC_worker_attach, &m, &pair[1], 1) == -1) {
		/* The link is about to close, and up() will follow. */
		close(pair[0]);
		return -1;
	}
	return pair[0];
}

void
policylink_attached(struct policylink *l, uint32_t workers)
{
	struct ipc_attach_done	m = { .workers = workers };

	ipc_send(l->ipc, IPC_attach_done, &m, NULL, 0);
}

void
policylink_gone(struct policylink *l, uint32_t worker, int status)
{
	struct ipc_worker_gone	m;

	m.worker = worker;
	m.status = (uint32_t)status;
	ipc_send(l->ipc, IPC_worker_gone, &m, NULL, 0);
}

void
policylink_event(struct policylink *l, const struct ipc_master_event *m)
{
	if (l->welcome)
		ipc_send(l->ipc, IPC_master_event, m, NULL, 0);
}

uint32_t
policylink_request(struct policylink *l, uid_t uid, struct slice verb,
    struct slice args, policylink_row *row, policylink_end *end, void *ctx)
{
	struct ipc_ctl_request	 m;
	struct request		*r;

	if (!l->welcome || (r = calloc(1, sizeof(*r))) == NULL)
		return 0;
	do
		l->last_id++;
	while (l->last_id == 0 || request_find(l, l->last_id, false) != NULL);
	m.id = r->id = l->last_id;
	m.uid = (uint32_t)uid;
	m.verb = verb;
	m.args = args;
	if (ipc_send(l->ipc, IPC_ctl_request, &m, NULL, 0) == -1) {
		free(r);
		return 0;
	}
	r->row = row;
	r->end = end;
	r->ctx = ctx;
	r->next = l->requests;
	l->requests = r;
	return r->id;
}

void
policylink_forget(struct policylink *l, uint32_t id)
{
	free(request_find(l, id, true));
}
