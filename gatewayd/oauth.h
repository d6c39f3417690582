#ifndef POSTERN_OAUTH_H
#define POSTERN_OAUTH_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * SASL OAUTHBEARER, the server's side (RFC 7628, 3; RFC 5801, 4), as
 * PostgreSQL 18 speaks it: the same bytes are accepted and refused, with the
 * same words.  Pure: no I/O, no state.
 */
#define OAUTH_MECHANISM	"OAUTHBEARER"
/* The largest message with a token in it: PostgreSQL's limit too. */
#define OAUTH_MAX	65535u

enum oauth_result {
	OAUTH_TOKEN,		/* `token` is there, in b64token's characters */
	OAUTH_DISCOVERY,	/* auth= is empty: what issuer, what scope? */
	OAUTH_UNFIT,		/* another scheme, or no token: a failed login */
	OAUTH_AGAIN,		/* no initial response: an empty challenge */
	OAUTH_MALFORMED		/* ends the connection: sqlstate, message, detail */
};

struct oauth {
	const uint8_t	*token;		/* into the message; not terminated */
	size_t		 len;
	/* OAUTH_MALFORMED; constants, but for detail. */
	const char	*sqlstate, *message;
	char		 detail[128];	/* "" for none */
};

/* The body of SASLInitialResponse: mechanism, length, response. */
enum oauth_result oauth_initial(const uint8_t *body, size_t len,
	    struct oauth *);
/* The client's response alone, as it comes after an empty challenge. */
enum oauth_result oauth_response(const uint8_t *p, size_t len,
	    struct oauth *);
/* The client's answer to a failure has to be one 0x01.  0, or -1 with the
 * error filled in. */
int	oauth_end(const uint8_t *p, size_t len, struct oauth *);

/*
 * AuthenticationSASL and, after a failure or as discovery's answer,
 * AuthenticationSASLContinue (an issuer with /.well-known/ in it is the
 * document's address itself).  Both texts go into JSON as they are: see
 * oauth_issuer_ok().  -1: no memory.
 */
int	oauth_add_offer(struct buf *);
int	oauth_add_failure(struct buf *, const char *issuer, const char *scope);

/* For the configuration: an https URL (http on the loopback interface), and
 * names by RFC 6749, 3.3, neither with a quote or a backslash. */
int	oauth_issuer_ok(const char *);
int	oauth_scope_ok(const char *);

#endif
