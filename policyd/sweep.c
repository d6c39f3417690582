/*
 * Sweeping.  The keeper runs it for each database when it starts and every
 * minute: whoever was killed between making a role and dropping it, the role
 * goes.
 *
 * The list of live sessions is the parent's at the time of asking; what has
 * begun since is what the keeper itself is at.  A comment that is not of this
 * instance, or none, protects a role, whatever its name.
 */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

#include "errand.h"
#include "log.h"

#define TEXT_MAX	1024

struct sweep {
	struct dbpool	*pool;
	char		 instance[INSTANCE_LEN + 1];
	char		*live;		/* sorted */
	size_t		 nlive;
	roles_busy	*busy;
	void		*busy_ctx;
	sweep_stale	*stale;
	sweep_clean	*clean;
	void		*ctx;
};

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, LEN_SESSION);
}

static void
sweep_free(struct sweep *s)
{
	dbpool_unref(&s->pool);
	free(s->live);
	free(s);
}

static void
on_roles(void *ctx, const struct dbresult *r)
{
	char owner[LEN_NAME + 1];
	struct sweep *s = ctx;
	const char *role, *session;
	size_t i;

	if (!r->ok)
		log_warnx("event=sweep database=%s error=%s",
		    dbpool_database(s->pool)->key,
		    log_esc(r->reason, strlen(r->reason)));
	for (i = 0; r->ok && i < r->rows; i++) {
		role = dbresult_value(r, i, 0);
		if (!role_comment_ours(dbresult_value(r, i, 1), s->instance,
		    role, owner))
			continue;
		session = role_session(s->instance, role);
		if ((s->nlive > 0 && bsearch(session, s->live, s->nlive,
		    LEN_SESSION, compare) != NULL) ||
		    s->busy(s->busy_ctx, session))
			continue;
		s->stale(s->ctx, s->pool, role);
	}
	if (r->ok && r->rows == 0)
		s->clean(s->ctx, s->pool);
	sweep_free(s);
}

int
sweep_start(struct dbpool *pool, const char *instance, struct slice live,
    roles_busy *busy, void *busy_ctx, sweep_stale *stale, sweep_clean *clean,
    void *ctx)
{
	struct sweep *s = calloc(1, sizeof(*s));
	struct buf b;
	int r;

	if (s == NULL)
		return -1;
	s->pool = dbpool_ref(pool);
	memcpy(s->instance, instance, INSTANCE_LEN);
	s->busy = busy;
	s->busy_ctx = busy_ctx;
	s->stale = stale;
	s->clean = clean;
	s->ctx = ctx;
	buf_init(&b, TEXT_MAX);
	if ((s->live = malloc(live.len + 1)) == NULL) {
		sweep_free(s);
		return -1;
	}
	if (live.len > 0)
		memcpy(s->live, live.p, live.len);
	s->nlive = live.len / LEN_SESSION;
	qsort(s->live, s->nlive, LEN_SESSION, compare);
	r = sql_add(&b, "SELECT rolname, pg_catalog.shobj_description(oid, "
	    "'pg_authid') FROM pg_catalog.pg_roles WHERE "
	    "pg_catalog.starts_with(rolname, '" ROLE_PREFIX "%s_')",
	    instance) == -1 ? -1 : errand_start(pool, false, sql_text(&b),
	    on_roles, s);
	buf_clear(&b);
	if (r == -1)
		sweep_free(s);
	return r;
}
