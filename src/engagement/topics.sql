/*
 * topics.sql
 *
 * What creators' posts are about, and how much of it the catalogue is about.
 */
CREATE FUNCTION influence_internal.creator_topics(low bigint, high bigint, at timestamptz)
RETURNS TABLE (creator_id bigint, topic_id bigint, posts bigint)
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
	WITH post AS (
		SELECT x.creator_id, x.topic_id,
			   lead(x.post_ref) OVER (PARTITION BY x.creator_id, x.channel_id, x.post_ref ORDER BY x.measured_at) IS NULL AS latest
		  FROM influence.channel_post x
		 WHERE x.creator_id BETWEEN $1 AND $2 AND x.measured_at <= $3
	), channel AS (
		SELECT x.creator_id, x.topic_id, x.posts,
			   x.measured_at = max(x.measured_at) OVER (PARTITION BY x.creator_id, x.channel_id) AS latest
		  FROM influence.channel_topic x
		 WHERE x.creator_id BETWEEN $1 AND $2 AND x.measured_at <= $3
	), counted AS (
		SELECT 1 AS source, p.creator_id, p.topic_id, count(*) AS posts
		  FROM post p WHERE p.latest AND p.topic_id IS NOT NULL GROUP BY p.creator_id, p.topic_id
		UNION ALL
		SELECT 2, c.creator_id, c.topic_id, least(sum(c.posts), 1000000000000)::bigint
		  FROM channel c WHERE c.latest GROUP BY c.creator_id, c.topic_id
		UNION ALL
		SELECT 3, p.creator_id, p.topic_id, count(*)
		  FROM influence.post p
		 WHERE p.creator_id BETWEEN $1 AND $2 AND p.published_at <= $3 AND p.topic_id IS NOT NULL GROUP BY p.creator_id, p.topic_id
	), ranked AS (
		SELECT c.*, min(c.source) OVER (PARTITION BY c.creator_id) AS first FROM counted c
	)
	SELECT r.creator_id, r.topic_id, r.posts FROM ranked r WHERE r.source = r.first;
END
$$;
COMMENT ON FUNCTION influence_internal.creator_topics(bigint, bigint, timestamptz) IS
'How many posts of the creators with ids from low to high are about which topics at a moment: of the posts on their channels (latest measurement of each), for a creator without any the latest record_channel_topics() of each channel, else its posts in programs.';

CREATE FUNCTION influence_internal.catalogue_topics(at timestamptz)
RETURNS TABLE (topic_id bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT DISTINCT x.topic_id
	  FROM (SELECT DISTINCT ON (t.category_id, t.topic_id) t.category_id, t.topic_id, t.applies
			  FROM influence.category_topic t
			 WHERE t.valid_from <= $1
			 ORDER BY t.category_id, t.topic_id, t.valid_from DESC) x
	 WHERE x.applies
	   AND x.category_id IN (SELECT unnest(c.path) FROM influence.category c
							  WHERE c.category_id IN (SELECT p.category_id FROM influence.product p));
END
$$;
COMMENT ON FUNCTION influence_internal.catalogue_topics(timestamptz) IS
'What the catalogue is about at a moment: the topics of the categories that have products, in themselves or below.';
