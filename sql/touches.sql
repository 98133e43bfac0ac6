--
-- Touches: each recorded once, with what the catalogue says of the product at
-- that moment; and which of them an order is credited to, model by model.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Last', 'USD', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo}'::text[]) c;
SELECT category_id FROM influence.create_category('all');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 1, 1000, 'USD', 7, valid_from => '2024-05-01');
SELECT product_id FROM influence.add_product('rake', 'Rake', 1);
SELECT status FROM influence.set_price(1, 900, 'USD', '2024-05-10');
SELECT status FROM influence.set_stock(1, 3, '2024-05-10');

SELECT status FROM influence.record_touch(1, pg_temp.visitor(1), 't1', 'click', pg_temp.creator('anna'), '2024-05-05 10:00', 1);
SELECT status FROM influence.record_touch(1, pg_temp.visitor(1), 't1', 'click', pg_temp.creator('anna'), '2024-05-05 10:00', 1);
SELECT status FROM influence.record_touch(1, pg_temp.visitor(1), 't2', creator_id => pg_temp.creator('bert'), touched_at => '2024-05-12', product_id => 1, details => '{"price": 850, "device": "phone", "boosted": true}');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(1), 't3', 'view', touched_at => '2024-05-13', details => '{"channel": "direct"}');
SELECT status, recorded, duplicates FROM influence.record_touches(1, jsonb_build_array(
	jsonb_build_object('visitor_id', pg_temp.visitor(1), 'touch_ref', 't1', 'creator_id', pg_temp.creator('anna'), 'touched_at', '2024-05-05T10:00:00Z', 'product_id', 1),
	jsonb_build_object('visitor_id', pg_temp.visitor(2), 'touch_ref', 't1', 'kind', 'cart', 'creator_id', pg_temp.creator('cleo'), 'touched_at', '2024-05-06', 'product_id', 2)));
SELECT status, recorded, duplicates FROM influence.record_touches(1, jsonb_build_array(
	jsonb_build_object('visitor_id', pg_temp.visitor(2), 'touch_ref', 't1', 'kind', 'cart', 'creator_id', pg_temp.creator('cleo'), 'touched_at', '2024-05-06', 'product_id', 2)));
SELECT status, recorded, duplicates FROM influence.record_touches(1, '[]');
SELECT t.touch_ref, t.touched_at, t.kind, c.creator_ref, t.channel, t.price, t.currency, t.stock, t.category_id, t.device, t.boosted
FROM influence.touch t LEFT JOIN influence.creator c USING (creator_id) ORDER BY t.visitor_id, t.touched_at;
-- a retry after the price changed, and from another time zone
SELECT status FROM influence.set_price(1, 950, 'USD', '2024-05-05 09:00');
BEGIN;
SET LOCAL TimeZone = 'America/New_York';
SELECT status FROM influence.record_touch(1, pg_temp.visitor(1), 't1', 'click', pg_temp.creator('anna'), '2024-05-05 10:00+00', 1);
COMMIT;
-- without a time the server sets it, and a retry finds it
SELECT status FROM influence.record_touch(1, pg_temp.visitor(3), 'now', 'click', pg_temp.creator('anna'));
SELECT status FROM influence.record_touch(1, pg_temp.visitor(3), 'now', 'click', pg_temp.creator('anna'));
SELECT count(*) FROM influence.touch WHERE touch_ref = 'now';
SELECT * FROM pg_temp.not_refused('IN004', $$record_touch(1, pg_temp.visitor(1), 't1', 'click', pg_temp.creator('bert'), '2024-05-05 10:00', 1)$$,
	$$record_touch(1, pg_temp.visitor(1), 't1', 'view', pg_temp.creator('anna'), '2024-05-05 10:00', 1)$$, $$record_touch(1, pg_temp.visitor(1), 't1', 'click', pg_temp.creator('anna'), '2024-05-05 10:00')$$,
	$$record_touch(1, pg_temp.visitor(3), 'now', 'click', pg_temp.creator('bert'))$$);
SELECT * FROM pg_temp.not_refused('IN002', $$record_touch(1, NULL, 'x')$$, $$record_touch(1, pg_temp.visitor(1), NULL)$$, $$record_touch(1, pg_temp.visitor(1), '')$$,
	$$record_touch(1, pg_temp.visitor(1), repeat('x', 201))$$, $$record_touch(1, pg_temp.visitor(1), 'x', 'hover')$$, $$record_touch(1, pg_temp.visitor(1), 'x', touched_at => 'infinity')$$,
	$$record_touch(1, pg_temp.visitor(1), 'x', touched_at => '-infinity')$$, $$record_touch(1, pg_temp.visitor(1), 'x', details => '{"chanel": "direct"}')$$, $$record_touch(1, pg_temp.visitor(1), 'x', details => '{"xact": "1"}')$$,
	$$record_touch(1, pg_temp.visitor(1), 'x', details => '{"received_at": "2020-01-01"}')$$, $$record_touch(1, pg_temp.visitor(1), 'x', details => '[]')$$, $$record_touch(1, pg_temp.visitor(1), 'x', details => '{"position": "first"}')$$, $$record_touch(1, pg_temp.visitor(1), 'x', details => '{"creator_id": 2}')$$, $$record_touch(1, pg_temp.visitor(1), 'x', details => '{"currency": "euro"}')$$,
	$$record_touches(1, NULL)$$, $$record_touches(1, '{}')$$, $$record_touches(1, '[1]')$$, $$record_touches(1, '[{"touch_ref": "x"}]')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_touch(99, pg_temp.visitor(1), 'x')$$, $$record_touch(NULL, pg_temp.visitor(1), 'x')$$, $$record_touch(1, pg_temp.visitor(1), 'x', creator_id => 99)$$,
	$$record_touch(1, pg_temp.visitor(1), 'x', product_id => 99)$$, $$record_touches(99, '[]')$$);
-- all or nothing
SELECT pg_temp.refused(format('record_touches(1, %L)', jsonb_build_array(jsonb_build_object('visitor_id', pg_temp.visitor(4), 'touch_ref', 'a'), jsonb_build_object('visitor_id', pg_temp.visitor(4), 'touch_ref', 'b', 'creator_id', 99))));
SELECT count(*) FROM influence.touch WHERE visitor_id = pg_temp.visitor(4);
-- a key of the service's own where a uuid belongs
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT * FROM influence.record_touches(1, '[{"visitor_id": "customer-17", "touch_ref": "x"}]');
\set VERBOSITY terse
-- partitions: of the month, or the default one until the daily job has made it
SELECT tableoid::regclass AS partition, count(*) FROM influence.touch WHERE touch_ref <> 'now' GROUP BY 1;
SELECT md5(string_agg(t::text, ',' ORDER BY t)) AS touches FROM influence.touch t \gset
CALL influence.run_due('2024-05-31 23:00');
SELECT tableoid::regclass AS partition, count(*) FROM influence.touch WHERE touch_ref <> 'now' GROUP BY 1;
SELECT md5(string_agg(t::text, ',' ORDER BY t)) = :'touches' AS unchanged FROM influence.touch t;
SELECT status FROM influence.record_touch(1, pg_temp.visitor(1), 't4', touched_at => '2024-06-01'), influence.record_touch(1, pg_temp.visitor(1), 't5', touched_at => '2024-05-31 23:59:59.999999') x(other);
SELECT touch_ref, tableoid::regclass AS partition FROM influence.touch WHERE touch_ref IN ('t4', 't5') ORDER BY 1;

-- Models. In each program a visitor saw five touches in May; the order of 2024-06-01 12:00 has a base of 10.01, and thirty days
-- before it is 2024-05-02 12:00.
--   a  anna   05-02 12:00        outside: the window is open at its start
--   b  bert   05-02 12:00:00.000001  the first
--   c  (direct) 05-10
--   d  cleo   05-20
--   e  anna   06-01 12:00        the last: at the moment of the order
--   f  bert   06-01 12:00:00.000001  after the order
--   v  cleo   a view at 05-31: views don't count in this policy
-- linear:  1001 / 4 = 250.25 each -> 250, and the cent that is left to the first: 251, 250, 250, 250
-- position_based .4 .2 .4 over n = 4: .4, .1, .1, .4 -> 400.4, 100.1, 100.1, 400.4 -> 400, 100, 100, 400 and the
-- cent that is left to the first of the greatest fractions: 401, 100, 100, 400
SELECT count(*) FROM (VALUES ('first_touch'), ('last_touch'), ('linear'), ('position_based')) m(model),
	LATERAL pg_temp.new_program(model, 'USD', 'UTC', jsonb_build_object('model', model), '{"hold": "0"}');
SELECT count(*) FROM influence.program p, unnest('{anna,bert,cleo}'::text[]) c, influence.apply_creator(p.program_id, pg_temp.creator(c), '2020-01-02') WHERE p.name <> 'Last';
SELECT count(*) FROM influence.program p, influence.set_commission_rate(p.program_id, 0.05, valid_from => '2024-01-01');
SELECT p.name, r.recorded
FROM influence.program p, influence.record_touches(p.program_id, (
	SELECT jsonb_agg(jsonb_build_object('visitor_id', pg_temp.visitor(100 + p.program_id::int), 'touch_ref', ref, 'kind', kind, 'creator_id', pg_temp.creator(c), 'touched_at', at, 'channel', CASE WHEN c IS NULL THEN 'direct' END))
	FROM (VALUES ('a', 'anna', 'click', '2024-05-02 12:00'), ('b', 'bert', 'click', '2024-05-02 12:00:00.000001'), ('c', NULL, 'click', '2024-05-10'), ('d', 'cleo', 'coupon', '2024-05-20'),
		('e', 'anna', 'click', '2024-06-01 12:00'), ('f', 'bert', 'click', '2024-06-01 12:00:00.000001'), ('v', 'cleo', 'view', '2024-05-31')) t(ref, c, kind, at))) r
WHERE p.name <> 'Last' ORDER BY 1;
-- commissions at 5 %, half up: first_touch bert 50.05 -> 50; last_touch anna 50; linear bert 12.55 -> 13, cleo 12.5 -> 13, anna 13;
-- position_based bert 20.05 -> 20, cleo 5, anna 20
SELECT p.name, o.status, o.amount, o.credited, o.unattributed, o.commission, o.creators
FROM influence.program p, influence.record_order(p.program_id, pg_temp.visitor(100 + p.program_id::int), 'm1', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1001}]', '2024-06-01 12:00') o
WHERE p.name <> 'Last' ORDER BY 1;
SELECT p.name, k.touch_ref, c.creator_ref, k.touch_position AS pos, k.path_length AS of, k.credit, k.reason, e.amount AS commission
FROM influence.credit k JOIN influence.program p USING (program_id) LEFT JOIN influence.creator c USING (creator_id)
LEFT JOIN influence.earning e ON (e.program_id, e.order_ref, e.line_no, e.creator_id) = (k.program_id, k.order_ref, k.line_no, k.creator_id)
WHERE k.order_ref = 'm1' ORDER BY p.name, k.touched_at;
SELECT touch_ref, verdict, credit FROM influence.explain_attribution(pg_temp.program('linear'), 'm1');
SELECT touch_ref, verdict FROM influence.explain_attribution(pg_temp.program('first_touch'), 'm1');

-- Kinds. Two lines; a cart counts for its product only, ninety days back; views only where nothing else does.
SELECT pg_temp.new_program('Kinds', 'USD', 'UTC', '{"model": "linear", "view_lookback": "1 day"}', '{}');
SELECT count(*) FROM unnest('{anna,bert,cleo}'::text[]) c, influence.apply_creator(pg_temp.program('Kinds'), pg_temp.creator(c), '2020-01-02');
SELECT recorded FROM influence.record_touches(pg_temp.program('Kinds'), (
	SELECT jsonb_agg(jsonb_build_object('visitor_id', pg_temp.visitor(v), 'touch_ref', ref, 'kind', kind, 'creator_id', pg_temp.creator(c), 'touched_at', at, 'product_id', product))
	FROM (VALUES (20, 'cart', 'cart', 'anna', '2024-03-10', 1), (20, 'view', 'view', 'bert', '2024-06-01 11:00', 1),
		(21, 'view', 'view', 'bert', '2024-06-01 11:00', 2), (21, 'old view', 'view', 'anna', '2024-05-31 12:00', 2),
		(22, 'tie 1', 'view', 'cleo', '2024-06-01 11:00', NULL), (22, 'tie 3', 'coupon', 'anna', '2024-06-01 11:00', NULL), (22, 'tie 2', 'click', 'bert', '2024-06-01 11:00', NULL)) t(v, ref, kind, c, at, product)));
SELECT v, o.amount, o.credited, o.unattributed
FROM unnest('{20,21,22,23}'::int[]) v, influence.record_order(pg_temp.program('Kinds'), pg_temp.visitor(v), 'k' || v, '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 500}, {"line_no": 2, "sku": "rake", "quantity": 2, "paid_price": 100}]', '2024-06-01 12:00') o ORDER BY 1;
SELECT k.order_ref, k.line_no, k.touch_ref, c.creator_ref, k.credit, k.reason
FROM influence.credit k LEFT JOIN influence.creator c USING (creator_id) WHERE k.program_id = pg_temp.program('Kinds') ORDER BY 1, 2, k.touch_position;
SELECT line_no, touch_ref, verdict FROM influence.explain_attribution(pg_temp.program('Kinds'), 'k20');

-- The last touch by kind where the times are equal, by touch_ref where the kinds are, too.
SELECT recorded FROM influence.record_touches(1, (
	SELECT jsonb_agg(jsonb_build_object('visitor_id', pg_temp.visitor(v), 'touch_ref', ref, 'kind', kind, 'creator_id', pg_temp.creator(c), 'touched_at', '2024-06-01'))
	FROM (VALUES (30, 'z', 'click', 'anna'), (30, 'a', 'coupon', 'bert'), (31, 'x', 'click', 'anna'), (31, 'y', 'click', 'cleo'), (31, 'Z', 'click', 'bert')) t(v, ref, kind, c)));
SELECT v, count(o.*) FROM unnest('{30,31}'::int[]) v, influence.record_order(1, pg_temp.visitor(v), 'tie' || v, '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 500}]', '2024-06-02') o GROUP BY 1 ORDER BY 1;
SELECT order_ref, touch_ref FROM influence.credit WHERE order_ref LIKE 'tie%' ORDER BY 1;

-- A touch_ref stands for one touch of a visitor, at one moment.
SELECT status FROM influence.record_touch(1, pg_temp.visitor(40), 'same', 'click', pg_temp.creator('anna'), '2024-06-01 10:00');
SELECT * FROM pg_temp.not_refused('IN004', $$record_touch(1, pg_temp.visitor(40), 'same', 'click', pg_temp.creator('anna'), '2024-06-01 11:00')$$,
	$$record_touch(1, pg_temp.visitor(40), 'same', 'click', pg_temp.creator('anna'), '2024-07-01 10:00')$$, $$record_touch(2, pg_temp.visitor(40), 'same', 'click', pg_temp.creator('anna'), '2024-06-01 10:00')$$);
SELECT status FROM influence.record_touch(1, pg_temp.visitor(41), 'same', 'click', pg_temp.creator('anna'), '2024-06-01 11:00');

-- Windows count in the program's time zone. Berlin changed its clocks on 2024-03-31: thirty days before
-- 2024-04-10 12:00 (10:00 UTC) is 2024-03-11 12:00 there, 11:00 UTC, whatever the session's zone is.
SELECT pg_temp.new_program('Berlin', 'EUR', 'Europe/Berlin', '{}', '{}');
SELECT count(*) FROM influence.apply_creator(pg_temp.program('Berlin'), pg_temp.creator('anna'), '2020-01-02');
SELECT status FROM influence.record_touch(pg_temp.program('Berlin'), pg_temp.visitor(50), 't', 'click', pg_temp.creator('anna'), '2024-03-11 11:00+00');
SELECT status FROM influence.record_touch(pg_temp.program('Berlin'), pg_temp.visitor(51), 't', 'click', pg_temp.creator('anna'), '2024-03-11 11:00:00.000001+00');
SELECT v, o.credited, o.unattributed FROM unnest('{50,51}'::int[]) v, influence.record_order(pg_temp.program('Berlin'), pg_temp.visitor(v), 'dst' || v, '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 500}]', '2024-04-10 10:00+00') o ORDER BY 1;
SELECT line_no, touch_ref, credit, verdict FROM influence.explain_attribution(pg_temp.program('Berlin'), 'dst50');
SELECT line_no, touch_ref, credit, verdict FROM influence.explain_attribution(pg_temp.program('Berlin'), 'dst51');
SELECT count(*) AS violations FROM influence.check_books();
-- The widest touch that is let in fits its index rows, which end at 2704 bytes: a key and a channel of 200 characters of four bytes
-- each, which cannot be compressed, and every number. One character more is refused.
SELECT string_agg(chr(65536 + (hashint4extended(i, 1) & 65535)::int), '' ORDER BY i) AS wide, string_agg(chr(131072 + (hashint4extended(i, 2) & 32767)::int), '' ORDER BY i) AS wide_channel FROM generate_series(1, 200) i \gset
SELECT kind, w.status FROM unnest('{view,click,cart,coupon}'::text[]) WITH ORDINALITY k(kind, n)
 CROSS JOIN LATERAL influence.record_touch(1, pg_temp.visitor(90 + n::int), :'wide', kind, pg_temp.creator('anna'), '2024-05-20', 1,
	details => jsonb_build_object('channel', :'wide_channel', 'viewable_ms', 2147483647)) w;
UPDATE influence.touch SET product_id = 9223372036854775807, category_id = 9223372036854775807, post_id = 9223372036854775807, campaign_id = 9223372036854775807 WHERE touch_ref = :'wide';
SELECT kind, octet_length(touch_ref) AS ref, octet_length(channel) AS channel FROM influence.touch WHERE touch_ref = :'wide' ORDER BY kind;
UPDATE influence.touch SET channel = channel || :'wide' WHERE touch_ref = :'wide';
DELETE FROM influence.touch WHERE touch_ref = :'wide';
SELECT pg_temp.refused(format('record_touch(1, pg_temp.visitor(9), %L, ''click'', touched_at => ''2024-05-20'')', :'wide' || 'x'));
SELECT pg_temp.refused(format('record_touch(1, pg_temp.visitor(9), ''c'', ''click'', touched_at => ''2024-05-20'', details => %L)', jsonb_build_object('channel', :'wide_channel' || 'x')));
SELECT status FROM influence.record_touch(1, pg_temp.visitor(9), 'c', 'click', touched_at => '2024-05-20', details => jsonb_build_object('channel', :'wide_channel'));
