/*
 * The disk under an auditd that fails, for test_store: while there is a file
 * "failing" beside a file of the store, writing to it (the word in it is
 * "write") or syncing it ("sync") comes to EIO.  The calls of libsqlite3 come
 * here, too: a program's own functions go before those of libraries.  Runs in
 * tests only.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool
fails(int fd, const char *how)
{
	char proc[64], path[600], *slash, word[8] = "";
	int saved = errno, flag;
	ssize_t n;

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	if ((n = readlink(proc, path, sizeof(path) - 20)) <= 0)
		return false;
	path[n] = '\0';
	if ((slash = strrchr(path, '/')) == NULL ||
	    strstr(slash, ".db") == NULL)
		return false;
	strcpy(slash, "/failing");
	if ((flag = open(path, O_RDONLY | O_CLOEXEC)) != -1) {
		if (read(flag, word, sizeof(word) - 1) < 0)
			word[0] = '\0';
		close(flag);
	}
	errno = saved;
	return strncmp(word, how, strlen(how)) == 0;
}

static int
synced(int fd, long call)
{
	if (fails(fd, "sync")) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(call, fd);
}

int
fsync(int fd)
{
	return synced(fd, SYS_fsync);
}

int
fdatasync(int fd)
{
	return synced(fd, SYS_fdatasync);
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	if (fails(fd, "write")) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	return pwrite64(fd, p, n, at);
}
