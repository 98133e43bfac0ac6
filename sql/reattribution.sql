--
-- Late touches, merged identities, orders that come by COPY: what is attributed again, until when, and what is booked.
-- Holds of ten years keep the orders of 2024 open; those of program Locked are closed when they come.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT category_id FROM influence.create_category('Home');
SELECT product_ids FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 1}, {"sku": "rug", "title": "Rug", "category_id": 1}]');
SELECT pg_temp.new_program('Open', 'USD', 'UTC', '{"max_touch_delay": "100 years"}', '{"hold": "10 years"}');
SELECT pg_temp.new_program('Locked', 'USD', 'UTC', '{"max_touch_delay": "100 years"}', '{"hold": "0"}');
SELECT pg_temp.new_program('Late', 'USD', 'UTC', '{}', '{"hold": "10 years"}');
SELECT pg_temp.new_program('Linear', 'USD', 'UTC', '{"model": "linear", "reuse": "consume", "max_touch_delay": "100 years"}', '{"hold": "10 years"}');
UPDATE influence.program SET created_at = '2020-01-01';
SELECT pg_temp.new_creator('anna', pg_temp.visitor(900));
SELECT pg_temp.new_creator('bert');
SELECT pg_temp.new_creator('cleo');
SELECT status FROM influence.register_creator('eve', 'Eve');		-- not admitted
SELECT count(*) FROM influence.program p, influence.set_commission_rate(p.program_id, 0.1, valid_from => '2020-01-01');
SELECT status FROM influence.set_commission_rate(1, 0.15, pg_temp.creator('bert'), valid_from => '2020-01-01');

CREATE FUNCTION pg_temp.t(shop text, v int, ref text, at timestamptz, creator text, kind text DEFAULT 'click', sku text DEFAULT NULL) RETURNS text LANGUAGE sql AS
$$ SELECT status FROM influence.record_touch(pg_temp.program(shop), pg_temp.visitor(v), ref, kind, pg_temp.creator(creator), at, pg_temp.product(sku)) $$;
CREATE FUNCTION pg_temp.o(shop text, v int, ref text, at timestamptz, price int DEFAULT 1000, sku text DEFAULT 'lamp') RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws('; ', status, remarks) FROM influence.record_order(pg_temp.program(shop), pg_temp.visitor(v), ref, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', sku, 'quantity', 1, 'paid_price', price)), at) $$;
CREATE FUNCTION pg_temp.shares(ref text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(concat_ws(' ', coalesce(nullif(k.touch_ref, ''), k.reason), c.creator_ref, k.credit), ', ' ORDER BY k.line_no, k.touch_position) FROM influence.credit k LEFT JOIN influence.creator c USING (creator_id)
	WHERE k.order_ref = ref AND k.superseded_by IS NULL $$;
-- earnings of an order and what the ledger has of it, by creator: base, amount, ledger
CREATE FUNCTION pg_temp.net(ref text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(format('%s %s %s %s', c.creator_ref, e.base, e.amount, coalesce(l.amount, 0)), ', ' ORDER BY c.creator_ref)
	FROM (SELECT creator_id, sum(base) AS base, sum(amount) AS amount FROM influence.earning WHERE order_ref = ref GROUP BY 1) e JOIN influence.creator c USING (creator_id)
	LEFT JOIN (SELECT party_id, sum(CASE WHEN credit_account = 'payable' THEN amount ELSE -amount END) AS amount FROM influence.ledger WHERE order_ref = ref GROUP BY 1) l ON l.party_id = c.creator_id $$;
CREATE FUNCTION pg_temp.job() RETURNS text LANGUAGE sql AS $$ SELECT influence.do_job('reattribute', 0, NULL, now()) $$;

-- A touch that arrives after its order: anna had all of 10.00, then bert's later click is known, then cleo's earlier one.
SELECT pg_temp.t('Open', 1, 'a', '2024-06-01 10:00', 'anna'), pg_temp.o('Open', 1, 'o1', '2024-06-02');
SELECT pg_temp.job();
SELECT pg_temp.shares('o1'), pg_temp.net('o1');
SELECT pg_temp.t('Open', 1, 'b', '2024-06-01 11:00', 'bert');
SELECT touch_ref, verdict FROM influence.explain_attribution(1, 'o1');
SELECT verdict, detail, lines, touch_ref FROM influence.explain_missing_sale(1, pg_temp.creator('bert'), 'o1');
SELECT pg_temp.job();
SELECT pg_temp.shares('o1'), pg_temp.net('o1');
SELECT touch_ref, verdict, credit FROM influence.explain_attribution(1, 'o1');
SELECT verdict, detail, lines, touch_ref FROM influence.explain_missing_sale(1, pg_temp.creator('bert'), 'o1');
SELECT verdict, detail, lines, touch_ref FROM influence.explain_missing_sale(1, pg_temp.creator('anna'), 'o1');
SELECT touch_ref, creator_id, credit, revision, superseded_by IS NOT NULL AS superseded FROM influence.credit WHERE order_ref = 'o1' ORDER BY revision;
SELECT creator_id, kind, seq, revision, base, amount, rate FROM influence.earning WHERE order_ref = 'o1' ORDER BY revision, creator_id;
SELECT party_id, kind, split_part(entry_key, '/', 2) AS seq, debit_account, credit_account, amount FROM influence.ledger WHERE order_ref = 'o1' ORDER BY 1, 3;
SELECT pg_temp.t('Open', 1, 'c', '2024-06-01 09:00', 'cleo');
SELECT pg_temp.job();
SELECT pg_temp.shares('o1'), pg_temp.net('o1');
-- again: nothing to do; by hand: nothing changed
SELECT pg_temp.contents() AS before \gset
SELECT pg_temp.job();
SELECT status, credited, commission FROM influence.reattribute(1, 'o1');
SELECT pg_temp.contents() = :'before' AS nothing_changed;

-- Returns before and after: 3.00 of 10.00 came back of anna's commission of 1.00 (0.30), then bert's 15 % is what was
-- earned: 1.50, of which 0.45 was clawed back; 2.00 more takes 0.30 of it.
SELECT pg_temp.t('Open', 2, 'a', '2024-06-01 10:00', 'anna'), pg_temp.o('Open', 2, 'o2', '2024-06-02');
SELECT status, clawed_back FROM influence.record_return(1, pg_temp.visitor(2), 'o2', 1, 'r1', amount => 300, returned_at => '2024-06-05');
SELECT pg_temp.net('o2');
SELECT pg_temp.t('Open', 2, 'b', '2024-06-01 11:00', 'bert');
SELECT pg_temp.job();
SELECT pg_temp.net('o2');
SELECT status, clawed_back, remaining FROM influence.record_return(1, pg_temp.visitor(2), 'o2', 1, 'r2', amount => 200, returned_at => '2024-06-06');
SELECT pg_temp.net('o2');
SELECT creator_id, kind, seq, revision, base, amount, occurred_at FROM influence.earning WHERE order_ref = 'o2' ORDER BY creator_id, kind DESC, seq, revision;
SELECT party_id, kind, debit_account, credit_account, amount FROM influence.ledger WHERE order_ref = 'o2' ORDER BY 1, 2, 5;
SELECT fact, value, source FROM influence.explain_commission(1, 'o2');
SELECT entry_no, kind, amount, balance FROM influence.creator_statement(1, pg_temp.creator('anna'), '2024-06');
-- the statistics count what is credited now
SELECT status FROM influence.refresh_stats();
SELECT c.creator_ref, sum(h.lines) AS lines, sum(h.revenue) AS revenue, sum(h.returned) AS returned, sum(h.commission) AS commission, sum(h.clawed_back) AS clawed_back
FROM influence.creator_hour h JOIN influence.creator c USING (creator_id) GROUP BY 1 ORDER BY 1;

-- Who may not earn, may not by a late touch either
SELECT pg_temp.t('Open', 3, 'a', '2024-06-01 10:00', 'anna'), pg_temp.o('Open', 3, 'o3', '2024-06-02'), pg_temp.t('Open', 3, 'e', '2024-06-01 11:00', 'eve');
SELECT pg_temp.job();
SELECT pg_temp.net('o3');
SELECT remarks FROM influence.reattribute(1, 'o3');
SELECT verdict, detail FROM influence.explain_missing_sale(1, pg_temp.creator('eve'), 'o3');

-- Locked: the hold is over, nothing is attributed again
SELECT pg_temp.t('Locked', 4, 'a', '2024-06-01 10:00', 'anna'), pg_temp.o('Locked', 4, 'o4', '2024-06-02');
SELECT pg_temp.t('Locked', 4, 'b', '2024-06-01 11:00', 'bert');
SELECT pg_temp.job();
SELECT pg_temp.shares('o4'), pg_temp.net('o4');
SELECT status, commission FROM influence.reattribute(2, 'o4');
SELECT touch_ref, verdict FROM influence.explain_attribution(2, 'o4');
SELECT verdict, detail FROM influence.explain_missing_sale(2, pg_temp.creator('bert'), 'o4');

-- Late: received more than 48 hours after it happened. Exactly 48 hours are not.
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id, received_at) VALUES
	(pg_temp.visitor(5), '2024-06-01 10:00', 'in time', 3, 'click', pg_temp.creator('anna'), '2024-06-03 10:00'),
	(pg_temp.visitor(5), '2024-06-01 11:00', 'late', 3, 'click', pg_temp.creator('bert'), '2024-06-03 11:00:00.000001'),
	(pg_temp.visitor(6), '2024-06-01 11:00', 'late', 3, 'click', pg_temp.creator('bert'), '2024-06-04');
SELECT pg_temp.o('Late', 5, 'o5', '2024-06-02'), pg_temp.o('Late', 6, 'o6', '2024-06-02');
SELECT pg_temp.shares('o5'), pg_temp.shares('o6');
SELECT touch_ref, verdict FROM influence.explain_attribution(3, 'o5');
SELECT verdict, detail FROM influence.explain_missing_sale(3, pg_temp.creator('bert'), 'o6');
-- what happened before the program was made can only be imported: its time runs from then on
UPDATE influence.program SET created_at = '2024-06-02' WHERE program_id = 3;
SELECT status, credited FROM influence.reattribute(3, 'o6');
UPDATE influence.program SET created_at = '2020-01-01' WHERE program_id = 3;
SELECT status, credited FROM influence.reattribute(3, 'o6');

-- Consumption: an order that comes late takes what a later one had; and its own touches count.
SELECT pg_temp.t('Linear', 7, 'a', '2024-06-01 10:00', 'anna'), pg_temp.t('Linear', 7, 'b', '2024-06-03 10:00', 'bert'), pg_temp.o('Linear', 7, 'l2', '2024-06-04');
SELECT pg_temp.job();
SELECT pg_temp.shares('l2');
SELECT pg_temp.o('Linear', 7, 'l1', '2024-06-02');
SELECT pg_temp.job();
SELECT ref, pg_temp.shares(ref), pg_temp.net(ref) FROM unnest('{l1,l2}'::text[]) ref;

-- Identity. A guest clicks, the shopper buys; then it turns out who the guest is.
SELECT pg_temp.t('Open', 11, 'x', '2024-06-01 10:00', 'anna'), pg_temp.o('Open', 10, 'i1', '2024-06-02');
SELECT pg_temp.shares('i1');
SELECT status, person = pg_temp.visitor(10) AS is_shopper FROM influence.identify(pg_temp.visitor(11), pg_temp.visitor(10));
SELECT status, person = pg_temp.visitor(10) AS is_shopper FROM influence.identify(pg_temp.visitor(11), pg_temp.visitor(10));
SELECT pg_temp.job();
SELECT pg_temp.shares('i1'), pg_temp.net('i1');
-- the same touch_ref of both visitors is two touches, and the later one wins by time
SELECT pg_temp.t('Open', 10, 'x', '2024-06-01 11:00', 'bert');
SELECT pg_temp.job();
SELECT pg_temp.shares('i1');
-- a chain: 12 is 13, 13 is 10; the other way round is said already, and 11 cannot be somebody else
SELECT (influence.identify(pg_temp.visitor(12), pg_temp.visitor(13))).status, (influence.identify(pg_temp.visitor(13), pg_temp.visitor(10))).status;
SELECT (influence.identify(pg_temp.visitor(10), pg_temp.visitor(12))).status, (influence.identify(pg_temp.visitor(12), pg_temp.visitor(11))).status, (influence.identify(pg_temp.visitor(12), pg_temp.visitor(12))).status;
SELECT * FROM pg_temp.not_refused('IN004', 'identify(pg_temp.visitor(11), pg_temp.visitor(20))');
SELECT * FROM pg_temp.not_refused('IN002', 'identify(NULL, pg_temp.visitor(20))', 'identify(pg_temp.visitor(20), NULL)');
SELECT visitor_id, shopper_id FROM influence.visitor_alias ORDER BY 1;
-- what is a person's is the person's: order and return under any of its visitors
SELECT pg_temp.o('Open', 12, 'i1', '2024-06-02');
SELECT status FROM influence.record_return(1, pg_temp.visitor(11), 'i1', 1, 'r', amount => 500, returned_at => '2024-06-03');
SELECT status FROM influence.record_return(1, pg_temp.visitor(13), 'i1', 1, 'r', amount => 500, returned_at => '2024-06-03');
SELECT pg_temp.net('i1');
SELECT status FROM influence.record_return(1, pg_temp.visitor(13), 'i2', 1, 'r', amount => 500, returned_at => '2024-06-03');
SELECT pg_temp.o('Open', 12, 'i2', '2024-06-02'), pg_temp.net('i2');
SELECT * FROM pg_temp.not_refused('IN004', $$record_return(1, pg_temp.visitor(20), 'i1', 1, 'r', amount => 500, returned_at => '2024-06-03')$$);
-- who turns out to be anna herself was no buyer of hers
SELECT pg_temp.t('Open', 14, 'own', '2024-06-01 10:00', 'anna'), pg_temp.o('Open', 14, 'i3', '2024-06-02');
SELECT pg_temp.net('i3');
SELECT (influence.identify(pg_temp.visitor(14), pg_temp.visitor(900))).status;
SELECT pg_temp.job();
SELECT pg_temp.shares('i3'), pg_temp.net('i3');
SELECT verdict, detail FROM influence.explain_missing_sale(1, pg_temp.creator('anna'), 'i3');

-- Orders by COPY, locked or not: attributed and booked by the job, with the returns that waited.
SELECT pg_temp.t('Locked', 15, 'a', '2024-06-01 10:00', 'anna');
SELECT status FROM influence.record_return(2, pg_temp.visitor(15), 'k1', 1, 'r', amount => 400, returned_at => '2024-06-03');
COPY influence.orders (visitor_id, program_id, order_ref, ordered_at, currency, content_hash) FROM STDIN;
00000000-0000-0000-0000-000000000015	2	k1	2024-06-02	USD	\\x00
\.
SELECT pg_temp.job();
COPY influence.order_line (visitor_id, program_id, order_ref, line_no, product_id, category_path, quantity, paid_price, base_amount) FROM STDIN;
00000000-0000-0000-0000-000000000015	2	k1	1	1	{1}	1	1000	1000
00000000-0000-0000-0000-000000000015	2	k1	2	2	{1}	1	500	500
\.
SELECT check_name, subject FROM influence.check_books();
SELECT line_no, verdict FROM influence.explain_attribution(2, 'k1') WHERE touch_ref IS NULL;
SELECT pg_temp.job();
SELECT pg_temp.shares('k1'), pg_temp.net('k1');
COPY influence.order_line (visitor_id, program_id, order_ref, line_no, product_id, category_path, quantity, paid_price, base_amount) FROM STDIN;
00000000-0000-0000-0000-000000000015	2	k1	3	1	{1}	1	100	100
\.
SELECT pg_temp.t('Locked', 15, 'b', '2024-06-01 12:00', 'bert');
SELECT pg_temp.job();
SELECT pg_temp.shares('k1'), pg_temp.net('k1');
-- touches by COPY as well; one whose person cannot be attributed waits with its error, the others go on
COPY influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id) FROM STDIN;
00000000-0000-0000-0000-000000000003	2024-06-01 12:00	copied	1	click	3
\.
INSERT INTO influence.orders (visitor_id, program_id, order_ref, ordered_at, currency, content_hash) VALUES (pg_temp.visitor(16), 1, 'far', '294270-01-01', 'USD', '');
INSERT INTO influence.order_line (visitor_id, program_id, order_ref, line_no, product_id, category_path, quantity, paid_price, base_amount) VALUES (pg_temp.visitor(16), 1, 'far', 1, 1, '{1}', 1, 1, 1);
SELECT pg_temp.job();
SELECT pg_temp.shares('o3');
SELECT visitor_id, failures, error FROM influence.reattribution;

-- What else is asked: explain_missing_sale
SELECT x.* FROM (VALUES (1, 'nothing', 'anna'), (1, 'o1', 'eve'), (1, 'i2', 'bert'), (4, 'l2', 'anna')) q(program, ref, creator), influence.explain_missing_sale(q.program, pg_temp.creator(q.creator), q.ref) x;
SELECT pg_temp.t('Open', 30, 'old', '2023-01-01', 'anna'), pg_temp.t('Open', 30, 'mid', '2023-02-01', 'bert'), pg_temp.t('Open', 30, 'after', '2024-06-03', 'cleo'), pg_temp.o('Open', 30, 'm1', '2024-06-02');
SELECT c.creator_ref, x.* FROM influence.creator c, influence.explain_missing_sale(1, c.creator_id, 'm1') x ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN003', $$explain_missing_sale(99, 1, 'x')$$, $$explain_missing_sale(1, 99, 'x')$$, $$reattribute(1, 'nothing')$$, $$reattribute(99, 'o1')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$explain_missing_sale(1, 1, NULL)$$, $$reattribute(1, NULL)$$);

-- The proof, and that it sees what is wrong.
DELETE FROM influence.order_line WHERE order_ref = 'far';
DELETE FROM influence.orders WHERE order_ref = 'far';
SELECT pg_temp.job();
SELECT count(*) AS waiting FROM influence.reattribution;
SELECT * FROM influence.check_books();
BEGIN;
UPDATE influence.credit SET superseded_by = now() WHERE order_ref = 'o4';
SELECT check_name, subject FROM influence.check_books();
ROLLBACK;
BEGIN;
UPDATE influence.credit SET superseded_by = NULL WHERE order_ref = 'o1' AND revision = 0;
SELECT check_name, subject, expected, found FROM influence.check_books();
ROLLBACK;
BEGIN;
UPDATE influence.earning SET rate = 0.2 WHERE order_ref = 'o1' AND revision = 1 AND creator_id = pg_temp.creator('anna');
UPDATE influence.earning SET base = base + 1 WHERE order_ref = 'o2' AND revision = 1 AND creator_id = pg_temp.creator('anna') AND kind = 'commission';
SELECT check_name, subject FROM influence.check_books();
ROLLBACK;
