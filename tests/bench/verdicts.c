/*
 * What a verdict costs an engine: texts of several sizes judged on one core,
 * without cache, network and processes, by a profile with masks and one without
 * (tests/conf/rules).  Prints "verdicts PROFILE SIZE per second", one a line.
 *
 *	bench_verdicts [seconds]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "described.h"
#include "judge.h"
#include "policyfile.h"
#include "rules.h"
#include "sqltree.h"

static double seconds = 1;

static double
cpu(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* As notes on the parser have them: a look-up, a report, a load. */
static char *
text_of(size_t size)
{
	char	*s = NULL;
	size_t	 len, i;
	FILE	*fp = open_memstream(&s, &len);

	if (fp == NULL)
		exit(1);
	if (size < 100)
		fputs("SELECT id, amount, status FROM orders WHERE id = 12345",
		    fp);
	else if (size < 10000) {
		fputs("SELECT o0.id", fp);
		for (i = 0; i < 14; i++)
			fprintf(fp, ", o%zu.amount AS amount_%zu, upper(o%zu."
			    "status) AS status_%zu", i, i, i, i);
		fputs(" FROM orders o0", fp);
		for (i = 1; i < 14; i++)
			fprintf(fp, " LEFT JOIN orders o%zu ON o%zu.id = "
			    "o%zu.id AND o%zu.amount > %zu AND o%zu.status "
			    "IN ('paid', 'open', 'sent')", i, i, i - 1, i,
			    i * 10, i);
		fputs(" WHERE o0.id BETWEEN 1 AND 1000 ORDER BY o0.id", fp);
	} else {
		fputs("INSERT INTO orders (id, amount, status) VALUES (0, 0, "
		    "'new')", fp);
		for (i = 1; i < 2600; i++)
			fprintf(fp, ", (%zu, %zu.50, 'status-%zu')", i, i % 90,
			    i % 7);
	}
	fclose(fp);
	return s;
}

static void
measure(const struct scene *sc, const char *profile, size_t size)
{
	static struct verdict	 v;
	struct asker		 who = { json_object(), "bench", "10.0.0.1" };
	struct judge_ask	 ask;
	char			*text = text_of(size);
	size_t			 len = strlen(text), n = 0;
	double			 begun = cpu(), took;

	memset(&ask, 0, sizeof(ask));
	ask.text = text;
	ask.len = len;
	ask.asker = &who;
	ask.in_transaction = TRI_FALSE;
	ask.now = 1764000000;
	do {
		judge_for(sc, &ask, &v);
		if (v.action == VERDICT_DENY) {
			fprintf(stderr, "%s: %s\n", profile, v.message);
			exit(1);
		}
		verdict_clear(&v);
		n++;
	} while ((took = cpu() - begun) < seconds);
	printf("verdicts %s %zu %.0f\n", profile, len, (double)n / took);
	free(text);
	json_decref((json_t *)(uintptr_t)who.claims);
}

static void
run(void *arg)
{
	static const char *const	 profiles[] = { "app", "agent" };
	static const size_t		 sizes[] = { 56, 2000, 70000 };
	const char			*path = "tests/conf/rules/policy.yaml";
	struct conf_error		 err;
	struct described		*d;
	struct policy			*p = NULL;
	struct scene			*sc;
	char				*text;
	size_t				 len, i, k;

	(void)arg;
	if ((text = policyfile_read(path, &len, &err)) == NULL ||
	    (p = policy_parse(path, text, len, &err)) == NULL ||
	    (d = described_load("tests/conf/rules/guardrails.yaml", &err)) ==
	    NULL) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	free(text);
	for (i = 0; i < 2; i++) {
		sc = scene_new(policy_profile(p, profiles[i]), "shop",
		    described_get(d, "shop"));
		if (sc == NULL)
			exit(1);
		for (k = 0; k < 3; k++)
			measure(sc, profiles[i], sizes[k]);
		scene_free(&sc);
	}
	described_free(&d);
	policy_free(&p);
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		seconds = atof(argv[1]);
	return bigstack_run(run, NULL) == -1 ? 1 : 0;
}
