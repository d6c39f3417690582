/*
 * crypto: digests, keys and encodings, over libcrypto and zlib.  Runs in
 * auditd (the chain), policyd's verifier and keeper.  A primitive that fails
 * means a broken installation: fatal.
 */
#include "crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "log.h"

struct sha256 {
	EVP_MD_CTX	*ctx;
	EVP_MD		*md;
};

struct sha256 *
sha256_new(void)
{
	struct sha256 *s;

	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->ctx = EVP_MD_CTX_new()) == NULL ||
	    (s->md = EVP_MD_fetch(NULL, "SHA256", NULL)) == NULL ||
	    EVP_DigestInit_ex2(s->ctx, s->md, NULL) != 1)
		fatalx("crypto=sha256_unavailable");
	return s;
}

void
sha256_add(struct sha256 *s, const void *p, size_t n)
{
	if (n > 0 && EVP_DigestUpdate(s->ctx, p, n) != 1)
		fatalx("crypto=sha256_failed");
}

void
sha256_end(struct sha256 *s, uint8_t out[SHA256_LEN])
{
	if (EVP_DigestFinal_ex(s->ctx, out, NULL) != 1 ||
	    EVP_DigestInit_ex2(s->ctx, s->md, NULL) != 1)
		fatalx("crypto=sha256_failed");
}

void
sha256_free(struct sha256 **s)
{
	if (*s == NULL)
		return;
	EVP_MD_CTX_free((*s)->ctx);
	EVP_MD_free((*s)->md);
	free(*s);
	*s = NULL;
}

void
sha256_once(const void *p, size_t n, uint8_t out[SHA256_LEN])
{
	if (EVP_Digest(p, n, out, NULL, EVP_sha256(), NULL) != 1)
		fatalx("crypto=sha256_failed");
}

void
hmac_sha256(const void *key, size_t keylen, const void *p, size_t n,
    uint8_t out[SHA256_LEN])
{
	if (HMAC(EVP_sha256(), key, (int)keylen, p, n, out, NULL) == NULL)
		fatalx("crypto=hmac_failed");
}

void
pbkdf2_sha256(const char *password, size_t len, const uint8_t *salt,
    size_t saltlen, uint32_t iterations, uint8_t out[SHA256_LEN])
{
	if (PKCS5_PBKDF2_HMAC(password, (int)len, salt, (int)saltlen,
	    (int)iterations, EVP_sha256(), SHA256_LEN, out) != 1)
		fatalx("crypto=pbkdf2_failed");
}

void
random_bytes(void *p, size_t n)
{
	if (RAND_bytes(p, (int)n) != 1)
		fatalx("crypto=no_randomness");
}

int
ct_differ(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) != 0;
}

int
ed25519_verify(const uint8_t key[32], const uint8_t sig[64], const void *msg,
    size_t len)
{
	EVP_PKEY *pk;
	EVP_MD_CTX *ctx;
	int rc = -1;

	pk = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, 32);
	ctx = EVP_MD_CTX_new();
	if (pk != NULL && ctx != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pk) == 1 &&
	    EVP_DigestVerify(ctx, sig, 64, msg, len) == 1)
		rc = 0;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pk);
	return rc;
}

void
hex_encode(const void *vp, size_t n, char *dst)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *p = vp;
	size_t i;

	for (i = 0; i < n; i++) {
		*dst++ = hex[p[i] >> 4];
		*dst++ = hex[p[i] & 15];
	}
	*dst = '\0';
}

void
b64_encode(const void *p, size_t n, char *dst)
{
	EVP_EncodeBlock((unsigned char *)dst, p, (int)n);
}

static int
b64_value(char c, int url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (url ? '-' : '+'))
		return 62;
	if (c == (url ? '_' : '/'))
		return 63;
	return -1;
}

/* Unpadded input; every bit that is not part of a byte must be zero. */
static int
b64_decode_raw(const char *s, size_t n, uint8_t *dst, size_t max, int url)
{
	uint32_t acc = 0;
	size_t i, out = 0;
	int bits = 0, v;

	if (n % 4 == 1)
		return -1;
	for (i = 0; i < n; i++) {
		if ((v = b64_value(s[i], url)) == -1)
			return -1;
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (out == max)
			return -1;
		dst[out++] = (uint8_t)(acc >> bits);
		acc &= (1u << bits) - 1;
	}
	return acc == 0 ? (int)out : -1;
}

int
b64_decode(const char *s, size_t n, uint8_t *dst, size_t max)
{
	if (n % 4 != 0)
		return -1;
	if (n > 0 && s[n - 1] == '=')
		n--;
	if (n > 0 && s[n - 1] == '=')
		n--;
	return b64_decode_raw(s, n, dst, max, 0);
}

int
b64url_decode(const char *s, size_t n, uint8_t *dst, size_t max)
{
	return b64_decode_raw(s, n, dst, max, 1);
}

uint32_t
crc32_add(uint32_t crc, const void *p, size_t n)
{
	return (uint32_t)crc32_z(crc, p, n);
}
