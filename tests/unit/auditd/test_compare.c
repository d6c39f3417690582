/*
 * Two answers: the same, the same in another order, or what differs.
 */
#include "answer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Recordings are not read here. */
size_t
recording_each(struct recording *r, int64_t stmt, recorded_fn *fn, void *ctx)
{
	(void)r;
	(void)stmt;
	(void)fn;
	(void)ctx;
	return 0;
}

const struct recorded_cut *
recording_cut(const struct recording *r, int64_t stmt)
{
	(void)r;
	(void)stmt;
	return NULL;
}

/*
 * "id,name|1,Ann|2,-" are rows ("-" is NULL), "=SELECT 2" a tag, "!42P01" an
 * error, "~hello" a notice, "<data" COPY's; parts are separated by ";".
 */
static void
add_rows(struct answer *a, char *spec)
{
	struct answer_part *p = NULL;
	char *row, *cell, *rows, *cells;
	size_t n, i;

	for (row = strtok_r(spec, "|", &rows); row != NULL;
	    row = strtok_r(NULL, "|", &rows)) {
		for (n = 1, i = 0; row[i] != '\0'; i++)
			n += row[i] == ',';
		if (p == NULL) {
			p = answer_add_rows(a, n, false);
			for (i = 0, cell = strtok_r(row, ",", &cells);
			    cell != NULL; cell = strtok_r(NULL, ",", &cells))
				answer_set_column(p, i++, cell, 25);
			continue;
		}
		for (cell = strtok_r(row, ",", &cells); cell != NULL;
		    cell = strtok_r(NULL, ",", &cells))
			answer_add_cell(p, cell, strcmp(cell, "-") == 0 ? -1 :
			    (int32_t)strlen(cell));
	}
}

static struct answer *
make(const char *spec)
{
	struct answer *a = answer_new();
	char *copy = strdup(spec), *part, *parts;

	for (part = strtok_r(copy, ";", &parts); part != NULL;
	    part = strtok_r(NULL, ";", &parts))
		switch (part[0]) {
		case '=':
			answer_add(a, ANSWER_TAG, part + 1);
			break;
		case '!':
			snprintf(answer_add(a, ANSWER_ERROR, "")->sqlstate, 6,
			    "%s", part + 1);
			break;
		case '~':
			answer_add(a, ANSWER_NOTICE, part + 1);
			break;
		case '<':
			answer_add_copy(a, part + 1, strlen(part + 1));
			break;
		default:
			add_rows(a, part);
		}
	free(copy);
	return a;
}

static const struct {
	const char	*was, *is;
	bool		 cut;
	enum answer_difference want;
	const char	*why;
} cases[] = {
	{ "", "", false, ANSWER_SAME, "" },
	{ "id,n|1,Ann|2,-;=SELECT 2", "id,n|1,Ann|2,-;=SELECT 2", false,
	    ANSWER_SAME, "" },
	{ "id|1|2;=SELECT 2", "id|2|1;=SELECT 2", false, ANSWER_ORDER, "" },
	{ "id|1|1|2", "id|1|2|2", false, ANSWER_DIFFERS,
	    "row 2, column id: it was '1', it is '2'" },
	{ "id,n|1,Ann|2,-", "id,n|1,Ann|2,x", false, ANSWER_DIFFERS,
	    "row 2, column n: it was NULL, it is 'x'" },
	{ "id|1|2", "id|1", false, ANSWER_DIFFERS,
	    "2 rows were recorded, 1 are there now" },
	{ "id|1", "id|1|2", false, ANSWER_DIFFERS,
	    "1 rows were recorded, 2 are there now" },
	{ "id|1", "nr|1", false, ANSWER_DIFFERS, "column 1 was id, it is nr" },
	{ "id|1", "id,n|1,x", false, ANSWER_DIFFERS,
	    "1 columns were recorded, 2 are there now" },
	{ "a,b|1,23", "a,b|12,3", false, ANSWER_DIFFERS,
	    "row 1, column a: it was '1', it is '12'" },
	{ "=UPDATE 1", "=UPDATE 2", false, ANSWER_DIFFERS,
	    "it was UPDATE 1, it is UPDATE 2" },
	{ "!42P01", "!42P01", false, ANSWER_SAME, "" },
	{ "!42P01", "!42501", false, ANSWER_DIFFERS,
	    "the error was 42P01, it is 42501" },
	{ "id|1;=SELECT 1", "!42P01", false, ANSWER_DIFFERS,
	    "it was rows, it is an error 42P01" },
	{ "~hello;=DO", "=DO;~other", false, ANSWER_SAME, "" },
	{ "=BEGIN", "=BEGIN;=COMMIT", false, ANSWER_DIFFERS,
	    "there is more to it than was recorded" },
	{ "=BEGIN;=COMMIT", "=BEGIN", false, ANSWER_DIFFERS,
	    "there is less to it than was recorded" },
	{ "<abc;=COPY 1", "<abc;=COPY 1", false, ANSWER_SAME, "" },
	{ "<abc;=COPY 1", "<abd;=COPY 1", false, ANSWER_DIFFERS,
	    "the data of COPY differ from byte 3 on" },
	/* Some of it was not recorded. */
	{ "id|1|2;=SELECT 4", "id|1|2|3|4;=SELECT 4", true, ANSWER_SAME, "" },
	{ "id|3|2;=SELECT 4", "id|1|2|3|4;=SELECT 4", true, ANSWER_ORDER, "" },
	{ "id|1|9;=SELECT 4", "id|1|2|3|4;=SELECT 4", true, ANSWER_DIFFERS,
	    "row 2, column id: it was '9', it is '2'" },
	{ "id|1|2;=SELECT 4", "id|1|2|3|4|5;=SELECT 5", true, ANSWER_DIFFERS,
	    "it was SELECT 4, it is SELECT 5" },
	{ "<ab;=COPY 2", "<abcd;=COPY 2", true, ANSWER_SAME, "" },
	{ "", "id|1;=SELECT 1", true, ANSWER_SAME, "" }
};

START_TEST(compared)
{
	static const struct recorded_cut cut;
	struct answer *was = make(cases[_i].was), *is = make(cases[_i].is);
	char why[256];

	if (cases[_i].cut)
		was->cut = &cut;
	ck_assert_msg(answer_compare(was, is, why, sizeof(why)) ==
	    cases[_i].want, "%s / %s: %s", cases[_i].was, cases[_i].is, why);
	ck_assert_str_eq(why, cases[_i].why);
	answer_free(&was);
	answer_free(&is);
}
END_TEST

static const char *
shown(uint32_t type, bool binary, const char *bytes, size_t len)
{
	static char text[64];
	struct answer *a = answer_new();
	struct answer_part *p = answer_add_rows(a, 1, binary);
	char scratch[64];
	const char *s;

	answer_set_column(p, 0, "x", type);
	answer_add_cell(p, bytes, (int32_t)len);
	s = answer_text(p, 0, 0, scratch, &len);
	snprintf(text, sizeof(text), "%.*s", (int)len, s);
	answer_free(&a);
	return text;
}

START_TEST(binary)
{
	ck_assert_str_eq(shown(23, true, "\377\377\377\376", 4), "-2");
	ck_assert_str_eq(shown(20, true, "\0\0\0\1\0\0\0\0", 8), "4294967296");
	ck_assert_str_eq(shown(21, true, "\0\7", 2), "7");
	ck_assert_str_eq(shown(16, true, "\1", 1), "t");
	ck_assert_str_eq(shown(25, true, "abc", 3), "abc");
	ck_assert_str_eq(shown(701, true, "\1\2", 2), "\\x0102");
	ck_assert_str_eq(shown(23, true, "\1", 1), "\\x01");
	ck_assert_str_eq(shown(23, false, "12", 2), "12");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("compare");
	TCase *t = tcase_create("compare");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, compared, 0,
	    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(t, binary);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
