#ifndef AUDITD_FORWARD_H
#define AUDITD_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "reader.h"
#include "sink.h"

struct forward_options {
	struct sink_options sink;
	const char	*cursor;	/* its file */
	uint64_t	 max;		/* bytes of a message; 0: the default */
	bool		 once;		/* end when all is confirmed */
};

/*
 * auditctl forward: send events to syslog, each at least once, from the cursor
 * on, until SIGTERM or SIGINT.  auditctl's exit code.
 */
int	forward(struct reader *, const struct forward_options *);

#endif
