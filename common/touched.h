#ifndef POSTERN_TOUCHED_H
#define POSTERN_TOUCHED_H

#include <stddef.h>

/*
 * What a statement touches, as one text: the engine writes it, the record keeps
 * it, auditd makes rows of it.
 *
 *	read public.customers(email, name); write public.orders(*); more
 *
 * A name that is not of lower-case letters, digits and _ is quoted as in SQL.
 * (*) is every column, no parentheses none that is known; a relation without a
 * schema is not in the catalogue.  `more` ends a list that had no room.
 */
struct touch {
	const char	*access, *relation, *columns;	/* not NUL-terminated */
	size_t		 access_len, relation_len, columns_len;
};

/* 1 and the next one, with *p moved after it; 0 at the end; -1: malformed. */
int	touched_next(const char **p, const char *end, struct touch *);

/* Append the relation (schema may be NULL) or the column, quoted if need be.
 * 0, or -1 and nothing appended when it does not fit. */
int	touched_relation(char *out, size_t size, const char *schema,
	    const char *name);
int	touched_column(char *out, size_t size, const char *name);

#endif
