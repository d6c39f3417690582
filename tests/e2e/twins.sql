-- Two databases, twin_a and twin_b, that differ in protected values only
-- (the policy beside this file says which those are), equal under their masks
-- and different in everything else: text, length, NULL where the mask does not
-- read it, and so also in what a page holds.  Table "planted" alone differs
-- openly: the harness must see that.
SET client_min_messages = error;
-- It would run at another time in each, and move rows.
ALTER SYSTEM SET autovacuum = off;
SELECT pg_reload_conf();
CREATE SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION dblink SCHEMA ext;
CREATE EXTENSION tablefunc SCHEMA ext;
CREATE EXTENSION pageinspect SCHEMA ext;
CREATE EXTENSION pgstattuple SCHEMA ext;
CREATE EXTENSION postgres_fdw SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION file_fdw SCHEMA ext;

CREATE TYPE mood AS ENUM ('low', 'mid', 'high');
CREATE DOMAIN short AS text CHECK (length(VALUE) < 200);

CREATE TABLE customers (
	id		integer PRIMARY KEY,
	name		text NOT NULL,
	email		text NOT NULL,			-- partial: domain
	card		varchar(30),			-- redact
	phone		text,				-- partial: last 2
	city		text NOT NULL,
	created_at	timestamptz NOT NULL,
	salary		numeric(12, 2),			-- null, as are:
	born		date,
	tags		text[],
	profile		jsonb,
	feeling		mood,
	motto		short,
	email_len	integer GENERATED ALWAYS AS (length(email)) STORED
);
CREATE UNIQUE INDEX customers_email ON customers (email);
CREATE INDEX customers_city ON customers (city);
COMMENT ON TABLE customers IS 'who buys here';

CREATE TABLE orders (
	id		integer PRIMARY KEY,
	customer_id	integer NOT NULL REFERENCES customers,
	amount		numeric(10, 2) NOT NULL,
	status		text NOT NULL DEFAULT 'new',
	placed_at	timestamptz NOT NULL DEFAULT '2025-01-01 00:00:00+00'
);
CREATE INDEX orders_customer ON orders (customer_id);

CREATE TABLE tickets (
	id		integer PRIMARY KEY,
	customer_id	integer NOT NULL REFERENCES customers,
	body		text NOT NULL
);
CREATE TABLE notes (id serial PRIMARY KEY, body text, n integer DEFAULT 0);
CREATE TABLE planted (id integer, v text);

-- Shown by other relations.
CREATE VIEW customer_orders AS
SELECT c.id, c.name, c.email, count(o.id) AS orders, sum(o.amount) AS total
FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id
GROUP BY c.id, c.name, c.email;
CREATE VIEW customer_mail AS SELECT id AS who, email AS address FROM customers;
CREATE VIEW mail_of_oslo AS SELECT m.who, upper(m.address) AS shout
FROM customer_mail AS m JOIN customers AS c ON c.id = m.who
WHERE c.city = 'Oslo';
CREATE VIEW customer_names AS SELECT id, name, city FROM customers;
CREATE VIEW rich AS SELECT id, name FROM customers WHERE salary > 5000;
CREATE VIEW whole AS SELECT c FROM customers AS c;
CREATE VIEW paid AS SELECT id, customer_id, amount FROM orders
WHERE status = 'paid';
CREATE MATERIALIZED VIEW mail_copy AS SELECT id, email FROM customers
WITH NO DATA;

-- Materialized views whose rows depend on masked values, or do not.
CREATE MATERIALIZED VIEW mail_list AS SELECT c.id, c.city,
	c.email AS address, c.card::text AS number, o.amount,
	c.salary > 5000 AS is_rich, coalesce(c.card, 'none') AS shown
FROM customers AS c JOIN orders AS o ON o.customer_id = c.id
WHERE c.city <> 'Lima' WITH NO DATA;
CREATE MATERIALIZED VIEW mail_again AS SELECT id, address FROM mail_list
WITH NO DATA;
CREATE MATERIALIZED VIEW over_view AS SELECT * FROM customer_mail
WITH NO DATA;
CREATE MATERIALIZED VIEW rich_copy AS SELECT id, name FROM customers
WHERE salary > 5000 WITH NO DATA;
CREATE MATERIALIZED VIEW by_mail AS SELECT id, email FROM customers
ORDER BY email WITH NO DATA;
CREATE MATERIALIZED VIEW mails AS SELECT DISTINCT card FROM customers
WITH NO DATA;
CREATE MATERIALIZED VIEW cards AS SELECT card, count(*) FROM customers
GROUP BY card WITH NO DATA;
CREATE MATERIALIZED VIEW tag_rows AS SELECT id, unnest(tags) AS tag
FROM customers WITH NO DATA;
CREATE MATERIALIZED VIEW rich_orders AS SELECT o.id FROM orders AS o
WHERE EXISTS (SELECT FROM customers AS c WHERE c.id = o.customer_id
	AND c.salary > 5000) WITH NO DATA;
CREATE MATERIALIZED VIEW whole_copy AS SELECT c.id, c AS r, c::text AS t
FROM customers AS c WITH NO DATA;
CREATE MATERIALIZED VIEW places AS SELECT id, ctid::text AS place
FROM customers WITH NO DATA;
CREATE MATERIALIZED VIEW mail_counts AS SELECT count(email) AS n,
	max(email) AS m FROM customers WITH NO DATA;
CREATE MATERIALIZED VIEW card_union AS SELECT id, card FROM customers
UNION SELECT 1, 'x' WITH NO DATA;
CREATE MATERIALIZED VIEW first_cards AS SELECT id, card FROM customers
ORDER BY card LIMIT 3 WITH NO DATA;
CREATE VIEW over_mail_list AS SELECT id, lower(address) AS a FROM mail_list;

-- By type and by tag.
CREATE DOMAIN secret AS text;
CREATE DOMAIN top_secret AS secret;
CREATE TYPE pair AS (a integer, b secret);
CREATE TABLE vault (id integer PRIMARY KEY, s secret, t top_secret,
	l secret[], p pair, q pair[], n text, bag text, plain text);
COMMENT ON COLUMN vault.n IS 'What they say (pii:name), for support.';
COMMENT ON TABLE vault IS 'No tag: is just a word with a space behind it';
COMMENT ON COLUMN vault.bag IS 'pii:none; pii:name.';
CREATE TABLE diary (id integer PRIMARY KEY, day date, words text);
COMMENT ON TABLE diary IS 'pii:all';
CREATE VIEW vault_view AS SELECT id, s::text AS s, n || '' AS m FROM vault;
CREATE TABLE plainly (id integer PRIMARY KEY, sum integer);
CREATE VIEW named AS SELECT id, sum AS card FROM plainly;
CREATE VIEW named_too AS SELECT c.id, p.sum::text AS card, c.email
FROM customers AS c JOIN plainly AS p ON p.id = c.id;

-- Indexes with a masked column and another.
CREATE TABLE pairs (id integer PRIMARY KEY, a text, b text, card text,
	UNIQUE (a, card));
CREATE INDEX pairs_b ON pairs (b, card);
CREATE TABLE pair_parts (id integer, a text, card text) PARTITION BY RANGE (id);
CREATE TABLE pair_parts_1 PARTITION OF pair_parts FOR VALUES FROM (0) TO (9);
CREATE UNIQUE INDEX pair_parts_1_a ON pair_parts_1 (a, card);

-- What foreign keys do to a table with a masked column.
CREATE TABLE hubs (id integer PRIMARY KEY, code text UNIQUE);
CREATE TABLE spokes (id integer PRIMARY KEY,
	hub integer DEFAULT 1 REFERENCES hubs ON DELETE SET DEFAULT,
	code text REFERENCES hubs (code) ON UPDATE CASCADE, card text,
	UNIQUE (hub, card), CHECK (code <> card));
CREATE TABLE rims (id integer PRIMARY KEY, hub integer
	REFERENCES hubs ON DELETE CASCADE ON UPDATE CASCADE);

-- Masked, and may be written; one of them is unique.
CREATE TABLE leads (id integer PRIMARY KEY, mail text, score integer,
	city text);
CREATE TABLE leads_once (id integer PRIMARY KEY, mail text UNIQUE);
CREATE TABLE leads_pair (id integer PRIMARY KEY, mail text, card text);
CREATE INDEX leads_pair_both ON leads_pair (mail, card);

-- In buckets.
CREATE TABLE pay (id integer PRIMARY KEY, by_sum numeric, by_int integer,
	by_float double precision, by_day date, by_time timestamp,
	by_instant timestamptz, day_year date, by_text text);
CREATE MATERIALIZED VIEW pay_copy AS SELECT id, by_sum AS s, by_instant AS t
FROM pay WITH NO DATA;

-- A child with another mask than its parent, and with columns of its own.
CREATE TABLE clerks (id integer PRIMARY KEY, phone text, note text,
	kept text);
CREATE TABLE chiefs (extra text) INHERITS (clerks);
CREATE TABLE top_chiefs () INHERITS (chiefs);

-- Inheritance and partitions.
CREATE TABLE people (id integer NOT NULL, card text, town text)
PARTITION BY RANGE (id);
CREATE TABLE people_1 PARTITION OF people FOR VALUES FROM (0) TO (50);
CREATE TABLE people_2 PARTITION OF people FOR VALUES FROM (50) TO (1000);
CREATE TABLE staff (id integer PRIMARY KEY, card text, town text);
CREATE TABLE bosses (bonus integer) INHERITS (staff);
CREATE INDEX staff_card ON staff (id) WHERE card > '5';
CREATE UNIQUE INDEX people_2_card ON people_2 (card);

-- What reads protected values when it is used.
CREATE TABLE subscriptions (id integer PRIMARY KEY,
	email text REFERENCES customers (email) ON UPDATE CASCADE,
	topic text NOT NULL);
CREATE MATERIALIZED VIEW same_mail AS SELECT s.id FROM subscriptions AS s
JOIN customers AS c ON c.email = s.email WITH NO DATA;
CREATE TABLE guarded (id integer PRIMARY KEY, v text);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON guarded USING (EXISTS (SELECT FROM customers AS c
	WHERE c.id = guarded.id AND c.salary > 5000));
CREATE TABLE watched (id integer PRIMARY KEY, v text);
CREATE TABLE checked (id integer PRIMARY KEY, v text);
CREATE TABLE ruled (id integer, v text);
CREATE TABLE badges (no serial, who integer, card text);

CREATE FUNCTION customer_email(customer integer) RETURNS text
LANGUAGE sql STABLE AS 'SELECT email FROM public.customers WHERE id = customer';
CREATE FUNCTION email_of(c customers) RETURNS text
LANGUAGE sql STABLE AS 'SELECT c.email';
CREATE FUNCTION definer_email(customer integer) RETURNS text
LANGUAGE sql SECURITY DEFINER AS
'SELECT email FROM public.customers WHERE id = customer';
CREATE FUNCTION all_mail() RETURNS SETOF text LANGUAGE sql STABLE AS
'SELECT email FROM public.customers';
CREATE FUNCTION mail_check(i integer) RETURNS boolean LANGUAGE sql STABLE AS
'SELECT EXISTS (SELECT FROM public.customers WHERE id = i AND salary > 5000)';
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
	NEW.v := (SELECT email FROM public.customers WHERE id = NEW.id);
	RETURN NEW;
END $$;
CREATE TRIGGER t BEFORE INSERT OR UPDATE ON watched
FOR EACH ROW EXECUTE FUNCTION tell();
ALTER TABLE checked ADD CHECK (mail_check(id));
CREATE RULE r AS ON INSERT TO ruled DO ALSO
UPDATE notes SET body = (SELECT email FROM public.customers WHERE id = NEW.id);
CREATE FUNCTION leak_op(a integer, b text) RETURNS text LANGUAGE sql STABLE AS
'SELECT email FROM public.customers WHERE id = a';
CREATE OPERATOR public.### (FUNCTION = leak_op, LEFTARG = integer,
	RIGHTARG = text);
CREATE AGGREGATE all_of(text) (SFUNC = textcat, STYPE = text);

CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE far_customers (id integer, email text) SERVER loop
OPTIONS (table_name 'customers');
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE far_file (v text) SERVER files
OPTIONS (program 'echo 0');
CREATE VIEW far_view AS SELECT v FROM far_file;
CREATE TABLE spread (v text);
CREATE FOREIGN TABLE spread_far () INHERITS (spread) SERVER files
OPTIONS (program 'echo 0');
CREATE MATERIALIZED VIEW far_copy AS SELECT v FROM far_file WITH NO DATA;
CREATE PUBLICATION pub FOR TABLE customers;
CREATE STATISTICS st ON city, name FROM customers;

-- Shown by tokens.
CREATE TABLE coded (id integer PRIMARY KEY, mail text, other varchar(40),
	key uuid, no bigint, raw bytea, city text, short varchar(10),
	mood mood, low text GENERATED ALWAYS AS (lower(city)) STORED,
	lowmail text GENERATED ALWAYS AS (lower(mail)) STORED);
CREATE INDEX coded_mail ON coded (mail);
CREATE TABLE coded_too (id integer PRIMARY KEY, mail text,
	who text DEFAULT current_setting('application_name'));
CREATE VIEW coded_view AS SELECT id, mail, upper(city) AS other FROM coded;
CREATE MATERIALIZED VIEW copy_of_coded AS SELECT id, mail, city AS other
FROM coded WITH NO DATA;
CREATE TABLE coded_up (id integer, mail text DEFAULT 'm2@x');
CREATE TABLE coded_down () INHERITS (coded_up);

-- Tokens are equal in both databases when what they stand for has one name
-- here: a renaming that keeps what is equal, and not how it looks.
CREATE ROLE postern_token NOLOGIN;
CREATE SCHEMA postern AUTHORIZATION postern_token;
CREATE TABLE postern.same (value text PRIMARY KEY, name text);
ALTER TABLE postern.same OWNER TO postern_token;
CREATE FUNCTION postern.token(value text) RETURNS text
LANGUAGE sql STABLE STRICT SECURITY DEFINER AS $token$
	SELECT encode(sha256(convert_to(coalesce((SELECT s.name
	FROM postern.same AS s WHERE s.value = token.value),
	token.value), 'UTF8')), 'hex')
$token$;
ALTER FUNCTION postern.token OWNER TO postern_token;
REVOKE ALL ON FUNCTION postern.token FROM PUBLIC;
GRANT USAGE ON SCHEMA postern TO app_bot;
GRANT EXECUTE ON FUNCTION postern.token TO app_bot;

-- k is 1 or 2: all that depends on it is under a mask.
CREATE FUNCTION fill(k integer) RETURNS void LANGUAGE plpgsql AS $fill$
BEGIN
	INSERT INTO customers
	SELECT i, (ARRAY['Ada', 'Grace', 'Alan', 'Radia'])[1 + i % 4] || ' ' || i,
	    repeat(chr(96 + k * (1 + i % 9)), k + i % 5 * k) || i * k || '@' ||
	    (ARRAY['mail', 'post', 'corp'])[1 + i % 3] || '.example',
	    CASE WHEN (i * k) % 5 = 1 THEN NULL ELSE '4' || i * k * 7919 END,
	    CASE WHEN i % 11 = 0 THEN NULL
		ELSE '+' || repeat((k * 3)::text, 3 + k) || lpad(i::text, 4, '0')
	    END,
	    (ARRAY['Oslo', 'Lima', 'Kyoto', 'Quito'])[1 + i % 4],
	    timestamptz '2024-01-01 00:00:00+00' + i * interval '11 hours',
	    CASE WHEN (i + k) % 7 = 0 THEN NULL ELSE 10000 * ((i + k) % 2) + i
	    END,
	    date '1960-01-01' + i * 31 * k,
	    array_fill('t' || k, ARRAY[i % 3 + k]),
	    jsonb_build_object('k' || k, i, 'x', k),
	    (ARRAY['low', 'mid', 'high'])[1 + (i + k) % 3]::mood,
	    repeat('m', k * 3)
	FROM generate_series(1, 126) AS i;	-- the last six buy nothing
	INSERT INTO orders
	SELECT i, 1 + i * 7 % 120, (i * 37 % 1000) / 10.0,
	    (ARRAY['new', 'paid', 'sent', 'done'])[1 + i % 4],
	    timestamptz '2024-06-01 00:00:00+00' + i * interval '2 hours'
	FROM generate_series(1, 600) AS i;
	INSERT INTO tickets
	SELECT i, 1 + i * 7 % 120, 'The parcel for order ' || i || ' is late.'
	FROM generate_series(1, 60) AS i;
	INSERT INTO notes (body, n) SELECT 'note ' || i, i
	FROM generate_series(1, 10) AS i;
	INSERT INTO planted SELECT i, 'p' || i * k
	FROM generate_series(1, 3) AS i;
	INSERT INTO people VALUES (500, CASE k WHEN 1 THEN '7c' ELSE 'zz' END,
	    'town');
	INSERT INTO people SELECT i, i * k || 'c', 'town ' || i % 3
	FROM generate_series(1, 99) AS i;
	INSERT INTO staff SELECT i, i * k || 's', 'town ' || i % 3
	FROM generate_series(1, 9) AS i;
	INSERT INTO bosses SELECT 100 + i, i * k || 'b', 'town ' || i % 3, i
	FROM generate_series(1, 3) AS i;
	INSERT INTO vault SELECT i, 's' || i * k, 't' || i * k,
	    ARRAY['l' || i * k]::secret[], ROW(i, 'p' || i * k)::pair,
	    ARRAY[ROW(i, 'q' || i * k)::pair], 'n' || i * k, 'b' || i * k, 'plain'
	FROM generate_series(1, 9) AS i;
	INSERT INTO pay SELECT i, i * 1000 + k * 311, -i * 1000 - k * 311,
	    i * 1000 + k * 0.7, make_date(2020, i, k * 5),
	    make_date(2020, i, 1) + k * interval '1 hour',
	    timestamptz '2020-01-01 00:00:00+00' + i * 31 * interval '1 day'
	    + k * interval '1 hour', make_date(2020, k * 3, i), 't' || k
	FROM generate_series(1, 9) AS i;
	INSERT INTO pay VALUES (20, 'Infinity', NULL, '-Infinity', 'infinity',
	    'infinity', '-infinity', NULL, NULL), (21, 'NaN', 2147483000 + k,
	    1.7e308 + k * 1e306, '10000-01-01'::date + k, '0001-01-01 BC'::timestamp + k * interval '1 day',
	    '200000-01-01'::timestamptz + k * interval '1 day', '4714-11-24 BC'::date + k, NULL);
	-- In one month of UTC; where clocks are an hour behind, in two.
	INSERT INTO pay (id, by_instant) VALUES (30,
	    timestamptz '2020-02-29 23:40:00+00' + k * interval '1 hour');
	REFRESH MATERIALIZED VIEW pay_copy;
	INSERT INTO pairs VALUES (1, 'x', 'b', 'c'),
	    (2, 'y', 'b', CASE k WHEN 1 THEN 'c' ELSE 'd' || repeat(md5('w'), 3) END);
	INSERT INTO pair_parts SELECT id, a, card FROM pairs;
	INSERT INTO hubs VALUES (1, 'h1'), (2, 'h2'), (3, 'h3'), (4, 'h4');
	INSERT INTO spokes VALUES (1, 1, 'h1', 'x'),
	    (2, 2, 'h3', CASE k WHEN 1 THEN 'x' ELSE 'y' END);
	INSERT INTO rims VALUES (1, 4), (2, 3);
	INSERT INTO leads SELECT i, 'l' || i * k || '@mail.example', i * k,
	    'Oslo' FROM generate_series(1, 9) AS i;
	INSERT INTO leads_once SELECT id, mail FROM leads;
	INSERT INTO leads_pair SELECT id, mail, score FROM leads;
	INSERT INTO coded SELECT i, CASE WHEN i % 7 > 0 THEN
	    'm' || i % 5 * k || '@x' END, 'o' || i % 4 * k,
	    md5('u' || i % 3 || k)::uuid, i % 5 * k * 7919,
	    decode(md5('r' || i % 5 || k), 'hex'), 'City ' || i % 3, 's' || k,
	    (ARRAY['low', 'mid', 'high'])[1 + (i + k) % 3]::mood
	FROM generate_series(1, 40) AS i;
	INSERT INTO coded_too SELECT i, 'm' || i * k || '@x', 'w' || i * k
	FROM generate_series(1, 9) AS i;
	INSERT INTO coded_up VALUES (1, 'm' || k || '@x');
	INSERT INTO coded_down VALUES (2, 'm' || 2 * k || '@x');
	INSERT INTO postern.same SELECT DISTINCT v.value, v.name FROM
	    generate_series(0, 40) AS i, LATERAL (VALUES
	    ('m' || i * k || '@x', 'M' || i), ('o' || i * k, 'O' || i),
	    (md5('u' || i || k)::uuid::text, 'U' || i),
	    ((i * k * 7919)::text, 'N' || i),
	    (md5('r' || i || k), 'R' || i), ('w' || i * k, 'W' || i))
	    AS v (value, name);
	INSERT INTO diary SELECT i, date '2000-01-01' + i * k, 'w' || i * k
	FROM generate_series(1, 9) AS i;
	INSERT INTO plainly SELECT i, i * k FROM generate_series(1, 9) AS i;
	INSERT INTO clerks SELECT i, i * k || '0000', 'n' || i * k, 'k'
	FROM generate_series(1, 5) AS i;
	INSERT INTO chiefs SELECT 10 + i, i * k || '0000', 'n' || i * k, 'k', 'x' || i * k
	FROM generate_series(1, 5) AS i;
	INSERT INTO top_chiefs SELECT 20 + i, i * k || '0000', 'n' || i * k, 'k', 'x' || i * k
	FROM generate_series(1, 5) AS i;
	EXECUTE format('ALTER FOREIGN TABLE far_file OPTIONS (SET program %L)',
	    'echo ' || k);
	EXECUTE format('ALTER FOREIGN TABLE spread_far OPTIONS (SET program %L)',
	    'echo ' || k);
	INSERT INTO subscriptions SELECT id, email, 'news' FROM customers
	WHERE id < 20;
	INSERT INTO subscriptions SELECT 100, email, 'news' FROM customers
	WHERE id = 118 + 3 * k;
	INSERT INTO guarded SELECT i, 'g' || i FROM generate_series(1, 20) AS i;
	INSERT INTO badges (no, who, card)
	SELECT i * k, i, 'c' || k FROM generate_series(1, 5) AS i;
	ALTER TABLE badges ADD CHECK (card <> 'c' || who) NOT VALID;
	PERFORM setval('badges_no_seq', 100 * k);
	REFRESH MATERIALIZED VIEW mail_copy;
	REFRESH MATERIALIZED VIEW mail_list;
	REFRESH MATERIALIZED VIEW mail_again;
	REFRESH MATERIALIZED VIEW over_view;
	REFRESH MATERIALIZED VIEW rich_copy;
	REFRESH MATERIALIZED VIEW by_mail;
	REFRESH MATERIALIZED VIEW mails;
	REFRESH MATERIALIZED VIEW cards;
	REFRESH MATERIALIZED VIEW tag_rows;
	REFRESH MATERIALIZED VIEW rich_orders;
	REFRESH MATERIALIZED VIEW same_mail;
	REFRESH MATERIALIZED VIEW whole_copy;
	REFRESH MATERIALIZED VIEW places;
	REFRESH MATERIALIZED VIEW mail_counts;
	REFRESH MATERIALIZED VIEW card_union;
	REFRESH MATERIALIZED VIEW first_cards;
	REFRESH MATERIALIZED VIEW far_copy;
	REFRESH MATERIALIZED VIEW copy_of_coded;
END
$fill$;

GRANT USAGE, CREATE ON SCHEMA public, ext TO app_bot;
GRANT ALL ON ALL TABLES IN SCHEMA public TO app_bot;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app_bot;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public, ext TO app_bot;

\c postgres
CREATE DATABASE twin_a TEMPLATE shop;
CREATE DATABASE twin_b TEMPLATE shop;
\c twin_a
SELECT fill(1);
DROP FUNCTION fill;
VACUUM ANALYZE;
\c twin_b
SELECT fill(2);
DROP FUNCTION fill;
VACUUM ANALYZE;
