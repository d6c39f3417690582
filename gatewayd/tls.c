/*
 * TLS for gatewayd's workers: as server towards clients, as client towards the
 * database.  The only file that knows OpenSSL's SSL layer.
 *
 * Runs in the workers; the master only loads certificates with it.  Every byte
 * that arrives is untrusted.  Whatever goes wrong on a connection fails that
 * connection with a sentence (tls_error()); nothing here logs or exits.  The
 * process must ignore SIGPIPE: OpenSSL's socket BIO uses write(2).
 *
 * Read-ahead is on, so that a record costs one read(2) and not two.  The price
 * is that undecrypted bytes can sit in OpenSSL where poll(2) does not see them;
 * tls_prefetch() decrypts the next record early so that tls_pending() never
 * misses one.
 */
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "ipc_msgs.h"

#define ALPN_NAME	"\012postgresql"
#define ALPN_LEN	11

/*
 * PostgreSQL before 18 knows P-256 and nothing else: any other guess costs a
 * round trip (RFC 8446, 4.1.4).
 */
#define CLIENT_GROUPS	"P-256:X25519:P-384:P-521"

/* TLS 1.2 with forward secrecy only; 1.3 has nothing else. */
#define SERVER_CIPHERS	"ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls_server {
	SSL_CTX		*ctx;
	unsigned int	 refs;
};

struct tls {
	SSL		*ssl;
	bool		 failed;	/* no further call on ssl is allowed */
	bool		 late;		/* prefetch found an end */
	char		 describe[64];
	char		 error[192];
};

/*
 * Of all connections to databases.  Making a context costs milliseconds, so
 * the master does (tls_warm()) and its workers inherit it.
 */
static SSL_CTX	*client_ctx;

/* Whom the last tls_connect() trusted: a worker dials one database again and
 * again. */
static struct {
	X509_STORE	*store;
	uint8_t		*ca;
	size_t		 calen;
} trusted;

/* The first reason in OpenSSL's queue, the root; the queue is emptied. */
static const char *
queue_reason(void)
{
	unsigned long	 e;
	const char	*s;

	e = ERR_peek_error();
	s = e == 0 ? NULL : ERR_SYSTEM_ERROR(e) ?
	    strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);
	ERR_clear_error();
	return s == NULL ? "unknown error" : s;
}

/* A passphrase would be asked for on a terminal that a daemon has not got. */
static int
on_passphrase(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)ctx;
	return -1;
}

/* RFC 7301: who offers protocols and not ours is in the wrong place. */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned int inlen, void *ctx)
{
	unsigned int	i;

	(void)ssl;
	(void)ctx;
	for (i = 0; i < inlen; i += 1u + in[i]) {
		if (in[i] != ALPN_LEN - 1 || inlen - i < ALPN_LEN)
			continue;
		if (memcmp(in + i, ALPN_NAME, ALPN_LEN) != 0)
			continue;
		*out = in + i + 1;
		*outlen = ALPN_LEN - 1;
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *
context_new(const SSL_METHOD *method)
{
	SSL_CTX	*ctx;

	if ((ctx = SSL_CTX_new(method)) == NULL)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/*
	 * libpq and many drivers close without close_notify; the PostgreSQL
	 * protocol frames itself, so a cut is seen there.
	 */
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
	    SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_read_ahead(ctx, 1);
	return ctx;
}

/* Who shows no certificate that one of these signed does not come in. */
static int
demand_certificate(SSL_CTX *ctx, const char *ca, char *err, size_t errlen)
{
	STACK_OF(X509_NAME)	*names;

	if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1 ||
	    (names = SSL_load_client_CA_file(ca)) == NULL) {
		snprintf(err, errlen, "cannot load client_ca %s: %s", ca,
		    queue_reason());
		return -1;
	}
	/* Which ones, for clients that have several certificates. */
	SSL_CTX_set_client_CA_list(ctx, names);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER |
	    SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

struct tls_server *
tls_server_new(const char *cert, const char *key, const char *client_ca,
    char *err, size_t errlen)
{
	struct tls_server	*s;
	SSL_CTX			*ctx;

	ERR_clear_error();
	s = calloc(1, sizeof(*s));
	ctx = context_new(TLS_server_method());
	if (s == NULL || ctx == NULL) {
		snprintf(err, errlen, "out of memory");
		goto fail;
	}
	SSL_CTX_set_default_passwd_cb(ctx, on_passphrase);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	if (SSL_CTX_set_cipher_list(ctx, SERVER_CIPHERS) != 1) {
		snprintf(err, errlen, "no usable cipher: %s", queue_reason());
		goto fail;
	}
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1) {
		snprintf(err, errlen, "cannot load certificate %s: %s", cert,
		    queue_reason());
		goto fail;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		snprintf(err, errlen, "cannot use key %s: %s", key,
		    queue_reason());
		goto fail;
	}
	if (client_ca != NULL &&
	    demand_certificate(ctx, client_ca, err, errlen) == -1)
		goto fail;
	s->ctx = ctx;
	s->refs = 1;
	return s;
fail:
	SSL_CTX_free(ctx);
	free(s);
	return NULL;
}

struct tls_server *
tls_server_ref(struct tls_server *s)
{
	s->refs++;
	return s;
}

void
tls_server_free(struct tls_server **sp)
{
	if (*sp == NULL)
		return;
	if (--(*sp)->refs == 0) {
		SSL_CTX_free((*sp)->ctx);
		free(*sp);
	}
	*sp = NULL;
}

static struct tls *
connection_new(SSL_CTX *ctx, int fd)
{
	struct tls	*t;

	ERR_clear_error();
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	if ((t->ssl = SSL_new(ctx)) == NULL || SSL_set_fd(t->ssl, fd) != 1) {
		SSL_free(t->ssl);
		free(t);
		ERR_clear_error();
		return NULL;
	}
	return t;
}

struct tls *
tls_accept(struct tls_server *s, int fd)
{
	struct tls	*t;

	if ((t = connection_new(s->ctx, fd)) != NULL)
		SSL_set_accept_state(t->ssl);
	return t;
}

/* Trust the PEM certificates in `ca` and nobody else. */
static int
trust_add(X509_STORE *store, const uint8_t *ca, size_t calen, char *err,
    size_t errlen)
{
	BIO	*bio;
	X509	*x;
	int	 n = 0;

	if (calen > INT_MAX ||
	    (bio = BIO_new_mem_buf(ca, (int)calen)) == NULL) {
		snprintf(err, errlen, "out of memory");
		return -1;
	}
	while ((x = PEM_read_bio_X509_AUX(bio, NULL, on_passphrase, NULL)) !=
	    NULL) {
		if (X509_STORE_add_cert(store, x) == 1)
			n++;
		X509_free(x);
	}
	BIO_free(bio);
	/* The end of the text is an error in the queue too. */
	if (n > 0 && ERR_GET_REASON(ERR_peek_last_error()) ==
	    PEM_R_NO_START_LINE) {
		ERR_clear_error();
		return 0;
	}
	snprintf(err, errlen, "the database's CA is no PEM certificate: %s",
	    queue_reason());
	return -1;
}

/* NULL with a sentence in `err`.  Stays ours. */
static SSL_CTX *
client_context(char *err, size_t errlen)
{
	SSL_CTX	*ctx = client_ctx;

	if (ctx != NULL)
		return ctx;
	/* SSL_CTX_set_alpn_protos() returns 0 for success. */
	if ((ctx = context_new(TLS_client_method())) == NULL ||
	    SSL_CTX_set1_groups_list(ctx, CLIENT_GROUPS) != 1 ||
	    SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)ALPN_NAME,
	    ALPN_LEN) != 0) {
		snprintf(err, errlen, "cannot set TLS up: %s", queue_reason());
		SSL_CTX_free(ctx);
		return NULL;
	}
	return client_ctx = ctx;
}

/* The certificates in `ca`, or the system's when it is empty.  Stays ours. */
static X509_STORE *
trust_store(const uint8_t *ca, size_t calen, char *err, size_t errlen)
{
	X509_STORE	*store;
	uint8_t		*copy;

	if (trusted.store != NULL && trusted.calen == calen &&
	    (calen == 0 || memcmp(trusted.ca, ca, calen) == 0))
		return trusted.store;
	copy = malloc(calen + 1);
	store = X509_STORE_new();
	if (copy == NULL || store == NULL) {
		snprintf(err, errlen, "out of memory");
		goto fail;
	}
	if (calen > 0) {
		memcpy(copy, ca, calen);
		if (trust_add(store, ca, calen, err, errlen) == -1)
			goto fail;
	} else if (X509_STORE_set_default_paths(store) != 1) {
		snprintf(err, errlen, "no system CAs: %s", queue_reason());
		goto fail;
	}
	X509_STORE_free(trusted.store);
	free(trusted.ca);
	trusted.store = store;
	trusted.ca = copy;
	trusted.calen = calen;
	return store;
fail:
	X509_STORE_free(store);
	free(copy);
	return NULL;
}

/* Whom to believe.  -1 with a sentence in `err`. */
static int
client_trust(SSL *ssl, int mode, const uint8_t *ca, size_t calen, char *err,
    size_t errlen)
{
	X509_STORE	*store;

	if (mode == DB_TLS_REQUIRE) {
		SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
		return 0;
	}
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	if ((store = trust_store(ca, calen, err, errlen)) == NULL)
		return -1;
	if (SSL_set1_verify_cert_store(ssl, store) == 1)
		return 0;
	snprintf(err, errlen, "out of memory");
	return -1;
}

static bool
is_address(const char *host)
{
	uint8_t	a[16];

	return inet_pton(AF_INET, host, a) == 1 ||
	    inet_pton(AF_INET6, host, a) == 1;
}

/* SNI is for names (RFC 6066, 3); libpq sends it in every mode, so do we. */
static int
client_name(SSL *ssl, int mode, const char *host)
{
	bool	address = is_address(host);

	if (!address && host[0] != '\0' && host[0] != '/' &&
	    SSL_set_tlsext_host_name(ssl, host) != 1)
		return -1;
	if (mode != DB_TLS_VERIFY_FULL)
		return 0;
	if (address)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl),
		    host) == 1 ? 0 : -1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, host) == 1 ? 0 : -1;
}

struct tls *
tls_connect(int fd, int mode, const char *host, const uint8_t *ca,
    size_t calen, char *err, size_t errlen)
{
	struct tls	*t;
	SSL_CTX		*ctx;

	if (mode != DB_TLS_REQUIRE && mode != DB_TLS_VERIFY_CA &&
	    mode != DB_TLS_VERIFY_FULL) {
		snprintf(err, errlen, "no such TLS mode");
		return NULL;
	}
	if (host == NULL)
		host = "";
	/* OpenSSL takes an empty name for "check no name". */
	if (mode == DB_TLS_VERIFY_FULL && (host[0] == '\0' || host[0] == '/')) {
		snprintf(err, errlen, "verify-full needs a host name");
		return NULL;
	}
	ERR_clear_error();
	if ((ctx = client_context(err, errlen)) == NULL)
		return NULL;
	if ((t = connection_new(ctx, fd)) == NULL) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	SSL_set_connect_state(t->ssl);
	if (client_trust(t->ssl, mode, ca, calen, err, errlen) == -1)
		goto fail;
	if (client_name(t->ssl, mode, host) == 0)
		return t;
	snprintf(err, errlen, "cannot check the name of the database: %s",
	    queue_reason());
fail:
	t->failed = true;
	tls_free(&t);
	return NULL;
}

/* Both ends of a handshake in memory, until both are done or neither moves. */
static void
handshake_with_self(SSL *server, SSL *client)
{
	int	turns, done;

	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	for (turns = 0; turns < 8; turns++) {
		done = SSL_do_handshake(client) == 1;
		done &= SSL_do_handshake(server) == 1;
		if (done)
			break;
	}
	ERR_clear_error();
}

void
tls_warm(struct tls_server *s)
{
	char	 err[128];
	SSL_CTX	*ctx;
	SSL	*server = NULL, *client = NULL;
	BIO	*a = NULL, *b = NULL;

	ERR_clear_error();
	if ((ctx = client_context(err, sizeof(err))) == NULL)
		return;
	server = SSL_new(s->ctx);
	client = SSL_new(ctx);
	if (server != NULL && client != NULL &&
	    BIO_new_bio_pair(&a, 0, &b, 0) == 1) {
		SSL_set_bio(server, a, a);
		SSL_set_bio(client, b, b);
		handshake_with_self(server, client);
	}
	SSL_free(server);
	SSL_free(client);
	ERR_clear_error();
}

void
tls_free(struct tls **tp)
{
	struct tls	*t = *tp;

	if (t == NULL)
		return;
	ERR_clear_error();
	/* Once: we do not wait for the peer's. */
	if (!t->failed && SSL_is_init_finished(t->ssl))
		SSL_shutdown(t->ssl);
	SSL_free(t->ssl);
	free(t);
	ERR_clear_error();
	*tp = NULL;
}

/* For good: SSL_ERROR_SSL and SSL_ERROR_SYSCALL allow no further call. */
static void
connection_fail(struct tls *t, int code, int error)
{
	long	 verify;

	t->failed = true;
	verify = SSL_get_verify_result(t->ssl);
	if (code == SSL_ERROR_SYSCALL && ERR_peek_error() == 0)
		snprintf(t->error, sizeof(t->error), "%s", error == 0 ?
		    "connection closed" : strerror(error));
	else if (verify != X509_V_OK &&
	    ERR_GET_REASON(ERR_peek_error()) ==
	    SSL_R_CERTIFICATE_VERIFY_FAILED)
		snprintf(t->error, sizeof(t->error), "certificate verify "
		    "failed: %s", X509_verify_cert_error_string(verify));
	else
		snprintf(t->error, sizeof(t->error), "%s", queue_reason());
	ERR_clear_error();
}

/*
 * After a call that returned `ret`: 1 with *want set when it can be repeated,
 * 0 at an orderly end, -1 when the connection failed.
 */
static int
connection_state(struct tls *t, int ret, int error, enum tls_want *want)
{
	int	code;

	*want = TLS_WANT_NONE;
	switch (code = SSL_get_error(t->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		*want = TLS_WANT_READ;
		return 1;
	case SSL_ERROR_WANT_WRITE:
		*want = TLS_WANT_WRITE;
		return 1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		connection_fail(t, code, error);
		return -1;
	}
}

/* Decrypt what OpenSSL holds undecrypted; an end found so is told later. */
static void
tls_prefetch(struct tls *t)
{
	enum tls_want	 want;
	size_t		 n;
	char		 c;

	if (SSL_pending(t->ssl) > 0 || !SSL_has_pending(t->ssl))
		return;
	errno = 0;
	if (SSL_peek_ex(t->ssl, &c, 1, &n) == 1)
		return;
	if (connection_state(t, 0, errno, &want) != 1)
		t->late = true;
}

int
tls_handshake(struct tls *t, enum tls_want *want)
{
	int	ret, state;

	*want = TLS_WANT_NONE;
	if (t->failed)
		return -1;
	ERR_clear_error();
	errno = 0;
	if ((ret = SSL_do_handshake(t->ssl)) == 1) {
		snprintf(t->describe, sizeof(t->describe), "%s %s",
		    SSL_get_version(t->ssl), SSL_get_cipher_name(t->ssl));
		/* The client's startup may have come with its Finished. */
		tls_prefetch(t);
		return 1;
	}
	state = connection_state(t, ret, errno, want);
	if (state == 0) {
		t->failed = true;
		snprintf(t->error, sizeof(t->error),
		    "connection closed in the handshake");
	}
	return state == 1 ? 0 : -1;
}

ssize_t
tls_read(struct tls *t, void *buf, size_t len, enum tls_want *want)
{
	size_t	n;
	int	state;

	*want = TLS_WANT_NONE;
	t->late = false;
	if (t->failed)
		return -1;
	ERR_clear_error();
	errno = 0;
	if (SSL_read_ex(t->ssl, buf, len, &n) == 1) {
		tls_prefetch(t);
		return (ssize_t)n;
	}
	state = connection_state(t, 0, errno, want);
	return state == 0 ? 0 : -1;
}

ssize_t
tls_write(struct tls *t, const void *buf, size_t len, enum tls_want *want)
{
	size_t	n;

	*want = TLS_WANT_NONE;
	if (t->failed)
		return -1;
	if (len == 0)
		return 0;
	ERR_clear_error();
	errno = 0;
	if (SSL_write_ex(t->ssl, buf, len, &n) == 1)
		return (ssize_t)n;
	if (connection_state(t, 0, errno, want) == 0) {
		t->failed = true;
		snprintf(t->error, sizeof(t->error), "connection closed");
	}
	return -1;
}

size_t
tls_pending(const struct tls *t)
{
	int	n;

	if (t->late)
		return 1;
	n = t->failed ? 0 : SSL_pending(t->ssl);
	return n > 0 ? (size_t)n : 0;
}

bool
tls_alpn(const struct tls *t)
{
	const unsigned char	*p;
	unsigned int		 len;

	SSL_get0_alpn_selected(t->ssl, &p, &len);
	return len == ALPN_LEN - 1 && memcmp(p, &ALPN_NAME[1], len) == 0;
}

int
tls_endpoint_digest(const struct tls *t, uint8_t out[64])
{
	X509		*x;
	const EVP_MD	*md;
	unsigned int	 n = 0;
	int		 nid, ok = 0;

	if ((x = SSL_get1_peer_certificate(t->ssl)) == NULL)
		return -1;
	if (X509_get_signature_info(x, &nid, NULL, NULL, NULL) == 1 &&
	    nid != NID_undef) {
		/* RFC 5929, section 4.1: MD5 and SHA-1 become SHA-256. */
		if (nid == NID_md5 || nid == NID_sha1)
			nid = NID_sha256;
		if ((md = EVP_get_digestbynid(nid)) != NULL &&
		    EVP_MD_get_size(md) <= 64)
			ok = X509_digest(x, md, out, &n);
	}
	X509_free(x);
	ERR_clear_error();
	return ok == 1 ? (int)n : -1;
}

void
tls_peer_name(const struct tls *t, char *dst, size_t size)
{
	X509	*x = SSL_get0_peer_certificate(t->ssl);
	BIO	*bio;
	int	 n = -1;

	if (x != NULL && (bio = BIO_new(BIO_s_mem())) != NULL) {
		if (X509_NAME_print_ex(bio, X509_get_subject_name(x), 0,
		    XN_FLAG_RFC2253) >= 0 && size <= INT_MAX)
			n = BIO_read(bio, dst, (int)size - 1);
		BIO_free(bio);
		ERR_clear_error();
	}
	if (n < 1)
		snprintf(dst, size, "-");
	else
		dst[n] = '\0';
}

const char *
tls_describe(const struct tls *t)
{
	return t->describe[0] != '\0' ? t->describe : "TLS handshake";
}

const char *
tls_error(const struct tls *t)
{
	return t->error[0] != '\0' ? t->error : "no error";
}
