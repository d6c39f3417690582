/*
 * Watching catalogues.  The keeper runs it; the reading itself is done by
 * helper children (catread), one for a database at a time.
 *
 * DDL by others between two looks is a window of that length; it is stated in
 * the manual.  A read that was asked for and fails is told; one of our own is
 * logged once and tried again.
 */
#include "catwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catread.h"
#include "helper.h"
#include "log.h"

#define POLL_MS		10000
#define AGAIN_MS	200	/* between two reads that were asked for */

struct entry {
	struct catwatch		*w;
	const struct vault_db	*vdb;
	char			 epoch[CATREAD_REPLY];
	struct helper		*helper;
	struct ev_timer		*timer;
	uint64_t		 done_at;	/* boot ms, the last read */
	bool			 watched;	/* asked for at least once */
	bool			 asked;		/* an answer is owed */
	bool			 again;		/* asked while one is running */
	bool			 failing;	/* and that is logged */
};

struct catwatch {
	struct ev_loop	*loop;
	catwatch_news	*news;
	void		*ctx;
	struct entry	*entries;
	size_t		 n;
};

static void	on_timer(void *);

struct catwatch *
catwatch_new(struct ev_loop *loop, catwatch_news *news, void *ctx)
{
	struct catwatch *w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	w->loop = loop;
	w->news = news;
	w->ctx = ctx;
	return w;
}

static bool
same_place(const struct database *a, const struct database *b)
{
	return strcmp(a->key, b->key) == 0 && strcmp(a->host, b->host) == 0 &&
	    a->port == b->port && strcmp(a->dbname, b->dbname) == 0;
}

int
catwatch_config(struct catwatch *w, const struct vault *v)
{
	struct entry *new, *old = w->entries, *o;
	size_t i, j, n = vault_count(v), nold = w->n;

	if ((new = calloc(n + 1, sizeof(*new))) == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		new[i].w = w;
		new[i].vdb = vault_at(v, i);
		new[i].timer = ev_timer_new(w->loop, on_timer, &new[i]);
		for (j = 0; j < nold; j++) {
			o = &old[j];
			if (strcmp(o->vdb->db->key, new[i].vdb->db->key) != 0)
				continue;
			new[i].watched = o->watched;
			new[i].asked = o->asked || o->again;
			if (same_place(o->vdb->db, new[i].vdb->db))
				memcpy(new[i].epoch, o->epoch,
				    sizeof(o->epoch));
		}
		if (new[i].watched)
			ev_timer_set(new[i].timer, 0);
	}
	for (j = 0; j < nold; j++) {
		helper_cancel(&old[j].helper);
		ev_timer_free(&old[j].timer);
	}
	free(old);
	w->entries = new;
	w->n = n;
	return 0;
}

static void
tell(struct entry *e, int fd, const char *reason)
{
	e->asked = false;
	e->w->news(e->w->ctx, e->vdb->db->key, fd, reason);
}

static void
failed(struct entry *e, const char *reason)
{
	if (!e->failing)
		log_warnx("event=catalog database=%s error=%s",
		    e->vdb->db->key, log_esc(reason, strlen(reason)));
	e->failing = true;
	if (e->asked)
		tell(e, -1, reason);
}

static void
on_helper(void *ctx, const uint8_t *what, size_t len, int fd)
{
	struct entry *e = ctx;
	char words[CATREAD_REPLY] = "";

	e->helper = NULL;
	e->done_at = now_boot_ms();
	ev_timer_set(e->timer, e->again ? AGAIN_MS : POLL_MS);
	if (what != NULL && len > 0 && len < sizeof(words))
		memcpy(words, what + 1, len - 1);
	if (what == NULL || len == 0) {
		failed(e, "reading the catalogue took too long");
	} else if (what[0] == CATREAD_SAME) {
		e->failing = false;
	} else if (what[0] == CATREAD_READ && fd != -1) {
		e->failing = false;
		memcpy(e->epoch, words, sizeof(e->epoch));
		log_info("event=catalog database=%s", e->vdb->db->key);
		tell(e, fd, NULL);
		fd = -1;
	} else
		failed(e, words);
	if (fd != -1)
		close(fd);
	if (e->again) {
		e->again = false;
		e->asked = true;
	}
}

static void
start(struct entry *e)
{
	struct catread_job job;

	if (e->vdb->db->broker_user == NULL) {
		failed(e, "no broker");
		return;
	}
	job.db = e->vdb->db;
	job.password = e->vdb->password == NULL ? "" : e->vdb->password;
	job.epoch = e->asked ? "" : e->epoch;
	/* The child has its copy of the job when this returns. */
	if (helper_start(e->w->loop, catread_work, &job, CATREAD_MS,
	    CATREAD_REPLY, on_helper, e, &e->helper) == -1) {
		ev_timer_set(e->timer, POLL_MS);
		failed(e, "no process for reading the catalogue");
	}
}

static void
on_timer(void *ctx)
{
	struct entry *e = ctx;

	if (e->helper == NULL)
		start(e);
}

void
catwatch_read(struct catwatch *w, const char *database)
{
	struct entry *e;
	uint64_t since;
	size_t i;

	for (i = 0; i < w->n; i++)
		if (strcmp(w->entries[i].vdb->db->key, database) == 0)
			break;
	if (i == w->n) {
		w->news(w->ctx, database, -1, "no such database");
		return;
	}
	e = &w->entries[i];
	e->watched = true;
	if (e->helper != NULL) {
		/* What is being read may be older than the request. */
		e->again = true;
		return;
	}
	e->asked = true;
	since = now_boot_ms() - e->done_at;
	ev_timer_set(e->timer, since < AGAIN_MS ? AGAIN_MS - since : 0);
}
