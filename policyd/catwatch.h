#ifndef POSTERN_CATWATCH_H
#define POSTERN_CATWATCH_H

#include "ev.h"
#include "vault.h"

/*
 * When the catalogues of the databases are read: whenever asked, and from the
 * first time on whenever their epoch has changed, looked at every 10 seconds.
 */
struct catwatch;

/* A sealed memfd, now the callee's; or -1 and why. */
typedef void	catwatch_news(void *ctx, const char *database, int fd,
		    const char *reason);

struct catwatch	*catwatch_new(struct ev_loop *, catwatch_news *, void *ctx);
/*
 * A new configuration, which must live until the next; what is known of a
 * database that is still the same stays known.  -1 when memory is out, and
 * then nothing has changed.
 */
int		 catwatch_config(struct catwatch *, const struct vault *);
/* Read it; `news` comes in any case. */
void		 catwatch_read(struct catwatch *, const char *database);

#endif
