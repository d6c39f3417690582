#ifndef POSTERN_NETWORK_H
#define POSTERN_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Networks that a client may come from.  Pure.  An IPv4 address is the same
 * whether it comes as such or mapped into IPv6 (RFC 4291, 2.5.5.2).
 */
struct network {
	bool		local;		/* a Unix socket; the rest is unused */
	uint8_t		addr[16];	/* IPv4 is mapped */
	unsigned int	bits;		/* of the 128 */
};

/*
 * "192.0.2.0/24", "2001:db8::/32", an address alone, or "local".  -1 with a
 * reason: also for a network whose host part is not zero, which is a slip.
 */
int	network_parse(const char *, struct network *, const char **reason_r);
/*
 * Is the peer, as gatewayd names it without its port ("192.0.2.1",
 * "[2001:db8::1]", "unix:uid=1"), in one of them?  What cannot be read is in
 * none.
 */
bool	network_any(const struct network *, size_t n, const char *peer);

#endif
