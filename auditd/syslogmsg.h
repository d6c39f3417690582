#ifndef AUDITD_SYSLOGMSG_H
#define AUDITD_SYSLOGMSG_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* One event as a syslog message (RFC 5424). */
struct syslog_event {
	const char	*host;		/* HOSTNAME; NULL or empty: "-" */
	const char	*store;		/* its id */
	int64_t		 id, time;	/* time in us */
	const char	*kind, *session, *subject, *profile, *database;
	const char	*body;		/* JSON, without control characters */
	size_t		 body_len;
};

/* Messages are at most this long; a body with no room is cut, and the
 * structured data say how long it was (RFC 5424, 6.1). */
#define SYSLOG_MIN	2048
#define SYSLOG_MAX	(1024 * 1024)

/* Append it, at most `max` bytes.  -1: out of memory. */
int	syslog_format(struct buf *, const struct syslog_event *, size_t max);

#endif
