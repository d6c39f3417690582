/*
 * Makes, opens and removes the spools' files.  Run by auditd.  Names come from
 * policyd and are checked against a small alphabet; what is in a spool is its
 * writer's and is not looked at here.  The position file is auditd's own: only
 * it may write it (the writer's descriptor is for reading), so it is mapped and
 * trusted.  Failures are returned with a message, for policyd and for the log.
 */
#include "spoolfile.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POS_BYTES	4096
#define NAME_BYTES	(LEN_SESSION + 8)

/* What auditd keeps for itself behind the published part. */
#define POS_PRIVATE	256
#define POS_PRIVATE_MAGIC 0x31505053u	/* "SPP1" */
struct pos_private {
	uint32_t	magic;
	uint32_t	owner;
	uint32_t	number;
	uint32_t	zero;
	uint64_t	size;
};

static int
complain(char *err, size_t errlen, const char *what, const char *name)
{
	snprintf(err, errlen, "%s %s: %s", what, name, strerror(errno));
	return -1;
}

static void
file_name(char out[NAME_BYTES], const char *name, const char *suffix)
{
	snprintf(out, NAME_BYTES, "%s%s", name, suffix);
}

bool
spool_name_valid(const char *name)
{
	size_t n = strspn(name, "0123456789abcdefghijklmnopqrstuvwxyz-");

	return n > 0 && n <= LEN_SESSION && name[n] == '\0';
}

/* --- the directory ------------------------------------------------------ */

/* Numbers from statfs(2): memory, and file systems of other machines. */
static int
check_filesystem(int fd, bool full, char *err, size_t errlen)
{
	struct statfs sf;

	if (fstatfs(fd, &sf) == -1)
		return complain(err, errlen, "cannot examine", "file system");
	switch ((unsigned long)sf.f_type & 0xffffffffUL) {
	case 0x6969UL:		/* NFS */
	case 0xff534d42UL:	/* CIFS */
	case 0xfe534d42UL:	/* SMB2 */
	case 0x517bUL:		/* SMB */
	case 0x01021997UL:	/* 9p */
	case 0x5346414fUL:	/* AFS */
	case 0x00c36400UL:	/* Ceph */
	case 0x65735546UL:	/* FUSE: may be anything */
		snprintf(err, errlen, "spools cannot lie on a network file "
		    "system (spool.allow_any_filesystem overrides this)");
		return -1;
	case 0x01021994UL:	/* tmpfs */
	case 0x858458f6UL:	/* ramfs */
		if (!full)
			return 0;
		snprintf(err, errlen, "durability full needs a disk, and this "
		    "is memory (spool.allow_any_filesystem overrides this)");
		return -1;
	default:
		return 0;
	}
}

static int
open_wake(struct spooldir *d)
{
	struct stat st;

	/* Writers from before a restart have it open: it must stay the same. */
	if (mkfifoat(d->fd, "wake", 0600) == -1 && errno != EEXIST)
		return -1;
	d->wake = openat(d->fd, "wake",
	    O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (d->wake == -1 || fstat(d->wake, &st) == -1)
		return -1;
	if (!S_ISFIFO(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

int
spooldir_open(struct spooldir *d, const char *path, bool full, bool any_fs,
    char *err, size_t errlen)
{
	memset(d, 0, sizeof(*d));
	d->fd = d->lock = d->wake = -1;
	d->full = full;
	if ((d->path = strdup(path)) == NULL)
		return complain(err, errlen, "cannot open", path);
	if (mkdir(path, 0700) == -1 && errno != EEXIST) {
		complain(err, errlen, "cannot make", path);
		goto fail;
	}
	d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd == -1) {
		complain(err, errlen, "cannot open", path);
		goto fail;
	}
	if (!any_fs && check_filesystem(d->fd, full, err, errlen) == -1)
		goto fail;
	d->lock = openat(d->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->lock == -1) {
		complain(err, errlen, "cannot open", "lock");
		goto fail;
	}
	if (flock(d->lock, LOCK_EX | LOCK_NB) == -1) {
		snprintf(err, errlen, "%s is in use by another auditd", path);
		goto fail;
	}
	if (open_wake(d) == -1) {
		complain(err, errlen, "cannot open", "wake");
		goto fail;
	}
	return 0;
fail:
	spooldir_close(d);
	return -1;
}

void
spooldir_close(struct spooldir *d)
{
	if (d->wake != -1)
		close(d->wake);
	if (d->lock != -1)
		close(d->lock);
	if (d->fd != -1)
		close(d->fd);
	d->wake = d->lock = d->fd = -1;
	free(d->path);
	d->path = NULL;
}

void
spooldir_sync(struct spooldir *d)
{
	if (!d->unsynced || !d->full)
		return;
	d->unsynced = fsync(d->fd) == -1;
}

/* "<name><suffix>": cut the suffix off a copy; false when it is none. */
static bool
name_of(const char *file, const char *suffix, char name[LEN_SESSION + 1])
{
	size_t n = strlen(file), m = strlen(suffix);

	if (n <= m || n - m > LEN_SESSION || strcmp(file + n - m, suffix) != 0)
		return false;
	memcpy(name, file, n - m);
	name[n - m] = '\0';
	return spool_name_valid(name);
}

static bool
exists(struct spooldir *d, const char *name, const char *suffix)
{
	char file[NAME_BYTES];
	struct stat st;

	file_name(file, name, suffix);
	return fstatat(d->fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int
spooldir_scan(struct spooldir *d, void (*each)(void *, const char *),
    void *ctx)
{
	char name[LEN_SESSION + 1];
	struct dirent *e;
	DIR *dir;
	int fd;

	fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return -1;
	}
	while ((e = readdir(dir)) != NULL) {
		if (name_of(e->d_name, ".spool", name))
			each(ctx, name);
		else if (name_of(e->d_name, ".new", name) ||
		    ((name_of(e->d_name, ".pos", name) ||
		    name_of(e->d_name, ".ack", name)) &&
		    !exists(d, name, ".spool")))
			unlinkat(d->fd, e->d_name, 0);
	}
	closedir(dir);
	return 0;
}

/* --- position files ----------------------------------------------------- */

static int
pos_map(struct spoolfile *f, int fd)
{
	void *p = mmap(NULL, POS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);

	if (p == MAP_FAILED)
		return -1;
	f->pos = p;
	return 0;
}

static int
pos_create(struct spooldir *d, struct spoolfile *f, uint64_t drained)
{
	union {
		struct spool_position	pos;
		uint8_t			bytes[POS_BYTES];
	} page;
	struct pos_private mine = { POS_PRIVATE_MAGIC, f->owner, f->number, 0,
	    f->size };
	char file[NAME_BYTES];
	int fd, rc = -1;

	memset(&page, 0, sizeof(page));
	page.pos.magic = SPOS_MAGIC;
	page.pos.full = d->full;
	atomic_init(&page.pos.drained, drained);
	if (d->full)
		atomic_init(&page.pos.durable, drained);
	memcpy(page.bytes + POS_PRIVATE, &mine, sizeof(mine));
	file_name(file, f->name, ".pos");
	unlinkat(d->fd, file, 0);
	fd = openat(d->fd, file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	if (write(fd, &page, sizeof(page)) == (ssize_t)sizeof(page))
		rc = pos_map(f, fd);
	close(fd);
	return rc;
}

static int
pos_open(struct spooldir *d, struct spoolfile *f)
{
	struct pos_private mine;
	char file[NAME_BYTES];
	struct stat st;
	int fd;

	file_name(file, f->name, ".pos");
	fd = openat(d->fd, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || st.st_size != POS_BYTES ||
	    pos_map(f, fd) == -1) {
		close(fd);
		return -1;
	}
	close(fd);
	memcpy(&mine, (const uint8_t *)f->pos + POS_PRIVATE, sizeof(mine));
	if (f->pos->magic != SPOS_MAGIC || mine.magic != POS_PRIVATE_MAGIC ||
	    (mine.owner != ROLE_WORKER && mine.owner != ROLE_PARENT)) {
		munmap(f->pos, POS_BYTES);
		f->pos = NULL;
		return -1;
	}
	f->owner = (enum ipc_role)mine.owner;
	f->number = mine.number;
	f->size = mine.size;
	/* The setting may be another one than before the restart. */
	f->pos->full = d->full;
	return 0;
}

/* --- spools ------------------------------------------------------------- */

static int
write_zeros(int fd, uint64_t n)
{
	static const uint8_t zeros[256 * 1024];
	ssize_t w;

	while (n > 0) {
		w = write(fd, zeros, n < sizeof(zeros) ? (size_t)n :
		    sizeof(zeros));
		if (w <= 0)
			return -1;
		n -= (uint64_t)w;
	}
	return 0;
}

static int
spool_create(struct spooldir *d, const struct spoolfile *f)
{
	union {
		struct spool_header	h;
		uint8_t			bytes[SPOOL_HEADER];
	} page;
	char tmp[NAME_BYTES], file[NAME_BYTES];
	int fd, rc = -1;

	memset(&page, 0, sizeof(page));
	page.h.magic = SPOOL_MAGIC;
	page.h.number = f->number;
	page.h.size = f->size;
	file_name(tmp, f->name, ".new");
	file_name(file, f->name, ".spool");
	unlinkat(d->fd, tmp, 0);
	fd = openat(d->fd, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	/* Written, not merely allocated: no later write finds a full disk. */
	if (write(fd, &page, sizeof(page)) == (ssize_t)sizeof(page) &&
	    write_zeros(fd, f->size) == 0 &&
	    renameat(d->fd, tmp, d->fd, file) == 0)
		rc = 0;
	d->unsynced = true;
	close(fd);
	return rc;
}

static int
open_own(struct spooldir *d, struct spoolfile *f)
{
	char file[NAME_BYTES];

	file_name(file, f->name, ".spool");
	f->fd = openat(d->fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (f->fd == -1)
		return -1;
	/*
	 * An open file of our own: the writer shares none with us, so it cannot
	 * make our descriptor blocking.
	 */
	file_name(file, f->name, ".ack");
	if (mkfifoat(d->fd, file, 0600) == -1 && errno != EEXIST)
		return -1;
	f->ack = openat(d->fd, file,
	    O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	return f->ack == -1 ? -1 : 0;
}

static int
spoolfile_init(struct spoolfile *f, const char *name)
{
	memset(f, 0, sizeof(*f));
	f->fd = f->ack = -1;
	if (!spool_name_valid(name)) {
		errno = EINVAL;
		return -1;
	}
	snprintf(f->name, sizeof(f->name), "%s", name);
	return 0;
}

int
spoolfile_create(struct spooldir *d, const char *name, enum ipc_role owner,
    uint32_t number, uint64_t size, struct spoolfile *f, char *err,
    size_t errlen)
{
	if (spoolfile_init(f, name) == -1) {
		snprintf(err, errlen, "not a name for a spool");
		return -1;
	}
	if (exists(d, name, ".spool")) {
		/* One that could not be opened: never written over. */
		snprintf(err, errlen, "spool %s exists", name);
		return -1;
	}
	f->owner = owner;
	f->number = number;
	f->size = size;
	if (pos_create(d, f, 0) == -1 || spool_create(d, f) == -1 ||
	    open_own(d, f) == -1) {
		complain(err, errlen, "cannot make spool", f->name);
		spoolfile_close(f);
		spoolfile_remove(d, name);
		return -1;
	}
	return 0;
}

int
spoolfile_open(struct spooldir *d, const char *name, uint64_t drained,
    struct spoolfile *f, char *err, size_t errlen)
{
	struct stat st;

	if (spoolfile_init(f, name) == -1) {
		snprintf(err, errlen, "not a name for a spool");
		return -1;
	}
	if (open_own(d, f) == -1 || fstat(f->fd, &st) == -1)
		goto fail;
	if (pos_open(d, f) == 0)
		return 0;
	f->owner = strncmp(name, "policyd-", 8) == 0 ? ROLE_PARENT :
	    ROLE_WORKER;
	f->number = 0;
	f->size = st.st_size <= SPOOL_HEADER ? 0 :
	    (uint64_t)st.st_size - SPOOL_HEADER;
	if (pos_create(d, f, drained) == 0)
		return 0;
fail:
	complain(err, errlen, "cannot open spool", f->name);
	spoolfile_close(f);
	return -1;
}

int
spoolfile_fds(struct spooldir *d, const struct spoolfile *f, int fds[4])
{
	char spool[NAME_BYTES], pos[NAME_BYTES], ack[NAME_BYTES];
	int i, saved;

	file_name(spool, f->name, ".spool");
	file_name(pos, f->name, ".pos");
	file_name(ack, f->name, ".ack");
	fds[0] = openat(d->fd, spool, O_RDWR | O_CLOEXEC);
	fds[1] = openat(d->fd, pos, O_RDONLY | O_CLOEXEC);
	fds[2] = openat(d->fd, "wake", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	fds[3] = openat(d->fd, ack, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fds[0] != -1 && fds[1] != -1 && fds[2] != -1 && fds[3] != -1)
		return 0;
	saved = errno;
	for (i = 0; i < 4; i++)
		if (fds[i] != -1)
			close(fds[i]);
	errno = saved;
	return -1;
}

void
spoolfile_close(struct spoolfile *f)
{
	if (f->fd != -1)
		close(f->fd);
	if (f->ack != -1)
		close(f->ack);
	f->fd = f->ack = -1;
	if (f->pos != NULL)
		munmap(f->pos, POS_BYTES);
	f->pos = NULL;
}

void
spoolfile_remove(struct spooldir *d, const char *name)
{
	static const char *const suffixes[] = { ".spool", ".new", ".pos",
	    ".ack" };
	char file[NAME_BYTES];
	size_t i;

	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		file_name(file, name, suffixes[i]);
		unlinkat(d->fd, file, 0);
	}
}
