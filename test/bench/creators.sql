-- The posts that test/bench/creators.py scores: n of n / 10 creators, in a table with the columns of influence.channel_post, with the
-- creator's vertical and size tier. All chance is a hash of the row's number. A post falls to a creator by the square of a uniform number, so
-- that the busiest have hundreds of posts and many have two or three.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE TABLE post (
	creator_id bigint NOT NULL, channel_id bigint NOT NULL, vertical text NOT NULL, tier text NOT NULL, post_ref text NOT NULL,
	measured_at timestamptz NOT NULL, published_at timestamptz NOT NULL, topic_id bigint, followers bigint, views bigint, likes bigint,
	comments bigint, shares bigint, saves bigint, interactions bigint, reach bigint, impressions bigint, received_at timestamptz NOT NULL);
INSERT INTO post (creator_id, channel_id, vertical, tier, post_ref, measured_at, published_at, topic_id, followers, views, likes, comments, shares, received_at)
SELECT c, c, 'v' || h % 20, (ARRAY['nano', 'micro', 'mid', 'macro', 'mega'])[1 + (h / 20) % 5], 'p' || i, '2026-03-28', timestamptz '2026-01-01' + i * interval '7 seconds',
	   h % 50, f, (f * (0.1 + v))::bigint, (f * r * (0.2 + v))::bigint, (f * r * (0.2 + v) / 20)::bigint, (f * r * (0.2 + v) / 50)::bigint, '2026-03-28'
  FROM (SELECT i, c, hashint8(c * 7 + 1)::bigint & 2147483647 AS h, (hashint8(i * 13 + 5)::bigint & 65535) / 65536.0 AS v,
			   (hashint8(c * 11 + 3)::bigint & 65535) / 65536.0 * 0.1 AS r, 100 + (hashint8(c * 3)::bigint & 2097151) AS f
		  FROM (SELECT i, 1 + floor(:n / 10 * power(((hashint8(i)::bigint & 16777215) + 0.5) / 16777216, 2))::bigint AS c
				  FROM generate_series(1::bigint, :n) AS i) AS a) AS b;
VACUUM ANALYZE post;
