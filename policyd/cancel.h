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
/*
 * From whatever worker it arrived at, which is told when it has been done with:
 * of a miss, at once.
 */
void	cancel_request(struct worker *, const struct ipc_cancel_request *);
/* The worker is about to be freed. */
void	cancel_worker_gone(struct worker *);
/* The owner holds; the keeper has sent. */
void	cancel_held(struct session *, const struct ipc_cancel_held *);
void	cancel_sent(struct parent *, const struct ipc_cancel_sent *);
void	cancel_session_gone(struct session *);
void	cancel_keeper_lost(struct parent *);

#endif
