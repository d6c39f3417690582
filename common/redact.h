#ifndef POSTERN_REDACT_H
#define POSTERN_REDACT_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * What the record may have of the values in statements (policy.yaml(5),
 * `record`).  Who writes a record takes them out first, so that nothing else,
 * and no file, ever has them.
 */
#define REDACT_MODES(M)							\
	M(KEEP, "keep")							\
	M(REDACT, "redact")						\
	M(HASH, "hash")

#define REDACT_M_ENUM(id, name)	RECORD_##id,
enum redact_mode { REDACT_MODES(REDACT_M_ENUM) RECORD_NMODES };
#undef REDACT_M_ENUM

#define REDACT_KEY	32
#define REDACT_HASH	17	/* of hex digits, and NUL */

struct redact {
	uint8_t	literals, parameters;	/* enum redact_mode */
	uint8_t	key[REDACT_KEY];	/* RECORD_HASH */
};

const char	*redact_mode_name(unsigned int mode);

/* The first 64 bits of HMAC-SHA256 over the value. */
void	redact_hash(const struct redact *, const void *, size_t,
	    char out[REDACT_HASH]);

/*
 * Append the text with a parameter symbol ($1, counting on behind the text's
 * own) in the place of each string and number, as PostgreSQL shows normalised
 * statements, and with no comments; for RECORD_HASH each with its hash in a
 * comment.  From where the text may be read in two ways nothing is appended
 * but a comment that says so.  -1: no room, or no memory.
 */
int	redact_text(struct buf *, const struct redact *, const void *, size_t);

#endif
