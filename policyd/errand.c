/*
 * One statement as the broker.  The keeper runs it; its callers judge what
 * comes back, and how bad it is that nothing does.
 */
#include "errand.h"

#include <stdlib.h>
#include <string.h>

#define RUN_MS	10000

struct errand {
	struct dbpool	*pool;
	struct dblease	*lease;
	char		*sql;
	dbconn_done	*done;
	void		*ctx;
};

static void
on_result(void *ctx, const struct dbresult *r)
{
	struct errand *e = ctx;

	/* While the lease holds the connection the result is good. */
	e->done(e->ctx, r);
	dbpool_put(&e->lease, !r->broken);
	dbpool_unref(&e->pool);
	free(e->sql);
	free(e);
}

static void
on_lease(void *ctx, struct dblease *l, const char *reason)
{
	struct dbresult r = { .broken = true, .reason = reason };
	struct errand *e = ctx;

	if ((e->lease = l) != NULL) {
		if (dbconn_run(l->conn, e->sql, RUN_MS, on_result, e) == 0)
			return;
		r.reason = "out of memory";
	}
	on_result(e, &r);
}

int
errand_start(struct dbpool *pool, bool urgent, const char *sql,
    dbconn_done *done, void *ctx)
{
	struct errand *e = calloc(1, sizeof(*e));

	if (e == NULL || sql == NULL || (e->sql = strdup(sql)) == NULL) {
		free(e);
		return -1;
	}
	e->done = done;
	e->ctx = ctx;
	e->pool = dbpool_ref(pool);
	if (dbpool_get(pool, urgent, on_lease, e) == 0)
		return 0;
	dbpool_unref(&e->pool);
	free(e->sql);
	free(e);
	return -1;
}
