/*
 * CancelRequests.  The keeper runs it, since a worker cannot connect.
 *
 * The server answers nothing and closes; only then is the signal on its way,
 * and only then does the caller let the session go on, so that a cancel never
 * hits the next statement (D26).  The request goes in clear, as libpq up to 16
 * sends it: servers take it so, whatever pg_hba.conf says.
 */
#include "dbcancel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "dial.h"

#define CANCEL_CODE	80877102u
#define CANCEL_MS	1000

struct dbcancel {
	struct ev_loop	*loop;
	struct ev_io	*io;
	struct ev_timer	*timer;
	struct dial	*dial;
	int		 fd;
	struct buf	 out;
	uint32_t	 id;
	dbcancel_done	*done;
	void		*ctx;
};

static void
finish(struct dbcancel *c, bool sent)
{
	dbcancel_done *done = c->done;
	void *ctx = c->ctx;
	uint32_t id = c->id;

	if (c->io != NULL)
		ev_io_free(&c->io);
	if (c->timer != NULL)
		ev_timer_free(&c->timer);
	dial_cancel(&c->dial);
	if (c->fd != -1)
		close(c->fd);
	buf_wipe(&c->out);
	free(c);
	done(ctx, id, sent);
}

static void
on_io(void *ctx, int what)
{
	struct dbcancel *c = ctx;
	char waste[64];
	ssize_t n;

	(void)what;
	n = recv(c->fd, waste, sizeof(waste), 0);
	if (n == 0)
		finish(c, true);
	else if (n == -1 && errno != EAGAIN && errno != EINTR)
		finish(c, errno == ECONNRESET);
}

static void
on_timer(void *ctx)
{
	finish(ctx, false);
}

static void
on_dialed(void *ctx, int fd, const char *reason)
{
	struct dbcancel *c = ctx;

	(void)reason;
	c->dial = NULL;
	c->fd = fd;
	/* At most 272 bytes: a fresh socket takes them whole. */
	if (fd == -1 || send(fd, buf_head(&c->out), c->out.len,
	    MSG_NOSIGNAL) != (ssize_t)c->out.len) {
		finish(c, false);
		return;
	}
	c->io = ev_io_new(c->loop, fd, EV_IN, on_io, c);
	c->timer = ev_timer_new(c->loop, on_timer, c);
	ev_timer_set(c->timer, CANCEL_MS);
}

int
dbcancel_start(struct ev_loop *loop, const struct database *db, uint32_t pid,
    struct slice key, dbcancel_done *done, void *ctx, uint32_t id)
{
	struct dbcancel *c;

	if (key.len < 4 || key.len > 256 ||
	    (c = calloc(1, sizeof(*c))) == NULL)
		return -1;
	c->loop = loop;
	c->fd = -1;
	c->id = id;
	c->done = done;
	c->ctx = ctx;
	buf_init(&c->out, 512);
	if (buf_add_be32(&c->out, 12 + key.len) == -1 ||
	    buf_add_be32(&c->out, CANCEL_CODE) == -1 ||
	    buf_add_be32(&c->out, pid) == -1 ||
	    buf_add(&c->out, key.p, key.len) == -1 ||
	    dial_start(loop, db->host, (uint16_t)db->port, CANCEL_MS,
	    on_dialed, c, &c->dial) == -1) {
		buf_wipe(&c->out);
		free(c);
		return -1;
	}
	return 0;
}
