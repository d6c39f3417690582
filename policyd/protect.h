#ifndef POSTERN_PROTECT_H
#define POSTERN_PROTECT_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "catalog.h"
#include "policy.h"
#include "sqltree.h"

/*
 * What the masks of one profile mean for one catalogue snapshot: which columns
 * are masked and by what, and which other relations show them.
 */
struct protect;

/* Why any use of a relation is refused: no reference to it can be replaced. */
enum taint {
	TAINT_NONE,
	TAINT_SHOWS,	/* it shows a protected column of `source` */
	TAINT_POLICY,	/* row security of `source` reads its masked columns */
	TAINT_CALLS,	/* reading `source` runs what somebody made */
	TAINT_FOREIGN	/* it reads the foreign table `source` */
};

/* Why a column is masked. */
enum path_how {
	PATH_NONE,
	PATH_COLUMNS, PATH_TYPES, PATH_TAGS,	/* a rule names it */
	PATH_GENERATED,		/* computed from others of its relation */
	PATH_INHERITED,		/* from a parent, a child, a partition: `from` */
	PATH_MATVIEW		/* filled from `from` */
};

struct protect_path {
	enum path_how		 how;
	const struct cat_rel	*from;	/* or NULL */
};

struct protect_rel {
	const struct cat_rel		*rel;
	const struct mask_rule		**mask;	/* by column, or NULL */
	struct protect_path		*path;	/* by column */
	size_t				 nmasked;	/* 0, not tainted:
							 * it reads a protected
							 * relation's other
							 * columns */
	bool				 traced; /* matviews.c has masked it */
	enum taint			 taint;
	const struct cat_rel		*source;	/* of the taint */
	char				*sql;	/* "(SELECT ... FROM ...)" */
	struct sqltree			 tree;	/* SELECT * FROM <sql> AS x */
	const PgQuery__Node		*subquery;	/* in tree */
};

/* Both must outlive it.  `database` is the key in policy.yaml.  NULL: no
 * memory. */
struct protect	*protect_new(const struct profile *, const char *database,
		    const struct catalog *);
void		 protect_free(struct protect **);
/* NULL: neither masked nor tainted. */
const struct protect_rel *protect_find(const struct protect *,
		    const struct cat_rel *);
/*
 * The same as protect_find() for a relation whose reference is to be replaced:
 * fills sql, tree and subquery.  NULL when its masks cannot be written.
 */
const struct protect_rel *protect_masked(struct protect *,
		    const struct cat_rel *);
/* pg_class or pg_attribute with what tells sizes or values as NULL; NULL when
 * it cannot be written. */
const struct protect_rel *protect_catalog(struct protect *,
		    const struct cat_rel *);
/* Is the column of this number (0: any) masked? */
bool		 protect_attnum(const struct protect_rel *, uint32_t attnum);

/*
 * Views that show protected columns, as derived tables (views.c): the one that
 * is made, or NULL; one to be made, NULL without memory; a column of it that
 * is masked; made, from "(SELECT ...)" in the buffer: NULL when it is not what
 * it must be.
 */
const struct protect_rel *protect_view_known(const struct protect *,
		    const struct cat_rel *);
struct protect_rel *protect_view(struct protect *, const struct cat_rel *);
void		 protect_view_column(struct protect_rel *, size_t column);
const struct protect_rel *protect_view_done(const struct protect *,
		    struct protect_rel *, struct buf *sql);

/* May a column of this relation be masked by name?  (any, in this column) */
bool		 protect_column(const struct protect_rel *, const char *column);
/* The same, and the policy does not let it be written by "insert" or
 * "update". */
bool		 protect_unwritten(const struct protect_rel *,
		    const char *column, const char *what);
/* Some column of it is shown by `token`. */
bool		 protect_tokens(const struct protect_rel *);
/* Some sequence gives the numbers of a masked column. */
bool		 protect_sequences(const struct protect *);
/* (OID, attnum) pairs, little-endian u32, that no answer may show; stops at
 * the buffer's limit and then returns -1. */
int		 protect_guard(const struct protect *, struct buf *);

#endif
