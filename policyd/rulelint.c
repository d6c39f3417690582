/*
 * Rules that stand in the shadow of others: policyd -n, policyctl lint.
 *
 * Pure but for what it prints.  The policy is the administrator's.  A rule is
 * never reached when a rule before it, which decides, fits everything that it
 * fits.  That is said only where it is certain: of a rule with no condition,
 * of rules that look at kinds alone, and of one with the same conditions
 * that takes them in the same way, widely or strictly (rules.h).
 */
#include "rulelint.h"

#include <stdlib.h>
#include <string.h>

#include "policy_impl.h"

/* By kind: the first rule that decides by the kind alone. */
struct shadow {
	const struct rule	*by[NKINDS];
};

static bool
decides(const struct rule *r)
{
	return r->action != RULE_NEXT && r->observe == 0;
}

static bool
kinds_only(const struct cond *w)
{
	return w->looks == 0 && w->statements_over == 0 && w->text == NULL &&
	    w->nany + w->nall == 0 && w->not == NULL;
}

/* Whatever else it asks for, it is of one of these. */
static bool
may_be(const struct cond *w, enum kind k)
{
	return w->kinds.n == 0 || kind_set_has(&w->kind_set, k);
}

/* The last of the rules that together leave it no kind; NULL: some is left. */
static const struct rule *
covered(const struct shadow *s, const struct rule *r)
{
	const struct rule	*by = NULL;
	unsigned int		 k;

	for (k = 0; k < NKINDS; k++) {
		if (!may_be(&r->when, (enum kind)k))
			continue;
		if (s->by[k] == NULL)
			return NULL;
		if (by == NULL || s->by[k]->line > by->line)
			by = s->by[k];
	}
	return by;
}

static void
cast(struct shadow *s, const struct rule *r)
{
	unsigned int	 k;

	for (k = 0; k < NKINDS; k++)
		if (s->by[k] == NULL && may_be(&r->when, (enum kind)k))
			s->by[k] = r;
}

/* The conditions as they would be printed; to free(). */
static char *
conditions(const struct rule *r)
{
	char	*text = NULL;
	size_t	 len;
	FILE	*fp = open_memstream(&text, &len);

	if (fp == NULL)
		return NULL;
	policy_when_print(fp, 0, &r->when);
	if (fclose(fp) == 0)
		return text;
	free(text);
	return NULL;
}

/* -1: no memory. */
static int
same_before(const struct profile *p, size_t i, const struct rule **by)
{
	const struct rule	*r = &p->rules[i], *b;
	char			*mine = conditions(r), *its;
	size_t			 k;

	*by = NULL;
	for (k = 0; k < i && mine != NULL && *by == NULL; k++) {
		b = &p->rules[k];
		if (!decides(b) || (b->action == RULE_ALLOW) !=
		    (r->action == RULE_ALLOW))
			continue;
		if ((its = conditions(b)) == NULL)
			break;
		if (strcmp(mine, its) == 0)
			*by = b;
		free(its);
	}
	free(mine);
	return mine == NULL || (k < i && *by == NULL) ? -1 : 0;
}

static size_t
profile_lint(const char *path, const struct profile *p, FILE *fp)
{
	const struct rule	*r, *by;
	struct shadow		 s;
	size_t			 i, n = 0;

	memset(&s, 0, sizeof(s));
	for (i = 0; i < p->nrules; i++) {
		r = &p->rules[i];
		if ((by = covered(&s, r)) == NULL &&
		    same_before(p, i, &by) == -1)
			return SIZE_MAX;
		if (by != NULL) {
			fprintf(fp, "%s:%d:%d: rule \"%s\" of profile \"%s\" "
			    "is never reached: \"%s\" at line %d has decided "
			    "before it\n", path, r->line, r->col, r->name,
			    p->key, by->name, by->line);
			n++;
		}
		if (decides(r) && kinds_only(&r->when))
			cast(&s, r);
	}
	return n;
}

size_t
rulelint(const char *path, const struct policy *policy, FILE *fp)
{
	size_t	 i, n = 0, k;

	for (i = 0; i < policy->nprofiles; i++) {
		k = profile_lint(path, &policy->profiles[i], fp);
		if (k == SIZE_MAX)
			return k;
		n += k;
	}
	return n;
}
