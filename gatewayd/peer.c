/*
 * peer: who is at the other end of a client's socket.  Runs in the worker, when
 * a client was accepted; what it looks at is the kernel's, or what a load
 * balancer has said (proxy.c).
 */
#include "session.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>

/* Seconds between questions that stay without an answer, and how many. */
#define KEEPALIVE_INTERVAL	10
#define KEEPALIVE_COUNT		6

union address {
	struct sockaddr		sa;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
	struct sockaddr_storage	ss;
};

/* The master counts those that wait to log in, by address. */
static void
session_announce(struct session *s, const uint8_t addr[16])
{
	struct ipc_client_came m = { .attempt = s->attempt,
	    .addr = slice_of(addr, 16) };

	s->waiting = ipc_send(s->w->master, IPC_client_came, &m, NULL, 0) == 0;
}

static void
mapped(uint8_t out[16], const void *v4)
{
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	memcpy(out + 12, v4, 4);
}

static void
peer_print(struct session *s, int family, const void *addr, uint16_t port)
{
	char ip[INET6_ADDRSTRLEN] = "";

	inet_ntop(family, addr, ip, sizeof(ip));
	snprintf(s->peer, sizeof(s->peer), family == AF_INET ? "%s:%u" :
	    "[%s]:%u", ip, port);
}

/* Of a TCP socket: its address as 16 bytes.  False: it is of another kind. */
static bool
peer_inet(const union address *a, uint8_t addr[16])
{
	if (a->sa.sa_family == AF_INET)
		mapped(addr, &a->in.sin_addr);
	else if (a->sa.sa_family == AF_INET6)
		memcpy(addr, a->in6.sin6_addr.s6_addr, 16);
	else
		return false;
	return true;
}

/*
 * Who is at the other end of a Unix socket is what the kernel says.  Those that
 * wait to log in are counted by user: as an address that no packet comes from,
 * of which 64 bits count (lobby.c).
 */
static void
peer_unix(struct session *s, int fd)
{
	struct ucred uc;
	socklen_t len = sizeof(uc);
	uint8_t addr[16] = { 0xff, 'u', 'i', 'd' };

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) == -1) {
		snprintf(s->peer, sizeof(s->peer), "unix");
		return;
	}
	snprintf(s->peer, sizeof(s->peer), "unix:uid=%u,gid=%u,pid=%d",
	    uc.uid, uc.gid, uc.pid);
	memcpy(addr + 4, &uc.uid, 4);
	session_announce(s, addr);
}

void
peer_announce(struct session *s)
{
	union address a;
	socklen_t len = sizeof(a);
	uint8_t addr[16];

	if (getpeername(s->client.fd, &a.sa, &len) == 0 &&
	    peer_inet(&a, addr))
		session_announce(s, addr);
}

void
peer_proxied(struct session *s, const uint8_t *addr, size_t len,
    uint16_t port)
{
	uint8_t all[16];

	peer_print(s, len == 4 ? AF_INET : AF_INET6, addr, port);
	if (len == 4)
		mapped(all, addr);
	else
		memcpy(all, addr, 16);
	session_announce(s, all);
}

/*
 * A host that is gone says nothing, and its session, its role and what waits
 * for it would stay: the kernel asks.  Nothing is done about one that answers
 * and does not read: a person looks at a page of rows.
 */
static void
peer_options(const struct session *s, int fd)
{
	int on = 1, idle = (int)(s->w->conf->keepalive / 1000);
	int interval = KEEPALIVE_INTERVAL, count = KEEPALIVE_COUNT;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval,
	    sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

void
peer_name(struct session *s, int fd)
{
	union address a;
	socklen_t len = sizeof(a);
	uint8_t addr[16];

	if (getpeername(fd, &a.sa, &len) == -1) {
		snprintf(s->peer, sizeof(s->peer), "unknown");
		return;
	}
	if (!peer_inet(&a, addr)) {
		peer_unix(s, fd);
		return;
	}
	if (a.sa.sa_family == AF_INET)
		peer_print(s, AF_INET, &a.in.sin_addr, ntohs(a.in.sin_port));
	else
		peer_print(s, AF_INET6, &a.in6.sin6_addr,
		    ntohs(a.in6.sin6_port));
	if (s->w->listen->proxy_from.n == 0)
		session_announce(s, addr);
	peer_options(s, fd);
}
