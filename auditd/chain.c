/*
 * The canonical bytes of an event and their hash.  Run by auditd for each row
 * that it writes, and by auditctl verify for each row that it reads.  The
 * contents may be anything; the encoding is injective, since every column is
 * preceded by its length.  Nothing here can fail: names too long to be an
 * event's (only a forged store has them) hash to zeros, which never verifies.
 */
#include "chain.h"

#include <string.h>

#define SMALL	1024	/* a body that is copied, for one call instead of three */

static uint8_t *
put_u32(uint8_t *p, uint32_t v)
{
	*p++ = (uint8_t)(v >> 24);
	*p++ = (uint8_t)(v >> 16);
	*p++ = (uint8_t)(v >> 8);
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *
put_int(uint8_t *p, int64_t n)
{
	uint64_t v = (uint64_t)n;

	p = put_u32(p, 8);
	p = put_u32(p, (uint32_t)(v >> 32));
	return put_u32(p, (uint32_t)v);
}

static uint8_t *
put_text(uint8_t *p, const void *text, size_t len)
{
	p = put_u32(p, (uint32_t)len);
	if (len != 0)
		memcpy(p, text, len);
	return p + len;
}

void
chain_hash(struct sha256 *sha, const struct chain_event *e,
    uint8_t hash[SHA256_LEN])
{
	uint8_t bytes[CHAIN_NAMES_MAX + 80 + SMALL + 4 + SHA256_LEN];
	uint8_t *p = bytes;

	if (e->session_len > CHAIN_NAMES_MAX ||
	    e->kind_len > CHAIN_NAMES_MAX - e->session_len) {
		memset(hash, 0, SHA256_LEN);
		return;
	}
	p = put_int(p, e->id);
	p = put_int(p, e->time);
	p = put_text(p, e->session, e->session_len);
	p = put_int(p, e->seq);
	p = put_int(p, e->stmt);
	p = put_text(p, e->kind, e->kind_len);
	if (e->body_len <= SMALL)
		p = put_text(p, e->body, e->body_len);
	else {
		p = put_u32(p, (uint32_t)e->body_len);
		sha256_add(sha, bytes, (size_t)(p - bytes));
		sha256_add(sha, e->body, e->body_len);
		p = bytes;
	}
	p = put_text(p, e->prev, SHA256_LEN);
	sha256_add(sha, bytes, (size_t)(p - bytes));
	sha256_end(sha, hash);
}
