#ifndef POSTERN_ANALYSIS_H
#define POSTERN_ANALYSIS_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "catalog.h"
#include "kinds.h"
#include "policy.h"
#include "protect.h"
#include "rewrite.h"
#include "sqltree.h"

/*
 * What one statement is and touches, found in one walk of its tree.  Shared by
 * the files of the engine that do the walk: analysis.c (statements, kinds),
 * scope.c (SELECT and DML, relations), names.c (functions, operators, types,
 * columns).
 */

/* The schemas that unqualified names are looked for in. */
#define SEARCH_PATH_MAX	16
struct search_path {
	char	*schemas[SEARCH_PATH_MAX];
	size_t	 n;
	bool	 pinned;	/* the profile's settings say so */
	bool	 catalog_listed; /* pg_catalog stands where it is listed */
};

/* What statements are judged by: see judge.h. */
struct scene {
	const struct profile	*profile;
	const struct catalog	*cat;		/* or NULL */
	struct protect		*protect;	/* NULL: no masks, or no cat */
	bool			 masked;	/* the profile has masks */
	bool			 relations;	/* rules look at relations */
	unsigned int		 looks;		/* LOOK_*: at what else */
	struct search_path	 path;
};

/* A relation that the statement names. */
struct ref {
	const struct cat_rel	 *rel;		/* NULL: not in the snapshot */
	const struct protect_rel *prot;		/* masked; to be replaced */
	const PgQuery__RangeVar	 *rv;		/* NULL: named in a list */
	const PgQuery__CopyStmt	 *copy;		/* COPY of it, or NULL */
	const char		 *name;		/* "schema.table" or NULL */
	bool			  write;
};

/* A part of the statement that needs leave of its own. */
struct unit {
	enum kind	 kind;
	size_t		 w0, w1;	/* writes: those of refs [w0, w1) */
};

struct from_item {
	const char			*alias;
	const struct cat_rel		*rel;	/* NULL: columns not known */
	const struct protect_rel	*prot;	/* masked, replaced or not */
	const PgQuery__RangeVar		*rv;	/* NULL: not by its name */
	bool				 renamed;	/* column aliases */
	bool				 joined; /* a join with a masked one */
	bool				 raw;	/* pg_class, pg_attribute */
	struct from_item		*next;
};

struct level {
	struct level			*up;
	struct from_item		*items;
	const PgQuery__SelectStmt	*select;	/* or NULL */
};

struct cte {
	const char	*name;
	struct cte	*next;
};

struct analysis {
	const struct scene	*scene;
	struct arena		*arena;
	struct unit		*units;
	size_t			 nunits, capunits;
	struct ref		*refs;
	size_t			 nrefs, caprefs;
	/* Trees of code that the statement runs (code.c); codes own them. */
	const PgQuery__Node	**bodies;
	size_t			 nbodies, capbodies;
	struct sqltree		*codes;
	size_t			 ncodes, capcodes;
	size_t			 nprotected;
	struct splice		*edits;		/* beside those of refs */
	size_t			 nedits, capedits;
	int			 depth;		/* views within views */
	const PgQuery__Node	*whole;		/* the statement itself */
	/* seen */
	bool	 unproven;	/* something that may write or wait */
	bool	 locking;	/* FOR UPDATE and its kin */
	bool	 unresolved;	/* a relation that the snapshot lacks */
	bool	 executes;	/* EXECUTE, FETCH: means what it meant before */
	bool	 explain, explain_analyze;
	bool	 dml;
	/* A catalogue that tells sizes or values, and such a column's name. */
	bool	 raw_catalog, raw_whole;
	bool	 upsert;	/* ON CONFLICT DO UPDATE */
	/* A masked column or what may hold one, read anywhere. */
	const char	*masked_use;
	const char	*masked_returned;	/* the same, by RETURNING */
	bool	 masked_set;	/* an UPDATE writes one, as the policy allows */
	const char	*system_column, *raw_column, *reg_cast;
	bool	 three_part;
	enum kind	 kind;		/* of the statement itself */
	/* the first reason why a profile with masks (or any) refuses it */
	bool	 refused;
	bool	 nomem;
	bool	 wanted;	/* because of the snapshot: read it again */
	const char *refused_by;	/* in the place of a rule; NULL: the masks */
	char	 message[512];
	const char *sqlstate;
	/* state of the walk */
	struct level	*level;
	struct cte	*ctes;
	bool		 pred;		/* in WHERE and the like */
	bool		 sort;		/* in ORDER BY */
	bool		 sub_pred;	/* the next sub-select's result is */
	bool		 utility;	/* plain RangeVars are written */
	unsigned int	 code_depth;	/* procedures within procedures */
};

/* Everything above `level` of one statement.  The rest must be zero but scene
 * and arena. */
void	analysis_statement(struct analysis *, const PgQuery__Node *);
/* Gives back the trees of code; the rest is the arena's. */
void	analysis_clear(struct analysis *);
/* Proven to write nothing, to lock nothing and to wait for nothing. */
bool	analysis_readonly(const struct analysis *);

/* For the files of the walk. */
void	analysis_refuse(struct analysis *, const char *sqlstate,
	    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void	analysis_unit(struct analysis *, enum kind, size_t w0, size_t w1);
/* Room for one more element of an array in the arena; NULL: no memory. */
void	*analysis_grow(struct analysis *, void *, size_t n, size_t *cap,
	    size_t size);
/* Index of the new ref. */
size_t	analysis_ref(struct analysis *, const PgQuery__RangeVar *,
	    const char *schema, const char *name, bool write);

/* One more change of the text, but of a relation. */
void	analysis_edit(struct analysis *, const struct splice *);
/* writes.c: what a profile with masks says to the statement's writes. */
void	writes_check(struct analysis *);
/* The same of the columns that it sets in a table with masks. */
void	writes_set(struct analysis *, const struct cat_rel *,
	    PgQuery__Node *const *targets, size_t n);
/* returning.c: a RETURNING that lists plain columns of `target`, alone in its
 * statement, shows masked ones by their masks.  False: it is to be walked. */
bool	returning_masked(struct analysis *, const struct ref *target,
	    PgQuery__Node *const *, size_t n);
/* views.c: the view as a derived table that masks, or NULL: refused, or not to
 * be had. */
const struct protect_rel *views_masked(struct analysis *,
	    const struct cat_rel *);

/* exprs.c: any node or message. */
void	scope_walk(struct analysis *, const ProtobufCMessage *);
/* scope.c; false: it is none of SELECT and the DML statements. */
bool	scope_statement(struct analysis *, const PgQuery__Node *);
void	scope_select(struct analysis *, const PgQuery__SelectStmt *);

/* targets.c: does the select list have what is grouped or ordered by? */
bool	targets_have(const PgQuery__SelectStmt *, const PgQuery__Node *);
/* Refuses a column that a primary key would let through a grouping. */
void	targets_check_groups(struct analysis *, const PgQuery__SelectStmt *);

/* names.c: each may refuse. */
void	names_function(struct analysis *, const PgQuery__FuncCall *);
void	names_operator(struct analysis *, PgQuery__Node *const *, size_t);
void	names_operator_word(struct analysis *, const char *);
void	names_expr(struct analysis *, const PgQuery__AExpr *);
void	names_type(struct analysis *, const PgQuery__TypeName *);
void	names_column(struct analysis *, const PgQuery__ColumnRef *);
void	names_field(struct analysis *, const char *);
void	names_using(struct analysis *, const char *column);

#endif
