--
-- How far a creator is from the next tier: what the settlement measures, worked out by hand, and that the amount which is
-- missing is the one that settlement and commissions need, to the cent.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program(p, 'EUR', 'Europe/Berlin', '{}', '{"hold": "10 days"}') FROM unnest('{Shop,Counts,Sent}'::text[]) p;
SELECT status FROM influence.set_payout_policy(3, '{"earns_at": "shipped"}', '2020-01-01');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo}'::text[]) c;
SELECT category_id FROM influence.create_category('all');
SELECT category_id FROM influence.create_category('lamps', 1);
SELECT product_id FROM influence.add_product('desk', 'Desk', 1);
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 2);
SELECT count(*) FROM influence.program p, influence.set_commission_rate(p.program_id, 0.04, valid_from => '2020-01-01');
CREATE FUNCTION pg_temp.sell(program bigint, ref text, seller text, at timestamptz, price bigint DEFAULT 10000, sku text DEFAULT 'desk', quantity int DEFAULT 1)
RETURNS bigint LANGUAGE sql AS $$
	SELECT o.commission
	FROM (SELECT md5(program || ref)::uuid) v(visitor),
		influence.record_touch(program, v.visitor, ref, 'click', pg_temp.creator(seller), at) t,
		influence.record_order(program, v.visitor, ref, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', sku, 'quantity', quantity, 'paid_price', price)), at) o
	WHERE t.status IS NOT NULL $$;
CREATE FUNCTION pg_temp.progress(program bigint, seller text, at timestamptz)
RETURNS TABLE (tier_id bigint, category text, value bigint, tier int, rate numeric, next_threshold bigint, next_rate numeric, missing bigint) LANGUAGE sql STABLE AS $$
	SELECT p.tier_id, p.category, p.value, p.tier, p.rate, p.next_threshold, p.next_rate, p.missing FROM influence.tier_progress(program, pg_temp.creator(seller), at) p $$;

-- No table, no row; before the first sale all of the second threshold is missing. March in Berlin ends on 03-31 22:00 UTC; the table of lamps ends on the 20th.
SELECT count(*) FROM pg_temp.progress(1, 'anna', '2024-03-05');
SELECT status FROM influence.set_tier_table(1, 'revenue', 'graduated', '{0,20000,40000}', '{0.04,0.06,0.08}', valid_from => '2024-01-01');
SELECT status FROM influence.set_tier_table(1, 'revenue', 'volume', '{0,20000,40000}', '{0.04,0.06,0.08}', 2, '2024-01-01', '2024-03-20 00:00+00');
SELECT * FROM influence.tier_progress(1, pg_temp.creator('anna'), '2024-03-05');

-- anna: desks for 150.00 on the 6th, 60.00 on the 7th of which 10.00 come back on the 10th, 250.00 on the 12th; lamps for 199.99 on the 8th
SELECT pg_temp.sell(1, 'a1', 'anna', '2024-03-06', 15000), pg_temp.sell(1, 'a2', 'anna', '2024-03-07', 6000), pg_temp.sell(1, 'a3', 'anna', '2024-03-12', 25000), pg_temp.sell(1, 'l1', 'anna', '2024-03-08', 19999, 'lamp');
SELECT clawed_back FROM influence.record_return(1, md5('1a2')::uuid, 'a2', 1, 'r', amount => 1000, returned_at => '2024-03-10');
-- 150.00 with that of the very moment; 210.00 are 10.00 beyond the threshold; 200.00 reach it; 450.00 are the last tier; what comes back until the lock counts, the
-- month is over and April begins at 0; the table of lamps is not in force from the 20th on
SELECT to_char(at, 'MM-DD HH24:MI') AS at, p.* FROM unnest('{2024-03-06,2024-03-07,2024-03-10,2024-03-12,2024-03-20 00:00+00,2024-03-31 21:59:59.999999+00,2024-03-31 22:00+00}'::timestamptz[]) at, pg_temp.progress(1, 'anna', at) p;
-- another creator's sales are another's; a rate for a creator stays outside tiers
SELECT status FROM influence.set_commission_rate(1, 0.1, creator_id => pg_temp.creator('cleo'), valid_from => '2020-01-01');
SELECT pg_temp.sell(1, 'c', 'cleo', '2024-03-09', 90000);
SELECT c, p.* FROM unnest('{bert,cleo}'::text[]) c, pg_temp.progress(1, c, '2024-03-15') p;
-- tables that follow each other in a month count for themselves
SELECT status FROM influence.set_tier_table(1, 'revenue', 'graduated', '{0,50000}', '{0.05,0.1}', valid_from => '2024-03-25');
SELECT pg_temp.sell(1, 'a4', 'anna', '2024-03-26', 100);
SELECT * FROM pg_temp.progress(1, 'anna', '2024-03-24');
SELECT * FROM pg_temp.progress(1, 'anna', '2024-03-27');

-- Orders and pieces, beside caps and a budget of which nothing is left: they limit what is paid, not what was sold. A whole order or line that came back
-- counts no more, of a line two of five pieces.
SELECT status FROM influence.set_commission_policy(2, '{"line_cap": 1, "month_cap": 10}', '2024-01-01');
SELECT status FROM influence.set_commission_budget(2, 0, '', '2024-01-01');
SELECT status FROM influence.set_tier_table(2, 'orders', 'graduated', '{0,3}', '{0.05,0.1}', valid_from => '2024-01-01');
SELECT status FROM influence.set_tier_table(2, 'units', 'volume', '{0,12}', '{0.05,0.1}', 2, '2024-01-01');
SELECT count(pg_temp.sell(2, 'o' || i, 'anna', '2024-03-05')) FROM generate_series(1, 3) i;
SELECT count(pg_temp.sell(2, 'u' || i, 'anna', '2024-03-05', 1000, 'lamp', 5)) FROM generate_series(1, 2) i;
SELECT * FROM pg_temp.progress(2, 'anna', '2024-03-06');
SELECT clawed_back FROM influence.record_return(2, md5('2o1')::uuid, 'o1', 1, 'r', 1, returned_at => '2024-03-07');
SELECT clawed_back FROM influence.record_return(2, md5('2u1')::uuid, 'u1', 1, 'r', 2, returned_at => '2024-03-07');
SELECT measure, mode, currency, month, value, tier, missing, ends_at FROM influence.tier_progress(2, pg_temp.creator('anna'), '2024-03-07');

-- What is not earned yet does not count; it does once it is sent, on the day of the order.
SELECT status FROM influence.set_tier_table(3, 'revenue', 'volume', '{0,10000}', '{0.05,0.1}', valid_from => '2024-01-01');
SELECT pg_temp.sell(3, 's', 'anna', '2024-03-05', 7000);
SELECT value, missing FROM pg_temp.progress(3, 'anna', '2024-03-06');
SELECT status FROM influence.record_order_event(3, md5('3s')::uuid, 's', 'shipped', '2024-04-02');
SELECT value, missing FROM pg_temp.progress(3, 'anna', '2024-03-06');

-- To the cent: who sells exactly what is missing gets the next rate from the next order on; one cent, one order, one piece less, and it is another rate.
-- The earned is what the books say, commissions and settlements; each proof is undone.
SELECT pg_temp.new_program('Proof', 'EUR', 'UTC', '{}', '{"hold": "10 days"}');
SELECT count(a.*) FROM unnest('{anna,bert}'::text[]) c, influence.apply_creator(4, pg_temp.creator(c), '2020-01-02') a;
SELECT status FROM influence.set_commission_rate(4, 0.02, valid_from => '2020-01-01');
CREATE FUNCTION pg_temp.earned(program bigint, seller text) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence.settle_tiers(program, '2024-05');
	RETURN (SELECT sum(a) FROM (SELECT amount FROM influence.earning e WHERE e.program_id = program AND e.creator_id = pg_temp.creator(seller)
								UNION ALL SELECT amount FROM influence.settlement s WHERE s.program_id = program AND s.creator_id = pg_temp.creator(seller)) x(a));
END $$;
CREATE FUNCTION pg_temp.proof(new_measure text, new_mode text, bounds bigint[], fractions numeric[], less int,
	OUT value bigint, OUT rate numeric, OUT missing bigint, OUT next_rate numeric, OUT then_missing bigint, OUT then_rate numeric, OUT earns numeric) LANGUAGE plpgsql AS $$
DECLARE
	more bigint;
	before numeric;
BEGIN
	BEGIN
		PERFORM influence.set_tier_table(4, new_measure, new_mode, bounds, fractions, valid_from => '2024-05-01');
		PERFORM pg_temp.sell(4, 'first', 'anna', '2024-05-02', 3333), pg_temp.sell(4, 'second', 'anna', '2024-05-03', 2500, 'lamp', 3), pg_temp.sell(4, 'other', 'bert', '2024-05-03', 99999);
		PERFORM influence.record_return(4, md5('4second')::uuid, 'second', 1, 'r', 1, returned_at => '2024-05-04');
		SELECT p.value, p.rate, p.missing, p.next_rate INTO value, rate, missing, next_rate FROM influence.tier_progress(4, pg_temp.creator('anna'), '2024-05-05') p;
		more := missing - less;
		IF new_measure = 'revenue' THEN
			PERFORM pg_temp.sell(4, 'more', 'anna', '2024-05-06', more);
		ELSIF new_measure = 'units' THEN
			PERFORM pg_temp.sell(4, 'more', 'anna', '2024-05-06', 100, 'desk', more::int);
		ELSE
			PERFORM pg_temp.sell(4, 'more ' || i, 'anna', '2024-05-06', 100) FROM generate_series(1, more) i;
		END IF;
		SELECT p.missing, p.rate INTO then_missing, then_rate FROM influence.tier_progress(4, pg_temp.creator('anna'), '2024-05-06') p;
		before := pg_temp.earned(4, 'anna');
		PERFORM pg_temp.sell(4, 'next', 'anna', '2024-05-07', 10000);
		earns := pg_temp.earned(4, 'anna') - before;
		RAISE EXCEPTION USING ERRCODE = 'ZZ000';
	EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
		NULL;
	END;
END $$;
-- Sold so far: 33.33 + 2 x 25.00 = 83.33, two orders, three pieces. From nothing to all of it, so that a cent shows: 100.00 or 99.99 of the next 100.00. With
-- three orders of 1.00, or six pieces, the third tier is reached. By volume it is the next order that reaches it where something is missing, and all that came
-- before earns then, too: 199.99 + 100.00; 83.33 + 2.00 + 100.00; 83.33 + 5.00 + 100.00.
SELECT m.measure, m.mode, less, p.* FROM (VALUES ('revenue', 'graduated', '{0,8333,20000}'), ('revenue', 'volume', '{0,8333,20000}'), ('orders', 'graduated', '{0,2,5}'), ('orders', 'volume', '{0,2,5}'),
	('units', 'graduated', '{0,3,9}'), ('units', 'volume', '{0,3,9}')) m(measure, mode, bounds), generate_series(0, 1) less, pg_temp.proof(m.measure, m.mode, m.bounds::bigint[], '{0,0,1}', less) p;
-- With usual rates: 8 % of the next 100.00; by volume, where a cent is missing, 8 % of 299.99 less 5 % of 199.99: 24.00 - 10.00.
SELECT m.measure, m.mode, less, p.* FROM (VALUES ('revenue', 'graduated', '{0,8333,20000}'), ('revenue', 'volume', '{0,8333,20000}')) m(measure, mode, bounds), generate_series(0, 1) less,
	pg_temp.proof(m.measure, m.mode, m.bounds::bigint[], '{0.03,0.05,0.08}', less) p;
-- What the books say of a table's lines, with the settlement of March, is f of the value that stood there at its end: 8.00 + 12.00 + 4.00; 4 % of 199.99; 5 % of 1.00.
SELECT status FROM influence.settle_tiers(1);
SELECT p.tier_id, influence.tiered_amount(p.value, t.thresholds, t.rates, t.mode) AS of_value, e.booked + coalesce(s.amount, 0) AS booked
FROM (VALUES (1, '2024-03-24'::timestamptz), (2, '2024-03-19'), (3, '2024-03-31')) m(tier_id, at), influence.tier_progress(1, pg_temp.creator('anna'), m.at) p, influence.tier_table t,
	LATERAL (SELECT sum(b.amount) AS booked FROM influence.earning e JOIN influence.earning b USING (visitor_id, program_id, order_ref, line_no, creator_id)
		WHERE e.program_id = 1 AND e.creator_id = pg_temp.creator('anna') AND e.kind = 'commission' AND e.tier_id = p.tier_id) e,
	LATERAL (SELECT sum(s.amount) AS amount FROM influence.settlement s WHERE s.program_id = 1 AND s.creator_id = pg_temp.creator('anna') AND s.stage = 'tier' AND s.ref = p.tier_id) s
WHERE p.tier_id = m.tier_id AND t.tier_id = m.tier_id ORDER BY 1;

SELECT * FROM pg_temp.not_refused('IN003', $$tier_progress(99, 1)$$, $$tier_progress(1, 99)$$, $$tier_progress(NULL, 1)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$tier_progress(1, NULL)$$, $$tier_progress(1, 1, NULL)$$, $$tier_progress(1, 1, 'infinity')$$, $$tier_progress(1, 1, '-infinity')$$, $$tier_progress(1, 1, '0100-01-01 BC')$$);
-- a reader may ask; the default is now
SET ROLE influence_reader;
SELECT month = to_char(now() AT TIME ZONE 'Europe/Berlin', 'YYYY-MM') AS this_month, value, missing FROM influence.tier_progress(1, 1);
