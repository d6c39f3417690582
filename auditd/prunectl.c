/*
 * auditctl prune.  Which recordings there are the directory says, how long they
 * are kept the store; removing one is auditd's.  It can stop after any of them.
 */
#include "prunectl.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ev.h"
#include "ipc_msgs.h"
#include "progress.h"
#include "recfile.h"

/* What the store says of a session; times in us. */
struct life {
	int64_t	opened, closed, keep;
};

static bool
add_life(void *ctx, sqlite3_stmt *st)
{
	struct life *l = ctx;
	const char *kind = (const char *)sqlite3_column_text(st, 0);

	if (strcmp(kind, "session_open") == 0) {
		l->opened = sqlite3_column_int64(st, 1);
		l->keep = sqlite3_column_int64(st, 2);
	} else
		l->closed = sqlite3_column_int64(st, 1);
	return true;
}

static int
look_up(struct reader *r, const char *session, struct life *l)
{
	struct filter f = { .session = session };

	memset(l, 0, sizeof(*l));
	return reader_each(r, &f, "SELECT e.kind, e.time, "
	    "json_extract(e.body, '$.keep') FROM events e WHERE e.kind IN "
	    "('session_open', 'session_close')", "", add_life, l);
}

static bool
is_due(const struct life *l)
{
	int64_t now = (int64_t)now_wall_us();

	return l->keep > 0 && l->closed > 0 && l->closed < now &&
	    l->keep < (now - l->closed) / 1000000;
}

static int
list_names(const char *dir, char ***names, size_t *n)
{
	struct dirent *e;
	char **v;
	DIR *d;

	*names = NULL;
	*n = 0;
	if ((d = opendir(dir)) == NULL) {
		/* Nothing was ever recorded. */
		if (errno == ENOENT)
			return 0;
		fprintf(stderr, "auditctl: %s: %s\n", dir, strerror(errno));
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		if (!recfile_name_valid(e->d_name))
			continue;
		if ((v = realloc(*names, (*n + 1) * sizeof(*v))) == NULL ||
		    (v[*n] = strdup(e->d_name)) == NULL)
			abort();
		*names = v;
		(*n)++;
	}
	closedir(d);
	return 0;
}

static void
ignore_row(void *ctx, const char *json)
{
	(void)ctx;
	(void)json;
}

/* 0, or the exit code. */
static int
remove_one(const char *socket, const char *dir, const char *session,
    const char *reason, bool dry_run)
{
	int64_t size = recfile_size(dir, session);
	char args[LEN_SESSION + 300];
	int code = 0;

	if (size == -1) {
		fprintf(stderr, "auditctl: there is no recording of this "
		    "session\n");
		return 1;
	}
	/* Neither has anything that JSON would mind. */
	snprintf(args, sizeof(args), "{\"session\":\"%s\",\"reason\":\"%s\"}",
	    session, reason);
	if (!dry_run)
		code = ctl_call(socket, ROLE_AUDITD, "prune", args,
		    ignore_row, NULL);
	if (code == 0) {
		progress_end();
		printf("%s  %" PRId64 " bytes  %s\n", session, size, reason);
	}
	return code;
}

static int
remove_due(struct reader *r, const char *socket, const char *dir, bool dry_run)
{
	char **names, reason[128];
	size_t n, i;
	struct life l;
	int code = 0;

	if (list_names(dir, &names, &n) == -1)
		return 2;
	progress_init("prune");
	progress_unit("recordings");
	for (i = 0; i < n && code == 0; i++) {
		if (progress((int64_t)i, (int64_t)n)) {
			fprintf(stderr, "auditctl: interrupted\n");
			code = 2;
		} else if (look_up(r, names[i], &l) == -1)
			code = 2;
		else if (is_due(&l)) {
			snprintf(reason, sizeof(reason), "kept for %" PRId64
			    " seconds, as its profile says", l.keep);
			code = remove_one(socket, dir, names[i], reason,
			    dry_run);
		}
	}
	progress_end();
	for (i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return code;
}

int
prune(struct reader *r, const char *socket, const char *session, bool dry_run)
{
	char *dir = recdir_path(reader_store(r));
	int code;

	if (dir == NULL)
		abort();
	if (session != NULL && !recfile_name_valid(session)) {
		fprintf(stderr, "auditctl: there is no such session\n");
		code = 2;
	} else if (session != NULL)
		code = remove_one(socket, dir, session, "by hand", dry_run);
	else
		code = remove_due(r, socket, dir, dry_run);
	free(dir);
	return code;
}
