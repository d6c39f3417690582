#ifndef POSTERN_SESSION_H
#define POSTERN_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "answers.h"
#include "estimate.h"
#include "hold.h"
#include "ipc.h"
#include "names.h"
#include "page.h"
#include "pgmsg.h"
#include "pipeline.h"
#include "redact.h"
#include "spool.h"
#include "stream.h"
#include "verdicts.h"
#include "workerctx.h"

/*
 * One client and its backend.  A session is a table [state][event] -> handler
 * (session.c); session_goto() alone changes the state.  The files of the
 * worker, by the part of a session's life that they handle:
 *
 *	peer.c		who a client is
 *	proxy.c		... by the word of a load balancer
 *	startup.c	TLS, startup packet, token, from the client
 *	cancelreq.c	a CancelRequest instead of a startup packet
 *	bearer.c	the token by OAUTHBEARER
 *	backendlogin.c	TLS, startup, SASL, towards the database
 *	frontend.c	the client's messages, once the session is open
 *	extended.c	of those: Parse, Bind, Execute
 *	function.c	and FunctionCall
 *	deny.c		what is sent instead of a refused one
 *	capped.c	what may answer or touch only so much
 *	judge.c		verdicts for them: cache, engine, generation
 *	hold.c		what waits for a person
 *	relay.c		the server's bytes, and the rows among them
 *	backend.c	of those: whole messages
 *	record.c	the audit events of all that
 *	bound.c		for them: the parameters of a Bind
 *	answers.c	and what the client gets, where that is recorded
 */
#define SESSION_STATES(S)						\
	S(PROXY)	/* a load balancer's header */			\
	S(HELLO)	/* first bytes: TLS or not */			\
	S(TLS)		/* handshake with the client */			\
	S(CANCEL)	/* a CancelRequest is carried out */		\
	S(STARTUP)	/* the startup packet */			\
	S(TOKEN)	/* the password message */			\
	S(SASL)		/* OAUTHBEARER's response */			\
	S(LOGIN)	/* policyd decides */				\
	S(GRANT)	/* people do */					\
	S(SASL_END)	/* the client's word to its failure */		\
	S(DB_HELLO)	/* the server's answer to SSLRequest */		\
	S(DB_TLS)	/* handshake with the server */			\
	S(DB_LOGIN)	/* startup and authentication there */		\
	S(DB_KEY)	/* policyd draws the client's cancel key */	\
	S(OPEN)		/* statements */				\
	S(FAREWELL)	/* last bytes to the client */			\
	S(LINGER)	/* sockets closed; audit records on their way */ \
	S(OVER)		/* to be freed */

#define SESSION_M_ENUM(s)	SESSION_##s,
enum session_state {
	SESSION_STATES(SESSION_M_ENUM)
	SESSION_NSTATES
};
#undef SESSION_M_ENUM

enum session_event {
	EVT_CLIENT,		/* client's socket is ready, or has input */
	EVT_BACKEND,		/* backend's socket is ready, or has input */
	EVT_TIMER,		/* login or farewell took too long */
	EVT_LOGIN_OK,		/* arg: struct login_grant */
	EVT_LOGIN_WAIT,		/* arg: struct ipc_login_wait */
	EVT_LOGIN_REFUSED,	/* arg: struct ipc_login_refused */
	EVT_SASL,		/* arg: struct ipc_sasl_answer */
	EVT_SASL_FAILED,	/* arg: struct ipc_sasl_failed */
	EVT_KEY,		/* arg: struct ipc_session_key */
	EVT_CANCELLED,		/* a CancelRequest was carried out, or not */
	EVT_WAKE,		/* audit, policy or time moved on: look again */
	EVT_KILL,		/* arg: struct ipc_session_kill */
	EVT_PARENT_GONE,	/* policyd's parent went away */
	SESSION_NEVENTS
};

/* login_ok, with its descriptors; a handler sets to -1 those that it keeps. */
struct login_grant {
	const struct ipc_login_ok *m;
	int		*fds;
};

/* What the client's message at the head of its input is waiting for. */
enum front_step {
	FRONT_NEW,		/* nothing was done with it */
	FRONT_JUDGING,		/* the engine has it */
	FRONT_JUDGED,		/* `front.verdict` is there */
	FRONT_RECORDED		/* its intent is written, to `front.pos` */
};

/* A refused login, kept until the client has heard of it by OAUTHBEARER. */
struct refusal {
	char		 message[LEN_REASON + 1], hint[LEN_REASON + 1];
};

/* What a client hears again and again whose login waits for a grant. */
struct waiting {
	char		 message[LEN_REASON + 1], hint[LEN_REASON + 1];
};

/* Of a message of the server, taken whole: a RowDescription of 1,600 columns
 * is 130 kB, an error may quote a value.  Of a row that is looked through. */
#define WHOLE_MAX	(4u * 1024 * 1024)
#define ROW_MAX		(64u * 1024 * 1024)

struct session {
	struct session	*next, **prev;	/* in the worker's list */
	struct worker	*w;
	enum session_state state;
	uint32_t	 attempt;	/* the worker's number for it */
	char		 id[LEN_SESSION + 1];	/* "" before login_ok */
	char		 peer[LEN_ADDR];
	struct proxied	*proxied;	/* PROXY: what was read of it */
	bool		 waiting;	/* the master counts it: not logged in */
	struct ev_timer	*timer;		/* login, farewell */
	struct ev_timer	*retry;		/* while something is away */
	struct ev_timer	*idle_timer;
	struct ev_timer	*stall;		/* in the middle of a message */
	uint64_t	 stall_at;	/* bytes read when it was set */

	struct stream	 client, db;
	struct ev_io	*ack_io;

	/* From the startup packet. */
	char		 user[LEN_NAME + 1], database[LEN_NAME + 1];
	char		 application[LEN_NAME + 1];
	struct buf	 params;	/* name NUL value NUL, for the backend */
	bool		 asked_tls, asked_gss;	/* each once (55.2.10) */
	bool		 direct_tls;	/* without SSLRequest */
	unsigned int	 minor;		/* of protocol 3: 0 or 2 */
	bool		 asked_again;	/* OAUTHBEARER: by an empty challenge */
	struct refusal	*refusal;
	struct waiting	*waiting_for;	/* people; NULL: nobody */

	/* From login_ok. */
	char		 role[LEN_NAME + 1], dbname[LEN_NAME + 1];
	char		 dbhost[LEN_ADDR + 1];
	int		 dbtls;
	bool		 masked;
	enum content_mode content;	/* what is done with answers */
	struct redact	 redact;	/* what is recorded of values */
	struct answers	*answers;	/* NULL: answers are not */
	uint64_t	 idle;		/* ms; 0: none */
	struct buf	 settings, ca;
	struct spool	*spool;
	const struct policy_page *page;
	struct ipc	*engine;	/* NULL: away */
	struct verdict_cache *cache;	/* the worker's, for this profile */
	uint8_t		*guard;		/* pairs, as the message has them */
	size_t		 guard_len;
	bool		 guard_known;

	/* Towards the backend, before it is open. */
	struct buf	 greeting;	/* ParameterStatus kept for the client */
	bool		 db_authed;
	uint8_t		 db_key[4 + 256];	/* BackendKeyData: pid, key */
	size_t		 db_key_len;

	/* Statements. */
	struct {
		enum front_step	 step;
		struct verdict	*verdict;
		/* It was judged by an estimate; and of a Parse, the verdict
		 * before that. */
		bool		 told;
		struct verdict	*untold;
		uint64_t	 pos;
		uint64_t	 stmt;		/* number of the recorded event */
		uint32_t	 approval;	/* VERDICT_HOLD: by this request */
		uint64_t	 held_us;	/* ... which took so long */
		uint64_t	 judge_seq;
		unsigned int	 judge_tries;
		struct stmt	*used;		/* front_uses(): judged anew */
		struct stmt	*subject;	/* B, E: what is judged */
		uint8_t		*asked;		/* a copy of the text, if short */
		size_t		 asked_len;
		uint64_t	 judge_epoch;	/* the page's, when asked */
	} front;
	struct hold	 hold;
	struct est	 est;
	struct pipeline	 pipe;
	struct names	*statements, *portals;
	size_t		 statement_bytes;	/* text kept in statements */
	bool		 protected_tx;	/* this transaction touched masks */
	uint64_t	 statement_count;
	uint64_t	 answer_gate;	/* no answer before this is committed */
	uint64_t	 client_slow;	/* us: since when it does not read; 0 */
	bool		 cancel_hold;	/* D26: forward nothing now */
	uint8_t		 tx_status;	/* of the last ReadyForQuery */
	bool		 tx_failed;	/* the transaction is, at this answer */
	bool		 ended;		/* record and parent know */
	bool		 said_bye;	/* FAREWELL: all is written */
	size_t		 passing;	/* bytes left of a message that is streamed */
	bool		 withheld;	/* ... and is not for the client */
	struct killing	*killing;	/* killed in mid-row: what to say then */
	char		 reason[128];	/* why it ended */
};

/* Takes fd. NULL when memory is out (fd is closed). */
struct session	*session_new(struct worker *, int fd);
/* From the loop only: closes and frees all. */
void		 session_free(struct session *);
/* Hand an event to the state's handler.  The session may be over afterwards;
 * it is freed from the loop, never inside. */
void		 session_event(struct session *, enum session_event,
		    const void *arg);
void		 session_goto(struct session *, enum session_state);
const char	*session_state_name(enum session_state);

/*
 * End the session: tell the client (if it can still be told) with a FATAL,
 * record why, tell the parent, close everything.  `reason` is for the record.
 */
void		 session_fatal(struct session *, const char *sqlstate,
		    const char *message, const char *hint, const char *reason);
void		 session_fatal_detail(struct session *, const char *sqlstate,
		    const char *message, const char *detail,
		    const char *reason);
/* End it without a word to the client. */
void		 session_drop(struct session *, const char *reason);
/* Move bytes on both sides as far as they go, and set what to wait for. */
void		 session_pump(struct session *);
/* Look again in a moment: something that has no event of its own is awaited. */
void		 session_retry(struct session *);

/* --- peer.c -------------------------------------------------------------------- */
/* Fill s->peer, tell the master whom to count (unless a header is to say it),
 * set the socket's options. */
void	peer_name(struct session *, int fd);
/* The same, by a header: of an address that is 4 or 16 bytes long. */
void	peer_proxied(struct session *, const uint8_t *addr, size_t len,
	    uint16_t port);
/* By the socket after all. */
void	peer_announce(struct session *);

/* --- proxy.c ------------------------------------------------------------------- */
/* The session is new, and its listener has `proxy`.  It may be over then. */
void	proxy_begin(struct session *);
void	proxy_on_input(struct session *, const void *);
void	proxy_free(struct session *);

/* --- killing.c ------------------------------------------------------------- */
/* policyd ends it: a FATAL, as soon as no message to the client is half out. */
void	session_on_kill(struct session *, const void *);
/* Killed, and the row is not whole yet.  Its time is up: no FATAL then. */
void	session_on_kill_timeout(struct session *, const void *);
/* It may now be whole.  True: the session is being ended, pump no more. */
bool	session_dying(struct session *);
void	session_killing_free(struct session *);

/* --- startup.c -------------------------------------------------------------- */
void	startup_on_hello(struct session *, const void *);
void	startup_on_tls(struct session *, const void *);
void	startup_on_startup(struct session *, const void *);
void	startup_on_wake(struct session *, const void *);
void	startup_on_token(struct session *, const void *);
void	startup_on_login_wait(struct session *, const void *);
void	startup_on_refused(struct session *, const void *);
/* People have to allow it; time for another notice of that. */
void	startup_on_wait(struct session *, const void *);
void	startup_on_notice(struct session *, const void *);
void	startup_on_timeout(struct session *, const void *);
void	startup_on_parent_gone(struct session *, const void *);
/* The master says that too many clients of this address wait to log in. */
void	startup_drop(struct session *);
/* Read what there is; false when there is nothing more to do now. */
bool	startup_read(struct session *);
/* Log it and end the session with this FATAL. */
void	startup_refuse(struct session *, const char *sqlstate,
	    const char *message);
/* Give the token to policyd; it stays the caller's, who wipes it. */
void	startup_login(struct session *, const uint8_t *token, size_t len);
/* Wipe and drop the first n bytes of the client's input. */
void	startup_spend(struct session *, size_t n);

/* --- cancelreq.c ------------------------------------------------------------- */
/* The startup packet is a CancelRequest of so many bytes. */
void	cancelreq_start(struct session *, const uint8_t *, size_t);
void	cancelreq_on_input(struct session *, const void *);
void	cancelreq_on_over(struct session *, const void *);

/* --- bearer.c ---------------------------------------------------------------- */
/* AuthenticationSASL.  -1: no memory, and nothing was done. */
int	bearer_offer(struct session *);
void	bearer_on_input(struct session *, const void *);
void	bearer_on_end(struct session *, const void *);
/*
 * policyd refused (an empty message: for no reason that the client may know).
 * -1: not by OAUTHBEARER or no fault of the token; the caller ends the session.
 */
int	bearer_refused(struct session *, const char *sqlstate,
	    const char *message, const char *hint);

/* --- backendlogin.c ---------------------------------------------------------- */
void	dblogin_on_grant(struct session *, const void *);
void	dblogin_on_hello(struct session *, const void *);
void	dblogin_on_tls(struct session *, const void *);
void	dblogin_on_input(struct session *, const void *);
void	dblogin_on_sasl(struct session *, const void *);
void	dblogin_on_sasl_failed(struct session *, const void *);
void	dblogin_on_key(struct session *, const void *);

/* --- frontend.c -------------------------------------------------------------- */
/* Handle the client's messages until one has to wait. */
void	frontend_process(struct session *);

/* --- judge.c ------------------------------------------------------------------ */
/*
 * Get a verdict for `text` into front.verdict.  true: it is there, and its
 * generation is the one in force; false: wait (an event will come).
 */
bool	judge_text(struct session *, enum judge_form, const uint8_t *text,
	    size_t len);
/* Give up what was asked or decided for the message at the head. */
/*
 * Have it judged by an estimate, in place of the verdict that wants one; what
 * comes is the verdict, and wants none.
 */
void	judge_told(struct session *, const uint8_t *text, size_t len,
	    enum estimate_told, uint64_t rows, uint64_t cost);
void	judge_abandon(struct session *);
/* Policy and audit are both within reach: statements may pass now. */
bool	judge_may_pass(struct session *);
/* Connect to an engine; replaces the old channel.  Takes fd. */
void	judge_connect(struct session *, int fd);

/* --- relay.c, backend.c -------------------------------------------------------- */
/* Handle the server's messages until one has to wait. */
void	backend_process(struct session *);
/*
 * Two settings change what the same text means: a multi-byte encoding whose
 * second byte may be ASCII, and backslashes in plain strings, would make the
 * server read another statement than the engine did.  NULL when the body of
 * this ParameterStatus is harmless, else why the session has to end.
 */
const char *parameter_unsafe(const uint8_t *body, size_t len);

/* --- record.c ------------------------------------------------------------------ */
/* Each returns the position to be committed, 0 when it cannot be recorded. */
uint64_t record_prepare(struct session *, uint64_t stmt, const char *name,
	    const uint8_t *text, size_t len, const struct verdict *);
uint64_t record_intent(struct session *, uint64_t stmt, uint64_t prepared,
	    const char *form, const uint8_t *text, size_t len,
	    const struct verdict *, struct slice params);
void	record_outcome(struct session *, const struct pipe_entry *,
	    const char *status);
/* What the server reported, what it passed on.  false: cannot be recorded. */
bool	record_setting(struct session *, const char *name, const char *value);
bool	record_notification(struct session *, uint32_t pid,
	    const char *channel, size_t payload);
void	record_end(struct session *);
/* `content`: what was found in an answer; stmt 0: in no statement's. */
void	record_content(struct session *, uint64_t stmt,
	    const struct content_found *);

#endif
