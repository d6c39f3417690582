#ifndef POSTERN_SETSCAN_H
#define POSTERN_SETSCAN_H

#include "analysis.h"

/*
 * `settings:` of a profile against a statement, after the rest of its analysis:
 * whatever in it changes a setting that may not be changed refuses it, by
 * "(settings)".  In any profile an UPDATE of pg_settings is what it does, a
 * set_config() of a name that is not known.
 */
void	setscan(struct analysis *, const PgQuery__Node *stmt);

#endif
