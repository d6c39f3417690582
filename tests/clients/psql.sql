-- What a person does in psql; -a prints each line before its answer.
\set VERBOSITY verbose
SELECT count(*), min(name), max(city) FROM customers;
\d orders
\dt
\df
\du app_*
\x
SELECT * FROM customers WHERE id = 7;
\x
SELEC 1;
SELECT 1 / 0;
SELECT nothing FROM customers;
\echo :LAST_ERROR_MESSAGE :SQLSTATE
BEGIN;
CREATE TABLE psql_t (a int PRIMARY KEY, b text);
\copy psql_t FROM STDIN
1	one
2	two
\.
SAVEPOINT s;
INSERT INTO psql_t VALUES (1, 'again');
SELECT 1;
ROLLBACK TO s;
\copy psql_t TO STDOUT
COPY psql_t FROM STDIN;
3	three
x	bad
\.
ROLLBACK;
DO $$ BEGIN RAISE NOTICE 'a notice'; RAISE WARNING 'and a warning'
    USING DETAIL = 'its detail', HINT = 'its hint'; END $$;
SELECT 1 AS a \; SELECT 2 AS b;
PREPARE p (int) AS SELECT $1 * 2 AS twice;
EXECUTE p (21);
EXECUTE p (1, 2);
DEALLOCATE p;
EXECUTE p (21);
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM customers ORDER BY id;
FETCH 3 FROM c;
MOVE 100 IN c;
FETCH BACKWARD 2 FROM c;
COMMIT;
\set FETCH_COUNT 100
SELECT count(*), sum(id) FROM (SELECT id FROM customers LIMIT 1000) x;
\unset FETCH_COUNT
SET SESSION AUTHORIZATION app_dba;
SELECT current_user, session_user;
RESET SESSION AUTHORIZATION;
SET datestyle = 'SQL, DMY';
SELECT timestamptz '2024-02-01 00:00:00+00';
\c -
SHOW datestyle;
\gdesc
SELECT 1 AS a, 'x'::text AS b \gdesc
SELECT format('SELECT %s AS n', g) FROM generate_series(1, 3) g \gexec
\crosstabview
\errverbose
