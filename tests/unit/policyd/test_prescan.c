/*
 * The look over a text before it is parsed.
 */
#include "prescan.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *const bad[] = {
	"\xff", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	"\xc3", "\xf0\x9f\x98", "'", "/*", "$x$",
};
static const char *const good[] = {
	"", "\xc3\xa9", "\xf0\x9f\x98\x80", "\xef\xbf\xbf", "select 1;",
	"/* /* */ */", "--", "$1", "select case when 1=1 then 2 end",
};

START_TEST(refused)
{
	ck_assert_ptr_nonnull(prescan(bad[_i], strlen(bad[_i])));
}
END_TEST

START_TEST(passed)
{
	ck_assert_ptr_null(prescan(good[_i], strlen(good[_i])));
}
END_TEST

START_TEST(limits)
{
	size_t	 n = PRESCAN_BYTES + 1;
	char	*p = malloc(n);

	ck_assert_ptr_nonnull(p);
	memset(p, ' ', n);
	ck_assert_ptr_null(prescan(p, n - 1));
	ck_assert_ptr_nonnull(prescan(p, n));
	/* Never past the end: these are cut in the middle of things. */
	memcpy(p, "select $a$ 'x' \"y\" E'\\", 22);
	for (n = 0; n <= 22; n++)
		prescan(p, n);
	ck_assert_ptr_nonnull(prescan("a\0b", 3));
	free(p);
}
END_TEST

#define LOOP(t, fn, table)						\
	tcase_add_loop_test(t, fn, 0,					\
	    (int)(sizeof(table) / sizeof((table)[0])))

int
main(void)
{
	Suite	*s = suite_create("prescan");
	TCase	*t = tcase_create("prescan");
	SRunner	*r;
	int	 failed;

	LOOP(t, refused, bad);
	LOOP(t, passed, good);
	tcase_add_test(t, limits);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
