-- A rank that is refreshed, as Lemmy 0.18 does it: a table of posts' sums with hot_rank, active rank and scaled rank, an index for each way to list
-- them, and every ten minutes an UPDATE of all posts of the last week in batches of a thousand, since each rank depends on now(). n posts.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE SCHEMA lemmy;
CREATE FUNCTION lemmy.hot_rank(score numeric, published timestamptz) RETURNS int LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	hours_diff numeric := extract(epoch FROM lemmy.moment() - published) / 3600;
BEGIN
	IF hours_diff > 0 AND hours_diff < 24 * 7 THEN
		RETURN floor(10000 * log(greatest(1, score + 3)) / power(hours_diff + 2, 1.8))::int;
	END IF;
	RETURN 0;
END
$$;
-- what now() is: a refresh is ten minutes after the one before
CREATE FUNCTION lemmy.moment() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT current_setting('lemmy.moment')::timestamptz $$;
CREATE FUNCTION lemmy.scaled_rank(score numeric, published timestamptz, users_active numeric) RETURNS float8 LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	RETURN lemmy.hot_rank(score, published)::numeric / log(2 + users_active);
END
$$;
CREATE TABLE lemmy.post_aggregates (
	post_id bigint PRIMARY KEY, community_id bigint NOT NULL, creator_id bigint NOT NULL, comments bigint NOT NULL, score bigint NOT NULL, upvotes bigint NOT NULL, downvotes bigint NOT NULL,
	published timestamptz NOT NULL, newest_comment_time timestamptz NOT NULL, newest_comment_time_necro timestamptz NOT NULL,
	featured_community boolean NOT NULL, featured_local boolean NOT NULL, hot_rank int NOT NULL, hot_rank_active int NOT NULL, scaled_rank float8 NOT NULL, controversy_rank float8 NOT NULL);
SET lemmy.moment = '2026-03-31 12:00+00';
INSERT INTO lemmy.post_aggregates
SELECT post_id, topic_id, creator_id, n, n, n, 0, at, at + interval '1 hour', at + interval '1 hour', false, false, lemmy.hot_rank(n, at), lemmy.hot_rank(n, at + interval '1 hour'),
	   lemmy.scaled_rank(n, at, 1000), 0
  FROM (SELECT f.post_id, f.topic_id, f.creator_id, coalesce(r.events, 0) AS n, bench.moment() - interval '6 days' * ((:posts - f.post_id) / :n::float8) - interval '2 hours' AS at
		  FROM influence.feed_item f LEFT JOIN bench.rank r USING (post_id) WHERE f.post_id > :posts - :n) p;
CREATE INDEX ON lemmy.post_aggregates (published DESC);
CREATE INDEX ON lemmy.post_aggregates (newest_comment_time DESC);
CREATE INDEX ON lemmy.post_aggregates (featured_local DESC, hot_rank DESC, published DESC);
CREATE INDEX ON lemmy.post_aggregates (featured_community DESC, hot_rank DESC, published DESC);
CREATE INDEX ON lemmy.post_aggregates (featured_local DESC, hot_rank_active DESC, published DESC);
CREATE INDEX ON lemmy.post_aggregates (featured_community DESC, hot_rank_active DESC, published DESC);
CREATE INDEX ON lemmy.post_aggregates (featured_local DESC, scaled_rank DESC, published DESC);
CREATE INDEX ON lemmy.post_aggregates (featured_community DESC, scaled_rank DESC, published DESC);
CREATE INDEX ON lemmy.post_aggregates (featured_local DESC, score DESC, published DESC);
CREATE INDEX ON lemmy.post_aggregates (featured_community DESC, score DESC, published DESC);
CREATE INDEX ON lemmy.post_aggregates (featured_local DESC, comments DESC, published DESC);
CREATE INDEX ON lemmy.post_aggregates (community_id, featured_community DESC, hot_rank DESC, published DESC);
VACUUM ANALYZE lemmy.post_aggregates;
-- one refresh; what it returns is how many rows it wrote
CREATE FUNCTION lemmy.refresh() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	last timestamptz := '-infinity';
	next timestamptz;
	n bigint;
	total bigint := 0;
BEGIN
	LOOP
		WITH batch AS (
			SELECT a.post_id FROM lemmy.post_aggregates a
			 WHERE a.published > last AND (a.hot_rank <> 0 OR a.hot_rank_active <> 0 OR a.scaled_rank <> 0)
			 ORDER BY a.published LIMIT 1000 FOR UPDATE SKIP LOCKED
		), written AS (
			UPDATE lemmy.post_aggregates p
			   SET hot_rank = lemmy.hot_rank(p.score, p.published), hot_rank_active = lemmy.hot_rank(p.score, p.newest_comment_time_necro),
				   scaled_rank = lemmy.scaled_rank(p.score, p.published, 1000)
			  FROM batch b WHERE p.post_id = b.post_id RETURNING p.published)
		SELECT count(*), max(w.published) INTO n, next FROM written w;
		EXIT WHEN n = 0;
		total := total + n;
		last := next;
	END LOOP;
	RETURN total;
END
$$;
