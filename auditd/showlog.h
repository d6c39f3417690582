#ifndef AUDITD_SHOWLOG_H
#define AUDITD_SHOWLOG_H

#include <stdbool.h>
#include <stdint.h>

struct showlog {
	const char	*session;	/* NULL: all */
	const char	*subject;	/* NULL: all */
	uint64_t	 limit;		/* the last so many; 0: all */
	bool		 json;
};

/*
 * Print events of the store, oldest first, to standard output.  0, or 2 with a
 * message on standard error.
 */
int	showlog(const char *path, const struct showlog *);

#endif
