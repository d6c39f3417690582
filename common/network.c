/*
 * Addresses and networks: `networks:` of policy.yaml, `proxy:` of
 * gatewayd.yaml, and where a client comes from.  Used by policyd's parent, by
 * gatewayd's workers, and by whoever parses these files.
 *
 * The address is gatewayd's word for what its kernel said; an interface behind
 * it ("%eth0") is not looked at.  What is no address is in no network.
 */
#include "network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAPPED	96	/* bits before a mapped IPv4 address */

static const uint8_t	prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool
is_mapped(const uint8_t addr[16])
{
	return memcmp(addr, prefix, sizeof(prefix)) == 0;
}

static int
address(const char *s, uint8_t out[16], bool *v4)
{
	*v4 = inet_pton(AF_INET, s, out + 12) == 1;
	if (*v4)
		memcpy(out, prefix, sizeof(prefix));
	else if (inet_pton(AF_INET6, s, out) != 1)
		return -1;
	return 0;
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int	whole = bits / 8, rest = bits % 8;
	uint8_t		mask = (uint8_t)(0xff00 >> rest);

	return memcmp(a, b, whole) == 0 &&
	    (rest == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

int
network_parse(const char *s, struct network *n, const char **reason_r)
{
	const char	*slash = strchr(s, '/');
	char		 host[INET6_ADDRSTRLEN], *end;
	uint8_t		 zero[16] = { 0 }, bare[16];
	unsigned long	 bits, most;
	unsigned int	 i;
	bool		 v4;

	memset(n, 0, sizeof(*n));
	if (strcmp(s, "local") == 0) {
		n->local = true;
		return 0;
	}
	*reason_r = "expected an address, address/bits, or local";
	snprintf(host, sizeof(host), "%.*s",
	    slash == NULL ? (int)strlen(s) : (int)(slash - s), s);
	if (address(host, n->addr, &v4) == -1)
		return -1;
	most = v4 ? 32 : 128;
	bits = most;
	if (slash != NULL) {
		if (slash[1] < '0' || slash[1] > '9')
			return -1;
		bits = strtoul(slash + 1, &end, 10);
		if (*end != '\0' || bits > most)
			return -1;
	}
	n->bits = (unsigned int)bits + (v4 ? MAPPED : 0);
	memcpy(bare, n->addr, sizeof(bare));
	for (i = 0; i < n->bits; i++)
		bare[i / 8] &= (uint8_t)~(0x80u >> i % 8);
	if (memcmp(bare, zero, sizeof(bare)) != 0) {
		*reason_r = "the part behind the network's bits is not zero";
		return -1;
	}
	return 0;
}

bool
network_any(const struct network *n, size_t count, const char *peer)
{
	uint8_t	addr[16];
	char	host[64];
	size_t	len = strlen(peer), i;
	bool	local, v4;

	local = strcmp(peer, "unix") == 0 || strncmp(peer, "unix:", 5) == 0;
	if (!local) {
		if (len > 2 && peer[0] == '[' && peer[len - 1] == ']') {
			peer++;
			len -= 2;
		}
		if (len >= sizeof(host))
			return false;
		snprintf(host, sizeof(host), "%.*s", (int)len, peer);
		host[strcspn(host, "%")] = '\0';
		if (address(host, addr, &v4) == -1)
			return false;
	}
	for (i = 0; i < count; i++) {
		if (local || n[i].local) {
			if (local && n[i].local)
				return true;
			continue;
		}
		/* "::/0" is all of IPv6, which IPv4 is no part of. */
		if (n[i].bits < MAPPED && is_mapped(addr))
			continue;
		if (same_bits(n[i].addr, addr, n[i].bits))
			return true;
	}
	return false;
}
