/*
 * Reads a spool and puts its events into the store.  Run by auditd.  Every byte
 * of the spool is its writer's to choose, at any moment (D8): the file is read
 * with pread only, copied before it is looked at, and the head counter is but a
 * hint.  The first thing that is not as an honest writer makes it ends this
 * spool for good with a gap event; the other spools notice nothing.
 *
 * pread copies while the writer stores, and may see half of a new head.  So
 * nothing is called broken that does not look the same three times.
 */
#include "drain.h"

#include <sys/stat.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"
#include "ev.h"

#define CHUNK		(128 * 1024)
#define LOOKS		3
_Static_assert(CHUNK >= SPOOL_FRAGMENT + (int)sizeof(struct spool_record),
    "a chunk holds any record");

/* One process, one thread, one chunk. */
static uint8_t chunk[CHUNK];

enum { DRAIN_OK, DRAIN_BAD, DRAIN_FAILED = -1 };

static int
bad(struct drain *d, const char *reason)
{
	snprintf(d->reason, sizeof(d->reason), "%s", reason);
	return DRAIN_BAD;
}

static uint64_t
record_size(uint32_t len)
{
	return (sizeof(struct spool_record) + (uint64_t)len + 7) & ~7ULL;
}

/* --- reading ------------------------------------------------------------ */

static int
read_all(int fd, void *p, size_t n, uint64_t at)
{
	return pread(fd, p, n, (off_t)at) == (ssize_t)n ? 0 : -1;
}

/* n bytes of the ring from position `at` on into the chunk. */
static int
read_ring(const struct spoolfile *f, uint64_t at, size_t n)
{
	uint64_t off = at & (f->size - 1);
	size_t first = n;

	if (first > f->size - off)
		first = (size_t)(f->size - off);
	if (read_all(f->fd, chunk, first, SPOOL_HEADER + off) == -1)
		return -1;
	if (first == n)
		return 0;
	return read_all(f->fd, chunk + first, n - first, SPOOL_HEADER);
}

int
drain_peek(const struct drain *d, uint64_t *head, uint64_t *want)
{
	struct spool_header h;

	if (read_all(d->file->fd, &h, sizeof(h), 0) == -1)
		return -1;
	*head = atomic_load(&h.head);
	*want = atomic_load(&h.want);
	return 0;
}

/* Check the file and its header; *head is where to stop. */
static int
check_header(struct drain *d, uint64_t *head)
{
	struct spool_header h;
	struct stat st;

	if (fstat(d->file->fd, &st) == -1)
		return bad(d, "cannot be examined");
	if (d->file->size < SPOOL_MIN ||
	    (d->file->size & (d->file->size - 1)) != 0 ||
	    (uint64_t)st.st_size != SPOOL_HEADER + d->file->size)
		return bad(d, "file size changed");
	if (read_all(d->file->fd, &h, sizeof(h), 0) == -1)
		return bad(d, "short read of the header");
	if (h.magic != SPOOL_MAGIC || h.size != d->file->size)
		return bad(d, "header changed");
	*head = atomic_load(&h.head);
	/* What the head covers was written before it. */
	atomic_thread_fence(memory_order_acquire);
	if (*head < d->now.pos)
		return bad(d, "head went backwards");
	if (*head - d->now.pos > d->file->size)
		return bad(d, "head is beyond the ring");
	if (*head % 8 != 0)
		return bad(d, "head is not aligned");
	return DRAIN_OK;
}

/* --- events ------------------------------------------------------------- */

/* The most an honest event of this kind encodes to. */
static size_t
event_max(const struct msg_desc *desc)
{
	size_t i, n = 0;

	for (i = 0; i < desc->nfields; i++)
		n += 8 + (size_t)desc->fields[i].max;
	return n;
}

static struct slice
event_session(const struct drain *d, const struct msg_desc *desc,
    const void *msg)
{
	char name[LEN_SESSION + 1];
	struct slice s;
	size_t i;

	if (d->file->owner == ROLE_WORKER)
		return slice_str(d->file->name);
	for (i = 0; i < desc->nfields; i++) {
		if (strcmp(desc->fields[i].name, "session") != 0)
			continue;
		memcpy(&s, (const char *)msg + desc->fields[i].offset,
		    sizeof(s));
		if (slice_copy(s, name, sizeof(name)) == 0 &&
		    spool_name_valid(name))
			return s;
	}
	return slice_str("");
}

/* A piece of an answer: aside, and into the chain what it was. */
static int
put_chunk(struct drain *d, struct store *store, const struct event_chunk *m,
    uint64_t time, uint64_t seq)
{
	struct event_answer a = {
		.stmt = m->stmt,
		.size = m->size,
		.marks = m->marks,
		.stored = m->data.len
	};
	char hex[2 * SHA256_LEN + 1];
	uint8_t digest[SHA256_LEN];

	if (recfile_append(&d->recording, store_recordings(store),
	    d->file->name, d->file->pos->full != 0, m->data.p, m->data.len,
	    &a.offset) == -1) {
		store_blame(store, "recording");
		return DRAIN_FAILED;
	}
	sha256_once(m->data.p, m->data.len, digest);
	hex_encode(digest, sizeof(digest), hex);
	a.sha256 = slice_str(hex);
	return store_event(store, event_desc(EVENT_answer), &a,
	    slice_str(d->file->name), time, seq) == -1 ? DRAIN_FAILED :
	    DRAIN_OK;
}

/* A whole event. */
static int
put_event(struct drain *d, struct store *store, const struct msg_desc *desc,
    const struct spool_record *r, const uint8_t *p, size_t len)
{
	union {
		max_align_t	align;
		uint8_t		bytes[1024];
	} msg;

	if (desc->size > sizeof(msg) || msg_decode(desc, p, len, &msg) == -1)
		return bad(d, "malformed event");
	if (desc == event_desc(EVENT_chunk))
		return put_chunk(d, store, (const void *)&msg, d->fragments ?
		    d->event_time : r->time, r->seq);
	return store_event(store, desc, &msg, event_session(d, desc, &msg),
	    d->fragments ? d->event_time : r->time, r->seq) == -1 ?
	    DRAIN_FAILED : DRAIN_OK;
}

static void
forget_fragments(struct drain *d)
{
	d->fragments = d->stored = d->reload = false;
	buf_drain(&d->event, d->event.len);
	buf_shrink(&d->event, 64 * 1024);
}

/* A record that is not the last of its event: into memory and the store. */
static int
put_fragment(struct drain *d, struct store *store,
    const struct spool_record *r, const uint8_t *p)
{
	if (buf_add(&d->event, p, r->len) == -1 ||
	    store_partial_add(store, d->file->name, d->now.pos, r->time,
	    r->kind, p, r->len) == -1)
		return DRAIN_FAILED;
	if (!d->fragments) {
		d->fragments = true;
		d->event_time = r->time;
		d->event_kind = r->kind;
	}
	d->stored = true;
	return DRAIN_OK;
}

static int
put_record(struct drain *d, struct store *store, const struct spool_record *r,
    const uint8_t *p)
{
	const struct msg_desc *desc = event_desc(r->kind);
	int rc;

	if (desc == NULL || (desc->from & d->file->owner) == 0)
		return bad(d, "kind of event that is not its writer's");
	if (d->fragments && r->kind != d->event_kind)
		return bad(d, "fragments of different kinds");
	if (d->event.len + r->len > event_max(desc))
		return bad(d, "event is too large");
	if ((r->flags & SPOOL_MORE) != 0)
		return put_fragment(d, store, r, p);
	if (!d->fragments)
		return put_event(d, store, desc, r, p, r->len);
	if (buf_add(&d->event, p, r->len) == -1)
		return DRAIN_FAILED;
	rc = put_event(d, store, desc, r, buf_head(&d->event), d->event.len);
	if (rc != DRAIN_OK) {
		/* It may be looked at again. */
		d->event.len -= r->len;
		return rc;
	}
	if (d->stored && store_partial_drop(store, d->file->name) == -1)
		return DRAIN_FAILED;
	forget_fragments(d);
	return DRAIN_OK;
}

/* --- one pass ----------------------------------------------------------- */

/*
 * The record at the start of `left` copied bytes; `more` of the spool's bytes
 * lie before the head.  *size becomes 0 when the copy ends within the record.
 */
static int
take_record(struct drain *d, struct store *store, const uint8_t *p,
    size_t left, uint64_t more, uint64_t *size)
{
	struct spool_record r;
	int rc;

	*size = 0;
	if (left < sizeof(r))
		return more < sizeof(r) ? bad(d, "head within a record") :
		    DRAIN_OK;
	memcpy(&r, p, sizeof(r));
	if (r.len > SPOOL_FRAGMENT)
		return bad(d, "record is too long");
	if (record_size(r.len) > more)
		return bad(d, "record ends after the head");
	if (record_size(r.len) > left)
		return DRAIN_OK;
	p += sizeof(r);
	if (r.crc != spool_crc(&r, p))
		return bad(d, "checksum does not match");
	if (r.seq != d->now.seq + 1)
		return bad(d, "sequence is not contiguous");
	if (r.zero != 0 || (r.flags & ~SPOOL_MORE) != 0 ||
	    r.time > INT64_MAX || (r.len == 0 && (r.flags & SPOOL_MORE) != 0))
		return bad(d, "malformed record");
	if ((rc = put_record(d, store, &r, p)) != DRAIN_OK)
		return rc;
	*size = record_size(r.len);
	/* The fragments of an event share its number. */
	if ((r.flags & SPOOL_MORE) == 0)
		d->now.seq = r.seq;
	return DRAIN_OK;
}

/* As far as one chunk goes. */
static int
drain_pass(struct drain *d, struct store *store, unsigned int max,
    unsigned int *rows)
{
	uint64_t head, size;
	size_t n, at = 0;
	int rc;

	if ((rc = check_header(d, &head)) != DRAIN_OK || head == d->now.pos)
		return rc;
	n = head - d->now.pos > CHUNK ? CHUNK : (size_t)(head - d->now.pos);
	if (read_ring(d->file, d->now.pos, n) == -1)
		return bad(d, "short read");
	while (at < n && max > 0) {
		rc = take_record(d, store, chunk + at, n - at,
		    head - d->now.pos, &size);
		if (rc != DRAIN_OK)
			return rc;
		if (size == 0)
			break;
		at += (size_t)size;
		d->now.pos += size;
		max--;
		(*rows)++;
	}
	return DRAIN_OK;
}

/* The drain of this spool ends here, and the record says so. */
static int
put_gap(struct drain *d, struct store *store)
{
	struct event_gap gap = {
		.session = slice_str(d->file->name),
		.reason = slice_str(d->reason),
		.position = d->now.pos,
		.seq = d->now.seq
	};

	if (d->stored && store_partial_drop(store, d->file->name) == -1)
		return -1;
	if (store_event(store, event_desc(EVENT_gap), &gap,
	    slice_str(d->file->name), now_wall_us(), 0) == -1)
		return -1;
	forget_fragments(d);
	d->now.broken = true;
	return 0;
}

static int
reload_fragments(struct drain *d, struct store *store)
{
	forget_fragments(d);
	if (store_partial_load(store, d->file->name, &d->event,
	    &d->event_time, &d->event_kind) == -1) {
		buf_drain(&d->event, d->event.len);
		d->reload = true;
		return -1;
	}
	d->fragments = d->stored = d->event.len > 0;
	return 0;
}

int
drain_some(struct drain *d, struct store *store, unsigned int max,
    unsigned int *rows)
{
	uint64_t start;
	int looks = 0, rc;

	if (d->reload && reload_fragments(d, store) == -1)
		return -1;
	if (d->now.broken)
		return 0;
	do {
		start = d->now.pos;
		rc = drain_pass(d, store, max, rows);
		if (rc != DRAIN_BAD)
			return rc;
		looks = d->now.pos == start ? looks + 1 : 1;
	} while (looks < LOOKS);
	(*rows)++;
	return put_gap(d, store);
}

int
drain_finish(struct drain *d, struct store *store)
{
	if (d->now.broken || !d->fragments)
		return 0;
	bad(d, "ends within an event");
	return put_gap(d, store);
}

/* --- transactions ------------------------------------------------------- */

static void
publish(const struct drain *d)
{
	struct spool_position *pos = d->file->pos;

	/* Space that was given away is never taken back. */
	if (d->done.pos > atomic_load(&pos->drained))
		atomic_store(&pos->drained, d->done.pos);
	if (pos->full != 0 && d->done.pos > atomic_load(&pos->durable))
		atomic_store(&pos->durable, d->done.pos);
	if (d->done.broken)
		atomic_store(&pos->broken, 1);
}

int
drain_init(struct drain *d, struct spoolfile *f, struct store *store)
{
	struct store_spool known;

	memset(d, 0, sizeof(*d));
	d->file = f;
	/* Room for the largest event, whatever its kind. */
	buf_init(&d->event, 2 * (LEN_TEXT + 64 * 1024));
	if (store_spool_load(store, f->name, &known) == -1)
		return -1;
	d->now.pos = known.position;
	d->now.seq = known.seq;
	d->now.broken = known.broken;
	if (known.broken)
		bad(d, "was broken before");
	d->done = d->now;
	if (reload_fragments(d, store) == -1)
		return -1;
	publish(d);
	return 0;
}

void
drain_clear(struct drain *d)
{
	buf_clear(&d->event);
	recfile_close(&d->recording);
}

bool
drain_dirty(const struct drain *d)
{
	return d->now.pos != d->done.pos || d->now.broken != d->done.broken;
}

int
drain_save(struct drain *d, struct store *store)
{
	struct store_spool s = {
		.position = d->now.pos,
		.seq = d->now.seq,
		.broken = d->now.broken
	};

	/* In `full`, what the events speak of is on disk before they are. */
	if (d->file->pos->full != 0 && recfile_sync(&d->recording) == -1) {
		store_blame(store, "recording");
		return -1;
	}
	return store_spool_save(store, d->file->name, &s);
}

void
drain_committed(struct drain *d)
{
	d->done = d->now;
	recfile_committed(&d->recording);
	publish(d);
}

void
drain_rolled_back(struct drain *d)
{
	recfile_rolled_back(&d->recording);
	if (!drain_dirty(d) && d->event.len == 0)
		return;
	d->now = d->done;
	/* What the batch did to the fragments is undone in the store only. */
	d->reload = true;
}
