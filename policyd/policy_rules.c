/*
 * `rules:` of a profile in policy.yaml: what happens to a statement that fits
 * a rule's conditions (policy_when.c).  For every process of policyd; see
 * policy.c for what is trusted and how it fails.
 *
 * A sentence that nobody would read, a rule that does nothing: errors.
 */
#include <stdlib.h>
#include <string.h>

#include "policy_impl.h"

#define TAGS_MAX	16

/* In the order of enum rule_action, enum severity and of 0, 1. */
static const char *const actions[] = { "deny", "allow", "hold", "next",
	NULL };
static const char *const severities[] = { "none", "low", "medium", "high",
	NULL };
const char *const policy_modes[] = { "enforce", "observe", NULL };

#define RULE(member)	offsetof(struct rule, member)
/* `name` first: printing begins with it. */
static const struct conf_key rule_keys[] = {
	{ .name = "name", .type = CONF_STRING, .offset = RULE(name) },
	{ .name = "when", .type = CONF_CUSTOM, .parse = policy_later,
	  .sub = &policy_when_sub },
	{ .name = "then", .type = CONF_ENUM, .offset = RULE(action),
	  .choices = actions },
	{ .name = "approval", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_approval_sub },
	{ .name = "message", .type = CONF_STRING, .offset = RULE(message),
	  .dflt = "" },
	{ .name = "hint", .type = CONF_STRING, .offset = RULE(hint),
	  .dflt = "" },
	{ .name = "audit", .type = CONF_STRINGS, .offset = RULE(audit),
	  .dflt = "" },
	{ .name = "severity", .type = CONF_ENUM, .offset = RULE(severity),
	  .dflt = "", .choices = severities },
	{ .name = "score", .type = CONF_INT, .offset = RULE(score),
	  .dflt = "", .min = 1, .max = POLICY_SCORE_MAX },
	{ .name = "caps", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_caps_sub },
	{ .name = "mode", .type = CONF_ENUM, .offset = RULE(observe),
	  .dflt = "", .choices = policy_modes }
};
static const struct conf_sub rule_sub = POLICY_MAP(rule_keys);
const struct conf_sub policy_rules_sub = POLICY_LIST(rule_sub);

/* Tags go into records, in a list: words. */
static int
check_tags(const struct conf *c, const struct conf_node *map,
    const char *where, const struct rule *r, struct conf_error *err)
{
	size_t	 i, n;

	if (policy_texts(c, map, where, "audit", &r->audit, LEN_KEY,
	    err) == -1)
		return -1;
	if (r->audit.n > TAGS_MAX)
		return conf_fail(c, conf_get(map, "audit"), err,
		    "%s.audit: more than %d tags", where, TAGS_MAX);
	for (i = 0; i < r->audit.n; i++) {
		n = strspn(r->audit.v[i], "abcdefghijklmnopqrstuvwxyz"
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-");
		if (r->audit.v[i][n] != '\0')
			return conf_fail(c, policy_item(map, "audit", i), err,
			    "%s.audit: \"%.60s\" is not a tag (letters, "
			    "digits, _ . : -)", where, r->audit.v[i]);
	}
	return 0;
}

/* One that goes on must leave something behind, or it is for nothing. */
static int
check_next(const struct conf *c, const struct conf_node *map,
    const char *where, const struct rule *r, struct conf_error *err)
{
	if (r->action != RULE_NEXT || r->score > 0 || r->audit.n > 0 ||
	    r->severity != SEVERITY_NONE)
		return 0;
	return conf_fail(c, map, err, "%s: with then: next a rule needs a "
	    "score, a severity or audit tags", where);
}

/* Only what does not pass at once has something to say to the client. */
static int
check_sentences(const struct conf *c, const struct conf_node *map,
    const char *where, const struct rule *r, struct conf_error *err)
{
	static const char *const keys[] = { "message", "hint" };
	size_t			 i;

	for (i = 0; i < POLICY_NELEM(keys); i++) {
		if (conf_get(map, keys[i]) == NULL)
			continue;
		if (r->action == RULE_ALLOW ||
		    r->action == RULE_NEXT)
			return conf_fail(c, conf_get(map, keys[i]), err,
			    "%s.%s: only where then is deny or hold", where,
			    keys[i]);
		if (policy_text(c, map, where, keys[i], i == 0 ? r->message :
		    r->hint, LEN_REASON, err) == -1)
			return -1;
	}
	return 0;
}

static int
parse_approval(const struct conf *c, const struct conf_node *rule,
    const char *at, const struct policy *p, struct rule *r,
    struct conf_error *err)
{
	const struct conf_node	*map = conf_get(rule, "approval");
	char			 where[POLICY_WHERE];

	policy_where(where, "%s.approval", at);
	if (r->action != RULE_HOLD)
		return map == NULL ? 0 : conf_fail(c, map, err,
		    "%s: only where then is hold", where);
	if (policy_approval_parse(c, map, where, &r->approval, err) == -1)
		return -1;
	if (r->approval.groups.n == 0 && p->napprovers == 0)
		return conf_fail(c, map == NULL ? rule : map, err,
		    "%s: nobody can approve: name groups here, or "
		    "approvers.unix", where);
	return 0;
}

/* What is refused or goes on has nothing to cap; what only watches caps not. */
static int
parse_caps(const struct conf *c, const struct conf_node *map,
    const char *where, struct rule *r, struct conf_error *err)
{
	if (conf_get(map, "caps") != NULL && (r->observe != 0 ||
	    (r->action != RULE_ALLOW && r->action != RULE_HOLD)))
		return conf_fail(c, conf_get(map, "caps"), err, "%s.caps: "
		    "only where then is allow or hold, and mode is enforce",
		    where);
	return policy_caps_parse(c, map, where, &r->caps, err);
}

/* A statement that is refused as a small one is not asked about. */
static int
check_large(const struct conf *c, const struct conf_node *map,
    const char *where, const struct rule *r, struct conf_error *err)
{
	if (r->action != RULE_ALLOW || !policy_when_large(&r->when))
		return 0;
	return conf_fail(c, conf_get(map, "when"), err, "%s: rows_over and "
	    "cost_over give no leave: put them under not", where);
}

static int
parse_rule(const struct conf *c, const struct conf_node *map,
    const char *where, const struct policy *p, struct profile *pr,
    struct conf_error *err)
{
	struct rule	*r = &pr->rules[pr->nrules++];
	char		 when[POLICY_WHERE];
	size_t		 i;

	r->line = map->line;
	r->col = map->col;
	if (conf_fill(c, map, where, rule_keys, POLICY_NELEM(rule_keys), r,
	    err) == -1 ||
	    policy_text(c, map, where, "name", r->name, LEN_KEY, err) == -1)
		return -1;
	for (i = 0; i + 1 < pr->nrules; i++)
		if (strcmp(pr->rules[i].name, r->name) == 0)
			return conf_fail(c, conf_get(map, "name"), err,
			    "%s.name: \"%s\" is the name of the rule at "
			    "line %d", where, r->name, pr->rules[i].line);
	policy_where(when, "%s.when", where);
	if (policy_when_parse(c, conf_get(map, "when"), when, &r->when,
	    err) == -1 ||
	    check_large(c, map, when, r, err) == -1 ||
	    parse_approval(c, map, where, p, r, err) == -1 ||
	    parse_caps(c, map, where, r, err) == -1 ||
	    check_tags(c, map, where, r, err) == -1 ||
	    check_next(c, map, where, r, err) == -1)
		return -1;
	return check_sentences(c, map, where, r, err);
}

int
policy_rules_parse(const struct conf *c, const struct conf_node *list,
    const char *profile, const struct policy *p, struct profile *pr,
    struct conf_error *err)
{
	char	 where[POLICY_WHERE];
	size_t	 i;

	if (list->kind != CONF_LIST || list->n == 0)
		return conf_fail(c, list, err,
		    "%s.rules: expected a list of rules", profile);
	if ((pr->rules = calloc(list->n, sizeof(*pr->rules))) == NULL)
		return conf_fail(c, list, err, "out of memory");
	for (i = 0; i < list->n; i++) {
		policy_where(where, "%s.rules[%zu]", profile, i);
		if (parse_rule(c, list->items[i], where, p, pr, err) == -1)
			return -1;
	}
	return 0;
}

void
policy_rules_free(struct profile *pr)
{
	size_t	 i;

	for (i = 0; i < pr->nrules; i++) {
		conf_release(rule_keys, POLICY_NELEM(rule_keys),
		    &pr->rules[i]);
		policy_when_free(&pr->rules[i].when);
		policy_approval_free(&pr->rules[i].approval);
	}
	free(pr->rules);
	pr->rules = NULL;
	pr->nrules = 0;
}

void
policy_rules_print(const struct profile *pr, FILE *fp)
{
	const struct rule	*r;
	size_t			 i;

	fputs("    rules:\n", fp);
	for (i = 0; i < pr->nrules; i++) {
		r = &pr->rules[i];
		fputs("      - name: ", fp);
		conf_print_scalar(fp, r->name);
		if (r->when.empty)
			fputs("\n        when: {}\n", fp);
		else
			fputs("\n        when:\n", fp);
		policy_when_print(fp, 10, &r->when);
		conf_print(fp, 8, rule_keys + 1, POLICY_NELEM(rule_keys) - 1,
		    r);
		policy_caps_print(fp, 8, &r->caps);
		if (r->action == RULE_HOLD)
			policy_approval_print(&r->approval, 8, fp);
	}
}
