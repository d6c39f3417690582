#ifndef POSTERN_E2E_RECHUNK_H
#define POSTERN_E2E_RECHUNK_H

#include <stdint.h>

/*
 * A relay in front of a server (threads of the test program) that hands on every
 * byte, in portions of other sizes: each connection has a largest one, from a
 * byte to 64 KiB, drawn from `seed`, in each direction.
 */
/* Relay to 127.0.0.1 and this port; the port to connect to.  For the rest of
 * the program's life. */
int		 rechunk_start(int port, uint64_t seed);
/* A largest portion, as drawn for a connection or a direction. */
struct dice;
unsigned int	 rechunk_size(struct dice *);
/* The size of the next portion of `left`; after very many small ones, all. */
unsigned int	 rechunk_next(struct dice *, unsigned int largest,
		    unsigned int *drawn, unsigned int left);

#endif
