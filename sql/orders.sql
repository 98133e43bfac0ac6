--
-- Orders: what a line's base is, who may not earn by it, at which rate.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{"hold": "14 days"}');
SELECT pg_temp.new_program('Yen', 'JPY', 'UTC', '{"model": "linear"}', '{"hold": "0"}');
SELECT pg_temp.new_program('Dinar', 'KWD', 'UTC', '{"model": "linear"}', '{"hold": "0", "rounding": "half_even"}');
SELECT pg_temp.new_program('Points', 'USD', 'UTC', '{}', '{"hold_after_month_end": 15, "rounding": "down"}');
SELECT pg_temp.new_creator('anna', pg_temp.visitor(101));
SELECT pg_temp.new_creator('bert', pg_temp.visitor(102));
SELECT pg_temp.new_creator('agent', pg_temp.visitor(103), 'agency', ARRAY[pg_temp.creator('anna')]);
SELECT status FROM influence.register_creator('eve', 'Eve');		-- not admitted
SELECT status FROM influence.create_program('Honour', 'USD', paying => false);
SELECT category_id FROM influence.create_category('Home');
SELECT category_id FROM influence.create_category('Garden', 1);
SELECT product_ids FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 1}, {"sku": "rake", "title": "Rake", "category_id": 2}]');
SELECT count(*) FROM influence.program p, influence.set_commission_rate(p.program_id, 0.05, valid_from => '2024-01-01');

-- A click of each visitor n on creator x, a day before the orders.
SELECT recorded FROM influence.record_touches(1, (
	SELECT jsonb_agg(jsonb_build_object('visitor_id', pg_temp.visitor(v), 'touch_ref', 'c', 'creator_id', pg_temp.creator(c), 'touched_at', '2024-05-31'))
	FROM (VALUES (1, 'anna'), (2, 'anna'), (3, 'eve'), (4, 'bert'), (5, 'anna'), (101, 'anna'), (102, 'anna'), (103, 'anna'), (104, 'agent')) t(v, c)));

-- Base amounts: quantity x paid price, less what is stated as contained in it, never below 0, or as stated.
--   1: 3 x 1999 = 5997                                          commission 299.85 -> 300
--   2: 2 x 1000 - 150 - 50 - 319 - 490 - 11 - 80 = 900          45
--   3: 1 x 0 = 0                                                0
--   4: 1 x 100 - 500 -> 0                                       0
--   5: stated 1234                                              61.7 -> 62
SELECT * FROM influence.record_order(1, pg_temp.visitor(1), 'o1', '[
	{"line_no": 1, "sku": "lamp", "quantity": 3, "paid_price": 1999, "list_price": 2499},
	{"line_no": 2, "product_id": 2, "quantity": 2, "paid_price": 1000, "discount_seller": 150, "discount_platform": 50, "tax": 319, "shipping": 490, "points": 11, "gift_card": 80},
	{"line_no": 3, "sku": "rake", "quantity": 1, "paid_price": 0},
	{"line_no": 4, "sku": "rake", "quantity": 1, "paid_price": 100, "discount_seller": 500},
	{"line_no": 7, "sku": "lamp", "quantity": 5, "paid_price": 999, "base_amount": 1234, "new_customer": true, "seller": "s"}]',
	'2024-06-01 12:00', 'USD', '{"country": "DE", "coupon": "C", "gift": false}');
SELECT line_no, quantity, paid_price, base_amount, category_path FROM influence.order_line WHERE order_ref = 'o1' ORDER BY 1;
SELECT line_no, base, rate, amount, available_at, hold_reason FROM influence.earning WHERE order_ref = 'o1' ORDER BY 1;
SELECT regexp_replace(entry_key, '[0-9a-f-]{36}', 'ENTRY') AS entry_key, debit_account, credit_account, amount, available_at FROM influence.ledger ORDER BY 1;
-- the same again, from here and from elsewhere, is a duplicate; anything else a conflict
SELECT pg_temp.contents() AS before \gset
SELECT status, line_count, amount, commission FROM influence.record_order(1, pg_temp.visitor(1), 'o1', '[
	{"line_no": 1, "sku": "lamp", "quantity": 3, "paid_price": 1999, "list_price": 2499},
	{"line_no": 2, "product_id": 2, "quantity": 2, "paid_price": 1000, "discount_seller": 150, "discount_platform": 50, "tax": 319, "shipping": 490, "points": 11, "gift_card": 80},
	{"line_no": 3, "sku": "rake", "quantity": 1, "paid_price": 0},
	{"line_no": 4, "sku": "rake", "quantity": 1, "paid_price": 100, "discount_seller": 500},
	{"line_no": 7, "sku": "lamp", "quantity": 5, "paid_price": 999, "base_amount": 1234, "new_customer": true, "seller": "s"}]',
	'2024-06-01 12:00', 'USD', '{"country": "DE", "coupon": "C", "gift": false}');
SELECT pg_temp.contents() = :'before' AS nothing_changed;
SELECT status FROM influence.record_order(1, pg_temp.visitor(2), 'o2', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-06-01 12:00');
SET TimeZone = 'America/New_York';
SELECT status FROM influence.record_order(1, pg_temp.visitor(2), 'o2', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-06-01 12:00+00');
SET TimeZone = 'UTC';
SELECT * FROM pg_temp.not_refused('IN004', $$record_order(1, pg_temp.visitor(2), 'o2', '[{"line_no": 1, "sku": "lamp", "quantity": 2, "paid_price": 1000}]', '2024-06-01 12:00')$$,
	$$record_order(1, pg_temp.visitor(2), 'o2', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-06-01 12:01')$$,
	$$record_order(1, pg_temp.visitor(2), 'o2', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]')$$,
	$$record_order(1, pg_temp.visitor(2), 'o2', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-06-01 12:00', details => '{"country": "DE"}')$$);

-- Who does not earn. The credit stays where the attribution put it (or is excluded), the commission is 0 with the reason.
--   3: eve is not admitted; 101: anna buys herself; 103: anna's agency buys; 104: a stranger buys of the agency: it earns;
--   102: another creator buys of anna: she earns; 4: bert is suspended from 06-01 12:00; 5: before anna is banned
SELECT status FROM influence.set_creator_status(pg_temp.creator('bert'), 'suspended', 'r', 'ops', '2024-06-01 12:00');
SELECT status FROM influence.set_creator_status(pg_temp.creator('anna'), 'banned', 'r', 'ops', '2024-06-02');
SELECT v, o.credited, o.unattributed, o.commission
FROM (VALUES (3, '2024-06-01'), (101, '2024-06-01'), (103, '2024-06-01'), (104, '2024-06-01'), (102, '2024-06-01'), (4, '2024-06-01 11:59:59.999999'), (5, '2024-06-01 23:59:59.999999')) t(v, at),
	influence.record_order(1, pg_temp.visitor(v), 'w' || v, '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', at::timestamptz) o ORDER BY v;
SELECT v, o.credited, o.commission FROM (VALUES (4, '2024-06-01 12:00'), (5, '2024-06-02')) t(v, at),
	influence.record_order(1, pg_temp.visitor(v), 'x' || v, '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', at::timestamptz) o ORDER BY v;
SELECT k.order_ref, k.reason, k.credit, e.amount, e.hold_reason
FROM influence.credit k LEFT JOIN influence.earning e USING (visitor_id, program_id, order_ref, line_no, creator_id)
WHERE k.order_ref ~ '^[wx]' ORDER BY 1;
SELECT touch_ref, verdict FROM influence.explain_attribution(1, 'w101');
-- a program that pays nothing, an order before any rate holds, a creator before her admission
SELECT count(*) FROM influence.apply_creator(pg_temp.program('Honour'), pg_temp.creator('bert'), '2020-01-02');
SELECT recorded FROM influence.record_touches(pg_temp.program('Honour'), jsonb_build_array(jsonb_build_object('visitor_id', pg_temp.visitor(6), 'touch_ref', 'h', 'creator_id', pg_temp.creator('bert'), 'touched_at', '2024-05-31')));
SELECT commission, credited FROM influence.record_order(pg_temp.program('Honour'), pg_temp.visitor(6), 'h', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-06-01');
SELECT recorded FROM influence.record_touches(1, jsonb_build_array(jsonb_build_object('visitor_id', pg_temp.visitor(7), 'touch_ref', 'n', 'creator_id', pg_temp.creator('bert'), 'touched_at', '2023-12-31'),
	jsonb_build_object('visitor_id', pg_temp.visitor(8), 'touch_ref', 'n', 'creator_id', pg_temp.creator('bert'), 'touched_at', '2020-01-01')));
SELECT v, o.commission, o.credited FROM (VALUES (7, '2023-12-31 23:59:59.999999'), (8, '2020-01-01 23:59:59.999999')) t(v, at),
	influence.record_order(1, pg_temp.visitor(v), 'n' || v, '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', at::timestamptz) o ORDER BY v;
SELECT order_ref, amount, hold_reason, rate FROM influence.earning WHERE order_ref IN ('h', 'n7', 'n8') ORDER BY 1;
SELECT count(*) AS booked_of_zero FROM influence.ledger l JOIN influence.earning e USING (visitor_id, program_id, order_ref, line_no) WHERE e.amount = 0;

-- Rates: the creator's before the product's before the deepest category's before the country's before everybody's; among
-- equals the greater priority, then the lower id; from valid_from, until before valid_to.
SELECT pg_temp.new_program('Rates', 'USD', 'UTC', '{}', '{}');
SELECT pg_temp.program('Rates') AS rates \gset
SELECT count(*) FROM influence.apply_creator(:rates, pg_temp.creator('bert'), '2020-01-02');
SELECT status FROM influence.set_creator_status(pg_temp.creator('bert'), 'active', 'r', 'ops', '2024-06-01 12:00:01');
SELECT rate, status, version FROM (VALUES
	(0.01, 0, 0, 0, '', 0, '2024-01-01', 'infinity'), (0.02, 0, 0, 0, 'DE', 0, '2024-01-01', 'infinity'), (0.03, 0, 0, 1, '', 0, '2024-01-01', 'infinity'),
	(0.04, 0, 0, 2, '', 0, '2024-01-01', 'infinity'), (0.05, 0, 0, 2, 'DE', 0, '2024-01-01', 'infinity'), (0.06, 0, 2, 0, '', 0, '2024-07-01', '2024-08-01'),
	(0.07, 2, 0, 0, '', 0, '2024-08-01', '2024-09-01'), (0.08, 0, 0, 0, 'DE', 5, '2024-09-01', '2024-10-01'), (0.09, 2, 2, 2, 'DE', -1, '2024-10-01', '2024-11-01')) r(rate, creator, product, category, country, priority, since, until),
	influence.set_commission_rate(:rates, r.rate::numeric, r.creator, r.product, r.category, r.country, NULL, r.priority, r.since::timestamptz, r.until::timestamptz) s ORDER BY 1;
--   lamp (Home) in June: .03; rake (Home > Garden) in June: .04, in DE .05; July: the product's .06 until before 08-01;
--   August: the creator's .07; September: a country's rate is less than a category's, whatever its priority: .05 and .03;
--   October: all of them: .09; a product in no category with a rate does not exist here
SELECT n, o.commission
FROM (VALUES (1, 'lamp', '2024-06-05', NULL), (2, 'rake', '2024-06-05', NULL), (3, 'rake', '2024-06-05', 'DE'), (4, 'lamp', '2024-06-05', 'DE'), (5, 'rake', '2024-06-30 23:59:59.999999', 'FR'), (6, 'rake', '2024-07-01', 'DE'),
	(7, 'rake', '2024-07-31 23:59:59.999999', 'DE'), (8, 'rake', '2024-08-01', 'DE'), (9, 'rake', '2024-09-01', 'DE'), (10, 'lamp', '2024-09-30', 'DE'), (11, 'rake', '2024-10-01', 'DE'), (12, 'rake', '2024-10-01', 'FR')) t(n, sku, at, country),
	influence.record_touch(:rates, pg_temp.visitor(200 + n), 'r', 'click', 2, at::timestamptz) c,
	influence.record_order(:rates, pg_temp.visitor(200 + n), 'r' || n || c.status, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', sku, 'quantity', 1, 'paid_price', 10000)), at::timestamptz,
		NULL, CASE WHEN country IS NULL THEN '{}' ELSE jsonb_build_object('country', country) END) o ORDER BY n;
SELECT fact, value, regexp_replace(source, 'rate \d+', 'rate N') AS source FROM influence.explain_commission(:rates, 'r3recorded');
-- the card itself
SELECT status, version FROM influence.set_commission_rate(:rates, 0.01, valid_from => '2024-01-01');
SELECT status, version FROM influence.set_commission_rate(:rates, 0.011, valid_from => '2025-01-01');
SELECT status, version FROM influence.set_commission_rate(:rates, 0.01, valid_from => '2024-01-01');
SELECT rate, version, valid FROM influence.commission_rate WHERE program_id = :rates AND (creator_id, product_id, category_id, country) = (0, 0, 0, '') ORDER BY version;
SELECT * FROM pg_temp.not_refused('IN011', format($$set_commission_rate(%s, 0.02, valid_from => '2024-01-01')$$, :rates), format($$set_commission_rate(%s, 0.02, valid_from => '2023-12-01')$$, :rates),
	format($$set_commission_rate(%s, 0.02, product_id => 2, valid_from => '2024-07-15')$$, :rates), format($$set_commission_rate(%s, 0.06, product_id => 2, valid_from => '2024-06-15', valid_to => '2024-07-02')$$, :rates));
SELECT * FROM pg_temp.not_refused('IN002', $$set_commission_rate(1)$$, $$set_commission_rate(1, 0.1, flat_amount => 5)$$, $$set_commission_rate(1, -0.1)$$, $$set_commission_rate(1, 'NaN')$$, $$set_commission_rate(1, 'Infinity')$$,
	$$set_commission_rate(1, 0.0000000001)$$, $$set_commission_rate(1, flat_amount => -1)$$, $$set_commission_rate(1, 0.1, country => 'Germany')$$, $$set_commission_rate(1, 0.1, country => NULL)$$, $$set_commission_rate(1, 0.1, NULL)$$,
	$$set_commission_rate(1, 0.1, priority => NULL)$$, $$set_commission_rate(1, 0.1, valid_from => NULL)$$, $$set_commission_rate(1, 0.1, valid_from => 'infinity')$$, $$set_commission_rate(1, 0.1, valid_from => '2024-02-01', valid_to => '2024-02-01')$$,
	$$set_commission_rate(1, 0.1, valid_from => '2024-02-01', valid_to => '2024-01-01')$$, $$set_commission_rate(1, 1000)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_commission_rate(99, 0.1)$$, $$set_commission_rate(NULL, 0.1)$$, $$set_commission_rate(1, 0.1, 99)$$, $$set_commission_rate(1, 0.1, product_id => 99)$$, $$set_commission_rate(1, 0.1, category_id => 99)$$);

-- Currencies of 0 and 3 decimals; rounding. Two touches, linear: of 999 the first gets 500 (the odd unit), the second 499;
-- at 5 %: 25.0 and 24.95 -> 25 and 25 yen. Dinars half even: of 100 and 90, 50 and 45 each: 2.5 -> 2 and 2.25 -> 2 fils.
SELECT p.name, c.recorded, o.amount, o.commission
FROM influence.program p, influence.record_touches(p.program_id, jsonb_build_array(
	jsonb_build_object('visitor_id', pg_temp.visitor(300 + p.program_id::int), 'touch_ref', 'a', 'creator_id', 2, 'touched_at', '2024-06-05'),
	jsonb_build_object('visitor_id', pg_temp.visitor(300 + p.program_id::int), 'touch_ref', 'b', 'creator_id', 3, 'touched_at', '2024-06-06'))) c,
	influence.record_order(p.program_id, pg_temp.visitor(300 + p.program_id::int), 'money' || c.recorded, CASE p.name WHEN 'Yen' THEN '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 999}]'
		ELSE '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 100}, {"line_no": 2, "sku": "lamp", "quantity": 1, "paid_price": 90}]' END::jsonb, '2024-06-07') o
WHERE p.name IN ('Yen', 'Dinar') ORDER BY 1;
SELECT line, creator_name, value, source FROM influence.explain_commission(pg_temp.program('Yen'), 'money2') WHERE fact IN ('base of the line', 'commission') ORDER BY line, creator_name, step;
SELECT line, creator_name, value, source FROM influence.explain_commission(pg_temp.program('Dinar'), 'money2') WHERE fact IN ('base of the line', 'commission') ORDER BY line, creator_name, step;
-- rounding down, fifteen days after the end of the month: 5 % of 1999 = 99.95 -> 99, available 2024-07-16
SELECT status FROM influence.record_touch(pg_temp.program('Points'), pg_temp.visitor(310), 'd', 'click', 2, '2024-06-30');
SELECT commission FROM influence.record_order(pg_temp.program('Points'), pg_temp.visitor(310), 'd', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1999}]', '2024-06-30 23:59');
SELECT available_at FROM influence.earning WHERE order_ref = 'd';

-- what everybody tries once
DO $$
DECLARE
	hint text;
BEGIN
	PERFORM influence.record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', details => '{"currency": "EUR"}');
EXCEPTION WHEN SQLSTATE 'IN002' THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RAISE WARNING '%', hint;
END $$;
-- What is no order.
SELECT * FROM pg_temp.not_refused('IN002', $$record_order(1, NULL, 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]')$$, $$record_order(1, pg_temp.visitor(9), NULL, '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]')$$,
	$$record_order(1, pg_temp.visitor(9), '', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]')$$, $$record_order(1, pg_temp.visitor(9), repeat('x', 201), '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', NULL)$$, $$record_order(1, pg_temp.visitor(9), 'x', '{}')$$, $$record_order(1, pg_temp.visitor(9), 'x', '[]')$$, $$record_order(1, pg_temp.visitor(9), 'x', '[5]')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1, "colour": "red"}]')$$, $$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1}]')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"sku": "lamp", "quantity": 1, "paid_price": 1}]')$$, $$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 0, "sku": "lamp", "quantity": 1, "paid_price": 1}]')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 0, "paid_price": 1}]')$$, $$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "paid_price": 1}]')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": -1}]')$$, $$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1, "tax": -1}]')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1, "base_amount": -1}]')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": "one", "paid_price": 1}]')$$, $$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "product_id": 2, "quantity": 1, "paid_price": 1}]')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}, {"line_no": 1, "sku": "rake", "quantity": 1, "paid_price": 1}]')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}, {"line_no": " 01", "sku": "rake", "quantity": 1, "paid_price": 1}]')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', 'infinity')$$, $$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', details => NULL)$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', details => '{"county": "DE"}')$$, $$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', details => '{"country": "Germany"}')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_order(99, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]')$$, $$record_order(NULL, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "sofa", "quantity": 1, "paid_price": 1}]')$$, $$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "product_id": 99, "quantity": 1, "paid_price": 1}]')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "quantity": 1, "paid_price": 1}]')$$, $$explain_attribution(1, 'none')$$, $$explain_attribution(99, 'o1')$$, $$explain_attribution(1, NULL)$$, $$explain_commission(1, 'none')$$, $$explain_commission(1, 'o1', visitor_id => pg_temp.visitor(9))$$);
SELECT * FROM pg_temp.not_refused('IN006', $$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 2, "paid_price": 9223372036854775807}]')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 9223372036854775807}, {"line_no": 2, "sku": "lamp", "quantity": 1, "paid_price": 1}]')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', currency => 'EUR')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', currency => 'eur')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', currency => 'EUR', details => '{"fx_rate": 0}')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', currency => 'EUR', details => '{"fx_rate": -1}')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', currency => 'EUR', details => '{"fx_rate": 1.0000000000001}')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', currency => 'EUR', details => '{"fx_rate": "NaN"}')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', currency => 'EUR', details => '{"fx_rate": "much"}')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', currency => 'EUR', details => '{"fx_source": "me"}')$$,
	$$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', details => '{"fx_rate": 1.1}')$$);
SELECT count(*) FROM influence.orders WHERE visitor_id = pg_temp.visitor(9);
-- the greatest amount there is: 5 % of 2^63 - 1 = 461168601842738790.35
SELECT status FROM influence.record_touch(pg_temp.program('Points'), pg_temp.visitor(311), 'big', 'click', 2, '2024-06-30');
SELECT amount, commission FROM influence.record_order(pg_temp.program('Points'), pg_temp.visitor(311), 'big', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 9223372036854775807}]', '2024-06-30 23:59');
-- an order_ref belongs to one visitor
SELECT * FROM pg_temp.not_refused('IN004', $$record_order(1, pg_temp.visitor(9), 'o2', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-06-01 12:00')$$);
-- and to one transaction that sees what others committed
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM pg_temp.not_refused('IN005', $$record_order(1, pg_temp.visitor(9), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]')$$, $$record_return(1, pg_temp.visitor(2), 'o2', 1, 'x', 1)$$,
	$$run_payouts(1, '2024-06', '2024-07-01')$$);
ROLLBACK;
SELECT check_name, subject, expected, found FROM influence.check_books();
