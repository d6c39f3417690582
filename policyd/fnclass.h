#ifndef POSTERN_FNCLASS_H
#define POSTERN_FNCLASS_H

#include <stdbool.h>

/*
 * Classes of functions, as rules name them: volatile, security_definer,
 * runs_sql, files, untrusted.  FN_C_* of policy.h.
 */

/* All of them; ends with NULL. */
extern const char *const fnclass_words[];
/* 0: there is no class of that name. */
unsigned int	 fnclass_bit(const char *word);
/* The server's own function of that name; false: it is not known, and may be
 * anything. */
bool		 fnclass_builtin(const char *name, unsigned int *classes);
/* A language that the server lets ordinary users write in. */
bool		 fnclass_trusted(const char *language);

#endif
