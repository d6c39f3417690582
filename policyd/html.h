#ifndef POSTERN_HTML_H
#define POSTERN_HTML_H

#include <stddef.h>

#include "buf.h"

/*
 * Text of others in a web page, and in a URL.  Pure.  -1: no room in the
 * buffer; then a part of it may be there, and the page is not to be sent.
 */

/*
 * As the content of an element, or as the value of an attribute in double
 * quotes: nothing in it is mark-up, and what is not seen or turns the direction
 * of writing is written out, as on a terminal (visible.h).
 */
int	html_text(struct buf *, const char *, size_t len);
/* The same for a <pre>: line feeds and tabs stay. */
int	html_pre(struct buf *, const char *, size_t len);
/* Our own mark-up, as it is. */
int	html_raw(struct buf *, const char *);
/*
 * "name=value" for a query or a form's body (application/x-www-form-urlencoded)
 * behind what is in the buffer already: with '&' unless it is empty or ends in
 * '?'.
 */
int	html_query(struct buf *, const char *name, const char *value);

#endif
