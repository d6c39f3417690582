/*
 * Requests as one approver sees them on the page (policyctl serve).  Runs in
 * the parent.  He proved who he is by a token; he sees what the policy in force
 * lets people of his groups decide, and what became of it.  Whoever is in none
 * of them sees nothing.
 */
#include "requests.h"

#include <string.h>

#include "claims.h"
#include "request.h"

#define TEXT_MAX	300	/* bytes of a text in the list */

static bool
in_groups(const struct approver *who, const struct approval *a)
{
	return claims_in_group(claims_pointer(who->claims, who->groups),
	    &a->groups);
}

/* Of the rule that has this name now: what is over outlives a reload. */
static const struct approval *
approval_now(const struct request *r)
{
	const struct approval	*a = request_approval(r);
	const struct profile	*pr = policy_profile(r->p->policy, r->profile);
	size_t			 i;

	for (i = 0; a == NULL && pr != NULL && i < pr->nrules; i++)
		if (pr->rules[i].action == RULE_HOLD &&
		    strcmp(pr->rules[i].name, r->rule) == 0)
			a = &pr->rules[i].approval;
	return a;
}

static bool
may_look(const struct request *r, const struct approver *who)
{
	const struct approval	*a = approval_now(r);

	return a != NULL && in_groups(who, a);
}

bool
requests_approver(struct parent *p, const struct approver *who)
{
	const struct profile	*pr;
	size_t			 i, k;

	for (i = 0; i < p->policy->nprofiles; i++) {
		pr = &p->policy->profiles[i];
		if (pr->needs_grant && in_groups(who, &pr->grant_approval))
			return true;
		for (k = 0; k < pr->nrules; k++)
			if (pr->rules[k].action == RULE_HOLD &&
			    in_groups(who, &pr->rules[k].approval))
				return true;
	}
	return false;
}

/* Takes the row and gives it back. */
static json_t *
with_refusal(const struct request *r, const struct approver *who, json_t *o)
{
	const char	*why = decision_refused(r, request_approval(r), who);

	if (why != NULL)
		json_object_set_new(o, "refused", json_string(why));
	return o;
}

/* Its beginning, cut between characters. */
static json_t *
text_of(const struct request *r)
{
	size_t	n = strlen(r->text);

	if (n > TEXT_MAX)
		for (n = TEXT_MAX; n > 0 && ((unsigned char)r->text[n] &
		    0xc0) == 0x80; n--)
			;
	return json_stringn(r->text, n);
}

json_t *
requests_list_for(struct parent *p, const struct approver *who)
{
	struct request	*r;
	json_t		*a = json_array(), *o;

	TAILQ_FOREACH(r, &p->requests->list, entry) {
		if (!may_look(r, who))
			continue;
		o = with_refusal(r, who, request_row(r));
		json_object_set_new(o, "text", text_of(r));
		json_object_set_new(o, "text_cut",
		    json_boolean(strlen(r->text) > TEXT_MAX));
		json_array_append_new(a, o);
	}
	return a;
}

json_t *
requests_show_for(struct parent *p, uint32_t number,
    const struct approver *who)
{
	struct request	*r = request_find(p, number);
	json_t		*o;

	if (r == NULL || !may_look(r, who) ||
	    (o = requests_show(p, number)) == NULL)
		return NULL;
	return with_refusal(r, who, o);
}
