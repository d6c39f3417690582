/*
 * cancelreq: a connection that is no session but asks for the end of another's
 * statement (PostgreSQL 55.2.8).  Runs in the worker; no byte is trusted, and
 * whose key it is only policyd knows.  Nothing is answered: the connection is
 * closed once the request has been carried out or has come to nothing, so that
 * a client that waits for that (libpq does) never has its next statement hit.
 */
#include "session.h"

void
cancelreq_start(struct session *s, const uint8_t *p, size_t len)
{
	struct ipc_cancel_request m;

	/* 3.0 has four bytes of key, 3.2 up to 256. */
	if (len < 16 || len > 12 + 256) {
		session_drop(s, "malformed CancelRequest");
		return;
	}
	m.attempt = s->attempt;
	m.pid = pg_be32(p + 8);
	m.key = slice_of(p + 12, len - 12);
	if (ipc_send(s->w->parent, IPC_cancel_request, &m, NULL, 0) == -1)
		session_drop(s, "cancel request");
	else
		session_goto(s, SESSION_CANCEL);
}

void
cancelreq_on_over(struct session *s, const void *arg)
{
	(void)arg;
	session_drop(s, "cancel request");
}

/* It has nothing more to say, and may go without waiting. */
void
cancelreq_on_input(struct session *s, const void *arg)
{
	(void)arg;
	if (startup_read(s) && s->client.in.len >= STREAM_HIGH)
		session_drop(s, "cancel request");
}
