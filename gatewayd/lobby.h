#ifndef POSTERN_LOBBY_H
#define POSTERN_LOBBY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Clients that have not logged in yet, by address, over all workers: who has
 * too many of them is the one to lose some.  Pure: the caller has the clock and
 * does the telling.
 */
struct lobby;

/* A connection: a worker's number, and the worker's number for it. */
struct lobby_seat {
	uint32_t	worker, attempt;
	bool		shared;		/* the worker has more than one */
};

/* NULL: no memory. */
struct lobby	*lobby_new(void);
void		 lobby_free(struct lobby **);
/*
 * A client came from `addr` (IPv6, or IPv4 mapped into it; of IPv6 the first 64
 * bits are the address, for the rest is the client's to choose).  At most
 * `limit` may wait there.  0: it may; 1: *out has to go, which is the one that
 * has waited longest, if that is over LOBBY_PATIENCE, or else the new one; -1:
 * no memory, or this seat is taken.  What has to go is out of the table.
 */
int		 lobby_enter(struct lobby *, const uint8_t addr[16],
		    struct lobby_seat, uint64_t limit, uint64_t now,
		    struct lobby_seat *out);
/*
 * Clients queue: for shared worker number `worker`, which has no room, or (0)
 * because no worker of the other kind may be added.  Who has waited there for
 * longest, if that is over LOBBY_ROOM, is out of the table and in *out.
 * False: nobody.
 */
bool		 lobby_make_room(struct lobby *, uint32_t worker, uint64_t now,
		    struct lobby_seat *out);
/* It logged in, or is gone; one that is not there is no error. */
void		 lobby_leave(struct lobby *, struct lobby_seat);
/* All of a worker's. */
void		 lobby_leave_all(struct lobby *, uint32_t worker);
size_t		 lobby_count(const struct lobby *);

#define LOBBY_PATIENCE	2000	/* ms: a login takes less */
#define LOBBY_ROOM	1000	/* ms, of which the client's part takes less */

#endif
