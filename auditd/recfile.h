#ifndef AUDITD_RECFILE_H
#define AUDITD_RECFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc_msgs.h"

/*
 * The recordings beside a store: for the store <stem>.db one file for each
 * session, <stem>-recordings/<session>, of chunks one after the other.  What is
 * where in it, with its digest, say the `answer` events of the chain; a file
 * alone says nothing.  Recordings can be removed, events cannot: that is why
 * they lie here.
 */

/* The directory of a store or of one of its segments; NULL: out of memory. */
char	*recdir_path(const char *store);

/* All zero: not open. */
struct recfile {
	bool		 open;
	int		 fd;
	uint64_t	 size;		/* the next chunk comes here */
	uint64_t	 done;		/* committed */
	bool		 unsynced;	/* not all of it is on disk */
};

void	recfile_close(struct recfile *);
/*
 * Append a chunk to the recording of a session, which is opened or made first;
 * with `full` the new name is put on disk.  *at is where it begins.  -1 with
 * errno; nothing is appended then that is not overwritten later.
 */
int	recfile_append(struct recfile *, const char *dir, const char *session,
	    bool full, const void *, size_t, uint64_t *at);
/* Onto the disk.  -1 with errno. */
int	recfile_sync(struct recfile *);
void	recfile_committed(struct recfile *);
void	recfile_rolled_back(struct recfile *);

/* For who reads: an open descriptor, or -1 with errno. */
int	recfile_open(const char *dir, const char *session);
/* Exactly n bytes from there; -1: they are not there. */
int	recfile_read(int fd, uint64_t at, void *, size_t n);
/* The size of a session's recording; -1 with errno. */
int64_t	recfile_size(const char *dir, const char *session);
/* Remove it for good.  One that is not there is no error; -1 with errno. */
int	recfile_remove(const char *dir, const char *session);

/* A session's name as policyd makes them, and safe as a file's. */
bool	recfile_name_valid(const char *session);

#endif
