#ifndef POSTERN_MASKLIST_H
#define POSTERN_MASKLIST_H

#include <stddef.h>

struct scene;

/*
 * What a profile's masks do in a database, as a JSON object of at most `max`
 * bytes, to free(): its rows are columns with their mask and relations that
 * are rewritten or refused, each with why.  "cut" is true where some did not
 * fit; "error" stands there when the scene is NULL or has no catalogue.  NULL:
 * no memory.
 */
char	*masklist_json(const char *profile, const char *database,
	    const struct scene *, size_t max);

#endif
