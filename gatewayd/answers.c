/*
 * answers: what the client gets, for the record.  Runs in the worker, after the
 * masks and the guard: nothing is recorded that the client does not get.  The
 * bytes are the database's and are not looked at here.
 *
 * Bytes wait in `raw` until they are a chunk in the spool, and in `held` until
 * that chunk is committed; only then the client gets them.  Where the spool has
 * no room they wait, and with them the reading from the database.  What cannot
 * be recorded ends the session.
 */
#include "answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* Speed is what counts here; rows compress well anyway. */
#define LEVEL		1
/* One read from the database, and the rest of a message before it. */
#define HELD_MAX	(64u * 1024 * 1024)
#define NO_STMT		UINT64_MAX

struct answers {
	uint64_t	 max_bytes, max_session;
	uint64_t	 total;		/* recorded, of the session */
	uint64_t	 stmt;		/* whose answer it is */
	uint64_t	 recorded;	/* of it */
	const char	*limit;		/* it was cut, by this; else NULL */
	uint64_t	 cut_messages, cut_bytes;
	bool		 skipping;	/* the message that passes */
	bool		 failed;
	uint64_t	 gate;		/* of the last chunk; 0: it is committed */
	struct buf	 raw, held;
	uint64_t	 first;		/* stmt at the beginning of `raw` */
	size_t		 nmarks;	/* length of marks */
	char		 marks[LEN_MARKS + 1];
};

/* One process, one thread: scratch of all its sessions. */
static ZSTD_CCtx	*ctx;
static uint8_t		 packed[ZSTD_COMPRESSBOUND(LEN_CHUNK)];
_Static_assert(sizeof(packed) <= LEN_CHUNK + 1024, "any chunk is an event");

struct answers *
answers_new(uint64_t max_bytes, uint64_t max_session)
{
	struct answers *a;

	if (ctx == NULL && (ctx = ZSTD_createCCtx()) == NULL)
		return NULL;
	if ((a = calloc(1, sizeof(*a))) == NULL)
		return NULL;
	a->max_bytes = max_bytes;
	a->max_session = max_session;
	a->stmt = NO_STMT;
	buf_init(&a->raw, LEN_CHUNK);
	buf_init(&a->held, HELD_MAX);
	return a;
}

void
answers_free(struct answers **ap)
{
	struct answers *a = *ap;

	if (a == NULL)
		return;
	buf_clear(&a->raw);
	buf_clear(&a->held);
	free(a);
	*ap = NULL;
}

static int
fail(struct answers *a)
{
	a->failed = true;
	return -1;
}

int
answers_flush(struct answers *a, struct spool *spool)
{
	struct event_chunk e = {
		.stmt = a->first,
		.size = a->raw.len,
		.marks = slice_of(a->marks, a->nmarks)
	};
	size_t n;

	if (a->failed)
		return -1;
	if (a->raw.len == 0)
		return 0;
	n = ZSTD_compressCCtx(ctx, packed, sizeof(packed), buf_head(&a->raw),
	    a->raw.len, LEVEL);
	if (ZSTD_isError(n))
		return fail(a);
	e.data = slice_of(packed, n);
	if ((a->gate = spool_append(spool, EVENT_chunk, &e)) == 0)
		return fail(a);
	buf_drain(&a->raw, a->raw.len);
	buf_shrink(&a->raw, 0);
	a->nmarks = 0;
	return 0;
}

/* What was left out of the last answer, once it is known how much. */
static void
say_cut(struct answers *a, struct spool *spool)
{
	struct event_cut e = {
		.stmt = a->stmt == NO_STMT ? 0 : a->stmt,
		.messages = a->cut_messages,
		.bytes = a->cut_bytes
	};

	if (a->limit == NULL)
		return;
	e.limit = slice_str(a->limit);
	if (spool_append(spool, EVENT_cut, &e) == 0)
		a->failed = true;
	a->limit = NULL;
	a->cut_messages = a->cut_bytes = 0;
}

/* From here on it is another statement's. */
static void
mark(struct answers *a, struct spool *spool, uint64_t stmt)
{
	char text[48];
	int n;

	say_cut(a, spool);
	a->stmt = stmt;
	a->recorded = 0;
	if (a->raw.len == 0)
		return;
	n = snprintf(text, sizeof(text), "%s%zu:%llu", a->nmarks == 0 ? "" :
	    " ", a->raw.len, (unsigned long long)stmt);
	if ((size_t)n > LEN_MARKS - a->nmarks) {
		answers_flush(a, spool);
		return;
	}
	memcpy(a->marks + a->nmarks, text, (size_t)n);
	a->nmarks += (size_t)n;
}

/* Rows, COPY data, notices and notifications: what there can be many of. */
static bool
is_bulk(uint8_t type)
{
	return type == 'D' || type == 'd' || type == 'N' || type == 'A';
}

void
answers_message(struct answers *a, struct spool *spool, uint64_t stmt,
    uint8_t type, uint64_t size)
{
	const char *limit = NULL;

	if (stmt != a->stmt)
		mark(a, spool, stmt);
	if (size > a->max_session || a->total > a->max_session - size)
		limit = "max_session_bytes";
	else if (is_bulk(type) && (size > a->max_bytes ||
	    a->recorded > a->max_bytes - size))
		limit = "max_bytes";
	a->skipping = limit != NULL;
	if (limit != NULL) {
		/* One that is too large does not make room for later ones. */
		if (a->limit == NULL)
			a->limit = limit;
		a->recorded = a->max_bytes;
		a->cut_messages++;
		a->cut_bytes += size;
		return;
	}
	a->recorded += size;
	a->total += size;
}

int
answers_bytes(struct answers *a, struct spool *spool, const void *vp, size_t n)
{
	const uint8_t *p = vp;
	size_t part;

	if (a->failed || a->skipping)
		return a->failed ? -1 : 0;
	while (n > 0) {
		if (a->raw.len == 0)
			a->first = a->stmt;
		part = LEN_CHUNK - a->raw.len;
		if (part > n)
			part = n;
		if (buf_add(&a->raw, p, part) == -1)
			return fail(a);
		p += part;
		n -= part;
		if (a->raw.len == LEN_CHUNK && answers_flush(a, spool) == -1)
			return -1;
	}
	return 0;
}

int
answers_put(struct answers *a, const void *p, size_t n)
{
	return buf_add(&a->held, p, n);
}

bool
answers_release(struct answers *a, struct spool *spool, struct stream *client)
{
	if (a->failed)
		return false;
	if (a->gate != 0 && !spool_committed(spool, a->gate))
		return a->held.len == 0;
	a->gate = 0;
	if (a->held.len > 0 && stream_put(client, buf_head(&a->held),
	    a->held.len) == -1) {
		a->failed = true;
		return false;
	}
	buf_drain(&a->held, a->held.len);
	buf_shrink(&a->held, 0);
	return true;
}

bool
answers_failed(const struct answers *a)
{
	return a->failed;
}

bool
answers_waiting(const struct answers *a)
{
	return a != NULL && a->held.len > 0;
}

void
answers_end(struct answers *a, struct spool *spool)
{
	say_cut(a, spool);
}
