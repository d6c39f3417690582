#ifndef POSTERN_RULES_H
#define POSTERN_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <jansson.h>

#include "facts.h"
#include "kinds.h"
#include "policy.h"

/* Who sends a statement; what is not known is NULL. */
struct asker {
	const json_t	*claims;
	const char	*application;
	const char	*client;	/* address; see network.h */
};

/* What the server's planner expects of a statement (D15). */
enum estimate_state {
	ESTIMATE_NONE,		/* none yet: as if it were small */
	ESTIMATE_KNOWN,
	ESTIMATE_FAILED,	/* there is none: as if it were large */
	ESTIMATE_PLAINLY	/* nothing is planned: it has no part */
};
struct estimate {
	enum estimate_state	 state;
	uint64_t		 rows;	/* answered or touched, if that is more */
	uint64_t		 cost;	/* in the planner's units, rounded up */
};

/* What a rule's conditions look at: one unit of a statement. */
struct rule_facts {
	enum kind		 kind;
	/* "schema.table"; NULL: a name that could not be resolved. */
	const char *const	*reads;
	size_t			 nreads;
	const char *const	*writes;	/* by this kind's part only */
	size_t			 nwrites;
	const struct analysis	*analysis;	/* for the next */
	const struct facts	*facts;
	struct fact_unit	 unit;
	/* Of the whole text. */
	const char		*text;
	size_t			 len;
	size_t			 statements;
	enum tri		 in_transaction; /* TRI_ANY: not known */
	time_t			 now;		/* 0: not known */
	const struct asker	*asker;		/* NULL: nobody */
	struct estimate		 estimate;
};

/* What the answer depends on besides the text. */
struct rules_seen {
	unsigned int	 looks;		/* LOOK_* that had a part in it */
	bool		 unsure;	/* something could not be resolved */
};

/*
 * The next rule, from *at on, whose conditions hold, and *at behind it; NULL
 * when there is none.
 *
 * Conditions are taken strictly in a rule that allows: `reads` holds when
 * every relation read fits, `writes` when every relation written does and
 * there is one, and what is not known does not hold.  They are taken widely in
 * any other rule: one relation that fits is enough, and what is not known
 * holds (fail closed).  Under `not` it is the other way about.
 */
const struct rule *rules_next(const struct profile *, size_t *at,
		    const struct rule_facts *, struct rules_seen *);
/* Allowed where no rule fits: ends and beginnings that change nothing. */
bool		 rules_harmless(enum kind);
/* LOOK_* of all rules. */
unsigned int	 rules_look(const struct profile *);

/* Does this profile let everything pass, whatever it is?  Its first rule is an
 * allow without any condition, and nothing is masked, weighed or capped. */
bool	 rules_open(const struct profile *);
/* Does a rule of this profile hold anything? */
bool	 rules_hold(const struct profile *);

#endif
