/*
 * TAP (version 13) and JUnit's XML.
 *
 * Runs in policyctl.  Names and reasons may hold what a statement holds:
 * control characters are escaped, and in XML what is markup.
 */
#include "testreport.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SHOWN	120

struct report {
	bool	 junit;
	size_t	 n, failed;
	char	 name[NAME_SHOWN * 2], file[256];
	int	 line;
	FILE	*why;		/* into why_text */
	char	*why_text;
	size_t	 why_len;
	FILE	*xml;		/* into xml_text: the cases, until the end */
	char	*xml_text;
	size_t	 xml_len;
};

static void
put_xml(FILE *fp, const char *s)
{
	for (; *s != '\0'; s++)
		switch (*s) {
		case '<':
			fputs("&lt;", fp);
			break;
		case '&':
			fputs("&amp;", fp);
			break;
		case '"':
			fputs("&quot;", fp);
			break;
		default:
			/* XML 1.0 has no way to write the others. */
			putc((unsigned char)*s < 0x20 && *s != '\n' &&
			    *s != '\t' ? '?' : *s, fp);
			break;
		}
}

/* One line, without what a terminal or TAP would take for more. */
static void
one_line(char *out, size_t size, const char *s)
{
	size_t	 n = 0;

	for (; *s != '\0' && n + 2 < size && n < NAME_SHOWN; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			out[n++] = ' ';
		else {
			if (*s == '#')
				out[n++] = '\\';
			out[n++] = *s;
		}
	}
	/* Cut in a character: not half of one. */
	while (*s != '\0' && n > 0 && ((unsigned char)*s & 0xc0) == 0x80) {
		n--;
		if (((unsigned char)out[n] & 0xc0) != 0x80)
			break;
	}
	out[n] = '\0';
}

struct report *
report_new(bool junit)
{
	struct report	*r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->junit = junit;
	if ((r->xml = open_memstream(&r->xml_text, &r->xml_len)) == NULL) {
		free(r);
		return NULL;
	}
	if (!junit)
		puts("TAP version 13");
	return r;
}

void
report_begin(struct report *r, const char *name, const char *file, int line)
{
	one_line(r->name, sizeof(r->name), name);
	snprintf(r->file, sizeof(r->file), "%s", file);
	r->line = line;
	r->why = open_memstream(&r->why_text, &r->why_len);
}

void
report_why(struct report *r, const char *fmt, ...)
{
	va_list	 ap;

	if (r->why == NULL)
		return;
	va_start(ap, fmt);
	vfprintf(r->why, fmt, ap);
	va_end(ap);
	putc('\n', r->why);
}

static void
end_tap(const struct report *r, bool ok, const char *why)
{
	const char	*end;

	printf("%sok %zu - %s\n", ok ? "" : "not ", r->n, r->name);
	if (ok)
		return;
	printf("# %s:%d\n", r->file, r->line);
	for (; *why != '\0'; why = *end == '\0' ? end : end + 1) {
		end = why + strcspn(why, "\n");
		printf("#   %.*s\n", (int)(end - why), why);
	}
}

static void
end_junit(const struct report *r, bool ok, const char *why)
{
	fprintf(r->xml, "  <testcase classname=\"");
	put_xml(r->xml, r->file);
	fprintf(r->xml, "\" name=\"");
	put_xml(r->xml, r->name);
	fprintf(r->xml, "\" line=\"%d\"", r->line);
	if (ok) {
		fputs("/>\n", r->xml);
		return;
	}
	fputs(">\n    <failure message=\"", r->xml);
	put_xml(r->xml, why);
	fputs("\"/>\n  </testcase>\n", r->xml);
}

void
report_end(struct report *r, bool ok)
{
	const char	*why = "";

	if (r->why != NULL && fclose(r->why) == 0)
		why = r->why_text;
	r->n++;
	if (!ok)
		r->failed++;
	if (r->junit)
		end_junit(r, ok, why);
	else
		end_tap(r, ok, why);
	free(r->why_text);
	r->why_text = NULL;
	r->why = NULL;
}

size_t
report_free(struct report **rp)
{
	struct report	*r = *rp;
	size_t		 failed = r->failed;

	fclose(r->xml);
	if (r->junit)
		printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		    "<testsuite name=\"policy\" tests=\"%zu\" "
		    "failures=\"%zu\">\n%s</testsuite>\n", r->n, failed,
		    r->xml_text);
	else
		printf("1..%zu\n", r->n);
	free(r->xml_text);
	free(r);
	*rp = NULL;
	return failed;
}
