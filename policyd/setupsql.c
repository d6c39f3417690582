/*
 * What the broker must be able to do at a database, as a script for psql.
 *
 * policyctl runs it on policy.yaml; it talks to no server, and so asks psql
 * where versions differ.  All names are quoted.  The script gives the broker
 * what the profiles of today need and takes nothing away.
 */
#include "setupsql.h"

#include <string.h>

#include "rolesql.h"

#define TEXT_MAX	(1024 * 1024)

/* Is it the first profile of this database that names it so? */
static bool
first_member(const struct policy *p, const struct database *db, size_t at,
    size_t k)
{
	const char	*name = p->profiles[at].role.member_of.v[k];
	size_t		 i, j;

	for (i = 0; i <= at; i++) {
		if (!profile_has_database(&p->profiles[i], db->key))
			continue;
		for (j = 0; j < p->profiles[i].role.member_of.n; j++) {
			if (i == at && j == k)
				return true;
			if (strcmp(p->profiles[i].role.member_of.v[j],
			    name) == 0)
				return false;
		}
	}
	return true;
}

static int
add_missing(struct buf *b, const char *role, const char *how)
{
	if (sql_add(b, "SELECT NOT EXISTS (SELECT FROM pg_roles WHERE "
	    "rolname = ") == -1 || sql_literal(b, role) == -1 ||
	    sql_add(b, ") AS missing \\gset\n\\if :missing\nCREATE ROLE ") ==
	    -1 || sql_ident(b, role) == -1)
		return -1;
	return sql_add(b, " %s;\n\\endif\n", how);
}

/* GRANT "what" TO "whom", and more. */
static int
add_membership(struct buf *b, const char *role, const char *to,
    const char *more)
{
	if (sql_add(b, "GRANT ") == -1 || sql_ident(b, role) == -1 ||
	    sql_add(b, " TO ") == -1 || sql_ident(b, to) == -1)
		return -1;
	return sql_add(b, "%s;\n", more);
}

static int
add_schema(struct buf *b, const char *privilege, const char *schema,
    const char *to)
{
	if (sql_add(b, "GRANT %s ON SCHEMA ", privilege) == -1 ||
	    sql_ident(b, schema) == -1 || sql_add(b, " TO ") == -1 ||
	    sql_ident(b, to) == -1)
		return -1;
	return sql_add(b, ";\n");
}

static int
add_grant(struct buf *b, const struct role_grant *g, const char *owner,
    const char *broker)
{
	size_t	i;

	/* To name a thing it must be found. */
	if (g->kind != GRANT_SCHEMA &&
	    add_schema(b, "USAGE", g->names[0], broker) == -1)
		return -1;
	if (role_sql_grant(g, broker, b) == -1 ||
	    sql_add(b, " WITH GRANT OPTION;\n") == -1)
		return -1;
	/* What is created there changes hands in the end. */
	for (i = 0; owner != NULL && i < g->privileges.n; i++)
		if (g->kind == GRANT_SCHEMA &&
		    strcmp(g->privileges.v[i], "create") == 0 &&
		    add_schema(b, "CREATE", g->names[0], owner) == -1)
			return -1;
	return 0;
}

static int
add_profile(struct buf *b, const struct policy *p, size_t at,
    const struct database *db)
{
	const struct profile	*pr = &p->profiles[at];
	const struct role_spec	*r = &pr->role;
	size_t			 i;

	if (sql_add(b, "\n-- Profile %s\n", pr->key) == -1)
		return -1;
	if (r->owner != NULL && (add_missing(b, r->owner, "NOLOGIN") == -1 ||
	    add_membership(b, r->owner, db->broker_user, "") == -1))
		return -1;
	for (i = 0; i < r->member_of.n; i++)
		if (first_member(p, db, at, i) &&
		    (sql_add(b, "\\if :v16\n") == -1 ||
		    add_membership(b, r->member_of.v[i], db->broker_user,
		    " WITH ADMIN TRUE, INHERIT FALSE, SET FALSE") == -1 ||
		    sql_add(b, "\\endif\n") == -1))
			return -1;
	for (i = 0; i < r->ngrants; i++)
		if (add_grant(b, &r->grants[i], r->owner,
		    db->broker_user) == -1)
			return -1;
	return 0;
}

static int
add_broker(struct buf *b, const struct database *db, bool mints)
{
	if (add_missing(b, db->broker_user, "LOGIN") == -1)
		return -1;
	if (!mints)
		return 0;
	if (sql_add(b, "ALTER ROLE ") == -1 ||
	    sql_ident(b, db->broker_user) == -1 ||
	    sql_add(b, " CREATEROLE;\n"
	    "-- Optional: what sessions do stands in the server's log, and\n"
	    "-- verifiers of their passwords do not.\n"
	    "GRANT SET ON PARAMETER log_statement TO ") == -1 ||
	    sql_ident(b, db->broker_user) == -1)
		return -1;
	return sql_add(b, ";\n");
}

static int
add_fixed(struct buf *b, const struct database *db)
{
	if (sql_add(b, "\n-- Profiles with a backend_role: their sessions "
	    "are ended by the broker.\n"
	    "GRANT pg_signal_backend, pg_read_all_stats TO ") == -1 ||
	    sql_ident(b, db->broker_user) == -1)
		return -1;
	return sql_add(b, ";\n");
}

/* --- the mask token ---------------------------------------------------- */

static bool
has_tokens(const struct profile *p)
{
	size_t	 i, j;

	for (i = 0; i < p->nmasks; i++)
		for (j = 0; j < p->masks[i]->nrules; j++)
			if (p->masks[i]->rules[j].kind == MASK_TOKEN)
				return true;
	return false;
}

/*
 * The key is made by the server and stands in no text.  A key as long as a
 * block of SHA-256, and behind it what has always one length: sha256() of the
 * two is a keyed function of the second.
 */
static const char	token_sql[] =
	"\n-- The mask token: its key is read by one function, which clients\n"
	"-- of masked profiles cannot call.  To change the key, and so all\n"
	"-- tokens: delete the row, and run this again.\n"
	"CREATE SCHEMA IF NOT EXISTS postern;\n"
	"ALTER SCHEMA postern OWNER TO postern_token;\n"
	"REVOKE ALL ON SCHEMA postern FROM PUBLIC;\n"
	"CREATE TABLE IF NOT EXISTS postern.token_key (\n"
	"	one boolean PRIMARY KEY DEFAULT true CHECK (one),\n"
	"	key bytea NOT NULL);\n"
	"ALTER TABLE postern.token_key OWNER TO postern_token;\n"
	"REVOKE ALL ON postern.token_key FROM PUBLIC;\n"
	"INSERT INTO postern.token_key (key)\n"
	"SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())\n"
	"	|| uuid_send(gen_random_uuid()) || "
	"uuid_send(gen_random_uuid())\n"
	"ON CONFLICT DO NOTHING;\n"
	"CREATE OR REPLACE FUNCTION postern.token(value text) RETURNS text\n"
	"LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER\n"
	"SET search_path = pg_catalog, pg_temp AS $token$\n"
	"BEGIN\n"
	"	RETURN (SELECT encode(sha256(k.key || sha256(convert_to(value,\n"
	"	    getdatabaseencoding()))), 'hex') FROM postern.token_key AS "
	"k);\n"
	"END $token$;\n"
	"ALTER FUNCTION postern.token(text) OWNER TO postern_token;\n"
	"REVOKE ALL ON FUNCTION postern.token(text) FROM PUBLIC;\n";

static int
add_token_user(struct buf *b, const char *role)
{
	if (sql_add(b, "GRANT USAGE ON SCHEMA postern TO ") == -1 ||
	    sql_ident(b, role) == -1 || sql_add(b, ";\nGRANT EXECUTE ON "
	    "FUNCTION postern.token(text) TO ") == -1 ||
	    sql_ident(b, role) == -1)
		return -1;
	return sql_add(b, ";\n");
}

static int
add_tokens(struct buf *b, const struct policy *p, const struct database *db)
{
	const struct profile	*pr;
	bool			 any = false;
	size_t			 i, j;

	for (i = 0; i < p->nprofiles; i++) {
		pr = &p->profiles[i];
		if (!profile_has_database(pr, db->key) || !has_tokens(pr))
			continue;
		if (!any && (sql_add(b, "\n") == -1 ||
		    add_missing(b, "postern_token", "NOLOGIN") == -1 ||
		    sql_add(b, "%s", token_sql) == -1))
			return -1;
		any = true;
		if (sql_add(b, "-- Profile %s\n", pr->key) == -1)
			return -1;
		if (pr->role_user != NULL &&
		    add_token_user(b, pr->role_user) == -1)
			return -1;
		for (j = 0; j < pr->role.member_of.n; j++)
			if (add_token_user(b, pr->role.member_of.v[j]) == -1)
				return -1;
		if (pr->role_user == NULL && pr->role.member_of.n == 0 &&
		    sql_add(b, "-- Its minted role is a member of nothing: "
		    "give it a role in member_of, and run this again.\n") ==
		    -1)
			return -1;
	}
	return 0;
}

static int
add_all(struct buf *b, const struct policy *p, const struct database *db)
{
	bool	mints = false, fixed = false;
	size_t	i;

	for (i = 0; i < p->nprofiles; i++)
		if (profile_has_database(&p->profiles[i], db->key)) {
			mints |= p->profiles[i].mints;
			fixed |= !p->profiles[i].mints;
		}
	if (sql_add(b, "-- Database %s: run this as a superuser of it, in "
	    "psql.\n-- Then give the broker the password that policy.yaml "
	    "names: \\password\n"
	    "SELECT current_setting('server_version_num')::int >= 160000 AS "
	    "v16 \\gset\n", db->key) == -1 ||
	    add_broker(b, db, mints) == -1)
		return -1;
	for (i = 0; i < p->nprofiles; i++)
		if (p->profiles[i].mints &&
		    profile_has_database(&p->profiles[i], db->key) &&
		    add_profile(b, p, i, db) == -1)
			return -1;
	if (fixed && add_fixed(b, db) == -1)
		return -1;
	if (add_tokens(b, p, db) == -1)
		return -1;
	if (!mints)
		return 0;
	return sql_add(b, "\n-- pg_hba.conf, before the rest: minted roles "
	    "come from the gateway only.\n"
	    "--   hostssl all /^pst_ GATEWAY/32 scram-sha-256   (16 and "
	    "later)\n"
	    "--   host    all /^pst_ all        reject\n");
}

int
setupsql_print(const struct policy *p, const struct database *db, FILE *fp)
{
	struct buf	 b;
	int		 r;

	buf_init(&b, TEXT_MAX);
	r = add_all(&b, p, db);
	if (r == 0)
		fwrite(buf_head(&b), 1, b.len, fp);
	buf_clear(&b);
	return r;
}
