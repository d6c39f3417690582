#ifndef POSTERN_SQLNAMES_H
#define POSTERN_SQLNAMES_H

#include <stdbool.h>

/* What is known of pg_catalog's names, PostgreSQL 15 to 18.  Bytewise names. */
enum fn_class {
	FN_UNKNOWN,	/* not on the list: not in a profile with masks */
	FN_SAFE,	/* reads nothing but its arguments and the catalogue */
	FN_VOLATILE	/* the same, but not proven to write nothing */
};

enum fn_class	 sqlname_function(const char *);
/* One that tells a size on disk; a call of it can become NULL. */
bool		 sqlname_size(const char *);
/*
 * Could x.name, where x may be a row or a value of any type and has no such
 * column, be a call that matters (functional notation)?
 */
bool		 sqlname_notation(const char *);
/* A type of pg_catalog that a cast may name; reg* types are not among them. */
bool		 sqlname_type(const char *);
bool		 sqlname_regtype(const char *);
/* A relation of pg_catalog that shows neither data nor statements. */
bool		 sqlname_catalog(const char *);
/* One of those that tells sizes or values of data, in some columns. */
bool		 sqlname_raw_catalog(const char *);
bool		 sqlname_raw_column(const char *);
bool		 sqlname_system_column(const char *);
/* A parameter that a session with masks may set to anything. */
bool		 sqlname_setting(const char *);

#endif
