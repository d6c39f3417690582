/*
 * content: each pattern by hand, and a corpus that is made here: 10,000 values
 * in sentences, none of which may be missed, and 10,000 sentences without any,
 * of which is printed how many look like one.
 */
#include "content.h"

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- by hand ----------------------------------------------------------- */

/* "" where nothing is to be found, else all of it between < and >. */
static const struct {
	const char	*text;
	int		 pattern;	/* -1: none */
} cases[] = {
	{ "<ada@mail.example>", CONTENT_email },
	{ "write to <ada.b+x%y_z-1@a-b.c.example>.", CONTENT_email },
	{ "\"<a@b.co>\"", CONTENT_email },
	{ "(<a@b.co>)", CONTENT_email },
	{ "mail=<a@b.co>&x", CONTENT_email },
	{ "<j\xc3\xbcrg@m\xc3\xbcller.example>", CONTENT_email },
	{ "<user@host.example>\\n", CONTENT_email },
	{ "a@b", -1 }, { "@b.example", -1 }, { "pkg@1.2.3", -1 },
	{ "a@.example", -1 }, { "a@b..example", -1 }, { "x @ y.example", -1 },
	{ "card <4111111111111111>.", CONTENT_card },
	{ "<4111 1111 1111 1111>", CONTENT_card },
	{ "<4111-1111-1111-1111>", CONTENT_card },
	{ "12 <4111 1111 1111 1111> 25", CONTENT_card },
	{ "<378282246310005>", CONTENT_card },
	{ "<3782 822463 10005>", CONTENT_card },
	{ "<30569309025904>", CONTENT_card },
	{ "<5555555555554444>", CONTENT_card },
	{ "<2223003122003222>", CONTENT_card },
	{ "<6011111111111117>", CONTENT_card },
	{ "<4222222222222>", CONTENT_card },
	{ "4111111111111112", -1 }, { "x4111111111111111", -1 },
	{ "4111111111111111x", -1 }, { "41111111111111110000000", -1 },
	{ "0000000000000000", -1 }, { "1111111111111117", -1 },
	{ "ssn <123-45-6789>", CONTENT_ssn },
	{ "<123 45 6789>,", CONTENT_ssn },
	{ "000-45-6789", -1 }, { "666-45-6789", -1 }, { "900-45-6789", -1 },
	{ "123-00-6789", -1 }, { "123-45-0000", -1 }, { "123-45-67890", -1 },
	{ "1123-45-6789", -1 }, { "123456789", -1 },
	{ "123-45-6789-12", -1 },
	{ "<DE89370400440532013000>", CONTENT_iban },
	{ "<DE89 3704 0044 0532 0130 00> is it", CONTENT_iban },
	{ "<GB82WEST12345698765432>", CONTENT_iban },
	{ "<BE68 5390 0754 7034> with more", CONTENT_iban },
	{ "<NO9386011117947>", CONTENT_iban },
	{ "<MT84MALT011000012345MTLCAST001S>", CONTENT_iban },
	{ "DE88370400440532013000", -1 }, { "XDE89370400440532013000", -1 },
	{ "call <+1 212 555 0123>", CONTENT_phone },
	{ "<+49 30 901820>!", CONTENT_phone },
	{ "<+47 22 86 44 00>", CONTENT_phone },
	{ "<+4915112345679>", CONTENT_phone },
	{ "(<212) 555-0123>", CONTENT_phone },
	{ "<212-555-0123>", CONTENT_phone },
	{ "<212.555.0123>", CONTENT_phone },
	{ "2024-01-15 10:30:00+00", -1 }, { "+123", -1 },
	{ "112-555-0123", -1 }, { "212-155-0123", -1 }, { "10.20.30.40", -1 },
	{ "<eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_DEF>",
	    CONTENT_jwt },
	{ "Bearer <eyJhbGciOi.eyJzdWIiOi>", CONTENT_jwt },
	{ "eyJust a word", -1 }, { "eyJ.a.b", -1 },
	{ "<AKIAIOSFODNN7EXAMPLE>", CONTENT_aws_key },
	{ "key=<ASIAIOSFODNN7EXAMPLE>;", CONTENT_aws_key },
	{ "AKIAIOSFODNN7EXAMPLEX", -1 }, { "AKIAIOSFODNN7EXAMPL", -1 },
	{ "XAKIAIOSFODNN7EXAMPLE", -1 },
	{ "<-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----->\n",
	    CONTENT_private_key },
	{ "<-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl>",
	    CONTENT_private_key },
	{ "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", -1 },
	{ "", -1 }, { "@", -1 }, { "+", -1 }, { "4", -1 },
	{ "3f2504e0-4f89-11d3-9a0c-0305e82c3301", -1 },
};

struct seen {
	size_t	 n, start, end;
	int	 pattern;
};

static void
on_value(void *ctx, enum content_pattern c, size_t start, size_t end)
{
	struct seen	*s = ctx;

	s->n++;
	s->start = start;
	s->end = end;
	s->pattern = (int)c;
}

START_TEST(by_hand)
{
	const char	*open = strchr(cases[_i].text, '<');
	const char	*close = strrchr(cases[_i].text, '>');
	char		 text[256];
	struct seen	 s = { 0, 0, 0, -1 };
	size_t		 n = 0;
	const char	*p;

	for (p = cases[_i].text; *p != '\0'; p++)
		if (cases[_i].pattern == -1 || (p != open && p != close))
			text[n++] = *p;
	content_scan((const uint8_t *)text, n, CONTENT_ALL, on_value, &s);
	ck_assert_msg(s.n == (cases[_i].pattern == -1 ? 0 : 1),
	    "%s: %zu found (%d)", cases[_i].text, s.n, s.pattern);
	if (cases[_i].pattern == -1)
		return;
	ck_assert_msg(s.pattern == cases[_i].pattern, "%s: it is %s",
	    cases[_i].text, content_name((unsigned int)s.pattern));
	ck_assert_msg(s.start == (size_t)(open - cases[_i].text) &&
	    s.end == (size_t)(close - cases[_i].text) - 1,
	    "%s: from %zu to %zu", cases[_i].text, s.start, s.end);
	/* Not looked for. */
	s.n = 0;
	content_scan((const uint8_t *)text, n, CONTENT_ALL &
	    ~(1u << s.pattern), on_value, &s);
	ck_assert_msg(s.n == 0, "%s: now it is %s", cases[_i].text,
	    content_name((unsigned int)s.pattern));
}
END_TEST

START_TEST(asterisks)
{
	struct content_found	 f;
	char			 text[] = "a@b.example, 4111111111111111 x@y";
	char			 all[64];

	memset(&f, 0, sizeof(f));
	ck_assert_uint_eq(content_check((uint8_t *)text, strlen(text),
	    CONTENT_ALL, 0, &f), 2);
	ck_assert_str_eq(text, "a@b.example, 4111111111111111 x@y");
	ck_assert_uint_eq(content_check((uint8_t *)text, strlen(text),
	    CONTENT_ALL, 1, &f), 2);
	ck_assert_str_eq(text, "***********, **************** x@y");
	content_describe(&f, all, sizeof(all));
	ck_assert_str_eq(all, "email 2, card 2");
	content_describe(&f, all, 12);
	ck_assert_str_eq(all, "email 2");
}
END_TEST

/* --- a corpus ---------------------------------------------------------- */

static uint64_t	state = 88172645463325252u;

static unsigned int
roll(unsigned int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state % n);
}

static const char *const words[] = { "the", "parcel", "of", "order", "is",
	"late", "please", "see", "Oslo", "customer", "said", "that", "it", "was",
	"never", "sent", "refund", "to", "by", "and", "A", "I", "Best", "JIRA",
	"Kyoto", "\xc3\xa9t\xc3\xa9", "\xe6\x9d\xb1", "price", "EUR", "at" };

static char *
put_word(char *o)
{
	return o + sprintf(o, "%s", words[roll(sizeof(words) /
	    sizeof(words[0]))]);
}

static char *
put_chars(char *o, const char *from, unsigned int n)
{
	unsigned int	 len = (unsigned int)strlen(from);

	while (n-- > 0)
		*o++ = from[roll(len)];
	*o = '\0';
	return o;
}

#define LOWER	"abcdefghijklmnopqrstuvwxyz"
#define UPPERS	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"
#define URL64	LOWER UPPERS DIGITS "-_"

static char *
put_email(char *o)
{
	o = put_chars(o, LOWER, 1);
	o = put_chars(o, LOWER UPPERS DIGITS "._+-", roll(20));
	o = put_chars(o, LOWER DIGITS, 1);
	*o++ = '@';
	o = put_chars(o, LOWER DIGITS, 1 + roll(12));
	*o++ = '.';
	if (roll(3) == 0) {
		o = put_chars(o, LOWER, 2 + roll(5));
		*o++ = '.';
	}
	return put_chars(o, LOWER, 2 + roll(4));
}

static char *
put_card(char *o)
{
	static const struct { const char *prefix; unsigned int n; } kinds[] = {
		{ "4", 16 }, { "4", 13 }, { "51", 16 }, { "55", 16 },
		{ "2221", 16 }, { "2720", 16 }, { "34", 15 }, { "37", 15 },
		{ "6011", 16 }, { "65", 16 }, { "36", 14 }, { "30", 14 },
		{ "3528", 16 }, { "62", 19 }, { "4", 19 } };
	unsigned int	 k = roll(sizeof(kinds) / sizeof(kinds[0])), i, v;
	unsigned int	 sum = 0, n = kinds[k].n, how = roll(3);
	char		 d[24];
	char		*e = d + sprintf(d, "%s", kinds[k].prefix);

	put_chars(e, DIGITS, n - 1 - (unsigned int)(e - d));
	for (i = 0; i < n - 1; i++) {
		v = (unsigned int)(d[n - 2 - i] - '0');
		if (i % 2 == 0 && (v *= 2) > 9)
			v -= 9;
		sum += v;
	}
	d[n - 1] = (char)('0' + (10 - sum % 10) % 10);
	for (i = 0; i < n; i++) {
		if (i > 0 && how > 0 && i % 4 == 0)
			*o++ = how == 1 ? ' ' : '-';
		*o++ = d[i];
	}
	*o = '\0';
	return o;
}

static char *
put_iban(char *o)
{
	static const struct { const char *cc; unsigned int n; } kinds[] = {
		{ "DE", 22 }, { "GB", 22 }, { "NO", 15 }, { "FR", 27 },
		{ "BE", 16 }, { "MT", 31 }, { "CH", 21 }, { "NL", 18 } };
	unsigned int	 k = roll(8), i, rest = 0, n = kinds[k].n, blanks;
	char		 d[40];

	sprintf(d, "%s00", kinds[k].cc);
	put_chars(d + 4, roll(2) == 0 ? DIGITS : DIGITS UPPERS, n - 4);
	for (i = 0; i < n; i++) {
		char	 c = d[(i + 4) % n];

		rest = c <= '9' ? (rest * 10 + (unsigned int)(c - '0')) % 97 :
		    (rest * 100 + (unsigned int)(c - 'A') + 10) % 97;
	}
	rest = 98 - rest;
	d[2] = (char)('0' + rest / 10);
	d[3] = (char)('0' + rest % 10);
	blanks = roll(2);
	for (i = 0; i < n; i++) {
		if (blanks && i > 0 && i % 4 == 0)
			*o++ = ' ';
		*o++ = d[i];
	}
	*o = '\0';
	return o;
}

static char *
put_phone(char *o)
{
	static const char *const seps[] = { "", " ", "-", "." };
	const char	*sep = seps[roll(4)];
	unsigned int	 i, n;

	if (roll(2) == 0) {
		sep = seps[1 + roll(3)];
		return o + sprintf(o, "%u%02u%s%u%02u%s%04u", 2 + roll(8),
		    roll(100), sep, 2 + roll(8), roll(100), sep, roll(10000));
	}
	o += sprintf(o, "+%u", 1 + roll(99));
	n = 2 + roll(2);
	for (i = 0; i < n; i++)
		o += sprintf(o, "%s%03u", sep, 100 + roll(900));
	return o + sprintf(o, "%s%02u", sep, 10 + roll(90));
}

static char *
put_value(char *o, enum content_pattern c)
{
	switch (c) {
	case CONTENT_email:
		return put_email(o);
	case CONTENT_card:
		return put_card(o);
	case CONTENT_ssn:
		return o + sprintf(o, roll(2) == 0 ? "%03u-%02u-%04u" :
		    "%03u %02u %04u", 1 + roll(600), 1 + roll(99),
		    1 + roll(9999));
	case CONTENT_iban:
		return put_iban(o);
	case CONTENT_phone:
		return put_phone(o);
	case CONTENT_jwt:
		o = put_chars(o + sprintf(o, "eyJ"), URL64, 10 + roll(60));
		*o++ = '.';
		o = put_chars(o + sprintf(o, "eyJ"), URL64, 10 + roll(200));
		*o++ = '.';
		return put_chars(o, URL64, 20 + roll(60));
	case CONTENT_aws_key:
		return put_chars(o + sprintf(o, roll(2) == 0 ? "AKIA" :
		    "ASIA"), UPPERS DIGITS, 16);
	default:
		o += sprintf(o, "-----BEGIN %sPRIVATE KEY-----\n",
		    roll(2) == 0 ? "" : "RSA ");
		o = put_chars(o, URL64, 100 + roll(300));
		return o + sprintf(o, "\n-----END PRIVATE KEY-----");
	}
}

/* What could stand directly before and behind a value. */
static const char *const befores[] = { " ", "\"", "(", ": ", "\t", "=", ",",
	"<", "'", "\n" };
static const char *const behinds[] = { " ", "\"", ")", ", ", "\t", "\n", ".",
	">", "'", "; " };

struct planted {
	size_t	 start, end;
	int	 pattern;
	bool	 hit;
};

static void
on_planted(void *ctx, enum content_pattern c, size_t start, size_t end)
{
	struct planted	*p = ctx;

	(void)c;
	if (start <= p->start && end >= p->end)
		p->hit = true;
}

START_TEST(planted_values_are_found)
{
	unsigned int	 i, k, missed = 0;
	struct planted	 p;
	char		 text[4096], *o;

	for (i = 0; i < 10000; i++) {
		o = text;
		for (k = roll(8); k > 0; k--) {
			o = put_word(o);
			*o++ = ' ';
		}
		k = roll(10);
		o += sprintf(o, "%s%s", "x", befores[k]);
		p.pattern = (int)(i % CONTENT_NPATTERNS);
		p.hit = false;
		p.start = (size_t)(o - text);
		o = put_value(o, (enum content_pattern)p.pattern);
		p.end = (size_t)(o - text);
		o += sprintf(o, "%s", behinds[roll(10)]);
		for (k = roll(8); k > 0; k--) {
			o = put_word(o);
			*o++ = ' ';
		}
		content_scan((uint8_t *)text, (size_t)(o - text), CONTENT_ALL,
		    on_planted, &p);
		if (!p.hit) {
			missed++;
			printf("%s missed in: %.*s\n",
			    content_name((unsigned int)p.pattern),
			    (int)(o - text), text);
			fflush(stdout);
		}
	}
	ck_assert_uint_eq(missed, 0);
}
END_TEST

/* What stands in texts besides words, and is none of the values. */
static char *
put_clean(char *o)
{
	switch (roll(10)) {
	case 0:
		return o + sprintf(o, "%u", roll(1000000));
	case 1:
		return o + sprintf(o, "20%02u-%02u-%02u %02u:%02u:%02u+00",
		    roll(30), 1 + roll(12), 1 + roll(28), roll(24), roll(60),
		    roll(60));
	case 2:
		return o + sprintf(o, "%u.%02u", roll(10000), roll(100));
	case 3:
		o = put_chars(o, "0123456789abcdef", 8);
		*o++ = '-';
		o = put_chars(o, "0123456789abcdef", 4);
		*o++ = '-';
		return put_chars(o, "0123456789abcdef", 12);
	case 4:
		return put_chars(o + sprintf(o, "https://shop.example/p/"),
		    LOWER DIGITS "/-", roll(30));
	case 5:
		return put_chars(o, LOWER UPPERS DIGITS "+/", roll(60));
	case 6:
		return put_chars(o, DIGITS, 10 + roll(12));
	case 7:
		return o + sprintf(o, "%u.%u.%u.%u", roll(256), roll(256),
		    roll(256), roll(256));
	case 8:
		return o + sprintf(o, "@%s v%u.%u.%u", words[roll(20)],
		    roll(9), roll(20), roll(20));
	default:
		return o + sprintf(o, "#%u-%u", roll(10000), roll(100000));
	}
}

START_TEST(false_positives)
{
	struct content_found	 f;
	unsigned int		 i, k;
	size_t			 bytes = 0, wrong = 0;
	char			 text[4096], all[200], *o;

	memset(&f, 0, sizeof(f));
	for (i = 0; i < 10000; i++) {
		o = text;
		for (k = 2 + roll(10); k > 0; k--) {
			o = roll(4) == 0 ? put_clean(o) : put_word(o);
			*o++ = ' ';
		}
		bytes += (size_t)(o - text);
		wrong += content_check((uint8_t *)text, (size_t)(o - text),
		    CONTENT_ALL, 0, &f) > 0;
	}
	content_describe(&f, all, sizeof(all));
	printf("false positives: %zu of 10000 texts, %zu bytes (%s)\n", wrong,
	    bytes, all);
	/* A number of 13 to 19 digits passes Luhn one time in ten. */
	ck_assert_uint_lt(wrong, 200);
}
END_TEST

/* Any bytes: nothing is read outside (the sanitizer says so), and all that is
 * found lies inside, in order. */
static void
on_any(void *ctx, enum content_pattern c, size_t start, size_t end)
{
	size_t	*v = ctx;

	(void)c;
	ck_assert_uint_ge(start, v[0]);
	ck_assert_uint_lt(start, end);
	ck_assert_uint_le(end, v[1]);
	v[0] = end;
}

START_TEST(any_bytes)
{
	static const char	 pick[] = "0123456789@@..--  ()+AKIASBEGJey"
				    "DE89aZ_%\xc3\xa9\n\t";
	unsigned int		 i, k;
	size_t			 v[2], n;
	uint8_t			*p;

	for (i = 0; i < 200000; i++) {
		n = roll(64);
		p = malloc(n + (n == 0));
		ck_assert_ptr_nonnull(p);
		for (k = 0; k < n; k++)
			p[k] = (uint8_t)(i % 3 == 0 ? roll(256) :
			    (unsigned char)pick[roll(sizeof(pick) - 1)]);
		v[0] = 0;
		v[1] = n;
		content_scan(p, n, CONTENT_ALL, on_any, v);
		free(p);
	}
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("content");
	TCase	*tc = tcase_create("content");
	SRunner	*sr;
	int	 failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, by_hand, 0,
	    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tc, asterisks);
	tcase_add_test(tc, planted_values_are_found);
	tcase_add_test(tc, false_positives);
	tcase_add_test(tc, any_bytes);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
