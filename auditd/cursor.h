#ifndef AUDITD_CURSOR_H
#define AUDITD_CURSOR_H

#include <stddef.h>
#include <stdint.h>

/*
 * How far a store has been forwarded: a file of one line, replaced as a whole
 * and on disk before the call returns.  0, or -1 with a sentence in err.
 */
struct cursor {
	char		 store[33];	/* "": nothing was forwarded yet */
	int64_t		 event;
};

/* Also takes a lock, which the process keeps: one forwarder a cursor. */
int	cursor_load(struct cursor *, const char *path, char *err, size_t);
int	cursor_save(const struct cursor *, const char *path, char *err, size_t);

#endif
