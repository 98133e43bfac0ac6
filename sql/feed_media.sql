--
-- Formats, sounds and devices in the feed: what a viewer engaged with lately,
-- what everybody does, and what those do who hold the same device. Numbers by
-- hand.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo,dora,eve,fay}'::text[]) c;
SELECT category_id FROM influence.create_category('all');
SELECT recorded FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 1, "price": 1000, "currency": "EUR", "stock": 5, "valid_from": "2024-01-01"}]');
SELECT count(*) FROM generate_series(1, 3) v, influence.register_shopper(pg_temp.visitor(v), personalised => v <> 3);
-- one post of each creator, of one moment, in all formats but one; bert's and cleo's have the same sound
SELECT c, p.status FROM (VALUES ('anna', 'photo', '{}'), ('bert', 'video', '{"duration_ms": 60000, "sound": "song"}'), ('cleo', 'video', '{"duration_ms": 60001, "sound": "song"}'),
		('dora', 'story', '{"expires_at": "2025-01-01"}'), ('eve', 'live', '{"sound": ""}'), ('fay', 'video', '{"sound": "other song"}')) v(c, kind, details),
	influence.publish_post(1, pg_temp.creator(c), c, v.kind, '[{"product_id": 1}]', published_at => '2024-05-30', details => v.details::jsonb) p;
SELECT p.post_ref, i.format, i.sound_key IS NOT NULL AS sounds, count(*) OVER (PARTITION BY i.sound_key) AS of_this_sound FROM influence.feed_item i JOIN influence.post p USING (post_id) ORDER BY 1;

INSERT INTO influence.setting (name, version, value) SELECT 'feed_candidates', 2, value || '{"explore": 0, "trending": 0}' FROM influence.setting WHERE name = 'feed_candidates';
INSERT INTO influence.setting (name, version, value) VALUES ('feed_shrinkage', 2, '{"impressions": 1000, "drift": 0.05, "formats": 20}'), ('feed_history_half', 2, '1');
SELECT status FROM influence.create_feed_profile('plain', '{"format": 1, "sound": 1}');
SELECT status FROM influence.assign_feed_profile(1, 'plain', valid_from => '2024-01-01');
CREATE FUNCTION pg_temp.post(ref text) RETURNS bigint LANGUAGE sql AS $$ SELECT post_id FROM influence.post WHERE post_ref = ref $$;
CREATE FUNCTION pg_temp.feed(v int, device text DEFAULT NULL, at timestamptz DEFAULT '2024-06-01') RETURNS TABLE (rank int, post text, score numeric) LANGUAGE sql AS $$
	SELECT f.rank, p.post_ref, round(f.score::numeric, 6) FROM influence.get_feed(1, pg_temp.visitor(v), 100, as_of => at, device => device) f JOIN influence.post p USING (post_id) ORDER BY f.rank $$;

-- Sound: visitor 1 saved bert's post, 4: log2(1 + 4) for both of its sound. What others do is not known: nothing of formats.
SELECT status FROM influence.react(pg_temp.visitor(1), pg_temp.post('bert'), 'save', occurred_at => '2024-05-31 12:00', device => 'tv');
SELECT * FROM pg_temp.feed(1);
-- before that, for others, and for who wants no personal feed: the newest post first, as ever
SELECT status FROM influence.react(pg_temp.visitor(3), pg_temp.post('bert'), 'save', occurred_at => '2023-01-01', device => 'tv');
SELECT string_agg(post, ' ' ORDER BY rank) AS posts, min(score), max(score) FROM unnest('{1,2,3,9}'::int[]) v, pg_temp.feed(v, at => CASE v WHEN 1 THEN '2024-05-31' ELSE '2024-06-01' END::timestamptz) GROUP BY v ORDER BY v;

-- What everybody does: 32 smiles for the photo and 8 for the long video on the web, 12 for the short one and 8 for the story on ios; visitor 1's 4 on
-- its tv, where another took its smile back. Of 64: a half, a quarter, an eighth each. With 20 of everybody: ios (0 + 10) / 40, (12 + 5) / 40,
-- 2.5 / 40, (8 + 2.5) / 40; web (32 + 10) / 60, 5 / 60, (8 + 2.5) / 60, 2.5 / 60; the tv has too few. A save of last year is too old.
SELECT count(*) FROM (VALUES ('anna', 32, 'web'), ('bert', 12, 'ios'), ('cleo', 8, 'web'), ('dora', 8, 'ios')) v(c, n, device), generate_series(101, 100 + n) g,
	influence.react(pg_temp.visitor(g), pg_temp.post(c), occurred_at => '2024-05-31', device => v.device);
SELECT count(*) FROM unnest('{smile,unsmile}'::text[]) WITH ORDINALITY k(kind, n), influence.react(pg_temp.visitor(90), pg_temp.post('anna'), k.kind, occurred_at => '2024-05-31'::timestamptz + n * interval '1 hour', device => 'tv');
SELECT influence_internal.refresh_feed_formats('2024-06-01');
SELECT device, (SELECT array_agg(round(s::numeric, 6) ORDER BY n) FROM unnest(shares) WITH ORDINALITY u(s, n)) AS shares FROM influence.feed_format ORDER BY 1;
-- what moved by less than a twentieth is left as it is: one more smile for the photo, then 10
SELECT status FROM influence.react(pg_temp.visitor(99), pg_temp.post('anna'), occurred_at => '2024-05-31', device => 'web');
SELECT influence_internal.refresh_feed_formats('2024-06-01');
BEGIN;
SELECT count(*) FROM generate_series(201, 210) g, influence.react(pg_temp.visitor(g), pg_temp.post('anna'), occurred_at => '2024-05-31', device => 'web');
SELECT influence_internal.refresh_feed_formats('2024-06-01') > 0 AS written;
SELECT round(shares[1]::numeric, 6) AS photos, round(43 / 75.0, 6) AS by_hand FROM influence.feed_format WHERE device = '';
-- of a device that nobody has any more there is no row; everybody's stay
SELECT count(*) FROM influence.engagement e WHERE e.device = 'ios' AND e.occurred_at = '2024-05-31';
UPDATE influence.engagement SET device = 'phone' WHERE device = 'ios';
SELECT influence_internal.refresh_feed_formats('2024-06-01') > 0 AS written;
SELECT array_agg(device ORDER BY device) FROM influence.feed_format;
-- nor of anybody where nobody did anything for 30 days: the rows go, and the feed has nothing to say of formats
SELECT influence_internal.refresh_feed_formats('2020-01-01');
SELECT count(*) FROM influence.feed_format;
SELECT min(score), max(score) FROM pg_temp.feed(9, 'ios');
ROLLBACK;

-- Visitor 1: 4 of 4 on short videos, 16 more as everybody: short (4 + 4) / 20 over 1/4 = 1.6, log2 is 0.678072; photo (8 / 20) over 1/2 = 0.8, -0.321928;
-- long and story likewise; of live and videos of unknown length nobody knows. With the sound: bert 3, cleo 2.
SELECT * FROM pg_temp.feed(1);
-- who did nothing and does not say what it holds: nothing; with ios log2 of ios over everybody: photo 1/2, short 1.7, long 1/2, story 2.1
SELECT min(score), max(score) FROM unnest('{2,3,9}'::int[]) v, pg_temp.feed(v);
SELECT * FROM pg_temp.feed(9, 'ios');
SELECT v, count(*) FILTER (WHERE f.score = g.score AND f.rank = g.rank) FROM unnest('{2,3}'::int[]) v, pg_temp.feed(9, 'ios') g JOIN LATERAL pg_temp.feed(v, 'ios') f USING (post) GROUP BY v ORDER BY v;
-- a device of which nothing is known is as none; '' is none
SELECT v, device, count(*) FILTER (WHERE f.score = g.score AND f.rank = g.rank) FROM unnest('{1,9}'::int[]) v, unnest('{tv,"",other}'::text[]) device, pg_temp.feed(v) g JOIN LATERAL pg_temp.feed(v, device) f USING (post)
 WHERE v <> 1 OR device <> 'other' GROUP BY 1, 2 ORDER BY 1, 2;
-- Visitor 1 on another device than it saved with: half of the 4 for formats, all of it for the sound. ios: short (2 + 6.8) / 18 over 1/4 = 1.955556,
-- photo 4 / 18 over 1/2, long 1 / 18 over 1/8 = 0.444444, story 4.2 / 18 over 1/8 = 1.866667
SELECT * FROM pg_temp.feed(1, 'ios');
-- a smile, 1: log2(5 / 17 over 1/4) = 0.234465, and log2(2) for the sound; its unsmile takes both with it
SELECT count(*) FROM unnest('{smile,unsmile}'::text[]) WITH ORDINALITY k(kind, n), influence.react(pg_temp.visitor(2), pg_temp.post('bert'), k.kind, occurred_at => '2024-05-31'::timestamptz + n * interval '1 hour');
SELECT max(score) FROM pg_temp.feed(2, at => '2024-05-31 01:30');
SELECT min(score), max(score) FROM pg_temp.feed(2);

-- A cursor is of its device; a token says it, and so does the impression unless another is told.
SELECT next_cursor AS cursor FROM influence.get_feed(1, pg_temp.visitor(1), 2, as_of => '2024-06-01', device => 'ios') LIMIT 1 \gset
SELECT min(rank), max(rank) FROM influence.get_feed(1, pg_temp.visitor(1), 2, :'cursor', device => 'ios');
SELECT * FROM pg_temp.not_refused('IN002', format('get_feed(1, pg_temp.visitor(1), 2, %L)', :'cursor'), format('get_feed(1, pg_temp.visitor(1), 2, %L, device => ''web'')', :'cursor'), $$get_feed(1, pg_temp.visitor(1), device => repeat('x', 101))$$,
	$$explain_feed(1, pg_temp.visitor(1), 1, device => repeat('x', 101))$$);
-- posts of today, of which explain_feed says the same, to the bit
SELECT count(*) FROM unnest('{photo,video}'::text[]) k, influence.publish_post(1, pg_temp.creator('fay'), 'fresh ' || k, k, '[{"product_id": 1}]', published_at => now() - interval '1 hour', details => '{"sound": "song", "duration_ms": 1}') p;
SELECT bool_and(e.value = f.score) AS the_same_bits, count(*), min(round(f.score::numeric, 6)) AS photo, max(round(f.score::numeric, 6)) AS short
  FROM influence.get_feed(1, pg_temp.visitor(1), 100, device => 'ios', surface => 'home') f, influence.explain_feed(1, pg_temp.visitor(1), f.post_id, device => 'ios', surface => 'home') e WHERE e.item = 'score';
SELECT name, round(value::numeric, 6) AS value, weight FROM influence.explain_feed(1, pg_temp.visitor(1), pg_temp.post('fresh video'), device => 'ios') WHERE name IN ('format', 'sound');
SELECT impression AS token FROM influence.get_feed(1, pg_temp.visitor(1), 1, device => repeat('é', 50)) \gset
SELECT c.device = repeat('é', 50) AS device, cardinality(c.features) AS features FROM influence_internal.impression_content(:'token') c;
SELECT count(*) FROM influence.get_feed(1, pg_temp.visitor(1), 2, device => 'ios') f,
	influence.record_impressions(pg_temp.visitor(1), jsonb_build_array(jsonb_build_object('impression', f.impression) || CASE f.rank WHEN 2 THEN '{"device": "web"}' ELSE '{}' END::jsonb));
SELECT rank, device FROM influence.impression ORDER BY rank;

-- refresh_stats() looks at the last 30 days
SELECT status FROM influence.react(pg_temp.visitor(4), pg_temp.post('eve'));
SELECT status FROM influence.refresh_stats();
SELECT device, shares FROM influence.feed_format;
