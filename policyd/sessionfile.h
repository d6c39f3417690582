#ifndef POSTERN_SESSIONFILE_H
#define POSTERN_SESSIONFILE_H

#include <stdbool.h>

#include "sessions.h"

/*
 * A session as a file: JSON, mode 0600, replaced as a whole.
 */

/*
 * Write what a later parent needs.  `sync`: on disk when it returns.  -1 with
 * errno; the old file is then untouched.
 */
int	sessionfile_write(const struct session *, const char *path, bool sync);
/*
 * Fill a zeroed session.  -1: not one of ours, damaged, or from before the
 * machine was started.
 */
int	sessionfile_read(struct session *, const char *path);

#endif
