#ifndef AUDITD_JSON_H
#define AUDITD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "codec.h"

/*
 * JSON text of events, appended to a buffer.  All return 0, or -1 when the
 * buffer has no room (what was appended by then stays).
 */

/* The most a body can grow to: every byte of an event escaped, and in hex. */
#define JSON_BODY_MAX	(272u * 1024 * 1024)

/*
 * A quoted string.  Control characters (C0, DEL, C1) are escaped, so the text
 * is safe on a terminal.  What is not UTF-8, and NUL, becomes U+FFFD, and then
 * *lossy is set (lossy may be NULL).
 */
int	json_string(struct buf *, const void *, size_t len, bool *lossy);
int	json_literal(struct buf *, const char *);
int	json_uint(struct buf *, uint64_t);
int	json_int(struct buf *, int64_t);
/*
 * The body of an event: an object with a member for each field of `desc` in
 * the table's order.  A text that is not UTF-8 is followed by a member
 * "<name>_hex" with its exact bytes.
 */
int	json_event(struct buf *, const struct msg_desc *desc, const void *msg);
/*
 * The text of a member, not the first, of a body that json_event() made,
 * appended to `out` as it is in the JSON (U+FFFD and all).  1, 0 when there is
 * no such member of that type, -1 when there is no room.
 */
int	json_member(struct buf *out, const void *body, size_t len,
	    const char *name);

#endif
