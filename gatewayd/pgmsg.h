#ifndef POSTERN_PGMSG_H
#define POSTERN_PGMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * PostgreSQL's messages (protocol 3, chapter 55.7), read and built.  Pure: no
 * I/O.  A reader never looks past the bytes that it was given.
 */
#define PG_SSLREQUEST		80877103u	/* 1234, 5679 */
#define PG_GSSENCREQUEST	80877104u	/* 1234, 5680 */
#define PG_CANCELREQUEST	80877102u	/* 1234, 5678 */
#define PG_PROTOCOL_3		(3u << 16)	/* 3.0 */
#define PG_MINOR_LATEST		2u		/* 3.2; 3.1 is reserved */
#define PG_STARTUP_MAX		10000u

static inline uint32_t
pg_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static inline uint16_t
pg_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* A reader over one message's body. */
struct pg_reader {
	const uint8_t	*p;
	size_t		 left;
	bool		 bad;		/* something was missing */
};

void		 pg_read(struct pg_reader *, const uint8_t *, size_t);
uint8_t		 pg_u8(struct pg_reader *);
uint16_t	 pg_u16(struct pg_reader *);
uint32_t	 pg_u32(struct pg_reader *);
/* A NUL-terminated string inside the message; "" and bad when there is none. */
const char	*pg_str(struct pg_reader *);
/* Nothing missing and nothing left over. */
bool		 pg_done(const struct pg_reader *);

/*
 * Is the body of a client's message of this type well-formed to its last byte?
 * Types that carry opaque bytes (d, p) always are; unknown types never.
 */
bool		 pg_client_body_ok(uint8_t type, const uint8_t *body,
		    size_t len);

/* The fields of an ErrorResponse or NoticeResponse that Postern looks at; ""
 * when missing.  They point into the body. */
struct pg_error {
	const char	*severity, *sqlstate, *message;
	bool		 fatal;		/* FATAL or PANIC */
};
/* -1: the body is malformed. */
int		 pg_error_read(const uint8_t *body, size_t len,
		    struct pg_error *);

/* Start a message; returns the offset of its length field for pg_end(). */
int		 pg_begin(struct buf *, uint8_t type, size_t *at);
/* Fill the length in.  -1 when anything since pg_begin() failed to fit. */
int		 pg_end(struct buf *, size_t at);

/* ErrorResponse or NoticeResponse ('E' or 'N'); NULL fields are left out. */
int		 pg_add_error(struct buf *, uint8_t type, const char *severity,
		    const char *sqlstate, const char *message,
		    const char *detail, const char *hint);
/* Authentication request with its code and data. */
int		 pg_add_auth(struct buf *, uint32_t code, const void *, size_t);
int		 pg_add_ready(struct buf *, uint8_t status);
/* A message whose body is bytes as they are. */
int		 pg_add(struct buf *, uint8_t type, const void *body, size_t);

#endif
