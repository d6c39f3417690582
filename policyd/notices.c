/*
 * The queue of what hooks are to be told.  Runs in the parent, which has no
 * network: the notifier makes one attempt at a time and says how it went.
 *
 * The notifier holds nothing that is not here too, so that its death costs an
 * attempt and no notice.  A hook that is down or slow costs the others nothing:
 * each has places of its own, in the queue and under way.  No statement waits
 * for any of this.
 */
#include "notices.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auditlink.h"
#include "children.h"
#include "log.h"

#define QUEUE_MAX	250	/* of one hook */
#define FLYING_MAX	4	/* of one hook, at the notifier */
#define FLYING_TIME	30000	/* ms; the notifier's own limits are shorter */
#define ATTEMPTS_MAX	12
#define DELAY_FIRST	500	/* ms, doubled up to the maximum: five minutes */
#define DELAY_MAX	60000
#define PARAMS_MAX	4096	/* bytes of JSON */

struct notice {
	TAILQ_ENTRY(notice)	 entry;
	uint32_t		 id;
	uint32_t		 request;
	size_t			 hook;		/* in p->policy */
	char			 name[16];	/* request, decision, end */
	char			*event;		/* JSON */
	unsigned int		 attempts;
	bool			 first;		/* of its request, for its hook */
	uint64_t		 flying;	/* boot ms since when; 0: no */
	uint64_t		 due;		/* boot ms */
};
TAILQ_HEAD(notice_list, notice);

struct notices {
	struct notice_list	 list;		/* oldest first */
	uint32_t		 next_id;
	struct ev_timer		*timer;
	uint64_t		 delivered, failed;
	char			 error[LEN_REASON + 1];	/* the last one */
};

/* --- the queue ------------------------------------------------------------------ */

static bool
same_line(const struct notice *a, const struct notice *b)
{
	return a->hook == b->hook && a->request == b->request;
}

static void
notice_free(struct parent *p, struct notice *n)
{
	struct notice	*next = n;

	/* The next of its line may go now. */
	while (n->first && (next = TAILQ_NEXT(next, entry)) != NULL)
		if (same_line(n, next)) {
			next->first = true;
			break;
		}
	TAILQ_REMOVE(&p->notices->list, n, entry);
	free(n->event);
	free(n);
}

static void
report_failed(struct parent *p, uint32_t request, size_t hook,
    const char *event, unsigned int attempts, const char *reason)
{
	struct event_notify_failed	 ev;
	char				 name[32];

	snprintf(name, sizeof(name), "notify[%zu]", hook);
	log_warnx("event=notify_failed request=%u hook=%s what=%s "
	    "attempts=%u reason=%s", request, name, event, attempts,
	    log_esc(reason, strlen(reason)));
	ev.request = request;
	ev.hook = slice_str(name);
	ev.event = slice_str(event);
	ev.attempts = attempts;
	ev.reason = slice_str(reason);
	auditlink_event(p, EVENT_notify_failed, &ev);
	p->notices->failed++;
}

static void
give_up(struct parent *p, struct notice *n, const char *reason)
{
	report_failed(p, n->request, n->hook, n->name, n->attempts, reason);
	notice_free(p, n);
}

static void
try_later(struct parent *p, struct notice *n, const char *reason)
{
	uint64_t	delay = DELAY_FIRST;
	unsigned int	i;

	n->flying = 0;
	n->attempts++;
	if (n->attempts >= ATTEMPTS_MAX) {
		give_up(p, n, reason);
		return;
	}
	for (i = 1; i < n->attempts && delay < DELAY_MAX; i++)
		delay *= 2;
	n->due = now_boot_ms() + (delay < DELAY_MAX ? delay : DELAY_MAX);
}

/* --- to the notifier --------------------------------------------------------------- */

static void
notice_send(struct parent *p, struct ipc *ipc, struct notice *n, uint64_t now)
{
	struct ipc_notify	m;

	m.id = n->id;
	m.generation = p->policy->generation;
	m.hook = (uint32_t)n->hook;
	m.event = slice_str(n->event);
	/* If it cannot be sent the notifier is gone, and that is told. */
	ipc_send(ipc, IPC_notify, &m, NULL, 0);
	n->flying = now;
}

/* Send what is due, and set the timer for what will be. */
static void
pump(struct parent *p)
{
	struct ipc	*ipc = children_notifier(p, p->policy->generation);
	unsigned int	 flying[HOOKS_MAX] = { 0 };
	uint64_t	 now = now_boot_ms(), next = UINT64_MAX, at;
	struct notice	*n;

	TAILQ_FOREACH(n, &p->notices->list, entry)
		flying[n->hook] += n->flying != 0;
	TAILQ_FOREACH(n, &p->notices->list, entry) {
		if (n->flying == 0 && n->first && n->due <= now &&
		    ipc != NULL && flying[n->hook] < FLYING_MAX) {
			notice_send(p, ipc, n, now);
			flying[n->hook]++;
		}
		at = n->flying != 0 ? n->flying + FLYING_TIME : n->due;
		if (at > now && at < next)
			next = at;
	}
	if (next != UINT64_MAX)
		ev_timer_set(p->notices->timer, next - now);
	else
		ev_timer_stop(p->notices->timer);
}

static void
on_timer(void *ctx)
{
	struct parent	*p = ctx;
	struct notice	*n;
	uint64_t	 now = now_boot_ms();

	TAILQ_FOREACH(n, &p->notices->list, entry)
		if (n->flying != 0 && now - n->flying >= FLYING_TIME) {
			children_notifier_late(p);	/* notices_lost() */
			break;
		}
	pump(p);
}

void
notices_ready(struct parent *p)
{
	pump(p);
}

void
notices_lost(struct parent *p)
{
	struct notice	*n, *next;

	for (n = TAILQ_FIRST(&p->notices->list); n != NULL; n = next) {
		next = TAILQ_NEXT(n, entry);
		if (n->flying != 0)
			try_later(p, n, "the notifier died of it");
	}
	pump(p);
}

void
notices_notified(struct parent *p, const struct ipc_notified *m)
{
	struct notices	*ns = p->notices;
	struct notice	*n;
	char		 reason[LEN_REASON + 1];

	TAILQ_FOREACH(n, &ns->list, entry)
		if (n->id == m->id && n->flying != 0)
			break;
	/* Its hook may have gone by a reload. */
	if (n == NULL)
		return;
	if (slice_copy(m->reason, reason, sizeof(reason)) == -1)
		reason[0] = '\0';
	if (m->result == NOTIFIED_STALE) {
		n->flying = 0;		/* until notices_ready() */
		return;
	}
	if (m->result == NOTIFIED_OK) {
		ns->delivered++;
		notice_free(p, n);
		pump(p);
		return;
	}
	snprintf(ns->error, sizeof(ns->error), "%s", reason);
	log_info("event=notify_attempt request=%u hook=notify[%zu] what=%s "
	    "attempt=%u reason=%s", n->request, n->hook, n->name,
	    n->attempts + 1, log_esc(reason, strlen(reason)));
	if (m->result == NOTIFIED_RETRY)
		try_later(p, n, reason);
	else {
		n->attempts++;
		give_up(p, n, reason);
	}
	pump(p);
}

/* --- from the requests --------------------------------------------------------------- */

/* The JSON for one hook.  NULL: too long, or memory is out. */
static char *
event_for(const struct notify_hook *h, json_t *event, const json_t *params)
{
	json_t	*o = json_copy(event);
	char	*text;

	if (o != NULL && h->parameters && params != NULL) {
		text = json_dumps(params, JSON_COMPACT);
		if (text != NULL && strlen(text) <= PARAMS_MAX)
			json_object_set_new(o, "parameters",
			    json_deep_copy(params));
		else
			json_object_set_new(o, "parameters_cut",
			    json_true());
		free(text);
	}
	text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text != NULL && strlen(text) > LEN_NOTICE) {
		free(text);
		text = NULL;
	}
	return text;
}

static void
post_one(struct parent *p, uint32_t request, size_t hook, json_t *event,
    const json_t *params)
{
	struct notice	*n = calloc(1, sizeof(*n)), *other;
	const char	*name = json_string_value(json_object_get(event,
			    "event"));
	unsigned int	 queued = 0;

	if (n == NULL || (n->event = event_for(&p->policy->hooks[hook], event,
	    params)) == NULL) {
		free(n);
		report_failed(p, request, hook, name, 0,
		    "it is too long, or memory is out");
		return;
	}
	n->id = p->notices->next_id++;
	n->request = request;
	n->hook = hook;
	n->first = true;
	snprintf(n->name, sizeof(n->name), "%s", name);
	TAILQ_FOREACH(other, &p->notices->list, entry) {
		queued += other->hook == hook;
		n->first = n->first && !same_line(n, other);
	}
	if (queued >= QUEUE_MAX) {
		report_failed(p, request, hook, name, 0, "its queue is full");
		free(n->event);
		free(n);
		return;
	}
	TAILQ_INSERT_TAIL(&p->notices->list, n, entry);
}

void
notices_post(struct parent *p, uint32_t request, json_t *event,
    const json_t *params)
{
	size_t	i;

	if (event == NULL)
		return;
	for (i = 0; i < p->policy->nhooks; i++)
		post_one(p, request, i, event, params);
	pump(p);
}

/* --- a new policy ------------------------------------------------------------------ */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Another secret or certificate is no other receiver; less to see would be. */
static bool
same_hook(const struct notify_hook *a, const struct notify_hook *b)
{
	size_t	i;

	if (!same_text(a->webhook, b->webhook) ||
	    a->command.n != b->command.n || a->parameters != b->parameters)
		return false;
	for (i = 0; i < a->command.n; i++)
		if (strcmp(a->command.v[i], b->command.v[i]) != 0)
			return false;
	return true;
}

void
notices_reloaded(struct parent *p, const struct policy *old)
{
	size_t		 to[HOOKS_MAX], i, k;
	bool		 taken[HOOKS_MAX] = { false };
	struct notice	*n, *next;

	for (i = 0; i < old->nhooks; i++) {
		for (k = 0; k < p->policy->nhooks; k++)
			if (!taken[k] && same_hook(&old->hooks[i],
			    &p->policy->hooks[k]))
				break;
		to[i] = k;
		if (k < p->policy->nhooks)
			taken[k] = true;
	}
	for (n = TAILQ_FIRST(&p->notices->list); n != NULL; n = next) {
		next = TAILQ_NEXT(n, entry);
		if (to[n->hook] == p->policy->nhooks)
			give_up(p, n, "the policy no longer has this hook");
	}
	TAILQ_FOREACH(n, &p->notices->list, entry)
		n->hook = to[n->hook];
	pump(p);
}

json_t *
notices_status(struct parent *p)
{
	struct notices	*ns = p->notices;
	struct notice	*n;
	json_int_t	 queued = 0;
	json_t		*o;

	TAILQ_FOREACH(n, &ns->list, entry)
		queued++;
	o = json_pack("{s:I, s:I, s:I}", "queued", queued,
	    "delivered", (json_int_t)ns->delivered,
	    "failed", (json_int_t)ns->failed);
	if (ns->error[0] != '\0')
		json_object_set_new(o, "error", json_string(ns->error));
	return o;
}

void
notices_init(struct parent *p)
{
	if ((p->notices = calloc(1, sizeof(*p->notices))) == NULL)
		fatal("step=notices");
	TAILQ_INIT(&p->notices->list);
	p->notices->next_id = 1;
	p->notices->timer = ev_timer_new(p->loop, on_timer, p);
}
