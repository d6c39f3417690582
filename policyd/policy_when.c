/*
 * `when:` of a rule in policy.yaml, and the maps within it under any, all and
 * not: conditions over what a statement is and touches and who sent it.  For
 * every process of policyd; see policy.c for what is trusted and how it fails.
 *
 * A condition that can never hold is an error, since a rule that never fits is
 * one that somebody believes in.
 */
#include <stdlib.h>
#include <string.h>

#include "fnclass.h"
#include "kinds.h"
#include "match.h"
#include "policy_impl.h"

#define NAMES_MAX	(3 * LEN_NAME + 2)
#define TEXT_MAX	1024
#define NESTED_MAX	8
#define ESTIMATE_MAX	1000000000000000u

static const char *const tri[] = { "any", "false", "true", NULL };

static const struct conf_sub list_sub = POLICY_LIST(policy_when_sub);

#define COND(member)	offsetof(struct cond, member)
static const struct conf_key when_keys[] = {
	{ .name = "kind", .type = CONF_STRINGS, .offset = COND(kinds),
	  .dflt = "", .choices = kind_words },
	{ .name = "reads", .type = CONF_STRINGS, .offset = COND(reads),
	  .dflt = "" },
	{ .name = "writes", .type = CONF_STRINGS, .offset = COND(writes),
	  .dflt = "" },
	{ .name = "deletes", .type = CONF_STRINGS, .offset = COND(deletes),
	  .dflt = "" },
	{ .name = "reads_columns", .type = CONF_STRINGS,
	  .offset = COND(reads_columns), .dflt = "" },
	{ .name = "writes_columns", .type = CONF_STRINGS,
	  .offset = COND(writes_columns), .dflt = "" },
	{ .name = "functions", .type = CONF_STRINGS,
	  .offset = COND(functions), .dflt = "" },
	{ .name = "function_class", .type = CONF_STRINGS,
	  .offset = COND(function_class), .dflt = "",
	  .choices = fnclass_words },
	{ .name = "keyed", .type = CONF_ENUM, .offset = COND(keyed),
	  .dflt = "", .choices = tri },
	{ .name = "in_transaction", .type = CONF_ENUM,
	  .offset = COND(in_transaction), .dflt = "", .choices = tri },
	{ .name = "statements_over", .type = CONF_INT,
	  .offset = COND(statements_over), .dflt = "", .min = 1,
	  .max = 1000 },
	{ .name = "rows_over", .type = CONF_INT, .offset = COND(rows_over),
	  .dflt = "", .min = 1, .max = ESTIMATE_MAX },
	{ .name = "cost_over", .type = CONF_INT, .offset = COND(cost_over),
	  .dflt = "", .min = 1, .max = ESTIMATE_MAX },
	{ .name = "text", .type = CONF_STRING, .offset = COND(text),
	  .dflt = "" },
	{ .name = "claims", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_claims_sub },
	{ .name = "application", .type = CONF_STRINGS,
	  .offset = COND(application), .dflt = "" },
	{ .name = "client", .type = CONF_STRINGS, .offset = COND(client),
	  .dflt = "" },
	{ .name = "hours", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_hours_sub },
	{ .name = "any", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &list_sub },
	{ .name = "all", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &list_sub },
	{ .name = "not", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_when_sub }
};
const struct conf_sub policy_when_sub = { .form = CONF_FORM_MAP,
	.keys = when_keys, .n = POLICY_NELEM(when_keys), .name = "when" };

static int	when_parse(const struct conf *, const struct conf_node *,
		    const char *, unsigned int, struct cond *,
		    struct conf_error *);

/* --- single conditions -------------------------------------------------- */

static int
check_names(const struct conf *c, const struct conf_node *map,
    const char *where, const char *key, const struct conf_strings *s,
    size_t parts, const char *form, struct conf_error *err)
{
	size_t	 i;

	if (policy_texts(c, map, where, key, s, NAMES_MAX, err) == -1)
		return -1;
	for (i = 0; i < s->n; i++)
		if (!policy_dotted(s->v[i], parts))
			return conf_fail(c, policy_item(map, key, i), err,
			    "%s.%s: \"%s\" is not of the form %s", where, key,
			    s->v[i], form);
	return 0;
}

static int
check_kinds(const struct conf *c, const struct conf_node *map,
    const char *where, struct cond *w, struct conf_error *err)
{
	size_t	 i;

	for (i = 0; i < w->kinds.n; i++) {
		if (!kind_known(w->kinds.v[i]))
			return conf_fail(c, policy_item(map, "kind", i), err,
			    "%s.kind: unknown kind \"%.60s\"", where,
			    w->kinds.v[i]);
		kind_set_add(&w->kind_set, w->kinds.v[i]);
	}
	return 0;
}

static int
check_functions(const struct conf *c, const struct conf_node *map,
    const char *where, struct cond *w, struct conf_error *err)
{
	unsigned int	 bit;
	size_t		 i;

	if (policy_texts(c, map, where, "functions", &w->functions, NAMES_MAX,
	    err) == -1)
		return -1;
	for (i = 0; i < w->functions.n; i++)
		if (!policy_dotted(w->functions.v[i], 1) &&
		    !policy_dotted(w->functions.v[i], 2))
			return conf_fail(c, policy_item(map, "functions", i),
			    err, "%s.functions: \"%s\" is not of the form "
			    "function or schema.function", where,
			    w->functions.v[i]);
	for (i = 0; i < w->function_class.n; i++) {
		if ((bit = fnclass_bit(w->function_class.v[i])) == 0)
			return conf_fail(c, policy_item(map,
			    "function_class", i), err, "%s.function_class: "
			    "unknown class \"%.60s\"; there are volatile, "
			    "security_definer, runs_sql, files, untrusted",
			    where, w->function_class.v[i]);
		w->classes |= bit;
	}
	return 0;
}

static int
check_text(const struct conf *c, const struct conf_node *map,
    const char *where, struct cond *w, struct conf_error *err)
{
	char	 why[128];
	size_t	 at;

	if (w->text == NULL)
		return 0;
	if (policy_text(c, map, where, "text", w->text, TEXT_MAX, err) == -1)
		return -1;
	if ((w->re = match_new(w->text, why, sizeof(why), &at)) == NULL)
		return conf_fail(c, conf_get(map, "text"), err,
		    "%s.text: at character %zu of the pattern: %s", where, at,
		    why);
	return 0;
}

static unsigned int
looks(const struct cond *w)
{
	unsigned int	 l = 0;

	if (w->reads.n + w->writes.n + w->deletes.n > 0)
		l |= LOOK_RELATIONS;
	if (w->deletes.n > 0)
		l |= LOOK_KEYED;	/* what MERGE does is found there */
	if (w->reads_columns.n + w->writes_columns.n > 0)
		l |= LOOK_COLUMNS | LOOK_RELATIONS;
	if (w->functions.n + w->function_class.n > 0)
		l |= LOOK_FUNCTIONS;
	if (w->keyed != TRI_ANY)
		l |= LOOK_KEYED;
	if (w->nclaims + w->application.n + w->client.n > 0)
		l |= LOOK_SESSION;
	if (w->in_transaction != TRI_ANY || w->nhours > 0)
		l |= LOOK_MOMENT;
	if (w->rows_over != 0 || w->cost_over != 0)
		l |= LOOK_ESTIMATE;
	return l;
}

static bool
is_empty(const struct cond *w)
{
	return w->kinds.n == 0 && looks(w) == 0 && w->statements_over == 0 &&
	    w->text == NULL && w->nany + w->nall == 0 && w->not == NULL;
}

/* --- any, all, not ------------------------------------------------------- */

static int
parse_list(const struct conf *c, const struct conf_node *map,
    const char *where, const char *key, unsigned int depth,
    struct cond **list, size_t *n, struct conf_error *err)
{
	const struct conf_node	*node = conf_get(map, key);
	char			 at[POLICY_WHERE];
	size_t			 i;

	if (node == NULL)
		return 0;
	if (node->kind != CONF_LIST || node->n == 0)
		return conf_fail(c, node, err,
		    "%s.%s: expected a list of conditions", where, key);
	if ((*list = calloc(node->n, sizeof(**list))) == NULL)
		return conf_fail(c, node, err, "out of memory");
	for (i = 0; i < node->n; i++) {
		policy_where(at, "%s.%s[%zu]", where, key, i);
		if (when_parse(c, node->items[i], at, depth + 1,
		    &(*list)[(*n)++], err) == -1)
			return -1;
	}
	return 0;
}

static int
parse_nested(const struct conf *c, const struct conf_node *map,
    const char *where, unsigned int depth, struct cond *w,
    struct conf_error *err)
{
	const struct conf_node	*node = conf_get(map, "not");
	char			 at[POLICY_WHERE];
	size_t			 i;

	if (parse_list(c, map, where, "any", depth, &w->any, &w->nany,
	    err) == -1 ||
	    parse_list(c, map, where, "all", depth, &w->all, &w->nall,
	    err) == -1)
		return -1;
	if (node != NULL) {
		if ((w->not = calloc(1, sizeof(*w->not))) == NULL)
			return conf_fail(c, node, err, "out of memory");
		policy_where(at, "%s.not", where);
		if (when_parse(c, node, at, depth + 1, w->not, err) == -1)
			return -1;
		w->looks |= w->not->looks;
	}
	for (i = 0; i < w->nany; i++)
		w->looks |= w->any[i].looks;
	for (i = 0; i < w->nall; i++)
		w->looks |= w->all[i].looks;
	return 0;
}

static int
when_parse(const struct conf *c, const struct conf_node *map,
    const char *where, unsigned int depth, struct cond *w,
    struct conf_error *err)
{
	static const char	 relation[] = "schema.relation";
	static const char	 column[] = "schema.relation.column";
	const struct conf_node	*claims, *hours;

	if (depth > NESTED_MAX)
		return conf_fail(c, map, err, "%s: nested too deeply", where);
	if (conf_fill(c, map, where, when_keys, POLICY_NELEM(when_keys), w,
	    err) == -1 ||
	    check_kinds(c, map, where, w, err) == -1 ||
	    check_names(c, map, where, "reads", &w->reads, 2, relation,
	    err) == -1 ||
	    check_names(c, map, where, "writes", &w->writes, 2, relation,
	    err) == -1 ||
	    check_names(c, map, where, "deletes", &w->deletes, 2, relation,
	    err) == -1 ||
	    check_names(c, map, where, "reads_columns", &w->reads_columns, 3,
	    column, err) == -1 ||
	    check_names(c, map, where, "writes_columns", &w->writes_columns,
	    3, column, err) == -1 ||
	    check_functions(c, map, where, w, err) == -1 ||
	    check_text(c, map, where, w, err) == -1 ||
	    policy_texts(c, map, where, "application", &w->application,
	    LEN_NAME, err) == -1 ||
	    policy_networks_parse(c, map, where, "client", &w->client,
	    &w->nets, err) == -1)
		return -1;
	if ((hours = conf_get(map, "hours")) != NULL &&
	    policy_hours_parse(c, hours, where, &w->hours, &w->nhours,
	    err) == -1)
		return -1;
	if ((claims = conf_get(map, "claims")) != NULL &&
	    policy_claims_parse(c, claims, where, "claims", &w->claims,
	    &w->nclaims, err) == -1)
		return -1;
	w->looks = looks(w);
	if (parse_nested(c, map, where, depth, w, err) == -1)
		return -1;
	w->empty = is_empty(w);
	/* {} above fits all; in a list or under not it is a slip. */
	if (w->empty && depth > 0)
		return conf_fail(c, map, err, "%s: no condition in it", where);
	return 0;
}

/* Can it hold only if something is large; or (large false) if it is not? */
static bool
needs(const struct cond *w, bool large)
{
	size_t	 i;

	if (large && w->rows_over + w->cost_over != 0)
		return true;
	for (i = 0; i < w->nall; i++)
		if (needs(&w->all[i], large))
			return true;
	for (i = 0; i < w->nany; i++)
		if (!needs(&w->any[i], large))
			break;
	return (w->nany > 0 && i == w->nany) ||
	    (w->not != NULL && needs(w->not, !large));
}

bool
policy_when_large(const struct cond *w)
{
	return (w->looks & LOOK_ESTIMATE) != 0 && needs(w, true);
}

int
policy_when_parse(const struct conf *c, const struct conf_node *map,
    const char *where, struct cond *w, struct conf_error *err)
{
	return when_parse(c, map, where, 0, w, err);
}

/* --- freeing, printing --------------------------------------------------- */

void
policy_when_free(struct cond *w)
{
	size_t	 i;

	conf_release(when_keys, POLICY_NELEM(when_keys), w);
	policy_claims_free(w->claims, w->nclaims);
	match_free(&w->re);
	policy_hours_free(w->hours, w->nhours);
	free(w->nets);
	for (i = 0; i < w->nany; i++)
		policy_when_free(&w->any[i]);
	for (i = 0; i < w->nall; i++)
		policy_when_free(&w->all[i]);
	if (w->not != NULL)
		policy_when_free(w->not);
	free(w->any);
	free(w->all);
	free(w->not);
}

static void
print_list(FILE *fp, int indent, const char *key, const struct cond *v,
    size_t n)
{
	size_t	 i;

	if (n > 0)
		fprintf(fp, "%*s%s:\n", indent, "", key);
	for (i = 0; i < n; i++) {
		fprintf(fp, "%*s-\n", indent + 2, "");
		policy_when_print(fp, indent + 4, &v[i]);
	}
}

void
policy_when_print(FILE *fp, int indent, const struct cond *w)
{
	conf_print(fp, indent, when_keys, POLICY_NELEM(when_keys), w);
	policy_claims_print(fp, indent, "claims", w->claims, w->nclaims);
	policy_hours_print(fp, indent, w->hours, w->nhours);
	print_list(fp, indent, "any", w->any, w->nany);
	print_list(fp, indent, "all", w->all, w->nall);
	if (w->not != NULL) {
		fprintf(fp, "%*snot:\n", indent, "");
		policy_when_print(fp, indent + 2, w->not);
	}
}
