#ifndef AUDITD_SHOWLOG_H
#define AUDITD_SHOWLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "filter.h"
#include "reader.h"

/*
 * Events on standard output, for people or as JSON lines.  All return
 * auditctl's exit code; messages go to standard error.
 */

/* Oldest first; only the last `limit`, if that is not 0. */
int	showlog(struct reader *, struct filter *, uint64_t limit, bool json);
/* The same, then what comes, until a signal. */
int	showlog_follow(struct reader *, struct filter *, uint64_t limit,
	    bool json);
/* One event with all its fields, and what belongs to it. */
int	showlog_event(struct reader *, int64_t id, bool json);

#endif
