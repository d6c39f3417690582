#ifndef POSTERN_THROTTLE_H
#define POSTERN_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Counts of failures per client address (of IPv6, per /64) in the running
 * minute: a table of fixed size, whose stalest entry gives way.  Time is the
 * caller's (milliseconds, monotonic).
 */
struct throttle;

/* `limit` failures a minute are allowed.  NULL when memory is out. */
struct throttle	*throttle_new(unsigned int limit);
void		 throttle_free(struct throttle **);
/* Count one failure; true when it is the first over the limit. */
bool		 throttle_fail(struct throttle *, const char *addr,
		    uint64_t now);
bool		 throttle_over(const struct throttle *, const char *addr,
		    uint64_t now);
/* "192.0.2.1:5432" and "[2001:db8::1]:5432" without the port. */
void		 throttle_addr(const char *peer, char *, size_t);

#endif
