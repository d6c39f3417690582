#ifndef POSTERN_IPC_H
#define POSTERN_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "codec.h"
#include "ev.h"
#include "ipc_msgs.h"

/*
 * One end of a stream socket between two processes of Postern.
 *
 * A frame is u32 length of what follows the header, u16 type, u16 zero, and
 * the message (codec.h).  Descriptors travel as SCM_RIGHTS with the frame's
 * first byte.  What a peer may send is a table: `struct ipc_permit` gives the
 * handler of each message and the phases in which it may come.  Anything else
 * (an unknown type, a wrong phase, a wrong direction, a length that does not
 * end exactly, a descriptor too many or too few) closes that peer.
 */
struct ipc;

/*
 * `msg` is the decoded struct ipc_<name>, its slices valid until the handler
 * returns.  `fds` holds exactly the message's descriptors; the handler sets to
 * -1 each one that it keeps, the rest are closed.  Return -1 to close the peer.
 * A handler may ipc_free() its own connection, and then must return 0.
 */
typedef int	ipc_handler(void *ctx, const void *msg, int *fds);
/* The peer is gone or broke the rules; called once, from the event loop. */
typedef void	ipc_closed(void *ctx, const char *reason);

struct ipc_permit {
	enum ipc_type	 type;
	uint32_t	 phases;	/* bit mask; ~0u: always */
	ipc_handler	*handle;
};

/*
 * Takes `fd` (made non-blocking and close-on-exec).  `self` and `peer` are
 * roles from ipc_msgs.h.  The phase starts as 1.  The permit table is not copied.
 * NULL when memory is out; then `fd` is closed.
 */
struct ipc	*ipc_new(struct ev_loop *, int fd, enum ipc_role self,
		    enum ipc_role peer, const struct ipc_permit *, size_t n,
		    ipc_closed *, void *ctx);
/* Closes the descriptor; no callback follows.  *ipc becomes NULL. */
void		 ipc_free(struct ipc **);
void		 ipc_phase(struct ipc *, uint32_t phase);
/*
 * Queue a message; it is written at once if the socket takes it.  `fds` are
 * owned by ipc from here on, whatever the result.  -1: the peer is gone or its
 * queue is over the limit (it will be closed from the loop); the message is
 * lost.  Safe with a NULL ipc (-1).
 */
int		 ipc_send(struct ipc *, enum ipc_type, const void *msg,
		    const int *fds, size_t nfds);
/* Stop and start reading from the peer (backpressure). */
void		 ipc_pause(struct ipc *, bool);
/* Bytes queued and not yet written. */
size_t		 ipc_queued(const struct ipc *);
/* Write what is queued, blocking for at most `ms`; for last words. */
void		 ipc_flush(struct ipc *, int ms);
int		 ipc_fd(const struct ipc *);
/* The bytes of a message without descriptors, to be written past the queue when
 * that is empty: last words.  -1: out of memory. */
struct buf;
int		 ipc_frame(enum ipc_type, const void *msg, struct buf *);

const char	*ipc_name(enum ipc_type);
const struct msg_desc *ipc_desc(enum ipc_type);

#define IPC_MAXFDS	8

#endif
