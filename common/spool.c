/*
 * spool: the writer's side of the audit spool (spool.h).  Runs in gatewayd's
 * workers and policyd's parent.  The position file is auditd's and is trusted
 * as auditd is; what could break the ring (a drained position ahead of what
 * was written) is checked all the same, and counts as broken.
 */
#include "spool.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "crypto.h"
#include "ev.h"

#define POS_BYTES	4096

struct spool {
	struct spool_header	*h;
	const struct spool_position *pos;
	uint8_t			*ring;
	uint64_t		 size;
	uint64_t		 head;		/* our own copy: the file may lie */
	uint64_t		 end;		/* head once the queue is written */
	uint64_t		 seq;
	int			 wake, ack;
	bool			 broken;
	bool			 lazy;		/* the last event was an outcome */
	struct buf		 queue;		/* whole records, in order */
	struct buf		 event;		/* scratch: one encoded event */
};

static int
spool_map(struct spool *s, int spool, int position)
{
	struct stat st;
	void *p;

	if (fstat(spool, &st) == -1 || st.st_size < SPOOL_HEADER + SPOOL_MIN)
		return -1;
	s->size = (uint64_t)st.st_size - SPOOL_HEADER;
	if ((s->size & (s->size - 1)) != 0)
		return -1;
	/*
	 * Two mappings: a read of the header would make the kernel map what
	 * lies around it in the ring, for every idle session.
	 */
	p = mmap(NULL, SPOOL_HEADER, PROT_READ | PROT_WRITE, MAP_SHARED,
	    spool, 0);
	if (p == MAP_FAILED)
		return -1;
	s->h = p;
	p = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED, spool,
	    SPOOL_HEADER);
	if (p == MAP_FAILED)
		return -1;
	s->ring = p;
	if (s->h->magic != SPOOL_MAGIC || s->h->size != s->size)
		return -1;
	if (fstat(position, &st) == -1 || st.st_size < POS_BYTES)
		return -1;
	p = mmap(NULL, POS_BYTES, PROT_READ, MAP_SHARED, position, 0);
	if (p == MAP_FAILED)
		return -1;
	s->pos = p;
	return s->pos->magic == SPOS_MAGIC ? 0 : -1;
}

struct spool *
spool_open(int spool, int position, int wake, int ack)
{
	struct spool *s;
	int rc = -1;

	if ((s = calloc(1, sizeof(*s))) != NULL) {
		s->wake = wake;
		s->ack = ack;
		buf_init(&s->queue, SPOOL_QUEUE);
		buf_init(&s->event, LEN_TEXT * 2 + 64 * 1024);
		rc = spool_map(s, spool, position);
	} else {
		close(wake);
		close(ack);
	}
	close(spool);
	close(position);
	if (rc == -1)
		spool_close(&s);
	return s;
}

void
spool_close(struct spool **sp)
{
	struct spool *s = *sp;

	if (s == NULL)
		return;
	if (s->h != NULL)
		munmap(s->h, SPOOL_HEADER);
	if (s->ring != NULL)
		munmap(s->ring, s->size);
	if (s->pos != NULL)
		munmap((void *)(uintptr_t)s->pos, POS_BYTES);
	close(s->wake);
	close(s->ack);
	buf_clear(&s->queue);
	buf_clear(&s->event);
	free(s);
	*sp = NULL;
}

static uint64_t
pad8(uint64_t n)
{
	return (n + 7) & ~(uint64_t)7;
}

static void
ring_put(struct spool *s, uint64_t at, const void *p, size_t n)
{
	uint64_t off = at & (s->size - 1);
	size_t first = n;

	if (first > s->size - off)
		first = (size_t)(s->size - off);
	memcpy(s->ring + off, p, first);
	if (first < n)
		memcpy(s->ring, (const uint8_t *)p + first, n - first);
}

/*
 * auditd sets `sleeping`, then looks at the heads once more; we publish the
 * head, then look at `sleeping`.  With sequential consistency one of the two
 * sees the other.
 */
static void
spool_wake(struct spool *s)
{
	uint32_t number = s->h->number;

	if (atomic_load(&s->pos->sleeping) == 0)
		return;
	/* A full FIFO means that auditd has enough to wake up for. */
	if (write(s->wake, &number, sizeof(number)) == -1)
		return;
}

void
spool_pump(struct spool *s)
{
	struct spool_record r;
	uint64_t drained, n;
	bool moved = false;

	drained = atomic_load(&s->pos->drained);
	if (drained > s->head) {
		s->broken = true;
		return;
	}
	while (s->queue.len > 0) {
		memcpy(&r, buf_head(&s->queue), sizeof(r));
		n = pad8(sizeof(r) + r.len);
		if (n > s->size - (s->head - drained))
			break;
		ring_put(s, s->head, buf_head(&s->queue), (size_t)n);
		buf_drain(&s->queue, (size_t)n);
		s->head += n;
		moved = true;
	}
	if (moved)
		atomic_store(&s->h->head, s->head);
	if (s->queue.len > 0)
		atomic_store(&s->h->want, drained + 1);
	/*
	 * Nobody waits for an outcome: auditd finds it at its next look, with
	 * the next intent, or when the ring fills.
	 */
	if ((moved && !s->lazy) || s->queue.len > 0 ||
	    s->head - drained > s->size / 2)
		spool_wake(s);
	buf_shrink(&s->queue, 64 * 1024);
}

uint32_t
spool_crc(const struct spool_record *r, const void *payload)
{
	const size_t skip = offsetof(struct spool_record, seq);
	uint32_t crc;

	crc = crc32_add(0, &r->len, sizeof(r->len));
	crc = crc32_add(crc, (const uint8_t *)r + skip, sizeof(*r) - skip);
	return crc32_add(crc, payload, r->len);
}

static int
queue_record(struct spool *s, struct spool_record *r, const uint8_t *payload)
{
	static const uint8_t zero[8];
	size_t n = sizeof(*r) + r->len;

	r->crc = spool_crc(r, payload);
	if (buf_room(&s->queue) < pad8(n) ||
	    buf_add(&s->queue, r, sizeof(*r)) == -1 ||
	    buf_add(&s->queue, payload, r->len) == -1 ||
	    buf_add(&s->queue, zero, (size_t)(pad8(n) - n)) == -1)
		return -1;
	s->end += pad8(n);
	return 0;
}

uint64_t
spool_append(struct spool *s, enum event_kind kind, const void *msg)
{
	struct spool_record r = { .kind = (uint16_t)kind };
	const uint8_t *p;
	size_t left;
	int rc = -1;

	s->event.len = s->event.off = 0;
	if (s->broken || msg_encode(event_desc(kind), msg, &s->event) == -1)
		return 0;
	/* All of it or nothing: half an event would break the sequence. */
	if (buf_room(&s->queue) < s->event.len + 4096 +
	    s->event.len / SPOOL_FRAGMENT * (sizeof(r) + 8))
		return 0;
	s->lazy = kind == EVENT_outcome;
	r.seq = ++s->seq;
	r.time = now_wall_us();
	p = buf_head(&s->event);
	left = s->event.len;
	do {
		r.len = left > SPOOL_FRAGMENT ? SPOOL_FRAGMENT : (uint32_t)left;
		r.flags = left > r.len ? SPOOL_MORE : 0;
		if ((rc = queue_record(s, &r, p)) == -1)
			break;
		p += r.len;
		left -= r.len;
	} while (left > 0);
	s->event.len = s->event.off = 0;
	buf_shrink(&s->event, 64 * 1024);
	if (rc == -1) {
		s->broken = true;
		return 0;
	}
	spool_pump(s);
	return s->end;
}

bool
spool_committed(struct spool *s, uint64_t pos)
{
	if (s->pos->full != 0) {
		if (atomic_load(&s->pos->durable) >= pos)
			return true;
		/* While records wait for room, room is what to be told of. */
		spool_pump(s);
		if (s->queue.len > 0)
			return false;
		atomic_store(&s->h->want, pos);
		/* It may have been reached before it was asked for. */
		if (atomic_load(&s->pos->durable) >= pos)
			return true;
		spool_wake(s);
		return false;
	}
	if (s->head >= pos)
		return true;
	spool_pump(s);
	return s->head >= pos;
}

bool
spool_alive(struct spool *s, uint64_t now)
{
	return !spool_broken(s) &&
	    atomic_load(&s->pos->heartbeat) + HEARTBEAT_STALE >= now;
}

bool
spool_broken(struct spool *s)
{
	if (atomic_load(&s->pos->broken) != 0)
		s->broken = true;
	return s->broken;
}

int
spool_ack_fd(struct spool *s)
{
	return s->ack;
}

void
spool_acked(struct spool *s)
{
	uint8_t junk[64];

	while (read(s->ack, junk, sizeof(junk)) == (ssize_t)sizeof(junk))
		;
	spool_pump(s);
}

bool
spool_idle(struct spool *s)
{
	return s->queue.len == 0;
}
