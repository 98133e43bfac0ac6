--
-- Clocks that jump. A tick is as_of here: the moment that the clock of a server
-- shows when pg_cron calls. Hours back and forth, and the nights in which the
-- program's zone changes to and from summer time, on the last day of a month:
-- each period is paid once, and not before its end.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh
SET client_min_messages = error;

-- Berlin: 2024-03-31 has 23 hours, 2021-10-31 has 25. Amman: 2016-04-01 begins at 01:00, there is no midnight.
SELECT pg_temp.new_program('Berlin', 'EUR', 'Europe/Berlin', '{}', '{"hold": "0"}');
SELECT pg_temp.new_program('Amman', 'EUR', 'Asia/Amman', '{}', '{"hold": "0"}');
SELECT pg_temp.new_creator('anna');
CREATE FUNCTION pg_temp.earn(program bigint, amount bigint, at timestamptz) RETURNS void LANGUAGE sql AS
$$ SELECT influence.record_bonus(program, 1, amount, at::text, occurred_at => at) $$;
-- what each tick reserved, in the order of the ticks
CREATE FUNCTION pg_temp.paid() RETURNS TABLE (program bigint, period text, amount bigint, run_at timestamptz, runs bigint) LANGUAGE sql STABLE AS $$
	SELECT p.program_id, p.period, p.amount, p.run_at,
		(SELECT count(*) FROM influence.job_run r WHERE r.job = 'payouts' AND r.program_id = p.program_id AND r.period = p.period AND r.status <> 'skipped')
	FROM influence.payout p ORDER BY p.run_at, p.program_id $$;
-- 1, 10, 100, ... are earned at the edges of the month: the last moment of it and the first of the next
SELECT pg_temp.earn(1, 1, '2021-10-30 23:00+00'), pg_temp.earn(1, 10, '2021-10-31 22:59:59.999999+00'), pg_temp.earn(1, 100, '2021-10-31 23:00+00');
SELECT pg_temp.earn(2, 1, '2016-03-30 23:00+00'), pg_temp.earn(2, 10, '2016-03-31 21:59:59.999999+00'), pg_temp.earn(2, 100, '2016-03-31 22:00+00');

-- One tick in ten minutes through the night with 25 hours and the next one; the clock is put two hours back,
-- once before and once after midnight, then two and ten hours forward.
CREATE TEMP TABLE tick (n int GENERATED ALWAYS AS IDENTITY, at timestamptz);
CREATE PROCEDURE pg_temp.run() LANGUAGE plpgsql AS $$
DECLARE
	t record;
BEGIN
	FOR t IN SELECT * FROM tick ORDER BY n LOOP
		CALL influence.run_due(t.at);
	END LOOP;
	DELETE FROM tick;
END $$;
INSERT INTO tick (at) SELECT generate_series('2021-10-31 00:00+00', '2021-10-31 02:00+00', interval '10 minutes');			-- 03:00 becomes 02:00
INSERT INTO tick (at) SELECT generate_series('2021-10-31 00:00+00', '2021-10-31 02:00+00', interval '20 minutes');			-- two hours back
INSERT INTO tick (at) SELECT generate_series('2021-10-31 22:00+00', '2021-10-31 23:10+00', interval '10 minutes');			-- midnight is 23:00 UTC
INSERT INTO tick (at) SELECT generate_series('2021-10-31 21:10+00', '2021-10-31 23:30+00', interval '10 minutes');			-- two hours back
INSERT INTO tick (at) VALUES ('2021-11-01 01:30+00'), ('2021-11-01 11:30+00'), ('2021-11-01 01:30+00');						-- two and ten hours forward, ten back
CALL pg_temp.run();
SELECT * FROM pg_temp.paid() WHERE program = 1;
-- Amman was caught up with the first tick: March 2016 ends at 22:00 UTC
SELECT program, period, amount, run_at FROM pg_temp.paid() WHERE program = 2;

-- The night with 23 hours, which is the last of March; ten hours forward skip the end of the month, and the first tick after it pays.
SELECT pg_temp.earn(1, 1, '2024-03-30 12:00+00'), pg_temp.earn(1, 10, '2024-03-31 21:59:59.999999+00'), pg_temp.earn(1, 100, '2024-03-31 22:00+00');
INSERT INTO tick (at) SELECT generate_series('2024-03-31 00:00+00', '2024-03-31 02:00+00', interval '10 minutes');			-- 02:00 becomes 03:00
INSERT INTO tick (at) SELECT generate_series('2024-03-31 20:00+00', '2024-03-31 21:59:59+00', interval '599 seconds');
INSERT INTO tick (at) VALUES ('2024-03-31 21:59:59.999999+00'), ('2024-04-01 07:59+00'), ('2024-03-31 21:58+00'), ('2024-03-31 22:00+00'), ('2024-04-01 08:00+00');
CALL pg_temp.run();
SELECT period, amount, run_at, runs FROM pg_temp.paid() WHERE program = 1 AND period >= '2021-11';
-- what was earned after midnight is April's, paid once when that is over, although a clock shows March again
INSERT INTO tick (at) VALUES ('2024-04-30 21:59:59.999999+00'), ('2024-04-30 22:00+00'), ('2024-04-30 20:00+00'), ('2024-04-30 22:00+00'), ('2024-03-31 22:00+00');
CALL pg_temp.run();
SELECT period, amount, run_at, runs FROM pg_temp.paid() WHERE program = 1 AND period >= '2024-04';

-- All that was earned is paid, each period once; daily jobs ran once a day of UTC, whatever way the clock went.
SELECT sum(amount), count(*), count(DISTINCT (program_id, period)) FROM influence.payout;
SELECT job, count(*) = count(DISTINCT period) AS once_a_day FROM influence.job_run WHERE job IN ('upkeep', 'touch_partitions') AND status = 'succeeded' GROUP BY job ORDER BY job;
SELECT count(*) AS failures FROM influence.job_run WHERE status IN ('failed', 'crashed');
SELECT count(*) AS violations FROM influence.check_books();
