#ifndef POSTERN_BACKEND_H
#define POSTERN_BACKEND_H

#include "session.h"

/*
 * The server's messages: for backend.c, which takes whole ones, and relay.c,
 * which finds where they begin and end, and lets rows pass.
 */

enum back_result {
	BACK_PASS,	/* to the client as it is */
	BACK_SKIP,	/* not to the client; `out` may hold something else */
	BACK_STOP	/* the session is over */
};

struct back_msg {
	uint8_t		 type;
	const uint8_t	*body;
	size_t		 len;
	struct buf	*out;
};

/* The server did what no PostgreSQL does: the session is over. */
enum back_result back_broken(struct session *, const char *what);
/* A whole message that is neither a row nor COPY data. */
enum back_result back_whole(struct session *, const struct back_msg *);
/* Look through this body, which is in the session's own buffer, for content
 * that the profile does not let out (answer.h). */
void	back_content(struct session *, uint8_t type, uint8_t *body, size_t len);
/* Record how the statements ended that are over. */
void	back_outcomes(struct session *);

#endif
