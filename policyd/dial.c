/*
 * Dialling databases.  The keeper runs it; the host comes from policy.yaml.
 *
 * Addresses and "localhost" need no look-up; any other name is looked up by a
 * helper child, since getaddrinfo() blocks.  The connected socket goes on to a
 * worker, so its options (no delay, keepalive) are set here.  No byte is read
 * or written.
 */
#include "dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "helper.h"

#define ADDRS_MAX	16
#define EACH_MS		3000	/* for one address, while there are others */
#define FULL_MS		20	/* a Unix socket's queue is full: again */

struct addr {
	socklen_t		len;
	struct sockaddr_storage	ss;
};

struct dial {
	struct ev_loop	*loop;
	struct ev_timer	*deadline;
	struct ev_timer	*step;
	struct ev_io	*io;
	struct helper	*lookup;
	char		*host;
	uint16_t	 port;
	struct addr	 addrs[ADDRS_MAX];
	size_t		 n, at;
	int		 fd;
	int		 error;		/* of the last address */
	dial_done	*done;
	dial_found	*found;		/* only look it up */
	void		*ctx;
};

static void	try_next(struct dial *);

static void
drop_socket(struct dial *d)
{
	if (d->io != NULL)
		ev_io_free(&d->io);
	if (d->fd != -1)
		close(d->fd);
	d->fd = -1;
}

static void
dial_free(struct dial *d)
{
	drop_socket(d);
	helper_cancel(&d->lookup);
	ev_timer_free(&d->deadline);
	ev_timer_free(&d->step);
	free(d->host);
	free(d);
}

static void
finish(struct dial *d, const char *reason)
{
	dial_done *done = d->done;
	dial_found *found = d->found;
	void *ctx = d->ctx;
	int fd = -1;

	if (found != NULL) {
		dial_free(d);
		found(ctx, NULL, reason);
		return;
	}
	if (reason == NULL) {
		ev_io_free(&d->io);
		fd = d->fd;
		d->fd = -1;
	}
	dial_free(d);
	done(ctx, fd, reason);
}

static void
connected(struct dial *d)
{
	int on = 1, idle = 60, interval = 10, count = 6;

	/* On a Unix socket these fail, and nothing is lost. */
	setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(d->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(d->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(d->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval,
	    sizeof(interval));
	setsockopt(d->fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	finish(d, NULL);
}

static void
on_writable(void *ctx, int what)
{
	struct dial *d = ctx;
	socklen_t len = sizeof(d->error);

	(void)what;
	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &d->error, &len) == -1)
		d->error = errno;
	if (d->error == 0) {
		connected(d);
		return;
	}
	d->at++;
	try_next(d);
}

/* The time for this address is up, or a full queue may have room again. */
static void
on_step(void *ctx)
{
	struct dial *d = ctx;

	if (d->fd != -1) {
		d->error = ETIMEDOUT;
		d->at++;
	}
	try_next(d);
}

static void
on_deadline(void *ctx)
{
	struct dial *d = ctx;
	char why[192];

	snprintf(why, sizeof(why), "%.100s: %s", d->host,
	    d->lookup != NULL ? "the name look-up takes too long" :
	    strerror(ETIMEDOUT));
	finish(d, why);
}

/* Only ever called from the loop, so that finish() may call back. */
static void
try_next(struct dial *d)
{
	char why[192];
	struct addr *a;

	ev_timer_stop(d->step);
	for (drop_socket(d); d->at < d->n; d->at++, drop_socket(d)) {
		a = &d->addrs[d->at];
		d->fd = socket(a->ss.ss_family,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (d->fd == -1) {
			d->error = errno;
			continue;
		}
		d->io = ev_io_new(d->loop, d->fd, EV_OUT, on_writable, d);
		if (connect(d->fd, (struct sockaddr *)&a->ss, a->len) == 0) {
			connected(d);
			return;
		}
		if (errno == EINPROGRESS) {
			if (d->at + 1 < d->n)
				ev_timer_set(d->step, EACH_MS);
			return;
		}
		d->error = errno;
		if (errno == EAGAIN) {
			drop_socket(d);
			ev_timer_set(d->step, FULL_MS);
			return;
		}
	}
	snprintf(why, sizeof(why), "%.100s port %u: %s", d->host, d->port,
	    strerror(d->error));
	finish(d, why);
}

/* --- addresses ---------------------------------------------------------------- */

static void
add_v4(struct dial *d, struct in_addr in)
{
	struct sockaddr_in *sin = (void *)&d->addrs[d->n].ss;

	sin->sin_family = AF_INET;
	sin->sin_addr = in;
	sin->sin_port = htons(d->port);
	d->addrs[d->n++].len = sizeof(*sin);
}

static void
add_v6(struct dial *d, struct in6_addr in)
{
	struct sockaddr_in6 *sin = (void *)&d->addrs[d->n].ss;

	sin->sin6_family = AF_INET6;
	sin->sin6_addr = in;
	sin->sin6_port = htons(d->port);
	d->addrs[d->n++].len = sizeof(*sin);
}

static int
add_unix(struct dial *d)
{
	struct sockaddr_un *sun = (void *)&d->addrs[0].ss;
	int n;

	n = snprintf(sun->sun_path, sizeof(sun->sun_path), "%s/.s.PGSQL.%u",
	    d->host, d->port);
	if (n < 0 || (size_t)n >= sizeof(sun->sun_path))
		return -1;
	sun->sun_family = AF_UNIX;
	d->addrs[0].len = sizeof(*sun);
	d->n = 1;
	return 0;
}

/* In the helper child. */
static void
look_up(int sock, void *arg)
{
	struct dial *d = arg;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICSERV }, *res, *ai;
	char port[8];

	snprintf(port, sizeof(port), "%u", d->port);
	if (getaddrinfo(d->host, port, &hints, &res) != 0)
		return;
	for (ai = res; ai != NULL && d->n < ADDRS_MAX; ai = ai->ai_next) {
		if ((ai->ai_family != AF_INET && ai->ai_family != AF_INET6) ||
		    ai->ai_addrlen > sizeof(d->addrs[0].ss))
			continue;
		memcpy(&d->addrs[d->n].ss, ai->ai_addr, ai->ai_addrlen);
		d->addrs[d->n++].len = ai->ai_addrlen;
	}
	helper_reply(sock, d->addrs, d->n * sizeof(d->addrs[0]), -1);
}

/* As text, and no connection. */
static void
tell_found(struct dial *d)
{
	char text[ADDRS_MAX * (INET6_ADDRSTRLEN + 1)] = "";
	dial_found *found = d->found;
	void *ctx = d->ctx;
	size_t i, at = 0;

	for (i = 0; i < d->n; i++) {
		if (i > 0)
			text[at++] = ',';
		if (getnameinfo((struct sockaddr *)&d->addrs[i].ss,
		    d->addrs[i].len, text + at, INET6_ADDRSTRLEN, NULL, 0,
		    NI_NUMERICHOST) != 0) {
			finish(d, "its address cannot be written");
			return;
		}
		at += strlen(text + at);
	}
	dial_free(d);
	found(ctx, text, NULL);
}

static void
on_looked_up(void *ctx, const uint8_t *what, size_t len, int fd)
{
	struct dial *d = ctx;
	char why[192];
	size_t i;

	d->lookup = NULL;
	if (fd != -1)
		close(fd);
	if (what != NULL && len % sizeof(d->addrs[0]) == 0 &&
	    len <= sizeof(d->addrs)) {
		memcpy(d->addrs, what, len);
		d->n = len / sizeof(d->addrs[0]);
	}
	for (i = 0; i < d->n; i++)
		if (d->addrs[i].len > sizeof(d->addrs[i].ss))
			d->n = 0;
	if (d->n == 0) {
		snprintf(why, sizeof(why), "%.100s: no such host", d->host);
		finish(d, why);
		return;
	}
	if (d->found != NULL)
		tell_found(d);
	else
		try_next(d);
}

bool
dial_needs_lookup(const char *host)
{
	uint8_t addr[sizeof(struct in6_addr)];

	return host[0] != '/' && inet_pton(AF_INET, host, addr) != 1 &&
	    inet_pton(AF_INET6, host, addr) != 1;
}

int
dial_lookup(struct ev_loop *loop, const char *host, uint64_t ms,
    dial_found *found, void *ctx, struct dial **dp)
{
	struct dial *d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return -1;
	if ((d->host = strdup(host)) == NULL) {
		free(d);
		return -1;
	}
	d->loop = loop;
	d->fd = -1;
	d->found = found;
	d->ctx = ctx;
	d->deadline = ev_timer_new(loop, on_deadline, d);
	d->step = ev_timer_new(loop, on_step, d);
	ev_timer_set(d->deadline, ms);
	if (helper_start(loop, look_up, d, ms, sizeof(d->addrs), on_looked_up,
	    d, &d->lookup) == -1) {
		dial_free(d);
		return -1;
	}
	*dp = d;
	return 0;
}

int
dial_start(struct ev_loop *loop, const char *host, uint16_t port, uint64_t ms,
    dial_done *done, void *ctx, struct dial **dp)
{
	struct in_addr v4;
	struct in6_addr v6;
	struct dial *d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return -1;
	if ((d->host = strdup(host)) == NULL) {
		free(d);
		return -1;
	}
	d->loop = loop;
	d->port = port;
	d->fd = -1;
	d->error = ENAMETOOLONG;	/* for a socket path that is too long */
	d->done = done;
	d->ctx = ctx;
	d->deadline = ev_timer_new(loop, on_deadline, d);
	d->step = ev_timer_new(loop, on_step, d);
	ev_timer_set(d->deadline, ms);

	if (host[0] == '/')
		add_unix(d);
	else if (inet_pton(AF_INET, host, &v4) == 1)
		add_v4(d, v4);
	else if (inet_pton(AF_INET6, host, &v6) == 1)
		add_v6(d, v6);
	else if (strcmp(host, "localhost") == 0) {
		v4.s_addr = htonl(INADDR_LOOPBACK);
		add_v6(d, in6addr_loopback);
		add_v4(d, v4);
	} else if (helper_start(loop, look_up, d, ms, sizeof(d->addrs),
	    on_looked_up, d, &d->lookup) == -1) {
		dial_free(d);
		return -1;
	} else {
		*dp = d;
		return 0;
	}
	ev_timer_set(d->step, 0);	/* from the loop, see try_next() */
	*dp = d;
	return 0;
}

void
dial_cancel(struct dial **dp)
{
	struct dial *d = *dp;

	*dp = NULL;
	if (d != NULL)
		dial_free(d);
}
