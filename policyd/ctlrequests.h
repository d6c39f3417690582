#ifndef POSTERN_CTLREQUESTS_H
#define POSTERN_CTLREQUESTS_H

#include <stdbool.h>

#include <jansson.h>

/*
 * policyctl requests, show, approve, deny.  Each returns the tool's exit code.
 */
typedef void	ctl_print(void *ctx, const char *json);

int	ctl_requests(const char *socket, bool json, bool watch);
/* `row` prints the one row. */
int	ctl_show(const char *socket, const char *number, ctl_print *row);
/*
 * `token_file` may be NULL ("-": standard input), or `token`, which is taken and
 * wiped, is given instead; `reason` may be NULL too, and with what is
 * `similar`: for how long, and how often (`count`).
 */
int	ctl_decide(const char *socket, const char *number, bool approve,
	    const char *token_file, char *token, const char *reason,
	    const char *similar, const char *count);

/* A request's number; -1, and it was said that it is none. */
int	ctl_number(const char *text, json_int_t *);
/* A token from a file ("-": standard input), to free(); NULL, and it was said. */
char	*ctl_token(const char *path);

/*
 * A client's text (UTF-8) on a terminal: what moves the cursor, turns the
 * direction of writing or is not seen is escaped, and a line behind the first
 * begins with "    | ", so that it passes for nothing else.
 */
void	 ctl_text(const char *);

#endif
