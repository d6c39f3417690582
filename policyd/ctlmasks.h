#ifndef POSTERN_CTLMASKS_H
#define POSTERN_CTLMASKS_H

#include <stdbool.h>

/* policyctl masks: the exit code.  `profile` may be NULL: all of them. */
int	ctl_masks(const char *socket, bool json, const char *database,
	    const char *profile);

#endif
