/*
 * HTTP for the page for approvers.  Runs in policyctl serve, in one thread.
 *
 * Whoever can reach the port may send anything: sizes, connections and times
 * are capped by libmicrohttpd and here.  Of what it parsed we demand that the
 * request was meant for us (Host: a name that somebody made to point to this
 * machine is refused) and that a form came from a page of ours (Origin), before
 * any of it is looked at.  What fails is refused; nothing ends the process.
 */
#include "web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <microhttpd.h>

#include "log.h"
#include "unixsock.h"

#define CONNECTIONS	64
#define HEADERS_MAX	32768		/* bytes of a connection's memory */
#define BODY_MAX	(256 * 1024)	/* a token, percent-encoded */
#define IDLE_SECONDS	15

/* The daemon, in our loop. */
struct http {
	struct web		*web;
	struct MHD_Daemon	*daemon;
	struct ev_io		*io;
	struct ev_timer		*timer;
};

/* exchange_done() has to reach it; there is one page in a process. */
static struct http	*the_http;

/* --- answers ------------------------------------------------------------------------ */

static const char *const headers[][2] = {
	/* No script at all; forms go nowhere but here. */
	{ "Content-Security-Policy", "default-src 'none'; style-src 'self'; "
	    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'" },
	{ "X-Frame-Options", "DENY" },
	{ "X-Content-Type-Options", "nosniff" },
	/* no-referrer would make the Origin of our forms null. */
	{ "Referrer-Policy", "same-origin" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Cache-Control", "no-store" },
};

static void
answer_with(struct exchange *x, unsigned int status, struct MHD_Response *r)
{
	size_t	i;

	if (x->answer != NULL)
		MHD_destroy_response(x->answer);
	x->answer = r;
	x->status = status;
	for (i = 0; r != NULL && i < sizeof(headers) / sizeof(headers[0]);
	    i++)
		if (MHD_add_response_header(r, headers[i][0],
		    headers[i][1]) == MHD_NO) {
			/* Never without one of them. */
			MHD_destroy_response(r);
			x->answer = NULL;
			return;
		}
}

void
exchange_page(struct exchange *x, unsigned int status, const char *type,
    const struct buf *b)
{
	struct MHD_Response	*r;

	r = MHD_create_response_from_buffer(b->len, buf_head(b),
	    MHD_RESPMEM_MUST_COPY);
	if (r != NULL && MHD_add_response_header(r, "Content-Type", type) ==
	    MHD_NO) {
		MHD_destroy_response(r);
		r = NULL;
	}
	answer_with(x, status, r);
}

void
exchange_redirect(struct exchange *x, const char *to)
{
	struct MHD_Response	*r;

	r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (r != NULL && MHD_add_response_header(r, "Location", to) ==
	    MHD_NO) {
		MHD_destroy_response(r);
		r = NULL;
	}
	answer_with(x, MHD_HTTP_SEE_OTHER, r);
}

void
exchange_set_cookie(struct exchange *x, const char *name, const char *value,
    bool lax, uint64_t seconds)
{
	char	text[256];

	snprintf(text, sizeof(text), "%s=%s; Path=/; Secure; HttpOnly; "
	    "SameSite=%s; Max-Age=%llu", name, value, lax ? "Lax" : "Strict",
	    (unsigned long long)seconds);
	if (x->answer != NULL)
		MHD_add_response_header(x->answer, "Set-Cookie", text);
}

const char *
exchange_cookie(struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->http, MHD_COOKIE_KIND, name);
}

const char *
exchange_query(struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->http, MHD_GET_ARGUMENT_KIND,
	    name);
}

void
exchange_done(struct exchange *x)
{
	x->pending = false;
	if (!x->waiting)
		return;
	x->waiting = false;
	MHD_resume_connection(x->http);
	ev_timer_set(the_http->timer, 0);
}

static enum MHD_Result
send_answer(struct exchange *x)
{
	struct MHD_Response	*empty;
	enum MHD_Result		 rc;

	if (x->answer != NULL)
		return MHD_queue_response(x->http, x->status, x->answer);
	empty = MHD_create_response_from_buffer(0, NULL,
	    MHD_RESPMEM_PERSISTENT);
	if (empty == NULL)
		return MHD_NO;
	rc = MHD_queue_response(x->http, MHD_HTTP_INTERNAL_SERVER_ERROR,
	    empty);
	MHD_destroy_response(empty);
	return rc;
}

/* --- forms ----------------------------------------------------------------------------- */

static const struct {
	const char	*name;
	size_t		 max;
} fields[] = {
#define WEB_M_FIELD(name, max)	{ #name, max },
	WEB_FIELDS(WEB_M_FIELD)
#undef WEB_M_FIELD
};

/* A part of a field, at its place; each may be there once. */
static enum MHD_Result
on_field(void *ctx, enum MHD_ValueKind kind, const char *key,
    const char *filename, const char *type, const char *encoding,
    const char *data, uint64_t off, size_t size)
{
	struct exchange	*x = ctx;
	size_t		 i, have;

	(void)kind;
	(void)type;
	(void)encoding;
	for (i = 0; i < WEB_NFIELDS; i++)
		if (strcmp(key, fields[i].name) == 0)
			break;
	if (i == WEB_NFIELDS || filename != NULL ||
	    (size > 0 && memchr(data, '\0', size) != NULL)) {
		x->bad = true;
		return MHD_YES;
	}
	have = x->field[i] == NULL ? 0 : strlen(x->field[i]);
	if (off != have || (off == 0 && x->field[i] != NULL) ||
	    size > fields[i].max - have) {
		x->bad = true;
		return MHD_YES;
	}
	if (x->field[i] == NULL && (x->field[i] = calloc(1, fields[i].max +
	    1)) == NULL) {
		x->bad = true;
		return MHD_YES;
	}
	if (size > 0)
		memcpy(x->field[i] + have, data, size);
	return MHD_YES;
}

/* --- checks ----------------------------------------------------------------------------- */

struct count {
	const char	*name;
	unsigned int	 n;
};

static enum MHD_Result
on_header(void *ctx, enum MHD_ValueKind kind, const char *key,
    const char *value)
{
	struct count	*c = ctx;

	(void)kind;
	(void)value;
	c->n += strcasecmp(key, c->name) == 0;
	return MHD_YES;
}

/* The header's value if it is there once; else NULL. */
static const char *
header_once(struct exchange *x, const char *name)
{
	struct count	c = { name, 0 };

	MHD_get_connection_values(x->http, MHD_HEADER_KIND, on_header, &c);
	return c.n != 1 ? NULL : MHD_lookup_connection_value(x->http,
	    MHD_HEADER_KIND, name);
}

static bool
peer_fits(struct exchange *x)
{
	const union MHD_ConnectionInfo	*info;
	uid_t				 uid;
	pid_t				 pid;

	if (!x->web->local)
		return true;
	info = MHD_get_connection_info(x->http,
	    MHD_CONNECTION_INFO_CONNECTION_FD);
	return info != NULL && unix_peer(info->connect_fd, &uid, &pid) == 0 &&
	    uid == x->web->peer;
}

/* Is it for us, and from us?  True, or it was refused. */
static bool
meant_for_us(struct exchange *x)
{
	const char	*host = header_once(x, "Host"), *origin, *site;
	char		 text[200];

	if (!peer_fits(x)) {
		webroutes_refuse(x, MHD_HTTP_FORBIDDEN, "This socket is "
		    "another user's.");
		return false;
	}
	if (host == NULL ||
	    strcasecmp(host, strstr(x->web->origin, "//") + 2) != 0) {
		snprintf(text, sizeof(text), "This page is at %s only.",
		    x->web->origin);
		webroutes_refuse(x, MHD_HTTP_MISDIRECTED_REQUEST, text);
		return false;
	}
	if (!x->post)
		return true;
	origin = header_once(x, "Origin");
	site = MHD_lookup_connection_value(x->http, MHD_HEADER_KIND,
	    "Sec-Fetch-Site");
	if (origin == NULL || strcmp(origin, x->web->origin) != 0 ||
	    (site != NULL && strcmp(site, "same-origin") != 0)) {
		webroutes_refuse(x, MHD_HTTP_FORBIDDEN, "This form is not "
		    "one of ours.  Nothing was done.");
		return false;
	}
	return true;
}

static void
whole(struct exchange *x)
{
	if (x->body > BODY_MAX)
		webroutes_refuse(x, MHD_HTTP_CONTENT_TOO_LARGE, "That is too "
		    "large.  Nothing was done.");
	else if (!meant_for_us(x))
		return;
	else if (x->bad || (x->post && x->body > 0 && x->pp == NULL))
		webroutes_refuse(x, MHD_HTTP_BAD_REQUEST, "This form cannot "
		    "be read.  Nothing was done.");
	else
		webroutes(x);
}

/* --- libmicrohttpd's calls ----------------------------------------------------------------- */

static struct exchange *
exchange_new(struct web *w, struct MHD_Connection *http, const char *url,
    const char *method)
{
	struct exchange	*x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->web = w;
	x->http = http;
	x->post = strcmp(method, "POST") == 0;
	/* A longer one is none of ours. */
	snprintf(x->path, sizeof(x->path), "%s", strlen(url) <
	    sizeof(x->path) ? url : "?");
	if (!x->post && strcmp(method, "GET") != 0)
		webroutes_refuse(x, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and "
		    "POST only.");
	else if (x->post)
		/* NULL: no form that it knows. */
		x->pp = MHD_create_post_processor(http, 4096, on_field, x);
	return x;
}

static bool
announced_too_large(struct exchange *x)
{
	const char	*n = MHD_lookup_connection_value(x->http,
			    MHD_HEADER_KIND, "Content-Length");

	return n != NULL && strtoull(n, NULL, 10) > BODY_MAX;
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *http, const char *url,
    const char *method, const char *version, const char *upload,
    size_t *size, void **xp)
{
	struct http	*h = ctx;
	struct exchange	*x = *xp;

	(void)version;
	if (x == NULL) {
		if ((x = exchange_new(h->web, http, url, method)) == NULL)
			return MHD_NO;
		*xp = x;
		if (announced_too_large(x))
			webroutes_refuse(x, MHD_HTTP_CONTENT_TOO_LARGE,
			    "That is too large.  Nothing was done.");
		/* With an answer already the body is not read. */
		return x->answer != NULL ? send_answer(x) : MHD_YES;
	}
	if (*size > 0) {
		x->body += *size;
		if (x->body <= BODY_MAX && x->pp != NULL &&
		    MHD_post_process(x->pp, upload, *size) == MHD_NO)
			x->bad = true;
		*size = 0;
		return MHD_YES;
	}
	if (!x->whole) {
		x->whole = true;
		whole(x);
		if (x->pending) {
			x->waiting = true;
			MHD_suspend_connection(http);
			return MHD_YES;
		}
	}
	return send_answer(x);
}

static void
wipe(char *s, size_t size)
{
	if (s != NULL)
		explicit_bzero(s, size);
	free(s);
}

static void
on_completed(void *ctx, struct MHD_Connection *http, void **xp,
    enum MHD_RequestTerminationCode why)
{
	struct exchange	*x = *xp;
	size_t		 i;

	(void)ctx;
	(void)http;
	(void)why;
	*xp = NULL;
	if (x == NULL)
		return;
	if (x->pp != NULL)
		MHD_destroy_post_processor(x->pp);
	if (x->answer != NULL)
		MHD_destroy_response(x->answer);
	for (i = 0; i < WEB_NFIELDS; i++)
		wipe(x->field[i], fields[i].max);
	wipe(x->token, x->token == NULL ? 0 : strlen(x->token));
	explicit_bzero(x, sizeof(*x));
	free(x);
}

/* --- the loop -------------------------------------------------------------------------------- */

static void
turn(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG	ms;

	MHD_run(h->daemon);
	if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
		ev_timer_set(h->timer, ms);
	else
		ev_timer_stop(h->timer);
}

static void
on_ready(void *ctx, int what)
{
	(void)what;
	turn(ctx);
}

static void
on_time(void *ctx)
{
	turn(ctx);
}

static void
on_log(void *ctx, const char *fmt, va_list ap)
{
	char	text[256];

	(void)ctx;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	vsnprintf(text, sizeof(text), fmt, ap);
#pragma GCC diagnostic pop
	log_debug("event=http error=%s", log_esc(text, strlen(text)));
}

void
web_listen(struct web *w, int fd)
{
	const union MHD_DaemonInfo	*info;
	struct http			*h = calloc(1, sizeof(*h));

	if (h == NULL)
		fatal("step=web");
	h->web = w;
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG |
	    MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, h,
	    /* The logger first, so that the other options are told of. */
	    MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_SECONDS,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_END);
	if (h->daemon == NULL || (info = MHD_get_daemon_info(h->daemon,
	    MHD_DAEMON_INFO_EPOLL_FD)) == NULL)
		fatalx("step=web error=\"libmicrohttpd does not start\"");
	the_http = h;
	h->timer = ev_timer_new(w->loop, on_time, h);
	h->io = ev_io_new(w->loop, info->epoll_fd, EV_IN, on_ready, h);
	ev_timer_set(h->timer, 0);
}
