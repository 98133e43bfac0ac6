--
-- Decayed trends: what counts how much, what is taken off again, and the lists
-- that get_trending() makes of them.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{"max_touch_delay": "100 years"}', '{"hold": "3 days"}');
SELECT pg_temp.new_program('Other', 'EUR', 'UTC', '{"max_touch_delay": "100 years"}', '{}');
UPDATE influence.program SET created_at = '2020-01-01';
SELECT pg_temp.new_creator('c' || c) FROM generate_series(1, 12) c;
-- all > garden > tools; home
SELECT (influence.create_category(n, p)).category_id FROM (VALUES ('all', NULL), ('garden', 1), ('tools', 2), ('home', 1)) c(n, p);
SELECT count(*) FROM (VALUES ('rake', 3), ('hose', 2), ('lamp', 4), ('sofa', 4)) p(sku, c), influence.add_product(p.sku, initcap(p.sku), p.c, 1000, 'EUR', 5, valid_from => '2024-01-01');
-- visitors 1 to 60 have accounts for long, 61 to 99 since 2024-05-31 12:00, the others none
SELECT count(*) FROM generate_series(1, 99) v, influence.register_shopper(pg_temp.visitor(v));
UPDATE influence.shopper SET created_at = CASE WHEN visitor_id > pg_temp.visitor(60) THEN '2024-05-31 12:00' ELSE '2024-01-01' END::timestamptz;
CREATE FUNCTION pg_temp.post(c int, ref text, sku text) RETURNS bigint LANGUAGE sql AS $$
	SELECT p.post_id FROM influence.publish_post(1, pg_temp.creator('c' || c), ref, 'photo', jsonb_build_array(jsonb_build_object('product_id', pg_temp.product(sku))), published_at => '2024-05-01') p $$;
SELECT pg_temp.post(1, 'p1', 'rake'), pg_temp.post(2, 'p2', 'lamp'), pg_temp.post(2, 'p3', 'hose');
CREATE FUNCTION pg_temp.act(v int, post bigint, kind text, at timestamptz) RETURNS text LANGUAGE sql AS $$ SELECT r.status FROM influence.react(pg_temp.visitor(v), post, kind, occurred_at => at) r $$;
-- the decayed sum as of 2024-06-01, which is 8918 days after 2000-01-01
CREATE VIEW pg_temp.counters AS
SELECT program_id AS program, kind, scope_id AS scope, item_id AS item, round(power(2::numeric, (score - 8918 * 4)::numeric), 4) AS "6h", NULL::numeric AS "3d" FROM influence.trend_rank WHERE half_life = '6h'
UNION ALL SELECT program_id, kind, scope_id, item_id, NULL, round(power(2::numeric, (score - 8918 / 3.0)::numeric), 4) FROM influence.trend_rank WHERE half_life = '3d';
CREATE FUNCTION pg_temp.counter(k text, i bigint, s bigint DEFAULT 0, p bigint DEFAULT 1) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', trim_scale(max("6h")), trim_scale(max("3d"))) FROM pg_temp.counters WHERE (program, kind, scope, item) = (p, k, s, i) $$;

-- A smile of three days ago and a share of now: 1/2 + 4 by three days, 1/4096 + 4 by six hours; in its category and
-- those above it, and no other; the creator likewise.
SELECT pg_temp.act(1, 1, 'smile', '2024-05-29'), pg_temp.act(2, 1, 'share', '2024-06-01');
SELECT status, trends FROM influence.refresh_stats(days => false);
SELECT kind, item, scope, pg_temp.counter(kind, item, scope) FROM pg_temp.counters GROUP BY kind, item, scope ORDER BY kind, item, scope;
-- seen once, counted once
SELECT status, trends FROM influence.refresh_stats(days => false);
-- taken back, it leaves nothing; the share stays. And where nothing is left, or less, there is no rank.
SELECT pg_temp.act(1, 1, 'unsmile', '2024-05-31'), pg_temp.act(3, 2, 'smile', '2024-05-30');
SELECT trends FROM influence.refresh_stats(days => false);
SELECT pg_temp.counter('post', 1), pg_temp.counter('post', 2);
SELECT pg_temp.act(3, 2, 'unsmile', '2024-06-01');
SELECT trends FROM influence.refresh_stats(days => false);
SELECT count(*) FROM influence.trend_rank WHERE item_id = 2 AND kind IN ('post', 'creator');
-- an unsmile before its smile came, and one of nothing
INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id) VALUES (pg_temp.visitor(4), '2024-05-31 10:00', 'u', 'unsmile', 2), (pg_temp.visitor(5), '2024-05-31 10:00', 'u', 'unsmile', 2);
SELECT trends FROM influence.refresh_stats(days => false);
INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id) VALUES (pg_temp.visitor(4), '2024-05-31 09:00', 's', 'smile', 2);
SELECT trends FROM influence.refresh_stats(days => false);
-- said again in between, the first smile stands
INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id) VALUES (pg_temp.visitor(4), '2024-05-31 09:30', 's', 'smile', 2);
SELECT trends FROM influence.refresh_stats(days => false);
SELECT pg_temp.counter('post', 2) = round(power(2, -15 / 6.0), 4) || ' ' || round(power(2, -15 / 72.0), 4) AS first_stands;

-- Guests and accounts younger than a day weigh a fifth; from noon on they are a day old.
SELECT count(*) FROM (VALUES (61, '2024-06-01 00:00'), (100, '2024-06-01 00:00'), (62, '2024-06-01 12:00'), (62, '2024-06-01 11:59')) e(v, at), pg_temp.act(e.v, 3, 'click', e.at::timestamptz);
SELECT trends > 0 FROM influence.refresh_stats(days => false);
SELECT pg_temp.counter('post', 3) = concat_ws(' ', round(.5 * (.2 + .2 + 4 + .2 * power(2::numeric, (719 / 360.0)::numeric)), 4), round(.5 * (.2 + .2 + power(2::numeric, (1 / 6.0)::numeric) + .2 * power(2::numeric, (719 / 4320.0)::numeric)), 4)) AS young_ones;
-- forty of them in an hour weigh as twenty do, 4; ten old accounts weigh 10
SELECT count(*) FROM generate_series(101, 120) v, pg_temp.act(v, 2, 'smile', '2024-05-26');
SELECT count(*) FROM generate_series(11, 20) v, pg_temp.act(v, 2, 'smile', '2024-05-26');
SELECT trends > 0 FROM influence.refresh_stats(days => false);
SELECT pg_temp.counter('post', 2), trim_scale(round(14 / 4.0 + power(2, -15 / 72.0), 4)) AS expected;
SELECT count(*) FROM generate_series(121, 140) v, pg_temp.act(v, 2, 'smile', '2024-05-26 00:59:59.999999');
SELECT trends > 0 FROM influence.refresh_stats(days => false);
-- the first twenty weigh half of what they did
SELECT split_part(pg_temp.counter('post', 2), ' ', 2), trim_scale(round((10 + 2 + 2 * power(2::numeric, 1 / 72.0)) / 4.0 + power(2::numeric, -15 / 72.0), 4)) AS expected;
SELECT post_id, hour, events, young_events, young_visitors, young_share, hour_limit, over_limit, weighted FROM influence.post_brigades ORDER BY 1, 2;

-- Products: a view .1, a click 1, a cart 3, a sale 10, of which a quarter came back: 7.5, at the sale's time. Each
-- category above has it, too. A touch of a category alone counts for that.
SELECT recorded FROM influence.record_touches(1, (SELECT jsonb_agg(jsonb_build_object('visitor_id', pg_temp.visitor(9), 'touch_ref', ref, 'kind', kind, 'product_id', p, 'touched_at', at))
	FROM (VALUES ('a', 'view', 1, '2024-05-29'), ('b', 'click', 1, '2024-05-29'), ('c', 'cart', 1, '2024-06-01'), ('d', 'click', 3, '2024-06-01'), ('e', 'coupon', 4, '2024-06-01')) t(ref, kind, p, at)));
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, category_id) VALUES (pg_temp.visitor(9), '2024-06-01', 'f', 1, 'click', 2);
SELECT amount FROM influence.record_order(1, pg_temp.visitor(9), 'o1', '[{"line_no": 1, "product_id": 1, "quantity": 2, "paid_price": 1000}]', '2024-06-01');
SELECT trends > 0 FROM influence.refresh_stats(days => false);
SELECT kind, item, scope, pg_temp.counter(kind, item, scope) FROM pg_temp.counters WHERE kind IN ('product', 'category') GROUP BY kind, item, scope ORDER BY kind, item, scope;
SELECT status FROM influence.record_return(1, pg_temp.visitor(9), 'o1', 1, 'r1', amount => 500, returned_at => '2024-06-03');
SELECT trends > 0 FROM influence.refresh_stats(days => false);
SELECT split_part(pg_temp.counter('product', 1), ' ', 2) AS product, split_part(pg_temp.counter('category', 3, 2), ' ', 2) AS tools, split_part(pg_temp.counter('category', 2, 1), ' ', 2) AS garden;
-- a cancelled order is none, whatever came back before; its row changes with the other returns
SELECT status FROM influence.record_order_event(1, pg_temp.visitor(9), 'o1', 'cancelled', '2024-06-04');
SELECT trends > 0 FROM influence.refresh_stats(days => false);
SELECT status FROM influence.record_return(1, pg_temp.visitor(9), 'o1', 1, 'r2', amount => 100, returned_at => '2024-06-03');
SELECT status FROM influence.refresh_stats(days => false);
SELECT split_part(pg_temp.counter('product', 1), ' ', 2) AS product;
-- Votes by their weight, up and down, in every program in which the product was touched: -2 of old accounts leave
-- less than nothing of the click, and the rank goes; changed to +2 it is 3.
SELECT count(*) FROM generate_series(21, 22) v, influence.vote_product(pg_temp.visitor(v), 3, -1, '2024-06-01');
SELECT trends > 0 FROM influence.refresh_stats(days => false);
SELECT count(*) FROM influence.trend_rank WHERE kind = 'product' AND item_id = 3;
SELECT count(*) FROM generate_series(21, 22) v, influence.vote_product(pg_temp.visitor(v), 3, 1, '2024-06-01 00:00:00.000001');
SELECT status FROM influence.record_touch(2, pg_temp.visitor(9), 'g', 'click', NULL, '2024-06-01', 3);
SELECT trends > 0 FROM influence.refresh_stats(days => false);
SELECT pg_temp.counter('product', 3), pg_temp.counter('product', 3, p => 2), pg_temp.counter('category', 4, 1, 2) AS home, pg_temp.counter('category', 1, 0, 2) AS "all";

-- All at once it is the same, to the bit; a change of weights counts all anew, and back.
SELECT md5(string_agg(r::text, ',' ORDER BY r.kind, r.half_life, r.scope_id, r.item_id, r.program_id)) AS ranks FROM influence.trend_rank r \gset
SELECT status FROM influence.rebuild_trends();
SELECT md5(string_agg(r::text, ',' ORDER BY r.kind, r.half_life, r.scope_id, r.item_id, r.program_id)) = :'ranks' AS the_same FROM influence.trend_rank r;
INSERT INTO influence.setting (name, version, value) SELECT name, 2, value || '{"click": 2}' FROM influence.setting WHERE name = 'trend_weights';
SELECT status FROM influence.refresh_stats(days => false);
SELECT pg_temp.counter('product', 3);
INSERT INTO influence.setting (name, version, value) SELECT name, 3, value FROM influence.setting WHERE name = 'trend_weights' AND version = 1;
SELECT status FROM influence.refresh_stats(days => false);
SELECT md5(string_agg(r::text, ',' ORDER BY r.kind, r.half_life, r.scope_id, r.item_id, r.program_id)) = :'ranks' AS the_same FROM influence.trend_rank r;
-- what has less than 2^-64 of the best is counted, and not listed
SELECT status FROM pg_temp.act(7, 1, 'click', '2024-08-01') a(status);
SELECT status FROM influence.refresh_stats();
SELECT half_life, count(*) FROM influence.trend_rank WHERE kind = 'post' AND scope_id = 0 GROUP BY 1 ORDER BY 1;
SELECT half_life, array_agg(c.item_id ORDER BY c.item_id) AS listed FROM unnest('{6h,3d,30d}'::text[]) half_life, influence_internal.trend_candidates(1, 'post', 0, half_life, '2024-08-01') c GROUP BY 1 ORDER BY 1;
SELECT status FROM pg_temp.act(7, 2, 'click', '2024-08-01') a(status);
SELECT status FROM influence.refresh_stats();
SELECT item_id, score = (SELECT influence.decayed_score(w, at::timestamptz, '6 hours') FROM (VALUES (.5, '2024-08-01'), (1, '2024-05-31 09:00')) e(w, at)) AS "like" FROM influence.trend_rank WHERE kind = 'post' AND half_life = '6h' AND scope_id = 0 AND item_id < 3 ORDER BY 1;
