/*
 * stream: buffered reading and writing of one socket of a session, TLS or
 * not.  Runs in the worker.  Every byte read is a peer's and is only counted
 * here; a failure marks the stream and the session decides.
 */
#include "stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Queued output is at most a whole message over the high-water mark. */
#define OUT_MAX		(64u * 1024 * 1024)

void
stream_open(struct stream *s, struct ev_loop *loop, int fd, size_t in_max,
    ev_io_cb *cb, void *ctx)
{
	memset(s, 0, sizeof(*s));
	s->fd = fd;
	buf_init(&s->in, in_max + STREAM_CHUNK);
	buf_init(&s->out, OUT_MAX);
	s->reading = true;
	s->io = ev_io_new(loop, fd, EV_IN, cb, ctx);
}

void
stream_close(struct stream *s)
{
	ev_io_free(&s->io);
	tls_free(&s->tls);
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	/* A token may have been here. */
	buf_wipe(&s->in);
	buf_wipe(&s->out);
}

size_t
stream_fill(struct stream *s)
{
	enum tls_want want = TLS_WANT_NONE;
	uint8_t *p;
	ssize_t n;

	if (s->fd == -1 || s->eof || s->failed)
		return 0;
	if ((p = buf_reserve(&s->in, STREAM_CHUNK)) == NULL) {
		s->failed = buf_room(&s->in) >= STREAM_CHUNK;
		return 0;
	}
	s->read_needs_write = false;
	if (s->tls != NULL) {
		n = tls_read(s->tls, p, STREAM_CHUNK, &want);
		if (n == -1 && want != TLS_WANT_NONE) {
			s->read_needs_write = want == TLS_WANT_WRITE;
			n = 0;
		} else if (n == 0)
			s->eof = true;
	} else {
		n = recv(s->fd, p, STREAM_CHUNK, 0);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			n = 0;
		else if (n == 0)
			s->eof = true;
	}
	if (n == -1) {
		s->failed = true;
		return 0;
	}
	buf_commit(&s->in, (size_t)n);
	if (s->in.len == 0)
		buf_shrink(&s->in, 0);
	s->bytes_in += (uint64_t)n;
	return (size_t)n;
}

int
stream_peek(const struct stream *s)
{
	uint8_t c;
	ssize_t n = recv(s->fd, &c, 1, MSG_PEEK);

	if (n == 1)
		return c;
	return n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR) ? STREAM_NONE : STREAM_END;
}

bool
stream_pending(const struct stream *s)
{
	return s->fd != -1 && s->tls != NULL && !s->eof && !s->failed &&
	    tls_pending(s->tls) > 0;
}

/* Bytes written; 0 when not now. */
static size_t
stream_write(struct stream *s, const void *p, size_t len)
{
	enum tls_want want = TLS_WANT_NONE;
	ssize_t n;

	if (s->tls != NULL) {
		s->write_needs_read = false;
		n = tls_write(s->tls, p, len, &want);
		if (n == -1 && want != TLS_WANT_NONE) {
			s->write_needs_read = want == TLS_WANT_READ;
			n = 0;
		}
	} else {
		n = send(s->fd, p, len, MSG_NOSIGNAL);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			n = 0;
	}
	if (n == -1) {
		s->failed = true;
		return 0;
	}
	s->bytes_out += (uint64_t)n;
	return (size_t)n;
}

void
stream_flush(struct stream *s)
{
	size_t n;

	while (s->fd != -1 && !s->failed && s->out.len > 0) {
		n = stream_write(s, buf_head(&s->out), s->out.len);
		if (n == 0)
			break;
		buf_drain(&s->out, n);
	}
	if (s->failed)
		buf_clear(&s->out);
	buf_shrink(&s->out, 0);
}

int
stream_put(struct stream *s, const void *vp, size_t len)
{
	const uint8_t *p = vp;
	size_t n;

	if (s->fd == -1 || s->failed)
		return 0;
	while (s->out.len == 0 && len > 0) {
		n = stream_write(s, p, len);
		if (s->failed)
			return 0;
		if (n == 0)
			break;
		p += n;
		len -= n;
	}
	return buf_add(&s->out, p, len);
}

void
stream_poll(struct stream *s)
{
	int want = 0;

	if (s->io == NULL)
		return;
	if (s->reading && !s->eof && !s->failed)
		want |= s->read_needs_write ? EV_OUT : EV_IN;
	if (s->out.len > 0 && !s->failed)
		want |= s->write_needs_read ? EV_IN : EV_OUT;
	ev_io_want(s->io, want);
}
