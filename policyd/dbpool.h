#ifndef POSTERN_DBPOOL_H
#define POSTERN_DBPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "dbadmin.h"
#include "ev.h"
#include "vault.h"

/*
 * A database as its broker sees it: some connections, lent to one job at a
 * time.  It has copies of all that it needs, so that a database that a reload
 * removed can still be cleaned up (D25); its password is wiped with it.
 */
struct dbpool;

/* One connection, lent. */
struct dblease {
	struct dbpool	*pool;
	struct dbconn	*conn;
	bool		 may_log;	/* the broker may set log_statement */
	bool		 other;		/* not to the pool's own database */
	/* The rest is dbpool.c's. */
	struct dblease	*next;
	struct ev_timer	*idle;
};

/* A lease, now the callee's, or NULL and why. */
typedef void	dbpool_got(void *ctx, struct dblease *, const char *reason);

/* With one reference; NULL when memory is out or there is no broker. */
struct dbpool	*dbpool_new(struct ev_loop *, const struct vault_db *);
struct dbpool	*dbpool_ref(struct dbpool *);
/* Gone with the last one; no lease and no waiter may be left by then. */
void		 dbpool_unref(struct dbpool **);
/* Is there any other reference than its owner's? */
bool		 dbpool_in_use(const struct dbpool *);

const struct database *dbpool_database(const struct dbpool *);
/* Is it the same server, database and broker? */
bool		 dbpool_is(const struct dbpool *, const struct vault_db *);

/*
 * Ask for a connection; `got` is called from the loop, and holds a reference
 * until then.  What is urgent (a login) comes before what is not (an end), which
 * is never given the last connections.  -1: out of memory.
 */
int		 dbpool_get(struct dbpool *, bool urgent, dbpool_got *,
		    void *ctx);
/* One to another database of the same server; it is closed when given back. */
int		 dbpool_get_other(struct dbpool *, const char *dbname,
		    dbpool_got *, void *ctx);
/* Give it back; one that is not sound, or in a transaction, is closed. */
void		 dbpool_put(struct dblease **, bool sound);

/*
 * Changes of the rights on one object must not meet: the server would refuse
 * the later one ("tuple concurrently updated").  So they take turns.  `go` is
 * called from the loop, once; then dbpool_turn_over() must be called.  -1: out
 * of memory.
 */
typedef void	dbpool_go(void *ctx);
int		 dbpool_turn(struct dbpool *, dbpool_go *, void *ctx);
void		 dbpool_turn_over(struct dbpool *);

#endif
