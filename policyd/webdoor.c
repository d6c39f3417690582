/*
 * The door of policyctl serve.  It runs as who started that: root or policyd's
 * user.  It touches no network and reads one byte at a time from the page,
 * which it does not trust: whatever that byte is, all there is to be had is a
 * connection that policyd has been told is the page's, before it is handed out.
 */
#include "webdoor.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "ev.h"
#include "ipc.h"
#include "log.h"
#include "unixsock.h"

#define TELL_MS		2000	/* policyd's time to answer the door */
#define ASK_MS		3000	/* the door's, to answer the page */

struct telling {
	struct ev_loop	*loop;
	bool		 done;
};

static int
on_end(void *ctx, const void *msg, int *fds)
{
	const struct ipc_ctl_end	*m = msg;
	struct telling			*t = ctx;

	(void)fds;
	t->done = m->code == 0;
	ev_stop(t->loop);
	return 0;
}

static void
on_closed(void *ctx, const char *reason)
{
	struct telling	*t = ctx;

	(void)reason;
	ev_stop(t->loop);
}

static void
on_late(void *ctx)
{
	struct telling	*t = ctx;

	ev_stop(t->loop);
}

static const struct ipc_permit permits[] = {
	{ IPC_ctl_end, ~0u, on_end }
};

/* Tell policyd whose this connection is; true when it has understood. */
static bool
tell(int fd)
{
	struct telling		 t = { .done = false };
	struct ipc_ctl_request	 m = { .id = 1, .verb = slice_str("page"),
				    .args = slice_str("{}") };
	struct ev_timer		*timer;
	struct ipc		*ipc;
	int			 copy = dup(fd);

	if (copy == -1)
		return false;
	t.loop = ev_loop_new();
	timer = ev_timer_new(t.loop, on_late, &t);
	ev_timer_set(timer, TELL_MS);
	ipc = ipc_new(t.loop, copy, ROLE_CTL, ROLE_PARENT, permits,
	    sizeof(permits) / sizeof(permits[0]), on_closed, &t);
	if (ipc != NULL && ipc_send(ipc, IPC_ctl_request, &m, NULL, 0) == 0)
		ev_run(t.loop);
	ipc_free(&ipc);
	ev_timer_free(&timer);
	ev_loop_free(&t.loop);
	return t.done;
}

/* One byte, and the descriptor with it if there is one. */
static int
hand_out(int to, int fd)
{
	char		 byte = fd == -1 ? 'n' : 'y';
	struct iovec	 iov = { &byte, 1 };
	union {
		struct cmsghdr	align;
		char		space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	struct msghdr	 msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr	*c;

	if (fd != -1) {
		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(to, &msg, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

void
webdoor_run(int at, const char *socket)
{
	char	byte;
	ssize_t	n;
	int	fd;

	for (;;) {
		n = read(at, &byte, 1);
		if (n == -1 && errno == EINTR)
			continue;
		if (n != 1)
			return;
		if ((fd = unix_connect(socket)) == -1)
			log_warn("event=policyd_connect socket=%s", socket);
		else if (!tell(fd)) {
			log_warnx("event=policyd_connect socket=%s "
			    "error=\"it does not know the page\"", socket);
			close(fd);
			fd = -1;
		}
		n = hand_out(at, fd);
		if (fd != -1)
			close(fd);
		if (n == -1)
			return;
	}
}

int
webdoor_ask(int at)
{
	struct pollfd	 pfd = { .fd = at, .events = POLLIN };
	char		 byte = '?';
	struct iovec	 iov = { &byte, 1 };
	union {
		struct cmsghdr	align;
		char		space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr	 msg = { .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = control.space,
			    .msg_controllen = sizeof(control.space) };
	struct cmsghdr	*c;
	int		 fd = -1;

	/* An answer that came too late, to an earlier question, is one too. */
	if (write(at, &byte, 1) != 1 || poll(&pfd, 1, ASK_MS) != 1 ||
	    recvmsg(at, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}
