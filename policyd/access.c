/*
 * policyctl access: each profile of a database, and what it makes of
 * somebody's claims.
 *
 * Runs in the parent.  The claims are an administrator's question, not a token:
 * nothing here opens anything.  What a `match` lacks is found by asking for one
 * condition of it at a time, so that the answer cannot differ from the one that
 * a login gets.
 */
#include "access.h"

#include <stdio.h>
#include <string.h>

#include "claims.h"

/* The first condition of the match that does not hold, in words. */
static void
mismatch(const struct policy *policy, const struct match *m,
    const struct identity *id, char *why, size_t size)
{
	struct match	one = { .issuer = m->issuer };
	size_t		i;

	if (!claims_match(policy, &one, id)) {
		snprintf(why, size, "it is for issuer %s", m->issuer);
		return;
	}
	one.subject = m->subject;
	if (!claims_match(policy, &one, id)) {
		snprintf(why, size, "the subject fits none of its globs");
		return;
	}
	one.groups = m->groups;
	if (!claims_match(policy, &one, id)) {
		snprintf(why, size, "the subject is in none of its groups%s",
		    claims_groups_cut(id->claims) ? "; the issuer left groups "
		    "out of the token" : "");
		return;
	}
	one.nclaims = 1;
	for (i = 0; i < m->nclaims; i++) {
		one.claims = &m->claims[i];
		if (!claims_match(policy, &one, id)) {
			snprintf(why, size, "claim %s is missing or fits none "
			    "of its globs", m->claims[i].pointer);
			return;
		}
	}
	snprintf(why, size, "-");
}

static json_t *
profile_row(const struct policy *policy, const struct profile *pr,
    const struct identity *id)
{
	struct claims_why	 limit;
	json_t			*row = json_object(), *list;
	char			 why[512];
	size_t			 i;
	bool			 fits = claims_profile(policy, pr, id);
	bool			 open = fits && claims_limits(pr, id, &limit);

	json_object_set_new(row, "profile", json_string(pr->key));
	json_object_set_new(row, "opens", json_boolean(open));
	if (open && pr->needs_grant)
		json_object_set_new(row, "needs_grant", json_true());
	if (fits && !open) {
		json_object_set_new(row, "why", json_string(limit.reason));
		if (limit.hint[0] != '\0')
			json_object_set_new(row, "hint",
			    json_string(limit.hint));
	}
	if (fits)
		return row;
	json_object_set_new(row, "why",
	    json_string("none of its matches fits"));
	list = json_array();
	for (i = 0; i < pr->nmatches; i++) {
		mismatch(policy, &pr->matches[i], id, why, sizeof(why));
		json_array_append_new(list, json_string(why));
	}
	json_object_set_new(row, "matches", list);
	return row;
}

static const struct issuer *
find_issuer(const struct policy *policy, const char *key,
    const json_t *claims)
{
	const char	*url = json_string_value(json_object_get(claims,
			    "iss"));
	size_t		 i;

	if (key != NULL)
		return policy_issuer(policy, key);
	for (i = 0; url != NULL && i < policy->nissuers; i++)
		if (strcmp(policy->issuers[i].issuer, url) == 0)
			return &policy->issuers[i];
	return NULL;
}

json_t *
access_explain(const struct policy *policy, const json_t *args, time_t now,
    char *message, size_t size)
{
	const char		*database;
	const struct issuer	*is;
	struct identity		 id = { .now = now };
	json_t			*rows;
	size_t			 i;

	id.claims = json_object_get(args, "claims");
	database = json_string_value(json_object_get(args, "database"));
	id.addr = json_string_value(json_object_get(args, "address"));
	if (!json_is_object(id.claims) || database == NULL ||
	    policy_database(policy, database) == NULL) {
		snprintf(message, size, !json_is_object(id.claims) ?
		    "the claims are not a JSON object" :
		    "there is no such database");
		return NULL;
	}
	is = find_issuer(policy, json_string_value(json_object_get(args,
	    "issuer")), id.claims);
	if (is == NULL) {
		snprintf(message, size, "the policy has no such issuer");
		return NULL;
	}
	id.issuer = is->key;
	id.subject = json_string_value(claims_pointer(id.claims,
	    is->subject));
	if (id.subject == NULL) {
		snprintf(message, size, "the claims have no subject at %s",
		    is->subject);
		return NULL;
	}
	rows = json_array();
	for (i = 0; i < policy->nprofiles; i++)
		if (profile_has_database(&policy->profiles[i], database))
			json_array_append_new(rows, profile_row(policy,
			    &policy->profiles[i], &id));
	return rows;
}
