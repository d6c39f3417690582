#ifndef POSTERN_TOKEN_H
#define POSTERN_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "jwks.h"
#include "policy.h"

/*
 * Signed tokens (JWS compact serialisation, RFC 7515, RFC 7519, RFC 8725):
 * from bytes to claims.  No I/O.  Reasons are for the log and the record; they
 * quote no byte of the token.
 */
struct token;

enum token_status {
	TOKEN_GOOD,
	TOKEN_BAD,
	TOKEN_NO_KEY	/* all is well but for the key, which the set lacks */
};

struct token_result {
	char		*subject;	/* allocated */
	char		*claims;	/* allocated: compact JSON object */
	uint64_t	 expires;	/* seconds since the epoch */
};

/* Wipes. */
void		 token_result_clear(struct token_result *);

/*
 * Take the token apart and refuse what is malformed.  The bytes are borrowed
 * until token_free().  NULL with a reason.
 */
struct token	*token_parse(const char *token, size_t len, char *reason,
		    size_t size);
void		 token_free(struct token **);
/* The claim as it stands, unverified; NULL when it is missing or no string. */
const char	*token_issuer(const struct token *);
/*
 * Everything that needs no key: algorithm, iss, aud, exp, nbf, iat, lifetime,
 * subject.  `now` is in seconds since the epoch.  -1 with a reason.
 */
int		 token_check(const struct token *, const struct issuer *,
		    uint64_t now, char *reason, size_t size);
/* `keys` may be NULL: an empty set. */
enum token_status token_signature(const struct token *, const struct jwks *,
		    char *reason, size_t size);
/* After the checks: what the verifier hands on.  -1 when it is too large. */
int		 token_claims(const struct token *, const struct issuer *,
		    struct token_result *, char *reason, size_t size);

/* All of the above for one issuer. */
enum token_status token_verify(const struct issuer *, const struct jwks *,
		    const char *token, size_t len, uint64_t now,
		    struct token_result *, char *reason, size_t size);

#endif
