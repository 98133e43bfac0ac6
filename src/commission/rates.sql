/*
 * rates.sql
 *
 * The rate card and its choice. A line's rate for a creator is the candidate
 * row, valid when the order was placed, that is most specific: by creator, then
 * product, then the deepest category of the line's path, then country, direct
 * or indirect, new or returning customer, boosted or organic; among equals the
 * greater priority, then the lower id. The order is total, so the choice never
 * depends on a plan.
 */
CREATE FUNCTION influence_internal.check_commission_rate(rate numeric, creator_id bigint, product_id bigint, category_id bigint, country text,
	flat_amount bigint, valid_from timestamptz, valid_to timestamptz, directness text, customer_kind text, boost text, protect_days int)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.stated_range($7, $8);
	IF $1 > 1 AND $1 < 'Infinity' THEN
		PERFORM influence_internal.raise_invalid('the rate is above 1', format('rate: %s.', $1),
			'A rate is a fraction of the price: 0.08 for 8 %.');
	ELSIF num_nonnulls($1, $6) <> 1 THEN
		PERFORM influence_internal.raise_invalid('a commission is either a rate or a flat amount', NULL,
			'Give rate as a fraction (0.045 for 4.5 %) or flat_amount in minor units.');
	ELSIF $6 < 0 THEN
		PERFORM influence_internal.raise_invalid('flat_amount is negative', NULL, 'Give 0 or more minor units per piece.');
	ELSIF $1 IS NOT NULL THEN
		PERFORM influence.commission_minor(0, $1);	-- the kernel judges the rate
	END IF;
	IF $5 !~ '^([A-Z]{2})?$' THEN
		PERFORM influence_internal.raise_invalid(format('country "%s" is not a code', $5), NULL,
			'Use two upper-case letters (ISO 3166-1), or '''' for any.');
	ELSIF $9 NOT IN ('', 'direct', 'indirect') THEN
		PERFORM influence_internal.raise_invalid(format('directness "%s" is not known', $9), NULL, 'Use direct, indirect, or '''' for any.');
	ELSIF $10 NOT IN ('', 'new', 'returning') THEN
		PERFORM influence_internal.raise_invalid(format('customer_kind "%s" is not known', $10), NULL, 'Use new, returning, or '''' for any.');
	ELSIF $11 NOT IN ('', 'organic', 'boosted') THEN
		PERFORM influence_internal.raise_invalid(format('boost "%s" is not known', $11), NULL, 'Use organic, boosted, or '''' for any.');
	ELSIF $12 NOT BETWEEN 0 AND 3660 THEN
		PERFORM influence_internal.raise_invalid('protect_days is out of range', format('protect_days: %s.', $12), 'Give 0 to 3660 days.');
	END IF;
	IF $2 <> 0 THEN
		PERFORM influence_internal.require_creator($2);
	END IF;
	IF $3 <> 0 THEN
		PERFORM influence_internal.require_product($3);
	END IF;
	IF $4 <> 0 AND NOT EXISTS (SELECT FROM influence.category c WHERE c.category_id = $4) THEN
		PERFORM influence_internal.raise_unknown('category', $4::text, 'Create it with influence.create_category(name).');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.check_commission_rate(numeric, bigint, bigint, bigint, text, bigint, timestamptz, timestamptz, text, text, text, int) IS
'Raises IN002 or IN003 unless the rate card can have such a row.';

CREATE FUNCTION influence_internal.set_commission_rate(program_id bigint, rate numeric DEFAULT NULL,
	creator_id bigint DEFAULT 0, product_id bigint DEFAULT 0, category_id bigint DEFAULT 0, country text DEFAULT '',
	flat_amount bigint DEFAULT NULL, priority int DEFAULT 0, valid_from timestamptz DEFAULT now(),
	valid_to timestamptz DEFAULT 'infinity', directness text DEFAULT '', customer_kind text DEFAULT '',
	boost text DEFAULT '', protect_days int DEFAULT 0)
RETURNS TABLE (status text, rate_id bigint, version int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	wanted tstzrange;
	last record;
	resumes boolean := false;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('creator_id', $3::text, 'product_id', $4::text, 'category_id', $5::text,
		'country', $6, 'priority', $8::text, 'directness', $11, 'customer_kind', $12, 'boost', $13,
		'protect_days', $14::text);
	PERFORM influence_internal.check_commission_rate($2, $3, $4, $5, $6, $7, $9, $10, $11, $12, $13, $14);
	wanted := tstzrange($9, nullif($10, 'infinity'));
	PERFORM influence_internal.lock_key('rates ' || $1);
	SELECT r.rate_id, r.version INTO rate_id, version
	  FROM influence.commission_rate r
	 WHERE (r.program_id, r.creator_id, r.product_id, r.category_id, r.country, r.directness, r.customer_kind, r.boost, r.priority)
		   = ($1, $3, $4, $5, $6, $11, $12, $13, $8)
	   AND r.stated = wanted AND (r.rate, r.flat_amount, r.protect_days) IS NOT DISTINCT FROM ($2, $7, $14);
	IF FOUND THEN
		status := 'duplicate';		-- the same call again, perhaps after later rates have cut its range
		RETURN NEXT;
		RETURN;
	END IF;
	SELECT r.*, lower(r.valid) AS since INTO last
	  FROM influence.commission_rate r
	 WHERE (r.program_id, r.creator_id, r.product_id, r.category_id, r.country, r.directness, r.customer_kind, r.boost, r.priority)
		   = ($1, $3, $4, $5, $6, $11, $12, $13, $8)
	   AND r.valid && wanted
	 ORDER BY lower(r.valid) LIMIT 1;
	-- an open rate ends where this one begins; one that only resumed may be replaced altogether
	IF upper_inf(last.valid) AND (last.since < $9 OR (last.since = $9 AND last.stated IS NULL)) THEN
		UPDATE influence.commission_rate r SET valid = tstzrange(lower(r.valid), $9)
		 WHERE r.program_id = $1 AND r.rate_id = last.rate_id;
		resumes := NOT upper_inf(wanted);
	END IF;
	SELECT coalesce(max(r.version), 0) + 1 INTO version
	  FROM influence.commission_rate r
	 WHERE (r.program_id, r.creator_id, r.product_id, r.category_id, r.country, r.directness, r.customer_kind, r.boost, r.priority)
		   = ($1, $3, $4, $5, $6, $11, $12, $13, $8);
	BEGIN
		INSERT INTO influence.commission_rate (program_id, version, creator_id, product_id, category_id, country, directness,
											   customer_kind, boost, rate, flat_amount, priority, protect_days, valid, stated)
		VALUES ($1, version, $3, $4, $5, $6, $11, $12, $13, $2, $7, $8, $14, wanted, wanted)
		RETURNING rate_id INTO rate_id;
		IF resumes THEN
			-- a promotion with an end interrupts the open rate, which goes on after it; its protection counts from its own beginning
			INSERT INTO influence.commission_rate (program_id, version, creator_id, product_id, category_id, country, directness,
												   customer_kind, boost, rate, flat_amount, priority, protect_days, valid, resumed_from)
			VALUES ($1, version + 1, $3, $4, $5, $6, $11, $12, $13, last.rate, last.flat_amount, $8, last.protect_days,
					tstzrange($10, NULL), coalesce(last.resumed_from, last.since));
		END IF;
	EXCEPTION WHEN exclusion_violation THEN
		RAISE EXCEPTION USING ERRCODE = 'IN011',
			MESSAGE = 'the rate overlaps another one for the same keys',
			DETAIL = format('Rate %s holds in %s.', last.rate_id, last.valid),
			HINT = 'Let it begin later (where the other one ends), end earlier, or give it another priority.';
	END;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_commission_rate(bigint, numeric, bigint, bigint, bigint, text, bigint, int, timestamptz, timestamptz, text, text, text, int) IS
'Adds a row to the rate card of a program: either rate, a fraction from 0 to 1 of the credited base with at most nine decimals (0.045 for 4.5 %), or flat_amount, minor units of the program''s currency per piece (a bounty: it is earned by a line of price 0, too; several creators of a line share it). It is for a creator, product, category (and all below it), country, directness (direct: a credited touch was of the product or its category; indirect), customer_kind (new, returning; unknown fits neither) and boost (boosted: a credited touch was paid for; organic); 0 or '''' = any. An open row with the same keys ends where the new one begins, and goes on (as a further version) where the new one ends; orders recorded before keep their rate. For protect_days from its beginning a creator who had posted the product before keeps the rate of before, where that earns more. end_commission_rate() ends a row. -> status recorded | duplicate (also of one that was ended since), rate_id, version. IN002 bad value, IN003 unknown object, IN011 overlaps.';

CREATE FUNCTION influence_internal.end_commission_rate(program_id bigint, rate_id bigint, valid_to timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	ended record;
	resumed record;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('rate_id', $2::text);
	PERFORM influence_internal.require_end('valid_to', $3);
	PERFORM influence_internal.lock_key('rates ' || $1);
	SELECT x.* INTO known FROM influence.commission_rate x WHERE x.program_id = $1 AND x.rate_id = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('rate', $2::text, 'See influence.commission_rate for those there are.');
	END IF;
	SELECT * INTO ended FROM influence_internal.end_validity(known.stated, known.valid, $3, format('rate %s', $2));
	UPDATE influence.commission_rate x SET valid = ended.rest
	 WHERE x.program_id = $1 AND x.rate_id = $2 AND ended.status = 'recorded';
	IF ended.status = 'recorded' THEN
		-- what it had interrupted, the version after it, goes on where it ends now
		SELECT x.rate_id, influence_internal.resumed_range(known.valid, ended.ends_at, x.valid,
			   EXISTS (SELECT FROM influence.commission_rate n
						WHERE (n.program_id, n.creator_id, n.product_id, n.category_id, n.country, n.directness, n.customer_kind, n.boost, n.priority)
							  = (x.program_id, x.creator_id, x.product_id, x.category_id, x.country, x.directness, x.customer_kind, x.boost, x.priority)
						  AND lower(n.stated) = upper(known.valid))) AS valid
		  INTO resumed
		  FROM influence.commission_rate x
		 WHERE (x.program_id, x.creator_id, x.product_id, x.category_id, x.country, x.directness, x.customer_kind, x.boost, x.priority)
			   = (known.program_id, known.creator_id, known.product_id, known.category_id, known.country, known.directness, known.customer_kind, known.boost, known.priority)
		   AND x.version = known.version + 1 AND x.stated IS NULL;
		UPDATE influence.commission_rate x SET valid = resumed.valid
		 WHERE x.program_id = $1 AND x.rate_id = resumed.rate_id AND resumed.valid IS NOT NULL;
	END IF;
	RETURN QUERY SELECT ended.status;
END
$$;
COMMENT ON FUNCTION influence_internal.end_commission_rate(bigint, bigint, timestamptz) IS
'Ends a row of the rate card: orders placed from valid_to on get the next most specific rate, or none; a valid_to before its beginning undoes it. What a row with an end had interrupted goes on from the new end (it has a row and a rate_id of its own, by which it is ended). Orders recorded before keep their rate. -> status recorded | duplicate (it ends then). IN002, IN003 no such program or rate, IN005 it ends earlier already.';

CREATE FUNCTION influence_internal.rate_candidates(program_id bigint, creator_id bigint, product_id bigint,
	category_path bigint[], country text, at timestamptz, directness text DEFAULT NULL, customer_kind text DEFAULT NULL,
	boost text DEFAULT NULL, taken_id bigint DEFAULT NULL, card jsonb DEFAULT NULL)
RETURNS TABLE (choice int, rate_id bigint, version int, rate numeric, flat_amount bigint, personal boolean, protect_days int,
			   began_at timestamptz, valid tstzrange, created_at timestamptz)
LANGUAGE plpgsql STABLE
ROWS 3
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT row_number() OVER (ORDER BY r.rate_id = $10 DESC NULLS LAST, r.creator_id <> 0 DESC, r.product_id <> 0 DESC,
									   coalesce(array_position($4, r.category_id), 0) DESC, r.country <> '' DESC, r.directness <> '' DESC,
									   r.customer_kind <> '' DESC, r.boost <> '' DESC, r.priority DESC, r.rate_id)::int,
		   r.rate_id, r.version, r.rate, r.flat_amount, r.creator_id <> 0 OR r.product_id <> 0, r.protect_days,
		   coalesce(r.resumed_from, lower(r.valid)), r.valid, r.created_at
	  FROM (SELECT x.* FROM influence.commission_rate x
			 WHERE $11 IS NULL AND x.program_id = $1 AND x.creator_id IN (0, $2) AND x.product_id IN (0, $3)
			UNION ALL
			SELECT x.*
			  FROM unnest(ARRAY[concat('0/', $3), concat($2, '/', $3), concat($2, '/0'), '0/0']) k
			 CROSS JOIN jsonb_populate_recordset(NULL::influence.commission_rate, $11 -> k) x
			 WHERE $11 IS NOT NULL) r
	 WHERE (r.rate_id = $10
			OR (r.valid @> $6 AND (r.category_id = 0 OR r.category_id = ANY ($4)) AND r.country IN ('', $5)
				AND r.directness IN ('', $7) AND r.customer_kind IN ('', $8) AND r.boost IN ('', $9)))
	 ORDER BY 1;
END
$$;
COMMENT ON FUNCTION influence_internal.rate_candidates(bigint, bigint, bigint, bigint[], text, timestamptz, text, text, text, bigint, jsonb) IS
'The rows of the rate card that fit an order line and a creator, best first (choice 1 is taken); what is not known (NULL) fits only rows for any. personal: it names the creator or the product; began_at: when its protection began to count. taken_id puts a rate that was taken earlier first, whatever its validity is now. card: the rows to choose from instead of the program''s, as scenario_rates() keys them.';

CREATE FUNCTION influence_internal.rate_scope(program_id bigint, rate_id bigint)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT coalesce(nullif(concat_ws(', ', CASE WHEN r.creator_id <> 0 THEN 'for this creator' END,
												   CASE WHEN r.product_id <> 0 THEN 'for this product' END,
												   CASE WHEN r.category_id <> 0 THEN 'for category ' || c.name END,
												   CASE WHEN r.country <> '' THEN 'for country ' || r.country END,
												   CASE WHEN r.directness <> '' THEN format('for %s sales', r.directness) END,
												   CASE WHEN r.customer_kind <> '' THEN format('for %s customers', r.customer_kind) END,
												   CASE WHEN r.boost <> '' THEN format('for %s touches', r.boost) END), ''), 'for everything')
				   || CASE WHEN r.priority <> 0 THEN ', priority ' || r.priority ELSE '' END
			  FROM influence.commission_rate r
			  LEFT JOIN influence.category c ON c.category_id = r.category_id
			 WHERE r.program_id = $1 AND r.rate_id = $2);
END
$$;
COMMENT ON FUNCTION influence_internal.rate_scope(bigint, bigint) IS 'What a row of the rate card is for, in words.';
