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
	const char	*html;		/* ... or a page */
	const char	*against;	/* run it there (libpq), and compare */
};

/* Returns auditctl's exit code; messages go to standard error. */
int	replay(struct reader *, const char *session,
	    const struct replay_options *);
/* n sessions, in the order in which their statements came, in o->against. */
int	replay_against(struct reader *, char *const *sessions, size_t n,
	    const struct replay_options *);

#endif
