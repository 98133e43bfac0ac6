/*
 * simulation.sql
 *
 * simulate_program: what a month would have cost under another rate card, other
 * tiers or policies. Both sides, as it is and as it would be, are worked out by
 * the functions that book commissions, returns and settlements; nothing is
 * written and nothing is locked, so it runs on a standby.
 */
CREATE FUNCTION influence_internal.simulated_commissions(program_id bigint, month text, scenario jsonb)
RETURNS SETOF influence_internal.commission_unit
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
-- order by order: one plan that goes by indexes, as for the writers
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	span record;
	o record;
BEGIN
	SELECT * INTO span FROM influence_internal.period_bounds($1, $2);
	FOR o IN
		SELECT x.visitor_id, x.order_ref,
			   EXISTS (SELECT FROM influence.order_return r
						WHERE r.visitor_id = x.visitor_id AND r.program_id = $1 AND r.order_ref = x.order_ref AND r.state = 'applied') AS returned
		  FROM influence.orders x
		 WHERE x.program_id = $1 AND x.ordered_at >= span.starts_at AND x.ordered_at < span.ends_at
	LOOP
		RETURN QUERY
		SELECT o.visitor_id, o.order_ref, w.line_no, w.creator_id, w.base, w.amount, w.tier_id, w.rounding, t.ordered_at,
			   t.payout_policy_version,
			   -- what is held without an end is not settled yet
			   coalesce(w.hold_reason, CASE WHEN t.available_at = 'infinity' THEN 'held' END), w.credited, w.amount + coalesce(k.amount, 0)
		  FROM influence_internal.order_terms($1, o.visitor_id, o.order_ref) t
		 CROSS JOIN LATERAL influence_internal.wanted_commissions($1, o.visitor_id, o.order_ref, t, $3) w
		  LEFT JOIN LATERAL (
				SELECT sum(c.amount) AS amount
				  FROM influence_internal.wanted_clawbacks($1, o.visitor_id, o.order_ref, w.line_no, w.base, w.amount, w.rounding, t.claws_until) c
				 WHERE o.returned) k ON true
		 WHERE t.earned;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.simulated_commissions(bigint, text, jsonb) IS
'The commissions that the orders of a month should have under a scenario (NULL: as it is), as far as they are earned, less what their returns take back.';

CREATE FUNCTION influence_internal.simulated_income(program_id bigint, month text, months text[], scenario jsonb)
RETURNS TABLE (creator_id bigint, orders bigint, commission numeric, settlement numeric)
LANGUAGE plpgsql STABLE
ROWS 1000
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	commissions influence_internal.commission_unit[] :=
		ARRAY(SELECT c FROM influence_internal.simulated_commissions($1, $2, $4) c);
BEGIN
	RETURN QUERY
	SELECT x.creator_id, sum(x.orders)::bigint, sum(x.commission), sum(x.settlement)
	  FROM (SELECT c.creator_id, count(DISTINCT (c.visitor_id, c.order_ref)) FILTER (WHERE c.credited) AS orders, sum(c.net) AS commission,
				   0 AS settlement
			  FROM unnest(commissions) c
			 GROUP BY c.creator_id
			UNION ALL
			SELECT s.creator_id, 0, 0, s.amount
			  FROM influence_internal.wanted_settlements($1, $3, NULL, $4, commissions) s
			 WHERE s.month = $2) x
	 GROUP BY x.creator_id;
END
$$;
COMMENT ON FUNCTION influence_internal.simulated_income(bigint, text, text[], jsonb) IS
'What the creators (0 = the platform''s own cut) would have of a month under a scenario: orders credited, commissions less clawbacks with what came back too late, and the month''s settlement. months: the month with those before it that budgets connect with it.';

CREATE FUNCTION influence_internal.simulate_program(program_id bigint, period text, rates jsonb DEFAULT NULL, tiers jsonb DEFAULT NULL,
	attribution jsonb DEFAULT NULL, commission jsonb DEFAULT NULL)
RETURNS TABLE (creator_id bigint, creator_name text, orders bigint, commission_now numeric, commission_then numeric, difference numeric,
			   orders_then bigint, settlement_now numeric, settlement_then numeric)
LANGUAGE plpgsql STABLE
ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	scenario jsonb := influence_internal.scenario($1, $2, $3, $4, $5, $6);
	-- what a budget paid before the month is gone
	months text[] := ARRAY(SELECT m FROM unnest(influence_internal.settled_together($1, $2)) m WHERE m <= $2 ORDER BY m);
BEGIN
	RETURN QUERY
	WITH income AS (
		SELECT x.creator_id, sum(x.orders) FILTER (WHERE NOT x.changed) AS orders,
			   sum(x.commission + x.settlement) FILTER (WHERE NOT x.changed) AS commission_now,
			   sum(x.commission + x.settlement) FILTER (WHERE x.changed) AS commission_then,
			   sum(x.orders) FILTER (WHERE x.changed) AS orders_then,
			   sum(x.settlement) FILTER (WHERE NOT x.changed) AS settlement_now, sum(x.settlement) FILTER (WHERE x.changed) AS settlement_then
		  FROM (SELECT i.*, false AS changed
				  FROM influence_internal.simulated_income($1, $2, months, jsonb_build_object('month', $2)) i
				UNION ALL
				SELECT i.*, true FROM influence_internal.simulated_income($1, $2, months, scenario) i) x
		 GROUP BY GROUPING SETS ((x.creator_id), ())
	)
	SELECT i.creator_id, CASE i.creator_id WHEN 0 THEN 'the platform' ELSE coalesce(c.name, 'total') END, coalesce(i.orders, 0)::bigint,
		   coalesce(i.commission_now, 0), coalesce(i.commission_then, 0), coalesce(i.commission_then, 0) - coalesce(i.commission_now, 0),
		   coalesce(i.orders_then, 0)::bigint, coalesce(i.settlement_now, 0), coalesce(i.settlement_then, 0)
	  FROM income i
	  LEFT JOIN influence.creator c ON c.creator_id = i.creator_id
	 -- the platform and the sum of all come last
	 ORDER BY i.creator_id IS NULL, i.creator_id = 0, i.creator_id;
EXCEPTION WHEN numeric_value_out_of_range THEN
	RAISE EXCEPTION USING ERRCODE = 'IN006', MESSAGE = 'a number is out of range', DETAIL = SQLERRM || '.',
		HINT = 'Give rates and flat amounts with which no line earns more than a bigint of minor units holds.';
END
$$;
COMMENT ON FUNCTION influence_internal.simulate_program(bigint, text, jsonb, jsonb, jsonb, jsonb) IS
'What the orders of a month (YYYY-MM in the program''s time zone) would bring the creators under other rules; read-only. rates: another rate card as an array of rows with the arguments of set_commission_rate, valid for ever unless they say otherwise; it replaces the card for all orders of the month, also what was chosen and booked. tiers: other tier tables, likewise as set_tier_table takes them ([] = none). attribution: keys of the attribution policy; the orders are attributed again with what is known now. commission: keys of the commission policy but base_less. NULL = as it is; so is everything else: holds, rounding, bars, budgets, bonuses, coupons, returns. One row per creator, also those credited or paid on one side only, the platform''s own cut (creator_id 0), and a total of all rows (creator_id NULL), in minor units of the program''s currency: orders credited, commission_now and commission_then less clawbacks and with the settlement of the month, their difference, and the settlements in them. "As it is" means what the jobs will have booked once they have run. What earned nothing yet (not shipped, say) counts on neither side. Takes the time that booking the month''s orders twice would take, about. IN002 and IN003 as the setters, IN005 as set_attribution_policy, IN006, IN010 base_less, IN011 rows that overlap.';
