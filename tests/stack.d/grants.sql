-- What the sample's roles may do, whatever tables there are.
DO $$
DECLARE
	s text;
BEGIN
	FOR s IN SELECT nspname FROM pg_namespace
	    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
	LOOP
		EXECUTE format('GRANT USAGE ON SCHEMA %I TO app_bot, '
		    'app_analyst, app_reader', s);
		EXECUTE format('GRANT ALL ON SCHEMA %I TO app_dba', s);
		EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I '
		    'TO app_bot, app_analyst, app_reader', s);
		EXECUTE format('GRANT ALL ON ALL TABLES IN SCHEMA %I '
		    'TO app_dba', s);
		EXECUTE format('GRANT ALL ON ALL SEQUENCES IN SCHEMA %I '
		    'TO app_dba', s);
	END LOOP;
	IF to_regclass('public.orders') IS NOT NULL THEN
		GRANT INSERT, UPDATE ON public.orders TO app_bot;
	END IF;
	IF to_regclass('public.orders_id_seq') IS NOT NULL THEN
		GRANT USAGE ON SEQUENCE public.orders_id_seq TO app_bot;
	END IF;
END
$$;
