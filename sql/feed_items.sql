--
-- feed_item: a post is in it as soon as it is published, and says afterwards what
-- its engagements, impressions, sales and prices do.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{"model": "linear", "max_touch_delay": "100 years"}', '{"hold": "1000 days"}');
SELECT pg_temp.new_program('Other', 'USD', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert}'::text[]) c;
SELECT category_id FROM influence.create_category('all');
SELECT category_id FROM influence.create_category('garden', 1);
SELECT recorded FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 1, "price": 1999, "currency": "EUR", "valid_from": "2024-01-01"},
	{"sku": "rake", "title": "Rake", "category_id": 2, "price": 999, "currency": "EUR", "valid_from": "2024-01-01"}, {"sku": "dollar", "title": "Dollar", "category_id": 2, "price": 5, "currency": "USD", "valid_from": "2024-01-01"}]');
SELECT status FROM influence.create_topic('art');
INSERT INTO influence.setting (name, version, value) VALUES ('feed_shrinkage', 2, '{"impressions": 10, "drift": 0.05, "formats": 100}');
CREATE VIEW pg_temp.items AS
SELECT p.post_ref AS post, f.program_id AS program, f.topic_id AS topic, f.category_id AS category, f.expires_at, f.language, f.countries, f.price, round(f.quality::numeric, 6) AS quality, round(f.engagement::numeric, 6) AS engagement, round(f.sales::numeric, 6) AS sales
FROM influence.feed_item f JOIN influence.post p ON (p.post_id, p.creator_id, p.program_id, p.published_at) = (f.post_id, f.creator_id, f.program_id, f.published_at);

-- At once: the category of the first tag, the lowest price in the program's currency, the quality of the publication
-- alone: days since 2000-01-01 / 3, 2024-05-01 is day 8887; equal media have equal keys, a post without any has its own.
SELECT influence.publish_post(1, pg_temp.creator('anna'), 'p1', 'photo', '[{"product_id": 2}, {"product_id": 1}, {"product_id": 3}]', 'art', media => 'm/1', published_at => '2024-05-01', countries => '{DE}', details => '{"language": "de"}');
SELECT influence.publish_post(1, pg_temp.creator('bert'), 'p2', 'story', '[{"product_id": 1}, {"product_id": 2}]', media => 'm/1', published_at => '2024-05-04');
SELECT influence.publish_post(1, pg_temp.creator('bert'), 'p3', 'photo', '[{"product_id": 3}]', media => '', published_at => '2024-05-04');
SELECT influence.publish_post(2, pg_temp.creator('bert'), 'p4', 'photo', '[{"product_id": 3}]', published_at => '2024-05-04');
SELECT * FROM pg_temp.items ORDER BY post;
SELECT count(*), min(f.media_key) < 0 AS hashed, array_agg(f.post_id ORDER BY f.post_id) AS posts FROM influence.feed_item f GROUP BY f.media_key ORDER BY 3;
SELECT influence.publish_post(1, pg_temp.creator('bert'), 'p2', 'story', '[{"product_id": 1}, {"product_id": 2}]', media => 'm/1', published_at => '2024-05-04');
-- what came by COPY comes with the job, its tags a day later where they came later
INSERT INTO influence.post (creator_id, post_ref, program_id, kind, published_at, content_hash) VALUES (1, 'copied', 1, 'photo', '2024-05-07', '');
SELECT status, post_ranks, feed_items FROM influence.refresh_stats(days => false);
INSERT INTO influence.post_tag (creator_id, post_id, tag_id, product_id) SELECT 1, post_id, 1, 1 FROM influence.post WHERE post_ref = 'copied';
SELECT status, post_ranks, feed_items FROM influence.refresh_stats(days => false);
SELECT status, feed_items FROM influence.refresh_stats();
SELECT post, category, price, quality FROM pg_temp.items WHERE post = 'copied';

-- p1 has 30 impressions, a smile and a share (5 by weight), p2 has 10, p3 a smile and none. The program's mean is
-- 5 / 40; shrunk by 10 impressions p1 has (5 + 1.25) / 40, which is 5/4 of it, p2 1.25 / 20, which is half.
INSERT INTO influence.impression (visitor_id, shown_at, impression_id, program_id, post_id, creator_id, rank, score, features, profile, profile_version, sources, propensity, disclosure)
SELECT pg_temp.visitor(n), '2024-05-08'::timestamptz + n * interval '2 minutes', n, 1, p.post_id, p.creator_id, 1, 1, '{}', 'standard', 1, '{popular}', 1, 'affiliate'
FROM generate_series(0, 39) n JOIN influence.post p ON p.post_ref = CASE WHEN n % 4 = 3 THEN 'p2' ELSE 'p1' END;
SELECT count(*) FROM (VALUES (1, 'p1', 'smile'), (2, 'p1', 'share'), (3, 'p3', 'smile')) e(v, ref, kind) JOIN influence.post p ON p.post_ref = e.ref, influence.react(pg_temp.visitor(e.v), p.post_id, e.kind, occurred_at => '2024-05-08');
-- and p2 sold for 1000, of which 400 came back: 600 in 40 impressions; (600 + 150) / 20 is 5/2 of the mean, 150 / 40 a quarter
SELECT status FROM influence.record_touch(1, pg_temp.visitor(9), 't1', 'click', 2, '2024-05-09', post_id => 2, product_id => 1);
SELECT credited FROM influence.record_order(1, pg_temp.visitor(9), 'o1', '[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 1000}]', '2024-05-10');
SELECT status FROM influence.record_return(1, pg_temp.visitor(9), 'o1', 1, 'r1', amount => 400, returned_at => '2024-05-12');
-- before there is a mean, nobody is better or worse than it; quality is the rank's
SELECT post_hours, feed_items FROM influence.refresh_stats(days => false);
SELECT post, engagement, sales FROM pg_temp.items WHERE engagement <> 0 OR sales <> 0;
SELECT feed_items FROM influence.refresh_stats();
SELECT program_id, engagement, revenue FROM influence.feed_mean;
SELECT i.post, i.quality, CASE i.post WHEN 'p1' THEN round(log(2, 1 + 5 * power(2, 7 / 3.0)) + 8887 / 3.0, 6) WHEN 'p3' THEN round(log(2, 1 + power(2, 4 / 3.0)) + 8890 / 3.0, 6) END AS rank, i.engagement, i.sales, CASE i.post WHEN 'p1' THEN round(log(2, 1.25), 6) || ' ' || log(2, 0.25) WHEN 'p2' THEN '-1 ' || round(log(2, 2.5), 6) END AS expected
FROM pg_temp.items i JOIN influence.post p ON p.post_ref = i.post ORDER BY 1;
SELECT 'hour' AS span, p.post_ref, h.bucket_start, h.impressions, h.smiles FROM influence.post_hour h JOIN influence.post p USING (post_id) UNION ALL SELECT 'day', p.post_ref, h.bucket_start, h.impressions, h.smiles FROM influence.post_day h JOIN influence.post p USING (post_id) ORDER BY 1, 2, 3;
-- nothing new, nothing written
SELECT status, feed_items FROM influence.refresh_stats();

-- A touch that came late takes half of the sale: 500 to p1, less half of what came back. The minute job compares with
-- the mean of before (15): p1 (300 + 150) / 40, p2 (300 + 150) / 20; the daily one too, for the mean is as it was.
SELECT status FROM influence.record_touch(1, pg_temp.visitor(9), 't0', 'click', 1, '2024-05-08', post_id => 1, product_id => 1);
SELECT status FROM influence.reattribute(1, 'o1');
SELECT feed_items FROM influence.refresh_stats(days => false);
SELECT p.post_ref, t.impressions, t.engagement, t.revenue, round(f.sales::numeric, 6) AS sales, CASE p.post_ref WHEN 'p1' THEN round(log(2, 450.0 / 40 / 15.0), 6) WHEN 'p2' THEN round(log(2, 450.0 / 20 / 15.0), 6) END AS expected
FROM influence.post_total t JOIN influence.post p USING (post_id) JOIN influence.feed_item f USING (post_id) ORDER BY 1;
SELECT feed_items FROM influence.refresh_stats();
-- four shares more and the mean moves, to 21 / 40: every post that was shown moves with it
SELECT count(*) FROM generate_series(21, 24) v, influence.react(pg_temp.visitor(v), 2, 'share', occurred_at => '2024-05-09');
SELECT feed_items FROM influence.refresh_stats();
SELECT post, engagement, round(log(2, CASE post WHEN 'p1' THEN (5 + 5.25) / 40 ELSE (16 + 5.25) / 20 END / .525), 6) AS expected FROM pg_temp.items WHERE post IN ('p1', 'p2') ORDER BY 1;

-- prices of now, once a day
SELECT status FROM influence.set_price(1, 500, 'EUR', now() - interval '1 hour');
SELECT status FROM influence.set_price(2, 1, 'EUR', now() + interval '1 hour');
SELECT feed_items FROM influence.refresh_stats(days => false);
SELECT feed_items FROM influence.refresh_stats();
SELECT post, price FROM pg_temp.items ORDER BY 1;

-- Another half-life: until the job has run, posts old and new have the rank of before (2024-05-07 is day 8893), then
-- all have the new one: p4 and new none but their days, p3 log2(1 + 2^4) more for its smile of four days later.
INSERT INTO influence.setting (name, version, value) VALUES ('rank_half_life', 2, '"1 day"');
SELECT influence.publish_post(1, pg_temp.creator('anna'), 'new', 'photo', '[{"product_id": 1}]', published_at => '2024-05-07');
SELECT post, quality, round(8893 / 3.0, 6) AS expected FROM pg_temp.items WHERE post = 'new';
SELECT status FROM influence.refresh_stats(days => false);
SELECT post, quality, CASE post WHEN 'p3' THEN 8890 + round(log(2, 17), 6) WHEN 'p4' THEN 8890 ELSE 8893 END AS expected FROM pg_temp.items WHERE post IN ('p3', 'p4', 'new') ORDER BY 1;
-- other weights, too: a smile weighs 3, log2(1 + 3 x 2^4); rebuild_trends() in between keeps nothing from the job
INSERT INTO influence.setting (name, version, value) SELECT name, 2, value || '{"smile": 3}' FROM influence.setting WHERE name = 'engagement_weights';
SELECT status FROM influence.rebuild_trends();
SELECT status FROM influence.refresh_stats(days => false);
SELECT quality, 8890 + round(log(2, 49), 6) AS expected, t.engagement FROM pg_temp.items i JOIN influence.post p ON p.post_ref = i.post JOIN influence.post_total t USING (post_id) WHERE i.post = 'p3';
SELECT status FROM influence.refresh_stats();

-- On another cluster, where transaction numbers mean nothing, all is counted anew and is as it was.
BEGIN;
CREATE TEMP TABLE before AS SELECT * FROM influence.feed_item;
TRUNCATE influence.feed_item, influence.post_total, influence.post_sale, influence.feed_mean, influence.watermark;
SELECT status FROM influence.refresh_stats();
SELECT count(*), (SELECT count(*) FROM (TABLE before EXCEPT TABLE influence.feed_item) d) AS different FROM influence.feed_item;
ROLLBACK;
-- nothing is divided by zero
SELECT influence_internal.shrunk_log_ratio(a, n, m, k) FROM (VALUES (0::float8, 0::float8, 0::float8, 0::float8), (5, 10, 0, 10), (5, 0, 1, 10), (0, 10, 1, 0), (-5, 10, 1, 0), (1e300, 1, 1e-300, 10)) t(a, n, m, k);
