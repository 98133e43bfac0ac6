--
-- Offers of sellers, what they become on the rate card, and what is sold by
-- them. All creators have 5 %; a lamp costs 100.00, a rug 10.00 a piece.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{"max_touch_delay": "100 years", "lookback": "1 day"}', '{"hold": "30 days"}');
SELECT pg_temp.new_creator('anna');
SELECT pg_temp.new_creator('bert');
SELECT status FROM influence.register_creator('cleo', 'Cleo');
SELECT influence.create_category('home'), influence.add_product('lamp', 'Lamp', 1, brand => 'Lux', seller => 'Lux Store'), influence.add_product('rug', 'Rug', 1), influence.add_product('bed', 'Bed', 1, brand => 'Soft', seller => 'Soft');
SELECT status FROM influence.set_commission_rate(1, 0.05, valid_from => '2023-01-01');
SELECT status FROM influence.set_tier_table(1, 'revenue', 'graduated', '{0,100000}', '{0.05,0.06}', valid_from => '2023-01-01');
-- an order of a touch an hour before; what the creator gets of it
CREATE FUNCTION pg_temp.sale(ref text, creator bigint, product bigint, at timestamptz, pieces int, price int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence.record_touch(1, pg_temp.visitor(100 + length(ref)), 't' || ref, 'click', creator, at - interval '1 hour');
	RETURN (SELECT commission FROM influence.record_order(1, pg_temp.visitor(100 + length(ref)), ref, jsonb_build_array(jsonb_build_object('line_no', 1, 'product_id', product, 'quantity', pieces, 'paid_price', price)), at));
END $$;

-- The lamp for anna: 12 % from February to April, to be taken until the 20th of January.
SELECT * FROM influence.make_offer(1, 1, 'o1', ' LUX  store', 1, 'seller', 0.12, valid_from => '2024-02-01', valid_to => '2024-05-01', expires_at => '2024-01-20', offered_at => '2024-01-10');
SELECT * FROM influence.make_offer(1, 1, 'o1', ' LUX  store', 1, 'seller', 0.12, valid_from => '2024-02-01', valid_to => '2024-05-01', expires_at => '2024-01-20', offered_at => '2024-01-10');
SELECT * FROM pg_temp.not_refused('IN004', $$make_offer(1, 1, 'o1', 'Lux Store', 1, 'seller', 0.13, valid_from => '2024-02-01', valid_to => '2024-05-01', expires_at => '2024-01-20', offered_at => '2024-01-10')$$,
	$$make_offer(1, 2, 'o1', ' LUX  store', 1, 'seller', 0.12, valid_from => '2024-02-01', valid_to => '2024-05-01', expires_at => '2024-01-20', offered_at => '2024-01-10')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$make_offer(1, 1, NULL, 'Lux Store', 1, 'seller', 0.1)$$, $$make_offer(1, 1, 'x', NULL, 1, 'seller', 0.1)$$, $$make_offer(1, 1, 'x', 'Lux Store', 1, NULL, 0.1)$$, $$make_offer(1, 1, 'x', 'Lux Store', 1, 'seller')$$,
	$$make_offer(1, 1, 'x', 'Lux Store', 1, 'seller', 0.1, 5)$$, $$make_offer(1, 1, 'x', 'Lux Store', 1, 'seller', 1.1)$$, $$make_offer(1, 1, 'x', 'Lux Store', 1, 'seller', -0.1)$$, $$make_offer(1, 1, 'x', 'Lux Store', 1, 'seller', 'NaN')$$,
	$$make_offer(1, 1, 'x', 'Lux Store', 1, 'seller', flat_amount => -1)$$, $$make_offer(1, 1, 'x', 'Lux Store', 1, 'seller', 0.1, valid_from => '2024-01-01', valid_to => '2024-01-01')$$,
	$$make_offer(1, 1, 'x', 'Lux Store', 1, 'seller', 0.1, expires_at => '2024-01-01')$$, $$make_offer(1, 1, 'x', 'Lux Store', 1, 'seller', 0.1, expires_at => NULL)$$, $$make_offer(1, 1, 'x', 'Lux Store', 1, 'seller', 0.1, offered_at => 'infinity')$$,
	$$make_offer(1, 1, 'x', 'Lux Store', 1, 'seller', 0.1, valid_from => '2023-01-01', valid_to => '2024-01-01')$$, $$decide_offer(1, 'o1', NULL, 'anna')$$, $$decide_offer(1, 'o1', true, NULL)$$, $$decide_offer(1, NULL, true, 'anna')$$,
	$$decide_offer(1, 'o1', true, 'anna', 'infinity')$$, $$decide_offer(1, 'o1', true, 'anna', '2024-01-09')$$, $$withdraw_offer(1, 'o1', 'seller', '2024-01-09')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$make_offer(99, 1, 'x', 'Lux Store', 1, 'seller', 0.1)$$, $$make_offer(1, 99, 'x', 'Lux Store', 1, 'seller', 0.1)$$, $$make_offer(1, 1, 'x', 'Lux Store', 99, 'seller', 0.1)$$,
	$$decide_offer(1, 'nothing', true, 'anna')$$, $$decide_offer(99, 'o1', true, 'anna')$$, $$withdraw_offer(1, 'nothing', 'seller')$$);
SELECT * FROM pg_temp.not_refused('IN005', $$make_offer(1, 1, 'x', 'Stranger', 1, 'seller', 0.1)$$, $$decide_offer(1, 'o1', true, 'anna', '2024-01-20')$$, $$decide_offer(1, 'o1', true, 'anna')$$);
SELECT count(*) AS rates FROM influence.commission_rate;
SELECT * FROM influence.decide_offer(1, 'o1', true, 'anna', '2024-01-15', 'gladly');
SELECT * FROM influence.decide_offer(1, 'o1', true, 'anna', '2024-01-15', 'gladly');
SELECT * FROM pg_temp.not_refused('IN004', $$decide_offer(1, 'o1', true, 'bert', '2024-01-15', 'gladly')$$, $$decide_offer(1, 'o1', true, 'anna', '2024-01-16', 'gladly')$$, $$decide_offer(1, 'o1', true, 'anna', '2024-01-15')$$);
SELECT * FROM pg_temp.not_refused('IN005', $$decide_offer(1, 'o1', false, 'anna', '2024-01-15', 'gladly')$$, $$withdraw_offer(1, 'o1', 'seller', '2024-01-15')$$);
SELECT rate_id, creator_id, product_id, rate, flat_amount, valid FROM influence.commission_rate ORDER BY 1;
SELECT pg_temp.sale('a1', 1, 1, '2024-01-31 23:59:59', 1, 10000) AS before, pg_temp.sale('a2', 1, 1, '2024-02-01', 1, 10000) AS during, pg_temp.sale('a3', 1, 1, '2024-04-30 23:59:59', 1, 10000) AS still,
	pg_temp.sale('a4', 1, 1, '2024-05-01', 1, 10000) AS after, pg_temp.sale('a5', 2, 1, '2024-02-01', 1, 10000) AS of_bert, pg_temp.sale('a6', 1, 2, '2024-02-01', 1, 1000) AS of_a_rug;

-- The rug for anna: 3.00 a piece for ever, from when she took it; a promotion interrupts it.
SELECT status FROM influence.make_offer(1, 1, 'o2', 'Anybody', 2, 'seller', flat_amount => 300, offered_at => '2024-02-01');
SELECT status, state, rate_id FROM influence.decide_offer(1, 'o2', true, 'anna', '2024-02-10');
SELECT status FROM influence.set_commission_rate(1, creator_id => 1, product_id => 2, flat_amount => 500, valid_from => '2024-03-01', valid_to => '2024-03-08');
SELECT pg_temp.sale('b1', 1, 2, '2024-02-09 23:59:59', 2, 1000) AS before, pg_temp.sale('b2', 1, 2, '2024-02-10', 2, 1000) AS during, pg_temp.sale('b3', 1, 2, '2024-03-01', 2, 1000) AS promotion, pg_temp.sale('b4', 1, 2, '2024-03-08', 2, 1000) AS again;
SELECT clawed_back FROM influence.record_return(1, pg_temp.visitor(102), 'b4', 1, 'r1', 1, returned_at => '2024-03-10');
SELECT clawed_back FROM influence.record_return(1, pg_temp.visitor(102), 'a3', 1, 'r2', 1, returned_at => '2024-05-02');
-- a creator's own rate is not raised by tiers
SELECT order_ref, rate, flat_amount, amount, tier_id FROM influence.earning WHERE kind = 'commission' ORDER BY order_ref;

-- Offers that come to nothing: declined, withdrawn, expired, and those that something is in the way of.
SELECT status FROM influence.make_offer(1, 2, 'o3', 'Soft', 3, 'seller', 0.2, offered_at => '2024-02-01');
SELECT * FROM influence.decide_offer(1, 'o3', false, 'bert', '2024-02-02');
SELECT * FROM influence.decide_offer(1, 'o3', false, 'bert');
SELECT status FROM influence.make_offer(1, 2, 'o4', 'Soft', 3, 'seller', 0.2, offered_at => '2024-02-01');
SELECT * FROM influence.withdraw_offer(1, 'o4', 'seller', '2024-02-02', 'sold out');
SELECT * FROM influence.withdraw_offer(1, 'o4', 'seller', '2024-02-02', 'sold out');
SELECT * FROM pg_temp.not_refused('IN005', $$decide_offer(1, 'o3', true, 'bert', '2024-02-02')$$, $$decide_offer(1, 'o4', true, 'bert', '2024-02-02')$$, $$withdraw_offer(1, 'o3', 'seller', '2024-02-02')$$);
SELECT * FROM pg_temp.not_refused('IN004', $$withdraw_offer(1, 'o4', 'other', '2024-02-02', 'sold out')$$);
SELECT status FROM influence.make_offer(1, 2, 'o5', 'Soft', 3, 'seller', 0.2, offered_at => '2024-02-01', valid_from => '2024-02-01', valid_to => '2024-03-01');
SELECT pg_temp.refused($$decide_offer(1, 'o5', true, 'bert', '2024-03-01')$$);
SELECT status FROM influence.make_offer(1, 3, 'o6', 'Soft', 3, 'seller', 0.2, offered_at => '2024-02-01');
SELECT pg_temp.refused($$decide_offer(1, 'o6', true, 'cleo', '2024-02-02')$$);
SELECT status FROM influence.agree_exclusivity(2, 'e1', 'Lux', 'ops', valid_from => '2024-06-01');
SELECT status FROM influence.make_offer(1, 2, 'o7', 'Soft', 3, 'seller', 0.2, offered_at => '2024-02-01', valid_from => '2024-06-01');
SELECT pg_temp.refused($$decide_offer(1, 'o7', true, 'bert', '2024-02-02')$$);
SELECT status FROM influence.make_offer(1, 1, 'o8', 'lux store', 1, 'seller', 0.2, offered_at => '2024-02-01', valid_to => '2024-03-01');
SELECT pg_temp.refused($$decide_offer(1, 'o8', true, 'anna', '2024-02-02')$$);
SELECT status FROM influence.authorise_seller('lux', 'nobody else', '2024-06-01');
SELECT pg_temp.refused($$make_offer(1, 1, 'o9', 'Lux Store', 1, 'seller', 0.2)$$);
SELECT status FROM influence.set_creator_status(1, 'suspended', 'fakes', 'ops', '2024-07-01');
SELECT status FROM influence.make_offer(1, 1, 'o10', 'Soft', 3, 'seller', 0.2, offered_at => '2024-07-01');
SELECT pg_temp.refused($$decide_offer(1, 'o10', true, 'anna', '2024-07-02')$$);
SELECT offer_ref, creator_id, state, offered_at::date, decided_at::date, decided_by, valid_from::date, valid_to::date, rate, flat_amount, orders, base, commission
FROM influence.offer_report ORDER BY length(offer_ref), offer_ref;
-- another offer takes the place of an open one
SELECT status FROM influence.make_offer(1, 1, 'o11', 'Anybody', 2, 'seller', 0.2, offered_at => '2024-02-01', valid_from => '2024-05-01');
SELECT status FROM influence.decide_offer(1, 'o11', true, 'anna', '2024-04-20');
SELECT offer_ref, valid_from::date, valid_to::date, orders, base, commission FROM influence.offer_report WHERE offer_ref IN ('o2', 'o11') ORDER BY 2;
-- a retry is one, also when the offer has expired
BEGIN;
SELECT clock_timestamp() AS soon \gset
SELECT status FROM influence.make_offer(1, 1, 'o12', 'Anybody', 2, 'seller', 0.2, valid_to => :'soon', expires_at => :'soon');
COMMIT;
SELECT status FROM influence.make_offer(1, 1, 'o12', 'Anybody', 2, 'seller', 0.2, valid_to => :'soon', expires_at => :'soon');
SELECT count(*) AS findings FROM influence.check_books();
