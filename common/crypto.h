#ifndef POSTERN_CRYPTO_H
#define POSTERN_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

/*
 * The primitives that Postern uses, over libcrypto.  Failure of a primitive is
 * a broken installation, and fatal; bad input is -1.
 */
#define SHA256_LEN	32

struct sha256;
struct sha256	*sha256_new(void);
void		 sha256_add(struct sha256 *, const void *, size_t);
/* Writes the digest; the state is ready for the next one. */
void		 sha256_end(struct sha256 *, uint8_t out[SHA256_LEN]);
void		 sha256_free(struct sha256 **);
void		 sha256_once(const void *, size_t, uint8_t out[SHA256_LEN]);

void	hmac_sha256(const void *key, size_t keylen, const void *, size_t,
	    uint8_t out[SHA256_LEN]);
/* Hi() of RFC 5802. */
void	pbkdf2_sha256(const char *password, size_t len, const uint8_t *salt,
	    size_t saltlen, uint32_t iterations, uint8_t out[SHA256_LEN]);
void	random_bytes(void *, size_t);
/* 0 when equal; constant time. */
int	ct_differ(const void *, const void *, size_t);
/* Ed25519 over the raw 32-byte public key: 0 when the signature is good. */
int	ed25519_verify(const uint8_t key[32], const uint8_t sig[64],
	    const void *msg, size_t len);

/* Lower-case hex and NUL; dst holds 2*n+1. */
void	hex_encode(const void *, size_t n, char *dst);
/* Standard base64 with padding and NUL; dst holds 4*((n+2)/3)+1. */
void	b64_encode(const void *, size_t n, char *dst);
/* Strict standard base64; the decoded length, or -1 (bad input, or over max). */
int	b64_decode(const char *, size_t n, uint8_t *dst, size_t max);
/* Strict unpadded base64url, trailing bits zero (RFC 7515, section 2). */
int	b64url_decode(const char *, size_t n, uint8_t *dst, size_t max);

/* zlib's CRC-32, for the spool's records. */
uint32_t crc32_add(uint32_t crc, const void *, size_t);

#endif
