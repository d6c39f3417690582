/*
 * The heart of auditd.  A spool is awake (looked at every round) or asleep (its
 * writer sends its number through the wake FIFO with the next event).  A round
 * takes a share from each awake spool, commits once for all of them, then
 * publishes positions and wakes the writers that wait for them.
 *
 * Spools are not trusted (drain.c).  When the store fails nothing is lost and
 * nothing is published: the round is undone and tried again later, the
 * heartbeat stops, and every writer waits: that is how recording fails closed.
 */
#include "recorder.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "prune.h"
#include "roster.h"

#define BEAT_MS		250
#define SCAN_BEATS	2	/* every how many beats all are looked at */
#define ROUND_ROWS	2000
#define ROUND_US	2000
#define SHARE_ROWS	256	/* of one spool in one round */
#define NORMAL_MS	20	/* between rounds */
#define LINGER		2	/* empty rounds until asleep, in `normal` */
#define RETRY_MIN_MS	100
#define RETRY_MAX_MS	1000
#define COMPLAIN_MS	30000
#define BREATH_MS	20
#define FRESH		3	/* events of a segment that just began */

struct recorder {
	struct spooldir	*dir;
	struct store	*store;
	recorder_broken	*broken;
	recorder_closed	*closed;
	void		*ctx;
	struct ev_io	*wake;
	struct ev_timer	*round, *beat;
	struct roster	 list;
	struct recorder_limits limits;
	uint64_t	 signed_at;	/* boot ms */
	bool		 started, healthy;
	unsigned int	 retry_ms;
	uint64_t	 complained, breathed, scanned;	/* when, boot ms */
	unsigned int	 beats;
	uint64_t	 drained, commits;
	char		 error[256];
};

static void	rec_round(void *);
static void	rec_beat(void *);
static void	rec_wake(void *, int);

/* --- rounds ------------------------------------------------------------- */

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
rec_failed(struct recorder *r)
{
	struct entry *e;
	uint64_t now = now_boot_ms();

	snprintf(r->error, sizeof(r->error), "%s", store_error(r->store));
	store_rollback(r->store);
	TAILQ_FOREACH(e, &r->list.hot, link)
		drain_rolled_back(&e->drain);
	if (r->healthy || now - r->complained >= COMPLAIN_MS) {
		log_warnx("store=failed error=%s recording=stopped",
		    log_esc(r->error, strlen(r->error)));
		r->complained = now;
	}
	r->healthy = false;
	if (r->retry_ms == 0)
		r->retry_ms = RETRY_MIN_MS;
	else if ((r->retry_ms *= 2) > RETRY_MAX_MS)
		r->retry_ms = RETRY_MAX_MS;
	ev_timer_set(r->round, r->retry_ms);
}

/* One turn over the awake ones, each then goes to the end of the line. */
static int
rec_collect(struct recorder *r, bool *more)
{
	uint64_t start = now_us();
	unsigned int rows = 0, n;
	struct entry *e;

	*more = false;
	for (n = r->list.nhot; n > 0; n--) {
		if ((e = TAILQ_FIRST(&r->list.hot)) == NULL)
			break;
		if (rows >= ROUND_ROWS || now_us() - start > ROUND_US) {
			*more = true;
			break;
		}
		if (drain_some(&e->drain, r->store, SHARE_ROWS, &rows) == -1)
			return -1;
		if (drain_dirty(&e->drain) &&
		    drain_save(&e->drain, r->store) == -1)
			return -1;
		TAILQ_REMOVE(&r->list.hot, e, link);
		TAILQ_INSERT_TAIL(&r->list.hot, e, link);
	}
	return 0;
}

static void
entry_broken(struct recorder *r, struct entry *e)
{
	if (e->told)
		return;
	e->told = true;
	log_warnx("spool=%s state=broken position=%llu reason=\"%s\"",
	    e->file.name, (unsigned long long)e->drain.done.pos,
	    e->drain.reason);
	(void)!write(e->file.ack, "", 1);
	if (!e->closing)
		r->broken(r->ctx, e->file.name, e->drain.reason);
}

/* Nobody writes it any more: when all is in the store the files go. */
static int
entry_end(struct recorder *r, struct entry *e)
{
	uint64_t head, want;

	if (!e->drain.done.broken) {
		if (drain_peek(&e->drain, &head, &want) == -1 ||
		    head != e->drain.done.pos)
			return 0;
		if (e->drain.fragments) {
			/* Becomes a gap; the next round comes back here. */
			if (drain_finish(&e->drain, r->store) == -1 ||
			    drain_save(&e->drain, r->store) == -1)
				return -1;
			return 0;
		}
	}
	/* Files first: a row without files is harmless, and not vice versa. */
	spoolfile_remove(r->dir, e->file.name);
	e->gone = true;
	return store_spool_drop(r->store, e->file.name);
}

/* After a commit: tell what is now recorded, and let sleep who has no more. */
static int
rec_publish(struct recorder *r, bool *progress)
{
	struct entry *e, *next;
	int rc = 0;

	for (e = TAILQ_FIRST(&r->list.hot); e != NULL; e = next) {
		next = TAILQ_NEXT(e, link);
		if (drain_dirty(&e->drain)) {
			*progress = true;
			e->empty = 0;
			r->drained += e->drain.now.pos - e->drain.done.pos;
			drain_committed(&e->drain);
			entry_pending(e);
		} else
			e->empty++;
		if (e->drain.done.broken)
			entry_broken(r, e);
		if (e->closing && entry_end(r, e) == -1)
			rc = -1;
		if (e->gone) {
			r->list.slots[e->file.number] = NULL;
			r->list.nspools--;
			r->closed(r->ctx, e->file.name);
			entry_free(&r->list, e);
		} else if (e->empty > (r->dir->full ? 0 : LINGER) &&
		    !e->closing)
			entry_sleep(&r->list, e);
	}
	return rc;
}

static void
rec_round(void *arg)
{
	struct recorder *r = arg;
	bool more, progress = false;

	if (rec_collect(r, &more) == -1 || store_commit(r->store) == -1) {
		rec_failed(r);
		return;
	}
	r->commits++;
	if (!r->healthy) {
		log_info("store=working recording=on");
		r->healthy = true;
	}
	r->retry_ms = 0;
	if (rec_publish(r, &progress) == -1) {
		rec_failed(r);
		return;
	}
	if (r->list.nhot > 0)
		ev_timer_set(r->round, more || (progress && r->dir->full) ? 0 :
		    NORMAL_MS);
	else if (store_commit(r->store) == -1)
		rec_failed(r);
}

static void
rec_soon(struct recorder *r, uint64_t ms)
{
	if (r->started && r->healthy && !ev_timer_pending(r->round))
		ev_timer_set(r->round, ms);
}

/* --- wakes and beats ---------------------------------------------------- */

static void
rec_scan(struct recorder *r)
{
	struct entry *e;
	size_t i;

	r->scanned = now_boot_ms();
	for (i = 0; i < r->list.nslots; i++)
		if ((e = r->list.slots[i]) != NULL && !e->awake &&
		    (entry_pending(e) || e->closing))
			entry_wake(&r->list, e);
	if (r->list.nhot > 0)
		rec_soon(r, 0);
}

/*
 * Any writer can write here, anything.  What is nobody's number, or half a one,
 * may have spoilt another writer's: all spools are looked at, at once, but not
 * for every such byte that somebody writes.
 */
static void
rec_wake(void *arg, int what)
{
	struct recorder *r = arg;
	uint32_t numbers[1024];
	struct entry *e;
	bool spoilt;
	ssize_t n;
	size_t i;

	(void)what;
	if ((n = read(r->dir->wake, numbers, sizeof(numbers))) <= 0)
		return;
	spoilt = n % (ssize_t)sizeof(numbers[0]) != 0;
	for (i = 0; i < (size_t)n / sizeof(numbers[0]); i++) {
		e = numbers[i] < r->list.nslots ?
		    r->list.slots[numbers[i]] : NULL;
		if (e != NULL)
			entry_wake(&r->list, e);
		else
			spoilt = true;
	}
	if (spoilt && now_boot_ms() - r->scanned >= BREATH_MS)
		rec_scan(r);
	else if (spoilt && r->beats < SCAN_BEATS) {
		/* Once: a beat must not be put off by who goes on writing. */
		r->beats = SCAN_BEATS;
		ev_timer_set(r->beat, BREATH_MS);
	}
	if (r->list.nhot == 0 || !r->healthy)
		return;
	/* In `full` somebody waits; in `normal` a fuller batch is cheaper. */
	if (r->dir->full) {
		ev_timer_stop(r->round);
		rec_round(r);
	} else
		rec_soon(r, NORMAL_MS);
}

/* Checkpoints that are due, and segments that are full. */
static int
rec_upkeep(struct recorder *r)
{
	uint64_t size, since, events, now = now_boot_ms();

	if (now - r->signed_at >= r->limits.sign_ms) {
		if (store_checkpoint(r->store, "interval") == -1 ||
		    store_commit(r->store) == -1)
			return -1;
		r->signed_at = now;
	}
	store_extent(r->store, &size, &since, &events);
	/* What only began is not sealed for its age. */
	if (size >= r->limits.segment_size)
		return store_seal(r->store, "size");
	if (events > FRESH && now_wall_us() > since &&
	    (now_wall_us() - since) / 1000 >= r->limits.segment_age)
		return store_seal(r->store, "age");
	return 0;
}

int
recorder_seal(struct recorder *r, const char *reason)
{
	if (!r->started || !r->healthy)
		return -1;
	if (store_seal(r->store, reason) == 0)
		return 0;
	rec_failed(r);
	return -1;
}

int
recorder_prune(struct recorder *r, const char *session, const char *reason,
    uint32_t uid, uint64_t *bytes)
{
	*bytes = 0;
	if (!r->started || !r->healthy ||
	    roster_find(&r->list, session) != NULL)
		return -1;
	if (prune_recording(r->store, session, reason, uid, bytes) == 0)
		return 0;
	rec_failed(r);
	return -1;
}

static void
rec_beat(void *arg)
{
	struct recorder *r = arg;

	ev_timer_set(r->beat, BEAT_MS);
	if (r->healthy && rec_upkeep(r) == -1)
		rec_failed(r);
	if (++r->beats >= SCAN_BEATS) {
		r->beats = 0;
		rec_scan(r);
	}
	if (r->healthy)
		roster_beat(&r->list, now_boot_ms());
	spooldir_sync(r->dir);
}

/*
 * A hundred logins at once are a hundred messages in one callback: the rest of
 * the work must not wait for the last of them.
 */
static void
rec_breathe(struct recorder *r)
{
	uint64_t now = now_boot_ms();

	if (now - r->breathed < BREATH_MS)
		return;
	r->breathed = now;
	if (r->healthy)
		roster_beat(&r->list, now_boot_ms());
	if (r->healthy && r->list.nhot > 0) {
		ev_timer_stop(r->round);
		rec_round(r);
	}
}

/* --- the module --------------------------------------------------------- */

struct recorder *
recorder_new(struct ev_loop *loop, struct spooldir *dir, struct store *store,
    const struct recorder_limits *limits, recorder_broken *broken,
    recorder_closed *closed, void *ctx)
{
	struct recorder *r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	r->dir = dir;
	r->store = store;
	r->limits = *limits;
	r->broken = broken;
	r->closed = closed;
	r->ctx = ctx;
	roster_init(&r->list);
	r->round = ev_timer_new(loop, rec_round, r);
	r->beat = ev_timer_new(loop, rec_beat, r);
	r->wake = ev_io_new(loop, dir->wake, 0, rec_wake, r);
	return r;
}

void
recorder_free(struct recorder **rp)
{
	struct recorder *r = *rp;
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < r->list.nslots; i++)
		if (r->list.slots[i] != NULL)
			entry_free(&r->list, r->list.slots[i]);
	ev_io_free(&r->wake);
	ev_timer_free(&r->round);
	ev_timer_free(&r->beat);
	free(r->list.slots);
	free(r);
	*rp = NULL;
}

void
recorder_limits(struct recorder *r, const struct recorder_limits *limits)
{
	r->limits = *limits;
}

static int
rec_event(struct recorder *r, enum event_kind kind, const void *msg)
{
	return store_event(r->store, event_desc(kind), msg, slice_str(""),
	    now_wall_us(), 0);
}

int
recorder_note(struct recorder *r, enum event_kind kind, const void *msg)
{
	if (!r->started || !r->healthy)
		return -1;
	if (rec_event(r, kind, msg) == 0 && store_commit(r->store) == 0)
		return 0;
	rec_failed(r);
	return -1;
}

/* A spool whose file is open becomes one of ours. */
static struct entry *
rec_adopt(struct recorder *r, struct entry *e)
{
	uint32_t number;

	if (roster_slot(&r->list, e->file.number, &number) == -1 ||
	    drain_init(&e->drain, &e->file, r->store) == -1) {
		spoolfile_close(&e->file);
		drain_clear(&e->drain);
		free(e);
		return NULL;
	}
	e->file.number = number;
	r->list.slots[number] = e;
	r->list.nspools++;
	e->told = e->drain.done.broken;
	if (r->healthy)
		atomic_store(&e->file.pos->heartbeat, now_boot_ms());
	entry_wake(&r->list, e);
	rec_soon(r, NORMAL_MS);
	return e;
}

static void
rec_leftover(void *arg, const char *name)
{
	struct recorder *r = arg;
	struct store_spool known;
	struct entry *e;
	char err[256] = "the store failed";

	if ((e = calloc(1, sizeof(*e))) == NULL ||
	    store_spool_load(r->store, name, &known) == -1 ||
	    spoolfile_open(r->dir, name, known.position, &e->file, err,
	    sizeof(err)) == -1) {
		log_warnx("spool=%s state=ignored error=\"%s\"", name, err);
		free(e);
		return;
	}
	if (rec_adopt(r, e) == NULL)
		log_warnx("spool=%s state=ignored error=\"no memory\"", name);
}

/* Somebody took events off the end: say so where it will be seen. */
static int
rec_lost(struct recorder *r)
{
	struct event_gap gap = {
		.reason = slice_str("the last events of the store are missing"),
	};

	if (store_lost(r->store) == 0)
		return 0;
	log_warnx("store=damaged last=%lld error=\"events are missing\"",
	    (long long)store_lost(r->store));
	gap.position = (uint64_t)store_lost(r->store);
	return rec_event(r, EVENT_gap, &gap);
}

int
recorder_start(struct recorder *r, char *err, size_t errlen)
{
	struct event_audit_start start = {
		.version = slice_str(POSTERN_VERSION),
		.durability = slice_str(r->dir->full ? "full" : "normal")
	};

	if (spooldir_scan(r->dir, rec_leftover, r) == -1) {
		snprintf(err, errlen, "cannot read %s", r->dir->path);
		return -1;
	}
	start.leftover = r->list.nspools;
	if (rec_lost(r) == -1 ||
	    rec_event(r, EVENT_audit_start, &start) == -1 ||
	    store_checkpoint(r->store, "start") == -1 ||
	    store_commit(r->store) == -1) {
		snprintf(err, errlen, "%s", store_error(r->store));
		return -1;
	}
	r->started = r->healthy = true;
	r->signed_at = now_boot_ms();
	roster_beat(&r->list, now_boot_ms());
	ev_io_want(r->wake, EV_IN);
	ev_timer_set(r->beat, BEAT_MS);
	ev_timer_set(r->round, 0);
	return 0;
}

int
recorder_stop(struct recorder *r, const char *reason, uint64_t ms)
{
	struct event_audit_stop stop = { .reason = slice_str(reason) };
	uint64_t until = now_boot_ms() + ms;

	rec_scan(r);
	while (r->healthy && r->list.nhot > 0 && now_boot_ms() < until)
		rec_round(r);
	ev_timer_stop(r->round);
	ev_timer_stop(r->beat);
	r->started = false;
	if (!r->healthy || rec_event(r, EVENT_audit_stop, &stop) == -1 ||
	    store_checkpoint(r->store, "stop") == -1 ||
	    store_commit(r->store) == -1) {
		store_rollback(r->store);
		return -1;
	}
	return 0;
}

static struct entry *
rec_create(struct recorder *r, const char *name, enum ipc_role owner,
    char *err, size_t errlen)
{
	struct store_spool known;
	struct entry *e;

	snprintf(err, errlen, "out of memory, or the store failed");
	if (!r->healthy)
		return NULL;
	/* A row of an earlier spool of this name would hide what comes. */
	switch (store_spool_load(r->store, name, &known)) {
	case 0:
		break;
	case 1:
		if (store_spool_drop(r->store, name) == 0 &&
		    store_commit(r->store) == 0)
			break;
		/* FALLTHROUGH */
	default:
		rec_failed(r);
		return NULL;
	}
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return NULL;
	if (spoolfile_create(r->dir, name, owner,
	    roster_free_number(&r->list), r->limits.spool_size, &e->file, err,
	    errlen) == -1) {
		free(e);
		return NULL;
	}
	if ((e = rec_adopt(r, e)) == NULL)
		spoolfile_remove(r->dir, name);
	return e;
}

int
recorder_open(struct recorder *r, const char *name, enum ipc_role owner,
    const void *client, int fds[4], char *err, size_t errlen)
{
	struct entry *e;

	if ((e = roster_find(&r->list, name)) == NULL) {
		if ((e = rec_create(r, name, owner, err, errlen)) == NULL)
			return -1;
	} else if (e->file.owner != owner || e->closing) {
		snprintf(err, errlen, e->closing ? "the spool is closing" :
		    "the spool has another owner");
		return -1;
	}
	if (spoolfile_fds(r->dir, &e->file, fds) == -1) {
		snprintf(err, errlen, "cannot open the spool's files");
		return -1;
	}
	e->client = client;
	if (owner == ROLE_PARENT && roster_close_orphans(&r->list, e))
		rec_soon(r, NORMAL_MS);
	rec_breathe(r);
	return 0;
}

bool
recorder_close(struct recorder *r, const char *name)
{
	struct entry *e = roster_find(&r->list, name);

	if (e == NULL)
		return false;
	e->closing = true;
	entry_wake(&r->list, e);
	rec_soon(r, NORMAL_MS);
	return true;
}

void
recorder_client_gone(struct recorder *r, const void *client)
{
	if (roster_client_gone(&r->list, client))
		rec_soon(r, NORMAL_MS);
}

void
recorder_status(const struct recorder *r, struct recorder_status *s)
{
	memset(s, 0, sizeof(*s));
	s->events = store_head(r->store, s->hash);
	s->signed_event = store_signed(r->store);
	s->segment = store_segment(r->store);
	s->spools = r->list.nspools;
	s->awake = r->list.nhot;
	s->drained = r->drained;
	s->commits = r->commits;
	s->healthy = r->healthy;
	s->error = r->error;
	roster_count(&r->list, &s->broken, &s->closing);
}

bool
recorder_spool(const struct recorder *r, size_t i, struct recorder_spool *s)
{
	const struct entry *e = roster_nth(&r->list, i);
	uint64_t head, want;

	if (e == NULL)
		return false;
	s->name = e->file.name;
	s->owner = e->file.owner == ROLE_PARENT ? "policyd" : "worker";
	s->state = e->drain.done.broken ? "broken" : e->closing ? "closing" :
	    e->awake ? "awake" : "asleep";
	s->position = e->drain.done.pos;
	s->seq = e->drain.done.seq;
	s->waiting = 0;
	if (drain_peek(&e->drain, &head, &want) == 0 && head > s->position)
		s->waiting = head - s->position;
	return true;
}
