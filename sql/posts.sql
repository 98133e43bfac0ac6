--
-- Posts with product tags, and what shoppers do: register, choose interests,
-- follow, block, react.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator('anna');
SELECT status FROM influence.create_program('Free', 'USD', demands_tag => false);
SELECT status FROM influence.register_creator('bert', 'Bert');		-- never applied
SELECT status FROM influence.create_category('all');
SELECT recorded FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 1}, {"sku": "rake", "title": "Rake", "category_id": 1}]');
SELECT bool_and(status = 'recorded') FROM unnest('{art,bikes,cats,dogs,eggs,food}'::text[]) t, influence.create_topic(t);

SELECT status FROM influence.publish_post(1, pg_temp.creator('anna'), 'p1', 'photo', '[{"product_id": 1, "x": 0.25, "y": 1}, {"product_id": 2}]', 'art', 'look', published_at => '2024-05-01', countries => '{DE,FR}');
SELECT status FROM influence.publish_post(1, pg_temp.creator('anna'), 'p1', 'photo', '[{"product_id": 1, "x": 0.25, "y": 1}, {"product_id": 2}]', 'art', 'look', published_at => '2024-05-01', countries => '{DE,FR}');
SELECT status FROM influence.publish_post(1, pg_temp.creator('anna'), 'p2', 'video', '[{"product_id": 2, "t_from_ms": 0, "t_to_ms": 1500}]', published_at => '2024-05-02', disclosure => 'paid', details => '{"duration_ms": 3000, "language": "de"}');
SELECT p.post_ref, p.kind, t.name AS topic, p.body, p.duration_ms, p.language, p.countries, p.disclosure, p.published_at
FROM influence.post p LEFT JOIN influence.topic t USING (topic_id) ORDER BY 1;
SELECT p.post_ref, g.tag_id, r.sku, g.x, g.y, g.t_from_ms, g.t_to_ms
FROM influence.post_tag g JOIN influence.post p USING (creator_id, post_id) JOIN influence.product r USING (product_id) ORDER BY 1, 2;
SELECT p.post_ref, s.since, s.status FROM influence.post_status s JOIN influence.post p USING (creator_id, post_id) ORDER BY 1, 2;
-- the same call from a session elsewhere is the same call
BEGIN;
SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT status FROM influence.publish_post(1, pg_temp.creator('anna'), 'p2', 'video', '[{"product_id": 2, "t_from_ms": 0, "t_to_ms": 1500}]', published_at => '2024-05-02 00:00+00', disclosure => 'paid', details => '{"duration_ms": 3000, "language": "de"}');
ROLLBACK;
SELECT * FROM pg_temp.not_refused('IN004',
	$$publish_post(1, 1, 'p1', 'video', '[{"product_id": 1, "x": 0.25, "y": 1}, {"product_id": 2}]', 'art', 'look', published_at => '2024-05-01', countries => '{DE,FR}')$$,
	$$publish_post(1, 1, 'p1', 'photo', '[{"product_id": 1, "x": 0.25, "y": 1}]', 'art', 'look', published_at => '2024-05-01', countries => '{DE,FR}')$$,
	$$publish_post(1, 1, 'p1', 'photo', '[{"product_id": 1, "x": 0.25, "y": 1}, {"product_id": 2}]', 'art', 'look', published_at => '2024-05-02', countries => '{DE,FR}')$$);
SELECT * FROM pg_temp.not_refused('IN005', $$publish_post(1, 1, 'x', 'photo')$$, $$publish_post(1, 1, 'x', 'photo', '[]')$$,
	$$publish_post(1, 2, 'x', 'photo', '[{"product_id": 1}]')$$, $$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1}]', published_at => '2020-01-01')$$,
	$$publish_post(2, 1, 'x', 'photo')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$publish_post(99, 1, 'x', 'photo', '[{"product_id": 1}]')$$, $$publish_post(NULL, 1, 'x', 'photo', '[{"product_id": 1}]')$$,
	$$publish_post(1, 99, 'x', 'photo', '[{"product_id": 1}]')$$, $$publish_post(1, NULL, 'x', 'photo', '[{"product_id": 1}]')$$, $$publish_post(1, 1, 'x', 'photo', '[{"product_id": 99}]')$$,
	$$publish_post(1, 1, 'x', 'photo', '[{"x": 0.5}]')$$, $$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1}]', 'no such topic')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$publish_post(1, 1, NULL, 'photo', '[{"product_id": 1}]')$$, $$publish_post(1, 1, '', 'photo', '[{"product_id": 1}]')$$,
	$$publish_post(1, 1, 'x', NULL, '[{"product_id": 1}]')$$, $$publish_post(1, 1, 'x', 'podcast', '[{"product_id": 1}]')$$, $$publish_post(1, 1, 'x', 'photo', NULL)$$,
	$$publish_post(1, 1, 'x', 'photo', '{}')$$, $$publish_post(1, 1, 'x', 'photo', '[1]')$$, $$publish_post(1, 1, 'x', 'photo', '[{"product": 1}]')$$,
	$$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1, "x": 1.01}]')$$, $$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1, "y": -0.01}]')$$, $$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1, "x": "NaN"}]')$$,
	$$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1, "t_from_ms": -1}]')$$, $$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1, "t_from_ms": 2, "t_to_ms": 1}]')$$,
	$$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1, "t_to_ms": -1}]')$$,
	$$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1}]', published_at => 'infinity')$$, $$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1}]', disclosure => NULL)$$,
	$$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1}]', disclosure => 'secret')$$, $$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1}]', details => NULL)$$,
	$$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1}]', details => '{"length": 3}')$$, $$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1}]', details => '{"duration_ms": -1}')$$);
SELECT count(*) AS posts, (SELECT count(*) FROM influence.post_tag) AS tags FROM influence.post;
SELECT status FROM influence.set_creator_status(pg_temp.creator('anna'), 'suspended', 'r', 'ops', '2024-06-01');
SELECT pg_temp.refused($$publish_post(1, 1, 'x', 'photo', '[{"product_id": 1}]', published_at => '2024-06-01')$$);
SELECT status FROM influence.publish_post(1, 1, 'p3', 'story', '[{"product_id": 1}]', published_at => '2024-05-31 23:59:59.999999');

-- Moderation: the latest row at a moment holds.
SELECT status FROM influence.set_post_status(1, 'removed', 'spam', 'ops', '2024-06-02');
SELECT status FROM influence.set_post_status(1, 'removed', 'spam', 'ops', '2024-06-02');
SELECT status FROM influence.set_post_status(1, 'published', 'appeal', 'ops', '2024-06-03');
SELECT since, s.status, reason FROM influence.post_status s WHERE post_id = 1 ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN004', $$set_post_status(1, 'pending', 'spam', 'ops', '2024-06-02')$$, $$set_post_status(1, 'removed', 'rude', 'ops', '2024-06-02')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_post_status(99, 'removed', 'r', 'ops')$$, $$set_post_status(NULL, 'removed', 'r', 'ops')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$set_post_status(1, NULL, 'r', 'ops')$$, $$set_post_status(1, 'hidden', 'r', 'ops')$$, $$set_post_status(1, 'removed', 'r', NULL)$$, $$set_post_status(1, 'removed', 'r', 'ops', NULL)$$,
	$$set_post_status(1, 'removed', 'r', 'ops', 'infinity')$$);

-- Shoppers.
SELECT status FROM influence.register_shopper(pg_temp.visitor(1), 'crm-1', 'DE', 'de');
SELECT status FROM influence.register_shopper(pg_temp.visitor(1), 'crm-1', 'DE', 'de');
SELECT status FROM influence.register_shopper(pg_temp.visitor(2));
SELECT * FROM pg_temp.not_refused('IN004', $$register_shopper(pg_temp.visitor(1), 'crm-1', 'FR', 'de')$$, $$register_shopper(pg_temp.visitor(1))$$, $$register_shopper(pg_temp.visitor(2), personalised => false)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$register_shopper(NULL)$$, $$register_shopper(pg_temp.visitor(3), personalised => NULL)$$, $$register_shopper(pg_temp.visitor(3), discoverable => NULL)$$,
	$$register_shopper(pg_temp.visitor(3), country => 'Germany')$$, $$register_shopper(pg_temp.visitor(3), country => '')$$);

SELECT status FROM influence.update_shopper(pg_temp.visitor(2), 'FR', personalised => false);
SELECT status FROM influence.update_shopper(pg_temp.visitor(2), 'FR', personalised => false);
SELECT country, language, personalised, discoverable FROM influence.shopper ORDER BY visitor_id;
SELECT * FROM pg_temp.not_refused('IN003', $$update_shopper(pg_temp.visitor(3))$$, $$update_shopper(NULL)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$update_shopper(pg_temp.visitor(2), 'France')$$);

SELECT * FROM influence.set_interests(pg_temp.visitor(1), '{art,bikes,cats,dogs,eggs}');
SELECT * FROM influence.set_interests(pg_temp.visitor(1), '{eggs,dogs,cats,bikes,art}');
SELECT * FROM influence.set_interests(pg_temp.visitor(1), '{art,bikes,cats,dogs,food}', '{1,1,2.5,1,0.5}');
SELECT t.name, i.weight FROM influence.interest i JOIN influence.topic t USING (topic_id) WHERE i.visitor_id = pg_temp.visitor(1) ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN005', $$set_interests(pg_temp.visitor(1), '{art,bikes,cats,dogs}')$$, $$set_interests(pg_temp.visitor(1), '{art,art,bikes,bikes,cats}')$$,
	$$set_interests(pg_temp.visitor(1), '{}')$$, $$set_interests(pg_temp.visitor(1), NULL)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_interests(pg_temp.visitor(3), '{art,bikes,cats,dogs,eggs}')$$, $$set_interests(NULL, '{art,bikes,cats,dogs,eggs}')$$,
	$$set_interests(pg_temp.visitor(1), '{art,bikes,cats,dogs,golf}')$$, $$set_interests(pg_temp.visitor(1), '{art,bikes,cats,dogs,NULL}')$$);
SELECT pg_temp.refused($$set_interests(pg_temp.visitor(1), '{art,"big bikes",cats,dogs,fogs}')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$set_interests(pg_temp.visitor(1), '{art,bikes,cats,dogs,eggs}', '{1,1,1,1}')$$, $$set_interests(pg_temp.visitor(1), '{art,bikes,cats,dogs,eggs}', '{1,1,1,1,0}')$$,
	$$set_interests(pg_temp.visitor(1), '{art,bikes,cats,dogs,eggs}', '{1,1,1,1,-1}')$$, $$set_interests(pg_temp.visitor(1), '{art,bikes,cats,dogs,eggs}', '{1,1,1,1,NaN}')$$,
	$$set_interests(pg_temp.visitor(1), '{art,bikes,cats,dogs,eggs}', '{1,1,1,1,Infinity}')$$, $$set_interests(pg_temp.visitor(1), '{art,bikes,cats,dogs,eggs}', '{1,1,1,1,NULL}')$$);

-- Follows are kept twice: by shopper and by creator.
SELECT status FROM influence.follow(pg_temp.visitor(1), pg_temp.creator('anna'), since => '2024-05-01');
SELECT status FROM influence.follow(pg_temp.visitor(1), pg_temp.creator('anna'));
SELECT status FROM influence.follow(pg_temp.visitor(1), topic => 'art');
SELECT status FROM influence.follow(pg_temp.visitor(2), pg_temp.creator('anna'));
SELECT status FROM influence.unfollow(pg_temp.visitor(2), pg_temp.creator('anna'));
SELECT status FROM influence.unfollow(pg_temp.visitor(2), pg_temp.creator('anna'));
SELECT f.visitor_id = pg_temp.visitor(1) AS first, f.target_kind, (SELECT since FROM influence.follower r WHERE r.creator_id = f.target_id AND r.visitor_id = f.visitor_id AND f.target_kind = 'creator') AS by_creator
FROM influence.follow f ORDER BY 2;
SELECT count(*) FROM influence.follower;
SELECT * FROM pg_temp.not_refused('IN003', $$follow(pg_temp.visitor(3), 1)$$, $$follow(NULL, 1)$$, $$follow(pg_temp.visitor(1), 99)$$, $$follow(pg_temp.visitor(1), topic => 'golf')$$, $$unfollow(pg_temp.visitor(3), 1)$$, $$unfollow(pg_temp.visitor(1), 99)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$follow(pg_temp.visitor(1))$$, $$follow(pg_temp.visitor(1), 1, 'art')$$, $$follow(pg_temp.visitor(1), 1, since => NULL)$$, $$follow(pg_temp.visitor(1), 2, since => 'infinity')$$, $$unfollow(pg_temp.visitor(1))$$);
-- Blocks.
SELECT status FROM influence.block(pg_temp.visitor(1), pg_temp.creator('bert'));
SELECT status FROM influence.block(pg_temp.visitor(1), pg_temp.creator('bert'));
SELECT status FROM influence.block(pg_temp.visitor(1), pg_temp.creator('bert'), 'by_creator');
SELECT status FROM influence.block(pg_temp.visitor(1), pg_temp.creator('bert'), blocked => false);
SELECT status FROM influence.block(pg_temp.visitor(1), pg_temp.creator('bert'), blocked => false);
SELECT direction FROM influence.block;
SELECT * FROM pg_temp.not_refused('IN002', $$block(NULL, 1)$$, $$block(pg_temp.visitor(1), 1, 'both')$$, $$block(pg_temp.visitor(1), 1, NULL)$$, $$block(pg_temp.visitor(1), 1, blocked => NULL)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$block(pg_temp.visitor(1), 99)$$, $$block(pg_temp.visitor(1), NULL)$$);

-- Reactions: a smile is a state, the others are events.
CREATE FUNCTION pg_temp.post(ref text) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT post_id FROM influence.post WHERE post_ref = ref $$;
SELECT * FROM influence.react(pg_temp.visitor(1), pg_temp.post('p1'), occurred_at => '2024-05-02 10:00');
SELECT * FROM influence.react(pg_temp.visitor(1), pg_temp.post('p1'), occurred_at => '2024-05-02 10:00');
SELECT * FROM influence.react(pg_temp.visitor(1), pg_temp.post('p1'), occurred_at => '2024-05-02 11:00');
SELECT * FROM influence.react(pg_temp.visitor(1), pg_temp.post('p1'), 'unsmile', occurred_at => '2024-05-02 12:00');
SELECT * FROM influence.react(pg_temp.visitor(1), pg_temp.post('p1'), 'unsmile', occurred_at => '2024-05-02 13:00');
SELECT * FROM influence.react(pg_temp.visitor(2), pg_temp.post('p1'), 'unsmile', occurred_at => '2024-05-02 13:00');
SELECT * FROM influence.react(pg_temp.visitor(1), pg_temp.post('p1'), 'share', 's1', '2024-05-02 10:00', 'feed');
SELECT * FROM influence.react(pg_temp.visitor(1), pg_temp.post('p1'), 'share', 's1', '2024-05-02 10:00', 'feed');
SELECT * FROM pg_temp.not_refused('IN004', $$react(pg_temp.visitor(1), pg_temp.post('p2'), 'share', 's1', '2024-05-02 10:00', 'feed')$$, $$react(pg_temp.visitor(1), pg_temp.post('p1'), 'save', 's1', '2024-05-02 10:00', 'feed')$$,
	$$react(pg_temp.visitor(1), pg_temp.post('p1'), 'share', 's1', '2024-05-02 10:00', 'mail')$$);
-- without a time the server sets it, once
SELECT status, occurred_at_recorded = now() AS at_now FROM influence.react(pg_temp.visitor(1), pg_temp.post('p1'), 'save', 's2');
SELECT status, occurred_at_recorded < now() AS at_first_call FROM influence.react(pg_temp.visitor(1), pg_temp.post('p1'), 'save', 's2');
SELECT * FROM pg_temp.not_refused('IN004', $$react(pg_temp.visitor(1), pg_temp.post('p2'), 'save', 's2')$$);
SELECT event_ref, expires - occurred_at AS kept FROM influence.event_key;
SELECT kind, count(*) FROM influence.engagement GROUP BY 1 ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN002', $$react(NULL, pg_temp.post('p1'))$$, $$react(pg_temp.visitor(1), pg_temp.post('p1'), NULL)$$, $$react(pg_temp.visitor(1), pg_temp.post('p1'), 'wink')$$,
	$$react(pg_temp.visitor(1), pg_temp.post('p1'), 'share', '')$$, $$react(pg_temp.visitor(1), pg_temp.post('p1'), occurred_at => 'infinity')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$react(pg_temp.visitor(1), 99)$$, $$react(pg_temp.visitor(1), NULL)$$);
-- what one visitor of a person follows, another one of it ends
SELECT count(*) FROM generate_series(61, 62) n, influence.register_shopper(pg_temp.visitor(n));
SELECT status FROM influence.follow(pg_temp.visitor(61), pg_temp.creator('anna'), since => '2024-05-01');
SELECT status FROM influence.identify(pg_temp.visitor(61), pg_temp.visitor(62));
SELECT status FROM influence.unfollow(pg_temp.visitor(62), pg_temp.creator('anna'));
SELECT (SELECT count(*) FROM influence.follow f WHERE f.visitor_id = pg_temp.visitor(61)) AS follows, (SELECT count(*) FROM influence.follower f WHERE f.visitor_id = pg_temp.visitor(61)) AS followers;
SELECT status FROM influence.unfollow(pg_temp.visitor(61), pg_temp.creator('anna'));
