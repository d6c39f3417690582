#ifndef POSTERN_PLAN_H
#define POSTERN_PLAN_H

#include <stdint.h>

/*
 * What EXPLAIN (FORMAT JSON) says of a statement.  `rows` are those that it
 * answers with or, if that is more, those that it inserts, updates, deletes or
 * merges, all of its parts together; `cost` is rounded up.  -1: it is not that.
 */
int	plan_read(const char *json, uint64_t *rows, uint64_t *cost);

#endif
