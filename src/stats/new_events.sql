/*
 * new_events.sql
 *
 * What new touches, engagements and impressions add to the hourly buckets. How
 * many they are by kind is a sum over the new events alone. A visitor is new to a
 * bucket when it has no event there that the job has seen: tally_events() looks
 * at what the visitors of new events did in those hours. So a run costs what the
 * new events cost, however full their hours are and however large the tables, and
 * its outcome is that of counting anew (hours.sql). New touches are read once:
 * what they add to the decayed counters of products and categories is added up
 * on the way, and handed on to refresh_trends().
 */
CREATE FUNCTION influence_internal.tally_events(new_events text, in_hour text, of_visitors text, kinds text[], keys int, max_events int,
	last_seen pg_snapshot, upper pg_snapshot, since timestamptz, weights float8[] DEFAULT NULL, half_lives interval[] DEFAULT NULL)
RETURNS TABLE (place int, item_id bigint, program_id bigint, hour timestamptz, tally bigint[], sum_places int[], sum_items bigint[],
	sum_programs bigint[], sums_6h bytea[], sums_3d bytea[], sums_30d bytea[])
AS 'MODULE_PATHNAME', 'stats_tally_events'
LANGUAGE C STABLE
ROWS 1000;
COMMENT ON FUNCTION influence_internal.tally_events(text, text, text, text[], int, int, pg_snapshot, pg_snapshot, timestamptz, float8[], interval[]) IS
'What new events add to hourly buckets, by key (place: the first, second, ... of them), program and hour: how many are of each kind, and last how many visitors are new to the bucket. One row with place 0: there are more than max_events, or than maintenance_work_mem has room for. Queries, each of visitor_id, at, kind, program_id and as many bigint as there are keys: new_events ($1 last_seen, $2 upper, $3 since); events that last_seen ($1) shows: in_hour ($2 from, $3 until, $4 limit; NULL where no index has the time alone) and of_visitors ($2 visitors, $3 the hour of each, $4 and $5 bounds of all hours). With weights (of each kind) and three half_lives also one row with place -1: what the new events add to decayed counters (sums_...: states of decayed_score for each half-life) by program and sum_items, which are, by sum_places, 1 the last key but one, 2 the last, 3 the last but one of events without the last.';

CREATE FUNCTION influence_internal.add_touches(last_seen pg_snapshot, upper pg_snapshot, max_events int, OUT creators bigint, OUT products bigint, OUT categories bigint,
	OUT sum_places int[], OUT sum_items bigint[], OUT sum_programs bigint[], OUT sums_6h bytea[], OUT sums_3d bytea[], OUT sums_30d bytea[])
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
-- few facts and their buckets, found by indexes, whatever was in the tables when they were last analyzed
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
	columns text := 'SELECT x.visitor_id, x.touched_at, x.kind, x.program_id, x.creator_id, x.product_id, x.category_id ';
	kinds text[] := '{view,click,cart,coupon}';
	weights float8[];
	key text;
	place int := 0;
	parts text := '';
BEGIN
	SELECT array_agg(coalesce((t.value ->> k.kind)::float8, 0) ORDER BY k.n) INTO weights
	  FROM influence_internal.setting_value('trend_weights') t(value), unnest(kinds) WITH ORDINALITY k(kind, n);
	FOREACH key IN ARRAY '{creator,product,category}'::text[] LOOP
		place := place + 1;
		parts := parts || format($sql$,
			%1$s_rows AS (
				UPDATE influence.%1$s_hour b
				   SET views = b.views + s.tally[1], clicks = b.clicks + s.tally[2], carts = b.carts + s.tally[3], coupons = b.coupons + s.tally[4],
					   visitors = b.visitors + s.tally[5]
				  FROM sums s
				 WHERE s.place = %2$s AND b.%1$s_id = s.item_id AND b.program_id = s.program_id AND b.bucket_start = s.hour AND NOT b.sealed
				RETURNING b.%1$s_id, b.program_id, b.bucket_start
			), %1$s_new AS (
				INSERT INTO influence.%1$s_hour (%1$s_id, program_id, bucket_start, part, views, clicks, carts, coupons, visitors)
				SELECT s.item_id, s.program_id, s.hour,
					   CASE WHEN s.hour < $5 THEN coalesce((SELECT max(p.part) + 1 FROM influence.%1$s_hour p
															 WHERE p.%1$s_id = s.item_id AND p.program_id = s.program_id AND p.bucket_start = s.hour), 0) ELSE 0 END,
					   s.tally[1], s.tally[2], s.tally[3], s.tally[4], s.tally[5]
				  FROM sums s
				 -- within CASE this is looked up in a hash table
				 WHERE s.place = %2$s AND CASE WHEN (s.item_id, s.program_id, s.hour) IN (SELECT * FROM %1$s_rows) THEN false ELSE true END
				RETURNING 1
			)$sql$, key, place);
	END LOOP;
	EXECUTE $sql$
		WITH sums AS MATERIALIZED (
			SELECT t.* FROM influence_internal.tally_events($1[1], $1[2], $1[3], $7, 3, $6, $2, $3, $4, $8, '{6 hours,3 days,30 days}') t
		)$sql$ || parts || $sql$
		SELECT (SELECT count(*) FROM creator_rows) + (SELECT count(*) FROM creator_new), (SELECT count(*) FROM product_rows) + (SELECT count(*) FROM product_new),
			   (SELECT count(*) FROM category_rows) + (SELECT count(*) FROM category_new), a.*
		  FROM (SELECT s.sum_places, s.sum_items, s.sum_programs, s.sums_6h, s.sums_3d, s.sums_30d FROM sums s WHERE s.place = -1) a
		 WHERE NOT EXISTS (SELECT FROM sums s WHERE s.place = 0)$sql$
	   INTO creators, products, categories, sum_places, sum_items, sum_programs, sums_6h, sums_3d, sums_30d
	  USING ARRAY[
			columns || 'FROM influence.touch x WHERE influence_internal.is_fresh(x.xact, $1, $2) AND x.touched_at >= $3',
			columns || 'FROM influence.touch x WHERE x.touched_at >= $2 AND x.touched_at < $3 AND pg_visible_in_snapshot(x.xact, $1) LIMIT $4',
			columns || 'FROM unnest($2, $3) v(visitor_id, hour) '
				'JOIN influence.touch x ON x.visitor_id = v.visitor_id AND x.touched_at >= v.hour AND x.touched_at < v.hour + interval ''1 hour'' '
				'WHERE x.touched_at >= $4 AND x.touched_at < $5 AND pg_visible_in_snapshot(x.xact, $1)'],
			$1, $2, influence_internal.kept_from('touch'), influence_internal.sealed_before('hour'), $3, kinds, weights;
END
$$;
COMMENT ON FUNCTION influence_internal.add_touches(pg_snapshot, pg_snapshot, int) IS
'Adds the touches that are new by last_seen and upper to creator_hour, product_hour and category_hour, which have to be what last_seen shows; returns how many rows of each were written (NULL: nothing was, there are more than max_events, or than maintenance_work_mem has room for). What comes to a sealed bucket goes to its open part. The same pass over the new touches says what they add to the counters of trends (sums_..., by trend_weights; NULL: it was not looked at): sum_places 1 of a product (sum_items), 2 of a category frozen on touches, 3 of a product by touches without a category.';

CREATE FUNCTION influence_internal.add_engagements(last_seen pg_snapshot, upper pg_snapshot, max_events int)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
	columns text := 'SELECT x.visitor_id, x.occurred_at, x.kind, NULL::bigint, x.post_id ';
	sealed_before timestamptz := influence_internal.sealed_before('hour');
	written bigint;
BEGIN
	WITH sums AS MATERIALIZED (
		SELECT t.place, t.item_id AS post_id, t.hour, t.tally
		  FROM influence_internal.tally_events(
				columns || 'FROM influence.engagement x WHERE x.post_id IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, $2) AND x.occurred_at >= $3',
				NULL,
				columns || 'FROM unnest($2, $3) v(visitor_id, hour) '
					'JOIN influence.engagement x ON x.visitor_id = v.visitor_id AND x.occurred_at >= v.hour AND x.occurred_at < v.hour + interval ''1 hour'' '
					'WHERE x.occurred_at >= $4 AND x.occurred_at < $5 AND pg_visible_in_snapshot(x.xact, $1)',
				'{smile,unsmile,comment,share,save,click}', 1, $3, $1, $2, influence_internal.kept_from('engagement')) t
		 WHERE t.place = 0 OR t.tally <> '{0,0,0,0,0,0,0}'
	), old_rows AS (
		UPDATE influence.post_hour b
		   SET smiles = b.smiles + s.tally[1], unsmiles = b.unsmiles + s.tally[2], comments = b.comments + s.tally[3], shares = b.shares + s.tally[4],
			   saves = b.saves + s.tally[5], clicks = b.clicks + s.tally[6], visitors = b.visitors + s.tally[7]
		  FROM sums s
		 WHERE b.post_id = s.post_id AND b.bucket_start = s.hour AND NOT b.sealed
		RETURNING b.post_id, b.bucket_start
	), new_rows AS (
		INSERT INTO influence.post_hour (post_id, bucket_start, part, smiles, unsmiles, comments, shares, saves, clicks, visitors)
		SELECT s.post_id, s.hour,
			   CASE WHEN s.hour < sealed_before THEN coalesce((SELECT max(p.part) + 1 FROM influence.post_hour p
																WHERE p.post_id = s.post_id AND p.bucket_start = s.hour), 0) ELSE 0 END,
			   s.tally[1], s.tally[2], s.tally[3], s.tally[4], s.tally[5], s.tally[6], s.tally[7]
		  FROM sums s
		 WHERE s.place > 0 AND CASE WHEN (s.post_id, s.hour) IN (SELECT * FROM old_rows) THEN false ELSE true END
		RETURNING 1
	)
	SELECT (SELECT count(*) FROM old_rows) + (SELECT count(*) FROM new_rows) INTO written
	 WHERE NOT EXISTS (SELECT FROM sums s WHERE s.place = 0);
	RETURN written;
END
$$;
COMMENT ON FUNCTION influence_internal.add_engagements(pg_snapshot, pg_snapshot, int) IS
'Adds the engagements that are new by last_seen and upper to post_hour, which has to be what last_seen shows; returns how many rows were written (NULL: nothing was, there are more than max_events, or than maintenance_work_mem has room for).';

CREATE FUNCTION influence_internal.add_impressions(last_seen pg_snapshot, upper pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET jit = off
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
	since timestamptz := influence_internal.kept_from('impression');
	sealed_before timestamptz := influence_internal.sealed_before('hour');
	written bigint;
BEGIN
	-- where there are none, a small plan says so
	IF NOT EXISTS (SELECT FROM influence.impression x WHERE influence_internal.is_fresh(x.xact, $1, $2) AND x.shown_at >= since) THEN
		RETURN 0;
	END IF;
	WITH sums AS MATERIALIZED (
		SELECT x.post_id, date_trunc('hour', x.shown_at) AS hour, count(*) AS impressions
		  FROM influence.impression x
		 WHERE influence_internal.is_fresh(x.xact, $1, $2) AND x.shown_at >= since
		 GROUP BY 1, 2
	), old_rows AS (
		UPDATE influence.post_hour b
		   SET impressions = b.impressions + s.impressions
		  FROM sums s
		 WHERE b.post_id = s.post_id AND b.bucket_start = s.hour AND NOT b.sealed
		RETURNING b.post_id, b.bucket_start
	), new_rows AS (
		INSERT INTO influence.post_hour (post_id, bucket_start, part, impressions)
		SELECT s.post_id, s.hour,
			   CASE WHEN s.hour < sealed_before THEN coalesce((SELECT max(p.part) + 1 FROM influence.post_hour p
																WHERE p.post_id = s.post_id AND p.bucket_start = s.hour), 0) ELSE 0 END,
			   s.impressions
		  FROM sums s
		 WHERE CASE WHEN (s.post_id, s.hour) IN (SELECT * FROM old_rows) THEN false ELSE true END
		RETURNING 1
	)
	SELECT (SELECT count(*) FROM old_rows) + (SELECT count(*) FROM new_rows) INTO written;
	RETURN written;
END
$$;
COMMENT ON FUNCTION influence_internal.add_impressions(pg_snapshot, pg_snapshot) IS
'Adds the impressions that are new by last_seen and upper to post_hour, which has to be what last_seen shows; returns how many rows were written.';
