/*
 * explain.sql
 *
 * Why an order was credited as it was: judge_touches() repeats the rules for
 * each line and touch and names the first that kept the touch from earning.
 * explain_attribution() shows all of it; explain_missing_sale() answers one
 * creator about its own touches and says nothing of anybody else's.
 */
CREATE FUNCTION influence_internal.judge_touches(program_id bigint, visitor_id uuid, order_ref text)
RETURNS TABLE (line_no int, touch_no bigint, touch_ref text, touched_at timestamptz, kind text, channel text, creator_id bigint,
			   touch_position int, weight float8, credit bigint, verdict text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	o record;
	path_start timestamptz;
	owner bigint;
	remark text;
BEGIN
	SELECT x.ordered_at, x.received_at, influence_internal.coupon_code(x.coupon) AS coupon, p.*, g.time_zone,
		   greatest(x.received_at, influence_internal.locked_at($1, $2, $3)) AS closed_at,
		   clock_timestamp() >= influence_internal.locked_at($1, $2, $3) AS locked INTO STRICT o
	  FROM influence.orders x
	  JOIN influence.attribution_policy p ON p.program_id = x.program_id
			AND p.version = influence_internal.order_policy_version($1, $2, $3)
	  JOIN influence.program g ON g.program_id = x.program_id
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3;
	IF o.reuse <> 'reuse' THEN
		SELECT max(e.at) INTO path_start FROM influence_internal.earlier_orders($1, $2, $3) e;
	END IF;
	IF o.coupon_rule <> 'none' THEN
		SELECT c.creator_id, c.remark INTO owner, remark FROM influence_internal.order_coupon($1, o.coupon, o.ordered_at) c;
	END IF;
	RETURN QUERY
	WITH t AS MATERIALIZED (
		SELECT x.*, CASE x.kind WHEN 'view' THEN 1 WHEN 'click' THEN 2 WHEN 'cart' THEN 3 ELSE 4 END AS rank, false AS of_order
		  FROM influence_internal.order_touches(influence_internal.person_visitors($2), influence_internal.scope_programs($1), o, o.ordered_at) x
		UNION ALL
		SELECT 9223372036854775807, '00000000-0000-0000-0000-000000000000', o.ordered_at, 'coupon ' || o.coupon, 'coupon', owner, NULL, NULL,
			   NULL, NULL, o.received_at, false, true, 4, true
		 WHERE o.coupon IS NOT NULL AND o.coupon_rule <> 'none'
	), k AS MATERIALIZED (
		SELECT x.* FROM influence.credit x
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.superseded_by IS NULL
	), fresh AS MATERIALIZED (
		SELECT x.line_no, x.touch_ref, x.touch_visitor_id
		  FROM influence_internal.attribute_order($1, $2, $3) x WHERE NOT o.locked
	)
	SELECT l.line_no, t.touch_no, t.touch_ref, t.touched_at, t.kind, t.channel, t.creator_id, c.touch_position, c.weight, c.credit,
		   CASE WHEN c.touch_ref IS NOT NULL THEN 'credited'
				WHEN EXISTS (SELECT FROM fresh f WHERE f.line_no = l.line_no AND f.touch_ref = t.touch_ref
							  AND f.touch_visitor_id = t.touch_visitor_id) THEN 'pending'
				WHEN t.of_order AND remark IS NOT NULL THEN remark
				WHEN t.of_order AND o.coupon_rule = 'only_without_click' AND 'click' = ANY (d.kinds) THEN 'coupon_behind'
				WHEN t.late THEN 'late'
				WHEN t.received_at > o.closed_at THEN 'after_lock'
				WHEN NOT t.viewable THEN 'not_viewable'
				WHEN t.kind = 'cart' AND t.product_id IS DISTINCT FROM l.product_id THEN 'other_cart'
				WHEN t.kind = 'view' AND o.view_lookback = interval '0' THEN 'views_off'
				WHEN t.touched_at <= influence_internal.calendar_add(o.ordered_at, - CASE t.kind WHEN 'view' THEN o.view_lookback
						WHEN 'cart' THEN o.cart_lookback ELSE o.lookback END, o.time_zone) THEN 'outside_window'
				WHEN o.match = 'product' AND t.kind <> 'cart' AND t.product_id IS DISTINCT FROM l.product_id
					 AND (t.kind <> 'coupon' OR t.product_id IS NOT NULL) THEN 'other_product'
				WHEN o.match = 'category' AND t.kind <> 'cart' AND t.category_id IS DISTINCT FROM l.category_path[cardinality(l.category_path)]
					 AND (t.kind <> 'coupon' OR t.category_id IS NOT NULL) THEN 'other_category'
				WHEN o.reuse <> 'reuse' AND t.touched_at <= CASE WHEN t.kind <> 'cart' THEN path_start
						ELSE (SELECT max(e.at) FROM influence_internal.earlier_orders($1, $2, $3) e WHERE l.product_id = ANY (e.products)) END
					 THEN 'consumed'
				WHEN o.reuse = 'session' AND t.rank IN (2, 4) AND t.touched_at <= influence_internal.calendar_add(o.ordered_at, - o.session_lifetime, o.time_zone)
					 THEN 'session_over'
				WHEN o.reuse = 'session' AND t.rank IN (2, 4) AND EXISTS (
						SELECT FROM t u
						 WHERE u.rank IN (2, 4) AND u.creator_id IS NOT NULL AND u.creator_id IS DISTINCT FROM t.creator_id AND NOT u.late
						   AND (NOT u.of_order OR o.coupon_rule = 'last_touch')
						   AND (u.touched_at, u.rank, u.touch_no) > (t.touched_at, t.rank, t.touch_no)) THEN 'session_ended'
				WHEN 'excluded' = ANY (d.reasons) THEN 'excluded'
				WHEN o.coupon_rule = 'override' AND owner IS NOT NULL THEN 'behind_coupon'
				WHEN t.kind = 'view' AND NOT d.kinds <@ ARRAY['view'] THEN 'behind_click'
				WHEN o.model = 'last_non_direct' AND t.channel = 'direct' THEN 'direct_skipped'
				WHEN o.model IN ('last_touch', 'last_non_direct') THEN 'later_won'
				WHEN o.model = 'first_touch' THEN 'earlier_won'
				WHEN o.model IN ('participation', 'shapley') THEN CASE WHEN t.creator_id IS NULL THEN 'no_creator' ELSE 'once_per_creator' END
				ELSE 'no_weight' END
	  FROM influence.order_line l
	 CROSS JOIN t
	  LEFT JOIN k c ON c.line_no = l.line_no AND c.touch_ref = t.touch_ref AND c.touch_visitor_id = t.touch_visitor_id
	 CROSS JOIN LATERAL (SELECT coalesce(array_agg(x.snapshot ->> 'kind') FILTER (WHERE x.touch_ref <> ''), '{}') AS kinds, array_agg(x.reason) AS reasons
						   FROM k x WHERE x.line_no = l.line_no) d
	 WHERE l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3
	UNION ALL
	SELECT k.line_no, 0, NULL, NULL, NULL, NULL, NULL, NULL, k.weight, k.credit, 'unattributed: ' || k.reason
	  FROM k WHERE k.touch_ref = ''
	UNION ALL
	SELECT l.line_no, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'not attributed yet'
	  FROM influence.order_line l
	 WHERE l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3 AND NOT EXISTS (SELECT FROM k WHERE k.line_no = l.line_no);
END
$$;
COMMENT ON FUNCTION influence_internal.judge_touches(bigint, uuid, text) IS
'Each line of an order with each touch that it could have been credited to: what it got, or a word for the first rule that kept it from earning; lines without a credited touch have a row of their own. Superseded credits are left out.';

CREATE FUNCTION influence_internal.verdict_text(verdict text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE verdict
		WHEN 'pending' THEN 'not credited yet: the next run of the jobs attributes the order again'
		WHEN 'coupon_behind' THEN 'not credited: the coupon counts only without a click'
		WHEN 'late' THEN 'not credited: it arrived too late after it happened'
		WHEN 'after_lock' THEN 'not credited: it arrived after the order was locked'
		WHEN 'not_viewable' THEN 'not credited: it was not in view long enough'
		WHEN 'other_cart' THEN 'not credited: cart of another product'
		WHEN 'views_off' THEN 'not credited: views do not count in this policy'
		WHEN 'outside_window' THEN 'not credited: outside the window'
		WHEN 'other_product' THEN 'not credited: of another product'
		WHEN 'other_category' THEN 'not credited: of another category'
		WHEN 'consumed' THEN 'not credited: an earlier order consumed it'
		WHEN 'session_over' THEN 'not credited: its session was over'
		WHEN 'session_ended' THEN 'not credited: another click ended its session'
		WHEN 'excluded' THEN 'not credited: the buyer is the creator or acts with it'
		WHEN 'behind_coupon' THEN 'not credited: the order''s coupon decides'
		WHEN 'behind_click' THEN 'not credited: a click, cart or coupon comes before views'
		WHEN 'direct_skipped' THEN 'not credited: direct visits are skipped'
		WHEN 'later_won' THEN 'not credited: a later touch won'
		WHEN 'earlier_won' THEN 'not credited: an earlier touch won'
		WHEN 'no_creator' THEN 'not credited: it names no creator'
		WHEN 'once_per_creator' THEN 'not credited: each creator counts once, at its last touch'
		WHEN 'no_weight' THEN 'not credited: no weight in this model'
		ELSE verdict END
$$;
COMMENT ON FUNCTION influence_internal.verdict_text(text) IS 'What a verdict of judge_touches() means.';

CREATE FUNCTION influence_internal.explain_attribution(program_id bigint, order_ref text, visitor_id uuid DEFAULT NULL)
RETURNS TABLE (line_no int, touch_ref text, touched_at timestamptz, kind text, channel text, creator_id bigint, creator_name text,
			   touch_position int, weight float8, credit bigint, verdict text, model text, policy_version int)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	buyer uuid := influence_internal.order_visitor($1, $2, $3);
BEGIN
	RETURN QUERY
	SELECT j.line_no, j.touch_ref, j.touched_at, j.kind, j.channel, j.creator_id, r.name, j.touch_position, j.weight, j.credit,
		   CASE WHEN j.verdict = 'credited' AND j.creator_id IS NULL THEN 'credited to no creator'
				ELSE influence_internal.verdict_text(j.verdict) END,
		   p.model, p.version
	  FROM influence_internal.judge_touches($1, buyer, $2) j
	  JOIN influence.attribution_policy p ON p.program_id = $1 AND p.version = influence_internal.order_policy_version($1, buyer, $2)
	  LEFT JOIN influence.creator r ON r.creator_id = j.creator_id
	 ORDER BY j.line_no, j.touch_no;
END
$$;
COMMENT ON FUNCTION influence_internal.explain_attribution(bigint, text, uuid) IS
'Every touch that an order could have been credited to, line by line, with what it got and why the others got nothing; credits in minor units. What a later attribution superseded is not shown. visitor_id is needed only where two visitors have the same order_ref. IN003 no such order.';

CREATE FUNCTION influence_internal.explain_missing_sale(program_id bigint, creator_id bigint, order_ref text)
RETURNS TABLE (verdict text, detail text, lines int[], touch_ref text, touched_at timestamptz, kind text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	o record;
	money text;
BEGIN
	SELECT f.currency INTO money FROM influence_internal.program_facts($1) f;
	PERFORM influence_internal.require_creator($2);
	PERFORM influence_internal.require_key('order_ref', $3);
	SELECT x.* INTO o FROM influence.orders x WHERE x.program_id = $1 AND x.order_ref = $3 ORDER BY x.received_at, x.visitor_id LIMIT 1;
	IF NOT FOUND THEN
		SELECT x.program_id INTO o FROM influence.orders x
		 WHERE x.program_id = ANY (influence_internal.scope_programs($1)) AND x.order_ref = $3 ORDER BY x.program_id LIMIT 1;
		IF FOUND THEN
			RETURN QUERY SELECT 'other_program', format('the order is recorded in program %s, which shares its attribution with this one: ask there', o.program_id),
				NULL::int[], NULL, NULL::timestamptz, NULL;
		ELSE
			RETURN QUERY SELECT 'order_unknown', 'no such order was recorded: it may not have been placed, or not been sent to the program',
				NULL::int[], NULL, NULL::timestamptz, NULL;
		END IF;
		RETURN;
	END IF;
	RETURN QUERY
	WITH j AS (
		SELECT x.*, e.hold_reason,
			   CASE WHEN x.verdict = 'credited' AND e.hold_reason IS NOT NULL THEN e.hold_reason ELSE x.verdict END AS word
		  FROM influence_internal.judge_touches($1, o.visitor_id, $3) x
		  LEFT JOIN LATERAL (SELECT y.hold_reason FROM influence.earning y
							  WHERE y.visitor_id = o.visitor_id AND y.program_id = $1 AND y.order_ref = $3 AND y.line_no = x.line_no
								AND y.creator_id = $2 AND y.kind = 'commission' LIMIT 1) e ON true
		 WHERE x.creator_id = $2 AND x.touch_ref IS NOT NULL
	)
	SELECT j.word,
		   CASE j.word WHEN 'credited' THEN format('your touch was credited with %s %s', influence.format_minor(sum(j.credit)::bigint, money), money)
				WHEN 'not_paying' THEN 'your touch was credited, but the program pays no commissions'
				WHEN 'not_admitted' THEN 'your touch was credited, but you were not admitted to the program when the order was placed'
				WHEN 'creator_suspended' THEN 'your touch was credited, but you were suspended when the order was placed'
				WHEN 'creator_banned' THEN 'your touch was credited, but you were banned when the order was placed'
				WHEN 'replacement' THEN 'your touch was credited, but the order replaces another one, which has the sale'
				WHEN 'no_rate' THEN 'your touch was credited, but no commission rate applies to the product'
				-- the same without a word about anybody else
				WHEN 'excluded' THEN 'the purchase was disqualified: the buyer may not earn anybody a commission by it'
				WHEN 'behind_coupon' THEN 'not credited: the coupon of the order decides in this program'
				WHEN 'pending' THEN 'your touch arrived after the order: the next run of the jobs attributes the order again'
				ELSE influence_internal.verdict_text(j.word) END,
		   array_agg(j.line_no ORDER BY j.line_no), j.touch_ref, j.touched_at, j.kind
	  FROM j
	 GROUP BY j.word, j.touch_no, j.touch_ref, j.touched_at, j.kind
	 ORDER BY j.word <> 'credited', j.touch_no DESC, j.word;
	IF FOUND THEN
		RETURN;
	END IF;
	RETURN QUERY
	SELECT CASE WHEN x.touched_at > o.ordered_at THEN 'touch_after_order' ELSE 'outside_window' END,
		   CASE WHEN x.touched_at > o.ordered_at THEN 'your touch came after the order was placed' ELSE influence_internal.verdict_text('outside_window') END,
		   NULL::int[], x.touch_ref, x.touched_at, x.kind
	  FROM unnest(influence_internal.person_visitors(o.visitor_id)) v
	  JOIN influence.touch x ON x.visitor_id = v AND x.program_id = ANY (influence_internal.scope_programs($1)) AND x.creator_id = $2
	 ORDER BY x.touched_at > o.ordered_at, abs(extract(epoch FROM o.ordered_at - x.touched_at)), x.touch_ref COLLATE "C" LIMIT 1;
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'no_touch', 'no touch of yours with this shopper was recorded', NULL::int[], NULL, NULL::timestamptz, NULL;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.explain_missing_sale(bigint, bigint, text) IS
'Answers a creator who misses a sale, by its own touches and without a word about anybody else: a row per touch of the creator with verdict (a stable word: credited, not_admitted, creator_suspended, creator_banned, no_rate, not_paying, pending, late, after_lock, not_viewable, views_off, outside_window, other_cart, other_product, other_category, consumed, session_over, session_ended, excluded, coupon_behind, behind_coupon, behind_click, later_won, earlier_won, once_per_creator, no_weight), detail (the same in words), the lines that it holds for and the touch; or one row order_unknown, other_program, no_touch, touch_after_order. IN002, IN003 no such program or creator.';

CREATE FUNCTION influence_internal.order_visitor(program_id bigint, order_ref text, visitor_id uuid)
RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	found_ids uuid[];
BEGIN
	SELECT array_agg(o.visitor_id) INTO found_ids
	  FROM influence.orders o
	 WHERE o.program_id = $1 AND o.order_ref = $2 AND ($3 IS NULL OR o.visitor_id = $3);
	IF found_ids IS NULL THEN
		PERFORM influence_internal.raise_unknown('order', $2, 'Record it with influence.record_order(program_id, visitor_id, order_ref, lines).');
	ELSIF cardinality(found_ids) > 1 THEN
		PERFORM influence_internal.raise_invalid(format('order "%s" belongs to %s visitors', $2, cardinality(found_ids)), NULL,
			'Name one with visitor_id; influence.check_books() lists such orders.');
	END IF;
	RETURN found_ids[1];
END
$$;
COMMENT ON FUNCTION influence_internal.order_visitor(bigint, text, uuid) IS 'The visitor of an order; IN003 when there is none, IN002 when it is not unique.';
