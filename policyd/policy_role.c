/*
 * `role:` of a profile in policy.yaml: what a role that is minted for one
 * session may do.  For every process of policyd; see policy.c for what is
 * trusted and how it fails.
 *
 * Names become quoted identifiers of SQL, exactly as they are written here:
 * nothing is folded.  What PostgreSQL would refuse or, worse, take with a mere
 * warning is refused here where that can be known without a server.
 */
#include <stdlib.h>
#include <string.h>

#include "kinds.h"
#include "policy_impl.h"

/* schema "." object, both quoted, every byte a doubled quote. */
#define ON_MAX		(64 + 4 * LEN_NAME + 8)

#define GRANT(member)	offsetof(struct role_grant, member)
static const struct conf_key grant_keys[] = {
	{ .name = "privileges", .type = CONF_STRINGS,
	  .offset = GRANT(privileges) },
	{ .name = "on", .type = CONF_STRING, .offset = GRANT(on) },
	{ .name = "columns", .type = CONF_STRINGS, .offset = GRANT(columns),
	  .dflt = "" }
};
static const struct conf_sub grant_sub = POLICY_MAP(grant_keys);
static const struct conf_sub grants_sub = POLICY_LIST(grant_sub);

#define ROLE(member)	offsetof(struct role_spec, member)
static const struct conf_key role_keys[] = {
	{ .name = "member_of", .type = CONF_STRINGS,
	  .offset = ROLE(member_of), .dflt = "" },
	{ .name = "grant", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &grants_sub },
	{ .name = "owner", .type = CONF_STRING, .offset = ROLE(owner),
	  .dflt = "" }
};
const struct conf_sub policy_role_sub = POLICY_MAP(role_keys);

static const struct {
	const char	*on, *sql;
	size_t		 parts;
	unsigned int	 privileges;
} kinds[GRANT_NKINDS] = {
#define GRANT_M_ROW(id, on, sql, parts, privs)	{ on, sql, parts, privs },
	GRANT_KINDS(GRANT_M_ROW)
#undef GRANT_M_ROW
};

static const struct {
	const char	*name;
	unsigned int	 on;
} privileges[] = {
	{ "select", PRIV_TABLE | PRIV_SEQUENCE | PRIV_COLUMN },
	{ "insert", PRIV_TABLE | PRIV_COLUMN },
	{ "update", PRIV_TABLE | PRIV_SEQUENCE | PRIV_COLUMN },
	{ "references", PRIV_TABLE | PRIV_COLUMN },
	{ "delete", PRIV_TABLE },
	{ "truncate", PRIV_TABLE },
	{ "trigger", PRIV_TABLE },
	{ "maintain", PRIV_TABLE },		/* from 17 on */
	{ "usage", PRIV_SEQUENCE | PRIV_SCHEMA },
	{ "create", PRIV_SCHEMA },
	{ "execute", PRIV_FUNCTION }
};

/*
 * Settings that only a superuser may set in a session (PGC_SUSET of PostgreSQL
 * 15 to 18): ALTER ROLE by the broker would fail, for every login.
 */
static const char *const superuser_settings[] = {
	"allow_in_place_tablespaces", "allow_system_table_mods",
	"backtrace_functions", "commit_delay", "compute_query_id",
	"deadlock_timeout", "debug_discard_caches", "dynamic_library_path",
	"event_triggers", "extension_control_path",
	"ignore_checksum_failure", "jit_dump_bitcode",
	"lc_messages", "lo_compat_privileges",
	"log_duration", "log_error_verbosity", "log_executor_stats",
	"log_lock_failures", "log_lock_waits", "log_min_duration_sample",
	"log_min_duration_statement", "log_min_error_statement",
	"log_min_messages", "log_parameter_max_length", "log_parser_stats",
	"log_planner_stats", "log_replication_commands", "log_statement",
	"log_statement_sample_rate", "log_statement_stats", "log_temp_files",
	"log_transaction_sample_rate", "max_stack_depth",
	"restrict_nonsystem_relation_kind",
	"session_preload_libraries", "session_replication_role",
	"temp_file_limit", "track_activities", "track_cost_delay_timing",
	"track_counts", "track_functions", "track_io_timing",
	"track_wal_io_timing", "update_process_title",
	"vacuum_truncate", "wal_compression", "wal_consistency_checking",
	"wal_init_zero", "wal_recycle", "zero_damaged_pages"
};

const char *
grant_kind_sql(enum grant_kind kind)
{
	return kinds[kind].sql;
}

/* --- names ------------------------------------------------------------------- */

/* Can it be an identifier of SQL, in quotes? */
static int
check_name(const struct conf *c, const struct conf_node *node,
    const char *where, const char *name, struct conf_error *err)
{
	const unsigned char	*p;

	if (name[0] == '\0')
		return conf_fail(c, node, err, "%s: an empty name", where);
	if (strlen(name) > LEN_NAME)
		return conf_fail(c, node, err, "%s: \"%.100s\" is longer than "
		    "a name of PostgreSQL's, %d bytes", where, name, LEN_NAME);
	for (p = (const unsigned char *)name; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			return conf_fail(c, node, err,
			    "%s: a control character in a name", where);
	return 0;
}

/* A role: the server's own names are nobody's to give. */
static int
check_role(const struct conf *c, const struct conf_node *node,
    const char *where, const char *name, struct conf_error *err)
{
	if (check_name(c, node, where, name, err) == -1)
		return -1;
	if (strcmp(name, "public") == 0 || strcmp(name, "none") == 0)
		return conf_fail(c, node, err, "%s: \"%s\" is no role", where,
		    name);
	if (strncmp(name, "pst_", 4) == 0)
		return conf_fail(c, node, err, "%s: \"%.100s\" looks like a "
		    "minted role", where, name);
	return 0;
}

/*
 * The next part of a name: up to a dot, or in double quotes, where "" is a
 * quote.  *p moves behind it and its dot.  NULL: malformed, or no memory.
 */
static char *
next_part(const char **p, bool last)
{
	const char	*s = *p;
	char		*out = calloc(1, strlen(s) + 1);
	size_t		 n = 0;
	bool		 closed = false;

	if (out == NULL)
		return NULL;
	if (*s == '"') {
		for (s++; *s != '\0' && !closed; s++)
			if (*s != '"')
				out[n++] = *s;
			else if (s[1] == '"')
				out[n++] = *s++;
			else
				closed = true;
		if (!closed)
			goto fail;
	} else
		while (*s != '\0' && *s != '.' && *s != '"')
			out[n++] = *s++;
	if (last ? *s != '\0' : *s++ != '.')
		goto fail;
	*p = s;
	return out;
fail:
	free(out);
	return NULL;
}

/* --- grant -------------------------------------------------------------------- */

static int
parse_on(const struct conf *c, const struct conf_node *map, const char *where,
    struct role_grant *g, struct conf_error *err)
{
	const struct conf_node	*node = conf_get(map, "on");
	const char		*p = NULL;
	char			 at[POLICY_WHERE];
	size_t			 k, i;

	policy_where(at, "%s.on", where);
	if (policy_text(c, map, where, "on", g->on, ON_MAX, err) == -1)
		return -1;
	for (k = 0; k < GRANT_NKINDS; k++)
		if (strncmp(g->on, kinds[k].on, strlen(kinds[k].on)) == 0)
			break;
	if (k == GRANT_NKINDS)
		return conf_fail(c, node, err, "%s: expected \"table "
		    "schema.name\", or sequence, function, schema, all "
		    "tables in schema, all sequences in schema", at);
	g->kind = (enum grant_kind)k;
	p = g->on + strlen(kinds[k].on);
	for (i = 0; i < kinds[k].parts; i++) {
		g->names[i] = next_part(&p, i + 1 == kinds[k].parts);
		if (g->names[i] == NULL)
			return conf_fail(c, node, err, "%s: expected %s after "
			    "\"%s\", a name with a dot in double quotes", at,
			    kinds[k].parts == 2 ? "schema.name" :
			    "the name of a schema", kinds[k].on);
		if (check_name(c, node, at, g->names[i], err) == -1)
			return -1;
	}
	return 0;
}

static int
check_privileges(const struct conf *c, const struct conf_node *map,
    const char *where, const struct role_grant *g, struct conf_error *err)
{
	const struct conf_node	*node;
	const char		*name;
	size_t			 i, k;

	if (g->privileges.n == 0)
		return conf_fail(c, conf_get(map, "privileges"), err,
		    "%s.privileges: the list is empty", where);
	for (i = 0; i < g->privileges.n; i++) {
		node = policy_item(map, "privileges", i);
		name = g->privileges.v[i];
		for (k = 0; k < POLICY_NELEM(privileges); k++)
			if (strcmp(privileges[k].name, name) == 0)
				break;
		if (k == POLICY_NELEM(privileges))
			return conf_fail(c, node, err, "%s.privileges: "
			    "PostgreSQL knows no privilege \"%.100s\" (they "
			    "are written in lower case)", where, name);
		if ((privileges[k].on & kinds[g->kind].privileges) == 0)
			return conf_fail(c, node, err, "%s.privileges: there "
			    "is no %s on a %s", where, name,
			    kinds[g->kind].sql);
		if (g->columns.n > 0 &&
		    (privileges[k].on & PRIV_COLUMN) == 0)
			return conf_fail(c, node, err, "%s.privileges: there "
			    "is no %s on columns", where, name);
	}
	return 0;
}

static int
parse_grant(const struct conf *c, const struct conf_node *map,
    const char *where, struct role_grant *g, struct conf_error *err)
{
	char	 at[POLICY_WHERE];
	size_t	 i;

	if (conf_fill(c, map, where, grant_keys, POLICY_NELEM(grant_keys), g,
	    err) == -1 ||
	    parse_on(c, map, where, g, err) == -1)
		return -1;
	policy_where(at, "%s.columns", where);
	if (conf_get(map, "columns") != NULL && g->columns.n == 0)
		return conf_fail(c, conf_get(map, "columns"), err,
		    "%s: the list is empty", at);
	if (g->columns.n > 0 && g->kind != GRANT_TABLE)
		return conf_fail(c, conf_get(map, "columns"), err,
		    "%s: only a table has columns", at);
	for (i = 0; i < g->columns.n; i++)
		if (check_name(c, policy_item(map, "columns", i), at,
		    g->columns.v[i], err) == -1)
			return -1;
	return check_privileges(c, map, where, g, err);
}

/* --- role ---------------------------------------------------------------------- */

static int
parse_grants(const struct conf *c, const struct conf_node *list,
    const char *role, struct role_spec *r, struct conf_error *err)
{
	char	 where[POLICY_WHERE];
	size_t	 i;

	if (list->kind != CONF_LIST || list->n == 0)
		return conf_fail(c, list, err, "%s.grant: expected a list of "
		    "{privileges, on}", role);
	if ((r->grants = calloc(list->n, sizeof(*r->grants))) == NULL)
		return conf_fail(c, list, err, "out of memory");
	for (i = 0; i < list->n; i++) {
		policy_where(where, "%s.grant[%zu]", role, i);
		if (parse_grant(c, list->items[i], where,
		    &r->grants[r->ngrants++], err) == -1)
			return -1;
	}
	return 0;
}

int
policy_role_parse(const struct conf *c, const struct conf_node *node,
    const char *profile, const struct policy *p, struct profile *pr,
    struct conf_error *err)
{
	struct role_spec	*r = &pr->role;
	const struct conf_node	*grants;
	char			 where[POLICY_WHERE], at[POLICY_WHERE];
	size_t			 i;

	(void)p;
	pr->mints = true;
	policy_where(where, "%s.role", profile);
	if (conf_fill(c, node, where, role_keys, POLICY_NELEM(role_keys), r,
	    err) == -1)
		return -1;
	policy_where(at, "%s.member_of", where);
	for (i = 0; i < r->member_of.n; i++)
		if (check_role(c, policy_item(node, "member_of", i), at,
		    r->member_of.v[i], err) == -1)
			return -1;
	policy_where(at, "%s.owner", where);
	if (r->owner != NULL && check_role(c, conf_get(node, "owner"), at,
	    r->owner, err) == -1)
		return -1;
	if ((grants = conf_get(node, "grant")) != NULL &&
	    parse_grants(c, grants, where, r, err) == -1)
		return -1;
	if (r->member_of.n == 0 && r->ngrants == 0)
		return conf_fail(c, node, err, "%s: member_of or grant must "
		    "be given, or the role could do nothing", where);
	return 0;
}

/* --- a minted role and the rest of its profile ------------------------------------ */

/* Could a statement of this kind pass the rules? */
static bool
may_run(const struct profile *pr, enum kind kind)
{
	const struct rule	*r;
	const struct cond	*w;
	size_t			 i;

	if (pr->observe != 0)
		return true;
	for (i = 0; i < pr->nrules; i++) {
		r = &pr->rules[i];
		w = &r->when;
		if ((w->kinds.n > 0 && !kind_set_has(&w->kind_set, kind)) ||
		    r->observe != 0 || r->action == RULE_NEXT)
			continue;
		if (r->action != RULE_DENY)
			return true;
		/* Only what always fits stops it for sure. */
		if (w->looks == 0 && w->text == NULL &&
		    w->statements_over == 0 &&
		    w->nany + w->nall == 0 && w->not == NULL)
			return false;
	}
	return false;
}

/* What it may do that can leave something behind, or NULL. */
static const char *
may_create(const struct profile *pr)
{
	const struct role_grant	*g;
	size_t			 i, k;

	for (i = 0; i < pr->role.ngrants; i++) {
		g = &pr->role.grants[i];
		for (k = 0; k < g->privileges.n; k++)
			if (strcmp(g->privileges.v[k], "create") == 0)
				return "grant create";
	}
	for (i = 0; i < NKINDS; i++)
		if (((kind_groups((enum kind)i) & KIND_G_CREATE) != 0 ||
		    i == KIND_DO) && may_run(pr, (enum kind)i))
			return i == KIND_DO ? "do" : "create";
	return NULL;
}

/* Never the broker (D22): what it owned would run as the broker. */
static int
check_brokers(const struct conf *c, const struct conf_node *role,
    const char *where, const struct policy *p, const struct profile *pr,
    struct conf_error *err)
{
	const struct database	*db;
	size_t			 i, k;

	for (i = 0; i < p->ndatabases; i++) {
		db = &p->databases[i];
		if (!profile_has_database(pr, db->key))
			continue;
		if (pr->role.owner != NULL &&
		    strcmp(pr->role.owner, db->broker_user) == 0)
			return conf_fail(c, conf_get(role, "owner"), err,
			    "%s.role.owner: \"%s\" is the broker of %s", where,
			    pr->role.owner, db->key);
		for (k = 0; k < pr->role.member_of.n; k++)
			if (strcmp(pr->role.member_of.v[k],
			    db->broker_user) == 0)
				return conf_fail(c, policy_item(role,
				    "member_of", k), err, "%s.role.member_of: "
				    "\"%s\" is the broker of %s", where,
				    db->broker_user, db->key);
	}
	return 0;
}

int
policy_role_check(const struct conf *c, const struct conf_node *map,
    const char *where, const struct policy *p, const struct profile *pr,
    struct conf_error *err)
{
	const struct conf_node	*role = conf_get(map, "role");
	const struct conf_node	*settings = conf_get(map, "settings");
	const char		*how;
	size_t			 i, k;

	if (!pr->mints)
		return 0;
	if (pr->role.owner == NULL && (how = may_create(pr)) != NULL)
		return conf_fail(c, role, err, "%s.role: owner must be given, "
		    "for what a session leaves behind: the profile may create "
		    "(%s)", where, how);
	for (i = 0; i < pr->nsettings; i++)
		for (k = 0; k < POLICY_NELEM(superuser_settings); k++)
			if (strcmp(pr->settings[i].name,
			    superuser_settings[k]) == 0)
				return conf_fail_key(c, settings, i, err,
				    "%s.settings: only a superuser may set "
				    "\"%s\", and a minted role is none", where,
				    superuser_settings[k]);
	return check_brokers(c, role, where, p, pr, err);
}

void
policy_role_free(struct profile *pr)
{
	struct role_grant	*g;
	size_t			 i;

	for (i = 0; i < pr->role.ngrants; i++) {
		g = &pr->role.grants[i];
		free(g->names[0]);
		free(g->names[1]);
		conf_release(grant_keys, POLICY_NELEM(grant_keys), g);
	}
	free(pr->role.grants);
	conf_release(role_keys, POLICY_NELEM(role_keys), &pr->role);
}

void
policy_role_print(const struct profile *pr, FILE *fp)
{
	const struct role_grant	*g;
	size_t			 i, k;

	fputs("    role:\n", fp);
	conf_print(fp, 6, role_keys, POLICY_NELEM(role_keys), &pr->role);
	if (pr->role.ngrants > 0)
		fputs("      grant:\n", fp);
	for (i = 0; i < pr->role.ngrants; i++) {
		g = &pr->role.grants[i];
		for (k = 0; k < g->privileges.n; k++) {
			fputs(k == 0 ? "        - privileges: [" : ", ", fp);
			conf_print_scalar(fp, g->privileges.v[k]);
		}
		fputs("]\n", fp);
		conf_print(fp, 10, grant_keys + 1,
		    POLICY_NELEM(grant_keys) - 1, g);
	}
}
