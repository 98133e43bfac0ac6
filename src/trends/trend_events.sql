/*
 * trend_events.sql
 *
 * What new facts add to the decayed counters, and what they take off. Where a
 * fact changes what others count (an unsmile, one event too many in an hour, a
 * return, a vote), the others are taken off with what they weighed and added with
 * what they weigh: both are exact integers in the counter, and what cancels leaves
 * nothing. Touches and reactions are only ever added, so what they weighed is a
 * query over those that the last run saw (xact visible in last_seen); what was
 * taken off for returns, and votes, is written down (trend_return, trend_vote).
 *
 * Posts and creators: reactions and comments by engagement_weights. A smile that
 * was taken back does not count. Events of guests and of accounts younger than
 * "young_age" weigh "young", and those of a post within an hour (UTC) together at
 * most as much as "hour_votes" of them do (setting vote_weights, as for votes).
 * Products and categories: touches and order lines by trend_weights, a line less
 * by the share of it that came back, at the time of the order; votes by
 * vote_weight.
 */
CREATE FUNCTION influence_internal.trend_post_events(last_seen pg_snapshot, upper pg_snapshot)
RETURNS TABLE (post_id bigint, weight float8, at timestamptz)
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	kinds text[];
	weights float8[];
	rule jsonb := influence_internal.setting_value('vote_weights');
	young_weight numeric := (rule ->> 'young')::numeric;
	young_age interval := (rule ->> 'young_age')::interval;
	hour_limit numeric := (rule ->> 'hour_votes')::numeric;
	since timestamptz := influence_internal.kept_from('engagement');
	until timestamptz;
	whole boolean := $1::text = '1:1:';		-- all there is: read from end to end
	events text;
BEGIN
	SELECT array_agg(w.key), array_agg(w.value::float8) INTO kinds, weights
	  FROM jsonb_each_text(influence_internal.setting_value('engagement_weights')) w
	 WHERE w.key IN ('smile', 'comment', 'share', 'save', 'click') AND w.value::float8 <> 0;
	-- two ways to the same events: what is not needed would be planned each minute, over all partitions
	IF whole THEN
		events := $sql$
			unsmiled AS MATERIALIZED (
				SELECT DISTINCT u.post_id FROM influence.engagement u WHERE u.kind = 'unsmile'
			), x AS (
				SELECT y.visitor_id, y.post_id, date_trunc('hour', y.occurred_at, 'UTC') AS hour, y.kind, y.occurred_at, y.event_ref, false AS was,
					   u.post_id IS NOT NULL AS unsmiled
				  FROM influence.engagement y
				  LEFT JOIN unsmiled u ON u.post_id = y.post_id
				 WHERE y.post_id IS NOT NULL AND y.kind = ANY ($3) AND y.occurred_at >= $8 AND ($2 IS NULL OR pg_visible_in_snapshot(y.xact, $2))
			)$sql$;
	ELSE
		SELECT greatest(since, n.since), n.until INTO since, until
		  FROM influence_internal.span_of_new('engagement', pg_snapshot_xmin($1)) n;
		events := $sql$
			-- What is asked once of a post or an hour is asked at its first event and told the others by a window: how many there are
			-- is a guess of the planner's, which would join them in loops.
			fresh AS MATERIALIZED (
				SELECT g.post_id, g.visitor_id, g.kind, g.occurred_at, g.event_ref,
					   -- one probe each of an index that has little in it
					   bool_or(CASE WHEN g.place = 1 THEN EXISTS (SELECT FROM influence.engagement u WHERE u.post_id = g.post_id AND u.kind = 'unsmile' OFFSET 0) END)
							OVER (PARTITION BY g.post_id) AS unsmiled
				  FROM (SELECT x.visitor_id, x.post_id, x.kind, x.occurred_at, x.event_ref, row_number() OVER (PARTITION BY x.post_id) AS place
						  FROM influence.engagement x
						 WHERE x.post_id IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, $2)
						   AND (x.kind = ANY ($3) OR x.kind = 'unsmile') AND x.occurred_at >= $8 AND x.occurred_at <= $11) g
			), n AS MATERIALIZED (
				-- in an hour with few events nobody's weight depends on others': only the new ones are looked at
				SELECT g.*, bool_or(CASE WHEN g.place = 1 THEN g.unsmiled OR coalesce((
							SELECT sum(y.smiles + y.comments + y.shares + y.saves + y.clicks) FROM influence.post_hour y
							 WHERE y.post_id = g.post_id AND y.bucket_start = g.hour) > $7, true) END) OVER (PARTITION BY g.post_id, g.hour) AS crowded
				  FROM (SELECT h.*, row_number() OVER (PARTITION BY h.post_id, h.hour) AS place
						  FROM (SELECT f.post_id, date_trunc('hour', f.occurred_at, 'UTC') AS hour, f.unsmiled, f.visitor_id, f.kind, f.occurred_at, f.event_ref
								  FROM fresh f WHERE f.kind <> 'unsmile'
								UNION ALL
								-- what comes between a smile and the next event of its visitor there changes whether it was taken back
								SELECT f.post_id, date_trunc('hour', s.at, 'UTC'), true, NULL, NULL, NULL, NULL
								  FROM fresh f
								 CROSS JOIN LATERAL influence_internal.previous_reaction(f.visitor_id, f.post_id, f.occurred_at, f.event_ref, $2) s
								 WHERE f.unsmiled AND f.kind IN ('smile', 'unsmile')) h) g
			), x AS (
				SELECT n.visitor_id, n.post_id, n.hour, n.kind, n.occurred_at, n.event_ref, false AS was, false AS unsmiled
				  FROM n
				 WHERE NOT n.crowded
				UNION ALL
				SELECT y.visitor_id, y.post_id, n.hour, y.kind, y.occurred_at, y.event_ref, pg_visible_in_snapshot(y.xact, $1), n.unsmiled
				  FROM n
				  JOIN influence.engagement y ON y.post_id = n.post_id AND y.occurred_at >= n.hour AND y.occurred_at < n.hour + interval '1 hour'
				 WHERE n.crowded AND n.place = 1 AND y.kind = ANY ($3) AND ($2 IS NULL OR pg_visible_in_snapshot(y.xact, $2))
			)$sql$;
	END IF;
	RETURN QUERY EXECUTE 'WITH ' || events || $sql$, e AS (
		SELECT x.post_id, x.hour, x.kind, x.occurred_at, x.was, coalesce(x.occurred_at < s.created_at + $6, true) AS young,
			   x.unsmiled AND x.kind = 'smile' AND influence_internal.next_is_unsmile(x.visitor_id, x.post_id, x.occurred_at, x.event_ref, $2) AS taken,
			   x.unsmiled AND x.kind = 'smile' AND influence_internal.next_is_unsmile(x.visitor_id, x.post_id, x.occurred_at, x.event_ref, $1) AS was_taken
		  FROM x
		  LEFT JOIN influence.shopper s ON s.visitor_id = x.visitor_id
	), counted AS (
		SELECT e.*, greatest(count(*) FILTER (WHERE e.young AND NOT e.taken) OVER w, 1) AS young_ones,
			   greatest(count(*) FILTER (WHERE e.young AND e.was AND NOT e.was_taken) OVER w, 1) AS young_before
		  FROM e
		WINDOW w AS (PARTITION BY e.post_id, e.hour)
	), weighed AS (
		SELECT c.post_id, c.occurred_at,
			   CASE WHEN c.taken THEN 0
					ELSE $4[array_position($3, c.kind)]
						-- most hours are within the limit: no division for them
						* CASE WHEN NOT c.young THEN 1 WHEN c.young_ones <= $10 THEN $9 ELSE round($5 * least(1, $7 / c.young_ones), 9)::float8 END END AS weighs,
			   CASE WHEN c.was_taken OR NOT c.was THEN 0
					ELSE $4[array_position($3, c.kind)]
						* CASE WHEN NOT c.young THEN 1 WHEN c.young_before <= $10 THEN $9 ELSE round($5 * least(1, $7 / c.young_before), 9)::float8 END END AS weighed
		  FROM counted c
	)
	SELECT w.post_id, d.weight, w.occurred_at
	  FROM weighed w
	 CROSS JOIN LATERAL (VALUES (w.weighs), (- w.weighed)) d(weight)
	 WHERE w.weighs <> w.weighed AND d.weight <> 0 $sql$
	 USING $1, $2, kinds, weights, young_weight, young_age, hour_limit, since, round(young_weight, 9)::float8, floor(hour_limit)::bigint, until;
END
$$;
COMMENT ON FUNCTION influence_internal.trend_post_events(pg_snapshot, pg_snapshot) IS
'What the reactions and comments that are new by last_seen and upper add to the counters of posts and their creators, and take off: rows to be summed. After the hours of posts (post_hour), which say where events are many. Settings engagement_weights, vote_weights.';

CREATE FUNCTION influence_internal.trend_product_events(last_seen pg_snapshot, upper pg_snapshot, touches boolean DEFAULT true)
RETURNS TABLE (program_id bigint, product_id bigint, category_id bigint, weight float8, at timestamptz)
LANGUAGE plpgsql
ROWS 10000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	kinds text[];
	weights float8[];
	sale numeric := coalesce((influence_internal.setting_value('trend_weights') ->> 'sale')::numeric, 0);
	since timestamptz := influence_internal.kept_from('touch');
BEGIN
	IF $3 THEN
		SELECT array_agg(w.key), array_agg(w.value::float8) INTO kinds, weights
		  FROM jsonb_each_text(influence_internal.setting_value('trend_weights')) w
		 WHERE w.key IN ('view', 'click', 'cart', 'coupon') AND w.value::float8 <> 0;
		RETURN QUERY
		SELECT x.program_id, x.product_id, coalesce(x.category_id, p.category_id, 0), weights[array_position(kinds, x.kind)], x.touched_at
		  FROM influence.touch x
		  LEFT JOIN influence.product p ON p.product_id = x.product_id
		 WHERE influence_internal.is_fresh(x.xact, $1, $2) AND x.kind = ANY (kinds) AND x.touched_at >= since
		   AND (x.product_id IS NOT NULL OR x.category_id IS NOT NULL);
	END IF;
	-- most minutes have none
	IF NOT EXISTS (SELECT FROM influence.order_line l WHERE influence_internal.is_fresh(l.xact, $1, $2))
	   AND NOT EXISTS (SELECT FROM influence.order_return r WHERE influence_internal.is_fresh(r.xact, $1, $2)) THEN
		RETURN;
	END IF;
	RETURN QUERY
	WITH n AS (
		SELECT l.visitor_id, l.program_id, l.order_ref, l.line_no
		  FROM influence.order_line l WHERE influence_internal.is_fresh(l.xact, $1, $2)
		UNION
		SELECT r.visitor_id, r.program_id, r.order_ref, r.line_no
		  FROM influence.order_return r WHERE influence_internal.is_fresh(r.xact, $1, $2)
	), v AS MATERIALIZED (
		SELECT l.visitor_id, l.program_id, l.order_ref, l.line_no, l.product_id, l.category_path[cardinality(l.category_path)] AS category_id, o.ordered_at, l.base_amount,
			   pg_visible_in_snapshot(l.xact, $1) AS was, coalesce(t.returned, 0) AS returned_before,
			   coalesce((SELECT sum(CASE r.kind WHEN 'chargeback_reversed' THEN -r.amount ELSE r.amount END)
						   FROM influence.order_return r
						  WHERE r.visitor_id = n.visitor_id AND r.program_id = n.program_id AND r.order_ref = n.order_ref AND r.line_no = n.line_no
							AND r.state = 'applied' AND r.kind <> 'goodwill'), 0) AS returned
		  FROM n
		  JOIN influence.order_line l USING (visitor_id, program_id, order_ref, line_no)
		  JOIN influence.orders o USING (visitor_id, program_id, order_ref)
		  LEFT JOIN influence.trend_return t ON t.visitor_id = n.visitor_id AND t.program_id = n.program_id AND t.order_ref = n.order_ref AND t.line_no = n.line_no
		 WHERE $2 IS NULL OR pg_visible_in_snapshot(l.xact, $2)
	), stored AS (
		INSERT INTO influence.trend_return AS t (visitor_id, program_id, order_ref, line_no, returned)
		SELECT v.visitor_id, v.program_id, v.order_ref, v.line_no, v.returned FROM v WHERE v.returned <> v.returned_before
		ON CONFLICT ON CONSTRAINT trend_return_pkey DO UPDATE SET returned = excluded.returned
	)
	SELECT v.program_id, v.product_id, coalesce(v.category_id, 0), d.weight::float8, v.ordered_at
	  FROM v
	 -- in whole steps of the counter, so that what is taken off later is what was added
	 CROSS JOIN LATERAL (VALUES
			(round(sale * 1048576 * CASE WHEN v.base_amount > 0 AND v.returned > 0 THEN 1 - least(v.returned, v.base_amount) / v.base_amount::numeric ELSE 1 END) / 1048576),
			(CASE WHEN v.was THEN - round(sale * 1048576 * CASE WHEN v.base_amount > 0 AND v.returned_before > 0
				THEN 1 - least(v.returned_before, v.base_amount) / v.base_amount::numeric ELSE 1 END) / 1048576 ELSE 0 END)) d(weight)
	 WHERE d.weight <> 0;
END
$$;
COMMENT ON FUNCTION influence_internal.trend_product_events(pg_snapshot, pg_snapshot, boolean) IS
'What the touches (unless they are left out), order lines and returns that are new by last_seen and upper add to the counters of products and categories, and take off: rows to be summed, with the category frozen on the touch or line (0 = none). Writes trend_return. Setting trend_weights.';

CREATE FUNCTION influence_internal.trend_vote_events(last_seen pg_snapshot, upper pg_snapshot)
RETURNS TABLE (product_id bigint, category_id bigint, weight float8, at timestamptz)
LANGUAGE plpgsql
ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	vote_weight float8 := coalesce((influence_internal.setting_value('engagement_weights') ->> 'vote')::float8, 0);
	reached bigint[];
	span record;
BEGIN
	SELECT n.since, n.until INTO span FROM influence_internal.span_of_new('engagement', pg_snapshot_xmin($1)) n;
	SELECT array_agg(DISTINCT x.product_id) INTO reached
	  FROM influence.engagement x
	 WHERE x.kind = 'vote' AND x.product_id IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, $2)
	   AND x.occurred_at >= span.since AND x.occurred_at <= span.until;
	IF reached IS NULL THEN
		RETURN;
	END IF;
	RETURN QUERY
	WITH gone AS (
		DELETE FROM influence.trend_vote v WHERE v.product_id = ANY (reached) RETURNING v.product_id, v.weight, v.voted_at
	), came AS (
		INSERT INTO influence.trend_vote AS v (product_id, voted_at, weight)
		SELECT w.product_id, w.voted_at, (w.vote * w.weight)::float8 * vote_weight
		  FROM influence.vote_weight w
		 WHERE w.product_id = ANY (reached) AND w.weight <> 0 AND vote_weight <> 0
		RETURNING v.product_id, v.weight, v.voted_at
	)
	SELECT e.product_id, p.category_id, e.weight, e.voted_at
	  FROM (SELECT c.product_id, c.weight, c.voted_at FROM came c
			UNION ALL
			SELECT g.product_id, - g.weight, g.voted_at FROM gone g) e
	  JOIN influence.product p ON p.product_id = e.product_id;
END
$$;
COMMENT ON FUNCTION influence_internal.trend_vote_events(pg_snapshot, pg_snapshot) IS
'Weighs the votes anew of products with votes that are new by last_seen and upper, and says what this adds to the counters of products and categories and takes off: rows to be summed. All votes of such a product, since one changes what others weigh.';
