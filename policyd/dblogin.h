#ifndef POSTERN_DBLOGIN_H
#define POSTERN_DBLOGIN_H

#include "ipc.h"
#include "vault.h"

/*
 * Logins at databases on behalf of sessions: dial, then one SCRAM exchange
 * with the profile's backend role.
 */
struct dblogins;

struct dblogins	*dblogin_new(struct ev_loop *);
/* Where answers go, once and before anything else. */
void		 dblogin_parent(struct dblogins *, struct ipc *);
/* The newest configuration; it must live until the next call. */
void		 dblogin_config(struct dblogins *, const struct vault *,
		    uint64_t generation);

void		 dblogin_dial(struct dblogins *, const struct ipc_dial *);
void		 dblogin_sasl(struct dblogins *, const struct ipc_sasl_ask *);
void		 dblogin_forget(struct dblogins *, const struct ipc_keeper_forget *);

#endif
