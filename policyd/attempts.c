/*
 * Logging in, as the parent sees it.
 *
 * An attempt is verified (verifier), matched to a profile (claims.c), given a
 * spool (auditd) and a backend connection (keeper); handover.c does the rest.
 * The worker's message is not trusted beyond what it says about its client; the
 * verifier's answer is trusted for what it is there to know.  Whatever goes
 * wrong refuses this attempt: with one sentence for all faults of the client,
 * with a clear one for ours.  The token is not kept: if the verifier dies of
 * it nobody asks again.
 */
#include "attempt.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "attempts.h"
#include "auditlink.h"
#include "children.h"
#include "claims.h"
#include "crypto.h"
#include "log.h"
#include "sessions.h"
#include "throttle.h"
#include "workers.h"

#define ATTEMPT_TIME	25000	/* ms, all steps together */
#define FAILURES_MAX	30	/* a minute, from one address */
#define PER_WORKER_MAX	1024	/* attempts under way */

#define SENTENCE_AUTH	"authentication failed"

#define M_NAME(id)	#id,
static const char *const state_names[] = { ATTEMPT_STATES(M_NAME) };
#undef M_NAME

TAILQ_HEAD(attempt_list, attempt);

struct attempts {
	struct attempt_list	 list;
	uint32_t		 next_id;
	struct throttle		*throttle;
};

void
attempt_enter(struct attempt *a, enum attempt_state state)
{
	log_debug("event=attempt_state id=%u from=%s to=%s", a->id,
	    state_names[a->state], state_names[state]);
	a->state = state;
}

static struct attempt *
attempt_find(struct parent *p, uint32_t id, enum attempt_state state)
{
	struct attempt	*a;

	TAILQ_FOREACH(a, &p->attempts->list, entry)
		if (a->id == id && a->state == state)
			return a;
	return NULL;
}

/* --- ends ---------------------------------------------------------------------------- */

/* Undo what was begun and forget it; the worker has been told. */
void
attempt_free(struct attempt *a, const char *reason)
{
	struct ipc_keeper_forget	m;
	int				i;

	TAILQ_REMOVE(&a->p->attempts->list, a, entry);
	if (a->s != NULL)
		sessions_finish(a->s, reason);
	else if (a->session[0] != '\0') {
		m.session = slice_str(a->session);
		ipc_send(children_keeper(a->p), IPC_keeper_forget, &m, NULL,
		    0);
		/* Also when the answer is still to come. */
		if (a->spool_asked)
			auditlink_spool_close(a->p, a->session);
	}
	for (i = 0; i < 4; i++)
		if (a->spool[i] != -1)
			close(a->spool[i]);
	if (a->backend != -1)
		close(a->backend);
	ev_timer_free(&a->timer);
	json_decref(a->claims);
	free(a->claims_text);
	free(a->ca);
	free(a);
}

static void
tell_refused(struct worker *w, uint32_t number, const char *sqlstate,
    const char *message, const char *hint)
{
	struct ipc_login_refused	m;

	m.attempt = number;
	m.sqlstate = slice_str(sqlstate);
	m.message = slice_str(message);
	m.hint = slice_str(hint);
	ipc_send(w->ipc, IPC_login_refused, &m, NULL, 0);
}

/* `message` is for the client, `reason` for the log and the record. */
void
attempt_refuse(struct attempt *a, const char *sqlstate, const char *message,
    const char *hint, const char *reason)
{
	struct event_login_refused	ev;

	log_info("event=login_refused peer=%s user=%s database=%s issuer=%s "
	    "subject=%s sqlstate=%s reason=%s",
	    log_esc(a->peer, strlen(a->peer)),
	    log_esc(a->user, strlen(a->user)),
	    log_esc(a->database, strlen(a->database)),
	    a->issuer[0] != '\0' ? a->issuer : "-",
	    log_esc(a->subject, strlen(a->subject)), sqlstate,
	    log_esc(reason, strlen(reason)));
	ev.reason = slice_str(reason);
	ev.peer = slice_str(a->peer);
	ev.user = slice_str(a->user);
	ev.database = slice_str(a->database);
	ev.issuer = slice_str(a->issuer);
	ev.subject = slice_str(a->subject);
	auditlink_event(a->p, EVENT_login_refused, &ev);
	tell_refused(a->w, a->number, sqlstate, message, hint);
	attempt_free(a, reason);
}

/* The client's fault: he learns that it is one, and no more. */
void
attempt_refuse_auth(struct attempt *a, const char *reason)
{
	throttle_fail(a->p->attempts->throttle, a->addr, now_boot_ms());
	attempt_refuse(a, "28000", SENTENCE_AUTH, "", reason);
}

/* Ours. */
void
attempt_refuse_away(struct attempt *a, const char *message,
    const char *reason)
{
	attempt_refuse(a, "57P03", message, "Try again in a moment.", reason);
}

static void
on_attempt_timer(void *ctx)
{
	struct attempt	*a = ctx;
	char		 reason[64];

	snprintf(reason, sizeof(reason), "time limit reached while %s",
	    state_names[a->state]);
	attempt_refuse_away(a, "logging in took too long", reason);
}

/* --- start ------------------------------------------------------------------------- */

static struct attempt *
attempt_new(struct worker *w, const struct ipc_login *m)
{
	struct attempt	*a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->p = w->p;
	a->w = w;
	a->number = m->attempt;
	a->id = w->p->attempts->next_id++;
	if (w->p->attempts->next_id == 0)
		w->p->attempts->next_id = 1;
	a->tls = m->tls;
	a->backend = a->spool[0] = a->spool[1] = a->spool[2] = a->spool[3] =
	    -1;
	/* A name with a NUL in it is none; the log shows it empty. */
	if (slice_copy(m->user, a->user, sizeof(a->user)) == -1 ||
	    slice_copy(m->database, a->database, sizeof(a->database)) == -1 ||
	    slice_copy(m->peer, a->peer, sizeof(a->peer)) == -1 ||
	    slice_copy(m->application, a->application,
	    sizeof(a->application)) == -1) {
		free(a);
		return NULL;
	}
	throttle_addr(a->peer, a->addr, sizeof(a->addr));
	a->timer = ev_timer_new(w->p->loop, on_attempt_timer, a);
	TAILQ_INSERT_TAIL(&w->p->attempts->list, a, entry);
	return a;
}

int
attempts_start(struct worker *w, const struct ipc_login *m)
{
	struct parent		*p = w->p;
	struct attempt		*a;
	struct ipc_verify	 ask;
	unsigned int		 n = 0;

	TAILQ_FOREACH(a, &p->attempts->list, entry)
		if (a->w == w && (a->number == m->attempt ||
		    ++n >= (w->shared ? PER_WORKER_MAX : 1)))
			return -1;
	a = attempt_new(w, m);
	if (a == NULL)
		return -1;
	if (throttle_over(p->attempts->throttle, a->addr, now_boot_ms())) {
		/* Not recorded one by one: that would be the next attack. */
		log_debug("event=login_throttled addr=%s",
		    log_esc(a->addr, strlen(a->addr)));
		tell_refused(w, a->number, "28000", SENTENCE_AUTH, "");
		attempt_free(a, "throttled");
		return 0;
	}
	if (p->stopping || !auditlink_ready(p)) {
		attempt_refuse_away(a, "the audit service is not available",
		    "auditd is not available");
		return 0;
	}
	ask.id = a->id;
	ask.token = m->token;
	ask.peer = m->peer;
	if (ipc_send(children_verifier(p), IPC_verify, &ask, NULL, 0) == -1) {
		attempt_refuse_away(a, "the gateway cannot verify tokens now",
		    "the verifier is not available");
		return 0;
	}
	ev_timer_set(a->timer, ATTEMPT_TIME);
	return 0;
}

void
attempts_abort(struct worker *w, uint32_t number)
{
	struct attempt	*a;

	TAILQ_FOREACH(a, &w->p->attempts->list, entry)
		if (a->w == w && a->number == number)
			break;
	if (a != NULL)
		attempt_free(a, "the client went away while logging in");
}

void
attempts_worker_lost(struct worker *w)
{
	struct attempt	*a, *next;

	for (a = TAILQ_FIRST(&w->p->attempts->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->w == w)
			attempt_free(a, "the worker went away while "
			    "logging in");
	}
}

/* --- the choice --------------------------------------------------------------------- */

static unsigned int
attempts_like(const struct attempt *me)
{
	struct attempt	*a;
	unsigned int	 n = 0;

	/* From COMMITTING on it is counted as a session. */
	TAILQ_FOREACH(a, &me->p->attempts->list, entry)
		if (a != me && a->s == NULL && a->session[0] != '\0' &&
		    strcmp(a->profile, me->profile) == 0 &&
		    strcmp(a->issuer, me->issuer) == 0 &&
		    strcmp(a->subject, me->subject) == 0)
			n++;
	return n;
}

/* Ask auditd for a spool and the keeper for a connection, at once. */
static void
attempt_prepare(struct attempt *a, const struct profile *profile)
{
	struct ipc_dial	m;
	uint8_t		rnd[LEN_SESSION / 2];

	snprintf(a->profile, sizeof(a->profile), "%s", profile->key);
	if (profile->concurrent != 0 && sessions_count(a->p, a->profile,
	    a->issuer, a->subject) + attempts_like(a) >=
	    profile->concurrent) {
		attempt_refuse(a, "53300",
		    "too many sessions of this subject in this profile",
		    "End another session first.", "concurrent sessions");
		return;
	}
	random_bytes(rnd, sizeof(rnd));
	hex_encode(rnd, sizeof(rnd), a->session);
	attempt_enter(a, ATTEMPT_PREPARING);
	if (auditlink_spool_open(a->p, a->id, a->session) == -1) {
		attempt_refuse_away(a, "the audit service is not available",
		    "auditd is not available");
		return;
	}
	a->spool_asked = true;
	m.id = a->id;
	m.session = slice_str(a->session);
	m.profile = slice_str(a->profile);
	m.database = slice_str(a->database);
	if (ipc_send(children_keeper(a->p), IPC_dial, &m, NULL, 0) == -1)
		attempt_refuse_away(a, "the gateway cannot reach databases "
		    "now", "the keeper is not available");
}

void
attempts_verified(struct parent *p, const struct ipc_verified *m)
{
	struct attempt		*a = attempt_find(p, m->id,
				    ATTEMPT_VERIFYING);
	const struct profile	*profile;
	struct identity		 id;
	const char		*reason;

	if (a == NULL)
		return;
	if (slice_copy(m->issuer, a->issuer, sizeof(a->issuer)) == -1 ||
	    slice_copy(m->subject, a->subject, sizeof(a->subject)) == -1 ||
	    (a->claims_text = slice_dup(m->claims)) == NULL ||
	    (a->claims = json_loads(a->claims_text, JSON_REJECT_DUPLICATES,
	    NULL)) == NULL || !json_is_object(a->claims)) {
		attempt_refuse_auth(a, "the claims are not readable");
		return;
	}
	a->expires = m->expires;
	id.issuer = a->issuer;
	id.subject = a->subject;
	id.claims = a->claims;
	profile = claims_choose(p->policy, a->user, a->database, &id,
	    &reason);
	if (profile == NULL) {
		attempt_refuse_auth(a, reason);
		return;
	}
	attempt_prepare(a, profile);
}

void
attempts_verify_refused(struct parent *p, const struct ipc_verify_refused *m)
{
	struct attempt	*a = attempt_find(p, m->id, ATTEMPT_VERIFYING);
	char		 reason[LEN_REASON + 1];

	if (a == NULL)
		return;
	if (slice_copy(m->reason, reason, sizeof(reason)) == -1)
		snprintf(reason, sizeof(reason), "the token is refused");
	attempt_refuse_auth(a, reason);
}

void
attempts_verifier_lost(struct parent *p)
{
	struct attempt	*a, *next;

	for (a = TAILQ_FIRST(&p->attempts->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->state == ATTEMPT_VERIFYING)
			attempt_refuse_auth(a, "the verifier died");
	}
}

/* --- spool and backend ------------------------------------------------------------- */

void
attempts_dialed(struct parent *p, const struct ipc_dialed *m, int *fd)
{
	struct attempt	*a = attempt_find(p, m->id, ATTEMPT_PREPARING);

	if (a == NULL || a->have_dial)
		return;
	if (slice_copy(m->role, a->role, sizeof(a->role)) == -1 ||
	    slice_copy(m->dbname, a->dbname, sizeof(a->dbname)) == -1 ||
	    slice_copy(m->dbhost, a->dbhost, sizeof(a->dbhost)) == -1 ||
	    (m->ca.len > 0 && (a->ca = malloc(m->ca.len)) == NULL)) {
		attempt_refuse(a, "08006", "the database cannot be reached",
		    "", "the keeper's answer is not usable");
		return;
	}
	if (m->ca.len > 0)
		memcpy(a->ca, m->ca.p, m->ca.len);
	a->calen = m->ca.len;
	a->dbtls = m->dbtls;
	a->backend = *fd;
	*fd = -1;
	a->have_dial = true;
	attempt_commit(a);
}

void
attempts_dial_failed(struct parent *p, const struct ipc_dial_failed *m)
{
	struct attempt	*a = attempt_find(p, m->id, ATTEMPT_PREPARING);
	char		 reason[LEN_REASON + 1];

	if (a == NULL)
		return;
	if (slice_copy(m->reason, reason, sizeof(reason)) == -1)
		snprintf(reason, sizeof(reason), "dialling failed");
	attempt_refuse(a, "08006", "the database cannot be reached", "",
	    reason);
}

void
attempts_keeper_lost(struct parent *p)
{
	struct attempt	*a, *next;

	for (a = TAILQ_FIRST(&p->attempts->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		/*
		 * Later ones too: the exchange with the server, that the
		 * keeper was to make, has gone with it.
		 */
		if (a->state != ATTEMPT_VERIFYING)
			attempt_refuse(a, "08006", "the database cannot be "
			    "reached", "Try again in a moment.",
			    "the keeper died");
	}
}

void
attempts_spool(struct parent *p, const struct ipc_spool_opened *m, int *fds)
{
	struct attempt	*a = attempt_find(p, m->id, ATTEMPT_PREPARING);
	int		 i;

	/* If nobody waits, its close is under way already. */
	if (a == NULL || a->have_spool || !slice_eq(m->session, a->session))
		return;
	for (i = 0; i < 4; i++) {
		a->spool[i] = fds[i];
		fds[i] = -1;
	}
	a->have_spool = true;
	attempt_commit(a);
}

void
attempts_spool_failed(struct parent *p, const struct ipc_spool_failed *m)
{
	struct attempt	*a = attempt_find(p, m->id, ATTEMPT_PREPARING);
	char		 reason[LEN_REASON + 1];

	if (a == NULL)
		return;
	if (slice_copy(m->reason, reason, sizeof(reason)) == -1)
		snprintf(reason, sizeof(reason), "auditd made no spool");
	attempt_refuse_away(a, "the audit service is not available", reason);
}

void
attempts_audit_lost(struct parent *p)
{
	struct attempt	*a, *next;

	for (a = TAILQ_FIRST(&p->attempts->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->state == ATTEMPT_PREPARING && !a->have_spool)
			attempt_refuse_away(a, "the audit service is not "
			    "available", "auditd went away");
	}
}

/* --- recorded, and ready to be judged ----------------------------------- */

void
attempts_committed(struct parent *p)
{
	struct attempt	*a, *next;

	for (a = TAILQ_FIRST(&p->attempts->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->state == ATTEMPT_COMMITTING &&
		    auditlink_committed(p, a->commit)) {
			attempt_enter(a, ATTEMPT_JOINING);
			attempt_hand_over(a);
		}
	}
}

void
attempts_engine_ready(struct parent *p)
{
	struct attempt	*a, *next;

	for (a = TAILQ_FIRST(&p->attempts->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->state == ATTEMPT_JOINING)
			attempt_hand_over(a);
	}
}

unsigned int
attempts_count(struct parent *p)
{
	struct attempt	*a;
	unsigned int	 n = 0;

	TAILQ_FOREACH(a, &p->attempts->list, entry)
		n++;
	return n;
}

void
attempts_init(struct parent *p)
{
	p->attempts = calloc(1, sizeof(*p->attempts));
	if (p->attempts == NULL ||
	    (p->attempts->throttle = throttle_new(FAILURES_MAX)) == NULL)
		fatal("step=attempts");
	TAILQ_INIT(&p->attempts->list);
	p->attempts->next_id = 1;
}
