/*
 * unixsock: Unix sockets and descriptors.  Runs in all processes.
 */
#include "unixsock.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int
unix_address(const char *path, struct sockaddr_un *sun)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sun->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(sun->sun_path, path);
	return 0;
}

static int
close_failed(int fd)
{
	int err = errno;

	close(fd);
	errno = err;
	return -1;
}

int
unix_connect(const char *path)
{
	struct sockaddr_un sun;
	int fd;

	if (unix_address(path, &sun) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		return close_failed(fd);
	return fd;
}

int
unix_listen(const char *path, uid_t uid)
{
	struct sockaddr_un sun;
	mode_t old;
	int fd, rc, live;

	if (unix_address(path, &sun) == -1)
		return -1;
	/* A socket on which nobody accepts is what a dead daemon left. */
	if ((live = unix_connect(path)) != -1) {
		close(live);
		errno = EADDRINUSE;
		return -1;
	}
	if (errno == ECONNREFUSED && unlink(path) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	old = umask(0177);
	rc = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(old);
	if (rc == -1 || listen(fd, 128) == -1)
		return close_failed(fd);
	if (uid != (uid_t)-1 && lchown(path, uid, (gid_t)-1) == -1)
		return close_failed(fd);
	return fd;
}

int
unix_pair(int fd[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0, fd);
}

int
unix_accept(int fd)
{
	return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int
unix_peer(int fd, uid_t *uid, pid_t *pid)
{
	struct ucred uc;
	socklen_t len = sizeof(uc);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) == -1)
		return -1;
	*uid = uc.uid;
	*pid = uc.pid;
	return 0;
}

bool
peer_is_admin(uid_t peer)
{
	return peer == 0 || peer == geteuid();
}

int
fd_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags == -1 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int
fd_cloexec(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void
fd_close_from(int from)
{
	closefrom(from);
}
