/*
 * `masks:` of policy.yaml: named sets of rules, each a list of column globs
 * and what is shown instead.  For every process of policyd; see policy.c for
 * what is trusted and how it fails.
 *
 * A glob that can fit no column (one that has not the four parts database,
 * schema, relation and column; a tag without a colon) is an error: it would mask nothing, silently.
 */
#include <stdlib.h>
#include <string.h>

#include "policy_impl.h"

#define GLOB_MAX	(4 * LEN_NAME + 3)
#define KEEP_MAX	1000
#define WIDTH_MAX	1000000000000000ULL

#define MASK(member)	offsetof(struct mask_rule, member)
static const struct conf_key partial_keys[] = {
	{ .name = "keep_domain", .type = CONF_BOOL,
	  .offset = MASK(keep_domain), .dflt = "" },
	{ .name = "first", .type = CONF_INT, .offset = MASK(first),
	  .dflt = "", .max = KEEP_MAX },
	{ .name = "last", .type = CONF_INT, .offset = MASK(last), .dflt = "",
	  .max = KEEP_MAX }
};
static const char *const buckets[] = { "", "month", "year", NULL };
static const struct conf_key bucket_keys[] = {
	{ .name = "width", .type = CONF_INT, .offset = MASK(width),
	  .dflt = "", .min = 1, .max = WIDTH_MAX },
	{ .name = "to", .type = CONF_ENUM, .offset = MASK(to), .dflt = "",
	  .choices = buckets }
};
static const struct conf_sub partial_sub = POLICY_MAP(partial_keys);
static const struct conf_sub bucket_sub = POLICY_MAP(bucket_keys);
static const struct conf_key with_keys[] = {
	{ .name = "partial", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &partial_sub },
	{ .name = "bucket", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &bucket_sub }
};
/* `null` in YAML is null, quoted or not: nobody means the word. */
static const char *const withs[] = { "null", "redact", "token", NULL };
static const struct conf_sub with_map = POLICY_MAP(with_keys);
static const struct conf_sub with_sub = { .form = CONF_FORM_OR,
	.of = &(const struct conf_sub){ .form = CONF_FORM_VALUE,
	    .type = CONF_ENUM, .choices = withs },
	.other = &with_map
};
static const struct conf_key mask_keys[] = {
	{ .name = "columns", .type = CONF_STRINGS, .offset = MASK(columns),
	  .dflt = "" },
	{ .name = "types", .type = CONF_STRINGS, .offset = MASK(types),
	  .dflt = "" },
	{ .name = "tagged", .type = CONF_STRINGS, .offset = MASK(tags),
	  .dflt = "" },
	{ .name = "writes", .type = CONF_STRINGS, .offset = MASK(writes),
	  .dflt = "" },
	{ .name = "with", .type = CONF_CUSTOM, .parse = policy_later,
	  .sub = &with_sub }
};
static const struct conf_sub mask_sub = POLICY_MAP(mask_keys);
static const struct conf_sub set_sub = POLICY_LIST(mask_sub);
const struct conf_sub policy_masks_sub = POLICY_NAMES(set_sub, POLICY_FIT);

static int
parse_partial(const struct conf *c, const struct conf_node *node,
    const char *where, struct mask_rule *r, struct conf_error *err)
{
	char	 at[POLICY_WHERE];

	r->kind = MASK_PARTIAL;
	policy_where(at, "%s.with.partial", where);
	if (conf_fill(c, node, at, partial_keys, POLICY_NELEM(partial_keys),
	    r, err) == -1)
		return -1;
	if (!r->keep_domain && r->first == 0 && r->last == 0)
		return conf_fail(c, node, err,
		    "%s: nothing is kept; that is redact", at);
	return 0;
}

static int
parse_bucket(const struct conf *c, const struct conf_node *node,
    const char *where, struct mask_rule *r, struct conf_error *err)
{
	char	 at[POLICY_WHERE];

	r->kind = MASK_BUCKET;
	policy_where(at, "%s.with.bucket", where);
	if (conf_fill(c, node, at, bucket_keys, POLICY_NELEM(bucket_keys), r,
	    err) == -1)
		return -1;
	if (r->width == 0 && r->to == BUCKET_NONE)
		return conf_fail(c, node, err, "%s: one of width and to must "
		    "be given", at);
	return 0;
}

static int
parse_with(const struct conf *c, const struct conf_node *node,
    const char *where, struct mask_rule *r, struct conf_error *err)
{
	const struct conf_node	*bucket, *partial;
	char			 at[POLICY_WHERE];

	if (node->kind == CONF_SCALAR && strcmp(node->value, withs[0]) == 0) {
		r->kind = MASK_NULL;
		return 0;
	}
	if (node->kind == CONF_SCALAR && strcmp(node->value, withs[1]) == 0) {
		r->kind = MASK_REDACT;
		return 0;
	}
	if (node->kind == CONF_SCALAR && strcmp(node->value, withs[2]) == 0) {
		r->kind = MASK_TOKEN;
		return 0;
	}
	if (node->kind != CONF_MAP)
		return conf_fail(c, node, err,
		    "%s.with: expected null, redact, token, {partial: ...} or "
		    "{bucket: ...}", where);
	policy_where(at, "%s.with", where);
	if (conf_fill(c, node, at, with_keys, POLICY_NELEM(with_keys), r,
	    err) == -1)
		return -1;
	partial = conf_get(node, "partial");
	bucket = conf_get(node, "bucket");
	if ((partial == NULL) == (bucket == NULL))
		return conf_fail(c, node, err, "%s: expected one of partial "
		    "and bucket", at);
	return partial != NULL ? parse_partial(c, partial, where, r, err) :
	    parse_bucket(c, bucket, where, r, err);
}

static int
parse_rule(const struct conf *c, const struct conf_node *map,
    const char *where, struct mask_rule *r, struct conf_error *err)
{
	size_t	 i;

	if (conf_fill(c, map, where, mask_keys, POLICY_NELEM(mask_keys), r,
	    err) == -1 ||
	    policy_texts(c, map, where, "columns", &r->columns, GLOB_MAX,
	    err) == -1 ||
	    policy_texts(c, map, where, "types", &r->types, GLOB_MAX,
	    err) == -1 ||
	    policy_texts(c, map, where, "tagged", &r->tags, GLOB_MAX,
	    err) == -1 ||
	    policy_texts(c, map, where, "writes", &r->writes, 16, err) == -1)
		return -1;
	if (r->columns.n == 0 && r->types.n == 0 && r->tags.n == 0)
		return conf_fail(c, map, err, "%s: one of columns, types and "
		    "tagged must be given", where);
	for (i = 0; i < r->tags.n; i++)
		if (strchr(r->tags.v[i], ':') == NULL)
			return conf_fail(c, policy_item(map, "tagged", i), err,
			    "%s.tagged: \"%.260s\" has no colon, as every tag "
			    "has", where, r->tags.v[i]);
	for (i = 0; i < r->columns.n; i++)
		if (!policy_dotted(r->columns.v[i], 4))
			return conf_fail(c, policy_item(map, "columns", i),
			    err, "%s.columns: \"%.260s\" is not of the form "
			    "database.schema.relation.column", where,
			    r->columns.v[i]);
	for (i = 0; i < r->writes.n; i++)
		if (strcmp(r->writes.v[i], "insert") != 0 &&
		    strcmp(r->writes.v[i], "update") != 0)
			return conf_fail(c, policy_item(map, "writes", i), err,
			    "%s.writes: \"%.60s\" is not one of insert and "
			    "update", where, r->writes.v[i]);
	if (parse_with(c, conf_get(map, "with"), where, r, err) == -1)
		return -1;
	/* Who writes a value and reads its token can look for it elsewhere. */
	if (r->kind == MASK_TOKEN && r->writes.n > 0)
		return conf_fail(c, conf_get(map, "writes"), err, "%s.writes: "
		    "a column with the mask token cannot be written", where);
	return 0;
}

bool
mask_writes(const struct mask_rule *r, const char *what)
{
	size_t	 i;

	for (i = 0; i < r->writes.n; i++)
		if (strcmp(r->writes.v[i], what) == 0)
			return true;
	return false;
}

static int
parse_set(const struct conf *c, const struct conf_node *list,
    const char *section, struct mask_set *set, struct conf_error *err)
{
	char	 where[POLICY_WHERE];
	size_t	 i;

	if (list->kind != CONF_LIST || list->n == 0)
		return conf_fail(c, list, err, "%s: expected a list of masks",
		    section);
	if ((set->rules = calloc(list->n, sizeof(*set->rules))) == NULL)
		return conf_fail(c, list, err, "out of memory");
	for (i = 0; i < list->n; i++) {
		policy_where(where, "%s[%zu]", section, i);
		if (parse_rule(c, list->items[i], where,
		    &set->rules[set->nrules++], err) == -1)
			return -1;
	}
	return 0;
}

int
policy_masks_parse(const struct conf *c, const struct conf_node *node,
    struct policy *p, struct conf_error *err)
{
	struct mask_set	*set;
	char		 where[POLICY_WHERE];
	size_t		 i;

	if (node == NULL)
		return 0;
	if (node->kind != CONF_MAP)
		return conf_fail(c, node, err, "masks: expected a map");
	if ((p->masks = calloc(node->n + 1, sizeof(*set))) == NULL)
		return conf_fail(c, node, err, "out of memory");
	for (i = 0; i < node->n; i++) {
		if (policy_entry(c, node, i, "masks", err) == -1)
			return -1;
		set = &p->masks[p->nmasks++];
		policy_where(where, "masks.%s", node->keys[i]);
		if ((set->key = strdup(node->keys[i])) == NULL)
			return conf_fail(c, node, err, "out of memory");
		if (parse_set(c, node->items[i], where, set, err) == -1)
			return -1;
	}
	return 0;
}

void
policy_masks_free(struct policy *p)
{
	size_t	 i, k;

	for (i = 0; i < p->nmasks; i++) {
		for (k = 0; k < p->masks[i].nrules; k++)
			conf_release(mask_keys, POLICY_NELEM(mask_keys),
			    &p->masks[i].rules[k]);
		free(p->masks[i].rules);
		free(p->masks[i].key);
	}
	free(p->masks);
	p->masks = NULL;
	p->nmasks = 0;
}

void
policy_masks_print(const struct policy *p, FILE *fp)
{
	const struct mask_rule	*r;
	size_t			 i, k;

	if (p->nmasks > 0)
		fputs("\nmasks:\n", fp);
	for (i = 0; i < p->nmasks; i++) {
		policy_print_key(fp, 2, p->masks[i].key);
		for (k = 0; k < p->masks[i].nrules; k++) {
			r = &p->masks[i].rules[k];
			fputs("    -\n", fp);
			conf_print(fp, 6, mask_keys, POLICY_NELEM(mask_keys),
			    r);
			if (r->kind == MASK_NULL)
				fputs("      with: \"null\"\n", fp);
			else if (r->kind == MASK_REDACT)
				fputs("      with: redact\n", fp);
			else if (r->kind == MASK_TOKEN)
				fputs("      with: token\n", fp);
			else if (r->kind == MASK_BUCKET) {
				fputs("      with:\n        bucket:\n", fp);
				conf_print(fp, 10, bucket_keys,
				    POLICY_NELEM(bucket_keys), r);
			} else {
				fputs("      with:\n        partial:\n", fp);
				conf_print(fp, 10, partial_keys,
				    POLICY_NELEM(partial_keys), r);
			}
		}
	}
}

struct mask_set *
policy_mask_set(const struct policy *p, const char *key)
{
	size_t	 i;

	for (i = 0; i < p->nmasks; i++)
		if (strcmp(p->masks[i].key, key) == 0)
			return &p->masks[i];
	return NULL;
}
