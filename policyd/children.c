/*
 * policyd's children and their lives.
 *
 * Runs in the parent.  Children are trusted to do their own work and nothing
 * more: the permit tables below give each kind its few answers, and a child
 * that says anything else is killed and started anew.  A child that dies is
 * restarted at once the first time, then ever more slowly up to a second; who
 * waited for its answer is told (attempts.c, sessions.c, catalogs.c, cancel.c).
 */
#include "children.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auditlink.h"
#include "cancel.h"
#include "catalogs.h"
#include "control.h"
#include "log.h"
#include "attempts.h"
#include "reload.h"
#include "sessions.h"
#include "unixsock.h"

#define DELAY_FIRST	100
#define DELAY_MAX	1000
#define SOUND_AFTER	10000	/* ms of life after which a child is sound */

#define CHILD_STATES(M)							\
	M(DOWN, "down")							\
	M(STARTING, "starting")						\
	M(READY, "ready")						\
	M(FAILED, "failed")	/* it cannot work with the policy */

#define M_ENUM(id, name)	CHILD_##id,
enum child_state { CHILD_STATES(M_ENUM) CHILD_NSTATES };
#undef M_ENUM
#define M_NAME(id, name)	name,
static const char *const state_names[] = { CHILD_STATES(M_NAME) };
#undef M_NAME

struct child {
	TAILQ_ENTRY(child)	 entry;
	struct parent		*p;
	enum ipc_role		 role;
	char			 profile[LEN_KEY + 1];	/* engines */
	uint32_t		 id;		/* of this run, for the spawner */
	uint32_t		 last_id;	/* of the run before */
	uint32_t		 pid;
	struct ipc		*ipc;
	enum child_state	 state;
	uint64_t		 started, delay;
	unsigned int		 restarts;
	struct ev_timer		*timer;
	/* What it said last. */
	uint64_t		 generation;	/* of the config it took */
	uint64_t		 refused;	/* ... or did not take */
	uint64_t		 judging;	/* engine_ready */
	uint64_t		 epoch;
	char			 error[LEN_REASON + 1];
};

TAILQ_HEAD(child_list, child);

struct children {
	struct child_list	 list;
	uint32_t		 next_id;
	/* What a child that starts now is given: in force, or on offer. */
	const char		*text;
	size_t			 len;
	uint64_t		 generation;
};

static void	child_start(struct child *);

static const char *
role_name(enum ipc_role role)
{
	return role == ROLE_VERIFIER ? "verifier" :
	    role == ROLE_KEEPER ? "keeper" : "engine";
}

/* --- what children say -------------------------------------------------------- */

static int
on_config_done(void *ctx, const void *msg, int *fds)
{
	struct child			*c = ctx;
	const struct ipc_config_done	*m = msg;
	bool				 first = c->generation == 0;

	(void)fds;
	if (!m->ok) {
		c->refused = m->generation;
		if (slice_copy(m->error, c->error, sizeof(c->error)) == -1)
			snprintf(c->error, sizeof(c->error), "(no reason)");
		log_warnx("event=config_refused child=%s pid=%u "
		    "generation=%llu reason=%s", role_name(c->role), c->pid,
		    (unsigned long long)m->generation,
		    log_esc(m->error.p, m->error.len));
		if (c->generation == 0)
			c->state = CHILD_FAILED;
		reload_poke(c->p);
		return 0;
	}
	c->generation = m->generation;
	c->error[0] = '\0';
	c->state = CHILD_READY;
	reload_poke(c->p);
	if (!first)
		return 0;
	if (c->role == ROLE_KEEPER)
		catalogs_keeper_ready(c->p);
	else if (c->role == ROLE_ENGINE) {
		catalogs_to_engine(c->p, c->ipc,
		    policy_profile(c->p->policy, c->profile));
		sessions_engine_ready(c->p, c->profile);
		attempts_engine_ready(c->p);
	}
	return 0;
}

static int
on_engine_ready(void *ctx, const void *msg, int *fds)
{
	struct child			*c = ctx;
	const struct ipc_engine_ready	*m = msg;

	(void)fds;
	c->judging = m->generation;
	c->epoch = m->epoch;
	catalogs_published(c->p);
	reload_poke(c->p);
	return 0;
}

static int
on_catalog_wanted(void *ctx, const void *msg, int *fds)
{
	struct child			*c = ctx;
	const struct ipc_catalog_wanted	*m = msg;
	char				 database[LEN_KEY + 1];

	(void)fds;
	if (slice_copy(m->database, database, sizeof(database)) == -1)
		return -1;
	catalogs_want(c->p, database, false);
	return 0;
}

static int
on_explained(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	control_explained(c->p, msg);
	return 0;
}

static int
on_verified(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	attempts_verified(c->p, msg);
	return 0;
}

static int
on_verify_refused(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	attempts_verify_refused(c->p, msg);
	return 0;
}

static int
on_dialed(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	attempts_dialed(c->p, msg, &fds[0]);
	return 0;
}

static int
on_dial_failed(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	attempts_dial_failed(c->p, msg);
	return 0;
}

static int
on_sasl_answer(void *ctx, const void *msg, int *fds)
{
	struct child			*c = ctx;
	const struct ipc_sasl_answer	*m = msg;

	(void)fds;
	sessions_sasl(c->p, m->session, IPC_sasl_answer, m);
	return 0;
}

static int
on_sasl_failed(void *ctx, const void *msg, int *fds)
{
	struct child			*c = ctx;
	const struct ipc_sasl_failed	*m = msg;

	(void)fds;
	log_warnx("event=sasl_failed session=%s reason=%s",
	    log_esc(m->session.p, m->session.len),
	    log_esc(m->reason.p, m->reason.len));
	sessions_sasl(c->p, m->session, IPC_sasl_failed, m);
	return 0;
}

static int
on_cancel_sent(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	cancel_sent(c->p, msg);
	return 0;
}

static int
on_catalog(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	if (catalogs_got(c->p, msg, fds[0]) == 0)
		fds[0] = -1;
	return 0;
}

static int
on_catalog_failed(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	catalogs_failed(c->p, msg);
	return 0;
}

static const struct ipc_permit verifier_permits[] = {
	{ IPC_config_done, ~0u, on_config_done },
	{ IPC_verified, ~0u, on_verified },
	{ IPC_verify_refused, ~0u, on_verify_refused },
};
static const struct ipc_permit engine_permits[] = {
	{ IPC_config_done, ~0u, on_config_done },
	{ IPC_engine_ready, ~0u, on_engine_ready },
	{ IPC_catalog_wanted, ~0u, on_catalog_wanted },
	{ IPC_explained, ~0u, on_explained },
};
static const struct ipc_permit keeper_permits[] = {
	{ IPC_config_done, ~0u, on_config_done },
	{ IPC_dialed, ~0u, on_dialed },
	{ IPC_dial_failed, ~0u, on_dial_failed },
	{ IPC_sasl_answer, ~0u, on_sasl_answer },
	{ IPC_sasl_failed, ~0u, on_sasl_failed },
	{ IPC_cancel_sent, ~0u, on_cancel_sent },
	{ IPC_catalog, ~0u, on_catalog },
	{ IPC_catalog_failed, ~0u, on_catalog_failed },
};
#define NPERMITS(t)	(sizeof(t) / sizeof((t)[0]))

/* --- starting, ending ------------------------------------------------------- */

static void
child_give_config(struct child *c)
{
	struct children		*cs = c->p->children;
	struct ipc_config	 m;

	m.generation = cs->generation;
	m.path = slice_str(c->p->path);
	m.text = slice_of(cs->text, cs->len);
	/* The same for all; an engine learns its profile from its sessions. */
	ipc_send(c->ipc, IPC_config, &m, NULL, 0);
}

static void
child_retry(struct child *c)
{
	uint64_t	now = now_boot_ms();

	if (now - c->started > SOUND_AFTER)
		c->delay = 0;
	ev_timer_set(c->timer, c->delay);
	c->delay = c->delay == 0 ? DELAY_FIRST :
	    c->delay * 2 > DELAY_MAX ? DELAY_MAX : c->delay * 2;
}

/* It is gone, or must go: clean up, tell who waited, start again. */
static void
child_lost(struct child *c)
{
	struct ipc_spawn_kill	m = { c->id };

	if (c->ipc == NULL)
		return;
	ipc_free(&c->ipc);
	ipc_send(c->p->spawner, IPC_spawn_kill, &m, NULL, 0);
	c->state = CHILD_DOWN;
	c->generation = c->judging = c->epoch = c->refused = 0;
	c->restarts++;
	child_retry(c);
	switch (c->role) {
	case ROLE_VERIFIER:
		attempts_verifier_lost(c->p);
		break;
	case ROLE_KEEPER:
		attempts_keeper_lost(c->p);
		sessions_keeper_lost(c->p);
		cancel_keeper_lost(c->p);
		catalogs_keeper_lost(c->p);
		break;
	default:
		sessions_engine_lost(c->p, c->profile);
		control_engine_lost(c->p, c->profile);
		catalogs_published(c->p);
		break;
	}
	reload_poke(c->p);
}

static void
on_child_closed(void *ctx, const char *reason)
{
	struct child	*c = ctx;

	log_warnx("event=child_lost child=%s pid=%u profile=%s reason=\"%s\"",
	    role_name(c->role), c->pid,
	    c->role == ROLE_ENGINE ? c->profile : "-", reason);
	child_lost(c);
}

static void
on_child_timer(void *ctx)
{
	child_start(ctx);
}

static void
child_start(struct child *c)
{
	struct ipc_spawn		 m;
	const struct ipc_permit		*permits;
	size_t				 n;
	int				 pair[2];

	c->started = now_boot_ms();
	if (unix_pair(pair) == -1) {
		log_warn("event=child_start child=%s", role_name(c->role));
		child_retry(c);
		return;
	}
	permits = c->role == ROLE_VERIFIER ? verifier_permits :
	    c->role == ROLE_KEEPER ? keeper_permits : engine_permits;
	n = c->role == ROLE_VERIFIER ? NPERMITS(verifier_permits) :
	    c->role == ROLE_KEEPER ? NPERMITS(keeper_permits) :
	    NPERMITS(engine_permits);
	c->ipc = ipc_new(c->p->loop, pair[0], ROLE_PARENT, c->role, permits,
	    n, on_child_closed, c);
	if (c->ipc == NULL) {
		close(pair[1]);
		child_retry(c);
		return;
	}
	c->last_id = c->id;
	c->id = c->p->children->next_id++;
	c->pid = 0;
	c->state = CHILD_STARTING;
	m.id = c->id;
	m.kind = (uint32_t)c->role;
	ipc_send(c->p->spawner, IPC_spawn, &m, &pair[1], 1);
	child_give_config(c);
}

static void
child_new(struct parent *p, enum ipc_role role, const char *profile)
{
	struct child	*c = calloc(1, sizeof(*c));

	if (c == NULL)
		fatal("step=child");
	c->p = p;
	c->role = role;
	snprintf(c->profile, sizeof(c->profile), "%s", profile);
	c->timer = ev_timer_new(p->loop, on_child_timer, c);
	TAILQ_INSERT_TAIL(&p->children->list, c, entry);
	child_start(c);
}

static void
child_end(struct child *c)
{
	struct ipc_spawn_kill	m = { c->id };

	TAILQ_REMOVE(&c->p->children->list, c, entry);
	if (c->ipc != NULL)
		ipc_send(c->p->spawner, IPC_spawn_kill, &m, NULL, 0);
	ipc_free(&c->ipc);
	ev_timer_free(&c->timer);
	free(c);
}

void
children_init(struct parent *p)
{
	struct children	*cs = calloc(1, sizeof(*cs));
	size_t		 i;

	if (cs == NULL)
		fatal("step=children");
	TAILQ_INIT(&cs->list);
	cs->next_id = 1;
	cs->text = p->text;
	cs->len = p->textlen;
	cs->generation = p->policy->generation;
	p->children = cs;
	child_new(p, ROLE_VERIFIER, "");
	child_new(p, ROLE_KEEPER, "");
	for (i = 0; i < p->policy->nprofiles; i++)
		child_new(p, ROLE_ENGINE, p->policy->profiles[i].key);
}

/* --- looking up --------------------------------------------------------------- */

static struct child *
child_find(struct parent *p, enum ipc_role role, const char *profile)
{
	struct child	*c;

	TAILQ_FOREACH(c, &p->children->list, entry)
		if (c->role == role && (profile == NULL ||
		    strcmp(c->profile, profile) == 0))
			return c;
	return NULL;
}

static struct ipc *
child_working(const struct child *c)
{
	return c != NULL && c->state == CHILD_READY ? c->ipc : NULL;
}

struct ipc *
children_verifier(struct parent *p)
{
	return child_working(child_find(p, ROLE_VERIFIER, NULL));
}

struct ipc *
children_keeper(struct parent *p)
{
	return child_working(child_find(p, ROLE_KEEPER, NULL));
}

struct ipc *
children_engine(struct parent *p, const char *profile)
{
	return child_working(child_find(p, ROLE_ENGINE, profile));
}

void
children_each_engine(struct parent *p, engine_fn *fn)
{
	const struct profile	*profile;
	struct child		*c;

	TAILQ_FOREACH(c, &p->children->list, entry) {
		if (c->role != ROLE_ENGINE || child_working(c) == NULL)
			continue;
		profile = policy_profile(p->policy, c->profile);
		if (profile != NULL)
			fn(p, c->ipc, profile);
	}
}

bool
children_have_epoch(struct parent *p, uint64_t epoch)
{
	struct child	*c;

	TAILQ_FOREACH(c, &p->children->list, entry)
		if (c->role == ROLE_ENGINE && child_working(c) != NULL &&
		    catalogs_has_any(p, policy_profile(p->policy,
		    c->profile)) && c->epoch < epoch)
			return false;
	return true;
}

/* --- reload --------------------------------------------------------------------- */

void
children_offer(struct parent *p, uint64_t generation, const char *text,
    size_t len, const struct policy *policy)
{
	struct children	*cs = p->children;
	struct child	*c;
	size_t		 i;

	cs->text = text;
	cs->len = len;
	cs->generation = generation;
	TAILQ_FOREACH(c, &cs->list, entry)
		if (c->ipc != NULL)
			child_give_config(c);
	for (i = 0; i < policy->nprofiles; i++)
		if (child_find(p, ROLE_ENGINE, policy->profiles[i].key) ==
		    NULL)
			child_new(p, ROLE_ENGINE, policy->profiles[i].key);
}

enum children_answer
children_answer(struct parent *p, uint64_t generation, char *why, size_t size)
{
	enum children_answer	 answer = CHILDREN_YES;
	struct child		*c;

	TAILQ_FOREACH(c, &p->children->list, entry) {
		if (c->refused == generation) {
			snprintf(why, size, "%s: %s", role_name(c->role),
			    c->error);
			return CHILDREN_NO;
		}
		if (c->generation != generation || (c->role == ROLE_ENGINE &&
		    c->judging != generation))
			answer = CHILDREN_WAIT;
	}
	return answer;
}

void
children_settle(struct parent *p)
{
	struct child	*c, *next;

	for (c = TAILQ_FIRST(&p->children->list); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->role == ROLE_ENGINE &&
		    policy_profile(p->policy, c->profile) == NULL)
			child_end(c);
	}
}

/* --- the spawner's answers -------------------------------------------------- */

void
children_spawned(struct parent *p, const struct ipc_spawned *m)
{
	struct child	*c;

	TAILQ_FOREACH(c, &p->children->list, entry)
		if (c->id == m->id)
			c->pid = m->pid;
}

void
children_exited(struct parent *p, const struct ipc_spawn_exit *m)
{
	struct event_process_died	 ev;
	struct child			*c;
	char				 name[64];

	TAILQ_FOREACH(c, &p->children->list, entry)
		if (c->id == m->id || c->last_id == m->id)
			break;
	/* Not found: a profile that went, or a run that is history. */
	if (c == NULL)
		return;
	log_warnx("event=child_exit child=%s pid=%u profile=%s status=%u",
	    role_name(c->role), m->pid,
	    c->role == ROLE_ENGINE ? c->profile : "-", m->status);
	snprintf(name, sizeof(name), "policyd-%s", role_name(c->role));
	ev.process = slice_str(name);
	ev.status = m->status;
	auditlink_event(p, EVENT_process_died, &ev);
	/* Its channel may have told before, and the next run be under way. */
	if (c->id == m->id)
		child_lost(c);
}

json_t *
children_status(struct parent *p)
{
	struct child	*c;
	json_t		*list = json_array(), *o;

	TAILQ_FOREACH(c, &p->children->list, entry) {
		o = json_pack("{s:s, s:i, s:s, s:i, s:I}",
		    "process", role_name(c->role), "pid", (int)c->pid,
		    "state", state_names[c->state],
		    "restarts", (int)c->restarts,
		    "generation", (json_int_t)c->generation);
		if (c->role == ROLE_ENGINE) {
			json_object_set_new(o, "profile",
			    json_string(c->profile));
			json_object_set_new(o, "epoch",
			    json_integer((json_int_t)c->epoch));
		}
		if (c->error[0] != '\0')
			json_object_set_new(o, "error",
			    json_string(c->error));
		json_array_append_new(list, o);
	}
	return list;
}
