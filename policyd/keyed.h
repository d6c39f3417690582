#ifndef POSTERN_KEYED_H
#define POSTERN_KEYED_H

#include "facts.h"

/*
 * Does a write pin a unique key: can it touch one row at most?
 */

/* What the kind alone says. */
void	keyed_unit(struct fact_unit *, enum kind);
/* Looks at one message of the tree; those that write decide their unit. */
void	keyed_message(struct facts *, const struct analysis *,
	    const ProtobufCMessage *);

#endif
