/*
 * What a statement touches, as text: written and read again; what is malformed
 * ends the list.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "touched.h"

/* The items as "access|relation|columns" lines; "BAD" at the end if so. */
static const char *
items(const char *text)
{
	static char out[1024];
	const char *p = text, *end = text + strlen(text);
	struct touch t;
	int rc;

	out[0] = '\0';
	while ((rc = touched_next(&p, end, &t)) == 1)
		sprintf(out + strlen(out), "%.*s|%.*s|%.*s\n",
		    (int)t.access_len, t.access, (int)t.relation_len,
		    t.relation, (int)t.columns_len, t.columns);
	if (rc == -1)
		strcat(out, "BAD");
	return out;
}

START_TEST(reads)
{
	ck_assert_str_eq(items(""), "");
	ck_assert_str_eq(items("read a.b"), "read|a.b|\n");
	ck_assert_str_eq(items("read a.b(c, d); write a.e(*); more"),
	    "read|a.b|c, d\nwrite|a.e|*\nmore||\n");
	ck_assert_str_eq(items("read \"a b\".\"c;(d)\"(\"x)\", y); read q"),
	    "read|\"a b\".\"c;(d)\"|\"x)\", y\nread|q|\n");
	ck_assert_str_eq(items("read \"a\"\"b\""), "read|\"a\"\"b\"|\n");
}
END_TEST

static const char *const malformed[] = { "read", "read ", "reads a", "rite a",
	"read a;", "read a; ", "read a;read b", "read a(", "read a(b",
	"read a(b;)", "read a(b(c)", "read \"a", "read a(\"b)", "more; read a",
	"read a b", "read a(b) ", "; read a", "read (a)", "read a)" };

START_TEST(refuses)
{
	const char *got = items(malformed[_i]);

	ck_assert_msg(strstr(got, "BAD") != NULL, "%s: %s", malformed[_i],
	    got);
}
END_TEST

START_TEST(nul_byte)
{
	const char text[] = "read a\0b";
	const char *p = text;
	struct touch t;

	ck_assert_int_eq(touched_next(&p, text + 8, &t), -1);
}
END_TEST

START_TEST(writes)
{
	char out[64] = "read ";

	ck_assert_int_eq(touched_relation(out, sizeof out, "public",
	    "a_1"), 0);
	ck_assert_int_eq(touched_relation(out, sizeof out, NULL, "B\"c"), 0);
	ck_assert_int_eq(touched_column(out, sizeof out, "1x"), 0);
	ck_assert_int_eq(touched_column(out, sizeof out, ""), 0);
	ck_assert_str_eq(out, "read public.a_1\"B\"\"c\"\"1x\"\"\"");
}
END_TEST

/* Whatever the room: whole, or not at all. */
START_TEST(no_room)
{
	static const char *const names[] = { "plain", "Odd", "\"\"\"", "a b" };
	char out[32], before[32];
	size_t size, i;
	int rc;

	for (size = 3; size < sizeof out; size++)
		for (i = 0; i < 4; i++) {
			memset(out, 'Z', sizeof out);
			strcpy(out, "xy");
			strcpy(before, out);
			rc = touched_relation(out, size, "s", names[i]);
			ck_assert_uint_lt(strlen(out), size);
			ck_assert_int_eq(out[size], 'Z');
			if (rc == -1)
				ck_assert_str_eq(out, before);
		}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("touched");
	TCase *t = tcase_create("touched");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, reads);
	tcase_add_loop_test(t, refuses, 0, (int)(sizeof malformed /
	    sizeof malformed[0]));
	tcase_add_test(t, nul_byte);
	tcase_add_test(t, writes);
	tcase_add_test(t, no_room);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
