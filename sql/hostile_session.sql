-- What a session says or sets that it should not: NULL for every argument of
-- every C function, which readers may call directly.
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

-- each of them answers or raises an error, and the session is still there
CREATE FUNCTION pg_temp.with_nulls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	call text;
	calls bigint := 0;
BEGIN
	FOR call IN
		SELECT format('SELECT * FROM %s(%s) x', p.oid::regproc,
					  (SELECT string_agg('NULL::' || CASE a.type WHEN '"any"'::regtype THEN 'int' WHEN 'record'::regtype THEN 'influence.topic'
												ELSE a.type::regtype::text END, ', ' ORDER BY a.place)
						 FROM unnest(p.proargtypes) WITH ORDINALITY a(type, place)))
		  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		 WHERE p.pronamespace IN ('influence'::regnamespace, 'influence_internal'::regnamespace) AND l.lanname = 'c'
		   AND 'internal'::regtype <> ALL (p.proargtypes)
		 ORDER BY p.oid
	LOOP
		calls := calls + 1;
		BEGIN
			EXECUTE call;
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
	RETURN calls;
END $$;
SELECT pg_temp.with_nulls() > 90 AS called;
