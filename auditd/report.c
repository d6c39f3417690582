/*
 * auditctl report as a table with bars, as JSON lines, or as one page that
 * opens offline and loads nothing.  Clients chose the names in it: on a terminal
 * they are made visible, on the page escaped as well, and the page lets nothing
 * run (its Content-Security-Policy).
 */
#include "report.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "crypto.h"
#include "ctl.h"
#include "replay_impl.h"
#include "visible.h"

#define LINES		20	/* with a bar on a terminal */
#define LABEL		32
#define BAR		40
#define PAGE_BAR	240
#define COLUMNS		16

struct line {
	char		 label[LABEL + 1];
	json_int_t	 n, denied;
};

struct report {
	struct ctl_table *table;	/* or a page: */
	FILE		*page;
	const char	*path;
	char		*names, *column[COLUMNS];
	size_t		 ncolumns;
	bool		 bars;
	struct line	 lines[LINES];
	size_t		 nlines;	/* of all */
	json_int_t	 largest;
	struct buf	 b;
};

static const char style[] =
"body{font:14px/1.5 sans-serif;margin:2em;color:#222}"
"table{border-collapse:collapse}"
"th,td{padding:.2em .8em;text-align:left;border-bottom:1px solid #ddd}"
"td.n{text-align:right;font-variant-numeric:tabular-nums}"
".ok{fill:#4a7ab5}.denied{fill:#c0392b}";

/* --- names ---------------------------------------------------------------- */

static const char *
member_text(const json_t *row, const char *name)
{
	const char *s = json_string_value(json_object_get(row, name));

	return s == NULL ? "" : s;
}

/* Into r->b; its length. */
static size_t
visible(struct report *r, const char *s, bool ascii)
{
	buf_drain(&r->b, r->b.len);
	if (visible_text(&r->b, s, strlen(s), ascii) == -1)
		buf_drain(&r->b, r->b.len);
	return r->b.len;
}

static void
html(struct report *r, const char *s)
{
	size_t i, n = visible(r, s, false);
	const char *c = (const char *)buf_head(&r->b);

	for (i = 0; i < n; i++)
		switch (c[i]) {
		case '<':
			fputs("&lt;", r->page);
			break;
		case '>':
			fputs("&gt;", r->page);
			break;
		case '&':
			fputs("&amp;", r->page);
			break;
		case '"':
			fputs("&quot;", r->page);
			break;
		default:
			putc(c[i], r->page);
		}
}

/* How long a bar is, and how much of its end is for what was refused. */
static int
bar(const struct report *r, json_int_t n, json_int_t denied, int width,
    int *refused)
{
	json_int_t all = n > denied ? n : denied;
	int len;

	*refused = 0;
	if (all <= 0 || r->largest <= 0)
		return 0;
	len = (int)((double)all * width / (double)r->largest);
	if (len < 1)
		len = 1;
	if (len > width)
		len = width;
	*refused = (int)((double)denied * len / (double)all);
	if (denied > 0 && *refused < 1)
		*refused = 1;
	return len;
}

/* --- a page ----------------------------------------------------------------- */

static void
page_head(struct report *r)
{
	char digest[4 * ((SHA256_LEN + 2) / 3) + 1];
	uint8_t hash[SHA256_LEN];
	size_t i;

	sha256_once(style, strlen(style), hash);
	b64_encode(hash, sizeof(hash), digest);
	fprintf(r->page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\""
	    "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; "
	    "form-action 'none'\">\n<title>Report</title>\n<style>%s</style>\n"
	    "</head>\n<body>\n<h1>Report</h1>\n<table>\n<tr>", digest, style);
	for (i = 0; i < r->ncolumns; i++) {
		fputs("<th>", r->page);
		html(r, r->column[i]);
		fputs("</th>", r->page);
	}
	fputs("<th>statements, and refused ones</th></tr>\n", r->page);
}

static void
page_row(struct report *r, const json_t *row, const struct line *l)
{
	int refused, len = bar(r, l->n, l->denied, PAGE_BAR, &refused);
	const json_t *v;
	size_t i;

	fputs("<tr>", r->page);
	for (i = 0; i < r->ncolumns; i++) {
		v = json_object_get(row, r->column[i]);
		if (json_is_integer(v))
			fprintf(r->page, "<td class=\"n\">%" JSON_INTEGER_FORMAT
			    "</td>", json_integer_value(v));
		else {
			fputs("<td>", r->page);
			html(r, member_text(row, r->column[i]));
			fputs("</td>", r->page);
		}
	}
	fprintf(r->page, "<td><svg width=\"%d\" height=\"12\">"
	    "<rect class=\"ok\" width=\"%d\" height=\"12\"/>"
	    "<rect class=\"denied\" x=\"%d\" width=\"%d\" height=\"12\"/>"
	    "</svg></td></tr>\n", PAGE_BAR, len - refused, len - refused,
	    refused);
}

/* --- bars on a terminal ------------------------------------------------------ */

static void
put_bars(const struct report *r)
{
	const struct line *l;
	int refused, len;
	size_t i;

	puts("\nstatements (! refused)");
	for (i = 0; i < r->nlines && i < LINES; i++) {
		l = &r->lines[i];
		len = bar(r, l->n, l->denied, BAR, &refused);
		printf("%-*s ", LABEL, l->label);
		for (; len > refused; len--)
			putchar('#');
		for (; len > 0; len--)
			putchar('!');
		printf(" %" JSON_INTEGER_FORMAT "\n", l->n);
	}
	if (r->nlines > LINES)
		printf("and %zu more\n", r->nlines - LINES);
}

/* --- the module ---------------------------------------------------------------- */

struct report *
report_new(const char *columns, const struct report_options *o)
{
	struct report *r = calloc(1, sizeof(*r));
	char *p, *last = NULL;

	if (r == NULL || (r->names = strdup(columns)) == NULL)
		abort();
	buf_init(&r->b, REPLAY_TEXT_MAX);
	for (p = strtok_r(r->names, ",", &last); p != NULL &&
	    r->ncolumns < COLUMNS; p = strtok_r(NULL, ",", &last))
		r->column[r->ncolumns++] = p;
	r->path = o->html;
	if (o->html == NULL) {
		r->table = ctl_table_new(columns, o->json);
		r->bars = !o->json && !o->no_bars && isatty(STDOUT_FILENO) == 1;
		return r;
	}
	if ((r->page = replay_create(o->html)) != NULL) {
		page_head(r);
		return r;
	}
	buf_clear(&r->b);
	free(r->names);
	free(r);
	return NULL;
}

void
report_row(struct report *r, const char *json)
{
	json_t *row = json_loads(json, JSON_ALLOW_NUL, NULL);
	const char *relation = member_text(row, "relation");
	struct line l = { .n = json_integer_value(json_object_get(row,
	    "statements")), .denied = json_integer_value(json_object_get(row,
	    "denied")) };
	json_int_t all = l.n > l.denied ? l.n : l.denied;
	char label[600];
	size_t n;

	if (all > r->largest)
		r->largest = all;
	snprintf(label, sizeof(label), "%s%s%s", member_text(row, "subject"),
	    relation[0] == '\0' ? "" : " ", relation);
	n = visible(r, label, true);
	snprintf(l.label, sizeof(l.label), "%.*s", (int)n,
	    n == 0 ? "" : (const char *)buf_head(&r->b));
	if (r->nlines < LINES)
		r->lines[r->nlines] = l;
	r->nlines++;
	if (r->page != NULL)
		page_row(r, row, &l);
	else
		ctl_table_row(r->table, json);
	json_decref(row);
}

int
report_end(struct report **rp, bool whole)
{
	struct report *r = *rp;
	int rc = whole ? 0 : -1;

	if (r->page != NULL) {
		/* Who misses this has half a page. */
		if (whole)
			fputs("</table>\n<p id=\"end\">End of the report.</p>\n"
			    "</body>\n</html>\n", r->page);
		if (replay_close(r->page, r->path) == -1)
			rc = -1;
	} else {
		ctl_table_end(&r->table);
		if (r->bars && r->nlines > 0)
			put_bars(r);
	}
	buf_clear(&r->b);
	free(r->names);
	free(r);
	*rp = NULL;
	return rc;
}
