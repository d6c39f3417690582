/*
 * Logging in, as the parent sees it.
 *
 * An attempt is verified (verifier) and matched to a profile (claims.c);
 * prepare.c gives it a spool and a backend connection, handover.c does the
 * rest.  During a reload it is held before all that: the verifier may by then
 * work by a policy that is not in force, and one never to be.  The worker's
 * message is not trusted beyond what it says about its client; the verifier's
 * answer is trusted for what it is there to know.  Whatever goes wrong refuses
 * this attempt: with one sentence for all faults of a token, with a clear one
 * for ours, and for what somebody lacks who has proved who he is.  An attempt
 * that a reload overtook is begun again by the policy that is then in force;
 * for that the token is kept until the session is written down.  If the
 * verifier dies of it nobody asks again.
 */
#include "attempt.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "approvals.h"
#include "attempts.h"
#include "auditlink.h"
#include "children.h"
#include "claims.h"
#include "jtis.h"
#include "log.h"
#include "reload.h"
#include "sessions.h"
#include "throttle.h"
#include "workers.h"

#define ATTEMPT_TIME	25000	/* ms, all steps together */
#define FAILURES_MAX	30	/* a minute, from one address */
#define PER_WORKER_MAX	1024	/* attempts under way */
#define AGAIN_MAX	3	/* reloads that one attempt lives through */

/* The worker has a sentence for it, by the way that the token came. */
#define SENTENCE_AUTH	""

#define M_NAME(id)	#id,
static const char *const state_names[] = { ATTEMPT_STATES(M_NAME) };
#undef M_NAME

struct attempts {
	struct attempt_list	 list;
	uint32_t		 next_id;
	struct throttle		*throttle;
};

static void
attempt_token_free(struct attempt *a)
{
	if (a->token != NULL)
		explicit_bzero(a->token, a->tokenlen);
	free(a->token);
	a->token = NULL;
}

void
attempt_enter(struct attempt *a, enum attempt_state state)
{
	log_debug("event=attempt_state id=%u from=%s to=%s", a->id,
	    state_names[a->state], state_names[state]);
	a->state = state;
	if (state == ATTEMPT_COMMITTING)
		attempt_token_free(a);
	reload_login_over(a->p);
}

struct attempt_list *
attempts_all(struct parent *p)
{
	return &p->attempts->list;
}

struct attempt *
attempt_find(struct parent *p, uint32_t id, enum attempt_state state)
{
	struct attempt	*a;

	TAILQ_FOREACH(a, &p->attempts->list, entry)
		if (a->id == id && a->state == state)
			return a;
	return NULL;
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

static unsigned int
attempts_in(struct parent *p, enum attempt_state state)
{
	struct attempt	*a;
	unsigned int	 n = 0;

	TAILQ_FOREACH(a, &p->attempts->list, entry)
		n += a->state == state;
	return n;
}

unsigned int
attempts_asking(struct parent *p)
{
	return attempts_in(p, ATTEMPT_VERIFYING) +
	    attempts_in(p, ATTEMPT_PREPARING);
}

static void	attempt_verify(struct attempt *);

/* --- ends ---------------------------------------------------------------------------- */

/* Spool and backend, whether they are there yet or not. */
static void
attempt_undo(struct attempt *a)
{
	struct ipc_keeper_forget	m;
	int				i;

	if (a->s == NULL && a->session[0] != '\0') {
		memset(&m, 0, sizeof(m));
		m.session = slice_str(a->session);
		ipc_send(children_keeper(a->p), IPC_keeper_forget, &m, NULL,
		    0);
		/* Also when the answer is still to come. */
		if (a->marked)
			sessions_spool_over(a->p, a->session);
	}
	for (i = 0; i < 4; i++) {
		if (a->spool[i] != -1)
			close(a->spool[i]);
		a->spool[i] = -1;
	}
	if (a->backend != -1)
		close(a->backend);
	a->backend = -1;
	if (a->jti_taken)
		jtis_give_back(a->p->jtis, a->jti);
	a->jti_taken = false;
	json_decref(a->claims);
	a->claims = NULL;
	free(a->claims_text);
	a->claims_text = NULL;
	free(a->ca);
	a->ca = NULL;
	a->session[0] = '\0';
	a->marked = a->have_spool = a->have_dial = false;
}

/* Undo what was begun and forget it; the worker has been told. */
void
attempt_free(struct attempt *a, const char *reason)
{
	struct parent	*p = a->p;

	TAILQ_REMOVE(&a->p->attempts->list, a, entry);
	if (a->s != NULL)
		sessions_finish(a->s, reason);
	attempt_undo(a);
	ev_timer_free(&a->timer);
	attempt_token_free(a);
	free(a->params);
	free(a);
	reload_login_over(p);
}

/* For all who answer; never 0, nor one of approvals.h. */
static uint32_t
attempt_id(struct parent *p)
{
	uint32_t	id = p->attempts->next_id++;

	if (p->attempts->next_id == APPROVAL_ID)
		p->attempts->next_id = 1;
	return id;
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

static void
record_refused(struct attempt *a, const char *sqlstate, const char *reason)
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
	ev.act = slice_str(a->act);
	ev.jti = slice_str(a->jti_hex);
	ev.application = slice_str(a->application);
	ev.tls_version = slice_str(a->tls_version);
	ev.sqlstate = slice_str(sqlstate);
	auditlink_event(a->p, EVENT_login_refused, &ev);
}

/* `message` is for the client, `reason` for the log and the record. */
void
attempt_refuse(struct attempt *a, const char *sqlstate, const char *message,
    const char *hint, const char *reason)
{
	record_refused(a, sqlstate, reason);
	tell_refused(a->w, a->number, sqlstate, message, hint);
	attempt_free(a, reason);
}

/* One that is over the limit is recorded here, and then no more (D27). */
static void
attempt_count_failure(struct attempt *a)
{
	struct event_login_refused	ev = {
		.reason = slice_str("too many failures from this address: "
		    "refused unseen for up to a minute"),
		.peer = slice_str(a->addr),
		.sqlstate = slice_str("28000")
	};

	if (!throttle_fail(a->p->attempts->throttle, a->addr, now_boot_ms()))
		return;
	log_warnx("event=login_throttled addr=%s",
	    log_esc(a->addr, strlen(a->addr)));
	auditlink_event(a->p, EVENT_login_refused, &ev);
}

/* The client's fault: he learns that it is one, and no more. */
void
attempt_refuse_auth(struct attempt *a, const char *reason)
{
	attempt_count_failure(a);
	attempt_refuse(a, "28000", SENTENCE_AUTH, "", reason);
}

void
attempt_refuse_known(struct attempt *a, const struct claims_why *why)
{
	attempt_count_failure(a);
	attempt_refuse(a, "28000", why->message, why->hint, why->reason);
}

void
attempt_identity(const struct attempt *a, struct identity *id)
{
	id->issuer = a->issuer;
	id->subject = a->subject;
	id->claims = a->claims;
	id->addr = a->addr;
	id->now = (time_t)(now_wall_us() / 1000000);
}

/* Nobody is there to be told. */
static void
attempt_abandon(struct attempt *a, const char *reason, bool count)
{
	if (count && a->state == ATTEMPT_VERIFYING)
		attempt_count_failure(a);
	record_refused(a, "-", reason);
	attempt_free(a, reason);
}

/* Ours. */
void
attempt_refuse_away(struct attempt *a, const char *message,
    const char *reason)
{
	attempt_refuse(a, "57P03", message, "Try again in a moment.", reason);
}

/* A reload came between: what was found out is by the wrong policy. */
void
attempt_again(struct attempt *a)
{
	struct parent	*p = a->p;

	if (++a->again <= AGAIN_MAX && a->token != NULL) {
		log_debug("event=attempt_again id=%u", a->id);
		attempt_undo(a);
		a->request = a->grant = 0;
		/* Answers that are still to come are for nobody. */
		a->id = attempt_id(p);
		attempt_enter(a, ATTEMPT_HELD);
		if (!reload_holds(p))
			attempt_verify(a);
		return;
	}
	attempt_refuse_away(a, "the policy is being reloaded; try again",
	    "the policy was reloaded meanwhile");
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

void
attempt_clock(struct attempt *a)
{
	ev_timer_set(a->timer, ATTEMPT_TIME);
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
	a->id = attempt_id(w->p);
	a->tls = m->tls;
	a->backend = a->spool[0] = a->spool[1] = a->spool[2] = a->spool[3] =
	    -1;
	/* A name with a NUL in it is none; the log shows it empty. */
	if (slice_copy(m->user, a->user, sizeof(a->user)) == -1 ||
	    slice_copy(m->database, a->database, sizeof(a->database)) == -1 ||
	    slice_copy(m->peer, a->peer, sizeof(a->peer)) == -1 ||
	    slice_copy(m->application, a->application,
	    sizeof(a->application)) == -1 ||
	    slice_copy(m->tls_version, a->tls_version,
	    sizeof(a->tls_version)) == -1) {
		free(a);
		return NULL;
	}
	throttle_addr(a->peer, a->addr, sizeof(a->addr));
	a->timer = ev_timer_new(w->p->loop, on_attempt_timer, a);
	TAILQ_INSERT_TAIL(&w->p->attempts->list, a, entry);
	return a;
}

/* Ask the verifier. */
static void
attempt_verify(struct attempt *a)
{
	struct parent		*p = a->p;
	struct ipc_verify	 ask;

	if (p->stopping || !auditlink_ready(p)) {
		attempt_refuse_away(a, "the audit service is not available",
		    "auditd is not available");
		return;
	}
	ask.id = a->id;
	ask.token = slice_of(a->token, a->tokenlen);
	ask.peer = slice_str(a->peer);
	if (ipc_send(children_verifier(p), IPC_verify, &ask, NULL, 0) == -1) {
		attempt_refuse_away(a, "the gateway cannot verify tokens now",
		    "the verifier is not available");
		return;
	}
	a->generation = p->policy->generation;
	attempt_enter(a, ATTEMPT_VERIFYING);
}

static uint8_t *
keep(struct slice s)
{
	uint8_t	*p = malloc((size_t)s.len + 1);

	if (p != NULL && s.len > 0)
		memcpy(p, s.p, s.len);
	return p;
}

static int
attempt_keep(struct attempt *a, const struct ipc_login *m)
{
	if ((a->token = keep(m->token)) == NULL ||
	    (a->params = keep(m->params)) == NULL)
		return -1;
	a->tokenlen = m->token.len;
	a->paramslen = m->params.len;
	return 0;
}

void
attempts_resume(struct parent *p)
{
	struct attempt	*a, *next;

	for (a = TAILQ_FIRST(&p->attempts->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->state == ATTEMPT_HELD)
			attempt_verify(a);
		else if (a->state == ATTEMPT_WAITING && a->generation !=
		    p->policy->generation) {
			attempt_clock(a);
			attempt_again(a);
		}
	}
}

int
attempts_start(struct worker *w, const struct ipc_login *m)
{
	struct parent		*p = w->p;
	struct attempt		*a;
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
	attempt_clock(a);
	if (attempt_keep(a, m) == -1)
		attempt_refuse_away(a, "the gateway is out of memory",
		    "out of memory");
	else if (!reload_holds(p))
		attempt_verify(a);
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
		attempt_abandon(a, "client went away during login", true);
}

void
attempts_worker_lost(struct worker *w)
{
	struct attempt	*a, *next;

	for (a = TAILQ_FIRST(&w->p->attempts->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		/* Many share a worker, and one may have ended it for all. */
		if (a->w == w)
			attempt_abandon(a, "worker went away during login",
			    !w->shared);
	}
}

/*
 * What the record has of the claims besides the claims: who acts for the
 * subject (RFC 8693, 4.1), and which token it was, by a digest.
 */
static void
attempt_trace(struct attempt *a)
{
	const char	*jti = json_string_value(json_object_get(a->claims,
			    "jti"));
	const json_t	*act = json_object_get(a->claims, "act");
	uint8_t		 digest[SHA256_LEN];
	char		*text;

	if (jti != NULL) {
		sha256_once(jti, strlen(jti), digest);
		hex_encode(digest, sizeof(digest), a->jti_hex);
	}
	if (act == NULL ||
	    (text = json_dumps(act, JSON_COMPACT | JSON_ENCODE_ANY)) == NULL)
		return;
	/* One that is longer is in the session's claims. */
	if (strlen(text) < sizeof(a->act))
		snprintf(a->act, sizeof(a->act), "%s", text);
	free(text);
}

/* --- the verifier's answer --------------------------------------------------------------------- */

void
attempts_verified(struct parent *p, const struct ipc_verified *m)
{
	struct attempt	*a = attempt_find(p, m->id, ATTEMPT_VERIFYING);

	if (a == NULL)
		return;
	if (m->generation != p->policy->generation) {
		attempt_again(a);
		return;
	}
	if (slice_copy(m->issuer, a->issuer, sizeof(a->issuer)) == -1 ||
	    slice_copy(m->subject, a->subject, sizeof(a->subject)) == -1 ||
	    (a->claims_text = slice_dup(m->claims)) == NULL ||
	    (a->claims = json_loads(a->claims_text, JSON_REJECT_DUPLICATES,
	    NULL)) == NULL || !json_is_object(a->claims)) {
		attempt_refuse_auth(a, "the claims are not readable");
		return;
	}
	a->expires = m->expires;
	attempt_trace(a);
	attempt_choose(a);
}

void
attempts_verify_refused(struct parent *p, const struct ipc_verify_refused *m)
{
	struct attempt	*a = attempt_find(p, m->id, ATTEMPT_VERIFYING);
	char		 reason[LEN_REASON + 1];

	if (a == NULL)
		return;
	if (reload_holds(p) || a->generation != p->policy->generation) {
		/* Perhaps by the policy on offer, or the one of before. */
		attempt_again(a);
		return;
	}
	if (slice_copy(m->reason, reason, sizeof(reason)) == -1)
		snprintf(reason, sizeof(reason), "the token is refused");
	attempt_refuse_auth(a, reason);
}

void
attempts_verifier_lost(struct parent *p)
{
	struct attempt	*a, *next;
	unsigned int	 n = attempts_in(p, ATTEMPT_VERIFYING);

	for (a = TAILQ_FIRST(&p->attempts->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->state != ATTEMPT_VERIFYING)
			continue;
		/* It may have died of a token: it is known whose if of one. */
		if (n == 1)
			attempt_count_failure(a);
		attempt_refuse_away(a, "the gateway cannot verify tokens now",
		    "the verifier died");
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

void
attempts_init(struct parent *p)
{
	char	path[LEN_PATH];

	parent_state_path(p, "tokens", path, sizeof(path));
	p->jtis = jtis_new(path, now_wall_us() / 1000000);
	if (p->jtis == NULL)
		fatal("step=tokens path=%s", path);
	p->attempts = calloc(1, sizeof(*p->attempts));
	if (p->attempts == NULL ||
	    (p->attempts->throttle = throttle_new(FAILURES_MAX)) == NULL)
		fatal("step=attempts");
	TAILQ_INIT(&p->attempts->list);
	p->attempts->next_id = 1;
}
