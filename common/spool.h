#ifndef POSTERN_SPOOL_H
#define POSTERN_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdint.h>

#include "event_kinds.h"

/*
 * The audit spool: how a session's worker (and policyd's parent) hands events
 * to auditd without asking it.  auditd makes four things for each writer and
 * passes them at login:
 *
 *  spool	a file that the writer maps and appends to; auditd reads it
 *		with pread only and never maps it (D8)
 *  position	a file that auditd owns and maps; the writer can only read it
 *  wake	a FIFO (one for all spools): the writer tells a sleeping auditd
 *		its spool's number, a 32-bit word in host order
 *  ack		a FIFO of this spool: auditd writes a byte when a position that
 *		the writer said it waits for (`want`) has been reached
 *
 * Files and FIFOs have names in auditd's directory, so all of it outlives
 * either side: a restarted auditd opens them again, and the writer notices
 * nothing but a heartbeat that was late.
 *
 * The spool is SPOOL_HEADER bytes of header and a ring of `size` bytes (a
 * power of two).  Positions count bytes since the beginning and never wrap;
 * the byte at position p is at SPOOL_HEADER + p % size.  Records begin at
 * multiples of 8; a record may wrap.  An event larger than SPOOL_FRAGMENT is
 * cut into records with one seq each, all but the last flagged SPOOL_MORE.
 * The record is complete before `head` passes it.  All integers are in host
 * order: both sides are on one machine.
 */
#define SPOOL_MAGIC	0x31505350u	/* "PSP1" */
#define SPOOL_HEADER	4096
#define SPOOL_FRAGMENT	(32 * 1024)
#define SPOOL_MIN	(128 * 1024)
#define SPOOL_MORE	0x0001

struct spool_header {
	uint32_t	magic;
	uint32_t	number;		/* the spool's, for the wake FIFO */
	uint64_t	size;		/* of the ring */
	_Atomic uint64_t head;		/* writer: end of the last record */
	_Atomic uint64_t want;		/* writer: wake me when this is reached */
};

struct spool_record {
	uint32_t	len;		/* of the payload that follows */
	uint32_t	crc;		/* spool_crc() */
	uint64_t	seq;		/* 1, 2, 3 ... */
	uint64_t	time;		/* wall clock, us */
	uint16_t	kind;		/* enum event_kind */
	uint16_t	flags;
	uint32_t	zero;
};

/* CRC-32 of the record's header without the crc, and its payload. */
uint32_t	 spool_crc(const struct spool_record *, const void *payload);

#define SPOS_MAGIC	0x31535053u	/* "SPS1" */

struct spool_position {
	uint32_t	magic;
	uint32_t	full;		/* durability: full */
	_Atomic uint64_t drained;	/* in the store; space before it is free */
	_Atomic uint64_t durable;	/* on disk; published in `full` only */
	_Atomic uint64_t heartbeat;	/* CLOCK_BOOTTIME ms: auditd can record */
	_Atomic uint32_t sleeping;	/* auditd waits for a wake */
	_Atomic uint32_t broken;	/* auditd gave this spool up: end the session */
};

/* A heartbeat older than this is a peer that is away. */
#define HEARTBEAT_STALE	2000

/* --- the writer's side ---------------------------------------------------- */

struct spool;

/* Takes the four descriptors (closed on failure too).  NULL when they are not
 * a spool of ours. */
struct spool	*spool_open(int spool, int position, int wake, int ack);
void		 spool_close(struct spool **);
/*
 * Append an event: `msg` is the struct event_<kind>.  What the ring has no
 * room for waits in memory, in order, and is moved on by spool_pump().  Returns
 * the position at which the event is complete, or 0 when it cannot be encoded
 * or the memory queue is over `SPOOL_QUEUE` bytes.
 */
uint64_t	 spool_append(struct spool *, enum event_kind, const void *msg);
/* Move queued records into the ring as far as there is room. */
void		 spool_pump(struct spool *);
/*
 * Is what ends at `pos` committed?  In `normal`: it is in the ring.  In `full`:
 * auditd says that it is on disk.  If not, asks to be told through the ack
 * descriptor (spool_ack_fd()).
 */
bool		 spool_committed(struct spool *, uint64_t pos);
/* Its heartbeat is fresh and the spool is not broken. */
bool		 spool_alive(struct spool *, uint64_t now_ms);
bool		 spool_broken(struct spool *);
/* To poll for EV_IN; on readiness call spool_acked(), then look again. */
int		 spool_ack_fd(struct spool *);
void		 spool_acked(struct spool *);
/* Everything appended is in the ring. */
bool		 spool_idle(struct spool *);

#define SPOOL_QUEUE	(64u * 1024 * 1024)

#endif
