/*
 * What a gateway adds to a statement: the same one in turn on two connections,
 * directly and through the gateway, so that both see the same machine.  Prints
 * "pair KIND direct gateway added", medians in microseconds.
 *
 *	bench_pair DIRECT_DSN GATEWAY_DSN [seconds]
 */
#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST	200000

enum kind { PREPARED, CACHED, UNCACHED, NKINDS };
static const char *const names[] = { "prepared", "cached", "uncached" };

static double	 took[2][MOST];

static double
now(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
done(PGconn *c, PGresult *r, ExecStatusType want)
{
	if (PQresultStatus(r) != want) {
		fprintf(stderr, "%s", PQerrorMessage(c));
		exit(1);
	}
	PQclear(r);
}

/* No text of the last kind comes twice. */
static double
one(PGconn *c, enum kind k, size_t n)
{
	char	 sql[64] = "SELECT 12345";
	double	 begun;

	if (k == UNCACHED)
		snprintf(sql, sizeof(sql), "SELECT %zu", n);
	begun = now();
	done(c, k == PREPARED ? PQexecPrepared(c, "p", 0, NULL, NULL, NULL, 0)
	    : PQexec(c, sql), PGRES_TUPLES_OK);
	return now() - begun;
}

static int
compare(const void *a, const void *b)
{
	const double	*x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int
main(int argc, char **argv)
{
	PGconn	*c[2];
	double	 seconds = argc > 3 ? atof(argv[3]) : 2, begun, p50[2];
	size_t	 i, n;
	int	 k;

	if (argc < 3)
		return 2;
	for (i = 0; i < 2; i++) {
		c[i] = PQconnectdb(argv[1 + i]);
		if (PQstatus(c[i]) != CONNECTION_OK) {
			fprintf(stderr, "%s", PQerrorMessage(c[i]));
			return 1;
		}
		done(c[i], PQprepare(c[i], "p", "SELECT 12345", 0, NULL),
		    PGRES_COMMAND_OK);
	}
	for (k = 0; k < NKINDS; k++) {
		for (n = 0; n < 100; n++)	/* nobody is measured cold */
			one(c[n % 2], (enum kind)k, n + MOST);
		begun = now();
		for (n = 0; n < MOST && now() - begun < seconds * 1e6; n++)
			for (i = 0; i < 2; i++)
				took[i][n] = one(c[i], (enum kind)k, n);
		for (i = 0; i < 2; i++) {
			qsort(took[i], n, sizeof(double), compare);
			p50[i] = took[i][n / 2];
		}
		printf("pair %s %.1f %.1f %.1f\n", names[k], p50[0], p50[1],
		    p50[1] - p50[0]);
	}
	PQfinish(c[0]);
	PQfinish(c[1]);
	return 0;
}
