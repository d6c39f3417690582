#ifndef POSTERN_ESTIMATES_H
#define POSTERN_ESTIMATES_H

#include "parent.h"
#include "sessions.h"

/*
 * Questions about what the planner expects: from workers about their own
 * sessions' statements, and from the parent itself, to the keeper.
 */
void	 estimates_init(struct parent *);

void	 estimates_ask(struct session *, const struct ipc_estimate_ask *);
/*
 * `fn` is called once, perhaps from within; `reason` is NULL when there is an
 * answer.  -1: out of memory, and it will not be.
 */
typedef void	 estimates_fn(void *ctx, uint64_t rows, uint64_t cost,
		    const char *reason);
int	 estimates_for(struct parent *, const char *profile,
	    const char *database, struct slice text, estimates_fn *,
	    void *ctx);
/* `fn` is not to be called any more. */
void	 estimates_forget(struct parent *, const void *ctx);

/* The keeper's answer; its death; a session's end. */
void	 estimates_answer(struct parent *, const struct ipc_estimated *);
void	 estimates_keeper_lost(struct parent *);

#endif
