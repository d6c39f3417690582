/*
 * The failing disk of test_powercut.c.  The calls of libsqlite3 come here, too:
 * a program's own functions go before those of libraries.
 */
#include "powercut.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR	512

/* A file, by its inode: what fsync() put on the disk. */
struct image {
	struct image	*next;
	ino_t		 ino;
	char		*data;
	size_t		 len;
};

/* A name that is on the disk. */
struct entry {
	struct entry	*next;
	char		 dir[256], name[128], link[128];
	ino_t		 ino;		/* 0: a symbolic link */
};

static struct image	*images;
static struct entry	*entries;
static char		 root[256], target[256];
static long		 left = -1;	/* -1: not armed */
static bool		 kernel_lives;
static unsigned int	 chance;

static unsigned int
dice(unsigned int n)
{
	return (unsigned int)rand_r(&chance) % n;
}

/* --- what is on the disk ------------------------------------------------ */

static char *
read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	char *p;

	*len = 0;
	if (f == NULL || fstat(fileno(f), &st) == -1 ||
	    (p = malloc((size_t)st.st_size + 1)) == NULL)
		abort();
	*len = fread(p, 1, (size_t)st.st_size, f);
	fclose(f);
	return p;
}

static struct image *
image_of(ino_t ino)
{
	struct image *i;

	for (i = images; i != NULL; i = i->next)
		if (i->ino == ino)
			return i;
	return NULL;
}

static void
sync_file(const char *path, ino_t ino)
{
	struct image *i = image_of(ino);

	if (i == NULL) {
		if ((i = calloc(1, sizeof(*i))) == NULL)
			abort();
		i->ino = ino;
		i->next = images;
		images = i;
	}
	free(i->data);
	i->data = read_file(path, &i->len);
}

static void
add_entry(struct entry **list, const char *dir, const char *name)
{
	struct entry *e = calloc(1, sizeof(*e));
	char path[400];
	struct stat st;
	ssize_t n;

	if (e == NULL)
		abort();
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(e->dir, sizeof(e->dir), "%s", dir);
	snprintf(e->name, sizeof(e->name), "%s", name);
	if (lstat(path, &st) == -1 ||
	    (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))) {
		free(e);
		return;
	}
	if (S_ISLNK(st.st_mode)) {
		if ((n = readlink(path, e->link, sizeof(e->link) - 1)) == -1)
			abort();
		e->link[n] = '\0';
	} else
		e->ino = st.st_ino;
	e->next = *list;
	*list = e;
}

/* The names that are in a directory now. */
static struct entry *
list_dir(const char *dir)
{
	struct entry *list = NULL;
	struct dirent *d;
	DIR *h = opendir(dir);

	if (h == NULL)
		abort();
	while ((d = readdir(h)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			add_entry(&list, dir, d->d_name);
	closedir(h);
	return list;
}

static void
sync_dir(const char *dir)
{
	struct entry **p = &entries, *e, *list;

	while ((e = *p) != NULL)
		if (strcmp(e->dir, dir) == 0) {
			*p = e->next;
			free(e);
		} else
			p = &e->next;
	list = list_dir(dir);
	*p = list;
}

/* --- the cut ------------------------------------------------------------ */

/* Each sector as it was synced, or as it was written last. */
static void
write_mixed(const char *path, const struct image *i, const char *now,
    size_t now_len)
{
	size_t len = i == NULL ? 0 : i->len, at, n, have;
	unsigned int style = dice(4);
	const char *from;
	FILE *f;

	/* All of it, nothing, or this and that. */
	if (style == 0)
		len = now_len;
	else if (style > 1 && dice(2) == 0)
		len = now_len;
	if ((f = fopen(path, "we")) == NULL)
		abort();
	for (at = 0; at < len; at += SECTOR) {
		bool new = style == 0 || (style > 1 && dice(2) == 0);

		from = new ? now : i == NULL ? NULL : i->data;
		have = new ? now_len : i == NULL ? 0 : i->len;
		/* Where the chosen one has nothing there are zeros. */
		n = have <= at ? 0 : have - at < SECTOR ? have - at : SECTOR;
		if (n > 0)
			fwrite(from + at, 1, n, f);
		fseek(f, (long)(SECTOR - n), SEEK_CUR);
	}
	fflush(f);
	if (syscall(SYS_ftruncate, fileno(f), (off_t)len) == -1)
		abort();
	fclose(f);
}

/* The file that has this inode, by any of its names; "" when it is gone. */
static void
find_live(const struct entry *live, ino_t ino, char *path, size_t size)
{
	path[0] = '\0';
	for (; live != NULL; live = live->next)
		if (live->ino == ino)
			snprintf(path, size, "%s/%s", live->dir, live->name);
}

static void
put_name(const struct entry *e, const struct entry *live)
{
	char path[600], now_path[400];
	struct image *i;
	size_t len = 0;
	char *now = NULL;

	snprintf(path, sizeof(path), "%s%s/%s", target,
	    e->dir + strlen(root), e->name);
	unlink(path);
	if (e->ino == 0) {
		if (symlink(e->link, path) == -1)
			abort();
		return;
	}
	i = image_of(e->ino);
	find_live(live, e->ino, now_path, sizeof(now_path));
	if (now_path[0] != '\0')
		now = read_file(now_path, &len);
	write_mixed(path, i, now, now == NULL ? 0 : len);
	free(now);
}

static const struct entry *
named(const struct entry *list, const struct entry *e)
{
	for (; list != NULL; list = list->next)
		if (strcmp(list->dir, e->dir) == 0 &&
		    strcmp(list->name, e->name) == 0)
			return list;
	return NULL;
}

/* The names on the disk, those of now, or the former and some of the latter. */
static void
cut_dir(const char *dir)
{
	struct entry *live = list_dir(dir), *e;
	unsigned int style = dice(3);

	for (e = entries; e != NULL; e = e->next)
		if (strcmp(e->dir, dir) == 0 && (style != 1 ||
		    named(live, e) != NULL))
			put_name(style == 1 ? named(live, e) : e, live);
	for (e = live; e != NULL; e = e->next)
		if (named(entries, e) == NULL && (style == 1 ||
		    (style == 2 && dice(2) == 0)))
			put_name(e, live);
}

static _Noreturn void
cut(void)
{
	static const char *const subs[] = { "spool", "audit-recordings" };
	char dir[300], out[300];
	size_t i;

	left = -1;
	if (kernel_lives)
		_exit(0);
	if (mkdir(target, 0700) == -1)
		abort();
	cut_dir(root);
	for (i = 0; i < sizeof(subs) / sizeof(subs[0]); i++) {
		snprintf(dir, sizeof(dir), "%s/%s", root, subs[i]);
		snprintf(out, sizeof(out), "%s/%s", target, subs[i]);
		if (access(dir, F_OK) == -1)
			continue;
		if (mkdir(out, 0700) == -1)
			abort();
		cut_dir(dir);
	}
	_exit(0);
}

/* --- the calls ---------------------------------------------------------- */

/* Below the directory?  Then the path of what is open. */
static bool
ours(int fd, char *path, size_t size)
{
	char proc[64];
	ssize_t n;

	if (left < 0)
		return false;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	if ((n = readlink(proc, path, size - 1)) == -1)
		return false;
	path[n] = '\0';
	return strncmp(path, root, strlen(root)) == 0;
}

/* One call; true: it is the last. */
static bool
last_call(void)
{
	return left >= 0 && left-- == 0;
}

static int
synced(int fd)
{
	char path[400];
	struct stat st;

	if (!ours(fd, path, sizeof(path)) || fstat(fd, &st) == -1)
		return 0;
	if (last_call())
		cut();
	if (S_ISDIR(st.st_mode))
		sync_dir(path);
	else if (S_ISREG(st.st_mode))
		sync_file(path, st.st_ino);
	return 0;
}

/* The disk here is memory: the real call would only cost time. */
int
fsync(int fd)
{
	return left >= 0 ? synced(fd) : (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return left >= 0 ? synced(fd) : (int)syscall(SYS_fdatasync, fd);
}

static bool
cut_here(int fd)
{
	char path[400];

	return ours(fd, path, sizeof(path)) && last_call();
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	if (!cut_here(fd))
		return syscall(SYS_pwrite64, fd, p, n, at);
	if (n > 0)
		syscall(SYS_pwrite64, fd, p, (size_t)dice((unsigned int)n),
		    at);
	cut();
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	return pwrite64(fd, p, n, at);
}

int
ftruncate64(int fd, off64_t len)
{
	if (cut_here(fd))
		cut();
	return (int)syscall(SYS_ftruncate, fd, len);
}

int
ftruncate(int fd, off_t len)
{
	return ftruncate64(fd, len);
}

int
rename(const char *from, const char *to)
{
	if (left >= 0 && strncmp(from, root, strlen(root)) == 0 && last_call())
		cut();
	return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

/*
 * A file that is unlinked may be there again after the cut, as its directory
 * was not synced: it keeps its contents under a number that no file has.
 */
static void
keep_lost(struct image *i)
{
	static ino_t lost = (ino_t)1 << 62;
	struct entry *e;

	lost++;
	for (e = entries; e != NULL; e = e->next)
		if (e->ino == i->ino)
			e->ino = lost;
	i->ino = lost;
}

/* Its number may be another file's soon. */
static void
forget(const char *path)
{
	struct image *i;
	struct stat st;

	if (left >= 0 && lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_nlink == 1 && (i = image_of(st.st_ino)) != NULL &&
	    strncmp(path, root, strlen(root)) == 0)
		keep_lost(i);
}

int
unlink(const char *path)
{
	if (left >= 0 && strncmp(path, root, strlen(root)) == 0 && last_call())
		cut();
	forget(path);
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

void
powercut_arm(const char *dir, const char *out, long n, unsigned int seed,
    bool files_stay)
{
	snprintf(root, sizeof(root), "%s", dir);
	snprintf(target, sizeof(target), "%s", out);
	kernel_lives = files_stay;
	chance = seed;
	left = n;
}
