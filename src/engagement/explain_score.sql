/*
 * explain_score.sql
 *
 * The numbers behind a creator's scores, one a row, in the order of the
 * calculation: observations, the prior and what it does to them, the baseline.
 */
CREATE FUNCTION influence_internal.explain_score(creator_id bigint, as_of timestamptz DEFAULT now())
RETURNS TABLE (subject text, step text, value numeric, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	run timestamptz;
	known_at timestamptz;
BEGIN
	PERFORM influence_internal.require_creator($1);
	PERFORM influence_internal.require_arguments('as_of', $2::text);
	run := influence_internal.score_run_at($2);
	SELECT r.recorded_at INTO known_at FROM influence.score_run r WHERE r.scored_at = run;
	IF run IS NULL THEN
		RETURN;
	END IF;
	RETURN QUERY
	SELECT 'creator', v.step, v.value::numeric, v.detail
	  FROM influence.creator_score s
	 CROSS JOIN LATERAL (VALUES
		(1, 'scored', NULL::float8, format('scored as of %s, recorded at %s', run, known_at)),
		(2, 'kind', s.channels, format('vertical "%s", country "%s", tier "%s", %s', s.vertical, s.country, s.tier, influence_internal.counted(s.channels, 'channel'))),
		(3, 'focus', s.focus, 'exp(-entropy) of the topics of the posts: 1 = one topic, 1/n = n topics alike'),
		(4, 'authenticity', s.authenticity, 'product over the signals of creator_signals() of the least part'),
		(5, 'relevance', s.relevance, 'share of the posts about topics of the catalogue')) v(place, step, value, detail)
	 WHERE s.creator_id = $1 AND s.program_id = 0 AND s.scored_at = run AND (v.value IS NOT NULL OR v.place = 1)
	 ORDER BY v.place;
	RETURN QUERY
	SELECT format('%s/%s', s.platform, h.handle), v.step, nullif(nullif(v.value, 'Infinity'), 'NaN')::numeric, v.detail
	  FROM influence.channel_score s
	  JOIN influence.channel h ON h.creator_id = s.creator_id AND h.channel_id = s.channel_id
	  JOIN influence.platform f ON f.platform = s.platform
	  LEFT JOIN influence.engagement_prior p ON p.fitted_at = run AND p.platform = s.platform AND p.vertical = s.prior_vertical AND p.tier = s.prior_tier
	  LEFT JOIN LATERAL influence_internal.baseline_of(run, 'engagement_shrunk', 0, s.platform, s.vertical, s.tier) b ON true
	 CROSS JOIN LATERAL (SELECT influence_internal.cell_name(s.platform, s.prior_vertical, s.prior_tier) AS prior,
								influence_internal.cell_name(s.platform, b.cell_vertical, b.cell_tier) AS baseline) c
	 CROSS JOIN LATERAL (VALUES
		(1, 'followers', s.followers::float8, format('tier "%s"', s.tier)),
		(2, 'posts', s.rate_posts::float8, format('posts that the rate rests on, of %s known', s.posts)),
		(3, 'rate', s.rate, format('interactions / %s, mean per post', f.engagement_basis)),
		(4, 'rate_median', s.rate_median, 'median of the posts'),
		(5, 'rate_trimmed', s.rate_trimmed, 'mean without the lowest and highest tenth'),
		(6, 'prior_mean', p.mean, format('of %s: %s, %s', c.prior, influence_internal.counted(p.creators, 'channel'), influence_internal.counted(p.posts, 'post'))),
		(7, 'prior_within', p.within_variance, 'variance of a post about its channel''s mean'),
		(8, 'prior_between', p.between_variance, 'variance of the channels'' means'),
		(9, 'prior_strength', p.strength, CASE WHEN p.strength = 'Infinity' THEN 'the channels of the cell do not differ: everybody has its mean'
			ELSE 'within / between: as many posts as the prior counts for' END),
		(10, 'rate_shrunk', s.rate_shrunk, '(posts x rate + strength x prior_mean) / (posts + strength)'),
		(11, 'rate_lower', s.rate_lower, '95 %: rate_shrunk - 1.96 x sqrt(within / (posts + strength)), at least 0'),
		(12, 'rate_upper', s.rate_upper, '95 %'),
		(13, 'baseline_median', b.quantiles[51], format('of %s: %s', c.baseline, influence_internal.counted(b.creators, 'channel'))),
		(14, 'percentile', s.percentile, format('of rate_shrunk among %s', c.baseline)),
		(15, 'growth', s.growth, 'of followers per 30 days, as a fraction'),
		(16, 'regularity', s.regularity, '1 / (1 + coefficient of variation of the time between posts)')) v(place, step, value, detail)
	 WHERE s.creator_id = $1 AND s.scored_at = run AND (v.value IS NOT NULL OR v.place = 9 AND p.platform IS NOT NULL)
	 ORDER BY s.platform, s.channel_id, v.place;
	RETURN QUERY
	SELECT format('program %s', s.program_id), v.step, nullif(v.value, 'Infinity')::numeric, v.detail
	  FROM influence.creator_score s
	  LEFT JOIN LATERAL (SELECT x.* FROM influence.influence_prior x
						  WHERE x.fitted_at = run AND x.program_id = s.program_id AND x.usable AND x.vertical IN ('', s.vertical)
						  ORDER BY x.vertical <> '' DESC LIMIT 1) p ON true
	 CROSS JOIN LATERAL (VALUES
		(1, 'impressions', s.impressions::float8, format('touches of kind %s', s.impression_kind)),
		(2, 'revenue', s.revenue::float8, 'credited less what came back, minor units'),
		(3, 'prior_mean', 1000 * p.mean, format('per 1,000 impressions, of %s: %s', CASE p.vertical WHEN '' THEN 'all' ELSE 'vertical ' || p.vertical END, influence_internal.counted(p.creators, 'creator'))),
		(4, 'prior_strength', p.strength, 'as many impressions as the prior counts for'),
		(5, 'influence', s.influence, 'per 1,000 impressions, shrunk toward prior_mean'),
		(6, 'influence_lower', s.influence_lower, '95 %'),
		(7, 'influence_percentile', s.influence_percentile, 'among the creators of the vertical')) v(place, step, value, detail)
	 WHERE s.creator_id = $1 AND s.program_id <> 0 AND s.scored_at = run AND v.value IS NOT NULL
	 ORDER BY s.program_id, v.place;
END
$$;
COMMENT ON FUNCTION influence_internal.explain_score(bigint, timestamptz) IS
'The numbers behind a creator''s scores in force at a moment, in the order of the calculation: of the creator, of each channel (platform/handle: posts, rate, the prior of which cell, its strength, the shrunk rate with bounds, the baseline and the percentile) and of each program in which it sells. value NULL = infinite. No rows before the first refresh_scores(). IN002, IN003.';

CREATE FUNCTION influence_internal.cell_name(platform text, vertical text, tier text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN platform || CASE WHEN vertical = '' THEN '' ELSE ' x ' || vertical END || CASE WHEN tier = '' THEN '' ELSE ' x ' || tier END;
COMMENT ON FUNCTION influence_internal.cell_name(text, text, text) IS 'platform x vertical x tier, without those that are ''''.';
