#ifndef POSTERN_RECORDKEY_H
#define POSTERN_RECORDKEY_H

#include "parent.h"
#include "redact.h"

/*
 * What a profile lets the record have of values (policy.yaml(5), `record`), and
 * the key of their hashes.
 */

/* Read the key that all are derived from, or make it; fatal without one. */
void	recordkey_init(struct parent *);
/*
 * The profile's modes and, for RECORD_HASH, its own key: who has one can try
 * values against the hashes of this profile and of no other.
 */
void	recordkey_redact(const struct parent *, const struct profile *,
	    struct redact *);

#endif
