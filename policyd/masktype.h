#ifndef POSTERN_MASKTYPE_H
#define POSTERN_MASKTYPE_H

#include <stdbool.h>

#include "catalog.h"

#define MASK_TOKEN_LENGTH	24	/* characters, of a string's */

/* What a type's values can be masked by, besides null. */
enum mask_class {
	MASK_OF_OTHER,		/* a domain, a composite, an enum: null only */
	MASK_OF_STRING,		/* redact, partial, token */
	MASK_OF_CONSTANT,	/* redact */
	MASK_OF_BYTES,		/* redact, token */
	MASK_OF_UUID,		/* the same */
	MASK_OF_INTEGER,	/* redact, bucket by width: exact numbers */
	MASK_OF_FLOAT,		/* the same */
	MASK_OF_DATE,		/* redact, bucket by month and year */
	MASK_OF_TIME,		/* the same: timestamp without time zone */
	MASK_OF_INSTANT		/* the same: timestamp with time zone */
};

/* *redact is the constant's text, which needs no quoting; NULL: there is none,
 * and it is NULL. */
enum mask_class	 mask_class(const struct cat_col *, const char **redact);
/* Has it room for a token, and are values equal when their texts are? */
bool		 mask_token_fits(const struct cat_col *, enum mask_class);

#endif
