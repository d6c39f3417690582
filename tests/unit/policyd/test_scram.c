/*
 * SCRAM: RFC 7677's vector, a server of our own made from a PostgreSQL
 * verifier's parts, channel binding, and what must be refused.
 */
#include "scram.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"

#define MECHS		"SCRAM-SHA-256\0"
#define MECHS_PLUS	"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0"
#define NONCE		"rOprNGfwEbeRWgbNEkqO"

#define BIN(s)		((const uint8_t *)(s))

static char reason[256];

static struct scram *
begin(const char *mechs, size_t len, const char *binding, char *first,
    const char **mech)
{
	struct scram *s = scram_new("user", "pencil");
	struct buf out;

	buf_init(&out, 4096);
	ck_assert_int_eq(scram_set_nonce(s, NONCE), 0);
	*mech = scram_first(s, BIN(mechs), len, BIN(binding), strlen(binding),
	    &out, reason, sizeof(reason));
	memcpy(first, buf_head(&out) == NULL ? BIN("") : buf_head(&out),
	    out.len);
	first[out.len] = '\0';
	buf_clear(&out);
	return s;
}

START_TEST(rfc7677)
{
	const char *mech, *server = "r=" NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	    ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
	const char *final = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
	struct scram *s;
	struct buf out;
	char first[512];

	s = begin(MECHS, sizeof(MECHS), "", first, &mech);
	ck_assert_str_eq(mech, "SCRAM-SHA-256");
	ck_assert_str_eq(first, "n,,n=user,r=" NONCE);
	buf_init(&out, 4096);
	ck_assert_int_eq(scram_final(s, BIN(server), strlen(server), &out,
	    reason, sizeof(reason)), 0);
	buf_add_u8(&out, 0);
	ck_assert_str_eq((char *)buf_head(&out),
	    "c=biws,r=" NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
	ck_assert_int_eq(scram_verify(s, BIN(final), strlen(final), reason,
	    sizeof(reason)), 0);
	/* It is over: nothing more is answered. */
	ck_assert_int_eq(scram_verify(s, BIN(final), strlen(final), reason,
	    sizeof(reason)), -1);
	buf_clear(&out);
	scram_free(&s);
	ck_assert_ptr_null(s);
}
END_TEST

/* What a server that holds only StoredKey and ServerKey thinks of our proof. */
static void
server_check(const char *bare, const char *first, const char *final,
    const char *salt64, uint32_t iterations, char *v, size_t vsize)
{
	uint8_t salt[64], salted[32], key[32], stored[32], skey[32], sig[32];
	uint8_t proof[32], got[32];
	char auth[2048], b64[64], without[1024];
	const char *p = strstr(final, ",p=");
	int n, i;

	ck_assert_ptr_nonnull(p);
	n = b64_decode(salt64, strlen(salt64), salt, sizeof(salt));
	pbkdf2_sha256("pencil", 6, salt, (size_t)n, iterations, salted);
	hmac_sha256(salted, 32, "Client Key", 10, key);
	sha256_once(key, 32, stored);
	hmac_sha256(salted, 32, "Server Key", 10, skey);
	snprintf(without, sizeof(without), "%.*s", (int)(p - final), final);
	snprintf(auth, sizeof(auth), "%s,%s,%s", bare, first, without);
	hmac_sha256(stored, 32, auth, strlen(auth), sig);
	ck_assert_int_eq(b64_decode(p + 3, strlen(p + 3), proof, 32), 32);
	for (i = 0; i < 32; i++)
		key[i] = proof[i] ^ sig[i];
	sha256_once(key, 32, got);
	ck_assert_mem_eq(got, stored, 32);
	hmac_sha256(skey, 32, auth, strlen(auth), sig);
	b64_encode(sig, 32, b64);
	snprintf(v, vsize, "v=%s", b64);
}

START_TEST(plus)
{
	const char *mech, *server = "r=" NONCE "XYZ,s=c2FsdHNhbHQ=,i=5000";
	struct scram *s;
	struct buf out;
	char first[512], v[128];

	s = begin(MECHS_PLUS, sizeof(MECHS_PLUS), "0123456789abcdef", first,
	    &mech);
	ck_assert_str_eq(mech, "SCRAM-SHA-256-PLUS");
	ck_assert_str_eq(first, "p=tls-server-end-point,,n=user,r=" NONCE);
	buf_init(&out, 4096);
	ck_assert_int_eq(scram_final(s, BIN(server), strlen(server), &out,
	    reason, sizeof(reason)), 0);
	buf_add_u8(&out, 0);
	/* base64 of the header and the binding. */
	ck_assert_int_eq(strncmp((char *)buf_head(&out),
	    "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsMDEyMzQ1Njc4OWFiY2RlZg==,",
	    59), 0);
	server_check("n=user,r=" NONCE, server, (char *)buf_head(&out),
	    "c2FsdHNhbHQ=", 5000, v, sizeof(v));
	ck_assert_int_eq(scram_verify(s, BIN(v), strlen(v), reason,
	    sizeof(reason)), 0);
	buf_clear(&out);
	scram_free(&s);
}
END_TEST

START_TEST(mechanisms)
{
	static const struct {
		const char	*list;
		size_t		 len;
		const char	*binding, *mech;
	} t[] = {
		{ MECHS, sizeof(MECHS), "", "n,," },
		{ MECHS, sizeof(MECHS), "hash", "y,," },
		{ MECHS_PLUS, sizeof(MECHS_PLUS), "hash", "p=t" },
		{ MECHS_PLUS, sizeof(MECHS_PLUS), "", NULL },
		{ "OAUTHBEARER\0", 13, "", NULL },
		{ "", 1, "", NULL },
		{ "", 0, "", NULL },
		{ "SCRAM-SHA-256", 13, "", NULL },	/* no end */
		{ "SCRAM-SHA-256", 14, "", NULL },	/* no empty one */
		{ "SCRAM-SHA-256\0\0x", 16, "", NULL },	/* more after it */
	};
	struct scram *s;
	const char *mech;
	char first[512];
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		s = begin(t[i].list, t[i].len, t[i].binding, first, &mech);
		if (t[i].mech == NULL)
			ck_assert_msg(mech == NULL, "case %zu", i);
		else
			ck_assert_msg(mech != NULL && strncmp(first, t[i].mech,
			    3) == 0, "case %zu", i);
		scram_free(&s);
	}
}
END_TEST

START_TEST(server_first_refused)
{
	static const char *const bad[] = {
		"",
		"r=" NONCE ",s=c2FsdA==,i=4096",	/* adds nothing */
		"r=" NONCE "X,s=c2FsdA==,i=4095",
		"r=" NONCE "X,s=c2FsdA==,i=100001",
		"r=" NONCE "X,s=c2FsdA==,i=2147483647",
		"r=" NONCE "X,s=c2FsdA==,i=99999999999999999999",
		"r=" NONCE "X,s=c2FsdA==,i=-4096",
		"r=" NONCE "X,s=c2FsdA==,i= 4096",
		"r=" NONCE "X,s=c2FsdA==,i=4096x",
		"r=" NONCE "X,s=c2FsdA==,i=",
		"r=" NONCE "X,s=c2FsdA==,i=4096,",
		"r=" NONCE "X,s=c2FsdA==,i=4096,x=1",
		"r=" NONCE "X,s=,i=4096",
		"r=" NONCE "X,s=c2FsdA,i=4096",
		"r=" NONCE "X,s=!!!!,i=4096",
		"r=" NONCE "X,i=4096,s=c2FsdA==",
		"r=" NONCE "X",
		"r=somethingelseentirelyX,s=c2FsdA==,i=4096",
		"r=" NONCE "\x01,s=c2FsdA==,i=4096",
		"m=x,r=" NONCE "X,s=c2FsdA==,i=4096",
		"e=other-error",
	};
	struct scram *s;
	struct buf out;
	const char *mech;
	char first[512];
	size_t i;

	buf_init(&out, 4096);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		s = begin(MECHS, sizeof(MECHS), "", first, &mech);
		ck_assert_msg(scram_final(s, BIN(bad[i]), strlen(bad[i]),
		    &out, reason, sizeof(reason)) == -1, "case %zu", i);
		/* A failed exchange stays failed. */
		ck_assert_int_eq(scram_final(s, BIN("r=" NONCE
		    "X,s=c2FsdA==,i=4096"), strlen("r=" NONCE
		    "X,s=c2FsdA==,i=4096"), &out, reason, sizeof(reason)), -1);
		scram_free(&s);
	}
	ck_assert_uint_eq(out.len, 0);
	buf_clear(&out);
}
END_TEST

START_TEST(server_final_refused)
{
	static const char *const bad[] = {
		"", "v=", "e=invalid-proof", "v=AAAA",
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G0=",
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,x=1",
	};
	const char *mech, *server = "r=" NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	    ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
	struct scram *s;
	struct buf out;
	char first[512];
	size_t i;

	buf_init(&out, 65536);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		s = begin(MECHS, sizeof(MECHS), "", first, &mech);
		ck_assert_int_eq(scram_final(s, BIN(server), strlen(server),
		    &out, reason, sizeof(reason)), 0);
		ck_assert_msg(scram_verify(s, BIN(bad[i]), strlen(bad[i]),
		    reason, sizeof(reason)) == -1, "case %zu", i);
		scram_free(&s);
	}
	buf_clear(&out);
}
END_TEST

START_TEST(order)
{
	struct scram *s = scram_new("", "x");
	struct buf out;

	buf_init(&out, 4096);
	ck_assert_int_eq(scram_final(s, BIN("r=a"), 3, &out, reason,
	    sizeof(reason)), -1);
	scram_free(&s);
	s = scram_new("", "x");
	ck_assert_ptr_nonnull(scram_first(s, BIN(MECHS), sizeof(MECHS), NULL,
	    0, &out, reason, sizeof(reason)));
	ck_assert_ptr_null(scram_first(s, BIN(MECHS), sizeof(MECHS), NULL, 0,
	    &out, reason, sizeof(reason)));
	scram_free(&s);
	buf_clear(&out);
}
END_TEST

/* Reckoned by another implementation of RFC 5802 and RFC 7677. */
START_TEST(verifier)
{
	static const uint8_t	 salt[SCRAM_SALT_LEN] = "0123456789abcdef";
	char			 v[SCRAM_VERIFIER_SIZE];

	scram_verifier("pencil", salt, v);
	ck_assert_str_eq(v, "SCRAM-SHA-256$4096:MDEyMzQ1Njc4OWFiY2RlZg==$nQ"
	    "pbZ77WudtqufPwikHXGRt6g2QJ4zns8bZLw273DRM=:jn2amWP1q1h+jgjy0YTO14S6/F02SV7taipOeB7ef20=");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("scram");
	TCase *tc = tcase_create("scram");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_test(tc, rfc7677);
	tcase_add_test(tc, plus);
	tcase_add_test(tc, mechanisms);
	tcase_add_test(tc, server_first_refused);
	tcase_add_test(tc, server_final_refused);
	tcase_add_test(tc, order);
	tcase_add_test(tc, verifier);
	suite_add_tcase(suite, tc);
	srunner_set_fork_status(sr, CK_NOFORK);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
