/*
 * sign: Ed25519 keys and signatures, over libcrypto.  Runs in auditd, which
 * holds the only secret key there is of this kind, and in auditctl.  A text
 * that is no key is -1 or NULL; a primitive that fails is fatal.  Signatures
 * are checked by crypto.h's ed25519_verify().
 */
#include "sign.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

struct sign_key {
	EVP_PKEY	*pk;
};

/* A passphrase is never asked for: a key that has one is no key. */
static int
no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)ctx;
	return -1;
}

static void
take_text(BIO *bio, char text[SIGN_PEM_MAX])
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	if (n <= 0 || n >= SIGN_PEM_MAX)
		fatalx("crypto=ed25519_failed");
	memcpy(text, p, (size_t)n);
	text[n] = '\0';
	OPENSSL_cleanse(p, (size_t)n);
	BIO_free(bio);
}

void
sign_generate(char secret[SIGN_PEM_MAX], char public[SIGN_PEM_MAX])
{
	EVP_PKEY *pk = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *s = BIO_new(BIO_s_mem()), *p = BIO_new(BIO_s_mem());

	if (pk == NULL || s == NULL || p == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(s, pk, NULL, NULL, 0, NULL,
	    NULL) != 1 || PEM_write_bio_PUBKEY(p, pk) != 1)
		fatalx("crypto=ed25519_failed");
	take_text(s, secret);
	take_text(p, public);
	EVP_PKEY_free(pk);
}

struct sign_key *
sign_key_parse(const char *pem, size_t len)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	struct sign_key *k = calloc(1, sizeof(*k));

	if (bio == NULL || k == NULL)
		fatalx("error=\"out of memory\"");
	k->pk = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	if (k->pk == NULL || EVP_PKEY_get_id(k->pk) != EVP_PKEY_ED25519)
		sign_key_free(&k);
	return k;
}

static void
raw_public(const EVP_PKEY *pk, uint8_t key[SIGN_KEY_LEN])
{
	size_t n = SIGN_KEY_LEN;

	if (EVP_PKEY_get_raw_public_key(pk, key, &n) != 1 ||
	    n != SIGN_KEY_LEN)
		fatalx("crypto=ed25519_failed");
}

int
sign_public_parse(const char *pem, size_t len, uint8_t key[SIGN_KEY_LEN])
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *pk;
	int rc = -1;

	if (bio == NULL)
		fatalx("error=\"out of memory\"");
	pk = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	if (pk != NULL && EVP_PKEY_get_id(pk) == EVP_PKEY_ED25519) {
		raw_public(pk, key);
		rc = 0;
	}
	EVP_PKEY_free(pk);
	return rc;
}

void
sign_public(const struct sign_key *k, uint8_t key[SIGN_KEY_LEN])
{
	raw_public(k->pk, key);
}

void
sign_bytes(const struct sign_key *k, const void *p, size_t len,
    uint8_t sig[SIGN_SIG_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = SIGN_SIG_LEN;

	if (ctx == NULL ||
	    EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pk) != 1 ||
	    EVP_DigestSign(ctx, sig, &n, p, len) != 1 || n != SIGN_SIG_LEN)
		fatalx("crypto=ed25519_failed");
	EVP_MD_CTX_free(ctx);
}

void
sign_key_free(struct sign_key **kp)
{
	if (*kp == NULL)
		return;
	/* OpenSSL cleanses the secret when it frees it. */
	EVP_PKEY_free((*kp)->pk);
	free(*kp);
	*kp = NULL;
}
