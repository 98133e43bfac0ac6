/*
 * explain_commission.sql
 *
 * explain_commission: from the base of a line to the money, step by step, with
 * the rates that were taken and those that lost.
 */
CREATE FUNCTION influence_internal.explain_commission(program_id bigint, order_ref text, line_no int DEFAULT NULL,
	visitor_id uuid DEFAULT NULL)
RETURNS TABLE (line int, creator_id bigint, creator_name text, step int, fact text, value text, source text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	buyer uuid := influence_internal.order_visitor($1, $2, $4);
BEGIN
	RETURN QUERY
	WITH o AS (
		SELECT x.* FROM influence.orders x WHERE x.visitor_id = buyer AND x.program_id = $1 AND x.order_ref = $2
	), booked AS (
		SELECT x.* FROM influence.earning x
		 WHERE x.visitor_id = buyer AND x.program_id = $1 AND x.order_ref = $2 AND x.line_no = coalesce($3, x.line_no)
	), e AS (
		-- net of what later attributions corrected
		SELECT x.line_no, x.creator_id, x.kind, x.seq, sum(x.base)::bigint AS base, sum(x.amount)::bigint AS amount, min(x.rate_id) AS rate_id,
			   min(x.rate) AS rate, min(x.rounding) AS rounding, min(x.hold_reason) AS hold_reason, min(x.currency::text) AS currency,
			   min(x.available_at) AS available_at, min(x.payout_policy_version) AS payout_policy_version, min(x.return_ref) AS return_ref,
			   l.base_amount, l.product_id, l.category_path
		  FROM booked x
		  JOIN influence.order_line l ON l.visitor_id = buyer AND l.program_id = $1 AND l.order_ref = $2 AND l.line_no = x.line_no
		 GROUP BY x.line_no, x.creator_id, x.kind, x.seq, l.base_amount, l.product_id, l.category_path
	), facts AS (
		SELECT e.line_no, e.creator_id, 1 AS step, 0::bigint AS part, 'base of the line' AS fact,
			   influence.format_minor(e.base_amount, e.currency::text) || ' ' || e.currency AS value, 'order line' AS source
		  FROM e WHERE e.kind = 'commission'
		UNION ALL
		SELECT e.line_no, e.creator_id, 2, row_number() OVER (PARTITION BY e.line_no, e.creator_id ORDER BY c.touched_at, c.touch_ref COLLATE "C"),
			   format('credited share (%s)', round(c.weight::numeric, 6)), influence.format_minor(c.credit, e.currency::text) || ' ' || e.currency,
			   format('touch %s, attribution policy version %s, %s', c.touch_ref, c.policy_version, c.snapshot ->> 'model')
		  FROM e JOIN influence.credit c ON c.visitor_id = buyer AND c.program_id = $1 AND c.order_ref = $2 AND c.line_no = e.line_no
				AND c.creator_id = e.creator_id AND c.superseded_by IS NULL
		 WHERE e.kind = 'commission'
		UNION ALL
		SELECT e.line_no, e.creator_id, 3, r.choice,
			   CASE WHEN r.rate_id = e.rate_id THEN 'rate taken'
					WHEN r.created_at > o.received_at THEN 'rate not taken: set after the order'
					ELSE 'rate not taken: less specific' END,
			   coalesce(r.rate::text, r.flat_amount::text), format('rate %s version %s, %s', r.rate_id, r.version, r.reason)
		  FROM e CROSS JOIN o
		 CROSS JOIN LATERAL influence_internal.rate_candidates($1, e.creator_id, e.product_id, e.category_path, o.country, o.ordered_at, e.rate_id) r
		 WHERE e.kind = 'commission' AND e.rate_id IS NOT NULL
		UNION ALL
		SELECT e.line_no, e.creator_id, 4, 0, 'commission' || coalesce(': ' || e.hold_reason, ''),
			   influence.format_minor(e.amount, e.currency::text) || ' ' || e.currency,
			   CASE WHEN e.rate IS NOT NULL THEN format('%s x %s, rounded %s', influence.format_minor(e.base, e.currency::text), e.rate, e.rounding)
					ELSE 'no rate applies' END
		  FROM e WHERE e.kind = 'commission'
		UNION ALL
		SELECT e.line_no, e.creator_id, 5, 0, 'available at', e.available_at::text, format('payout policy version %s', e.payout_policy_version)
		  FROM e WHERE e.kind = 'commission'
		UNION ALL
		SELECT e.line_no, e.creator_id, 6, e.seq, 'clawback', influence.format_minor(e.amount, e.currency::text) || ' ' || e.currency,
			   format('return %s takes back %s of the share', e.return_ref, influence.format_minor(-e.base, e.currency::text))
		  FROM e WHERE e.kind = 'clawback'
		UNION ALL
		SELECT x.line_no, x.creator_id, 7, x.revision * 1000 + x.seq, 'of this, booked by a later attribution',
			   influence.format_minor(x.amount, x.currency::text) || ' ' || x.currency, format('%s, attribution %s of the order', x.kind, x.revision + 1)
		  FROM booked x WHERE x.revision > 0
	)
	SELECT f.line_no, f.creator_id, c.name, row_number() OVER (PARTITION BY f.line_no, f.creator_id ORDER BY f.step, f.part)::int,
		   f.fact, f.value, f.source
	  FROM facts f
	  JOIN influence.creator c ON c.creator_id = f.creator_id
	 ORDER BY f.line_no, f.creator_id, f.step, f.part;
END
$$;
COMMENT ON FUNCTION influence_internal.explain_commission(bigint, text, int, uuid) IS
'How the commissions of an order (or one line) came about, step by step: base, credited share per touch, every rate that fits with the one taken, commission, hold, clawbacks, and what of them later attributions of the order booked. IN003 no such order.';
