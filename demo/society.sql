/*
 * society.sql
 *
 * What happens between creators and shoppers, made up for either source once
 * the program has decided who is admitted: who posts what, who follows whom,
 * and the touches that led to (or had nothing to do with) each order. Real
 * touches between real creators and real customers are not public.
 */
ANALYZE demo.creator, demo.product, demo.orders, demo.line, demo.visitor;

-- Voices: admitted creators who post, a few much stronger than the rest. Size
-- helps, but a small creator can have the greater pull.
INSERT INTO demo.voice (creator_id, ref, rank, topic, topic_rank, topic_voices)
SELECT v.creator_id, v.ref, v.rank, v.topic, row_number() OVER (PARTITION BY v.topic ORDER BY v.rank), count(*) OVER (PARTITION BY v.topic)
  FROM (SELECT c.creator_id, c.ref, row_number() OVER (ORDER BY ln(1 + coalesce(f.followers, 0)) / 5 + 3 * demo.u('pull ' || c.ref) DESC, c.n) AS rank,
			   t.name AS topic
		  FROM demo.creator c
		  LEFT JOIN (SELECT h.creator_ref, max(m.followers) AS followers
					   FROM demo.channel h JOIN demo.metric m ON (m.platform, m.handle) = (h.platform, h.handle)
					  GROUP BY h.creator_ref) f ON f.creator_ref = c.ref
		 CROSS JOIN LATERAL (SELECT g.name FROM demo.category g
							  WHERE g.is_topic ORDER BY g.parent IS DISTINCT FROM c.vertical, demo.u(g.name || ' topic of ' || c.ref) LIMIT 1) t
		 WHERE c.application = 'admitted') v
  JOIN demo.plan p ON v.rank <= p.voices;

-- Posts with one to three tagged products
INSERT INTO demo.post (creator_id, post_ref, kind, topic, published_at, skus, place)
SELECT x.creator_id, 'p-' || x.place, x.kind, x.topic, x.at, x.skus, x.place
  FROM (SELECT v.creator_id, v.rank, v.topic, d.i, d.at, (ARRAY['photo', 'photo', 'video', 'story'])[1 + floor(4 * demo.u('kind ' || d.i))::int] AS kind,
			   row_number() OVER (PARTITION BY v.creator_id ORDER BY d.at, d.i) AS place, g.skus
		  FROM demo.plan p
		 CROSS JOIN (SELECT count(*) AS n FROM demo.voice) s
		 CROSS JOIN LATERAL (SELECT i, date_trunc('minute', p.posts_from + power(demo.u('posted ' || i), 1.3) * (p.posts_to - p.posts_from)) AS at
							   FROM generate_series(1, p.posts) i) d
		  JOIN demo.voice v ON v.rank = CASE WHEN d.i <= s.n THEN d.i ELSE demo.zipf(demo.u('author ' || d.i), s.n) END
		 CROSS JOIN LATERAL (SELECT array_agg(DISTINCT q.sku ORDER BY q.sku) AS skus
							   FROM (SELECT count(*) AS n FROM demo.product a WHERE a.category = v.topic) c
							  CROSS JOIN generate_series(1, 1 + floor(3 * demo.u('tags ' || d.i))::int) k
							   JOIN demo.product q ON q.category = v.topic AND q.popularity = demo.zipf(demo.u('tag ' || d.i || ' ' || k), c.n)) g
		 WHERE g.skus IS NOT NULL) x
 ORDER BY x.at, x.i;
CREATE UNIQUE INDEX ON demo.post (creator_id, place);
CREATE TEMP TABLE posted AS SELECT creator_id, count(*) AS posts, array_agg(published_at ORDER BY place) AS at FROM demo.post GROUP BY creator_id;

-- Interests: what somebody bought, filled up to five topics and more
CREATE TEMP TABLE taste AS
SELECT v.key, b.topic, b.weight, row_number() OVER (PARTITION BY v.key ORDER BY b.weight DESC, demo.u(b.topic || ' taste of ' || v.key)) AS place
  FROM demo.visitor v
 CROSS JOIN LATERAL (
		SELECT g.name AS topic, 1 + least(9, count(l.sku)) + 2 * coalesce((g.name = ANY (v.favourites))::int, 0) AS weight
		  FROM demo.category g
		  LEFT JOIN (demo.orders o JOIN demo.line l ON l.order_ref = o.order_ref JOIN demo.product p ON p.sku = l.sku)
				 ON o.buyer = v.key AND p.category = g.name
		 WHERE g.is_topic
		 GROUP BY g.name) b
 WHERE v.registered;
DELETE FROM taste WHERE place > 5 + floor(3 * demo.u('width ' || key));

-- Follows: mostly voices of topics one likes
INSERT INTO demo.follow (key, creator_id, since)
SELECT f.key, f.creator_id, p.posts_from + demo.u('since ' || f.key || f.creator_id) * interval '20 days'
  FROM demo.plan p
 CROSS JOIN (SELECT DISTINCT v.key, w.creator_id
			   FROM demo.visitor v
			  CROSS JOIN LATERAL generate_series(1, 1 + demo.zipf(demo.u('follows ' || v.key), 12)) k
			   JOIN taste t ON t.key = v.key AND t.place = demo.zipf(demo.u('follow topic ' || v.key || k), 5)
			   JOIN demo.voice w ON w.topic = t.topic AND w.topic_rank = demo.zipf(demo.u('follow whom ' || v.key || k), w.topic_voices)
			  WHERE v.registered) f
 ORDER BY f.key, f.creator_id;
INSERT INTO demo.follow (key, topic, since)
SELECT t.key, t.topic, p.posts_from FROM taste t, demo.plan p WHERE t.place = 2 AND demo.u('follows topic ' || t.key) < 0.2 ORDER BY t.key;

-- Touches before an order: none, too old, or one to six of them, most of them
-- by a voice of the topic that was bought
CREATE TEMP TABLE occasion AS
SELECT o.order_ref || '/' || k AS seed, o.buyer AS key, first.sku, first.topic,
	   date_trunc('second', o.ordered_at - CASE WHEN b.path < 0.10 THEN interval '31 days' + demo.u('old ' || o.order_ref || k) * interval '20 days'
											   ELSE exp(demo.u('lag ' || o.order_ref || k) * ln(2000)) * interval '10 minutes' END) AS at,
	   CASE WHEN k = 1 THEN own.creator_id END AS creator_id
  FROM demo.orders o
 CROSS JOIN LATERAL (SELECT demo.u('path ' || o.order_ref) AS path) b
 CROSS JOIN LATERAL (SELECT l.sku, p.category AS topic FROM demo.line l JOIN demo.product p ON p.sku = l.sku
					  WHERE l.order_ref = o.order_ref ORDER BY l.quantity * l.price DESC, l.line_no LIMIT 1) first
  LEFT JOIN LATERAL (SELECT w.creator_id FROM demo.creator c JOIN demo.voice w ON w.creator_id = c.creator_id WHERE c.own_key = o.buyer LIMIT 1) own ON true
 CROSS JOIN LATERAL generate_series(1, CASE WHEN b.path < 0.10 THEN 1 WHEN b.path < 0.22 THEN 0 ELSE 1 + floor(6 * power(demo.u('steps ' || o.order_ref), 1.7))::int END) k;
-- and touches that led to nothing
INSERT INTO occasion (seed, key, at, topic)
SELECT 'idle ' || i, v.key, date_trunc('second', p.posts_from + interval '1 day' + demo.u('idle at ' || i) * (p.posts_to - p.posts_from - interval '1 day')), t.topic
  FROM demo.plan p
 CROSS JOIN (SELECT array_agg(key ORDER BY n) AS keys, count(*) AS n FROM demo.visitor WHERE registered) s
 CROSS JOIN LATERAL generate_series(1, p.touches - (SELECT count(*) FROM occasion)::int) i
 CROSS JOIN LATERAL (SELECT s.keys[1 + floor(s.n * power(demo.u('idle who ' || i), 1.4))::int] AS key) v
  JOIN taste t ON t.key = v.key AND t.place = demo.zipf(demo.u('idle topic ' || i), 5);
ALTER TABLE occasion ADD topic_voices int;
UPDATE occasion o SET topic_voices = v.n FROM (SELECT topic, count(*) AS n FROM demo.voice GROUP BY topic) v WHERE v.topic = o.topic;
ANALYZE occasion;

INSERT INTO demo.touch (key, kind, creator_id, channel, touched_at, sku, post)
SELECT x.key, x.kind, CASE WHEN x.kind <> 'direct' THEN x.creator_id END, CASE WHEN x.kind = 'direct' THEN 'direct' END, x.at,
	   CASE WHEN x.kind = 'direct' THEN NULL WHEN x.sku IS NOT NULL AND (x.kind = 'cart' OR demo.u('shown ' || x.seed) < 0.5) THEN x.sku ELSE p.skus[1] END,
	   CASE WHEN x.kind IN ('view', 'click') THEN p.n END
  FROM (SELECT o.seed, o.key, o.at, o.sku, coalesce(o.creator_id, w.creator_id, any_voice.creator_id) AS creator_id,
			   CASE WHEN o.creator_id IS NOT NULL THEN 'click'
					WHEN o.sku IS NULL THEN CASE WHEN k.u < 0.92 THEN 'view' WHEN k.u < 0.99 THEN 'click' ELSE 'direct' END
					WHEN k.u < 0.45 THEN 'view' WHEN k.u < 0.87 THEN 'click' WHEN k.u < 0.94 THEN 'cart' ELSE 'direct' END AS kind
		  FROM occasion o
		 CROSS JOIN LATERAL (SELECT demo.u('touch ' || o.seed) AS u) k
		 CROSS JOIN (SELECT count(*) AS n FROM demo.voice) s
		  LEFT JOIN demo.voice w ON w.topic = o.topic AND w.topic_rank = demo.zipf(demo.u('voice ' || o.seed), o.topic_voices) AND demo.u('at home ' || o.seed) < 0.8
		  LEFT JOIN demo.voice any_voice ON any_voice.rank = demo.zipf(demo.u('any voice ' || o.seed), s.n)) x
  LEFT JOIN posted a ON a.creator_id = x.creator_id
  LEFT JOIN demo.post p ON p.creator_id = x.creator_id AND p.place = (SELECT count(*) FROM unnest(a.at) z(at) WHERE z.at <= x.at) - floor(demo.u('which post ' || x.seed) * 3)::int
 ORDER BY x.at, x.seed;

-- Reactions to posts that somebody clicked or saw, and a few blocks
INSERT INTO demo.reaction (key, post, kind, occurred_at)
SELECT t.key, t.post, CASE WHEN u.u < 0.15 THEN 'smile' WHEN u.u < 0.19 THEN 'save' WHEN u.u < 0.22 THEN 'share' ELSE 'click' END,
	   t.touched_at + make_interval(secs => 1 + floor(60 * demo.u('after ' || t.n))::int)
  FROM demo.touch t CROSS JOIN LATERAL (SELECT demo.u('react ' || t.n) AS u) u
 WHERE t.post IS NOT NULL AND u.u < 0.25
 ORDER BY t.n;
INSERT INTO demo.block (key, creator_id, direction)
SELECT f.key, f.creator_id, CASE WHEN demo.u('who blocks ' || f.key) < 0.8 THEN 'by_shopper' ELSE 'by_creator' END
  FROM (SELECT DISTINCT ON (key) key, creator_id FROM demo.follow WHERE creator_id IS NOT NULL ORDER BY key, demo.u('block ' || n)) f
 WHERE demo.u('blocks ' || f.key) < 0.05
 ORDER BY f.key;

UPDATE demo.visitor v SET interests = t.topics, weights = t.weights
  FROM (SELECT key, array_agg(topic ORDER BY place) AS topics, array_agg(weight::float8 ORDER BY place) AS weights FROM taste GROUP BY key) t
 WHERE t.key = v.key;
CREATE INDEX ON demo.line (order_ref);
ANALYZE demo.post, demo.follow, demo.touch, demo.reaction, demo.block, demo.visitor;
