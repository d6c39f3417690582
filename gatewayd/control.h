#ifndef POSTERN_GW_CONTROL_H
#define POSTERN_GW_CONTROL_H

#include "ev.h"
#include "policylink.h"

/*
 * gatewayd's control socket, for gatewayctl: status is answered here, sessions
 * and kill by policyd.
 */
struct control;

/* One JSON object as a row of the answer; not kept. */
typedef void	control_emit(void *to, const char *json);
typedef void	control_status(void *ctx, control_emit *, void *to);

/* Takes the listening socket `fd`.  NULL when memory is out. */
struct control	*control_new(struct ev_loop *, int fd, struct policylink *,
		    control_status *, void *ctx);
/* Before policylink_free(). */
void		 control_free(struct control **);

#endif
