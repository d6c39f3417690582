#ifndef POSTERN_CLAIMS_H
#define POSTERN_CLAIMS_H

#include <stdbool.h>
#include <time.h>

#include <jansson.h>

#include "policy.h"

/*
 * A verified token's claims against the profiles' conditions.  Pure: no I/O,
 * no state.
 */
struct identity {
	const char	*issuer;	/* its key in policy.yaml */
	const char	*subject;
	const json_t	*claims;	/* an object */
	/* A login has both; of a question NULL and 0 are not looked at. */
	const char	*addr;		/* whence, without the port */
	time_t		 now;
};

/* Why somebody who is known does not get in: for the log, and for him. */
struct claims_why {
	const char	*reason;
	const char	*message;
	char		 hint[256];	/* may be empty */
};

/* RFC 6901.  NULL when nothing is there, or the pointer is malformed. */
const json_t	*claims_pointer(const json_t *, const char *pointer);
/*
 * Does the value fit one of the globs?  A string is tried whole and, where it
 * holds spaces, word by word; an array by its strings; a boolean or integer as
 * it is written in JSON.  Anything else fits nothing.
 */
bool	claims_value_fits(const json_t *, const struct conf_strings *globs);
/* Is one of `groups`, exactly, among those that the value lists? */
bool	claims_in_group(const json_t *, const struct conf_strings *groups);
/*
 * The token says itself that its groups are not all in it (`_claim_names`,
 * `hasgroups`).  What is absent never widens access; this is for the log.
 */
bool	claims_groups_cut(const json_t *claims);
/* All conditions of one `match`. */
bool	claims_match(const struct policy *, const struct match *,
	    const struct identity *);
/* Any `match` of the profile. */
bool	claims_profile(const struct policy *, const struct profile *,
	    const struct identity *);
/* May the profile be used now, and from there?  False with why not. */
bool	claims_limits(const struct profile *, const struct identity *,
	    struct claims_why *);
/*
 * The profile for this user and database: the one that `user` names, or for
 * "auto" the first that fits and may be used now and from there.  NULL with
 * why not when there is none.  What the client is told does not say which
 * profiles there are that are not his.
 */
const struct profile *claims_choose(const struct policy *, const char *user,
	    const char *database, const struct identity *,
	    struct claims_why *);

#endif
