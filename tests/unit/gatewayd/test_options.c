/*
 * The startup parameter `options`: settings are found, all else is an error.
 */
#include "options.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All of it as "name=value;..."; "!" at an error. */
static const char *
all(const char *text)
{
	static char	 out[4096];
	char		 name[64], value[256];
	size_t		 n = 0;
	int		 rc;

	out[0] = '\0';
	while ((rc = options_next(&text, name, sizeof(name), value,
	    sizeof(value))) == 1)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s=%s;",
		    name, value);
	if (rc == -1)
		snprintf(out + n, sizeof(out) - n, "!");
	return out;
}

START_TEST(test_options)
{
	char	long_one[3000];

	ck_assert_str_eq(all(""), "");
	ck_assert_str_eq(all("  \t\n "), "");
	ck_assert_str_eq(all("-c a=b"), "a=b;");
	ck_assert_str_eq(all("-ca=b  --c-d=e"), "a=b;c_d=e;");
	ck_assert_str_eq(all("-c my.x=1 -c y="), "my.x=1;y=;");
	ck_assert_str_eq(all("-c a=b=c"), "a=b=c;");
	ck_assert_str_eq(all("-c a=x\\ y\\\\z\\-"), "a=x y\\z-;");
	ck_assert_str_eq(all("-c a=b\\"), "a=b;");
	ck_assert_str_eq(all("-c a=b -d 3"), "a=b;!");
	ck_assert_str_eq(all("-c"), "!");
	ck_assert_str_eq(all("-c a"), "!");
	ck_assert_str_eq(all("-c =b"), "!");
	ck_assert_str_eq(all("-c a;b=c"), "!");
	ck_assert_str_eq(all("--"), "!");
	ck_assert_str_eq(all("-"), "!");
	ck_assert_str_eq(all("x"), "!");
	ck_assert_str_eq(all("-C shared_buffers"), "!");
	ck_assert_str_eq(all("-fi"), "!");
	memset(long_one, 'x', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	memcpy(long_one, "-ca=", 4);
	ck_assert_str_eq(all(long_one), "!");
}
END_TEST

int
main(void)
{
	SRunner	*sr;
	Suite	*s;
	TCase	*tc;
	int	 failed;

	s = suite_create("options");
	tc = tcase_create("options");
	tcase_add_test(tc, test_options);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
