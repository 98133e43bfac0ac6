--
-- What decides whether and how much is paid: taxes by rule, the least payout by
-- country, granularity, status, holds, accounts; and how it is explained. The
-- numbers are worked out by hand, beside each.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

-- Two authorities. DE withholds 15.5 % and 10.25 % with the form F; VAT is 19 % on top for who bills itself.
SELECT a.status, b.status FROM influence.create_tax_authority('DE', 'Bundeszentralamt', 'DE', 'Europe/Berlin') a, influence.create_tax_authority('US', 'Revenue Service', 'US', 'America/New_York', '10-01') b;
SELECT count(*) FROM influence.set_tax_rule('DE', 'withholding', 0.155, valid_from => '2020-01-01') a, influence.set_tax_rule('DE', 'withholding', 0.1025, form => 'F', valid_from => '2020-01-01') b,
	influence.set_tax_rule('DE', 'vat', 0.19, residence => 'DE', valid_from => '2020-01-01') c, influence.set_tax_rule('US', 'withholding', 1, residence => 'XX', valid_from => '2020-01-01') d;
SELECT pg_temp.new_program('Shop', 'EUR', 'Europe/Berlin', '{}', '{"hold": "0", "minimums": {"EUR": 100, "EUR/BR": 5000}, "rounding": "half_even", "tax_authorities": ["DE", "US"]}');
SELECT pg_temp.new_program('Strict', 'EUR', 'UTC', '{}', '{"hold": "0", "granularity": {"EUR": 25}, "demands_destination": true, "demands_tax_profile": true, "tax_authorities": ["DE"]}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo,dora,emil,fumi}'::text[]) c;
CREATE FUNCTION pg_temp.earn(program bigint, who text, ref text, amount bigint, at timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT status FROM influence.record_bonus(program, pg_temp.creator(who), amount, ref, occurred_at => at) $$;
CREATE FUNCTION pg_temp.plan(program bigint, month text, at timestamptz) RETURNS TABLE (name text, amount numeric, withheld numeric, vat numeric, net numeric, remainder numeric, minimum bigint, verdict text) LANGUAGE sql AS $$
	SELECT p.party_name, p.amount, p.withheld, p.vat, p.net, p.remainder, p.minimum, p.verdict FROM influence.plan_payouts(program, month, at) p $$;

-- anna: no profile, 15.5 % of 1000 = 155. bert, DE, form F, bills himself: 10.25 % of 1000 = 102.5, half even 102; VAT 190.
-- cleo lives in Brazil: 4999 are less than 5000. dora, country XX: all of it is withheld by US, and 15.5 % by DE. emil's form
-- has expired: 15.5 % of 201 = 31.155 -> 31. fumi, form F: 10.25 % of 200 = 20.5 -> 20.
SELECT p.status FROM (VALUES ('bert', 'DE', 'F', NULL::timestamptz, 'DE123456789'), ('cleo', 'BR', '', NULL, NULL), ('dora', 'XX', '', NULL, NULL),
	('emil', 'FR', 'F', '2024-01-31', NULL), ('fumi', 'JP', 'F', '2024-02-02', NULL)) v(who, residence, form, expires, vat_id),
	influence.record_tax_profile(pg_temp.creator(who), 'individual', residence, 'desk', form, expires, vat_id, vat_id IS NOT NULL, '2024-01-01') p;
SELECT who, pg_temp.earn(1, who, 'jan', amount, '2024-01-10') FROM (VALUES ('anna', 1000), ('bert', 1000), ('cleo', 4999), ('dora', 1000), ('emil', 201), ('fumi', 200)) v(who, amount);
SELECT * FROM pg_temp.plan(1, '2024-01', '2024-02-01');
SELECT status, payouts, amount, carried FROM influence.run_payouts(1, '2024-01', '2024-02-01');
SELECT c.creator_ref, p.amount, p.withheld, p.vat, p.net FROM influence.payout p JOIN influence.creator c ON c.creator_id = p.party_id ORDER BY 1;
SELECT c.creator_ref, t.authority, t.kind, t.tax_year, t.base, t.rate, t.amount FROM influence.payout_tax t JOIN influence.creator c ON c.creator_id = t.party_id ORDER BY 1, 2, 3;
SELECT party_id, entry_key, debit_account, credit_account, amount FROM influence.ledger WHERE source = 'payout' ORDER BY party_id, entry_key COLLATE "C";
SELECT net FROM influence.confirm_payout(1, pg_temp.creator('bert'), '2024-01', 'SEPA', paid_at => '2024-02-03');
SELECT account, amount FROM influence.balance WHERE party_id = pg_temp.creator('bert') AND program_id = 1 ORDER BY 1;
-- a rule that changes later changes nothing that was paid
SELECT status FROM influence.set_tax_rule('DE', 'withholding', 0.5, valid_from => '2024-03-01');
SELECT check_name, subject FROM influence.check_books();

-- Statements, by number; each hash is the sha256 of the one before and the content as text, worked out anew here.
SELECT statement_no, party_id, kind, amount, withheld, vat, self_billing FROM influence.statement ORDER BY 1;
SELECT bool_and(s.hash = sha256(coalesce(before.hash, '') || convert_to(format('1|%s|payout||%s|EUR|2024-01|%s|%s|%s|%s|2024-02-01T00:00:00.000000Z|', s.statement_no, s.party_id, s.amount, s.withheld, s.vat,
	CASE WHEN s.self_billing THEN 'true' ELSE 'false' END), 'UTF8'))) AS chained
FROM influence.statement s LEFT JOIN influence.statement before ON before.statement_no = s.statement_no - 1 AND before.program_id = 1 WHERE s.program_id = 1;

-- Verdicts of a program that asks for everything; each reason in turn. 1010 at 25 each: 1000 go, 10 stay; 15.5 % of 1000 are
-- 155, to a multiple of 25: 6.2 -> 6 x 25 = 150.
SELECT pg_temp.earn(2, 'anna', 'jan', 1010, '2024-01-10'), pg_temp.earn(2, 'emil', 'jan', 24, '2024-01-10');
SELECT name, verdict FROM pg_temp.plan(2, '2024-01', '2024-02-01');
SELECT status FROM influence.set_payout_destination(pg_temp.creator('anna'), 'sepa', 'DE02 1203 0000 0000 2020 51', 'desk', '2024-01-15');
SELECT name, verdict FROM pg_temp.plan(2, '2024-01', '2024-02-01');
SELECT status FROM influence.record_tax_profile(pg_temp.creator('anna'), 'individual', 'AT', 'desk', valid_from => '2024-01-20');
SELECT * FROM pg_temp.plan(2, '2024-01', '2024-02-01');
SELECT status FROM influence.hold_payouts(pg_temp.creator('anna'), 'strange orders', 'case 1', 'desk', 'fraud', 2, '{"orders": 3}');
SELECT status FROM influence.hold_payouts(pg_temp.creator('anna'), 'asks for details', 'case 2', 'desk', 'dispute');
SELECT name, verdict FROM pg_temp.plan(2, '2024-01', '2024-02-01');
SELECT line_no, subject, regexp_replace(detail, 'since \S+ \S+ by|entry \d+', 'H') AS detail, amount FROM influence.explain_payout(2, pg_temp.creator('anna'), '2024-01');
SELECT payouts, carried FROM influence.run_payouts(2, '2024-01', '2024-02-01');
SELECT r.status FROM unnest('{case 1,case 2}'::text[]) ref, influence.release_hold(ref, 'cleared', 'desk') r;
SELECT status, payouts, amount, carried FROM influence.run_payouts(2, '2024-01', '2024-02-01');
SELECT line_no, subject, regexp_replace(detail, 'hash \w+|entry \d+|rule \d+', 'H') AS detail, amount FROM influence.explain_payout(2, pg_temp.creator('anna'), '2024-01');
SELECT line_no, subject, detail, amount FROM influence.explain_payout(2, pg_temp.creator('bert'), '2024-01');
-- What was left is payable in February, not before: 10 + 15 = 25. By the rule of March half of it is withheld: 12.5, to a
-- multiple of 25 half up all of it.
SELECT name, amount, verdict FROM pg_temp.plan(2, '2024-01', '2024-02-01');
SELECT pg_temp.earn(2, 'anna', 'feb', 15, '2024-02-10');
SELECT name, amount, remainder, verdict FROM pg_temp.plan(2, '2024-02', '2024-03-02');
SELECT check_name, subject FROM influence.check_books();

-- Amounts at the edge: the greatest bigint is paid; with VAT on top it leaves the range.
SELECT pg_temp.new_program('Edge', 'EUR', 'UTC', '{}', '{"hold": "0", "tax_authorities": ["DE"]}');
SELECT pg_temp.earn(3, 'bert', 'much', 9223372036854775807, '2024-01-10'), pg_temp.earn(3, 'fumi', 'much', 9223372036854775807, '2024-01-10'), pg_temp.earn(3, 'fumi', 'one', 1, '2024-01-10');
SELECT name, amount, verdict FROM pg_temp.plan(3, '2024-01', '2024-02-01');
-- more than 100 entries are added up by kind, also where the sum is no bigint
SELECT count(pg_temp.earn(3, 'fumi', 'small ' || i, 1, '2024-01-10')) FROM generate_series(1, 100) i;
SELECT subject, detail, amount FROM influence.explain_payout(3, pg_temp.creator('fumi'), '2024-01');

-- two months that cannot be settled are one reason to wait
BEGIN;
INSERT INTO influence.settlement_due (program_id, month, creator_id, failures, error) SELECT 3, m, pg_temp.creator('bert'), 1, 'x' FROM unnest('{2023-11,2023-12}'::text[]) m;
SELECT name, amount, verdict FROM pg_temp.plan(3, '2024-01', '2024-02-01');
ROLLBACK;

-- as_of by the clock lies after the beginning of the transaction, and so does what is left over
SELECT pg_temp.new_program('Clock', 'EUR', 'UTC', '{}', '{"hold": "0", "granularity": {"EUR": 100}}');
SELECT pg_temp.earn(4, 'bert', 'jan', 250, '2024-01-10');
SELECT status, payouts, amount FROM influence.run_payouts(4, '2024-01', clock_timestamp());
SELECT check_name, subject FROM influence.check_books();

SELECT * FROM pg_temp.not_refused('IN003', $$explain_payout(99, 1, '2024-01')$$, $$explain_payout(1, 99, '2024-01')$$, $$explain_payout(1, NULL, '2024-01')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$explain_payout(1, 1, '2024')$$, $$explain_payout(1, 1, NULL)$$, $$explain_payout(1, 1, '2024-01', 'euro')$$);
