#ifndef POSTERN_ESTIMATOR_H
#define POSTERN_ESTIMATOR_H

#include "ipc.h"
#include "roles.h"
#include "vault.h"

/*
 * Estimates of the planner's (D15): asked as a twin of a session's role, in a
 * transaction that may only read and is never committed.
 */
struct estimator;

/* Told once for each question, from the loop; `reason` is NULL when there is
 * an answer. */
typedef void	estimator_done(void *ctx, uint32_t id, uint64_t rows,
		    uint64_t cost, const char *reason);

struct estimator *estimator_new(struct ev_loop *, struct roles *,
		    estimator_done *, void *ctx);
/* The newest configuration; it must live until the next call. */
void	 estimator_config(struct estimator *, const struct vault *);
void	 estimator_ask(struct estimator *, const struct ipc_estimate *);
/* A roles_busy(): is it the name of one of its twins? */
bool	 estimator_has(void *, const char *session);

#endif
