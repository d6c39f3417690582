#ifndef POSTERN_TOUCHES_H
#define POSTERN_TOUCHES_H

#include "judge_impl.h"

/*
 * Add the relations and columns of a statement to the verdict's `touched`
 * (touched.h), for the record.  What has no room becomes `more`.
 */
void	touches_note(struct judgement *, const struct analysis *,
	    const PgQuery__Node *stmt);

#endif
