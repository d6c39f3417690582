#ifndef POSTERN_ACCESS_H
#define POSTERN_ACCESS_H

#include <stddef.h>
#include <time.h>

#include <jansson.h>

#include "policy.h"

/*
 * Which profiles would these claims open, and why not the others?  For people:
 * the decisions are claims.h's.  `args`: claims (an object), database, and if
 * given issuer (a key of the policy; else the one whose URL is the claim iss)
 * and address (else networks are not looked at).  An array of objects in the policy's order, to decref; NULL with
 * a message.
 */
json_t	*access_explain(const struct policy *, const json_t *args, time_t now,
	    char *message, size_t size);

#endif
