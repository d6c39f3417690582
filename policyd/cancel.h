#ifndef POSTERN_CANCEL_H
#define POSTERN_CANCEL_H

#include "parent.h"
#include "sessions.h"

/*
 * Cancel requests (D26): a client's key leads to its session, whose worker
 * holds the next statement back; the keeper sends the request to the server;
 * then the worker goes on.
 */
void	cancel_init(struct parent *);
/* From whatever worker it arrived at.  A miss is dropped in silence. */
void	cancel_request(struct parent *, const struct ipc_cancel_request *);
/* The owner holds; the keeper has sent. */
void	cancel_held(struct session *, const struct ipc_cancel_held *);
void	cancel_sent(struct parent *, const struct ipc_cancel_sent *);
void	cancel_session_gone(struct session *);
void	cancel_keeper_lost(struct parent *);

#endif
