/*
 * SQL texts of minted roles.  The keeper runs it, policyctl too.
 *
 * Names come from policy.yaml and are right as such; still all is quoted, and
 * tested with names that try to end the quotes.  Text is composed for the
 * simple protocol, since none of these statements takes parameters.
 */
#include "rolesql.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MARK	"postern instance=%s session=%s until=%s owner=%s"

/* --- quoting ------------------------------------------------------------------- */

static int
add_quoted(struct buf *b, const char *s, char quote)
{
	if (buf_add_u8(b, (uint8_t)quote) == -1)
		return -1;
	for (; *s != '\0'; s++) {
		if ((*s == quote || (*s == '\\' && quote == '\'')) &&
		    buf_add_u8(b, (uint8_t)*s) == -1)
			return -1;
		if (buf_add_u8(b, (uint8_t)*s) == -1)
			return -1;
	}
	return buf_add_u8(b, (uint8_t)quote);
}

int
sql_ident(struct buf *b, const char *name)
{
	return add_quoted(b, name, '"');
}

/* E'' where there is a backslash: then it holds under any settings. */
int
sql_literal(struct buf *b, const char *text)
{
	if (strchr(text, '\\') != NULL && buf_add(b, " E", 2) == -1)
		return -1;
	return add_quoted(b, text, '\'');
}

int
sql_add(struct buf *b, const char *fmt, ...)
{
	char *s;
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n == -1)
		return -1;
	r = buf_add(b, s, (size_t)n);
	free(s);
	return r;
}

const char *
sql_text(struct buf *b)
{
	return buf_add_u8(b, 0) == -1 ? NULL : (const char *)buf_head(b);
}

/* --- names and marks -------------------------------------------------------------- */

bool
role_instance_ok(const char *instance)
{
	return strlen(instance) == INSTANCE_LEN && strspn(instance,
	    "abcdefghijklmnopqrstuvwxyz0123456789") == INSTANCE_LEN;
}

static bool
session_ok(const char *session)
{
	return strlen(session) == LEN_SESSION &&
	    strspn(session, "0123456789abcdef") == LEN_SESSION;
}

int
role_name(const char *instance, const char *session, char out[LEN_NAME + 1])
{
	if (!role_instance_ok(instance) || !session_ok(session))
		return -1;
	snprintf(out, LEN_NAME + 1, ROLE_PREFIX "%s_%s", instance, session);
	return 0;
}

const char *
role_session(const char *instance, const char *role)
{
	const size_t n = strlen(ROLE_PREFIX);

	if (!role_instance_ok(instance) ||
	    strncmp(role, ROLE_PREFIX, n) != 0 ||
	    strncmp(role + n, instance, INSTANCE_LEN) != 0 ||
	    role[n + INSTANCE_LEN] != '_' ||
	    !session_ok(role + n + INSTANCE_LEN + 1))
		return NULL;
	return role + n + INSTANCE_LEN + 1;
}

int
role_comment(const char *instance, const char *session, const char *until,
    const char *owner, char out[ROLE_COMMENT])
{
	int n;

	/* The owner last: its name may hold anything. */
	n = snprintf(out, ROLE_COMMENT, MARK, instance, session,
	    until == NULL ? "none" : until, owner == NULL ? "" : owner);
	return n < 0 || n >= ROLE_COMMENT ? -1 : 0;
}

bool
role_comment_ours(const char *comment, const char *instance, const char *role,
    char owner[LEN_NAME + 1])
{
	const char *session = role_session(instance, role), *p;
	char head[ROLE_COMMENT];
	int n;

	if (session == NULL)
		return false;
	n = snprintf(head, sizeof(head), "postern instance=%s session=%s "
	    "until=", instance, session);
	if (n < 0 || strncmp(comment, head, (size_t)n) != 0 ||
	    (p = strstr(comment + n, " owner=")) == NULL ||
	    strlen(p + 7) > LEN_NAME)
		return false;
	snprintf(owner, LEN_NAME + 1, "%s", p + 7);
	return true;
}

/* --- settings ------------------------------------------------------------------------ */

/* Settings whose value is a list of names (GUC_LIST_QUOTE of PostgreSQL). */
static bool
is_name_list(const char *name)
{
	return strcasecmp(name, "search_path") == 0 ||
	    strcasecmp(name, "temp_tablespaces") == 0 ||
	    strcasecmp(name, "local_preload_libraries") == 0;
}

/*
 * One name of such a list as a literal: as SplitIdentifierString() of the
 * server reads it, in double quotes or folded to lower case.
 */
static const char *
add_name(struct buf *b, const char *p, int *r)
{
	char *out = calloc(1, strlen(p) + 1);
	size_t n = 0;

	if (out == NULL) {
		*r = -1;
		return p + strlen(p);
	}
	if (*p == '"') {
		for (p++; *p != '\0' && (*p != '"' || p[1] == '"'); p++) {
			if (*p == '"')
				p++;
			out[n++] = *p;
		}
		p += *p == '"';
	} else
		for (; *p != '\0' && *p != ',' && *p != ' '; p++)
			out[n++] = *p >= 'A' && *p <= 'Z' ?
			    (char)(*p - 'A' + 'a') : *p;
	*r = sql_literal(b, out);
	free(out);
	return p;
}

/* The server takes 'a, b' as one name; each must stand alone. */
static int
add_name_list(struct buf *b, const char *value)
{
	const char *p = value;
	int r = 0;

	if (value[strspn(value, " ")] == '\0')
		return buf_add(b, "''", 2);
	while (r == 0) {
		p += strspn(p, " ");
		p = add_name(b, p, &r);
		p += strspn(p, " ");
		if (*p != ',')
			break;
		p++;
		if (buf_add(b, ", ", 2) == -1)
			return -1;
	}
	return *p == '\0' ? r : -1;
}

static int
add_setting(struct buf *b, const char *role, const struct setting *s)
{
	/*
	 * One with a dot is an extension's, which may not be loaded: only a
	 * superuser may set it for a role.  The session's start sets it.
	 */
	if (strchr(s->name, '.') != NULL)
		return 0;
	if (buf_add(b, "ALTER ROLE ", 11) == -1 ||
	    sql_ident(b, role) == -1 || buf_add(b, " SET ", 5) == -1 ||
	    sql_ident(b, s->name) == -1 || buf_add(b, " TO ", 4) == -1 ||
	    (is_name_list(s->name) ? add_name_list(b, s->value) :
	    sql_literal(b, s->value)) == -1)
		return -1;
	return buf_add(b, ";\n", 2);
}

/* --- the texts ------------------------------------------------------------------------- */

static int
add_columns(struct buf *b, const struct conf_strings *columns)
{
	size_t i;

	for (i = 0; i < columns->n; i++)
		if (buf_add(b, i == 0 ? " (" : ", ", 2) == -1 ||
		    sql_ident(b, columns->v[i]) == -1)
			return -1;
	return columns->n == 0 ? 0 : buf_add_u8(b, ')');
}

int
role_sql_grant(const struct role_grant *g, const char *role, struct buf *b)
{
	size_t i;

	for (i = 0; i < g->privileges.n; i++)
		if (sql_add(b, "%s%s", i == 0 ? "GRANT " : ", ",
		    g->privileges.v[i]) == -1 ||
		    add_columns(b, &g->columns) == -1)
			return -1;
	if (sql_add(b, " ON %s ", grant_kind_sql(g->kind)) == -1 ||
	    sql_ident(b, g->names[0]) == -1 ||
	    (g->names[1] != NULL && (buf_add_u8(b, '.') == -1 ||
	    sql_ident(b, g->names[1]) == -1)) ||
	    buf_add(b, " TO ", 4) == -1)
		return -1;
	return sql_ident(b, role);
}

/* The ROLE clause makes the broker a member: it may end it all later. */
static int
add_create(const struct role_mint *m, struct buf *b)
{
	size_t i;

	if (buf_add(b, "CREATE ROLE ", 12) == -1 ||
	    sql_ident(b, m->role) == -1 ||
	    sql_add(b, " LOGIN PASSWORD ") == -1 ||
	    sql_literal(b, m->verifier) == -1 ||
	    sql_add(b, " CONNECTION LIMIT 1 VALID UNTIL ") == -1 ||
	    sql_literal(b, m->until == NULL ? "infinity" : m->until) == -1)
		return -1;
	for (i = 0; i < m->spec->member_of.n; i++)
		if (sql_add(b, i == 0 ? " IN ROLE " : ", ") == -1 ||
		    sql_ident(b, m->spec->member_of.v[i]) == -1)
			return -1;
	if (sql_add(b, " ROLE ") == -1 || sql_ident(b, m->broker) == -1)
		return -1;
	return buf_add(b, ";\n", 2);
}

int
role_sql_mint(const struct role_mint *m, struct buf *b)
{
	size_t i;

	if (add_create(m, b) == -1)
		return -1;
	for (i = 0; i < m->spec->ngrants; i++)
		if (role_sql_grant(&m->spec->grants[i], m->role, b) == -1 ||
		    buf_add(b, ";\n", 2) == -1)
			return -1;
	for (i = 0; i < m->nsettings; i++)
		if (add_setting(b, m->role, &m->settings[i]) == -1)
			return -1;
	if (sql_add(b, "COMMENT ON ROLE ") == -1 ||
	    sql_ident(b, m->role) == -1 || buf_add(b, " IS ", 4) == -1 ||
	    sql_literal(b, m->comment) == -1)
		return -1;
	return buf_add(b, ";\n", 2);
}

static int
add_named(struct buf *b, size_t *n, const char *name, const char *what)
{
	if (sql_add(b, (*n)++ == 0 ? "SELECT w.name, w.what, "
	    "r.oid IS NOT NULL, r.rolcanlogin, r.rolsuper, r.rolcreaterole "
	    "FROM (VALUES (" : ", (") == -1 ||
	    sql_literal(b, name) == -1)
		return -1;
	return sql_add(b, ", '%s')", what);
}

int
role_sql_check(const struct role_spec *spec, struct buf *b)
{
	size_t i, n = 0;

	for (i = 0; i < spec->member_of.n; i++)
		if (add_named(b, &n, spec->member_of.v[i], "member") == -1)
			return -1;
	if (spec->owner != NULL &&
	    add_named(b, &n, spec->owner, "owner") == -1)
		return -1;
	return n == 0 ? 0 : sql_add(b, ") AS w (name, what) LEFT JOIN "
	    "pg_catalog.pg_roles AS r ON r.rolname = w.name");
}
