-- The views of analysts: shares of a line to the cent, days in the program's zone, what is superseded, not earned yet or
-- written off. (test/oracle/check_reports.py compares all of them with random programs.)
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

-- Every view opens for readers, and has nothing to say of nothing.
CREATE FUNCTION pg_temp.rows_of(view_name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM (SELECT * FROM influence.%I OFFSET 0) x', view_name) INTO n;
	RETURN n;
END $$;
SET ROLE influence_reader;
SELECT v.relname, pg_temp.rows_of(v.relname) AS rows FROM pg_class v WHERE v.relkind = 'v' AND v.relnamespace = 'influence'::regnamespace AND pg_temp.rows_of(v.relname) > 0 AND v.relname <> 'jobs';
RESET ROLE;
SELECT count(*) AS not_as_the_invoker FROM pg_class v WHERE v.relkind = 'v' AND v.relnamespace = 'influence'::regnamespace AND v.reloptions IS DISTINCT FROM '{security_invoker=true}';

SELECT pg_temp.new_program('Shop', 'EUR', 'Europe/Berlin', '{"model": "linear"}', '{"hold": "3600 days", "max_clawback_age": "10 days"}');
SELECT status FROM influence.set_commission_policy(1, '{"platform_rate": 0.02}', '2020-01-01');
SELECT pg_temp.new_program('Sent', 'EUR', 'UTC', '{}', '{"hold": "3600 days", "earns_at": "shipped", "rounding": "half_even"}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo}'::text[]) c;
SELECT count(*) FROM influence.create_category('all');
SELECT count(*) FROM influence.add_product('lamp', 'Lamp', 1);
SELECT count(*) FROM unnest('{1,2}'::int[]) p, influence.set_commission_rate(p, 0.07, valid_from => '2024-01-01');

-- 999 of three touches, two of them anna's: 333 each. anna 666 at 7 %: 46.62 -> 47, bert 23.31 -> 23, the platform 2 %: 19.98 -> 20.
-- Of 47 the first touch has round(47 / 2) = 24, the second the rest. 500 come back in time: of anna's base 333.33 -> 333, of bert's 166.67 -> 167; of the
-- commissions 23.52 -> 24, 11.51 -> 12, 10.01 -> 10. The other 499 come back after 10 days: they cost the creators nothing.
SELECT recorded FROM influence.record_touches(1, (
	SELECT jsonb_agg(jsonb_build_object('visitor_id', pg_temp.visitor(1), 'touch_ref', ref, 'creator_id', pg_temp.creator(c), 'touched_at', at, 'surface', surface, 'in_app', surface = 'feed'))
	FROM (VALUES ('a1', 'anna', '2024-03-30 22:30+00', 'feed'), ('b1', 'bert', '2024-03-30 22:40+00', 'page'), ('a2', 'anna', '2024-03-30 23:10+00', 'page')) t(ref, c, at, surface)));
SELECT commission, credited FROM influence.record_order(1, pg_temp.visitor(1), 'shared', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 999}]', '2024-03-30 23:30+00');
SELECT clawed_back FROM influence.record_return(1, pg_temp.visitor(1), 'shared', 1, 'r1', amount => 500, returned_at => '2024-04-01 22:30+00');
SELECT clawed_back FROM influence.record_return(1, pg_temp.visitor(1), 'shared', 1, 'r2', amount => 499, returned_at => '2024-05-01 12:00+00');
SELECT touch_ref, coalesce(c.creator_ref, '-') AS creator, o.day, o.reason, o.credit, o.returned, o.commission, o.clawed_back, o.written_off, o.earned
FROM influence.order_credits o LEFT JOIN influence.creator c USING (creator_id) WHERE order_ref = 'shared' ORDER BY o.creator_id, touched_at;
-- in Berlin the order was placed on the 31st, two touches were on the 30th, and it came back on the 2nd
SELECT c.creator_ref, d.day, d.clicks, d.orders, d.lines, d.revenue, d.returned, d.net_revenue, d.commission, d.clawed_back, d.written_off, d.net_commission, d.kept_revenue, d.kept_commission
FROM influence.creator_daily d JOIN influence.creator c USING (creator_id) WHERE program_id = 1 ORDER BY 1, 2;
SELECT day, surface, path, clicks, clickers, buyers, orders, revenue, returned, orders_per_click FROM influence.funnel_daily WHERE program_id = 1 ORDER BY 1, 2;

-- What a later attribution took away is nobody's: no order, no line, no money, though there are earnings both ways.
SELECT status FROM influence.record_touch(2, pg_temp.visitor(2), 'b', 'click', pg_temp.creator('bert'), '2024-06-01 10:00+00');
SELECT credited FROM influence.record_order(2, pg_temp.visitor(2), 'moved', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-06-03 10:00+00');
SELECT status FROM influence.record_order_event(2, pg_temp.visitor(2), 'moved', 'shipped', '2024-06-03 11:00+00');
SELECT status FROM influence.record_touch(2, pg_temp.visitor(2), 'a', 'click', pg_temp.creator('anna'), '2024-06-02 10:00+00');
SELECT status FROM influence.reattribute(2, 'moved');
SELECT c.creator_ref, e.revision, e.base, e.amount FROM influence.earning e JOIN influence.creator c USING (creator_id) WHERE order_ref = 'moved' ORDER BY 1, 2;
SELECT c.creator_ref, m.credits, m.revenue, m.kept, m.earned FROM influence.creator_line m JOIN influence.creator c USING (creator_id) WHERE order_ref = 'moved' ORDER BY 1;
SELECT c.creator_ref, o.reason, o.credit, o.earned FROM influence.order_credits o JOIN influence.creator c USING (creator_id) WHERE order_ref = 'moved' ORDER BY 1;

-- An order that is not sent yet counts, and so does what comes back of it; nothing is earned.
SELECT status FROM influence.record_touch(2, pg_temp.visitor(3), 'c', 'click', pg_temp.creator('cleo'), '2024-06-01 10:00+00');
SELECT commission, credited FROM influence.record_order(2, pg_temp.visitor(3), 'waits', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1001}, {"line_no": 2, "sku": "lamp", "quantity": 1, "paid_price": 50}]', '2024-06-02 10:00+00');
SELECT returned FROM influence.record_return(2, pg_temp.visitor(3), 'waits', 1, 'r', amount => 500, returned_at => '2024-06-04 10:00+00');
SELECT line_no, base FROM influence.unearned_return;
SELECT day, orders, lines, revenue, returned, commission, clawed_back, kept_revenue FROM influence.creator_daily WHERE program_id = 2 AND creator_id = pg_temp.creator('cleo') ORDER BY 1;
-- Once it is sent, the clawback takes its place: 7 % of 1001 is 70.07 -> 70, of 50 3.5 -> 4 (to even); 500 of 1001 take 34.97 -> 35 of the 70.
SELECT status FROM influence.record_order_event(2, pg_temp.visitor(3), 'waits', 'shipped', '2024-06-05 10:00+00');
SELECT count(*) AS unearned FROM influence.unearned_return;
SELECT day, orders, lines, revenue, returned, commission, clawed_back, kept_revenue, kept_commission FROM influence.creator_daily WHERE program_id = 2 AND creator_id = pg_temp.creator('cleo') ORDER BY 1;

-- Before it is sent, a line of two creators is rounded as its clawbacks will be: of 3 each in 6, 1, 3 and 6 back are 0.5 -> 0, 1.5 -> 2 and 3.
SELECT pg_temp.new_program('Slow', 'EUR', 'UTC', '{"model": "linear"}', '{"hold": "3600 days", "earns_at": "shipped", "rounding": "half_even"}');
SELECT count(a.*) FROM unnest('{anna,bert}'::text[]) c, influence.apply_creator(3, pg_temp.creator(c), '2020-01-02') a;
SELECT status FROM influence.set_commission_rate(3, 1, valid_from => '2024-01-01');
SELECT count(*) FROM unnest('{anna,bert}'::text[]) c, influence.record_touch(3, pg_temp.visitor(4), c, 'click', pg_temp.creator(c), '2024-06-01 10:00+00');
SELECT credited FROM influence.record_order(3, pg_temp.visitor(4), 'slow', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 6}]', '2024-06-02 10:00+00');
SELECT count(*) FROM (VALUES (1, 1), (2, 2), (3, 3)) v(n, amount), influence.record_return(3, pg_temp.visitor(4), 'slow', 1, 'r' || n, amount => v.amount, returned_at => '2024-06-03'::timestamptz + n * interval '1 day') r;
SELECT c.creator_ref, d.day, d.returned FROM influence.creator_daily d JOIN influence.creator c USING (creator_id) WHERE program_id = 3 AND day > '2024-06-02' ORDER BY 1, 2;
SELECT status FROM influence.record_order_event(3, pg_temp.visitor(4), 'slow', 'shipped', '2024-06-08 10:00+00');
SELECT c.creator_ref, d.day, d.returned, d.clawed_back FROM influence.creator_daily d JOIN influence.creator c USING (creator_id) WHERE program_id = 3 AND day > '2024-06-02' ORDER BY 1, 2;

-- The rates of the field. anna: four clicks of her post, two orders of 10.00 and 30.00, of which 10.00 come back: half an order per click, a quarter came
-- back, 20.00 an order; 5 % of 40.00 less 5 % of 10.00 is 1.50 by four clicks: 0.375. Another post and bert were only seen: nothing to divide by. A click
-- of cleo's without an order: no conversion, no earnings.
SELECT pg_temp.new_program('Rates', 'EUR', 'UTC', '{}', '{"hold": "3600 days"}');
SELECT count(a.*) FROM unnest('{anna,bert,cleo}'::text[]) c, influence.apply_creator(4, pg_temp.creator(c), '2020-01-02') a;
SELECT status FROM influence.set_commission_rate(4, 0.05, valid_from => '2024-01-01');
SELECT post_id FROM generate_series(1, 2) i, influence.publish_post(4, pg_temp.creator('anna'), 'rates ' || i, 'photo', '[{"product_id": 1}]', published_at => '2024-06-01') p;
SELECT count(*) FROM generate_series(1, 4) i, influence.record_touch(4, pg_temp.visitor(10 + i), 'c' || i, 'click', pg_temp.creator('anna'), '2024-06-01 10:00+00', post_id => 1) t;
SELECT count(*) FROM unnest('{anna,bert}'::text[]) c, influence.record_touch(4, pg_temp.visitor(20), 'v ' || c, 'view', pg_temp.creator(c), '2024-06-01 10:00+00', post_id => CASE c WHEN 'anna' THEN 2 END) t;
SELECT status FROM influence.record_touch(4, pg_temp.visitor(21), 'c', 'click', pg_temp.creator('cleo'), '2024-06-01 10:00+00');
SELECT sum(commission) FROM generate_series(1, 2) i, influence.record_order(4, pg_temp.visitor(10 + i), 'rates ' || i, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', 'lamp', 'quantity', 1, 'paid_price', 2000 * i - 1000)), '2024-06-01 11:00+00') o;
SELECT clawed_back FROM influence.record_return(4, pg_temp.visitor(12), 'rates 2', 1, 'r', amount => 1000, returned_at => '2024-06-09');
SELECT c.creator_ref, s.clicks, s.orders, s.conversion_rate, s.return_rate, s.average_order_value, s.earnings_per_click FROM influence.creator_scorecard s JOIN influence.creator c USING (creator_id) WHERE program_id = 4 ORDER BY 1;
SELECT c.creator_ref, d.day, d.clicks, d.orders, d.conversion_rate, d.return_rate, d.average_order_value, d.earnings_per_click FROM influence.creator_daily d JOIN influence.creator c USING (creator_id) WHERE program_id = 4 ORDER BY 1, 2;
SELECT c.creator_ref, m.month, m.conversion_rate, m.return_rate, m.average_order_value, m.earnings_per_click FROM influence.creator_month m JOIN influence.creator c USING (creator_id) WHERE program_id = 4 ORDER BY 1;
SELECT c.creator_ref, h.hour, h.conversion_rate, h.return_rate, h.average_order_value, h.earnings_per_click FROM influence.creator_hours h JOIN influence.creator c USING (creator_id) WHERE program_id = 4 ORDER BY 1, h.collaboration;
SELECT post_ref, views, clicks, visitors, orders, revenue, returned, kept, earned, conversion_rate, return_rate, average_order_value, earnings_per_click FROM influence.post_report ORDER BY 1;
-- A smile that retention dropped before it was taken back is none, and not one less than none.
BEGIN;
SELECT status FROM unnest('{smile,unsmile}'::text[]) WITH ORDINALITY k(kind, n), influence.react(pg_temp.visitor(11), 1, k.kind, occurred_at => timestamptz '2024-06-01' + n * interval '20 days') r;
DELETE FROM influence.engagement WHERE kind = 'smile';
SELECT post_ref, smiles FROM influence.post_report WHERE post_id = 1;
ROLLBACK;

-- Independent sums: the ledger, the earnings, the income of months.
SELECT c.creator_ref, s.program_id, s.total, (SELECT coalesce(sum(CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END), 0) FROM influence.ledger l
	WHERE l.party_id = s.creator_id AND l.program_id = s.program_id) AS ledger, (SELECT sum(i.total) FROM influence.creator_income i WHERE i.creator_id = s.creator_id AND i.program_id = s.program_id) AS income
FROM influence.creator_scorecard s JOIN influence.creator c USING (creator_id) WHERE s.orders > 0 ORDER BY 1, 2;
SELECT program_id, month, sales, revenue, kept, cost, exposed, exposed_buyers FROM influence.roi_report ORDER BY 1, 2;

-- Views are dropped with the tables.
SELECT dropped > 0 AS dropped FROM influence.uninstall('drop all influence data in ' || current_database());
SELECT count(*) AS left FROM pg_class v WHERE v.relkind IN ('v', 'r', 'p') AND v.relnamespace = 'influence'::regnamespace;
