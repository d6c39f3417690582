#ifndef AUDITD_FILTER_H
#define AUDITD_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

/* Which events?  A NULL, and a zero, leaves that open. */
struct filter {
	const char	*session, *subject, *profile, *database;
	const char	*kind;
	const char	*verdict;	/* allow, mask, deny */
	const char	*tag;		/* "UPDATE", or "UPDATE 5" */
	const char	*relation;	/* schema.name, that a statement touches */
	const char	*text;		/* POSIX extended, no case, in texts */
	int64_t		 since, until;	/* us; until is exclusive */
	int64_t		 first, last;	/* ids, inclusive */
};

/*
 * The parameters of filter_where(), by number.  The tables temp.chosen(session)
 * and temp.refused(id) must be there when filter_by_session() says so.
 */
enum filter_param { FP_SESSION = 1, FP_KIND, FP_VERDICT, FP_TAG, FP_TEXT,
	FP_SINCE, FP_UNTIL, FP_FIRST, FP_LAST, FP_RELATION };

/* It asks for properties of sessions. */
bool	filter_by_session(const struct filter *);
/*
 * Append conditions on `e`, a row of events, each as " AND ...".  -1: memory.
 * The SQL functions stmt_text(session, prepared) and regexp(pattern, text) are
 * the reader's.
 */
int	filter_where(const struct filter *, struct buf *);
/*
 * A time as people write it: 2026-11-24, 2026-11-24T08:30[:15] (UTC, a blank
 * may stand for the T, a Z at the end), or 90s, 30m, 2h, 7d ago.  -1: none.
 */
int	filter_time(const char *, int64_t *us);

#endif
