/*
 * Key sets: good ones, keys that are left out, sets that are refused.  Some of
 * the malformed members would make cjose abort the process.
 */
#include "jwks.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/forge.h"

static char reason[256];
static char *rsa, *ec, *ed;

static struct jwks *
parse(const char *text)
{
	return jwks_parse(text, strlen(text), reason, sizeof(reason));
}

/* How many keys a set of this one is left with. */
static size_t
one(const char *key)
{
	struct jwks *s;
	char *text;
	size_t n;

	ck_assert_int_ne(asprintf(&text, "{\"keys\":[%s]}", key), -1);
	s = parse(text);
	n = jwks_count(s);
	jwks_free(&s);
	free(text);
	return n;
}

/* The RSA key with one piece of its text replaced. */
static size_t
edited(const char *key, const char *from, const char *to)
{
	const char *at = strstr(key, from);
	char *text;
	size_t n;

	ck_assert_ptr_nonnull(at);
	ck_assert_int_ne(asprintf(&text, "%.*s%s%s", (int)(at - key), key, to,
	    at + strlen(from)), -1);
	n = one(text);
	free(text);
	return n;
}

START_TEST(good)
{
	struct jwks *s;
	char *text;

	ck_assert_int_ne(asprintf(&text, "{\"keys\":[%s,%s,%s,"
	    "{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"x\"},"
	    "{\"kty\":\"new\"}],\"more\":1}", rsa, ec, ed), -1);
	s = parse(text);
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(jwks_count(s), 3);
	ck_assert_int_eq(jwks_at(s, 0)->kty, JWK_RSA);
	ck_assert_uint_eq(jwks_at(s, 0)->size, 256);
	ck_assert_str_eq(jwks_at(s, 0)->kid, "r");
	ck_assert_str_eq(jwks_at(s, 1)->crv, "P-256");
	ck_assert_str_eq(jwks_at(s, 1)->alg, "ES256");
	ck_assert_int_eq(jwks_at(s, 2)->kty, JWK_OKP);
	jwks_free(&s);
	free(text);
}
END_TEST

START_TEST(left_out)
{
	char big[4000];

	ck_assert_uint_eq(one(rsa), 1);
	ck_assert_uint_eq(edited(rsa, "\"use\":\"sig\"", "\"use\":\"enc\""), 0);
	ck_assert_uint_eq(edited(rsa, "\"use\":\"sig\"", "\"use\":1"), 0);
	ck_assert_uint_eq(edited(rsa, "\"use\":\"sig\"",
	    "\"key_ops\":[\"sign\"]"), 0);
	ck_assert_uint_eq(edited(rsa, "\"use\":\"sig\"",
	    "\"key_ops\":[\"verify\"]"), 1);
	ck_assert_uint_eq(edited(rsa, "\"kid\":\"r\"", "\"kid\":7"), 0);
	ck_assert_uint_eq(edited(rsa, "\"n\":\"", "\"n\":\"A==="), 0);
	ck_assert_uint_eq(edited(rsa, "\"n\":\"", "\"n\":\"AAAA"), 0);
	ck_assert_uint_eq(edited(rsa, "\"n\":\"", "\"n\":\"A===\",\"m\":\""),
	    0);
	ck_assert_uint_eq(edited(rsa, "\"e\":\"AQAB\"", "\"e\":\"AQ\""), 0);
	ck_assert_uint_eq(edited(rsa, "\"e\":\"AQAB\"", "\"e\":\"Aw\""), 0);
	ck_assert_uint_eq(edited(rsa, "\"e\":\"AQAB\"", "\"e\":\"A===\""), 0);
	ck_assert_uint_eq(edited(rsa, "\"e\":\"AQAB\"", "\"e\":\"AQAA\""), 0);
	ck_assert_uint_eq(edited(rsa, "\"e\":\"AQAB\"", "\"e\":65537"), 0);
	ck_assert_uint_eq(edited(ec, "\"crv\":\"P-256\"",
	    "\"crv\":\"P-384\""), 0);
	ck_assert_uint_eq(edited(ec, "\"crv\":\"P-256\"",
	    "\"crv\":\"secp256k1\""), 0);
	ck_assert_uint_eq(edited(ec, "\"x\":\"", "\"x\":\"A==="), 0);
	/* Not on the curve. */
	ck_assert_uint_eq(one("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
	    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\",\"y\":"
	    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}"), 0);
	ck_assert_uint_eq(edited(ed, "\"crv\":\"Ed25519\"",
	    "\"crv\":\"X25519\""), 0);
	ck_assert_uint_eq(edited(ed, "\"x\":\"", "\"x\":\"AAAA"), 0);
	/* 1024 bits. */
	memset(big, 0, sizeof(big));
	snprintf(big, sizeof(big), "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"");
	memset(big + strlen(big), '_', 171);
	strcat(big, "\"}");
	ck_assert_uint_eq(one(big), 0);
}
END_TEST

START_TEST(refused)
{
	static const char *const bad[] = {
		"", "null", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}",
		"{\"keys\":[1,null,\"x\",[]]}", "{\"keys\":[{}]}",
		"{\"keys\":[],\"keys\":[]}", "{\"keys\":[", "\xff",
		"{\"keys\":[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]}",
	};
	char *many;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(parse(bad[i]) == NULL, "case %zu", i);
	many = calloc(1, 8192);
	strcpy(many, "{\"keys\":[{}");
	for (i = 0; i < JWKS_MAX_KEYS; i++)
		strcat(many, ",{}");
	strcat(many, "]}");
	ck_assert_ptr_null(parse(many));
	free(many);
	many = calloc(1, JWKS_MAX_BYTES + 2);
	memset(many, ' ', JWKS_MAX_BYTES + 1);
	ck_assert_ptr_null(parse(many));
	free(many);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("jwks");
	TCase *tc = tcase_create("jwks");
	SRunner *sr = srunner_create(suite);
	EVP_PKEY *k;
	int failed;

	k = forge_key("rsa");
	rsa = forge_jwk(k, "r", NULL);
	EVP_PKEY_free(k);
	k = forge_key("ec");
	ec = forge_jwk(k, "e", "ES256");
	EVP_PKEY_free(k);
	k = forge_key("ed");
	ed = forge_jwk(k, "d", NULL);
	EVP_PKEY_free(k);
	tcase_add_test(tc, good);
	tcase_add_test(tc, left_out);
	tcase_add_test(tc, refused);
	suite_add_tcase(suite, tc);
	srunner_set_fork_status(sr, CK_NOFORK);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	free(rsa);
	free(ec);
	free(ed);
	return failed == 0 ? 0 : 1;
}
