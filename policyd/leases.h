#ifndef POSTERN_LEASES_H
#define POSTERN_LEASES_H

#include <jansson.h>

#include "parent.h"

/*
 * Approvals of more than one statement: for a while, and so many times, what
 * the same subject sends in the same profile that is the same text but for its
 * constants, and is held by the same rule of the same policy.  In memory only:
 * they end with the parent.
 */
struct approver;
struct request;

#define LEASE_COUNT	10	/* where the tool says nothing */
#define LEASE_COUNT_MAX	1000

void	 leases_init(struct parent *);

/* May this request's approval be one?  -1 with a sentence. */
int	 leases_may(struct parent *, uint32_t number, uint64_t ms,
	    uint64_t count, char *err, size_t errlen);
/* It was approved: a lease of the same number.  -1: it cannot be recorded. */
int	 leases_make(struct parent *, uint32_t number,
	    const struct approver *, uint64_t ms, uint64_t count);
/*
 * One that covers it, of which one use is now taken: its number, and by whom;
 * 0: there is none.
 */
struct decision;
uint32_t leases_use(const struct request *, struct decision *by);

/* -1 with a sentence. */
int	 leases_revoke(struct parent *, uint32_t number,
	    const struct approver *, const char *reason, char *err,
	    size_t errlen);
/* An array to json_decref(). */
json_t	*leases_list(struct parent *);
/* Time goes by: end those that are over. */
void	 leases_tick(struct parent *);

#endif
