#ifndef POSTERN_ROLESQL_H
#define POSTERN_ROLESQL_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "policy.h"

/*
 * Names, marks and SQL texts of minted roles.  Pure: no I/O.  All that adds to
 * a buffer returns -1 when it has no room.
 */
#define ROLE_PREFIX	"pst_"
#define INSTANCE_LEN	10	/* lowercase letters and digits */
#define ROLE_COMMENT	512

/* Appends "name", 'text', with all that is hostile in them quoted. */
int	sql_ident(struct buf *, const char *name);
int	sql_literal(struct buf *, const char *text);
/* Appends formatted text; what is %s in it is trusted. */
int	sql_add(struct buf *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* A NUL behind it: the text as a C string, or NULL. */
const char *sql_text(struct buf *);

/* Is it one? */
bool	role_instance_ok(const char *instance);
/* pst_<instance>_<session>; -1 when either is not of the form (D25). */
int	role_name(const char *instance, const char *session,
	    char out[LEN_NAME + 1]);
/* The session of a role of this instance's, else NULL; points into `role`. */
const char *role_session(const char *instance, const char *role);

/*
 * The mark by which a sweep knows a role for ours.  `until` is for people;
 * `owner` may be NULL.  -1: it does not fit.
 */
int	role_comment(const char *instance, const char *session,
	    const char *until, const char *owner, char out[ROLE_COMMENT]);
/*
 * Is the comment that mark of this role?  Then `owner` gets the name that the
 * mark holds, "" for none.
 */
bool	role_comment_ours(const char *comment, const char *instance,
	    const char *role, char owner[LEN_NAME + 1]);

struct role_mint {
	const char			*role, *broker, *verifier;
	const char			*until;		/* NULL: no limit */
	const char			*comment;
	const struct role_spec		*spec;
	const struct setting		*settings;
	size_t				 nsettings;
};

/*
 * The statements between BEGIN and COMMIT that make the role.  What the roles
 * that it names must be is role_sql_check()'s to ask.
 */
int	role_sql_mint(const struct role_mint *, struct buf *out);
/* GRANT ... ON ... TO role, without anything behind it. */
int	role_sql_grant(const struct role_grant *, const char *role,
	    struct buf *out);
/*
 * A query of all roles that the spec names, one row each: name, 'member' or
 * 'owner', and whether it exists, may log in, is a superuser, may create
 * roles.  Appends nothing when it names none.
 */
int	role_sql_check(const struct role_spec *, struct buf *out);

#endif
