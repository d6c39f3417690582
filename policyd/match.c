/*
 * PCRE2 behind one module.
 *
 * Compiled wherever policy.yaml is parsed; run in the engine, on what a client
 * sent, after prescan() has seen that it is UTF-8.  The pattern is the
 * administrator's and may be a slow one: what goes over a limit is unsure, and
 * an engine that is busy for too long all the same ends itself (engine.c).
 */
#include "match.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* PCRE2 counts steps anew at each place of the text. */
#define STEPS_MAX	20000
#define DEPTH_MAX	2000
#define HEAP_MAX	1024		/* KiB */

struct match_re {
	pcre2_code		*code;
	pcre2_match_data	*data;
	pcre2_match_context	*limits;
};

struct match_re *
match_new(const char *pattern, char *why, size_t size, size_t *at)
{
	struct match_re	*re;
	int		 code;

	*at = 0;
	if ((re = calloc(1, sizeof(*re))) == NULL) {
		snprintf(why, size, "out of memory");
		return NULL;
	}
	re->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, at, NULL);
	if (re->code == NULL) {
		if (pcre2_get_error_message(code, (PCRE2_UCHAR *)why, size) ==
		    PCRE2_ERROR_BADDATA)
			snprintf(why, size, "error %d", code);
		match_free(&re);
		return NULL;
	}
	re->data = pcre2_match_data_create(1, NULL);
	re->limits = pcre2_match_context_create(NULL);
	if (re->data == NULL || re->limits == NULL) {
		snprintf(why, size, "out of memory");
		match_free(&re);
		return NULL;
	}
	pcre2_set_match_limit(re->limits, STEPS_MAX);
	pcre2_set_depth_limit(re->limits, DEPTH_MAX);
	pcre2_set_heap_limit(re->limits, HEAP_MAX);
	return re;
}

void
match_free(struct match_re **rep)
{
	struct match_re	*re = *rep;

	*rep = NULL;
	if (re == NULL)
		return;
	pcre2_match_context_free(re->limits);
	pcre2_match_data_free(re->data);
	pcre2_code_free(re->code);
	free(re);
}

enum match_result
match_text(const struct match_re *re, const char *text, size_t len)
{
	int	 n;

	if (len > MATCH_TEXT_MAX)
		return MATCH_UNSURE;
	n = pcre2_match(re->code, (PCRE2_SPTR)text, len, 0,
	    PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, re->data, re->limits);
	if (n >= 0)
		return MATCH_YES;
	return n == PCRE2_ERROR_NOMATCH ? MATCH_NO : MATCH_UNSURE;
}
