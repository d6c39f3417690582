#ifndef GATEWAYD_BOUND_H
#define GATEWAYD_BOUND_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "redact.h"

/*
 * The parameter values of a Bind, for the record: a JSON array with an element
 * for each of them, in order.
 *
 *	"text"			in text format
 *	null			NULL
 *	{"hex":"00ff"}		in binary format, or no UTF-8
 *	{..., "length":n}	cut to BOUND_VALUE bytes; it had n (with "text"
 *				or "hex")
 *	{"length":n}		not recorded, with RECORD_REDACT
 *	{"hash":"...", "length":n}	with RECORD_HASH
 *	{"omitted":n}		last of all: n more, for which BOUND_ALL bytes of
 *				JSON had no room
 */
#define BOUND_VALUE	1024
#define BOUND_ALL	(32u * 1024)

/*
 * `bytes` is the Bind behind its two names; pg_client_body_ok() has seen it,
 * yet nothing is read past its end.  Appends nothing when there are no
 * parameters.  -1: memory is out, or it is no such message.
 */
int	bound_json(struct buf *, const struct redact *, const uint8_t *bytes,
	    size_t len);

#endif
