#ifndef POSTERN_SETUPSQL_H
#define POSTERN_SETUPSQL_H

#include <stdio.h>

#include "policy.h"

/*
 * Print, for psql, what an administrator must run in this database so that the
 * policy's profiles can work there.  Twice does no harm.  -1: out of memory.
 */
int	setupsql_print(const struct policy *, const struct database *, FILE *);

#endif
