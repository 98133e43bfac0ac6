--
-- explain_feed(): the same bits as get_feed, sources and places; the rule that
-- keeps a post away; the past as it was recorded.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{}');
SELECT pg_temp.new_program('Other', 'EUR', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator(c) FROM generate_series(1, 12) n, LATERAL (SELECT 'c' || n) t(c);
SELECT pg_temp.new_creator('me', pg_temp.visitor(1));
SELECT count(*) FROM generate_series(1, 5) c, influence.create_category('c' || c);
SELECT recorded FROM influence.add_products((SELECT jsonb_agg(jsonb_build_object('sku', 'p' || n, 'title', 'P', 'category_id', n % 5 + 1, 'price', 500 * n, 'currency', 'EUR', 'stock', n % 11, 'valid_from', '2024-01-01')) FROM generate_series(1, 20) n));
SELECT count(*) FROM unnest('{art,bikes,cats,dogs,eggs,food}'::text[]) t, influence.create_topic(t);
SELECT count(*) FROM generate_series(1, 3) v, influence.register_shopper(pg_temp.visitor(v), country => 'DE', language => 'de', personalised => v < 3);
SELECT status FROM influence.set_interests(pg_temp.visitor(1), '{art,bikes,cats,dogs,eggs}', '{5,4,3,2,1}');
SELECT count(*) FROM generate_series(1, 4) c, influence.follow(pg_temp.visitor(1), pg_temp.creator('c' || c));
-- 120 posts of the last ten days, some in another language, for other countries, with the same media
SELECT count(*) FROM generate_series(1, 120) n, influence.publish_post(1, pg_temp.creator('c' || 1 + n % 12), 'p' || n, 'photo', jsonb_build_array(jsonb_build_object('product_id', 1 + n % 20)),
	(ARRAY['art', 'bikes', 'cats', 'dogs', 'eggs', 'food', NULL])[1 + n % 7], media => CASE WHEN n % 15 = 0 THEN 'm.jpg' ELSE 'm' || n END, published_at => now() - n * interval '2 hours',
	countries => CASE WHEN n % 17 = 0 THEN '{FR}'::text[] END, details => CASE WHEN n % 13 = 0 THEN '{"language": "fr"}' ELSE '{}' END::jsonb) p;
SELECT count(*) FROM (VALUES (1, 'me', 'mine', 0), (2, 'c1', 'other', 0), (1, 'c9', 'future', 1), (1, 'c9', 'old', -100)) v(program, c, ref, days),
	influence.publish_post(program, pg_temp.creator(c), ref, 'photo', '[{"product_id": 1}]', published_at => now() + days * interval '1 day');
SELECT count(*) FROM generate_series(1, 40) n, influence.react(pg_temp.visitor(1 + n % 2), 3 * n, (ARRAY['smile', 'save', 'click'])[1 + n % 3], occurred_at => now() - n * interval '1 hour') r;
SELECT count(*) FROM influence.block(pg_temp.visitor(1), pg_temp.creator('c10')), influence.mute(pg_temp.visitor(1), topic => 'eggs'), influence.give_feedback(pg_temp.visitor(1), 'post', 1, 'hide') h,
	influence.give_feedback(pg_temp.visitor(1), 'creator', pg_temp.creator('c4'), 'see_less', occurred_at => now() - interval '50 days') l;
INSERT INTO influence.item_neighbor SELECT 1, 'post', n, ARRAY[n + 1], '{0.5}' FROM generate_series(3, 60, 3) n;
SELECT post_ranks > 0 AS ranked FROM influence.refresh_stats();

-- In one transaction, and so at one moment: every delivered row has the verdict, the place and the bits of the score that
-- explain_feed says, and the sources; the score is the sum of its parts, dampened.
BEGIN;
CREATE TEMP TABLE page AS SELECT v, f.* FROM generate_series(1, 3) v, influence.get_feed(1, pg_temp.visitor(v), 100) f;
CREATE TEMP TABLE told AS SELECT p.v, p.post_id, e.* FROM page p, influence.explain_feed(1, pg_temp.visitor(p.v), p.post_id) WITH ORDINALITY e(item, name, value, weight, contribution, detail, n);
SELECT count(*) > 100 AS rows, bool_and(p.score = t.value) AS the_same_bits FROM page p JOIN told t USING (v, post_id) WHERE t.item = 'score';
SELECT bool_and(t.name = 'eligible' AND t.detail = 'rank would be ' || p.rank) AS the_same_places FROM page p JOIN told t USING (v, post_id) WHERE t.item = 'verdict';
SELECT bool_and(p.sources = (SELECT array_agg(t.name ORDER BY t.n) FROM told t WHERE (t.v, t.post_id, t.item) = (p.v, p.post_id, 'source'))) AS the_same_sources, array_agg(DISTINCT split_part(s, ':', 1)) AS sources FROM page p, unnest(p.sources) s;
SELECT count(*) = count(*) FILTER (WHERE abs(score - sum * dampening) < 1e-9) AS they_add_up, count(*) FILTER (WHERE dampening < 1) > 0 AS some_dampened, min(features) AS features
  FROM (SELECT max(value) FILTER (WHERE item = 'score') AS score, sum(contribution) AS sum, max(value) FILTER (WHERE item = 'dampening') AS dampening, count(*) FILTER (WHERE item = 'feature') AS features FROM told GROUP BY v, post_id) x;
SELECT count(*) AS wrong_products FROM told WHERE contribution IS DISTINCT FROM value * weight;
-- every post that is not delivered has a reason; the reasons of viewer 1, some of them counted by hand: 17, 34, ... for France (7 of
-- 120); its own; blocked c10: n = 9, 21, ... (10)
CREATE TEMP TABLE why AS SELECT p.post_id, p.post_ref, e.name, e.detail FROM influence.post p, influence.explain_feed(1, pg_temp.visitor(1), p.post_id) e WHERE e.item = 'verdict';
CREATE TEMP TABLE whole AS SELECT f.post_id, f.rank FROM influence.get_feed(1, pg_temp.visitor(1), 100) f;
SELECT count(*) AS posts, count(*) FILTER (WHERE name = 'eligible') = (SELECT count(*) FROM whole) AS eligible_are_delivered FROM why;
SELECT name, count(*) FROM why WHERE name IN ('blocked', 'own', 'not_here', 'not_yet', 'hidden') GROUP BY 1 ORDER BY 1;
SELECT w.name, bool_and(CASE w.name WHEN 'country' THEN n % 17 = 0 WHEN 'language' THEN n % 13 = 0 WHEN 'muted' THEN n % 7 = 4 WHEN 'product' THEN (1 + n % 20) IN (11) WHEN 'duplicate' THEN n % 15 = 0 END) AS rightly
  FROM why w, LATERAL (SELECT substr(post_ref, 2)::int) t(n) WHERE post_ref ~ '^p\d' AND name IN ('country', 'language', 'muted', 'product', 'duplicate') GROUP BY 1 ORDER BY 1;
SELECT post_ref, name, detail FROM why WHERE post_ref IN ('old', 'mine', 'future', 'other') ORDER BY 1;
SELECT item, name, detail FROM influence.explain_feed(1, pg_temp.visitor(1), (SELECT post_id FROM why WHERE post_ref = 'old')) WHERE item IN ('verdict', 'source');
SELECT item, name, value, detail FROM influence.explain_feed(1, pg_temp.visitor(1), 999);
SELECT item, name, detail FROM influence.explain_feed(1, pg_temp.visitor(1), 20, intent => 'buy') WHERE item IN ('verdict', 'source');
COMMIT;

-- The past: what was recorded, to the bit; without it, nothing is made up.
SELECT * FROM influence.explain_feed(1, pg_temp.visitor(1), 5, now() - interval '2 minutes');
SELECT f.impression AS token, f.post_id AS post, f.score AS score FROM influence.get_feed(1, pg_temp.visitor(1), 1) f \gset
SELECT status, recorded FROM influence.record_impressions(pg_temp.visitor(1), jsonb_build_array(jsonb_build_object('impression', :'token', 'shown_at', now() - interval '1 hour', 'seen', false)));
WITH e AS (SELECT * FROM influence.explain_feed(1, pg_temp.visitor(1), :post, now() - interval '30 minutes'))
SELECT (SELECT value FROM e WHERE item = 'score') = :'score' AS the_same_bits, (SELECT name FROM e WHERE item = 'verdict') AS verdict, count(*) FILTER (WHERE item = 'feature') AS features,
	abs(sum(contribution) * max(value) FILTER (WHERE item = 'dampening') - :'score') < 1e-9 AS adds_up
FROM e;
SELECT count(*) AS not_yet FROM influence.explain_feed(1, pg_temp.visitor(1), :post, now() - interval '61 minutes') WHERE name = 'not_replayable';

SELECT * FROM pg_temp.not_refused('IN002', $$explain_feed(1, NULL, 1)$$, $$explain_feed(1, pg_temp.visitor(1), NULL)$$, $$explain_feed(1, pg_temp.visitor(1), 1, NULL)$$, $$explain_feed(1, pg_temp.visitor(1), 1, 'infinity')$$,
	$$explain_feed(1, pg_temp.visitor(1), 1, intent => 'stroll')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$explain_feed(99, pg_temp.visitor(1), 1)$$);
