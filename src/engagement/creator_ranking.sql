/*
 * creator_ranking.sql
 *
 * Who is a reference in a field: creators by one metric within a vertical,
 * country, size and platform, with reach, engagement and influence side by side.
 */
CREATE FUNCTION influence_internal.ranking_metrics()
RETURNS TABLE (metric text, meaning text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	VALUES ('influence', 'attributed, return-adjusted revenue per 1,000 impressions, shrunk, in minor units of the program''s currency'),
		   ('influence_lower', 'its lower bound'),
		   ('engagement', 'shrunk rate of the channel with the best percentile'),
		   ('engagement_lower', 'its lower bound'),
		   ('followers', 'followers of the largest channel'),
		   ('focus', 'how few topics the posts are about'),
		   ('authenticity', 'how little speaks for a bought audience'),
		   ('relevance', 'share of posts about topics of the catalogue')
$$;
COMMENT ON FUNCTION influence_internal.ranking_metrics() IS 'The metrics that creator_ranking() ranks by.';

CREATE FUNCTION influence_internal.ranking_program(program_id bigint, run timestamptz, needed boolean)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	programs bigint[];
BEGIN
	IF $1 IS NOT NULL THEN
		PERFORM influence_internal.program_facts($1);
		RETURN $1;
	END IF;
	SELECT r.programs INTO programs FROM influence.score_run r WHERE r.scored_at = $2;
	IF needed AND cardinality(programs) > 1 THEN
		PERFORM influence_internal.raise_invalid('influence is of a program', format('Programs with sales: %s.', array_to_string(programs, ', ')),
			'Give program_id; amounts of two programs cannot be compared.');
	END IF;
	RETURN CASE WHEN cardinality(programs) = 1 THEN programs[1] END;
END
$$;
COMMENT ON FUNCTION influence_internal.ranking_program(bigint, timestamptz, boolean) IS
'The program whose influence is meant: the one given, else the only one that a run has (NULL when there is none, or several and it is not needed; IN002 when it is).';

CREATE FUNCTION influence_internal.require_vertical(vertical text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known text;
BEGIN
	IF $1 IS NULL OR EXISTS (SELECT FROM influence.creator c WHERE c.vertical = $1) OR EXISTS (SELECT FROM influence.creator_profile p WHERE p.vertical = $1) THEN
		RETURN;
	END IF;
	SELECT string_agg(v.vertical, ', ' ORDER BY v.creators DESC, v.vertical) INTO known
	  FROM (SELECT n.vertical, count(*) AS creators FROM influence.creator_now n WHERE n.vertical <> '' GROUP BY n.vertical ORDER BY 2 DESC, 1 LIMIT 30) v;
	PERFORM influence_internal.raise_unknown('vertical', $1, coalesce('Those of the most creators are: ' || known || '.',
		'No creator has one: influence.register_creator(creator_ref, name, vertical => ...) and influence.update_creator() say it.'));
END
$$;
COMMENT ON FUNCTION influence_internal.require_vertical(text) IS 'Raises IN003, with the verticals of the most creators, for one that no creator ever had; NULL passes.';

CREATE FUNCTION influence_internal.creator_ranking(vertical text DEFAULT '', country text DEFAULT '', metric text DEFAULT 'influence',
	as_of timestamptz DEFAULT now(), program_id bigint DEFAULT NULL, tier text DEFAULT '', platform text DEFAULT '', page_size int DEFAULT 50,
	after_rank bigint DEFAULT 0)
RETURNS TABLE (rank bigint, creator_id bigint, name text, creator_vertical text, creator_country text, creator_tier text, followers bigint, value float8,
			   percentile float8, engagement_shrunk float8, engagement_lower float8, influence float8, focus float8)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- how many rows functions bring is not known to the planner: a nested loop over 100,000 creators takes hours;
-- one that cannot be avoided looks dear enough to be compiled
SET jit = off
SET enable_nestloop = off
-- each vertical has its own share of the rows
SET plan_cache_mode = force_custom_plan
SET enable_seqscan = on
AS $$
#variable_conflict use_column
DECLARE
	run timestamptz;
	program bigint;
BEGIN
	PERFORM influence_internal.require_arguments('vertical', $1, 'country', $2, 'metric', $3, 'as_of', $4::text, 'tier', $6, 'platform', $7,
		'page_size', $8::text, 'after_rank', $9::text);
	IF NOT EXISTS (SELECT FROM influence_internal.ranking_metrics() m WHERE m.metric = $3) THEN
		PERFORM influence_internal.raise_invalid(format('metric "%s" is not known', $3), NULL,
			(SELECT 'Use ' || string_agg(m.metric, ', ' ORDER BY m.metric) || '.' FROM influence_internal.ranking_metrics() m));
	ELSIF $8 NOT BETWEEN 1 AND 1000 THEN
		PERFORM influence_internal.raise_invalid('page_size is not between 1 and 1000', format('Value: %s.', $8), 'Ask for the next page with after_rank.');
	ELSIF $9 < 0 THEN
		PERFORM influence_internal.raise_invalid('after_rank is negative', format('Value: %s.', $9), 'Give the last rank of the page before, or 0.');
	ELSIF $6 <> '' AND NOT EXISTS (SELECT FROM influence.size_tier t WHERE t.tier = $6) THEN
		PERFORM influence_internal.raise_unknown('size tier', $6, (SELECT 'Use ' || string_agg(DISTINCT t.tier, ', ') || '.' FROM influence.size_tier t));
	ELSIF $7 <> '' AND NOT EXISTS (SELECT FROM influence.platform p WHERE p.platform = $7) THEN
		PERFORM influence_internal.raise_unknown('platform', $7, 'See the table influence.platform.');
	END IF;
	PERFORM influence_internal.require_country('country', nullif($2, ''));
	run := influence_internal.score_run_at($4);
	program := influence_internal.ranking_program($5, run, $3 IN ('influence', 'influence_lower'));
	RETURN QUERY
	WITH channel AS MATERIALIZED (
		-- on a platform: its best channel there, by the percentile that tells across sizes
		SELECT DISTINCT ON (c.creator_id) c.creator_id, c.tier, c.followers, c.rate_shrunk, c.rate_lower, c.percentile
		  FROM influence.channel_score c
		 WHERE $7 <> '' AND c.scored_at = run AND c.platform = $7
		 ORDER BY c.creator_id, c.percentile DESC NULLS LAST, c.followers DESC NULLS LAST, c.channel_id
	), creator AS (
		SELECT s.creator_id, s.vertical, s.country, s.focus, s.authenticity, s.relevance,
			   CASE WHEN $7 = '' THEN s.tier ELSE c.tier END AS tier, CASE WHEN $7 = '' THEN s.followers ELSE c.followers END AS followers,
			   CASE WHEN $7 = '' THEN s.rate_shrunk ELSE c.rate_shrunk END AS rate_shrunk,
			   CASE WHEN $7 = '' THEN s.rate_lower ELSE c.rate_lower END AS rate_lower,
			   CASE WHEN $7 = '' THEN s.rate_percentile ELSE c.percentile END AS rate_percentile,
			   i.influence, i.influence_lower, i.influence_percentile
		  FROM influence.creator_score s
		  LEFT JOIN channel c ON c.creator_id = s.creator_id
		  LEFT JOIN (SELECT p.* FROM influence.creator_score p WHERE p.program_id = program AND p.scored_at = run) i ON i.creator_id = s.creator_id
		 WHERE s.program_id = 0 AND s.scored_at = run AND $1 IN ('', s.vertical) AND $2 IN ('', s.country)
		   AND ($7 = '' OR c.creator_id IS NOT NULL)
	), valued AS (
		SELECT c.*, CASE $3 WHEN 'influence' THEN c.influence WHEN 'influence_lower' THEN c.influence_lower WHEN 'engagement' THEN c.rate_shrunk
							WHEN 'engagement_lower' THEN c.rate_lower WHEN 'followers' THEN c.followers WHEN 'focus' THEN c.focus
							WHEN 'authenticity' THEN c.authenticity ELSE c.relevance END AS value
		  FROM creator c WHERE $6 IN ('', c.tier)
	), page AS (
		SELECT v.* FROM valued v WHERE v.value IS NOT NULL ORDER BY v.value DESC, v.creator_id LIMIT $8 OFFSET $9
	)
	SELECT $9 + row_number() OVER (ORDER BY p.value DESC, p.creator_id), p.creator_id, k.name, p.vertical, p.country, p.tier, p.followers, p.value,
		   CASE WHEN $3 IN ('influence', 'influence_lower') THEN p.influence_percentile
				WHEN $3 IN ('engagement', 'engagement_lower') THEN p.rate_percentile
				WHEN $3 = 'followers' THEN (SELECT influence_internal.percentile_in(p.followers, b.quantiles)
					  FROM influence.channel_score c
					 CROSS JOIN LATERAL influence_internal.baseline_of(run, 'followers', 0, c.platform, p.vertical, '') b
					 WHERE c.creator_id = p.creator_id AND c.scored_at = run AND c.followers = p.followers AND $7 IN ('', c.platform)
					 ORDER BY c.channel_id LIMIT 1)
				WHEN $3 = 'focus' THEN (SELECT influence_internal.percentile_in(p.focus, b.quantiles)
					  FROM influence_internal.baseline_of(run, 'focus', 0, '', p.vertical, '') b) END,
		   p.rate_shrunk, p.rate_lower, p.influence, p.focus
	  FROM page p
	  JOIN influence.creator k ON k.creator_id = p.creator_id
	 ORDER BY 1;
	IF NOT FOUND THEN
		PERFORM influence_internal.require_vertical(nullif($1, ''));
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.creator_ranking(text, text, text, timestamptz, bigint, text, text, int, bigint) IS
'Creators by a metric, the greatest first, by the scores in force at a moment: of a vertical, country, size tier and platform ('''' = any). metric: influence, influence_lower (of program_id; NULL: the only program with sales), engagement, engagement_lower, followers, focus, authenticity, relevance. Beside the value stand its percentile among the creator''s own kind (engagement: platform, vertical and tier; influence and focus: vertical; followers: platform; NULL for the others), reach, engagement and influence. With a platform, tier, followers and engagement are those of the creator''s best channel there. Creators whose value is not known are left out; ties by creator_id. Pages: page_size rows (1 to 1000) after rank after_rank. IN002, IN003 no such program, platform or size tier, or a vertical that no creator ever had.';
