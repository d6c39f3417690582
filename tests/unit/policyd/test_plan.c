/*
 * What the keeper reads for an estimate: plans as PostgreSQL prints them, and
 * parameters as a client's Bind has them, whole or damaged.
 */
#include "bind.h"
#include "plan.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define NODE(type, how, cost, rows, more)				\
	"{\"Node Type\": \"" type "\"," how "\"Total Cost\": " cost	\
	", \"Plan Rows\": " rows more "}"
#define OUTER	"\"Parent Relationship\": \"Outer\","
#define INIT	"\"Parent Relationship\": \"InitPlan\","
#define PLANS(x)	",\"Plans\":[" x "]"
#define TOP(x)	"[{\"Plan\": " x "}]"

static const struct {
	const char	*json;
	int		 rc;
	uint64_t	 rows, cost;
} plans[] = {
	{ TOP(NODE("Seq Scan", "", "12.01", "7", "")), 0, 7, 13 },
	{ TOP(NODE("ModifyTable", "", "5", "0", PLANS(NODE("Seq Scan", OUTER,
	    "5", "40000", "")))), 0, 40000, 5 },
	/* RETURNING, and a join below. */
	{ TOP(NODE("ModifyTable", "", "5", "3", PLANS(NODE("Hash Join", OUTER,
	    "5", "3", PLANS(NODE("Seq Scan", OUTER, "5", "9", "")))))), 0, 3,
	    5 },
	/* WITH: what they touch counts together. */
	{ TOP(NODE("Aggregate", "", "9", "1", PLANS(NODE("ModifyTable", INIT,
	    "5", "10", PLANS(NODE("Seq Scan", OUTER, "5", "10", ""))) ","
	    NODE("ModifyTable", INIT, "5", "0", PLANS(NODE("Seq Scan", OUTER,
	    "5", "20", ""))) "," NODE("CTE Scan", OUTER, "1", "10", "")))), 0,
	    30, 9 },
	{ TOP(NODE("ModifyTable", "", "5", "0", PLANS(NODE("Seq Scan", INIT,
	    "5", "999", "") "," NODE("Result", OUTER, "1", "1", "")))), 0, 1,
	    5 },
	{ TOP(NODE("Seq Scan", "", "1e300", "1e300", "")), 0,
	    1000000000000000, 1000000000000000 },
	{ TOP(NODE("Seq Scan", "", "-1", "7", "")), -1, 0, 0 },
	{ TOP(NODE("Seq Scan", "", "1", "\"7\"", "")), -1, 0, 0 },
	{ TOP(NODE("ModifyTable", "", "5", "0", PLANS("{" OUTER
	    "\"x\": 1}"))), -1, 0, 0 },
	{ TOP(NODE("ModifyTable", "", "5", "0", ",\"Plans\": 7")), -1, 0, 0 },
	{ TOP("[]"), -1, 0, 0 },
	{ "[]", -1, 0, 0 },
	{ "{}", -1, 0, 0 },
	{ "", -1, 0, 0 },
	{ "[{\"Plan\":", -1, 0, 0 },
};

START_TEST(plan)
{
	uint64_t	 rows, cost;

	ck_assert_int_eq(plan_read(plans[_i].json, &rows, &cost),
	    plans[_i].rc);
	if (plans[_i].rc == 0) {
		ck_assert_uint_eq(rows, plans[_i].rows);
		ck_assert_uint_eq(cost, plans[_i].cost);
	}
}
END_TEST

#define B(s)	slice_of(s, sizeof(s) - 1)

START_TEST(bound)
{
	static const char	 whole[] = "\0\3\0\0\0\1\0\0" "\0\3"
				    "\0\0\0\2ab" "\0\0\0\4\0\0\0\7"
				    "\377\377\377\377" "\0\0";
	struct bind		 b;
	size_t			 n;

	ck_assert_int_eq(bind_read(&b, B(""), B("")), 0);
	ck_assert_uint_eq(b.n, 0);
	bind_clear(&b);
	ck_assert_int_eq(bind_read(&b, B("\0\2\0\0\0\31\0\0\0\27"),
	    B(whole)), 0);
	ck_assert_uint_eq(b.n, 3);
	ck_assert_str_eq(b.values[0], "ab");
	ck_assert_int_eq(b.lengths[1], 4);
	ck_assert_int_eq(b.values[1][3], 7);
	ck_assert_ptr_null(b.values[2]);
	ck_assert_uint_eq(b.types[0], 25);
	ck_assert_uint_eq(b.types[1], 23);
	ck_assert_uint_eq(b.types[2], 0);
	ck_assert_int_eq(b.formats[0] | b.formats[2], 0);
	ck_assert_int_eq(b.formats[1], 1);
	bind_clear(&b);
	/* Cut anywhere before its last value. */
	for (n = 1; n < sizeof(whole) - 3; n++) {
		ck_assert_int_eq(bind_read(&b, B(""), slice_of(whole, n)),
		    -1);
		bind_clear(&b);
	}
	/* One format for all. */
	ck_assert_int_eq(bind_read(&b, B(""), B("\0\1\0\1\0\2\0\0\0\1a"
	    "\0\0\0\0\0\0")), 0);
	ck_assert_int_eq(b.formats[0] & b.formats[1], 1);
	bind_clear(&b);
}
END_TEST

static const struct {
	const char	*types, *params;
	size_t		 ntypes, nparams;
} bad[] = {
#define BAD(t, p)	{ t, p, sizeof(t) - 1, sizeof(p) - 1 }
	BAD("", "\0\0\0\1\0\0\0\2a\0\0\0"),	/* text with a NUL */
	BAD("", "\0\1\0\2\0\1\0\0\0\1a\0\0"),	/* format 2 */
	BAD("", "\0\2\0\0\0\0\0\1\0\0\0\1a\0\0"), /* two for one */
	BAD("", "\0\0\377\377\0\0"),
	BAD("", "\0\0\0\1\177\377\377\377a\0\0"),
	BAD("\0\2\0\0\0\31", "\0\0\0\1\0\0\0\1a\0\0"),
	BAD("\0\0\0", "\0\0\0\1\0\0\0\1a\0\0"),
};

START_TEST(damaged)
{
	struct bind	 b;

	ck_assert_int_eq(bind_read(&b, slice_of(bad[_i].types,
	    bad[_i].ntypes), slice_of(bad[_i].params, bad[_i].nparams)), -1);
	bind_clear(&b);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("plan");
	TCase	*t = tcase_create("plan");
	SRunner	*r;
	int	 failed;

	tcase_add_loop_test(t, plan, 0, sizeof(plans) / sizeof(plans[0]));
	tcase_add_test(t, bound);
	tcase_add_loop_test(t, damaged, 0, sizeof(bad) / sizeof(bad[0]));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
