/*
 * policy.yaml: the file as a whole, where things are kept, and databases.
 * Issuers, masks, profiles and rules are in files of their own.
 *
 * Every process of policyd parses the same text, sent by the parent; policyd
 * -n and policyctl parse it too.  The text is the administrator's, trusted in
 * what it grants.  What is not understood is an error, never ignored: a key
 * that was meant to restrict must not be lost.
 *
 * No other file is opened here.  Nothing logs or exits: NULL with
 * "file:line:col: sentence".
 */
#include "policy.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "policy_impl.h"

#define POINTER_MAX	255

struct top {
	uint64_t	 version;
};

#define RUNTIME(member)	offsetof(struct policy_runtime, member)
static const struct conf_key runtime_keys[] = {
	{ .name = "socket", .type = CONF_PATH, .offset = RUNTIME(socket),
	  .dflt = "/run/postern/policyd.sock" },
	{ .name = "state", .type = CONF_PATH, .offset = RUNTIME(state),
	  .dflt = "/var/lib/postern/policyd" },
	{ .name = "auditd", .type = CONF_PATH, .offset = RUNTIME(auditd),
	  .dflt = "/run/postern/auditd.sock" },
	{ .name = "user", .type = CONF_STRING, .offset = RUNTIME(user),
	  .dflt = "_policyd" },
	{ .name = "user_verifier", .type = CONF_STRING,
	  .offset = RUNTIME(user_verifier), .dflt = "_policyd_verifier" },
	{ .name = "user_engine", .type = CONF_STRING,
	  .offset = RUNTIME(user_engine), .dflt = "_policyd_engine" },
	{ .name = "user_keeper", .type = CONF_STRING,
	  .offset = RUNTIME(user_keeper), .dflt = "_policyd_keeper" },
	{ .name = "user_notifier", .type = CONF_STRING,
	  .offset = RUNTIME(user_notifier), .dflt = "_policyd_notifier" }
};

#define DATABASE(member) offsetof(struct database, member)
/* In the order of enum db_tls. */
static const char *const tls_modes[] = {
	"disable", "require", "verify-ca", "verify-full", NULL
};
static const struct conf_key tls_keys[] = {
	{ .name = "mode", .type = CONF_ENUM, .offset = DATABASE(tls),
	  .dflt = "verify-full", .choices = tls_modes },
	{ .name = "ca", .type = CONF_PATH, .offset = DATABASE(ca_file),
	  .dflt = "" }
};
static const struct conf_key broker_keys[] = {
	{ .name = "user", .type = CONF_STRING,
	  .offset = DATABASE(broker_user) },
	{ .name = "password_file", .type = CONF_PATH,
	  .offset = DATABASE(broker_password_file), .dflt = "" }
};

static const struct conf_sub tls_sub = POLICY_MAP(tls_keys);
static const struct conf_sub broker_sub = POLICY_MAP(broker_keys);
static const struct conf_key database_keys[] = {
	{ .name = "host", .type = CONF_STRING, .offset = DATABASE(host) },
	{ .name = "port", .type = CONF_INT, .offset = DATABASE(port),
	  .dflt = "5432", .min = 1, .max = 65535 },
	{ .name = "dbname", .type = CONF_STRING, .offset = DATABASE(dbname),
	  .dflt = "" },
	{ .name = "estimate_within", .type = CONF_DURATION,
	  .offset = DATABASE(estimate_within), .dflt = "200ms", .min = 10,
	  .max = 10000 },
	{ .name = "tls", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &tls_sub },
	{ .name = "broker", .type = CONF_CUSTOM, .parse = policy_later,
	  .sub = &broker_sub }
};
static const struct conf_sub runtime_sub = POLICY_MAP(runtime_keys);
static const struct conf_sub database_sub = POLICY_MAP(database_keys);
static const struct conf_sub databases_sub = POLICY_NAMES(database_sub,
    POLICY_FIT);

static const struct conf_key top_keys[] = {
	{ .name = "version", .type = CONF_INT,
	  .offset = offsetof(struct top, version) },
	{ .name = "runtime", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &runtime_sub },
	{ .name = "issuers", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_issuers_sub },
	{ .name = "databases", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &databases_sub },
	{ .name = "masks", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_masks_sub },
	{ .name = "profiles", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_profiles_sub },
	{ .name = "approvers", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_approvers_sub },
	{ .name = "notify", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_notify_sub }
};
const struct conf_sub policy_sub = POLICY_MAP(top_keys);

/* --- what the parts share ---------------------------------------------------- */

int
policy_later(const struct conf *c, const struct conf_node *node, void *out,
    struct conf_error *err)
{
	(void)c;
	(void)node;
	(void)out;
	(void)err;
	return 0;
}

void
policy_where(char where[POLICY_WHERE], const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(where, POLICY_WHERE, fmt, ap);
	va_end(ap);
}

int
policy_entry(const struct conf *c, const struct conf_node *map, size_t i,
    const char *section, struct conf_error *err)
{
	const char	*key = map->keys[i], *p;

	for (p = key; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && *p != '_' &&
		    (p == key || strchr(".@-", *p) == NULL))
			break;
	if (*p != '\0' || p == key)
		return conf_fail_key(c, map, i, err, "%s: \"%.100s\" is not "
		    "a fit name (letters, digits, _ . @ -)", section, key);
	if (p - key > LEN_KEY)
		return conf_fail_key(c, map, i, err, "%s: a name has at most "
		    "%d bytes", section, LEN_KEY);
	return 0;
}

/* Is it fit?  -1, at `node`, when it is not. */
static int
check_text(const struct conf *c, const struct conf_node *node,
    const char *where, const char *key, const char *s, size_t max,
    struct conf_error *err)
{
	const unsigned char	*p;

	if (s[0] == '\0')
		return conf_fail(c, node, err, "%s.%s: the value is empty",
		    where, key);
	if (strlen(s) > max)
		return conf_fail(c, node, err, "%s.%s: longer than %zu bytes",
		    where, key, max);
	for (p = (const unsigned char *)s; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			return conf_fail(c, node, err,
			    "%s.%s: a control character in the value", where,
			    key);
	return 0;
}

int
policy_text(const struct conf *c, const struct conf_node *map,
    const char *where, const char *key, const char *value, size_t max,
    struct conf_error *err)
{
	const struct conf_node	*node = conf_get(map, key);

	if (node == NULL || value == NULL)
		return 0;
	return check_text(c, node, where, key, value, max, err);
}

int
policy_texts(const struct conf *c, const struct conf_node *map,
    const char *where, const char *key, const struct conf_strings *s,
    size_t max, struct conf_error *err)
{
	size_t	 i;

	for (i = 0; i < s->n; i++)
		if (check_text(c, policy_item(map, key, i), where, key,
		    s->v[i], max, err) == -1)
			return -1;
	return 0;
}

const struct conf_node *
policy_item(const struct conf_node *map, const char *key, size_t i)
{
	const struct conf_node	*node = conf_get(map, key);

	if (node == NULL)
		return map;
	return node->kind == CONF_LIST && i < node->n ? node->items[i] :
	    node;
}

bool
policy_pointer(const char *s)
{
	const char	*p;

	for (p = s; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f ||
		    (*p == '~' && p[1] != '0' && p[1] != '1'))
			return false;
	return s[0] == '/' && p - s <= POINTER_MAX;
}

bool
policy_dotted(const char *s, size_t parts)
{
	size_t	 n = 1, len = 0;

	for (; *s != '\0'; s++) {
		if (*s != '.') {
			len++;
			continue;
		}
		if (len == 0)
			return false;
		n++;
		len = 0;
	}
	return n == parts && len > 0;
}

int
policy_pair(const struct conf *c, const struct conf_node *map, size_t i,
    const char *where, enum conf_type type, void *out, struct conf_error *err)
{
	struct conf_key		 key = { .name = map->keys[i], .type = type };
	struct conf_node	 pair = *map;

	pair.keys = &map->keys[i];
	pair.items = &map->items[i];
	pair.n = 1;
	return conf_fill(c, &pair, where, &key, 1, out, err);
}

void
policy_print_key(FILE *fp, int indent, const char *key)
{
	fprintf(fp, "%*s", indent, "");
	conf_print_scalar(fp, key);
	fputs(":\n", fp);
}

/* --- runtime ------------------------------------------------------------------ */

static int
parse_runtime(const struct conf *c, const struct conf_node *node,
    struct policy_runtime *r, struct conf_error *err)
{
	const struct conf_node	 none = { .kind = CONF_MAP, .line = 1,
				    .col = 1 };
	const size_t		 sun = sizeof(((struct sockaddr_un *)0)->
				    sun_path) - 1;
	const char		*where = "runtime";

	if (node == NULL)
		node = &none;
	if (conf_fill(c, node, where, runtime_keys,
	    POLICY_NELEM(runtime_keys), r, err) == -1)
		return -1;
	if (policy_text(c, node, where, "socket", r->socket, sun, err) == -1 ||
	    policy_text(c, node, where, "state", r->state, LEN_PATH - 64,
	    err) == -1 ||
	    policy_text(c, node, where, "auditd", r->auditd, sun, err) == -1 ||
	    policy_text(c, node, where, "user", r->user, 31, err) == -1 ||
	    policy_text(c, node, where, "user_verifier", r->user_verifier, 31,
	    err) == -1 ||
	    policy_text(c, node, where, "user_engine", r->user_engine, 31,
	    err) == -1 ||
	    policy_text(c, node, where, "user_keeper", r->user_keeper, 31,
	    err) == -1 ||
	    policy_text(c, node, where, "user_notifier", r->user_notifier, 31,
	    err) == -1)
		return -1;
	return 0;
}

/* --- databases ---------------------------------------------------------------- */

static int
parse_tls(const struct conf *c, const struct conf_node *map,
    const char *where, struct database *db, struct conf_error *err)
{
	static const struct conf_node	 none = { .kind = CONF_MAP };
	const struct conf_node		*node = conf_get(map, "tls"), *mode;
	char				 at[POLICY_WHERE];
	bool				 local = db->host[0] == '/';

	if (node == NULL)
		node = &none;
	policy_where(at, "%s.tls", where);
	if (conf_fill(c, node, at, tls_keys, POLICY_NELEM(tls_keys), db,
	    err) == -1)
		return -1;
	mode = conf_get(node, "mode");
	if (local && mode == NULL)
		db->tls = DB_TLS_DISABLE;
	if (local && db->tls != DB_TLS_DISABLE)
		return conf_fail(c, mode, err, "%s.mode: there is no TLS on "
		    "a Unix socket", at);
	if (db->tls == DB_TLS_DISABLE && db->ca_file != NULL)
		return conf_fail(c, conf_get(node, "ca"), err,
		    "%s.ca: of no use where the mode is disable", at);
	if (db->tls >= DB_TLS_VERIFY_CA && db->ca_file == NULL)
		return conf_fail(c, node == &none ? map : node, err,
		    "%s: key \"ca\" is missing, to verify the server by", at);
	return 0;
}

static int
parse_database(const struct conf *c, const struct conf_node *map,
    const char *where, struct database *db, struct conf_error *err)
{
	const struct conf_node	*broker;
	char			 at[POLICY_WHERE];

	if (conf_fill(c, map, where, database_keys,
	    POLICY_NELEM(database_keys), db, err) == -1)
		return -1;
	if (db->dbname == NULL && (db->dbname = strdup(db->key)) == NULL)
		return conf_fail(c, map, err, "out of memory");
	/* A host name goes into messages; the path of a socket does not. */
	if (policy_text(c, map, where, "host", db->host,
	    db->host[0] == '/' ? 90 : LEN_ADDR, err) == -1 ||
	    policy_text(c, map, where, "dbname", db->dbname, LEN_NAME,
	    err) == -1 ||
	    parse_tls(c, map, where, db, err) == -1)
		return -1;
	broker = conf_get(map, "broker");
	policy_where(at, "%s.broker", where);
	if (conf_fill(c, broker, at, broker_keys, POLICY_NELEM(broker_keys),
	    db, err) == -1)
		return -1;
	return policy_text(c, broker, at, "user", db->broker_user, LEN_NAME,
	    err);
}

static int
parse_databases(const struct conf *c, const struct conf_node *node,
    struct policy *p, struct conf_error *err)
{
	struct database	*db;
	char		 where[POLICY_WHERE];
	size_t		 i;

	if (node == NULL)
		return 0;
	if (node->kind != CONF_MAP)
		return conf_fail(c, node, err, "databases: expected a map");
	if ((p->databases = calloc(node->n + 1, sizeof(*db))) == NULL)
		return conf_fail(c, node, err, "out of memory");
	for (i = 0; i < node->n; i++) {
		if (policy_entry(c, node, i, "databases", err) == -1)
			return -1;
		db = &p->databases[p->ndatabases++];
		policy_where(where, "databases.%s", node->keys[i]);
		if ((db->key = strdup(node->keys[i])) == NULL)
			return conf_fail(c, node, err, "out of memory");
		if (parse_database(c, node->items[i], where, db, err) == -1)
			return -1;
	}
	return 0;
}

/* --- the whole ---------------------------------------------------------------- */

static int
parse_top(const struct conf *c, struct policy *p, struct conf_error *err)
{
	const struct conf_node	*root = c->root;
	struct top		 top = { 0 };

	if (conf_fill(c, root, "", top_keys, POLICY_NELEM(top_keys), &top,
	    err) == -1)
		return -1;
	if (top.version != 1)
		return conf_fail(c, conf_get(root, "version"), err,
		    "version: expected 1");
	/* Profiles refer to all the others. */
	if (parse_runtime(c, conf_get(root, "runtime"), &p->runtime,
	    err) == -1 ||
	    policy_issuers_parse(c, conf_get(root, "issuers"), p, err) == -1 ||
	    parse_databases(c, conf_get(root, "databases"), p, err) == -1 ||
	    policy_masks_parse(c, conf_get(root, "masks"), p, err) == -1 ||
	    policy_approvers_parse(c, conf_get(root, "approvers"), p,
	    err) == -1 ||
	    policy_notify_parse(c, conf_get(root, "notify"), p, err) == -1 ||
	    policy_profiles_parse(c, conf_get(root, "profiles"), p,
	    err) == -1)
		return -1;
	return 0;
}

struct policy *
policy_parse(const char *path, const char *text, size_t len,
    struct conf_error *err)
{
	struct policy	*p = NULL;
	struct conf	*c;

	if ((c = conf_parse(path, text, len, err)) == NULL)
		return NULL;
	if ((p = calloc(1, sizeof(*p))) == NULL)
		snprintf(err->text, sizeof(err->text), "out of memory");
	else if (parse_top(c, p, err) == -1)
		policy_free(&p);
	conf_free(&c);
	return p;
}

void
policy_free(struct policy **policy)
{
	struct policy	*p = *policy;
	size_t		 i;

	if (p == NULL)
		return;
	policy_profiles_free(p);
	policy_approvers_free(p);
	policy_notify_free(p);
	policy_masks_free(p);
	for (i = 0; i < p->ndatabases; i++) {
		free(p->databases[i].key);
		conf_release(database_keys, POLICY_NELEM(database_keys),
		    &p->databases[i]);
		conf_release(tls_keys, POLICY_NELEM(tls_keys),
		    &p->databases[i]);
		conf_release(broker_keys, POLICY_NELEM(broker_keys),
		    &p->databases[i]);
	}
	free(p->databases);
	policy_issuers_free(p);
	conf_release(runtime_keys, POLICY_NELEM(runtime_keys), &p->runtime);
	free(p);
	*policy = NULL;
}

void
policy_print(const struct policy *p, FILE *fp)
{
	const struct database	*db;
	size_t			 i;

	fputs("version: 1\n\nruntime:\n", fp);
	conf_print(fp, 2, runtime_keys, POLICY_NELEM(runtime_keys),
	    &p->runtime);
	policy_issuers_print(p, fp);
	if (p->ndatabases > 0)
		fputs("\ndatabases:\n", fp);
	for (i = 0; i < p->ndatabases; i++) {
		db = &p->databases[i];
		policy_print_key(fp, 2, db->key);
		conf_print(fp, 4, database_keys, POLICY_NELEM(database_keys),
		    db);
		policy_print_key(fp, 4, "tls");
		conf_print(fp, 6, tls_keys, POLICY_NELEM(tls_keys), db);
		policy_print_key(fp, 4, "broker");
		conf_print(fp, 6, broker_keys, POLICY_NELEM(broker_keys), db);
	}
	policy_masks_print(p, fp);
	policy_profiles_print(p, fp);
	policy_approvers_print(p, fp);
	policy_notify_print(p, fp);
}

const struct database *
policy_database(const struct policy *p, const char *key)
{
	size_t	 i;

	for (i = 0; i < p->ndatabases; i++)
		if (strcmp(p->databases[i].key, key) == 0)
			return &p->databases[i];
	return NULL;
}

const struct profile *
policy_profile(const struct policy *p, const char *key)
{
	size_t	 i;

	for (i = 0; i < p->nprofiles; i++)
		if (strcmp(p->profiles[i].key, key) == 0)
			return &p->profiles[i];
	return NULL;
}
