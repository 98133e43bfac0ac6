--
-- What a settlement must not do: stop everybody because of one creator's
-- amounts, settle what is held without an end, pay out a write-off.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Wide', 'EUR', 'UTC', '{}', '{"hold": "10 days"}');
SELECT pg_temp.new_program('Late', 'EUR', 'UTC', '{}', '{"hold": "10 days", "hold_from": "delivered"}');
SELECT pg_temp.new_program('Shipped', 'EUR', 'UTC', '{}', '{"hold": "10 days", "earns_at": "shipped", "hold_from": "shipped"}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo}'::text[]) c;
SELECT category_id FROM influence.create_category('all');
SELECT product_id FROM influence.add_product('desk', 'Desk', 1);
SELECT count(*) FROM influence.program p, influence.set_commission_rate(p.program_id, 0.1, valid_from => '2020-01-01');
CREATE FUNCTION pg_temp.sell(program bigint, ref text, seller text, price bigint, at timestamptz DEFAULT '2024-03-05') RETURNS bigint LANGUAGE sql AS $$
	SELECT o.commission
	FROM (SELECT md5(program || ref)::uuid) v(visitor),
		influence.record_touch(program, v.visitor, ref, 'click', pg_temp.creator(seller), at) t,
		influence.record_order(program, v.visitor, ref, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', 'desk', 'quantity', 1, 'paid_price', price)), at) o
	WHERE t.status IS NOT NULL $$;
CREATE FUNCTION pg_temp.happens(program bigint, ref text, kind text, at timestamptz) RETURNS TABLE (status text, commission bigint, available_at timestamptz) LANGUAGE sql AS $$
	SELECT e.* FROM influence.record_order_event(program, md5(program || ref)::uuid, ref, kind, at) e $$;

-- Two sales of 9e18 each: anna's revenue of the month leaves bigint. bert and cleo are settled and paid all the same: 20 % of 40.00, 4.00 by the card and 4.00 by the tier.
SELECT status FROM influence.set_tier_table(1, 'revenue', 'volume', '{0,100}', '{0.1,0.2}', valid_from => '2024-01-01');
SELECT pg_temp.sell(1, 'a1', 'anna', 9000000000000000000), pg_temp.sell(1, 'a2', 'anna', 9000000000000000000), pg_temp.sell(1, 'b1', 'bert', 4000), pg_temp.sell(1, 'c1', 'cleo', 4000);
SELECT entries, amount FROM influence.settle_tiers(1);
SELECT c.creator_ref, s.stage, s.amount FROM influence.settlement s JOIN influence.creator c USING (creator_id) ORDER BY 1;
SELECT c.creator_ref, d.month, d.failures, d.error LIKE '%(22003)' AS range FROM influence.settlement_due d JOIN influence.creator c USING (creator_id);
SELECT party_name, amount, verdict FROM influence.plan_payouts(1, '2024-04', '2024-05-01');
SELECT payouts, amount FROM influence.run_payouts(1, '2024-04', '2024-05-01');
SELECT failures FROM influence.settlement_due;
SELECT check_name, subject, expected FROM influence.check_books(1);

-- Held from delivery: the cap of 10.00 takes from what was delivered, not for the 40.00 that wait. a1: 100.00 -> 10.00 delivered; a2: 400.00 -> 40.00.
SELECT status FROM influence.set_commission_policy(2, '{"month_cap": 1000}', '2024-01-01');
SELECT pg_temp.sell(2, 'a1', 'anna', 10000), pg_temp.sell(2, 'a2', 'anna', 40000);
SELECT * FROM pg_temp.happens(2, 'a1', 'delivered', '2024-03-08');
SELECT entries, amount FROM influence.settle_tiers(2);
SELECT pending, available FROM influence.balances(2);
-- delivered in April, it joins its month: 50.00 capped at 10.00
SELECT * FROM pg_temp.happens(2, 'a2', 'delivered', '2024-04-02');
SELECT entries, amount FROM influence.settle_tiers(2);
SELECT pending, available FROM influence.balances(2);
SELECT count(*) FROM influence.check_books(2);

-- Delivered means shipped by then: a shipment that is told later, at a later time, moves nothing.
SELECT pg_temp.sell(3, 's', 'bert', 10000);
SELECT * FROM pg_temp.happens(3, 's', 'delivered', '2024-03-10');
SELECT * FROM pg_temp.happens(3, 's', 'shipped', '2024-06-01');
-- at an earlier time it does
SELECT status, available_at FROM influence.record_order_event(3, md5('3s')::uuid, 's', 'shipped', '2024-03-08', 'first parcel');
SELECT count(*) FROM influence.check_books(3);

-- A write-off counts when the debt does: 10.00 were paid and came back, but a debt of the cap is available only at its lock.
SELECT status FROM influence.record_return(1, md5('1b1')::uuid, 'b1', 1, 'r', 1, returned_at => '2024-06-01');
SELECT entries, amount FROM influence.settle_tiers(1);
SELECT owed FROM influence.balances(1, party_id => pg_temp.creator('bert'));
SELECT * FROM influence.write_off_balance(1, pg_temp.creator('bert'), 800, 'gone');
SELECT w.available_at >= max(l.available_at) AS with_the_debt FROM influence.ledger w JOIN influence.ledger l USING (party_id, program_id)
	WHERE w.entry_key = 'balance/gone' AND l.debit_account = 'payable' AND l.source <> 'payout' GROUP BY w.available_at;
SELECT * FROM pg_temp.not_refused('IN002', $$set_tier_table(1, 'revenue', 'volume', '[0:0]={0}', '{0.1}')$$, $$balances(1, 'infinity')$$);
