-- pgbench's tables at scale 1 (and no more: a fresh backend would measure page
-- faults), and a million rows with a column that the sample's masks cover.
SET ROLE app_dba;
CREATE TABLE pgbench_accounts (
	aid		integer NOT NULL PRIMARY KEY,
	bid		integer,
	abalance	integer,
	filler		char(84)
) WITH (fillfactor = 100);
INSERT INTO pgbench_accounts
SELECT i, 1, 0, '' FROM generate_series(1, 100000) AS i;
CREATE TABLE pgbench_branches (bid integer NOT NULL PRIMARY KEY,
	bbalance integer, filler char(88));
INSERT INTO pgbench_branches VALUES (1, 0, '');
-- A role that is minted for the sample's bot has rights on it.
CREATE TABLE orders (id integer PRIMARY KEY);
CREATE TABLE bench_rows (
	id	integer NOT NULL,
	card	text NOT NULL,
	body	text NOT NULL
);
INSERT INTO bench_rows
SELECT i, '4000 0000 0000 ' || lpad((i % 10000)::text, 4, '0'),
    'the quick brown fox, number ' || i
FROM generate_series(1, 1000000) AS i;
RESET ROLE;
