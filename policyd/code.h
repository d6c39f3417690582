#ifndef POSTERN_CODE_H
#define POSTERN_CODE_H

#include "analysis.h"

/*
 * Code that a statement runs: the body of DO, the procedure of CALL.  What is
 * inside is added to the analysis as if it stood in the text: units,
 * relations, and its trees as bodies.  What cannot be looked into adds a unit
 * `opaque`, a text that is made at run time a unit `dynamic`.
 */
void	code_do(struct analysis *, const PgQuery__DoStmt *);
void	code_call(struct analysis *, const PgQuery__CallStmt *);

#endif
