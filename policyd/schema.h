#ifndef POSTERN_SCHEMA_H
#define POSTERN_SCHEMA_H

#include <stdio.h>

#include "conf.h"

/*
 * A JSON Schema (draft 7) of a YAML file, for editors, from the tables that its
 * parser goes by.  It knows of each value what the table knows; what depends on
 * other values (does that issuer exist?) is for the parser alone.  -1: no
 * memory, or the file cannot be written.
 */
int	schema_print(const char *title, const struct conf_sub *, FILE *);

#endif
