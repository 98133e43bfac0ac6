--
-- Signals of fraud: an honest program has none, a crafted one those that were
-- put into it, and what stays just below a threshold none either. Then cases,
-- holds and decisions. All counts follow from how the rows are made.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh
-- compiling the views would take longer than they do
SET jit = off;

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{"hold": "0"}');
SELECT status FROM influence.create_category('all');
SELECT recorded FROM influence.add_products((SELECT jsonb_agg(jsonb_build_object('sku', 'p' || i, 'title', 'Product ' || i, 'category_id', 1)) FROM generate_series(1, 20) i));
SELECT status FROM influence.set_commission_rate(1, 0.1, valid_from => '2020-01-01');
-- the signals look back from today
INSERT INTO influence.setting (name, version, value) VALUES ('fraud_days', 2, '100000');
-- creators 1 to 8 are honest, shop as visitors 1001 to 1008, and 1 has an agency that uses its account
SELECT count(pg_temp.new_creator('c' || i, pg_temp.visitor(1000 + i))) FROM generate_series(1, 8) i;
SELECT pg_temp.new_creator('agency', pg_temp.visitor(1009), 'agency', ARRAY[1, 2]::bigint[]);
SELECT bool_and(status = 'recorded') FROM generate_series(1, 96) i, influence.register_shopper(pg_temp.visitor(i));
UPDATE influence.shopper SET created_at = '2024-01-01';
CREATE FUNCTION pg_temp.buy(creator bigint, visitor int, ref text, at timestamptz, price bigint, session text DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
	SELECT credited FROM influence.record_touch(1, pg_temp.visitor(visitor), 't ' || ref, 'click', creator, at - interval '1 hour', details => jsonb_strip_nulls(jsonb_build_object('link', 'l' || creator, 'session_id', session))) t,
		LATERAL influence.record_order(1, pg_temp.visitor(visitor), ref, jsonb_build_array(jsonb_build_object('line_no', 1, 'product_id', 1 + visitor % 20, 'quantity', 1, 'paid_price', price)), at) o $$;

-- An honest month: 240 orders of 96 shoppers, each after a click that is often a double one; one in ten is returned, one in five praised.
SELECT count(*), sum(pg_temp.buy(1 + i % 8, 1 + i % 96, 'o' || i, timestamptz '2024-05-01' + i * interval '170 minutes', 1000 + i * 37 % 90 * 100, 's' || i)) > 0 AS sold FROM generate_series(1, 240) i;
SELECT bool_and(status = 'recorded') FROM generate_series(1, 240, 3) i, influence.record_touch(1, pg_temp.visitor(1 + i % 96), 'again ' || i, 'click', 1 + i % 8, timestamptz '2024-05-01' + i * interval '170 minutes' - interval '59 minutes', details => jsonb_build_object('link', 'l' || 1 + i % 8, 'session_id', 's' || i));
SELECT bool_and(status = 'recorded') FROM generate_series(10, 240, 10) i, influence.record_return(1, pg_temp.visitor(1 + i % 96), 'o' || i, 1, 'r', 1, returned_at => '2024-06-15');
SELECT bool_and(status = 'recorded') FROM generate_series(1, 95, 5) i, influence.vote_product(pg_temp.visitor(i), 1 + i % 20, 1, '2024-06-01');
-- a creator buys what it recommends, and what others do; a loyal customer; a week of strong growth
SELECT pg_temp.buy(i, 1000 + i, 'own ' || i, '2024-05-20', 3000) AS not_credited FROM generate_series(1, 3) i;
SELECT sum(pg_temp.buy(2, 1003, 'friend ' || i, timestamptz '2024-05-21' + i * interval '1 day', 4000)) AS credited FROM generate_series(1, 3) i;
SELECT sum(pg_temp.buy(4, 7, 'loyal ' || i, timestamptz '2024-05-01' + i * interval '2 days', 5000)) AS credited FROM generate_series(1, 12) i;
SELECT bool_and(m.status = 'recorded') FROM generate_series(1, 8) i, influence.add_channel(i, 'tiktok', 'c' || i) c, generate_series(0, 8) w,
	influence.record_channel_metrics(i, c.channel_id, timestamptz '2024-04-01' + w * interval '7 days', 1000 * i + 300 * w, 10, views => 50000, likes => 4000 * i, comments => 900, reach => 40000) m;
SELECT bool_and(status = 'recorded') FROM unnest('{1,9}'::bigint[]) i, influence.set_payout_destination(i, 'sepa', 'DE02 1203 0000 0000 2020 51', 'desk', '2024-01-01');
SELECT * FROM influence.find_fraud();
SELECT (SELECT count(*) FROM influence.fraud_case) AS cases, (SELECT count(*) FROM influence.payout_hold) AS holds,
	(SELECT count(*) FROM influence.fraud_self_purchases) AS self_purchases, (SELECT count(*) FROM influence.fraud_related_accounts) AS related_accounts, (SELECT count(*) FROM influence.fraud_click_floods) AS click_floods,
	(SELECT count(*) FROM influence.fraud_brushing) AS brushing, (SELECT count(*) FROM influence.fraud_impossible_engagement) AS impossible_engagement;
-- 240 + 80 + 3 + 3 + 12 clicks; the 80 follow another by a minute
SELECT sum(clicks) AS clicks, sum(counted) AS counted FROM influence.click_counts;

-- A program with fraud in it. Creators 10 to 20; visitors 1010 to 1020 are theirs.
SELECT count(pg_temp.new_creator('f' || i, pg_temp.visitor(1000 + i))) FROM generate_series(10, 20) i;
CREATE FUNCTION pg_temp.cases() RETURNS TABLE (creator text, signal text, case_ref text, state text, score numeric, pieces text) LANGUAGE sql AS
$$ SELECT c.creator_ref, f.signal, f.case_ref, f.state, round(f.score::numeric, 3), f.evidence ->> 'pieces' FROM influence.fraud_case f JOIN influence.creator c USING (creator_id) ORDER BY c.creator_id, 2, 3 $$;
-- 10 buys as a guest, who turns out to be itself when the money is long there; 11 as a guest in its own session, in two months
SELECT pg_temp.buy(10, 2010, 'self 1', '2024-05-03', 5000), pg_temp.buy(10, 2010, 'self 2', '2024-05-04', 5000);
SELECT status FROM influence.identify(pg_temp.visitor(2010), pg_temp.visitor(1010));
SELECT pg_temp.buy(11, 2011, 'here 1', '2024-05-31 23:00', 5000, 'shared'), pg_temp.buy(11, 2011, 'here 2', '2024-06-01 01:00', 5000, 'shared');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(1011), 'own', 'view', 12, '2024-05-31 22:30', details => '{"session_id": "shared"}');
-- 12 and 13 have one account and buy from each other; 14 and 15 buy from each other only
SELECT status, hold_ref IS NOT NULL AS held FROM unnest('{12,13}'::bigint[]) i, influence.set_payout_destination(i, 'sepa', 'DE75 5121 0800 1245 1261 99', 'desk', '2024-01-01') ORDER BY i;
SELECT sum(pg_temp.buy(a.seller, 1000 + a.buyer, format('mutual %s %s', a.seller, i), timestamptz '2024-05-01' + i * interval '1 day', 5000)) FROM (VALUES (12, 13), (13, 12), (14, 15), (15, 14)) a(seller, buyer), generate_series(1, 3) i;
-- 16 is flooded: 150 clicks of one visitor, one a minute, among them a pause of an hour
SELECT bool_and(status = 'recorded') FROM generate_series(1, 150) i, influence.record_touch(1, pg_temp.visitor(2016), 'flood ' || i, 'click', 16, timestamptz '2024-05-10 10:00' + i * interval '1 minute' + CASE WHEN i > 100 THEN interval '1 hour' ELSE '0' END, details => '{"link": "x"}');
-- 17 is brushed: two new accounts, six cheap orders each, all sent back, praised
SELECT bool_and(status = 'recorded') FROM generate_series(2017, 2018) i, influence.register_shopper(pg_temp.visitor(i));
UPDATE influence.shopper SET created_at = '2024-05-05 00:00+00' WHERE visitor_id IN (pg_temp.visitor(2017), pg_temp.visitor(2018));
SELECT sum(pg_temp.buy(17, v, format('brush %s %s', v, i), timestamptz '2024-05-05 01:00' + i * interval '1 hour', 100)) FROM generate_series(2017, 2018) v, generate_series(1, 6) i;
SELECT bool_and(status = 'recorded') FROM generate_series(2017, 2018) v, generate_series(1, 6) i, influence.record_return(1, pg_temp.visitor(v), format('brush %s %s', v, i), 1, 'r', 1, returned_at => '2024-05-20');
SELECT bool_and(status = 'recorded') FROM generate_series(2017, 2018) v, influence.vote_product(pg_temp.visitor(v), 1 + v % 20, 1, '2024-05-06');
-- 18 has more likes than views, and followers overnight
SELECT bool_and(m.status = 'recorded') FROM influence.add_channel(18, 'tiktok', 'f18') c, (VALUES (timestamptz '2024-05-01', 1000, 400, 300), ('2024-05-04', 5000, 400, 500), ('2024-05-08', 3000, 400, 400)) m0(at, followers, views, likes),
	influence.record_channel_metrics(18, c.channel_id, m0.at, m0.followers, 1, views => m0.views, likes => m0.likes) m;
-- 19 is just below every threshold: 99 repeated clicks, 11 orders of 4 buyers, two mutual orders, 1.99 times the followers, as many likes as views, more likes than views of pictures
SELECT bool_and(status = 'recorded') FROM generate_series(1, 100) i, influence.record_touch(1, pg_temp.visitor(2019), 'few ' || i, 'click', 19, timestamptz '2024-05-10 10:00' + i * interval '1 minute', details => '{"link": "x"}');
SELECT bool_and(status = 'recorded') FROM generate_series(3000, 3003) i, influence.register_shopper(pg_temp.visitor(i));
UPDATE influence.shopper SET created_at = '2024-05-05 00:00+00' WHERE visitor_id BETWEEN pg_temp.visitor(3000) AND pg_temp.visitor(3003);
SELECT sum(pg_temp.buy(19, 3000 + i % 4, 'near ' || i, timestamptz '2024-05-05 01:00' + i * interval '1 hour', 100)) FROM generate_series(1, 11) i;
SELECT sum(pg_temp.buy(a.seller, 1000 + a.buyer, format('mutual %s %s', a.seller, i), timestamptz '2024-05-01' + i * interval '1 day', 5000)) FROM (VALUES (19, 20), (20, 19)) a(seller, buyer), generate_series(1, 2) i;
SELECT bool_and(m.status = 'recorded') FROM influence.add_channel(19, 'tiktok', 'f19') c, (VALUES (timestamptz '2024-05-01', 1000, 400, 400), ('2024-05-04', 1990, 400, 400), ('2024-05-12', 9000, 400, 400)) m0(at, followers, views, likes),
	influence.record_channel_metrics(19, c.channel_id, m0.at, m0.followers, 1, views => m0.views, likes => m0.likes, reach => 400) m;
SELECT m.status FROM influence.add_channel(19, 'instagram', 'f19') c, influence.record_channel_metrics(19, c.channel_id, '2024-05-01', 1000, 1, views => 10, likes => 50) m;

-- before anything happened there was nothing to find but who is related now
SELECT creator_id, signal FROM influence_internal.fraud_findings('2024-04-30') ORDER BY 1, 2;
SELECT * FROM influence.find_fraud();
SELECT * FROM pg_temp.cases();
SELECT * FROM influence.find_fraud();
SELECT evidence, order_ref, credit, earned, score FROM influence.fraud_self_purchases ORDER BY 2;
SELECT creator_id, related_creator_id, evidence, score FROM influence.fraud_related_accounts ORDER BY 1, 2, 3;
SELECT creator_id, day, visitors, clicks, counted, repeated, busiest_visitor = pg_temp.visitor(2016) AS found, busiest_visitor_clicks, round(score::numeric, 6) AS score FROM influence.fraud_click_floods;
SELECT creator_id, period, orders, buyers, orders_per_buyer, cheap_share, young_share, returned_share, praising_share, marks, score FROM influence.fraud_brushing;
SELECT creator_id, measured_at, evidence, value, bound, score FROM influence.fraud_impossible_engagement ORDER BY 2, 3;
SELECT c.creator_ref, h.kind, h.reason, h.opened_by, h.program_id, h.evidence ->> 'case' AS of_case FROM influence.payout_hold h JOIN influence.creator c ON c.creator_id = h.party_id WHERE h.opened_by = 'find_fraud' ORDER BY c.creator_id;
SELECT c.creator_ref, p.verdict FROM influence.plan_payouts(1) p JOIN influence.creator c ON c.creator_id = p.party_id WHERE c.creator_id IN (1, 10, 16, 17) ORDER BY c.creator_id;

-- More of it: the evidence of a case that is not decided is that of today.
SELECT pg_temp.buy(11, 2011, 'here 3', '2024-06-02 01:00', 5000, 'shared');
SELECT * FROM influence.find_fraud();
SELECT pieces FROM pg_temp.cases() WHERE creator = 'f11' AND case_ref = '1 2024-06';

-- Decisions: cleared ends the hold, and the same evidence opens nothing again.
SELECT * FROM influence.decide_case(10, 'self_purchases', '1 2024-05', false, 'gifts for her staff, agreed', 'desk');
SELECT * FROM influence.decide_case(10, 'self_purchases', '1 2024-05', false, 'gifts for her staff, agreed', 'desk');
SELECT released_by, release_note FROM influence.payout_hold WHERE party_id = 10;
SELECT * FROM influence.find_fraud();
SELECT state FROM pg_temp.cases() WHERE creator = 'f10';
SELECT p.verdict FROM influence.plan_payouts(1) p WHERE p.party_id = 10;
-- confirmed: stays held, or is held from then on; an appeal
SELECT status, state FROM influence.decide_case(17, 'brushing', '1 2024-05', true, 'one address', 'desk');
SELECT * FROM influence.decide_case(16, 'click_floods', '1 2024-05', true, 'its own server', 'desk');
SELECT * FROM influence.decide_case(16, 'click_floods', '1 2024-05', false, 'it was a rival''s', 'boss');
SELECT * FROM influence.decide_case(16, 'click_floods', '1 2024-05', true, 'it was its own after all', 'boss');
SELECT creator_id, decision_no, confirmed, actor, held IS NOT NULL AS held, released IS NOT NULL AS released, score > 0 AND evidence ? 'strongest' AS evidence FROM influence.fraud_decision ORDER BY 1, 2;
SELECT hold_ref, released_at IS NULL AS open FROM influence.payout_hold WHERE party_id IN (16, 17) ORDER BY 1;
-- a hold that somebody released by hand is not opened again by the job
SELECT status FROM influence.release_hold((SELECT hold_ref FROM influence.fraud_case WHERE creator_id = 12), 'they are married', 'boss');
SELECT opened, held FROM influence.find_fraud();
SELECT * FROM influence.decide_case(12, 'related_accounts', 'creator 13', false, 'they are married', 'boss');
SELECT * FROM pg_temp.not_refused('IN003', $$decide_case(1, 'brushing', '1 2024-05', true, 'x', 'desk')$$, $$decide_case(10, 'self_purchases', '1 2024-06', true, 'x', 'desk')$$, $$decide_case(NULL, NULL, NULL, true, 'x', 'desk')$$);
SELECT * FROM pg_temp.not_refused('IN004', $$decide_case(10, 'self_purchases', '1 2024-05', false, 'other reason', 'desk')$$, $$decide_case(10, 'self_purchases', '1 2024-05', false, 'gifts for her staff, agreed', 'boss')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$decide_case(10, 'self_purchases', '1 2024-05', NULL, 'x', 'desk')$$, $$decide_case(10, 'self_purchases', '1 2024-05', true, '', 'desk')$$, $$decide_case(10, 'self_purchases', '1 2024-05', true, NULL, 'desk')$$,
	$$decide_case(10, 'self_purchases', '1 2024-05', true, 'x', '')$$, $$decide_case(10, 'self_purchases', '1 2024-05', true, 'x', NULL)$$, $$find_fraud(NULL)$$, $$find_fraud('infinity')$$);
-- what was decided cannot be rewritten, not even by the owner of the tables
SET ROLE influence_owner;
SELECT pg_temp.error_of($$UPDATE influence.fraud_decision SET confirmed = NOT confirmed$$), pg_temp.error_of($$DELETE FROM influence.fraud_decision$$);
SET ROLE influence_writer;
SELECT pg_temp.error_of($$SELECT influence.find_fraud()$$), pg_temp.error_of($$SELECT FROM influence.fraud_case$$);
SET ROLE influence_reader;
SELECT count(*) FROM influence.fraud_brushing;
RESET ROLE;
-- the job of the day does it before anything is paid
SELECT influence.do_job('fraud', 0, '2024-07-01', '2024-07-01');
SELECT influence.do_job('fraud', 0, '2024-07-01', '2024-07-01');
SELECT (SELECT ordinal FROM influence_internal.job_list() WHERE job = 'fraud') < (SELECT ordinal FROM influence_internal.job_list() WHERE job = 'payouts') AS first;
-- 21 sells by one identity of two accounts, which 22 has, too: one sign, though both accounts are in its session. A session_id that the whole
-- house has ('web': 21, 23 to 26 and a buyer), and one that another program gave, tie nobody to anybody.
SELECT count(pg_temp.new_creator('f' || i, pg_temp.visitor(1000 + CASE i WHEN 22 THEN 21 ELSE i END))) FROM generate_series(21, 28) i;
SELECT bool_and(status = 'recorded') FROM unnest('{1021,2021}'::int[]) v, influence.record_touch(1, pg_temp.visitor(v), 'phone', 'view', 1, '2024-05-20', details => '{"session_id": "phone"}');
SELECT status FROM influence.identify(pg_temp.visitor(2021), pg_temp.visitor(1021));
SELECT bool_and(status = 'recorded') FROM unnest('{1021,1023,1024,1025,1026}'::int[]) v, influence.record_touch(1, pg_temp.visitor(v), 'web', 'view', 1, '2024-05-21', details => '{"session_id": "web"}');
SELECT pg_temp.buy(23, 2023, 'web', '2024-05-22', 5000, 'web') > 0 AS credited;
SELECT pg_temp.new_program('Elsewhere', 'USD', 'UTC', '{}', '{}');
SELECT bool_and(status = 'recorded') FROM (VALUES (1, 1027), (2, 1028)) p(program, v), influence.record_touch(p.program, pg_temp.visitor(p.v), 'seventh', 'view', 1, '2024-05-21', details => '{"session_id": "7"}');
SELECT x.creator_ref, y.creator_ref AS related, r.evidence FROM influence.fraud_related_accounts r JOIN influence.creator x USING (creator_id) JOIN influence.creator y ON y.creator_id = r.related_creator_id WHERE x.creator_ref >= 'f21' ORDER BY 1, 2, 3;
SELECT count(*) AS self_purchases FROM influence.fraud_self_purchases WHERE order_ref = 'web';
-- 28 sells in yen: 12 orders of 300 by two new accounts are few buyers and new ones, but not cheap beside orders of 300 yen
SELECT status FROM influence.set_exchange_rate('JPY', 'USD', 0.0065, 'test', '2020-01-01');
SELECT bool_and(status = 'recorded') FROM generate_series(2028, 2029) i, influence.register_shopper(pg_temp.visitor(i));
UPDATE influence.shopper SET created_at = '2024-05-05 00:00+00' WHERE visitor_id IN (pg_temp.visitor(2028), pg_temp.visitor(2029));
SELECT bool_and(status = 'recorded') FROM generate_series(2028, 2029) v, influence.record_touch(1, pg_temp.visitor(v), 'yen', 'click', pg_temp.creator('f28'), '2024-05-05 00:30');
SELECT sum(credited) FROM generate_series(2028, 2029) v, generate_series(1, 6) i,
	influence.record_order(1, pg_temp.visitor(v), format('yen %s %s', v, i), '[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 300}]', timestamptz '2024-05-05 01:00' + i * interval '1 hour', currency => 'JPY');
SELECT creator_id, marks FROM influence.fraud_brushing;
-- What a creator bought itself and sent back earned it nothing: a case, and no hold.
SELECT creator_id AS returner FROM influence.creator WHERE creator_ref = 'f20' \gset
SELECT pg_temp.buy(:returner, 2020, 'sent back', '2024-05-20', 5000);
SELECT status FROM influence.record_return(1, pg_temp.visitor(2020), 'sent back', 1, 'r', 1, returned_at => '2024-05-25');
SELECT status FROM influence.identify(pg_temp.visitor(2020), pg_temp.visitor(1020));
SELECT evidence, credit, earned, score FROM influence.fraud_self_purchases WHERE order_ref = 'sent back';
SELECT held FROM influence.find_fraud();
SELECT state, hold_ref IS NULL AS no_hold FROM influence.fraud_case WHERE creator_id = :returner AND signal = 'self_purchases';
-- no threshold, no finding
SELECT s.name, c.status, c.version FROM influence.setting s, influence.set_setting(s.name, (SELECT jsonb_object_agg(k, NULL) FROM jsonb_object_keys(s.value) k)) c WHERE s.name IN ('fraud_thresholds', 'fraud_case_scores') ORDER BY 1;
SELECT (SELECT count(*) FROM influence.fraud_click_floods) AS floods, (SELECT count(*) FROM influence.fraud_brushing) AS brushing, (SELECT count(*) FROM influence.fraud_related_accounts WHERE evidence = 'reciprocal') AS reciprocal;
SELECT * FROM influence.find_fraud();
