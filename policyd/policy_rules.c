/*
 * `rules:` of a profile in policy.yaml: conditions over what a statement is
 * and touches, and what then happens.  For every process of policyd; see
 * policy.c for what is trusted and how it fails.
 *
 * A kind that does not exist, a relation without its schema, a sentence that
 * nobody would read: errors, since a rule that never fits is one that somebody
 * believes in.
 */
#include <stdlib.h>
#include <string.h>

#include "kinds.h"
#include "policy_impl.h"

#define RELATION_MAX	(2 * LEN_NAME + 1)

/* In the order of enum rule_action. */
static const char *const actions[] = { "deny", "allow", "hold", NULL };

#define RULE(member)	offsetof(struct rule, member)
/* `name` first: printing begins with it. */
static const struct conf_key rule_keys[] = {
	{ .name = "name", .type = CONF_STRING, .offset = RULE(name) },
	{ .name = "when", .type = CONF_CUSTOM, .parse = policy_later },
	{ .name = "then", .type = CONF_ENUM, .offset = RULE(action),
	  .choices = actions },
	{ .name = "approval", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later },
	{ .name = "message", .type = CONF_STRING, .offset = RULE(message),
	  .dflt = "" },
	{ .name = "hint", .type = CONF_STRING, .offset = RULE(hint),
	  .dflt = "" }
};
static const struct conf_key when_keys[] = {
	{ .name = "kind", .type = CONF_STRINGS, .offset = RULE(kinds),
	  .dflt = "" },
	{ .name = "reads", .type = CONF_STRINGS, .offset = RULE(reads),
	  .dflt = "" },
	{ .name = "writes", .type = CONF_STRINGS, .offset = RULE(writes),
	  .dflt = "" }
};

static int
check_relations(const struct conf *c, const struct conf_node *map,
    const char *where, const char *key, const struct conf_strings *s,
    struct conf_error *err)
{
	size_t	 i;

	if (policy_texts(c, map, where, key, s, RELATION_MAX, err) == -1)
		return -1;
	for (i = 0; i < s->n; i++)
		if (!policy_dotted(s->v[i], 2))
			return conf_fail(c, policy_item(map, key, i), err,
			    "%s.%s: \"%s\" is not of the form schema.relation",
			    where, key, s->v[i]);
	return 0;
}

static int
parse_when(const struct conf *c, const struct conf_node *map,
    const char *rule, struct rule *r, struct conf_error *err)
{
	char	 where[POLICY_WHERE];
	size_t	 i;

	policy_where(where, "%s.when", rule);
	if (conf_fill(c, map, where, when_keys, POLICY_NELEM(when_keys), r,
	    err) == -1)
		return -1;
	for (i = 0; i < r->kinds.n; i++)
		if (!kind_known(r->kinds.v[i]))
			return conf_fail(c, policy_item(map, "kind", i), err,
			    "%s.kind: unknown kind \"%.60s\"", where,
			    r->kinds.v[i]);
	if (check_relations(c, map, where, "reads", &r->reads, err) == -1 ||
	    check_relations(c, map, where, "writes", &r->writes, err) == -1)
		return -1;
	return 0;
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
		if (r->action == RULE_ALLOW)
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

static int
parse_rule(const struct conf *c, const struct conf_node *map,
    const char *where, const struct policy *p, struct profile *pr,
    struct conf_error *err)
{
	struct rule	*r = &pr->rules[pr->nrules++];
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
	if (parse_when(c, conf_get(map, "when"), where, r, err) == -1 ||
	    parse_approval(c, map, where, p, r, err) == -1)
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
		conf_release(when_keys, POLICY_NELEM(when_keys),
		    &pr->rules[i]);
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
		if (r->kinds.n + r->reads.n + r->writes.n == 0)
			fputs("\n        when: {}\n", fp);
		else
			fputs("\n        when:\n", fp);
		conf_print(fp, 10, when_keys, POLICY_NELEM(when_keys), r);
		conf_print(fp, 8, rule_keys + 1, POLICY_NELEM(rule_keys) - 1,
		    r);
		if (r->action == RULE_HOLD)
			policy_approval_print(&r->approval, 8, fp);
	}
}
