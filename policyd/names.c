/*
 * Functions, operators, types and columns that a statement names.
 *
 * Runs in the engine.  In a profile with masks only what is listed passes
 * (sqlnames.c), and only where nothing of a user's has the same name: a
 * function or an operator outside pg_catalog may read anything.  In any
 * profile what is not listed takes away the proof that a statement only reads.
 */
#include "analysis.h"

#include <string.h>

#include "rules.h"
#include "sqlnames.h"

static bool
user_function(const struct analysis *a, const char *name)
{
	const struct search_path	*p = &a->scene->path;
	size_t				 i;

	if (a->scene->cat == NULL)
		return true;
	if (!p->pinned)
		return catalog_has_function(a->scene->cat, name, NULL);
	for (i = 0; i < p->n; i++)
		if (catalog_has_function(a->scene->cat, name, p->schemas[i]))
			return true;
	return false;
}

/*
 * set_config() is SET by another name.  One that is not known (pg_dump reads it
 * from pg_settings) is let pass where everything is: to read the statements
 * behind it wrongly makes no difference there, and the worker ends a session
 * that has changed how they are read.
 */
static void
set_config(struct analysis *a, const PgQuery__FuncCall *f)
{
	const PgQuery__Node	*arg = f->n_args > 0 ? f->args[0] : NULL;
	const char		*name = NULL;

	if (arg != NULL && arg->node_case == PG_QUERY__NODE__NODE_A_CONST &&
	    arg->a_const->val_case == PG_QUERY__A__CONST__VAL_SVAL)
		name = arg->a_const->sval->sval;
	if (name == NULL && rules_open(a->scene->profile))
		;
	else if (name == NULL ||
	    strcasecmp(name, "standard_conforming_strings") == 0 ||
	    strcasecmp(name, "client_encoding") == 0)
		analysis_refuse(a, "42501", "set_config() is refused here: "
		    "the parameter's name must be a constant, and not one "
		    "that changes how statements are read");
	analysis_unit(a, name == NULL || strcasecmp(name, "role") == 0 ||
	    strcasecmp(name, "session_authorization") == 0 ?
	    KIND_SET_ROLE : KIND_SET, 0, 0);
}

/* The sequence that a constant argument names, in plain lower case. */
static const struct cat_rel *
sequence_named(const struct analysis *a, const PgQuery__Node *arg)
{
	const struct catalog	*cat = a->scene->cat;
	const struct cat_rel	*r;
	const char		*name, *dot;
	char			 schema[64];

	if (arg->node_case == PG_QUERY__NODE__NODE_TYPE_CAST)
		arg = arg->type_cast->arg;
	if (arg == NULL || arg->node_case != PG_QUERY__NODE__NODE_A_CONST ||
	    arg->a_const->val_case != PG_QUERY__A__CONST__VAL_SVAL)
		return NULL;
	name = arg->a_const->sval->sval;
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.")] !=
	    '\0')
		return NULL;
	if ((dot = strchr(name, '.')) != NULL) {
		if ((size_t)(dot - name) >= sizeof(schema))
			return NULL;
		memcpy(schema, name, (size_t)(dot - name));
		schema[dot - name] = '\0';
		return catalog_find(cat, schema, dot + 1);
	}
	/* Whatever the path: none of that name may be protected. */
	for (r = catalog_named(cat, name); r != NULL;
	    r = catalog_next_named(r))
		if (catalog_next_named(r) == NULL ||
		    protect_find(a->scene->protect, r) != NULL)
			return r;
	return NULL;
}

/* The numbers of a masked column are not to be had from its sequence. */
static void
sequence_call(struct analysis *a, const PgQuery__FuncCall *f, const char *name)
{
	const struct cat_rel	*r = NULL;

	if (a->scene->protect == NULL ||
	    !protect_sequences(a->scene->protect))
		return;
	if (f->n_args == 1)
		r = sequence_named(a, f->args[0]);
	if (r == NULL || protect_find(a->scene->protect, r) != NULL)
		analysis_refuse(a, "42501", "%s() is refused here: a sequence "
		    "gives the numbers of a masked column, and this is that "
		    "one or is not named by a plain constant", name);
}

/* A size becomes NULL, whatever it is of. */
static bool
size_call(struct analysis *a, const PgQuery__FuncCall *f, const char *name,
    const char *schema, bool shadowed)
{
	struct splice	 s = { .kind = SPLICE_NULL, .call = f,
			    .location = f->location };

	if (!sqlname_size(name) || shadowed || f->n_funcname > 2 ||
	    (schema != NULL && strcmp(schema, "pg_catalog") != 0) ||
	    f->n_args == 0 || f->n_agg_order > 0 || f->agg_filter != NULL ||
	    f->over != NULL || f->agg_within_group)
		return false;
	analysis_edit(a, &s);
	return true;
}

void
names_function(struct analysis *a, const PgQuery__FuncCall *f)
{
	const char	*schema = NULL, *name;
	enum fn_class	 class;
	bool		 shadowed;

	if (f->n_funcname == 0)
		return;
	name = node_string(f->funcname[f->n_funcname - 1]);
	if (f->n_funcname > 1)
		schema = node_string(f->funcname[f->n_funcname - 2]);
	if (strcmp(name, "set_config") == 0)
		set_config(a, f);
	if (a->scene->masked && (strcmp(name, "nextval") == 0 ||
	    strcmp(name, "currval") == 0))
		sequence_call(a, f, name);
	class = sqlname_function(name);
	if (f->n_funcname > 2 ||
	    (schema != NULL && strcmp(schema, "pg_catalog") != 0))
		class = FN_UNKNOWN;
	shadowed = schema == NULL && user_function(a, name);
	if (class != FN_SAFE || shadowed)
		a->unproven = true;
	if (!a->scene->masked)
		return;
	if (class == FN_UNKNOWN && size_call(a, f, name, schema, shadowed))
		return;
	if (class == FN_UNKNOWN)
		analysis_refuse(a, "42501", "function %s%s%s() is not "
		    "available in a profile with masks", schema != NULL ?
		    schema : "", schema != NULL ? "." : "", name);
	else if (shadowed)
		analysis_refuse(a, "42501", "function %s() is also defined "
		    "outside pg_catalog; write pg_catalog.%s()", name, name);
}

static bool
user_operator(const struct analysis *a, const char *name)
{
	const struct search_path	*p = &a->scene->path;
	size_t				 i;

	if (a->scene->cat == NULL)
		return true;
	if (!p->pinned)
		return catalog_has_operator(a->scene->cat, name, NULL);
	for (i = 0; i < p->n; i++)
		if (catalog_has_operator(a->scene->cat, name, p->schemas[i]))
			return true;
	return false;
}

void
names_operator_word(struct analysis *a, const char *name)
{
	if (!user_operator(a, name))
		return;
	a->unproven = true;
	if (a->scene->masked)
		analysis_refuse(a, "42501", "operator %s is also defined "
		    "outside pg_catalog; write OPERATOR(pg_catalog.%s)", name,
		    name);
}

void
names_operator(struct analysis *a, PgQuery__Node *const *v, size_t n)
{
	if (n == 0)
		return;
	if (n == 1) {
		names_operator_word(a, node_string(v[0]));
		return;
	}
	if (n == 2 && strcmp(node_string(v[0]), "pg_catalog") == 0)
		return;
	a->unproven = true;
	if (a->scene->masked)
		analysis_refuse(a, "42501", "operator %s.%s is not available "
		    "in a profile with masks", node_string(v[0]),
		    node_string(v[n - 1]));
}

void
names_expr(struct analysis *a, const PgQuery__AExpr *e)
{
	switch (e->kind) {
	case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
	case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
	case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM:
	case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM:
		names_operator_word(a, ">=");
		names_operator_word(a, "<=");
		names_operator_word(a, "<");
		names_operator_word(a, ">");
		break;
	default:
		names_operator(a, e->name, e->n_name);
		break;
	}
}

void
names_type(struct analysis *a, const PgQuery__TypeName *t)
{
	const char	*schema = NULL, *name;
	bool		 builtin;

	if (t->n_names == 0)
		return;
	name = node_string(t->names[t->n_names - 1]);
	if (t->n_names > 1)
		schema = node_string(t->names[t->n_names - 2]);
	builtin = schema == NULL || strcmp(schema, "pg_catalog") == 0;
	if (a->scene->cat != NULL &&
	    catalog_has_cast(a->scene->cat, schema, name)) {
		a->unproven = true;
		if (a->scene->masked)
			analysis_refuse(a, "42501", "type %s is not available "
			    "in a profile with masks: somebody made a cast of "
			    "it that calls a function", name);
	}
	if (builtin && sqlname_regtype(name)) {
		a->reg_cast = name;
		return;
	}
	if (builtin && !t->pct_type && t->n_names <= 2 && sqlname_type(name))
		return;
	a->unproven = true;
	if (!a->scene->masked)
		return;
	if (t->pct_type || t->n_names > 2 || a->scene->cat == NULL ||
	    !catalog_has_type(a->scene->cat, schema, name))
		analysis_refuse(a, "42501", "type %s is not available in a "
		    "profile with masks", name);
}

/*
 * What an alias could mean: everything of that name on this level and above.
 * Which of them the server takes depends on more than is followed here (a join
 * alias hides what is inside, LATERAL shows what stands before), so every one
 * of them must be harmless.
 */
struct candidate {
	const struct level	*level;
	const struct from_item	*it;
};

static const struct from_item *
next_item(const struct analysis *a, struct candidate *c, const char *alias)
{
	if (c->level == NULL) {
		c->level = a->level;
		c->it = c->level != NULL ? c->level->items : NULL;
	} else
		c->it = c->it->next;
	while (c->level != NULL) {
		for (; c->it != NULL; c->it = c->it->next)
			if (c->it->alias != NULL &&
			    strcmp(c->it->alias, alias) == 0)
				return c->it;
		c->level = c->level->up;
		if (c->level != NULL)
			c->it = c->level->items;
	}
	return NULL;
}

static void
masked_predicate(struct analysis *a, const struct from_item *it,
    const char *column)
{
	if (a->scene->profile->predicates_masked)
		return;
	analysis_refuse(a, "42501", "column %s.%s is masked in this profile "
	    "and cannot be used in a condition, a grouping or an ordering",
	    it->rel->name, column);
}

/* An unqualified name in a predicate: does it mean a masked column? */
static void
plain_predicate(struct analysis *a, const char *name)
{
	const struct level	*l;
	const struct from_item	*it;
	size_t			 i;

	if (a->sort && a->level != NULL && a->level->select != NULL)
		for (i = 0; i < a->level->select->n_target_list; i++) {
			const PgQuery__ResTarget *rt =
			    a->level->select->target_list[i]->res_target;

			/* ORDER BY takes a result's name first. */
			if (rt->name != NULL && strcmp(rt->name, name) == 0)
				return;
		}
	for (l = a->level; l != NULL; l = l->up)
		for (it = l->items; it != NULL; it = it->next) {
			if (it->rel == NULL || it->renamed ||
			    catalog_col(it->rel, name) == NULL)
				continue;
			if (it->prot != NULL && protect_column(it->prot, name))
				masked_predicate(a, it, name);
			return;
		}
}

/* Where some columns tell sizes or values, only the others may be read. */
static void
whole_row(struct analysis *a, const struct from_item *it)
{
	a->raw_whole |= it->raw;
}

static void
whole_rows(struct analysis *a, const char *alias)
{
	struct candidate	 c = { NULL, NULL };
	const struct from_item	*it;

	while ((it = next_item(a, &c, alias)) != NULL)
		whole_row(a, it);
}

/* Names that matter whatever they are columns of. */
static void
column_name(struct analysis *a, const char *name)
{
	if (sqlname_system_column(name))
		a->system_column = name;
	if (sqlname_raw_column(name))
		a->raw_column = name;
}

/* x.name where x has no column of that name is the call name(x). */
void
names_field(struct analysis *a, const char *name)
{
	column_name(a, name);
	if (!user_function(a, name) && !sqlname_notation(name))
		return;
	a->unproven = true;
	if (a->scene->masked)
		analysis_refuse(a, "42501", "%s could be a call of a function "
		    "here, which is not available in a profile with masks",
		    name);
}

static void
qualified(struct analysis *a, const char *alias, const char *name)
{
	struct candidate	 c = { NULL, NULL };
	const struct from_item	*it;
	bool			 found = false, any = false, all = true;
	bool			 known = true;

	column_name(a, name);
	while ((it = next_item(a, &c, alias)) != NULL) {
		found = true;
		if (it->rel == NULL || it->renamed)
			known = all = false;
		else if (!sqlname_system_column(name) &&
		    catalog_col(it->rel, name) == NULL)
			all = false;
		else
			any = true;
		if (a->pred && it->prot != NULL && !it->renamed &&
		    protect_column(it->prot, name))
			masked_predicate(a, it, name);
	}
	if (!found) {
		analysis_refuse(a, "42P01",
		    "there is no table \"%s\" here", alias);
		return;
	}
	if (!all)
		names_field(a, name);
	if (known && !any) {
		a->wanted = true;
		analysis_refuse(a, "42703", "column %s.%s does not exist",
		    alias, name);
	}
}

static void
star(struct analysis *a, const PgQuery__ColumnRef *c)
{
	const struct from_item	*it;

	if (c->n_fields == 1) {
		for (it = a->level != NULL ? a->level->items : NULL;
		    it != NULL; it = it->next)
			whole_row(a, it);
		return;
	}
	whole_rows(a, node_string(c->fields[c->n_fields - 2]));
}

/*
 * Could this be a masked column, or a row that has one, of an item that is in
 * scope?  Names alone decide: too much found costs a refused write.
 */
static void
note_use(struct analysis *a, const PgQuery__ColumnRef *c)
{
	const struct level	*l;
	const struct from_item	*it;
	const PgQuery__Node	*last = c->fields[c->n_fields - 1];
	const char		*alias = NULL, *name = NULL;

	if (c->n_fields > 1)
		alias = node_string(c->fields[c->n_fields - 2]);
	if (last->node_case != PG_QUERY__NODE__NODE_A_STAR)
		name = node_string(last);
	for (l = a->level; l != NULL; l = l->up)
		for (it = l->items; it != NULL; it = it->next) {
			if (it->prot == NULL && !it->joined)
				continue;
			if (alias != NULL && it->alias != NULL &&
			    strcmp(alias, it->alias) != 0)
				continue;
			if (name == NULL)
				a->masked_use = it->alias != NULL ?
				    it->alias : "*";
			else if (it->joined || it->renamed ||
			    protect_column(it->prot, name) ||
			    (alias == NULL && it->alias != NULL &&
			    strcmp(it->alias, name) == 0))
				a->masked_use = name;
		}
}

/*
 * schema.table.column: what replaces a table has no schema, so the name loses
 * it, too.  Only where all that the name could mean is clear.
 */
static void
three_part(struct analysis *a, const PgQuery__ColumnRef *c)
{
	struct candidate	 k = { NULL, NULL };
	const struct from_item	*it;
	const char		*schema;
	size_t			 found = 0, masked = 0;
	struct splice		 s = { .kind = SPLICE_SCHEMA, .column = c,
				    .location = c->location };

	a->three_part |= c->n_fields > 3;
	if (c->n_fields != 3)
		return;
	schema = node_string(c->fields[0]);
	while ((it = next_item(a, &k, node_string(c->fields[1]))) != NULL) {
		found++;
		masked += it->prot != NULL;
		if (it->rv == NULL || it->rel == NULL || it->raw ||
		    strcmp(it->rel->schema, schema) != 0)
			a->three_part = true;
	}
	if (found == 0 || (masked != 0 && masked != found))
		a->three_part = true;
	else if (masked > 0 && a->dml)
		a->three_part = true;
	else if (masked > 0)
		analysis_edit(a, &s);
}

void
names_column(struct analysis *a, const PgQuery__ColumnRef *c)
{
	const char	*name;

	if (c->n_fields == 0)
		return;
	if (a->scene->masked) {
		note_use(a, c);
		if (c->n_fields > 2)
			three_part(a, c);
	}
	if (c->fields[c->n_fields - 1]->node_case ==
	    PG_QUERY__NODE__NODE_A_STAR) {
		if (a->scene->masked)
			star(a, c);
		return;
	}
	name = node_string(c->fields[c->n_fields - 1]);
	if (!a->scene->masked) {
		if (c->n_fields > 1 && !a->unproven &&
		    (user_function(a, name) || sqlname_notation(name)))
			a->unproven = true;
		return;
	}
	if (c->n_fields > 1) {
		qualified(a, node_string(c->fields[c->n_fields - 2]), name);
		return;
	}
	column_name(a, name);
	whole_rows(a, name);
	if (a->pred)
		plain_predicate(a, name);
}

/* A column of JOIN ... USING. */
void
names_using(struct analysis *a, const char *column)
{
	const struct from_item	*it;

	if (!a->scene->masked)
		return;
	column_name(a, column);
	for (it = a->level != NULL ? a->level->items : NULL; it != NULL;
	    it = it->next)
		if (it->joined || (it->prot != NULL && (it->renamed ||
		    protect_column(it->prot, column)))) {
			a->masked_use = column;
			if (it->prot != NULL)
				masked_predicate(a, it, column);
		}
}
