--
-- Payouts as people meet them, each with numbers worked out by hand: a return
-- after the payout, a transfer that came back, a changed account, a threshold
-- missed by a cent, a remainder of yen, a creator suspended between plan and run.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'Europe/Berlin', '{"max_touch_delay": "100 years"}', '{"hold": "0", "minimums": {"EUR": 500, "EUR/DE": 1500}}');
SELECT pg_temp.new_program('Mise', 'JPY', 'Asia/Tokyo', '{}', '{"hold": "0", "granularity": {"JPY": 1000}}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo,dora,emil,fumi}'::text[]) c;
SELECT category_id FROM influence.create_category('all');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 1);
SELECT status FROM influence.set_commission_rate(1, 0.1, valid_from => '2020-01-01');
CREATE FUNCTION pg_temp.sell(ref text, seller text, at timestamptz, price bigint) RETURNS bigint LANGUAGE sql AS $$
	SELECT o.commission FROM influence.record_touch(1, md5(ref)::uuid, ref, 'click', pg_temp.creator(seller), at) t,
		LATERAL influence.record_order(1, md5(ref)::uuid, ref, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', 'lamp', 'quantity', 1, 'paid_price', price)), at) o
	WHERE t.status = 'recorded' $$;
CREATE FUNCTION pg_temp.earn(program bigint, who text, ref text, amount bigint, at timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT status FROM influence.record_bonus(program, pg_temp.creator(who), amount, ref, occurred_at => at) $$;
CREATE FUNCTION pg_temp.plan(program bigint, who text, month text, at timestamptz) RETURNS TABLE (amount numeric, remainder numeric, entries bigint, minimum bigint, verdict text) LANGUAGE sql AS $$
	SELECT p.amount, p.remainder, p.entries, p.minimum, p.verdict FROM influence.plan_payouts(program, month, at) p WHERE p.party_id = pg_temp.creator(who) $$;
CREATE FUNCTION pg_temp.paid(who text) RETURNS TABLE (period text, state text, amount bigint, lines int, account text) LANGUAGE sql AS $$
	SELECT p.period, p.state, p.amount, cardinality(p.entry_nos), d.label
	FROM influence.payout p LEFT JOIN influence.payout_destination d USING (party_id, destination_id) WHERE p.party_id = pg_temp.creator(who) ORDER BY p.period $$;
CREATE FUNCTION pg_temp.account(who text, account text) RETURNS numeric LANGUAGE sql AS $$
	SELECT coalesce(sum(CASE account WHEN l.credit_account THEN l.amount WHEN l.debit_account THEN -l.amount END), 0)
	FROM influence.ledger l WHERE l.party_id = pg_temp.creator(who) $$;

-- A return after the payout. January: anna sells for 100.00 and gets 10.00. In February it comes back: she owes 10.00, and
-- 4.00 from a small sale do not make up for it. March's 30.00 pay the rest of the debt: 30.00 + 4.00 - 10.00 = 24.00.
SELECT pg_temp.sell('a1', 'anna', '2024-01-10', 10000);
SELECT status, payouts, amount, carried FROM influence.run_payouts(1, '2024-01', '2024-02-01');
SELECT status, amount FROM influence.confirm_payout(1, pg_temp.creator('anna'), '2024-01', 'SEPA a1', paid_at => '2024-02-02');
SELECT status, clawed_back FROM influence.record_return(1, md5('a1')::uuid, 'a1', 1, 'back', amount => 10000, returned_at => '2024-02-10');
SELECT pg_temp.sell('a2', 'anna', '2024-02-20', 4000);
SELECT * FROM pg_temp.plan(1, 'anna', '2024-02', '2024-03-01');
SELECT status, payouts, amount, carried FROM influence.run_payouts(1, '2024-02', '2024-03-01');
SELECT pg_temp.account('anna', 'payable') AS owed;
SELECT pg_temp.sell('a3', 'anna', '2024-03-20', 30000);
SELECT status, payouts, amount, carried FROM influence.run_payouts(1, '2024-03', '2024-04-01');
SELECT * FROM pg_temp.paid('anna');
SELECT pg_temp.account('anna', 'payable') AS owed, pg_temp.account('anna', 'reserved') AS reserved, pg_temp.account('anna', 'paid') AS paid;

-- A transfer that came back. bert's 20.00 of January are paid in April, and on 12 April the bank returns them. They join
-- April's payout, with 6.50 of February: 26.50. The statement of January (number 3; 1 and 2 are anna's) is cancelled by the next.
SELECT pg_temp.earn(1, 'bert', 'b1', 2000, '2024-01-15');
SELECT status, payouts, amount FROM influence.run_payouts(1, '2024-01', '2024-04-02');
SELECT status, amount FROM influence.confirm_payout(1, pg_temp.creator('bert'), '2024-01', 'SEPA b1', paid_at => '2024-04-03');
SELECT pg_temp.refused($$fail_payout(1, pg_temp.creator('bert'), '2024-01', 'account closed', failed_at => '2024-04-02 23:59:59+00', actor => 'ops')$$);
SELECT status FROM influence.fail_payout(1, pg_temp.creator('bert'), '2024-01', 'account closed', failed_at => '2024-04-12', actor => 'ops');
SELECT status FROM influence.fail_payout(1, pg_temp.creator('bert'), '2024-01', 'account closed', failed_at => '2024-04-12', actor => 'ops');
SELECT pg_temp.account('bert', 'payable') AS owed, pg_temp.account('bert', 'reserved') AS reserved, pg_temp.account('bert', 'paid') AS paid;
SELECT pg_temp.earn(1, 'bert', 'b2', 650, '2024-02-15');
-- what came back in April waits for April's payout; January stays as it is
SELECT month, p.* FROM unnest('{2024-01,2024-02,2024-03,2024-04}'::text[]) month, pg_temp.plan(1, 'bert', month, '2024-05-01') p ORDER BY 1;
SELECT status, payouts, amount FROM influence.run_payouts(1, '2024-04', '2024-05-01');
SELECT * FROM pg_temp.paid('bert');
SELECT statement_no, kind, cancels, pg_temp.creator('bert') = party_id AS of_bert, period, amount FROM influence.statement ORDER BY statement_no;

-- A changed account. cleo's new account is set on 30 April at 12:00 and cools off for 72 hours, until 3 May at 12:00.
SELECT pg_temp.earn(1, 'cleo', 'c1', 3000, '2024-04-15');
SELECT status, label, cooling_off_until FROM influence.set_payout_destination(creator_id => pg_temp.creator('cleo'), method => 'sepa', destination => 'de89 3704 0044 0532 0130 00', valid_from => '2024-01-01', actor => 'cleo');
SELECT status, label, cooling_off_until FROM influence.set_payout_destination(creator_id => pg_temp.creator('cleo'), method => 'sepa', destination => 'DE02-1203-0000-0000-2020-51', valid_from => '2024-04-30 12:00+00', actor => 'cleo');
SELECT at, p.amount, p.verdict FROM unnest('{2024-05-01,2024-05-03 11:59:59.999999+00,2024-05-03 12:00+00}'::timestamptz[]) at, pg_temp.plan(1, 'cleo', '2024-04', at) p ORDER BY 1;
SELECT status, payouts, amount, carried FROM influence.run_payouts(1, '2024-04', '2024-05-03 11:59:59.999999+00');
SELECT status, payouts, amount, carried FROM influence.run_payouts(1, '2024-04', '2024-05-03 12:00+00');
SELECT * FROM pg_temp.paid('cleo');

-- A threshold missed by a cent: dora lives in Germany, where 15.00 is the least. 14.99 wait; one more cent, and 15.00 go.
SELECT status FROM influence.record_tax_profile(creator_id => pg_temp.creator('dora'), entity => 'individual', residence => 'DE', valid_from => '2024-01-01', actor => 'ops');
SELECT pg_temp.earn(1, 'dora', 'd1', 1499, '2024-05-05');
SELECT * FROM pg_temp.plan(1, 'dora', '2024-05', '2024-06-01');
SELECT status, payouts, amount, carried FROM influence.run_payouts(1, '2024-05', '2024-06-01');
SELECT pg_temp.earn(1, 'dora', 'd2', 1, '2024-06-05');
SELECT * FROM pg_temp.plan(1, 'dora', '2024-06', '2024-07-01');
SELECT status, payouts, amount, carried FROM influence.run_payouts(1, '2024-06', '2024-07-01');
SELECT * FROM pg_temp.paid('dora');

-- Yen are paid by the thousand. January 2345: 2000 go, 345 stay. February 345 + 1111 = 1456: 1000 go, 456 stay. March
-- 456 + 544 = 1000: all of it goes, and nothing is left.
SELECT pg_temp.earn(2, 'fumi', 'f1', 2345, '2024-01-20'), pg_temp.earn(2, 'fumi', 'f2', 1111, '2024-02-20'), pg_temp.earn(2, 'fumi', 'f3', 544, '2024-03-20');
SELECT * FROM pg_temp.plan(2, 'fumi', '2024-01', '2024-02-01');
SELECT v.month, r.payouts, r.amount FROM (VALUES ('2024-01', '2024-02-01'::timestamptz), ('2024-02', '2024-03-01'), ('2024-03', '2024-04-01')) v(month, at), influence.run_payouts(2, v.month, v.at) r ORDER BY 1;
SELECT * FROM pg_temp.paid('fumi');
SELECT kind, amount, available_at FROM influence.ledger WHERE party_id = pg_temp.creator('fumi') AND kind LIKE 'payout_remainder%' ORDER BY available_at, kind;
SELECT pg_temp.account('fumi', 'payable') AS owed, pg_temp.account('fumi', 'held') AS held, pg_temp.account('fumi', 'reserved') AS reserved;

-- Suspended between plan and run: the plan says pay, the run does not, and what waited goes with the next month (11.00 + 7.00).
SELECT pg_temp.earn(1, 'emil', 'e1', 1100, '2024-06-20');
SELECT * FROM pg_temp.plan(1, 'emil', '2024-06', '2024-07-02');
SELECT status FROM influence.set_creator_status(pg_temp.creator('emil'), 'suspended', 'complaints', 'ops', '2024-07-03');
-- by the clock, not by as_of: on 2 July nobody had suspended him
SELECT status, payouts, amount, carried FROM influence.run_payouts(1, '2024-06', '2024-07-02');
SELECT * FROM pg_temp.plan(1, 'emil', '2024-06', '2024-07-02');
SELECT * FROM pg_temp.paid('emil');
SELECT status FROM influence.set_creator_status(pg_temp.creator('emil'), 'active', 'cleared', 'ops', '2024-07-20');
SELECT pg_temp.earn(1, 'emil', 'e2', 700, '2024-07-25');
SELECT status, payouts, amount, carried FROM influence.run_payouts(1, '2024-07', '2024-08-01');
SELECT * FROM pg_temp.paid('emil');

-- Everything that was earned is owed, reserved, paid, withheld or held.
SELECT l.currency, -sum(a.amount) FILTER (WHERE a.account = 'expense') AS earned, sum(a.amount) FILTER (WHERE a.account IN ('payable', 'reserved', 'paid', 'withheld', 'held')) AS accounted_for
FROM influence.ledger l, LATERAL (VALUES (l.credit_account, l.amount), (l.debit_account, -l.amount)) a(account, amount) GROUP BY 1 ORDER BY 1;
SELECT count(*) AS violations FROM influence.check_books();
