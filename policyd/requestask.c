/*
 * A worker asks about a statement.  Runs in the parent.  Where the rule lets an
 * approval hold for what is similar, the profile's engine is asked first what
 * that would be; the request is nobody's meanwhile but this file's.
 */
#include "requests.h"

#include <stdlib.h>
#include <string.h>

#include "explains.h"
#include "leases.h"
#include "log.h"
#include "request.h"
#include "sessions.h"

/* So many may a subject take back within this time, before it has to wait. */
#define STORM_MAX	30
#define STORM_TIME	60000	/* ms */

/* Who acts for the session's subject: what the token said when it opened. */
static int
request_actors(struct request *r, const struct session *s)
{
	json_t	*claims;

	claims = s->claims == NULL ? NULL : json_loads(s->claims, 0, NULL);
	if (claims == NULL)
		return -1;
	r->act = json_incref(json_object_get(claims, "act"));
	json_decref(claims);
	return 0;
}

static struct request *
request_of_statement(struct session *s, const struct ipc_hold_ask *m)
{
	struct request	*r = request_new(s->p, REQUEST_STATEMENT);

	if (r == NULL)
		return NULL;
	r->id = m->id;
	r->ask = m->ask;
	r->in_transaction = m->in_transaction != 0;
	r->estimate = m->estimate;
	r->est_rows = m->est_rows;
	r->est_cost = m->est_cost;
	memcpy(r->session, s->id, sizeof(r->session));
	memcpy(r->issuer, s->issuer, sizeof(r->issuer));
	memcpy(r->subject, s->subject, sizeof(r->subject));
	memcpy(r->profile, s->profile, sizeof(r->profile));
	memcpy(r->database, s->database, sizeof(r->database));
	memcpy(r->role, s->role, sizeof(r->role));
	memcpy(r->peer, s->peer, sizeof(r->peer));
	memcpy(r->application, s->application, sizeof(r->application));
	r->text = slice_dup(m->text);
	r->params = params_json(m->params.p, m->params.len);
	if (r->text == NULL || r->params == NULL ||
	    request_actors(r, s) == -1 ||
	    slice_copy(m->rule, r->rule, sizeof(r->rule)) == -1 ||
	    slice_copy(m->kind, r->kind, sizeof(r->kind)) == -1) {
		request_free(r);
		return NULL;
	}
	return r;
}

/* --- what is similar ------------------------------------------------------------- */

static void
ask_open(struct request *r, struct session *s, const struct rule *rule)
{
	struct decision	by;
	uint32_t	lease = leases_use(r, &by);

	/* Who gave it has been told, and nobody else is asked. */
	r->quiet = lease != 0;
	if (request_open(r, &rule->approval) == -1) {
		request_tell(s, r->id, r->ask, 0, HOLD_REFUSED, "57P03",
		    "statement refused: it needs approval, and the request "
		    "for it could not be recorded", "");
		request_free(r);
		return;
	}
	if (lease != 0 && decision_by_lease(r, &by, lease) == 0)
		return;
	request_tell_waiting(s, r, rule);
	if (!r->quiet)
		return;
	r->quiet = false;
	requestnotice_open(r, &rule->approval, request_expires_wall(r),
	    false);
}

/* The engine has looked at it; or died (NULL): then nothing is similar. */
static void
on_looked(void *ctx, const json_t *found)
{
	struct request		*r = ctx;
	struct session		*s = sessions_find(r->p,
				    slice_str(r->session));
	const struct rule	*rule = request_rule(r);
	const char		*shape;

	TAILQ_INSERT_TAIL(&r->p->requests->list, r, entry);
	/* Taken back, or asked anew, under another policy perhaps. */
	if (s == NULL || s->state != SESSION_READY || rule == NULL ||
	    s->hold_id != r->id || s->hold_ask != r->ask) {
		request_free(r);
		return;
	}
	shape = json_string_value(json_object_get(found, "shape"));
	if (shape != NULL && strlen(shape) <= LEN_SHAPE)
		r->shape = strdup(shape);
	ask_open(r, s, rule);
}

/* 0: on_looked() goes on with it. */
static int
look(struct request *r)
{
	struct ipc_explain	 m;

	if (request_explain(r, &m) == -1 ||
	    explains_ask(r->p, &m, on_looked, r) == -1)
		return -1;
	TAILQ_REMOVE(&r->p->requests->list, r, entry);
	return 0;
}

/* --- asking ------------------------------------------------------------------------ */

/*
 * Each request is written to disk, recorded, and told to people: who makes them
 * only to take them back has to stop.
 */
static bool
storms(const struct session *s)
{
	struct request	*r;
	uint64_t	 now = now_boot_ms();
	unsigned int	 n = 0;

	TAILQ_FOREACH(r, &s->p->requests->list, entry)
		n += r->taken_back && now - r->over < STORM_TIME &&
		    strcmp(r->subject, s->subject) == 0 &&
		    strcmp(r->issuer, s->issuer) == 0;
	return n >= STORM_MAX;
}

static void
ask_new(struct session *s, const struct ipc_hold_ask *m)
{
	const struct rule	*rule;
	struct request		*r;
	const char		*why = NULL;

	requests_trim(s->p);
	if (!requests_have_room(s->p)) {
		request_tell(s, m->id, m->ask, 0, HOLD_REFUSED, "53400", "statement "
		    "refused: too many statements wait for approval", "");
		return;
	}
	if (storms(s)) {
		request_tell(s, m->id, m->ask, 0, HOLD_REFUSED, "53400", "statement "
		    "refused: too many requests for approval were taken "
		    "back", "Try again in a minute.");
		return;
	}
	if ((r = request_of_statement(s, m)) == NULL) {
		request_tell(s, m->id, m->ask, 0, HOLD_REFUSED, "57P03", "statement "
		    "refused: it needs approval, and the request for it could "
		    "not be made", "");
		return;
	}
	if ((rule = request_rule(r)) == NULL)
		why = "statement refused: the policy has changed";
	else if (r->in_transaction &&
	    rule->approval.in_transaction == INTX_DENY)
		why = "statement refused: it needs approval, and must not "
		    "wait for it inside a transaction";
	if (why != NULL) {
		request_tell(s, m->id, m->ask, 0, HOLD_REFUSED, "42501", why, "");
		request_free(r);
	} else if (rule->approval.similar == 0 || look(r) == -1)
		ask_open(r, s, rule);
}

void
requests_ask(struct session *s, const struct ipc_hold_ask *m)
{
	const struct rule	*rule;
	struct request		*r = request_of(s, m->id);

	/* It asks again once it has seen the policy in force. */
	if (m->generation != s->p->policy->generation)
		return;
	s->hold_id = m->id;
	s->hold_ask = m->ask;
	if (r != NULL && ((rule = request_rule(r)) == NULL ||
	    !slice_eq(m->text, r->text) || !slice_eq(m->rule, r->rule))) {
		request_end(r, REQUEST_WITHDRAWN, "the policy has changed");
		r = NULL;
	}
	if (r != NULL)
		r->ask = m->ask;
	if (r == NULL)
		ask_new(s, m);
	else if (r->state == REQUEST_OPEN)
		request_tell_waiting(s, r, rule);
	else if (r->commit == 0)
		request_tell_decided(r);
}

void
requests_withdraw(struct session *s, const struct ipc_hold_withdraw *m)
{
	struct request	*r = request_of(s, m->id);
	char		 reason[LEN_REASON + 1];

	if (s->hold_id == m->id)
		s->hold_id = 0;
	if (r == NULL || r->state != REQUEST_OPEN)
		return;
	if (slice_copy(m->reason, reason, sizeof(reason)) == -1)
		reason[0] = '\0';
	r->taken_back = true;
	request_end(r, REQUEST_WITHDRAWN, reason);
}
