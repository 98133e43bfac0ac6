--
-- refresh_stats(): hourly buckets and ranks are what their facts say, whatever
-- the order in which the facts came and however often it ran.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{"model": "linear", "view_lookback": "1 hour"}', '{"hold": "0"}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert}'::text[]) c;
SELECT category_id FROM influence.create_category('all');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 1, 1000, 'EUR', 5, valid_from => '2024-01-01');
SELECT status FROM influence.create_topic('art');
SELECT status FROM influence.set_commission_rate(1, 0.1, valid_from => '2020-01-01');
CREATE VIEW pg_temp.hours AS
SELECT c.creator_ref AS creator, h.bucket_start AS hour, h.views AS v, h.clicks AS c, h.carts AS t, h.coupons AS p, h.visitors AS who, h.lines, h.revenue, h.returned, h.commission, h.clawed_back
FROM influence.creator_hour h JOIN influence.creator c USING (creator_id);
CREATE FUNCTION pg_temp.stats() RETURNS text LANGUAGE sql AS $$
	SELECT md5(concat((SELECT string_agg(h::text, ',' ORDER BY h.creator_id, h.bucket_start) FROM influence.creator_hour h), (SELECT string_agg(h::text, ',' ORDER BY h.post_id, h.bucket_start) FROM influence.post_hour h),
		(SELECT string_agg(r::text, ',' ORDER BY r.post_id) FROM influence.feed_item r))) $$;

-- The facts, in parts that come one after another; an hour is from its first to before the next one's first microsecond.
SELECT post_id FROM influence.publish_post(1, 1, 'p1', 'photo', '[{"product_id": 1}]', 'art', published_at => '2024-05-01');
SELECT post_id FROM influence.publish_post(1, 2, 'p2', 'photo', '[{"product_id": 1}]', published_at => '2024-05-02 12:00');
SELECT recorded FROM influence.record_touches(1, (SELECT jsonb_agg(jsonb_build_object('visitor_id', pg_temp.visitor(v), 'touch_ref', ref, 'kind', kind, 'creator_id', c, 'touched_at', at, 'product_id', 1))
	FROM (VALUES (1, 'a', 'view', 1, '2024-05-03 10:00'), (1, 'b', 'click', 1, '2024-05-03 10:59:59.999999'), (2, 'a', 'click', 1, '2024-05-03 10:30'), (1, 'c', 'click', 2, '2024-05-03 11:00'), (3, 'a', 'cart', 2, '2024-05-03 11:10'), (3, 'b', 'coupon', 2, '2024-05-03 11:20'), (4, 'x', 'click', NULL, '2024-05-03 11:20')) t(v, ref, kind, c, at)));
SELECT status, post_hours, creator_hours, post_ranks FROM influence.refresh_stats();
SELECT status, post_hours, creator_hours, post_ranks FROM influence.refresh_stats();
-- visitor 1 buys for 10.01: anna (b) and bert (c) 5.01 and 5.00, 50 each
SELECT credited, commission FROM influence.record_order(1, pg_temp.visitor(1), 'o1', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1001}]', '2024-05-03 11:30');
SELECT status, clawed_back FROM influence.record_return(1, pg_temp.visitor(1), 'o1', 1, 'r', amount => 500, returned_at => '2024-05-05 09:00');
SELECT v, r.status FROM (VALUES (1, 'smile', '2024-05-01'::timestamptz), (2, 'share', '2024-05-04'), (3, 'smile', '2024-05-04')) e(v, kind, at), influence.react(pg_temp.visitor(v), 1, kind, occurred_at => at) r ORDER BY v;
SELECT status, post_hours, creator_hours, post_ranks FROM influence.refresh_stats();
SELECT status FROM influence.react(pg_temp.visitor(3), 1, 'unsmile', occurred_at => '2024-05-04 00:30');
SELECT v, r.status FROM generate_series(1, 2) v, influence.react(pg_temp.visitor(v), 2, 'click', 'c', '2024-05-02 12:00') r ORDER BY v;
SELECT status, post_hours, creator_hours, post_ranks FROM influence.refresh_stats();
-- late, and for an hour that was counted before
SELECT status FROM influence.record_touch(1, pg_temp.visitor(5), 'late', 'click', 1, '2024-05-03 10:45');
SELECT status, post_hours, creator_hours, post_ranks FROM influence.refresh_stats();
SELECT * FROM pg_temp.hours ORDER BY 1, 2;
SELECT p.post_ref, h.bucket_start, h.smiles, h.unsmiles, h.comments, h.shares, h.saves, h.clicks, h.visitors FROM influence.post_hour h JOIN influence.post p USING (post_id) ORDER BY 1, 2;

-- Ranks: log2 of the sum of weight x 2^(t / three days), counted from 2000-01-01, with the weights publish 1, smile 1,
-- share 4, click .5; an unsmile takes its smile away, as of the smile's time. p1: 1 + 1 at 05-01 (day 8887), 4 at
-- 05-04, and a smile that was taken back: 8887 / 3 + log2(2 + 4 * 2) = 2965.655261428; p2: 1 + .5 + .5 at 05-02 12:00:
-- 8888.5 / 3 + 1
SELECT post_id, topic_id, round(quality::numeric, 9) AS score FROM influence.feed_item ORDER BY 1;

-- The same facts counted all at once, and in another order of writing, give the same rows.
SELECT pg_temp.stats() AS stats \gset
BEGIN;
TRUNCATE influence.creator_hour, influence.post_hour, influence.feed_item, influence.watermark;
SELECT status FROM influence.refresh_stats();
SELECT pg_temp.stats() = :'stats' AS the_same;
ROLLBACK;
-- twice, and from a watermark that was lost, nothing is written
SELECT status, post_hours, creator_hours, post_ranks FROM influence.refresh_stats();
BEGIN;
DELETE FROM influence.watermark;
SELECT status, post_hours, creator_hours, post_ranks FROM influence.refresh_stats();
ROLLBACK;
-- on another cluster everything is counted anew, whatever its transaction numbers are
BEGIN;
UPDATE influence.touch SET xact = '9000000000000000000';
UPDATE influence.engagement SET xact = '9000000000000000000';
UPDATE influence.earning SET xact = '9000000000000000000';
UPDATE influence.post SET xact = '9000000000000000000';
UPDATE influence.watermark SET system_identifier = 1, last_seen = '8999999999999999999:8999999999999999999:';
TRUNCATE influence.creator_hour, influence.post_hour, influence.feed_item;
SELECT status FROM influence.refresh_stats();
SELECT pg_temp.stats() = :'stats' AS the_same;
COMMIT;
-- and afterwards new facts as ever
SELECT status FROM influence.record_touch(1, pg_temp.visitor(6), 'new', 'view', 2, '2024-05-03 11:59:59.999999');
SELECT status, post_hours, creator_hours, post_ranks FROM influence.refresh_stats();
SELECT * FROM pg_temp.hours WHERE creator = 'bert' AND hour = '2024-05-03 11:00';
-- hours are those of UTC, wherever the session is
BEGIN;
SET LOCAL TimeZone = 'Asia/Kolkata';
SELECT status FROM influence.record_touch(1, pg_temp.visitor(7), 'india', 'view', 2, '2024-05-06 10:15+00');
SELECT creator_hours FROM influence.refresh_stats();
COMMIT;
SELECT creator_hours FROM influence.refresh_stats();
SELECT hour FROM pg_temp.hours WHERE hour > '2024-05-06';
