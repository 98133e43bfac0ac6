--
-- What is seen of the jobs: progress while they run, the view jobs, what failed
-- and when it is tried again, and doctor().
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh
SET client_min_messages = error;

SELECT pg_temp.new_program('Shop', 'EUR', 'Europe/Berlin', '{}', '{"hold": "0"}');
SELECT pg_temp.new_creator('anna');
CREATE FUNCTION pg_temp.diagnosis(VARIADIC names text[]) RETURNS TABLE (check_name text, status text, detail text, hint boolean) LANGUAGE sql AS
$$ SELECT d.check_name, d.status, d.detail, d.hint IS NOT NULL FROM influence.doctor() d WHERE d.check_name = ANY (names) ORDER BY 1 $$;
CREATE FUNCTION pg_temp.progress() RETURNS TABLE (job text, program_id bigint, phase text, done bigint, total bigint) LANGUAGE sql AS
$$ SELECT p.job, p.program_id, p.phase, p.done, p.total FROM influence.stat_progress() p WHERE p.pid = pg_backend_pid() $$;

-- Progress: what is said is seen at once; names are cut between characters, at 40 bytes.
SELECT influence_internal.progress_update(1, 2), influence_internal.progress_step(1), influence_internal.progress_phase('nobody began');
SELECT * FROM pg_temp.progress();
BEGIN;
SELECT influence_internal.progress_start('payouts', 7, 'planning', 12);
SELECT sum(influence_internal.progress_step(g)) FROM generate_series(1, 5) g;
SELECT * FROM pg_temp.progress();
COMMIT;
-- it ends with the transaction
SELECT * FROM pg_temp.progress();
BEGIN;
SELECT influence_internal.progress_start('refresh_stats');
SELECT influence_internal.progress_phase('äöüäöüäöüäöüäöüäöüxäöü', 3), influence_internal.progress_update(2);
SELECT * FROM pg_temp.progress();
SELECT influence_internal.progress_update(NULL, 4);
SELECT * FROM pg_temp.progress();
-- an error in a subtransaction ends it; the server's commands have views of their own
SAVEPOINT s;
SELECT count(*) FROM pg_stat_progress_vacuum WHERE pid = pg_backend_pid();
SELECT 1 / 0;
ROLLBACK TO s;
SELECT influence_internal.progress_end(), influence_internal.progress_start(NULL);
SELECT influence_internal.progress_start('again');
SELECT influence_internal.progress_end();
COMMIT;
-- those who set up, write or read may see it
SELECT role, has_function_privilege('influence_' || role, 'influence.stat_progress()', 'EXECUTE') AS progress, has_function_privilege('influence_' || role, 'influence.doctor()', 'EXECUTE') AS doctor
FROM unnest('{owner,operator,writer,reader}'::text[]) role;
SELECT has_function_privilege('public', 'influence.doctor()', 'EXECUTE') AS public_may, has_function_privilege('public', 'influence_internal.token_hash()', 'EXECUTE') AS public_token;

-- The jobs in their order, before anything ran: due, and that is what doctor() says.
SELECT j.rhythm, count(*) = count(j.job) AS known, max(j.last_status) AS last_status, bool_and(j.next_due <= now()) AS due, max(j.failures) AS failures FROM influence_internal.job_list() l LEFT JOIN influence.jobs j USING (job) GROUP BY j.rhythm ORDER BY 1;
SELECT * FROM pg_temp.diagnosis('jobs are called', 'statistics', 'failing jobs', 'payouts are run', 'books');
CALL influence.run_due();
SELECT j.rhythm, min(j.last_status) AS last_status, bool_and(j.last_success IS NOT NULL) AS succeeded, bool_and(j.next_due > now()) AS later, max(j.lag) AS lag FROM influence.jobs j GROUP BY j.rhythm ORDER BY 1;
SELECT check_name, status, hint FROM pg_temp.diagnosis('library and extension', 'tables', 'standby', 'may pay', 'jobs are called', 'clock', 'crashed jobs', 'failing jobs', 'long jobs', 'payouts are run',
	're-attribution', 'settlement', 'closed months', 'books', 'partitions', 'default partitions', 'statistics');

-- Payouts are due at the end of the first month that is not done, in the program's zone.
SELECT booked FROM influence.record_bonus(1, 1, 500, 'b', occurred_at => '2024-02-10');
SELECT next_due, lag > interval '1 year' AS late FROM influence.jobs WHERE job = 'payouts';
SELECT detail ~ '^due and not done: \d+ months, first 2024-02 of program 1$' AS counted FROM pg_temp.diagnosis('payouts are run');
-- and a run of them shows itself while it is at it
CREATE TABLE public.seen (job text, program_id bigint, phase text, done bigint, total bigint);
GRANT INSERT ON public.seen TO influence_owner;
CREATE FUNCTION public.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen SELECT p.job, p.program_id, p.phase, p.done, p.total FROM influence_internal.stat_progress() p WHERE p.pid = pg_backend_pid(); RETURN NEW; END $$;
CREATE TRIGGER looking BEFORE INSERT ON influence.payout FOR EACH ROW EXECUTE FUNCTION public.look();
CALL influence.run_due('2024-03-15');
SELECT * FROM public.seen;
SELECT count(*) AS afterwards FROM pg_temp.progress();
DROP TRIGGER looking ON influence.payout;
DROP FUNCTION public.look();
DROP TABLE public.seen;
SELECT next_due FROM influence.jobs WHERE job = 'payouts';

-- What fails: three times with the next call, then 1, 2, 4, 8 and always 15 minutes later.
ALTER TABLE influence.payout ADD CONSTRAINT provoked CHECK (period < '2024-03') NOT VALID;
SELECT booked FROM influence.record_bonus(1, 1, 500, 'c', occurred_at => '2024-03-10');
CREATE TEMP TABLE pauses (failures int, pause interval);
DO $$
BEGIN
	FOR i IN 1 .. 9 LOOP
		PERFORM influence.end_job(influence.start_job('payouts', 1, '2024-03', '2024-04-10'), NULL, 'provoked (23514)');
		INSERT INTO pauses SELECT failures, retry_at - last_failed_at FROM influence.job_failure;
	END LOOP;
END $$;
SELECT * FROM pauses ORDER BY failures;
SELECT last_status, failures FROM influence.jobs WHERE job = 'payouts';
SELECT * FROM influence.due_periods('payouts', '2024-04-10');
SELECT status, regexp_replace(detail, 'since \S+ \S+:', 'since') AS detail, hint FROM pg_temp.diagnosis('failing jobs');
-- a pause that lies too far ahead was set by a clock that has been put back: it is none
UPDATE influence.job_failure SET retry_at = now() + interval '2 hours';
SELECT * FROM influence.due_periods('payouts', '2024-04-10');
CALL influence.run_due('2024-04-10');
SELECT failures, detail FROM influence.job_failure;
-- the pause ends when it ends, or with an adoption; success forgets it
UPDATE influence.job_failure SET retry_at = now() + interval '2 minutes';
SELECT count(*) FROM influence.due_periods('payouts', '2024-04-10');
SELECT status FROM influence.adopt_cluster();
ALTER TABLE influence.payout DROP CONSTRAINT provoked;
CALL influence.run_due('2024-04-10');
SELECT period, amount FROM influence.payout ORDER BY 1;
SELECT count(*) AS failures FROM influence.job_failure;

-- A cancelled call books what it was at as not done, stops, and counts for no failure.
SELECT booked FROM influence.record_bonus(1, 1, 500, 'd', occurred_at => '2024-04-10');
CREATE FUNCTION public.provoked() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE query_canceled USING MESSAGE = 'somebody cancelled it'; END $$;
CREATE TRIGGER cancelling BEFORE INSERT ON influence.payout FOR EACH ROW EXECUTE FUNCTION public.provoked();
SELECT max(run_id) AS last_run FROM influence.job_run \gset
CALL influence.run_due('2024-05-10');
DROP TRIGGER cancelling ON influence.payout;
DROP FUNCTION public.provoked();
SELECT job, status, detail FROM influence.job_run WHERE run_id > :last_run ORDER BY run_id DESC LIMIT 1;
SELECT count(*) AS failures, (SELECT count(*) FROM influence.payout) AS payouts FROM influence.job_failure;
CALL influence.run_due('2024-05-10');
SELECT max(period) FROM influence.payout;

-- A run that did not end, and one that is at work in a session that is there.
INSERT INTO influence.job_run (job, as_of, status, pid) VALUES ('refresh_stats', now(), 'crashed', 0);
SELECT last_status FROM influence.jobs WHERE job = 'refresh_stats';
SELECT status, detail ~ '^1 run of the last day did not end \(refresh_stats\)' AS named, hint FROM pg_temp.diagnosis('crashed jobs');
INSERT INTO influence.job_run (job, as_of, status, started_at) VALUES ('refresh_stats', now(), 'crashed', greatest(pg_postmaster_start_time(), now() - interval '9 minutes'));
SELECT last_status FROM influence.jobs WHERE job = 'refresh_stats';
SELECT status FROM pg_temp.diagnosis('long jobs');
INSERT INTO influence.job_run (job, as_of, status, started_at) VALUES ('refresh_stats', now(), 'crashed', now() + interval '2 hours');
SELECT status, hint FROM pg_temp.diagnosis('clock');
DELETE FROM influence.job_run;

-- Queues that are stuck.
INSERT INTO influence.reattribution (visitor_id, since, failures, error) VALUES (pg_temp.visitor(1), now(), 2, 'a reason');
INSERT INTO influence.settlement_due (program_id, month, creator_id, failures, error) VALUES (1, '2024-02', 1, 1, 'another');
SELECT check_name, status, regexp_replace(detail, 'for \S+;', 'for'), hint FROM pg_temp.diagnosis('re-attribution', 'settlement');
DELETE FROM influence.reattribution;
DELETE FROM influence.settlement_due;
-- events that wait for a partition, and partitions that are not there
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind) VALUES (pg_temp.visitor(1), date_trunc('month', now()) - interval '3 months', 't', 1, 'click');
SELECT * FROM pg_temp.diagnosis('default partitions');
SELECT format('ALTER TABLE influence.engagement DETACH PARTITION influence.%I', 'engagement' || to_char(now() AT TIME ZONE 'UTC', '_YYYY_MM')) AS detach,
	format('DROP TABLE influence.%I', 'engagement' || to_char(now() AT TIME ZONE 'UTC', '_YYYY_MM')) AS drop \gset
:detach;
:drop;
SELECT status, regexp_replace(detail, '\d{4}_\d\d', 'now') AS detail, hint FROM pg_temp.diagnosis('partitions');
DELETE FROM influence.job_period WHERE job LIKE '%partitions';
CALL influence.run_due();
SELECT check_name, status, detail FROM pg_temp.diagnosis('default partitions', 'partitions');
-- the server that may pay
UPDATE influence.adopted_cluster SET data_directory = '1/2';
SELECT * FROM pg_temp.diagnosis('may pay');
SELECT pg_temp.refused('run_payouts(1, ''2024-05'', ''2024-06-10'')');
UPDATE influence.adopted_cluster SET data_directory = influence_internal.data_directory_identity(), token_hash = sha256('another');
SELECT * FROM pg_temp.diagnosis('may pay');
DELETE FROM influence.adopted_cluster;
SELECT * FROM pg_temp.diagnosis('may pay');
SELECT status FROM influence.adopt_cluster();
SELECT status FROM influence.adopt_cluster();
SELECT status FROM pg_temp.diagnosis('may pay');

-- A reader gets the same list, with what it may not see skipped; nothing fails.
SET ROLE influence_reader;
SELECT count(*) > 15 AS many, string_agg(check_name, ', ' ORDER BY check_name) FILTER (WHERE status = 'skipped' AND check_name !~ 'pg_cron') AS skipped, string_agg(check_name, ', ') FILTER (WHERE detail ~ 'check itself') AS failed FROM influence.doctor();
SELECT count(*) = (SELECT count(*) FROM influence_internal.job_list()) AS all FROM influence.jobs;
RESET ROLE;
-- Tables that do not fit the code, or are not there.
BEGIN;
DELETE FROM influence.schema_version WHERE step = (SELECT max(s.step) FROM influence.schema_version s);
SELECT status, detail ~ '^tables at step \d+, code at step \d+$' AS says, hint FROM pg_temp.diagnosis('tables');
ROLLBACK;
BEGIN;
SELECT influence.uninstall('drop all influence data in ' || current_database()) > 0 AS dropped;
SELECT check_name, status, hint FROM influence.doctor();
ROLLBACK;

-- Only a role that pg_cron could run the jobs as schedules them.
CREATE ROLE influence_test_jobs LOGIN;
GRANT USAGE ON SCHEMA influence, influence_internal TO influence_test_jobs;
GRANT EXECUTE ON FUNCTION influence.schedule_jobs(boolean) TO influence_test_jobs;
GRANT SELECT ON influence.schema_version TO influence_test_jobs;
SET ROLE influence_test_jobs;
SELECT pg_temp.refused('schedule_jobs(true)');
RESET ROLE;
SET ROLE influence_owner;
SELECT pg_temp.refused('schedule_jobs(true)');
RESET ROLE;
DROP OWNED BY influence_test_jobs;
DROP ROLE influence_test_jobs;
SELECT count(*) AS violations FROM influence.check_books();
