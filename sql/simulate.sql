--
-- What a month would have cost under another rate card, other tiers, another attribution or commission policy. Nothing is
-- written; as it is, is what is booked.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{"hold": "10 days"}');
SELECT pg_temp.new_program('Parcel', 'USD', 'UTC', '{}', '{"hold": "10 days", "earns_at": "shipped", "max_clawback_age": "5 days"}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert}'::text[]) c;
SELECT status FROM influence.register_creator('cleo', 'Cleo');
SELECT category_id FROM influence.create_category('all');
SELECT category_id FROM influence.create_category('lamps', 1);
SELECT product_id FROM influence.add_product('rug', 'Rug', 1, brand => 'Wool');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 2, brand => 'Light');
SELECT category_id FROM influence.create_category('cups');
SELECT product_id FROM influence.add_product('cup', 'Cup', 3);
SELECT count(*) FROM influence.program p, influence.set_commission_rate(p.program_id, 0.1, valid_from => '2020-01-01') r;
CREATE FUNCTION pg_temp.t(v int, at timestamptz, creator text, more jsonb DEFAULT '{}') RETURNS bigint LANGUAGE sql AS
$$ SELECT sum(recorded) FROM generate_series(1, 2) p, influence.record_touches(p, jsonb_build_array(jsonb_build_object('visitor_id', pg_temp.visitor(v), 'touch_ref', concat(p, creator, at), 'creator_id', pg_temp.creator(creator), 'touched_at', at) || more)) $$;
CREATE FUNCTION pg_temp.o(v int, ref text, at timestamptz, sku text, price int, program int DEFAULT 1, quantity int DEFAULT 1) RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws(' ', status, commission, remarks) FROM influence.record_order(program, pg_temp.visitor(v), ref, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', sku, 'quantity', quantity, 'paid_price', price)), at) $$;
-- name: commission now -> then (settlement in it)
CREATE FUNCTION pg_temp.sim(rates jsonb DEFAULT NULL, tiers jsonb DEFAULT NULL, attribution jsonb DEFAULT NULL, commission jsonb DEFAULT NULL, program int DEFAULT 1) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(format('%s: %s -> %s (%s)', creator_name, commission_now, commission_then, settlement_then), ', ') FROM influence.simulate_program(program, '2024-03', rates, tiers, attribution, commission) $$;

-- In March: of a lamp for 100.01 anna was seen first, bert last; anna sold another one for 50.00; cleo, who was never admitted,
-- a rug for 20.00; bert a rug for 10.00, of which 4.00 came back. 10 %: anna 5.00, bert 10.00 + 1.00 - 0.40, cleo nothing.
SELECT pg_temp.t(1, '2024-03-01', 'anna', '{"product_id": 2}'), pg_temp.t(1, '2024-03-02 12:00', 'bert', '{"product_id": 3, "boosted": true}'), pg_temp.t(2, '2024-02-28', 'anna'), pg_temp.t(2, '2024-03-20', 'anna'), pg_temp.t(3, '2024-03-01', 'cleo'), pg_temp.t(4, '2024-03-01', 'bert');
SELECT pg_temp.o(1, 'o1', '2024-03-03', 'lamp', 10001), pg_temp.o(2, 'o2', '2024-03-31 23:59', 'lamp', 5000), pg_temp.o(3, 'o3', '2024-03-03', 'rug', 2000), pg_temp.o(4, 'o4', '2024-03-03', 'rug', 1000);
SELECT clawed_back FROM influence.record_return(1, pg_temp.visitor(4), 'o4', 1, 'r', amount => 400, returned_at => '2024-03-10');
-- not in March
SELECT pg_temp.o(2, 'o5', '2024-04-01', 'lamp', 50000, quantity => 2), pg_temp.o(2, 'o6', '2024-02-29', 'lamp', 100000);
SELECT * FROM influence.simulate_program(1, '2024-03');

-- Another card. A row for bert comes before one for lamps: 5 % of 100.01 is 500.05 -> 500, of 10.00 50 - 20. anna's lamp: 12 %, 600.
SELECT pg_temp.sim('[{"rate": 0.08}, {"rate": 0.12, "product_id": 2}, {"rate": "0.05", "creator_id": 2}]');
-- none for rugs: bert has 12 % of 100.01 = 1200.12; by the deepest category, and only in its time (o1 is of the third, o2 of the last of March)
SELECT pg_temp.sim('[{"rate": 0.12, "category_id": 2}]'), pg_temp.sim('[{"rate": 0.01}, {"rate": 0.12, "category_id": 2, "valid_from": "2024-03-03", "valid_to": "2024-03-31"}]'), pg_temp.sim('[]');
-- flat, per piece; what the touches were of and whether they were paid for, which the card in force did not ask: bert sold o1 by a
-- cup, boosted, so 20 % of 100.01; new customers are not known
SELECT pg_temp.sim('[{"flat_amount": 300}]'), pg_temp.sim('[{"rate": 0.1, "directness": "direct"}, {"rate": 0.2, "directness": "indirect", "boost": "boosted"}]'), pg_temp.sim('[{"rate": 0.1, "customer_kind": "new"}]');
-- a cut to 1 % on 1 March protects who had posted a lamp before for 31 days: anna keeps 20 %
SELECT status FROM influence.publish_post(1, pg_temp.creator('anna'), 'p', 'photo', '[{"product_id": 2}]', published_at => '2024-02-01');
SELECT pg_temp.sim('[{"rate": 0.2, "valid_to": "2024-03-01"}, {"rate": 0.01, "valid_from": "2024-03-01", "protect_days": 31}]'), pg_temp.sim('[{"rate": 0.2, "valid_to": "2024-03-01"}, {"rate": 0.01, "valid_from": "2024-03-01", "protect_days": 30}]');

-- Another model: by first touch o1 is anna's; linear 5001 (500) and 5000; a window of a day is too short for all but o1. With a
-- flat 3.00 for lamps they share one (300 x 5001 / 10001 = 150.01), and 10 % for the rest.
SELECT pg_temp.sim(attribution => '{"model": "first_touch"}'), pg_temp.sim(attribution => '{"model": "linear"}'), pg_temp.sim(attribution => '{"lookback": "1 day"}');
SELECT pg_temp.sim('[{"flat_amount": 300, "product_id": 2}, {"rate": 0.1}]', attribution => '{"model": "linear"}');
SELECT creator_name, orders, orders_then FROM influence.simulate_program(1, '2024-03', attribution => '{"model": "first_touch"}');

-- Tiers by revenue: bert sold 100.01 + 6.00: 20 % of all from 100.00 on is 2120.2; graduated 1000 + 120.2. By orders: two of them,
-- 2120.2. For lamps only: 2000.2 + 60. A row for bert is an agreement and stays outside. anna sold too little.
SELECT pg_temp.sim(tiers => '[{"measure": "revenue", "mode": "volume", "thresholds": [0, 10000], "rates": [0.1, 0.2]}]'), pg_temp.sim(tiers => '[{"measure": "revenue", "mode": "graduated", "thresholds": [0, 10000], "rates": [0.1, 0.2]}]');
SELECT pg_temp.sim(tiers => '[{"measure": "orders", "mode": "volume", "thresholds": [0, 2], "rates": [0.1, 0.2]}]'), pg_temp.sim(tiers => '[{"measure": "revenue", "mode": "volume", "thresholds": [0, 10000], "rates": [0.1, 0.2], "category_id": 2}]');
SELECT pg_temp.sim('[{"rate": 0.1}, {"rate": 0.1, "creator_id": 2}]', '[{"measure": "revenue", "mode": "volume", "thresholds": [0, 10000], "rates": [0.1, 0.2]}]');

-- The platform's own cut is 2 % of what is credited, cleo's too: 200 + 100 + 40 + 20 - 8; a month brings at most 10.00: bert has 0.60
-- less; at least 6.00: anna has 1.00 more; a line at most 4.00, a month at least 4.50: anna 4.00 + 0.50, bert 4.00 + 0.60.
SELECT pg_temp.sim(commission => '{"platform_rate": 0.02, "month_cap": 1000}'), pg_temp.sim(commission => '{"month_minimum": 600}'), pg_temp.sim(commission => '{"line_cap": 400, "month_minimum": 450}');

-- Settled in earnest: volume tiers for what is yet to come, at most 15.00 a month, and a budget of 118.00 from February on. o6 took
-- 100.00 of it. o7 and o8 bring bert 20 % of 110.00: 11.00 more than booked. His month is 10.00 + 0.60 + 20.00 + 2.00: 17.60 too much.
-- The budget has 18.00 for the month: 15.00 are bert's, 3.00 anna's, who loses 2.00 of 5.00, and all of April. o8 came back after the
-- lock: of the settlement 11.00 - 17.60 = -6.60 it takes 10.00 / 216.01: 30.55 -> 0.31 back.
SELECT status FROM influence.set_tier_table(1, 'revenue', 'volume', '{0,10000}', '{0.1,0.2}', valid_from => '2024-03-01', valid_to => '2024-04-01');
SELECT status FROM influence.set_commission_policy(1, '{"month_cap": 1500, "platform_rate": 0.01}', '2024-03-01');
SELECT status FROM influence.set_commission_policy(1, '{"month_cap": null}', '2024-04-01');
SELECT status FROM influence.set_commission_budget(1, 10000 + 1800, '', '2024-02-01', '2024-05-01');
SELECT pg_temp.t(7, '2024-03-01', 'bert'), pg_temp.o(7, 'o7', '2024-03-05', 'lamp', 10000), pg_temp.o(7, 'o8', '2024-03-06', 'rug', 1000);
SELECT clawed_back FROM influence.record_return(1, pg_temp.visitor(7), 'o8', 1, 'r', amount => 1000, returned_at => '2024-05-10');
SELECT status, entries, amount FROM influence.settle_tiers();
SELECT creator_id, stage, sum(amount) FROM influence.settlement WHERE month = '2024-03' GROUP BY 1, 2 ORDER BY 1, 2;
CREATE FUNCTION pg_temp.differs() RETURNS TABLE (program_id bigint, month text, creator_id bigint, now numeric, later numeric, booked numeric) LANGUAGE sql AS $$
	WITH booked AS (
		SELECT x.program_id, x.month, x.creator_id, sum(x.amount) AS amount, sum(x.settled) AS settled
		FROM (SELECT e.program_id, to_char(e.ordered_at AT TIME ZONE g.time_zone, 'YYYY-MM') AS month, e.creator_id, e.amount, 0 AS settled FROM influence.earning e JOIN influence.program g USING (program_id)
			UNION ALL SELECT s.program_id, s.month, s.creator_id, s.amount, s.amount FROM influence.settlement s) x GROUP BY 1, 2, 3
	), said AS (
		SELECT m.*, s.* FROM (SELECT DISTINCT b.program_id, b.month FROM booked b) m, influence.simulate_program(m.program_id, m.month) s WHERE s.creator_id IS NOT NULL)
	SELECT program_id, month, creator_id, s.commission_now, s.commission_then, b.amount FROM said s FULL JOIN booked b USING (program_id, month, creator_id)
	WHERE (s.commission_now, s.commission_then, s.settlement_now) IS DISTINCT FROM (b.amount, b.amount, b.settled) $$;
SELECT * FROM pg_temp.differs();
-- bert has 10.00 + 0.60 + 10.00 + 1.00 - 1.00 - 6.60 + 0.31 = 14.31. Without the cap the budget lets him have all of its 18.00 of 32.60:
-- the settlement is 11.00 - 14.60 = -3.60, of which o8 gives 3.60 x 10 / 216.01 = 16.67 -> 0.17 back: 17.17, and anna nothing. Without
-- tiers, too, 18.00 of 21.60 are left. Without tiers the cap takes 6.60.
SELECT pg_temp.sim(), pg_temp.sim(commission => '{"month_cap": null}'), pg_temp.sim(tiers => '[]', commission => '{"month_cap": null}'), pg_temp.sim(tiers => '[]');

-- the same in the explanation of an order, to its end
SELECT fact, value, source FROM influence.explain_commission(1, 'o7') WHERE fact ~ 'tier|settlement';

-- What is not earned yet is on neither side; what came back too late costs nobody.
SELECT pg_temp.o(1, 'p1', '2024-03-03', 'lamp', 10001, 2), pg_temp.o(2, 'p2', '2024-03-03', 'lamp', 5000, 2);
SELECT commission FROM influence.record_order_event(2, pg_temp.visitor(2), 'p2', 'shipped', '2024-03-04');
SELECT clawed_back FROM (VALUES ('soon', 1000, '2024-03-05'), ('late', 4000, '2024-03-09')) v(ref, amount, at), influence.record_return(2, pg_temp.visitor(2), 'p2', 1, ref, amount => v.amount, returned_at => at::timestamptz);
SELECT pg_temp.sim(program => 2), pg_temp.sim('[{"rate": 0.2}]', program => 2);
SELECT * FROM pg_temp.differs();

-- It writes and locks nothing, and assigns no transaction id.
SELECT pg_temp.contents() AS before \gset
BEGIN READ ONLY;
SELECT pg_temp.sim('[{"rate": 0.2}]', '[]', '{"model": "linear"}', '{"month_cap": 1}');
SELECT DISTINCT locktype, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid';
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_xid;
COMMIT;
SELECT pg_temp.contents() = :'before' AS nothing_changed;

-- What cannot be meant, as the setters say it.
SELECT * FROM pg_temp.not_refused('IN003', $$simulate_program(99, '2024-03')$$, $$simulate_program(NULL, '2024-03')$$, $$simulate_program(1, '2024-03', '[{"rate": 0.1, "creator_id": 99}]')$$,
	$$simulate_program(1, '2024-03', '[{"rate": 0.1, "product_id": 99}]')$$, $$simulate_program(1, '2024-03', '[{"rate": 0.1, "category_id": 99}]')$$, $$simulate_program(1, '2024-03', NULL, '[{"measure": "units", "mode": "volume", "thresholds": [0], "rates": [0.1], "category_id": 99}]')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$simulate_program(1, '2024-13')$$, $$simulate_program(1, NULL)$$, $$simulate_program(1, '2024-03', '{}')$$, $$simulate_program(1, '2024-03', '[{"rate": 2}]')$$, $$simulate_program(1, '2024-03', '[{}]')$$,
	$$simulate_program(1, '2024-03', '[{"rate": "much"}]')$$, $$simulate_program(1, '2024-03', '[{"rate": 0.1, "boost": "big"}]')$$, $$simulate_program(1, '2024-03', '[{"rate": 0.1, "prodcut_id": 1}]')$$, $$simulate_program(1, '2024-03', '[{"rate": 0.1, "flat_amount": 1}]')$$,
	$$simulate_program(1, '2024-03', '[{"rate": 0.1, "valid_from": "infinity"}]')$$, $$simulate_program(1, '2024-03', '[{"rate": 0.1, "valid_from": "2024-03-01", "valid_to": "2024-03-01"}]')$$, $$simulate_program(1, '2024-03', '[7]')$$,
	$$simulate_program(1, '2024-03', NULL, '[{"measure": "fun", "mode": "volume", "thresholds": [0], "rates": [0.1]}]')$$, $$simulate_program(1, '2024-03', NULL, '[{"mode": "volume", "thresholds": [0], "rates": [0.1]}]')$$,
	$$simulate_program(1, '2024-03', NULL, '[{"measure": "units", "mode": "volume", "thresholds": [1], "rates": [0.1]}]')$$, $$simulate_program(1, '2024-03', NULL, '[{"measure": "units", "mode": "volume", "thresholds": [0], "rates": [1.1]}]')$$,
	$$simulate_program(1, '2024-03', attribution => '{"model": "magic"}')$$, $$simulate_program(1, '2024-03', attribution => '{"lookback": "soon"}')$$, $$simulate_program(1, '2024-03', attribution => '{"lookback": "11 years"}')$$, $$simulate_program(1, '2024-03', attribution => '{"model": null}')$$,
	$$simulate_program(1, '2024-03', attribution => '{"window": "1 day"}')$$, $$simulate_program(1, '2024-03', attribution => '{"coupon_rule": "maybe"}')$$, $$simulate_program(1, '2024-03', commission => '{"platform_rate": 2}')$$, $$simulate_program(1, '2024-03', commission => '{"line_cap": -1}')$$,
	$$simulate_program(1, '2024-03', commission => '{"line_cap": "much"}')$$, $$simulate_program(1, '2024-03', commission => '{"tier_restate": "never"}')$$, $$simulate_program(1, '2024-03', commission => '{"platform_rate": null}')$$, $$simulate_program(1, '2024-03', commission => '[]')$$, $$simulate_program(1, '2024-03', commission => '{"xact": 1}')$$);
SELECT * FROM pg_temp.not_refused('IN006', $$simulate_program(1, '2024-03', '[{"flat_amount": 9223372036854775808}]')$$, $$simulate_program(1, '2024-04', '[{"flat_amount": 9223372036854775807}]', commission => '{"platform_rate": 1}')$$);
SELECT * FROM pg_temp.not_refused('IN005', $$simulate_program(1, '2024-03', attribution => '{"model": "participation"}')$$);
SELECT * FROM pg_temp.not_refused('IN010', $$simulate_program(1, '2024-03', commission => '{"base_less": []}')$$);
SELECT * FROM pg_temp.not_refused('IN011', $$simulate_program(1, '2024-03', '[{"rate": 0.1}, {"rate": 0.2, "valid_from": "2024-03-01"}]')$$,
	$$simulate_program(1, '2024-03', NULL, '[{"measure": "units", "mode": "volume", "thresholds": [0], "rates": [0.1]}, {"measure": "orders", "mode": "volume", "thresholds": [0], "rates": [0.1], "valid_from": "2024-01-01"}]')$$);
SELECT pg_temp.refused($$simulate_program(1, '2024-03', '[{"rate": 0.1}, {"rate": 3}]')$$), pg_temp.refused($$simulate_program(1, '2024-03', '[{"rate": 0.1}, {"rate": 0.1, "valid_from": "2024-01-01"}]')$$);
SELECT pg_temp.refused($$simulate_program(1, '2024-03', commission => '{"line_cap": -1}')$$), pg_temp.refused($$simulate_program(1, '2024-03', NULL, '[{"measure": "units", "mode": "volume", "thresholds": [0], "rates": "x"}]')$$);
