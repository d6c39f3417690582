/*
 * What people decide about a request, and what they see of it.  Runs in the
 * parent.  Who decides was found out by approvals.c; whether he may is looked
 * up here, in the policy in force.  A decision that cannot be recorded is none.
 */
#include "requests.h"

#include <stdio.h>
#include <string.h>

#include "actors.h"
#include "auditlink.h"
#include "claims.h"
#include "log.h"
#include "request.h"
#include "throttle.h"
#include "sessions.h"

const char *
decision_refused(const struct request *r, const struct approval *a,
    const struct approver *who)
{
	size_t	i;

	if (r->state != REQUEST_OPEN || r->commit != 0)
		return request_state_name(r->state);
	/* Its timer may be late: a machine that slept. */
	if (now_boot_ms() >= r->expires)
		return request_state_name(REQUEST_EXPIRED);
	if (a == NULL)
		return "void: the policy has changed";
	/* One person may have a name at each of two issuers: both count. */
	if (strcmp(who->name, r->subject) == 0)
		return "your own: another person must decide";
	if (actors_named(r->act, who->name))
		return "of one for whom you act: another person must decide";
	if (who->claims != NULL && !claims_in_group(claims_pointer(who->claims,
	    who->groups), &a->groups))
		return "not yours to decide: you are in none of its groups";
	for (i = 0; i < r->ndecisions; i++)
		if (strcmp(r->decisions[i].approver, who->name) == 0)
			return "decided by you already";
	return NULL;
}

static uint64_t
record_decision(const struct request *r, bool approve,
    const struct approver *who, const char *reason)
{
	struct event_approval_decision	ev = {
		.request = r->number,
		.session = slice_str(r->session),
		.decision = slice_str(approve ? "approve" : "deny"),
		.approver = slice_str(who->name),
		.issuer = slice_str(who->issuer),
		.uid = who->uid,
		.reason = slice_str(reason),
		.subject = slice_str(r->subject),
		.act = slice_str(request_act(r))
	};

	log_info("event=request_decision request=%u decision=%s approver=%s",
	    r->number, approve ? "approve" : "deny",
	    log_esc(who->name, strlen(who->name)));
	return auditlink_event(r->p, EVENT_approval_decision, &ev);
}

static unsigned int
approvals(const struct request *r)
{
	unsigned int	 n = 0;
	size_t		 i;

	for (i = 0; i < r->ndecisions; i++)
		n += r->decisions[i].approve;
	return n;
}

int
decision_by_lease(struct request *r, const struct decision *by,
    uint32_t lease)
{
	struct approver	who = { .name = by->approver, .issuer = by->issuer };
	char		reason[64];

	snprintf(reason, sizeof(reason), "similar to request %u", lease);
	if (record_decision(r, true, &who, reason) == 0)
		return -1;
	r->decisions[r->ndecisions++] = *by;
	if (request_end(r, REQUEST_APPROVED, reason) == 0)
		return 0;
	r->ndecisions--;
	return -1;
}

int
requests_decide(struct parent *p, uint32_t number, bool approve,
    const struct approver *who, const char *reason, char *err, size_t errlen)
{
	struct request		*r = request_find(p, number);
	const struct approval	*a = r == NULL ? NULL : request_approval(r);
	struct decision		*d;
	const char		*why;

	if (r == NULL) {
		snprintf(err, errlen, "there is no request %u", number);
		return -1;
	}
	if ((why = decision_refused(r, a, who)) != NULL) {
		snprintf(err, errlen, "request %u is %s", number, why);
		return -1;
	}
	if (r->ndecisions == DECISIONS_MAX ||
	    record_decision(r, approve, who, reason) == 0) {
		snprintf(err, errlen, "the decision could not be recorded");
		return -1;
	}
	d = &r->decisions[r->ndecisions++];
	d->approve = approve;
	snprintf(d->approver, sizeof(d->approver), "%s", who->name);
	snprintf(d->issuer, sizeof(d->issuer), "%s", who->issuer);
	requestnotice_decided(r, d, reason);
	if (!approve) {
		snprintf(r->answer, sizeof(r->answer), "%s refused by %.200s "
		    "(request %u)%s%.500s", request_type_name(r->type),
		    who->name, r->number, *reason == '\0' ? "" : ": ",
		    reason);
		request_end(r, REQUEST_DENIED, reason);
	} else if (approvals(r) >= a->minimum) {
		if (request_end(r, REQUEST_APPROVED, reason) == -1) {
			r->ndecisions--;
			snprintf(err, errlen, "the decision could not be "
			    "recorded");
			return -1;
		}
	} else if (request_save(r) == -1)
		log_warn("event=request_save request=%u", r->number);
	return 0;
}

/* --- looking ------------------------------------------------------------------------ */

void
request_estimate(const struct request *r, json_t *o)
{
	if (r->estimate == ESTIMATE_UNTOLD)
		json_object_set_new(o, "estimated", json_string("there is no "
		    "estimate"));
	if (r->estimate != ESTIMATE_TOLD)
		return;
	json_object_set_new(o, "estimated_rows",
	    json_integer((json_int_t)r->est_rows));
	json_object_set_new(o, "estimated_cost",
	    json_integer((json_int_t)r->est_cost));
}

json_t *
request_row(const struct request *r)
{
	const struct approval	*a = request_approval(r);
	json_t			*o;

	o = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:I, "
	    "s:I, s:I, s:I}",
	    "request", (json_int_t)r->number,
	    "state", request_state_name(r->state),
	    "subject", r->subject, "issuer", r->issuer,
	    "profile", r->profile, "database", r->database,
	    "rule", r->rule, "kind", r->kind,
	    "in_transaction", r->in_transaction,
	    "created", (json_int_t)(r->created / 1000000),
	    "expires", (json_int_t)request_expires_wall(r),
	    "approvals", (json_int_t)approvals(r),
	    "minimum", (json_int_t)(a == NULL ? 0 : a->minimum));
	if (r->state != REQUEST_OPEN)
		json_object_del(o, "expires");
	request_estimate(r, o);
	if (r->act != NULL)
		json_object_set_new(o, "actors", actors_list(r->act));
	if (r->type == REQUEST_LOGIN) {
		json_object_del(o, "rule");
		json_object_del(o, "in_transaction");
		json_object_set_new(o, "grant_for",
		    json_integer((json_int_t)(r->length / 1000)));
	}
	return o;
}

json_t *
requests_list(struct parent *p)
{
	struct request	*r;
	json_t		*a = json_array();

	TAILQ_FOREACH(r, &p->requests->list, entry)
		json_array_append_new(a, request_row(r));
	return a;
}

int
requests_explain(struct parent *p, uint32_t number, struct ipc_explain *m)
{
	struct request	*r = request_find(p, number);

	return r == NULL ? -1 : request_explain(r, m);
}

int
request_explain(const struct request *r, struct ipc_explain *m)
{
	static char	client[LEN_ADDR + 1];
	struct session	*s = sessions_find(r->p, slice_str(r->session));

	/* One that is over may have been under another policy. */
	if (r->type != REQUEST_STATEMENT || s == NULL ||
	    r->state != REQUEST_OPEN || request_approval(r) == NULL)
		return -1;
	memset(m, 0, sizeof(*m));
	m->profile = slice_str(r->profile);
	m->database = slice_str(r->database);
	m->claims = slice_str(s->claims != NULL ? s->claims : "");
	throttle_addr(r->peer, client, sizeof(client));
	m->client = slice_str(client);
	m->application = slice_str(r->application);
	m->transaction = r->in_transaction ? 'T' : 'I';
	m->estimate = r->estimate;
	m->est_rows = r->est_rows;
	m->est_cost = r->est_cost;
	m->text = slice_str(r->text);
	return 0;
}

json_t *
requests_show(struct parent *p, uint32_t number)
{
	struct request	*r = request_find(p, number);
	json_t		*o, *list;
	size_t		 i;

	if (r == NULL || (o = request_row(r)) == NULL)
		return NULL;
	if (r->type == REQUEST_STATEMENT) {
		json_object_set_new(o, "session", json_string(r->session));
		json_object_set_new(o, "role", json_string(r->role));
		json_object_set_new(o, "text", json_string(r->text));
		json_object_set(o, "params", r->params);
	}
	json_object_set_new(o, "peer", json_string(r->peer));
	json_object_set_new(o, "application", json_string(r->application));
	if (r->shape != NULL)
		json_object_set_new(o, "shape", json_string(r->shape));
	if (r->in_transaction)
		json_object_set_new(o, "note", json_string("it waits inside "
		    "a transaction: the locks that this holds are held "
		    "meanwhile"));
	list = json_array();
	for (i = 0; i < r->ndecisions; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}",
		    "decision", r->decisions[i].approve ? "approve" : "deny",
		    "approver", r->decisions[i].approver,
		    "issuer", r->decisions[i].issuer));
	json_object_set_new(o, "decisions", list);
	return o;
}
