#ifndef AUDITD_CHAIN_H
#define AUDITD_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "crypto.h"

/*
 * The hash chain over the events of the store.  An event's hash is the SHA-256
 * of its canonical bytes: the columns id, time, session, seq, stmt, kind,
 * body, prev in this order, each as a 32-bit big-endian length and that many bytes;
 * integers are eight bytes, big-endian.  `prev` is the hash of the event with
 * the id before, and 32 zero bytes for the first.  postern-audit(5) says the
 * same for auditors.
 */
struct chain_event {
	int64_t		 id;
	int64_t		 time;		/* wall clock, us */
	int64_t		 seq;
	int64_t		 stmt;
	const void	*session;
	size_t		 session_len;
	const void	*kind;
	size_t		 kind_len;
	const void	*body;
	size_t		 body_len;
	const uint8_t	*prev;		/* SHA256_LEN bytes */
};

/* Session and kind together may be at most this long; longer ones are cut off
 * from being events (the hash of such a row is all zero). */
#define CHAIN_NAMES_MAX	512

/* `sha` is scratch of the caller's, in its initial state before and after. */
void	chain_hash(struct sha256 *sha, const struct chain_event *,
	    uint8_t hash[SHA256_LEN]);

#endif
