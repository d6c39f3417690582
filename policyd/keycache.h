#ifndef POSTERN_KEYCACHE_H
#define POSTERN_KEYCACHE_H

#include "ipc.h"
#include "parent.h"

/*
 * What the verifier has learned of issuers' keys, kept by the parent, so that
 * a verifier that dies of a token takes no good keys with it, and asks nobody
 * sooner for having died (D27).
 */
struct keycache;

void	 keycache_init(struct parent *);
/* From the verifier.  -1: it is more than a policy can name. */
int	 keycache_put(struct parent *, const struct ipc_issuer_keys *);
/* To a new verifier, after its configuration. */
void	 keycache_give(struct parent *, struct ipc *);
/* Forget what the policy in force does not name. */
void	 keycache_settle(struct parent *);

#endif
