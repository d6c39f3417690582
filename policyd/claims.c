/*
 * Matching the claims of a verified token against access profiles.
 *
 * Runs in policyd's parent.  The claims are signed by an issuer that the
 * policy trusts, but their contents are partly the subject's own choice:
 * a wrong type, a missing member or a strange pointer simply does not match.
 * There is no negative condition, so that groups which an issuer cut from the
 * token can only take access away.
 */
#include "claims.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hours.h"
#include "network.h"

/*
 * The next token of a pointer, unescaped, into `out`; *pp moves behind it.
 * -1: malformed or too long.
 */
static int
pointer_token(const char **pp, char *out, size_t size)
{
	const char	*p = *pp;
	size_t		 n = 0;

	if (*p++ != '/')
		return -1;
	for (; *p != '\0' && *p != '/'; p++) {
		if (n + 1 >= size)
			return -1;
		if (*p != '~') {
			out[n++] = *p;
			continue;
		}
		p++;
		if (*p != '0' && *p != '1')
			return -1;
		out[n++] = *p == '0' ? '~' : '/';
	}
	out[n] = '\0';
	*pp = p;
	return 0;
}

/* RFC 6901, section 4: digits without leading zeros; "-" is past the end. */
static const json_t *
array_at(const json_t *array, const char *token)
{
	size_t	i = 0, n;

	for (n = 0; token[n] != '\0'; n++) {
		if (token[n] < '0' || token[n] > '9' || n >= 9)
			return NULL;
		i = i * 10 + (size_t)(token[n] - '0');
	}
	if (n == 0 || (n > 1 && token[0] == '0'))
		return NULL;
	return json_array_get(array, i);
}

const json_t *
claims_pointer(const json_t *v, const char *pointer)
{
	char	token[1024];

	while (v != NULL && *pointer != '\0') {
		if (pointer_token(&pointer, token, sizeof(token)) == -1)
			return NULL;
		if (json_is_object(v))
			v = json_object_get(v, token);
		else if (json_is_array(v))
			v = array_at(v, token);
		else
			v = NULL;
	}
	return v;
}

static bool
globs_fit(const struct conf_strings *globs, const char *s, size_t len)
{
	size_t	i;

	for (i = 0; i < globs->n; i++)
		if (glob_match(globs->v[i], s, len))
			return true;
	return false;
}

static bool
names_hold(const struct conf_strings *names, const char *s, size_t len)
{
	size_t	i;

	for (i = 0; i < names->n; i++)
		if (strlen(names->v[i]) == len &&
		    memcmp(names->v[i], s, len) == 0)
			return true;
	return false;
}

typedef bool	fits_fn(const struct conf_strings *, const char *, size_t);

/* The string whole, then its words. */
static bool
string_fits(const json_t *v, const struct conf_strings *set, fits_fn *fits)
{
	const char	*s = json_string_value(v), *end, *sp;

	if (s == NULL)
		return false;
	end = s + json_string_length(v);
	if (fits(set, s, (size_t)(end - s)))
		return true;
	if (memchr(s, ' ', (size_t)(end - s)) == NULL)
		return false;
	while (s < end) {
		sp = memchr(s, ' ', (size_t)(end - s));
		if (sp == NULL)
			sp = end;
		if (sp > s && fits(set, s, (size_t)(sp - s)))
			return true;
		s = sp + 1;
	}
	return false;
}

/* In an array each string is one value: its spaces separate nothing. */
static bool
array_fits(const json_t *array, const struct conf_strings *set, fits_fn *fits)
{
	const json_t	*v;
	size_t		 i;

	json_array_foreach(array, i, v)
		if (json_is_string(v) && fits(set, json_string_value(v),
		    json_string_length(v)))
			return true;
	return false;
}

bool
claims_value_fits(const json_t *v, const struct conf_strings *globs)
{
	char	text[32];

	if (json_is_string(v))
		return string_fits(v, globs, globs_fit);
	if (json_is_array(v))
		return array_fits(v, globs, globs_fit);
	if (json_is_boolean(v))
		snprintf(text, sizeof(text), "%s",
		    json_is_true(v) ? "true" : "false");
	else if (json_is_integer(v))
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
		    json_integer_value(v));
	else
		return false;
	return globs_fit(globs, text, strlen(text));
}

bool
claims_in_group(const json_t *v, const struct conf_strings *groups)
{
	if (json_is_string(v))
		return string_fits(v, groups, names_hold);
	if (json_is_array(v))
		return array_fits(v, groups, names_hold);
	return false;
}

bool
claims_groups_cut(const json_t *claims)
{
	const json_t	*v = json_object_get(claims, "hasgroups");

	if (json_is_true(v) || (json_is_string(v) &&
	    strcmp(json_string_value(v), "true") == 0))
		return true;
	return json_object_get(json_object_get(claims, "_claim_names"),
	    "groups") != NULL;
}

bool
claims_match(const struct policy *policy, const struct match *m,
    const struct identity *id)
{
	const struct issuer	*is;
	size_t			 i;

	if (m->issuer == NULL || strcmp(m->issuer, id->issuer) != 0)
		return false;
	is = policy_issuer(policy, id->issuer);
	if (is == NULL)
		return false;
	if (m->subject.n > 0 &&
	    !globs_fit(&m->subject, id->subject, strlen(id->subject)))
		return false;
	if (m->groups.n > 0 && !claims_in_group(claims_pointer(id->claims,
	    is->groups != NULL ? is->groups : "/groups"), &m->groups))
		return false;
	for (i = 0; i < m->nclaims; i++)
		if (!claims_value_fits(claims_pointer(id->claims,
		    m->claims[i].pointer), &m->claims[i].values))
			return false;
	return true;
}

bool
claims_profile(const struct policy *policy, const struct profile *profile,
    const struct identity *id)
{
	size_t	i;

	for (i = 0; i < profile->nmatches; i++)
		if (claims_match(policy, &profile->matches[i], id))
			return true;
	return false;
}

static void
why_set(struct claims_why *why, const char *reason, const char *message)
{
	why->reason = reason;
	why->message = message;
	why->hint[0] = '\0';
}

bool
claims_limits(const struct profile *profile, const struct identity *id,
    struct claims_why *why)
{
	char	text[128];
	size_t	i, at = 0;

	if (profile->networks.n > 0 && id->addr != NULL && !network_any(profile->nets,
	    profile->networks.n, id->addr)) {
		why_set(why, "the profile may not be used from this address",
		    "this access profile may not be used from your address");
		snprintf(why->hint, sizeof(why->hint),
		    "The gateway sees you at %s.", id->addr);
		return false;
	}
	if (profile->nhours > 0 && id->now != 0 && hours_left(profile->hours,
	    profile->nhours, id->now, 1) == 0) {
		why_set(why, "outside the hours of the profile",
		    "this access profile may not be used at this time");
		at = (size_t)snprintf(why->hint, sizeof(why->hint),
		    "Its hours are ");
		for (i = 0; i < profile->nhours && at < sizeof(why->hint);
		    i++) {
			hours_text(&profile->hours[i], text, sizeof(text));
			at += (size_t)snprintf(why->hint + at,
			    sizeof(why->hint) - at, "%s%s%s", i > 0 ? ", " :
			    "", text, i + 1 == profile->nhours ? "." : "");
		}
		return false;
	}
	return true;
}

/* "auto": the first that fits; what keeps the first of the rest is told. */
static const struct profile *
choose_auto(const struct policy *policy, const char *database,
    const struct identity *id, struct claims_why *why)
{
	const struct profile	*profile;
	struct claims_why	 first, limit;
	bool			 limited = false;
	size_t			 i;

	for (i = 0; i < policy->nprofiles; i++) {
		profile = &policy->profiles[i];
		/* One that needs a grant is asked for by its name. */
		if (profile->needs_grant ||
		    !profile_has_database(profile, database) ||
		    !claims_profile(policy, profile, id))
			continue;
		if (claims_limits(profile, id, &limit))
			return profile;
		if (!limited)
			first = limit;
		limited = true;
	}
	if (limited)
		*why = first;
	else
		why->reason = "no profile fits the claims";
	return NULL;
}

const struct profile *
claims_choose(const struct policy *policy, const char *user,
    const char *database, const struct identity *id, struct claims_why *why)
{
	const struct profile	*profile = NULL;

	/* One for all, so that nobody learns the names of others' profiles. */
	why_set(why, NULL, "your token opens no access profile of this name "
	    "for this database");
	if (policy_database(policy, database) == NULL)
		why->reason = "the policy has no such database";
	else if (strcmp(user, "auto") == 0)
		profile = choose_auto(policy, database, id, why);
	else if ((profile = policy_profile(policy, user)) == NULL)
		why->reason = "the policy has no such profile";
	else if (!profile_has_database(profile, database))
		why->reason = "the profile does not have this database";
	else if (!claims_profile(policy, profile, id)) {
		why->reason = "the claims do not match the profile";
		if (claims_groups_cut(id->claims)) {
			why->reason = "the claims do not match, and the "
			    "issuer left groups out of the token";
			snprintf(why->hint, sizeof(why->hint), "The token's "
			    "issuer left groups out of it.");
		}
	} else
		(void)claims_limits(profile, id, why);
	return why->reason == NULL ? profile : NULL;
}
