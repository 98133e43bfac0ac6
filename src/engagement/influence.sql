/*
 * influence.sql
 *
 * Influence: what a creator sells, per 1,000 impressions. An observation is a
 * creator's month (UTC): revenue by impressions, its weight the impressions. It is
 * shrunk like engagement, by the model of Buehlmann and Straub (1970), toward
 * the creators of the program in the same vertical, so that one lucky sale to
 * ten viewers makes nobody the first.
 */
CREATE FUNCTION influence_internal.influence_months(program_id bigint, since timestamptz, until timestamptz, impression_kind text)
RETURNS TABLE (creator_id bigint, month timestamptz, impressions bigint, revenue numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- how many rows functions bring is not known to the planner: a nested loop over 100,000 creators takes hours;
-- one that cannot be avoided looks dear enough to be compiled
SET jit = off
SET enable_nestloop = off
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH shown AS (
		SELECT t.creator_id, date_trunc('month', t.touched_at, 'UTC') AS month, count(*) AS impressions
		  FROM influence.touch t
		 WHERE t.touched_at >= $2 AND t.touched_at < $3 AND t.program_id = $1 AND t.kind = $4 AND t.creator_id IS NOT NULL
		 GROUP BY 1, 2
	), credited AS (
		SELECT c.creator_id, c.visitor_id, c.order_ref, c.line_no, c.ordered_at, sum(c.credit) AS credit
		  FROM influence.credit c
		 WHERE c.program_id = $1 AND c.ordered_at >= $2 AND c.ordered_at < $3 AND c.creator_id IS NOT NULL AND c.superseded_by IS NULL
		 GROUP BY c.creator_id, c.visitor_id, c.order_ref, c.line_no, c.ordered_at
	), back AS (
		SELECT r.visitor_id, r.order_ref, r.line_no, sum(influence_internal.return_sign(r.kind) * r.amount) AS amount
		  FROM influence.order_return r
		 WHERE r.program_id = $1 AND r.state = 'applied' AND r.returned_at >= $2 AND r.returned_at < $3
		 GROUP BY r.visitor_id, r.order_ref, r.line_no
	), sold AS (
		SELECT c.creator_id, date_trunc('month', c.ordered_at, 'UTC') AS month,
			   greatest(round(sum(CASE WHEN b.amount IS NULL OR l.base_amount = 0 THEN c.credit
									   ELSE c.credit * (l.base_amount - least(greatest(b.amount, 0), l.base_amount)) / l.base_amount END)), 0) AS revenue
		  FROM credited c
		  LEFT JOIN back b ON b.visitor_id = c.visitor_id AND b.order_ref = c.order_ref AND b.line_no = c.line_no
		  LEFT JOIN influence.order_line l ON b.amount IS NOT NULL AND l.program_id = $1 AND l.visitor_id = c.visitor_id
				AND l.order_ref = c.order_ref AND l.line_no = c.line_no
		 GROUP BY 1, 2
	)
	SELECT coalesce(s.creator_id, d.creator_id), coalesce(s.month, d.month), coalesce(s.impressions, 0), coalesce(d.revenue, 0)
	  FROM shown s
	  FULL JOIN sold d ON d.creator_id = s.creator_id AND d.month = s.month;
END
$$;
COMMENT ON FUNCTION influence_internal.influence_months(bigint, timestamptz, timestamptz, text) IS
'What creators showed and sold in a program by UTC month, from a moment to before another: touches of a kind, and credits (not superseded) of the orders placed then less what came back of their lines before the end, at the order''s date, rounded to minor units per month and never negative.';

CREATE FUNCTION influence_internal.score_influence(program_id bigint, run timestamptz, days int, minimum int)
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
	since timestamptz := $2 - make_interval(hours => 24 * $3);
	kind text;
	scored bigint;
BEGIN
	kind := CASE WHEN EXISTS (SELECT FROM influence.touch t
							   WHERE t.touched_at >= since AND t.touched_at < $2 AND t.program_id = $1 AND t.kind = 'view' AND t.creator_id IS NOT NULL)
				 THEN 'view' ELSE 'click' END;
	WITH months AS (
		SELECT m.* FROM influence_internal.influence_months($1, since, $2, kind) m
	), seller AS MATERIALIZED (
		SELECT m.creator_id, sum(m.impressions)::bigint AS impressions, sum(m.revenue) AS revenue, g.vertical, g.country, g.tier, g.followers, g.channels,
			   influence.engagement_agg(m.revenue::bigint, m.impressions, m.impressions)
					FILTER (WHERE influence_internal.is_observation(m.revenue::float8, m.impressions::float8)) AS state
		  FROM months m
		  JOIN influence.creator_score g ON g.creator_id = m.creator_id AND g.program_id = 0 AND g.scored_at = $2
		 GROUP BY m.creator_id, g.vertical, g.country, g.tier, g.followers, g.channels
	), prior AS (
		SELECT CASE WHEN grouping(s.vertical) = 1 THEN '' ELSE s.vertical END AS vertical, influence.engagement_prior(s.state) AS p
		  FROM seller s WHERE s.state IS NOT NULL
		 GROUP BY GROUPING SETS ((s.vertical), ())
		HAVING (grouping(s.vertical) = 1 OR s.vertical <> '') AND count(*) > 0
	), kept AS (
		INSERT INTO influence.influence_prior (fitted_at, program_id, vertical, mean, strength, within_variance, between_variance, creators, impressions, usable)
		SELECT $2, $1, r.vertical, r.p[1], r.p[2], r.p[3], r.p[4], r.p[5]::bigint, r.p[6]::bigint,
			   r.vertical = '' OR r.p[5] >= minimum AND r.p[2] IS NOT NULL
		  FROM prior r
		RETURNING *
	), shrunk AS MATERIALIZED (
		SELECT s.*, e.value, e.lower
		  FROM seller s
		  LEFT JOIN LATERAL (SELECT ARRAY[k.mean, k.strength, k.within_variance, k.between_variance, k.creators, k.impressions] AS p
							   FROM kept k WHERE k.usable AND k.vertical IN ('', s.vertical)
							  ORDER BY k.vertical <> '' DESC LIMIT 1) k ON true
		 CROSS JOIN LATERAL (SELECT CASE WHEN s.state IS NOT NULL AND k.p IS NOT NULL THEN
						1000 * influence.shrunk_rate(influence.engagement_posts(s.state), influence.engagement_mean(s.state), k.p) END AS value,
					CASE WHEN s.state IS NOT NULL AND k.p IS NOT NULL THEN
						1000 * (influence.shrunk_rate_bounds(influence.engagement_posts(s.state), influence.engagement_mean(s.state), k.p)).lower_bound END AS lower) e
	), baseline AS (
		INSERT INTO influence.score_baseline (fitted_at, metric, program_id, platform, vertical, tier, country, creators, quantiles)
		SELECT $2, 'influence', $1, '', CASE WHEN grouping(s.vertical) = 1 THEN '' ELSE s.vertical END, '',
			   CASE WHEN grouping(s.country) = 1 THEN '' ELSE s.country END, count(*),
			   percentile_cont(influence_internal.percentiles()) WITHIN GROUP (ORDER BY s.value)
		  FROM shrunk s WHERE s.value IS NOT NULL
		 GROUP BY GROUPING SETS ((s.vertical), (s.country), ())
		HAVING count(*) > 0 AND (grouping(s.vertical, s.country) = 3
			OR count(*) >= minimum AND (grouping(s.vertical) = 1 OR s.vertical <> '') AND (grouping(s.country) = 1 OR s.country <> ''))
		RETURNING *
	)
	INSERT INTO influence.creator_score (creator_id, program_id, scored_at, vertical, country, tier, followers, channels, impressions, impression_kind,
										 revenue, influence, influence_lower, influence_percentile)
	SELECT s.creator_id, $1, $2, s.vertical, s.country, s.tier, s.followers, s.channels, s.impressions, kind, s.revenue, s.value, s.lower,
		   influence_internal.percentile_in(s.value, b.quantiles)
	  FROM shrunk s
	  LEFT JOIN LATERAL (SELECT b.quantiles FROM baseline b WHERE b.country = '' AND b.vertical IN ('', s.vertical)
						  ORDER BY b.vertical <> '' DESC LIMIT 1) b ON true;
	GET DIAGNOSTICS scored = ROW_COUNT;
	RETURN scored;
END
$$;
COMMENT ON FUNCTION influence_internal.score_influence(bigint, timestamptz, int, int) IS
'Fits the priors of a program''s influence by vertical, stores the baselines and a row of creator_score for each creator with impressions or sales within so many times 24 hours before the run, and returns how many. influence = 1,000 x shrunk_rate(impressions, revenue / impressions, prior of the vertical, if it has at least minimum creators and a strength, else of all). Months without impressions count in revenue and impressions, not in the rate.';
