#ifndef POSTERN_APPROVALS_H
#define POSTERN_APPROVALS_H

#include "control.h"

/*
 * The tools' verbs about requests (requests.h): who is it that decides?  A
 * token goes to the verifier like any other; without one the local user of the
 * tool decides, if `approvers.unix` names him.
 */
void		 approvals_init(struct parent *);
control_verb	 approvals_list, approvals_show, approvals_decide;
control_verb	 approvals_leases, approvals_grants, approvals_grant, approvals_revoke;
/* For the page: who is this, and what may he look at? */
control_verb	 approvals_whoami, approvals_list_for, approvals_show_for;
/* The tool is gone: nobody hears the answer. */
void		 approvals_conn_gone(struct parent *, struct conn *);

/* Ids of tokens that were sent to the verifier from here. */
#define APPROVAL_ID	0x80000000u
void		 approvals_verified(struct parent *,
		    const struct ipc_verified *);
void		 approvals_verify_refused(struct parent *,
		    const struct ipc_verify_refused *);
void		 approvals_verifier_lost(struct parent *);

#endif
