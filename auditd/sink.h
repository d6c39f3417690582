#ifndef AUDITD_SINK_H
#define AUDITD_SINK_H

#include <stddef.h>

/*
 * Where syslog messages go: `unix:PATH`, a local socket such as /dev/log, one
 * datagram a message; or `tls:HOST:PORT` (RFC 5425).  Blocking, with time-outs.
 */
struct sink;

struct sink_options {
	const char	*to;
	const char	*ca;		/* of the receiver; NULL: the system's */
	const char	*cert, *key;	/* ours; NULL: none */
};

/* NULL: `to` or a file makes no sense, and err says what. */
struct sink	*sink_new(const struct sink_options *, char *err, size_t);
void		 sink_free(struct sink **);
/* 0; -1 and nothing is known of what was sent since sink_confirm(): the next
 * call begins anew. */
int		 sink_send(struct sink *, const void *, size_t);
/*
 * The receiver has read all that was sent: by TLS it says so with its
 * close_notify (RFC 5425, 4.4), a local socket's queue is empty.
 */
int		 sink_confirm(struct sink *);
const char	*sink_error(const struct sink *);

#endif
