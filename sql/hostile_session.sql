-- What a session says or sets that it should not: NULL for every argument of
-- every C function, which readers may call directly; and settings that anybody
-- may change and that read a backslash in a literal otherwise.
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

-- each of them answers or raises an error, and the session is still there
CREATE FUNCTION pg_temp.with_nulls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	call text;
	calls bigint := 0;
BEGIN
	FOR call IN
		SELECT format('SELECT * FROM %s(%s) x', p.oid::regproc,
					  (SELECT string_agg('NULL::' || CASE a.type WHEN '"any"'::regtype THEN 'int' WHEN 'record'::regtype THEN 'influence.topic'
												ELSE a.type::regtype::text END, ', ' ORDER BY a.place)
						 FROM unnest(p.proargtypes) WITH ORDINALITY a(type, place)))
		  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		 WHERE p.pronamespace IN ('influence'::regnamespace, 'influence_internal'::regnamespace) AND l.lanname = 'c'
		   AND 'internal'::regtype <> ALL (p.proargtypes)
		 ORDER BY p.oid
	LOOP
		calls := calls + 1;
		BEGIN
			EXECUTE call;
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
	RETURN calls;
END $$;
SELECT pg_temp.with_nulls() > 90 AS called;

-- literals with a backslash that a session can change
SELECT p.oid::regprocedure, l.line
  FROM pg_proc p, regexp_split_to_table(p.prosrc, E'\n') AS l(line)
 WHERE p.pronamespace IN ('influence'::regnamespace, 'influence_internal'::regnamespace)
   AND strpos(regexp_replace(l.line, 'E''[^'']*''', '', 'g'), E'\\') > 0;

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{"hold": "1 day", "minimums": {"EUR": 10}}');
SELECT pg_temp.new_creator('anna');
SELECT status FROM influence.create_category('all');
SELECT status FROM influence.add_product('lamp', 'Lamp', 1, 1000, 'EUR', 5, valid_from => '2024-01-01');
SELECT status FROM influence.set_commission_rate(1, 0.10, valid_from => '2024-01-01');
SELECT status, label FROM influence.set_payout_destination(1, 'sepa', 'DE89 3704 0044 0532 0130 00', 'desk', valid_from => '2024-01-01');
SELECT status FROM influence.record_tax_profile(1, 'company', 'DE', 'desk', vat_id => 'DE 123.456-789', valid_from => '2024-01-01');

SET escape_string_warning = off;
SET standard_conforming_strings = off;
-- the same account and number, whatever stands between the digits
SELECT status, label FROM influence.set_payout_destination(1, 'sepa', 'DE89-3704 0044.0532 0130 00', 'desk', valid_from => '2024-01-01');
SELECT status FROM influence.record_tax_profile(1, 'company', 'DE', 'desk', vat_id => 'DE123456789', valid_from => '2024-01-01');
SELECT status FROM influence.set_payout_policy(1, '{"minimums": {"EUR": 20}}', '2024-02-01');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(1), 't', 'click', 1, '2024-03-01 10:00+00', details => '{"embed": "sports.example.com"}');
SELECT status, commission FROM influence.record_order(1, pg_temp.visitor(1), 'o', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-03-01 11:00+00');
SELECT amount, verdict FROM influence.plan_payouts(1, '2024-03', '2024-04-05');
SELECT status, payouts, amount FROM influence.run_payouts(1, '2024-03', '2024-04-05');
SELECT count(*) AS violations FROM influence.check_books();
RESET standard_conforming_strings;
SELECT vat_id FROM influence.tax_profile;

-- how a session writes moments, intervals, names and numbers is its own affair: what is stored and what is explained is the same
CREATE TABLE pg_temp.explained AS SELECT e.* FROM influence.explain_commission(1, 'o') e;
SELECT status FROM influence.register_creator('bert', 'Bert');
SELECT c.status, m.status FROM influence.add_channel(2, 'instagram', 'bert') c,
	LATERAL influence.record_channel_metrics(2, c.channel_id, '2024-05-01', 900, posts => 10, likes => 142, comments => 10) m;
SET DateStyle = 'German, DMY';
SET IntervalStyle = 'sql_standard';
SET extra_float_digits = -5;
SET quote_all_identifiers = on;
SELECT count(*) FROM (TABLE pg_temp.explained EXCEPT SELECT e.* FROM influence.explain_commission(1, 'o') e) x;
SELECT status FROM influence.apply_creator(1, 2, '2024-06-01');
-- a date that may be read two ways is not guessed
SELECT * FROM pg_temp.not_refused('IN002', $$record_touches(1, '[{"visitor_id": "00000000-0000-0000-0000-000000000009", "touch_ref": "t", "touched_at": "03/04/2024 10:00+00"}]')$$);
SELECT result, ours, theirs FROM influence.reconcile(1, 'payouts', $$SELECT 'anna' AS party, '2024-03' AS period, 'EUR' AS currency, 100 AS amount, NULL AS reference$$, '2024-03');
RESET quote_all_identifiers;
-- 10 comments for 142 likes
SELECT metrics -> 0 -> 'comments_per_like' AS comments_per_like FROM influence.application WHERE creator_id = 2;
