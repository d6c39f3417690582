#ifndef POSTERN_DESCRIBED_H
#define POSTERN_DESCRIBED_H

#include "catalog.h"
#include "conf.h"

/*
 * Databases that a YAML file describes under `databases:` (catdesc.h): of
 * policyctl test, diff and learn.
 */
struct described;

/* From map's `databases`, which need not be there.  NULL with a message. */
struct described *described_new(const struct conf *, const struct conf_node *map,
		    struct conf_error *);
/* The same of a file, the rest of which is not looked at; NULL: nothing. */
struct described *described_load(const char *path, struct conf_error *);
void		 described_free(struct described **);
/* NULL: it is not described. */
const struct catalog *described_get(const struct described *,
		    const char *database);

#endif
