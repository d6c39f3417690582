/*
 * Keys and tokens for tests, over libcrypto.  Runs in test programs only, and
 * ends them when libcrypto fails.
 */
#include "forge.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

char *
forge_b64url(const void *p, size_t n)
{
	unsigned char *s;
	size_t i, len;

	if ((s = malloc(4 * ((n + 2) / 3) + 1)) == NULL)
		err(1, NULL);
	len = (size_t)EVP_EncodeBlock(s, p, (int)n);
	while (len > 0 && s[len - 1] == '=')
		len--;
	s[len] = '\0';
	for (i = 0; i < len; i++)
		s[i] = s[i] == '+' ? '-' : s[i] == '/' ? '_' : s[i];
	return (char *)s;
}

/* "header.claims", base64url. */
static char *
signing_input(const char *header, const char *claims)
{
	char *h = forge_b64url(header, strlen(header)), *s;
	char *c = forge_b64url(claims, strlen(claims));

	if (asprintf(&s, "%s.%s", h, c) == -1)
		err(1, NULL);
	free(h);
	free(c);
	return s;
}

static char *
join(char *input, const void *sig, size_t n)
{
	char *b = forge_b64url(sig, n), *s;

	if (asprintf(&s, "%s.%s", input, b) == -1)
		err(1, NULL);
	free(b);
	free(input);
	return s;
}

/* DER to the fixed-length r and s of RFC 7518, 3.4. */
static size_t
ecdsa_raw(const unsigned char *der, size_t len, unsigned char *out,
    size_t half)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);

	if (sig == NULL ||
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)half) < 0 ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, (int)half) < 0)
		errx(1, "ECDSA signature");
	ECDSA_SIG_free(sig);
	return 2 * half;
}

char *
forge_sign(EVP_PKEY *key, const char *alg, const char *header,
    const char *claims)
{
	char *input = signing_input(header, claims);
	unsigned char sig[1024], raw[1024];
	size_t n = sizeof(sig);
	const EVP_MD *md = NULL;
	EVP_PKEY_CTX *pctx;
	EVP_MD_CTX *ctx;

	if (strcmp(alg, "none") == 0)
		return join(input, "", 0);
	if (strlen(alg) == 5 && strcmp(alg, "EdDSA") != 0)
		md = strcmp(alg + 2, "256") == 0 ? EVP_sha256() :
		    strcmp(alg + 2, "384") == 0 ? EVP_sha384() : EVP_sha512();
	if ((ctx = EVP_MD_CTX_new()) == NULL)
		errx(1, "EVP_MD_CTX_new");
	if (EVP_DigestSignInit(ctx, &pctx, md, NULL, key) != 1 ||
	    (alg[0] == 'P' && (EVP_PKEY_CTX_set_rsa_padding(pctx,
	    RSA_PKCS1_PSS_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx,
	    RSA_PSS_SALTLEN_DIGEST) != 1)) ||
	    EVP_DigestSign(ctx, sig, &n, (unsigned char *)input,
	    strlen(input)) != 1) {
		EVP_MD_CTX_free(ctx);
		free(input);
		return NULL;
	}
	EVP_MD_CTX_free(ctx);
	if (strncmp(alg, "ES", 2) == 0) {
		n = ecdsa_raw(sig, n, raw,
		    ((size_t)EVP_PKEY_get_bits(key) + 7) / 8);
		memcpy(sig, raw, n);
	}
	return join(input, sig, n);
}

char *
forge_hs256(const void *secret, size_t len, const char *header,
    const char *claims)
{
	char *input = signing_input(header, claims);
	unsigned char mac[32];
	unsigned int n = sizeof(mac);

	if (HMAC(EVP_sha256(), secret, (int)len, (unsigned char *)input,
	    strlen(input), mac, &n) == NULL)
		errx(1, "HMAC");
	return join(input, mac, n);
}

/* A number of the key, padded to `len` bytes (0: as it is). */
static char *
number(EVP_PKEY *key, const char *name, size_t len)
{
	unsigned char raw[1024];
	BIGNUM *bn = NULL;
	char *s;

	if (EVP_PKEY_get_bn_param(key, name, &bn) != 1)
		errx(1, "key has no %s", name);
	if (len == 0)
		len = (size_t)BN_num_bytes(bn);
	if (BN_bn2binpad(bn, raw, (int)len) < 0)
		errx(1, "%s is too long", name);
	BN_free(bn);
	s = forge_b64url(raw, len);
	return s;
}

char *
forge_jwk(EVP_PKEY *key, const char *kid, const char *alg)
{
	size_t len = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
	unsigned char ed[32];
	size_t edlen = sizeof(ed);
	char *a, *b = NULL, *s, extra[64] = "";
	int r;

	if (alg != NULL)
		snprintf(extra, sizeof(extra), ",\"alg\":\"%s\"", alg);
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		a = number(key, OSSL_PKEY_PARAM_RSA_N, 0);
		b = number(key, OSSL_PKEY_PARAM_RSA_E, 0);
		r = asprintf(&s, "{\"kty\":\"RSA\",\"use\":\"sig\",\"kid\":"
		    "\"%s\",\"n\":\"%s\",\"e\":\"%s\"%s}", kid, a, b, extra);
		break;
	case EVP_PKEY_EC:
		a = number(key, OSSL_PKEY_PARAM_EC_PUB_X, len);
		b = number(key, OSSL_PKEY_PARAM_EC_PUB_Y, len);
		r = asprintf(&s, "{\"kty\":\"EC\",\"use\":\"sig\",\"kid\":"
		    "\"%s\",\"crv\":\"P-%zu\",\"x\":\"%s\",\"y\":\"%s\"%s}",
		    kid, len == 66 ? 521 : 8 * len, a, b, extra);
		break;
	default:
		if (EVP_PKEY_get_raw_public_key(key, ed, &edlen) != 1)
			errx(1, "not an Ed25519 key");
		a = forge_b64url(ed, edlen);
		r = asprintf(&s, "{\"kty\":\"OKP\",\"use\":\"sig\",\"kid\":"
		    "\"%s\",\"crv\":\"Ed25519\",\"x\":\"%s\"%s}", kid, a,
		    extra);
	}
	if (r == -1)
		err(1, NULL);
	free(a);
	free(b);
	return s;
}

EVP_PKEY *
forge_key(const char *kind)
{
	EVP_PKEY *k;

	if (strcmp(kind, "rsa") == 0)
		k = EVP_RSA_gen(2048);
	else if (strcmp(kind, "ec") == 0)
		k = EVP_EC_gen("P-256");
	else if (strcmp(kind, "ec384") == 0)
		k = EVP_EC_gen("P-384");
	else if (strcmp(kind, "ec521") == 0)
		k = EVP_EC_gen("P-521");
	else
		k = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (k == NULL)
		errx(1, "cannot make a key: %s", kind);
	return k;
}
