/*
 * What a statement changes of the server's settings: see setscan.h.
 *
 * Runs in the engine on the tree of a client's text.  Every node is looked at,
 * wherever it stands: SET in an ALTER ROLE or behind a CREATE FUNCTION,
 * set_config() in a default, UPDATE of pg_settings in a rule.  Of functions
 * that are there already the catalogue says which settings they name
 * (bodyscan.c); those that one makes here are read word by word.  What cannot
 * be read is refused; what triggers, views, operators and the functions of
 * functions do is not seen (SECURITY, 3).
 */
#include "setscan.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bodyscan.h"
#include "rules.h"
#include "settings.h"

#define VIEWS_DEEP	8

/* --- refusals ------------------------------------------------------------- */

static void
refuse(struct analysis *a, const char *why)
{
	if (a->refused)
		return;
	analysis_refuse(a, "42501", "%s", why);
	a->refused_by = "(settings)";
}

/* `by` says what would change it, or is NULL: the statement does. */
static void
changes(struct analysis *a, const char *name, const char *by)
{
	const struct profile	*p = a->scene->profile;
	enum setting_leave	 leave = settings_leave(p, name);
	char			 why[256], text[400];

	if (leave == SETTING_FREE)
		return;
	settings_why(p, name, leave, why, sizeof(why));
	snprintf(text, sizeof(text), "%s%s%s", why, by != NULL ? "; " : "",
	    by != NULL ? by : "");
	refuse(a, text);
}

static void
unknown(struct analysis *a, const char *what)
{
	char	 text[400];

	snprintf(text, sizeof(text), "%s, and \"settings\" of profile \"%s\" "
	    "does not let every setting be changed", what,
	    a->scene->profile->key);
	refuse(a, text);
}

/* --- SET and what begins a transaction -------------------------------------- */

static const char *
constant(const PgQuery__Node *n)
{
	if (n == NULL || n->node_case != PG_QUERY__NODE__NODE_A_CONST)
		return NULL;
	switch (n->a_const->val_case) {
	case PG_QUERY__A__CONST__VAL_SVAL:
		return n->a_const->sval->sval;
	case PG_QUERY__A__CONST__VAL_IVAL:
		return n->a_const->ival->ival != 0 ? "on" : "off";
	default:
		return NULL;
	}
}

static bool
is_on(const char *v)
{
	return strcasecmp(v, "on") == 0 || strcasecmp(v, "true") == 0 ||
	    strcasecmp(v, "yes") == 0 || strcmp(v, "1") == 0;
}

/* To say the value that is pinned is no change: drivers begin so. */
static bool
says_the_same(const struct analysis *a, const char *name, const char *value)
{
	const struct profile	*p = a->scene->profile;
	size_t			 i;

	for (i = 0; value != NULL && i < p->nsettings; i++)
		if (strcmp(p->settings[i].name, name) == 0)
			return strcasecmp(p->settings[i].value, value) == 0 ||
			    (is_on(p->settings[i].value) && is_on(value));
	return false;
}

/* transaction_read_only and its kin, with their values. */
static void
modes(struct analysis *a, PgQuery__Node *const *v, size_t n)
{
	char	 name[128];
	size_t	 i;

	for (i = 0; i < n; i++) {
		if (v[i]->node_case != PG_QUERY__NODE__NODE_DEF_ELEM)
			continue;
		if (strncmp(v[i]->def_elem->defname, "transaction_", 12) != 0)
			continue;
		snprintf(name, sizeof(name), "default_%s",
		    v[i]->def_elem->defname);
		if (!says_the_same(a, name, constant(v[i]->def_elem->arg)))
			changes(a, name, NULL);
	}
}

/* BEGIN READ WRITE: only where that is pinned it is a change. */
static void
transaction(struct analysis *a, const PgQuery__TransactionStmt *t)
{
	const struct profile	*p = a->scene->profile;
	size_t			 i;

	for (i = 0; i < t->n_options; i++)
		if (t->options[i]->node_case ==
		    PG_QUERY__NODE__NODE_DEF_ELEM &&
		    settings_leave(p, t->options[i]->def_elem->defname) ==
		    SETTING_PINNED)
			modes(a, &t->options[i], 1);
}

/* One plain word, which means the same in a list of names and quoted. */
static bool
same_word(const struct analysis *a, const char *name,
    const PgQuery__VariableSetStmt *s)
{
	const struct profile	*p = a->scene->profile;
	const char		*v = s->n_args == 1 ? constant(s->args[0]) :
				    NULL;
	size_t			 i;

	for (i = 0; v != NULL && i < p->nsettings; i++)
		if (strcasecmp(p->settings[i].name, name) == 0)
			return v[0] != '\0' && strcmp(p->settings[i].value,
			    v) == 0 && v[strspn(v, "abcdefghijklmnopqrstuvwxyz"
			    "_0123456789")] == '\0';
	return false;
}

static void
variable(struct analysis *a, const PgQuery__VariableSetStmt *s)
{
	const struct profile	*p = a->scene->profile;
	const char		*name = s->name != NULL ? s->name : "";
	size_t			 i;

	switch (s->kind) {
	case PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL:
		return;
	case PG_QUERY__VARIABLE_SET_KIND__VAR_RESET:
	case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_DEFAULT:
		/* To what it was at the start, which is what is pinned; but
		 * for the modes of a transaction. */
		if (strncasecmp(name, "transaction_", 12) == 0)
			changes(a, name, NULL);
		return;
	case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_MULTI:
		if (strcasecmp(name, "SESSION CHARACTERISTICS") == 0)
			modes(a, s->args, s->n_args);
		else if (strcasecmp(name, "TRANSACTION") == 0)
			for (i = 0; i < s->n_args; i++)
				if (s->args[i]->node_case ==
				    PG_QUERY__NODE__NODE_DEF_ELEM &&
				    settings_leave(p,
				    s->args[i]->def_elem->defname) ==
				    SETTING_PINNED)
					modes(a, &s->args[i], 1);
		return;
	default:
		if (!same_word(a, name, s))
			changes(a, name, NULL);
		return;
	}
}

/* --- functions ---------------------------------------------------------------- */

static void
on_body(void *ctx, enum body_what what, const char *name)
{
	struct analysis		*a = ctx;
	const struct cat_fn	*fn;
	const struct catalog	*cat = a->scene->cat;

	switch (what) {
	case BODY_SETS:
		if (name != NULL)
			changes(a, name, "the function's body changes it");
		else
			unknown(a, "the function's body changes a setting "
			    "that it does not name");
		break;
	case BODY_RUNS:
		unknown(a, "the function's body runs a text that is made at "
		    "run time, or makes more code");
		break;
	case BODY_CALLS:
		for (fn = cat == NULL ? NULL : catalog_function(cat, name);
		    fn != NULL; fn = catalog_next_function(fn))
			if (fn->sets[0] != '\0')
				unknown(a, "the function's body calls another "
				    "that changes settings");
		break;
	}
}

static const char *
option(const PgQuery__CreateFunctionStmt *s, const char *name)
{
	const PgQuery__Node	*arg;
	size_t			 i;

	for (i = 0; i < s->n_options; i++) {
		if (s->options[i]->node_case !=
		    PG_QUERY__NODE__NODE_DEF_ELEM ||
		    strcmp(s->options[i]->def_elem->defname, name) != 0 ||
		    (arg = s->options[i]->def_elem->arg) == NULL)
			continue;
		if (arg->node_case != PG_QUERY__NODE__NODE_LIST)
			return node_string(arg);
		return arg->list->n_items == 1 ?
		    node_string(arg->list->items[0]) : NULL;
	}
	return NULL;
}

static void
create_function(struct analysis *a, const PgQuery__CreateFunctionStmt *s)
{
	const char	*language = option(s, "language");
	const char	*body = option(s, "as");

	/* One written as SQL is in the tree, which is walked. */
	if (s->sql_body != NULL &&
	    (language == NULL || strcmp(language, "sql") == 0))
		return;
	if (language == NULL || body == NULL || (strcmp(language, "sql") != 0 &&
	    strcmp(language, "plpgsql") != 0))
		unknown(a, "a function in another language than sql and "
		    "plpgsql cannot be looked into");
	else
		bodyscan(body, strlen(body), on_body, a);
}

/* "a b c": is any of them one that may not be changed? */
static void
existing(struct analysis *a, const struct cat_fn *fn)
{
	char		 name[128], by[200];
	const char	*p = fn->sets;
	size_t		 n;

	while (*p != '\0') {
		n = strcspn(p, " ");
		snprintf(name, sizeof(name), "%.*s", (int)n, p);
		p += n + (p[n] == ' ');
		snprintf(by, sizeof(by), "function %.63s.%.63s() changes %s",
		    fn->schema, fn->name, strcmp(name, "*") == 0 ?
		    "settings that it does not name" : "it");
		if (strcmp(name, "*") == 0)
			unknown(a, by);
		else
			changes(a, name, by);
	}
}

static void
called(struct analysis *a, const char *schema, const char *name)
{
	const struct catalog	*cat = a->scene->cat;
	const struct cat_fn	*fn;

	for (fn = cat == NULL ? NULL : catalog_function(cat, name);
	    fn != NULL; fn = catalog_next_function(fn))
		if (schema == NULL || strcmp(schema, fn->schema) == 0)
			existing(a, fn);
}

static void
call(struct analysis *a, const PgQuery__FuncCall *f)
{
	const PgQuery__Node	*arg = f->n_args > 0 ? f->args[0] : NULL;
	const char		*name;

	if (f->n_funcname == 0)
		return;
	name = node_string(f->funcname[f->n_funcname - 1]);
	called(a, f->n_funcname > 1 ?
	    node_string(f->funcname[f->n_funcname - 2]) : NULL, name);
	if (strcmp(name, "set_config") != 0)
		return;
	if (arg != NULL && arg->node_case == PG_QUERY__NODE__NODE_A_CONST &&
	    arg->a_const->val_case == PG_QUERY__A__CONST__VAL_SVAL)
		changes(a, arg->a_const->sval->sval, NULL);
	else
		unknown(a, "set_config() is called with a name that is no "
		    "constant");
}

/* x.f, where f takes a row of x. */
static void
field(struct analysis *a, const PgQuery__Node *n)
{
	if (n->node_case == PG_QUERY__NODE__NODE_STRING)
		called(a, NULL, node_string(n));
}

/* --- pg_settings ----------------------------------------------------------------- */

static bool
shows_settings(const struct catalog *cat, const struct cat_rel *rel, int deep)
{
	const struct cat_dep	*d;
	size_t			 i, n;

	if (rel->system)
		return strcmp(rel->name, "pg_settings") == 0;
	if (rel->kind != 'v' || deep == VIEWS_DEEP)
		return rel->kind == 'v';
	d = catalog_deps(cat, &n);
	for (i = 0; i < n; i++)
		if (d[i].rel == rel && d[i].on != rel && d[i].why == 'v' &&
		    shows_settings(cat, d[i].on, deep + 1))
			return true;
	return false;
}

/* Its rule calls set_config(); so does that of a view over it. */
static bool
is_settings(const struct analysis *a, const PgQuery__RangeVar *rv)
{
	const struct catalog	*cat = a->scene->cat;
	const struct cat_rel	*r;

	if (strcmp(rv->relname, "pg_settings") == 0)
		return true;
	for (r = cat == NULL ? NULL : catalog_named(cat, rv->relname);
	    r != NULL; r = catalog_next_named(r))
		if (shows_settings(cat, r, 0))
			return true;
	return false;
}

static void
updated(struct analysis *a, const PgQuery__RangeVar *rv)
{
	if (rv == NULL || !is_settings(a, rv))
		return;
	if (settings_limited(a->scene->profile))
		unknown(a, "UPDATE of pg_settings changes settings");
	else if (!rules_open(a->scene->profile))
		refuse(a, "UPDATE of pg_settings is refused here: use SET");
}

/* A temporary view is in no snapshot, so none is made over it. */
static void
view_over(void *ctx, const ProtobufCMessage *m)
{
	struct analysis	*a = ctx;

	if (m->descriptor == &pg_query__range_var__descriptor &&
	    is_settings(a, (const PgQuery__RangeVar *)m))
		unknown(a, "a view over pg_settings changes settings when it "
		    "is updated");
	sqltree_children(m, view_over, a);
}

static void
updates(struct analysis *a)
{
	const struct unit	*u;
	size_t			 i, k;

	for (i = 0; i < a->nunits; i++) {
		u = &a->units[i];
		for (k = u->w0; u->kind == KIND_UPDATE && k < u->w1 &&
		    k < a->nrefs; k++)
			updated(a, a->refs[k].rv);
	}
}

/* --- the walk ---------------------------------------------------------------------- */

/* CREATE AGGREGATE and CREATE OPERATOR name functions that others then call. */
static void
scan_names(void *ctx, const ProtobufCMessage *m)
{
	const PgQuery__Node	*n;

	if (m->descriptor == &pg_query__node__descriptor) {
		n = (const PgQuery__Node *)m;
		if (strcmp(node_string(n), "set_config") == 0)
			unknown(ctx, "set_config() is made part of something "
			    "else");
	}
	sqltree_children(m, scan_names, ctx);
}

static void
scan(void *ctx, const ProtobufCMessage *m)
{
	struct analysis			*a = ctx;
	const PgQuery__ColumnRef	*c;
	const PgQuery__AIndirection	*in;
	size_t				 i;

	if (m->descriptor == &pg_query__variable_set_stmt__descriptor)
		variable(a, (const PgQuery__VariableSetStmt *)m);
	else if (m->descriptor == &pg_query__transaction_stmt__descriptor)
		transaction(a, (const PgQuery__TransactionStmt *)m);
	else if (m->descriptor == &pg_query__create_function_stmt__descriptor)
		create_function(a, (const PgQuery__CreateFunctionStmt *)m);
	else if (m->descriptor == &pg_query__func_call__descriptor)
		call(a, (const PgQuery__FuncCall *)m);
	else if (m->descriptor == &pg_query__update_stmt__descriptor)
		updated(a, ((const PgQuery__UpdateStmt *)m)->relation);
	else if (m->descriptor == &pg_query__view_stmt__descriptor)
		view_over(a, m);
	else if (m->descriptor == &pg_query__define_stmt__descriptor ||
	    m->descriptor == &pg_query__create_cast_stmt__descriptor)
		scan_names(a, m);
	else if (m->descriptor == &pg_query__column_ref__descriptor) {
		c = (const PgQuery__ColumnRef *)m;
		for (i = 1; i < c->n_fields; i++)
			field(a, c->fields[i]);
	} else if (m->descriptor == &pg_query__a__indirection__descriptor) {
		in = (const PgQuery__AIndirection *)m;
		for (i = 0; i < in->n_indirection; i++)
			field(a, in->indirection[i]);
	}
	sqltree_children(m, scan, a);
}

void
setscan(struct analysis *a, const PgQuery__Node *stmt)
{
	size_t	 i;

	if (!settings_limited(a->scene->profile)) {
		updates(a);
		return;
	}
	scan(a, &stmt->base);
	for (i = 0; i < a->nbodies; i++)
		scan(a, &a->bodies[i]->base);
	/* What DO holds is the client's own; a procedure was somebody else's. */
	for (i = 0; stmt->node_case == PG_QUERY__NODE__NODE_DO_STMT &&
	    i < a->nunits; i++)
		if (a->units[i].kind == KIND_OPAQUE ||
		    a->units[i].kind == KIND_DYNAMIC)
			unknown(a, "the code of DO cannot be looked into");
}
