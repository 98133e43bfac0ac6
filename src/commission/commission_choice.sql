/*
 * commission_choice.sql
 *
 * What an order's lines should earn: for each line and credited creator the
 * base, the rate that was chosen (and stays, once booked) and the amount; and
 * the platform's own cut of what is credited. A creator who may not earn, or
 * has no rate, gets 0 with the reason, so that nothing is silently absent.
 *
 * What a line is (by a direct touch, by a boosted one) is looked up only where
 * the rate card asks for it.
 */
CREATE FUNCTION influence_internal.line_commission(base bigint, rate numeric, flat_amount bigint, quantity bigint, shares numeric[],
	place int, rounding text)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE WHEN $3 IS NULL THEN influence.commission_minor($1, $2, $7)
				WHEN 0 OPERATOR(pg_catalog.<) ANY ($5)
				THEN coalesce((influence.split_amount(($3::pg_catalog.numeric OPERATOR(pg_catalog.*) $4)::pg_catalog.int8, $5))[$6], 0)
				ELSE 0 END
$$;
COMMENT ON FUNCTION influence_internal.line_commission(bigint, numeric, bigint, bigint, numeric[], int, text) IS
'What a creator earns by a line: base x rate, or, flat, its share (the place-th of shares, NULL = none) of flat_amount x quantity.';

CREATE FUNCTION influence_internal.wanted_commissions(program_id bigint, visitor_id uuid, order_ref text, o record,
	scenario jsonb DEFAULT NULL)
RETURNS TABLE (line_no int, creator_id bigint, base bigint, rate_id bigint, rate_version int, rate numeric, flat_amount bigint,
			   rounding text, amount bigint, hold_reason text, directness text, customer_kind text, boost text, tier_id bigint,
			   credited boolean)
LANGUAGE plpgsql STABLE
ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	asked record;
	barred text;
BEGIN
	-- the sale stays with the order that this one replaces, also when that is known later
	barred := CASE WHEN o.replacement THEN 'replacement' END;
	SELECT CASE WHEN x.rates THEN ($5 ->> 'directness')::boolean
				ELSE EXISTS (SELECT FROM influence.commission_rate r WHERE r.program_id = $1 AND r.directness <> '') END AS directness,
		   CASE WHEN x.rates THEN ($5 ->> 'boost')::boolean
				ELSE EXISTS (SELECT FROM influence.commission_rate r WHERE r.program_id = $1 AND r.boost <> '') END AS boost,
		   CASE WHEN NOT o.paying THEN 0
				WHEN x.cut THEN ($5 #>> '{commission,platform_rate}')::numeric
				ELSE (SELECT p.platform_rate FROM influence.commission_policy p
					   WHERE p.program_id = $1 AND p.version = influence_internal.order_commission_policy($1, $2, $3)) END AS platform_rate,
		   x.*
	  INTO asked
	  -- what a scenario says otherwise
	  FROM (SELECT coalesce($5 ? 'rates', false) AS rates, coalesce($5 ? 'tiers', false) AS tiers,
				   coalesce($5 ? 'attribution', false) AS attribution, coalesce($5 -> 'commission' ? 'platform_rate', false) AS cut) x;
	RETURN QUERY
	WITH booked AS MATERIALIZED (
		-- what a creator was first booked with is frozen
		SELECT x.line_no, x.creator_id, min(x.rate_id) AS rate_id, min(x.rate_version) AS rate_version, min(x.rate) AS rate,
			   min(x.flat_amount) AS flat_amount, min(x.rounding) AS rounding, min(x.hold_reason) AS hold_reason,
			   min(x.directness) AS directness, min(x.customer_kind) AS customer_kind, min(x.boost) AS boost, min(x.tier_id) AS tier_id
		  FROM influence.earning x
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.kind = 'commission'
		 GROUP BY x.line_no, x.creator_id
	), credits AS MATERIALIZED (
		SELECT x.line_no, x.creator_id, x.credit, x.weight, x.touch_visitor_id, x.touched_at, x.touch_ref, x.snapshot
		  FROM influence.credit x
		 WHERE NOT asked.attribution AND x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3
		   AND x.creator_id IS NOT NULL AND x.superseded_by IS NULL
		UNION ALL
		SELECT x.line_no, x.creator_id, x.credit, x.weight, x.touch_visitor_id, x.touched_at, x.touch_ref, x.snapshot
		  FROM influence_internal.attribute_order($1, $2, $3, policy => $5 -> 'attribution') x
		 WHERE asked.attribution AND x.creator_id IS NOT NULL
	), shares AS MATERIALIZED (
		SELECT x.line_no, x.creator_id, sum(x.credit)::bigint AS base, round(sum(x.weight)::numeric, 9) AS weight
		  FROM credits x
		 GROUP BY x.line_no, x.creator_id
	), line AS MATERIALIZED (
		-- whoever is credited shares a flat amount, by base; by weight, where there is nothing to base it on
		SELECT l.line_no, l.product_id, l.category_path, l.quantity, s.base, s.creators,
			   CASE WHEN s.base > 0 THEN s.bases ELSE s.weights END AS shares,
			   CASE WHEN l.renewal_no > 0 OR NOT l.new_customer THEN 'returning' WHEN l.new_customer THEN 'new' END AS customer_kind
		  FROM influence.order_line l
		  LEFT JOIN (SELECT x.line_no, sum(x.base)::bigint AS base, array_agg(x.creator_id ORDER BY x.creator_id) AS creators,
							array_agg(x.base::numeric ORDER BY x.creator_id) AS bases, array_agg(x.weight ORDER BY x.creator_id) AS weights
					   FROM shares x GROUP BY x.line_no) s ON s.line_no = l.line_no
		 WHERE l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3
	), fresh AS MATERIALIZED (
		SELECT n.line_no, n.creator_id, n.base, r.rate_id, r.version AS rate_version, r.rate, r.flat_amount, o.rounding,
			   coalesce(n.bar, CASE WHEN r.rate_id IS NULL THEN 'no_rate' END) AS hold_reason, n.directness, n.customer_kind, n.boost,
			   NULL::bigint AS tier_id, r.rate IS NOT NULL AND NOT r.personal AS tiered
		  FROM (SELECT s.line_no, s.creator_id, s.base, l.product_id, l.category_path, l.quantity, l.shares,
					   array_position(l.creators, s.creator_id) AS place, l.customer_kind,
					   CASE WHEN asked.directness THEN (
						SELECT influence_internal.credit_directness(array_agg((c.snapshot ->> 'product_id')::bigint), array_agg(c.touched_at),
									l.product_id, l.category_path)
						  FROM credits c WHERE c.line_no = s.line_no AND c.creator_id = s.creator_id) END AS directness,
					   CASE WHEN asked.boost THEN (
						SELECT influence_internal.credit_boost(array_agg(c.touch_visitor_id), array_agg(c.touched_at), array_agg(c.touch_ref))
						  FROM credits c WHERE c.line_no = s.line_no AND c.creator_id = s.creator_id) END AS boost,
					   CASE WHEN NOT o.paying THEN 'not_paying'
							-- under another rate card who was barred stays so
							WHEN b.creator_id IS NOT NULL THEN coalesce(nullif(b.hold_reason, 'no_rate'), barred)
							ELSE coalesce(influence_internal.earning_bar($1, s.creator_id, o.ordered_at), barred) END AS bar
				  FROM shares s
				  JOIN line l ON l.line_no = s.line_no
				  LEFT JOIN booked b ON b.line_no = s.line_no AND b.creator_id = s.creator_id
				 WHERE b.creator_id IS NULL OR asked.rates
				-- asked once, not once per use
				OFFSET 0) n
		  LEFT JOIN LATERAL (SELECT x.*
							   FROM influence_internal.choose_rate($1, n.creator_id, n.product_id, n.category_path, o.country, o.ordered_at,
										n.directness, n.customer_kind, n.boost, n.base, n.quantity, n.shares, n.place, o.rounding, $5 -> 'rates') x
							  WHERE n.bar IS NULL OFFSET 0) r ON true
	), wanted AS (
		SELECT f.*, true AS credited FROM fresh f
		UNION ALL
		SELECT l.line_no, 0, l.base, NULL, NULL, asked.platform_rate, NULL, o.rounding, barred, NULL, NULL, NULL, NULL, false, true
		  FROM line l
		 WHERE asked.platform_rate > 0 AND l.base IS NOT NULL
		   AND (asked.cut OR NOT EXISTS (SELECT FROM booked b WHERE b.line_no = l.line_no AND b.creator_id = 0))
		UNION ALL
		SELECT b.line_no, b.creator_id, coalesce(s.base, 0), b.rate_id, b.rate_version, b.rate, b.flat_amount, b.rounding,
			   coalesce(b.hold_reason, barred), b.directness, b.customer_kind, b.boost, b.tier_id,
			   asked.tiers AND b.rate IS NOT NULL AND b.creator_id <> 0 AND NOT EXISTS (
					SELECT FROM influence.commission_rate r
					 WHERE r.program_id = $1 AND r.rate_id = b.rate_id AND (r.creator_id <> 0 OR r.product_id <> 0)),
			   s.base IS NOT NULL
		  FROM booked b
		  LEFT JOIN (SELECT x.line_no, x.creator_id, x.base FROM shares x
					 UNION ALL
					 SELECT l.line_no, 0, l.base FROM line l WHERE l.base IS NOT NULL) s ON s.line_no = b.line_no AND s.creator_id = b.creator_id
		 WHERE CASE WHEN b.creator_id = 0 THEN NOT asked.cut ELSE NOT asked.rates END
	)
	SELECT w.line_no, w.creator_id, w.base, w.rate_id, w.rate_version, w.rate, w.flat_amount, w.rounding,
		   CASE WHEN w.hold_reason IS NOT NULL THEN 0
				-- rounded over the order: a creator's lines at one rate together
				WHEN o.rounding_scope = 'order' AND w.rate_id IS NOT NULL AND w.flat_amount IS NULL
				THEN influence.commission_minor(w.up_to, w.rate, w.rounding) - influence.commission_minor(w.up_to - w.base, w.rate, w.rounding)
				ELSE influence_internal.line_commission(w.base, w.rate, w.flat_amount, l.quantity, l.shares,
					array_position(l.creators, w.creator_id), w.rounding) END,
		   w.hold_reason, w.directness, w.customer_kind, w.boost,
		   CASE WHEN w.hold_reason IS NOT NULL THEN NULL
				WHEN w.tiered OR asked.tiers
				THEN (SELECT t.tier_id
						FROM (SELECT x.tier_id, x.category_id FROM influence.tier_table x
							   WHERE NOT asked.tiers AND x.program_id = $1 AND x.valid @> o.ordered_at
							  UNION ALL
							  SELECT x.tier_id, x.category_id FROM jsonb_populate_recordset(NULL::influence.tier_table, $5 -> 'tiers') x
							   WHERE asked.tiers AND x.valid @> o.ordered_at) t
					   WHERE w.tiered AND (t.category_id = 0 OR t.category_id = ANY (l.category_path))
					   ORDER BY coalesce(array_position(l.category_path, t.category_id), 0) DESC LIMIT 1)
				ELSE w.tier_id END,
		   w.credited
	  FROM (SELECT x.*, (sum(x.base) FILTER (WHERE x.hold_reason IS NULL)
						 OVER (PARTITION BY x.creator_id, x.rate_id ORDER BY x.line_no))::bigint AS up_to FROM wanted x) w
	  JOIN line l ON l.line_no = w.line_no;
END
$$;
COMMENT ON FUNCTION influence_internal.wanted_commissions(bigint, uuid, text, record, jsonb) IS
'The commissions that an order should have with its present credits: one row per line and creator that is credited, or was (base 0 then, credited false), at the rate and rounding that was first booked, else chosen now; and one per line for the platform''s own cut (creator_id 0, base: all that is credited to creators). o: the order_terms() of the order. scenario: what simulate_program() makes otherwise, as scenario() says; a rate card replaces what was first booked.';

CREATE FUNCTION influence_internal.order_commission_policy(program_id bigint, visitor_id uuid, order_ref text)
RETURNS int
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT coalesce(x.commission_policy_version,
							(SELECT p.version FROM influence.commission_policy p WHERE p.program_id = $1 AND p.valid @> x.ordered_at))
			  FROM influence.orders x
			 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3);
END
$$;
COMMENT ON FUNCTION influence_internal.order_commission_policy(bigint, uuid, text) IS
'The version of the commission policy of an order: the one that it was recorded under, else the one in force when it was placed.';

CREATE FUNCTION influence_internal.choose_rate(program_id bigint, creator_id bigint, product_id bigint, category_path bigint[], country text,
	at timestamptz, directness text, customer_kind text, boost text, base bigint, quantity bigint, shares numeric[], place int, rounding text,
	card jsonb DEFAULT NULL,
	OUT rate_id bigint, OUT version int, OUT rate numeric, OUT flat_amount bigint, OUT personal boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	taken record;
	before record;
BEGIN
	SELECT c.* INTO taken FROM influence_internal.rate_candidates($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, $15) c WHERE c.choice = 1;
	-- hours, not calendar days
	IF taken.protect_days > 0 AND $6 < taken.began_at + make_interval(hours => 24 * taken.protect_days)
	   AND influence_internal.posted_before($2, $3, taken.began_at) THEN
		SELECT c.* INTO before
		  FROM influence_internal.rate_candidates($1, $2, $3, $4, $5, taken.began_at - interval '1 microsecond', $7, $8, $9, NULL, $15) c
		 WHERE c.choice = 1;
		IF FOUND AND influence_internal.line_commission($10, before.rate, before.flat_amount, $11, $12, $13, $14)
				   > influence_internal.line_commission($10, taken.rate, taken.flat_amount, $11, $12, $13, $14) THEN
			taken := before;
		END IF;
	END IF;
	rate_id := taken.rate_id;
	version := taken.version;
	rate := taken.rate;
	flat_amount := taken.flat_amount;
	personal := taken.personal;
END
$$;
COMMENT ON FUNCTION influence_internal.choose_rate(bigint, bigint, bigint, bigint[], text, timestamptz, text, text, text, bigint, bigint, numeric[], int, text, jsonb) IS
'The row of the rate card that a creator earns a line by: the first candidate; or, while that one protects creators who had posted the product before it began, the first candidate of the card as it was just before, if it earns more money by this line. One step back only. NULLs when no row fits. card: as in rate_candidates().';

CREATE FUNCTION influence_internal.posted_before(creator_id bigint, product_id bigint, at timestamptz)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN EXISTS (SELECT FROM influence.post_tag t
					 JOIN influence.post p ON p.creator_id = t.creator_id AND p.post_id = t.post_id
					WHERE t.product_id = $2 AND t.creator_id = $1 AND p.published_at < $3);
END
$$;
COMMENT ON FUNCTION influence_internal.posted_before(bigint, bigint, timestamptz) IS
'Whether a creator published a post that tags a product before a moment, whatever became of the post.';

CREATE FUNCTION influence_internal.credit_directness(products bigint[], touched_at timestamptz[], product_id bigint, category_path bigint[])
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT CASE WHEN bool_or(t.product_id = $3
									 OR (SELECT h.category_id FROM influence.product_category h
										  WHERE h.product_id = t.product_id AND h.valid_from <= t.touched_at
										  ORDER BY h.valid_from DESC LIMIT 1) = ANY ($4))
						THEN 'direct' ELSE 'indirect' END
			  FROM unnest($1, $2) t(product_id, touched_at));
END
$$;
COMMENT ON FUNCTION influence_internal.credit_directness(bigint[], timestamptz[], bigint, bigint[]) IS
'direct when a touch that a creator is credited for (its product and moment) was of the line''s product, or of one whose category at that moment is in the line''s category path; else indirect (so are touches without product, and coupons).';

CREATE FUNCTION influence_internal.credit_boost(touch_visitors uuid[], touched_at timestamptz[], touch_refs text[])
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN CASE WHEN EXISTS (SELECT FROM unnest($1, $2, $3) c(visitor_id, touched_at, touch_ref)
							   JOIN influence.touch t ON t.visitor_id = c.visitor_id AND t.touched_at = c.touched_at
									AND t.touch_ref = c.touch_ref
							  WHERE t.boosted) THEN 'boosted' ELSE 'organic' END;
END
$$;
COMMENT ON FUNCTION influence_internal.credit_boost(uuid[], timestamptz[], text[]) IS
'boosted when a touch that a creator is credited for was paid for (touch.boosted), else organic.';
