#ifndef AUDITD_ROWSTERM_H
#define AUDITD_ROWSTERM_H

#include <stdio.h>

#include "answer.h"

/*
 * A recorded answer as psql's aligned format shows it, each line after
 * `before`.  Its texts pass through visible_text(), also newlines in cells.
 */
void	rowsterm_print(FILE *, const struct answer *, const char *before);

#endif
