#ifndef POSTERN_CHILDREN_H
#define POSTERN_CHILDREN_H

#include <jansson.h>

#include "parent.h"

/*
 * The parent's children: one verifier, one keeper, one engine for each profile
 * (D2), and a notifier where the policy has somebody to notify.  They are started through the spawner, configured, and
 * restarted when they end.
 */

/* Start all for p->policy.  Fatal when memory is out. */
void	 children_init(struct parent *);

/* The channel of a child that can work, or NULL. */
struct ipc	*children_verifier(struct parent *);
struct ipc	*children_keeper(struct parent *);
struct ipc	*children_engine(struct parent *, const char *profile);
/* The notifier's, if it works by this generation. */
struct ipc	*children_notifier(struct parent *, uint64_t generation);
/* It owes answers for too long: end it, and start it anew. */
void		 children_notifier_late(struct parent *);

/*
 * Reload.  children_offer() sends a policy to all children and starts engines
 * for its new profiles; children_answer() says what they think of it;
 * children_settle() ends the engines of profiles that p->policy, which is now
 * in force, does not have.
 */
enum children_answer { CHILDREN_WAIT, CHILDREN_YES, CHILDREN_NO };
void	 children_offer(struct parent *, uint64_t generation,
	    const char *text, size_t len, const struct policy *);
enum children_answer children_answer(struct parent *, uint64_t generation,
	    char *why, size_t size);
/* Kill those that have lived for `ms` and have not answered. */
void	 children_hurry(struct parent *, uint64_t generation, uint64_t ms);
void	 children_settle(struct parent *);

/*
 * Send each engine what catalogs.c has for its profile's databases.  One that
 * does not come to judge by it is killed after some seconds.
 */
void	 children_give_catalogs(struct parent *);
/* Every engine that can work judges by this epoch or a newer one. */
bool	 children_have_epoch(struct parent *, uint64_t epoch);

/* The spawner's answers. */
void	 children_spawned(struct parent *, const struct ipc_spawned *);
void	 children_exited(struct parent *, const struct ipc_spawn_exit *);

/* An array for `policyctl status`. */
json_t	*children_status(struct parent *);

#endif
