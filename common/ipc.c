/*
 * ipc: framed, typed messages with descriptors over a stream socket.  Runs in
 * all processes.  The peer is not trusted: what it may send is the permit
 * table, lengths are capped before memory is made, and any breach closes it.
 *
 * SCM_RIGHTS come with the first byte of their frame: the kernel never joins
 * the bytes of two sendmsg() calls with different rights into one recvmsg(),
 * so descriptors are queued in the order of the frames that declare them.
 */
#include "ipc.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "unixsock.h"

#define FRAME_HEADER	8
/* Above the largest message: a verdict with its text, or a config. */
#define FRAME_MAX	(LEN_TEXT + 256 * 1024)
#define QUEUE_MAX	(2 * FRAME_MAX)
#define READ_CHUNK	(16 * 1024)

/* Linux 6.16: the receiver says whether it takes descriptors at all. */
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS	83
#endif
#define FDS_QUEUED	(4 * IPC_MAXFDS)

/* Descriptors to send with the byte at `at` of the output stream. */
struct out_fds {
	struct out_fds	*next;
	uint64_t	 at;
	size_t		 n;
	int		 fd[IPC_MAXFDS];
};

struct ipc {
	struct ev_loop	*loop;
	struct ev_io	*io;
	int		 fd;
	enum ipc_role	 self, peer;
	const struct ipc_permit *permit;
	size_t		 npermit;
	uint32_t	 phase;
	ipc_closed	*closed;
	void		*ctx;
	struct buf	 in, out;
	uint64_t	 out_at;	/* stream position of out's first byte */
	struct out_fds	*fds_first, **fds_last;
	int		 in_fds[FDS_QUEUED];
	size_t		 nin_fds;
	size_t		 max_fds;	/* most that a permitted message has */
	bool		 paused;
	bool		 failed;	/* to be closed from the loop */
	bool		 freed;		/* by its own handler */
	int		 depth;		/* handlers running */
	struct ev_timer	*later;		/* work to do from the loop */
	const char	*reason;
};

static void	ipc_on_io(void *, int);
static void	ipc_on_later(void *);
static void	ipc_frames(struct ipc *);
static void	ipc_destroy(struct ipc *);

static void
ipc_poll(struct ipc *c)
{
	ev_io_want(c->io, (c->paused || c->failed ? 0 : EV_IN) |
	    (c->out.len > 0 && !c->failed ? EV_OUT : 0));
}

/*
 * A descriptor that nobody asked for is not harmless: closing the last copy of
 * a TCP socket with SO_LINGER blocks for as long as its sender chose.  Where
 * the kernel can, it is told that a peer without a message that carries
 * descriptors may send none; elsewhere the sender is kept from it
 * (proc_pass_nothing()).
 */
static void
ipc_limit_fds(struct ipc *c)
{
	const struct msg_desc *d;
	int off = 0;
	size_t i;

	for (i = 0; i < c->npermit; i++) {
		d = ipc_desc(c->permit[i].type);
		if (d != NULL && d->nfds > c->max_fds)
			c->max_fds = d->nfds;
	}
	if (c->max_fds == 0)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_PASSRIGHTS, &off,
		    sizeof(off));
}

struct ipc *
ipc_new(struct ev_loop *loop, int fd, enum ipc_role self, enum ipc_role peer,
    const struct ipc_permit *permit, size_t n, ipc_closed *closed, void *ctx)
{
	struct ipc *c;

	if ((c = calloc(1, sizeof(*c))) == NULL || fd_nonblock(fd) == -1 ||
	    fd_cloexec(fd) == -1) {
		free(c);
		close(fd);
		return NULL;
	}
	c->loop = loop;
	c->fd = fd;
	c->self = self;
	c->peer = peer;
	c->permit = permit;
	c->npermit = n;
	c->phase = 1;
	c->closed = closed;
	c->ctx = ctx;
	ipc_limit_fds(c);
	c->fds_last = &c->fds_first;
	buf_init(&c->in, FRAME_MAX + FRAME_HEADER + READ_CHUNK);
	buf_init(&c->out, QUEUE_MAX);
	c->later = ev_timer_new(loop, ipc_on_later, c);
	c->io = ev_io_new(loop, fd, EV_IN, ipc_on_io, c);
	return c;
}

static void
ipc_destroy(struct ipc *c)
{
	struct out_fds *f;
	size_t i;

	while ((f = c->fds_first) != NULL) {
		c->fds_first = f->next;
		for (i = 0; i < f->n; i++)
			close(f->fd[i]);
		free(f);
	}
	for (i = 0; i < c->nin_fds; i++)
		close(c->in_fds[i]);
	ev_io_free(&c->io);
	ev_timer_free(&c->later);
	if (c->fd != -1)
		close(c->fd);
	/* Tokens and SASL data pass through here. */
	buf_wipe(&c->in);
	buf_wipe(&c->out);
	free(c);
}

void
ipc_free(struct ipc **cp)
{
	struct ipc *c = *cp;

	*cp = NULL;
	if (c == NULL || c->freed)
		return;
	c->freed = true;
	if (c->depth > 0) {
		/* ipc_read() is below us on the stack and will finish. */
		ev_io_want(c->io, 0);
		ev_timer_stop(c->later);
		return;
	}
	ipc_destroy(c);
}

/* The callback runs from the loop, never from inside the caller's call. */
static void
ipc_fail(struct ipc *c, const char *reason)
{
	if (c->failed || c->freed)
		return;
	c->failed = true;
	c->reason = reason;
	ipc_poll(c);
	ev_timer_set(c->later, 0);
}

static void
ipc_on_later(void *arg)
{
	struct ipc *c = arg;

	if (c->failed) {
		c->closed(c->ctx, c->reason);
		return;
	}
	/* Frames that came while the peer was paused. */
	c->depth++;
	ipc_frames(c);
	c->depth--;
	if (c->freed && c->depth == 0)
		ipc_destroy(c);
}

void
ipc_phase(struct ipc *c, uint32_t phase)
{
	c->phase = phase;
}

void
ipc_pause(struct ipc *c, bool paused)
{
	c->paused = paused;
	if (!paused && c->in.len > 0)
		ev_timer_set(c->later, 0);
	ipc_poll(c);
}

size_t
ipc_queued(const struct ipc *c)
{
	return c == NULL ? 0 : c->out.len;
}

int
ipc_fd(const struct ipc *c)
{
	return c->fd;
}

/* --- writing --------------------------------------------------------------- */

/* One sendmsg(); 1: wrote something, 0: not now, -1: failed. */
static int
ipc_write_once(struct ipc *c)
{
	union {
		struct cmsghdr	hdr;
		char		buf[CMSG_SPACE(sizeof(int) * IPC_MAXFDS)];
	} control;
	struct out_fds *f = c->fds_first;
	struct msghdr m = { 0 };
	struct cmsghdr *cm;
	struct iovec iov;
	ssize_t n;
	size_t i;

	iov.iov_base = buf_head(&c->out);
	iov.iov_len = c->out.len;
	m.msg_iov = &iov;
	m.msg_iovlen = 1;
	if (f != NULL && f->at == c->out_at) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.buf;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * f->n);
		cm = CMSG_FIRSTHDR(&m);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int) * f->n);
		memcpy(CMSG_DATA(cm), f->fd, sizeof(int) * f->n);
		/* Stop before the next frame that has descriptors. */
		if (f->next != NULL)
			iov.iov_len = (size_t)(f->next->at - c->out_at);
	} else if (f != NULL)
		iov.iov_len = (size_t)(f->at - c->out_at);
	/* A process that may pass nothing has no sendmsg(). */
	if (m.msg_controllen > 0)
		n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
	else
		n = send(c->fd, iov.iov_base, iov.iov_len, MSG_NOSIGNAL);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (m.msg_controllen > 0) {
		for (i = 0; i < f->n; i++)
			close(f->fd[i]);
		if ((c->fds_first = f->next) == NULL)
			c->fds_last = &c->fds_first;
		free(f);
	}
	c->out_at += (uint64_t)n;
	buf_drain(&c->out, (size_t)n);
	return 1;
}

static void
ipc_write(struct ipc *c)
{
	int rc = 1;

	while (c->out.len > 0 && (rc = ipc_write_once(c)) == 1)
		;
	if (rc == -1) {
		ipc_fail(c, "write failed");
		return;
	}
	buf_shrink(&c->out, READ_CHUNK);
	ipc_poll(c);
}

static int
ipc_queue_fds(struct ipc *c, const int *fds, size_t n)
{
	struct out_fds *f;

	if (n == 0)
		return 0;
	if ((f = calloc(1, sizeof(*f))) == NULL)
		return -1;
	f->at = c->out_at + c->out.len;
	f->n = n;
	memcpy(f->fd, fds, sizeof(int) * n);
	*c->fds_last = f;
	c->fds_last = &f->next;
	return 0;
}

static void
ipc_head(uint8_t head[FRAME_HEADER], const struct msg_desc *d, size_t len)
{
	memset(head, 0, FRAME_HEADER);
	head[0] = (uint8_t)len;
	head[1] = (uint8_t)(len >> 8);
	head[2] = (uint8_t)(len >> 16);
	head[3] = (uint8_t)(len >> 24);
	head[4] = (uint8_t)d->type;
	head[5] = (uint8_t)(d->type >> 8);
}

int
ipc_frame(enum ipc_type type, const void *msg, struct buf *b)
{
	static const uint8_t none[FRAME_HEADER];
	size_t at = b->len;

	if (buf_add(b, none, FRAME_HEADER) == -1 ||
	    msg_encode(ipc_desc(type), msg, b) == -1)
		return -1;
	ipc_head(buf_head(b) + at, ipc_desc(type), b->len - at - FRAME_HEADER);
	return 0;
}

static int
ipc_queue(struct ipc *c, const struct msg_desc *d, const void *msg,
    const int *fds, size_t nfds)
{
	struct buf body;
	uint8_t head[FRAME_HEADER];
	int rc = -1;

	buf_init(&body, FRAME_MAX);
	if (msg_encode(d, msg, &body) == -1)
		goto out;
	if (buf_room(&c->out) < FRAME_HEADER + body.len)
		goto out;
	if (ipc_queue_fds(c, fds, nfds) == -1)
		goto out;
	ipc_head(head, d, body.len);
	/* From here on the descriptors are the queue's. */
	if (buf_add(&c->out, head, sizeof(head)) == -1 ||
	    buf_add(&c->out, buf_head(&body), body.len) == -1)
		ipc_fail(c, "out of memory");
	buf_wipe(&body);
	return 0;
out:
	buf_wipe(&body);
	return rc;
}

int
ipc_send(struct ipc *c, enum ipc_type type, const void *msg, const int *fds,
    size_t nfds)
{
	const struct msg_desc *d = ipc_desc(type);
	size_t i;

	if (d == NULL || d->nfds != nfds ||
	    (c != NULL && ((d->from & c->self) == 0 || (d->to & c->peer) == 0)))
		fatalx("ipc=bad_send type=%s fds=%zu", ipc_name(type), nfds);
	if (c == NULL || c->failed || c->freed ||
	    ipc_queue(c, d, msg, fds, nfds) == -1) {
		for (i = 0; i < nfds; i++)
			close(fds[i]);
		if (c != NULL)
			ipc_fail(c, "message does not fit its queue");
		return -1;
	}
	ipc_write(c);
	return c->failed ? -1 : 0;
}

void
ipc_flush(struct ipc *c, int ms)
{
	struct pollfd p;
	uint64_t until = now_boot_ms() + (uint64_t)ms, now;

	while (c != NULL && !c->failed && c->out.len > 0 &&
	    (now = now_boot_ms()) < until) {
		p.fd = c->fd;
		p.events = POLLOUT;
		if (poll(&p, 1, (int)(until - now)) <= 0)
			return;
		ipc_write(c);
	}
}

/* --- reading --------------------------------------------------------------- */

static int
ipc_take_rights(struct ipc *c, struct msghdr *m)
{
	struct cmsghdr *cm;
	size_t n, i;
	int fd, bad = 0;

	for (cm = CMSG_FIRSTHDR(m); cm != NULL; cm = CMSG_NXTHDR(m, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int),
			    sizeof(fd));
			if (c->nin_fds == FDS_QUEUED || c->max_fds == 0) {
				close(fd);
				bad = 1;
			} else
				c->in_fds[c->nin_fds++] = fd;
		}
	}
	return bad || (m->msg_flags & MSG_CTRUNC) != 0 ? -1 : 0;
}

static const struct ipc_permit *
ipc_permitted(struct ipc *c, enum ipc_type type)
{
	size_t i;

	for (i = 0; i < c->npermit; i++)
		if (c->permit[i].type == type)
			return (c->permit[i].phases & c->phase) != 0 ?
			    &c->permit[i] : NULL;
	return NULL;
}

/* `p` is one whole message.  NULL: fine; else why the peer is closed. */
static const char *
ipc_dispatch(struct ipc *c, unsigned int type, const uint8_t *p, size_t len)
{
	/* Big enough for every message's struct: they are a few dozen words. */
	union {
		max_align_t	align;
		uint8_t		bytes[1024];
	} msg;
	const struct ipc_permit *permit;
	const struct msg_desc *d;
	int fds[IPC_MAXFDS], rc;
	size_t i, n;

	if (type >= IPC_NTYPES || (d = ipc_desc(type)) == NULL ||
	    (d->from & c->peer) == 0 || (d->to & c->self) == 0)
		return "sent a message that is not its to send";
	if ((permit = ipc_permitted(c, type)) == NULL)
		return "sent a message out of its phase";
	if (d->size > sizeof(msg) || msg_decode(d, p, len, &msg) == -1)
		return "sent a malformed message";
	if ((n = d->nfds) > c->nin_fds)
		return "sent too few descriptors";
	for (i = 0; i < n; i++)
		fds[i] = c->in_fds[i];
	c->nin_fds -= n;
	memmove(c->in_fds, c->in_fds + n, c->nin_fds * sizeof(int));
	c->depth++;
	rc = permit->handle(c->ctx, &msg, fds);
	c->depth--;
	for (i = 0; i < n; i++)
		if (fds[i] != -1)
			close(fds[i]);
	explicit_bzero(&msg, d->size);
	return rc == -1 ? "broke the rules" : NULL;
}

static uint32_t
le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

/* Handle every whole frame in the buffer. */
static void
ipc_frames(struct ipc *c)
{
	const char *bad;
	const uint8_t *p;
	uint32_t len;

	while (!c->freed && !c->failed && !c->paused &&
	    c->in.len >= FRAME_HEADER) {
		p = buf_head(&c->in);
		len = le32(p);
		if (len > FRAME_MAX || p[6] != 0 || p[7] != 0) {
			ipc_fail(c, "sent a bad frame");
			return;
		}
		if (c->in.len < FRAME_HEADER + len)
			return;
		bad = ipc_dispatch(c, (unsigned int)(p[4] | p[5] << 8),
		    p + FRAME_HEADER, len);
		if (c->freed)
			return;
		buf_drain(&c->in, FRAME_HEADER + len);
		if (bad != NULL)
			ipc_fail(c, bad);
	}
	if (c->freed)
		return;
	if (c->in.len == 0 && c->nin_fds > 0)
		ipc_fail(c, "sent too many descriptors");
	buf_shrink(&c->in, READ_CHUNK);
}

/* How much to ask for: the rest of a known frame, or a chunk. */
static size_t
ipc_read_size(const struct ipc *c)
{
	uint32_t len;

	if (c->in.len < FRAME_HEADER)
		return READ_CHUNK;
	len = le32(buf_head(&c->in));
	if (len > FRAME_MAX || len + FRAME_HEADER <= c->in.len + READ_CHUNK)
		return READ_CHUNK;
	return len + FRAME_HEADER - c->in.len;
}

static void
ipc_read(struct ipc *c)
{
	union {
		struct cmsghdr	hdr;
		char		buf[CMSG_SPACE(sizeof(int) * IPC_MAXFDS)];
	} control;
	struct msghdr m = { 0 };
	struct iovec iov;
	size_t want = ipc_read_size(c);
	ssize_t n;

	if ((iov.iov_base = buf_reserve(&c->in, want)) == NULL) {
		ipc_fail(c, "out of memory");
		return;
	}
	iov.iov_len = want;
	m.msg_iov = &iov;
	m.msg_iovlen = 1;
	m.msg_control = control.buf;
	m.msg_controllen = sizeof(control);
	n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);
	if (n == -1) {
		if (errno != EAGAIN && errno != EINTR)
			ipc_fail(c, "read failed");
		return;
	}
	if (ipc_take_rights(c, &m) == -1) {
		ipc_fail(c, "sent too many descriptors");
		return;
	}
	if (n == 0) {
		ipc_fail(c, "closed the connection");
		return;
	}
	buf_commit(&c->in, (size_t)n);
	ipc_frames(c);
}

static void
ipc_on_io(void *arg, int what)
{
	struct ipc *c = arg;

	c->depth++;
	if (what == EV_OUT)
		ipc_write(c);
	else
		ipc_read(c);
	c->depth--;
	if (c->freed && c->depth == 0)
		ipc_destroy(c);
}
