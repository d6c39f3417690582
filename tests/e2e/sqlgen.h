#ifndef POSTERN_E2E_SQLGEN_H
#define POSTERN_E2E_SQLGEN_H

/*
 * A query over the tables of twins.sql, made from a number: the same number
 * gives the same query.  To be freed.
 */
char	*sqlgen(unsigned long seed);

#endif
