/*
 * proxyhdr: the header of the PROXY protocol, version 2.  Runs in the worker,
 * on bytes that come from an address which the configuration names as a load
 * balancer's; they are read as if they came from anybody.  Does no I/O; what is
 * not wholly as it should be is none.
 */
#include "proxyhdr.h"

#include <string.h>

static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
    0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

#define CMD_LOCAL	0x20	/* version 2 and command */
#define CMD_PROXY	0x21
#define FAM_TCP4	0x11
#define FAM_TCP6	0x21
#define LEN_TCP4	12	/* two addresses, two ports */
#define LEN_TCP6	36

static unsigned int
be16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

int
proxyhdr_length(const uint8_t *p, size_t len, const char **reason_r)
{
	size_t n = len < sizeof(signature) ? len : sizeof(signature);

	*reason_r = "no PROXY header";
	if (n > 0 && memcmp(p, signature, n) != 0)
		return -1;
	if (len > 12 && p[12] != CMD_LOCAL && p[12] != CMD_PROXY) {
		*reason_r = "a version or command of the PROXY protocol that "
		    "is not known";
		return -1;
	}
	if (len < PROXYHDR_FIXED)
		return 0;
	if (be16(p + 14) > PROXYHDR_REST) {
		*reason_r = "a PROXY header that is too long";
		return -1;
	}
	return PROXYHDR_FIXED + (int)be16(p + 14);
}

/* Further fields: nothing in them is looked at, but they must be there. */
static int
skip_tlvs(const uint8_t *p, size_t len)
{
	size_t n;

	while (len > 0) {
		if (len < 3 || (n = be16(p + 1)) > len - 3)
			return -1;
		p += 3 + n;
		len -= 3 + n;
	}
	return 0;
}

int
proxyhdr_parse(const uint8_t *p, size_t len, struct proxyhdr *h,
    const char **reason_r)
{
	size_t addrs;

	memset(h, 0, sizeof(*h));
	if (len < PROXYHDR_FIXED ||
	    proxyhdr_length(p, len, reason_r) != (int)len) {
		*reason_r = "a PROXY header of another length than it says";
		return -1;
	}
	if (p[12] == CMD_LOCAL) {
		/* Addresses, if any, mean nothing (2.2). */
		h->local = true;
		return 0;
	}
	h->v6 = p[13] == FAM_TCP6;
	if (!h->v6 && p[13] != FAM_TCP4) {
		*reason_r = "a PROXY header of another family than TCP over "
		    "IPv4 or IPv6";
		return -1;
	}
	addrs = h->v6 ? LEN_TCP6 : LEN_TCP4;
	if (len - PROXYHDR_FIXED < addrs || skip_tlvs(p + PROXYHDR_FIXED +
	    addrs, len - PROXYHDR_FIXED - addrs) == -1) {
		*reason_r = "a PROXY header that is cut short";
		return -1;
	}
	/* Source address, destination address, source port. */
	p += PROXYHDR_FIXED;
	memcpy(h->addr, p, h->v6 ? 16 : 4);
	h->port = (uint16_t)be16(p + (h->v6 ? 32 : 8));
	return 0;
}
