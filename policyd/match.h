#ifndef POSTERN_MATCH_H
#define POSTERN_MATCH_H

#include <stddef.h>

/*
 * Regular expressions (PCRE2) over texts that somebody else wrote: bounded in
 * steps, depth and memory, and without JIT, so that the process that runs them
 * has no memory that is both written and executed.
 */
struct match_re;

enum match_result {
	MATCH_NO,
	MATCH_YES,
	MATCH_UNSURE	/* over a limit: the caller takes what is safe */
};

/* Longer texts are unsure. */
#define MATCH_TEXT_MAX	(1024u * 1024)

/* NULL with a sentence, and the place in the pattern, when it is none. */
struct match_re	*match_new(const char *pattern, char *why, size_t size,
		    size_t *at);
void		 match_free(struct match_re **);
/* The text must be valid UTF-8. */
enum match_result match_text(const struct match_re *, const char *, size_t);

#endif
