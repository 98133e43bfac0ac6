--
-- Closings: what is in them and what they say by age, late entries, the reserve
-- for returns, the chain of hashes, statements of closed months, refusals.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

-- 10 %, 30 days of hold, months of Berlin; another program between whose entries ours lie.
SELECT pg_temp.new_program('Shop', 'EUR', 'Europe/Berlin', '{}', '{"hold": "30 days"}');
SELECT pg_temp.new_program('Other', 'EUR', 'UTC', '{}', '{"hold": "30 days"}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert}'::text[]) c;
SELECT category_id FROM influence.create_category('all');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 1);
SELECT count(*) FROM influence.program p, influence.set_commission_rate(p.program_id, 0.1, valid_from => '2020-01-01');
CREATE FUNCTION pg_temp.sell(program bigint, ref text, seller text, at timestamptz, price bigint DEFAULT 10000) RETURNS text LANGUAGE sql AS $$
	SELECT o.status || ' ' || o.commission
	FROM md5(ref) h, LATERAL (SELECT h::uuid) v(visitor),
		influence.record_touch(program, v.visitor, ref, 'click', pg_temp.creator(seller), at) t,
		influence.record_order(program, v.visitor, ref, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', 'lamp', 'quantity', 1, 'paid_price', price)), at) o
	WHERE t.status IS NOT NULL $$;
CREATE FUNCTION pg_temp.take_back(program bigint, ref text, at timestamptz, amount bigint) RETURNS text LANGUAGE sql AS $$
	SELECT status || ' ' || clawed_back FROM influence.record_return(program, md5(ref)::uuid, ref, 1, 'r', amount => amount, returned_at => at) $$;
CREATE FUNCTION pg_temp.close(program bigint, month text) RETURNS TABLE (status text, entries bigint, parties bigint, return_rate numeric, return_reserve jsonb) LANGUAGE sql AS $$
	SELECT c.status, c.entries, c.parties, c.return_rate, c.return_reserve
	FROM influence.settle_tiers(program) s, influence.close_period(program, month, actor => 'ops') c WHERE s.status IS NOT NULL $$;
CREATE FUNCTION pg_temp.kept(month text) RETURNS TABLE (party bigint, currency text, entries bigint, opening numeric, closing numeric, not_due numeric, d30 numeric, d60 numeric, d90 numeric, older numeric, reserved numeric) LANGUAGE sql AS $$
	SELECT party_id, currency, entry_count, opening, closing, not_due, due_30, due_60, due_90, due_older, reserved FROM influence.closed_balance WHERE program_id = 1 AND period = month ORDER BY 1, 2 $$;

-- From the old books: 5.00 of December (available at once), a debt of bert of 3.00, yen. January: a1 and, in the other
-- program, o1. The last microsecond of January is still January, the next is February's.
SELECT status, booked FROM influence.import_balance(1, 1, 500, 'old', '2023-12-31', actor => 'ops');
SELECT status, booked FROM influence.import_balance(1, 2, -300, 'old', '2023-12-31', actor => 'ops');
SELECT status, booked FROM influence.import_balance(1, 1, 9223372036854775807, 'yen', '2023-12-31', 'JPY', '2024-06-01', actor => 'ops');
SELECT pg_temp.sell(1, 'a1', 'anna', '2024-01-05 12:00'), pg_temp.sell(2, 'o1', 'anna', '2024-01-06'), pg_temp.sell(1, 'a2', 'anna', '2024-01-31 22:59:59.999999'), pg_temp.sell(1, 'b1', 'bert', '2024-01-31 23:00', 20000);

-- Not before the jobs have done their work, not out of order, not before the month is over.
SELECT pg_temp.refused($$close_period(1, '2024-01', '2024-01-31 22:59:59.999999')$$);
SELECT pg_temp.refused($$close_period(1, '2024-01')$$);
SELECT * FROM influence.close_period(1, '2023-12', actor => 'ops') WHERE status IS NULL;
SELECT pg_temp.refused($$close_period(1, '2024-01')$$);
SELECT status FROM influence.settle_tiers();
-- an earning that came by COPY and is not booked: as if it had lost its entry
BEGIN;
DELETE FROM influence.ledger WHERE order_ref = 'a1';
SELECT pg_temp.refused($$close_period(1, '2024-01')$$);
ROLLBACK;
SELECT * FROM pg_temp.not_refused('IN002', $$close_period(1, '2024-13')$$, $$close_period(1, NULL)$$, $$close_period(1, '2023-12', NULL)$$, $$close_period(1, '2023-12', 'infinity')$$, $$close_period(1, '2023-12', now(), '')$$, $$close_period(NULL, '2023-12')$$,
	$$accrual_ageing(1, NULL)$$, $$accrual_ageing(1, 'infinity')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$close_period(9, '2023-12')$$, $$accrual_ageing(9)$$);
SELECT * FROM pg_temp.not_refused('IN005', $$close_period(1, '2100-01')$$, $$close_period(1, '2023-12', '2100-01-01')$$);
SELECT * FROM pg_temp.close(1, '2023-12');
SELECT * FROM pg_temp.kept('2023-12');
SELECT * FROM pg_temp.close(1, '2024-01');
SELECT * FROM pg_temp.close(1, '2024-01');
SELECT * FROM pg_temp.kept('2024-01');

-- February: half of a1 comes back (after its hold, 02-04 12:00), a payout, which takes from the oldest; bert sells.
-- Late: an order of January that the service sends after the closing.
SELECT pg_temp.take_back(1, 'a1', '2024-02-10', 5000);
SELECT pg_temp.sell(1, 'late', 'anna', '2024-01-20');
SELECT status, payouts, amount FROM influence.run_payouts(1, '2024-01', '2024-02-12');
SELECT pg_temp.sell(1, 'a3', 'anna', '2024-02-20'), pg_temp.sell(2, 'o2', 'bert', '2024-02-20');
-- before the closing, February shows what is late as January's closing left it
SELECT s.entry_no, s.occurred_at, s.kind, s.order_ref, s.amount, s.balance, s.note FROM influence.creator_statement(1, 1, '2024-02') s;
SELECT * FROM pg_temp.close(1, '2024-02');
SELECT * FROM pg_temp.kept('2024-02');
-- by age, live: the same as of the same moment
SELECT party_id, currency, balance, not_due, due_30, due_60, due_90, due_older, reserved FROM influence.accrual_ageing(1, '2024-02-29 23:00');
SELECT s.entry_no, s.occurred_at, s.kind, s.order_ref, s.amount, s.balance, regexp_replace(s.note, '[0-9a-f]{64}', 'HASH', 'g') AS note FROM influence.creator_statement(1, 1, '2024-01') s;
SELECT s.entry_no, s.occurred_at, s.kind, s.order_ref, s.amount, s.balance, regexp_replace(s.note, '[0-9a-f]{64}', 'HASH', 'g') AS note FROM influence.creator_statement(1, 1, '2024-02') s;
SELECT s.entry_no, s.kind, s.amount, s.balance, s.currency FROM influence.creator_statement(1, 1, '2024-02', 'JPY') s;
-- of the lines whose hold ended until the end of February (a1, a2: 02-04 and 03-01 ... only a1 and the late one, 02-19):
-- 5.00 of 20.00; a2, a3 and b1 are not available: 10.00 + 10.00 + 20.00, a quarter of them
SELECT return_rate, return_reserve FROM influence.closed_period WHERE program_id = 1 AND period = '2024-02';
-- Each currency by itself: were the late one and b1 of yen, and a3 of pounds, of which nothing is known, a1 alone would say how much of a2 comes
-- back: 5.00 of 10.00; of yen nothing came back.
BEGIN;
UPDATE influence.earning SET currency = CASE order_ref WHEN 'a3' THEN 'GBP' ELSE 'JPY' END WHERE order_ref IN ('late', 'b1', 'a3');
UPDATE influence.ledger SET currency = CASE order_ref WHEN 'a3' THEN 'GBP' ELSE 'JPY' END WHERE order_ref IN ('late', 'b1', 'a3') AND source = 'line';
SELECT * FROM influence_internal.return_rate(1, '2023-02-28 23:00+00', '2024-02-29 23:00+00');
ROLLBACK;
SELECT * FROM influence_internal.return_rate(1, '2023-02-28 23:00+00', '2024-02-29 23:00+00');
SELECT count(*) AS violations FROM influence.check_books();

-- A month without entries may be left out (March, April); what is late then belongs to May. A month before the last
-- closing cannot be closed any more. An empty month may be closed, too.
SELECT pg_temp.sell(1, 'later', 'bert', '2024-02-25');
SELECT * FROM pg_temp.close(1, '2024-05');
SELECT * FROM pg_temp.kept('2024-05');
SELECT pg_temp.refused($$close_period(1, '2024-04')$$);
SELECT s.kind, s.amount, s.balance, s.note IS NULL AS open FROM influence.creator_statement(1, 2, '2024-04') s;
SELECT s.kind, s.occurred_at, s.amount, s.balance FROM influence.creator_statement(1, 2, '2024-05') s;
SELECT s.kind, s.amount, s.balance FROM influence.creator_statement(1, 2, '2024-07') s;
SELECT * FROM pg_temp.close(1, '2024-06');
SELECT sum(entry_count) AS closed, (SELECT count(*) FROM influence.ledger WHERE program_id = 1) AS entries FROM influence.closed_period WHERE program_id = 1;
SELECT count(*) AS violations FROM influence.check_books();

-- The chain: each closing knows the one before; the hash by hand, from what COPY would write.
SELECT p.period, p.previous_hash IS NOT DISTINCT FROM lag(p.hash) OVER (ORDER BY p.period) AS chained,
	p.hash = sha256(convert_to(concat_ws(E'\t', coalesce(encode(p.previous_hash, 'hex'), '\N'), p.program_id, p.period, p.closed_at, p.closed_by, p.entry_count, coalesce(p.return_rate::text, '\N'), p.return_reserve) || E'\n'
		|| coalesce((SELECT string_agg(concat_ws(E'\t', b.party_id, b.currency, b.entry_count, b.opening, b.closing, b.not_due, b.due_30, b.due_60, b.due_90, b.due_older, b.reserved, encode(b.digest, 'hex')) || E'\n', '' ORDER BY b.party_id, b.currency COLLATE "C")
			FROM influence.closed_balance b WHERE b.program_id = p.program_id AND b.period = p.period), ''), 'UTF8')) AS right
FROM influence.closed_period p WHERE p.program_id = 1 ORDER BY 1;

-- What is changed afterwards is found. Each damage gives its rows, and is undone.
CREATE FUNCTION pg_temp.damaged(statement text) RETURNS TABLE (check_name text, subject text) LANGUAGE plpgsql AS $$
DECLARE
	rows jsonb;
	damaged bigint;
BEGIN
	BEGIN
		EXECUTE statement;
		GET DIAGNOSTICS damaged = ROW_COUNT;
		IF damaged = 0 THEN
			RAISE EXCEPTION 'nothing damaged';
		END IF;
		SELECT coalesce(jsonb_agg(to_jsonb(b)), '[]') INTO rows FROM influence_internal.check_closings(1) b;
		RAISE EXCEPTION USING ERRCODE = 'ZZ000';
	EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
		NULL;
	END;
	RETURN QUERY SELECT r.check_name, r.subject FROM jsonb_to_recordset(rows) r(check_name text, subject text);
END $$;
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET amount = 501 WHERE entry_key = 'opening/old' AND party_id = 1$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET note = 'x' WHERE entry_key = 'opening/old' AND party_id = 1$$);
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.ledger WHERE order_ref = 'b1'$$);
SELECT * FROM pg_temp.damaged($$ALTER TABLE influence.ledger DROP CONSTRAINT ledger_entry_no_key;
	INSERT INTO influence.ledger (party_id, program_id, entry_key, entry_no, kind, debit_account, credit_account, amount, currency, occurred_at, available_at, source)
	SELECT party_id, program_id, 'twin', entry_no, kind, debit_account, credit_account, amount, currency, occurred_at, available_at, source FROM influence.ledger WHERE order_ref = 'a1' AND kind = 'commission'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.closed_balance SET not_due = not_due - 1, due_older = due_older + 1 WHERE period = '2024-01' AND party_id = 1 AND currency = 'EUR'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.closed_balance SET opening = 0 WHERE period = '2024-06' AND party_id = 2$$);
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.closed_balance WHERE period = '2024-06' AND party_id = 2$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.closed_period SET closed_by = 'nobody' WHERE period = '2024-05'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.closed_period SET entry_count = 2 WHERE period = '2024-06'$$);
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.closed_period WHERE period = '2024-05'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.closed_period SET entries = entries + (SELECT entries FROM influence.closed_period WHERE period = '2024-01') WHERE period = '2024-05'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.closed_period SET hash = sha256('') WHERE period = '2024-06'$$);
SELECT count(*) AS violations FROM influence.check_books();
-- nobody's business but a superuser's
SET ROLE influence_owner;
SELECT pg_temp.error_of(s) FROM unnest('{UPDATE influence.closed_period SET entry_count = 1,DELETE FROM influence.closed_balance,DELETE FROM influence.adjustment,UPDATE influence.ledger SET amount = 1}'::text[]) s;
RESET ROLE;

-- A closed month is corrected by an adjustment, which the next closing has.
SELECT status FROM influence.record_adjustment(1, 1, 250, 'case 1', 'a2 was 25.00 more', for_period => '2024-01', actor => 'ops');

-- By age. A balance of 100 of which came in: 40 not due, 20 / 10 / 30 by 30, 60, 90 days, 50 older, and 50 were paid;
-- what was paid takes the oldest, what a class was taken back more than came in, too; below zero it is not due.
SELECT v.*, a.* FROM (VALUES ('paid from the oldest', 100, 40, 20, 10, 30), ('all paid but the youngest', 30, 40, 20, 10, 30), ('nothing is left', 0, 40, 20, 10, 30), ('a debt', -5, 40, 20, 10, 30), ('taken back in a class', 100, 40, -20, 60, 30),
	('older only', 100, 0, 0, 0, 0), ('exactly', 100, 40, 20, 10, 30), ('a debt in the youngest', 10, -90, 0, 10, 0)) v(what, balance, n0, n30, n60, n90),
	influence_internal.age_balance(v.balance, v.n0, v.n30, v.n60, v.n90) a;
-- the borders: available now, 30, 60, 90 days before, each a microsecond later (1, 1000, ...), exactly, and one earlier
SELECT count(i.*) FROM generate_series(0, 3) d CROSS JOIN generate_series(0, 2) us CROSS JOIN LATERAL influence.import_balance(2, 2, (10 ^ (3 * d + us))::bigint, format('%s %s', d, us),
	'2020-01-01', available_at => '2024-06-30'::timestamptz - d * interval '720 hours' - (us - 1) * interval '1 microsecond', actor => 'ops') i;
SELECT balance, not_due, due_30, due_60, due_90, due_older FROM influence.accrual_ageing(2, '2024-06-30') WHERE party_id = 2;

-- Numbers of entries: islands, where ours lie between others'; the ranges of many of them reach over the others', but not
-- over a number that nobody has, nor over an entry that is in another closing.
TRUNCATE influence.closed_period, influence.closed_balance;
SELECT influence_internal.closing_entries(1, '1999-01-01', '2000-01-01', '{}') AS none, influence_internal.closing_entries(1, '1999-01-01', '2000-01-01', '{7,9,8,11}') AS late;
INSERT INTO influence.ledger (party_id, program_id, entry_key, entry_no, kind, debit_account, credit_account, amount, currency, occurred_at, available_at, source)
SELECT 1, 1 + n % 2, 'many ' || n, 1000000 + n, 'commission', 'expense', 'payable', 1, 'EUR', CASE WHEN n = 12000 THEN '2020-02-15' WHEN n = 30000 THEN '2020-02-16' ELSE '2020-01-15' END::timestamptz, '2020-01-15', 'line'
FROM generate_series(1, 50000) n WHERE n NOT IN (100, 40000);
SELECT lower(r) - 1000000 AS first, upper(r) - 1000001 AS last FROM unnest(influence_internal.closing_entries(1, '2020-01-01', '2020-02-01', '{}')) r ORDER BY 1;
SELECT lower(r) - 1000000 AS first, upper(r) - 1000001 AS last FROM unnest(influence_internal.closing_entries(2, '2020-01-01', '2020-02-01', '{}')) r WHERE lower(r) > 1000000 ORDER BY 1;
SELECT sum(entry_count), count(*) FROM influence_internal.closing_digests(2, influence_internal.closing_entries(2, '2020-01-01', '2020-02-01', '{}'));
-- texts as COPY writes them, and the hash of lines
SELECT convert_from(influence_internal.copy_line(E'a\\b\tc\nd\re\x0Bf\bg\fh é v', '', NULL, 1.50, '2024-03-01 12:00+01'::timestamptz, true, '{"a": "\\"}'::jsonb), 'UTF8');
COPY (SELECT E'a\\b\tc\nd\re\x0Bf\bg\fh é v', '', NULL, 1.50, '2024-03-01 12:00+01'::timestamptz, true, '{"a": "\\"}'::jsonb) TO STDOUT;
SELECT influence_internal.sha256_agg(x::bytea ORDER BY x) = sha256(E'a\nb\n'::bytea) AS of_two, (SELECT influence_internal.sha256_agg(NULL) = sha256('') AS of_none) FROM unnest('{b,NULL,a}'::text[]) x;
SELECT count(DISTINCT h) FROM (SELECT influence_internal.sha256_agg(n::text::bytea) AS h FROM generate_series(1, 3000) n GROUP BY n % 1000) g;
