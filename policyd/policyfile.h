#ifndef POSTERN_POLICYFILE_H
#define POSTERN_POLICYFILE_H

#include <stddef.h>

#include "conf.h"
#include "policy.h"

/*
 * policy.yaml as a file: its text, the policy in it, and the files that it
 * names.
 */

/* The whole file, NUL-terminated, to free().  NULL with a message. */
char	*policyfile_read(const char *path, size_t *len_r, struct conf_error *);
/* Write it so that a reader finds the old text or the new.  -1 with errno. */
int	 policyfile_write(const char *path, const char *text, size_t len);
/*
 * What `-n` checks beyond the text: secret files are there, readable, and
 * closed to group and others (D1); key sets and certificates are readable.
 * -1 with a message about the first that is not so.
 */
int	 policyfile_check(const struct policy *, struct conf_error *);
/* Every time zone is known to this machine: -1 with the first that is not. */
int	 policyfile_zones(const char *path, const struct policy *,
	    struct conf_error *);

#endif
