/*
 * Signed checkpoints and the line that says one.  Made by auditd, read by
 * auditctl from stores and log files that nobody vouches for: reading accepts
 * one spelling only, so that what was signed is what is read.
 */
#include "checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The signed part; its length. */
static size_t
signed_part(const struct checkpoint *c, char line[CHECKPOINT_LINE])
{
	char hash[2 * SHA256_LEN + 1], key[2 * SIGN_KEY_LEN + 1];

	hex_encode(c->hash, SHA256_LEN, hash);
	hex_encode(c->key, SIGN_KEY_LEN, key);
	return (size_t)snprintf(line, CHECKPOINT_LINE, CHECKPOINT_TAG
	    "store=%s event=%" PRId64 " hash=%s time=%" PRId64 " every=%"
	    PRId64 " key=%s", c->store, c->event, hash, c->time, c->every,
	    key);
}

void
checkpoint_sign(struct checkpoint *c, const struct sign_key *key)
{
	char line[CHECKPOINT_LINE];
	size_t n;

	sign_public(key, c->key);
	n = signed_part(c, line);
	sign_bytes(key, line, n, c->sig);
}

bool
checkpoint_good(const struct checkpoint *c)
{
	char line[CHECKPOINT_LINE];
	size_t n = signed_part(c, line);

	return ed25519_verify(c->key, c->sig, line, n) == 0;
}

void
checkpoint_format(const struct checkpoint *c, char line[CHECKPOINT_LINE])
{
	char sig[2 * SIGN_SIG_LEN + 1];
	size_t n = signed_part(c, line);

	hex_encode(c->sig, SIGN_SIG_LEN, sig);
	snprintf(line + n, CHECKPOINT_LINE - n, " sig=%s", sig);
}

/* --- reading ------------------------------------------------------------ */

int
hex_decode(const char *s, size_t len, uint8_t *out, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const char *hi, *lo;
	size_t i;

	if (len != 2 * n)
		return -1;
	for (i = 0; i < n; i++) {
		if (s[2 * i] == '\0' || s[2 * i + 1] == '\0' ||
		    (hi = strchr(digits, s[2 * i])) == NULL ||
		    (lo = strchr(digits, s[2 * i + 1])) == NULL)
			return -1;
		out[i] = (uint8_t)((hi - digits) << 4 | (lo - digits));
	}
	return 0;
}

/* "NAME=" and a word; the word's length, and *p after it and its space. */
static const char *
word(const char **p, const char *name, size_t *len)
{
	const char *value = *p + strlen(name);

	if (strncmp(*p, name, strlen(name)) != 0)
		return NULL;
	*len = strcspn(value, " \t\r\n");
	*p = value + *len;
	if (**p == ' ')
		(*p)++;
	return value;
}

static int
word_hex(const char **p, const char *name, uint8_t *out, size_t n)
{
	size_t len;
	const char *s = word(p, name, &len);

	return s == NULL ? -1 : hex_decode(s, len, out, n);
}

/* Decimal, without a sign or leading zeros. */
static int
word_int(const char **p, const char *name, int64_t *out)
{
	size_t len, i;
	const char *s = word(p, name, &len);

	if (s == NULL || len == 0 || len > 18 || (len > 1 && s[0] == '0'))
		return -1;
	for (*out = 0, i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		*out = *out * 10 + (s[i] - '0');
	}
	return 0;
}

int
checkpoint_parse(const char *line, struct checkpoint *c)
{
	uint8_t id[STORE_ID_LEN / 2];
	char again[CHECKPOINT_LINE];
	const char *p = strstr(line, CHECKPOINT_TAG), *start = p;
	size_t len;

	memset(c, 0, sizeof(*c));
	if (p == NULL)
		return -1;
	p += strlen(CHECKPOINT_TAG);
	if (word_hex(&p, "store=", id, sizeof(id)) == -1 ||
	    word_int(&p, "event=", &c->event) == -1 ||
	    word_hex(&p, "hash=", c->hash, SHA256_LEN) == -1 ||
	    word_int(&p, "time=", &c->time) == -1 ||
	    word_int(&p, "every=", &c->every) == -1 ||
	    word_hex(&p, "key=", c->key, SIGN_KEY_LEN) == -1 ||
	    word_hex(&p, "sig=", c->sig, SIGN_SIG_LEN) == -1)
		return -1;
	hex_encode(id, sizeof(id), c->store);
	/* One spelling: what was read must be what would be written. */
	checkpoint_format(c, again);
	len = strlen(again);
	if (c->event < 1 || strncmp(start, again, len) != 0 ||
	    strspn(start + len, " \t\r\n") != strlen(start + len))
		return -1;
	return 0;
}
