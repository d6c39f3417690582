/*
 * The raw client of the end-to-end tests: see raw.h.  Runs in test programs;
 * blocking, one connection each.
 */
#include "raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e.h"

struct raw {
	int	 fd;
	SSL_CTX	*ctx;
	SSL	*ssl;
	uint8_t	*buf;
	size_t	 len, size;	/* bytes in buf, allocated */
	size_t	 taken;		/* of them, by the last message */
	char	 sqlstate[6];
	char	 message[512];
};

struct raw *
raw_to(const char *port, const char *from)
{
	struct raw *r = calloc(1, sizeof *r);
	struct sockaddr_in sin = { .sin_family = AF_INET }, me = sin;
	int one = 1;

	ck_assert_ptr_nonnull(r);
	sin.sin_port = htons((uint16_t)atoi(e2e_env(port)));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(r->fd, 0);
	if (from != NULL) {
		ck_assert_int_eq(inet_pton(AF_INET, from, &me.sin_addr), 1);
		ck_assert_int_eq(bind(r->fd, (struct sockaddr *)&me,
		    sizeof me), 0);
	}
	ck_assert_msg(connect(r->fd, (struct sockaddr *)&sin, sizeof sin) == 0,
	    "the gateway does not accept");
	/* Small messages in a row: not one for each of the other's ACKs. */
	setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return r;
}

struct raw *
raw_tcp(bool shared)
{
	return raw_to(shared ? "GW_SHARED_PORT" : "GW_PORT", NULL);
}

bool
raw_handshake(struct raw *r, const char *alpn, int version, const char *cert,
    const char *key)
{
	unsigned char wire[64];

	r->ctx = SSL_CTX_new(TLS_client_method());
	ck_assert_ptr_nonnull(r->ctx);
	/* What the library would not even offer is to be offered too. */
	SSL_CTX_set_security_level(r->ctx, 0);
	if (version != 0) {
		SSL_CTX_set_min_proto_version(r->ctx, version);
		SSL_CTX_set_max_proto_version(r->ctx, version);
	}
	if (cert != NULL)
		ck_assert(SSL_CTX_use_certificate_file(r->ctx, cert,
		    SSL_FILETYPE_PEM) == 1 && SSL_CTX_use_PrivateKey_file(
		    r->ctx, key, SSL_FILETYPE_PEM) == 1);
	r->ssl = SSL_new(r->ctx);
	SSL_set_fd(r->ssl, r->fd);
	if (alpn != NULL) {
		wire[0] = (unsigned char)strlen(alpn);
		memcpy(wire + 1, alpn, wire[0]);
		SSL_set_alpn_protos(r->ssl, wire, wire[0] + 1u);
	}
	return SSL_connect(r->ssl) == 1;
}

struct raw *
raw_tls_to(const char *port, const char *from)
{
	static const uint8_t request[] = { 0, 0, 0, 8, 4, 210, 22, 47 };
	struct raw *r = raw_to(port, from);
	char answer = 0;

	ck_assert_int_eq(send(r->fd, request, sizeof request, MSG_NOSIGNAL),
	    sizeof request);
	ck_assert_int_eq(recv(r->fd, &answer, 1, 0), 1);
	ck_assert_int_eq(answer, 'S');
	ck_assert_msg(raw_handshake(r, NULL, 0, NULL, NULL), "no TLS");
	return r;
}

struct raw *
raw_tls(bool shared)
{
	return raw_tls_to(shared ? "GW_SHARED_PORT" : "GW_PORT", NULL);
}

bool
raw_peer_is(const struct raw *r, const char *path)
{
	X509 *is = SSL_get1_peer_certificate(r->ssl), *want;
	FILE *f = fopen(path, "r");
	bool same;

	ck_assert_ptr_nonnull(f);
	want = PEM_read_X509(f, NULL, NULL, NULL);
	ck_assert_ptr_nonnull(want);
	same = is != NULL && X509_cmp(is, want) == 0;
	fclose(f);
	X509_free(want);
	X509_free(is);
	return same;
}

bool
raw_resumable(const struct raw *r)
{
	const SSL_SESSION *s = SSL_get0_session(r->ssl);

	return s != NULL && SSL_SESSION_is_resumable(s);
}

static void
drop(struct raw **rp)
{
	struct raw *r = *rp;

	if (r == NULL)
		return;
	SSL_free(r->ssl);
	SSL_CTX_free(r->ctx);
	close(r->fd);
	free(r->buf);
	free(r);
	*rp = NULL;
}

void
raw_free(struct raw **rp)
{
	if (*rp != NULL) {
		raw_msg(*rp, 'X', NULL, 0);
		if ((*rp)->ssl != NULL)
			SSL_shutdown((*rp)->ssl);
	}
	drop(rp);
}

void
raw_vanish(struct raw **rp)
{
	struct linger l = { 1, 0 };

	/* A reset, as when the machine is gone. */
	setsockopt((*rp)->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	drop(rp);
}

int
raw_fd(const struct raw *r)
{
	return r->fd;
}

bool
raw_send(struct raw *r, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = r->ssl != NULL ?
		    SSL_write(r->ssl, p, len > 16384 ? 16384 : (int)len) :
		    send(r->fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool
raw_liar(struct raw *r, char type, uint32_t length, const void *body,
    size_t len)
{
	uint8_t *m = malloc(5 + len);
	uint32_t be = htonl(length);
	bool ok;

	ck_assert_ptr_nonnull(m);
	m[0] = (uint8_t)type;
	memcpy(m + 1, &be, 4);
	if (len > 0)
		memcpy(m + 5, body, len);
	ok = raw_send(r, m, 5 + len);
	free(m);
	return ok;
}

bool
raw_msg(struct raw *r, char type, const void *body, size_t len)
{
	return raw_liar(r, type, (uint32_t)len + 4, body, len);
}

bool
raw_query(struct raw *r, const char *sql)
{
	return raw_msg(r, 'Q', sql, strlen(sql) + 1);
}

bool
raw_startup_as(struct raw *r, uint32_t version, const char *user,
    const char *database, const void *more, size_t len)
{
	uint8_t m[16384];
	size_t n = 8;
	uint32_t be = htonl(version);

	ck_assert_uint_lt(len, sizeof m - 512);
	memcpy(m + 4, &be, 4);
	n += (size_t)snprintf((char *)m + n, sizeof m - n,
	    "user%c%s%cdatabase%c%s%capplication_name%craw%c", 0, user, 0, 0,
	    database, 0, 0, 0);
	if (len > 0)
		memcpy(m + n, more, len);
	n += len;
	m[n++] = 0;
	be = htonl((uint32_t)n);
	memcpy(m, &be, 4);
	return raw_send(r, m, n);
}

bool
raw_startup(struct raw *r, const char *user, const char *database)
{
	return raw_startup_as(r, 0x30000, user, database, NULL, 0);
}

/* > 0: bytes came; 0: end; -1: nothing within ms. */
static int
fill(struct raw *r, int ms)
{
	struct pollfd p = { r->fd, POLLIN, 0 };
	ssize_t n;

	if (r->size - r->len < 16384) {
		r->size = r->size * 2 + 65536;
		r->buf = realloc(r->buf, r->size);
		ck_assert_ptr_nonnull(r->buf);
	}
	if (r->ssl == NULL || SSL_pending(r->ssl) == 0)
		if (poll(&p, 1, ms) == 0)
			return -1;
	n = r->ssl != NULL ?
	    SSL_read(r->ssl, r->buf + r->len, (int)(r->size - r->len)) :
	    recv(r->fd, r->buf + r->len, r->size - r->len, 0);
	if (n <= 0)
		return 0;
	r->len += (size_t)n;
	return 1;
}

bool
raw_pour(struct raw *r, const void *data, size_t len)
{
	const char *p = data;
	/* Less than a socket has room for that says that it has some. */
	const size_t some = 4096;

	while (len > 0) {
		struct pollfd both = { r->fd, POLLIN | POLLOUT, 0 };
		size_t n = len < some ? len : some;

		if (poll(&both, 1, 30000) <= 0)
			return false;
		if ((both.revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
		    fill(r, 0) <= 0)
			return false;
		if ((both.revents & POLLOUT) == 0)
			continue;
		if (!raw_send(r, p, n))
			return false;
		p += n;
		len -= n;
	}
	return true;
}

static void
note_error(struct raw *r, const uint8_t *body, size_t len)
{
	size_t i = 0;

	while (i < len && body[i] != '\0') {
		const char *v = (const char *)body + i + 1;
		size_t n = strnlen(v, len - i - 1);

		if (body[i] == 'C')
			snprintf(r->sqlstate, sizeof r->sqlstate, "%.*s",
			    (int)n, v);
		if (body[i] == 'M')
			snprintf(r->message, sizeof r->message, "%.*s",
			    (int)n, v);
		i += n + 2;
	}
}

static void
consume(struct raw *r)
{
	if (r->taken > 0)
		memmove(r->buf, r->buf + r->taken, r->len - r->taken);
	r->len -= r->taken;
	r->taken = 0;
}

int
raw_byte(struct raw *r, int ms)
{
	int n;

	consume(r);
	if (r->len == 0 && (n = fill(r, ms)) <= 0)
		return n == 0 ? -2 : -1;
	r->taken = 1;
	return r->buf[0];
}

int
raw_read(struct raw *r, int ms, const uint8_t **body, size_t *len)
{
	long long end = e2e_now() + ms;
	uint32_t be, total;

	consume(r);
	for (;;) {
		if (r->len >= 5) {
			memcpy(&be, r->buf + 1, 4);
			total = ntohl(be) + 1;
			if (r->len >= total)
				break;
		}
		long long left = end - e2e_now();
		int n = fill(r, left > 0 ? (int)left : 0);

		if (n <= 0)
			return n;
	}
	r->taken = total;
	*body = r->buf + 5;
	*len = total - 5;
	if (r->buf[0] == 'E')
		note_error(r, *body, *len);
	return r->buf[0];
}

bool
raw_until(struct raw *r, char type, int ms)
{
	long long end = e2e_now() + ms;
	const uint8_t *body;
	size_t len;
	int t;

	r->sqlstate[0] = r->message[0] = '\0';
	do {
		t = raw_read(r, (int)(end - e2e_now()), &body, &len);
	} while (t > 0 && t != type);
	return t == type;
}

const char *
raw_ending(struct raw *r, int ms)
{
	long long end = e2e_now() + ms;
	const uint8_t *body;
	size_t len;
	int t;

	r->sqlstate[0] = r->message[0] = '\0';
	do {
		t = raw_read(r, end > e2e_now() ? (int)(end - e2e_now()) : 0,
		    &body, &len);
	} while (t > 0);
	return t == 0 ? r->sqlstate : NULL;
}

const char *
raw_sqlstate(const struct raw *r)
{
	return r->sqlstate;
}

const char *
raw_message(const struct raw *r)
{
	return r->message;
}

struct raw *
raw_session(const char *profile, const char *sub, bool shared)
{
	const char *group = strcmp(profile, "nightly-bot") == 0 ? "ai-agents" :
	    strcmp(profile, "analyst") == 0 ? "analysts" : profile;
	static char *token, *token_for;
	struct raw *r = raw_tls(shared);

	/* Making one costs more than a session; many come in a row. */
	if (token_for == NULL || strcmp(token_for, sub) != 0) {
		free(token);
		free(token_for);
		token = e2e_token(sub, group);
		token_for = strdup(sub);
	}

	ck_assert(raw_startup(r, profile, e2e_env("GW_DB")));
	ck_assert(raw_until(r, 'R', 10000));
	ck_assert(raw_msg(r, 'p', token, strlen(token) + 1));
	ck_assert_msg(raw_until(r, 'Z', 20000), "no session: %s %s",
	    raw_sqlstate(r), raw_message(r));
	return r;
}
