#ifndef POSTERN_CATDESC_H
#define POSTERN_CATDESC_H

#include "catalog.h"
#include "conf.h"

/*
 * A catalogue that somebody has described in YAML, for policyctl test: what
 * the keeper would have read from a database.
 */

/* `map` is a database of the file.  NULL with a message. */
struct catalog	*catdesc_build(const struct conf *, const struct conf_node *map,
		    const char *where, struct conf_error *);

#endif
