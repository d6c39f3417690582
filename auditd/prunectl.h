#ifndef AUDITD_PRUNECTL_H
#define AUDITD_PRUNECTL_H

#include <stdbool.h>

#include "reader.h"

/*
 * auditctl prune: have auditd, at `socket`, remove the recordings whose time is
 * over by what the profile said when the session was opened; or the one of
 * `session`.  With dry_run only say which.  Returns auditctl's exit code.
 */
int	prune(struct reader *, const char *socket, const char *session,
	    bool dry_run);

#endif
