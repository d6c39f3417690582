/*
 * `hours:` of policy.yaml: when a profile may be used.  Runs in the
 * parent, and in the engine for rules.
 *
 * libc's own zone rules are used, by way of TZ: it knows summer time of the
 * years to come, which a reader of the files of ours would have to learn.  A
 * zone that is not in the tz database would silently be UTC to libc, hence the
 * look at the file; without it the hours are closed.
 */
#include "hours.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZONEINFO	"/usr/share/zoneinfo"
#define DAY		(24 * 60)
#define LONGEST		(8 * 86400)	/* open for a week is open always */

static const char *const day_names[] = { "sun", "mon", "tue", "wed", "thu",
    "fri", "sat" };

/* --- words ---------------------------------------------------------------------- */

static int
day_of(const char *s, size_t len)
{
	int	i;

	for (i = 0; i < 7; i++)
		if (len == 3 && memcmp(s, day_names[i], 3) == 0)
			return i;
	return -1;
}

uint8_t
hours_days(const char *s)
{
	size_t	len = strcspn(s, "-");
	int	a = day_of(s, len), b = a;
	uint8_t	days = 0;

	if (s[len] == '-')
		b = day_of(s + len + 1, strlen(s + len + 1));
	if (a == -1 || b == -1)
		return 0;
	for (;; a = (a + 1) % 7) {
		days |= (uint8_t)(1u << a);
		if (a == b)
			return days;
	}
}

int
hours_minutes(const char *s)
{
	size_t	i;
	int	m;

	if (strlen(s) != 5 || s[2] != ':')
		return -1;
	for (i = 0; i < 5; i++)
		if (i != 2 && (s[i] < '0' || s[i] > '9'))
			return -1;
	m = ((s[0] - '0') * 10 + s[1] - '0') * 60 + (s[3] - '0') * 10 + s[4] -
	    '0';
	return s[3] > '5' || m > DAY ? -1 : m;
}

time_t
hours_instant(const char *s)
{
	struct tm	 tm;
	char		*end;
	time_t		 t;

	memset(&tm, 0, sizeof(tm));
	if (strlen(s) != 20 ||
	    (end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm)) == NULL ||
	    *end != '\0' || (t = timegm(&tm)) <= 0)
		return 0;
	return t;
}

void
hours_text(const struct hours *h, char *out, size_t size)
{
	size_t	at = 0;
	int	d, last = -1, run;

	out[0] = '\0';
	/* From Monday on, runs of days by their ends. */
	for (d = 1; d <= 7; d++) {
		if (!(h->days & 1u << d % 7) || d <= last)
			continue;
		for (run = d; run < 7 && h->days & 1u << (run + 1) % 7; run++)
			;
		at += (size_t)snprintf(out + at, at < size ? size - at : 0,
		    run > d ? "%s%s-%s" : "%s%s", at > 0 ? "," : "",
		    day_names[d % 7], day_names[run % 7]);
		last = run;
	}
	if (at < size)
		snprintf(out + at, size - at, " %02u:%02u-%02u:%02u %s",
		    h->from / 60, h->from % 60, h->to / 60, h->to % 60,
		    h->zone);
}

/* --- time ------------------------------------------------------------------------- */

bool
hours_zone_known(const char *zone)
{
	char	 path[256], magic[4] = "";
	FILE	*f;
	bool	 known;

	if (zone[0] == '\0' || zone[0] == '/' || strstr(zone, "..") != NULL ||
	    strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789_+-/") != strlen(zone) ||
	    snprintf(path, sizeof(path), ZONEINFO "/%s", zone) >=
	    (int)sizeof(path))
		return false;
	if (strcmp(zone, "UTC") == 0)
		return true;	/* libc needs no file for it */
	if ((f = fopen(path, "re")) == NULL)
		return false;
	known = fread(magic, 1, 4, f) == 4 && memcmp(magic, "TZif", 4) == 0;
	fclose(f);
	return known;
}

static void
zone_set(const char *zone)
{
	if (zone == NULL)
		unsetenv("TZ");
	else
		setenv("TZ", zone, 1);
	tzset();
}

/* By the zone that is set. */
static bool
open_at(const struct hours *h, time_t t)
{
	struct tm	 tm;
	unsigned int	 m;

	if (localtime_r(&t, &tm) == NULL)
		return false;
	m = (unsigned int)(tm.tm_hour * 60 + tm.tm_min);
	if (h->from < h->to)
		return h->days & 1u << tm.tm_wday && m >= h->from && m < h->to;
	/* Over midnight: the day is the one on which it begins. */
	return (h->days & 1u << tm.tm_wday && m >= h->from) ||
	    (h->days & 1u << (tm.tm_wday + 6) % 7 && m < h->to);
}

/* When this one closes, by whole minutes; `t` itself when it is closed. */
static time_t
closes(const struct hours *h, time_t t, time_t end)
{
	if (!hours_zone_known(h->zone))
		return t;
	zone_set(h->zone);
	while (t < end && open_at(h, t))
		t += 60 - t % 60;
	return t;
}

uint64_t
hours_left(const struct hours *h, size_t n, time_t now, uint64_t most)
{
	const char	*was = getenv("TZ");
	char		*old = was == NULL ? NULL : strdup(was);
	time_t		 t = now, end, before;
	size_t		 i;

	end = now + (time_t)(most < LONGEST ? most : LONGEST);
	/* Where one closes another may be open still. */
	do {
		before = t;
		for (i = 0; i < n; i++)
			t = closes(&h[i], t, end);
	} while (t > before && t < end);
	zone_set(old);
	free(old);
	return t >= end ? UINT64_MAX : (uint64_t)(t - now);
}
