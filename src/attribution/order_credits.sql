/*
 * order_credits.sql
 *
 * Attribution inside the program: an order finds the touches of its person by
 * one index probe per visitor and hands them to the same pure core that
 * influence.attribute() uses; the credits are stored with the policy version
 * and a snapshot of the touch, so that they explain themselves later.
 */
CREATE FUNCTION influence_internal.scope_programs(program_id bigint)
RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT array_agg(DISTINCT p.program_id)
			  FROM influence.program g
			  JOIN influence.program p ON p.program_id = g.program_id OR p.dedup_group = g.dedup_group
			 WHERE g.program_id = $1);
END
$$;
COMMENT ON FUNCTION influence_internal.scope_programs(bigint) IS 'The programs that share one attribution with this one: those of its dedup_group, or itself alone.';

CREATE FUNCTION influence_internal.order_touches(program_id bigint, visitor_id uuid, ordered_at timestamptz, policy_version int,
	policy jsonb DEFAULT NULL)
RETURNS TABLE (touch_no bigint, touch_visitor_id uuid, touched_at timestamptz, touch_ref text, kind text, creator_id bigint,
			   product_id bigint, category_id bigint, channel text, post_id bigint, received_at timestamptz, late boolean, viewable boolean)
LANGUAGE plpgsql STABLE
ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	people uuid[] := influence_internal.person_visitors($2);
	scope bigint[] := influence_internal.scope_programs($1);
	p record;
	since timestamptz;
BEGIN
	SELECT x.* INTO STRICT p
	  FROM influence.attribution_policy y CROSS JOIN LATERAL jsonb_populate_record(y, $5) x
	 WHERE y.program_id = $1 AND y.version = $4;
	since := least($3 - p.lookback, $3 - p.view_lookback, $3 - p.cart_lookback) - interval '2 days';
	-- two days more than the windows for time zones; one older touch tells "outside the window" from "none"
	-- a touch_ref is one touch of its visitor: the writers see to it, here the earliest counts should COPY have brought two
	RETURN QUERY
	SELECT row_number() OVER (ORDER BY t.touched_at, t.touch_ref COLLATE "C", t.visitor_id), t.visitor_id, t.touched_at, t.touch_ref,
		   t.kind,
		   CASE WHEN t.kind = 'cart' AND t.creator_id IS NULL
				THEN influence_internal.session_creator(people, scope, t.program_id, t.touched_at, p.max_touch_delay, ($5 ->> 'session_lifetime')::interval)
				ELSE t.creator_id END,
		   t.product_id,
		   CASE WHEN t.category_id IS NULL AND p.match = 'category'
				THEN (SELECT h.category_id FROM influence.product_category h
					   WHERE h.product_id = t.product_id AND h.valid_from <= t.touched_at ORDER BY h.valid_from DESC LIMIT 1)
				ELSE t.category_id END,
		   t.channel, t.post_id, t.received_at,
		   influence_internal.is_late(t.touched_at, t.received_at, g.created_at, p.max_touch_delay),
		   t.kind <> 'view' OR coalesce(t.viewable_ms, 0) >= p.view_min_ms
	  FROM (SELECT DISTINCT ON (u.visitor_id, u.touch_ref) u.*
			  FROM ((SELECT x.* FROM unnest(people) v
					   JOIN influence.touch x ON x.visitor_id = v AND x.program_id = ANY (scope) AND x.touched_at > since AND x.touched_at <= $3)
					UNION ALL
					(SELECT x.* FROM unnest(people) v
					  CROSS JOIN LATERAL (SELECT w.* FROM influence.touch w
										   WHERE w.visitor_id = v AND w.program_id = ANY (scope) AND w.touched_at <= since
											 AND (w.kind <> 'view' OR coalesce(w.viewable_ms, 0) >= p.view_min_ms)
										   ORDER BY w.touched_at DESC LIMIT 1) x)) u
			 ORDER BY u.visitor_id, u.touch_ref, u.touched_at) t
	  JOIN influence.program g ON g.program_id = t.program_id;
END
$$;
COMMENT ON FUNCTION influence_internal.order_touches(bigint, uuid, timestamptz, int, jsonb) IS
'The touches of a person (all its visitors) in a program''s scope that an order of that moment could be credited to, numbered in (touched_at, touch_ref, visitor) order: touch_no stands for touch_id in the kernel''s tie rule. A cart without creator has the creator of the session that it was put into. late: came too late to earn; viewable: false for views that were not seen long enough. policy: keys that take the place of the policy''s, as in attribute_order().';

CREATE FUNCTION influence_internal.is_late(touched_at timestamptz, received_at timestamptz, program_since timestamptz, max_touch_delay interval)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	-- what happened before the program was here can only be imported: its time runs from then on
	SELECT received_at OPERATOR(pg_catalog.-) greatest(touched_at, program_since) OPERATOR(pg_catalog.>) max_touch_delay
$$;
COMMENT ON FUNCTION influence_internal.is_late(timestamptz, timestamptz, timestamptz, interval) IS
'Whether a touch arrived more than max_touch_delay (days of 24 hours) after it happened, or after its program was created if that was later.';

CREATE FUNCTION influence_internal.session_creator(people uuid[], scope bigint[], program_id bigint, at timestamptz, max_touch_delay interval,
	session_lifetime interval DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	since timestamptz;
BEGIN
	SELECT influence_internal.calendar_add($4, - coalesce($6, y.session_lifetime), g.time_zone) INTO since
	  FROM influence.attribution_policy y
	  JOIN influence.program g ON g.program_id = y.program_id
	 WHERE y.program_id = $3 AND y.valid @> $4;
	RETURN (SELECT x.creator_id
			  FROM unnest($1) v
			  JOIN influence.touch x ON x.visitor_id = v AND x.program_id = ANY ($2) AND x.touched_at > since AND x.touched_at <= $4
			  JOIN influence.program g ON g.program_id = x.program_id
			 WHERE x.creator_id IS NOT NULL AND (x.kind = 'click' OR (x.kind = 'coupon' AND x.touched_at < $4))
			   AND NOT influence_internal.is_late(x.touched_at, x.received_at, g.created_at, $5)
			 ORDER BY x.touched_at DESC, x.kind DESC, x.touch_ref COLLATE "C" DESC, x.visitor_id DESC
			 LIMIT 1);
END
$$;
COMMENT ON FUNCTION influence_internal.session_creator(uuid[], bigint[], bigint, timestamptz, interval, interval) IS
'Whose session a person was in at a moment: the creator of the last click or coupon that has one, within the session_lifetime of the policy of then (or a given one); what came late opens no session. NULL: nobody''s. For carts that name no creator.';

CREATE FUNCTION influence_internal.buyer_creators(visitor_id uuid)
RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	people uuid[] := influence_internal.person_visitors($1);
BEGIN
	RETURN (
		WITH own AS (
			SELECT c.creator_id, c.agency_of FROM influence.creator c WHERE c.visitor_id = ANY (people)
		)
		SELECT coalesce(array_agg(DISTINCT x.id), '{}')
		  FROM (SELECT o.creator_id AS id FROM own o
				UNION ALL SELECT unnest(o.agency_of) FROM own o
				UNION ALL SELECT a.creator_id FROM own o JOIN influence.creator a ON a.agency_of @> ARRAY[o.creator_id]) x);
END
$$;
COMMENT ON FUNCTION influence_internal.buyer_creators(uuid) IS
'The creators whose credit a purchase of this person may not be: its own, the creators it acts for as an agency, and the agencies that act for it.';

CREATE FUNCTION influence_internal.order_policy_version(program_id bigint, visitor_id uuid, order_ref text)
RETURNS int
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN coalesce(
		(SELECT min(c.policy_version) FROM influence.credit c
		  WHERE c.visitor_id = $2 AND c.program_id = $1 AND c.order_ref = $3),
		(SELECT p.version FROM influence.orders x
		   JOIN influence.attribution_policy p ON p.program_id = x.program_id AND p.valid @> x.ordered_at
		  WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3));
END
$$;
COMMENT ON FUNCTION influence_internal.order_policy_version(bigint, uuid, text) IS
'The attribution policy of an order: the one it was first attributed under, whatever has been set since; before that, the one in force when it was placed.';

CREATE FUNCTION influence_internal.earlier_orders(program_id bigint, visitor_id uuid, order_ref text)
RETURNS TABLE (at timestamptz, products bigint[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	people uuid[] := influence_internal.person_visitors($2);
	scope bigint[] := influence_internal.scope_programs($1);
BEGIN
	RETURN QUERY
	SELECT x.ordered_at,
		   (SELECT array_agg(DISTINCT l.product_id) FROM influence.order_line l
			 WHERE l.visitor_id = x.visitor_id AND l.program_id = x.program_id AND l.order_ref = x.order_ref)
	  FROM influence.orders o
	 CROSS JOIN unnest(people) v
	  JOIN influence.orders x ON x.visitor_id = v AND x.program_id = ANY (scope)
			AND (x.ordered_at, x.order_ref COLLATE "C", x.program_id, x.visitor_id) < (o.ordered_at, o.order_ref COLLATE "C", o.program_id, o.visitor_id)
	 WHERE o.visitor_id = $2 AND o.program_id = $1 AND o.order_ref = $3;
END
$$;
COMMENT ON FUNCTION influence_internal.earlier_orders(bigint, uuid, text) IS
'The moments and products of the person''s orders before this one in the same scope, in (ordered_at, order_ref) order: what consumed touches.';

CREATE FUNCTION influence_internal.attribute_order(program_id bigint, visitor_id uuid, order_ref text, policy jsonb DEFAULT NULL)
RETURNS TABLE (line_no int, touch_ref text, touch_visitor_id uuid, creator_id bigint, weight float8, credit bigint, reason text,
			   policy_version int, touched_at timestamptz, touch_position int, path_length int, snapshot jsonb, ordered_at timestamptz)
LANGUAGE plpgsql STABLE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	o record;
	t record;
	l record;
	owner bigint;
	excluded bigint[] := influence_internal.buyer_creators($2);
	path_start timestamptz;
	by_coupon bigint[] := '{}';		-- the lines in which the order's coupon takes part
	clicked bigint[];
	part boolean;
BEGIN
	SELECT x.ordered_at, influence_internal.coupon_code(x.coupon) AS coupon, p.*, g.time_zone INTO STRICT o
	  FROM influence.orders x
	  JOIN influence.attribution_policy y ON y.program_id = x.program_id
			AND y.version = influence_internal.order_policy_version($1, $2, $3)
	 CROSS JOIN LATERAL jsonb_populate_record(y, $4) p
	  JOIN influence.program g ON g.program_id = x.program_id
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3;
	SELECT coalesce(array_agg(x.touched_at), '{}') AS at, coalesce(array_agg(x.kind), '{}') AS kinds,
		   coalesce(array_agg(x.touch_no), '{}') AS ids, coalesce(array_agg(x.creator_id), '{}') AS creators,
		   coalesce(array_agg(x.product_id), '{}') AS products, coalesce(array_agg(x.category_id), '{}') AS categories,
		   coalesce(array_agg(x.channel), '{}') AS channels, coalesce(array_agg(x.late), '{}') AS late,
		   coalesce(array_agg(x.touch_ref), '{}') AS refs, coalesce(array_agg(x.touch_visitor_id), '{}') AS visitors,
		   coalesce(array_agg(x.post_id), '{}') AS posts INTO t
	  FROM influence_internal.order_touches($1, $2, o.ordered_at, o.version, $4) x
	 WHERE x.viewable;
	IF o.reuse <> 'reuse' THEN
		SELECT max(e.at) INTO path_start FROM influence_internal.earlier_orders($1, $2, $3) e;
	END IF;
	SELECT array_agg(x.line_no::bigint) AS ids, array_agg(x.base_amount) AS amounts, array_agg(x.product_id) AS products,
		   array_agg(x.category_path[cardinality(x.category_path)]) AS categories,
		   array_agg(CASE WHEN path_start IS NOT NULL THEN (SELECT max(e.at) FROM influence_internal.earlier_orders($1, $2, $3) e
															 WHERE x.product_id = ANY (e.products)) END) AS cart_starts INTO l
	  FROM influence.order_line x
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3;
	IF o.coupon_rule <> 'none' AND o.coupon IS NOT NULL THEN
		SELECT c.creator_id INTO owner FROM influence_internal.order_coupon($1, o.coupon, o.ordered_at) c;
	END IF;
	IF owner IS NOT NULL THEN
		by_coupon := l.ids;
		IF o.coupon_rule = 'only_without_click' THEN
			-- a linear path has a row for every eligible touch
			SELECT array_agg(c.conversion_id) INTO clicked
			  FROM influence_internal.credit_order(t.at, t.kinds, t.ids, t.creators, t.products, t.categories, t.channels, t.late, o.ordered_at,
					l.ids, l.amounts, l.products, l.categories, '{}', path_start, l.cart_starts, 'linear', o.lookback, o.view_lookback,
					o.cart_lookback, o.half_life, o.position_weights, o.reuse, o.session_lifetime, o.match, o.time_zone) c
			  JOIN unnest(t.ids, t.kinds) w(id, kind) ON w.id = c.touch_id AND w.kind = 'click';
			by_coupon := ARRAY(SELECT unnest(l.ids) EXCEPT SELECT unnest(clicked));
		END IF;
	END IF;
	FOREACH part IN ARRAY ARRAY[false, true] LOOP
		IF part THEN
			CONTINUE WHEN by_coupon = '{}';
			IF o.coupon_rule = 'override' THEN
				-- the coupon is all that counts, whatever the windows are and earlier orders consumed
				o.lookback := interval '1 day';
				o.reuse := 'reuse';
				t.at := '{}';
				t.kinds := '{}';
				t.ids := '{}';
				t.creators := '{}';
				t.products := '{}';
				t.categories := '{}';
				t.channels := '{}';
				t.late := '{}';
				t.refs := '{}';
				t.visitors := '{}';
				t.posts := '{}';
			END IF;
			-- greater than any other touch of that moment; its visitor is nobody, so that no touch_ref is like it
			t.at := t.at || o.ordered_at;
			t.kinds := t.kinds || 'coupon'::text;
			t.ids := t.ids || 9223372036854775807;
			t.creators := t.creators || owner;
			t.products := t.products || NULL::bigint;
			t.categories := t.categories || NULL::bigint;
			t.channels := t.channels || NULL::text;
			t.late := t.late || false;
			t.refs := t.refs || ('coupon ' || o.coupon);
			t.visitors := t.visitors || '00000000-0000-0000-0000-000000000000'::uuid;
			t.posts := t.posts || NULL::bigint;
		END IF;
		RETURN QUERY
		WITH w AS MATERIALIZED (
			SELECT x.*
			  FROM unnest(t.ids, t.at, t.kinds, t.creators, t.products, t.channels, t.refs, t.visitors, t.posts)
					x(id, at, kind, creator_id, product_id, channel, ref, visitor_id, post_id)
		), lines AS (
			SELECT array_agg(x.id) AS ids, array_agg(x.amount) AS amounts, array_agg(x.product_id) AS products,
				   array_agg(x.category_id) AS categories, array_agg(x.cart_start) AS cart_starts
			  FROM unnest(l.ids, l.amounts, l.products, l.categories, l.cart_starts) x(id, amount, product_id, category_id, cart_start)
			 WHERE (x.id = ANY (by_coupon)) = part
			HAVING count(*) > 0
		)
		SELECT c.conversion_id::int, coalesce(w.ref, ''), coalesce(w.visitor_id, $2), c.creator_id, c.weight, c.credit, c.reason, o.version,
			   w.at, c.touch_position, c.path_length,
			   CASE WHEN w.id IS NOT NULL THEN
					jsonb_strip_nulls(jsonb_build_object('kind', w.kind, 'channel', w.channel, 'product_id', w.product_id,
						'post_id', w.post_id, 'model', o.model,
						'runner_up', (SELECT jsonb_build_object('touch_ref', u.ref, 'creator_id', u.creator_id, 'touched_at', u.at)
										FROM w u
									   WHERE u.id < w.id AND u.creator_id IS DISTINCT FROM w.creator_id
									   ORDER BY u.id DESC LIMIT 1))) END,
			   o.ordered_at
		  FROM lines x
		 CROSS JOIN LATERAL influence_internal.credit_order(t.at, t.kinds, t.ids, t.creators, t.products, t.categories, t.channels, t.late,
				o.ordered_at, x.ids, x.amounts, x.products, x.categories, excluded, path_start, x.cart_starts, o.model, o.lookback,
				o.view_lookback, o.cart_lookback, o.half_life, o.position_weights, o.reuse, o.session_lifetime, o.match, o.time_zone) c
		  LEFT JOIN w ON w.id = c.touch_id;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.attribute_order(bigint, uuid, text, jsonb) IS
'Runs the order''s attribution policy over the touches known now: the rows of table credit, touch_ref empty where a line is unattributed; snapshot holds the touch and the nearest earlier one of somebody else. policy: keys of attribution_policy that take the place of the order''s policy (simulate_program).';

CREATE FUNCTION influence_internal.credit_lines(program_id bigint, visitor_id uuid, order_ref text, revision int DEFAULT 0,
	line_nos int[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO influence.credit (visitor_id, program_id, order_ref, line_no, touch_ref, touch_visitor_id, creator_id, weight, credit,
								  reason, policy_version, touched_at, touch_position, path_length, snapshot, ordered_at, revision)
	SELECT $2, $1, $3, c.line_no, c.touch_ref, c.touch_visitor_id, c.creator_id, c.weight, c.credit, c.reason, c.policy_version,
		   c.touched_at, c.touch_position, c.path_length, c.snapshot, c.ordered_at, $4
	  FROM influence_internal.attribute_order($1, $2, $3) c
	 WHERE $5 IS NULL OR c.line_no = ANY ($5);
END
$$;
COMMENT ON FUNCTION influence_internal.credit_lines(bigint, uuid, text, int, int[]) IS 'Attributes a stored order, or some of its lines, and stores the credits under a revision.';
