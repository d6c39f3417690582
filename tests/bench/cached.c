/*
 * What a verdict costs a worker that has it in its cache: look-ups on one core.
 * Prints "verdicts cached SIZE per second", one a line.
 *
 *	bench_cached [seconds]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "verdicts.h"

#define TEXTS	64

static double
cpu(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
measure(size_t size, double seconds)
{
	struct verdict_cache	*cache = verdict_cache_new();
	struct ipc_verdict	 m;
	struct verdict		*v;
	char			*texts[TEXTS];
	size_t			 i, kept, n = 0;
	double			 begun, took;

	memset(&m, 0, sizeof(m));
	m.action = VERDICT_ALLOW;
	m.flags = VERDICT_CACHEABLE;
	for (i = 0; i < TEXTS; i++) {
		if ((texts[i] = malloc(size + 1)) == NULL || cache == NULL)
			exit(1);
		memset(texts[i], 'x', size);
		snprintf(texts[i], size, "SELECT id FROM orders WHERE id = "
		    "%zu -- ", i);
		texts[i][strlen(texts[i])] = ' ';
		if ((v = verdict_new(&m)) == NULL)
			exit(1);
		verdict_cache_put(cache, (uint8_t *)texts[i], size, v);
		verdict_unref(&v);
	}
	/* Some have put others out of their places. */
	for (i = kept = 0; i < TEXTS; i++)
		if (verdict_cache_get(cache, (uint8_t *)texts[i], size, 0,
		    0) != NULL)
			texts[kept++] = texts[i];
		else
			free(texts[i]);
	begun = cpu();
	do {
		for (i = 0; i < kept; i++, n++)
			if (verdict_cache_get(cache, (uint8_t *)texts[i],
			    size, 0, 0) == NULL) {
				fprintf(stderr, "not in the cache\n");
				exit(1);
			}
	} while ((took = cpu() - begun) < seconds);
	printf("verdicts cached %zu %.0f\n", size, (double)n / took);
	for (i = 0; i < kept; i++)
		free(texts[i]);
	verdict_cache_free(&cache);
}

int
main(int argc, char **argv)
{
	double	 seconds = argc > 1 ? atof(argv[1]) : 1;

	measure(56, seconds);
	measure(2000, seconds);
	return 0;
}
