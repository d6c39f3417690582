/*
 * Connections of brokers.  The keeper runs it, and never waits in it: a server
 * that is away costs those who ask for it a time limit, and nobody else.
 *
 * A lease is a connection in one job's hands.  When connecting fails and there
 * is no other, all who wait for that database are told so at once: a queue of
 * logins must not be refused one time limit after another.
 */
#include "dbpool.h"

#include <stdlib.h>
#include <string.h>

#include "dial.h"
#include "log.h"

#define LEASES_MAX	6	/* connections to one database */
#define URGENT_ONLY	2	/* of them, for logins */
#define CONNECT_MS	5000
#define IDLE_MS		60000

struct waiter {
	struct waiter	*next;
	bool		 urgent;
	dbpool_got	*got;
	void		*ctx;
};

struct turn {
	struct turn	*next;
	dbpool_go	*go;
	void		*ctx;
};

struct dbpool {
	struct ev_loop	*loop;
	struct database	 db;		/* copies */
	char		*password;
	unsigned int	 refs, leases, opening;
	struct dblease	*idle;
	struct waiter	*waiting;
	struct ev_timer	*kick;
	struct turn	*turns;		/* the first has it, once `turning` */
	bool		 turning;
	struct ev_timer	*turner;
};

/* A connection on its way to being a lease. */
struct opening {
	struct dbpool	*pool;
	struct dial	*lookup;
	struct dblease	*lease;
	char		*dbname;
	dbpool_got	*got;		/* of another database: who asked */
	void		*ctx;
};

static void	pool_serve(struct dbpool *);

/* --- life -------------------------------------------------------------------------- */

static void
pool_free(struct dbpool *p)
{
	if (p->password != NULL)
		explicit_bzero(p->password, strlen(p->password));
	free(p->password);
	free(p->db.key);
	free(p->db.host);
	free(p->db.dbname);
	free(p->db.ca_file);
	free(p->db.broker_user);
	if (p->kick != NULL)
		ev_timer_free(&p->kick);
	if (p->turner != NULL)
		ev_timer_free(&p->turner);
	free(p);
}

static void
on_kick(void *ctx)
{
	pool_serve(ctx);
}

static void	on_turn(void *);

struct dbpool *
dbpool_new(struct ev_loop *loop, const struct vault_db *v)
{
	const struct database *d = v->db;
	struct dbpool *p;

	if (d->broker_user == NULL || (p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	p->loop = loop;
	p->refs = 1;
	p->db.port = d->port;
	p->db.tls = d->tls;
	p->db.key = strdup(d->key);
	p->db.host = strdup(d->host);
	p->db.dbname = strdup(d->dbname);
	p->db.broker_user = strdup(d->broker_user);
	p->db.ca_file = d->ca_file == NULL ? NULL : strdup(d->ca_file);
	p->password = strdup(v->password == NULL ? "" : v->password);
	if (p->db.key == NULL || p->db.host == NULL || p->db.dbname == NULL ||
	    p->db.broker_user == NULL || p->password == NULL ||
	    (d->ca_file != NULL && p->db.ca_file == NULL)) {
		pool_free(p);
		return NULL;
	}
	p->kick = ev_timer_new(loop, on_kick, p);
	p->turner = ev_timer_new(loop, on_turn, p);
	return p;
}

struct dbpool *
dbpool_ref(struct dbpool *p)
{
	p->refs++;
	return p;
}

static void
lease_close(struct dblease *l)
{
	dbconn_close(&l->conn);
	if (l->idle != NULL)
		ev_timer_free(&l->idle);
	free(l);
}

void
dbpool_unref(struct dbpool **pp)
{
	struct dbpool *p = *pp;
	struct dblease *l;

	*pp = NULL;
	if (p == NULL || --p->refs > 0)
		return;
	while ((l = p->idle) != NULL) {
		p->idle = l->next;
		lease_close(l);
	}
	pool_free(p);
}

bool
dbpool_in_use(const struct dbpool *p)
{
	return p->refs > 1;
}

const struct database *
dbpool_database(const struct dbpool *p)
{
	return &p->db;
}

static bool
same(const char *a, const char *b)
{
	return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

bool
dbpool_is(const struct dbpool *p, const struct vault_db *v)
{
	const struct database *d = v->db;

	return same(p->db.key, d->key) && same(p->db.host, d->host) &&
	    p->db.port == d->port && same(p->db.dbname, d->dbname) &&
	    p->db.tls == d->tls && same(p->db.ca_file, d->ca_file) &&
	    same(p->db.broker_user, d->broker_user) &&
	    same(p->password, v->password);
}

/* --- connecting ---------------------------------------------------------------------- */

/* Hand over, or say why not; who waited gives up his reference after it. */
static void
tell(struct dbpool *p, dbpool_got *got, void *ctx, struct dblease *l,
    const char *reason)
{
	got(ctx, l, reason);
	dbpool_unref(&p);
}

static void
fail_all(struct dbpool *p, const char *reason)
{
	struct waiter *w, *list = p->waiting;

	p->waiting = NULL;
	while ((w = list) != NULL) {
		list = w->next;
		tell(p, w->got, w->ctx, NULL, reason);
		free(w);
	}
}

static void
opening_over(struct opening *o, const char *reason)
{
	struct dbpool *p = o->pool;
	struct dblease *l = o->lease;

	if (reason != NULL) {
		log_warnx("event=broker database=%s error=%s", p->db.key,
		    log_esc(reason, strlen(reason)));
		lease_close(l);
		l = NULL;
	}
	if (o->got != NULL)
		tell(p, o->got, o->ctx, l, reason);
	else {
		p->opening--;
		if (l == NULL) {
			/* While there are others they will come free. */
			if (--p->leases == 0)
				fail_all(p, reason);
		} else {
			l->next = p->idle;
			p->idle = l;
			pool_serve(p);
		}
	}
	free(o->dbname);
	free(o);
	dbpool_unref(&p);	/* the opening's */
}

static void
on_asked(void *ctx, const struct dbresult *r)
{
	struct opening *o = ctx;

	if (r->ok && r->rows == 1)
		o->lease->may_log = *dbresult_value(r, 0, 0) == 't';
	opening_over(o, r->ok ? NULL : r->reason);
}

static void
on_connected(void *ctx, const struct dbresult *r)
{
	struct opening *o = ctx;

	if (!r->ok)
		opening_over(o, r->reason);
	else if (dbconn_run(o->lease->conn, "SELECT pg_catalog."
	    "has_parameter_privilege('log_statement', 'SET')", CONNECT_MS,
	    on_asked, o) == -1)
		opening_over(o, "out of memory");
}

static void
connect_to(struct opening *o, const char *addrs)
{
	struct dbpool *p = o->pool;

	if (dbconn_open(p->loop, &p->db, o->dbname, addrs, p->password,
	    CONNECT_MS, on_connected, o, &o->lease->conn) == -1)
		opening_over(o, "out of memory");
}

static void
on_found(void *ctx, const char *addrs, const char *reason)
{
	struct opening *o = ctx;

	o->lookup = NULL;
	if (addrs == NULL)
		opening_over(o, reason);
	else
		connect_to(o, addrs);
}

/* -1: nothing is begun. */
static int
open_one(struct dbpool *p, const char *dbname, dbpool_got *got, void *ctx)
{
	struct opening *o = calloc(1, sizeof(*o));

	if (o == NULL || (o->lease = calloc(1, sizeof(*o->lease))) == NULL ||
	    (o->dbname = strdup(dbname)) == NULL) {
		if (o != NULL)
			free(o->lease);
		free(o);
		return -1;
	}
	o->pool = dbpool_ref(p);
	o->lease->pool = p;
	o->lease->other = got != NULL;
	o->got = got;
	o->ctx = ctx;
	if (!dial_needs_lookup(p->db.host))
		connect_to(o, NULL);
	else if (dial_lookup(p->loop, p->db.host, CONNECT_MS, on_found, o,
	    &o->lookup) == -1)
		on_found(o, NULL, "no process for a name look-up");
	return 0;
}

/* --- lending ------------------------------------------------------------------------------ */

/* The one that is next, taken out; NULL when none may be served. */
static struct waiter *
next_waiter(struct dbpool *p, unsigned int room)
{
	struct waiter **wp, *w;

	for (wp = &p->waiting; (w = *wp) != NULL; wp = &w->next)
		if (w->urgent)
			break;
	if (w == NULL && room > URGENT_ONLY)
		w = *(wp = &p->waiting);
	if (w != NULL)
		*wp = w->next;
	return w;
}

static unsigned int
count_idle(const struct dbpool *p)
{
	const struct dblease *l;
	unsigned int n = 0;

	for (l = p->idle; l != NULL; l = l->next)
		n++;
	return n;
}

static void
pool_serve(struct dbpool *p)
{
	struct dbpool *held = dbpool_ref(p);
	struct dblease *l;
	struct waiter *w;
	unsigned int n = 0, idle;

	while (p->waiting != NULL && (l = p->idle) != NULL) {
		idle = count_idle(p);
		p->idle = l->next;
		if (l->idle != NULL)
			ev_timer_stop(l->idle);
		if (!dbconn_sound(l->conn)) {
			lease_close(l);
			p->leases--;
			continue;
		}
		w = next_waiter(p, LEASES_MAX - p->leases + idle);
		if (w == NULL) {
			l->next = p->idle;
			p->idle = l;
			break;
		}
		l->next = NULL;
		tell(p, w->got, w->ctx, l, NULL);
		free(w);
	}
	/* As many more as wait, within the limit. */
	for (w = p->waiting; w != NULL; w = w->next)
		n++;
	while (p->idle == NULL && p->opening < n && p->leases < LEASES_MAX) {
		p->leases++;
		p->opening++;
		if (open_one(p, p->db.dbname, NULL, NULL) == -1) {
			p->leases--;
			p->opening--;
			break;
		}
	}
	dbpool_unref(&held);
}

int
dbpool_get(struct dbpool *p, bool urgent, dbpool_got *got, void *ctx)
{
	struct waiter *w = calloc(1, sizeof(*w)), **wp;

	if (w == NULL)
		return -1;
	w->urgent = urgent;
	w->got = got;
	w->ctx = ctx;
	for (wp = &p->waiting; *wp != NULL; wp = &(*wp)->next)
		;
	*wp = w;
	dbpool_ref(p);
	ev_timer_set(p->kick, 0);
	return 0;
}

int
dbpool_get_other(struct dbpool *p, const char *dbname, dbpool_got *got,
    void *ctx)
{
	dbpool_ref(p);
	if (open_one(p, dbname, got, ctx) == 0)
		return 0;
	dbpool_unref(&p);
	return -1;
}

static void
on_idle(void *ctx)
{
	struct dblease *l = ctx, **lp;

	for (lp = &l->pool->idle; *lp != l; lp = &(*lp)->next)
		;
	*lp = l->next;
	l->pool->leases--;
	lease_close(l);
}

void
dbpool_put(struct dblease **lp, bool sound)
{
	struct dblease *l = *lp;
	struct dbpool *p;

	*lp = NULL;
	if (l == NULL)
		return;
	p = l->pool;
	if (l->other || !sound) {
		p->leases -= !l->other;
		lease_close(l);
	} else {
		if (l->idle == NULL)
			l->idle = ev_timer_new(p->loop, on_idle, l);
		ev_timer_set(l->idle, IDLE_MS);
		l->next = p->idle;
		p->idle = l;
	}
	ev_timer_set(p->kick, 0);
}

/* --- turns ---------------------------------------------------------------------------------- */

static void
on_turn(void *ctx)
{
	struct dbpool *p = ctx;

	if (p->turning || p->turns == NULL)
		return;
	p->turning = true;
	p->turns->go(p->turns->ctx);
}

int
dbpool_turn(struct dbpool *p, dbpool_go *go, void *ctx)
{
	struct turn *t = calloc(1, sizeof(*t)), **tp;

	if (t == NULL)
		return -1;
	t->go = go;
	t->ctx = ctx;
	for (tp = &p->turns; *tp != NULL; tp = &(*tp)->next)
		;
	*tp = t;
	ev_timer_set(p->turner, 0);
	return 0;
}

void
dbpool_turn_over(struct dbpool *p)
{
	struct turn *t = p->turns;

	p->turns = t->next;
	p->turning = false;
	free(t);
	ev_timer_set(p->turner, 0);
}
