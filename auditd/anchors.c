/*
 * Reads files with checkpoint lines, for auditctl verify.  They come from a log
 * host and may hold anything besides; a line that says it is a checkpoint and
 * is not one is an error, for leaving it out could hide what it would show.
 */
#include "anchors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
add(struct anchors *a, const struct checkpoint *c)
{
	struct checkpoint *v;

	if ((v = realloc(a->v, (a->n + 1) * sizeof(*v))) == NULL)
		return -1;
	a->v = v;
	a->v[a->n++] = *c;
	return 0;
}

int
anchors_load(struct anchors *a, const char *path, char *err, size_t errlen)
{
	FILE *fp = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	unsigned long number = 0;
	struct checkpoint c;
	char *line = NULL;
	size_t size = 0;
	int rc = 0;

	if (fp == NULL) {
		snprintf(err, errlen, "%s: %s", path, strerror(errno));
		return -1;
	}
	while (rc == 0 && getline(&line, &size, fp) != -1) {
		number++;
		if (strstr(line, CHECKPOINT_TAG) == NULL)
			continue;
		if (checkpoint_parse(line, &c) == -1 || add(a, &c) == -1) {
			snprintf(err, errlen, "%s:%lu: is no checkpoint line",
			    path, number);
			rc = -1;
		}
	}
	if (rc == 0 && ferror(fp)) {
		snprintf(err, errlen, "%s: cannot be read", path);
		rc = -1;
	}
	free(line);
	if (fp != stdin)
		fclose(fp);
	return rc;
}

static int
by_event(const void *a, const void *b)
{
	const struct checkpoint *x = a, *y = b;

	return x->event < y->event ? -1 : x->event > y->event;
}

void
anchors_sort(struct anchors *a)
{
	if (a->n > 1)
		qsort(a->v, a->n, sizeof(*a->v), by_event);
}

void
anchors_clear(struct anchors *a)
{
	free(a->v);
	memset(a, 0, sizeof(*a));
}
