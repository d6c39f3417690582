/*
 * The names of a store's files.  Used by auditd, whose directory it is, and by
 * auditctl, which may be shown a directory that somebody arranged: names are
 * taken for what they say here, and verify checks that the contents agree.
 */
#include "segments.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX	".db"

/* Length of the store's name without its suffix. */
static size_t
stem_len(const char *path)
{
	size_t n = strlen(path), s = strlen(SUFFIX);

	return n > s && strcmp(path + n - s, SUFFIX) == 0 ? n - s : n;
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

char *
segment_path(const char *store, int64_t from)
{
	char *path;

	if (asprintf(&path, "%.*s-%" PRId64 SUFFIX, (int)stem_len(store),
	    store, from) == -1)
		return NULL;
	return path;
}

/* The number in <stem>-<number>.db, or 0: it is none. */
static int64_t
segment_number(const char *stem, size_t len, const char *name)
{
	int64_t n = 0;
	const char *p;

	if (strncmp(name, stem, len) != 0 || name[len] != '-' ||
	    name[len + 1] < '1' || name[len + 1] > '9')
		return 0;
	for (p = name + len + 1; *p >= '0' && *p <= '9'; p++) {
		if (p - name - (ptrdiff_t)len > 18)
			return 0;
		n = n * 10 + (*p - '0');
	}
	return strcmp(p, SUFFIX) == 0 ? n : 0;
}

/* N of a file's name that ends in -N.db, or 0. */
static int64_t
trailing_number(const char *path)
{
	const char *base = base_name(path), *dash = strrchr(base, '-');

	return dash == NULL ? 0 :
	    segment_number(base, (size_t)(dash - base), base);
}

size_t
segment_stem(const char *path)
{
	size_t n = stem_len(path);

	if (trailing_number(path) == 0)
		return n;
	while (path[n - 1] != '-')
		n--;
	return n - 1;
}

static int
by_from(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

static int
add(struct segments *s, int64_t from, char *path)
{
	struct segment *v;

	if (path == NULL ||
	    (v = realloc(s->v, (s->n + 1) * sizeof(*v))) == NULL) {
		free(path);
		errno = ENOMEM;
		return -1;
	}
	s->v = v;
	s->v[s->n].from = from;
	s->v[s->n++].path = path;
	return 0;
}

/* All segments in the store's directory. */
static int
scan(const char *path, struct segments *s)
{
	const char *base = base_name(path);
	size_t len = stem_len(base);
	char *copy = strdup(path);
	struct dirent *d;
	int64_t from;
	int rc = 0;
	DIR *dir;

	if (copy == NULL || (dir = opendir(dirname(copy))) == NULL) {
		free(copy);
		return -1;
	}
	free(copy);
	while (rc == 0 && (errno = 0, d = readdir(dir)) != NULL)
		if ((from = segment_number(base, len, d->d_name)) != 0)
			rc = add(s, from, segment_path(path, from));
	if (errno != 0)
		rc = -1;
	closedir(dir);
	if (s->n > 1)
		qsort(s->v, s->n, sizeof(*s->v), by_from);
	return rc;
}

/* What the link says.  It may say nothing but the name of a segment. */
static int64_t
link_number(const char *path)
{
	const char *base = base_name(path);
	char target[NAME_MAX + 1];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	int64_t from;

	if (n < 0)
		return errno == ENOENT ? 0 : -1;
	target[n] = '\0';
	from = segment_number(base, stem_len(base), target);
	return from == 0 ? -1 : from;
}

int
segments_find(const char *path, struct segments *s)
{
	struct stat st;
	int rc;

	memset(s, 0, sizeof(*s));
	if (lstat(path, &st) == -1 && errno != ENOENT)
		return -1;
	if (lstat(path, &st) == 0 && !S_ISLNK(st.st_mode)) {
		s->alone = true;
		rc = add(s, trailing_number(path), strdup(path));
	} else {
		rc = scan(path, s);
		s->link = link_number(path);
	}
	if (rc == -1)
		segments_clear(s);
	return rc;
}

void
segments_clear(struct segments *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		free(s->v[i].path);
	free(s->v);
	memset(s, 0, sizeof(*s));
}

int
segment_sync_dir(const char *path)
{
	char *copy = strdup(path);
	int fd, rc;

	if (copy == NULL)
		return -1;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd == -1)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

int
segment_link(const char *store, int64_t from)
{
	char *target = segment_path(store, from), *tmp = NULL;
	int rc = -1;

	if (target != NULL && asprintf(&tmp, "%s.link", store) != -1) {
		unlink(tmp);
		if (symlink(base_name(target), tmp) == 0 &&
		    rename(tmp, store) == 0)
			rc = segment_sync_dir(store);
		free(tmp);
	}
	free(target);
	return rc;
}
