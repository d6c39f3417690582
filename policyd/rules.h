#ifndef POSTERN_RULES_H
#define POSTERN_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "kinds.h"
#include "policy.h"

/* What a rule's conditions look at: one kind, and the statement's relations. */
struct rule_facts {
	enum kind		 kind;
	/* "schema.table"; NULL: a name that could not be resolved. */
	const char *const	*reads;
	size_t			 nreads;
	const char *const	*writes;	/* by this kind's part only */
	size_t			 nwrites;
};

/*
 * The first rule whose conditions hold; NULL when there is none.  In an allow
 * rule `reads` holds when every relation read fits, `writes` when every
 * relation written fits and there is one.  In a deny rule one that fits is
 * enough, and a name that could not be resolved counts as one (fail closed).
 * *unsure is set when an unresolved name had a part in it.
 */
const struct rule *rules_match(const struct profile *,
		    const struct rule_facts *, bool *unsure);
/* Allowed where no rule fits: ends and beginnings that change nothing. */
bool		 rules_harmless(enum kind);
/* Has some rule a condition on relations? */
bool		 rules_name_relations(const struct profile *);

#endif
