/*
 * signals.sql
 *
 * What may show that an audience was bought. Each signal gives a part from 0 to
 * 1; a creator's authenticity is the product of the parts that are known, each
 * the least over the creator's channels. The thresholds are ours, and stand in
 * the comment of channel_signals(); what is looked at is not:
 *
 * rates and comments out of proportion: Sen et al., Worth its Weight in Likes,
 * WebSci 2018; followers who come in jumps: Stringhini et al., Follow the Green,
 * IMC 2013; likes that are all alike: De Cristofaro et al., Paying for Likes?,
 * IMC 2014, Ikram et al., ACM TOPS 20 (4) 2017. Distances from a baseline are
 * modified z-scores: Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993.
 */
CREATE FUNCTION influence_internal.robust_distance(value float8, quantiles float8[])
RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- parsed here and now, so that no search_path matters where it is inlined
RETURN CASE
	WHEN value IS NULL OR quantiles[26] <= 0 OR quantiles[76] <= quantiles[26] OR ln(quantiles[76]) <= ln(quantiles[26]) THEN NULL
	WHEN value <= 0 THEN 'Infinity'
	ELSE abs(ln(value) - ln(quantiles[51])) * 1.349 / (ln(quantiles[76]) - ln(quantiles[26]))
	END;
COMMENT ON FUNCTION influence_internal.robust_distance(float8, float8[]) IS
'How far a value lies from the median of a baseline, on a logarithmic scale, in standard deviations as its quartiles show them: |ln v - ln q50| / ((ln q75 - ln q25) / 1.349). NULL when the lower quartile is 0 or the quartiles are equal, or so close that their logarithms are.';

CREATE FUNCTION influence_internal.follower_jumps(low bigint, high bigint, at timestamptz)
RETURNS TABLE (creator_id bigint, channel_id bigint, jump float8)
LANGUAGE plpgsql STABLE
ROWS 100000
SET search_path = pg_catalog, pg_temp
-- how many rows functions bring is not known to the planner: a nested loop over 100,000 creators takes hours;
-- one that cannot be avoided looks dear enough to be compiled
SET jit = off
SET enable_nestloop = off
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH step AS (
		SELECT m.creator_id, m.channel_id, ln(m.followers::float8) - lag(ln(m.followers::float8)) OVER w AS growth,
			   extract(epoch FROM m.measured_at - lag(m.measured_at) OVER w)::float8 / 86400 AS days
		  FROM influence.channel_metric m
		 WHERE m.creator_id BETWEEN $1 AND $2 AND m.measured_at <= $3 AND m.followers > 0
		WINDOW w AS (PARTITION BY m.creator_id, m.channel_id ORDER BY m.measured_at)
	), usual AS (
		SELECT s.creator_id, s.channel_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY s.growth / s.days) AS daily
		  FROM step s WHERE s.days > 0 GROUP BY s.creator_id, s.channel_id HAVING count(*) >= 3
	)
	SELECT u.creator_id, u.channel_id, exp(least(max(s.growth - u.daily * s.days), 700))
	  FROM usual u
	  JOIN step s ON s.creator_id = u.creator_id AND s.channel_id = u.channel_id AND s.days > 0
	 GROUP BY u.creator_id, u.channel_id;
END
$$;
COMMENT ON FUNCTION influence_internal.follower_jumps(bigint, bigint, timestamptz) IS
'The greatest growth of followers between two successive snapshots of a channel, as a factor beyond what the median of its daily growth (of logarithms) explains; for channels with at least four snapshots. The creators'' ids are from low to high.';

CREATE FUNCTION influence_internal.channel_signals(low bigint, high bigint, run timestamptz)
RETURNS TABLE (creator_id bigint, channel_id bigint, platform text, signal text, value float8, baseline float8, distance float8, part float8,
			   suspicious boolean)
LANGUAGE plpgsql STABLE
ROWS 100000
SET search_path = pg_catalog, pg_temp
-- how many rows functions bring is not known to the planner: a nested loop over 100,000 creators takes hours;
-- one that cannot be avoided looks dear enough to be compiled
SET jit = off
SET enable_nestloop = off
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH channel AS MATERIALIZED (
		SELECT s.* FROM influence.channel_score s WHERE s.scored_at = $3 AND s.creator_id BETWEEN $1 AND $2
	), cell AS MATERIALIZED (
		-- rates fall with size: what is far from other sizes proves nothing
		SELECT c.platform, c.vertical, c.tier, CASE WHEN e.cell_tier <> '' THEN e.quantiles END AS rates,
			   CASE WHEN l.cell_tier <> '' THEN l.quantiles END AS ratios
		  FROM (SELECT DISTINCT s.platform, s.vertical, s.tier FROM channel s) c
		  LEFT JOIN LATERAL influence_internal.baseline_of($3, 'engagement_shrunk', 0, c.platform, c.vertical, c.tier) e ON true
		  LEFT JOIN LATERAL influence_internal.baseline_of($3, 'comments_per_like', 0, c.platform, c.vertical, c.tier) l ON true
	), far AS MATERIALIZED (
		SELECT s.creator_id, s.channel_id, s.platform, s.rate_shrunk, s.comments_per_like, s.follower_jump, s.variation, c.rates[51] AS usual_rate,
			   c.ratios[51] AS usual_ratio, influence_internal.robust_distance(s.rate_shrunk, c.rates) AS rate,
			   influence_internal.robust_distance(s.comments_per_like, c.ratios) AS ratio
		  FROM channel s
		  JOIN cell c ON c.platform = s.platform AND c.vertical = s.vertical AND c.tier = s.tier
	)
	SELECT f.creator_id, f.channel_id, f.platform, g.signal, g.value, g.baseline, g.distance, g.part, g.suspicious
	  FROM far f
	 CROSS JOIN LATERAL (VALUES
		('engagement', f.rate_shrunk, f.usual_rate, f.rate, least(1, greatest(0, 2 - f.rate / 2)), f.rate > 3.5),
		('comments_per_like', f.comments_per_like, f.usual_ratio, f.ratio, least(1, greatest(0, 2 - f.ratio / 2)), f.ratio > 3.5),
		('follower_jump', f.follower_jump, 1, NULL, least(1, greatest(0, (2 - f.follower_jump) / 0.9)), f.follower_jump > 1.5),
		('uniform_rates', f.variation, 0.1, NULL, least(1, f.variation / 0.1), f.variation < 0.05)) g(signal, value, baseline, distance, part, suspicious)
	 WHERE g.suspicious IS NOT NULL;
END
$$;
COMMENT ON FUNCTION influence_internal.channel_signals(bigint, bigint, timestamptz) IS
'The signals of the channels of creators with ids from low to high in a run. engagement: shrunk rate, comments_per_like: their distance z from the median of the baseline of channels of its size (robust_distance; not known where the baseline is that of the platform), part 1 up to z = 2, 0 from z = 4, suspicious above 3.5. follower_jump: factor of follower_jumps(), part 1 up to 1.1, 0 from 2, suspicious above 1.5. uniform_rates: coefficient of variation of at least 10 single posts, part 1 from 0.1, 0 at 0, suspicious below 0.05. What is not known has no row.';

CREATE FUNCTION influence_internal.creator_signals(creator_id bigint, as_of timestamptz DEFAULT now())
RETURNS TABLE (signal text, channel_id bigint, platform text, value float8, baseline float8, part float8, suspicious boolean, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_creator($1);
	PERFORM influence_internal.require_arguments('as_of', $2::text);
	RETURN QUERY
	SELECT s.signal, s.channel_id, s.platform, s.value, s.baseline, s.part, s.suspicious,
		   CASE s.signal WHEN 'follower_jump' THEN 'greatest growth between two snapshots, as a factor beyond the usual'
						 WHEN 'uniform_rates' THEN 'standard deviation of the rates of single posts, as a fraction of their mean'
						 ELSE format('%s standard deviations from the median of its baseline',
									 coalesce(round(nullif(s.distance, 'Infinity')::numeric, 2)::text, 'infinitely many')) END
	  FROM influence_internal.channel_signals($1, $1, influence_internal.score_run_at($2)) s
	 ORDER BY s.part, s.signal, s.channel_id;
END
$$;
COMMENT ON FUNCTION influence_internal.creator_signals(bigint, timestamptz) IS
'What may show that a creator''s audience was bought, channel by channel, the worst first, by the scores in force at a moment: signal (engagement: shrunk rate far from its baseline, comments_per_like: the same, follower_jump: factor by which followers grew beyond the usual between two snapshots, uniform_rates: single posts that are too much alike), value, baseline (the median of channels of its kind, or the threshold), part (1 = nothing to see, 0 = worst), suspicious. creator_score.authenticity is the product over the signals of the least part over the channels. A sign, no proof. What is not known has no row. IN002, IN003.';
