/*
 * The described catalogue of policyctl test: YAML in, the keeper's records
 * out, and from there the way that any snapshot goes (catalog.c).
 *
 * Runs in policyctl, on an administrator's file.  What is not understood is an
 * error with its place.
 */
#include "catdesc.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "catalog_recs.h"
#include "policy_impl.h"

#define SIZE_MAX_DESC	(64u * 1024 * 1024)
#define SIZE_MAX_SNAPSHOT	(1024u * 1024 * 1024)
#define FIRST_OID	20000u

struct build {
	const struct conf	*c;
	struct conf_error	*err;
	struct buf		 out;
	uint32_t		 records, oid, types;
};

struct relation {
	int			 kind;
};

static const char *const kinds[] = { "table", "view", "materialized_view",
	"foreign_table", "partitioned_table", "sequence", NULL };
static const char	 relkinds[] = "rvmfpS";

#define RELATION(m)	offsetof(struct relation, m)
static const struct conf_key relation_keys[] = {
	{ .name = "kind", .type = CONF_ENUM, .offset = RELATION(kind),
	  .dflt = "table", .choices = kinds },
	{ .name = "columns", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later },
	{ .name = "keys", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later },
	{ .name = "parent", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later }
};

struct function {
	int	 volatility;
	bool	 definer, procedure;
	char	*language, *code, *sets;
};

static const char *const volatilities[] = { "volatile", "stable",
	"immutable", NULL };

#define FUNCTION(m)	offsetof(struct function, m)
static const struct conf_key function_keys[] = {
	{ .name = "volatility", .type = CONF_ENUM,
	  .offset = FUNCTION(volatility), .dflt = "volatile",
	  .choices = volatilities },
	{ .name = "security_definer", .type = CONF_BOOL,
	  .offset = FUNCTION(definer), .dflt = "false" },
	{ .name = "procedure", .type = CONF_BOOL,
	  .offset = FUNCTION(procedure), .dflt = "false" },
	{ .name = "language", .type = CONF_STRING,
	  .offset = FUNCTION(language), .dflt = "plpgsql" },
	{ .name = "code", .type = CONF_STRING, .offset = FUNCTION(code),
	  .dflt = "" },
	{ .name = "sets", .type = CONF_STRING, .offset = FUNCTION(sets),
	  .dflt = "" }
};

struct database_desc {
	uint64_t		 server;
	char			*snapshot;	/* or NULL */
};

static const struct conf_key database_keys[] = {
	{ .name = "server", .type = CONF_INT,
	  .offset = offsetof(struct database_desc, server), .dflt = "15",
	  .min = 10, .max = 99 },
	{ .name = "snapshot", .type = CONF_PATH,
	  .offset = offsetof(struct database_desc, snapshot), .dflt = "" },
	{ .name = "relations", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later },
	{ .name = "functions", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later }
};

static int
emit(struct build *b, enum cat_kind kind, const void *rec)
{
	static const uint8_t	 zero[8];
	uint8_t			*head;
	size_t			 at = b->out.len, n;

	if (buf_add(&b->out, zero, sizeof(zero)) == -1 ||
	    msg_encode(cat_desc(kind), rec, &b->out) == -1)
		return -1;
	head = buf_head(&b->out) + at;
	n = b->out.len - at - sizeof(zero);
	head[0] = (uint8_t)n;
	head[1] = (uint8_t)(n >> 8);
	head[2] = (uint8_t)(n >> 16);
	head[4] = (uint8_t)kind;
	b->records++;
	return 0;
}

static int
fail_size(struct build *b, const struct conf_node *node, const char *where)
{
	return conf_fail(b->c, node, b->err, "%s: a name or a text is too "
	    "long", where);
}

/* "schema.name" of a key. */
static int
split(struct build *b, const struct conf_node *map, size_t i,
    const char *where, struct slice *schema, struct slice *name)
{
	const char	*key = map->keys[i], *dot = strchr(key, '.');

	if (!policy_dotted(key, 2))
		return conf_fail_key(b->c, map, i, b->err, "%s: \"%.100s\" "
		    "is not of the form schema.name", where, key);
	*schema = slice_of(key, (size_t)(dot - key));
	*name = slice_str(dot + 1);
	return 0;
}

/* pg_type.typcategory, as far as masks and keys look at it. */
static uint8_t
category(const char *type)
{
	static const char *const numbers[] = { "int", "bigint", "smallint",
	    "numeric", "real", "double", NULL };
	static const char *const texts[] = { "text", "char", "varchar",
	    "name", "citext", NULL };
	static const char *const times[] = { "date", "time", NULL };
	size_t	 i, n = strlen(type);

	if (n > 2 && strcmp(type + n - 2, "[]") == 0)
		return 'A';
	for (i = 0; texts[i] != NULL; i++)
		if (strncmp(type, texts[i], strlen(texts[i])) == 0)
			return 'S';
	for (i = 0; times[i] != NULL; i++)
		if (strncmp(type, times[i], strlen(times[i])) == 0)
			return 'D';
	if (strncmp(type, "interval", 8) == 0)
		return 'T';
	for (i = 0; numbers[i] != NULL; i++)
		if (strncmp(type, numbers[i], strlen(numbers[i])) == 0)
			return 'N';
	return strcmp(type, "boolean") == 0 ? 'B' : 'U';
}

static int
columns(struct build *b, const struct conf_node *map, const char *where)
{
	struct cat_column	 col;
	struct cat_holds	 holds;
	size_t			 i;

	if (map->kind != CONF_MAP)
		return conf_fail(b->c, map, b->err, "%s.columns: expected a "
		    "map from names to types", where);
	for (i = 0; i < map->n; i++) {
		if (map->items[i]->kind != CONF_SCALAR ||
		    map->items[i]->value[0] == '\0')
			return conf_fail(b->c, map->items[i], b->err,
			    "%s.columns: expected a type", where);
		memset(&col, 0, sizeof(col));
		col.relation = b->oid;
		col.attnum = (uint32_t)i + 1;
		col.name = slice_str(map->keys[i]);
		col.type = FIRST_OID + b->types++;
		col.type_name = slice_str(map->items[i]->value);
		col.category = category(map->items[i]->value);
		holds.type = col.type;
		holds.name = slice_of(map->items[i]->value,
		    strcspn(map->items[i]->value, "(["));
		if (emit(b, CAT_column, &col) == -1 ||
		    emit(b, CAT_holds, &holds) == -1)
			return fail_size(b, map->items[i], where);
	}
	return 0;
}

static int
key(struct build *b, const struct conf_node *list,
    const struct conf_node *cols, const char *where)
{
	struct conf_strings	 names = { NULL, 0 };
	struct cat_key		 k;
	uint8_t			 nums[128];
	size_t			 i, j;
	int			 rc = -1;

	if (conf_strings(b->c, list, &names, b->err) == -1)
		return -1;
	memset(nums, 0, sizeof(nums));
	for (i = 0; i < names.n && i < sizeof(nums) / 4; i++) {
		for (j = 0; cols != NULL && j < cols->n; j++)
			if (strcmp(cols->keys[j], names.v[i]) == 0)
				break;
		if (cols == NULL || j == cols->n) {
			conf_fail(b->c, list, b->err, "%s.keys: there is no "
			    "column \"%.63s\"", where, names.v[i]);
			goto out;
		}
		nums[4 * i] = (uint8_t)(j + 1);
		nums[4 * i + 1] = (uint8_t)((j + 1) >> 8);
	}
	k.relation = b->oid;
	k.attnums = slice_of(nums, 4 * i);
	rc = emit(b, CAT_key, &k);
out:
	conf_strings_free(&names);
	return rc;
}

static int
keys(struct build *b, const struct conf_node *list,
    const struct conf_node *cols, const char *where)
{
	size_t	 i;

	if (list->kind != CONF_LIST)
		return conf_fail(b->c, list, b->err, "%s.keys: expected a "
		    "list of keys, each a list of columns", where);
	for (i = 0; i < list->n; i++)
		if (key(b, list->items[i], cols, where) == -1)
			return -1;
	return 0;
}

/* The oid of an earlier relation of the same map. */
static int
parent(struct build *b, const struct conf_node *node,
    const struct conf_node *map, size_t n, const char *where)
{
	struct cat_depends	 d = { b->oid, 0, 'i', 0, 0 };
	size_t			 i;

	for (i = 0; i < n; i++)
		if (node->kind == CONF_SCALAR &&
		    strcmp(map->keys[i], node->value) == 0)
			break;
	if (i == n)
		return conf_fail(b->c, node, b->err, "%s.parent: expected a "
		    "relation that stands above", where);
	d.on = FIRST_OID + (uint32_t)i;
	return emit(b, CAT_depends, &d);
}

static int
relation(struct build *b, const struct conf_node *map, size_t i,
    const char *where)
{
	const struct conf_node	*node = map->items[i], *cols, *sub;
	struct cat_relation	 r;
	struct relation		 rel;

	memset(&rel, 0, sizeof(rel));
	memset(&r, 0, sizeof(r));
	if (split(b, map, i, where, &r.schema, &r.name) == -1 ||
	    conf_fill(b->c, node, where, relation_keys,
	    POLICY_NELEM(relation_keys), &rel, b->err) == -1)
		return -1;
	r.oid = b->oid = FIRST_OID + (uint32_t)i;
	r.kind = (uint8_t)relkinds[rel.kind];
	if (emit(b, CAT_relation, &r) == -1)
		return fail_size(b, node, where);
	cols = conf_get(node, "columns");
	if (cols != NULL && columns(b, cols, where) == -1)
		return -1;
	if ((sub = conf_get(node, "keys")) != NULL &&
	    keys(b, sub, cols, where) == -1)
		return -1;
	if ((sub = conf_get(node, "parent")) != NULL)
		return parent(b, sub, map, i, where);
	return 0;
}

static int
function(struct build *b, const struct conf_node *map, size_t i,
    const char *where)
{
	struct cat_function	 f;
	struct function		 fn;
	int			 rc = -1;

	memset(&f, 0, sizeof(f));
	memset(&fn, 0, sizeof(fn));
	if (split(b, map, i, where, &f.schema, &f.name) == -1)
		return -1;
	if (conf_fill(b->c, map->items[i], where, function_keys,
	    POLICY_NELEM(function_keys), &fn, b->err) == 0) {
		f.volatility = (uint8_t)"vsi"[fn.volatility];
		f.definer = fn.definer;
		f.procedure = fn.procedure;
		f.language = slice_str(fn.language);
		f.code = slice_str(fn.code != NULL ? fn.code : "");
		f.sets = slice_str(fn.sets != NULL ? fn.sets : "");
		if ((rc = emit(b, CAT_function, &f)) == -1)
			fail_size(b, map->items[i], where);
	}
	conf_release(function_keys, POLICY_NELEM(function_keys), &fn);
	return rc;
}

static int
each(struct build *b, const struct conf_node *map, const char *where,
    const char *section, int (*fn)(struct build *, const struct conf_node *,
    size_t, const char *))
{
	const struct conf_node	*sub = conf_get(map, section);
	char			 at[POLICY_WHERE];
	size_t			 i;

	if (sub == NULL)
		return 0;
	if (sub->kind != CONF_MAP)
		return conf_fail(b->c, sub, b->err, "%s.%s: expected a map",
		    where, section);
	for (i = 0; i < sub->n; i++) {
		policy_where(at, "%s.%s.%s", where, section, sub->keys[i]);
		if (fn(b, sub, i, at) == -1)
			return -1;
	}
	return 0;
}

/* What policyctl catalog wrote: the keeper's own records. */
static struct catalog *
snapshot(const struct conf *c, const struct conf_node *map, const char *where,
    const char *path, struct conf_error *err)
{
	const struct conf_node	*node = conf_get(map, "snapshot");
	const char		*why = "it cannot be read";
	struct catalog		*cat = NULL;
	struct buf		 b;
	FILE			*fp;
	uint8_t			*p;
	size_t			 n = 1;

	if (map->n != 1) {
		conf_fail(c, map, err, "%s: beside snapshot there can be "
		    "nothing", where);
		return NULL;
	}
	buf_init(&b, SIZE_MAX_SNAPSHOT);
	if ((fp = fopen(path, "re")) != NULL) {
		while (n > 0 && (p = buf_reserve(&b, 65536)) != NULL) {
			n = fread(p, 1, 65536, fp);
			buf_commit(&b, n);
		}
		if (n == 0 && !ferror(fp))
			cat = catalog_parse(buf_head(&b), b.len, &why);
		fclose(fp);
	}
	if (cat == NULL)
		conf_fail(c, node, err, "%s.snapshot: %s", where, why);
	buf_clear(&b);
	return cat;
}

struct catalog *
catdesc_build(const struct conf *c, const struct conf_node *map,
    const char *where, struct conf_error *err)
{
	struct build		 b = { .c = c, .err = err };
	struct cat_database	 db = { slice_str("described"), 150000 };
	struct cat_end		 end;
	struct catalog		*cat = NULL;
	const char		*why = "out of memory";
	struct database_desc	 d = { .snapshot = NULL };

	buf_init(&b.out, SIZE_MAX_DESC);
	if (conf_fill(c, map, where, database_keys,
	    POLICY_NELEM(database_keys), &d, err) == -1)
		goto out;
	if (d.snapshot != NULL) {
		cat = snapshot(c, map, where, d.snapshot, err);
		goto out;
	}
	db.server_version = (uint32_t)d.server * 10000;
	if (emit(&b, CAT_database, &db) == -1 ||
	    each(&b, map, where, "relations", relation) == -1 ||
	    each(&b, map, where, "functions", function) == -1)
		goto out;
	end.records = b.records;
	if (emit(&b, CAT_end, &end) == 0)
		cat = catalog_parse(buf_head(&b.out), b.out.len, &why);
	if (cat == NULL)
		conf_fail(c, map, err, "%s: %s", where, why);
out:
	conf_release(database_keys, POLICY_NELEM(database_keys), &d);
	buf_clear(&b.out);
	return cat;
}
