/*
 * settlement_units.sql
 *
 * What a month's settlement counts: units, that is the commission of a creator
 * for a line, less what came back before the month's lock. Returns are looked
 * up for the lines that have any; most have none, and their commissions can be
 * added up as they stand.
 */
CREATE FUNCTION influence_internal.settlement_terms(program_id bigint, month text, scenario jsonb DEFAULT NULL, OUT starts_at timestamptz, OUT ends_at timestamptz,
	OUT counts_until timestamptz, OUT available_at timestamptz, OUT month_cap bigint, OUT month_minimum bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT b.starts_at, b.ends_at INTO starts_at, ends_at FROM influence_internal.period_bounds($1, $2) b;
	SELECT h.available_at INTO available_at
	  FROM influence.payout_policy y
	 -- days after the month's end are those of this month, not of the one that begins when it ends
	 CROSS JOIN LATERAL influence_internal.hold_until($1,
			CASE WHEN y.hold_after_month_end IS NULL THEN settlement_terms.ends_at ELSE settlement_terms.starts_at END, y.version) h
	 WHERE y.program_id = $1 AND y.valid @> settlement_terms.starts_at;
	SELECT CASE WHEN y.tier_restate = 'forever' THEN 'infinity' ELSE settlement_terms.available_at END, y.month_cap, y.month_minimum
	  INTO counts_until, month_cap, month_minimum
	  FROM influence.commission_policy x
	 CROSS JOIN LATERAL jsonb_populate_record(x, CASE WHEN $3 ->> 'month' = $2 THEN $3 -> 'commission' END) y
	 WHERE x.program_id = $1 AND x.valid @> settlement_terms.starts_at;
END
$$;
COMMENT ON FUNCTION influence_internal.settlement_terms(bigint, text, jsonb) IS
'What holds for the settlement of a month (YYYY-MM in the program''s time zone), by the policies in force at its first instant: its half-open bounds, until when returns count (its lock, or infinity where tiers are restated forever), when settlements become available (its lock), the cap and the minimum of a creator''s month. scenario: what simulate_program() makes otherwise. IN002, IN003.';

CREATE FUNCTION influence_internal.order_left(program_id bigint, visitor_id uuid, order_ref text, counts_until timestamptz, claws_until timestamptz)
RETURNS numeric
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = auto
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT sum(l.base_amount - greatest(0, least(l.base_amount, r.returned)))
			  FROM influence.order_line l
			 CROSS JOIN LATERAL (
					SELECT coalesce(sum(influence_internal.return_sign(x.kind) * x.amount), 0) AS returned
					  FROM influence.order_return x
					 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = l.line_no AND x.state = 'applied'
					   AND x.returned_at < $4 AND ($5 IS NULL OR x.returned_at <= $5)) r
			 WHERE l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3);
END
$$;
COMMENT ON FUNCTION influence_internal.order_left(bigint, uuid, text, timestamptz, timestamptz) IS
'The base of an order, in minor units of the program''s currency, less what came back before counts_until and not after claws_until (NULL: no limit).';

CREATE FUNCTION influence_internal.returned_units(program_id bigint, starts_at timestamptz, ends_at timestamptz, counts_until timestamptz,
	creators bigint[] DEFAULT NULL)
RETURNS TABLE (creator_id bigint, tier_id bigint, taken bigint, taken_commission bigint, taken_ever bigint)
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	zone text;
BEGIN
	SELECT g.time_zone INTO zone FROM influence.program g WHERE g.program_id = $1;
	-- lateral, so that each line probes indexes: how many there are is not known to the planner
	RETURN QUERY
	SELECT u.creator_id, u.tier_id, influence.clawback_minor(u.base, l.base_amount, 0, k.returned, u.rounding),
		   -- what a free line earned goes by its pieces
		   CASE WHEN l.base_amount = 0 THEN influence.clawback_minor(u.amount, l.quantity, 0, k.pieces, u.rounding)
				ELSE influence.clawback_minor(u.amount, l.base_amount, 0, k.returned, u.rounding) END,
		   influence.clawback_minor(u.base, l.base_amount, 0, k.returned_ever, u.rounding)
	  FROM (-- each return of a line has a clawback for each creator credited
			SELECT DISTINCT x.visitor_id, x.order_ref, x.line_no
			  FROM influence.earning x
			 WHERE x.program_id = $1 AND x.ordered_at >= $2 AND x.ordered_at < $3 AND x.kind <> 'commission'
			   AND ($5 IS NULL OR x.creator_id = ANY ($5))) x
	 CROSS JOIN LATERAL (
			SELECT e.creator_id, sum(e.base)::bigint AS base, sum(e.amount)::bigint AS amount, min(e.tier_id) AS tier_id,
				   min(e.rounding) AS rounding, min(e.ordered_at) AS ordered_at, min(e.payout_policy_version) AS policy
			  FROM influence.earning e
			 WHERE e.visitor_id = x.visitor_id AND e.program_id = $1 AND e.order_ref = x.order_ref AND e.line_no = x.line_no
			   AND e.kind = 'commission' AND e.creator_id <> 0 AND e.available_at < 'infinity' AND ($5 IS NULL OR e.creator_id = ANY ($5))
			 GROUP BY e.creator_id
			HAVING count(e.hold_reason) = 0) u
	 CROSS JOIN LATERAL (
			SELECT o.base_amount, o.quantity
			  FROM influence.order_line o
			 WHERE o.visitor_id = x.visitor_id AND o.program_id = $1 AND o.order_ref = x.order_ref AND o.line_no = x.line_no
			OFFSET 0) l
	  JOIN influence.payout_policy a ON a.program_id = $1 AND a.version = u.policy
	 CROSS JOIN LATERAL (
			SELECT greatest(0, least(l.base_amount, coalesce(sum(s.sign * r.amount) FILTER (WHERE r.returned_at < $4), 0)))::bigint AS returned,
				   greatest(0, least(l.quantity, coalesce(sum(s.sign * r.quantity) FILTER (WHERE r.returned_at < $4), 0)))::bigint AS pieces,
				   greatest(0, least(l.base_amount, coalesce(sum(s.sign * r.amount), 0)))::bigint AS returned_ever
			  FROM influence.order_return r
			 CROSS JOIN LATERAL (SELECT influence_internal.return_sign(r.kind) AS sign) s
			 WHERE r.visitor_id = x.visitor_id AND r.program_id = $1 AND r.order_ref = x.order_ref AND r.line_no = x.line_no AND r.state = 'applied'
			   AND (a.max_clawback_age IS NULL OR r.returned_at <= influence_internal.calendar_add(u.ordered_at, a.max_clawback_age, zone))) k;
END
$$;
COMMENT ON FUNCTION influence_internal.returned_units(bigint, timestamptz, timestamptz, timestamptz, bigint[]) IS
'For the units of a program''s orders of a time span whose lines have returns (of some creators, or of all): the base and commission that came back before counts_until, and the base that ever came back, in minor units. What came back too late for a clawback (max_clawback_age) does not count, goodwill neither; a reversed chargeback counts down, never below 0. Unbarred commissions only.';

CREATE FUNCTION influence_internal.settlement_units(program_id bigint, starts_at timestamptz, ends_at timestamptz, counts_until timestamptz,
	creators bigint[] DEFAULT NULL, commissions influence_internal.commission_unit[] DEFAULT NULL, policy jsonb DEFAULT NULL)
RETURNS TABLE (creator_id bigint, visitor_id uuid, order_ref text, line_no int, ordered_at timestamptz, tier_id bigint, brand text,
			   net bigint, commission bigint, late bigint, pieces bigint, line_cap bigint, order_cap bigint)
LANGUAGE plpgsql STABLE
ROWS 100000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	zone text;
BEGIN
	SELECT g.time_zone INTO zone FROM influence.program g WHERE g.program_id = $1;
	RETURN QUERY
	SELECT u.creator_id, u.visitor_id, u.order_ref, u.line_no, u.ordered_at, u.tier_id, p.brand,
		   u.base - influence.clawback_minor(u.base, l.base_amount, 0, k.returned, u.rounding),
		   u.amount - CASE WHEN l.base_amount = 0 THEN influence.clawback_minor(u.amount, l.quantity, 0, k.pieces, u.rounding)
						   ELSE influence.clawback_minor(u.amount, l.base_amount, 0, k.returned, u.rounding) END,
		   influence.clawback_minor(u.base, l.base_amount, 0, k.returned_ever, u.rounding)
		   - influence.clawback_minor(u.base, l.base_amount, 0, k.returned, u.rounding),
		   l.quantity - k.pieces,
		   CASE WHEN $7 ? 'line_cap' THEN ($7 ->> 'line_cap')::bigint ELSE y.line_cap END,
		   CASE WHEN $7 ? 'order_cap' THEN ($7 ->> 'order_cap')::bigint ELSE y.order_cap END
	  FROM (SELECT e.visitor_id, e.order_ref, e.line_no, e.creator_id, sum(e.base)::bigint AS base, sum(e.amount)::bigint AS amount,
				   min(e.tier_id) AS tier_id, min(e.rounding) AS rounding, min(e.ordered_at) AS ordered_at,
				   min(e.payout_policy_version) AS policy
			  FROM influence.earning e
			 WHERE $6 IS NULL AND e.program_id = $1 AND e.ordered_at >= $2 AND e.ordered_at < $3 AND e.kind = 'commission' AND e.creator_id <> 0
			   AND e.available_at < 'infinity'		-- when it is known from when on, it is settled
			   -- a commission occurs when its order does: by this the index of a creator's earnings serves
			   AND ($5 IS NULL OR (e.creator_id = ANY ($5) AND e.occurred_at >= $2 AND e.occurred_at < $3))
			 GROUP BY e.visitor_id, e.order_ref, e.line_no, e.creator_id
			HAVING count(e.hold_reason) = 0
			UNION ALL
			SELECT c.visitor_id, c.order_ref, c.line_no, c.creator_id, c.base, c.amount, c.tier_id, c.rounding, c.ordered_at,
				   c.payout_policy_version
			  FROM unnest($6) c
			 WHERE c.creator_id <> 0 AND c.hold_reason IS NULL) u
	  JOIN influence.order_line l ON l.visitor_id = u.visitor_id AND l.program_id = $1 AND l.order_ref = u.order_ref AND l.line_no = u.line_no
	  JOIN influence.product p ON p.product_id = l.product_id
	  JOIN influence.orders o ON o.visitor_id = u.visitor_id AND o.program_id = $1 AND o.order_ref = u.order_ref
	  JOIN influence.payout_policy a ON a.program_id = $1 AND a.version = u.policy
	  LEFT JOIN influence.commission_policy y ON y.program_id = $1
			-- what came by COPY has no version
			AND CASE WHEN o.commission_policy_version IS NULL THEN y.valid @> o.ordered_at ELSE y.version = o.commission_policy_version END
	 CROSS JOIN LATERAL (
			SELECT greatest(0, least(l.base_amount, coalesce(sum(s.sign * r.amount) FILTER (WHERE r.returned_at < $4), 0)))::bigint AS returned,
				   greatest(0, least(l.quantity, coalesce(sum(s.sign * r.quantity) FILTER (WHERE r.returned_at < $4), 0)))::bigint AS pieces,
				   greatest(0, least(l.base_amount, coalesce(sum(s.sign * r.amount), 0)))::bigint AS returned_ever
			  FROM influence.order_return r
			 CROSS JOIN LATERAL (SELECT influence_internal.return_sign(r.kind) AS sign) s
			 WHERE r.visitor_id = u.visitor_id AND r.program_id = $1 AND r.order_ref = u.order_ref AND r.line_no = u.line_no AND r.state = 'applied'
			   AND (a.max_clawback_age IS NULL OR r.returned_at <= influence_internal.calendar_add(u.ordered_at, a.max_clawback_age, zone))) k;
END
$$;
COMMENT ON FUNCTION influence_internal.settlement_units(bigint, timestamptz, timestamptz, timestamptz, bigint[], influence_internal.commission_unit[], jsonb) IS
'The units of a program''s orders of a time span (of some creators, or of all), unbarred commissions only, in minor units: net = base, and commission, less what came back before counts_until, as returned_units() counts it; late = base that came back later; pieces that stayed; brand of the product; caps of the order''s commission policy. commissions: units that were not booked take the place of those that were; policy: keys that take the place of those of the commission policy.';
