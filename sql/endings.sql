-- What has a validity can be ended: rates, tier tables, bonus rules, tax rules (budgets: settlement.sql). A lamp costs
-- 100.00 USD, and anna's link was clicked before each order.
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{"hold": "1 day"}');
SELECT pg_temp.new_creator('anna');
SELECT status FROM influence.create_category('all');
SELECT status FROM influence.add_product('lamp', 'Lamp', 1, 10000, 'USD', 5, valid_from => '2024-01-01');
-- what an order of a lamp at a moment brings
CREATE FUNCTION pg_temp.sold(ref text, at timestamptz) RETURNS TABLE (commission bigint) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence.record_touch(1, pg_temp.visitor(1), 'touch ' || ref, 'click', pg_temp.creator('anna'), at - interval '1 minute');
	RETURN QUERY SELECT o.commission FROM influence.record_order(1, pg_temp.visitor(1), ref, '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 10000}]', at) o;
END $$;
CREATE TEMP VIEW rates AS SELECT rate_id, version, rate, valid, stated FROM influence.commission_rate ORDER BY 1;
CREATE TEMP VIEW settled AS SELECT month, stage, sum(amount) AS amount FROM influence.settlement GROUP BY 1, 2 HAVING sum(amount) <> 0 ORDER BY 1, 2;

-- a rate ends: the less specific one holds, and an order before keeps what it earned
SELECT rate_id FROM influence.set_commission_rate(1, 0.1, valid_from => '2024-01-01');
SELECT rate_id FROM influence.set_commission_rate(1, 0.2, product_id => 1, valid_from => '2024-01-01');
SELECT * FROM pg_temp.sold('o1', '2024-03-05');
SELECT status FROM influence.end_commission_rate(1, 2, '2024-03-10');
SELECT status FROM influence.end_commission_rate(1, 2, '2024-03-10');
SELECT * FROM pg_temp.sold('o2', '2024-03-12');
-- also in the past; told again it was set already
SELECT status FROM influence.end_commission_rate(1, 2, '2024-03-01');
SELECT * FROM pg_temp.sold('o3', '2024-03-04');
SELECT status, rate_id FROM influence.set_commission_rate(1, 0.2, product_id => 1, valid_from => '2024-01-01');
-- a promotion ends early, and what it had interrupted goes on from there
SELECT rate_id FROM influence.set_commission_rate(1, 0.3, valid_from => '2024-04-01', valid_to => '2024-05-01');
SELECT * FROM pg_temp.sold('o4', '2024-04-05');
SELECT status FROM influence.end_commission_rate(1, 3, '2024-04-10');
SELECT * FROM pg_temp.sold('o5', '2024-04-15');
SELECT * FROM rates;
-- or is undone
SELECT status FROM influence.end_commission_rate(1, 3, '2024-02-01');
SELECT * FROM pg_temp.sold('o6', '2024-04-06');
SELECT * FROM rates;
-- what went on ends by its own row; then there is no rate, until there is one again
SELECT * FROM pg_temp.not_refused('IN005', $$end_commission_rate(1, 1, '2024-05-01')$$, $$end_commission_rate(1, 3, '2024-04-20')$$);
SELECT status FROM influence.end_commission_rate(1, 4, '2024-06-01');
SELECT * FROM pg_temp.sold('o7', '2024-06-05');
SELECT status, rate_id, version FROM influence.set_commission_rate(1, 0.1, valid_from => '2024-07-01');
SELECT * FROM pg_temp.sold('o8', '2024-07-01');
SELECT status FROM influence.end_commission_rate(1, 2);
-- two promotions follow each other; the first ends early, and what it had interrupted goes on up to the second
SELECT rate_id FROM influence.set_commission_rate(1, 0.1, priority => 1, valid_from => '2023-01-01');
SELECT rate_id FROM influence.set_commission_rate(1, 0.2, priority => 1, valid_from => '2023-02-01', valid_to => '2023-03-01');
SELECT rate_id FROM influence.set_commission_rate(1, 0.3, priority => 1, valid_from => '2023-03-01', valid_to => '2023-04-01');
SELECT status FROM influence.end_commission_rate(1, 7, '2023-02-15');
-- nothing is left of what would have gone on after the second: told again, and from any moment, nothing changes
SELECT status FROM influence.end_commission_rate(1, 10, '2023-04-01');
SELECT a.status, b.status FROM influence.end_commission_rate(1, 10, '2023-04-01') a, influence.end_commission_rate(1, 10, '2022-01-01') b;
-- an open row has no part in what a promotion after it left, once that is undone
SELECT status FROM influence.end_commission_rate(1, 9, '2023-03-01');
SELECT status FROM influence.end_commission_rate(1, 6, '2023-01-15');
SELECT * FROM rates WHERE rate_id > 5;
SELECT status FROM influence.settle_tiers(1);
SELECT * FROM settled;

-- tiers: 50 % from 150.00 a month on; the second lamp of the month is sold after their end, so that the month has 100.00 in them
SELECT tier_id FROM influence.set_tier_table(1, 'revenue', 'volume', '{0,15000}', '{0.1,0.5}', valid_from => '2024-07-02');
SELECT * FROM pg_temp.sold('t1', '2024-07-05');
BEGIN;
SELECT * FROM pg_temp.sold('t2', '2024-07-06 12:00');
SELECT status FROM influence.settle_tiers(1);
-- without an end: 50 % of 200.00, less the 20.00 of both
SELECT * FROM settled;
ROLLBACK;
SELECT status FROM influence.end_tier_table(1, 1, '2024-07-06');
SELECT * FROM pg_temp.sold('t2', '2024-07-06 12:00');
SELECT status FROM influence.settle_tiers(1);
SELECT * FROM settled;
SELECT a.status, b.status FROM influence.end_tier_table(1, 1, '2024-07-06') a, influence.end_tier_table(1, 1) b;
-- another one may begin there
SELECT status, tier_id FROM influence.set_tier_table(1, 'units', 'volume', '{0}', '{0.1}', valid_from => '2024-07-06', valid_to => '2024-08-01');
SELECT tier_id, valid, stated FROM influence.tier_table ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN005', $$end_tier_table(1, 1, '2024-07-07')$$, $$end_tier_table(1, 2, '2999-01-01')$$);

-- bonuses: 5.00 for each order of 100.00; one of two was after the end
SELECT bonus_id FROM influence.set_bonus_rule(1, 'basket', 'large', 10000, 500, '2024-08-01');
SELECT a.commission, b.commission FROM pg_temp.sold('b1', '2024-08-05') a, pg_temp.sold('b2', '2024-08-20') b;
SELECT status FROM influence.settle_tiers(1);
SELECT * FROM settled;
SELECT status FROM influence.end_bonus_rule(1, 1, '2024-08-10');
SELECT status FROM influence.settle_tiers(1);
SELECT * FROM settled;
SELECT a.status, b.status FROM influence.end_bonus_rule(1, 1, '2024-08-10') a, influence.end_bonus_rule(1, 1) b;
-- it was set, and its name is taken
SELECT status FROM influence.set_bonus_rule(1, 'basket', 'large', 10000, 500, '2024-08-01');
SELECT * FROM pg_temp.not_refused('IN004', $$set_bonus_rule(1, 'basket', 'large', 10000, 500, '2024-08-10')$$);
-- undone
SELECT status FROM influence.end_bonus_rule(1, 1, '-infinity');
SELECT status FROM influence.settle_tiers(1);
SELECT * FROM settled;
SELECT name, valid, stated FROM influence.bonus_rule;
SELECT * FROM pg_temp.not_refused('IN005', $$end_bonus_rule(1, 1, '2024-08-10')$$);
SELECT * FROM influence.check_books();

-- taxes: 30 %, 15 % for a month and, when that ends early, 30 % again
SELECT status FROM influence.create_tax_authority('FIN', 'Finance', 'DE', 'Europe/Berlin');
SELECT rule_id FROM influence.set_tax_rule('FIN', 'withholding', 0.3, valid_from => '2024-01-01');
SELECT rule_id FROM influence.set_tax_rule('FIN', 'withholding', 0.15, valid_from => '2024-03-01', valid_to => '2024-04-01');
SELECT status FROM influence.end_tax_rule('FIN', 2, '2024-03-10');
SELECT status FROM influence.end_tax_rule('FIN', 2, '2024-03-10');
SELECT rule_id, rate, valid, stated FROM influence.tax_rule ORDER BY 1;
SELECT status FROM influence.end_tax_rule('FIN', 3, '2024-09-01');
SELECT status FROM influence.end_tax_rule('FIN', 2, '2024-03-01');
SELECT rule_id, rate, valid, stated FROM influence.tax_rule ORDER BY 1;
SELECT status FROM influence.end_tax_rule('FIN', 2);
-- the same for taxes: adjacent rules, and what has nothing left
SELECT rule_id FROM influence.set_tax_rule('FIN', 'withholding', 0.3, residence => 'FR', valid_from => '2023-01-01');
SELECT rule_id FROM influence.set_tax_rule('FIN', 'withholding', 0.2, residence => 'FR', valid_from => '2023-02-01', valid_to => '2023-03-01');
SELECT rule_id FROM influence.set_tax_rule('FIN', 'withholding', 0.1, residence => 'FR', valid_from => '2023-03-01', valid_to => '2023-04-01');
SELECT status FROM influence.end_tax_rule('FIN', 5, '2023-02-15');
SELECT status FROM influence.end_tax_rule('FIN', 8, '2023-04-01');
SELECT a.status, b.status FROM influence.end_tax_rule('FIN', 8, '2023-04-01') a, influence.end_tax_rule('FIN', 8, '2022-01-01') b;
SELECT rule_id, rate, valid, stated FROM influence.tax_rule WHERE rule_id > 3 ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN005', $$end_tax_rule('FIN', 1, '2024-05-01')$$, $$end_tax_rule('FIN', 3, '2024-10-01')$$);

-- what is refused by all
SELECT * FROM pg_temp.not_refused('IN003', $$end_commission_rate(1, 99)$$, $$end_commission_rate(99, 1)$$, $$end_tier_table(1, 99)$$, $$end_tier_table(99, 1)$$, $$end_bonus_rule(1, 99)$$, $$end_bonus_rule(99, 1)$$,
	$$end_tax_rule('FIN', 99)$$, $$end_tax_rule('GIN', 1)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$end_commission_rate(1, NULL)$$, $$end_commission_rate(1, 1, NULL)$$, $$end_commission_rate(1, 1, 'infinity')$$, $$end_tier_table(1, NULL)$$, $$end_tier_table(1, 1, NULL)$$,
	$$end_tier_table(1, 1, 'infinity')$$, $$end_bonus_rule(1, NULL)$$, $$end_bonus_rule(1, 1, NULL)$$, $$end_bonus_rule(1, 1, 'infinity')$$, $$end_tax_rule(NULL, 1)$$, $$end_tax_rule('FIN', NULL)$$, $$end_tax_rule('FIN', 1, NULL)$$,
	$$end_tax_rule('FIN', 1, 'infinity')$$);
