/*
 * The pipeline and the names: what the gateway believes of the server's state
 * must be what the server's state is, through success, failure and skipping.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "pipeline.h"

static struct pipeline p;
static struct names *stmts, *portals;
static size_t total;

static void
setup(void)
{
	pipe_init(&p);
	stmts = names_new();
	portals = names_new();
}

static void
teardown(void)
{
	pipe_clear(&p);
	names_free(&stmts);
	names_free(&portals);
}

static struct pipe_entry *
parse(const char *name, uint64_t number)
{
	struct stmt *st = stmt_new(number, (const uint8_t *)"x", 1, NULL, &total);
	struct pipe_entry *e = pipe_push(&p, 'P', NULL);

	e->stmt = number;
	e->unnamed = *name == '\0';
	ck_assert_int_eq(pipe_change(&p, e, stmts, name, st), 0);
	stmt_unref(&st);
	return e;
}

static struct pipe_entry *
push(uint8_t type)
{
	return pipe_push(&p, type, NULL);
}

/* The number that a name stands for; 0: nothing; -1: unsure. */
static int
number(const char *name)
{
	struct stmt *st;

	switch (names_get(stmts, name, p.segment, &st)) {
	case NAME_NONE:
		return 0;
	case NAME_UNSURE:
		return -1;
	case NAME_KNOWN:
		break;
	}
	return (int)st->number;
}

static void
ready(void)
{
	uint64_t segment;

	ck_assert_int_eq(pipe_ready(&p, &segment), 0);
}

START_TEST(test_parse_confirmed)
{
	parse("a", 1);
	push('S');
	/* After the Sync, before the answer: who knows. */
	ck_assert_int_eq(number("a"), -1);
	pipe_pop(&p);
	ck_assert_int_eq(number("a"), 1);
	ready();
	ck_assert_int_eq(number("a"), 1);
	ck_assert_uint_eq(p.n, 0);
}
END_TEST

START_TEST(test_parse_refused_keeps_the_old)
{
	parse("a", 1);
	pipe_pop(&p);
	parse("a", 2);		/* 42P05: already exists */
	ck_assert_int_eq(number("a"), 2);
	push('S');
	pipe_fail(&p, "42P05", "exists");
	ck_assert_int_eq(number("a"), -1);
	ready();
	ck_assert_int_eq(number("a"), 1);
}
END_TEST

START_TEST(test_skipped_changes_undone_newest_first)
{
	struct pipe_entry *e;

	parse("a", 1);
	pipe_pop(&p);
	push('E');		/* will fail */
	e = push('C');
	ck_assert_int_eq(pipe_change(&p, e, stmts, "a", NULL), 0);
	parse("a", 2);
	parse("b", 3);
	ck_assert_int_eq(number("a"), 2);
	push('S');
	pipe_fail(&p, "22012", "division by zero");
	ready();
	ck_assert_int_eq(number("a"), 1);
	ck_assert_int_eq(number("b"), 0);
}
END_TEST

START_TEST(test_unnamed_parse_failure_destroys)
{
	parse("", 1);
	pipe_pop(&p);
	parse("", 2);
	push('S');
	pipe_fail(&p, "42601", "syntax error");
	ready();
	ck_assert_int_eq(number(""), 0);
}
END_TEST

START_TEST(test_unnamed_parse_skipped_survives)
{
	parse("", 1);
	pipe_pop(&p);
	push('E');
	parse("", 2);
	push('S');
	pipe_fail(&p, "22012", "division by zero");
	ready();
	ck_assert_int_eq(number(""), 1);
}
END_TEST

START_TEST(test_close_then_parse_again)
{
	struct pipe_entry *e;

	parse("a", 1);
	pipe_pop(&p);
	e = push('C');
	pipe_change(&p, e, stmts, "a", NULL);
	ck_assert_int_eq(number("a"), 0);
	parse("a", 2);
	push('S');
	pipe_pop(&p);		/* CloseComplete */
	pipe_pop(&p);		/* ParseComplete */
	ready();
	ck_assert_int_eq(number("a"), 2);
}
END_TEST

START_TEST(test_second_segment_after_error)
{
	push('E');
	push('S');
	parse("a", 5);
	push('S');
	pipe_fail(&p, "22012", "x");
	ck_assert(p.skipping);
	ready();
	ck_assert(!p.skipping);
	pipe_pop(&p);
	ready();
	ck_assert_int_eq(number("a"), 5);
}
END_TEST

START_TEST(test_failed_segment_under_a_newer_change)
{
	parse("", 1);		/* P0: confirmed */
	pipe_pop(&p);
	push('E');
	push('E');		/* fails */
	parse("", 2);		/* skipped */
	push('S');
	parse("", 3);		/* in the next segment */
	push('S');
	pipe_pop(&p);
	pipe_fail(&p, "34000", "no such portal");
	ready();
	pipe_pop(&p);
	ready();
	ck_assert_int_eq(number(""), 3);
}
END_TEST

START_TEST(test_long_names_are_cut)
{
	char a[70], b[70];

	memset(a, 'n', 64);
	memset(b, 'n', 64);
	strcpy(a + 63, "x");
	strcpy(b + 63, "y");
	parse(a, 1);
	pipe_pop(&p);
	ck_assert_int_eq(number(b), 1);
}
END_TEST

START_TEST(test_named_failure_keeps_the_unnamed)
{
	parse("", 1);
	pipe_pop(&p);
	parse("a", 2);
	push('S');
	pipe_fail(&p, "42601", "syntax error");
	ready();
	ck_assert_int_eq(number(""), 1);
}
END_TEST

START_TEST(test_text_is_bounded)
{
	struct stmt *st;

	total = STMT_BYTES - 3;
	ck_assert_ptr_null(stmt_new(1, (const uint8_t *)"abcd", 4, NULL,
	    &total));
	ck_assert_ptr_nonnull(st = stmt_new(1, (const uint8_t *)"abc", 3, NULL,
	    &total));
	stmt_unref(&st);
	ck_assert_uint_eq(total, STMT_BYTES - 3);
	total = 0;
}
END_TEST

START_TEST(test_out_of_turn)
{
	uint64_t segment;

	ck_assert_int_eq(pipe_ready(&p, &segment), -1);
	push('E');
	push('S');
	ck_assert_int_eq(pipe_ready(&p, &segment), -1);
}
END_TEST

START_TEST(test_outcomes)
{
	struct pipe_entry *e;

	push('E')->stmt = 1;
	push('E')->stmt = 2;
	push('E')->stmt = 3;
	push('S');
	pipe_pop(&p);
	pipe_fail(&p, "22012", "boom");
	ready();
	e = pipe_outcome(&p);
	ck_assert_uint_eq(e->stmt, 1);
	ck_assert(e->answered && !e->failed);
	pipe_entry_free(&e);
	e = pipe_outcome(&p);
	ck_assert_uint_eq(e->stmt, 2);
	ck_assert(e->failed);
	ck_assert_str_eq(e->sqlstate, "22012");
	pipe_entry_free(&e);
	e = pipe_outcome(&p);
	ck_assert_uint_eq(e->stmt, 3);
	ck_assert(!e->answered);
	pipe_entry_free(&e);
	ck_assert_ptr_null(pipe_outcome(&p));
}
END_TEST

START_TEST(test_portals_expire)
{
	struct stmt *st = stmt_new(1, (const uint8_t *)"x", 1, NULL, &total), *got;
	struct pipe_entry *e = push('B');
	uint64_t segment;

	pipe_change(&p, e, portals, "c", st);
	push('S');
	pipe_pop(&p);
	ck_assert_int_eq(pipe_ready(&p, &segment), 0);
	ck_assert_int_eq(names_get(portals, "c", p.segment, &got), NAME_KNOWN);
	names_expire(portals, segment + 1);
	ck_assert_int_eq(names_get(portals, "c", p.segment, &got), NAME_NONE);
	stmt_unref(&st);
}
END_TEST

/* A Query that never ran takes the unnamed statement with it, and no portal. */
START_TEST(test_query_unrun)
{
	struct stmt *st = stmt_new(1, (const uint8_t *)"x", 1, NULL, &total), *got;
	struct pipe_entry *e = parse("", 2);

	pipe_pop(&p);
	e = push('B');
	pipe_change(&p, e, portals, "", st);
	pipe_pop(&p);
	e = push('Q');
	pipe_change(&p, e, stmts, "", NULL);
	pipe_change(&p, e, portals, "", NULL);
	ck_assert_int_eq(names_get(portals, "", p.segment, &got), NAME_NONE);
	pipe_fail(&p, "42703", "no such column");
	pipe_unrun(&p);
	ready();
	ck_assert_int_eq(names_get(portals, "", p.segment, &got), NAME_KNOWN);
	ck_assert_ptr_eq(got, st);
	ck_assert_int_eq(number(""), 0);
	stmt_unref(&st);
}
END_TEST

START_TEST(test_many_names)
{
	struct name_change ch;
	struct stmt *st = stmt_new(7, (const uint8_t *)"x", 1, NULL, &total), *got;
	char name[16];
	int i;

	for (i = 0; i < NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		ck_assert_int_eq(names_set(stmts, name, st, 0, &ch), 0);
		names_confirm(stmts, &ch);
	}
	ck_assert_int_eq(names_set(stmts, "one more", st, 0, &ch), -1);
	ck_assert_int_eq(names_get(stmts, "n4711", 0, &got), NAME_KNOWN);
	stmt_unref(&st);
}
END_TEST

/* Tags of one segment ("!": failed), the status, what is said of each. */
static const struct {
	const char	*tags[4];
	uint8_t		 status;
	const char	*want[4];
} fates[] = {
	{ { "SELECT 1" }, 'I', { "committed" } },
	{ { "!" }, 'I', { "rolled back" } },
	{ { "BEGIN" }, 'T', { "open" } },
	{ { "!" }, 'E', { "failed" } },
	{ { "COMMIT" }, 'I', { "committed" } },
	{ { "ROLLBACK" }, 'I', { "rolled back" } },
	/* to a savepoint */
	{ { "ROLLBACK" }, 'T', { "open" } },
	{ { "INSERT 0 1", "INSERT 0 1" }, 'I', { "committed", "committed" } },
	{ { "INSERT 0 1", "!" }, 'I', { "rolled back", "rolled back" } },
	{ { "BEGIN", "INSERT 0 1", "COMMIT", "!" }, 'I',
	    { "committed", "committed", "committed", "rolled back" } },
	{ { "INSERT 0 1", "ROLLBACK", "INSERT 0 1" }, 'I',
	    { "partly", "partly", "committed" } },
	{ { "INSERT 0 1", "ROLLBACK", "BEGIN" }, 'T',
	    { "partly", "partly", "open" } },
	{ { "BEGIN", "INSERT 0 1", "ROLLBACK" }, 'I',
	    { "rolled back", "rolled back", "rolled back" } },
	{ { "INSERT 0 1", "PREPARE TRANSACTION" }, 'I',
	    { "prepared", "prepared" } }
};

START_TEST(test_fates)
{
	struct pipe_entry *e;
	size_t i;

	for (i = 0; i < 4 && fates[_i].tags[i] != NULL; i++) {
		e = push('E');
		e->stmt = i + 1;
		if (fates[_i].tags[i][0] == '!')
			e->failed = true;
		else
			snprintf(e->tag, sizeof(e->tag), "%s",
			    fates[_i].tags[i]);
		pipe_pop(&p);
	}
	pipe_transaction(&p, fates[_i].status);
	for (i = 0; (e = pipe_outcome(&p)) != NULL; i++) {
		ck_assert_str_eq(e->transaction, fates[_i].want[i]);
		pipe_entry_free(&e);
	}
}
END_TEST

/* Several transactions in one text: its last tag is not all. */
START_TEST(test_fate_of_a_text)
{
	struct pipe_entry *e = push('Q');

	e->stmt = 1;
	e->commits = e->failed = true;
	strcpy(e->tag, "COMMIT");
	pipe_pop(&p);
	pipe_transaction(&p, 'I');
	e = pipe_outcome(&p);
	ck_assert_str_eq(e->transaction, "partly");
	pipe_entry_free(&e);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pipeline");
	TCase *c = tcase_create("pipeline");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, test_parse_confirmed);
	tcase_add_test(c, test_parse_refused_keeps_the_old);
	tcase_add_test(c, test_skipped_changes_undone_newest_first);
	tcase_add_test(c, test_unnamed_parse_failure_destroys);
	tcase_add_test(c, test_unnamed_parse_skipped_survives);
	tcase_add_test(c, test_close_then_parse_again);
	tcase_add_test(c, test_second_segment_after_error);
	tcase_add_test(c, test_failed_segment_under_a_newer_change);
	tcase_add_test(c, test_long_names_are_cut);
	tcase_add_test(c, test_named_failure_keeps_the_unnamed);
	tcase_add_test(c, test_text_is_bounded);
	tcase_add_test(c, test_out_of_turn);
	tcase_add_test(c, test_outcomes);
	tcase_add_loop_test(c, test_fates, 0,
	    (int)(sizeof(fates) / sizeof(fates[0])));
	tcase_add_test(c, test_fate_of_a_text);
	tcase_add_test(c, test_portals_expire);
	tcase_add_test(c, test_query_unrun);
	tcase_add_test(c, test_many_names);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
