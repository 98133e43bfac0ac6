/*
 * creator_metrics.sql
 *
 * Every metric that an admission rule can name, for one creator or for all, at a
 * moment and by what was known at another: from facts, and from the priors,
 * baselines and scores of the run of refresh_scores() that was in force.
 */
CREATE FUNCTION influence_internal.score_run_at(at timestamptz, known_at timestamptz DEFAULT NULL, seen pg_snapshot DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT r.scored_at FROM influence.score_run r
			 WHERE r.scored_at <= $1 AND influence_internal.was_known(r.recorded_at, r.xact, $2, $3)
			 ORDER BY r.scored_at DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION influence_internal.score_run_at(timestamptz, timestamptz, pg_snapshot) IS
'The run of refresh_scores() in force at a moment, by what was known: the one with the latest scored_at; NULL without any.';

CREATE FUNCTION influence_internal.percentile_in(value float8, quantiles float8[])
RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- parsed here and now, so that no search_path matters where it is inlined
RETURN CASE
	WHEN value IS NULL OR quantiles IS NULL THEN NULL
	WHEN value < quantiles[1] THEN 0
	WHEN value > quantiles[101] THEN 100
	WHEN value = quantiles[width_bucket(value, quantiles)] THEN (array_position(quantiles, value) + width_bucket(value, quantiles) - 2) / 2.0::float8
	ELSE width_bucket(value, quantiles) - 1
		 + (value - quantiles[width_bucket(value, quantiles)])
		   / (quantiles[width_bucket(value, quantiles) + 1] - quantiles[width_bucket(value, quantiles)])
	END;
COMMENT ON FUNCTION influence_internal.percentile_in(float8, float8[]) IS
'Where a value stands among the 0th to 100th percentiles of a baseline, from 0 to 100: linear between two of them, the middle of a run of equal ones, 0 below the first, 100 above the last.';

CREATE FUNCTION influence_internal.prior_of(run timestamptz, platform text, vertical text, tier text)
RETURNS TABLE (cell_vertical text, cell_tier text, prior float8[])
LANGUAGE plpgsql STABLE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT p.vertical, p.tier, ARRAY[p.mean, p.strength, p.within_variance, p.between_variance, p.creators, p.posts]
	  FROM influence.engagement_prior p
	 WHERE p.fitted_at = $1 AND p.platform = $2 AND p.vertical IN ('', $3) AND p.tier IN ('', $4) AND p.usable
	 ORDER BY p.vertical <> '' DESC, p.tier <> '' DESC LIMIT 1;
END
$$;
COMMENT ON FUNCTION influence_internal.prior_of(timestamptz, text, text, text) IS
'The prior toward which a run shrinks a channel of a platform, vertical and tier: of the narrowest usable cell, platform x vertical x tier, platform x tier, or platform.';

CREATE FUNCTION influence_internal.baseline_of(run timestamptz, metric text, program_id bigint, platform text, vertical text, tier text)
RETURNS TABLE (cell_vertical text, cell_tier text, creators bigint, quantiles float8[])
LANGUAGE plpgsql STABLE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT b.vertical, b.tier, b.creators, b.quantiles
	  FROM influence.score_baseline b
	 WHERE b.fitted_at = $1 AND b.metric = $2 AND b.program_id = $3 AND b.platform = $4 AND b.country = ''
	   AND b.vertical IN ('', $5) AND b.tier IN ('', $6)
	   -- among channels size counts for more than the vertical
	   AND (b.platform = '' OR b.vertical = '' OR b.tier <> '')
	 ORDER BY b.vertical <> '' DESC, b.tier <> '' DESC LIMIT 1;
END
$$;
COMMENT ON FUNCTION influence_internal.baseline_of(timestamptz, text, bigint, text, text, text) IS
'The baseline of a run against which a metric of a channel stands: of platform x vertical x tier, platform x tier, or platform; for metrics of creators (platform '''') of the vertical, or of all.';

CREATE FUNCTION influence_internal.creator_metrics(creator_ids bigint[], program_id bigint, at timestamptz, known_at timestamptz DEFAULT NULL,
	seen pg_snapshot DEFAULT NULL, metrics text[] DEFAULT NULL)
RETURNS TABLE (creator_id bigint, platform text, metric text, value numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- how many rows functions bring is not known to the planner: a nested loop over 100,000 creators takes hours;
-- one that cannot be avoided looks dear enough to be compiled
SET jit = off
SET enable_nestloop = off
AS $$
#variable_conflict use_column
DECLARE
	low bigint := -9223372036854775808;
	high bigint := 9223372036854775807;
	run timestamptz;
	wanted text[] := ARRAY(SELECT DISTINCT unnest(coalesce($6, '{followers,total_followers,views_per_post,engagement_rate,engagement_median,engagement_shrunk,engagement_lower,engagement_percentile,growth,regularity,channels,verified_channels,posts,focus,authenticity,relevance,influence,influence_percentile,quality}'::text[])));
	shrinks boolean := wanted && '{engagement_shrunk,engagement_lower,engagement_percentile}';
	wants_lower boolean := 'engagement_lower' = ANY (wanted);
	wants_median boolean := 'engagement_median' = ANY (wanted);
BEGIN
	IF cardinality($1) BETWEEN 2 AND 50 THEN
		-- a few that lie apart: one by one, not the range that they span
		RETURN QUERY
		SELECT m.* FROM (SELECT DISTINCT unnest($1)) i(id) CROSS JOIN LATERAL influence_internal.creator_metrics(ARRAY[i.id], $2, $3, $4, $5, $6) m;
		RETURN;
	ELSIF $1 IS NOT NULL THEN
		SELECT min(i), max(i) INTO low, high FROM unnest($1) i;
	END IF;
	run := influence_internal.score_run_at($3, $4, $5);
	RETURN QUERY
	WITH measure AS MATERIALIZED (
		SELECT m.* FROM influence_internal.channel_measures($1, low, high, $3, $4, $5) m
	), cell AS MATERIALIZED (
		SELECT c.platform, c.vertical, c.tier, p.prior, b.quantiles
		  FROM (SELECT DISTINCT m.platform, m.vertical, m.tier FROM measure m) c
		  LEFT JOIN LATERAL influence_internal.prior_of(run, c.platform, c.vertical, c.tier) p ON true
		  LEFT JOIN LATERAL influence_internal.baseline_of(run, 'engagement_shrunk', 0, c.platform, c.vertical, c.tier) b ON true
	), scored AS (
		SELECT m.*, s.shrunk, CASE WHEN s.shrunk IS NOT NULL AND wants_lower THEN (influence.shrunk_rate_bounds(influence.engagement_posts(m.state),
						influence.engagement_mean(m.state), c.prior)).lower_bound END AS lower,
			   influence_internal.percentile_in(s.shrunk, c.quantiles) AS percentile
		  FROM measure m
		  JOIN cell c ON c.platform = m.platform AND c.vertical = m.vertical AND c.tier = m.tier
		 CROSS JOIN LATERAL (SELECT CASE WHEN shrinks AND m.state IS NOT NULL AND c.prior IS NOT NULL
				THEN influence.shrunk_rate(influence.engagement_posts(m.state), influence.engagement_mean(m.state), c.prior) END AS shrunk) s
	), best AS MATERIALIZED (
		SELECT s.creator_id, CASE WHEN grouping(s.platform) = 1 THEN '' ELSE s.platform END AS platform,
			   max(s.followers) AS followers, sum(s.followers) AS total_followers, max(s.views_per_post) AS views_per_post, max(s.rate) AS rate,
			   max(CASE WHEN wants_median THEN influence.engagement_median(s.state) END) AS median, max(s.shrunk) AS shrunk, max(s.lower) AS lower, max(s.percentile) AS percentile,
			   max(s.growth) AS growth, max(s.regularity) AS regularity, count(*) AS channels, count(*) FILTER (WHERE s.verified) AS verified,
			   max(s.posts) AS posts
		  FROM scored s
		 GROUP BY GROUPING SETS ((s.creator_id, s.platform), (s.creator_id))
	)
	SELECT b.creator_id, b.platform, w.metric, v.value
	  FROM best b
	 CROSS JOIN unnest(wanted) w(metric)
	 CROSS JOIN LATERAL (SELECT CASE w.metric
			WHEN 'followers' THEN b.followers WHEN 'total_followers' THEN b.total_followers WHEN 'views_per_post' THEN b.views_per_post
			WHEN 'engagement_rate' THEN round(b.rate::numeric, 9) WHEN 'engagement_median' THEN round(b.median::numeric, 9)
			WHEN 'engagement_shrunk' THEN round(b.shrunk::numeric, 9) WHEN 'engagement_lower' THEN round(b.lower::numeric, 9)
			WHEN 'engagement_percentile' THEN round(b.percentile::numeric, 9) WHEN 'growth' THEN round(nullif(b.growth, 'Infinity')::numeric, 9)
			WHEN 'regularity' THEN round(b.regularity::numeric, 9) WHEN 'channels' THEN b.channels WHEN 'verified_channels' THEN b.verified
			WHEN 'posts' THEN b.posts END AS value OFFSET 0) v
	 WHERE v.value IS NOT NULL
	UNION ALL
	SELECT s.creator_id, '', v.metric, round(v.value::numeric, 9)
	  FROM influence.creator_score s
	 CROSS JOIN LATERAL (VALUES ('focus', s.focus), ('authenticity', s.authenticity), ('relevance', s.relevance)) v(metric, value)
	 WHERE s.program_id = 0 AND s.scored_at = run AND s.creator_id BETWEEN low AND high AND (s.creator_id = ANY ($1)) IS NOT FALSE
	   AND v.value IS NOT NULL AND (v.metric = ANY ($6)) IS NOT FALSE
	UNION ALL
	SELECT s.creator_id, '', v.metric, round(v.value::numeric, 9)
	  FROM influence.creator_score s
	 CROSS JOIN LATERAL (VALUES ('influence', s.influence), ('influence_percentile', s.influence_percentile)) v(metric, value)
	 WHERE s.program_id = $2 AND $2 <> 0 AND s.scored_at = run AND s.creator_id BETWEEN low AND high AND (s.creator_id = ANY ($1)) IS NOT FALSE
	   AND v.value IS NOT NULL AND (v.metric = ANY ($6)) IS NOT FALSE
	UNION ALL
	SELECT q.creator_id, '', 'quality', round(q.score, 9)
	  FROM (SELECT DISTINCT ON (x.creator_id) x.creator_id, x.score
			  FROM influence.quality_score x
			 WHERE x.creator_id BETWEEN low AND high AND x.scored_at <= $3 AND influence_internal.was_known(x.recorded_at, x.xact, $4, $5)
			   AND ('quality' = ANY ($6)) IS NOT FALSE
			 ORDER BY x.creator_id, x.scored_at DESC, x.recorded_at DESC, x.score_ref) q
	 WHERE (q.creator_id = ANY ($1)) IS NOT FALSE;
END
$$;
COMMENT ON FUNCTION influence_internal.creator_metrics(bigint[], bigint, timestamptz, timestamptz, pg_snapshot, text[]) IS
'The metrics of creators (NULL: of all) at a moment by what was known at another (known_at, seen; NULL: all that is known), for admission to a program; metrics: those wanted (NULL: all). A row per value that is known, rounded to 9 decimals, by platform and overall (platform ''''): of the best channel followers, views_per_post, engagement_rate (mean over its posts, without posts newest snapshot), engagement_median, engagement_shrunk and engagement_lower (by the run''s prior of the narrowest usable cell), engagement_percentile (0 to 100 in the baseline of platform x vertical x tier, platform x tier, or platform), growth, regularity, posts; total_followers (sum), channels, verified_channels (counts). Only overall: focus, authenticity, relevance, and of the program influence and influence_percentile, all from the run of refresh_scores() in force; quality (latest quality_score). What needs a run is unknown before the first one.';
