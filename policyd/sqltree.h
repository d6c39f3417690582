#ifndef POSTERN_SQLTREE_H
#define POSTERN_SQLTREE_H

#include <stdbool.h>
#include <stddef.h>

#include <pg_query/pg_query.pb-c.h>

#include "arena.h"

/*
 * A text as PostgreSQL's own grammar sees it (libpg_query), as a protobuf-c
 * tree in an arena.  Only files of the engine know its structs.
 */
struct sqltree {
	struct arena		 arena;
	PgQuery__ParseResult	*root;
};

/* The major version of PostgreSQL whose grammar it is. */
extern const unsigned int sqltree_major;

struct sql_error {
	char	message[256];
	int	position;	/* character, from 1; 0: unknown */
};

/*
 * The text must have passed prescan() and end with a NUL.  -1 with an error.
 * Needs a large stack: see bigstack_run().
 */
int	sqltree_parse(struct sqltree *, const char *text, struct sql_error *);
void	sqltree_free(struct sqltree *);

/*
 * The plpgsql of a whole DO or CREATE statement as libpg_query's JSON; to
 * free().  NULL when it does not parse, or memory is out.
 */
char	*sqltree_plpgsql(const char *text);

/*
 * A text that parses with $n for each constant; to free().  NULL when memory is
 * out.
 */
char	*sqltree_shape(const char *text);

/*
 * Are two trees the same but for the locations?  `hook` (may be NULL) is asked
 * first for every pair of nodes: 1 equal, 0 different, -1 look for yourself.
 */
typedef int	sqltree_hook(void *ctx, const PgQuery__Node *a,
		    const PgQuery__Node *b);
bool	sqltree_equal(const ProtobufCMessage *a, const ProtobufCMessage *b,
	    sqltree_hook *hook, void *ctx);

/* Call fn for every direct child message. */
void	sqltree_children(const ProtobufCMessage *,
	    void (*fn)(void *ctx, const ProtobufCMessage *), void *ctx);

/* The member of the union that a node holds; NULL when it holds none. */
const ProtobufCMessage *sqltree_member(const PgQuery__Node *);

/* The text of a String node, else "". */
const char	*node_string(const PgQuery__Node *);

/* Run fn in a thread with a stack of 256 MiB; -1 when that cannot be had. */
int	bigstack_run(void (*fn)(void *), void *arg);

#endif
