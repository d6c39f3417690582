#ifndef POSTERN_ROLES_H
#define POSTERN_ROLES_H

#include "dbpool.h"
#include "ipc.h"
#include "rolesql.h"
#include "vault.h"

/*
 * The keeper's databases as their brokers see them, and the roles that are
 * being ended there.
 */
struct roles;

/* Is this session one that the caller is at? */
typedef bool	roles_busy(void *ctx, const char *session);

struct roles	*roles_new(struct ev_loop *);
/* Where news go, once and before anything else. */
void		 roles_parent(struct roles *, struct ipc *);
void		 roles_instance(struct roles *, struct slice);
/* "" before roles_instance(). */
const char	*roles_our_instance(const struct roles *);
/*
 * The databases of a new configuration.  What was removed is kept until no
 * role of ours is there any more (D25).  -1: out of memory, and nothing is
 * changed.
 */
int		 roles_config(struct roles *, const struct vault *);
/* NULL when there is none. */
struct dbpool	*roles_pool(struct roles *, const char *database);

/* End this minted role, unless that is under way. */
void		 roles_end(struct roles *, struct dbpool *, const char *role);
/* End this backend of a fixed role. */
void		 roles_end_backend(struct roles *, struct dbpool *,
		    const char *role, uint32_t pid, const char *start);
/*
 * It is logged in.  A minted role may not do so again; of a fixed one the
 * parent is told when that backend started.
 */
void		 roles_up(struct roles *, const struct ipc_backend_up *);
/* End all roles of ours whose session is neither in the list nor `busy`. */
void		 roles_sweep(struct roles *, struct slice live, roles_busy *,
		    void *ctx);
void		 roles_news(struct roles *, enum role_news,
		    const char *database, const char *role,
		    const char *detail);

#endif
