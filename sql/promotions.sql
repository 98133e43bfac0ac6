-- Promotions: a rate with an end interrupts the open rate, which resumes as a row
-- of its own; what resumed may be replaced, what was stated may not. By hand, the
-- card after each call:
--   0.10 from Jan                                    10 from Jan
--   0.20 for 1-7 Oct        10 Jan-1 Oct, 20 1-8 Oct, 10 from 8 Oct (resumed)
--   0.15 from 8 Oct         the resumed row gives way: 15 from 8 Oct
--   0.30 for 1-2 Nov        15 8 Oct-1 Nov, 30 1-3 Nov, 15 from 3 Nov (resumed)
--   0.40 for 3-4 Nov        40 3-5 Nov, 15 from 5 Nov (resumed)
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{}');
SELECT status FROM influence.set_commission_rate(1, 0.10, valid_from => '2024-01-01');
SELECT status FROM influence.set_commission_rate(1, 0.20, valid_from => '2024-10-01', valid_to => '2024-10-08');
-- retries of either call, now that their ranges were cut
SELECT status FROM influence.set_commission_rate(1, 0.20, valid_from => '2024-10-01', valid_to => '2024-10-08');
SELECT status FROM influence.set_commission_rate(1, 0.10, valid_from => '2024-01-01');
-- making the promotion last for ever is another statement, not a retry
SELECT * FROM pg_temp.not_refused('IN011', $$set_commission_rate(1, 0.20, valid_from => '2024-10-01')$$,
	$$set_commission_rate(1, 0.25, valid_from => '2024-10-01', valid_to => '2024-10-08')$$);
SELECT status FROM influence.set_commission_rate(1, 0.15, valid_from => '2024-10-08');
SELECT status FROM influence.set_commission_rate(1, 0.30, valid_from => '2024-11-01', valid_to => '2024-11-03');
SELECT status FROM influence.set_commission_rate(1, 0.40, valid_from => '2024-11-03', valid_to => '2024-11-05');
SELECT rate, lower(valid)::date AS from_day, upper(valid)::date AS until_day, stated IS NOT NULL AS stated
  FROM influence.commission_rate WHERE NOT isempty(valid) ORDER BY lower(valid);

-- A return under another visitor than its order's: refused when the order is there, and when it comes.
SELECT status FROM influence.create_category('all');
SELECT status FROM influence.add_product('lamp', 'Lamp', 1);
SELECT status FROM influence.record_return(1, pg_temp.visitor(2), 'o', 1, 'early', quantity => 1, returned_at => '2024-05-02');
SELECT status, refused_returns FROM influence.record_order(1, pg_temp.visitor(1), 'o', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 100}]', '2024-05-01');
SELECT status FROM influence.record_return(1, pg_temp.visitor(2), 'o', 1, 'early', quantity => 1, returned_at => '2024-05-02');
SELECT * FROM pg_temp.not_refused('IN004', format('record_return(1, %L, %L, 1, %L, quantity => 1)', pg_temp.visitor(2), 'o', 'late'),
	format('record_order(1, %L, %L, %L)', pg_temp.visitor(2), 'o', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 100}]'));
SELECT status, remaining FROM influence.record_return(1, pg_temp.visitor(1), 'o', 1, 'own', quantity => 1, returned_at => '2024-05-03');
SELECT * FROM influence.check_books();
