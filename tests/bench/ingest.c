/*
 * What an event costs auditd: spools are filled, drained into a store and
 * committed in rounds, then the store is verified.  Prints processor time per
 * event (of the draining alone), rates and the size of the store.
 *
 *	bench_ingest [events [sessions]]
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drain.h"
#include "ev.h"
#include "event_kinds.h"
#include "spool.h"
#include "verify.h"
#include "tests/unit/tmpname.h"

#define BATCH	128	/* events of one session in one round */
#define SESSIONS 256

static struct drain	 drains[SESSIONS];
static struct spoolfile	 files[SESSIONS];
static struct spool	*writers[SESSIONS];

static double
cpu(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

static void
fail(const char *what)
{
	fprintf(stderr, "bench_ingest: %s\n", what);
	exit(1);
}

static void
put_pair(struct spool *s, uint64_t stmt)
{
	char text[128];
	struct event_intent i = {
		.stmt = stmt, .form = slice_str("query"),
		.action = slice_str("allow"), .rule = slice_str("reads"),
		.kind = slice_str("select"), .generation = 1
	};
	struct event_outcome o = {
		.stmt = stmt, .status = slice_str("ok"),
		.tag = slice_str("SELECT 1"), .rows = 1, .bytes = 96,
		.duration_us = 412
	};

	snprintf(text, sizeof(text), "SELECT abalance FROM pgbench_accounts "
	    "WHERE aid = %llu;", (unsigned long long)stmt * 7919 % 100000);
	i.text = slice_str(text);
	if (spool_append(s, EVENT_intent, &i) == 0 ||
	    spool_append(s, EVENT_outcome, &o) == 0)
		fail("the spool is full");
}

static void
open_session(struct spooldir *dir, struct store *store, unsigned int n)
{
	struct event_session_open open = {
		.subject = slice_str("agent"), .profile = slice_str("bot"),
		.database = slice_str("shop"), .claims = slice_str("{}")
	};
	char name[33], subject[16], err[256];
	int fds[4];

	snprintf(name, sizeof(name), "%016x%016x", n * 2654435761u, n);
	snprintf(subject, sizeof(subject), "agent-%u", n);
	open.session = slice_str(name);
	open.subject = slice_str(subject);
	if (spoolfile_create(dir, name, ROLE_WORKER, n, 1 << 20, &files[n],
	    err, sizeof(err)) == -1)
		fail(err);
	if (spoolfile_fds(dir, &files[n], fds) == -1 ||
	    (writers[n] = spool_open(fds[0], fds[1], fds[2], fds[3])) == NULL)
		fail("cannot open the spool");
	if (store_event(store, event_desc(EVENT_session_open), &open,
	    open.session, now_wall_us(), 1) == -1 ||
	    drain_init(&drains[n], &files[n], store) == -1)
		fail(store_error(store));
}

/* One round of the recorder, as far as the store is concerned. */
static void
drain_round(struct store *store, unsigned int sessions)
{
	unsigned int n, rows = 0;

	for (n = 0; n < sessions; n++)
		if (drain_some(&drains[n], store, 1000, &rows) == -1 ||
		    drain_save(&drains[n], store) == -1)
			fail(store_error(store));
	if (store_commit(store) == -1)
		fail(store_error(store));
	for (n = 0; n < sessions; n++)
		drain_committed(&drains[n]);
}

int
main(int argc, char **argv)
{
	unsigned long events = argc > 1 ? strtoul(argv[1], NULL, 10) : 500000;
	unsigned int sessions = argc > 2 ? (unsigned int)atoi(argv[2]) : 16;
	unsigned long done = 0, stmt = 0;
	char dir[100], path[128], cmd[128], err[256];
	struct verify_result res;
	struct spooldir spools;
	struct store_options opts = { .every = 10000 };
	struct verify_options none = { 0 };
	struct store *store;
	unsigned int n, i;
	double used = 0, t;
	struct stat st;

	TMPNAME(dir, "bench-ingest");
	if (sessions < 1 || sessions > SESSIONS || mkdtemp(dir) == NULL)
		fail("bad arguments");
	snprintf(path, sizeof(path), "%s/spool", dir);
	if (spooldir_open(&spools, path, false, true, err, sizeof(err)) == -1)
		fail(err);
	snprintf(path, sizeof(path), "%s/audit.db", dir);
	if ((store = store_open(path, &opts, err, sizeof(err))) == NULL)
		fail(err);
	for (n = 0; n < sessions; n++)
		open_session(&spools, store, n);
	while (done < events) {
		for (n = 0; n < sessions; n++)
			for (i = 0; i < BATCH / 2; i++)
				put_pair(writers[n], ++stmt);
		t = cpu();
		drain_round(store, sessions);
		used += cpu() - t;
		done += sessions * BATCH;
	}
	t = cpu();
	store_close(&store);
	used += cpu() - t;
	printf("ingest: %lu events, %u sessions, %.2f us an event\n", done,
	    sessions, used * 1e6 / (double)done);
	if (stat(path, &st) == 0)
		printf("store: %.0f bytes an event\n", (double)st.st_size /
		    (double)done);
	t = cpu();
	if (verify_store(path, &none, &res) != VERIFY_OK)
		fail(res.problem);
	t = cpu() - t;
	printf("verify: %.0f events a second\n", (double)res.events / t);
	if (argc > 3) {
		printf("store: %s\n", path);
		return 0;
	}
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd) == 0 ? 0 : 1;
}
