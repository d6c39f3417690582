#ifndef POSTERN_VISIBLE_H
#define POSTERN_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * Length of the UTF-8 sequence at p (Unicode 15, table 3-7), of which there are
 * `left` > 0 bytes, and its character; 0 when it is none.
 */
size_t	visible_char(const uint8_t *p, size_t left, uint32_t *c);
/*
 * Append text so that a terminal shows it and does nothing else: control
 * characters (a newline too), what is not UTF-8, and what changes how the rest
 * is seen, or is not seen, become \xHH or \u{HHHH}; with `ascii` everything
 * that is not ASCII does.  -1: no room.
 */
int	visible_text(struct buf *, const void *, size_t len, bool ascii);

#endif
