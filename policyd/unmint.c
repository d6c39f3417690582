/*
 * Ending minted roles.  The keeper runs it, at a session's end and deadline
 * and when a sweep finds a role without a session.
 *
 * The order is the one that leaves nothing open (D23): no login, no backend,
 * then what it owns goes to its owner or away, in each database that has some,
 * then the role.  DROP ROLE alone would succeed while the session lives.  What
 * fails leaves the role without a login, is told, and is tried again by the
 * next sweep.  Names in what a session left are its own: they are only ever
 * quoted by the server, and shown.
 */
#include "unmint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX	(16 * 1024)
#define RUN_MS		10000
#define TERMINATE_MS	5000
#define DATABASES_MAX	64
#define OBJECTS_TOLD	20
#define TRIES		3

struct unmint {
	struct dbpool	*pool;
	struct dblease	*lease, *other;	/* other: to the database at hand */
	char		 instance[INSTANCE_LEN + 1];
	char		 role[LEN_NAME + 1];
	char		 owner[LEN_NAME + 1];	/* "": what it owns is dropped */
	char		 oid[16];
	char		*databases[DATABASES_MAX];
	size_t		 ndatabases, at;
	bool		 broken;
	bool		 turn;		/* we have it (dbpool.h) */
	unsigned int	 tries;
	char		 stuck[LEN_REASON + 1];
	unmint_news	*news;
	unmint_done	*done;
	void		*ctx;
	struct buf	 text;
};

static void	next_database(struct unmint *);

/* --- its end ------------------------------------------------------------------------- */

static void
end(struct unmint *u)
{
	size_t i;

	if (u->stuck[0] != '\0')
		u->news(u->ctx, NEWS_STUCK, dbpool_database(u->pool)->key,
		    u->role, u->stuck);
	if (u->turn)
		dbpool_turn_over(u->pool);
	dbpool_put(&u->other, false);
	dbpool_put(&u->lease, !u->broken);
	u->done(u->ctx, u->role);
	dbpool_unref(&u->pool);
	for (i = 0; i < u->ndatabases; i++)
		free(u->databases[i]);
	buf_clear(&u->text);
	free(u);
}

/* The first reason counts. */
static void
stuck(struct unmint *u, const char *what, const char *reason)
{
	if (u->stuck[0] == '\0')
		snprintf(u->stuck, sizeof(u->stuck), "%s: %s", what, reason);
}

/* Compose: u->text starts empty. */
static struct buf *
compose(struct unmint *u)
{
	buf_clear(&u->text);
	buf_init(&u->text, TEXT_MAX);
	return &u->text;
}

static void
run_on(struct unmint *u, struct dblease *l, const char *sql,
    dbconn_done *done)
{
	if (sql != NULL && dbconn_run(l->conn, sql, RUN_MS, done, u) == 0)
		return;
	stuck(u, "ending the role", "out of memory");
	u->broken = true;
	end(u);
}

/* Run what was composed, unless `r`, of composing, says that it is not whole. */
static void
run(struct unmint *u, int r, dbconn_done *done)
{
	run_on(u, u->lease, r == -1 ? NULL : sql_text(&u->text), done);
}

/* Not ok: told, and the job is over. */
static bool
failed(struct unmint *u, const char *what, const struct dbresult *r)
{
	if (r->ok)
		return false;
	stuck(u, what, r->reason);
	u->broken = r->broken;
	end(u);
	return true;
}

/* --- last: the role -------------------------------------------------------------------- */

static void
on_dropped(void *ctx, const struct dbresult *r)
{
	struct unmint *u = ctx;

	if (failed(u, "DROP ROLE", r))
		return;
	u->stuck[0] = '\0';
	u->news(u->ctx, NEWS_DROPPED, dbpool_database(u->pool)->key, u->role,
	    "");
	end(u);
}

/* A login that was on its way when the others were ended. */
static void
on_last_look(void *ctx, const struct dbresult *r)
{
	struct unmint *u = ctx;
	struct buf *b = compose(u);

	if (failed(u, "pg_stat_activity", r))
		return;
	if (r->rows > 0) {
		stuck(u, "ending the role", "a backend of it is there again");
		end(u);
		return;
	}
	run(u, sql_add(b, "DROP ROLE ") == -1 || sql_ident(b, u->role) == -1 ?
	    -1 : 0, on_dropped);
}

/* --- what it left, database by database -------------------------------------------------- */

static void
add_backends(struct buf *b, const char *oid, int *r)
{
	*r = sql_add(b, "FROM pg_catalog.pg_stat_activity WHERE "
	    "usesysid = %s::pg_catalog.oid", oid);
}

static void
database_over(struct unmint *u)
{
	if (u->turn)
		dbpool_turn_over(u->pool);
	u->turn = false;
	dbpool_put(&u->other, false);
	u->at++;
	next_database(u);
}

static struct dblease *
here(struct unmint *u)
{
	return u->other != NULL ? u->other : u->lease;
}

static void
on_rolled_back(void *ctx, const struct dbresult *r)
{
	struct unmint *u = ctx;

	if (!r->ok && u->other == NULL) {
		u->broken = true;
		end(u);
		return;
	}
	database_over(u);
}

static void
on_cleaned(void *ctx, const struct dbresult *r)
{
	struct unmint *u = ctx;

	if (r->ok) {
		database_over(u);
		return;
	}
	stuck(u, u->databases[u->at], r->reason);
	if (r->broken && u->other == NULL) {
		u->broken = true;
		end(u);
	} else if (r->broken)
		database_over(u);
	else
		run_on(u, here(u), "ROLLBACK", on_rolled_back);
}

/*
 * What would run with the owner's rights for whoever calls or reads it loses
 * that before it changes hands: else a session could leave a function behind
 * that runs as the owner for the next one.
 */
#define DISARM								\
	"DO $postern$ DECLARE o record; BEGIN "				\
	"FOR o IN SELECT p.oid::pg_catalog.regprocedure AS name "	\
	"FROM pg_catalog.pg_proc AS p WHERE p.proowner = %s AND "	\
	"p.prosecdef LOOP EXECUTE pg_catalog.format("			\
	"'ALTER ROUTINE %%s SECURITY INVOKER', o.name); END LOOP; "	\
	"FOR o IN SELECT c.oid::pg_catalog.regclass AS name "		\
	"FROM pg_catalog.pg_class AS c WHERE c.relowner = %s AND "	\
	"c.relkind = 'v' LOOP EXECUTE pg_catalog.format("		\
	"'ALTER VIEW %%s SET (security_invoker = true)', o.name); "	\
	"END LOOP; END $postern$;\n"

static void
clean(void *ctx)
{
	struct unmint *u = ctx;
	struct buf *b = compose(u);
	int r = sql_add(b, "BEGIN;\n");

	u->turn = u->other == NULL;
	if (r == 0 && u->owner[0] != '\0')
		r = sql_add(b, DISARM "REASSIGN OWNED BY ", u->oid,
		    u->oid) == -1 || sql_ident(b, u->role) == -1 ||
		    sql_add(b, " TO ") == -1 ||
		    sql_ident(b, u->owner) == -1 ||
		    sql_add(b, ";\n") == -1 ? -1 : 0;
	if (r == 0)
		r = sql_add(b, "DROP OWNED BY ") == -1 ||
		    sql_ident(b, u->role) == -1 ||
		    sql_add(b, ";\nCOMMIT") == -1 ? -1 : 0;
	run_on(u, here(u), r == -1 ? NULL : sql_text(b), on_cleaned);
}

static void
tell_objects(struct unmint *u, const struct dbresult *r)
{
	char detail[LEN_REASON + 1];
	size_t i, n;

	n = (size_t)snprintf(detail, sizeof(detail), "in database %s, to be "
	    "%s%s: ", u->databases[u->at], u->owner[0] == '\0' ? "dropped" :
	    "given to ", u->owner);
	for (i = 0; i < r->rows && n < sizeof(detail) - 1; i++)
		n += (size_t)snprintf(detail + n, sizeof(detail) - n, "%s%s%s",
		    i == 0 ? "" : "; ",
		    *dbresult_value(r, i, 0) == 'o' ? "" : "a right on ",
		    dbresult_value(r, i, 1));
	u->news(u->ctx, NEWS_OBJECTS, dbpool_database(u->pool)->key, u->role,
	    detail);
}

static void
on_described(void *ctx, const struct dbresult *r)
{
	struct unmint *u = ctx;

	if (r->ok && r->rows > 0)
		tell_objects(u, r);
	if (!r->ok && r->broken) {
		stuck(u, u->databases[u->at], r->reason);
		if (u->other == NULL) {
			u->broken = true;
			end(u);
		} else
			database_over(u);
		return;
	}
	if (u->other != NULL)
		clean(u);
	else if (dbpool_turn(u->pool, clean, u) == -1) {
		stuck(u, "ending the role", "out of memory");
		end(u);
	}
}

/* In the session's own database rights were given by minting; elsewhere none. */
static void
describe(struct unmint *u)
{
	struct buf *b = compose(u);
	int r;

	r = sql_add(b, "SELECT d.deptype, pg_catalog.pg_describe_object("
	    "d.classid, d.objid, d.objsubid) FROM pg_catalog.pg_shdepend AS d "
	    "WHERE d.refclassid = 'pg_catalog.pg_authid'::"
	    "pg_catalog.regclass AND d.refobjid = %s AND d.dbid = (SELECT oid "
	    "FROM pg_catalog.pg_database WHERE datname = "
	    "pg_catalog.current_database())%s ORDER BY 1, 2 LIMIT %d", u->oid,
	    u->other == NULL ? " AND d.deptype = 'o'" : "", OBJECTS_TOLD);
	run_on(u, here(u), r == -1 ? NULL : sql_text(b), on_described);
}

static void
on_other(void *ctx, struct dblease *l, const char *reason)
{
	struct unmint *u = ctx;

	if ((u->other = l) == NULL) {
		stuck(u, u->databases[u->at], reason);
		database_over(u);
		return;
	}
	describe(u);
}

static void
next_database(struct unmint *u)
{
	struct buf *b;
	int r;

	if (u->at < u->ndatabases) {
		if (strcmp(u->databases[u->at],
		    dbpool_database(u->pool)->dbname) == 0)
			describe(u);
		else if (dbpool_get_other(u->pool, u->databases[u->at],
		    on_other, u) == -1)
			on_other(u, NULL, "out of memory");
		return;
	}
	b = compose(u);
	if ((r = sql_add(b, "SELECT 1 ")) == 0)
		add_backends(b, u->oid, &r);
	run(u, r, on_last_look);
}

/* pg_shdepend names all databases; what all share goes with any of them. */
static void
on_depends(void *ctx, const struct dbresult *r)
{
	struct unmint *u = ctx;
	const char *name;
	size_t i;

	if (failed(u, "pg_shdepend", r))
		return;
	for (i = 0; i < r->rows && u->ndatabases < DATABASES_MAX; i++) {
		name = dbresult_value(r, i, 0);
		if (*name == '\0')
			name = dbpool_database(u->pool)->dbname;
		if ((u->databases[u->ndatabases] = strdup(name)) != NULL)
			u->ndatabases++;
	}
	next_database(u);
}

/* --- first: no login, no backend ------------------------------------------------------------ */

static void
on_left(void *ctx, const struct dbresult *r)
{
	struct unmint *u = ctx;
	struct buf *b = compose(u);

	if (failed(u, "pg_stat_activity", r))
		return;
	if (r->rows > 0) {
		stuck(u, "ending the role", "a backend of it does not end");
		end(u);
		return;
	}
	run(u, sql_add(b, "SELECT DISTINCT coalesce(b.datname, '') "
	    "FROM pg_catalog.pg_shdepend AS d LEFT JOIN "
	    "pg_catalog.pg_database AS b ON b.oid = d.dbid WHERE "
	    "d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND "
	    "d.refobjid = %s", u->oid), on_depends);
}

static void
on_terminated(void *ctx, const struct dbresult *r)
{
	struct unmint *u = ctx;
	struct buf *b = compose(u);
	int rc;

	if (failed(u, "pg_terminate_backend", r))
		return;
	/* Some may have gone by themselves; what counts is that none is left. */
	if ((rc = sql_add(b, "SELECT 1 ")) == 0)
		add_backends(b, u->oid, &rc);
	run(u, rc, on_left);
}

static void	on_disabled(void *, const struct dbresult *);

static void
disable(struct unmint *u)
{
	struct buf *b = compose(u);

	run(u, sql_add(b, "ALTER ROLE ") == -1 ||
	    sql_ident(b, u->role) == -1 || sql_add(b, " NOLOGIN") == -1 ?
	    -1 : 0, on_disabled);
}

static void
on_disabled(void *ctx, const struct dbresult *r)
{
	struct unmint *u = ctx;
	struct buf *b;
	int rc;

	/* Its login is being ended at this moment (roles_up()). */
	if (!r->ok && strcmp(r->sqlstate, "XX000") == 0 && u->tries++ < TRIES) {
		disable(u);
		return;
	}
	b = compose(u);
	if (failed(u, "ALTER ROLE", r))
		return;
	if ((rc = sql_add(b, "SELECT pg_catalog.pg_terminate_backend(pid, "
	    "%d) ", TERMINATE_MS)) == 0)
		add_backends(b, u->oid, &rc);
	run(u, rc, on_terminated);
}

static void
on_looked_up(void *ctx, const struct dbresult *r)
{
	struct unmint *u = ctx;

	if (failed(u, "pg_roles", r))
		return;
	/* Not minted at all, dropped already, or somebody else's. */
	if (r->rows != 1 || !role_comment_ours(dbresult_value(r, 0, 1),
	    u->instance, u->role, u->owner)) {
		end(u);
		return;
	}
	snprintf(u->oid, sizeof(u->oid), "%s", dbresult_value(r, 0, 0));
	disable(u);
}

static void
on_lease(void *ctx, struct dblease *l, const char *reason)
{
	struct unmint *u = ctx;
	struct buf *b;

	if ((u->lease = l) == NULL) {
		stuck(u, "broker", reason);
		end(u);
		return;
	}
	b = compose(u);
	run(u, sql_add(b, "SELECT oid, pg_catalog.shobj_description(oid, "
	    "'pg_authid') FROM pg_catalog.pg_roles WHERE rolname = ") == -1 ||
	    sql_literal(b, u->role) == -1 ? -1 : 0, on_looked_up);
}

int
unmint_start(struct dbpool *pool, const char *instance, const char *role,
    unmint_news *news, unmint_done *done, void *ctx)
{
	struct unmint *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return -1;
	snprintf(u->instance, sizeof(u->instance), "%s", instance);
	snprintf(u->role, sizeof(u->role), "%s", role);
	u->news = news;
	u->done = done;
	u->ctx = ctx;
	buf_init(&u->text, TEXT_MAX);
	u->pool = dbpool_ref(pool);
	if (dbpool_get(pool, false, on_lease, u) == -1) {
		dbpool_unref(&u->pool);
		free(u);
		return -1;
	}
	return 0;
}
