#ifndef POSTERN_FORGE_H
#define POSTERN_FORGE_H

#include <openssl/evp.h>

/*
 * Signs tokens for tests, well-formed or not: header and claims are taken as
 * they are.  Not part of any daemon.
 */

/* base64url without padding; allocated. */
char	*forge_b64url(const void *, size_t);
/*
 * A compact JWS over exactly these texts.  `alg` says how to sign: RS256 to
 * PS512, ES256 to ES512, EdDSA, or none (an empty signature).  NULL when the
 * key cannot do it.  Allocated.
 */
char	*forge_sign(EVP_PKEY *, const char *alg, const char *header,
	    const char *claims);
/* HMAC-SHA256 with these bytes as its secret. */
char	*forge_hs256(const void *secret, size_t, const char *header,
	    const char *claims);
/* The public key as a JWK with this kid and alg (NULL: none).  Allocated. */
char	*forge_jwk(EVP_PKEY *, const char *kid, const char *alg);
/* "rsa" (2048 bits), "ec" (P-256), "ec384", "ec521", "ed". */
EVP_PKEY *forge_key(const char *kind);

#endif
