/*
 * Configuration by tables: which keys a map may have, of which type, with what
 * default and limits.  Every daemon and control tool fills its settings here.
 *
 * The input is a tree from conf_tree.c, the administrator's: every value is
 * checked, an unknown key is an error and never ignored.
 *
 * Nothing here logs or exits: -1, with "file:line:col: sentence" in the
 * caller's struct conf_error.
 */
#include "conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf_impl.h"

/* --- single values ---------------------------------------------------------- */

static bool
is_null(const struct conf_node *node)
{
	return !node->quoted && (node->value[0] == '\0' ||
	    strcmp(node->value, "~") == 0 || strcmp(node->value, "null") == 0);
}

int
conf_string(const struct conf *c, const struct conf_node *node, char **out,
    struct conf_error *err)
{
	if (node->kind != CONF_SCALAR || is_null(node))
		return conf_fail(c, node, err, "expected a string");
	if ((*out = strdup(node->value)) == NULL)
		return conf_fail_memory(err);
	return 0;
}

static int
value_path(const struct conf *c, const struct conf_node *node, char **out,
    struct conf_error *err)
{
	if (node->kind != CONF_SCALAR || is_null(node) ||
	    node->value[0] == '\0')
		return conf_fail(c, node, err, "expected a path");
	if (asprintf(out, "%s%s%s", node->value[0] == '/' ? "" : c->dir,
	    node->value[0] == '/' || strcmp(c->dir, "/") == 0 ? "" : "/",
	    node->value) == -1) {
		*out = NULL;
		return conf_fail_memory(err);
	}
	return 0;
}

int
conf_strings(const struct conf *c, const struct conf_node *node,
    struct conf_strings *out, struct conf_error *err)
{
	const struct conf_node	*const *items = &node;
	size_t			 n = 1;

	if (node->kind == CONF_LIST) {
		items = (const struct conf_node *const *)node->items;
		n = node->n;
	}
	/* An empty list would read as "none" to one and "any" to another. */
	if (n == 0)
		return conf_fail(c, node, err, "the list is empty");
	if ((out->v = calloc(n, sizeof(*out->v))) == NULL)
		return conf_fail_memory(err);
	for (out->n = 0; out->n < n; out->n++)
		if (items[out->n]->kind != CONF_SCALAR ||
		    is_null(items[out->n])) {
			conf_fail(c, items[out->n], err,
			    node->kind == CONF_LIST ? "expected a string" :
			    "expected a string or a list of strings");
			break;
		} else if ((out->v[out->n] =
		    strdup(items[out->n]->value)) == NULL) {
			conf_fail_memory(err);
			break;
		}
	if (out->n == n)
		return 0;
	conf_strings_free(out);
	return -1;
}

void
conf_strings_free(struct conf_strings *s)
{
	while (s->n > 0)
		free(s->v[--s->n]);
	free(s->v);
	s->v = NULL;
}

int
conf_bool(const struct conf *c, const struct conf_node *node, bool *out,
    struct conf_error *err)
{
	if (node->kind == CONF_SCALAR && !node->quoted) {
		*out = strcmp(node->value, "true") == 0;
		if (*out || strcmp(node->value, "false") == 0)
			return 0;
	}
	return conf_fail(c, node, err, "expected true or false");
}

/* Digits and one of the units; -1 when it is not that or does not fit. */
static int
parse_number(const char *s, const struct conf_unit *units,
    uint64_t *out)
{
	char		*end;
	uint64_t	 v;
	size_t		 i;

	if (s[0] < '0' || s[0] > '9')
		return -1;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno != 0)
		return -1;
	for (i = 0; units[i].factor != 0; i++)
		if (strcmp(end, units[i].suffix) == 0) {
			if (v > UINT64_MAX / units[i].factor)
				return -1;
			*out = v * units[i].factor;
			return 0;
		}
	/* Zero needs no unit. */
	*out = 0;
	return strcmp(s, "0") == 0 ? 0 : -1;
}

/* `max` 0: no limit.  The limits are said in the value's own units. */
static int
value_number(const struct conf *c, const struct conf_node *node,
    const struct conf_unit *units, const char *expected,
    uint64_t min, uint64_t max, uint64_t *out, struct conf_error *err)
{
	char	 range[96] = "";
	FILE	*fp;

	if (node->kind != CONF_SCALAR || node->quoted ||
	    parse_number(node->value, units, out) == -1)
		return conf_fail(c, node, err, "expected %s", expected);
	if (*out >= min && (max == 0 || *out <= max))
		return 0;
	if ((fp = fmemopen(range, sizeof(range), "w")) == NULL)
		return conf_fail_memory(err);
	if (*out < min) {
		fputs("at least ", fp);
		conf_print_number(fp, min, units);
	} else {
		fputs("at most ", fp);
		conf_print_number(fp, max, units);
	}
	fclose(fp);
	return conf_fail(c, node, err, "must be %s", range);
}

int
conf_int(const struct conf *c, const struct conf_node *node, uint64_t min,
    uint64_t max, uint64_t *out, struct conf_error *err)
{
	return value_number(c, node, conf_plain, "a number", min, max, out,
	    err);
}

static int
value_duration(const struct conf *c, const struct conf_node *node,
    uint64_t min, uint64_t max, uint64_t *out, struct conf_error *err)
{
	return value_number(c, node, conf_durations,
	    "a duration such as 500ms, 90s, 30m, 2h or 7d", min,
	    max == 0 ? CONF_DURATION_MAX : max, out, err);
}

int
conf_duration(const struct conf *c, const struct conf_node *node,
    uint64_t *out, struct conf_error *err)
{
	return value_duration(c, node, 0, 0, out, err);
}

static int
value_enum(const struct conf *c, const struct conf_node *node,
    const char *const *choices, int *out, struct conf_error *err)
{
	char	 list[CONF_SENTENCE_MAX - 64] = "";
	size_t	 i, len = 0;

	for (i = 0; choices[i] != NULL; i++) {
		if (node->kind == CONF_SCALAR &&
		    strcmp(node->value, choices[i]) == 0) {
			*out = (int)i;
			return 0;
		}
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len,
			    "%s%s", i == 0 ? "" : choices[i + 1] == NULL ?
			    " or " : ", ", choices[i]);
	}
	return conf_fail(c, node, err, "expected %s", list);
}

/* --- tables ------------------------------------------------------------------ */

static int
fill_value(const struct conf *c, const struct conf_node *node,
    const struct conf_key *k, void *at, struct conf_error *err)
{
	switch (k->type) {
	case CONF_STRING:
		return conf_string(c, node, at, err);
	case CONF_PATH:
		return value_path(c, node, at, err);
	case CONF_BOOL:
		return conf_bool(c, node, at, err);
	case CONF_INT:
		return conf_int(c, node, k->min, k->max, at, err);
	case CONF_DURATION:
		return value_duration(c, node, k->min, k->max, at, err);
	case CONF_SIZE:
		return value_number(c, node, conf_sizes,
		    "a size such as 4096, 64KiB, 1MiB or 2GiB", k->min, k->max,
		    at, err);
	case CONF_ENUM:
		return value_enum(c, node, k->choices, at, err);
	case CONF_STRINGS:
		return conf_strings(c, node, at, err);
	case CONF_CUSTOM:
		return k->parse(c, node, at, err);
	}
	return -1;
}

/* A list's default reads "[a, b]". */
static int
default_list(const char *dflt, struct conf_strings *out,
    struct conf_error *err)
{
	struct conf	*c;
	char		*text;
	int		 ret = -1;

	if (asprintf(&text, "d: %s", dflt) == -1)
		return conf_fail_memory(err);
	if ((c = conf_parse("/default", text, strlen(text), err)) != NULL)
		ret = conf_strings(c, c->root->items[0], out, err);
	conf_free(&c);
	free(text);
	return ret;
}

static int
fill_absent(const struct conf *c, const struct conf_node *map,
    const char *where, const struct conf_key *k, void *at,
    struct conf_error *err)
{
	struct conf_node	 node = { .kind = CONF_SCALAR };
	int			 ret;

	if (k->dflt == NULL)
		return conf_fail(c, map, err, "%s%skey \"%s\" is missing",
		    where, where[0] == '\0' ? "" : ": ", k->name);
	if (k->type == CONF_CUSTOM)
		return k->parse(c, NULL, at, err);
	if (k->dflt[0] == '\0')
		return 0;
	if (k->type == CONF_STRINGS)
		return default_list(k->dflt, at, err);
	node.line = map->line;
	node.col = map->col;
	if ((node.value = strdup(k->dflt)) == NULL)
		return conf_fail_memory(err);
	ret = fill_value(c, &node, k, at, err);
	free(node.value);
	return ret;
}

/*
 * A value's function knows where it is in the file, not what the key is
 * called: put the name between the position and the sentence.
 */
static void
name_key(const struct conf *c, const char *where, const char *key,
    struct conf_error *err)
{
	struct conf_error	 plain = *err;
	size_t			 skip = strlen(c->name);
	const char		*sentence;

	if (strncmp(plain.text, c->name, skip) != 0 ||
	    (sentence = strstr(plain.text + skip, ": ")) == NULL)
		return;
	sentence += 2;
	snprintf(err->text, sizeof(err->text), "%.*s%s%s%s: %.500s",
	    (int)(sentence - plain.text), plain.text, where,
	    where[0] == '\0' ? "" : ".", key, sentence);
}

int
conf_fill(const struct conf *c, const struct conf_node *map, const char *where,
    const struct conf_key *keys, size_t n, void *out, struct conf_error *err)
{
	const struct conf_node	*node;
	const char		*colon = where[0] == '\0' ? "" : ": ";
	size_t			 i, k;
	void			*at;

	if (map->kind != CONF_MAP)
		return conf_fail(c, map, err, "%s%sexpected a map", where,
		    colon);
	for (i = 0; i < map->n; i++) {
		for (k = 0; k < n; k++)
			if (strcmp(map->keys[i], keys[k].name) == 0)
				break;
		if (k == n)
			return conf_fail_key(c, map, i, err,
			    "%s%sunknown key \"%.100s\"", where, colon,
			    map->keys[i]);
	}
	for (k = 0; k < n; k++) {
		at = (char *)out + keys[k].offset;
		if ((node = conf_get(map, keys[k].name)) == NULL) {
			if (fill_absent(c, map, where, &keys[k], at,
			    err) == -1)
				return -1;
		} else if (fill_value(c, node, &keys[k], at, err) == -1) {
			/* A custom parser names its keys itself. */
			if (keys[k].type != CONF_CUSTOM)
				name_key(c, where, keys[k].name, err);
			return -1;
		}
	}
	return 0;
}

void
conf_release(const struct conf_key *keys, size_t n, void *out)
{
	char	**s;
	size_t	  k;

	for (k = 0; k < n; k++) {
		s = (char **)(void *)((char *)out + keys[k].offset);
		if (keys[k].type == CONF_STRING || keys[k].type == CONF_PATH) {
			free(*s);
			*s = NULL;
		} else if (keys[k].type == CONF_STRINGS)
			conf_strings_free((void *)s);
	}
}
