/*
 * What policyctl learn has seen, as rules of a profile.
 *
 * Runs in policyctl.  Pure.
 */
#include "learnrules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The set in order; nothing where there is none. */
static int
globs(const json_t *set, struct conf_strings *out)
{
	const char	*key;
	json_t		*v;

	if (json_object_size(set) == 0)
		return 0;
	out->v = calloc(json_object_size(set), sizeof(*out->v));
	if (out->v == NULL)
		return -1;
	json_object_foreach((json_t *)(uintptr_t)set, key, v)
		if ((out->v[out->n++] = strdup(key)) == NULL)
			return -1;
	qsort(out->v, out->n, sizeof(*out->v), compare);
	return 0;
}

static int
one(struct conf_strings *out, const char *s)
{
	if ((out->v = calloc(1, sizeof(*out->v))) == NULL)
		return -1;
	out->n = 1;
	return (out->v[0] = strdup(s)) == NULL ? -1 : 0;
}

/* Could such a statement read, write or call something? */
static bool
touches(enum kind k)
{
	switch (k) {
	case KIND_SHOW:
	case KIND_FETCH:
	case KIND_SET:
	case KIND_RESET:
	case KIND_DISCARD:
	case KIND_LISTEN:
	case KIND_NOTIFY:
		return false;
	default:
		return true;
	}
}

/* `not: {any: ...}`: of what was never done, anything. */
static int
nothing_else(struct cond *w, const struct learned *l, bool writes)
{
	struct cond	*any;

	if (l->reads != NULL && l->reads_columns != NULL &&
	    l->functions != NULL && (!writes || l->writes_columns != NULL ||
	    l->writes == NULL))
		return 0;
	if ((w->not = calloc(1, sizeof(*w->not))) == NULL ||
	    (w->not->any = calloc(4, sizeof(*any))) == NULL)
		return -1;
	any = w->not->any;
	if (l->reads == NULL && one(&any[w->not->nany++].reads, "*.*") == -1)
		return -1;
	/* Columns of what is written are read too. */
	if (l->reads_columns == NULL &&
	    one(&any[w->not->nany++].reads_columns, "*.*.*") == -1)
		return -1;
	if (writes && l->writes != NULL && l->writes_columns == NULL &&
	    one(&any[w->not->nany++].writes_columns, "*.*.*") == -1)
		return -1;
	if (l->functions == NULL &&
	    one(&any[w->not->nany++].functions, "*") == -1)
		return -1;
	return 0;
}

static int
make_rule(struct rule *r, enum kind k, const struct learned *l)
{
	bool	 writes = (kind_groups(k) & KIND_G_WRITE) != 0;

	r->action = RULE_ALLOW;
	if (asprintf(&r->name, "learned-%s", kind_name(k)) == -1) {
		r->name = NULL;
		return -1;
	}
	if (one(&r->when.kinds, kind_name(k)) == -1 ||
	    globs(l->reads, &r->when.reads) == -1 ||
	    globs(l->writes, &r->when.writes) == -1 ||
	    globs(l->reads_columns, &r->when.reads_columns) == -1 ||
	    globs(l->functions, &r->when.functions) == -1)
		return -1;
	if (writes && globs(l->writes_columns, &r->when.writes_columns) == -1)
		return -1;
	if (l->keyed == l->n)
		r->when.keyed = TRI_TRUE;
	return touches(k) ? nothing_else(&r->when, l, writes) : 0;
}

int
learnrules_make(struct profile *p, const struct learned by[NKINDS])
{
	unsigned int	 i;

	if ((p->rules = calloc(NKINDS, sizeof(*p->rules))) == NULL)
		return -1;
	for (i = 0; i < NKINDS; i++) {
		if (by[i].n == 0 || rules_harmless((enum kind)i))
			continue;
		if (make_rule(&p->rules[p->nrules++], (enum kind)i,
		    &by[i]) == -1)
			return -1;
	}
	return 0;
}

void
learnrules_clear(struct learned *l)
{
	json_decref(l->reads);
	json_decref(l->writes);
	json_decref(l->reads_columns);
	json_decref(l->writes_columns);
	json_decref(l->functions);
	memset(l, 0, sizeof(*l));
}
