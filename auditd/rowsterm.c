/*
 * Rows as psql shows them.  Run by auditctl replay.  The contents are the
 * database's and whoever wrote to it: everything is made visible, and a line
 * break in a cell is none here.
 */
#include "rowsterm.h"

#include <stdlib.h>
#include <string.h>

#include "visible.h"

#define CELL_MAX	(64u * 1024 * 1024)

struct cell {
	char	*text;		/* visible; NULL: NULL */
	size_t	 len, width;
};

static struct cell
cell_make(const char *s, size_t len)
{
	struct cell c = { NULL, 0, 0 };
	struct buf b;
	size_t i;

	buf_init(&b, CELL_MAX);
	if (s == NULL)
		return c;
	if (visible_text(&b, s, len, false) == -1 || buf_add(&b, "", 1) == -1)
		abort();
	c.len = b.len - 1;
	if ((c.text = strdup((const char *)buf_head(&b))) == NULL)
		abort();
	buf_clear(&b);
	/* Characters, as if each were one column wide. */
	for (i = 0; i < c.len; i++)
		c.width += ((uint8_t)c.text[i] & 0xc0) != 0x80;
	return c;
}

static void
pad(FILE *fp, size_t n)
{
	while (n-- > 0)
		putc(' ', fp);
}

static void
print_header(FILE *fp, const struct cell *head, const size_t *width, size_t n,
    const char *before)
{
	size_t i, j, space;

	fputs(before, fp);
	for (i = 0; i < n; i++) {
		space = width[i] - head[i].width;
		fputs(i == 0 ? " " : "| ", fp);
		pad(fp, space / 2);
		fputs(head[i].text, fp);
		pad(fp, (space + 1) / 2);
		putc(' ', fp);
	}
	fputs("\n", fp);
	fputs(before, fp);
	for (i = 0; i < n; i++) {
		if (i > 0)
			putc('+', fp);
		for (j = 0; j < width[i] + 2; j++)
			putc('-', fp);
	}
	putc('\n', fp);
}

static void
print_row(FILE *fp, const struct answer_part *p, const struct cell *row,
    const size_t *width, const char *before)
{
	size_t i, space;
	bool right;

	fputs(before, fp);
	for (i = 0; i < p->ncolumns; i++) {
		right = answer_is_number(&p->columns[i]);
		space = width[i] - row[i].width;
		fputs(i == 0 ? " " : "| ", fp);
		if (right)
			pad(fp, space);
		if (row[i].text != NULL)
			fputs(row[i].text, fp);
		if (!right && i + 1 < p->ncolumns)
			pad(fp, space);
		if (i + 1 < p->ncolumns)
			putc(' ', fp);
	}
	putc('\n', fp);
}

static void
print_rows(FILE *fp, const struct answer_part *p, const char *before)
{
	size_t n = p->ncolumns, total = (p->nrows + 1) * n, i, len;
	struct cell *cells = calloc(total + 1, sizeof(*cells));
	size_t *width = calloc(n + 1, sizeof(*width));
	char scratch[64];
	const char *s;

	if (cells == NULL || width == NULL)
		abort();
	for (i = 0; i < total; i++) {
		if (i < n)
			cells[i] = cell_make(p->columns[i].name,
			    strlen(p->columns[i].name));
		else {
			s = answer_text(p, i / n - 1, i % n, scratch, &len);
			cells[i] = cell_make(s, len);
		}
		if (cells[i].width > width[i % n])
			width[i % n] = cells[i].width;
	}
	if (n == 0)
		fprintf(fp, "%s--\n", before);
	else
		print_header(fp, cells, width, n, before);
	for (i = 0; i < p->nrows && n > 0; i++)
		print_row(fp, p, cells + (i + 1) * n, width, before);
	fprintf(fp, "%s(%zu row%s)\n", before, p->nrows,
	    p->nrows == 1 ? "" : "s");
	for (i = 0; i < total; i++)
		free(cells[i].text);
	free(cells);
	free(width);
}

/* Line by line, so that each has its mark. */
static void
print_lines(FILE *fp, const char *s, size_t len, const char *before)
{
	const char *end;
	struct cell c;
	size_t n;

	while (len > 0) {
		end = memchr(s, '\n', len);
		n = end == NULL ? len : (size_t)(end - s);
		c = cell_make(s, n);
		fprintf(fp, "%s%s\n", before, c.text);
		free(c.text);
		n += end != NULL;
		s += n;
		len -= n;
	}
}

void
rowsterm_print(FILE *fp, const struct answer *a, const char *before)
{
	const struct answer_part *p;
	size_t i;

	for (i = 0; i < a->n; i++) {
		p = &a->parts[i];
		switch (p->kind) {
		case ANSWER_ROWS:
			print_rows(fp, p, before);
			break;
		case ANSWER_COPY:
			print_lines(fp, (const char *)p->data, p->len, before);
			break;
		case ANSWER_TAG:
			/* psql says "(n rows)" instead, or nothing. */
			if (i > 0 && (p[-1].kind == ANSWER_ROWS ||
			    p[-1].kind == ANSWER_COPY))
				break;
			/* FALLTHROUGH */
		case ANSWER_ERROR:
		case ANSWER_NOTICE:
			print_lines(fp, p->text, strlen(p->text), before);
			break;
		case ANSWER_NOTIFY:
			fprintf(fp, "%sNotification: ", before);
			print_lines(fp, p->text, strlen(p->text), "");
			break;
		}
	}
	if (a->cut != NULL)
		fprintf(fp, "%s(not recorded, over %s: %lld messages, %lld "
		    "bytes)\n", before, a->cut->limit,
		    (long long)a->cut->messages, (long long)a->cut->bytes);
}
