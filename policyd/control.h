#ifndef POSTERN_CONTROL_H
#define POSTERN_CONTROL_H

#include "parent.h"

/*
 * policyd's socket: gatewayd's master, and the control tools.
 */
/* Takes the bound, listening socket. */
void	 control_init(struct parent *, int listen);

/* An engine's answer to `explain`, or its death. */
void	 control_explained(struct parent *, const struct ipc_explained *);
void	 control_engine_lost(struct parent *, const char *profile);

#endif
