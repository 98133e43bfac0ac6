/*
 * trend_ranks.sql
 *
 * The decayed counters: exact sums that refresh_stats() adds to in the
 * transaction that moves its watermark, so each fact counts once, and their
 * logarithms, by which lists are ordered. A counter is a sum over facts, whatever
 * their order and the batches in which the job saw them:
 * score = log2(sum of w x 2^((t - L) / h)), L = 2000-01-01 UTC (forward decay:
 * Cormode, Shkapenyuk, Srivastava, Xu, ICDE 2009). Where the sum is not above
 * zero there is no rank.
 */
CREATE FUNCTION influence_internal.trend_sums(last_seen pg_snapshot, upper pg_snapshot, sums bytea)
RETURNS TABLE (kind text, item_id bigint, scope_id bigint, program_id bigint, list_id bigint, h6 bytea, d3 bytea, d30 bytea)
LANGUAGE plpgsql
ROWS 10000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH posts AS MATERIALIZED (
		SELECT p.program_id, p.creator_id, p.post_id, coalesce(f.category_id, 0) AS category_id, e.h6, e.d3, e.d30
		  FROM (SELECT x.post_id, influence_internal.decayed_state(x.weight, x.at, interval '6 hours') AS h6,
					   influence_internal.decayed_state(x.weight, x.at, interval '3 days') AS d3,
					   influence_internal.decayed_state(x.weight, x.at, interval '30 days') AS d30
				  FROM influence_internal.trend_post_events($1, $2) x
				 GROUP BY x.post_id) e
		 -- here and below one probe for each, however many the planner expects
		 CROSS JOIN LATERAL (SELECT y.post_id, y.creator_id, y.program_id FROM influence.post y WHERE y.post_id = e.post_id OFFSET 0) p
		  LEFT JOIN LATERAL (SELECT y.category_id FROM influence.feed_item y WHERE y.post_id = e.post_id OFFSET 0) f ON true
	), touched AS MATERIALIZED (
		SELECT s.place, s.program_id, s.item_id, s.h6, s.d3, s.d30 FROM influence_internal.touch_sums($3) s
	), products AS MATERIALIZED (
		-- sales and votes, and touches where nobody has added them up
		SELECT e.program_id, e.product_id, e.category_id, influence_internal.decayed_state(e.weight, e.at, interval '6 hours') AS h6,
			   influence_internal.decayed_state(e.weight, e.at, interval '3 days') AS d3, influence_internal.decayed_state(e.weight, e.at, interval '30 days') AS d30
		  FROM (SELECT p.program_id, p.product_id, p.category_id, p.weight, p.at
				  FROM influence_internal.trend_product_events($1, $2, $3 IS NULL) p
				UNION ALL
				SELECT 0, v.product_id, v.category_id, v.weight, v.at
				  FROM influence_internal.trend_vote_events($1, $2) v) e
		 GROUP BY e.program_id, e.product_id, e.category_id
	), categories AS MATERIALIZED (
		SELECT e.program_id, e.category_id, influence_internal.decayed_state_sum(e.h6) AS h6, influence_internal.decayed_state_sum(e.d3) AS d3,
			   influence_internal.decayed_state_sum(e.d30) AS d30
		  FROM (SELECT t.program_id, t.item_id AS category_id, t.h6, t.d3, t.d30 FROM touched t WHERE t.place = 2
				UNION ALL
				SELECT t.program_id, p.category_id, t.h6, t.d3, t.d30
				  FROM touched t
				 CROSS JOIN LATERAL (SELECT y.category_id FROM influence.product y WHERE y.product_id = t.item_id OFFSET 0) p
				 WHERE t.place = 3
				UNION ALL
				SELECT s.program_id, s.category_id, s.h6, s.d3, s.d30 FROM products s) e
		 GROUP BY e.program_id, e.category_id
	)
	SELECT 'post', e.post_id, 0::bigint, e.program_id, e.category_id, e.h6, e.d3, e.d30 FROM posts e
	UNION ALL
	SELECT 'product', e.item_id, 0, e.program_id, p.category_id, e.h6, e.d3, e.d30
	  FROM (SELECT t.program_id, t.item_id, t.h6, t.d3, t.d30 FROM touched t WHERE t.place = 1 AND NOT EXISTS (SELECT FROM products)
			UNION ALL
			SELECT x.program_id, x.item_id, influence_internal.decayed_state_sum(x.h6), influence_internal.decayed_state_sum(x.d3), influence_internal.decayed_state_sum(x.d30)
			  FROM (SELECT s.program_id, s.product_id AS item_id, s.h6, s.d3, s.d30 FROM products s
					UNION ALL
					SELECT t.program_id, t.item_id, t.h6, t.d3, t.d30 FROM touched t WHERE t.place = 1 AND EXISTS (SELECT FROM products)) x
			 GROUP BY x.program_id, x.item_id) e
	 CROSS JOIN LATERAL (SELECT y.category_id FROM influence.product y WHERE y.product_id = e.item_id OFFSET 0) p
	UNION ALL
	SELECT x.kind, x.item_id, x.scope_id, x.program_id, x.list_id, influence_internal.decayed_state_sum(x.h6), influence_internal.decayed_state_sum(x.d3),
		   influence_internal.decayed_state_sum(x.d30)
	  FROM (SELECT 'creator' AS kind, e.creator_id AS item_id, c AS scope_id, e.program_id, c AS list_id, e.h6, e.d3, e.d30
			  FROM posts e
			  LEFT JOIN LATERAL (SELECT y.path FROM influence.category y WHERE y.category_id = e.category_id OFFSET 0) k ON true
			 CROSS JOIN LATERAL unnest(0::bigint || coalesce(k.path, '{}')) c
			UNION ALL
			SELECT 'category', c, 0, e.program_id, coalesce(b.parent_id, 0), e.h6, e.d3, e.d30
			  FROM categories e
			 CROSS JOIN LATERAL (SELECT y.path FROM influence.category y WHERE y.category_id = e.category_id OFFSET 0) k
			 CROSS JOIN LATERAL unnest(k.path) c
			 CROSS JOIN LATERAL (SELECT y.parent_id FROM influence.category y WHERE y.category_id = c OFFSET 0) b) x
	 GROUP BY x.kind, x.item_id, x.scope_id, x.program_id, x.list_id;
END
$$;
COMMENT ON FUNCTION influence_internal.trend_sums(pg_snapshot, pg_snapshot, bytea) IS
'What the facts that are new by last_seen and upper add to each row of trend_state, and the list that it is in; the touches among them as add_touches() has added them up (sums; NULL: it has not).';

CREATE FUNCTION influence_internal.write_trends(came text, last_seen pg_snapshot, upper pg_snapshot, sums bytea, whole boolean, voted boolean)
RETURNS bigint
AS 'MODULE_PATHNAME', 'trends_write_trends'
LANGUAGE C;
COMMENT ON FUNCTION influence_internal.write_trends(text, pg_snapshot, pg_snapshot, bytea, boolean, boolean) IS
'Adds what a query came ($1 last_seen, $2 upper, $3 sums: rows as trend_sums() returns them, in the order of the primary key of trend_state) has to trend_state, and writes the scores that follow; whole: it is all there is, and rows that it does not have are deleted. voted: there may be votes in trend_state. Returns how many rows are gone, new, or have another list or score; those of votes only if they are gone.';

CREATE FUNCTION influence_internal.refresh_trends(last_seen pg_snapshot, upper pg_snapshot, sums bytea DEFAULT NULL)
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
	whole boolean := false;
	memory text := current_setting('work_mem');
	changed bigint;
BEGIN
	-- restored states may miss what the copy missed, and other weights make other sums: all anew
	IF $2 IS NULL OR settings IS DISTINCT FROM (SELECT b.settings FROM influence.trend_basis b) THEN
		whole := true;
		DELETE FROM influence.trend_vote;
		DELETE FROM influence.trend_return;
		INSERT INTO influence.trend_basis (settings) VALUES (settings)
		ON CONFLICT ON CONSTRAINT trend_basis_pkey DO UPDATE SET settings = excluded.settings, built_at = now();
		last_seen := '1:1:';
		sums := NULL;
		-- hundreds of thousands of sums at once, of which the planner knows nothing
		PERFORM set_config('enable_nestloop', 'off', true);
		PERFORM set_config('work_mem', greatest(pg_size_bytes(current_setting('work_mem')), 134217728) / 1024 || 'kB', true);
	ELSE
		PERFORM set_config('enable_seqscan', 'off', true);
	END IF;
	changed := influence_internal.write_trends($sql$
		SELECT c.kind, c.item_id, c.scope_id, c.program_id, c.list_id, c.h6, c.d3, c.d30
		  FROM influence_internal.trend_sums($1, $2, $3) c
		 ORDER BY c.kind COLLATE "C", c.item_id, c.scope_id, c.program_id$sql$,
		last_seen, $2, sums, whole,
		-- where nobody has voted, nothing is looked up for it
		NOT whole AND EXISTS (SELECT FROM influence.trend_state s WHERE s.program_id = 0));
	PERFORM set_config('work_mem', memory, true);
	RETURN changed;
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_trends(pg_snapshot, pg_snapshot, bytea) IS
'Adds what is new by last_seen and upper to the decayed counters (trend_state), after the hours of posts and feed_item; touches as add_touches() has added them up (sums; NULL: it has not). Counts all anew on a first run in a cluster and when a setting has changed (trend_basis). Returns how many counters changed.';

CREATE FUNCTION influence_internal.rebuild_trends()
RETURNS TABLE (status text, trends bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mark record;
BEGIN
	PERFORM influence_internal.share_key('forgetting shoppers');
	-- what the job has seen, and no more: the rest comes with its next run
	SELECT * INTO mark FROM influence_internal.open_watermark('refresh_stats');
	IF mark.upper IS NULL THEN
		RETURN QUERY SELECT 'duplicate', 0::bigint;		-- a first run counts all anyway
		RETURN;
	END IF;
	-- without it all is counted anew
	DELETE FROM influence.trend_basis;
	IF EXISTS (SELECT FROM influence.watermark w WHERE w.name = 'refresh_stats' AND w.recount_until IS NOT NULL) THEN
		-- After a restore last_seen does not show what came from elsewhere. All there is takes what is newer than the
		-- watermark, too, so the watermark has to follow: the job does both.
		RETURN QUERY SELECT 'recorded', r.trends FROM influence_internal.refresh_stats(false) r;
		RETURN;
	END IF;
	PERFORM influence_internal.refresh_feed_items(mark.last_seen, mark.last_seen);
	RETURN QUERY SELECT 'recorded', influence_internal.refresh_trends('1:1:', mark.last_seen);
END
$$;
COMMENT ON FUNCTION influence_internal.rebuild_trends() IS
'Counts the decayed counters and the ranks of posts anew from all facts that the job refresh_stats has seen: after rows were imported whose past changes what others count (accounts with an earlier created_at, posts or product tags after their events), or persons were forgotten or merged. What retention dropped counts no more then. As long as a restored database has facts with transaction ids to come (recount_until), it is a run of the job, too. -> status recorded | duplicate (the job has not run here yet), counters written. Writes what differs; reads all touches and engagements; the job refresh_stats waits for it. IN005 in REPEATABLE READ and SERIALIZABLE.';
