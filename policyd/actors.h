#ifndef POSTERN_ACTORS_H
#define POSTERN_ACTORS_H

#include <stdbool.h>

#include <jansson.h>

/*
 * The claim `act` (RFC 8693, 4.1): who acts for the subject of a token, and in
 * its own `act` who acts through that one.  NULL: nobody does.  Pure.
 */

/* Is anybody in the chain of this name? */
bool	 actors_named(const json_t *act, const char *name);
/*
 * The same names in the same order.  A link that has no name is like none but
 * one that has none either.
 */
bool	 actors_same(const json_t *, const json_t *);
/* The names, who has the token first; "?" for one without.  To json_decref(). */
json_t	*actors_list(const json_t *act);

#endif
