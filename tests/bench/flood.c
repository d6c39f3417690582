/*
 * Somebody throws tokens at a gateway: many connections a second, each with
 * the token that it is given, each from another loopback address, so that no
 * limit by address spares the gateway the work.
 *
 *	bench_flood [-t] PORT USER DATABASE RATE SECONDS < TOKEN
 *		-t: without TLS.  Says how many a second were refused, how many
 *		connections failed, how many were let in.
 *
 * WORKERS processes take turns, each with one connection at a time: where the
 * gateway does not keep up, fewer a second than asked for are what comes out.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define WORKERS	64

struct counts {
	_Atomic long	refused, failed, in;
};

struct peer {
	int	 fd;
	SSL	*ssl;
};

static SSL_CTX		*tls;		/* NULL: without */
static in_port_t	 port;
static uint8_t		 startup[512], password[16384];
static size_t		 startup_len, password_len;

static double
now(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool
put(struct peer *p, const void *data, size_t len)
{
	return (p->ssl != NULL ? (ssize_t)SSL_write(p->ssl, data, (int)len) :
	    write(p->fd, data, len)) == (ssize_t)len;
}

/* The type of the next message; its body is not looked at.  0: the end. */
static int
get(struct peer *p)
{
	uint8_t	 buf[4096];
	size_t	 have = 0, want = 5;
	uint32_t be;
	ssize_t	 n;

	while (have < want) {
		n = p->ssl != NULL ? (ssize_t)SSL_read(p->ssl, buf + have,
		    (int)(want - have)) : read(p->fd, buf + have, want - have);
		if (n <= 0)
			return 0;
		have += (size_t)n;
		if (have == 5 && want == 5) {
			memcpy(&be, buf + 1, 4);
			want = (size_t)ntohl(be) + 1;
			if (want < 5 || want > sizeof(buf))
				return 0;
		}
	}
	return buf[0];
}

static bool
meet(struct peer *p, unsigned int from)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET }, me = sin;
	struct timeval		 tv = { .tv_sec = 10 };
	uint8_t			 ask[8] = { 0, 0, 0, 8, 4, 210, 22, 47 }, c;
	int			 one = 1;

	sin.sin_port = port;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	me.sin_addr.s_addr = htonl(from);
	if ((p->fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		return false;
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (bind(p->fd, (struct sockaddr *)&me, sizeof(me)) == -1 ||
	    connect(p->fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		return false;
	if (tls == NULL)
		return true;
	return put(p, ask, sizeof(ask)) && read(p->fd, &c, 1) == 1 &&
	    c == 'S' && (p->ssl = SSL_new(tls)) != NULL &&
	    SSL_set_fd(p->ssl, p->fd) == 1 && SSL_connect(p->ssl) == 1;
}

static void
throw_one(struct counts *n, unsigned int from)
{
	struct peer	p = { .fd = -1 };
	int		t = 0;

	if (meet(&p, from) && put(&p, startup, startup_len) && get(&p) == 'R' &&
	    put(&p, password, password_len))
		t = get(&p);
	if (t == 'E')
		n->refused++;
	else if (t == 'R')
		n->in++;
	else
		n->failed++;
	SSL_free(p.ssl);
	if (p.fd != -1)
		close(p.fd);
}

/* One at a time, at its part of the rate, or as fast as it goes. */
static void
work(struct counts *n, unsigned int who, double every, double end)
{
	unsigned int	i;
	double		due = now() + every * who / WORKERS, t;

	for (i = 0; (t = now()) < end; i++) {
		if (due > t)
			usleep((useconds_t)((due - t) * 1e6));
		else
			due = t;
		due += every;
		/* 127.16.0.1 to 127.79.255.254 */
		throw_one(n, 0x7f100000u + (who << 16) + i % 65534 + 1);
	}
}

static void
prepare(const char *user, const char *database)
{
	char		 token[8192];
	uint32_t	 be;
	int		 n;

	if (fgets(token, sizeof(token), stdin) == NULL)
		errx(1, "no token");
	token[strcspn(token, "\n")] = '\0';
	n = snprintf((char *)startup + 8, sizeof(startup) - 8,
	    "user%c%s%cdatabase%c%s%c", 0, user, 0, 0, database, 0);
	startup_len = 8 + (size_t)n + 1;
	be = htonl((uint32_t)startup_len);
	memcpy(startup, &be, 4);
	memcpy(startup + 4, "\0\3\0\0", 4);
	password[0] = 'p';
	be = htonl((uint32_t)strlen(token) + 5);
	memcpy(password + 1, &be, 4);
	memcpy(password + 5, token, strlen(token) + 1);
	password_len = strlen(token) + 6;
}

int
main(int argc, char **argv)
{
	struct counts	*n;
	double		 start, seconds, rate;
	unsigned int	 i;
	bool		 plain = argc > 1 && strcmp(argv[1], "-t") == 0;

	argv += plain;
	argc -= plain;
	if (argc != 6 || (rate = atof(argv[4])) <= 0 ||
	    (seconds = atof(argv[5])) <= 0)
		errx(1, "usage: bench_flood [-t] port user database rate "
		    "seconds");
	port = htons((in_port_t)atoi(argv[1]));
	prepare(argv[2], argv[3]);
	signal(SIGPIPE, SIG_IGN);
	if (!plain && (tls = SSL_CTX_new(TLS_client_method())) == NULL)
		errx(1, "SSL_CTX_new");
	n = mmap(NULL, sizeof(*n), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (n == MAP_FAILED)
		err(1, "mmap");
	start = now();
	for (i = 0; i < WORKERS; i++)
		switch (fork()) {
		case -1:
			err(1, "fork");
		case 0:
			work(n, i, WORKERS / rate, start + seconds);
			_exit(0);
		}
	while (wait(NULL) != -1)
		;
	seconds = now() - start;
	printf("refused %.0f failed %.0f in %ld\n",
	    (double)n->refused / seconds, (double)n->failed / seconds, n->in);
	return n->in == 0 ? 0 : 1;
}
