/*
 * commissions.sql
 *
 * From credits to commissions: one earning per line and creator at the rate
 * card's rate, frozen with its version. A creator who may not earn, or has no
 * rate, gets an earning of 0 that says why, so that nothing is silently absent.
 * Both writers book differences: what should be there less what is there.
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

CREATE FUNCTION influence_internal.book_commissions(program_id bigint, visitor_id uuid, order_ref text, revision int DEFAULT 0)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO influence.earning (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq, base, rate_id,
								   rate_version, rate, flat_amount, rounding, amount, currency, occurred_at, available_at,
								   payout_policy_version, hold_reason, revision)
	WITH booked AS MATERIALIZED (
		-- what a creator was first booked with is frozen: rate, rounding, hold and bar
		SELECT x.line_no, x.creator_id, sum(x.base)::bigint AS base, sum(x.amount)::bigint AS amount, min(x.rate_id) AS rate_id,
			   min(x.rate_version) AS rate_version, min(x.rate) AS rate, min(x.flat_amount) AS flat_amount, min(x.rounding) AS rounding,
			   min(x.hold_reason) AS hold_reason, min(x.payout_policy_version) AS policy
		  FROM influence.earning x
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.kind = 'commission'
		 GROUP BY x.line_no, x.creator_id
	), o AS MATERIALIZED (
		SELECT x.program_id, x.ordered_at, x.country, x.currency, g.paying, h.available_at, h.rounding,
			   h.version AS payout_policy_version
		  FROM influence.orders x
		  JOIN influence.program g ON g.program_id = x.program_id
		 CROSS JOIN LATERAL influence_internal.hold_until(x.program_id, x.ordered_at, (SELECT min(b.policy) FROM booked b)) h
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3
	), wanted AS MATERIALIZED (
		SELECT x.line_no, x.creator_id, sum(x.credit)::bigint AS base
		  FROM influence.credit x
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3
		   AND x.creator_id IS NOT NULL AND x.superseded_by IS NULL
		 GROUP BY x.line_no, x.creator_id
	), fresh AS MATERIALIZED (
		SELECT w.line_no, w.creator_id, w.base, r.rate_id, r.version AS rate_version, r.rate, r.flat_amount, o.rounding,
			   coalesce(b.bar, CASE WHEN r.rate_id IS NULL THEN 'no_rate' END) AS hold_reason
		  FROM wanted w
		 CROSS JOIN o
		  JOIN influence.order_line l ON l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3 AND l.line_no = w.line_no
		 -- OFFSET 0: asked once, not once per use
		 CROSS JOIN LATERAL (SELECT CASE WHEN NOT o.paying THEN 'not_paying'
										 ELSE influence_internal.earning_bar(o.program_id, w.creator_id, o.ordered_at) END AS bar OFFSET 0) b
		  LEFT JOIN LATERAL influence_internal.rate_candidates(o.program_id, w.creator_id, l.product_id, l.category_path, o.country,
															   o.ordered_at) r ON r.choice = 1 AND b.bar IS NULL
		 WHERE NOT EXISTS (SELECT FROM booked k WHERE k.line_no = w.line_no AND k.creator_id = w.creator_id)
	)
	SELECT $2, $1, $3, f.line_no, f.creator_id, 'commission', 0, f.base, f.rate_id, f.rate_version, f.rate, f.flat_amount, f.rounding,
		   CASE WHEN f.hold_reason IS NULL THEN influence.commission_minor(f.base, f.rate, f.rounding) ELSE 0 END,
		   o.currency, o.ordered_at, o.available_at, o.payout_policy_version, f.hold_reason, $4
	  FROM fresh f CROSS JOIN o
	UNION ALL
	-- what changed since, as a difference; also where a creator came or went with a base of 0, for the statistics
	SELECT $2, $1, $3, b.line_no, b.creator_id, 'commission', 0, n.base - b.base, b.rate_id, b.rate_version, b.rate, b.flat_amount, b.rounding,
		   CASE WHEN b.hold_reason IS NULL THEN influence.commission_minor(n.base, b.rate, b.rounding) ELSE 0 END - b.amount,
		   o.currency, o.ordered_at, o.available_at, o.payout_policy_version, b.hold_reason, $4
	  FROM booked b
	 CROSS JOIN o
	  LEFT JOIN wanted w ON w.line_no = b.line_no AND w.creator_id = b.creator_id
	 CROSS JOIN LATERAL (SELECT coalesce(w.base, 0) AS base) n
	 WHERE n.base <> b.base
		OR (EXISTS (SELECT FROM influence.credit x
					 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = b.line_no AND x.revision = $4)
			AND (w.base IS NULL) <> NOT EXISTS (
					SELECT FROM influence.credit x
					 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = b.line_no
					   AND x.creator_id = b.creator_id AND x.superseded_by IS NOT NULL AND x.xact = pg_current_xact_id()));
END
$$;
COMMENT ON FUNCTION influence_internal.book_commissions(bigint, uuid, text, int) IS
'Books what is missing so that each line and credited creator has commission_minor(sum of the creator''s credits, rate): one commission at first, differences under a later revision, at the rate, rounding and hold that were first booked.';

CREATE FUNCTION influence_internal.book_clawbacks(program_id bigint, visitor_id uuid, order_ref text, revision int DEFAULT 0)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO influence.earning (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq, base, rate_id,
								   rate_version, rate, flat_amount, rounding, amount, currency, occurred_at, available_at,
								   payout_policy_version, return_ref, revision)
	WITH returns AS MATERIALIZED (
		SELECT r.line_no, r.seq, r.amount, r.return_ref, r.returned_at,
			   (sum(r.amount) OVER (PARTITION BY r.line_no ORDER BY r.seq) - r.amount)::bigint AS before
		  FROM influence.order_return r
		 WHERE r.visitor_id = $2 AND r.program_id = $1 AND r.order_ref = $3 AND r.state = 'applied'
	), earned AS MATERIALIZED (
		SELECT e.line_no, e.creator_id, sum(e.base)::bigint AS base, sum(e.amount)::bigint AS amount, min(e.rate_id) AS rate_id,
			   min(e.rate_version) AS rate_version, min(e.rate) AS rate, min(e.flat_amount) AS flat_amount, min(e.rounding) AS rounding,
			   min(e.currency::text) AS currency, min(e.available_at) AS available_at, min(e.payout_policy_version) AS policy,
			   EXISTS (SELECT FROM influence.credit c
						WHERE c.visitor_id = $2 AND c.program_id = $1 AND c.order_ref = $3 AND c.line_no = e.line_no
						  AND c.creator_id = e.creator_id AND c.superseded_by IS NULL) AS present
		  FROM influence.earning e
		 WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.kind = 'commission'
		 GROUP BY e.line_no, e.creator_id
	), clawed AS MATERIALIZED (
		SELECT e.line_no, e.creator_id, e.seq, sum(e.base)::bigint AS base, sum(e.amount)::bigint AS amount
		  FROM influence.earning e
		 WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.kind = 'clawback'
		 GROUP BY e.line_no, e.creator_id, e.seq
	)
	SELECT $2, $1, $3, e.line_no, e.creator_id, 'clawback', r.seq, d.base, e.rate_id, e.rate_version, e.rate, e.flat_amount, e.rounding,
		   d.amount, e.currency, r.returned_at, e.available_at, e.policy, r.return_ref, $4
	  FROM earned e
	  JOIN returns r ON r.line_no = e.line_no
	  JOIN influence.order_line l ON l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3 AND l.line_no = e.line_no
	  LEFT JOIN clawed k ON k.line_no = e.line_no AND k.creator_id = e.creator_id AND k.seq = r.seq
	 CROSS JOIN LATERAL (
			SELECT -influence.clawback_minor(e.base, l.base_amount, r.before, r.amount, e.rounding) - coalesce(k.base, 0) AS base,
				   -influence.clawback_minor(e.amount, l.base_amount, r.before, r.amount, e.rounding) - coalesce(k.amount, 0) AS amount) d
	 WHERE (k.seq IS NULL AND e.present) OR d.base <> 0 OR d.amount <> 0;
END
$$;
COMMENT ON FUNCTION influence_internal.book_clawbacks(bigint, uuid, text, int) IS
'Books what is missing so that each return has taken back its share of every commission of its line: the k-th round(C R_k / N) - round(C R_(k-1) / N), differences under a later revision; available when the commission is.';

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
