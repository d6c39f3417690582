/*
 * Grants: logins that people have to allow, for a while.  Runs in the parent.
 *
 * One is a request for approval that was approved, so it is on disk and on
 * record before anybody gets in, and there is one file for all of its life.
 * Who it is comes from a verified token, or from an approver at the control
 * socket.  Its end is the deadline of its sessions (sessions.h); what ends it
 * before that is written down first, then its sessions end, then it is
 * recorded: a parent that dies in between leaves the rest to the next one.
 */
#include "grants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors.h"
#include "attempt.h"
#include "auditlink.h"
#include "claims.h"
#include "log.h"
#include "request.h"
#include "requests.h"
#include "workers.h"

#define WAITING_MAX	10	/* logins of one request */
#define COOLDOWN	60000	/* ms after a refusal, until it may be asked */
#define RECORD_AGAIN	2000	/* ms */

/* --- the table --------------------------------------------------------------- */

static bool
grant_holds(const struct request *r)
{
	return r->type == REQUEST_LOGIN && r->state == REQUEST_APPROVED &&
	    r->commit == 0 && now_boot_ms() < r->expires;
}

bool
grants_live(struct parent *p, uint32_t number)
{
	struct request	*r = number == 0 ? NULL : request_find(p, number);

	return r != NULL && grant_holds(r);
}

bool
grants_known(struct parent *p, uint32_t number)
{
	struct request	*r = request_find(p, number);

	return r != NULL && r->type == REQUEST_LOGIN;
}

static bool
is_for(const struct request *r, const char *issuer, const char *subject,
    const json_t *act, const char *profile)
{
	return r->type == REQUEST_LOGIN && strcmp(r->issuer, issuer) == 0 &&
	    strcmp(r->subject, subject) == 0 &&
	    strcmp(r->profile, profile) == 0 && actors_same(r->act, act);
}

/* The grant that lasts longest, else the request that is open, else NULL. */
static struct request *
find(struct parent *p, const char *issuer, const char *subject,
    const json_t *act, const char *profile)
{
	struct request	*r, *best = NULL, *open = NULL;

	TAILQ_FOREACH(r, &p->requests->list, entry) {
		if (!is_for(r, issuer, subject, act, profile))
			continue;
		if (grant_holds(r) && (best == NULL ||
		    r->expires > best->expires))
			best = r;
		/* One that is being committed is as good as open. */
		if ((r->state == REQUEST_OPEN && now_boot_ms() < r->expires) ||
		    (r->state == REQUEST_APPROVED && r->commit != 0))
			open = r;
	}
	return best != NULL ? best : open;
}

/* It was refused a moment ago. */
static struct request *
find_refused(struct parent *p, const char *issuer, const char *subject,
    const json_t *act, const char *profile)
{
	struct request	*r, *found = NULL;
	uint64_t	 now = now_boot_ms();

	TAILQ_FOREACH(r, &p->requests->list, entry)
		if (r->state == REQUEST_DENIED && now - r->over < COOLDOWN &&
		    is_for(r, issuer, subject, act, profile))
			found = r;
	return found;
}

/* Not open yet.  NULL: out of memory, or names that are too long. */
static struct request *
grant_request(struct parent *p, const char *issuer, const char *subject,
    json_t *act, const struct profile *profile)
{
	struct request	*r = request_new(p, REQUEST_LOGIN);

	if (r == NULL)
		return NULL;
	snprintf(r->issuer, sizeof(r->issuer), "%s", issuer);
	snprintf(r->subject, sizeof(r->subject), "%s", subject);
	snprintf(r->profile, sizeof(r->profile), "%s", profile->key);
	snprintf(r->kind, sizeof(r->kind), "login");
	r->act = json_incref(act);
	r->length = profile->grant_for;
	r->text = strdup("");
	r->params = json_array();
	if (r->text != NULL && r->params != NULL)
		return r;
	request_free(r);
	return NULL;
}

/* --- a login asks --------------------------------------------------------------- */

static void
attempt_wait(struct attempt *a, const struct request *r,
    const struct approval *approval)
{
	struct ipc_login_wait	 m;
	char			 message[LEN_REASON], waits[LEN_REASON / 2];

	request_waits(r, approval, waits, sizeof(waits));
	snprintf(message, sizeof(message), "profile \"%s\" opens only under a "
	    "grant: %s", r->profile, waits);
	m.attempt = a->number;
	m.message = slice_str(message);
	m.hint = slice_str("The request stays when you disconnect: connect "
	    "again once it is approved.");
	a->request = r->number;
	/* People take longer: the request has a time of its own. */
	ev_timer_stop(a->timer);
	attempt_enter(a, ATTEMPT_WAITING);
	ipc_send(a->w->ipc, IPC_login_wait, &m, NULL, 0);
}

static unsigned int
waiting_for(struct parent *p, uint32_t number)
{
	struct attempt	*a;
	unsigned int	 n = 0;

	TAILQ_FOREACH(a, attempts_all(p), entry)
		n += a->state == ATTEMPT_WAITING && a->request == number;
	return n;
}

/* NULL: it was refused, and is gone. */
static struct request *
attempt_ask(struct attempt *a, const struct profile *profile, json_t *act)
{
	struct request	*r;
	char		 hint[96];

	r = find_refused(a->p, a->issuer, a->subject, act, profile->key);
	if (r != NULL) {
		snprintf(hint, sizeof(hint), "It may be asked for again in "
		    "%llu seconds.", (unsigned long long)(1 + (COOLDOWN -
		    (now_boot_ms() - r->over)) / 1000));
		attempt_refuse(a, "42501", r->answer, hint,
		    "its grant was refused a moment ago");
		return NULL;
	}
	if (!requests_have_room(a->p)) {
		attempt_refuse(a, "53400", "login refused: too many requests "
		    "wait for approval", "", "too many requests are open");
		return NULL;
	}
	r = grant_request(a->p, a->issuer, a->subject, act, profile);
	if (r != NULL) {
		snprintf(r->database, sizeof(r->database), "%s", a->database);
		memcpy(r->peer, a->peer, sizeof(r->peer));
		memcpy(r->application, a->application,
		    sizeof(r->application));
		if (request_open(r, &profile->grant_approval) == 0)
			return r;
		request_free(r);
	}
	attempt_refuse_away(a, "login refused: it needs a grant, and the "
	    "request for it could not be recorded",
	    "the request for a grant could not be recorded");
	return NULL;
}

bool
grants_take(struct attempt *a, const struct profile *profile)
{
	json_t		*act = json_object_get(a->claims, "act");
	struct request	*r;

	r = find(a->p, a->issuer, a->subject, act, profile->key);
	if (r != NULL && grant_holds(r)) {
		a->grant = r->number;
		a->grant_ends = r->expires;
		return true;
	}
	if (r == NULL && (r = attempt_ask(a, profile, act)) == NULL)
		return false;
	if (waiting_for(a->p, r->number) >= WAITING_MAX) {
		attempt_refuse(a, "53300", "login refused: too many logins "
		    "wait for this grant", "Connect again once it is "
		    "approved.", "too many logins wait for one grant");
		return false;
	}
	attempt_wait(a, r, &profile->grant_approval);
	return false;
}

void
grants_decided(struct request *r)
{
	struct attempt	*a, *next;
	struct parent	*p = r->p;

	for (a = TAILQ_FIRST(attempts_all(p)); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->state != ATTEMPT_WAITING || a->request != r->number)
			continue;
		attempt_clock(a);
		if (r->state == REQUEST_APPROVED ||
		    r->state == REQUEST_WITHDRAWN)
			attempt_go_on(a);
		else
			attempt_refuse(a, "42501", r->answer, "",
			    request_state_name(r->state));
	}
}

/* --- a tool gives one ------------------------------------------------------------- */

/* Whose subject is meant?  NULL: it must be said. */
static const char *
issuer_of(const struct policy *policy, const struct profile *profile,
    const char *named)
{
	const char	*only = NULL;
	size_t		 i;

	if (named != NULL)
		return policy_issuer(policy, named) == NULL ? NULL : named;
	for (i = 0; i < profile->nmatches; i++) {
		if (only != NULL && strcmp(only, profile->matches[i].issuer)
		    != 0)
			return NULL;
		only = profile->matches[i].issuer;
	}
	return only;
}

/* What the tool said, as far as it can be meant; NULL with a sentence. */
static const struct profile *
give_check(struct parent *p, const json_t *args, uint64_t *length,
    const char **issuer, char *err, size_t errlen)
{
	const char		*name, *subject, *reason;
	const struct profile	*pr;
	json_int_t		 v;

	name = json_string_value(json_object_get(args, "profile"));
	subject = json_string_value(json_object_get(args, "subject"));
	reason = json_string_value(json_object_get(args, "reason"));
	v = json_integer_value(json_object_get(args, "for"));
	pr = name == NULL ? NULL : policy_profile(p->policy, name);
	if (pr == NULL || !pr->needs_grant)
		snprintf(err, errlen, "the policy has no such profile that "
		    "needs a grant");
	else if (subject == NULL || *subject == '\0' || strlen(subject) > 255)
		snprintf(err, errlen, "that is no subject");
	else if (reason == NULL || *reason == '\0')
		snprintf(err, errlen, "a grant needs a --reason");
	else if (v < 0 || (v > 0 && v < 1000) ||
	    (uint64_t)v > pr->grant_for)
		snprintf(err, errlen, "a grant of profile %s lasts from 1 to "
		    "%llu seconds", pr->key,
		    (unsigned long long)(pr->grant_for / 1000));
	else if ((*issuer = issuer_of(p->policy, pr,
	    json_string_value(json_object_get(args, "issuer")))) == NULL)
		snprintf(err, errlen, "name the subject's --issuer: one of "
		    "the policy");
	else {
		*length = v == 0 ? pr->grant_for : (uint64_t)v;
		return pr;
	}
	return NULL;
}

/* A new request, if this person may be the first to approve it. */
static struct request *
give_open(struct parent *p, const char *issuer, const char *subject,
    json_t *act, const struct profile *pr, const struct approver *who,
    char *err, size_t errlen)
{
	struct request	*r = NULL;
	const char	*why;

	if (!requests_have_room(p) ||
	    (r = grant_request(p, issuer, subject, act, pr)) == NULL) {
		snprintf(err, errlen, "too many requests wait for approval");
		return NULL;
	}
	r->expires = now_boot_ms() + pr->grant_approval.within;
	why = decision_refused(r, &pr->grant_approval, who);
	if (why != NULL)
		snprintf(err, errlen, "a grant for %.100s is %s", subject,
		    why);
	else if (request_open(r, &pr->grant_approval) == -1)
		snprintf(err, errlen, "the request could not be recorded");
	else
		return r;
	request_free(r);
	return NULL;
}

json_t *
grants_give(struct parent *p, const json_t *args, const struct approver *who,
    char *err, size_t errlen)
{
	const char		*subject, *issuer, *actor, *reason;
	const struct profile	*pr;
	struct request		*r;
	json_t			*act;
	uint64_t		 length, was;

	pr = give_check(p, args, &length, &issuer, err, errlen);
	if (pr == NULL)
		return NULL;
	subject = json_string_value(json_object_get(args, "subject"));
	actor = json_string_value(json_object_get(args, "actor"));
	reason = json_string_value(json_object_get(args, "reason"));
	act = actor == NULL ? NULL : json_pack("{s:s}", "sub", actor);
	/* What waits already is what is meant; a grant that holds is not. */
	r = find(p, issuer, subject, act, pr->key);
	if (r == NULL || r->state != REQUEST_OPEN)
		r = give_open(p, issuer, subject, act, pr, who, err, errlen);
	json_decref(act);
	if (r == NULL)
		return NULL;
	was = r->length;
	if (length < was)
		r->length = length;
	if (requests_decide(p, r->number, true, who, reason, err,
	    errlen) == -1) {
		r->length = was;
		return NULL;
	}
	return request_row(r);
}

/* --- its end ------------------------------------------------------------------------ */

/* The approvers' names, as JSON. */
static char *
approvers_json(const struct request *r)
{
	json_t	*list = json_array();
	char	*text;
	size_t	 i;

	for (i = 0; i < r->ndecisions; i++)
		if (r->decisions[i].approve)
			json_array_append_new(list,
			    json_string(r->decisions[i].approver));
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	return text;
}

uint64_t
grants_record(const struct request *r, const char *reason)
{
	struct event_grant	 ev = { 0 };
	char			*approvers = approvers_json(r);
	uint64_t		 pos;

	ev.request = r->number;
	ev.issuer = slice_str(r->issuer);
	ev.subject = slice_str(r->subject);
	ev.act = slice_str(request_act(r));
	ev.profile = slice_str(r->profile);
	ev.approvers = slice_str(approvers == NULL ? "[]" : approvers);
	ev.reason = slice_str(reason);
	ev.ends = request_expires_wall(r) * 1000000;
	log_info("event=grant request=%u subject=%s profile=%s", r->number,
	    log_esc(r->subject, strlen(r->subject)), r->profile);
	pos = auditlink_event(r->p, EVENT_grant, &ev);
	free(approvers);
	return pos;
}

/* -1: not now.  What was recorded is off the disk. */
static int
record_grant_end(struct request *r, uint32_t uid)
{
	struct event_grant_end	 ev = { 0 };

	if (!auditlink_ready(r->p))
		return -1;
	ev.request = r->number;
	ev.issuer = slice_str(r->issuer);
	ev.subject = slice_str(r->subject);
	ev.act = slice_str(request_act(r));
	ev.profile = slice_str(r->profile);
	ev.result = slice_str(request_state_name(r->state));
	ev.revoker = slice_str(r->revoker.approver);
	ev.revoker_issuer = slice_str(r->revoker.issuer);
	ev.uid = uid;
	ev.reason = slice_str(r->answer);
	if (auditlink_event(r->p, EVENT_grant_end, &ev) == 0)
		return -1;
	log_info("event=grant_end request=%u result=%s", r->number,
	    request_state_name(r->state));
	request_unlink(r);
	return 0;
}

void
grants_over(struct request *r)
{
	/* Its sessions have a deadline at the same moment. */
	if (r->state == REQUEST_APPROVED)
		r->state = REQUEST_ENDED;
	if (record_grant_end(r, 0) == -1)
		ev_timer_set(r->timer, RECORD_AGAIN);
}

static void
end_sessions(struct parent *p, uint32_t number, const char *message)
{
	struct session	*s, *next;

	for (s = TAILQ_FIRST(sessions_all(p)); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->grant == number)
			sessions_kill(s, "57P01", message);
	}
}

static const char *
revoke_refused(const struct request *r, const struct approver *who)
{
	const struct approval	*a = request_approval(r);

	if (r->type != REQUEST_LOGIN || r->state != REQUEST_APPROVED)
		return "no grant that holds";
	/* Who has it may give it back. */
	if (who->claims == NULL || (strcmp(who->name, r->subject) == 0 &&
	    strcmp(who->issuer, r->issuer) == 0))
		return NULL;
	if (a == NULL || !claims_in_group(claims_pointer(who->claims,
	    who->groups), &a->groups))
		return "not yours to revoke: you are in none of its groups";
	return NULL;
}

int
grants_revoke(struct parent *p, uint32_t number, const struct approver *who,
    const char *reason, char *err, size_t errlen)
{
	struct request	*r = request_find(p, number);
	const char	*why = r == NULL ? "no grant that holds" :
			    revoke_refused(r, who);

	if (why != NULL) {
		snprintf(err, errlen, "%u is %s", number, why);
		return -1;
	}
	snprintf(r->revoker.approver, sizeof(r->revoker.approver), "%s",
	    who->name);
	snprintf(r->revoker.issuer, sizeof(r->revoker.issuer), "%s",
	    who->issuer);
	snprintf(r->answer, sizeof(r->answer), "the grant of this session was "
	    "revoked by %.200s%s%.500s", who->name, *reason == '\0' ? "" :
	    ": ", reason);
	r->state = REQUEST_REVOKED;
	ev_timer_stop(r->timer);
	/* From here on no parent takes it for a grant. */
	if (request_save(r) == -1) {
		log_warn("event=request_save request=%u", r->number);
		request_unlink(r);
	}
	end_sessions(p, number, r->answer);
	if (record_grant_end(r, who->uid) == -1)
		ev_timer_set(r->timer, RECORD_AGAIN);
	/* One that was being committed has logins that wait for it. */
	r->commit = 0;
	grants_decided(r);
	requestnotice_end(r, reason);
	return 0;
}

void
grants_resume(struct parent *p)
{
	struct session	*s, *next;
	struct request	*r;

	for (s = TAILQ_FIRST(sessions_all(p)); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->grant == 0 || grants_live(p, s->grant))
			continue;
		r = request_find(p, s->grant);
		sessions_kill(s, "57P01", r != NULL && r->answer[0] != '\0' ?
		    r->answer : "the grant of this session is over");
	}
}

/* --- looking ------------------------------------------------------------------------ */

json_t *
grants_list(struct parent *p)
{
	struct request	*r;
	struct session	*s;
	json_t		*list = json_array(), *o, *by;
	json_int_t	 n;
	size_t		 i;

	TAILQ_FOREACH(r, &p->requests->list, entry) {
		if (!grant_holds(r))
			continue;
		n = 0;
		TAILQ_FOREACH(s, sessions_all(p), entry)
			n += s->grant == r->number &&
			    s->state != SESSION_ENDED;
		o = json_pack("{s:I, s:s, s:s, s:s, s:I, s:I, s:o}",
		    "grant", (json_int_t)r->number, "subject", r->subject,
		    "issuer", r->issuer, "profile", r->profile,
		    "ends", (json_int_t)request_expires_wall(r),
		    "sessions", n, "approvers", by = json_array());
		for (i = 0; o != NULL && i < r->ndecisions; i++)
			json_array_append_new(by,
			    json_string(r->decisions[i].approver));
		if (o != NULL && r->act != NULL)
			json_object_set_new(o, "actors", actors_list(r->act));
		json_array_append_new(list, o);
	}
	return list;
}
