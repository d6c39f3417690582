/*
 * Two answers to the same statement: do they say the same?  Run by auditctl
 * replay --against.  Pure; what is quoted in the reason is as it came, and is
 * made visible by who prints it.
 */
#include "answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"

#define QUOTED	60	/* of a cell, in a reason */

struct said {
	char	*why;
	size_t	 size;
};

static enum answer_difference differs(const struct said *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static enum answer_difference
differs(const struct said *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why, s->size, fmt, ap);
	va_end(ap);
	return ANSWER_DIFFERS;
}

static bool
counts(const struct answer_part *p)
{
	return p->kind != ANSWER_NOTICE && p->kind != ANSWER_NOTIFY;
}

static const struct answer_part *
next(const struct answer *a, size_t *i)
{
	while (*i < a->n && !counts(&a->parts[*i]))
		(*i)++;
	return *i < a->n ? &a->parts[(*i)++] : NULL;
}

/* --- rows ------------------------------------------------------------------ */

static const void *
cell(const struct answer_part *p, size_t at, int32_t *len)
{
	*len = p->cells[at].len;
	return *len > 0 ? p->data + p->cells[at].at : (const void *)"";
}

static bool
cells_equal(const struct answer_part *a, size_t i, const struct answer_part *b,
    size_t j)
{
	int32_t n, m;
	const void *x = cell(a, i, &n), *y = cell(b, j, &m);

	return n == m && (n <= 0 || memcmp(x, y, (size_t)n) == 0);
}

struct row {
	uint8_t	digest[SHA256_LEN];
};

static int
by_digest(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct row));
}

/* Their digests, sorted. */
static struct row *
digests(const struct answer_part *p)
{
	struct row *rows = calloc(p->nrows + 1, sizeof(*rows));
	struct sha256 *sha = sha256_new();
	size_t i, j;
	int32_t len;
	const void *data;

	if (rows == NULL)
		abort();
	for (i = 0; i < p->nrows; i++) {
		for (j = 0; j < p->ncolumns; j++) {
			data = cell(p, i * p->ncolumns + j, &len);
			sha256_add(sha, &len, sizeof(len));
			if (len > 0)
				sha256_add(sha, data, (size_t)len);
		}
		sha256_end(sha, rows[i].digest);
	}
	sha256_free(&sha);
	qsort(rows, p->nrows, sizeof(*rows), by_digest);
	return rows;
}

/* Is each row of the first in the second, as often? */
static bool
contains(const struct answer_part *was, const struct answer_part *is)
{
	struct row *a = digests(was), *b = digests(is);
	size_t i = 0, j = 0;

	while (i < was->nrows && j < is->nrows) {
		if (memcmp(&a[i], &b[j], sizeof(*a)) == 0)
			i++;
		j++;
	}
	free(a);
	free(b);
	return i == was->nrows;
}

/* The first cell that is another. */
static enum answer_difference
name_cell(const struct answer_part *was, const struct answer_part *is,
    const struct said *s)
{
	size_t i, n = was->ncolumns, rows = was->nrows < is->nrows ?
	    was->nrows : is->nrows;
	int32_t x, y;
	const char *a, *b;

	for (i = 0; i < rows * n && cells_equal(was, i, is, i); i++)
		;
	if (i == rows * n)
		return differs(s, "%zu rows were recorded, %zu are there now",
		    was->nrows, is->nrows);
	a = cell(was, i, &x);
	b = cell(is, i, &y);
	return differs(s, "row %zu, column %s: it was %s%.*s%s, it is "
	    "%s%.*s%s", i / n + 1, was->columns[i % n].name,
	    x == -1 ? "NULL" : "'", x > QUOTED ? QUOTED : x < 0 ? 0 : x, a,
	    x == -1 ? "" : "'", y == -1 ? "NULL" : "'",
	    y > QUOTED ? QUOTED : y < 0 ? 0 : y, b, y == -1 ? "" : "'");
}

static enum answer_difference
compare_rows(const struct answer_part *was, const struct answer_part *is,
    bool cut, const struct said *s)
{
	size_t i, n = was->ncolumns;

	if (n != is->ncolumns)
		return differs(s, "%zu columns were recorded, %zu are there "
		    "now", n, is->ncolumns);
	for (i = 0; i < n; i++)
		if (was->columns[i].type != 0 &&
		    strcmp(was->columns[i].name, is->columns[i].name) != 0)
			return differs(s, "column %zu was %.*s, it is %.*s",
			    i + 1, QUOTED, was->columns[i].name, QUOTED,
			    is->columns[i].name);
	if (n == 0)
		return was->nrows == is->nrows || (cut &&
		    was->nrows < is->nrows) ? ANSWER_SAME : differs(s,
		    "%zu rows were recorded, %zu are there now", was->nrows,
		    is->nrows);
	for (i = 0; i < was->nrows * n && i < is->nrows * n &&
	    cells_equal(was, i, is, i); i++)
		;
	if (i == was->nrows * n && (cut || was->nrows == is->nrows))
		return ANSWER_SAME;
	if ((cut || was->nrows == is->nrows) && contains(was, is))
		return ANSWER_ORDER;
	return name_cell(was, is, s);
}

static enum answer_difference
compare_copy(const struct answer_part *was, const struct answer_part *is,
    bool cut, const struct said *s)
{
	size_t n = was->len < is->len ? was->len : is->len, i;

	for (i = 0; i < n && was->data[i] == is->data[i]; i++)
		;
	if (i == was->len && (cut || was->len == is->len))
		return ANSWER_SAME;
	return differs(s, "the data of COPY differ from byte %zu on", i + 1);
}

/* --- parts ----------------------------------------------------------------- */

static enum answer_difference
compare_parts(const struct answer_part *was, const struct answer_part *is,
    bool cut, const struct said *s)
{
	static const char *const names[] = { "rows", "no rows", "an error",
	    "a notice", "a notification", "data of COPY" };

	if (was->kind != is->kind)
		return differs(s, "it was %s, it is %s%s%s", names[was->kind],
		    names[is->kind], is->kind == ANSWER_ERROR ? " " : "",
		    is->kind == ANSWER_ERROR ? is->sqlstate : "");
	switch (was->kind) {
	case ANSWER_ROWS:
		return compare_rows(was, is, cut, s);
	case ANSWER_COPY:
		return compare_copy(was, is, cut, s);
	case ANSWER_ERROR:
		if (strcmp(was->sqlstate, is->sqlstate) == 0)
			return ANSWER_SAME;
		return differs(s, "the error was %s, it is %s", was->sqlstate,
		    is->sqlstate);
	default:
		if (strcmp(was->text, is->text) == 0)
			return ANSWER_SAME;
		return differs(s, "it was %.*s, it is %.*s", QUOTED,
		    was->text, QUOTED, is->text);
	}
}

enum answer_difference
answer_compare(const struct answer *was, const struct answer *is, char *why,
    size_t size)
{
	enum answer_difference all = ANSWER_SAME, one;
	const struct answer_part *a, *b;
	struct said s = { why, size };
	size_t i = 0, j = 0;

	why[0] = '\0';
	for (;;) {
		a = next(was, &i);
		b = next(is, &j);
		/* Rows that were all cut were not recorded as such. */
		while (was->cut != NULL && b != NULL &&
		    (a == NULL || a->kind != b->kind) &&
		    b->kind != ANSWER_ERROR)
			b = next(is, &j);
		if (a == NULL || b == NULL)
			break;
		one = compare_parts(a, b, was->cut != NULL, &s);
		if (one == ANSWER_DIFFERS)
			return one;
		if (one == ANSWER_ORDER)
			all = one;
	}
	if (a == NULL && b == NULL)
		return all;
	return differs(&s, "there is %s to it than was recorded",
	    a == NULL ? "more" : "less");
}
