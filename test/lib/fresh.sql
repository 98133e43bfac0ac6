-- What the scripts of the program begin with: empty tables, whose ids begin at
-- 1, a fixed session, and a few functions that keep the scripts short.
--
--   \getenv tree PG_ABS_SRCDIR
--   \set fresh :tree '/test/lib/fresh.sql'
--   \i :fresh
\set ECHO none
\set VERBOSITY terse
\pset null ~
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';

CREATE EXTENSION IF NOT EXISTS pg_influence;
DO $$
BEGIN
	PERFORM influence.uninstall('drop all influence data in ' || current_database());
	PERFORM influence.install();
END $$;

-- what an erring statement says: code, message, and a complaint when there is no hint
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || message || CASE WHEN hint = '' THEN ' (NO HINT)' ELSE '' END;
END $$;

-- the same for a statement that calls a function of the program, by its name and arguments
CREATE FUNCTION pg_temp.refused(call text) RETURNS text LANGUAGE sql AS
$$ SELECT pg_temp.error_of('SELECT * FROM influence.' || call) $$;

-- Calls that are to be refused with a code and a hint: those that are not. A call that is let through is undone.
CREATE FUNCTION pg_temp.not_refused(code text, VARIADIC calls text[]) RETURNS TABLE (call text, got text) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH call IN ARRAY calls LOOP
		BEGIN
			got := pg_temp.refused(call);
			IF got = 'no error' THEN
				RAISE EXCEPTION USING ERRCODE = 'ZZ000';
			END IF;
		EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
			NULL;
		END;
		IF got !~ ('^' || code || ' ') OR got ~ 'NO HINT' THEN
			RETURN NEXT;
		END IF;
	END LOOP;
END $$;

CREATE FUNCTION pg_temp.visitor(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;

CREATE FUNCTION pg_temp.program(program_name text) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT program_id FROM influence.program WHERE name = program_name $$;

CREATE FUNCTION pg_temp.creator(ref text) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT creator_id FROM influence.creator WHERE creator_ref = ref $$;

CREATE FUNCTION pg_temp.product(product_sku text) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT product_id FROM influence.product WHERE sku = product_sku $$;

-- a program that admits everybody from 2020 on
CREATE FUNCTION pg_temp.new_program(name text, currency text, time_zone text, attribution jsonb, payout jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence.create_program(name, currency, time_zone, attribution, payout);
	PERFORM influence.set_admission_rule(pg_temp.program(name), 'channels', '>=', 0, valid_from => '2020-01-01');
END $$;

-- a creator who is admitted to every program there is, since 2020-01-02
CREATE FUNCTION pg_temp.new_creator(ref text, visitor uuid DEFAULT NULL, kind text DEFAULT 'person', agency_of bigint[] DEFAULT '{}')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence.register_creator(ref, initcap(ref), kind => kind, agency_of => agency_of, visitor_id => visitor);
	PERFORM influence.apply_creator(p.program_id, pg_temp.creator(ref), '2020-01-02') FROM influence.program p;
END $$;

-- one line of what all tables of the program hold, clocks and transaction ids apart
CREATE FUNCTION pg_temp.contents(except_tables text[] DEFAULT '{job_run,watermark}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	relation text;
	hash text;
	hashes text := '';
BEGIN
	FOR relation IN
		SELECT c.relname FROM pg_class c
		WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
			AND c.relname <> ALL (except_tables)
		ORDER BY c.relname
	LOOP
		EXECUTE format('SELECT md5(string_agg(r, '','' ORDER BY r COLLATE "C")) FROM (SELECT (to_jsonb(t) - ''{xact,received_at,'
			'recorded_at,known_at,seen,created_at,booked_at,moved_at,applied_at,finished_at,started_at,adopted_at,run_at}''::text[])::text '
			'FROM influence.%I t) x(r)', relation) INTO hash;
		hashes := hashes || relation || coalesce(hash, '-');
	END LOOP;
	RETURN md5(hashes);
END $$;
\set ECHO all
