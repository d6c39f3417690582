/*
 * Columns, functions and keys of a statement, for rules that look at them.
 *
 * Runs in the engine on the tree of a client's text.  Scopes are not followed
 * here: a name that could mean a column of a relation anywhere in the
 * statement counts as that column.  Too much found refuses too much, and never
 * too little: a rule that allows wants every column to fit, one that refuses
 * is content with one.  Keys are in keyed.c.
 */
#include "facts.h"

#include <stdio.h>
#include <string.h>

#include "fnclass.h"
#include "keyed.h"

struct walk {
	struct facts		*f;
	const struct analysis	*a;
	unsigned int		 looks;
	struct cte		*others;	/* aliases of no relation */
};

static void *
alloc(struct walk *w, size_t n)
{
	void	*p = arena_alloc(w->a->arena, n);

	if (p == NULL)
		w->f->nomem = true;
	else
		memset(p, 0, n);
	return p;
}

/* --- columns -------------------------------------------------------------- */

static void
mark(struct walk *w, size_t i, size_t col, uint8_t how)
{
	if (w->f->cols[i].cols != NULL)
		w->f->cols[i].cols[col] |= how;
}

static void
mark_all(struct walk *w, size_t i, uint8_t how)
{
	const struct cat_rel	*rel = w->a->refs[i].rel;
	size_t			 k;

	if (rel == NULL) {
		w->f->cols[i].some |= how;
		return;
	}
	for (k = 0; k < rel->ncols; k++)
		mark(w, i, k, how);
}

/* false: the relation has no such column. */
static bool
mark_name(struct walk *w, size_t i, const char *name, uint8_t how)
{
	const struct cat_rel	*rel = w->a->refs[i].rel;
	size_t			 k;

	if (rel == NULL) {
		w->f->cols[i].some |= how;
		return true;
	}
	for (k = 0; k < rel->ncols; k++)
		if (strcmp(rel->cols[k].name, name) == 0) {
			mark(w, i, k, how);
			return true;
		}
	return false;
}

static const char *
ref_alias(const struct ref *r)
{
	if (r->rv == NULL)
		return "";
	return r->rv->alias != NULL ? r->rv->alias->aliasname :
	    r->rv->relname;
}

static bool
is_ref_alias(const struct walk *w, const char *name)
{
	size_t	 i;

	for (i = 0; i < w->a->nrefs; i++)
		if (strcmp(ref_alias(&w->a->refs[i]), name) == 0)
			return true;
	return false;
}

static bool
is_other(const struct walk *w, const char *name)
{
	const struct cte	*c;

	for (c = w->others; c != NULL; c = c->next)
		if (strcmp(c->name, name) == 0)
			return true;
	return false;
}

/* `alias` NULL: any relation; `name` NULL: every column. */
static void
read_column(struct walk *w, const char *alias, const char *name)
{
	bool	 known = alias == NULL || is_ref_alias(w, alias);
	size_t	 i;

	/* Of a sub-select: what it reads is counted inside it. */
	if (!known && is_other(w, alias))
		return;
	for (i = 0; i < w->a->nrefs; i++) {
		if (alias != NULL && known &&
		    strcmp(ref_alias(&w->a->refs[i]), alias) != 0)
			continue;
		if (name == NULL)
			mark_all(w, i, FACT_READ);
		else
			mark_name(w, i, name, FACT_READ);
	}
}

static void
column_ref(struct walk *w, const PgQuery__ColumnRef *c)
{
	const char	*name, *alias = NULL;
	size_t		 i;

	if (c->n_fields == 0)
		return;
	if (c->n_fields > 1)
		alias = node_string(c->fields[c->n_fields - 2]);
	if (c->fields[c->n_fields - 1]->node_case ==
	    PG_QUERY__NODE__NODE_A_STAR) {
		read_column(w, alias, NULL);
		return;
	}
	name = node_string(c->fields[c->n_fields - 1]);
	read_column(w, alias, name);
	/* A row as a whole: a table's name where a column's could be. */
	if (is_ref_alias(w, name))
		read_column(w, name, NULL);
	/* alias.col where alias is itself a column of a row type, and
	 * table.alias.col: whatever it is, its first name counts too. */
	for (i = 0; i + 1 < c->n_fields; i++)
		if (!is_ref_alias(w, node_string(c->fields[i])))
			read_column(w, NULL, node_string(c->fields[i]));
}

/* NATURAL joins by every name that two relations have. */
static void
natural(struct walk *w)
{
	const struct cat_rel	*r;
	size_t			 i, j, k;

	for (i = 0; i < w->a->nrefs; i++)
		for (j = 0; j < w->a->nrefs; j++) {
			r = w->a->refs[j].rel;
			if (i == j)
				continue;
			if (r == NULL) {
				mark_all(w, i, FACT_READ);
				continue;
			}
			for (k = 0; k < r->ncols; k++)
				mark_name(w, i, r->cols[k].name, FACT_READ);
		}
}

static size_t
target(const struct walk *w, const PgQuery__RangeVar *rv)
{
	size_t	 i;

	for (i = 0; i < w->a->nrefs; i++)
		if (rv != NULL && w->a->refs[i].rv == rv)
			return i;
	return w->a->nrefs;
}

/* `empty_is_all`: no list of columns means all of them. */
static void
write_targets(struct walk *w, const PgQuery__RangeVar *rv,
    PgQuery__Node *const *v, size_t n, bool empty_is_all)
{
	size_t	 i = target(w, rv), k;

	if (i == w->a->nrefs)
		return;
	if (n == 0 && empty_is_all)
		mark_all(w, i, FACT_WRITTEN);
	for (k = 0; k < n; k++) {
		if (v[k]->node_case == PG_QUERY__NODE__NODE_RES_TARGET)
			mark_name(w, i, v[k]->res_target->name, FACT_WRITTEN);
		else if (v[k]->node_case == PG_QUERY__NODE__NODE_STRING)
			mark_name(w, i, node_string(v[k]), FACT_WRITTEN);
	}
}

static void
insert_columns(struct walk *w, const PgQuery__InsertStmt *s)
{
	const PgQuery__OnConflictClause	*c = s->on_conflict_clause;

	write_targets(w, s->relation, s->cols, s->n_cols, true);
	if (c != NULL)
		write_targets(w, s->relation, c->target_list,
		    c->n_target_list, false);
}

static void
merge_columns(struct walk *w, const PgQuery__MergeStmt *s)
{
	const PgQuery__MergeWhenClause	*c;
	size_t				 i;

	for (i = 0; i < s->n_merge_when_clauses; i++) {
		c = s->merge_when_clauses[i]->merge_when_clause;
		write_targets(w, s->relation, c->target_list,
		    c->n_target_list, c->command_type ==
		    PG_QUERY__CMD_TYPE__CMD_INSERT);
	}
}

static void
copy_columns(struct walk *w, const PgQuery__CopyStmt *s)
{
	size_t	 i = target(w, s->relation), k;

	if (i == w->a->nrefs)
		return;
	if (s->is_from) {
		write_targets(w, s->relation, s->attlist, s->n_attlist, true);
		return;
	}
	if (s->n_attlist == 0)
		mark_all(w, i, FACT_READ);
	for (k = 0; k < s->n_attlist; k++)
		mark_name(w, i, node_string(s->attlist[k]), FACT_READ);
}

/* --- functions ------------------------------------------------------------ */

static void
add_full(struct walk *w, struct fact_call *c, const char *schema, size_t max)
{
	size_t	 n = strlen(schema) + strlen(c->name) + 2;
	char	*p;

	if (c->nfull == max || (p = alloc(w, n)) == NULL)
		return;
	snprintf(p, n, "%s.%s", schema, c->name);
	c->full[c->nfull++] = p;
}

static unsigned int
user_classes(const struct cat_fn *fn)
{
	unsigned int	 c = 0;

	if (fn->volatility != 'i' && fn->volatility != 's')
		c |= FN_C_VOLATILE;
	if (fn->definer)
		c |= FN_C_DEFINER;
	/* What it does with its arguments is its own affair. */
	if (!fnclass_trusted(fn->language))
		c |= FN_C_ALL & ~FN_C_DEFINER;
	return c;
}

static void
function(struct walk *w, const PgQuery__FuncCall *f)
{
	const struct catalog	*cat = w->a->scene->cat;
	const struct cat_fn	*fn;
	struct fact_call	*c;
	const char		*schema = NULL;
	unsigned int		 classes;
	bool			 builtin, known;
	size_t			 n = 1;

	if (f->n_funcname == 0 || (c = alloc(w, sizeof(*c))) == NULL)
		return;
	c->name = node_string(f->funcname[f->n_funcname - 1]);
	if (f->n_funcname > 1)
		schema = node_string(f->funcname[f->n_funcname - 2]);
	builtin = schema == NULL || strcmp(schema, "pg_catalog") == 0;
	for (fn = cat == NULL ? NULL : catalog_function(cat, c->name);
	    fn != NULL; fn = catalog_next_function(fn))
		n++;
	if ((c->full = alloc(w, (n + 1) * sizeof(*c->full))) == NULL)
		return;
	c->must = FN_C_ALL;
	known = builtin && fnclass_builtin(c->name, &classes);
	if (known) {
		c->may = classes;
		c->must = classes;
		add_full(w, c, "pg_catalog", n + 1);
	}
	for (fn = cat == NULL ? NULL : catalog_function(cat, c->name);
	    fn != NULL; fn = catalog_next_function(fn)) {
		if (schema != NULL && strcmp(fn->schema, schema) != 0)
			continue;
		classes = user_classes(fn);
		c->may |= classes;
		c->must &= classes;
		add_full(w, c, fn->schema, n + 1);
		known = true;
	}
	if (!known || cat == NULL) {
		c->may = FN_C_ALL;
		c->must = 0;
		add_full(w, c, schema != NULL ? schema : "pg_catalog", n + 1);
	}
	c->next = w->f->calls;
	w->f->calls = c;
}

/* EXECUTE of a text in plpgsql: SQL that nobody has seen. */
static void
dynamic(struct walk *w)
{
	struct fact_call	*c = alloc(w, sizeof(*c));

	if (c == NULL || (c->full = alloc(w, sizeof(*c->full))) == NULL)
		return;
	c->name = "execute";
	add_full(w, c, "plpgsql", 1);
	c->may = c->must = FN_C_RUNS_SQL;
	c->next = w->f->calls;
	w->f->calls = c;
}

/* --- the walk ------------------------------------------------------------- */

static void
add_other(struct walk *w, const char *name)
{
	struct cte	*c;

	if (name == NULL || name[0] == '\0' ||
	    (c = alloc(w, sizeof(*c))) == NULL)
		return;
	c->name = name;
	c->next = w->others;
	w->others = c;
}

static void
on_alias(void *ctx, const ProtobufCMessage *m)
{
	struct walk			*w = ctx;
	const PgQuery__Alias		*alias = NULL;

	if (m->descriptor == &pg_query__range_subselect__descriptor)
		alias = ((const PgQuery__RangeSubselect *)m)->alias;
	else if (m->descriptor == &pg_query__range_function__descriptor)
		alias = ((const PgQuery__RangeFunction *)m)->alias;
	else if (m->descriptor == &pg_query__common_table_expr__descriptor)
		add_other(w, ((const PgQuery__CommonTableExpr *)m)->ctename);
	if (alias != NULL)
		add_other(w, alias->aliasname);
	sqltree_children(m, on_alias, w);
}

static void
columns_of(struct walk *w, const ProtobufCMessage *m)
{
	const PgQuery__JoinExpr	*j;
	size_t			 i;

	if (m->descriptor == &pg_query__column_ref__descriptor)
		column_ref(w, (const PgQuery__ColumnRef *)m);
	else if (m->descriptor == &pg_query__insert_stmt__descriptor)
		insert_columns(w, (const PgQuery__InsertStmt *)m);
	else if (m->descriptor == &pg_query__update_stmt__descriptor)
		write_targets(w,
		    ((const PgQuery__UpdateStmt *)m)->relation,
		    ((const PgQuery__UpdateStmt *)m)->target_list,
		    ((const PgQuery__UpdateStmt *)m)->n_target_list, false);
	else if (m->descriptor == &pg_query__merge_stmt__descriptor)
		merge_columns(w, (const PgQuery__MergeStmt *)m);
	else if (m->descriptor == &pg_query__copy_stmt__descriptor)
		copy_columns(w, (const PgQuery__CopyStmt *)m);
	else if (m->descriptor == &pg_query__index_elem__descriptor) {
		if (((const PgQuery__IndexElem *)m)->name != NULL)
			read_column(w, NULL,
			    ((const PgQuery__IndexElem *)m)->name);
	} else if (m->descriptor == &pg_query__join_expr__descriptor) {
		j = (const PgQuery__JoinExpr *)m;
		if (j->is_natural)
			natural(w);
		for (i = 0; i < j->n_using_clause; i++)
			read_column(w, NULL, node_string(j->using_clause[i]));
	}
}

static void
on_message(void *ctx, const ProtobufCMessage *m)
{
	struct walk	*w = ctx;

	if ((w->looks & LOOK_COLUMNS) != 0)
		columns_of(w, m);
	if ((w->looks & LOOK_FUNCTIONS) != 0 &&
	    m->descriptor == &pg_query__func_call__descriptor)
		function(w, (const PgQuery__FuncCall *)m);
	if ((w->looks & LOOK_KEYED) != 0)
		keyed_message(w->f, w->a, m);
	sqltree_children(m, on_message, w);
}

static void
walk_tree(struct walk *w, const PgQuery__Node *n)
{
	if ((w->looks & LOOK_COLUMNS) != 0)
		on_alias(w, &n->base);
	on_message(w, &n->base);
}

/* Before anything is known: room for what may be, by index. */
static void
prepare(struct walk *w)
{
	const struct analysis	*a = w->a;
	struct facts		*f = w->f;
	size_t			 i;

	f->cols = alloc(w, (a->nrefs + 1) * sizeof(*f->cols));
	f->units = alloc(w, (a->nunits + 1) * sizeof(*f->units));
	if (f->nomem)
		return;
	for (i = 0; i < a->nunits; i++)
		keyed_unit(&f->units[i], a->units[i].kind);
	if ((w->looks & LOOK_COLUMNS) == 0)
		return;
	for (i = 0; i < a->nrefs; i++) {
		f->cols[i].unknown = a->refs[i].rel == NULL;
		if (a->refs[i].rel != NULL)
			f->cols[i].cols = alloc(w,
			    a->refs[i].rel->ncols + 1);
		/* Columns by other names: all of them. */
		if (a->refs[i].rv != NULL && a->refs[i].rv->alias != NULL &&
		    a->refs[i].rv->alias->n_colnames > 0)
			mark_all(w, i, FACT_READ);
	}
}

void
facts_collect(struct facts *f, const struct analysis *a,
    const PgQuery__Node *stmt, unsigned int looks)
{
	struct walk	 w = { f, a, looks, NULL };
	size_t		 i;

	memset(f, 0, sizeof(*f));
	if ((looks & (LOOK_COLUMNS | LOOK_FUNCTIONS | LOOK_KEYED)) == 0)
		return;
	prepare(&w);
	if (f->nomem)
		return;
	walk_tree(&w, stmt);
	for (i = 0; i < a->nbodies; i++)
		walk_tree(&w, a->bodies[i]);
	if ((looks & LOOK_FUNCTIONS) == 0)
		return;
	for (i = 0; i < a->nunits; i++)
		if (a->units[i].kind == KIND_DYNAMIC)
			dynamic(&w);
}
