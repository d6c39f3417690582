#ifndef AUDITD_SEGMENTS_H
#define AUDITD_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The files of a store.  Events lie in segments, <stem>-<from>.db, named for
 * the first event; the store's own name, <stem>.db, is a symbolic link to the
 * last of them, the one that is written.  SQLite follows the link and names its
 * WAL for the file, so a name always means one pair of files, and moving the
 * link is one atomic step.
 */
struct segment {
	int64_t	 from;		/* by its name; 0: that says nothing */
	char	*path;
};

struct segments {
	struct segment	*v;	/* in order */
	size_t		 n;
	int64_t		 link;	/* the number that the store's name is a link
				 * to; 0: there is none, -1: it is no segment's */
	bool		 alone;	/* one file was named: it stands for itself */
};

/*
 * What belongs to the store `path`: through its link, or beside it when the
 * link is missing; or `path` itself when it is a file (a copy, or a segment).
 * None is no error.  -1 with errno.
 */
int	 segments_find(const char *path, struct segments *);
void	 segments_clear(struct segments *);

/* Length of <stem> in the path of a store or of one of its segments. */
size_t	 segment_stem(const char *path);
/* <stem>-<from>.db of this store, to free(); NULL: out of memory. */
char	*segment_path(const char *store, int64_t from);
/* Make the store's name a link to the segment.  -1 with errno. */
int	 segment_link(const char *store, int64_t from);
/* The directory of `path` onto the disk.  -1 with errno. */
int	 segment_sync_dir(const char *path);

#endif
