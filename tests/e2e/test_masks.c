/*
 * Masks from the administrator's side: what policyctl lists, each mask on each
 * type as the table of policy.yaml(5) has it, and plans: what uses no masked
 * column keeps its indexes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"

/* --- the list ---------------------------------------------------------- */

static const struct {
	const char	*name, *mask, *by;
} listed[] = {
	{ "public.customers.email", "partial {keep_domain: true, first: 0, "
	    "last: 0}", "columns" },
	{ "public.customers.email_len", "null",
	    "generated from masked columns" },
	{ "public.vault.s", "null: redact does not fit public.secret",
	    "types" },
	{ "public.vault.q", "redact: '{}'", "types" },
	{ "public.vault.n", "redact: '***'", "tagged" },
	{ "public.vault.bag", "redact: '***'", "tagged" },
	{ "public.diary.day", "redact: '2000-01-01'", "columns" },
	{ "public.people_1.card", "redact: '***'", "columns" },
	{ "public.chiefs.phone", "partial {keep_domain: false, first: 0, "
	    "last: 2}", "columns" },
	{ "public.chiefs.note", "null", "inheritance (public.clerks)" },
	{ "public.clerks.note", "null", "inheritance (public.chiefs)" },
	{ "public.mail_list.address", "partial {keep_domain: true, first: 0, "
	    "last: 0}", "materialized view (public.customers)" },
	{ "public.mail_list.is_rich", "null",
	    "materialized view (public.customers)" },
	{ "public.mail_again.address", "partial {keep_domain: true, "
	    "first: 0, last: 0}", "materialized view (public.mail_list)" },
	{ "public.named.card", "redact: '0'", "columns" },
	{ "public.customer_mail", "-", "view: its query is masked in turn, "
	    "or refused (public.customers)" },
	{ "public.rich_copy", "-", "refused: what it shows cannot be "
	    "followed (public.customers)" },
	{ "public.far_view", "-",
	    "refused: a foreign table is read (public.far_file)" },
	{ "public.spread", "-",
	    "refused: a foreign table is read (public.spread_far)" },
	{ "public.guarded", "-",
	    "refused: what it shows cannot be followed (public.customers)" },
	{ "public.badges_no_seq", "-", "refused: the sequence of a masked "
	    "column (public.badges)" },
	{ "public.pay.by_sum", "bucket {width: 1000}", "columns" },
	{ "public.pay.by_instant", "bucket {to: month}", "columns" },
	{ "public.pay.by_text", "null: bucket does not fit text",
	    "columns" },
	{ "public.coded.mail", "token", "columns" },
	{ "public.coded.low", "null: token is for what a table stores",
	    "columns" },
	{ "public.coded.lowmail", "null", "generated from masked columns" },
	{ "public.coded.short",
	    "null: token does not fit character varying(10)", "columns" },
	{ "public.copy_of_coded.mail", "token",
	    "materialized view (public.coded)" },
	{ "public.copy_of_coded.other",
	    "null: token is for what a table stores", "columns" },
};

START_TEST(what_is_masked_is_listed)
{
	char	 line[512];

	snprintf(line, sizeof line, "  %s  %s  %s", listed[_i].name,
	    listed[_i].mask, listed[_i].by);
	ck_assert_msg(e2e_sh("%s/policyctl -s %s masks --database twin_a "
	    "--profile loose | grep -qF \"%s\"", e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK"), line) == 0, "not there: %s", line);
}
END_TEST

START_TEST(the_list_is_of_every_profile_and_no_more)
{
	const char	*bin = e2e_env("POSTERN_BIN"), *s = e2e_env("POLICYD_SOCK");

	ck_assert_int_eq(e2e_sh("test $(%s/policyctl -s %s --json masks "
	    "--database twin_a | grep -c '\"profile\":\"[ln]') = 2", bin, s),
	    0);
	ck_assert_int_ne(e2e_sh("%s/policyctl -s %s masks --database twin_a "
	    "| grep -q 'public\\.orders\\|public\\.customers\\.name\\|"
	    "public\\.vault\\.plain\\|public\\.customer_names\\|"
	    "public\\.clerks\\.kept'", bin, s), 0);
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s masks --database nowhere "
	    "2>/dev/null", bin, s), 1);
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s masks 2>/dev/null", bin,
	    s), 3);
}
END_TEST

/* --- each mask on each type -------------------------------------------- */

struct row {
	char	 type[64], redact[64], partial[16], bucket[16], token[16];
};

/* A value of the type that no mask gives. */
static const struct {
	const char	*type, *value;
} samples[] = {
	{ "\"char\"", "x" }, { "bigint", "4567" }, { "bit varying", "101" },
	{ "bit(3)", "101" }, { "boolean", "true" },
	{ "box", "(3,4),(1,2)" }, { "bytea", "\\x6162" },
	{ "character", "z" }, { "character varying", "zyxw" },
	{ "character(24)", "zyxw" }, { "character varying(23)", "zyxw" },
	{ "cidr", "10.1.0.0/16" }, { "circle", "<(1,2),3>" },
	{ "date", "2021-05-17" }, { "datemultirange", "{[2021-05-17,2021-06-01)}" },
	{ "daterange", "[2021-05-17,2021-06-01)" },
	{ "double precision", "4567.5" }, { "inet", "10.1.2.3" },
	{ "int4multirange", "{[1,5)}" }, { "int4range", "[1,5)" },
	{ "int8multirange", "{[1,5)}" }, { "int8range", "[1,5)" },
	{ "integer", "4567" }, { "integer[]", "{4,5}" },
	{ "interval", "3 days" }, { "json", "{\"a\": 1}" },
	{ "jsonb", "{\"a\": 1}" }, { "jsonpath", "$.a" },
	{ "lseg", "[(1,2),(3,4)]" }, { "macaddr", "08:00:2b:01:02:03" },
	{ "macaddr8", "08:00:2b:01:02:03:04:05" }, { "money", "12.34" },
	{ "name", "zyxw" }, { "numeric", "4567.5" },
	{ "nummultirange", "{[1,5)}" }, { "numrange", "[1,5)" },
	{ "oid", "4567" }, { "path", "((1,2),(3,4))" },
	{ "pg_lsn", "16/B374D848" }, { "point", "(1,2)" },
	{ "polygon", "((1,2),(3,4))" }, { "real", "4567.5" },
	{ "regclass", "pg_class" }, { "smallint", "4567" },
	{ "text", "zyxw" }, { "text[]", "{a,b}" },
	{ "time with time zone", "12:34:56+02" },
	{ "time without time zone", "12:34:56" },
	{ "timestamp with time zone", "2021-05-17 12:34:56+00" },
	{ "timestamp without time zone", "2021-05-17 12:34:56" },
	{ "tsmultirange", "{[2021-05-17,2021-06-01)}" },
	{ "tsquery", "a" }, { "tsrange", "[2021-05-17,2021-06-01)" },
	{ "tstzmultirange", "{[2021-05-17,2021-06-01)}" },
	{ "tstzrange", "[2021-05-17,2021-06-01)" }, { "tsvector", "a" },
	{ "uuid", "12345678-1234-1234-1234-123456789012" },
	{ "uuid[]", "{12345678-1234-1234-1234-123456789012}" },
	{ "xml", "<a/>" },
};
static const char *const masks[] = { "null", "redact", "partial", "width",
    "to", "token" };

/* ".It Li type Ta Li redact Ta partial Ta bucket Ta token" */
static bool
parse_row(const char *line, struct row *r)
{
	char	 buf[256], *p, *col[5];
	int	 n = 0;

	if (strncmp(line, ".It Li ", 7) != 0 || strstr(line, " Ta ") == NULL)
		return false;
	snprintf(buf, sizeof buf, "%.*s", (int)strcspn(line + 7, "\n"),
	    line + 7);
	for (p = buf; p != NULL && n < 5; n++) {
		col[n] = strncmp(p, "Li ", 3) == 0 ? p + 3 : p;
		if ((p = strstr(p, " Ta ")) != NULL) {
			*p = '\0';
			p += 4;
		}
	}
	ck_assert_int_eq(n, 5);
	/* \(dq is a quote. */
	for (p = col[0], n = 0; *p != '\0'; p++) {
		if (strncmp(p, "\\(dq", 4) == 0) {
			r->type[n++] = '"';
			p += 3;
		} else
			r->type[n++] = *p;
	}
	r->type[n] = '\0';
	snprintf(r->redact, sizeof r->redact, "%s",
	    strcmp(col[1], "(empty)") == 0 ? "" : col[1]);
	snprintf(r->partial, sizeof r->partial, "%s", col[2]);
	snprintf(r->bucket, sizeof r->bucket, "%s", col[3]);
	snprintf(r->token, sizeof r->token, "%s", col[4]);
	return true;
}

static size_t
read_table(struct row *v, size_t max)
{
	const char	*src = getenv("POSTERN_SRC");
	char		 path[512], line[512];
	size_t		 n = 0;
	FILE		*f;

	snprintf(path, sizeof path, "%s/man/policy.yaml.5", src ? src : ".");
	ck_assert_ptr_nonnull(f = fopen(path, "r"));
	while (n < max && fgets(line, sizeof line, f) != NULL)
		n += parse_row(line, &v[n]);
	fclose(f);
	return n;
}

static const char *
sample(const char *type)
{
	size_t	 i;

	for (i = 0; i < sizeof samples / sizeof samples[0]; i++)
		if (strcmp(samples[i].type, type) == 0)
			return samples[i].value;
	ck_abort_msg("no sample of %s", type);
	return NULL;
}

static void
make_tables(PGconn *db, size_t n, const char *type, const char *value)
{
	char	 sql[1024];
	size_t	 i;

	snprintf(sql, sizeof sql, "CREATE SCHEMA t%zu; GRANT USAGE ON SCHEMA "
	    "t%zu TO app_bot", n, n);
	free(e2e_value(db, sql));
	for (i = 0; i < sizeof masks / sizeof masks[0]; i++) {
		snprintf(sql, sizeof sql, "CREATE TABLE t%zu.m_%s (id int, "
		    "v %s); INSERT INTO t%zu.m_%s VALUES (1, '%s'), "
		    "(2, NULL); GRANT ALL ON t%zu.m_%s TO app_bot", n,
		    masks[i], type, n, masks[i], value, n, masks[i]);
		free(e2e_value(db, sql));
	}
}

static const char *
wanted(const struct row *r, const char *mask)
{
	if (strcmp(mask, "redact") == 0)
		return r->redact;
	if (strcmp(mask, "partial") == 0)
		return r->partial;
	if (strcmp(mask, "token") == 0)
		return r->token;
	return strcmp(mask, "null") != 0 && strcmp(r->bucket, mask) == 0 ?
	    "yes" : "-";
}

/* As shown: "-" NULL, "yes" something else than the value. */
static void
check(PGconn *s, PGconn *db, size_t n, const struct row *r, const char *mask)
{
	const char	*want = wanted(r, mask);
	char		 sql[512], *got, *value;
	PGresult	*res;
	size_t		 least;

	snprintf(sql, sizeof sql, "SELECT v FROM t%zu.m_%s ORDER BY id", n,
	    mask);
	/* The table is new: the catalogue may have to be read again. */
	E2E_UNTIL(20000, (res = PQexec(s, sql),
	    PQresultStatus(res) == PGRES_TUPLES_OK) || (PQclear(res), 0));
	ck_assert_msg(PQntuples(res) == 2, "%s on %s: %s", mask, r->type,
	    PQerrorMessage(s));
	snprintf(sql, sizeof sql, "SELECT atttypid FROM pg_attribute WHERE "
	    "attrelid = 't%zu.m_%s'::regclass AND attname = 'v'", n, mask);
	value = e2e_value(db, sql);
	ck_assert_msg(PQftype(res, 0) == (Oid)strtoul(value, NULL, 10),
	    "%s on %s: another type", mask, r->type);
	free(value);
	snprintf(sql, sizeof sql, "SELECT v FROM t%zu.m_%s WHERE id = 1", n,
	    mask);
	value = e2e_value(db, sql);
	ck_assert_msg(PQgetisnull(res, 0, 0) == (strcmp(want, "-") == 0),
	    "%s on %s: NULL or not, table says %s", mask, r->type, want);
	got = PQgetvalue(res, 0, 0);
	ck_assert_msg(strcmp(got, value) != 0, "%s on %s: %s is shown", mask,
	    r->type, got);
	if (strcmp(mask, "redact") == 0 && strcmp(want, "-") != 0) {
		/* The server's own spelling of it. */
		snprintf(sql, sizeof sql, "SELECT '%s'::%s::text", want,
		    r->type);
		free(value);
		value = e2e_value(db, sql);
		/* One of the two may be padded with blanks. */
		least = strlen(got) < strlen(value) ? strlen(got) :
		    strlen(value);
		ck_assert_msg(strncmp(got, value, least) == 0 &&
		    (*got != '\0') == (*value != '\0'),
		    "redact on %s: %s, not %s", r->type, got, value);
		ck_assert(!PQgetisnull(res, 1, 0));
	} else
		ck_assert_msg(PQgetisnull(res, 1, 0), "%s on %s: NULL is %s",
		    mask, r->type, PQgetvalue(res, 1, 0));
	free(value);
	PQclear(res);
}

START_TEST(each_mask_on_each_type)
{
	static struct row	 rows[128];
	size_t			 n = read_table(rows, 128), i, k;
	char			*token = e2e_token("masks", "ai-agents");
	PGconn			*s = e2e_try("loose", token, false);
	PGconn			*db = e2e_direct();

	free(token);
	ck_assert_msg(PQstatus(s) == CONNECTION_OK, "%s", PQerrorMessage(s));

	ck_assert_uint_ge(n, 55);
	for (i = 0; i < n; i++)
		make_tables(db, i, rows[i].type, sample(rows[i].type));
	for (i = 0; i < n; i++)
		for (k = 0; k < sizeof masks / sizeof masks[0]; k++)
			check(s, db, i, &rows[i], masks[k]);
	PQfinish(db);
	PQfinish(s);
}
END_TEST

/* --- tokens ------------------------------------------------------------ */

/* What the statement gives, as the session sees it; "?": not (yet) this. */
static bool
gives(PGconn *c, const char *sql, const char *want)
{
	PGresult	*r = PQexec(c, sql);
	bool		 is = PQresultStatus(r) == PGRES_TUPLES_OK &&
			    PQntuples(r) == 1 &&
			    strcmp(PQgetvalue(r, 0, 0), want) == 0;

	PQclear(r);
	return is;
}

static const struct {
	const char	*sql, *want;
} tokens[] = {
	{ "SELECT count(*) FROM coded WHERE mail IS NULL", "1" },
	{ "SELECT count(DISTINCT mail) FROM coded", "2" },
	{ "SELECT bool_and(mail ~ '^tok_[0-9a-f]{20}$') FROM coded", "t" },
	{ "SELECT count(*) FROM coded a JOIN coded_too b ON b.mail = a.mail",
	    "2" },
	{ "SELECT count(*) FROM coded WHERE mail = (SELECT mail FROM coded "
	    "WHERE id = 1)", "2" },
	{ "SELECT max(n) FROM (SELECT mail, count(*) AS n FROM coded GROUP BY "
	    "mail) AS x", "2" },
	{ "SELECT count(*) FROM coded WHERE mail = 'one@x'", "0" },
	{ "SELECT count(DISTINCT key) FROM coded", "2" },
	{ "SELECT count(DISTINCT no) FROM coded", "2" },
	{ "SELECT bool_and(length(raw) = 32) FROM coded", "t" },
	{ "SELECT count(DISTINCT raw) FROM coded", "2" },
	{ "SELECT count(low) + count(short) FROM coded", "0" },
};

static char *
a_token(PGconn *c)
{
	return e2e_value(c, "SELECT mail FROM coded WHERE id = 1");
}

/* The real function: the twins have one that is made for them. */
START_TEST(tokens_are_equal_where_values_are)
{
	char	*token = e2e_token("masks", "ai-agents"), *t, *u, *key;
	PGconn	*c = e2e_try("loose", token, false), *db = e2e_direct();
	size_t	 i;

	free(token);
	free(e2e_value(db, "INSERT INTO coded (id, mail, key, no, raw, city, "
	    "short) VALUES (1, 'one@x', md5('1')::uuid, 1, '\\x31', 'c', "
	    "'s'), (2, 'one@x', md5('1')::uuid, 1, '\\x31', 'c', 's'), "
	    "(3, 'two@x', md5('2')::uuid, 2, '\\x32', 'c', 's'), "
	    "(4, NULL, NULL, NULL, NULL, 'c', 's'); "
	    "INSERT INTO coded_too VALUES (1, 'one@x')"));
	for (i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
		ck_assert_msg(gives(c, tokens[i].sql, tokens[i].want),
		    "%s is not %s: %s", tokens[i].sql, tokens[i].want,
		    PQerrorMessage(c));
	/* Keyed: the value alone does not make it. */
	t = a_token(c);
	u = e2e_value(db, "SELECT 'tok_' || left(encode(sha256('one@x'), "
	    "'hex'), 20)");
	ck_assert_str_ne(t, u);
	free(u);
	/* The key: 64 bytes, in no log, and another makes other tokens. */
	key = e2e_value(db, "SELECT encode(key, 'hex') FROM "
	    "postern.token_key");
	ck_assert_uint_eq(strlen(key), 128);
	ck_assert_int_ne(e2e_sh("grep -qF -e %.40s %s/*.log %s", key,
	    e2e_env("STACK_DIR"), e2e_env("PG_LOG")), 0);
	free(key);
	free(e2e_value(db, "DELETE FROM postern.token_key"));
	ck_assert(gives(c, "SELECT count(mail) FROM coded", "0"));
	ck_assert_int_eq(e2e_sh("%s/policyctl -f %s setup-sql shop | "
	    "psql -X -q '%s' >/dev/null", e2e_env("POSTERN_BIN"),
	    e2e_env("POLICY_FILE"), e2e_env("DIRECT_DSN")), 0);
	u = a_token(c);
	ck_assert_str_ne(t, u);
	ck_assert_uint_eq(strlen(u), 24);
	free(t);
	free(u);
	free(e2e_value(db, "DELETE FROM coded; DELETE FROM coded_too"));
	PQfinish(db);
	PQfinish(c);
}
END_TEST

/* Each makes the function one that values must not be given to. */
static const char *const unfit[][2] = {
	{ "ALTER FUNCTION postern.token(text) OWNER TO app_dba",
	    "ALTER FUNCTION postern.token(text) OWNER TO postern_token" },
	{ "GRANT EXECUTE ON FUNCTION postern.token(text) TO PUBLIC",
	    "REVOKE EXECUTE ON FUNCTION postern.token(text) FROM PUBLIC" },
	{ "ALTER FUNCTION postern.token(text) SECURITY INVOKER",
	    "ALTER FUNCTION postern.token(text) SECURITY DEFINER" },
	{ "ALTER FUNCTION postern.token(text) VOLATILE",
	    "ALTER FUNCTION postern.token(text) STABLE" },
	{ "ALTER FUNCTION postern.token(text) RENAME TO other",
	    "ALTER FUNCTION postern.other(text) RENAME TO token" },
};

/* A name that is not known has the catalogue read again. */
static bool
says(PGconn *c, const char *line)
{
	PQclear(PQexec(c, "SELECT FROM nowhere"));
	return e2e_sh("%s/policyctl -s %s masks --database shop "
	    "--profile loose | grep -qF 'public.coded.mail  %s'",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), line) == 0;
}

START_TEST(no_value_is_given_to_another_function)
{
	char	*token = e2e_token("masks", "ai-agents");
	PGconn	*c = e2e_try("loose", token, false), *db = e2e_direct();
	size_t	 i;

	free(token);

	for (i = 0; i < sizeof unfit / sizeof unfit[0]; i++) {
		ck_assert_msg(E2E_UNTIL(60000, says(c, "token")), "before %s",
		    unfit[i][0]);
		free(e2e_value(db, unfit[i][0]));
		ck_assert_msg(E2E_UNTIL(60000, says(c, "null: token needs")),
		    "after %s", unfit[i][0]);
		free(e2e_value(db, unfit[i][1]));
	}
	ck_assert(E2E_UNTIL(60000, says(c, "token")));
	PQfinish(db);
	PQfinish(c);
}
END_TEST

/* --- what was judged before ---------------------------------------------- */

static PGresult *
ask(PGconn *c, const char *sql, const char *sqlstate)
{
	PGresult	*r = PQexec(c, sql);
	const char	*got = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	ck_assert_msg(strcmp(got != NULL ? got : "", sqlstate) == 0, "%s: %s",
	    sql, PQresultStatus(r) == PGRES_FATAL_ERROR ?
	    PQresultErrorMessage(r) : PQcmdStatus(r));
	return r;
}

static bool
stale(PGconn *c, const char *sql)
{
	PGresult	*r = PQexec(c, sql);
	const char	*got = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	bool		 is = got != NULL && strcmp(got, "42501") == 0 &&
			    strstr(PQresultErrorMessage(r), "has changed") !=
			    NULL;

	PQclear(r);
	return is;
}

/* Are customers' names masked, to a new text each time? */
static bool
names_are(PGconn *c, const char *how)
{
	static int	 n;
	char		 sql[128], *v;
	bool		 is;

	snprintf(sql, sizeof sql, "SELECT count(name) AS n%d FROM (SELECT name "
	    "FROM customers) AS x", n++);
	v = e2e_value(c, sql);
	is = strcmp(v, how) == 0;
	free(v);
	return is;
}

/* Take it in, by another mask (n > 0) of the same effect or not. */
static void
reload(const char *names)
{
	ck_assert_int_eq(e2e_sh("sed -i -e '/customers.name/d' -e "
	    "'s/^  pii:$/&\\n    - {columns: \"*.*.%s.name\", with: "
	    "\"null\"}/' %s && kill -HUP %s", names, e2e_env("POLICY_FILE"),
	    e2e_env("POLICYD_PID")), 0);
}

/*
 * EXECUTE and FETCH run what the policy in force would let pass, and nothing
 * else that was prepared or declared before.
 */
START_TEST(a_reload_makes_names_void)
{
	char	*token = e2e_token("masks", "ai-agents");
	PGconn	*c = e2e_try("loose", token, false), *db = e2e_direct();

	free(token);
	free(e2e_value(db, "INSERT INTO customers (id, name, email, city, "
	    "created_at) VALUES (7, 'n', 'e', 'c', now())"));
	PQclear(ask(c, "PREPARE p (int) AS SELECT id, name FROM customers "
	    "WHERE id = $1", ""));
	PQclear(ask(c, "EXECUTE p (7)", ""));
	PQclear(ask(c, "PREPARE o AS SELECT id FROM customers", ""));
	PQclear(PQprepare(c, "q", "SELECT name FROM customers", 0, NULL));
	PQclear(ask(c, "EXECUTE q", ""));
	PQclear(ask(c, "DECLARE c CURSOR WITH HOLD FOR SELECT id, name FROM "
	    "customers ORDER BY id", ""));
	PQclear(ask(c, "DECLARE d CURSOR WITH HOLD FOR SELECT id FROM orders",
	    ""));
	PQclear(ask(c, "FETCH 0 FROM c", ""));
	PQclear(ask(c, "PREPARE r AS SELECT 1; SELECT 1 / 0", "22012"));
	PQclear(ask(c, "EXECUTE r", ""));
	PQclear(ask(c, "EXECUTE s", "26000"));
	PQclear(ask(c, "FETCH 1 FROM e", "34000"));
	ck_assert(names_are(c, "1"));
	reload("customers");
	ck_assert(E2E_UNTIL(10000, names_are(c, "0")));
	ck_assert(stale(c, "EXECUTE p (7)"));
	ck_assert(stale(c, "EXECUTE q"));
	ck_assert(stale(c, "FETCH 1 FROM c"));
	PQclear(ask(c, "FETCH 1 FROM d", ""));
	PQclear(ask(c, "EXECUTE r", ""));
	PQclear(ask(c, "DEALLOCATE p", ""));
	PQclear(ask(c, "EXECUTE p (7)", "26000"));
	PQclear(ask(c, "PREPARE p (int) AS SELECT id FROM customers WHERE "
	    "id = $1", ""));
	PQclear(ask(c, "EXECUTE p (7)", ""));
	PQclear(ask(c, "CLOSE c; DECLARE c CURSOR WITH HOLD FOR SELECT 1; "
	    "FETCH 1 FROM c", ""));
	reload("nobody");
	ck_assert(E2E_UNTIL(10000, names_are(c, "1")));
	free(e2e_value(db, "DELETE FROM customers"));
	PQfinish(db);
	PQfinish(c);
}
END_TEST

/* --- plans ------------------------------------------------------------- */

static const char *const planned[] = {
	"SELECT id, name FROM customers WHERE id = 7",
	"SELECT * FROM customers WHERE id = 7",
	"SELECT id FROM customers WHERE city = 'Oslo'",
	"SELECT id, email FROM customers WHERE city = 'Oslo' AND id > 5",
	"SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = "
	    "o.customer_id WHERE o.id = 7",
	"SELECT name FROM customers ORDER BY id LIMIT 3",
	"SELECT name, card FROM customers WHERE id BETWEEN 3 AND 9 ORDER BY "
	    "id DESC",
	"SELECT town FROM staff WHERE id = 5",
	"SELECT count(*) FROM customers WHERE id < 50",
	"SELECT id FROM orders WHERE customer_id = (SELECT id FROM customers "
	    "WHERE id = 3)",
	"SELECT s FROM vault WHERE id = 5",
};

/* The nodes of a plan with their indexes: up to " on ", without widths. */
static void
nodes(PGconn *db, const char *sql, char *out, size_t size)
{
	char		*explain = malloc(strlen(sql) + 64);
	const char	*line, *p;
	PGresult	*res;
	size_t		 n = 0;
	int		 i;

	sprintf(explain, "EXPLAIN (COSTS OFF) %s", sql);
	res = PQexec(db, explain);
	ck_assert_msg(PQresultStatus(res) == PGRES_TUPLES_OK, "%s: %s",
	    explain, PQerrorMessage(db));
	out[0] = '\0';
	for (i = 0; i < PQntuples(res); i++) {
		line = PQgetvalue(res, i, 0);
		if (strstr(line, "Scan") == NULL && strstr(line, "Join") ==
		    NULL && strstr(line, "Sort") == NULL)
			continue;
		if (strchr(line, ':') != NULL)
			continue;
		p = strstr(line, " on ");
		/* A column that the mask does not read is even better. */
		if (strncmp(line, "Index Only Scan", 15) == 0) {
			n += (size_t)snprintf(out + n, size - n, "Index ");
			line += strlen("Index Only ");
		}
		n += (size_t)snprintf(out + n, size - n, "%.*s\n",
		    p != NULL ? (int)(p - line) : (int)strlen(line), line);
		ck_assert_uint_lt(n, size);
	}
	PQclear(res);
	free(explain);
}

/* What the gateway sends for it (allocated). */
static char *
rewritten(const char *sql)
{
	char	 cmd[2048], *out = calloc(1, 65536);
	FILE	*f;

	snprintf(cmd, sizeof cmd, "%s/policyctl -s %s --json explain "
	    "--profile loose --database shop --sql \"%s\" | jq -r "
	    ".rewritten", e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), sql);
	ck_assert_ptr_nonnull(f = popen(cmd, "r"));
	ck_assert_uint_gt(fread(out, 1, 65535, f), 20);
	ck_assert_int_eq(pclose(f), 0);
	return out;
}

START_TEST(plans_keep_their_indexes)
{
	PGconn	*db = e2e_direct();
	char	 plain[4096], masked[4096], *sql;

	free(e2e_value(db, "SET enable_seqscan = off"));
	sql = rewritten(planned[_i]);
	ck_assert_ptr_nonnull(strstr(sql, "CAST("));
	nodes(db, planned[_i], plain, sizeof plain);
	nodes(db, sql, masked, sizeof masked);
	ck_assert_ptr_nonnull(strstr(plain, "Index"));
	ck_assert_str_eq(plain, masked);
	free(sql);
	PQfinish(db);
}
END_TEST

/* The planner's own estimate of all of it. */
static double
cost(PGconn *db, const char *sql)
{
	char	*explain = malloc(strlen(sql) + 16), *line, *p;
	double	 total;

	sprintf(explain, "EXPLAIN %s", sql);
	line = e2e_value(db, explain);
	p = strstr(line, "..");
	ck_assert_msg(p != NULL, "%s", line);
	total = strtod(p + 2, NULL);
	free(explain);
	free(line);
	return total;
}

static int
by_size(const void *a, const void *b)
{
	double	 x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* On the data of a twin: most cost no more than they do directly. */
START_TEST(plans_cost_what_they_did)
{
	double	 ratio[sizeof planned / sizeof planned[0]];
	size_t	 n = sizeof planned / sizeof planned[0], i;
	char	 dsn[1024], *sql;
	PGconn	*db;

	snprintf(dsn, sizeof dsn, "%s dbname=twin_a", e2e_env("DIRECT_DSN"));
	db = PQconnectdb(dsn);
	ck_assert_msg(PQstatus(db) == CONNECTION_OK, "%s", PQerrorMessage(db));
	for (i = 0; i < n; i++) {
		sql = rewritten(planned[i]);
		ratio[i] = cost(db, sql) / cost(db, planned[i]);
		printf("%.3f times: %s\n", ratio[i], planned[i]);
		free(sql);
	}
	qsort(ratio, n, sizeof ratio[0], by_size);
	ck_assert_msg(ratio[n / 2] <= 1.1, "the median is %.3f times",
	    ratio[n / 2]);
	PQfinish(db);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("masks");
	TCase	*tc = tcase_create("masks");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, what_is_masked_is_listed, 0,
	    (int)(sizeof listed / sizeof listed[0]));
	tcase_add_test(tc, the_list_is_of_every_profile_and_no_more);
	tcase_add_test(tc, each_mask_on_each_type);
	tcase_add_test(tc, tokens_are_equal_where_values_are);
	tcase_add_test(tc, no_value_is_given_to_another_function);
	tcase_add_test(tc, a_reload_makes_names_void);
	tcase_add_loop_test(tc, plans_keep_their_indexes, 0,
	    (int)(sizeof planned / sizeof planned[0]));
	tcase_add_test(tc, plans_cost_what_they_did);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
