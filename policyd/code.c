/*
 * What DO and CALL run, as far as it can be looked into.
 *
 * Runs in the engine.  Bodies are a client's, or of whoever made a procedure.
 * libpg_query's plpgsql parser gives JSON; every query in it is parsed and
 * walked like a statement of the text.  It may crash on a strange body, and
 * then the engine dies alone.  A body in another language, one that does not
 * parse, an element that is not known here, or a body that holds more SQL than
 * the JSON shows: opaque, and for the rules to allow by that name.
 */
#include "code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "prescan.h"
#include "sqllex.h"
#include "utility.h"

#define NESTED_MAX	8	/* procedures that call procedures */
#define DEPTH_MAX	200	/* blocks in blocks */

/* Words of SQL that change things; they are counted in body and JSON. */
static const char *const verbs[] = {
	"insert", "update", "delete", "merge", "truncate", "drop", "alter",
	"create", "grant", "revoke", "copy", "call", "do", "select",
	"perform", "set", "lock",
};
#define NVERBS		(sizeof(verbs) / sizeof(verbs[0]))
/* PERFORM becomes SELECT in the JSON. */
#define VERB_SELECT	13
#define VERB_PERFORM	14

/* Elements of the JSON that are understood. */
static const char *const elements[] = {
	"PLpgSQL_function", "PLpgSQL_var", "PLpgSQL_type", "PLpgSQL_row",
	"PLpgSQL_rec", "PLpgSQL_recfield", "PLpgSQL_expr",
	"PLpgSQL_stmt_block", "PLpgSQL_stmt_assign", "PLpgSQL_stmt_if",
	"PLpgSQL_if_elsif", "PLpgSQL_stmt_case", "PLpgSQL_case_when",
	"PLpgSQL_stmt_loop", "PLpgSQL_stmt_while", "PLpgSQL_stmt_fori",
	"PLpgSQL_stmt_fors", "PLpgSQL_stmt_forc", "PLpgSQL_stmt_foreach_a",
	"PLpgSQL_stmt_exit", "PLpgSQL_stmt_return",
	"PLpgSQL_stmt_return_next", "PLpgSQL_stmt_return_query",
	"PLpgSQL_stmt_raise", "PLpgSQL_raise_option", "PLpgSQL_stmt_assert",
	"PLpgSQL_stmt_execsql", "PLpgSQL_stmt_perform", "PLpgSQL_stmt_call",
	"PLpgSQL_stmt_getdiag", "PLpgSQL_diag_item", "PLpgSQL_stmt_open",
	"PLpgSQL_stmt_fetch", "PLpgSQL_stmt_close", "PLpgSQL_stmt_commit",
	"PLpgSQL_stmt_rollback", "PLpgSQL_exception_block",
	"PLpgSQL_exception", "PLpgSQL_condition",
	/* These run a text; see dynamic_element(). */
	"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors",
};

struct code {
	struct analysis	*a;
	unsigned int	 left[NVERBS];	/* in the body, not yet in the JSON */
	bool		 opaque, dynamic;
};

static void
analyse(struct code *c, const char *prefix, const char *text, size_t len,
    bool expression);

/* --- what a body holds ---------------------------------------------------- */

static void
count_verbs(struct code *c, const char *text, size_t len, int by)
{
	struct lex	 l;
	size_t		 i;

	memset(&l, 0, sizeof(l));
	l.text = l.pos = text;
	l.end = text + len;
	for (;;) {
		switch (lex_next(&l)) {
		case LEX_END:
		case LEX_BAD:
			return;
		case LEX_WORD:
			break;
		default:
			continue;
		}
		for (i = 0; i < NVERBS; i++)
			if (strlen(verbs[i]) == (size_t)(l.pos - l.start) &&
			    strncasecmp(verbs[i], l.start,
			    strlen(verbs[i])) == 0)
				break;
		if (i == VERB_PERFORM)
			i = VERB_SELECT;
		if (i < NVERBS && (by > 0 || c->left[i] > 0))
			c->left[i] += (unsigned int)by;
	}
}

static bool
element_known(const char *name)
{
	size_t	 i;

	for (i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
		if (strcmp(elements[i], name) == 0)
			return true;
	return false;
}

/*
 * `x := 1`, `x[f()] = 1`: where the target ends, and what stands behind.  NULL
 * when there is no such sign.
 */
static const char *
assignment(const char *text, const char **end)
{
	struct lex	 l;
	int		 depth = 0;
	enum lex_kind	 k;

	memset(&l, 0, sizeof(l));
	l.text = l.pos = text;
	l.end = text + strlen(text);
	while ((k = lex_next(&l)) != LEX_END && k != LEX_BAD) {
		if (k == LEX_PUNCT && strchr("([", *l.start) != NULL)
			depth++;
		else if (k == LEX_PUNCT && strchr(")]", *l.start) != NULL)
			depth--;
		if (depth != 0)
			continue;
		*end = l.start;
		if (k == LEX_PUNCT && *l.start == ':' && *l.pos == '=')
			return l.pos + 1;
		if (k == LEX_OPERATOR && *l.start == '=')
			return l.start + 1;
	}
	return NULL;
}

/* --- the JSON ------------------------------------------------------------- */

/* Is what stands under this key of this element a whole statement? */
static bool
is_statement(const char *element, const char *key)
{
	return strcmp(key, "sqlstmt") == 0 ||
	    strcmp(key, "cursor_explicit_expr") == 0 ||
	    strcmp(key, "argquery") == 0 ||
	    (strcmp(key, "query") == 0 &&
	    (strcmp(element, "PLpgSQL_stmt_fors") == 0 ||
	    strcmp(element, "PLpgSQL_stmt_return_query") == 0 ||
	    strcmp(element, "PLpgSQL_stmt_open") == 0)) ||
	    (strcmp(key, "expr") == 0 &&
	    (strcmp(element, "PLpgSQL_stmt_perform") == 0 ||
	    strcmp(element, "PLpgSQL_stmt_call") == 0));
}

static void
expression(struct code *c, const char *element, const char *key,
    const json_t *expr)
{
	const char	*text = json_string_value(json_object_get(expr,
			    "query")), *end, *value;

	if (text == NULL) {
		c->opaque = true;
		return;
	}
	if (is_statement(element, key)) {
		analyse(c, "", text, strlen(text), false);
		return;
	}
	if (strcmp(element, "PLpgSQL_stmt_assign") != 0) {
		analyse(c, "SELECT ", text, strlen(text), true);
		return;
	}
	if ((value = assignment(text, &end)) == NULL) {
		c->opaque = true;
		return;
	}
	analyse(c, "SELECT ", text, (size_t)(end - text), true);
	analyse(c, "SELECT ", value, strlen(value), true);
}

/* `element` is the nearest one above, `key` the member that this stands in. */
static void
walk_json(struct code *c, const char *element, const char *key,
    const json_t *v, int depth)
{
	const char	*k;
	const json_t	*m;
	size_t		 i;

	if (depth > DEPTH_MAX * 4) {
		c->opaque = true;
		return;
	}
	if (json_is_array(v)) {
		json_array_foreach(v, i, m)
			walk_json(c, element, key, m, depth + 1);
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)v, k, m) {
		if (strcmp(k, "dynquery") == 0)
			c->dynamic = true;
		if (strncmp(k, "PLpgSQL_", 8) != 0) {
			walk_json(c, element, k, m, depth + 1);
			continue;
		}
		if (!element_known(k))
			c->opaque = true;
		if (strncmp(k, "PLpgSQL_stmt_dyn", 16) == 0)
			c->dynamic = true;
		else if (strcmp(k, "PLpgSQL_stmt_commit") == 0)
			analysis_unit(c->a, KIND_COMMIT, 0, 0);
		else if (strcmp(k, "PLpgSQL_stmt_rollback") == 0)
			analysis_unit(c->a, KIND_ROLLBACK, 0, 0);
		if (strcmp(k, "PLpgSQL_expr") == 0)
			expression(c, element, key, m);
		else
			walk_json(c, k, "", m, depth + 1);
	}
}

/* --- trees ---------------------------------------------------------------- */

static void
on_part(void *ctx, const ProtobufCMessage *m)
{
	scope_walk(ctx, m);
}

static bool
keep_body(struct analysis *a, const PgQuery__Node *n)
{
	const PgQuery__Node	**v;

	v = analysis_grow(a, (void *)(uintptr_t)a->bodies, a->nbodies,
	    &a->capbodies, sizeof(*v));
	if (v == NULL)
		return false;
	a->bodies = v;
	a->bodies[a->nbodies++] = n;
	return true;
}

/* The tree stays with the analysis; NULL: it does not parse. */
static const struct sqltree *
keep_tree(struct analysis *a, const char *text)
{
	struct sqltree		*v;
	struct sql_error	 err;

	v = analysis_grow(a, a->codes, a->ncodes, &a->capcodes, sizeof(*v));
	if (v == NULL)
		return NULL;
	a->codes = v;
	if (sqltree_parse(&v[a->ncodes], text, &err) == -1)
		return NULL;
	return &v[a->ncodes++];
}

/* An expression needs no leave of its own, what it names and calls does. */
static void
analyse(struct code *c, const char *prefix, const char *text, size_t len,
    bool expr)
{
	struct analysis		*a = c->a;
	const PgQuery__ParseResult *root;
	const struct sqltree	*t;
	size_t			 i, n = strlen(prefix) + len + 1;
	char			*copy;

	count_verbs(c, text, len, -1);
	if ((copy = arena_alloc(a->arena, n)) == NULL) {
		a->nomem = true;
		return;
	}
	snprintf(copy, n, "%s%.*s", prefix, (int)len, text);
	if ((t = keep_tree(a, copy)) == NULL) {
		c->opaque = true;
		return;
	}
	/* `codes` may move when a body runs further code. */
	root = t->root;
	for (i = 0; i < root->n_stmts; i++) {
		if (!keep_body(a, root->stmts[i]->stmt))
			return;
		if (expr)
			sqltree_children(&root->stmts[i]->stmt->base, on_part,
			    a);
		else
			utility_statement(a, root->stmts[i]->stmt);
	}
}

/* --- DO and CALL ---------------------------------------------------------- */

static void
finish(struct code *c)
{
	size_t	 i;

	for (i = 0; i < NVERBS; i++)
		if (c->left[i] > 0)
			c->opaque = true;
	if (c->dynamic)
		analysis_unit(c->a, KIND_DYNAMIC, 0, 0);
	if (c->opaque)
		analysis_unit(c->a, KIND_OPAQUE, 0, 0);
}

/* `create` is the whole statement that the parser wants, `body` what is in. */
static void
plpgsql(struct code *c, const char *create, const char *body)
{
	json_t	*root;
	char	*json;

	if (prescan(body, strlen(body)) != NULL ||
	    (json = sqltree_plpgsql(create)) == NULL) {
		c->opaque = true;
		return;
	}
	count_verbs(c, body, strlen(body), 1);
	root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	/* No action: the parser has not looked into it. */
	if (!json_is_array(root) || strstr(json, "\"action\"") == NULL)
		c->opaque = true;
	else
		walk_json(c, "", "", root, 0);
	json_decref(root);
	free(json);
}

static const char *
option_string(PgQuery__Node *const *v, size_t n, const char *name)
{
	const PgQuery__Node	*arg;
	size_t			 i;

	for (i = 0; i < n; i++) {
		if (v[i]->node_case != PG_QUERY__NODE__NODE_DEF_ELEM ||
		    strcmp(v[i]->def_elem->defname, name) != 0 ||
		    (arg = v[i]->def_elem->arg) == NULL)
			continue;
		if (arg->node_case == PG_QUERY__NODE__NODE_LIST)
			return arg->list->n_items == 1 ?
			    node_string(arg->list->items[0]) : NULL;
		return node_string(arg);
	}
	return NULL;
}

/* "DO '<body>'", quotes doubled; in the arena. */
static char *
do_text(struct analysis *a, const char *body)
{
	char		*text = arena_alloc(a->arena, 2 * strlen(body) + 8);
	char		*o;

	if (text == NULL) {
		a->nomem = true;
		return NULL;
	}
	o = text + sprintf(text, "DO '");
	for (; *body != '\0'; body++) {
		if (*body == '\'')
			*o++ = '\'';
		*o++ = *body;
	}
	*o++ = '\'';
	*o = '\0';
	return text;
}

void
code_do(struct analysis *a, const PgQuery__DoStmt *s)
{
	struct code	 c = { .a = a };
	const char	*language, *body;
	char		*text;

	language = option_string(s->args, s->n_args, "language");
	body = option_string(s->args, s->n_args, "as");
	if ((language != NULL && strcmp(language, "plpgsql") != 0) ||
	    body == NULL || a->code_depth >= NESTED_MAX)
		c.opaque = true;
	else if ((text = do_text(a, body)) != NULL) {
		a->code_depth++;
		plpgsql(&c, text, body);
		a->code_depth--;
	}
	finish(&c);
}

static void
procedure(struct code *c, const struct cat_fn *fn)
{
	const PgQuery__Node	*stmt;
	const struct sqltree	*t;
	const char		*body;

	if (fn->code[0] == '\0' ||
	    prescan(fn->code, strlen(fn->code)) != NULL) {
		c->opaque = true;
		return;
	}
	if (strcmp(fn->language, "sql") == 0) {
		analyse(c, "", fn->code, strlen(fn->code), false);
		return;
	}
	if (strcmp(fn->language, "plpgsql") != 0 ||
	    (t = keep_tree(c->a, fn->code)) == NULL ||
	    t->root->n_stmts != 1) {
		c->opaque = true;
		return;
	}
	stmt = t->root->stmts[0]->stmt;
	body = stmt->node_case != PG_QUERY__NODE__NODE_CREATE_FUNCTION_STMT ?
	    NULL : option_string(stmt->create_function_stmt->options,
	    stmt->create_function_stmt->n_options, "as");
	if (body == NULL)
		c->opaque = true;
	else
		plpgsql(c, fn->code, body);
}

void
code_call(struct analysis *a, const PgQuery__CallStmt *s)
{
	const PgQuery__FuncCall	*f = s->funccall;
	const struct catalog	*cat = a->scene->cat;
	const struct cat_fn	*fn;
	struct code		 c = { .a = a };
	const char		*schema = NULL, *name = "";
	bool			 found = false;

	if (f != NULL && f->n_funcname > 0)
		name = node_string(f->funcname[f->n_funcname - 1]);
	if (f != NULL && f->n_funcname > 1)
		schema = node_string(f->funcname[f->n_funcname - 2]);
	if (cat == NULL || a->code_depth >= NESTED_MAX)
		c.opaque = true;
	a->code_depth++;
	/* Which of them it is depends on types: all of them. */
	for (fn = c.opaque ? NULL : catalog_function(cat, name); fn != NULL;
	    fn = catalog_next_function(fn)) {
		if (!fn->procedure || (schema != NULL &&
		    strcmp(schema, fn->schema) != 0))
			continue;
		procedure(&c, fn);
		found = true;
	}
	a->code_depth--;
	if (!found) {
		c.opaque = true;
		a->wanted |= cat != NULL;
	}
	finish(&c);
}
