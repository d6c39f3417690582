/*
 * Children for blocking work.  The keeper runs it: libpq and getaddrinfo()
 * block, and no login may wait for another's database.
 *
 * A child has nothing of the keeper's but its memory: every descriptor but its
 * own is closed, and it dies with the keeper.  Its answer is capped; a child
 * that hangs is killed.
 */
#include "helper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "unixsock.h"

#define CHILD_FD	3

struct helper {
	struct ev_io	*io;
	struct ev_timer	*timer;
	int		 sock;
	pid_t		 pid;
	struct buf	 in;
	int		 fd;		/* received, or -1 */
	helper_done	*done;
	void		*ctx;
};

/* The child has closed its end or will not live: there is no long wait. */
static void
helper_end(struct helper *h)
{
	ev_io_free(&h->io);
	ev_timer_free(&h->timer);
	close(h->sock);
	kill(h->pid, SIGKILL);
	while (waitpid(h->pid, NULL, 0) == -1 && errno == EINTR)
		;
}

static void
finish(struct helper *h, bool good)
{
	struct buf in = h->in;
	helper_done *done = h->done;
	void *ctx = h->ctx;
	int fd = h->fd;

	helper_end(h);
	free(h);
	if (!good && fd != -1) {
		close(fd);
		fd = -1;
	}
	done(ctx, good ? (in.len > 0 ? buf_head(&in) :
	    (const uint8_t *)"") : NULL, in.len, fd);
	buf_wipe(&in);
}

/* One piece of the answer: like read(), and takes the descriptor. */
static ssize_t
receive(struct helper *h, void *p, size_t size)
{
	union {
		struct cmsghdr	hdr;
		char		space[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = { p, size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &ctl, .msg_controllen = sizeof(ctl) };
	struct cmsghdr *c;
	ssize_t n;
	int fd;

	if ((n = recvmsg(h->sock, &m, MSG_CMSG_CLOEXEC)) == -1)
		return -1;
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		if (h->fd != -1)
			close(h->fd);
		h->fd = fd;
	}
	return n;
}

static void
on_io(void *ctx, int what)
{
	struct helper *h = ctx;
	uint8_t *p;
	size_t room;
	ssize_t n;

	(void)what;
	room = buf_room(&h->in) < 4096 ? buf_room(&h->in) : 4096;
	if (room == 0 || (p = buf_reserve(&h->in, room)) == NULL) {
		finish(h, false);
		return;
	}
	if ((n = receive(h, p, room)) == -1) {
		if (errno != EAGAIN && errno != EINTR)
			finish(h, false);
	} else if (n == 0)
		finish(h, true);
	else
		buf_commit(&h->in, (size_t)n);
}

static void
on_timer(void *ctx)
{
	finish(ctx, false);
}

static void
child(int sock, pid_t keeper, helper_work *work, void *arg)
{
	static const int defaults[] = { SIGTERM, SIGHUP, SIGINT, SIGCHLD, 0 };
	size_t i;

	for (i = 0; defaults[i] != 0; i++)
		signal(defaults[i], SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != keeper || dup2(sock, CHILD_FD) == -1)
		_exit(1);
	fd_close_from(CHILD_FD + 1);
	work(CHILD_FD, arg);
	_exit(0);
}

int
helper_start(struct ev_loop *loop, helper_work *work, void *arg, uint64_t ms,
    size_t max, helper_done *done, void *ctx, struct helper **hp)
{
	struct helper *h;
	int sv[2];
	pid_t keeper = getpid();

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1) {
		free(h);
		return -1;
	}
	if ((h->pid = fork()) == -1 || fd_nonblock(sv[0]) == -1) {
		if (h->pid > 0)
			kill(h->pid, SIGKILL);
		close(sv[0]);
		close(sv[1]);
		free(h);
		return -1;
	}
	if (h->pid == 0)
		child(sv[1], keeper, work, arg);
	close(sv[1]);
	h->sock = sv[0];
	h->fd = -1;
	h->done = done;
	h->ctx = ctx;
	buf_init(&h->in, max + 1);
	h->io = ev_io_new(loop, h->sock, EV_IN, on_io, h);
	h->timer = ev_timer_new(loop, on_timer, h);
	ev_timer_set(h->timer, ms);
	*hp = h;
	return 0;
}

void
helper_cancel(struct helper **hp)
{
	struct helper *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	helper_end(h);
	if (h->fd != -1)
		close(h->fd);
	buf_wipe(&h->in);
	free(h);
}

int
helper_reply(int sock, const void *data, size_t len, int fd)
{
	union {
		struct cmsghdr	hdr;
		char		space[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov;
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	const char *p = data;
	ssize_t n;

	memset(&ctl, 0, sizeof(ctl));
	if (fd != -1) {
		m.msg_control = &ctl;
		m.msg_controllen = sizeof(ctl.space);
		ctl.hdr.cmsg_level = SOL_SOCKET;
		ctl.hdr.cmsg_type = SCM_RIGHTS;
		ctl.hdr.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&ctl.hdr), &fd, sizeof(fd));
	}
	while (len > 0) {
		iov.iov_base = (void *)(uintptr_t)p;
		iov.iov_len = len;
		if ((n = sendmsg(sock, &m, MSG_NOSIGNAL)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		m.msg_control = NULL;
		m.msg_controllen = 0;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}
