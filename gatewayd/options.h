#ifndef POSTERN_OPTIONS_H
#define POSTERN_OPTIONS_H

#include <stddef.h>

/*
 * The startup parameter `options`: switches as for the server's command line,
 * words apart by white space, a backslash before what is meant as it is
 * (PostgreSQL 34.1.2, pg_split_opts()).  Of switches there are two here:
 * -c name=value (or -cname=value) and --name=value.  Pure.
 */
/*
 * The next setting; *pp moves on.  1: there is one, in name and value (a dash
 * in the name is an underscore); 0: the end; -1: another switch, or one that is
 * malformed or too long.
 */
int	options_next(const char **pp, char *name, size_t namelen, char *value,
	    size_t valuelen);

#endif
