--
-- The settlement of a creator's month: tiers, caps, budgets, bonuses, coupons,
-- returns before and after the lock. Every number is worked out in a comment.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

-- 4 % on everything; sales of March 2024 in Berlin, whose end is 03-31 22:00 UTC; ten days later is the lock, 04-10 22:00 UTC
SELECT pg_temp.new_program(p, 'EUR', 'Europe/Berlin', '{}', '{"hold": "10 days"}') FROM unnest('{Tiers,Counts,Caps,Budgets,Extras,Often,Once}'::text[]) p;
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo}'::text[]) c;
SELECT category_id FROM influence.create_category('all');
SELECT category_id FROM influence.create_category('lamps', 1);
SELECT product_id FROM influence.add_product('desk', 'Desk', 1, brand => 'Wood');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 2, brand => 'Light');
SELECT count(*) FROM influence.program p, influence.set_commission_rate(p.program_id, 0.04, valid_from => '2020-01-01');
CREATE FUNCTION pg_temp.sell(program bigint, ref text, seller text, at timestamptz, price bigint DEFAULT 10000, sku text DEFAULT 'desk', quantity int DEFAULT 1,
	details jsonb DEFAULT '{}') RETURNS bigint LANGUAGE sql AS $$
	SELECT o.commission
	FROM (SELECT md5(program || ref)::uuid) v(visitor),
		influence.record_touch(program, v.visitor, ref, 'click', pg_temp.creator(seller), at) t,
		influence.record_order(program, v.visitor, ref, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', sku, 'quantity', quantity, 'paid_price', price)), at, details => details) o
	WHERE t.status IS NOT NULL $$;
CREATE FUNCTION pg_temp.take_back(program bigint, ref text, at timestamptz, amount bigint) RETURNS bigint LANGUAGE sql AS $$
	SELECT clawed_back FROM influence.record_return(program, md5(program || ref)::uuid, ref, 1, 'r' || at, amount => amount, returned_at => at) $$;
CREATE FUNCTION pg_temp.settled(program bigint) RETURNS TABLE (creator text, month text, stage text, ref bigint, amount numeric, rows bigint) LANGUAGE sql STABLE AS $$
	SELECT c.creator_ref, s.month, s.stage, s.ref, sum(s.amount), count(*) FROM influence.settlement s JOIN influence.creator c USING (creator_id)
	WHERE s.program_id = program GROUP BY 1, 2, 3, 4 HAVING sum(s.amount) <> 0 ORDER BY 1, 2, 3, 4 $$;

-- Tiers of revenue. anna sells five desks of 100.00: 4 % of 200.00 + 6 % of 200.00 + 8 % of 100.00 = 28.00, less 20.00 booked: +8.00.
-- bert sells lamps (their own table: all of it at the reached rate) for 500.00: 8 % = 40.00, less 20.00: +20.00.
SELECT * FROM influence.set_tier_table(1, 'revenue', 'graduated', '{0,20000,40000}', '{0.04,0.06,0.08}', valid_from => '2024-01-01');
SELECT * FROM influence.set_tier_table(1, 'revenue', 'volume', '{0,20000,40000}', '{0.04,0.06,0.08}', 2, valid_from => '2024-01-01');
SELECT sum(pg_temp.sell(1, 'a' || i, 'anna', '2024-03-05'::timestamptz + i * interval '1 day')) FROM generate_series(1, 5) i;
SELECT sum(pg_temp.sell(1, 'b' || i, 'bert', '2024-03-05'::timestamptz + i * interval '1 day', 25000, 'lamp')) FROM generate_series(1, 2) i;
SELECT * FROM influence.settle_tiers();
SELECT * FROM pg_temp.settled(1);
SELECT c.creator_ref, l.entry_key, l.kind, l.debit_account, l.credit_account, l.amount, l.occurred_at, l.available_at, l.source, l.note FROM influence.ledger l JOIN influence.creator c ON c.creator_id = l.party_id WHERE l.source = 'adjustment' ORDER BY 1, 2;
-- again, nothing
SELECT * FROM influence.settle_tiers();
SELECT * FROM influence.settle_tiers(1, '2024-03');
-- The instant before the lock anna's a5 comes back: 400.00 reach the third tier, but none of it lies there: 8.00 + 12.00 - 16.00 = +4.00.
-- bert's b2, half: 375.00 at 6 % = 22.50, less 15.00: +7.50.
SELECT pg_temp.take_back(1, 'a5', '2024-04-10 21:59:59.999999+00', 10000), pg_temp.take_back(1, 'b2', '2024-04-10 21:59:59.999999+00', 12500);
SELECT status, creators, entries, amount FROM influence.settle_tiers(1);
SELECT * FROM pg_temp.settled(1);
-- At the lock it is over: a4's return takes back 4.00 as a clawback, and of the 4.00 that tiers had added 100.00 / 400.00 = -1.00;
-- a third of b1's, 83.33: 7.50 x 83.33 / 375.00 = 1.6666 = -1.67.
SELECT pg_temp.take_back(1, 'a4', '2024-04-10 22:00+00', 10000), pg_temp.take_back(1, 'b1', '2024-05-10', 8333);
SELECT status, creators, entries, amount FROM influence.settle_tiers(1);
SELECT * FROM pg_temp.settled(1);
-- Restated for ever, 300.00: 8.00 + 6.00 - 12.00 = +2.00, and nothing after the lock; bert 291.67 at 6 % = 17.50 (17.5002), less 11.67
-- (20.00 - 5.00 - 3.33): +5.83.
SELECT status FROM influence.set_commission_policy(1, '{"tier_restate": "forever"}', '2024-02-01');
SELECT status, creators, entries, amount FROM influence.settle_tiers(1);
SELECT * FROM pg_temp.settled(1);
-- a rate for a creator or a product stays outside tiers, and so does a flat one
SELECT status FROM influence.set_commission_rate(1, 0.1, creator_id => pg_temp.creator('cleo'), valid_from => '2020-01-01');
SELECT pg_temp.sell(1, 'c', 'cleo', '2024-03-09', 90000);
SELECT status FROM influence.settle_tiers(1);
SELECT count(*) FROM pg_temp.settled(1) WHERE creator = 'cleo';
SELECT * FROM influence.check_books();

-- Tiers of orders, graduated: the first two orders at 5 %, all after them at 10 %: anna 5.00 + 5.00 + 10.00 + 10.00 = 30.00, less 16.00: +14.00.
-- Units of lamps: a line has the rate reached by the pieces before it: 4 x 10.00 at 5 % = 2.00, 4 x 10.00 at 5 % (4 before) = 2.00, 2 x 10.00 at
-- 10 % (8 before) = 2.00, 1 x 10.00 = 1.00: 7.00 less 4.40: +2.60.
SELECT status FROM influence.set_tier_table(2, 'orders', 'graduated', '{0,2}', '{0.05,0.1}', valid_from => '2024-01-01');
SELECT status FROM influence.set_tier_table(2, 'units', 'graduated', '{0,5}', '{0.05,0.1}', 2, '2024-01-01');
SELECT sum(pg_temp.sell(2, 'a' || i, 'anna', '2024-03-05'::timestamptz + i * interval '1 day')) FROM generate_series(1, 4) i;
SELECT sum(pg_temp.sell(2, 'u' || i, 'bert', '2024-03-05'::timestamptz + i * interval '1 day', 1000, 'lamp', q)) FROM unnest('{4,4,2,1}'::int[]) WITH ORDINALITY v(q, i);
SELECT status FROM influence.settle_tiers();
SELECT * FROM pg_temp.settled(2);
-- a2 comes back: it is no order any more: 5.00 + 5.00 + 10.00 - 12.00 = +8.00; half of a1 comes back, which stays one: 2.50 + 5.00 + 10.00 - 10.00 = +7.50
SELECT pg_temp.take_back(2, 'a2', '2024-03-20', 10000), pg_temp.take_back(2, 'a1', '2024-03-20', 5000);
-- three pieces of u1: 0.50 + 2.00 (1 before) + 2.00 (5 before: 10 %) + 1.00 = 5.50 less 3.20: +2.30
SELECT status FROM influence.record_return(2, md5('2u1')::uuid, 'u1', 1, 'r', 3, returned_at => '2024-03-20');
SELECT status FROM influence.settle_tiers();
SELECT * FROM pg_temp.settled(2);
SELECT * FROM influence.check_books();

-- Caps: a line 3.50, an order 5.00, a month 12.00. Each sale of 100.00 earns 4.00: -0.50; of three lines of one order 3.50 + 1.50 + 0.00 stay:
-- 10.50 - 5.50; then 5.00 + 3.50 + 3.50 = 12.00 of 12.00 and another 3.50 that is too much. In all 6 lines: line_cap -3.00, order_cap -5.50, month_cap -3.50.
SELECT status FROM influence.set_commission_policy(3, '{"line_cap": 350, "order_cap": 500, "month_cap": 1200}', '2024-01-01');
SELECT o.commission FROM influence.record_touch(3, md5('3x')::uuid, 't', 'click', pg_temp.creator('anna'), '2024-03-05') t, influence.record_order(3, md5('3x')::uuid, 'x',
	'[{"line_no": 1, "sku": "desk", "quantity": 1, "paid_price": 10000}, {"line_no": 2, "sku": "desk", "quantity": 1, "paid_price": 10000}, {"line_no": 3, "sku": "desk", "quantity": 1, "paid_price": 10000}]', '2024-03-05') o WHERE t.status IS NOT NULL;
SELECT sum(pg_temp.sell(3, 'a' || i, 'anna', '2024-03-06'::timestamptz + i * interval '1 day')) FROM generate_series(1, 3) i;
SELECT pg_temp.sell(3, 'free', 'bert', '2024-03-06', 1000);
SELECT status FROM influence.settle_tiers();
SELECT * FROM pg_temp.settled(3);
-- the first order returned makes room: line_cap 3 x -0.50, nothing else
SELECT sum(r.clawed_back) FROM generate_series(1, 3) l, influence.record_return(3, md5('3x')::uuid, 'x', l, 'r', 1, returned_at => '2024-03-20') r;
SELECT status FROM influence.settle_tiers();
SELECT * FROM pg_temp.settled(3);

-- Budgets. Wood has 10.00 from the middle of March to the middle of April, the program 15.00 from 03-20 on to the end of May. In the order of sale:
-- anna desk 03-10 4.00 (no budget), bert desk 03-16 8.00 (Wood 2.00 left), anna lamp 03-21 4.00 (program 11.00 left), anna desk 03-22 4.00 -> 2.00 (Wood
-- -2.00; program 9.00 left), bert desk 04-02 4.00 -> 0 (Wood -4.00), cleo lamp 04-03 8.00 (1.00 left), cleo lamp 05-01 4.00 -> 1.00 (program -3.00)
SELECT * FROM influence.set_commission_budget(4, 1000, 'Wood', '2024-03-15', '2024-04-15');
SELECT * FROM influence.set_commission_budget(4, 1500, '', '2024-03-20', '2024-06-01');
SELECT pg_temp.sell(4, 'b3', 'cleo', '2024-05-01', 10000, 'lamp'), pg_temp.sell(4, 'b1', 'bert', '2024-04-02'), pg_temp.sell(4, 'a3', 'anna', '2024-03-22');
SELECT status FROM influence.settle_tiers();
SELECT pg_temp.sell(4, 'a2', 'anna', '2024-03-21', 10000, 'lamp'), pg_temp.sell(4, 'b0', 'bert', '2024-03-16', 20000), pg_temp.sell(4, 'c1', 'cleo', '2024-04-03', 20000, 'lamp'), pg_temp.sell(4, 'a0', 'anna', '2024-03-10');
SELECT status FROM influence.settle_tiers();
SELECT * FROM pg_temp.settled(4);
SELECT influence_internal.settled_together(4, m) FROM unnest('{2024-02,2024-03,2024-05}'::text[]) m;
SELECT * FROM influence.check_books();

-- A minimum of 15.00, which counts after tiers and caps and before bonuses; a basket of 90.00 brings 1.00; every second order 2.50.
-- anna: 4.00 + 4.00 + 2.00 = 10.00 -> +5.00; baskets 2 x 1.00; 3 orders: 1 x 2.50. bert sold nothing of his own in the end. The code NINE brings bert
-- 7.00 an order: k1 (anna's sale) and k2 (nobody's), not k3 (returned), not k4 (his own), not k5 (before the code's time).
SELECT status FROM influence.set_commission_policy(5, '{"month_minimum": 1500}', '2024-01-01');
SELECT * FROM influence.set_bonus_rule(5, 'basket', 'large', 9000, 100, '2024-01-01');
SELECT * FROM influence.set_bonus_rule(5, 'frequency', 'often', 2, 250, '2024-01-01', '2024-04-01');
SELECT status FROM influence.set_coupon(5, 'nine', pg_temp.creator('bert'), '2024-03-10', fixed_credit => 700);
SELECT pg_temp.sell(5, 'a1', 'anna', '2024-03-05'), pg_temp.sell(5, 'k1', 'anna', '2024-03-11', 10000, details => '{"coupon": "NINE"}'), pg_temp.sell(5, 'a2', 'anna', '2024-03-12', 5000);
SELECT o.unattributed FROM influence.record_order(5, md5('k2')::uuid, 'k2', '[{"line_no": 1, "sku": "desk", "quantity": 1, "paid_price": 100}]', '2024-03-12', details => '{"coupon": "nine"}') o;
SELECT pg_temp.sell(5, 'k3', 'bert', '2024-03-12', 9000, details => '{"coupon": "NINE"}'), pg_temp.take_back(5, 'k3', '2024-03-13', 9000);
SELECT status FROM influence.register_creator('bert too', 'Bert', kind => 'agency', agency_of => ARRAY[pg_temp.creator('bert')], visitor_id => md5('k4')::uuid);
SELECT o.unattributed FROM influence.record_order(5, md5('k4')::uuid, 'k4', '[{"line_no": 1, "sku": "desk", "quantity": 1, "paid_price": 100}]', '2024-03-12', details => '{"coupon": "nine"}') o;
SELECT o.unattributed FROM influence.record_order(5, md5('k5')::uuid, 'k5', '[{"line_no": 1, "sku": "desk", "quantity": 1, "paid_price": 100}]', '2024-03-09', details => '{"coupon": "nine"}') o;
SELECT status FROM influence.settle_tiers();
SELECT * FROM pg_temp.settled(5);
-- the buyer of k2 turns out to be bert, and in March he was suspended: what follows is settled without a call about it
SELECT status FROM influence.register_creator('bert home', 'Bert', kind => 'agency', agency_of => ARRAY[pg_temp.creator('bert')], visitor_id => md5('k2')::uuid);
SELECT status, entries, amount FROM influence.settle_tiers();
SELECT status FROM influence.set_creator_status(pg_temp.creator('bert'), 'suspended', 'r', 'ops', '2024-03-01');
SELECT status, entries, amount FROM influence.settle_tiers();
SELECT * FROM influence.check_books();

-- cleo's sale of 0.05 earns nothing, but makes a month with sales, which brings 15.00; it proves to replace another order: no difference to
-- book for its commission of 0, but for the month
SELECT o.unattributed FROM influence.record_order(5, md5('5z')::uuid, 'y', '[{"line_no": 1, "sku": "desk", "quantity": 1, "paid_price": 5}]', '2024-04-02') o;
SELECT pg_temp.sell(5, 'z', 'cleo', '2024-04-05', 5);
SELECT status, entries, amount FROM influence.settle_tiers();
SELECT status FROM influence.record_order_event(5, md5('5z')::uuid, 'y', 'replaced', '2024-04-06', replacement_ref => 'z');
SELECT status, entries, amount FROM influence.settle_tiers();
SELECT * FROM influence.check_books();

-- Single amounts: a bonus, a fund's share, a fee; what a month brought and cost.
SELECT * FROM influence.record_bonus(5, pg_temp.creator('anna'), 5000, 'fund 1', 'fund', '2024-03-31 21:59:59+00', '2024-05-01', 'March');
SELECT * FROM influence.record_bonus(5, pg_temp.creator('anna'), 5000, 'fund 1', 'fund', '2024-03-31 21:59:59+00', '2024-05-01', 'March');
SELECT * FROM influence.record_bonus(5, pg_temp.creator('anna'), 1000, 'fee 1', 'fee', '2024-03-31 22:00+00');
SELECT kind, debit_account, credit_account, amount, occurred_at, available_at, note FROM influence.ledger WHERE program_id = 5 AND kind IN ('bonus', 'fund', 'fee') ORDER BY 1;
SELECT month, commission, clawed_back, minimum, bonus_rules, coupon, settlement, fund, fee, total, orders, new_customer_orders, cost_per_order FROM influence.creator_income WHERE program_id = 5 AND creator_id = pg_temp.creator('anna') ORDER BY 1;
-- 10.00 + 5.00 + 4.50 + 50.00 + 10.00; the fund's from May on; as the books stood before anything was booked, nothing
SELECT * FROM influence.balances(5, party_id => pg_temp.creator('anna'));
SELECT count(*) FROM influence.balances(5, '2024-06-01');
SELECT account, amount FROM influence.balance WHERE program_id = 5 AND party_id = pg_temp.creator('anna') ORDER BY 1;
-- a payout run settles first: cleo's sale of 400.00 in June brings 16.00, 24.00 - 16.00 by the tiers, and 1.00 for the basket
SELECT status FROM influence.set_tier_table(5, 'revenue', 'volume', '{0,40000}', '{0.04,0.06}', valid_from => '2024-06-01');
SELECT pg_temp.sell(5, 'j', 'cleo', '2024-06-01', 40000);
SELECT status, payouts, amount FROM influence.run_payouts(5, '2024-07', '2024-08-01');
SELECT p.amount, count(*) AS lines FROM influence.payout p JOIN influence.payout_line l USING (party_id, program_id, currency, period) WHERE p.program_id = 5 AND p.party_id = pg_temp.creator('cleo') GROUP BY 1;
SELECT available, reserved, owed FROM influence.balances(5, party_id => pg_temp.creator('cleo'));
SELECT * FROM influence.check_books();

-- However it is told: program 6 is settled after every step, program 7 once at the end, with its steps in another order.
SELECT count(*) FROM unnest('{6,7}'::bigint[]) p, influence.set_tier_table(p, 'revenue', 'graduated', '{0,5000,20000}', '{0.04,0.055,0.0725}', valid_from => '2024-01-01') t;
SELECT count(*) FROM unnest('{6,7}'::bigint[]) p, influence.set_commission_policy(p, '{"order_cap": 800, "month_cap": 2500, "month_minimum": 900}', '2024-01-01') t;
SELECT count(*) FROM unnest('{6,7}'::bigint[]) p, influence.set_commission_budget(p, 4000, '', '2024-02-10', '2024-04-20') t;
SELECT count(*) FROM unnest('{6,7}'::bigint[]) p, influence.set_bonus_rule(p, 'frequency', 'f', 3, 77, '2024-01-01') t;
CREATE TABLE pg_temp.story AS
SELECT i, (ARRAY['anna', 'cleo', 'anna'])[1 + i % 3] AS seller, '2024-02-05'::timestamptz + i * interval '37 hours' AS at, 137 * (1 + i * 7919 % 101) AS price FROM generate_series(1, 40) i;
DO $$
DECLARE
	s record;
BEGIN
	FOR s IN SELECT * FROM pg_temp.story ORDER BY i LOOP
		PERFORM pg_temp.sell(6, 's' || s.i, s.seller, s.at, s.price);
		PERFORM influence.settle_tiers(6);
		IF s.i % 4 = 0 THEN
			PERFORM pg_temp.take_back(6, 's' || s.i, s.at + s.i * interval '2 days', s.price / (1 + s.i % 3));
			PERFORM influence.settle_tiers(6);
		END IF;
	END LOOP;
	FOR s IN SELECT * FROM pg_temp.story ORDER BY i % 7, i DESC LOOP
		IF s.i % 4 = 0 THEN
			PERFORM pg_temp.take_back(7, 's' || s.i, s.at + s.i * interval '2 days', s.price / (1 + s.i % 3));
		END IF;
		PERFORM pg_temp.sell(7, 's' || s.i, s.seller, s.at, s.price);
	END LOOP;
	PERFORM influence.settle_tiers(7);
END $$;
SELECT count(*) > 20 AS many, count(DISTINCT stage) AS stages FROM pg_temp.settled(6);
SELECT creator, month, stage, ref - CASE WHEN stage IN ('tier', 'budget', 'bonus') THEN 1 ELSE 0 END AS ref, amount FROM pg_temp.settled(6) EXCEPT SELECT creator, month, stage, ref - CASE WHEN stage IN ('tier', 'budget', 'bonus') THEN 2 ELSE 0 END, amount FROM pg_temp.settled(7);
SELECT party_id, available_at, sum(CASE WHEN credit_account = 'payable' THEN amount ELSE -amount END) FROM influence.ledger WHERE program_id = 6 GROUP BY 1, 2 HAVING sum(CASE WHEN credit_account = 'payable' THEN amount ELSE -amount END) <> 0
EXCEPT SELECT party_id, available_at, sum(CASE WHEN credit_account = 'payable' THEN amount ELSE -amount END) FROM influence.ledger WHERE program_id = 7 GROUP BY 1, 2;
SELECT * FROM influence.check_books();

-- check_books() sees what does not fit.
BEGIN;
INSERT INTO influence.settlement (creator_id, program_id, month, stage, ref, seq, amount, currency, available_at) VALUES (1, 1, '2024-03', 'tier', 1, 99, 5, 'EUR', '2024-04-10 22:00+00');
INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency, occurred_at, available_at, source) VALUES (1, 1, 'bonus/x', 'bonus', 'expense', 'payable', 5, 'EUR', '2024-03-31', '2024-03-31', 'adjustment');
SELECT * FROM influence.check_books(1);
ROLLBACK;

-- What is refused.
SELECT * FROM influence.set_tier_table(1, 'revenue', 'graduated', '{0,20000,40000}', '{0.04,0.06,0.08}', valid_from => '2024-01-01');
SELECT * FROM pg_temp.not_refused('IN002', $$set_tier_table(1, 'profit', 'volume', '{0}', '{0.1}')$$, $$set_tier_table(1, 'revenue', 'steep', '{0}', '{0.1}')$$, $$set_tier_table(1, 'revenue', 'volume', '{}', '{}')$$,
	$$set_tier_table(1, 'revenue', 'volume', '{1}', '{0.1}')$$, $$set_tier_table(1, 'revenue', 'volume', '{0,5}', '{0.1}')$$, $$set_tier_table(1, 'revenue', 'volume', '{0,5,5}', '{0.1,0.2,0.3}')$$, $$set_tier_table(1, 'revenue', 'volume', '{0}', '{1.1}')$$,
	$$set_tier_table(1, 'revenue', 'volume', '{0}', '{-0.1}')$$, $$set_tier_table(1, 'revenue', 'volume', NULL, '{0.1}')$$, $$set_tier_table(1, 'revenue', 'volume', '{0}', '{0.1}', valid_from => '2025-01-01', valid_to => '2025-01-01')$$,
	$$set_tier_table(1, 'revenue', 'volume', '{0}', '{0.1}', NULL)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_tier_table(99, 'revenue', 'volume', '{0}', '{0.1}')$$, $$set_tier_table(1, 'revenue', 'volume', '{0}', '{0.1}', 99)$$, $$set_commission_budget(99, 1)$$, $$set_bonus_rule(99, 'basket', 'b', 1, 1)$$,
	$$record_bonus(99, 1, 1, 'r')$$, $$record_bonus(1, 99, 1, 'r')$$, $$settle_tiers(99)$$, $$balances(99)$$);
SELECT * FROM pg_temp.not_refused('IN011', $$set_tier_table(1, 'revenue', 'volume', '{0}', '{0.1}', valid_from => '2023-01-01')$$, $$set_commission_budget(4, 5, 'Wood', '2024-04-14', '2024-05-01')$$, $$set_coupon(5, 'NINE', 1, '2024-03-10', fixed_credit => 5)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$set_commission_budget(1, -1)$$, $$set_commission_budget(1, NULL)$$, $$set_commission_budget(1, 1, NULL)$$, $$set_commission_budget(1, 1, '', '2024-01-01', '2024-01-01')$$, $$set_commission_budget(1, 1, '', NULL)$$,
	$$set_bonus_rule(1, 'x', 'b', 1, 1)$$, $$set_bonus_rule(1, 'basket', '', 1, 1)$$, $$set_bonus_rule(1, 'basket', 'b', 0, 1)$$, $$set_bonus_rule(1, 'basket', 'b', 1, 0)$$, $$set_bonus_rule(1, 'basket', 'b', 1, NULL)$$,
	$$record_bonus(1, 1, 0, 'r')$$, $$record_bonus(1, 1, -5, 'r')$$, $$record_bonus(1, 1, NULL, 'r')$$, $$record_bonus(1, 1, 5, '')$$, $$record_bonus(1, 1, 5, 'r', 'tip')$$, $$record_bonus(1, 1, 5, 'r', occurred_at => '1970-01-01')$$,
	$$record_bonus(1, 1, 5, 'r', occurred_at => '2024-01-02', available_at => '2024-01-01')$$, $$record_bonus(1, 1, 5, 'r', available_at => 'infinity')$$, $$settle_tiers(NULL, '2024-03')$$, $$settle_tiers(1, '2024-13')$$, $$balances(1, NULL)$$,
	$$set_coupon(1, 'c', 1, fixed_credit => 0)$$, $$set_coupon(1, 'c', NULL, fixed_credit => 5)$$);
SELECT * FROM pg_temp.not_refused('IN004', $$set_bonus_rule(5, 'basket', 'large', 9000, 101, '2024-01-01')$$, $$record_bonus(5, pg_temp.creator('anna'), 5001, 'fund 1', 'fund', '2024-03-31 21:59:59+00', '2024-05-01', 'March')$$);
-- what repeats or follows is fine: the first table ends where the second begins
SELECT status FROM influence.set_commission_budget(4, 1000, 'Wood', '2024-03-15', '2024-04-15');
SELECT status FROM influence.set_bonus_rule(5, 'basket', 'large', 9000, 100, '2024-01-01');
SELECT status FROM influence.set_tier_table(1, 'orders', 'volume', '{0}', '{0.1}', valid_from => '2025-01-01', valid_to => '2025-02-01');
SELECT tier_id, measure, valid FROM influence.tier_table WHERE program_id = 1 AND category_id = 0 ORDER BY 1;

-- A budget ends. Wood's 10.00 until April only: bert's 4.00 of 04-02 come back to him, and the program's 15.00, of which 6.00 were gone, pay them:
-- cleo gets 5.00 of 8.00 (-3.00) and nothing of 4.00 (-4.00). What is told again changes nothing.
SELECT status FROM influence.end_commission_budget(4, 1, '2024-04-01');
SELECT status FROM influence.end_commission_budget(4, 1, '2024-04-01');
SELECT * FROM influence.settle_tiers(4);
SELECT * FROM pg_temp.settled(4);
-- the program's ends at the moment of cleo's first sale, which it limits no more: +3.00 and +4.00
SELECT status FROM influence.end_commission_budget(4, 2, '2024-04-03');
SELECT * FROM influence.settle_tiers(4);
SELECT * FROM pg_temp.settled(4);
-- before it begins: it never held, and another one may take its place: 8.00 of bert's, 1.00 of anna's 4.00
SELECT status FROM influence.end_commission_budget(4, 1, '2024-01-01');
SELECT status FROM influence.end_commission_budget(4, 1, '2024-02-01');
SELECT * FROM influence.settle_tiers(4);
SELECT status FROM influence.set_commission_budget(4, 1000, 'Wood', '2024-03-15', '2024-04-15');
SELECT status FROM influence.set_commission_budget(4, 900, 'Wood', '2024-03-15', '2024-04-01');
SELECT * FROM influence.settle_tiers(4);
SELECT creator, month, stage, amount, rows FROM pg_temp.settled(4);
SELECT * FROM influence.check_books();
-- without a moment it ends now; once it has, it has
SELECT budget_id AS open FROM influence.set_commission_budget(4, 5, 'Steel', '2024-01-01') \gset
SELECT status FROM influence.end_commission_budget(4, :open);
SELECT status FROM influence.end_commission_budget(4, :open);
SELECT status FROM influence.end_commission_budget(4, 2);
SELECT * FROM pg_temp.not_refused('IN005', $$end_commission_budget(4, 1, '2024-04-01')$$, $$end_commission_budget(4, 2, '2024-05-01')$$, $$end_commission_budget(4, 2, '2999-01-01')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$end_commission_budget(4, 99)$$, $$end_commission_budget(99, 1)$$, $$end_commission_budget(1, 1)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$end_commission_budget(4, NULL)$$, $$end_commission_budget(4, 2, NULL)$$, $$end_commission_budget(4, 2, 'infinity')$$);
