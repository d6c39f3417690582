/*
 * peer: who is at the other end of a client's socket.  Runs in the worker, when
 * a client was accepted; what it looks at is the kernel's.
 */
#include "session.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>

/* The master counts those that wait to log in, by address. */
static void
session_announce(struct session *s, const uint8_t addr[16])
{
	struct ipc_client_came m = { .attempt = s->attempt,
	    .addr = slice_of(addr, 16) };

	s->waiting = ipc_send(s->w->master, IPC_client_came, &m, NULL, 0) == 0;
}

void
peer_name(struct session *s, int fd)
{
	union {
		struct sockaddr		sa;
		struct sockaddr_in	in;
		struct sockaddr_in6	in6;
		struct sockaddr_storage	ss;
	} a;
	socklen_t len = sizeof(a);
	char ip[INET6_ADDRSTRLEN];
	uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff };
	struct ucred uc;
	char *dst = s->peer;
	size_t size = sizeof(s->peer);
	int on = 1;

	if (getpeername(fd, &a.sa, &len) == -1) {
		snprintf(dst, size, "unknown");
	} else if (a.sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a.in.sin_addr, ip, sizeof(ip));
		snprintf(dst, size, "%s:%u", ip, ntohs(a.in.sin_port));
		memcpy(mapped + 12, &a.in.sin_addr, 4);
		session_announce(s, mapped);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	} else if (a.sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a.in6.sin6_addr, ip, sizeof(ip));
		snprintf(dst, size, "[%s]:%u", ip, ntohs(a.in6.sin6_port));
		session_announce(s, a.in6.sin6_addr.s6_addr);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	} else {
		len = sizeof(uc);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) == -1)
			snprintf(dst, size, "unix");
		else
			snprintf(dst, size, "unix:uid=%u", uc.uid);
	}
}
