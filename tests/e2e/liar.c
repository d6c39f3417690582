/*
 * A policyd whose engines can be taken over, for test_boundary: the engine as
 * it is, but that a text with "lie:..." in it makes it answer as it is told,
 * and "lie:evil" makes this engine say yes to everything from then on.  Runs in
 * tests only.
 */
#include "policyd/judge.h"

#include <stdlib.h>
#include <string.h>

static void	lying_judge(const struct scene *, const struct judge_ask *,
		    struct verdict *);

#define judge_for	lying_judge
#include "policyd/engine.c"
#undef judge_for

static bool evil;

static bool
has(const char *text, size_t len, const char *word)
{
	return memmem(text, len, word, strlen(word)) != NULL;
}

static void
say(struct verdict *v, enum verdict_action action, const char *text)
{
	free(v->rewritten);
	v->rewritten = text != NULL ? strdup(text) : NULL;
	v->rewritten_len = text != NULL ? strlen(text) : 0;
	v->action = action;
	v->rule = "liar";
	v->flags = VERDICT_READONLY | VERDICT_CACHEABLE;
}

static void
lying_judge(const struct scene *scene, const struct judge_ask *ask,
    struct verdict *v)
{
	const char	*text = ask->text;
	size_t		 len = ask->len;

	judge_for(scene, ask, v);
	if (has(text, len, "lie:evil"))
		evil = true;
	if (has(text, len, "lie:text-with-allow"))
		say(v, VERDICT_ALLOW, "SELECT 'text of the liar'");
	else if (evil || has(text, len, "lie:allow"))
		say(v, VERDICT_ALLOW, NULL);
	else if (has(text, len, "lie:other-text"))
		say(v, VERDICT_MASK, "SELECT 'text of the liar'");
	else if (has(text, len, "lie:no-text"))
		say(v, VERDICT_MASK, NULL);
	else if (has(text, len, "lie:nonsense"))
		say(v, (enum verdict_action)77, NULL);
}
