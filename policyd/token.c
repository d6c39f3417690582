/*
 * Tokens.  The verifier runs it; every byte comes from a client that is not
 * authenticated yet.
 *
 * cjose checks RSA and EC signatures, and aborts the process on some malformed
 * input, so nothing reaches it before the strict checks here: alphabet,
 * padding, trailing bits, sizes, JSON without duplicates.  What is cheap (iss,
 * aud, exp) comes before what costs processor time (the signature).  A token
 * that fails gets a reason for our own record; the client never sees it.
 */
#include "token.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjose/cjose.h>

#include "claims.h"
#include "crypto.h"

#define HEADER_MAX	4096		/* decoded */
#define SIG_MAX		1024
#define KID_MAX		256
#define SUB_MAX		255
#define JTI_MAX		1024
#define TIME_MAX	253402300799.0	/* the year 9999 */

struct alg {
	const char	*name;
	enum jwk_kty	 kty;
	const char	*crv;		/* EC, OKP */
	size_t		 siglen;	/* 0: the key's */
};

static const struct alg algs[] = {
	{ "RS256", JWK_RSA, NULL, 0 },
	{ "RS384", JWK_RSA, NULL, 0 },
	{ "RS512", JWK_RSA, NULL, 0 },
	{ "PS256", JWK_RSA, NULL, 0 },
	{ "PS384", JWK_RSA, NULL, 0 },
	{ "PS512", JWK_RSA, NULL, 0 },
	{ "ES256", JWK_EC, "P-256", 64 },
	{ "ES384", JWK_EC, "P-384", 96 },
	{ "ES512", JWK_EC, "P-521", 132 },
	{ "EdDSA", JWK_OKP, "Ed25519", 64 },
};

struct token {
	const char		*text;		/* borrowed */
	size_t			 len;
	size_t			 signedlen;	/* header.payload */
	json_t			*header, *claims;
	const struct alg	*alg;
	const char		*typ;		/* in header, or NULL */
	const char		*kid;		/* in header, or NULL */
	uint8_t			 sig[SIG_MAX];
	size_t			 siglen;
};

static int	bad(char *, size_t, const char *, ...)
		    __attribute__((format(printf, 3, 4)));

static int
bad(char *reason, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, size, fmt, ap);
	va_end(ap);
	return -1;
}

void
token_result_clear(struct token_result *r)
{
	if (r->claims != NULL)
		explicit_bzero(r->claims, strlen(r->claims));
	free(r->claims);
	free(r->subject);
	memset(r, 0, sizeof(*r));
}

/* --- taking apart ---------------------------------------------------------- */

/* A segment that holds a JSON object. */
static json_t *
segment_object(const char *p, size_t len, size_t max)
{
	json_t *o = NULL;
	uint8_t *raw;
	int n;

	if (len == 0 || (raw = malloc(len)) == NULL)
		return NULL;
	n = b64url_decode(p, len, raw, len);
	if (n > 0 && (size_t)n <= max)
		o = json_strict((char *)raw, (size_t)n);
	explicit_bzero(raw, len);
	free(raw);
	if (!json_is_object(o)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static int
parse_header(struct token *t, char *reason, size_t size)
{
	static const char *const refused[] = { "crit", "b64", "zip", "cty",
	    "enc", NULL };
	static const char *const types[] = { "JWT", "at+jwt",
	    "application/at+jwt", "application/jwt", NULL };
	const json_t *v;
	const char *s;
	size_t i;

	for (i = 0; refused[i] != NULL; i++)
		if (json_object_get(t->header, refused[i]) != NULL)
			return bad(reason, size, "header has %s", refused[i]);
	if ((v = json_object_get(t->header, "typ")) != NULL) {
		s = json_string_value(v);
		for (i = 0; s != NULL && types[i] != NULL; i++)
			if (strcasecmp(s, types[i]) == 0)
				break;
		if (s == NULL || types[i] == NULL)
			return bad(reason, size, "typ is not that of a token");
		t->typ = types[i];
	}
	if ((v = json_object_get(t->header, "kid")) != NULL) {
		t->kid = json_string_value(v);
		if (t->kid == NULL || json_string_length(v) == 0 ||
		    json_string_length(v) > KID_MAX)
			return bad(reason, size, "kid is malformed");
	}
	if ((s = json_string_value(json_object_get(t->header, "alg"))) == NULL)
		return bad(reason, size, "alg is missing");
	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (strcmp(s, algs[i].name) == 0)
			t->alg = &algs[i];
	if (t->alg == NULL)
		return bad(reason, size, "alg is not supported");
	return 0;
}

static int
parse_segments(struct token *t, char *reason, size_t size)
{
	const char *dot1, *dot2, *end = t->text + t->len;
	int n;

	if (t->len == 0 || t->len > LEN_TOKEN)
		return bad(reason, size, "not a token: empty or too long");
	if ((dot1 = memchr(t->text, '.', t->len)) == NULL ||
	    (dot2 = memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1))) == NULL ||
	    memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1)) != NULL)
		return bad(reason, size, "not a token: not three segments");
	t->signedlen = (size_t)(dot2 - t->text);
	n = b64url_decode(dot2 + 1, (size_t)(end - dot2 - 1), t->sig,
	    sizeof(t->sig));
	if (n == 0)
		return bad(reason, size, "signature is missing");
	if (n < 0)
		return bad(reason, size, "signature is not strict base64url");
	t->siglen = (size_t)n;
	if ((t->header = segment_object(t->text, (size_t)(dot1 - t->text),
	    HEADER_MAX)) == NULL)
		return bad(reason, size, "header is not base64url of a strict "
		    "JSON object");
	if ((t->claims = segment_object(dot1 + 1, (size_t)(dot2 - dot1 - 1),
	    LEN_TOKEN)) == NULL)
		return bad(reason, size, "claims are not base64url of a strict "
		    "JSON object");
	return parse_header(t, reason, size);
}

struct token *
token_parse(const char *text, size_t len, char *reason, size_t size)
{
	struct token *t;

	if ((t = calloc(1, sizeof(*t))) == NULL) {
		bad(reason, size, "out of memory");
		return NULL;
	}
	t->text = text;
	t->len = len;
	if (parse_segments(t, reason, size) == -1)
		token_free(&t);
	return t;
}

void
token_free(struct token **tp)
{
	struct token *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	json_decref(t->header);
	json_decref(t->claims);
	explicit_bzero(t, sizeof(*t));
	free(t);
}

/* --- claims ----------------------------------------------------------------- */

const char *
token_issuer(const struct token *t)
{
	return json_string_value(json_object_get(t->claims, "iss"));
}

static bool
in_list(const struct conf_strings *list, const char *s)
{
	size_t i;

	for (i = 0; s != NULL && i < list->n; i++)
		if (strcmp(list->v[i], s) == 0)
			return true;
	return false;
}

/*
 * Who the token was made for (OpenID Connect Core 3.1.3.7): a token that others
 * may present as well must not come from a party that nobody named.
 */
static int
check_party(const struct token *t, const struct issuer *iss, bool several,
    char *reason, size_t size)
{
	const json_t *azp = json_object_get(t->claims, "azp");
	const char *party = json_string_value(azp);

	if (azp != NULL && party == NULL)
		return bad(reason, size, "azp is not a string");
	if (iss->parties.n > 0)
		return in_list(&iss->parties, party) ? 0 : bad(reason, size,
		    "azp is not an authorized party");
	if (several && party != NULL && !in_list(&iss->audience, party))
		return bad(reason, size, "several audiences, and azp is not "
		    "an authorized party");
	return 0;
}

static int
check_audience(const struct token *t, const struct issuer *iss, char *reason,
    size_t size)
{
	const json_t *aud = json_object_get(t->claims, "aud"), *v;
	bool ours = false;
	size_t i;

	if (json_is_string(aud))
		ours = in_list(&iss->audience, json_string_value(aud));
	else if (!json_is_array(aud) || json_array_size(aud) == 0)
		return bad(reason, size, "aud is missing");
	else
		json_array_foreach(aud, i, v) {
			if (!json_is_string(v))
				return bad(reason, size, "aud is malformed");
			if (in_list(&iss->audience, json_string_value(v)))
				ours = true;
		}
	if (!ours)
		return bad(reason, size, "aud is not for this gateway");
	return check_party(t, iss, json_array_size(aud) > 1, reason, size);
}

/*
 * An access token says that it is one: RFC 9068 in the header, Keycloak in a
 * claim.  One kind must not pass for another (RFC 8725, 3.12).
 */
static int
check_type(const struct token *t, const struct issuer *iss, char *reason,
    size_t size)
{
	/* Keycloak's others are no credentials of a person or a program. */
	static const char *const never[] = { "Refresh", "Offline", "Logout",
	    NULL };
	const char *claim = json_string_value(json_object_get(t->claims,
	    "typ"));
	size_t i;
	bool access = (t->typ != NULL && strstr(t->typ, "at+jwt") != NULL) ||
	    (claim != NULL && strcasecmp(claim, "Bearer") == 0);
	bool id = claim != NULL && strcasecmp(claim, "ID") == 0;

	for (i = 0; claim != NULL && never[i] != NULL; i++)
		if (strcasecmp(claim, never[i]) == 0)
			return bad(reason, size, "a %s token (claim typ)",
			    never[i]);
	if (access && id)
		return bad(reason, size, "typ says two things");
	if (iss->token_type == TOKEN_TYPE_ACCESS && !access)
		return bad(reason, size, "not marked as an access token (typ)");
	if (iss->token_type == TOKEN_TYPE_ID && access)
		return bad(reason, size, "an access token, not an ID token "
		    "(typ)");
	return 0;
}

static int
check_required(const struct token *t, const struct issuer *iss, char *reason,
    size_t size)
{
	size_t i;

	for (i = 0; i < iss->nrequired; i++)
		if (!claims_value_fits(claims_pointer(t->claims,
		    iss->required[i].pointer), &iss->required[i].values))
			return bad(reason, size, "required claim %s is "
			    "missing or another", iss->required[i].pointer);
	return 0;
}

/* Needed where a token counts once; never a way to fill our memory. */
static int
check_jti(const struct token *t, const struct issuer *iss, char *reason,
    size_t size)
{
	const json_t *v = json_object_get(t->claims, "jti");

	if (v == NULL)
		return iss->jti == JTI_STRICT ? bad(reason, size,
		    "jti is missing") : 0;
	if (!json_is_string(v) || json_string_length(v) == 0 ||
	    json_string_length(v) > JTI_MAX)
		return bad(reason, size, "jti is malformed");
	return 0;
}

/* A NumericDate (RFC 7519, section 2): 1 there, 0 absent, -1 malformed. */
static int
numeric_date(const struct token *t, const char *name, double *at)
{
	const json_t *v = json_object_get(t->claims, name);

	if (v == NULL)
		return 0;
	if (!json_is_number(v))
		return -1;
	*at = json_number_value(v);
	return isfinite(*at) && *at >= 0 && *at <= TIME_MAX ? 1 : -1;
}

static int
check_times(const struct token *t, const struct issuer *iss, uint64_t now_s,
    char *reason, size_t size)
{
	double exp, iat = 0, nbf = 0, start, now = (double)now_s;
	double leeway = (double)iss->leeway / 1000;
	double most = (double)iss->max_lifetime / 1000;
	int has_iat, has_nbf;

	if (numeric_date(t, "exp", &exp) != 1)
		return bad(reason, size, "exp is missing or malformed");
	if ((has_iat = numeric_date(t, "iat", &iat)) == -1)
		return bad(reason, size, "iat is malformed");
	if ((has_nbf = numeric_date(t, "nbf", &nbf)) == -1)
		return bad(reason, size, "nbf is malformed");
	if (now >= exp + leeway)
		return bad(reason, size, "expired");
	if (has_nbf && nbf > now + leeway)
		return bad(reason, size, "nbf is in the future");
	if (has_iat && iat > now + leeway)
		return bad(reason, size, "iat is in the future");
	/* Without iat the life that is left must do. */
	start = has_iat ? iat : has_nbf ? nbf : now;
	if (exp - start > most || exp - now > most + leeway)
		return bad(reason, size, "lifetime is over max_lifetime");
	return 0;
}

static int
check_subject(const struct token *t, const struct issuer *iss,
    const char **subject, char *reason, size_t size)
{
	const json_t *v = claims_pointer(t->claims, iss->subject);
	const unsigned char *p;

	if (!json_is_string(v) || json_string_length(v) == 0)
		return bad(reason, size, "subject is missing");
	if (json_string_length(v) > SUB_MAX)
		return bad(reason, size, "subject is too long");
	*subject = json_string_value(v);
	for (p = (const unsigned char *)*subject; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f ||
		    (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f))
			return bad(reason, size,
			    "subject has control characters");
	return 0;
}

int
token_check(const struct token *t, const struct issuer *iss, uint64_t now,
    char *reason, size_t size)
{
	const char *subject, *name = token_issuer(t);

	if (name == NULL)
		return bad(reason, size, "iss is missing");
	if (strcmp(name, iss->issuer) != 0)
		return bad(reason, size, "iss is unknown");
	if (!in_list(&iss->algorithms, t->alg->name))
		return bad(reason, size, "alg %s is not allowed for this "
		    "issuer", t->alg->name);
	if (json_object_get(t->claims, "cnf") != NULL)
		return bad(reason, size, "token is bound to a key (cnf)");
	if (check_type(t, iss, reason, size) == -1 ||
	    check_audience(t, iss, reason, size) == -1 ||
	    check_times(t, iss, now, reason, size) == -1 ||
	    check_jti(t, iss, reason, size) == -1 ||
	    check_subject(t, iss, &subject, reason, size) == -1 ||
	    check_required(t, iss, reason, size) == -1)
		return -1;
	return 0;
}

int
token_claims(const struct token *t, const struct issuer *iss,
    struct token_result *r, char *reason, size_t size)
{
	const char *subject;
	double exp;

	if (numeric_date(t, "exp", &exp) != 1 ||
	    check_subject(t, iss, &subject, reason, size) == -1)
		return bad(reason, size, "token was not checked");
	r->expires = (uint64_t)exp;
	r->subject = strdup(subject);
	r->claims = json_dumps(t->claims, JSON_COMPACT);
	if (r->subject == NULL || r->claims == NULL) {
		token_result_clear(r);
		return bad(reason, size, "out of memory");
	}
	if (strlen(r->claims) > LEN_CLAIMS) {
		token_result_clear(r);
		return bad(reason, size, "claims are too large");
	}
	return 0;
}

/* --- signature -------------------------------------------------------------- */

static bool
key_fits(const struct jwk *k, const struct alg *a)
{
	return k->kty == a->kty &&
	    (a->crv == NULL || strcmp(k->crv, a->crv) == 0) &&
	    (k->alg == NULL || strcmp(k->alg, a->name) == 0 ||
	    /* RFC 9864 names the curve. */
	    (a->kty == JWK_OKP && strcmp(k->alg, "Ed25519") == 0));
}

/* The one key that fits, or NULL with how many (0, or too many) there are. */
static const struct jwk *
find_key(const struct token *t, const struct jwks *keys, size_t *n)
{
	const struct jwk *k, *found = NULL;
	size_t i;

	*n = 0;
	for (i = 0; i < jwks_count(keys); i++) {
		k = jwks_at(keys, i);
		if (t->kid != NULL && (k->kid == NULL ||
		    strcmp(k->kid, t->kid) != 0))
			continue;
		if (!key_fits(k, t->alg))
			continue;
		found = k;
		(*n)++;
	}
	return *n == 1 ? found : NULL;
}

static bool
has_kid(const struct jwks *keys, const char *kid)
{
	const struct jwk *k;
	size_t i;

	for (i = 0; i < jwks_count(keys); i++) {
		k = jwks_at(keys, i);
		if (k->kid != NULL && strcmp(k->kid, kid) == 0)
			return true;
	}
	return false;
}

static bool
verify_cjose(const struct token *t, const struct jwk *k)
{
	cjose_err err;
	cjose_jws_t *jws;
	bool good = false;

	if ((jws = cjose_jws_import(t->text, t->len, &err)) != NULL) {
		good = cjose_jws_verify(jws, k->cjose, &err);
		cjose_jws_release(jws);
	}
	return good;
}

enum token_status
token_signature(const struct token *t, const struct jwks *keys, char *reason,
    size_t size)
{
	const struct jwk *k;
	size_t n;
	bool good;

	if ((k = find_key(t, keys, &n)) == NULL) {
		if (n > 1) {
			bad(reason, size, t->kid == NULL ? "kid is missing and "
			    "several keys fit" : "several keys have that kid");
			return TOKEN_BAD;
		}
		if (t->kid != NULL && has_kid(keys, t->kid)) {
			bad(reason, size, "the key of that kid is not for %s",
			    t->alg->name);
			return TOKEN_BAD;
		}
		bad(reason, size, "no key: kid is unknown or its issuer's keys "
		    "are not there");
		return TOKEN_NO_KEY;
	}
	if (t->siglen != (t->alg->siglen != 0 ? t->alg->siglen : k->size)) {
		bad(reason, size, "signature has the wrong length");
		return TOKEN_BAD;
	}
	if (k->kty == JWK_OKP)
		good = ed25519_verify(k->ed, t->sig, t->text,
		    t->signedlen) == 0;
	else
		good = verify_cjose(t, k);
	if (!good) {
		bad(reason, size, "signature is wrong");
		return TOKEN_BAD;
	}
	return TOKEN_GOOD;
}

enum token_status
token_verify(const struct issuer *iss, const struct jwks *keys,
    const char *text, size_t len, uint64_t now, struct token_result *r,
    char *reason, size_t size)
{
	enum token_status st = TOKEN_BAD;
	struct token *t;

	memset(r, 0, sizeof(*r));
	if ((t = token_parse(text, len, reason, size)) == NULL)
		return TOKEN_BAD;
	if (token_check(t, iss, now, reason, size) == 0)
		st = token_signature(t, keys, reason, size);
	if (st == TOKEN_GOOD && token_claims(t, iss, r, reason, size) == -1)
		st = TOKEN_BAD;
	token_free(&t);
	return st;
}
