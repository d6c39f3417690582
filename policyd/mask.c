/*
 * Masks as SQL: the derived table that stands where a protected relation was
 * named.
 *
 * Runs in the engine.  Names of columns and types come from the database and
 * are quoted or checked; the result is parsed again before it is used
 * (protect.c).  Everything is written with its schema, so that no search_path
 * and no object of a user can change its meaning, and every mask is cast to
 * the column's type and modifier, so that the column keeps both.
 *
 * `null` and `redact` never read the column: a role without SELECT on it can
 * run them.  `partial`, `bucket` and `token` keep NULL as NULL.  The key of
 * `token` is known to the function in the database only (setupsql.c).
 */
#include "mask.h"

#include <stdio.h>
#include <string.h>

#include "masktype.h"

static int
add(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int
mask_ident(struct buf *b, const char *s)
{
	if (buf_add_u8(b, '"') == -1)
		return -1;
	for (; *s != '\0'; s++)
		if ((*s == '"' && buf_add_u8(b, '"') == -1) ||
		    buf_add_u8(b, (uint8_t)*s) == -1)
			return -1;
	return buf_add_u8(b, '"');
}

/* What format_type() can print, and nothing that ends the cast. */
static bool
type_ok(const char *t)
{
	bool	 quoted = false;
	int	 depth = 0;

	if (*t == '\0')
		return false;
	for (; *t != '\0'; t++) {
		if (*t == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (*t == '(')
			depth++;
		else if (*t == ')') {
			if (--depth < 0)
				return false;
		} else if (strchr("abcdefghijklmnopqrstuvwxyz_$"
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,.[]", *t) == NULL &&
		    (unsigned char)*t < 0x80)
			return false;
	}
	return !quoted && depth == 0;
}

/* A column, and the alias of what it is of; NULL: pst. */
struct place {
	const char	*name, *of;
};

static int
place(struct buf *b, const struct place *p)
{
	return (p->of == NULL ? add(b, "pst") : mask_ident(b, p->of)) == -1 ||
	    buf_add_u8(b, '.') == -1 ? -1 : mask_ident(b, p->name);
}

/* The column, as text. */
static int
value(struct buf *b, const struct place *col)
{
	return add(b, "CAST(") == -1 || place(b, col) == -1 ||
	    add(b, " AS pg_catalog.text)") == -1 ? -1 : 0;
}

/* What follows the last @, the sign included; '' when there is none. */
static int
domain(struct buf *b, const struct place *col)
{
	return add(b, "pg_catalog.\"right\"(") == -1 || value(b, col) == -1 ||
	    add(b, ", pg_catalog.strpos(pg_catalog.reverse(") == -1 ||
	    value(b, col) == -1 ||
	    add(b, "), CAST('@' AS pg_catalog.text)))") == -1 ? -1 : 0;
}

/* The part of the value that first and last count in. */
static int
local(struct buf *b, const struct place *col, bool keep_domain)
{
	if (!keep_domain)
		return value(b, col);
	return add(b, "pg_catalog.\"left\"(") == -1 || value(b, col) == -1 ||
	    add(b, ", pg_catalog.length(") == -1 || value(b, col) == -1 ||
	    add(b, ") OPERATOR(pg_catalog.-) pg_catalog.strpos("
	    "pg_catalog.reverse(") == -1 || value(b, col) == -1 ||
	    add(b, "), CAST('@' AS pg_catalog.text)))") == -1 ? -1 : 0;
}

#define STARS	"CAST('***' AS pg_catalog.text)"
#define CONCAT	" OPERATOR(pg_catalog.||) "
#define TOKEN_HEAD	"tok_"

/* A kept end may be at most half of it: else all is masked. */
static int
ends(struct buf *b, const struct place *col, const struct mask_rule *r)
{
	char	 num[32];
	uint64_t first = r->first > 1000 ? 1000 : r->first;
	uint64_t last = r->last > 1000 ? 1000 : r->last;

	snprintf(num, sizeof(num), "%u", (unsigned int)(2 * (first + last)));
	if (add(b, "CASE WHEN pg_catalog.length(") == -1 ||
	    local(b, col, r->keep_domain) == -1 ||
	    add(b, ") OPERATOR(pg_catalog.>=) ") == -1 || add(b, num) == -1 ||
	    add(b, " THEN ") == -1)
		return -1;
	if (first > 0) {
		snprintf(num, sizeof(num), ", %u)", (unsigned int)first);
		if (add(b, "pg_catalog.\"left\"(") == -1 ||
		    local(b, col, r->keep_domain) == -1 || add(b, num) == -1 ||
		    add(b, CONCAT) == -1)
			return -1;
	}
	if (add(b, STARS) == -1)
		return -1;
	if (last > 0) {
		snprintf(num, sizeof(num), ", %u)", (unsigned int)last);
		if (add(b, CONCAT "pg_catalog.\"right\"(") == -1 ||
		    local(b, col, r->keep_domain) == -1 || add(b, num) == -1)
			return -1;
	}
	return add(b, " ELSE " STARS " END");
}

static int
partial(struct buf *b, const struct place *col, const struct mask_rule *r)
{
	bool	 any = r->first > 0 || r->last > 0;

	if (r->keep_domain && !any)
		return add(b, STARS CONCAT) == -1 || domain(b, col) == -1 ?
		    -1 : 0;
	if (add(b, "CASE WHEN ") == -1 || place(b, col) == -1 ||
	    add(b, " IS NULL THEN NULL ELSE ") == -1)
		return -1;
	if (!any) {
		if (add(b, STARS) == -1)
			return -1;
	} else if (add(b, "(") == -1 || ends(b, col, r) == -1 ||
	    add(b, ")") == -1)
		return -1;
	if (r->keep_domain &&
	    (add(b, CONCAT) == -1 || domain(b, col) == -1))
		return -1;
	return add(b, " END");
}

/* ', 2' and the like: a number of the policy's. */
static int
number(struct buf *b, uint64_t n)
{
	char	 num[32];

	snprintf(num, sizeof(num), "%llu", (unsigned long long)n);
	return add(b, num);
}

/* Towards zero, so that what comes out is never out of the type's range. */
static int
bucket_exact(struct buf *b, const struct place *col, uint64_t width)
{
	return add(b, "pg_catalog.div(CAST(") == -1 ||
	    place(b, col) == -1 ||
	    add(b, " AS pg_catalog.\"numeric\"), ") == -1 ||
	    number(b, width) == -1 ||
	    add(b, ") OPERATOR(pg_catalog.*) ") == -1 ? -1 :
	    number(b, width);
}

/* What is near the end of the range, infinite or no number is NULL. */
static int
bucket_float(struct buf *b, const struct place *col, uint64_t width)
{
	if (add(b, "CASE WHEN pg_catalog.abs(CAST(") == -1 ||
	    place(b, col) == -1 ||
	    add(b, " AS pg_catalog.float8)) OPERATOR(pg_catalog.<) "
	    "CAST('1e30' AS pg_catalog.float8) THEN ") == -1)
		return -1;
	return bucket_exact(b, col, width) == -1 ? -1 : add(b, " END");
}

/*
 * The month or year that it lies in, as its first day.  An instant's in UTC:
 * in the session's time zone, which a client sets, one could tell by many
 * zones when it was.  What date_trunc() could fail for is NULL.
 */
static int
bucket_time(struct buf *b, const struct place *col, bool year, bool instant,
    const char *type)
{
	const char	*unit = year ? "'year'" : "'month'";

	if (add(b, "CASE WHEN ") == -1 || place(b, col) == -1 ||
	    add(b, " OPERATOR(pg_catalog.>=) CAST('0002-01-01' AS ") == -1 ||
	    add(b, type) == -1 || add(b, ") AND ") == -1 ||
	    place(b, col) == -1 ||
	    add(b, " OPERATOR(pg_catalog.<) CAST('9999-01-01' AS ") == -1 ||
	    add(b, type) == -1 ||
	    add(b, ") THEN pg_catalog.date_trunc(") == -1 ||
	    add(b, unit) == -1 || add(b, ", CAST(") == -1 ||
	    place(b, col) == -1)
		return -1;
	return add(b, instant ?
	    " AS pg_catalog.timestamptz), CAST('UTC' AS pg_catalog.text)) END" :
	    " AS pg_catalog.\"timestamp\")) END");
}

/* postern.token() of the value: 64 hexadecimal digits. */
static int
digits(struct buf *b, const struct place *col, bool bytes)
{
	if (add(b, "postern.token(") == -1)
		return -1;
	/* As text, bytea depends on a setting of the client's. */
	if (!bytes)
		return value(b, col) == -1 ? -1 : add(b, ")");
	return add(b, "pg_catalog.encode(") == -1 ||
	    place(b, col) == -1 ? -1 :
	    add(b, ", CAST('hex' AS pg_catalog.text)))");
}

static int
token(struct buf *b, const struct place *col, enum mask_class class)
{
	bool	 bytes = class == MASK_OF_BYTES;

	if (bytes)
		return add(b, "pg_catalog.decode(") == -1 ||
		    digits(b, col, bytes) == -1 ? -1 :
		    add(b, ", CAST('hex' AS pg_catalog.text))");
	if (add(b, class == MASK_OF_UUID ? "pg_catalog.\"left\"(" :
	    class == MASK_OF_INTEGER ? "CAST(CAST(CAST('x' AS "
	    "pg_catalog.text)" CONCAT "pg_catalog.\"left\"(" :
	    "CAST('" TOKEN_HEAD "' AS pg_catalog.text)" CONCAT
	    "pg_catalog.\"left\"(") == -1 ||
	    digits(b, col, bytes) == -1)
		return -1;
	return add(b, class == MASK_OF_UUID ? ", 32)" :
	    class == MASK_OF_INTEGER ?
	    ", 16) AS pg_catalog.\"bit\"(64)) AS pg_catalog.int8)" : ", 20)");
}

/* What a mask is for a column; *constant when that is a constant's text. */
enum shape {
	SHAPE_NULL, SHAPE_CONSTANT, SHAPE_PARTIAL, SHAPE_EXACT, SHAPE_FLOAT,
	SHAPE_TIME, SHAPE_TOKEN
};

static enum shape
shape(const struct cat_col *col, const struct mask_rule *r,
    enum mask_class *class, const char **constant)
{
	*class = mask_class(col, constant);
	switch (r->kind) {
	case MASK_TOKEN:
		return mask_token_fits(col, *class) ? SHAPE_TOKEN : SHAPE_NULL;
	case MASK_REDACT:
		return *constant != NULL ? SHAPE_CONSTANT : SHAPE_NULL;
	case MASK_PARTIAL:
		return *class == MASK_OF_STRING ? SHAPE_PARTIAL : SHAPE_NULL;
	case MASK_BUCKET:
		if (*class >= MASK_OF_DATE && r->to != BUCKET_NONE)
			return SHAPE_TIME;
		if (*class == MASK_OF_INTEGER && r->width > 0)
			return SHAPE_EXACT;
		return *class == MASK_OF_FLOAT && r->width > 0 ?
		    SHAPE_FLOAT : SHAPE_NULL;
	default:
		return SHAPE_NULL;
	}
}

void
mask_describe(const struct cat_col *col, const struct mask_rule *r, char *buf,
    size_t size)
{
	static const char *const names[] = { "null", "redact", "partial",
	    "bucket", "token" };
	enum mask_class	 class;
	const char	*constant;

	switch (shape(col, r, &class, &constant)) {
	case SHAPE_NULL:
		if (r->kind == MASK_NULL)
			snprintf(buf, size, "null");
		else if (r->kind == MASK_TOKEN_ABSENT)
			snprintf(buf, size, "null: token needs the function "
			    "that policyctl setup-sql makes");
		else if (r->kind == MASK_TOKEN_COMPUTED)
			snprintf(buf, size, "null: token is for what a table "
			    "stores");
		else
			snprintf(buf, size, "null: %s does not fit %.60s",
			    names[r->kind], col->type_name);
		break;
	case SHAPE_CONSTANT:
		snprintf(buf, size, "redact: '%s'", constant);
		break;
	case SHAPE_PARTIAL:
		snprintf(buf, size, "partial {keep_domain: %s, first: %u, "
		    "last: %u}", r->keep_domain ? "true" : "false",
		    (unsigned int)r->first, (unsigned int)r->last);
		break;
	case SHAPE_TOKEN:
		snprintf(buf, size, "token");
		break;
	case SHAPE_TIME:
		snprintf(buf, size, "bucket {to: %s}",
		    r->to == BUCKET_YEAR ? "year" : "month");
		break;
	default:
		snprintf(buf, size, "bucket {width: %llu}",
		    (unsigned long long)r->width);
		break;
	}
}

int
mask_column(struct buf *b, const struct cat_col *col,
    const struct mask_rule *r, const char *of)
{
	const struct place	 at = { col->name, of };
	/* pg_attribute's; nothing can be cast to it. */
	const char	*type = strcmp(col->type_name, "anyarray") == 0 ?
			    "pg_catalog.text[]" : col->type_name;
	const char	*constant;
	enum mask_class	 class;
	int		 rc = -1;

	if (!type_ok(type) || add(b, "CAST(") == -1)
		return -1;
	switch (shape(col, r, &class, &constant)) {
	case SHAPE_NULL:
		rc = add(b, "NULL");
		break;
	case SHAPE_CONSTANT:
		rc = add(b, "'") == -1 || add(b, constant) == -1 ? -1 :
		    add(b, "'");
		break;
	case SHAPE_PARTIAL:
		rc = partial(b, &at, r);
		break;
	case SHAPE_EXACT:
		rc = bucket_exact(b, &at, r->width);
		break;
	case SHAPE_FLOAT:
		rc = bucket_float(b, &at, r->width);
		break;
	case SHAPE_TIME:
		rc = bucket_time(b, &at, r->to == BUCKET_YEAR,
		    class == MASK_OF_INSTANT, type);
		break;
	case SHAPE_TOKEN:
		rc = token(b, &at, class);
		break;
	}
	return rc == -1 || add(b, " AS ") == -1 || add(b, type) == -1 ? -1 :
	    add(b, ")");
}

int
mask_select(struct buf *b, const struct cat_rel *rel,
    const struct mask_rule *const *rules, const char *sql)
{
	size_t	 i;

	if (add(b, "(SELECT ") == -1)
		return -1;
	for (i = 0; i < rel->ncols; i++) {
		if (i > 0 && add(b, ", ") == -1)
			return -1;
		if (rules[i] != NULL) {
			if (mask_column(b, &rel->cols[i], rules[i],
			    NULL) == -1 || add(b, " AS ") == -1 ||
			    mask_ident(b, rel->cols[i].name) == -1)
				return -1;
		} else if (add(b, "pst.") == -1 ||
		    mask_ident(b, rel->cols[i].name) == -1)
			return -1;
	}
	if (add(b, " FROM ") == -1)
		return -1;
	if (sql != NULL ? add(b, sql) == -1 :
	    mask_ident(b, rel->schema) == -1 || add(b, ".") == -1 ||
	    mask_ident(b, rel->name) == -1)
		return -1;
	return add(b, " AS pst)");
}
