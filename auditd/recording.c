/*
 * Reads recordings.  Run by auditctl replay.  Neither the file nor what is in
 * the store is trusted: sizes are held against their limits, digests against
 * the file, and what does not fit ends what can be shown.
 */
#include "recording.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "buf.h"
#include "crypto.h"
#include "event_kinds.h"
#include "grow.h"
#include "recfile.h"

#define STORED_MAX	(LEN_CHUNK + 1024)
#define MESSAGE_MAX	(64u * 1024 * 1024)
#define NOWHERE		UINT64_MAX

struct chunk {
	int64_t		 event;
	uint64_t	 base;		/* where it begins in the stream */
	uint64_t	 offset;	/* in the file */
	uint32_t	 stored, size;
	char		 sha256[2 * SHA256_LEN + 1];
};

struct range {
	int64_t		 stmt;
	uint64_t	 from, to;	/* in the stream */
	uint64_t	 described;	/* the last 'T' before it */
};

struct recording {
	int		 fd;
	struct chunk	*chunks;
	size_t		 nchunks;
	struct range	*ranges;	/* in order, then by stmt */
	size_t		 nranges;
	struct recorded_cut *cuts;
	size_t		 ncuts;
	uint64_t	 size;		/* of the stream */
	char		 pruned[256];
	int64_t		 damaged;
	size_t		 loaded;	/* chunk in `raw` + 1; 0: none */
	uint8_t		 raw[LEN_CHUNK];
	struct buf	 body;		/* of a message */
};

/* --- what the store says -------------------------------------------------- */

#define F(name)	"json_extract(e.body, '$." name "')"
enum { R_ID, R_KIND, R_STMT, R_SIZE, R_MARKS, R_OFFSET, R_STORED, R_SHA256,
	R_LIMIT, R_MESSAGES, R_BYTES, R_REASON };
static const char query[] =
"SELECT e.id, e.kind, e.stmt, " F("size") ", " F("marks") ", " F("offset") ","
" " F("stored") ", " F("sha256") ", " F("limit") ", " F("messages") ","
" " F("bytes") ", " F("reason") " FROM events e"
" WHERE e.kind IN ('answer', 'cut', 'prune')";

static void
copy_text(char *to, size_t size, sqlite3_stmt *st, int column)
{
	const char *s = (const char *)sqlite3_column_text(st, column);

	snprintf(to, size, "%s", s == NULL ? "" : s);
}

/* From `at` in the stream on it is this statement's. */
static void
add_range(struct recording *r, int64_t stmt, uint64_t at)
{
	struct range *g;

	if (r->nranges > 0) {
		g = &r->ranges[r->nranges - 1];
		if (g->stmt == stmt)
			return;
		g->to = at;
		if (g->from == at)
			r->nranges--;
	}
	r->ranges = grow(r->ranges, r->nranges, sizeof(*g));
	r->ranges[r->nranges++] = (struct range){ stmt, at, at, NOWHERE };
}

static void
add_marks(struct recording *r, const struct chunk *c, const char *marks)
{
	uint64_t last = 0, at;
	int64_t stmt;
	char *end;

	while (marks != NULL && *marks >= '0' && *marks <= '9') {
		at = strtoull(marks, &end, 10);
		if (*end != ':' || at < last || at > c->size)
			return;
		stmt = strtoll(end + 1, &end, 10);
		add_range(r, stmt, c->base + at);
		last = at;
		marks = *end == ' ' ? end + 1 : NULL;
	}
}

static bool
add_chunk(struct recording *r, sqlite3_stmt *st)
{
	int64_t size = sqlite3_column_int64(st, R_SIZE);
	int64_t stored = sqlite3_column_int64(st, R_STORED);
	struct chunk *c;

	r->chunks = grow(r->chunks, r->nchunks, sizeof(*c));
	c = &r->chunks[r->nchunks];
	c->event = sqlite3_column_int64(st, R_ID);
	if (size < 0 || size > LEN_CHUNK || stored < 0 || stored > STORED_MAX) {
		r->damaged = c->event;
		return false;
	}
	r->nchunks++;
	c->base = r->size;
	c->size = (uint32_t)size;
	c->stored = (uint32_t)stored;
	c->offset = (uint64_t)sqlite3_column_int64(st, R_OFFSET);
	copy_text(c->sha256, sizeof(c->sha256), st, R_SHA256);
	add_range(r, sqlite3_column_int64(st, R_STMT), c->base);
	add_marks(r, c, (const char *)sqlite3_column_text(st, R_MARKS));
	r->size += c->size;
	r->ranges[r->nranges - 1].to = r->size;
	return true;
}

static bool
add_row(void *ctx, sqlite3_stmt *st)
{
	struct recording *r = ctx;
	const char *kind = (const char *)sqlite3_column_text(st, R_KIND);
	struct recorded_cut *c;

	if (strcmp(kind, "answer") == 0)
		return add_chunk(r, st);
	if (strcmp(kind, "prune") == 0) {
		copy_text(r->pruned, sizeof(r->pruned), st, R_REASON);
		return true;
	}
	r->cuts = grow(r->cuts, r->ncuts, sizeof(*c));
	c = &r->cuts[r->ncuts++];
	c->stmt = sqlite3_column_int64(st, R_STMT);
	c->messages = sqlite3_column_int64(st, R_MESSAGES);
	c->bytes = sqlite3_column_int64(st, R_BYTES);
	copy_text(c->limit, sizeof(c->limit), st, R_LIMIT);
	return true;
}

/* --- the stream ----------------------------------------------------------- */

static int
load(struct recording *r, size_t i)
{
	static uint8_t packed[STORED_MAX];
	const struct chunk *c = &r->chunks[i];
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	size_t n;

	if (r->loaded == i + 1)
		return 0;
	r->loaded = 0;
	if (r->fd == -1 ||
	    recfile_read(r->fd, c->offset, packed, c->stored) == -1)
		return -1;
	sha256_once(packed, c->stored, digest);
	hex_encode(digest, sizeof(digest), hex);
	if (strcmp(hex, c->sha256) != 0)
		return -1;
	n = ZSTD_decompress(r->raw, sizeof(r->raw), packed, c->stored);
	if (ZSTD_isError(n) || n != c->size)
		return -1;
	r->loaded = i + 1;
	return 0;
}

static size_t
chunk_at(const struct recording *r, uint64_t at)
{
	size_t lo = 0, hi = r->nchunks, mid;

	while (lo + 1 < hi) {
		mid = (lo + hi) / 2;
		if (r->chunks[mid].base <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* n bytes of the stream; -1: they are not to be had. */
static int
read_stream(struct recording *r, uint64_t at, uint8_t *to, size_t n)
{
	const struct chunk *c;
	size_t i, part;

	if (n == 0)
		return 0;
	if (at > r->size || n > r->size - at)
		return -1;
	for (i = chunk_at(r, at); n > 0; i++) {
		c = &r->chunks[i];
		if (at - c->base >= c->size)
			continue;
		if (load(r, i) == -1) {
			if (r->damaged == 0 || c->event < r->damaged)
				r->damaged = c->event;
			return -1;
		}
		part = (size_t)(c->base + c->size - at);
		if (part > n)
			part = n;
		memcpy(to, r->raw + (at - c->base), part);
		to += part;
		at += part;
		n -= part;
	}
	return 0;
}

/* The message at `at` of a range: type and length of its body. */
static int
read_head(struct recording *r, const struct range *g, uint64_t at,
    uint8_t *type, uint32_t *len)
{
	uint8_t h[5];

	if (g->to - at < sizeof(h) || read_stream(r, at, h, sizeof(h)) == -1)
		return -1;
	*type = h[0];
	*len = (uint32_t)h[1] << 24 | (uint32_t)h[2] << 16 |
	    (uint32_t)h[3] << 8 | h[4];
	if (*len < 4 || *len > MESSAGE_MAX || g->to - at - 1 < *len)
		return -1;
	*len -= 4;
	return 0;
}

static int
read_body(struct recording *r, uint64_t at, uint32_t len)
{
	uint8_t *p;

	buf_drain(&r->body, r->body.len);
	if ((p = buf_reserve(&r->body, len + 1)) == NULL ||
	    read_stream(r, at + 5, p, len) == -1)
		return -1;
	buf_commit(&r->body, len);
	return 0;
}

static int
by_stmt(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->stmt != y->stmt)
		return x->stmt < y->stmt ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

/* Where the columns of each range were described last. */
static void
describe(struct recording *r)
{
	uint64_t at, last = NOWHERE;
	struct range *g;
	uint8_t type;
	uint32_t len;
	size_t i;

	for (i = 0; i < r->nranges; i++) {
		g = &r->ranges[i];
		g->described = last;
		for (at = g->from; at < g->to; at += (uint64_t)len + 5) {
			if (read_head(r, g, at, &type, &len) == -1)
				break;
			if (type == 'T')
				last = at;
		}
	}
}

struct recording *
recording_open(struct reader *reader, const char *store, const char *session)
{
	struct filter f = { .session = session };
	struct recording *r = calloc(1, sizeof(*r));
	char *dir = recdir_path(store);

	if (r == NULL || dir == NULL)
		abort();
	buf_init(&r->body, MESSAGE_MAX + 1);
	r->fd = recfile_open(dir, session);
	free(dir);
	reader_each(reader, &f, query, " ORDER BY e.id", add_row, r);
	if (r->fd != -1)
		describe(r);
	else if (r->nchunks > 0 && r->pruned[0] == '\0')
		r->damaged = r->chunks[0].event;
	if (r->nranges > 0)
		qsort(r->ranges, r->nranges, sizeof(r->ranges[0]), by_stmt);
	if (r->damaged != 0)
		fprintf(stderr, "auditctl: the recording is missing or "
		    "altered from event %" PRId64 " on\n", r->damaged);
	return r;
}

void
recording_free(struct recording **rp)
{
	struct recording *r = *rp;

	if (r == NULL)
		return;
	if (r->fd != -1)
		close(r->fd);
	free(r->chunks);
	free(r->ranges);
	free(r->cuts);
	buf_clear(&r->body);
	free(r);
	*rp = NULL;
}

bool
recording_any(const struct recording *r)
{
	return r->nchunks > 0 || r->ncuts > 0;
}

const char *
recording_pruned(const struct recording *r)
{
	return r->fd == -1 ? r->pruned : "";
}

int64_t
recording_damaged(const struct recording *r)
{
	return r->damaged;
}

const struct recorded_cut *
recording_cut(const struct recording *r, int64_t stmt)
{
	size_t i;

	for (i = 0; i < r->ncuts; i++)
		if (r->cuts[i].stmt == stmt)
			return &r->cuts[i];
	return NULL;
}

/* --- messages ------------------------------------------------------------- */

static bool
give(struct recording *r, uint64_t at, uint8_t type, uint32_t len,
    recorded_fn *fn, void *ctx)
{
	struct recorded_message m = { type, NULL, len };

	if (read_body(r, at, len) == -1)
		return false;
	m.body = buf_head(&r->body);
	return fn(ctx, &m);
}

/* What described the rows came in another answer. */
static bool
give_description(struct recording *r, const struct range *g, recorded_fn *fn,
    void *ctx)
{
	struct range all = { 0, 0, r->size, NOWHERE };
	uint8_t type;
	uint32_t len;

	if (g->described == NOWHERE ||
	    read_head(r, &all, g->described, &type, &len) == -1)
		return true;
	return give(r, g->described, type, len, fn, ctx);
}

static bool
each_of_range(struct recording *r, const struct range *g, size_t *n,
    recorded_fn *fn, void *ctx)
{
	bool described = false;
	uint64_t at;
	uint8_t type;
	uint32_t len;

	for (at = g->from; at < g->to; at += (uint64_t)len + 5) {
		if (read_head(r, g, at, &type, &len) == -1)
			return false;
		if (type == 'D' && !described &&
		    !give_description(r, g, fn, ctx))
			return false;
		if (type == 'D' || type == 'T')
			described = true;
		if (type == 'C')
			described = false;
		if (!give(r, at, type, len, fn, ctx))
			return false;
		(*n)++;
	}
	return true;
}

size_t
recording_each(struct recording *r, int64_t stmt, recorded_fn *fn, void *ctx)
{
	size_t lo = 0, hi = r->fd == -1 ? 0 : r->nranges, mid, n = 0;
	size_t end = hi;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (r->ranges[mid].stmt < stmt)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < end && r->ranges[lo].stmt == stmt; lo++)
		if (!each_of_range(r, &r->ranges[lo], &n, fn, ctx))
			break;
	return n;
}
