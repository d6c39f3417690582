#ifndef POSTERN_RELOAD_H
#define POSTERN_RELOAD_H

#include <jansson.h>

#include "parent.h"

/*
 * Replacing the policy in force, as a whole or not at all.
 */
/* After reload_first() and before children_init(). */
void	 reload_init(struct parent *);
/* SIGHUP. */
void	 reload_start(struct parent *);
/* A child answered or died, a worker confirmed or went: look again. */
void	 reload_poke(struct parent *);

/*
 * Children may work by a policy that is not in force, or are about to: no
 * login is begun.  attempts_resume() follows.
 */
bool	 reload_holds(struct parent *);
/* A login may wait no more for a child's answer. */
void	 reload_login_over(struct parent *);

/*
 * Read what is to be in force at start: the file, or after a crash what the
 * last parent had accepted, so that nothing is reloaded by dying.  Sets
 * p->policy, p->text and p->sha256.  -1 with a message.
 */
int	 reload_first(struct parent *, bool restarted, struct conf_error *);

/* An object for `policyctl status`. */
json_t	*reload_status(struct parent *);

#endif
