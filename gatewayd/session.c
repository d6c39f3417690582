/*
 * session: one client and its backend, as a table of states and events.  Runs
 * in the worker.  A fault of either peer ends this session and no other; what
 * it still has to record outlives its sockets (LINGER).
 */
#include "session.h"

#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/* How long a client may take for its last bytes, and auditd for its records. */
#define FAREWELL_MS	5000
#define GOODBYE_MS	1000
#define LINGER_MS	60000
#define RETRY_MS	20
/* One session may not keep a shared worker from the others. */
#define PUMP_ROUNDS	16

typedef void	handler(struct session *, const void *);

static handler	on_open_client, on_open_backend, on_open_wake,
		on_farewell, on_linger, on_linger_timeout, on_no_wait, ignore,
		on_db_while_waiting;

/* The states in which nothing has been granted yet, and those of an open or
 * opening session, share what ends them. */
static handler *const table[SESSION_NSTATES][SESSION_NEVENTS] = {
	[SESSION_PROXY] = {
		[EVT_CLIENT] = proxy_on_input,
		[EVT_TIMER] = startup_on_timeout,
	},
	[SESSION_HELLO] = {
		[EVT_CLIENT] = startup_on_hello,
		[EVT_TIMER] = startup_on_timeout,
	},
	[SESSION_TLS] = {
		[EVT_CLIENT] = startup_on_tls,
		[EVT_TIMER] = startup_on_timeout,
	},
	[SESSION_CANCEL] = {
		[EVT_CLIENT] = cancelreq_on_input,
		[EVT_TIMER] = cancelreq_on_over,
		[EVT_CANCELLED] = cancelreq_on_over,
		[EVT_PARENT_GONE] = cancelreq_on_over,
	},
	[SESSION_STARTUP] = {
		[EVT_CLIENT] = startup_on_startup,
		[EVT_WAKE] = startup_on_wake,
		[EVT_TIMER] = startup_on_timeout,
	},
	[SESSION_TOKEN] = {
		[EVT_CLIENT] = startup_on_token,
		[EVT_TIMER] = startup_on_timeout,
	},
	[SESSION_SASL] = {
		[EVT_CLIENT] = bearer_on_input,
		[EVT_TIMER] = startup_on_timeout,
	},
	[SESSION_SASL_END] = {
		[EVT_CLIENT] = bearer_on_end,
		[EVT_TIMER] = startup_on_timeout,
	},
	[SESSION_LOGIN] = {
		[EVT_CLIENT] = startup_on_login_wait,
		[EVT_TIMER] = startup_on_timeout,
		[EVT_LOGIN_OK] = dblogin_on_grant,
		[EVT_LOGIN_WAIT] = startup_on_wait,
		[EVT_LOGIN_REFUSED] = startup_on_refused,
		[EVT_PARENT_GONE] = startup_on_parent_gone,
	},
	[SESSION_GRANT] = {
		[EVT_CLIENT] = startup_on_login_wait,
		[EVT_TIMER] = startup_on_notice,
		[EVT_LOGIN_OK] = dblogin_on_grant,
		[EVT_LOGIN_WAIT] = startup_on_wait,
		[EVT_LOGIN_REFUSED] = startup_on_refused,
		[EVT_PARENT_GONE] = startup_on_parent_gone,
	},
	[SESSION_DB_HELLO] = {
		[EVT_CLIENT] = startup_on_login_wait,
		[EVT_BACKEND] = dblogin_on_hello,
		[EVT_TIMER] = startup_on_timeout,
		[EVT_KILL] = session_on_kill,
		[EVT_PARENT_GONE] = startup_on_parent_gone,
	},
	[SESSION_DB_TLS] = {
		[EVT_CLIENT] = startup_on_login_wait,
		[EVT_BACKEND] = dblogin_on_tls,
		[EVT_TIMER] = startup_on_timeout,
		[EVT_KILL] = session_on_kill,
		[EVT_PARENT_GONE] = startup_on_parent_gone,
	},
	[SESSION_DB_LOGIN] = {
		[EVT_CLIENT] = startup_on_login_wait,
		[EVT_BACKEND] = dblogin_on_input,
		[EVT_TIMER] = startup_on_timeout,
		[EVT_SASL] = dblogin_on_sasl,
		[EVT_SASL_FAILED] = dblogin_on_sasl_failed,
		[EVT_KILL] = session_on_kill,
		[EVT_PARENT_GONE] = startup_on_parent_gone,
	},
	[SESSION_DB_KEY] = {
		[EVT_CLIENT] = startup_on_login_wait,
		[EVT_BACKEND] = on_db_while_waiting,
		[EVT_TIMER] = startup_on_timeout,
		[EVT_KEY] = dblogin_on_key,
		[EVT_KILL] = session_on_kill,
		[EVT_PARENT_GONE] = startup_on_parent_gone,
	},
	[SESSION_OPEN] = {
		[EVT_CLIENT] = on_open_client,
		[EVT_BACKEND] = on_open_backend,
		[EVT_WAKE] = on_open_wake,
		[EVT_TIMER] = session_on_kill_timeout,
		[EVT_KILL] = session_on_kill,
		[EVT_PARENT_GONE] = on_no_wait,
	},
	[SESSION_FAREWELL] = {
		[EVT_CLIENT] = on_farewell,
		[EVT_TIMER] = on_linger,
	},
	[SESSION_LINGER] = {
		[EVT_WAKE] = on_linger,
		[EVT_TIMER] = on_linger_timeout,
	},
};

#define SESSION_M_NAME(s)	#s,
static const char *const state_names[] = { SESSION_STATES(SESSION_M_NAME) };

const char *
session_state_name(enum session_state st)
{
	return state_names[st];
}

void
session_event(struct session *s, enum session_event ev, const void *arg)
{
	handler *h = table[s->state][ev];

	(h == NULL ? ignore : h)(s, arg);
}

static void
ignore(struct session *s, const void *arg)
{
	(void)s;
	(void)arg;
}

void
session_goto(struct session *s, enum session_state st)
{
	struct ipc_client_settled settled;

	log_debug("attempt=%u session=%s state=%s", s->attempt, s->id,
	    session_state_name(st));
	s->state = st;
	if (s->waiting && (st == SESSION_GRANT || st == SESSION_DB_HELLO ||
	    st == SESSION_DB_LOGIN || st == SESSION_LINGER ||
	    st == SESSION_OVER)) {
		settled.attempt = s->attempt;
		ipc_send(s->w->master, IPC_client_settled, &settled, NULL, 0);
		s->waiting = false;
	}
	switch (st) {
	case SESSION_OPEN:
		ev_timer_stop(s->timer);
		break;
	case SESSION_FAREWELL:
		ev_timer_set(s->timer, FAREWELL_MS);
		break;
	case SESSION_LINGER:
		ev_timer_set(s->timer, LINGER_MS);
		break;
	case SESSION_OVER:
		ev_timer_stop(s->timer);
		worker_changed(s->w);
		break;
	default:
		break;
	}
}

/* --- life -------------------------------------------------------------------- */

static void
on_client_io(void *ctx, int what)
{
	struct session *s = ctx;

	if (what == EV_OUT)
		stream_flush(&s->client);
	session_event(s, EVT_CLIENT, NULL);
}

static void
on_timer(void *ctx)
{
	session_event(ctx, EVT_TIMER, NULL);
}

static void
on_retry(void *ctx)
{
	session_event(ctx, EVT_WAKE, NULL);
}

static void
on_idle(void *ctx)
{
	session_fatal(ctx, "57P05", "terminating connection due to idle-session "
	    "timeout", NULL, "idle too long");
}

static void
on_stall(void *ctx)
{
	session_fatal(ctx, "08P01", "a message was begun and not completed",
	    NULL, "half a message, then silence");
}

struct session *
session_new(struct worker *w, int fd)
{
	struct session *s;

	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->statements = names_new()) == NULL ||
	    (s->portals = names_new()) == NULL) {
		if (s != NULL)
			names_free(&s->statements);
		free(s);
		close(fd);
		return NULL;
	}
	s->w = w;
	s->attempt = ++w->attempts;
	s->db.fd = -1;
	pipe_init(&s->pipe);
	buf_init(&s->params, PG_STARTUP_MAX);
	buf_init(&s->settings, LEN_SETTINGS);
	buf_init(&s->ca, LEN_CA);
	buf_init(&s->greeting, 64 * 1024);
	peer_name(s, fd);
	s->timer = ev_timer_new(w->loop, on_timer, s);
	s->retry = ev_timer_new(w->loop, on_retry, s);
	s->idle_timer = ev_timer_new(w->loop, on_idle, s);
	s->stall = ev_timer_new(w->loop, on_stall, s);
	stream_open(&s->client, w->loop, fd, w->conf->message, on_client_io,
	    s);
	/* One absolute deadline over all that comes before a session. */
	ev_timer_set(s->timer, w->conf->login);
	if ((s->next = w->sessions) != NULL)
		s->next->prev = &s->next;
	s->prev = &w->sessions;
	w->sessions = s;
	w->nsessions++;
	s->state = SESSION_HELLO;
	if (w->listen->proxy_from.n > 0)
		proxy_begin(s);
	return s;
}

/* Called by the worker's reaper, from the loop. */
void
session_free(struct session *s)
{
	if ((*s->prev = s->next) != NULL)
		s->next->prev = s->prev;
	s->w->nsessions--;
	stream_close(&s->client);
	stream_close(&s->db);
	ipc_free(&s->engine);
	ev_io_free(&s->ack_io);
	answers_free(&s->answers);
	spool_close(&s->spool);
	page_unmap(s->page);
	ev_timer_free(&s->timer);
	ev_timer_free(&s->retry);
	ev_timer_free(&s->idle_timer);
	ev_timer_free(&s->stall);
	hold_free(s);
	verdict_unref(&s->front.verdict);
	verdict_unref(&s->front.untold);
	stmt_unref(&s->front.used);
	stmt_unref(&s->front.subject);
	free(s->front.asked);
	pipe_clear(&s->pipe);
	names_free(&s->statements);
	names_free(&s->portals);
	buf_clear(&s->params);
	buf_clear(&s->settings);
	buf_clear(&s->ca);
	buf_clear(&s->greeting);
	free(s->guard);
	free(s->refusal);
	free(s->waiting_for);
	session_killing_free(s);
	proxy_free(s);
	free(s);
}

/* What did not get its answer: its outcome is that it was lost. */
static void
record_lost(struct session *s)
{
	struct pipe_entry *e;

	while ((e = pipe_outcome(&s->pipe)) != NULL) {
		record_outcome(s, e, NULL);
		pipe_entry_free(&e);
	}
	for (e = s->pipe.first; e != NULL; e = e->next) {
		if (e->stmt == 0)
			continue;
		if (e->error == NULL)
			e->error = strdup(s->reason);
		record_outcome(s, e, e->failed ? NULL : "lost");
	}
	if (s->front.step == FRONT_RECORDED) {
		struct pipe_entry unsent = { .stmt = s->front.stmt };

		clock_start(&unsent.started);
		record_outcome(s, &unsent, "unsent");
	}
	pipe_clear(&s->pipe);
}

/* Everything but the client: once. */
static void
session_finish(struct session *s, const char *reason)
{
	struct ipc_session_end end;

	if (s->ended)
		return;
	s->ended = true;
	if (s->reason[0] == '\0')
		snprintf(s->reason, sizeof(s->reason), "%s", reason);
	log_info("attempt=%u session=%s peer=%s end=%s", s->attempt, s->id,
	    s->peer, log_esc(s->reason, strlen(s->reason)));
	ev_timer_stop(s->retry);
	ev_timer_stop(s->idle_timer);
	ev_timer_stop(s->stall);
	if (s->spool != NULL) {
		if (s->answers != NULL)
			answers_end(s->answers, s->spool);
		record_lost(s);
		record_end(s);
	}
	stream_close(&s->db);
	ipc_free(&s->engine);
	if (s->id[0] != '\0') {
		end.session = slice_str(s->id);
		end.reason = slice_str(s->reason);
		ipc_send(s->w->parent, IPC_session_end, &end, NULL, 0);
	} else if (s->state == SESSION_LOGIN || s->state == SESSION_GRANT) {
		struct ipc_login_abort abort_login = { s->attempt };

		ipc_send(s->w->parent, IPC_login_abort, &abort_login, NULL, 0);
	}
}

/* The client is told, or is gone; the records may still be on their way. */
static void
session_linger(struct session *s)
{
	stream_close(&s->client);
	if (s->spool != NULL && !spool_idle(s->spool) &&
	    !spool_broken(s->spool)) {
		session_goto(s, SESSION_LINGER);
		return;
	}
	session_goto(s, SESSION_OVER);
}

void
session_drop(struct session *s, const char *reason)
{
	if (s->state >= SESSION_FAREWELL)
		return;
	session_finish(s, reason);
	session_linger(s);
}

static void
session_say(struct session *s, const char *sqlstate, const char *message,
    const char *detail, const char *hint, const char *reason)
{
	if (s->state >= SESSION_FAREWELL)
		return;
	session_finish(s, reason);
	/* In the middle of a row it would be read as a part of it. */
	if (s->client.failed || s->client.eof || s->passing > 0 ||
	    answers_waiting(s->answers) ||
	    pg_add_error(&s->client.out, 'E', "FATAL", sqlstate, message,
	    detail, hint) == -1) {
		session_linger(s);
		return;
	}
	session_goto(s, SESSION_FAREWELL);
	session_event(s, EVT_CLIENT, NULL);
}

void
session_fatal(struct session *s, const char *sqlstate, const char *message,
    const char *hint, const char *reason)
{
	session_say(s, sqlstate, message, NULL, hint, reason);
}

void
session_fatal_detail(struct session *s, const char *sqlstate,
    const char *message, const char *detail, const char *reason)
{
	session_say(s, sqlstate, message, detail, NULL, reason);
}

/*
 * Flush, say that no more comes, and read what the client still says until it
 * closes too: closing with unread input would reset the connection, and the
 * last message might never be seen.
 */
static void
on_farewell(struct session *s, const void *arg)
{
	(void)arg;
	stream_flush(&s->client);
	if (s->client.out.len == 0 && !s->client.failed && !s->said_bye) {
		s->said_bye = true;
		shutdown(s->client.fd, SHUT_WR);
		ev_timer_set(s->timer, GOODBYE_MS);
	}
	stream_fill(&s->client);
	/* Before login a token may be in it. */
	buf_wipe(&s->client.in);
	if (s->client.failed || s->client.eof) {
		session_linger(s);
		return;
	}
	s->client.reading = true;
	stream_poll(&s->client);
}

static void
on_linger(struct session *s, const void *arg)
{
	(void)arg;
	if (s->spool != NULL)
		spool_pump(s->spool);
	session_linger(s);
}

static void
on_linger_timeout(struct session *s, const void *arg)
{
	(void)arg;
	log_warnx("session=%s error=\"auditd did not take the last records\"",
	    s->id);
	session_goto(s, SESSION_OVER);
}

/* --- open -------------------------------------------------------------------- */

/* policyd is away: statements wait for its page; a cancel will not end. */
static void
on_no_wait(struct session *s, const void *arg)
{
	(void)arg;
	s->cancel_hold = false;
	hold_on_parent(s);
	estimate_on_parent(s);
	session_pump(s);
}

void
session_retry(struct session *s)
{
	if (!ev_timer_pending(s->retry))
		ev_timer_set(s->retry, RETRY_MS);
}

/* Is the server's message at the head not whole yet?  Rows need not be, unless
 * they are looked through. */
static bool
head_incomplete(const struct session *s)
{
	const struct buf *in = &s->db.in;
	const uint8_t *p = buf_head(in);

	if (in->len < 5)
		return true;
	return (s->content != CONTENT_OFF || (p[0] != 'D' && p[0] != 'd')) &&
	    in->len < (size_t)pg_be32(p + 1) + 1;
}

/* A client's 'd' and 'D' are taken whole. */
static bool
client_incomplete(const struct session *s)
{
	const struct buf *in = &s->client.in;

	return in->len < 5 || in->len < (size_t)pg_be32(buf_head(in) + 1) + 1;
}

/* May more be read from the client; from the database? */
static bool
client_wanted(const struct session *s)
{
	return s->client.in.len < STREAM_HIGH || client_incomplete(s);
}

/* Half a message: the rest has to come, a little of it at least. */
static void
session_stall(struct session *s)
{
	if (s->client.in.len == 0 || !client_incomplete(s)) {
		ev_timer_stop(s->stall);
		return;
	}
	if (ev_timer_pending(s->stall) && s->stall_at == s->client.bytes_in)
		return;
	s->stall_at = s->client.bytes_in;
	ev_timer_set(s->stall, s->w->conf->stall);
}

static bool
db_wanted(const struct session *s)
{
	return s->db.in.len < STREAM_HIGH || s->killing != NULL ||
	    (s->passing == 0 && head_incomplete(s));
}

static void
session_settle(struct session *s)
{
	session_stall(s);
	s->client.reading = client_wanted(s);
	s->db.reading = db_wanted(s);
	buf_shrink(&s->client.in, 0);
	buf_shrink(&s->db.in, 0);
	stream_poll(&s->client);
	stream_poll(&s->db);
}

static bool
client_pending(const struct session *s)
{
	return stream_pending(&s->client) && client_wanted(s);
}

static bool
db_pending(const struct session *s)
{
	return stream_pending(&s->db) && db_wanted(s);
}

/* Who is gone?  Whole messages that came before are handled first. */
static bool
session_lost(struct session *s)
{
	if (s->client.failed || s->client.eof) {
		session_drop(s, "client vanished");
		return true;
	}
	if (!s->db.failed && !s->db.eof)
		return false;
	/* What waits for auditd is the client's all the same. */
	if (answers_waiting(s->answers))
		return false;
	/* Its last words are still to be passed. */
	if (s->db.in.len > 0 && !head_incomplete(s))
		return false;
	if (s->reason[0] != '\0')	/* it said FATAL, the client knows */
		session_finish(s, s->reason);
	if (s->ended) {
		session_goto(s, SESSION_FAREWELL);
		session_event(s, EVT_CLIENT, NULL);
	} else
		session_fatal(s, "08006", "the database closed the connection",
		    NULL, "backend vanished");
	return true;
}

/*
 * Send what is queued.  True when that made room for input that was held back
 * because the queue was full: nothing else would wake it.
 */
static bool
flush_made_room(struct stream *st)
{
	bool was_full = st->out.len >= STREAM_HIGH;

	stream_flush(st);
	return was_full && st->out.len < STREAM_HIGH;
}

void
session_pump(struct session *s)
{
	bool room = false;
	int i;

	for (i = 0; s->state == SESSION_OPEN; i++) {
		if (s->killing == NULL)
			frontend_process(s);
		if (s->state != SESSION_OPEN)
			return;
		backend_process(s);
		if (s->state != SESSION_OPEN || session_dying(s))
			return;
		/* An answer may have let a waiting message go on. */
		if (s->client.in.len > 0 && s->killing == NULL)
			frontend_process(s);
		if (s->state != SESSION_OPEN)
			return;
		room = flush_made_room(&s->db);
		room |= flush_made_room(&s->client);
		if (session_lost(s))
			return;
		if (room && i < PUMP_ROUNDS)
			continue;
		/* What TLS holds already wakes nobody. */
		if (i >= PUMP_ROUNDS ||
		    (!client_pending(s) && !db_pending(s)))
			break;
		if (client_pending(s))
			stream_fill(&s->client);
		if (db_pending(s))
			stream_fill(&s->db);
	}
	if (room || client_pending(s) || db_pending(s))
		ev_timer_set(s->retry, 0);
	session_settle(s);
}

static void
on_open_client(struct session *s, const void *arg)
{
	(void)arg;
	if (s->client.reading)
		stream_fill(&s->client);
	session_pump(s);
}

static void
on_open_backend(struct session *s, const void *arg)
{
	(void)arg;
	if (s->db.reading)
		stream_fill(&s->db);
	session_pump(s);
}

static void
on_open_wake(struct session *s, const void *arg)
{
	(void)arg;
	session_pump(s);
}

/* The server may speak (a notice) while the key is drawn: read it later. */
static void
on_db_while_waiting(struct session *s, const void *arg)
{
	(void)arg;
	s->db.reading = false;
	stream_poll(&s->db);
}
