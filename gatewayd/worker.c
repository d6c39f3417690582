/*
 * worker: the process that serves clients.  It is born with a listening
 * socket, a channel to the master and, soon, a channel to policyd's parent;
 * everything that a session needs comes over that.  It has no path to a file
 * and never a password.  In isolation `session` it serves one client and ends.
 */
#include "worker.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "proc.h"
#include "session.h"
#include "unixsock.h"
#include "workerctx.h"

/* Clients taken in one go, so that a busy worker leaves some to the others. */
#define ACCEPT_BURST	8
#define BREATH_MS	100
/* Between looks at the queue of a worker that is full. */
#define QUEUE_MS	100
/* Client, backend, engine, wake, ack; and what a login needs for a moment. */
#define FDS_SESSION	5
#define FDS_RESERVE	64
/* Of the log of a daemon in the foreground, as far as workers write it. */
#define LOG_BYTES	(256ull * 1024 * 1024)
/* Allocations of this size go back to the system when they are freed. */
#define MMAP_BYTES	(256 * 1024)

struct profile_cache {
	struct profile_cache	*next;
	struct verdict_cache	*cache;
	char			 profile[LEN_KEY + 1];
	char			 database[LEN_NAME + 1];
};

static struct worker worker;

struct verdict_cache *
worker_cache(struct worker *w, const char *profile, const char *database)
{
	struct profile_cache *c;

	for (c = w->caches; c != NULL; c = c->next)
		if (strcmp(c->profile, profile) == 0 &&
		    strcmp(c->database, database) == 0)
			return c->cache;
	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (c->cache = verdict_cache_new()) == NULL) {
		free(c);
		return NULL;
	}
	strncpy(c->profile, profile, sizeof(c->profile) - 1);
	strncpy(c->database, database, sizeof(c->database) - 1);
	c->next = w->caches;
	w->caches = c;
	return c->cache;
}

/* --- sessions, by number and by name ------------------------------------------- */

static struct session *
by_attempt(struct worker *w, uint32_t attempt)
{
	struct session *s;

	for (s = w->sessions; s != NULL; s = s->next)
		if (s->attempt == attempt)
			return s;
	return NULL;
}

static struct session *
by_id(struct worker *w, struct slice id)
{
	struct session *s;

	for (s = w->sessions; s != NULL; s = s->next)
		if (s->id[0] != '\0' && slice_eq(id, s->id))
			return s;
	return NULL;
}

static void	on_accept(void *, int);

static void
worker_report(struct worker *w)
{
	struct ipc_worker_busy busy = { .sessions = w->nsessions };

	if (w->nsessions == w->reported)
		return;
	w->reported = w->nsessions;
	ipc_send(w->master, IPC_worker_busy, &busy, NULL, 0);
}

/* Those that only wait must not keep all others out: the master says who goes. */
static void
worker_full(struct worker *w)
{
	struct ipc_worker_full full = { .sessions = w->nsessions };
	struct pollfd queue = { w->listen_fd, POLLIN, 0 };

	if (ev_timer_pending(w->queue))
		return;
	if (poll(&queue, 1, 0) == 1)
		ipc_send(w->master, IPC_worker_full, &full, NULL, 0);
	ev_timer_set(w->queue, QUEUE_MS);
}

/*
 * Take clients as long as there is room; in isolation `session` just one.  Who
 * takes no more for good closes the socket, so that the kernel queues nobody
 * here.
 */
static void
worker_accepting(struct worker *w)
{
	uint64_t room = w->listen->shared ? w->room : 1;
	bool over = w->draining || (!w->listen->shared && w->attempts > 0);
	bool want = !over && w->nsessions < room &&
	    !ev_timer_pending(w->breath);

	if (want && w->accept_io == NULL)
		w->accept_io = ev_io_new(w->loop, w->listen_fd, EV_IN,
		    on_accept, w);
	else if (!want)
		ev_io_free(&w->accept_io);
	if (over && w->listen_fd != -1) {
		close(w->listen_fd);
		w->listen_fd = -1;
	}
	if (!over && w->nsessions >= room)
		worker_full(w);
}

/* Out of descriptors or memory: the next client waits a moment. */
static void
worker_breathe(struct worker *w)
{
	log_warn("step=accept");
	ev_timer_set(w->breath, BREATH_MS);
	worker_accepting(w);
}

/* Also of the queue. */
static void
on_breath(void *ctx)
{
	worker_accepting(ctx);
}

static void
on_accept(void *ctx, int what)
{
	struct worker *w = ctx;
	int fd, i;

	(void)what;
	for (i = 0; i < ACCEPT_BURST && w->accept_io != NULL; i++) {
		if ((fd = unix_accept(w->listen_fd)) == -1) {
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOMEM || errno == ENOBUFS)
				worker_breathe(w);
			return;
		}
		if (session_new(w, fd) == NULL)
			log_warnx("error=\"out of memory\" step=accept");
		/* At once: the master replaces a spare worker by this. */
		worker_report(w);
		worker_changed(w);
	}
}


static void
on_reap(void *ctx)
{
	struct worker *w = ctx;
	struct session *s, *next;

	for (s = w->sessions; s != NULL; s = next) {
		next = s->next;
		if (s->state == SESSION_OVER) {
			session_free(s);
			ev_timer_stop(w->queue);
		}
	}
	worker_accepting(w);
	worker_report(w);
	if (w->nsessions > 0)
		return;
	if (w->draining || (!w->listen->shared && w->attempts > 0)) {
		ipc_flush(w->parent, 1000);
		ipc_flush(w->master, 1000);
		_exit(0);
	}
}

void
worker_changed(struct worker *w)
{
	worker_accepting(w);
	ev_timer_set(w->reap, 0);
}

/* --- policyd's parent -------------------------------------------------------------- */

static int
on_login_ok(void *ctx, const void *vm, int *fds)
{
	const struct ipc_login_ok *m = vm;
	struct login_grant g = { m, fds };
	struct ipc_session_end end = { .session = m->session,
	    .reason = slice_str("client went away during login") };
	struct session *s = by_attempt(ctx, m->attempt);

	if (s != NULL && (s->state == SESSION_LOGIN ||
	    s->state == SESSION_GRANT)) {
		session_event(s, EVT_LOGIN_OK, &g);
		return 0;
	}
	ipc_send(worker.parent, IPC_session_end, &end, NULL, 0);
	return 0;
}

static int
on_login_refused(void *ctx, const void *vm, int *fds)
{
	const struct ipc_login_refused *m = vm;
	struct session *s = by_attempt(ctx, m->attempt);

	(void)fds;
	if (s != NULL)
		session_event(s, EVT_LOGIN_REFUSED, m);
	return 0;
}

static int
on_login_wait(void *ctx, const void *vm, int *fds)
{
	const struct ipc_login_wait *m = vm;
	struct session *s = by_attempt(ctx, m->attempt);

	(void)fds;
	if (s != NULL)
		session_event(s, EVT_LOGIN_WAIT, m);
	return 0;
}

static int
on_policy_channel(void *ctx, const void *vm, int *fds)
{
	const struct ipc_policy_channel *m = vm;
	struct ipc_session_end end = { .session = m->session,
	    .reason = slice_str("ended while policyd was away") };
	struct session *s = by_id(ctx, m->session);

	if (s == NULL || s->ended) {
		ipc_send(worker.parent, IPC_session_end, &end, NULL, 0);
		return 0;
	}
	judge_connect(s, fds[0]);
	fds[0] = -1;
	session_event(s, EVT_WAKE, NULL);
	return 0;
}

static int
on_sasl_answer(void *ctx, const void *vm, int *fds)
{
	const struct ipc_sasl_answer *m = vm;
	struct session *s = by_id(ctx, m->session);

	(void)fds;
	if (s != NULL)
		session_event(s, EVT_SASL, m);
	return 0;
}

static int
on_sasl_failed(void *ctx, const void *vm, int *fds)
{
	const struct ipc_sasl_failed *m = vm;
	struct session *s = by_id(ctx, m->session);

	(void)fds;
	if (s != NULL)
		session_event(s, EVT_SASL_FAILED, m);
	return 0;
}

static int
on_session_key(void *ctx, const void *vm, int *fds)
{
	const struct ipc_session_key *m = vm;
	struct session *s = by_id(ctx, m->session);

	(void)fds;
	if (s != NULL)
		session_event(s, EVT_KEY, m);
	return 0;
}

static int
on_session_kill(void *ctx, const void *vm, int *fds)
{
	const struct ipc_session_kill *m = vm;
	struct session *s = by_id(ctx, m->session);

	(void)fds;
	if (s != NULL)
		session_event(s, EVT_KILL, m);
	return 0;
}

/* D26: nothing is forwarded until the cancel request was delivered. */
static int
on_cancel_hold(void *ctx, const void *vm, int *fds)
{
	const struct ipc_cancel_hold *m = vm;
	struct ipc_cancel_held held = { .session = m->session, .id = m->id };
	struct session *s = by_id(ctx, m->session);

	(void)fds;
	if (s != NULL && s->state == SESSION_OPEN && hold_on_cancel(s))
		log_debug("session=%s cancel=held_statement", s->id);
	else if (s != NULL && s->state == SESSION_OPEN && s->pipe.n > 0) {
		s->cancel_hold = true;
		held.active = 1;
	}
	ipc_send(worker.parent, IPC_cancel_held, &held, NULL, 0);
	return 0;
}

static int
on_cancel_over(void *ctx, const void *vm, int *fds)
{
	const struct ipc_cancel_over *m = vm;
	struct session *s = by_id(ctx, m->session);

	(void)fds;
	if (s != NULL) {
		s->cancel_hold = false;
		session_event(s, EVT_WAKE, NULL);
	}
	return 0;
}

static int
on_cancel_answered(void *ctx, const void *vm, int *fds)
{
	const struct ipc_cancel_answered *m = vm;
	struct session *s = by_attempt(ctx, m->attempt);

	(void)fds;
	if (s != NULL)
		session_event(s, EVT_CANCELLED, NULL);
	return 0;
}

/* Old verdicts are void by themselves: the generation is part of each.  Once
 * this is answered nothing of an older one is forwarded by this worker. */
static int
on_generation_new(void *ctx, const void *vm, int *fds)
{
	const struct ipc_generation_new *m = vm;
	struct ipc_generation_taken taken = { m->generation };
	struct worker *w = ctx;
	struct session *s;

	(void)fds;
	ipc_send(w->parent, IPC_generation_taken, &taken, NULL, 0);
	for (s = w->sessions; s != NULL; s = s->next)
		session_event(s, EVT_WAKE, NULL);
	return 0;
}

static int
on_hold_answer(void *ctx, const void *vm, int *fds)
{
	const struct ipc_hold_answer *m = vm;
	struct session *s = by_id(ctx, m->session);

	(void)fds;
	if (s != NULL && s->state == SESSION_OPEN)
		hold_on_answer(s, m);
	return 0;
}

static int
on_estimate_answer(void *ctx, const void *vm, int *fds)
{
	const struct ipc_estimate_answer *m = vm;
	struct session *s = by_id(ctx, m->session);

	(void)fds;
	if (s != NULL && s->state == SESSION_OPEN)
		estimate_on_answer(s, m);
	return 0;
}

static const struct ipc_permit parent_permits[] = {
	{ IPC_login_ok, ~0u, on_login_ok },
	{ IPC_login_wait, ~0u, on_login_wait },
	{ IPC_login_refused, ~0u, on_login_refused },
	{ IPC_policy_channel, ~0u, on_policy_channel },
	{ IPC_sasl_answer, ~0u, on_sasl_answer },
	{ IPC_sasl_failed, ~0u, on_sasl_failed },
	{ IPC_session_key, ~0u, on_session_key },
	{ IPC_session_kill, ~0u, on_session_kill },
	{ IPC_cancel_hold, ~0u, on_cancel_hold },
	{ IPC_cancel_over, ~0u, on_cancel_over },
	{ IPC_cancel_answered, ~0u, on_cancel_answered },
	{ IPC_generation_new, ~0u, on_generation_new },
	{ IPC_hold_answer, ~0u, on_hold_answer },
	{ IPC_estimate_answer, ~0u, on_estimate_answer },
};

static void
on_parent_closed(void *ctx, const char *reason)
{
	struct worker *w = ctx;
	struct session *s;

	log_debug("policyd=away reason=\"%s\"", reason);
	ipc_free(&w->parent);
	for (s = w->sessions; s != NULL; s = s->next)
		session_event(s, EVT_PARENT_GONE, NULL);
}

/* --- the master ---------------------------------------------------------------------- */

static int
on_worker_channel(void *ctx, const void *vm, int *fds)
{
	struct worker *w = ctx;
	struct session *s, *next;

	(void)vm;
	if (w->parent != NULL) {
		ipc_free(&w->parent);
		for (s = w->sessions; s != NULL; s = s->next)
			session_event(s, EVT_PARENT_GONE, NULL);
	}
	w->parent = ipc_new(w->loop, fds[0], ROLE_WORKER, ROLE_PARENT,
	    parent_permits, sizeof(parent_permits) / sizeof(parent_permits[0]),
	    on_parent_closed, w);
	fds[0] = -1;
	/* Startup packets may wait for it. */
	for (s = w->sessions; s != NULL; s = next) {
		next = s->next;
		if (s->state == SESSION_STARTUP)
			session_event(s, EVT_CLIENT, NULL);
	}
	return 0;
}

static int
on_worker_drain(void *ctx, const void *vm, int *fds)
{
	struct worker *w = ctx;

	(void)vm;
	(void)fds;
	w->draining = true;
	worker_changed(w);
	return 0;
}

static int
on_client_drop(void *ctx, const void *vm, int *fds)
{
	const struct ipc_client_drop *m = vm;
	struct session *s = by_attempt(ctx, m->attempt);

	(void)fds;
	/* In SESSION_LOGIN it is us that it waits for. */
	if (s == NULL || !s->waiting || (m->queue &&
	    s->state == SESSION_LOGIN))
		return 0;
	/* Who does not read a last word would keep the place until `stall`. */
	if (m->queue)
		session_drop(s, "made room for others that queue");
	else
		startup_drop(s);
	return 0;
}

static const struct ipc_permit master_permits[] = {
	{ IPC_client_drop, ~0u, on_client_drop },
	{ IPC_worker_channel, ~0u, on_worker_channel },
	{ IPC_worker_drain, ~0u, on_worker_drain },
};

/*
 * The spool is written through its mapping and never grows, and there is no
 * other file; but in the foreground the log may be one.
 */
static void
worker_limit_files(void)
{
	struct stat st;

	proc_limit_files(fstat(STDERR_FILENO, &st) == 0 &&
	    S_ISREG(st.st_mode) ? LOG_BYTES : 0);
}

/* Sessions for which there are descriptors; as many as there may be. */
static uint64_t
worker_room(const struct gw_conf *conf)
{
	struct rlimit rl;
	uint64_t fds = FDS_RESERVE + FDS_SESSION;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
		if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur > fds)
			fds = rl.rlim_cur;
	}
	fds = (fds - FDS_RESERVE) / FDS_SESSION;
	return fds < conf->per_worker ? fds : conf->per_worker;
}

static void
on_master_closed(void *ctx, const char *reason)
{
	(void)ctx;
	fatalx("master=gone reason=\"%s\"", reason);
}

void
worker_main(const struct gw_conf *conf, const struct gw_listen *listen,
    int master, uint32_t number)
{
	struct worker *w = &worker;

	signal(SIGPIPE, SIG_IGN);
	proc_pass_nothing();
	worker_limit_files();
	/* Fixed, or one large message would make glibc keep all that follow. */
	mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
	mallopt(M_TRIM_THRESHOLD, MMAP_BYTES);
	w->conf = conf;
	w->listen = listen;
	w->number = number;
	w->loop = ev_loop_new();
	w->room = worker_room(conf);
	w->listen_fd = listen->fd;
	w->reap = ev_timer_new(w->loop, on_reap, w);
	w->breath = ev_timer_new(w->loop, on_breath, w);
	w->queue = ev_timer_new(w->loop, on_breath, w);
	w->master = ipc_new(w->loop, master, ROLE_WORKER, ROLE_MASTER,
	    master_permits, sizeof(master_permits) / sizeof(master_permits[0]),
	    on_master_closed, w);
	if (w->master == NULL)
		fatalx("error=\"out of memory\" step=worker");
	fd_nonblock(w->listen_fd);
	worker_accepting(w);
	ev_run(w->loop);
	_exit(0);
}
