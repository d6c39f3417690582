/*
 * `approval:` of a rule, `requires:` of a profile, and `approvers:` of
 * policy.yaml: who may decide about what waits.  For every process of policyd; see policy.c for what is trusted
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
	  .choices = in_transactions },
	{ .name = "similar", .type = CONF_DURATION,
	  .offset = APPROVAL(similar), .dflt = "", .min = 1000,
	  .max = 86400000 }
};
const struct conf_sub policy_approval_sub = POLICY_MAP(approval_keys);
/* The last two of them are not for a login. */
#define OF_LOGIN	(POLICY_NELEM(approval_keys) - 2)
static const struct conf_sub login_sub = { .form = CONF_FORM_MAP,
	.keys = approval_keys, .n = OF_LOGIN };

#define PROFILE(member)	offsetof(struct profile, member)
static const struct conf_key requires_keys[] = {
	{ .name = "grant", .type = CONF_BOOL, .offset = PROFILE(needs_grant) },
	{ .name = "approval", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &login_sub },
	{ .name = "for", .type = CONF_DURATION, .offset = PROFILE(grant_for),
	  .dflt = "1h", .min = 1000, .max = 7ull * 86400000 }
};

const struct conf_sub policy_requires_sub = POLICY_MAP(requires_keys);

static const struct conf_sub name_sub = { .form = CONF_FORM_VALUE,
	.type = CONF_STRING };
static const struct conf_sub unix_sub = POLICY_NAMES(name_sub, POLICY_FIT);
static const struct conf_key approvers_keys[] = {
	{ .name = "unix", .type = CONF_CUSTOM, .parse = policy_later,
	  .sub = &unix_sub }
};
const struct conf_sub policy_approvers_sub = POLICY_MAP(approvers_keys);

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

int
policy_requires_parse(const struct conf *c, const struct conf_node *map,
    const char *profile, const struct policy *p, struct profile *pr,
    struct conf_error *err)
{
	const struct conf_node	*approval;
	char			 where[POLICY_WHERE], at[POLICY_WHERE];

	policy_where(where, "%s.requires", profile);
	policy_where(at, "%s.approval", where);
	if (conf_fill(c, map, where, requires_keys,
	    POLICY_NELEM(requires_keys), pr, err) == -1)
		return -1;
	if (!pr->needs_grant)
		return conf_fail(c, conf_get(map, "grant"), err,
		    "%s.grant: false means nothing: leave requires out",
		    where);
	approval = conf_get(map, "approval");
	if (policy_approval_parse(c, approval, at, &pr->grant_approval,
	    err) == -1)
		return -1;
	if (approval != NULL && conf_get(approval, "in_transaction") != NULL)
		return conf_fail(c, conf_get(approval, "in_transaction"), err,
		    "%s: in_transaction: a login is in none", at);
	if (approval != NULL && conf_get(approval, "similar") != NULL)
		return conf_fail(c, conf_get(approval, "similar"), err,
		    "%s: similar: only of statements", at);
	if (pr->grant_approval.groups.n == 0 && p->napprovers == 0)
		return conf_fail(c, approval == NULL ? map : approval, err,
		    "%s: nobody can approve: name groups here, or "
		    "approvers.unix", at);
	return 0;
}

void
policy_requires_free(struct profile *pr)
{
	policy_approval_free(&pr->grant_approval);
}

void
policy_requires_print(const struct profile *pr, FILE *fp)
{
	if (!pr->needs_grant)
		return;
	policy_print_key(fp, 4, "requires");
	conf_print(fp, 6, requires_keys, POLICY_NELEM(requires_keys), pr);
	policy_print_key(fp, 6, "approval");
	conf_print(fp, 8, approval_keys, OF_LOGIN, &pr->grant_approval);
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
