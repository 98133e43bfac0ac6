/*
 * commissions.sql
 *
 * From credits to commissions: one earning per line and creator at the rate
 * card's rate, frozen with its version. A creator who may not earn, or has no
 * rate, gets an earning of 0 that says why, so that nothing is silently absent.
 */
CREATE FUNCTION influence_internal.hold_until(program_id bigint, at timestamptz, policy_version int DEFAULT NULL, OUT available_at timestamptz, OUT version int,
	OUT rounding text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	p record;
BEGIN
	SELECT y.*, g.time_zone INTO STRICT p
	  FROM influence.payout_policy y JOIN influence.program g ON g.program_id = y.program_id
	 WHERE y.program_id = $1 AND CASE WHEN $3 IS NULL THEN y.valid @> $2 ELSE y.version = $3 END;
	version := p.version;
	rounding := p.rounding;
	-- months and days count in the program's time zone, never the session's; the rest is elapsed time
	IF p.hold_after_month_end IS NOT NULL THEN
		available_at := (date_trunc('month', $2 AT TIME ZONE p.time_zone) + interval '1 month'
						 + make_interval(days => p.hold_after_month_end)) AT TIME ZONE p.time_zone;
	ELSE
		available_at := influence_internal.calendar_add($2, p.hold, p.time_zone);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.hold_until(bigint, timestamptz, int) IS
'When what is earned at a moment becomes available under the payout policy of that moment (or a given version), with its version and rounding.';

CREATE FUNCTION influence_internal.book_commissions(program_id bigint, visitor_id uuid, order_ref text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO influence.earning (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq, base, rate_id,
								   rate_version, rate, flat_amount, rounding, amount, currency, occurred_at, available_at,
								   payout_policy_version, hold_reason)
	WITH o AS MATERIALIZED (
		SELECT x.program_id, x.ordered_at, x.country, x.currency, g.paying, h.available_at, h.rounding,
			   h.version AS payout_policy_version
		  FROM influence.orders x
		  JOIN influence.program g ON g.program_id = x.program_id
		 CROSS JOIN LATERAL influence_internal.hold_until(x.program_id, x.ordered_at) h
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3
	)
	SELECT $2, $1, $3, c.line_no, c.creator_id, 'commission', 0, c.base, r.rate_id, r.version, r.rate, r.flat_amount,
		   o.rounding, CASE WHEN b.bar IS NULL THEN coalesce(influence.commission_minor(c.base, r.rate, o.rounding), 0) ELSE 0 END,
		   o.currency, o.ordered_at, o.available_at, o.payout_policy_version, coalesce(b.bar, CASE WHEN r.rate_id IS NULL THEN 'no_rate' END)
	  FROM o
	 CROSS JOIN LATERAL (SELECT x.line_no, x.creator_id, sum(x.credit)::bigint AS base
						   FROM influence.credit x
						  WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3
							AND x.creator_id IS NOT NULL AND x.superseded_by IS NULL
						  GROUP BY x.line_no, x.creator_id) c
	  JOIN influence.order_line l ON l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3 AND l.line_no = c.line_no
	 -- OFFSET 0: asked once, not once per use
	 CROSS JOIN LATERAL (SELECT CASE WHEN NOT o.paying THEN 'not_paying'
									 ELSE influence_internal.earning_bar(o.program_id, c.creator_id, o.ordered_at) END AS bar OFFSET 0) b
	  LEFT JOIN LATERAL influence_internal.rate_candidates(o.program_id, c.creator_id, l.product_id, l.category_path, o.country,
														   o.ordered_at) r ON r.choice = 1 AND b.bar IS NULL;
END
$$;
COMMENT ON FUNCTION influence_internal.book_commissions(bigint, uuid, text) IS
'Books one commission per line and credited creator: commission_minor(sum of the creator''s credits, rate).';

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
	), e AS (
		SELECT x.*, l.base_amount, l.product_id, l.category_path
		  FROM influence.earning x
		  JOIN influence.order_line l ON l.visitor_id = buyer AND l.program_id = $1 AND l.order_ref = $2 AND l.line_no = x.line_no
		 WHERE x.visitor_id = buyer AND x.program_id = $1 AND x.order_ref = $2 AND x.line_no = coalesce($3, x.line_no)
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
	)
	SELECT f.line_no, f.creator_id, c.name, row_number() OVER (PARTITION BY f.line_no, f.creator_id ORDER BY f.step, f.part)::int,
		   f.fact, f.value, f.source
	  FROM facts f
	  JOIN influence.creator c ON c.creator_id = f.creator_id
	 ORDER BY f.line_no, f.creator_id, f.step, f.part;
END
$$;
COMMENT ON FUNCTION influence_internal.explain_commission(bigint, text, int, uuid) IS
'How the commissions of an order (or one line) came about, step by step: base, credited share per touch, every rate that fits with the one taken, commission, hold, clawbacks. IN003 no such order.';
