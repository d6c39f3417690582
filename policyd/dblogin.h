#ifndef POSTERN_DBLOGIN_H
#define POSTERN_DBLOGIN_H

#include "ipc.h"
#include "roles.h"
#include "vault.h"

/*
 * Logins at databases on behalf of sessions: dial and, where the profile says
 * so, mint a role; then one SCRAM exchange with that or the fixed role.
 */
struct dblogins;

struct dblogins	*dblogin_new(struct ev_loop *, struct roles *);
/* Where answers go, once and before anything else. */
void		 dblogin_parent(struct dblogins *, struct ipc *);
/* The newest configuration; it must live until the next call. */
void		 dblogin_config(struct dblogins *, const struct vault *,
		    uint64_t generation);

void		 dblogin_dial(struct dblogins *, const struct ipc_dial *);
void		 dblogin_sasl(struct dblogins *, const struct ipc_sasl_ask *);
/* The session is over: its backend is ended, and a minted role dropped. */
void		 dblogin_forget(struct dblogins *, const struct ipc_keeper_forget *);
/* A roles_busy(): is it a session of these? */
bool		 dblogin_has(void *, const char *session);

#endif
