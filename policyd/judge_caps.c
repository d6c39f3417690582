/*
 * The caps' part of a judgement: what a cap counts is sent by the worker so
 * that it can still be undone (D14), and what cannot be counted or undone is
 * refused where a cap applies.
 *
 * Runs in the engine.  Pure.
 */
#include "judge_impl.h"

/* The server says with the tag, or by the rows themselves, how many they are. */
static bool
is_write(enum kind k)
{
	return k == KIND_INSERT || k == KIND_UPDATE || k == KIND_DELETE ||
	    k == KIND_MERGE;
}

/* Changes rows, and nobody says how many. */
static bool
is_uncounted(enum kind k)
{
	switch (k) {
	case KIND_COPY_FROM:
	case KIND_COPY_FILE:
	case KIND_COPY_PROGRAM:
	case KIND_TRUNCATE:
	case KIND_EXECUTE:
	case KIND_DO:
	case KIND_CALL:
	case KIND_OPAQUE:
	case KIND_DYNAMIC:
	case KIND_FASTPATH:
	case KIND_OTHER:
		return true;
	default:
		return is_write(k);
	}
}

/* Answers with rows that can be counted, each as a message of its own. */
static bool
is_answer(enum kind k)
{
	switch (k) {
	case KIND_SELECT:
	case KIND_VALUES:
	case KIND_EXPLAIN:
	case KIND_SHOW:
	case KIND_FETCH:
	case KIND_CALL:
		return true;
	default:
		return is_write(k);
	}
}

/* Answers otherwise, or has another statement answer later. */
static bool
is_unbounded(enum kind k)
{
	return k == KIND_COPY_TO || k == KIND_DECLARE || k == KIND_PREPARE ||
	    k == KIND_EXECUTE || k == KIND_FASTPATH || k == KIND_OTHER;
}

static bool
refuse(struct judgement *j, const char *what, const char *hint)
{
	judge_deny(j->out, j->capped != NULL ? j->capped->name : "(caps)",
	    "42501", "statement refused: %s", what);
	j->out->rule_line = j->capped != NULL ? j->capped->line : 0;
	j->out->hint = hint;
	return false;
}

/* Does any rule cap what it lets pass? */
static bool
any_capped(const struct profile *p)
{
	size_t	 i;

	for (i = 0; i < p->nrules; i++)
		if (caps_any(&p->rules[i].caps))
			return true;
	return caps_any(&p->caps);
}

/* What was prepared, perhaps before a reload brought the cap. */
static bool
judge_prepared(struct judgement *j, const struct analysis *a)
{
	size_t	 i;

	for (i = 0; i < a->nunits; i++)
		if (a->units[i].kind == KIND_EXECUTE)
			return refuse(j, "EXECUTE could run what is capped, "
			    "and does not say what it runs",
			    "Send the statement itself.");
	return true;
}

/* false: refused.  *counted: the cap has something to count. */
static bool
judge_affected(struct judgement *j, const struct analysis *a, bool *counted)
{
	size_t	 i, n = 0;

	/* A plan alone changes nothing. */
	if (a->kind == KIND_EXPLAIN && !a->explain_analyze)
		return true;
	for (i = 0; i < a->nunits; i++)
		n += is_uncounted(a->units[i].kind);
	if (n == 0)
		return true;
	*counted = true;
	if (n == 1 && is_write(a->kind))
		return true;
	return refuse(j, "the rows that it would touch are capped, and "
	    "cannot be counted", "INSERT, UPDATE, DELETE and MERGE can be, "
	    "each as a statement of its own.");
}

static bool
judge_answer(struct judgement *j, const struct analysis *a, bool *counted)
{
	size_t	 i;

	for (i = 0; i < a->nunits; i++)
		if (is_unbounded(a->units[i].kind))
			return refuse(j, "its answer is capped, and cannot be "
			    "counted", "Send the query itself, as a statement "
			    "of its own.");
	if (is_answer(a->kind))
		*counted = true;
	return true;
}

bool
judge_caps(struct judgement *j, const struct analysis *a)
{
	const struct profile	*p = j->scene->profile;
	struct caps		 caps = j->caps;
	bool			 touches = false, answers = false;

	if (p->observe != 0)
		return true;
	if (any_capped(p) && !judge_prepared(j, a))
		return false;
	caps_lower(&caps, &p->caps);
	if (caps.affected != 0 && !judge_affected(j, a, &touches))
		return false;
	if ((caps.rows != 0 || caps.bytes != 0) &&
	    !judge_answer(j, a, &answers))
		return false;
	if (!touches && !answers)
		return true;
	if (!touches)
		caps.affected = 0;
	if (!answers)
		caps.rows = caps.bytes = 0;
	/* The first of them would be committed, or answered, before the rest. */
	if (j->statements > 1)
		return refuse(j, "what it answers or touches is capped, which "
		    "is done for one statement at a time",
		    "Send the statements one by one.");
	j->out->caps = caps;
	return true;
}
