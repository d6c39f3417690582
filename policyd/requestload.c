/*
 * What the last parent wrote down about requests: they go on, and numbers go
 * on behind its last one.  Runs in the parent when it starts, in its own state
 * directory; what does not read back is no request.
 */
#include "requests.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "request.h"
#include "sessions.h"

/* The last number that was given: none is given twice. */
static void
last_path(struct parent *p, const char *suffix, char *out, size_t size)
{
	char	name[32];

	snprintf(name, sizeof(name), "requests/last%s", suffix);
	parent_state_path(p, name, out, size);
}

static void
last_read(struct parent *p)
{
	char	 path[LEN_PATH];
	FILE	*f;

	last_path(p, "", path, sizeof(path));
	if ((f = fopen(path, "re")) == NULL)
		return;
	if (fscanf(f, "%u", &p->requests->last) != 1)
		p->requests->last = 0;
	fclose(f);
}

int
requests_number_save(struct parent *p)
{
	char	 path[LEN_PATH], tmp[LEN_PATH];
	FILE	*f;
	int	 rc;

	last_path(p, "", path, sizeof(path));
	last_path(p, ".tmp", tmp, sizeof(tmp));
	if ((f = fopen(tmp, "we")) == NULL)
		return -1;
	/* An empty file after a crash of the machine would begin at 1 again. */
	rc = fprintf(f, "%u\n", p->requests->last) < 0 || fflush(f) != 0 ||
	    fdatasync(fileno(f)) == -1 ? -1 : 0;
	return fclose(f) == 0 && rc == 0 ? rename(tmp, path) : -1;
}

/* One that was read goes on. */
static void
load_resume(struct request *r)
{
	const struct approval	*a;
	uint64_t		 now = now_boot_ms();

	if (r->type == REQUEST_STATEMENT &&
	    sessions_find(r->p, slice_str(r->session)) == NULL) {
		request_end(r, REQUEST_WITHDRAWN, "its session has ended");
		return;
	}
	if (r->type == REQUEST_STATEMENT && r->state != REQUEST_OPEN)
		return;
	ev_timer_set(r->timer, r->expires > now ? r->expires - now : 1);
	if (r->state == REQUEST_REVOKED)
		ev_timer_set(r->timer, 1);
	/* Whether anybody was told of it died with the last parent. */
	if (r->state == REQUEST_OPEN && (a = request_approval(r)) != NULL)
		requestnotice_open(r, a, request_expires_wall(r), true);
}

static void
load(struct parent *p, const char *name)
{
	struct request	*r = request_new(p, REQUEST_STATEMENT);
	char		 file[300], path[LEN_PATH];

	if (r == NULL)
		fatal("step=requests");
	snprintf(file, sizeof(file), "requests/%.255s", name);
	parent_state_path(p, file, path, sizeof(path));
	if (requestfile_read(r, path) == -1) {
		log_warnx("event=request_unreadable file=%s", name);
		unlink(path);
		request_free(r);
		return;
	}
	if (r->number > p->requests->last)
		p->requests->last = r->number;
	load_resume(r);
}

void
requests_init(struct parent *p)
{
	struct dirent	*e;
	char		 dir[LEN_PATH];
	DIR		*d;
	size_t		 n;

	if ((p->requests = calloc(1, sizeof(*p->requests))) == NULL)
		fatal("step=requests");
	TAILQ_INIT(&p->requests->list);
	parent_state_path(p, "requests", dir, sizeof(dir));
	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		fatal("step=requests path=%s", dir);
	last_read(p);
	if ((d = opendir(dir)) == NULL)
		fatal("step=requests path=%s", dir);
	while ((e = readdir(d)) != NULL) {
		n = strlen(e->d_name);
		if (n > 5 && strcmp(e->d_name + n - 5, ".json") == 0)
			load(p, e->d_name);
	}
	closedir(d);
}
