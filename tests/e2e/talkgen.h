#ifndef POSTERN_E2E_TALKGEN_H
#define POSTERN_E2E_TALKGEN_H

#include "talk.h"

/*
 * Random steps of a conversation, for tests/e2e/denials.sql: statements simple
 * and extended, transactions, portals in parts, COPY, errors, notices.  What
 * they do to a server and what it says depend on the dice alone: not on the
 * role, nor on what other sessions do.
 */

/* Names of statements and portals: this many, and the unnamed ones. */
#define TALK_NAMES	3

/* One name of a statement ("s0") or portal ("p1"), or "". */
const char	*gen_name(struct dice *, char what);
/* A step: one message or a few that belong together.  `n` goes into log. */
void		 gen_step(struct dice *, struct talk *, int n);
/* Prepared statements under some of the names, to begin with. */
void		 gen_prepare(struct dice *, struct talk *);
/*
 * In segments of their own: does each name stand for something, and for what?
 * Ends in no transaction, shows and forgets what this role wrote in log, and
 * leaves no statement prepared.
 */
void		 gen_probe(struct talk *);

#endif
