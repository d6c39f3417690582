#ifndef POSTERN_UNIXSOCK_H
#define POSTERN_UNIXSOCK_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Unix sockets between Postern's processes.  All descriptors are close-on-exec
 * and non-blocking unless said otherwise.  -1 with errno on failure.
 */

/* Bind and listen with mode 0600; a stale socket file is replaced, a live one
 * (somebody accepts on it) is EADDRINUSE.  `uid` other than -1 gets the file. */
int	unix_listen(const char *path, uid_t uid);
int	unix_connect(const char *path);
int	unix_pair(int fd[2]);
/* -1 when nobody waits (EAGAIN) or on error. */
int	unix_accept(int fd);
int	unix_peer(int fd, uid_t *uid, pid_t *pid);
/* Root, or the user this process runs as: who may use a control socket (D6). */
bool	peer_is_admin(uid_t peer);
int	fd_nonblock(int fd);
int	fd_cloexec(int fd);
/* Close every descriptor from `from` on. */
void	fd_close_from(int from);

#endif
