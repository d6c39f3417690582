#ifndef POSTERN_JUDGE_H
#define POSTERN_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog.h"
#include "ipc_msgs.h"
#include "kinds.h"
#include "policy.h"

/*
 * SQL in, verdict out, without I/O.  A scene is what texts are judged by: one
 * profile, one database, one catalogue snapshot.
 */
struct scene;
struct buf;

/*
 * `database` is the key in policy.yaml.  The catalogue may be NULL: then a
 * profile with masks is refused nearly everything.  Profile and catalogue must
 * outlive the scene.  NULL: no memory.
 */
struct scene	*scene_new(const struct profile *, const char *database,
		    const struct catalog *);
void		 scene_free(struct scene **);
/* The guard pairs of ipc_msgs.h; -1: there are more than fit. */
int		 scene_guard(const struct scene *, struct buf *);

#define VERDICT_KINDS	16

struct verdict {
	enum verdict_action	 action;
	uint32_t		 flags;		/* VERDICT_* */
	/* Its name, or "(masks)", "(parser)", "(default)". */
	const char		*rule;
	int			 rule_line;	/* in the policy; 0: none */
	enum kind		 kind;		/* of the first statement */
	char			 sqlstate[6];
	char			 message[LEN_REASON];
	const char		*hint;		/* or NULL; the policy's */
	char			*rewritten;	/* VERDICT_MASK */
	size_t			 rewritten_len;
	char			 masked[4096];
	/* VERDICT_STATEMENTS, VERDICT_PORTALS: which name; "": any. */
	char			 name[LEN_NAME + 1];
	/* The snapshot may be old: a name is not in it. */
	bool			 wanted;
	/* What was found, as far as it was looked at: for explain. */
	enum kind		 kinds[VERDICT_KINDS];
	size_t			 nkinds;
	char			 reads[2048], writes[2048]; /* "a.b, c.d" */
};

/*
 * The text need not end with a NUL.  Always fills *out, with a denial when in
 * doubt; `detail` asks for kinds, reads and writes.  Needs a large stack (see
 * bigstack_run() in sqltree.h).
 */
void	judge_text(const struct scene *, enum judge_form, const char *text,
	    size_t len, bool detail, struct verdict *out);
/* Free what the verdict owns. */
void	verdict_clear(struct verdict *);
/* As one JSON object: policyctl explain. */
int	verdict_json(const struct verdict *, struct buf *);

#endif
