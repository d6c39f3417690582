/*
 * startup: what comes from a client before its session is open: SSLRequest,
 * TLS, the startup packet, the token.  Runs in the worker, on the bytes of
 * anybody who can connect; a deadline and small caps bound all of it
 * (PostgreSQL 55.2.1 and 55.2.10 to 55.2.11).
 */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "options.h"

#define TLS_HANDSHAKE	0x16	/* a record's type (RFC 8446, 5.1) */
/* policyd and the master reconnect within half a second. */
#define CHANNEL_WAIT_MS	2000
/* As for a statement that waits (hold.c). */
#define GRANT_NOTICE_MS	10000

void
startup_refuse(struct session *s, const char *sqlstate, const char *message)
{
	/* The message may name what the client sent. */
	log_info("attempt=%u peer=%s refused=%s", s->attempt, s->peer,
	    log_esc(message, strlen(message)));
	session_fatal(s, sqlstate, message, NULL, message);
}

void
startup_on_timeout(struct session *s, const void *arg)
{
	(void)arg;
	if (s->state >= SESSION_TOKEN)
		startup_refuse(s, "57014", "login took too long");
	else
		session_drop(s, "login took too long");
}

void
startup_drop(struct session *s)
{
	static const char message[] =
	    "too many connections of this address have not logged in";

	if (s->state >= SESSION_STARTUP)
		startup_refuse(s, "53300", message);
	else
		session_drop(s, message);
}

void
startup_on_parent_gone(struct session *s, const void *arg)
{
	static const char message[] = "the policy service is not available";

	(void)arg;
	if (s->waiting_for == NULL)
		startup_refuse(s, "57P03", message);
	else
		session_fatal(s, "57P03", message, "Connect again: the "
		    "request for a grant stays.", message);
}

bool
startup_read(struct session *s)
{
	stream_flush(&s->client);
	/* What TLS holds already wakes nobody: read all of it. */
	do
		stream_fill(&s->client);
	while (stream_pending(&s->client) && s->client.in.len < STREAM_HIGH);
	if (s->client.failed || s->client.eof) {
		session_drop(s, "client went away before login");
		return false;
	}
	stream_poll(&s->client);
	return true;
}

/* --- before startup ------------------------------------------------------------ */

/* A whole packet without a type byte: its length with the length field, 0 when
 * it is not all there, or -1 after the session was ended. */
static int
startup_packet(struct session *s)
{
	uint32_t len;

	if (s->client.in.len < 4)
		return 0;
	len = pg_be32(buf_head(&s->client.in));
	if (len < 8 || len > PG_STARTUP_MAX) {
		session_drop(s, "invalid length of startup packet");
		return -1;
	}
	return s->client.in.len < len ? 0 : (int)len;
}

static void
startup_accept_tls(struct session *s)
{
	if ((s->client.tls = tls_accept(s->w->listen->tls, s->client.fd)) ==
	    NULL) {
		session_drop(s, "out of memory");
		return;
	}
	session_goto(s, SESSION_TLS);
	startup_on_tls(s, NULL);
}

static void
startup_tls(struct session *s)
{
	if (s->w->listen->tls == NULL) {
		stream_put(&s->client, "N", 1);
		return;
	}
	/* A byte behind the SSLRequest would be taken for one that came
	 * encrypted (CVE-2021-23214). */
	if (s->client.in.len > 0) {
		session_drop(s, "data before the TLS handshake");
		return;
	}
	stream_put(&s->client, "S", 1);
	/* Else it would go out encrypted. */
	if (s->client.out.len > 0) {
		session_drop(s, "client takes no answer");
		return;
	}
	startup_accept_tls(s);
}

/* May this be asked, and is it for the first time?  -1: the session ended. */
static int
startup_asked(struct session *s, uint32_t code, int len)
{
	bool *asked = code == PG_SSLREQUEST ? &s->asked_tls : &s->asked_gss;

	if (len != 8 || *asked) {
		session_drop(s, "repeated encryption request");
		return -1;
	}
	*asked = true;
	buf_drain(&s->client.in, 8);
	return 0;
}

/*
 * A TLS record may be in the place of the first packet (55.2.11): its first byte
 * is no length that a packet may have.  As long as nothing was read, OpenSSL can
 * still get it all.
 */
static bool
startup_is_first(const struct session *s)
{
	return s->w->listen->tls != NULL && !s->asked_tls && !s->asked_gss &&
	    s->client.in.len == 0;
}

void
startup_on_hello(struct session *s, const void *arg)
{
	uint32_t code;
	int len, first;

	(void)arg;
	if (startup_is_first(s)) {
		first = stream_peek(&s->client);
		/* What comes after this look must not be read unseen. */
		if (first == STREAM_NONE)
			return;
		if (first == TLS_HANDSHAKE) {
			s->direct_tls = true;
			startup_accept_tls(s);
			return;
		}
	}
	if (!startup_read(s))
		return;
	while (s->state == SESSION_HELLO && (len = startup_packet(s)) > 0) {
		code = pg_be32(buf_head(&s->client.in) + 4);
		if (code != PG_SSLREQUEST && code != PG_GSSENCREQUEST) {
			session_goto(s, SESSION_STARTUP);
			session_event(s, EVT_CLIENT, NULL);
			return;
		}
		if (startup_asked(s, code, len) == -1)
			return;
		if (code == PG_GSSENCREQUEST)
			stream_put(&s->client, "N", 1);
		else
			startup_tls(s);
	}
}

void
startup_on_tls(struct session *s, const void *arg)
{
	enum tls_want want;
	char name[256];
	int rc;

	(void)arg;
	rc = tls_handshake(s->client.tls, &want);
	if (rc == -1) {
		log_info("attempt=%u peer=%s tls=\"%s\"", s->attempt, s->peer,
		    tls_error(s->client.tls));
		session_drop(s, "TLS handshake failed");
		return;
	}
	if (rc == 0) {
		ev_io_want(s->client.io, want == TLS_WANT_WRITE ? EV_OUT :
		    EV_IN);
		return;
	}
	/* Else bytes meant for another protocol's server could be fed to us
	 * (ALPACA); after an SSLRequest that cannot be. */
	if (s->direct_tls && !tls_alpn(s->client.tls)) {
		session_drop(s, "direct TLS without ALPN \"postgresql\"");
		return;
	}
	if (s->w->listen->client_ca != NULL) {
		tls_peer_name(s->client.tls, name, sizeof(name));
		log_info("attempt=%u peer=%s certificate=%s", s->attempt,
		    s->peer, log_esc(name, strlen(name)));
	}
	session_goto(s, SESSION_STARTUP);
	session_event(s, EVT_CLIENT, NULL);
}

/* --- the startup packet ----------------------------------------------------------- */

static int
copy_name(struct session *s, const char *what, const char *value, char *dst)
{
	char message[128];

	if (strlen(value) > LEN_NAME) {
		snprintf(message, sizeof(message), "%s name is too long",
		    what);
		startup_refuse(s, "42622", message);
		return -1;
	}
	strcpy(dst, value);
	return 0;
}

/*
 * A setting that the client wants at the server; policyd says whether he may
 * have it, when it knows who he is.  -1: the session was ended.
 */
static int
startup_setting(struct session *s, const char *name, const char *value)
{
	/* In `options` they would become parameters that say who it is. */
	if (strcasecmp(name, "user") == 0 ||
	    strcasecmp(name, "database") == 0 ||
	    strcasecmp(name, "options") == 0 ||
	    strcasecmp(name, "replication") == 0) {
		startup_refuse(s, "42501", "this is no setting for the startup "
		    "options");
		return -1;
	}
	if (strcasecmp(name, "application_name") == 0)
		snprintf(s->application, sizeof(s->application), "%s", value);
	if (buf_add_cstr(&s->params, name) == -1 ||
	    buf_add_cstr(&s->params, value) == -1) {
		session_drop(s, "out of memory");
		return -1;
	}
	return 0;
}

/*
 * Those in `options`: taken one by one, and passed on before the others, which
 * hold over them as at a server.  -1: the session was ended.
 */
static int
startup_options(struct session *s, const char *options)
{
	char name[LEN_NAME + 1], value[512];
	int rc;

	while ((rc = options_next(&options, name, sizeof(name), value,
	    sizeof(value))) == 1)
		if (startup_setting(s, name, value) == -1)
			return -1;
	if (rc == -1)
		startup_refuse(s, "42501", "startup options other than "
		    "-c name=value are not allowed");
	return rc;
}

/* -1: the session was ended. */
static int
startup_param(struct session *s, const char *name, const char *value)
{
	if (strcmp(name, "user") == 0)
		return copy_name(s, "user", value, s->user);
	if (strcmp(name, "database") == 0)
		return copy_name(s, "database", value, s->database);
	if (strcmp(name, "replication") == 0) {
		if (strcmp(value, "false") == 0 || strcmp(value, "off") == 0 ||
		    strcmp(value, "0") == 0 || strcmp(value, "no") == 0)
			return 0;
		startup_refuse(s, "0A000", "replication connections do not "
		    "pass through Postern");
		return -1;
	}
	if (strncmp(name, "_pq_.", 5) == 0)
		return 0;
	if (strcmp(name, "options") == 0)
		return 0;	/* startup_options() had it */
	return startup_setting(s, name, value);
}

/* Is it well-formed to its last byte?  `options` of it, "" for none. */
static bool
startup_scan(const uint8_t *p, size_t len, const char **options)
{
	struct pg_reader r;
	const char *name, *value;

	*options = "";
	pg_read(&r, p, len);
	while (*(name = pg_str(&r)) != '\0') {
		value = pg_str(&r);
		if (!r.bad && strcmp(name, "options") == 0)
			*options = value;
	}
	return pg_done(&r);
}

/* -1: the session was ended. */
static int
startup_params(struct session *s, const uint8_t *p, size_t len,
    struct buf *unknown)
{
	struct pg_reader r;
	const char *name, *options;

	if (!startup_scan(p, len, &options)) {
		startup_refuse(s, "08P01", "malformed startup packet");
		return -1;
	}
	if (startup_options(s, options) == -1)
		return -1;
	pg_read(&r, p, len);
	while (*(name = pg_str(&r)) != '\0') {
		if (strncmp(name, "_pq_.", 5) == 0 &&
		    buf_add_cstr(unknown, name) == -1)
			return -1;
		if (startup_param(s, name, pg_str(&r)) == -1)
			return -1;
	}
	if (s->user[0] == '\0') {
		startup_refuse(s, "28000", "no user name in startup packet");
		return -1;
	}
	if (s->database[0] == '\0')
		strcpy(s->database, s->user);
	return 0;
}

/* We speak 3.0 and 3.2: say so once to a client that asked for another minor
 * version, or for what we do not know (55.2.1, 55.7 NegotiateProtocolVersion). */
static int
startup_negotiate(struct session *s, uint32_t version,
    const struct buf *unknown)
{
	struct buf *out = &s->client.out;
	const uint8_t *p = buf_head(unknown);
	uint32_t n = 0, minor = version & 0xffff;
	size_t at, i;

	for (i = 0; i < unknown->len; i++)
		n += p[i] == '\0';
	s->minor = minor >= PG_MINOR_LATEST ? PG_MINOR_LATEST : 0;
	if (minor == s->minor && n == 0)
		return 0;
	if (pg_begin(out, 'v', &at) == -1 ||
	    buf_add_be32(out, PG_PROTOCOL_3 | s->minor) == -1 ||
	    buf_add_be32(out, n) == -1 ||
	    buf_add(out, p, unknown->len) == -1)
		return -1;
	return pg_end(out, at);
}

static bool
token_is_safe(const struct session *s)
{
	return s->client.tls != NULL || s->w->listen->is_unix ||
	    (s->w->listen->cleartext && (strncmp(s->peer, "127.", 4) == 0 ||
	    strncmp(s->peer, "[::1]", 5) == 0));
}

static void
startup_begin(struct session *s, const uint8_t *p, size_t len)
{
	char message[96];
	struct buf unknown;
	uint32_t version = pg_be32(p + 4);
	int rc;

	if (version >> 16 != 3) {
		snprintf(message, sizeof(message), "unsupported frontend "
		    "protocol %u.%u: server supports 3.0 to 3.%u",
		    version >> 16, version & 0xffff, PG_MINOR_LATEST);
		startup_refuse(s, "0A000", message);
		return;
	}
	buf_init(&unknown, PG_STARTUP_MAX);
	rc = startup_params(s, p + 8, len - 8, &unknown);
	if (rc == 0)
		rc = startup_negotiate(s, version, &unknown);
	buf_clear(&unknown);
	if (rc == -1) {
		session_drop(s, "startup refused");
		return;
	}
	if (!token_is_safe(s)) {
		startup_refuse(s, "28000", "a token is only accepted over TLS; "
		    "connect with sslmode=verify-full");
		return;
	}
	if (s->w->listen->oauth)
		rc = bearer_offer(s);
	else if ((rc = pg_add_auth(&s->client.out, 3, NULL, 0)) == 0)
		/* AuthenticationCleartextPassword */
		session_goto(s, SESSION_TOKEN);
	if (rc == -1)
		session_drop(s, "out of memory");
}

void
startup_on_startup(struct session *s, const void *arg)
{
	const uint8_t *p;
	uint32_t code;
	int len;

	(void)arg;
	if (!startup_read(s) || (len = startup_packet(s)) <= 0)
		return;
	/* A worker just born, or policyd restarts: again with its channel. */
	if (s->w->parent == NULL) {
		if (!ev_timer_pending(s->retry))
			ev_timer_set(s->retry, CHANNEL_WAIT_MS);
		return;
	}
	ev_timer_stop(s->retry);
	p = buf_head(&s->client.in);
	code = pg_be32(p + 4);
	if (code == PG_CANCELREQUEST) {
		cancelreq_start(s, p, (size_t)len);
		return;
	}
	if (code == PG_SSLREQUEST || code == PG_GSSENCREQUEST) {
		/* Inside TLS, or the hello would have had it: there is
		 * nothing left to encrypt. */
		if (startup_asked(s, code, len) == -1)
			return;
		stream_put(&s->client, "N", 1);
		/* What came with it wakes nobody. */
		session_event(s, EVT_CLIENT, NULL);
		return;
	}
	startup_begin(s, p, (size_t)len);
	if (s->state != SESSION_TOKEN && s->state != SESSION_SASL)
		return;
	buf_drain(&s->client.in, (size_t)len);
	session_event(s, EVT_CLIENT, NULL);
}

/* The channel did not come. */
void
startup_on_wake(struct session *s, const void *arg)
{
	if (s->w->parent == NULL)
		startup_on_parent_gone(s, arg);
}

/* --- the token -------------------------------------------------------------------- */

void
startup_login(struct session *s, const uint8_t *token, size_t len)
{
	/* "TLSv1.3 TLS_AES_256_GCM_SHA384" */
	const char *tls = s->client.tls != NULL ?
	    tls_describe(s->client.tls) : "";
	struct ipc_login m = {
		.attempt = s->attempt,
		.user = slice_str(s->user),
		.database = slice_str(s->database),
		.token = slice_of(token, len),
		.peer = slice_str(s->peer),
		.application = slice_str(s->application),
		.tls = s->client.tls != NULL,
		.tls_version = slice_of(tls, strcspn(tls, " ")),
		.params = slice_of(buf_head(&s->params), s->params.len),
	};

	session_goto(s, SESSION_LOGIN);
	if (ipc_send(s->w->parent, IPC_login, &m, NULL, 0) == -1)
		startup_on_parent_gone(s, NULL);
}

void
startup_spend(struct session *s, size_t n)
{
	struct buf *in = &s->client.in;

	/* Where the session is over the whole buffer was wiped. */
	if (s->client.fd == -1)
		return;
	if (n > in->len)
		n = in->len;
	if (n > 0)
		explicit_bzero(buf_head(in), n);
	buf_drain(in, n);
	if (in->len == 0)
		buf_wipe(in);
}

void
startup_on_token(struct session *s, const void *arg)
{
	const uint8_t *p, *end;
	uint32_t len;

	(void)arg;
	if (!startup_read(s) || s->client.in.len < 5)
		return;
	p = buf_head(&s->client.in);
	len = pg_be32(p + 1);
	if (p[0] != 'p' || len < 5 || len > 4 + LEN_TOKEN + 1) {
		startup_refuse(s, "08P01", "expected a password message");
		return;
	}
	if (s->client.in.len < (size_t)len + 1)
		return;
	/* Exactly one NUL-terminated string. */
	end = memchr(p + 5, '\0', len - 4);
	if (end == NULL || end != p + len) {
		startup_refuse(s, "08P01", "malformed password message");
		return;
	}
	startup_login(s, p + 5, (size_t)(end - (p + 5)));
	startup_spend(s, (size_t)len + 1);
}

/* While policyd and the server are asked: only an end is of interest, but the
 * client may send its first statements already. */
void
startup_on_login_wait(struct session *s, const void *arg)
{
	(void)arg;
	stream_flush(&s->client);
	do
		stream_fill(&s->client);
	while (stream_pending(&s->client) && s->client.in.len < STREAM_HIGH);
	if (s->client.failed || s->client.eof) {
		session_drop(s, "client went away during login");
		return;
	}
	s->client.reading = s->client.in.len < STREAM_HIGH;
	stream_poll(&s->client);
}

/* Between AuthenticationOk and ReadyForQuery every driver takes a notice; before
 * that, none does. */
void
startup_on_notice(struct session *s, const void *arg)
{
	(void)arg;
	if (s->client.out.len < STREAM_HIGH && pg_add_error(&s->client.out,
	    'N', "NOTICE", "00000", s->waiting_for->message, NULL,
	    s->waiting_for->hint) == -1) {
		session_drop(s, "out of memory");
		return;
	}
	ev_timer_set(s->timer, GRANT_NOTICE_MS);
	/* Flushes, and sees if the client has gone. */
	startup_on_login_wait(s, NULL);
}

void
startup_on_wait(struct session *s, const void *arg)
{
	const struct ipc_login_wait *m = arg;

	if (s->waiting_for == NULL &&
	    ((s->waiting_for = calloc(1, sizeof(*s->waiting_for))) == NULL ||
	    pg_add_auth(&s->client.out, 0, NULL, 0) == -1)) {
		session_drop(s, "out of memory");
		return;
	}
	if (slice_copy(m->message, s->waiting_for->message,
	    sizeof(s->waiting_for->message)) == -1 ||
	    slice_copy(m->hint, s->waiting_for->hint,
	    sizeof(s->waiting_for->hint)) == -1)
		s->waiting_for->message[0] = '\0';
	if (s->state == SESSION_LOGIN)
		session_goto(s, SESSION_GRANT);
	startup_on_notice(s, NULL);
}

void
startup_on_refused(struct session *s, const void *arg)
{
	const struct ipc_login_refused *m = arg;
	char sqlstate[6], message[LEN_REASON + 1], hint[LEN_REASON + 1];

	if (slice_copy(m->sqlstate, sqlstate, sizeof(sqlstate)) == -1 ||
	    slice_copy(m->message, message, sizeof(message)) == -1 ||
	    slice_copy(m->hint, hint, sizeof(hint)) == -1)
		return;
	/* Who waited has been told that he is authenticated. */
	if (s->waiting_for != NULL ||
	    bearer_refused(s, sqlstate, message, hint) == -1)
		session_fatal(s, sqlstate, message[0] != '\0' ? message :
		    "authentication failed", hint, "login refused");
}
