#ifndef POSTERN_RULELINT_H
#define POSTERN_RULELINT_H

#include <stdio.h>

#include "policy.h"

/*
 * Rules that can never be reached, whatever is sent: one line each to `fp`,
 * "path:line:column: sentence".  Returns how many; SIZE_MAX: no memory.  Every
 * line is true; that there is none does not say that every rule can decide.
 */
size_t	rulelint(const char *path, const struct policy *, FILE *fp);

#endif
