/*
 * Text of others on a terminal.
 */
#include "visible.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void
expect(const char *in, size_t len, bool ascii, const char *want)
{
	struct buf b;

	buf_init(&b, 4096);
	ck_assert_int_eq(visible_text(&b, in, len, ascii), 0);
	ck_assert_int_eq(buf_add_u8(&b, 0), 0);
	ck_assert_str_eq((char *)buf_head(&b), want);
	buf_clear(&b);
}

#define EXPECT(in, want)	expect(in, sizeof(in) - 1, false, want)
#define EXPECT_ASCII(in, want)	expect(in, sizeof(in) - 1, true, want)

START_TEST(plain)
{
	EXPECT("", "");
	EXPECT("SELECT '\\'", "SELECT '\\'");
	EXPECT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
	    "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	EXPECT_ASCII("a\xc3\xa4\xf0\x9f\x98\x80", "a\\u{e4}\\u{1f600}");
}
END_TEST

START_TEST(drives)
{
	EXPECT("\x1b[2J\n\r\t\x7f", "\\x1b[2J\\x0a\\x0d\\x09\\x7f");
	EXPECT("a\0b", "a\\x00b");
	/* C1; writing direction; no width. */
	EXPECT("\xc2\x9b", "\\u{9b}");
	EXPECT("\xe2\x80\xae" "x", "\\u{202e}x");
	EXPECT("\xe2\x81\xa6", "\\u{2066}");
	EXPECT("\xe2\x80\x8b\xef\xbb\xbf", "\\u{200b}\\u{feff}");
}
END_TEST

START_TEST(broken)
{
	/* Overlong, surrogate, beyond Unicode, cut off, stray. */
	EXPECT("\xc0\x80", "\\xc0\\x80");
	EXPECT("\xe0\x80\x9b", "\\xe0\\x80\\x9b");
	EXPECT("\xed\xa0\x80", "\\xed\\xa0\\x80");
	EXPECT("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	EXPECT("\xe2\x82", "\\xe2\\x82");
	EXPECT("\x9b" "2J", "\\x9b2J");
	EXPECT("\xe2\x1b[", "\\xe2\\x1b[");
}
END_TEST

START_TEST(no_room)
{
	struct buf b;

	buf_init(&b, 4);
	ck_assert_int_eq(visible_text(&b, "\x1b[2J", 4, false), -1);
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("visible");
	TCase *t = tcase_create("visible");
	SRunner *r;
	int failed;

	tcase_add_test(t, plain);
	tcase_add_test(t, drives);
	tcase_add_test(t, broken);
	tcase_add_test(t, no_room);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
