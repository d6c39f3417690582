#ifndef POSTERN_JWKS_H
#define POSTERN_JWKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "ipc_msgs.h"

/*
 * A JSON Web Key Set (RFC 7517): the public keys of one issuer.  Keys that
 * cannot verify for us (kty oct, another use, a curve or a size that is out of
 * the question) are left out; a set with none left is an error.
 */
struct jwks;

enum jwk_kty { JWK_RSA, JWK_EC, JWK_OKP };

struct jwk {
	char		*kid;		/* or NULL */
	char		*alg;		/* or NULL: any that fits */
	enum jwk_kty	 kty;
	char		 crv[8];	/* EC: P-256, ...; OKP: Ed25519 */
	size_t		 size;		/* RSA: bytes of the modulus */
	uint8_t		 ed[32];	/* OKP: the key */
	void		*cjose;		/* RSA, EC: cjose_jwk_t, owned */
};

#define JWKS_MAX_KEYS	64
#define JWKS_MAX_BYTES	LEN_JWKS
#define JSON_DEPTH_MAX	16

/* NULL with a reason; a key that is left out is no error. */
struct jwks		*jwks_parse(const char *json, size_t len, char *reason,
			    size_t size);
void			 jwks_free(struct jwks **);
size_t			 jwks_count(const struct jwks *);
const struct jwk	*jwks_at(const struct jwks *, size_t i);

/*
 * JSON from someone we do not trust: UTF-8, no duplicate members, no NUL, no
 * deeper than JSON_DEPTH_MAX.  NULL when it is not; the caller owns the rest.
 */
json_t			*json_strict(const char *p, size_t len);

#endif
