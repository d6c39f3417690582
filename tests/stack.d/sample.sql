-- The sample database: a shop with made-up customers.
SET ROLE app_dba;

CREATE TABLE customers (
	id		integer PRIMARY KEY,
	name		text NOT NULL,
	email		text NOT NULL,
	card		varchar(19) NOT NULL,
	phone		text,
	city		text NOT NULL,
	created_at	timestamptz NOT NULL
);

INSERT INTO customers
SELECT i, g || ' ' || f,
    lower(g) || '.' || lower(f) || i || '@' || d || '.example',
    '4' || lpad((i * 7919 % 1000)::text, 3, '0') || ' ' ||
    lpad((i * 104729 % 10000)::text, 4, '0') || ' ' ||
    lpad((i * 1299709 % 10000)::text, 4, '0') || ' ' ||
    lpad(i::text, 4, '0'),
    CASE WHEN i % 11 = 0 THEN NULL
	ELSE '+1 555 ' || lpad((i * 31337 % 10000000)::text, 7, '0') END,
    c, timestamptz '2024-01-01 00:00:00+00' + i * interval '11 minutes'
FROM (SELECT i::bigint AS i,
	(ARRAY['Ada', 'Grace', 'Edsger', 'Barbara', 'Alan', 'Donald', 'Niklaus',
	    'Frances', 'John', 'Radia'])[1 + i % 10] AS g,
	(ARRAY['Rivers', 'Stone', 'Woods', 'Field', 'Marsh', 'Hill',
	    'Lake'])[1 + i % 7] AS f,
	(ARRAY['mail', 'post', 'corp', 'home'])[1 + i % 4] AS d,
	(ARRAY['Oslo', 'Lima', 'Kyoto', 'Quito', 'Turin',
	    'Perth'])[1 + i % 6] AS c
	FROM generate_series(1, 50000) AS i) AS x;
UPDATE customers SET card = left(card, 15) || lpad((id % 10000)::text, 4, '0')
    WHERE id >= 10000;

CREATE TABLE orders (
	id		integer PRIMARY KEY,
	customer_id	integer NOT NULL REFERENCES customers,
	amount		numeric(10, 2) NOT NULL,
	status		text NOT NULL DEFAULT 'new',
	placed_at	timestamptz NOT NULL DEFAULT now()
);

INSERT INTO orders
SELECT i, 1 + i::bigint * 48271 % 50000, (i * 37 % 100000) / 100.0,
    (ARRAY['new', 'paid', 'sent', 'done', 'done'])[1 + i % 5],
    timestamptz '2024-06-01 00:00:00+00' + i * interval '2 minutes'
FROM generate_series(1, 200000) AS i;
CREATE INDEX orders_customer ON orders (customer_id);

CREATE TABLE tickets (
	id		integer PRIMARY KEY,
	customer_id	integer NOT NULL REFERENCES customers,
	body		text NOT NULL
);

INSERT INTO tickets
SELECT t.i, c.id, CASE t.i % 10
    WHEN 3 THEN 'Please write to ' || c.email || ' instead.'
    WHEN 7 THEN 'You charged my card ' || c.card || ' twice!'
    ELSE 'The parcel for order ' || t.i || ' has not arrived yet.' END
FROM generate_series(1, 5000) AS t (i)
JOIN customers AS c ON c.id = 1 + t.i * 7 % 50000;

CREATE VIEW customer_orders AS
SELECT c.id, c.name, c.email, count(o.id) AS orders, sum(o.amount) AS total
FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id
GROUP BY c.id, c.name, c.email;

CREATE FUNCTION customer_email(customer integer) RETURNS text
LANGUAGE sql STABLE AS 'SELECT email FROM customers WHERE id = customer';

RESET ROLE;
