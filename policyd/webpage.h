#ifndef POSTERN_WEBPAGE_H
#define POSTERN_WEBPAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "buf.h"

/*
 * The pages for approvers, as HTML: no script, no style but /style.css.  Pure.
 * What policyd says is shown as text.  -1: the buffer has no room, and the page
 * is not to be sent.
 */
#define WEBPAGE_MAX	(8 * 1024 * 1024)
#define WEBPAGE_REFRESH	5	/* seconds: the list */

/* Who looks at it; NULL where nobody is logged in. */
struct webpage_user {
	const char	*subject;
	const char	*csrf;
};

/* `rows` are those of policyd's `requests`; `now` is wall time in seconds. */
int	webpage_list(struct buf *, const struct webpage_user *,
	    const json_t *rows, uint64_t now);
/* The row of `show`. */
int	webpage_request(struct buf *, const struct webpage_user *,
	    const json_t *row, uint64_t now);
/*
 * By a token; and with an `issuer` (its key) by OIDC too.  `error` may be
 * NULL.
 */
int	webpage_login(struct buf *, const char *csrf, const char *issuer,
	    const char *error);
/* A sentence and a link; with `at_once` the browser follows it by itself. */
int	webpage_message(struct buf *, const struct webpage_user *,
	    const char *title, const char *text, const char *link,
	    const char *label, bool at_once);
const char	*webpage_style(void);

#endif
