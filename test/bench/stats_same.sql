-- Whether stats_all.sql comes to what the minute job adds: the same rows, the same counts of each kind in hours and totals, and
-- sums that agree to 1e-5 (a weight is in whole steps of 2^-20 in the job's counters). In a transaction that is rolled back;
-- psql variable new. One row each: what, rows, rows that differ, the largest relative error, that of the sum of all.
CREATE TEMP TABLE hour_before AS
	SELECT 'creator' AS kind, creator_id AS id, bucket_start AS h, ARRAY[views, clicks, carts, coupons] AS n FROM influence.creator_hour UNION ALL
	SELECT 'product', product_id, bucket_start, ARRAY[views, clicks, carts, coupons] FROM influence.product_hour UNION ALL
	SELECT 'category', category_id, bucket_start, ARRAY[views, clicks, carts, coupons] FROM influence.category_hour UNION ALL
	SELECT 'post', post_id, bucket_start, ARRAY[smiles, unsmiles, comments, shares, saves, clicks] FROM influence.post_hour;
CREATE TEMP TABLE trend_before AS SELECT * FROM influence.trend_state;
CREATE TEMP TABLE total_before AS SELECT i.post_id, t.reactions, i.quality FROM influence.feed_item i LEFT JOIN influence.post_total t USING (post_id);
ANALYZE hour_before, trend_before, total_before;
SELECT count(*) > 0 FROM influence.refresh_stats(false);
-- the sum behind a score, which is relative to 2000, as decay() has it
CREATE FUNCTION pg_temp.sum_of(score float8, seconds float8) RETURNS float8 LANGUAGE sql STABLE AS
	$$ SELECT CASE WHEN score IS NULL THEN 0 ELSE power(2::float8, score - (landmark() - date_part('epoch', timestamptz '2000-01-01 UTC')) / seconds) END $$;
WITH hours AS (
	SELECT n.kind || ' hours' AS what, count(*) AS rows,
		   count(*) FILTER (WHERE p.n IS NULL OR n.n IS DISTINCT FROM (SELECT array_agg(a + coalesce(b.n[i], 0) ORDER BY i) FROM unnest(p.n) WITH ORDINALITY u(a, i))) AS differ
	  FROM (SELECT 'creator' AS kind, creator_id AS id, bucket_start AS h, ARRAY[views, clicks, carts, coupons] AS n FROM influence.creator_hour UNION ALL
			SELECT 'product', product_id, bucket_start, ARRAY[views, clicks, carts, coupons] FROM influence.product_hour UNION ALL
			SELECT 'category', category_id, bucket_start, ARRAY[views, clicks, carts, coupons] FROM influence.category_hour UNION ALL
			SELECT 'post', post_id, bucket_start, ARRAY[smiles, unsmiles, comments, shares, saves, clicks] FROM influence.post_hour) n
	  LEFT JOIN hour_before b USING (kind, id, h)
	  FULL JOIN (SELECT 'creator' AS kind, id, bucket_start AS h, ARRAY[views, clicks, carts, coupons] AS n FROM plain_creator UNION ALL
				 SELECT 'product', id, bucket_start, ARRAY[views, clicks, carts, coupons] FROM plain_product UNION ALL
				 SELECT 'category', id, bucket_start, ARRAY[views, clicks, carts, coupons] FROM plain_category UNION ALL
				 SELECT 'post', id, bucket_start, ARRAY[smiles, unsmiles, comments, shares, saves, clicks] FROM plain_post) p USING (kind, id, h)
	 WHERE p.n IS NOT NULL OR n.n IS DISTINCT FROM b.n
	 GROUP BY n.kind
), sums AS (
	SELECT kind || ' counters' AS what, item_id, scope_id, e.before, e.after, e.came
	  FROM influence.trend_state n
	  LEFT JOIN trend_before b USING (kind, item_id, scope_id, program_id)
	  FULL JOIN plain_trend p USING (kind, item_id, scope_id, program_id)
	 CROSS JOIN LATERAL (VALUES
			(pg_temp.sum_of(influence_internal.decayed_score_final(b.state_6h), 21600), pg_temp.sum_of(influence_internal.decayed_score_final(n.state_6h), 21600), p.s6),
			(pg_temp.sum_of(influence_internal.decayed_score_final(b.state_3d), 259200), pg_temp.sum_of(influence_internal.decayed_score_final(n.state_3d), 259200), p.s3),
			(pg_temp.sum_of(influence_internal.decayed_score_final(b.state_30d), 2592000), pg_temp.sum_of(influence_internal.decayed_score_final(n.state_30d), 2592000), p.s30)) e(before, after, came)
	 WHERE p.s6 IS NOT NULL OR (n.state_6h, n.state_3d, n.state_30d) IS DISTINCT FROM (b.state_6h, b.state_3d, b.state_30d)
	UNION ALL
	SELECT 'quality of posts', post_id, 0, pg_temp.sum_of(b.quality, 259200), pg_temp.sum_of(n.quality, 259200), p.quality
	  FROM influence.feed_item n
	  LEFT JOIN total_before b USING (post_id)
	  FULL JOIN plain_total p USING (post_id)
	 WHERE p.post_id IS NOT NULL AND EXISTS (SELECT FROM influence.post x WHERE x.post_id = p.post_id) OR n.quality IS DISTINCT FROM b.quality
)
SELECT h.what, h.rows, h.differ, 0 AS error, 0 AS of_all FROM hours h
 UNION ALL
SELECT 'totals of posts', count(*), count(*) FILTER (WHERE n.reactions IS DISTINCT FROM
		(SELECT array_agg(a + coalesce(b.reactions[i], 0) ORDER BY i) FROM unnest(ARRAY[p.smiles, p.unsmiles, p.comments, p.shares, p.saves, p.clicks]) WITH ORDINALITY u(a, i))), 0, 0
  FROM influence.post_total n
  LEFT JOIN total_before b USING (post_id)
  FULL JOIN plain_total p USING (post_id)
 WHERE p.post_id IS NOT NULL AND EXISTS (SELECT FROM influence.post x WHERE x.post_id = p.post_id) OR n.reactions IS DISTINCT FROM b.reactions
 UNION ALL
-- nothing may come to a row that the other has not, nor a sum that is further off than the rounding of weights
SELECT s.what, count(DISTINCT (s.item_id, s.scope_id)), count(*) FILTER (WHERE s.came IS NULL OR s.after IS NULL OR abs(s.before + s.came - s.after) > 1e-5 * (s.before + s.came)),
	   max(abs(s.before + s.came - s.after) / (s.before + s.came)), abs(sum(s.came) - sum(s.after - s.before)) / sum(s.came)
  FROM sums s
 GROUP BY s.what
 ORDER BY 1;
