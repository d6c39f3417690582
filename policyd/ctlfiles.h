#ifndef POSTERN_CTLFILES_H
#define POSTERN_CTLFILES_H

#include <stdbool.h>

#include "policy.h"

/*
 * The commands of policyctl that ask no daemon and only read files.  Each
 * returns the tool's exit code.
 */

/* policy.yaml; NULL when what is wrong with it was said. */
struct policy	*ctl_policy(const char *path);

/* `database` may be NULL: all of them. */
int	ctl_setup_sql(const char *path, const char *database);
int	ctl_lint(const char *path);
int	ctl_schema(void);

#endif
