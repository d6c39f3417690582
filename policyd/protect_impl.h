#ifndef POSTERN_PROTECT_IMPL_H
#define POSTERN_PROTECT_IMPL_H

#include "protect.h"

/* What protect.c, spread.c and matviews.c share; nobody else includes this. */
struct protect {
	const struct profile	*profile;
	const struct catalog	*cat;
	struct protect_rel	**rels;		/* by index of the relation */
	struct protect_rel	**shown;	/* views, catalogues: replaced */
	size_t			 n;
	bool			 sequences;
};

/* The mask of what is computed from masked columns: NULL. */
extern const struct mask_rule	protect_derived;

/* The relation's entry, made when it is not there; NULL: no memory. */
struct protect_rel *protect_make(struct protect *, const struct cat_rel *);
/* Mask a column, or mask it otherwise. */
void	 protect_mask(struct protect_rel *, size_t column,
	    const struct mask_rule *, enum path_how, const struct cat_rel *from);

/* spread.c, each -1 without memory: masks to generated columns, children and
 * parents; then taints to all that reads what is masked. */
int	 spread_columns(struct protect *);
int	 spread_taints(struct protect *);
/* matviews.c: masks to materialized views whose rows do not depend on masked
 * values; before the taints. */
int	 matviews_trace(struct protect *);

#endif
