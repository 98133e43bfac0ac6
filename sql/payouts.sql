--
-- Payouts: months of the program's zone, the hold's edge, minimums, balances
-- below zero, statements, and everything that must not be paid.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

-- 10 %, no hold; orders of 100.00 earn 10.00. anna and bert sell in Berlin, cleo too, but she will be suspended.
SELECT pg_temp.new_program('Berlin', 'EUR', 'Europe/Berlin', '{}', '{"hold": "0", "minimums": {"EUR": 1500}}');
SELECT pg_temp.new_program('Held', 'EUR', 'Europe/Berlin', '{}', '{"hold": "1 mon"}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo}'::text[]) c;
SELECT status FROM influence.create_program('Honour', 'EUR', paying => false);
SELECT category_id FROM influence.create_category('all');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 1);
SELECT count(*) FROM influence.program p, influence.set_commission_rate(p.program_id, 0.1, valid_from => '2020-01-01');
CREATE FUNCTION pg_temp.sell(program bigint, ref text, seller text, at timestamptz, price bigint DEFAULT 10000) RETURNS text LANGUAGE sql AS $$
	SELECT o.status || ' ' || o.commission
	FROM md5(ref) h, LATERAL (SELECT h::uuid) v(visitor),
		influence.record_touch(program, v.visitor, ref, 'click', pg_temp.creator(seller), at) t,
		influence.record_order(program, v.visitor, ref, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', 'lamp', 'quantity', 1, 'paid_price', price)), at) o
	WHERE t.status IS NOT NULL $$;
CREATE FUNCTION pg_temp.take_back(program bigint, ref text, at timestamptz, amount bigint) RETURNS text LANGUAGE sql AS $$
	SELECT status || ' ' || clawed_back FROM influence.record_return(program, md5(ref)::uuid, ref, 1, 'r', amount => amount, returned_at => at) $$;
CREATE FUNCTION pg_temp.plan(program bigint, month text, at timestamptz) RETURNS TABLE (name text, amount numeric, entries bigint, minimum bigint, verdict text) LANGUAGE sql AS $$
	SELECT p.party_name, p.amount, p.entries, p.minimum, p.verdict FROM influence.plan_payouts(program, month, at) p $$;

-- March 2024 in Berlin is from 02-29 23:00 UTC to 03-31 22:00 UTC: the clocks change on its last day.
SELECT ref, pg_temp.sell(1, ref, c, at) FROM (VALUES ('m0', 'anna', '2024-02-29 22:59:59.999999+00'::timestamptz), ('m1', 'anna', '2024-02-29 23:00+00'), ('m2', 'anna', '2024-03-31 21:59:59.999999+00'),
	('m3', 'anna', '2024-03-31 22:00+00'), ('m4', 'bert', '2024-03-15'), ('m5', 'cleo', '2024-03-15'), ('m6', 'cleo', '2024-03-16')) v(ref, c, at) ORDER BY 1;
SELECT * FROM influence_internal.period_bounds(1, '2024-03'), influence_internal.period_bounds(1, '2024-10') october(october_starts, october_ends);
SELECT influence_internal.last_period(1, at) FROM unnest('{2024-03-31 21:59:59.999999+00,2024-03-31 22:00+00,2024-01-31 23:00+00}'::timestamptz[]) at;
-- not before the month is over
SELECT pg_temp.refused($$plan_payouts(1, '2024-03', '2024-03-31 21:59:59.999999+00')$$);
SELECT pg_temp.refused($$run_payouts(1, '2024-03', '2024-03-31 21:59:59.999999+00')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$plan_payouts(1, '2024-13')$$, $$plan_payouts(1, '24-03')$$, $$plan_payouts(1, '')$$, $$plan_payouts(1, '2024-03', NULL)$$, $$plan_payouts(1, '2024-03', 'infinity')$$,
	$$run_payouts(1, '2024-13')$$, $$run_payouts(1, 'March')$$, $$run_payouts(NULL, '2024-03')$$, $$run_payouts(1, '2024-03', NULL)$$, $$run_payouts(1, '2024-03', 'infinity')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$plan_payouts(99, '2024-03')$$, $$plan_payouts(NULL, '2024-03')$$, $$run_payouts(99, '2024-03')$$);
SELECT * FROM pg_temp.not_refused('IN005', $$run_payouts(1, '9998-12', '9999-12-31')$$);

-- February: anna's 10.00 is less than 15.00. March: anna has 30.00 (with February's; m3 is April's), bert 10.00, cleo
-- 20.00 and is suspended.
SELECT * FROM pg_temp.plan(1, '2024-02', '2024-03-01');
SELECT * FROM influence.run_payouts(1, '2024-02', '2024-03-01');
SELECT status FROM influence.set_creator_status(pg_temp.creator('cleo'), 'suspended', 'r', 'ops', '2024-03-20');
SELECT * FROM pg_temp.plan(1, '2024-03', '2024-03-31 22:00+00');
SELECT * FROM pg_temp.plan(1, NULL, '2024-04-30 21:59:59+00');
SELECT * FROM influence.run_payouts(1, '2024-03', '2024-04-01');
SELECT * FROM influence.run_payouts(1, '2024-03', '2024-04-01');
SELECT * FROM influence.run_payouts(1, NULL, '2024-04-15');
SELECT c.creator_ref, p.period, p.state, p.amount, p.run_at, p.payout_policy_version FROM influence.payout p JOIN influence.creator c ON c.creator_id = p.party_id;
SELECT l.entry_key ~ 'm0$' AS of_february, l.amount FROM influence.payout_line l ORDER BY 1, l.entry_key;

-- April: m3 10.00 and two returns of March's orders: anna -15.00 (below zero is carried), bert 10.00 - 10.00 = 0 and
-- + 16.00. cleo is active again.
SELECT pg_temp.take_back(1, 'm1', '2024-04-03', 10000), pg_temp.take_back(1, 'm2', '2024-04-04', 10000), pg_temp.take_back(1, 'm0', '2024-04-05', 5000), pg_temp.take_back(1, 'm4', '2024-04-05', 10000);
SELECT * FROM pg_temp.plan(1, '2024-04', '2024-05-01');
SELECT pg_temp.sell(1, 'm7', 'bert', '2024-04-20', 16000);
SELECT status FROM influence.set_creator_status(pg_temp.creator('cleo'), 'active', 'r', 'ops', '2024-04-25');
SELECT * FROM pg_temp.plan(1, '2024-04', '2024-05-01');
SELECT * FROM influence.run_payouts(1, '2024-04', '2024-05-01');
-- May: anna -15.00 + 40.00
SELECT pg_temp.sell(1, 'm8', 'anna', '2024-05-10', 40000);
SELECT * FROM influence.run_payouts(1, '2024-05', '2024-06-01');
SELECT c.creator_ref, p.period, p.amount, count(*) AS lines, sum(l.amount) AS sum
FROM influence.payout p JOIN influence.payout_line l USING (party_id, program_id, currency, period) JOIN influence.creator c ON c.creator_id = p.party_id GROUP BY 1, 2, 3 ORDER BY 2, 1;
-- what is booked late for a month that was paid is paid with the next
SELECT pg_temp.sell(1, 'm9', 'anna', '2024-04-02', 20000);
SELECT * FROM pg_temp.plan(1, '2024-05', '2024-06-01');
SELECT * FROM influence.run_payouts(1, '2024-06', '2024-07-01');
SELECT count(*) AS violations FROM influence.check_books();

-- Holds. A month after 2024-01-31 12:00 is 02-29 12:00 in Berlin (11:00 UTC); what is available exactly when the
-- period ends (h3, at the end of April) belongs to the next.
SELECT pg_temp.sell(2, 'h1', 'anna', '2024-01-31 11:00+00'), pg_temp.sell(2, 'h2', 'anna', '2024-02-29 22:59:59.999999+00'), pg_temp.sell(2, 'h3', 'anna', '2024-03-31 22:00+00'), pg_temp.sell(2, 'h4', 'anna', '2024-03-01 12:00+00');
SELECT order_ref, occurred_at, available_at FROM influence.earning WHERE program_id = 2 ORDER BY 1;
SELECT month, p.amount FROM unnest('{2024-02,2024-03,2024-04,2024-05}'::text[]) month, pg_temp.plan(2, month, '2024-06-01') p ORDER BY 1;
-- a hold never changes what is booked
SELECT status FROM influence.set_payout_policy(2, '{"hold": "0"}', '2024-06-01');
SELECT available_at FROM influence.earning WHERE order_ref = 'h1';

-- Confirmation.
SELECT * FROM influence.confirm_payout(1, pg_temp.creator('anna'), '2024-03', 'SEPA 1', paid_at => '2024-04-05');
SELECT * FROM influence.confirm_payout(1, pg_temp.creator('anna'), '2024-03', 'SEPA 1', paid_at => '2024-04-06');
SELECT * FROM pg_temp.not_refused('IN004', $$confirm_payout(1, pg_temp.creator('anna'), '2024-03', 'SEPA 2')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$confirm_payout(1, pg_temp.creator('anna'), '2024-02', 'SEPA')$$, $$confirm_payout(99, 1, '2024-03', 'SEPA')$$, $$confirm_payout(1, 99, '2024-03', 'SEPA')$$, $$confirm_payout(1, NULL, '2024-03', 'SEPA')$$,
	$$confirm_payout(1, 1, NULL, 'SEPA')$$, $$confirm_payout(1, 1, '2024-03', 'SEPA', 'USD')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$confirm_payout(1, 1, '2024-03', NULL)$$, $$confirm_payout(1, 1, '2024-03', '')$$, $$confirm_payout(1, 1, '2024-03', 'SEPA', paid_at => NULL)$$, $$confirm_payout(1, 1, '2024-03', 'SEPA', paid_at => 'infinity')$$);
SELECT state, paid_at, bank_ref FROM influence.payout WHERE period = '2024-03';
SELECT kind, debit_account, credit_account, amount, occurred_at, note FROM influence.ledger WHERE source = 'payout' AND entry_key ~ '2024-03' ORDER BY 1;

-- anna's statements by hand: February +10.00; March +10.00 +10.00 (m1, m2); April -30.00 paid, +10.00 (m3), +20.00 (m9),
-- -10.00, -10.00, -5.00; May +40.00; June -25.00 paid with May's money; July -20.00.
SELECT month, s.entry_no, s.kind, s.order_ref, s.amount, s.balance
FROM unnest('{2024-02,2024-03,2024-04,2024-05,2024-06,2024-07}'::text[]) month, influence.creator_statement(1, pg_temp.creator('anna'), month) s ORDER BY 1, 2;
SELECT occurred_at, kind, currency FROM influence.creator_statement(1, pg_temp.creator('anna'), '2024-03') ORDER BY entry_no;
SELECT * FROM pg_temp.not_refused('IN002', $$creator_statement(1, 1, NULL)$$, $$creator_statement(1, 1, '2024-00')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$creator_statement(99, 1, '2024-03')$$, $$creator_statement(1, 99, '2024-03')$$, $$creator_statement(1, NULL, '2024-03')$$);

-- A server that is not the adopted one pays nothing.
BEGIN;
UPDATE influence.adopted_cluster SET system_identifier = system_identifier + 1;
SELECT * FROM pg_temp.not_refused('IN009', $$run_payouts(2, '2024-03', '2024-04-01')$$, $$confirm_payout(1, pg_temp.creator('anna'), '2024-05', 'SEPA')$$);
SELECT count(*) FROM influence.plan_payouts(2, '2024-03', '2024-04-01');
SELECT * FROM influence.adopt_cluster();
SELECT * FROM influence.adopt_cluster();
SELECT status, payouts FROM influence.run_payouts(2, '2024-03', '2024-04-01');
ROLLBACK;
BEGIN;
UPDATE influence.adopted_cluster SET database_oid = 1;
SELECT * FROM pg_temp.not_refused('IN009', $$run_payouts(2, '2024-03', '2024-04-01')$$);
DELETE FROM influence.adopted_cluster;
SELECT * FROM pg_temp.not_refused('IN009', $$run_payouts(2, '2024-03', '2024-04-01')$$);
ROLLBACK;
SELECT count(*) AS violations FROM influence.check_books();
