/*
 * The rules' part of a judgement: each unit of a statement needs leave, and
 * what the rules say on the way (tags, score, what was only observed) goes
 * into the verdict.
 *
 * Runs in the engine.  Pure.  Out of memory is a denial.
 */
#include "judge_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "facts.h"

/* --- denials ----------------------------------------------------------- */

/* A message was cut at its buffer's end: not within a character. */
static void
trim_utf8(char *s)
{
	size_t	 n = strlen(s), k = n;

	while (k > 0 && n - k < 4 && ((unsigned char)s[k - 1] & 0xc0) == 0x80)
		k--;
	if (k == 0 || (unsigned char)s[k - 1] < 0xc0)
		return;		/* ASCII, or nothing to be mended */
	k--;
	if (n - k < ((unsigned char)s[k] >= 0xf0 ? 4u :
	    (unsigned char)s[k] >= 0xe0 ? 3u : 2u))
		s[k] = '\0';
}

void
judge_deny(struct verdict *v, const char *rule, const char *sqlstate,
    const char *fmt, ...)
{
	va_list	 ap;

	v->action = VERDICT_DENY;
	v->rule = rule;
	snprintf(v->sqlstate, sizeof(v->sqlstate), "%s", sqlstate);
	va_start(ap, fmt);
	vsnprintf(v->message, sizeof(v->message), fmt, ap);
	va_end(ap);
	trim_utf8(v->message);
}

static void
deny_rule(struct verdict *v, const struct rule *r)
{
	if (r->message != NULL)
		judge_deny(v, r->name, "42501", "refused by rule \"%s\": %s",
		    r->name, r->message);
	else
		judge_deny(v, r->name, "42501",
		    "statement refused by rule \"%s\"",
		    r->name);
	v->rule_line = r->line;
	v->hint = r->hint;
}

/* --- rules ------------------------------------------------------------- */

void
judge_append(char *list, size_t size, const char *fmt, ...)
{
	size_t	 n = strlen(list), sep = n > 0 ? 2 : 0;
	va_list	 ap;
	int	 k;

	if (n + sep >= size)
		return;
	va_start(ap, fmt);
	k = vsnprintf(list + n + sep, size - n - sep, fmt, ap);
	va_end(ap);
	if (k < 0 || (size_t)k >= size - n - sep)
		list[n] = '\0';
	else if (sep > 0)
		memcpy(list + n, ", ", 2);
}

/* Is it one of "a, b, c"? */
static bool
listed(const char *list, const char *word)
{
	const char	*p;
	size_t		 n = strlen(word);

	for (p = list; (p = strstr(p, word)) != NULL; p += n)
		if ((p == list || p[-1] == ' ') &&
		    (p[n] == '\0' || p[n] == ','))
			return true;
	return false;
}

/* What a rule that fits leaves behind, whatever it decides. */
static void
note_rule(struct verdict *v, const struct rule *r)
{
	size_t	 i;

	for (i = 0; i < r->audit.n; i++)
		if (!listed(v->tags, r->audit.v[i]))
			judge_append(v->tags, sizeof(v->tags),
			    "%s", r->audit.v[i]);
	if (r->severity > (int)v->severity)
		v->severity = (enum severity)r->severity;
}

void
judge_observed(struct verdict *v, const char *rule)
{
	if (!listed(v->observed, rule))
		judge_append(v->observed, sizeof(v->observed), "%s", rule);
}

/*
 * The rule that decides, NULL when none does.  Rules that only count or only
 * watch have been noted on the way; a rule counts once in a statement, which
 * `counted`, a bit for each, keeps.
 */
static const struct rule *
decide(struct judgement *j, const struct rule_facts *f, uint8_t *counted)
{
	const struct profile	*p = j->scene->profile;
	const struct rule	*r;
	size_t			 at = 0, k;

	while ((r = rules_next(p, &at, f, &j->seen)) != NULL) {
		note_rule(j->out, r);
		k = at - 1;
		if ((counted[k / 8] & 1 << k % 8) == 0) {
			counted[k / 8] |= (uint8_t)(1 << k % 8);
			j->out->score += r->score;
		}
		if (r->action == RULE_NEXT)
			continue;
		if (r->observe == 0)
			return r;
		if (r->action != RULE_ALLOW)
			judge_observed(j->out, r->name);
	}
	return NULL;
}

/* What the profile says where no rule does, or a rule that refuses. */
static bool
refuse_unit(struct judgement *j, const struct rule *r, enum kind k)
{
	const struct profile	*p = j->scene->profile;

	if (p->observe != 0) {
		judge_observed(j->out, r != NULL ? r->name : "(default)");
		if (j->out->rule == NULL)
			j->out->rule = "(observe)";
		return true;
	}
	if (r != NULL)
		deny_rule(j->out, r);
	else
		judge_deny(j->out, "(default)", "42501",
		    "statement refused: no rule "
		    "of profile \"%s\" allows %s", p->key, kind_name(k));
	return false;
}

/* One part of a statement: false when it is denied, and then it is said. */
static bool
judge_unit(struct judgement *j, const struct analysis *a, size_t i,
    struct rule_facts *f, uint8_t *counted)
{
	const struct unit	*u = &a->units[i];
	const struct rule	*r;
	const char		**writes;
	size_t			 k;

	f->kind = u->kind;
	f->nwrites = 0;
	if (u->w1 > u->w0) {
		writes = arena_alloc(&j->arena,
		    (u->w1 - u->w0) * sizeof(*writes));
		if (writes == NULL) {
			judge_deny(j->out, "(default)", "53200",
			    "out of memory");
			return false;
		}
		for (k = u->w0; k < u->w1 && k < a->nrefs; k++)
			if (a->refs[k].write)
				writes[f->nwrites++] = a->refs[k].name;
		f->writes = writes;
	}
	memset(&f->unit, 0, sizeof(f->unit));
	if (f->facts != NULL && f->facts->units != NULL)
		f->unit = f->facts->units[i];
	r = decide(j, f, counted);
	if (r == NULL && rules_harmless(u->kind)) {
		if (j->out->rule == NULL)
			j->out->rule = "(default)";
		return true;
	}
	if (r == NULL || r->action == RULE_DENY)
		return refuse_unit(j, r, u->kind);
	if (r->action == RULE_HOLD && j->scene->profile->observe != 0) {
		judge_observed(j->out, r->name);
		if (j->out->rule == NULL)
			j->out->rule = "(observe)";
		return true;
	}
	/* What holds one part holds all of the text. */
	if (j->out->rule == NULL || j->out->rule_line == 0 ||
	    (r->action == RULE_HOLD && (j->out->flags & VERDICT_HOLD) == 0)) {
		j->out->rule = r->name;
		j->out->rule_line = r->line;
	}
	if (r->action == RULE_HOLD)
		j->out->flags |= VERDICT_HOLD;
	caps_lower(&j->caps, &r->caps);
	if (caps_any(&r->caps))
		j->capped = r;
	return true;
}

static bool
no_memory(struct judgement *j)
{
	judge_deny(j->out, "(default)", "53200", "out of memory");
	return false;
}

bool
judge_rules(struct judgement *j, const struct analysis *a,
    const PgQuery__Node *stmt)
{
	struct rule_facts	 f;
	struct facts		 facts;
	const char		**reads = NULL;
	uint8_t			*counted;
	size_t			 i, n = j->scene->profile->nrules / 8 + 1;

	memset(&f, 0, sizeof(f));
	memset(&j->caps, 0, sizeof(j->caps));
	j->capped = NULL;
	if ((counted = arena_alloc(&j->arena, n)) == NULL)
		return no_memory(j);
	memset(counted, 0, n);
	if (j->scene->relations && a->nrefs > 0) {
		reads = arena_alloc(&j->arena, a->nrefs * sizeof(*reads));
		if (reads == NULL)
			return no_memory(j);
		for (i = 0; i < a->nrefs; i++)
			if (!a->refs[i].write)
				reads[f.nreads++] = a->refs[i].name;
		f.reads = reads;
	}
	if (stmt != NULL && (j->scene->looks & (LOOK_COLUMNS |
	    LOOK_FUNCTIONS | LOOK_KEYED)) != 0) {
		facts_collect(&facts, a, stmt, j->scene->looks);
		if (facts.nomem)
			return no_memory(j);
		f.facts = &facts;
		f.analysis = a;
	} else if (a->nunits > 0 && a->units[0].kind == KIND_EMPTY) {
		/* No statement: it is known to do nothing. */
		memset(&facts, 0, sizeof(facts));
		f.facts = &facts;
		f.analysis = a;
	}
	f.text = j->ask->text;
	f.len = j->ask->len;
	f.statements = j->statements;
	f.in_transaction = j->ask->in_transaction;
	f.now = j->ask->now;
	f.asker = j->ask->asker;
	f.estimate = j->ask->estimate;
	j->estimable = judge_estimable(j, a);
	if (judge_plain(a))
		f.estimate.state = ESTIMATE_PLAINLY;
	for (i = 0; i < a->nunits; i++)
		if (!judge_unit(j, a, i, &f, counted))
			return false;
	return true;
}
