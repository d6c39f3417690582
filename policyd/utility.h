#ifndef POSTERN_UTILITY_H
#define POSTERN_UTILITY_H

#include "analysis.h"

/*
 * utility.c: one statement of any type: its kind, and through scope.c what it holds.
 * Called again for the statement inside EXPLAIN, PREPARE, COPY and so on.
 */
void	utility_statement(struct analysis *, const PgQuery__Node *);
/* stmtkind.c: the kind of the statement itself. */
enum kind utility_kind(const PgQuery__Node *);
enum kind utility_set_kind(const PgQuery__VariableSetStmt *);
enum kind utility_copy_kind(const PgQuery__CopyStmt *);

#endif
