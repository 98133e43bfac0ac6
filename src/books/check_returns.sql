/*
 * check_returns.sql
 *
 * The parts of check_books() about the life of orders and what came back of
 * them. The sums are worked out in one piece from all returns of a line, not
 * return by return as they were booked.
 */
CREATE FUNCTION influence_internal.check_terms(program_id bigint)
RETURNS TABLE (visitor_id uuid, program bigint, order_ref text, waits_for text, available_at timestamptz, replacement boolean,
			   claws_until timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH booked AS (
		SELECT e.visitor_id, e.program_id, e.order_ref, min(e.payout_policy_version) AS version
		  FROM influence.earning e
		 WHERE e.kind = 'commission' AND e.program_id = coalesce($1, e.program_id)
		 GROUP BY 1, 2, 3
	), life AS (
		SELECT e.visitor_id, e.program_id, e.order_ref,
			   min(e.occurred_at) FILTER (WHERE e.kind IN ('shipped', 'delivered')) AS shipped,
			   min(e.occurred_at) FILTER (WHERE e.kind = 'delivered') AS delivered
		  FROM influence.order_event e
		 WHERE e.state = 'counted' AND e.program_id = coalesce($1, e.program_id)
		 GROUP BY 1, 2, 3
	), sent AS (
		SELECT DISTINCT o.visitor_id, o.program_id, o.order_ref
		  FROM influence.order_event e
		  JOIN influence.orders o ON o.program_id = e.program_id AND o.order_ref = e.replacement_ref
		 WHERE e.state = 'counted' AND e.replacement_ref IS NOT NULL AND e.program_id = coalesce($1, e.program_id)
		   AND influence_internal.person_of(o.visitor_id) = influence_internal.person_of(e.visitor_id)
	)
	SELECT o.visitor_id, o.program_id, o.order_ref,
		   CASE WHEN CASE y.earns_at WHEN 'shipped' THEN l.shipped WHEN 'delivered' THEN l.delivered ELSE o.ordered_at END IS NULL THEN y.earns_at END,
		   -- days and months on the program's calendar, the rest elapsed
		   CASE WHEN f.held_from IS NULL THEN 'infinity'
				WHEN y.hold_after_month_end IS NOT NULL
				THEN (date_trunc('month', f.held_from AT TIME ZONE g.time_zone) + interval '1 month' + make_interval(days => y.hold_after_month_end))
					 AT TIME ZONE g.time_zone
				ELSE ((f.held_from AT TIME ZONE g.time_zone) + date_trunc('day', y.hold)) AT TIME ZONE g.time_zone
					 + (y.hold - date_trunc('day', y.hold)) END,
		   s.order_ref IS NOT NULL,
		   ((o.ordered_at AT TIME ZONE g.time_zone) + date_trunc('day', y.max_clawback_age)) AT TIME ZONE g.time_zone
		   + (y.max_clawback_age - date_trunc('day', y.max_clawback_age))
	  FROM influence.orders o
	  JOIN influence.program g ON g.program_id = o.program_id
	  LEFT JOIN booked b ON b.visitor_id = o.visitor_id AND b.program_id = o.program_id AND b.order_ref = o.order_ref
	  LEFT JOIN life l ON l.visitor_id = o.visitor_id AND l.program_id = o.program_id AND l.order_ref = o.order_ref
	  LEFT JOIN sent s ON s.visitor_id = o.visitor_id AND s.program_id = o.program_id AND s.order_ref = o.order_ref
	  JOIN influence.payout_policy y ON y.program_id = o.program_id
			AND CASE WHEN b.version IS NULL THEN y.valid @> o.ordered_at ELSE y.version = b.version END
	 CROSS JOIN LATERAL (SELECT CASE y.hold_from WHEN 'shipped' THEN l.shipped WHEN 'delivered' THEN l.delivered ELSE o.ordered_at END AS held_from) f
	 WHERE o.program_id = coalesce($1, o.program_id);
END
$$;
COMMENT ON FUNCTION influence_internal.check_terms(bigint) IS
'For check_books(): what order_terms() says, worked out anew for all orders of a program at once: the event that an order waits for (NULL: it is earned), when its hold ends, whether it replaces another one, until when returns cost the creators.';

CREATE FUNCTION influence_internal.check_order_life(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH t AS MATERIALIZED (
		SELECT k.visitor_id, k.program AS program_id, k.order_ref, k.waits_for, k.available_at, k.replacement
		  FROM influence_internal.check_terms($1) k
	), n AS MATERIALIZED (
		SELECT e.visitor_id, e.program_id, e.order_ref, e.line_no, e.creator_id, e.kind, e.seq, e.available_at, sum(e.base) AS base,
			   sum(e.amount) AS amount
		  FROM influence.earning e WHERE e.program_id = coalesce($1, e.program_id)
		 GROUP BY e.visitor_id, e.program_id, e.order_ref, e.line_no, e.creator_id, e.kind, e.seq, e.available_at
	)
	SELECT 'an earning is held as its policy says', n.program_id,
		   format('order %s line %s creator %s: %s of %s', n.order_ref, n.line_no, n.creator_id, n.amount, n.kind), t.available_at::text, n.available_at::text
	  FROM n
	  JOIN t ON t.visitor_id = n.visitor_id AND t.program_id = n.program_id AND t.order_ref = n.order_ref
	 WHERE n.available_at <> t.available_at AND (n.base, n.amount) <> (0, 0)
	UNION ALL
	SELECT 'nothing is earned before its time', n.program_id, format('order %s line %s creator %s', n.order_ref, n.line_no, n.creator_id),
		   'when ' || t.waits_for, format('%s %s', n.kind, n.amount)
	  FROM n
	  JOIN t ON t.visitor_id = n.visitor_id AND t.program_id = n.program_id AND t.order_ref = n.order_ref
	 WHERE t.waits_for IS NOT NULL AND (n.base, n.amount) <> (0, 0)
	UNION ALL
	SELECT 'an order that replaces another one earns nothing', t.program_id, format('order %s', t.order_ref), '0', sum(n.amount)::text || ' of commission'
	  FROM n
	  JOIN t ON t.visitor_id = n.visitor_id AND t.program_id = n.program_id AND t.order_ref = n.order_ref
	 WHERE t.replacement AND n.kind = 'commission'
	 GROUP BY t.visitor_id, t.program_id, t.order_ref
	HAVING count(*) FILTER (WHERE n.amount <> 0) > 0
	UNION ALL
	-- of a forgotten person nobody can tell any more that both orders were its own
	SELECT DISTINCT 'what is barred as a replacement replaces an order', e.program_id, format('order %s', e.order_ref), 'an event of the order that it replaces', 'none'
	  FROM influence.earning e
	  JOIN t ON t.visitor_id = e.visitor_id AND t.program_id = e.program_id AND t.order_ref = e.order_ref
	 WHERE e.hold_reason = 'replacement' AND NOT t.replacement AND e.program_id = coalesce($1, e.program_id)
	   AND NOT EXISTS (SELECT FROM influence.forgotten_visitor f WHERE f.visitor_id = e.visitor_id)
	UNION ALL
	SELECT 'no order event waits for an order that is there', e.program_id, format('order %s event %s', e.order_ref, e.event_ref), 'counted or refused', e.state
	  FROM influence.order_event e
	  JOIN influence.orders o ON o.program_id = e.program_id AND o.order_ref = e.order_ref
	 WHERE e.state = 'parked' AND e.program_id = coalesce($1, e.program_id)
	UNION ALL
	SELECT 'an order event that counts has its order', e.program_id, format('order %s event %s', e.order_ref, e.event_ref), 'an order', 'none'
	  FROM influence.order_event e
	 WHERE e.state = 'counted' AND e.program_id = coalesce($1, e.program_id)
	   AND NOT EXISTS (SELECT FROM influence.orders o WHERE o.visitor_id = e.visitor_id AND o.program_id = e.program_id AND o.order_ref = e.order_ref)
	UNION ALL
	SELECT 'a cancellation has its event', r.program_id, format('order %s line %s', r.order_ref, r.line_no), 'a cancelled event', 'none'
	  FROM influence.order_return r
	 WHERE r.kind = 'cancelled' AND r.state = 'applied' AND r.program_id = coalesce($1, r.program_id)
	   AND NOT EXISTS (SELECT FROM influence.order_event e
						WHERE e.visitor_id = r.visitor_id AND e.program_id = r.program_id AND e.order_ref = r.order_ref
						  AND e.kind = 'cancelled' AND e.state = 'counted')
	UNION ALL
	-- of each line of a cancelled order everything is back
	SELECT 'a cancelled order has come back', l.program_id, format('order %s line %s', l.order_ref, l.line_no),
		   format('%s, at %s', l.base_amount, c.at), format('%s, at %s', sum(influence_internal.return_sign(r.kind) * r.amount),
														   coalesce((min(r.returned_at) FILTER (WHERE r.kind = 'cancelled'))::text, 'never'))
	  FROM (SELECT e.visitor_id, e.program_id, e.order_ref, min(e.occurred_at) AS at
			  FROM influence.order_event e
			 WHERE e.kind = 'cancelled' AND e.state = 'counted' AND e.program_id = coalesce($1, e.program_id)
			 GROUP BY 1, 2, 3) c
	  JOIN influence.order_line l ON l.visitor_id = c.visitor_id AND l.program_id = c.program_id AND l.order_ref = c.order_ref
	  LEFT JOIN influence.order_return r ON r.visitor_id = l.visitor_id AND r.program_id = l.program_id AND r.order_ref = l.order_ref
			AND r.line_no = l.line_no AND r.state = 'applied'
	 GROUP BY l.visitor_id, l.program_id, l.order_ref, l.line_no, l.base_amount, c.at
	HAVING sum(influence_internal.return_sign(r.kind) * r.amount) IS DISTINCT FROM l.base_amount
		OR min(r.returned_at) FILTER (WHERE r.kind = 'cancelled') IS DISTINCT FROM c.at;
END
$$;
COMMENT ON FUNCTION influence_internal.check_order_life(bigint) IS
'The part of check_books() about the life of orders: earned not before the event of its policy, held from the one it says, replacements, cancellations, no event left waiting.';

CREATE FUNCTION influence_internal.check_returns(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH e AS MATERIALIZED (
		SELECT x.visitor_id, x.program_id, x.order_ref, x.line_no, x.creator_id, min(x.rounding) AS rounding,
			   coalesce(sum(x.base) FILTER (WHERE x.kind = 'commission'), 0)::bigint AS base,
			   coalesce(sum(x.amount) FILTER (WHERE x.kind = 'commission'), 0)::bigint AS amount,
			   coalesce(sum(x.base) FILTER (WHERE x.kind <> 'commission'), 0)::bigint AS base_back,
			   coalesce(sum(x.amount) FILTER (WHERE x.kind = 'clawback'), 0)::bigint AS back,
			   coalesce(sum(x.amount) FILTER (WHERE x.kind = 'write_off'), 0)::bigint AS written_off
		  FROM influence.earning x
		 WHERE x.program_id = coalesce($1, x.program_id)
		 GROUP BY x.visitor_id, x.program_id, x.order_ref, x.line_no, x.creator_id
	), r AS MATERIALIZED (
		SELECT x.visitor_id, x.program_id, x.order_ref, x.line_no, sum(s.sign * x.amount) AS amount, sum(s.sign * x.quantity) AS pieces,
			   sum(s.sign * coalesce(x.order_amount, x.amount)) AS order_amount,
			   sum(coalesce(x.order_amount, x.amount)) FILTER (WHERE x.kind = 'goodwill') AS given,
			   sum(x.amount) FILTER (WHERE x.kind = 'goodwill') AS given_base,
			   coalesce(sum(s.sign * x.amount) FILTER (WHERE NOT t.late), 0) AS amount_in_time,
			   coalesce(sum(s.sign * x.quantity) FILTER (WHERE NOT t.late), 0) AS pieces_in_time
		  FROM influence.order_return x
		 CROSS JOIN LATERAL (SELECT CASE x.kind WHEN 'goodwill' THEN 0 WHEN 'chargeback_reversed' THEN -1 ELSE 1 END AS sign) s
		  LEFT JOIN influence_internal.check_terms($1) k ON k.visitor_id = x.visitor_id AND k.program = x.program_id AND k.order_ref = x.order_ref
		 CROSS JOIN LATERAL (SELECT coalesce(x.returned_at > k.claws_until, false) AS late) t
		 WHERE x.state = 'applied' AND x.program_id = coalesce($1, x.program_id)
		 GROUP BY x.visitor_id, x.program_id, x.order_ref, x.line_no
	)
	SELECT 'clawbacks telescope to the commission', e.program_id, format('order %s line %s creator %s', e.order_ref, e.line_no, e.creator_id),
		   format('%s of base %s, %s written off', w.back, w.base_back, w.back - w.in_time),
		   format('%s of base %s, %s written off', -e.back, -e.base_back, e.written_off)
	  FROM e
	  JOIN influence.order_line l ON l.visitor_id = e.visitor_id AND l.program_id = e.program_id AND l.order_ref = e.order_ref AND l.line_no = e.line_no
	  LEFT JOIN r ON r.visitor_id = e.visitor_id AND r.program_id = e.program_id AND r.order_ref = e.order_ref AND r.line_no = e.line_no
	 -- a free line comes back by its pieces
	 CROSS JOIN LATERAL (SELECT CASE WHEN l.base_amount = 0 THEN l.quantity ELSE l.base_amount END AS whole) n
	 CROSS JOIN LATERAL (SELECT least(n.whole, greatest(0, coalesce(CASE WHEN l.base_amount = 0 THEN r.pieces ELSE r.amount END, 0)))::bigint AS back,
							   least(n.whole, greatest(0, coalesce(CASE WHEN l.base_amount = 0 THEN r.pieces_in_time ELSE r.amount_in_time END, 0)))::bigint AS in_time) q
	 CROSS JOIN LATERAL (SELECT influence.clawback_minor(e.amount, n.whole, 0, q.back, e.rounding) AS back,
							   influence.clawback_minor(e.amount, n.whole, 0, q.in_time, e.rounding) AS in_time,
							   CASE WHEN l.base_amount = 0 THEN 0 ELSE influence.clawback_minor(e.base, n.whole, 0, q.back, e.rounding) END AS base_back) w
	 WHERE e.rounding IN ('half_up', 'half_even', 'down')
	   AND (-e.back, -e.base_back, e.written_off) <> (w.back, w.base_back, w.back - w.in_time)
	UNION ALL
	SELECT 'no line returns more than its base', l.program_id, format('order %s line %s', l.order_ref, l.line_no),
		   format('0 to %s (%s ordered), %s', l.base_amount, k.order_amount, influence_internal.counted(l.quantity, 'piece')),
		   format('%s (%s ordered), %s', r.amount, r.order_amount, influence_internal.counted(coalesce(r.pieces, 0), 'piece'))
	  FROM r
	  JOIN influence.order_line l ON l.visitor_id = r.visitor_id AND l.program_id = r.program_id AND l.order_ref = r.order_ref AND l.line_no = r.line_no
	 CROSS JOIN LATERAL (SELECT coalesce(l.order_amount, l.base_amount) AS order_amount) k
	 WHERE r.amount NOT BETWEEN 0 AND l.base_amount OR r.order_amount NOT BETWEEN 0 AND k.order_amount OR r.pieces NOT BETWEEN 0 AND l.quantity
	UNION ALL
	SELECT 'what came back is the same in both currencies', l.program_id, format('order %s line %s', l.order_ref, l.line_no),
		   format('%s, goodwill %s', w.amount, coalesce(w.given, 0)), format('%s, goodwill %s', r.amount, coalesce(r.given_base, 0))
	  FROM r
	  JOIN influence.order_line l ON l.visitor_id = r.visitor_id AND l.program_id = r.program_id AND l.order_ref = r.order_ref AND l.line_no = r.line_no
	 CROSS JOIN LATERAL (SELECT coalesce(l.order_amount, l.base_amount) AS order_amount) k
	 CROSS JOIN LATERAL (SELECT influence.clawback_minor(l.base_amount, k.order_amount, 0, greatest(0, least(k.order_amount, r.order_amount))::bigint) AS amount,
								CASE WHEN r.given IS NOT NULL
									 THEN influence.clawback_minor(l.base_amount, k.order_amount, 0, least(k.order_amount, r.given)::bigint) END AS given) w
	 WHERE (w.amount, w.given) IS DISTINCT FROM (r.amount, r.given_base)
	   -- what is too much is told by other checks
	   AND r.order_amount BETWEEN 0 AND k.order_amount AND coalesce(r.given <= k.order_amount, true) AND r.amount BETWEEN 0 AND l.base_amount
	UNION ALL
	SELECT 'no line gives more goodwill than it was', l.program_id, format('order %s line %s', l.order_ref, l.line_no),
		   coalesce(l.order_amount, l.base_amount)::text, r.given::text
	  FROM r
	  JOIN influence.order_line l ON l.visitor_id = r.visitor_id AND l.program_id = r.program_id AND l.order_ref = r.order_ref AND l.line_no = r.line_no
	 WHERE r.given > coalesce(l.order_amount, l.base_amount)
	UNION ALL
	SELECT 'a clawback has its commission and its return', x.program_id, format('order %s line %s creator %s', x.order_ref, x.line_no, x.creator_id), 'both',
		   concat_ws(', ', CASE WHEN NOT x.earned THEN 'no commission' END, CASE WHEN k.seq IS NULL THEN 'no return' END)
	  FROM (SELECT DISTINCT c.visitor_id, c.program_id, c.order_ref, c.line_no, c.creator_id, c.seq,
				   EXISTS (SELECT FROM influence.earning m
							WHERE m.visitor_id = c.visitor_id AND m.program_id = c.program_id AND m.order_ref = c.order_ref
							  AND m.line_no = c.line_no AND m.creator_id = c.creator_id AND m.kind = 'commission') AS earned
			  FROM influence.earning c
			 WHERE c.kind <> 'commission' AND c.program_id = coalesce($1, c.program_id)) x
	  LEFT JOIN influence.order_return k ON k.visitor_id = x.visitor_id AND k.program_id = x.program_id AND k.order_ref = x.order_ref
			AND k.line_no = x.line_no AND k.seq = x.seq
	 WHERE NOT x.earned OR k.seq IS NULL
	UNION ALL
	SELECT 'no return waits for an order that is there', x.program_id, format('order %s line %s return %s', x.order_ref, x.line_no, x.return_ref),
		   'applied or refused', x.state
	  FROM influence.order_return x
	  JOIN influence.orders o ON o.program_id = x.program_id AND o.order_ref = x.order_ref
	 WHERE x.state = 'parked' AND x.program_id = coalesce($1, x.program_id);
END
$$;
COMMENT ON FUNCTION influence_internal.check_returns(bigint) IS
'The part of check_books() about returns: what they took back and what of it was written off, as one sum per line and creator; no line returns more than there was.';
