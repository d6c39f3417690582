#ifndef POSTERN_BODYSCAN_H
#define POSTERN_BODYSCAN_H

#include <stddef.h>

/*
 * What the body of a function (sql or plpgsql) changes of the server's
 * settings, word by word: it is not parsed, and in doubt it changes too much.
 * Pure.
 */
enum body_what {
	BODY_SETS,	/* this setting; NULL: one that is not said */
	BODY_CALLS,	/* what may be a function, without its schema */
	BODY_RUNS	/* a text that is made at run time, or more code */
};

/* `name` is in lower case where the server would fold it, and cut at 127. */
typedef void	bodyscan_cb(void *ctx, enum body_what, const char *name);

void	bodyscan(const char *text, size_t len, bodyscan_cb *, void *ctx);

#endif
