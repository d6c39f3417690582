/*
 * `approval:` of a rule, and `approvers:` of policy.yaml: who may decide about
 * what waits.  For every process of policyd; see policy.c for what is trusted
 * and how it fails.
 */
#include <stdlib.h>
#include <string.h>

#include "policy_impl.h"

#define GROUP_MAX	255

/* In the order of enum in_transaction. */
static const char *const in_transactions[] = { "hold", "deny", NULL };

#define APPROVAL(member)	offsetof(struct approval, member)
static const struct conf_key approval_keys[] = {
	{ .name = "groups", .type = CONF_STRINGS, .offset = APPROVAL(groups),
	  .dflt = "" },
	{ .name = "minimum", .type = CONF_INT, .offset = APPROVAL(minimum),
	  .dflt = "1", .min = 1, .max = 10 },
	{ .name = "within", .type = CONF_DURATION,
	  .offset = APPROVAL(within), .dflt = "10m", .min = 1000,
	  .max = 86400000 },
	{ .name = "in_transaction", .type = CONF_ENUM,
	  .offset = APPROVAL(in_transaction), .dflt = "hold",
	  .choices = in_transactions }
};

static const struct conf_key approvers_keys[] = {
	{ .name = "unix", .type = CONF_CUSTOM, .parse = policy_later }
};

int
policy_approval_parse(const struct conf *c, const struct conf_node *map,
    const char *where, struct approval *a, struct conf_error *err)
{
	static const struct conf_node	empty = { .kind = CONF_MAP };

	if (conf_fill(c, map == NULL ? &empty : map, where, approval_keys,
	    POLICY_NELEM(approval_keys), a, err) == -1)
		return -1;
	return map == NULL ? 0 : policy_texts(c, map, where, "groups",
	    &a->groups, GROUP_MAX, err);
}

void
policy_approval_free(struct approval *a)
{
	conf_release(approval_keys, POLICY_NELEM(approval_keys), a);
}

void
policy_approval_print(const struct approval *a, int indent, FILE *fp)
{
	policy_print_key(fp, indent, "approval");
	conf_print(fp, indent + 2, approval_keys,
	    POLICY_NELEM(approval_keys), a);
}

static int
parse_unix(const struct conf *c, const struct conf_node *map,
    struct policy *p, struct conf_error *err)
{
	struct unix_approver	*u;
	size_t			 i;

	if (map->kind != CONF_MAP || map->n == 0)
		return conf_fail(c, map, err, "approvers.unix: expected a map "
		    "of local users to names in the record");
	if ((p->approvers = calloc(map->n, sizeof(*u))) == NULL)
		return conf_fail(c, map, err, "out of memory");
	for (i = 0; i < map->n; i++) {
		if (policy_entry(c, map, i, "approvers.unix", err) == -1)
			return -1;
		u = &p->approvers[p->napprovers++];
		if ((u->user = strdup(map->keys[i])) == NULL)
			return conf_fail(c, map, err, "out of memory");
		if (conf_string(c, map->items[i], &u->name, err) == -1 ||
		    policy_text(c, map, "approvers.unix", map->keys[i],
		    u->name, GROUP_MAX, err) == -1)
			return -1;
	}
	return 0;
}

int
policy_approvers_parse(const struct conf *c, const struct conf_node *map,
    struct policy *p, struct conf_error *err)
{
	if (map == NULL)
		return 0;
	if (conf_fill(c, map, "approvers", approvers_keys,
	    POLICY_NELEM(approvers_keys), p, err) == -1)
		return -1;
	return parse_unix(c, conf_get(map, "unix"), p, err);
}

void
policy_approvers_free(struct policy *p)
{
	size_t	 i;

	for (i = 0; i < p->napprovers; i++) {
		free(p->approvers[i].user);
		free(p->approvers[i].name);
	}
	free(p->approvers);
	p->approvers = NULL;
	p->napprovers = 0;
}

void
policy_approvers_print(const struct policy *p, FILE *fp)
{
	size_t	 i;

	if (p->napprovers == 0)
		return;
	fputs("\napprovers:\n  unix:\n", fp);
	for (i = 0; i < p->napprovers; i++) {
		fprintf(fp, "    %s: ", p->approvers[i].user);
		conf_print_scalar(fp, p->approvers[i].name);
		putc('\n', fp);
	}
}
