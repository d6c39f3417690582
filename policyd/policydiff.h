#ifndef POSTERN_POLICYDIFF_H
#define POSTERN_POLICYDIFF_H

#include <stdbool.h>

/*
 * policyctl diff: the statements of a record under two policies, and what would
 * happen otherwise.
 */
struct policydiff {
	const char	*old, *new;	/* policy.yaml, twice */
	const char	*record;	/* auditctl export; "-": standard input */
	const char	*databases;	/* described.h; or NULL */
	bool		 json;
};

/* Needs a large stack (bigstack_run()).  0: nothing, 1: something would happen
 * otherwise, 2: it could not be found out. */
int	policydiff_run(const struct policydiff *);

#endif
