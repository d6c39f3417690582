/*
 * Evaluation of a profile's rules: pure, in order, the first that fits decides.
 *
 * Runs in the engine.  The rules are the administrator's, the facts come from
 * the parse tree of what a client sent.
 */
#include "rules.h"

#include <string.h>

static bool
kinds_fit(const struct conf_strings *kinds, enum kind k)
{
	size_t	 i;

	if (kinds->n == 0)
		return true;
	for (i = 0; i < kinds->n; i++)
		if (kind_is(k, kinds->v[i]))
			return true;
	return false;
}

static bool
name_fits(const struct conf_strings *globs, const char *name)
{
	size_t	 i, len = strlen(name);

	for (i = 0; i < globs->n; i++)
		if (glob_match(globs->v[i], name, len))
			return true;
	return false;
}

static bool
relations_fit(const struct conf_strings *globs, const char *const *names,
    size_t n, bool deny, bool need_one, bool *unsure)
{
	size_t	 i;

	if (globs->n == 0)
		return true;
	if (n == 0)
		return !deny && !need_one;
	for (i = 0; i < n; i++) {
		if (names[i] == NULL) {
			*unsure = true;
			return deny;
		}
		if (name_fits(globs, names[i]) == deny)
			return deny;
	}
	return !deny;
}

const struct rule *
rules_match(const struct profile *p, const struct rule_facts *f, bool *unsure)
{
	const struct rule	*r;
	bool			 deny;
	size_t			 i;

	for (i = 0; i < p->nrules; i++) {
		r = &p->rules[i];
		/* What restricts fits when one relation does. */
		deny = r->action != RULE_ALLOW;
		if (kinds_fit(&r->kinds, f->kind) &&
		    relations_fit(&r->reads, f->reads, f->nreads, deny,
		    false, unsure) &&
		    relations_fit(&r->writes, f->writes, f->nwrites, deny,
		    true, unsure))
			return r;
	}
	return NULL;
}

bool
rules_harmless(enum kind k)
{
	switch (k) {
	case KIND_BEGIN:
	case KIND_COMMIT:
	case KIND_ROLLBACK:
	case KIND_SAVEPOINT:
	case KIND_EMPTY:
	case KIND_CLOSE:
	case KIND_DEALLOCATE:
		return true;
	default:
		return false;
	}
}

bool
rules_name_relations(const struct profile *p)
{
	size_t	 i;

	for (i = 0; i < p->nrules; i++)
		if (p->rules[i].reads.n > 0 || p->rules[i].writes.n > 0)
			return true;
	return false;
}
