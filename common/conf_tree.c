/*
 * YAML files as trees with positions, by libyaml's event parser.  Every daemon
 * and control tool reads its configuration through here.
 *
 * The input is the administrator's file: trusted in what it says, not in how
 * it is written.  Its size, depth, number of values and number of keys in one
 * map are bounded, and what YAML offers beyond plain trees (anchors, aliases,
 * tags, directives, several documents) is refused: two readers of the file
 * must see the same thing.
 *
 * Nothing here logs or exits: -1 or NULL, with "file:line:col: sentence" in
 * the caller's struct conf_error.
 */
#include "conf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <yaml.h>

#include "conf_impl.h"

#define CONF_MAX_BYTES	(4 * 1024 * 1024)
#define CONF_MAX_DEPTH	32
#define CONF_MAX_NODES	200000
#define CONF_MAX_KEYS	4096		/* of one map: duplicates are sought */

struct build {
	struct conf		*conf;
	yaml_parser_t		 parser;
	struct conf_error	*err;
	size_t			 nodes;
};

/* --- errors ---------------------------------------------------------------- */

static int __attribute__((format(printf, 5, 0)))
fail_at(const struct conf *c, int line, int col, struct conf_error *err,
    const char *fmt, va_list ap)
{
	char	 sentence[CONF_SENTENCE_MAX], *p;

	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	/* A quoted key may hold anything; a message is one line. */
	for (p = sentence; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	snprintf(err->text, sizeof(err->text), "%.400s:%d:%d: %s", c->name,
	    line, col, sentence);
	return -1;
}

int
conf_fail(const struct conf *c, const struct conf_node *node,
    struct conf_error *err, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	fail_at(c, node->line, node->col, err, fmt, ap);
	va_end(ap);
	return -1;
}

int
conf_fail_key(const struct conf *c, const struct conf_node *map, size_t i,
    struct conf_error *err, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	fail_at(c, map->key_line[i], map->key_col[i], err, fmt, ap);
	va_end(ap);
	return -1;
}

static int __attribute__((format(printf, 3, 4)))
fail_mark(struct build *b, yaml_mark_t mark, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	fail_at(b->conf, (int)mark.line + 1, (int)mark.column + 1, b->err,
	    fmt, ap);
	va_end(ap);
	return -1;
}

int
conf_fail_memory(struct conf_error *err)
{
	snprintf(err->text, sizeof(err->text), "out of memory");
	return -1;
}

/* --- the tree -------------------------------------------------------------- */

static void
node_free(struct conf_node *node)
{
	size_t	 i;

	if (node == NULL)
		return;
	for (i = 0; i < node->n; i++) {
		if (node->keys != NULL)
			free(node->keys[i]);
		node_free(node->items[i]);
	}
	free(node->value);
	free(node->keys);
	free(node->key_line);
	free(node->key_col);
	free(node->items);
	free(node);
}

static struct conf_node *
node_new(struct build *b, enum conf_kind kind, yaml_mark_t mark)
{
	struct conf_node	*node;

	if (++b->nodes > CONF_MAX_NODES) {
		fail_mark(b, mark, "more than %d values", CONF_MAX_NODES);
		return NULL;
	}
	if ((node = calloc(1, sizeof(*node))) == NULL) {
		conf_fail_memory(b->err);
		return NULL;
	}
	node->kind = kind;
	node->line = (int)mark.line + 1;
	node->col = (int)mark.column + 1;
	return node;
}

/* Room for one more item (and key); grows by doubling. */
static int
node_grow(struct build *b, struct conf_node *node)
{
	size_t	 cap;
	void	*p;

	if (node->n != 0 && (node->n & (node->n - 1)) != 0)
		return 0;
	cap = node->n == 0 ? 1 : node->n * 2;
	if ((p = reallocarray(node->items, cap, sizeof(*node->items))) == NULL)
		return conf_fail_memory(b->err);
	node->items = p;
	if (node->kind != CONF_MAP)
		return 0;
	if ((p = reallocarray(node->keys, cap, sizeof(*node->keys))) == NULL)
		return conf_fail_memory(b->err);
	node->keys = p;
	if ((p = reallocarray(node->key_line, cap, sizeof(int))) == NULL)
		return conf_fail_memory(b->err);
	node->key_line = p;
	if ((p = reallocarray(node->key_col, cap, sizeof(int))) == NULL)
		return conf_fail_memory(b->err);
	node->key_col = p;
	return 0;
}

/* libyaml gives no mark where bytes are not UTF-8, only their offset. */
static int
fail_parser(struct build *b)
{
	yaml_parser_t	*p = &b->parser;
	yaml_mark_t	 mark = p->problem_mark;
	const char	*problem;
	size_t		 i;

	problem = p->problem != NULL ? p->problem : "not YAML";
	if (p->error == YAML_MEMORY_ERROR)
		return conf_fail_memory(b->err);
	if (p->error == YAML_READER_ERROR) {
		memset(&mark, 0, sizeof(mark));
		for (i = 0; i < p->problem_offset; i++) {
			if (p->input.string.start + i >= p->input.string.end)
				break;
			mark.column++;
			if (p->input.string.start[i] == '\n') {
				mark.line++;
				mark.column = 0;
			}
		}
	}
	if (p->context != NULL)
		return fail_mark(b, mark, "%s %s", problem, p->context);
	return fail_mark(b, mark, "%s", problem);
}

/*
 * The next event, with what no file may use refused.  On success the caller
 * deletes it.
 */
static int
next_event(struct build *b, yaml_event_t *ev)
{
	const yaml_char_t	*anchor = NULL, *tag = NULL;
	const char		*what = NULL;
	yaml_mark_t		 mark;

	if (!yaml_parser_parse(&b->parser, ev))
		return fail_parser(b);
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
		break;
	case YAML_ALIAS_EVENT:
		what = "aliases are not allowed";
		break;
	case YAML_DOCUMENT_START_EVENT:
		if (ev->data.document_start.version_directive != NULL ||
		    ev->data.document_start.tag_directives.start !=
		    ev->data.document_start.tag_directives.end)
			what = "directives are not allowed";
		break;
	default:
		break;
	}
	if (anchor != NULL)
		what = "anchors are not allowed";
	else if (tag != NULL)
		what = "tags are not allowed";
	if (what == NULL)
		return 0;
	mark = ev->start_mark;
	yaml_event_delete(ev);
	return fail_mark(b, mark, "%s", what);
}

/* A copy of a scalar event's text. */
static char *
scalar_text(struct build *b, const yaml_event_t *ev)
{
	const char	*s = (const char *)ev->data.scalar.value;
	char		*copy;

	if (strlen(s) != ev->data.scalar.length) {
		fail_mark(b, ev->start_mark, "a NUL character is not allowed");
		return NULL;
	}
	if ((copy = strdup(s)) == NULL)
		conf_fail_memory(b->err);
	return copy;
}

static int	build_node(struct build *, const yaml_event_t *, int depth,
		    struct conf_node **);

/* `ev` is a key; append it and its value. */
static int
build_pair(struct build *b, struct conf_node *map, const yaml_event_t *ev,
    int depth)
{
	yaml_event_t	 value;
	char		*key;
	size_t		 i, n = map->n;
	int		 ret;

	if (ev->type != YAML_SCALAR_EVENT)
		return fail_mark(b, ev->start_mark, "a key must be a scalar");
	if (n == CONF_MAX_KEYS)
		return fail_mark(b, ev->start_mark, "more than %d keys",
		    CONF_MAX_KEYS);
	if ((key = scalar_text(b, ev)) == NULL)
		return -1;
	for (i = 0; i < n; i++)
		if (strcmp(map->keys[i], key) == 0) {
			fail_mark(b, ev->start_mark,
			    "duplicate key \"%.100s\", first at line %d", key,
			    map->key_line[i]);
			free(key);
			return -1;
		}
	if (node_grow(b, map) == -1) {
		free(key);
		return -1;
	}
	map->keys[n] = key;
	map->items[n] = NULL;
	map->key_line[n] = (int)ev->start_mark.line + 1;
	map->key_col[n] = (int)ev->start_mark.column + 1;
	map->n = n + 1;
	if (next_event(b, &value) == -1)
		return -1;
	ret = build_node(b, &value, depth, &map->items[n]);
	yaml_event_delete(&value);
	return ret;
}

/* What follows the start of a list or a map, to its end. */
static int
build_items(struct build *b, struct conf_node *node, int depth)
{
	yaml_event_t	 ev;
	int		 ret = 0, done = 0;

	while (ret == 0 && !done) {
		if (next_event(b, &ev) == -1)
			return -1;
		if (ev.type == YAML_SEQUENCE_END_EVENT ||
		    ev.type == YAML_MAPPING_END_EVENT)
			done = 1;
		else if (node->kind == CONF_MAP)
			ret = build_pair(b, node, &ev, depth);
		else if ((ret = node_grow(b, node)) == 0) {
			node->items[node->n++] = NULL;
			ret = build_node(b, &ev, depth,
			    &node->items[node->n - 1]);
		}
		yaml_event_delete(&ev);
	}
	return ret;
}

/* `*out` is set as soon as there is a node, for the caller to free. */
static int
build_node(struct build *b, const yaml_event_t *ev, int depth,
    struct conf_node **out)
{
	enum conf_kind	 kind;

	if (depth > CONF_MAX_DEPTH)
		return fail_mark(b, ev->start_mark,
		    "nested deeper than %d levels", CONF_MAX_DEPTH);
	kind = ev->type == YAML_SCALAR_EVENT ? CONF_SCALAR :
	    ev->type == YAML_SEQUENCE_START_EVENT ? CONF_LIST : CONF_MAP;
	if ((*out = node_new(b, kind, ev->start_mark)) == NULL)
		return -1;
	if (kind != CONF_SCALAR)
		return build_items(b, *out, depth + 1);
	(*out)->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	(*out)->value = scalar_text(b, ev);
	return (*out)->value == NULL ? -1 : 0;
}

/* A whole file: at most one document, and that a map. */
static int
build_file(struct build *b)
{
	yaml_mark_t	 top = { 0, 0, 0 };
	yaml_event_t	 ev;
	int		 ret = 0, done = 0;

	while (ret == 0 && !done) {
		if (next_event(b, &ev) == -1)
			return -1;
		switch (ev.type) {
		case YAML_STREAM_END_EVENT:
			done = 1;
			break;
		case YAML_DOCUMENT_START_EVENT:
			if (b->conf->root != NULL)
				ret = fail_mark(b, ev.start_mark,
				    "a second document is not allowed");
			break;
		case YAML_SCALAR_EVENT:
		case YAML_SEQUENCE_START_EVENT:
		case YAML_MAPPING_START_EVENT:
			ret = build_node(b, &ev, 0, &b->conf->root);
			break;
		default:
			break;
		}
		yaml_event_delete(&ev);
	}
	if (ret == 0 && b->conf->root == NULL &&
	    (b->conf->root = node_new(b, CONF_MAP, top)) == NULL)
		return -1;
	if (ret == 0 && b->conf->root->kind != CONF_MAP)
		return conf_fail(b->conf, b->conf->root, b->err,
		    "expected a map");
	return ret;
}

/* The directory of `name`, absolute. */
static char *
absolute_dir(const char *name)
{
	const char	*slash = strrchr(name, '/');
	char		 cwd[PATH_MAX], *dir;
	int		 n = slash == NULL ? 0 : (int)(slash - name);

	if (name[0] == '/')
		return strndup(name, n == 0 ? 1 : (size_t)n);
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		return NULL;
	if (n == 0)
		return strdup(cwd);
	if (asprintf(&dir, "%s/%.*s", strcmp(cwd, "/") == 0 ? "" : cwd, n,
	    name) == -1)
		return NULL;
	return dir;
}

struct conf *
conf_parse(const char *name, const char *text, size_t len,
    struct conf_error *err)
{
	struct build	 b = { .err = err };
	int		 ret;

	err->text[0] = '\0';
	if (len > CONF_MAX_BYTES) {
		snprintf(err->text, sizeof(err->text),
		    "%.400s: larger than %d bytes", name, CONF_MAX_BYTES);
		return NULL;
	}
	if ((b.conf = calloc(1, sizeof(*b.conf))) == NULL ||
	    (b.conf->name = strdup(name)) == NULL) {
		conf_free(&b.conf);
		conf_fail_memory(err);
		return NULL;
	}
	if ((b.conf->dir = absolute_dir(name)) == NULL) {
		snprintf(err->text, sizeof(err->text),
		    "%.400s: its directory cannot be found", name);
		conf_free(&b.conf);
		return NULL;
	}
	if (!yaml_parser_initialize(&b.parser)) {
		conf_free(&b.conf);
		conf_fail_memory(err);
		return NULL;
	}
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)text,
	    len);
	ret = build_file(&b);
	yaml_parser_delete(&b.parser);
	if (ret == -1)
		conf_free(&b.conf);
	return b.conf;
}

char *
conf_text(const char *path, size_t *len, struct conf_error *err)
{
	char	*text;
	ssize_t	 n = -1;
	int	 fd;

	*len = 0;
	if ((text = malloc(CONF_MAX_BYTES + 1)) == NULL) {
		conf_fail_memory(err);
		return NULL;
	}
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) != -1) {
		/* One byte more than is allowed shows that it is too large. */
		while (*len <= CONF_MAX_BYTES && ((n = read(fd, text + *len,
		    CONF_MAX_BYTES + 1 - *len)) > 0 ||
		    (n == -1 && errno == EINTR)))
			*len += n > 0 ? (size_t)n : 0;
	}
	if (n == -1) {
		snprintf(err->text, sizeof(err->text), "%.400s: %s", path,
		    strerror(errno));
		free(text);
		text = NULL;
	}
	if (fd != -1)
		close(fd);
	return text;
}

struct conf *
conf_load(const char *path, struct conf_error *err)
{
	struct conf	*c;
	char		*text;
	size_t		 len;

	if ((text = conf_text(path, &len, err)) == NULL)
		return NULL;
	c = conf_parse(path, text, len, err);
	free(text);
	return c;
}

void
conf_free(struct conf **c)
{
	if (*c == NULL)
		return;
	node_free((*c)->root);
	free((*c)->name);
	free((*c)->dir);
	free(*c);
	*c = NULL;
}

const struct conf_node *
conf_get(const struct conf_node *map, const char *key)
{
	size_t	 i;

	if (map->kind != CONF_MAP)
		return NULL;
	for (i = 0; i < map->n; i++)
		if (strcmp(map->keys[i], key) == 0)
			return map->items[i];
	return NULL;
}
