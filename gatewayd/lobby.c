/*
 * lobby: how many connections of an address wait to log in.  Runs in the
 * master, which hears of them from its workers and believes them: one that was
 * taken over can have others' logins dropped, as it can take their place.
 *
 * Dropping always the oldest would hit a pool that opens many sessions at once
 * just before each is ready; dropping always the newest would let a few idle
 * connections lock an address out.  So age decides.
 */
#include "lobby.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS	1024

struct waiting {
	struct waiting		*next;		/* in the bucket, oldest first */
	struct lobby_seat	 seat;
	uint8_t			 addr[16];
	uint64_t		 since;		/* boot ms */
};

struct lobby {
	struct waiting	*buckets[BUCKETS];	/* by address */
	size_t		 n;
};

struct lobby *
lobby_new(void)
{
	return calloc(1, sizeof(struct lobby));
}

/* Take out what *wp points at. */
static void
take_out(struct lobby *l, struct waiting **wp)
{
	struct waiting	*w = *wp;

	*wp = w->next;
	free(w);
	l->n--;
}

void
lobby_free(struct lobby **lp)
{
	struct lobby	*l = *lp;
	size_t		 i;

	if (l == NULL)
		return;
	for (i = 0; i < BUCKETS; i++)
		while (l->buckets[i] != NULL)
			take_out(l, &l->buckets[i]);
	free(l);
	*lp = NULL;
}

static void
address_of(uint8_t dst[16], const uint8_t addr[16])
{
	static const uint8_t	mapped[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(dst, addr, 16);
	if (memcmp(addr, mapped, sizeof(mapped)) != 0)
		memset(dst + 8, 0, 8);
}

/* FNV-1a; who makes addresses meet in a bucket makes its walk longer, no more. */
static size_t
bucket_of(const uint8_t addr[16])
{
	uint32_t	h = 2166136261u;
	size_t		i;

	for (i = 0; i < 16; i++)
		h = (h ^ addr[i]) * 16777619u;
	return h % BUCKETS;
}

static bool
is_seat(const struct waiting *w, struct lobby_seat s)
{
	return w->seat.worker == s.worker && w->seat.attempt == s.attempt;
}

int
lobby_enter(struct lobby *l, const uint8_t addr[16], struct lobby_seat seat,
    uint64_t limit, uint64_t now, struct lobby_seat *out)
{
	struct waiting	**wp, **oldest = NULL, *w;
	uint8_t		  a[16];
	uint64_t	  n = 0;

	address_of(a, addr);
	for (wp = &l->buckets[bucket_of(a)]; *wp != NULL; wp = &(*wp)->next) {
		if (memcmp((*wp)->addr, a, sizeof(a)) != 0)
			continue;
		if (is_seat(*wp, seat))
			return -1;
		if (n++ == 0)
			oldest = wp;
	}
	if (n >= limit && now - (*oldest)->since < LOBBY_PATIENCE) {
		*out = seat;
		return 1;
	}
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return -1;
	w->seat = seat;
	memcpy(w->addr, a, sizeof(a));
	w->since = now;
	*wp = w;
	l->n++;
	if (n < limit)
		return 0;
	*out = (*oldest)->seat;
	take_out(l, oldest);
	return 1;
}

/*
 * By age alone: a client that is done with its part of the login within
 * LOBBY_ROOM is never pushed out, however many others come, and of whatever
 * addresses.
 */
bool
lobby_make_room(struct lobby *l, uint32_t worker, uint64_t now,
    struct lobby_seat *out)
{
	struct waiting	**wp, **oldest = NULL;
	size_t		  i;

	for (i = 0; i < BUCKETS && l->n > 0; i++)
		for (wp = &l->buckets[i]; *wp != NULL; wp = &(*wp)->next)
			if ((worker == 0 ? !(*wp)->seat.shared :
			    (*wp)->seat.worker == worker) &&
			    (oldest == NULL ||
			    (*wp)->since < (*oldest)->since))
				oldest = wp;
	if (oldest == NULL || now - (*oldest)->since < LOBBY_ROOM)
		return false;
	*out = (*oldest)->seat;
	take_out(l, oldest);
	return true;
}

static void
leave(struct lobby *l, uint32_t worker, const struct lobby_seat *only)
{
	struct waiting	**wp;
	size_t		  i;

	for (i = 0; i < BUCKETS && l->n > 0; i++)
		for (wp = &l->buckets[i]; *wp != NULL;) {
			if (only != NULL ? is_seat(*wp, *only) :
			    (*wp)->seat.worker == worker)
				take_out(l, wp);
			else
				wp = &(*wp)->next;
		}
}

void
lobby_leave(struct lobby *l, struct lobby_seat seat)
{
	leave(l, seat.worker, &seat);
}

void
lobby_leave_all(struct lobby *l, uint32_t worker)
{
	leave(l, worker, NULL);
}

size_t
lobby_count(const struct lobby *l)
{
	return l->n;
}
