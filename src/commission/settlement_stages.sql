/*
 * settlement_stages.sql
 *
 * What the settlement of a month should be: a function of the facts alone.
 * Where only tiers of revenue and month_minimum count, sums per creator and
 * tier table are enough. Caps, budgets, bonuses and tiers of orders or units
 * need every unit in the order (ordered_at, order_ref, line_no, creator_id,
 * visitor_id). Each stage takes what the one before leaves, and each
 * difference is of rounded or capped running sums, so all telescopes.
 */
CREATE FUNCTION influence_internal.settled_by_units(program_id bigint, months text[])
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	span tstzrange;
BEGIN
	SELECT tstzrange(min(b.starts_at), max(b.ends_at)) INTO span
	  FROM unnest($2) m CROSS JOIN LATERAL influence_internal.period_bounds($1, m) b;
	RETURN EXISTS (SELECT FROM influence.commission_policy y
					WHERE y.program_id = $1 AND y.valid && span AND num_nonnulls(y.line_cap, y.order_cap, y.month_cap) > 0)
		OR EXISTS (SELECT FROM influence.commission_budget b WHERE b.program_id = $1 AND b.valid && span)
		OR EXISTS (SELECT FROM influence.bonus_rule b WHERE b.program_id = $1 AND b.valid && span)
		OR EXISTS (SELECT FROM influence.tier_table t WHERE t.program_id = $1 AND t.stated && span AND t.measure <> 'revenue');
END
$$;
COMMENT ON FUNCTION influence_internal.settled_by_units(bigint, text[]) IS
'Whether months of a program have to be settled unit by unit: caps, budgets, bonus rules, or tiers of orders or units reach them.';

CREATE FUNCTION influence_internal.share(amount numeric, part numeric, whole numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	-- div() is exact, a quotient of numerics is not: it may be rounded to a tie
	SELECT pg_catalog.sign(product) OPERATOR(pg_catalog.*) pg_catalog.div(
		2 OPERATOR(pg_catalog.*) pg_catalog.abs(product) OPERATOR(pg_catalog.+) whole, 2 OPERATOR(pg_catalog.*) whole)
	  FROM (SELECT amount OPERATOR(pg_catalog.*) part) p(product)
$$;
COMMENT ON FUNCTION influence_internal.share(numeric, numeric, numeric) IS
'round(amount x part / whole) of whole numbers, exact, half away from zero; whole > 0.';

CREATE FUNCTION influence_internal.settlement_by_sums(program_id bigint, month text, creators bigint[] DEFAULT NULL,
	until timestamptz DEFAULT 'infinity')
RETURNS TABLE (creator_id bigint, stage text, ref bigint, amount bigint, measured bigint)
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	m record;
BEGIN
	SELECT t.starts_at, least(t.ends_at, $4) AS ends_at, least(t.counts_until, $4) AS counts_until, t.month_minimum INTO m
	  FROM influence_internal.settlement_terms($1, $2) t;
	RETURN QUERY
	WITH booked AS (
		SELECT e.creator_id, e.tier_id, sum(e.base) AS net, sum(e.amount) AS commission
		  FROM influence.earning e
		 WHERE e.program_id = $1 AND e.ordered_at >= m.starts_at AND e.ordered_at < m.ends_at AND e.kind = 'commission'
		   AND e.hold_reason IS NULL AND e.creator_id <> 0 AND e.available_at < 'infinity'
		   -- a commission occurs when its order does: by this the index of a creator's earnings serves
		   AND ($3 IS NULL OR (e.creator_id = ANY ($3) AND e.occurred_at >= m.starts_at AND e.occurred_at < m.ends_at))
		 GROUP BY e.creator_id, e.tier_id
	), replaced AS (
		-- barred later: what was booked before does not count either
		SELECT e.creator_id, e.tier_id, e.base, e.amount
		  FROM (SELECT DISTINCT o.visitor_id, o.order_ref
				  FROM influence.order_event v
				  JOIN influence.orders o ON o.program_id = $1 AND o.order_ref = v.replacement_ref
						AND o.ordered_at >= m.starts_at AND o.ordered_at < m.ends_at
				 WHERE v.program_id = $1 AND v.replacement_ref IS NOT NULL) o
		  JOIN influence.earning e ON e.visitor_id = o.visitor_id AND e.program_id = $1 AND e.order_ref = o.order_ref
		 WHERE e.kind = 'commission' AND e.hold_reason IS NULL AND e.creator_id <> 0 AND e.available_at < 'infinity' AND ($3 IS NULL OR e.creator_id = ANY ($3))
		   AND EXISTS (SELECT FROM influence.earning x
						WHERE x.visitor_id = e.visitor_id AND x.program_id = $1 AND x.order_ref = e.order_ref AND x.line_no = e.line_no
						  AND x.creator_id = e.creator_id AND x.kind = 'commission' AND x.hold_reason IS NOT NULL)
	), sums AS (
		SELECT u.creator_id, u.tier_id, sum(u.net)::bigint AS net, sum(u.commission)::bigint AS commission, sum(u.late)::bigint AS late
		  FROM (SELECT b.creator_id, b.tier_id, b.net, b.commission, 0 AS late FROM booked b
				UNION ALL
				SELECT p.creator_id, p.tier_id, -p.base, -p.amount, 0 FROM replaced p
				UNION ALL
				SELECT r.creator_id, r.tier_id, -r.taken, -r.taken_commission, r.taken_ever - r.taken
				  FROM influence_internal.returned_units($1, m.starts_at, m.ends_at, m.counts_until, $3) r) u
		 GROUP BY u.creator_id, u.tier_id
	), tiered AS (
		SELECT s.creator_id, s.tier_id, s.net, s.late, s.commission,
			   CASE WHEN t.tier_id IS NULL THEN s.commission ELSE influence.tiered_amount(s.net, t.thresholds, t.rates, t.mode) END AS settled
		  FROM sums s
		  LEFT JOIN influence.tier_table t ON t.program_id = $1 AND t.tier_id = s.tier_id
	)
	SELECT x.creator_id, y.stage, y.ref, y.amount, y.measured
	  FROM (SELECT t.creator_id, array_agg(t.tier_id) AS tiers, array_agg(t.settled - t.commission) AS changes, array_agg(t.net) AS nets,
				   sum(t.net) AS net, sum(t.late) AS late, sum(t.settled) AS settled, sum(t.settled - t.commission) AS changed
			  FROM tiered t
			 GROUP BY t.creator_id) x
	 CROSS JOIN LATERAL (
			SELECT 'tier' AS stage, v.tier_id AS ref, v.change AS amount, v.net AS measured
			  FROM unnest(x.tiers, x.changes, x.nets) v(tier_id, change, net) WHERE v.tier_id IS NOT NULL
			UNION ALL
			SELECT 'minimum', 0, greatest(0, m.month_minimum - x.settled)::bigint, NULL WHERE x.net > 0 AND m.month_minimum IS NOT NULL
			UNION ALL
			SELECT 'after_lock', 0, -influence_internal.share(x.changed, x.late, x.net)::bigint, NULL WHERE x.net > 0) y
	 WHERE y.amount <> 0 OR y.stage = 'tier';
END
$$;
COMMENT ON FUNCTION influence_internal.settlement_by_sums(bigint, text, bigint[], timestamptz) IS
'What tiers of revenue, month_minimum and returns after the lock make of a month (of some creators, or of all), in minor units, without looking at single units: only for months that settled_by_units() is false for. A tier table has a row also where it changes nothing (amount 0), with what was measured. Orders and returns from until on do not count.';

CREATE FUNCTION influence_internal.settlement_by_units(program_id bigint, months text[], creators bigint[] DEFAULT NULL,
	scenario jsonb DEFAULT NULL, commissions influence_internal.commission_unit[] DEFAULT NULL, until timestamptz DEFAULT 'infinity')
RETURNS TABLE (month text, creator_id bigint, stage text, ref bigint, amount bigint, measured bigint)
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH units AS (
		SELECT x.month, m.month_cap, m.month_minimum, u.*, t.measure, t.mode, t.thresholds, t.rates,
			   CASE WHEN u.net <= 0 THEN 0
					WHEN t.measure = 'revenue' THEN u.net
					WHEN t.measure = 'units' THEN u.pieces
					-- the first line with something left counts its order
					WHEN row_number() OVER (PARTITION BY x.month, u.creator_id, u.tier_id, u.visitor_id, u.order_ref, u.net > 0
											ORDER BY u.line_no) = 1 THEN 1
					ELSE 0 END AS step
		  FROM unnest($2) x(month)
		 CROSS JOIN LATERAL influence_internal.settlement_terms($1, x.month, $4) m
		 CROSS JOIN LATERAL influence_internal.settlement_units($1, m.starts_at, least(m.ends_at, $6), least(m.counts_until, $6), $3,
				CASE WHEN $4 ->> 'month' = x.month THEN $5 END, CASE WHEN $4 ->> 'month' = x.month THEN $4 -> 'commission' END) u
		  LEFT JOIN (SELECT y.tier_id, y.measure, y.mode, y.thresholds, y.rates FROM influence.tier_table y WHERE y.program_id = $1
					 UNION ALL
					 SELECT y.tier_id, y.measure, y.mode, y.thresholds, y.rates
					   FROM jsonb_populate_recordset(NULL::influence.tier_table, $4 -> 'tiers') y) t ON t.tier_id = u.tier_id
	), measured AS (
		SELECT u.*, sum(u.step) OVER (PARTITION BY u.month, u.creator_id, u.tier_id) AS total,
			   sum(u.step) OVER w AS running, sum(u.net) OVER w AS running_net
		  FROM units u
		WINDOW w AS (PARTITION BY u.month, u.creator_id, u.tier_id
					 ORDER BY u.ordered_at, u.order_ref COLLATE "C", u.line_no, u.visitor_id ROWS UNBOUNDED PRECEDING)
	), reached AS (
		SELECT u.*, sum(u.net * u.rates[influence.reached_tier(
						CASE WHEN u.mode = 'volume' THEN u.total
							 -- what came before: the orders but this one, the pieces but these
							 ELSE greatest(0, u.running - CASE WHEN u.measure = 'orders' THEN 1 ELSE u.step END) END::bigint,
						u.thresholds)])
					OVER (PARTITION BY u.month, u.creator_id, u.tier_id
						  ORDER BY u.ordered_at, u.order_ref COLLATE "C", u.line_no, u.visitor_id ROWS UNBOUNDED PRECEDING) AS earned
		  FROM measured u
	), rounded AS (
		SELECT u.*, CASE WHEN u.mode = 'graduated' AND u.measure = 'revenue'
						 THEN influence.tiered_amount(u.running_net::bigint, u.thresholds, u.rates, 'graduated')
						 ELSE round(u.earned) END AS cumulated
		  FROM reached u
	), tiered AS (
		SELECT u.*, CASE WHEN u.tier_id IS NULL THEN u.commission
						 ELSE u.cumulated - lag(u.cumulated, 1, 0::numeric) OVER w END AS s1
		  FROM rounded u
		WINDOW w AS (PARTITION BY u.month, u.creator_id, u.tier_id ORDER BY u.ordered_at, u.order_ref COLLATE "C", u.line_no, u.visitor_id)
	), lines AS (
		-- a cap that is NULL limits nothing: least() passes it over
		SELECT u.*, least(u.s1, u.line_cap) AS s2 FROM tiered u
	), in_order AS (
		SELECT u.*, sum(u.s2) OVER (PARTITION BY u.creator_id, u.visitor_id, u.order_ref ORDER BY u.line_no ROWS UNBOUNDED PRECEDING) AS cumulated2
		  FROM lines u
	), orders AS (
		SELECT u.*, least(u.cumulated2, u.order_cap) - least(u.cumulated2 - u.s2, u.order_cap) AS s3 FROM in_order u
	), in_month AS (
		SELECT u.*, sum(u.s3) OVER (PARTITION BY u.month, u.creator_id
									ORDER BY u.ordered_at, u.order_ref COLLATE "C", u.line_no, u.visitor_id ROWS UNBOUNDED PRECEDING) AS cumulated3
		  FROM orders u
	), capped AS (
		SELECT u.*, least(u.cumulated3, u.month_cap) - least(u.cumulated3 - u.s3, u.month_cap) AS s4 FROM in_month u
	), in_brand AS (
		SELECT u.*, b.budget_id AS brand_budget, b.amount AS brand_amount,
			   sum(u.s4) OVER (PARTITION BY b.budget_id ORDER BY u.ordered_at, u.order_ref COLLATE "C", u.line_no, u.creator_id, u.visitor_id
							   ROWS UNBOUNDED PRECEDING) AS cumulated4
		  FROM capped u
		  LEFT JOIN influence.commission_budget b ON b.program_id = $1 AND b.brand = u.brand AND b.brand <> '' AND b.valid @> u.ordered_at
	), of_brand AS (
		SELECT u.*, CASE WHEN u.brand_budget IS NULL THEN u.s4
						 ELSE least(u.cumulated4, u.brand_amount) - least(u.cumulated4 - u.s4, u.brand_amount) END AS s5
		  FROM in_brand u
	), in_program AS (
		SELECT u.*, b.budget_id AS program_budget, b.amount AS program_amount,
			   sum(u.s5) OVER (PARTITION BY b.budget_id ORDER BY u.ordered_at, u.order_ref COLLATE "C", u.line_no, u.creator_id, u.visitor_id
							   ROWS UNBOUNDED PRECEDING) AS cumulated5
		  FROM of_brand u
		  LEFT JOIN influence.commission_budget b ON b.program_id = $1 AND b.brand = '' AND b.valid @> u.ordered_at
	), settled AS MATERIALIZED (
		SELECT u.month, u.creator_id, u.tier_id, u.visitor_id, u.order_ref, u.ordered_at, u.step, u.net, u.late, u.commission AS s0, u.s1,
			   u.s2, u.s3, u.s4, u.s5, u.brand_budget, u.program_budget, u.month_minimum,
			   CASE WHEN u.program_budget IS NULL THEN u.s5
					ELSE least(u.cumulated5, u.program_amount) - least(u.cumulated5 - u.s5, u.program_amount) END AS s6
		  FROM in_program u
	), bonuses AS (
		SELECT o.month, o.creator_id, b.bonus_id,
			   b.amount * CASE b.kind WHEN 'basket' THEN count(*) FILTER (WHERE o.net >= b.threshold)
									  ELSE count(*) FILTER (WHERE o.net > 0) / b.threshold END AS amount
		  FROM (SELECT s.month, s.creator_id, s.ordered_at, sum(s.net) AS net
				  FROM settled s
				 GROUP BY s.month, s.creator_id, s.visitor_id, s.order_ref, s.ordered_at) o
		  JOIN influence.bonus_rule b ON b.program_id = $1 AND b.valid @> o.ordered_at
		 GROUP BY o.month, o.creator_id, b.bonus_id, b.kind, b.threshold, b.amount
	), stages AS (
		SELECT s.month, s.creator_id, 'tier' AS stage, s.tier_id AS ref, sum(s.s1 - s.s0) AS amount, sum(s.step) AS measured
		  FROM settled s WHERE s.tier_id IS NOT NULL GROUP BY s.month, s.creator_id, s.tier_id
		UNION ALL
		SELECT s.month, s.creator_id, v.stage, 0, v.amount, NULL
		  FROM (SELECT c.month, c.creator_id, sum(c.s2 - c.s1) AS line_cap, sum(c.s3 - c.s2) AS order_cap, sum(c.s4 - c.s3) AS month_cap,
					   CASE WHEN bool_or(c.net > 0) THEN greatest(0, min(c.month_minimum) - sum(c.s6)) END AS minimum,
					   CASE WHEN sum(c.net) > 0 THEN -influence_internal.share(sum(c.s6 - c.s0), sum(c.late), sum(c.net)) END AS after_lock
				  FROM settled c
				 GROUP BY c.month, c.creator_id) s
		 CROSS JOIN LATERAL (VALUES ('line_cap', s.line_cap), ('order_cap', s.order_cap), ('month_cap', s.month_cap),
									('minimum', s.minimum), ('after_lock', s.after_lock)) v(stage, amount)
		UNION ALL
		SELECT s.month, s.creator_id, 'budget', v.budget_id, sum(v.amount), NULL
		  FROM settled s
		 CROSS JOIN LATERAL (VALUES (s.brand_budget, s.s5 - s.s4), (s.program_budget, s.s6 - s.s5)) v(budget_id, amount)
		 WHERE v.budget_id IS NOT NULL AND v.amount <> 0
		 GROUP BY s.month, s.creator_id, v.budget_id
		UNION ALL
		SELECT b.month, b.creator_id, 'bonus', b.bonus_id, b.amount, NULL FROM bonuses b
	)
	SELECT s.month, s.creator_id, s.stage, s.ref, s.amount::bigint, s.measured::bigint
	  FROM stages s
	 WHERE s.amount <> 0 OR s.stage = 'tier';
END
$$;
COMMENT ON FUNCTION influence_internal.settlement_by_units(bigint, text[], bigint[], jsonb, influence_internal.commission_unit[], timestamptz) IS
'What a settlement makes of months (of some creators, or of all), in minor units: tiers, the caps of line, order and month, budgets (of brands, then of the program), month_minimum, bonus rules, returns after the lock. Where budgets reach a month, months holds all that the budget reaches before it, and creators is NULL: budgets serve everybody''s sales in their order. scenario: what simulate_program() makes otherwise in its month, with the commissions of that month. A tier table has a row also where it changes nothing (amount 0), with what was measured. Orders and returns from until on do not count.';

CREATE FUNCTION influence_internal.coupon_credits(program_id bigint, month text, owners bigint[] DEFAULT NULL, scenario jsonb DEFAULT NULL)
RETURNS TABLE (creator_id bigint, amount bigint)
LANGUAGE plpgsql STABLE
ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	m record;
BEGIN
	IF NOT EXISTS (SELECT FROM influence.coupon c WHERE c.program_id = $1 AND c.fixed_credit IS NOT NULL) THEN
		RETURN;
	END IF;
	SELECT * INTO m FROM influence_internal.settlement_terms($1, $2, $4);
	RETURN QUERY
	SELECT x.creator_id, sum(x.fixed_credit)::bigint
	  FROM (SELECT c.creator_id, c.fixed_credit, o.visitor_id, o.order_ref, o.ordered_at
			  FROM influence.orders o
			  JOIN influence.coupon c ON c.program_id = $1 AND c.code = influence_internal.coupon_code(o.coupon) AND c.valid @> o.ordered_at
			 WHERE o.program_id = $1 AND o.ordered_at >= m.starts_at AND o.ordered_at < m.ends_at AND o.coupon IS NOT NULL
			   AND c.fixed_credit IS NOT NULL AND ($3 IS NULL OR c.creator_id = ANY ($3))) x
	 CROSS JOIN LATERAL influence_internal.order_terms($1, x.visitor_id, x.order_ref) t
	 WHERE t.earned AND t.available_at < 'infinity' AND t.paying AND NOT t.replacement
	   AND influence_internal.earning_bar($1, x.creator_id, x.ordered_at) IS NULL
	   AND x.creator_id <> ALL (influence_internal.buyer_creators(influence_internal.person_visitors(x.visitor_id)))
	   AND influence_internal.order_left($1, x.visitor_id, x.order_ref, m.counts_until, t.claws_until) > 0
	 GROUP BY x.creator_id;
END
$$;
COMMENT ON FUNCTION influence_internal.coupon_credits(bigint, text, bigint[], jsonb) IS
'What the orders of a month with a coupon that has a fixed_credit bring its owner (some owners, or all), in minor units: once per order that is earned, is no replacement and keeps something by the lock; not for the owner''s own purchases, nor where the owner was not admitted or suspended, nor in a program that does not pay.';

CREATE FUNCTION influence_internal.wanted_settlements(program_id bigint, months text[], creators bigint[] DEFAULT NULL, scenario jsonb DEFAULT NULL,
	commissions influence_internal.commission_unit[] DEFAULT NULL)
RETURNS TABLE (month text, creator_id bigint, stage text, ref bigint, amount bigint)
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	item text;
BEGIN
	IF $4 IS NOT NULL OR influence_internal.settled_by_units($1, $2) THEN
		RETURN QUERY
		SELECT u.month, u.creator_id, u.stage, u.ref, u.amount
		  FROM influence_internal.settlement_by_units($1, $2, $3, $4, $5) u WHERE u.amount <> 0;
	ELSE
		FOREACH item IN ARRAY $2 LOOP
			RETURN QUERY
			SELECT item, s.creator_id, s.stage, s.ref, s.amount FROM influence_internal.settlement_by_sums($1, item, $3) s WHERE s.amount <> 0;
		END LOOP;
	END IF;
	FOREACH item IN ARRAY $2 LOOP
		RETURN QUERY SELECT item, c.creator_id, 'coupon', 0::bigint, c.amount FROM influence_internal.coupon_credits($1, item, $3, $4) c;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.wanted_settlements(bigint, text[], bigint[], jsonb, influence_internal.commission_unit[]) IS
'What the facts say that the settlement of months should be (of some creators, or of all), in minor units by stage and ref; rows of 0 are left out. Where budgets reach a month, ask for all months that they connect (settled_together). scenario, commissions: what simulate_program() makes otherwise in one month.';
