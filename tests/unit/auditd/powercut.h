#ifndef TEST_AUDITD_POWERCUT_H
#define TEST_AUDITD_POWERCUT_H

#include <stdbool.h>

/*
 * A disk whose power fails.  Linked into a program, it stands before the calls
 * that change files.  It knows of every file below `dir` what was on the disk
 * at its last fsync(), and of every directory which names were.
 */

/*
 * From now on count the calls, and in the n-th one, which may be done in part
 * or not at all, end this process.  Unless `files_stay` (a kill: the kernel
 * lives), the directory `out` then gets what the disk may hold: of all that was
 * not synced each sector and each name by chance.
 */
void	powercut_arm(const char *dir, const char *out, long n,
	    unsigned int seed, bool files_stay);

#endif
