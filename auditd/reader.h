#ifndef AUDITD_READER_H
#define AUDITD_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "filter.h"

/*
 * The store for reading, all its segments as one sequence of events, while
 * auditd writes it or not.
 */
struct reader;

/* Whose session it is; empty strings when the store does not say. */
struct reader_who {
	char	*session, *subject, *profile, *database;
};

/* All messages go to standard error; NULL then. */
struct reader	*reader_open(const char *store);
void		 reader_close(struct reader **);
/* Look for segments that came since.  -1: cannot. */
int		 reader_refresh(struct reader *);
/* The store that it was opened for. */
const char	*reader_store(const struct reader *);
/* The id of the last event now. */
int64_t		 reader_last(struct reader *);

/*
 * For each segment in order (only those that can hold what the filter wants):
 * prepare `select` (which ends with a condition on `e`), add the filter and
 * `tail`, and call back for each row; a callback that returns false ends it
 * all.  -1: could not be done; the reason was printed.
 */
typedef bool	reader_row(void *ctx, sqlite3_stmt *);
int		 reader_each(struct reader *, const struct filter *,
		    const char *select, const char *tail, reader_row *,
		    void *ctx);
/* Set f->first to the id of the n-th last event that the filter lets through. */
int		 reader_last_n(struct reader *, struct filter *, uint64_t n);
/* Never NULL; valid as long as the reader. */
const struct reader_who *reader_who(struct reader *, const char *session);

#endif
