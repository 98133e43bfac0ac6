/*
 * tier_progress.sql
 *
 * How far a creator is from the next tier. What was measured is asked of the
 * functions that settle a month, so that what is shown is what will be paid.
 */
CREATE FUNCTION influence_internal.tier_progress(program_id bigint, creator_id bigint, as_of timestamptz DEFAULT now())
RETURNS TABLE (tier_id bigint, category_id bigint, category text, measure text, mode text, currency text, month text, value bigint, tier int,
			   rate numeric, next_threshold bigint, next_rate numeric, missing bigint, ends_at timestamptz)
LANGUAGE plpgsql STABLE
ROWS 3
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	until timestamptz;
	this_month text;
	money text;
	month_ends timestamptz;
	by_units boolean;
BEGIN
	PERFORM influence_internal.require_arguments('creator_id', $2::text, 'as_of', $3::text);
	PERFORM influence_internal.require_event_time('as_of', $3, interval '100 years');
	until := $3 + interval '1 microsecond';		-- what happened at this very moment counts
	SELECT to_char($3 AT TIME ZONE f.time_zone, 'YYYY-MM'), f.currency INTO this_month, money FROM influence_internal.program_facts($1) f;
	PERFORM influence_internal.require_creator($2);
	SELECT b.ends_at INTO month_ends FROM influence_internal.period_bounds($1, this_month) b;
	by_units := influence_internal.settled_by_units($1, ARRAY[this_month]);
	RETURN QUERY
	WITH measured AS (
		SELECT u.ref, u.measured
		  FROM influence_internal.settlement_by_units($1, ARRAY[this_month], ARRAY[$2], until => until) u
		 WHERE by_units AND u.stage = 'tier'
		UNION ALL
		SELECT s.ref, s.measured
		  FROM influence_internal.settlement_by_sums($1, this_month, ARRAY[$2], until) s
		 WHERE NOT by_units AND s.stage = 'tier'
	)
	SELECT t.tier_id, t.category_id, c.name, t.measure, t.mode, CASE t.measure WHEN 'revenue' THEN money END, this_month, t.value, t.reached,
		   t.rates[t.reached], t.thresholds[t.reached + 1], t.rates[t.reached + 1], t.thresholds[t.reached + 1] - t.value,
		   least(month_ends, upper(t.valid))
	  FROM (SELECT x.*, coalesce(m.measured, 0) AS value, influence.reached_tier(greatest(0, coalesce(m.measured, 0)), x.thresholds) AS reached
			  FROM influence.tier_table x
			  LEFT JOIN measured m ON m.ref = x.tier_id
			 WHERE x.program_id = $1 AND x.valid @> $3) t
	  LEFT JOIN influence.category c ON c.category_id = t.category_id
	 ORDER BY t.category_id, t.tier_id;
EXCEPTION WHEN numeric_value_out_of_range THEN
	RAISE EXCEPTION USING ERRCODE = 'IN006', MESSAGE = 'a number is out of range', DETAIL = SQLERRM || '.',
		HINT = 'The month cannot be settled either: influence.settlement_due says why.';
END
$$;
COMMENT ON FUNCTION influence_internal.tier_progress(bigint, bigint, timestamptz) IS
'How far a creator is from the next tier: a row for each tier table that is in force at a moment (NULL category: of all categories that have none of their own). measure: what it counts (revenue in minor units of currency, orders or units), mode: graduated or volume, month: YYYY-MM in the program''s time zone. value is what the settlement of the month counts so far: orders placed up to as_of that are earned, less what came back by then. tier (from 1) is the one that it has reached, rate that tier''s fraction; next_threshold, next_rate and missing (next_threshold - value) say what is to be reached, and are NULL in the last tier. Orders placed before ends_at, the end of the month or of the table, count. Lines at a rate that names a creator or a product, and flat rates, take no part. IN002, IN003 no such program or creator, IN006.';
