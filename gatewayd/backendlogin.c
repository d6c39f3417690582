/*
 * backendlogin: from policyd's grant to a backend that takes statements: TLS,
 * startup, SASL, the first ReadyForQuery.  Runs in the worker, which has the
 * socket that the keeper dialled and never a password: what the server asks in
 * SASL goes to the keeper and what it answers comes back (PostgreSQL 55.3).
 */
#include "session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define GREETING_MAX	(64u * 1024)

static void
dblogin_fail(struct session *s, const char *what, const char *detail)
{
	log_warnx("session=%s backend=\"%s\" error=\"%s\" detail=%s", s->id,
	    s->dbname, what, log_esc(detail, strlen(detail)));
	session_fatal(s, "08006", "the database did not accept the session",
	    NULL, what);
}

static void
on_db_io(void *ctx, int what)
{
	struct session *s = ctx;

	if (what == EV_OUT)
		stream_flush(&s->db);
	session_event(s, EVT_BACKEND, NULL);
}

static void
on_ack(void *ctx, int what)
{
	struct session *s = ctx;

	(void)what;
	spool_acked(s->spool);
	session_event(s, EVT_WAKE, NULL);
}

/* --- the grant ------------------------------------------------------------------ */

static int
grant_copy(struct session *s, const struct ipc_login_ok *m)
{
	char profile[LEN_KEY + 1];

	if (slice_copy(m->session, s->id, sizeof(s->id)) == -1 ||
	    slice_copy(m->role, s->role, sizeof(s->role)) == -1 ||
	    slice_copy(m->dbname, s->dbname, sizeof(s->dbname)) == -1 ||
	    slice_copy(m->dbhost, s->dbhost, sizeof(s->dbhost)) == -1 ||
	    slice_copy(m->profile, profile, sizeof(profile)) == -1 ||
	    buf_add(&s->settings, m->settings.p, m->settings.len) == -1 ||
	    buf_add(&s->ca, m->ca.p, m->ca.len) == -1)
		return -1;
	s->dbtls = m->dbtls;
	s->idle = m->idle;
	s->masked = m->masked != 0;
	if (m->content >= CONTENT_NMODES)
		return -1;
	s->content = m->content;
	if (m->literals >= RECORD_NMODES || m->parameters >= RECORD_NMODES ||
	    (m->record_key.len != 0 &&
	    m->record_key.len != sizeof(s->redact.key)))
		return -1;
	s->redact.literals = m->literals;
	s->redact.parameters = m->parameters;
	if (m->record_key.len != 0)
		memcpy(s->redact.key, m->record_key.p, m->record_key.len);
	if (m->answers != 0 && (s->answers = answers_new(m->max_bytes,
	    m->max_session_bytes)) == NULL)
		return -1;
	s->cache = worker_cache(s->w, profile, s->database);
	return s->cache == NULL ? -1 : 0;
}

/* Descriptors in the order of login_ok; those kept are set to -1. */
static int
grant_take(struct session *s, int *fds)
{
	s->spool = spool_open(fds[2], fds[3], fds[4], fds[5]);
	fds[2] = fds[3] = fds[4] = fds[5] = -1;
	s->page = page_map(fds[6]);
	fds[6] = -1;
	if (s->spool == NULL || s->page == NULL)
		return -1;
	s->ack_io = ev_io_new(s->w->loop, spool_ack_fd(s->spool), EV_IN,
	    on_ack, s);
	stream_open(&s->db, s->w->loop, fds[0], STREAM_HIGH +
	    (s->content == CONTENT_OFF ? WHOLE_MAX : ROW_MAX), on_db_io, s);
	fds[0] = -1;
	judge_connect(s, fds[1]);
	fds[1] = -1;
	return s->engine == NULL ? -1 : 0;
}

static int
send_startup(struct session *s)
{
	struct buf *out = &s->db.out;
	size_t at = out->len;

	/* What the profile sets comes last, and so holds. */
	if (buf_add_be32(out, 0) == -1 ||
	    buf_add_be32(out, PG_PROTOCOL_3) == -1 ||
	    buf_add_cstr(out, "user") == -1 ||
	    buf_add_cstr(out, s->role) == -1 ||
	    buf_add_cstr(out, "database") == -1 ||
	    buf_add_cstr(out, s->dbname) == -1 ||
	    buf_add(out, buf_head(&s->params), s->params.len) == -1 ||
	    buf_add(out, buf_head(&s->settings), s->settings.len) == -1 ||
	    buf_add_u8(out, 0) == -1 || pg_end(out, at) == -1)
		return -1;
	buf_clear(&s->params);
	buf_clear(&s->settings);
	return 0;
}

static void
dblogin_startup(struct session *s)
{
	session_goto(s, SESSION_DB_LOGIN);
	if (send_startup(s) == -1) {
		session_drop(s, "out of memory");
		return;
	}
	stream_flush(&s->db);
	stream_poll(&s->db);
}

void
dblogin_on_grant(struct session *s, const void *arg)
{
	const struct login_grant *g = arg;
	static const uint8_t sslrequest[8] = { 0, 0, 0, 8, 4, 210, 22, 47 };

	/* People took their time; the server has the usual one. */
	if (s->waiting_for != NULL)
		ev_timer_set(s->timer, s->w->conf->login);
	if (grant_copy(s, g->m) == -1 || grant_take(s, g->fds) == -1) {
		session_fatal(s, "53200", "out of memory", NULL,
		    "the grant could not be taken");
		return;
	}
	log_info("attempt=%u session=%s peer=%s user=%s database=%s",
	    s->attempt, s->id, s->peer, log_esc(s->user, strlen(s->user)),
	    log_esc(s->database, strlen(s->database)));
	if (s->dbtls == DB_TLS_DISABLE) {
		dblogin_startup(s);
		return;
	}
	session_goto(s, SESSION_DB_HELLO);
	stream_put(&s->db, sslrequest, sizeof(sslrequest));
	stream_poll(&s->db);
}

/* --- TLS --------------------------------------------------------------------------- */

void
dblogin_on_hello(struct session *s, const void *arg)
{
	char err[256];

	(void)arg;
	stream_flush(&s->db);
	stream_fill(&s->db);
	if (s->db.failed || s->db.eof) {
		dblogin_fail(s, "the database closed the connection", "");
		return;
	}
	if (s->db.in.len == 0)
		return;
	/* One byte and nothing behind it: what came in clear may not be taken
	 * for what came encrypted (CVE-2021-23222). */
	if (s->db.in.len != 1 || *buf_head(&s->db.in) != 'S') {
		dblogin_fail(s, "the database does not offer TLS", "");
		return;
	}
	buf_drain(&s->db.in, 1);
	s->db.tls = tls_connect(s->db.fd, s->dbtls, s->dbhost,
	    buf_head(&s->ca), s->ca.len, err, sizeof(err));
	if (s->db.tls == NULL) {
		dblogin_fail(s, "TLS to the database cannot be set up", err);
		return;
	}
	buf_clear(&s->ca);
	session_goto(s, SESSION_DB_TLS);
	dblogin_on_tls(s, NULL);
}

void
dblogin_on_tls(struct session *s, const void *arg)
{
	enum tls_want want;
	int rc;

	(void)arg;
	rc = tls_handshake(s->db.tls, &want);
	if (rc == -1) {
		dblogin_fail(s, "TLS handshake with the database failed",
		    tls_error(s->db.tls));
		return;
	}
	if (rc == 0) {
		ev_io_want(s->db.io, want == TLS_WANT_WRITE ? EV_OUT : EV_IN);
		return;
	}
	dblogin_startup(s);
}

/* --- authentication ------------------------------------------------------------------ */

static void
dblogin_sasl_ask(struct session *s, uint32_t step, const uint8_t *p,
    size_t len)
{
	struct ipc_sasl_ask m;
	uint8_t digest[64];
	int n = 0;

	if (s->db.tls != NULL &&
	    (n = tls_endpoint_digest(s->db.tls, digest)) == -1)
		n = 0;
	m.session = slice_str(s->id);
	m.step = step;
	m.data = slice_of(p, len);
	m.binding = slice_of(digest, (size_t)n);
	if (ipc_send(s->w->parent, IPC_sasl_ask, &m, NULL, 0) == -1)
		startup_on_parent_gone(s, NULL);
}

static void
dblogin_auth(struct session *s, const uint8_t *body, size_t len)
{
	struct pg_reader r;
	uint32_t code;

	pg_read(&r, body, len);
	code = pg_u32(&r);
	if (r.bad) {
		dblogin_fail(s, "malformed authentication request", "");
		return;
	}
	switch (code) {
	case 0:
		s->db_authed = true;
		return;
	case 10:
	case 11:
	case 12:
		dblogin_sasl_ask(s, code, r.p, r.left);
		return;
	default:
		break;
	}
	dblogin_fail(s, "the database asks for another authentication than "
	    "scram-sha-256", "");
}

void
dblogin_on_sasl(struct session *s, const void *arg)
{
	const struct ipc_sasl_answer *m = arg;
	struct buf *out = &s->db.out;
	size_t at;
	int rc = 0;

	if (m->step == 12)
		return;		/* the server proved itself; it goes on */
	rc = pg_begin(out, 'p', &at);
	if (rc == 0 && m->step == 10) {
		/* SASLInitialResponse: mechanism, length, data. */
		rc = buf_add(out, m->mechanism.p, m->mechanism.len);
		if (rc == 0)
			rc = buf_add_u8(out, 0);
		if (rc == 0)
			rc = buf_add_be32(out, m->data.len);
	}
	if (rc == 0)
		rc = buf_add(out, m->data.p, m->data.len);
	if (rc == -1 || pg_end(out, at) == -1) {
		session_drop(s, "out of memory");
		return;
	}
	stream_flush(&s->db);
	stream_poll(&s->db);
}

void
dblogin_on_sasl_failed(struct session *s, const void *arg)
{
	const struct ipc_sasl_failed *m = arg;
	char reason[LEN_REASON + 1];

	if (slice_copy(m->reason, reason, sizeof(reason)) == -1)
		reason[0] = '\0';
	dblogin_fail(s, "authentication to the database failed", reason);
}

/* --- what the server says before it is ready -------------------------------------------- */

static void
dblogin_error(struct session *s, const uint8_t *body, size_t len)
{
	struct pg_error e;

	if (pg_error_read(body, len, &e) == -1)
		dblogin_fail(s, "malformed error from the database", "");
	else
		dblogin_fail(s, "the database refused the session",
		    e.message);
}

static void
dblogin_ready(struct session *s)
{
	struct ipc_session_ready m = { .session = slice_str(s->id),
	    .pid = pg_be32(s->db_key),
	    .key = slice_of(s->db_key + 4, s->db_key_len - 4),
	    .long_key = s->minor >= 2 };

	session_goto(s, SESSION_DB_KEY);
	/* What else it says is for the open session. */
	s->db.reading = false;
	stream_poll(&s->db);
	if (ipc_send(s->w->parent, IPC_session_ready, &m, NULL, 0) == -1)
		startup_on_parent_gone(s, NULL);
}

static void
dblogin_backend_key(struct session *s, const uint8_t *body, size_t len)
{
	if (len < 8 || len > sizeof(s->db_key)) {
		dblogin_fail(s, "malformed BackendKeyData", "");
		return;
	}
	memcpy(s->db_key, body, len);
	s->db_key_len = len;
}

static void
dblogin_message(struct session *s, uint8_t type, const uint8_t *body,
    size_t len)
{
	const char *why;

	switch (type) {
	case 'R':
		dblogin_auth(s, body, len);
		return;
	case 'E':
		dblogin_error(s, body, len);
		return;
	case 'S':
		if ((why = parameter_unsafe(body, len)) != NULL) {
			session_fatal(s, "0A000", why, NULL, why);
			return;
		}
		/* FALLTHROUGH */
	case 'N':
		if (s->greeting.len + len > GREETING_MAX ||
		    pg_add(&s->greeting, type, body, len) == -1)
			dblogin_fail(s, "the database says too much", "");
		return;
	case 'K':
		dblogin_backend_key(s, body, len);
		return;
	case 'Z':
		if (!s->db_authed || s->db_key_len == 0)
			dblogin_fail(s, "the database is ready too soon", "");
		else
			dblogin_ready(s);
		return;
	case 'v':
		return;
	default:
		break;
	}
	dblogin_fail(s, "unexpected message from the database", "");
}

void
dblogin_on_input(struct session *s, const void *arg)
{
	const uint8_t *p;
	uint32_t len;

	(void)arg;
	stream_flush(&s->db);
	do
		stream_fill(&s->db);
	while (stream_pending(&s->db) && s->db.in.len < STREAM_HIGH);
	while (s->state == SESSION_DB_LOGIN && s->db.in.len >= 5) {
		p = buf_head(&s->db.in);
		len = pg_be32(p + 1);
		/* A server that cannot fork answers E and plain text. */
		if (len < (p[0] == 'E' ? 8 : 4) || len > 30000) {
			dblogin_fail(s, "the database answered with something "
			    "else than its protocol", "");
			return;
		}
		if (s->db.in.len < (size_t)len + 1)
			break;
		dblogin_message(s, p[0], p + 5, len - 4);
		if (s->state != SESSION_DB_LOGIN && s->state != SESSION_DB_KEY)
			return;
		buf_drain(&s->db.in, (size_t)len + 1);
	}
	if (s->db.failed || s->db.eof) {
		dblogin_fail(s, "the database closed the connection", "");
		return;
	}
	if (s->state == SESSION_DB_LOGIN)
		stream_poll(&s->db);
}

/* --- open ------------------------------------------------------------------------------- */

void
dblogin_on_key(struct session *s, const void *arg)
{
	const struct ipc_session_key *m = arg;
	struct buf *out = &s->client.out;
	size_t at;

	if ((s->waiting_for == NULL && pg_add_auth(out, 0, NULL, 0) == -1) ||
	    buf_add(out, buf_head(&s->greeting), s->greeting.len) == -1 ||
	    pg_begin(out, 'K', &at) == -1 ||
	    buf_add_be32(out, m->pid) == -1 ||
	    buf_add(out, m->key.p, m->key.len) == -1 ||
	    pg_end(out, at) == -1 || pg_add_ready(out, 'I') == -1) {
		session_drop(s, "out of memory");
		return;
	}
	buf_clear(&s->greeting);
	s->tx_status = 'I';
	session_goto(s, SESSION_OPEN);
	if (s->idle > 0)
		ev_timer_set(s->idle_timer, s->idle);
	session_pump(s);
}
