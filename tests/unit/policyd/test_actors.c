/*
 * Who acts for whom (RFC 8693, 4.1): names in a chain, and chains that are the
 * same.
 */
#include "actors.h"

#include <check.h>
#include <stdlib.h>

static json_t *
act(const char *text)
{
	json_t	*v = json_loads(text, JSON_DECODE_ANY, NULL);

	ck_assert_ptr_nonnull(v);
	return v;
}

START_TEST(test_named)
{
	json_t	*a = act("{\"sub\":\"x\",\"act\":{\"sub\":\"y\"}}");
	json_t	*odd = act("[\"x\"]"), *null = act("null");

	ck_assert(actors_named(a, "x"));
	ck_assert(actors_named(a, "y"));
	ck_assert(!actors_named(a, "z"));
	ck_assert(!actors_named(NULL, "x"));
	ck_assert(!actors_named(odd, "x"));
	ck_assert(!actors_named(null, ""));
	json_decref(a);
	json_decref(odd);
	json_decref(null);
}
END_TEST

START_TEST(test_same)
{
	json_t	*x = act("{\"sub\":\"x\",\"iss\":\"https://a\"}");
	json_t	*x2 = act("{\"sub\":\"x\"}");
	json_t	*xy = act("{\"sub\":\"x\",\"act\":{\"sub\":\"y\"}}");
	json_t	*yx = act("{\"sub\":\"y\",\"act\":{\"sub\":\"x\"}}");
	json_t	*odd = act("{\"sub\":7}");

	ck_assert(actors_same(NULL, NULL));
	ck_assert(actors_same(x, x2));
	ck_assert(actors_same(xy, xy));
	ck_assert(!actors_same(x, NULL));
	ck_assert(!actors_same(NULL, x));
	ck_assert(!actors_same(x, xy));
	ck_assert(!actors_same(xy, yx));
	ck_assert(!actors_same(odd, x));
	ck_assert(!actors_same(odd, NULL));
	json_decref(x);
	json_decref(x2);
	json_decref(xy);
	json_decref(yx);
	json_decref(odd);
}
END_TEST

START_TEST(test_list)
{
	json_t	*a = act("{\"sub\":\"x\",\"act\":{\"iss\":\"y\"}}");
	json_t	*list = actors_list(a);
	char	*text = json_dumps(list, JSON_COMPACT);

	ck_assert_str_eq(text, "[\"x\",\"?\"]");
	free(text);
	json_decref(list);
	json_decref(a);
	list = actors_list(NULL);
	ck_assert_uint_eq(json_array_size(list), 0);
	json_decref(list);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("actors");
	TCase	*t = tcase_create("actors");
	SRunner	*r;
	int	 failed;

	tcase_add_test(t, test_named);
	tcase_add_test(t, test_same);
	tcase_add_test(t, test_list);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
