#ifndef GATEWAYD_ESTIMATE_H
#define GATEWAYD_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc_msgs.h"

/*
 * What the planner expects of a statement (VERDICT_ESTIMATE): asked of policyd
 * with its text and, when it has parameters, what its Parse says of their types
 * and its Bind of their values; then the engine judges it again by the answer.
 * At most one in a session.
 */
struct session;

enum est_state {
	EST_IDLE,
	EST_ASKED,		/* policyd has yet to answer */
	EST_KNOWN		/* ... or there is none: `ok` */
};

struct est {
	enum est_state	 state;
	uint32_t	 id;		/* the session's number for it */
	uint64_t	 generation;	/* of the policy it was asked under */
	uint8_t		 digest[32];	/* of what was asked */
	bool		 sent;		/* to the policyd that is there now */
	bool		 ok;
	uint64_t	 rows, cost;
};

/* What is estimated: parts of messages. */
struct est_text {
	const uint8_t	*text, *types, *params;
	size_t		 len, ntypes, nparams;
};

/*
 * front.verdict has VERDICT_ESTIMATE, of this text: ask, or have the engine
 * judge it by the answer; an event will come.  Ends the session when memory is
 * out.
 */
void	 estimate_ready(struct session *, const struct est_text *);
/* Judge it by what was known already; `est` is EST_KNOWN, or there was none. */
void	 estimate_again(struct session *, const struct est *,
	    const uint8_t *text, size_t len);
/* The message at the head, of this type, was dealt with. */
void	 estimate_message_done(struct session *, uint8_t type);

/* policyd's answer; policyd is back. */
void	 estimate_on_answer(struct session *,
	    const struct ipc_estimate_answer *);
void	 estimate_on_parent(struct session *);

#endif
