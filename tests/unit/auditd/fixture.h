#ifndef TEST_AUDITD_FIXTURE_H
#define TEST_AUDITD_FIXTURE_H

#include <stdint.h>

#include "spool.h"
#include "spoolfile.h"
#include "store.h"

/* A fresh directory with a store and a spool directory, one at a time. */
struct fixture {
	char		 path[100];
	char		 db[128];
	char		 spools[128];
	struct spooldir	 dir;
	struct store_options opts;	/* of the next fixture_reopen() */
	struct store	*store;
};

/* A dead test's failure is fatal, so nothing here returns an error. */
void		 fixture_up(struct fixture *);
void		 fixture_down(struct fixture *);
/* Close and open the store, as a restarted auditd does. */
void		 fixture_reopen(struct fixture *);
/* Open both where neither is open. */
void		 fixture_open(struct fixture *);
/* A writer's end of a spool. */
struct spool	*fixture_writer(struct fixture *, struct spoolfile *);
/* The single integer that a query returns. */
int64_t		 fixture_int(struct fixture *, const char *sql);
/* The first text that a query returns, in a static buffer. */
const char	*fixture_text(struct fixture *, const char *sql);
/* Run SQL on the store behind auditd's back. */
void		 fixture_exec(struct fixture *, const char *sql);
/* Hold the store's write lock until fixture_unlock(): auditd cannot commit. */
void		*fixture_lock(struct fixture *);
void		 fixture_unlock(void *);
/* Append an outcome event (small) or an intent with a text of n bytes. */
uint64_t	 put_outcome(struct spool *, uint64_t stmt);
uint64_t	 put_intent(struct spool *, uint64_t stmt, size_t n);

#endif
