/*
 * OAUTHBEARER: what is a token, what is discovery, what is refused and how.
 * The words are those of PostgreSQL 18.4, which tests/e2e/test_oauth.c has
 * before it.
 */
#include "oauth.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pgmsg.h"

#define H	"n,,\1"

struct the_case {
	const char		*bytes;
	size_t			 len;
	enum oauth_result	 result;
	const char		*text;	/* the token, or the detail */
};
#define C(bytes, result, text)	{ bytes, sizeof(bytes) - 1, result, text }

static const struct the_case cases[] = {
	C(H "auth=Bearer abc\1\1", OAUTH_TOKEN, "abc"),
	C("y,,\1" "auth=Bearer abc\1\1", OAUTH_TOKEN, "abc"),
	C(H "auth=bEaReR    a.b-c_~+/9==\1\1", OAUTH_TOKEN,
	    "a.b-c_~+/9=="),
	C(H "host=x\1port=5432\1auth=Bearer a\1z=\1\1", OAUTH_TOKEN, "a"),
	C(H "AUTH=x\1auth=Bearer a\1\1", OAUTH_TOKEN, "a"),
	C(H "auth=\1\1", OAUTH_DISCOVERY, NULL),
	C(H "host=\1auth=\1\1", OAUTH_DISCOVERY, NULL),
	C(H "auth=Basic abc\1\1", OAUTH_UNFIT, NULL),
	C(H "auth=Bearer\1\1", OAUTH_UNFIT, NULL),
	C(H "auth=Bearer \1\1", OAUTH_UNFIT, NULL),
	C(H "auth=Bearer    \1\1", OAUTH_UNFIT, NULL),
	C(H "auth=Bearerabc\1\1", OAUTH_UNFIT, NULL),
	C(H "auth=Bearer\tabc\1\1", OAUTH_UNFIT, NULL),
	C(H "auth= Bearer abc\1\1", OAUTH_UNFIT, NULL),
	C(H "auth=Bearer a b\1\1", OAUTH_UNFIT, NULL),
	C(H "auth=Bearer ab \1\1", OAUTH_UNFIT, NULL),
	C(H "auth=Bearer a=b\1\1", OAUTH_UNFIT, NULL),
	C(H "auth=Bearer a,b\1\1", OAUTH_UNFIT, NULL),
	C(H "auth=Bearer a\"b\1\1", OAUTH_UNFIT, NULL),
	C(H "auth=aaa.bbb.ccc\1\1", OAUTH_UNFIT, NULL),
	C("", OAUTH_MALFORMED, "The message is empty."),
	C("\1", OAUTH_MALFORMED,
	    "Unexpected channel-binding flag \"0x01\"."),
	C("x,,\1" "auth=Bearer a\1\1", OAUTH_MALFORMED,
	    "Unexpected channel-binding flag \"'x'\"."),
	C("p=tls-unique,,\1" "auth=Bearer a\1\1", OAUTH_MALFORMED,
	    "The server does not support channel binding for OAuth, but the "
	    "client message includes channel binding data."),
	C("n", OAUTH_MALFORMED,
	    "Comma expected, but found character \"0x00\"."),
	C("nn,\1", OAUTH_MALFORMED,
	    "Comma expected, but found character \"'n'\"."),
	C("n,", OAUTH_MALFORMED,
	    "Unexpected attribute \"0x00\" in client-first-message."),
	C("n,x,\1" "auth=Bearer a\1\1", OAUTH_MALFORMED,
	    "Unexpected attribute \"'x'\" in client-first-message."),
	C("n,a=joe,\1" "auth=Bearer a\1\1", OAUTH_MALFORMED, ""),
	C("n,,", OAUTH_MALFORMED, "Key-value separator expected, but found "
	    "character \"0x00\"."),
	C("n,,auth=Bearer a\1\1", OAUTH_MALFORMED,
	    "Key-value separator expected, but found character \"'a'\"."),
	C(H, OAUTH_MALFORMED, "Message did not contain a final terminator."),
	C(H "\1", OAUTH_MALFORMED, "Message does not contain an auth value."),
	C(H "auth=Bearer a", OAUTH_MALFORMED,
	    "Message contains an unterminated key/value pair."),
	C(H "auth=Bearer a\1", OAUTH_MALFORMED,
	    "Message did not contain a final terminator."),
	C(H "auth=Bearer a\1\1\1", OAUTH_MALFORMED, "Message contains "
	    "additional data after the final terminator."),
	C(H "auth=Bearer a\1\1x", OAUTH_MALFORMED, "Message contains "
	    "additional data after the final terminator."),
	C(H "\1auth=Bearer a\1\1", OAUTH_MALFORMED,
	    "Message does not contain an auth value."),
	C(H "auth=Bearer a\1auth=Bearer a\1\1", OAUTH_MALFORMED,
	    "Message contains multiple auth values."),
	C(H "auth=\1auth=Bearer a\1\1", OAUTH_MALFORMED,
	    "Message contains multiple auth values."),
	C(H "auth\1\1", OAUTH_MALFORMED,
	    "Message contains a key without a value."),
	C(H "=x\1auth=Bearer a\1\1", OAUTH_MALFORMED,
	    "Message contains an empty key name."),
	C(H "a1=x\1auth=Bearer a\1\1", OAUTH_MALFORMED,
	    "Message contains an invalid key name."),
	C(H "x=\x7f\1auth=Bearer a\1\1", OAUTH_MALFORMED,
	    "Message contains an invalid value."),
	C(H "auth=Bearer \xc3\xa4\1\1", OAUTH_MALFORMED,
	    "Message contains an invalid value."),
	C(H "auth=Bearer a\0b\1\1", OAUTH_MALFORMED,
	    "Message length does not match input length."),
	C("\0", OAUTH_MALFORMED,
	    "Message length does not match input length."),
};
#define NCASES	(sizeof(cases) / sizeof(cases[0]))

/* Of exactly its size on the heap, so that a sanitizer sees one byte more. */
static enum oauth_result
response(const char *bytes, size_t len, struct oauth *o, uint8_t **copy)
{
	*copy = malloc(len > 0 ? len : 1);
	memcpy(*copy, bytes, len);
	return oauth_response(*copy, len, o);
}

START_TEST(test_cases)
{
	const struct the_case	*c = &cases[_i];
	struct oauth		 o;
	uint8_t			*copy;

	ck_assert_msg(response(c->bytes, c->len, &o, &copy) == c->result,
	    "case %d: %s", _i, c->bytes);
	if (c->result == OAUTH_TOKEN) {
		ck_assert_uint_eq(o.len, strlen(c->text));
		ck_assert_mem_eq(o.token, c->text, o.len);
	} else
		ck_assert_ptr_null(o.token);
	if (c->result == OAUTH_MALFORMED) {
		ck_assert_str_eq(o.detail, c->text);
		ck_assert_str_eq(o.sqlstate, *c->text == '\0' ? "0A000" :
		    "08P01");
	}
	free(copy);
}
END_TEST

/* Every cut of a good response is malformed, and no byte behind it is read. */
START_TEST(test_cuts)
{
	static const char	 good[] = H "host=x\1auth=Bearer abc\1\1";
	struct oauth		 o;
	uint8_t			*copy;
	size_t			 i;

	for (i = 0; i < sizeof(good) - 1; i++) {
		ck_assert_int_eq(response(good, i, &o, &copy),
		    OAUTH_MALFORMED);
		free(copy);
	}
}
END_TEST

/* One byte changed to any other: never a crash, never another token's bytes. */
START_TEST(test_every_byte)
{
	static const char	 good[] = H "auth=Bearer abc\1\1";
	char			 text[sizeof(good)];
	struct oauth		 o;
	uint8_t			*copy;
	size_t			 i;
	int			 b;

	for (i = 0; i < sizeof(good) - 1; i++)
		for (b = 0; b < 256; b++) {
			memcpy(text, good, sizeof(good));
			text[i] = (char)b;
			if (response(text, sizeof(good) - 1, &o, &copy) ==
			    OAUTH_TOKEN)
				ck_assert(o.token >= copy && o.token + o.len <=
				    copy + sizeof(good) - 3);
			free(copy);
		}
}
END_TEST

#define INITIAL(bytes)	oauth_initial((const uint8_t *)bytes,		\
	sizeof(bytes) - 1, &o)
#define M	OAUTH_MECHANISM "\0"

START_TEST(test_initial)
{
	struct oauth	o;

	ck_assert_int_eq(INITIAL(M "\0\0\0\x14" "n,,\1auth=Bearer a\1\1"),
	    OAUTH_MALFORMED);
	ck_assert_str_eq(o.message, "insufficient data left in message");
	ck_assert_int_eq(INITIAL(M "\0\0\0\x13" "n,,\1auth=Bearer a\1\1"),
	    OAUTH_TOKEN);
	ck_assert_uint_eq(o.len, 1);
	ck_assert_int_eq(INITIAL(M "\0\0\0\x12" "n,,\1auth=Bearer a\1\1"),
	    OAUTH_MALFORMED);
	ck_assert_str_eq(o.message, "invalid message format");
	ck_assert_int_eq(INITIAL(M "\xff\xff\xff\xff"), OAUTH_AGAIN);
	ck_assert_int_eq(INITIAL(M "\xff\xff\xff\xffx"), OAUTH_MALFORMED);
	ck_assert_int_eq(INITIAL(M "\xff\xff\xff\xfe"), OAUTH_MALFORMED);
	ck_assert_int_eq(INITIAL(M "\x7f\xff\xff\xff" "n"), OAUTH_MALFORMED);
	ck_assert_int_eq(INITIAL(M "\0\0\0\0"), OAUTH_MALFORMED);
	ck_assert_str_eq(o.detail, "The message is empty.");
	ck_assert_int_eq(INITIAL(M "\0\0\0"), OAUTH_MALFORMED);
	ck_assert_int_eq(INITIAL(M), OAUTH_MALFORMED);
	ck_assert_int_eq(INITIAL(OAUTH_MECHANISM), OAUTH_MALFORMED);
	ck_assert_str_eq(o.message, "invalid string in message");
	ck_assert_int_eq(INITIAL(""), OAUTH_MALFORMED);
	ck_assert_int_eq(INITIAL("SCRAM-SHA-256\0\0\0\0\1n"),
	    OAUTH_MALFORMED);
	ck_assert_str_eq(o.message, "client selected an invalid SASL "
	    "authentication mechanism");
	ck_assert_str_eq(o.sqlstate, "08P01");
}
END_TEST

START_TEST(test_end)
{
	struct oauth	o;

	ck_assert_int_eq(oauth_end((const uint8_t *)"\1", 1, &o), 0);
	ck_assert_int_eq(oauth_end((const uint8_t *)"", 0, &o), -1);
	ck_assert_str_eq(o.detail, "The message is empty.");
	ck_assert_int_eq(oauth_end((const uint8_t *)"\1\1", 2, &o), -1);
	ck_assert_str_eq(o.detail, "Client did not send a kvsep response.");
	ck_assert_int_eq(oauth_end((const uint8_t *)"\0", 1, &o), -1);
	ck_assert_str_eq(o.sqlstate, "08P01");
}
END_TEST

START_TEST(test_offer_and_failure)
{
	static const char	offer[] = "R\0\0\0\x15\0\0\0\x0aOAUTHBEARER\0";
	static const char	json[] = "{ \"status\": \"invalid_token\", "
	    "\"openid-configuration\": \"https://i/.well-known/"
	    "openid-configuration\", \"scope\": \"a b\" }";
	struct buf		b;

	buf_init(&b, 8192);
	ck_assert_int_eq(oauth_add_offer(&b), 0);
	ck_assert_uint_eq(b.len, sizeof(offer));
	ck_assert_mem_eq(buf_head(&b) + 1, "\0\0\0\x15", 4);
	ck_assert_mem_eq(buf_head(&b), offer, sizeof(offer));
	buf_clear(&b);
	ck_assert_int_eq(oauth_add_failure(&b, "https://i", "a b"), 0);
	ck_assert_uint_eq(b.len, 9 + strlen(json));
	ck_assert_mem_eq(buf_head(&b) + 9, json, strlen(json));
	buf_clear(&b);
	/* The document itself is named: nothing is added. */
	ck_assert_int_eq(oauth_add_failure(&b,
	    "https://i/.well-known/openid-configuration", "a b"), 0);
	ck_assert_uint_eq(b.len, 9 + strlen(json));
	ck_assert_mem_eq(buf_head(&b) + 9, json, strlen(json));
	buf_clear(&b);
}
END_TEST

START_TEST(test_configuration)
{
	ck_assert(oauth_issuer_ok("https://idp.example"));
	ck_assert(oauth_issuer_ok("https://idp.example:8443/realms/x"));
	ck_assert(oauth_issuer_ok("http://127.0.0.1:8080"));
	ck_assert(oauth_issuer_ok("http://[::1]/x"));
	ck_assert(!oauth_issuer_ok("http://idp.example"));
	ck_assert(!oauth_issuer_ok("http://localhost.evil.example"));
	ck_assert(!oauth_issuer_ok("https://"));
	ck_assert(!oauth_issuer_ok("https:///x"));
	ck_assert(!oauth_issuer_ok("idp.example"));
	ck_assert(!oauth_issuer_ok("https://i\"x"));
	ck_assert(!oauth_issuer_ok("https://i\\x"));
	ck_assert(!oauth_issuer_ok("https://i x"));
	ck_assert(!oauth_issuer_ok("https://i?x=y"));
	ck_assert(oauth_scope_ok("openid"));
	ck_assert(oauth_scope_ok("openid offline_access"));
	ck_assert(!oauth_scope_ok(""));
	ck_assert(!oauth_scope_ok(" openid"));
	ck_assert(!oauth_scope_ok("openid "));
	ck_assert(!oauth_scope_ok("a  b"));
	ck_assert(!oauth_scope_ok("a\"b"));
	ck_assert(!oauth_scope_ok("a\\b"));
	ck_assert(!oauth_scope_ok("a\tb"));
}
END_TEST

int
main(void)
{
	SRunner	*sr;
	Suite	*s;
	TCase	*tc;
	int	 failed;

	s = suite_create("oauth");
	tc = tcase_create("oauth");
	tcase_add_loop_test(tc, test_cases, 0, (int)NCASES);
	tcase_add_test(tc, test_cuts);
	tcase_add_test(tc, test_every_byte);
	tcase_add_test(tc, test_initial);
	tcase_add_test(tc, test_end);
	tcase_add_test(tc, test_offer_and_failure);
	tcase_add_test(tc, test_configuration);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
