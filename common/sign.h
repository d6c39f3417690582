#ifndef POSTERN_SIGN_H
#define POSTERN_SIGN_H

#include <stddef.h>
#include <stdint.h>

/*
 * Ed25519 (RFC 8032) keys and signatures, over libcrypto.  Keys are PEM, as
 * openssl(1) reads and writes them: PKCS #8 for secret ones, SPKI for public
 * ones.  A primitive that fails is a broken installation, and fatal.
 */
#define SIGN_KEY_LEN	32	/* a raw public key */
#define SIGN_SIG_LEN	64
#define SIGN_PEM_MAX	1024	/* either PEM is far below, NUL included */

struct sign_key;

/* Make a pair.  The caller wipes the secret text. */
void		 sign_generate(char secret[SIGN_PEM_MAX],
		    char public[SIGN_PEM_MAX]);
/* NULL when the text is no unencrypted Ed25519 secret key. */
struct sign_key	*sign_key_parse(const char *pem, size_t len);
/* -1 when the text is no Ed25519 public key. */
int		 sign_public_parse(const char *pem, size_t len,
		    uint8_t key[SIGN_KEY_LEN]);
void		 sign_public(const struct sign_key *,
		    uint8_t key[SIGN_KEY_LEN]);
void		 sign_bytes(const struct sign_key *, const void *, size_t,
		    uint8_t sig[SIGN_SIG_LEN]);
/* Wipes the key. */
void		 sign_key_free(struct sign_key **);

#endif
