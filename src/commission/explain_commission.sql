/*
 * explain_commission.sql
 *
 * explain_commission: from the base of a line to the money, step by step, with
 * the rates that were taken and those that lost, to what the settlement of the
 * month made of it.
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
	money text;
	zone text;
	terms record;
BEGIN
	SELECT f.currency, f.time_zone INTO money, zone FROM influence_internal.program_facts($1) f;
	SELECT t.* INTO terms FROM influence_internal.order_terms($1, buyer, $2) t;
	RETURN QUERY
	WITH o AS (
		SELECT x.* FROM influence.orders x WHERE x.visitor_id = buyer AND x.program_id = $1 AND x.order_ref = $2
	), booked AS (
		SELECT x.* FROM influence.earning x
		 WHERE x.visitor_id = buyer AND x.program_id = $1 AND x.order_ref = $2 AND x.line_no = coalesce($3, x.line_no)
	), credits AS (
		SELECT x.* FROM influence.credit x
		 WHERE x.visitor_id = buyer AND x.program_id = $1 AND x.order_ref = $2 AND x.superseded_by IS NULL
		   AND x.creator_id IS NOT NULL AND x.line_no = coalesce($3, x.line_no)
	), e AS (
		-- net of what was corrected later
		SELECT x.line_no, x.creator_id, x.kind, x.seq, sum(x.base)::bigint AS base, sum(x.amount)::bigint AS amount, min(x.rate_id) AS rate_id,
			   min(x.rate) AS rate, min(x.flat_amount) AS flat_amount, min(x.rounding) AS rounding, min(x.hold_reason) AS hold_reason,
			   (array_agg(x.available_at ORDER BY x.revision DESC))[1] AS available_at, min(x.payout_policy_version) AS payout_policy_version,
			   min(x.return_ref) AS return_ref, min(x.directness) AS directness, min(x.customer_kind) AS customer_kind, min(x.boost) AS boost,
			   min(x.tier_id) AS tier_id
		  FROM booked x
		 GROUP BY x.line_no, x.creator_id, x.kind, x.seq
		UNION ALL
		SELECT DISTINCT c.line_no, c.creator_id, 'commission', 0, 0::bigint, 0::bigint, NULL::bigint, NULL::numeric, NULL::bigint, NULL, 'not earned yet',
			   NULL::timestamptz, NULL::int, NULL, NULL, NULL, NULL, NULL::bigint
		  FROM credits c
		 WHERE NOT EXISTS (SELECT FROM booked b WHERE b.line_no = c.line_no AND b.creator_id = c.creator_id)
	), c AS (
		SELECT e.*, l.base_amount, l.order_amount, l.fx_rate, l.fx_source, l.quantity, l.product_id, l.category_path
		  FROM e
		  JOIN influence.order_line l ON l.visitor_id = buyer AND l.program_id = $1 AND l.order_ref = $2 AND l.line_no = e.line_no
		 WHERE e.kind = 'commission'
	), facts AS (
		SELECT c.line_no, c.creator_id, 1 AS step, 0::bigint AS part, 'base of the line' AS fact,
			   influence.format_minor(c.base_amount, money) || ' ' || money AS value,
			   CASE WHEN c.fx_rate IS NULL THEN 'order line'
					ELSE format('order line: %s %s at %s (%s)', influence.format_minor(c.order_amount, o.currency::text), o.currency, c.fx_rate, c.fx_source)
			   END AS source
		  FROM c CROSS JOIN o
		UNION ALL
		SELECT c.line_no, c.creator_id, 2, row_number() OVER (PARTITION BY c.line_no, c.creator_id ORDER BY k.touched_at, k.touch_ref COLLATE "C"),
			   format('credited share (%s)', round(k.weight::numeric, 6)), influence.format_minor(k.credit, money) || ' ' || money,
			   format('touch %s, attribution policy version %s, %s', k.touch_ref, k.policy_version, k.snapshot ->> 'model')
		  FROM c JOIN credits k ON k.line_no = c.line_no AND k.creator_id = c.creator_id
		UNION ALL
		SELECT c.line_no, c.creator_id, 3, 0, 'kind of sale', concat_ws(', ', c.directness, c.customer_kind || ' customer', c.boost),
			   'what rates can be for'
		  FROM c WHERE c.rate_id IS NOT NULL AND num_nonnulls(c.directness, c.customer_kind, c.boost) > 0
		UNION ALL
		SELECT c.line_no, c.creator_id, 3, r.choice,
			   CASE WHEN r.rate_id = c.rate_id THEN 'rate taken' || coalesce(': kept until ' || p.until, '')
					WHEN r.rate_id = p.rate_id THEN 'rate not taken: earns less, the creator posted before it'
					WHEN r.created_at > o.received_at THEN 'rate not taken: set after the order'
					ELSE 'rate not taken: less specific' END,
			   coalesce(r.rate::text, influence.format_minor(r.flat_amount, money) || ' ' || money || ' a piece'),
			   format('rate %s version %s, %s', r.rate_id, r.version, influence_internal.rate_scope($1, r.rate_id))
		  FROM c CROSS JOIN o
		  -- the row that would have been taken, if it did not protect the creator
		  LEFT JOIN LATERAL (
				SELECT f.rate_id, f.began_at + make_interval(hours => 24 * f.protect_days) AS until
				  FROM influence_internal.rate_candidates($1, c.creator_id, c.product_id, c.category_path, o.country, o.ordered_at,
														  c.directness, c.customer_kind, c.boost) f
				 WHERE f.choice = 1 AND f.rate_id <> c.rate_id AND f.created_at <= o.received_at
				   AND o.ordered_at < f.began_at + make_interval(hours => 24 * f.protect_days)) p ON true
		 CROSS JOIN LATERAL influence_internal.rate_candidates($1, c.creator_id, c.product_id, c.category_path, o.country, o.ordered_at,
															   c.directness, c.customer_kind, c.boost, c.rate_id) r
		 WHERE c.rate_id IS NOT NULL
		UNION ALL
		SELECT c.line_no, c.creator_id, 4, 0,
			   CASE WHEN c.creator_id = 0 THEN 'the platform''s own cut' ELSE 'commission' END || coalesce(': ' || c.hold_reason, ''),
			   influence.format_minor(c.amount, money) || ' ' || money,
			   CASE WHEN c.creator_id = 0 THEN format('%s credited to creators x %s, rounded %s, commission policy version %s',
					influence.format_minor(c.base, money), c.rate, c.rounding, influence_internal.order_commission_policy($1, buyer, $2))
					WHEN c.rate IS NOT NULL THEN format('%s x %s, rounded %s%s', influence.format_minor(c.base, money), c.rate, c.rounding,
					CASE WHEN y.rounding_scope = 'order' THEN ' over the order' ELSE '' END)
					WHEN c.flat_amount IS NOT NULL THEN format('flat %s x %s%s', influence.format_minor(c.flat_amount, money), influence_internal.counted(c.quantity, 'piece'),
					CASE WHEN s.creators > 1 THEN format(', shared by %s creators', s.creators) ELSE '' END)
					WHEN c.hold_reason = 'not earned yet' AND terms.waits_for IS NOT NULL
					THEN format('waits for the order event %s, payout policy version %s', terms.waits_for, terms.payout_policy_version)
					WHEN c.hold_reason = 'not earned yet' THEN 'it came by COPY: the job reattribute books it'
					ELSE 'no rate applies' END
		  FROM c
		  LEFT JOIN influence.payout_policy y ON y.program_id = $1 AND y.version = c.payout_policy_version
		  LEFT JOIN (SELECT k.line_no, count(DISTINCT k.creator_id) AS creators FROM credits k GROUP BY k.line_no) s ON s.line_no = c.line_no
		UNION ALL
		SELECT c.line_no, c.creator_id, 4, 1, 'tier table', t.tier_id::text,
			   format('%s by the month''s %s: %s from %s, settled monthly', t.mode, t.measure, t.rates, t.thresholds)
		  FROM c JOIN influence.tier_table t ON t.program_id = $1 AND t.tier_id = c.tier_id
		UNION ALL
		SELECT c.line_no, c.creator_id, 5, 0, 'available at', CASE WHEN isfinite(c.available_at) THEN c.available_at::text ELSE 'not known yet' END,
			   format('payout policy version %s', c.payout_policy_version)
			   || CASE WHEN isfinite(c.available_at) THEN '' ELSE format(': waits for the order event %s', y.hold_from) END
		  FROM c
		  LEFT JOIN influence.payout_policy y ON y.program_id = $1 AND y.version = c.payout_policy_version
		 WHERE c.available_at IS NOT NULL
		UNION ALL
		SELECT e.line_no, e.creator_id, 6, 2 * e.seq + (e.kind = 'write_off')::int, replace(e.kind, '_', '-'),
			   influence.format_minor(e.amount, money) || ' ' || money,
			   CASE e.kind WHEN 'clawback' THEN format('return %s takes back %s of the share', e.return_ref, influence.format_minor(-e.base, money))
						   ELSE format('return %s came too late to be taken back', e.return_ref) END
		  FROM e WHERE e.kind <> 'commission'
		UNION ALL
		SELECT x.line_no, x.creator_id, 7, x.revision * 1000::bigint + x.seq, 'of this, booked later',
			   influence.format_minor(x.amount, money) || ' ' || money,
			   format('%s, booking %s, available %s', replace(x.kind, '_', '-'), x.revision + 1,
					CASE WHEN isfinite(x.available_at) THEN 'at ' || x.available_at ELSE 'not known yet' END)
		  FROM booked x WHERE x.revision > 0
		UNION ALL
		-- an event that the order has not taken in
		SELECT c.line_no, c.creator_id, 8, row_number() OVER (PARTITION BY c.line_no, c.creator_id ORDER BY v.occurred_at, v.event_ref COLLATE "C"),
			   format('order event %s: %s', v.kind, v.state), v.occurred_at::text,
			   CASE v.state WHEN 'parked' THEN 'it came by COPY: the job reattribute takes it in' ELSE 'it names another person' END
		  FROM c
		  JOIN influence.order_event v ON v.program_id = $1 AND v.order_ref = $2 AND v.state <> 'counted'
		UNION ALL
		-- all of the creator's sales of the month, this one among them
		SELECT c.line_no, c.creator_id, 9, row_number() OVER (PARTITION BY c.line_no, c.creator_id ORDER BY m.place, m.ref),
			   format('settlement of %s: %s', m.month, replace(m.stage, '_', ' ')), influence.format_minor(m.amount, money) || ' ' || money,
			   concat_ws(', ', CASE m.stage WHEN 'tier' THEN format('tier table %s', m.ref) WHEN 'budget' THEN format('budget %s', m.ref)
											WHEN 'bonus' THEN format('bonus %s', m.ref) END,
						 'all sales of the creator in that month', 'available at ' || m.available_at)
		  FROM c
		  JOIN (SELECT s.creator_id, s.month, s.stage, s.ref, sum(s.amount)::bigint AS amount, max(s.available_at) AS available_at,
					   array_position('{tier,line_cap,order_cap,month_cap,budget,minimum,bonus,coupon,after_lock}', s.stage) AS place
				  FROM influence.settlement s
				 WHERE s.program_id = $1 AND s.month = to_char(terms.ordered_at AT TIME ZONE zone, 'YYYY-MM')
				 GROUP BY s.creator_id, s.month, s.stage, s.ref) m ON m.creator_id = c.creator_id AND m.amount <> 0
		 WHERE c.hold_reason IS NULL
	)
	SELECT f.line_no, f.creator_id, CASE WHEN f.creator_id = 0 THEN 'the platform' ELSE n.name END,
		   row_number() OVER (PARTITION BY f.line_no, f.creator_id ORDER BY f.step, f.part)::int, f.fact, f.value, f.source
	  FROM facts f
	  LEFT JOIN influence.creator n ON n.creator_id = f.creator_id
	 -- the platform comes last
	 ORDER BY f.line_no, f.creator_id = 0, f.creator_id, f.step, f.part;
END
$$;
COMMENT ON FUNCTION influence_internal.explain_commission(bigint, text, int, uuid) IS
'How the commissions of an order (or one line) came about, step by step: base with its exchange rate, credited share per touch, the kind of sale, every rate that fits with the one taken (or kept from before, and until when), commission (rate or share of a flat amount), tier table, hold with the event that it waits for, clawbacks and write-offs, what of them was booked later (booking 2, 3, ...: a later attribution of the order, a moved hold) and from when on that is available, order events that were not taken in, and last, by stage, what the settlement of the month added to all of the creator''s sales of it; creator_id 0 is the platform''s own cut. IN003 no such order.';
