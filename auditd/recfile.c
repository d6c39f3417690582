/*
 * The files of recordings.  auditd appends and removes, auditctl reads.  Names
 * are of sessions and are checked before they become a path; the contents are
 * what a worker sent, and are only ever copied here.  A crash may leave bytes
 * at the end of a file that no event speaks of: they are passed over.
 */
#include "recfile.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "segments.h"

char *
recdir_path(const char *store)
{
	char *path;
	size_t n = segment_stem(store);

	if (asprintf(&path, "%.*s-recordings", (int)n, store) == -1)
		return NULL;
	return path;
}

bool
recfile_name_valid(const char *s)
{
	size_t n = strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz-");

	return n > 0 && n <= LEN_SESSION && s[n] == '\0' && s[0] != '-';
}

static char *
file_path(const char *dir, const char *session)
{
	char *path;

	if (!recfile_name_valid(session)) {
		errno = EINVAL;
		return NULL;
	}
	if (asprintf(&path, "%s/%s", dir, session) == -1)
		return NULL;
	return path;
}

/* --- writing -------------------------------------------------------------- */

void
recfile_close(struct recfile *f)
{
	if (f->open)
		close(f->fd);
	memset(f, 0, sizeof(*f));
}

static int
open_file(struct recfile *f, const char *dir, const char *session, bool full)
{
	char *path = file_path(dir, session);
	struct stat st;
	int saved;

	if (path == NULL)
		return -1;
	if (mkdir(dir, 0700) == 0)
		(void)segment_sync_dir(dir);
	f->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f->fd == -1 || fstat(f->fd, &st) == -1 ||
	    (full && segment_sync_dir(path) == -1)) {
		saved = errno;
		free(path);
		if (f->fd != -1)
			close(f->fd);
		errno = saved;
		return -1;
	}
	free(path);
	f->open = true;
	f->size = f->done = (uint64_t)st.st_size;
	return 0;
}

int
recfile_append(struct recfile *f, const char *dir, const char *session,
    bool full, const void *p, size_t n, uint64_t *at)
{
	ssize_t w;

	if (!f->open && open_file(f, dir, session, full) == -1)
		return -1;
	w = pwrite(f->fd, p, n, (off_t)f->size);
	if (w != (ssize_t)n) {
		if (w >= 0)
			errno = ENOSPC;
		return -1;
	}
	*at = f->size;
	f->size += n;
	f->unsynced = true;
	return 0;
}

int
recfile_sync(struct recfile *f)
{
	if (!f->open || !f->unsynced)
		return 0;
	if (fdatasync(f->fd) == -1)
		return -1;
	f->unsynced = false;
	return 0;
}

void
recfile_committed(struct recfile *f)
{
	f->done = f->size;
}

void
recfile_rolled_back(struct recfile *f)
{
	if (!f->open || f->size == f->done)
		return;
	f->size = f->done;
	/* If it cannot: the next chunk overwrites it. */
	(void)!ftruncate(f->fd, (off_t)f->done);
}

/* --- reading, removing ---------------------------------------------------- */

int
recfile_open(const char *dir, const char *session)
{
	char *path = file_path(dir, session);
	int fd;

	if (path == NULL)
		return -1;
	/* A FIFO in its place must not stop who reads. */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	free(path);
	return fd;
}

int
recfile_read(int fd, uint64_t at, void *p, size_t n)
{
	return at <= INT64_MAX && pread(fd, p, n, (off_t)at) == (ssize_t)n ?
	    0 : -1;
}

int64_t
recfile_size(const char *dir, const char *session)
{
	char *path = file_path(dir, session);
	struct stat st;
	int rc;

	if (path == NULL)
		return -1;
	rc = lstat(path, &st);
	free(path);
	return rc == -1 ? -1 : (int64_t)st.st_size;
}

int
recfile_remove(const char *dir, const char *session)
{
	char *path = file_path(dir, session);
	int rc;

	if (path == NULL)
		return -1;
	rc = unlink(path);
	if (rc == 0)
		rc = segment_sync_dir(path);
	else if (errno == ENOENT)
		rc = 0;
	free(path);
	return rc;
}
