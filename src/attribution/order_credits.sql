/*
 * order_credits.sql
 *
 * Attribution inside the program: what an order has to know of its policy, its
 * person and its lines, so that credit_touches() can hand the person's touches
 * to the same pure core that influence.attribute() uses; the credits are stored
 * with the policy version and a snapshot of the touch, so that they explain
 * themselves later.
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

CREATE FUNCTION influence_internal.order_touches(people uuid[], scope bigint[], policy record, ordered_at timestamptz)
RETURNS TABLE (touch_no bigint, touch_visitor_id uuid, touched_at timestamptz, touch_ref text, kind text, creator_id bigint, product_id bigint,
			   category_id bigint, channel text, post_id bigint, received_at timestamptz, late boolean, viewable boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- two days more than the widest window for time zones
	widest timestamptz := least($4 - policy.view_lookback, $4 - policy.cart_lookback, $4 - policy.lookback) - interval '2 days';
	since timestamptz := coalesce((influence_internal.older_touch($1, $2, widest, policy.view_min_ms)).touched_at - interval '1 microsecond', widest);
BEGIN
	RETURN QUERY
	SELECT row_number() OVER (ORDER BY t.touched_at, t.touch_ref, t.visitor_id), t.visitor_id, t.touched_at, t.touch_ref, t.kind, t.creator_id,
		   t.product_id, t.category_id, t.channel, t.post_id, t.received_at, t.late, t.viewable
	  FROM (-- a touch_ref is one touch of its visitor: of two that COPY brought the earliest counts
			SELECT DISTINCT ON (x.visitor_id, x.touch_ref COLLATE "C")
				   x.visitor_id, x.touched_at, x.touch_ref COLLATE "C" AS touch_ref, x.kind,
				   CASE WHEN x.kind = 'cart' AND x.creator_id IS NULL
						THEN influence_internal.session_creator($1, $2, x.program_id, x.touched_at, policy.max_touch_delay)
						ELSE x.creator_id END AS creator_id,
				   x.product_id,
				   CASE WHEN x.category_id IS NULL AND policy.match = 'category'
						THEN (SELECT h.category_id FROM influence.product_category h
							   WHERE h.product_id = x.product_id AND h.valid_from <= x.touched_at ORDER BY h.valid_from DESC LIMIT 1)
						ELSE x.category_id END AS category_id,
				   x.channel, x.post_id, x.received_at,
				   influence_internal.is_late(x.touched_at, x.received_at, g.created_at, policy.max_touch_delay) AS late,
				   x.kind <> 'view' OR coalesce(x.viewable_ms, 0) >= policy.view_min_ms AS viewable
			  FROM influence.touch x
			  JOIN influence.program g ON g.program_id = x.program_id
			 WHERE x.visitor_id = ANY ($1) AND x.program_id = ANY ($2) AND x.touched_at > since AND x.touched_at <= $4
			   AND (x.touched_at > widest OR x.kind <> 'view' OR coalesce(x.viewable_ms, 0) >= policy.view_min_ms)
			 ORDER BY x.visitor_id, x.touch_ref COLLATE "C", x.touched_at) t;
END
$$;
COMMENT ON FUNCTION influence_internal.order_touches(uuid[], bigint[], record, timestamptz) IS
'What credit_touches() reads, and more, to explain what it did: the touches of a person (all its visitors) in a program''s scope up to an order of that moment, as far back as the widest window of a policy (columns of attribution_policy) reaches and the last one before it, also views that were not seen long enough (viewable false). late: came too late to earn. touch_no numbers them in (touched_at, touch_ref, visitor) order.';

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
	l record;
	owner bigint;
	path_start timestamptz;
	by_coupon bigint[] := '{}';		-- the lines in which the order's coupon takes part
	lines record;
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
			by_coupon := ARRAY(
				SELECT unnest(l.ids)
				EXCEPT
				SELECT c.line_no
				  FROM influence_internal.credit_touches(people, scope, o.ordered_at, l.ids, l.amounts, l.products, l.categories, '{}', l.cart_starts,
						o.max_touch_delay, o.view_min_ms, 'linear', o.lookback, o.view_lookback, o.cart_lookback, o.half_life, o.position_weights,
						o.reuse, o.session_lifetime, o.match, o.time_zone, path_start, NULL, NULL, ($6 ->> 'session_lifetime')::interval) c
				 WHERE c.snapshot ->> 'kind' = 'click');
		END IF;
	END IF;
	FOREACH part IN ARRAY ARRAY[false, true] LOOP
		lines := l;
		IF owner IS NOT NULL THEN
			SELECT array_agg(x.id) AS ids, array_agg(x.amount) AS amounts, array_agg(x.product_id) AS products,
				   array_agg(x.category_id) AS categories, array_agg(x.cart_start) AS cart_starts INTO lines
			  FROM unnest(l.ids, l.amounts, l.products, l.categories, l.cart_starts) x(id, amount, product_id, category_id, cart_start)
			 WHERE (x.id = ANY (by_coupon)) = part;
		END IF;
		CONTINUE WHEN lines.ids IS NULL OR (part AND owner IS NULL);
		IF part AND o.coupon_rule = 'override' THEN
			-- the coupon is all that counts, whatever the windows are and earlier orders consumed
			o.lookback := interval '1 day';
			o.reuse := 'reuse';
			people := '{}';
		END IF;
		RETURN QUERY
		SELECT c.line_no, c.touch_ref, coalesce(c.touch_visitor_id, $2), c.creator_id, c.weight, c.credit, c.reason, o.version, c.touched_at,
			   c.touch_position, c.path_length, c.snapshot, o.ordered_at
		  FROM influence_internal.credit_touches(people, scope, o.ordered_at, lines.ids, lines.amounts, lines.products, lines.categories, excluded,
				lines.cart_starts, o.max_touch_delay, o.view_min_ms, o.model, o.lookback, o.view_lookback, o.cart_lookback, o.half_life,
				o.position_weights, o.reuse, o.session_lifetime, o.match, o.time_zone, path_start, 'coupon ' || o.coupon,
				CASE WHEN part THEN owner END, ($6 ->> 'session_lifetime')::interval) c;
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
