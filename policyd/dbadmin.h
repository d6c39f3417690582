#ifndef POSTERN_DBADMIN_H
#define POSTERN_DBADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bind.h"
#include "ev.h"
#include "policy.h"

/*
 * A connection to a database as its broker.  libpq is known here only.  Reasons
 * may quote the server and are cleaned of control characters.
 *
 * Of struct db every call blocks: use it in a helper child.
 */
struct db;

struct db_row;

/* The value as text (NULL is "", 0); valid until the callback returns. */
const char	*db_value(const struct db_row *, int column, size_t *len);
uint32_t	 db_u32(const struct db_row *, int column);
/* First byte of the value, or 0. */
uint8_t		 db_char(const struct db_row *, int column);
/* Is it PostgreSQL's 't'? */
uint8_t		 db_bool(const struct db_row *, int column);

/* Return -1 to stop. */
typedef int	 db_row_cb(void *ctx, const struct db_row *);

/* NULL with a reason.  Scrubs the environment of this process of PG*. */
struct db	*db_open(const struct database *, const char *password,
		    char *reason, size_t size);
void		 db_close(struct db **);
int		 db_server_version(const struct db *);
/* A statement without rows. */
int		 db_exec(struct db *, const char *sql, char *reason,
		    size_t size);
/* A query inside of a transaction, row by row, in flat memory. */
int		 db_query(struct db *, const char *sql, db_row_cb *, void *ctx,
		    char *reason, size_t size);

/*
 * The same from the event loop: nothing of struct dbconn blocks.  One thing at a
 * time is done, and told once, from the loop.
 */
struct dbconn;

struct dbresult {
	bool		 ok;
	bool		 warned;	/* there was a WARNING */
	bool		 broken;	/* the connection is of no more use */
	const char	*reason;	/* one line, when not ok or warned */
	char		 sqlstate[6];	/* of the error; "" for none */
	size_t		 rows;		/* of the last statement */
	const void	*res;
};

/* Valid until the callback returns; NULL is "". */
const char	*dbresult_value(const struct dbresult *, size_t row,
		    int column);

typedef void	dbconn_done(void *ctx, const struct dbresult *);

/*
 * Connect to `dbname` of that database's server, within `ms`.  `addrs` are the
 * addresses of its host, "a,b,...", or NULL when it needs no look-up.  Takes
 * copies of all.  -1 when memory is out.
 */
int		 dbconn_open(struct ev_loop *, const struct database *,
		    const char *dbname, const char *addrs,
		    const char *password, uint64_t ms, dbconn_done *,
		    void *ctx, struct dbconn **);
/* To the database itself, as another user, whose settings stand. */
int		 dbconn_open_as(struct ev_loop *, const struct database *,
		    const char *user, const char *addrs,
		    const char *password, uint64_t ms, dbconn_done *,
		    void *ctx, struct dbconn **);
/*
 * Run statements, separated by semicolons, as one simple query, within `ms`;
 * the first error ends it.  -1: nothing will be told; close it.
 */
int		 dbconn_run(struct dbconn *, const char *sql, uint64_t ms,
		    dbconn_done *, void *ctx);
/* One statement in the extended protocol, with parameters (bind.h). */
int		 dbconn_run_bound(struct dbconn *, const char *sql,
		    const struct bind *, uint64_t ms, dbconn_done *,
		    void *ctx);
/* No call follows. */
void		 dbconn_close(struct dbconn **);
/* What it is told of when nothing runs: closed by the server. */
bool		 dbconn_sound(struct dbconn *);

#endif
