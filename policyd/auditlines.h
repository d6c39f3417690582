#ifndef POSTERN_AUDITLINES_H
#define POSTERN_AUDITLINES_H

#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include <jansson.h>

#include "conf.h"
#include "ipc_msgs.h"

/*
 * The statements of a record, from what `auditctl export` prints: JSON lines,
 * in the record's order.
 */
struct audit_stmt {
	const char	*session;	/* never NULL; as the next two */
	const char	*profile, *database;
	/* NULL: the session's beginning is not among the lines. */
	const char	*issuer, *subject, *application, *client;
	const json_t	*claims;
	enum judge_form	 form;
	const char	*text;		/* NULL: not among the lines */
	size_t		 len;
	const char	*action, *rule;	/* as it was judged then */
	const char	*at;		/* when, as it is written */
	time_t		 time;		/* the same; 0: not known */
};

/* Everything in it is the reader's. */
typedef int	auditlines_fn(void *ctx, const struct audit_stmt *);

/*
 * Each statement that was executed, was about to be or was refused, until fn
 * returns -1.  -1 when it did, or with "name:line: sentence": no such lines.
 */
int	auditlines_read(FILE *, const char *name, auditlines_fn *, void *ctx,
	    struct conf_error *);
/* The same of a file, or of standard input ("-"). */
int	auditlines_file(const char *path, auditlines_fn *, void *ctx,
	    struct conf_error *);

#endif
