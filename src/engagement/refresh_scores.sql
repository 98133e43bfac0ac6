/*
 * refresh_scores.sql
 *
 * Once a day: what channels' rates are like in each cell of platform, vertical
 * and size (priors), every channel shrunk toward its cell, how all of them are
 * distributed (baselines), and the creators' scores. A run is one transaction
 * and is never changed; readers take the latest one that was known.
 */
CREATE FUNCTION influence_internal.percentiles()
RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT array_agg(i / 100.0::float8 ORDER BY i) FROM generate_series(0, 100) i);
COMMENT ON FUNCTION influence_internal.percentiles() IS '0, 0.01, ... 1: the places of a baseline''s quantiles.';

CREATE FUNCTION influence_internal.score_channels(run timestamptz, minimum int)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- how many rows functions bring is not known to the planner: a nested loop over 100,000 creators takes hours;
-- one that cannot be avoided looks dear enough to be compiled
SET jit = off
SET enable_nestloop = off
AS $$
#variable_conflict use_column
DECLARE
	scored bigint;
BEGIN
	WITH measure AS MATERIALIZED (
		SELECT m.*, influence.engagement_posts(m.state) AS rate_posts, influence.engagement_mean(m.state) AS mean
		  FROM influence_internal.channel_measures(NULL, -9223372036854775808, 9223372036854775807, $1, NULL, NULL) m
	), prior AS (
		SELECT m.platform, CASE WHEN grouping(m.vertical) = 1 THEN '' ELSE m.vertical END AS vertical,
			   CASE WHEN grouping(m.tier) = 1 THEN '' ELSE m.tier END AS tier, influence.engagement_prior(m.state) AS p
		  FROM measure m WHERE m.state IS NOT NULL
		 GROUP BY GROUPING SETS ((m.platform, m.vertical, m.tier), (m.platform, m.tier), (m.platform))
		HAVING (grouping(m.vertical) = 1 OR m.vertical <> '') AND (grouping(m.tier) = 1 OR m.tier <> '')
	), kept AS (
		INSERT INTO influence.engagement_prior (fitted_at, platform, vertical, tier, mean, strength, within_variance, between_variance, creators, posts, usable)
		SELECT $1, r.platform, r.vertical, r.tier, r.p[1], r.p[2], r.p[3], r.p[4], r.p[5]::bigint, r.p[6]::bigint,
			   r.tier = '' OR r.p[5] >= minimum AND r.p[2] IS NOT NULL
		  FROM prior r
		RETURNING *
	), cell AS (
		SELECT DISTINCT ON (c.platform, c.vertical, c.tier) c.platform, c.vertical, c.tier, k.vertical AS prior_vertical, k.tier AS prior_tier,
			   CASE WHEN k.platform IS NOT NULL THEN ARRAY[k.mean, k.strength, k.within_variance, k.between_variance, k.creators, k.posts] END AS prior
		  FROM (SELECT DISTINCT m.platform, m.vertical, m.tier FROM measure m) c
		  LEFT JOIN kept k ON k.platform = c.platform AND k.vertical IN ('', c.vertical) AND k.tier IN ('', c.tier) AND k.usable
		 ORDER BY c.platform, c.vertical, c.tier, k.vertical <> '' DESC, k.tier <> '' DESC
	), shrunk AS MATERIALIZED (
		SELECT m.*, z.shrunk, z.lower, z.upper, CASE WHEN z.shrunk IS NOT NULL THEN c.prior_vertical END AS prior_vertical,
			   CASE WHEN z.shrunk IS NOT NULL THEN c.prior_tier END AS prior_tier
		  FROM measure m
		  JOIN cell c ON c.platform = m.platform AND c.vertical = m.vertical AND c.tier = m.tier
		  LEFT JOIN LATERAL (SELECT influence.shrunk_rate(m.rate_posts, m.mean, c.prior) AS shrunk, b.lower_bound AS lower, b.upper_bound AS upper
							   FROM influence.shrunk_rate_bounds(m.rate_posts, m.mean, c.prior) b
							  WHERE m.state IS NOT NULL AND c.prior IS NOT NULL) z ON true
	), fact AS (
		-- by bytes: text is compared a hundred times per row below
		SELECT s.platform COLLATE "C" AS platform, s.vertical COLLATE "C" AS vertical, s.tier COLLATE "C" AS tier, s.country COLLATE "C" AS country,
			   v.metric COLLATE "C" AS metric, v.value
		  FROM shrunk s
		 CROSS JOIN LATERAL (VALUES ('engagement_shrunk', s.shrunk), ('followers', s.followers), ('growth', s.growth),
								('comments_per_like', s.comments_per_like)) v(metric, value)
		 WHERE v.value IS NOT NULL
	), baseline AS (
		INSERT INTO influence.score_baseline (fitted_at, metric, platform, vertical, tier, country, creators, quantiles)
		SELECT $1, f.metric, f.platform, CASE WHEN grouping(f.vertical) = 1 THEN '' ELSE f.vertical END,
			   CASE WHEN grouping(f.tier) = 1 THEN '' ELSE f.tier END, CASE WHEN grouping(f.country) = 1 THEN '' ELSE f.country END, count(*),
			   percentile_cont(influence_internal.percentiles()) WITHIN GROUP (ORDER BY f.value)
		  FROM fact f
		 GROUP BY GROUPING SETS ((f.metric, f.platform, f.vertical, f.tier), (f.metric, f.platform, f.vertical), (f.metric, f.platform, f.tier),
								 (f.metric, f.platform, f.country), (f.metric, f.platform))
		HAVING grouping(f.vertical, f.tier, f.country) = 7
			OR count(*) >= minimum AND (grouping(f.vertical) = 1 OR f.vertical <> '') AND (grouping(f.tier) = 1 OR f.tier <> '')
			   AND (grouping(f.country) = 1 OR f.country <> '')
		RETURNING *
	), standing AS (
		SELECT DISTINCT ON (c.platform, c.vertical, c.tier) c.platform, c.vertical, c.tier, b.quantiles
		  FROM cell c
		  JOIN baseline b ON b.metric = 'engagement_shrunk' AND b.platform = c.platform AND b.vertical IN ('', c.vertical) AND b.tier IN ('', c.tier)
				AND b.country = '' AND (b.vertical = '' OR b.tier <> '')
		 ORDER BY c.platform, c.vertical, c.tier, b.vertical <> '' DESC, b.tier <> '' DESC
	)
	INSERT INTO influence.channel_score (creator_id, channel_id, scored_at, platform, vertical, country, tier, followers, posts, rate_posts, views_per_post,
										 rate, rate_median, rate_trimmed, rate_shrunk, rate_lower, rate_upper, prior_vertical, prior_tier, growth, regularity,
										 comments_per_like, variation, follower_jump, percentile)
	SELECT s.creator_id, s.channel_id, $1, s.platform, s.vertical, s.country, s.tier, s.followers, s.posts, coalesce(s.rate_posts, 0), s.views_per_post,
		   s.mean, influence.engagement_median(s.state), influence.engagement_trimmed_mean(s.state), s.shrunk, s.lower, s.upper, s.prior_vertical, s.prior_tier,
		   s.growth, s.regularity, s.comments_per_like,
		   CASE WHEN s.single AND s.rate_posts >= 10 AND s.mean > 0 THEN sqrt(influence.engagement_variance(s.state)) / s.mean END, j.jump,
		   influence_internal.percentile_in(s.shrunk, b.quantiles)
	  FROM shrunk s
	  LEFT JOIN standing b ON b.platform = s.platform AND b.vertical = s.vertical AND b.tier = s.tier
	  LEFT JOIN influence_internal.follower_jumps(-9223372036854775808, 9223372036854775807, $1) j
		ON j.creator_id = s.creator_id AND j.channel_id = s.channel_id
	 ORDER BY s.creator_id, s.channel_id;
	GET DIAGNOSTICS scored = ROW_COUNT;
	RETURN scored;
END
$$;
COMMENT ON FUNCTION influence_internal.score_channels(timestamptz, int) IS
'Fits the priors of a run, shrinks every channel, stores the baselines of engagement_shrunk, followers, growth and comments_per_like and a row of channel_score per channel, and returns how many. minimum: the least channels of a cell that counts.';

CREATE FUNCTION influence_internal.score_creators(run timestamptz, minimum int)
RETURNS bigint
LANGUAGE plpgsql
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
	scored bigint;
BEGIN
	WITH channel AS MATERIALIZED (
		SELECT s.* FROM influence.channel_score s WHERE s.scored_at = $1
	), largest AS (
		SELECT DISTINCT ON (c.creator_id) c.creator_id, c.followers, c.tier, count(*) OVER (PARTITION BY c.creator_id) AS channels
		  FROM channel c ORDER BY c.creator_id, c.followers DESC NULLS LAST, c.channel_id
	), best AS (
		SELECT DISTINCT ON (c.creator_id) c.creator_id, c.rate_shrunk, c.rate_lower, c.percentile
		  FROM channel c WHERE c.percentile IS NOT NULL ORDER BY c.creator_id, c.percentile DESC, c.rate_shrunk DESC, c.channel_id
	), topic AS (
		SELECT t.creator_id, influence.topic_focus(t.topic_id, t.posts) AS focus,
			   CASE WHEN EXISTS (SELECT FROM influence_internal.catalogue_topics($1))
					THEN (coalesce(sum(t.posts) FILTER (WHERE k.topic_id IS NOT NULL), 0) / sum(t.posts))::float8 END AS relevance
		  FROM influence_internal.creator_topics(low, high, $1) t
		  LEFT JOIN influence_internal.catalogue_topics($1) k ON k.topic_id = t.topic_id
		 GROUP BY t.creator_id
	), part AS (
		SELECT s.creator_id, s.signal, min(s.part) AS part FROM influence_internal.channel_signals(low, high, $1) s GROUP BY s.creator_id, s.signal
	), authentic AS (
		SELECT p.creator_id, coalesce(min(p.part) FILTER (WHERE p.signal = 'engagement'), 1)
							 * coalesce(min(p.part) FILTER (WHERE p.signal = 'comments_per_like'), 1)
							 * coalesce(min(p.part) FILTER (WHERE p.signal = 'follower_jump'), 1)
							 * coalesce(min(p.part) FILTER (WHERE p.signal = 'uniform_rates'), 1) AS authenticity
		  FROM part p GROUP BY p.creator_id
	)
	INSERT INTO influence.creator_score (creator_id, scored_at, vertical, country, tier, followers, channels, rate_shrunk, rate_lower, rate_percentile,
										 focus, authenticity, relevance)
	SELECT a.creator_id, $1, a.vertical, coalesce(a.country, ''), coalesce(l.tier, ''), l.followers, coalesce(l.channels, 0), b.rate_shrunk, b.rate_lower,
		   b.percentile, t.focus, h.authenticity, t.relevance
	  FROM influence_internal.creator_at(NULL, $1) a
	  LEFT JOIN largest l ON l.creator_id = a.creator_id
	  LEFT JOIN best b ON b.creator_id = a.creator_id
	  LEFT JOIN topic t ON t.creator_id = a.creator_id
	  LEFT JOIN authentic h ON h.creator_id = a.creator_id
	 ORDER BY a.creator_id;
	GET DIAGNOSTICS scored = ROW_COUNT;
	INSERT INTO influence.score_baseline (fitted_at, metric, platform, vertical, tier, country, creators, quantiles)
	SELECT $1, 'focus', '', CASE WHEN grouping(s.vertical) = 1 THEN '' ELSE s.vertical END, '',
		   CASE WHEN grouping(s.country) = 1 THEN '' ELSE s.country END, count(*),
		   percentile_cont(influence_internal.percentiles()) WITHIN GROUP (ORDER BY s.focus)
	  FROM influence.creator_score s
	 WHERE s.program_id = 0 AND s.scored_at = $1 AND s.focus IS NOT NULL
	 GROUP BY GROUPING SETS ((s.vertical), (s.country), ())
	HAVING count(*) > 0 AND (grouping(s.vertical, s.country) = 3
		OR count(*) >= minimum AND (grouping(s.vertical) = 1 OR s.vertical <> '') AND (grouping(s.country) = 1 OR s.country <> ''));
	RETURN scored;
END
$$;
COMMENT ON FUNCTION influence_internal.score_creators(timestamptz, int) IS
'Stores a row of creator_score (program_id 0) per creator from the channel scores of a run, its topics and its signals, and the baselines of focus; returns how many.';

CREATE FUNCTION influence_internal.prune_scores(as_of timestamptz)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	oldest timestamptz := $1 - (influence_internal.setting_value('scores_kept') #>> '{}')::interval;
	pruned bigint;
	part bigint;
BEGIN
	IF oldest IS NULL OR NOT EXISTS (SELECT FROM influence.score_run r WHERE r.scored_at < oldest) THEN
		RETURN 0;
	END IF;
	DELETE FROM influence.channel_score s WHERE s.scored_at < oldest;
	GET DIAGNOSTICS pruned = ROW_COUNT;
	-- what a decision about the creator went by stays: it can be asked for again
	DELETE FROM influence.creator_score s
	 WHERE s.scored_at < oldest
	   AND NOT EXISTS (SELECT FROM influence.application a
						WHERE a.creator_id = s.creator_id AND s.program_id IN (0, a.program_id) AND a.submitted_at >= s.scored_at
						  AND influence_internal.score_run_at(a.submitted_at, a.known_at, a.seen) = s.scored_at);
	GET DIAGNOSTICS part = ROW_COUNT;
	-- and so do priors and the baselines that creator_metrics() reads
	DELETE FROM influence.score_baseline b
	 WHERE b.fitted_at < oldest AND (b.metric <> 'engagement_shrunk' OR b.country <> '');
	RETURN pruned + part;
END
$$;
COMMENT ON FUNCTION influence_internal.prune_scores(timestamptz) IS
'Drops scores and baselines older than the setting scores_kept (NULL: never), but for what a decision about the creator read, and returns how many scores. Priors, runs and the baselines of engagement by platform, vertical and tier are kept for ever.';

CREATE FUNCTION influence_internal.refresh_scores(as_of timestamptz DEFAULT now())
RETURNS TABLE (status text, scored_at timestamptz, channels bigint, creators bigint, programs bigint[], pruned bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	minimum int := (influence_internal.setting_value('score_cell_minimum') #>> '{}')::int;
	days int := (influence_internal.setting_value('influence_days') #>> '{}')::int;
	program bigint;
BEGIN
	PERFORM influence_internal.require_arguments('as_of', $1::text);
	PERFORM influence_internal.require_finite('as_of', $1);
	IF $1 > clock_timestamp() THEN
		PERFORM influence_internal.raise_invalid('as_of lies in the future', format('as_of: %s.', $1), 'Scores are of what was; leave as_of out.');
	END IF;
	PERFORM influence_internal.lock_key('scores');
	SELECT 'duplicate', r.scored_at, r.channels, r.creators, r.programs, 0
	  INTO status, scored_at, channels, creators, programs, pruned
	  FROM influence.score_run r WHERE r.scored_at = $1;
	IF FOUND THEN
		RETURN NEXT;
		RETURN;
	END IF;
	channels := influence_internal.score_channels($1, minimum);
	creators := influence_internal.score_creators($1, minimum);
	programs := '{}';
	FOR program IN
		SELECT p.program_id FROM influence.program p
		 WHERE EXISTS (SELECT FROM influence.orders o
						 JOIN influence.credit c ON c.visitor_id = o.visitor_id AND c.program_id = o.program_id AND c.order_ref = o.order_ref
						WHERE o.program_id = p.program_id AND o.ordered_at >= $1 - make_interval(hours => 24 * days) AND o.ordered_at < $1
						  AND c.creator_id IS NOT NULL AND c.superseded_by IS NULL)
		 ORDER BY p.program_id
	LOOP
		PERFORM influence_internal.score_influence(program, $1, days, minimum);
		programs := programs || program;
	END LOOP;
	INSERT INTO influence.score_run (scored_at, channels, creators, programs)
	VALUES ($1, refresh_scores.channels, refresh_scores.creators, refresh_scores.programs);
	pruned := influence_internal.prune_scores($1);
	status := 'recorded';
	scored_at := $1;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_scores(timestamptz) IS
'Scores all channels and creators as of a moment by what is known now: fits the priors of engagement by platform, vertical and size tier with their roll-ups (engagement_prior), the baselines (score_baseline), channel_score, creator_score (program_id 0), and for each program with sales in the setting influence_days before, influence by creator (creator_score of the program, influence_prior). A run is never changed: the same as_of again answers duplicate. The job scores does it daily. Drops scores older than the setting scores_kept. -> status recorded | duplicate, scored_at, channels, creators, programs, pruned. IN002 as_of NULL, infinite or in the future, IN005 in REPEATABLE READ and SERIALIZABLE.';
