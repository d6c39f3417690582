#ifndef POSTERN_REQUESTS_H
#define POSTERN_REQUESTS_H

#include <jansson.h>

#include "parent.h"

/*
 * What waits for a person.  A request belongs to one statement of one session,
 * and to the text of the policy that held it, or is about a login (grants.h);
 * it is decided once.  It is on disk before anybody is told of it, so that it
 * survives the parent.
 */
struct session;

/* After sessions_init(): what the last parent had, as far as its sessions are. */
void	 requests_init(struct parent *);

/* A worker's messages about its own session. */
void	 requests_ask(struct session *, const struct ipc_hold_ask *);
void	 requests_withdraw(struct session *, const struct ipc_hold_withdraw *);
/* The session is over; a new policy is in force; something of the parent's own
 * spool was committed; time goes by: forget the oldest that are over. */
void	 requests_session_over(struct session *);
void	 requests_reloaded(struct parent *);
void	 requests_committed(struct parent *);
void	 requests_trim(struct parent *);
/* May there be another open one? */
bool	 requests_have_room(struct parent *);

/* Who decides: a verified token's subject, or a local user by policy.yaml. */
struct approver {
	const char	*name;
	const char	*issuer;	/* "": a local user */
	const json_t	*claims;	/* NULL: a local user */
	const char	*groups;	/* the issuer's groups pointer */
	uint32_t	 uid;		/* of the tool */
	uint64_t	 expires;	/* the token: seconds since the epoch */
};
/*
 * One approval or refusal.  -1 with a sentence when it does not count: no such
 * request, already decided, not his to decide.
 */
int	 requests_decide(struct parent *, uint32_t number, bool approve,
	    const struct approver *, const char *reason, char *err,
	    size_t errlen);

/* For `policyctl requests` and `show`: each is to be json_decref()ed. */
unsigned int requests_count(struct parent *);
json_t	*requests_list(struct parent *);
json_t	*requests_show(struct parent *, uint32_t number);
/*
 * The same as one approver may see it: what people of his groups decide, or
 * did.  With a part of the text; `refused` is why he may not decide.  NULL:
 * there is no such request for him.
 */
json_t	*requests_list_for(struct parent *, const struct approver *);
json_t	*requests_show_for(struct parent *, uint32_t number,
	    const struct approver *);
/* Is there anything in the policy that he may decide? */
bool	 requests_approver(struct parent *, const struct approver *);
/*
 * What an engine is to look at, of a statement that waits still; slices are of
 * the request.  -1: there is no such statement.
 */
int	 requests_explain(struct parent *, uint32_t number,
	    struct ipc_explain *);

#endif
