#ifndef POSTERN_KINDS_H
#define POSTERN_KINDS_H

#include <stdbool.h>

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

#define KIND_GROUPS(M)							\
	M("read", KIND_G_READ)						\
	M("write", KIND_G_WRITE)					\
	M("ddl", KIND_G_DDL)						\
	M("access", KIND_G_ACCESS)					\
	M("session", KIND_G_SESSION)					\
	M("maintenance", KIND_G_MAINTENANCE)				\
	M("dangerous", KIND_G_DANGEROUS)				\
	M("transaction", KIND_G_TRANSACTION)

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
	M(SELECT_INTO, "select_into", KIND_G_DDL)			\
	M(TRUNCATE, "truncate", KIND_G_DDL | KIND_G_DANGEROUS)		\
	M(CREATE, "create", KIND_G_DDL)					\
	M(ALTER, "alter", KIND_G_DDL)					\
	M(DROP, "drop", KIND_G_DDL)					\
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

const char	*kind_name(enum kind);
unsigned int	 kind_groups(enum kind);
/* Is `word` the kind's name or a group that it is in? */
bool		 kind_is(enum kind, const char *word);
/* Is `word` the name of a kind or of a group at all? */
bool		 kind_known(const char *word);

#endif
