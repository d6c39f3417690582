/*
 * conf: trees with positions, what YAML may not be here, the bounds, values
 * and tables, and that what is printed reads back as the same.
 */
#include "conf.h"
#include "tests/unit/tmpname.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct conf_error	err;

static struct conf *
parse(const char *text)
{
	return conf_parse("/etc/x.yaml", text, strlen(text), &err);
}

static void
refused(const char *text, const char *message)
{
	struct conf	*c = parse(text);

	ck_assert_ptr_null(c);
	ck_assert_str_eq(err.text, message);
}

/* --- trees ----------------------------------------------------------------- */

START_TEST(test_positions)
{
	const struct conf_node	*n;
	struct conf		*c;

	c = parse("a: 1\nb:\n  - x\n  - {k: \"v\"}\n\"c d\": '~'\n");
	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(c->root->kind, CONF_MAP);
	ck_assert_uint_eq(c->root->n, 3);
	ck_assert_str_eq(c->dir, "/etc");
	n = conf_get(c->root, "a");
	ck_assert_str_eq(n->value, "1");
	ck_assert_int_eq(n->line, 1);
	ck_assert_int_eq(n->col, 4);
	ck_assert(!n->quoted);
	n = conf_get(c->root, "b");
	ck_assert_int_eq(n->kind, CONF_LIST);
	ck_assert_uint_eq(n->n, 2);
	n = n->items[1];
	ck_assert_int_eq(n->line, 4);
	ck_assert_int_eq(n->col, 5);
	ck_assert_str_eq(n->keys[0], "k");
	ck_assert_int_eq(n->key_col[0], 6);
	ck_assert(n->items[0]->quoted);
	ck_assert_int_eq(c->root->key_line[2], 5);
	ck_assert(conf_get(c->root, "c d")->quoted);
	ck_assert_ptr_null(conf_get(c->root, "c"));
	conf_free(&c);
	ck_assert_ptr_null(c);
}
END_TEST

START_TEST(test_empty)
{
	static const char *const empty[] = { "", "\n", "# nothing\n", "---\n",
	    "{}" };
	struct conf		*c;
	size_t			 i;

	for (i = 0; i < 3; i++) {
		c = parse(empty[i]);
		ck_assert_ptr_nonnull(c);
		ck_assert_int_eq(c->root->kind, CONF_MAP);
		ck_assert_uint_eq(c->root->n, 0);
		conf_free(&c);
	}
	refused(empty[3], "/etc/x.yaml:2:1: expected a map");
	c = parse(empty[4]);
	ck_assert_ptr_nonnull(c);
	conf_free(&c);
}
END_TEST

START_TEST(test_refused)
{
	refused("a: &x 1\n", "/etc/x.yaml:1:4: anchors are not allowed");
	refused("a: *x\n", "/etc/x.yaml:1:4: aliases are not allowed");
	refused("a: !!str 1\n", "/etc/x.yaml:1:4: tags are not allowed");
	refused("a: !x {}\n", "/etc/x.yaml:1:4: tags are not allowed");
	refused("a: ! x\n", "/etc/x.yaml:1:4: tags are not allowed");
	refused("a: &x [1]\n", "/etc/x.yaml:1:4: anchors are not allowed");
	refused("&x a: 1\n", "/etc/x.yaml:1:1: anchors are not allowed");
	refused("%YAML 1.1\n---\na: 1\n",
	    "/etc/x.yaml:1:1: directives are not allowed");
	refused("a: 1\n---\nb: 2\n",
	    "/etc/x.yaml:2:1: a second document is not allowed");
	refused("- a\n", "/etc/x.yaml:1:1: expected a map");
	refused("a\n", "/etc/x.yaml:1:1: expected a map");
	refused("[a]: 1\n", "/etc/x.yaml:1:1: a key must be a scalar");
	refused("a: 1\nb: 2\na: 3\n",
	    "/etc/x.yaml:3:1: duplicate key \"a\", first at line 1");
	refused("x: {a: 1, \"a\": 2}\n",
	    "/etc/x.yaml:1:11: duplicate key \"a\", first at line 1");
	refused("a: \"x\\0y\"\n",
	    "/etc/x.yaml:1:4: a NUL character is not allowed");
	refused("a: b: c\n", "/etc/x.yaml:1:5: "
	    "mapping values are not allowed in this context");
	refused("a: [1\n", "/etc/x.yaml:2:1: "
	    "did not find expected ',' or ']' while parsing a flow sequence");
	refused("a: 1\nb: \xff\n", "/etc/x.yaml:2:4: "
	    "invalid leading UTF-8 octet");
	refused("a: \x01\n", "/etc/x.yaml:1:4: "
	    "control characters are not allowed");
}
END_TEST

START_TEST(test_bounds)
{
	struct conf	*c;
	char		*text;
	size_t		 i, n;
	FILE		*fp;

	/* Depth: a list in a list, 32 and no more. */
	fp = open_memstream(&text, &n);
	fputs("a: ", fp);
	for (i = 0; i < 33; i++)
		putc('[', fp);
	for (i = 0; i < 33; i++)
		putc(']', fp);
	fclose(fp);
	refused(text, "/etc/x.yaml:1:36: nested deeper than 32 levels");
	text[35] = ' ';
	text[36] = ' ';
	c = parse(text);
	ck_assert_msg(c != NULL, "%s", err.text);
	conf_free(&c);
	free(text);

	/* A hundred thousand brackets end as soon. */
	text = malloc(100001);
	memset(text, '[', 100000);
	text[100000] = '\0';
	ck_assert_ptr_null(parse(text));
	free(text);

	/* Keys of one map, values of one file. */
	fp = open_memstream(&text, &n);
	for (i = 0; i < 4097; i++)
		fprintf(fp, "k%zu: 1\n", i);
	fclose(fp);
	refused(text, "/etc/x.yaml:4097:1: more than 4096 keys");
	free(text);
	fp = open_memstream(&text, &n);
	fputs("a: [", fp);
	for (i = 0; i < 210000; i++)
		fputs("1,", fp);
	fputs("]\n", fp);
	fclose(fp);
	ck_assert_ptr_null(parse(text));
	ck_assert_ptr_nonnull(strstr(err.text, "more than 200000 values"));
	free(text);

	/* Bytes. */
	n = 4 * 1024 * 1024;
	text = malloc(n + 1);
	memset(text, '#', n + 1);
	c = conf_parse("x", text, n, &err);
	ck_assert_ptr_nonnull(c);
	conf_free(&c);
	ck_assert_ptr_null(conf_parse("x", text, n + 1, &err));
	ck_assert_str_eq(err.text, "x: larger than 4194304 bytes");
	free(text);
}
END_TEST

START_TEST(test_load)
{
	char		 path[100], dir[100];
	struct conf	*c;
	int		 fd;

	TMPNAME(path, "test_conf");
	fd = mkstemp(path);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, "a: 1\n", 5), 5);
	c = conf_load(path, &err);
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->name, path);
	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path),
	    path);
	ck_assert_str_eq(c->dir, dir);
	conf_free(&c);
	ck_assert_int_eq(ftruncate(fd, 4 * 1024 * 1024 + 1), 0);
	ck_assert_ptr_null(conf_load(path, &err));
	ck_assert_ptr_nonnull(strstr(err.text, ": larger than"));
	close(fd);
	unlink(path);
	ck_assert_ptr_null(conf_load(path, &err));
	ck_assert_ptr_nonnull(strstr(err.text, ": No such file"));
	ck_assert_ptr_null(conf_load("/", &err));
	ck_assert_str_eq(err.text, "/: Is a directory");
}
END_TEST

/* A message is one line, whatever the file holds. */
START_TEST(test_message)
{
	struct conf	*c = parse("\"a\\nb\": 1\n");

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(conf_fail_key(c, c->root, 0, &err, "key \"%s\"",
	    c->root->keys[0]), -1);
	ck_assert_str_eq(err.text, "/etc/x.yaml:1:1: key \"a?b\"");
	conf_free(&c);
}
END_TEST

/* --- values ------------------------------------------------------------------ */

static const struct conf_node *
value(struct conf **c, const char *text)
{
	char	 line[256];

	snprintf(line, sizeof(line), "v: %s\n", text);
	*c = parse(line);
	ck_assert_ptr_nonnull(*c);
	return conf_get((*c)->root, "v");
}

static int
duration(const char *text, uint64_t *out)
{
	const struct conf_node	*n;
	struct conf		*c;
	int			 ret;

	n = value(&c, text);
	ret = conf_duration(c, n, out, &err);
	conf_free(&c);
	return ret;
}

START_TEST(test_durations)
{
	static const char *const bad[] = { "5", "s", "-1s", "1.5h", "1 s",
	    "1S", "1h30m", "\"1h\"", "18446744073709551616ms", "+1s",
	    "213503982334602d", "[1s]", "~", "0x10s", "1w" };
	static const struct { const char *s; uint64_t ms; } good[] = {
	    { "500ms", 500 }, { "90s", 90000 }, { "30m", 1800000 },
	    { "2h", 7200000 }, { "7d", 604800000 }, { "0", 0 }, { "0s", 0 },
	    { "3650d", UINT64_C(315360000000) } };
	uint64_t	v;
	size_t		i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(duration(good[i].s, &v) == 0, "%s", good[i].s);
		ck_assert_uint_eq(v, good[i].ms);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(duration(bad[i], &v) == -1, "%s", bad[i]);
		ck_assert_str_eq(err.text, "/etc/x.yaml:1:4: expected a "
		    "duration such as 500ms, 90s, 30m, 2h or 7d");
	}
	ck_assert_int_eq(duration("3651d", &v), -1);
	ck_assert_str_eq(err.text, "/etc/x.yaml:1:4: must be at most 3650d");
}
END_TEST

START_TEST(test_scalars)
{
	static const char *const bools[] = { "yes", "on", "True", "\"true\"",
	    "1", "~", "[true]" };
	const struct conf_node	*n;
	struct conf_strings	 s = { 0 };
	struct conf		*c;
	uint64_t		 v;
	size_t			 i;
	char			*str = NULL;
	bool			 b;

	for (i = 0; i < sizeof(bools) / sizeof(bools[0]); i++) {
		n = value(&c, bools[i]);
		ck_assert_int_eq(conf_bool(c, n, &b, &err), -1);
		conf_free(&c);
	}
	n = value(&c, "true");
	ck_assert_int_eq(conf_bool(c, n, &b, &err), 0);
	ck_assert(b);
	conf_free(&c);
	n = value(&c, "65536");
	ck_assert_int_eq(conf_int(c, n, 1, 65535, &v, &err), -1);
	ck_assert_str_eq(err.text, "/etc/x.yaml:1:4: must be at most 65535");
	ck_assert_int_eq(conf_int(c, n, 70000, 0, &v, &err), -1);
	ck_assert_str_eq(err.text, "/etc/x.yaml:1:4: must be at least 70000");
	ck_assert_int_eq(conf_int(c, n, 0, 0, &v, &err), 0);
	ck_assert_uint_eq(v, 65536);
	conf_free(&c);
	n = value(&c, "");
	ck_assert_int_eq(conf_string(c, n, &str, &err), -1);
	ck_assert_str_eq(err.text, "/etc/x.yaml:1:3: expected a string");
	conf_free(&c);
	n = value(&c, "\"\"");
	ck_assert_int_eq(conf_string(c, n, &str, &err), 0);
	ck_assert_str_eq(str, "");
	free(str);
	conf_free(&c);
	n = value(&c, "[a, \"b c\", 3]");
	ck_assert_int_eq(conf_strings(c, n, &s, &err), 0);
	ck_assert_uint_eq(s.n, 3);
	ck_assert_str_eq(s.v[1], "b c");
	conf_strings_free(&s);
	ck_assert_ptr_null(s.v);
	conf_free(&c);
	n = value(&c, "one");
	ck_assert_int_eq(conf_strings(c, n, &s, &err), 0);
	ck_assert_uint_eq(s.n, 1);
	conf_strings_free(&s);
	conf_free(&c);
	n = value(&c, "[]");
	ck_assert_int_eq(conf_strings(c, n, &s, &err), -1);
	conf_free(&c);
	n = value(&c, "[a, [b]]");
	ck_assert_int_eq(conf_strings(c, n, &s, &err), -1);
	ck_assert_str_eq(err.text, "/etc/x.yaml:1:8: expected a string");
	conf_free(&c);
	n = value(&c, "{a: b}");
	ck_assert_int_eq(conf_strings(c, n, &s, &err), -1);
	ck_assert_str_eq(err.text,
	    "/etc/x.yaml:1:4: expected a string or a list of strings");
	conf_free(&c);
}
END_TEST

/* --- tables ------------------------------------------------------------------ */

struct inner {
	uint64_t	 n;
};

struct sample {
	char			*name, *path, *opt;
	bool			 flag;
	uint64_t		 port, ttl, size;
	int			 mode;
	struct conf_strings	 list, dlist;
	struct inner		 inner;
};

static const struct conf_key inner_keys[] = {
	{ .name = "n", .type = CONF_INT, .offset = offsetof(struct inner, n),
	  .min = 1, .max = 9 }
};

static int
parse_inner(const struct conf *c, const struct conf_node *node, void *out,
    struct conf_error *e)
{
	if (node == NULL) {
		((struct inner *)out)->n = 7;
		return 0;
	}
	return conf_fill(c, node, "inner", inner_keys, 1, out, e);
}

static const char *const modes[] = { "slow", "fast", "off", NULL };
#define S(m)	offsetof(struct sample, m)
static const struct conf_key keys[] = {
	{ .name = "name", .type = CONF_STRING, .offset = S(name) },
	{ .name = "path", .type = CONF_PATH, .offset = S(path),
	  .dflt = "/run/x" },
	{ .name = "opt", .type = CONF_STRING, .offset = S(opt), .dflt = "" },
	{ .name = "flag", .type = CONF_BOOL, .offset = S(flag),
	  .dflt = "true" },
	{ .name = "port", .type = CONF_INT, .offset = S(port),
	  .dflt = "5432", .min = 1, .max = 65535 },
	{ .name = "ttl", .type = CONF_DURATION, .offset = S(ttl),
	  .dflt = "90s", .min = 1000, .max = 3600000 },
	{ .name = "size", .type = CONF_SIZE, .offset = S(size),
	  .dflt = "64KiB", .min = 4096, .max = 1 << 30 },
	{ .name = "mode", .type = CONF_ENUM, .offset = S(mode),
	  .dflt = "fast", .choices = modes },
	{ .name = "list", .type = CONF_STRINGS, .offset = S(list),
	  .dflt = "" },
	{ .name = "dlist", .type = CONF_STRINGS, .offset = S(dlist),
	  .dflt = "[a, b]" },
	{ .name = "inner", .type = CONF_CUSTOM, .offset = S(inner),
	  .dflt = "", .parse = parse_inner }
};
#define NKEYS	(sizeof(keys) / sizeof(keys[0]))

static int
fill(const char *text, struct sample *s, const char *where)
{
	struct conf	*c = parse(text);
	int		 ret;

	memset(s, 0, sizeof(*s));
	ck_assert_msg(c != NULL, "%s", err.text);
	ret = conf_fill(c, c->root, where, keys, NKEYS, s, &err);
	conf_free(&c);
	if (ret == -1)
		conf_release(keys, NKEYS, s);
	return ret;
}

START_TEST(test_defaults)
{
	struct sample	 s;

	ck_assert_int_eq(fill("name: n\n", &s, ""), 0);
	ck_assert_str_eq(s.name, "n");
	ck_assert_str_eq(s.path, "/run/x");
	ck_assert_ptr_null(s.opt);
	ck_assert(s.flag);
	ck_assert_uint_eq(s.port, 5432);
	ck_assert_uint_eq(s.ttl, 90000);
	ck_assert_uint_eq(s.size, 65536);
	ck_assert_int_eq(s.mode, 1);
	ck_assert_uint_eq(s.list.n, 0);
	ck_assert_uint_eq(s.dlist.n, 2);
	ck_assert_str_eq(s.dlist.v[1], "b");
	ck_assert_uint_eq(s.inner.n, 7);
	conf_release(keys, NKEYS, &s);
	ck_assert_ptr_null(s.name);
	conf_release(keys, NKEYS, &s);
}
END_TEST

START_TEST(test_paths)
{
	struct sample	 s;

	ck_assert_int_eq(fill("{name: n, path: a/b}", &s, ""), 0);
	ck_assert_str_eq(s.path, "/etc/a/b");
	conf_release(keys, NKEYS, &s);
	ck_assert_int_eq(fill("{name: n, path: /a/b}", &s, ""), 0);
	ck_assert_str_eq(s.path, "/a/b");
	conf_release(keys, NKEYS, &s);
	ck_assert_int_eq(fill("{name: n, path: \"\"}", &s, ""), -1);
	ck_assert_str_eq(err.text, "/etc/x.yaml:1:17: path: expected a path");
}
END_TEST

START_TEST(test_fill_errors)
{
	static const struct { const char *text, *where, *message; } t[] = {
	    { "{}", "", "1:1: key \"name\" is missing" },
	    { "{}", "a.b", "1:1: a.b: key \"name\" is missing" },
	    { "{name: n, nam: m}", "", "1:11: unknown key \"nam\"" },
	    { "{name: n, nam: m}", "a", "1:11: a: unknown key \"nam\"" },
	    { "{name: [n]}", "a", "1:8: a.name: expected a string" },
	    { "{name: n, port: 0}", "a", "1:17: a.port: must be at least 1" },
	    { "{name: n, port: x}", "", "1:17: port: expected a number" },
	    { "{name: n, port: 5432 }", "", NULL },
	    { "{name: n, ttl: 2h}", "", "1:16: ttl: must be at most 1h" },
	    { "{name: n, ttl: 10ms}", "", "1:16: ttl: must be at least 1s" },
	    { "{name: n, size: 1}", "", "1:17: size: must be at least 4KiB" },
	    { "{name: n, size: 2GiB}", "", "1:17: size: must be at most 1GiB" },
	    { "{name: n, size: 2GB}", "", "1:17: size: expected a size such "
	      "as 4096, 64KiB, 1MiB or 2GiB" },
	    { "{name: n, mode: slo}", "",
	      "1:17: mode: expected slow, fast or off" },
	    { "{name: n, flag: 1}", "", "1:17: flag: expected true or false" },
	    { "{name: n, list: []}", "", "1:17: list: the list is empty" },
	    { "{name: n, inner: {m: 1}}", "",
	      "1:19: inner: unknown key \"m\"" },
	    { "{name: n, inner: {n: 10}}", "",
	      "1:22: inner.n: must be at most 9" },
	    { "{name: n, inner: 3}", "", "1:18: inner: expected a map" } };
	struct sample	 s;
	size_t		 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (t[i].message == NULL) {
			ck_assert_int_eq(fill(t[i].text, &s, t[i].where), 0);
			conf_release(keys, NKEYS, &s);
			continue;
		}
		ck_assert_int_eq(fill(t[i].text, &s, t[i].where), -1);
		ck_assert_int_eq(strncmp(err.text, "/etc/x.yaml:", 12), 0);
		ck_assert_str_eq(err.text + 12, t[i].message);
	}
}
END_TEST

static char *
print(const struct sample *s)
{
	char	*text;
	size_t	 n;
	FILE	*fp = open_memstream(&text, &n);

	conf_print(fp, 0, keys, NKEYS, s);
	fclose(fp);
	return text;
}

START_TEST(test_print)
{
	struct sample	 s;
	char		*one, *two;

	ck_assert_int_eq(fill("{name: \"a: b\", ttl: 1h, size: 5000, "
	    "list: [x, \"*y\", \"\"], flag: false}", &s, ""), 0);
	one = print(&s);
	conf_release(keys, NKEYS, &s);
	ck_assert_str_eq(one, "name: \"a: b\"\npath: /run/x\nflag: false\n"
	    "port: 5432\nttl: 1h\nsize: 5000\nmode: fast\n"
	    "list: [x, \"*y\", \"\"]\ndlist: [a, b]\n");
	ck_assert_int_eq(fill(one, &s, ""), 0);
	two = print(&s);
	conf_release(keys, NKEYS, &s);
	ck_assert_str_eq(one, two);
	free(one);
	free(two);
}
END_TEST

/* Whatever a string holds, it reads back: alone, and in a list. */
START_TEST(test_print_scalar)
{
	static const char *const strings[] = { "", " ", "a", "a b", "a ", " a",
	    "a: b", "a:", ":a", "a:b", "a #b", "#a", "- a", "-", "--- a",
	    "---", "...", "~", "null", "true", "5", "*a", "a*", "&a", "!a",
	    "%a", "@a", "`a", "|", ">", "? a", "a, b", "[a]", "{a}", "a]b",
	    "\"a\"", "'a'", "a\"b\\c", "a\nb", "a\tb", "\x7f", "\x01\x1f",
	    "caf\xc3\xa9", "\xc2\x85", "\xc2\x9b" "1m", "\xe2\x80\xa8",
	    "\xe2\x80\xa9", "\xef\xbb\xbf" "x", "\xef\xbf\xbe", "\xef\xbf\xbf",
	    "\xf0\x9f\x98\x80", "a  b", "=", "<<", "/a/b:c", "public, pg_temp",
	    "a:\xc3\xa9", "a\\", "$user", "0:1" };
	struct conf_strings	 s = { 0 };
	struct conf		*c;
	size_t			 i, n;
	char			*text;
	FILE			*fp;

	fp = open_memstream(&text, &n);
	fputs("all: [", fp);
	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		fputs(i == 0 ? "" : ", ", fp);
		conf_print_scalar(fp, strings[i]);
	}
	fputs("]\n", fp);
	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		fprintf(fp, "k%zu: ", i);
		conf_print_scalar(fp, strings[i]);
		putc('\n', fp);
	}
	fclose(fp);
	c = parse(text);
	ck_assert_msg(c != NULL, "%s\n%s", err.text, text);
	ck_assert_int_eq(conf_strings(c, c->root->items[0], &s, &err), 0);
	ck_assert_uint_eq(s.n, sizeof(strings) / sizeof(strings[0]));
	for (i = 0; i < s.n; i++) {
		ck_assert_str_eq(s.v[i], strings[i]);
		ck_assert_str_eq(c->root->items[i + 1]->value, strings[i]);
	}
	conf_strings_free(&s);
	conf_free(&c);
	free(text);
}
END_TEST

START_TEST(test_glob)
{
	static const struct { const char *p, *s; bool fits; } t[] = {
	    { "", "", true }, { "", "a", false }, { "*", "", true },
	    { "*", "a.b", true }, { "a*", "a", true }, { "a*", "ba", false },
	    { "?", "a", true }, { "?", "", false }, { "a?c", "abc", true },
	    { "*.card", "shop.public.t.card", true },
	    { "*.card", "card", false }, { "A", "a", false },
	    { "a*b*c", "aXbYc", true }, { "a*b*c", "aXbY", false },
	    { "a*b*c", "abbbcbc", true }, { "[a]", "a", false },
	    { "**", "x", true }, { "acme/*", "acme/shop", true } };
	char		 text[4001];
	size_t		 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		ck_assert_msg(glob_match(t[i].p, t[i].s, strlen(t[i].s)) ==
		    t[i].fits, "%s %s", t[i].p, t[i].s);
	/* Not more than `len`, and NUL is a byte like others. */
	ck_assert(glob_match("ab", "abc", 2));
	ck_assert(!glob_match("a", "a\0b", 3));
	ck_assert(glob_match("a?b", "a\0b", 3));
	/* No exponential time. */
	memset(text, 'a', 4000);
	text[4000] = '\0';
	ck_assert(!glob_match("a*a*a*a*a*a*a*a*a*a*a*a*a*b", text, 4000));
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("conf");
	TCase	*tc = tcase_create("conf");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, test_positions);
	tcase_add_test(tc, test_empty);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_bounds);
	tcase_add_test(tc, test_load);
	tcase_add_test(tc, test_message);
	tcase_add_test(tc, test_durations);
	tcase_add_test(tc, test_scalars);
	tcase_add_test(tc, test_defaults);
	tcase_add_test(tc, test_paths);
	tcase_add_test(tc, test_fill_errors);
	tcase_add_test(tc, test_print);
	tcase_add_test(tc, test_print_scalar);
	tcase_add_test(tc, test_glob);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_fork_status(sr, CK_NOFORK);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
