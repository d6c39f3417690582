#ifndef POSTERN_E2E_TALK_H
#define POSTERN_E2E_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raw.h"

/*
 * A conversation made by a program: the client's messages in one piece of
 * memory, to be sent in whatever portions, and the server's as a text, one line
 * a message, to be compared with what another server said to the same.
 */

/* The same seed gives the same numbers everywhere. */
struct dice {
	uint64_t	 state;
};

void		 dice_seed(struct dice *, uint64_t seed);
/* From 0 to n - 1. */
unsigned int	 dice(struct dice *, unsigned int n);
/* True in so many of a hundred. */
bool		 dice_percent(struct dice *, unsigned int percent);
/* A number from the environment. */
long		 talk_number(const char *env, long dflt);

struct talk {
	uint8_t		*data;
	size_t		 len, size;
};

void		 talk_free(struct talk *);
/* Bytes as they are. */
void		 talk_add(struct talk *, const void *, size_t);
/* A whole message. */
void		 talk_msg(struct talk *, char type, const void *, size_t);
void		 talk_query(struct talk *, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));
void		 talk_parse(struct talk *, const char *name, const char *fmt,
		    ...) __attribute__((format(printf, 3, 4)));
/* With n text parameters, all of them `value` (`len` bytes). */
void		 talk_bind(struct talk *, const char *portal, const char *name,
		    int n, const void *value, size_t len);
void		 talk_execute(struct talk *, const char *portal, uint32_t max);
/* 'S' or 'P'. */
void		 talk_describe(struct talk *, char what, const char *name);
void		 talk_close(struct talk *, char what, const char *name);
void		 talk_sync(struct talk *);
void		 talk_flush(struct talk *);
void		 talk_copy_data(struct talk *, const void *, size_t);
void		 talk_copy_done(struct talk *);
void		 talk_copy_fail(struct talk *, const char *why);
/* FunctionCall of int4 arguments in text. */
void		 talk_function(struct talk *, uint32_t oid, int n,
		    const char *arg);
/*
 * The last words: out of COPY and of a skipped segment, wherever this has led,
 * then what has an answer that talk_hear() knows.  The transaction is as it was,
 * but a statement called "the end" is not.
 */
void		 talk_end(struct talk *);

/*
 * What the server says, up to the answer to the last words, as text
 * (allocated): a line a message, "END" for the end of the connection, "SILENCE"
 * when nothing came for ms.  Of errors and notices it holds severity, SQLSTATE
 * and text; of one with 42501 no text.
 */
char		*talk_hear(struct raw *, int ms);
/* Send all and hear; the two at once, so that neither side waits. */
char		*talk_hold(struct raw *, const struct talk *, int ms);
/* Where two such texts part: fails the test with both from there, and `what`. */
void		 talk_compare(const char *direct, const char *through,
		    const char *what);
/* Frees both afterwards. */
void		 talk_same(char *direct, char *through, const char *fmt, ...)
		    __attribute__((format(printf, 3, 4)));

/*
 * Let this role in directly, with no password and no TLS (pg_hba.conf, once a
 * stack), for raw_direct().
 */
void		 talk_let_in(const char *role);
/* A session of its own with the server, past the gateway. */
struct raw	*raw_direct(const char *role);

#endif
