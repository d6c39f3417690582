/*
 * Hours of the week, across midnight and both ends of summer time; networks of
 * both families and mapped addresses.
 */
#include "hours.h"
#include "network.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEEKDAYS	0x3e
#define ALL		0x7f
#define BERLIN		((char *)(uintptr_t)"Europe/Berlin")
#define UTC		((char *)(uintptr_t)"UTC")
#define H(n)		((n) * 60)

/* UTC, "2026-03-29 01:00". */
static time_t
at(const char *s)
{
	struct tm	tm = { 0 };

	ck_assert_int_eq(sscanf(s, "%d-%d-%d %d:%d", &tm.tm_year, &tm.tm_mon,
	    &tm.tm_mday, &tm.tm_hour, &tm.tm_min), 5);
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return timegm(&tm);
}

static uint64_t
left(const struct hours *h, size_t n, const char *when)
{
	return hours_left(h, n, at(when), UINT64_MAX);
}

START_TEST(test_words)
{
	struct hours	h = { 0, H(8), H(18) + 30, BERLIN };
	char		text[64];

	ck_assert_uint_eq(hours_days("mon"), 0x02);
	ck_assert_uint_eq(hours_days("mon-fri"), WEEKDAYS);
	ck_assert_uint_eq(hours_days("fri-mon"), 0x63);
	ck_assert_uint_eq(hours_days("mon-sun"), ALL);
	ck_assert_uint_eq(hours_days("Mon"), 0);
	ck_assert_uint_eq(hours_days("monday"), 0);
	ck_assert_uint_eq(hours_days("mon-"), 0);
	ck_assert_uint_eq(hours_days("mon-tue-wed"), 0);
	ck_assert_uint_eq(hours_days(""), 0);
	ck_assert_int_eq(hours_minutes("00:00"), 0);
	ck_assert_int_eq(hours_minutes("08:30"), 510);
	ck_assert_int_eq(hours_minutes("24:00"), 1440);
	ck_assert_int_eq(hours_minutes("24:01"), -1);
	ck_assert_int_eq(hours_minutes("08:60"), -1);
	ck_assert_int_eq(hours_minutes("8:30"), -1);
	ck_assert_int_eq(hours_minutes("08.30"), -1);
	ck_assert_int_eq(hours_minutes("08:3a"), -1);
	ck_assert(hours_zone_known("UTC"));
	ck_assert(hours_zone_known("Europe/Berlin"));
	ck_assert(!hours_zone_known("Europe/Atlantis"));
	ck_assert(!hours_zone_known("/etc/passwd"));
	ck_assert(!hours_zone_known("../../../etc/passwd"));
	ck_assert(!hours_zone_known("Europe"));
	ck_assert(!hours_zone_known(":UTC"));
	ck_assert(!hours_zone_known(""));
	ck_assert_int_eq(hours_instant("1970-01-02T00:00:01Z"), 86401);
	ck_assert_int_eq(hours_instant("2026-11-24T08:30:00Z"), 1795509000);
	ck_assert_int_eq(hours_instant("2026-11-24T08:30:00"), 0);
	ck_assert_int_eq(hours_instant("2026-11-24 08:30:00Z"), 0);
	ck_assert_int_eq(hours_instant("2026-13-24T08:30:00Z"), 0);
	ck_assert_int_eq(hours_instant("1960-01-01T00:00:00Z"), 0);
	ck_assert_int_eq(hours_instant(""), 0);
	h.days = 0x3e | 0x01;
	hours_text(&h, text, sizeof(text));
	ck_assert_str_eq(text, "mon-fri,sun 08:00-18:30 Europe/Berlin");
}
END_TEST

/* 2026-11-23 is a Monday; Berlin is an hour ahead in winter, two in summer. */
START_TEST(test_day)
{
	struct hours	h = { WEEKDAYS, H(8), H(18), BERLIN };

	ck_assert_uint_eq(left(&h, 1, "2026-11-23 06:59"), 0);
	ck_assert_uint_eq(left(&h, 1, "2026-11-23 07:00"), 36000);
	ck_assert_uint_eq(left(&h, 1, "2026-11-23 16:59"), 60);
	ck_assert_uint_eq(left(&h, 1, "2026-11-23 17:00"), 0);
	ck_assert_uint_eq(left(&h, 1, "2026-11-22 12:00"), 0);
	ck_assert_uint_eq(left(&h, 1, "2026-07-20 06:00"), 36000);
	ck_assert_uint_eq(left(&h, 1, "2026-07-20 05:59"), 0);
	ck_assert_uint_eq(hours_left(&h, 1, at("2026-11-23 07:00"), 36000),
	    UINT64_MAX);
	ck_assert_uint_eq(hours_left(&h, 1, at("2026-11-23 07:00") + 1,
	    36000), 35999);
	h.zone = (char *)(uintptr_t)"Europe/Atlantis";
	ck_assert_uint_eq(left(&h, 1, "2026-11-23 12:00"), 0);
}
END_TEST

START_TEST(test_midnight)
{
	struct hours	night = { 0x20, H(22), H(6), UTC };	/* Friday's */
	struct hours	all = { ALL, 0, H(24), UTC };
	struct hours	two[2] = { { 0x20, H(9), H(24), UTC },
			    { 0x40, 0, H(3), UTC } };
	struct hours	rev[2] = { two[1], two[0] };

	ck_assert_uint_eq(left(&night, 1, "2026-11-27 21:59"), 0);
	ck_assert_uint_eq(left(&night, 1, "2026-11-27 22:00"), 8 * 3600);
	ck_assert_uint_eq(left(&night, 1, "2026-11-28 05:59"), 60);
	ck_assert_uint_eq(left(&night, 1, "2026-11-28 06:00"), 0);
	/* The small hours of Friday are Thursday's night. */
	ck_assert_uint_eq(left(&night, 1, "2026-11-27 01:00"), 0);
	ck_assert_uint_eq(left(&night, 1, "2026-11-28 22:00"), 0);
	ck_assert_uint_eq(left(&all, 1, "2026-11-28 22:00"), UINT64_MAX);
	/* Where one ends the other begins. */
	ck_assert_uint_eq(left(two, 2, "2026-11-27 23:00"), 4 * 3600);
	ck_assert_uint_eq(left(two, 2, "2026-11-28 03:00"), 0);
	ck_assert_uint_eq(left(rev, 2, "2026-11-27 23:00"), 4 * 3600);
}
END_TEST

/* Clocks go from 02:00 to 03:00 on 2026-03-29, from 03:00 back on 2026-10-25. */
START_TEST(test_summer_time)
{
	struct hours	h = { 0x01, H(2), H(4), BERLIN };
	struct hours	gap = { 0x01, H(2), H(3), BERLIN };

	ck_assert_uint_eq(left(&h, 1, "2026-03-29 00:59"), 0);
	ck_assert_uint_eq(left(&h, 1, "2026-03-29 01:00"), 3600);
	ck_assert_uint_eq(left(&h, 1, "2026-03-29 02:00"), 0);
	ck_assert_uint_eq(left(&gap, 1, "2026-03-29 01:00"), 0);
	ck_assert_uint_eq(left(&h, 1, "2026-10-25 00:00"), 3 * 3600);
	ck_assert_uint_eq(left(&gap, 1, "2026-10-25 00:30"), 5400);
	ck_assert_uint_eq(left(&gap, 1, "2026-10-25 01:59"), 60);
	ck_assert_uint_eq(left(&gap, 1, "2026-10-25 02:00"), 0);
	/* A year that tables of transitions may not reach. */
	ck_assert_uint_eq(left(&h, 1, "2060-03-28 01:00"), 3600);
}
END_TEST

/* What the process had is there again. */
START_TEST(test_zone_restored)
{
	struct hours	h = { ALL, 0, H(24), BERLIN };
	time_t		t = at("2026-11-23 12:00");
	struct tm	tm;

	setenv("TZ", "America/New_York", 1);
	tzset();
	(void)hours_left(&h, 1, t, 10);
	ck_assert_str_eq(getenv("TZ"), "America/New_York");
	localtime_r(&t, &tm);
	ck_assert_int_eq(tm.tm_hour, 7);
	unsetenv("TZ");
	(void)hours_left(&h, 1, t, 10);
	ck_assert_ptr_null(getenv("TZ"));
}
END_TEST

static bool
in(const char *net, const char *peer)
{
	struct network	 n;
	const char	*why;

	ck_assert_msg(network_parse(net, &n, &why) == 0, "%s: %s", net, why);
	return network_any(&n, 1, peer);
}

static bool
bad(const char *net)
{
	struct network	 n;
	const char	*why = NULL;

	return network_parse(net, &n, &why) == -1 && why != NULL;
}

START_TEST(test_networks)
{
	struct network	 two[2];
	const char	*why;

	ck_assert(in("10.0.0.0/8", "10.255.0.1"));
	ck_assert(!in("10.0.0.0/8", "11.0.0.1"));
	ck_assert(in("192.0.2.128/25", "192.0.2.200"));
	ck_assert(!in("192.0.2.128/25", "192.0.2.100"));
	ck_assert(in("192.0.2.1", "192.0.2.1"));
	ck_assert(!in("192.0.2.1", "192.0.2.2"));
	ck_assert(in("0.0.0.0/0", "203.0.113.9"));
	ck_assert(in("2001:db8::/32", "[2001:db8:1::5]"));
	ck_assert(!in("2001:db8::/32", "[2001:db9::5]"));
	ck_assert(in("2001:db8::/33", "2001:db8::1"));
	ck_assert(!in("2001:db8::/33", "2001:db8:8000::1"));
	ck_assert(in("::1", "[::1]"));
	ck_assert(in("fe80::/10", "[fe80::1%eth0]"));
	/* The same address in another dress. */
	ck_assert(in("10.0.0.0/8", "[::ffff:10.1.2.3]"));
	ck_assert(in("::ffff:10.0.0.0/104", "10.1.2.3"));
	ck_assert(!in("10.0.0.0/8", "[::10.1.2.3]"));
	/* One family is not the other. */
	ck_assert(!in("::/0", "10.1.2.3"));
	ck_assert(!in("::/0", "[::ffff:10.1.2.3]"));
	ck_assert(!in("0.0.0.0/0", "[2001:db8::1]"));
	ck_assert(in("local", "unix:uid=0"));
	ck_assert(in("local", "unix"));
	ck_assert(!in("local", "127.0.0.1"));
	ck_assert(!in("0.0.0.0/0", "unix:uid=0"));
	ck_assert(!in("::/0", "unix"));
	/* What is no address is nowhere. */
	ck_assert(!in("0.0.0.0/0", "unknown"));
	ck_assert(!in("0.0.0.0/0", ""));
	ck_assert(!in("0.0.0.0/0", "1.2.3"));
	ck_assert(!in("0.0.0.0/0", "unixx"));

	ck_assert(bad("10.0.0.1/8"));
	ck_assert(bad("10.0.0.0/33"));
	ck_assert(bad("10.0.0.0/"));
	ck_assert(bad("10.0.0.0/-1"));
	ck_assert(bad("10.0.0.0/8x"));
	ck_assert(bad("10.0.0/8"));
	ck_assert(bad("2001:db8::1/64"));
	ck_assert(bad("2001:db8::/129"));
	ck_assert(bad("localhost"));
	ck_assert(bad(""));
	ck_assert(bad("/8"));

	network_parse("local", &two[0], &why);
	network_parse("10.0.0.0/8", &two[1], &why);
	ck_assert(network_any(two, 2, "10.0.0.1"));
	ck_assert(network_any(two, 2, "unix"));
	ck_assert(!network_any(two, 2, "11.0.0.1"));
	ck_assert(!network_any(two, 0, "10.0.0.1"));
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("limits");
	TCase	*t = tcase_create("limits");
	SRunner	*r;
	int	 failed;

	tcase_add_test(t, test_words);
	tcase_add_test(t, test_day);
	tcase_add_test(t, test_midnight);
	tcase_add_test(t, test_summer_time);
	tcase_add_test(t, test_zone_restored);
	tcase_add_test(t, test_networks);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
