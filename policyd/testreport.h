#ifndef POSTERN_TESTREPORT_H
#define POSTERN_TESTREPORT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Results of tests on standard output: TAP as they come, or JUnit's XML at the
 * end.
 */
struct report;

struct report	*report_new(bool junit);
/* One test after another; the strings are copied. */
void		 report_begin(struct report *, const char *name,
		    const char *file, int line);
/* What is wrong with it: any number of times. */
void		 report_why(struct report *, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));
void		 report_end(struct report *, bool ok);
/* Ends the report; how many have failed. */
size_t		 report_free(struct report **);

#endif
