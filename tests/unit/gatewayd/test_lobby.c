/*
 * The lobby: a limit for each address, the patient go first, the rest stay.
 */
#include "lobby.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>

static struct lobby	*l;
static struct lobby_seat out;

static int
enter(const char *addr, uint32_t worker, uint32_t attempt, uint64_t limit,
    uint64_t now)
{
	struct lobby_seat	seat = { worker, attempt, worker >= 100 };
	uint8_t			a[16];

	ck_assert_int_eq(inet_pton(AF_INET6, addr, a), 1);
	out.worker = out.attempt = 0;
	return lobby_enter(l, a, seat, limit, now, &out);
}

static void
setup(void)
{
	l = lobby_new();
	ck_assert_ptr_nonnull(l);
}

static void
teardown(void)
{
	lobby_free(&l);
	ck_assert_ptr_null(l);
}

START_TEST(test_limit)
{
	uint32_t	i;

	for (i = 1; i <= 3; i++)
		ck_assert_int_eq(enter("::ffff:192.0.2.1", i, 1, 3, 1000), 0);
	/* The fourth, while nobody has waited long. */
	ck_assert_int_eq(enter("::ffff:192.0.2.1", 4, 1, 3,
	    999 + LOBBY_PATIENCE), 1);
	ck_assert_uint_eq(out.worker, 4);
	ck_assert_uint_eq(lobby_count(l), 3);
	/* Another address is another matter. */
	ck_assert_int_eq(enter("::ffff:192.0.2.2", 5, 1, 3, 1000), 0);
	/* Then the first one goes, and the next. */
	ck_assert_int_eq(enter("::ffff:192.0.2.1", 6, 7, 3,
	    1000 + LOBBY_PATIENCE), 1);
	ck_assert_uint_eq(out.worker, 1);
	ck_assert_int_eq(enter("::ffff:192.0.2.1", 6, 8, 3,
	    1000 + LOBBY_PATIENCE), 1);
	ck_assert_uint_eq(out.worker, 2);
	ck_assert_uint_eq(lobby_count(l), 4);
	/* The same seat twice is a worker's error. */
	ck_assert_int_eq(enter("::ffff:192.0.2.1", 6, 8, 9, 1000), -1);
}
END_TEST

START_TEST(test_leave)
{
	struct lobby_seat	seat = { 1, 2, false };
	uint32_t		i;

	for (i = 1; i <= 3; i++)
		ck_assert_int_eq(enter("::ffff:192.0.2.1", 1, i, 3, 0), 0);
	lobby_leave(l, seat);
	lobby_leave(l, seat);
	ck_assert_uint_eq(lobby_count(l), 2);
	ck_assert_int_eq(enter("::ffff:192.0.2.1", 2, 1, 3, 0), 0);
	lobby_leave_all(l, 1);
	ck_assert_uint_eq(lobby_count(l), 1);
	ck_assert_int_eq(enter("::ffff:192.0.2.1", 3, 1, 2, 0), 0);
	ck_assert_int_eq(enter("::ffff:192.0.2.1", 3, 2, 1, 5000), 1);
	ck_assert_uint_eq(out.worker, 2);
}
END_TEST

START_TEST(test_prefix)
{
	ck_assert_int_eq(enter("2001:db8:1:2::1", 1, 1, 1, 0), 0);
	ck_assert_int_eq(enter("2001:db8:1:2:ffff::2", 2, 1, 1, 0), 1);
	ck_assert_int_eq(enter("2001:db8:1:3::1", 3, 1, 1, 0), 0);
	/* Of IPv4 all of it counts. */
	ck_assert_int_eq(enter("::ffff:192.0.2.1", 4, 1, 1, 0), 0);
	ck_assert_int_eq(enter("::ffff:192.0.2.2", 5, 1, 1, 0), 0);
}
END_TEST

/* Whoever waits longest, of whatever address; shared workers for themselves. */
START_TEST(test_room)
{
	struct lobby_seat	seat;
	uint64_t		late = 100 + LOBBY_ROOM;

	ck_assert(!lobby_make_room(l, 0, late, &seat));
	ck_assert_int_eq(enter("::ffff:192.0.2.9", 100, 1, 9, 1), 0);
	ck_assert_int_eq(enter("::ffff:192.0.2.9", 101, 1, 9, 2), 0);
	ck_assert_int_eq(enter("::ffff:192.0.2.9", 101, 2, 9, 3), 0);
	ck_assert(!lobby_make_room(l, 0, late, &seat));
	ck_assert_int_eq(enter("::ffff:192.0.2.1", 2, 1, 9, 30), 0);
	ck_assert_int_eq(enter("::ffff:192.0.2.2", 3, 1, 9, 20), 0);
	ck_assert_int_eq(enter("::ffff:192.0.2.2", 4, 1, 9, 101), 0);
	ck_assert(lobby_make_room(l, 0, late, &seat));
	ck_assert_uint_eq(seat.worker, 3);
	ck_assert(lobby_make_room(l, 0, late, &seat));
	ck_assert_uint_eq(seat.worker, 2);
	/* The last came less than a second ago. */
	ck_assert(!lobby_make_room(l, 0, late, &seat));
	ck_assert(lobby_make_room(l, 101, late, &seat));
	ck_assert_uint_eq(seat.worker, 101);
	ck_assert_uint_eq(seat.attempt, 1);
	ck_assert(!lobby_make_room(l, 102, late, &seat));
	ck_assert_uint_eq(lobby_count(l), 3);
}
END_TEST

int
main(void)
{
	SRunner	*sr;
	Suite	*s;
	TCase	*tc;
	int	 failed;

	s = suite_create("lobby");
	tc = tcase_create("lobby");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_limit);
	tcase_add_test(tc, test_leave);
	tcase_add_test(tc, test_prefix);
	tcase_add_test(tc, test_room);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
