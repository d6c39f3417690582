#ifndef AUDITD_CHECKPOINT_H
#define AUDITD_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto.h"
#include "sign.h"

/*
 * A signed checkpoint: "in this store the event of this id had this hash at
 * this time".  Since each hash covers all events before it, so does the
 * signature.  It is kept as an event of the chain, and one line says it to the
 * world:
 *
 *	postern-checkpoint 1 store=HEX event=N hash=HEX time=US every=N
 *	    key=HEX sig=HEX
 *
 * (on one line, single spaces).  What is signed is that line up to, and
 * without, " sig=".  postern-audit(5) says the same for auditors.
 */
#define STORE_ID_LEN	32	/* hex digits: 128 random bits */
#define CHECKPOINT_LINE	512	/* room for the line and a NUL */
#define CHECKPOINT_TAG	"postern-checkpoint 1 "

struct checkpoint {
	char	 store[STORE_ID_LEN + 1];
	int64_t	 event;			/* > 0 */
	uint8_t	 hash[SHA256_LEN];	/* of that event */
	int64_t	 time;			/* wall clock, us */
	/* The next one comes before this many more events: a promise. */
	int64_t	 every;
	uint8_t	 key[SIGN_KEY_LEN];	/* public */
	uint8_t	 sig[SIGN_SIG_LEN];
};

/* Fills in key and sig. */
void	checkpoint_sign(struct checkpoint *, const struct sign_key *);
/* Is the signature that of the key it names? */
bool	checkpoint_good(const struct checkpoint *);
void	checkpoint_format(const struct checkpoint *, char line[CHECKPOINT_LINE]);
/*
 * Read a line, which may have anything before the tag (a log host puts the time
 * there) and white space after it.  -1: no checkpoint, in every detail as
 * checkpoint_format() writes it.
 */
int	checkpoint_parse(const char *line, struct checkpoint *);
/* Lower-case hex of exactly n bytes; -1. */
int	hex_decode(const char *, size_t len, uint8_t *, size_t n);

#endif
