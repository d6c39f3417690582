#ifndef AUDITD_ANCHORS_H
#define AUDITD_ANCHORS_H

#include <stddef.h>

#include "checkpoint.h"

/*
 * Checkpoint lines that were kept elsewhere (auditctl checkpoint, a log host's
 * file): what the store must still agree with.
 */
struct anchors {
	struct checkpoint	*v;	/* by event, once sorted */
	size_t			 n;
};

/*
 * Add all checkpoint lines of a file; other lines are skipped.  -1 with a
 * message: it cannot be read, or a line has the tag and is no checkpoint.
 */
int	anchors_load(struct anchors *, const char *path, char *err,
	    size_t errlen);
void	anchors_sort(struct anchors *);
void	anchors_clear(struct anchors *);

#endif
