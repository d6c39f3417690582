#ifndef POSTERN_JUDGE_H
#define POSTERN_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "catalog.h"
#include "ipc_msgs.h"
#include "kinds.h"
#include "policy.h"
#include "rules.h"

/*
 * SQL in, verdict out, without I/O.  A scene is what texts are judged by: one
 * profile, one database, one catalogue snapshot.
 */
struct scene;
struct buf;

/* What a text is judged for; all zero: by nobody, at no time. */
struct analysis;
struct facts;
struct judge_ask {
	enum judge_form		 form;
	/* Need not end with a NUL.  JUDGE_FUNCTION: OID, blank, how many
	 * arguments. */
	const char		*text;
	size_t			 len;
	const struct asker	*asker;		/* rules.h; NULL: nobody */
	enum tri		 in_transaction; /* TRI_ANY: not known */
	time_t			 now;		/* 0: not known */
	/* ESTIMATE_NONE: VERDICT_ESTIMATE may come back. */
	struct estimate		 estimate;
	bool			 detail;	/* kinds, reads and writes too */
	/* May be NULL: told of each statement of the text, before the rules
	 * are asked, with everything that facts.h knows. */
	void			(*note)(void *ctx, const struct analysis *,
				    const struct facts *);
	void			*note_ctx;
};

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
	struct caps		 caps;		/* to be counted; all 0: none */
	char			 sqlstate[6];
	char			 message[LEN_REASON];
	const char		*hint;		/* or NULL; the policy's */
	char			*rewritten;	/* VERDICT_MASK */
	char			*shape;		/* without constants, or NULL */
	size_t			 rewritten_len;
	char			 masked[4096];
	/* VERDICT_STATEMENTS, VERDICT_PORTALS: which name; "": any.  Of a
	 * JUDGE_FUNCTION: schema.name of what it calls. */
	char			 name[LEN_FUNCTION + 1];
	/* Of all rules that fitted: "a, b", the highest, the sum. */
	char			 tags[LEN_TAGS + 1];
	enum severity		 severity;
	uint64_t		 score;
	/* Rules that would have refused, had they not been in observe mode. */
	char			 observed[LEN_TAGS + 1];
	/* An estimate has a part in it: this one. */
	bool			 estimated;
	struct estimate		 estimate;
	/* The snapshot may be old: a name is not in it. */
	bool			 wanted;
	/* What was found, as far as it was looked at: for explain. */
	enum kind		 kinds[VERDICT_KINDS];
	size_t			 nkinds;
	char			 reads[2048], writes[2048]; /* "a.b, c.d" */
	char			 touched[LEN_TOUCHED + 1]; /* touched.h */
};

/*
 * Always fills *out, with a denial when in doubt.  Needs a large stack (see
 * bigstack_run() in sqltree.h).
 */
void	judge_for(const struct scene *, const struct judge_ask *,
	    struct verdict *out);
/* The same, asked by nobody and at no time. */
void	judge_text(const struct scene *, enum judge_form, const char *text,
	    size_t len, bool detail, struct verdict *out);
/* Free what the verdict owns. */
void	verdict_clear(struct verdict *);
/* As one JSON object: policyctl explain. */
int	verdict_json(const struct verdict *, struct buf *);

#endif
