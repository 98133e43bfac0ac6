--
-- The life of an order: earned when it is shipped, held from its delivery, cancelled, replaced; in whatever order that is
-- told, the books end the same. What came too late to cost a creator, and what is written off.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT category_id FROM influence.create_category('all');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 1);
SELECT pg_temp.new_program('Parcel', 'USD', 'UTC', '{"model": "linear", "max_touch_delay": "100 years"}', '{"hold": "14 days", "earns_at": "shipped", "hold_from": "delivered"}');
SELECT pg_temp.new_program('Aged', 'EUR', 'Europe/Berlin', '{"model": "linear"}', '{"hold": "0", "max_clawback_age": "30 days"}');
SELECT pg_temp.new_program('Month', 'EUR', 'Europe/Berlin', '{"model": "linear"}', '{"hold_after_month_end": 15, "earns_at": "delivered", "hold_from": "shipped"}');
SELECT pg_temp.new_program('Plain', 'USD', 'UTC', '{"model": "linear", "lookback": "120 days"}', '{"hold": "0"}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert}'::text[]) c;
SELECT status FROM generate_series(1, 4) p, influence.set_commission_rate(p, CASE WHEN p < 3 THEN 0.07 ELSE 0.1 END, valid_from => '2024-01-01');
-- visitors 1 to 9 and 20 saw anna, 10 to 19 anna and bert
SELECT sum(recorded) FROM generate_series(1, 4) p, influence.record_touches(p, (
	SELECT jsonb_agg(jsonb_build_object('visitor_id', pg_temp.visitor(v), 'touch_ref', c || p, 'creator_id', pg_temp.creator(c), 'touched_at', CASE p WHEN 2 THEN '2024-03-01' ELSE '2024-04-15' END))
	FROM generate_series(1, 20) v, unnest('{anna,bert}'::text[]) c WHERE c = 'anna' OR v BETWEEN 10 AND 19));
CREATE FUNCTION pg_temp.lamps(VARIADIC prices int[]) RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_agg(jsonb_build_object('line_no', n, 'sku', 'lamp', 'quantity', 2, 'paid_price', price, 'base_amount', price * 2)) FROM unnest(prices) WITH ORDINALITY p(price, n) $$;
CREATE FUNCTION pg_temp.o(program text, v int, ref text, at timestamptz, VARIADIC prices int[]) RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws(' ', status, commission, clawed_back, remarks) FROM influence.record_order(pg_temp.program(program), pg_temp.visitor(v), ref, pg_temp.lamps(VARIADIC prices), at) $$;
CREATE FUNCTION pg_temp.e(program text, v int, ref text, kind text, at timestamptz, event_ref text DEFAULT NULL, replacement text DEFAULT NULL) RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws(', ', status, coalesce(commission::text, '~'), coalesce(available_at::text, '~')) FROM influence.record_order_event(pg_temp.program(program), pg_temp.visitor(v), ref, kind, at, event_ref, replacement) $$;
CREATE FUNCTION pg_temp.r(program text, v int, ref text, return_ref text, amount bigint, at timestamptz, kind text DEFAULT 'return') RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws(' ', status, clawed_back, remaining) FROM influence.record_return(pg_temp.program(program), pg_temp.visitor(v), ref, 1, return_ref, amount => amount, returned_at => at, kind => kind) $$;
-- what the ledger says in the end: per creator, moment and account
CREATE FUNCTION pg_temp.net(ref text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s %s %s', creator_ref, account, at, net), '; ' ORDER BY creator_ref, account, at)
	FROM (SELECT c.creator_ref, a.account, CASE WHEN isfinite(l.available_at) THEN l.available_at::date::text ELSE 'infinity' END AS at, sum(a.amount) AS net
		FROM influence.ledger l JOIN influence.creator c ON c.creator_id = l.party_id
		CROSS JOIN LATERAL (VALUES (l.debit_account, -l.amount), (l.credit_account, l.amount)) a(account, amount)
		WHERE l.order_ref = ref GROUP BY 1, 2, 3 HAVING sum(a.amount) <> 0) n $$;
CREATE FUNCTION pg_temp.job() RETURNS text LANGUAGE sql AS $$ SELECT influence.do_job('reattribute', 0, NULL, now()) $$;

-- A parcel. 2 x 1000 at 7 %: 140, earned when shipped, available 14 days after delivery.
SELECT pg_temp.o('Parcel', 1, 'p1', '2024-05-02', 1000);
SELECT count(*) FROM influence.earning;
SELECT pg_temp.e('Parcel', 1, 'p1', 'shipped', '2024-05-04 09:00');
SELECT pg_temp.net('p1');
SELECT pg_temp.o('Parcel', 1, 'p1', '2024-05-02', 1000);
SELECT pg_temp.e('Parcel', 1, 'p1', 'delivered', '2024-05-08 10:00');
SELECT kind, seq, revision, amount, available_at FROM influence.earning ORDER BY kind, seq, revision;
-- 500 of 2000 come back: 35
SELECT pg_temp.r('Parcel', 1, 'p1', 'r', 500, '2024-05-10');
-- a part of the parcel had been there a day earlier: the earliest counts, and what is booked moves
SELECT pg_temp.e('Parcel', 1, 'p1', 'delivered', '2024-05-07 18:00', 'part 1');
SELECT pg_temp.e('Parcel', 1, 'p1', 'delivered', '2024-05-09 18:00', 'part 2');
SELECT kind, seq, revision, amount, available_at FROM influence.earning ORDER BY kind, seq, revision;
SELECT pg_temp.net('p1');
SELECT regexp_replace(entry_key, '[0-9a-f-]{36}', 'ENTRY') AS entry_key, kind, amount, debit_account, credit_account FROM influence.ledger l WHERE order_ref = 'p1' ORDER BY l.entry_key COLLATE "C";
-- the hold moved twice; what waits says for what, and whose an event is that was not taken in
SELECT fact, value, source FROM influence.explain_commission(1, 'p1') WHERE fact ~ 'commission|available|clawback|later';
BEGIN;
SELECT pg_temp.o('Parcel', 8, 'w1', '2024-05-02', 1000), pg_temp.o('Parcel', 8, 'w2', '2024-05-02', 1000), pg_temp.e('Parcel', 8, 'w2', 'shipped', '2024-05-03');
INSERT INTO influence.order_event (visitor_id, program_id, order_ref, event_ref, kind, occurred_at) VALUES (pg_temp.visitor(9), 1, 'w2', 'other', 'delivered', '2024-05-04');
SELECT order_ref, fact, value, source FROM unnest('{w1,w2}'::text[]) order_ref, influence.explain_commission(1, order_ref) WHERE fact ~ 'commission|available|event';
SELECT count(*) FROM influence.reattribute(1, 'w2', pg_temp.visitor(8));
SELECT fact, value, source FROM influence.explain_commission(1, 'w2') WHERE fact ~ 'event';
ROLLBACK;
-- the same again, from elsewhere too; nothing changes
SELECT pg_temp.contents() AS before \gset
SET TimeZone = 'Asia/Tokyo';
SELECT pg_temp.e('Parcel', 1, 'p1', 'shipped', '2024-05-04 09:00+00');
SET TimeZone = 'UTC';
SELECT pg_temp.e('Parcel', 1, 'p1', 'delivered', '2024-05-09 18:00', 'part 2');
SELECT * FROM pg_temp.not_refused('IN004', $$record_order_event(1, pg_temp.visitor(1), 'p1', 'shipped', '2024-05-04 10:00')$$, $$record_order_event(1, pg_temp.visitor(1), 'p1', 'shipped')$$,
	$$record_order_event(1, pg_temp.visitor(1), 'p1', 'delivered', '2024-05-04 09:00', 'shipped')$$, $$record_order_event(1, pg_temp.visitor(2), 'p1', 'shipped', '2024-05-04 09:00')$$);
SELECT pg_temp.contents() = :'before' AS nothing_changed;

-- The same, told backwards: everything waits for the order.
SELECT pg_temp.e('Parcel', 2, 'p2', 'delivered', '2024-05-09 18:00', 'part 2');
SELECT pg_temp.r('Parcel', 2, 'p2', 'r', 500, '2024-05-10');
SELECT pg_temp.e('Parcel', 2, 'p2', 'delivered', '2024-05-07 18:00', 'part 1');
SELECT pg_temp.e('Parcel', 2, 'p2', 'shipped', '2024-05-04 09:00');
SELECT pg_temp.o('Parcel', 2, 'p2', '2024-05-02', 1000);
SELECT pg_temp.e('Parcel', 2, 'p2', 'delivered', '2024-05-08 10:00');
SELECT replace(pg_temp.net('p1'), 'p1', 'p2') = pg_temp.net('p2') AS same;
-- and with a return before anything is earned
SELECT pg_temp.o('Parcel', 3, 'p3', '2024-05-02', 1000);
SELECT pg_temp.r('Parcel', 3, 'p3', 'r', 500, '2024-05-10');
SELECT pg_temp.e('Parcel', 3, 'p3', 'delivered', '2024-05-07 18:00', 'part 1');
SELECT pg_temp.net('p1') = pg_temp.net('p3') AS same;

-- Earned when delivered, held 15 days after the end of the month in which it was shipped, Berlin's: shipped on
-- 30 April 23:30 UTC is 1 May there, so 16 June 00:00 (22:00 UTC the day before). Delivered without being shipped is
-- shipped then; the event shipped, when it comes, says better.
SELECT pg_temp.o('Month', 1, 'm1', '2024-04-20', 1000);
SELECT pg_temp.e('Month', 1, 'm1', 'shipped', '2024-04-30 23:30');
SELECT pg_temp.e('Month', 1, 'm1', 'delivered', '2024-07-02');
SELECT pg_temp.o('Month', 2, 'm2', '2024-04-20', 1000);
SELECT pg_temp.e('Month', 2, 'm2', 'delivered', '2024-07-02');
SELECT pg_temp.e('Month', 2, 'm2', 'shipped', '2024-04-30 23:30');
SELECT pg_temp.net('m1') = pg_temp.net('m2') AS same, pg_temp.net('m2');
-- a policy that is changed later does not reach what is booked, but what is not booked yet
SELECT status, version FROM influence.set_payout_policy(3, '{"earns_at": "placed", "hold_from": "placed"}', '2024-04-01');
SELECT pg_temp.e('Month', 2, 'm2', 'shipped', '2024-04-30 22:30', 'earlier');

-- Cancelled. Line 1: 1001 (2 pieces), anna 501 and bert 500, 7 %: 35 each. 400 come back: 35 x 400 / 1001 = 13.99 -> 14;
-- the cancellation takes the rest, 21. A return of 100 that comes to light later has its part from the cancellation:
-- 35 x 901 / 1001 = 31.50 -> 32, so 18 for the cancellation and 3 for the return. Line 2 is taken back whole.
SELECT influence.record_order(1, pg_temp.visitor(10), 'c1', '[{"line_no": 1, "sku": "lamp", "quantity": 2, "paid_price": 600, "base_amount": 1001}, {"line_no": 2, "sku": "lamp", "quantity": 1, "paid_price": 300}]', '2024-05-02');
SELECT pg_temp.e('Parcel', 10, 'c1', 'shipped', '2024-05-03');
SELECT pg_temp.r('Parcel', 10, 'c1', 'first', 400, '2024-05-06');
SELECT pg_temp.e('Parcel', 10, 'c1', 'cancelled', '2024-05-08');
SELECT line_no, return_ref, kind, quantity, amount, returned_at, seq FROM influence.order_return WHERE order_ref = 'c1' ORDER BY 1, 7;
SELECT pg_temp.r('Parcel', 10, 'c1', 'second', 100, '2024-05-07');
SELECT line_no, return_ref, kind, quantity, amount, returned_at, seq FROM influence.order_return WHERE order_ref = 'c1' ORDER BY 1, 7;
SELECT seq, return_ref, sum(amount) AS amount, sum(base) AS base, count(*) FROM influence.earning WHERE order_ref = 'c1' AND line_no = 1 AND creator_id = pg_temp.creator('anna') AND kind = 'clawback' GROUP BY 1, 2 ORDER BY 1;
SELECT pg_temp.net('c1') IS NULL AS nothing_left;
-- more than was left without the cancellation is refused; an earlier cancellation is the one that counts
SELECT pg_temp.refused($$record_return(1, pg_temp.visitor(10), 'c1', 1, 'third', amount => 502)$$);
SELECT pg_temp.e('Parcel', 10, 'c1', 'cancelled', '2024-05-07 12:00', 'cancelled by phone');
SELECT DISTINCT returned_at FROM influence.order_return WHERE order_ref = 'c1' AND kind = 'cancelled';
-- cancelled before it came, and before it was earned: the commission is booked when it is earned, and taken back
SELECT pg_temp.e('Parcel', 11, 'c2', 'cancelled', '2024-05-08');
SELECT pg_temp.r('Parcel', 11, 'c2', 'second', 100, '2024-05-07');
SELECT pg_temp.o('Parcel', 11, 'c2', '2024-05-02', 500);
SELECT pg_temp.r('Parcel', 11, 'c2', 'first', 900, '2024-05-06');
SELECT pg_temp.e('Parcel', 11, 'c2', 'shipped', '2024-05-03');
SELECT pg_temp.net('c2') IS NULL AS nothing_left;

-- Replaced. The sale stays with x1 (2 x 1000 at 10 %: 200); x2, sent instead, earned 200 too when it came, and nothing
-- when that is known.
SELECT pg_temp.o('Plain', 1, 'x1', '2024-05-02', 1000), pg_temp.o('Plain', 1, 'x2', '2024-05-09', 1000);
SELECT pg_temp.e('Plain', 1, 'x1', 'replaced', '2024-05-09', replacement => 'x2');
SELECT revision, amount, hold_reason FROM influence.earning WHERE order_ref = 'x2' ORDER BY 1;
SELECT pg_temp.o('Plain', 1, 'x2', '2024-05-09', 1000);
SELECT pg_temp.net('x1'), pg_temp.net('x2');
-- an order that earned 0 has the reason, too (tiers and bonuses ask for it), and once
BEGIN;
SELECT pg_temp.o('Plain', 4, 'free1', '2024-05-02', 1000), pg_temp.o('Plain', 4, 'free2', '2024-05-09', 0);
SELECT pg_temp.e('Plain', 4, 'free1', 'replaced', '2024-05-09', replacement => 'free2'), pg_temp.e('Plain', 4, 'free1', 'replaced', '2024-05-10', 'again', 'free2');
SELECT revision, base, amount, hold_reason FROM influence.earning WHERE order_ref = 'free2' ORDER BY 1;
ROLLBACK;
-- known before it comes; and the event before both
SELECT pg_temp.e('Plain', 1, 'x2', 'replaced', '2024-05-19', replacement => 'x3');
SELECT pg_temp.o('Plain', 1, 'x3', '2024-05-20', 1000);
SELECT pg_temp.e('Plain', 2, 'y1', 'replaced', '2024-05-19', replacement => 'y2');
SELECT pg_temp.o('Plain', 2, 'y2', '2024-05-20', 1000);
SELECT pg_temp.o('Plain', 2, 'y1', '2024-05-02', 1000);
SELECT pg_temp.net('y1'), pg_temp.net('y2');
-- an order of somebody else is no replacement, neither when it is there nor when it comes
SELECT pg_temp.o('Plain', 3, 'z1', '2024-05-02', 1000), pg_temp.e('Plain', 3, 'z1', 'replaced', '2024-05-19', replacement => 'z2'), pg_temp.o('Plain', 4, 'z2', '2024-05-20', 1000);
SELECT * FROM pg_temp.not_refused('IN004', $$record_order_event(4, pg_temp.visitor(4), 'z2', 'replaced', '2024-05-21', replacement_ref => 'z1')$$);
-- until it turns out to be the same person: the job sees to it
SELECT (influence.identify(pg_temp.visitor(4), pg_temp.visitor(3))).status, pg_temp.job(), pg_temp.net('z1'), pg_temp.net('z2');
SELECT pg_temp.e('Plain', 4, 'z1', 'replaced', '2024-05-19', replacement => 'z2');

-- An event before its order is the person's, whoever of its visitors brings it; that of another person is refused.
SELECT pg_temp.e('Parcel', 4, 'w1', 'shipped', '2024-05-03'), pg_temp.e('Parcel', 5, 'w1', 'delivered', '2024-05-04'), pg_temp.o('Parcel', 3, 'w1', '2024-05-02', 1000);
SELECT visitor_id, kind, state FROM influence.order_event WHERE order_ref = 'w1' ORDER BY kind;
SELECT pg_temp.e('Parcel', 5, 'w1', 'delivered', '2024-05-04');

-- Too late to cost: 30 days of Berlin after 15 March 12:00 there (11:00 UTC) is 14 April 12:00, 10:00 UTC. 2 x 250 = 500
-- for anna at 7 %: 35. 125 late: 8.75 -> 9, written off; then 65 in time: 4.55 -> 5, and the late one's part is
-- 35 x 190 / 500 = 13.30 -> 13, less 5: 8. A chargeback in time, its reversal not: she does not get it back.
SELECT pg_temp.o('Aged', 1, 'a1', '2024-03-15 11:00', 250);
SELECT pg_temp.r('Aged', 1, 'a1', 'late', 125, '2024-04-14 10:00:00.000001');
SELECT pg_temp.net('a1');
SELECT pg_temp.r('Aged', 1, 'a1', 'in time', 65, '2024-04-14 10:00');
SELECT kind, seq, revision, amount, base, available_at FROM influence.earning WHERE order_ref = 'a1' ORDER BY kind, seq, revision;
SELECT pg_temp.net('a1');
SELECT kind, debit_account, credit_account, sum(amount) FROM influence.ledger WHERE order_ref = 'a1' GROUP BY 1, 2, 3 ORDER BY 1;
-- 35 x 165 / 500 = 11.55 -> 12 in time; all: 35 x 290 / 500 = 20.30 -> 20; after the reversal 13 again
SELECT pg_temp.r('Aged', 1, 'a1', 'dispute', 100, '2024-04-01', 'chargeback');
SELECT pg_temp.r('Aged', 1, 'a1', 'settled', 100, '2024-06-01', 'chargeback_reversed');
SELECT pg_temp.net('a1');
-- the same in another order
SELECT pg_temp.o('Aged', 2, 'a2', '2024-03-15 11:00', 250);
SELECT pg_temp.r('Aged', 2, 'a2', 'dispute', 100, '2024-04-01', 'chargeback'), pg_temp.r('Aged', 2, 'a2', 'settled', 100, '2024-06-01', 'chargeback_reversed'),
	pg_temp.r('Aged', 2, 'a2', 'in time', 65, '2024-04-14 10:00'), pg_temp.r('Aged', 2, 'a2', 'late', 125, '2024-04-14 10:00:00.000001');
SELECT pg_temp.net('a1') = pg_temp.net('a2') AS same;
-- cancelled late: 35 - 12 stay hers; when the cancellation proves to be of March, nothing does
SELECT pg_temp.e('Aged', 2, 'a2', 'cancelled', '2024-05-30');
SELECT pg_temp.net('a2');
SELECT pg_temp.e('Aged', 2, 'a2', 'cancelled', '2024-03-30', 'really');
SELECT pg_temp.net('a2');

-- By COPY: events and returns to orders that are there, order and events together, in any order of arrival.
SELECT pg_temp.o('Parcel', 6, 'k1', '2024-05-02', 1000);
COPY influence.order_event (visitor_id, program_id, order_ref, event_ref, kind, occurred_at) FROM STDIN;
00000000-0000-0000-0000-000000000006	1	k1	s	shipped	2024-05-04
00000000-0000-0000-0000-000000000006	1	k1	d	delivered	2024-05-07 18:00
00000000-0000-0000-0000-000000000007	1	k1	x	cancelled	2024-05-07 18:00
00000000-0000-0000-0000-000000000008	1	k2	d	delivered	2024-05-07 18:00
\.
COPY influence.order_return (visitor_id, program_id, order_ref, line_no, return_ref, kind, amount, returned_at, state, stated) FROM STDIN;
00000000-0000-0000-0000-000000000006	1	k1	1	r	return	500	2024-05-10	parked	[]
00000000-0000-0000-0000-000000000008	1	k2	1	r	return	500	2024-05-10	parked	[]
\.
SELECT check_name, subject FROM influence.check_books() ORDER BY 1, 2;
SELECT pg_temp.job();
SELECT pg_temp.net('k1') = pg_temp.net('p1') AS same, (SELECT string_agg(event_ref || ' ' || state, ', ' ORDER BY event_ref) FROM influence.order_event WHERE order_ref LIKE 'k_');
COPY influence.orders (visitor_id, program_id, order_ref, ordered_at, currency, content_hash) FROM STDIN;
00000000-0000-0000-0000-000000000008	1	k2	2024-05-02	USD	\\x
00000000-0000-0000-0000-000000000009	1	k3	2024-05-02	USD	\\x
\.
SELECT pg_temp.job();
COPY influence.order_line (visitor_id, program_id, order_ref, line_no, product_id, category_path, quantity, paid_price, base_amount) FROM STDIN;
00000000-0000-0000-0000-000000000008	1	k2	1	1	{1}	2	1000	2000
00000000-0000-0000-0000-000000000009	1	k3	1	1	{1}	2	1000	2000
\.
SELECT pg_temp.job();
SELECT pg_temp.net('k2') = pg_temp.net('p1') AS same, pg_temp.net('k3');
SELECT pg_temp.e('Parcel', 9, 'k3', 'delivered', '2024-05-07 18:00'), pg_temp.r('Parcel', 9, 'k3', 'r', 500, '2024-05-10'), pg_temp.net('k3') = pg_temp.net('p1') AS same;
SELECT pg_temp.job();

-- What is held from an event that is yet to come is not locked: a touch that comes late still counts, however old the
-- order is; then it is delivered, 14 days are long over, and nothing reaches it any more.
SELECT pg_temp.o('Parcel', 20, 'l1', '2024-05-02', 1000), pg_temp.e('Parcel', 20, 'l1', 'shipped', '2024-05-04');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(20), 'late', 'click', pg_temp.creator('bert'), '2024-05-01');
SELECT pg_temp.job(), pg_temp.net('l1');
SELECT pg_temp.e('Parcel', 20, 'l1', 'delivered', '2024-05-06');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(20), 'later', 'click', pg_temp.creator('bert'), '2024-05-01 01:00');
SELECT pg_temp.job(), pg_temp.net('l1');
SELECT (influence.reattribute(1, 'l1')).status;

-- What is no event.
SELECT * FROM pg_temp.not_refused('IN002', $$record_order_event(1, NULL, 'p1', 'shipped')$$, $$record_order_event(1, pg_temp.visitor(1), NULL, 'shipped')$$, $$record_order_event(1, pg_temp.visitor(1), 'p1', NULL)$$,
	$$record_order_event(1, pg_temp.visitor(1), 'p1', 'placed')$$, $$record_order_event(1, pg_temp.visitor(1), 'p1', 'shipped', 'infinity')$$, $$record_order_event(1, pg_temp.visitor(1), 'p1', 'shipped', '1980-01-01')$$,
	$$record_order_event(1, pg_temp.visitor(1), 'p1', 'shipped', event_ref => '')$$, $$record_order_event(1, pg_temp.visitor(1), 'p1', 'shipped', event_ref => 'x', replacement_ref => 'p2')$$,
	$$record_order_event(1, pg_temp.visitor(1), 'p1', 'replaced')$$, $$record_order_event(1, pg_temp.visitor(1), 'p1', 'replaced', replacement_ref => 'p1')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_order_event(99, pg_temp.visitor(1), 'p1', 'shipped')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$set_payout_policy(1, '{"earns_at": "paid"}')$$, $$set_payout_policy(1, '{"hold_from": null}')$$, $$set_payout_policy(1, '{"max_clawback_age": "-1 day"}')$$, $$set_payout_policy(1, '{"max_clawback_age": "101 years"}')$$);

-- Payouts: what is not delivered yet is not due. After the payout of 600 (x1, y1, z1) x1 comes back whole and three quarters
-- of y1: anna owes 350. An order brings 100, and what is left of the debt may be written off, once.
SELECT party_name, amount, verdict FROM influence.plan_payouts(1, '2024-05');
SELECT payouts, amount FROM influence.run_payouts(4, '2024-05');
SELECT pg_temp.r('Plain', 1, 'x1', 'r', 2000, '2024-06-01'), pg_temp.r('Plain', 2, 'y1', 'r', 1500, '2024-06-01');
SELECT * FROM pg_temp.not_refused('IN007', $$write_off_balance(4, pg_temp.creator('anna'), 351, 'w')$$, $$write_off_balance(4, pg_temp.creator('bert'), 1, 'w')$$, $$write_off_balance(4, pg_temp.creator('anna'), 1, 'w', currency => 'EUR')$$);
SELECT pg_temp.o('Plain', 1, 'x4', '2024-07-02', 500);
SELECT pg_temp.refused($$write_off_balance(4, pg_temp.creator('anna'), 251, 'w')$$);
SELECT * FROM influence.write_off_balance(4, pg_temp.creator('anna'), 200, 'w', 'bankrupt');
SELECT * FROM influence.write_off_balance(4, pg_temp.creator('anna'), 200, 'w', 'bankrupt');
SELECT * FROM pg_temp.not_refused('IN004', $$write_off_balance(4, pg_temp.creator('anna'), 199, 'w', 'bankrupt')$$, $$write_off_balance(4, pg_temp.creator('anna'), 200, 'w')$$, $$write_off_balance(4, pg_temp.creator('anna'), 200, 'w', 'bankrupt', 'EUR')$$);
SELECT * FROM pg_temp.not_refused('IN007', $$write_off_balance(4, pg_temp.creator('anna'), 51, 'w2')$$);
SELECT * FROM influence.write_off_balance(4, pg_temp.creator('anna'), 50, 'w2');
SELECT * FROM pg_temp.not_refused('IN002', $$write_off_balance(4, pg_temp.creator('anna'), 0, 'x')$$, $$write_off_balance(4, pg_temp.creator('anna'), NULL, 'x')$$, $$write_off_balance(4, pg_temp.creator('anna'), 1, '')$$, $$write_off_balance(4, pg_temp.creator('anna'), 1, 'x', currency => 'dollars')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$write_off_balance(99, 1, 1, 'x')$$, $$write_off_balance(4, 99, 1, 'x')$$, $$write_off_balance(4, 0, 1, 'x')$$);
SELECT party_name, amount, verdict FROM influence.plan_payouts(4, '2024-07');
SELECT entry_key, debit_account, credit_account, amount, note FROM influence.ledger WHERE source = 'adjustment' ORDER BY 1;
SELECT * FROM influence.check_books();

-- check_books() finds what is wrong: each damage below is undone.
CREATE FUNCTION pg_temp.damaged(VARIADIC damage text[]) RETURNS TABLE (check_name text, subject text, expected text, found text) LANGUAGE plpgsql AS $$
DECLARE
	statement text;
	rows jsonb;
BEGIN
	BEGIN
		FOREACH statement IN ARRAY damage LOOP
			EXECUTE statement;
		END LOOP;
		rows := (SELECT jsonb_agg(to_jsonb(b) ORDER BY b.check_name, b.subject) FROM influence.check_books() b);
		RAISE EXCEPTION USING ERRCODE = 'ZZ000';
	EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
		NULL;
	END;
	RETURN QUERY SELECT x.check_name, x.subject, x.expected, x.found FROM jsonb_to_recordset(rows) x(check_name text, subject text, expected text, found text);
END $$;
-- the delivery is forgotten; the shipping too
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.order_event WHERE order_ref = 'p1' AND kind = 'delivered'$$);
SELECT check_name, subject, expected FROM pg_temp.damaged($$DELETE FROM influence.order_event WHERE order_ref = 'p1'$$);
-- a replacement that earned; a cancellation that took too little, or at another time
SELECT check_name, subject, expected, found FROM pg_temp.damaged($$INSERT INTO influence.order_event (visitor_id, program_id, order_ref, event_ref, kind, occurred_at, replacement_ref, state) VALUES (pg_temp.visitor(1), 4, 'x4', 'x', 'replaced', '2024-08-01', 'x1', 'counted')$$);
SELECT check_name, subject, expected, found FROM pg_temp.damaged($$UPDATE influence.order_return SET amount = 0 WHERE order_ref = 'c1' AND line_no = 2$$);
SELECT check_name, subject, expected, found FROM pg_temp.damaged($$UPDATE influence.order_return SET returned_at = '2024-05-20' WHERE order_ref = 'c1' AND line_no = 2 AND kind = 'cancelled'$$);
-- an event that waits, and one that counts without an order
SELECT * FROM pg_temp.damaged($$INSERT INTO influence.order_event (visitor_id, program_id, order_ref, event_ref, kind, occurred_at) VALUES (pg_temp.visitor(1), 4, 'x4', 'x', 'shipped', '2024-08-01')$$);
SELECT * FROM pg_temp.damaged($$INSERT INTO influence.order_event (visitor_id, program_id, order_ref, event_ref, kind, occurred_at, state) VALUES (pg_temp.visitor(1), 4, 'nowhere', 'x', 'shipped', '2024-08-01', 'counted')$$);
-- a write-off that is not booked, and one between other accounts
SELECT check_name, regexp_replace(subject, '[0-9a-f-]{36}', 'ENTRY') AS subject, expected, found FROM pg_temp.damaged($$DELETE FROM influence.earning WHERE order_ref = 'a1' AND kind = 'write_off' AND seq = 1$$) ORDER BY 1, 2;
SELECT check_name, subject, split_part(expected, ', at ', 1) AS expected, split_part(found, ', at ', 1) AS found
	FROM pg_temp.damaged($$ALTER TABLE influence.ledger DISABLE TRIGGER ALL$$, $$UPDATE influence.ledger SET debit_account = 'expense' WHERE entry_key = 'balance/w'$$);
SELECT * FROM influence.check_books();
