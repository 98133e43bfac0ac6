/*
 * scenario.sql
 *
 * What simulate_program() is asked to make otherwise: rate card, tier tables,
 * policies, judged as the setters judge them, and put into one value that the
 * functions which choose, attribute and settle take as an argument. Nothing is
 * stored: tables of their own would need a writable server.
 */
CREATE TYPE influence_internal.commission_unit AS (
	visitor_id uuid,
	order_ref text,
	line_no int,
	creator_id bigint,
	base bigint,
	amount bigint,
	tier_id bigint,
	rounding text,
	ordered_at timestamptz,
	payout_policy_version int,
	hold_reason text,
	credited boolean,
	net numeric
);
COMMENT ON TYPE influence_internal.commission_unit IS
'The commission of a creator for a line as it would be booked, in minor units; net: less clawbacks, with what came back too late for one.';

CREATE FUNCTION influence_internal.raise_in_row(what text, item jsonb, row_no bigint, state text, message text, detail text, hint text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF state LIKE 'IN%' THEN
		PERFORM influence_internal.raise_error(state, format('%s row %s: %s', what, row_no, message), detail, hint);
	END IF;
	RAISE EXCEPTION USING ERRCODE = CASE state WHEN '22003' THEN 'IN006' ELSE 'IN002' END,
		MESSAGE = format('%s row %s has a value that is not possible', what, row_no),
		DETAIL = left(message, 1000) || '.',
		HINT = concat('Mend ' || influence_internal.places_of(message, item) || '. ', format('Its keys are the arguments of influence.%s.', CASE what WHEN 'rates' THEN 'set_commission_rate' ELSE 'set_tier_table' END));
END
$$;
COMMENT ON FUNCTION influence_internal.raise_in_row(text, jsonb, bigint, text, text, text, text) IS
'Raises an error again that a row of a scenario met, with the number of the row.';

CREATE FUNCTION influence_internal.scenario_rates(program_id bigint, rates jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	item record;
	r record;
	card jsonb := '{}';
	key text;
	state text;
	message text;
	detail text;
	hint text;
BEGIN
	PERFORM influence_internal.require_array($2, 'rates');
	FOR item IN SELECT e.value, e.ordinality AS n FROM jsonb_array_elements($2) WITH ORDINALITY e LOOP
		PERFORM influence_internal.check_keys(item.value, '{rate,creator_id,product_id,category_id,country,flat_amount,priority,valid_from,valid_to,'
			'directness,customer_kind,boost,protect_days}', format('rates row %s', item.n));
		BEGIN
			SELECT x.rate, coalesce(x.creator_id, 0) AS creator_id, coalesce(x.product_id, 0) AS product_id,
				   coalesce(x.category_id, 0) AS category_id, coalesce(x.country, '') AS country, x.flat_amount,
				   coalesce(x.priority, 0) AS priority, coalesce(x.valid_from, '-infinity') AS valid_from,
				   coalesce(x.valid_to, 'infinity') AS valid_to, coalesce(x.directness, '') AS directness,
				   coalesce(x.customer_kind, '') AS customer_kind, coalesce(x.boost, '') AS boost,
				   coalesce(x.protect_days, 0) AS protect_days INTO r
			  FROM jsonb_to_record(item.value) x(rate numeric, creator_id bigint, product_id bigint, category_id bigint, country text,
					flat_amount bigint, priority int, valid_from timestamptz, valid_to timestamptz, directness text, customer_kind text,
					boost text, protect_days int);
			PERFORM influence_internal.check_commission_rate(r.rate, r.creator_id, r.product_id, r.category_id, r.country, r.flat_amount,
				r.valid_from, r.valid_to, r.directness, r.customer_kind, r.boost, r.protect_days);
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			PERFORM influence_internal.raise_in_row('rates', item.value, item.n, state, message, detail, hint);
		END;
		key := concat(r.creator_id, '/', r.product_id);
		card := jsonb_set(card, ARRAY[key], coalesce(card -> key, '[]') || jsonb_build_object(
			'program_id', $1, 'rate_id', item.n, 'version', 1, 'creator_id', r.creator_id, 'product_id', r.product_id,
			'category_id', r.category_id, 'country', r.country, 'directness', r.directness, 'customer_kind', r.customer_kind,
			'boost', r.boost, 'rate', r.rate, 'flat_amount', r.flat_amount, 'priority', r.priority, 'protect_days', r.protect_days,
			'valid', tstzrange(r.valid_from, nullif(r.valid_to, 'infinity'))));
	END LOOP;
	SELECT a.rate_id, b.rate_id AS other, b.valid INTO r
	  FROM jsonb_each(card) k
	 CROSS JOIN LATERAL jsonb_populate_recordset(NULL::influence.commission_rate, k.value) a
	 CROSS JOIN LATERAL jsonb_populate_recordset(NULL::influence.commission_rate, k.value) b
	 WHERE b.rate_id < a.rate_id AND a.valid && b.valid
	   AND (a.category_id, a.country, a.directness, a.customer_kind, a.boost, a.priority)
		   = (b.category_id, b.country, b.directness, b.customer_kind, b.boost, b.priority)
	 ORDER BY 1, 2 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'IN011',
			MESSAGE = format('rates row %s overlaps row %s, which has the same keys', r.rate_id, r.other),
			DETAIL = format('Row %s holds in %s.', r.other, r.valid),
			HINT = 'Give both a valid_from and valid_to that do not overlap, or another priority.';
	END IF;
	RETURN card;
END
$$;
COMMENT ON FUNCTION influence_internal.scenario_rates(bigint, jsonb) IS
'A rate card for a scenario: rows as set_commission_rate() takes them, valid for ever unless they say otherwise, keyed "creator/product" (0 = any) so that rate_candidates() finds the few that can fit. Their rate_id is their place. IN002, IN003, IN006, IN011 overlap.';

CREATE FUNCTION influence_internal.scenario_tiers(program_id bigint, tiers jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	item record;
	t record;
	tables jsonb := '[]';
	state text;
	message text;
	detail text;
	hint text;
BEGIN
	PERFORM influence_internal.require_array($2, 'tiers');
	FOR item IN SELECT e.value, e.ordinality AS n FROM jsonb_array_elements($2) WITH ORDINALITY e LOOP
		PERFORM influence_internal.check_keys(item.value, '{measure,mode,thresholds,rates,category_id,valid_from,valid_to}',
			format('tiers row %s', item.n));
		BEGIN
			SELECT x.measure, x.mode, x.thresholds, x.rates, coalesce(x.category_id, 0) AS category_id,
				   coalesce(x.valid_from, '-infinity') AS valid_from, coalesce(x.valid_to, 'infinity') AS valid_to INTO t
			  FROM jsonb_to_record(item.value) x(measure text, mode text, thresholds bigint[], rates numeric[], category_id bigint,
					valid_from timestamptz, valid_to timestamptz);
			PERFORM influence_internal.check_tier_table(t.measure, t.mode, t.thresholds, t.rates, t.category_id, t.valid_from, t.valid_to);
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			PERFORM influence_internal.raise_in_row('tiers', item.value, item.n, state, message, detail, hint);
		END;
		-- below 0, so that none is a stored table's
		tables := tables || jsonb_build_object('program_id', $1, 'tier_id', -item.n, 'category_id', t.category_id, 'measure', t.measure,
			'mode', t.mode, 'thresholds', t.thresholds, 'rates', t.rates, 'valid', tstzrange(t.valid_from, nullif(t.valid_to, 'infinity')));
	END LOOP;
	SELECT -a.tier_id AS row_no, -b.tier_id AS other, b.valid INTO t
	  FROM jsonb_populate_recordset(NULL::influence.tier_table, tables) a
	  JOIN jsonb_populate_recordset(NULL::influence.tier_table, tables) b ON b.category_id = a.category_id AND b.tier_id > a.tier_id AND a.valid && b.valid
	 ORDER BY 1, 2 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'IN011',
			MESSAGE = format('tiers row %s overlaps row %s of the same category', t.row_no, t.other),
			DETAIL = format('Row %s holds in %s.', t.other, t.valid),
			HINT = 'Give both a valid_from and valid_to that do not overlap.';
	END IF;
	RETURN tables;
END
$$;
COMMENT ON FUNCTION influence_internal.scenario_tiers(bigint, jsonb) IS
'Tier tables for a scenario: rows as set_tier_table() takes them, valid for ever unless they say otherwise; their tier_id is their place, negative. IN002, IN003, IN006, IN011 overlap.';

CREATE FUNCTION influence_internal.check_scenario_policy(program_id bigint, kind text, policy jsonb, span tstzrange)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	relation regclass := format('influence.%I', kind || '_policy')::regclass;
	v record;
	item record;
	broken boolean;
	complaint text := format('the %s policy has a value that is not possible', $2);
	see text := format('See the columns of the table influence.%s_policy.', $2);
BEGIN
	PERFORM influence_internal.check_keys($3, influence_internal.policy_columns($2), format('the %s policy', $2));
	FOR v IN EXECUTE format('SELECT p.version FROM %s p WHERE p.program_id = $1 AND p.valid && $2 ORDER BY 1', relation) USING $1, $4 LOOP
		BEGIN
			-- what a row of the table must be, its constraints say: they are asked about one that is not stored
			FOR item IN
				SELECT pg_get_expr(c.conbin, c.conrelid) AS condition,
					   format('new row for relation "%s_policy" violates check constraint "%s"', $2, c.conname) AS message
				  FROM pg_constraint c WHERE c.conrelid = relation AND c.contype = 'c'
				UNION ALL
				SELECT format('%I IS NOT NULL', a.attname),
					   format('null value in column "%s" of relation "%s_policy" violates not-null constraint', a.attname, $2)
				  FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND a.attnotnull AND NOT a.attisdropped
				 ORDER BY 2
			LOOP
				EXECUTE format('SELECT (%s) IS FALSE FROM (SELECT (jsonb_populate_record(p, $3)).* FROM %s p '
							   'WHERE p.program_id = $1 AND p.version = $2) r', item.condition, relation)
				   INTO broken USING $1, v.version, $3;
				IF broken THEN
					PERFORM influence_internal.raise_invalid(complaint, item.message || '.', see);
				END IF;
			END LOOP;
		EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
			PERFORM influence_internal.raise_invalid(complaint, left(SQLERRM, 1000) || '.', concat('Mend ' || influence_internal.places_of(SQLERRM, $3) || '. ', see));
		END;
		IF $2 = 'attribution' THEN
			PERFORM influence_internal.check_attribution_policy($1, v.version, $3);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.check_scenario_policy(bigint, text, jsonb, tstzrange) IS
'Raises what the setter of an attribution or commission policy would, for keys that take the place of those of the versions in force in a time span. IN002, IN005.';

CREATE FUNCTION influence_internal.scenario(program_id bigint, period text, rates jsonb, tiers jsonb, attribution jsonb, commission jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	span tstzrange;
	scenario jsonb := jsonb_build_object('month', $2);
BEGIN
	SELECT tstzrange(b.starts_at, b.ends_at) INTO span FROM influence_internal.period_bounds($1, $2) b;
	IF $3 IS NOT NULL THEN
		scenario := scenario || jsonb_build_object('rates', influence_internal.scenario_rates($1, $3),
			'directness', jsonb_path_exists($3, '$[*].directness ? (@ != "")'), 'boost', jsonb_path_exists($3, '$[*].boost ? (@ != "")'));
	END IF;
	IF $4 IS NOT NULL THEN
		scenario := scenario || jsonb_build_object('tiers', influence_internal.scenario_tiers($1, $4));
	END IF;
	IF $5 IS NOT NULL THEN
		PERFORM influence_internal.check_scenario_policy($1, 'attribution', $5, span);
		scenario := scenario || jsonb_build_object('attribution', $5);
	END IF;
	IF $6 IS NOT NULL THEN
		PERFORM influence_internal.check_scenario_policy($1, 'commission', $6, span);
		IF $6 ? 'base_less' THEN
			-- credits and returns are of the bases that were recorded
			PERFORM influence_internal.raise_unsupported('a simulation with another base_less');
		END IF;
		scenario := scenario || jsonb_build_object('commission', $6);
	END IF;
	RETURN scenario;
END
$$;
COMMENT ON FUNCTION influence_internal.scenario(bigint, text, jsonb, jsonb, jsonb, jsonb) IS
'One value of what is to be otherwise in a month of a program: month, and of rates (scenario_rates(), with directness and boost: whether a row asks for them), tiers (scenario_tiers()), attribution and commission (keys of the policies) those that are given. Without any of them: as it is. IN002, IN003, IN005, IN006, IN010 base_less, IN011.';
