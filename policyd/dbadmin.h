#ifndef POSTERN_DBADMIN_H
#define POSTERN_DBADMIN_H

#include <stddef.h>
#include <stdint.h>

#include "policy.h"

/*
 * A connection to a database as its broker.  libpq is known here only.  Every
 * call blocks: use it in a helper child.  Reasons may quote the server and are
 * cleaned of control characters.
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

#endif
