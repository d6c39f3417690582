/*
 * The cursor of auditctl forward.  Run by auditctl; the file is its own, and
 * one that is not as it wrote it is refused, since beginning anew would send
 * everything again.
 */
#include "cursor.h"

#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "segments.h"

static int
failed(char *err, size_t size, const char *path, const char *why)
{
	snprintf(err, size, "%s: %s", path, why);
	return -1;
}

static int
lock(const char *path, char *err, size_t size)
{
	char *name;
	int fd;

	if (asprintf(&name, "%s.lock", path) == -1)
		return failed(err, size, path, "out of memory");
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(name);
	if (fd == -1)
		return failed(err, size, path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	close(fd);
	return failed(err, size, path, "is another forwarder's");
}

int
cursor_load(struct cursor *c, const char *path, char *err, size_t size)
{
	char line[128], end;
	FILE *f;
	int n;

	memset(c, 0, sizeof(*c));
	if (lock(path, err, size) == -1)
		return -1;
	if ((f = fopen(path, "re")) == NULL)
		return errno == ENOENT ? 0 : failed(err, size, path,
		    strerror(errno));
	n = fgets(line, sizeof(line), f) == NULL ? 0 : sscanf(line,
	    "store=%32[0-9a-f] event=%" SCNd64 "%c", c->store, &c->event,
	    &end);
	fclose(f);
	return n == 3 && end == '\n' && c->event >= 0 ? 0 :
	    failed(err, size, path, "is no cursor");
}

static int
write_all(const char *path, const struct cursor *c)
{
	FILE *f = fopen(path, "we");
	int rc;

	if (f == NULL)
		return -1;
	rc = fprintf(f, "store=%s event=%" PRId64 "\n", c->store,
	    c->event) < 0 || fflush(f) != 0 || fsync(fileno(f)) == -1;
	return fclose(f) != 0 || rc ? -1 : 0;
}

int
cursor_save(const struct cursor *c, const char *path, char *err, size_t size)
{
	char *tmp;
	int rc;

	if (asprintf(&tmp, "%s.new", path) == -1)
		return failed(err, size, path, "out of memory");
	rc = write_all(tmp, c) == 0 && rename(tmp, path) == 0 &&
	    segment_sync_dir(path) == 0 ? 0 : -1;
	free(tmp);
	return rc == 0 ? 0 : failed(err, size, path, strerror(errno));
}
