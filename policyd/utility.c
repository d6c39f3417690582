/*
 * Utility statements: what they name, what is inside them, and what of them a
 * profile with masks can take.
 *
 * Runs in the engine.  Only what is known to be harmless is let through to the
 * rules where there are masks; everywhere a session may not change how its
 * statements are read (standard_conforming_strings, client_encoding), or the
 * engine would judge another text than the server runs.
 */
#include "utility.h"

#include <string.h>

#include "code.h"
#include "settings.h"
#include "sqlnames.h"

/* --- SET --------------------------------------------------------------- */

/* The one string or word that a parameter is set to, or NULL. */
static const char *
set_value(const PgQuery__VariableSetStmt *s)
{
	if (s->n_args != 1 ||
	    s->args[0]->node_case != PG_QUERY__NODE__NODE_A_CONST ||
	    s->args[0]->a_const->val_case != PG_QUERY__A__CONST__VAL_SVAL)
		return NULL;
	return s->args[0]->a_const->sval->sval;
}

static bool
one_of(const char *v, const char *const *list)
{
	for (; v != NULL && *list != NULL; list++)
		if (strcasecmp(v, *list) == 0)
			return true;
	return false;
}

static bool
set_reads_the_same(const char *name, const char *value)
{
	static const char *const utf8[] = { "utf8", "utf-8", "unicode", NULL };
	static const char *const on[] = { "on", "true", "yes", "1", NULL };

	if (strcasecmp(name, "client_encoding") == 0)
		return one_of(value, utf8);
	if (strcasecmp(name, "standard_conforming_strings") == 0)
		return one_of(value, on);
	return true;
}

static void
variable_set(struct analysis *a, const PgQuery__VariableSetStmt *s)
{
	const char	*name = s->name != NULL ? s->name : "";
	bool		 reset, role;

	reset = s->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET ||
	    s->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL ||
	    s->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_DEFAULT;
	role = utility_set_kind(s) == KIND_SET_ROLE;
	analysis_unit(a, utility_set_kind(s), 0, 0);
	if (!reset && !set_reads_the_same(name, set_value(s)))
		analysis_refuse(a, "42501", "%s cannot be changed to this: it "
		    "changes how statements are read", name);
	if (!a->scene->masked)
		return;
	if (role)
		analysis_refuse(a, "42501", "SET ROLE is not available in a "
		    "profile with masks");
	if (reset)
		return;
	if (s->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_MULTI) {
		if (strcasecmp(name, "TRANSACTION") != 0 &&
		    strcasecmp(name, "SESSION CHARACTERISTICS") != 0)
			analysis_refuse(a, "42501", "SET %s is not available "
			    "in a profile with masks", name);
	} else if (settings_leave(a->scene->profile, name) == SETTING_FREE &&
	    !settings_masked(name, set_value(s)))
		/* Else setscan.c says why. */
		analysis_refuse(a, "42501", "%s cannot be set in a profile "
		    "with masks", name);
}

/* --- statements that hold another -------------------------------------- */

static void
explain(struct analysis *a, const PgQuery__ExplainStmt *e)
{
	size_t	 i;

	a->explain = true;
	analysis_unit(a, KIND_EXPLAIN, 0, 0);
	for (i = 0; i < e->n_options; i++)
		if (e->options[i]->node_case == PG_QUERY__NODE__NODE_DEF_ELEM &&
		    strcasecmp(e->options[i]->def_elem->defname,
		    "analyze") == 0)
			a->explain_analyze = true;
	if (e->query != NULL)
		utility_statement(a, e->query);
}

static void
copy_relation(struct analysis *a, const PgQuery__CopyStmt *c, bool outside)
{
	size_t	 i = a->nrefs;

	analysis_ref(a, c->relation, NULL, NULL, c->is_from);
	a->unproven = true;
	if (i >= a->nrefs)
		return;
	if (!outside)
		analysis_unit(a, c->is_from ? KIND_COPY_FROM : KIND_COPY_TO,
		    c->is_from ? i : 0, c->is_from ? a->nrefs : 0);
	if (!a->scene->masked)
		return;
	if (c->is_from)
		a->dml = true;
	else if (a->refs[i].prot != NULL && !outside)
		a->refs[i].copy = c;
	else if (a->refs[i].rel != NULL && a->refs[i].rel->system &&
	    sqlname_raw_catalog(a->refs[i].rel->name))
		analysis_refuse(a, "42501", "COPY of %s is not available in "
		    "a profile with masks", a->refs[i].rel->name);
}

static void
copy(struct analysis *a, const PgQuery__CopyStmt *c)
{
	enum kind	 k = utility_copy_kind(c);
	bool		 outside = k == KIND_COPY_PROGRAM ||
			    k == KIND_COPY_FILE;

	if (outside) {
		analysis_unit(a, k, 0, 0);
		a->unproven = true;
		if (a->scene->masked)
			analysis_refuse(a, "42501", "COPY with a file or a "
			    "program is not available in a profile with "
			    "masks");
	}
	if (c->relation != NULL)
		copy_relation(a, c, outside);
	else if (!outside)
		analysis_unit(a, KIND_COPY_TO, 0, 0);
	if (c->query != NULL)
		utility_statement(a, c->query);
	if (c->where_clause != NULL)
		scope_walk(a, &c->where_clause->base);
}

static void
not_with_masks(struct analysis *a, enum kind k)
{
	if (a->scene->masked)
		analysis_refuse(a, "42501", "%s is not available in a profile "
		    "with masks", kind_name(k));
}

/* PREPARE and DECLARE. */
static void
holder(struct analysis *a, enum kind k, const PgQuery__Node *inner)
{
	analysis_unit(a, k, 0, 0);
	/* What it holds is masked where it is declared or prepared. */
	if (inner == NULL || (k == KIND_DECLARE &&
	    inner->node_case != PG_QUERY__NODE__NODE_SELECT_STMT))
		not_with_masks(a, k);
	a->unproven = true;
	if (inner != NULL)
		utility_statement(a, inner);
}

static void
drop_names(struct analysis *a, const PgQuery__DropStmt *d)
{
	const PgQuery__List	*l;
	size_t			 i;

	switch (d->remove_type) {
	case PG_QUERY__OBJECT_TYPE__OBJECT_TABLE:
	case PG_QUERY__OBJECT_TYPE__OBJECT_VIEW:
	case PG_QUERY__OBJECT_TYPE__OBJECT_MATVIEW:
	case PG_QUERY__OBJECT_TYPE__OBJECT_SEQUENCE:
	case PG_QUERY__OBJECT_TYPE__OBJECT_FOREIGN_TABLE:
		break;
	default:
		return;
	}
	for (i = 0; i < d->n_objects; i++) {
		if (d->objects[i]->node_case != PG_QUERY__NODE__NODE_LIST)
			continue;
		l = d->objects[i]->list;
		if (l->n_items > 0)
			analysis_ref(a, NULL, l->n_items > 1 ?
			    node_string(l->items[l->n_items - 2]) : NULL,
			    node_string(l->items[l->n_items - 1]), true);
	}
}

static void
on_part(void *ctx, const ProtobufCMessage *m)
{
	scope_walk(ctx, m);
}

/* What a statement of these kinds may be where there are masks. */
static bool
masked_kind(enum kind k)
{
	switch (k) {
	case KIND_SHOW:
	case KIND_FETCH:
	case KIND_CLOSE:
	case KIND_DEALLOCATE:
	case KIND_DISCARD:
	case KIND_BEGIN:
	case KIND_COMMIT:
	case KIND_ROLLBACK:
	case KIND_SAVEPOINT:
		return true;
	default:
		return false;
	}
}

/* What ALTER TABLE does besides needs leave of its own. */
static void
alter_table(struct analysis *a, const PgQuery__AlterTableStmt *s, size_t first)
{
	size_t	 i;

	for (i = 0; i < s->n_cmds; i++) {
		if (s->cmds[i]->node_case !=
		    PG_QUERY__NODE__NODE_ALTER_TABLE_CMD)
			continue;
		switch (s->cmds[i]->alter_table_cmd->subtype) {
		case PG_QUERY__ALTER_TABLE_TYPE__AT_ChangeOwner:
			analysis_unit(a, KIND_ALTER_OWNER, first, a->nrefs);
			break;
		case PG_QUERY__ALTER_TABLE_TYPE__AT_EnableRowSecurity:
		case PG_QUERY__ALTER_TABLE_TYPE__AT_DisableRowSecurity:
		case PG_QUERY__ALTER_TABLE_TYPE__AT_ForceRowSecurity:
		case PG_QUERY__ALTER_TABLE_TYPE__AT_NoForceRowSecurity:
			analysis_unit(a, KIND_ALTER_POLICY, first, a->nrefs);
			break;
		default:
			break;
		}
	}
}

/* Is this the session's own role, or another that is made for a session? */
static bool
session_role(const struct analysis *a, const PgQuery__RoleSpec *r)
{
	const char	*own = a->scene->profile->role_user;

	if (r == NULL)
		return false;
	if (r->roletype != PG_QUERY__ROLE_SPEC_TYPE__ROLESPEC_CSTRING)
		return true;	/* CURRENT_USER and its kin */
	return r->rolename != NULL && (strncmp(r->rolename, "pst_", 4) == 0 ||
	    (own != NULL && strcmp(r->rolename, own) == 0));
}

/* Who knows the password of a session's role needs no gateway any more. */
static void
alter_role(struct analysis *a, const PgQuery__AlterRoleStmt *s)
{
	size_t	 i;

	if (!session_role(a, s->role))
		return;
	for (i = 0; i < s->n_options; i++)
		if (s->options[i]->node_case ==
		    PG_QUERY__NODE__NODE_DEF_ELEM &&
		    strcmp(s->options[i]->def_elem->defname, "password") == 0)
			analysis_refuse(a, "42501", "the password of a "
			    "session's role is not changed in a session");
}

/* The rest: relations in it are written, inner queries are read. */
static void
plain(struct analysis *a, const PgQuery__Node *n)
{
	enum kind	 k = utility_kind(n);
	size_t		 i, first = a->nrefs, unit = a->nunits;

	analysis_unit(a, k, first, first);
	a->executes |= k == KIND_EXECUTE || k == KIND_FETCH;
	if (a->scene->masked) {
		/* The worker sees to it that what it runs is masked. */
		if (k == KIND_EXECUTE && !a->explain)
			sqltree_children(&n->execute_stmt->base, on_part, a);
		else if (!masked_kind(k))
			not_with_masks(a, k);
		return;
	}
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_CREATE_FUNCTION_STMT:
	case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
		break;		/* bodies do not run now */
	case PG_QUERY__NODE__NODE_DO_STMT:
		code_do(a, n->do_stmt);
		return;
	case PG_QUERY__NODE__NODE_CALL_STMT:
		/* Its arguments are read; what it runs is its own. */
		sqltree_children(&n->call_stmt->base, on_part, a);
		code_call(a, n->call_stmt);
		return;
	case PG_QUERY__NODE__NODE_RULE_STMT:
		if (n->rule_stmt->relation != NULL)
			analysis_ref(a, n->rule_stmt->relation, NULL, NULL,
			    true);
		break;
	case PG_QUERY__NODE__NODE_DROP_STMT:
		drop_names(a, n->drop_stmt);
		break;
	case PG_QUERY__NODE__NODE_ALTER_ROLE_STMT:
		alter_role(a, n->alter_role_stmt);
		break;
	case PG_QUERY__NODE__NODE_CREATE_SCHEMA_STMT:
		for (i = 0; i < n->create_schema_stmt->n_schema_elts; i++)
			utility_statement(a,
			    n->create_schema_stmt->schema_elts[i]);
		break;
	case PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT:
		if (n->create_table_as_stmt->into != NULL &&
		    n->create_table_as_stmt->into->rel != NULL)
			analysis_ref(a, n->create_table_as_stmt->into->rel,
			    NULL, NULL, true);
		if (n->create_table_as_stmt->query != NULL)
			utility_statement(a, n->create_table_as_stmt->query);
		break;
	default:
		a->utility = true;
		sqltree_children(sqltree_member(n), on_part, a);
		a->utility = false;
		break;
	}
	if (unit < a->nunits)
		a->units[unit].w1 = a->nrefs;
	if (n->node_case == PG_QUERY__NODE__NODE_ALTER_TABLE_STMT)
		alter_table(a, n->alter_table_stmt, first);
}

static void
select_statement(struct analysis *a, const PgQuery__Node *n)
{
	const PgQuery__SelectStmt	*s = n->select_stmt;

	/* SELECT INTO makes its unit in the walk, and comes first there. */
	if (s->into_clause == NULL)
		analysis_unit(a, utility_kind(n), 0, 0);
	else
		not_with_masks(a, KIND_SELECT_INTO);
	scope_walk(a, &n->base);
}

void
utility_statement(struct analysis *a, const PgQuery__Node *n)
{
	enum kind	 k = utility_kind(n);
	size_t		 i;

	/* Without a catalogue there is nothing to look up: the kind only. */
	if (a->scene->masked && a->scene->protect == NULL &&
	    !masked_kind(k)) {
		a->wanted = true;
		analysis_unit(a, k, 0, 0);
		analysis_refuse(a, "42501", "the catalogue of this database "
		    "is not read yet; try again");
		return;
	}
	if (a->scene->masked && !masked_kind(k) && k != KIND_SET &&
	    k != KIND_RESET && catalog_hidden_casts(a->scene->cat))
		analysis_refuse(a, "42501", "this database has a cast between "
		    "built-in types that runs a function of somebody's own "
		    "without being written; no query can be judged beside it "
		    "in a profile with masks");
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_SELECT_STMT:
		select_statement(a, n);
		break;
	case PG_QUERY__NODE__NODE_INSERT_STMT:
	case PG_QUERY__NODE__NODE_UPDATE_STMT:
	case PG_QUERY__NODE__NODE_DELETE_STMT:
	case PG_QUERY__NODE__NODE_MERGE_STMT:
		scope_walk(a, &n->base);
		break;
	case PG_QUERY__NODE__NODE_EXPLAIN_STMT:
		explain(a, n->explain_stmt);
		break;
	case PG_QUERY__NODE__NODE_COPY_STMT:
		copy(a, n->copy_stmt);
		break;
	case PG_QUERY__NODE__NODE_PREPARE_STMT:
		for (i = 0; a->scene->masked &&
		    i < n->prepare_stmt->n_argtypes; i++)
			scope_walk(a, &n->prepare_stmt->argtypes[i]->base);
		holder(a, KIND_PREPARE, n->prepare_stmt->query);
		break;
	case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
		holder(a, KIND_DECLARE, n->declare_cursor_stmt->query);
		break;
	case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT:
		variable_set(a, n->variable_set_stmt);
		break;
	default:
		plain(a, n);
		break;
	}
}
