#ifndef POSTERN_HOURS_H
#define POSTERN_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * Hours of the week in a time zone.  The wall clock of the zone decides, so
 * that 08:00 is 08:00 in summer and in winter; an hour that the clock skips is
 * no hour, one that it repeats counts twice.
 */
struct hours {
	uint8_t		 days;		/* bit 0: Sunday */
	unsigned int	 from, to;	/* minutes; to <= from: the next day */
	char		*zone;		/* of the tz database */
};

/* Is it the name of a zone that this machine knows? */
bool	hours_zone_known(const char *zone);
/*
 * For how many seconds from `now` any of them is open: 0 when none is (nor
 * when its zone is unknown), and UINT64_MAX when that is `most` or more.  Sets
 * TZ for the while: for a process of one thread.
 */
uint64_t hours_left(const struct hours *, size_t n, time_t now,
	    uint64_t most);
/* "2026-11-24T08:30:00Z" (RFC 3339, in UTC only); 0 when it is no such thing. */
time_t	hours_instant(const char *);
/* For people: "mon-fri 08:00-18:30 Europe/Berlin". */
void	hours_text(const struct hours *, char *, size_t);

/* "mon", "fri-mon": bits of struct hours; 0 when it is no such thing. */
uint8_t	hours_days(const char *);
/* "08:30", at most 24:00, in minutes; -1 when it is no time of day. */
int	hours_minutes(const char *);

#endif
