/*
 * The rate limit on failures: its window, its table, its addresses.
 */
#include "throttle.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_window)
{
	struct throttle	*t = throttle_new(3);
	int		 i;

	for (i = 0; i < 3; i++)
		ck_assert(!throttle_fail(t, "192.0.2.1", 1000));
	ck_assert(!throttle_over(t, "192.0.2.1", 1000));
	ck_assert(throttle_fail(t, "192.0.2.1", 1000));
	ck_assert(throttle_over(t, "192.0.2.1", 1000));
	/* Said once. */
	ck_assert(!throttle_fail(t, "192.0.2.1", 1001));
	ck_assert(throttle_over(t, "192.0.2.1", 60999));
	ck_assert(!throttle_over(t, "192.0.2.2", 1000));
	/* A minute later all is forgotten. */
	ck_assert(!throttle_over(t, "192.0.2.1", 61000));
	ck_assert(!throttle_fail(t, "192.0.2.1", 61000));
	throttle_free(&t);
	ck_assert_ptr_null(t);
}
END_TEST

START_TEST(test_full)
{
	struct throttle	*t = throttle_new(0);
	char		 addr[32];
	int		 i;

	for (i = 0; i < 5000; i++) {
		snprintf(addr, sizeof(addr), "10.0.%d.%d", i / 256, i % 256);
		ck_assert(throttle_fail(t, addr, (uint64_t)i));
	}
	/* The stalest gave way, the newest are there. */
	ck_assert(throttle_over(t, addr, 5000));
	ck_assert(!throttle_over(t, "10.0.0.0", 5000));
	throttle_free(&t);
}
END_TEST

/* Who has one IPv6 address has 2^64 of them. */
START_TEST(test_ipv6)
{
	struct throttle	*t = throttle_new(2);
	char		 addr[64];
	int		 i;

	for (i = 0; i < 3; i++) {
		snprintf(addr, sizeof(addr), "[2001:db8:1:2:%d::%x]", i, i);
		ck_assert(throttle_fail(t, addr, 1) == (i == 2));
	}
	ck_assert(throttle_over(t, "[2001:db8:1:2::99]", 1));
	ck_assert(throttle_over(t, "[2001:db8:1:2:ffff::1%eth0]", 1));
	ck_assert(!throttle_over(t, "[2001:db8:1:3::1]", 1));
	/* Mapped ones are IPv4's. */
	for (i = 0; i < 3; i++)
		throttle_fail(t, "[::ffff:192.0.2.1]", 1);
	ck_assert(throttle_over(t, "[::ffff:192.0.2.1]", 1));
	ck_assert(!throttle_over(t, "[::ffff:192.0.2.2]", 1));
	throttle_free(&t);
}
END_TEST

START_TEST(test_addr)
{
	static const char *const cases[][2] = {
		{ "192.0.2.1:5432", "192.0.2.1" },
		{ "192.0.2.1", "192.0.2.1" },
		{ "[2001:db8::1]:5432", "[2001:db8::1]" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "unix", "unix" },
		{ "unix:uid=1,gid=2,pid=3", "unix:uid=1" },
		{ "unix:uid=1", "unix:uid=1" },
		{ "", "" },
		{ ":1", ":1" },
	};
	char	out[64];
	size_t	i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		throttle_addr(cases[i][0], out, sizeof(out));
		ck_assert_str_eq(out, cases[i][1]);
	}
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("throttle");
	TCase	*t = tcase_create("throttle");
	SRunner	*r;
	int	 failed;

	tcase_add_test(t, test_window);
	tcase_add_test(t, test_full);
	tcase_add_test(t, test_addr);
	tcase_add_test(t, test_ipv6);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
