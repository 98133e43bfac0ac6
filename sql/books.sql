--
-- check_books() finds each kind of damage, and nothing else: every corruption
-- below, made by a superuser and rolled back, gives exactly its row.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

-- Two programs. In the first: order a with a commission that is paid, b with one that is reserved, c by a creator who is
-- not admitted (commission 0) with a return, d without a creator, returned whole, e not paid yet.
SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{"hold": "0"}');
SELECT pg_temp.new_program('Other', 'EUR', 'UTC', '{}', '{"hold": "0"}');
SELECT pg_temp.new_creator('anna');
SELECT pg_temp.new_creator('bert');
SELECT status FROM influence.register_creator('eve', 'Eve');
SELECT category_id FROM influence.create_category('all');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 1);
SELECT count(*) FROM influence.program p, influence.set_commission_rate(p.program_id, 0.1, valid_from => '2020-01-01');
SELECT count(*) FROM (VALUES (1, 1, 'anna'), (2, 1, 'bert'), (3, 1, 'eve'), (5, 1, 'anna'), (6, 2, 'anna')) t(v, program, seller),
	influence.record_touch(program, pg_temp.visitor(v), 't', 'click', pg_temp.creator(seller), CASE WHEN v < 5 THEN '2024-05-01'::timestamptz ELSE '2024-06-01' END);
SELECT ref, o.commission FROM (VALUES (1, 1, 'a', '2024-05-02'), (2, 1, 'b', '2024-05-02'), (3, 1, 'c', '2024-05-02'), (4, 1, 'd', '2024-05-02'), (5, 1, 'e', '2024-06-02'), (6, 2, 'f', '2024-06-02')) t(v, program, ref, at),
	influence.record_order(program, pg_temp.visitor(v), ref, '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', at::timestamptz + interval '12 hours') o ORDER BY 1;
SELECT count(*) FROM influence.run_payouts(1, '2024-05', '2024-06-01'), influence.confirm_payout(1, pg_temp.creator('anna'), '2024-05', 'SEPA', paid_at => '2024-06-02');
SELECT status FROM influence.record_return(1, pg_temp.visitor(3), 'c', 1, 'r', amount => 300, returned_at => '2024-06-01');
SELECT status FROM influence.record_return(1, pg_temp.visitor(4), 'd', 1, 'r', 1, returned_at => '2024-06-01');
SELECT state, amount FROM influence.payout ORDER BY 1;
SELECT count(*) AS violations FROM influence.check_books();
SELECT * FROM pg_temp.not_refused('IN003', 'check_books(99)');

-- what the books say of a damage; nothing of it stays
CREATE FUNCTION pg_temp.damaged(statement text, program bigint DEFAULT NULL) RETURNS TABLE (check_name text, subject text, expected text, found text) LANGUAGE plpgsql AS $$
DECLARE
	rows jsonb;
	damaged bigint;
BEGIN
	BEGIN
		EXECUTE statement;
		GET DIAGNOSTICS damaged = ROW_COUNT;
		IF damaged <> 1 THEN
			RAISE EXCEPTION '% rows damaged', damaged;
		END IF;
		SELECT coalesce(jsonb_agg(to_jsonb(b)), '[]') INTO rows FROM influence.check_books(program) b;
		RAISE EXCEPTION USING ERRCODE = 'ZZ000';
	EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
		NULL;
	END;
	RETURN QUERY SELECT r.check_name, regexp_replace(r.subject, '[0-9a-f]{8}-[0-9a-f-]{27}', 'V'), r.expected, r.found
	FROM jsonb_to_recordset(rows) r(check_name text, subject text, expected text, found text);
END $$;

-- the same without triggers, which keep foreign keys
CREATE FUNCTION pg_temp.orphaned(statement text) RETURNS TABLE (check_name text, subject text, expected text, found text) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	RETURN QUERY SELECT * FROM pg_temp.damaged(statement);
	SET LOCAL session_replication_role = DEFAULT;
END $$;

-- a credit that is not its line's share
SELECT * FROM pg_temp.damaged($$UPDATE influence.credit SET credit = 999 WHERE order_ref = 'd'$$);
-- a credited creator without an earning
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.earning WHERE order_ref = 'c' AND kind = 'commission'$$);
-- an earning of somebody who was not credited
SELECT * FROM pg_temp.damaged($$INSERT INTO influence.earning (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq, base, rounding, amount, currency, ordered_at, occurred_at, available_at, payout_policy_version, hold_reason)
	SELECT visitor_id, program_id, order_ref, line_no, 2, kind, seq, 0, rounding, 0, currency, ordered_at, occurred_at, available_at, payout_policy_version, 'no_rate' FROM influence.earning WHERE order_ref = 'a'$$);
-- a commission that is not its base at the rate it names
SELECT * FROM pg_temp.damaged($$UPDATE influence.earning SET rate = 0.2 WHERE order_ref = 'e'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.earning SET rate = 0.1005 WHERE order_ref = 'e'$$);
-- a clawback that is missing, or too great
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.earning WHERE order_ref = 'c' AND kind = 'clawback'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.earning SET base = base - 1 WHERE order_ref = 'c' AND kind = 'clawback'$$);
-- more came back than was bought
SELECT * FROM pg_temp.damaged($$UPDATE influence.order_return SET amount = 1001 WHERE order_ref = 'd'$$);
-- an order of two people
SELECT * FROM pg_temp.damaged($$INSERT INTO influence.orders (visitor_id, program_id, order_ref, ordered_at, currency, content_hash) SELECT pg_temp.visitor(9), program_id, order_ref, ordered_at, currency, content_hash FROM influence.orders WHERE order_ref = 'a'$$);
-- a return that waits for nothing
SELECT * FROM pg_temp.damaged($$INSERT INTO influence.order_return (visitor_id, program_id, order_ref, line_no, return_ref, kind, amount, returned_at, state, stated) SELECT visitor_id, program_id, order_ref, line_no, 'x', kind, 1, returned_at, 'parked', stated FROM influence.order_return WHERE order_ref = 'd'$$);
-- an earning that the ledger lacks, has twice as high, or in another currency or from another day on
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.ledger WHERE order_ref = 'e'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET amount = 200 WHERE order_ref = 'e'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET currency = 'USD' WHERE order_ref = 'e'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET available_at = available_at + interval '1 second' WHERE order_ref = 'e'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET debit_account = 'payable', credit_account = 'expense' WHERE order_ref = 'e'$$);
-- money that nobody earned
SELECT * FROM pg_temp.damaged($$INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency, occurred_at, available_at, source)
	VALUES (2, 1, 'gift', 'commission', 'expense', 'payable', 5, 'EUR', '2024-06-01', '2024-06-01', 'line')$$);
-- a payout that is not the sum of its lines, and a line that is not its entry
SELECT * FROM pg_temp.damaged($$UPDATE influence.payout SET entry_nos = array_append(entry_nos, -1) WHERE party_id = pg_temp.creator('bert')$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.payout SET amount = amount + 1 WHERE party_id = pg_temp.creator('bert')$$);
SELECT * FROM pg_temp.damaged($$WITH p AS (INSERT INTO influence.payout (party_id, program_id, currency, period, state, amount, entry_nos, run_at, payout_policy_version) SELECT 2, 1, 'EUR', '2024-01', 'reserved', 5, p.entry_nos, '2024-06-02', 1 FROM influence.payout p WHERE p.party_id = 2)
	INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency, occurred_at, available_at, source) VALUES (2, 1, 'payout/2024-01/EUR/reserve', 'payout_reserve', 'payable', 'reserved', 5, 'EUR', '2024-02-01', '2024-02-01', 'payout')$$);
-- paid before its time
SELECT * FROM pg_temp.damaged($$UPDATE influence.payout SET run_at = '2024-05-02' WHERE party_id = pg_temp.creator('bert')$$);
-- a payout that was not booked, paid or reserved for nobody, an account below zero
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.ledger WHERE kind = 'payout_reserve' AND party_id = pg_temp.creator('bert')$$);
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.ledger WHERE kind = 'payout_paid'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET amount = 99 WHERE kind = 'payout_paid'$$);
SELECT * FROM pg_temp.damaged($$INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency, occurred_at, available_at, source)
	VALUES (2, 1, 'payout/2024-01/EUR/reserve', 'payout_reserve', 'payable', 'reserved', 5, 'EUR', '2024-02-01', '2024-02-01', 'payout')$$);
SELECT * FROM pg_temp.damaged($$INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency, occurred_at, available_at, source)
	VALUES (2, 1, 'x', 'correction', 'reserved', 'paid', 101, 'EUR', '2024-06-01', '2024-06-01', 'adjustment')$$);
-- What foreign keys see to in a server that runs with them: rows that refer to nothing, as a restore without triggers may leave them. Every other proof is a join.
SELECT * FROM pg_temp.orphaned($$DELETE FROM influence.order_line WHERE order_ref = 'e'$$);
SELECT * FROM pg_temp.orphaned($$DELETE FROM influence.orders WHERE order_ref = 'e'$$);
SELECT * FROM pg_temp.orphaned($$DELETE FROM influence.program WHERE program_id = 2$$);
SELECT * FROM pg_temp.orphaned($$DELETE FROM influence.payout_policy WHERE program_id = 2$$);
SELECT * FROM pg_temp.orphaned($$DELETE FROM influence.commission_policy WHERE program_id = 2$$);
SELECT * FROM pg_temp.orphaned($$DELETE FROM influence.attribution_policy WHERE program_id = 2$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.payout SET payout_policy_version = 9 WHERE party_id = pg_temp.creator('bert')$$);
-- an entry of another kind, time, order or person than its earning; one that is no order's and names one
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET kind = 'clawback_correction' WHERE order_ref = 'e'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET occurred_at = occurred_at - interval '1 month' WHERE order_ref = 'e'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET order_ref = 'b' WHERE order_ref = 'e'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET line_no = NULL WHERE order_ref = 'e'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET visitor_id = pg_temp.visitor(8) WHERE order_ref = 'e'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET order_ref = 'e', line_no = 1 WHERE kind = 'payout_paid'$$);
-- an earning in another month than its order; a clawback at another time than its return
SELECT * FROM pg_temp.damaged($$UPDATE influence.earning SET ordered_at = ordered_at - interval '1 month' WHERE order_ref = 'f'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.order_return SET returned_at = returned_at + interval '1 month' WHERE order_ref = 'c'$$);
-- a return that is another amount in the order's currency, by which what is left is counted
SELECT * FROM pg_temp.damaged($$UPDATE influence.order_return SET order_amount = 200 WHERE order_ref = 'c'$$);
-- a rate that is not for the line, or its creator; a replacement of nothing
SELECT * FROM pg_temp.damaged($$UPDATE influence.commission_rate SET creator_id = 3 WHERE program_id = 2$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.commission_rate SET country = 'DE' WHERE program_id = 2$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.earning SET hold_reason = 'replacement' WHERE order_ref = 'c' AND kind = 'commission'$$);
-- what the bank said, and when
SELECT * FROM pg_temp.damaged($$UPDATE influence.payout SET bank_ref = 'SEPA 2' WHERE state = 'paid'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET occurred_at = occurred_at + interval '1 day' WHERE kind = 'payout_paid'$$);
-- a payout without an account, where one is demanded
SELECT * FROM pg_temp.damaged($$UPDATE influence.payout_policy SET demands_destination = true WHERE program_id = 1$$) ORDER BY 2;
-- a closing that was taken away after it was printed, and its balances
SELECT check_name, subject FROM pg_temp.damaged($$WITH s AS (UPDATE influence.statement SET closing_hash = sha256('closing') WHERE statement_no = 1 RETURNING *) INSERT INTO influence.closed_balance (party_id, program_id, period, currency, entry_count, opening, closing, not_due, due_30, due_60, due_90, due_older, reserved, digest)
	SELECT s.party_id, 1, '2024-05', 'EUR', 0, 0, 0, 0, 0, 0, 0, 0, 0, sha256('') FROM s$$);
-- each program's books are its own
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.ledger WHERE order_ref = 'f'$$, 1);
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.ledger WHERE order_ref = 'f'$$, 2);
SELECT count(*) AS violations FROM influence.check_books();

-- The answer depends on no plan: tables that nobody has analyzed, and the same analyzed; without nested loops, as check_books() has it, and with nothing else.
BEGIN;
UPDATE influence.credit SET credit = 999 WHERE order_ref = 'd';
DELETE FROM influence.earning WHERE order_ref = 'c' AND kind = 'clawback';
UPDATE influence.ledger SET amount = 200 WHERE order_ref = 'e';
UPDATE influence.payout SET entry_nos = array_append(entry_nos, -1), run_at = '2024-05-02' WHERE party_id = pg_temp.creator('bert');
CREATE TEMP VIEW answer AS SELECT count(*) AS violations, count(DISTINCT b.check_name) AS kinds, md5(string_agg(b::text, E'\n' ORDER BY b::text COLLATE "C")) AS hash FROM influence.check_books() b;
DELETE FROM pg_statistic WHERE starelid IN (SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'influence'::regnamespace);
UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relnamespace = 'influence'::regnamespace AND relkind = 'r';
DISCARD PLANS;
CREATE TEMP TABLE answers ON COMMIT DROP AS SELECT 'not analyzed' AS tables, 'joins by hash or order' AS plans, * FROM answer;
ANALYZE influence.orders, influence.order_line, influence.order_return, influence.credit, influence.earning, influence.ledger, influence.payout, influence.program, influence.creator;
DISCARD PLANS;
INSERT INTO answers SELECT 'analyzed', 'joins by hash or order', * FROM answer;
ALTER FUNCTION influence.check_books(bigint) SET enable_nestloop = on;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
DISCARD PLANS;
INSERT INTO answers SELECT 'analyzed', 'nested loops', * FROM answer;
DELETE FROM pg_statistic WHERE starelid IN (SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'influence'::regnamespace);
UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relnamespace = 'influence'::regnamespace AND relkind = 'r';
DISCARD PLANS;
INSERT INTO answers SELECT 'not analyzed', 'nested loops', * FROM answer;
SELECT tables, plans, violations, kinds, hash = first_value(hash) OVER () AS same FROM answers;
ROLLBACK;

-- Earnings that came in by COPY are booked by book_earnings(), once.
BEGIN;
DELETE FROM influence.ledger WHERE order_ref IN ('e', 'f');
UPDATE influence.earning SET xact = DEFAULT WHERE order_ref IN ('e', 'f');
SELECT count(*) AS violations FROM influence.check_books();
COMMIT;
SELECT status, booked FROM influence.book_earnings();
SELECT count(*) AS violations FROM influence.check_books();
SELECT status, booked FROM influence.book_earnings();
-- An entry has a number of its own: a second one of that number is refused, also where the sequence begins anew, as in a copy that
-- logical replication made. No order is recorded without its entry, in the short way or the long one.
SELECT left(pg_temp.error_of($$UPDATE influence.ledger SET entry_no = (SELECT min(entry_no) FROM influence.ledger) WHERE kind = 'payout_paid'$$), 5) AS refused;
SELECT setval(pg_get_serial_sequence('influence.ledger', 'entry_no'), (SELECT min(entry_no) FROM influence.ledger), false) = 1 AS anew;
SELECT left(pg_temp.refused($$record_order(1, pg_temp.visitor(5), 'g', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-06-03')$$), 5) AS short;
SELECT setval(pg_get_serial_sequence('influence.ledger', 'entry_no'), (SELECT min(entry_no) FROM influence.ledger), false) = 1 AS anew;
SELECT left(pg_temp.refused($$record_order(1, pg_temp.visitor(5), 'h', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-06-03', details => '{"coupon": "NONE"}')$$), 5) AS long;
SELECT setval(pg_get_serial_sequence('influence.ledger', 'entry_no'), (SELECT max(entry_no) FROM influence.ledger)) > 1 AS mended;
SELECT status, commission FROM influence.record_order(1, pg_temp.visitor(5), 'g', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-06-03');
SELECT count(*) AS violations FROM influence.check_books();
-- two people's order, which can only come by COPY, has to be named with its visitor
INSERT INTO influence.orders (visitor_id, program_id, order_ref, ordered_at, currency, content_hash) SELECT pg_temp.visitor(9), program_id, order_ref, ordered_at, currency, content_hash FROM influence.orders WHERE order_ref = 'a';
SELECT * FROM pg_temp.not_refused('IN002', $$explain_attribution(1, 'a')$$, $$explain_commission(1, 'a')$$);
SELECT credit, verdict FROM influence.explain_attribution(1, 'a', pg_temp.visitor(1));
