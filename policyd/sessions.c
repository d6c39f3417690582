/*
 * The table of sessions and what ends them.
 *
 * Runs in the parent.  A session is written down before its worker gets it, so
 * that a parent that died finds it again, gives it a new channel to an engine
 * and holds it to its old deadline.  It is over when the worker says so or is
 * gone, and its spool is given up only when no process can write it any more.
 * What workers say is checked against the table; what fails to be written down
 * is not opened.
 */
#include "sessions.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auditlink.h"
#include "cancel.h"
#include "catalogs.h"
#include "children.h"
#include "crypto.h"
#include "log.h"
#include "requests.h"
#include "sessionfile.h"
#include "throttle.h"
#include "unixsock.h"
#include "workers.h"

#define KEEPER_GRACE	300	/* ms until the keeper ends the backend */
#define KILL_GRACE	2000	/* ms for a worker to end what it must */

struct sessions {
	struct session_list	list;
};

#define M_NAME(id, name)	name,
static const char *const state_names[] = { SESSION_STATES(M_NAME) };
#undef M_NAME

#define M_MESSAGE(id, name, message)	message,
static const char *const limit_messages[] = { SESSION_LIMITS(M_MESSAGE) };
#undef M_MESSAGE

const char *
session_state_name(enum session_state state)
{
	return state_names[state];
}

struct session_list *
sessions_all(struct parent *p)
{
	return &p->sessions->list;
}

/* The one function that changes a session's state. */
static void
session_enter(struct session *s, enum session_state state)
{
	log_debug("event=session_state session=%s from=%s to=%s", s->id,
	    state_names[s->state], state_names[state]);
	s->state = state;
}

void
sessions_init(struct parent *p)
{
	p->sessions = calloc(1, sizeof(*p->sessions));
	if (p->sessions == NULL)
		fatal("step=sessions");
	TAILQ_INIT(&p->sessions->list);
	sessions_load(p);
}

/* --- looking up ------------------------------------------------------------------ */

struct session *
sessions_find(struct parent *p, struct slice id)
{
	struct session	*s;

	TAILQ_FOREACH(s, &p->sessions->list, entry)
		if (slice_eq(id, s->id))
			return s;
	return NULL;
}

struct session *
sessions_of(struct worker *w, struct slice id)
{
	struct session	*s = sessions_find(w->p, id);

	return s != NULL && s->w == w ? s : NULL;
}

unsigned int
sessions_count(struct parent *p, const char *profile, const char *issuer,
    const char *subject)
{
	struct session	*s;
	unsigned int	 n = 0;

	TAILQ_FOREACH(s, &p->sessions->list, entry)
		if (s->state != SESSION_ENDED &&
		    strcmp(s->profile, profile) == 0 &&
		    (issuer == NULL || (strcmp(s->issuer, issuer) == 0 &&
		    strcmp(s->subject, subject) == 0)))
			n++;
	return n;
}

/* --- files ------------------------------------------------------------------------ */

void
sessions_path(struct parent *p, const char *name, const char *suffix,
    char *out, size_t size)
{
	snprintf(out, size, "%s/sessions/%s%s", p->policy->runtime.state,
	    name, suffix);
}

void
sessions_mark(const char *path)
{
	int	fd;

	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		log_warn("event=mark path=%s", path);
	else
		close(fd);
}

void
sessions_unmark(struct parent *p, const char *id)
{
	char	path[LEN_PATH];

	sessions_path(p, id, ".asked", path, sizeof(path));
	if (unlink(path) == -1 && errno != ENOENT)
		log_warn("event=mark path=%s", path);
}

void
sessions_spool_over(struct parent *p, const char *id)
{
	static const char *const	 from[] = { "", ".asked", ".own" };
	char				 path[LEN_PATH], to[LEN_PATH];
	size_t				 i;

	sessions_path(p, id, ".closed", to, sizeof(to));
	for (i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		sessions_path(p, id, from[i], path, sizeof(path));
		if (rename(path, to) == -1 && errno != ENOENT)
			log_warn("event=session_file path=%s", path);
	}
	auditlink_spool_close(p, id);
}

int
sessions_save(struct session *s)
{
	char	path[LEN_PATH];

	sessions_path(s->p, s->id, "", path, sizeof(path));
	return sessionfile_write(s, path, s->state == SESSION_OPENING);
}

/* --- the keeper, which ends backends and roles (D23) ------------------------------- */

static void
session_up(struct session *s)
{
	struct ipc_backend_up	m;

	m.session = slice_str(s->id);
	m.database = slice_str(s->database);
	m.role = slice_str(s->role);
	m.pid = s->pid;
	s->up_told = ipc_send(children_keeper(s->p), IPC_backend_up, &m, NULL,
	    0) == 0;
}

static void
session_over(struct session *s)
{
	struct ipc_keeper_forget	m;

	if (s->over_told)
		return;
	m.session = slice_str(s->id);
	m.database = slice_str(s->database);
	m.role = slice_str(s->role);
	m.pid = s->pid;
	m.backend_start = slice_str(s->backend_start);
	s->over_told = ipc_send(children_keeper(s->p), IPC_keeper_forget, &m,
	    NULL, 0) == 0;
}

void
sessions_keeper_ready(struct parent *p)
{
	struct session	*s;

	TAILQ_FOREACH(s, &p->sessions->list, entry)
		if (s->state >= SESSION_ENDING)
			session_over(s);
		else if (s->state == SESSION_READY && !s->up_told)
			session_up(s);
}

void
sessions_seen(struct parent *p, const struct ipc_backend_seen *m)
{
	struct session	*s = sessions_find(p, m->session);

	if (s == NULL || slice_copy(m->backend_start, s->backend_start,
	    sizeof(s->backend_start)) == -1)
		return;
	if (sessions_save(s) == -1)
		log_warn("event=session_save session=%s", s->id);
}

/* --- life ---------------------------------------------------------------------------- */

/* Is it reached?  Then it ends; else the timer says when to ask again. */
static void
session_deadline(struct session *s)
{
	struct event_deadline	 ev;
	uint64_t		 now = now_boot_ms();

	if (s->deadline == 0)
		return;
	if (s->deadline > now) {
		ev_timer_set(s->timer, s->deadline - now);
		return;
	}
	ev.session = slice_str(s->id);
	ev.limit = slice_str(session_limit_name(s->limit));
	ev.role = slice_str(s->role);
	auditlink_event(s->p, EVENT_deadline, &ev);
	sessions_kill(s, "57P01", limit_messages[s->limit]);
}

void
sessions_resume(struct session *s)
{
	s->state = s->pid != 0 ? SESSION_READY : SESSION_OPEN;
	s->wants_channel = true;
	/* From the loop: nothing else is up yet. */
	if (s->deadline != 0)
		ev_timer_set(s->timer, s->deadline > now_boot_ms() ?
		    s->deadline - now_boot_ms() : 0);
}

void
sessions_woken(struct parent *p)
{
	struct session	*s, *next;

	for (s = TAILQ_FIRST(&p->sessions->list); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->state == SESSION_OPEN || s->state == SESSION_READY)
			session_deadline(s);
	}
}

static void
on_session_timer(void *ctx)
{
	struct session	*s = ctx;

	switch (s->state) {
	case SESSION_OPENING:
		break;		/* its login has a deadline of its own */
	case SESSION_OPEN:
	case SESSION_READY:
		session_deadline(s);
		break;
	case SESSION_ENDING:
	case SESSION_ENDED:
		session_over(s);
		if (!s->grace_over) {
			s->grace_over = true;
			ev_timer_set(s->timer, KILL_GRACE);
			break;
		}
		/* Other sessions of a shared worker did nothing wrong. */
		if (s->w != NULL && !s->shared)
			workers_kill(s->w, "it did not end its session");
		else
			log_warnx("event=session_lingers session=%s", s->id);
		break;
	default:
		break;
	}
}

struct session *
sessions_new(struct parent *p)
{
	struct session	*s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->p = p;
	s->timer = ev_timer_new(p->loop, on_session_timer, s);
	TAILQ_INSERT_TAIL(&p->sessions->list, s, entry);
	return s;
}

static void
session_free(struct session *s)
{
	TAILQ_REMOVE(&s->p->sessions->list, s, entry);
	ev_timer_free(&s->timer);
	explicit_bzero(s->key, sizeof(s->key));
	free(s->claims);
	free(s);
}

void
sessions_handed(struct session *s)
{
	session_enter(s, SESSION_OPEN);
	session_deadline(s);
}

/* A key that no session with this pid has: four bytes can meet. */
static void
draw_client_key(struct session *s, size_t len)
{
	struct session	*o;
	bool		 taken;

	s->client_keylen = len;
	do {
		taken = false;
		random_bytes(s->client_key, len);
		TAILQ_FOREACH(o, &s->p->sessions->list, entry)
			if (o != s && o->pid == s->pid &&
			    o->client_keylen == len && memcmp(o->client_key,
			    s->client_key, len) == 0)
				taken = true;
	} while (taken);
}

int
sessions_ready(struct session *s, const struct ipc_session_ready *m)
{
	struct ipc_session_key	re;

	if (s->state == SESSION_ENDING || s->state == SESSION_ENDED)
		return 0;
	if (s->state != SESSION_OPEN || m->key.len > sizeof(s->key))
		return -1;
	s->pid = m->pid;
	if (m->key.len > 0)
		memcpy(s->key, m->key.p, m->key.len);
	s->keylen = m->key.len;
	draw_client_key(s, m->long_key ? CLIENT_KEY_LONG : CLIENT_KEY_SHORT);
	session_enter(s, SESSION_READY);
	if (sessions_save(s) == -1)
		log_warn("event=session_save session=%s", s->id);
	re.session = slice_str(s->id);
	re.pid = s->pid;
	re.key = slice_of(s->client_key, s->client_keylen);
	ipc_send(s->w->ipc, IPC_session_key, &re, NULL, 0);
	session_up(s);
	return 0;
}

void
sessions_ended(struct session *s, struct slice reason)
{
	if (s->state == SESSION_ENDED)
		return;
	session_enter(s, SESSION_ENDED);
	requests_session_over(s);
	if (s->reason[0] == '\0' &&
	    slice_copy(reason, s->reason, sizeof(s->reason)) == -1)
		snprintf(s->reason, sizeof(s->reason), "(unreadable)");
	session_over(s);
	s->grace_over = true;
	/*
	 * A worker of one session still has the spool until it is reaped; a
	 * shared one says this when it has let go.
	 */
	if (s->shared)
		sessions_finish(s, s->reason);
	else
		ev_timer_set(s->timer, KILL_GRACE);
}

void
sessions_finish(struct session *s, const char *reason)
{
	struct event_session_close	 ev;

	if (s->reason[0] == '\0')
		snprintf(s->reason, sizeof(s->reason), "%s", reason);
	log_info("event=session_close session=%s reason=%s", s->id,
	    log_esc(s->reason, strlen(s->reason)));
	cancel_session_gone(s);
	requests_session_over(s);
	ev.session = slice_str(s->id);
	ev.reason = slice_str(s->reason);
	auditlink_event(s->p, EVENT_session_close, &ev);
	session_over(s);
	/* Recorded; a later parent has only its spool to close. */
	sessions_spool_over(s->p, s->id);
	session_free(s);
}

void
sessions_kill(struct session *s, const char *sqlstate, const char *message)
{
	struct ipc_session_kill	m;

	if (s->state == SESSION_OPENING || s->state == SESSION_ENDED)
		return;		/* its login sees to it; it is over */
	log_info("event=session_kill session=%s sqlstate=%s reason=\"%s\"",
	    s->id, sqlstate, message);
	if (s->reason[0] == '\0')
		snprintf(s->reason, sizeof(s->reason), "%s", message);
	if (s->state != SESSION_ENDING)
		session_enter(s, SESSION_ENDING);
	m.session = slice_str(s->id);
	m.sqlstate = slice_str(sqlstate);
	m.message = slice_str(message);
	/*
	 * A moment for a worker to end it in good order; it may be stopped, or
	 * no longer ours, and then the keeper does it.
	 */
	if (s->w != NULL &&
	    ipc_send(s->w->ipc, IPC_session_kill, &m, NULL, 0) == 0)
		ev_timer_set(s->timer, KEEPER_GRACE);
	else {
		session_over(s);
		ev_timer_set(s->timer, KILL_GRACE);
	}
}

/* --- channels to engines ----------------------------------------------------------- */

int
sessions_channel(struct session *s)
{
	struct ipc_engine_session	 m;
	struct ipc			*engine;
	char				 client[LEN_ADDR + 1];
	int				 pair[2];

	engine = children_engine(s->p, s->profile);
	if (engine == NULL || !catalogs_tried(s->p, s->database))
		return -1;
	if (unix_pair(pair) == -1) {
		log_warn("event=session_channel session=%s", s->id);
		return -1;
	}
	m.session = slice_str(s->id);
	m.profile = slice_str(s->profile);
	m.database = slice_str(s->database);
	m.claims = slice_str(s->claims != NULL ? s->claims : "");
	m.application = slice_str(s->application);
	throttle_addr(s->peer, client, sizeof(client));
	m.client = slice_str(client);
	if (ipc_send(engine, IPC_engine_session, &m, &pair[1], 1) == -1) {
		close(pair[0]);
		return -1;
	}
	return pair[0];
}

static void
session_rechannel(struct session *s)
{
	struct ipc_policy_channel	m;
	int				fd;

	if (!s->wants_channel || s->w == NULL || s->w->ipc == NULL ||
	    s->state == SESSION_OPENING || s->state == SESSION_ENDED)
		return;
	fd = sessions_channel(s);
	if (fd == -1)
		return;		/* again when its engine is ready */
	m.session = slice_str(s->id);
	if (ipc_send(s->w->ipc, IPC_policy_channel, &m, &fd, 1) == 0)
		s->wants_channel = false;
}

void
sessions_engine_ready(struct parent *p, const char *profile)
{
	struct session	*s;

	TAILQ_FOREACH(s, &p->sessions->list, entry)
		if (strcmp(s->profile, profile) == 0)
			session_rechannel(s);
}

void
sessions_engine_lost(struct parent *p, const char *profile)
{
	struct session	*s;

	TAILQ_FOREACH(s, &p->sessions->list, entry)
		if (strcmp(s->profile, profile) == 0)
			s->wants_channel = true;
}

/* --- workers ------------------------------------------------------------------------- */

static void
session_unsupported(struct session *s)
{
	const struct profile	*profile;

	profile = policy_profile(s->p->policy, s->profile);
	if (profile == NULL || policy_database(s->p->policy, s->database) ==
	    NULL || !profile_has_database(profile, s->database))
		sessions_kill(s, "57P01",
		    "the access policy no longer has this session's profile");
	else if (profile->needs_grant && s->grant == 0)
		sessions_kill(s, "57P01",
		    "the access policy now asks for a grant");
}

void
sessions_worker_attached(struct worker *w)
{
	struct session	*s, *next;

	for (s = TAILQ_FIRST(&w->p->sessions->list); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->master != w->master || s->worker != w->number)
			continue;
		s->w = w;
		if (s->state == SESSION_ENDING)
			sessions_kill(s, "57P01", s->reason);
		else
			session_unsupported(s);
		/* One that the worker lost is ended by its answer to this. */
		s->wants_channel = true;
		session_rechannel(s);
	}
}

void
sessions_worker_gone(struct worker *w, const char *reason)
{
	struct session	*s, *next;

	for (s = TAILQ_FIRST(&w->p->sessions->list); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->w == w)
			sessions_finish(s, reason);
	}
}

void
sessions_orphans(struct parent *p, uint32_t master)
{
	struct session	*s, *next;

	for (s = TAILQ_FIRST(&p->sessions->list); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->w == NULL)
			sessions_finish(s, s->master == master ?
			    "worker gone" : "gateway gone");
	}
}

/* --- keeper, auditd, policy ----------------------------------------------------------- */

void
sessions_sasl(struct parent *p, struct slice id, enum ipc_type type,
    const void *msg)
{
	struct session	*s = sessions_find(p, id);

	if (s != NULL && s->state == SESSION_OPEN && s->w != NULL)
		ipc_send(s->w->ipc, type, msg, NULL, 0);
}

void
sessions_keeper_lost(struct parent *p)
{
	struct ipc_sasl_failed	 m;
	struct session		*s;

	TAILQ_FOREACH(s, &p->sessions->list, entry) {
		s->up_told = s->over_told = false;
		if (s->state != SESSION_OPEN || s->w == NULL)
			continue;
		m.session = slice_str(s->id);
		m.reason = slice_str("the keeper died");
		ipc_send(s->w->ipc, IPC_sasl_failed, &m, NULL, 0);
	}
}

void
sessions_spool_broken(struct parent *p, struct slice id)
{
	struct session	*s = sessions_find(p, id);

	if (s == NULL)
		return;
	sessions_kill(s, "57P01", "the record of this session is broken");
}

void
sessions_reloaded(struct parent *p)
{
	struct session	*s, *next;

	for (s = TAILQ_FIRST(&p->sessions->list); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->state == SESSION_OPEN || s->state == SESSION_READY)
			session_unsupported(s);
	}
}
