#ifndef POSTERN_HOLD_H
#define POSTERN_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc_msgs.h"

/*
 * A statement that waits for a person (VERDICT_HOLD).  At most one in a
 * session: the one at the head of the client's input.  It is asked for with its
 * text and, when it has parameters, the part of its Bind behind the names
 * (PostgreSQL 55.7, Bind); an approval is good for exactly these bytes, once.
 */
struct session;
struct ev_loop;

enum hold_state {
	HOLD_IDLE,
	HOLD_ASKED,		/* policyd has yet to answer */
	HOLD_OPEN,		/* a person has yet to answer */
	HOLD_GRANTED,		/* not used yet */
	HOLD_DENIED		/* `refusal` says why */
};

struct hold {
	enum hold_state	 state;
	uint32_t	 id;		/* the session's number for it */
	uint32_t	 ask;		/* counts questions, of all ids */
	uint32_t	 number;	/* policyd's, what people see */
	uint64_t	 generation;	/* of the policy it was asked under */
	uint64_t	 epoch;
	char		 rule[LEN_KEY + 1];	/* ... and by which rule */
	bool		 rejudged;	/* since it was approved */
	uint8_t		 digest[32];	/* of text and parameters */
	bool		 sent;		/* to the policyd that is there now */
	bool		 flushed;	/* the server was told to answer */
	char		 sqlstate[6];
	char		 message[LEN_REASON + 1], hint[LEN_REASON + 1];
	struct ev_timer	*notice;	/* the client hears that it waits */
	uint64_t	 began;		/* us, CLOCK_MONOTONIC */
	uint64_t	 held_us;	/* answered: it took so long */
};

/*
 * front.verdict has VERDICT_HOLD.  HOLD_GO: approved, *number_r says by which
 * request; HOLD_NO: front.verdict has become a denial; HOLD_WAIT: an event will
 * come.  HOLD_FAILED: the session is over.
 */
enum hold_result { HOLD_WAIT, HOLD_GO, HOLD_NO, HOLD_FAILED };
enum hold_result hold_ready(struct session *, const uint8_t *text,
	    size_t len, const uint8_t *params, size_t nparams,
	    uint32_t *number_r);
/* The message at the head, of this type, was dealt with. */
void	hold_message_done(struct session *, uint8_t type);
/* Nothing waits any more: forget an approval that was not used, take back what
 * is still asked. */
void	hold_over(struct session *, const char *reason);
void	hold_free(struct session *);

/* policyd's answer; policyd is back; the client's cancel request (true: it was
 * for the held statement, and is dealt with). */
void	hold_on_answer(struct session *, const struct ipc_hold_answer *);
void	hold_on_parent(struct session *);
bool	hold_on_cancel(struct session *);

#endif
