/*
 * JSON bodies and the canonical bytes of the chain.
 */
#include "json.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "event_kinds.h"

static struct buf out;

static void
expect_string(const void *in, size_t len, const char *want, bool lossy)
{
	bool l = false;

	buf_drain(&out, out.len);
	ck_assert_int_eq(json_string(&out, in, len, &l), 0);
	ck_assert_uint_eq(out.len, strlen(want));
	ck_assert(memcmp(buf_head(&out), want, out.len) == 0);
	ck_assert_int_eq(l, lossy);
}

#define EXPECT(in, want, lossy) expect_string(in, sizeof(in) - 1, want, lossy)

START_TEST(strings)
{
	EXPECT("", "\"\"", false);
	EXPECT("a\"b\\c/", "\"a\\\"b\\\\c/\"", false);
	EXPECT("\n\r\t\x01\x1f\x7f",
	    "\"\\n\\r\\t\\u0001\\u001f\\u007f\"", false);
	EXPECT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
	    "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"", false);
	/* C1 controls drive terminals too. */
	EXPECT("\xc2\x9b", "\"\\u009b\"", false);
	EXPECT("a\0b", "\"a\xef\xbf\xbd" "b\"", true);
	/* Overlong, surrogate, beyond Unicode, cut off, stray. */
	EXPECT("\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"", true);
	EXPECT("\xed\xa0\x80",
	    "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", true);
	EXPECT("\xf4\x90\x80\x80",
	    "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", true);
	EXPECT("\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"", true);
}
END_TEST

/* A character across the end of a piece. */
START_TEST(pieces)
{
	char in[3000], want[3100];
	size_t i;

	for (i = 0; i < 1023; i++)
		in[i] = 'a';
	memcpy(in + 1023, "\xf0\x9f\x98\x80", 4);
	memset(in + 1027, 'b', 1500);
	want[0] = '"';
	memcpy(want + 1, in, 2527);
	memcpy(want + 2528, "\"", 2);
	expect_string(in, 2527, want, false);
}
END_TEST

START_TEST(integers)
{
	buf_drain(&out, out.len);
	json_uint(&out, UINT64_MAX);
	json_literal(&out, " ");
	json_int(&out, INT64_MIN);
	json_literal(&out, " ");
	json_uint(&out, 0);
	ck_assert(slice_eq(slice_of(buf_head(&out), out.len),
	    "18446744073709551615 -9223372036854775808 0"));
}
END_TEST

START_TEST(bodies)
{
	struct event_gap gap = {
		.session = slice_str("s-1"),
		.reason = slice_str("\"why\""),
		.position = 8, .seq = 2
	};
	struct event_prepare p = { .stmt = 3, .text = slice_of("a\xff", 2) };

	buf_drain(&out, out.len);
	ck_assert_int_eq(json_event(&out, event_desc(EVENT_gap), &gap), 0);
	ck_assert(slice_eq(slice_of(buf_head(&out), out.len),
	    "{\"session\":\"s-1\",\"reason\":\"\\\"why\\\"\",\"position\":8,"
	    "\"seq\":2}"));
	buf_drain(&out, out.len);
	ck_assert_int_eq(json_event(&out, event_desc(EVENT_prepare), &p), 0);
	buf_add(&out, "", 1);
	ck_assert_ptr_nonnull(strstr((char *)buf_head(&out),
	    "\"text\":\"a\xef\xbf\xbd\",\"text_hex\":\"61ff\","));
}
END_TEST

/* A member read again is what went in. */
START_TEST(member)
{
	static const char in[] = "a\"b\\c\n\r\t\x01\x7f\xc2\x9b\xc3\xa4,"
	    "\"params\":\"no";
	struct event_intent e = {
		.text = slice_str(",\"touched\":\"no"),
		.touched = slice_str(in), .params = slice_str("") };
	struct buf got;

	buf_init(&got, 1024);
	buf_drain(&out, out.len);
	ck_assert_int_eq(json_event(&out, event_desc(EVENT_intent), &e), 0);
	ck_assert_int_eq(json_member(&got, buf_head(&out), out.len,
	    "touched"), 1);
	ck_assert_uint_eq(got.len, strlen(in));
	ck_assert(memcmp(buf_head(&got), in, got.len) == 0);
	buf_drain(&got, got.len);
	ck_assert_int_eq(json_member(&got, buf_head(&out), out.len,
	    "params"), 1);
	ck_assert_uint_eq(got.len, 0);
	ck_assert_int_eq(json_member(&got, buf_head(&out), out.len,
	    "nothing"), 0);
	/* Cut off anywhere. */
	while (out.len > 0) {
		out.len--;
		buf_drain(&got, got.len);
		json_member(&got, buf_head(&out), out.len, "touched");
	}
	buf_clear(&got);
}
END_TEST

START_TEST(no_room)
{
	struct buf small;

	buf_init(&small, 16);
	ck_assert_int_eq(json_string(&small, "0123456789", 10, NULL), -1);
	buf_clear(&small);
}
END_TEST

/* The encoding as postern-audit(5) words it, by another way. */
START_TEST(canonical)
{
	static const uint8_t bytes[] =
	    "\0\0\0\10" "\0\0\0\0\0\0\0\1"
	    "\0\0\0\10" "\0\0\0\0\0\0\1\2"
	    "\0\0\0\2" "ab"
	    "\0\0\0\10" "\0\0\0\0\0\0\0\7"
	    "\0\0\0\10" "\0\0\0\0\0\0\0\3"
	    "\0\0\0\3" "end"
	    "\0\0\0\2" "{}"
	    "\0\0\0\40" "0123456789abcdef0123456789abcdef";
	uint8_t want[SHA256_LEN], got[SHA256_LEN];
	struct chain_event e = {
		.id = 1, .time = 0x102, .seq = 7, .stmt = 3,
		.session = "ab", .session_len = 2,
		.kind = "end", .kind_len = 3,
		.body = "{}", .body_len = 2,
		.prev = (const uint8_t *)"0123456789abcdef0123456789abcdef"
	};
	struct sha256 *sha = sha256_new();

	sha256_once(bytes, sizeof(bytes) - 1, want);
	chain_hash(sha, &e, got);
	ck_assert(memcmp(want, got, SHA256_LEN) == 0);
	/* A byte that moves from one column to the next changes the hash. */
	e.session_len = 1;
	e.kind = "bend";
	e.kind_len = 4;
	chain_hash(sha, &e, got);
	ck_assert(memcmp(want, got, SHA256_LEN) != 0);
	sha256_free(&sha);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("json");
	TCase *t = tcase_create("json");
	SRunner *r;
	int failed;

	buf_init(&out, 1024 * 1024);
	tcase_add_test(t, strings);
	tcase_add_test(t, pieces);
	tcase_add_test(t, integers);
	tcase_add_test(t, bodies);
	tcase_add_test(t, member);
	tcase_add_test(t, no_room);
	tcase_add_test(t, canonical);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	buf_clear(&out);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
