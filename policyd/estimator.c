/*
 * What the planner expects of a statement.  The keeper runs it.
 *
 * Planning runs functions, so it is not asked as the broker but as a role that
 * is minted like a session's, with its privileges and settings, or as the
 * profile's fixed role; one such twin serves a profile's sessions at a database,
 * one question at a time, while there are any.  A statement comes from a worker
 * and may be anything: the extended protocol takes one statement, the options
 * of EXPLAIN stand in front of it, and the transaction may only read and is
 * rolled back.  What goes wrong is told as a reason; who asked takes the
 * statement for a large one.
 */
#include "estimator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "crypto.h"
#include "dial.h"
#include "log.h"
#include "mint.h"
#include "plan.h"
#include "scram.h"

#define CONNECT_MS	10000
#define RUN_MS		10000
/* Above the server's own limit: then the server does not answer at all. */
#define GRACE_MS	2000
#define LOGIN_MS	600000
#define IDLE_MS		60000
#define TEXT_MAX	(1024 * 1024)
#define JOBS_MAX	200	/* that wait for one twin */
#define EXPLAIN		"EXPLAIN (FORMAT JSON) "

struct job {
	struct job	*next;
	uint32_t	 id;
	char		*sql;
	struct bind	 bind;
};

struct twin {
	struct twin		*next;
	struct estimator	*all;
	char			 profile[LEN_KEY + 1];
	char			 database[LEN_KEY + 1];
	char			 session[LEN_SESSION + 1]; /* as if it were one */
	char			 role[LEN_NAME + 1];
	const struct vault_db	*db;	/* while it is being made, ... */
	char			*password;	/* ... likewise */
	struct buf		 settings;
	uint64_t		 within;	/* ms, for one answer */
	struct dbpool		*pool;	/* where it was minted, or NULL */
	bool			 made;
	bool			 old;	/* no new questions */
	bool			 ready;
	struct dial		*lookup;
	struct dbconn		*conn;
	struct ev_timer		*idle;
	struct job		*jobs;	/* the first is being asked */
	size_t			 njobs;
	bool			 asking;	/* in a transaction */
};

struct estimator {
	struct ev_loop		*loop;
	struct roles		*roles;
	const struct vault	*vault;
	struct twin		*first;
	estimator_done		*done;
	void			*ctx;
};

struct estimator *
estimator_new(struct ev_loop *loop, struct roles *roles, estimator_done *done,
    void *ctx)
{
	struct estimator *e = calloc(1, sizeof(*e));

	if (e != NULL) {
		e->loop = loop;
		e->roles = roles;
		e->done = done;
		e->ctx = ctx;
	}
	return e;
}

/* --- a twin's end ---------------------------------------------------------------- */

static void
password_wipe(struct twin *t)
{
	if (t->password != NULL)
		explicit_bzero(t->password, strlen(t->password));
	free(t->password);
	t->password = NULL;
	t->db = NULL;
}

static void
job_over(struct twin *t, uint64_t rows, uint64_t cost, const char *reason)
{
	struct job *j = t->jobs;

	t->jobs = j->next;
	t->njobs--;
	t->all->done(t->all->ctx, j->id, rows, cost, reason);
	bind_clear(&j->bind);
	explicit_bzero(j->sql, strlen(j->sql));
	free(j->sql);
	free(j);
}

static void
twin_end(struct twin *t)
{
	struct twin **p;

	for (p = &t->all->first; *p != t; p = &(*p)->next)
		;
	*p = t->next;
	dial_cancel(&t->lookup);
	dbconn_close(&t->conn);
	password_wipe(t);
	if (t->made)
		roles_end(t->all->roles, t->pool, t->role);
	dbpool_unref(&t->pool);
	ev_timer_free(&t->idle);
	buf_wipe(&t->settings);
	free(t);
}

static void
twin_fail(struct twin *t, const char *reason)
{
	log_warnx("event=estimate profile=%s database=%s error=%s", t->profile,
	    t->database, log_esc(reason, strlen(reason)));
	while (t->jobs != NULL)
		job_over(t, 0, 0, reason);
	twin_end(t);
}

/* --- asking ------------------------------------------------------------------------ */

static void	twin_next(struct twin *);

static void
twin_run(struct twin *t, const char *sql, dbconn_done *done)
{
	if (sql == NULL || dbconn_run(t->conn, sql, RUN_MS, done, t) == -1)
		twin_fail(t, "out of memory");
}

static void
on_rolled_back(void *ctx, const struct dbresult *r)
{
	struct twin *t = ctx;

	t->asking = false;
	if (r->ok)
		twin_next(t);
	else
		twin_fail(t, r->reason);
}

static void
on_explained(void *ctx, const struct dbresult *r)
{
	struct twin *t = ctx;
	uint64_t rows = 0, cost = 0;

	if (!r->ok)
		job_over(t, 0, 0, r->reason);
	else if (r->rows != 1 ||
	    plan_read(dbresult_value(r, 0, 0), &rows, &cost) == -1)
		job_over(t, 0, 0, "the plan cannot be read");
	else
		job_over(t, rows, cost, NULL);
	if (r->broken)
		twin_fail(t, "the connection is lost");
	else
		twin_run(t, "ROLLBACK", on_rolled_back);
}

static void
on_begun(void *ctx, const struct dbresult *r)
{
	struct twin *t = ctx;
	struct job *j = t->jobs;

	if (!r->ok)
		twin_fail(t, r->reason);
	else if (dbconn_run_bound(t->conn, j->sql, &j->bind,
	    t->within + GRACE_MS, on_explained, t) == -1)
		twin_fail(t, "it cannot be sent");
}

static void
twin_next(struct twin *t)
{
	if (t->jobs != NULL) {
		ev_timer_stop(t->idle);
		t->asking = true;
		twin_run(t, "BEGIN READ ONLY", on_begun);
	} else if (t->old)
		twin_end(t);
	else
		ev_timer_set(t->idle, IDLE_MS);
}

static void
on_idle(void *ctx)
{
	twin_end(ctx);
}

/* --- making one -------------------------------------------------------------------- */

static void
on_set(void *ctx, const struct dbresult *r)
{
	struct twin *t = ctx;

	if (!r->ok) {
		twin_fail(t, r->reason);
		return;
	}
	t->ready = true;
	twin_next(t);
}

static void
on_connected(void *ctx, const struct dbresult *r)
{
	struct ipc_backend_up up = { 0 };
	struct twin *t = ctx;

	password_wipe(t);
	if (!r->ok) {
		twin_fail(t, r->reason);
		return;
	}
	if (t->made) {
		/* It may not log in again. */
		up.session = slice_str(t->session);
		up.database = slice_str(t->database);
		up.role = slice_str(t->role);
		roles_up(t->all->roles, &up);
	}
	twin_run(t, sql_text(&t->settings), on_set);
}

static void
connect_to(struct twin *t, const char *addrs)
{
	if (dbconn_open_as(t->all->loop, t->db->db, t->role, addrs,
	    t->password, CONNECT_MS, on_connected, t, &t->conn) == -1)
		twin_fail(t, "out of memory");
}

static void
on_found(void *ctx, const char *addrs, const char *reason)
{
	struct twin *t = ctx;

	t->lookup = NULL;
	if (t->db == NULL)
		twin_fail(t, "the policy has changed");
	else if (addrs == NULL)
		twin_fail(t, reason);
	else
		connect_to(t, addrs);
}

static void
twin_connect(struct twin *t)
{
	if (t->db == NULL)
		twin_fail(t, "the policy has changed");
	else if (!dial_needs_lookup(t->db->db->host))
		connect_to(t, NULL);
	else if (dial_lookup(t->all->loop, t->db->db->host, CONNECT_MS,
	    on_found, t, &t->lookup) == -1)
		twin_fail(t, "no process for a name look-up");
}

static void
on_minted(void *ctx, const char *reason)
{
	struct twin *t = ctx;

	if (reason != NULL) {
		twin_fail(t, reason);
		return;
	}
	t->made = true;
	roles_news(t->all->roles, NEWS_MINTED, t->database, t->role, "none");
	twin_connect(t);
}

/* NULL, or why there can be none. */
static const char *
twin_mint(struct twin *t, const struct profile *p)
{
	const char *instance = roles_our_instance(t->all->roles);
	struct dbpool *pool = roles_pool(t->all->roles, t->database);
	char verifier[SCRAM_VERIFIER_SIZE], until[MINT_UNTIL];
	char comment[ROLE_COMMENT];
	struct role_mint m = { .role = t->role, .verifier = verifier,
	    .until = until, .comment = comment, .spec = &p->role,
	    .settings = p->settings, .nsettings = p->nsettings };

	if (pool == NULL || role_name(instance, t->session, t->role) == -1)
		return "there is no broker, or no name for a role";
	if (role_comment(instance, t->session, NULL, p->role.owner,
	    comment) == -1)
		return "the role's comment is too long";
	mint_until(now_boot_ms() + LOGIN_MS, until);
	m.broker = dbpool_database(pool)->broker_user;
	if ((t->password = malloc(MINT_PASSWORD)) == NULL)
		return "out of memory";
	mint_password(t->password, verifier);
	if (mint_start(pool, &m, on_minted, t) == -1)
		return "out of memory, or a setting that is not well-formed";
	t->pool = dbpool_ref(pool);
	return NULL;
}

/* What the session has from its start, and how long an answer may take. */
static int
twin_settings(struct twin *t, const struct profile *p)
{
	struct buf *b = &t->settings;
	size_t i;

	for (i = 0; i < p->nsettings; i++)
		if (sql_add(b, "SELECT pg_catalog.set_config(") == -1 ||
		    sql_literal(b, p->settings[i].name) == -1 ||
		    sql_add(b, ", ") == -1 ||
		    sql_literal(b, p->settings[i].value) == -1 ||
		    sql_add(b, ", false);\n") == -1)
			return -1;
	return sql_add(b, "SET standard_conforming_strings = on;\n"
	    "SET statement_timeout = %u;\nSET lock_timeout = %u;\n"
	    "SET client_min_messages = error", (unsigned int)t->within,
	    (unsigned int)(t->within + 1) / 2);
}

static const char *
twin_begin(struct twin *t)
{
	const struct profile *p = vault_profile(t->all->vault, t->profile);
	const char *password;
	uint8_t raw[LEN_SESSION / 2];

	t->db = vault_database(t->all->vault, t->database);
	if (t->db == NULL || p == NULL || (!p->mints && p->role_user == NULL) ||
	    !profile_has_database(p, t->database))
		return "no such profile, or the database is not one of its";
	t->within = t->db->db->estimate_within;
	if (twin_settings(t, p) == -1)
		return "out of memory";
	random_bytes(raw, sizeof(raw));
	hex_encode(raw, sizeof(raw), t->session);
	if (p->mints)
		return twin_mint(t, p);
	snprintf(t->role, sizeof(t->role), "%s", p->role_user);
	password = vault_role_password(t->all->vault, p);
	if ((t->password = strdup(password == NULL ? "" : password)) == NULL)
		return "out of memory";
	twin_connect(t);
	return NULL;
}

/* NULL: out of memory. */
static struct twin *
twin_new(struct estimator *e, const char *profile, const char *database)
{
	struct twin *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->all = e;
	snprintf(t->profile, sizeof(t->profile), "%s", profile);
	snprintf(t->database, sizeof(t->database), "%s", database);
	buf_init(&t->settings, TEXT_MAX);
	t->idle = ev_timer_new(e->loop, on_idle, t);
	t->next = e->first;
	e->first = t;
	return t;
}

/* --- questions ----------------------------------------------------------------------- */

static struct twin *
twin_find(struct estimator *e, const char *profile, const char *database)
{
	struct twin *t;

	for (t = e->first; t != NULL; t = t->next)
		if (!t->old && strcmp(t->profile, profile) == 0 &&
		    strcmp(t->database, database) == 0)
			break;
	/* The server ended it while nobody asked. */
	if (t != NULL && t->ready && !t->asking && t->jobs == NULL &&
	    !dbconn_sound(t->conn)) {
		twin_end(t);
		t = NULL;
	}
	return t;
}

static struct job *
job_new(const struct ipc_estimate *m)
{
	const size_t n = strlen(EXPLAIN);
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL || m->text.len == 0 ||
	    memchr(m->text.p, '\0', m->text.len) != NULL ||
	    (j->sql = malloc(n + m->text.len + 1)) == NULL ||
	    bind_read(&j->bind, m->types, m->params) == -1) {
		if (j != NULL) {
			bind_clear(&j->bind);
			free(j->sql);
		}
		free(j);
		return NULL;
	}
	memcpy(j->sql, EXPLAIN, n);
	memcpy(j->sql + n, m->text.p, m->text.len);
	j->sql[n + m->text.len] = '\0';
	j->id = m->id;
	return j;
}

void
estimator_ask(struct estimator *e, const struct ipc_estimate *m)
{
	char profile[LEN_KEY + 1], database[LEN_KEY + 1];
	const char *why = NULL;
	struct job *j, **jp;
	struct twin *t;
	bool fresh;

	if (slice_copy(m->profile, profile, sizeof(profile)) == -1 ||
	    slice_copy(m->database, database, sizeof(database)) == -1 ||
	    (j = job_new(m)) == NULL) {
		e->done(e->ctx, m->id, 0, 0, "out of memory, or not a text "
		    "with its parameters");
		return;
	}
	t = twin_find(e, profile, database);
	fresh = t == NULL;
	if ((fresh && (t = twin_new(e, profile, database)) == NULL) ||
	    t->njobs >= JOBS_MAX) {
		bind_clear(&j->bind);
		free(j->sql);
		free(j);
		e->done(e->ctx, m->id, 0, 0, "too many questions");
		return;
	}
	for (jp = &t->jobs; *jp != NULL; jp = &(*jp)->next)
		;
	*jp = j;
	t->njobs++;
	if (fresh) {
		if ((why = twin_begin(t)) != NULL)
			twin_fail(t, why);
	} else if (t->ready && !t->asking && t->jobs == j)
		twin_next(t);
}

void
estimator_config(struct estimator *e, const struct vault *v)
{
	struct twin *t, *next;

	e->vault = v;
	for (t = e->first; t != NULL; t = next) {
		next = t->next;
		t->old = true;
		t->db = NULL;
		if (t->ready && !t->asking && t->jobs == NULL)
			twin_end(t);
	}
}

bool
estimator_has(void *ctx, const char *session)
{
	struct estimator *e = ctx;
	struct twin *t;

	for (t = e->first; t != NULL; t = t->next)
		if (strcmp(t->session, session) == 0)
			return true;
	return false;
}
