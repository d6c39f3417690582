#ifndef POSTERN_POLICYLINK_H
#define POSTERN_POLICYLINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "codec.h"
#include "ev.h"

/*
 * The master's connection to policyd's parent: kept up, so that workers, who
 * cannot connect, get channels of their own through it (D7), and so that
 * gatewayctl reaches sessions.
 */
struct policylink;

struct policylink_hooks {
	/* Connected: attach every live worker, then policylink_attached(). */
	void	(*up)(void *ctx);
	/* policyd wants this worker dead. */
	void	(*kill)(void *ctx, uint32_t worker, struct slice reason);
};

/* A control request's answer; after `end` nothing follows. */
typedef void	policylink_row(void *ctx, struct slice json);
typedef void	policylink_end(void *ctx, uint32_t code, struct slice message);

/* `path` and `hooks` are not copied.  Connects from the loop. */
struct policylink *policylink_new(struct ev_loop *, const char *path,
		    const struct policylink_hooks *, void *ctx);
/* Writes what is queued for up to a tenth of a second.  No callback follows. */
void		 policylink_free(struct policylink **);
bool		 policylink_is_up(const struct policylink *);
/*
 * Give policyd its end of a fresh channel for this worker.  Returns the other
 * end, which the caller owns, or -1 (not connected: wait for up()).
 */
int		 policylink_attach(struct policylink *, uint32_t worker,
		    pid_t pid, bool shared);
/* All that live are attached: what policyd was not told of is dead. */
void		 policylink_attached(struct policylink *, uint32_t workers);
void		 policylink_gone(struct policylink *, uint32_t worker,
		    int status);
/* For the record; lost when policyd is not connected. */
struct ipc_master_event;
void		 policylink_event(struct policylink *,
		    const struct ipc_master_event *);
/*
 * Relay a request of that user's.  Returns its number for policylink_forget(), or 0 when
 * policyd is not connected.  If the connection is lost, `end` is called with
 * code 2.
 */
uint32_t	 policylink_request(struct policylink *, uid_t,
		    struct slice verb, struct slice args, policylink_row *,
		    policylink_end *, void *ctx);
/* Nobody waits for the answer any more. */
void		 policylink_forget(struct policylink *, uint32_t id);

#endif
