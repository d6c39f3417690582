/*
 * policyctl catalog: a database's catalogue as a file, for policyctl test, diff
 * and learn on a machine that has no database.
 *
 * Run by an administrator.  It is asked for in parts; when another snapshot
 * has come in between, from the beginning.
 */
#include "ctlcatalog.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "buf.h"
#include "crypto.h"
#include "ctl.h"
#include "ipc_msgs.h"

#define TRIES		5
#define SNAPSHOT_MAX	(1024u * 1024 * 1024)
#define PART_MAX	(1024u * 1024)

struct fetch {
	struct buf	 all;
	json_int_t	 epoch, size;
	bool		 bad;
};

static void
on_row(void *ctx, const char *text)
{
	struct fetch	*f = ctx;
	json_t		*o = json_loads(text, 0, NULL);
	const char	*part = json_string_value(json_object_get(o, "part"));
	size_t		 max = part == NULL ? 0 : strlen(part);
	uint8_t		*raw = max == 0 || max > 2 * PART_MAX ? NULL :
			    malloc(max);
	ssize_t		 n = -1;

	if (raw != NULL)
		n = b64_decode(part, max, raw, max);
	if (n == -1 || buf_add(&f->all, raw, (size_t)n) == -1)
		f->bad = true;
	f->epoch = json_integer_value(json_object_get(o, "epoch"));
	f->size = json_integer_value(json_object_get(o, "size"));
	free(raw);
	json_decref(o);
}

/* 0: it is whole, or another one has come: then `all` is empty. */
static int
fetch(struct fetch *f, const char *socket, const char *database)
{
	json_int_t	 epoch = 0;
	char		*args;
	json_t		*a;
	int		 code;

	buf_clear(&f->all);
	do {
		a = json_pack("{s:s, s:I}", "database", database, "offset",
		    (json_int_t)f->all.len);
		args = a == NULL ? NULL : json_dumps(a, JSON_COMPACT);
		json_decref(a);
		if (args == NULL) {
			fprintf(stderr, "policyctl: that is no name\n");
			return 1;
		}
		code = ctl_call(socket, ROLE_PARENT, "catalog", args, on_row,
		    f);
		free(args);
		if (code != 0)
			return code;
		if (f->bad) {
			fprintf(stderr, "policyctl: policyd's answer is not "
			    "understood\n");
			return 1;
		}
		if (epoch != 0 && epoch != f->epoch) {
			buf_clear(&f->all);
			return 0;
		}
		epoch = f->epoch;
	} while ((json_int_t)f->all.len < f->size);
	return 0;
}

int
ctl_catalog(const char *socket, const char *database)
{
	struct fetch	 f = { .bad = false };
	int		 code = 0, i;

	if (isatty(STDOUT_FILENO)) {
		fprintf(stderr, "policyctl: a catalogue is not for a "
		    "terminal: send it to a file\n");
		return 1;
	}
	buf_init(&f.all, SNAPSHOT_MAX);
	for (i = 0; i < TRIES && code == 0 && f.all.len == 0; i++)
		code = fetch(&f, socket, database);
	if (code == 0 && f.all.len == 0) {
		fprintf(stderr, "policyctl: the catalogue changes too fast\n");
		code = 1;
	} else if (code == 0 && (fwrite(buf_head(&f.all), f.all.len, 1,
	    stdout) != 1 || fflush(stdout) != 0)) {
		perror("policyctl: standard output");
		code = 1;
	}
	buf_clear(&f.all);
	return code;
}
