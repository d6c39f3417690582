/*
 * Statements for the record, without their values.
 */
#include "redact.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REST	"/* the rest is not recorded */"

static const struct {
	const char	*text, *redacted;
} cases[] = {
	{ "", "" },
	{ "SELECT a FROM b", "SELECT a FROM b" },
	{ "SELECT 'x', 12, 1.5e-3 FROM \"t 1\"",
	    "SELECT $1, $2, $3 FROM \"t 1\"" },
	{ "WHERE a = $2 AND b = 'x'", "WHERE a = $2 AND b = $3" },
	{ "-- secret\nSELECT 1 /* secret */ + 2", " SELECT $1 + $2" },
	{ "SELECT 'it''s', E'a\\'b', $$x$$, $t$ $$ y $t$",
	    "SELECT $1, $2, $3, $4" },
	{ "SELECT U&'d!0061' UESCAPE '!', B'101', x'ff', N'n'",
	    "SELECT $1 UESCAPE $2, $3, $4, $5" },
	{ "SELECT 'a'\n'b'", "SELECT $1\n$2" },
	/* What later servers take for one number, or is one by mistake. */
	{ "SELECT 0x1F, 1_000, 12secret", "SELECT $1, $2, $3" },
	{ "SELECT 1..2", "SELECT $1" },
	{ "a[1:2]", "a[$1:$2]" },
	{ "SELECT \xc3\xa4 FROM t WHERE x = '\xc3\xa4'",
	    "SELECT \xc3\xa4 FROM t WHERE x = $1" },
	/* With standard_conforming_strings off it ends elsewhere. */
	{ "SELECT 'a\\', ' secret '", "SELECT " REST },
	{ "SELECT N'a\\''secret'", "SELECT " REST },
	{ "SELECT 'a\\b', 'c\\'", "SELECT $1, " REST },
	/* In SJIS the backslash is a part of the character. */
	{ "SELECT E'\x83\\', secret, 'x'", "SELECT " REST },
	{ "SELECT 1, 'secret", "SELECT $1," REST },
	{ "SELECT 1 /* secret", "SELECT $1" REST },
	{ "SELECT $99999999999, 1", "SELECT $99999999999, $65536" },
};

START_TEST(without)
{
	struct redact r = { .literals = RECORD_REDACT };
	const char *text = cases[_i].text;
	struct buf b;

	buf_init(&b, 4096);
	ck_assert_int_eq(redact_text(&b, &r, text, strlen(text)), 0);
	ck_assert_int_eq(buf_add_u8(&b, '\0'), 0);
	ck_assert_str_eq((char *)buf_head(&b), cases[_i].redacted);
	buf_clear(&b);
}
END_TEST

/* Whatever is cut off, no part of a value is there. */
START_TEST(cut)
{
	static const char text[] = "x = 'SECRET' AND y = $a$SECRET$a$ AND "
	    "z = E'\\'SECRET' -- SECRET\n/* SECRET */";
	struct redact r = { .literals = RECORD_REDACT };
	struct buf b;
	size_t n;

	for (n = 0; n < sizeof(text); n++) {
		buf_init(&b, 4096);
		ck_assert_int_eq(redact_text(&b, &r, text, n), 0);
		ck_assert(b.len == 0 || memmem(buf_head(&b), b.len, "SEC",
		    3) == NULL);
		buf_clear(&b);
	}
	buf_init(&b, 4);
	ck_assert_int_eq(redact_text(&b, &r, "SELECT 1", 8), -1);
	buf_clear(&b);
}
END_TEST

START_TEST(hashes)
{
	struct redact r = { .literals = RECORD_HASH, .key = "k" };
	char one[REDACT_HASH], two[REDACT_HASH], expected[256];
	struct buf b;

	redact_hash(&r, "anna", 4, one);
	redact_hash(&r, "42", 2, two);
	ck_assert_uint_eq(strlen(one), REDACT_HASH - 1);
	ck_assert_str_ne(one, two);
	buf_init(&b, 4096);
	ck_assert_int_eq(redact_text(&b, &r, "a = 'anna' AND b = 42", 21), 0);
	buf_add_u8(&b, '\0');
	snprintf(expected, sizeof(expected),
	    "a = $1 /* %s */ AND b = $2 /* %s */", one, two);
	ck_assert_str_eq((char *)buf_head(&b), expected);
	buf_clear(&b);
	r.key[0]++;
	redact_hash(&r, "anna", 4, two);
	ck_assert_str_ne(one, two);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("redact");
	TCase *t = tcase_create("redact");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, without, 0,
	    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(t, cut);
	tcase_add_test(t, hashes);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
