#ifndef POLICYD_GATEWAYS_H
#define POLICYD_GATEWAYS_H

#include <stdint.h>

#include "ipc_msgs.h"

struct parent;

/*
 * What becomes of gatewayd, for the record: its master tells of its start, its
 * end and its configuration; -1: that is not to be understood.
 */
int	gateway_said(struct parent *, uint32_t pid,
	    const struct ipc_master_event *);
/* Its connection is closed, and it has not said that it stops. */
void	gateway_lost(struct parent *, uint32_t pid, const char *reason);

#endif
