#ifndef POSTERN_JUDGE_IMPL_H
#define POSTERN_JUDGE_IMPL_H

#include "analysis.h"
#include "judge.h"
#include "rewrite.h"
#include "rules.h"

/* One text that is being judged.  Shared by judge.c and judge_rules.c. */
struct judgement {
	const struct scene	*scene;
	const struct judge_ask	*ask;
	struct verdict		*out;
	struct arena		 arena;
	struct splice		*splices;
	size_t			 nsplices, capsplices;
	size_t			 statements;	/* in the text */
	bool			 readonly;
	bool			 unsure;	/* not to be cached */
	bool			 names;		/* too many: judge_names() */
	bool			 estimable;	/* the planner may be asked */
	struct rules_seen	 seen;
	/* The lowest of the rules that let the statement pass. */
	struct caps		 caps;
	const struct rule	*capped;	/* one that has some; or NULL */
};

/* The verdict is a denial, by this rule, and says so; what is cut is whole. */
void	 judge_deny(struct verdict *, const char *rule, const char *sqlstate,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* To a list "a, b": ", " and the rest, or nothing when it does not fit. */
void	 judge_append(char *list, size_t size, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* This rule would have refused it, and lets it pass. */
void	 judge_observed(struct verdict *, const char *rule);
/* The names that a statement gives, takes or uses, for the worker; sets
 * j->names where it could not be told which. */
void	 judge_names(struct judgement *, const PgQuery__Node *stmt);
/*
 * Ask the profile's rules about every unit of a statement.  false: it is
 * denied, and the verdict says why.
 */
bool	 judge_rules(struct judgement *, const struct analysis *,
	    const PgQuery__Node *stmt);
/* estimable.c: nothing of it is planned, so nothing is to be expected of it. */
bool	 judge_plain(const struct analysis *);
/*
 * EXPLAIN of it runs no code but the server's that is known to be harmless
 * (planning runs immutable and stable functions), and its names mean to another
 * session what they mean to this one.
 */
bool	 judge_estimable(const struct judgement *, const struct analysis *);
/* judge_caps.c: what the caps say to it, after the rules.  false: as above. */
bool	 judge_caps(struct judgement *, const struct analysis *);

#endif
