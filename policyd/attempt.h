#ifndef POSTERN_ATTEMPT_H
#define POSTERN_ATTEMPT_H

#include <sys/queue.h>

#include <jansson.h>

#include "crypto.h"
#include "parent.h"
#include "sessions.h"

/*
 * One attempt to log in, between attempts.c, which makes it and collects what
 * it needs, and handover.c, which turns it into a session.
 */
struct claims_why;
struct identity;
struct worker;

#define ATTEMPT_STATES(M)						\
	M(HELD)		/* until a reload has ended */			\
	M(WAITING)	/* until people have decided (grants.h) */	\
	M(VERIFYING)	/* the verifier has the token */		\
	M(PREPARING)	/* a spool and a backend are being made */	\
	M(COMMITTING)	/* written down; its record is being committed */ \
	M(JOINING)	/* an engine is awaited */

#define M_ENUM(id)	ATTEMPT_##id,
enum attempt_state { ATTEMPT_STATES(M_ENUM) };
#undef M_ENUM
struct attempt {
	TAILQ_ENTRY(attempt)	 entry;
	struct parent		*p;
	struct worker		*w;
	enum attempt_state	 state;
	uint32_t		 number;	/* the worker's */
	uint32_t		 id;		/* ours, for all who answer */
	char			 user[LEN_NAME + 1];
	char			 database[LEN_NAME + 1];
	char			 peer[LEN_ADDR + 1];
	char			 addr[64];	/* of the peer, no port */
	char			 application[LEN_NAME + 1];
	uint8_t			 tls;
	char			 tls_version[16 + 1];
	uint8_t			*token;		/* until COMMITTING */
	size_t			 tokenlen;
	uint8_t			*params;	/* settings; settings.h */
	size_t			 paramslen;
	uint64_t		 generation;	/* when it was begun */
	unsigned int		 again;		/* how often anew */
	/* From the verifier. */
	char			 issuer[LEN_KEY + 1];
	char			 subject[256];
	json_t			*claims;
	char			*claims_text;
	uint64_t		 expires;
	char			 act[LEN_REASON + 1];	/* JSON, or empty */
	char			 jti_hex[2 * SHA256_LEN + 1];
	uint8_t			 jti[SHA256_LEN];
	bool			 jti_taken;	/* one use, not yet spent */
	/* The choice. */
	char			 profile[LEN_KEY + 1];
	char			 session[LEN_SESSION + 1];
	uint64_t		 deadline;	/* boot ms; 0: none (D28) */
	enum session_limit	 limit;		/* whose that is */
	uint32_t		 request;	/* WAITING: for this one */
	uint32_t		 grant;		/* 0: needs none */
	uint64_t		 grant_ends;	/* boot ms */
	/* From auditd and keeper. */
	bool			 marked, have_spool, have_dial;
	int			 spool[4], backend;
	char			 role[LEN_NAME + 1];
	char			 dbname[LEN_NAME + 1];
	char			 dbhost[LEN_ADDR + 1];
	uint8_t			 dbtls;
	uint8_t			*ca;
	uint32_t		 calen;
	struct session		*s;		/* from COMMITTING on */
	uint64_t		 commit;
	struct ev_timer		*timer;
};

TAILQ_HEAD(attempt_list, attempt);
struct attempt_list *attempts_all(struct parent *);
/* NULL when there is none of this id in this state. */
struct attempt	*attempt_find(struct parent *, uint32_t id,
		    enum attempt_state);

/* The one function that changes its state. */
void	attempt_enter(struct attempt *, enum attempt_state);
/* Undo what was begun and forget it; its worker has been told. */
void	attempt_free(struct attempt *, const char *reason);
/*
 * Tell the worker, the log and the record that it is refused, and free it.
 * `message` is for the client, `reason` for the log and the record.  _auth: the
 * client's fault, of which he learns no more than that, and which is counted;
 * _known: the same for one whose token is good, who is told what he lacks;
 * _away: ours, for now.
 */
void	attempt_refuse(struct attempt *, const char *sqlstate,
	    const char *message, const char *hint, const char *reason);
void	attempt_refuse_auth(struct attempt *, const char *reason);
void	attempt_refuse_known(struct attempt *, const struct claims_why *);
void	attempt_refuse_away(struct attempt *, const char *message,
	    const char *reason);
/*
 * A reload came between: undo it all and begin again with its token, once the
 * reload is over; refused, and gone, if that happens too often.
 */
void	attempt_again(struct attempt *);

/*
 * Verified, and perhaps it has waited since: choose its profile, see that there
 * is a grant, and prepare it.  It may be refused, and gone, after that.
 */
void	attempt_choose(struct attempt *);
/* It has waited, and is to: the same, unless the policy is another by now. */
void	attempt_go_on(struct attempt *);
/* Its steps begin (again): so long may they take. */
void	attempt_clock(struct attempt *);

/* May it come with the settings that it asks for?  Else it is refused, and
 * gone. */
bool	attempt_settings(struct attempt *, const struct profile *);
/* Who it is, from where, now; for claims.h. */
void	attempt_identity(const struct attempt *, struct identity *);

/*
 * Verified, and this profile is its own: get it a spool and a backend.  It may
 * be refused, and gone, after that.
 */
void	attempt_prepare(struct attempt *, const struct profile *);

/*
 * Spool and backend are there: write the session down and record it.  The
 * attempt is then COMMITTING, or was refused and is gone.
 */
void	attempt_commit(struct attempt *);
/*
 * JOINING: give it an engine and send it all to the worker.  It is gone after
 * that; or it stays, when its engine is not ready.
 */
void	attempt_hand_over(struct attempt *);

#endif
