/*
 * Statements and values in a psql script.
 */
#include "sqltext.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct buf out;

static const char *
result(void)
{
	ck_assert_int_eq(buf_add_u8(&out, 0), 0);
	return (const char *)buf_head(&out);
}

static void
expect_escape(const char *in, size_t len, const char *want)
{
	buf_drain(&out, out.len);
	ck_assert_int_eq(sqltext_escape(&out, in, len), 0);
	ck_assert_str_eq(result(), want);
}

#define ESCAPE(in, want)	expect_escape(in, sizeof(in) - 1, want)

START_TEST(literals)
{
	ESCAPE("", "");
	ESCAPE("SELECT 1; SELECT :x, :'y', $$z$$", "SELECT 1; SELECT :x, "
	    ":''y'', $$z$$");
	/* What would end it, whatever standard_conforming_strings is. */
	ESCAPE("'", "''");
	ESCAPE("\\", "\\\\");
	ESCAPE("\\'", "\\\\''");
	ESCAPE("a\n\\! touch x\r\n\t", "a\\n\\\\! touch x\\x0d\\n\\t");
	/* Digits behind an escape are not part of it. */
	ESCAPE("\x01" "1\x7f", "\\x011\\x7f");
	/* A byte that takes the next with it in another encoding. */
	ESCAPE("\xc3\x83'", "\\u00c3''");
	ESCAPE("\xe2\x82\xac\xf0\x9f\x98\x80", "\\u20ac\\U0001f600");
}
END_TEST

START_TEST(no_literals)
{
	static const struct { const char *s; size_t len; } bad[] = {
		{ "a\0b", 3 }, { "\xc3", 1 }, { "\xff", 1 },
		{ "\xed\xa0\x80", 3 }
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(sqltext_escape(&out, bad[i].s, bad[i].len),
		    -1);
}
END_TEST

/* Every two bytes: printable, and an even number of quotes and backslashes. */
START_TEST(all_pairs)
{
	char in[2];
	const char *s;
	int a, b;

	for (a = 0; a < 256; a++)
		for (b = 0; b < 256; b++) {
			in[0] = (char)a;
			in[1] = (char)b;
			buf_drain(&out, out.len);
			if (sqltext_escape(&out, in, 2) == -1)
				continue;
			for (s = result(); *s != '\0'; s++) {
				ck_assert(*s >= 0x20 && *s < 0x7f);
				if (*s == '\'')
					ck_assert_int_eq(*++s, '\'');
				else if (*s == '\\')
					ck_assert(strchr("\\ntxuU", *++s) !=
					    NULL);
			}
		}
}
END_TEST

START_TEST(comments)
{
	static const char in[] = "DROP\n\\! touch x\r\\q\n\n*/\xe2\x80\xae;";

	buf_drain(&out, out.len);
	ck_assert_int_eq(sqltext_comment(&out, in, sizeof(in) - 1), 0);
	ck_assert_str_eq(result(), "--   DROP\n--   \\! touch x\\x0d\\q\n"
	    "--   \n--   */\\u{202e};\n");
}
END_TEST

static void
expect_transaction(const char *in, const char *want)
{
	buf_drain(&out, out.len);
	if (want == NULL) {
		ck_assert_msg(!sqltext_transaction(&out, in, strlen(in)), "%s",
		    in);
		return;
	}
	ck_assert_msg(sqltext_transaction(&out, in, strlen(in)), "%s", in);
	ck_assert_str_eq(result(), want);
}

START_TEST(transactions)
{
	expect_transaction("ROLLBACK", "ROLLBACK;");
	expect_transaction("\n\tend ;\n", "end;");
	expect_transaction("Commit\twork", "Commit work;");
	expect_transaction("rollback transaction to\nsavepoint a_1;",
	    "rollback transaction to savepoint a_1;");
	expect_transaction("ROLLBACK TO savepoint", "ROLLBACK TO savepoint;");
	expect_transaction("", NULL);
	expect_transaction(";", NULL);
	expect_transaction("\r ROLLBACK", NULL);
	expect_transaction("BEGIN", NULL);
	expect_transaction("ROLLBACK; SELECT 1", NULL);
	expect_transaction("ROLLBACK \\! x", NULL);
	expect_transaction("ROLLBACK\\! x", NULL);
	expect_transaction("ROLLBACK TO", NULL);
	expect_transaction("ROLLBACK TO 1a", NULL);
	expect_transaction("ROLLBACK TO :a", NULL);
	expect_transaction("ROLLBACK TO a b", NULL);
	expect_transaction("ROLLBACK TO a b c d e f g", NULL);
	expect_transaction("COMMIT function begin", NULL);
	expect_transaction("ROLLBACK --", NULL);
	expect_transaction("ROLLBACK\r", NULL);
	expect_transaction("ROLLBACK TO aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL);
}
END_TEST

START_TEST(copies)
{
	ck_assert(sqltext_may_copy_in("COPY t FROM STDIN", 17));
	ck_assert(sqltext_may_copy_in("select 1;cOpY/**/t from stdIN", 29));
	ck_assert(!sqltext_may_copy_in("COPY t TO STDOUT", 16));
	ck_assert(!sqltext_may_copy_in("COPY t FROM STDI", 16));
}
END_TEST

static void
expect_arguments(const char *params, int n, const char *want)
{
	char why[128] = "";

	buf_drain(&out, out.len);
	ck_assert_int_eq(sqltext_arguments(&out, params, why, sizeof(why)), n);
	ck_assert_str_eq(n == -1 ? why : result(), want);
}

START_TEST(arguments)
{
	expect_arguments("", 0, "");
	expect_arguments("[\"a\"]", 1, "E'a'");
	expect_arguments("[null,\"\",\"O'R\\\\\",\"\\n\\u00e4\"]", 4,
	    "NULL, E'', E'O''R\\\\', E'\\n\\u00e4'");
	expect_arguments("[\"a\",{\"hex\":\"00\"}]", -1,
	    "parameter 2 was sent in binary, and its type is not in the "
	    "record");
	expect_arguments("[{\"text\":\"a\",\"length\":5000}]", -1,
	    "parameter 1 was cut: it had 5000 bytes");
	expect_arguments("[{\"hex\":\"00\",\"length\":5000}]", -1,
	    "parameter 1 was cut: it had 5000 bytes");
	expect_arguments("[\"a\",{\"omitted\":7}]", -1,
	    "the last 7 parameters are not in the record");
	expect_arguments("[{\"length\":5}]", -1,
	    "parameter 1 was not to be recorded");
	expect_arguments("[{\"hash\":\"00\",\"length\":5}]", -1,
	    "parameter 1 was not to be recorded");
	expect_arguments("[1]", -1, "parameter 1 cannot be read");
	expect_arguments("[\"a\"", -1, "its parameters cannot be read");
	expect_arguments("{}", -1, "its parameters cannot be read");
	expect_arguments("[\"a\\u0000b\"]", -1,
	    "its parameters cannot be read");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sqltext");
	TCase *t = tcase_create("sqltext");
	SRunner *r;
	int failed;

	buf_init(&out, 1024 * 1024);
	tcase_add_test(t, literals);
	tcase_add_test(t, no_literals);
	tcase_add_test(t, all_pairs);
	tcase_add_test(t, comments);
	tcase_add_test(t, transactions);
	tcase_add_test(t, copies);
	tcase_add_test(t, arguments);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	buf_clear(&out);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
