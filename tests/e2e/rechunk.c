/*
 * A relay that changes the portions in which bytes come: see rechunk.h.  Runs
 * in test programs, two threads a connection; it never looks at a byte.
 */
#include "rechunk.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e.h"
#include "talk.h"

/* Small portions before the rest goes in large ones: time is short. */
#define SMALL_MAX	12000

static int listener, server_port;
static uint64_t seed, connections;

struct way {
	int		 from, to;
	struct dice	 dice;
};

unsigned int
rechunk_size(struct dice *d)
{
	static const unsigned int largest[] = { 1, 2, 3, 7, 40, 300, 4096,
	    16384, 65536 };

	return largest[dice(d, sizeof largest / sizeof largest[0])];
}

unsigned int
rechunk_next(struct dice *d, unsigned int largest, unsigned int *drawn,
    unsigned int left)
{
	unsigned int n = 1 + dice(d, *drawn < SMALL_MAX ? largest : 65536);

	if (n < 4096)
		++*drawn;
	return n < left ? n : left;
}

static void *
one_way(void *arg)
{
	struct way *w = arg;
	static _Thread_local char buf[65536];
	unsigned int largest = rechunk_size(&w->dice), drawn = 0, n;
	ssize_t got, at;

	while ((got = recv(w->from, buf, sizeof buf, 0)) > 0)
		for (at = 0; at < got; at += (ssize_t)n) {
			n = rechunk_next(&w->dice, largest, &drawn,
			    (unsigned int)(got - at));
			if (send(w->to, buf + at, n, MSG_NOSIGNAL) !=
			    (ssize_t)n)
				goto out;
		}
out:
	/* The other way ends by itself, with what it has still to say. */
	shutdown(w->to, SHUT_WR);
	shutdown(w->from, SHUT_RD);
	free(w);
	return NULL;
}

static void
start_way(int from, int to, uint64_t number)
{
	struct way *w = calloc(1, sizeof *w);
	pthread_t t;
	int one = 1;

	if (w == NULL)
		abort();
	w->from = from;
	w->to = to;
	dice_seed(&w->dice, seed + number);
	setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (pthread_create(&t, NULL, one_way, w) != 0)
		abort();
	pthread_detach(t);
}

/* Descriptors stay open until the test's process ends. */
static void *
relay(void *arg)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int client, server;

	(void)arg;
	sin.sin_port = htons((uint16_t)server_port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	while ((client = accept(listener, NULL, NULL)) != -1) {
		server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (server == -1 || connect(server, (struct sockaddr *)&sin,
		    sizeof sin) == -1) {
			close(client);
			continue;
		}
		start_way(client, server, connections++);
		start_way(server, client, connections++);
	}
	return NULL;
}

int
rechunk_start(int port, uint64_t number)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof sin;
	pthread_t t;

	server_port = port;
	seed = number;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&sin, sizeof sin),
	    0);
	ck_assert_int_eq(listen(listener, 128), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&sin, &len),
	    0);
	ck_assert_int_eq(pthread_create(&t, NULL, relay, NULL), 0);
	pthread_detach(t);
	return ntohs(sin.sin_port);
}
