--
-- Adjustments, opening balances, write-offs: each a row and its ledger entry,
-- with keys that make retries harmless; and months in every time zone.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'Europe/Berlin', '{}', '{"hold": "0"}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert}'::text[]) c;

-- A correction for February, 12.34 more; a retry changes nothing, other content is refused.
SELECT * FROM influence.record_adjustment(1, 1, 1234, 'case 7', 'forgotten coupon', for_period => '2024-02', actor => 'ops');
SELECT * FROM influence.record_adjustment(1, 1, 1234, 'case 7', 'forgotten coupon', for_period => '2024-02', actor => 'another');
-- the program's currency by name is the same, too
SELECT * FROM influence.record_adjustment(1, 1, 1234, 'case 7', 'forgotten coupon', for_period => '2024-02', currency => 'EUR', actor => 'ops');
SELECT * FROM pg_temp.not_refused('IN004', $$record_adjustment(1, 1, 1235, 'case 7', 'forgotten coupon', '2024-02')$$, $$record_adjustment(1, 1, 1234, 'case 7', 'x', '2024-02')$$,
	$$record_adjustment(1, 1, 1234, 'case 7', 'forgotten coupon')$$, $$record_adjustment(1, 1, 1234, 'case 7', 'forgotten coupon', '2024-02', 'USD')$$,
	$$record_adjustment(1, 1, 1234, 'case 7', 'forgotten coupon', '2024-02', available_at => now())$$);
-- the key is the creator's and the kind's: others may use it
SELECT * FROM influence.record_adjustment(1, 2, -500, 'case 7', 'paid twice by the old system', available_at => '2100-01-01', actor => 'ops');
SELECT * FROM influence.import_balance(1, 1, 2000, 'case 7', '2023-12-31', actor => 'ops');
SELECT * FROM influence.import_balance(1, 1, 2000, 'case 7', '2023-12-31', currency => 'EUR', actor => 'ops');
SELECT * FROM influence.import_balance(1, 1, 9223372036854775807, 'yen', '2023-11-30', 'JPY', '2024-01-15', 'from the old books', 'ops');
SELECT * FROM influence.import_balance(1, 2, -300, 'debt', '2023-12-31', actor => 'ops');
SELECT * FROM pg_temp.not_refused('IN004', $$import_balance(1, 1, 2001, 'case 7', '2023-12-31')$$, $$import_balance(1, 1, 2000, 'case 7', '2023-12-30')$$, $$import_balance(1, 1, 2000, 'case 7', '2023-12-31', note => 'x')$$);
SELECT * FROM influence.write_off_balance(1, 2, 800, 'bad debt', 'gone');
SELECT * FROM influence.write_off_balance(1, 2, 800, 'bad debt', 'gone', 'EUR');
SELECT * FROM pg_temp.not_refused('IN004', $$write_off_balance(1, 2, 799, 'bad debt', 'gone')$$);
SELECT * FROM pg_temp.not_refused('IN007', $$write_off_balance(1, 2, 1, 'more')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$record_adjustment(1, 1, 0, 'r', 'n')$$, $$record_adjustment(1, 1, NULL, 'r', 'n')$$, $$record_adjustment(1, 1, 1, '', 'n')$$, $$record_adjustment(1, 1, 1, 'r', NULL)$$,
	$$record_adjustment(1, 1, 1, 'r', '')$$, $$record_adjustment(1, 1, 1, 'r', 'n', '2024-13')$$, $$record_adjustment(1, 1, 1, 'r', 'n', '9998-01')$$, $$record_adjustment(1, 1, 1, 'r', 'n', currency => 'euro')$$,
	$$record_adjustment(1, 1, 1, 'r', 'n', available_at => 'infinity')$$, $$record_adjustment(1, 1, 1, 'r', 'n', actor => NULL)$$, $$record_adjustment(1, 1, -9223372036854775808, 'r', 'n')$$,
	$$import_balance(1, 1, 0, 'r', '2024-01-01')$$, $$import_balance(1, 1, 1, 'r', NULL)$$, $$import_balance(1, 1, 1, 'r', 'infinity')$$, $$import_balance(1, 1, 1, 'r', '2024-01-01', available_at => '2023-12-31')$$,
	$$import_balance(1, 1, 1, 'r', '2200-01-01')$$, $$write_off_balance(1, 1, 1, 'r', actor => '')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_adjustment(9, 1, 1, 'r', 'n')$$, $$record_adjustment(1, 9, 1, 'r', 'n')$$, $$import_balance(9, 1, 1, 'r', '2024-01-01')$$, $$import_balance(1, NULL, 1, 'r', '2024-01-01')$$);

SELECT party_id, kind, adjustment_ref, amount, currency, for_period, CASE WHEN occurred_at < '2025-01-01' THEN occurred_at END AS occurred_at, available_at > now() AS later, note, actor FROM influence.adjustment ORDER BY 1, 2, 3;
SELECT party_id, entry_key, kind, debit_account, credit_account, amount, currency, source, note FROM influence.ledger ORDER BY 1, 2;
SELECT party, currency, pending, available, written_off FROM influence.balances(1);
SELECT count(*) AS violations FROM influence.check_books();

-- They are paid like commissions: 12.34 is of today, 20.00 of 2023.
SELECT * FROM influence.run_payouts(1, '2024-01', '2024-02-01');
SELECT party_id, currency, amount FROM influence.payout ORDER BY 1, 2;
SELECT count(*) AS violations FROM influence.check_books();

-- What is damaged is found: a row without its entry, an entry without its row, other terms.
CREATE FUNCTION pg_temp.damaged(statement text) RETURNS TABLE (subject text, expected text, found text) LANGUAGE plpgsql AS $$
DECLARE
	rows jsonb;
BEGIN
	BEGIN
		EXECUTE statement;
		SELECT coalesce(jsonb_agg(to_jsonb(b)), '[]') INTO rows FROM influence.check_books() b WHERE b.check_name = 'the ledger has every adjustment';
		RAISE EXCEPTION USING ERRCODE = 'ZZ000';
	EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
		NULL;
	END;
	RETURN QUERY SELECT r.subject, left(r.expected, 40), left(r.found, 40) FROM jsonb_to_recordset(rows) r(subject text, expected text, found text);
END $$;
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.ledger WHERE entry_key = 'opening/debt'$$);
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.adjustment WHERE adjustment_ref = 'debt'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.adjustment SET amount = 301 WHERE adjustment_ref = 'debt'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.ledger SET amount = 700 WHERE entry_key = 'balance/bad debt'$$);

-- Months. Clocks of Havana show midnight of 1 November 2026 twice, those of Asuncion skip that of 1 October 2023; Toronto
-- went from 23:30 to 0:30 on 1919-03-30, Apia skipped 2011-12-30.
SELECT day, zone, influence_internal.first_instant(day, zone), influence_internal.first_instant(day, zone) AT TIME ZONE zone AS local
FROM (VALUES ('2026-11-01'::timestamp, 'America/Havana'), ('2023-10-01', 'America/Asuncion'), ('2024-04-01', 'Europe/Berlin'),
	('1919-03-31', 'America/Toronto'), ('2011-12-30', 'Pacific/Apia'), ('2011-12-31', 'Pacific/Apia')) v(day, zone);
-- bounds and names of months agree in every zone: 0 instants lie in another month than the one before says
SELECT count(*) FROM pg_timezone_names z CROSS JOIN generate_series('2020-01-01'::timestamp, '2035-12-01', interval '1 month') m
	CROSS JOIN LATERAL influence_internal.first_instant(m, z.name) b(at)
WHERE to_char(b.at AT TIME ZONE z.name, 'YYYY-MM') <> to_char(m, 'YYYY-MM') OR to_char((b.at - interval '1 microsecond') AT TIME ZONE z.name, 'YYYY-MM') >= to_char(m, 'YYYY-MM');
