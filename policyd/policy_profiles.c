/*
 * `profiles:` of policy.yaml: who may open a session as what, where, for how
 * long, and under which masks and rules.  For every process of policyd; see
 * policy.c for what is trusted and how it fails.
 *
 * Every name that a profile refers to must exist.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy_impl.h"
#include "redact.h"

#define MATCH_MAX	1024
#define CONCURRENT_MAX	100000
#define ANSWERS_MAX	(1ULL << 40)

#define PROFILE(member)	offsetof(struct profile, member)
static const struct conf_key risk_keys[] = {
	{ .name = "deny_over", .type = CONF_INT,
	  .offset = PROFILE(deny_over), .min = 1, .max = POLICY_SCORE_MAX }
};
#define REDACT_M_NAME(id, name)	name,
static const char *const record_modes[] = { REDACT_MODES(REDACT_M_NAME) NULL };
#undef REDACT_M_NAME
/* In the order of false, true. */
static const char *const record_answers[] = { "none", "all", NULL };
static const struct conf_key record_keys[] = {
	{ .name = "literals", .type = CONF_ENUM, .offset = PROFILE(literals),
	  .dflt = "keep", .choices = record_modes },
	{ .name = "parameters", .type = CONF_ENUM,
	  .offset = PROFILE(parameters), .dflt = "keep",
	  .choices = record_modes },
	{ .name = "answers", .type = CONF_ENUM, .offset = PROFILE(answers),
	  .dflt = "none", .choices = record_answers },
	{ .name = "max_bytes", .type = CONF_SIZE,
	  .offset = PROFILE(max_bytes), .dflt = "1MiB",
	  .max = ANSWERS_MAX },
	{ .name = "max_session_bytes", .type = CONF_SIZE,
	  .offset = PROFILE(max_session_bytes), .dflt = "256MiB",
	  .max = ANSWERS_MAX },
	{ .name = "keep", .type = CONF_DURATION, .offset = PROFILE(keep),
	  .dflt = "", .min = 1000 }
};
static const struct conf_key role_keys[] = {
	{ .name = "user", .type = CONF_STRING,
	  .offset = PROFILE(role_user) },
	{ .name = "password_file", .type = CONF_PATH,
	  .offset = PROFILE(role_password_file) }
};
static const struct conf_key session_keys[] = {
	{ .name = "ttl", .type = CONF_DURATION, .offset = PROFILE(ttl),
	  .dflt = "", .min = 1000 },
	{ .name = "expires_with_token", .type = CONF_BOOL,
	  .offset = PROFILE(expires_with_token), .dflt = "" },
	{ .name = "idle", .type = CONF_DURATION, .offset = PROFILE(idle),
	  .dflt = "", .min = 1000 },
	{ .name = "concurrent", .type = CONF_INT,
	  .offset = PROFILE(concurrent), .dflt = "", .min = 1,
	  .max = CONCURRENT_MAX },
	{ .name = "concurrent_total", .type = CONF_INT,
	  .offset = PROFILE(concurrent_total), .dflt = "", .min = 1,
	  .max = CONCURRENT_MAX }
};

#define MATCH(member)	offsetof(struct match, member)
/* `issuer` first: printing begins with it. */
static const struct conf_key match_keys[] = {
	{ .name = "issuer", .type = CONF_STRING, .offset = MATCH(issuer) },
	{ .name = "subject", .type = CONF_STRINGS, .offset = MATCH(subject),
	  .dflt = "" },
	{ .name = "groups", .type = CONF_STRINGS, .offset = MATCH(groups),
	  .dflt = "" },
	{ .name = "claims", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_claims_sub }
};

/* In the order of false, true. */
static const char *const predicates[] = { "deny", "masked", NULL };

/* In the order of enum content_mode. */
static const char *const contents[] = { "off", "report", "mask", NULL };

static const struct conf_sub record_sub = POLICY_MAP(record_keys);
static const struct conf_sub risk_sub = POLICY_MAP(risk_keys);
static const struct conf_sub fixed_sub = POLICY_MAP(role_keys);
static const struct conf_sub session_sub = POLICY_MAP(session_keys);
static const struct conf_sub match_sub = POLICY_MAP(match_keys);
static const struct conf_sub matches_sub = POLICY_LIST(match_sub);
static const struct conf_sub strings_sub = { .form = CONF_FORM_VALUE,
	.type = CONF_STRINGS };
static const struct conf_sub string_sub = { .form = CONF_FORM_VALUE,
	.type = CONF_STRING };
static const struct conf_key allow_keys[] = {
	{ .name = "allow", .type = CONF_STRINGS, .dflt = "" }
};
static const struct conf_sub settings_sub = { .form = CONF_FORM_NAMES,
	.of = &string_sub, .pattern = "^[a-z_][a-z_.]*$",
	.keys = allow_keys, .n = POLICY_NELEM(allow_keys) };
static const struct conf_sub predicates_sub = { .form = CONF_FORM_VALUE,
	.type = CONF_ENUM, .choices = predicates };
static const struct conf_key profile_keys[] = {
	{ .name = "databases", .type = CONF_STRINGS,
	  .offset = PROFILE(databases) },
	{ .name = "match", .type = CONF_CUSTOM, .parse = policy_later,
	  .sub = &matches_sub },
	{ .name = "role", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_role_sub },
	{ .name = "backend_role", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &fixed_sub },
	{ .name = "hours", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_hours_sub },
	{ .name = "networks", .type = CONF_STRINGS,
	  .offset = PROFILE(networks), .dflt = "" },
	{ .name = "requires", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_requires_sub },
	{ .name = "session", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &session_sub },
	{ .name = "settings", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &settings_sub },
	{ .name = "masks", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &strings_sub },
	{ .name = "predicates", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &predicates_sub },
	{ .name = "content", .type = CONF_ENUM, .offset = PROFILE(content),
	  .dflt = "off", .choices = contents },
	{ .name = "mode", .type = CONF_ENUM, .offset = PROFILE(observe),
	  .dflt = "", .choices = policy_modes },
	{ .name = "record", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &record_sub },
	{ .name = "risk", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &risk_sub },
	{ .name = "caps", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_caps_sub },
	{ .name = "rules", .type = CONF_CUSTOM, .parse = policy_later,
	  .sub = &policy_rules_sub }
};
static const struct conf_sub profile_sub = POLICY_MAP(profile_keys);
const struct conf_sub policy_profiles_sub = POLICY_NAMES(profile_sub,
    POLICY_FIT);

/*
 * Parameters of the startup message that are not settings, would change who
 * runs the statements, or would have the server read a text otherwise than
 * the engine did.
 */
static const char *const reserved_settings[] = {
	"user", "database", "options", "replication", "role",
	"session_authorization", "is_superuser", "client_encoding",
	"standard_conforming_strings"
};

/* --- match --------------------------------------------------------------------- */

static int
parse_match(const struct conf *c, const struct conf_node *map,
    const char *where, const struct policy *p, struct match *m,
    struct conf_error *err)
{
	const struct conf_node	*claims;

	if (conf_fill(c, map, where, match_keys, POLICY_NELEM(match_keys), m,
	    err) == -1 ||
	    policy_texts(c, map, where, "subject", &m->subject, MATCH_MAX,
	    err) == -1 ||
	    policy_texts(c, map, where, "groups", &m->groups, MATCH_MAX,
	    err) == -1)
		return -1;
	if (policy_issuer(p, m->issuer) == NULL)
		return conf_fail(c, conf_get(map, "issuer"), err,
		    "%s.issuer: there is no issuer \"%.100s\"", where,
		    m->issuer);
	claims = conf_get(map, "claims");
	return claims == NULL ? 0 : policy_claims_parse(c, claims, where,
	    "claims", &m->claims, &m->nclaims, err);
}

static int
parse_matches(const struct conf *c, const struct conf_node *list,
    const char *profile, const struct policy *p, struct profile *pr,
    struct conf_error *err)
{
	char	 where[POLICY_WHERE];
	size_t	 i;

	if (list->kind != CONF_LIST || list->n == 0)
		return conf_fail(c, list, err,
		    "%s.match: expected a list of conditions", profile);
	if ((pr->matches = calloc(list->n, sizeof(*pr->matches))) == NULL)
		return conf_fail(c, list, err, "out of memory");
	for (i = 0; i < list->n; i++) {
		policy_where(where, "%s.match[%zu]", profile, i);
		if (parse_match(c, list->items[i], where, p,
		    &pr->matches[pr->nmatches++], err) == -1)
			return -1;
	}
	return 0;
}

/* --- settings ------------------------------------------------------------------ */

static int
check_setting(const struct conf *c, const struct conf_node *map, size_t i,
    const char *where, struct conf_error *err)
{
	const char	*name = map->keys[i];
	size_t		 k, len = strlen(name);

	if (len == 0 || len > LEN_NAME || name[0] == '.' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz_.") != len ||
	    strncmp(name, "_pq_.", 5) == 0)
		return conf_fail_key(c, map, i, err, "%s: \"%.100s\" is not "
		    "the name of a setting", where, name);
	for (k = 0; k < POLICY_NELEM(reserved_settings); k++)
		if (strcmp(name, reserved_settings[k]) == 0)
			return conf_fail_key(c, map, i, err,
			    "%s: \"%s\" may not be set here", where, name);
	return 0;
}

static const struct conf_key settings_keys[] = {
	{ .name = "allow", .type = CONF_STRINGS,
	  .offset = PROFILE(settings_allow) }
};

static int
parse_settings_allow(const struct conf *c, const struct conf_node *map,
    size_t at, const char *where, struct profile *pr, struct conf_error *err)
{
	const char	*name;
	size_t		 i;

	pr->settings_closed = true;
	if (policy_pair(c, map, at, where, CONF_STRINGS, &pr->settings_allow,
	    err) == -1 ||
	    policy_texts(c, map, where, "allow", &pr->settings_allow,
	    LEN_NAME, err) == -1)
		return -1;
	for (i = 0; i < pr->settings_allow.n; i++) {
		name = pr->settings_allow.v[i];
		if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.*?") !=
		    strlen(name))
			return conf_fail(c, policy_item(map, "allow", i), err,
			    "%s.allow: \"%.100s\" is not the name of a "
			    "setting, nor a pattern for some", where, name);
	}
	return 0;
}

static int
parse_settings(const struct conf *c, const struct conf_node *map,
    const char *profile, struct profile *pr, struct conf_error *err)
{
	struct setting	*s;
	char		 where[POLICY_WHERE];
	size_t		 i, total = 0;

	policy_where(where, "%s.settings", profile);
	if (map->kind != CONF_MAP)
		return conf_fail(c, map, err, "%s: expected a map", where);
	if ((pr->settings = calloc(map->n + 1, sizeof(*s))) == NULL)
		return conf_fail(c, map, err, "out of memory");
	for (i = 0; i < map->n; i++) {
		/* No parameter of a server has this name. */
		if (strcmp(map->keys[i], "allow") == 0) {
			if (parse_settings_allow(c, map, i, where, pr,
			    err) == -1)
				return -1;
			continue;
		}
		if (check_setting(c, map, i, where, err) == -1)
			return -1;
		s = &pr->settings[pr->nsettings++];
		if ((s->name = strdup(map->keys[i])) == NULL)
			return conf_fail(c, map, err, "out of memory");
		if (policy_pair(c, map, i, where, CONF_STRING, &s->value,
		    err) == -1)
			return -1;
		/* An empty value is a value; "is empty" does not hold. */
		if (s->value[0] != '\0' && policy_text(c, map, where, s->name,
		    s->value, LEN_SETTINGS / 2, err) == -1)
			return -1;
		total += strlen(s->name) + strlen(s->value) + 2;
	}
	if (total > LEN_SETTINGS)
		return conf_fail(c, map, err, "%s: more than %d bytes",
		    where, LEN_SETTINGS);
	return 0;
}

/* --- profiles ------------------------------------------------------------------ */

static int
check_databases(const struct conf *c, const struct conf_node *map,
    const char *where, const struct policy *p, const struct profile *pr,
    struct conf_error *err)
{
	const char	*name;
	size_t		 i;

	for (i = 0; i < pr->databases.n; i++) {
		name = pr->databases.v[i];
		if (strcmp(name, "*") != 0 && policy_database(p, name) == NULL)
			return conf_fail(c, policy_item(map, "databases", i),
			    err, "%s.databases: there is no database "
			    "\"%.100s\"", where, name);
	}
	return 0;
}

static int
parse_masks(const struct conf *c, const struct conf_node *node,
    const char *where, const struct policy *p, struct profile *pr,
    struct conf_error *err)
{
	const struct conf_node	*item;
	struct mask_set		*set;
	size_t			 i, n = node->kind == CONF_SCALAR ? 1 : node->n;

	if (node->kind == CONF_MAP || n == 0)
		return conf_fail(c, node, err,
		    "%s.masks: expected a list of names under masks", where);
	if ((pr->masks = calloc(n, sizeof(*pr->masks))) == NULL)
		return conf_fail(c, node, err, "out of memory");
	for (i = 0; i < n; i++) {
		item = node->kind == CONF_SCALAR ? node : node->items[i];
		if (item->kind != CONF_SCALAR)
			return conf_fail(c, item, err,
			    "%s.masks: expected a string", where);
		if ((set = policy_mask_set(p, item->value)) == NULL)
			return conf_fail(c, item, err, "%s.masks: there is "
			    "no mask set \"%.100s\"", where, item->value);
		pr->masks[pr->nmasks++] = set;
	}
	return 0;
}

static int
parse_predicates(const struct conf *c, const struct conf_node *node,
    const char *where, struct profile *pr, struct conf_error *err)
{
	if (node->kind == CONF_SCALAR) {
		pr->predicates_masked = strcmp(node->value,
		    predicates[true]) == 0;
		if (pr->predicates_masked || strcmp(node->value,
		    predicates[false]) == 0)
			return 0;
	}
	return conf_fail(c, node, err,
	    "%s.predicates: expected deny or masked", where);
}

/* What is in a literal can as well come as a parameter. */
static int
parse_record(const struct conf *c, const struct conf_node *node,
    const char *profile, struct profile *pr, struct conf_error *err)
{
	char	 where[POLICY_WHERE];

	policy_where(where, "%s.record", profile);
	if (conf_fill(c, node, where, record_keys, POLICY_NELEM(record_keys),
	    pr, err) == -1)
		return -1;
	if (conf_get(node, "parameters") == NULL)
		pr->parameters = pr->literals;
	return 0;
}

static int
parse_backend_role(const struct conf *c, const struct conf_node *node,
    const char *profile, struct profile *pr, struct conf_error *err)
{
	char	 where[POLICY_WHERE];

	policy_where(where, "%s.backend_role", profile);
	if (conf_fill(c, node, where, role_keys, POLICY_NELEM(role_keys), pr,
	    err) == -1)
		return -1;
	return policy_text(c, node, where, "user", pr->role_user, LEN_NAME,
	    err);
}

/* Exactly one of the two. */
static int
parse_role(const struct conf *c, const struct conf_node *map,
    const char *where, const struct policy *p, struct profile *pr,
    struct conf_error *err)
{
	const struct conf_node	*minted = conf_get(map, "role");
	const struct conf_node	*fixed = conf_get(map, "backend_role");

	if (minted != NULL && fixed != NULL)
		return conf_fail(c, fixed, err, "%s: role and backend_role "
		    "exclude each other", where);
	if (minted != NULL)
		return policy_role_parse(c, minted, where, p, pr, err);
	if (fixed != NULL)
		return parse_backend_role(c, fixed, where, pr, err);
	return conf_fail(c, map, err, "%s: role (minted for each session) or "
	    "backend_role (a fixed one) must be given", where);
}

static int
parse_session(const struct conf *c, const struct conf_node *node,
    const char *profile, struct profile *pr, struct conf_error *err)
{
	char	 where[POLICY_WHERE];

	policy_where(where, "%s.session", profile);
	return conf_fill(c, node, where, session_keys,
	    POLICY_NELEM(session_keys), pr, err);
}

static int
parse_risk(const struct conf *c, const struct conf_node *node,
    const char *profile, struct profile *pr, struct conf_error *err)
{
	char	 where[POLICY_WHERE];

	policy_where(where, "%s.risk", profile);
	return conf_fill(c, node, where, risk_keys, POLICY_NELEM(risk_keys),
	    pr, err);
}

static int
parse_profile(const struct conf *c, const struct conf_node *map,
    const char *where, const struct policy *p, struct profile *pr,
    struct conf_error *err)
{
	const struct conf_node	*node;

	if (conf_fill(c, map, where, profile_keys, POLICY_NELEM(profile_keys),
	    pr, err) == -1 ||
	    check_databases(c, map, where, p, pr, err) == -1 ||
	    parse_matches(c, conf_get(map, "match"), where, p, pr,
	    err) == -1 ||
	    parse_role(c, map, where, p, pr, err) == -1)
		return -1;
	if ((node = conf_get(map, "hours")) != NULL &&
	    policy_hours_parse(c, node, where, &pr->hours, &pr->nhours,
	    err) == -1)
		return -1;
	if (policy_networks_parse(c, map, where, "networks", &pr->networks,
	    &pr->nets, err) == -1)
		return -1;
	if ((node = conf_get(map, "requires")) != NULL &&
	    policy_requires_parse(c, node, where, p, pr, err) == -1)
		return -1;
	if ((node = conf_get(map, "session")) != NULL &&
	    parse_session(c, node, where, pr, err) == -1)
		return -1;
	if ((node = conf_get(map, "settings")) != NULL &&
	    parse_settings(c, node, where, pr, err) == -1)
		return -1;
	if ((node = conf_get(map, "masks")) != NULL &&
	    parse_masks(c, node, where, p, pr, err) == -1)
		return -1;
	if ((node = conf_get(map, "predicates")) != NULL &&
	    parse_predicates(c, node, where, pr, err) == -1)
		return -1;
	/* As in record_keys. */
	pr->max_bytes = 1024 * 1024;
	pr->max_session_bytes = 256 * 1024 * 1024;
	if ((node = conf_get(map, "record")) != NULL &&
	    parse_record(c, node, where, pr, err) == -1)
		return -1;
	if ((node = conf_get(map, "risk")) != NULL &&
	    parse_risk(c, node, where, pr, err) == -1)
		return -1;
	if (policy_caps_parse(c, map, where, &pr->caps, err) == -1 ||
	    policy_rules_parse(c, conf_get(map, "rules"), where, p, pr,
	    err) == -1)
		return -1;
	return policy_role_check(c, map, where, p, pr, err);
}

int
policy_profiles_parse(const struct conf *c, const struct conf_node *node,
    struct policy *p, struct conf_error *err)
{
	struct profile	*pr;
	char		 where[POLICY_WHERE];
	size_t		 i;

	if (node == NULL)
		return 0;
	if (node->kind != CONF_MAP)
		return conf_fail(c, node, err, "profiles: expected a map");
	if ((p->profiles = calloc(node->n + 1, sizeof(*pr))) == NULL)
		return conf_fail(c, node, err, "out of memory");
	for (i = 0; i < node->n; i++) {
		if (policy_entry(c, node, i, "profiles", err) == -1)
			return -1;
		/* What a client says that wants the first that fits. */
		if (strcmp(node->keys[i], "auto") == 0)
			return conf_fail_key(c, node, i, err,
			    "profiles: \"auto\" is a reserved name");
		pr = &p->profiles[p->nprofiles++];
		policy_where(where, "profiles.%s", node->keys[i]);
		if ((pr->key = strdup(node->keys[i])) == NULL)
			return conf_fail(c, node, err, "out of memory");
		if (parse_profile(c, node->items[i], where, p, pr, err) == -1)
			return -1;
	}
	return 0;
}

bool
profile_has_database(const struct profile *pr, const char *database)
{
	size_t	 i;

	for (i = 0; i < pr->databases.n; i++)
		if (strcmp(pr->databases.v[i], "*") == 0 ||
		    strcmp(pr->databases.v[i], database) == 0)
			return true;
	return false;
}

static void
profile_clear(struct profile *pr)
{
	size_t	 i;

	for (i = 0; i < pr->nmatches; i++) {
		policy_claims_free(pr->matches[i].claims,
		    pr->matches[i].nclaims);
		conf_release(match_keys, POLICY_NELEM(match_keys),
		    &pr->matches[i]);
	}
	free(pr->matches);
	for (i = 0; i < pr->nsettings; i++) {
		free(pr->settings[i].name);
		free(pr->settings[i].value);
	}
	free(pr->settings);
	conf_release(settings_keys, POLICY_NELEM(settings_keys), pr);
	free(pr->masks);
	policy_hours_free(pr->hours, pr->nhours);
	free(pr->nets);
	policy_requires_free(pr);
	policy_rules_free(pr);
	policy_role_free(pr);
	conf_release(profile_keys, POLICY_NELEM(profile_keys), pr);
	conf_release(role_keys, POLICY_NELEM(role_keys), pr);
	free(pr->key);
}

void
policy_profiles_free(struct policy *p)
{
	size_t	 i;

	for (i = 0; i < p->nprofiles; i++)
		profile_clear(&p->profiles[i]);
	free(p->profiles);
	p->profiles = NULL;
	p->nprofiles = 0;
}

/* --- printing ------------------------------------------------------------------ */

static void
print_match(const struct match *m, FILE *fp)
{
	fputs("      - issuer: ", fp);
	conf_print_scalar(fp, m->issuer);
	putc('\n', fp);
	conf_print(fp, 8, match_keys + 1, POLICY_NELEM(match_keys) - 1, m);
	policy_claims_print(fp, 8, "claims", m->claims, m->nclaims);
}

static void
print_profile(const struct profile *pr, FILE *fp)
{
	size_t	 i;

	policy_print_key(fp, 2, pr->key);
	conf_print(fp, 4, profile_keys, POLICY_NELEM(profile_keys), pr);
	fputs("    match:\n", fp);
	for (i = 0; i < pr->nmatches; i++)
		print_match(&pr->matches[i], fp);
	if (pr->mints)
		policy_role_print(pr, fp);
	else {
		fputs("    backend_role:\n", fp);
		conf_print(fp, 6, role_keys, POLICY_NELEM(role_keys), pr);
	}
	policy_hours_print(fp, 4, pr->hours, pr->nhours);
	policy_requires_print(pr, fp);
	if (pr->ttl != 0 || pr->idle != 0 || pr->concurrent != 0 ||
	    pr->concurrent_total != 0 || pr->expires_with_token)
		fputs("    session:\n", fp);
	conf_print(fp, 6, session_keys, POLICY_NELEM(session_keys), pr);
	if (pr->nsettings > 0 || pr->settings_closed)
		fputs("    settings:\n", fp);
	for (i = 0; i < pr->nsettings; i++) {
		fprintf(fp, "      %s: ", pr->settings[i].name);
		conf_print_scalar(fp, pr->settings[i].value);
		putc('\n', fp);
	}
	conf_print(fp, 6, settings_keys, POLICY_NELEM(settings_keys), pr);
	for (i = 0; i < pr->nmasks; i++) {
		fputs(i == 0 ? "    masks: [" : ", ", fp);
		conf_print_scalar(fp, pr->masks[i]->key);
		fputs(i + 1 == pr->nmasks ? "]\n" : "", fp);
	}
	fprintf(fp, "    predicates: %s\n",
	    predicates[pr->predicates_masked]);
	fputs("    record:\n", fp);
	conf_print(fp, 6, record_keys, POLICY_NELEM(record_keys), pr);
	if (pr->deny_over != 0)
		fprintf(fp, "    risk:\n      deny_over: %" PRIu64 "\n",
		    pr->deny_over);
	policy_caps_print(fp, 4, &pr->caps);
	policy_rules_print(pr, fp);
}

void
policy_profiles_print(const struct policy *p, FILE *fp)
{
	size_t	 i;

	if (p->nprofiles > 0)
		fputs("\nprofiles:\n", fp);
	for (i = 0; i < p->nprofiles; i++)
		print_profile(&p->profiles[i], fp);
}
