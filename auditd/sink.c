/*
 * The receiver of auditctl forward.  The only code of auditd's directory that
 * touches the network (D3).  The receiver is believed in one thing, that it has
 * read what it says it has read.
 *
 * That bytes were written says nothing: they lie in buffers on the way, and are
 * lost with the receiver.  So after each batch the connection is closed as the
 * protocol wants it, and only a receiver that read everything closes it from
 * its side in the same way.
 */
#include "sink.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/sockios.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define TIMEOUT_S	30	/* of one read or write */
#define QUEUE_POLL_MS	10

struct sink {
	bool		 tls;
	char		 host[256], port[16];	/* tls */
	char		 path[108];		/* unix */
	SSL_CTX		*ctx;
	SSL		*ssl;
	int		 fd;
	char		 error[512];
};

static int
failed(struct sink *s, const char *what, const char *why)
{
	snprintf(s->error, sizeof(s->error), "%s: %s", what, why);
	SSL_free(s->ssl);
	s->ssl = NULL;
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	return -1;
}

static int
tls_failed(struct sink *s, const char *what)
{
	unsigned long e = ERR_get_error();
	long rc = s->ssl == NULL ? X509_V_OK : SSL_get_verify_result(s->ssl);
	char why[200];

	if (rc != X509_V_OK)
		snprintf(why, sizeof(why), "%s",
		    X509_verify_cert_error_string(rc));
	else if (e != 0)
		ERR_error_string_n(e, why, sizeof(why));
	else
		snprintf(why, sizeof(why), "%s", errno == EAGAIN ?
		    "the receiver takes too long" : errno != 0 ?
		    strerror(errno) : "the receiver closed the connection");
	ERR_clear_error();
	return failed(s, what, why);
}

/* --- tls ---------------------------------------------------------------- */

static int
dial(struct sink *s)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all, *a;
	struct timeval t = { TIMEOUT_S, 0 };
	int rc;

	if ((rc = getaddrinfo(s->host, s->port, &hints, &all)) != 0)
		return failed(s, s->host, gai_strerror(rc));
	for (a = all; a != NULL && s->fd == -1; a = a->ai_next) {
		s->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC,
		    a->ai_protocol);
		rc = errno;
		if (s->fd == -1)
			continue;
		setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
		setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
		if (connect(s->fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		rc = errno;
		close(s->fd);
		s->fd = -1;
	}
	freeaddrinfo(all);
	return s->fd == -1 ? failed(s, s->host, strerror(rc)) : 0;
}

static int
tls_open(struct sink *s)
{
	unsigned char addr[16];
	bool ip = inet_pton(AF_INET, s->host, addr) == 1 ||
	    inet_pton(AF_INET6, s->host, addr) == 1;

	if (dial(s) == -1)
		return -1;
	errno = 0;
	if ((s->ssl = SSL_new(s->ctx)) == NULL || SSL_set_fd(s->ssl,
	    s->fd) != 1)
		return tls_failed(s, "TLS");
	if (ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s->ssl),
	    s->host) != 1 : (SSL_set1_host(s->ssl, s->host) != 1 ||
	    SSL_set_tlsext_host_name(s->ssl, s->host) != 1))
		return tls_failed(s, "TLS");
	return SSL_connect(s->ssl) == 1 ? 0 : tls_failed(s, "TLS");
}

static int
tls_write(struct sink *s, const void *p, size_t n)
{
	errno = 0;
	return SSL_write(s->ssl, p, (int)n) == (int)n ? 0 :
	    tls_failed(s, "cannot send");
}

static int
tls_confirm(struct sink *s)
{
	char byte;

	errno = 0;
	/* Once to say it, and reading until the receiver does. */
	if (SSL_shutdown(s->ssl) < 0)
		return tls_failed(s, "not confirmed");
	while (SSL_read(s->ssl, &byte, 1) > 0)
		;
	if ((SSL_get_shutdown(s->ssl) & SSL_RECEIVED_SHUTDOWN) == 0)
		return tls_failed(s, "not confirmed");
	failed(s, "", "");
	return 0;
}

/* --- a local socket ----------------------------------------------------- */

static int
unix_open(struct sink *s)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct timeval t = { TIMEOUT_S, 0 };

	memcpy(sun.sun_path, s->path, sizeof(sun.sun_path));
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd == -1 || setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &t,
	    sizeof(t)) == -1 ||
	    connect(s->fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		return failed(s, s->path, strerror(errno));
	return 0;
}

static int
unix_confirm(struct sink *s)
{
	const struct timespec pause = { 0, QUEUE_POLL_MS * 1000000L };
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };
	int left, i;

	for (i = 0; i < TIMEOUT_S * 1000 / QUEUE_POLL_MS; i++) {
		/* What the receiver has not read yet is still ours. */
		if (ioctl(s->fd, SIOCOUTQ, &left) == -1)
			return failed(s, "not confirmed", strerror(errno));
		if (left == 0)
			break;
		nanosleep(&pause, NULL);
	}
	if (left != 0)
		return failed(s, "not confirmed",
		    "the receiver takes too long");
	/* A queue is empty, too, when it went away with its socket. */
	if (poll(&p, 1, 0) == -1 || (p.revents & (POLLHUP | POLLERR)) != 0 ||
	    send(s->fd, "", 0, MSG_NOSIGNAL) == -1)
		return failed(s, "not confirmed", "the receiver went away");
	return 0;
}

/* --- both --------------------------------------------------------------- */

static SSL_CTX *
context(const struct sink_options *o, char *err, size_t size)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	const char *bad = NULL;

	if (c == NULL)
		bad = "TLS";
	else if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1)
		bad = "TLS";
	else if (o->ca != NULL ? SSL_CTX_load_verify_locations(c, o->ca,
	    NULL) != 1 : SSL_CTX_set_default_verify_paths(c) != 1)
		bad = o->ca == NULL ? "the system's certificates" : o->ca;
	else if (o->cert != NULL && SSL_CTX_use_certificate_chain_file(c,
	    o->cert) != 1)
		bad = o->cert;
	else if (o->key != NULL && (SSL_CTX_use_PrivateKey_file(c, o->key,
	    SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(c) != 1))
		bad = o->key;
	if (bad == NULL) {
		SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
		return c;
	}
	snprintf(err, size, "%s: %s", bad, "cannot be used");
	ERR_clear_error();
	SSL_CTX_free(c);
	return NULL;
}

/* tls:HOST:PORT, where HOST may be an address in brackets. */
static int
parse_to(struct sink *s, const char *to)
{
	const char *host = to + 4, *colon;
	size_t n;

	if (strncmp(to, "unix:", 5) == 0) {
		n = strlen(to + 5);
		if (n == 0 || n >= sizeof(s->path))
			return -1;
		memcpy(s->path, to + 5, n);
		return 0;
	}
	if (strncmp(to, "tls:", 4) != 0 ||
	    (colon = strrchr(host, ':')) == NULL)
		return -1;
	s->tls = true;
	n = (size_t)(colon - host);
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(s->host) || colon[1] == '\0' ||
	    strlen(colon + 1) >= sizeof(s->port))
		return -1;
	memcpy(s->host, host, n);
	strcpy(s->port, colon + 1);
	return 0;
}

struct sink *
sink_new(const struct sink_options *o, char *err, size_t size)
{
	struct sink *s = calloc(1, sizeof(*s));

	snprintf(err, size, "out of memory");
	if (s == NULL)
		return NULL;
	s->fd = -1;
	if (parse_to(s, o->to) == -1)
		snprintf(err, size, "%.100s: is neither unix:PATH nor "
		    "tls:HOST:PORT", o->to);
	else if (!s->tls || (s->ctx = context(o, err, size)) != NULL)
		return s;
	sink_free(&s);
	return NULL;
}

void
sink_free(struct sink **sp)
{
	struct sink *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	failed(s, "", "");
	SSL_CTX_free(s->ctx);
	free(s);
}

int
sink_send(struct sink *s, const void *p, size_t n)
{
	char count[24];
	int k;

	if (s->fd == -1 && (s->tls ? tls_open(s) : unix_open(s)) == -1)
		return -1;
	if (!s->tls)
		return send(s->fd, p, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 :
		    failed(s, s->path, strerror(errno));
	/* SYSLOG-FRAME = MSG-LEN SP SYSLOG-MSG (RFC 5425, 4.3) */
	k = snprintf(count, sizeof(count), "%zu ", n);
	return tls_write(s, count, (size_t)k) == -1 ? -1 : tls_write(s, p, n);
}

int
sink_confirm(struct sink *s)
{
	if (s->fd == -1)
		return 0;
	return s->tls ? tls_confirm(s) : unix_confirm(s);
}

const char *
sink_error(const struct sink *s)
{
	return s->error;
}
