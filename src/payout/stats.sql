/*
 * stats.sql
 *
 * refresh_stats: recomputes the hourly buckets and ranks that new facts reach,
 * from all their facts. Running it again, or over facts in another order, gives
 * the same rows; unchanged rows are not written.
 */
CREATE FUNCTION influence_internal.refresh_post_hours(last_seen pg_snapshot, upper pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
	written bigint;
BEGIN
	INSERT INTO influence.post_hour AS h (post_id, bucket_start, smiles, unsmiles, comments, shares, saves, clicks, visitors)
	SELECT n.post_id, n.bucket_start, count(*) FILTER (WHERE e.kind = 'smile'), count(*) FILTER (WHERE e.kind = 'unsmile'),
		   count(*) FILTER (WHERE e.kind = 'comment'), count(*) FILTER (WHERE e.kind = 'share'),
		   count(*) FILTER (WHERE e.kind = 'save'), count(*) FILTER (WHERE e.kind = 'click'), count(DISTINCT e.visitor_id)
	  FROM (SELECT DISTINCT x.post_id, date_trunc('hour', x.occurred_at) AS bucket_start
			  FROM influence.engagement x
			 WHERE x.post_id IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, $2)) n
	  JOIN influence.engagement e ON e.post_id = n.post_id AND e.occurred_at >= n.bucket_start
			AND e.occurred_at < n.bucket_start + interval '1 hour'
	 GROUP BY n.post_id, n.bucket_start
	ON CONFLICT ON CONSTRAINT post_hour_pkey DO UPDATE
	   SET smiles = excluded.smiles, unsmiles = excluded.unsmiles, comments = excluded.comments, shares = excluded.shares,
		   saves = excluded.saves, clicks = excluded.clicks, visitors = excluded.visitors
	 WHERE (h.smiles, h.unsmiles, h.comments, h.shares, h.saves, h.clicks, h.visitors)
		   IS DISTINCT FROM (excluded.smiles, excluded.unsmiles, excluded.comments, excluded.shares, excluded.saves,
							 excluded.clicks, excluded.visitors);
	GET DIAGNOSTICS written = ROW_COUNT;
	RETURN written;
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_post_hours(pg_snapshot, pg_snapshot) IS 'Recomputes the post_hour rows that new engagements reach; returns how many were written.';

CREATE FUNCTION influence_internal.refresh_creator_hours(last_seen pg_snapshot, upper pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
	written bigint;
BEGIN
	INSERT INTO influence.creator_hour AS h (creator_id, program_id, bucket_start, views, clicks, carts, coupons, visitors, lines,
											 revenue, returned, commission, clawed_back)
	SELECT n.creator_id, n.program_id, n.bucket_start, t.views, t.clicks, t.carts, t.coupons, t.visitors, e.lines,
		   e.revenue, e.returned, e.commission, e.clawed_back
	  FROM (SELECT x.creator_id, x.program_id, date_trunc('hour', x.touched_at) AS bucket_start
			  FROM influence.touch x
			 WHERE x.creator_id IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, $2)
			UNION
			SELECT x.creator_id, x.program_id, date_trunc('hour', x.occurred_at)
			  FROM influence.earning x
			 -- creator 0 is the platform
			 WHERE x.creator_id <> 0 AND influence_internal.is_fresh(x.xact, $1, $2)) n
	 CROSS JOIN LATERAL (
			SELECT count(*) FILTER (WHERE x.kind = 'view') AS views, count(*) FILTER (WHERE x.kind = 'click') AS clicks,
				   count(*) FILTER (WHERE x.kind = 'cart') AS carts, count(*) FILTER (WHERE x.kind = 'coupon') AS coupons,
				   count(DISTINCT x.visitor_id) AS visitors
			  FROM influence.touch x
			 WHERE x.creator_id = n.creator_id AND x.program_id = n.program_id
			   AND x.touched_at >= n.bucket_start AND x.touched_at < n.bucket_start + interval '1 hour') t
	 CROSS JOIN LATERAL (
			-- a line counts while the creator is credited with part of it; corrections are further rows
			SELECT count(DISTINCT (x.visitor_id, x.order_ref, x.line_no)) FILTER (WHERE x.kind = 'commission' AND EXISTS (
						SELECT FROM influence.credit c
						 WHERE c.visitor_id = x.visitor_id AND c.program_id = x.program_id AND c.order_ref = x.order_ref
						   AND c.line_no = x.line_no AND c.creator_id = x.creator_id AND c.superseded_by IS NULL)) AS lines,
				   coalesce(sum(x.base) FILTER (WHERE x.kind = 'commission'), 0) AS revenue,
				   coalesce(-sum(x.base) FILTER (WHERE x.kind = 'clawback'), 0) AS returned,
				   coalesce(sum(x.amount) FILTER (WHERE x.kind = 'commission'), 0) AS commission,
				   coalesce(-sum(x.amount) FILTER (WHERE x.kind = 'clawback'), 0) AS clawed_back
			  FROM influence.earning x
			 WHERE x.creator_id = n.creator_id AND x.program_id = n.program_id
			   AND x.occurred_at >= n.bucket_start AND x.occurred_at < n.bucket_start + interval '1 hour') e
	ON CONFLICT ON CONSTRAINT creator_hour_pkey DO UPDATE
	   SET views = excluded.views, clicks = excluded.clicks, carts = excluded.carts, coupons = excluded.coupons,
		   visitors = excluded.visitors, lines = excluded.lines, revenue = excluded.revenue, returned = excluded.returned,
		   commission = excluded.commission, clawed_back = excluded.clawed_back
	 WHERE (h.views, h.clicks, h.carts, h.coupons, h.visitors, h.lines, h.revenue, h.returned, h.commission, h.clawed_back)
		   IS DISTINCT FROM (excluded.views, excluded.clicks, excluded.carts, excluded.coupons, excluded.visitors, excluded.lines,
							 excluded.revenue, excluded.returned, excluded.commission, excluded.clawed_back);
	GET DIAGNOSTICS written = ROW_COUNT;
	RETURN written;
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_creator_hours(pg_snapshot, pg_snapshot) IS 'Recomputes the creator_hour rows that new touches and earnings reach; returns how many were written.';

CREATE FUNCTION influence_internal.refresh_post_ranks(last_seen pg_snapshot, upper pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	weights jsonb := influence_internal.setting_value('engagement_weights');
	half_life interval := (influence_internal.setting_value('rank_half_life') #>> '{}')::interval;
	written bigint;
BEGIN
	INSERT INTO influence.post_rank AS r (scope, post_id, score)
	SELECT s.scope, n.post_id, d.score
	  FROM (SELECT x.post_id
			  FROM influence.engagement x
			 WHERE x.post_id IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, $2)
			UNION
			SELECT x.post_id
			  FROM influence.post x
			 WHERE influence_internal.is_fresh(x.xact, $1, $2)) n
	  JOIN influence.post p ON p.post_id = n.post_id
	 CROSS JOIN LATERAL (
			SELECT influence.decayed_score(coalesce((weights ->> v.kind)::float8, 0), v.at, half_life) AS score
			  FROM (SELECT 'publish' AS kind, p.published_at AS at
					UNION ALL
					-- an unsmile takes its smile back: it counts at the smile's time, or not at all
					SELECT e.kind, CASE WHEN e.kind = 'unsmile' THEN lag(e.occurred_at) OVER smiles ELSE e.occurred_at END
					  FROM influence.engagement e
					 WHERE e.post_id = p.post_id
					WINDOW smiles AS (PARTITION BY e.visitor_id, e.kind IN ('smile', 'unsmile')
									  ORDER BY e.occurred_at, e.event_ref COLLATE "C")) v) d
	 CROSS JOIN LATERAL (
			SELECT p.program_id || '/all' AS scope
			UNION ALL
			SELECT p.program_id || '/topic/' || p.topic_id WHERE p.topic_id IS NOT NULL) s
	ON CONFLICT ON CONSTRAINT post_rank_pkey DO UPDATE SET score = excluded.score
	 WHERE r.score <> excluded.score;
	GET DIAGNOSTICS written = ROW_COUNT;
	RETURN written;
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_post_ranks(pg_snapshot, pg_snapshot) IS
'Recomputes the decayed rank of posts with new events: log2 sum of weight x 2^((t - L) / half-life) over publication and engagements, an unsmile at the time of its smile (settings engagement_weights, rank_half_life); returns how many rows were written.';

CREATE FUNCTION influence_internal.refresh_stats()
RETURNS TABLE (status text, post_hours bigint, creator_hours bigint, post_ranks bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mark record;
BEGIN
	SELECT * INTO mark FROM influence_internal.open_watermark('refresh_stats');
	post_hours := influence_internal.refresh_post_hours(mark.last_seen, mark.upper);
	creator_hours := influence_internal.refresh_creator_hours(mark.last_seen, mark.upper);
	post_ranks := influence_internal.refresh_post_ranks(mark.last_seen, mark.upper);
	PERFORM influence_internal.close_watermark('refresh_stats', mark.current);
	status := CASE WHEN post_hours + creator_hours + post_ranks > 0 THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_stats() IS
'Recomputes the hourly buckets and ranks that facts written since the last run reach. -> status recorded | duplicate (nothing changed), rows written per table. One run at a time; nothing is lost that commits late.';
