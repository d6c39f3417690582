#ifndef POSTERN_E2E_RAW_H
#define POSTERN_E2E_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A PostgreSQL client that says exactly what it is told to, well-formed or not.
 * Helpers fail the test when the gateway is not there; what the gateway
 * answers is the caller's to judge.
 */
struct raw;

/* TCP, SSLRequest, TLS.  No startup packet yet. */
struct raw	*raw_tls(bool shared);
/* TCP alone. */
struct raw	*raw_tcp(bool shared);
/* TCP to a port of the stack's env file, from this address (NULL: any). */
struct raw	*raw_to(const char *port, const char *from);
/* The same with SSLRequest and TLS. */
struct raw	*raw_tls_to(const char *port, const char *from);
/*
 * TLS on what is connected, without asking: offering this ALPN protocol (NULL:
 * none), at most this version (0: any), with certificate and key from these
 * files (NULL: none).  False: no handshake.
 */
bool		 raw_handshake(struct raw *, const char *alpn, int version,
		    const char *cert, const char *key);
/* Is the server's certificate the one in this file? */
bool		 raw_peer_is(const struct raw *, const char *path);
/* Could the session be resumed: did a ticket come? */
bool		 raw_resumable(const struct raw *);
/* A session that is ready for a query. */
struct raw	*raw_session(const char *profile, const char *sub, bool shared);
void		 raw_free(struct raw **);
/* Half of a clean end: the socket is closed with no Terminate, no close_notify. */
void		 raw_vanish(struct raw **);
int		 raw_fd(const struct raw *);

/* False when the other side is gone. */
bool		 raw_send(struct raw *, const void *, size_t);
/* The same, but what comes is read meanwhile and kept, so that two sides that
 * both send do not wait for each other. */
bool		 raw_pour(struct raw *, const void *, size_t);
/* A message of this type; `len` is the body's. */
bool		 raw_msg(struct raw *, char type, const void *, size_t len);
/* A type and whatever length word, then the body as it is. */
bool		 raw_liar(struct raw *, char type, uint32_t length,
		    const void *, size_t len);
bool		 raw_query(struct raw *, const char *sql);
bool		 raw_startup(struct raw *, const char *user,
		    const char *database);

/* A startup packet of this version, with further parameters: name NUL value NUL
 * and so on, `len` bytes. */
bool		 raw_startup_as(struct raw *, uint32_t version,
		    const char *user, const char *database, const void *more,
		    size_t len);
/* One byte that is no message; -1: nothing in ms; -2: the end. */
int		 raw_byte(struct raw *, int ms);

/*
 * Read a message: its type, or 0 at the end of the connection, or -1 when
 * nothing came in `ms`.  The body stays valid until the next read.
 */
int		 raw_read(struct raw *, int ms, const uint8_t **body,
		    size_t *len);
/* Read up to a message of this type; false: the end, or ms went by. */
bool		 raw_until(struct raw *, char type, int ms);
/*
 * Read to the end of the connection: the SQLSTATE of the last ErrorResponse
 * seen ("" for none), or NULL when it did not end within ms.
 */
const char	*raw_ending(struct raw *, int ms);
/* The SQLSTATE of the last ErrorResponse read by raw_until(), "" for none. */
const char	*raw_sqlstate(const struct raw *);
/* "M" field of the same. */
const char	*raw_message(const struct raw *);

#endif
