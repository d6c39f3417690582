#ifndef POSTERN_CONTENT_H
#define POSTERN_CONTENT_H

#include <stddef.h>
#include <stdint.h>

/*
 * What values look like that should not be in a text: a backstop behind masks,
 * which finds what stands there as it is, and nothing that is encoded,
 * reversed or cut in pieces.
 */
#define CONTENT_PATTERNS(M)						\
	M(email) M(card) M(ssn) M(iban) M(phone) M(jwt) M(aws_key)	\
	M(private_key)

#define CONTENT_M_ENUM(name)	CONTENT_##name,
enum content_pattern {
	CONTENT_PATTERNS(CONTENT_M_ENUM)
	CONTENT_NPATTERNS
};
#undef CONTENT_M_ENUM
#define CONTENT_ALL	((1u << CONTENT_NPATTERNS) - 1)

/* `content:` of a profile. */
enum content_mode { CONTENT_OFF, CONTENT_REPORT, CONTENT_MASK, CONTENT_NMODES };

/* "email"; NULL for a number that is none. */
const char	*content_name(unsigned int pattern);

struct content_found {
	uint32_t	 n[CONTENT_NPATTERNS];
};

/* A value: its place, as a part of the text. */
typedef void	 content_fn(void *ctx, enum content_pattern, size_t start,
		    size_t end);

/*
 * Look for the patterns of `set` (bits 1 << CONTENT_x) in any bytes.  Calls
 * fn for each value found, in order and apart from each other.  Linear in n:
 * no value is longer than 16 KiB but a private key.
 */
void	 content_scan(const uint8_t *, size_t n, unsigned int set,
	    content_fn *, void *ctx);
/* Counts what is found into *found; with `mask` puts asterisks over it.
 * Returns how many there were. */
size_t	 content_check(uint8_t *, size_t n, unsigned int set, int mask,
	    struct content_found *found);
/* "email 2, card 1" of what is not 0; cut where there is no room. */
void	 content_describe(const struct content_found *, char *, size_t);

#endif
