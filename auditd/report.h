#ifndef AUDITD_REPORT_H
#define AUDITD_REPORT_H

#include <stdbool.h>

/*
 * Where the rows of auditctl report go: a table, with bars below it on a
 * terminal; JSON lines; or a page.  The largest number of statements comes
 * first.
 */
struct report;

struct report_options {
	bool		 json;
	bool		 no_bars;
	const char	*html;		/* the page's file, or NULL */
};

/* `columns` is as for ctl_table_new().  NULL after a message. */
struct report	*report_new(const char *columns, const struct report_options *);
/* A JSON object; a bar shows its members statements and denied. */
void		 report_row(struct report *, const char *json);
/* `whole`: all rows came.  -1: it could not be written, or is not whole. */
int		 report_end(struct report **, bool whole);

#endif
