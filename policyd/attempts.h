#ifndef POSTERN_ATTEMPTS_H
#define POSTERN_ATTEMPTS_H

#include "parent.h"

/*
 * Attempts to log in: from a worker's `login` to its `login_ok` or
 * `login_refused`.
 */
struct worker;

void	 attempts_init(struct parent *);
/* How many are under way; how many of them wait for a child's answer. */
unsigned int attempts_count(struct parent *);
unsigned int attempts_asking(struct parent *);
/* reload_holds() has ended: begin those that were held. */
void	 attempts_resume(struct parent *);

/* A worker's messages.  -1: it broke the rules. */
int	 attempts_start(struct worker *, const struct ipc_login *);
void	 attempts_abort(struct worker *, uint32_t attempt);
/* Its channel is gone, and with it all that it had under way. */
void	 attempts_worker_lost(struct worker *);

/* The verifier's answers, and its death. */
void	 attempts_verified(struct parent *, const struct ipc_verified *);
void	 attempts_verify_refused(struct parent *,
	    const struct ipc_verify_refused *);
void	 attempts_verifier_lost(struct parent *);

/* The keeper's; *fd is set to -1 when it is kept. */
void	 attempts_dialed(struct parent *, const struct ipc_dialed *, int *fd);
void	 attempts_dial_failed(struct parent *, const struct ipc_dial_failed *);
void	 attempts_keeper_lost(struct parent *);

/* auditd's; each of the four descriptors is set to -1 when it is kept. */
void	 attempts_spool(struct parent *, const struct ipc_spool_opened *,
	    int *fds);
void	 attempts_spool_failed(struct parent *,
	    const struct ipc_spool_failed *);
void	 attempts_audit_lost(struct parent *);
/* The parent's own spool is no more, nor what was to be committed in it. */
void	 attempts_record_lost(struct parent *);

/* Something of the parent's own spool was committed; an engine can work. */
void	 attempts_committed(struct parent *);
void	 attempts_engine_ready(struct parent *);

#endif
