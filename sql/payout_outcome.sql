--
-- What becomes of a payout: confirmed, failed before and after, twice the same,
-- twice different, in the wrong order; and what check_books() says of damage.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT status FROM influence.create_tax_authority('DE', 'Bundeszentralamt', 'DE', 'Europe/Berlin');
SELECT status FROM influence.set_tax_rule('DE', 'withholding', 0.1, valid_from => '2020-01-01');
SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{"hold": "0", "granularity": {"EUR": 100}, "tax_authorities": ["DE"]}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo}'::text[]) c;
SELECT count(*) FROM (VALUES ('anna', 1000), ('bert', 2050), ('cleo', 3000)) v(who, amount), influence.record_bonus(1, pg_temp.creator(who), amount, 'jan', occurred_at => '2024-01-10');
SELECT status, payouts, amount, carried FROM influence.run_payouts(1, '2024-01', '2024-02-01');

-- anna: failed before it was paid; 1000 less 100 tax were reserved
SELECT * FROM influence.fail_payout(1, pg_temp.creator('anna'), '2024-01', 'account closed', failed_at => '2024-02-03', actor => 'desk');
SELECT * FROM influence.fail_payout(1, pg_temp.creator('anna'), '2024-01', 'account closed', failed_at => '2024-02-04', actor => 'desk');
SELECT pg_temp.refused($$fail_payout(1, pg_temp.creator('anna'), '2024-01', 'other')$$);
SELECT pg_temp.refused($$confirm_payout(1, pg_temp.creator('anna'), '2024-01', 'SEPA 1')$$);
-- bert: 2000 paid, 50 kept; the bank sends 1800 back, twice told
SELECT * FROM influence.confirm_payout(1, pg_temp.creator('bert'), '2024-01', 'SEPA 2', paid_at => '2024-02-05');
SELECT * FROM influence.confirm_payout(1, pg_temp.creator('bert'), '2024-01', 'SEPA 2', paid_at => '2024-02-06');
-- not before it was reserved (a bank's day is near enough)
SELECT pg_temp.refused(format($$confirm_payout(1, %s, '2024-01', 'SEPA 3', paid_at => '2024-01-15')$$, pg_temp.creator('cleo')));
SELECT pg_temp.refused($$fail_payout(1, pg_temp.creator('bert'), '2024-01', 'returned', failed_at => '2024-02-04 23:59')$$);
SELECT * FROM influence.fail_payout(1, pg_temp.creator('bert'), '2024-01', 'returned', failed_at => '2024-02-08', actor => 'desk');
-- the confirmation said again, and another one
SELECT * FROM influence.confirm_payout(1, pg_temp.creator('bert'), '2024-01', 'SEPA 2', paid_at => '2024-02-05');
SELECT pg_temp.refused($$confirm_payout(1, pg_temp.creator('bert'), '2024-01', 'SEPA 9')$$);
SELECT * FROM influence.fail_payout(1, pg_temp.creator('bert'), '2024-01', 'returned', actor => 'desk');
-- cleo: the bank states the day before; what is booked stays in the order of things, and in its month
SELECT * FROM influence.confirm_payout(1, pg_temp.creator('cleo'), '2024-01', 'SEPA 3', paid_at => '2024-01-31 12:00');
SELECT p.paid_at, l.occurred_at, l.available_at FROM influence.payout p JOIN influence.ledger l USING (party_id) WHERE p.bank_ref = 'SEPA 3' AND l.kind = 'payout_paid';
SELECT pg_temp.refused($$fail_payout(1, pg_temp.creator('cleo'), '2024-01', 'returned', failed_at => '2024-01-31 18:00')$$);
SELECT c.creator_ref, l.entry_key, l.debit_account, l.credit_account, l.amount, l.available_at, l.note
FROM influence.ledger l JOIN influence.creator c ON c.creator_id = l.party_id WHERE l.source = 'payout' AND c.creator_ref <> 'cleo' ORDER BY 1, l.entry_no;
SELECT statement_no, kind, cancels, party_id, amount, withheld FROM influence.statement ORDER BY 1;
SELECT c.creator_ref, b.account, b.amount FROM influence.balance b JOIN influence.creator c ON c.creator_id = b.party_id WHERE b.account <> 'expense' ORDER BY 1, 2;

-- Failed in February: not January's any more, but February's: anna 1000, bert 2000 + 50 kept.
SELECT party_name, amount, verdict FROM influence.plan_payouts(1, '2024-01', '2024-02-09');
SELECT party_name, amount, withheld, net, remainder, entries, verdict FROM influence.plan_payouts(1, '2024-02', '2024-03-01');
SELECT status, payouts, amount, carried FROM influence.run_payouts(1, '2024-02', '2024-03-01');
SELECT subject, regexp_replace(detail, 'hash \w+|entry \d+|rule \d+', 'H', 'g') AS detail, amount FROM influence.explain_payout(1, pg_temp.creator('bert'), '2024-01');
SELECT subject, regexp_replace(detail, 'hash \w+|entry \d+|rule \d+', 'H', 'g') AS detail, amount FROM influence.explain_payout(1, pg_temp.creator('bert'), '2024-02');
-- 10 % of what was really paid: failed payouts do not count
SELECT * FROM influence.tax_withheld ORDER BY party_id;
SELECT check_name, subject FROM influence.check_books();

SELECT * FROM pg_temp.not_refused('IN002', $$fail_payout(1, pg_temp.creator('cleo'), '2024-01', NULL)$$, $$fail_payout(1, pg_temp.creator('cleo'), '2024-01', '')$$, $$fail_payout(1, pg_temp.creator('cleo'), '2024-01', 'x', failed_at => NULL)$$,
	$$fail_payout(1, pg_temp.creator('cleo'), '2024-01', 'x', failed_at => 'infinity')$$, $$fail_payout(1, pg_temp.creator('cleo'), '2024-01', 'x', actor => NULL)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$fail_payout(99, 1, '2024-01', 'x')$$, $$fail_payout(1, 99, '2024-01', 'x')$$, $$fail_payout(1, 1, '2024-01', 'x', 'USD')$$, $$fail_payout(1, NULL, '2024-01', 'x')$$);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM pg_temp.not_refused('IN005', $$fail_payout(1, pg_temp.creator('cleo'), '2024-01', 'x')$$);
ROLLBACK;
BEGIN;
UPDATE influence.adopted_cluster SET system_identifier = system_identifier + 1;
SELECT * FROM pg_temp.not_refused('IN009', $$fail_payout(1, pg_temp.creator('cleo'), '2024-01', 'x')$$);
ROLLBACK;

-- Damage, made by a superuser and rolled back: which checks speak up.
CREATE FUNCTION pg_temp.damaged(statement text) RETURNS TABLE (check_name text, rows bigint) LANGUAGE plpgsql AS $$
DECLARE
	found jsonb;
BEGIN
	BEGIN
		EXECUTE statement;
		SELECT coalesce(jsonb_agg(b.check_name), '[]') INTO found FROM influence.check_books() b;
		RAISE EXCEPTION USING ERRCODE = 'ZZ000';
	EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
		NULL;
	END;
	RETURN QUERY SELECT x, count(*) FROM jsonb_array_elements_text(found) x GROUP BY 1 ORDER BY 1;
END $$;
SELECT * FROM pg_temp.damaged($$UPDATE influence.statement SET amount = amount + 1 WHERE statement_no = 3$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.statement SET issued_at = issued_at + '1 second', hash = sha256('') WHERE statement_no = 3$$);
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.statement WHERE statement_no = 5$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.payout_tax SET amount = amount - 1 WHERE party_id = pg_temp.creator('cleo')$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.payout_tax SET tax_year = 2023 WHERE party_id = pg_temp.creator('cleo')$$);
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.payout_tax WHERE party_id = pg_temp.creator('cleo')$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.payout_tax SET period = '2023-01' WHERE party_id = pg_temp.creator('cleo')$$);
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.ledger WHERE kind = 'payout_returned'$$);
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.ledger WHERE kind = 'payout_remainder_kept' AND entry_key ~ '2024-02'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET available_at = available_at - interval '1 hour' WHERE kind = 'payout_remainder_kept' AND entry_key ~ '2024-02'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET amount = 150 WHERE kind = 'payout_remainder' AND entry_key ~ '2024-02'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.payout SET destination_id = 7 WHERE party_id = pg_temp.creator('cleo')$$);
