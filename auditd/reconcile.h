#ifndef AUDITD_RECONCILE_H
#define AUDITD_RECONCILE_H

#include <stdbool.h>

#include "reader.h"

/*
 * auditctl reconcile: the statements of a server's log (serverlog.h), `path` or
 * "-", against those of the record.  auditctl's exit code: 1 when one has what
 * the other lacks.
 */
int	reconcile(struct reader *, const char *path, const struct filter *,
	    bool json);

#endif
