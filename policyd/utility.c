/*
 * Statement types and their kinds (kinds.h), and what of the utility
 * statements a profile with masks can take.
 *
 * Runs in the engine.  Only what is known to be harmless is let through to the
 * rules where there are masks; everywhere a session may not change how its
 * statements are read (standard_conforming_strings, client_encoding), or the
 * engine would judge another text than the server runs.
 */
#include "utility.h"

#include <ctype.h>
#include <string.h>

#include "sqlnames.h"

static enum kind
create_kind(PgQuery__Node__NodeCase c)
{
	switch (c) {
	case PG_QUERY__NODE__NODE_CREATE_STMT:
	case PG_QUERY__NODE__NODE_DEFINE_STMT:
	case PG_QUERY__NODE__NODE_INDEX_STMT:
	case PG_QUERY__NODE__NODE_CREATE_FUNCTION_STMT:
	case PG_QUERY__NODE__NODE_RULE_STMT:
	case PG_QUERY__NODE__NODE_VIEW_STMT:
	case PG_QUERY__NODE__NODE_CREATE_DOMAIN_STMT:
	case PG_QUERY__NODE__NODE_CREATEDB_STMT:
	case PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT:
	case PG_QUERY__NODE__NODE_CREATE_SEQ_STMT:
	case PG_QUERY__NODE__NODE_CREATE_TRIG_STMT:
	case PG_QUERY__NODE__NODE_CREATE_PLANG_STMT:
	case PG_QUERY__NODE__NODE_CREATE_SCHEMA_STMT:
	case PG_QUERY__NODE__NODE_CREATE_CONVERSION_STMT:
	case PG_QUERY__NODE__NODE_CREATE_CAST_STMT:
	case PG_QUERY__NODE__NODE_CREATE_OP_CLASS_STMT:
	case PG_QUERY__NODE__NODE_CREATE_OP_FAMILY_STMT:
	case PG_QUERY__NODE__NODE_CREATE_TABLE_SPACE_STMT:
	case PG_QUERY__NODE__NODE_COMPOSITE_TYPE_STMT:
	case PG_QUERY__NODE__NODE_CREATE_ENUM_STMT:
	case PG_QUERY__NODE__NODE_CREATE_RANGE_STMT:
	case PG_QUERY__NODE__NODE_CREATE_FDW_STMT:
	case PG_QUERY__NODE__NODE_CREATE_FOREIGN_SERVER_STMT:
	case PG_QUERY__NODE__NODE_CREATE_USER_MAPPING_STMT:
	case PG_QUERY__NODE__NODE_CREATE_FOREIGN_TABLE_STMT:
	case PG_QUERY__NODE__NODE_IMPORT_FOREIGN_SCHEMA_STMT:
	case PG_QUERY__NODE__NODE_CREATE_EXTENSION_STMT:
	case PG_QUERY__NODE__NODE_CREATE_EVENT_TRIG_STMT:
	case PG_QUERY__NODE__NODE_CREATE_POLICY_STMT:
	case PG_QUERY__NODE__NODE_CREATE_TRANSFORM_STMT:
	case PG_QUERY__NODE__NODE_CREATE_AM_STMT:
	case PG_QUERY__NODE__NODE_CREATE_PUBLICATION_STMT:
	case PG_QUERY__NODE__NODE_CREATE_SUBSCRIPTION_STMT:
	case PG_QUERY__NODE__NODE_CREATE_STATS_STMT:
		return KIND_CREATE;
	default:
		return KIND_OTHER;
	}
}

static enum kind
alter_kind(PgQuery__Node__NodeCase c)
{
	switch (c) {
	case PG_QUERY__NODE__NODE_ALTER_TABLE_STMT:
	case PG_QUERY__NODE__NODE_ALTER_DOMAIN_STMT:
	case PG_QUERY__NODE__NODE_ALTER_FUNCTION_STMT:
	case PG_QUERY__NODE__NODE_RENAME_STMT:
	case PG_QUERY__NODE__NODE_ALTER_SEQ_STMT:
	case PG_QUERY__NODE__NODE_ALTER_DATABASE_STMT:
	case PG_QUERY__NODE__NODE_ALTER_DATABASE_REFRESH_COLL_STMT:
	case PG_QUERY__NODE__NODE_ALTER_DATABASE_SET_STMT:
	case PG_QUERY__NODE__NODE_ALTER_OP_FAMILY_STMT:
	case PG_QUERY__NODE__NODE_ALTER_OBJECT_DEPENDS_STMT:
	case PG_QUERY__NODE__NODE_ALTER_OBJECT_SCHEMA_STMT:
	case PG_QUERY__NODE__NODE_ALTER_OWNER_STMT:
	case PG_QUERY__NODE__NODE_ALTER_OPERATOR_STMT:
	case PG_QUERY__NODE__NODE_ALTER_TYPE_STMT:
	case PG_QUERY__NODE__NODE_ALTER_ENUM_STMT:
	case PG_QUERY__NODE__NODE_ALTER_TSDICTIONARY_STMT:
	case PG_QUERY__NODE__NODE_ALTER_TSCONFIGURATION_STMT:
	case PG_QUERY__NODE__NODE_ALTER_FDW_STMT:
	case PG_QUERY__NODE__NODE_ALTER_FOREIGN_SERVER_STMT:
	case PG_QUERY__NODE__NODE_ALTER_USER_MAPPING_STMT:
	case PG_QUERY__NODE__NODE_ALTER_TABLE_SPACE_OPTIONS_STMT:
	case PG_QUERY__NODE__NODE_ALTER_TABLE_MOVE_ALL_STMT:
	case PG_QUERY__NODE__NODE_ALTER_EXTENSION_STMT:
	case PG_QUERY__NODE__NODE_ALTER_EXTENSION_CONTENTS_STMT:
	case PG_QUERY__NODE__NODE_ALTER_EVENT_TRIG_STMT:
	case PG_QUERY__NODE__NODE_ALTER_POLICY_STMT:
	case PG_QUERY__NODE__NODE_ALTER_PUBLICATION_STMT:
	case PG_QUERY__NODE__NODE_ALTER_SUBSCRIPTION_STMT:
	case PG_QUERY__NODE__NODE_ALTER_COLLATION_STMT:
	case PG_QUERY__NODE__NODE_ALTER_STATS_STMT:
		return KIND_ALTER;
	default:
		return create_kind(c);
	}
}

static enum kind
plain_kind(PgQuery__Node__NodeCase c)
{
	switch (c) {
	case PG_QUERY__NODE__NODE_DROP_STMT:
	case PG_QUERY__NODE__NODE_DROPDB_STMT:
	case PG_QUERY__NODE__NODE_DROP_TABLE_SPACE_STMT:
	case PG_QUERY__NODE__NODE_DROP_USER_MAPPING_STMT:
	case PG_QUERY__NODE__NODE_DROP_SUBSCRIPTION_STMT:
	case PG_QUERY__NODE__NODE_DROP_OWNED_STMT:
		return KIND_DROP;
	case PG_QUERY__NODE__NODE_TRUNCATE_STMT:
		return KIND_TRUNCATE;
	case PG_QUERY__NODE__NODE_COMMENT_STMT:
	case PG_QUERY__NODE__NODE_SEC_LABEL_STMT:
		return KIND_COMMENT;
	case PG_QUERY__NODE__NODE_CREATE_ROLE_STMT:
	case PG_QUERY__NODE__NODE_ALTER_ROLE_STMT:
	case PG_QUERY__NODE__NODE_ALTER_ROLE_SET_STMT:
	case PG_QUERY__NODE__NODE_DROP_ROLE_STMT:
	case PG_QUERY__NODE__NODE_REASSIGN_OWNED_STMT:
		return KIND_ROLE;
	case PG_QUERY__NODE__NODE_LOCK_STMT:
		return KIND_LOCK;
	case PG_QUERY__NODE__NODE_CLUSTER_STMT:
		return KIND_CLUSTER;
	case PG_QUERY__NODE__NODE_REINDEX_STMT:
		return KIND_REINDEX;
	case PG_QUERY__NODE__NODE_REFRESH_MAT_VIEW_STMT:
		return KIND_REFRESH;
	case PG_QUERY__NODE__NODE_CHECK_POINT_STMT:
		return KIND_CHECKPOINT;
	case PG_QUERY__NODE__NODE_DO_STMT:
		return KIND_DO;
	case PG_QUERY__NODE__NODE_CALL_STMT:
		return KIND_CALL;
	case PG_QUERY__NODE__NODE_LOAD_STMT:
		return KIND_LOAD;
	case PG_QUERY__NODE__NODE_ALTER_SYSTEM_STMT:
		return KIND_SYSTEM;
	case PG_QUERY__NODE__NODE_LISTEN_STMT:
	case PG_QUERY__NODE__NODE_UNLISTEN_STMT:
		return KIND_LISTEN;
	case PG_QUERY__NODE__NODE_NOTIFY_STMT:
		return KIND_NOTIFY;
	case PG_QUERY__NODE__NODE_DISCARD_STMT:
		return KIND_DISCARD;
	case PG_QUERY__NODE__NODE_DEALLOCATE_STMT:
		return KIND_DEALLOCATE;
	case PG_QUERY__NODE__NODE_CLOSE_PORTAL_STMT:
		return KIND_CLOSE;
	case PG_QUERY__NODE__NODE_FETCH_STMT:
		return KIND_FETCH;
	case PG_QUERY__NODE__NODE_EXECUTE_STMT:
		return KIND_EXECUTE;
	case PG_QUERY__NODE__NODE_VARIABLE_SHOW_STMT:
		return KIND_SHOW;
	case PG_QUERY__NODE__NODE_CONSTRAINTS_SET_STMT:
		return KIND_SET;
	default:
		return alter_kind(c);
	}
}

static enum kind
transaction_kind(const PgQuery__TransactionStmt *t)
{
	switch (t->kind) {
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_BEGIN:
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_START:
		return KIND_BEGIN;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_COMMIT:
		return KIND_COMMIT;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK:
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_TO:
		return KIND_ROLLBACK;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_SAVEPOINT:
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_RELEASE:
		return KIND_SAVEPOINT;
	default:
		return KIND_TWO_PHASE;
	}
}

static enum kind
set_kind(const PgQuery__VariableSetStmt *s)
{
	if (s->name != NULL && (strcasecmp(s->name, "role") == 0 ||
	    strcasecmp(s->name, "session_authorization") == 0))
		return KIND_SET_ROLE;
	return s->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET ||
	    s->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL ?
	    KIND_RESET : KIND_SET;
}

static enum kind
copy_kind(const PgQuery__CopyStmt *c)
{
	if (c->is_program)
		return KIND_COPY_PROGRAM;
	if (c->filename != NULL && c->filename[0] != '\0')
		return KIND_COPY_FILE;
	return c->is_from ? KIND_COPY_FROM : KIND_COPY_TO;
}

/* The statements that scope.c walks, and those that hold another. */
static enum kind
query_kind(const PgQuery__Node *n)
{
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_SELECT_STMT:
		if (n->select_stmt->into_clause != NULL)
			return KIND_SELECT_INTO;
		return n->select_stmt->n_values_lists > 0 ? KIND_VALUES :
		    KIND_SELECT;
	case PG_QUERY__NODE__NODE_INSERT_STMT:
		return KIND_INSERT;
	case PG_QUERY__NODE__NODE_UPDATE_STMT:
		return KIND_UPDATE;
	case PG_QUERY__NODE__NODE_DELETE_STMT:
		return KIND_DELETE;
	case PG_QUERY__NODE__NODE_MERGE_STMT:
		return KIND_MERGE;
	case PG_QUERY__NODE__NODE_EXPLAIN_STMT:
		return KIND_EXPLAIN;
	case PG_QUERY__NODE__NODE_PREPARE_STMT:
		return KIND_PREPARE;
	case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
		return KIND_DECLARE;
	case PG_QUERY__NODE__NODE_COPY_STMT:
		return copy_kind(n->copy_stmt);
	case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT:
		return set_kind(n->variable_set_stmt);
	default:
		return plain_kind(n->node_case);
	}
}

/* Kinds for which the type of the node is not enough come first. */
enum kind
utility_kind(const PgQuery__Node *n)
{
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
		return transaction_kind(n->transaction_stmt);
	case PG_QUERY__NODE__NODE_GRANT_STMT:
		return n->grant_stmt->is_grant ? KIND_GRANT : KIND_REVOKE;
	case PG_QUERY__NODE__NODE_GRANT_ROLE_STMT:
		return n->grant_role_stmt->is_grant ? KIND_GRANT :
		    KIND_REVOKE;
	case PG_QUERY__NODE__NODE_ALTER_DEFAULT_PRIVILEGES_STMT:
		return n->alter_default_privileges_stmt->action != NULL &&
		    !n->alter_default_privileges_stmt->action->is_grant ?
		    KIND_REVOKE : KIND_GRANT;
	case PG_QUERY__NODE__NODE_RENAME_STMT:
		return n->rename_stmt->rename_type ==
		    PG_QUERY__OBJECT_TYPE__OBJECT_ROLE ? KIND_ROLE :
		    KIND_ALTER;
	case PG_QUERY__NODE__NODE_VACUUM_STMT:
		return n->vacuum_stmt->is_vacuumcmd ? KIND_VACUUM :
		    KIND_ANALYZE;
	default:
		return query_kind(n);
	}
}

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

static bool
set_safe(const struct analysis *a, const char *name, const char *value)
{
	static const char *const levels[] = { "notice", "warning", "error",
	    NULL };
	const struct profile	*p = a->scene->profile;
	char			 low[64];
	size_t			 i;

	for (i = 0; i < p->nsettings; i++)
		if (strcasecmp(p->settings[i].name, name) == 0)
			return false;	/* the policy has set it */
	for (i = 0; name[i] != '\0' && i + 1 < sizeof(low); i++)
		low[i] = (char)tolower((unsigned char)name[i]);
	low[i] = '\0';
	if (strcmp(low, "client_min_messages") == 0)
		return one_of(value, levels);
	return strcmp(low, "client_encoding") == 0 ||
	    strcmp(low, "standard_conforming_strings") == 0 ||
	    sqlname_setting(low);
}

static void
variable_set(struct analysis *a, const PgQuery__VariableSetStmt *s)
{
	const char	*name = s->name != NULL ? s->name : "";
	bool		 reset, role;

	reset = s->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET ||
	    s->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL ||
	    s->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_DEFAULT;
	role = set_kind(s) == KIND_SET_ROLE;
	analysis_unit(a, set_kind(s), 0, 0);
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
	} else if (!set_safe(a, name, set_value(s)))
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
	else if (a->refs[i].prot != NULL)
		analysis_refuse(a, "42501", "COPY of a protected table is not "
		    "handled yet; write COPY (SELECT ... FROM %s) TO STDOUT",
		    c->relation->relname);
	else if (a->refs[i].rel != NULL &&
	    strcmp(a->refs[i].rel->name, "pg_class") == 0)
		analysis_refuse(a, "42501", "COPY of pg_class is not "
		    "available in a profile with masks");
}

static void
copy(struct analysis *a, const PgQuery__CopyStmt *c)
{
	enum kind	 k = copy_kind(c);
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

/* The rest: relations in it are written, inner queries are read. */
static void
plain(struct analysis *a, const PgQuery__Node *n)
{
	enum kind	 k = utility_kind(n);
	size_t		 i, first = a->nrefs, unit = a->nunits;

	analysis_unit(a, k, first, first);
	a->executes |= k == KIND_EXECUTE || k == KIND_FETCH;
	if (a->scene->masked) {
		if (!masked_kind(k))
			not_with_masks(a, k);
		return;
	}
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_CREATE_FUNCTION_STMT:
	case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
	case PG_QUERY__NODE__NODE_DO_STMT:
		break;		/* bodies do not run now, or are strings */
	case PG_QUERY__NODE__NODE_RULE_STMT:
		if (n->rule_stmt->relation != NULL)
			analysis_ref(a, n->rule_stmt->relation, NULL, NULL,
			    true);
		break;
	case PG_QUERY__NODE__NODE_DROP_STMT:
		drop_names(a, n->drop_stmt);
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

	/* Without a catalogue there is nothing to look up: the kind only. */
	if (a->scene->masked && a->scene->protect == NULL &&
	    !masked_kind(k)) {
		a->wanted = true;
		analysis_unit(a, k, 0, 0);
		analysis_refuse(a, "42501", "the catalogue of this database "
		    "is not read yet; try again");
		return;
	}
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
