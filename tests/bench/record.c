/*
 * Fills a store as auditd does: spools are written, drained in rounds over all
 * open sessions, committed, segments are sealed at their size.  Only the
 * draining and committing is timed; making the spools' files is part of a
 * login.  Prints events a second of processor time and of time, bytes an event,
 * and a session and its subject, for tests/bench/recordrun to ask for.
 *
 *	bench_record DIRECTORY [EVENTS [SESSIONS [full]]]
 *
 * SESSIONS are open at once (16).  Each has a hundred statements: of ten, four
 * execute what was prepared, four send one of a few texts, as programs do, two
 * a text of their own.  Five sessions are of one subject.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "drain.h"
#include "ev.h"
#include "event_kinds.h"
#include "spool.h"

#define STMTS		100		/* of a session */
#define STEP		25		/* of one session in one round */
#define OF_SUBJECT	5		/* sessions */
#define SESSIONS	256
#define SAMPLE		1000
#define SEGMENT		(1ULL << 30)	/* auditd.yaml's default */

struct session {
	struct drain	 drain;
	struct spoolfile file;
	struct spool	*writer;
	uint64_t	 stmt;
	char		 name[33];
};

struct bench {
	struct spooldir	 spools;
	struct store	*store;
	struct session	 sessions[SESSIONS];
	unsigned int	 opened, open;
	unsigned long	 rows;
	char		 name[33], subject[32];
};

struct clock {
	double	 cpu, wall;
};

static struct clock
now(void)
{
	struct rusage ru;
	struct timespec ts;
	struct clock c;

	getrusage(RUSAGE_SELF, &ru);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	c.cpu = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	c.wall = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
	return c;
}

static void
fail(const char *what)
{
	fprintf(stderr, "bench_record: %s\n", what);
	exit(1);
}

static void
put(struct spool *s, enum event_kind kind, const void *msg)
{
	if (spool_append(s, kind, msg) == 0)
		fail("the spool is full");
}

static const char *const programs[] = {
	"SELECT id, customer_id, amount, status, placed_at FROM orders "
	    "WHERE status = 'open' AND placed_at > now() - interval '1 day' "
	    "ORDER BY placed_at DESC LIMIT 50",
	"SELECT o.status, count(*), sum(o.amount) FROM orders o JOIN "
	    "customers c ON c.id = o.customer_id WHERE c.city = 'Lyon' "
	    "GROUP BY o.status ORDER BY 2 DESC",
	"BEGIN", "COMMIT"
};

/* What a worker says of a statement. */
static void
put_statement(struct spool *s, uint64_t stmt)
{
	char text[256];
	struct event_intent i = {
		.stmt = stmt, .form = slice_str("query"),
		.action = slice_str("allow"), .rule = slice_str("reads"),
		.kind = slice_str("select"), .generation = 1,
		.touched = slice_str("read public.orders(id, customer_id, "
		    "amount, status)")
	};
	struct event_outcome o = {
		.stmt = stmt, .status = slice_str("ok"),
		.tag = slice_str("SELECT 1"), .rows = 1, .bytes = 96,
		.duration_us = 412, .first_us = 380, .client_us = 3,
		.transaction = slice_str("committed")
	};

	if (stmt % 10 < 4) {
		i.form = slice_str("execute");
		i.prepared = 1;
		snprintf(text, sizeof(text), "[\"%llu\"]",
		    (unsigned long long)stmt * 7919 % 100000);
		i.params = slice_str(text);
		i.touched = slice_str("");
	} else if (stmt % 10 < 8)
		i.text = slice_str(programs[stmt % 4]);
	else {
		snprintf(text, sizeof(text), "SELECT id, amount, status FROM "
		    "orders WHERE customer_id = %llu AND amount > %llu "
		    "ORDER BY placed_at", (unsigned long long)stmt * 7919 %
		    100003, (unsigned long long)stmt % 97);
		i.text = slice_str(text);
	}
	put(s, EVENT_intent, &i);
	put(s, EVENT_outcome, &o);
}

static void
put_prepare(struct spool *s)
{
	struct event_prepare p = {
		.stmt = 1, .name = slice_str("s1"),
		.action = slice_str("allow"), .rule = slice_str("reads"),
		.kind = slice_str("select"), .generation = 1,
		.text = slice_str("SELECT id, amount, status, placed_at FROM "
		    "orders WHERE customer_id = $1 ORDER BY placed_at DESC"),
		.touched = slice_str("read public.orders(id, customer_id, "
		    "amount, status, placed_at)")
	};

	put(s, EVENT_prepare, &p);
}

/* policyd's part of it goes straight into the store. */
static void
store_put(struct bench *b, enum event_kind kind, const void *msg,
    const char *session)
{
	if (store_event(b->store, event_desc(kind), msg, slice_str(session),
	    now_wall_us(), 1) == -1)
		fail(store_error(b->store));
	b->rows++;
}

static void
open_session(struct bench *b, struct session *s)
{
	struct event_session_open open = {
		.issuer = slice_str("https://idp.example.com"),
		.claims = slice_str("{\"sub\":\"agent\",\"groups\":[\"bots\"]}"),
		.profile = slice_str("bot"), .database = slice_str("shop"),
		.role = slice_str("pst_1_0123456789abcdef"),
		.peer = slice_str("192.0.2.7:40112"), .tls = 1
	};
	char err[256], subject[32];
	int fds[4];
	uint32_t n = b->opened;

	snprintf(s->name, sizeof(s->name), "%08x%024x", n * 2654435761u, n);
	snprintf(subject, sizeof(subject), "agent-%u", n / OF_SUBJECT);
	open.session = slice_str(s->name);
	open.subject = slice_str(subject);
	/* One of them all, whose subject has ended. */
	if (n % SAMPLE == 0) {
		snprintf(b->name, sizeof(b->name), "%s", s->name);
		snprintf(b->subject, sizeof(b->subject), "%s", subject);
	}
	if (spoolfile_create(&b->spools, s->name, ROLE_WORKER,
	    n % SESSIONS, SPOOL_MIN, &s->file, err, sizeof(err)) == -1)
		fail(err);
	if (spoolfile_fds(&b->spools, &s->file, fds) == -1 ||
	    (s->writer = spool_open(fds[0], fds[1], fds[2], fds[3])) == NULL)
		fail("cannot open the spool");
	store_put(b, EVENT_session_open, &open, s->name);
	if (drain_init(&s->drain, &s->file, b->store) == -1)
		fail(store_error(b->store));
	put_prepare(s->writer);
	s->stmt = 1;
	b->opened++;
}

static void
close_session(struct bench *b, struct session *s)
{
	struct event_session_close m = {
		.session = slice_str(s->name), .reason = slice_str("terminate")
	};

	store_put(b, EVENT_session_close, &m, s->name);
	if (store_spool_drop(b->store, s->name) == -1)
		fail(store_error(b->store));
	spool_close(&s->writer);
	drain_clear(&s->drain);
	spoolfile_close(&s->file);
	spoolfile_remove(&b->spools, s->name);
	s->writer = NULL;
}

/* One round of the recorder, as far as the store is concerned. */
static void
drain_round(struct bench *b)
{
	uint64_t size, since, events;
	unsigned int n, rows = 0;

	for (n = 0; n < b->open; n++)
		if (drain_some(&b->sessions[n].drain, b->store, 1000,
		    &rows) == -1 || drain_save(&b->sessions[n].drain,
		    b->store) == -1)
			fail(store_error(b->store));
	if (store_commit(b->store) == -1)
		fail(store_error(b->store));
	for (n = 0; n < b->open; n++)
		drain_committed(&b->sessions[n].drain);
	b->rows += rows;
	store_extent(b->store, &size, &since, &events);
	if (size >= SEGMENT && store_seal(b->store, "size") == -1)
		fail(store_error(b->store));
}

static void
fill(struct bench *b, unsigned long events, struct clock *used)
{
	struct event_end end = { .reason = slice_str("terminate"),
		.client_bytes = 9000, .server_bytes = 20000 };
	struct clock t;
	struct session *s;
	unsigned int n, i;

	while (b->rows < events) {
		for (n = 0; n < b->open; n++) {
			s = &b->sessions[n];
			if (s->writer == NULL)
				open_session(b, s);
			for (i = 0; i < STEP; i++)
				put_statement(s->writer, ++s->stmt);
			if (s->stmt > STMTS)
				put(s->writer, EVENT_end, &end);
		}
		t = now();
		drain_round(b);
		used->cpu += now().cpu - t.cpu;
		used->wall += now().wall - t.wall;
		for (n = 0; n < b->open; n++)
			if (b->sessions[n].stmt > STMTS)
				close_session(b, &b->sessions[n]);
	}
}

/* Of all segments. */
static double
store_bytes(const char *dir)
{
	char pattern[160];
	double sum = 0;
	struct stat st;
	glob_t g;
	size_t i;

	snprintf(pattern, sizeof(pattern), "%s/audit-*.db", dir);
	if (glob(pattern, 0, NULL, &g) != 0)
		fail("no segments");
	for (i = 0; i < g.gl_pathc; i++)
		if (stat(g.gl_pathv[i], &st) == 0)
			sum += (double)st.st_size;
	globfree(&g);
	return sum;
}

int
main(int argc, char **argv)
{
	unsigned long events = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
	bool full = argc > 4 && strcmp(argv[4], "full") == 0;
	struct store_options opts = { .every = 10000, .full = full };
	struct clock used = { 0 }, t;
	static struct bench b;
	char path[128], err[256];

	b.open = argc > 3 ? (unsigned int)atoi(argv[3]) : 16;
	if (argc < 2 || b.open < 1 || b.open > SESSIONS || events < 1)
		fail("usage: bench_record directory [events [sessions [full]]]");
	snprintf(path, sizeof(path), "%s/spool", argv[1]);
	if (spooldir_open(&b.spools, path, full, true, err, sizeof(err)) == -1)
		fail(err);
	snprintf(path, sizeof(path), "%s/audit.db", argv[1]);
	if ((b.store = store_open(path, &opts, err, sizeof(err))) == NULL)
		fail(err);
	fill(&b, events, &used);
	t = now();
	store_close(&b.store);
	used.cpu += now().cpu - t.cpu;
	used.wall += now().wall - t.wall;
	printf("events %lu\nsessions %u\n", b.rows, b.opened);
	printf("ingest_cpu %.0f\ningest %.0f\n", (double)b.rows / used.cpu,
	    (double)b.rows / used.wall);
	printf("bytes %.0f\n", store_bytes(argv[1]) / (double)b.rows);
	printf("session %s\nsubject %s\n", b.name, b.subject);
	return 0;
}
