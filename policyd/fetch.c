/*
 * Documents of identity providers, and webhooks, over libcurl's multi interface
 * in our event loop, so that a slow server holds up nobody else's.  Verifier and
 * notifier run it, and policyctl where it logs in.
 *
 * The answers are not trusted: capped in size and time, never followed
 * elsewhere.  Plain http is for tests and side-cars on this machine, and only
 * where the issuer says so: the address that is connected to is checked, not
 * just the name.  What fails is told to the caller in words.
 */
#include "fetch.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "buf.h"
#include "log.h"

struct fetcher {
	struct ev_loop	*loop;
	struct ev_timer	*timer;
	CURLM		*multi;
	long		 status;	/* of the answer that is told of */
};

struct fetch {
	struct fetcher	*f;
	CURL		*easy;
	struct buf	 body;
	bool		 over;		/* more than FETCH_MAX came */
	bool		 post;
	bool		 any_status;
	struct curl_slist *headers;
	char		 error[CURL_ERROR_SIZE];
	fetch_cb	*cb;
	void		*ctx;
};

/* One of curl's sockets. */
struct sock {
	struct fetcher	*f;
	struct ev_io	*io;
	curl_socket_t	 fd;
};

static void
fetch_free(struct fetch *ft)
{
	curl_multi_remove_handle(ft->f->multi, ft->easy);
	curl_easy_cleanup(ft->easy);
	curl_slist_free_all(ft->headers);
	buf_clear(&ft->body);
	free(ft);
}

static bool
good_status(const struct fetch *ft, long status)
{
	if (ft->any_status)
		return status > 0;
	return ft->post ? status >= 200 && status < 300 : status == 200;
}

static void
finish(struct fetch *ft, CURLcode rc)
{
	char why[CURL_ERROR_SIZE + 64];
	const char *error = NULL;
	struct buf body = ft->body;
	fetch_cb *cb = ft->cb;
	void *ctx = ft->ctx;
	struct fetcher *f = ft->f;
	bool empty_good = ft->post;
	long status = 0;

	curl_easy_getinfo(ft->easy, CURLINFO_RESPONSE_CODE, &status);
	if (ft->over)
		error = "answer is too large";
	else if (rc != CURLE_OK) {
		snprintf(why, sizeof(why), "%s", ft->error[0] != '\0' ?
		    ft->error : curl_easy_strerror(rc));
		error = why;
	} else if (!good_status(ft, status)) {
		snprintf(why, sizeof(why), "HTTP status %ld", status);
		error = why;
	}
	buf_init(&ft->body, 0);		/* it is ours now */
	fetch_free(ft);
	if (error == NULL && body.len == 0 && !empty_good)
		error = "empty answer";
	f->status = status;
	cb(ctx, error != NULL ? NULL : body.len == 0 ? "" :
	    (const char *)buf_head(&body), body.len, error);
	f->status = 0;
	buf_wipe(&body);	/* it may be a token */
}

static void
check_done(struct fetcher *f)
{
	struct fetch *ft;
	CURLMsg *m;
	CURLcode rc;
	int left;

	while ((m = curl_multi_info_read(f->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		rc = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE,
		    (char **)&ft);
		finish(ft, rc);
	}
}

static void
on_socket(void *ctx, int what)
{
	struct sock *s = ctx;
	struct fetcher *f = s->f;
	int running, mask = 0;

	if (what & EV_IN)
		mask |= CURL_CSELECT_IN;
	if (what & EV_OUT)
		mask |= CURL_CSELECT_OUT;
	curl_multi_socket_action(f->multi, s->fd, mask, &running);
	check_done(f);
}

static void
on_timer(void *ctx)
{
	struct fetcher *f = ctx;
	int running;

	curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	check_done(f);
}

/* curl wants a time-out: 0 is "soon", never from in here. */
static int
want_timer(CURLM *multi, long ms, void *ctx)
{
	struct fetcher *f = ctx;

	(void)multi;
	if (ms < 0)
		ev_timer_stop(f->timer);
	else
		ev_timer_set(f->timer, (uint64_t)ms);
	return 0;
}

static int
want_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *sockp)
{
	struct fetcher *f = ctx;
	struct sock *s = sockp;
	int ev = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL) {
			ev_io_free(&s->io);
			free(s);
			curl_multi_assign(f->multi, fd, NULL);
		}
		return 0;
	}
	if (what & CURL_POLL_IN)
		ev |= EV_IN;
	if (what & CURL_POLL_OUT)
		ev |= EV_OUT;
	if (s == NULL) {
		if ((s = calloc(1, sizeof(*s))) == NULL)
			return -1;
		s->f = f;
		s->fd = fd;
		s->io = ev_io_new(f->loop, fd, ev, on_socket, s);
		curl_multi_assign(f->multi, fd, s);
	} else
		ev_io_want(s->io, ev);
	return 0;
}

struct fetcher *
fetcher_new(struct ev_loop *loop)
{
	struct fetcher *f;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (f = calloc(1, sizeof(*f))) == NULL ||
	    (f->multi = curl_multi_init()) == NULL)
		fatalx("event=curl error=\"libcurl does not start\"");
	f->loop = loop;
	f->timer = ev_timer_new(loop, on_timer, f);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	return f;
}

void
fetcher_free(struct fetcher **fp)
{
	struct fetcher *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	curl_multi_cleanup(f->multi);
	ev_timer_free(&f->timer);
	free(f);
}

static size_t
on_body(char *p, size_t one, size_t n, void *ctx)
{
	struct fetch *ft = ctx;

	(void)one;			/* always 1 */
	if (buf_add(&ft->body, p, n) == -1) {
		ft->over = true;
		return 0;		/* anything but n ends the transfer */
	}
	return n;
}

/* Plain http: connect to a loopback address, whatever the name says. */
static curl_socket_t
open_loopback(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	const struct sockaddr_in *in4 = (const void *)&a->addr;
	const struct sockaddr_in6 *in6 = (const void *)&a->addr;

	(void)ctx;
	(void)purpose;
	if (!(a->family == AF_INET &&
	    ntohl(in4->sin_addr.s_addr) >> 24 == 127) &&
	    !(a->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr)))
		return CURL_SOCKET_BAD;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* https, or http where it is allowed: 0 with which, or -1. */
static int
check_url(const char *url, const struct fetch_how *how, bool *plain)
{
	char *scheme = NULL, *user = NULL;
	CURLU *u;
	int r = -1;

	if ((u = curl_url()) == NULL)
		return -1;
	if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_NO_USER) {
		*plain = strcmp(scheme, "http") == 0;
		if (strcmp(scheme, "https") == 0 ||
		    (*plain && how->http_loopback))
			r = 0;
	}
	curl_free(scheme);
	curl_free(user);
	curl_url_cleanup(u);
	return r;
}

/* curl copies the body, and not the headers. */
static int
setup_post(struct fetch *ft, const struct fetch_how *how)
{
	const char *const ours[] = { how->form ?
	    "Content-Type: application/x-www-form-urlencoded" :
	    "Content-Type: application/json", "Expect:" };
	CURL *e = ft->easy;
	struct curl_slist *more;
	size_t i;

	ft->post = true;
	ft->any_status = how->form;
	for (i = 0; i < 2 + (how->header != NULL); i++) {
		more = curl_slist_append(ft->headers, i < 2 ? ours[i] :
		    how->header);
		if (more == NULL)
			return -1;
		ft->headers = more;
	}
	return curl_easy_setopt(e, CURLOPT_HTTPHEADER, ft->headers) ==
	    CURLE_OK && curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE,
	    (long)how->len) == CURLE_OK && curl_easy_setopt(e,
	    CURLOPT_COPYPOSTFIELDS, how->body) == CURLE_OK ? 0 : -1;
}

static int
setup(struct fetch *ft, const char *url, const struct fetch_how *how,
    bool plain)
{
	CURL *e = ft->easy;
	CURLcode rc = CURLE_OK;

#define SET(opt, v)	if (rc == CURLE_OK) rc = curl_easy_setopt(e, opt, v)
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");		/* not what the environment says */
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long)FETCH_MS);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)FETCH_MS);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_USERAGENT, "postern/" POSTERN_VERSION);
	SET(CURLOPT_ERRORBUFFER, ft->error);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, ft);
	SET(CURLOPT_PRIVATE, ft);
	if (how->ca_file != NULL) {
		SET(CURLOPT_CAINFO, how->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	if (plain)
		SET(CURLOPT_OPENSOCKETFUNCTION, open_loopback);
#undef SET
	if (rc == CURLE_OK && how->body != NULL)
		return setup_post(ft, how);
	return rc == CURLE_OK ? 0 : -1;
}

struct fetch *
fetch_start(struct fetcher *f, const char *url, const struct fetch_how *how,
    fetch_cb *cb, void *ctx, char *reason, size_t size)
{
	struct fetch *ft;
	bool plain;

	if (check_url(url, how, &plain) == -1) {
		snprintf(reason, size, "not an https URL");
		return NULL;
	}
	if ((ft = calloc(1, sizeof(*ft))) == NULL)
		goto nomem;
	ft->f = f;
	ft->cb = cb;
	ft->ctx = ctx;
	buf_init(&ft->body, FETCH_MAX);
	if ((ft->easy = curl_easy_init()) == NULL) {
		free(ft);
		goto nomem;
	}
	if (setup(ft, url, how, plain) == -1 ||
	    curl_multi_add_handle(f->multi, ft->easy) != CURLM_OK) {
		curl_easy_cleanup(ft->easy);
		curl_slist_free_all(ft->headers);
		free(ft);
		snprintf(reason, size, "libcurl refuses the transfer");
		return NULL;
	}
	return ft;
nomem:
	snprintf(reason, size, "out of memory");
	return NULL;
}

long
fetch_status(const struct fetcher *f)
{
	return f->status;
}

void
fetch_cancel(struct fetch **fp)
{
	struct fetch *ft = *fp;

	*fp = NULL;
	if (ft != NULL)
		fetch_free(ft);
}
