#ifndef POSTERN_MASK_H
#define POSTERN_MASK_H

#include "buf.h"
#include "catalog.h"
#include "policy.h"

/* Append a quoted identifier.  -1: no room. */
int	mask_ident(struct buf *, const char *);
/*
 * Append "(SELECT <columns> FROM <schema>.<name> AS pst)": every column of the
 * relation in order, those with a rule in `rules` (one pointer for each column)
 * by their mask.  `sql`, if it is not NULL, is "(SELECT ...)" with the same
 * columns, which stands for <schema>.<name>.  -1: no room, or a column's type has no name that can be
 * written.
 */
int	mask_select(struct buf *, const struct cat_rel *,
	    const struct mask_rule *const *rules, const char *sql);

/* Append what shows this column of the table with this alias (NULL: pst), of
 * its type. */
int	mask_column(struct buf *, const struct cat_col *,
	    const struct mask_rule *, const char *alias);

/* "partial {keep_domain: true}", or "null: redact does not fit integer". */
void	mask_describe(const struct cat_col *, const struct mask_rule *,
	    char *buf, size_t size);

#endif
