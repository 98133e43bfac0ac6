/*
 * check_commissions.sql
 *
 * The part of check_books() that recomputes commissions from what is frozen:
 * lines from their amounts and exchange rates, commissions from the credited
 * bases at the rates that were taken, the platform's own cut from all of them.
 */
CREATE FUNCTION influence_internal.check_commissions(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH booked AS NOT MATERIALIZED (
		SELECT x.*, format('order %s line %s creator %s', x.order_ref, x.line_no, x.creator_id) AS subject
		  FROM influence.earning x WHERE x.kind = 'commission' AND x.program_id = coalesce($1, x.program_id)
	), net AS (
		-- net of what later attributions corrected; what the kernels would refuse is a violation, not an error of the proof
		SELECT x.visitor_id, x.program_id, x.order_ref, x.line_no, x.creator_id, x.subject, sum(x.base)::bigint AS base,
			   sum(x.amount)::bigint AS amount, min(x.rate_id) AS rate_id, min(x.rate) AS rate, min(x.flat_amount) AS flat_amount,
			   min(x.rounding) AS rounding, min(x.hold_reason) AS hold_reason, min(x.payout_policy_version) AS payout_policy_version,
			   min(x.flat_amount) >= 0 OR (min(x.rate) BETWEEN 0 AND 1000 AND scale(min(x.rate)) <= 9) AS possible
		  FROM booked x
		 GROUP BY x.visitor_id, x.program_id, x.order_ref, x.line_no, x.creator_id, x.subject
	), e AS (
		SELECT n.*, l.quantity, l.base_amount, y.rounding_scope,
			   -- a creator's lines at one rate up to this one, and whoever is credited in the line
			   sum(n.base) FILTER (WHERE n.hold_reason IS NULL)
					OVER (PARTITION BY n.visitor_id, n.program_id, n.order_ref, n.creator_id, n.rate_id ORDER BY n.line_no) AS up_to,
			   array_agg(n.creator_id) FILTER (WHERE n.creator_id <> 0) OVER line AS creators,
			   array_agg(greatest(n.base, 0)::numeric) FILTER (WHERE n.creator_id <> 0) OVER line AS bases
		  FROM net n
		  JOIN influence.order_line l ON l.visitor_id = n.visitor_id AND l.program_id = n.program_id AND l.order_ref = n.order_ref AND l.line_no = n.line_no
		  LEFT JOIN influence.payout_policy y ON y.program_id = n.program_id AND y.version = n.payout_policy_version
		WINDOW line AS (PARTITION BY n.visitor_id, n.program_id, n.order_ref, n.line_no ORDER BY n.creator_id
						ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
	)
	SELECT 'a commission is its base at the frozen rate', e.program_id, e.subject, w.amount::text, e.amount::text
	  FROM e
	  -- lines without a base share a flat amount by weight
	  LEFT JOIN LATERAL (SELECT array_agg(k.creator_id ORDER BY k.creator_id) AS creators, array_agg(k.weight ORDER BY k.creator_id) AS weights
						   FROM (SELECT c.creator_id, round(sum(c.weight)::numeric, 9) AS weight FROM influence.credit c
								  WHERE c.visitor_id = e.visitor_id AND c.program_id = e.program_id AND c.order_ref = e.order_ref
									AND c.line_no = e.line_no AND c.creator_id IS NOT NULL AND c.superseded_by IS NULL
								  GROUP BY c.creator_id) k
						  WHERE e.flat_amount IS NOT NULL AND NOT 0 < ANY (e.bases)) k ON true
	 CROSS JOIN LATERAL (
			SELECT CASE WHEN e.hold_reason IS NOT NULL THEN 0
						WHEN NOT e.possible OR e.rounding NOT IN ('half_up', 'half_even', 'down') THEN NULL
						WHEN e.flat_amount IS NOT NULL
						THEN influence_internal.line_commission(e.base, NULL, e.flat_amount, e.quantity, coalesce(k.weights, e.bases),
								array_position(coalesce(k.creators, e.creators), e.creator_id), e.rounding)
						WHEN e.rounding_scope = 'order' AND e.rate_id IS NOT NULL
						THEN influence.commission_minor(e.up_to::bigint, e.rate, e.rounding)
							 - influence.commission_minor((e.up_to - e.base)::bigint, e.rate, e.rounding)
						ELSE influence.commission_minor(e.base, e.rate, e.rounding) END AS amount) w
	 WHERE e.amount IS DISTINCT FROM w.amount
	UNION ALL
	SELECT 'a commission has the rate of its card', b.program_id, b.subject,
		   coalesce(r.rate::text, 'flat ' || r.flat_amount, 'no such rate'), coalesce(b.rate::text, 'flat ' || b.flat_amount, 'none')
	  FROM booked b
	  LEFT JOIN influence.commission_rate r ON r.program_id = b.program_id AND r.rate_id = b.rate_id AND r.version = b.rate_version
	 WHERE b.rate_id IS NOT NULL AND (b.rate, b.flat_amount) IS DISTINCT FROM (r.rate, r.flat_amount)
	UNION ALL
	SELECT 'a commission has a rate for its line', b.program_id, b.subject, 'a rate for it', influence_internal.rate_scope(r.program_id, r.rate_id)
	  FROM booked b
	  JOIN influence.commission_rate r ON r.program_id = b.program_id AND r.rate_id = b.rate_id
	  JOIN influence.order_line l ON l.visitor_id = b.visitor_id AND l.program_id = b.program_id AND l.order_ref = b.order_ref AND l.line_no = b.line_no
	  LEFT JOIN influence.orders o ON r.country <> '' AND o.visitor_id = b.visitor_id AND o.program_id = b.program_id AND o.order_ref = b.order_ref
	 WHERE r.creator_id NOT IN (0, b.creator_id) OR r.product_id NOT IN (0, l.product_id) OR (r.category_id <> 0 AND r.category_id <> ALL (l.category_path))
		OR r.country NOT IN ('', coalesce(o.country, '')) OR r.directness NOT IN ('', coalesce(b.directness, ''))
		OR r.customer_kind NOT IN ('', coalesce(b.customer_kind, '')) OR r.boost NOT IN ('', coalesce(b.boost, ''))
	UNION ALL
	SELECT 'a commission has the tier table of its line', b.program_id, b.subject, 'one of its categories and its time', format('tier table %s', b.tier_id)
	  FROM booked b
	  JOIN influence.order_line l ON l.visitor_id = b.visitor_id AND l.program_id = b.program_id AND l.order_ref = b.order_ref AND l.line_no = b.line_no
	 WHERE b.tier_id IS NOT NULL
	   -- what became a replacement later keeps the table that it was booked with
	   AND (b.rate IS NULL OR b.hold_reason <> 'replacement'
			OR NOT EXISTS (SELECT FROM influence.tier_table t
							WHERE t.program_id = b.program_id AND t.tier_id = b.tier_id AND t.stated @> b.ordered_at
							  AND (t.category_id = 0 OR t.category_id = ANY (l.category_path))))
	UNION ALL
	-- wherever creators have a commission booked
	SELECT 'the platform''s own cut is on all that is credited', x.program_id, format('order %s line %s', x.order_ref, x.line_no),
		   CASE WHEN p.platform_rate IS NULL THEN 'nothing' ELSE format('%s of %s', p.platform_rate, x.base) END,
		   CASE WHEN x.rate IS NULL THEN 'nothing' ELSE format('%s of %s', x.rate, x.platform_base) END
	  FROM (SELECT n.visitor_id, n.program_id, n.order_ref, n.line_no, sum(n.base) FILTER (WHERE n.creator_id <> 0) AS base,
				   sum(n.base) FILTER (WHERE n.creator_id = 0) AS platform_base, max(n.rate) FILTER (WHERE n.creator_id = 0) AS rate,
				   bool_or(n.creator_id = 0 AND n.hold_reason IS NULL) OR bool_or(n.creator_id <> 0 AND n.hold_reason IS DISTINCT FROM 'replacement') AS counts
			  FROM net n GROUP BY n.visitor_id, n.program_id, n.order_ref, n.line_no) x
	  JOIN influence.program g ON g.program_id = x.program_id
	  LEFT JOIN influence.orders o ON o.visitor_id = x.visitor_id AND o.program_id = x.program_id AND o.order_ref = x.order_ref
	  LEFT JOIN influence.commission_policy p ON p.program_id = x.program_id AND p.version = o.commission_policy_version AND p.platform_rate > 0 AND g.paying
	 WHERE x.counts AND ((p.platform_rate, x.base) IS DISTINCT FROM (x.rate, x.platform_base)) AND num_nonnulls(p.platform_rate, x.rate) > 0
	UNION ALL
	SELECT 'an earning has the currency of its program', x.program_id, format('order %s line %s creator %s', x.order_ref, x.line_no, x.creator_id),
		   g.currency::text, x.currency::text
	  FROM influence.earning x JOIN influence.program g ON g.program_id = x.program_id
	 WHERE x.currency <> g.currency AND x.program_id = coalesce($1, x.program_id)
	UNION ALL
	SELECT 'a line''s base is its amount at the frozen exchange rate', l.program_id, format('order %s line %s', l.order_ref, l.line_no),
		   coalesce(w.base::text, 'an exchange rate'), l.base_amount::text
	  FROM influence.order_line l
	  JOIN influence.orders o ON o.visitor_id = l.visitor_id AND o.program_id = l.program_id AND o.order_ref = l.order_ref
	  JOIN influence.program g ON g.program_id = l.program_id
	 CROSS JOIN LATERAL (SELECT CASE WHEN o.currency = g.currency THEN CASE WHEN l.fx_rate IS NULL THEN coalesce(l.order_amount, l.base_amount) END
									 ELSE influence_internal.convert_minor(l.order_amount, o.currency::text, g.currency::text, l.fx_rate) END AS base) w
	 WHERE l.base_amount IS DISTINCT FROM w.base AND l.program_id = coalesce($1, l.program_id);
END
$$;
COMMENT ON FUNCTION influence_internal.check_commissions(bigint) IS
'The part of check_books() about what lines earn: bases at frozen exchange rates, commissions at frozen rates (in percent, rounded by line or order, or shares of a flat amount), tier tables, the platform''s own cut, currencies.';
