/*
 * commission_choice.sql
 *
 * What an order's lines should earn: for each line and credited creator the
 * base, the rate that was chosen (and stays, once booked) and the amount. A
 * creator who may not earn, or has no rate, gets 0 with the reason, so that
 * nothing is silently absent.
 */
CREATE FUNCTION influence_internal.wanted_commissions(program_id bigint, visitor_id uuid, order_ref text)
RETURNS TABLE (line_no int, creator_id bigint, base bigint, rate_id bigint, rate_version int, rate numeric, flat_amount bigint,
			   rounding text, amount bigint, hold_reason text, directness text, customer_kind text, boost text, tier_id bigint,
			   credited boolean)
LANGUAGE plpgsql STABLE
ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	o record;
BEGIN
	SELECT * INTO o FROM influence_internal.order_terms($1, $2, $3);
	RETURN QUERY
	WITH booked AS MATERIALIZED (
		-- what a creator was first booked with is frozen
		SELECT x.line_no, x.creator_id, min(x.rate_id) AS rate_id, min(x.rate_version) AS rate_version, min(x.rate) AS rate,
			   min(x.flat_amount) AS flat_amount, min(x.rounding) AS rounding, min(x.hold_reason) AS hold_reason,
			   min(x.directness) AS directness, min(x.customer_kind) AS customer_kind, min(x.boost) AS boost, min(x.tier_id) AS tier_id
		  FROM influence.earning x
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.kind = 'commission'
		 GROUP BY x.line_no, x.creator_id
	), now AS MATERIALIZED (
		SELECT x.line_no, x.creator_id, sum(x.credit)::bigint AS base
		  FROM influence.credit x
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3
		   AND x.creator_id IS NOT NULL AND x.superseded_by IS NULL
		 GROUP BY x.line_no, x.creator_id
	), fresh AS MATERIALIZED (
		SELECT n.line_no, n.creator_id, n.base, r.rate_id, r.version AS rate_version, r.rate, r.flat_amount, o.rounding,
			   coalesce(b.bar, CASE WHEN r.rate_id IS NULL THEN 'no_rate' END) AS hold_reason
		  FROM now n
		  JOIN influence.order_line l ON l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3 AND l.line_no = n.line_no
		 -- OFFSET 0: asked once, not once per use
		 CROSS JOIN LATERAL (SELECT CASE WHEN NOT o.paying THEN 'not_paying'
										 ELSE influence_internal.earning_bar($1, n.creator_id, o.ordered_at) END AS bar OFFSET 0) b
		  LEFT JOIN LATERAL influence_internal.rate_candidates($1, n.creator_id, l.product_id, l.category_path, o.country,
															   o.ordered_at) r ON r.choice = 1 AND b.bar IS NULL
		 WHERE NOT EXISTS (SELECT FROM booked k WHERE k.line_no = n.line_no AND k.creator_id = n.creator_id)
	)
	SELECT f.line_no, f.creator_id, f.base, f.rate_id, f.rate_version, f.rate, f.flat_amount, f.rounding,
		   CASE WHEN f.hold_reason IS NULL THEN influence.commission_minor(f.base, f.rate, f.rounding) ELSE 0 END,
		   f.hold_reason, NULL::text, NULL::text, NULL::text, NULL::bigint, true
	  FROM fresh f
	UNION ALL
	SELECT b.line_no, b.creator_id, coalesce(n.base, 0), b.rate_id, b.rate_version, b.rate, b.flat_amount, b.rounding,
		   CASE WHEN b.hold_reason IS NULL THEN influence.commission_minor(coalesce(n.base, 0), b.rate, b.rounding) ELSE 0 END,
		   b.hold_reason, b.directness, b.customer_kind, b.boost, b.tier_id, n.base IS NOT NULL
	  FROM booked b
	  LEFT JOIN now n ON n.line_no = b.line_no AND n.creator_id = b.creator_id;
END
$$;
COMMENT ON FUNCTION influence_internal.wanted_commissions(bigint, uuid, text) IS
'The commissions that an order should have with its present credits: one row per line and creator that is credited, or was (base 0 then, credited false), at the rate and rounding that was first booked, else chosen now.';
