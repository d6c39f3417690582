/*
 * SCRAM, the client's side.  The keeper runs it, so that a worker never holds
 * a database password: it relays the server's words and gets back ours.
 *
 * The server's messages come through a worker and are not trusted: lengths
 * are capped, the iteration count is held between limits (i=2147483647 would
 * cost minutes of processor time), the nonce must extend ours, and the
 * server's signature is compared in constant time.  Everything wrong ends the
 * exchange with a reason; nothing here logs.
 */
#include "scram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"

#define NONCE_RAW	18
#define NONCE_MAX	512
#define SALT_MAX	256
#define BIND_MAX	64
#define FIRST_MAX	2048

enum state { ST_NEW, ST_FIRST, ST_FINAL, ST_DONE, ST_FAILED };

struct scram {
	enum state	 state;
	char		*user;
	char		*password;
	char		 nonce[NONCE_MAX + 1];
	const char	*gs2;			/* header, as we sent it */
	uint8_t		 binding[BIND_MAX];
	size_t		 bindlen;		/* 0: no channel binding */
	char		 bare[FIRST_MAX];	/* client-first-message-bare */
	uint8_t		 server_sig[SHA256_LEN];
};

static int	fail(struct scram *, char *, size_t, const char *);

struct scram *
scram_new(const char *user, const char *password)
{
	struct scram *s;
	uint8_t raw[NONCE_RAW];

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->user = strdup(user);
	s->password = strdup(password);
	if (s->user == NULL || s->password == NULL) {
		scram_free(&s);
		return NULL;
	}
	random_bytes(raw, sizeof(raw));
	b64_encode(raw, sizeof(raw), s->nonce);
	return s;
}

void
scram_free(struct scram **sp)
{
	struct scram *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->password != NULL)
		explicit_bzero(s->password, strlen(s->password));
	free(s->password);
	free(s->user);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

int
scram_set_nonce(struct scram *s, const char *nonce)
{
	if (strlen(nonce) > NONCE_MAX / 2)
		return -1;
	snprintf(s->nonce, sizeof(s->nonce), "%s", nonce);
	return 0;
}

static int
fail(struct scram *s, char *reason, size_t size, const char *why)
{
	s->state = ST_FAILED;
	snprintf(reason, size, "%s", why);
	return -1;
}

/* -1 when the list is malformed. */
static int
scan_mechs(const uint8_t *p, size_t len, int *plain, int *plus)
{
	size_t i = 0, n;

	*plain = *plus = 0;
	while (i < len) {
		n = strnlen((const char *)p + i, len - i);
		if (n == len - i)
			return -1;
		if (n == 0)
			return i + 1 == len ? 0 : -1;
		if (strcmp((const char *)p + i, "SCRAM-SHA-256") == 0)
			*plain = 1;
		else if (strcmp((const char *)p + i, "SCRAM-SHA-256-PLUS") == 0)
			*plus = 1;
		i += n + 1;
	}
	return -1;
}

const char *
scram_first(struct scram *s, const uint8_t *mechs, size_t len,
    const uint8_t *binding, size_t bindlen, struct buf *out, char *reason,
    size_t size)
{
	const char *mech;
	int n, plain, plus;

	if (s->state != ST_NEW) {
		fail(s, reason, size, "SASL exchange started twice");
		return NULL;
	}
	if (bindlen > BIND_MAX || scan_mechs(mechs, len, &plain, &plus) == -1) {
		fail(s, reason, size, "malformed SASL mechanism list");
		return NULL;
	}
	if (plus && bindlen == 0) {
		/* Choosing the lesser one is what a man in the middle wants. */
		fail(s, reason, size, "the server offers channel binding and "
		    "there is none on this connection");
		return NULL;
	}
	if (!plus && !plain) {
		fail(s, reason, size,
		    "the server offers no SCRAM-SHA-256");
		return NULL;
	}
	if (plus) {
		mech = "SCRAM-SHA-256-PLUS";
		s->gs2 = "p=tls-server-end-point,,";
		memcpy(s->binding, binding, bindlen);
		s->bindlen = bindlen;
	} else {
		/* y: "I could, you did not offer it" (RFC 5802, section 6). */
		mech = "SCRAM-SHA-256";
		s->gs2 = bindlen > 0 ? "y,," : "n,,";
	}
	n = snprintf(s->bare, sizeof(s->bare), "n=%s,r=%s", s->user, s->nonce);
	if (n < 0 || (size_t)n >= sizeof(s->bare) ||
	    buf_add(out, s->gs2, strlen(s->gs2)) == -1 ||
	    buf_add(out, s->bare, (size_t)n) == -1) {
		fail(s, reason, size, "out of memory");
		return NULL;
	}
	s->state = ST_FIRST;
	return mech;
}

/* The value of "<name>=" at *p, up to a comma or the end. */
static const char *
attribute(const char **p, char name, size_t *len)
{
	const char *v;

	if ((*p)[0] != name || (*p)[1] != '=')
		return NULL;
	v = *p + 2;
	*len = strcspn(v, ",");
	*p = v + *len;
	if (**p == ',') {
		(*p)++;
		if (**p == '\0')
			return NULL;	/* nothing after the comma */
	}
	return v;
}

/* server-first-message: r=,s=,i= and no extension, which we would not know. */
static int
parse_server_first(struct scram *s, const char *msg, uint8_t *salt,
    size_t *saltlen, uint32_t *iterations, char *reason, size_t size)
{
	const char *p = msg, *v;
	unsigned long it;
	size_t i, n, own = strlen(s->nonce);
	int r;

	if ((v = attribute(&p, 'r', &n)) == NULL)
		return fail(s, reason, size, "malformed SCRAM server message");
	if (n <= own || n > NONCE_MAX || memcmp(v, s->nonce, own) != 0)
		return fail(s, reason, size,
		    "the server's SCRAM nonce does not extend ours");
	for (i = 0; i < n; i++)
		if (v[i] < 0x21 || v[i] > 0x7e)
			return fail(s, reason, size, "malformed SCRAM nonce");
	memcpy(s->nonce, v, n);
	s->nonce[n] = '\0';

	if ((v = attribute(&p, 's', &n)) == NULL ||
	    (r = b64_decode(v, n, salt, SALT_MAX)) <= 0)
		return fail(s, reason, size, "malformed SCRAM salt");
	*saltlen = (size_t)r;

	if ((v = attribute(&p, 'i', &n)) == NULL || n == 0 || n > 10 ||
	    strspn(v, "0123456789") != n || *p != '\0')
		return fail(s, reason, size, "malformed SCRAM server message");
	it = strtoul(v, NULL, 10);
	if (it < SCRAM_MIN_ITERATIONS || it > SCRAM_MAX_ITERATIONS)
		return fail(s, reason, size,
		    "SCRAM iteration count out of limits (4096 to 100000)");
	*iterations = (uint32_t)it;
	return 0;
}

/* What the proof signs, and the final message without its proof. */
static int
compose(struct scram *s, const char *server_first, struct buf *auth,
    struct buf *final)
{
	uint8_t cb[64 + BIND_MAX];
	char cb64[4 * ((sizeof(cb) + 2) / 3) + 1];
	size_t n = strlen(s->gs2);

	memcpy(cb, s->gs2, n);
	memcpy(cb + n, s->binding, s->bindlen);
	b64_encode(cb, n + s->bindlen, cb64);
	if (buf_add(final, "c=", 2) == -1 ||
	    buf_add(final, cb64, strlen(cb64)) == -1 ||
	    buf_add(final, ",r=", 3) == -1 ||
	    buf_add(final, s->nonce, strlen(s->nonce)) == -1 ||
	    buf_add(auth, s->bare, strlen(s->bare)) == -1 ||
	    buf_add(auth, ",", 1) == -1 ||
	    buf_add(auth, server_first, strlen(server_first)) == -1 ||
	    buf_add(auth, ",", 1) == -1 ||
	    buf_add(auth, buf_head(final), final->len) == -1)
		return -1;
	return 0;
}

/* RFC 5802, section 3. */
static void
prove(struct scram *s, const uint8_t *salt, size_t saltlen,
    uint32_t iterations, const struct buf *auth, uint8_t proof[SHA256_LEN])
{
	uint8_t salted[SHA256_LEN], ckey[SHA256_LEN], stored[SHA256_LEN];
	uint8_t skey[SHA256_LEN];
	size_t i;

	pbkdf2_sha256(s->password, strlen(s->password), salt, saltlen,
	    iterations, salted);
	hmac_sha256(salted, sizeof(salted), "Client Key", 10, ckey);
	sha256_once(ckey, sizeof(ckey), stored);
	hmac_sha256(stored, sizeof(stored), buf_head(auth), auth->len, proof);
	for (i = 0; i < SHA256_LEN; i++)
		proof[i] ^= ckey[i];
	hmac_sha256(salted, sizeof(salted), "Server Key", 10, skey);
	hmac_sha256(skey, sizeof(skey), buf_head(auth), auth->len,
	    s->server_sig);
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(ckey, sizeof(ckey));
	explicit_bzero(stored, sizeof(stored));
	explicit_bzero(skey, sizeof(skey));
	/* One exchange, one proof: the password has served. */
	explicit_bzero(s->password, strlen(s->password));
}

int
scram_final(struct scram *s, const uint8_t *msg, size_t len, struct buf *out,
    char *reason, size_t size)
{
	char first[FIRST_MAX], p64[4 * ((SHA256_LEN + 2) / 3) + 1];
	uint8_t salt[SALT_MAX], proof[SHA256_LEN];
	struct buf auth, final;
	uint32_t iterations;
	size_t saltlen;
	int r = -1;

	if (s->state != ST_FIRST)
		return fail(s, reason, size, "SASL message out of order");
	if (len >= sizeof(first) || memchr(msg, '\0', len) != NULL)
		return fail(s, reason, size, "malformed SCRAM server message");
	memcpy(first, msg, len);
	first[len] = '\0';
	if (parse_server_first(s, first, salt, &saltlen, &iterations, reason,
	    size) == -1)
		return -1;

	buf_init(&auth, 8192);
	buf_init(&final, 4096);
	if (compose(s, first, &auth, &final) == -1) {
		fail(s, reason, size, "out of memory");
		goto done;
	}
	prove(s, salt, saltlen, iterations, &auth, proof);
	b64_encode(proof, sizeof(proof), p64);
	if (buf_add(out, buf_head(&final), final.len) == -1 ||
	    buf_add(out, ",p=", 3) == -1 ||
	    buf_add(out, p64, strlen(p64)) == -1) {
		fail(s, reason, size, "out of memory");
		goto done;
	}
	s->state = ST_FINAL;
	r = 0;
done:
	buf_clear(&auth);
	buf_clear(&final);
	return r;
}

int
scram_verify(struct scram *s, const uint8_t *msg, size_t len, char *reason,
    size_t size)
{
	uint8_t sig[SHA256_LEN];

	if (s->state != ST_FINAL)
		return fail(s, reason, size, "SASL message out of order");
	if (len >= 2 && memcmp(msg, "e=", 2) == 0)
		return fail(s, reason, size,
		    "the server refused the SCRAM proof");
	if (len < 2 || memcmp(msg, "v=", 2) != 0 ||
	    b64_decode((const char *)msg + 2, len - 2, sig, sizeof(sig)) !=
	    SHA256_LEN)
		return fail(s, reason, size, "malformed SCRAM server message");
	if (ct_differ(sig, s->server_sig, sizeof(sig)) != 0)
		return fail(s, reason, size,
		    "the server's SCRAM signature is wrong");
	s->state = ST_DONE;
	return 0;
}

void
scram_verifier(const char *password, const uint8_t salt[SCRAM_SALT_LEN],
    char out[SCRAM_VERIFIER_SIZE])
{
	uint8_t salted[SHA256_LEN], key[SHA256_LEN], stored[SHA256_LEN];
	char salt64[4 * ((SCRAM_SALT_LEN + 2) / 3) + 1];
	char stored64[4 * ((SHA256_LEN + 2) / 3) + 1];
	char server64[4 * ((SHA256_LEN + 2) / 3) + 1];

	pbkdf2_sha256(password, strlen(password), salt, SCRAM_SALT_LEN,
	    SCRAM_MIN_ITERATIONS, salted);
	hmac_sha256(salted, sizeof(salted), "Client Key", 10, key);
	sha256_once(key, sizeof(key), stored);
	b64_encode(stored, sizeof(stored), stored64);
	hmac_sha256(salted, sizeof(salted), "Server Key", 10, key);
	b64_encode(key, sizeof(key), server64);
	b64_encode(salt, SCRAM_SALT_LEN, salt64);
	snprintf(out, SCRAM_VERIFIER_SIZE, "SCRAM-SHA-256$%d:%s$%s:%s",
	    SCRAM_MIN_ITERATIONS, salt64, stored64, server64);
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(key, sizeof(key));
	explicit_bzero(stored, sizeof(stored));
}
