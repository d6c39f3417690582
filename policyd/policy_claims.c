/*
 * Conditions on claims in policy.yaml: maps from JSON Pointers to globs, in an
 * issuer's `required_claims:`, in a profile's `match:` and in a rule's `when:`.  For every process
 * of policyd; see policy.c for what is trusted and how it fails.
 */
#include <stdlib.h>
#include <string.h>

#include "policy_impl.h"

#define VALUE_MAX	1024

static const struct conf_sub values_sub = { .form = CONF_FORM_VALUE,
	.type = CONF_STRINGS };
const struct conf_sub policy_claims_sub = POLICY_NAMES(values_sub, "^/");

int
policy_claims_parse(const struct conf *c, const struct conf_node *map,
    const char *at, const char *key, struct claim_match **claims, size_t *n,
    struct conf_error *err)
{
	struct claim_match	*cm;
	char			 where[POLICY_WHERE];
	size_t			 i;

	policy_where(where, "%s.%s", at, key);
	if (map->kind != CONF_MAP || map->n == 0)
		return conf_fail(c, map, err, "%s: expected a map of JSON "
		    "Pointers to values", where);
	if ((*claims = calloc(map->n, sizeof(**claims))) == NULL)
		return conf_fail(c, map, err, "out of memory");
	for (i = 0; i < map->n; i++) {
		if (!policy_pointer(map->keys[i]))
			return conf_fail_key(c, map, i, err, "%s: expected a "
			    "JSON Pointer such as /repository", where);
		cm = &(*claims)[(*n)++];
		if ((cm->pointer = strdup(map->keys[i])) == NULL)
			return conf_fail(c, map, err, "out of memory");
		if (policy_pair(c, map, i, where, CONF_STRINGS, &cm->values,
		    err) == -1 ||
		    policy_texts(c, map, where, cm->pointer, &cm->values,
		    VALUE_MAX, err) == -1)
			return -1;
	}
	return 0;
}

void
policy_claims_free(struct claim_match *claims, size_t n)
{
	size_t	i;

	for (i = 0; i < n; i++) {
		free(claims[i].pointer);
		conf_strings_free(&claims[i].values);
	}
	free(claims);
}

void
policy_claims_print(FILE *fp, int indent, const char *key,
    const struct claim_match *claims, size_t n)
{
	size_t	i, k;

	if (n > 0)
		policy_print_key(fp, indent, key);
	for (i = 0; i < n; i++) {
		policy_print_key(fp, indent + 2, claims[i].pointer);
		for (k = 0; k < claims[i].values.n; k++) {
			fprintf(fp, "%*s- ", indent + 4, "");
			conf_print_scalar(fp, claims[i].values.v[k]);
			putc('\n', fp);
		}
	}
}
