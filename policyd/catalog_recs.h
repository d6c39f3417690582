#ifndef POSTERN_CATALOG_RECS_H
#define POSTERN_CATALOG_RECS_H

#include "codec.h"

/*
 * The catalogue snapshot that the keeper makes and the engines read: records
 * in a sealed memfd, each a u32 length, a u16 kind, a u16 zero, and the fields
 * (codec.h).  Relations come before what refers to them.  The engine trusts
 * none of it: a record that does not decode makes the whole snapshot refused.
 */

/* First record. `server_version` as server_version_num. */
#define CAT_FIELDS_database(F)						\
	F(STR, name, 63)						\
	F(U32, server_version, 0)
/* pg_class of kinds r, p, v, m, f, S outside the temporary schemas; the
 * system's own relations too (pg_catalog, information_schema). */
#define CAT_FIELDS_relation(F)						\
	F(U32, oid, 0)							\
	F(STR, schema, 63)						\
	F(STR, name, 63)						\
	F(U8, kind, 0)		/* relkind */				\
	F(U8, rowsecurity, 0)						\
	F(U8, rules, 0)		/* rules other than a view's _RETURN */	\
	F(U8, triggers, 0)	/* other than foreign keys' */
#define CAT_FIELDS_column(F)						\
	F(U32, relation, 0)						\
	F(U32, attnum, 0)						\
	F(STR, name, 63)						\
	F(U32, type, 0)		/* pg_type.oid */			\
	F(STR, type_name, 256)	/* format_type(atttypid, atttypmod) with schema where not pg_catalog */ \
	F(U8, category, 0)	/* typcategory of the base type */	\
	F(U8, domain, 0)	/* the type is a domain */		\
	F(U8, generated, 0)						\
	F(U8, notnull, 0)
/* One unique, valid, non-partial, immediate index on plain columns. */
#define CAT_FIELDS_key(F)						\
	F(U32, relation, 0)						\
	F(BYTES, attnums, 128)	/* little-endian u32 each */
/* `relation` (a view, materialized view, child, partition, a sequence, or a
 * relation whose rules or policies read it) depends on `on`. */
#define CAT_FIELDS_depends(F)						\
	F(U32, relation, 0)						\
	F(U32, on, 0)							\
	F(U8, why, 0)		/* 'v' rewrite rule, 'i' inheritance, 'f' foreign key, 'p' policy, 'g' generated column, 's' sequence of a column, 'w' a check, a partition key, or an expression or predicate of an index reads the column, 'u' a unique or exclusion index has it, 'x' another index has it beside others */ \
	F(U32, attnum, 0)	/* of `on`; 0: not said, or all */	\
	F(U32, target, 0)	/* 'g': the generated column's attnum; 'f': the referring column's; 'w', 'u', 'x': a number of the check or index */
/* The SELECT of a view or a materialized view, every relation in it with its
 * schema. */
#define CAT_FIELDS_view(F)						\
	F(U32, relation, 0)						\
	F(STR, definition, 32768)
/* Something on the relation calls what is not PostgreSQL's own: a function,
 * an operator, an operator class. */
#define CAT_FIELDS_calls(F)						\
	F(U32, relation, 0)						\
	F(U8, when, 0)		/* 'r' it is read, 'w' it is written */
/* The same for the server's own functions, by name: the engine knows which of
 * them are harmless. */
#define CAT_FIELDS_uses(F)						\
	F(U32, relation, 0)						\
	F(STR, function, 63)						\
	F(U8, when, 0)
/* A cast that somebody made with a function: the type that it leads to, or a
 * type of somebody's own at either end. */
#define CAT_FIELDS_cast(F)						\
	F(STR, schema, 63)						\
	F(STR, name, 63)						\
	F(U8, unnamed, 0)	/* runs without being written, on built-in types */ \
	F(U32, column, 0)	/* the type's OID, when it is one's own; or 0 */
/* A type of a column, and a type that its values are or hold: itself, a
 * domain's base, an array's element, a member of a composite, a range's. */
#define CAT_FIELDS_holds(F)						\
	F(U32, type, 0)							\
	F(STR, name, 256)	/* format_type(), without a modifier */
/* A word with a colon in the COMMENT or a SECURITY LABEL of a column. */
#define CAT_FIELDS_tag(F)						\
	F(U32, relation, 0)						\
	F(U32, attnum, 0)	/* 0: of the relation, so of every column */ \
	F(STR, word, 128)
/* A function outside pg_catalog and information_schema. */
#define CAT_FIELDS_function(F)						\
	F(STR, schema, 63)						\
	F(STR, name, 63)						\
	F(U8, volatility, 0)	/* provolatile */			\
	F(U8, definer, 0)						\
	F(STR, language, 63)						\
	F(U8, procedure, 0)						\
	F(STR, code, 65536)	/* of a procedure in plpgsql: its CREATE; in sql: its body; else, or not had, empty */ \
	F(STR, sets, 1024)	/* settings that its body changes, "a b"; "*": one that it does not name */ \
	F(U32, oid, 0)
/* A function of pg_catalog, for calls by number. */
#define CAT_FIELDS_builtin(F)						\
	F(U32, oid, 0)							\
	F(STR, name, 63)
/* The function of the mask `token` is there, and is what it must be (the
 * query says what that is). */
#define CAT_FIELDS_token(F)						\
	F(U32, oid, 0)
/* An operator outside pg_catalog. */
#define CAT_FIELDS_operator(F)						\
	F(STR, schema, 63)						\
	F(STR, name, 63)
/* A schema, for names that are resolved over the search_path. */
#define CAT_FIELDS_schema(F)						\
	F(STR, name, 63)
/* Last record: how many came before it. */
#define CAT_FIELDS_end(F)						\
	F(U32, records, 0)

#define CAT_RECS(M)							\
	M(database) M(relation) M(column) M(key) M(depends)		\
	M(view) M(calls) M(uses) M(cast) M(function) M(operator) M(schema)	\
	M(holds) M(tag) M(builtin) M(token) M(end)

#define CAT_M_ENUM(name)	CAT_##name,
enum cat_kind {
	CAT_RECS(CAT_M_ENUM)
	CAT_NKINDS
};
#undef CAT_M_ENUM

#define CAT_F_MEMBER(type, name, max)	FIELD_CTYPE_##type name;
#define CAT_M_STRUCT(name)						\
	struct cat_##name {						\
		CAT_FIELDS_##name(CAT_F_MEMBER)				\
	};
CAT_RECS(CAT_M_STRUCT)
#undef CAT_M_STRUCT
#undef CAT_F_MEMBER

/* NULL for a number that is no kind. */
const struct msg_desc *cat_desc(unsigned int kind);

#endif
