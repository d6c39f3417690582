#ifndef POSTERN_LEARNRULES_H
#define POSTERN_LEARNRULES_H

#include <stddef.h>

#include <jansson.h>

#include "kinds.h"
#include "policy.h"

#define LEARNED_NAME	(3 * LEN_NAME + 3)	/* a glob, with its NUL */

/* What statements of one kind did: sets of globs (keys); NULL: nothing. */
struct learned {
	size_t	 n;
	size_t	 keyed;		/* of them, writes that pin a unique key */
	json_t	*reads, *writes, *reads_columns, *writes_columns, *functions;
};

/*
 * Give the profile, which has no rules, those that allow this: one for each
 * kind that was seen and needs one.  -1: no memory; what was made stays.
 */
int	learnrules_make(struct profile *, const struct learned by[NKINDS]);
void	learnrules_clear(struct learned *);

#endif
