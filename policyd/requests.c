/*
 * What waits for a person: statements, and with grants.c logins.  Runs in the
 * parent.
 *
 * What a worker asks is its own session's and nothing else; which rule held it
 * is the worker's word, but the rule itself, and who may decide, are looked up
 * in the policy.  The text is a client's.  A decision is recorded and committed
 * before the worker hears of it; when it cannot be recorded there is none.
 */
#include "requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auditlink.h"
#include "log.h"
#include "recordkey.h"
#include "request.h"
#include "sessions.h"
#include "workers.h"

#define REQUESTS_MAX	1000	/* open at once */
#define HISTORY_MAX	200	/* ended ones that are still listed */

#define REQUEST_M_NAME(id, name)	name,
static const char *const state_names[] = { REQUEST_STATES(REQUEST_M_NAME) };

const char *
request_state_name(enum request_state state)
{
	return state_names[state];
}

/* --- the table --------------------------------------------------------------- */

static void
request_path(const struct request *r, char *out, size_t size)
{
	char	name[64];

	snprintf(name, sizeof(name), "requests/%u.json", r->number);
	parent_state_path(r->p, name, out, size);
}

int
request_save(struct request *r)
{
	char	path[LEN_PATH];

	request_path(r, path, sizeof(path));
	return requestfile_write(r, path, true);
}

void
request_unlink(struct request *r)
{
	char	path[LEN_PATH];

	request_path(r, path, sizeof(path));
	unlink(path);
}

void
request_free(struct request *r)
{
	TAILQ_REMOVE(&r->p->requests->list, r, entry);
	ev_timer_free(&r->timer);
	json_decref(r->params);
	json_decref(r->act);
	free(r->text);
	free(r->shape);
	free(r);
}

static bool
request_live(const struct request *r)
{
	return r->state == REQUEST_OPEN || r->state == REQUEST_APPROVED;
}

struct request *
request_of(struct session *s, uint32_t id)
{
	struct request	*r;

	TAILQ_FOREACH(r, &s->p->requests->list, entry)
		if (request_live(r) && r->id == id &&
		    strcmp(r->session, s->id) == 0)
			return r;
	return NULL;
}

struct request *
request_find(struct parent *p, uint32_t number)
{
	struct request	*r;

	TAILQ_FOREACH(r, &p->requests->list, entry)
		if (r->number == number)
			return r;
	return NULL;
}

/* The rule that holds it, in the policy in force; NULL: none any more. */
const struct rule *
request_rule(const struct request *r)
{
	const struct profile	*pr = policy_profile(r->p->policy, r->profile);
	size_t			 i;

	if (pr == NULL || strcmp(r->sha256, r->p->sha256) != 0)
		return NULL;
	for (i = 0; i < pr->nrules; i++)
		if (pr->rules[i].action == RULE_HOLD &&
		    strcmp(pr->rules[i].name, r->rule) == 0)
			return &pr->rules[i];
	return NULL;
}

const struct approval *
request_approval(const struct request *r)
{
	const struct profile	*pr;
	const struct rule	*rule;

	if (r->type == REQUEST_LOGIN) {
		pr = policy_profile(r->p->policy, r->profile);
		return pr != NULL && pr->needs_grant ? &pr->grant_approval :
		    NULL;
	}
	rule = request_rule(r);
	return rule == NULL ? NULL : &rule->approval;
}

bool
requests_have_room(struct parent *p)
{
	return requests_count(p) < REQUESTS_MAX;
}

unsigned int
requests_count(struct parent *p)
{
	struct request	*r;
	unsigned int	 n = 0;

	TAILQ_FOREACH(r, &p->requests->list, entry)
		n += r->state == REQUEST_OPEN;
	return n;
}

/* Nobody waits for it any more, in whatever way it ended. */
static bool
request_over(const struct request *r)
{
	return r->commit == 0 && (!request_live(r) ||
	    (r->type == REQUEST_STATEMENT && r->state == REQUEST_APPROVED &&
	    sessions_find(r->p, slice_str(r->session)) == NULL));
}

/*
 * Of those that are over the oldest are forgotten.  Frees requests: not to be
 * called where one is in use, or the list is walked.
 */
void
requests_trim(struct parent *p)
{
	struct request	*r, *next;
	unsigned int	 n = 0;

	TAILQ_FOREACH(r, &p->requests->list, entry)
		n += request_over(r);
	for (r = TAILQ_FIRST(&p->requests->list); r != NULL && n > HISTORY_MAX;
	    r = next) {
		next = TAILQ_NEXT(r, entry);
		if (!request_over(r))
			continue;
		request_free(r);
		n--;
	}
}

/* --- what the worker hears ----------------------------------------------------- */

void
request_tell(struct session *s, uint32_t id, uint32_t ask, uint32_t number,
    enum hold_answer answer, const char *sqlstate, const char *message,
    const char *hint)
{
	struct ipc_hold_answer	m = {
		.session = slice_str(s->id),
		.id = id,
		.ask = ask,
		.answer = (uint8_t)answer,
		.number = number,
		.sqlstate = slice_str(sqlstate),
		.message = slice_str(message),
		.hint = slice_str(hint)
	};

	if (s->w != NULL)
		ipc_send(s->w->ipc, IPC_hold_answer, &m, NULL, 0);
}

/* "group approvers or owners, two of them" */
static void
who_text(const struct approval *a, char *out, size_t size)
{
	size_t	 i, n = 0;

	snprintf(out, size, "%s", a->groups.n == 0 ? "an administrator" :
	    a->groups.n == 1 ? "group " : "groups ");
	for (i = 0; i < a->groups.n; i++) {
		n = strlen(out);
		snprintf(out + n, size - n, "%s%s", i > 0 ? ", " : "",
		    a->groups.v[i]);
	}
	n = strlen(out);
	if (a->minimum > 1)
		snprintf(out + n, size - n, " (%llu people)",
		    (unsigned long long)a->minimum);
}

uint64_t
request_expires_wall(const struct request *r)
{
	uint64_t	now = now_boot_ms();

	return now_wall_us() / 1000000 +
	    (r->expires > now ? (r->expires - now) / 1000 : 0);
}

void
request_waits(const struct request *r, const struct approval *a, char *out,
    size_t size)
{
	char		 who[256], until[32];
	time_t		 t = (time_t)request_expires_wall(r);
	struct tm	 tm;

	who_text(a, who, sizeof(who));
	gmtime_r(&t, &tm);
	strftime(until, sizeof(until), "%Y-%m-%d %H:%M:%S UTC", &tm);
	snprintf(out, size, "request %u waits for approval by %s until %s",
	    r->number, who, until);
}

void
request_tell_waiting(struct session *s, const struct request *r,
    const struct rule *rule)
{
	char	 message[LEN_REASON], waits[LEN_REASON / 2];

	request_waits(r, &rule->approval, waits, sizeof(waits));
	snprintf(message, sizeof(message), "statement held by rule \"%s\": "
	    "%s", r->rule, waits);
	request_tell(s, r->id, r->ask, r->number, HOLD_WAITING, "", message,
	    rule->hint == NULL ? "" : rule->hint);
}

/* Its end, or its approval: when that is committed. */
void
request_tell_decided(struct request *r)
{
	struct session	*s = sessions_find(r->p, slice_str(r->session));

	r->commit = 0;
	if (r->type == REQUEST_LOGIN) {
		grants_decided(r);
		return;
	}
	if (s == NULL || r->state == REQUEST_WITHDRAWN)
		return;
	if (r->state == REQUEST_APPROVED)
		request_tell(s, r->id, r->ask, r->number, HOLD_APPROVED, "", "", "");
	else
		request_tell(s, r->id, r->ask, r->number, HOLD_REFUSED, "42501", r->answer,
		    "");
}

void
requests_committed(struct parent *p)
{
	struct request	*r;

	TAILQ_FOREACH(r, &p->requests->list, entry)
		if (r->commit != 0 && auditlink_committed(p, r->commit))
			request_tell_decided(r);
}

/* --- the record ----------------------------------------------------------------- */

const char *
request_act(const struct request *r)
{
	static char	 text[LEN_REASON + 1];
	char		*json = r->act == NULL ? NULL : json_dumps(r->act,
			    JSON_COMPACT | JSON_ENCODE_ANY);

	text[0] = '\0';
	if (json != NULL && strlen(json) < sizeof(text))
		snprintf(text, sizeof(text), "%s", json);
	free(json);
	return text;
}

/* People see what they decide about; the record does as the session's. */
static void
recorded_values(const struct request *r, struct redact *redact)
{
	const struct profile	*profile;

	profile = policy_profile(r->p->policy, r->profile);
	if (profile != NULL) {
		recordkey_redact(r->p, profile, redact);
		return;
	}
	memset(redact, 0, sizeof(*redact));
	redact->literals = redact->parameters = RECORD_REDACT;
}

static uint64_t
record_request(const struct request *r, const struct approval *a)
{
	struct event_approval_request	 ev = { 0 };
	struct redact			 redact;
	struct buf			 text;
	char				 groups[LEN_REASON] = "";
	char				*params;
	uint64_t			 pos;
	size_t				 i, n;

	for (i = 0; i < a->groups.n; i++) {
		n = strlen(groups);
		snprintf(groups + n, sizeof(groups) - n, "%s%s",
		    i > 0 ? "," : "", a->groups.v[i]);
	}
	recorded_values(r, &redact);
	params = redact.parameters == RECORD_KEEP ?
	    json_dumps(r->params, JSON_COMPACT) : strdup("");
	if (params == NULL)
		return 0;
	buf_init(&text, LEN_HOLD);
	if (redact_text(&text, &redact, r->text, strlen(r->text)) == -1)
		buf_drain(&text, text.len);
	ev.request = r->number;
	ev.session = slice_str(r->session);
	ev.subject = slice_str(r->subject);
	ev.profile = slice_str(r->profile);
	ev.rule = slice_str(r->rule);
	ev.kind = slice_str(r->kind);
	ev.text = slice_of(buf_head(&text), text.len);
	ev.params = slice_str(params);
	ev.in_transaction = r->in_transaction;
	ev.groups = slice_str(groups);
	ev.minimum = (uint32_t)a->minimum;
	ev.expires = request_expires_wall(r) * 1000000;
	ev.issuer = slice_str(r->issuer);
	ev.act = slice_str(request_act(r));
	pos = auditlink_event(r->p, EVENT_approval_request, &ev);
	buf_clear(&text);
	free(params);
	return pos;
}

static uint64_t
record_end(const struct request *r, const char *reason)
{
	struct event_approval_end	ev = {
		.request = r->number,
		.session = slice_str(r->session),
		.result = slice_str(request_state_name(r->state)),
		.reason = slice_str(reason)
	};

	log_info("event=request_end request=%u session=%s result=%s "
	    "reason=%s", r->number, r->session, request_state_name(r->state),
	    log_esc(reason, strlen(reason)));
	return auditlink_event(r->p, EVENT_approval_end, &ev);
}

/* --- ends ------------------------------------------------------------------------ */

int
request_end(struct request *r, enum request_state state, const char *reason)
{
	enum request_state	was = r->state;
	uint64_t		until = r->expires;
	bool			grant;

	grant = state == REQUEST_APPROVED && r->type == REQUEST_LOGIN;
	r->state = state;
	if (grant)
		r->expires = now_boot_ms() + r->length;
	if ((grant && grants_record(r, reason) == 0) ||
	    ((r->commit = record_end(r, reason)) == 0 &&
	    state == REQUEST_APPROVED)) {
		r->state = was;
		r->expires = until;
		return -1;
	}
	r->over = now_boot_ms();
	ev_timer_stop(r->timer);
	if (grant)
		ev_timer_set(r->timer, r->length);
	if (state != REQUEST_APPROVED)
		request_unlink(r);
	else if (request_save(r) == -1)
		log_warn("event=request_save request=%u", r->number);
	if (r->commit == 0 || auditlink_committed(r->p, r->commit))
		request_tell_decided(r);
	requestnotice_end(r, reason);
	return 0;
}

static void
on_expired(void *ctx)
{
	struct request	*r = ctx;
	uint64_t	 now = now_boot_ms();

	if (now < r->expires && r->state != REQUEST_REVOKED) {
		ev_timer_set(r->timer, r->expires - now);
		return;
	}
	if (r->type == REQUEST_LOGIN && r->state != REQUEST_OPEN) {
		grants_over(r);
		return;
	}
	if (r->state != REQUEST_OPEN)
		return;
	snprintf(r->answer, sizeof(r->answer), "%s refused: nobody approved "
	    "request %u in time", request_type_name(r->type), r->number);
	request_end(r, REQUEST_EXPIRED, "nobody decided in time");
}

void
requests_session_over(struct session *s)
{
	struct request	*r, *next;

	for (r = TAILQ_FIRST(&s->p->requests->list); r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		if (strcmp(r->session, s->id) != 0)
			continue;
		if (r->state == REQUEST_OPEN) {
			r->taken_back = true;
			request_end(r, REQUEST_WITHDRAWN,
			    "its session has ended");
		} else if (r->state == REQUEST_APPROVED)
			request_unlink(r);
	}
}

void
requests_reloaded(struct parent *p)
{
	struct request	*r, *next;

	for (r = TAILQ_FIRST(&p->requests->list); r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		/* Its worker asks again, under the new policy. */
		if (r->state == REQUEST_OPEN && request_approval(r) == NULL)
			request_end(r, REQUEST_WITHDRAWN,
			    "the policy has changed");
	}
}

/* --- beginnings ---------------------------------------------------------------- */

struct request *
request_new(struct parent *p, enum request_type type)
{
	struct request	*r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->p = p;
	r->type = type;
	r->created = now_wall_us();
	memcpy(r->sha256, p->sha256, sizeof(r->sha256));
	r->timer = ev_timer_new(p->loop, on_expired, r);
	TAILQ_INSERT_TAIL(&p->requests->list, r, entry);
	return r;
}

int
request_open(struct request *r, const struct approval *a)
{
	struct session	*s = sessions_find(r->p, slice_str(r->session));

	r->number = ++r->p->requests->last;
	r->expires = now_boot_ms() + a->within;
	if (s != NULL && s->deadline != 0 && s->deadline < r->expires)
		r->expires = s->deadline;
	if (requests_number_save(r->p) == -1 || request_save(r) == -1) {
		log_warn("event=request_save request=%u", r->number);
		return -1;
	}
	if (record_request(r, a) == 0) {
		request_unlink(r);
		return -1;
	}
	log_info("event=request request=%u session=%s subject=%s profile=%s "
	    "rule=%s kind=%s", r->number, r->session,
	    log_esc(r->subject, strlen(r->subject)), r->profile, r->rule,
	    r->kind);
	ev_timer_set(r->timer, a->within);
	requestnotice_open(r, a, request_expires_wall(r), false);
	return 0;
}
