/*
 * The parameters of a Bind as JSON: every kind of value, and that whatever a
 * client sends stays within the caps and is well-formed.
 */
#include "bound.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct buf msg;
static struct redact redact;

static void
begin(unsigned int nformats, unsigned int format, unsigned int n)
{
	unsigned int i;

	buf_clear(&msg);
	buf_init(&msg, 1024 * 1024);
	buf_add_be16(&msg, (uint16_t)nformats);
	for (i = 0; i < nformats; i++)
		buf_add_be16(&msg, (uint16_t)format);
	buf_add_be16(&msg, (uint16_t)n);
}

static void
value(const void *p, size_t len)
{
	buf_add_be32(&msg, (uint32_t)len);
	buf_add(&msg, p, len);
}

/* To free(); NULL when it was refused. */
static char *
json(void)
{
	struct buf out;
	char *s = NULL;

	buf_init(&out, BOUND_ALL);
	buf_add_be16(&msg, 0);		/* formats of the answer */
	if (bound_json(&out, &redact, buf_head(&msg), msg.len) == 0)
		s = strndup(out.len == 0 ? "" : (char *)buf_head(&out),
		    out.len);
	buf_clear(&out);
	return s;
}

static void
check_json(const char *want)
{
	char *s = json();

	ck_assert_ptr_nonnull(s);
	ck_assert_str_eq(s, want);
	free(s);
}

START_TEST(values)
{
	begin(0, 0, 0);
	check_json("");
	begin(0, 0, 4);
	value("4711", 4);
	buf_add_be32(&msg, UINT32_MAX);
	value("", 0);
	value("a\"\\\n\x1b\x7f \xc3\xa9", 9);
	check_json("[\"4711\",null,\"\",\"a\\\"\\\\\\u000a\\u001b\\u007f "
	    "\xc3\xa9\"]");
	/* One format stands for all. */
	begin(1, 1, 2);
	value("\0\xff", 2);
	value("ab", 2);
	check_json("[{\"hex\":\"00ff\"},{\"hex\":\"6162\"}]");
}
END_TEST

START_TEST(without)
{
	char hash[REDACT_HASH], want[128];

	redact.parameters = RECORD_REDACT;
	begin(1, 1, 3);
	value("secret", 6);
	buf_add_be32(&msg, UINT32_MAX);
	value("", 0);
	check_json("[{\"length\":6},null,{\"length\":0}]");
	redact.parameters = RECORD_HASH;
	redact_hash(&redact, "secret", 6, hash);
	snprintf(want, sizeof(want), "[{\"hash\":\"%s\",\"length\":6}]", hash);
	begin(0, 0, 1);
	value("secret", 6);
	check_json(want);
	redact.parameters = RECORD_KEEP;
}
END_TEST

START_TEST(no_text)
{
	static const char *const bad[] = { "\xff", "\xc0\x80", "\xed\xa0\x80",
	    "\xe2\x82", "\xf4\x90\x80\x80" };
	size_t i;
	char *s;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin(0, 0, 1);
		value(bad[i], strlen(bad[i]));
		s = json();
		ck_assert_ptr_nonnull(s);
		ck_assert_msg(strncmp(s, "[{\"hex\":\"", 9) == 0, "%zu: %s",
		    i, s);
		free(s);
	}
	begin(0, 0, 1);
	value("a\0b", 3);
	check_json("[{\"hex\":\"610062\"}]");
}
END_TEST

START_TEST(cut)
{
	static char text[3000];
	char *s;

	memset(text, 'x', sizeof(text));
	begin(0, 0, 2);
	value(text, BOUND_VALUE);
	value(text, sizeof(text));
	s = json();
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(strlen(s), 2 * BOUND_VALUE +
	    strlen("[\"\",{\"text\":\"\",\"length\":3000}]"));
	ck_assert_ptr_nonnull(strstr(s, "\",\"length\":3000}]"));
	free(s);
	/* The cut would be within an e acute. */
	memcpy(text + BOUND_VALUE - 1, "\xc3\xa9", 2);
	begin(0, 0, 1);
	value(text, sizeof(text));
	s = json();
	ck_assert_ptr_nonnull(s);
	ck_assert_ptr_nonnull(strstr(s, "xx\",\"length\":3000}]"));
	free(s);
}
END_TEST

START_TEST(too_many)
{
	static char nasty[2 * BOUND_VALUE];
	unsigned int i;
	char *s;

	memset(nasty, '\1', sizeof(nasty));
	begin(0, 0, 100);
	for (i = 0; i < 100; i++)
		value(nasty, sizeof(nasty));
	s = json();
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_le(strlen(s), BOUND_ALL);
	ck_assert_ptr_nonnull(strstr(s, ",\"length\":2048},{\"omitted\":95}]"));
	free(s);
	begin(0, 0, 65535);
	for (i = 0; i < 65535; i++)
		buf_add_be32(&msg, UINT32_MAX);
	s = json();
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_le(strlen(s), BOUND_ALL);
	ck_assert_ptr_nonnull(strstr(s, "null,{\"omitted\":"));
	free(s);
}
END_TEST

/* The frame's check stands before; this one does not rely on it. */
START_TEST(malformed)
{
	struct buf out;
	size_t n;
	uint8_t *copy;

	begin(2, 0, 2);
	value("abc", 3);
	value("defg", 4);
	for (n = 0; n < msg.len; n++) {
		/* So that a sanitizer sees a read past the end. */
		copy = malloc(n + 1);
		memcpy(copy, buf_head(&msg), n);
		buf_init(&out, BOUND_ALL);
		ck_assert_int_eq(bound_json(&out, &redact, copy, n), -1);
		buf_clear(&out);
		free(copy);
	}
}
END_TEST

int
main(void)
{
	SRunner	*sr;
	Suite	*s;
	TCase	*tc;
	int	 failed;

	s = suite_create("bound");
	tc = tcase_create("bound");
	tcase_add_test(tc, values);
	tcase_add_test(tc, without);
	tcase_add_test(tc, no_text);
	tcase_add_test(tc, cut);
	tcase_add_test(tc, too_many);
	tcase_add_test(tc, malformed);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	buf_clear(&msg);
	return failed != 0;
}
