/*
 * order_credits.sql
 *
 * Attribution inside the program: an order finds its visitor's touches by one
 * index probe and hands them to the same pure core that influence.attribute()
 * uses; the credits are stored with the policy version and a snapshot of the
 * touch, so that they explain themselves later.
 */
CREATE FUNCTION influence_internal.order_touches(program_id bigint, visitor_id uuid, ordered_at timestamptz, policy_version int)
RETURNS TABLE (touch_no bigint, touched_at timestamptz, touch_ref text, kind text, creator_id bigint, product_id bigint,
			   channel text, post_id bigint, received_at timestamptz)
LANGUAGE plpgsql STABLE
ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	since timestamptz;
BEGIN
	SELECT least($3 - p.lookback, $3 - p.view_lookback, $3 - p.cart_lookback) - interval '2 days' INTO since
	  FROM influence.attribution_policy p
	 WHERE p.program_id = $1 AND p.version = $4;
	-- two days more than the windows for time zones; one older touch tells "outside the window" from "none"
	-- a touch_ref is one touch: the writers see to it, here the earliest counts should COPY have brought two
	RETURN QUERY
	SELECT row_number() OVER (ORDER BY t.touched_at, t.touch_ref COLLATE "C"), t.touched_at, t.touch_ref, t.kind, t.creator_id,
		   t.product_id, t.channel, t.post_id, t.received_at
	  FROM (SELECT DISTINCT ON (u.touch_ref) u.*
			  FROM ((SELECT x.* FROM influence.touch x
					  WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.touched_at > since AND x.touched_at <= $3)
					UNION ALL
					(SELECT x.* FROM influence.touch x
					  WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.touched_at <= since
					  ORDER BY x.touched_at DESC LIMIT 1)) u
			 ORDER BY u.touch_ref, u.touched_at) t;
END
$$;
COMMENT ON FUNCTION influence_internal.order_touches(bigint, uuid, timestamptz, int) IS
'The touches of a visitor that an order of that moment could be credited to, numbered in (touched_at, touch_ref) order: touch_no stands for touch_id in the kernel''s tie rule.';

CREATE FUNCTION influence_internal.buyer_creators(visitor_id uuid)
RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (
		WITH own AS (
			SELECT c.creator_id, c.agency_of FROM influence.creator c WHERE c.visitor_id = $1
		)
		SELECT coalesce(array_agg(DISTINCT x.id), '{}')
		  FROM (SELECT o.creator_id AS id FROM own o
				UNION ALL SELECT unnest(o.agency_of) FROM own o
				UNION ALL SELECT a.creator_id FROM own o JOIN influence.creator a ON a.agency_of @> ARRAY[o.creator_id]) x);
END
$$;
COMMENT ON FUNCTION influence_internal.buyer_creators(uuid) IS
'The creators whose credit a purchase of this visitor may not be: its own, the creators it acts for as an agency, and the agencies that act for it.';

CREATE FUNCTION influence_internal.attribute_order(program_id bigint, visitor_id uuid, order_ref text)
RETURNS TABLE (line_no int, touch_ref text, creator_id bigint, weight float8, credit bigint, reason text, policy_version int,
			   touched_at timestamptz, touch_position int, path_length int, snapshot jsonb, ordered_at timestamptz)
LANGUAGE plpgsql STABLE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	o record;
BEGIN
	SELECT x.ordered_at, p.*, g.time_zone INTO STRICT o
	  FROM influence.orders x
	  JOIN influence.attribution_policy p ON p.program_id = x.program_id AND p.valid @> x.ordered_at
	  JOIN influence.program g ON g.program_id = x.program_id
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3;
	RETURN QUERY
	WITH touches AS MATERIALIZED (
		SELECT t.* FROM influence_internal.order_touches($1, $2, o.ordered_at, o.version) t
	), t AS (
		SELECT coalesce(array_agg(t.touched_at), '{}') AS at, coalesce(array_agg(t.kind), '{}') AS kinds,
			   coalesce(array_agg(t.touch_no), '{}') AS ids, coalesce(array_agg(t.creator_id), '{}') AS creators,
			   coalesce(array_agg(t.product_id), '{}') AS products, coalesce(array_agg(NULL::bigint), '{}') AS nothing
		  FROM touches t
	), l AS (
		SELECT array_agg(x.line_no::bigint ORDER BY x.line_no) AS ids, array_agg(x.base_amount ORDER BY x.line_no) AS amounts,
			   array_agg(x.product_id ORDER BY x.line_no) AS products, array_agg(NULL::bigint) AS nothing
		  FROM influence.order_line x
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3
	)
	SELECT c.conversion_id::int, coalesce(w.touch_ref, ''), c.creator_id, c.weight, c.credit, c.reason, o.version,
		   w.touched_at, c.touch_position, c.path_length,
		   CASE WHEN w.touch_no IS NOT NULL THEN
				jsonb_strip_nulls(jsonb_build_object('kind', w.kind, 'channel', w.channel, 'product_id', w.product_id,
					'post_id', w.post_id, 'model', o.model,
					'runner_up', (SELECT jsonb_build_object('touch_ref', u.touch_ref, 'creator_id', u.creator_id, 'touched_at', u.touched_at)
									FROM touches u
								   WHERE u.touch_no < w.touch_no AND u.creator_id IS DISTINCT FROM w.creator_id
								   ORDER BY u.touch_no DESC LIMIT 1))) END,
		   o.ordered_at
	  FROM t
	 CROSS JOIN l
	 CROSS JOIN LATERAL influence_internal.credit_order(t.at, t.kinds, t.ids, t.creators, t.products,
			t.nothing, t.nothing::text[], array_fill(false, ARRAY[cardinality(t.at)]), o.ordered_at, l.ids, l.amounts, l.products, l.nothing,
			influence_internal.buyer_creators($2), NULL, l.nothing::text[]::timestamptz[], o.model, o.lookback, o.view_lookback,
			o.cart_lookback, o.half_life, o.position_weights, o.reuse, o.session_lifetime, o.match, o.time_zone) c
	  LEFT JOIN touches w ON w.touch_no = c.touch_id;
END
$$;
COMMENT ON FUNCTION influence_internal.attribute_order(bigint, uuid, text) IS
'Runs the attribution policy in force when an order was placed over the touches known now: the rows of table credit, touch_ref empty where a line is unattributed; snapshot holds the touch and the nearest earlier one of somebody else.';

CREATE FUNCTION influence_internal.credit_lines(program_id bigint, visitor_id uuid, order_ref text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO influence.credit (visitor_id, program_id, order_ref, line_no, touch_ref, creator_id, weight, credit, reason,
								  policy_version, touched_at, touch_position, path_length, snapshot, ordered_at)
	SELECT $2, $1, $3, c.line_no, c.touch_ref, c.creator_id, c.weight, c.credit, c.reason, c.policy_version, c.touched_at,
		   c.touch_position, c.path_length, c.snapshot, c.ordered_at
	  FROM influence_internal.attribute_order($1, $2, $3) c;
END
$$;
COMMENT ON FUNCTION influence_internal.credit_lines(bigint, uuid, text) IS 'Attributes a stored order and stores the credits.';

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
	WITH o AS (
		SELECT x.ordered_at, x.received_at, p.model, p.version, p.lookback, p.view_lookback, p.cart_lookback, g.time_zone
		  FROM influence.orders x
		 -- the version that the credits were given under, whatever has been set since
		  JOIN influence.attribution_policy p ON p.program_id = x.program_id
				AND p.version = (SELECT max(c.policy_version) FROM influence.credit c
								  WHERE c.visitor_id = buyer AND c.program_id = $1 AND c.order_ref = $2)
		  JOIN influence.program g ON g.program_id = x.program_id
		 WHERE x.visitor_id = buyer AND x.program_id = $1 AND x.order_ref = $2
	), judged AS (
		SELECT l.line_no, t.touch_ref, t.touched_at, t.kind, t.channel, t.creator_id, c.touch_position, c.weight, c.credit,
			   CASE WHEN c.touch_ref IS NOT NULL AND t.creator_id IS NULL THEN 'credited to no creator'
					WHEN c.touch_ref IS NOT NULL THEN 'credited'
					WHEN t.received_at > o.received_at THEN 'not credited: it arrived after the order was recorded'
					WHEN t.kind = 'cart' AND t.product_id IS DISTINCT FROM l.product_id THEN 'not credited: cart of another product'
					WHEN t.kind = 'view' AND o.view_lookback = interval '0' THEN 'not credited: views do not count in this policy'
					WHEN t.touched_at <= influence_internal.calendar_add(o.ordered_at, - CASE t.kind WHEN 'view' THEN o.view_lookback
							WHEN 'cart' THEN o.cart_lookback ELSE o.lookback END, o.time_zone) THEN 'not credited: outside the window'
					WHEN d.reason = 'excluded' THEN 'not credited: the buyer is the creator or acts with it'
					WHEN t.kind = 'view' THEN 'not credited: a click, cart or coupon comes before views'
					WHEN o.model = 'last_touch' THEN 'not credited: a later touch won'
					WHEN o.model = 'first_touch' THEN 'not credited: an earlier touch won'
					ELSE 'not credited: no weight in this model' END AS verdict,
			   o.model, o.version, t.touch_no
		  FROM o
		  JOIN influence.order_line l ON l.visitor_id = buyer AND l.program_id = $1 AND l.order_ref = $2
		 CROSS JOIN LATERAL influence_internal.order_touches($1, buyer, o.ordered_at, o.version) t
		  LEFT JOIN influence.credit c ON c.visitor_id = buyer AND c.program_id = $1 AND c.order_ref = $2
				AND c.line_no = l.line_no AND c.touch_ref = t.touch_ref AND c.touched_at = t.touched_at
		  LEFT JOIN influence.credit d ON d.visitor_id = buyer AND d.program_id = $1 AND d.order_ref = $2
				AND d.line_no = l.line_no AND d.touch_ref = ''
		UNION ALL
		SELECT c.line_no, NULL, NULL, NULL, NULL, NULL, NULL, c.weight, c.credit, 'unattributed: ' || c.reason, o.model, o.version, 0
		  FROM o
		  JOIN influence.credit c ON c.visitor_id = buyer AND c.program_id = $1 AND c.order_ref = $2 AND c.touch_ref = ''
	)
	SELECT j.line_no, j.touch_ref, j.touched_at, j.kind, j.channel, j.creator_id, r.name, j.touch_position, j.weight, j.credit,
		   j.verdict, j.model, j.version
	  FROM judged j
	  LEFT JOIN influence.creator r ON r.creator_id = j.creator_id
	 ORDER BY j.line_no, j.touch_no;
END
$$;
COMMENT ON FUNCTION influence_internal.explain_attribution(bigint, text, uuid) IS
'Every touch that an order could have been credited to, line by line, with what it got and why the others got nothing; credits in minor units. visitor_id is needed only where two visitors have the same order_ref. IN003 no such order.';

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
