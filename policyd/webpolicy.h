#ifndef POSTERN_WEBPOLICY_H
#define POSTERN_WEBPOLICY_H

#include <jansson.h>

#include "ev.h"

/*
 * The page's line to policyd: one connection, on which policyd does nothing
 * without a token; when it breaks, another is asked for at the door (webdoor.h).
 */
struct webpolicy;
struct webpolicy_call;

/*
 * Called once, from the loop: the tool's exit code (0: done; 2: policyd is
 * away), its sentence, and the rows, an array that is valid until it returns.
 * The call is gone by then.
 */
typedef void	webpolicy_cb(void *ctx, int code, const char *message,
		    const json_t *rows);

/* `door` is our end of its socket. */
struct webpolicy	*webpolicy_new(struct ev_loop *, int door);
/*
 * Takes `args`.  NULL: out of memory, or they cannot be sent; no call follows.
 */
struct webpolicy_call	*webpolicy_call(struct webpolicy *, const char *verb,
			    json_t *args, webpolicy_cb *, void *ctx);

#endif
