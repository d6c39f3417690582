#ifndef POSTERN_GRANTS_H
#define POSTERN_GRANTS_H

#include <jansson.h>

#include "parent.h"

/*
 * Profiles that open only for a while, and by somebody's leave (`requires:`).
 * A login without a grant makes a request (requests.h) and waits; the request,
 * once approved, is the grant, under the same number.  It is of one subject of
 * one issuer, with those who act for him, and of one profile; not of one
 * connection: who disconnects finds it when he comes back.
 */
struct approver;
struct attempt;
struct profile;

/*
 * Is there a grant for this login?  True: its number and end are set.  False:
 * it waits now, or it was refused and is gone.
 */
bool	 grants_take(struct attempt *, const struct profile *);
/* Does the grant of this number still hold? */
bool	 grants_live(struct parent *, uint32_t number);

/*
 * A tool's: ask and approve in one.  `args`: subject, profile, reason, perhaps
 * issuer, actor, for (ms).  The request's row, to json_decref(); NULL with a
 * sentence.  It is no grant yet where the policy wants more than one approval.
 */
json_t	*grants_give(struct parent *, const json_t *args,
	    const struct approver *, char *err, size_t errlen);
/* Is the request of this number about a login? */
bool	 grants_known(struct parent *, uint32_t number);
/* End it, and its sessions.  -1 with a sentence. */
int	 grants_revoke(struct parent *, uint32_t number,
	    const struct approver *, const char *reason, char *err,
	    size_t errlen);
/* Those that hold, as an array to json_decref(). */
json_t	*grants_list(struct parent *);

/* When all modules are up: sessions whose grant did not outlive the last parent. */
void	 grants_resume(struct parent *);

#endif
