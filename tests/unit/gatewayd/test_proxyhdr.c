/*
 * The PROXY protocol's header: what is one, where it ends, and that nothing is
 * read beyond it.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proxyhdr.h"

#define SIG	"\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0a"
#define A4	"\xc0\x00\x02\x07\xc0\x00\x02\x01\x30\x39\x15\x38"
#define A6	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07" \
		"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\xff\xff\x15\x38"
#define S(s)	(const uint8_t *)s, sizeof(s) - 1

static const struct {
	const uint8_t	*p;
	size_t		 len;
	bool		 good;
} headers[] = {
	{ S(SIG "\x21\x11\x00\x0c" A4), true },
	{ S(SIG "\x21\x21\x00\x24" A6), true },
	{ S(SIG "\x20\x00\x00\x00"), true },
	{ S(SIG "\x20\x11\x00\x0c" A4), true },
	{ S(SIG "\x20\xff\x00\x02zz"), true },
	/* With further fields: one, an empty one, two. */
	{ S(SIG "\x21\x11\x00\x11" A4 "\x04\x00\x02zz"), true },
	{ S(SIG "\x21\x11\x00\x0f" A4 "\x04\x00\x00"), true },
	{ S(SIG "\x21\x11\x00\x13" A4 "\x04\x00\x00\xee\x00\x01z"), true },
	/* ... that are cut short, or say too much. */
	{ S(SIG "\x21\x11\x00\x0d" A4 "\x04"), false },
	{ S(SIG "\x21\x11\x00\x0e" A4 "\x04\x00"), false },
	{ S(SIG "\x21\x11\x00\x0f" A4 "\x04\x00\x01"), false },
	{ S(SIG "\x21\x11\x00\x10" A4 "\x04\xff\xffz"), false },
	/* Addresses that are cut short. */
	{ S(SIG "\x21\x11\x00\x0b\xc0\x00\x02\x07\xc0\x00\x02\x01\x30\x39"
	    "\x15"), false },
	{ S(SIG "\x21\x11\x00\x00"), false },
	{ S(SIG "\x21\x21\x00\x0c" A4), false },
	/* UNSPEC, UDP, Unix sockets, and what is no family. */
	{ S(SIG "\x21\x00\x00\x00"), false },
	{ S(SIG "\x21\x12\x00\x0c" A4), false },
	{ S(SIG "\x21\x31\x00\x0c" A4), false },
	{ S(SIG "\x21\x10\x00\x0c" A4), false },
	/* Versions and commands that there are not. */
	{ S(SIG "\x22\x11\x00\x0c" A4), false },
	{ S(SIG "\x11\x11\x00\x0c" A4), false },
	{ S(SIG "\x01\x11\x00\x0c" A4), false },
	/* Version 1, TLS, a startup packet. */
	{ S("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n"), false },
	{ S("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03zzzzzzz"), false },
	{ S("\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x08\x04\xd2\x16"
	    "\x2f"), false },
};

/* Whole, in memory that ends with it: a sanitizer sees a byte too many. */
static bool
read_whole(const uint8_t *p, size_t len, struct proxyhdr *h)
{
	const char	*why = "";
	uint8_t		*copy = malloc(len);
	int		 n;
	bool		 good;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, p, len);
	n = proxyhdr_length(copy, len, &why);
	good = n == (int)len && proxyhdr_parse(copy, len, h, &why) == 0;
	ck_assert(good || *why != '\0');
	free(copy);
	return good;
}

START_TEST(header)
{
	struct proxyhdr	 h;
	const char	*why;
	uint8_t		*cut;
	size_t		 n;
	int		 rc;

	ck_assert_int_eq(read_whole(headers[_i].p, headers[_i].len, &h),
	    headers[_i].good);
	/* Of a good one each beginning may become one, and none is whole. */
	for (n = 0; headers[_i].good && n < headers[_i].len; n++) {
		cut = malloc(n + 1);
		memcpy(cut, headers[_i].p, n);
		rc = proxyhdr_length(cut, n, &why);
		ck_assert_int_eq(rc, n < PROXYHDR_FIXED ? 0 :
		    (int)headers[_i].len);
		ck_assert_int_eq(proxyhdr_parse(cut, n, &h, &why), -1);
		free(cut);
	}
}
END_TEST

START_TEST(addresses)
{
	struct proxyhdr	h;

	ck_assert(read_whole(headers[0].p, headers[0].len, &h));
	ck_assert(!h.local && !h.v6);
	ck_assert_mem_eq(h.addr, "\xc0\x00\x02\x07", 4);
	ck_assert_uint_eq(h.port, 0x3039);
	ck_assert(read_whole(headers[1].p, headers[1].len, &h));
	ck_assert(!h.local && h.v6);
	ck_assert_mem_eq(h.addr, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07",
	    16);
	ck_assert_uint_eq(h.port, 0xffff);
	ck_assert(read_whole(headers[3].p, headers[3].len, &h));
	ck_assert(h.local);
}
END_TEST

START_TEST(lengths)
{
	uint8_t		 b[PROXYHDR_MAX + 1];
	struct proxyhdr	 h;
	const char	*why;

	memset(b, 0, sizeof(b));
	memcpy(b, SIG "\x21\x11\x10\x00" A4, 28);
	ck_assert_int_eq(proxyhdr_length(b, 16, &why), PROXYHDR_MAX);
	/* Empty fields of three bytes each; 4,084 is no multiple of it. */
	ck_assert_int_eq(proxyhdr_parse(b, PROXYHDR_MAX, &h, &why), -1);
	b[29] = 0;
	b[30] = 1;
	ck_assert_int_eq(proxyhdr_parse(b, PROXYHDR_MAX, &h, &why), 0);
	b[15] = 1;
	ck_assert_int_eq(proxyhdr_length(b, 16, &why), -1);
	b[14] = b[15] = 0xff;
	ck_assert_int_eq(proxyhdr_length(b, 16, &why), -1);
}
END_TEST

/* Any bytes behind a signature: an answer, and nothing read that is not there. */
START_TEST(noise)
{
	uint8_t		 b[64];
	struct proxyhdr	 h;
	size_t		 i, k, len;

	srand(7);
	for (i = 0; i < 200000; i++) {
		memcpy(b, SIG, 12);
		b[12] = (uint8_t)(0x20 | (rand() & 1));
		b[13] = rand() & 1 ? 0x11 : 0x21;
		len = 16 + (size_t)rand() % 48;
		b[14] = 0;
		b[15] = (uint8_t)(len - 16 + (rand() % 16 == 0));
		for (k = 16; k < len; k++)
			b[k] = (uint8_t)(rand() % 4 == 0 ? rand() : 0);
		read_whole(b, len, &h);
	}
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("proxyhdr");
	TCase	*t = tcase_create("proxyhdr");
	SRunner	*r;
	int	 failed;

	tcase_add_loop_test(t, header, 0,
	    sizeof(headers) / sizeof(headers[0]));
	tcase_add_test(t, addresses);
	tcase_add_test(t, lengths);
	tcase_add_test(t, noise);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
