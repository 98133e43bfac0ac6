/*
 * new_events.sql
 *
 * What new touches, engagements and impressions add to the hourly buckets. How
 * many they are by kind is a sum over the new events alone. A visitor is new to a
 * bucket when it has no event there that the job has seen: add_events() looks
 * at what the visitors of new events did in those hours. So a run costs what the
 * new events cost, however full their hours are and however large the tables, and
 * its outcome is that of counting anew (hours.sql). New touches are read once:
 * what they add to the decayed counters of products and categories is added up
 * on the way, and handed on to refresh_trends().
 */
CREATE FUNCTION influence_internal.add_events(targets text[], columns text[], kinds text[], new_events text, in_hour text, of_visitors text, max_events int,
	last_seen pg_snapshot, upper pg_snapshot, since timestamptz, until timestamptz, weights float8[] DEFAULT NULL, half_lives interval[] DEFAULT NULL,
	OUT written bigint[], OUT sums bytea)
AS 'MODULE_PATHNAME', 'stats_add_events'
LANGUAGE C;
COMMENT ON FUNCTION influence_internal.add_events(text[], text[], text[], text, text, text, int, pg_snapshot, pg_snapshot, timestamptz, timestamptz, float8[], interval[]) IS
'Adds new events to hourly buckets: of their first key to the first of the targets (tables), of the second to the second, and so on; how many are of each of kinds to the columns of the same place, and how many visitors are new to the bucket to the column after these. What comes to a sealed bucket goes to its open part. written: rows per target; NULL: nothing was written, there are more than max_events, or than maintenance_work_mem has room for. Queries, each of visitor_id, at, kind, program_id and as many bigint as there are targets: new_events ($1 last_seen, $2 upper, $3 since, $4 until); events that last_seen ($1) shows: in_hour ($2 from, $3 until, $4 limit; NULL where no index has the time alone) and of_visitors ($2 visitors, $3 the hour of each, $4 and $5 bounds of all hours; NULL: visitors are not counted). With weights (of each kind) and three half_lives sums is what the new events add to decayed counters, for touch_sums().';

CREATE FUNCTION influence_internal.touch_sums(sums bytea)
RETURNS TABLE (place int, item_id bigint, program_id bigint, h6 bytea, d3 bytea, d30 bytea)
AS 'MODULE_PATHNAME', 'stats_touch_sums'
LANGUAGE C STABLE
ROWS 1000;
COMMENT ON FUNCTION influence_internal.touch_sums(bytea) IS
'The sums of add_events() one by one: states of decayed_score for each half-life by program and item, which is, by place, 1 the last key but one, 2 the last, 3 the last but one of events without the last. NULL: none.';

CREATE FUNCTION influence_internal.add_touches(last_seen pg_snapshot, upper pg_snapshot, max_events int, OUT creators bigint, OUT products bigint, OUT categories bigint, OUT sums bytea)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
-- few facts, found by indexes, whatever was in the tables when they were last analyzed
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
	columns text := 'SELECT x.visitor_id, x.touched_at, x.kind, x.program_id, x.creator_id, x.product_id, x.category_id ';
	kinds text[] := '{view,click,cart,coupon}';
	weights float8[];
BEGIN
	SELECT array_agg(coalesce((t.value ->> k.kind)::float8, 0) ORDER BY k.n) INTO weights
	  FROM influence_internal.setting_value('trend_weights') t(value), unnest(kinds) WITH ORDINALITY k(kind, n);
	SELECT a.written[1], a.written[2], a.written[3], a.sums INTO creators, products, categories, sums
	  FROM influence_internal.span_of_new('touch', pg_snapshot_xmin($1)) n,
		   influence_internal.add_events('{creator_hour,product_hour,category_hour}', '{views,clicks,carts,coupons,visitors}', kinds,
			columns || 'FROM influence.touch x WHERE influence_internal.is_fresh(x.xact, $1, $2) AND x.touched_at >= $3 AND x.touched_at <= $4',
			columns || 'FROM influence.touch x WHERE x.touched_at >= $2 AND x.touched_at < $3 AND pg_visible_in_snapshot(x.xact, $1) LIMIT $4',
			columns || 'FROM unnest($2, $3) v(visitor_id, hour) '
				'JOIN influence.touch x ON x.visitor_id = v.visitor_id AND x.touched_at >= v.hour AND x.touched_at < v.hour + interval ''1 hour'' '
				'WHERE x.touched_at >= $4 AND x.touched_at < $5 AND pg_visible_in_snapshot(x.xact, $1)',
			$3, $1, $2, greatest(influence_internal.kept_from('touch'), n.since), n.until, weights, '{6 hours,3 days,30 days}') a;
END
$$;
COMMENT ON FUNCTION influence_internal.add_touches(pg_snapshot, pg_snapshot, int) IS
'Adds the touches that are new by last_seen and upper to creator_hour, product_hour and category_hour, which have to be what last_seen shows; returns how many rows of each were written (NULL: nothing was, there are more than max_events, or than maintenance_work_mem has room for). The same pass over the new touches says what they add to the counters of trends (sums, by trend_weights, for touch_sums()): place 1 of a product, 2 of a category frozen on touches, 3 of a product by touches without a category.';

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
BEGIN
	RETURN (SELECT a.written[1]
			  FROM influence_internal.span_of_new('engagement', pg_snapshot_xmin($1)) n,
				   influence_internal.add_events('{post_hour}', '{smiles,unsmiles,comments,shares,saves,clicks,visitors}', '{smile,unsmile,comment,share,save,click}',
					columns || 'FROM influence.engagement x WHERE x.post_id IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, $2) AND x.occurred_at >= $3 AND x.occurred_at <= $4',
					NULL,
					columns || 'FROM unnest($2, $3) v(visitor_id, hour) '
						'JOIN influence.engagement x ON x.visitor_id = v.visitor_id AND x.occurred_at >= v.hour AND x.occurred_at < v.hour + interval ''1 hour'' '
						'WHERE x.occurred_at >= $4 AND x.occurred_at < $5 AND pg_visible_in_snapshot(x.xact, $1)',
					$3, $1, $2, greatest(influence_internal.kept_from('engagement'), n.since), n.until) a);
END
$$;
COMMENT ON FUNCTION influence_internal.add_engagements(pg_snapshot, pg_snapshot, int) IS
'Adds the engagements that are new by last_seen and upper to post_hour, which has to be what last_seen shows; returns how many rows were written (NULL: nothing was, there are more than max_events, or than maintenance_work_mem has room for).';

CREATE FUNCTION influence_internal.add_impressions(last_seen pg_snapshot, upper pg_snapshot, max_events int)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
SET enable_seqscan = off
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT a.written[1]
			  FROM influence_internal.span_of_new('impression', pg_snapshot_xmin($1)) n,
				   influence_internal.add_events('{post_hour}', '{impressions}', '{shown}',
					'SELECT x.visitor_id, x.shown_at, ''shown'', NULL::bigint, x.post_id '
						'FROM influence.impression x WHERE influence_internal.is_fresh(x.xact, $1, $2) AND x.shown_at >= $3 AND x.shown_at <= $4',
					NULL, NULL, $3, $1, $2, greatest(influence_internal.kept_from('impression'), n.since), n.until) a);
END
$$;
COMMENT ON FUNCTION influence_internal.add_impressions(pg_snapshot, pg_snapshot, int) IS
'Adds the impressions that are new by last_seen and upper to post_hour, which has to be what last_seen shows; returns how many rows were written (NULL: nothing was, there are more than max_events, or than maintenance_work_mem has room for).';
