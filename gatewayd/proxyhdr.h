#ifndef POSTERN_PROXYHDR_H
#define POSTERN_PROXYHDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The header of the PROXY protocol, version 2 (binary; "The PROXY protocol",
 * 2.2), which a load balancer sends before the first byte of its client.
 * Pure.
 */
#define PROXYHDR_FIXED	16	/* signature, command, family, length */
#define PROXYHDR_REST	4096	/* of the rest, at most: addresses, TLVs */
#define PROXYHDR_MAX	(PROXYHDR_FIXED + PROXYHDR_REST)

struct proxyhdr {
	bool		 local;		/* the load balancer's own (LOCAL) */
	bool		 v6;
	uint8_t		 addr[16];	/* the client's; IPv4: the first four */
	uint16_t	 port;
};

/*
 * How long the whole header is, from its first `len` bytes: 0 when that takes
 * PROXYHDR_FIXED of them; -1 with a reason: it is none, also when the bytes
 * that are there cannot become one.
 */
int	proxyhdr_length(const uint8_t *, size_t len, const char **reason_r);
/*
 * A whole header, of the length that proxyhdr_length() said.  -1 with a
 * reason: also for a client that did not come by TCP, whose address would not
 * be known.
 */
int	proxyhdr_parse(const uint8_t *, size_t len, struct proxyhdr *,
	    const char **reason_r);

#endif
