#ifndef POSTERN_FACTS_H
#define POSTERN_FACTS_H

#include "analysis.h"

/*
 * What a statement touches beyond kinds and relations: columns, functions, and
 * whether its writes pin a row.  Found only where a rule looks at it, in a
 * walk of its own over the tree after analysis_statement().  In doubt a column
 * is read, and a function is of every class.
 */
#define FACT_READ	0x01
#define FACT_WRITTEN	0x02

struct fact_cols {		/* of the analysis' ref of the same index */
	uint8_t		*cols;		/* FACT_* by column of its relation */
	bool		 unknown;	/* the relation is not in the snapshot */
	uint8_t		 some;		/* unknown: FACT_* of some column */
};

struct fact_call {
	const char	*name;
	const char	**full;		/* "schema.name" of all that it may be */
	size_t		 nfull;
	unsigned int	 may, must;	/* FN_C_* */
	struct fact_call *next;
};

/* Of a unit's write; the same index. */
enum fact_keyed { KEYED_NONE, KEYED_UNKNOWN, KEYED_NO, KEYED_YES };
struct fact_unit {
	enum fact_keyed	 keyed;
	bool		 deletes;	/* rows, or the relation */
};

struct facts {
	struct fact_cols	*cols;
	struct fact_unit	*units;
	struct fact_call	*calls;
	bool			 nomem;
};

/* `looks` are LOOK_* of policy.h.  All is in the analysis' arena. */
void	facts_collect(struct facts *, const struct analysis *,
	    const PgQuery__Node *stmt, unsigned int looks);

#endif
