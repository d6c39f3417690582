#ifndef AUDITD_SQLTEXT_H
#define AUDITD_SQLTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

/*
 * Text of others in a script for psql(1).  Whatever the text is, what is
 * appended is printable ASCII and ends no literal and no comment, with either
 * value of standard_conforming_strings and any client_encoding: who replays it
 * may have either, and what is replayed may change them.
 */

/*
 * What stands between E' and '.  -1: no room, or the text has no such form,
 * since it is not UTF-8 or has a NUL.
 */
int	sqltext_escape(struct buf *, const char *, size_t len);
/* Each line of it as a comment of its own line.  -1: no room. */
int	sqltext_comment(struct buf *, const char *, size_t len);
/*
 * COMMIT, ROLLBACK and their like, alone: the only statements that a failed
 * transaction takes.  True: appended, as words with no punctuation, and `;'.
 */
bool	sqltext_transaction(struct buf *, const char *, size_t len);
/* It may be COPY FROM STDIN, after which psql takes the script for data. */
bool	sqltext_may_copy_in(const char *, size_t len);
/*
 * The parameters of an intent event (postern-audit(5)) as arguments of EXECUTE.
 * Their number, or -1 and the reason in `why`.
 */
int	sqltext_arguments(struct buf *, const char *params, char *why,
	    size_t why_size);

#endif
