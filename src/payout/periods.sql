/*
 * periods.sql
 *
 * Months in a program's time zone. A month begins at the first instant whose
 * local date lies in it, which is not always the local midnight: clocks may
 * skip midnight, or show it twice. So the bounds agree with to_char(at AT TIME
 * ZONE zone, 'YYYY-MM'), by which settlements and statistics name months.
 */
CREATE FUNCTION influence_internal.first_instant(day timestamp, time_zone text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- of two midnights PostgreSQL takes the later one, and after a skipped midnight counts on as if clocks had not moved
	guess timestamptz := $1 AT TIME ZONE $2;
	early timestamptz := guess - interval '25 hours';
	late timestamptz := guess + interval '25 hours';
	middle timestamptz;
	found timestamptz;
BEGIN
	IF early AT TIME ZONE $2 = $1 - interval '25 hours' AND guess AT TIME ZONE $2 = $1 THEN
		RETURN guess;			-- clocks did not move
	END IF;
	-- midnight by each offset of these days, where clocks showed it
	SELECT min(c.at) INTO found
	  FROM (SELECT ($1 - ((t AT TIME ZONE $2) - (t AT TIME ZONE 'UTC'))) AT TIME ZONE 'UTC' AS at
			  FROM unnest(ARRAY[early, guess - interval '3 hours', guess, guess + interval '3 hours', late]) t) c
	 WHERE c.at AT TIME ZONE $2 = $1;
	IF found IS NOT NULL THEN
		RETURN found;
	END IF;
	-- midnight was skipped: the day begins when clocks jumped
	WHILE late - early > interval '1 microsecond' LOOP
		middle := early + (late - early) / 2;
		IF middle AT TIME ZONE $2 < $1 THEN
			early := middle;
		ELSE
			late := middle;
		END IF;
	END LOOP;
	RETURN late;
END
$$;
COMMENT ON FUNCTION influence_internal.first_instant(timestamp, text) IS
'The first instant whose local time in a time zone is at or after a local midnight, also where clocks skip it or show it twice.';

CREATE FUNCTION influence_internal.period_bounds(program_id bigint, period text, OUT starts_at timestamptz, OUT ends_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	time_zone text;
BEGIN
	SELECT f.time_zone INTO time_zone FROM influence_internal.program_facts($1) f;
	IF $2 IS NULL OR $2 !~ '^[0-9]{4}-(0[1-9]|1[0-2])$' OR left($2, 4) = '0000' THEN
		PERFORM influence_internal.raise_invalid(format('period "%s" is not a month', $2), NULL, 'Use YYYY-MM, for instance 2026-03.');
	END IF;
	starts_at := influence_internal.first_instant(($2 || '-01')::timestamp, time_zone);
	ends_at := influence_internal.first_instant(($2 || '-01')::timestamp + interval '1 month', time_zone);
END
$$;
COMMENT ON FUNCTION influence_internal.period_bounds(bigint, text) IS 'The half-open bounds of a month in a program''s time zone; IN002, IN003.';

CREATE FUNCTION influence_internal.last_period(program_id bigint, as_of timestamptz)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT to_char(($2 AT TIME ZONE f.time_zone) - interval '1 month', 'YYYY-MM')
			  FROM influence_internal.program_facts($1) f);
END
$$;
COMMENT ON FUNCTION influence_internal.last_period(bigint, timestamptz) IS 'The last month that is complete at a moment, in the program''s time zone.';
