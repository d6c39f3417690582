/*
 * Reading and building PostgreSQL's messages, well-formed and not; verdicts.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pgmsg.h"
#include "verdicts.h"

#define OK(type, body)	ck_assert(pg_client_body_ok(type,		\
	(const uint8_t *)body, sizeof(body) - 1))
#define BAD(type, body)	ck_assert(!pg_client_body_ok(type,		\
	(const uint8_t *)body, sizeof(body) - 1))

START_TEST(test_bodies)
{
	OK('Q', "SELECT 1\0");
	BAD('Q', "SELECT 1");
	BAD('Q', "SELECT 1\0DROP TABLE x\0");
	BAD('Q', "");
	OK('P', "n\0SELECT 1\0\0\1\0\0\0\x17");
	BAD('P', "n\0SELECT 1\0\0\2\0\0\0\x17");
	BAD('P', "n\0SELECT 1\0\0\1\0\0\0\x17x");
	OK('B', "p\0s\0\0\0\0\1\0\0\0\1x\0\0");
	OK('B', "p\0s\0\0\0\0\1\xff\xff\xff\xff\0\0");
	BAD('B', "p\0s\0\0\0\0\1\xff\xff\xff\xfe\0\0");
	BAD('B', "p\0s\0\0\0\0\1\x7f\xff\xff\xff\0\0");
	BAD('B', "p\0s\0\0\0\xff\xff\0\0");
	OK('E', "p\0\0\0\0\0");
	BAD('E', "p\0\0\0\0");
	OK('D', "Sname\0");
	BAD('D', "Xname\0");
	OK('C', "P\0");
	OK('F', "\0\0\0\1\0\0\0\0\0\0");
	BAD('F', "\0\0\0\1\0\0\0\1\0\0");
	OK('S', "");
	BAD('S', "x");
	OK('d', "anything\0at all");
	BAD('y', "");
}
END_TEST

START_TEST(test_every_cut_is_bad)
{
	static const char b[] = "p\0s\0\0\1\0\1\0\1\0\0\0\1x\0\1\0\0";
	size_t i;

	OK('B', "p\0s\0\0\1\0\1\0\1\0\0\0\1x\0\1\0\0");
	for (i = 0; i < sizeof(b) - 1; i++)
		ck_assert(!pg_client_body_ok('B', (const uint8_t *)b, i));
}
END_TEST

START_TEST(test_error)
{
	struct pg_error e;
	struct buf b;

	buf_init(&b, 4096);
	ck_assert_int_eq(pg_add_error(&b, 'E', "FATAL", "57P01", "bye", NULL,
	    "hint"), 0);
	ck_assert_uint_eq(pg_be32(buf_head(&b) + 1), b.len - 1);
	ck_assert_int_eq(pg_error_read(buf_head(&b) + 5, b.len - 5, &e), 0);
	ck_assert_str_eq(e.sqlstate, "57P01");
	ck_assert_str_eq(e.message, "bye");
	ck_assert(e.fatal);
	/* Without its last byte it is malformed. */
	ck_assert_int_eq(pg_error_read(buf_head(&b) + 5, b.len - 6, &e), -1);
	buf_clear(&b);
	/* No room: an error, not half a message that looks whole. */
	buf_init(&b, 10);
	ck_assert_int_eq(pg_add_error(&b, 'E', "FATAL", "57P01", "bye", NULL,
	    NULL), -1);
	buf_clear(&b);
}
END_TEST

START_TEST(test_incoherent_verdicts)
{
	struct ipc_verdict m = { .action = VERDICT_MASK };
	struct verdict *v;

	ck_assert_ptr_null(verdict_new(&m));	/* mask without a text */
	m.rewritten = slice_of("a\0b", 3);
	ck_assert_ptr_null(verdict_new(&m));
	m.action = VERDICT_ALLOW;
	m.rewritten = slice_str("SELECT 1");
	ck_assert_ptr_null(verdict_new(&m));	/* allow sends what came */
	m.action = 77;
	m.rewritten.len = 0;
	ck_assert_ptr_null(verdict_new(&m));
	m.action = VERDICT_DENY;
	ck_assert_ptr_nonnull(v = verdict_new(&m));
	verdict_unref(&v);
}
END_TEST

START_TEST(test_cache)
{
	struct ipc_verdict m = { .action = VERDICT_ALLOW,
	    .flags = VERDICT_CACHEABLE, .generation = 3, .epoch = 4 };
	struct verdict_cache *c = verdict_cache_new();
	const uint8_t *t = (const uint8_t *)"SELECT 1";
	struct verdict *v = verdict_new(&m);

	verdict_cache_put(c, t, 8, v);
	ck_assert_ptr_eq(verdict_cache_get(c, t, 8, 3, 4), v);
	ck_assert_ptr_null(verdict_cache_get(c, t, 7, 3, 4));
	ck_assert_ptr_null(verdict_cache_get(c, t, 8, 4, 4));
	/* A stale one is gone for good. */
	ck_assert_ptr_null(verdict_cache_get(c, t, 8, 3, 4));
	v->flags = 0;
	verdict_cache_put(c, t, 8, v);
	ck_assert_ptr_null(verdict_cache_get(c, t, 8, 3, 4));
	verdict_unref(&v);
	verdict_cache_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pgmsg");
	TCase *c = tcase_create("pgmsg");
	SRunner *r;
	int failed;

	tcase_add_test(c, test_bodies);
	tcase_add_test(c, test_every_cut_is_bad);
	tcase_add_test(c, test_error);
	tcase_add_test(c, test_incoherent_verdicts);
	tcase_add_test(c, test_cache);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
