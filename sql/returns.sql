--
-- Returns: the k-th takes back round(C R_k / N) - round(C R_(k-1) / N) of a
-- commission C, where R of the base N came back so far; so all of them together
-- take back exactly C.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{"model": "linear"}', '{"hold": "14 days"}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert}'::text[]) c;
SELECT category_id FROM influence.create_category('all');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 1);
SELECT status FROM influence.set_commission_rate(1, 0.07, valid_from => '2024-01-01');
SELECT recorded FROM influence.record_touches(1, (
	SELECT jsonb_agg(jsonb_build_object('visitor_id', pg_temp.visitor(v), 'touch_ref', c, 'creator_id', pg_temp.creator(c), 'touched_at', '2024-05-01'))
	FROM generate_series(1, 9) v, unnest('{anna,bert}'::text[]) c));

-- 7 x 143 = 1001: anna 501, bert 500; at 7 %: 35.07 -> 35 and 35.
-- Piece by piece, each the floor of its share of what is left: 143, 143, ... 143. anna's base 501 by thirds of
-- 1001: round(501 R / 1001) for R = 143, 286, ... is 72, 143, 215, 286, 358, 429, 501 (71.57, 143.14, 214.71, 286.29,
-- 357.86, 429.43, 501), so 72, 71, 72, 71, 72, 71, 72; her commission 35 by sevenths: 5 each. bert's base 500: 71.43,
-- 142.86, 214.29, 285.71, 357.14, 428.57, 500 -> 71, 143, 214, 286, 357, 429, 500: 71, 72, 71, 72, 71, 72, 71.
SELECT commission FROM influence.record_order(1, pg_temp.visitor(1), 'seven', '[{"line_no": 1, "sku": "lamp", "quantity": 7, "paid_price": 143}]', '2024-05-02');
SELECT n, r.* FROM generate_series(1, 7) n, influence.record_return(1, pg_temp.visitor(1), 'seven', 1, 'r' || n, 1, returned_at => '2024-05-03'::timestamptz + n * interval '1 day') r ORDER BY n;
SELECT c.creator_ref, string_agg(e.base::text, ' ' ORDER BY e.seq) AS bases, string_agg(e.amount::text, ' ' ORDER BY e.seq) AS amounts, sum(e.base) AS base, sum(e.amount) AS amount
FROM influence.earning e JOIN influence.creator c USING (creator_id) WHERE e.order_ref = 'seven' AND e.kind = 'clawback' GROUP BY 1 ORDER BY 1;
-- available with the commission
SELECT seq, occurred_at, available_at FROM influence.earning WHERE order_ref = 'seven' AND creator_id = pg_temp.creator('anna') AND seq IN (0, 1, 7) ORDER BY seq;
SELECT pg_temp.refused($$record_return(1, pg_temp.visitor(1), 'seven', 1, 'r8', 1)$$);
SELECT * FROM influence.record_return(1, pg_temp.visitor(1), 'seven', 1, 'r8', amount => 0, returned_at => '2024-05-20');

-- 1000 by amounts 333, 333, 334: anna and bert 500 each, 35 each. R = 333, 666, 1000: 35 R / 1000 = 11.655, 23.31, 35
-- -> 12, 11, 12 each; available with the commission, even the one of July.
SELECT commission FROM influence.record_order(1, pg_temp.visitor(2), 'thirds', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-05-02');
SELECT n, r.* FROM (VALUES (1, 333, '2024-05-04'), (2, 333, '2024-05-05'), (3, 334, '2024-07-01')) v(n, amount, at), influence.record_return(1, pg_temp.visitor(2), 'thirds', 1, 'r' || n, amount => v.amount, returned_at => at::timestamptz) r ORDER BY n;
SELECT seq, min(amount), max(amount), min(available_at) FROM influence.earning WHERE order_ref = 'thirds' GROUP BY seq ORDER BY seq;
-- the same again: duplicate, from elsewhere too; other content: conflict
SELECT pg_temp.contents() AS before \gset
SET TimeZone = 'Asia/Tokyo';
SELECT * FROM influence.record_return(1, pg_temp.visitor(2), 'thirds', 1, 'r2', amount => 333, returned_at => '2024-05-05 00:00+00');
SET TimeZone = 'UTC';
SELECT * FROM influence.record_return(1, pg_temp.visitor(2), 'thirds', 1, 'r2', amount => 333, returned_at => '2024-05-05');
SELECT pg_temp.contents() = :'before' AS nothing_changed;
SELECT * FROM pg_temp.not_refused('IN004', $$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'r2', amount => 332, returned_at => '2024-05-05')$$, $$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'r2', 1, returned_at => '2024-05-05')$$,
	$$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'r2', amount => 333, returned_at => '2024-05-06')$$, $$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'r2', amount => 333, returned_at => '2024-05-05', reason => 'broken')$$);

-- Pieces and amounts mixed: of 3 x 333 = 999, 100 as an amount, then one piece of three of the base: 333, then two
-- pieces: 666, but only 566 are left.
SELECT credited FROM influence.record_order(1, pg_temp.visitor(3), 'mix', '[{"line_no": 1, "sku": "lamp", "quantity": 3, "paid_price": 333}, {"line_no": 2, "sku": "lamp", "quantity": 1, "paid_price": 0}]', '2024-05-02');
SELECT returned, remaining FROM influence.record_return(1, pg_temp.visitor(3), 'mix', 1, 'a', amount => 100, returned_at => '2024-05-04');
SELECT returned, remaining FROM influence.record_return(1, pg_temp.visitor(3), 'mix', 1, 'b', 1, returned_at => '2024-05-05');
SELECT * FROM pg_temp.not_refused('IN007', $$record_return(1, pg_temp.visitor(3), 'mix', 1, 'c', 3)$$, $$record_return(1, pg_temp.visitor(3), 'mix', 1, 'c', amount => 567)$$, $$record_return(1, pg_temp.visitor(3), 'mix', 1, 'c', 3, 1)$$,
	$$record_return(1, pg_temp.visitor(3), 'mix', 1, 'c', 1, 567)$$, $$record_return(1, pg_temp.visitor(3), 'mix', 2, 'c', amount => 1)$$, $$record_return(1, pg_temp.visitor(3), 'mix', 1, 'c', 9223372036854775807)$$);
SELECT returned, remaining FROM influence.record_return(1, pg_temp.visitor(3), 'mix', 1, 'c', 2, returned_at => '2024-05-06');
-- a line of nothing comes back for nothing
SELECT * FROM influence.record_return(1, pg_temp.visitor(3), 'mix', 2, 'a', 1, returned_at => '2024-05-06');
SELECT count(*) AS claws, sum(amount) FROM influence.earning WHERE order_ref = 'mix' AND line_no = 2 AND kind = 'clawback';

-- Returns that come first wait for their order, and are applied in the order of their times: early 1 takes 2 of 3
-- pieces (666), early 2 the last (333); early 3 asks for more than is left, early 4 for a line that never came.
SELECT n, r.* FROM (VALUES (2, 1, 1, '2024-05-05'), (1, 1, 2, '2024-05-04'), (3, 1, 1, '2024-05-06'), (4, 9, 1, '2024-05-06')) v(n, line, pieces, at),
	influence.record_return(1, pg_temp.visitor(4), 'early', v.line, 'early ' || n, v.pieces, returned_at => at::timestamptz) r ORDER BY n;
SELECT status FROM influence.record_return(1, pg_temp.visitor(4), 'early', 1, 'early 1', 2, returned_at => '2024-05-04');
SELECT commission, clawed_back, refused_returns FROM influence.record_order(1, pg_temp.visitor(4), 'early', '[{"line_no": 1, "sku": "lamp", "quantity": 3, "paid_price": 333}]', '2024-05-07');
SELECT return_ref, state, amount, seq FROM influence.order_return WHERE order_ref = 'early' ORDER BY 1;
SELECT status, returned, clawed_back, remaining FROM influence.record_return(1, pg_temp.visitor(4), 'early', 1, 'early 1', 2, returned_at => '2024-05-04');
SELECT status FROM influence.record_return(1, pg_temp.visitor(4), 'early', 1, 'early 3', 1, returned_at => '2024-05-06');
SELECT kind, sum(amount) FROM influence.earning WHERE order_ref = 'early' GROUP BY 1 ORDER BY 1;
SELECT kind, sum(amount) FROM influence.ledger WHERE order_ref = 'early' GROUP BY 1 ORDER BY 1;
SELECT fact, value, source FROM influence.explain_commission(1, 'early') WHERE creator_name = 'Anna' AND fact IN ('commission', 'clawback');

-- neither pieces nor an amount
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT * FROM influence.record_return(1, pg_temp.visitor(2), 'thirds', 1, 'x');
\set VERBOSITY terse
-- What is no return.
SELECT * FROM pg_temp.not_refused('IN002', $$record_return(1, NULL, 'thirds', 1, 'x', 1)$$, $$record_return(1, pg_temp.visitor(2), NULL, 1, 'x', 1)$$, $$record_return(1, pg_temp.visitor(2), 'thirds', NULL, 'x', 1)$$,
	$$record_return(1, pg_temp.visitor(2), 'thirds', 1, NULL, 1)$$, $$record_return(1, pg_temp.visitor(2), 'thirds', 1, '', 1)$$, $$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'x')$$, $$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'x', 0)$$,
	$$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'x', -1)$$, $$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'x', amount => -1)$$, $$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'x', 1, returned_at => 'infinity')$$,
	$$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'x', 1, kind => 'gift')$$, $$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'x', 1, kind => NULL)$$, $$record_return(1, pg_temp.visitor(2), 'never', 0, 'x', 1)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_return(99, pg_temp.visitor(2), 'thirds', 1, 'x', 1)$$, $$record_return(NULL, pg_temp.visitor(2), 'thirds', 1, 'x', 1)$$, $$record_return(1, pg_temp.visitor(2), 'thirds', 2, 'x', 1)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'x', 1, kind => 'chargeback_reversed')$$, $$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'x', 1, kind => 'goodwill')$$,
	$$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'x', 1, 1, kind => 'goodwill')$$, $$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'x', 1, kind => 'cancelled')$$, $$record_return(1, pg_temp.visitor(2), 'thirds', 1, 'cancelled', 1)$$);

-- Other kinds. 2 x 500 = 1000: anna and bert 35 each. A return of 200: 7. A chargeback of the 333 of one piece: R = 533,
-- 18.66 -> 19, so 12. Goodwill of 600: nothing. 300 of the chargeback are reversed: R = 233, 8.16 -> 8: 11 back. 767 are
-- left; of the chargebacks 33 and one piece are not reversed; of goodwill 400 can be given. With the 33: R = 200, 7: 1 back.
SELECT commission FROM influence.record_order(1, pg_temp.visitor(5), 'kinds', '[{"line_no": 1, "sku": "lamp", "quantity": 2, "paid_price": 500}]', '2024-05-02');
CREATE FUNCTION pg_temp.r(ref text, kind text, amount bigint, day int, quantity int DEFAULT NULL) RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws(' ', status, returned, clawed_back, remaining) FROM influence.record_return(1, pg_temp.visitor(5), ref, 1, kind || day, quantity, amount, '2024-05-01'::timestamptz + day * interval '1 day', kind) $$;
SELECT pg_temp.r('kinds', 'return', 200, 3), pg_temp.r('kinds', 'chargeback', 333, 4, 1), pg_temp.r('kinds', 'goodwill', 600, 5), pg_temp.r('kinds', 'chargeback_reversed', 300, 6);
SELECT * FROM pg_temp.not_refused('IN007', $$record_return(1, pg_temp.visitor(5), 'kinds', 1, 'x', amount => 34, kind => 'chargeback_reversed')$$, $$record_return(1, pg_temp.visitor(5), 'kinds', 1, 'x', 2, 33, kind => 'chargeback_reversed')$$,
	$$record_return(1, pg_temp.visitor(5), 'kinds', 1, 'x', amount => 401, kind => 'goodwill')$$, $$record_return(1, pg_temp.visitor(5), 'kinds', 1, 'x', amount => 768, kind => 'chargeback')$$, $$record_return(1, pg_temp.visitor(5), 'kinds', 1, 'x', 2)$$);
-- the piece comes back to the shop's side with the rest of the chargeback, and both pieces can be returned
SELECT pg_temp.r('kinds', 'chargeback_reversed', 33, 7, 1), pg_temp.r('kinds', 'return', NULL, 8, 2);
SELECT seq, kind, amount, quantity FROM influence.order_return WHERE order_ref = 'kinds' ORDER BY seq;
SELECT e.creator_id, string_agg(e.amount::text, ' ' ORDER BY e.seq) AS amounts, sum(e.amount) AS amount, sum(e.base) AS base FROM influence.earning e WHERE e.order_ref = 'kinds' AND e.kind = 'clawback' GROUP BY 1 ORDER BY 1;
SELECT kind, debit_account, credit_account, sum(amount) FROM influence.ledger WHERE order_ref = 'kinds' GROUP BY 1, 2, 3 ORDER BY 1;
SELECT status FROM influence.record_return(1, pg_temp.visitor(5), 'kinds', 1, 'goodwill5', amount => 600, returned_at => '2024-05-06', kind => 'goodwill');
-- before their order, in the order of their times: the reversal has a chargeback then, another one has none any more
SELECT pg_temp.r('later', 'chargeback_reversed', 100, 9), pg_temp.r('later', 'chargeback_reversed', 100, 10), pg_temp.r('later', 'chargeback', 100, 8), pg_temp.r('later', 'goodwill', 1001, 11);
SELECT commission, clawed_back, refused_returns FROM influence.record_order(1, pg_temp.visitor(5), 'later', '[{"line_no": 1, "sku": "lamp", "quantity": 2, "paid_price": 500}]', '2024-05-02');
SELECT return_ref, state, seq FROM influence.order_return WHERE order_ref = 'later' ORDER BY returned_at;

-- What was sold in another currency comes back in it, at the rate of the order: 1000 yen are 923 cents. 333 of them:
-- 307.36 -> 307; 666: 614.72 -> 615, so 308; the reversal of 333 takes the 308 back; 667 are left: 616. The commissions
-- are 7 % of 462 and 461, 32 each: 32 x 307 / 923 = 10.64 -> 11; 32 x 615 / 923 = 21.32 -> 21, so 10; in the end 21.
COPY influence.orders (visitor_id, program_id, order_ref, ordered_at, currency, content_hash) FROM STDIN;
00000000-0000-0000-0000-000000000006	1	yen	2024-05-02	JPY	\\x
\.
COPY influence.order_line (visitor_id, program_id, order_ref, line_no, product_id, category_path, quantity, paid_price, order_amount, base_amount, fx_rate, fx_source) FROM STDIN;
00000000-0000-0000-0000-000000000006	1	yen	1	1	{1}	3	400	1000	923	0.00923	test
\.
SELECT influence.do_job('reattribute', 0, NULL, now());
SELECT x.* FROM (VALUES (1, 'return', 333), (2, 'chargeback', 333), (3, 'chargeback_reversed', 333), (4, 'goodwill', 500)) v(n, kind, amount), influence.record_return(1, pg_temp.visitor(6), 'yen', 1, 'r' || n, amount => v.amount, kind => v.kind, returned_at => '2024-05-03') x ORDER BY n;
SELECT pg_temp.refused($$record_return(1, pg_temp.visitor(6), 'yen', 1, 'x', amount => 668)$$);
SELECT * FROM influence.record_return(1, pg_temp.visitor(6), 'yen', 1, 'all', 3, returned_at => '2024-05-03');
SELECT return_ref, order_amount, amount FROM influence.order_return WHERE order_ref = 'yen' ORDER BY seq;
SELECT sum(amount) FROM influence.earning WHERE order_ref = 'yen';

-- A line of nothing that earned all the same (a fixed amount) comes back by its pieces: of 3, one takes 33 of 100, the
-- second 67 - 33; a return without pieces takes nothing.
SELECT status FROM influence.record_order(1, pg_temp.visitor(7), 'free', '[{"line_no": 1, "sku": "lamp", "quantity": 3, "paid_price": 0}]', '2024-05-02');
SELECT status FROM (VALUES (1, 1), (2, NULL), (3, 1)) v(n, pieces), influence.record_return(1, pg_temp.visitor(7), 'free', 1, 'r' || n, pieces, 0, '2024-05-03');
SELECT * FROM influence_internal.wanted_clawbacks(1, pg_temp.visitor(7), 'free', 1, 0, 100, 'half_up', NULL) ORDER BY seq, kind;

SELECT check_name, subject FROM influence.check_books();

-- Every return once more, the last first: nothing changes.
SELECT pg_temp.contents() AS before \gset
SELECT count(*) FROM generate_series(7, 1, -1) n, influence.record_return(1, pg_temp.visitor(1), 'seven', 1, 'r' || n, 1, returned_at => '2024-05-03'::timestamptz + n * interval '1 day') r;
SELECT pg_temp.contents() = :'before' AS nothing_changed;
