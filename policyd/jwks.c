/*
 * Key sets of issuers.  The verifier runs it, over files of the admin and over
 * answers of identity providers; neither is trusted.
 *
 * cjose aborts the process on hostile base64url in a key, accepts RSA of any
 * size and e = 1, and reads members that we do not want.  So every member is
 * decoded strictly here first, and cjose gets a key that is written anew from
 * what passed.
 */
#include "jwks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjose/cjose.h>

#include "crypto.h"

#define RSA_MIN		256	/* bytes: 2048 bits */
#define RSA_MAX		1024
#define KID_MAX		256

struct jwks {
	struct jwk	*keys;
	size_t		 n;
};

/* Deep nesting is found before the parser recurses into it. */
static bool
depth_ok(const char *p, size_t len)
{
	size_t i, depth = 0;
	bool in = false;

	for (i = 0; i < len; i++) {
		if (in) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				in = false;
		} else if (p[i] == '"')
			in = true;
		else if (p[i] == '{' || p[i] == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return false;
		} else if ((p[i] == '}' || p[i] == ']') && depth > 0)
			depth--;
	}
	return true;
}

json_t *
json_strict(const char *p, size_t len)
{
	json_error_t err;

	if (!depth_ok(p, len))
		return NULL;
	return json_loadb(p, len, JSON_REJECT_DUPLICATES, &err);
}

static void
jwk_clear(struct jwk *k)
{
	free(k->kid);
	free(k->alg);
	if (k->cjose != NULL)
		cjose_jwk_release(k->cjose);
}

/* A base64url member, decoded; its length, or -1. */
static int
member(const json_t *o, const char *name, uint8_t *dst, size_t max)
{
	const char *s = json_string_value(json_object_get(o, name));

	if (s == NULL)
		return -1;
	return b64url_decode(s, strlen(s), dst, max);
}

static const char *
member_str(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s == NULL ? "" : s;
}

/* Import a key that consists of these members and nothing else. */
static int
import(struct jwk *k, const json_t *o, const char *const *names)
{
	cjose_err err;
	json_t *clean;
	char *text;

	if ((clean = json_object()) == NULL)
		return -1;
	for (; *names != NULL; names++)
		json_object_set_new(clean, *names,
		    json_string(member_str(o, *names)));
	text = json_dumps(clean, JSON_COMPACT);
	json_decref(clean);
	if (text == NULL)
		return -1;
	k->cjose = cjose_jwk_import(text, strlen(text), &err);
	free(text);
	return k->cjose == NULL ? -1 : 0;
}

static int
parse_rsa(struct jwk *k, const json_t *o)
{
	static const char *const names[] = { "kty", "n", "e", NULL };
	uint8_t n[RSA_MAX + 1], e[8];
	int nlen, elen, i;
	uint64_t ev = 0;

	nlen = member(o, "n", n, sizeof(n));
	elen = member(o, "e", e, sizeof(e));
	if (nlen < RSA_MIN || nlen > RSA_MAX || n[0] < 0x80 || elen < 1)
		return -1;	/* a size in whole bytes, no leading zero */
	for (i = 0; i < elen; i++)
		ev = ev << 8 | e[i];
	if (e[0] == 0 || ev % 2 == 0 || ev <= 0xffff || n[nlen - 1] % 2 == 0)
		return -1;
	k->kty = JWK_RSA;
	k->size = (size_t)nlen;
	return import(k, o, names);
}

static int
parse_ec(struct jwk *k, const json_t *o)
{
	static const char *const names[] = { "kty", "crv", "x", "y", NULL };
	static const struct {
		const char	*crv;
		int		 len;
	} curves[] = { { "P-256", 32 }, { "P-384", 48 }, { "P-521", 66 } };
	uint8_t v[66];
	size_t i;

	for (i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (strcmp(member_str(o, "crv"), curves[i].crv) != 0)
			continue;
		if (member(o, "x", v, sizeof(v)) != curves[i].len ||
		    member(o, "y", v, sizeof(v)) != curves[i].len)
			return -1;
		k->kty = JWK_EC;
		snprintf(k->crv, sizeof(k->crv), "%s", curves[i].crv);
		return import(k, o, names);
	}
	return -1;
}

static int
parse_okp(struct jwk *k, const json_t *o)
{
	if (strcmp(member_str(o, "crv"), "Ed25519") != 0 ||
	    member(o, "x", k->ed, sizeof(k->ed)) != (int)sizeof(k->ed))
		return -1;
	k->kty = JWK_OKP;
	snprintf(k->crv, sizeof(k->crv), "Ed25519");
	return 0;
}

/* May this key verify signatures, by what it says of itself? */
static bool
may_verify(const json_t *o)
{
	const json_t *use = json_object_get(o, "use"), *v;
	const json_t *ops = json_object_get(o, "key_ops");
	size_t i;

	if (use != NULL && (!json_is_string(use) ||
	    strcmp(json_string_value(use), "sig") != 0))
		return false;
	if (ops == NULL)
		return true;
	json_array_foreach(ops, i, v)
		if (json_is_string(v) &&
		    strcmp(json_string_value(v), "verify") == 0)
			return true;
	return false;
}

/* An optional string member: 0, or -1 when it is something else. */
static int
optional(const json_t *o, const char *name, char **dst)
{
	const json_t *v = json_object_get(o, name);

	if (v == NULL)
		return 0;
	if (!json_is_string(v) || json_string_length(v) > KID_MAX)
		return -1;
	return (*dst = strdup(json_string_value(v))) == NULL ? -1 : 0;
}

static int
parse_key(struct jwk *k, const json_t *o)
{
	const char *kty = member_str(o, "kty");

	if (!json_is_object(o) || !may_verify(o) ||
	    optional(o, "kid", &k->kid) == -1 ||
	    optional(o, "alg", &k->alg) == -1)
		return -1;
	if (strcmp(kty, "RSA") == 0)
		return parse_rsa(k, o);
	if (strcmp(kty, "EC") == 0)
		return parse_ec(k, o);
	if (strcmp(kty, "OKP") == 0)
		return parse_okp(k, o);
	return -1;
}

struct jwks *
jwks_parse(const char *json, size_t len, char *reason, size_t size)
{
	struct jwks *set = NULL;
	json_t *root = NULL, *keys, *o;
	size_t i;

	if (len > JWKS_MAX_BYTES) {
		snprintf(reason, size, "key set is too large");
		return NULL;
	}
	root = json_strict(json, len);
	keys = json_object_get(root, "keys");
	if (!json_is_array(keys)) {
		snprintf(reason, size, "not a JSON Web Key Set");
		goto fail;
	}
	if (json_array_size(keys) > JWKS_MAX_KEYS) {
		snprintf(reason, size, "key set has over %d keys",
		    JWKS_MAX_KEYS);
		goto fail;
	}
	if ((set = calloc(1, sizeof(*set))) == NULL ||
	    (set->keys = calloc(JWKS_MAX_KEYS, sizeof(*set->keys))) == NULL) {
		snprintf(reason, size, "out of memory");
		goto fail;
	}
	json_array_foreach(keys, i, o) {
		if (parse_key(&set->keys[set->n], o) == 0) {
			set->n++;
			continue;
		}
		jwk_clear(&set->keys[set->n]);
		memset(&set->keys[set->n], 0, sizeof(set->keys[0]));
	}
	if (set->n == 0) {
		snprintf(reason, size, "key set has no usable key");
		goto fail;
	}
	json_decref(root);
	return set;
fail:
	json_decref(root);
	jwks_free(&set);
	return NULL;
}

void
jwks_free(struct jwks **sp)
{
	struct jwks *s = *sp;
	size_t i;

	*sp = NULL;
	if (s == NULL)
		return;
	for (i = 0; i < s->n; i++)
		jwk_clear(&s->keys[i]);
	free(s->keys);
	free(s);
}

size_t
jwks_count(const struct jwks *s)
{
	return s == NULL ? 0 : s->n;
}

const struct jwk *
jwks_at(const struct jwks *s, size_t i)
{
	return &s->keys[i];
}
