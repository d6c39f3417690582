#ifndef POSTERN_KINDS_H
#define POSTERN_KINDS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The kinds of statement, as rules name them, and the groups that they are in.
 *
 *	enum, name, groups (a kind may be in several)
 */
#define KIND_G_READ		0x01
#define KIND_G_WRITE		0x02
#define KIND_G_DDL		0x04
#define KIND_G_ACCESS		0x08
#define KIND_G_SESSION		0x10
#define KIND_G_MAINTENANCE	0x20
#define KIND_G_DANGEROUS	0x40
#define KIND_G_TRANSACTION	0x80
/* Families: groups by the command's first word. */
#define KIND_G_CREATE		0x100
#define KIND_G_ALTER		0x200
#define KIND_G_DROP		0x400

#define KIND_GROUPS(M)							\
	M("read", KIND_G_READ)						\
	M("write", KIND_G_WRITE)					\
	M("ddl", KIND_G_DDL)						\
	M("access", KIND_G_ACCESS)					\
	M("session", KIND_G_SESSION)					\
	M("maintenance", KIND_G_MAINTENANCE)				\
	M("dangerous", KIND_G_DANGEROUS)				\
	M("transaction", KIND_G_TRANSACTION)				\
	M("create", KIND_G_CREATE)					\
	M("alter", KIND_G_ALTER)					\
	M("drop", KIND_G_DROP)

/* What makes, changes and removes objects. */
#define KIND_G_C	(KIND_G_DDL | KIND_G_CREATE)
#define KIND_G_A	(KIND_G_DDL | KIND_G_ALTER)
#define KIND_G_D	(KIND_G_DDL | KIND_G_DROP)

#define KINDS(M)							\
	M(SELECT, "select", KIND_G_READ)				\
	M(VALUES, "values", KIND_G_READ)				\
	M(EXPLAIN, "explain", KIND_G_READ)				\
	M(SHOW, "show", KIND_G_READ)					\
	M(FETCH, "fetch", KIND_G_READ)					\
	M(DECLARE, "declare", KIND_G_READ)				\
	M(CLOSE, "close", KIND_G_READ)					\
	M(COPY_TO, "copy_to", KIND_G_READ)				\
	M(INSERT, "insert", KIND_G_WRITE)				\
	M(UPDATE, "update", KIND_G_WRITE)				\
	M(DELETE, "delete", KIND_G_WRITE)				\
	M(MERGE, "merge", KIND_G_WRITE)					\
	M(COPY_FROM, "copy_from", KIND_G_WRITE)				\
	M(SELECT_INTO, "select_into", KIND_G_C)				\
	M(TRUNCATE, "truncate", KIND_G_DDL | KIND_G_DANGEROUS)		\
	M(CREATE_TABLE, "create_table", KIND_G_C)			\
	M(CREATE_VIEW, "create_view", KIND_G_C)				\
	M(CREATE_MATERIALIZED_VIEW, "create_materialized_view", KIND_G_C) \
	M(CREATE_INDEX, "create_index", KIND_G_C)			\
	M(CREATE_SEQUENCE, "create_sequence", KIND_G_C)			\
	M(CREATE_SCHEMA, "create_schema", KIND_G_C)			\
	M(CREATE_TYPE, "create_type", KIND_G_C)				\
	M(CREATE_DOMAIN, "create_domain", KIND_G_C)			\
	M(CREATE_TRIGGER, "create_trigger", KIND_G_C)			\
	M(CREATE_STATISTICS, "create_statistics", KIND_G_C)		\
	M(CREATE_TEXT_SEARCH, "create_text_search", KIND_G_C)		\
	M(CREATE_COLLATION, "create_collation", KIND_G_C)		\
	M(CREATE_PUBLICATION, "create_publication", KIND_G_C)		\
	M(CREATE_POLICY, "create_policy", KIND_G_C | KIND_G_ACCESS)	\
	M(CREATE_RULE, "create_rule", KIND_G_C | KIND_G_DANGEROUS)	\
	M(CREATE_FUNCTION, "create_function", KIND_G_C | KIND_G_DANGEROUS) \
	M(CREATE_OPERATOR, "create_operator", KIND_G_C | KIND_G_DANGEROUS) \
	M(CREATE_CAST, "create_cast", KIND_G_C | KIND_G_DANGEROUS)	\
	M(CREATE_LANGUAGE, "create_language", KIND_G_C | KIND_G_DANGEROUS) \
	M(CREATE_EXTENSION, "create_extension", KIND_G_C | KIND_G_DANGEROUS) \
	M(CREATE_EVENT_TRIGGER, "create_event_trigger",			\
	    KIND_G_C | KIND_G_DANGEROUS)				\
	M(CREATE_FOREIGN, "create_foreign", KIND_G_C | KIND_G_DANGEROUS) \
	M(CREATE_SUBSCRIPTION, "create_subscription",			\
	    KIND_G_C | KIND_G_DANGEROUS)				\
	M(CREATE_DATABASE, "create_database", KIND_G_C | KIND_G_DANGEROUS) \
	M(CREATE_TABLESPACE, "create_tablespace", KIND_G_C | KIND_G_DANGEROUS) \
	M(ALTER_TABLE, "alter_table", KIND_G_A)				\
	M(ALTER_VIEW, "alter_view", KIND_G_A)				\
	M(ALTER_INDEX, "alter_index", KIND_G_A)				\
	M(ALTER_SEQUENCE, "alter_sequence", KIND_G_A)			\
	M(ALTER_SCHEMA, "alter_schema", KIND_G_A)			\
	M(ALTER_TYPE, "alter_type", KIND_G_A)				\
	M(ALTER_DOMAIN, "alter_domain", KIND_G_A)			\
	M(ALTER_TRIGGER, "alter_trigger", KIND_G_A)			\
	M(ALTER_STATISTICS, "alter_statistics", KIND_G_A)		\
	M(ALTER_TEXT_SEARCH, "alter_text_search", KIND_G_A)		\
	M(ALTER_COLLATION, "alter_collation", KIND_G_A)			\
	M(ALTER_PUBLICATION, "alter_publication", KIND_G_A)		\
	M(ALTER_OWNER, "alter_owner", KIND_G_A | KIND_G_ACCESS)		\
	M(ALTER_POLICY, "alter_policy", KIND_G_A | KIND_G_ACCESS)	\
	M(ALTER_RULE, "alter_rule", KIND_G_A | KIND_G_DANGEROUS)	\
	M(ALTER_FUNCTION, "alter_function", KIND_G_A | KIND_G_DANGEROUS) \
	M(ALTER_OPERATOR, "alter_operator", KIND_G_A | KIND_G_DANGEROUS) \
	M(ALTER_LANGUAGE, "alter_language", KIND_G_A | KIND_G_DANGEROUS) \
	M(ALTER_EXTENSION, "alter_extension", KIND_G_A | KIND_G_DANGEROUS) \
	M(ALTER_EVENT_TRIGGER, "alter_event_trigger",			\
	    KIND_G_A | KIND_G_DANGEROUS)				\
	M(ALTER_FOREIGN, "alter_foreign", KIND_G_A | KIND_G_DANGEROUS)	\
	M(ALTER_SUBSCRIPTION, "alter_subscription",			\
	    KIND_G_A | KIND_G_DANGEROUS)				\
	M(ALTER_DATABASE, "alter_database", KIND_G_A | KIND_G_DANGEROUS) \
	M(ALTER_TABLESPACE, "alter_tablespace", KIND_G_A | KIND_G_DANGEROUS) \
	M(DROP_TABLE, "drop_table", KIND_G_D)				\
	M(DROP_VIEW, "drop_view", KIND_G_D)				\
	M(DROP_INDEX, "drop_index", KIND_G_D)				\
	M(DROP_SEQUENCE, "drop_sequence", KIND_G_D)			\
	M(DROP_SCHEMA, "drop_schema", KIND_G_D)				\
	M(DROP_TYPE, "drop_type", KIND_G_D)				\
	M(DROP_TRIGGER, "drop_trigger", KIND_G_D)			\
	M(DROP_STATISTICS, "drop_statistics", KIND_G_D)			\
	M(DROP_TEXT_SEARCH, "drop_text_search", KIND_G_D)		\
	M(DROP_COLLATION, "drop_collation", KIND_G_D)			\
	M(DROP_PUBLICATION, "drop_publication", KIND_G_D)		\
	M(DROP_POLICY, "drop_policy", KIND_G_D | KIND_G_ACCESS)		\
	M(DROP_RULE, "drop_rule", KIND_G_D | KIND_G_DANGEROUS)		\
	M(DROP_FUNCTION, "drop_function", KIND_G_D | KIND_G_DANGEROUS)	\
	M(DROP_OPERATOR, "drop_operator", KIND_G_D | KIND_G_DANGEROUS)	\
	M(DROP_CAST, "drop_cast", KIND_G_D | KIND_G_DANGEROUS)		\
	M(DROP_LANGUAGE, "drop_language", KIND_G_D | KIND_G_DANGEROUS)	\
	M(DROP_EXTENSION, "drop_extension", KIND_G_D | KIND_G_DANGEROUS) \
	M(DROP_EVENT_TRIGGER, "drop_event_trigger",			\
	    KIND_G_D | KIND_G_DANGEROUS)				\
	M(DROP_FOREIGN, "drop_foreign", KIND_G_D | KIND_G_DANGEROUS)	\
	M(DROP_SUBSCRIPTION, "drop_subscription", KIND_G_D | KIND_G_DANGEROUS) \
	M(DROP_DATABASE, "drop_database", KIND_G_D | KIND_G_DANGEROUS)	\
	M(DROP_TABLESPACE, "drop_tablespace", KIND_G_D | KIND_G_DANGEROUS) \
	M(DROP_OWNED, "drop_owned",					\
	    KIND_G_D | KIND_G_ACCESS | KIND_G_DANGEROUS)		\
	M(COMMENT, "comment", KIND_G_DDL)				\
	M(GRANT, "grant", KIND_G_ACCESS)				\
	M(REVOKE, "revoke", KIND_G_ACCESS)				\
	M(ROLE, "role", KIND_G_ACCESS)					\
	M(SET, "set", KIND_G_SESSION)					\
	M(RESET, "reset", KIND_G_SESSION)				\
	M(SET_ROLE, "set_role", KIND_G_SESSION | KIND_G_ACCESS)		\
	M(DISCARD, "discard", KIND_G_SESSION)				\
	M(PREPARE, "prepare", KIND_G_SESSION)				\
	M(EXECUTE, "execute", KIND_G_SESSION)				\
	M(DEALLOCATE, "deallocate", KIND_G_SESSION)			\
	M(LISTEN, "listen", KIND_G_SESSION)				\
	M(NOTIFY, "notify", KIND_G_SESSION)				\
	M(LOCK, "lock", KIND_G_DANGEROUS)				\
	M(VACUUM, "vacuum", KIND_G_MAINTENANCE)				\
	M(ANALYZE, "analyze", KIND_G_MAINTENANCE)			\
	M(CLUSTER, "cluster", KIND_G_MAINTENANCE)			\
	M(REINDEX, "reindex", KIND_G_MAINTENANCE)			\
	M(REFRESH, "refresh", KIND_G_MAINTENANCE)			\
	M(CHECKPOINT, "checkpoint", KIND_G_MAINTENANCE)			\
	M(OPAQUE, "opaque", KIND_G_DANGEROUS)				\
	M(DYNAMIC, "dynamic", KIND_G_DANGEROUS)				\
	M(DO, "do", KIND_G_DANGEROUS)					\
	M(CALL, "call", KIND_G_DANGEROUS)				\
	M(COPY_PROGRAM, "copy_program", KIND_G_DANGEROUS)		\
	M(COPY_FILE, "copy_file", KIND_G_DANGEROUS)			\
	M(LOAD, "load", KIND_G_DANGEROUS)				\
	M(SYSTEM, "system", KIND_G_DANGEROUS)				\
	M(FASTPATH, "fastpath", KIND_G_DANGEROUS)			\
	M(BEGIN, "begin", KIND_G_TRANSACTION)				\
	M(COMMIT, "commit", KIND_G_TRANSACTION)				\
	M(ROLLBACK, "rollback", KIND_G_TRANSACTION)			\
	M(SAVEPOINT, "savepoint", KIND_G_TRANSACTION)			\
	M(TWO_PHASE, "two_phase", KIND_G_TRANSACTION | KIND_G_DANGEROUS) \
	M(EMPTY, "empty", KIND_G_READ)					\
	M(OTHER, "other", KIND_G_DANGEROUS)

#define KIND_M_ENUM(id, name, groups)	KIND_##id,
enum kind {
	KINDS(KIND_M_ENUM)
	NKINDS
};
#undef KIND_M_ENUM

/* A set of kinds: the words of a rule, compiled. */
#define KIND_WORDS	((NKINDS + 63) / 64)
struct kind_set {
	uint64_t	 bits[KIND_WORDS];
};
/* Adds the kind of that name, or those of the group. */
void		 kind_set_add(struct kind_set *, const char *word);
bool		 kind_set_has(const struct kind_set *, enum kind);

/* All kinds and groups; ends with NULL. */
extern const char *const kind_words[];

const char	*kind_name(enum kind);
unsigned int	 kind_groups(enum kind);
/* Is `word` the kind's name or a group that it is in? */
bool		 kind_is(enum kind, const char *word);
/* Is `word` the name of a kind or of a group at all? */
bool		 kind_known(const char *word);

#endif
