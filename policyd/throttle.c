/*
 * A rate limit on failed attempts, by address.
 *
 * Runs in policyd's parent; the addresses are what workers report.  The table
 * cannot grow: an attacker with more addresses than entries only loses the
 * memory of his oldest ones.
 */
#include "throttle.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES		512
#define WINDOW		60000

struct throttle {
	unsigned int	limit;
	struct entry {
		char		addr[64];
		unsigned int	count;
		uint64_t	since;
	}		e[ENTRIES];
};

struct throttle *
throttle_new(unsigned int limit)
{
	struct throttle	*t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->limit = limit;
	return t;
}

void
throttle_free(struct throttle **t)
{
	free(*t);
	*t = NULL;
}

/*
 * What is counted as one: an IPv6 client has its whole /64 to choose addresses
 * from (RFC 6177), so the rest of it says nothing.  What is no such address is
 * counted as it is.
 */
static void
one_name(const char *addr, char out[64])
{
	struct in6_addr	in6;
	char		host[INET6_ADDRSTRLEN + 2];
	size_t		len = strlen(addr);

	snprintf(out, 64, "%s", addr);
	if (addr[0] != '[' || len < 3 || len >= sizeof(host))
		return;
	snprintf(host, sizeof(host), "%s", addr + 1);
	host[strcspn(host, "]%")] = '\0';
	if (inet_pton(AF_INET6, host, &in6) != 1 || IN6_IS_ADDR_V4MAPPED(&in6))
		return;
	memset(in6.s6_addr + 8, 0, 8);
	if (inet_ntop(AF_INET6, &in6, host, sizeof(host)) != NULL)
		snprintf(out, 64, "[%s]", host);
}

static const struct entry *
find(const struct throttle *t, const char *addr, uint64_t now)
{
	char	name[64];
	size_t	i;

	one_name(addr, name);
	for (i = 0; i < ENTRIES; i++)
		if (t->e[i].count > 0 && now - t->e[i].since < WINDOW &&
		    strcmp(t->e[i].addr, name) == 0)
			return &t->e[i];
	return NULL;
}

bool
throttle_over(const struct throttle *t, const char *addr, uint64_t now)
{
	const struct entry	*e = find(t, addr, now);

	return e != NULL && e->count > t->limit;
}

bool
throttle_fail(struct throttle *t, const char *addr, uint64_t now)
{
	const struct entry	*found = find(t, addr, now);
	struct entry		*e;
	size_t			 i;

	if (found != NULL) {
		e = &t->e[found - t->e];
		if (e->count <= t->limit)
			return ++e->count > t->limit;
		return false;
	}
	e = &t->e[0];
	for (i = 0; i < ENTRIES; i++) {
		if (t->e[i].count == 0 || now - t->e[i].since >= WINDOW) {
			e = &t->e[i];
			break;
		}
		if (t->e[i].since < e->since)
			e = &t->e[i];
	}
	one_name(addr, e->addr);
	e->since = now;
	e->count = 1;
	return e->count > t->limit;
}

void
throttle_addr(const char *peer, char *out, size_t size)
{
	const char	*colon = strrchr(peer, ':');
	size_t		 len = strlen(peer);

	/* Of a Unix socket: the user, whatever process of his. */
	if (strncmp(peer, "unix:", 5) == 0)
		len = strcspn(peer, ",");
	/* A bare IPv6 address has colons and no port. */
	else if (colon != NULL && colon > peer && (colon[-1] == ']' ||
	    memchr(peer, ':', (size_t)(colon - peer)) == NULL))
		len = (size_t)(colon - peer);
	snprintf(out, size, "%.*s", (int)len, peer);
}
