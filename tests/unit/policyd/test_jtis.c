/*
 * Tokens that were used: once, by a pool, given back, expired, after a restart,
 * and when there are too many.
 */
#include "jtis.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "tests/unit/tmpname.h"

#define NOW	1700000000u

static char	 dir[100], path[128];

static const uint8_t *
key(const char *jti)
{
	static uint8_t	k[SHA256_LEN];

	jtis_digest("https://idp.example", jti, k);
	return k;
}

static bool
refused(const char *why, const char *word)
{
	return why != NULL && strstr(why, word) != NULL;
}

START_TEST(test_strict)
{
	struct jtis	*t = jtis_new(NULL, NOW);

	ck_assert_ptr_null(jtis_take(t, key("a"), "h", true, 0, NOW, NOW + 9));
	ck_assert(refused(jtis_take(t, key("a"), "h", true, 0, NOW, NOW + 9),
	    "already"));
	ck_assert_ptr_null(jtis_take(t, key("b"), "h", true, 0, NOW, NOW + 9));
	/* A login that failed was no use. */
	jtis_give_back(t, key("a"));
	ck_assert_uint_eq(jtis_count(t), 1);
	ck_assert_ptr_null(jtis_take(t, key("a"), "h", true, 0, NOW, NOW + 9));
	jtis_free(&t);
}
END_TEST

START_TEST(test_pool)
{
	struct jtis	*t = jtis_new(NULL, NOW);
	int		 i;

	for (i = 0; i < 3; i++)
		ck_assert_ptr_null(jtis_take(t, key("a"), "h", false, 3,
		    NOW + (unsigned)i * 20, NOW + 900));
	ck_assert(refused(jtis_take(t, key("a"), "h", false, 3, NOW + 41,
	    NOW + 900), "as often"));
	jtis_give_back(t, key("a"));
	ck_assert(refused(jtis_take(t, key("a"), "i", false, 3, NOW + 41,
	    NOW + 900), "another address"));
	ck_assert_ptr_null(jtis_take(t, key("a"), "h", false, 3, NOW + 59,
	    NOW + 900));
	jtis_give_back(t, key("a"));
	ck_assert(refused(jtis_take(t, key("a"), "h", false, 3, NOW + 60,
	    NOW + 900), "minute"));
	/* Any number, also from a clock that was set back. */
	for (i = 0; i < 50; i++)
		ck_assert_ptr_null(jtis_take(t, key("b"), "h", false, 0,
		    NOW - (unsigned)i, NOW + 900));
	jtis_free(&t);
}
END_TEST

START_TEST(test_digest)
{
	uint8_t	a[SHA256_LEN], b[SHA256_LEN];

	jtis_digest("ab", "c", a);
	jtis_digest("a", "bc", b);
	ck_assert_mem_ne(a, b, SHA256_LEN);
}
END_TEST

START_TEST(test_restart)
{
	struct jtis	*t = jtis_new(path, NOW);
	FILE		*f;

	ck_assert_ptr_null(jtis_take(t, key("a"), "h", true, 0, NOW, NOW + 9));
	ck_assert_int_eq(jtis_keep(t, key("a"), NOW), 0);
	/* An address is a worker's word. */
	ck_assert_ptr_null(jtis_take(t, key("p"), "a b\nc", false, 2, NOW,
	    NOW + 900));
	ck_assert_int_eq(jtis_keep(t, key("p"), NOW), 0);
	/* Under way when it died. */
	ck_assert_ptr_null(jtis_take(t, key("u"), "h", true, 0, NOW,
	    NOW + 900));
	jtis_free(&t);
	ck_assert_ptr_nonnull(f = fopen(path, "a"));
	fputs("half a line", f);
	fclose(f);

	ck_assert_ptr_nonnull(t = jtis_new(path, NOW));
	ck_assert_uint_eq(jtis_count(t), 2);
	ck_assert(refused(jtis_take(t, key("a"), "h", true, 0, NOW, NOW + 9),
	    "already"));
	ck_assert_ptr_null(jtis_take(t, key("p"), "a b\nc", false, 2, NOW,
	    NOW + 900));
	ck_assert_int_eq(jtis_keep(t, key("p"), NOW), 0);
	jtis_free(&t);

	ck_assert_ptr_nonnull(t = jtis_new(path, NOW + 9));
	ck_assert_uint_eq(jtis_count(t), 1);
	ck_assert(refused(jtis_take(t, key("p"), "a b\nc", false, 2, NOW,
	    NOW + 900), "as often"));
	jtis_free(&t);
}
END_TEST

/* The file does not grow for ever, nor does the table. */
START_TEST(test_bounds)
{
	struct jtis	*t = jtis_new(path, NOW);
	char		 jti[16];
	unsigned int	 i;
	long		 size;
	FILE		*f;

	for (i = 0; i < 20000; i++) {
		snprintf(jti, sizeof(jti), "%u", i);
		ck_assert_ptr_null(jtis_take(t, key(jti), "h", true, 0,
		    NOW + i, NOW + i + 10));
		ck_assert_int_eq(jtis_keep(t, key(jti), NOW + i), 0);
		if (i % 2 == 0)
			jtis_give_back(t, key(jti));
	}
	f = fopen(path, "r");
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	fclose(f);
	ck_assert_int_lt(size, 15000L * 120);
	jtis_free(&t);

	t = jtis_new(NULL, NOW);
	for (i = 0; i < JTIS_MAX; i++) {
		snprintf(jti, sizeof(jti), "%u", i);
		ck_assert_ptr_null(jtis_take(t, key(jti), "h", true, 0, NOW,
		    NOW + (i == 7 ? 5 : 100)));
	}
	ck_assert(refused(jtis_take(t, key("x"), "h", true, 0, NOW, NOW + 9),
	    "full"));
	ck_assert_ptr_null(jtis_take(t, key("x"), "h", true, 0, NOW + 6,
	    NOW + 9));
	ck_assert(refused(jtis_take(t, key("0"), "h", true, 0, NOW + 6,
	    NOW + 9), "already"));
	jtis_free(&t);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("jtis");
	TCase	*t = tcase_create("jtis");
	SRunner	*r;
	int	 failed;

	log_init("test", 1, LOG_L_FATAL);
	TMPNAME(dir, "test_jtis");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/tokens", dir);
	tcase_add_test(t, test_strict);
	tcase_add_test(t, test_pool);
	tcase_add_test(t, test_digest);
	tcase_add_test(t, test_restart);
	tcase_add_test(t, test_bounds);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	unlink(path);
	rmdir(dir);
	return failed != 0;
}
