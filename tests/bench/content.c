/*
 * What it costs to look through answers: the built-in patterns over text rows
 * on one core, in rows of about 100 bytes with an address or a card in each
 * hundredth.  Prints "content text MB/s".
 *
 *	bench_content [seconds]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "content.h"

#define ROWS	10000

static double
cpu(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
main(int argc, char *argv[])
{
	double			 seconds = argc > 1 ? atof(argv[1]) : 1, began;
	static char		 rows[ROWS][192];
	static size_t		 len[ROWS];
	struct content_found	 found;
	size_t			 i, bytes = 0;

	for (i = 0; i < ROWS; i++)
		len[i] = (size_t)snprintf(rows[i], sizeof(rows[i]), "The "
		    "parcel for order %zu is late; customer %zu in Oslo asked "
		    "on 2024-%02zu-%02zu for news, %s", i * 7919, i,
		    1 + i % 12, 1 + i % 28, i % 100 == 0 ?
		    "write to ada.lovelace@mail.example" : i % 100 == 50 ?
		    "card 4111 1111 1111 1111" : "and it was sent again.");
	memset(&found, 0, sizeof(found));
	began = cpu();
	do {
		for (i = 0; i < ROWS; i++) {
			content_check((uint8_t *)rows[i], len[i], CONTENT_ALL,
			    0, &found);
			bytes += len[i];
		}
	} while (cpu() - began < seconds);
	printf("content text %.0f\n", (double)bytes / (cpu() - began) / 1e6);
	return found.n[CONTENT_email] > 0 && found.n[CONTENT_card] > 0 ?
	    0 : 1;
}
