#ifndef POSTERN_JTIS_H
#define POSTERN_JTIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto.h"

/*
 * Tokens that have opened sessions, by a digest of issuer and jti, until they
 * are good no more (D27).  Times are seconds since the epoch, the caller's.
 * The parent's: a hostile token can end the verifier, and nothing here.
 */
struct jtis;

#define JTIS_MAX	65536

/*
 * What an earlier parent wrote to `path` is read, and what has expired
 * forgotten; NULL: nothing is written down.  NULL with errno when memory is
 * out or the file cannot be written.
 */
struct jtis	*jtis_new(const char *path, uint64_t now);
void		 jtis_free(struct jtis **);

void		 jtis_digest(const char *issuer, const char *jti,
		    uint8_t out[SHA256_LEN]);
/*
 * Take one use of a token, to be given back when the login fails after all.
 * `until` is when it expires, skew included.  Strict: one use.  Otherwise
 * `limit` uses (0: any number) from one address, within a minute of the first.
 * NULL, or why it has none; a full table has none for anybody.
 */
const char	*jtis_take(struct jtis *, const uint8_t key[SHA256_LEN],
		    const char *addr, bool strict, uint64_t limit,
		    uint64_t now, uint64_t until);
void		 jtis_give_back(struct jtis *, const uint8_t key[SHA256_LEN]);
/* The login succeeds: write it down.  -1 with errno; then it must not. */
int		 jtis_keep(struct jtis *, const uint8_t key[SHA256_LEN],
		    uint64_t now);
size_t		 jtis_count(const struct jtis *);

#endif
