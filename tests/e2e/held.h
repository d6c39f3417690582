#ifndef POSTERN_E2E_HELD_H
#define POSTERN_E2E_HELD_H

#include <libpq-fe.h>
#include <stdbool.h>

/*
 * Statements that wait for people, by tests/e2e/hold.yaml: updates of orders.
 * What a helper cannot do fails the test.
 */

/* A session of `nightly-bot` (one approver), whose notices are kept. */
PGconn		*bot(const char *sub);
extern char	 held_notices[4096];
/* A session of `careful` (two, two seconds, not inside a transaction). */
PGconn		*careful(const char *sub);

/* The number of this subject's open request, 0: there is none; wait for one. */
long		 open_request(const char *sub);
long		 wait_request(const char *sub);
/* approve or deny, by the token of `sub`; the tool's exit code.  `more` are
 * further options. */
int		 decide(const char *verb, long n, const char *sub,
		    const char *group, const char *more);
/* What it said to stderr holds the text. */
bool		 decide_said(const char *text);

/*
 * The record of request n: asked for once, by this subject; `decisions` ("+boss
 * -boss2": who approved, who refused, in order); and one end with this result.
 */
void		 recorded_as(long n, const char *sub, const char *decisions,
		    const char *result);

/* Reload the policy, with one more line that only says this. */
void		 held_reload(const char *comment);

/* Send an update that sets three rows to held-WHAT. */
void		 send_update(PGconn *, const char *what);
/* How many rows carry this status, seen past the gateway. */
long		 rows(const char *status);
/* Is the answer there? without waiting; the last result; and it is this error. */
bool		 answered(PGconn *);
PGresult	*answer(PGconn *);
void		 answer_is(PGconn *, const char *sqlstate, const char *text);
/* The session answers a query. */
void		 lives(PGconn *);

#endif
