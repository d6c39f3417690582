/*
 * Roles at databases: which are being ended, and what is told about them.  The
 * keeper runs it.
 *
 * It touches no role whose name and comment are not both this instance's: what
 * others made is theirs, whatever it is called.  A database that is away makes
 * nobody wait; its roles stay without a login and the next sweep tries again.
 */
#include "roles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errand.h"
#include "log.h"
#include "sweep.h"
#include "unmint.h"

#define TEXT_MAX	4096

struct place {
	struct place	*next;
	struct dbpool	*pool;
	bool		 current;	/* in the newest configuration */
};

/* A role that is being ended. */
struct ending {
	struct ending	*next;
	char		 role[LEN_NAME + 1];
};

struct roles {
	struct ev_loop	*loop;
	struct ipc	*parent;
	char		 instance[INSTANCE_LEN + 1];
	struct place	*places;
	struct ending	*endings;
};

struct roles *
roles_new(struct ev_loop *loop)
{
	struct roles *r = calloc(1, sizeof(*r));

	if (r != NULL)
		r->loop = loop;
	return r;
}

void
roles_parent(struct roles *r, struct ipc *parent)
{
	r->parent = parent;
}

void
roles_instance(struct roles *r, struct slice instance)
{
	if (slice_copy(instance, r->instance, sizeof(r->instance)) == -1 ||
	    !role_instance_ok(r->instance)) {
		log_warnx("event=instance error=\"not one\"");
		r->instance[0] = '\0';
	}
}

const char *
roles_our_instance(const struct roles *r)
{
	return r->instance;
}

/* --- databases ------------------------------------------------------------------------ */

static struct place *
place_find(struct roles *r, const struct vault_db *v)
{
	struct place *p;

	for (p = r->places; p != NULL; p = p->next)
		if (dbpool_is(p->pool, v))
			return p;
	return NULL;
}

/* Sooner or later it has no role of ours, and no job. */
static void
place_forget(struct roles *r, struct place *gone)
{
	struct place **pp;

	for (pp = &r->places; *pp != gone; pp = &(*pp)->next)
		;
	*pp = gone->next;
	log_info("event=database_forgotten database=%s",
	    dbpool_database(gone->pool)->key);
	dbpool_unref(&gone->pool);
	free(gone);
}

/* With new credentials only: what is there is seen by the new one as well. */
static void
places_replaced(struct roles *r)
{
	const struct database *a, *b;
	struct place *p, *q, *next;

	for (p = r->places; p != NULL; p = next) {
		next = p->next;
		a = dbpool_database(p->pool);
		for (q = r->places; q != NULL && !p->current; q = q->next) {
			b = dbpool_database(q->pool);
			if (q->current && strcmp(a->key, b->key) == 0 &&
			    strcmp(a->host, b->host) == 0 &&
			    a->port == b->port &&
			    strcmp(a->dbname, b->dbname) == 0)
				break;
		}
		if (!p->current && q != NULL)
			place_forget(r, p);
	}
}

int
roles_config(struct roles *r, const struct vault *v)
{
	struct place *p, *new = NULL, *next;
	size_t i;

	for (i = 0; i < vault_count(v); i++) {
		if (vault_at(v, i)->db->broker_user == NULL ||
		    place_find(r, vault_at(v, i)) != NULL)
			continue;
		if ((p = calloc(1, sizeof(*p))) == NULL ||
		    (p->pool = dbpool_new(r->loop, vault_at(v, i))) == NULL) {
			free(p);
			goto fail;
		}
		p->next = new;
		new = p;
	}
	for (p = r->places; p != NULL; p = p->next)
		p->current = false;
	while ((p = new) != NULL) {
		new = p->next;
		p->next = r->places;
		r->places = p;
	}
	for (i = 0; i < vault_count(v); i++)
		if ((p = place_find(r, vault_at(v, i))) != NULL)
			p->current = true;
	places_replaced(r);
	return 0;
fail:
	for (p = new; p != NULL; p = next) {
		next = p->next;
		dbpool_unref(&p->pool);
		free(p);
	}
	return -1;
}

struct dbpool *
roles_pool(struct roles *r, const char *database)
{
	struct place *p;

	for (p = r->places; p != NULL; p = p->next)
		if (p->current && strcmp(dbpool_database(p->pool)->key,
		    database) == 0)
			return p->pool;
	/* One that a reload removed, while it drains. */
	for (p = r->places; p != NULL; p = p->next)
		if (strcmp(dbpool_database(p->pool)->key, database) == 0)
			return p->pool;
	return NULL;
}

/* --- ending ----------------------------------------------------------------------------- */

void
roles_news(struct roles *r, enum role_news what, const char *database,
    const char *role, const char *detail)
{
	const char *session = role_session(r->instance, role);
	struct ipc_role_news m;

	if (what == NEWS_STUCK || what == NEWS_OBJECTS)
		log_warnx("event=leftover role=%s database=%s detail=%s", role,
		    database, log_esc(detail, strlen(detail)));
	else
		log_info("event=%s role=%s database=%s",
		    what == NEWS_MINTED ? "mint" : "drop", role, database);
	m.session = slice_str(session);
	m.database = slice_str(database);
	m.role = slice_str(role);
	m.what = (uint8_t)what;
	m.detail = slice_str(detail);
	ipc_send(r->parent, IPC_role_news, &m, NULL, 0);
}

static void
on_unmint_news(void *ctx, enum role_news what, const char *database,
    const char *role, const char *detail)
{
	roles_news(ctx, what, database, role, detail);
}

static void
on_unminted(void *ctx, const char *role)
{
	struct roles *r = ctx;
	struct ending **ep, *e;

	for (ep = &r->endings; (e = *ep) != NULL; ep = &e->next)
		if (strcmp(e->role, role) == 0)
			break;
	if (e == NULL)
		return;
	*ep = e->next;
	free(e);
}

static bool
ending(const struct roles *r, const char *role)
{
	const struct ending *e;

	for (e = r->endings; e != NULL; e = e->next)
		if (strcmp(e->role, role) == 0)
			return true;
	return false;
}

void
roles_end(struct roles *r, struct dbpool *pool, const char *role)
{
	struct ending *e;

	if (ending(r, role))
		return;
	if ((e = calloc(1, sizeof(*e))) == NULL ||
	    unmint_start(pool, r->instance, role, on_unmint_news, on_unminted,
	    r) == -1) {
		log_warnx("event=unmint role=%s error=\"out of memory\"", role);
		free(e);
		return;		/* the sweep sees to it */
	}
	snprintf(e->role, sizeof(e->role), "%s", role);
	e->next = r->endings;
	r->endings = e;
}

static void
on_backend_ended(void *ctx, const struct dbresult *res)
{
	(void)ctx;
	if (!res->ok)
		log_warnx("event=terminate error=%s",
		    log_esc(res->reason, strlen(res->reason)));
}

/* A pid alone may be another's by now. */
void
roles_end_backend(struct roles *r, struct dbpool *pool, const char *role,
    uint32_t pid, const char *start)
{
	struct buf b;

	(void)r;
	buf_init(&b, TEXT_MAX);
	if (sql_add(&b, "SELECT pg_catalog.pg_terminate_backend(pid) FROM "
	    "pg_catalog.pg_stat_activity WHERE pid = %u AND usename = ",
	    pid) == -1 || sql_literal(&b, role) == -1 ||
	    sql_add(&b, " AND backend_start = ") == -1 ||
	    sql_literal(&b, start) == -1 ||
	    errand_start(pool, true, sql_text(&b), on_backend_ended,
	    NULL) == -1)
		log_warnx("event=terminate error=\"out of memory\"");
	buf_clear(&b);
}

/* --- logged in ---------------------------------------------------------------------------- */

struct up {
	struct roles	*r;
	char		 session[LEN_SESSION + 1];
};

static void
on_disabled(void *ctx, const struct dbresult *res)
{
	struct up *u = ctx;

	/* It has no password that anybody knows, and one connection. */
	if (!res->ok)
		log_warnx("event=nologin session=%s error=%s", u->session,
		    log_esc(res->reason, strlen(res->reason)));
	free(u);
}

static void
on_seen(void *ctx, const struct dbresult *res)
{
	struct up *u = ctx;
	struct ipc_backend_seen m;

	if (res->ok && res->rows == 1 && *dbresult_value(res, 0, 0) != '\0') {
		m.session = slice_str(u->session);
		m.backend_start = slice_str(dbresult_value(res, 0, 0));
		ipc_send(u->r->parent, IPC_backend_seen, &m, NULL, 0);
	} else
		log_warnx("event=backend_unseen session=%s error=%s "
		    "hint=\"policyctl setup-sql says what the broker needs\"",
		    u->session, res->ok ? "\"it may not be looked at\"" :
		    log_esc(res->reason, strlen(res->reason)));
	free(u);
}

void
roles_up(struct roles *r, const struct ipc_backend_up *m)
{
	char database[LEN_KEY + 1], role[LEN_NAME + 1];
	struct dbpool *pool;
	struct up *u = calloc(1, sizeof(*u));
	struct buf b;
	bool minted;
	int rc;

	buf_init(&b, TEXT_MAX);
	if (u == NULL ||
	    slice_copy(m->session, u->session, sizeof(u->session)) == -1 ||
	    slice_copy(m->database, database, sizeof(database)) == -1 ||
	    slice_copy(m->role, role, sizeof(role)) == -1 ||
	    (pool = roles_pool(r, database)) == NULL) {
		free(u);
		return;
	}
	u->r = r;
	if (ending(r, role)) {
		free(u);	/* it is over already */
		return;
	}
	minted = role_session(r->instance, role) != NULL;
	if (minted)
		rc = sql_add(&b, "ALTER ROLE ") == -1 ||
		    sql_ident(&b, role) == -1 ||
		    sql_add(&b, " NOLOGIN") == -1 ? -1 : 0;
	else
		rc = sql_add(&b, "SELECT backend_start FROM "
		    "pg_catalog.pg_stat_activity WHERE pid = %u AND "
		    "usename = ", m->pid) == -1 ||
		    sql_literal(&b, role) == -1 ? -1 : 0;
	if (rc == -1 || errand_start(pool, true, sql_text(&b),
	    minted ? on_disabled : on_seen, u) == -1)
		free(u);
	buf_clear(&b);
}

/* --- sweeping ------------------------------------------------------------------------------- */

static void
on_stale(void *ctx, struct dbpool *pool, const char *role)
{
	roles_end(ctx, pool, role);
}

static void
on_clean(void *ctx, struct dbpool *pool)
{
	struct roles *r = ctx;
	struct place *p;

	for (p = r->places; p != NULL; p = p->next)
		if (p->pool == pool)
			break;
	/* The sweep itself holds the pool. */
	if (p != NULL && !p->current)
		place_forget(r, p);
}

void
roles_sweep(struct roles *r, struct slice live, roles_busy *busy, void *ctx)
{
	struct place *p;

	if (r->instance[0] == '\0' || live.len % LEN_SESSION != 0)
		return;
	for (p = r->places; p != NULL; p = p->next)
		if (sweep_start(p->pool, r->instance, live, busy, ctx,
		    on_stale, on_clean, r) == -1)
			log_warnx("event=sweep database=%s error=\"out of "
			    "memory\"", dbpool_database(p->pool)->key);
}
