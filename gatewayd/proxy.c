/*
 * proxy: where a listener has `proxy`, the address of a client is what its load
 * balancer says in a PROXY header, before the client's first byte and before
 * TLS.  Runs in the worker.  From other addresses than the load balancers'
 * nobody comes in there; on other listeners such a header is no startup packet.
 * No byte behind the header is read here: it may be TLS.
 */
#include "session.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "network.h"
#include "proxyhdr.h"

struct proxied {
	size_t		 len;
	uint8_t		 bytes[PROXYHDR_MAX];
};

void
proxy_free(struct session *s)
{
	free(s->proxied);
	s->proxied = NULL;
}

static void
proxy_refuse(struct session *s, const char *why)
{
	log_info("attempt=%u peer=%s proxy=\"%s\"", s->attempt, s->peer, why);
	session_drop(s, why);
}

/* Is the socket's peer one of the load balancers? */
static bool
proxy_named(const struct session *s)
{
	const struct gw_listen *l = s->w->listen;
	char host[LEN_ADDR], *colon;

	strcpy(host, s->peer);
	if ((colon = strrchr(host, ':')) != NULL)
		*colon = '\0';
	return network_any(l->proxy_nets, l->proxy_from.n, host);
}

void
proxy_begin(struct session *s)
{
	if (!proxy_named(s)) {
		proxy_refuse(s, "not an address of a load balancer");
		return;
	}
	if ((s->proxied = calloc(1, sizeof(*s->proxied))) == NULL) {
		session_drop(s, "out of memory");
		return;
	}
	session_goto(s, SESSION_PROXY);
}

/* All of it is there. */
static void
proxy_done(struct session *s, const struct proxyhdr *h)
{
	char via[LEN_ADDR];

	strcpy(via, s->peer);
	if (h->local)
		peer_announce(s);
	else
		peer_proxied(s, h->addr, h->v6 ? 16 : 4, h->port);
	log_info("attempt=%u peer=%s via=%s%s", s->attempt, s->peer, via,
	    h->local ? " command=local" : "");
	proxy_free(s);
	session_goto(s, SESSION_HELLO);
}

void
proxy_on_input(struct session *s, const void *arg)
{
	struct proxied *p = s->proxied;
	struct proxyhdr h;
	const char *why;
	ssize_t n;
	int want;

	(void)arg;
	for (;;) {
		want = proxyhdr_length(p->bytes, p->len, &why);
		if (want == -1) {
			proxy_refuse(s, why);
			return;
		}
		if (want == 0)
			want = PROXYHDR_FIXED;
		if ((size_t)want == p->len)
			break;
		n = recv(s->client.fd, p->bytes + p->len,
		    (size_t)want - p->len, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			proxy_refuse(s, "no PROXY header, and the end");
			return;
		}
		p->len += (size_t)n;
	}
	if (proxyhdr_parse(p->bytes, p->len, &h, &why) == -1)
		proxy_refuse(s, why);
	else
		proxy_done(s, &h);
}
