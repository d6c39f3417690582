/*
 * libpg_query behind one module: text to tree, and the generic ways to walk
 * and to compare trees.
 *
 * Runs in the engine on whatever a client sent, after prescan().  A text that
 * does not parse is an error for the caller; a text that overflows even the
 * large stack ends the engine, which costs that session one statement.
 */
#include "sqltree.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <pg_query.h>

#define STACK_SIZE	((size_t)256 * 1024 * 1024)

const unsigned int	 sqltree_major = PG_VERSION_NUM / 10000;

static void *
tree_alloc(void *arena, size_t n)
{
	return arena_alloc(arena, n);
}

static void
tree_free(void *arena, void *p)
{
	(void)arena;
	(void)p;
}

int
sqltree_parse(struct sqltree *t, const char *text, struct sql_error *err)
{
	PgQueryProtobufParseResult	 r;
	ProtobufCAllocator		 a = { tree_alloc, tree_free, NULL };

	arena_init(&t->arena, 32 * 1024);
	t->root = NULL;
	memset(err, 0, sizeof(*err));
	r = pg_query_parse_protobuf(text);
	if (r.error != NULL) {
		snprintf(err->message, sizeof(err->message), "%s",
		    r.error->message != NULL ? r.error->message :
		    "syntax error");
		err->position = r.error->cursorpos;
	} else {
		a.allocator_data = &t->arena;
		t->root = pg_query__parse_result__unpack(&a,
		    r.parse_tree.len, (const uint8_t *)r.parse_tree.data);
		if (t->root == NULL)
			snprintf(err->message, sizeof(err->message),
			    "the parse tree could not be read");
	}
	pg_query_free_protobuf_parse_result(r);
	if (t->root == NULL)
		sqltree_free(t);
	return t->root == NULL ? -1 : 0;
}

char *
sqltree_plpgsql(const char *text)
{
	PgQueryPlpgsqlParseResult	 r;
	char				*json = NULL;

	r = pg_query_parse_plpgsql(text);
	if (r.error == NULL && r.plpgsql_funcs != NULL)
		json = strdup(r.plpgsql_funcs);
	pg_query_free_plpgsql_parse_result(r);
	return json;
}

char *
sqltree_shape(const char *text)
{
	PgQueryNormalizeResult	 r = pg_query_normalize(text);
	char			*shape = NULL;

	if (r.error == NULL && r.normalized_query != NULL)
		shape = strdup(r.normalized_query);
	pg_query_free_normalize_result(r);
	return shape;
}

void
sqltree_free(struct sqltree *t)
{
	arena_clear(&t->arena);
	t->root = NULL;
}

const ProtobufCMessage *
sqltree_member(const PgQuery__Node *n)
{
	/* Every member of the union is a pointer to a message. */
	if (n->node_case == PG_QUERY__NODE__NODE__NOT_SET)
		return NULL;
	return (const ProtobufCMessage *)n->alias;
}

const char *
node_string(const PgQuery__Node *n)
{
	if (n == NULL || n->node_case != PG_QUERY__NODE__NODE_STRING ||
	    n->string->sval == NULL)
		return "";
	return n->string->sval;
}

static const void *
member(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	return (const char *)m + f->offset;
}

/* Is this field in the message: always, but for the members of a union? */
static bool
is_set(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
		return true;
	return *(const uint32_t *)(const void *)((const char *)m +
	    f->quantifier_offset) == f->id;
}

static size_t
count(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	return *(const size_t *)(const void *)((const char *)m +
	    f->quantifier_offset);
}

void
sqltree_children(const ProtobufCMessage *m,
    void (*fn)(void *, const ProtobufCMessage *), void *ctx)
{
	const ProtobufCFieldDescriptor	*f;
	const ProtobufCMessage		*c, *const *v;
	size_t				 n;
	unsigned int			 i;

	if (m->descriptor == &pg_query__node__descriptor) {
		c = sqltree_member((const PgQuery__Node *)m);
		if (c != NULL)
			fn(ctx, c);
		return;
	}
	for (i = 0; i < m->descriptor->n_fields; i++) {
		f = &m->descriptor->fields[i];
		if (f->type != PROTOBUF_C_TYPE_MESSAGE || !is_set(m, f))
			continue;
		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			v = *(const ProtobufCMessage *const *const *)
			    member(m, f);
			for (n = 0; n < count(m, f); n++)
				fn(ctx, v[n]);
		} else {
			c = *(const ProtobufCMessage *const *)member(m, f);
			if (c != NULL)
				fn(ctx, c);
		}
	}
}

static size_t
scalar_size(ProtobufCType t)
{
	switch (t) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	default:
		return 4;
	}
}

static bool
equal_value(ProtobufCType type, const void *a, const void *b,
    sqltree_hook *hook, void *ctx)
{
	const char			*s, *t;
	const ProtobufCMessage		*x, *y;

	if (type == PROTOBUF_C_TYPE_STRING) {
		s = *(const char *const *)a;
		t = *(const char *const *)b;
		return strcmp(s == NULL ? "" : s, t == NULL ? "" : t) == 0;
	}
	if (type == PROTOBUF_C_TYPE_MESSAGE) {
		x = *(const ProtobufCMessage *const *)a;
		y = *(const ProtobufCMessage *const *)b;
		if (x == NULL || y == NULL)
			return x == y;
		return sqltree_equal(x, y, hook, ctx);
	}
	if (type == PROTOBUF_C_TYPE_BYTES)
		return false;	/* there are none in this tree */
	return memcmp(a, b, scalar_size(type)) == 0;
}

static size_t
element_size(ProtobufCType type)
{
	return type == PROTOBUF_C_TYPE_STRING ||
	    type == PROTOBUF_C_TYPE_MESSAGE ? sizeof(void *) :
	    scalar_size(type);
}

static bool
is_location(const char *name)
{
	return strcmp(name, "location") == 0 ||
	    strcmp(name, "stmt_location") == 0 ||
	    strcmp(name, "stmt_len") == 0;
}

static bool
equal_field(const ProtobufCMessage *a, const ProtobufCMessage *b,
    const ProtobufCFieldDescriptor *f, sqltree_hook *hook, void *ctx)
{
	const char	*va, *vb;
	size_t		 i, n;

	if (f->label != PROTOBUF_C_LABEL_REPEATED)
		return equal_value(f->type, member(a, f), member(b, f), hook,
		    ctx);
	if ((n = count(a, f)) != count(b, f))
		return false;
	va = *(const char *const *)member(a, f);
	vb = *(const char *const *)member(b, f);
	for (i = 0; i < n; i++)
		if (!equal_value(f->type, va + i * element_size(f->type),
		    vb + i * element_size(f->type), hook, ctx))
			return false;
	return true;
}

bool
sqltree_equal(const ProtobufCMessage *a, const ProtobufCMessage *b,
    sqltree_hook *hook, void *ctx)
{
	const ProtobufCFieldDescriptor	*f;
	const PgQuery__Node		*x, *y;
	unsigned int			 i;
	int				 r;

	if (a->descriptor != b->descriptor)
		return false;
	if (a->descriptor == &pg_query__node__descriptor) {
		x = (const PgQuery__Node *)a;
		y = (const PgQuery__Node *)b;
		if (hook != NULL && (r = hook(ctx, x, y)) != -1)
			return r == 1;
		if (x->node_case != y->node_case)
			return false;
		a = sqltree_member(x);
		b = sqltree_member(y);
		if (a == NULL || b == NULL)
			return a == b;
	}
	for (i = 0; i < a->descriptor->n_fields; i++) {
		f = &a->descriptor->fields[i];
		if (is_set(a, f) != is_set(b, f))
			return false;
		if (!is_set(a, f) || is_location(f->name))
			continue;
		if (!equal_field(a, b, f, hook, ctx))
			return false;
	}
	return true;
}

struct job {
	void	(*fn)(void *);
	void	*arg;
};

static void *
job_main(void *p)
{
	struct job	*j = p;

	j->fn(j->arg);
	return NULL;
}

int
bigstack_run(void (*fn)(void *), void *arg)
{
	struct job	 j = { fn, arg };
	pthread_attr_t	 attr;
	pthread_t	 t;
	int		 r;

	if (pthread_attr_init(&attr) != 0)
		return -1;
	r = pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (r == 0)
		r = pthread_create(&t, &attr, job_main, &j);
	pthread_attr_destroy(&attr);
	if (r != 0 || pthread_join(t, NULL) != 0)
		return -1;
	return 0;
}
