#ifndef POSTERN_REQUEST_H
#define POSTERN_REQUEST_H

#include <sys/queue.h>

#include <jansson.h>

#include "parent.h"

/*
 * One request for approval, in memory and on disk.  For requests.c,
 * decisions.c, grants.c, requestfile.c, requestnotice.c and params.c only.
 *
 * It is about a statement of a session, or about a login; a login that was
 * approved is a grant, while it lives (grants.h).
 */
#define REQUEST_TYPES(M)						\
	M(STATEMENT, "statement")					\
	M(LOGIN, "login")

#define REQUEST_M_ENUM(id, name)	REQUEST_##id,
enum request_type { REQUEST_TYPES(REQUEST_M_ENUM) REQUEST_NTYPES };

#define REQUEST_STATES(M)						\
	M(OPEN, "open")							\
	M(APPROVED, "approved")						\
	M(DENIED, "denied")						\
	M(EXPIRED, "expired")						\
	M(WITHDRAWN, "withdrawn")					\
	M(ENDED, "ended")	/* a grant's time is up ... */		\
	M(REVOKED, "revoked")	/* ... or it was ended before that */

enum request_state { REQUEST_STATES(REQUEST_M_ENUM) REQUEST_NSTATES };
#undef REQUEST_M_ENUM

#define APPROVER_MAX	255
#define DECISIONS_MAX	10	/* approval.minimum's maximum */

struct decision {
	bool	approve;
	char	approver[APPROVER_MAX + 1];
	char	issuer[LEN_KEY + 1];	/* "": a local user */
};

struct request {
	TAILQ_ENTRY(request)	 entry;
	struct parent		*p;
	enum request_type	 type;
	enum request_state	 state;
	uint32_t		 number;	/* what people call it */
	/* Whose: the session's id for it too ("", 0: a login). */
	char			 session[LEN_SESSION + 1];
	uint32_t		 id;
	uint32_t		 ask;	/* its newest question about it; 0: the
					 * last parent was asked */
	char			 issuer[LEN_KEY + 1];
	char			 subject[256];
	json_t			*act;		/* who acts for him, or NULL */
	char			 profile[LEN_KEY + 1];
	char			 database[LEN_KEY + 1];
	char			 role[LEN_NAME + 1];
	char			 peer[LEN_ADDR + 1];
	char			 application[LEN_NAME + 1];
	/* What. */
	char			 rule[LEN_KEY + 1];
	char			 kind[65];
	bool			 in_transaction;
	uint8_t			 estimate;	/* enum estimate_told */
	uint64_t		 est_rows, est_cost;
	char			*text;		/* UTF-8, no NUL; a login: "" */
	json_t			*params;	/* an array */
	/* By whom, until when, under which policy. */
	char			 sha256[65];
	uint64_t		 created;	/* wall us */
	uint64_t		 expires;	/* boot ms; a grant's end */
	uint64_t		 over;		/* boot ms; this run's only */
	bool			 taken_back;	/* by its client; likewise */
	bool			 quiet;		/* hooks do not hear of it */
	char			*shape;		/* without constants, or NULL */
	uint64_t		 length;	/* ms: of the grant, if it is one */
	struct decision		 revoker;	/* REVOKED: by whom */
	struct decision		 decisions[DECISIONS_MAX];
	size_t			 ndecisions;
	struct ev_timer		*timer;
	/* Decided, and to be told when this is committed; 0: told. */
	uint64_t		 commit;
	char			 answer[LEN_REASON + 1];
};
TAILQ_HEAD(request_list, request);

struct requests {
	struct request_list	 list;		/* oldest first */
	uint32_t		 last;		/* number given */
};

const char	*request_state_name(enum request_state);

/* requests.c.  NULL: there is none. */
struct request	*request_find(struct parent *, uint32_t number);
/*
 * A new one in the table, open, that nobody has heard of; its creator fills it
 * in, and opens it or frees it.  NULL: out of memory.
 */
struct request	*request_new(struct parent *, enum request_type);
void	 request_free(struct request *);
/* The rule that holds it, in the policy in force; NULL: none any more. */
const struct rule *request_rule(const struct request *);
/* The session's live one of this id, or NULL. */
struct session;
struct request	*request_of(struct session *, uint32_t id);
/* What the worker hears. */
void	 request_tell(struct session *, uint32_t id, uint32_t ask,
	    uint32_t number, enum hold_answer, const char *sqlstate,
	    const char *message, const char *hint);
void	 request_tell_waiting(struct session *, const struct request *,
	    const struct rule *);
/* Its end, or its approval: when that is committed. */
void	 request_tell_decided(struct request *);
/* Who may decide, by the policy in force; NULL: it is void by now. */
const struct approval *request_approval(const struct request *);
/* "statement", "login" */
const char	*request_type_name(enum request_type);
/* "request 17 waits for approval by group ops until ..." */
void	 request_waits(const struct request *, const struct approval *,
	    char *, size_t);
/* Who acts, as JSON, if it is short; valid until the next call. */
const char	*request_act(const struct request *);
/* Seconds since the epoch of its deadline, for people. */
uint64_t	 request_expires_wall(const struct request *);
/* requestload.c: the last number given, so that none is given twice. */
int		 requests_number_save(struct parent *);
/* Onto the disk; -1 with errno.  And off it. */
int		 request_save(struct request *);
void		 request_unlink(struct request *);
/*
 * On disk, on record, and told to hooks: it has a number then, and its time
 * runs.  -1: it could not be; free it.
 */
int		 request_open(struct request *, const struct approval *);
/*
 * Recorded, on disk, then told when it is committed: what the next parent finds
 * approved is on record.  An approval stays on disk until its session has
 * ended.  -1: it was to be approved and cannot be recorded; nothing happened.
 */
int		 request_end(struct request *, enum request_state,
		    const char *reason);

/* Written whole or not at all, before anybody is told.  -1 with errno. */
int	 requestfile_write(const struct request *, const char *path,
	    bool sync);
/* Fills a zeroed request.  -1: it is none of ours. */
int	 requestfile_read(struct request *, const char *path);

/*
 * Tell the policy's hooks: it waits (until this wall time; again: the parent
 * was restarted), somebody decided, it is over.
 */
void	 requestnotice_open(struct request *, const struct approval *,
	    uint64_t until, bool again);
void	 requestnotice_decided(struct request *, const struct decision *,
	    const char *reason);
void	 requestnotice_end(struct request *, const char *reason);

/*
 * decisions.c: why this person may not decide: "... is your own", NULL if he
 * may.
 */
struct approver;
const char	*decision_refused(const struct request *,
		    const struct approval *, const struct approver *);
/* Approved because another was (leases.h).  -1: it is not. */
int		 decision_by_lease(struct request *, const struct decision *,
		    uint32_t lease);
/*
 * What an engine is to look at, of a statement that is open; slices are of the
 * request.  -1: it is none.
 */
int		 request_explain(const struct request *, struct ipc_explain *);
/* An object for lists. */
json_t		*request_row(const struct request *);
/* Adds to it what the planner expects, if it was asked. */
void		 request_estimate(const struct request *, json_t *);

/* grants.c: somebody whose login waits is let in, or refused. */
void		 grants_decided(struct request *);
/* An approved login is recorded as a grant.  0: it cannot be. */
uint64_t	 grants_record(const struct request *, const char *reason);
/* Its time is up, or what became of it is to be recorded still. */
void		 grants_over(struct request *);

/*
 * A Bind's body behind the names (PostgreSQL 55.7) as a JSON array: text as a
 * string, binary or what is not UTF-8 as {"hex": "..."}, NULL as null.  NULL:
 * malformed, or out of memory.
 */
json_t	*params_json(const uint8_t *, size_t);

#endif
