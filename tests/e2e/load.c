/*
 * Load for the tests that break things: see load.h.  Each client is a process;
 * counters are shared memory, answered markers go to a file for each.
 */
#include "load.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "e2e.h"

struct shared {
	_Atomic bool	stop;
	_Atomic long	answers[LOAD_CLIENTS];
	_Atomic long	errors, lost;
};

struct load {
	char		 tag[32];
	char		*token;
	struct shared	*shared;
	pid_t		 pid[LOAD_CLIENTS];
};

static void
answered_path(const struct load *l, int k, char *out, size_t size)
{
	snprintf(out, size, "%s/answered.%s.%d", e2e_env("STACK_DIR"), l->tag,
	    k);
}

static void
client(struct load *l, int k)
{
	char path[600], sql[256], marker[64];
	PGconn *c = NULL;
	FILE *f;
	long i;

	answered_path(l, k, path, sizeof path);
	f = fopen(path, "w");
	if (f == NULL)
		_exit(1);
	for (i = 0; !l->shared->stop; i++) {
		PGresult *r;
		ExecStatusType st;

		if (c == NULL || PQstatus(c) != CONNECTION_OK) {
			PQfinish(c);
			c = e2e_try("nightly-bot", l->token, k % 2 == 1);
			if (PQstatus(c) != CONNECTION_OK) {
				e2e_pause(50);
				continue;
			}
		}
		snprintf(marker, sizeof marker, "mark-%s-%d-%ld.", l->tag, k, i);
		if (i % 2 == 0)
			snprintf(sql, sizeof sql, "UPDATE orders SET status = "
			    "'%s' WHERE id = %d", marker, 1000 + k);
		else
			snprintf(sql, sizeof sql, "SELECT '%s', email FROM "
			    "customers WHERE id = %d", marker, 1000 + k);
		r = PQexec(c, sql);
		st = PQresultStatus(r);
		if (st == PGRES_COMMAND_OK || st == PGRES_TUPLES_OK) {
			fprintf(f, "%s\n", marker);
			l->shared->answers[k]++;
		} else if (PQstatus(c) != CONNECTION_OK)
			l->shared->lost++;
		else
			l->shared->errors++;
		PQclear(r);
	}
	PQfinish(c);
	fclose(f);
	_exit(0);
}

struct load *
load_start(const char *tag)
{
	struct load *l = calloc(1, sizeof *l);
	int k;

	ck_assert_ptr_nonnull(l);
	snprintf(l->tag, sizeof l->tag, "%s", tag);
	l->token = e2e_token(tag, "ai-agents");
	l->shared = mmap(NULL, sizeof *l->shared, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(l->shared, MAP_FAILED);
	for (k = 0; k < LOAD_CLIENTS; k++) {
		l->pid[k] = fork();
		ck_assert_int_ge(l->pid[k], 0);
		if (l->pid[k] == 0)
			client(l, k);
	}
	ck_assert_msg(load_moves(l, 30000), "no load");
	return l;
}

long
load_answers(const struct load *l)
{
	long n = 0;
	int k;

	for (k = 0; k < LOAD_CLIENTS; k++)
		n += l->shared->answers[k];
	return n;
}

long
load_errors(const struct load *l)
{
	return l->shared->errors;
}

long
load_lost(const struct load *l)
{
	return l->shared->lost;
}

static bool
all_moved(struct load *l, const long *from)
{
	int k;

	for (k = 0; k < LOAD_CLIENTS; k++)
		if (l->shared->answers[k] < from[k] + 3)
			return false;
	return true;
}

bool
load_moves(struct load *l, int ms)
{
	long from[LOAD_CLIENTS];
	int k;

	for (k = 0; k < LOAD_CLIENTS; k++)
		from[k] = l->shared->answers[k];
	return E2E_UNTIL(ms, all_moved(l, from));
}

bool
load_stop(struct load *l)
{
	bool clean = true;
	int k, status;

	l->shared->stop = true;
	for (k = 0; k < LOAD_CLIENTS; k++) {
		if (!E2E_UNTIL(20000,
		    waitpid(l->pid[k], &status, WNOHANG) != 0)) {
			clean = false;
			kill(l->pid[k], SIGKILL);
			waitpid(l->pid[k], &status, 0);
		}
	}
	return clean;
}

/* Markers in the store: intents of this tag's sessions. */
static int
missing(const struct load *l, const char *where)
{
	return e2e_sh("cd %s && sqlite3 -readonly -cmd '.timeout 10000' '%s' "
	    "\"SELECT json_extract(body, '$.text') FROM events WHERE kind = "
	    "'intent'\" | grep -ao 'mark-%s-[0-9]*-[0-9]*[.]' | sort -u > "
	    "stored && sort -u %s.markers > wanted && comm -23 wanted stored "
	    "> missing.%s && [ -s wanted ] && [ ! -s missing.%s ]",
	    e2e_env("STACK_DIR"), e2e_env("AUDIT_DB"), l->tag, where, where,
	    where);
}

void
load_check(struct load *l)
{
	const char *dir = e2e_env("STACK_DIR");

	e2e_sh("cd %s && cat answered.%s.* > client.markers; "
	    "grep -ao 'mark-%s-[0-9]*-[0-9]*[.]' '%s' > server.markers", dir,
	    l->tag, l->tag, e2e_env("PG_LOG"));
	ck_assert_msg(E2E_UNTIL(10000, missing(l, "client") == 0),
	    "answers that are not in the record: %s/missing.client", dir);
	ck_assert_msg(E2E_UNTIL(10000, missing(l, "server") == 0),
	    "executed but not in the record: %s/missing.server", dir);
}

void
load_free(struct load **lp)
{
	struct load *l = *lp;

	munmap(l->shared, sizeof *l->shared);
	free(l->token);
	free(l);
	*lp = NULL;
}
