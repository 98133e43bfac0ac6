--
-- run_due(): what is due is done, once; a job that fails does not stop the
-- others and is done when it can be.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh
SET client_min_messages = error;

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{"hold": "5 days"}');
SELECT pg_temp.new_program('Berlin', 'EUR', 'Europe/Berlin', '{}', '{"hold": "0"}');
SELECT pg_temp.new_creator('anna');
SELECT status FROM influence.create_program('Honour', 'EUR', paying => false);
SELECT category_id FROM influence.create_category('all');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 1);
SELECT count(*) FROM influence.program p, influence.set_commission_rate(p.program_id, 0.1, valid_from => '2020-01-01');
CREATE FUNCTION pg_temp.sell(program bigint, ref text, at timestamptz) RETURNS bigint LANGUAGE sql AS $$
	SELECT o.commission FROM md5(ref) h,
		influence.record_touch(program, h::uuid, ref, 'click', 1, at) t,
		influence.record_order(program, h::uuid, ref, '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', at) o
	WHERE t.status IS NOT NULL $$;
CREATE FUNCTION pg_temp.runs(since bigint) RETURNS TABLE (job text, program bigint, period text, status text, detail text) LANGUAGE sql STABLE AS
$$ SELECT job, program_id, period, status, detail FROM influence.job_run WHERE run_id > since AND job IN ('reattribute', 'book_earnings', 'refresh_stats', 'payouts') ORDER BY run_id $$;
-- the daily jobs of a day, whatever their number: whether each was done, once
CREATE FUNCTION pg_temp.daily(since bigint) RETURNS TABLE (day text, done boolean) LANGUAGE sql STABLE AS
$$ SELECT period, bool_and(status = 'succeeded') AND count(*) = count(DISTINCT job) FROM influence.job_run WHERE run_id > since AND job NOT IN ('reattribute', 'book_earnings', 'settle_tiers', 'refresh_stats', 'charge_sponsors', 'feed_neighbors', 'payouts') GROUP BY 1 $$;

-- Sales in January, February, April; it is May. With five days of hold January's last is paid with February.
SELECT program, ref, pg_temp.sell(program, ref, at::timestamptz) FROM (VALUES (1, 'jan', '2024-01-10'), (1, 'jan 2', '2024-01-27'), (1, 'feb', '2024-02-15'), (1, 'apr', '2024-04-20'), (2, 'b jan', '2024-01-31 22:59:59'), (2, 'b feb', '2024-01-31 23:00')) v(program, ref, at) ORDER BY 2;
CALL influence.run_due('2024-05-07');
SELECT * FROM pg_temp.runs(0);
SELECT * FROM pg_temp.daily(0);
SELECT p.name, o.period, o.amount, o.run_at FROM influence.payout o JOIN influence.program p USING (program_id) ORDER BY 1, 2;
SELECT job, program_id, period FROM influence.job_period WHERE job = 'payouts' ORDER BY 1, 2, 3;
SELECT count(*) AS unfinished FROM influence.job_run WHERE finished_at IS NULL OR finished_at < started_at OR as_of <> '2024-05-07';

-- Again: only what is harmless each minute, and nothing changes.
SELECT pg_temp.contents() AS before, max(run_id) AS last_run FROM influence.job_run \gset
CALL influence.run_due('2024-05-07 23:59:59');
SELECT * FROM pg_temp.runs(:last_run);
SELECT count(*) AS daily FROM pg_temp.daily(:last_run);
SELECT pg_temp.contents() = :'before' AS nothing_changed;
-- Months that were missed are caught up, in their order; a day's upkeep once a day.
SELECT max(run_id) AS last_run FROM influence.job_run \gset
SELECT pg_temp.sell(1, 'june', '2024-06-05');
CALL influence.run_due('2024-08-01');
SELECT job, program, period, status, CASE WHEN job = 'payouts' THEN detail END AS detail FROM pg_temp.runs(:last_run);
SELECT * FROM pg_temp.daily(:last_run);
-- a month begins in the program's zone: 2024-08-31 22:00 UTC is September in Berlin, not yet in UTC
SELECT max(run_id) AS last_run FROM influence.job_run \gset
CALL influence.run_due('2024-08-31 22:00');
SELECT program, period FROM pg_temp.runs(:last_run) WHERE job = 'payouts';
SELECT count(*) AS violations FROM influence.check_books();

-- A job that fails is kept with its reason; the others go on; when it can, it is done.
SELECT max(run_id) AS last_run FROM influence.job_run \gset
SELECT pg_temp.sell(1, 'aug', '2024-08-05');
ALTER TABLE influence.creator_hour ADD CONSTRAINT provoked CHECK (clicks < 0) NOT VALID;
CALL influence.run_due('2024-09-01');
SELECT job, program, period, status, substring(detail FROM '\(\w+\)$') AS code FROM pg_temp.runs(:last_run);
ALTER TABLE influence.creator_hour DROP CONSTRAINT provoked;
SELECT amount FROM influence.payout WHERE program_id = 1 AND period = '2024-08';
SELECT max(run_id) AS last_run FROM influence.job_run \gset
CALL influence.run_due('2024-09-01 00:01');
SELECT job, status, detail FROM pg_temp.runs(:last_run);
SELECT sum(clicks) AS clicks, sum(lines) AS lines FROM influence.creator_hour;
-- one program's payouts fail, the other's don't
SELECT max(run_id) AS last_run FROM influence.job_run \gset
SELECT pg_temp.sell(1, 'sep', '2024-09-05'), pg_temp.sell(2, 'b sep', '2024-09-05');
ALTER TABLE influence.payout ADD CONSTRAINT provoked CHECK (program_id <> 1) NOT VALID;
CALL influence.run_due('2024-10-01');
SELECT program, period, status, substring(detail FROM '\(\w+\)$') AS code FROM pg_temp.runs(:last_run) WHERE job = 'payouts';
SELECT program_id, period FROM influence.job_period WHERE job = 'payouts' AND period >= '2024-09' ORDER BY 1;
ALTER TABLE influence.payout DROP CONSTRAINT provoked;
SELECT max(run_id) AS last_run FROM influence.job_run \gset
CALL influence.run_due('2024-10-01');
SELECT program, period, status, detail FROM pg_temp.runs(:last_run) WHERE job = 'payouts';
-- a copy does everything but pay
SELECT max(run_id) AS last_run FROM influence.job_run \gset
SELECT pg_temp.sell(1, 'oct', '2024-10-05');
UPDATE influence.adopted_cluster SET system_identifier = system_identifier + 1;
CALL influence.run_due('2024-11-01');
SELECT job, program, status, substring(detail FROM '\(\w+\)$') AS code FROM pg_temp.runs(:last_run);
SELECT status FROM influence.adopt_cluster();
CALL influence.run_due('2024-11-01');
SELECT amount FROM influence.payout WHERE program_id = 1 AND period = '2024-10';
SELECT count(*) AS violations FROM influence.check_books();

-- Upkeep: partitions for three months ahead and for months with rows in the default one, expired retry keys.
SELECT count(*) FROM pg_inherits WHERE inhparent = 'influence.touch'::regclass AND inhrelid::regclass::text ~ '2024_(0[1-9]|1[012])$|2025_0[12]$';
SELECT count(*) AS in_default FROM influence.touch_default;
SELECT count(r.*) FROM generate_series(1, 2) v, influence.record_touch(1, pg_temp.visitor(v), 'now') r;
UPDATE influence.event_key SET expires = CASE WHEN visitor_id = pg_temp.visitor(1) THEN '2024-11-02 00:00+00'::timestamptz ELSE '2024-11-02 00:00:00.000001+00' END;
CALL influence.run_due('2024-11-02 00:00:00.000001');
SELECT visitor_id = pg_temp.visitor(2) AS second, expires FROM influence.event_key;

-- What is not a moment, and where it can't run.
SELECT pg_temp.error_of('CALL influence.run_due(NULL)');
SELECT pg_temp.error_of('CALL influence.run_due(''infinity'')');
SELECT pg_temp.error_of('CALL influence.run_due(''9999-01-01'')') ~ '^IN005' AS refuses_the_future;
SELECT max(run_id) AS last_run FROM influence.job_run \gset
BEGIN;
CALL influence.run_due('2024-11-02');
ROLLBACK;
SELECT count(*) FROM pg_temp.runs(:last_run);

-- Without pg_cron: the statement to run where it is.
SELECT job_name = 'pg_influence ' || current_database() AS named, schedule, command, status = 'dry run' OR status ~ 'schedule_in_database' AS says_how FROM influence.schedule_jobs(true);
