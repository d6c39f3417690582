#ifndef POSTERN_TLS_H
#define POSTERN_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * TLS over a non-blocking socket, as server (towards clients) and as client
 * (towards the database).  OpenSSL is known in tls.c only.  TLS 1.2 at least.
 */
struct tls_server;	/* certificate and key, for many connections */
struct tls;		/* one connection */

enum tls_want { TLS_WANT_NONE, TLS_WANT_READ, TLS_WANT_WRITE };

/*
 * PEM files: a chain, its key, and the CAs one of which must have signed the
 * certificate that a client has to show (NULL: none is asked for).  NULL with a
 * sentence in `err`.
 */
struct tls_server *tls_server_new(const char *cert, const char *key,
	    const char *client_ca, char *err, size_t errlen);
/* One more holder; each frees. */
struct tls_server *tls_server_ref(struct tls_server *);
void		 tls_server_free(struct tls_server **);

/*
 * One handshake with oneself, in memory.  OpenSSL looks its algorithms up at
 * first use, which costs more than the handshake; what the master has looked up
 * its workers inherit.  Failing changes nothing but that.
 */
void		 tls_warm(struct tls_server *);

/* Neither takes the descriptor: the caller closes it after tls_free(). */
struct tls	*tls_accept(struct tls_server *, int fd);
/*
 * `mode` is an enum db_tls other than disable.  `ca` is PEM (verify-ca and
 * verify-full; empty: the system's); `host` is checked (and sent as SNI) for
 * verify-full: a name against the certificate's DNS names, an address against
 * its IP addresses.
 */
struct tls	*tls_connect(int fd, int mode, const char *host,
	    const uint8_t *ca, size_t calen, char *err, size_t errlen);
/* Sends close_notify if it can without waiting.  *tls becomes NULL. */
void		 tls_free(struct tls **);

/* 1: done; 0: call again when `want` is ready; -1: failed (tls_error()). */
int		 tls_handshake(struct tls *, enum tls_want *);
/* > 0: bytes; 0: orderly end; -1 and want: not now; -1 and TLS_WANT_NONE: failed. */
ssize_t		 tls_read(struct tls *, void *, size_t, enum tls_want *);
/* A write that did not complete may be repeated with other memory and a longer
 * length, as long as its first bytes are the same. */
ssize_t		 tls_write(struct tls *, const void *, size_t, enum tls_want *);
/* Bytes already decrypted: read them before polling. */
size_t		 tls_pending(const struct tls *);
/* ALPN `postgresql` was agreed on (direct TLS demands it). */
bool		 tls_alpn(const struct tls *);
/* tls-server-end-point (RFC 5929) of the peer's certificate: digest length, or -1. */
int		 tls_endpoint_digest(const struct tls *, uint8_t out[64]);
/* The subject of the peer's certificate (RFC 2253) or, when there is none, "-". */
void		 tls_peer_name(const struct tls *, char *, size_t);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384" */
const char	*tls_describe(const struct tls *);
/* Why the last call failed: a sentence, never NULL. */
const char	*tls_error(const struct tls *);

#endif
