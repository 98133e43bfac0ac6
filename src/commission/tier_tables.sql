/*
 * tier_tables.sql
 *
 * Tier tables: what a creator's month in a category earns, by what it sold. A
 * line's table is chosen with its rate and frozen on its earning, so a table
 * is never changed; a later one takes the place of an open one.
 */
CREATE FUNCTION influence_internal.check_tier_table(measure text, mode text, thresholds bigint[], rates numeric[], category_id bigint,
	valid_from timestamptz, valid_to timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.require_arguments('measure', $1, 'mode', $2, 'thresholds', $3::text, 'rates', $4::text,
		'category_id', $5::text);
	PERFORM influence_internal.stated_range($6, $7);
	IF $1 NOT IN ('revenue', 'orders', 'units') THEN
		PERFORM influence_internal.raise_invalid(format('measure "%s" is not known', $1), NULL,
			'Use revenue (minor units of the program''s currency), orders or units.');
	END IF;
	IF array_lower($3, 1) <> 1 OR array_lower($4, 1) <> 1 THEN
		PERFORM influence_internal.raise_invalid('thresholds or rates do not count from 1', format('thresholds: %s, rates: %s.', $3, $4),
			'Write arrays without bounds: ''{0, 20000}''.');
	END IF;
	PERFORM influence.tiered_amount(0, $3, $4, $2);		-- the kernel judges thresholds, rates and mode
	IF EXISTS (SELECT FROM unnest($4) r WHERE r > 1) THEN
		PERFORM influence_internal.raise_invalid('a rate is above 1', format('rates: %s.', $4),
			'A rate is a fraction of the price: 0.08 for 8 %.');
	ELSIF $5 <> 0 AND NOT EXISTS (SELECT FROM influence.category c WHERE c.category_id = $5) THEN
		PERFORM influence_internal.raise_unknown('category', $5::text, 'Create it with influence.create_category(name).');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.check_tier_table(text, text, bigint[], numeric[], bigint, timestamptz, timestamptz) IS
'Raises IN002 or IN003 unless there can be such a tier table.';

CREATE FUNCTION influence_internal.set_tier_table(program_id bigint, measure text, mode text, thresholds bigint[], rates numeric[],
	category_id bigint DEFAULT 0, valid_from timestamptz DEFAULT now(), valid_to timestamptz DEFAULT 'infinity')
RETURNS TABLE (status text, tier_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	range tstzrange;
	last record;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.check_tier_table($2, $3, $4, $5, $6, $7, $8);
	range := tstzrange($7, nullif($8, 'infinity'));
	PERFORM influence_internal.lock_key('tiers ' || $1);
	-- the same call again, perhaps after a later table has cut its range
	SELECT t.tier_id INTO tier_id
	  FROM influence.tier_table t
	 WHERE t.program_id = $1 AND t.category_id = $6 AND t.stated = range AND t.measure = $2 AND t.mode = $3
	   AND t.thresholds = $4 AND t.rates = $5;
	IF FOUND THEN
		status := 'duplicate';
		RETURN NEXT;
		RETURN;
	END IF;
	SELECT t.tier_id, t.valid INTO last
	  FROM influence.tier_table t
	 WHERE t.program_id = $1 AND t.category_id = $6 AND t.valid && range
	 ORDER BY lower(t.valid) LIMIT 1;
	IF upper_inf(last.valid) AND lower(last.valid) < $7 THEN
		UPDATE influence.tier_table t SET valid = tstzrange(lower(t.valid), $7)
		 WHERE t.program_id = $1 AND t.tier_id = last.tier_id;
	END IF;
	BEGIN
		INSERT INTO influence.tier_table (program_id, category_id, measure, mode, thresholds, rates, valid, stated)
		VALUES ($1, $6, $2, $3, $4, $5, range, range)
		RETURNING tier_id INTO tier_id;
	EXCEPTION WHEN exclusion_violation THEN
		RAISE EXCEPTION USING ERRCODE = 'IN011',
			MESSAGE = 'the tier table overlaps another one of its category',
			DETAIL = format('Tier table %s holds in %s.', last.tier_id, last.valid),
			HINT = 'Let it begin later (where the other one ends) or end earlier.';
	END;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_tier_table(bigint, text, text, bigint[], numeric[], bigint, timestamptz, timestamptz) IS
'Sets monthly tiers for a category and all below it (0 = any) of a program, for orders placed from valid_from until before valid_to. measure: revenue (minor units of the program''s currency, less returns), orders or units; thresholds are its lower bounds, ascending, the first 0; rates are fractions, one per threshold. mode: graduated = each slice at its rate, volume = all at the reached rate. Lines at a rate that names a creator or a product, and flat rates, take no part. An open table of the category ends where the new one begins, and does not go on after it; lines booked before keep theirs. What the tiers change is booked by settle_tiers. -> status recorded | duplicate, tier_id. IN002 bad value, IN003 unknown object, IN011 overlaps.';

CREATE FUNCTION influence_internal.end_tier_table(program_id bigint, tier_id bigint, valid_to timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	ended record;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('tier_id', $2::text);
	PERFORM influence_internal.require_end('valid_to', $3);
	PERFORM influence_internal.lock_key('tiers ' || $1);
	SELECT x.valid, x.stated INTO known FROM influence.tier_table x WHERE x.program_id = $1 AND x.tier_id = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('tier table', $2::text, 'See influence.tier_table for those there are.');
	END IF;
	SELECT * INTO ended FROM influence_internal.end_validity(known.stated, known.valid, $3, format('tier table %s', $2));
	UPDATE influence.tier_table x SET valid = ended.rest
	 WHERE x.program_id = $1 AND x.tier_id = $2 AND ended.status = 'recorded';
	RETURN QUERY SELECT ended.status;
END
$$;
COMMENT ON FUNCTION influence_internal.end_tier_table(bigint, bigint, timestamptz) IS
'Ends a tier table of set_tier_table(): orders placed from valid_to on are in those of a category above, or in none; a valid_to before its beginning undoes it. Lines booked before keep theirs. -> status recorded | duplicate (it ends then). IN002, IN003 no such program or table, IN005 it ends earlier already.';
