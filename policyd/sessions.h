#ifndef POSTERN_SESSIONS_H
#define POSTERN_SESSIONS_H

#include <sys/queue.h>

#include <jansson.h>

#include "parent.h"

/*
 * The sessions: from the moment one is written down (before its descriptors
 * are handed over, D7) until no process writes its spool any more.  In memory
 * here; the files are sessionfile.h's.
 */
struct worker;

#define SESSION_STATES(M)						\
	M(OPENING, "opening")	/* written down, not handed over */	\
	M(OPEN, "open")		/* its worker has it */			\
	M(READY, "ready")	/* the backend said ReadyForQuery */	\
	M(ENDING, "ending")	/* told to end */			\
	M(ENDED, "ended")	/* the worker said so; it may yet write */

#define SESSION_M_ENUM(id, name)	SESSION_##id,
enum session_state { SESSION_STATES(SESSION_M_ENUM) SESSION_NSTATES };
#undef SESSION_M_ENUM

/* What its deadline is from. */
#define SESSION_LIMITS(M)						\
	M(TTL, "ttl", "session time limit reached")			\
	M(TOKEN, "token", "the token of this session has expired")	\
	M(GRANT, "grant", "the grant of this session has expired")

#define SESSION_M_LIMIT(id, name, message)	LIMIT_##id,
enum session_limit { SESSION_LIMITS(SESSION_M_LIMIT) SESSION_NLIMITS };
#undef SESSION_M_LIMIT

/* Of a client's cancel key: protocol 3.0 has no room for more, 3.2 has. */
#define CLIENT_KEY_SHORT	4
#define CLIENT_KEY_LONG		32

struct session {
	TAILQ_ENTRY(session)	 entry;
	struct parent		*p;
	enum session_state	 state;
	char			 id[LEN_SESSION + 1];
	/* Whose it is, from gatewayd's master's word only (D7). */
	uint32_t		 master, worker;
	struct worker		*w;		/* NULL: not attached */
	bool			 shared;
	char			 profile[LEN_KEY + 1];
	char			 database[LEN_KEY + 1];
	char			 issuer[LEN_KEY + 1];
	char			 subject[256];
	char			 role[LEN_NAME + 1];
	char			 peer[LEN_ADDR + 1];
	char			 application[LEN_NAME + 1];
	char			*claims;	/* JSON, or NULL: not known */
	uint64_t		 started;	/* wall us */
	uint64_t		 deadline;	/* boot ms; 0: none */
	enum session_limit	 limit;		/* ... is whose */
	uint32_t		 grant;		/* its number; 0: needs none */
	uint32_t		 pid;		/* of the backend; 0: unknown */
	char			 backend_start[41];	/* "": unknown */
	bool			 up_told, over_told;	/* to the keeper */
	bool			 grace_over;	/* next, its worker dies */
	uint8_t			 key[256];	/* of the backend */
	size_t			 keylen;
	uint8_t			 client_key[CLIENT_KEY_LONG];
	size_t			 client_keylen;
	uint64_t		 missed_since;	/* boot ms; of the count */
	unsigned int		 missed;	/* wrong cancel keys (cancel.c) */
	bool			 wants_channel;	/* a new one, to an engine */
	uint32_t		 hold_id, hold_ask;	/* its newest (hold_ask) */
	struct ev_timer		*timer;		/* deadline, then grace */
	char			 reason[LEN_REASON + 1];	/* of its end */
};
TAILQ_HEAD(session_list, session);

/* Makes the table and reads what the last parent wrote down. */
void	 sessions_init(struct parent *);
/* sessionload.c: the second half of it. */
void	 sessions_load(struct parent *);
struct session_list *sessions_all(struct parent *);

struct session	*sessions_find(struct parent *, struct slice id);
/* Only if it is this worker's; NULL otherwise. */
struct session	*sessions_of(struct worker *, struct slice id);
/* How many are open in this profile for this subject; issuer NULL: for all. */
unsigned int	 sessions_count(struct parent *, const char *profile,
		    const char *issuer, const char *subject);

/* A zeroed session in the table, state opening; NULL when memory is out. */
struct session	*sessions_new(struct parent *);
/* Write it down.  -1 with errno. */
int		 sessions_save(struct session *);
/* Its worker has it from now: the deadline runs. */
void		 sessions_handed(struct session *);
/* One that the last parent wrote down goes on. */
void		 sessions_resume(struct session *);
/* The backend answered: make the client's key.  -1: the worker lied. */
int		 sessions_ready(struct session *,
		    const struct ipc_session_ready *);
/* The worker's word that it is over. */
void		 sessions_ended(struct session *, struct slice reason);
/* No process writes its spool any more: record, close, forget, free. */
void		 sessions_finish(struct session *, const char *reason);
/* Tell the worker to end it with this FATAL; its worker dies if it does not. */
void		 sessions_kill(struct session *, const char *sqlstate,
		    const char *message);

/* A worker is attached (again); or is gone, and all that was its. */
void		 sessions_worker_attached(struct worker *);
void		 sessions_worker_gone(struct worker *, const char *reason);
/*
 * All live workers of the master with this pid (0: there is none) are attached:
 * what has none is over.
 */
void		 sessions_orphans(struct parent *, uint32_t master);

/* Children. */
void		 sessions_engine_ready(struct parent *, const char *profile);
void		 sessions_engine_lost(struct parent *, const char *profile);
void		 sessions_keeper_lost(struct parent *);
/* Tell a new one what the last may not have done. */
void		 sessions_keeper_ready(struct parent *);
void		 sessions_seen(struct parent *,
		    const struct ipc_backend_seen *);
/* The clock has jumped: timers do not count the time of a suspended machine. */
void		 sessions_woken(struct parent *);
void		 sessions_sasl(struct parent *, struct slice id,
		    enum ipc_type, const void *msg);
/* Make a channel between the session and its engine: the session's end, or -1. */
int		 sessions_channel(struct session *);

/* auditd gave up its spool: it may not go on. */
void		 sessions_spool_broken(struct parent *, struct slice id);
/* End what the policy in force no longer lets be. */
void		 sessions_reloaded(struct parent *);

const char	*session_state_name(enum session_state);
const char	*session_limit_name(enum session_limit);

/* <state>/sessions/<name><suffix> */
void		 sessions_path(struct parent *, const char *name,
		    const char *suffix, char *, size_t);
/* An empty file with this path. */
void		 sessions_mark(const char *path);
/* The session's file is there: the mark `.asked` has done its work. */
void		 sessions_unmark(struct parent *, const char *id);
/*
 * No process writes its spool, and it is no session (any more): leave the mark
 * `.closed` in place of what there is, and have the spool closed.
 */
void		 sessions_spool_over(struct parent *, const char *id);

#endif
