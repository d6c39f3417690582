/*
 * Reader of the catalogue snapshot: records in, an indexed, immutable
 * structure out.
 *
 * Runs in the engine.  The snapshot comes from the keeper, which read it from
 * a database that may be hostile: every record is decoded with its maxima,
 * every reference is checked, and anything odd makes the whole snapshot
 * refused (NULL), so that the engine goes on with the one it had.
 */
#include "catalog.h"

#include <sys/stat.h>
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "catalog_recs.h"
#include "sqlnames.h"

#define NBUCKETS	16384u		/* a power of two */
#define SNAPSHOT_MAX	(512u * 1024 * 1024)
#define COLS_MAX	1700		/* PostgreSQL's own limit is 1600 */

struct symbol {
	const char	*schema, *name;
	struct symbol	*next;
};

struct holding {
	uint32_t	 type;
	const char	*name;
	struct holding	*next;
};

/* A function by its number. */
struct number {
	uint32_t	 oid;
	const char	*schema, *name;
	struct number	*next;
};

struct catalog {
	struct arena	  arena;
	struct cat_rel	**rels;
	size_t		  nrels, caprels;
	struct cat_rel	 *by_name[NBUCKETS], *by_oid[NBUCKETS];
	struct cat_dep	 *deps;
	size_t		  ndeps, capdeps;
	struct cat_fn	 *functions[1024];
	struct number	 *numbers[1024];
	struct symbol	 *operators[256], *types[256];
	struct symbol	 *schemas, *casts;
	struct holding	 *holds[256];
	bool		  hidden_casts, tokens;
	bool		  begun, ended;
	uint32_t	  nrecords;
	uint32_t	  server;	/* server_version_num */
};

static uint32_t
hash(const char *s)
{
	uint32_t	 h = 2166136261u;

	for (; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h ^ h >> 15;
}

static const char *
keep(struct catalog *c, struct slice s)
{
	if (s.len > 0 && memchr(s.p, '\0', s.len) != NULL)
		return NULL;
	return arena_strndup(&c->arena, (const char *)s.p, s.len);
}

static int
symbol_add(struct catalog *c, struct symbol **head, const char *schema,
    const char *name)
{
	struct symbol	*s;

	if (schema == NULL || name == NULL ||
	    (s = arena_alloc(&c->arena, sizeof(*s))) == NULL)
		return -1;
	s->schema = schema;
	s->name = name;
	s->next = *head;
	*head = s;
	return 0;
}

static int
add_relation(struct catalog *c, const struct cat_relation *r)
{
	struct cat_rel	*rel, **v;
	uint32_t	 h;
	size_t		 cap;

	if (catalog_by_oid(c, r->oid) != NULL || r->name.len == 0)
		return -1;
	if (c->nrels == c->caprels) {
		cap = c->caprels == 0 ? 1024 : c->caprels * 2;
		if ((v = realloc(c->rels, cap * sizeof(*v))) == NULL)
			return -1;
		c->rels = v;
		c->caprels = cap;
	}
	if ((rel = arena_alloc(&c->arena, sizeof(*rel))) == NULL)
		return -1;
	memset(rel, 0, sizeof(*rel));
	rel->oid = r->oid;
	rel->schema = keep(c, r->schema);
	rel->name = keep(c, r->name);
	if (rel->schema == NULL || rel->name == NULL)
		return -1;
	rel->kind = r->kind;
	rel->system = strcmp(rel->schema, "pg_catalog") == 0 ||
	    strcmp(rel->schema, "information_schema") == 0;
	rel->rowsecurity = r->rowsecurity != 0;
	rel->rules = r->rules != 0;
	rel->triggers = r->triggers != 0;
	rel->index = c->nrels;
	c->rels[c->nrels++] = rel;
	h = hash(rel->name) % NBUCKETS;
	rel->next_name = c->by_name[h];
	c->by_name[h] = rel;
	h = rel->oid % NBUCKETS;
	rel->next_oid = c->by_oid[h];
	c->by_oid[h] = rel;
	return 0;
}

/*
 * A type outside pg_catalog reads schema.name, either part perhaps quoted,
 * perhaps with a modifier or [] behind it.
 */
static int
add_type(struct catalog *c, const char *t)
{
	char	 part[2][80];
	int	 n = 0;
	size_t	 k = 0;
	bool	 quoted = false;

	for (; *t != '\0' && n < 2; t++) {
		if (*t == '"') {
			if (quoted && t[1] == '"')
				t++;
			else {
				quoted = !quoted;
				continue;
			}
		} else if (!quoted && *t == '.') {
			part[n++][k] = '\0';
			k = 0;
			continue;
		} else if (!quoted && (*t == '(' || *t == '['))
			break;
		if (n == 2 || k + 1 >= sizeof(part[0]))
			return 0;
		part[n][k++] = *t;
	}
	if (n != 1)
		return 0;	/* one of pg_catalog's */
	part[1][k] = '\0';
	return symbol_add(c, &c->types[hash(part[1]) % 256],
	    arena_strndup(&c->arena, part[0], strlen(part[0])),
	    arena_strndup(&c->arena, part[1], strlen(part[1])));
}

static int
add_column(struct catalog *c, const struct cat_column *r)
{
	struct cat_rel	*rel;
	struct cat_col	*col, *v;

	rel = (struct cat_rel *)(uintptr_t)catalog_by_oid(c, r->relation);
	if (rel == NULL || rel->ncols >= COLS_MAX || r->name.len == 0)
		return -1;
	/* Powers of two: grow when the count is one. */
	if ((rel->ncols & (rel->ncols - 1)) == 0) {
		v = realloc(rel->cols,
		    (rel->ncols == 0 ? 1 : rel->ncols * 2) * sizeof(*v));
		if (v == NULL)
			return -1;
		rel->cols = v;
	}
	col = &rel->cols[rel->ncols];
	memset(col, 0, sizeof(*col));
	col->attnum = r->attnum;
	col->name = keep(c, r->name);
	col->type = r->type;
	col->type_name = keep(c, r->type_name);
	col->category = r->category;
	col->domain = r->domain != 0;
	col->generated = r->generated != 0;
	col->notnull = r->notnull != 0;
	if (col->name == NULL || col->type_name == NULL ||
	    catalog_col(rel, col->name) != NULL)
		return -1;
	rel->ncols++;
	if (!col->domain && !rel->system &&
	    strchr(col->type_name, '.') != NULL)
		return add_type(c, col->type_name);
	return 0;
}

static int
add_key(struct catalog *c, const struct cat_key *r)
{
	struct cat_rel	*rel;
	struct cat_uniq	*u;
	const uint8_t	*p = r->attnums.p;
	size_t		 i;

	rel = (struct cat_rel *)(uintptr_t)catalog_by_oid(c, r->relation);
	if (rel == NULL || r->attnums.len % 4 != 0 ||
	    (u = arena_alloc(&c->arena, sizeof(*u))) == NULL)
		return -1;
	u->n = r->attnums.len / 4;
	u->attnums = arena_alloc(&c->arena, (u->n + 1) * sizeof(uint32_t));
	if (u->attnums == NULL)
		return -1;
	for (i = 0; i < u->n; i++, p += 4)
		u->attnums[i] = (uint32_t)p[0] | (uint32_t)p[1] << 8 |
		    (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	u->next = rel->keys;
	rel->keys = u;
	return 0;
}

static int
add_depends(struct catalog *c, const struct cat_depends *r)
{
	struct cat_dep	*v;
	size_t		 cap;

	if (c->ndeps == c->capdeps) {
		cap = c->capdeps == 0 ? 256 : c->capdeps * 2;
		if ((v = realloc(c->deps, cap * sizeof(*v))) == NULL)
			return -1;
		c->deps = v;
		c->capdeps = cap;
	}
	c->deps[c->ndeps].rel = catalog_by_oid(c, r->relation);
	c->deps[c->ndeps].on = catalog_by_oid(c, r->on);
	c->deps[c->ndeps].why = r->why;
	c->deps[c->ndeps].attnum = r->attnum;
	c->deps[c->ndeps].target = r->target;
	if (c->deps[c->ndeps].rel == NULL || c->deps[c->ndeps].on == NULL)
		return -1;
	c->ndeps++;
	return 0;
}

static int
add_view(struct catalog *c, const struct cat_view *r)
{
	struct cat_rel	*rel;

	rel = (struct cat_rel *)(uintptr_t)catalog_by_oid(c, r->relation);
	if (rel == NULL || (rel->kind != 'v' && rel->kind != 'm') ||
	    rel->definition != NULL)
		return -1;
	rel->definition = keep(c, r->definition);
	return rel->definition == NULL ? -1 : 0;
}

static int
add_calls(struct catalog *c, uint32_t oid, uint8_t when)
{
	struct cat_rel	*rel;

	rel = (struct cat_rel *)(uintptr_t)catalog_by_oid(c, oid);
	if (rel == NULL || (when != 'r' && when != 'w'))
		return -1;
	if (when == 'r')
		rel->read_calls = true;
	else
		rel->write_calls = true;
	return 0;
}

/* A function with a type's name is a cast. */
static int
add_uses(struct catalog *c, const struct cat_uses *r)
{
	const char	*name = keep(c, r->function);

	if (name == NULL)
		return -1;
	if (sqlname_function(name) != FN_UNKNOWN || sqlname_type(name))
		return 0;
	return add_calls(c, r->relation, r->when);
}

static int
add_symbol(struct catalog *c, struct symbol **heads, uint32_t n,
    struct slice schema, struct slice name)
{
	const char	*s = keep(c, name);

	if (s == NULL)
		return -1;
	return symbol_add(c, &heads[hash(s) % n], keep(c, schema), s);
}

static int
add_cast(struct catalog *c, const struct cat_cast *r)
{
	struct cat_rel	*rel;
	size_t		 i, k;

	c->hidden_casts |= r->unnamed != 0;
	/* Relations come before. */
	for (i = 0; r->column != 0 && i < c->nrels; i++)
		for (rel = c->rels[i], k = 0; k < rel->ncols; k++)
			rel->cast_calls |= rel->cols[k].type == r->column;
	return add_symbol(c, &c->casts, 1, r->schema, r->name);
}

static int
add_holds(struct catalog *c, const struct cat_holds *r)
{
	struct holding	*h = arena_alloc(&c->arena, sizeof(*h));

	if (h == NULL || (h->name = keep(c, r->name)) == NULL)
		return -1;
	h->type = r->type;
	h->next = c->holds[r->type % 256];
	c->holds[r->type % 256] = h;
	return 0;
}

static int
add_tag(struct catalog *c, const struct cat_tag *r)
{
	struct cat_rel	*rel;
	struct cat_word	*w = arena_alloc(&c->arena, sizeof(*w));

	rel = (struct cat_rel *)(uintptr_t)catalog_by_oid(c, r->relation);
	if (rel == NULL || w == NULL || (w->word = keep(c, r->word)) == NULL)
		return -1;
	w->attnum = r->attnum;
	w->next = rel->words;
	rel->words = w;
	return 0;
}

static int
add_number(struct catalog *c, uint32_t oid, const char *schema,
    const char *name)
{
	struct number	*n = arena_alloc(&c->arena, sizeof(*n));

	if (n == NULL || name == NULL)
		return -1;
	n->oid = oid;
	n->schema = schema;
	n->name = name;
	n->next = c->numbers[oid % 1024];
	c->numbers[oid % 1024] = n;
	return 0;
}

static int
add_function(struct catalog *c, const struct cat_function *r)
{
	struct cat_fn	*f = arena_alloc(&c->arena, sizeof(*f)), **head;

	if (f == NULL)
		return -1;
	memset(f, 0, sizeof(*f));
	f->schema = keep(c, r->schema);
	f->name = keep(c, r->name);
	f->language = keep(c, r->language);
	f->code = keep(c, r->code);
	f->sets = keep(c, r->sets);
	if (f->schema == NULL || f->name == NULL || f->language == NULL ||
	    f->code == NULL || f->sets == NULL)
		return -1;
	f->volatility = r->volatility;
	f->definer = r->definer != 0;
	f->procedure = r->procedure != 0;
	head = &c->functions[hash(f->name) % 1024];
	f->next = *head;
	*head = f;
	return r->oid == 0 ? 0 : add_number(c, r->oid, f->schema, f->name);
}

static int
add_record(struct catalog *c, unsigned int kind, const void *rec)
{
	const struct cat_database	*d = rec;
	const struct cat_operator	*o = rec;
	const struct cat_schema		*s = rec;
	const struct cat_calls		*l = rec;
	const struct cat_builtin	*b = rec;
	const struct cat_end		*e = rec;

	if (c->ended || c->begun != (kind != CAT_database))
		return -1;
	switch (kind) {
	case CAT_database:
		c->server = d->server_version;
		c->begun = true;
		return 0;
	case CAT_relation:
		return add_relation(c, rec);
	case CAT_column:
		return add_column(c, rec);
	case CAT_key:
		return add_key(c, rec);
	case CAT_depends:
		return add_depends(c, rec);
	case CAT_view:
		return add_view(c, rec);
	case CAT_calls:
		return add_calls(c, l->relation, l->when);
	case CAT_uses:
		return add_uses(c, rec);
	case CAT_cast:
		return add_cast(c, rec);
	case CAT_function:
		return add_function(c, rec);
	case CAT_builtin:
		return add_number(c, b->oid, "pg_catalog",
		    keep(c, b->name));
	case CAT_operator:
		return add_symbol(c, c->operators, 256, o->schema, o->name);
	case CAT_holds:
		return add_holds(c, rec);
	case CAT_tag:
		return add_tag(c, rec);
	case CAT_token:
		c->tokens = true;
		return 0;
	case CAT_schema:
		return add_symbol(c, &c->schemas, 1, s->name, s->name);
	case CAT_end:
		c->ended = true;
		return e->records == c->nrecords ? 0 : -1;
	default:
		return -1;
	}
}

static int
col_cmp(const void *a, const void *b)
{
	uint32_t	 x = ((const struct cat_col *)a)->attnum;
	uint32_t	 y = ((const struct cat_col *)b)->attnum;

	return (x > y) - (x < y);
}

static uint32_t
le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

union any_record {
#define CAT_M_MEMBER(name)	struct cat_##name name;
	CAT_RECS(CAT_M_MEMBER)
#undef CAT_M_MEMBER
};

struct catalog *
catalog_parse(const uint8_t *p, size_t len, const char **why)
{
	struct catalog		*c;
	const struct msg_desc	*d;
	union any_record	 rec;
	uint32_t		 n, kind;
	size_t			 i;

	*why = "out of memory";
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	arena_init(&c->arena, 1024 * 1024);
	while (len > 0) {
		*why = "a record is cut short";
		if (len < 8 || (n = le32(p)) > len - 8)
			goto fail;
		kind = (uint32_t)p[4] | (uint32_t)p[5] << 8;
		*why = "a record does not decode";
		if ((d = cat_desc(kind)) == NULL || p[6] != 0 || p[7] != 0 ||
		    msg_decode(d, p + 8, n, &rec) == -1)
			goto fail;
		*why = "a record is out of place";
		if (add_record(c, kind, &rec) == -1)
			goto fail;
		c->nrecords++;
		p += 8 + n;
		len -= 8 + n;
	}
	*why = "the end is missing";
	if (!c->ended)
		goto fail;
	for (i = 0; i < c->nrels; i++)
		if (c->rels[i]->ncols > 1)
			qsort(c->rels[i]->cols, c->rels[i]->ncols,
			    sizeof(struct cat_col), col_cmp);
	return c;
fail:
	catalog_free(&c);
	return NULL;
}

struct catalog *
catalog_load(int fd, const char **why)
{
	struct catalog	*c = NULL;
	struct stat	 st;
	uint8_t		*p;
	size_t		 len, off;
	ssize_t		 n;

	*why = "the descriptor cannot be read";
	if (fstat(fd, &st) == -1 || st.st_size <= 0 ||
	    (uint64_t)st.st_size > SNAPSHOT_MAX)
		return NULL;
	len = (size_t)st.st_size;
	if ((p = malloc(len)) == NULL)
		return NULL;
	for (off = 0; off < len; off += (size_t)n)
		if ((n = pread(fd, p + off, len - off, (off_t)off)) <= 0)
			break;
	if (off == len)
		c = catalog_parse(p, len, why);
	free(p);
	return c;
}

void
catalog_free(struct catalog **cp)
{
	struct catalog	*c = *cp;
	size_t		 i;

	if (c == NULL)
		return;
	for (i = 0; i < c->nrels; i++)
		free(c->rels[i]->cols);
	free(c->rels);
	free(c->deps);
	arena_clear(&c->arena);
	free(c);
	*cp = NULL;
}

unsigned int
catalog_server(const struct catalog *c)
{
	return c->server / 10000;
}

size_t
catalog_nrels(const struct catalog *c)
{
	return c->nrels;
}

const struct cat_rel *
catalog_rel(const struct catalog *c, size_t i)
{
	return c->rels[i];
}

const struct cat_rel *
catalog_by_oid(const struct catalog *c, uint32_t oid)
{
	const struct cat_rel	*r;

	for (r = c->by_oid[oid % NBUCKETS]; r != NULL; r = r->next_oid)
		if (r->oid == oid)
			return r;
	return NULL;
}

const struct cat_rel *
catalog_named(const struct catalog *c, const char *name)
{
	const struct cat_rel	*r;

	for (r = c->by_name[hash(name) % NBUCKETS]; r != NULL;
	    r = r->next_name)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

const struct cat_rel *
catalog_next_named(const struct cat_rel *from)
{
	const struct cat_rel	*r;

	for (r = from->next_name; r != NULL; r = r->next_name)
		if (strcmp(r->name, from->name) == 0)
			return r;
	return NULL;
}

const struct cat_rel *
catalog_find(const struct catalog *c, const char *schema, const char *name)
{
	const struct cat_rel	*r;

	for (r = catalog_named(c, name); r != NULL; r = catalog_next_named(r))
		if (strcmp(r->schema, schema) == 0)
			return r;
	return NULL;
}

const struct cat_col *
catalog_col(const struct cat_rel *r, const char *name)
{
	size_t	 i;

	for (i = 0; i < r->ncols; i++)
		if (strcmp(r->cols[i].name, name) == 0)
			return &r->cols[i];
	return NULL;
}

const struct cat_dep *
catalog_deps(const struct catalog *c, size_t *n)
{
	*n = c->ndeps;
	return c->deps;
}

static bool
symbol_find(const struct symbol *s, const char *schema, const char *name)
{
	for (; s != NULL; s = s->next)
		if (strcmp(s->name, name) == 0 &&
		    (schema == NULL || strcmp(s->schema, schema) == 0))
			return true;
	return false;
}

bool
catalog_has_function(const struct catalog *c, const char *name,
    const char *schema)
{
	const struct cat_fn	*f = catalog_function(c, name);

	while (f != NULL && schema != NULL && strcmp(f->schema, schema) != 0)
		f = catalog_next_function(f);
	return f != NULL;
}

static const struct cat_fn *
function_named(const struct cat_fn *f, const char *name)
{
	while (f != NULL && strcmp(f->name, name) != 0)
		f = f->next;
	return f;
}

bool
catalog_numbered(const struct catalog *c, uint32_t oid, const char **schema_r,
    const char **name_r)
{
	const struct number	*n;

	for (n = c->numbers[oid % 1024]; n != NULL; n = n->next)
		if (n->oid == oid) {
			*schema_r = n->schema;
			*name_r = n->name;
			return true;
		}
	return false;
}

const struct cat_fn *
catalog_function(const struct catalog *c, const char *name)
{
	return function_named(c->functions[hash(name) % 1024], name);
}

const struct cat_fn *
catalog_next_function(const struct cat_fn *f)
{
	return function_named(f->next, f->name);
}

bool
catalog_has_operator(const struct catalog *c, const char *name,
    const char *schema)
{
	return symbol_find(c->operators[hash(name) % 256], schema, name);
}

bool
catalog_has_cast(const struct catalog *c, const char *schema, const char *name)
{
	return symbol_find(c->casts, schema, name);
}

bool
catalog_hidden_casts(const struct catalog *c)
{
	return c->hidden_casts;
}

bool
catalog_tokens(const struct catalog *c)
{
	return c->tokens;
}

const char *
catalog_holds(const struct catalog *c, uint32_t type, size_t i)
{
	const struct holding	*h;

	for (h = c->holds[type % 256]; h != NULL; h = h->next)
		if (h->type == type && i-- == 0)
			return h->name;
	return NULL;
}

bool
catalog_has_schema(const struct catalog *c, const char *name)
{
	return symbol_find(c->schemas, NULL, name);
}

bool
catalog_has_type(const struct catalog *c, const char *schema, const char *name)
{
	return symbol_find(c->types[hash(name) % 256], schema, name);
}
