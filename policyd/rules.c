/*
 * Evaluation of a profile's rules: pure, in order.
 *
 * Runs in the engine.  The rules are the administrator's, the facts come from
 * the parse tree of what a client sent.  Every condition can be asked in two
 * ways, wide and strict (rules.h); the answers are the same wherever all is
 * known and there is one of each thing.
 */
#include "rules.h"

#include <stdio.h>
#include <string.h>

#include "claims.h"
#include "hours.h"
#include "match.h"
#include "network.h"

struct eval {
	const struct rule_facts	*f;
	struct rules_seen	*seen;
};

static bool	holds(struct eval *, const struct cond *, bool wide);

static bool
name_fits(const struct conf_strings *globs, const char *name)
{
	size_t	 i, len = strlen(name);

	for (i = 0; i < globs->n; i++)
		if (glob_match(globs->v[i], name, len))
			return true;
	return false;
}

/* What is not known: it holds where that is the safe side. */
static bool
unknown(struct eval *e, bool wide)
{
	e->seen->unsure = true;
	return wide;
}

/* --- relations ------------------------------------------------------------- */

static bool
relations_hold(struct eval *e, const struct conf_strings *globs,
    const char *const *names, size_t n, bool wide, bool need_one)
{
	size_t	 i;

	if (n == 0)
		return !wide && !need_one;
	for (i = 0; i < n; i++) {
		if (names[i] == NULL)
			return unknown(e, wide);
		if (name_fits(globs, names[i]) == wide)
			return wide;
	}
	return !wide;
}

/* --- columns --------------------------------------------------------------- */

static bool
column_fits(const struct conf_strings *globs, const struct cat_rel *rel,
    const struct cat_col *col)
{
	char	 name[256];

	snprintf(name, sizeof(name), "%s.%s.%s", rel->schema, rel->name,
	    col->name);
	return name_fits(globs, name);
}

static bool
columns_hold(struct eval *e, const struct conf_strings *globs, uint8_t how,
    bool wide)
{
	const struct rule_facts	*f = e->f;
	const struct fact_cols	*c;
	const struct cat_rel	*rel;
	size_t			 i, k, n = 0;

	if (f->facts == NULL || f->analysis == NULL)
		return unknown(e, wide);
	for (i = 0; i < f->analysis->nrefs; i++) {
		c = &f->facts->cols[i];
		rel = f->analysis->refs[i].rel;
		if (rel == NULL) {
			if ((c->some & how) != 0)
				return unknown(e, wide);
			continue;
		}
		for (k = 0; k < rel->ncols; k++) {
			if (c->cols == NULL || (c->cols[k] & how) == 0)
				continue;
			n++;
			if (column_fits(globs, rel, &rel->cols[k]) == wide)
				return wide;
		}
	}
	return n == 0 ? !wide && how == FACT_READ : !wide;
}

/* --- functions ------------------------------------------------------------- */

/* A glob with a dot is of schema and name, one without of the name. */
static bool
glob_fits(const char *glob, const struct fact_call *c, bool wide)
{
	size_t	 i;

	if (strchr(glob, '.') == NULL)
		return glob_match(glob, c->name, strlen(c->name));
	for (i = 0; i < c->nfull; i++)
		if (glob_match(glob, c->full[i], strlen(c->full[i])) == wide)
			return wide;
	return !wide && c->nfull > 0;
}

static bool
call_fits(const struct cond *w, const struct fact_call *c, bool wide)
{
	size_t	 i;

	if (w->function_class.n > 0 &&
	    ((wide ? c->may : c->must) & w->classes) == 0)
		return false;
	for (i = 0; i < w->functions.n; i++)
		if (glob_fits(w->functions.v[i], c, wide))
			return true;
	return w->functions.n == 0;
}

static bool
functions_hold(struct eval *e, const struct cond *w, bool wide)
{
	const struct fact_call	*c;

	if (e->f->facts == NULL)
		return unknown(e, wide);
	for (c = e->f->facts->calls; c != NULL; c = c->next)
		if (call_fits(w, c, wide) == wide)
			return wide;
	return !wide;
}

/* --- the rest --------------------------------------------------------------- */

static bool
keyed_holds(struct eval *e, int want, bool wide)
{
	switch (e->f->unit.keyed) {
	case KEYED_NONE:
		return false;
	case KEYED_UNKNOWN:
		return unknown(e, wide);
	case KEYED_NO:
		return want == TRI_FALSE;
	default:
		return want == TRI_TRUE;
	}
}

static bool
moment_holds(struct eval *e, int want, bool wide)
{
	e->seen->looks |= LOOK_MOMENT;
	return e->f->in_transaction == TRI_ANY ? wide :
	    (int)e->f->in_transaction == want;
}

/* What could not be had counts as more than any number. */
static bool
estimate_holds(struct eval *e, const struct cond *w, bool wide)
{
	const struct estimate	*s = &e->f->estimate;

	if (s->state == ESTIMATE_PLAINLY)
		return false;
	e->seen->looks |= LOOK_ESTIMATE;
	if (s->state == ESTIMATE_NONE)
		return false;
	if (s->state == ESTIMATE_FAILED)
		return wide;
	return (w->rows_over == 0 || s->rows > w->rows_over) &&
	    (w->cost_over == 0 || s->cost > w->cost_over);
}

static bool
hours_hold(struct eval *e, const struct cond *w, bool wide)
{
	size_t	 i;

	e->seen->looks |= LOOK_MOMENT;
	if (e->f->now == 0)
		return wide;
	if (hours_left(w->hours, w->nhours, e->f->now, 1) > 0)
		return true;
	/* A zone that went away with its file tells nothing. */
	for (i = 0; i < w->nhours; i++)
		if (!hours_zone_known(w->hours[i].zone))
			return wide;
	return false;
}

static bool
text_holds(struct eval *e, const struct cond *w, bool wide)
{
	if (e->f->text == NULL)
		return wide;
	switch (match_text(w->re, e->f->text, e->f->len)) {
	case MATCH_YES:
		return true;
	case MATCH_NO:
		return false;
	default:
		return wide;
	}
}

static bool
session_holds(struct eval *e, const struct cond *w, bool wide)
{
	const struct asker	*a = e->f->asker;
	size_t			 i;

	e->seen->looks |= LOOK_SESSION;
	if (w->application.n > 0) {
		if (a == NULL || a->application == NULL) {
			if (!wide)
				return false;
		} else if (!name_fits(&w->application, a->application))
			return false;
	}
	if (w->client.n > 0) {
		if (a == NULL || a->client == NULL) {
			if (!wide)
				return false;
		} else if (!network_any(w->nets, w->client.n, a->client))
			return false;
	}
	if (w->nclaims > 0 && (a == NULL || a->claims == NULL))
		return wide;
	for (i = 0; i < w->nclaims; i++)
		if (!claims_value_fits(claims_pointer(a->claims,
		    w->claims[i].pointer), &w->claims[i].values))
			return false;
	return true;
}

static bool
names_hold(struct eval *e, const struct cond *w, bool wide)
{
	const struct rule_facts	*f = e->f;

	return (w->reads.n == 0 || relations_hold(e, &w->reads, f->reads,
	    f->nreads, wide, false)) &&
	    (w->writes.n == 0 || relations_hold(e, &w->writes, f->writes,
	    f->nwrites, wide, true)) &&
	    (w->deletes.n == 0 || relations_hold(e, &w->deletes, f->writes,
	    f->unit.deletes ? f->nwrites : 0, wide, true)) &&
	    (w->reads_columns.n == 0 || columns_hold(e, &w->reads_columns,
	    FACT_READ, wide)) &&
	    (w->writes_columns.n == 0 || columns_hold(e, &w->writes_columns,
	    FACT_WRITTEN, wide)) &&
	    (w->functions.n + w->function_class.n == 0 ||
	    functions_hold(e, w, wide));
}

static bool
nested_hold(struct eval *e, const struct cond *w, bool wide)
{
	size_t	 i;

	for (i = 0; i < w->nall; i++)
		if (!holds(e, &w->all[i], wide))
			return false;
	for (i = 0; i < w->nany; i++)
		if (holds(e, &w->any[i], wide))
			break;
	if (w->nany > 0 && i == w->nany)
		return false;
	return w->not == NULL || !holds(e, w->not, !wide);
}

/* What is cheap and certain comes first: it may spare the rest. */
static bool
holds(struct eval *e, const struct cond *w, bool wide)
{
	return (w->kinds.n == 0 || kind_set_has(&w->kind_set, e->f->kind)) &&
	    (w->statements_over == 0 ||
	    e->f->statements > w->statements_over) &&
	    (w->keyed == TRI_ANY || keyed_holds(e, w->keyed, wide)) &&
	    names_hold(e, w, wide) &&
	    (w->text == NULL || text_holds(e, w, wide)) &&
	    (w->nclaims + w->application.n + w->client.n == 0 ||
	    session_holds(e, w, wide)) &&
	    (w->in_transaction == TRI_ANY ||
	    moment_holds(e, w->in_transaction, wide)) &&
	    (w->nhours == 0 || hours_hold(e, w, wide)) &&
	    nested_hold(e, w, wide) &&
	    (w->rows_over + w->cost_over == 0 || estimate_holds(e, w, wide));
}

const struct rule *
rules_next(const struct profile *p, size_t *at, const struct rule_facts *f,
    struct rules_seen *seen)
{
	struct eval		 e = { f, seen };
	const struct rule	*r;

	while (*at < p->nrules) {
		r = &p->rules[(*at)++];
		if (holds(&e, &r->when, r->action != RULE_ALLOW))
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

unsigned int
rules_look(const struct profile *p)
{
	unsigned int	 l = 0;
	size_t		 i;

	for (i = 0; i < p->nrules; i++)
		l |= p->rules[i].when.looks;
	return l;
}

bool
rules_open(const struct profile *p)
{
	return p->nrules > 0 && p->rules[0].when.empty &&
	    p->rules[0].action == RULE_ALLOW && p->rules[0].observe == 0 &&
	    p->nmasks == 0 && p->deny_over == 0 && !caps_any(&p->caps) &&
	    !caps_any(&p->rules[0].caps);
}

bool
rules_hold(const struct profile *p)
{
	size_t	 i;

	for (i = 0; i < p->nrules && p->observe == 0; i++)
		if (p->rules[i].action == RULE_HOLD &&
		    p->rules[i].observe == 0)
			return true;
	return false;
}
