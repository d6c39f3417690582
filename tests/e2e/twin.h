#ifndef POSTERN_E2E_TWIN_H
#define POSTERN_E2E_TWIN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The same session played to two databases, message by message, and all that
 * comes back compared: rows, descriptions, tags, errors, notices, parameter
 * status, byte for byte but for the databases' names and process ids, and
 * rows in any order: an ORDER BY that matters is one that shows a number, or
 * is cut by LIMIT.
 */
struct twin;

/* One message of an attempt, which is one or more of them in a session. */
struct twin_msg {
	const char	*sql;		/* or "\\data ...": CopyData */
	const char	*params[4];	/* extended protocol, as text */
	size_t		 nparams;
};

enum twin_mode { TWIN_SIMPLE, TWIN_TEXT, TWIN_BINARY };

/* Sessions on twin_a and twin_b; `token` is the profile's. */
struct twin	*twin_open(const char *profile, const char *token);
void		 twin_free(struct twin **);

/*
 * Play the messages, in a transaction block of their own or not, then leave
 * the sessions as they were.  True when both transcripts are the same.
 */
bool		 twin_play(struct twin *, enum twin_mode, bool block,
		    const struct twin_msg *, size_t n);

/*
 * Many statements, none of which leaves anything in the session, sent without
 * waiting for answers; each one's transcripts are compared, and `done` called
 * in order, when twin_difference() and the like speak of this one.
 */
struct twin_one {
	const char	*sql;
	enum twin_mode	 mode;
	bool		 block;
};
void		 twin_play_many(struct twin *, const struct twin_one *,
		    size_t n, void (*done)(void *ctx, size_t i, bool same),
		    void *ctx);

/* Of the last play: the first line in which they differ, from each. */
void		 twin_difference(const struct twin *, char *a, char *b,
		    size_t size);
/* Of the last play, the first twin: what became of it. */
const char	*twin_transcript(const struct twin *);
bool		 twin_refused(const struct twin *);	/* by Postern */
bool		 twin_failed(const struct twin *);	/* by any error */
/* Of either: cancelled by statement_timeout, and so not to be compared. */
bool		 twin_timed_out(const struct twin *);

#endif
