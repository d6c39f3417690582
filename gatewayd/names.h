#ifndef POSTERN_NAMES_H
#define POSTERN_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "estimate.h"
#include "verdicts.h"

/*
 * What the names of prepared statements and portals stand for in the server,
 * as the gateway follows it.  A map holds the state *after everything that was
 * forwarded*; each change is provisional until the server has answered it, and
 * is undone when the server refused or skipped it.
 */

/* A statement that was parsed: its text, its verdict, its number. */
struct stmt {
	unsigned int	 refs;
	uint64_t	 number;	/* of its prepare event */
	uint64_t	 pos;		/* where that ends in the spool */
	/* A portal whose statement a person approved: the request, and the
	 * verdict that it was for. */
	uint32_t	 approval;
	struct verdict	*approved;
	uint64_t	 held_us;	/* how long that took */
	/* A portal whose answers are capped: what it has answered so far. */
	bool		 counted;
	uint64_t	 rows, bytes;
	size_t		*total;		/* the session's bytes of text */
	struct stmt	*base;		/* whose text it has; NULL: its own */
	/* Made by SQL: no Bind or Execute may use it.  A cursor that outlives
	 * its transaction. */
	bool		 by_sql, lasts;
	bool		 stale;		/* the policy would have it otherwise */
	uint8_t		*params;	/* of a portal (bound.h); NULL: none */
	size_t		 params_len;
	/* A portal that was judged by an estimate: what that was. */
	struct est	*est;
	uint8_t		*types;		/* behind a Parse's text; NULL: none */
	size_t		 types_len;
	struct verdict	*verdict;
	struct columns	*columns;	/* once described, and of use */
	uint8_t		*text;
	size_t		 len;
};

/*
 * Copies the text, refers to the verdict; NULL when memory is out or the
 * texts of all statements that count into *total would be over STMT_BYTES.
 * `total` must outlive the statement.
 */
struct stmt	*stmt_new(uint64_t number, const uint8_t *text, size_t len,
		    struct verdict *, size_t *total);
/*
 * `base` as a portal, with parameters of its own: shares the text, copies the
 * rest and `params`.  NULL as above; the parameters count into *total.
 */
struct stmt	*stmt_bind(struct stmt *base, const uint8_t *params,
		    size_t len);
struct stmt	*stmt_ref(struct stmt *);
void		 stmt_unref(struct stmt **);

/* Its parameters' types, as the Parse has them.  -1: no memory. */
int		 stmt_types(struct stmt *, const uint8_t *, size_t len);

struct names;

struct names	*names_new(void);
void		 names_free(struct names **);

/* What a name stands for. */
enum name_state {
	NAME_NONE,	/* nothing, as far as we know */
	NAME_KNOWN,	/* `stmt` */
	NAME_UNSURE	/* a change before the last Sync is not answered yet: wait */
};
/* `segment` counts the Syncs forwarded so far: within one segment an
 * unanswered change may be relied on, since its failure skips what follows. */
enum name_state	 names_get(struct names *, const char *name, uint64_t segment,
		    struct stmt **stmt_r);

/* A change, kept in the pipeline until it is answered. */
struct name_change {
	char		*name;		/* NULL: no change */
	struct stmt	*before, *after;	/* NULL: no such name */
};
/* Set or (stmt NULL) remove a name, provisionally.  -1: memory is out, or over
 * NAMES_MAX names; nothing changed then. */
int		 names_set(struct names *, const char *name, struct stmt *,
		    uint64_t segment, struct name_change *);
/* The server did it; frees the change. */
void		 names_confirm(struct names *, struct name_change *);
/*
 * The server did not.  Changes are taken back newest first: those behind the
 * next Sync too, since each remembers what was before it; names_again() then
 * makes these once more, oldest first, and names_forget() ends the others.
 */
void		 names_back(struct names *, struct name_change *);
void		 names_again(struct names *, struct name_change *);
void		 names_forget(struct names *, struct name_change *);
/* Forget all names: a statement like DEALLOCATE ALL or DISCARD ALL was run. */
void		 names_clear(struct names *);
/* A transaction has ended: forget all that was set before `segment`, but for
 * what lasts. */
void		 names_expire(struct names *, uint64_t segment);

#define NAMES_MAX	65536
#define STMT_BYTES	(64u * 1024 * 1024)
/* The server compares so many bytes of a name (NAMEDATALEN - 1). */
#define NAME_BYTES	63

#endif
