-- For tests/e2e/test_denials.c and its kin: the role app_dba goes through the
-- gateway and may do everything here; e2e_direct does not, and may not see what
-- the gateway's rules refuse.
CREATE ROLE e2e_direct LOGIN;

SET ROLE app_dba;
CREATE TABLE log (n integer, who text NOT NULL DEFAULT session_user);
CREATE TABLE once (n integer PRIMARY KEY);
INSERT INTO once VALUES (1);
CREATE TABLE items (n integer);
INSERT INTO items VALUES (1), (2), (3);
-- What policy and server both refuse from some moment on: a plan is refused to
-- e2e_direct by a REVOKE then, and one that runs by a row in armed.
CREATE TABLE watched (n integer);
INSERT INTO watched VALUES (1), (2), (3);
CREATE TABLE armed (n integer);
CREATE TABLE fresh (n integer);
GRANT SELECT, INSERT, UPDATE, DELETE ON log, once, items, watched, fresh
    TO e2e_direct;
CREATE FUNCTION trap(n integer) RETURNS integer LANGUAGE plpgsql VOLATILE
SECURITY DEFINER AS $$
BEGIN
	IF session_user = 'e2e_direct' AND EXISTS (SELECT FROM public.armed) THEN
		RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'trapped';
	END IF;
	RETURN n;
END
$$;
RESET ROLE;

CREATE SCHEMA hidden;
-- A row in it is a statement that must not have run.
CREATE TABLE hidden.ran (n integer);
CREATE FUNCTION hidden.f() RETURNS void LANGUAGE sql AS
    'INSERT INTO hidden.ran VALUES (0)';
REVOKE ALL ON FUNCTION hidden.f() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hidden.f() TO app_dba;
