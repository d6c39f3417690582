#ifndef POSTERN_NOTICES_H
#define POSTERN_NOTICES_H

#include <jansson.h>

#include "parent.h"

/*
 * What hooks (`notify:`) are to be told, in the parent's memory until they have
 * been, or have failed for good.  For one request and one hook in order; each
 * at least once while the parent lives.
 */
void	 notices_init(struct parent *);

/*
 * Queue an event (an object, borrowed; its "event" is its name) of this request
 * for all hooks; `params` (an array, borrowed, or NULL) is added for those
 * that may see it.
 */
void	 notices_post(struct parent *, uint32_t request, json_t *event,
	    const json_t *params);

/* The notifier works by a policy, answers, or is gone with what it had. */
void	 notices_ready(struct parent *);
void	 notices_notified(struct parent *, const struct ipc_notified *);
void	 notices_lost(struct parent *);
/* p->policy has taken the place of `old`, which is still there. */
void	 notices_reloaded(struct parent *, const struct policy *old);

/* An object for `policyctl status`. */
json_t	*notices_status(struct parent *);

#endif
