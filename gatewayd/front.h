#ifndef POSTERN_FRONT_H
#define POSTERN_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session.h"

/*
 * What frontend.c (framing, order, Query), function.c (FunctionCall) and
 * extended.c (Parse, Bind, Execute) share; nobody else includes this.
 */

/* One message of the client, whole and well-formed. */
struct front_msg {
	uint8_t		 type;
	const uint8_t	*body;
	size_t		 len;		/* of the body */
};

/* What became of the message at the head of the input. */
enum front_result { FRONT_DONE, FRONT_WAIT };

/* Ends the session; FRONT_WAIT. */
enum front_result front_no_memory(struct session *);
/* Send on as it came. */
int	front_forward(struct session *, const struct front_msg *);

/*
 * Judge `text`; FRONT_DONE with front.step FRONT_JUDGED or FRONT_RECORDED when
 * the verdict is there and in force.
 */
enum front_result front_judge(struct session *, enum judge_form,
	    const uint8_t *text, size_t len);
/*
 * Is the verdict still that of the policy in force?  It was when it came, but
 * the message may have waited since.
 */
bool	front_current(struct session *);
/*
 * If it needs an estimate: FRONT_WAIT until it was judged by one, and then
 * front.told and a verdict that is whole.
 */
enum front_result front_estimate(struct session *, const struct est_text *);
/*
 * If it needs a person's approval: FRONT_DONE with front.approval, or with a
 * denial in place of the verdict.
 */
enum front_result front_approve(struct session *, const uint8_t *text,
	    size_t len, const uint8_t *params, size_t nparams);
/* Its event is in the spool up to `pos` (0: it could not be written). */
enum front_result front_recorded(struct session *, uint64_t pos);
/* Everything that must hold before the message may go to the server. */
bool	front_clear(struct session *);
struct pipe_entry *front_push(struct session *, uint8_t type);
/*
 * SQL that gives or takes names (PREPARE, DEALLOCATE, DECLARE, CLOSE): what is
 * under them is no longer what a Parse or a Bind put there.  A later Bind or
 * Execute of such a name is refused as unknown; that is the safe side.
 */
int	front_names(struct session *, struct pipe_entry *,
	    const uint8_t *text, size_t len);
/*
 * EXECUTE and FETCH, in a profile with masks: what they name must be what the
 * policy in force makes of it, and is judged again where that is a newer one.
 * FRONT_DONE, perhaps with a denial in place of the verdict.  front_renew()
 * comes before the message itself is judged.
 */
enum front_result front_uses(struct session *);
enum front_result front_renew(struct session *);
/* After the message was forwarded: its answer waits for its record. */
void	front_gate(struct session *);

/* function.c */
enum front_result front_function(struct session *, const struct front_msg *);

/* extended.c */
enum front_result front_parse(struct session *, const struct front_msg *);
enum front_result front_bind(struct session *, const struct front_msg *);
enum front_result front_execute(struct session *, const struct front_msg *);

#endif
