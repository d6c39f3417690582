/*
 * The workers, as gatewayd's master sees them: forked ahead of their clients,
 * replaced when they took one, reaped, throttled when they crash.
 *
 * Runs in the master.  A worker is not trusted: it meets the network.  It can
 * say worker_busy, which at most makes the master fork one more worker, that it
 * is full, which costs only clients of its own their place, and
 * which clients of it have not logged in, at most as many as it may have;
 * anything else, or a closed link, ends it with SIGKILL.  A worker's
 * number is never used twice.  A fork that fails counts as a crash and is
 * tried again.
 */
#include "children.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc.h"
#include "lobby.h"
#include "log.h"
#include "spawn.h"

/* Crashes of a listener's workers delay its next fork: 10 ms, 20, ... 1 s. */
#define DELAY_FIRST	10
#define DELAY_LAST	1000
/* Without a crash for so long, a listener starts over. */
#define DELAY_QUIET	10000
/* Clients of a shared worker that have not logged in: gwconf's limit. */
#define WAITING_MAX	100000
/* ms between looks at a queue that no worker may be forked for. */
#define QUEUE_TIME	100
/* "maximum reached" is logged at most this often. */
#define FULL_QUIET	10000

/* A listener's workers; kept over reloads by address. */
struct slot {
	struct slot		*next;
	struct children		*all;
	struct gw_listen	*listen;	/* NULL: not in the config */
	char			*address;
	struct ev_timer		*timer;		/* to fork after a delay */
	uint64_t		 delay;		/* ms, of the last crash */
	uint64_t		 crashed;	/* boot ms of the last crash */
	uint64_t		 not_before;	/* boot ms of the next fork */
	uint64_t		 crashes;
};

struct child {
	struct child	*next;
	struct children	*all;
	struct slot	*slot;
	struct ipc	*ipc;		/* NULL: closed, and the child killed */
	uint32_t	 number;
	pid_t		 pid;
	bool		 shared;
	bool		 draining;
	bool		 killed;	/* by us: no crash */
	bool		 used;		/* has had a session */
	bool		 owed;		/* a channel to policyd */
	int		 dead;		/* 1: waited for; 2: and a turn ago */
	int		 status;	/* as waitpid() gave it */
	uint32_t	 sessions;
	uint32_t	 waiting;	/* seats in the lobby, as it says */
};

struct children {
	struct lobby			*lobby;
	struct ev_loop			*loop;
	const struct children_hooks	*hooks;
	void				*ctx;
	struct gw_conf			*conf;
	struct slot			*slots;
	struct child			*first;
	struct ev_signal		*sigchld;
	struct ev_timer			*reap;
	size_t				 live;
	uint32_t			 number;	/* of the last one */
	uint64_t			 full;		/* boot ms: logged */
	bool				 draining;
};

static void	slot_fill(struct slot *);
static struct child *child_find(const struct children *, uint32_t number);

/* --- the master's side of one child ------------------------------------ */

static int
on_busy(void *ctx, const void *msg, int *fds)
{
	const struct ipc_worker_busy	*m = msg;
	struct child			*c = ctx;

	(void)fds;
	if (!c->shared && m->sessions > 1)
		return -1;
	c->sessions = m->sessions;
	if (m->sessions > 0 && !c->used) {
		c->used = true;
		slot_fill(c->slot);
	}
	return 0;
}

static void
seat_lost(struct children *all, struct lobby_seat seat, bool queue)
{
	struct ipc_client_drop	 drop = { .attempt = seat.attempt,
	    .queue = queue };
	struct child		*c = child_find(all, seat.worker);

	if (c != NULL)
		ipc_send(c->ipc, IPC_client_drop, &drop, NULL, 0);
}

static int
on_full(void *ctx, const void *msg, int *fds)
{
	struct child		*c = ctx;
	struct lobby_seat	 seat;

	(void)msg;
	(void)fds;
	if (!c->shared)
		return -1;
	if (lobby_make_room(c->all->lobby, c->number, now_boot_ms(), &seat))
		seat_lost(c->all, seat, true);
	return 0;
}

static int
on_client_came(void *ctx, const void *msg, int *fds)
{
	const struct ipc_client_came	*m = msg;
	struct child			*c = ctx;
	struct lobby_seat		 seat = { c->number, m->attempt,
	    c->shared }, out;

	(void)fds;
	if (m->addr.len != 16 || c->waiting >= (c->shared ? WAITING_MAX : 1))
		return -1;
	/* In any case: it will say that it is settled. */
	c->waiting++;
	if (lobby_enter(c->all->lobby, m->addr.p, seat,
	    c->all->conf->unauthenticated, now_boot_ms(), &out) == 1)
		seat_lost(c->all, out, false);
	return 0;
}

static int
on_client_settled(void *ctx, const void *msg, int *fds)
{
	const struct ipc_client_settled	*m = msg;
	struct child			*c = ctx;
	struct lobby_seat		 seat = { c->number, m->attempt,
	    c->shared };

	(void)fds;
	if (c->waiting == 0)
		return -1;
	c->waiting--;
	lobby_leave(c->all->lobby, seat);
	return 0;
}

static const struct ipc_permit permits[] = {
	{ IPC_worker_busy, ~0u, on_busy },
	{ IPC_worker_full, ~0u, on_full },
	{ IPC_client_came, ~0u, on_client_came },
	{ IPC_client_settled, ~0u, on_client_settled }
};

/* Once it has been waited for, its pid can be anybody's. */
static void
child_signal(const struct child *c)
{
	if (c->dead == 0)
		kill(c->pid, SIGKILL);
}

/*
 * Its end, or a breach of the table.  The kill does nothing to one that is
 * exiting: its status stands already.
 */
static void
on_closed(void *ctx, const char *reason)
{
	struct child	*c = ctx;

	log_debug("event=worker_link_closed worker=%u pid=%ld reason=%s",
	    c->number, (long)c->pid, log_esc(reason, strlen(reason)));
	ipc_free(&c->ipc);
	child_signal(c);
}

static void
child_drain(struct child *c)
{
	struct ipc_worker_drain	m = { .reason = 0 };

	if (c->draining)
		return;
	c->draining = true;
	ipc_send(c->ipc, IPC_worker_drain, &m, NULL, 0);
}

static struct child *
child_find(const struct children *all, uint32_t number)
{
	struct child	*c;

	for (c = all->first; c != NULL; c = c->next)
		if (c->number == number)
			return c;
	return NULL;
}

/* Register what was forked.  -1: no memory; the caller kills it. */
static int
child_add(struct slot *s, pid_t pid, int link, uint32_t number)
{
	struct child	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(link);
		return -1;
	}
	c->all = s->all;
	c->slot = s;
	c->pid = pid;
	c->number = number;
	c->shared = s->listen->shared;
	if ((c->ipc = ipc_new(s->all->loop, link, ROLE_MASTER, ROLE_WORKER,
	    permits, sizeof(permits) / sizeof(permits[0]), on_closed, c)) ==
	    NULL) {
		free(c);
		return -1;
	}
	c->next = s->all->first;
	s->all->first = c;
	s->all->live++;
	return 0;
}

/* -1 with errno: no worker. */
static int
child_fork(struct slot *s)
{
	struct children	*all = s->all;
	pid_t		 pid;
	int		 link;

	if (all->number == UINT32_MAX) {
		errno = ERANGE;
		return -1;
	}
	pid = spawn_worker(all->conf, s->listen, all->number + 1, &link);
	if (pid == -1)
		return -1;
	all->number++;
	if (child_add(s, pid, link, all->number) == -1) {
		kill(pid, SIGKILL);
		errno = ENOMEM;
		return -1;
	}
	log_debug("event=worker_start worker=%u pid=%ld listen=%s",
	    all->number, (long)pid, s->address);
	all->hooks->born(all->ctx, all->number, pid, s->listen->shared);
	return 0;
}

/* --- slots ------------------------------------------------------------- */

static void
slot_crashed(struct slot *s)
{
	uint64_t	now = now_boot_ms();

	if (s->delay == 0 || now - s->crashed > DELAY_QUIET)
		s->delay = DELAY_FIRST;
	else if (now >= s->not_before) {
		/* Several that die together are one crash. */
		s->delay *= 2;
		if (s->delay > DELAY_LAST)
			s->delay = DELAY_LAST;
	}
	s->crashes++;
	s->crashed = now;
	s->not_before = now + s->delay;
}

/* Workers that wait for clients, or (shared) are there for them. */
static uint64_t
slot_ready(const struct slot *s)
{
	const struct child	*c;
	uint64_t		 n = 0;

	for (c = s->all->first; c != NULL; c = c->next)
		n += c->slot == s && !c->draining && (c->shared || !c->used);
	return n;
}

/* Is there room for one more in isolation session? */
static bool
slot_allowed(const struct slot *s)
{
	struct children		*all = s->all;
	const struct child	*c;
	uint64_t		 n = 0, now;

	if (s->listen->shared)
		return true;
	for (c = all->first; c != NULL; c = c->next)
		n += !c->shared;
	if (n < all->conf->maximum)
		return true;
	now = now_boot_ms();
	if (all->full == 0 || now - all->full > FULL_QUIET)
		log_warnx("event=workers_maximum maximum=%llu",
		    (unsigned long long)all->conf->maximum);
	all->full = now;
	return false;
}

/*
 * No worker may be added, and none is free.  If clients queue, one that has
 * not logged in for long goes, lest those that only wait keep all others out;
 * when its worker has ended, slot_fill() is called by that.
 */
static void
slot_make_room(struct slot *s)
{
	struct pollfd		queue = { s->listen->fd, POLLIN, 0 };
	struct lobby_seat	seat;

	if (poll(&queue, 1, 0) == 1 &&
	    lobby_make_room(s->all->lobby, 0, now_boot_ms(), &seat))
		seat_lost(s->all, seat, true);
	ev_timer_set(s->timer, QUEUE_TIME);
}

static void
slot_fill(struct slot *s)
{
	uint64_t	want, ready, now;

	if (s->listen == NULL || s->all->draining)
		return;
	want = s->listen->shared ? s->all->conf->shared : s->all->conf->spare;
	for (ready = slot_ready(s); ready < want; ready++) {
		if (!slot_allowed(s)) {
			if (ready == 0)
				slot_make_room(s);
			return;
		}
		if (s->not_before > (now = now_boot_ms())) {
			ev_timer_set(s->timer, s->not_before - now);
			return;
		}
		if (child_fork(s) == -1) {
			log_warn("event=worker_fork_failed listen=%s",
			    s->address);
			slot_crashed(s);
			ev_timer_set(s->timer, s->delay);
			return;
		}
	}
}

static void
on_slot_timer(void *ctx)
{
	slot_fill(ctx);
}

/* Memory is out: NULL. */
static struct slot *
slot_get(struct children *all, const char *address)
{
	struct slot	*s;

	for (s = all->slots; s != NULL; s = s->next)
		if (strcmp(s->address, address) == 0)
			return s;
	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->address = strdup(address)) == NULL) {
		free(s);
		return NULL;
	}
	s->all = all;
	s->timer = ev_timer_new(all->loop, on_slot_timer, s);
	s->next = all->slots;
	all->slots = s;
	return s;
}

/* --- reaping ----------------------------------------------------------- */

/*
 * A worker that nobody told to end and that had no session has no reason to
 * end, even with status 0: forking anew at once would be a loop.
 */
static bool
is_crash(const struct child *c)
{
	if (c->killed)
		return false;
	if (!WIFEXITED(c->status) || WEXITSTATUS(c->status) != 0)
		return true;
	return !c->draining && (c->shared || !c->used);
}

/* Takes it out of the list. */
static void
child_bury(struct child **cp)
{
	struct child	*c = *cp;
	struct children	*all = c->all;
	struct slot	*s = c->slot;
	int		 status = c->status;

	*cp = c->next;
	all->live--;
	if (is_crash(c)) {
		slot_crashed(s);
		log_warnx("event=worker_crash worker=%u pid=%ld listen=%s "
		    "%s=%d delay_ms=%llu", c->number, (long)c->pid,
		    s->address, WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status) :
		    WEXITSTATUS(status), (unsigned long long)s->delay);
	} else
		log_debug("event=worker_end worker=%u pid=%ld", c->number,
		    (long)c->pid);
	ipc_free(&c->ipc);
	lobby_leave_all(all->lobby, c->number);
	all->hooks->gone(all->ctx, c->number, status);
	free(c);
}

/*
 * What a child said last (that it took a client) may still be in its socket
 * when it is waited for.  So it is buried a full turn of the loop later, by
 * when all that it sent has been handed out.
 */
static void
on_reap(void *ctx)
{
	struct children	*all = ctx;
	struct child	*c, **cp;
	struct slot	*s;
	bool		 again = false;

	for (cp = &all->first; (c = *cp) != NULL;) {
		if (c->dead == 2) {
			child_bury(cp);
			continue;
		}
		if (c->dead == 1) {
			c->dead = 2;
			again = true;
		}
		cp = &c->next;
	}
	for (s = all->slots; s != NULL; s = s->next)
		slot_fill(s);
	if (again)
		ev_timer_set(all->reap, 0);
	if (all->draining && all->live == 0)
		all->hooks->empty(all->ctx);
}

static void
on_sigchld(void *ctx, int signo)
{
	struct children	*all = ctx;
	struct child	*c;
	pid_t		 pid;
	int		 status;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (c = all->first; c != NULL; c = c->next)
			if (c->pid == pid && c->dead == 0)
				break;
		if (c == NULL)
			continue;
		c->dead = 1;
		c->status = status;
	}
	ev_timer_set(all->reap, 0);
}

/* --- the interface ----------------------------------------------------- */

struct children *
children_new(struct ev_loop *loop, const struct children_hooks *hooks,
    void *ctx)
{
	struct children	*all;

	if ((all = calloc(1, sizeof(*all))) == NULL ||
	    (all->lobby = lobby_new()) == NULL) {
		free(all);
		return NULL;
	}
	all->loop = loop;
	all->hooks = hooks;
	all->ctx = ctx;
	all->reap = ev_timer_new(loop, on_reap, all);
	all->sigchld = ev_signal_new(loop, SIGCHLD, on_sigchld, all);
	return all;
}

void
children_free(struct children **allp)
{
	struct children	*all = *allp;
	struct child	*c;
	struct slot	*s;

	if (all == NULL)
		return;
	while ((c = all->first) != NULL) {
		all->first = c->next;
		ipc_free(&c->ipc);
		free(c);
	}
	while ((s = all->slots) != NULL) {
		all->slots = s->next;
		ev_timer_free(&s->timer);
		free(s->address);
		free(s);
	}
	ev_signal_free(&all->sigchld);
	ev_timer_free(&all->reap);
	lobby_free(&all->lobby);
	free(all);
	*allp = NULL;
}

void
children_configure(struct children *all, struct gw_conf *conf)
{
	struct child	*c;
	struct slot	*s;
	size_t		 i;

	for (s = all->slots; s != NULL; s = s->next) {
		s->listen = NULL;
		ev_timer_stop(s->timer);
	}
	for (c = all->first; c != NULL; c = c->next)
		child_drain(c);
	all->conf = conf;
	for (i = 0; i < conf->nlisten; i++) {
		s = slot_get(all, conf->listen[i].address);
		if (s == NULL)
			fatalx("event=out_of_memory");
		s->listen = &conf->listen[i];
	}
	for (s = all->slots; s != NULL; s = s->next)
		slot_fill(s);
}

void
children_drain(struct children *all)
{
	struct child	*c;

	all->draining = true;
	for (c = all->first; c != NULL; c = c->next)
		child_drain(c);
	/* The hook runs from the loop if there is nobody to wait for. */
	ev_timer_set(all->reap, 0);
}

void
children_kill_all(struct children *all)
{
	struct child	*c;

	for (c = all->first; c != NULL; c = c->next) {
		c->killed = true;
		child_signal(c);
	}
}

int
children_kill(struct children *all, uint32_t worker)
{
	struct child	*c;

	if ((c = child_find(all, worker)) == NULL || c->dead != 0)
		return -1;
	c->killed = true;
	child_signal(c);
	return 0;
}

int
children_channel(struct children *all, uint32_t worker, int fd)
{
	struct ipc_worker_channel	 m = { .worker = worker };
	struct child			*c;

	if ((c = child_find(all, worker)) == NULL || c->ipc == NULL) {
		close(fd);
		return -1;
	}
	c->owed = false;
	return ipc_send(c->ipc, IPC_worker_channel, &m, &fd, 1);
}

void
children_owe(struct children *all, uint32_t worker)
{
	struct child	*c;

	if ((c = child_find(all, worker)) != NULL)
		c->owed = true;
}

size_t
children_each_owed(struct children *all, children_cb *cb, void *ctx)
{
	struct child	*c, *next;
	size_t		 n = 0;

	for (c = all->first; c != NULL; c = next) {
		next = c->next;
		if (c->owed && cb != NULL)
			cb(ctx, c->number, c->pid, c->shared);
	}
	for (c = all->first; c != NULL; c = c->next)
		n += c->owed;
	return n;
}

void
children_each(struct children *all, children_cb *cb, void *ctx)
{
	struct child	*c, *next;

	for (c = all->first; c != NULL; c = next) {
		next = c->next;
		cb(ctx, c->number, c->pid, c->shared);
	}
}

size_t
children_live(const struct children *all)
{
	return all->live;
}

void
children_count(const struct children *all, const char *address,
    struct children_count *n)
{
	const struct child	*c;
	const struct slot	*s;

	memset(n, 0, sizeof(*n));
	for (c = all->first; c != NULL; c = c->next) {
		if (address != NULL && strcmp(c->slot->address, address) != 0)
			continue;
		n->sessions += c->sessions;
		if (c->draining)
			n->draining++;
		else if (c->shared)
			n->shared++;
		else if (c->used)
			n->busy++;
		else
			n->idle++;
	}
	for (s = all->slots; s != NULL; s = s->next) {
		if (address != NULL && strcmp(s->address, address) != 0)
			continue;
		n->crashes += s->crashes;
		if (s->delay > n->delay &&
		    now_boot_ms() - s->crashed <= DELAY_QUIET)
			n->delay = s->delay;
	}
}
