/*
 * progress.sql
 *
 * How far a long job is, in the slot that every backend has for its command:
 * visible at once and from everywhere, without a write. Nothing is shown after
 * the end of its (sub)transaction.
 */
CREATE FUNCTION influence_internal.progress_start(job text, program_id bigint DEFAULT NULL, phase text DEFAULT NULL, total bigint DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'progress_start'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION influence_internal.progress_start(text, bigint, text, bigint) IS
'Shows this session in stat_progress() as doing a job, with nothing done of total (NULL = unknown) in its first phase; takes the place of what it showed before. Names longer than 40 bytes are cut. Ends with progress_end(), or with the transaction, or when a subtransaction fails.';

CREATE FUNCTION influence_internal.progress_phase(phase text, total bigint DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'progress_phase'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION influence_internal.progress_phase(text, bigint) IS
'The next phase of the job begins, with nothing done of total (NULL = unknown). Without progress_start() it does nothing.';

CREATE FUNCTION influence_internal.progress_update(done bigint, total bigint DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'progress_update'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION influence_internal.progress_update(bigint, bigint) IS
'Says how much of the phase is done, and of how much; NULL leaves a number as it is. Without progress_start() it does nothing.';

CREATE FUNCTION influence_internal.progress_step(value bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'progress_step'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION influence_internal.progress_step(bigint) IS
'Counts one more as done and returns its argument: for the select list of a statement that takes long.';

CREATE FUNCTION influence_internal.progress_end()
RETURNS void
AS 'MODULE_PATHNAME', 'progress_end'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION influence_internal.progress_end() IS 'Takes this session out of stat_progress().';

CREATE FUNCTION influence_internal.stat_progress()
RETURNS TABLE (pid int, job text, program_id bigint, phase text, done bigint, total bigint, started_at timestamptz)
AS 'MODULE_PATHNAME', 'progress_report'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION influence_internal.stat_progress() IS
'The jobs that run in this database now: server process, job, program (NULL = all), phase, how much of it is done and of how much (NULL = unknown), and when its transaction began. A function, not a view like pg_stat_progress_vacuum, since a view would keep DROP EXTENSION from leaving the tables alone. Empty while track_activities is off.';
