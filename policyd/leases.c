/*
 * Approvals of statements that are alike.  Runs in the parent, which reads no
 * SQL: what a text is without its constants is the word of the profile's
 * engine, and the whole of it is compared, since no short digest of it would
 * withstand who may choose both texts.  A use is taken before the statement
 * runs; what cannot be recorded is no lease.
 */
#include "leases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors.h"
#include "auditlink.h"
#include "claims.h"
#include "log.h"
#include "request.h"
#include "requests.h"

#define LEASES_MAX	1000

struct lease {
	TAILQ_ENTRY(lease)	 entry;
	uint32_t		 number;	/* of the request approved */
	char			 issuer[LEN_KEY + 1];
	char			 subject[256];
	json_t			*act;
	char			 profile[LEN_KEY + 1];
	char			 database[LEN_KEY + 1];
	char			 rule[LEN_KEY + 1];
	char			 sha256[65];	/* of the policy */
	char			*shape;
	struct decision		 by;
	uint64_t		 ends;		/* boot ms */
	uint32_t		 left, used;
};
TAILQ_HEAD(lease_list, lease);

struct leases {
	struct lease_list	 list;
	unsigned int		 n;
};

static void
lease_free(struct parent *p, struct lease *l)
{
	TAILQ_REMOVE(&p->leases->list, l, entry);
	p->leases->n--;
	json_decref(l->act);
	free(l->shape);
	free(l);
}

static uint64_t
ends_wall(const struct lease *l)
{
	uint64_t	now = now_boot_ms();

	return now_wall_us() / 1000000 +
	    (l->ends > now ? (l->ends - now) / 1000 : 0);
}

int
leases_may(struct parent *p, uint32_t number, uint64_t ms, uint64_t count,
    char *err, size_t errlen)
{
	const struct request	*r = request_find(p, number);
	const struct approval	*a;

	if (r == NULL || r->type != REQUEST_STATEMENT ||
	    (a = request_approval(r)) == NULL)
		snprintf(err, errlen, "%u is no statement that waits", number);
	else if (ms < 1000 || ms > a->similar)
		snprintf(err, errlen, a->similar == 0 ? "the rule lets nobody "
		    "approve what is similar" : "the rule lets what is "
		    "similar be approved for 1 to %llu seconds",
		    (unsigned long long)(a->similar / 1000));
	else if (count < 1 || count > LEASE_COUNT_MAX)
		snprintf(err, errlen, "the count is from 1 to %d",
		    LEASE_COUNT_MAX);
	else if (a->minimum > 1)
		snprintf(err, errlen, "the rule wants more than one approval: "
		    "nobody alone says what is similar");
	else if (r->shape == NULL)
		snprintf(err, errlen, "it is not known what would be similar");
	else if (p->leases->n >= LEASES_MAX)
		snprintf(err, errlen, "there are too many leases");
	else
		return 0;
	return -1;
}

static uint64_t
record(const struct parent *p, const struct lease *l, const char *act,
    uint32_t uid)
{
	struct event_lease	 ev = { 0 };

	ev.request = l->number;
	ev.issuer = slice_str(l->issuer);
	ev.subject = slice_str(l->subject);
	ev.act = slice_str(act);
	ev.profile = slice_str(l->profile);
	ev.rule = slice_str(l->rule);
	ev.shape = slice_str(l->shape);
	ev.approver = slice_str(l->by.approver);
	ev.approver_issuer = slice_str(l->by.issuer);
	ev.uid = uid;
	ev.uses = l->left;
	ev.ends = ends_wall(l) * 1000000;
	return auditlink_event((struct parent *)(uintptr_t)p, EVENT_lease,
	    &ev);
}

int
leases_make(struct parent *p, uint32_t number, const struct approver *who,
    uint64_t ms, uint64_t count)
{
	struct request	*r = request_find(p, number);
	struct lease	*l = calloc(1, sizeof(*l));

	if (r == NULL || l == NULL || (l->shape = strdup(r->shape)) == NULL) {
		free(l);
		return -1;
	}
	l->number = number;
	memcpy(l->issuer, r->issuer, sizeof(l->issuer));
	memcpy(l->subject, r->subject, sizeof(l->subject));
	memcpy(l->profile, r->profile, sizeof(l->profile));
	memcpy(l->database, r->database, sizeof(l->database));
	memcpy(l->rule, r->rule, sizeof(l->rule));
	memcpy(l->sha256, r->sha256, sizeof(l->sha256));
	l->act = json_incref(r->act);
	l->by.approve = true;
	snprintf(l->by.approver, sizeof(l->by.approver), "%s", who->name);
	snprintf(l->by.issuer, sizeof(l->by.issuer), "%s", who->issuer);
	l->ends = now_boot_ms() + ms;
	l->left = (uint32_t)count;
	TAILQ_INSERT_TAIL(&p->leases->list, l, entry);
	p->leases->n++;
	if (record(p, l, request_act(r), who->uid) != 0)
		return 0;
	lease_free(p, l);
	return -1;
}

static bool
covers(const struct lease *l, const struct request *r)
{
	return l->left > 0 && now_boot_ms() < l->ends && r->shape != NULL &&
	    strcmp(l->shape, r->shape) == 0 &&
	    strcmp(l->sha256, r->sha256) == 0 &&
	    strcmp(l->rule, r->rule) == 0 &&
	    strcmp(l->profile, r->profile) == 0 &&
	    strcmp(l->database, r->database) == 0 &&
	    strcmp(l->issuer, r->issuer) == 0 &&
	    strcmp(l->subject, r->subject) == 0 &&
	    actors_same(l->act, r->act);
}

uint32_t
leases_use(const struct request *r, struct decision *by)
{
	struct lease	*l;

	TAILQ_FOREACH(l, &r->p->leases->list, entry)
		if (covers(l, r)) {
			l->left--;
			l->used++;
			*by = l->by;
			return l->number;
		}
	return 0;
}

/* --- ends ------------------------------------------------------------------------ */

static void
lease_end(struct parent *p, struct lease *l, const char *result,
    const struct approver *who, const char *reason)
{
	struct event_lease_end	 ev = { 0 };

	ev.request = l->number;
	ev.issuer = slice_str(l->issuer);
	ev.subject = slice_str(l->subject);
	ev.profile = slice_str(l->profile);
	ev.result = slice_str(result);
	ev.used = l->used;
	ev.revoker = slice_str(who == NULL ? "" : who->name);
	ev.revoker_issuer = slice_str(who == NULL ? "" : who->issuer);
	ev.uid = who == NULL ? 0 : who->uid;
	ev.reason = slice_str(reason);
	auditlink_event(p, EVENT_lease_end, &ev);
	log_info("event=lease_end request=%u result=%s", l->number, result);
	lease_free(p, l);
}

void
leases_tick(struct parent *p)
{
	struct lease	*l, *next;

	for (l = TAILQ_FIRST(&p->leases->list); l != NULL; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (strcmp(l->sha256, p->sha256) != 0)
			lease_end(p, l, "policy", NULL, "the policy has "
			    "changed");
		else if (l->left == 0)
			lease_end(p, l, "used", NULL, "");
		else if (now_boot_ms() >= l->ends)
			lease_end(p, l, "ended", NULL, "");
	}
}

int
leases_revoke(struct parent *p, uint32_t number, const struct approver *who,
    const char *reason, char *err, size_t errlen)
{
	const struct profile	*pr;
	struct lease		*l;
	size_t			 i;
	bool			 may = who->claims == NULL;

	TAILQ_FOREACH(l, &p->leases->list, entry)
		if (l->number == number)
			break;
	if (l == NULL) {
		snprintf(err, errlen, "%u is no grant and no lease that holds",
		    number);
		return -1;
	}
	pr = policy_profile(p->policy, l->profile);
	for (i = 0; !may && pr != NULL && i < pr->nrules; i++)
		may = pr->rules[i].action == RULE_HOLD &&
		    strcmp(pr->rules[i].name, l->rule) == 0 &&
		    claims_in_group(claims_pointer(who->claims, who->groups),
		    &pr->rules[i].approval.groups);
	if (!may) {
		snprintf(err, errlen, "%u is not yours to revoke: you are in "
		    "none of its groups", number);
		return -1;
	}
	lease_end(p, l, "revoked", who, reason);
	return 0;
}

json_t *
leases_list(struct parent *p)
{
	struct lease	*l;
	json_t		*list = json_array(), *o;

	TAILQ_FOREACH(l, &p->leases->list, entry) {
		o = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, "
		    "s:s, s:s}", "lease", (json_int_t)l->number,
		    "subject", l->subject, "issuer", l->issuer,
		    "profile", l->profile, "database", l->database,
		    "rule", l->rule, "left", (json_int_t)l->left,
		    "used", (json_int_t)l->used,
		    "ends", (json_int_t)ends_wall(l),
		    "approver", l->by.approver, "shape", l->shape);
		if (o != NULL && l->act != NULL)
			json_object_set_new(o, "actors", actors_list(l->act));
		json_array_append_new(list, o);
	}
	return list;
}

void
leases_init(struct parent *p)
{
	if ((p->leases = calloc(1, sizeof(*p->leases))) == NULL)
		fatal("step=leases");
	TAILQ_INIT(&p->leases->list);
}
