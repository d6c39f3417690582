/*
 * Catalogue snapshots and their epochs.
 *
 * Runs in the parent, which never looks into a snapshot: it passes the keeper's
 * sealed memfd on to the engines, who trust nothing in it.  An engine that asks
 * too often is answered at a fixed rate; a database that cannot be read is
 * tried again, ever more slowly up to half a minute.
 */
#include "catalogs.h"

#include <sys/queue.h>

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attempts.h"
#include "children.h"
#include "crypto.h"
#include "log.h"
#include "sessions.h"

/* Of a snapshot in one answer: a row is LEN_JSON at most. */
#define PART_MAX	(512u * 1024)
#define WANT_INTERVAL	500	/* ms between readings that engines ask for */
#define RETRY_FIRST	500
#define RETRY_MAX	30000

struct catalog_slot {
	TAILQ_ENTRY(catalog_slot) entry;
	struct parent		*p;
	char			 key[LEN_KEY + 1];
	int			 fd;		/* -1: none yet */
	uint64_t		 epoch;		/* of this snapshot */
	uint64_t		 read_at;	/* boot ms */
	uint64_t		 asked_at;
	bool			 asked;		/* the keeper is at it */
	bool			 again;		/* and must do it once more */
	uint64_t		 delay;
	struct ev_timer		*timer;
	bool			 tried;		/* read, or failed, once */
	char			 error[LEN_REASON + 1];
};

TAILQ_HEAD(slot_list, catalog_slot);

struct catalogs {
	struct slot_list	list;
	uint64_t		epoch;		/* the newest */
};

static struct catalog_slot *
slot_find(struct parent *p, const char *key)
{
	struct catalog_slot	*s;

	TAILQ_FOREACH(s, &p->catalogs->list, entry)
		if (strcmp(s->key, key) == 0)
			return s;
	return NULL;
}

static void
slot_ask(struct catalog_slot *s)
{
	struct ipc_catalog_read	 m;
	struct ipc		*keeper = children_keeper(s->p);

	if (keeper == NULL)
		return;		/* when it is back all are asked for */
	if (s->asked) {
		s->again = true;
		return;
	}
	ev_timer_stop(s->timer);
	s->asked = true;
	s->again = false;
	s->asked_at = now_boot_ms();
	m.database = slice_str(s->key);
	ipc_send(keeper, IPC_catalog_read, &m, NULL, 0);
}

static void
on_slot_timer(void *ctx)
{
	slot_ask(ctx);
}

static struct catalog_slot *
slot_new(struct parent *p, const char *key)
{
	struct catalog_slot	*s = calloc(1, sizeof(*s));

	if (s == NULL)
		fatal("step=catalogs");
	s->p = p;
	s->fd = -1;
	snprintf(s->key, sizeof(s->key), "%s", key);
	s->timer = ev_timer_new(p->loop, on_slot_timer, s);
	TAILQ_INSERT_TAIL(&p->catalogs->list, s, entry);
	return s;
}

static void
slot_free(struct catalog_slot *s)
{
	TAILQ_REMOVE(&s->p->catalogs->list, s, entry);
	if (s->fd != -1)
		close(s->fd);
	ev_timer_free(&s->timer);
	free(s);
}

void
catalogs_init(struct parent *p)
{
	size_t	i;

	p->catalogs = calloc(1, sizeof(*p->catalogs));
	if (p->catalogs == NULL)
		fatal("step=catalogs");
	TAILQ_INIT(&p->catalogs->list);
	/* The page may be older than this process: never go back. */
	p->catalogs->epoch = p->page->epoch;
	for (i = 0; i < p->policy->ndatabases; i++)
		slot_new(p, p->policy->databases[i].key);
}

void
catalogs_reloaded(struct parent *p)
{
	struct catalog_slot	*s, *next;
	size_t			 i;

	for (s = TAILQ_FIRST(&p->catalogs->list); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (policy_database(p->policy, s->key) == NULL)
			slot_free(s);
	}
	for (i = 0; i < p->policy->ndatabases; i++)
		if (slot_find(p, p->policy->databases[i].key) == NULL)
			slot_new(p, p->policy->databases[i].key);
	/* Hosts or names behind the keys may be others now. */
	TAILQ_FOREACH(s, &p->catalogs->list, entry)
		slot_ask(s);
	/* A profile may name databases that its engine has not seen. */
	children_give_catalogs(p);
}

void
catalogs_keeper_ready(struct parent *p)
{
	struct catalog_slot	*s;

	TAILQ_FOREACH(s, &p->catalogs->list, entry)
		slot_ask(s);
}

void
catalogs_keeper_lost(struct parent *p)
{
	struct catalog_slot	*s;

	TAILQ_FOREACH(s, &p->catalogs->list, entry)
		s->asked = s->again = false;
}

void
catalogs_want(struct parent *p, const char *database, bool stale)
{
	struct catalog_slot	*s = slot_find(p, database);
	uint64_t		 now = now_boot_ms(), due;

	if (s == NULL)
		return;
	due = s->asked_at + WANT_INTERVAL;
	if (stale || s->asked_at == 0 || now >= due) {
		/* What is being read now will show it, to an engine. */
		if (stale || !s->asked)
			slot_ask(s);
	} else if (!s->asked && !ev_timer_pending(s->timer))
		ev_timer_set(s->timer, due - now);
}

/* --- to the engines --------------------------------------------------------- */

void
catalogs_to_engine(struct parent *p, struct ipc *engine,
    const struct profile *profile)
{
	struct catalog_slot	*s;
	struct ipc_catalog	 m;
	int			 fd;

	if (profile == NULL)
		return;
	TAILQ_FOREACH(s, &p->catalogs->list, entry) {
		if (s->fd == -1 || !profile_has_database(profile, s->key))
			continue;
		fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
		if (fd == -1) {
			log_warn("event=catalog_send database=%s", s->key);
			continue;
		}
		m.database = slice_str(s->key);
		/*
		 * One epoch for all of them: it is on the page, and a verdict
		 * of an engine that knew only an older one would be void.
		 */
		m.epoch = p->catalogs->epoch;
		ipc_send(engine, IPC_catalog, &m, &fd, 1);
	}
}

bool
catalogs_tried(struct parent *p, const char *database)
{
	struct catalog_slot	*s = slot_find(p, database);

	return s == NULL || s->tried;
}

/* Who waited for that goes on. */
static void
slot_tried(struct catalog_slot *s)
{
	const struct policy	*policy = s->p->policy;
	size_t			 i;

	if (s->tried)
		return;
	s->tried = true;
	for (i = 0; i < policy->nprofiles; i++)
		if (profile_has_database(&policy->profiles[i], s->key))
			sessions_engine_ready(s->p, policy->profiles[i].key);
	attempts_engine_ready(s->p);
}

bool
catalogs_has_any(struct parent *p, const struct profile *profile)
{
	struct catalog_slot	*s;

	if (profile != NULL)
		TAILQ_FOREACH(s, &p->catalogs->list, entry)
			if (s->fd != -1 &&
			    profile_has_database(profile, s->key))
				return true;
	return false;
}

uint64_t
catalogs_epoch(struct parent *p)
{
	return p->catalogs->epoch;
}

void
catalogs_published(struct parent *p)
{
	uint64_t	epoch = p->catalogs->epoch;

	if (p->page->epoch < epoch && children_have_epoch(p, epoch)) {
		p->page->epoch = epoch;
		log_debug("event=epoch epoch=%llu",
		    (unsigned long long)epoch);
	}
}

/* --- from the keeper ---------------------------------------------------------- */

int
catalogs_got(struct parent *p, const struct ipc_catalog *m, int fd)
{
	struct catalog_slot	*s;
	char			 key[LEN_KEY + 1];

	if (slice_copy(m->database, key, sizeof(key)) == -1 ||
	    (s = slot_find(p, key)) == NULL)
		return -1;
	if (s->fd != -1)
		close(s->fd);
	s->fd = fd;
	s->epoch = ++p->catalogs->epoch;
	s->read_at = now_boot_ms();
	s->asked = false;
	s->delay = 0;
	s->error[0] = '\0';
	log_debug("event=catalog database=%s epoch=%llu", s->key,
	    (unsigned long long)s->epoch);
	/* First, so that who says this epoch has this snapshot. */
	TAILQ_REMOVE(&p->catalogs->list, s, entry);
	TAILQ_INSERT_HEAD(&p->catalogs->list, s, entry);
	children_give_catalogs(p);
	slot_tried(s);
	catalogs_published(p);
	if (s->again)
		slot_ask(s);
	return 0;
}

void
catalogs_failed(struct parent *p, const struct ipc_catalog_failed *m)
{
	struct catalog_slot	*s;
	char			 key[LEN_KEY + 1];

	if (slice_copy(m->database, key, sizeof(key)) == -1 ||
	    (s = slot_find(p, key)) == NULL)
		return;
	s->asked = false;
	if (slice_copy(m->reason, s->error, sizeof(s->error)) == -1)
		snprintf(s->error, sizeof(s->error), "(no reason)");
	s->delay = s->delay == 0 ? RETRY_FIRST :
	    s->delay * 2 > RETRY_MAX ? RETRY_MAX : s->delay * 2;
	log_warnx("event=catalog_failed database=%s retry_ms=%llu reason=%s",
	    s->key, (unsigned long long)s->delay,
	    log_esc(m->reason.p, m->reason.len));
	ev_timer_set(s->timer, s->delay);
	slot_tried(s);
}

json_t *
catalogs_part(struct parent *p, const char *database, json_int_t offset,
    const char **why)
{
	struct catalog_slot	*s = slot_find(p, database);
	struct stat		 st;
	json_t			*o = NULL;
	char			*text = malloc(4 * (PART_MAX / 3 + 1) + 1);
	uint8_t			*raw = malloc(PART_MAX);
	ssize_t			 n = -1;

	*why = "there is no such database";
	if (s != NULL && s->fd == -1)
		*why = "its catalogue has not been read";
	else if (s != NULL && raw != NULL && text != NULL &&
	    fstat(s->fd, &st) == 0 && offset >= 0 && offset < st.st_size) {
		*why = "its catalogue cannot be read";
		n = pread(s->fd, raw, PART_MAX, (off_t)offset);
	}
	if (n > 0) {
		b64_encode(raw, (size_t)n, text);
		o = json_pack("{s:I, s:I, s:s}", "epoch", (json_int_t)s->epoch,
		    "size", (json_int_t)st.st_size, "part", text);
	}
	free(raw);
	free(text);
	return o;
}

json_t *
catalogs_status(struct parent *p)
{
	struct catalog_slot	*s;
	json_t			*list = json_array(), *o;

	TAILQ_FOREACH(s, &p->catalogs->list, entry) {
		o = json_pack("{s:s, s:I}", "database", s->key,
		    "epoch", (json_int_t)s->epoch);
		json_object_set_new(o, "age_ms", s->fd == -1 ? json_null() :
		    json_integer((json_int_t)(now_boot_ms() - s->read_at)));
		if (s->error[0] != '\0')
			json_object_set_new(o, "error",
			    json_string(s->error));
		json_array_append_new(list, o);
	}
	return list;
}
