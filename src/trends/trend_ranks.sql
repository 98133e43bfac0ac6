/*
 * trend_ranks.sql
 *
 * The decayed counters: exact sums that refresh_stats() adds to in the
 * transaction that moves its watermark, so each fact counts once, and trend_rank,
 * their logarithms. A counter is a sum over facts, whatever their order and the
 * batches in which the job saw them: score = log2(sum of w x 2^((t - L) / h)),
 * L = 2000-01-01 UTC (forward decay: Cormode, Shkapenyuk, Srivastava, Xu, ICDE
 * 2009). Where the sum is not above zero there is no rank.
 */
CREATE FUNCTION influence_internal.refresh_trends(last_seen pg_snapshot, upper pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
SET enable_seqscan = on
SET enable_nestloop = on
AS $$
#variable_conflict use_column
DECLARE
	settings jsonb := influence_internal.trend_settings();
	kinds text[];
	items bigint[];
	scopes bigint[];
	programs bigint[];
	whole boolean := false;
	memory text := current_setting('work_mem');
	changed bigint;
BEGIN
	-- restored states may miss what the copy missed, and other weights make other sums: all anew
	IF $2 IS NULL OR settings IS DISTINCT FROM (SELECT b.settings FROM influence.trend_basis b) THEN
		whole := true;
		DELETE FROM influence.trend_state;
		DELETE FROM influence.trend_vote;
		DELETE FROM influence.trend_return;
		INSERT INTO influence.trend_basis (settings) VALUES (settings)
		ON CONFLICT ON CONSTRAINT trend_basis_pkey DO UPDATE SET settings = excluded.settings, built_at = now();
		last_seen := '1:1:';
		-- hundreds of thousands of sums at once, of which the planner knows nothing
		PERFORM set_config('enable_nestloop', 'off', true);
		PERFORM set_config('work_mem', greatest(pg_size_bytes(current_setting('work_mem')), 134217728) / 1024 || 'kB', true);
	ELSE
		PERFORM set_config('enable_seqscan', 'off', true);
	END IF;
	WITH posts AS MATERIALIZED (
		SELECT e.program_id, e.creator_id, e.post_id, e.category_id, influence_internal.decayed_state(e.weight, e.at, interval '6 hours') AS h6,
			   influence_internal.decayed_state(e.weight, e.at, interval '3 days') AS d3, influence_internal.decayed_state(e.weight, e.at, interval '30 days') AS d30
		  FROM influence_internal.trend_post_events(last_seen, $2) e
		 GROUP BY e.program_id, e.creator_id, e.post_id, e.category_id
	), products AS MATERIALIZED (
		SELECT e.program_id, e.product_id, e.category_id, influence_internal.decayed_state(e.weight, e.at, interval '6 hours') AS h6,
			   influence_internal.decayed_state(e.weight, e.at, interval '3 days') AS d3, influence_internal.decayed_state(e.weight, e.at, interval '30 days') AS d30
		  FROM (SELECT p.program_id, p.product_id, p.category_id, p.weight, p.at
				  FROM influence_internal.trend_product_events(last_seen, $2) p
				UNION ALL
				SELECT 0, v.product_id, v.category_id, v.weight, v.at
				  FROM influence_internal.trend_vote_events(last_seen, $2) v) e
		 GROUP BY e.program_id, e.product_id, e.category_id
	), written AS (
		INSERT INTO influence.trend_state AS t (kind, item_id, scope_id, program_id, state_6h, state_3d, state_30d)
		SELECT x.kind, x.item_id, x.scope_id, x.program_id, influence_internal.decayed_state_sum(x.h6), influence_internal.decayed_state_sum(x.d3),
			   influence_internal.decayed_state_sum(x.d30)
		  FROM (SELECT 'post' AS kind, e.post_id AS item_id, 0::bigint AS scope_id, e.program_id, e.h6, e.d3, e.d30 FROM posts e
				UNION ALL
				SELECT 'creator', e.creator_id, 0, e.program_id, e.h6, e.d3, e.d30 FROM posts e
				UNION ALL
				SELECT 'creator', e.creator_id, c, e.program_id, e.h6, e.d3, e.d30
				  FROM posts e JOIN influence.category k ON k.category_id = e.category_id CROSS JOIN LATERAL unnest(k.path) c
				UNION ALL
				SELECT 'product', e.product_id, 0, e.program_id, e.h6, e.d3, e.d30 FROM products e WHERE e.product_id IS NOT NULL
				UNION ALL
				SELECT 'category', c, 0, e.program_id, e.h6, e.d3, e.d30
				  FROM products e JOIN influence.category k ON k.category_id = e.category_id CROSS JOIN LATERAL unnest(k.path) c) x
		 GROUP BY x.kind, x.item_id, x.scope_id, x.program_id
		ON CONFLICT ON CONSTRAINT trend_state_pkey DO UPDATE
		   SET state_6h = influence_internal.decayed_state_plus(t.state_6h, excluded.state_6h),
			   state_3d = influence_internal.decayed_state_plus(t.state_3d, excluded.state_3d),
			   state_30d = influence_internal.decayed_state_plus(t.state_30d, excluded.state_30d)
		RETURNING t.kind, t.item_id, t.scope_id, t.program_id)
	SELECT array_agg(w.kind), array_agg(w.item_id), array_agg(w.scope_id), array_agg(w.program_id)
	  INTO kinds, items, scopes, programs
	  FROM written w;
	changed := influence_internal.rank_trends(kinds, items, scopes, programs, whole);
	PERFORM set_config('work_mem', memory, true);
	RETURN changed;
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_trends(pg_snapshot, pg_snapshot) IS
'Adds what is new by last_seen and upper to the decayed counters (trend_state) and writes their ranks (trend_rank), after feed_item; counts all anew on a first run in a cluster and when a setting has changed (trend_basis). Returns how many ranks were written or removed.';

CREATE FUNCTION influence_internal.rank_trends(kinds text[], items bigint[], scopes bigint[], programs bigint[], whole boolean DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	removed bigint;
	written bigint;
BEGIN
	WITH reached AS (
		SELECT u.kind, u.item_id, u.scope_id, u.program_id
		  FROM unnest($1, $2, $3, $4) u(kind, item_id, scope_id, program_id)
		 WHERE u.program_id <> 0
		UNION
		-- votes count wherever the product, or something of the category, was touched or sold
		SELECT s.kind, s.item_id, s.scope_id, s.program_id
		  FROM unnest($1, $2, $3, $4) u(kind, item_id, scope_id, program_id)
		  JOIN influence.trend_state s ON s.kind = u.kind AND s.item_id = u.item_id AND s.scope_id = u.scope_id
		 WHERE u.program_id = 0 AND s.program_id <> 0
	), scored AS MATERIALIZED (
		SELECT n.program_id, n.kind, h.half_life, c.scope_id, n.item_id, h.score
		  FROM reached n
		  JOIN influence.trend_state s ON s.kind = n.kind AND s.item_id = n.item_id AND s.scope_id = n.scope_id AND s.program_id = n.program_id
		  LEFT JOIN influence.trend_state v ON v.kind = n.kind AND v.item_id = n.item_id AND v.scope_id = n.scope_id AND v.program_id = 0
		 CROSS JOIN LATERAL (VALUES
				('6h', influence_internal.decayed_score_final(influence_internal.decayed_state_plus(s.state_6h, v.state_6h))),
				('3d', influence_internal.decayed_score_final(influence_internal.decayed_state_plus(s.state_3d, v.state_3d))),
				('30d', influence_internal.decayed_score_final(influence_internal.decayed_state_plus(s.state_30d, v.state_30d)))) h(half_life, score)
		  LEFT JOIN influence.feed_item f ON n.kind = 'post' AND f.post_id = n.item_id
		  LEFT JOIN influence.product p ON n.kind = 'product' AND p.product_id = n.item_id
		  LEFT JOIN influence.category k ON k.category_id = CASE n.kind WHEN 'post' THEN f.category_id WHEN 'product' THEN p.category_id
																		  WHEN 'category' THEN n.item_id END
		 CROSS JOIN LATERAL unnest(CASE n.kind WHEN 'creator' THEN ARRAY[n.scope_id] WHEN 'category' THEN ARRAY[coalesce(k.parent_id, 0)]
										 ELSE 0 || coalesce(k.path, '{}') END) c(scope_id)
	), gone AS (
		DELETE FROM influence.trend_rank r
		 USING scored s
		 WHERE NOT $5 AND s.score = '-Infinity'
		   AND r.program_id = s.program_id AND r.kind = s.kind AND r.half_life = s.half_life AND r.scope_id = s.scope_id AND r.item_id = s.item_id
		RETURNING 1
	), strange AS (
		DELETE FROM influence.trend_rank r
		 WHERE $5 AND NOT EXISTS (SELECT FROM scored s
								   WHERE s.program_id = r.program_id AND s.kind = r.kind AND s.half_life = r.half_life AND s.scope_id = r.scope_id
									 AND s.item_id = r.item_id AND s.score > '-Infinity')
		RETURNING 1
	), came AS (
		INSERT INTO influence.trend_rank AS r (program_id, kind, half_life, scope_id, item_id, score)
		SELECT s.program_id, s.kind, s.half_life, s.scope_id, s.item_id, s.score
		  FROM scored s
		 WHERE s.score > '-Infinity'
		 ORDER BY 1, 2, 3, 4, 5			-- neighbours in the index together
		ON CONFLICT ON CONSTRAINT trend_rank_pkey DO UPDATE SET score = excluded.score WHERE r.score <> excluded.score
		RETURNING 1
	)
	SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM strange), (SELECT count(*) FROM came) INTO removed, written;
	RETURN removed + written;
END
$$;
COMMENT ON FUNCTION influence_internal.rank_trends(text[], bigint[], bigint[], bigint[], boolean) IS
'Writes the rows of trend_rank of counters, given by their keys in trend_state, in every scope and for every half-life, and removes those whose sum is not above zero (whole: all others, too); returns how many.';

CREATE FUNCTION influence_internal.prune_trends()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	removed bigint;
BEGIN
	DELETE FROM influence.trend_rank r
	 USING (SELECT x.program_id, x.kind, x.half_life, x.scope_id, max(x.score) AS best
			  FROM influence.trend_rank x
			 GROUP BY x.program_id, x.kind, x.half_life, x.scope_id) b
	 WHERE r.program_id = b.program_id AND r.kind = b.kind AND r.half_life = b.half_life AND r.scope_id = b.scope_id
	   AND r.score < b.best - 64;
	GET DIAGNOSTICS removed = ROW_COUNT;
	RETURN removed;
END
$$;
COMMENT ON FUNCTION influence_internal.prune_trends() IS
'Removes the ranks that have less than 2^-64 of the best of their scope, which nobody will see; their counters stay, and the next event brings the rank back. Returns how many. Once a day.';

CREATE FUNCTION influence_internal.rebuild_trends()
RETURNS TABLE (status text, trends bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mark record;
BEGIN
	-- what the job has seen, and no more: the rest comes with its next run
	SELECT * INTO mark FROM influence_internal.open_watermark('refresh_stats');
	IF mark.upper IS NULL THEN
		RETURN QUERY SELECT 'duplicate', 0::bigint;		-- a first run counts all anyway
		RETURN;
	END IF;
	-- the ranks of posts go by the same settings: what has changed before the job saw it is no news to it afterwards
	PERFORM influence_internal.refresh_feed_ranks(mark.last_seen, mark.last_seen);
	PERFORM influence_internal.refresh_feed_items(mark.last_seen, mark.last_seen);
	DELETE FROM influence.trend_basis;
	RETURN QUERY SELECT 'recorded', influence_internal.refresh_trends('1:1:', mark.last_seen);
END
$$;
COMMENT ON FUNCTION influence_internal.rebuild_trends() IS
'Counts the decayed counters anew from all facts that the job refresh_stats has seen: after rows were imported whose past changes what others count (accounts with an earlier created_at, product tags of posts with events), or persons were forgotten. -> status recorded | duplicate (the job has not run here yet), ranks written. Reads all touches and engagements.';
