--
-- Brands that pay first: what waits for their money, in which order, what counts as used, the books. The lists of what waits were
-- worked out by a program of its own: each brand's entries in order, a running sum, and what was paid in.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT category_id FROM influence.create_category('all');
SELECT product_ids FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 1, "brand": "Acme"}, {"sku": "desk", "title": "Desk", "category_id": 1, "brand": "Acme"},
	{"sku": "torch", "title": "Torch", "category_id": 1, "brand": "Bolt"}, {"sku": "rug", "title": "Rug", "category_id": 1}]');
SELECT pg_temp.new_program('Shop', 'USD', 'Europe/Berlin', '{}', '{"hold": "0"}'), pg_temp.new_program('Other', 'USD', 'UTC', '{}', '{"hold": "0"}');
SELECT status FROM influence.set_commission_policy(1, '{"platform_rate": 0.02}', '2024-01-01');
SELECT status FROM generate_series(1, 2) p CROSS JOIN LATERAL influence.set_commission_rate(p, 0.1, valid_from => '2020-01-01');
SELECT pg_temp.new_creator('anna'), pg_temp.new_creator('bert');
-- an order of one piece by a visitor of its own, credited to a creator
CREATE FUNCTION pg_temp.sale(n int, ref text, sku text, price bigint, at timestamptz, program bigint DEFAULT 1) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence.record_touch(program, pg_temp.visitor(n), 't', 'click', pg_temp.creator(ref), at - interval '1 hour');
	RETURN (SELECT commission FROM influence.record_order(program, pg_temp.visitor(n), 'order ' || n,
		jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', sku, 'quantity', 1, 'paid_price', price)), at));
END $$;
SELECT pg_temp.sale(1, 'anna', 'lamp', 10000, '2024-05-01') AS s1, pg_temp.sale(2, 'bert', 'desk', 20000, '2024-05-02') AS s2, pg_temp.sale(3, 'anna', 'lamp', 5000, '2024-05-03') AS s3,
	pg_temp.sale(4, 'bert', 'torch', 3000, '2024-05-03') AS s4, pg_temp.sale(5, 'anna', 'rug', 7000, '2024-05-03') AS s5, pg_temp.sale(6, 'anna', 'lamp', 1000, '2024-05-31 22:00Z') AS s6,
	pg_temp.sale(7, 'anna', 'lamp', 10000, '2024-05-04', 2) AS other;
CREATE FUNCTION pg_temp.waits(cutoff timestamptz DEFAULT '2024-06-01 00:00+02', program bigint DEFAULT 1) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(format('%s %s %s', c.creator_ref, l.order_ref, CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END), ', ' ORDER BY l.available_at, l.party_id, l.entry_no)
	FROM influence_internal.unfunded_entries(program, cutoff) u JOIN influence.ledger l USING (entry_no) JOIN influence.creator c ON c.creator_id = l.party_id $$;

-- nothing waits without the policy; with it, not where a brand has no account
SELECT pg_temp.waits();
SELECT version FROM influence.set_payout_policy(1, '{"pay_when_funded": true}', '2024-05-01 00:00+02');
SELECT pg_temp.waits();
SELECT * FROM influence.create_brand_account(1, 'Acme');
SELECT * FROM influence.create_brand_account(1, 'Acme');
SELECT pg_temp.waits();
SELECT * FROM influence.brand_funds(1);
-- 2600: the first one, 1000, is covered; the second, 2000, is not, and nothing overtakes it, though 500 would do
SELECT * FROM influence.record_funding(1, 'Acme', 2000, 'wire 1', '2024-05-20', note => 'first');
SELECT * FROM influence.record_funding(1, 'Acme', 600, 'wire 2', '2024-05-21');
SELECT pg_temp.waits();
SELECT * FROM influence.brand_funds(1);
-- in June the entry that became available with the month does too
SELECT pg_temp.waits('2024-07-01 00:00+02');
-- 3500 covers May to the cent, 3499 does not
SELECT funded FROM influence.record_funding(1, 'Acme', 899, 'wire 3', '2024-05-22');
SELECT pg_temp.waits();
SELECT funded FROM influence.record_funding(1, 'Acme', 1, 'wire 4', '2024-05-22');
SELECT pg_temp.waits(), pg_temp.waits('2024-07-01 00:00+02') AS june;
-- other money, another program and another brand cover nothing of it
SELECT funded FROM influence.record_funding(1, 'Acme', 9999, 'wire 5', '2024-05-22', 'EUR');
SELECT funded FROM influence.record_funding(2, 'Acme', 9999, 'wire 1', '2024-05-22');
SELECT pg_temp.waits('2024-07-01 00:00+02') AS june, pg_temp.waits(program => 2) AS other;
SELECT funded FROM influence.record_funding(1, 'Bolt', 299, 'wire 1', '2024-05-22');
SELECT pg_temp.waits(), pg_temp.waits('2024-07-01 00:00+02') AS june;
SELECT * FROM influence.brand_funds(1);
SELECT * FROM influence.brand_funds(2);

-- What is in a payout comes first, one that failed as well: 2000 used, 3000 with the first order, which waits now although it is older.
INSERT INTO influence.payout (party_id, program_id, currency, period, state, amount, entry_nos, run_at, failed_at, failure, payout_policy_version)
SELECT party_id, 1, 'USD', '2024-04', 'failed', 2000, ARRAY[entry_no], '2024-05-15', '2024-05-16', 'closed', 1 FROM influence.ledger WHERE order_ref = 'order 2' AND party_id > 0;
DELETE FROM influence.brand_funding WHERE funding_ref IN ('wire 3', 'wire 4') AND program_id = 1;
SELECT pg_temp.waits();
-- what came back of an order that is not paid is nothing, and needs no funds: 2000 used + (1000 - 1000) + 500 is within 2600
SELECT status, clawed_back FROM influence.record_return(1, pg_temp.visitor(1), 'order 1', 1, 'r', 1, returned_at => '2024-05-10');
SELECT order_ref, kind, amount, available_at FROM influence.ledger WHERE order_ref = 'order 1' AND party_id > 0 ORDER BY entry_no;
SELECT pg_temp.waits();
SELECT * FROM influence.brand_funds(1) WHERE brand = 'Acme';

-- the policy of the month decides: one from the middle of June holds from July on
SELECT version FROM influence.set_payout_policy(1, '{"pay_when_funded": false}', '2024-06-15');
SELECT pg_temp.waits('2024-05-01 00:00:00.000001+02') AS may, pg_temp.waits('2024-07-01 00:00+02') AS june, pg_temp.waits('2024-08-01 00:00+02') AS july;

-- retries and conflicts; a retry need not know when the money came
SELECT status, funded FROM influence.record_funding(1, 'Acme', 2000, 'wire 1', '2024-05-20', note => 'first');
SELECT status, funded FROM influence.record_funding(1, 'Acme', 2000, 'wire 1', note => 'first');
SELECT * FROM pg_temp.not_refused('IN004', $$record_funding(1, 'Acme', 2001, 'wire 1', '2024-05-20', note => 'first')$$, $$record_funding(1, 'Acme', 2000, 'wire 1', '2024-05-21', note => 'first')$$,
	$$record_funding(1, 'Acme', 2000, 'wire 1', '2024-05-20')$$, $$record_funding(1, 'Acme', 2000, 'wire 1', '2024-05-20', 'EUR', 'first')$$);
-- the books: each funding has its entry
SELECT party_id, entry_key, debit_account, credit_account, amount, currency, occurred_at, available_at, source, note FROM influence.ledger WHERE kind = 'brand_funding' AND program_id = 1 AND currency = 'EUR';
SELECT check_name, subject, expected, found FROM influence.check_books() WHERE check_name LIKE '%funding%' ORDER BY 1, 2;
INSERT INTO influence.brand_funding SELECT party_id, program_id, replace(entry_key, 'funding/', ''), amount, currency, occurred_at FROM influence.ledger WHERE entry_key IN ('funding/wire 3', 'funding/wire 4');
SELECT count(*) FROM influence.check_books() WHERE check_name LIKE '%funding%' OR subject LIKE '%funding%';
UPDATE influence.brand_funding SET amount = amount + 1 WHERE funding_ref = 'wire 5';
UPDATE influence.party SET kind = 'shopper' WHERE party_id IN (SELECT party_id FROM influence.brand_account WHERE brand = 'Bolt');
SELECT check_name, program, subject, expected, found FROM influence.check_books() WHERE check_name LIKE '%funding%' ORDER BY 1, 2, 3;

SELECT * FROM pg_temp.not_refused('IN002', $$record_funding(1, 'Acme', 0, 'w')$$, $$record_funding(1, 'Acme', -1, 'w')$$, $$record_funding(1, 'Acme', NULL, 'w')$$, $$record_funding(1, 'Acme', 1, NULL)$$, $$record_funding(1, 'Acme', 1, '')$$,
	$$record_funding(1, NULL, 1, 'w')$$, $$record_funding(1, '', 1, 'w')$$, $$record_funding(1, 'Acme', 1, 'w', 'infinity')$$, $$record_funding(1, 'Acme', 1, 'w', '-infinity')$$, $$record_funding(1, 'Acme', 1, 'w', now() + interval '1 week')$$,
	$$record_funding(1, 'Acme', 1, 'w', currency => 'usd')$$, $$record_funding(1, 'Acme', 1, 'w', currency => 'XX')$$, $$create_brand_account(1, NULL)$$, $$create_brand_account(1, '')$$, $$create_brand_account(1, repeat('a', 201))$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_funding(99, 'Acme', 1, 'w')$$, $$record_funding(NULL, 'Acme', 1, 'w')$$, $$record_funding(1, 'ACME', 1, 'w')$$, $$record_funding(1, '''; DROP', 1, 'w')$$, $$brand_funds(99)$$, $$brand_funds(NULL)$$);

-- Who was paid nothing gives nothing back, and makes no room for others. Of Acme nothing came in: bert's 10.00 of 5 January wait; anna's 10.00 of the
-- 10th came back, which is nothing; her rug, which needs no funds, brings 15.00.
SELECT pg_temp.new_program('Third', 'USD', 'UTC', '{"max_touch_delay": "100 years"}', '{"hold": "0", "pay_when_funded": true, "max_clawback_age": "30 days"}');
SELECT count(*) FROM unnest('{anna,bert}'::text[]) c, influence.apply_creator(3, pg_temp.creator(c), '2020-01-02');
SELECT status FROM influence.set_commission_rate(3, 0.1, valid_from => '2020-01-01');
SELECT status FROM influence.create_brand_account(3, 'Acme');
SELECT pg_temp.sale(31, 'bert', 'lamp', 10000, '2024-01-05', 3) AS lamp_of_bert, pg_temp.sale(32, 'anna', 'lamp', 10000, '2024-01-10', 3) AS lamp_of_anna, pg_temp.sale(33, 'anna', 'rug', 15000, '2024-01-11', 3) AS rug;
SELECT status, clawed_back FROM influence.record_return(3, pg_temp.visitor(32), 'order 32', 1, 'r', 1, returned_at => '2024-01-12');
SELECT party_name, amount, entries, verdict FROM influence.plan_payouts(3, '2024-01') ORDER BY 1;
SELECT * FROM influence.brand_funds(3);
-- what came back in part waits as what is left of it: 10.00 - 4.00 are 6.00, for which 5.99 are not enough and 6.00 are
SELECT pg_temp.sale(34, 'bert', 'torch', 10000, '2024-01-06', 3) AS torch;
SELECT status, clawed_back FROM influence.record_return(3, pg_temp.visitor(34), 'order 34', 1, 'r', amount => 4000, returned_at => '2024-01-12');
SELECT funded FROM influence.record_funding(3, 'Bolt', 599, 'b 1', '2024-01-20');
SELECT pg_temp.waits('2024-02-01', 3);
SELECT funded FROM influence.record_funding(3, 'Bolt', 1, 'b 2', '2024-01-20');
SELECT pg_temp.waits('2024-02-01', 3);
-- A return too late to cost takes nothing from bert while another one's sale waits: 10.00 come in and pay bert's of 5 January; anna's of the 3rd
-- is told later and waits, and in May bert's comes back, after more than 30 days.
SELECT funded FROM influence.record_funding(3, 'Acme', 1000, 'a 1', '2024-01-20');
SELECT status, payouts, amount FROM influence.run_payouts(3, '2024-01', '2024-02-01');
SELECT pg_temp.sale(35, 'anna', 'lamp', 10000, '2024-01-03', 3) AS told_later;
SELECT status, clawed_back FROM influence.record_return(3, pg_temp.visitor(31), 'order 31', 1, 'r', 1, returned_at => '2024-05-05');
SELECT pg_temp.waits('2024-06-01', 3);
SELECT party_name, amount, entries, verdict FROM influence.plan_payouts(3, '2024-05', '2024-06-01') ORDER BY 1;
SELECT * FROM influence.brand_funds(3) ORDER BY 1;
-- a return in time of what was paid: bert owes the 6.00 of his torch
SELECT status, clawed_back FROM influence.record_return(3, pg_temp.visitor(34), 'order 34', 1, 'r 2', amount => 6000, returned_at => '2024-01-30');
SELECT party_name, amount, entries, verdict FROM influence.plan_payouts(3, '2024-05', '2024-06-01') ORDER BY 1;
SELECT check_name, subject, expected, found FROM influence.check_books(3);
