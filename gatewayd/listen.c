/*
 * Listening sockets and their certificates.  Runs in gatewayd's master, before
 * it has forked anything that meets a client; the input is the administrator's
 * configuration.  Failure is -1 with a sentence: fatal at start, a refused
 * reload later.
 */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gwconf.h"
#include "unixsock.h"

#define BACKLOG	1024

/* Strictly 1..65535 in decimal; 0 is no port. */
static uint16_t
port_parse(const char *s)
{
	unsigned long	n;

	if (s[0] < '1' || s[0] > '9' || strlen(s) > 5 ||
	    strspn(s, "0123456789") != strlen(s))
		return 0;
	n = strtoul(s, NULL, 10);
	return n > 65535 ? 0 : (uint16_t)n;
}

int
listen_address(const char *text, struct sockaddr_storage *ss, bool *loopback)
{
	struct sockaddr_in	*in = (struct sockaddr_in *)(void *)ss;
	struct sockaddr_in6	*in6 = (struct sockaddr_in6 *)(void *)ss;
	const char		*colon = strrchr(text, ':');
	char			 host[INET6_ADDRSTRLEN + 2];
	size_t			 len;
	uint16_t		 port;

	memset(ss, 0, sizeof(*ss));
	if (colon == NULL || (port = port_parse(colon + 1)) == 0)
		return -1;
	if ((len = (size_t)(colon - text)) >= sizeof(host))
		return -1;
	memcpy(host, text, len);
	host[len] = '\0';
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &in6->sin6_addr) != 1)
			return -1;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		*loopback = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
		return 0;
	}
	if (strcmp(host, "*") == 0) {
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = in6addr_any;
		in6->sin6_port = htons(port);
		*loopback = false;
		return 0;
	}
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return -1;
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	*loopback = (ntohl(in->sin_addr.s_addr) >> 24) == 127;
	return 0;
}

static int
open_inet(const struct gw_listen *l)
{
	struct sockaddr_storage	 ss;
	bool			 loopback;
	int			 fd, on = 1, v6only, error;

	if (listen_address(l->address, &ss, &loopback) == -1) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd == -1)
		return -1;
	/* "*" serves both families; "[::]" says which one it wants. */
	v6only = l->address[0] != '*';
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    (ss.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6,
	    IPV6_V6ONLY, &v6only, sizeof(v6only)) == -1) ||
	    bind(fd, (struct sockaddr *)&ss, ss.ss_family == AF_INET ?
	    sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) == -1 ||
	    listen(fd, BACKLOG) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static int
open_unix(const struct gw_listen *l)
{
	int	fd, error;

	if ((fd = unix_listen(l->address, (uid_t)-1)) == -1)
		return -1;
	/* Who comes in is decided by the token, as on an address. */
	if (chmod(l->address, l->mode) == -1 || listen(fd, BACKLOG) == -1) {
		error = errno;
		close(fd);
		unlink(l->address);
		errno = error;
		return -1;
	}
	return fd;
}

int
listen_open(struct gw_listen *l, char *err, size_t errlen)
{
	l->fd = l->is_unix ? open_unix(l) : open_inet(l);
	if (l->fd == -1) {
		snprintf(err, errlen, "cannot listen on %s: %s", l->address,
		    strerror(errno));
		return -1;
	}
	return 0;
}

void
listen_close(struct gw_listen *l, bool remove)
{
	if (l->fd == -1)
		return;
	close(l->fd);
	l->fd = -1;
	if (remove && l->is_unix)
		unlink(l->address);
}

/* A key that anybody on the machine can read is no key. */
static int
key_check(const char *path, char *err, size_t errlen)
{
	struct stat	st;

	if (stat(path, &st) == -1) {
		snprintf(err, errlen, "cannot use key %s: %s", path,
		    strerror(errno));
		return -1;
	}
	if (st.st_mode & S_IRWXO) {
		snprintf(err, errlen, "key %s is open to everybody on this "
		    "machine (mode %04o); use 0600 or 0640", path,
		    (unsigned int)st.st_mode & 07777);
		return -1;
	}
	return 0;
}

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What an earlier listener has loaded for itself: the context says whom it
 * believes too. */
static struct tls_server *
loaded(const struct gw_conf *conf, const struct gw_listen *l)
{
	const struct gw_listen	*o;

	for (o = conf->listen; o < l; o++)
		if (o->tls != NULL && same(o->certificate, l->certificate) &&
		    same(o->key, l->key) && same(o->client_ca, l->client_ca))
			return tls_server_ref(o->tls);
	return NULL;
}

int
listen_load(struct gw_conf *conf, char *err, size_t errlen)
{
	struct gw_listen	*l;
	size_t			 i;

	for (i = 0; i < conf->nlisten; i++) {
		l = &conf->listen[i];
		if (l->certificate == NULL || l->tls != NULL ||
		    (l->tls = loaded(conf, l)) != NULL)
			continue;
		if (key_check(l->key, err, errlen) == -1)
			return -1;
		if ((l->tls = tls_server_new(l->certificate, l->key,
		    l->client_ca, err, errlen)) == NULL)
			return -1;
		tls_warm(l->tls);
	}
	return 0;
}
