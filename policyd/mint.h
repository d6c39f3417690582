#ifndef POSTERN_MINT_H
#define POSTERN_MINT_H

#include "dbpool.h"
#include "rolesql.h"

/*
 * Making a session's role: in one transaction, in which a warning is a
 * failure (a GRANT without grant option only warns).
 */

/* `reason` is NULL when the role is there; otherwise it is not, as far as can
 * be known: a sweep looks. */
typedef void	mint_done(void *ctx, const char *reason);

/* Takes copies of all.  -1: out of memory, or a setting that cannot be
 * written; nothing will be told. */
int	mint_start(struct dbpool *, const struct role_mint *, mint_done *,
	    void *ctx);

/*
 * A random password, `MINT_PASSWORD` bytes with NUL, and what the server keeps
 * of it.  The caller wipes the password.
 */
#define MINT_PASSWORD	49
void	mint_password(char password[MINT_PASSWORD], char *verifier);
/* Boot time `deadline` as a time of day in UTC, for VALID UNTIL. */
#define MINT_UNTIL	32
void	mint_until(uint64_t deadline, char until[MINT_UNTIL]);

#endif
