#ifndef POSTERN_PAYLOAD_H
#define POSTERN_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "policy.h"

/*
 * What a webhook is sent.  Pure: no I/O, no state.
 */

/*
 * The body for an event (a JSON object as notices.c makes it): itself, or a
 * message for a chat service in which nothing that came from a client is taken
 * for mark-up.  Allocated; NULL: the event is none, or memory is out.
 */
char	*payload_body(enum notify_template, const char *event, size_t len);
/* What a person reads in a line or two.  Allocated, or NULL likewise. */
char	*payload_summary(const char *event, size_t len);

/*
 * "X-Postern-Signature: t=<seconds>,v1=<hex>": the HMAC-SHA256 by `secret` of
 * the seconds in decimal, a dot, and the body.  Allocated; NULL: out of memory.
 */
char	*payload_signature(const char *secret, uint64_t seconds,
	    const char *body, size_t len);

#endif
