#ifndef POSTERN_SPAWNER_H
#define POSTERN_SPAWNER_H

#include "policy.h"
#include "proc.h"

/* Where a child finds its channel, and the parent the control socket. */
#define SPAWNER_FD_CHANNEL	3
#define SPAWNER_FD_LISTEN	4

/*
 * policyd's first process: keeps the parent running and does for it the three
 * things that need root: starting children under other users, connecting to
 * auditd, and binding the control socket.  `policy` is only read for its
 * runtime.  Returns the exit code.
 */
int	spawner_main(const struct proc_opts *, const struct policy *);

#endif
