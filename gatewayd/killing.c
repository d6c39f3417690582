/*
 * killing: policyd ends a session, at its deadline or because somebody says
 * so.  Runs in the worker.
 *
 * The last word is a FATAL, which the client can only read between two
 * messages.  When a row is half out, its rest is still taken from the server,
 * past the usual limit of what may be queued, for a moment; policyd's keeper
 * leaves the backend alone for as long.  A row that does not end in that time
 * ends the connection without the word.
 */
#include "session.h"

#include <stdlib.h>
#include <string.h>

#define ROW_MS	200	/* less than policyd's patience (sessions.c) */

struct killing {
	char	sqlstate[6];
	char	message[LEN_REASON + 1];
};

void
session_on_kill(struct session *s, const void *arg)
{
	const struct ipc_session_kill *m = arg;
	struct killing k;

	if (s->killing != NULL ||
	    slice_copy(m->sqlstate, k.sqlstate, sizeof(k.sqlstate)) == -1 ||
	    slice_copy(m->message, k.message, sizeof(k.message)) == -1)
		return;
	if (s->state != SESSION_OPEN ||
	    (s->passing == 0 && !answers_waiting(s->answers)) ||
	    (s->killing = malloc(sizeof(k))) == NULL) {
		session_fatal(s, k.sqlstate, k.message, NULL, k.message);
		return;
	}
	*s->killing = k;
	ev_timer_set(s->timer, ROW_MS);
	session_pump(s);
}

bool
session_dying(struct session *s)
{
	if (s->killing == NULL || s->passing > 0 ||
	    answers_waiting(s->answers))
		return false;
	session_fatal(s, s->killing->sqlstate, s->killing->message, NULL,
	    s->killing->message);
	return true;
}

void
session_on_kill_timeout(struct session *s, const void *arg)
{
	(void)arg;
	if (s->killing != NULL)
		session_drop(s, s->killing->message);
}

void
session_killing_free(struct session *s)
{
	free(s->killing);
	s->killing = NULL;
}
