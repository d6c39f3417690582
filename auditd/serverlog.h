#ifndef AUDITD_SERVERLOG_H
#define AUDITD_SERVERLOG_H

#include <stdint.h>
#include <stdio.h>

/*
 * The statements in a log of PostgreSQL (20.8): stderr with log_line_prefix =
 * '%m [%p] %q%u@%d ', csvlog, or jsonlog, whichever the file is.  Times must be
 * in UTC (log_timezone).
 */
struct serverlog_line {
	int64_t		 time;		/* us */
	long		 pid;
	const char	*user;
	const char	*text;		/* NULL: a line, and no statement */
};

/* false: stop. */
typedef int	serverlog_fn(void *ctx, const struct serverlog_line *);

/*
 * Call back for each line that says who it is of.  0; -1 with a sentence in
 * err: it cannot be read, or is none of these.
 */
int	serverlog_read(FILE *, serverlog_fn *, void *ctx, char *err,
	    size_t errlen);

#endif
