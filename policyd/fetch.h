#ifndef POSTERN_FETCH_H
#define POSTERN_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "ev.h"

/*
 * HTTP GET of small documents for the verifier, POST for the notifier's
 * webhooks, and both for tools that log in at an issuer.  libcurl is known here only.  https, certificates checked, no
 * redirect, no proxy, no cookie; at most FETCH_MAX bytes in FETCH_MS.
 */
#define FETCH_MAX	(256 * 1024)
#define FETCH_MS	5000

struct fetcher;
struct fetch;

struct fetch_how {
	const char	*ca_file;	/* NULL: the system's */
	bool		 http_loopback;	/* plain http to this machine is fine */
	/* A POST of this JSON, copied; NULL: a GET. */
	const char	*body;
	size_t		 len;
	const char	*header;	/* "Name: value", one more; or NULL */
	/* The body is a form's instead, and an answer of any status is one. */
	bool		 form;
};

/*
 * Called once, from the loop: the body of a 200 answer (valid until it
 * returns), or NULL and why not.  To a POST any 2xx is a good answer, and an
 * empty one is too.  The fetch is gone by then.
 */
typedef void	fetch_cb(void *ctx, const char *body, size_t len,
		    const char *error);

/* Fatal when libcurl does not start. */
struct fetcher	*fetcher_new(struct ev_loop *);
void		 fetcher_free(struct fetcher **);
/* NULL with a reason when the URL is not one that we fetch; no call follows. */
struct fetch	*fetch_start(struct fetcher *, const char *url,
		    const struct fetch_how *, fetch_cb *, void *ctx,
		    char *reason, size_t size);
/* While a fetch_cb runs: the status of its answer; 0: there was none. */
long		 fetch_status(const struct fetcher *);
/* No call follows. */
void		 fetch_cancel(struct fetch **);

#endif
