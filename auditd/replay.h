#ifndef AUDITD_REPLAY_H
#define AUDITD_REPLAY_H

#include <stdbool.h>

#include "reader.h"

/* How a session is to be shown. */
struct replay_options {
	double		 speed;		/* times as fast; 0: at once */
	bool		 speed_given;	/* else 1 on a terminal, and 0 */
	double		 from;		/* seconds after the session's start */
	bool		 step;		/* Enter takes it on */
	const char	*sql;		/* write a script here; "-" is stdout */
};

/* Returns auditctl's exit code; messages go to standard error. */
int	replay(struct reader *, const char *session,
	    const struct replay_options *);

#endif
