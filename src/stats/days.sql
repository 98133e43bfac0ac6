/*
 * days.sql
 *
 * The daily buckets, UTC days: the sums of the hours, and the distinct visitors
 * counted anew from the facts, since those of hours do not add up. They have a
 * watermark of their own, since counting a day's visitors takes a day's facts:
 * once a day that is cheap, each minute it would not be.
 */
CREATE FUNCTION influence_internal.refresh_post_days(last_seen pg_snapshot, upper pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN influence_internal.fold_buckets('post_day', '{post_id}', '{smiles,unsmiles,comments,shares,saves,clicks,visitors}', '{post_id}',
		$n$	SELECT DISTINCT x.post_id, date_trunc('day', x.occurred_at) AS bucket_start
			  FROM influence.engagement x
			 WHERE x.post_id IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, $2) AND x.occurred_at >= $3 $n$,
		$f$	SELECT h.post_id, n.bucket_start, h.smiles, h.unsmiles, h.comments, h.shares, h.saves, h.clicks, 0 AS visitors
			  FROM n
			  JOIN influence.post_hour h ON h.post_id = n.post_id AND h.bucket_start >= n.bucket_start
					AND h.bucket_start < n.bucket_start + interval '1 day'
			UNION ALL
			SELECT n.post_id, n.bucket_start, 0, 0, 0, 0, 0, 0, count(DISTINCT x.visitor_id)
			  FROM n
			  JOIN influence.engagement x ON x.post_id = n.post_id AND x.occurred_at >= n.bucket_start
					AND x.occurred_at < n.bucket_start + interval '1 day'
			 GROUP BY n.post_id, n.bucket_start $f$,
		$1, $2, influence_internal.kept_from('engagement'));
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_post_days(pg_snapshot, pg_snapshot) IS 'Recomputes the post_day rows that new engagements reach, after the hours; returns how many were written.';

CREATE FUNCTION influence_internal.refresh_impression_days(last_seen pg_snapshot, upper pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN influence_internal.fold_buckets('post_day', '{post_id}', '{impressions}', '{post_id}',
		$n$	SELECT DISTINCT x.post_id, date_trunc('day', x.shown_at) AS bucket_start
			  FROM influence.impression x
			 WHERE influence_internal.is_fresh(x.xact, $1, $2) AND x.shown_at >= $3 $n$,
		$f$	SELECT h.post_id, n.bucket_start, h.impressions
			  FROM n
			  JOIN influence.post_hour h ON h.post_id = n.post_id AND h.bucket_start >= n.bucket_start
					AND h.bucket_start < n.bucket_start + interval '1 day' $f$,
		$1, $2, influence_internal.kept_from('impression'));
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_impression_days(pg_snapshot, pg_snapshot) IS
'Recomputes what impressions say in the post_day rows that new ones reach, after the hours; returns how many were written.';

CREATE FUNCTION influence_internal.refresh_touch_days(key text, last_seen pg_snapshot, upper pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN influence_internal.fold_buckets($1 || '_day', ARRAY[$1 || '_id', 'program_id'], '{views,clicks,carts,coupons,visitors}',
		ARRAY[$1 || '_id', 'program_id'],
		format($n$
			SELECT DISTINCT x.%1$I, x.program_id, date_trunc('day', x.touched_at) AS bucket_start
			  FROM influence.touch x
			 WHERE x.%1$I IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, $2) AND x.touched_at >= $3 $n$, $1 || '_id'),
		format($f$
			SELECT h.%1$I, h.program_id, n.bucket_start, h.views, h.clicks, h.carts, h.coupons, 0 AS visitors
			  FROM n
			  JOIN influence.%2$I h ON h.%1$I = n.%1$I AND h.program_id = n.program_id AND h.bucket_start >= n.bucket_start
					AND h.bucket_start < n.bucket_start + interval '1 day'
			UNION ALL
			SELECT n.%1$I, n.program_id, n.bucket_start, 0, 0, 0, 0, count(DISTINCT x.visitor_id)
			  FROM n
			  JOIN influence.touch x ON x.%1$I = n.%1$I AND x.program_id = n.program_id AND x.touched_at >= n.bucket_start
					AND x.touched_at < n.bucket_start + interval '1 day'
			 GROUP BY n.%1$I, n.program_id, n.bucket_start $f$, $1 || '_id', $1 || '_hour'),
		$2, $3, influence_internal.kept_from('touch'));
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_touch_days(text, pg_snapshot, pg_snapshot) IS
'Recomputes what touches say in the rows of creator_day, product_day or category_day that new touches reach, after the hours; returns how many were written.';

CREATE FUNCTION influence_internal.refresh_sale_days(key text, last_seen pg_snapshot, upper pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- a creator's sales are its earnings, found by its key; those of products by program, so only what sold is looked at
	of_creators boolean := $1 = 'creator';
	sums text[] := CASE WHEN of_creators THEN '{lines,revenue,returned,commission,clawed_back}' ELSE '{lines,units,revenue,returned}' END;
	found_by text[] := CASE WHEN of_creators THEN '{creator_id,program_id}' ELSE '{program_id}' END;
BEGIN
	RETURN influence_internal.fold_buckets($1 || '_day', ARRAY[$1 || '_id', 'program_id'], sums, found_by,
		CASE WHEN of_creators THEN
			$n$	SELECT DISTINCT x.creator_id, x.program_id, date_trunc('day', x.occurred_at) AS bucket_start
				  FROM influence.earning x
				 WHERE x.creator_id <> 0 AND influence_internal.is_fresh(x.xact, $1, $2) $n$
			ELSE influence_internal.reached_sales('day') END,
		format($f$
			SELECT h.%1$I, h.program_id, n.bucket_start, %3$s
			  FROM n
			  JOIN influence.%2$I h ON %4$s AND h.bucket_start >= n.bucket_start AND h.bucket_start < n.bucket_start + interval '1 day'
			 WHERE %6$L OR (%3$s) <> (%5$s) $f$, $1 || '_id', $1 || '_hour', (SELECT string_agg(format('h.%I', c), ', ') FROM unnest(sums) c),
			(SELECT string_agg(format('h.%1$I = n.%1$I', k), ' AND ') FROM unnest(found_by) k), (SELECT string_agg('0', ', ') FROM unnest(sums) c),
			of_creators),
		$2, $3);
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_sale_days(text, pg_snapshot, pg_snapshot) IS
'Recomputes what sales say in the rows of creator_day, product_day or category_day (key: creator, product, category) that new sales reach, after the hours; returns how many were written.';
