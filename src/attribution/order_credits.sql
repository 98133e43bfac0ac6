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

CREATE FUNCTION influence_internal.order_touches(people uuid[], scope bigint[], policy record, ordered_at timestamptz,
	all_seen boolean DEFAULT false, session_lifetime interval DEFAULT NULL,
	OUT ids bigint[], OUT at timestamptz[], OUT kinds text[], OUT creators bigint[], OUT products bigint[], OUT categories bigint[],
	OUT channels text[], OUT posts bigint[], OUT refs text[], OUT visitors uuid[], OUT received timestamptz[], OUT late boolean[],
	OUT viewable boolean[], OUT rivals bigint[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- two days more than the windows for time zones
	since_view timestamptz := $4 - policy.view_lookback - interval '2 days';
	since_cart timestamptz := $4 - policy.cart_lookback - interval '2 days';
	since_click timestamptz := $4 - policy.lookback - interval '2 days';
	since timestamptz := least(since_view, since_click);		-- of carts alone what is older is read, by an index of their own
BEGIN
	IF $5 THEN
		since_cart := least(since, since_cart);
		since_view := since_cart;
		since_click := since_cart;
		since := coalesce((influence_internal.older_touch($1, $2, since_cart, policy.view_min_ms)).touched_at - interval '1 microsecond', since_cart);
	END IF;
	-- a touch_ref is one touch of its visitor: the writers see to it, here the earliest counts should COPY have brought two
	SELECT coalesce(array_agg(w.touch_no), '{}'), coalesce(array_agg(w.touched_at), '{}'), coalesce(array_agg(w.kind), '{}'),
		   coalesce(array_agg(w.creator_id), '{}'), coalesce(array_agg(w.product_id), '{}'), coalesce(array_agg(w.category_id), '{}'),
		   coalesce(array_agg(w.channel), '{}'), coalesce(array_agg(w.post_id), '{}'), coalesce(array_agg(w.touch_ref), '{}'),
		   coalesce(array_agg(w.visitor_id), '{}'), coalesce(array_agg(w.received_at), '{}'), coalesce(array_agg(w.late), '{}'),
		   coalesce(array_agg(w.viewable), '{}'), coalesce(array_agg(w.rival), '{}')
	  INTO ids, at, kinds, creators, products, categories, channels, posts, refs, visitors, received, late, viewable, rivals
	  FROM (-- the last touch before a run of touches of one creator is the runner-up of them all
			SELECT n.*, max(n.touch_no - 1) FILTER (WHERE n.begins_run)
						OVER (ORDER BY n.touched_at, n.touch_ref, n.visitor_id ROWS UNBOUNDED PRECEDING) AS rival
			  FROM (SELECT t.*, row_number() OVER path AS touch_no, t.creator_id IS DISTINCT FROM lag(t.creator_id) OVER path AS begins_run
					  FROM (SELECT DISTINCT ON (x.visitor_id, x.touch_ref COLLATE "C")
								   x.visitor_id, x.touched_at, x.touch_ref COLLATE "C" AS touch_ref, x.kind,
								   CASE WHEN x.kind = 'cart' AND x.creator_id IS NULL
										THEN influence_internal.session_creator($1, $2, x.program_id, x.touched_at, policy.max_touch_delay, $6)
										ELSE x.creator_id END AS creator_id,
								   x.product_id,
								   CASE WHEN x.category_id IS NULL AND policy.match = 'category'
										THEN (SELECT h.category_id FROM influence.product_category h
											   WHERE h.product_id = x.product_id AND h.valid_from <= x.touched_at ORDER BY h.valid_from DESC LIMIT 1)
										ELSE x.category_id END AS category_id,
								   x.channel, x.post_id, x.received_at,
								   -- most came at once: the program's age matters to few
								   CASE WHEN influence_internal.is_late(x.touched_at, x.received_at, x.touched_at, policy.max_touch_delay)
										THEN (SELECT influence_internal.is_late(x.touched_at, x.received_at, g.created_at, policy.max_touch_delay)
												FROM influence.program g WHERE g.program_id = x.program_id)
										ELSE false END AS late,
								   x.kind <> 'view' OR coalesce(x.viewable_ms, 0) >= policy.view_min_ms AS viewable
							  FROM unnest($1) v
							 CROSS JOIN LATERAL (
								   SELECT a.* FROM influence.touch a
									WHERE a.visitor_id = v AND a.program_id = ANY ($2) AND a.touched_at > since AND a.touched_at <= $4
								   UNION ALL
								   SELECT c.* FROM influence.touch c
									WHERE c.visitor_id = v AND c.program_id = ANY ($2) AND c.kind = 'cart'
									  AND c.touched_at > since_cart AND c.touched_at <= since) x
							 WHERE x.touched_at > CASE x.kind WHEN 'view' THEN since_view WHEN 'cart' THEN since_cart ELSE since_click END
							   AND ($5 OR x.kind <> 'view' OR coalesce(x.viewable_ms, 0) >= policy.view_min_ms)
								OR ($5 AND (x.kind <> 'view' OR coalesce(x.viewable_ms, 0) >= policy.view_min_ms))
							 ORDER BY x.visitor_id, x.touch_ref COLLATE "C", x.touched_at) t
					WINDOW path AS (ORDER BY t.touched_at, t.touch_ref, t.visitor_id)) n) w;
END
$$;
COMMENT ON FUNCTION influence_internal.order_touches(uuid[], bigint[], record, timestamptz, boolean, interval) IS
'The touches of a person (all its visitors) in a program''s scope that an order of that moment could be credited to under a policy (columns of attribution_policy), as arrays in (touched_at, touch_ref, visitor) order. ids number them: they stand for touch_id in the kernel''s tie rule. A cart without creator has the creator of the session that it was put into. late: came too late to earn. rivals: the id of the nearest earlier touch of somebody else. all_seen: also views that were not seen long enough (viewable false), touches of every kind as far back as the widest window reaches, and the last one before it. session_lifetime: in place of the one in force at a cart without creator (simulate_program).';

CREATE FUNCTION influence_internal.older_touch(people uuid[], scope bigint[], until timestamptz, view_min_ms int,
	OUT touched_at timestamptz, OUT kind text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT x.touched_at, x.kind INTO touched_at, kind
	  FROM unnest($1) v
	 CROSS JOIN LATERAL (SELECT w.touched_at, w.kind FROM influence.touch w
						  WHERE w.visitor_id = v AND w.program_id = ANY ($2) AND w.touched_at <= $3
							AND (w.kind <> 'view' OR coalesce(w.viewable_ms, 0) >= $4)
						  ORDER BY w.touched_at DESC LIMIT 1) x
	 ORDER BY x.touched_at DESC LIMIT 1;
END
$$;
COMMENT ON FUNCTION influence_internal.older_touch(uuid[], bigint[], timestamptz, int) IS
'The last touch of these visitors in a scope up to a moment, not counting views that were not seen long enough.';

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

CREATE FUNCTION influence_internal.buyer_creators(people uuid[])
RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM influence.creator c WHERE c.visitor_id = ANY ($1)) THEN
		RETURN '{}';
	END IF;
	RETURN (
		WITH own AS (
			SELECT c.creator_id, c.agency_of FROM influence.creator c WHERE c.visitor_id = ANY ($1)
		)
		SELECT coalesce(array_agg(DISTINCT x.id), '{}')
		  FROM (SELECT o.creator_id AS id FROM own o
				UNION ALL SELECT unnest(o.agency_of) FROM own o
				UNION ALL SELECT a.creator_id FROM own o JOIN influence.creator a ON a.agency_of @> ARRAY[o.creator_id]) x);
END
$$;
COMMENT ON FUNCTION influence_internal.buyer_creators(uuid[]) IS
'The creators whose credit a purchase of this person (all its visitors) may not be: its own, the creators it acts for as an agency, and the agencies that act for it.';

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

CREATE FUNCTION influence_internal.attribute_order(program_id bigint, visitor_id uuid, order_ref text,
	people uuid[] DEFAULT NULL, scope bigint[] DEFAULT NULL, policy jsonb DEFAULT NULL)
RETURNS TABLE (line_no int, touch_ref text, touch_visitor_id uuid, creator_id bigint, weight float8, credit bigint, reason text,
			   policy_version int, touched_at timestamptz, touch_position int, path_length int, snapshot jsonb, ordered_at timestamptz)
LANGUAGE plpgsql STABLE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	excluded bigint[];
	o record;
	t record;
	l record;
	older record;
	owner bigint;
	path_start timestamptz;
	by_coupon bigint[] := '{}';		-- the lines in which the order's coupon takes part
	clicked bigint[];
	part boolean;
BEGIN
	people := coalesce(people, influence_internal.person_visitors($2));
	scope := coalesce(scope, influence_internal.scope_programs($1));
	excluded := influence_internal.buyer_creators(people);
	SELECT x.ordered_at, influence_internal.coupon_code(x.coupon) AS coupon, p.*, g.time_zone INTO STRICT o
	  FROM influence.orders x
	  JOIN influence.attribution_policy y ON y.program_id = x.program_id
			AND y.version = influence_internal.order_policy_version($1, $2, $3)
	 CROSS JOIN LATERAL jsonb_populate_record(y, $6) p
	  JOIN influence.program g ON g.program_id = x.program_id
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3;
	SELECT * INTO t FROM influence_internal.order_touches(people, scope, o, o.ordered_at, false, ($6 ->> 'session_lifetime')::interval);
	IF t.ids = '{}' THEN
		-- none that could earn: an older one tells "outside the window" from "none"
		SELECT * INTO older FROM influence_internal.older_touch(people, scope, o.ordered_at, o.view_min_ms);
		IF older.kind IS NOT NULL THEN
			t.ids := '{1}';
			t.at := ARRAY[older.touched_at];
			t.kinds := ARRAY[older.kind];
			t.creators := '{NULL}';
			t.products := '{NULL}';
			t.categories := '{NULL}';
			t.channels := '{NULL}';
			t.late := '{f}';
			t.refs := '{""}';
			t.visitors := ARRAY[$2];
			t.posts := '{NULL}';
			t.rivals := '{NULL}';
		END IF;
	END IF;
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
				t.rivals := '{}';
			END IF;
			-- greater than any other touch of that moment; its visitor is nobody, so that no touch_ref is like it
			t.rivals := t.rivals || (SELECT max(w.id) FROM unnest(t.ids, t.creators) w(id, creator_id) WHERE w.creator_id IS DISTINCT FROM owner);
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
			  FROM unnest(t.ids, t.at, t.kinds, t.creators, t.products, t.channels, t.refs, t.visitors, t.posts, t.rivals)
					x(id, at, kind, creator_id, product_id, channel, ref, visitor_id, post_id, rival)
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
						'runner_up', CASE WHEN u.id IS NOT NULL THEN
							jsonb_build_object('touch_ref', u.ref, 'creator_id', u.creator_id, 'touched_at', u.at) END)) END,
			   o.ordered_at
		  FROM lines x
		 CROSS JOIN LATERAL influence_internal.credit_order(t.at, t.kinds, t.ids, t.creators, t.products, t.categories, t.channels, t.late,
				o.ordered_at, x.ids, x.amounts, x.products, x.categories, excluded, path_start, x.cart_starts, o.model, o.lookback,
				o.view_lookback, o.cart_lookback, o.half_life, o.position_weights, o.reuse, o.session_lifetime, o.match, o.time_zone) c
		  LEFT JOIN w ON w.id = c.touch_id
		  LEFT JOIN w u ON u.id = w.rival;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.attribute_order(bigint, uuid, text, uuid[], bigint[], jsonb) IS
'Runs the order''s attribution policy over the touches known now: the rows of table credit, touch_ref empty where a line is unattributed; snapshot holds the touch and its runner-up, the nearest earlier one of somebody else that was in its window (the two days beyond it that a time zone may need included). people, scope: person_visitors() and scope_programs(), where the caller has them. policy: keys of attribution_policy that take the place of the order''s policy (simulate_program).';

CREATE FUNCTION influence_internal.credit_lines(program_id bigint, visitor_id uuid, order_ref text, revision int DEFAULT 0,
	line_nos int[] DEFAULT NULL, people uuid[] DEFAULT NULL, scope bigint[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- whoever waits for ensure_partition() waits here: the functions below are STABLE and read in the snapshot of the statement
	-- that calls them, and one taken before the wait shows touches that were moved neither where they were nor where they are
	LOCK TABLE ONLY influence.touch IN ACCESS SHARE MODE;
	INSERT INTO influence.credit (visitor_id, program_id, order_ref, line_no, touch_ref, touch_visitor_id, creator_id, weight, credit,
								  reason, policy_version, touched_at, touch_position, path_length, snapshot, ordered_at, revision)
	SELECT $2, $1, $3, c.line_no, c.touch_ref, c.touch_visitor_id, c.creator_id, c.weight, c.credit, c.reason, c.policy_version,
		   c.touched_at, c.touch_position, c.path_length, c.snapshot, c.ordered_at, $4
	  FROM influence_internal.attribute_order($1, $2, $3, $6, $7) c
	 WHERE $5 IS NULL OR c.line_no = ANY ($5);
END
$$;
COMMENT ON FUNCTION influence_internal.credit_lines(bigint, uuid, text, int, int[], uuid[], bigint[]) IS 'Attributes a stored order, or some of its lines, and stores the credits under a revision.';
