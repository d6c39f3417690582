#ifndef POSTERN_SCRAM_H
#define POSTERN_SCRAM_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * The client's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802,
 * RFC 7677), as PostgreSQL speaks it (55.3.1).  Pure: bytes in, bytes out.
 * One object is one exchange, and its three steps come once each, in order;
 * whatever fails ends the exchange.
 */
struct scram;

#define SCRAM_MIN_ITERATIONS	4096
#define SCRAM_MAX_ITERATIONS	100000

/*
 * `user` is what goes into n= (PostgreSQL ignores it; "" there).  The password
 * is copied, and wiped by scram_free().  It is taken as it is: SASLprep leaves
 * ASCII alone, and a non-ASCII one must already be in its prepared form.
 * NULL when memory is out.
 */
struct scram	*scram_new(const char *user, const char *password);
void		 scram_free(struct scram **);
/* For tests: a known nonce in place of a random one. */
int		 scram_set_nonce(struct scram *, const char *);

/*
 * AuthenticationSASL: `mechs` is the list as it came (names that end in NUL,
 * and an empty one).  `binding` is the tls-server-end-point digest, or empty
 * without TLS.  Appends the client-first-message to `out` and returns the
 * mechanism's name, or NULL with a reason.
 */
const char	*scram_first(struct scram *, const uint8_t *mechs, size_t len,
		    const uint8_t *binding, size_t bindlen, struct buf *out,
		    char *reason, size_t size);
/*
 * AuthenticationSASLContinue: appends the client-final-message.  Refuses an
 * iteration count out of limits, a nonce that does not extend ours, and
 * anything that the grammar does not have.  -1 with a reason.
 */
int		 scram_final(struct scram *, const uint8_t *msg, size_t len,
		    struct buf *out, char *reason, size_t size);
/* AuthenticationSASLFinal: 0 when the server has shown that it knows us. */
int		 scram_verify(struct scram *, const uint8_t *msg, size_t len,
		    char *reason, size_t size);

/*
 * What the server keeps in place of a password, as in pg_authid.rolpassword:
 * "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>".
 */
#define SCRAM_VERIFIER_SIZE	160
#define SCRAM_SALT_LEN		16
void		 scram_verifier(const char *password,
		    const uint8_t salt[SCRAM_SALT_LEN],
		    char out[SCRAM_VERIFIER_SIZE]);

#endif
