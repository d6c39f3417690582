#ifndef POSTERN_CATALOGS_H
#define POSTERN_CATALOGS_H

#include <jansson.h>

#include "parent.h"

/*
 * The catalogue snapshots of the policy's databases: read by the keeper, held
 * here as descriptors, given to the engines whose profile names the database.
 * Each new snapshot is a new epoch, published on the page once every engine
 * that has snapshots judges by it.
 */
void	 catalogs_init(struct parent *);
/* p->policy is another one: drop databases that went, read new ones. */
void	 catalogs_reloaded(struct parent *);

/* The keeper works: ask for every database.  It died: nothing is under way. */
void	 catalogs_keeper_ready(struct parent *);
void	 catalogs_keeper_lost(struct parent *);
/*
 * Read it again.  `stale`: a statement changed it, do it now; else an engine
 * wants it, which is rate-limited.  One reading at a time for each database.
 */
void	 catalogs_want(struct parent *, const char *database, bool stale);

/* The keeper's answers.  Returns 0 when `fd` is kept. */
int	 catalogs_got(struct parent *, const struct ipc_catalog *, int fd);
void	 catalogs_failed(struct parent *, const struct ipc_catalog_failed *);

/* Send an engine all that its profile (NULL: nothing) may need. */
void	 catalogs_to_engine(struct parent *, struct ipc *,
	    const struct profile *);
/* Is there a snapshot of any of the profile's databases? */
bool	 catalogs_has_any(struct parent *, const struct profile *);
/*
 * It was read, or could not be: before that an engine would refuse what names a
 * relation, only because it knows none.
 */
bool	 catalogs_tried(struct parent *, const char *database);
/* Of the newest snapshot. */
uint64_t catalogs_epoch(struct parent *);
/* An engine said by which epoch it judges, or went away. */
void	 catalogs_published(struct parent *);

/*
 * The bytes of the newest snapshot from an offset on, as many as fit a message,
 * for `policyctl catalog`: {epoch, size, part} with the part in base64.  NULL
 * and why.
 */
json_t	*catalogs_part(struct parent *, const char *database, json_int_t offset,
	    const char **why);
/* An array for `policyctl status`. */
json_t	*catalogs_status(struct parent *);

#endif
