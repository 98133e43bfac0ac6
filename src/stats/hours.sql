/*
 * hours.sql
 *
 * The hourly buckets of posts, creators, products and categories, counted anew.
 * All facts of the hours that new facts reach are read again, by the indexes on
 * key and time; sales, which are few beside touches, by program and hour.
 */
CREATE FUNCTION influence_internal.refresh_post_hours(last_seen pg_snapshot, upper pg_snapshot, bound pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN influence_internal.fold_buckets('post_hour', '{post_id}', '{smiles,unsmiles,comments,shares,saves,clicks,visitors}', '{post_id}',
		$n$	SELECT DISTINCT x.post_id, date_trunc('hour', x.occurred_at) AS bucket_start
			  FROM influence.engagement x
			 WHERE x.post_id IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, $2) AND x.occurred_at >= $3 $n$,
		-- bucket by bucket: few rows to sort for the distinct ones among them
		$f$	SELECT n.post_id, n.bucket_start, t.*
			  FROM n
			 CROSS JOIN LATERAL (
					SELECT count(*) FILTER (WHERE x.kind = 'smile') AS smiles, count(*) FILTER (WHERE x.kind = 'unsmile') AS unsmiles,
						   count(*) FILTER (WHERE x.kind = 'comment') AS comments, count(*) FILTER (WHERE x.kind = 'share') AS shares,
						   count(*) FILTER (WHERE x.kind = 'save') AS saves, count(*) FILTER (WHERE x.kind = 'click') AS clicks,
						   count(DISTINCT x.visitor_id) AS visitors
					  FROM influence.engagement x
					 WHERE x.post_id = n.post_id AND x.occurred_at >= n.bucket_start AND x.occurred_at < n.bucket_start + interval '1 hour'
					   AND ($5 IS NULL OR pg_visible_in_snapshot(x.xact, $5))) t $f$,
		$1, $2, influence_internal.kept_from('engagement'), $3);
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_post_hours(pg_snapshot, pg_snapshot, pg_snapshot) IS
'Recomputes the post_hour rows that new engagements reach, from the facts that bound shows (NULL = all); returns how many were written.';

CREATE FUNCTION influence_internal.refresh_impression_hours(last_seen pg_snapshot, upper pg_snapshot, bound pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN influence_internal.fold_buckets('post_hour', '{post_id}', '{impressions}', '{post_id}',
		$n$	SELECT DISTINCT x.post_id, date_trunc('hour', x.shown_at) AS bucket_start
			  FROM influence.impression x
			 WHERE influence_internal.is_fresh(x.xact, $1, $2) AND x.shown_at >= $3 $n$,
		$f$	SELECT n.post_id, n.bucket_start, t.*
			  FROM n
			 CROSS JOIN LATERAL (
					SELECT count(*) AS impressions
					  FROM influence.impression x
					 WHERE x.post_id = n.post_id AND x.shown_at >= n.bucket_start AND x.shown_at < n.bucket_start + interval '1 hour'
					   AND ($5 IS NULL OR pg_visible_in_snapshot(x.xact, $5))) t $f$,
		$1, $2, influence_internal.kept_from('impression'), $3);
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_impression_hours(pg_snapshot, pg_snapshot, pg_snapshot) IS
'Recomputes what impressions say in the post_hour rows that new ones reach, from the facts that bound shows (NULL = all); returns how many were written.';

CREATE FUNCTION influence_internal.refresh_touch_hours(key text, last_seen pg_snapshot, upper pg_snapshot, bound pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN influence_internal.fold_buckets($1 || '_hour', ARRAY[$1 || '_id', 'program_id'], '{views,clicks,carts,coupons,visitors}',
		ARRAY[$1 || '_id', 'program_id'],
		-- An hour with many new touches ("whole") is read from end to end, in the order in which it was written, for all its
		-- buckets; touches that came late to other hours are few, and their buckets are read one by one. Buckets that may
		-- have sealed parts are always looked up by name.
		format($n$
			SELECT r.%1$I, r.program_id, r.bucket_start, r.bucket_start >= $4 AND sum(r.touches) OVER (PARTITION BY r.bucket_start) >= 1000 AS whole
			  FROM (SELECT x.%1$I, x.program_id, date_trunc('hour', x.touched_at) AS bucket_start, count(*) AS touches
					  FROM influence.touch x
					 WHERE x.%1$I IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, $2) AND x.touched_at >= $3
					 GROUP BY 1, 2, 3) r $n$, $1 || '_id'),
		format($f$
			SELECT n.%1$I, n.program_id, n.bucket_start, t.*
			  FROM n
			 CROSS JOIN LATERAL (
					SELECT %2$s
					  FROM influence.touch x
					 WHERE x.%1$I = n.%1$I AND x.program_id = n.program_id AND x.touched_at >= n.bucket_start
					   AND x.touched_at < n.bucket_start + interval '1 hour' AND ($5 IS NULL OR pg_visible_in_snapshot(x.xact, $5))) t
			 WHERE NOT n.whole
			UNION ALL
			SELECT x.%1$I, x.program_id, x.bucket_start, %2$s
			  FROM (SELECT y.%1$I, y.program_id, n.bucket_start, y.kind, y.visitor_id
					  FROM (SELECT DISTINCT n.bucket_start FROM n WHERE n.whole) n
					 -- hour by hour, whatever the planner expects: never all touches beside all hours
					 CROSS JOIN LATERAL (SELECT x.%1$I, x.program_id, x.kind, x.visitor_id FROM influence.touch x
										  WHERE x.touched_at >= n.bucket_start AND x.touched_at < n.bucket_start + interval '1 hour'
											AND x.%1$I IS NOT NULL AND ($5 IS NULL OR pg_visible_in_snapshot(x.xact, $5)) OFFSET 0) y
					UNION ALL
					SELECT n.%1$I, n.program_id, n.bucket_start, NULL, NULL FROM n WHERE n.whole) x
			 GROUP BY x.%1$I, x.program_id, x.bucket_start
			-- the others are as they were; a join with n would go by what the planner expects of it
			HAVING bool_or(x.kind IS NULL) $f$,
			$1 || '_id', $c$
			count(*) FILTER (WHERE x.kind = 'view') AS views, count(*) FILTER (WHERE x.kind = 'click') AS clicks,
			count(*) FILTER (WHERE x.kind = 'cart') AS carts, count(*) FILTER (WHERE x.kind = 'coupon') AS coupons,
			count(DISTINCT x.visitor_id) AS visitors $c$),
		$2, $3, influence_internal.kept_from('touch'), $4);
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_touch_hours(text, pg_snapshot, pg_snapshot, pg_snapshot) IS
'Recomputes what touches say in the rows of creator_hour, product_hour or category_hour (key: creator, product, category) that new touches reach, from the facts that bound shows (NULL = all); returns how many were written.';

CREATE FUNCTION influence_internal.refresh_earning_hours(last_seen pg_snapshot, upper pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- most minutes have none
	IF NOT EXISTS (SELECT FROM influence.earning x WHERE influence_internal.is_fresh(x.xact, $1, $2)) THEN
		RETURN 0;
	END IF;
	RETURN influence_internal.fold_buckets('creator_hour', '{creator_id,program_id}', '{lines,revenue,returned,commission,clawed_back}',
		'{creator_id,program_id}',
		-- creator 0 is the platform
		$n$	SELECT DISTINCT x.creator_id, x.program_id, date_trunc('hour', x.occurred_at) AS bucket_start
			  FROM influence.earning x
			 WHERE x.creator_id <> 0 AND influence_internal.is_fresh(x.xact, $1, $2) $n$,
		-- a line counts while the creator is credited with part of it; corrections are further rows
		$f$	SELECT e.creator_id, e.program_id, e.bucket_start, e.revenue, e.returned, e.commission, e.clawed_back,
				   (e.earned AND EXISTS (SELECT FROM influence.credit c
						WHERE c.visitor_id = e.visitor_id AND c.program_id = e.program_id AND c.order_ref = e.order_ref
						  AND c.line_no = e.line_no AND c.creator_id = e.creator_id AND c.superseded_by IS NULL))::int AS lines
			  FROM (SELECT n.creator_id, n.program_id, n.bucket_start, x.visitor_id, x.order_ref, x.line_no,
						   bool_or(x.kind = 'commission') AS earned,
						   coalesce(sum(x.base) FILTER (WHERE x.kind = 'commission'), 0) AS revenue,
						   coalesce(-sum(x.base) FILTER (WHERE x.kind = 'clawback'), 0) AS returned,
						   coalesce(sum(x.amount) FILTER (WHERE x.kind = 'commission'), 0) AS commission,
						   coalesce(-sum(x.amount) FILTER (WHERE x.kind = 'clawback'), 0) AS clawed_back
					  FROM n
					  JOIN influence.earning x ON x.creator_id = n.creator_id AND x.program_id = n.program_id
							AND x.occurred_at >= n.bucket_start AND x.occurred_at < n.bucket_start + interval '1 hour'
					 GROUP BY n.creator_id, n.program_id, n.bucket_start, x.visitor_id, x.order_ref, x.line_no) e $f$,
		$1, $2);
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_earning_hours(pg_snapshot, pg_snapshot) IS
'Recomputes what earnings say in the creator_hour rows that new earnings reach; returns how many were written.';

CREATE FUNCTION influence_internal.refresh_sale_hours(key text, last_seen pg_snapshot, upper pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- most minutes have none
	IF NOT EXISTS (SELECT FROM influence.order_line l WHERE influence_internal.is_fresh(l.xact, $2, $3))
	   AND NOT EXISTS (SELECT FROM influence.order_return r WHERE influence_internal.is_fresh(r.xact, $2, $3)) THEN
		RETURN 0;
	END IF;
	RETURN influence_internal.fold_buckets($1 || '_hour', ARRAY[$1 || '_id', 'program_id'], '{lines,units,revenue,returned}', '{program_id}',
		influence_internal.reached_sales('hour'),
		format($f$
			SELECT %1$s AS %2$I, n.program_id, n.bucket_start, 1 AS lines, l.quantity AS units, l.base_amount AS revenue, 0 AS returned
			  FROM n
			  JOIN influence.orders o ON o.program_id = n.program_id AND o.ordered_at >= n.bucket_start
					AND o.ordered_at < n.bucket_start + interval '1 hour'
			  JOIN influence.order_line l ON l.visitor_id = o.visitor_id AND l.program_id = o.program_id AND l.order_ref = o.order_ref
			UNION ALL
			SELECT %1$s, n.program_id, n.bucket_start, 0, 0, 0, CASE r.kind WHEN 'chargeback_reversed' THEN -r.amount ELSE r.amount END
			  FROM n
			  JOIN influence.order_return r ON r.program_id = n.program_id AND r.returned_at >= n.bucket_start
					AND r.returned_at < n.bucket_start + interval '1 hour'
			  JOIN influence.order_line l ON l.visitor_id = r.visitor_id AND l.program_id = r.program_id AND l.order_ref = r.order_ref
					AND l.line_no = r.line_no
			 WHERE r.state = 'applied' AND r.kind <> 'goodwill' $f$,
			CASE $1 WHEN 'product' THEN 'l.product_id' ELSE 'l.category_path[cardinality(l.category_path)]' END, $1 || '_id'),
		$2, $3);
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_sale_hours(text, pg_snapshot, pg_snapshot) IS
'Recomputes what order lines and returns say in the rows of product_hour or category_hour (key: product, category) in the hours that new ones reach; returns how many were written.';

CREATE FUNCTION influence_internal.reached_sales(span text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.format($n$
		SELECT o.program_id, date_trunc(%1$L, o.ordered_at) AS bucket_start
		  FROM influence.order_line l
		  JOIN influence.orders o ON o.visitor_id = l.visitor_id AND o.program_id = l.program_id AND o.order_ref = l.order_ref
		 WHERE influence_internal.is_fresh(l.xact, $1, $2)
		UNION
		-- one return of a line may change what another is (the rest that a cancellation takes)
		SELECT y.program_id, date_trunc(%1$L, y.returned_at)
		  FROM influence.order_return r
		  JOIN influence.order_return y ON y.visitor_id = r.visitor_id AND y.program_id = r.program_id AND y.order_ref = r.order_ref
				AND y.line_no = r.line_no
		 WHERE influence_internal.is_fresh(r.xact, $1, $2) $n$, span)
$$;
COMMENT ON FUNCTION influence_internal.reached_sales(text) IS 'The query of programs and hours (days) that new order lines and returns reach, for fold_buckets().';
