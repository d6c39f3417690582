/*
 * rows_over and cost_over in the judge: what is asked about, what is decided
 * without an estimate, by one, and when there is none.
 */
#include "judge.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "shop.h"

static const struct verdict *
told(const char *profile, const char *text, enum estimate_state state,
    uint64_t rows, uint64_t cost)
{
	struct judge_ask	 ask;

	memset(&ask, 0, sizeof(ask));
	ask.form = JUDGE_QUERY;
	ask.text = text;
	ask.len = strlen(text);
	ask.estimate.state = state;
	ask.estimate.rows = rows;
	ask.estimate.cost = cost;
	return shop_judge_ask(profile, &ask);
}

/* Without one: ASKED, or the rule that decides with no estimate at all. */
#define ASKED	NULL
static const struct {
	const char	*profile, *text, *rule;
} first[] = {
	{ "sized", "UPDATE orders SET status = 'x' WHERE id = 1", ASKED },
	{ "sized", "UPDATE orders SET status = upper(status)", ASKED },
	{ "sized", "SELECT * FROM orders", ASKED },
	{ "sized", "VALUES (1), (2)", ASKED },
	{ "sized", "INSERT INTO orders (id) SELECT id FROM orders", ASKED },
	{ "sized", "DELETE FROM orders", ASKED },
	{ "sized", "WITH d AS (DELETE FROM orders RETURNING 1) SELECT * FROM "
	    "d", ASKED },
	/* Nothing is planned. */
	{ "sized", "BEGIN", "all" },
	{ "sized", "SET work_mem = '1MB'", "all" },
	{ "sized", "SHOW work_mem", "all" },
	{ "sized", "EXPLAIN UPDATE orders SET status = 'x'", "all" },
	{ "sized", "", "all" },
	/* It could run somebody's code, or mean something else, or cannot be
	 * asked about: large. */
	{ "sized", "SELECT mine(1) FROM orders", "large" },
	{ "sized", "SELECT lower(status) FROM orders", "large" },
	{ "sized", "UPDATE orders SET status = mine(status)", "large" },
	{ "sized", "SELECT 1 FROM nowhere", "large" },
	{ "sized", "SELECT 1; SELECT 2", "large" },
	{ "sized", "EXPLAIN ANALYZE UPDATE orders SET status = 'x'", "large" },
	{ "sized", "COPY orders FROM STDIN", "large" },
	{ "sized", "DO $$ BEGIN END $$", "large" },
	{ "sized", "CREATE TABLE x AS SELECT * FROM orders", "large" },
	{ "sized", "ALTER TABLE orders ADD x int DEFAULT 1", "large" },
	{ "sizedfree", "SELECT * FROM orders", "large" },
	{ "sizedfree", "SELECT * FROM public.orders", ASKED },
	{ "sizedmask", "SELECT * FROM orders", ASKED },
	{ "sizedmask", "SELECT id FROM customers", "large" },
	{ "dba", "SELECT * FROM orders", "everything" },
};

START_TEST(unasked)
{
	const struct verdict	*v = shop_judge(first[_i].profile,
				    first[_i].text);

	if (first[_i].rule == ASKED) {
		ck_assert_msg((v->flags & VERDICT_ESTIMATE) != 0, "%s: %s, %s",
		    first[_i].text, v->rule, v->message);
		ck_assert_int_ne(v->action, VERDICT_DENY);
		return;
	}
	ck_assert_int_eq(v->flags & VERDICT_ESTIMATE, 0);
	ck_assert_msg(strcmp(v->rule, first[_i].rule) == 0, "%s: %s",
	    first[_i].text, v->rule);
}
END_TEST

START_TEST(by_it)
{
	static const char	 update[] = "UPDATE orders SET status = 'x'";
	static const char	 delete[] = "DELETE FROM orders";
	const struct verdict	*v;

	v = told("sized", update, ESTIMATE_KNOWN, 1000, 50000);
	ck_assert_str_eq(v->rule, "all");
	ck_assert_str_eq(v->tags, "rows:1000, cost:50000");
	/* Of this estimate only. */
	ck_assert_int_eq(v->flags & (VERDICT_CACHEABLE | VERDICT_HOLD |
	    VERDICT_ESTIMATE), 0);
	v = told("sized", update, ESTIMATE_KNOWN, 1001, 1);
	ck_assert_str_eq(v->rule, "large");
	ck_assert_int_ne(v->flags & VERDICT_HOLD, 0);
	v = told("sized", update, ESTIMATE_KNOWN, 1, 50001);
	ck_assert_str_eq(v->rule, "costly");
	ck_assert_int_eq(v->action, VERDICT_DENY);
	v = told("sized", update, ESTIMATE_FAILED, 0, 0);
	ck_assert_str_eq(v->rule, "large");
	ck_assert_str_eq(v->tags, "rows:unknown");
	/* Leave for what is small. */
	v = told("sized", delete, ESTIMATE_KNOWN, 10, 1);
	ck_assert_str_eq(v->rule, "small");
	v = told("sized", delete, ESTIMATE_KNOWN, 11, 1);
	ck_assert_str_eq(v->rule, "no-deletes");
	/* What no estimate has a part in does not change by one. */
	v = told("dba", update, ESTIMATE_FAILED, 0, 0);
	ck_assert_int_eq(v->action, VERDICT_ALLOW);
	ck_assert_str_eq(v->tags, "");
	ck_assert_int_ne(v->flags & VERDICT_CACHEABLE, 0);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("estimable");
	TCase	*t = tcase_create("estimable");
	SRunner	*r;
	int	 failed;

	tcase_add_loop_test(t, unasked, 0, sizeof(first) / sizeof(first[0]));
	tcase_add_test(t, by_it);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
