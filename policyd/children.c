/*
 * policyd's children and their lives.
 *
 * Runs in the parent.  Children are trusted to do their own work and nothing
 * more.  A child that dies is restarted at once the first time, then ever more
 * slowly up to a second; who waited for its answer is told (attempts.c,
 * sessions.c, catalogs.c, cancel.c).  One that lives and does not answer is
 * killed, so that one engine holds up its own sessions only.
 */
#include "children.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auditlink.h"
#include "cancel.h"
#include "catalogs.h"
#include "child.h"
#include "explains.h"
#include "keycache.h"
#include "estimates.h"
#include "log.h"
#include "notices.h"
#include "approvals.h"
#include "attempts.h"
#include "reload.h"
#include "sessions.h"
#include "unixsock.h"

#define DELAY_FIRST	100
#define DELAY_MAX	1000
#define SOUND_AFTER	10000	/* ms of life after which a child is sound */
/* These die of a client's bytes, not of themselves: a fresh one at once. */
#define SOUND_FED	1000
#define PATIENCE	2000	/* ms for an engine to take a catalogue */
#define PATIENCE_MAX	60000	/* ... the next time that it was too long */
#define WATCH		250	/* ms, while one is behind */

#define M_NAME(id, name)	name,
static const char *const state_names[] = { CHILD_STATES(M_NAME) };
#undef M_NAME

TAILQ_HEAD(child_list, child);

struct children {
	struct child_list	 list;
	struct ev_timer		*watch;
	uint32_t		 next_id;
	/* What a child that starts now is given: in force, or on offer. */
	const char		*text;
	size_t			 len;
	uint64_t		 generation;
};

static void	child_start(struct child *);
static void	on_watch(void *);

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
	bool		fed = c->role == ROLE_ENGINE || c->role ==
			    ROLE_VERIFIER;
	uint64_t	now = now_boot_ms();

	if (now - c->started > (fed ? SOUND_FED : SOUND_AFTER))
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
	c->generation = c->judging = c->epoch = c->refused = c->behind = 0;
	c->restarts++;
	child_retry(c);
	switch (c->role) {
	case ROLE_VERIFIER:
		attempts_verifier_lost(c->p);
		approvals_verifier_lost(c->p);
		break;
	case ROLE_KEEPER:
		attempts_keeper_lost(c->p);
		sessions_keeper_lost(c->p);
		cancel_keeper_lost(c->p);
		estimates_keeper_lost(c->p);
		catalogs_keeper_lost(c->p);
		break;
	case ROLE_NOTIFIER:
		notices_lost(c->p);
		break;
	default:
		sessions_engine_lost(c->p, c->profile);
		explains_engine_lost(c->p, c->profile);
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
	    child_role(c->role), c->pid,
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
		log_warn("event=child_start child=%s", child_role(c->role));
		child_retry(c);
		return;
	}
	permits = child_permits(c->role, &n);
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
	if (c->role == ROLE_VERIFIER)
		keycache_give(c->p, c->ipc);
}

static void
child_new(struct parent *p, enum ipc_role role, const char *profile)
{
	struct child	*c = calloc(1, sizeof(*c));

	if (c == NULL)
		fatal("step=child");
	c->p = p;
	c->role = role;
	c->patience = PATIENCE;
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
	cs->watch = ev_timer_new(p->loop, on_watch, p);
	p->children = cs;
	child_new(p, ROLE_VERIFIER, "");
	child_new(p, ROLE_KEEPER, "");
	if (p->policy->nhooks > 0)
		child_new(p, ROLE_NOTIFIER, "");
	for (i = 0; i < p->policy->nprofiles; i++)
		child_new(p, ROLE_ENGINE, p->policy->profiles[i].key);
}

/* --- looking up --------------------------------------------------------------- */

static struct child *
child_find(struct parent *p, enum ipc_role role, const char *profile)
{
	struct child	*c;

	/* What the last parent left is looked at before there are any. */
	if (p->children == NULL)
		return NULL;
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
children_notifier(struct parent *p, uint64_t generation)
{
	struct child	*c = child_find(p, ROLE_NOTIFIER, NULL);

	return c != NULL && c->generation == generation ? child_working(c) :
	    NULL;
}

void
children_notifier_late(struct parent *p)
{
	struct child	*c = child_find(p, ROLE_NOTIFIER, NULL);

	if (c == NULL || c->ipc == NULL)
		return;
	log_warnx("event=child_late child=notifier pid=%u", c->pid);
	child_lost(c);
}

struct ipc *
children_engine(struct parent *p, const char *profile)
{
	return child_working(child_find(p, ROLE_ENGINE, profile));
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

/* --- catalogues ------------------------------------------------------------------- */

void
child_give_catalogs(struct child *c)
{
	const struct profile	*profile;

	profile = policy_profile(c->p->policy, c->profile);
	if (child_working(c) == NULL || profile == NULL)
		return;
	catalogs_to_engine(c->p, c->ipc, profile);
	if (c->behind != 0 || c->epoch >= catalogs_epoch(c->p) ||
	    !catalogs_has_any(c->p, profile))
		return;
	c->behind = now_boot_ms();
	if (!ev_timer_pending(c->p->children->watch))
		ev_timer_set(c->p->children->watch, WATCH);
}

void
children_give_catalogs(struct parent *p)
{
	struct child	*c;

	TAILQ_FOREACH(c, &p->children->list, entry)
		if (c->role == ROLE_ENGINE)
			child_give_catalogs(c);
}

void
child_caught_up(struct child *c)
{
	if (c->behind != 0 && now_boot_ms() - c->behind < PATIENCE / 2)
		c->patience = PATIENCE;
	c->behind = 0;
}

/*
 * No epoch is published while a working engine judges by an older one.  One
 * that takes too long is no longer a working one; it starts anew, and should
 * its catalogue simply be large it is given more time for it.
 */
static bool
child_watch(struct child *c)
{
	uint64_t	late;

	if (c->behind == 0)
		return false;
	late = now_boot_ms() - c->behind;
	if (late < c->patience)
		return true;
	log_warnx("event=child_late child=%s pid=%u profile=%s "
	    "waited_ms=%llu", child_role(c->role), c->pid, c->profile,
	    (unsigned long long)late);
	c->patience = c->patience * 2 > PATIENCE_MAX ? PATIENCE_MAX :
	    c->patience * 2;
	child_lost(c);
	return false;
}

static void
on_watch(void *ctx)
{
	struct parent	*p = ctx;
	struct child	*c, *next;
	bool		 more = false;

	for (c = TAILQ_FIRST(&p->children->list); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		more = child_watch(c) || more;
	}
	if (more)
		ev_timer_set(p->children->watch, WATCH);
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
	if (policy->nhooks > 0 && child_find(p, ROLE_NOTIFIER, NULL) == NULL)
		child_new(p, ROLE_NOTIFIER, "");
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
			snprintf(why, size, "%s: %s", child_role(c->role),
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
children_hurry(struct parent *p, uint64_t generation, uint64_t ms)
{
	struct child	*c, *next;
	uint64_t	 now = now_boot_ms();

	for (c = TAILQ_FIRST(&p->children->list); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->ipc == NULL || c->refused == generation ||
		    (c->generation == generation &&
		    (c->role != ROLE_ENGINE || c->judging == generation)) ||
		    now - c->started < ms)
			continue;
		log_warnx("event=child_late child=%s pid=%u profile=%s "
		    "generation=%llu", child_role(c->role), c->pid,
		    c->role == ROLE_ENGINE ? c->profile : "-",
		    (unsigned long long)generation);
		child_lost(c);
	}
}

void
children_settle(struct parent *p)
{
	struct child	*c, *next;

	for (c = TAILQ_FIRST(&p->children->list); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if ((c->role == ROLE_ENGINE &&
		    policy_profile(p->policy, c->profile) == NULL) ||
		    (c->role == ROLE_NOTIFIER && p->policy->nhooks == 0))
			child_end(c);
	}
	keycache_settle(p);
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
	    child_role(c->role), m->pid,
	    c->role == ROLE_ENGINE ? c->profile : "-", m->status);
	snprintf(name, sizeof(name), "policyd-%s", child_role(c->role));
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
		    "process", child_role(c->role), "pid", (int)c->pid,
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
