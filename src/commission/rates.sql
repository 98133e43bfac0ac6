/*
 * rates.sql
 *
 * The rate card and its choice. A line's rate is the candidate row, valid when
 * the order was placed, that is most specific: by creator, then product, then
 * the deepest category of the line's path, then country; among equals the
 * greater priority, then the lower id. The order is total, so the choice never
 * depends on a plan.
 */
CREATE FUNCTION influence_internal.set_commission_rate(program_id bigint, rate numeric DEFAULT NULL,
	creator_id bigint DEFAULT 0, product_id bigint DEFAULT 0, category_id bigint DEFAULT 0, country text DEFAULT '',
	flat_amount bigint DEFAULT NULL, priority int DEFAULT 0, valid_from timestamptz DEFAULT now(),
	valid_to timestamptz DEFAULT 'infinity')
RETURNS TABLE (status text, rate_id bigint, version int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	args record;
	last record;
	resumes boolean := false;
BEGIN
	PERFORM influence_internal.program_facts(set_commission_rate.program_id);
	PERFORM influence_internal.require_arguments('creator_id', creator_id::text, 'product_id', product_id::text,
		'category_id', category_id::text, 'country', country, 'priority', priority::text,
		'valid_to', valid_to::text);
	PERFORM influence_internal.require_begin('valid_from', valid_from);
	IF valid_to <= valid_from THEN
		PERFORM influence_internal.raise_invalid('the validity range is empty', NULL, 'Let valid_to be after valid_from.');
	ELSIF rate > 1 AND rate < 'Infinity' THEN
		PERFORM influence_internal.raise_invalid('the rate is above 1', format('rate: %s.', rate),
			'A rate is a fraction of the price: 0.08 for 8 %.');
	END IF;
	SELECT set_commission_rate.creator_id, set_commission_rate.product_id, set_commission_rate.category_id,
		   set_commission_rate.country, set_commission_rate.priority, set_commission_rate.rate,
		   set_commission_rate.flat_amount,
		   tstzrange(valid_from, nullif(valid_to, 'infinity')) AS valid
	  INTO args;
	IF num_nonnulls(args.rate, args.flat_amount) <> 1 THEN
		PERFORM influence_internal.raise_invalid('a commission is either a rate or a flat amount', NULL,
			'Give rate as a fraction (0.045 for 4.5 %) or flat_amount in minor units.');
	ELSIF args.flat_amount < 0 THEN
		PERFORM influence_internal.raise_invalid('flat_amount is negative', NULL, 'Give 0 or more minor units.');
	ELSIF args.rate IS NOT NULL THEN
		PERFORM influence.commission_minor(0, args.rate);	-- the kernel judges the rate
	END IF;
	IF args.flat_amount IS NOT NULL THEN
		PERFORM influence_internal.raise_unsupported('a flat commission');
	ELSIF args.country !~ '^([A-Z]{2})?$' THEN
		PERFORM influence_internal.raise_invalid(format('country "%s" is not a code', args.country), NULL,
			'Use two upper-case letters (ISO 3166-1), or '''' for any.');
	END IF;
	IF args.creator_id <> 0 THEN
		PERFORM influence_internal.require_creator(args.creator_id);
	END IF;
	IF args.product_id <> 0 THEN
		PERFORM influence_internal.require_product(args.product_id);
	END IF;
	IF args.category_id <> 0 AND NOT EXISTS (SELECT FROM influence.category c WHERE c.category_id = args.category_id) THEN
		PERFORM influence_internal.raise_unknown('category', args.category_id::text, 'Create it with influence.create_category(name).');
	END IF;

	PERFORM influence_internal.lock_key('rates ' || set_commission_rate.program_id);
	SELECT r.rate_id, r.version INTO rate_id, version
	  FROM influence.commission_rate r
	 WHERE r.program_id = set_commission_rate.program_id AND r.creator_id = args.creator_id
	   AND r.product_id = args.product_id AND r.category_id = args.category_id AND r.country = args.country
	   AND r.directness = '' AND r.customer_kind = '' AND r.boost = '' AND r.priority = args.priority
	   AND r.stated = args.valid AND r.rate = args.rate;
	IF FOUND THEN
		status := 'duplicate';		-- the same call again, perhaps after later rates have cut its range
		RETURN NEXT;
		RETURN;
	END IF;
	SELECT r.rate_id, lower(r.valid) AS since, r.valid, r.rate, r.stated INTO last
	  FROM influence.commission_rate r
	 WHERE r.program_id = set_commission_rate.program_id AND r.creator_id = args.creator_id
	   AND r.product_id = args.product_id AND r.category_id = args.category_id AND r.country = args.country
	   AND r.directness = '' AND r.customer_kind = '' AND r.boost = '' AND r.priority = args.priority
	   AND r.valid && args.valid
	 ORDER BY lower(r.valid) LIMIT 1;
	-- an open rate ends where this one begins; one that only resumed may be replaced altogether
	IF upper_inf(last.valid) AND (last.since < lower(args.valid) OR (last.since = lower(args.valid) AND last.stated IS NULL)) THEN
		UPDATE influence.commission_rate r SET valid = tstzrange(lower(r.valid), lower(args.valid))
		 WHERE r.program_id = set_commission_rate.program_id AND r.rate_id = last.rate_id;
		resumes := NOT upper_inf(args.valid);
	END IF;
	SELECT coalesce(max(r.version), 0) + 1 INTO version
	  FROM influence.commission_rate r
	 WHERE r.program_id = set_commission_rate.program_id AND r.creator_id = args.creator_id
	   AND r.product_id = args.product_id AND r.category_id = args.category_id AND r.country = args.country
	   AND r.priority = args.priority;
	BEGIN
		INSERT INTO influence.commission_rate (program_id, version, creator_id, product_id, category_id, country, rate,
											   flat_amount, priority, valid, stated)
		VALUES (set_commission_rate.program_id, version, args.creator_id, args.product_id, args.category_id, args.country,
				args.rate, args.flat_amount, args.priority, args.valid, args.valid)
		RETURNING rate_id INTO rate_id;
		IF resumes THEN
			-- a promotion with an end interrupts the open rate, which goes on after it
			INSERT INTO influence.commission_rate (program_id, version, creator_id, product_id, category_id, country, rate,
												   flat_amount, priority, valid)
			VALUES (set_commission_rate.program_id, version + 1, args.creator_id, args.product_id, args.category_id,
					args.country, last.rate, NULL, args.priority, tstzrange(upper(args.valid), NULL));
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
COMMENT ON FUNCTION influence_internal.set_commission_rate(bigint, numeric, bigint, bigint, bigint, text, bigint, int, timestamptz, timestamptz) IS
'Adds a row to the rate card of a program: rate is a fraction from 0 to 1 with at most nine decimals (0.045 for 4.5 %), for a creator, product, category (and all below it) and country, 0 or '''' = any. An open row with the same keys ends where the new one begins, and goes on (as a further version) where the new one ends; orders recorded before keep their rate. -> status recorded | duplicate, rate_id, version. IN002 bad value, IN003 unknown object, IN010 flat_amount (not built yet), IN011 overlaps.';

CREATE FUNCTION influence_internal.rate_candidates(program_id bigint, creator_id bigint, product_id bigint,
	category_path bigint[], country text, at timestamptz, taken_id bigint DEFAULT NULL)
RETURNS TABLE (choice int, rate_id bigint, version int, rate numeric, flat_amount bigint, reason text, created_at timestamptz)
LANGUAGE plpgsql STABLE
ROWS 3
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT row_number() OVER (ORDER BY r.rate_id = rate_candidates.taken_id DESC NULLS LAST, r.creator_id <> 0 DESC, r.product_id <> 0 DESC,
									   coalesce(array_position(rate_candidates.category_path, r.category_id), 0) DESC,
									   r.country <> '' DESC, r.priority DESC, r.rate_id)::int,
		   r.rate_id, r.version, r.rate, r.flat_amount,
		   concat_ws(', ', CASE WHEN r.creator_id <> 0 THEN 'for this creator' END,
							CASE WHEN r.product_id <> 0 THEN 'for this product' END,
							CASE WHEN r.category_id <> 0 THEN 'for category ' || c.name END,
							CASE WHEN r.country <> '' THEN 'for country ' || r.country END,
							CASE WHEN (r.creator_id, r.product_id, r.category_id, r.country) = (0, 0, 0, '') THEN 'for everything' END,
							CASE WHEN r.priority <> 0 THEN 'priority ' || r.priority END),
		   r.created_at
	  FROM influence.commission_rate r
	  LEFT JOIN influence.category c ON c.category_id = r.category_id
	 WHERE r.program_id = rate_candidates.program_id
	   AND (r.valid @> rate_candidates.at OR r.rate_id = rate_candidates.taken_id)
	   AND r.creator_id IN (0, rate_candidates.creator_id)
	   AND r.product_id IN (0, rate_candidates.product_id)
	   AND (r.category_id = 0 OR r.category_id = ANY (rate_candidates.category_path))
	   AND r.country IN ('', coalesce(rate_candidates.country, ''))
	 ORDER BY 1;
END
$$;
COMMENT ON FUNCTION influence_internal.rate_candidates(bigint, bigint, bigint, bigint[], text, timestamptz, bigint) IS
'The rows of the rate card that fit an order line, best first (choice 1 is taken), each with what it is for; taken_id puts a rate that was taken earlier first, whatever its validity is now.';
