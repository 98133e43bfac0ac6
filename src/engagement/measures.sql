/*
 * measures.sql
 *
 * What is known of channels at a moment, a row per channel: the observations of
 * its rate as one state of engagement_agg(), followers with their growth, how
 * regularly it posts. One statement for one creator and for all of them: every
 * table of facts begins with the creator in its key, so a range of creators is a
 * range of each, read in order.
 *
 * A channel is observed by its posts (latest measurement of each; weight 1), one
 * whose posts give no rate by its snapshots (weight: the posts that each sums up).
 */
-- Bodies that are parsed here and now, so that no search_path matters where they are inlined.
CREATE FUNCTION influence_internal.rate_interactions(interactions bigint, likes bigint, comments bigint, shares bigint, saves bigint)
RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(interactions::float8, likes::float8 + coalesce(comments, 0)::float8 + coalesce(shares, 0)::float8 + coalesce(saves, 0)::float8);
COMMENT ON FUNCTION influence_internal.rate_interactions(bigint, bigint, bigint, bigint, bigint) IS
'The interactions of an observation: as stated, else likes + comments + shares + saves, NULL when not even likes are known. As a float8, exact below 2^53, since the sum may leave bigint.';

CREATE FUNCTION influence_internal.rate_base(engagement_basis text, followers bigint, posts bigint, views bigint, reach bigint, impressions bigint)
RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE engagement_basis WHEN 'followers' THEN followers::float8 * posts::float8 WHEN 'views' THEN views::float8
							 WHEN 'reach' THEN reach::float8 ELSE impressions::float8 END;
COMMENT ON FUNCTION influence_internal.rate_base(text, bigint, bigint, bigint, bigint, bigint) IS
'What the interactions of so many posts are divided by, as the platform''s engagement_basis says: followers for each post, or the posts'' views, reach or impressions.';

CREATE FUNCTION influence_internal.is_observation(interactions float8, base float8)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN base > 0 AND base < 9e18 AND interactions < 9e18 AND interactions <= base * 1e6;
COMMENT ON FUNCTION influence_internal.is_observation(float8, float8) IS
'Whether interactions and base make a rate: base above 0, both in bigint, rate at most 1,000,000 (what is above was not counted, and would decide about everybody else''s prior).';

CREATE FUNCTION influence_internal.channel_measures(creator_ids bigint[], low bigint, high bigint, at timestamptz, known_at timestamptz, seen pg_snapshot)
RETURNS TABLE (creator_id bigint, channel_id bigint, platform text, verified boolean, country text, vertical text, tier text, followers bigint,
			   posts bigint, views_per_post numeric, rate float8, state bytea, single boolean, growth float8, regularity float8,
			   comments_per_like float8)
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
	WITH channels AS MATERIALIZED (
		SELECT c.creator_id, c.channel_id, c.platform, c.verified, p.engagement_basis
		  FROM influence_internal.channels_at($1, $4, $5, $6) c
		  JOIN influence.platform p ON p.platform = c.platform
	), measured AS (
		SELECT x.*, lead(x.post_ref) OVER (PARTITION BY x.creator_id, x.channel_id, x.post_ref ORDER BY x.measured_at) IS NULL AS latest
		  FROM influence.channel_post x
		 WHERE x.creator_id BETWEEN $2 AND $3 AND x.measured_at <= $4 AND influence_internal.was_known(x.received_at, x.xact, $5, $6)
	), by_posts AS (
		SELECT c.creator_id, c.channel_id, count(*) AS posts, avg(x.views) AS views_per_post,
			   influence.engagement_agg(o.interactions::bigint, o.base::bigint, 1) FILTER (WHERE influence_internal.is_observation(o.interactions, o.base)) AS state,
			   influence.posting_regularity(x.published_at) AS regularity,
			   sum(x.comments) FILTER (WHERE x.likes IS NOT NULL)::float8 / nullif(sum(x.likes) FILTER (WHERE x.comments IS NOT NULL), 0)::float8 AS comments_per_like
		  FROM channels c
		  JOIN measured x ON x.creator_id = c.creator_id AND x.channel_id = c.channel_id AND x.latest
		 CROSS JOIN LATERAL (SELECT influence_internal.rate_interactions(x.interactions, x.likes, x.comments, x.shares, x.saves) AS interactions,
									influence_internal.rate_base(c.engagement_basis, x.followers, 1, x.views, x.reach, x.impressions) AS base) o
		 GROUP BY c.creator_id, c.channel_id
	), snapshot AS (
		SELECT m.*, lead(m.posts) OVER (PARTITION BY m.creator_id, m.channel_id ORDER BY m.measured_at) IS NULL AS latest
		  FROM influence.channel_metric m
		 WHERE m.creator_id BETWEEN $2 AND $3 AND m.measured_at <= $4 AND influence_internal.was_known(m.received_at, m.xact, $5, $6)
	), by_snapshots AS (
		SELECT c.creator_id, c.channel_id, nullif(influence.growth_rate(m.measured_at, m.followers), 'Infinity') AS growth,
			   influence.engagement_agg(o.interactions::bigint, o.base::bigint, m.posts)
					FILTER (WHERE influence_internal.is_observation(o.interactions, o.base) AND m.posts <= 1000000000) AS state,
			   sum(m.comments) FILTER (WHERE m.likes IS NOT NULL)::float8 / nullif(sum(m.likes) FILTER (WHERE m.comments IS NOT NULL), 0)::float8 AS comments_per_like,
			   -- of the newest alone
			   max(m.followers) FILTER (WHERE m.latest) AS followers,
			   max(round(m.views::numeric / m.posts, 9)) FILTER (WHERE m.latest) AS views_per_post,
			   max(o.interactions / o.base) FILTER (WHERE m.latest AND influence_internal.is_observation(o.interactions, o.base)) AS rate
		  FROM channels c
		  JOIN snapshot m ON m.creator_id = c.creator_id AND m.channel_id = c.channel_id
		 CROSS JOIN LATERAL (SELECT influence_internal.rate_interactions(m.interactions, m.likes, m.comments, m.shares, m.saves) AS interactions,
									influence_internal.rate_base(c.engagement_basis, m.followers, m.posts, m.views, m.reach, m.impressions) AS base) o
		 GROUP BY c.creator_id, c.channel_id
	)
	SELECT c.creator_id, c.channel_id, c.platform, c.verified, coalesce(a.country, ''), a.vertical, coalesce(t.tier, ''), f.followers,
		   coalesce(p.posts, influence.engagement_posts(s.state), 0), coalesce(round(p.views_per_post, 9), s.views_per_post),
		   CASE WHEN p.state IS NULL THEN s.rate ELSE influence.engagement_mean(p.state) END,
		   coalesce(p.state, s.state), p.state IS NOT NULL, s.growth, p.regularity, coalesce(p.comments_per_like, s.comments_per_like)
	  FROM channels c
	  JOIN influence_internal.creator_at($1, $4, $5, $6) a ON a.creator_id = c.creator_id
	  LEFT JOIN by_posts p ON p.creator_id = c.creator_id AND p.channel_id = c.channel_id
	  LEFT JOIN by_snapshots s ON s.creator_id = c.creator_id AND s.channel_id = c.channel_id
	 CROSS JOIN LATERAL (SELECT coalesce(s.followers, influence_internal.stated_followers(c.creator_id, c.channel_id, $4, $5, $6)) AS followers) f
	  LEFT JOIN influence_internal.size_tiers_at($4, $5, $6) t
		ON t.platform = c.platform AND f.followers >= t.followers_from AND (f.followers < t.followers_below) IS NOT FALSE;
END
$$;
COMMENT ON FUNCTION influence_internal.channel_measures(bigint[], bigint, bigint, timestamptz, timestamptz, pg_snapshot) IS
'Channels of creators (NULL: of all; low and high: the least and the greatest of them) as they were at a moment by what was known: followers (newest snapshot that states them, else newest post), size tier, posts known (one by one, else those that the snapshots sum up), views per post and rate (mean over posts, else newest snapshot), state of engagement_agg() over posts (single) or snapshots, growth of followers per 30 days over the snapshots, regularity of posting, comments per like. Country, vertical and tier '''' = not known.';

CREATE FUNCTION influence_internal.stated_followers(creator_id bigint, channel_id bigint, at timestamptz, known_at timestamptz, seen pg_snapshot)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN coalesce(
		(SELECT m.followers FROM influence.channel_metric m
		  WHERE m.creator_id = $1 AND m.channel_id = $2 AND m.measured_at <= $3 AND m.followers IS NOT NULL
			AND influence_internal.was_known(m.received_at, m.xact, $4, $5)
		  ORDER BY m.measured_at DESC LIMIT 1),
		(SELECT x.followers FROM influence.channel_post x
		  WHERE x.creator_id = $1 AND x.channel_id = $2 AND x.measured_at <= $3 AND x.followers IS NOT NULL
			AND influence_internal.was_known(x.received_at, x.xact, $4, $5)
		  ORDER BY x.measured_at DESC, x.post_ref DESC LIMIT 1));
END
$$;
COMMENT ON FUNCTION influence_internal.stated_followers(bigint, bigint, timestamptz, timestamptz, pg_snapshot) IS
'The followers of a channel where the newest snapshot does not say: from the newest one that does, else from the newest measurement of a post.';
