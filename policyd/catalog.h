#ifndef POSTERN_CATALOG_H
#define POSTERN_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A database's catalogue snapshot, read from the keeper's records
 * (catalog_recs.h) and indexed.  Immutable after loading; all that it returns
 * lives as long as it does.
 */
struct catalog;

struct cat_col {
	uint32_t	 attnum;
	const char	*name;
	uint32_t	 type;
	const char	*type_name;	/* as the SQL text of a type */
	uint8_t		 category;	/* 'S': a string */
	bool		 domain, generated, notnull;
};

struct cat_uniq {
	uint32_t	*attnums;
	size_t		 n;
	struct cat_uniq	*next;
};

struct cat_rel {
	uint32_t	 oid;
	const char	*schema, *name;
	uint8_t		 kind;		/* relkind */
	bool		 system;	/* pg_catalog, information_schema */
	bool		 rowsecurity, rules, triggers;
	/* Reading (writing) it runs a function that somebody made, or one of
	 * the server's that is not known to be harmless. */
	bool		 read_calls, write_calls;
	/* A cast of somebody's own may run on a column of it. */
	bool		 cast_calls;
	struct cat_col	*cols;		/* by attnum */
	size_t		 ncols;
	const char	*definition;	/* of a view ('v', 'm'), or NULL */
	struct cat_uniq	*keys;
	struct cat_word	*words;
	size_t		 index;		/* 0 .. catalog_nrels() - 1 */
	/* chains of the indexes; use catalog_next_named() */
	struct cat_rel	*next_name, *next_oid;
};

/* A word with a colon in a COMMENT or a SECURITY LABEL. */
struct cat_word {
	uint32_t	 attnum;	/* 0: of the relation */
	const char	*word;
	struct cat_word	*next;
};

/* Outside pg_catalog and information_schema. */
struct cat_fn {
	const char	*schema, *name, *language;
	uint8_t		 volatility;	/* provolatile */
	bool		 definer, procedure;
	const char	*code;		/* catalog_recs.h; may be empty */
	const char	*sets;		/* likewise */
	struct cat_fn	*next;		/* of the index */
};

struct cat_dep {
	const struct cat_rel	*rel, *on;
	uint8_t			 why;		/* catalog_recs.h */
	uint32_t		 attnum;	/* of `on`; 0: any */
	uint32_t		 target;	/* catalog_recs.h */
};

/*
 * Reads all of `fd` (not closed).  NULL when it is not one complete snapshot;
 * *why then is a constant sentence.
 */
struct catalog	*catalog_load(int fd, const char **why);
/* The same from memory, which is not kept. */
struct catalog	*catalog_parse(const uint8_t *, size_t, const char **why);
void		 catalog_free(struct catalog **);

/* The server's major version. */
unsigned int	 catalog_server(const struct catalog *);
size_t		 catalog_nrels(const struct catalog *);
const struct cat_rel *catalog_rel(const struct catalog *, size_t index);
const struct cat_rel *catalog_by_oid(const struct catalog *, uint32_t);
const struct cat_rel *catalog_find(const struct catalog *,
		    const char *schema, const char *name);
/* Every relation of that name, in whatever schema: first and next. */
const struct cat_rel *catalog_named(const struct catalog *, const char *name);
const struct cat_rel *catalog_next_named(const struct cat_rel *);
/* NULL when there is none. */
const struct cat_col *catalog_col(const struct cat_rel *, const char *name);
const struct cat_dep *catalog_deps(const struct catalog *, size_t *n);
/* A function (operator) of that name outside pg_catalog. */
bool		 catalog_has_function(const struct catalog *, const char *name,
		    const char *schema);	/* schema NULL: any */
/* Every function of that name, in whatever schema: first and next. */
const struct cat_fn *catalog_function(const struct catalog *,
		    const char *name);
const struct cat_fn *catalog_next_function(const struct cat_fn *);
/* The function (pg_catalog's too) of this OID; false: there is none. */
bool		 catalog_numbered(const struct catalog *, uint32_t oid,
		    const char **schema_r, const char **name_r);
bool		 catalog_has_operator(const struct catalog *, const char *name,
		    const char *schema);	/* schema NULL: any */
/* Somebody made a cast with a function that leads to (or from) this type. */
bool		 catalog_has_cast(const struct catalog *, const char *schema,
		    const char *name);		/* schema NULL: any */
/* One between built-in types, which expressions run without naming it. */
bool		 catalog_hidden_casts(const struct catalog *);
/* The function of the mask `token` is installed. */
bool		 catalog_tokens(const struct catalog *);
/* The i-th type that values of the column's type are or hold, by name; NULL
 * behind the last. */
const char	*catalog_holds(const struct catalog *, uint32_t type,
		    size_t i);
bool		 catalog_has_schema(const struct catalog *, const char *name);
/* Some column is of this type (not a domain) outside pg_catalog. */
bool		 catalog_has_type(const struct catalog *, const char *schema,
		    const char *name);		/* schema NULL: any */

#endif
