#ifndef POSTERN_MINTED_H
#define POSTERN_MINTED_H

#include <jansson.h>

#include "parent.h"

/*
 * Minted roles as the parent knows them: whose they are, which sessions live,
 * what the keeper tells of them.
 */
/* Reads or draws this installation's id.  Fatal when it cannot be kept. */
void	 minted_init(struct parent *);

/* A keeper can work: say who we are, and have it sweep. */
void	 minted_keeper_ready(struct parent *);
/* Have the roles of dead sessions removed.  -1: there is no keeper. */
int	 minted_sweep(struct parent *);
/* Record it, and remember what is stuck. */
void	 minted_news(struct parent *, const struct ipc_role_news *);

/* An array of what is stuck, for `policyctl status`. */
json_t	*minted_status(struct parent *);

#endif
