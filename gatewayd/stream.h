#ifndef POSTERN_STREAM_H
#define POSTERN_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "ev.h"
#include "tls.h"

/*
 * One side of a session: a socket, TLS or not, with what was read and not yet
 * consumed, and what is to be written.  It hides TLS from the relay.
 */
struct stream {
	int		 fd;		/* -1: none */
	struct tls	*tls;		/* NULL: in clear */
	struct ev_io	*io;
	struct buf	 in, out;
	bool		 reading;	/* interest: the owner wants input */
	bool		 eof;		/* orderly end by the peer */
	bool		 failed;
	bool		 read_needs_write, write_needs_read;	/* TLS */
	uint64_t	 bytes_in, bytes_out;
};

/* Bytes asked for in one read, and the most that is queued for writing before
 * the other side is made to wait. */
#define STREAM_CHUNK	(64 * 1024)
#define STREAM_HIGH	(128 * 1024)

/* `cb` is called when the socket is readable or writable; it calls
 * stream_fill() and stream_flush().  `in_max` caps what may be buffered.  Takes fd. */
void	stream_open(struct stream *, struct ev_loop *, int fd, size_t in_max,
	    ev_io_cb *cb, void *ctx);
/* Closes all; the struct may be opened again. */
void	stream_close(struct stream *);
/* Read once into `in`.  Bytes read; 0: nothing now, or the end (see eof, failed). */
size_t	stream_fill(struct stream *);
/* The next byte of the socket, left there, before anything was read; or none is
 * there yet, or ever. */
#define STREAM_NONE	(-1)
#define STREAM_END	(-2)
int	stream_peek(const struct stream *);
/* More can be read without waiting for the socket. */
bool	stream_pending(const struct stream *);
/* Write what is queued, as far as it goes. */
void	stream_flush(struct stream *);
/* Queue, or write at once when nothing is queued.  -1: out of memory. */
int	stream_put(struct stream *, const void *, size_t);
/* Set the interest from `reading` and the queue. */
void	stream_poll(struct stream *);

#endif
