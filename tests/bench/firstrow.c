/*
 * How long a client waits from nothing to its first row: connect, log in, one
 * SELECT; one after the other.
 *
 *	bench_firstrow CONNINFO N	N lines: microseconds
 */
#include <err.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long long
now_us(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

int
main(int argc, char **argv)
{
	long long	 start;
	PGresult	*r;
	PGconn		*c;
	long		 i, n;

	if (argc != 3 || (n = atol(argv[2])) < 1)
		errx(1, "usage: bench_firstrow conninfo n");
	for (i = 0; i < n; i++) {
		start = now_us();
		c = PQconnectdb(argv[1]);
		if (PQstatus(c) != CONNECTION_OK)
			errx(1, "%s", PQerrorMessage(c));
		r = PQexec(c, "SELECT 1");
		if (PQresultStatus(r) != PGRES_TUPLES_OK)
			errx(1, "%s", PQerrorMessage(c));
		printf("%lld\n", now_us() - start);
		PQclear(r);
		PQfinish(c);
	}
	return 0;
}
