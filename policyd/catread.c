/*
 * The catalogue of a database, as records in a sealed memory file.  A helper
 * child of the keeper runs it and exits.
 *
 * Names come from whoever may create objects in that database and are copied
 * as they are, within the records' limits; the engine trusts none of them.
 * All is read in one repeatable-read transaction, the epoch too, so that a
 * snapshot and its epoch agree.  What fails becomes a reason for the parent.
 */
#include "catread.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bodyscan.h"
#include "buf.h"
#include "catalog_recs.h"
#include "dbadmin.h"

#define CHUNK	(256 * 1024)
#define SIZE_MAX_FILE	(512u * 1024 * 1024)

struct reader {
	int		 fd;
	struct buf	 out;		/* not yet written */
	uint64_t	 written;
	uint32_t	 records;
};

/* --- records -------------------------------------------------------------------- */

static int
flush(struct reader *r)
{
	ssize_t n;

	while (r->out.len > 0) {
		n = write(r->fd, buf_head(&r->out), r->out.len);
		if (n <= 0)
			return -1;
		buf_drain(&r->out, (size_t)n);
		r->written += (uint64_t)n;
	}
	return r->written > SIZE_MAX_FILE ? -1 : 0;
}

static void
put_le32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

/* u32 length of the fields, u16 kind, u16 zero, the fields. */
static int
emit(struct reader *r, enum cat_kind kind, const void *rec)
{
	static const uint8_t zero[8];
	uint8_t *head;
	size_t at = r->out.len;

	if (buf_add(&r->out, zero, sizeof(zero)) == -1 ||
	    msg_encode(cat_desc(kind), rec, &r->out) == -1)
		return -1;
	head = buf_head(&r->out) + at;
	put_le32(head, (uint32_t)(r->out.len - at - sizeof(zero)));
	head[4] = (uint8_t)kind;
	r->records++;
	return r->out.len > CHUNK ? flush(r) : 0;
}

static struct slice
text(const struct db_row *row, int column)
{
	size_t len;
	const char *p = db_value(row, column, &len);

	return slice_of(p, len);
}

static int
on_schema(void *ctx, const struct db_row *row)
{
	struct cat_schema c = { text(row, 0) };

	return emit(ctx, CAT_schema, &c);
}

static int
on_relation(void *ctx, const struct db_row *row)
{
	struct cat_relation c = { 0 };

	c.oid = db_u32(row, 0);
	c.schema = text(row, 1);
	c.name = text(row, 2);
	c.kind = db_char(row, 3);
	c.rowsecurity = db_bool(row, 4);
	c.rules = db_bool(row, 5);
	c.triggers = db_bool(row, 6);
	return emit(ctx, CAT_relation, &c);
}

static int
on_column(void *ctx, const struct db_row *row)
{
	struct cat_column c = { 0 };

	c.relation = db_u32(row, 0);
	c.attnum = db_u32(row, 1);
	c.name = text(row, 2);
	c.type = db_u32(row, 3);
	c.type_name = text(row, 4);
	c.category = db_char(row, 5);
	c.domain = db_bool(row, 6);
	c.generated = db_bool(row, 7);
	c.notnull = db_bool(row, 8);
	/* Only a name made to be long gets here; "" is a type that no mask
	 * can be cast to, so the column's relation is refused, not all. */
	if (c.type_name.len > 256)
		c.type_name.len = 0;
	return emit(ctx, CAT_column, &c);
}

static int
on_key(void *ctx, const struct db_row *row)
{
	uint8_t nums[128];
	struct cat_key c;
	size_t len, n = 0;
	uint32_t want = db_u32(row, 2);
	const char *p = db_value(row, 1, &len);
	char *end;
	long v;

	/* int2vector as text: "1 3 4"; the first `want` are the key. */
	for (; n < want && n < sizeof(nums) / 4; n++, p = end) {
		v = strtol(p, &end, 10);
		if (end == p || v <= 0)
			return 0;	/* a system column: no key for us */
		put_le32(nums + 4 * n, (uint32_t)v);
	}
	c.relation = db_u32(row, 0);
	c.attnums = slice_of(nums, 4 * n);
	return n == want ? emit(ctx, CAT_key, &c) : 0;
}

static int
on_depends(void *ctx, const struct db_row *row)
{
	struct cat_depends c = { db_u32(row, 0), db_u32(row, 1),
	    db_char(row, 2), db_u32(row, 3), db_u32(row, 4) };

	return emit(ctx, CAT_depends, &c);
}

static int
on_view(void *ctx, const struct db_row *row)
{
	struct cat_view c = { db_u32(row, 0), text(row, 1) };

	return emit(ctx, CAT_view, &c);
}

static int
on_calls(void *ctx, const struct db_row *row)
{
	struct cat_calls c = { db_u32(row, 0), db_char(row, 1) };

	return emit(ctx, CAT_calls, &c);
}

static int
on_uses(void *ctx, const struct db_row *row)
{
	struct cat_uses c = { db_u32(row, 0), text(row, 1), db_char(row, 2) };

	return emit(ctx, CAT_uses, &c);
}

static int
on_cast(void *ctx, const struct db_row *row)
{
	struct cat_cast c = { text(row, 0), text(row, 1), db_bool(row, 2),
	    db_u32(row, 3) };

	return emit(ctx, CAT_cast, &c);
}

/* The settings that a body changes, one after another. */
struct sets {
	char	list[1025];
	size_t	len;
};

static void
on_set(void *ctx, enum body_what what, const char *name)
{
	struct sets *s = ctx;
	size_t n;

	if (what != BODY_SETS)
		return;
	if (name == NULL || strchr(name, ' ') != NULL)
		name = "*";
	n = strlen(name);
	if (s->len + n + 1 >= sizeof(s->list)) {
		/* More than there is room for: any. */
		strcpy(s->list, "*");
		s->len = 1;
		return;
	}
	if (s->len > 0)
		s->list[s->len++] = ' ';
	memcpy(s->list + s->len, name, n + 1);
	s->len += n;
}

static int
on_function(void *ctx, const struct db_row *row)
{
	struct slice body = text(row, 7);
	struct sets sets = { .len = 0 };
	struct cat_function c = { text(row, 0), text(row, 1), db_char(row, 2),
	    db_bool(row, 3), text(row, 4), db_bool(row, 5), text(row, 6),
	    slice_of(sets.list, 0), db_u32(row, 8) };

	bodyscan((const char *)body.p, body.len, on_set, &sets);
	c.sets.len = (uint32_t)sets.len;
	/* The record's limit: better no body than no catalogue. */
	if (c.code.len > 65536)
		c.code.len = 0;
	return emit(ctx, CAT_function, &c);
}

static int
on_builtin(void *ctx, const struct db_row *row)
{
	struct cat_builtin c = { db_u32(row, 0), text(row, 1) };

	return emit(ctx, CAT_builtin, &c);
}

static int
on_holds(void *ctx, const struct db_row *row)
{
	struct cat_holds c = { db_u32(row, 0), text(row, 1) };

	/* No glob fits it, so that of the other names must. */
	if (c.name.len > 256)
		c.name.len = 0;
	return emit(ctx, CAT_holds, &c);
}

static int
on_tag(void *ctx, const struct db_row *row)
{
	struct cat_tag c = { db_u32(row, 0), db_u32(row, 1), text(row, 2) };

	return emit(ctx, CAT_tag, &c);
}

static int
on_token(void *ctx, const struct db_row *row)
{
	struct cat_token c = { db_u32(row, 0) };

	return emit(ctx, CAT_token, &c);
}

static int
on_operator(void *ctx, const struct db_row *row)
{
	struct cat_operator c = { text(row, 0), text(row, 1) };

	return emit(ctx, CAT_operator, &c);
}

/* --- queries --------------------------------------------------------------------- */

/* Schemas of temporary objects and of TOAST are nobody's names. */
#define NOT_TEMP(ns)	ns " !~ '^pg_(toast|temp_|toast_temp_)'"
#define RELKINDS	"('r','p','v','m','f','S')"
#define OUR_RELATIONS							\
	"(SELECT c.oid FROM pg_class c JOIN pg_namespace n"		\
	" ON n.oid = c.relnamespace WHERE c.relkind IN " RELKINDS	\
	" AND " NOT_TEMP("n.nspname") ")"

/*
 * A whole row in an expression leaves no dependency on any column, so it is
 * looked for in the stored tree; a system column, or a relation of which no
 * column is named, counts as all columns.
 */
#define WHOLE_ROW(tree)	"strpos(" tree ", ':varattno 0 ') > 0"
#define COLUMN(whole)							\
	"CASE WHEN " whole " OR d.refobjsubid < 0 THEN 0"		\
	" ELSE d.refobjsubid END"
/* The server's own are pinned: no dependency on them is on record. */
#define OTHERS								\
	"d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass,"	\
	" 'pg_opclass'::regclass)"
#define FIRST_OID	"16384"		/* FirstNormalObjectId */
/*
 * Nor is one from a user's view to the server's functions and relations: their
 * numbers are taken from the stored trees, as what stands before a blank
 * behind one of `words`.  (Blanks within names are escaped there.)
 */
#define NUMBERS(tree, words)						\
	"(SELECT DISTINCT split_part(left(s, 16), ' ', 1)::oid AS oid"	\
	" FROM (VALUES " words ") AS w (w),"				\
	" LATERAL string_to_table(" tree ", w.w) WITH ORDINALITY AS p (s, i)" \
	" WHERE i > 1)"
#define TREES								\
	"(SELECT ev_class AS rel, 'r' AS rw, ev_action::text AS tree"	\
	" FROM pg_rewrite WHERE oid >= " FIRST_OID			\
	" UNION ALL SELECT polrelid, 'r',"				\
	"  concat(polqual::text, polwithcheck::text) FROM pg_policy"	\
	" UNION ALL SELECT adrelid,"					\
	"  CASE attgenerated WHEN '' THEN 'w' ELSE 'r' END, adbin::text" \
	"  FROM pg_attrdef JOIN pg_attribute"				\
	"  ON attrelid = adrelid AND attnum = adnum"			\
	" UNION ALL SELECT conrelid, 'w', conbin::text"			\
	"  FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0)"

static const struct {
	db_row_cb	*cb;
	const char	*sql;
} queries[] = {
	{ on_schema,
	    "SELECT nspname FROM pg_namespace WHERE " NOT_TEMP("nspname") },
	{ on_relation,
	    "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity,"
	    " c.relhasrules AND EXISTS (SELECT FROM pg_rewrite r"
	    "  WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN'),"
	    " c.relhastriggers AND EXISTS (SELECT FROM pg_trigger t"
	    "  WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)"
	    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
	    " WHERE c.relkind IN " RELKINDS " AND " NOT_TEMP("n.nspname") },
	{ on_column,
	    "SELECT a.attrelid, a.attnum, a.attname, a.atttypid,"
	    " format_type(a.atttypid, a.atttypmod), t.typcategory,"
	    " t.typtype = 'd', a.attgenerated <> '', a.attnotnull"
	    " FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
	    " WHERE a.attnum > 0 AND NOT a.attisdropped"
	    " AND a.attrelid IN " OUR_RELATIONS },
	{ on_key,
	    "SELECT i.indrelid, i.indkey, i.indnkeyatts FROM pg_index i"
	    " WHERE i.indisunique AND i.indisvalid AND i.indimmediate"
	    " AND i.indpred IS NULL AND i.indexprs IS NULL"
	    " AND i.indrelid IN " OUR_RELATIONS },
	{ on_depends,		/* rewrite rules: views, and others */
	    "WITH r AS MATERIALIZED (SELECT oid, ev_class,"
	    " " WHOLE_ROW("ev_action::text") " AS whole FROM pg_rewrite"
	    " WHERE oid >= " FIRST_OID ")"
	    " SELECT DISTINCT r.ev_class, d.refobjid, 'v', "
	    COLUMN("r.whole") ", 0 FROM pg_depend d"
	    " JOIN r ON r.oid = d.objid"
	    " WHERE d.classid = 'pg_rewrite'::regclass"
	    " AND d.refclassid = 'pg_class'::regclass"
	    " AND d.refobjid <> r.ev_class"
	    " AND r.ev_class IN " OUR_RELATIONS
	    " AND d.refobjid IN " OUR_RELATIONS },
	{ on_depends,
	    "SELECT inhrelid, inhparent, 'i', 0, 0 FROM pg_inherits"
	    " WHERE inhrelid IN " OUR_RELATIONS
	    " AND inhparent IN " OUR_RELATIONS },
	{ on_depends,
	    "SELECT DISTINCT conrelid, confrelid, 'f', theirs, own"
	    " FROM pg_constraint, unnest(conkey, confkey) AS k (own, theirs)"
	    " WHERE contype = 'f' AND conrelid IN " OUR_RELATIONS
	    " AND confrelid IN " OUR_RELATIONS },
	{ on_depends,		/* a check that old rows may break: all */
	    "SELECT DISTINCT conrelid, conrelid, 'w',"
	    " CASE WHEN convalidated THEN greatest(k, 0) ELSE 0 END, oid"
	    " FROM pg_constraint, unnest(conkey) AS k"
	    " WHERE contype = 'c' AND conrelid IN " OUR_RELATIONS },
	{ on_depends,
	    "SELECT DISTINCT i.indrelid, i.indrelid, 'w', d.refobjsubid,"
	    " i.indexrelid FROM pg_index i JOIN pg_depend d"
	    " ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid"
	    " AND d.refclassid = 'pg_class'::regclass"
	    " AND d.refobjid = i.indrelid"
	    " WHERE (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)"
	    " AND i.indrelid IN " OUR_RELATIONS },
	{ on_depends,		/* a partition key decides where a row goes */
	    "SELECT DISTINCT partrelid, partrelid, 'w', greatest(k, 0),"
	    " partrelid FROM pg_partitioned_table,"
	    " unnest(partattrs::int2[]) AS k"
	    " WHERE partrelid IN " OUR_RELATIONS },
	{ on_depends,		/* 0, an expression: any column */
	    "SELECT DISTINCT i.indrelid, i.indrelid, 'u', greatest(k, 0),"
	    " i.indexrelid"
	    " FROM pg_index i, unnest(i.indkey::int2[]) AS k"
	    " WHERE (i.indisunique OR i.indisexclusion)"
	    " AND i.indrelid IN " OUR_RELATIONS },
	{ on_depends,		/* its rows' width: too much is an error */
	    "SELECT DISTINCT i.indrelid, i.indrelid, 'x', k::int,"
	    " i.indexrelid"
	    " FROM pg_index i, unnest(i.indkey::int2[]) AS k"
	    " WHERE NOT (i.indisunique OR i.indisexclusion) AND k > 0"
	    " AND i.indnatts > 1 AND i.indrelid IN " OUR_RELATIONS },
	{ on_depends,		/* 'a' is the policy's belonging to its table */
	    "WITH p AS MATERIALIZED (SELECT oid, polrelid, "
	    WHOLE_ROW("concat(polqual::text, polwithcheck::text)")
	    " AS whole FROM pg_policy)"
	    " SELECT DISTINCT p.polrelid, d.refobjid, 'p', "
	    COLUMN("p.whole") ", 0 FROM pg_depend d"
	    " JOIN p ON p.oid = d.objid"
	    " WHERE d.classid = 'pg_policy'::regclass"
	    " AND d.refclassid = 'pg_class'::regclass"
	    " AND (d.deptype <> 'a' OR p.whole)"
	    " AND d.refobjid IN " OUR_RELATIONS },
	{ on_depends,		/* generated columns, by either's object */
	    "SELECT a.adrelid, a.adrelid, 'g', d.refobjsubid, a.adnum"
	    " FROM pg_depend d JOIN pg_attrdef a ON d.refobjid = a.adrelid"
	    " AND (d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid"
	    "  OR d.classid = 'pg_class'::regclass AND d.objid = a.adrelid"
	    "  AND d.objsubid = a.adnum)"
	    " JOIN pg_attribute t ON t.attrelid = a.adrelid"
	    " AND t.attnum = a.adnum AND t.attgenerated <> ''"
	    " WHERE d.refclassid = 'pg_class'::regclass"
	    " AND d.refobjsubid > 0 AND d.refobjsubid <> a.adnum"
	    " AND a.adrelid IN " OUR_RELATIONS },
	{ on_depends,		/* sequences that belong to a column */
	    "SELECT d.objid, d.refobjid, 's', d.refobjsubid, 0"
	    " FROM pg_depend d JOIN pg_class c ON c.oid = d.objid"
	    " WHERE d.classid = 'pg_class'::regclass AND c.relkind = 'S'"
	    " AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0"
	    " AND d.objid IN " OUR_RELATIONS
	    " AND d.refobjid IN " OUR_RELATIONS },
	{ on_depends,		/* and those that a default takes from */
	    "SELECT DISTINCT d.refobjid, a.adrelid, 's', a.adnum::int, 0"
	    " FROM pg_depend d JOIN pg_class c ON c.oid = d.refobjid"
	    " JOIN pg_attrdef a ON a.oid = d.objid"
	    " WHERE d.classid = 'pg_attrdef'::regclass AND c.relkind = 'S'"
	    " AND d.refclassid = 'pg_class'::regclass"
	    " AND d.refobjid IN " OUR_RELATIONS
	    " AND a.adrelid IN " OUR_RELATIONS },
	{ on_calls,
	    "SELECT rel, rw FROM (SELECT r.ev_class AS rel,"
	    "  CASE r.rulename WHEN '_RETURN' THEN 'r' ELSE 'w' END AS rw"
	    "  FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid"
	    "  WHERE d.classid = 'pg_rewrite'::regclass AND " OTHERS
	    " UNION SELECT p.polrelid, 'r'"
	    "  FROM pg_depend d JOIN pg_policy p ON p.oid = d.objid"
	    "  WHERE d.classid = 'pg_policy'::regclass AND " OTHERS
	    " UNION SELECT a.adrelid,"
	    "  CASE t.attgenerated WHEN '' THEN 'w' ELSE 'r' END"
	    "  FROM pg_depend d JOIN pg_attrdef a ON a.oid = d.objid"
	    "  JOIN pg_attribute t ON t.attrelid = a.adrelid"
	    "  AND t.attnum = a.adnum"
	    "  WHERE d.classid = 'pg_attrdef'::regclass AND " OTHERS
	    " UNION SELECT c.conrelid, 'w'"
	    "  FROM pg_depend d JOIN pg_constraint c ON c.oid = d.objid"
	    "  WHERE d.classid = 'pg_constraint'::regclass"
	    "  AND c.contype = 'c' AND " OTHERS
	    /* Checks and defaults of domains, under one more domain at most. */
	    " UNION SELECT a.attrelid, 'w'"
	    "  FROM (SELECT c.contypid AS oid"
	    "   FROM pg_depend d JOIN pg_constraint c ON c.oid = d.objid"
	    "   WHERE d.classid = 'pg_constraint'::regclass"
	    "   AND c.contypid <> 0 AND " OTHERS
	    "   UNION SELECT d.objid FROM pg_depend d"
	    "   WHERE d.classid = 'pg_type'::regclass AND " OTHERS ") AS x"
	    "  JOIN pg_type m ON m.oid = x.oid AND m.typtype = 'd'"
	    "  JOIN pg_type t ON m.oid IN (t.oid, t.typbasetype, t.typelem)"
	    "  JOIN pg_attribute a ON a.atttypid = t.oid"
	    /* Indexes, partition keys; with a number, generated columns. */
	    " UNION SELECT coalesce(i.indrelid, d.objid),"
	    "  CASE d.objsubid WHEN 0 THEN 'w' ELSE 'r' END"
	    "  FROM pg_depend d LEFT JOIN pg_index i ON i.indexrelid = d.objid"
	    "  WHERE d.classid = 'pg_class'::regclass AND " OTHERS
	    /* A cast of the relation's rows. */
	    " UNION SELECT t.typrelid, 'r' FROM pg_cast c JOIN pg_type t"
	    "  ON t.oid IN (c.castsource, c.casttarget)"
	    "  WHERE c.oid >= " FIRST_OID " AND c.castfunc <> 0"
	    ") AS x WHERE rel >= " FIRST_OID " AND rel IN " OUR_RELATIONS },
	{ on_uses,
	    "SELECT DISTINCT t.rel, p.proname, t.rw FROM " TREES " AS t,"
	    " LATERAL " NUMBERS("t.tree",
	    "(':funcid '), (':aggfnoid '), (':winfnoid ')") " AS n"
	    " JOIN pg_proc p ON p.oid = n.oid"
	    " WHERE p.oid < " FIRST_OID
	    " AND t.rel IN " OUR_RELATIONS },
	{ on_depends,
	    "SELECT r.ev_class, c.oid, 'v', 0, 0 FROM pg_rewrite r,"
	    " LATERAL " NUMBERS("r.ev_action::text", "(':relid ')") " AS n"
	    " JOIN pg_class c ON c.oid = n.oid"
	    " WHERE r.oid >= " FIRST_OID " AND c.oid < 12000"
	    " AND r.ev_class IN " OUR_RELATIONS
	    " AND c.oid IN " OUR_RELATIONS },
	{ on_view,
	    "SELECT oid, def FROM (SELECT c.oid, pg_get_viewdef(c.oid) AS def"
	    "  FROM pg_class c WHERE c.relkind IN ('v', 'm')"
	    "  AND c.oid >= " FIRST_OID
	    "  AND c.oid IN " OUR_RELATIONS ") AS v"
	    " WHERE octet_length(def) <= 32768" },
	{ on_cast,
	    "WITH c AS (SELECT castsource, casttarget, castcontext,"
	    "  castsource < " FIRST_OID " AND casttarget < " FIRST_OID
	    "  AS builtin, l.lanname NOT IN ('c', 'internal') AS runs_sql"
	    "  FROM pg_cast JOIN pg_proc p ON p.oid = castfunc"
	    "  JOIN pg_language l ON l.oid = p.prolang"
	    "  WHERE pg_cast.oid >= " FIRST_OID "),"
	    " own AS (SELECT t.oid, t.typarray FROM c JOIN pg_type t"
	    "  ON t.oid IN (c.castsource, c.casttarget)"
	    "  WHERE NOT c.builtin AND c.runs_sql AND t.oid >= " FIRST_OID ")"
	    " SELECT n.nspname, t.typname, c.castcontext <> 'e', 0"
	    " FROM c JOIN pg_type t ON t.oid = c.casttarget"
	    " JOIN pg_namespace n ON n.oid = t.typnamespace WHERE c.builtin"
	    /* To or from somebody's own type: all by which one comes to it. */
	    " UNION SELECT n.nspname, t.typname, false, t.oid"
	    " FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
	    " WHERE EXISTS (SELECT FROM own"
	    "  WHERE t.oid IN (own.oid, own.typarray)"
	    "  OR t.typbasetype = own.oid)" },
	{ on_function,
	    "SELECT n.nspname, p.proname, p.provolatile, p.prosecdef,"
	    " l.lanname, p.prokind = 'p',"
	    /* Names in it are looked up elsewhere when it has settings. */
	    " CASE WHEN p.prokind <> 'p' OR p.proconfig IS NOT NULL"
	    "  OR length(p.prosrc) > 12000 THEN ''"
	    "  WHEN l.lanname = 'plpgsql'"
	    "  THEN pg_get_functiondef(p.oid)"
	    "  WHEN l.lanname = 'sql' THEN p.prosrc"
	    "  ELSE '' END,"
	    /* Only where it could change a setting: bodyscan.c's words. */
	    " CASE WHEN b.body ~* 'set|u&\"' THEN b.body ELSE '' END, p.oid"
	    " FROM pg_proc p"
	    " CROSS JOIN LATERAL (SELECT coalesce("
	    "  pg_get_function_sqlbody(p.oid), p.prosrc)) AS b (body)"
	    " JOIN pg_namespace n ON n.oid = p.pronamespace"
	    " JOIN pg_language l ON l.oid = p.prolang"
	    " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')"
	    " AND " NOT_TEMP("n.nspname") },
	{ on_builtin,
	    "SELECT oid, proname FROM pg_proc"
	    " WHERE pronamespace = 'pg_catalog'::regnamespace"
	    " AND prokind = 'f' AND NOT proretset" },
	{ on_token,
	    /* Its owner's, and nobody else's who could make a schema. */
	    "SELECT p.oid FROM pg_proc p"
	    " JOIN pg_namespace n ON n.oid = p.pronamespace"
	    " JOIN pg_roles r ON r.oid = p.proowner"
	    " WHERE n.nspname = 'postern' AND p.proname = 'token'"
	    " AND r.rolname = 'postern_token'"
	    " AND p.prosecdef AND p.provolatile <> 'v' AND p.prokind = 'f'"
	    " AND NOT p.proretset AND p.pronargs = 1"
	    " AND p.proargtypes[0] = 'text'::regtype"
	    " AND p.prorettype = 'text'::regtype"
	    " AND NOT EXISTS (SELECT FROM aclexplode(coalesce(p.proacl,"
	    "  acldefault('f', p.proowner))) AS a WHERE a.grantee = 0)" },
	{ on_holds,		/* down to what a value is made of */
	    "WITH RECURSIVE h (col, oid) AS ("
	    " SELECT DISTINCT a.atttypid, a.atttypid FROM pg_attribute a"
	    "  WHERE a.attnum > 0 AND NOT a.attisdropped"
	    "  AND a.attrelid >= " FIRST_OID
	    "  AND a.attrelid IN " OUR_RELATIONS
	    " UNION SELECT h.col, x.oid FROM h, LATERAL ("
	    "  SELECT t.typbasetype FROM pg_type t WHERE t.oid = h.oid"
	    "   UNION ALL SELECT t.typelem FROM pg_type t"
	    "   WHERE t.oid = h.oid AND t.typcategory = 'A'"
	    "   UNION ALL SELECT a.atttypid FROM pg_type t"
	    "   JOIN pg_attribute a ON a.attrelid = t.typrelid"
	    "   WHERE t.oid = h.oid AND t.typtype = 'c'"
	    "   AND a.attnum > 0 AND NOT a.attisdropped"
	    "   UNION ALL SELECT r.rngsubtype FROM pg_range r"
	    "   WHERE h.oid IN (r.rngtypid, r.rngmultitypid)"
	    " ) AS x (oid) WHERE x.oid <> 0)"
	    " SELECT col, format_type(oid, NULL) FROM h" },
	{ on_tag,
	    "SELECT DISTINCT relation, attnum, word FROM ("
	    " SELECT objoid AS relation, objsubid AS attnum, description"
	    "  FROM pg_description WHERE classoid = 'pg_class'::regclass"
	    " UNION ALL SELECT objoid, objsubid, label"
	    "  FROM pg_seclabel WHERE classoid = 'pg_class'::regclass"
	    " ) AS d, LATERAL (SELECT rtrim(w, '.!?') FROM"
	    "  regexp_split_to_table(description, '[\\s,;()<>{}\"''|]+') AS w"
	    " ) AS x (word) WHERE word ~ '^[^:]+:[^:]'"
	    " AND octet_length(word) <= 128 AND relation >= " FIRST_OID
	    " AND relation IN " OUR_RELATIONS },
	{ on_operator,
	    "SELECT DISTINCT n.nspname, o.oprname FROM pg_operator o"
	    " JOIN pg_namespace n ON n.oid = o.oprnamespace"
	    " WHERE n.nspname <> 'pg_catalog' AND " NOT_TEMP("n.nspname") },
};

/*
 * One text that changes whenever a row of these does: an insert or a delete
 * changes the count, an update the sum of the rows' transaction ids.  What
 * temporary tables come and go is left out: they are in no snapshot.
 */
#define PART(from)							\
	"(SELECT count(*) || ':' || coalesce(sum(xmin::text::bigint), 0)" \
	" FROM " from ")"
#define TEMPORARY							\
	"(SELECT oid FROM pg_class WHERE relpersistence = 't')"

static const char epoch_sql[] = "SELECT concat_ws(' ', "
    PART("pg_class WHERE relpersistence <> 't'") ", "
    PART("pg_attribute WHERE attrelid NOT IN " TEMPORARY) ", "
    PART("pg_proc") ", "
    PART("pg_rewrite") ", "
    PART("pg_inherits") ", "
    PART("pg_operator") ", "
    PART("pg_policy") ", "
    PART("pg_cast") ", "
    PART("pg_attrdef WHERE adrelid NOT IN " TEMPORARY) ", "
    PART("pg_sequence WHERE seqrelid NOT IN " TEMPORARY) ", "
    PART("pg_namespace WHERE " NOT_TEMP("nspname")) ", "
    PART("pg_index WHERE indrelid NOT IN " TEMPORARY) ", "
    PART("pg_constraint WHERE conrelid NOT IN " TEMPORARY) ", "
    PART("pg_trigger WHERE tgrelid NOT IN " TEMPORARY) ", "
    PART("pg_description WHERE classoid = 'pg_class'::regclass") ", "
    PART("pg_seclabel WHERE classoid = 'pg_class'::regclass") ", "
    PART("pg_type WHERE typtype = 'd'") ")";

static int
on_epoch(void *ctx, const struct db_row *row)
{
	return slice_copy(text(row, 0), ctx, CATREAD_REPLY / 2);
}

static int
begin(struct db *db, char *reason, size_t size)
{
	static const char *const sqls[] = {
		"SET statement_timeout = '30s'",
		"SET search_path = ''",		/* type names come qualified */
		"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	};
	size_t i;

	for (i = 0; i < sizeof(sqls) / sizeof(sqls[0]); i++)
		if (db_exec(db, sqls[i], reason, size) == -1)
			return -1;
	return 0;
}

static int
read_all(struct db *db, const struct database *d, struct reader *r,
    char *reason, size_t size)
{
	struct cat_database first;
	struct cat_end end;
	size_t i;

	first.name = slice_str(d->dbname);
	first.server_version = (uint32_t)db_server_version(db);
	if (emit(r, CAT_database, &first) == -1)
		goto fail;
	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		if (db_query(db, queries[i].sql, queries[i].cb, r, reason,
		    size) == -1)
			return -1;
	end.records = r->records;
	if (emit(r, CAT_end, &end) == 0 && flush(r) == 0 &&
	    fcntl(r->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW |
	    F_SEAL_WRITE | F_SEAL_SEAL) == 0)
		return 0;
fail:
	snprintf(reason, size, "the catalogue cannot be written to memory");
	return -1;
}

static void
answer(int sock, enum catread_answer what, const char *words, int fd)
{
	char msg[CATREAD_REPLY];
	int n;

	n = snprintf(msg, sizeof(msg), "%c%s", what, words);
	if (n > (int)sizeof(msg) - 1)
		n = (int)sizeof(msg) - 1;
	helper_reply(sock, msg, (size_t)n, fd);
}

void
catread_work(int sock, void *arg)
{
	const struct catread_job *job = arg;
	char reason[512], epoch[CATREAD_REPLY / 2] = "";
	struct reader r = { .fd = -1 };
	struct db *db;

	if ((db = db_open(job->db, job->password, reason,
	    sizeof(reason))) == NULL ||
	    begin(db, reason, sizeof(reason)) == -1 ||
	    db_query(db, epoch_sql, on_epoch, epoch, reason,
	    sizeof(reason)) == -1) {
		answer(sock, CATREAD_FAILED, reason, -1);
		db_close(&db);
		return;
	}
	if (epoch[0] != '\0' && strcmp(epoch, job->epoch) == 0) {
		answer(sock, CATREAD_SAME, epoch, -1);
		/* Or the server logs a lost client every ten seconds. */
		db_close(&db);
		return;
	}
	buf_init(&r.out, 2 * CHUNK);
	r.fd = memfd_create("catalog", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (r.fd == -1 || read_all(db, job->db, &r, reason,
	    sizeof(reason)) == -1)
		answer(sock, CATREAD_FAILED, r.fd == -1 ?
		    "no memory file" : reason, -1);
	else
		answer(sock, CATREAD_READ, epoch, r.fd);
	db_close(&db);
}
