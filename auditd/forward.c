/*
 * auditctl forward: the record to a syslog receiver, live.
 *
 * A process of its own, not a child of auditd: it reads the store as an auditor
 * does, needs no right to write there and no word from auditd, and what a
 * receiver does to it (hold it up, end it) can do nothing to recording.
 *
 * Events go out in batches.  The cursor moves when the receiver has confirmed
 * the whole batch (sink.h), and until then the batch is sent again: nothing is
 * lost, and some may come twice, with the same id.
 */
#include "forward.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cursor.h"
#include "ev.h"
#include "progress.h"
#include "syslogmsg.h"

#define BATCH		5000	/* events */
#define BATCH_MS	2000	/* ... or so long, when the receiver is slow */
#define IDLE_MS		200	/* between looks for more */
#define RETRY_MIN_MS	200
#define RETRY_MAX_MS	5000
#define MAX_DEFAULT	8192

struct forwarder {
	struct reader	*reader;
	const struct forward_options *opts;
	struct sink	*sink;
	struct cursor	 cursor;
	char		 host[256];
	struct buf	 message;
	/* Of the batch. */
	int64_t		 last;		/* the last that was sent */
	uint64_t	 n, began;
	bool		 failed;
};

static void
pause_ms(uint64_t ms)
{
	const struct timespec t = { (time_t)(ms / 1000),
	    (long)(ms % 1000) * 1000000L };

	/* A signal ends it, which is what it is for. */
	nanosleep(&t, NULL);
}

static const char *
text(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);

	return s == NULL ? "" : s;
}

/* id, time, session, kind, body */
static bool
send_event(void *ctx, sqlite3_stmt *st)
{
	struct forwarder *f = ctx;
	const struct reader_who *w = reader_who(f->reader, text(st, 2));
	struct syslog_event e = {
		.host = f->host,
		.store = f->cursor.store,
		.id = sqlite3_column_int64(st, 0),
		.time = sqlite3_column_int64(st, 1),
		.session = text(st, 2),
		.kind = text(st, 3),
		.body = text(st, 4),
		.body_len = (size_t)sqlite3_column_bytes(st, 4),
		.subject = w->subject,
		.profile = w->profile,
		.database = w->database
	};

	buf_drain(&f->message, f->message.len);
	if (syslog_format(&f->message, &e, f->opts->max) == -1 ||
	    sink_send(f->sink, buf_head(&f->message), f->message.len) == -1) {
		f->failed = true;
		return false;
	}
	f->last = e.id;
	f->n++;
	return f->n < BATCH && now_boot_ms() - f->began < BATCH_MS &&
	    !progress_interrupted();
}

/* Everything there is, up to a batch.  -1: it is to be sent again. */
static int
send_batch(struct forwarder *f, char *err, size_t size)
{
	struct filter all = { .first = f->cursor.event + 1 };

	f->failed = false;
	f->n = 0;
	f->last = f->cursor.event;
	f->began = now_boot_ms();
	if (reader_refresh(f->reader) == -1 ||
	    reader_each(f->reader, &all, "SELECT e.id, e.time, e.session, "
	    "e.kind, e.body FROM events e WHERE 1", " ORDER BY e.id",
	    send_event, f) == -1) {
		snprintf(err, size, "the store cannot be read");
		return -1;
	}
	if (f->n == 0 && !f->failed)
		return 0;
	if (f->failed || sink_confirm(f->sink) == -1) {
		snprintf(err, size, "%s", sink_error(f->sink));
		return -1;
	}
	f->cursor.event = f->last;
	if (cursor_save(&f->cursor, f->opts->cursor, err, size) == 0)
		return 0;
	/* They were received, and the next start sends them once more. */
	fprintf(stderr, "auditctl: %s\n", err);
	return 0;
}

static bool
read_id(void *ctx, sqlite3_stmt *st)
{
	snprintf(ctx, sizeof(((struct cursor *)0)->store), "%s", text(st, 0));
	return false;
}

/* Is the cursor about this store, and does that have what was sent? */
static int
check_cursor(struct forwarder *f, char *err, size_t size)
{
	struct filter first = { .kind = "segment" };
	char id[sizeof(f->cursor.store)] = "";

	if (reader_each(f->reader, &first, "SELECT json_extract(e.body, "
	    "'$.store') FROM events e WHERE 1", " ORDER BY e.id LIMIT 1",
	    read_id, id) == -1)
		return -1;
	if (f->cursor.store[0] == '\0')
		memcpy(f->cursor.store, id, sizeof(id));
	if (strcmp(f->cursor.store, id) != 0) {
		snprintf(err, size, "%s: is about another store",
		    f->opts->cursor);
		return -1;
	}
	if (f->cursor.event <= reader_last(f->reader))
		return 0;
	snprintf(err, size, "%s: event %" PRId64 " was forwarded, and the "
	    "store ends before it: its end was removed", f->opts->cursor,
	    f->cursor.event);
	return -1;
}

static int
forward_all(struct forwarder *f)
{
	uint64_t retry = 0;
	char err[512], said[512] = "";

	while (!progress_interrupted()) {
		if (send_batch(f, err, sizeof(err)) == -1) {
			if (strcmp(err, said) != 0)
				fprintf(stderr, "auditctl: %s; trying again\n",
				    err);
			memcpy(said, err, sizeof(said));
			retry = retry == 0 ? RETRY_MIN_MS :
			    retry * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : retry * 2;
			pause_ms(retry);
			continue;
		}
		if (retry != 0)
			fprintf(stderr, "auditctl: forwarding again\n");
		retry = 0;
		said[0] = '\0';
		if (f->n > 0)
			continue;
		if (f->opts->once)
			return 0;
		pause_ms(IDLE_MS);
	}
	return f->opts->once ? 2 : 0;
}

int
forward(struct reader *r, const struct forward_options *given)
{
	struct forward_options o = *given;
	struct forwarder f = { .reader = r, .opts = &o };
	char err[512] = "the store cannot be read";
	int rc = 2;

	if (o.max == 0)
		o.max = MAX_DEFAULT;
	progress_init("forwarding");
	if (gethostname(f.host, sizeof(f.host) - 1) == -1)
		f.host[0] = '\0';
	buf_init(&f.message, SYSLOG_MAX + 1024);
	if ((f.sink = sink_new(&o.sink, err, sizeof(err))) != NULL &&
	    cursor_load(&f.cursor, o.cursor, err, sizeof(err)) == 0 &&
	    check_cursor(&f, err, sizeof(err)) == 0)
		rc = forward_all(&f);
	else
		fprintf(stderr, "auditctl: %s\n", err);
	sink_free(&f.sink);
	buf_clear(&f.message);
	return rc;
}
