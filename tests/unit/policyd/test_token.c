/*
 * Tokens: good ones by every algorithm, and a table of forged ones with the
 * reason that each must be refused for.
 */
#include "token.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/forge.h"

#define NOW		1700000000u
#define ISS		"https://idp.example/realms/eng"
#define AUD		"postern.gw1.example"
#define BODY		"\"iss\":\"" ISS "\",\"aud\":\"" AUD "\","	\
			"\"sub\":\"bot\",\"iat\":1700000000"
#define GOOD		"{" BODY ",\"exp\":1700000300,\"groups\":[\"a\"]}"
#define HEAD(alg, kid)	"{\"alg\":\"" alg "\",\"kid\":\"" kid "\"}"

static EVP_PKEY *rsa, *ec, *ec384, *ed, *foreign;
static struct jwks *keys;
static char *rsa_jwk;
static struct issuer issuer;
static struct token_result result;
static char reason[256];

static enum token_status
verify_n(const char *text, size_t len)
{
	enum token_status st;

	reason[0] = '\0';
	token_result_clear(&result);
	st = token_verify(&issuer, keys, text, len, NOW, &result, reason,
	    sizeof(reason));
	ck_assert((st == TOKEN_GOOD) == (result.claims != NULL));
	return st;
}

static void
refused(const char *text, const char *why)
{
	enum token_status st = verify_n(text, strlen(text));

	ck_assert_msg(st == TOKEN_BAD && strstr(reason, why) != NULL,
	    "status %d, \"%s\", not \"%s\"", st, reason, why);
}

/* Signed well, by the RSA key. */
static void
claims_refused(const char *claims, const char *why)
{
	char *t = forge_sign(rsa, "RS256", HEAD("RS256", "r"), claims);

	refused(t, why);
	free(t);
}

static void
header_refused(const char *header, const char *why)
{
	char *t = forge_sign(rsa, "RS256", header, GOOD);

	refused(t, why);
	free(t);
}

static void
accepted(EVP_PKEY *key, const char *alg, const char *header,
    const char *claims)
{
	char *t = forge_sign(key, alg, header, claims);
	enum token_status st = verify_n(t, strlen(t));

	ck_assert_msg(st == TOKEN_GOOD, "%s: %s", alg, reason);
	free(t);
}

START_TEST(good)
{
	accepted(rsa, "RS256", HEAD("RS256", "r"), GOOD);
	ck_assert_str_eq(result.subject, "bot");
	ck_assert_uint_eq(result.expires, 1700000300);
	ck_assert_str_eq(result.claims, GOOD);
	accepted(rsa, "RS384", HEAD("RS384", "r"), GOOD);
	accepted(rsa, "RS512", HEAD("RS512", "r"), GOOD);
	accepted(rsa, "PS256", HEAD("PS256", "r"), GOOD);
	accepted(rsa, "PS384", HEAD("PS384", "r"), GOOD);
	accepted(rsa, "PS512", HEAD("PS512", "r"), GOOD);
	accepted(ec, "ES256", HEAD("ES256", "e"), GOOD);
	accepted(ec384, "ES384", HEAD("ES384", "e384"), GOOD);
	accepted(ed, "EdDSA", HEAD("EdDSA", "d"), GOOD);
	/* No kid: one key fits. */
	accepted(ed, "EdDSA", "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}", GOOD);
	/* jwk, jku, x5c are looked at by nobody. */
	accepted(ed, "EdDSA", "{\"alg\":\"EdDSA\",\"kid\":\"d\",\"jku\":"
	    "\"http://evil.example/\",\"jwk\":{},\"x5c\":[]}", GOOD);
	accepted(rsa, "RS256", HEAD("RS256", "r"), "{\"iss\":\"" ISS "\","
	    "\"aud\":[\"x\",\"" AUD "\"],\"azp\":\"other\",\"sub\":\"b\","
	    "\"exp\":1700000300.5,\"nbf\":1700000010}");
	/* One audience: who asked for it is the issuer's business. */
	accepted(rsa, "RS256", HEAD("RS256", "r"), "{" BODY ",\"azp\":\"c\","
	    "\"exp\":1700000300}");
}
END_TEST

#define AND(more)	"{" BODY ",\"exp\":1700000300" more "}"

/* What an issuer of the policy may ask for besides. */
START_TEST(issuer_keys)
{
	static char *party[] = { (char *)(uintptr_t)"cli" };
	static char *envs[] = { (char *)(uintptr_t)"prod*" };
	struct claim_match env = { (char *)(uintptr_t)"/ctx/env", { envs, 1 } };
	struct issuer plain = issuer;

	issuer.parties.v = party;
	issuer.parties.n = 1;
	accepted(rsa, "RS256", HEAD("RS256", "r"), AND(",\"azp\":\"cli\""));
	claims_refused(AND(""), "azp is not");
	claims_refused(AND(",\"azp\":\"Cli\""), "azp is not");
	issuer = plain;

	issuer.required = &env;
	issuer.nrequired = 1;
	accepted(rsa, "RS256", HEAD("RS256", "r"),
	    AND(",\"ctx\":{\"env\":\"prod-1\"}"));
	claims_refused(AND(",\"ctx\":{\"env\":\"test\"}"),
	    "required claim /ctx/env");
	claims_refused(AND(",\"ctx\":\"prod\""), "required claim /ctx/env");
	claims_refused(AND(""), "required claim /ctx/env");
	issuer = plain;

	issuer.token_type = TOKEN_TYPE_ACCESS;
	accepted(rsa, "RS256",
	    "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"AT+JWT\"}", GOOD);
	accepted(rsa, "RS256", HEAD("RS256", "r"), AND(",\"typ\":\"Bearer\""));
	claims_refused(GOOD, "not marked as an access token");
	claims_refused(AND(",\"typ\":\"ID\""), "not marked");
	header_refused("{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"JWT\"}",
	    "not marked");
	issuer.token_type = TOKEN_TYPE_ID;
	accepted(rsa, "RS256", HEAD("RS256", "r"), GOOD);
	claims_refused(AND(",\"typ\":\"Bearer\""), "an access token");
	header_refused("{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":"
	    "\"application/at+jwt\"}", "an access token");
	issuer = plain;

	issuer.jti = JTI_STRICT;
	accepted(rsa, "RS256", HEAD("RS256", "r"), AND(",\"jti\":\"1\""));
	claims_refused(GOOD, "jti is missing");
	issuer = plain;
}
END_TEST

START_TEST(algorithms)
{
	const char *s[] = { "none", "None", "NONE", "nOnE", "" };
	char header[64], *t;
	size_t i;

	for (i = 0; i < 5; i++) {
		snprintf(header, sizeof(header),
		    "{\"alg\":\"%s\",\"kid\":\"r\"}", s[i]);
		t = forge_sign(rsa, "none", header, GOOD);
		refused(t, "signature is missing");
		free(t);
		header_refused(header, "alg is not supported");
	}
	header_refused("{\"kid\":\"r\"}", "alg is missing");
	header_refused("{\"alg\":1}", "alg is missing");
	header_refused("{\"alg\":[\"RS256\"]}", "alg is missing");
	/* The RSA key's own text as an HMAC secret. */
	t = forge_hs256(rsa_jwk, strlen(rsa_jwk), HEAD("HS256", "r"), GOOD);
	refused(t, "alg is not supported");
	free(t);
	/* Swapped paddings and digests. */
	t = forge_sign(rsa, "PS256", HEAD("RS256", "r"), GOOD);
	refused(t, "signature is wrong");
	free(t);
	t = forge_sign(rsa, "RS256", HEAD("PS256", "r"), GOOD);
	refused(t, "signature is wrong");
	free(t);
	t = forge_sign(rsa, "RS512", HEAD("RS256", "r"), GOOD);
	refused(t, "signature is wrong");
	free(t);
	/* Another curve, another family, a key that says otherwise. */
	t = forge_sign(ec384, "ES384", HEAD("ES256", "e384"), GOOD);
	refused(t, "not for ES256");
	free(t);
	t = forge_sign(rsa, "RS256", HEAD("RS256", "e"), GOOD);
	refused(t, "not for RS256");
	free(t);
	/* r2 is the same key, marked PS256. */
	t = forge_sign(rsa, "RS256", HEAD("RS256", "r2"), GOOD);
	refused(t, "not for RS256");
	free(t);
	issuer.algorithms.n = 1;	/* RS256 */
	t = forge_sign(ec, "ES256", HEAD("ES256", "e"), GOOD);
	refused(t, "not allowed");
	free(t);
	issuer.algorithms.n = 9;
}
END_TEST

START_TEST(keys_and_headers)
{
	char *t, *kid, *header;

	t = forge_sign(foreign, "RS256", HEAD("RS256", "r"), GOOD);
	refused(t, "signature is wrong");
	free(t);
	t = forge_sign(rsa, "RS256", HEAD("RS256", "unknown"), GOOD);
	ck_assert_int_eq(verify_n(t, strlen(t)), TOKEN_NO_KEY);
	free(t);
	header_refused("{\"alg\":\"PS256\"}", "several keys fit");
	header_refused(HEAD("RS256", "dup"), "several keys have that kid");
	header_refused("{\"alg\":\"RS256\",\"kid\":1}", "kid is malformed");
	header_refused("{\"alg\":\"RS256\",\"kid\":\"\"}", "kid is malformed");
	kid = calloc(1, 2001);
	memset(kid, 'k', 2000);
	ck_assert_int_ne(asprintf(&header,
	    "{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid), -1);
	header_refused(header, "kid is malformed");
	free(header);
	free(kid);
	header_refused("{\"alg\":\"RS256\",\"kid\":\"r\",\"crit\":[\"exp\"]}",
	    "crit");
	header_refused("{\"alg\":\"RS256\",\"kid\":\"r\",\"b64\":false}",
	    "b64");
	header_refused("{\"alg\":\"RS256\",\"kid\":\"r\",\"zip\":\"DEF\"}",
	    "zip");
	header_refused("{\"alg\":\"RS256\",\"kid\":\"r\",\"cty\":\"JWT\"}",
	    "cty");
	header_refused("{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":"
	    "\"logout+jwt\"}", "typ");
	header_refused("{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"r\"}",
	    "header");
	header_refused("[]", "header");
	header_refused("{\"alg\":\"RS256\",\"x\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]"
	    "]]]]]]]]]}", "header");
}
END_TEST

/* The good token with its i-th segment (0 to 2) replaced. */
static char *
with_segment(const char *t, int i, const char *seg)
{
	const char *a = strchr(t, '.'), *b = strchr(a + 1, '.');
	char *s;
	int r;

	if (i == 0)
		r = asprintf(&s, "%s%s", seg, a);
	else if (i == 1)
		r = asprintf(&s, "%.*s.%s%s", (int)(a - t), t, seg, b);
	else
		r = asprintf(&s, "%.*s.%s", (int)(b - t), t, seg);
	ck_assert_int_ne(r, -1);
	return s;
}

START_TEST(structure)
{
	static const char *const words[] = { "", ".", "..", "...", "a", "a.b",
	    "garbage", "A===.A===.A===", "hunter2", "Bearer x.y.z",
	    "{\"payload\":\"\",\"signatures\":[]}" };
	static const char *const segs[] = { "A===", "A", "AA==", "A+/A",
	    "AB", "A A=", "AAAA\n", "\xc3\xa9" };
	char *t = forge_sign(rsa, "RS256", HEAD("RS256", "r"), GOOD), *s;
	char *big, last;
	size_t i;
	int j;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		refused(words[i], "");
	for (i = 0; i < sizeof(segs) / sizeof(segs[0]); i++)
		for (j = 0; j < 3; j++) {
			s = with_segment(t, j, segs[i]);
			refused(s, "");
			free(s);
		}
	/* Two, four, five segments; whitespace; padding; a NUL. */
	s = with_segment(t, 2, "");
	refused(s, "signature is missing");
	s[strlen(s) - 1] = '\0';
	refused(s, "three segments");
	free(s);
	ck_assert_int_ne(asprintf(&s, "%s.AAAA", t), -1);
	refused(s, "three segments");
	free(s);
	ck_assert_int_ne(asprintf(&s, "%s.AAAA.AAAA", t), -1);
	refused(s, "three segments");
	free(s);
	ck_assert_int_ne(asprintf(&s, "%s==", t), -1);
	refused(s, "strict base64url");
	free(s);
	ck_assert_int_ne(asprintf(&s, " %s", t), -1);
	refused(s, "header");
	free(s);
	ck_assert_int_eq(verify_n(t, strlen(t) + 1), TOKEN_BAD);
	/* The signature's unused low bits. */
	s = strdup(t);
	last = s[strlen(s) - 1];
	s[strlen(s) - 1] = last == 'A' ? 'B' : last == 'Q' ? 'R' :
	    last == 'g' ? 'h' : 'x';
	refused(s, "signature");
	free(s);
	big = calloc(1, LEN_TOKEN + 2);
	memset(big, 'A', LEN_TOKEN + 1);
	refused(big, "too long");
	free(big);
	free(t);
}
END_TEST

START_TEST(signatures)
{
	char *t = forge_sign(ec, "ES256", HEAD("ES256", "e"), GOOD), *s, *b;
	unsigned char zero[72] = { 0 };

	/* Zero r and s, over-long, a byte short. */
	b = forge_b64url(zero, 64);
	s = with_segment(t, 2, b);
	refused(s, "signature is wrong");
	free(s);
	free(b);
	b = forge_b64url(zero, 72);
	s = with_segment(t, 2, b);
	refused(s, "wrong length");
	free(s);
	free(b);
	b = forge_b64url(zero, 63);
	s = with_segment(t, 2, b);
	refused(s, "wrong length");
	free(s);
	free(b);
	memset(zero, 0xff, sizeof(zero));
	b = forge_b64url(zero, 64);
	s = with_segment(t, 2, b);
	refused(s, "signature is wrong");
	free(s);
	free(b);
	free(t);
	/* Other claims under a good signature. */
	t = forge_sign(ed, "EdDSA", HEAD("EdDSA", "d"), GOOD);
	b = forge_b64url("{" BODY ",\"exp\":1700000301}",
	    strlen("{" BODY ",\"exp\":1700000301}"));
	s = with_segment(t, 1, b);
	refused(s, "signature is wrong");
	free(s);
	free(b);
	free(t);
}
END_TEST

START_TEST(claims)
{
	static const struct {
		const char	*claims, *why;
	} t[] = {
		{ "[]", "claims" }, { "1", "claims" }, { "\"x\"", "claims" },
		{ "null", "claims" }, { "{", "claims" },
		{ GOOD "x", "claims" },
		{ "{" BODY ",\"sub\":\"root\",\"exp\":1700000300}", "claims" },
		{ "{" BODY ",\"exp\":1700000300,\"x\":\"\\u0000\"}", "claims" },
		{ "{" BODY ",\"exp\":1700000300,\"x\":\"\xff\"}", "claims" },
		{ "{\"aud\":\"" AUD "\",\"sub\":\"b\",\"exp\":1700000300}",
		    "iss is missing" },
		{ "{\"iss\":[\"" ISS "\"],\"aud\":\"" AUD "\",\"sub\":\"b\","
		    "\"exp\":1700000300}", "iss is missing" },
		{ "{\"iss\":\"" ISS "/\",\"aud\":\"" AUD "\",\"sub\":\"b\","
		    "\"exp\":1700000300}", "iss is unknown" },
		{ "{\"iss\":\"https://idp.example\",\"aud\":\"" AUD "\","
		    "\"sub\":\"b\",\"exp\":1700000300}", "iss is unknown" },
		{ "{\"iss\":\"HTTPS://idp.example/realms/eng\",\"aud\":\"" AUD
		    "\",\"sub\":\"b\",\"exp\":1700000300}", "iss is unknown" },
		{ "{\"iss\":\"" ISS "\",\"sub\":\"b\",\"exp\":1700000300}",
		    "aud is missing" },
		{ "{\"iss\":\"" ISS "\",\"aud\":[],\"sub\":\"b\","
		    "\"exp\":1700000300}", "aud is missing" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"postern\",\"sub\":\"b\","
		    "\"exp\":1700000300}", "aud is not for" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"" AUD ".evil\",\"sub\":\"b\""
		    ",\"exp\":1700000300}", "aud is not for" },
		{ "{\"iss\":\"" ISS "\",\"aud\":[\"x\",\"y\"],\"sub\":\"b\","
		    "\"exp\":1700000300}", "aud is not for" },
		{ "{\"iss\":\"" ISS "\",\"aud\":[\"" AUD "\",1],\"sub\":\"b\","
		    "\"exp\":1700000300}", "aud is malformed" },
		{ "{" BODY ",\"azp\":[\"x\"],\"exp\":1700000300}", "azp" },
		{ "{" BODY "}", "exp is missing" },
		{ "{" BODY ",\"exp\":\"1700000300\"}", "exp is missing" },
		{ "{" BODY ",\"exp\":-1}", "exp is missing" },
		{ "{" BODY ",\"exp\":null}", "exp is missing" },
		{ "{" BODY ",\"exp\":1e300}", "exp is missing" },
		{ "{" BODY ",\"exp\":9223372036854775807}", "exp is missing" },
		{ "{" BODY ",\"exp\":99999999999999999999}", "claims" },
		{ "{" BODY ",\"exp\":1699999970}", "expired" },
		{ "{" BODY ",\"exp\":0}", "expired" },
		{ "{" BODY ",\"exp\":1700000901}", "lifetime" },
		{ "{" BODY ",\"exp\":253402300799}", "lifetime" },
		{ "{" BODY ",\"exp\":1700000300,\"nbf\":1700000031}",
		    "nbf is in the future" },
		{ "{" BODY ",\"exp\":1700000300,\"nbf\":\"0\"}",
		    "nbf is malformed" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"sub\":\"b\","
		    "\"iat\":1700000031,\"exp\":1700000300}",
		    "iat is in the future" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"sub\":\"\","
		    "\"exp\":1700000300}", "subject is missing" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"sub\":7,"
		    "\"exp\":1700000300}", "subject is missing" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\","
		    "\"exp\":1700000300}", "subject is missing" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"sub\":\"a\\nb\","
		    "\"exp\":1700000300}", "control" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"sub\":\"\\u0085"
		    "\",\"exp\":1700000300}", "control" },
		{ "{" BODY ",\"exp\":1700000300,\"cnf\":{\"jkt\":\"x\"}}",
		    "cnf" },
		{ "{\"iss\":\"" ISS "\",\"aud\":[\"" AUD "\",\"x\"],\"sub\":\"b\","
		    "\"azp\":\"x\",\"exp\":1700000300}",
		    "several audiences" },
		{ "{" BODY ",\"exp\":1700000300,\"jti\":\"\"}", "jti" },
		{ "{" BODY ",\"exp\":1700000300,\"jti\":7}", "jti" },
		{ "{" BODY ",\"exp\":1700000300,\"typ\":\"Refresh\"}",
		    "Refresh" },
	};
	char *s;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		claims_refused(t[i].claims, t[i].why);
	/* The edges of the skew (30 s) and of the lifetime (15 min). */
	accepted(rsa, "RS256", HEAD("RS256", "r"),
	    "{" BODY ",\"exp\":1699999971}");
	accepted(rsa, "RS256", HEAD("RS256", "r"),
	    "{" BODY ",\"exp\":1700000900}");
	accepted(rsa, "RS256", HEAD("RS256", "r"),
	    "{" BODY ",\"exp\":1700000300,\"nbf\":1700000030}");
	/* Cheap checks come first: no key is asked for. */
	s = forge_sign(foreign, "RS256", HEAD("RS256", "unknown"),
	    "{" BODY ",\"exp\":1}");
	refused(s, "expired");
	free(s);
}
END_TEST

static void
set_up(void)
{
	static char *auds[] = { (char *)(uintptr_t)"other",
	    (char *)(uintptr_t)AUD };
	static const char *const names[] = { "RS256", "RS384", "RS512",
	    "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA" };
	static char *algs[9];
	char *text, *j[7];
	size_t i;

	rsa = forge_key("rsa");
	foreign = forge_key("rsa");
	ec = forge_key("ec");
	ec384 = forge_key("ec384");
	ed = forge_key("ed");
	rsa_jwk = j[0] = forge_jwk(rsa, "r", NULL);
	j[1] = forge_jwk(rsa, "r2", "PS256");
	j[2] = forge_jwk(ec, "e", "ES256");
	j[3] = forge_jwk(ec384, "e384", NULL);
	j[4] = forge_jwk(ed, "d", NULL);
	j[5] = forge_jwk(rsa, "dup", "RS256");
	j[6] = forge_jwk(foreign, "dup", "RS256");
	ck_assert_int_ne(asprintf(&text, "{\"keys\":[%s,%s,%s,%s,%s,%s,%s]}",
	    j[0], j[1], j[2], j[3], j[4], j[5], j[6]), -1);
	keys = jwks_parse(text, strlen(text), reason, sizeof(reason));
	ck_assert_uint_eq(jwks_count(keys), 7);
	for (i = 1; i < 7; i++)
		free(j[i]);
	free(text);
	for (i = 0; i < 9; i++)
		algs[i] = (char *)(uintptr_t)names[i];
	issuer.issuer = (char *)(uintptr_t)ISS;
	issuer.subject = (char *)(uintptr_t)"/sub";
	issuer.audience.v = auds;
	issuer.audience.n = 2;
	issuer.algorithms.v = algs;
	issuer.algorithms.n = 9;
	issuer.max_lifetime = 15 * 60 * 1000;
	issuer.leeway = 30 * 1000;
}

static void
tear_down(void)
{
	token_result_clear(&result);
	jwks_free(&keys);
	free(rsa_jwk);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(foreign);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(ec384);
	EVP_PKEY_free(ed);
}

int
main(void)
{
	Suite *suite = suite_create("token");
	TCase *tc = tcase_create("token");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_unchecked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, good);
	tcase_add_test(tc, algorithms);
	tcase_add_test(tc, keys_and_headers);
	tcase_add_test(tc, structure);
	tcase_add_test(tc, signatures);
	tcase_add_test(tc, claims);
	tcase_add_test(tc, issuer_keys);
	suite_add_tcase(suite, tc);
	srunner_set_fork_status(sr, CK_NOFORK);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
