#ifndef POSTERN_ANSWER_H
#define POSTERN_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "content.h"

/*
 * What the server answers, looked through for content (content.h), in place:
 * nothing changes its length.
 */

/* Which columns of a result hold text, of a RowDescription.  Shared by
 * reference count. */
struct columns;

/* NULL: out of memory, or malformed; then all of them are looked at. */
struct columns	*columns_new(const uint8_t *body, size_t len);
struct columns	*columns_ref(struct columns *);
void		 columns_unref(struct columns **);

/*
 * The body of a DataRow: the values of columns that hold text, or all (columns
 * NULL, or of another number).  Adds to *found; with CONTENT_MASK what is found
 * is overwritten.  Returns how many there were.
 */
size_t	 answer_row(uint8_t *body, size_t len, const struct columns *,
	    enum content_mode, struct content_found *found);
/* Any other body: CopyData, ErrorResponse, NoticeResponse,
 * NotificationResponse. */
size_t	 answer_text(uint8_t *body, size_t len, enum content_mode,
	    struct content_found *found);

#endif
