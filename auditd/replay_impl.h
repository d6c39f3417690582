#ifndef AUDITD_REPLAY_IMPL_H
#define AUDITD_REPLAY_IMPL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "buf.h"
#include "recording.h"
#include "replay.h"

/* Between replay.c, which reads, and those that show: replayterm.c,
 * replayhtml.c, replaysql.c, against.c. */

/* The most that a text is shown as: every byte of a body escaped. */
#define REPLAY_TEXT_MAX	(272u * 1024 * 1024)

/* Of a statement; strings are never NULL. */
struct replay_outcome {
	int64_t		 time;		/* us */
	int64_t		 stmt, rows, duration_us;
	char		*status, *tag, *sqlstate, *error, *masked;
};

/* A request for approval; 0 is a time that is not known. */
struct replay_hold {
	int64_t		 request, since, until;	/* us */
};

/* What is known of the session; "" where the store does not say. */
struct replay_session {
	const char	*id;
	char		*subject, *profile, *database, *role, *peer;
	char		*opened, *closed, *reason;
	char		*literals;	/* what was recorded of them */
	int64_t		 start;		/* us; of its first event */
	int64_t		 end;
	struct replay_outcome *outcomes;	/* sorted by stmt */
	size_t		 noutcomes;
	struct replay_hold *holds;
	size_t		 nholds;
	struct recording *recording;	/* its answers; never NULL */
};

/* Strings are valid during the call. */
struct replay_statement {
	int64_t		 id;		/* of the event */
	int64_t		 time;		/* us */
	int64_t		 offset;	/* us since the session's start */
	int64_t		 stmt;
	const char	*form, *action, *rule, *sqlstate, *params;
	const char	*sent;		/* instead of the text; or "" */
	size_t		 sent_len;
	const char	*masked;	/* columns; or "" */
	const char	*text;		/* NULL: in a segment that is missing */
	size_t		 text_len;
	const char	*hash;		/* of the event, 16 hex digits */
	const struct replay_outcome *outcome;	/* NULL: unknown */
	const struct replay_hold *hold;		/* or NULL */
};

/* How the statement ended: as outcome.status, or "denied", or "unknown". */
const char	*replay_status(const struct replay_statement *);

/* -1 after a message; to be unloaded in any case. */
int	replay_load(struct reader *, const char *session,
	    struct replay_session *);
void	replay_unload(struct replay_session *);

/* On standard output, in the time that it took. */
int	replay_term(struct reader *, const struct replay_session *,
	    const struct replay_options *);
/* As a page, into a new file. */
int	replay_html(struct reader *, const struct replay_session *,
	    const struct replay_options *);
/* As a script for psql. */
int	replay_sql(struct reader *, const struct replay_session *,
	    const struct replay_options *);
/* A new file that nobody else can read, or for "-" standard output; NULL after
 * a message.  The other: -1 when it could not be written whole. */
FILE	*replay_create(const char *path);
int	replay_close(FILE *, const char *path);
/* For all: the session's statements, oldest first.  -1: reason printed. */
typedef bool	replay_each_fn(void *ctx, const struct replay_statement *);
int	replay_each(struct reader *, const struct replay_session *,
	    replay_each_fn *, void *ctx);

/* The one of this event. */
int	replay_one(struct reader *, const struct replay_session *,
	    int64_t event, replay_each_fn *, void *ctx);
/* Why a statement cannot be sent again as it was, or NULL. */
const char	*replay_why_not(const struct replay_session *,
		    const struct replay_statement *);
#endif
