/*
 * libpq in C: pipelines, rows one by one and in chunks (libpq 17 and later),
 * COPY, large objects, cancel.  Run by tests/clients/run; what it prints must be
 * the same directly and through Postern.
 */
#include <dlfcn.h>
#include <libpq-fe.h>
#include <libpq/libpq-fs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PGconn *c;

static void
notice(void *arg, const PGresult *r)
{
	(void)arg;
	printf("notice %s: %s\n", PQresultErrorField(r, PG_DIAG_SQLSTATE),
	    PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
}

/* The result whole; NULL too. */
static void
show(const char *what, PGresult *r)
{
	static const char fields[] = "SCMDHPpqWstcdn";
	int i, j;

	if (r == NULL) {
		printf("%s: NULL\n", what);
		return;
	}
	printf("%s: %s tag=%s fields=%d tuples=%d\n", what,
	    PQresStatus(PQresultStatus(r)), PQcmdStatus(r), PQnfields(r),
	    PQntuples(r));
	for (i = 0; fields[i] != '\0' && PQresultErrorMessage(r)[0] != '\0';
	    i++)
		if (PQresultErrorField(r, fields[i]) != NULL)
			printf("  %c %s\n", fields[i],
			    PQresultErrorField(r, fields[i]));
	for (j = 0; j < PQnfields(r); j++)
		printf("  %s type=%u mod=%d format=%d column=%d\n",
		    PQfname(r, j), PQftype(r, j), PQfmod(r, j),
		    PQfformat(r, j), PQftablecol(r, j));
	for (i = 0; i < PQntuples(r); i++)
		for (j = 0; j < PQnfields(r); j++)
			printf("  [%d,%d] %.60s\n", i, j, PQgetisnull(r, i, j) ?
			    "NULL" : PQgetvalue(r, i, j));
	PQclear(r);
}

static void
run(const char *sql)
{
	show(sql, PQexec(c, sql));
}

/* Up to so many Syncs, and what lies between. */
static void
pipeline_results(int syncs)
{
	PGresult *r;
	int nulls = 0;

	while (syncs > 0 && nulls < 3) {
		r = PQgetResult(c);
		nulls = r == NULL ? nulls + 1 : 0;
		syncs -= r != NULL && PQresultStatus(r) == PGRES_PIPELINE_SYNC;
		show("pipeline", r);
	}
}

static void
send(const char *sql, const char *value)
{
	const char *values[] = { value };

	if (PQsendQueryParams(c, sql, value != NULL, NULL, values, NULL, NULL,
	    0) != 1)
		printf("cannot send: %s\n", PQerrorMessage(c));
}

static void
pipelines(void)
{
	PQenterPipelineMode(c);
	send("INSERT INTO lib VALUES (1, $1)", "one");
	send("SELECT * FROM lib", NULL);
	PQpipelineSync(c);
	send("INSERT INTO lib VALUES (2, $1)", "two");
	send("SELECT 1 / $1::integer", "0");
	send("INSERT INTO lib VALUES (3, $1)", "three");
	PQpipelineSync(c);
	PQsendPrepare(c, "st", "SELECT $1::text || '!'", 0, NULL);
	PQsendDescribePrepared(c, "st");
	PQsendFlushRequest(c);
	PQflush(c);
	PQpipelineSync(c);
	pipeline_results(3);
	PQexitPipelineMode(c);
	run("SELECT * FROM lib ORDER BY a");
}

/* Rows as they come; the sum and the shapes of the results. */
static void
rows_as_they_come(const char *how, int (*mode)(PGconn *))
{
	PGresult *r;
	long n = 0, results = 0, sum = 0;
	int i;

	PQsendQuery(c, "SELECT g, repeat('r', g % 500) FROM "
	    "generate_series(1, 20000) g");
	if (mode(c) != 1) {
		printf("%s: no\n", how);
		return;
	}
	while ((r = PQgetResult(c)) != NULL) {
		results++;
		for (i = 0; i < PQntuples(r); i++, n++)
			sum += atol(PQgetvalue(r, i, 0)) +
			    PQgetlength(r, i, 1);
		if (PQresultStatus(r) == PGRES_TUPLES_OK)
			printf("%s: last %s\n", how, PQcmdStatus(r));
		PQclear(r);
	}
	printf("%s: %ld rows in %ld results, sum %ld\n", how, n, results, sum);
	/* An error after some of them. */
	PQsendQuery(c, "SELECT 10 / (3 - g) FROM generate_series(1, 5) g");
	mode(c);
	while ((r = PQgetResult(c)) != NULL)
		show(how, r);
}

static int
chunks_of_64(PGconn *conn)
{
	/* Not in the headers of Debian's libpq. */
	int (*set)(PGconn *, int) = NULL;

	*(void **)&set = dlsym(RTLD_DEFAULT, "PQsetChunkedRowsMode");
	return set == NULL ? 0 : set(conn, 64);
}

static void
copy(void)
{
	char *buf, line[64];
	int i, n;
	long bytes = 0, messages = 0;

	show("copy in", PQexec(c, "COPY lib FROM STDIN"));
	for (i = 100; i < 5000; i++) {
		n = snprintf(line, sizeof line, "%d\trow %d\n", i, i);
		/* Messages need not end with lines. */
		PQputCopyData(c, line, n / 2);
		PQputCopyData(c, line + n / 2, n - n / 2);
	}
	PQputCopyEnd(c, NULL);
	show("copied", PQgetResult(c));
	show("after it", PQgetResult(c));
	show("copy out", PQexec(c, "COPY (SELECT * FROM lib ORDER BY a) TO "
	    "STDOUT"));
	while ((n = PQgetCopyData(c, &buf, 0)) > 0) {
		bytes += n;
		messages++;
		PQfreemem(buf);
	}
	printf("%d, %ld bytes in %ld messages\n", n, bytes, messages);
	show("copied", PQgetResult(c));
	show("after it", PQgetResult(c));
	show("copy in", PQexec(c, "COPY lib FROM STDIN"));
	PQputCopyData(c, "x\ty\n", 4);
	PQputCopyEnd(c, NULL);
	show("wrong", PQgetResult(c));
	show("after it", PQgetResult(c));
	show("copy in", PQexec(c, "COPY lib FROM STDIN"));
	PQputCopyEnd(c, "changed my mind");
	show("given up", PQgetResult(c));
	show("after it", PQgetResult(c));
}

static void
large_objects(void)
{
	char buf[8192];
	Oid oid;
	int fd, i, n, total = 0;

	run("BEGIN");
	oid = lo_creat(c, INV_READ | INV_WRITE);
	fd = lo_open(c, oid, INV_READ | INV_WRITE);
	for (i = 0; i < 40; i++) {
		memset(buf, 'a' + i % 26, sizeof buf);
		total += lo_write(c, fd, buf, sizeof buf);
	}
	printf("oid %d, fd %d, %d bytes, at %ld\n", oid != 0, fd, total,
	    (long)lo_tell64(c, fd));
	printf("%ld", (long)lo_lseek64(c, fd, 100000, SEEK_SET));
	n = lo_read(c, fd, buf, sizeof buf);
	printf(" read %d: %.10s\n", n, buf);
	printf("truncate %d, end %ld\n", lo_truncate64(c, fd, 5000),
	    (long)lo_lseek64(c, fd, 0, SEEK_END));
	printf("close %d\n", lo_close(c, fd));
	run("COMMIT");
	printf("unlink %d, again %d\n", lo_unlink(c, oid), lo_unlink(c, oid));
	run("BEGIN");
	printf("none there: %d\n", lo_open(c, oid, INV_READ));
	run("SELECT 1");
	run("ROLLBACK");
}

/* Another session sees that it runs; the request is waited for, so that what
 * comes next is not hit. */
static void
cancels(void)
{
	PGconn *w = PQconnectdb("");
	PGcancel *k = PQgetCancel(c);
	char error[256], sql[256];
	PGresult *r;
	int i, done = 0;

	snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE "
	    "pid = %d AND state = 'active' AND query LIKE 'SELECT pg_sleep%%'",
	    PQbackendPID(c));
	PQsendQuery(c, "SELECT pg_sleep(60)");
	while (!done) {
		r = PQexec(w, sql);
		done = PQresultStatus(r) != PGRES_TUPLES_OK ||
		    PQgetvalue(r, 0, 0)[0] == '1';
		PQclear(r);
	}
	printf("cancel %d\n", PQcancel(k, error, sizeof error));
	show("cancelled", PQgetResult(c));
	show("after it", PQgetResult(c));
	for (i = 0; i < 50; i++) {
		PQsendQuery(c, "SELECT 1");
		PQcancel(k, error, sizeof error);
		while ((r = PQgetResult(c)) != NULL)
			PQclear(r);
		r = PQexec(c, "SELECT count(*) FROM generate_series(1, 10000)");
		if (PQresultStatus(r) != PGRES_TUPLES_OK)
			printf("hit the next: %s\n", PQresultErrorMessage(r));
		PQclear(r);
	}
	PQfreeCancel(k);
	PQfinish(w);
}

int
main(void)
{
	c = PQconnectdb("");
	if (PQstatus(c) != CONNECTION_OK) {
		printf("%s\n", PQerrorMessage(c));
		return 1;
	}
	PQsetNoticeReceiver(c, notice, NULL);
	printf("libpq %d, server %d, protocol %d, encoding %s, tls %d\n",
	    PQlibVersion() / 10000, PQserverVersion(c) / 10000,
	    PQprotocolVersion(c), PQparameterStatus(c, "client_encoding"),
	    PQsslInUse(c));
	run("CREATE TEMP TABLE lib (a integer PRIMARY KEY, b text)");
	pipelines();
	rows_as_they_come("row by row", PQsetSingleRowMode);
	rows_as_they_come("in chunks", chunks_of_64);
	/* What a mode that was refused left is read. */
	while (PQgetResult(c) != NULL)
		;
	copy();
	large_objects();
	cancels();
	run("SELECT 'a' AS x; SELECT 'b' AS y");
	run("DO $$BEGIN RAISE NOTICE 'hello'; END$$");
	run("");
	PQreset(c);
	run("SELECT 'after a reset' AS z");
	PQfinish(c);
	return 0;
}
