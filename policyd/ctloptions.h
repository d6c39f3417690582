#ifndef POSTERN_CTLOPTIONS_H
#define POSTERN_CTLOPTIONS_H

#include <stdbool.h>

#include "ctlserve.h"

/* What policyctl(8) was given on its command line; strings are argv's. */
struct ctl_options {
	const char	*socket, *conf;
	const char	*profile, *database, *sql;
	const char	*claims, *issuer, *application, *in_transaction;
	const char	*token_file, *reason;
	bool		 json, watch, junit, live;
	const char	*address, *time, *subject, *actor, *lasting;
	const char	*similar, *count, *databases;
	const char	*rows, *cost;
	bool		 estimate;
	bool		 device;
	struct ctl_serve serve;
};

/*
 * Fill in what is given; what is not stays.  optind is at the verb then.  -1,
 * with getopt's message: there is no such option.
 */
int	ctl_options(int argc, char **argv, struct ctl_options *);
/* Say how it is used; the exit status. */
int	ctl_usage(void);

#endif
