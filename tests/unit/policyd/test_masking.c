/*
 * Profiles with masks: what is rewritten, to what, and what is refused.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "shop.h"

/* "@" in the wanted text stands for shop_customers, \1 for "@". */
static const struct {
	const char	*text, *want;
} golden[] = {
	{ "SELECT * FROM customers",
	    "SELECT * FROM @ AS \"customers\"" },
	{ "select email from public.customers",
	    "select email from @ AS \"customers\"" },
	{ "SELECT c.email FROM customers c",
	    "SELECT c.email FROM @ c" },
	{ "SELECT c.email FROM customers AS c (a, b, email)",
	    "SELECT c.email FROM @ AS c (a, b, email)" },
	{ "SELECT * FROM\"customers\"",
	    "SELECT * FROM@ AS \"customers\"" },
	{ "SELECT * FROM public . /* x */ \"customers\" -- y",
	    "SELECT * FROM @ AS \"customers\" -- y" },
	{ "SELECT * FROM customers *",
	    "SELECT * FROM @ AS \"customers\"" },
	{ "TABLE customers",
	    "SELECT * FROM @ AS \"customers\"" },
	{ "SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id "
	    "WHERE o.id = $1",
	    "SELECT * FROM orders o JOIN @ c ON c.id = o.customer_id "
	    "WHERE o.id = $1" },
	{ "SELECT * FROM customers a, customers b",
	    "SELECT * FROM @ a, @ b" },
	{ "WITH x AS (SELECT * FROM customers) SELECT * FROM x",
	    "WITH x AS (SELECT * FROM @ AS \"customers\") SELECT * FROM x" },
	{ "SELECT (SELECT max(email) FROM customers)",
	    "SELECT (SELECT max(email) FROM @ AS \"customers\")" },
	{ "SELECT id FROM orders WHERE customer_id IN (SELECT id FROM "
	    "customers)",
	    "SELECT id FROM orders WHERE customer_id IN (SELECT id FROM "
	    "@ AS \"customers\")" },
	{ "SELECT 'é', id FROM customers UNION ALL TABLE customers",
	    "SELECT 'é', id FROM @ AS \"customers\" UNION ALL SELECT * FROM "
	    "@ AS \"customers\"" },
	{ "SELECT to_jsonb(c) FROM customers c FOR UPDATE OF c",
	    "SELECT to_jsonb(c) FROM @ c FOR UPDATE OF c" },
	{ "COPY (SELECT * FROM customers) TO STDOUT",
	    "COPY (SELECT * FROM @ AS \"customers\") TO STDOUT" },
	{ "COPY customers TO STDOUT (FORMAT csv)",
	    "COPY (SELECT \"id\", \"name\", \"email\", \"card\", \"city\" FROM @ "
	    "AS pst) TO STDOUT (FORMAT csv)" },
	{ "copy public.customers (email, \"id\") to stdout",
	    "copy (SELECT \"email\", \"id\" FROM @ AS pst) to stdout" },
	{ "SELECT public.customers.email, \"public\" . customers.id FROM "
	    "customers",
	    "SELECT customers.email,  customers.id FROM @ AS \"customers\"" },
	{ "SELECT 1; SELECT * FROM customers; SELECT 2",
	    "SELECT 1; SELECT * FROM @ AS \"customers\"; SELECT 2" },
	{ "SELECT count(*) FROM customers GROUP BY city ORDER BY city",
	    "SELECT count(*) FROM @ AS \"customers\" GROUP BY city "
	    "ORDER BY city" },
	{ "SELECT x.* FROM orders o, LATERAL (SELECT * FROM customers c "
	    "WHERE c.id = o.customer_id) x",
	    "SELECT x.* FROM orders o, LATERAL (SELECT * FROM @ c "
	    "WHERE c.id = o.customer_id) x" },
	{ "SELECT * FROM (SELECT id, email FROM customers) s "
	    "WHERE s.email = 'x'",
	    "SELECT * FROM (SELECT id, email FROM @ AS \"customers\") s "
	    "WHERE s.email = 'x'" },
	{ "SELECT $$customers$$, id FROM customers",
	    "SELECT $$customers$$, id FROM @ AS \"customers\"" },
	/* grouped and ordered by what is shown */
	{ "SELECT email, count(*) FROM customers GROUP BY email ORDER BY "
	    "email",
	    "SELECT email, count(*) FROM @ AS \"customers\" GROUP BY email "
	    "ORDER BY email" },
	{ "SELECT * FROM customers c ORDER BY c.email",
	    "SELECT * FROM @ c ORDER BY c.email" },
	{ "SELECT DISTINCT ON (email) email, id FROM customers",
	    "SELECT DISTINCT ON (email) email, id FROM @ AS \"customers\"" },
	{ "SELECT upper(email), city FROM customers GROUP BY ROLLUP "
	    "(upper(email), city)",
	    "SELECT upper(email), city FROM @ AS \"customers\" GROUP BY "
	    "ROLLUP (upper(email), city)" },
	{ "SELECT id FROM customers c WHERE c.email IS NOT NULL AND card IS "
	    "NULL",
	    "SELECT id FROM @ c WHERE c.email IS NOT NULL AND card IS NULL" },
	{ "SELECT xmlelement(name x, email) FROM customers",
	    "SELECT xmlelement(name x, email) FROM @ AS \"customers\"" },
	{ "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM customers",
	    "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM @ AS "
	    "\"customers\"" },
	{ "SELECT * FROM members",
	    "SELECT * FROM (SELECT pst.\"id\", CAST('***' AS text) AS "
	    "\"card\", CAST(NULL AS text) AS \"card_end\", pst.\"twice\" "
	    "FROM \"public\".\"members\" AS pst) AS \"members\"" },
	/* a child masks what its parent masks, a view what the policy names */
	{ "SELECT * FROM customers_old",
	    "SELECT * FROM (SELECT pst.\"id\", CAST(CAST('***' AS "
	    "pg_catalog.text) OPERATOR(pg_catalog.||) pg_catalog.\"right\"("
	    "CAST(pst.\"email\" AS pg_catalog.text), pg_catalog.strpos("
	    "pg_catalog.reverse(CAST(pst.\"email\" AS pg_catalog.text)), "
	    "CAST('\1' AS pg_catalog.text))) AS text) AS \"email\" FROM "
	    "\"public\".\"customers_old\" AS pst) AS \"customers_old\"" },
	{ "SELECT * FROM guarded_tenants",
	    "SELECT * FROM (SELECT pst.\"id\", CAST('***' AS text) AS "
	    "\"card\" FROM \"public\".\"guarded_tenants\" AS pst) AS "
	    "\"guarded_tenants\"" },
	{ "SELECT id AS email FROM customers ORDER BY email",
	    "SELECT id AS email FROM @ AS \"customers\" ORDER BY email" },
	{ "SELECT * FROM \"My \"\"Table\"",
	    "SELECT * FROM (SELECT pst.\"a\", CAST('***' AS text) AS \"card\" "
	    "FROM \"public\".\"My \"\"Table\" AS pst) AS \"My \"\"Table\"" },
	{ "SELECT * FROM people",
	    "SELECT * FROM (SELECT pst.\"id\", CAST(NULL AS integer) AS "
	    "\"secret_n\", CAST(NULL AS date) AS \"secret_d\", CAST(NULL AS "
	    "jsonb) AS \"secret_j\", CAST(NULL AS text[]) AS \"secret_a\", "
	    "CAST(CASE WHEN pst.\"phone\" IS NULL THEN NULL ELSE (CASE WHEN "
	    "pg_catalog.length(CAST(pst.\"phone\" AS pg_catalog.text)) "
	    "OPERATOR(pg_catalog.>=) 4 THEN CAST('***' AS pg_catalog.text) "
	    "OPERATOR(pg_catalog.||) pg_catalog.\"right\"(CAST(pst.\"phone\" "
	    "AS pg_catalog.text), 2) ELSE CAST('***' AS pg_catalog.text) END) "
	    "END AS text) AS \"phone\" FROM \"public\".\"people\" AS pst) "
	    "AS \"people\"" },
};

START_TEST(rewriting)
{
	const struct verdict	*v = shop_judge("bot", golden[_i].text);
	char			 want[8192];
	const char		*p;
	size_t			 n = 0, k = strlen(shop_customers);

	ck_assert_msg(v->action == VERDICT_MASK, "%s: %s", golden[_i].text,
	    v->message);
	for (p = golden[_i].want; *p != '\0'; p++) {
		ck_assert_uint_lt(n + k + 1, sizeof(want));
		if (*p == '@') {
			memcpy(want + n, shop_customers, k);
			n += k;
		} else
			want[n++] = *p == 1 ? '@' : *p;
	}
	want[n] = '\0';
	ck_assert_str_eq(v->rewritten, want);
	ck_assert_uint_eq(v->rewritten_len, n);
	ck_assert_uint_ne(v->flags & VERDICT_PROTECTED, 0);
}
END_TEST

START_TEST(masked_columns)
{
	ck_assert_str_eq(shop_judge("bot", "SELECT id FROM customers, people "
	    "p, customers c2")->masked, "public.customers.email, "
	    "public.customers.card, public.people.secret_n, "
	    "public.people.secret_d, public.people.secret_j, "
	    "public.people.secret_a, public.people.phone");
	ck_assert_str_eq(shop_judge("bot", "SELECT 1")->masked, "");
}
END_TEST

/* Refused under "analyst", whose rules allow everything, by the masks. */
static const char *const refused[] = {
	/* predicates on masked columns */
	"SELECT id FROM customers WHERE email = 'a@b'",
	"SELECT id FROM customers c WHERE c.email LIKE 'a%'",
	"SELECT id FROM customers WHERE pg_catalog.upper(email) > 'A'",
	"SELECT id FROM customers ORDER BY email",
	"SELECT email FROM customers ORDER BY card",
	"SELECT count(*) FROM customers GROUP BY email",
	"SELECT city FROM customers ORDER BY upper(email)",
	"SELECT email FROM customers GROUP BY ROLLUP (card, email)",
	"SELECT c.id, c.city FROM customers c GROUP BY c.id",
	"SELECT id FROM customers WHERE (email || card) IS NULL",
	"SELECT DISTINCT ON (email) id FROM customers",
	"SELECT city FROM customers GROUP BY city HAVING max(card) > 'x'",
	"SELECT 1 FROM customers c JOIN people p ON p.phone = c.card",
	"SELECT 1 FROM customers c JOIN cities x USING (email)",
	"SELECT 1 FROM orders o WHERE EXISTS (SELECT FROM customers c WHERE "
	    "c.id = o.id AND c.email = 'x')",
	"SELECT 1 WHERE 'x' IN (SELECT email FROM customers)",
	"SELECT 1 FROM customers c JOIN LATERAL (SELECT 1 WHERE c.card = '4') "
	    "x ON true",
	/* relations that show protected columns */
	"SELECT * FROM customer_names",
	"SELECT * FROM deep_view",
	"SELECT * FROM all_cards",
	"SELECT * FROM ONLY customers",
	"SELECT * FROM customers TABLESAMPLE system (1)",
	"SELECT * FROM far",
	"SELECT * FROM nowhere",
	"SELECT * FROM shop.public.customers",
	"WITH customers AS (SELECT 1) SELECT * FROM customers",
	"WITH customer_names AS (SELECT 1) SELECT 1",
	"SELECT * FROM U&\"customer\\0073\"",
	/* what somebody's functions do unseen */
	"SELECT * FROM calling",
	"SELECT * FROM over_calling",
	"SELECT * FROM stats",
	"SELECT * FROM as_xml",
	"SELECT * FROM sizes",
	"INSERT INTO counted VALUES (1)",
	"INSERT INTO split VALUES (1)",
	"SELECT id FROM purse",
	"SELECT '1'::coin",
	"COPY counted FROM STDIN",
	"SELECT 3::uuid",
	"SELECT 3::pg_catalog.uuid[]",
	/* row security that reads what it protects */
	"SELECT id FROM guarded_cards",
	"SELECT id FROM over_guarded",
	"EXPLAIN SELECT * FROM name_list",
	/* sequences of masked columns */
	"SELECT last_value FROM members_seq",
	"SELECT nextval('members_seq')",
	"SELECT currval('public.members_seq'::regclass)",
	"SELECT nextval('pg_catalog.members_seq')",
	"SELECT nextval('\"s\"')",
	"SELECT nextval(x) FROM (VALUES ('members_seq')) v(x)",
	/* names that a join hides, or that are not in scope */
	"SELECT t.amount FROM tickets t JOIN (orders t CROSS JOIN (SELECT 1) "
	    "x) AS j ON true",
	"SELECT (SELECT y.amount FROM orders t, (SELECT t.amount) y LIMIT 1) "
	    "FROM tickets t",
	/* columns */
	"SELECT ctid FROM customers",
	"SELECT c.xmin, c.id FROM customers c",
	"SELECT o.ctid FROM orders o, customers",
	"SELECT c.nothing FROM customers c",
	"SELECT x.id FROM customers c",
	"SELECT o.leak FROM orders o",
	"SELECT (o).leak FROM orders o",
	"SELECT s.leak FROM (SELECT 1 AS x) s",
	"SELECT s.pg_sleep FROM generate_series(1, 2) s",
	"SELECT s.nextval FROM pg_catalog.unnest(ARRAY['s']) s",
	/* functions, operators, types */
	"SELECT leak()",
	"SELECT public.leak()",
	"SELECT email(c) FROM customers c",
	"SELECT lower('X')",
	"SELECT pg_sleep(1)",
	"SELECT pg_read_file('/etc/passwd')",
	"SELECT pg_catalog.query_to_xml('select 1', true, true, '')",
	"SELECT * FROM pg_catalog.ts_stat('select 1')",
	"SELECT current_query()",
	"SELECT set_config('search_path', 'x', false)",
	"SELECT setval('s', 1)",
	"SELECT dblink('x', 'y')",
	"SELECT lo_get(1)",
	"SELECT pg_column_size(email) FROM customers",
	"SELECT 1 OPERATOR(public.===) 2",
	"SELECT 1 === 2",
	"SELECT id::regclass FROM customers",
	"SELECT NULL::customers",
	"SELECT 1::public.customers",
	"SELECT 'x'::xml",
	/* the catalogue */
	"COPY pg_attribute TO STDOUT",
	"SELECT * FROM pg_stat_activity",
	"SELECT * FROM pg_statistic",
	"SELECT * FROM pg_catalog.pg_stats",
	/* writes */
	"UPDATE orders SET status = c.email FROM customers c",
	"INSERT INTO triggered VALUES (1)",
	"INSERT INTO guarded VALUES (1)",
	"INSERT INTO customer_names VALUES (1)",
	"INSERT INTO pg_catalog.pg_class VALUES (1)",
	"WITH x AS (INSERT INTO orders (id) VALUES (1) RETURNING id) "
	    "SELECT * FROM customers",
	"COPY customers FROM STDIN",
	"COPY customer_names TO STDOUT",
	"COPY pg_class TO STDOUT",
	"COPY orders TO PROGRAM 'cat'",
	"COPY orders TO '/tmp/x'",
	/* what is never there with masks */
	"EXPLAIN SELECT * FROM customers",
	"EXPLAIN ANALYZE SELECT * FROM customers",
	"PREPARE p AS SELECT * FROM customers WHERE email > 'x'",
	"PREPARE p AS SELECT 1; PREPARE q AS SELECT 1",
	"PREPARE p AS SELECT 1; EXECUTE q",
	"EXECUTE p; DISCARD ALL",
	"DECLARE c CURSOR FOR SELECT 1; FETCH d",
	"EXECUTE p (pg_read_file('x'))",
	"EXPLAIN EXECUTE p",
	"CREATE TABLE x AS EXECUTE p",
	"DECLARE c CURSOR FOR SELECT * FROM customer_names",
	"CREATE VIEW v AS SELECT * FROM customers",
	"CREATE TABLE x AS SELECT * FROM customers",
	"SELECT * INTO x FROM customers",
	"CREATE TEMP TABLE x (a int)",
	"DO $$ BEGIN END $$",
	"CALL p()",
	"LISTEN x",
	"NOTIFY x, 'y'",
	"LOCK orders",
	"SET search_path = x",
	"SET ROLE x",
	"SET LOCAL session_replication_role = replica",
	"SET debug_print_plan = on",
	"SET client_min_messages = debug5",
	"PREPARE TRANSACTION 'x'",
	"VACUUM customers",
	"TRUNCATE orders",
	"GRANT SELECT ON customers TO public",
	"ALTER TABLE orders RENAME TO customers2",
	"COMMENT ON TABLE customers IS 'x'",
};

/*
 * Refused once, and harmless: what tells sizes is NULL, no masked column is
 * used in what writes.
 */
static const char *const handled[] = {
	"SELECT 1 FROM customers c NATURAL JOIN cities",
	"SELECT c.* FROM pg_class c JOIN (orders c CROSS JOIN (SELECT 1) t) "
	    "AS j ON true",
	"SELECT c FROM pg_class c JOIN (orders c CROSS JOIN (SELECT 1) t) "
	    "AS j ON true",
	"SELECT c.relpages FROM pg_class c JOIN (orders c CROSS JOIN "
	    "(SELECT 1) t) AS j ON true",
	"SELECT (SELECT x::text FROM orders c, (SELECT c.*) x LIMIT 1) FROM "
	    "pg_class c",
	"SELECT public.customers.email FROM customers",
	"SELECT pg_relation_size('customers')",
	"SELECT attmissingval FROM pg_attribute",
	"SELECT a.attmissingval FROM pg_attribute a",
	"SELECT * FROM pg_attribute",
	"SELECT a FROM pg_attribute a",
	"SELECT x.a FROM pg_attribute x(a, b)",
	"SELECT 1 FROM pg_attribute a NATURAL JOIN pg_attribute b",
	"SELECT * FROM pg_class",
	"SELECT c FROM pg_class c",
	"SELECT relpages FROM pg_class",
	"SELECT c.reltuples FROM pg_class c",
	"SELECT x.a FROM pg_class x(a, b, c, d, e)",
	"SELECT (c).relpages FROM pg_class c",
	"TABLE pg_class",
	"INSERT INTO orders SELECT id FROM customers",
	"INSERT INTO customers (id) VALUES (1)",
	"UPDATE customers SET city = 'x'",
	"DELETE FROM orders USING customers c WHERE c.id = customer_id",
	"DELETE FROM customers WHERE id = 1",
	"DELETE FROM cities",
	"MERGE INTO orders o USING customers c ON c.id = o.id WHEN MATCHED "
	    "THEN DELETE",
	"COPY (INSERT INTO orders SELECT id FROM customers RETURNING 1) TO "
	    "STDOUT",
	"UPDATE orders SET status = 'x' FROM customers c WHERE c.city = 'y'",
	"UPDATE customers SET city = 'x' WHERE id = 1 RETURNING id, city",
	"SELECT pg_size_pretty(pg_catalog.pg_table_size(c.oid)) FROM pg_class c",
};

START_TEST(handling)
{
	const struct verdict	*v = shop_judge("masked", handled[_i]);

	ck_assert_msg(v->action != VERDICT_DENY, "%s: %s", handled[_i],
	    v->message);
	if (strstr(handled[_i], "pg_class") != NULL &&
	    strstr(handled[_i], "size") == NULL)
		ck_assert_ptr_nonnull(strstr(v->rewritten,
		    "CAST(NULL AS real) AS \"reltuples\""));
}
END_TEST

/* What is returned: "@" is the mask of email, of `customers`. */
static const struct {
	const char	*text, *want;
} returned[] = {
	{ "UPDATE customers SET city = 'x' RETURNING email",
	    "UPDATE customers SET city = 'x' RETURNING @ AS \"email\"" },
	{ "UPDATE customers SET city = 'x' RETURNING id, email mail -- y",
	    "UPDATE customers SET city = 'x' RETURNING \"customers\".\"id\" "
	    "AS \"id\", @ AS \"mail\" -- y" },
	{ "INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE "
	    "SET city = 'x' RETURNING customers.email , id ; SELECT 1",
	    "INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE "
	    "SET city = 'x' RETURNING @ AS \"email\", "
	    "\"customers\".\"id\" AS \"id\" ; SELECT 1" },
	{ "DELETE FROM customers RETURNING *",
	    "DELETE FROM customers RETURNING \"customers\".\"id\" AS "
	    "\"id\", \"customers\".\"name\" AS \"name\", @ AS \"email\", "
	    "CAST('***' AS text) AS \"card\", \"customers\".\"city\" AS "
	    "\"city\"" },
	{ "WITH o AS (SELECT id FROM orders) DELETE FROM customers WHERE id "
	    "IN (SELECT id FROM o) RETURNING customers . \"email\"",
	    "WITH o AS (SELECT id FROM orders) DELETE FROM customers WHERE id "
	    "IN (SELECT id FROM o) RETURNING @ AS \"email\"" },
	{ "DELETE FROM customers AS \"C\" RETURNING \"C\".card AS c, city",
	    "DELETE FROM customers AS \"C\" RETURNING CAST('***' AS text) AS "
	    "\"c\", \"C\".\"city\" AS \"city\"" },
};

START_TEST(returning)
{
	static const char	 mask[] = "CAST(CAST('***' AS pg_catalog.text) "
	    "OPERATOR(pg_catalog.||) pg_catalog.\"right\"(CAST("
	    "\"customers\".\"email\" AS pg_catalog.text), pg_catalog.strpos("
	    "pg_catalog.reverse(CAST(\"customers\".\"email\" AS "
	    "pg_catalog.text)), CAST('@' AS pg_catalog.text))) AS character "
	    "varying(80))";
	const struct verdict	*v = shop_judge("masked", returned[_i].text);
	char			 want[4096];
	const char		*p;
	size_t			 n = 0;

	for (p = returned[_i].want; *p != '\0'; p++)
		n += (size_t)snprintf(want + n, sizeof want - n, "%.*s",
		    *p == '@' ? (int)strlen(mask) : 1, *p == '@' ? mask : p);
	ck_assert_msg(v->action != VERDICT_DENY, "%s: %s", returned[_i].text,
	    v->message);
	ck_assert_str_eq(v->rewritten, want);
}
END_TEST

/* What would put a mask into a table, or let a protected value decide. */
static const char *const writes[] = {
	"INSERT INTO orders (status) SELECT email FROM customers",
	"INSERT INTO orders SELECT c.* FROM customers c",
	"INSERT INTO orders (status) SELECT c::text FROM customers c",
	"INSERT INTO orders (status) SELECT customers::text FROM customers",
	"INSERT INTO orders (status) SELECT x.b FROM customers x (i, n, b)",
	"INSERT INTO orders (status) SELECT b FROM customers x (i, n, b)",
	"INSERT INTO orders (status) SELECT j.email FROM (customers c JOIN "
	    "cities USING (city)) AS j",
	"INSERT INTO orders (status) SELECT j.c FROM (customers c JOIN "
	    "cities USING (city)) AS j (a, b, c)",
	"INSERT INTO orders (status) SELECT b FROM (customers c JOIN "
	    "cities USING (city)) AS j (a, x, b)",
	"INSERT INTO orders (status) SELECT s.e FROM (SELECT email AS e FROM "
	    "customers) s",
	"INSERT INTO orders (status) TABLE customers",
	"INSERT INTO orders (id) SELECT 1 FROM customers WHERE email = 'x'",
	"INSERT INTO orders (id) SELECT count(*) FROM customers GROUP BY "
	    "card",
	"INSERT INTO orders (status) SELECT email(c) FROM customers c",
	"INSERT INTO orders (status) SELECT to_json(c) FROM customers c",
	"INSERT INTO customers VALUES (1)",
	"INSERT INTO customers (id, email) VALUES (1, 'x')",
	"INSERT INTO customers (id) VALUES (1) ON CONFLICT (email) DO NOTHING",
	"INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE "
	    "SET city = excluded.email",
	"INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE "
	    "SET card = 'x'",
	"INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE "
	    "SET city = 'x' WHERE customers.email > 'a'",
	"UPDATE customers SET city = email",
	"UPDATE customers SET city = customers.email",
	"UPDATE customers SET city = customers::text",
	"UPDATE customers c SET city = c::text",
	"UPDATE customers c SET city = (SELECT c.email)",
	"UPDATE customers SET email = 'x'",
	"UPDATE customers SET (city, card) = ('x', 'y')",
	"UPDATE customers SET city = 'x' WHERE email LIKE 'a%'",
	"UPDATE customers SET city = 'x' WHERE email IS NULL",
	"UPDATE customers c SET city = 'x' RETURNING c",
	"UPDATE customers SET city = 'x' RETURNING id, upper(email)",
	"UPDATE customers SET city = 'x' RETURNING email || 'x'",
	"UPDATE customers SET city = 'x' RETURNING (email)::text",
	"UPDATE customers SET city = 'x' RETURNING public.customers.email",
	"UPDATE customers SET city = 'x' RETURNING (SELECT email)",
	"UPDATE customers SET city = 'x' FROM orders o WHERE o.id = "
	    "customers.id RETURNING email",
	"UPDATE customers SET city = 'x' FROM orders o RETURNING *",
	"DELETE FROM customers USING orders o RETURNING customers.email",
	"WITH x AS (UPDATE customers SET city = 'x' RETURNING email) "
	    "SELECT email FROM x",
	"WITH x AS (DELETE FROM customers RETURNING *) INSERT INTO cities "
	    "SELECT email FROM x",
	"PREPARE p AS UPDATE customers SET city = 'x' RETURNING email",
	"EXPLAIN UPDATE customers SET city = 'x' RETURNING email",
	"DELETE FROM customers RETURNING email, ctid",
	"UPDATE customers c SET city = 'x' RETURNING to_json(c.*)",
	"UPDATE customers c SET city = 'x' RETURNING email(c)",
	"UPDATE ONLY customers SET city = 'x'",
	"UPDATE public.customers SET city = 'x' WHERE public.customers.email "
	    "= 'x'",
	"DELETE FROM customers WHERE card = 'x'",
	"DELETE FROM customers c USING orders o WHERE o.status = c.email",
	"MERGE INTO customers c USING orders o ON o.id = c.id WHEN MATCHED "
	    "THEN UPDATE SET city = 'x'",
	"WITH x AS (UPDATE orders SET status = 'x' RETURNING id) SELECT email "
	    "FROM customers",
};

START_TEST(writing)
{
	const struct verdict	*v = shop_judge("masked", writes[_i]);

	ck_assert_msg(v->action == VERDICT_DENY, "%s: not refused: %s",
	    writes[_i], v->rewritten != NULL ? v->rewritten : "allowed");
}
END_TEST

START_TEST(refusal)
{
	const struct verdict	*v = shop_judge("analyst", refused[_i]);

	ck_assert_msg(v->action == VERDICT_DENY, "%s: not refused: %s",
	    refused[_i], v->rewritten != NULL ? v->rewritten : "allowed");
	ck_assert(strcmp(v->rule, "(masks)") == 0 ||
	    strcmp(v->rule, "(settings)") == 0);
	ck_assert_str_ne(v->message, "");
}
END_TEST

/* Allowed as they are under "analyst". */
static const char *const allowed[] = {
	"SELECT * FROM orders WHERE status LIKE 'x%' AND id BETWEEN 1 AND 9",
	"SELECT upper(status), count(*) FROM orders GROUP BY 1 ORDER BY 2",
	"SELECT o.status::public.mood FROM orders o",
	"SELECT 'sad'::mood",
	"SELECT extract(year FROM now()), current_date, trim(' x ')",
	"SELECT coalesce(a, b), CASE a WHEN 1 THEN 2 ELSE 3 END "
	    "FROM (VALUES (1, 2)) v(a, b)",
	"SELECT * FROM generate_series(1, 3) WITH ORDINALITY",
	"SELECT row_number() OVER (PARTITION BY status ORDER BY id) "
	    "FROM orders",
	"SELECT jsonb_build_object('a', 1)->'a'",
	"SELECT (ARRAY[1,2,3])[1:2], '{1}'::int[]",
	"SELECT pg_catalog.lower('X')",
	"SELECT c.relname, n.nspname FROM pg_catalog.pg_class c LEFT JOIN "
	    "pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE "
	    "c.relname OPERATOR(pg_catalog.~) '^(customers)$' COLLATE "
	    "pg_catalog.default AND pg_catalog.pg_table_is_visible(c.oid)",
	"SELECT 'orders'::pg_catalog.regclass",
	"SELECT table_name FROM information_schema.tables",
	"WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n+1 FROM t "
	    "WHERE n < 9) SELECT sum(n) FROM t",
	"INSERT INTO orders (id, status) VALUES (1, 'x') RETURNING *",
	"INSERT INTO orders AS o (id) VALUES (1) ON CONFLICT (id) DO UPDATE "
	    "SET status = excluded.status WHERE o.id = 1",
	"UPDATE orders o SET amount = o.amount + 1 WHERE o.id = 1 "
	    "RETURNING o.id",
	"DELETE FROM orders USING other.notes n WHERE n.id = orders.id",
	"INSERT INTO app.notes SELECT id FROM orders",
	"COPY orders TO STDOUT",
	"COPY orders (id) FROM STDIN",
	"COPY (SELECT 1) TO STDOUT",
	"EXPLAIN SELECT * FROM orders",
	"BEGIN ISOLATION LEVEL SERIALIZABLE",
	"SET TRANSACTION READ ONLY",
	"SET application_name = 'psql'",
	"SET datestyle TO ISO",
	"SET client_min_messages = warning",
	"RESET ALL",
	"DISCARD ALL",
	"SHOW search_path",
	"FETCH 1 FROM c",
	"SELECT nextval('s'), currval('public.s'::regclass)",
	"SELECT * FROM name_list WHERE id = 1",
	"SELECT n.name FROM over_names n ORDER BY 1",
	"SELECT t.body FROM tickets t JOIN orders o ON o.id = t.id",
	"SELECT (SELECT max(t.status) FROM orders t) FROM tickets t",
	"SELECT a.attname, a.attnum FROM pg_attribute a",
	"SELECT pg_encoding_to_char(1), getdatabaseencoding()",
	"DECLARE c CURSOR FOR SELECT * FROM orders",
	"SET lock_timeout = 1",
	"SET statement_timeout = 1",
	"",
};

START_TEST(allowance)
{
	const struct verdict	*v = shop_judge("analyst", allowed[_i]);

	ck_assert_msg(v->action == VERDICT_ALLOW, "%s: %s", allowed[_i],
	    v->message);
}
END_TEST

START_TEST(predicates_masked)
{
	ck_assert_int_eq(shop_judge("masked", "SELECT id FROM customers "
	    "WHERE email = 'x' ORDER BY card")->action, VERDICT_MASK);
	/* No search_path is pinned: a name must be one. */
	ck_assert_int_eq(shop_judge("masked", "SELECT * FROM notes")->action,
	    VERDICT_DENY);
	ck_assert_int_eq(shop_judge("masked", "SELECT * FROM app.notes")
	    ->action, VERDICT_ALLOW);
}
END_TEST

START_TEST(sentences)
{
	const struct verdict	*v;

	v = shop_judge("bot", "SELECT 1 FROM customers WHERE email = 'x'");
	ck_assert_str_eq(v->message, "statement refused: column "
	    "customers.email is masked in this profile and cannot be used in "
	    "a condition, a grouping or an ordering");
	ck_assert_str_eq(v->sqlstate, "42501");
	v = shop_judge("bot", "SELECT * FROM deep_view");
	ck_assert_str_eq(v->message, "statement refused: public.deep_view "
	    "shows protected columns of public.customers; reading them "
	    "through it is not handled yet");
	v = shop_judge("bot", "SELECT * FROM x.y");
	ck_assert_str_eq(v->sqlstate, "42P01");
	ck_assert(v->wanted);
	/* A rule's denial is said first. */
	v = shop_judge("bot", "DROP VIEW customer_names");
	ck_assert_str_eq(v->rule, "nothing-structural");
}
END_TEST

START_TEST(without_catalogue)
{
	struct scene	*sc;
	struct verdict	 v;

	sc = scene_new(policy_profile(shop_policy(), "bot"), "shop", NULL);
	judge_text(sc, JUDGE_QUERY, "SELECT 1", 8, false, &v);
	ck_assert_int_eq(v.action, VERDICT_DENY);
	ck_assert(v.wanted);
	ck_assert_uint_eq(v.flags & VERDICT_CACHEABLE, 0);
	judge_text(sc, JUDGE_QUERY, "BEGIN", 5, false, &v);
	ck_assert_int_eq(v.action, VERDICT_ALLOW);
	scene_free(&sc);
	sc = scene_new(policy_profile(shop_policy(), "dba"), "shop", NULL);
	judge_text(sc, JUDGE_QUERY, "SELECT * FROM x", 15, false, &v);
	ck_assert_int_eq(v.action, VERDICT_ALLOW);
	ck_assert_uint_eq(v.flags & VERDICT_READONLY, 0);
	scene_free(&sc);
}
END_TEST

START_TEST(hidden_cast)
{
	struct catalog	*cat = shop_hidden_cast();
	struct scene	*sc;
	struct verdict	 v;

	sc = scene_new(policy_profile(shop_policy(), "analyst"), "shop", cat);
	judge_text(sc, JUDGE_QUERY, "SELECT 1", 8, false, &v);
	ck_assert_int_eq(v.action, VERDICT_DENY);
	ck_assert_ptr_nonnull(strstr(v.message, "a cast between built-in"));
	judge_text(sc, JUDGE_QUERY, "COMMIT", 6, false, &v);
	ck_assert_int_eq(v.action, VERDICT_ALLOW);
	judge_text(sc, JUDGE_QUERY, "SET datestyle = iso", 19, false, &v);
	ck_assert_int_eq(v.action, VERDICT_ALLOW);
	scene_free(&sc);
	sc = scene_new(policy_profile(shop_policy(), "dba"), "shop", cat);
	judge_text(sc, JUDGE_QUERY, "SELECT 1", 8, false, &v);
	ck_assert_int_eq(v.action, VERDICT_ALLOW);
	ck_assert_uint_eq(v.flags & VERDICT_READONLY, 0);
	scene_free(&sc);
	catalog_free(&cat);
}
END_TEST

START_TEST(guard)
{
	struct scene	*sc;
	struct buf	 b;

	buf_init(&b, 65536);
	sc = scene_new(policy_profile(shop_policy(), "bot"), "shop",
	    shop_catalog());
	ck_assert_int_eq(scene_guard(sc, &b), 0);
	/* customers 2, people 5, its child 5, My "Table 1, and all columns
	 * of customer_names 3, deep_view 1, customers_old 2, all_cards 2;
	 * members 2, guarded_tenants 1, all of guarded_cards 2, calling 2,
	 * over_calling, over_guarded, members_seq, stats, as_xml, sizes 1 each */
	ck_assert_uint_eq(b.len, 8 * 34);
	ck_assert_mem_eq(buf_head(&b), "\1\0\0\0\3\0\0\0\1\0\0\0\4\0\0\0",
	    16);
	buf_clear(&b);
	buf_init(&b, 20);
	ck_assert_int_eq(scene_guard(sc, &b), -1);
	buf_clear(&b);
	scene_free(&sc);
}
END_TEST

#define LOOP(t, fn, table)						\
	tcase_add_loop_test(t, fn, 0,					\
	    (int)(sizeof(table) / sizeof((table)[0])))

int
main(void)
{
	Suite	*s = suite_create("masking");
	TCase	*t = tcase_create("masking");
	SRunner	*r;
	int	 failed;

	LOOP(t, rewriting, golden);
	LOOP(t, refusal, refused);
	LOOP(t, handling, handled);
	LOOP(t, returning, returned);
	LOOP(t, writing, writes);
	LOOP(t, allowance, allowed);
	tcase_add_test(t, masked_columns);
	tcase_add_test(t, predicates_masked);
	tcase_add_test(t, sentences);
	tcase_add_test(t, without_catalogue);
	tcase_add_test(t, hidden_cast);
	tcase_add_test(t, guard);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
